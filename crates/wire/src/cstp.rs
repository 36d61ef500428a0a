//! CSTP: the frames that a tunnel's TLS connection carries after CONNECT.
//!
//! A frame is `53 54 46 01 | payload length, big endian | type | 00 | payload`. A writer puts exactly one frame into
//! one TLS record, because peers drop or die on a record with two, unless both ends have agreed to
//! [super-packets](crate::super_packet); a reader accepts any segmentation.

use thiserror::Error;

pub mod disconnect;

/// Bytes before the payload.
pub const HEADER_LEN: usize = 8;
/// The longest payload, in bytes: a whole frame fits one TLS record (RFC 8446 section 5.1: 2^14 bytes).
pub const MAX_PAYLOAD: usize = 16_384 - HEADER_LEN;
/// The longest payload of a [`FrameType::SuperPacket`] frame, in bytes: it may span TLS records.
pub const MAX_SUPER_PAYLOAD: usize = 65_535;

const MAGIC: [u8; 4] = *b"STF\x01";

/// What a frame is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FrameType {
    /// One IP packet.
    Data,
    /// "Are you there?"; answered by [`FrameType::DpdResponse`] with the same payload.
    DpdRequest,
    /// "I am."
    DpdResponse,
    /// The sender is leaving; the payload is read by [`disconnect::decode`].
    Disconnect,
    /// Keeps address translators from forgetting the connection; needs no answer.
    Keepalive,
    /// One compressed IP packet. Praya never negotiates compression, so nobody may send it to us.
    Compressed,
    /// The gateway is going down; the client does not reconnect.
    Terminate,
    /// A packet that the receiver may have to split, read by [`crate::super_packet::decode`]. Only between two ends
    /// that have both agreed to it.
    SuperPacket,
}

impl FrameType {
    /// Every type, in the order of the codes.
    pub const ALL: [Self; 8] = [
        Self::Data,
        Self::DpdRequest,
        Self::DpdResponse,
        Self::Disconnect,
        Self::Keepalive,
        Self::Compressed,
        Self::Terminate,
        Self::SuperPacket,
    ];

    /// The code on the wire.
    pub const fn code(self) -> u8 {
        match self {
            Self::Data => 0,
            Self::DpdRequest => 3,
            Self::DpdResponse => 4,
            Self::Disconnect => 5,
            Self::Keepalive => 7,
            Self::Compressed => 8,
            Self::Terminate => 9,
            Self::SuperPacket => 0x50,
        }
    }

    /// The type of that code.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }

    /// The longest payload that a frame of this type may have, in bytes.
    pub const fn max_payload(self) -> usize {
        match self {
            Self::SuperPacket => MAX_SUPER_PAYLOAD,
            Self::Data
            | Self::DpdRequest
            | Self::DpdResponse
            | Self::Disconnect
            | Self::Keepalive
            | Self::Compressed
            | Self::Terminate => MAX_PAYLOAD,
        }
    }
}

/// A frame that lies in somebody's buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// What it is for.
    pub kind: FrameType,
    /// What it carries, at most [`FrameType::max_payload`] bytes.
    pub payload: &'a [u8],
}

/// Why bytes are not CSTP. The stream cannot be resynchronised: the connection is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum CstpError {
    /// The header does not start and end as it must.
    #[error("not a CSTP header")]
    BadHeader,
    /// A type that nobody has defined.
    #[error("unknown CSTP frame type {0:#04x}")]
    UnknownType(u8),
    /// A payload above [`FrameType::max_payload`].
    #[error("CSTP payload of {0} bytes is too long")]
    TooLong(usize),
}

/// The header of a frame with a payload of `len` bytes; `len` is expected not to exceed [`FrameType::max_payload`].
pub const fn encode_header(kind: FrameType, len: u16) -> [u8; HEADER_LEN] {
    let [m0, m1, m2, m3] = MAGIC;
    let [high, low] = len.to_be_bytes();
    [m0, m1, m2, m3, high, low, kind.code(), 0]
}

/// A whole frame.
///
/// # Errors
/// [`CstpError::TooLong`] above [`FrameType::max_payload`].
pub fn encode(kind: FrameType, payload: &[u8]) -> Result<Vec<u8>, CstpError> {
    let mut frame = Vec::with_capacity(HEADER_LEN.saturating_add(payload.len()));
    encode_into(kind, payload, &mut frame)?;
    Ok(frame)
}

/// Appends a whole frame to `out`, for callers that keep a buffer.
///
/// # Errors
/// [`CstpError::TooLong`] above [`FrameType::max_payload`]; `out` is then unchanged.
pub fn encode_into(kind: FrameType, payload: &[u8], out: &mut Vec<u8>) -> Result<(), CstpError> {
    let too_long = CstpError::TooLong(payload.len());
    if payload.len() > kind.max_payload() {
        return Err(too_long);
    }
    let len = u16::try_from(payload.len()).map_err(|_| too_long)?;
    out.extend_from_slice(&encode_header(kind, len));
    out.extend_from_slice(payload);
    Ok(())
}

/// The frame at the start of `bytes` and how many bytes it takes; `None` when more bytes are needed.
///
/// A wrong header is refused as soon as the header is there, before its payload is waited for.
///
/// # Errors
/// See [`CstpError`].
pub fn decode(bytes: &[u8]) -> Result<Option<(Frame<'_>, usize)>, CstpError> {
    let Some((kind, len)) = decode_header(bytes)? else { return Ok(None) };
    let whole = HEADER_LEN + len;
    Ok(bytes.get(HEADER_LEN..whole).map(|payload| (Frame { kind, payload }, whole)))
}

/// The type and the payload's length, in bytes, of the frame at the start of `bytes`, however much of the payload is
/// there; `None` when more bytes are needed for the header.
///
/// # Errors
/// See [`CstpError`].
pub fn decode_header(bytes: &[u8]) -> Result<Option<(FrameType, usize)>, CstpError> {
    let Some(header) = bytes.first_chunk::<HEADER_LEN>() else {
        // Garbage is refused even when it is shorter than a header.
        let wrong = bytes.iter().zip(MAGIC).any(|(byte, magic)| *byte != magic);
        return if wrong { Err(CstpError::BadHeader) } else { Ok(None) };
    };
    let [m0, m1, m2, m3, high, low, code, zero] = *header;
    if [m0, m1, m2, m3] != MAGIC || zero != 0 {
        return Err(CstpError::BadHeader);
    }
    let kind = FrameType::from_code(code).ok_or(CstpError::UnknownType(code))?;
    let len = usize::from(u16::from_be_bytes([high, low]));
    if len > kind.max_payload() {
        return Err(CstpError::TooLong(len));
    }
    Ok(Some((kind, len)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_frame_is_encoded_as_specified() {
        assert_eq!(
            encode(FrameType::DpdRequest, b"ab").unwrap(),
            [0x53, 0x54, 0x46, 0x01, 0x00, 0x02, 0x03, 0x00, b'a', b'b']
        );
        assert_eq!(encode_header(FrameType::Data, 0x0102), [0x53, 0x54, 0x46, 0x01, 0x01, 0x02, 0x00, 0x00]);
    }

    #[test]
    fn a_part_of_a_frame_asks_for_more() {
        let frame = encode(FrameType::Data, b"packet").unwrap();
        for cut in 0..frame.len() {
            assert_eq!(decode(&frame[..cut]), Ok(None), "{cut}");
        }
    }

    #[test]
    fn wrong_headers_are_refused() {
        for (bytes, error) in [
            (&b"GET / HT"[..], CstpError::BadHeader),
            (b"ST\x00", CstpError::BadHeader),
            (b"STF\x02\0\0\0\0", CstpError::BadHeader),
            (b"STF\x01\0\0\0\x01", CstpError::BadHeader),
            (b"STF\x01\0\0\x06\0", CstpError::UnknownType(6)),
            (b"STF\x01\xff\xff\0\0", CstpError::TooLong(65_535)),
            (b"STF\x01\x3f\xf9\x09\0", CstpError::TooLong(16_377)),
        ] {
            assert_eq!(decode(bytes), Err(error));
        }
    }

    #[test]
    fn a_payload_fits_one_tls_record_or_is_refused() {
        let longest = vec![0; MAX_PAYLOAD];
        assert_eq!(encode(FrameType::Data, &longest).unwrap().len(), 16_384);
        assert_eq!(encode(FrameType::SuperPacket, &[0; MAX_SUPER_PAYLOAD]).unwrap().len(), 65_543);
        let mut out = vec![7];
        let longer = vec![0; MAX_PAYLOAD + 1];
        assert_eq!(encode_into(FrameType::Data, &longer, &mut out), Err(CstpError::TooLong(MAX_PAYLOAD + 1)));
        assert_eq!(out, [7]);
    }

    proptest! {
        #[test]
        fn what_is_encoded_decodes_the_same(
            kind in prop::sample::select(FrameType::ALL.to_vec()),
            payload in prop::collection::vec(any::<u8>(), 0..2000),
            next in prop::collection::vec(any::<u8>(), 0..20),
        ) {
            let mut bytes = encode(kind, &payload).unwrap();
            let whole = bytes.len();
            bytes.extend(&next);
            prop_assert_eq!(decode(&bytes), Ok(Some((Frame { kind, payload: &payload }, whole))));
        }

        #[test]
        fn any_bytes_decode_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            crate::fuzz::cstp(&bytes);
            let mut framed = MAGIC.to_vec();
            framed.extend(bytes);
            crate::fuzz::cstp(&framed);
        }
    }
}
