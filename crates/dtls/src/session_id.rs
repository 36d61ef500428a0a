//! The session id of a hello: the App-ID by which a gateway finds the session, or the id of a session to resume.

use crate::codec::Reader;

/// At most 32 bytes. Whoever knows a session's id can disturb its handshake, so it is not shown.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct SessionId {
    bytes: [u8; Self::MAX],
    length: u8,
}

impl SessionId {
    /// The longest there is (RFC 5246 section 7.4.1.2).
    pub const MAX: usize = 32;

    /// `None` if there are more than [`Self::MAX`] bytes.
    #[must_use]
    pub fn new(id: &[u8]) -> Option<Self> {
        let mut bytes = [0; Self::MAX];
        bytes.get_mut(..id.len())?.copy_from_slice(id);
        Some(Self { bytes, length: u8::try_from(id.len()).ok()? })
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        Self::new(reader.vec8()?)
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.length)).unwrap_or_default()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.length == 0
    }
}

impl std::fmt::Debug for SessionId {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "SessionId({} bytes)", self.length)
    }
}
