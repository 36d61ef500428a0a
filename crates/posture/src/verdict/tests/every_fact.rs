//! Every fact in every state × every severity × every word about what is not known.

use std::collections::BTreeSet;

use super::*;

/// What a fact is for the rule that asks for it.
#[derive(Clone, Copy, Debug)]
enum Given {
    Met,
    Unmet,
    Unknown(Unavailable),
}

impl Given {
    fn fact<T>(self, met: T, unmet: T) -> Fact<T> {
        match self {
            Self::Met => known(met),
            Self::Unmet => known(unmet),
            Self::Unknown(why) => unavailable(why),
        }
    }

    const fn state(self) -> State {
        match self {
            Self::Met => State::Met,
            Self::Unmet => State::NotMet,
            Self::Unknown(_) => State::Unknown,
        }
    }
}

/// A rule over one fact, the check it belongs to, and a machine of which nothing else is known.
struct Case {
    rule: &'static str,
    check: &'static str,
    facts: fn(Given) -> HostFacts,
}

fn nothing() -> HostFacts {
    HostFacts::none(NOW)
}

/// A machine with one program that is all right but for what `change` makes of it.
fn with_program(change: impl FnOnce(&mut Antivirus)) -> HostFacts {
    let mut program = program(Family::Avg, "AVG");
    change(&mut program);
    HostFacts { antivirus: known(vec![program]), ..nothing() }
}

const CASES: [Case; 16] = [
    Case {
        rule: "os = { product = \"debian\" }",
        check: "operating_system",
        facts: |given| HostFacts { os: given.fact(debian("13"), windows("10 22H2")), ..nothing() },
    },
    Case {
        rule: "os = { end_of_life = \"block\" }",
        check: "operating_system",
        facts: |given| HostFacts { os: given.fact(debian("13"), debian("9")), ..nothing() },
    },
    Case {
        rule: "antivirus = { running = false }",
        check: "antivirus",
        facts: |given| HostFacts {
            antivirus: given.fact(vec![program(Family::Avg, "AVG")], vec![]),
            ..nothing()
        },
    },
    Case {
        rule: "antivirus = { running = false }",
        check: "antivirus",
        facts: |given| with_program(|program| program.installed = given.fact(true, false)),
    },
    Case {
        rule: "antivirus = { running = true }",
        check: "antivirus",
        facts: |given| with_program(|program| program.running = given.fact(true, false)),
    },
    Case {
        rule: "antivirus = { real_time = true }",
        check: "antivirus",
        facts: |given| with_program(|program| program.real_time = given.fact(RealTime::On, RealTime::Off)),
    },
    Case {
        rule: "antivirus = { definitions = { within_days = 7 } }",
        check: "antivirus_definitions",
        facts: |given| with_program(|program| program.definitions_at = given.fact(days_ago(1), days_ago(8))),
    },
    Case {
        rule: "antivirus = { definitions = { current = true } }",
        check: "antivirus_definitions",
        facts: |given| with_program(|program| program.definitions_current = given.fact(true, false)),
    },
    Case {
        rule: "firewall = { on = true }",
        check: "firewall",
        facts: |given| {
            let firewall = |on| Firewall { name: String::new(), on };
            HostFacts { firewall: given.fact(firewall(true), firewall(false)), ..nothing() }
        },
    },
    Case {
        rule: "disk = { encrypted = true }",
        check: "disk_encryption",
        facts: |given| {
            let disk = |encrypted_by| Disk { encrypted_by };
            HostFacts { disk: given.fact(disk(Some("LUKS".to_owned())), disk(None)), ..nothing() }
        },
    },
    Case {
        rule: "updates = { within_days = 45 }",
        check: "updates",
        facts: |given| HostFacts { last_update: given.fact(days_ago(45), days_ago(46)), ..nothing() },
    },
    Case {
        rule: "hotfixes = { installed = [\"KB5044284\"] }",
        check: "hotfixes",
        facts: |given| HostFacts { hotfixes: given.fact(vec!["KB5044284".to_owned()], vec![]), ..nothing() },
    },
    Case {
        rule: "screen_lock = { on = true, within_minutes = 10 }",
        check: "screen_lock",
        facts: |given| {
            let lock = |seconds| ScreenLock { on: true, after: Some(seconds) };
            HostFacts { screen_lock: given.fact(lock(600), lock(601)), ..nothing() }
        },
    },
    Case {
        rule: "secure_boot = { on = true }",
        check: "secure_boot",
        facts: |given| HostFacts { secure_boot: given.fact(true, false), ..nothing() },
    },
    Case {
        rule: "system_integrity = { on = true }",
        check: "system_integrity",
        facts: |given| HostFacts { system_integrity: given.fact(true, false), ..nothing() },
    },
    Case {
        rule: "gatekeeper = { on = true }",
        check: "gatekeeper",
        facts: |given| HostFacts { gatekeeper: given.fact(true, false), ..nothing() },
    },
];

/// The rule: what is unmet, or not known where that fails, has the consequence of its severity; what is not known where
/// that warns is a warning; everything else passes. Silence about what was asked is never excused.
fn expected(given: Given, severity: Severity, word: &str) -> Consequence {
    let (unmet, warned) = match given {
        Given::Met => (false, false),
        Given::Unmet | Given::Unknown(Unavailable::NotAsked) => (true, false),
        Given::Unknown(_) => (word == "fail", word == "warn"),
    };
    match severity {
        _ if !unmet && !warned => Consequence::Passed,
        Severity::Audit => Consequence::Recorded,
        Severity::Mandatory if unmet => Consequence::Failed,
        Severity::Mandatory | Severity::Optional => Consequence::Warned,
    }
}

fn try_one(case: &Case, given: Given, severity: Severity, severity_word: &str, word: Option<&str>) {
    let Case { rule, check, facts } = case;
    let unknown =
        word.map_or_else(String::new, |word| format!("on_unavailable = {{ {check} = {word:?} }}\n"));
    let policy =
        policy(&format!("{unknown}[[requirements]]\nid = \"r\"\nseverity = {severity_word:?}\n{rule}\n"));
    let verdict = judge(&policy, &facts(given));
    let consequence = expected(given, severity, word.unwrap_or("fail"));
    let name = format!("{rule} {given:?} {severity_word} {word:?}");
    let result = &verdict.results[0];
    assert_eq!((result.state, result.consequence), (given.state(), consequence), "{name}");
    let failed = consequence == Consequence::Failed;
    assert_eq!(verdict.access == Access::Deny, failed, "{name}");
    let status = match (failed, given) {
        (true, Given::Unknown(_)) => Status::Unknown,
        (true, _) => Status::NonCompliant,
        (false, _) => Status::Compliant,
    };
    assert_eq!(verdict.status, status, "{name}");
    let told = verdict.findings();
    let is_told = matches!(consequence, Consequence::Failed | Consequence::Warned);
    assert_eq!(told.len(), usize::from(is_told), "{name}");
    for finding in told {
        assert_eq!(finding.outcome == Outcome::Failed, failed, "{name}");
        assert_eq!(serde_json::to_value(finding.check).unwrap(), *check, "{name}");
        if let Given::Unknown(reason) = given {
            assert_eq!(finding.found, Found::Unavailable { reason }, "{name}");
        }
    }
}

#[test]
fn the_whole_table() {
    let severities =
        [("mandatory", Severity::Mandatory), ("optional", Severity::Optional), ("audit", Severity::Audit)];
    let states = [Given::Met, Given::Unmet].into_iter().chain(REASONS.map(Given::Unknown));
    for given in states {
        for (severity_word, severity) in severities {
            for word in [None, Some("fail"), Some("warn"), Some("pass")] {
                for case in &CASES {
                    try_one(case, given, severity, severity_word, word);
                }
            }
        }
    }
    let checks: BTreeSet<_> = Check::ALL.iter().map(|check| serde_json::to_string(check).unwrap()).collect();
    let tried: BTreeSet<_> = CASES.iter().map(|case| format!("{:?}", case.check)).collect();
    assert_eq!(tried, checks, "a check is not in the table");
}
