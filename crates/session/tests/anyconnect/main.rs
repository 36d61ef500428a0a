//! AnyConnect's forms by table (docs/protocol.md, sections 2.3 to 2.5), with the documents that real peers send.
#![allow(clippy::wildcard_enum_match_arm, reason = "a test expects one variant among many")]

mod exchange;
mod forms;
mod talk;
