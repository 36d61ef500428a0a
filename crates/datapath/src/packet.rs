//! One packet on its way through the engine: an ordinary one, or several of one flow in one piece.

use bytes::Bytes;

/// What is left to be done to a packet before it is ordinary. Everything else that a kernel's offload header says
/// follows from the packet's own headers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Offload {
    /// The TCP or UDP checksum field holds the sum of the pseudo-header only.
    pub partial_checksum: bool,
    /// Payload bytes of each segment, the last one's excepted, which may be shorter; zero says that this is one
    /// ordinary packet.
    pub segment_size: u16,
}

impl Offload {
    /// An ordinary packet with nothing left to do.
    pub const NONE: Self = Self { partial_checksum: false, segment_size: 0 };

    /// Whether the packet stands for several.
    pub fn is_super(self) -> bool {
        self.segment_size > 0
    }
}

/// An IP packet or super-packet. Cloning shares the bytes. What it carries is nobody's business and not printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Packet {
    /// From the IP header on, at most 65,535 bytes.
    pub bytes: Bytes,
    /// What is left to do.
    pub offload: Offload,
}

impl Packet {
    /// An ordinary packet.
    pub fn ordinary(bytes: Bytes) -> Self {
        Self { bytes, offload: Offload::NONE }
    }
}

impl std::fmt::Debug for Packet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Packet").field("len", &self.bytes.len()).field("offload", &self.offload).finish()
    }
}
