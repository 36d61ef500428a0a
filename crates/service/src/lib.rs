//! The privileged service: owns the sign-in, the session, the tunnel and the undo journal.
//!
//! [`owner`] is the one task that drives `praya_session::Session`; everything else carries out what it wants:
//! [`http`] and [`channel`] reach the gateway believed by [`tls`], [`network`] changes this machine, `posture` reads it,
//! [`resume`] and [`profiles`] keep what must survive, [`handler`] serves the views.

pub mod channel;
pub mod channels;
pub mod clock;
pub mod config;
mod datagrams;
pub mod device;
pub mod device_key;
pub mod doctor;
pub mod files;
pub mod gateways;
pub mod handler;
pub mod http;
pub mod network;
pub mod notify;
pub mod owner;
mod posture;
pub mod profiles;
mod requests;
pub mod resolve;
pub mod resume;
pub mod run;
#[cfg(test)]
mod test_tls;
pub mod tls;
