//! Tunnels: CONNECT, the switch between sessions and the TUN device, and the filter that every packet meets.

mod connect;
pub mod datagrams;
pub mod device;
pub mod filter;
mod fragment;
pub mod icmp;
#[cfg(test)]
pub(crate) mod lab;
pub mod mtu;
mod offer;
pub mod own;
#[cfg(test)]
mod packets;
mod policer;
mod port;
mod route;
pub mod shard;
pub mod switch;

pub use connect::Tunnels;
pub use own::OwnAddresses;
pub use port::SessionPort;
pub use shard::Shards;
pub use switch::{Downlink, Switch, SwitchSettings, Uplink};
