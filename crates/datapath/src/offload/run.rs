//! What is handed to the network at once: one packet, a super-packet, or several packets of one flow joined.

use std::io::IoSlice;

use bytes::Bytes;

use crate::packet::{Offload, Packet};

/// A run of packets of one flow, whose payloads need not lie side by side in memory.
#[derive(Clone, Copy, Debug)]
pub struct Run<'a> {
    first: &'a [u8],
    head: &'a [u8],
    payloads: &'a [&'a [u8]],
    offload: Offload,
    segments: usize,
    bytes: usize,
}

impl<'a> Run<'a> {
    /// One packet in one piece; `segments` and `bytes` as they would be if it was split.
    pub fn whole(packet: &'a [u8], offload: Offload, segments: usize, bytes: usize) -> Self {
        Self { first: packet, head: packet, payloads: &[], offload, segments, bytes }
    }

    /// `head` (IP and transport headers, made for the joined packet) before the payloads; `first` is the first
    /// packet as it arrived.
    pub fn joined(
        first: &'a [u8],
        head: &'a [u8],
        payloads: &'a [&'a [u8]],
        offload: Offload,
        bytes: usize,
    ) -> Self {
        Self { first, head, payloads, offload, segments: payloads.len(), bytes }
    }

    /// The first packet as it arrived, in one piece: what filters look at. Of a super-packet all of it.
    pub fn first(&self) -> &'a [u8] {
        self.first
    }

    /// Where the packet begins: its headers, or all of it.
    pub fn head(&self) -> &'a [u8] {
        self.head
    }

    /// What follows [`Run::head`].
    pub fn payloads(&self) -> &'a [&'a [u8]] {
        self.payloads
    }

    /// What is left to do.
    pub fn offload(&self) -> Offload {
        self.offload
    }

    /// How many ordinary packets this stands for.
    pub fn segments(&self) -> usize {
        self.segments
    }

    /// Bytes of all these packets, IP headers included.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Calls `write` with the pieces of the packet in order, `prefix` first if there is one: for `writev`. There are
    /// at most 514, and half the kernel's limit (`UIO_MAXIOV`).
    pub fn write_vectored<R>(&self, prefix: &[u8], write: impl FnOnce(&[IoSlice<'_>]) -> R) -> R {
        /// What needs no allocation: 64 KiB in packets of 1,400 bytes.
        const USUAL: usize = 50;
        let pieces = || [prefix, self.head].into_iter().chain(self.payloads.iter().copied());
        let mut room = [IoSlice::new(&[]); USUAL];
        let mut many = Vec::new();
        let slices = if self.payloads.len() + 2 <= USUAL {
            &mut room[..]
        } else {
            many.resize(self.payloads.len() + 2, IoSlice::new(&[]));
            &mut many[..]
        };
        let mut len = 0;
        for (slice, piece) in slices.iter_mut().zip(pieces().filter(|piece| !piece.is_empty())) {
            *slice = IoSlice::new(piece);
            len += 1;
        }
        write(slices.get(..len).unwrap_or_default())
    }

    /// A packet of its own, by copying.
    pub fn to_packet(&self) -> Packet {
        let mut bytes =
            Vec::with_capacity(self.head.len() + self.payloads.iter().map(|p| p.len()).sum::<usize>());
        bytes.extend_from_slice(self.head);
        self.payloads.iter().for_each(|payload| bytes.extend_from_slice(payload));
        Packet { bytes: Bytes::from(bytes), offload: self.offload }
    }
}
