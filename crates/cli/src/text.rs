//! Every sentence that `praya` says, made from codes. English only; nothing else in this crate holds prose.

use std::fmt::Write as _;
use std::time::Duration;

use praya_model::failure::LastSignIn;
use praya_model::password::{PasswordRule, PasswordRules};
use praya_model::resource::ResourceKind;
use praya_model::sign_in::{ElsewhereSession, TokenHint};
use praya_model::snapshot::Warning;
use praya_model::{EndReason, Failure, FailureCode, TunnelState};

use crate::format::{instant, printable, remaining};

/// Seconds left of a code below which waiting for the next one is advised.
pub(crate) const WAIT_BELOW_SECONDS: u32 = 10;

/// The session lives and its tunnel is down because the person asked for it.
pub(crate) const PAUSED: &str = "disconnected, the session is kept";
/// Another person's session.
pub(crate) const IN_USE: &str = "Another person on this machine is signed in.";

/// There is a session already.
pub(crate) const STILL_SIGNED_IN: &str = "You are still signed in; nothing to do.";
/// There is nobody to ask.
pub(crate) const NO_TERMINAL: &str = "there is no terminal to ask at; give the answers with --answers-stdin";
/// No gateway was named and none is stored.
pub(crate) const NO_PROFILE: &str = "no gateway is known yet; name one with --gateway URL";
/// No gateway was named and several are stored.
pub(crate) const SEVERAL_PROFILES: &str = "several gateways are known; choose one with --profile NAME";
/// The session is there and the tunnel is not.
pub(crate) const TUNNEL_LATE: &str = "Signed in. The tunnel is not up yet, trying ...";
/// Ctrl-C.
pub(crate) const CANCELLED: &str = "Cancelled.";
/// Ctrl-C while the tunnel is awaited.
pub(crate) const SESSION_STAYS: &str =
    "You are signed in, and the service goes on bringing the tunnel up. See: praya status";
/// Ctrl-C while the gateway's word on a new password is awaited.
pub(crate) const CHANGE_UNKNOWN: &str =
    "Stopped waiting. The new password was sent; whether it is in force shows at the next sign-in.";
/// Prompts.
pub(crate) const ACCOUNT: &str = "Account: ";
pub(crate) const PASSWORD: &str = "Password: ";
pub(crate) const CODE: &str = "Code: ";
pub(crate) const NEW_PASSWORD_DUE: &str = "A new password is due.";
pub(crate) const NEW_PASSWORD: &str = "New password: ";
pub(crate) const REPEAT_PASSWORD: &str = "New password again: ";
pub(crate) const PRESENT_PASSWORD: &str = "Present password: ";
pub(crate) const ONCE_MORE: &str = "Not yet; nothing was sent. Once more.";
pub(crate) const ENTRIES_DIFFER: &str = "The two entries differ.";
pub(crate) const TAKE_OVER: &str = "End that session and go on here? [y/N] ";
/// What was done.
pub(crate) const PASSWORD_CHANGED: &str = "The password is changed.";
pub(crate) const LOGGED_OUT: &str = "Logged out. The tunnel is down.";
pub(crate) const LOGGED_OUT_ALONE: &str = "Logged out here. The tunnel is down.\n\
    The gateway could not be told: it ends the session by itself when the time for absent machines is over.";
pub(crate) const CONNECTING: &str = "The tunnel is being brought up. See: praya status";
pub(crate) const DISCONNECTED: &str =
    "The tunnel is down, the session is kept. Bring it up with: praya connect";
pub(crate) const PROFILE_ADDED: &str = "Stored.";
pub(crate) const PROFILE_REMOVED: &str = "Removed.";
pub(crate) const NO_PROFILES: &str =
    "No gateway is stored. Add one with: praya profile add NAME --gateway URL";
pub(crate) const NO_RESOURCES: &str = "Nothing is published to you.";
pub(crate) const NOTHING_TO_RESET: &str = "Nothing of Praya's is left on this machine's network.";
pub(crate) const NETWORK_RESET: &str = "The network is as it was before Praya changed it.";
pub(crate) const NETWORK_PARTLY_RESET: &str = "Some of Praya's changes could not be taken back:";
pub(crate) const RESET_NEEDS_ROOT: &str = "Only root may put the network back; run: sudo praya reset-network";
pub(crate) const SHARED: &str = "for everybody on this machine";
pub(crate) const STATUS_STOPPED: &str = "The session goes on.";

/// The service's answer is of another kind than the question.
pub(crate) const UNEXPECTED_ANSWER: &str = "the service gave an answer of another kind";
/// Findings of `praya doctor`.
pub(crate) const NO_SERVICE: &str = "no answer";
pub(crate) const NOT_LOOKED: &str = "the service did not look";
pub(crate) const NO_TUN: &str = "/dev/net/tun is missing";
pub(crate) const LEFTOVERS: &str =
    "the service stopped without cleaning up; start it, or run: sudo praya reset-network";
pub(crate) const NO_LEFTOVERS: &str = "nothing left behind";
pub(crate) const NOT_ALLOWED_TO_LOOK: &str = "only root can look";

/// The session is at another gateway than the wanted one, or of another account.
pub(crate) fn signed_in_otherwise(account: Option<&str>, gateway: Option<&str>) -> String {
    let account = account.map(|account| format!(" as {}", printable(account))).unwrap_or_default();
    let gateway = gateway.map(|gateway| format!(" at {}", printable(gateway))).unwrap_or_default();
    format!("You are still signed in{account}{gateway}. To sign in otherwise, first run: praya logout")
}

/// A profile that was named and is not stored.
pub(crate) fn no_such_profile(name: &str) -> String {
    format!("there is no profile named {}; see: praya profile list", printable(name))
}

/// Something that somebody else changed since.
pub(crate) fn left_alone(what: &str) -> String {
    format!("  left alone, changed by somebody else: {}", printable(what))
}

/// Something that could not be taken back.
pub(crate) fn not_undone(what: &str) -> String {
    format!("  not taken back: {}", printable(what))
}

/// The service answered.
pub(crate) fn service_version(version: &str) -> String {
    format!("prayad {} answers", printable(version))
}

/// A check's name for people.
pub(crate) fn check_name(name: &str) -> String {
    match name {
        "service" => "Service".into(),
        "service_checks" => "Checks".into(),
        "tun_device" => "Tunnel device".into(),
        "leftovers" | "journal" => "Leftovers".into(),
        "dns" => "Name servers".into(),
        "route" => "Routes".into(),
        "clock" => "Clock".into(),
        "gateway_name" => "Gateway's name".into(),
        "gateway_reachable" => "Gateway".into(),
        "gateway_tls" => "Gateway's key".into(),
        "session" => "Session".into(),
        "resume" => "Resume".into(),
        other => printable(other).replace('_', " "),
    }
}

/// The labels of the status view, in the sources' order (B-16).
pub(crate) mod label {
    pub(crate) const STATE: &str = "State";
    pub(crate) const NOTE: &str = "Note";
    pub(crate) const VPN_NAME: &str = "VPN name";
    pub(crate) const ADDRESS: &str = "IP address";
    pub(crate) const USER: &str = "User";
    pub(crate) const DURATION: &str = "Duration";
    pub(crate) const RECEIVED: &str = "Received";
    pub(crate) const SENT: &str = "Sent";
    pub(crate) const IDLE: &str = "Idle logout";
    pub(crate) const EXPIRY: &str = "Session ends";
    pub(crate) const RETRY: &str = "Next attempt";
    pub(crate) const ENDED: &str = "Ended";
    pub(crate) const GATEWAY_SAYS: &str = "Gateway says";
    pub(crate) const PROBLEM: &str = "Problem";
    pub(crate) const WARNING: &str = "Warning";
    pub(crate) const LAST_SIGN_IN: &str = "Last sign-in";
    pub(crate) const BANNER: &str = "Message";
    pub(crate) const HELP_DESK: &str = "Help";
}

/// A failure in full: what happened, what to do, whom to ask, what to quote.
pub(crate) fn failure(failure: &Failure) -> String {
    failure_under(failure, None)
}

/// As [`failure`], where the rules of a new password are known: a broken one is named with its numbers.
pub(crate) fn failure_under(failure: &Failure, rules: Option<&PasswordRules>) -> String {
    let mut text = if let FailureCode::PasswordRules { broken } = &failure.code {
        broken_rules(broken, rules)
    } else {
        code(&failure.code)
    };
    if let Some(advice) = advice(&failure.code) {
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
        F::SignInExpired => "The sign-in took too long.".into(),
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
fn advice(code: &FailureCode) -> Option<&'static str> {
    use FailureCode as F;
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

/// A countdown.
pub(crate) fn within(left: Duration) -> String {
    format!("in {}", remaining(left))
}

/// What is not as it should be although the tunnel is up.
pub(crate) fn warning(warning: &Warning) -> String {
    match warning {
        Warning::RouteConflict { tunnel, local, device } => format!(
            "The network {tunnel} of the tunnel overlaps {local} on {}: what is there may be unreachable.",
            printable(device)
        ),
        Warning::Dns { detail } => format!("Internal names may not resolve: {}.", printable(detail)),
        Warning::NotResumable { detail } => {
            format!("The session will not survive a restart of the service: {}.", printable(detail))
        }
        other => format!("{other:?}"),
    }
}

/// A state in a word or two.
pub(crate) fn state(state: TunnelState) -> &'static str {
    match state {
        TunnelState::NoSession => "not signed in",
        TunnelState::Restoring => "restoring the session",
        TunnelState::SigningIn => "signing in",
        TunnelState::Connected => "connected",
        TunnelState::Reconnecting => "reconnecting",
        TunnelState::IdleWarning => "connected, idle logout is near",
        TunnelState::Ended => "ended",
    }
}

/// A password rule as a person reads it.
pub(crate) fn rule(rule: PasswordRule, rules: Option<&PasswordRules>) -> String {
    match rule {
        PasswordRule::MinLength => match rules {
            Some(rules) => format!("at least {} characters", rules.min_length),
            None => "long enough".into(),
        },
        PasswordRule::MaxLength => match rules {
            Some(rules) => format!("at most {} characters", rules.max_length),
            None => "not too long".into(),
        },
        PasswordRule::Upper => "an upper-case letter".into(),
        PasswordRule::Lower => "a lower-case letter".into(),
        PasswordRule::Digit => "a digit".into(),
        PasswordRule::OnlyLettersAndDigits => "nothing but letters A-Z, a-z and digits".into(),
        PasswordRule::NotTheAccount => "does not contain the account name".into(),
        PasswordRule::NotCommon => "not a common password".into(),
        PasswordRule::NotTheOld => "not the old password".into(),
        PasswordRule::Matches => "both entries are the same".into(),
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

/// Asks for the password of a known account.
pub(crate) fn password_of(account: &str) -> String {
    format!("Password of {}: ", printable(account))
}

/// The rules of a new password, ticked where `broken` is the outcome of a try.
pub(crate) fn rules(rules: &PasswordRules, broken: &[PasswordRule]) -> String {
    let mut lines = vec!["It must be:".to_owned()];
    for one in rules.rules() {
        let mark = if broken.contains(&one) { "[ ]" } else { "[x]" };
        let mark = if broken.is_empty() { "  -" } else { mark };
        lines.push(format!("  {mark} {}", rule(one, Some(rules))));
    }
    lines.join("\n")
}

/// One value to choose from.
pub(crate) fn choice(value: &str, label: &str) -> String {
    if value == label {
        format!("  {}", printable(value))
    } else {
        format!("  {}: {}", printable(value), printable(label))
    }
}

/// A foreign gateway's own label as a prompt.
pub(crate) fn field(label: &str) -> String {
    let label = printable(label);
    let label = label.trim();
    if label.is_empty() {
        "Answer: ".to_owned()
    } else if label.ends_with(':') {
        format!("{label} ")
    } else {
        format!("{label}: ")
    }
}

/// A resource that is not opened by a program: what the person uses it with.
pub(crate) fn use_address(kind: ResourceKind, address: &str) -> String {
    let address = printable(address);
    match kind {
        ResourceKind::Rdp => format!("Connect your remote desktop program to: {address}"),
        ResourceKind::Ssh => format!("In a terminal: ssh {address}"),
        ResourceKind::FileShare => format!("In the file manager: {address}"),
        ResourceKind::Web | ResourceKind::Other => address,
    }
}

/// A web resource was handed to the browser.
pub(crate) fn opened(name: &str) -> String {
    format!("Opened {}.", printable(name))
}

/// The browser did not come: the person opens the address.
pub(crate) fn open_yourself(address: &str) -> String {
    format!("No browser could be started. Open this address yourself: {}", printable(address))
}

/// The address is not one that a browser should get.
pub(crate) fn not_a_web_address(name: &str) -> String {
    format!("the address of \"{}\" is not a web address", printable(name))
}

/// Which token, and how much of its present code is left.
pub(crate) fn token(hint: &TokenHint) -> String {
    format!(
        "Token {}, {} digits, a new code every {} seconds.",
        printable(hint.serial.as_str()),
        hint.digits,
        hint.step_seconds
    )
}

/// The bar of a hardware token: one block for each sixth of a step that is left, and the seconds.
pub(crate) fn token_bar(step_seconds: u32, left: u32) -> String {
    let step = step_seconds.max(1);
    let blocks = (left.min(step) * 6).div_ceil(step) as usize;
    let bar: String = "#".repeat(blocks) + &".".repeat(6 - blocks.min(6));
    let advice = if left < WAIT_BELOW_SECONDS { ", better wait for the next code" } else { "" };
    format!("[{bar}] {left} s left of this code{advice}")
}

/// Where else the account is signed in.
pub(crate) fn elsewhere(sessions: &[ElsewhereSession]) -> String {
    let mut text = "This account is already signed in:".to_owned();
    for session in sessions {
        let _ = write!(
            text,
            "\n  {} ({}), since {}",
            printable(&session.host_name),
            printable(&session.source),
            instant(session.since)
        );
    }
    text
}

/// The sign-in before this one.
pub(crate) fn last_sign_in(last: &LastSignIn) -> String {
    format!("{} from {}", instant(last.at), printable(&last.source))
}

/// A kind of resource.
pub(crate) fn kind(kind: ResourceKind) -> &'static str {
    match kind {
        ResourceKind::Web => "web",
        ResourceKind::Rdp => "remote desktop",
        ResourceKind::Ssh => "terminal",
        ResourceKind::FileShare => "files",
        ResourceKind::Other => "other",
    }
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
    fn a37_the_bar_loses_a_block_each_sixth_and_a38_advises_to_wait() {
        assert_eq!(token_bar(60, 60), "[######] 60 s left of this code");
        assert_eq!(token_bar(60, 50), "[#####.] 50 s left of this code");
        assert_eq!(token_bar(60, 10), "[#.....] 10 s left of this code");
        assert_eq!(token_bar(60, 9), "[#.....] 9 s left of this code, better wait for the next code");
        assert_eq!(token_bar(30, 0), "[......] 0 s left of this code, better wait for the next code");
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
