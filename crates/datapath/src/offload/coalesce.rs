//! From ordinary packets to runs of one flow, which are handed to the kernel in one piece.
//!
//! Packets are joined only if splitting them again gives every one of them back, bit for bit.

use crate::packet::Offload;

use super::Run;
use super::check::MAX_TCP_SEGMENTS;
use super::checksum::Sum;
use super::headers::{MAX_PACKET, Transport, put, tcp, udp, v4, v6};

/// The most UDP packets that are joined: older kernels have this limit (`UDP_MAX_SEGMENTS`).
const MAX_UDP_RUN: usize = 64;

/// How many flows may have an open run at the same time.
const MAX_OPEN: usize = 16;

/// The longest headers of a joined packet: IPv6 and TCP with all options.
const MAX_JOINED_HEADERS: usize = v6::LEN + 60;

const NO_SEGMENT: usize = usize::MAX;

/// Joins the packets of one batch.
///
/// All packets of a flow come out in the order in which they came in, and each run at the place of its first packet.
/// So a packet is never overtaken by a later one of its own flow.
#[derive(Debug, Default)]
pub struct Coalescer<'a> {
    runs: Vec<Pending<'a>>,
    /// All packets of all runs but the first ones, each with the next one of its run.
    segments: Vec<Segment<'a>>,
    /// Runs that may grow, at most [`MAX_OPEN`], the oldest first.
    open: Vec<usize>,
    /// Payloads of the run that is handed over.
    payloads: Vec<&'a [u8]>,
}

/// A run under construction, or a packet of its own.
#[derive(Clone, Copy, Debug)]
struct Pending<'a> {
    first: &'a [u8],
    /// Unless it stays alone.
    start: Option<Candidate<'a>>,
    /// The sum over its flow's pseudo-header, once the first packet's checksums were found right.
    verified: Option<Sum>,
    /// The last packet had PSH.
    is_pushed: bool,
    segments: usize,
    payload: usize,
    next: usize,
    last: usize,
}

#[derive(Clone, Copy, Debug)]
struct Segment<'a> {
    payload: &'a [u8],
    next: usize,
}

/// Which flow a packet belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Flow {
    addresses: [u64; 4],
    ports: [u8; 4],
    transport: Transport,
    is_v6: bool,
}

/// What all packets of a run have in common besides, but for TCP's options.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Common {
    /// TOS, flags and TTL, or traffic class, flow label and hop limit.
    ip: u64,
    /// TCP's acknowledgment, header length, flags but PSH, window and urgent pointer.
    tcp: [u64; 2],
    /// Bytes of all headers.
    headers: usize,
}

/// A packet that may be part of a run.
#[derive(Clone, Copy, Debug)]
struct Candidate<'a> {
    flow: Flow,
    common: Common,
    options: &'a [u8],
    payload: &'a [u8],
    transport_at: usize,
    /// IPv4's identification.
    id: u16,
    sequence: u32,
    is_pushed: bool,
}

/// What a packet means for runs.
enum Class<'a> {
    /// It may start or continue one.
    Candidate(Candidate<'a>),
    /// It stays alone, and its flow's run ends before it.
    Alone(Flow),
    /// It stays alone and has no part in any flow of TCP or UDP.
    Foreign,
    /// It stays alone, and may be of any flow: a fragment for example.
    Unclear,
}

impl<'a> Coalescer<'a> {
    /// With nothing in it.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a packet, whatever it is.
    pub fn push(&mut self, packet: &'a [u8]) {
        match classify(packet) {
            Class::Candidate(candidate) => self.push_candidate(packet, &candidate),
            Class::Alone(flow) => {
                self.open.retain(|&run| self.runs.get(run).is_some_and(|run| !run.is_of(&flow)));
                self.runs.push(Pending::alone(packet));
            }
            Class::Foreign => self.runs.push(Pending::alone(packet)),
            Class::Unclear => {
                self.open.clear();
                self.runs.push(Pending::alone(packet));
            }
        }
    }

    /// Whether nothing was pushed since the last flush.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// Hands everything over and forgets it.
    pub fn flush(&mut self, mut sink: impl FnMut(&Run<'_>)) {
        for run in &self.runs {
            let Some(start) = run.start.filter(|_| run.segments > 1) else {
                sink(&Run::whole(run.first, Offload::NONE, 1, run.first.len()));
                continue;
            };
            self.payloads.clear();
            self.payloads.push(start.payload);
            let mut next = run.next;
            while let Some(segment) = self.segments.get(next) {
                self.payloads.push(segment.payload);
                next = segment.next;
            }
            let mut room = [0; MAX_JOINED_HEADERS];
            let head = run.head(&start, &mut room);
            let segment_size = short(start.payload.len());
            let offload = Offload { partial_checksum: true, segment_size };
            let bytes = run.payload + run.segments * start.common.headers;
            sink(&Run::joined(run.first, head, &self.payloads, offload, bytes));
        }
        self.clear();
    }

    /// The same without its packets, for the next batch; it keeps the memory.
    #[must_use]
    pub fn recycle(mut self) -> Coalescer<'static> {
        self.clear();
        Coalescer {
            runs: recycle(self.runs),
            segments: recycle(self.segments),
            open: self.open,
            payloads: recycle(self.payloads),
        }
    }

    fn clear(&mut self) {
        self.runs.clear();
        self.segments.clear();
        self.open.clear();
        self.payloads.clear();
    }

    fn push_candidate(&mut self, packet: &'a [u8], candidate: &Candidate<'a>) {
        let runs = &mut self.runs;
        let place =
            self.open.iter().rposition(|&run| runs.get(run).is_some_and(|run| run.is_of(&candidate.flow)));
        if let Some(place) = place {
            let run = self.open.get(place).and_then(|&run| runs.get_mut(run));
            match run.map_or(Fit::No, |run| run.append(packet, candidate, &mut self.segments)) {
                Fit::Open => return,
                Fit::Closed => {
                    self.open.remove(place);
                    return;
                }
                Fit::No => {
                    self.open.remove(place);
                }
            }
        }
        if !candidate.is_pushed {
            if self.open.len() == MAX_OPEN {
                self.open.remove(0);
            }
            self.open.push(runs.len());
        }
        runs.push(Pending { start: Some(*candidate), ..Pending::alone(packet) });
    }
}

/// What became of a packet that might have continued a run.
enum Fit {
    /// It did, and the run may go on.
    Open,
    /// It did, and is the last of the run.
    Closed,
    No,
}

impl<'a> Pending<'a> {
    fn alone(packet: &'a [u8]) -> Self {
        Self {
            first: packet,
            start: None,
            verified: None,
            is_pushed: false,
            segments: 1,
            payload: 0,
            next: NO_SEGMENT,
            last: NO_SEGMENT,
        }
    }

    fn is_of(&self, flow: &Flow) -> bool {
        self.start.as_ref().is_some_and(|start| start.flow == *flow)
    }

    fn append(
        &mut self,
        packet: &'a [u8],
        candidate: &Candidate<'a>,
        segments: &mut Vec<Segment<'a>>,
    ) -> Fit {
        let Some(start) = &self.start else { return Fit::No };
        if self.segments == 1 {
            self.payload = start.payload.len();
        }
        let size = start.payload.len();
        let most = match start.flow.transport {
            Transport::Tcp => MAX_TCP_SEGMENTS,
            Transport::Udp => MAX_UDP_RUN,
        };
        let payload = self.payload + candidate.payload.len();
        let fits = start.common == candidate.common
            && start.options == candidate.options
            && candidate.payload.len() <= size
            && self.segments < most
            && start.common.headers + payload <= MAX_PACKET
            && (start.flow.is_v6 || candidate.id == start.id.wrapping_add(short(self.segments)))
            && (start.flow.transport == Transport::Udp
                || candidate.sequence == start.sequence.wrapping_add(u32::from(short(self.payload))));
        if !fits {
            return Fit::No;
        }
        let pseudo_header = match self.verified {
            Some(pseudo_header) => pseudo_header,
            None => {
                let pseudo_header = start.flow.pseudo_header();
                if !start.is_right(self.first, pseudo_header) {
                    return Fit::No;
                }
                *self.verified.insert(pseudo_header)
            }
        };
        if !candidate.is_right(packet, pseudo_header) {
            return Fit::No;
        }
        let added = segments.len();
        segments.push(Segment { payload: candidate.payload, next: NO_SEGMENT });
        match segments.get_mut(self.last) {
            Some(last) => last.next = added,
            None => self.next = added,
        }
        self.last = added;
        self.segments += 1;
        self.payload = payload;
        self.is_pushed = candidate.is_pushed;
        if candidate.is_pushed || candidate.payload.len() < size { Fit::Closed } else { Fit::Open }
    }

    /// The headers of the joined packet.
    fn head<'h>(&self, start: &Candidate<'_>, room: &'h mut [u8; MAX_JOINED_HEADERS]) -> &'h [u8] {
        let len = start.common.headers;
        let (Some(head), Some(from)) = (room.get_mut(..len), self.first.get(..len)) else { return &[] };
        head.copy_from_slice(from);
        let at = start.transport_at;
        let total = short(len + self.payload);
        let transport_len = short(len - at + self.payload);
        if start.flow.is_v6 {
            put(head, v6::PAYLOAD, transport_len.to_be_bytes());
        } else {
            put(head, v4::TOTAL, total.to_be_bytes());
            put(head, v4::CHECKSUM, [0; 2]);
            let checksum = Sum::of(head.get(..at).unwrap_or_default()).checksum();
            put(head, v4::CHECKSUM, checksum.to_be_bytes());
        }
        let partial = start.flow.pseudo_header().plus_u16(transport_len).fold().to_be_bytes();
        match start.flow.transport {
            Transport::Tcp => {
                if let Some(flags) = head.get_mut(at + tcp::FLAGS).filter(|_| self.is_pushed) {
                    *flags |= tcp::PSH;
                }
                put(head, at + tcp::CHECKSUM, partial);
            }
            Transport::Udp => {
                put(head, at + udp::LENGTH, transport_len.to_be_bytes());
                put(head, at + udp::CHECKSUM, partial);
            }
        }
        head
    }
}

impl Flow {
    fn pseudo_header(&self) -> Sum {
        let number = u16::from(self.transport.number());
        self.addresses
            .iter()
            .fold(Sum::ZERO.plus_u16(number), |sum, address| sum.plus(Sum::of(&address.to_ne_bytes())))
    }
}

impl Candidate<'_> {
    /// Whether the checksums are right, and written in the one way in which splitting writes them.
    fn is_right(&self, packet: &[u8], pseudo_header: Sum) -> bool {
        let Some((ip, transport)) = packet.split_at_checked(self.transport_at) else { return false };
        let field = |header: &[u8], at: usize| header.get(at..).and_then(<[u8]>::first_chunk::<2>).copied();
        // Zero and all ones are the same number; zero is how IPv4 and TCP write it, and all ones how UDP does. That
        // UDP has a checksum is known already.
        let is_header_right = match ip.first_chunk::<{ v4::LEN }>() {
            Some(header) if !self.flow.is_v6 => {
                Sum::of(header).is_whole() && field(ip, v4::CHECKSUM) != Some([0xff; 2])
            }
            _ => self.flow.is_v6,
        };
        let is_canonical = self.flow.transport == Transport::Udp
            || field(transport, tcp::CHECKSUM).is_some_and(|checksum| checksum != [0xff; 2]);
        let sum = pseudo_header.plus_u16(short(transport.len()));
        is_header_right && is_canonical && sum.plus(Sum::of(transport)).is_whole()
    }
}

fn classify(packet: &[u8]) -> Class<'_> {
    match packet.first().map(|first| first >> 4) {
        Some(4) => classify_v4(packet),
        Some(6) => classify_v6(packet),
        _ => Class::Unclear,
    }
}

fn classify_v4(packet: &[u8]) -> Class<'_> {
    let Some(header) = packet.first_chunk::<{ v4::LEN }>() else { return Class::Unclear };
    let [first, tos, total_0, total_1, id_0, id_1, place_0, place_1, ttl, number, _, _, rest @ ..] = *header;
    let place = u16::from_be_bytes([place_0, place_1]);
    let is_fragment = place & 0x3fff != 0;
    let transport = match number {
        6 => Transport::Tcp,
        17 => Transport::Udp,
        _ if is_fragment => return Class::Unclear,
        _ => return Class::Foreign,
    };
    let is_plain =
        first == 0x45 && !is_fragment && usize::from(u16::from_be_bytes([total_0, total_1])) == packet.len();
    if !is_plain {
        return Class::Unclear;
    }
    let addresses = [u64::from_ne_bytes(rest), 0, 0, 0];
    let ip = u64::from(tos) | u64::from(place) << 8 | u64::from(ttl) << 24;
    let id = u16::from_be_bytes([id_0, id_1]);
    classify_transport(packet, v4::LEN, addresses, transport, ip, id)
}

fn classify_v6(packet: &[u8]) -> Class<'_> {
    let Some(header) = packet.first_chunk::<{ v6::LEN }>() else { return Class::Unclear };
    let [class_0, class_1, class_2, class_3, len_0, len_1, next, hop_limit, rest @ ..] = *header;
    let transport = match next {
        6 => Transport::Tcp,
        17 => Transport::Udp,
        // ICMPv6, and no next header.
        58 | 59 => return Class::Foreign,
        // An extension header, and anything may follow.
        _ => return Class::Unclear,
    };
    if v6::LEN + usize::from(u16::from_be_bytes([len_0, len_1])) != packet.len() {
        return Class::Unclear;
    }
    let mut addresses = [0; 4];
    let (words, _) = rest.as_chunks::<8>();
    addresses.iter_mut().zip(words).for_each(|(to, word)| *to = u64::from_ne_bytes(*word));
    let ip = u64::from_be_bytes([0, 0, 0, hop_limit, class_0, class_1, class_2, class_3]);
    classify_transport(packet, v6::LEN, addresses, transport, ip, 0)
}

/// Of a packet whose IP lengths are right and that has no IP options.
#[inline]
fn classify_transport(
    packet: &[u8],
    transport_at: usize,
    addresses: [u64; 4],
    transport: Transport,
    ip: u64,
    id: u16,
) -> Class<'_> {
    let Some(segment) = packet.get(transport_at..) else { return Class::Unclear };
    let Some(ports) = segment.first_chunk::<4>().copied() else { return Class::Unclear };
    let flow = Flow { addresses, ports, transport, is_v6: transport_at == v6::LEN };
    let candidate = match transport {
        Transport::Tcp => tcp_candidate(segment, transport_at, flow, ip, id),
        Transport::Udp => udp_candidate(segment, transport_at, flow, ip, id),
    };
    candidate.map_or(Class::Alone(flow), Class::Candidate)
}

fn tcp_candidate(segment: &[u8], transport_at: usize, flow: Flow, ip: u64, id: u16) -> Option<Candidate<'_>> {
    let [_, _, _, _, seq_0, seq_1, seq_2, seq_3, ack @ .., _, _, _, _, _, _, _, _] =
        *segment.first_chunk::<{ tcp::LEN }>()?;
    let [.., offset, flags, window_0, window_1, _, _, urgent_0, urgent_1] =
        *segment.first_chunk::<{ tcp::LEN }>()?;
    let len = usize::from(offset >> 4) * 4;
    let options = segment.get(tcp::LEN..len)?;
    let payload = segment.get(len..)?;
    let other = flags & !(tcp::PSH | tcp::ACK);
    let is_ordinary =
        flags & tcp::ACK != 0 && other & (tcp::FIN | tcp::SYN | tcp::RST | tcp::URG | tcp::CWR) == 0;
    if payload.is_empty() || !is_ordinary {
        return None;
    }
    let fixed = [offset, other, window_0, window_1, urgent_0, urgent_1, 0, 0];
    Some(Candidate {
        flow,
        common: Common {
            ip,
            tcp: [u64::from(u32::from_ne_bytes(ack)), u64::from_ne_bytes(fixed)],
            headers: transport_at + len,
        },
        options,
        payload,
        transport_at,
        id,
        sequence: u32::from_be_bytes([seq_0, seq_1, seq_2, seq_3]),
        is_pushed: flags & tcp::PSH != 0,
    })
}

fn udp_candidate(segment: &[u8], transport_at: usize, flow: Flow, ip: u64, id: u16) -> Option<Candidate<'_>> {
    let [_, _, _, _, len_0, len_1, sum_0, sum_1] = *segment.first_chunk::<{ udp::LEN }>()?;
    let payload = segment.get(udp::LEN..)?;
    let is_whole = usize::from(u16::from_be_bytes([len_0, len_1])) == segment.len();
    let has_checksum = [sum_0, sum_1] != [0; 2];
    if payload.is_empty() || !is_whole || !has_checksum {
        return None;
    }
    Some(Candidate {
        flow,
        common: Common { ip, tcp: [0; 2], headers: transport_at + udp::LEN },
        options: &[],
        payload,
        transport_at,
        id,
        sequence: 0,
        is_pushed: false,
    })
}

/// The memory of an empty vector for elements that live longer.
fn recycle<T, U>(vector: Vec<T>) -> Vec<U> {
    // Collecting in place keeps the allocation; nothing is converted, since nothing is in it.
    vector.into_iter().filter_map(|_| None).collect()
}

/// A length within a packet of at most [`MAX_PACKET`] bytes.
fn short(len: usize) -> u16 {
    u16::try_from(len).unwrap_or(u16::MAX)
}
