//! Conversations, as lists of batches: the packets of one batch are sent without a pause.

use std::net::IpAddr;

use crate::packets::*;

/// Packets that are sent one after the other, before anything is waited for.
pub(crate) type Batch = Vec<Injected>;

/// A conversation by name.
pub(crate) type Script = (&'static str, Vec<Batch>);

/// Everything that is sent from one host to another. Only the client's side opens connections (`opens`), since the
/// gateway lets nobody else.
pub(crate) fn all(from: IpAddr, to: IpAddr, opens: bool) -> Vec<Script> {
    let opening = if opens { SYN } else { SYN | ACK };
    let ip = Ip::new(from, to);
    vec![
        ("tcp with timestamps", plain_tcp(ip.clone(), opening)),
        ("tcp with selective acknowledgments", selective(ip.clone())),
        ("tcp with congestion notification", congestion(ip.clone())),
        ("tcp with urgent data", urgent(ip.clone())),
        ("tcp retransmissions", retransmissions(ip.clone())),
        ("tcp probes of a zero window", probes(ip.clone())),
        ("tcp with a wrong checksum", wrong_checksum(ip.clone())),
        ("tcp super-packets", tcp_super_packets(ip.clone())),
        ("udp", datagrams(ip.clone())),
        ("udp super-packets", udp_super_packets(ip.clone())),
        ("icmp", vec![(1..6).map(|len| ip.icmp(&noise(100 * len, 1))).collect()]),
        ("fragments", fragments(ip.clone())),
        ("identification", identification(ip.clone())),
        ("extension headers", extension_headers(ip.clone())),
        ("flows that take turns", turns(&ip)),
    ]
}

const PORTS: (u16, u16) = (40_000, 5201);

fn plain_tcp(mut ip: Ip, opening_flags: u8) -> Vec<Batch> {
    let mut tcp = Tcp::new(PORTS);
    let mut opening = tcp.clone();
    opening.sequence = opening.sequence.wrapping_sub(1);
    opening.flags = opening_flags;
    // Segment size, selective acknowledgments, timestamps, window scale.
    opening.options = [&[2, 4, 5, 0x3c, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0][..], &[1, 3, 3, 7]].concat();
    let mut batches = vec![vec![opening.packet(&ip, &[])], vec![tcp.packet(&ip, &[])]];
    let mut batch = stream(&mut ip, &mut tcp, 1200, 10);
    tcp.flags |= PSH;
    batch.extend(stream(&mut ip, &mut tcp, 700, 1));
    tcp.flags = ACK;
    batch.extend(stream(&mut ip, &mut tcp, 1200, 5));
    // The clock ticks.
    tcp.options = timestamps(2);
    batch.extend(stream(&mut ip, &mut tcp, 1200, 5));
    // The window moves.
    tcp.window += 10;
    batch.extend(stream(&mut ip, &mut tcp, 1200, 3));
    // The other side has sent something.
    tcp.ack += 500;
    batch.extend(stream(&mut ip, &mut tcp, 1200, 3));
    batches.push(batch);
    batches.push((0..10).flat_map(|_| stream(&mut ip, &mut tcp, 1, 2)).collect());
    tcp.flags = ACK | PSH | FIN;
    let mut batch = stream(&mut ip, &mut tcp, 900, 1);
    tcp.flags = RST;
    tcp.options.clear();
    batch.push(tcp.packet(&ip, &[]));
    batches.push(batch);
    batches
}

fn selective(mut ip: Ip) -> Vec<Batch> {
    let mut tcp = Tcp::new(PORTS);
    let mut batch = stream(&mut ip, &mut tcp, 1000, 3);
    for number in 0..4 {
        tcp.options = sack(1, 1000 * number);
        batch.push(next(&mut ip, &mut tcp, 0));
    }
    // With data, the same blocks in each segment.
    batch.extend(stream(&mut ip, &mut tcp, 1000, 5));
    tcp.options = sack(1, 9000);
    batch.extend(stream(&mut ip, &mut tcp, 1000, 2));
    tcp.options = timestamps(1);
    batch.extend(stream(&mut ip, &mut tcp, 1000, 2));
    vec![batch]
}

fn congestion(mut ip: Ip) -> Vec<Batch> {
    let mut tcp = Tcp::new(PORTS);
    ip.tos = ECT;
    let mut batch = stream(&mut ip, &mut tcp, 1000, 4);
    ip.tos = CE;
    batch.extend(stream(&mut ip, &mut tcp, 1000, 1));
    ip.tos = ECT;
    batch.extend(stream(&mut ip, &mut tcp, 1000, 2));
    tcp.flags = ACK | ECE;
    batch.extend(stream(&mut ip, &mut tcp, 1000, 3));
    tcp.flags = ACK | CWR;
    batch.extend(stream(&mut ip, &mut tcp, 1000, 1));
    tcp.flags = ACK | CWR | ECE;
    batch.extend(stream(&mut ip, &mut tcp, 1000, 2));
    tcp.flags = ACK;
    batch.extend(stream(&mut ip, &mut tcp, 1000, 3));
    ip.tos = 0xb8 | ECT;
    batch.extend(stream(&mut ip, &mut tcp, 1000, 3));
    vec![batch]
}

fn urgent(mut ip: Ip) -> Vec<Batch> {
    let mut tcp = Tcp::new(PORTS);
    let mut batch = stream(&mut ip, &mut tcp, 1000, 3);
    for pointer in [2500, 1500, 500] {
        (tcp.flags, tcp.urgent) = (ACK | URG, pointer);
        batch.extend(stream(&mut ip, &mut tcp, 1000, 1));
    }
    (tcp.flags, tcp.urgent) = (ACK, 0);
    batch.extend(stream(&mut ip, &mut tcp, 1000, 3));
    vec![batch]
}

fn retransmissions(mut ip: Ip) -> Vec<Batch> {
    let mut tcp = Tcp::new(PORTS);
    let mut batch = stream(&mut ip, &mut tcp, 1000, 6);
    let after = tcp.clone();
    tcp.sequence = tcp.sequence.wrapping_sub(4000);
    batch.extend(stream(&mut ip, &mut tcp, 1000, 2));
    // Cut otherwise than at first.
    batch.extend(stream(&mut ip, &mut tcp, 536, 2));
    tcp = after;
    batch.extend(stream(&mut ip, &mut tcp, 1000, 3));
    // One is missing, and comes later.
    let mut hole = tcp.clone();
    tcp.sequence = tcp.sequence.wrapping_add(1000);
    batch.extend(stream(&mut ip, &mut tcp, 1000, 3));
    batch.push(next(&mut ip, &mut hole, 1000));
    batch.extend(stream(&mut ip, &mut tcp, 1000, 2));
    vec![batch]
}

fn probes(mut ip: Ip) -> Vec<Batch> {
    let mut tcp = Tcp::new(PORTS);
    let mut batch = stream(&mut ip, &mut tcp, 1000, 3);
    for _ in 0..3 {
        let mut probe = tcp.clone();
        probe.sequence = probe.sequence.wrapping_sub(1);
        batch.push(next(&mut ip, &mut probe.clone(), 0));
        batch.push(next(&mut ip, &mut probe, 1));
        // One byte beyond the window, as others do it.
        batch.push(next(&mut ip, &mut tcp.clone(), 1));
    }
    tcp.window = 0;
    batch.push(next(&mut ip, &mut tcp, 0));
    tcp.window = 502;
    batch.push(next(&mut ip, &mut tcp, 0));
    batch.extend(stream(&mut ip, &mut tcp, 1000, 3));
    vec![batch]
}

fn wrong_checksum(mut ip: Ip) -> Vec<Batch> {
    let mut tcp = Tcp::new(PORTS);
    let mut batch = stream(&mut ip, &mut tcp, 1000, 9);
    for place in [3, 4, 7] {
        let last = batch[place].bytes.last_mut().expect("a packet");
        *last ^= 1;
    }
    vec![batch]
}

fn tcp_super_packets(mut ip: Ip) -> Vec<Batch> {
    let mut tcp = Tcp::new(PORTS);
    let mut batches = Vec::new();
    for (flags, size, len) in [
        (ACK, 1200, 24_000),
        (ACK | PSH, 1200, 20_001),
        (ACK | CWR, 1000, 9_500),
        (ACK | ECE | PSH, 1000, 3_001),
        (ACK | PSH | FIN, 536, 8_000),
    ] {
        tcp.flags = flags;
        let injected = tcp.super_packet(&ip, &noise(len, tcp.sequence), size);
        ip.id = ip.id.wrapping_add(u16::try_from(injected.packets).expect("few segments"));
        tcp.sequence = tcp.sequence.wrapping_add(u32::try_from(len).expect("a packet's length"));
        batches.push(vec![injected]);
    }
    batches
}

fn datagrams(mut ip: Ip) -> Vec<Batch> {
    let mut batch = Vec::new();
    for len in [800, 800, 800, 300, 800, 800, 801, 801, 0, 1, 1, 1] {
        batch.push(udp(&ip, PORTS, &noise(len, 9)));
        ip.id += 1;
    }
    if ip.from.is_ipv4() {
        for _ in 0..3 {
            batch.push(udp_without_checksum(&ip, PORTS, &noise(500, 1)));
            ip.id += 1;
        }
    }
    vec![batch]
}

fn udp_super_packets(mut ip: Ip) -> Vec<Batch> {
    let mut batches = Vec::new();
    for (size, len) in [(1000, 20_000), (600, 6_300)] {
        let injected = udp_super_packet(&ip, PORTS, &noise(len, 5), size);
        ip.id += u16::try_from(injected.packets).expect("few segments");
        batches.push(vec![injected]);
    }
    batches
}

/// A long datagram between short ones of its flow.
fn fragments(mut ip: Ip) -> Vec<Batch> {
    let mut batch = vec![udp(&ip, PORTS, &noise(400, 1))];
    ip.id += 1;
    batch.extend(ip.udp_fragments(PORTS, &noise(3000, 2), 1200));
    ip.id += 1;
    batch.push(udp(&ip, PORTS, &noise(400, 3)));
    vec![batch]
}

/// Numbers that do not follow each other, as other systems make them, and none at all.
fn identification(mut ip: Ip) -> Vec<Batch> {
    let mut batches = Vec::new();
    for ids in [[0; 6], [7, 8, 8, 9, 11, 12], [65_534, 65_535, 0, 1, 2, 3], [9, 8, 7, 6, 5, 4]] {
        for place in [0x4000, 0] {
            let mut tcp = Tcp::new(PORTS);
            let mut batch = Vec::new();
            for id in ids {
                (ip.id, ip.place) = (id, place);
                batch.push(next(&mut ip, &mut tcp, 600));
            }
            batches.push(batch);
        }
    }
    batches
}

/// IPv6's; nothing for IPv4.
fn extension_headers(ip: Ip) -> Vec<Batch> {
    if ip.from.is_ipv4() {
        return Vec::new();
    }
    let (mut ip, mut tcp) = (ip, Tcp::new(PORTS));
    let mut batch = stream(&mut ip, &mut tcp, 1000, 2);
    // Padding only.
    let options = vec![0, 0, 1, 4, 0, 0, 0, 0];
    for extensions in [vec![(60, options.clone())], vec![(60, options.clone()), (60, options.clone())]] {
        ip.extensions = extensions;
        batch.extend(stream(&mut ip, &mut tcp, 1000, 2));
        batch.push(udp(&ip, PORTS, &noise(300, 1)));
    }
    ip.extensions.clear();
    batch.extend(stream(&mut ip, &mut tcp, 1000, 2));
    ip.extensions = vec![(60, options)];
    let whole = tcp.super_packet(&ip, &noise(6000, 1), 1000);
    vec![batch, vec![whole]]
}

fn turns(ip: &Ip) -> Vec<Batch> {
    let mut flows: Vec<(Ip, Tcp)> =
        (0..4).map(|number| (ip.clone(), Tcp::new((40_000 + number, 5201)))).collect();
    let mut batch = Vec::new();
    for _ in 0..8 {
        for (ip, tcp) in &mut flows {
            batch.push(next(ip, tcp, 1000));
        }
        batch.push(udp(ip, PORTS, &noise(200, 1)));
    }
    vec![batch]
}
