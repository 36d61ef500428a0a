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
