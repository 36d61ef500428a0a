//! What the gateway tells a client about the tunnel, whatever document carried it.

use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// The network settings of one tunnel. Every list keeps the gateway's order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TunnelConfig {
    /// The client's own addresses inside the tunnel, with their prefix: at most one per family.
    pub addresses: Vec<IpNet>,
    /// The largest IP packet that the tunnel carries, in bytes.
    pub mtu: u16,
    /// Networks that go through the tunnel; empty means everything.
    pub include: Vec<IpNet>,
    /// Networks that stay outside the tunnel even if `include` covers them.
    pub exclude: Vec<IpNet>,
    /// Name servers inside.
    pub dns_servers: Vec<IpAddr>,
    /// Domains resolved by `dns_servers`; empty means all names.
    pub split_dns: Vec<String>,
    /// Search domains.
    pub search_domains: Vec<String>,
    /// Silence after which the peer is probed; zero switches dead-peer detection off.
    pub dpd: Duration,
    /// How often an idle channel is refreshed; zero means never.
    pub keepalive: Duration,
    /// When and how the channel gets new keys.
    pub rekey: Rekey,
    /// Idle time after which the gateway ends the session.
    pub idle_timeout: Option<Duration>,
    /// What is left of the session's absolute lifetime.
    pub session_timeout: Option<Duration>,
    /// How long the gateway keeps the session for a client that is away.
    pub disconnected_timeout: Option<Duration>,
    /// A message to show once connected.
    pub banner: Option<String>,
}

/// When and how the channel gets new keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rekey {
    /// Never by the client.
    #[default]
    None,
    /// By a second connection that takes the session over.
    NewTunnel {
        /// How often.
        every: Duration,
    },
    /// Inside the TLS connection: a key update on TLS 1.3; on TLS 1.2 a client without renegotiation opens a new
    /// tunnel instead.
    Tls {
        /// How often.
        every: Duration,
    },
}
