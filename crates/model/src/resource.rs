//! What people come for: the internal resources published to their groups.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::{GroupName, ResourceId};

/// One entry of the resource list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct Resource {
    /// Stable identifier.
    pub id: ResourceId,
    /// The name a person clicks.
    pub name: String,
    /// One line about it; may be empty.
    #[serde(default)]
    pub description: String,
    /// The heading it stands under, and the group of people it is published to.
    pub group: GroupName,
    /// How it is opened.
    pub kind: ResourceKind,
    /// What is opened: a URL for [`ResourceKind::Web`], else `host`, `host:port` or a share path.
    pub address: String,
    /// What the gateway lets through for it.
    pub endpoints: Vec<Endpoint>,
}

/// How a resource is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum ResourceKind {
    /// In the browser.
    Web,
    /// With the system's remote-desktop program.
    Rdp,
    /// In a terminal.
    Ssh,
    /// In the file manager.
    FileShare,
    /// Not opened by Praya; the person copies the address.
    Other,
}

/// A destination behind the gateway: protocol, network and ports.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct Endpoint {
    /// Transport protocol.
    pub protocol: Protocol,
    /// Destination network; a single host is a /32 or /128.
    #[cfg_attr(feature = "ts", ts(type = "string"))]
    pub net: IpNet,
    /// Destination ports; ignored for [`Protocol::Icmp`] and [`Protocol::Any`].
    #[serde(default)]
    pub ports: PortRange,
}

/// Transport protocol of an [`Endpoint`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// Every protocol and port.
    Any,
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// ICMP and ICMPv6 echo.
    Icmp,
}

/// An inclusive range of ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct PortRange {
    /// The first port.
    pub first: u16,
    /// The last port, not below `first`.
    pub last: u16,
}

impl PortRange {
    /// Every port.
    pub const ALL: Self = Self { first: 0, last: u16::MAX };

    /// Just `port`.
    pub const fn one(port: u16) -> Self {
        Self { first: port, last: port }
    }

    /// Whether `port` lies in the range.
    pub const fn contains(self, port: u16) -> bool {
        self.first <= port && port <= self.last
    }
}

impl Default for PortRange {
    fn default() -> Self {
        Self::ALL
    }
}

impl Endpoint {
    /// Whether a packet to `address` and, where the protocol has ports, `port` is meant by this endpoint.
    pub fn admits(&self, protocol: Protocol, address: IpAddr, port: Option<u16>) -> bool {
        self.net.contains(&address)
            && match self.protocol {
                Protocol::Any => true,
                Protocol::Icmp => protocol == Protocol::Icmp,
                Protocol::Tcp | Protocol::Udp => {
                    self.protocol == protocol && port.is_none_or(|port| self.ports.contains(port))
                }
            }
    }
}
