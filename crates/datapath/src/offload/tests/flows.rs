//! Whatever arrives in whatever order comes out bit for bit, and in the order of its flow.

use std::collections::HashMap;

use proptest::prelude::*;

use super::build::*;
use super::split::parts;
use crate::offload::{Coalescer, check, virtio};
use crate::packet::Offload;

/// What a flow does next.
#[derive(Clone, Debug)]
enum Event {
    /// Data of the flow's usual size.
    Data {
        flags: u8,
    },
    /// Data of another size.
    Odd {
        len: usize,
    },
    /// More than one segment, so that runs become long.
    Burst {
        count: usize,
    },
    PureAck,
    Window,
    Acknowledge,
    Retransmission {
        back: u32,
    },
    ZeroWindowProbe,
    Timestamp,
    Sack,
    NoOptions,
    Tos(u8),
    Ttl,
    Label,
    DontFragment,
    SameId,
    OtherId(u16),
    Urgent(u16),
    Opening,
    Fragment {
        first: bool,
    },
    Extension(u8),
    IpOptions,
    Icmp,
    /// One bit of the packet is wrong.
    Broken {
        at: usize,
    },
    /// All ones where the checksum is zero.
    OtherZero,
    NoChecksum,
    Trailing,
    Truncated {
        len: usize,
    },
}

fn any_event() -> impl Strategy<Value = Event> {
    let flags = prop::sample::select(vec![0, PSH, FIN, RST, SYN, URG, ECE, CWR, ECE | PSH, CWR | ECE]);
    prop_oneof![
        20 => Just(Event::Data { flags: 0 }),
        10 => (1_usize..60).prop_map(|count| Event::Burst { count }),
        5 => flags.prop_map(|flags| Event::Data { flags }),
        3 => (1_usize..1500).prop_map(|len| Event::Odd { len }),
        2 => Just(Event::PureAck),
        1 => Just(Event::Window),
        1 => Just(Event::Acknowledge),
        1 => (1_u32..5000).prop_map(|back| Event::Retransmission { back }),
        1 => Just(Event::ZeroWindowProbe),
        1 => Just(Event::Timestamp),
        1 => Just(Event::Sack),
        1 => Just(Event::NoOptions),
        1 => any::<u8>().prop_map(Event::Tos),
        1 => Just(Event::Ttl),
        1 => Just(Event::Label),
        1 => Just(Event::DontFragment),
        1 => Just(Event::SameId),
        1 => any::<u16>().prop_map(Event::OtherId),
        1 => any::<u16>().prop_map(Event::Urgent),
        1 => Just(Event::Opening),
        2 => any::<bool>().prop_map(|first| Event::Fragment { first }),
        1 => prop::sample::select(vec![0_u8, 43, 60]).prop_map(Event::Extension),
        1 => Just(Event::IpOptions),
        1 => Just(Event::Icmp),
        2 => (0_usize..200).prop_map(|at| Event::Broken { at }),
        1 => Just(Event::OtherZero),
        1 => Just(Event::NoChecksum),
        1 => Just(Event::Trailing),
        1 => (0_usize..100).prop_map(|len| Event::Truncated { len }),
    ]
}

/// One sender.
struct Flow {
    ip: Ip,
    tcp: Tcp,
    is_udp: bool,
    size: usize,
    sent: u32,
}

impl Flow {
    fn new(number: u8, size: usize) -> Self {
        let ip = if number & 1 == 0 { Ip::v4() } else { Ip::v6() };
        let ip = Ip { host: number, id: u16::from(number).wrapping_sub(3), ..ip };
        let tcp = Tcp { sequence: 0xffff_f000, options: timestamps(1, 1), ..Tcp::new() };
        Self { ip, tcp, is_udp: number & 2 != 0, size, sent: 0 }
    }

    fn packet_of(&mut self, ip: &Ip, tcp: &Tcp, len: usize) -> Vec<u8> {
        self.sent += 1;
        let payload = noise(len, self.sent);
        let packet = if self.is_udp { udp_packet(ip, 9, &payload) } else { tcp.packet(ip, &payload) };
        self.ip.id = self.ip.id.wrapping_add(1);
        packet
    }

    /// The next data of a stream.
    fn data(&mut self, len: usize, flags: u8) -> Vec<u8> {
        let (ip, tcp) = (self.ip.clone(), Tcp { flags: ACK | flags, ..self.tcp.clone() });
        let packet = self.packet_of(&ip, &tcp, len);
        self.tcp.sequence = self.tcp.sequence.wrapping_add(u32::try_from(len).unwrap());
        packet
    }

    fn perform(&mut self, event: &Event) -> Vec<Vec<u8>> {
        let size = self.size;
        let packet = match event {
            Event::Data { flags } => self.data(size, *flags),
            Event::Odd { len } => self.data(*len, 0),
            Event::Burst { count } => return (0..*count).map(|_| self.data(size, 0)).collect(),
            Event::PureAck => self.data(0, 0),
            Event::Window => return change(|| self.tcp.window = self.tcp.window.wrapping_add(9)),
            Event::Acknowledge => return change(|| self.tcp.ack = self.tcp.ack.wrapping_add(1400)),
            Event::Timestamp => return change(|| self.tcp.options = timestamps(self.sent, 2)),
            Event::Sack => return change(|| self.tcp.options = [timestamps(1, 2), sack(5)].concat()),
            Event::NoOptions => return change(|| self.tcp.options.clear()),
            Event::Tos(tos) => return change(|| self.ip.tos = *tos),
            Event::Ttl => return change(|| self.ip.ttl = self.ip.ttl.wrapping_sub(1)),
            Event::Label => return change(|| self.ip.label ^= 1),
            Event::DontFragment => return change(|| self.ip.place ^= 0x4000),
            Event::SameId => return change(|| self.ip.id = self.ip.id.wrapping_sub(1)),
            Event::OtherId(id) => return change(|| self.ip.id = *id),
            Event::Retransmission { back } => {
                let (ip, mut tcp) = (self.ip.clone(), self.tcp.clone());
                tcp.sequence = tcp.sequence.wrapping_sub(*back);
                self.packet_of(&ip, &tcp, size)
            }
            Event::ZeroWindowProbe => {
                let (ip, mut tcp) = (self.ip.clone(), self.tcp.clone());
                tcp.sequence = tcp.sequence.wrapping_sub(1);
                self.packet_of(&ip, &tcp, 1)
            }
            Event::Urgent(urgent) => {
                self.tcp.urgent = *urgent;
                self.data(size, URG)
            }
            Event::Opening => {
                let (ip, tcp) = (self.ip.clone(), Tcp { flags: SYN, ..self.tcp.clone() });
                self.packet_of(&ip, &tcp, 0)
            }
            Event::Fragment { first } => {
                let mut ip = self.ip.clone();
                if ip.is_v6 {
                    let place = if *first { 1 } else { 800 };
                    let place = u16::to_be_bytes(place);
                    ip.extensions = vec![(44, vec![0, 0, place[0], place[1], 1, 2, 3, 4])];
                } else {
                    ip.place = if *first { 0x2000 } else { 100 };
                }
                let tcp = self.tcp.clone();
                self.packet_of(&ip, &tcp, size)
            }
            Event::Extension(kind) => {
                let mut ip = self.ip.clone();
                ip.extensions = vec![(*kind, vec![0, 0, 1, 4, 0, 0, 0, 0])];
                let tcp = self.tcp.clone();
                self.packet_of(&ip, &tcp, size)
            }
            Event::IpOptions => {
                let mut ip = self.ip.clone();
                ip.options = vec![0x94, 4, 0, 0];
                let tcp = self.tcp.clone();
                self.packet_of(&ip, &tcp, size)
            }
            Event::Icmp => self.ip.packet(if self.ip.is_v6 { 58 } else { 1 }, &noise(64, 1)),
            Event::Broken { at } => {
                let mut packet = self.data(size, 0);
                let at = at % packet.len();
                // Not what says whose packet it is.
                let own = if self.ip.is_v6 { [6..7, 8..44] } else { [9..10, 12..24] };
                if !own.iter().any(|own| own.contains(&at)) {
                    packet[at] ^= 0x10;
                }
                packet
            }
            Event::OtherZero => {
                let mut packet = self.data(size, 0);
                make_checksum_all_ones(&mut packet, &self.ip, self.is_udp);
                packet
            }
            Event::NoChecksum => {
                let mut packet = self.data(size, 0);
                let at = if self.ip.is_v6 { 40 } else { 20 } + if self.is_udp { 6 } else { 16 };
                packet[at..at + 2].fill(0);
                packet
            }
            Event::Trailing => {
                let mut packet = self.data(size, 0);
                packet.push(0);
                packet
            }
            Event::Truncated { len } => {
                let mut packet = self.data(size, 0);
                packet.truncate((*len).max(20));
                packet
            }
        };
        vec![packet]
    }
}

fn change(change: impl FnOnce()) -> Vec<Vec<u8>> {
    change();
    Vec::new()
}

/// Changes two payload bytes so that the right checksum is zero, and writes all ones, which verifies as well.
fn make_checksum_all_ones(packet: &mut [u8], ip: &Ip, is_udp: bool) {
    let transport = if ip.is_v6 { 40 } else { 20 };
    let at = transport + if is_udp { 6 } else { 16 };
    let payload =
        if is_udp { transport + 8 } else { transport + usize::from(packet[transport + 12] >> 4) * 4 };
    if packet.len() < payload + 2 {
        return;
    }
    let field = |packet: &[u8], at: usize| u32::from(u16::from_be_bytes([packet[at], packet[at + 1]]));
    let word = field(packet, payload) + field(packet, at);
    let word = u16::try_from((word & 0xffff) + (word >> 16)).unwrap();
    packet[payload..payload + 2].copy_from_slice(&word.to_be_bytes());
    packet[at..at + 2].fill(0xff);
}

/// All runs split again, as often as they are joined.
fn through(packets: &[Vec<u8>]) -> (Vec<Vec<u8>>, usize) {
    let mut coalescer = Coalescer::new();
    packets.iter().for_each(|packet| coalescer.push(packet));
    let (mut out, mut runs) = (Vec::new(), 0);
    coalescer.flush(|run| {
        runs += 1;
        let packet = run.to_packet();
        let split = parts(&packet, 65_535).unwrap();
        assert_eq!(split.len(), run.segments());
        assert_eq!(split.iter().map(Vec::len).sum::<usize>(), run.bytes());
        assert_eq!(split[0], run.first());
        let most = split.iter().map(Vec::len).max().unwrap_or_default();
        let checked = check(&packet.bytes, packet.offload, most).unwrap();
        assert_eq!((checked.segments(), checked.bytes()), (run.segments(), run.bytes()));
        let header = virtio::encode(run).unwrap();
        let mut bytes = packet.bytes.to_vec();
        assert_eq!(virtio::decode(&header, &mut bytes), Ok(packet.offload));
        assert_eq!(bytes, packet.bytes);
        assert_eq!(packet.offload == Offload::NONE, run.segments() == 1);
        out.extend(split);
    });
    (out, runs)
}

proptest! {
    #[test]
    fn every_packet_comes_out_as_it_was_and_in_its_flow_s_order(
        events in prop::collection::vec((0_u8..8, any_event()), 1..60),
        sizes in prop::collection::vec(prop::sample::select(vec![1_usize, 2, 9, 100, 536, 1348, 1400, 1401]), 8),
    ) {
        let mut flows: Vec<Flow> = (0..8).zip(sizes).map(|(number, size)| Flow::new(number, size)).collect();
        let mut packets = Vec::new();
        let mut owners = HashMap::new();
        for (number, event) in &events {
            for packet in flows[usize::from(*number)].perform(event) {
                // No two flows have the same addresses, and so no two of their packets are the same. Echoes are a
                // flow of their own.
                let owner = if matches!(event, Event::Icmp) { number + 8 } else { *number };
                owners.insert(packet.clone(), owner);
                packets.push(packet);
            }
        }
        let (out, _) = through(&packets);
        prop_assert_eq!(out.len(), packets.len());
        for number in 0..16 {
            let of = |packets: &[Vec<u8>]| -> Vec<Vec<u8>> {
                packets.iter().filter(|packet| owners.get(*packet) == Some(&number)).cloned().collect()
            };
            prop_assert_eq!(of(&out), of(&packets));
        }
    }

    #[test]
    fn any_bytes_come_out_as_they_were(packets in prop::collection::vec(any::<Vec<u8>>(), 0..10)) {
        let (mut out, _) = through(&packets);
        let mut packets = packets;
        out.sort();
        packets.sort();
        prop_assert_eq!(out, packets);
    }
}

#[test]
fn streams_that_take_turns_are_still_joined() {
    let mut flows: Vec<Flow> = (0..8).map(|number| Flow::new(number, 1000)).collect();
    let packets: Vec<Vec<u8>> =
        (0..40).flat_map(|_| flows.iter_mut().map(|flow| flow.data(1000, 0)).collect::<Vec<_>>()).collect();
    assert_eq!(through(&packets).1, 8);
}
