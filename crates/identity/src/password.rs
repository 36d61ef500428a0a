//! Passwords: argon2id hashes, the rules of new ones, and initial ones.

use std::collections::HashSet;
use std::fmt;
use std::sync::LazyLock;

use argon2::{Algorithm, Argon2, Block, Params, Version};
use aws_lc_rs::constant_time;
use data_encoding::BASE64_NOPAD;
use praya_model::Secret;
use praya_model::password::{PasswordRule, PasswordRules};
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

/// A longer text is not even normalised: it is no password of ours. Bytes.
pub const MAX_BYTES: usize = 1024;

/// Bytes of salt.
pub const SALT_LEN: usize = 16;

const HASH_LEN: usize = 32;

/// The cost of a hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HashParams {
    /// Memory in KiB.
    pub memory_kib: u32,
    /// Passes over it.
    pub passes: u32,
    /// Lanes.
    pub lanes: u32,
}

/// The cost is out of argon2's range, or of ours (at most 1 GiB, 64 passes, 16 lanes).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("argon2id cannot run with m={} KiB, t={}, p={}; OWASP advises m=19456, t=2, p=1", .0.memory_kib, .0.passes, .0.lanes)]
pub struct BadParams(pub HashParams);

impl Default for HashParams {
    /// OWASP's first choice: 19 MiB, two passes, one lane.
    fn default() -> Self {
        Self { memory_kib: 19 * 1024, passes: 2, lanes: 1 }
    }
}

impl HashParams {
    /// Whether argon2 can run with it.
    ///
    /// # Errors
    /// [`BadParams`].
    pub fn check(self) -> Result<Self, BadParams> {
        self.argon2().map(|_| self).ok_or(BadParams(self))
    }

    fn argon2(self) -> Option<Argon2<'static>> {
        if self.memory_kib > 1 << 20 || self.passes > 64 || self.lanes > 16 {
            return None;
        }
        let params = Params::new(self.memory_kib, self.passes, self.lanes, Some(HASH_LEN)).ok()?;
        Some(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
    }
}

/// So many blocks of 1 KiB are asked for at least, of which those that no hash touches take no memory. glibc gives
/// each thread a heap of its own and keeps what is freed there, up to the largest size (32 MiB) that it may decide
/// to take from such a heap: 19 MiB a piece would stay with every thread that ever hashed. What is larger is always
/// a mapping of its own, and gone when it is freed.
const OWN_MAPPING: usize = 33 * 1024;

/// Hashes and verifies in memory that it keeps between uses: 19 MiB at the default cost.
///
/// Whoever hashes one after the other keeps one of these, and drops it when it is quiet.
#[derive(Default)]
pub struct Hasher {
    memory: Vec<Block>,
}

impl Hasher {
    /// Hashes `password` (normalised to NFC) into a PHC string. Takes the time and memory that `params` say.
    ///
    /// # Errors
    /// [`BadParams`].
    pub fn hash(
        &mut self,
        password: &Secret,
        params: HashParams,
        salt: [u8; SALT_LEN],
    ) -> Result<String, BadParams> {
        let text = normalise(password).unwrap_or_default();
        let hashed = self.derive(&text, params, &salt).ok_or(BadParams(params))?;
        Ok(phc(params, &salt, hashed.as_slice()))
    }

    /// Whether `password` is the one of `phc`. Takes the time and memory that the hash asks for, right or wrong;
    /// a text that is no hash of ours fits nothing.
    pub fn verify(&mut self, password: &Secret, phc: &str) -> bool {
        let Some(stored) = Phc::parse(phc) else { return false };
        // A text that is too long is hashed as if it were empty, so that it costs the same.
        let text = normalise(password);
        let hashed = self.derive(text.as_deref().map_or("", String::as_str), stored.params, &stored.salt);
        let equal = hashed.is_some_and(|hashed| {
            constant_time::verify_slices_are_equal(hashed.as_slice(), stored.hash.as_slice()).is_ok()
        });
        equal && text.is_some_and(|text| !text.is_empty())
    }

    fn derive(&mut self, text: &str, params: HashParams, salt: &[u8]) -> Option<Zeroizing<[u8; HASH_LEN]>> {
        let argon2 = params.argon2()?;
        let blocks = argon2.params().block_count();
        if self.memory.len() < blocks {
            self.memory = Vec::with_capacity(blocks.max(OWN_MAPPING));
            self.memory.resize(blocks, Block::default());
        }
        let mut hashed = Zeroizing::new([0; HASH_LEN]);
        argon2
            .hash_password_into_with_memory(text.as_bytes(), salt, hashed.as_mut_slice(), &mut self.memory)
            .ok()?;
        Some(hashed)
    }
}

impl fmt::Debug for Hasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hasher").finish_non_exhaustive()
    }
}

/// As [`Hasher::hash`], with memory of its own.
///
/// # Errors
/// [`BadParams`].
pub fn hash(password: &Secret, params: HashParams, salt: [u8; SALT_LEN]) -> Result<String, BadParams> {
    Hasher::default().hash(password, params, salt)
}

/// As [`Hasher::verify`], with memory of its own.
pub fn verify(password: &Secret, phc: &str) -> bool {
    Hasher::default().verify(password, phc)
}

/// Whether a hash was made at a lower cost than `params`, so that the next right password should replace it.
pub fn needs_rehash(phc: &str, params: HashParams) -> bool {
    Phc::parse(phc).is_none_or(|stored| {
        let old = stored.params;
        old.memory_kib < params.memory_kib || old.passes < params.passes || old.lanes != params.lanes
    })
}

/// A hash that nothing fits, for the same work when there is no account. Costs nothing to make.
pub fn dummy(params: HashParams) -> String {
    phc(params, &[0; SALT_LEN], &[0; HASH_LEN])
}

/// The rules that a new password breaks, in the order in which a view shows them; `NotTheOld` is the caller's, who
/// has the old hash.
pub fn check_new(
    candidate: &Secret,
    repeat: Option<&Secret>,
    account: &str,
    rules: &PasswordRules,
) -> Vec<PasswordRule> {
    let Some(text) = normalise(candidate) else { return vec![PasswordRule::MaxLength] };
    let mut broken = rules.broken_by(&text, account);
    if rules.not_common && is_common(&text) {
        broken.push(PasswordRule::NotCommon);
    }
    if repeat.is_some_and(|repeat| normalise(repeat).is_none_or(|repeat| *repeat != *text)) {
        broken.push(PasswordRule::Matches);
    }
    broken
}

/// Whether a password stands on the list of common ones, whatever its case. `text` is expected in NFC.
pub fn is_common(text: &str) -> bool {
    static COMMON: LazyLock<HashSet<&str>> =
        LazyLock::new(|| include_str!("common_passwords.txt").lines().collect());
    COMMON.contains(text.to_lowercase().as_str())
}

/// An initial password from 16 random bytes: 16 characters, 80 bits, none that is taken for another.
pub fn initial(random: [u8; 16]) -> Secret {
    const ALPHABET: &[u8; 32] = b"23456789abcdefghjklmnpqrstuvwxyz";
    let letters = random.iter().map(|byte| char::from(ALPHABET[usize::from(byte & 31)]));
    Secret::new(letters.collect::<String>())
}

/// The sets of rules that a realm can choose.
pub mod profiles {
    use praya_model::password::PasswordRules;

    /// NIST 63B-4 and ASVS 5.0: length and a list, no composition. Eight, because a second factor is used; a realm
    /// without one raises it to fifteen.
    pub const fn modern() -> PasswordRules {
        PasswordRules {
            min_length: 8,
            max_length: 128,
            need_upper: false,
            need_lower: false,
            need_digit: false,
            only_letters_and_digits: false,
            not_the_account: true,
            not_common: true,
            not_the_old: true,
        }
    }

    /// The iAuth rule exactly (C-17): at least 12, with and only with upper-case, lower-case letters and digits.
    pub const fn iauth() -> PasswordRules {
        PasswordRules {
            min_length: 12,
            max_length: 128,
            need_upper: true,
            need_lower: true,
            need_digit: true,
            only_letters_and_digits: true,
            not_the_account: false,
            not_common: false,
            not_the_old: true,
        }
    }

    /// The profile of that name.
    pub fn by_name(name: &str) -> Option<PasswordRules> {
        match name {
            "modern" => Some(modern()),
            "iauth" => Some(iauth()),
            _ => None,
        }
    }
}

/// The text in NFC, or `None` when it is longer than [`MAX_BYTES`].
fn normalise(password: &Secret) -> Option<Zeroizing<String>> {
    let text = password.expose();
    // Composing at most triples the bytes; with room for that no reallocation leaves a copy behind.
    let mut normal = Zeroizing::new(String::with_capacity(text.len().min(MAX_BYTES) * 3 + 4));
    (text.len() <= MAX_BYTES).then(|| {
        normal.extend(text.nfc());
        normal
    })
}

fn phc(params: HashParams, salt: &[u8], hashed: &[u8]) -> String {
    let HashParams { memory_kib, passes, lanes } = params;
    let (salt, hashed) = (BASE64_NOPAD.encode(salt), BASE64_NOPAD.encode(hashed));
    format!("$argon2id$v=19$m={memory_kib},t={passes},p={lanes}${salt}${hashed}")
}

/// A PHC string taken apart.
struct Phc {
    params: HashParams,
    salt: Vec<u8>,
    hash: Vec<u8>,
}

impl Phc {
    fn parse(phc: &str) -> Option<Self> {
        let mut parts = phc.strip_prefix("$argon2id$v=19$")?.split('$');
        let (costs, salt, hash) = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() {
            return None;
        }
        let mut costs = costs.split(',');
        let mut cost = |name: &str| costs.next()?.strip_prefix(name)?.strip_prefix('=')?.parse().ok();
        let params = HashParams { memory_kib: cost("m")?, passes: cost("t")?, lanes: cost("p")? };
        params.check().ok()?;
        Some(Self {
            params,
            salt: BASE64_NOPAD.decode(salt.as_bytes()).ok()?,
            hash: BASE64_NOPAD.decode(hash.as_bytes()).ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CHEAP: HashParams = HashParams { memory_kib: 32, passes: 1, lanes: 1 };

    fn secret(text: &str) -> Secret {
        Secret::new(text)
    }

    #[test]
    fn the_default_cost_is_owasps() {
        let phc = hash(&secret("correct horse"), HashParams::default(), [7; 16]).unwrap();
        assert!(phc.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{phc}");
        assert!(verify(&secret("correct horse"), &phc));
        assert!(!verify(&secret("Correct horse"), &phc));
    }

    #[test]
    fn a_hash_of_the_reference_implementation_fits() {
        // `echo -n password | argon2 somesalt -id -t 2 -m 16 -p 1 -l 32 -e`, as in the reference's own tests.
        let phc = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
        assert!(verify(&secret("password"), phc));
        assert!(!verify(&secret("passwore"), phc));
    }

    #[test]
    fn composed_and_decomposed_forms_are_the_same_password() {
        let phc = hash(&secret("caf\u{e9} 密碼"), CHEAP, [1; 16]).unwrap();
        assert!(verify(&secret("cafe\u{301} 密碼"), &phc));
        assert!(!verify(&secret("cafe 密碼"), &phc));
        assert!(!verify(&secret("caf\u{e9} 密碼 "), &phc), "nothing is trimmed or folded");
        assert!(!verify(&secret("CAF\u{c9} 密碼"), &phc));
    }

    #[test]
    fn a_hasher_gives_the_same_answers_however_often_it_was_used() {
        let mut hasher = Hasher::default();
        for params in [CHEAP, HashParams { memory_kib: 256, passes: 3, lanes: 2 }, CHEAP] {
            for text in ["one", "another"] {
                let phc = hasher.hash(&secret(text), params, [2; 16]).unwrap();
                assert_eq!(phc, hash(&secret(text), params, [2; 16]).unwrap());
                assert!(hasher.verify(&secret(text), &phc) && verify(&secret(text), &phc));
                assert!(!hasher.verify(&secret("none"), &phc));
            }
        }
    }

    #[test]
    fn nothing_is_cut() {
        let long = "x".repeat(128);
        let phc = hash(&secret(&long), CHEAP, [1; 16]).unwrap();
        assert!(verify(&secret(&long), &phc));
        assert!(!verify(&secret(&format!("{long}y")), &phc));
        let empty = hash(&secret(""), CHEAP, [1; 16]).unwrap();
        assert!(!verify(&secret(&"x".repeat(MAX_BYTES + 1)), &empty), "too long is not taken for empty");
        assert!(!verify(&secret(""), &empty), "an empty password fits nothing");
    }

    #[test]
    fn a_raised_cost_asks_for_a_new_hash() {
        let phc = hash(&secret("x"), CHEAP, [1; 16]).unwrap();
        assert!(!needs_rehash(&phc, CHEAP));
        assert!(needs_rehash(&phc, HashParams { memory_kib: 64, ..CHEAP }));
        assert!(needs_rehash(&phc, HashParams { passes: 2, ..CHEAP }));
        assert!(needs_rehash("something else", CHEAP));
    }

    #[test]
    fn what_is_no_hash_fits_nothing() {
        let dummy = dummy(CHEAP);
        assert!(Phc::parse(&dummy).is_some(), "the dummy costs the same work");
        for phc in [
            "",
            "$argon2id$v=19$m=32,t=1,p=1$",
            "$argon2i$v=19$m=32,t=1,p=1$AAAA$AAAA",
            "$argon2id$v=19$m=99999999,t=1,p=1$AAAAAAAAAAA$AAAA",
            "$argon2id$v=19$m=32,t=1$AAAAAAAAAAA$AAAA",
            &dummy,
        ] {
            assert!(!verify(&secret("x"), phc), "{phc}");
            assert!(!verify(&secret(""), phc), "{phc}");
        }
    }

    #[test]
    fn the_modern_profile_asks_for_length_and_against_the_obvious() {
        use PasswordRule as Rule;
        for (candidate, repeat, broken) in [
            ("tide and harbour", "tide and harbour", vec![]),
            ("密碼很長的一句話", "密碼很長的一句話", vec![]),
            ("short", "short", vec![Rule::MinLength]),
            ("wong is my name", "wong is my name", vec![Rule::NotTheAccount]),
            ("Password123", "Password123", vec![Rule::NotCommon]),
            ("tide and harbour", "tide and harbor", vec![Rule::Matches]),
            ("caf\u{e9} au lait", "cafe\u{301} au lait", vec![]),
        ] {
            let found = check_new(&secret(candidate), Some(&secret(repeat)), "wong", &profiles::modern());
            assert_eq!(found, broken, "{candidate}");
        }
        let long = "ab ".repeat(43);
        assert_eq!(check_new(&secret(&long), None, "wong", &profiles::modern()), [Rule::MaxLength]);
        assert_eq!(
            check_new(&secret(&"x".repeat(5000)), None, "wong", &profiles::modern()),
            [Rule::MaxLength]
        );
    }

    #[test]
    fn c17_the_iauth_profile_is_exact() {
        use PasswordRule as Rule;
        for (candidate, broken) in [
            ("Abcdefghij12", vec![]),
            ("Abcdefghi12", vec![Rule::MinLength]),
            ("Abcdefghij1_", vec![Rule::OnlyLettersAndDigits]),
            ("abcdefghij12", vec![Rule::Upper]),
        ] {
            assert_eq!(
                check_new(&secret(candidate), None, "wong", &profiles::iauth()),
                broken,
                "{candidate}"
            );
        }
    }

    #[test]
    fn the_list_of_common_passwords_has_only_what_could_pass_otherwise() {
        let list = include_str!("common_passwords.txt");
        let count = list.lines().count();
        assert!((1000..=3000).contains(&count), "{count} entries");
        for line in list.lines() {
            assert!(line.chars().count() >= 8, "{line:?} is shorter than any profile allows");
            assert_eq!(line, line.to_lowercase().trim());
        }
        for common in ["password", "Password1", "12345678", "qwertyuiop", "iloveyou1", "P@ssw0rd", "1qaz2wsx"]
        {
            assert!(is_common(common), "{common}");
        }
    }

    #[test]
    fn asvs_6_4_1_initial_passwords_are_random_and_readable() {
        let first = initial([0x5a; 16]);
        assert_eq!(first.expose().len(), 16);
        assert!(!first.expose().contains(['0', '1', 'i', 'o']));
        assert_ne!(first, initial([0x5b; 16]));
    }

    proptest! {
        #[test]
        fn only_the_same_text_fits(one in "\\PC{1,20}", other in "\\PC{1,20}") {
            let phc = hash(&secret(&one), CHEAP, [3; 16]).unwrap();
            prop_assert!(verify(&secret(&one), &phc));
            let same = one.nfc().eq(other.nfc());
            prop_assert_eq!(verify(&secret(&other), &phc), same);
        }
    }
}
