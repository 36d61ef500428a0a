//! Cuts IPv4 packets that are too long for a client's tunnel and may be cut (RFC 791 section 2.3). Senders that let
//! routers do it, name servers above all, do not listen to "too big": they would never be heard.

use praya_wire::ip::{Packet, Version};

const HEADER: usize = 20;
const DONT_FRAGMENT: u16 = 0x4000;
const MORE: u16 = 0x2000;
const OFFSET: u16 = 0x1fff;

/// The packet in pieces of at most `mtu` bytes, in order. `None` where it may not be cut: IPv6, "don't fragment", and
/// the rare packets with IPv4 options.
pub(super) fn cut(packet: &Packet<'_>, mtu: usize) -> Option<Vec<Vec<u8>>> {
    let (header, data) = packet.bytes().split_first_chunk::<HEADER>()?;
    let [first, _, _, _, _, _, high, low, ..] = *header;
    let flags = u16::from_be_bytes([high, low]);
    if packet.version() != Version::V4 || first != 0x45 || flags & DONT_FRAGMENT != 0 {
        return None;
    }
    // Offsets count in units of eight bytes.
    let units = mtu.checked_sub(HEADER)? / 8;
    if units == 0 {
        return None;
    }
    let chunks = data.chunks(units * 8);
    let last = chunks.len().checked_sub(1)?;
    let piece = |(at, chunk): (usize, &[u8])| {
        let offset = (flags & OFFSET).checked_add(u16::try_from(at * units).ok()?)?;
        if offset > OFFSET {
            return None;
        }
        let more = if at < last { MORE } else { flags & MORE };
        let mut piece = [&header[..], chunk].concat();
        let len = u16::try_from(piece.len()).ok()?;
        piece.get_mut(2..4)?.copy_from_slice(&len.to_be_bytes());
        piece.get_mut(6..8)?.copy_from_slice(&(flags & !OFFSET & !MORE | more | offset).to_be_bytes());
        piece.get_mut(10..12)?.fill(0);
        let checksum = super::icmp::checksum(piece.get(..HEADER)?);
        piece.get_mut(10..12)?.copy_from_slice(&checksum.to_be_bytes());
        Some(piece)
    };
    chunks.enumerate().map(piece).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::icmp::checksum;
    use super::super::packets::{first_fragment, later_fragment, udp};
    use super::*;

    fn pieces(packet: &[u8], mtu: usize) -> Option<Vec<Vec<u8>>> {
        cut(&Packet::parse(packet).unwrap(), mtu)
    }

    fn place(packet: &[u8]) -> (usize, bool) {
        let flags = u16::from_be_bytes([packet[6], packet[7]]);
        (usize::from(flags & OFFSET) * 8, flags & MORE != 0)
    }

    #[test]
    fn what_may_not_be_cut_is_not() {
        let mut whole = udp("172.31.0.9", 1, "10.88.0.5", 2, 1400);
        whole[6] = 0x40;
        assert_eq!(pieces(&whole, 1000), None, "don't fragment");
        assert_eq!(pieces(&udp("fd00::9", 1, "fd88::5", 2, 1400), 1280), None, "IPv6");
        assert_eq!(pieces(&udp("172.31.0.9", 1, "10.88.0.5", 2, 1400), 27), None, "no room");
    }

    proptest! {
        #[test]
        fn the_pieces_are_sound_and_make_up_the_packet(len in 1..4000_usize, mtu in 68..1500_usize, kind in 0..3) {
            let (whole, start, more) = match kind {
                0 => (udp("172.31.0.9", 1, "10.88.0.5", 2, len), 0, false),
                1 => (first_fragment(udp("172.31.0.9", 1, "10.88.0.5", 2, len * 8)), 0, true),
                _ => (later_fragment("172.31.0.9", "10.88.0.5", 17, 1480), 1480, false),
            };
            let mut data: Vec<u8> = Vec::new();
            let pieces = pieces(&whole, mtu).unwrap();
            for (at, piece) in pieces.iter().enumerate() {
                let packet = Packet::parse(piece).unwrap();
                prop_assert_eq!(packet.bytes().len(), piece.len());
                prop_assert!(piece.len() <= mtu && checksum(&piece[..HEADER]) == 0);
                prop_assert_eq!(place(piece), (start + data.len(), more || at + 1 < pieces.len()));
                prop_assert_eq!(&piece[12..20], &whole[12..20]);
                prop_assert_eq!(&piece[4..6], &whole[4..6]);
                data.extend(&piece[HEADER..]);
            }
            prop_assert_eq!(&data, &whole[HEADER..]);
        }
    }
}
