//! One-time codes: HOTP (RFC 4226) and TOTP (RFC 6238), and how a typed code is judged.

use aws_lc_rs::{constant_time, hmac};
use data_encoding::{BASE32_NOPAD, HEXLOWER_PERMISSIVE};
use praya_model::Timestamp;
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

use crate::token::{OtpAlgorithm, TokenKind};

/// How far from the expected step a code is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Windows {
    /// Steps on each side of the expected one in which a code is good; 1 by RFC 6238.
    pub near: u32,
    /// Steps behind in which a wrong code is looked for only to say that the token's clock is off. Never ahead:
    /// whoever guesses would learn of a code that is good a few minutes later.
    pub wide: u32,
    /// How far the drift may wander by itself from one use to the next; beyond it only a resync helps.
    pub max_drift: u32,
    /// Counters ahead in which an HOTP code is good (RFC 4226 section 7.4).
    pub look_ahead: u32,
    /// Steps on each side, or counters ahead, in which a resync looks for two consecutive codes.
    pub resync: u32,
}

/// What a typed code is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Right; to be accepted by one conditional update of the store.
    Right {
        /// The time step or counter.
        step: i64,
        /// The drift to store with it.
        drift: i64,
    },
    /// The code of a step that was used already, or of one before it.
    Replayed {
        /// Seconds until the token shows a code that is good; 0 when it shows one now.
        next_in_seconds: u32,
    },
    /// The unused code of a step too long ago: the token's clock is slow. A code of the future is plainly [`Self::Wrong`].
    ClockOff,
    /// None of the token's codes hereabouts.
    Wrong,
}

impl Default for Windows {
    fn default() -> Self {
        Self { near: 1, wide: 10, max_drift: 10, look_ahead: 10, resync: 100 }
    }
}

/// The code of a counter or time step (RFC 4226 section 5.3), with leading zeros.
pub fn code(kind: TokenKind, secret: &[u8], step: u64) -> Zeroizing<String> {
    let algorithm = match kind.algorithm() {
        OtpAlgorithm::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
        OtpAlgorithm::Sha256 => hmac::HMAC_SHA256,
        OtpAlgorithm::Sha512 => hmac::HMAC_SHA512,
    };
    let tag = hmac::sign(&hmac::Key::new(algorithm, secret), &step.to_be_bytes());
    let tag = tag.as_ref();
    let offset = usize::from(tag.last().copied().unwrap_or(0) & 0x0f);
    let binary = tag.iter().skip(offset).take(4).fold(0_u32, |sum, byte| (sum << 8) | u32::from(*byte));
    let digits = usize::from(kind.digits());
    let modulus = 10_u32.pow(u32::from(kind.digits().min(9)));
    Zeroizing::new(format!("{:0digits$}", (binary & 0x7fff_ffff) % modulus))
}

/// The time step of an instant by our clock; negative before 1970.
pub fn step_at(kind: TokenKind, now: Timestamp) -> i64 {
    now.as_secs().div_euclid(i64::from(kind.step_seconds().max(1)))
}

/// Seconds left of the code that a time token shows at `now`; 0 for HOTP.
pub fn seconds_left(kind: TokenKind, now: Timestamp) -> u32 {
    let step = i64::from(kind.step_seconds());
    if step == 0 {
        return 0;
    }
    u32::try_from(step - now.as_secs().rem_euclid(step)).unwrap_or(0)
}

/// A typed code as plain digits: full-width digits are folded, spaces and hyphens dropped. `None` unless exactly
/// `digits` ASCII digits are left.
pub fn fold_code(typed: &str, digits: u8) -> Option<Zeroizing<String>> {
    if typed.len() > 128 {
        return None;
    }
    let mut plain = Zeroizing::new(String::with_capacity(16));
    for c in typed.nfkc().filter(|c| !c.is_whitespace() && *c != '-') {
        if !c.is_ascii_digit() || plain.len() >= usize::from(digits) {
            return None;
        }
        plain.push(c);
    }
    (plain.len() == usize::from(digits)).then_some(plain)
}

/// Judges a typed code at `now`. `drift` and `last_step` are the token's.
pub fn judge(
    kind: TokenKind,
    secret: &[u8],
    drift: i64,
    last_step: i64,
    typed: &str,
    windows: &Windows,
    now: Timestamp,
) -> Verdict {
    let Some(typed) = fold_code(typed, kind.digits()) else { return Verdict::Wrong };
    let matches = |step: i64| is_code(kind, secret, step, &typed);
    match kind {
        TokenKind::Totp { step_seconds, .. } => {
            let clock = step_at(kind, now);
            let expected = clock.saturating_add(drift);
            let near = i64::from(windows.near);
            let wide = i64::from(windows.wide).max(near);
            // The nearest step first, so that the drift moves no further than it must.
            let by_distance = (0..=wide).flat_map(|far| [-far, far].into_iter().skip(usize::from(far == 0)));
            let steps: Vec<i64> =
                by_distance.map(|far| expected.saturating_add(far)).filter(|step| matches(*step)).collect();
            let mut fresh = steps.iter().copied().filter(|step| *step > last_step);
            if let Some(step) = fresh.clone().find(|step| step.abs_diff(expected) <= near.unsigned_abs()) {
                return Verdict::Right { step, drift: wander(drift, step.saturating_sub(clock), windows) };
            }
            if steps.iter().any(|step| *step <= last_step) {
                let next_at = last_step.saturating_add(1).saturating_sub(drift);
                let left = next_at.saturating_mul(i64::from(step_seconds)).saturating_sub(now.as_secs());
                return Verdict::Replayed { next_in_seconds: u32::try_from(left).unwrap_or(0) };
            }
            if fresh.any(|step| step < expected) { Verdict::ClockOff } else { Verdict::Wrong }
        }
        TokenKind::Hotp { .. } => {
            let next = last_step.saturating_add(1);
            let mut ahead = next..=next.saturating_add(i64::from(windows.look_ahead));
            if let Some(step) = ahead.find(|step| matches(*step)) {
                return Verdict::Right { step, drift: 0 };
            }
            let mut behind = last_step.saturating_sub(i64::from(windows.wide))..=last_step;
            if behind.any(matches) { Verdict::Replayed { next_in_seconds: 0 } } else { Verdict::Wrong }
        }
    }
}

/// Finds two consecutive codes in the wide window: the step of the second, which burns, and the new drift.
/// Steps that were used already are not looked at.
pub fn resync(
    kind: TokenKind,
    secret: &[u8],
    last_step: i64,
    first: &str,
    second: &str,
    windows: &Windows,
    now: Timestamp,
) -> Option<(i64, i64)> {
    let first = fold_code(first, kind.digits())?;
    let second = fold_code(second, kind.digits())?;
    let reach = i64::from(windows.resync);
    let (clock, from) = match kind {
        TokenKind::Totp { .. } => {
            let clock = step_at(kind, now);
            (clock, clock.saturating_sub(reach).max(last_step.saturating_add(1)))
        }
        TokenKind::Hotp { .. } => (last_step, last_step.saturating_add(1)),
    };
    let found = (from..=clock.saturating_add(reach)).find(|step| {
        is_code(kind, secret, *step, &first) && is_code(kind, secret, step.saturating_add(1), &second)
    })?;
    let burnt = found.saturating_add(1);
    let drift = match kind {
        // The second code is the one that the token shows now.
        TokenKind::Totp { .. } => burnt.saturating_sub(clock),
        TokenKind::Hotp { .. } => 0,
    };
    Some((burnt, drift))
}

/// A shared secret from base32 (as in an `otpauth` URI) or hex, with or without spaces and padding. At least
/// 128 bits (RFC 4226 R6), at most 1024.
pub fn parse_secret(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let compact: Zeroizing<String> =
        Zeroizing::new(text.chars().filter(|c| !c.is_whitespace() && *c != '-' && *c != '=').collect());
    let hex = compact.len() >= 32
        && compact.len().is_multiple_of(2)
        && compact.bytes().all(|b| b.is_ascii_hexdigit());
    let decoded = if hex {
        HEXLOWER_PERMISSIVE.decode(compact.as_bytes()).ok()?
    } else {
        BASE32_NOPAD.decode(Zeroizing::new(compact.to_ascii_uppercase()).as_bytes()).ok()?
    };
    let decoded = Zeroizing::new(decoded);
    (16..=128).contains(&decoded.len()).then_some(decoded)
}

/// The `otpauth` URI of a token for an authenticator app. It contains the secret.
pub fn otpauth_uri(kind: TokenKind, issuer: &str, account: &str, secret: &[u8]) -> Zeroizing<String> {
    let (issuer, account) = (percent_encode(issuer), percent_encode(account));
    let (name, rhythm) = match kind {
        TokenKind::Totp { step_seconds, .. } => ("totp", format!("period={step_seconds}")),
        TokenKind::Hotp { .. } => ("hotp", "counter=0".to_owned()),
    };
    let secret = Zeroizing::new(BASE32_NOPAD.encode(secret));
    Zeroizing::new(format!(
        "otpauth://{name}/{issuer}:{account}?secret={}&issuer={issuer}&algorithm={}&digits={}&{rhythm}",
        secret.as_str(),
        kind.algorithm().as_str(),
        kind.digits(),
    ))
}

fn is_code(kind: TokenKind, secret: &[u8], step: i64, typed: &str) -> bool {
    u64::try_from(step).is_ok_and(|step| {
        let right = code(kind, secret, step);
        constant_time::verify_slices_are_equal(right.as_bytes(), typed.as_bytes()).is_ok()
    })
}

/// The drift after a use: what was seen, unless that is beyond the bound and further out than before.
fn wander(old: i64, seen: i64, windows: &Windows) -> i64 {
    let out_of_bounds = seen.unsigned_abs() > u64::from(windows.max_drift);
    if out_of_bounds && seen.unsigned_abs() > old.unsigned_abs() { old } else { seen }
}

fn percent_encode(text: &str) -> String {
    use std::fmt::Write as _;

    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KEY: &[u8] = b"12345678901234567890";

    fn totp(step_seconds: u32, digits: u8, algorithm: OtpAlgorithm) -> TokenKind {
        TokenKind::Totp { step_seconds, digits, algorithm }
    }

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    fn code_at(kind: TokenKind, secs: i64) -> String {
        code(kind, KEY, u64::try_from(step_at(kind, at(secs))).unwrap()).to_string()
    }

    #[test]
    fn the_hotp_vectors_of_rfc_4226() {
        let kind = TokenKind::Hotp { digits: 6, algorithm: OtpAlgorithm::Sha1 };
        let expected = [
            "755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871",
            "520489",
        ];
        for (counter, expected) in expected.into_iter().enumerate() {
            assert_eq!(code(kind, KEY, counter as u64).as_str(), expected);
        }
    }

    #[test]
    fn the_totp_vectors_of_rfc_6238() {
        let key: Vec<u8> = KEY.iter().copied().cycle().take(64).collect();
        for (secs, sha1, sha256, sha512) in [
            (59, "94287082", "46119246", "90693936"),
            (1_111_111_109, "07081804", "68084774", "25091201"),
            (1_111_111_111, "14050471", "67062674", "99943326"),
            (1_234_567_890, "89005924", "91819424", "93441116"),
            (2_000_000_000, "69279037", "90698825", "38618901"),
            (20_000_000_000, "65353130", "77737706", "47863826"),
        ] {
            for (algorithm, length, expected) in [
                (OtpAlgorithm::Sha1, 20, sha1),
                (OtpAlgorithm::Sha256, 32, sha256),
                (OtpAlgorithm::Sha512, 64, sha512),
            ] {
                let kind = totp(30, 8, algorithm);
                let step = u64::try_from(step_at(kind, at(secs))).unwrap();
                assert_eq!(code(kind, &key[..length], step).as_str(), expected, "{secs} {algorithm:?}");
            }
        }
    }

    #[test]
    fn a37_the_hardware_token_changes_every_sixty_seconds() {
        for (secs, expected) in
            [(59, "755224"), (1_111_111_109, "360094"), (1_111_111_111, "360094"), (1_234_567_890, "713351")]
        {
            assert_eq!(code_at(TokenKind::HARDWARE, secs), expected);
        }
        assert_eq!(seconds_left(TokenKind::HARDWARE, at(1_111_111_080)), 60);
        assert_eq!(seconds_left(TokenKind::HARDWARE, at(1_111_111_139)), 1);
    }

    fn judge_at(secs: i64, typed: &str, drift: i64, last_step: i64) -> Verdict {
        judge(TokenKind::SOFT, KEY, drift, last_step, typed, &Windows::default(), at(secs))
    }

    #[test]
    fn a_code_is_good_one_step_around_the_expected_one() {
        let now = 1_700_000_000;
        let step = step_at(TokenKind::SOFT, at(now));
        for away in -12..=12_i64 {
            let typed = code_at(TokenKind::SOFT, now + away * 30);
            let expected = match away {
                -1..=1 => Verdict::Right { step: step + away, drift: away },
                -10..=-2 => Verdict::ClockOff,
                _ => Verdict::Wrong,
            };
            assert_eq!(judge_at(now, &typed, 0, -1), expected, "{away} steps away");
        }
    }

    #[test]
    fn the_window_follows_the_tokens_drift_within_bounds() {
        let now = 1_700_000_000;
        let step = step_at(TokenKind::SOFT, at(now));
        let typed = code_at(TokenKind::SOFT, now + 4 * 30);
        assert_eq!(judge_at(now, &typed, 3, -1), Verdict::Right { step: step + 4, drift: 4 });
        let typed = code_at(TokenKind::SOFT, now + 11 * 30);
        assert_eq!(judge_at(now, &typed, 10, -1), Verdict::Right { step: step + 11, drift: 10 }, "bounded");
        let typed = code_at(TokenKind::SOFT, now + 50 * 30);
        assert_eq!(
            judge_at(now, &typed, 51, -1),
            Verdict::Right { step: step + 50, drift: 50 },
            "coming back"
        );
    }

    #[test]
    fn a_used_code_is_told_from_a_wrong_one_with_the_seconds_to_the_next() {
        let now = 1_700_000_010; // 20 s into a step of 30
        let step = step_at(TokenKind::SOFT, at(now));
        let typed = code_at(TokenKind::SOFT, now);
        let left = seconds_left(TokenKind::SOFT, at(now));
        assert_eq!(judge_at(now, &typed, 0, step), Verdict::Replayed { next_in_seconds: left });
        assert_eq!(judge_at(now + 30, &typed, 0, step), Verdict::Replayed { next_in_seconds: 0 });
        assert_eq!(
            judge_at(now, &typed, 0, step + 1),
            Verdict::Replayed { next_in_seconds: left + 30 },
            "an older code than the last one is used up as well"
        );
        let ahead = code_at(TokenKind::SOFT, now + 60);
        assert_eq!(judge_at(now, &ahead, 2, step + 2), Verdict::Replayed { next_in_seconds: left });
    }

    #[test]
    fn codes_are_read_as_people_type_them() {
        for (typed, read) in [
            ("755224", Some("755224")),
            (" 755 224 ", Some("755224")),
            ("755-224", Some("755224")),
            ("７５５２２４", Some("755224")),
            ("75522", None),
            ("7552244", None),
            ("75522a", None),
            ("", None),
            ("七五五二二四", None),
        ] {
            assert_eq!(fold_code(typed, 6).as_deref().map(String::as_str), read, "{typed}");
        }
        assert_eq!(fold_code(&"1".repeat(1000), 6), None);
    }

    #[test]
    fn a42_two_consecutive_codes_resync_a_token_whose_clock_is_off() {
        let now = 1_700_000_000;
        let clock = step_at(TokenKind::SOFT, at(now));
        let windows = Windows::default();
        let sync = |off: i64, last: i64, first: i64, second: i64| {
            let (first, second) = (
                code_at(TokenKind::SOFT, now + (off + first) * 30),
                code_at(TokenKind::SOFT, now + (off + second) * 30),
            );
            resync(TokenKind::SOFT, KEY, last, &first, &second, &windows, at(now))
        };
        assert_eq!(sync(40, -1, -1, 0), Some((clock + 40, 40)), "the second burns");
        assert_eq!(sync(-40, -1, -1, 0), Some((clock - 40, -40)));
        assert_eq!(sync(40, -1, 0, -1), None, "in the wrong order");
        assert_eq!(sync(40, -1, -2, 0), None, "not consecutive");
        assert_eq!(sync(140, -1, -1, 0), None, "out of the window");
        assert_eq!(sync(-40, clock, -1, 0), None, "used steps do not count");
    }

    #[test]
    fn hotp_looks_ahead_and_never_back() {
        let kind = TokenKind::Hotp { digits: 6, algorithm: OtpAlgorithm::Sha1 };
        let judged = |counter: u64, last: i64| {
            judge(kind, KEY, 0, last, &code(kind, KEY, counter), &Windows::default(), at(0))
        };
        assert_eq!(judged(0, -1), Verdict::Right { step: 0, drift: 0 });
        assert_eq!(judged(5, -1), Verdict::Right { step: 5, drift: 0 });
        assert_eq!(judged(5, 5), Verdict::Replayed { next_in_seconds: 0 });
        assert_eq!(judged(16, 0), Verdict::Wrong, "it may be good later, so nothing is said of it");
        assert_eq!(judged(60, 0), Verdict::Wrong);
        let (first, second) = (code(kind, KEY, 60), code(kind, KEY, 61));
        assert_eq!(resync(kind, KEY, 0, &first, &second, &Windows::default(), at(0)), Some((61, 0)));
    }

    #[test]
    fn secrets_are_read_from_base32_and_hex() {
        let hex = "3132333435363738393031323334353637383930";
        let base32 = "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ";
        for text in [hex, base32, &base32.to_lowercase(), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ===="] {
            assert_eq!(parse_secret(text).unwrap().as_slice(), KEY, "{text}");
        }
        for text in ["", "GEZDGNBV", "not base32!", "1"] {
            assert!(parse_secret(text).is_none(), "{text}");
        }
    }

    #[test]
    fn an_otpauth_uri_names_issuer_and_rhythm() {
        let uri = otpauth_uri(TokenKind::SOFT, "Praya 演示", "wong@ias", KEY);
        assert_eq!(
            uri.as_str(),
            "otpauth://totp/Praya%20%E6%BC%94%E7%A4%BA:wong%40ias?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\
             &issuer=Praya%20%E6%BC%94%E7%A4%BA&algorithm=SHA1&digits=6&period=30"
        );
    }

    proptest! {
        /// Whatever is typed in whatever order at whatever time: no step is right twice, and steps only rise.
        #[test]
        fn no_step_is_ever_accepted_twice(
            tries in prop::collection::vec((0_i64..90, -12_i64..=12), 1..60),
        ) {
            let (mut now, mut drift, mut last) = (1_700_000_000, 0, -1);
            for (gap, away) in tries {
                now += gap;
                let typed = code_at(TokenKind::SOFT, now + away * 30);
                if let Verdict::Right { step, drift: new } = judge_at(now, &typed, drift, last) {
                    prop_assert!(step > last);
                    prop_assert!(new.abs() <= 10);
                    (drift, last) = (new, step);
                }
            }
        }

        /// Whoever guesses a code of the future is not told so: if a text is not good now and becomes good later,
        /// the answer is the one that nearly every text gets.
        #[test]
        fn nothing_is_said_of_a_code_that_will_be_good(away in 2_i64..40, drift in -10_i64..=10, used in -20_i64..20) {
            let now = 1_700_000_000;
            let expected = step_at(TokenKind::SOFT, at(now)) + drift;
            let typed = code_at(TokenKind::SOFT, now + (drift + away) * 30);
            let last = expected + used;
            prop_assume!(used < away, "not used up");
            // Six digits may be those of another step as well.
            let elsewhere = (-10..=1).any(|far| is_code(TokenKind::SOFT, KEY, expected + far, &typed));
            prop_assume!(!elsewhere);
            prop_assert_eq!(judge_at(now, &typed, drift, last), Verdict::Wrong);
        }

        /// No text at all makes it panic, and only digits can be right.
        #[test]
        fn any_text_is_judged(typed in any::<String>(), secs in any::<i64>(), drift in any::<i64>(), last in any::<i64>()) {
            let verdict = judge(TokenKind::HARDWARE, KEY, drift, last, &typed, &Windows::default(), at(secs));
            if fold_code(&typed, 6).is_none() {
                prop_assert_eq!(verdict, Verdict::Wrong);
            }
        }
    }
}
