//! `praya check`: what the endpoint check reads of this machine, and what a policy would say of it.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::SystemTime;

use praya_ipc::{Client, Request, Response};
use praya_model::Timestamp;
use praya_model::posture::{Check, Finding, Outcome, Status};
use praya_model::reported::{About, Reported, ReportedFact, ReportedItem};
use praya_posture::facts::HostFacts;
use praya_posture::policy::{self, Access, MAX_POLICY, Policy};
use praya_posture::reported::reported;
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
    /// The same for people, with the end of the system's support.
    reported: Reported,
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
    let here = serde_json::from_value(std::env::consts::OS.into()).ok();
    let checks = policy.as_ref().map_or_else(|| BTreeSet::from(Check::ALL), |policy| policy.checks_of(here));
    let answer = client.request(Request::ReadMachine { checks }).await?;
    let Response::Machine { facts } = answer else { return Err(Ended::unexpected()) };
    let facts: HostFacts = serde_json::from_str(&facts).map_err(|_| Ended::unexpected())?;
    let verdict = policy.map(|policy| judge(&policy, &facts, Timestamp::from(SystemTime::now())));
    let refused = verdict.as_ref().is_some_and(refuses);
    let reported = reported(&facts, &SupportTable::built_in());
    out.either(&Checked { facts, reported, verdict }, |checked| report(checked, out))?;
    if refused { Err(Ended::Silent(Exit::Failed)) } else { Ok(()) }
}

/// What the gateway was told of this machine last, in this session or the sign-in under way.
pub(crate) async fn sent(client: &Client, out: Out) -> Result<(), Ended> {
    let answer = client.request(Request::Snapshot).await?;
    let Response::Snapshot { snapshot } = answer else { return Err(Ended::unexpected()) };
    Ok(out.either(&snapshot.reported, |reported| match reported {
        Some(reported) => {
            let intro = text::say_with("reported-at", &[("at", reported.at.into())]);
            [intro, table(reported)].join("\n\n")
        }
        None => text::say("cli-posture-nothing-sent"),
    })?)
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
    // A policy that is only tried would let everybody in; whoever asks wants to know what it says.
    let enforced = policy.enforced();
    let kind = facts.os.value().ok().map(|os| os.family);
    let policies: Vec<&Policy> = Some(&enforced).filter(|policy| policy.is_for(kind)).into_iter().collect();
    let verdict: Verdict = evaluate(&policies, facts, &SupportTable::built_in(), now);
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
    let mut parts = vec![text::say("cli-posture-intro"), table(&checked.reported)];
    if let Some(judged) = &checked.verdict {
        let (id, tone) = match (&judged.access, judged.findings.is_empty()) {
            (Access::Allow, true) if judged.status == Status::NotApplicable => {
                ("cli-posture-asks-nothing", Tone::Good)
            }
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
        let more = finding.more.map(|more| text::say_with("checking-more", &[("more", more.into())]));
        std::iter::once(head).chain(lines).chain(link).chain(more).collect::<Vec<_>>().join("\n")
    };
    findings.iter().map(one).collect::<Vec<_>>().join("\n")
}

/// What was read, each with where, or why it is not known.
fn table(reported: &Reported) -> String {
    let rows: Vec<(String, Vec<String>)> =
        reported.facts.iter().map(|fact| (text::posture_check(fact.check), lines(fact))).collect();
    let width = widest(rows.iter().map(|(name, _)| name));
    let lines = rows.iter().flat_map(|(name, values)| {
        let names = std::iter::once(name.as_str()).chain(std::iter::repeat(""));
        names.zip(values).map(|(name, value)| format!("{}  {value}", padded(name, width)))
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The fact itself first, then what else is known of it, then where all of it was read.
fn lines(fact: &ReportedFact) -> Vec<String> {
    let item = |(at, item): (usize, &ReportedItem)| {
        let value = text::reported_value(fact.check, item);
        match item.about {
            None | Some(About::Name) if at == 0 => value,
            None => format!("  {value}"),
            Some(about) => format!("  {}", text::part(text::reported_about(about), value)),
        }
    };
    let mut sources: Vec<String> = Vec::new();
    for source in fact.items.iter().filter_map(|item| item.source.as_deref()).map(printable) {
        if !sources.contains(&source) {
            sources.push(source);
        }
    }
    let from = (!sources.is_empty()).then(|| {
        let sources = sources.join(&text::say("name-separator"));
        format!("  {}", text::say_with("reported-source", &[("source", sources.into())]))
    });
    fact.items.iter().enumerate().map(item).chain(from).collect()
}

#[cfg(test)]
mod tests {
    use praya_posture::facts::{Antivirus, Disk, Fact, Family, Firewall, Os, OsFamily, Unavailable};

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
        let table = table(&reported(&facts(), &SupportTable::built_in()));
        for told in [
            "Operating system   Debian GNU/Linux 13 (trixie)\n",
            "Build: 6.12.0\n",
            "Maintained by its maker until: 20",
            "read from /etc/os-release\n",
            "Antivirus program  ClamAV\n",
            "Installed: Yes\n",
            "Running: Yes\n",
            "read from clamd, /usr/sbin/clamd\n",
            "Firewall           Off\n",
            "Name: nftables\n",
        ] {
            assert!(table.contains(told), "{told}: {table}");
        }
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
        let report = report(
            &Checked {
                facts: facts(),
                reported: reported(&facts(), &SupportTable::built_in()),
                verdict: Some(judged),
            },
            Out::new(true),
        );
        assert!(report.contains("would not let this computer in"), "{report}");
        assert!(
            report.contains("Not met  Firewall") && report.contains("Not met  Disk encryption"),
            "{report}"
        );
        assert!(report.contains("What to do  Switch the firewall on."), "{report}");
    }

    #[test]
    fn a_policy_for_other_kinds_of_machines_asks_nothing_of_this_one() {
        let requirement = "id = \"firewall\"\nfirewall = { on = true }";
        let head = "schema = 1\nid = \"test\"\nname = \"Test\"\non_fail = \"deny\"\n";
        for policy in [
            format!("{head}[applies_to]\nplatforms = [\"macos\"]\n[[requirements]]\n{requirement}"),
            format!("{head}[[requirements]]\nplatforms = [\"macos\"]\n{requirement}"),
        ] {
            let judged = judge(&Policy::from_toml(&policy).unwrap(), &facts(), NOW);
            assert!(!refuses(&judged) && judged.findings.is_empty());
            let reported = reported(&facts(), &SupportTable::built_in());
            let report = report(&Checked { facts: facts(), reported, verdict: Some(judged) }, Out::new(true));
            assert!(report.ends_with("“Test” asks nothing of this computer."), "{report}");
        }
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

    #[test]
    fn findings_that_are_not_listed_are_counted() {
        let finding = serde_json::json!({
            "check": "firewall",
            "outcome": "failed",
            "expected": { "expected": "on" },
            "found": { "found": "off", "name": null },
            "more": 6,
        });
        let told = findings(&[serde_json::from_value(finding).unwrap()], Out::new(true));
        assert!(told.ends_with("\n6 more are not listed here."), "{told}");
    }
}
