//! What went wrong and what to do about it, from codes.

use std::fmt::Write as _;
use std::time::Duration;

use praya_model::password::{PasswordRule, PasswordRules};
use praya_model::{EndReason, Failure, FailureCode};

use super::{CANCELLED, ENTRIES_DIFFER, elsewhere, rule};
use crate::format::{printable, remaining};

/// A failure in full: what happened, what to do, whom to ask, what to quote.
pub(crate) fn failure(failure: &Failure) -> String {
    failure_under(failure, None)
}

/// As [`failure`], where the rules of a new password are known: a broken one is named with its numbers.
pub(crate) fn failure_under(failure: &Failure, rules: Option<&PasswordRules>) -> String {
    in_full(failure, rules, Reader::Command)
}

/// As [`failure`], for whoever reads what the doctor found.
pub(crate) fn finding(failure: &Failure) -> String {
    in_full(failure, None, Reader::Doctor)
}

/// What the person has run; nobody is told to run what they are running.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reader {
    Command,
    Doctor,
}

fn in_full(failure: &Failure, rules: Option<&PasswordRules>, reader: Reader) -> String {
    let mut text = if let FailureCode::PasswordRules { broken } = &failure.code {
        broken_rules(broken, rules)
    } else {
        code(&failure.code)
    };
    if let Some(advice) = advice(&failure.code, reader) {
        let _ = write!(text, "\n{advice}");
    }
    if let Some(help_desk) = &failure.help_desk {
        let _ = write!(text, "\nHelp: {}", printable(help_desk));
    }
    if let Some(support) = &failure.support {
        let _ = write!(text, "\nSupport code: {}", printable(support.as_str()));
    }
    text
}

/// What happened. A code of a later version is at least named.
fn code(code: &FailureCode) -> String {
    use FailureCode as F;
    match code {
        F::WrongCredentials => "Wrong name or password.".into(),
        F::Locked { seconds_left } => format!(
            "Sign-in is locked for this account. It opens by itself in {}.",
            remaining(Duration::from_secs((*seconds_left).into()))
        ),
        F::TooManyAttempts { retry_after_seconds } => format!(
            "Too many attempts from this address. Try again in {}.",
            remaining(Duration::from_secs((*retry_after_seconds).into()))
        ),
        F::WrongOtp => "That code is not right.".into(),
        F::ReplayedOtp { next_in_seconds } => format!(
            "That code was used already. The token shows the next one in {}.",
            remaining(Duration::from_secs((*next_in_seconds).into()))
        ),
        F::OtpClockOff { serial } => format!("The clock of token {} is off.", printable(serial.as_str())),
        F::TokenInactive { serial, days } => {
            format!("Token {} was not used for {days} days and is closed.", printable(serial.as_str()))
        }
        F::TokenDisabled { serial } => format!("Token {} is disabled.", printable(serial.as_str())),
        F::NoToken => "No token is assigned to this account, and one is required.".into(),
        F::AccountDisabled => "This account is disabled.".into(),
        F::InitialPasswordExpired => "The initial password is right but was given out too long ago.".into(),
        F::GatewaySays { text } => format!("The gateway refused and says: {}", printable(text)),
        F::PasswordRules { broken } => broken_rules(broken, None),
        F::SignInExpired => "This sign-in is no longer open.".into(),
        F::UnexpectedAnswer => "The gateway was waiting for something else.".into(),
        F::SignedInElsewhere { sessions } => elsewhere(sessions),
        F::Cancelled => CANCELLED.into(),
        F::PostureUnsupported => {
            "The gateway wants to check this machine, which this client cannot do.".into()
        }
        F::Busy { retry_after_seconds } => format!(
            "The gateway is busy. Try again in {}.",
            remaining(Duration::from_secs((*retry_after_seconds).into()))
        ),
        F::SessionEnded { reason } => ended(*reason).into(),
        F::NotSignedIn => "Not signed in.".into(),
        F::WrongCurrentPassword => "The present password is not right.".into(),
        F::NameNotFound { host } => format!("The name {} cannot be resolved.", printable(host)),
        F::Unreachable { gateway, cause } => {
            format!("The gateway {} does not answer ({}).", printable(gateway), unreachable_cause(cause))
        }
        F::UnknownGateway { gateway, pin } => {
            format!("The gateway {} is not publicly known. It shows this key:\n  {pin}", printable(gateway))
        }
        F::PinMismatch { gateway, pin } => {
            format!("The gateway {} does not show the key it should. It shows:\n  {pin}", printable(gateway))
        }
        F::Tls { detail } => format!("No secure connection to the gateway: {}.", printable(detail)),
        F::Protocol { detail } => {
            format!("The gateway answers something this client does not understand: {}.", printable(detail))
        }
        F::ServiceUnavailable => "The service prayad is not running or does not answer.".into(),
        F::NotPermitted => "You may not do this.".into(),
        F::InUseByAnother => "Another person on this machine is signed in.".into(),
        F::AlreadySignedIn => "You are still signed in.".into(),
        F::VersionMismatch { service, view } => format!(
            "praya {} and the service prayad {} do not belong together.",
            printable(view),
            printable(service)
        ),
        F::TunnelUp => "The tunnel is up, and its network settings are in use.".into(),
        F::NoTunDevice { detail } => format!("The tunnel device cannot be made: {}.", printable(detail)),
        F::NetworkSetup { detail } => format!("The network cannot be set up: {}.", printable(detail)),
        F::NoSuchResource { name } => format!("There is no resource named \"{}\".", printable(name)),
        F::BadProfile { detail } => {
            format!("The gateway's address or profile cannot be used: {}.", printable(detail))
        }
        F::Internal { detail } => format!("Something went wrong in Praya: {}.", printable(detail)),
        other => format!("Failed: {other:?}"),
    }
}

/// What to do about it, where there is something to do.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the enum is non-exhaustive; what is new gets the general case"
)]
fn advice(code: &FailureCode, reader: Reader) -> Option<&'static str> {
    use FailureCode as F;
    let examined = reader == Reader::Doctor;
    let advice = match code {
        F::WrongCredentials => {
            "Attempts are limited; after a few failures the account is locked for a while."
        }
        F::Locked { .. } => "Until then even the right password is refused.",
        F::WrongOtp => "Wait for the next code and type that one. Each code works once.",
        F::OtpClockOff { .. } => {
            "Check the clock of a phone token; a hardware token must be resynchronised by the help desk."
        }
        F::TokenInactive { .. }
        | F::TokenDisabled { .. }
        | F::NoToken
        | F::AccountDisabled
        | F::InitialPasswordExpired => "Only an administrator can change that: contact the help desk.",
        F::SignInExpired | F::UnexpectedAnswer => "Start again with: praya login",
        F::SessionEnded {
            reason: EndReason::TokenDisabled | EndReason::AccountDisabled | EndReason::Admin,
        } => "Contact the help desk if you do not know why.",
        F::SessionEnded { .. } | F::NotSignedIn => "Sign in with: praya login",
        F::NameNotFound { .. } if examined => "Check the address and this machine's network.",
        F::Unreachable { .. } if examined => "Check this machine's network.",
        F::NetworkSetup { .. } if examined => "Put the network back with: sudo praya reset-network",
        F::NameNotFound { .. } => "Check the address and this machine's network, or run: praya doctor",
        F::Unreachable { .. } => "Check this machine's network, or run: praya doctor",
        F::UnknownGateway { .. } => {
            "Compare it with the key that your organisation has published, not with anything you got on the way here.\n\
             If they are the same, run the command again with: --pin KEY"
        }
        F::PinMismatch { .. } => {
            "Somebody may be listening, or the gateway got a new key. Do not go on before your organisation confirms \
             the new key."
        }
        F::ServiceUnavailable => "Start it with: sudo prayad",
        F::TunnelUp => "Take it down first with: praya disconnect, or end the session with: praya logout",
        F::NoTunDevice { .. } => {
            "The service needs /dev/net/tun and the right to manage networks (CAP_NET_ADMIN)."
        }
        F::NetworkSetup { .. } => "Run: praya doctor",
        F::NoSuchResource { .. } => "See the names with: praya resources",
        F::AlreadySignedIn => "See it with: praya status. End it with: praya logout",
        F::VersionMismatch { .. } => "Update both, then restart the service.",
        F::InUseByAnother => "Ask them to run: praya logout",
        // Where there is nothing to do, nothing is said.
        _ => return None,
    };
    Some(advice)
}

fn unreachable_cause(cause: &str) -> String {
    match cause {
        "refused" => "the connection was refused".into(),
        "timeout" => "no answer in time".into(),
        "no_route" => "no way to get there from this network".into(),
        "reset" => "the connection was cut".into(),
        other => printable(other),
    }
}

/// Why a session ended (1F).
pub(crate) fn ended(reason: EndReason) -> &'static str {
    match reason {
        EndReason::UserLogout => "You logged out.",
        EndReason::TrayExit => "You chose Exit.",
        EndReason::Idle => "The session ended because it was not used for too long.",
        EndReason::Absolute => "The session reached its longest allowed time.",
        EndReason::Admin => "An administrator ended the session.",
        EndReason::Duplicate => "The session ended because this account signed in elsewhere.",
        EndReason::PostureLost => "The session ended because this machine no longer meets the rules.",
        EndReason::PasswordChanged => "The session ended because the password was changed.",
        EndReason::AccountDisabled => "The session ended because the account was disabled.",
        EndReason::TokenDisabled => "The session ended because the token was disabled.",
        EndReason::GatewayRestart => "The session ended because the gateway went down.",
        EndReason::Away => "The session ended because this machine was away for too long.",
        EndReason::Other => "The gateway ended the session.",
    }
}

/// What is wrong with a new password.
fn broken_rules(broken: &[PasswordRule], rules: Option<&PasswordRules>) -> String {
    let differ = broken.contains(&PasswordRule::Matches).then(|| ENTRIES_DIFFER.to_owned());
    let broken: Vec<_> =
        broken.iter().filter(|one| **one != PasswordRule::Matches).map(|one| rule(*one, rules)).collect();
    let must = (!broken.is_empty()).then(|| format!("The new password must fulfil: {}.", broken.join("; ")));
    differ.into_iter().chain(must).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use praya_model::{SupportCode, TokenSerial};

    use super::*;

    #[test]
    fn a41_a_failure_carries_help_desk_and_support_code() {
        let text = failure(&Failure {
            code: FailureCode::Locked { seconds_left: 300 },
            support: Some(SupportCode::new("K7Q2-M4")),
            help_desk: Some("IT, phone 1234".into()),
        });
        for part in ["locked", "5 minutes", "IT, phone 1234", "K7Q2-M4"] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }

    #[test]
    fn e1_the_four_troubles_with_a_code_have_four_remedies() {
        let serial = TokenSerial::new("F88AC2B6");
        let texts: Vec<String> = [
            FailureCode::WrongOtp,
            FailureCode::ReplayedOtp { next_in_seconds: 12 },
            FailureCode::OtpClockOff { serial: serial.clone() },
            FailureCode::TokenInactive { serial, days: 60 },
        ]
        .into_iter()
        .map(|code| failure(&code.into()))
        .collect();
        assert_eq!(texts.iter().collect::<std::collections::HashSet<_>>().len(), 4);
        assert!(texts[1].contains("12 seconds"));
        assert!(texts[3].contains("60 days"));
    }

    #[test]
    fn a18_two_entries_that_differ_are_told_so_and_a_broken_rule_with_its_number() {
        let broken = |broken: &[PasswordRule]| FailureCode::PasswordRules { broken: broken.to_vec() }.into();
        assert_eq!(failure(&broken(&[PasswordRule::Matches])), "The two entries differ.");
        let rules = PasswordRules {
            min_length: 15,
            max_length: 128,
            need_upper: false,
            need_lower: false,
            need_digit: true,
            only_letters_and_digits: false,
            not_the_account: true,
            not_common: true,
            not_the_old: true,
        };
        let short = broken(&[PasswordRule::MinLength, PasswordRule::Digit]);
        assert_eq!(
            failure_under(&short, Some(&rules)),
            "The new password must fulfil: at least 15 characters; a digit."
        );
        assert!(failure(&short).contains("long enough"), "a gateway that does not tell its rules");
    }

    #[test]
    fn whoever_runs_the_doctor_is_not_told_to_run_it() {
        let unreachable = || FailureCode::Unreachable { gateway: String::new(), cause: String::new() };
        let detail = String::new;
        for code in [
            unreachable(),
            FailureCode::NameNotFound { host: String::new() },
            FailureCode::NetworkSetup { detail: detail() },
        ] {
            let code: Failure = code.into();
            assert!(failure(&code).contains("praya doctor"), "{code:?}");
            assert!(!finding(&code).contains("doctor"), "{code:?}");
        }
    }

    #[test]
    fn every_end_has_its_own_words() {
        let words: std::collections::HashSet<_> = EndReason::ALL.into_iter().map(ended).collect();
        assert_eq!(words.len(), EndReason::ALL.len());
    }

    #[test]
    fn a_peers_words_cannot_steer_the_terminal() {
        let text = failure(&FailureCode::Tls { detail: "a\u{1b}[2Jb".into() }.into());
        assert!(!text.contains('\u{1b}'));
    }
}
