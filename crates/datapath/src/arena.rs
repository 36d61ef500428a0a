//! Memory for packets that arrive: large chunks, cut into packets without copying, used again when all are gone.

use std::collections::VecDeque;

use bytes::BytesMut;

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

    /// What has been read to [`Self::room`].
    pub fn take(&mut self) -> BytesMut {
        if let Some(spare) = &mut self.spare {
            let packet = BytesMut::from(&spare[..]);
            spare.clear();
            return packet;
        }
        self.chunks.front_mut().map(BytesMut::split).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(arena: &mut PacketArena, packet: &[u8]) -> BytesMut {
        let room = arena.room();
        assert!(room.is_empty() && room.capacity() >= ROOM);
        room.extend_from_slice(packet);
        arena.take()
    }

    #[test]
    fn packets_share_chunks_and_chunks_are_used_again() {
        let mut arena = PacketArena::default();
        let mut places = std::collections::BTreeSet::new();
        for number in 0..1000_u32 {
            let packet = [number as u8; 60_000];
            let read = read(&mut arena, &packet).freeze();
            assert_eq!(read, packet[..]);
            places.insert(read.as_ptr() as usize);
        }
        assert_eq!(arena.chunks.len(), 1);
        assert!(places.len() <= CHUNK / 60_000, "always the same places");
    }

    #[test]
    fn packets_that_wait_keep_what_is_in_them() {
        let mut arena = PacketArena::default();
        let mut waiting = VecDeque::new();
        for number in 0..10_000_u32 {
            waiting.push_back((number, read(&mut arena, &number.to_be_bytes().repeat(300)).freeze()));
            if waiting.len() > 100 {
                let (number, packet) = waiting.pop_front().unwrap();
                assert_eq!(packet, number.to_be_bytes().repeat(300));
            }
        }
        assert!(arena.chunks.len() <= 3);
    }

    #[test]
    fn when_all_chunks_are_kept_packets_are_copied_and_take_no_more_than_they_need() {
        let mut arena = PacketArena::default();
        let mut kept = Vec::new();
        while arena.spare.is_none() {
            kept.push(read(&mut arena, &[1; 50_000]).freeze());
        }
        assert_eq!(arena.chunks.len(), CHUNKS);
        let small = read(&mut arena, b"ping");
        assert_eq!((&small[..], small.capacity()), (&b"ping"[..], 4));
        kept.clear();
        read(&mut arena, b"pong");
        assert!(arena.spare.is_none(), "back to chunks");
    }
}
