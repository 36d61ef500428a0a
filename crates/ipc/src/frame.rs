//! Frames: a length in four bytes, big endian, and that many bytes of JSON.
//!
//! Decoding is strict where it protects and forgiving where it helps: a frame that is too long, or is no frame of
//! this protocol at all, closes the connection; a request that this version does not know is answered with a
//! failure and the connection lives on.

use praya_model::FailureCode;
use serde::Deserialize;
use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;

use crate::message::{ClientHello, FromService, Request};

/// The longest frame, in bytes of JSON.
pub const MAX_FRAME: usize = 1024 * 1024;
/// The longest frame that a view may send, in bytes of JSON: requests are small.
pub const MAX_REQUEST: usize = 64 * 1024;
/// The length's own length, in bytes.
const LENGTH: usize = 4;

/// Why a connection cannot go on. Never holds any of the peer's bytes.
#[derive(Debug, Error)]
pub enum FrameError {
    /// The peer announces more than the limit.
    #[error("frame of {length} bytes, at most {limit} are taken")]
    TooLong {
        /// What it announced.
        length: u64,
        /// What is taken.
        limit: usize,
    },
    /// The frame is empty, or not JSON, or not a frame of this protocol.
    #[error("not a frame of this protocol")]
    Malformed,
    /// A value does not fit into a frame, or cannot be written as JSON.
    #[error("a message does not fit into a frame")]
    Unwritable,
}

/// Cuts a stream of bytes into frames.
#[derive(Debug)]
pub struct Decoder {
    buffer: Vec<u8>,
    limit: usize,
}

impl Decoder {
    /// A decoder that takes frames of at most `limit` bytes, and never more than [`MAX_FRAME`].
    pub fn new(limit: usize) -> Self {
        Self { buffer: Vec::new(), limit: limit.min(MAX_FRAME) }
    }

    /// Adds bytes as they came.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Takes the next whole frame's JSON out; `None` while there is none.
    ///
    /// # Errors
    /// [`FrameError::TooLong`] as soon as the length is there; the stream is lost then.
    pub fn next_frame(&mut self) -> Result<Option<Vec<u8>>, FrameError> {
        let Some((length, rest)) = self.buffer.split_first_chunk::<LENGTH>() else {
            return Ok(None);
        };
        let announced = u32::from_be_bytes(*length);
        let length = usize::try_from(announced).unwrap_or(usize::MAX);
        if length > self.limit {
            return Err(FrameError::TooLong { length: u64::from(announced), limit: self.limit });
        }
        let Some(frame) = rest.get(..length).map(<[u8]>::to_vec) else {
            return Ok(None);
        };
        self.buffer.drain(..LENGTH + length);
        Ok(Some(frame))
    }

    /// How many bytes wait for the rest of their frame.
    pub fn pending(&self) -> usize {
        self.buffer.len()
    }
}

/// Writes `message` as one frame.
///
/// # Errors
/// [`FrameError::Unwritable`] when it is longer than [`MAX_FRAME`].
pub fn encode<T: Serialize>(message: &T) -> Result<Vec<u8>, FrameError> {
    let mut frame = vec![0; LENGTH];
    serde_json::to_writer(&mut frame, message).map_err(|_| FrameError::Unwritable)?;
    let length = frame.len() - LENGTH;
    if length > MAX_FRAME {
        return Err(FrameError::Unwritable);
    }
    let length = u32::try_from(length).map_err(|_| FrameError::Unwritable)?;
    for (to, from) in frame.iter_mut().zip(length.to_be_bytes()) {
        *to = from;
    }
    Ok(frame)
}

/// A view's frame as the service reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Incoming {
    /// A hello.
    Hello(ClientHello),
    /// A request that is understood.
    Request {
        /// Its number.
        id: u64,
        /// What is asked.
        request: Request,
    },
    /// A request that is not understood: answer `failure` and go on.
    Unknown {
        /// Its number.
        id: u64,
        /// What to answer.
        failure: FailureCode,
    },
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Envelope {
    Hello(ClientHello),
    Request { id: u64, request: serde_json::Value },
}

/// Reads a view's frame.
///
/// # Errors
/// [`FrameError::Malformed`] when there is not even a request's number to answer to.
pub fn decode_to_service(json: &[u8]) -> Result<Incoming, FrameError> {
    match decode::<Envelope>(json)? {
        Envelope::Hello(hello) => Ok(Incoming::Hello(hello)),
        Envelope::Request { id, request } => Ok(match serde_json::from_value(request) {
            Ok(request) => Incoming::Request { id, request },
            // serde's words could quote a secret, so they stay here.
            Err(_) => Incoming::Unknown {
                id,
                failure: FailureCode::Protocol {
                    detail: "the service does not know this request".to_owned(),
                },
            },
        }),
    }
}

/// Reads a frame of the service.
///
/// # Errors
/// [`FrameError::Malformed`].
pub fn decode_from_service(json: &[u8]) -> Result<FromService, FrameError> {
    decode(json)
}

fn decode<T: DeserializeOwned>(json: &[u8]) -> Result<T, FrameError> {
    serde_json::from_slice(json).map_err(|_| FrameError::Malformed)
}

#[cfg(test)]
mod tests {
    use praya_model::{Secret, SignInAnswer, Snapshot};
    use proptest::prelude::*;

    use super::*;
    use crate::message::{ClientKind, Event, Response, ToService};

    fn frames(bytes: &[u8]) -> Vec<Vec<u8>> {
        let mut decoder = Decoder::new(MAX_FRAME);
        decoder.feed(bytes);
        std::iter::from_fn(|| decoder.next_frame().unwrap()).collect()
    }

    #[test]
    fn what_is_written_is_read() {
        let hello = ClientHello { protocol: 1, kind: ClientKind::Cli, version: "0.1.0".to_owned() };
        let answer = Request::Answer { round: 3, answer: SignInAnswer::Otp { code: Secret::new("123456") } };
        for (message, expected) in [
            (ToService::Hello(hello.clone()), Incoming::Hello(hello)),
            (
                ToService::Request { id: 1, request: Request::Subscribe },
                Incoming::Request { id: 1, request: Request::Subscribe },
            ),
            (
                ToService::Request { id: u64::MAX, request: answer.clone() },
                Incoming::Request { id: u64::MAX, request: answer },
            ),
        ] {
            let read = frames(&encode(&message).unwrap());
            assert_eq!(read.len(), 1);
            assert_eq!(decode_to_service(&read[0]).unwrap(), expected);
        }
        for message in [
            FromService::Answer { id: 1, response: Response::Done },
            FromService::Answer { id: 2, response: FailureCode::NotSignedIn.into() },
            FromService::Event { event: Event::Snapshot { snapshot: Box::new(Snapshot::default()) } },
        ] {
            let read = frames(&encode(&message).unwrap());
            assert_eq!(decode_from_service(&read[0]).unwrap(), message);
        }
    }

    #[test]
    fn a_request_that_is_not_known_gets_an_answer_and_the_connection_lives() {
        for json in [
            r#"{"type":"request","id":7,"request":{"request":"fly"}}"#,
            r#"{"type":"request","id":7,"request":{"request":"logout","reason":"tray_exit","wings":2}}"#,
            r#"{"type":"request","id":7,"request":{"request":"answer","round":"x"}}"#,
            r#"{"type":"request","id":7,"request":null}"#,
        ] {
            assert!(
                matches!(decode_to_service(json.as_bytes()), Ok(Incoming::Unknown { id: 7, .. })),
                "{json}"
            );
        }
    }

    #[test]
    fn what_is_no_frame_is_refused() {
        for json in
            ["", "null", "{}", "[]", r#"{"type":"request"}"#, r#"{"type":"request","id":-1}"#, "\u{0}"]
        {
            assert!(matches!(decode_to_service(json.as_bytes()), Err(FrameError::Malformed)), "{json}");
        }
    }

    #[test]
    fn a_frame_beyond_the_limit_is_refused_before_it_has_arrived() {
        let mut decoder = Decoder::new(MAX_REQUEST);
        decoder.feed(&u32::MAX.to_be_bytes());
        assert!(matches!(decoder.next_frame(), Err(FrameError::TooLong { .. })));
        let mut decoder = Decoder::new(usize::MAX);
        decoder.feed(&(u32::try_from(MAX_FRAME).unwrap() + 1).to_be_bytes());
        assert!(matches!(decoder.next_frame(), Err(FrameError::TooLong { .. })));
    }

    proptest! {
        #[test]
        fn frames_arrive_whole_however_they_are_cut(
            versions in prop::collection::vec(".{0,40}", 1..6),
            cuts in prop::collection::vec(1..7_usize, 1..40),
        ) {
            let sent: Vec<ToService> = versions
                .into_iter()
                .map(|version| ToService::Hello(ClientHello { protocol: 1, kind: ClientKind::Other, version }))
                .collect();
            let bytes: Vec<u8> = sent.iter().flat_map(|message| encode(message).unwrap()).collect();
            let mut decoder = Decoder::new(MAX_REQUEST);
            let mut got = Vec::new();
            let mut rest = bytes.as_slice();
            for cut in cuts.iter().cycle() {
                let (now, later) = rest.split_at((*cut).min(rest.len()));
                decoder.feed(now);
                rest = later;
                while let Some(frame) = decoder.next_frame().unwrap() {
                    got.push(decode::<ToService>(&frame).unwrap());
                }
                if rest.is_empty() {
                    break;
                }
            }
            prop_assert_eq!(got, sent);
            prop_assert_eq!(decoder.pending(), 0);
        }

        #[test]
        fn any_bytes_are_read_without_harm(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            crate::fuzz::frame(&bytes);
        }
    }
}
