//! Everything the gateway says to people, in English, made from codes: pages of AnyConnect clients, disconnect
//! reasons, reasons of refusals. Praya's own client gets the codes and makes its own texts.

use praya_model::failure::FailureCode;
use praya_model::password::{PasswordRule, PasswordRules};
use praya_model::sign_in::{ElsewhereSession, TokenHint};
use praya_model::{EndReason, Failure};
use praya_wire::anyconnect::PageError;

/// Label of the name field.
pub const USERNAME: &str = "Username:";
/// Label of the password field.
pub const PASSWORD: &str = "Password:";
/// Label of the code field.
pub const CODE: &str = "Code:";
/// Label of the first entry of a new password.
pub const NEW_PASSWORD: &str = "New password:";
/// Label of the second entry of a new password.
pub const REPEAT_PASSWORD: &str = "Repeat the new password:";
/// What to do on the first page.
pub const SIGN_IN: &str = "Please enter your username and password.";
/// Label of the choice about a session elsewhere.
pub const ELSEWHERE_LABEL: &str = "Your choice:";
/// A choice about a session elsewhere. openconnect has people type these, so they are short.
pub const ELSEWHERE_REPLACE: &str = "replace";
/// The other choice.
pub const ELSEWHERE_CANCEL: &str = "cancel";
/// The answer to a tunnel for which the client takes no address that the gateway has.
pub const NO_ADDRESS: &str = "The gateway has no address of a kind that this client takes.";
/// The answer to a session that opens one tunnel after another.
pub const TOO_OFTEN: &str = "This session opens too many tunnels. Wait a moment.";
/// The answer when the database cannot be asked.
pub const BUSY: &str = "The gateway cannot answer now. Try again in a minute.";

/// What a page asks for when a code is due (1E: which token, and how long its code still lives).
pub fn otp(prompt: Option<&str>, token: Option<&TokenHint>) -> String {
    let mut text = prompt.map_or_else(|| "Please enter the code of your token.".to_owned(), str::to_owned);
    if let Some(token) = token {
        if !text.contains(token.serial.as_str()) {
            text.push_str(&format!(" Token {}, {} digits.", token.serial, token.digits));
        }
        if token.seconds_left < 10 {
            text.push_str(&format!(
                " The present code ends in {} s; better wait for the next one.",
                token.seconds_left
            ));
        }
    }
    text
}

/// What a page asks for when a new password is due.
pub fn new_password(rules: Option<&PasswordRules>) -> String {
    let mut text = "A new password is due. Please choose one and enter it twice.".to_owned();
    if let Some(rules) = rules {
        let rules: Vec<_> = rules.rules().into_iter().map(|rule| rule_text(rule, Some(rules))).collect();
        text.push_str(&format!(" It must {}.", rules.join(", ")));
    }
    text
}

/// What a page says about sessions elsewhere.
pub fn elsewhere(sessions: &[ElsewhereSession]) -> String {
    let places: Vec<_> = sessions.iter().map(place).collect();
    format!("You are already signed in: {}.", places.join("; "))
}

/// What a page says when the person may choose.
pub fn elsewhere_choice(sessions: &[ElsewhereSession]) -> String {
    format!("{} Replace ends that session and goes on here; cancel leaves it alone.", elsewhere(sessions))
}

fn place(session: &ElsewhereSession) -> String {
    let host = if session.host_name.is_empty() { "a machine without a name" } else { &session.host_name };
    let since = jiff::Timestamp::from_millisecond(session.since.as_millis())
        .map(|at| format!(", since {}", at.strftime("%Y-%m-%d %H:%M UTC")))
        .unwrap_or_default();
    format!("on {host}, from {}{since}", session.source)
}

/// A failure as an AnyConnect page shows it, with whom to ask and what to quote.
pub fn page_error(failure: &Failure) -> PageError {
    let (text, param) = failure_text(&failure.code);
    let mut text = text;
    if let Some(help_desk) = &failure.help_desk {
        // A person's own text may hold what looks like a parameter.
        text.push_str(&format!(" Help desk: {}.", help_desk.replace('%', " ").trim_end_matches('.')));
    }
    if let Some(support) = &failure.support {
        text.push_str(&format!(" Support code: {support}."));
    }
    PageError { id: Some("praya".into()), text, param1: param, param2: None }
}

/// The text, where `%s` stands for the second value.
#[expect(clippy::wildcard_enum_match_arm, reason = "many codes are a client's own and never happen here")]
fn failure_text(code: &FailureCode) -> (String, Option<String>) {
    let plain = |text: &str| (text.to_owned(), None);
    match code {
        FailureCode::WrongCredentials => {
            plain("Wrong username or password. After several failures the sign-in is locked for a while.")
        }
        FailureCode::Locked { seconds_left } => {
            ("The sign-in of this account is locked for %s.".into(), Some(duration(*seconds_left)))
        }
        FailureCode::TooManyAttempts { retry_after_seconds } => (
            "Too many attempts from your address. Try again in %s.".into(),
            Some(duration(*retry_after_seconds)),
        ),
        FailureCode::WrongOtp => plain("The code is wrong. Wait for the next code and try again."),
        FailureCode::ReplayedOtp { next_in_seconds } => {
            ("This code was used already. The next one comes in %s.".into(), Some(duration(*next_in_seconds)))
        }
        FailureCode::OtpClockOff { serial } => {
            ("The clock of token %s is off; the help desk can set it right.".into(), Some(serial.to_string()))
        }
        FailureCode::TokenInactive { serial, days } => (
            format!("Token %s was not used for {days} days and is closed; the help desk can open it."),
            Some(serial.to_string()),
        ),
        FailureCode::TokenDisabled { serial } => ("Token %s is disabled.".into(), Some(serial.to_string())),
        FailureCode::NoToken => plain("No token is assigned to this account."),
        FailureCode::AccountDisabled => plain("This account is disabled."),
        FailureCode::PasswordRules { broken } => {
            let rules: Vec<_> = broken.iter().map(|rule| rule_text(*rule, None)).collect();
            ("The new password was not accepted: it must %s.".into(), Some(rules.join(", ")))
        }
        FailureCode::SignInExpired => plain("This sign-in is no longer open. Please start again."),
        FailureCode::UnexpectedAnswer => plain("The answer does not fit the question. Please start again."),
        FailureCode::SignedInElsewhere { sessions } => {
            ("%s No further session is allowed.".into(), Some(elsewhere(sessions)))
        }
        FailureCode::Cancelled => plain("The sign-in was cancelled."),
        FailureCode::PostureUnsupported => {
            plain("This gateway checks the machine, and your client cannot do that; use Praya's own.")
        }
        FailureCode::PostureFailed => plain("This machine does not meet the rules of the gateway."),
        FailureCode::BadPostureReport => plain("The gateway did not accept the report about this machine."),
        FailureCode::Busy { retry_after_seconds } => {
            ("The gateway is busy. Try again in %s.".into(), Some(duration(*retry_after_seconds)))
        }
        FailureCode::SessionEnded { reason } => {
            ("The session is over: %s".into(), Some(ended(*reason).into()))
        }
        FailureCode::NotSignedIn => plain("Nobody is signed in."),
        FailureCode::WrongCurrentPassword => plain("The current password is wrong."),
        _ => plain("The sign-in failed."),
    }
}

/// Why a session ended, as a connected client is told.
pub const fn ended(reason: EndReason) -> &'static str {
    match reason {
        EndReason::UserLogout | EndReason::TrayExit => "You have logged out.",
        EndReason::Idle => "You were logged out because there was no traffic for too long.",
        EndReason::Absolute => "The session has reached its longest lifetime. Please sign in again.",
        EndReason::Admin => "An administrator has ended the session.",
        EndReason::Duplicate => "The same account has signed in elsewhere and taken over.",
        EndReason::PostureLost => "The machine no longer meets the policy.",
        EndReason::PasswordChanged => "The password was changed elsewhere. Please sign in again.",
        EndReason::AccountDisabled => "The account was disabled.",
        EndReason::TokenDisabled => "The token was disabled.",
        EndReason::GatewayRestart => "The gateway restarts and cannot keep the session.",
        EndReason::Away => "The client was away for too long.",
        EndReason::Other => "The session has ended.",
    }
}

fn rule_text(rule: PasswordRule, rules: Option<&PasswordRules>) -> String {
    match (rule, rules) {
        (PasswordRule::MinLength, Some(rules)) => format!("have at least {} characters", rules.min_length),
        (PasswordRule::MinLength, None) => "be longer".into(),
        (PasswordRule::MaxLength, Some(rules)) => format!("have at most {} characters", rules.max_length),
        (PasswordRule::MaxLength, None) => "be shorter".into(),
        (PasswordRule::Upper, _) => "have an upper-case letter".into(),
        (PasswordRule::Lower, _) => "have a lower-case letter".into(),
        (PasswordRule::Digit, _) => "have a digit".into(),
        (PasswordRule::OnlyLettersAndDigits, _) => "have nothing but letters (A-Z, a-z) and digits".into(),
        (PasswordRule::NotTheAccount, _) => "not contain your username".into(),
        (PasswordRule::NotCommon, _) => "not be a common password".into(),
        (PasswordRule::NotTheOld, _) => "differ from the old one".into(),
        (PasswordRule::Matches, _) => "be the same in both entries".into(),
    }
}

/// `4 minutes 5 seconds`, `1 minute`, `12 seconds`.
fn duration(seconds: u32) -> String {
    let unit = |n: u32, name: &str| format!("{n} {name}{}", if n == 1 { "" } else { "s" });
    match (seconds / 60, seconds % 60) {
        (0, seconds) => unit(seconds, "second"),
        (minutes, 0) => unit(minutes, "minute"),
        (minutes, seconds) => format!("{} {}", unit(minutes, "minute"), unit(seconds, "second")),
    }
}

#[cfg(test)]
mod tests {
    use praya_model::{SupportCode, Timestamp, TokenSerial};

    use super::*;

    #[test]
    fn a36_the_lock_says_how_long_and_a41_whom_to_ask() {
        let failure = Failure {
            code: FailureCode::Locked { seconds_left: 245 },
            support: Some(SupportCode::new("K7QH-9FXM")),
            help_desk: Some("IT, extension 100% always".into()),
            told_at: None,
        };
        assert_eq!(
            page_error(&failure).rendered(),
            "The sign-in of this account is locked for 4 minutes 5 seconds. Help desk: IT, extension 100  always. \
             Support code: K7QH-9FXM."
        );
    }

    #[test]
    fn the_four_failures_of_a_code_have_four_texts() {
        let serial = TokenSerial::new("T-1");
        let texts: std::collections::HashSet<_> = [
            FailureCode::WrongOtp,
            FailureCode::ReplayedOtp { next_in_seconds: 7 },
            FailureCode::OtpClockOff { serial: serial.clone() },
            FailureCode::TokenInactive { serial, days: 60 },
        ]
        .map(|code| page_error(&code.into()).rendered())
        .into();
        assert_eq!(texts.len(), 4);
    }

    #[test]
    fn a_token_is_named_and_a_dying_code_is_pointed_out() {
        let token =
            TokenHint { serial: TokenSerial::new("T-1"), digits: 6, step_seconds: 60, seconds_left: 42 };
        assert_eq!(otp(None, Some(&token)), "Please enter the code of your token. Token T-1, 6 digits.");
        assert!(otp(None, Some(&TokenHint { seconds_left: 4, ..token })).contains("ends in 4 s"));
    }

    #[test]
    fn a34_the_other_place_is_named() {
        let session = ElsewhereSession {
            session: praya_model::SessionId::new("s"),
            host_name: "pc-7".into(),
            source: "192.0.2.7".into(),
            since: Timestamp::from_secs(1_795_230_000),
        };
        assert_eq!(
            elsewhere(&[session]),
            "You are already signed in: on pc-7, from 192.0.2.7, since 2026-11-21 03:00 UTC."
        );
    }

    #[test]
    fn durations_read_like_language() {
        for (seconds, text) in
            [(1, "1 second"), (60, "1 minute"), (61, "1 minute 1 second"), (300, "5 minutes")]
        {
            assert_eq!(duration(seconds), text);
        }
    }
}
