//! Real kernels: every test runs in a network namespace of its own, which is always removed.
//!
//! As root the namespace is a named one (`ip netns`), otherwise one of an unprivileged user (`unshare -rnm`).
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test may panic, in its helpers too")]

mod client;
mod gateway;
mod harness;
mod resolver;
mod roaming;
