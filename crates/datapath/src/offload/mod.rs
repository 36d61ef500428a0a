//! Segmentation offload in user space: what the kernel joins is split, what arrives split is joined.
//!
//! ```text
//! kernel ── virtio::decode ── super-packet ── split ───── packets ──▶ peer
//! kernel ◀─ virtio::encode ── run ────────── Coalescer ── packets ◀── peer
//!                              run ────────── check ────── super-packet ◀── peer of our own
//! ```

mod check;
mod checksum;
mod coalesce;
pub mod fuzz;
mod headers;
mod run;
mod split;
#[cfg(test)]
mod tests;
pub mod virtio;

pub use check::{MAX_TCP_SEGMENTS, MAX_UDP_SEGMENTS, check, check_between_ends};
pub use checksum::Sum;
pub use coalesce::Coalescer;
pub use headers::{MAX_HEADERS, MAX_PACKET, OffloadError};
pub use run::Run;
pub use split::split;
