//! Which packets may pass between a client and the network: its groups' resources and networks, and nothing else.
//!
//! Pure and stateless: a packet is judged by itself. Outbound (from the client) it passes when its *destination* is
//! an allowed endpoint; inbound when its *source* is, and it does not open a TCP connection. ICMP errors pass when
//! they speak of a packet that passes. Fragments without ports pass by host and protocol.
//!
//! Other clients, and the gateway's own machine, are reached only by an endpoint that names them, not by a network
//! that merely covers them. Between two clients a packet passes when both of them may reach the other at the
//! *destination* port; a TCP segment that opens nothing, and an ICMP error, pass by the source port too, because
//! they may be answers. UDP says nowhere which side asked: there the source port counts for nothing, or a client
//! would reach any port of another by choosing it.

use std::collections::HashMap;
use std::net::IpAddr;

use ipnet::IpNet;
use praya_model::resource::{Endpoint, PortRange, Protocol};
use praya_wire::ip::{Packet, TcpFlags, protocol};

use super::icmp;
use super::own::OwnAddresses;

/// A later fragment of TCP that begins within the header could overwrite its flags (RFC 3128).
const TCP_HEADER: u16 = 20;
/// An ICMP error quotes no more, because it is no longer itself (RFC 4443 section 2.4), in bytes.
const LONGEST_QUOTE: usize = 1280;

/// What one client may reach. Made anew whenever its groups, their networks or their resources change.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    v4: Table,
    v6: Table,
    pools: Vec<IpNet>,
    own: OwnAddresses,
}

impl Policy {
    /// `endpoints` are all that the person may reach ([`crate::sessions::Access`]).
    ///
    /// Addresses of `pools` belong to other clients: they are reached only by an endpoint that names a pool or a
    /// part of it. Addresses of `own`, the gateway's machine, are reached only by an endpoint for that one address.
    pub fn new(endpoints: impl IntoIterator<Item = Endpoint>, pools: &[IpNet], own: OwnAddresses) -> Self {
        let mut policy = Self { pools: pools.to_vec(), own, ..Self::default() };
        for endpoint in endpoints {
            match endpoint.net {
                IpNet::V4(_) => policy.v4.insert(&endpoint),
                IpNet::V6(_) => policy.v6.insert(&endpoint),
            }
        }
        policy
    }

    /// Whether a packet from the client may pass. That its source is the client's own is checked elsewhere.
    pub fn outbound(&self, packet: &Packet<'_>) -> bool {
        if icmp::is_error(packet) {
            // The client reports about a packet that it was sent: to the sender, and about one it may be sent.
            return quoted(packet).is_some_and(|about| {
                about.src == packet.dst()
                    && about.dst == packet.src()
                    && self.admits(about.src, about.protocol, about.src_port, about.dst_port, By::Either)
            });
        }
        let Some(flow) = Flow::of(packet) else { return false };
        let by = if flow.may_answer { By::Either } else { By::FarPort };
        self.admits(flow.dst, flow.protocol, flow.dst_port, flow.src_port, by)
    }

    /// Whether a packet from the network may pass to the client.
    pub fn inbound(&self, packet: &Packet<'_>) -> bool {
        if icmp::is_error(packet) {
            // A router on the way reports, whoever it is, about a packet that the client may send.
            return quoted(packet).is_some_and(|about| {
                about.src == packet.dst()
                    && self.admits(about.dst, about.protocol, about.dst_port, about.src_port, By::Either)
            });
        }
        let Some(flow) = Flow::of(packet) else { return false };
        let opens = packet.tcp_flags().is_some_and(opens);
        if opens && !self.is_client(flow.src) {
            return false;
        }
        let by = if flow.may_answer { By::Either } else { By::NearPort };
        self.admits(flow.src, flow.protocol, flow.src_port, flow.dst_port, by)
    }

    /// `far_port` is the far end's, `near_port` the client's. `by` matters between clients only.
    fn admits(
        &self,
        far: IpAddr,
        protocol: Kind,
        far_port: Option<u16>,
        near_port: Option<u16>,
        by: By,
    ) -> bool {
        let (table, address, whole) = match far {
            IpAddr::V4(v4) => (&self.v4, u128::from(v4.to_bits()), 32),
            IpAddr::V6(v6) => (&self.v6, v6.to_bits(), 128),
        };
        if never_routed(far) || self.own.contains(far) {
            return table.admits(address, whole, protocol, far_port);
        }
        let Some(pool) = self.pools.iter().find(|pool| pool.contains(&far)) else {
            return table.admits(address, 0, protocol, far_port);
        };
        let by_port = |port| table.admits(address, pool.prefix_len(), protocol, port);
        match by {
            By::FarPort => by_port(far_port),
            By::NearPort => by_port(near_port),
            By::Either => by_port(far_port) || by_port(near_port),
        }
    }

    fn is_client(&self, address: IpAddr) -> bool {
        self.pools.iter().any(|pool| pool.contains(&address)) && !self.own.contains(address)
    }
}

/// Which port of a packet between two clients has to be an allowed one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    FarPort,
    NearPort,
    Either,
}

/// Whether the flags are those of a segment that may open a connection.
fn opens(flags: TcpFlags) -> bool {
    flags.syn() && !flags.ack()
}

/// Addresses that lie behind no router: what goes there ends at the gateway's machine, or at its neighbours (a
/// cloud's metadata service, for one). No network covers them.
fn never_routed(address: IpAddr) -> bool {
    address.is_multicast()
        || address.is_loopback()
        || address.is_unspecified()
        || match address {
            IpAddr::V4(address) => address.is_link_local() || address.is_broadcast(),
            IpAddr::V6(address) => address.is_unicast_link_local(),
        }
}

/// The protocol of a packet as endpoints see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// With ports, or echo.
    Named(Protocol),
    /// Only *any* admits it.
    Other,
}

/// What a packet is judged by.
#[derive(Clone, Copy, Debug)]
struct Flow {
    src: IpAddr,
    dst: IpAddr,
    protocol: Kind,
    src_port: Option<u16>,
    dst_port: Option<u16>,
    /// A TCP segment that opens nothing, which may thus be an answer.
    may_answer: bool,
}

impl Flow {
    /// `None` for a packet that hides what it is: cut off before its ports or flags.
    fn of(packet: &Packet<'_>) -> Option<Self> {
        let (src, dst) = (packet.src(), packet.dst());
        let named = packet.resource_protocol();
        if let Some(fragment) = packet.fragment().filter(|fragment| fragment.offset > 0) {
            if packet.protocol() == protocol::TCP && fragment.offset < TCP_HEADER {
                return None;
            }
            let protocol = named.map_or(Kind::Other, Kind::Named);
            return Some(Self { src, dst, protocol, src_port: None, dst_port: None, may_answer: false });
        }
        let (protocol, ports) = match named {
            Some(protocol @ Protocol::Tcp) => {
                packet.tcp_flags()?;
                (Kind::Named(protocol), Some(packet.ports()?))
            }
            Some(protocol @ Protocol::Udp) => (Kind::Named(protocol), Some(packet.ports()?)),
            Some(Protocol::Icmp) if is_echo(packet) => (Kind::Named(Protocol::Icmp), None),
            Some(Protocol::Icmp | Protocol::Any) | None => (Kind::Other, None),
        };
        Some(Self {
            src,
            dst,
            protocol,
            src_port: ports.map(|(src, _)| src),
            dst_port: ports.map(|(_, dst)| dst),
            may_answer: packet.tcp_flags().is_some_and(|flags| !opens(flags)),
        })
    }
}

fn is_echo(packet: &Packet<'_>) -> bool {
    packet.icmp().is_some_and(|(kind, _)| match packet.src() {
        IpAddr::V4(_) => matches!(kind, 0 | 8),
        IpAddr::V6(_) => matches!(kind, 128 | 129),
    })
}

/// What an ICMP error says about the packet that caused it. Routers quote as little as eight bytes behind the IP
/// header, so that lengths do not match: the header is read as it stands.
fn quoted(error: &Packet<'_>) -> Option<Flow> {
    // Redirects tell a host where to send; nobody outside may tell a client that, nor a client anybody.
    if matches!((error.icmp()?.0, error.src()), (5, IpAddr::V4(_)) | (137, IpAddr::V6(_))) {
        return None;
    }
    let quoted = error.payload().get(8..)?;
    let len = quoted.len().min(LONGEST_QUOTE);
    let mut quote = [0; LONGEST_QUOTE];
    let quote = quote.get_mut(..len)?;
    quote.copy_from_slice(quoted.get(..len)?);
    // The view wants a whole packet; give it the length that is there.
    match error.src() {
        IpAddr::V4(_) => quote.get_mut(2..4)?.copy_from_slice(&u16::try_from(len).ok()?.to_be_bytes()),
        IpAddr::V6(_) => {
            let payload = u16::try_from(len.checked_sub(40)?).ok()?;
            quote.get_mut(4..6)?.copy_from_slice(&payload.to_be_bytes());
        }
    }
    let packet = Packet::parse(quote).ok()?;
    if packet.version() != error.version() || icmp::is_error(&packet) || packet.is_later_fragment() {
        return None;
    }
    let protocol = match packet.resource_protocol() {
        Some(Protocol::Icmp) if !is_echo(&packet) => Kind::Other,
        Some(protocol) => Kind::Named(protocol),
        None => Kind::Other,
    };
    let ports = packet.ports();
    if matches!(protocol, Kind::Named(Protocol::Tcp | Protocol::Udp)) && ports.is_none() {
        return None;
    }
    let (src_port, dst_port) = ports.unzip();
    Some(Flow { src: packet.src(), dst: packet.dst(), protocol, src_port, dst_port, may_answer: false })
}

/// Endpoints of one family by prefix: a lookup costs one hash per prefix length in use, however many there are.
#[derive(Clone, Debug, Default)]
struct Table(Vec<Prefixes>);

#[derive(Clone, Debug)]
struct Prefixes {
    len: u8,
    mask: u128,
    nets: HashMap<u128, Vec<Rule>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Rule {
    protocol: Protocol,
    ports: PortRange,
}

impl Table {
    fn insert(&mut self, endpoint: &Endpoint) {
        let len = endpoint.net.prefix_len();
        let (address, bits) = match endpoint.net.network() {
            IpAddr::V4(v4) => (u128::from(v4.to_bits()), 32),
            IpAddr::V6(v6) => (v6.to_bits(), 128),
        };
        let at = match self.0.iter().position(|prefixes| prefixes.len == len) {
            Some(at) => at,
            None => {
                let ones = u128::MAX.checked_shl(u32::from(bits - len)).unwrap_or(0);
                self.0.push(Prefixes { len, mask: ones, nets: HashMap::new() });
                self.0.len() - 1
            }
        };
        let rule = Rule { protocol: endpoint.protocol, ports: endpoint.ports };
        if let Some(prefixes) = self.0.get_mut(at) {
            let rules = prefixes.nets.entry(address & prefixes.mask).or_default();
            if !rules.contains(&rule) {
                rules.push(rule);
            }
        }
    }

    /// Looks at prefixes of at least `longer_than` bits only.
    fn admits(&self, address: u128, longer_than: u8, protocol: Kind, port: Option<u16>) -> bool {
        self.0
            .iter()
            .filter(|prefixes| prefixes.len >= longer_than)
            .filter_map(|prefixes| prefixes.nets.get(&(address & prefixes.mask)))
            .flatten()
            .any(|rule| rule.admits(protocol, port))
    }
}

impl Rule {
    fn admits(self, protocol: Kind, port: Option<u16>) -> bool {
        match (self.protocol, protocol) {
            (Protocol::Any, _) => true,
            (Protocol::Icmp, Kind::Named(Protocol::Icmp)) => true,
            (Protocol::Tcp | Protocol::Udp, Kind::Named(protocol)) => {
                self.protocol == protocol && port.is_none_or(|port| self.ports.contains(port))
            }
            (Protocol::Icmp | Protocol::Tcp | Protocol::Udp, _) => false,
        }
    }
}

#[cfg(test)]
#[path = "filter_tests.rs"]
mod tests;
