//! From a shared secret to the keys of both directions (RFC 5246 sections 5, 6.3 and 8.1).

use aws_lc_rs::digest;
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::tls_prf::Secret;
use zeroize::Zeroizing;

use crate::codec::{RANDOM_LEN, push_vec16};
use crate::record::{Opener, Sealer};
use crate::suite::Suite;

pub(crate) const MASTER_LEN: usize = 48;
pub(crate) const VERIFY_LEN: usize = 12;

/// The secret that all keys of a connection come from.
pub(crate) type Master = Zeroizing<[u8; MASTER_LEN]>;

/// The two ends of a handshake.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Role {
    Client,
    Server,
}

impl Role {
    pub(crate) fn peer(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

/// Both ends' random values.
pub(crate) struct Randoms {
    pub(crate) client: [u8; RANDOM_LEN],
    pub(crate) server: [u8; RANDOM_LEN],
}

/// What the master secret is bound to besides the key.
pub(crate) enum Binding<'a> {
    /// Both random values (RFC 5246 section 8.1).
    Randoms(&'a Randoms),
    /// The handshake up to the client's key exchange (RFC 7627 section 4).
    Transcript(&'a [u8]),
}

/// The master secret of a pre-shared key (RFC 4279 section 2: as many zeros as the key has bytes, then the key).
pub(crate) fn master_of_psk(suite: Suite, psk: &[u8], binding: &Binding<'_>) -> Result<Master, Unspecified> {
    let mut premaster = Zeroizing::new(Vec::with_capacity(4 + 2 * psk.len()));
    push_vec16(&mut premaster, &vec![0; psk.len()]);
    push_vec16(&mut premaster, psk);
    let secret = Secret::new(suite.prf(), &premaster)?;
    let master = match binding {
        Binding::Randoms(Randoms { client, server }) => {
            secret.derive_with_seed_concatination(b"master secret", client, server, MASTER_LEN)
        }
        Binding::Transcript(transcript) => {
            let hash = digest::digest(suite.hash(), transcript);
            secret.derive(b"extended master secret", hash.as_ref(), MASTER_LEN)
        }
    }?;
    Ok(Zeroizing::new(master.try_into()?))
}

/// The keys of both directions as this role uses them.
pub(crate) fn expand(
    suite: Suite,
    master: &Master,
    randoms: &Randoms,
    role: Role,
) -> Result<(Sealer, Opener), Unspecified> {
    let (key, salt) = (suite.aead().key_len(), suite.salt_len());
    let block = Secret::new(suite.prf(), &master[..])?.derive_with_seed_concatination(
        b"key expansion",
        &randoms.server,
        &randoms.client,
        2 * (key + salt),
    )?;
    let (client_key, rest) = block.as_ref().split_at_checked(key).ok_or(Unspecified)?;
    let (server_key, rest) = rest.split_at_checked(key).ok_or(Unspecified)?;
    let (client_salt, server_salt) = rest.split_at_checked(salt).ok_or(Unspecified)?;
    match role {
        Role::Client => {
            Ok((Sealer::new(suite, client_key, client_salt)?, Opener::new(suite, server_key, server_salt)?))
        }
        Role::Server => {
            Ok((Sealer::new(suite, server_key, server_salt)?, Opener::new(suite, client_key, client_salt)?))
        }
    }
}

/// The content of a role's Finished message over a transcript.
pub(crate) fn verify_data(
    suite: Suite,
    master: &Master,
    role: Role,
    transcript: &[u8],
) -> Result<[u8; VERIFY_LEN], Unspecified> {
    let label: &[u8] = match role {
        Role::Client => b"client finished",
        Role::Server => b"server finished",
    };
    let hash = digest::digest(suite.hash(), transcript);
    Secret::new(suite.prf(), &master[..])?.derive(label, hash.as_ref(), VERIFY_LEN)?.try_into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(hex: &str) -> Vec<u8> {
        let hex: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
        hex.chunks(2)
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect()
    }

    /// The vectors that were agreed on in the IETF's TLS working group for the pseudo-random function of TLS 1.2.
    #[test]
    fn the_pseudo_random_function_is_the_known_one() {
        for (suite, secret, seed, output) in [
            (
                Suite::PskAes128Gcm,
                "9bbe436ba940f017b17652849a71db35",
                "a0ba9f936cda311827a6f796ffd5198c",
                "e3f229ba727be17b8d122620557cd453c2aab21d07c3d495329b52d4e61edb5a6b301791e90d35c9c9a46b4e14baf9af
                 0fa022f7077def17abfd3797c0564bab4fbc91666e9def9b97fce34f796789baa48082d122ee42c5a72e5a5110fff701
                 87347b66",
            ),
            (
                Suite::PskAes256Gcm,
                "b80b733d6ceefcdc71566ea48e5567df",
                "cd665cf6a8447dd6ff8b27555edb7465",
                "7b0c18e9ced410ed1804f2cfa34a336a1c14dffb4900bb5fd7942107e81c83cde9ca0faa60be9fe34f82b1233c9146a0
                 e534cb400fed2700884f9dc236f80edd8bfa961144c9e8d792eca722a7b32fc3d416d473ebc2c5fd4abfdad05d918425
                 9b5bf8cd4d90fa0d31e2dec479e4f1a26066f2eea9a69236a3e52655c9e9aee691c8f3a26854308d5eaa3be85e099070
                 3d73e56f",
            ),
        ] {
            let secret = Secret::new(suite.prf(), &bytes(secret)).unwrap();
            let expected = bytes(output);
            let made = secret.derive(b"test label", &bytes(seed), expected.len()).unwrap();
            assert_eq!(made.as_ref(), expected, "{suite:?}");
        }
    }
}
