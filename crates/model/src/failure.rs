//! Everything that can go wrong before a person's eyes, as a code with arguments. The text is made in the view.

use serde::{Deserialize, Serialize};

use crate::password::PasswordRule;
use crate::profile::{InvitationError, ProfileError};
use crate::sign_in::ElsewhereSession;
use crate::{EndReason, SupportCode, Timestamp, TokenSerial};

/// A failure as a view gets it: what happened, whom to ask, and what to quote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct Failure {
    /// What happened.
    #[serde(flatten)]
    pub code: FailureCode,
    /// The code that stands in the audit record of the same event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub support: Option<SupportCode>,
    /// Whom to ask, in the gateway's own words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help_desk: Option<String>,
    /// When this machine learnt of it: what counts down in the code counts from here. A gateway's word on it is
    /// overwritten.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told_at: Option<Timestamp>,
}

impl Failure {
    /// The failure as it was learnt of at `now`.
    pub fn told(self, now: Timestamp) -> Self {
        Self { told_at: Some(now), ..self }
    }

    /// The failure as it is at `now`: what counts down has gone on since it was told.
    pub fn as_of(&self, now: Timestamp) -> Self {
        let mut failure = self.clone();
        if let (Some(left), Some(told_at)) = (failure.code.countdown(), self.told_at) {
            *left = left.saturating_sub(u32::try_from(now.since(told_at).as_secs()).unwrap_or(u32::MAX));
            failure.told_at = Some(now);
        }
        failure
    }
}

impl From<FailureCode> for Failure {
    fn from(code: FailureCode) -> Self {
        Self { code, support: None, help_desk: None, told_at: None }
    }
}

impl From<InvitationError> for Failure {
    fn from(problem: InvitationError) -> Self {
        FailureCode::BadInvitation { problem }.into()
    }
}

impl From<ProfileError> for Failure {
    fn from(problem: ProfileError) -> Self {
        FailureCode::BadProfile { problem }.into()
    }
}

/// What happened. The same codes stand in the audit log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(tag = "code", rename_all = "snake_case")]
#[non_exhaustive]
pub enum FailureCode {
    // Sign-in.
    /// Wrong name or password; says neither which nor whether the account exists.
    WrongCredentials,
    /// The account's sign-in is locked.
    Locked {
        /// Until it opens by itself.
        seconds_left: u32,
    },
    /// Too many attempts from this address.
    TooManyAttempts {
        /// Until the next attempt is heard.
        retry_after_seconds: u32,
    },
    /// The code is not the token's.
    WrongOtp,
    /// The code was used already; the next one is needed.
    ReplayedOtp {
        /// Until the token shows the next code.
        next_in_seconds: u32,
    },
    /// The code would be right at another time: the token's clock is off and it needs a resync.
    OtpClockOff {
        /// The token.
        serial: TokenSerial,
    },
    /// The token was not used for too long and an administrator must reactivate it.
    TokenInactive {
        /// The token.
        serial: TokenSerial,
        /// After how many days without use it closed.
        days: u32,
    },
    /// The token is disabled, lost or expired.
    TokenDisabled {
        /// The token.
        serial: TokenSerial,
    },
    /// No token is assigned to the account and policy demands one.
    NoToken,
    /// The account is disabled.
    AccountDisabled,
    /// The initial password is right but too old; an administrator sets a new one (ASVS 6.4.1).
    InitialPasswordExpired,
    /// The new password breaks rules.
    PasswordRules {
        /// Which ones.
        broken: Vec<PasswordRule>,
    },
    /// The sign-in is no longer open: it took too long, or made room for others. It starts anew.
    SignInExpired,
    /// The answer does not belong to the step that was asked.
    UnexpectedAnswer,
    /// Signed in elsewhere and policy does not allow a second session.
    SignedInElsewhere {
        /// Where.
        sessions: Vec<ElsewhereSession>,
    },
    /// Cancelled by the person.
    Cancelled,
    /// The gateway demands an endpoint check that this client cannot do.
    PostureUnsupported,
    /// The machine does not meet the policy and was not put right in time.
    PostureFailed,
    /// The report about the machine is not one: not the device's, for another question, too long, or broken.
    BadPostureReport,
    /// A foreign gateway refuses in words of its own.
    GatewaySays {
        /// Its words, to show as they are.
        text: String,
    },
    /// The gateway is busy; nothing was judged.
    Busy {
        /// When to try again.
        retry_after_seconds: u32,
    },

    // Session.
    /// The session is over.
    SessionEnded {
        /// Why.
        reason: EndReason,
    },
    /// Nobody is signed in.
    NotSignedIn,
    /// The current password given for a change is wrong.
    WrongCurrentPassword,

    // Reaching the gateway.
    /// The gateway's name does not resolve.
    NameNotFound {
        /// The name.
        host: String,
    },
    /// The gateway does not answer.
    Unreachable {
        /// Host and port.
        gateway: String,
        /// The system's word for it: `refused`, `timeout`, `no_route`, `reset`.
        cause: String,
    },
    /// The gateway's certificate is neither publicly trusted nor pinned.
    UnknownGateway {
        /// Host and port.
        gateway: String,
        /// The key it showed, as `pin-sha256:…`.
        pin: String,
    },
    /// The gateway shows another key than the pinned one.
    PinMismatch {
        /// Host and port.
        gateway: String,
        /// The key it showed.
        pin: String,
    },
    /// TLS failed for another reason.
    Tls {
        /// The TLS library's word for it.
        detail: String,
    },
    /// The peer does not speak the protocol.
    Protocol {
        /// What was wrong, without any of the peer's bytes that could be secret.
        detail: String,
    },

    // This machine.
    /// The service is not running, or does not answer.
    ServiceUnavailable,
    /// The caller may not do this.
    NotPermitted,
    /// Another person on this machine holds the session.
    InUseByAnother,
    /// There is a session, or a sign-in, already; attach to it instead.
    AlreadySignedIn,
    /// View and service speak different versions of their protocol: one of them must be updated.
    VersionMismatch {
        /// The service's version.
        service: String,
        /// The view's version.
        view: String,
    },
    /// What was asked for needs the tunnel to be down, and it is up or coming up.
    TunnelUp,
    /// The tunnel device cannot be made.
    NoTunDevice {
        /// The system's error.
        detail: String,
    },
    /// Routes, addresses or name servers cannot be set.
    NetworkSetup {
        /// What and why.
        detail: String,
    },
    /// There is no resource of that name.
    NoSuchResource {
        /// What was asked for.
        name: String,
    },
    /// The address of a published resource is not one of its kind: it is neither opened nor copied.
    BadResource {
        /// The resource.
        name: String,
    },
    /// The profile or the gateway's address is not usable.
    BadProfile {
        /// Why.
        problem: ProfileError,
    },
    /// A link or file is no invitation, or the invitation cannot be taken now.
    BadInvitation {
        /// Why.
        problem: InvitationError,
    },
    /// There is a profile of that name, or of one that looks the same; adding never replaces it.
    ProfileTaken {
        /// The name of the one that is there.
        name: String,
        /// The address of the one that is there.
        gateway: String,
    },
    /// There is no profile of that name.
    NoSuchProfile {
        /// What was asked for.
        name: String,
    },
    /// No further profile is kept for this person.
    TooManyProfiles {
        /// How many are.
        most: u32,
    },
    /// The page of the system's settings cannot be opened.
    SettingsNotOpened,
    /// Anything else.
    Internal {
        /// For the log and the help desk.
        detail: String,
    },
}

impl FailureCode {
    /// Whether trying the same thing again by machine can help; credentials, policy and endings never do.
    pub fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::Busy { .. }
                | Self::NameNotFound { .. }
                | Self::Unreachable { .. }
                | Self::TooManyAttempts { .. }
        )
    }

    /// The seconds that become fewer while time passes, where there are any.
    fn countdown(&mut self) -> Option<&mut u32> {
        if let Self::Locked { seconds_left: seconds }
        | Self::TooManyAttempts { retry_after_seconds: seconds }
        | Self::ReplayedOtp { next_in_seconds: seconds }
        | Self::Busy { retry_after_seconds: seconds } = self
        {
            Some(seconds)
        } else {
            None
        }
    }
}

/// An account's last successful sign-in, shown so that a person notices a stranger's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct LastSignIn {
    /// When.
    pub at: Timestamp,
    /// From which address.
    pub source: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a35_a_lock_drawn_20_seconds_after_it_was_told_has_20_seconds_less() {
        let told = Timestamp::from_secs(1_700_000_000);
        let locked = Failure::from(FailureCode::Locked { seconds_left: 270 }).told(told);
        for (later, left) in [(0, 270), (20, 250), (270, 0), (4000, 0)] {
            let drawn = locked.as_of(told.after(std::time::Duration::from_secs(later)));
            assert_eq!(drawn.code, FailureCode::Locked { seconds_left: left }, "{later}");
        }
        let other = Failure::from(FailureCode::NoToken).told(told);
        assert_eq!(other.as_of(told.after(std::time::Duration::from_secs(20))), other);
    }
}
