//! The endpoint check at the gateway: which policies are in force, what they say of a machine, and what that leaves of
//! a session.
//!
//! The rules over one machine are `praya-posture`'s; those over a session's time are [`fit`]'s. The rest is a shell.

mod book;
mod desk;
pub mod fit;
pub mod office;
#[cfg(test)]
pub(crate) mod test_machine;

pub(crate) use book::read as read_policy;
pub use book::{Book, SUPPORT};
pub use desk::{Asked, Desk, Question, Reporter, Unjudged};
pub(crate) use desk::{follow, wanted};
pub use fit::{Due, Fit, Judged};

/// The stable name of a plain value, as in JSON.
pub(crate) fn word(value: &impl serde::Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}
