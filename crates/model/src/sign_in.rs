//! The sign-in conversation: the gateway names the next step, the client shows it and answers.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::password::PasswordRules;
use crate::posture::{Check, Finding, MAX_FINDINGS, at_most};
use crate::{AccountName, Failure, Secret, SessionId, Timestamp, TokenSerial};

/// What the gateway wants next. Architecture: one state machine at the gateway, several renderings of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(tag = "step", rename_all = "snake_case")]
#[non_exhaustive]
pub enum SignInStep {
    /// The account's password.
    Password {
        /// The account it is for, once named.
        account: Option<AccountName>,
    },
    /// A token code; asked only after the right password.
    Otp {
        /// The server's own words, shown as they are (B-15).
        prompt: Option<String>,
        /// Which token, and its rhythm; unknown with foreign gateways.
        token: Option<TokenHint>,
    },
    /// A new password is due.
    NewPassword {
        /// The rules to show and tick; foreign gateways do not tell.
        rules: Option<PasswordRules>,
    },
    /// A foreign gateway asks for something that has no name here.
    Form {
        /// What to show above the fields.
        message: Option<String>,
        /// The fields, in order.
        fields: Vec<FormField>,
    },
    /// The machine is checked; with what does not meet policy once that is known.
    Posture {
        /// What is read, and nothing else.
        #[serde(default, deserialize_with = "at_most::<_, _, { Check::ALL.len() }>")]
        checks: Vec<Check>,
        /// Every requirement that is not met; empty while the check runs.
        #[serde(default, deserialize_with = "at_most::<_, _, MAX_FINDINGS>")]
        findings: Vec<Finding>,
        /// Seconds from when this was asked in which another report is heard without a new code.
        #[serde(default)]
        retry_seconds: Option<u32>,
        /// What the report answers, so that it is good for this question only: base64url of 32 bytes, new each time.
        #[serde(default)]
        nonce: String,
    },
    /// The account is signed in elsewhere.
    Elsewhere {
        /// Where, and since when.
        sessions: Vec<ElsewhereSession>,
        /// What policy lets the person choose; empty when it refuses.
        choices: Vec<ElsewhereChoice>,
    },
    /// Signed in.
    Done(Grant),
    /// The conversation is over without a session.
    Refused(Failure),
}

/// A token as the person at the prompt needs to know it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct TokenHint {
    /// The serial on the token's back.
    pub serial: TokenSerial,
    /// How many digits its codes have.
    pub digits: u8,
    /// How long one code lives, in seconds.
    pub step_seconds: u32,
    /// Seconds left of the present code by the gateway's clock and the token's known drift.
    pub seconds_left: u32,
}

impl TokenHint {
    /// Seconds left of the token's code `elapsed` after the hint was given; the next code follows at once.
    pub fn seconds_left_after(&self, elapsed: Duration) -> u32 {
        let step = u64::from(self.step_seconds.max(1));
        let into = (step - u64::from(self.seconds_left).min(step) + elapsed.as_secs()) % step;
        u32::try_from(step - into).unwrap_or(0)
    }
}

/// One input of a [`SignInStep::Form`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct FormField {
    /// Its name in the answer.
    pub name: String,
    /// What to show beside it.
    pub label: String,
    /// Whether the input is hidden.
    pub secret: bool,
    /// The values to choose from, as (value, text); empty for free text.
    pub choices: Vec<(String, String)>,
}

/// A session of the same account on another machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct ElsewhereSession {
    /// Its identifier.
    pub session: SessionId,
    /// The other machine's name as it gave it.
    pub host_name: String,
    /// The address it came from.
    pub source: String,
    /// When it signed in.
    pub since: Timestamp,
}

/// What may be done about a session elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum ElsewhereChoice {
    /// End the other session and go on here.
    Replace,
    /// Leave the other session alone and stop here.
    Cancel,
}

/// An answer to a [`SignInStep`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(tag = "answer", rename_all = "snake_case")]
#[non_exhaustive]
pub enum SignInAnswer {
    /// To [`SignInStep::Password`].
    Password {
        /// The account, where the step did not name it.
        account: Option<String>,
        /// The password exactly as typed.
        password: Secret,
    },
    /// To [`SignInStep::Otp`].
    Otp {
        /// The code as typed.
        code: Secret,
    },
    /// To [`SignInStep::NewPassword`].
    NewPassword {
        /// The first entry.
        password: Secret,
        /// The second entry.
        repeat: Secret,
    },
    /// To [`SignInStep::Form`]: (name, value).
    Form {
        /// The values in the form's order.
        values: Vec<(String, Secret)>,
    },
    /// To [`SignInStep::Elsewhere`].
    Elsewhere {
        /// The person's choice.
        choice: ElsewhereChoice,
    },
    /// To [`SignInStep::Posture`], from the machine's service: what was read of the machine.
    Posture {
        /// JSON of the nonce and the facts.
        report: String,
        /// Base64 of the device key's Ed25519 signature.
        signature: String,
    },
    /// To [`SignInStep::Posture`], from the person: the machine has been put right. The gateway never hears it; the
    /// service reads the machine again.
    CheckAgain,
    /// Give up.
    Cancel,
}

/// What a successful sign-in yields.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct Grant {
    /// The session's public identifier; foreign gateways give none.
    pub session: Option<SessionId>,
    /// The session cookie: at least 256 random bits, opens CONNECT and the API.
    pub cookie: Secret,
    /// The account as the gateway knows it.
    pub account: AccountName,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a37_the_countdown_goes_on_with_the_next_code() {
        let token =
            TokenHint { serial: TokenSerial::new("1"), digits: 6, step_seconds: 60, seconds_left: 12 };
        for (elapsed, left) in [(0, 12), (2, 10), (11, 1), (12, 60), (13, 59), (72, 60), (80, 52)] {
            assert_eq!(token.seconds_left_after(Duration::from_secs(elapsed)), left, "{elapsed}");
        }
    }
}
