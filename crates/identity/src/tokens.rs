//! What people and administrators do with tokens, over the store: use, resync, assign, reactivate, sweep.

use std::time::Duration;

use praya_model::{AccountName, Timestamp, TokenSerial};

use crate::otp::{self, Verdict, Windows};
use crate::sealed::{SealError, WrappingKey};
use crate::store::{IdentityStore, StoreError};
use crate::token::{Token, TokenAct, TokenKind, TokenRefusal, TokenState, Usability};

/// The rules for tokens in one realm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenPolicy {
    /// How far from the expected step codes are looked for.
    pub windows: Windows,
    /// A token must serve at least once in this time; `None` switches the rule off.
    pub unused_limit: Option<Duration>,
    /// Wrong codes in a row after which a token locks for good (NIST 63B: at most 100).
    pub max_failures: u32,
}

/// Where an account stands with its tokens, before a code is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// A code can be asked for; the token is the one used last.
    Ready(Token),
    /// Unused for too long.
    Inactive {
        /// Which.
        serial: TokenSerial,
        /// The limit in days.
        days: u32,
    },
    /// Disabled, lost, locked or expired.
    Disabled {
        /// Which.
        serial: TokenSerial,
    },
    /// The account has none.
    NoToken,
}

/// What became of a typed code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CodeOutcome {
    /// Right, and burnt by this very call.
    Accepted {
        /// Of which token.
        serial: TokenSerial,
    },
    /// Right but used already, perhaps a moment ago by another request.
    Replayed {
        /// Of which token.
        serial: TokenSerial,
        /// Seconds until the token shows a good code.
        next_in_seconds: u32,
    },
    /// The code of a time that is over.
    ClockOff {
        /// Of which token.
        serial: TokenSerial,
    },
    /// Wrong.
    Wrong {
        /// The token that locked for good by this failure.
        locked: Option<TokenSerial>,
    },
    /// No token can answer (any longer).
    Unusable(Standing),
}

/// Why something could not be done with a token.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// The act does not fit the state.
    #[error(transparent)]
    Refused(#[from] TokenRefusal),
    /// Somebody changed the token in the meantime.
    #[error("the token was changed by somebody else in the meantime; look at it and try again")]
    Raced,
    /// Impossible digits or step.
    #[error("a token needs 6 to 8 digits and a step of 10 to 120 seconds")]
    BadKind,
    /// Too short or too long a secret.
    #[error("a token secret needs 16 to 128 bytes")]
    BadSecret,
    /// The two codes are not consecutive codes of the token near this time.
    #[error(
        "these are not two consecutive new codes of the token; wait for a new code, then give it and the next one"
    )]
    NoMatch,
    /// The stored secret does not open.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Default for TokenPolicy {
    /// Sixty days, one hundred wrong codes.
    fn default() -> Self {
        Self {
            windows: Windows::default(),
            unused_limit: Some(Duration::from_secs(60 * 86_400)),
            max_failures: 100,
        }
    }
}

impl TokenPolicy {
    fn days(&self) -> u32 {
        u32::try_from(self.unused_limit.unwrap_or_default().as_secs() / 86_400).unwrap_or(u32::MAX)
    }
}

/// Where the account stands with its tokens at `now`. A token found to be unused for too long or past its end gets
/// the state that says so.
///
/// # Errors
/// The store's.
pub fn standing(
    store: &dyn IdentityStore,
    account: &AccountName,
    policy: &TokenPolicy,
    now: Timestamp,
) -> Result<Standing, StoreError> {
    Ok(usable(store, account, policy, now)?.1)
}

/// Judges a typed code against the account's tokens and burns it when it is right. Of two calls with the same code
/// at most one is [`CodeOutcome::Accepted`], whatever runs beside them.
///
/// # Errors
/// The store's, and a secret that does not open.
pub fn use_code(
    store: &dyn IdentityStore,
    key: &WrappingKey,
    account: &AccountName,
    typed: &str,
    policy: &TokenPolicy,
    now: Timestamp,
) -> Result<CodeOutcome, TokenError> {
    let (tokens, standing) = usable(store, account, policy, now)?;
    if tokens.is_empty() {
        return Ok(CodeOutcome::Unusable(standing));
    }
    let mut outcome = CodeOutcome::Wrong { locked: None };
    for token in &tokens {
        let secret = key.open(token.serial.as_str(), &token.secret)?;
        let serial = token.serial.clone();
        match otp::judge(token.kind, &secret, token.drift, token.last_step, typed, &policy.windows, now) {
            Verdict::Right { step, drift } => {
                if token.state == TokenState::Enrolling {
                    // B-12: the first right code is the proof that the person holds the token.
                    store.set_token_state(&serial, TokenState::Enrolling, TokenState::Active)?;
                }
                if store.accept_step(&serial, step, drift, now)? {
                    return Ok(CodeOutcome::Accepted { serial });
                }
                // Another request was quicker with this code.
                outcome =
                    CodeOutcome::Replayed { serial, next_in_seconds: otp::seconds_left(token.kind, now) };
            }
            Verdict::Replayed { next_in_seconds } => {
                outcome = CodeOutcome::Replayed { serial, next_in_seconds };
            }
            Verdict::ClockOff => {
                if matches!(outcome, CodeOutcome::Wrong { .. }) {
                    outcome = CodeOutcome::ClockOff { serial };
                }
            }
            Verdict::Wrong => {}
        }
    }
    if matches!(outcome, CodeOutcome::Wrong { .. } | CodeOutcome::ClockOff { .. }) {
        for token in tokens {
            let state = store.record_token_failure(&token.serial, policy.max_failures)?;
            if state == TokenState::Locked {
                outcome = CodeOutcome::Wrong { locked: Some(token.serial) };
            }
        }
    }
    Ok(outcome)
}

/// Registers a token that is nobody's yet, made by [`new`].
///
/// # Errors
/// Those of [`new`], and a serial that is taken ([`StoreError::Exists`]).
pub fn register(
    store: &dyn IdentityStore,
    key: &WrappingKey,
    serial: TokenSerial,
    kind: TokenKind,
    secret: &[u8],
    expires: Option<Timestamp>,
    now: Timestamp,
) -> Result<Token, TokenError> {
    let token = new(key, serial, kind, secret, expires, now)?;
    store.insert_token(&token)?;
    Ok(token)
}

/// A token that is in no store yet; the secret is sealed for its serial.
///
/// # Errors
/// [`TokenError::BadKind`], [`TokenError::BadSecret`].
pub fn new(
    key: &WrappingKey,
    serial: TokenSerial,
    kind: TokenKind,
    secret: &[u8],
    expires: Option<Timestamp>,
    now: Timestamp,
) -> Result<Token, TokenError> {
    if !kind.is_valid() {
        return Err(TokenError::BadKind);
    }
    if !(16..=128).contains(&secret.len()) {
        return Err(TokenError::BadSecret);
    }
    let sealed = key.seal(serial.as_str(), secret)?;
    Ok(Token { expires, ..Token::new(serial, kind, sealed, now) })
}

/// Gives a token to an account, at once in use.
///
/// # Errors
/// [`TokenError::Refused`] when it is not free; [`StoreError::NotFound`].
pub fn assign(
    store: &dyn IdentityStore,
    serial: &TokenSerial,
    account: &AccountName,
    now: Timestamp,
) -> Result<(), TokenError> {
    let to = find(store, serial)?.state.after(TokenAct::Assign)?;
    if store.assign_token(serial, account, to, now)? { Ok(()) } else { Err(TokenError::Raced) }
}

/// Does `act` to a token: disable, report lost, reactivate, unassign, replace, remove. Assignment has [`assign`].
/// Reactivation restarts the count of days.
///
/// # Errors
/// [`TokenError::Refused`] when the act does not fit; [`StoreError::NotFound`].
pub fn act(
    store: &dyn IdentityStore,
    serial: &TokenSerial,
    act: TokenAct,
    now: Timestamp,
) -> Result<TokenState, TokenError> {
    let token = find(store, serial)?;
    let to = token.state.after(act)?;
    let done = match act {
        TokenAct::Assign | TokenAct::Enrol => {
            return Err(TokenRefusal { state: token.state, act }.into());
        }
        TokenAct::Reactivate => store.reactivate_token(serial, token.state, now)?,
        TokenAct::Unassign => store.unassign_token(serial, token.state)?,
        TokenAct::Confirm
        | TokenAct::FallInactive
        | TokenAct::Lock
        | TokenAct::Disable
        | TokenAct::ReportLost
        | TokenAct::Expire
        | TokenAct::Replace
        | TokenAct::Remove => store.set_token_state(serial, token.state, to)?,
    };
    if done { Ok(to) } else { Err(TokenError::Raced) }
}

/// Sets a token's clock by two consecutive codes; the second burns. Returns the new drift in steps.
///
/// # Errors
/// [`TokenError::NoMatch`]; [`StoreError::NotFound`].
pub fn resync(
    store: &dyn IdentityStore,
    key: &WrappingKey,
    serial: &TokenSerial,
    first: &str,
    second: &str,
    policy: &TokenPolicy,
    now: Timestamp,
) -> Result<i64, TokenError> {
    let token = find(store, serial)?;
    let secret = key.open(serial.as_str(), &token.secret)?;
    let found = otp::resync(token.kind, &secret, token.last_step, first, second, &policy.windows, now);
    let (step, drift) = found.ok_or(TokenError::NoMatch)?;
    if store.resync_token(serial, step, drift)? { Ok(drift) } else { Err(TokenError::Raced) }
}

/// Makes every token inactive that was not used for too long, and returns them. Signing in does not
/// depend on it: [`standing`] applies the same rule.
///
/// # Errors
/// The store's.
pub fn sweep(
    store: &dyn IdentityStore,
    policy: &TokenPolicy,
    now: Timestamp,
) -> Result<Vec<Token>, StoreError> {
    match policy.unused_limit {
        Some(limit) => store.deactivate_unused(now.before(limit)),
        None => Ok(Vec::new()),
    }
}

fn find(store: &dyn IdentityStore, serial: &TokenSerial) -> Result<Token, StoreError> {
    store.token(serial)?.ok_or_else(|| StoreError::NotFound { what: "token", name: serial.to_string() })
}

/// The tokens that may answer, and the standing. Of several reasons why none may, the one with the clearest remedy.
fn usable(
    store: &dyn IdentityStore,
    account: &AccountName,
    policy: &TokenPolicy,
    now: Timestamp,
) -> Result<(Vec<Token>, Standing), StoreError> {
    let mut ready = Vec::new();
    let mut inactive = None;
    let mut disabled = None;
    for token in store.tokens_of(account)? {
        let serial = token.serial.clone();
        match token.usability(policy.unused_limit, now) {
            Usability::Usable | Usability::Not(TokenState::Enrolling) => ready.push(token),
            Usability::FellInactive => {
                store.set_token_state(&serial, TokenState::Active, TokenState::Inactive)?;
                inactive.get_or_insert(serial);
            }
            Usability::Expired => {
                store.set_token_state(&serial, TokenState::Active, TokenState::Expired)?;
                disabled.get_or_insert(serial);
            }
            Usability::Not(TokenState::Inactive) => {
                inactive.get_or_insert(serial);
            }
            Usability::Not(
                TokenState::Locked | TokenState::Disabled | TokenState::Lost | TokenState::Expired,
            ) => {
                disabled.get_or_insert(serial);
            }
            Usability::Not(
                TokenState::Initial | TokenState::Active | TokenState::Replaced | TokenState::Removed,
            ) => {}
        }
    }
    let standing = match (ready.first(), inactive, disabled) {
        (Some(token), _, _) => Standing::Ready(token.clone()),
        (None, Some(serial), _) => Standing::Inactive { serial, days: policy.days() },
        (None, None, Some(serial)) => Standing::Disabled { serial },
        (None, None, None) => Standing::NoToken,
    };
    Ok((ready, standing))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::MemoryStore;
    use crate::people;

    const SECRET: &[u8] = b"12345678901234567890";
    const DAY: Duration = Duration::from_secs(86_400);

    struct World {
        store: MemoryStore,
        key: WrappingKey,
        wong: AccountName,
        serial: TokenSerial,
        start: Timestamp,
    }

    fn world() -> World {
        let store = MemoryStore::default();
        let key = WrappingKey::from_bytes([9; 32]);
        let start = Timestamp::from_secs(1_700_000_000);
        let wong = people::add(&store, "wong", "", start).unwrap().name;
        let serial = TokenSerial::new("F88AC2B6");
        register(&store, &key, serial.clone(), TokenKind::SOFT, SECRET, None, start).unwrap();
        assign(&store, &serial, &wong, start).unwrap();
        World { store, key, wong, serial, start }
    }

    impl World {
        fn code(&self, at: Timestamp) -> String {
            let step = u64::try_from(otp::step_at(TokenKind::SOFT, at)).unwrap();
            otp::code(TokenKind::SOFT, SECRET, step).to_string()
        }

        fn try_code(&self, typed: &str, at: Timestamp) -> CodeOutcome {
            use_code(&self.store, &self.key, &self.wong, typed, &TokenPolicy::default(), at).unwrap()
        }
    }

    #[test]
    fn one_code_is_good_once() {
        let w = world();
        let code = w.code(w.start);
        assert_eq!(w.try_code(&code, w.start), CodeOutcome::Accepted { serial: w.serial.clone() });
        assert!(matches!(w.try_code(&code, w.start), CodeOutcome::Replayed { .. }));
        let next = w.start.after(Duration::from_secs(30));
        assert_eq!(w.try_code(&w.code(next), next), CodeOutcome::Accepted { serial: w.serial.clone() });
    }

    #[test]
    fn a39_and_a40_a_token_left_alone_for_sixty_days_needs_an_administrator() {
        let w = world();
        let late = w.start.after(60 * DAY);
        assert_eq!(
            w.try_code(&w.code(late), late),
            CodeOutcome::Unusable(Standing::Inactive { serial: w.serial.clone(), days: 60 }),
            "at sign-in, without any sweep"
        );
        assert_eq!(w.store.token(&w.serial).unwrap().unwrap().state, TokenState::Inactive);
        assert_eq!(act(&w.store, &w.serial, TokenAct::Reactivate, late), Ok(TokenState::Active));
        assert!(matches!(w.try_code(&w.code(late), late), CodeOutcome::Accepted { .. }));
        assert!(sweep(&w.store, &TokenPolicy::default(), late.after(59 * DAY)).unwrap().is_empty());
        let swept = sweep(&w.store, &TokenPolicy::default(), late.after(60 * DAY)).unwrap();
        assert_eq!(swept.len(), 1);
        assert_eq!(swept[0].serial, w.serial);
    }

    #[test]
    fn a_hundred_wrong_codes_lock_the_token() {
        let w = world();
        for n in 1..100 {
            assert_eq!(w.try_code("000000", w.start), CodeOutcome::Wrong { locked: None }, "{n}");
        }
        assert_eq!(w.try_code("000000", w.start), CodeOutcome::Wrong { locked: Some(w.serial.clone()) });
        assert_eq!(
            w.try_code(&w.code(w.start), w.start),
            CodeOutcome::Unusable(Standing::Disabled { serial: w.serial.clone() })
        );
    }

    #[test]
    fn a42_resync_by_two_codes_makes_a_drifted_token_good_again() {
        let w = world();
        let ahead = |steps: u64| w.start.after(Duration::from_secs(30 * steps));
        assert!(matches!(w.try_code(&w.code(w.start), ahead(8)), CodeOutcome::ClockOff { .. }), "it is slow");
        assert!(matches!(w.try_code(&w.code(ahead(8)), w.start), CodeOutcome::Wrong { .. }), "it is fast");
        let policy = TokenPolicy::default();
        let sync =
            |first: &str, second: &str, at| resync(&w.store, &w.key, &w.serial, first, second, &policy, at);
        assert_eq!(sync(&w.code(ahead(40)), &w.code(ahead(42)), ahead(1)), Err(TokenError::NoMatch));
        assert_eq!(sync(&w.code(ahead(40)), &w.code(ahead(41)), ahead(1)), Ok(40));
        assert_eq!(
            sync(&w.code(ahead(40)), &w.code(ahead(41)), ahead(1)),
            Err(TokenError::NoMatch),
            "the second code burnt"
        );
        assert!(matches!(w.try_code(&w.code(ahead(41)), ahead(1)), CodeOutcome::Replayed { .. }));
        assert!(matches!(w.try_code(&w.code(ahead(42)), ahead(2)), CodeOutcome::Accepted { .. }));
    }

    #[test]
    fn of_two_tokens_either_answers() {
        let w = world();
        let second = TokenSerial::new("HW-1");
        let other = b"another secret of 26 bytes";
        register(&w.store, &w.key, second.clone(), TokenKind::HARDWARE, other, None, w.start).unwrap();
        assign(&w.store, &second, &w.wong, w.start).unwrap();
        let step = u64::try_from(otp::step_at(TokenKind::HARDWARE, w.start)).unwrap();
        let code = otp::code(TokenKind::HARDWARE, other, step);
        assert_eq!(w.try_code(&code, w.start), CodeOutcome::Accepted { serial: second });
        assert!(matches!(w.try_code(&w.code(w.start), w.start), CodeOutcome::Accepted { .. }));
    }

    #[test]
    fn a_token_serves_one_account_and_only_in_fitting_states() {
        let w = world();
        people::add(&w.store, "chan", "", w.start).unwrap();
        let chan = AccountName::new("chan");
        assert!(matches!(assign(&w.store, &w.serial, &chan, w.start), Err(TokenError::Refused(_))));
        act(&w.store, &w.serial, TokenAct::ReportLost, w.start).unwrap();
        assert_eq!(
            w.try_code(&w.code(w.start), w.start),
            CodeOutcome::Unusable(Standing::Disabled { serial: w.serial.clone() })
        );
        act(&w.store, &w.serial, TokenAct::Unassign, w.start).unwrap();
        assert_eq!(w.try_code("000000", w.start), CodeOutcome::Unusable(Standing::NoToken));
        assign(&w.store, &w.serial, &chan, w.start).unwrap();
        assert!(matches!(act(&w.store, &w.serial, TokenAct::Assign, w.start), Err(TokenError::Refused(_))));
        assert!(matches!(
            act(&w.store, &TokenSerial::new("none"), TokenAct::Disable, w.start),
            Err(TokenError::Store(StoreError::NotFound { .. }))
        ));
    }

    #[test]
    fn b12_the_first_right_code_confirms_an_enrolling_token() {
        let w = world();
        act(&w.store, &w.serial, TokenAct::Unassign, w.start).unwrap();
        w.store.assign_token(&w.serial, &w.wong, TokenState::Enrolling, w.start).unwrap();
        assert!(matches!(w.try_code(&w.code(w.start), w.start), CodeOutcome::Accepted { .. }));
        assert_eq!(w.store.token(&w.serial).unwrap().unwrap().state, TokenState::Active);
    }

    #[test]
    fn impossible_tokens_are_not_registered() {
        let w = world();
        let kind = TokenKind::Totp { step_seconds: 300, digits: 6, algorithm: Default::default() };
        let new = |kind, secret: &[u8]| {
            register(&w.store, &w.key, TokenSerial::new("X"), kind, secret, None, w.start).map(|_| ())
        };
        assert_eq!(new(kind, SECRET), Err(TokenError::BadKind));
        assert_eq!(new(TokenKind::SOFT, b"short"), Err(TokenError::BadSecret));
    }
}
