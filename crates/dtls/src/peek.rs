//! A look at a datagram by one who holds no state for its sender yet: is it a hello, and whose; is it a record, and of
//! which epoch. Total functions that copy nothing. Nothing they say is proven.

use crate::codec::{Fragment, RANDOM_LEN, Reader, kind};
use crate::record::{Header, RECORD_HEADER_LEN, content};

/// What the front of a client's hello says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Hello<'a> {
    /// The session id; of a client of ours the App-ID. Empty, or up to 32 bytes.
    pub session_id: &'a [u8],
    /// Different in each handshake, the same in each repetition of one hello: tells the two apart.
    pub random: &'a [u8; RANDOM_LEN],
}

/// The hello that begins this datagram; `None` if something else does, or if the fragment ends before the session id.
#[must_use]
pub fn client_hello(datagram: &[u8]) -> Option<Hello<'_>> {
    let fragment = client_hello_fragment(datagram)?;
    let mut reader = Reader(fragment.bytes);
    let _version = reader.u16()?;
    let random = reader.take(RANDOM_LEN)?.try_into().ok()?;
    let session_id = reader.vec8()?;
    (session_id.len() <= crate::SessionId::MAX).then_some(Hello { session_id, random })
}

/// The first fragment of the hello that begins this datagram.
pub(crate) fn client_hello_fragment(datagram: &[u8]) -> Option<Fragment<'_>> {
    let header = Header::read(datagram)?;
    let payload = datagram.get(RECORD_HEADER_LEN..)?.get(..header.length)?;
    let fragment = Fragment::read(&mut Reader(payload))?;
    let hello = header.epoch == 0
        && header.content == content::HANDSHAKE
        && fragment.kind == kind::CLIENT_HELLO
        && fragment.offset == 0;
    hello.then_some(fragment)
}

/// The epoch of the first record: 0 is a handshake's, 1 a connection's. `None` if the datagram begins with no record.
#[must_use]
pub fn epoch(datagram: &[u8]) -> Option<u16> {
    Header::read(datagram).map(|header| header.epoch)
}
