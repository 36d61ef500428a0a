//! Keys with which programs act for an administrator: their form, what they open, and from where. Pure but for the
//! randomness.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use aws_lc_rs::digest;
use clap::ValueEnum;
use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use ipnet::IpNet;
use praya_identity::random::{self, RandomError};
use praya_model::{Secret, Timestamp};
use serde::{Deserialize, Serialize};

/// The most keys of a gateway.
pub const MOST: u32 = 100;
/// The most networks from which one key is taken.
pub const MOST_NETWORKS: usize = 32;
/// How often the last use of a key is written down anew.
pub const NOTED_EVERY: Duration = Duration::from_secs(60);

/// What a key begins with, so that people and scanners for lost secrets know it for one.
const PREFIX: &str = "praya_";
/// Random bytes in a key.
const RANDOM: usize = 32;

/// The SHA-256 of a key, the only form in which it is kept. A key is 256 random bits, so nothing slower is needed.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyHash(pub [u8; 32]);

/// What a key may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ValueEnum)]
pub enum Scope {
    /// To see policies, machines, verdicts and support dates, and to try a policy on them.
    #[serde(rename = "posture:read")]
    #[value(name = "posture:read")]
    PostureRead,
    /// To save and delete policies and support dates, and to put policies into force and out of it.
    #[serde(rename = "posture:write")]
    #[value(name = "posture:write")]
    PostureWrite,
}

/// A key as it is kept and listed; what it is itself nobody knows any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ApiKey {
    /// Its name; the audit calls it `api-key:NAME#ID`.
    pub name: String,
    /// Tells it from others that had the name before.
    pub id: String,
    /// What it may be used for.
    pub allow: Vec<Scope>,
    /// From where; from anywhere when empty.
    pub networks: Vec<IpNet>,
    /// When it was made.
    pub created: Timestamp,
    /// By whom.
    pub created_by: String,
    /// From when on it opens nothing.
    pub expires: Timestamp,
    /// When it was used last, to the minute.
    pub last_used: Option<Timestamp>,
}

/// Why a key that is known opens nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Closed {
    /// Its time is over.
    Expired,
    /// The address is in none of its networks.
    Network,
    /// It is not for this.
    Scope,
}

impl Closed {
    /// The stable name, for the audit.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::Network => "network",
            Self::Scope => "scope",
        }
    }
}

impl KeyHash {
    /// The hash of what somebody shows as a key; `None` for what cannot be one.
    pub fn of(shown: &Secret) -> Option<Self> {
        let random = shown.expose().strip_prefix(PREFIX)?;
        let mut decoded = [0; RANDOM];
        if BASE64URL_NOPAD.decode_len(random.len()) != Ok(RANDOM) {
            return None;
        }
        BASE64URL_NOPAD.decode_mut(random.as_bytes(), &mut decoded).ok()?;
        let mut hash = [0; 32];
        hash.copy_from_slice(digest::digest(&digest::SHA256, shown.expose().as_bytes()).as_ref());
        Some(Self(hash))
    }

    /// Its first 8 hexadecimal digits, which tell nothing about the key.
    pub fn id(&self) -> String {
        HEXLOWER.encode(self.0.get(..4).unwrap_or_default())
    }
}

impl fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[key hash]")
    }
}

impl ApiKey {
    /// Whether it opens `scope` for somebody at `source` now.
    ///
    /// # Errors
    /// [`Closed`].
    pub fn opens(&self, scope: Scope, source: IpAddr, now: Timestamp) -> Result<(), Closed> {
        let source = source.to_canonical();
        if now >= self.expires {
            return Err(Closed::Expired);
        }
        if !self.networks.is_empty() && !self.networks.iter().any(|network| network.contains(&source)) {
            return Err(Closed::Network);
        }
        if self.allow.contains(&scope) { Ok(()) } else { Err(Closed::Scope) }
    }

    /// Who acts with it, for the audit.
    pub fn actor(&self) -> String {
        format!("api-key:{}#{}", self.name, self.id)
    }
}

/// A new key.
///
/// # Errors
/// The system's random generator failed.
pub fn generate() -> Result<Secret, RandomError> {
    let random: [u8; RANDOM] = random::bytes()?;
    Ok(Secret::new(format!("{PREFIX}{}", BASE64URL_NOPAD.encode(&random))))
}

/// A network as administrators write it: `10.2.0.0/16`, `fd00::/64`, or one address.
///
/// # Errors
/// What is wrong with it.
pub fn network(text: &str) -> Result<IpNet, String> {
    let network = text
        .parse::<IpNet>()
        .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
        .map_err(|_| "neither an address nor a network, such as 10.2.0.0/16".to_owned())?;
    if network != network.trunc() {
        return Err(format!("has host bits set; {} is meant?", network.trunc()));
    }
    if let IpNet::V6(mapped) = network
        && let Some(v4) = mapped.network().to_ipv4_mapped()
    {
        // Addresses are compared in their IPv4 form.
        let len = mapped.prefix_len().saturating_sub(96);
        return Err(format!("is written as IPv6; {v4}/{len} is meant?"));
    }
    Ok(network)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_795_219_200);

    fn hash(text: &str) -> Option<KeyHash> {
        KeyHash::of(&Secret::new(text))
    }

    fn key(networks: &[&str]) -> ApiKey {
        ApiKey {
            name: "ci".into(),
            id: "00000000".into(),
            allow: vec![Scope::PostureRead],
            networks: networks.iter().map(|text| network(text).unwrap()).collect(),
            created: NOW,
            created_by: "admin:test".into(),
            expires: NOW.after(Duration::from_secs(1)),
            last_used: None,
        }
    }

    #[test]
    fn keys_differ_and_neither_they_nor_their_hashes_print() {
        let (one, other) = (generate().unwrap(), generate().unwrap());
        assert_eq!(one.expose().len(), 49);
        assert_ne!(KeyHash::of(&one), KeyHash::of(&other));
        assert_eq!(KeyHash::of(&one), hash(one.expose()));
        assert_eq!(format!("{one:?} {:?}", KeyHash::of(&one).unwrap()), "[secret] [key hash]");
    }

    #[test]
    fn a_key_opens_its_scope_from_its_networks_until_its_end() {
        let (read, from) = (Scope::PostureRead, |text: &str| text.parse::<IpAddr>().unwrap());
        let anywhere = key(&[]);
        assert_eq!(anywhere.opens(read, from("203.0.113.9"), NOW), Ok(()));
        assert_eq!(anywhere.opens(Scope::PostureWrite, from("203.0.113.9"), NOW), Err(Closed::Scope));
        assert_eq!(anywhere.opens(read, from("203.0.113.9"), anywhere.expires), Err(Closed::Expired));
        let office = key(&["10.2.0.0/16", "fd00::1"]);
        for (source, opens) in [
            ("10.2.255.1", Ok(())),
            ("::ffff:10.2.0.1", Ok(())),
            ("fd00::1", Ok(())),
            ("10.3.0.1", Err(Closed::Network)),
            ("fd00::2", Err(Closed::Network)),
        ] {
            assert_eq!(office.opens(read, from(source), NOW), opens, "{source}");
        }
    }

    #[test]
    fn a_network_that_is_written_wrong_says_how() {
        assert!(network("10.2.0.1/16").unwrap_err().contains("10.2.0.0/16 is meant"));
        assert!(network("office").unwrap_err().contains("10.2.0.0/16"));
        for (mapped, meant) in [("::ffff:10.0.0.0/104", "10.0.0.0/8"), ("::ffff:10.2.0.1", "10.2.0.1/32")] {
            assert!(network(mapped).unwrap_err().contains(&format!("{meant} is meant")), "{mapped}");
        }
        assert!(network("::/0").is_ok() && network("64:ff9b::/96").is_ok());
        assert_eq!(network("10.2.0.1").unwrap().to_string(), "10.2.0.1/32");
    }

    proptest! {
        /// Every key has one spelling: the prefix and 43 characters that stand for 32 bytes.
        #[test]
        fn only_what_could_have_been_generated_is_looked_up(text in "(praya_)?[ -~]{0,60}") {
            let form = text.strip_prefix("praya_").is_some_and(|rest| {
                rest.len() == 43
                    && rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
                    && "AEIMQUYcgkosw048".contains(&rest[42..])
            });
            prop_assert_eq!(hash(&text).is_some(), form);
        }

        #[test]
        fn every_key_is_looked_up_and_no_neighbour_of_it_is_the_same(
            random in any::<[u8; 32]>(),
            at in 0_usize..49,
            other in prop::char::range('!', '~'),
        ) {
            let key = format!("praya_{}", BASE64URL_NOPAD.encode(&random));
            let known = hash(&key);
            prop_assert!(known.is_some());
            let mut near: Vec<char> = key.chars().collect();
            near[at] = other;
            let near: String = near.into_iter().collect();
            prop_assert_eq!(hash(&near) == known, near == key);
            for longer in [format!("{key}="), format!("{key}A"), format!(" {key}"), key[..48].to_owned()] {
                prop_assert_eq!(hash(&longer), None);
            }
        }
    }
}
