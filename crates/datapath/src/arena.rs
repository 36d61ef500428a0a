//! Memory for packets that arrive: large chunks, cut into packets without copying, used again when all are gone.

use std::collections::VecDeque;

use bytes::{Buf, BytesMut};

/// Bytes of a chunk: four super-packets.
const CHUNK: usize = 256 * 1024;
/// The longest packet and what may stand before it.
const ROOM: usize = 65_536 + 64;
/// Chunks at most. Two mebibytes are what a full [`crate::scheduler::Scheduler`] holds, twice.
const CHUNKS: usize = 8;

/// Where packets are read to. It holds nothing before its first use.
///
/// One small packet that waits keeps its whole chunk. When all chunks are kept, packets are copied out, which costs
/// time but no more memory than they have bytes.
#[derive(Debug, Default)]
pub struct PacketArena {
    /// The first is the one in use, the last the one that was used up most lately.
    chunks: VecDeque<BytesMut>,
    /// In use while no chunk is free; empty otherwise.
    spare: Option<BytesMut>,
}

impl PacketArena {
    /// Where to read the next packet to: empty, with room for one of any length.
    pub fn room(&mut self) -> &mut BytesMut {
        let current = self.chunks.front().is_some_and(|chunk| chunk.capacity() >= ROOM);
        let mut found = current;
        if !current {
            // The one that was used up first is the likeliest to be free.
            for _ in 0..self.chunks.len() {
                self.chunks.rotate_left(1);
                if self.chunks.front_mut().is_some_and(|chunk| chunk.try_reclaim(CHUNK)) {
                    found = true;
                    break;
                }
            }
        }
        if !found && self.chunks.len() < CHUNKS {
            self.chunks.push_front(BytesMut::with_capacity(CHUNK));
            found = true;
        }
        if found {
            self.spare = None
        } else {
            self.spare.get_or_insert_default().reserve(ROOM)
        }
        match (&mut self.spare, self.chunks.front_mut()) {
            (Some(spare), _) => spare,
            (None, Some(chunk)) => chunk,
            (None, None) => unreachable!("without a chunk there is a spare one"),
        }
    }

    /// What has been read to [`Self::room`], without its first `skip` bytes.
    pub fn take(&mut self, skip: usize) -> BytesMut {
        if let Some(spare) = &mut self.spare {
            let packet = BytesMut::from(spare.get(skip..).unwrap_or_default());
            spare.clear();
            return packet;
        }
        let Some(chunk) = self.chunks.front_mut() else { return BytesMut::new() };
        chunk.advance(skip.min(chunk.len()));
        chunk.split()
    }
}
