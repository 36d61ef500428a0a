//! `praya check`: what the endpoint check reads of this machine, and what a policy would say of it.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, SystemTime};

use praya_ipc::{Client, Request, Response};
use praya_model::Timestamp;
use praya_model::posture::{Check, Finding, Outcome, Status};
use praya_posture::facts::{Antivirus, Fact, HostFacts, Os, RealTime, ScreenLock, Unavailable};
use praya_posture::policy::{self, Access, MAX_POLICY, Policy};
use praya_posture::support::SupportTable;
use praya_posture::verdict::{Verdict, evaluate};
use praya_texts::printable;
use serde::Serialize;

use crate::args::Check as Args;
use crate::exit::Exit;
use crate::format::{padded, widest};
use crate::out::{Out, Tone};
use crate::{Ended, text};

/// What was read, and what the policy says of it, as JSON.
#[derive(Debug, Serialize)]
struct Checked {
    facts: HostFacts,
    #[serde(skip_serializing_if = "Option::is_none")]
    verdict: Option<Judged>,
}

#[derive(Debug, Serialize)]
struct Judged {
    policy: String,
    version: u32,
    status: Status,
    access: Access,
    findings: Vec<Finding>,
}

/// Has the machine read, by the policy's questions where there is a policy. Fails when the policy would not let it in.
pub(crate) async fn run(client: &Client, args: &Args, out: Out) -> Result<(), Ended> {
    let policy = args.policy.as_deref().map(read_policy).transpose()?;
    let checks = policy.as_ref().map_or_else(|| BTreeSet::from(Check::ALL), Policy::checks);
    let answer = client.request(Request::ReadMachine { checks }).await?;
    let Response::Machine { facts } = answer else { return Err(Ended::unexpected()) };
    let facts: HostFacts = serde_json::from_str(&facts).map_err(|_| Ended::unexpected())?;
    let verdict = policy.map(|policy| judge(&policy, &facts, Timestamp::from(SystemTime::now())));
    let refused = verdict.as_ref().is_some_and(refuses);
    out.either(&Checked { facts, verdict }, |checked| report(checked, out))?;
    if refused { Err(Ended::Silent(Exit::Failed)) } else { Ok(()) }
}

fn read_policy(path: &Path) -> Result<Policy, Ended> {
    let name = path.display().to_string();
    let wrong = |why: String| {
        let args = [("path", (&name).into()), ("why", why.into())];
        Ended::Usage(text::say_with("cli-posture-bad-policy", &args))
    };
    let text = match name.as_str() {
        "ias" => policy::IAS.to_owned(),
        "modern" => policy::MODERN.to_owned(),
        _ => {
            let about = std::fs::metadata(path).map_err(|error| wrong(error.to_string()))?;
            if about.len() > MAX_POLICY as u64 {
                return Err(wrong(format!("{} > {MAX_POLICY}", about.len())));
            }
            std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?
        }
    };
    let json = text.trim_start().starts_with('{');
    let read = if json { Policy::from_json(&text) } else { Policy::from_toml(&text) };
    read.map_err(|complaints| {
        let lines: Vec<String> = complaints.all().iter().map(|one| format!("\n  {one}")).collect();
        Ended::Usage(format!("{name}:{}", lines.concat()))
    })
}

fn judge(policy: &Policy, facts: &HostFacts, now: Timestamp) -> Judged {
    let verdict: Verdict = evaluate(&[policy], facts, &SupportTable::built_in(), now);
    Judged {
        policy: policy.name.clone(),
        version: policy.version,
        status: verdict.status,
        findings: verdict.findings(),
        access: verdict.access,
    }
}

/// Whether the machine does not get all of what the policy guards.
fn refuses(judged: &Judged) -> bool {
    judged.access != Access::Allow
}

fn report(checked: &Checked, out: Out) -> String {
    let mut parts = vec![text::say("cli-posture-intro"), facts_table(&checked.facts)];
    if let Some(judged) = &checked.verdict {
        let (id, tone) = match (&judged.access, judged.findings.is_empty()) {
            (Access::Allow, true) => ("cli-posture-met", Tone::Good),
            (Access::Allow, false) => ("cli-posture-met-with-warnings", Tone::Warning),
            (Access::Limit(_), _) => ("cli-posture-limited", Tone::Warning),
            (Access::Deny, _) => ("cli-posture-refused", Tone::Bad),
        };
        parts.push(out.paint(tone, &text::say_with(id, &[("policy", (&judged.policy).into())])));
        parts.extend((!judged.findings.is_empty()).then(|| findings(&judged.findings, out)));
    }
    parts.join("\n\n")
}

/// Findings, each with what is required, what is there and what to do.
pub(crate) fn findings(findings: &[Finding], out: Out) -> String {
    let one = |finding: &Finding| {
        let told = text::posture_finding(finding);
        let tone = if finding.outcome == Outcome::Failed { Tone::Bad } else { Tone::Warning };
        let labelled = [
            ("checking-required", told.required),
            ("checking-found", told.found),
            ("checking-remedy", told.remedy),
        ];
        let width = widest(labelled.iter().map(|(label, _)| text::say(label)));
        let link = finding.link.as_ref().map(|link| format!("  {}", printable(link.as_str())));
        let head = format!("{}  {}", out.paint(tone, &told.outcome), told.check);
        let lines =
            labelled.iter().map(|(label, what)| format!("  {}  {what}", padded(&text::say(label), width)));
        std::iter::once(head).chain(lines).chain(link).collect::<Vec<_>>().join("\n")
    };
    findings.iter().map(one).collect::<Vec<_>>().join("\n")
}

/// What was asked, each with where and when it was read, or why it is not known.
fn facts_table(facts: &HostFacts) -> String {
    // Every field by its name, so that a new one cannot be forgotten.
    let HostFacts {
        schema: _,
        collected_at: _,
        os,
        antivirus,
        firewall,
        disk,
        last_update,
        screen_lock,
        secure_boot,
        system_integrity,
        gatekeeper,
    } = facts;
    let rows = [
        row(Check::OperatingSystem, os, |os| vec![os_text(os)]),
        row(Check::Antivirus, antivirus, |products| {
            if products.is_empty() {
                vec![text::say("found-missing")]
            } else {
                products.iter().flat_map(product).collect()
            }
        }),
        row(Check::Firewall, firewall, |firewall| {
            vec![text::part(printable(&firewall.name), on_off(firewall.on))]
        }),
        row(Check::DiskEncryption, disk, |disk| {
            let none = || text::of_check(Check::DiskEncryption, "found-off");
            vec![disk.encrypted_by.as_deref().map_or_else(none, printable)]
        }),
        row(Check::Updates, last_update, |at| vec![instant(*at)]),
        row(Check::ScreenLock, screen_lock, |lock| vec![lock_text(lock)]),
        row(Check::SecureBoot, secure_boot, |on| vec![on_off(*on)]),
        row(Check::SystemIntegrity, system_integrity, |on| vec![on_off(*on)]),
        row(Check::Gatekeeper, gatekeeper, |on| vec![on_off(*on)]),
    ];
    let rows: Vec<(String, Vec<String>)> = rows.into_iter().flatten().collect();
    let width = widest(rows.iter().map(|(name, _)| name));
    let lines = rows.iter().flat_map(|(name, values)| {
        let names = std::iter::once(name.as_str()).chain(std::iter::repeat(""));
        names.zip(values).map(|(name, value)| format!("{}  {value}", padded(name, width)))
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// A fact with its source below it; nothing for one that was not asked.
fn row<T>(
    check: Check,
    fact: &Fact<T>,
    say: impl FnOnce(&T) -> Vec<String>,
) -> Option<(String, Vec<String>)> {
    let values = match fact {
        Fact::Unavailable { reason: Unavailable::NotAsked } => return None,
        Fact::Unavailable { reason } => vec![text::unavailable(*reason)],
        Fact::Known { value, source, at } => {
            let from =
                text::say_with("cli-posture-source", &[("source", source.into()), ("at", (*at).into())]);
            let mut values = say(value);
            values.push(from);
            values
        }
    };
    Some((text::posture_check(check), values))
}

fn os_text(os: &Os) -> String {
    let edition = os.edition.as_deref();
    let parts = [Some(os.title.as_str()), edition, Some(os.build.as_str()), Some(os.arch.as_str())];
    parts.into_iter().flatten().filter(|part| !part.is_empty()).map(printable).collect::<Vec<_>>().join(", ")
}

fn product(product: &Antivirus) -> Vec<String> {
    let Antivirus {
        family: _,
        name,
        version,
        engine_version: _,
        installed: _,
        running,
        real_time,
        definitions_version,
        definitions_at,
        definitions_current,
    } = product;
    let yes = |yes: &bool| text::say(if *yes { "cli-posture-yes" } else { "cli-posture-no" });
    let parts = [
        part("cli-posture-version", version, |version| printable(version)),
        part("cli-posture-running", running, yes),
        part("cli-posture-real-time", real_time, |state| real_time_text(*state)),
        part("cli-posture-definitions", definitions_version, |version| printable(version)),
        part("cli-posture-definitions-at", definitions_at, |at| instant(*at)),
        part("cli-posture-definitions-current", definitions_current, yes),
    ];
    std::iter::once(printable(name)).chain(parts.into_iter().flatten()).collect()
}

fn part<T>(label: &str, fact: &Fact<T>, say: impl FnOnce(&T) -> String) -> Option<String> {
    let value = match fact.value() {
        Err(Unavailable::NotAsked) => return None,
        Err(reason) => text::unavailable(reason),
        Ok(value) => say(value),
    };
    Some(format!("  {}", text::part(text::say(label), value)))
}

fn on_off(on: bool) -> String {
    text::say(if on { "expected-on" } else { "found-off" })
}

fn real_time_text(state: RealTime) -> String {
    text::say(match state {
        RealTime::On => "expected-on",
        RealTime::Off => "found-off",
        RealTime::Snoozed => "cli-posture-snoozed",
        RealTime::Expired => "cli-posture-expired",
    })
}

fn lock_text(lock: &ScreenLock) -> String {
    match lock.after {
        Some(seconds) if lock.on => {
            let after = Duration::from_secs(u64::from(seconds));
            text::say_with("cli-posture-locks-after", &[("seconds", after.into())])
        }
        _ => on_off(lock.on),
    }
}

fn instant(at: Timestamp) -> String {
    text::say_with("cli-posture-instant", &[("at", at.into())])
}

#[cfg(test)]
mod tests {
    use praya_posture::facts::{Disk, Family, Firewall, OsFamily};

    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_795_000_000);

    fn facts() -> HostFacts {
        let os = Os {
            family: OsFamily::Linux,
            product: "debian".into(),
            title: "Debian GNU/Linux 13 (trixie)".into(),
            version: "13".into(),
            build: "6.12.0".into(),
            edition: None,
            server: false,
            arch: "x86_64".into(),
        };
        let clamav = Antivirus {
            family: Family::Clamav,
            name: "ClamAV".into(),
            version: Fact::known("1.4.3".into(), "clamd", NOW),
            engine_version: Fact::unavailable(Unavailable::Unsupported),
            installed: Fact::known(true, "/usr/sbin/clamd", NOW),
            running: Fact::known(true, "clamd", NOW),
            real_time: Fact::unavailable(Unavailable::NotDetected),
            definitions_version: Fact::unavailable(Unavailable::NotAsked),
            definitions_at: Fact::unavailable(Unavailable::NotAsked),
            definitions_current: Fact::unavailable(Unavailable::NotAsked),
        };
        HostFacts {
            os: Fact::known(os, "/etc/os-release", NOW),
            antivirus: Fact::known(vec![clamav], "/proc", NOW),
            firewall: Fact::known(Firewall { name: "nftables".into(), on: false }, "nft", NOW),
            disk: Fact::known(Disk { encrypted_by: None }, "lsblk", NOW),
            ..HostFacts::none(NOW)
        }
    }

    #[test]
    fn what_was_read_stands_there_with_its_source_and_what_was_not_asked_does_not() {
        let table = facts_table(&facts());
        assert!(table.contains("Debian GNU/Linux 13 (trixie), 6.12.0, x86_64\n"), "{table}");
        assert!(table.contains("/etc/os-release") && table.contains("nftables: Off"), "{table}");
        assert!(table.contains("nothing of the kind is there"), "what is not known says why: {table}");
        assert!(table.contains("Not encrypted") && !table.contains("Screen lock"), "{table}");
        assert!(!table.contains("nobody asked"), "{table}");
    }

    #[test]
    fn a22_a_policy_says_everything_that_is_not_met_at_once() {
        let policy = Policy::from_toml(
            r#"schema = 1
            id = "test"
            version = 3
            name = "Test"
            on_fail = "deny"
            [[requirements]]
            id = "firewall"
            firewall = { on = true }
            [[requirements]]
            id = "disk"
            disk = { encrypted = true }
            "#,
        )
        .unwrap();
        let judged = judge(&policy, &facts(), NOW);
        assert!(refuses(&judged));
        assert_eq!(judged.findings.len(), 2);
        let report = report(&Checked { facts: facts(), verdict: Some(judged) }, Out::new(true));
        assert!(report.contains("would not let this computer in"), "{report}");
        assert!(
            report.contains("Not met  Firewall") && report.contains("Not met  Disk encryption"),
            "{report}"
        );
        assert!(report.contains("What to do  Switch the firewall on."), "{report}");
    }

    #[test]
    fn a_policy_that_cannot_be_read_is_a_mistake_of_the_command_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("policy.toml");
        std::fs::write(&path, "schema = 1\nid = \"x\"\nversion = \"one\"\n").unwrap();
        let Err(Ended::Usage(text)) = read_policy(&path) else { panic!("it was read") };
        assert!(text.contains("line 3"), "{text}");
        assert!(matches!(read_policy(&dir.path().join("none.toml")), Err(Ended::Usage(_))));
        for built_in in ["ias", "modern"] {
            assert!(read_policy(Path::new(built_in)).is_ok());
        }
    }
}
