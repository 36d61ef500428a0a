//! Passwords that change, and the sessions that end by it.

use std::net::IpAddr;
use std::sync::Arc;

use praya_model::{AccountName, EndReason, Failure, FailureCode, Secret, SessionId};

use super::super::judge::ChangeVerdict;
use super::{About, Inner, not_judged};
use crate::store::{AuditEvent, DeviceKey, Outcome};

impl Inner {
    pub(super) async fn change_password(
        &self,
        account: AccountName,
        keep: Option<SessionId>,
        device: Option<DeviceKey>,
        current: Secret,
        new: Secret,
        source: IpAddr,
    ) -> Result<(), Failure> {
        let mut about = About { source, account: Some(account.clone()), token: None, judged: false };
        let code = match self.heard(self.tries.as_ref(), &mut about) {
            Err(limited) => limited,
            Ok(()) => match self.judge.change(&account, device, current, new, self.now()).await {
                Err(error) => not_judged(error),
                Ok((verdict, findings)) => {
                    self.note(&mut about, findings).await;
                    match verdict {
                        ChangeVerdict::Changed => {
                            self.password_changed(&about, account, keep).await;
                            return Ok(());
                        }
                        ChangeVerdict::WrongCurrent => FailureCode::WrongCurrentPassword,
                        ChangeVerdict::Locked { seconds_left } => FailureCode::Locked { seconds_left },
                        ChangeVerdict::Broken(broken) => FailureCode::PasswordRules { broken },
                        ChangeVerdict::Refused(code) => code,
                    }
                }
            },
        };
        Err(self.failure(&mut about, AuditEvent::PasswordChanged, code).await)
    }

    /// Records a change and ends the sessions that the old password opened.
    pub(super) async fn password_changed(
        &self,
        about: &About,
        account: AccountName,
        keep: Option<SessionId>,
    ) {
        let now = self.now();
        self.audit.record(about.record(now, AuditEvent::PasswordChanged, Outcome::Ok)).await;
        let sessions = Arc::clone(&self.sessions);
        let ended = self
            .judge
            .store
            .run(move |_| sessions.end_sessions_of(&account, keep.as_ref(), EndReason::PasswordChanged, now));
        if let Err(error) = ended.await {
            tracing::error!(%error, "sessions could not be ended after a password change");
        }
    }
}
