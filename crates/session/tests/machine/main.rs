//! The session machine by example: what a shell is told to do, and what views show meanwhile.

#![allow(clippy::wildcard_enum_match_arm, reason = "a test looks for one action among many")]

#[path = "../support/mod.rs"]
mod support;

mod countdowns;
mod ends;
mod posture;
mod questions;
mod reconnect;
mod rekey;
mod resume;
mod sign_in;
mod states;
