//! The messages of a handshake, read and written (RFC 5246 section 7.4, RFC 6347 section 4.3.2).

use crate::error::HandshakeError;
use crate::session_id::SessionId;
use crate::suite::Suite;

/// DTLS 1.2 on the wire.
pub(crate) const VERSION: u16 = 0xfefd;
/// DTLS 1.0 on the wire: what a first hello's record says, and a request to repeat it.
pub(crate) const VERSION_1_0: u16 = 0xfeff;

pub(crate) const RANDOM_LEN: usize = 32;
pub(crate) const HEADER_LEN: usize = 12;

/// Kinds of handshake messages.
pub(crate) mod kind {
    pub(crate) const HELLO_REQUEST: u8 = 0;
    pub(crate) const CLIENT_HELLO: u8 = 1;
    pub(crate) const SERVER_HELLO: u8 = 2;
    pub(crate) const HELLO_VERIFY_REQUEST: u8 = 3;
    pub(crate) const SERVER_KEY_EXCHANGE: u8 = 12;
    pub(crate) const SERVER_HELLO_DONE: u8 = 14;
    pub(crate) const CLIENT_KEY_EXCHANGE: u8 = 16;
    pub(crate) const FINISHED: u8 = 20;
}

const EXTENDED_MASTER_SECRET: u16 = 23;
const RENEGOTIATION_INFO: u16 = 0xff01;
/// The suite number by which a client says what the extension of the same meaning would (RFC 5746 section 3.3).
const RENEGOTIATION_SCSV: u16 = 0x00ff;

/// Reads from the front of a slice; `None` where it ends too early.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a>(pub(crate) &'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    pub(crate) fn u8(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(crate) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    pub(crate) fn u24(&mut self) -> Option<usize> {
        let [high, middle, low] = self.array()?;
        usize::try_from(u32::from_be_bytes([0, high, middle, low])).ok()
    }

    pub(crate) fn vec8(&mut self) -> Option<&'a [u8]> {
        let length = self.u8()?;
        self.take(usize::from(length))
    }

    pub(crate) fn vec16(&mut self) -> Option<&'a [u8]> {
        let length = self.u16()?;
        self.take(usize::from(length))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The head of a handshake message or of a fragment of one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Fragment<'a> {
    pub(crate) kind: u8,
    /// Bytes of the whole message.
    pub(crate) length: usize,
    pub(crate) sequence: u16,
    pub(crate) offset: usize,
    pub(crate) bytes: &'a [u8],
}

impl<'a> Fragment<'a> {
    /// `None` if it does not lie within its message or within what was received.
    pub(crate) fn read(reader: &mut Reader<'a>) -> Option<Self> {
        let (kind, length, sequence) = (reader.u8()?, reader.u24()?, reader.u16()?);
        let (offset, here) = (reader.u24()?, reader.u24()?);
        let bytes = reader.take(here)?;
        (offset.checked_add(here)? <= length).then_some(Self { kind, length, sequence, offset, bytes })
    }

    /// Whether it is the whole message.
    pub(crate) fn is_whole(&self) -> bool {
        self.bytes.len() == self.length
    }

    /// Whether it is the last part of its message.
    pub(crate) fn is_last(&self) -> bool {
        self.offset + self.bytes.len() == self.length
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.push(self.kind);
        push_u24(out, self.length);
        out.extend_from_slice(&self.sequence.to_be_bytes());
        push_u24(out, self.offset);
        push_u24(out, self.bytes.len());
        out.extend_from_slice(self.bytes);
    }
}

/// A message with the header of an unfragmented one, which is also how the transcript sees it (RFC 6347 section 4.2.6).
pub(crate) fn message(kind: u8, sequence: u16, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(HEADER_LEN + body.len());
    Fragment { kind, length: body.len(), sequence, offset: 0, bytes: body }.write(&mut out);
    out
}

/// What a client offers.
#[derive(Clone, Copy)]
pub(crate) struct ClientHello<'a> {
    pub(crate) version: u16,
    pub(crate) random: [u8; RANDOM_LEN],
    pub(crate) session_id: SessionId,
    pub(crate) cookie: &'a [u8],
    /// Pairs of bytes.
    suites: &'a [u8],
    compressions: &'a [u8],
    pub(crate) extended_master_secret: bool,
    pub(crate) renegotiation_info: bool,
}

impl<'a> ClientHello<'a> {
    pub(crate) fn read(body: &'a [u8]) -> Option<Self> {
        let mut reader = Reader(body);
        let mut hello = Self {
            version: reader.u16()?,
            random: reader.array()?,
            session_id: SessionId::read(&mut reader)?,
            cookie: reader.vec8()?,
            suites: reader.vec16()?,
            compressions: reader.vec8()?,
            extended_master_secret: false,
            renegotiation_info: false,
        };
        hello.renegotiation_info = hello.names(RENEGOTIATION_SCSV);
        if !reader.is_empty() {
            let mut extensions = Reader(reader.vec16()?);
            while !extensions.is_empty() {
                let (code, content) = (extensions.u16()?, extensions.vec16()?);
                match code {
                    EXTENDED_MASTER_SECRET if content.is_empty() => hello.extended_master_secret = true,
                    RENEGOTIATION_INFO if content == [0] => hello.renegotiation_info = true,
                    EXTENDED_MASTER_SECRET | RENEGOTIATION_INFO => return None,
                    _ => {}
                }
            }
        }
        (reader.is_empty() && hello.suites.len().is_multiple_of(2)).then_some(hello)
    }

    pub(crate) fn offers(&self, suite: Suite) -> bool {
        self.names(suite.code())
    }

    fn names(&self, code: u16) -> bool {
        self.suites.chunks_exact(2).any(|suite| suite == code.to_be_bytes())
    }

    pub(crate) fn offers_no_compression(&self) -> bool {
        self.compressions.contains(&0)
    }

    /// What a cookie stands for: everything but the cookie itself (RFC 6347 section 4.2.1).
    pub(crate) fn parameters(&self) -> [&[u8]; 4] {
        [&self.random, self.session_id.as_bytes(), self.suites, self.compressions]
    }
}

/// Writes the body of a client's hello.
pub(crate) fn client_hello(
    random: &[u8; RANDOM_LEN],
    session_id: &SessionId,
    cookie: &[u8],
    suites: &[Suite],
    extended_master_secret: bool,
) -> Vec<u8> {
    let mut out = Vec::with_capacity(160 + cookie.len());
    out.extend_from_slice(&VERSION.to_be_bytes());
    out.extend_from_slice(random);
    push_vec8(&mut out, session_id.as_bytes());
    push_vec8(&mut out, cookie);
    push_vec16(&mut out, &suites.iter().flat_map(|suite| suite.code().to_be_bytes()).collect::<Vec<u8>>());
    push_vec8(&mut out, &[0]);
    push_extensions(&mut out, extended_master_secret, true);
    out
}

/// What a server chose.
pub(crate) struct ServerHello {
    pub(crate) random: [u8; RANDOM_LEN],
    pub(crate) session_id: SessionId,
    pub(crate) suite: u16,
    pub(crate) extended_master_secret: bool,
}

impl ServerHello {
    pub(crate) fn read(body: &[u8], offered_extended_master_secret: bool) -> Result<Self, HandshakeError> {
        const SHORT: HandshakeError = HandshakeError::Malformed("a server's hello");
        let mut reader = Reader(body);
        if reader.u16().ok_or(SHORT)? != VERSION {
            return Err(HandshakeError::NoCommonVersion);
        }
        let mut hello = Self {
            random: reader.array().ok_or(SHORT)?,
            session_id: SessionId::read(&mut reader).ok_or(SHORT)?,
            suite: reader.u16().ok_or(SHORT)?,
            extended_master_secret: false,
        };
        if reader.u8() != Some(0) {
            return Err(HandshakeError::Malformed("a compression that was not offered"));
        }
        if !reader.is_empty() {
            let mut extensions = Reader(reader.vec16().filter(|_| reader.is_empty()).ok_or(SHORT)?);
            while !extensions.is_empty() {
                match (extensions.u16().ok_or(SHORT)?, extensions.vec16().ok_or(SHORT)?) {
                    (EXTENDED_MASTER_SECRET, []) if offered_extended_master_secret => {
                        hello.extended_master_secret = true;
                    }
                    (EXTENDED_MASTER_SECRET, []) => return Err(HandshakeError::MixedMasterSecret),
                    (RENEGOTIATION_INFO, [0]) => {}
                    _ => return Err(HandshakeError::Malformed("an extension that was not offered")),
                }
            }
        }
        Ok(hello)
    }
}

/// Writes the body of a server's hello; both extensions only if the client named them.
pub(crate) fn server_hello(
    random: &[u8; RANDOM_LEN],
    session_id: &SessionId,
    suite: Suite,
    extended_master_secret: bool,
    renegotiation_info: bool,
) -> Vec<u8> {
    let mut out = Vec::with_capacity(96);
    out.extend_from_slice(&VERSION.to_be_bytes());
    out.extend_from_slice(random);
    push_vec8(&mut out, session_id.as_bytes());
    out.extend_from_slice(&suite.code().to_be_bytes());
    out.push(0);
    push_extensions(&mut out, extended_master_secret, renegotiation_info);
    out
}

/// The cookie of a request to repeat the hello.
pub(crate) fn read_hello_verify_request(body: &[u8]) -> Option<&[u8]> {
    let mut reader = Reader(body);
    // The version says nothing here: DTLS 1.0 for compatibility (RFC 6347 section 4.2.1).
    let _version = reader.u16()?;
    reader.vec8().filter(|cookie| !cookie.is_empty() && reader.is_empty())
}

pub(crate) fn hello_verify_request(cookie: &[u8]) -> Vec<u8> {
    let mut out = VERSION_1_0.to_be_bytes().to_vec();
    push_vec8(&mut out, cookie);
    out
}

fn push_extensions(out: &mut Vec<u8>, extended_master_secret: bool, renegotiation_info: bool) {
    let mut extensions = Vec::with_capacity(9);
    if extended_master_secret {
        extensions.extend_from_slice(&EXTENDED_MASTER_SECRET.to_be_bytes());
        push_vec16(&mut extensions, &[]);
    }
    if renegotiation_info {
        extensions.extend_from_slice(&RENEGOTIATION_INFO.to_be_bytes());
        push_vec16(&mut extensions, &[0]);
    }
    if !extensions.is_empty() {
        push_vec16(out, &extensions);
    }
}

/// At most 255 bytes; what would not fit is cut, which no caller's lengths allow.
fn push_vec8(out: &mut Vec<u8>, bytes: &[u8]) {
    let length = u8::try_from(bytes.len()).unwrap_or(u8::MAX);
    out.push(length);
    out.extend(bytes.iter().take(usize::from(length)));
}

/// At most 65535 bytes; what would not fit is cut, which no caller's lengths allow.
pub(crate) fn push_vec16(out: &mut Vec<u8>, bytes: &[u8]) {
    let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    out.extend_from_slice(&length.to_be_bytes());
    out.extend(bytes.iter().take(usize::from(length)));
}

/// The low 24 bits; no message of ours is near them.
fn push_u24(out: &mut Vec<u8>, value: usize) {
    let [.., high, middle, low] = value.to_be_bytes();
    out.extend_from_slice(&[high, middle, low]);
}
