//! The packet engine of both sides: where packets come from, and how they travel through one channel.
//!
//! [`packet_io::PacketIo`] is the seam: the TUN device, a gateway session's port on its switch, an in-memory pair
//! and a capturing tap all look alike to the pump. [`timers`] decides and reads no clock.
#![warn(missing_docs)]
#![cfg_attr(not(target_os = "linux"), forbid(unsafe_code))]

pub mod arena;
pub mod counters;
pub mod engine;
pub mod io;
pub mod offload;
pub mod packet;
pub mod packet_io;
pub mod pcap;
pub mod pump;
pub mod scheduler;
pub mod timers;
pub mod tls;
pub mod tun;
#[cfg(target_os = "linux")]
mod tun_device;
pub mod udp;

pub use counters::{Channel, ChannelValues, CounterValues, Counters, DropReason};
pub use packet::{Offload, Packet};
pub use packet_io::{Delivery, PacketIo};
#[cfg(target_os = "linux")]
pub use tun::TunError;
#[cfg(target_os = "linux")]
pub use tun_device::TunDevice;
