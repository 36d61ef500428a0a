//! Tunnels: CONNECT, the switch between sessions and the TUN device, and the filter that every packet meets.

pub mod filter;
pub mod icmp;
pub mod mtu;
#[cfg(test)]
mod packets;
