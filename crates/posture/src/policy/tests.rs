use super::*;

const HEAD: &str = "schema = 1\nid = \"x\"\nname = \"X\"\n";

/// What is wrong with `rest` after three lines of a sound beginning.
fn complaints(rest: &str) -> String {
    Policy::from_toml(&format!("{HEAD}{rest}")).unwrap_err().to_string()
}

/// A requirement whose fields begin on line 5.
fn requirement(fields: &str) -> String {
    format!("[[requirements]]\nid = \"r\"\n{fields}\n")
}

fn read(rest: &str) -> Policy {
    Policy::from_toml(&format!("{HEAD}{rest}")).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn the_policies_that_come_with_praya_are_sound() {
    let ias = Policy::from_toml(IAS).unwrap();
    assert_eq!((ias.id.as_str(), ias.on_fail, ias.without_report), ("ias", Access::Deny, Access::Deny));
    let modern = Policy::from_toml(MODERN).unwrap();
    assert_eq!((modern.id.as_str(), modern.requirements.len()), ("modern", 11));
}

#[test]
fn a05_a07_the_ias_policy_lists_six_systems_and_eleven_families() {
    let ias = Policy::from_toml(IAS).unwrap();
    let Expression::Os(system) = &ias.requirements[0].expression else { panic!() };
    assert_eq!(system.versions, ["XP", "Vista", "7", "8", "8.1", "10"]);
    let Expression::AnyOf(either) = &ias.requirements[1].expression else { panic!() };
    let families = either.iter().flat_map(|one| {
        let Expression::Antivirus(rule) = one else { panic!() };
        rule.families.clone()
    });
    let families: BTreeSet<Family> = families.collect();
    assert_eq!(families.len(), 11);
    for not_listed in [Family::Defender, Family::Xprotect, Family::Other] {
        assert!(!families.contains(&not_listed));
    }
}

#[test]
fn the_policy_in_the_documentation_is_sound() {
    let page = include_str!("../../../../docs/posture.md");
    let (_, rest) = page.split_once("```toml\n").unwrap();
    let (example, _) = rest.split_once("```").unwrap();
    let policy = Policy::from_toml(example).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!((policy.id.as_str(), policy.version), ("staff", 4));
}

#[test]
fn a_short_policy_has_safe_defaults() {
    let policy = read(&requirement("firewall = { on = true }"));
    assert_eq!(policy.on_fail, Access::Deny);
    assert_eq!(policy.without_report, Access::Deny);
    assert!(Check::ALL.iter().all(|check| policy.on_unavailable(*check) == OnUnavailable::Fail));
    assert_eq!(
        (policy.version, policy.recheck_minutes, policy.lease_minutes, policy.retry_minutes),
        (1, 15, 60, 10)
    );
    assert!(policy.enforce);
    assert_eq!(policy.requirements[0].severity, Severity::Mandatory);
    assert!(policy.applies(&[], None));
}

#[test]
fn json_and_toml_say_the_same() {
    for text in [IAS, MODERN, &full()] {
        let policy = Policy::from_toml(text).unwrap_or_else(|error| panic!("{error}"));
        let json = serde_json::to_string_pretty(&policy).unwrap();
        assert_eq!(Policy::from_json(&json).as_ref(), Ok(&policy), "{json}");
        assert_eq!(serde_json::from_str::<Policy>(&json).unwrap(), policy);
        let toml = toml::to_string(&policy).unwrap();
        assert_eq!(Policy::from_toml(&toml).as_ref(), Ok(&policy), "{toml}");
    }
}

/// Every field there is.
fn full() -> String {
    format!(
        "{HEAD}{}",
        r#"
version = 7
recheck_minutes = 5
lease_minutes = 30
retry_minutes = 20
enforce = false
grace_until = 2027-01-31
on_fail = { limit = ["help", "mail"] }
without_report = "allow"
applies_to = { groups = ["staff"], platforms = ["windows", "linux"] }
[on_unavailable]
screen_lock = "warn"
secure_boot = "pass"
gatekeeper = "warn"
firewall = "fail"
[[requirements]]
id = "everything"
severity = "audit"
platforms = ["windows"]
link = "https://help.example/posture"
[[requirements.all_of]]
os = { family = "windows", product = "windows", versions = ["11 24H2"], server = false, min_build = "26100.2033", end_of_life = "warn", days_past_end = 30, extended_support = true }
[[requirements.all_of]]
any_of = [
  { antivirus = { families = ["360"], running = false, real_time = true, definitions = { current = true } } },
  { antivirus = { definitions = { within_days = 3, or_current = true } } },
]
[[requirements.all_of]]
not = { antivirus = { families = ["avg"] } }
[[requirements.all_of]]
screen_lock = { on = true, within_minutes = 5 }
[[requirements.all_of]]
secure_boot = { on = true }
[[requirements.all_of]]
system_integrity = { on = true }
[[requirements.all_of]]
gatekeeper = { on = true }
[[requirements.all_of]]
disk = { encrypted = true }
[[requirements.all_of]]
updates = { within_days = 10 }
[[requirements.all_of]]
hotfixes = { installed = ["KB5044284", "KB5043080"] }
[[requirements]]
id = "firewall"
severity = "optional"
firewall = { on = true }
"#
    )
}

#[test]
fn a_policy_asks_for_what_it_needs_and_nothing_else() {
    let asks = |rest: &str| read(rest).checks().into_iter().collect::<Vec<_>>();
    assert_eq!(asks(&requirement("firewall = { on = true }")), [Check::Firewall]);
    assert_eq!(
        asks(&requirement("platforms = [\"macos\"]\nnot = { antivirus = {} }")),
        [Check::OperatingSystem, Check::Antivirus]
    );
    assert_eq!(
        asks(&requirement("antivirus = { definitions = { current = true } }")),
        [Check::Antivirus, Check::AntivirusDefinitions]
    );
    assert_eq!(
        Policy::from_toml(IAS).unwrap().checks().into_iter().collect::<Vec<_>>(),
        [Check::OperatingSystem, Check::Antivirus, Check::AntivirusDefinitions]
    );
    let all: BTreeSet<Check> = Check::ALL.into();
    assert_eq!(Policy::from_toml(&full()).unwrap().checks(), all);
}

#[test]
fn a_policy_is_for_its_groups_and_platforms() {
    let policy = Policy::from_toml(&full()).unwrap();
    let (staff, guests) = ([GroupName::new("staff")], [GroupName::new("guests")]);
    assert!(policy.applies(&staff, Some(OsFamily::Linux)));
    assert!(!policy.applies(&staff, Some(OsFamily::Macos)));
    assert!(!policy.applies(&guests, Some(OsFamily::Linux)));
    assert!(!policy.applies(&[], None));
    assert!(policy.applies(&staff, None), "who hides the system does not escape");
}

#[test]
fn every_complaint_names_line_field_and_what_is_allowed() {
    // Blocks of a policy that goes on from line 4, and what is said about it.
    let golden = include_str!("complaints.txt");
    let mut blocks = 0;
    for block in golden.split("\n\n") {
        let (rest, expected) = block.split_once("\n----\n").unwrap();
        assert_eq!(complaints(rest), expected.trim_end(), "{rest}");
        blocks += 1;
    }
    assert_eq!(blocks, 31);
}

#[test]
fn all_complaints_come_at_once_and_in_order() {
    let text = "schema = 2\nid = \"Not An Id\"\nretry_minutes = 61\n[[requirements]]\nid = \"r\"\ndisk = { on = true }\n";
    assert_eq!(
        Policy::from_toml(text).unwrap_err().to_string(),
        "line 1, schema: must be 1, the format that this release reads\n\
         line 1, name: is missing\n\
         line 2, id: must be 1 to 64 of a-z, 0-9 and '-', and not begin with '-'\n\
         line 3, retry_minutes: must be a whole number from 1 to 60\n\
         line 6, requirements[r].disk.on: unknown; allowed here: encrypted\n\
         line 6, requirements[r].disk.encrypted: is missing"
    );
    let many: String = (0..500).map(|number| format!("field{number} = 1\n")).collect();
    assert_eq!(complaints(&many).lines().count(), 20);
}

#[test]
fn a_complaint_has_a_line_and_a_column_in_characters() {
    let text = "schema = 1\nid = \"x\"\nname = \"X\"\non_unavailable = { firewall = \"warn\", disk_encryption = \"\u{5426}\", updates = 5 }\n\
                [[requirements]]\nid = \"r\"\nfirewall = { on = true }\n";
    let places = |text: &str| {
        let complaints = Policy::from_toml(text).unwrap_err();
        let at = |complaint: &Complaint| complaint.at.map(|place| (place.line, place.column));
        complaints.all().iter().map(at).collect::<Vec<_>>()
    };
    assert_eq!(places(text), [Some((4, 57)), Some((4, 72))]);
    assert_eq!(places("schema = 1\r\nid = = 3\r\n")[0], Some((2, 6)));
    let json = Policy::from_json("{\n \"schema\": }").unwrap_err();
    assert_eq!(json.all()[0].at, Some(Place { line: 2, column: 12 }));
}

#[test]
fn json_is_refused_by_field() {
    let complaint = |text: &str| Policy::from_json(text).unwrap_err().to_string();
    assert_eq!(
        complaint(r#"{"schema":1,"id":"x","name":"X","requirements":[{"id":"r","firewall":{"on":1}}]}"#),
        "requirements[r].firewall.on: must be true; leave the rule out where it is not asked"
    );
    assert!(complaint(r#"{"id":"x","id":"y"}"#).contains("id stands there twice"));
    assert!(complaint("{").contains("EOF"));
    assert_eq!(complaint("[]"), "must be a table");
}

#[test]
fn size_depth_and_count_have_limits() {
    let nested = |levels: usize| {
        let (open, close) = ("{ all_of = [".repeat(levels - 1), "] }".repeat(levels - 1));
        requirement(&format!("all_of = [{open}{{ firewall = {{ on = true }} }}{close}]"))
    };
    read(&nested(MAX_DEPTH));
    assert!(complaints(&nested(MAX_DEPTH + 1)).contains("stands deeper than 6 levels"));
    let rules = |count: usize| {
        let rule = "{ firewall = { on = true } },".repeat(64);
        let alike = "{ updates = { within_days = N } },";
        let different = |from: usize| -> String {
            (from..from + 64).map(|days| alike.replace('N', &days.to_string())).collect()
        };
        assert!(rule.len() < MAX_POLICY);
        (0..count)
            .map(|number| {
                format!("[[requirements]]\nid = \"r{number}\"\nany_of = [{}]\n", different(number * 64 + 1))
            })
            .collect::<String>()
    };
    read(&rules(4));
    assert!(complaints(&rules(5)).contains("is more than the 256 rules of a policy"));
    let requirements = |count: usize| -> String {
        (0..count)
            .map(|number| format!("[[requirements]]\nid = \"r{number}\"\nfirewall.on = true\n"))
            .collect()
    };
    read(&requirements(MAX_REQUIREMENTS));
    assert!(complaints(&requirements(MAX_REQUIREMENTS + 1)).contains("must hold 1 to 32 items, not 33"));
    assert_eq!(complaints(&"#".repeat(MAX_POLICY)), "is longer than 65536 bytes");
    assert_eq!(
        Policy::from_json(&" ".repeat(MAX_POLICY + 1)).unwrap_err().to_string(),
        "is longer than 65536 bytes"
    );
}

#[test]
fn two_policies_let_through_what_both_do() {
    let limit = |ids: &[&str]| Access::Limit(ids.iter().map(|id| ResourceId::new(*id)).collect());
    assert_eq!(Access::Allow.and(Access::Allow), Access::Allow);
    assert_eq!(Access::Allow.and(limit(&["a"])), limit(&["a"]));
    assert_eq!(limit(&["a", "b"]).and(limit(&["b", "c"])), limit(&["b"]));
    assert_eq!(limit(&["a"]).and(limit(&["b"])), limit(&[]));
    assert_eq!(limit(&["a"]).and(Access::Deny), Access::Deny);
}
