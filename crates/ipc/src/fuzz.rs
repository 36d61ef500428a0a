//! What fuzz targets and the replay of the committed corpus call.

use crate::frame::{Decoder, Incoming, MAX_REQUEST, decode_from_service, decode_to_service, encode};
use crate::message::ToService;

/// Reads `data` as a stream from a hostile peer, in the roles of service and view.
///
/// # Panics
/// When a frame that is understood does not come back from being written and read again.
pub fn frame(data: &[u8]) {
    let mut decoder = Decoder::new(MAX_REQUEST);
    for piece in data.chunks(7) {
        decoder.feed(piece);
        loop {
            let json = match decoder.next_frame() {
                Ok(Some(json)) => json,
                Ok(None) => break,
                Err(_) => return,
            };
            let _ = decode_from_service(&json);
            let message = match decode_to_service(&json) {
                Ok(Incoming::Hello(hello)) => ToService::Hello(hello),
                Ok(Incoming::Request { id, request }) => ToService::Request { id, request },
                Ok(Incoming::Unknown { .. }) | Err(_) => continue,
            };
            let written = encode(&message).expect("a message that fitted into a frame fits again");
            let mut again = Decoder::new(usize::MAX);
            again.feed(&written);
            let json = again.next_frame().ok().flatten().expect("a written frame is whole");
            let read: ToService = serde_json::from_slice(&json).expect("a written message is read");
            assert_eq!(read, message);
        }
    }
}
