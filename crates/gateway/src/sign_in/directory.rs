//! What a sign-in needs of the sessions: where the account is signed in, and a new session at the end.

use std::net::IpAddr;

use praya_model::failure::LastSignIn;
use praya_model::sign_in::{ElsewhereSession, Grant};
use praya_model::{AccountName, EndReason, Timestamp};

use crate::posture::Fit;
use crate::store::{DeviceKey, StoreError};

/// A session to be, every factor given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewSession {
    /// Whose.
    pub account: AccountName,
    /// The device to bind it to.
    pub device_key: Option<DeviceKey>,
    /// The machine's name as it gave it.
    pub host_name: String,
    /// Client name and version.
    pub client: String,
    /// Where the sign-in came from.
    pub source: IpAddr,
    /// The sign-in before this one.
    pub last_sign_in: Option<LastSignIn>,
    /// What the endpoint check leaves of its access; never [`praya_posture::policy::Access::Deny`].
    pub posture: Option<Fit>,
    /// What to do about other live sessions of the account.
    pub others: Others,
}

/// What a new session does about the account's other live sessions. Sessions of the same device key are not
/// others: they always end with [`EndReason::Duplicate`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Others {
    /// End the oldest with [`EndReason::Duplicate`], so that with the new one there are at most so many.
    Replace(u32),
    /// Leave them alone; with the new one there may be at most so many.
    AtMost(u32),
}

/// Why no session was made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CreateRefusal {
    /// Meanwhile there are as many others as policy allows.
    #[error("the account is signed in elsewhere")]
    Elsewhere(Vec<ElsewhereSession>),
    /// Every tunnel address is in use, or the gateway is at its limit of sessions.
    #[error("the gateway has no room for another session")]
    NoRoom,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The sessions as the sign-in sees them. Calls block and are made on blocking threads.
pub trait SessionDirectory: Send + Sync + 'static {
    /// The live sessions of the account, without those of the device that is signing in.
    ///
    /// # Errors
    /// The store's.
    fn elsewhere(
        &self,
        account: &AccountName,
        device_key: Option<&DeviceKey>,
    ) -> Result<Vec<ElsewhereSession>, StoreError>;

    /// Makes the session; checks [`NewSession::others`] again in the same transaction.
    ///
    /// # Errors
    /// [`CreateRefusal`].
    fn create(&self, new: NewSession, now: Timestamp) -> Result<Grant, CreateRefusal>;

    /// Ends the account's live sessions, except `keep`, and says how many.
    ///
    /// # Errors
    /// The store's.
    fn end_sessions_of(
        &self,
        account: &AccountName,
        keep: Option<&praya_model::SessionId>,
        reason: EndReason,
        now: Timestamp,
    ) -> Result<u32, StoreError>;
}
