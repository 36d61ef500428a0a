//! One function per entry: the fuzz targets in `tests/fuzz` and the corpus replay both call these.
//!
//! Each takes any bytes and must return; what it asserts holds for every input.

use bytes::Bytes;

use super::headers::{Layout, Transport, put, v4};
use super::{Coalescer, MAX_PACKET, OffloadError, Run, Sum, check, split, virtio};
use crate::packet::{Offload, Packet};

/// Two bytes of segment size, one of flags, two of MTU, and a packet to be split.
pub fn split_packet(data: &[u8]) {
    let Some((packet, mtu)) = request(data) else { return };
    let Ok(parts) = parts(&packet, mtu) else { return };
    assert!(parts.iter().all(|part| part.len() <= mtu), "no part is longer than was asked for");
    if packet.offload.partial_checksum {
        for part in &parts {
            assert!(Layout::of_packet(part).is_ok(), "a part is a packet");
        }
    }
}

/// The same from a peer: what is accepted is what its parts are.
pub fn checked_packet(data: &[u8]) {
    let Some((packet, mtu)) = request(data) else { return };
    let packet = if packet.bytes.is_empty() { packet } else { mended(&packet) };
    let Ok(run) = check(&packet.bytes, packet.offload, mtu) else { return };
    let Ok(parts) = parts(&packet, mtu) else {
        assert!(run.bytes() == 0, "what is accepted can be split");
        return;
    };
    assert_eq!(run.segments(), parts.len(), "as many packets as it says");
    assert_eq!(run.bytes(), parts.iter().map(Vec::len).sum::<usize>(), "as many bytes as it says");
    if packet.offload == Offload::NONE {
        return;
    }
    let told = |packet: &[u8]| {
        let packet = praya_wire::ip::Packet::parse(packet).ok()?;
        let fragment = packet.fragment().is_some();
        Some((packet.src(), packet.dst(), packet.protocol(), packet.ports(), packet.hop_limit(), fragment))
    };
    let whole = told(&packet.bytes);
    for part in &parts {
        assert!(part.len() <= mtu, "no part is longer than the tunnel carries");
        assert_eq!(told(part), whole, "a part is to a filter what the whole is");
    }
    assert!(virtio::encode(&run).is_ok(), "the kernel can be told of it");
}

/// The kernel's header and a packet.
pub fn virtio_header(data: &[u8]) {
    let Some((header, packet)) = data.split_first_chunk() else { return };
    let mut packet = packet.to_vec();
    let Ok(offload) = virtio::decode(header, &mut packet) else { return };
    let encoded = virtio::encode(&Run::whole(&packet, offload, 1, packet.len()));
    let again = encoded.and_then(|header| virtio::decode(&header, &mut packet));
    assert_eq!(again, Ok(offload), "a written header reads the same");
    if offload.partial_checksum {
        let packet = Packet { bytes: packet.into(), offload };
        assert!(parts(&packet, MAX_PACKET).is_ok(), "what the kernel joined can be split");
    }
}

/// Packets of a batch, each after its length: they come out as they were, and each run is in order.
pub fn coalesced_packets(mut data: &[u8]) {
    let mut packets = Vec::new();
    while let Some((head, rest)) = data.split_first_chunk::<2>() {
        let [high, low] = *head;
        let len = usize::from(u16::from_be_bytes([high & 0x07, low])).min(rest.len());
        let (packet, rest) = rest.split_at_checked(len).unwrap_or_default();
        let packet = packet.to_vec();
        // Few inputs have a right checksum by chance.
        packets.push(if high & 0x80 == 0 { complete(packet) } else { packet });
        data = rest;
    }
    let mut coalescer = Coalescer::new();
    packets.iter().for_each(|packet| coalescer.push(packet));
    let mut out = Vec::new();
    coalescer.flush(|run| {
        let packet = run.to_packet();
        let Ok(parts) = parts(&packet, MAX_PACKET) else {
            assert_eq!(packet.offload, Offload::NONE, "a run can be split");
            out.push(packet.bytes.to_vec());
            return;
        };
        assert_eq!(parts.len(), run.segments(), "as many packets as it says");
        assert!(check(&packet.bytes, packet.offload, MAX_PACKET).is_ok(), "what is joined adds up");
        out.extend(parts);
    });
    for packet in &packets {
        if let Ok(flow) = Layout::of_packet(packet).map(|layout| (layout, key(&layout, packet))) {
            let of = |packets: &[Vec<u8>]| -> Vec<Vec<u8>> {
                let is_of = |packet: &&Vec<u8>| {
                    Layout::of_packet(packet).is_ok_and(|layout| key(&layout, packet) == flow.1)
                };
                packets.iter().filter(is_of).cloned().collect()
            };
            assert!(of(&out) == of(&packets), "a flow's packets keep their order");
        }
    }
    packets.sort();
    out.sort();
    assert!(out == packets, "every packet comes out as it was");
}

/// Addresses, ports and protocol.
fn key(layout: &Layout, packet: &[u8]) -> (Vec<u8>, Vec<u8>, u8) {
    let addresses = if layout.is_v6 { packet.get(8..40) } else { packet.get(12..20) };
    let ports = packet.get(layout.transport_at..layout.transport_at + 4);
    (addresses.unwrap_or_default().to_vec(), ports.unwrap_or_default().to_vec(), layout.transport.number())
}

fn request(data: &[u8]) -> Option<(Packet, usize)> {
    let ([flags, size_0, size_1, mtu_0, mtu_1], packet) = data.split_first_chunk()?;
    let offload =
        Offload { partial_checksum: flags & 1 != 0, segment_size: u16::from_be_bytes([*size_0, *size_1]) };
    let packet = Packet { bytes: Bytes::copy_from_slice(packet), offload };
    Some((packet, usize::from(u16::from_be_bytes([*mtu_0, *mtu_1]))))
}

fn parts(packet: &Packet, mtu: usize) -> Result<Vec<Vec<u8>>, OffloadError> {
    let mut parts = Vec::new();
    let count = split(packet, mtu, |headers, payload| parts.push([headers, payload].concat()))?;
    assert_eq!(count, parts.len(), "it counts what it hands over");
    Ok(parts)
}

/// With the sums that a super-packet has.
fn mended(packet: &Packet) -> Packet {
    let mut bytes = packet.bytes.to_vec();
    mend_header(&mut bytes);
    if let Ok(layout) = Layout::of_packet(&bytes)
        && let Ok(len) = u16::try_from(bytes.len() - layout.transport_at)
    {
        let sum = layout.pseudo_header(&bytes).plus_u16(len).fold();
        put(&mut bytes, layout.checksum_at(), sum.to_be_bytes());
    }
    Packet { bytes: bytes.into(), ..packet.clone() }
}

/// With the checksums that an ordinary packet has.
fn complete(mut packet: Vec<u8>) -> Vec<u8> {
    mend_header(&mut packet);
    if let Ok(layout) = Layout::of_packet(&packet)
        && let Ok(len) = u16::try_from(packet.len() - layout.transport_at)
    {
        put(&mut packet, layout.checksum_at(), [0; 2]);
        let sum = layout.pseudo_header(&packet).plus_u16(len);
        let sum = sum.plus(Sum::of(packet.get(layout.transport_at..).unwrap_or_default()));
        let checksum = match layout.transport {
            Transport::Tcp => sum.checksum(),
            Transport::Udp => sum.udp_checksum(),
        };
        put(&mut packet, layout.checksum_at(), checksum.to_be_bytes());
    }
    packet
}

fn mend_header(packet: &mut [u8]) {
    let len = packet.first().map_or(0, |first| usize::from(first & 0x0f) * 4);
    if packet.first().is_some_and(|first| first >> 4 == 4) && len >= v4::LEN && packet.len() >= len {
        put(packet, v4::CHECKSUM, [0; 2]);
        let checksum = Sum::of(packet.get(..len).unwrap_or_default()).checksum();
        put(packet, v4::CHECKSUM, checksum.to_be_bytes());
    }
}
