//! How large a packet the tunnel carries, so that one packet is one frame is one TLS record is one TCP segment.

use std::net::IpAddr;

use praya_wire::cstp;
use praya_wire::tunnel_headers::{ConnectRequest, MIN_MTU};

/// The link MTU of a client that does not tell.
const USUAL_LINK: u16 = 1500;
/// TCP's header with the timestamps that every system sends (RFC 7323).
const TCP: u16 = 20 + 12;
/// The larger record overhead of the two TLS versions: TLS 1.2 with AES-GCM, header, explicit nonce and tag.
const TLS: u16 = 5 + 8 + 16;
#[expect(clippy::cast_possible_truncation, reason = "the constant is 8")]
const CSTP: u16 = cstp::HEADER_LEN as u16;

/// The tunnel's MTU and the link MTU that it was computed from, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mtu {
    /// For packets inside.
    pub tunnel: u16,
    /// Of the link outside.
    pub base: u16,
}

/// `configured` is the most that the gateway's own device carries; `peer` is the client's address outside.
///
/// The client's `X-CSTP-Base-MTU` is honoured, and its older `X-CSTP-MTU` when it tells no other. Never less than
/// [`MIN_MTU`], because no client takes less; TCP cuts what does not fit.
pub fn tunnel_mtu(configured: u16, request: &ConnectRequest, peer: IpAddr) -> Mtu {
    let base = request.base_mtu.unwrap_or(USUAL_LINK);
    let ip = if peer.to_canonical().is_ipv4() { 20 } else { 40 };
    let fits = base.saturating_sub(ip + TCP + TLS + CSTP);
    let wish = if request.base_mtu.is_none() { request.mtu } else { None };
    let tunnel = configured.min(fits).min(wish.unwrap_or(u16::MAX)).max(MIN_MTU);
    Mtu { tunnel, base }
}

#[cfg(test)]
mod tests {
    use super::*;

    const V4: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
    const V6: IpAddr = IpAddr::V6(std::net::Ipv6Addr::LOCALHOST);

    fn of(configured: u16, base_mtu: Option<u16>, mtu: Option<u16>, peer: IpAddr) -> u16 {
        tunnel_mtu(configured, &ConnectRequest { base_mtu, mtu, ..ConnectRequest::default() }, peer).tunnel
    }

    #[test]
    fn a_packet_fits_one_segment_of_the_client_s_link() {
        for (configured, base, wish, peer, expected) in [
            (1400, Some(1500), None, V4, 1400),
            (9000, Some(1500), None, V4, 1411),
            (9000, Some(1500), None, V6, 1391),
            (9000, None, None, V4, 1411),
            (9000, Some(9000), None, V4, 8911),
            (1400, Some(1300), None, V4, 1211),
            (1400, Some(0), None, V4, MIN_MTU),
            (1400, None, Some(1200), V4, 1200),
            (1400, Some(1500), Some(1200), V4, 1400),
            (1400, None, Some(0), V4, MIN_MTU),
        ] {
            assert_eq!(of(configured, base, wish, peer), expected, "{configured} {base:?} {wish:?} {peer}");
        }
    }
}
