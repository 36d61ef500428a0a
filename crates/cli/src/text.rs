//! Every sentence that `praya` says, made from codes by the texts of one language, which is chosen at the start.

use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;

use praya_model::channel::ChannelView;
use praya_model::failure::LastSignIn;
use praya_model::password::{PasswordRule, PasswordRules};
use praya_model::posture::{Check, Finding, Outcome};
use praya_model::reported::{About, ReportedItem};
use praya_model::resource::ResourceKind;
use praya_model::sign_in::{ElsewhereSession, TokenHint};
use praya_model::snapshot::Warning;
use praya_model::{EndReason, Failure, FailureCode, TunnelState};
use praya_texts::{Arg, FindingText, Isolation, Locale, Texts, TimeZone, failure_name, printable};

/// Seconds left of a code below which waiting for the next one is advised (A-38).
pub(crate) const WAIT_BELOW_SECONDS: u32 = 10;

static TEXTS: OnceLock<Texts> = OnceLock::new();

/// Chooses the language of everything that is said from now on. Before, and where nobody chooses, it is English.
pub(crate) fn choose(locale: Locale) {
    // A second choice comes too late for what was said already, and there is none.
    let _ = TEXTS.set(new(locale));
}

fn texts() -> &'static Texts {
    TEXTS.get_or_init(|| new(Locale::En))
}

fn new(locale: Locale) -> Texts {
    Texts::new(locale, &TimeZone::system(), Isolation::Off)
}

/// A sentence without arguments.
pub(crate) fn say(id: &str) -> String {
    texts().say(id)
}

/// A sentence with its arguments.
pub(crate) fn say_with(id: &str, args: &[(&str, Arg)]) -> String {
    texts().say_with(id, args)
}

/// A failure in full: what happened, what to do, whom to ask, what to quote.
pub(crate) fn failure(failure: &Failure) -> String {
    failure_under(failure, None)
}

/// As [`failure`], where the rules of a new password are known: a broken one is named with its numbers.
pub(crate) fn failure_under(failure: &Failure, rules: Option<&PasswordRules>) -> String {
    in_full(failure, rules, &["cli-remedy"])
}

/// As [`failure`], for whoever reads what the doctor found and is not told to run what they are running.
pub(crate) fn finding(failure: &Failure) -> String {
    in_full(failure, None, &["cli-doctor-remedy", "cli-remedy"])
}

/// `remedies` are the prefixes of those that stand in place of the failure's own, the best one first.
fn in_full(failure: &Failure, rules: Option<&PasswordRules>, remedies: &[&str]) -> String {
    let told = texts().failure_under(failure, rules);
    let name = failure_name(&failure.code);
    let instead = || remedies.iter().find_map(|prefix| texts().find(&format!("{prefix}-{name}"), None, &[]));
    let remedy = if is_for_help_desk(&failure.code) { told.remedy } else { instead().or(told.remedy) };
    let help_desk = told.help_desk.map(|whom| say_with("help-desk", &[("help_desk", whom.into())]));
    let support = told.support.map(|code| say_with("support-code", &[("support", code.into())]));
    [Some(told.what), remedy, help_desk, support].into_iter().flatten().collect::<Vec<_>>().join("\n")
}

/// Whether signing in anew is not what helps after such an end.
fn is_for_help_desk(code: &FailureCode) -> bool {
    matches!(
        code,
        FailureCode::SessionEnded {
            reason: EndReason::TokenDisabled | EndReason::AccountDisabled | EndReason::Admin
        }
    )
}

/// Why a session ended (1F).
pub(crate) fn ended(reason: EndReason) -> String {
    texts().end(reason)
}

/// Root ended a person's session, or their sign-in.
pub(crate) fn ended_by_administrator(state: TunnelState) -> String {
    texts().ended_by_administrator(state)
}

/// The end of a session that the gateway did not hear of; `left` until it ends the session by itself.
pub(crate) fn gateway_not_told(left: Option<Duration>) -> String {
    texts().gateway_not_told(left.map(coarse))
}

/// The session is at another gateway than the wanted one, or of another account.
pub(crate) fn signed_in_otherwise(account: Option<&str>, gateway: Option<&str>) -> String {
    match (account, gateway) {
        (Some(account), Some(gateway)) => {
            say_with("cli-signed-in-as", &[("account", account.into()), ("gateway", gateway.into())])
        }
        (None, _) | (_, None) => say("cli-signed-in-otherwise"),
    }
}

/// The undo journal could be read in part only.
pub(crate) fn journal_damaged(kept: &Path) -> String {
    indented(&say_with("cli-journal-damaged", &[("path", kept.display().to_string().into())]))
}

/// What belongs to the line above it.
pub(crate) fn indented(text: &str) -> String {
    text.lines().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}

/// A check's name for people. One of a later service is shown as it is called there.
pub(crate) fn check_name(name: &str) -> String {
    let id = format!("cli-check-{}", name.replace('_', "-"));
    texts().find(&id, None, &[]).unwrap_or_else(|| printable(name).replace('_', " "))
}

/// A countdown.
pub(crate) fn within(left: Duration) -> String {
    say_with("cli-within", &[("seconds", coarse(left).into())])
}

/// A span as it is told once: from a minute and a half on, seconds only make it harder to read.
fn coarse(left: Duration) -> Duration {
    let seconds = left.as_secs();
    Duration::from_secs(if seconds < 90 { seconds } else { seconds.div_ceil(60) * 60 })
}

/// Bytes with two decimals and a unit (B-17).
pub(crate) fn bytes(count: u64) -> String {
    praya_texts::bytes(count, &say("decimal-separator"))
}

/// What is not as it should be although the tunnel is up.
pub(crate) fn warning(warning: &Warning) -> String {
    texts().warning(warning)
}

/// The channel that carries packets, and why that one.
pub(crate) fn channel(view: &ChannelView) -> String {
    texts().channel(view.carrier, view.reason)
}

/// A round trip to the gateway.
pub(crate) fn round_trip(time: Duration) -> String {
    texts().round_trip(time)
}

/// A state in a word or two.
pub(crate) fn state(state: TunnelState) -> String {
    texts().state(state)
}

/// A question, and room for the answer.
pub(crate) fn ask(id: &str) -> String {
    with_room(say(id))
}

/// Asks for the password of a known account.
pub(crate) fn ask_password_of(account: &str) -> String {
    with_room(say_with("cli-ask-password-of", &[("account", account.into())]))
}

/// A foreign gateway's own label as a question.
pub(crate) fn ask_field(label: &str) -> String {
    let label = printable(label);
    let label = label.trim();
    with_room(if label.is_empty() {
        say("cli-ask-answer")
    } else if label.ends_with([':', '：']) {
        label.to_owned()
    } else {
        say_with("cli-ask-field", &[("label", label.into())])
    })
}

/// A full-width colon brings its own room.
fn with_room(question: String) -> String {
    if question.ends_with('：') { question } else { question + " " }
}

/// Whether an answer to `cli-take-over` means yes.
pub(crate) fn is_yes(answer: &str) -> bool {
    is_one_of(answer, "cli-take-over", "yes")
}

/// Whether an answer to `cli-check-again` means no.
pub(crate) fn is_no(answer: &str) -> bool {
    is_one_of(answer, "cli-check-again", "no")
}

fn is_one_of(answer: &str, question: &str, words: &str) -> bool {
    let answer = answer.trim().to_lowercase();
    let words = texts().attribute(question, words, &[]).unwrap_or_default();
    words.split_whitespace().any(|word| word == answer)
}

/// How many requirements of the endpoint check are not met.
pub(crate) fn findings_title(findings: &[Finding]) -> String {
    let failed = findings.iter().filter(|finding| finding.outcome == Outcome::Failed).count();
    if failed > 0 {
        say_with("checking-failed-text", &[("failed", failed.into())])
    } else {
        say_with("checking-warnings-text", &[("warnings", findings.len().into())])
    }
}

/// How long the endpoint check may still be repeated.
pub(crate) fn retry_within(left: Duration) -> String {
    if left.is_zero() {
        say("checking-over")
    } else {
        say_with("checking-retry", &[("seconds_left", coarse(left).into())])
    }
}

/// The rules of a new password, ticked where `broken` is the outcome of a try (A-18).
pub(crate) fn rules(rules: &PasswordRules, broken: &[PasswordRule]) -> String {
    let mut lines = vec![say("cli-rules")];
    for one in rules.rules() {
        let mark = if broken.contains(&one) { "[ ]" } else { "[x]" };
        let mark = if broken.is_empty() { "  -" } else { mark };
        lines.push(format!("  {mark} {}", texts().rule(one, Some(rules))));
    }
    lines.join("\n")
}

/// The two entries of a new password are not the same.
pub(crate) fn entries_differ() -> String {
    texts().failure(&FailureCode::PasswordRules { broken: vec![PasswordRule::Matches] }.into()).what
}

/// One value to choose from.
pub(crate) fn choice(value: &str, label: &str) -> String {
    if value == label {
        format!("  {}", printable(value))
    } else {
        format!("  {}: {}", printable(value), printable(label))
    }
}

/// A resource that is not opened by a program: what the person uses it with.
pub(crate) fn use_address(kind: ResourceKind, address: &str) -> String {
    let with = |id| say_with(id, &[("address", address.into())]);
    match kind {
        ResourceKind::Rdp => with("cli-use-rdp"),
        ResourceKind::Ssh => with("cli-use-ssh"),
        ResourceKind::FileShare => with("cli-use-file-share"),
        ResourceKind::Web | ResourceKind::Other => printable(address),
    }
}

/// Which token, and how much of its present code is left (A-37, A-38).
pub(crate) fn token(hint: &TokenHint) -> String {
    let serial = hint.serial.as_str().into();
    let args =
        [("serial", serial), ("digits", hint.digits.into()), ("step_seconds", hint.step_seconds.into())];
    say_with("token-hint", &args)
}

/// The bar of a hardware token: one block for each sixth of a step that is left, and the seconds (A-37).
pub(crate) fn token_bar(step_seconds: u32, left: u32) -> String {
    let step = step_seconds.max(1);
    let blocks = (left.min(step) * 6).div_ceil(step) as usize;
    let bar: String = "#".repeat(blocks) + &".".repeat(6 - blocks.min(6));
    let id = if left < WAIT_BELOW_SECONDS { "token-left-wait" } else { "token-left" };
    format!("[{bar}] {}", say_with(id, &[("seconds_left", left.into())]))
}

/// Where else the account is signed in (A-34).
pub(crate) fn elsewhere(sessions: &[ElsewhereSession]) -> String {
    format!("{}\n{}", say("cli-elsewhere"), texts().elsewhere(sessions))
}

/// The sign-in before this one.
pub(crate) fn last_sign_in(last: &LastSignIn) -> String {
    texts().last_sign_in(last)
}

/// A finding of the endpoint check, in words.
pub(crate) fn posture_finding(finding: &Finding) -> FindingText {
    texts().finding(finding)
}

/// What a part of the endpoint check is about.
pub(crate) fn posture_check(check: Check) -> String {
    texts().posture_check(check)
}

/// What is read of this machine, a line each.
pub(crate) fn reads(checks: &[Check]) -> String {
    let each = checks.iter().map(|check| format!("  {}", texts().posture_reads(*check)));
    std::iter::once(say("checking-reads")).chain(each).collect::<Vec<_>>().join("\n")
}

/// What an item of a report is about.
pub(crate) fn reported_about(about: About) -> String {
    texts().reported_about(about)
}

/// The value of an item of a report.
pub(crate) fn reported_value(check: Check, item: &ReportedItem) -> String {
    texts().reported_value(check, item)
}

/// When the session ends unless this machine is put right.
pub(crate) fn posture_ends(left: Duration) -> String {
    say_with("posture-ends", &[("seconds_left", coarse(left).into())])
}

/// A part of something, and how it is.
pub(crate) fn part(name: String, value: String) -> String {
    say_with("cli-posture-part", &[("name", name.into()), ("value", value.into())])
}

/// A kind of resource.
pub(crate) fn kind(kind: ResourceKind) -> String {
    texts().kind(kind)
}

#[cfg(test)]
mod tests {
    use praya_model::{SupportCode, samples};

    use super::*;

    #[test]
    fn a37_the_bar_loses_a_block_each_sixth_and_a38_advises_to_wait() {
        assert_eq!(token_bar(60, 60), "[######] 60 s left of this code");
        assert_eq!(token_bar(60, 50), "[#####.] 50 s left of this code");
        assert_eq!(token_bar(60, 10), "[#.....] 10 s left of this code");
        assert_eq!(token_bar(60, 9), "[#.....] 9 s left of this code, better wait for the next code");
        assert_eq!(token_bar(30, 0), "[......] 0 s left of this code, better wait for the next code");
    }

    #[test]
    fn a28_countdowns_that_are_told_once_leave_seconds_out_where_they_do_not_matter() {
        for (seconds, text) in [
            (1, "in 1 second"),
            (89, "in 1 minute 29 seconds"),
            (90, "in 2 minutes"),
            (299, "in 5 minutes"),
            (5400, "in 1 hour 30 minutes"),
        ] {
            assert_eq!(within(Duration::from_secs(seconds)), text);
        }
    }

    #[test]
    fn a41_a_failure_carries_help_desk_and_support_code() {
        let text = failure(&Failure {
            code: FailureCode::Locked { seconds_left: 300 },
            support: Some(SupportCode::new("K7Q2-M4")),
            help_desk: Some("IT, phone 1234".into()),
            told_at: None,
        });
        assert!(text.starts_with("Sign-in is locked for this account."), "{text}");
        assert!(text.ends_with("\nHelp: IT, phone 1234\nSupport code: K7Q2-M4"), "{text}");
    }

    #[test]
    fn a_terminal_is_told_the_command_that_helps_and_not_to_use_a_window() {
        let told = |code: FailureCode| failure(&code.into());
        assert!(told(FailureCode::NotSignedIn).ends_with("praya login"));
        assert!(told(FailureCode::SessionEnded { reason: EndReason::Idle }).ends_with("praya login"));
        let by_admin = told(FailureCode::SessionEnded { reason: EndReason::Admin });
        assert!(by_admin.contains("help desk") && !by_admin.contains("praya login"), "{by_admin}");
    }

    #[test]
    fn each_remedy_of_a_terminal_belongs_to_a_failure() {
        let names: Vec<String> = samples::failures().iter().map(failure_name).collect();
        let file = include_str!("../../../ui/locales/en/cli.ftl");
        let mut count = 0;
        for id in file.lines().filter_map(|line| line.split_once(" =").map(|(id, _)| id)) {
            let name = id.strip_prefix("cli-doctor-remedy-").or_else(|| id.strip_prefix("cli-remedy-"));
            if let Some(name) = name {
                assert!(names.iter().any(|known| known == name), "{id}");
                count += 1;
            }
        }
        assert!(count > 10, "{count}");
    }

    #[test]
    fn whoever_runs_the_doctor_is_not_told_to_run_it() {
        for code in samples::failures() {
            let failure = Failure::from(code);
            assert!(!finding(&failure).contains("doctor"), "{failure:?}");
        }
        let network = FailureCode::NetworkSetup { detail: String::new() };
        assert!(failure(&network.into()).contains("praya doctor"));
    }

    #[test]
    fn a_question_in_chinese_needs_no_room_before_the_answer() {
        assert_eq!(ask("cli-ask-code"), "Code: ");
        assert_eq!(with_room("驗證碼：".to_owned()), "驗證碼：");
        assert_eq!(ask_field("PIN"), "PIN: ");
        assert_eq!(ask_field(" Answer:\n"), "Answer: ");
        assert_eq!(ask_field(""), "Answer: ");
    }

    #[test]
    fn only_a_word_for_yes_is_one() {
        for (answer, no) in [("n", true), (" No\r", true), ("", false), ("y", false)] {
            assert_eq!(is_no(answer), no, "{answer:?}");
        }
        for (answer, yes) in [("y", true), (" YES\r", true), ("replace", true), ("", false), ("no", false)] {
            assert_eq!(is_yes(answer), yes, "{answer:?}");
        }
    }
}
