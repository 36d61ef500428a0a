//! Is this machine fit to come in? Facts about it, the policy over them, the verdict with its reasons.
//!
//! A machine's side reads facts ([`facts`]); the gateway's side judges them. Nothing here waits, and
//! nothing here reads a clock that was not given.

#![warn(missing_docs)]

pub mod collect;
pub mod decode;
pub mod facts;
pub mod fuzz;
