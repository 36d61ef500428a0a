//! The privileged service: owns the sign-in, the session, the tunnel and the undo journal.

pub mod channel;
pub mod device_key;
pub mod files;
pub mod http;
pub mod resolve;
pub mod tls;
