//! Is this machine fit to come in? Facts about it, the policy over them, the verdict with its reasons.
//!
//! A machine's side reads facts ([`facts`]); the gateway's side judges them. Nothing here waits, and
//! nothing here reads a clock that was not given.

#![warn(missing_docs)]
#![cfg_attr(not(windows), forbid(unsafe_code))]

pub mod collect;
pub mod day;
pub mod decode;
pub mod facts;
pub mod fuzz;
pub mod fuzz_policy;
pub mod policy;
pub mod report;
pub mod reported;
pub mod support;
pub mod verdict;
