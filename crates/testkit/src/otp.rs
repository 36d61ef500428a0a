//! Token codes as a person would read them off a token (RFC 6238), for tests that sign in.

use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::hmac;
use data_encoding::{BASE32_NOPAD, HEXLOWER};

/// A token: its secret and its rhythm. SHA-1, as hardware tokens and every authenticator app do it.
#[derive(Clone, Debug)]
pub struct Token {
    /// The shared secret.
    pub secret: Vec<u8>,
    /// How long one code lives, in seconds.
    pub step: u64,
    /// How many digits a code has, 6 to 8.
    pub digits: u32,
}

impl Token {
    /// A token with a 20-byte secret made from `seed`, 30 s steps and 6 digits.
    pub fn soft(seed: &str) -> Self {
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, seed.as_bytes());
        Self { secret: digest.as_ref().iter().copied().take(20).collect(), step: 30, digits: 6 }
    }

    /// The same as a hardware token with 60 s steps.
    pub fn hardware(seed: &str) -> Self {
        Self { step: 60, ..Self::soft(seed) }
    }

    /// The secret in base32 without padding, as `openconnect --token-secret=base32:…` takes it.
    pub fn base32(&self) -> String {
        BASE32_NOPAD.encode(&self.secret)
    }

    /// The secret in hexadecimal.
    pub fn hex(&self) -> String {
        HEXLOWER.encode(&self.secret)
    }

    /// The code that the token shows now.
    pub fn now(&self) -> String {
        self.shifted(0)
    }

    /// The code that the token shows `steps` steps from now.
    pub fn shifted(&self, steps: i64) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        self.at((now / self.step).saturating_add_signed(steps))
    }

    /// The code of one step (RFC 4226, section 5.3).
    pub fn at(&self, counter: u64) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &self.secret);
        let tag = hmac::sign(&key, &counter.to_be_bytes());
        let bytes = tag.as_ref();
        let offset = usize::from(bytes.last().copied().unwrap_or(0) & 0x0f);
        let number =
            bytes.iter().skip(offset).take(4).fold(0_u32, |number, byte| (number << 8) | u32::from(*byte))
                & 0x7fff_ffff;
        let width = self.digits as usize;
        format!("{:0width$}", number % 10_u32.pow(self.digits))
    }

    /// A code of the right length that the token will not show for a long time.
    pub fn wrong(&self) -> String {
        let near: Vec<String> = (-100..=100).map(|steps| self.shifted(steps)).collect();
        let width = self.digits as usize;
        (0..)
            .map(|number: u32| format!("{number:0width$}"))
            .find(|code| !near.contains(code))
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::Token;

    #[test]
    fn the_codes_are_those_of_rfc_6238_appendix_b() {
        let token = Token { secret: b"12345678901234567890".to_vec(), step: 30, digits: 8 };
        for (time, code) in [(59, "94287082"), (1_111_111_109, "07081804"), (20_000_000_000, "65353130")] {
            assert_eq!(token.at(time / 30), code, "at {time} s");
        }
    }
}
