//! Signing in: the conversation in which the gateway names the next step and the client answers.

mod directory;

pub use directory::{CreateRefusal, NewSession, Others, SessionDirectory};
