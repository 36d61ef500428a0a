//! Super-packets: several packets of one flow as the sender's kernel joined them, in one CSTP frame.
//!
//! Both ends have to have said `X-Praya-Super-Packets: 1` (`docs/protocol.md`). The payload of a
//! [`FrameType::SuperPacket`] frame is `flags | 00 | segment size, big endian | packet`; such a frame may span TLS
//! records, and several frames may share one. What the packet's own headers say is for the receiver to check: nothing
//! here looks into it.

use thiserror::Error;

use crate::cstp::{self, CstpError, FrameType};

/// Bytes before the packet.
pub const META_LEN: usize = 4;
/// Bytes before the packet, the frame's header included.
pub const HEADER_LEN: usize = cstp::HEADER_LEN + META_LEN;
/// The longest packet, in bytes. It is a little less than an IP packet can have, because the frame's length counts
/// the bytes before it; a longer one has to be split.
pub const MAX_PACKET: usize = cstp::MAX_SUPER_PAYLOAD - META_LEN;

const PARTIAL_CHECKSUM: u8 = 1;

/// What the receiver cannot read from the packet itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Meta {
    /// The TCP or UDP checksum field holds the sum of the pseudo-header only.
    pub partial_checksum: bool,
    /// Payload bytes of each segment but the last, which may be shorter; zero for an ordinary packet.
    pub segment_size: u16,
}

/// Why a payload is no super-packet. The frames after it can still be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SuperPacketError {
    /// There is no packet in it.
    #[error("a super-packet without a packet")]
    TooShort,
    /// Flags or reserved bits that nobody has defined.
    #[error("a super-packet with unknown flags")]
    UnknownFlags,
}

/// What goes before a packet of `packet_len` bytes: the frame's header and the meta.
///
/// # Errors
/// [`CstpError::TooLong`] above [`MAX_PACKET`].
pub fn encode_header(meta: Meta, packet_len: usize) -> Result<[u8; HEADER_LEN], CstpError> {
    let too_long = CstpError::TooLong(packet_len);
    if packet_len > MAX_PACKET {
        return Err(too_long);
    }
    let len = u16::try_from(META_LEN + packet_len).map_err(|_| too_long)?;
    let [h0, h1, h2, h3, h4, h5, h6, h7] = cstp::encode_header(FrameType::SuperPacket, len);
    let flags = if meta.partial_checksum { PARTIAL_CHECKSUM } else { 0 };
    let [high, low] = meta.segment_size.to_be_bytes();
    Ok([h0, h1, h2, h3, h4, h5, h6, h7, flags, 0, high, low])
}

/// Reads the payload of a [`FrameType::SuperPacket`] frame.
///
/// # Errors
/// See [`SuperPacketError`].
pub fn decode(payload: &[u8]) -> Result<(Meta, &[u8]), SuperPacketError> {
    let Some((&[flags, reserved, high, low], packet)) = payload.split_first_chunk::<META_LEN>() else {
        return Err(SuperPacketError::TooShort);
    };
    if flags & !PARTIAL_CHECKSUM != 0 || reserved != 0 {
        return Err(SuperPacketError::UnknownFlags);
    }
    if packet.is_empty() {
        return Err(SuperPacketError::TooShort);
    }
    let meta = Meta {
        partial_checksum: flags & PARTIAL_CHECKSUM != 0,
        segment_size: u16::from_be_bytes([high, low]),
    };
    Ok((meta, packet))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_super_packet_is_encoded_as_specified() {
        let meta = Meta { partial_checksum: true, segment_size: 0x05a8 };
        assert_eq!(
            encode_header(meta, 0x1000).unwrap(),
            [0x53, 0x54, 0x46, 0x01, 0x10, 0x04, 0x50, 0x00, 0x01, 0x00, 0x05, 0xa8]
        );
    }

    #[test]
    fn the_longest_packet_fits_the_length_of_a_frame() {
        let header = encode_header(Meta::default(), MAX_PACKET).unwrap();
        assert_eq!(header.get(4..6), Some(&[0xff, 0xff][..]));
        assert_eq!(encode_header(Meta::default(), MAX_PACKET + 1), Err(CstpError::TooLong(MAX_PACKET + 1)));
    }

    #[test]
    fn what_nobody_has_defined_is_refused() {
        for (payload, error) in [
            (&b""[..], SuperPacketError::TooShort),
            (b"\0\0\x05", SuperPacketError::TooShort),
            (b"\0\0\x05\xa8", SuperPacketError::TooShort),
            (b"\x02\0\x05\xa8E", SuperPacketError::UnknownFlags),
            (b"\0\x01\x05\xa8E", SuperPacketError::UnknownFlags),
        ] {
            assert_eq!(decode(payload), Err(error), "{payload:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_encoded_decodes_the_same(
            partial_checksum: bool,
            segment_size: u16,
            packet in prop::collection::vec(any::<u8>(), 1..3000),
        ) {
            let meta = Meta { partial_checksum, segment_size };
            let mut bytes = encode_header(meta, packet.len()).unwrap().to_vec();
            bytes.extend(&packet);
            let (frame, used) = cstp::decode(&bytes).unwrap().unwrap();
            prop_assert_eq!((frame.kind, used), (FrameType::SuperPacket, bytes.len()));
            prop_assert_eq!(decode(frame.payload), Ok((meta, &packet[..])));
        }

        #[test]
        fn any_bytes_decode_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            crate::fuzz::super_packet(&bytes);
        }
    }
}
