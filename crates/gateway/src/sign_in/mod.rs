//! Signing in: the conversation in which the gateway names the next step and the client answers.
//!
//! [`machine`] decides, purely; [`SignInService`] is the shell around it that asks store, tokens and sessions.

#[cfg(test)]
mod crowd_tests;
mod directory;
mod grounds;
mod hashing;
mod judge;
#[cfg(test)]
mod known_device_tests;
pub mod machine;
#[cfg(test)]
mod machine_check_tests;
#[cfg(test)]
mod machine_tests;
mod moves;
mod pending;
mod policy;
#[cfg(test)]
mod posture_tests;
mod service;
#[cfg(test)]
mod service_tests;
mod slots;
#[cfg(test)]
mod taken_back_tests;
#[cfg(test)]
mod test_world;

pub use directory::{CreateRefusal, NewSession, Others, SessionDirectory};
pub use policy::SignInPolicy;
pub(crate) use service::label;
pub use service::{Clock, SignInParts, SignInService};
