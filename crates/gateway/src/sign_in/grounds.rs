//! What a sign-in under way rests on, and whether it still holds when the session is made.

use praya_identity::tokens::{self, Standing, TokenPolicy};
use praya_identity::{Account, AccountState, IdentityStore, TokenState};
use praya_model::{AccountName, EndReason, FailureCode, Timestamp, TokenSerial};

use crate::store::StoreError;

/// What was proved.
#[derive(Debug)]
pub(super) struct Grounds {
    /// Whose sign-in it is.
    pub(super) account: AccountName,
    /// The hash of the password that was right, or of the new one.
    pub(super) hash: String,
    /// The token that answered; absent where the account had none and none was asked.
    pub(super) token: Option<TokenSerial>,
    /// How tokens fall, to see whether the account still has none.
    pub(super) policy: TokenPolicy,
}

/// Something was taken back.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Gone {
    /// What the person is told.
    pub(super) code: FailureCode,
    /// With what a session that rests on it ends.
    pub(super) reason: EndReason,
}

impl Grounds {
    /// The account, if everything that was proved still holds.
    pub(super) fn check(
        &self,
        store: &dyn IdentityStore,
        now: Timestamp,
    ) -> Result<Result<Account, Gone>, StoreError> {
        let gone = |code, reason| Ok(Err(Gone { code, reason }));
        let Some(account) = store.account(&self.account)? else {
            return gone(FailureCode::SignInExpired, EndReason::AccountDisabled);
        };
        if account.state == AccountState::Disabled {
            return gone(FailureCode::AccountDisabled, EndReason::AccountDisabled);
        }
        if account.password.as_ref().is_none_or(|record| record.hash != self.hash) {
            return gone(FailureCode::SignInExpired, EndReason::PasswordChanged);
        }
        match &self.token {
            Some(serial) => {
                let token = store.token(serial)?;
                let holds = token.is_some_and(|token| {
                    token.state == TokenState::Active && token.account.as_ref() == Some(&self.account)
                });
                if !holds {
                    let code = FailureCode::TokenDisabled { serial: serial.clone() };
                    return gone(code, EndReason::TokenDisabled);
                }
            }
            // Given a token meanwhile: from now on its codes are asked for.
            None if tokens::standing(store, &self.account, &self.policy, now)? != Standing::NoToken => {
                return gone(FailureCode::SignInExpired, EndReason::TokenDisabled);
            }
            None => {}
        }
        Ok(Ok(account))
    }
}
