//! Whether a hello's sender receives at the address it names, found out without holding any state (RFC 6347 section
//! 4.2.1): a server under load answers a hello with a cookie, and only looks at hellos that bring theirs.

use std::net::{IpAddr, SocketAddr};

use aws_lc_rs::hmac;

use crate::codec::{ClientHello, hello_verify_request, kind, message};
use crate::peek::client_hello_fragment;
use crate::record::{Header, content, write_plain};

/// What the cookies of the present and of the last period are made with. Not shown by Debug.
pub struct Secrets {
    current: hmac::Key,
    previous: Option<hmac::Key>,
}

/// What a hello's cookie says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Check {
    /// The cookie is this address's and this hello's: a handshake may begin.
    Proven,
    /// The request for another hello was appended to the reply and should be sent to the source. It has 60 bytes, less
    /// than any hello, so that it amplifies nothing.
    Asked,
    /// Not a whole hello, so that nobody can judge it without keeping state.
    NotAHello,
}

impl Secrets {
    /// With 32 random bytes.
    #[must_use]
    pub fn new(random: &[u8; 32]) -> Self {
        Self { current: key(random), previous: None }
    }

    /// Begins a new period with 32 new random bytes; cookies of the period before the last one lose their worth.
    pub fn rotate(&mut self, random: &[u8; 32]) {
        self.previous = Some(std::mem::replace(&mut self.current, key(random)));
    }

    /// Judges a datagram that comes from `source`; what has to be sent back is appended to `reply`.
    pub fn check(&self, source: SocketAddr, datagram: &[u8], reply: &mut Vec<u8>) -> Check {
        let (Some(header), Some(fragment)) = (Header::read(datagram), client_hello_fragment(datagram)) else {
            return Check::NotAHello;
        };
        let Some(hello) = ClientHello::read(fragment.bytes).filter(|_| fragment.is_whole()) else {
            return Check::NotAHello;
        };
        let keys = [Some(&self.current), self.previous.as_ref()];
        let is_of = |key: &hmac::Key| {
            let expected = cookie(key, source, &hello);
            aws_lc_rs::constant_time::verify_slices_are_equal(expected.as_ref(), hello.cookie).is_ok()
        };
        if keys.into_iter().flatten().any(is_of) {
            return Check::Proven;
        }
        let body = hello_verify_request(cookie(&self.current, source, &hello).as_ref());
        let request = message(kind::HELLO_VERIFY_REQUEST, fragment.sequence, &body);
        // Without state, the hello's record number is the only one known to be new.
        write_plain(reply, content::HANDSHAKE, crate::codec::VERSION_1_0, header.sequence, |out| {
            out.extend_from_slice(&request);
        });
        Check::Asked
    }
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Secrets(..)")
    }
}

fn key(random: &[u8; 32]) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, random)
}

/// Bound to the address and to what the hello says; every part has its length before it.
fn cookie(key: &hmac::Key, source: SocketAddr, hello: &ClientHello<'_>) -> hmac::Tag {
    let mut context = hmac::Context::with_key(key);
    let mut add = |part: &[u8]| {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part);
    };
    match source.ip() {
        IpAddr::V4(address) => add(&address.octets()),
        IpAddr::V6(address) => add(&address.octets()),
    }
    add(&source.port().to_be_bytes());
    add(&hello.version.to_be_bytes());
    for part in hello.parameters() {
        add(part);
    }
    context.sign()
}
