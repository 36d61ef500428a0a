//! The collectors of Linux, reading folders that look like machines, and this machine.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod antivirus;
mod facts;
mod machine;
