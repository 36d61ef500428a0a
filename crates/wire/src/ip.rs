//! A read-only view of one IPv4 or IPv6 packet, for filters, counters and the idle rule.
//!
//! The view is made once by [`Packet::parse`], which checks every length; afterwards every question has an answer.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use praya_model::resource::Protocol;
use thiserror::Error;

/// IANA protocol numbers that the rules here name.
pub mod protocol {
    /// ICMP for IPv4.
    pub const ICMP: u8 = 1;
    /// Group membership for IPv4.
    pub const IGMP: u8 = 2;
    /// TCP.
    pub const TCP: u8 = 6;
    /// UDP.
    pub const UDP: u8 = 17;
    /// ICMP for IPv6.
    pub const ICMPV6: u8 = 58;
    /// "No next header" of IPv6.
    pub const NONE: u8 = 59;
}

/// The most IPv6 extension headers that are walked; real packets have one or two.
pub const MAX_EXTENSION_HEADERS: usize = 8;

const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const AUTHENTICATION: u8 = 51;
const DESTINATION_OPTIONS: u8 = 60;
const MOBILITY: u8 = 135;
const HOST_IDENTITY: u8 = 139;
const SHIM6: u8 = 140;

/// A packet and what its headers say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    bytes: &'a [u8],
    src: IpAddr,
    dst: IpAddr,
    hop_limit: u8,
    protocol: u8,
    fragment: Option<Fragment>,
    payload: &'a [u8],
}

/// What a fragment says about its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fragment {
    /// The identification that a packet's fragments share.
    pub id: u32,
    /// Where this fragment's data begins, in bytes.
    pub offset: u16,
    /// Whether more fragments follow.
    pub more: bool,
}

/// The IP version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Version {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

/// TCP's control bits (RFC 9293 section 3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcpFlags(pub u8);

/// Chatter that a machine makes without a person; it does not keep a session from being idle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Noise {
    /// Router and neighbour discovery, redirects included (RFC 4861).
    NeighbourDiscovery,
    /// Multicast listener reports for IPv6 (RFC 3810).
    MulticastListener,
    /// Group membership for IPv4 (RFC 3376).
    Igmp,
    /// Multicast DNS (RFC 6762).
    Mdns,
    /// Link-local name resolution (RFC 4795).
    Llmnr,
    /// Simple service discovery (UPnP).
    Ssdp,
    /// Web-services discovery.
    WsDiscovery,
    /// NetBIOS name and datagram service.
    Netbios,
    /// Address configuration (RFC 2131, RFC 9915).
    Dhcp,
}

/// Why bytes are not one whole packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum IpError {
    /// Nothing at all.
    #[error("empty packet")]
    Empty,
    /// Neither version 4 nor 6.
    #[error("IP version {0} is unknown")]
    UnknownVersion(u8),
    /// A header or the packet is cut short.
    #[error("truncated IP packet")]
    Truncated,
    /// A length that contradicts itself.
    #[error("inconsistent IP header length")]
    BadLength,
    /// More than [`MAX_EXTENSION_HEADERS`].
    #[error("too many IPv6 extension headers")]
    TooManyHeaders,
}

impl<'a> Packet<'a> {
    /// Reads the packet at the start of `bytes`; bytes after its own length are left out of the view.
    ///
    /// IPv4 options are skipped, IPv6 extension headers are walked. Checksums are not looked at.
    ///
    /// # Errors
    /// See [`IpError`].
    pub fn parse(bytes: &'a [u8]) -> Result<Self, IpError> {
        match bytes.first().ok_or(IpError::Empty)? >> 4 {
            4 => Self::parse_v4(bytes),
            6 => Self::parse_v6(bytes),
            other => Err(IpError::UnknownVersion(other)),
        }
    }

    /// The whole packet and nothing after it.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The IP version.
    pub fn version(&self) -> Version {
        match self.src {
            IpAddr::V4(_) => Version::V4,
            IpAddr::V6(_) => Version::V6,
        }
    }

    /// The source address.
    pub fn src(&self) -> IpAddr {
        self.src
    }

    /// The destination address.
    pub fn dst(&self) -> IpAddr {
        self.dst
    }

    /// The time to live or hop limit.
    pub fn hop_limit(&self) -> u8 {
        self.hop_limit
    }

    /// The upper protocol's number, after all extension headers; of a later fragment, as far as it can be known.
    pub fn protocol(&self) -> u8 {
        self.protocol
    }

    /// The protocol in the words of a published resource; `None` for one that no resource can name but by *any*.
    pub fn resource_protocol(&self) -> Option<Protocol> {
        match (self.protocol, self.version()) {
            (protocol::TCP, _) => Some(Protocol::Tcp),
            (protocol::UDP, _) => Some(Protocol::Udp),
            (protocol::ICMP, Version::V4) | (protocol::ICMPV6, Version::V6) => Some(Protocol::Icmp),
            _ => None,
        }
    }

    /// Its place, when the packet is a fragment. A packet whose only fragment is itself counts as whole.
    pub fn fragment(&self) -> Option<Fragment> {
        self.fragment
    }

    /// Whether the upper header is elsewhere, in the first fragment: then there are no ports, flags or ICMP types.
    pub fn is_later_fragment(&self) -> bool {
        self.fragment.is_some_and(|fragment| fragment.offset > 0)
    }

    /// What follows the IP headers: the upper header and its data, or a later fragment's data.
    pub fn payload(&self) -> &'a [u8] {
        self.payload
    }

    /// Source and destination port of TCP or UDP.
    pub fn ports(&self) -> Option<(u16, u16)> {
        if !matches!(self.protocol, protocol::TCP | protocol::UDP) || self.is_later_fragment() {
            return None;
        }
        Some((be16(self.payload, 0)?, be16(self.payload, 2)?))
    }

    /// Type and code of ICMP or ICMPv6.
    pub fn icmp(&self) -> Option<(u8, u8)> {
        if self.resource_protocol() != Some(Protocol::Icmp) || self.is_later_fragment() {
            return None;
        }
        let [kind, code] = *self.payload.first_chunk()?;
        Some((kind, code))
    }

    /// TCP's control bits.
    pub fn tcp_flags(&self) -> Option<TcpFlags> {
        if self.protocol != protocol::TCP || self.is_later_fragment() {
            return None;
        }
        self.payload.get(13).copied().map(TcpFlags)
    }

    /// Whether this is chatter and not a person's traffic.
    pub fn is_noise(&self) -> bool {
        self.noise().is_some()
    }

    /// What kind of chatter this is, if it is chatter.
    pub fn noise(&self) -> Option<Noise> {
        match (self.version(), self.protocol) {
            (Version::V4, protocol::IGMP) => Some(Noise::Igmp),
            (Version::V6, protocol::ICMPV6) => match self.icmp()?.0 {
                130..=132 | 143 => Some(Noise::MulticastListener),
                133..=137 => Some(Noise::NeighbourDiscovery),
                _ => None,
            },
            (_, protocol::UDP) => self.udp_noise(),
            _ => None,
        }
    }

    fn udp_noise(&self) -> Option<Noise> {
        let (src_port, dst_port) = self.ports()?;
        let broadcast = self.dst.is_multicast() || self.dst == IpAddr::V4(Ipv4Addr::BROADCAST);
        match (src_port, dst_port) {
            (_, 5353) if broadcast => Some(Noise::Mdns),
            (_, 5355) if broadcast => Some(Noise::Llmnr),
            (_, 1900) if broadcast => Some(Noise::Ssdp),
            (_, 3702) if broadcast => Some(Noise::WsDiscovery),
            (_, 137 | 138) => Some(Noise::Netbios),
            (68, 67) | (67, 68) | (546, 547) | (547, 546) => Some(Noise::Dhcp),
            _ => None,
        }
    }

    /// RFC 791 section 3.1.
    fn parse_v4(bytes: &'a [u8]) -> Result<Self, IpError> {
        let header: &[u8; 20] = bytes.first_chunk().ok_or(IpError::Truncated)?;
        let [first, _, total_high, total_low, id_high, id_low, flags, offset_low, hop_limit, protocol, ..] =
            *header;
        let header_len = usize::from(first & 0x0f) * 4;
        let total = usize::from(u16::from_be_bytes([total_high, total_low]));
        if header_len < 20 || total < header_len {
            return Err(IpError::BadLength);
        }
        let bytes = bytes.get(..total).ok_or(IpError::Truncated)?;
        let payload = bytes.get(header_len..).ok_or(IpError::Truncated)?;
        let place = u16::from_be_bytes([flags, offset_low]);
        let (offset, more) = ((place & 0x1fff) * 8, place & 0x2000 != 0);
        let fragment = (offset > 0 || more).then(|| Fragment {
            id: u32::from(u16::from_be_bytes([id_high, id_low])),
            offset,
            more,
        });
        let src: [u8; 4] = array(bytes, 12).ok_or(IpError::Truncated)?;
        let dst: [u8; 4] = array(bytes, 16).ok_or(IpError::Truncated)?;
        Ok(Self {
            bytes,
            src: Ipv4Addr::from(src).into(),
            dst: Ipv4Addr::from(dst).into(),
            hop_limit,
            protocol,
            fragment,
            payload,
        })
    }

    /// RFC 8200 sections 3 and 4. Jumbograms (RFC 2675) are not accepted: no tunnel here carries one.
    fn parse_v6(bytes: &'a [u8]) -> Result<Self, IpError> {
        let header: &[u8; 40] = bytes.first_chunk().ok_or(IpError::Truncated)?;
        let [_, _, _, _, len_high, len_low, first_next, hop_limit, ..] = *header;
        let total = 40 + usize::from(u16::from_be_bytes([len_high, len_low]));
        let bytes = bytes.get(..total).ok_or(IpError::Truncated)?;
        let src: [u8; 16] = array(bytes, 8).ok_or(IpError::Truncated)?;
        let dst: [u8; 16] = array(bytes, 24).ok_or(IpError::Truncated)?;
        let mut payload = bytes.get(40..).ok_or(IpError::Truncated)?;
        let mut next = first_next;
        let mut fragment = None;
        let mut walked = 0;
        while is_extension(next) {
            if walked == MAX_EXTENSION_HEADERS {
                return Err(IpError::TooManyHeaders);
            }
            walked += 1;
            let [after, len] = *payload.first_chunk().ok_or(IpError::Truncated)?;
            let len = match next {
                FRAGMENT => {
                    let place = be16(payload, 2).ok_or(IpError::Truncated)?;
                    let id: [u8; 4] = array(payload, 4).ok_or(IpError::Truncated)?;
                    let (offset, more) = (place & 0xfff8, place & 1 != 0);
                    fragment =
                        (offset > 0 || more).then_some(Fragment { id: u32::from_be_bytes(id), offset, more });
                    8
                }
                // RFC 4302 section 2.2: in 32-bit words, minus two.
                AUTHENTICATION => (usize::from(len) + 2) * 4,
                _ => (usize::from(len) + 1) * 8,
            };
            payload = payload.get(len..).ok_or(IpError::Truncated)?;
            let was_fragment = next == FRAGMENT;
            next = after;
            if was_fragment && fragment.is_some_and(|fragment| fragment.offset > 0) {
                // What follows is the middle of somebody's data.
                break;
            }
        }
        Ok(Self {
            bytes,
            src: Ipv6Addr::from(src).into(),
            dst: Ipv6Addr::from(dst).into(),
            hop_limit,
            protocol: next,
            fragment,
            payload,
        })
    }
}

impl TcpFlags {
    /// The sender has no more data.
    pub const fn fin(self) -> bool {
        self.0 & 0x01 != 0
    }

    /// Opens a connection.
    pub const fn syn(self) -> bool {
        self.0 & 0x02 != 0
    }

    /// Resets a connection.
    pub const fn rst(self) -> bool {
        self.0 & 0x04 != 0
    }

    /// Acknowledges.
    pub const fn ack(self) -> bool {
        self.0 & 0x10 != 0
    }
}

const fn is_extension(next: u8) -> bool {
    matches!(
        next,
        HOP_BY_HOP
            | ROUTING
            | FRAGMENT
            | AUTHENTICATION
            | DESTINATION_OPTIONS
            | MOBILITY
            | HOST_IDENTITY
            | SHIM6
    )
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    array(bytes, at).map(u16::from_be_bytes)
}

#[cfg(test)]
#[path = "ip/tests.rs"]
mod tests;
