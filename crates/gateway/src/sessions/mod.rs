//! Sessions: rows in the database, live state in memory, and the rules between them.
//!
//! The database is what counts; memory holds what a tunnel needs at hand. Whoever ends a session, this process or an
//! administrator's command, its channel hears of it at once.

pub mod access;
pub mod expiry;
pub mod leases;
mod live;
mod posture;
#[cfg(test)]
mod posture_tests;
pub mod proof;
mod refusals;
mod registry;
mod upkeep;

use std::sync::Arc;

use aws_lc_rs::rand;
use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use praya_model::{EndReason, Secret, SessionId, TunnelConfig};
use tokio::sync::oneshot;

pub use access::Access;
pub use leases::Addresses;
pub use live::{ChannelId, EndOrder, LiveSession, Traffic};
pub use proof::{ApiRequest, ConnectProof};
pub use registry::Sessions;

use crate::store::StoreError;

/// What a CONNECT that was accepted gets.
#[derive(Debug)]
pub struct Attached {
    /// The session.
    pub session: Arc<LiveSession>,
    /// Names this attachment; needed to detach it.
    pub channel: ChannelId,
    /// Says, once, when and how to close. It never fails while the session knows this channel.
    pub orders: oneshot::Receiver<EndOrder>,
    /// The settings to announce. The MTU is the configured one.
    pub tunnel: TunnelConfig,
    /// The cookie that replaces the shown one as soon as it is used; only for sessions bound to a device.
    pub new_cookie: Option<Secret>,
}

/// Why a cookie opens nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Unknown, replaced, or shown without the device's proof; says no more than that. HTTP 401.
    #[error("the cookie is not valid")]
    Unknown,
    /// The session is over. HTTP 401.
    #[error("the session is over: {}", .0.as_str())]
    Ended(EndReason),
    /// The session opens tunnels too often. HTTP 503.
    #[error("too many tunnels, retry after {retry_after_seconds} s")]
    TooOften {
        /// Seconds until the next one is heard, at least 1.
        retry_after_seconds: u32,
    },
    /// The store failed. HTTP 503.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// How a channel went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gone {
    /// The client said that it logs out: the session ends.
    Bye(EndReason),
    /// The connection was lost, or the client detached: the session is kept for the away time.
    Away,
}

/// A new session cookie or ticket: 32 random bytes, base64url without padding.
///
/// # Errors
/// [`StoreError::Failed`] when the system has no randomness.
pub fn new_cookie() -> Result<Secret, StoreError> {
    random().map(|bytes: [u8; 32]| Secret::new(BASE64URL_NOPAD.encode(&bytes)))
}

/// A new session identifier: 64 random bits in hexadecimal. It opens nothing.
fn new_id() -> Result<SessionId, StoreError> {
    random().map(|bytes: [u8; 8]| SessionId::new(HEXLOWER.encode(&bytes)))
}

fn random<const N: usize>() -> Result<[u8; N], StoreError> {
    let mut bytes = [0; N];
    rand::fill(&mut bytes)
        .map_err(|_| StoreError::Failed { detail: "the system's random generator failed".into() })?;
    Ok(bytes)
}

#[cfg(test)]
mod tests;
