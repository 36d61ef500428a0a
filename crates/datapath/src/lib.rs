//! The packet engine of both sides: where packets come from, and how they travel through one channel.
//!
//! ```text
//!                 ┌── tls (records) ────────── TLS stream ──▶ peer
//! io::PacketIo ── pump
//!                 └── udp (praya-dtls) ─────── datagrams ───▶ peer
//! ```
//!
//! [`io::PacketIo`] is the seam: the client's [`tun::TunPort`], a gateway session's port on its switch, a pair in memory
//! and a capturing tap all look alike to the [`pump`]. What waits for the peer waits in a [`scheduler`]; [`offload`]
//! splits and joins packets; [`timers`] and [`udp::choice`] decide and read no clock. A [`worker`] is a thread to run it
//! on.
#![warn(missing_docs)]
#![cfg_attr(not(target_os = "linux"), forbid(unsafe_code))]

pub mod arena;
pub mod counters;
pub mod io;
pub mod line;
pub mod offload;
pub mod packet;
pub mod pcap;
pub mod pump;
pub mod scheduler;
pub mod timers;
pub mod tls;
pub mod tun;
pub mod udp;
pub mod worker;

pub use counters::{Channel, ChannelValues, CounterValues, Counters, DropReason};
pub use io::{Delivery, PacketIo};
pub use line::PacedStream;
pub use packet::{Offload, Packet};
#[cfg(target_os = "linux")]
pub use tun::TunError;
