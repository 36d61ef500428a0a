//! A one-time-code token: what kind it is, whose, and the states of its life (A-37 … A-42, 1F).

use std::time::Duration;

use praya_model::{AccountName, Timestamp, TokenSerial};
use serde::{Deserialize, Serialize};

use crate::sealed::Sealed;

/// What the store keeps about one token. The secret is sealed with a key that is not in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// The serial printed on it; unique.
    pub serial: TokenSerial,
    /// Whose it is; a token serves one account.
    pub account: Option<AccountName>,
    /// How its codes are made.
    pub kind: TokenKind,
    /// The shared secret, sealed; the serial is the associated data.
    pub secret: Sealed,
    /// Where in its life it stands.
    pub state: TokenState,
    /// How many steps the token's clock is ahead of ours (negative: behind). Always 0 for HOTP.
    pub drift: i64,
    /// The newest time step or counter whose code was accepted; -1 when none was.
    pub last_step: i64,
    /// Wrong codes since the last accepted one.
    pub failures: u32,
    /// The last accepted code.
    pub last_used: Option<Timestamp>,
    /// When the count of days without use began anew: assignment or reactivation.
    pub counting_since: Timestamp,
    /// The end printed in its papers, if any (B-07).
    pub expires: Option<Timestamp>,
    /// When it was registered.
    pub created: Timestamp,
}

/// How a token makes its codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum TokenKind {
    /// By time (RFC 6238).
    Totp {
        /// The time step in seconds: 60 for the hardware tokens of A-37, 30 for soft ones.
        step_seconds: u32,
        /// 6 to 8.
        digits: u8,
        /// The HMAC's hash.
        algorithm: OtpAlgorithm,
    },
    /// By counter (RFC 4226).
    Hotp {
        /// 6 to 8.
        digits: u8,
        /// The HMAC's hash.
        algorithm: OtpAlgorithm,
    },
}

/// The hash in a token's HMAC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OtpAlgorithm {
    /// SHA-1, what nearly every token has.
    #[default]
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-512.
    Sha512,
}

/// Where in its life a token stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenState {
    /// Registered, nobody's (初始).
    Initial,
    /// Assigned, its first code not yet seen.
    Enrolling,
    /// In use.
    Active,
    /// Not used for too long.
    Inactive,
    /// Too many wrong codes in a row.
    Locked,
    /// An administrator switched it off.
    Disabled,
    /// Reported lost.
    Lost,
    /// Past its own end.
    Expired,
    /// Another token took its place.
    Replaced,
    /// Taken out of use for good.
    Removed,
}

/// What is done to a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TokenAct {
    /// Given to a person; at once in use.
    Assign,
    /// Given to a person who must show a first code.
    Enrol,
    /// The first code was right.
    Confirm,
    /// Taken back from the person.
    Unassign,
    /// Unused for too long.
    FallInactive,
    /// Too many wrong codes.
    Lock,
    /// Switched off.
    Disable,
    /// Reported lost.
    ReportLost,
    /// Past its end.
    Expire,
    /// Brought back by an administrator, with a reason in the audit.
    Reactivate,
    /// Another token takes its place.
    Replace,
    /// Taken out of use for good.
    Remove,
}

/// The act does not fit the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a token that is {} cannot be {}", .state.as_str(), .act.participle())]
pub struct TokenRefusal {
    /// The state it is in.
    pub state: TokenState,
    /// What was to be done.
    pub act: TokenAct,
}

/// Whether a token may answer for its account now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Usability {
    /// It may.
    Usable,
    /// Active by its state, but unused for longer than allowed; the caller stores the new state.
    FellInactive,
    /// Active by its state, but past its end; the caller stores the new state.
    Expired,
    /// Its state forbids it.
    Not(TokenState),
}

impl TokenState {
    /// Every state.
    pub const ALL: [Self; 10] = [
        Self::Initial,
        Self::Enrolling,
        Self::Active,
        Self::Inactive,
        Self::Locked,
        Self::Disabled,
        Self::Lost,
        Self::Expired,
        Self::Replaced,
        Self::Removed,
    ];

    /// The stable name, as in JSON and in the store.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Initial => "initial",
            Self::Enrolling => "enrolling",
            Self::Active => "active",
            Self::Inactive => "inactive",
            Self::Locked => "locked",
            Self::Disabled => "disabled",
            Self::Lost => "lost",
            Self::Expired => "expired",
            Self::Replaced => "replaced",
            Self::Removed => "removed",
        }
    }

    /// The state of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }

    /// The state after `act`.
    ///
    /// # Errors
    /// [`TokenRefusal`] when the act does not fit.
    pub const fn after(self, act: TokenAct) -> Result<Self, TokenRefusal> {
        use TokenAct as Act;
        use TokenState as State;
        Ok(match (self, act) {
            (State::Initial, Act::Assign) | (State::Enrolling, Act::Confirm) => State::Active,
            (State::Initial, Act::Enrol) => State::Enrolling,
            (State::Active, Act::FallInactive) => State::Inactive,
            (State::Active, Act::Lock) => State::Locked,
            (State::Active | State::Enrolling | State::Inactive | State::Locked, Act::Disable) => {
                State::Disabled
            }
            (
                State::Active | State::Enrolling | State::Inactive | State::Locked | State::Disabled,
                Act::ReportLost,
            ) => State::Lost,
            (
                State::Initial
                | State::Enrolling
                | State::Active
                | State::Inactive
                | State::Locked
                | State::Disabled,
                Act::Expire,
            ) => State::Expired,
            (State::Inactive | State::Locked | State::Disabled | State::Lost, Act::Reactivate) => {
                State::Active
            }
            (
                State::Enrolling
                | State::Active
                | State::Inactive
                | State::Locked
                | State::Disabled
                | State::Lost,
                Act::Unassign,
            ) => State::Initial,
            (
                State::Enrolling
                | State::Active
                | State::Inactive
                | State::Locked
                | State::Disabled
                | State::Lost
                | State::Expired,
                Act::Replace,
            ) => State::Replaced,
            (
                State::Initial
                | State::Enrolling
                | State::Active
                | State::Inactive
                | State::Locked
                | State::Disabled
                | State::Lost
                | State::Expired
                | State::Replaced,
                Act::Remove,
            ) => State::Removed,
            (state, act) => return Err(TokenRefusal { state, act }),
        })
    }
}

impl TokenAct {
    const fn participle(self) -> &'static str {
        match self {
            Self::Assign => "assigned",
            Self::Enrol => "enrolled",
            Self::Confirm => "confirmed",
            Self::Unassign => "unassigned",
            Self::FallInactive => "made inactive",
            Self::Lock => "locked",
            Self::Disable => "disabled",
            Self::ReportLost => "reported lost",
            Self::Expire => "expired",
            Self::Reactivate => "reactivated",
            Self::Replace => "replaced",
            Self::Remove => "removed",
        }
    }
}

impl TokenKind {
    /// The IAS hardware token: a 6-digit code every 60 s by SHA-1.
    pub const HARDWARE: Self = Self::Totp { step_seconds: 60, digits: 6, algorithm: OtpAlgorithm::Sha1 };
    /// What every authenticator app can do: 6 digits every 30 s by SHA-1.
    pub const SOFT: Self = Self::Totp { step_seconds: 30, digits: 6, algorithm: OtpAlgorithm::Sha1 };

    /// How many digits a code has.
    pub const fn digits(self) -> u8 {
        match self {
            Self::Totp { digits, .. } | Self::Hotp { digits, .. } => digits,
        }
    }

    /// The HMAC's hash.
    pub const fn algorithm(self) -> OtpAlgorithm {
        match self {
            Self::Totp { algorithm, .. } | Self::Hotp { algorithm, .. } => algorithm,
        }
    }

    /// Seconds that one code lives; 0 for HOTP.
    pub const fn step_seconds(self) -> u32 {
        match self {
            Self::Totp { step_seconds, .. } => step_seconds,
            Self::Hotp { .. } => 0,
        }
    }

    /// Whether the numbers are possible: 6 to 8 digits, a step of 10 to 120 s (NIST 63B: new at least every 2 min).
    pub const fn is_valid(self) -> bool {
        let digits = self.digits();
        let step_fits = match self {
            Self::Totp { step_seconds, .. } => 10 <= step_seconds && step_seconds <= 120,
            Self::Hotp { .. } => true,
        };
        6 <= digits && digits <= 8 && step_fits
    }
}

impl OtpAlgorithm {
    /// The name as in an `otpauth` URI.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
            Self::Sha512 => "SHA512",
        }
    }

    /// The algorithm of that name, upper or lower case, with or without a hyphen.
    pub fn from_name(name: &str) -> Option<Self> {
        let plain = name.to_ascii_uppercase().replace('-', "");
        [Self::Sha1, Self::Sha256, Self::Sha512].into_iter().find(|algorithm| algorithm.as_str() == plain)
    }
}

impl Token {
    /// A registered token that is nobody's yet.
    pub fn new(serial: TokenSerial, kind: TokenKind, secret: Sealed, created: Timestamp) -> Self {
        Self {
            serial,
            account: None,
            kind,
            secret,
            state: TokenState::Initial,
            drift: 0,
            last_step: -1,
            failures: 0,
            last_used: None,
            counting_since: created,
            expires: None,
            created,
        }
    }

    /// When the token was last known to serve: its last use, or the start of the count if that is later.
    pub fn served_at(&self) -> Timestamp {
        self.last_used.map_or(self.counting_since, |used| used.max(self.counting_since))
    }

    /// Whether the token may answer at `now`, if it must serve at least once every `unused_limit`.
    pub fn usability(&self, unused_limit: Option<Duration>, now: Timestamp) -> Usability {
        if self.state != TokenState::Active {
            return Usability::Not(self.state);
        }
        if self.expires.is_some_and(|end| now >= end) {
            return Usability::Expired;
        }
        if unused_limit.is_some_and(|limit| now.since(self.served_at()) >= limit) {
            return Usability::FellInactive;
        }
        Usability::Usable
    }

    /// Days left before the token falls inactive, rounded up; for reminders.
    pub fn days_left(&self, unused_limit: Duration, now: Timestamp) -> u64 {
        unused_limit.saturating_sub(now.since(self.served_at())).as_secs().div_ceil(86_400)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);
    const SIXTY_DAYS: Duration = Duration::from_secs(60 * 86_400);

    fn active(counting_since: Timestamp) -> Token {
        let sealed = Sealed::from_bytes(vec![0; 40]);
        let mut token = Token::new(TokenSerial::new("T1"), TokenKind::HARDWARE, sealed, counting_since);
        token.state = TokenState::Active;
        token
    }

    #[test]
    fn a39_a_token_unused_for_sixty_days_falls_inactive() {
        let start = Timestamp::from_secs(1_700_000_000);
        let mut token = active(start);
        let limit = Some(SIXTY_DAYS);
        assert_eq!(token.usability(limit, start.after(59 * DAY)), Usability::Usable);
        assert_eq!(token.usability(limit, start.after(60 * DAY)), Usability::FellInactive);
        token.last_used = Some(start.after(30 * DAY));
        assert_eq!(token.usability(limit, start.after(60 * DAY)), Usability::Usable);
        assert_eq!(token.usability(limit, start.after(90 * DAY)), Usability::FellInactive);
        assert_eq!(token.usability(None, start.after(900 * DAY)), Usability::Usable);
        assert_eq!(token.days_left(SIXTY_DAYS, start.after(85 * DAY)), 5);
    }

    #[test]
    fn a40_reactivation_restarts_the_count() {
        let start = Timestamp::from_secs(1_700_000_000);
        let mut token = active(start);
        token.last_used = Some(start);
        token.counting_since = start.after(100 * DAY);
        assert_eq!(token.usability(Some(SIXTY_DAYS), start.after(159 * DAY)), Usability::Usable);
        assert_eq!(token.usability(Some(SIXTY_DAYS), start.after(160 * DAY)), Usability::FellInactive);
    }

    #[test]
    fn an_expired_token_does_not_answer() {
        let start = Timestamp::from_secs(1_700_000_000);
        let mut token = active(start);
        token.expires = Some(start.after(DAY));
        assert_eq!(token.usability(None, start), Usability::Usable);
        assert_eq!(token.usability(None, start.after(DAY)), Usability::Expired);
    }

    #[test]
    fn the_token_states_of_1f() {
        use TokenAct as Act;
        use TokenState as State;
        for (from, act, to) in [
            (State::Initial, Act::Enrol, Some(State::Enrolling)),
            (State::Enrolling, Act::Confirm, Some(State::Active)),
            (State::Initial, Act::Assign, Some(State::Active)),
            (State::Active, Act::FallInactive, Some(State::Inactive)),
            (State::Inactive, Act::Reactivate, Some(State::Active)),
            (State::Lost, Act::Reactivate, Some(State::Active)),
            (State::Lost, Act::Replace, Some(State::Replaced)),
            (State::Expired, Act::Reactivate, None),
            (State::Removed, Act::Reactivate, None),
            (State::Replaced, Act::Reactivate, None),
            (State::Initial, Act::Reactivate, None),
            (State::Initial, Act::Confirm, None),
            (State::Active, Act::Assign, None),
        ] {
            assert_eq!(from.after(act).ok(), to, "{from:?} {act:?}");
        }
        for state in State::ALL {
            assert_eq!(State::from_name(state.as_str()), Some(state));
            assert!(State::Removed.after(Act::Remove).is_err(), "removed is for good");
        }
    }
}
