//! The shared vocabulary: what a person, a session, a resource, a failure *is*, in one place and under one name.
//!
//! Plain data with serde and a few pure rules that both ends must agree on. No I/O, no clock, no logging.
#![warn(missing_docs)]

pub mod api;
pub mod channel;
pub mod failure;
pub mod id;
pub mod log;
pub mod password;
pub mod paths;
pub mod posture;
pub mod profile;
pub mod reported;
pub mod resource;
#[cfg(feature = "samples")]
pub mod samples;
pub mod secret;
pub mod session;
pub mod sign_in;
pub mod snapshot;
pub mod time;
pub mod tunnel;

pub use channel::{ChannelReason, DataChannel};
pub use failure::{Failure, FailureCode};
pub use id::{AccountName, GroupName, ResourceId, SessionId, SupportCode, TokenSerial};
pub use profile::{GatewayAddress, Pin, Profile, ProfileName};
pub use resource::Resource;
pub use secret::Secret;
pub use session::{EndReason, TunnelState};
pub use sign_in::{SignInAnswer, SignInStep};
pub use snapshot::Snapshot;
pub use time::Timestamp;
pub use tunnel::TunnelConfig;
