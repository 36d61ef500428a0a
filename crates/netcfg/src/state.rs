//! A machine's network as the plan sees it: interfaces, addresses and the main routing table.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// The `rtm_protocol` of every route that Praya adds, by which leftovers are told from other people's routes.
/// Not in use by anything in iproute2's `rt_protos`.
pub const ROUTE_PROTOCOL: u8 = 201;

/// What was read from the kernel at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NetworkState {
    /// Every interface.
    pub links: Vec<Link>,
    /// Every address, as (interface index, address with prefix).
    pub addresses: Vec<(u32, IpNet)>,
    /// The main routing table, both families.
    pub routes: Vec<Route>,
    /// Whether this machine speaks IPv6 at all.
    pub ipv6: bool,
}

impl NetworkState {
    /// The interface called `name`.
    pub fn link(&self, name: &str) -> Option<&Link> {
        self.links.iter().find(|link| link.name == name)
    }

    /// The interface with that index.
    pub fn link_by_index(&self, index: u32) -> Option<&Link> {
        self.links.iter().find(|link| link.index == index)
    }
}

/// One interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The kernel's number for it.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// Whether it is switched on.
    pub up: bool,
    /// Whether it is the loopback interface.
    pub loopback: bool,
    /// In bytes.
    pub mtu: u32,
}

/// One route of the main table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// Where to.
    pub destination: IpNet,
    /// Which way.
    pub target: Target,
    /// The source address that the kernel prefers on this way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<IpAddr>,
    /// The lower one wins between routes to the same destination.
    #[serde(default)]
    pub metric: u32,
    /// Who put it there.
    pub protocol: u8,
}

/// Where a route leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// Out of an interface.
    Link {
        /// Its index.
        index: u32,
        /// The next hop; none for a network that is directly there.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        via: Option<IpAddr>,
        /// The next hop is reached directly although no address says so.
        #[serde(default)]
        onlink: bool,
    },
    /// Nowhere: the sender is told at once.
    Unreachable,
}

impl Route {
    /// Whether Praya put it there.
    pub fn is_ours(&self) -> bool {
        self.protocol == ROUTE_PROTOCOL
    }

    /// The same route in every respect that we choose; the kernel picks IPv6 metrics by itself.
    pub(crate) fn same_as(&self, other: &Self) -> bool {
        self.destination == other.destination && self.target == other.target && self.source == other.source
    }

    /// The index of the interface it leaves by.
    pub(crate) fn link(&self) -> Option<u32> {
        match self.target {
            Target::Link { index, .. } => Some(index),
            Target::Unreachable => None,
        }
    }
}
