//! Which packets belong together: a keyed hash over addresses, protocol and ports.

/// Protocols with ports in the first four bytes: TCP, UDP, DCCP, SCTP, UDP-Lite.
const WITH_PORTS: [u8; 5] = [6, 17, 33, 132, 136];
/// IPv6 extension headers that stand before the transport: hop-by-hop options, routing, destination options.
const EXTENSIONS: [u8; 3] = [0, 43, 60];
/// Extension headers that are looked past.
const MAX_EXTENSIONS: usize = 4;

/// The same for all packets of a flow. Fragments count by addresses and protocol, since only the first has ports;
/// what is no IP packet is one flow.
pub(super) fn of(packet: &[u8], seed: u64) -> u64 {
    match packet.first().map(|byte| byte >> 4) {
        Some(4) => ipv4(packet, seed),
        Some(6) => ipv6(packet, seed),
        _ => None,
    }
    .unwrap_or(seed)
}

fn ipv4(packet: &[u8], seed: u64) -> Option<u64> {
    let header = packet.first_chunk::<20>()?;
    let protocol = header[9];
    // More fragments, or not the first.
    let fragment = u16::from_be_bytes([header[6], header[7]]) & 0x3fff != 0;
    let ports = if fragment { 0 } else { ports(packet, usize::from(header[0] & 15) * 4, protocol) };
    let addresses = u64::from_be_bytes(*header[12..].first_chunk()?);
    Some(mix(mix(seed ^ addresses) ^ u64::from(ports) << 8 ^ u64::from(protocol)))
}

fn ipv6(packet: &[u8], seed: u64) -> Option<u64> {
    let header = packet.first_chunk::<40>()?;
    let mut hash = seed;
    for word in header[8..].chunks_exact(8) {
        hash = mix(hash ^ u64::from_be_bytes(*word.first_chunk()?));
    }
    let (mut protocol, mut offset) = (header[6], 40);
    for _ in 0..MAX_EXTENSIONS {
        if !EXTENSIONS.contains(&protocol) {
            break;
        }
        let Some([next, length]) = packet.get(offset..).and_then(|rest| rest.first_chunk()) else { break };
        protocol = *next;
        offset += (usize::from(*length) + 1) * 8;
    }
    Some(mix(hash ^ u64::from(ports(packet, offset, protocol)) << 8 ^ u64::from(protocol)))
}

/// Both ports as one number; zero where there are none.
fn ports(packet: &[u8], offset: usize, protocol: u8) -> u32 {
    let ports = packet.get(offset..).and_then(|transport| transport.first_chunk());
    ports.filter(|_| WITH_PORTS.contains(&protocol)).map_or(0, |ports| u32::from_be_bytes(*ports))
}

/// Multiplies and folds, so that every bit of the input reaches the low bits of the result.
fn mix(word: u64) -> u64 {
    let product = u128::from(word ^ 0x9e37_79b9_7f4a_7c15) * 0xd6e8_feb8_6659_fd93_u128;
    (product as u64) ^ (product >> 64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn v4(protocol: u8, fragment: u16, source: u8, ports: [u8; 4]) -> Vec<u8> {
        let [high, low] = fragment.to_be_bytes();
        let mut packet =
            vec![0x45, 0, 0, 24, 1, 2, high, low, 64, protocol, 0, 0, 10, 0, 0, source, 10, 0, 0, 2];
        packet.extend(ports);
        packet
    }

    fn v6(source: u8, chain: &[u8]) -> Vec<u8> {
        let mut packet = vec![0x60, 0, 0, 0, 0, 16];
        packet.extend([chain[0], 64]);
        packet.extend([0; 32]);
        packet[23] = source;
        packet.extend(&chain[1..]);
        packet
    }

    #[test]
    fn a_flow_is_told_by_addresses_protocol_and_ports() {
        let flow = of(&v4(6, 0x4000, 1, [1, 2, 3, 4]), 7);
        let mut with_options = v4(6, 0, 1, [1; 4]);
        with_options[0] = 0x46;
        with_options.extend([1, 2, 3, 4]);
        assert_eq!(of(&with_options, 7), flow);
        for other in [v4(17, 0, 1, [1, 2, 3, 4]), v4(6, 0, 9, [1, 2, 3, 4]), v4(6, 0, 1, [1, 2, 3, 5])] {
            assert_ne!(of(&other, 7), flow);
        }
        assert_ne!(of(&v4(6, 0, 1, [1, 2, 3, 4]), 8), flow, "the seed counts");
        // The echo of another number is still the same flow.
        assert_eq!(of(&v4(1, 0, 1, [8, 0, 1, 1]), 7), of(&v4(1, 0, 1, [8, 0, 2, 2]), 7));
    }

    #[test]
    fn fragments_of_one_packet_stay_together() {
        let first = of(&v4(17, 0x2000, 1, [1, 2, 3, 4]), 7);
        assert_eq!(of(&v4(17, 0x0004, 1, [9, 9, 9, 9]), 7), first);
        let [first, second] =
            [[1, 2], [3, 4]].map(|data| v6(1, &[44, 17, 0, 0, data[0], 0, 0, 0, 1, data[1]]));
        assert_eq!(of(&first, 7), of(&second, 7));
    }

    #[test]
    fn the_ports_are_found_behind_extension_headers() {
        let plain = of(&v6(1, &[6, 1, 2, 3, 4]), 7);
        assert_eq!(of(&v6(1, &[0, 60, 0, 1, 4, 0, 0, 0, 0, 6, 0, 1, 4, 0, 0, 0, 0, 1, 2, 3, 4]), 7), plain);
        assert_ne!(of(&v6(2, &[6, 1, 2, 3, 4]), 7), plain);
        assert_ne!(of(&v6(1, &[6, 1, 2, 3, 5]), 7), plain);
    }

    #[test]
    fn what_is_cut_off_is_a_flow_too() {
        for packet in [&[][..], &[0x45; 19], &[0x60; 39], &[0xf0; 60], &v6(1, &[0, 6])] {
            of(packet, 7);
        }
    }
}
