//! Addresses, routes, name servers and forwarding, with an undo journal: what is changed on a machine is written down
//! before it is changed, and taken back at the end, at the next start after a crash, or on demand.
//!
//! [`plan`] and [`dns`] decide and touch nothing; [`NetworkConfigurator`] and [`Forwarding`] carry out.
#![warn(missing_docs)]

pub mod dns;
mod error;
pub mod journal;
#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
mod nft;
pub mod plan;
pub mod state;

pub use error::NetcfgError;
pub use journal::Journal;
#[cfg(target_os = "linux")]
pub use linux::configurator::{NetworkConfigurator, Options, Outcome};
#[cfg(target_os = "linux")]
pub use linux::forwarding::{Forwarding, ForwardingSettings, local_destinations};
#[cfg(target_os = "linux")]
pub use linux::monitor::{Change, Monitor};
#[cfg(target_os = "linux")]
pub use linux::undo::{RevertReport, remove_leftover_routes, revert_journal};
