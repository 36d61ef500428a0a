//! Every sentence that `praya` says, made from codes. English only; nothing else in this crate holds prose.

mod failure;

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use praya_model::TunnelState;
use praya_model::failure::LastSignIn;
use praya_model::password::{PasswordRule, PasswordRules};
use praya_model::resource::ResourceKind;
use praya_model::sign_in::{ElsewhereSession, TokenHint};
use praya_model::snapshot::Warning;

pub(crate) use self::failure::{ended, failure, failure_under, finding};
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
pub(crate) const TELLING_GATEWAY: &str = "Logged out here. Telling the gateway ...";
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
pub(crate) const NETWORK_PERHAPS_RESET: &str = "What is known of Praya's changes is taken back.";
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

/// Root ended a person's session, or their sign-in.
pub(crate) fn ended_by_administrator(state: TunnelState) -> String {
    let what = if state == TunnelState::Ended { "session" } else { "sign-in" };
    format!("An administrator of this computer ended the {what}.")
}

/// The end of a session that the gateway did not hear of; `left` until it ends the session by itself.
pub(crate) fn gateway_not_told(left: Option<Duration>) -> String {
    match left {
        Some(left) => format!(
            "The gateway did not answer. It ends the session by itself, in {} at the latest.",
            remaining(left)
        ),
        None => "The gateway did not answer. It ends the session by itself when its time is up.".into(),
    }
}

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

/// The network could not be put back.
pub(crate) fn not_reset(why: &str) -> String {
    format!("The network could not be put back: {}.", printable(why))
}

/// Something that somebody else changed since.
pub(crate) fn left_alone(what: &str) -> String {
    format!("  left alone, changed by somebody else: {}", printable(what))
}

/// Something that could not be taken back.
pub(crate) fn not_undone(what: &str) -> String {
    format!("  not taken back: {}", printable(what))
}

/// The undo journal could be read in part only.
pub(crate) fn journal_damaged(kept: &Path) -> String {
    let kept = printable(&kept.display().to_string());
    format!(
        "  The undo journal was damaged and is kept as {kept}:\n  \
         look in it for settings that are still in force, put them back by hand, and delete it."
    )
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
    use super::*;

    #[test]
    fn a37_the_bar_loses_a_block_each_sixth_and_a38_advises_to_wait() {
        assert_eq!(token_bar(60, 60), "[######] 60 s left of this code");
        assert_eq!(token_bar(60, 50), "[#####.] 50 s left of this code");
        assert_eq!(token_bar(60, 10), "[#.....] 10 s left of this code");
        assert_eq!(token_bar(60, 9), "[#.....] 9 s left of this code, better wait for the next code");
        assert_eq!(token_bar(30, 0), "[......] 0 s left of this code, better wait for the next code");
    }
}
