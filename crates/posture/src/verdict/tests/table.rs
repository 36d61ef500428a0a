//! What rules say of single machines, and what follows from it.

use super::*;

#[test]
fn what_is_not_known_stays_so_under_not() {
    let policy =
        policy("[[requirements]]\nid = \"r\"\nnot = { antivirus = { families = [\"kaspersky\"] } }\n");
    let state = |facts: &HostFacts| judge(&policy, facts).results[0].state;
    let with = |antivirus| HostFacts { antivirus, ..HostFacts::none(NOW) };
    for why in REASONS {
        assert_eq!(state(&with(unavailable(why))), State::Unknown);
    }
    assert_eq!(state(&with(known(vec![]))), State::Met);
    assert_eq!(state(&with(known(vec![program(Family::Avg, "AVG")]))), State::Met);
    let kaspersky = with(known(vec![program(Family::Kaspersky, "Kaspersky Free")]));
    let verdict = judge(&policy, &kaspersky);
    assert_eq!(verdict.status, Status::NonCompliant);
    assert_eq!(verdict.findings()[0].expected, Expected::NoneOf { names: vec![named("Kaspersky")] });
    assert_eq!(verdict.findings()[0].found, Found::Other { name: named("Kaspersky Free") });
    let mut silent = program(Family::Kaspersky, "Kaspersky");
    silent.running = unavailable(Unavailable::TimedOut);
    assert_eq!(state(&with(known(vec![silent]))), State::Unknown);
    let installed = |installed| Antivirus { installed, ..program(Family::Kaspersky, "Kaspersky") };
    assert_eq!(state(&with(known(vec![installed(known(false))]))), State::Met);
    for why in REASONS {
        assert_eq!(state(&with(known(vec![installed(unavailable(why))]))), State::Unknown, "{why}");
    }
}

#[test]
fn what_is_not_installed_is_not_there() {
    let policy = policy("[[requirements]]\nid = \"r\"\nantivirus = { running = false }\n");
    let with = |installed: &[bool]| {
        let one = |&is: &bool| Antivirus { installed: known(is), ..program(Family::Avg, "AVG") };
        let programs = installed.iter().map(one).collect();
        judge(&policy, &HostFacts { antivirus: known(programs), ..HostFacts::none(NOW) })
    };
    assert_eq!(found(&with(&[false])), found(&with(&[])));
    assert_eq!(found(&with(&[false])), [(Check::Antivirus, Found::Missing)]);
    assert_eq!(with(&[false, true]).status, Status::Compliant);
}

#[test]
fn not_over_systems_and_over_several() {
    let policy = policy(
        "[[requirements]]\nid = \"r\"\n[requirements.not]\nany_of = [\n{ os = { product = \"windows\", versions = [\"XP\"] } },\n\
         { os = { product = \"debian\" } },\n{ not = { os = { server = false } } },\n]\n",
    );
    let judge = |os: Os| judge(&policy, &good(os, vec![]));
    assert_eq!(judge(windows("10 22H2")).status, Status::Compliant);
    assert_eq!(
        judge(windows("XP")).findings()[0].expected,
        Expected::NoneOf { names: vec![named("Windows XP")] }
    );
    assert_eq!(judge(debian("13")).findings()[0].expected, Expected::NoneOf { names: vec![named("Debian")] });
    assert_eq!(judge(Os { server: true, ..windows("10 22H2") }).access, Access::Deny);
}

#[test]
fn a_time_that_has_not_come_does_not_pass_whatever_policy_says() {
    let lenient = policy(
        "on_unavailable = { updates = \"pass\", antivirus_definitions = \"pass\" }\n\
         [[requirements]]\nid = \"u\"\nupdates = { within_days = 45 }\n\
         [[requirements]]\nid = \"a\"\nantivirus = { definitions = { within_days = 7 } }\n",
    );
    let at = |time: Timestamp| {
        let mut program = program(Family::Avg, "AVG");
        program.definitions_at = known(time);
        HostFacts { last_update: known(time), ..good(debian("13"), vec![program]) }
    };
    let ahead = |hours: u64| NOW.after(Duration::from_secs(hours * 3600));
    for good in [NOW, days_ago(7), ahead(23)] {
        assert_eq!(judge(&lenient, &at(good)).status, Status::Compliant, "{good:?}");
    }
    for absurd in [ahead(25), Timestamp::from_millis(i64::MAX)] {
        let verdict = judge(&lenient, &at(absurd));
        assert!(verdict.results.iter().all(|result| result.consequence == Consequence::Failed), "{absurd:?}");
    }
    for long_ago in [days_ago(46), Timestamp::default(), Timestamp::from_millis(i64::MIN)] {
        assert_eq!(judge(&lenient, &at(long_ago)).status, Status::NonCompliant, "{long_ago:?}");
    }
    let silent = HostFacts { last_update: unavailable(Unavailable::TimedOut), ..good(debian("13"), vec![]) };
    assert_eq!(judge(&lenient, &silent).results[0].consequence, Consequence::Passed);
}

#[test]
fn ages_are_counted_in_days_begun() {
    let policy = policy("[[requirements]]\nid = \"u\"\nupdates = { within_days = 45 }\n");
    let at = |time| judge(&policy, &HostFacts { last_update: known(time), ..HostFacts::none(NOW) });
    assert_eq!(at(days_ago(45)).status, Status::Compliant);
    let a_moment_more = days_ago(45).before(Duration::from_millis(1));
    assert_eq!(at(a_moment_more).findings()[0].found, Found::Days { days: 46 });
}

#[test]
fn every_hotfix_is_installed_or_named() {
    let both = "hotfixes = { installed = [\"KB5044284\", \"KB5043080\"] }";
    let judged = |rule: &str, hotfixes| {
        let policy = policy(&format!("[[requirements]]\nid = \"r\"\n{rule}\n"));
        judge(&policy, &HostFacts { hotfixes, ..HostFacts::none(NOW) })
    };
    let installed = |names: &[&str]| known(names.iter().map(|&name| name.to_owned()).collect());
    let all = installed(&["KB5043080", "KB5044284", "KB5050000"]);
    assert_eq!(judged(both, all).status, Status::Compliant);
    let missing = |rule: &str, names: &[&str]| {
        let verdict = judged(rule, installed(names));
        assert_eq!(verdict.status, Status::NonCompliant);
        let told = |finding: Finding| {
            assert_eq!((finding.check, finding.found), (Check::Hotfixes, Found::Missing));
            finding.expected
        };
        verdict.findings().into_iter().map(told).collect::<Vec<_>>()
    };
    let all_of = |names: &[&str]| Expected::AllOf { names: names.iter().map(|name| named(name)).collect() };
    assert_eq!(missing(both, &["KB5044284"]), [all_of(&["KB5043080"])]);
    assert_eq!(missing(both, &[]), [all_of(&["KB5044284", "KB5043080"])]);
    let either = format!("any_of = [{{ {both} }}, {{ hotfixes = {{ installed = [\"KB5050000\"] }} }}]");
    assert_eq!(judged(&either, installed(&["KB5050000"])).status, Status::Compliant);
    assert_eq!(missing(&either, &["KB5043080"]), [all_of(&["KB5044284"]), all_of(&["KB5050000"])]);
    for why in [Unavailable::NotAsked, Unavailable::NotApplicable] {
        assert_eq!(judged(both, unavailable(why)).status, Status::Unknown, "{why}");
    }
}

#[test]
fn a_lock_of_unknown_delay_is_not_known_to_be_in_time() {
    let with = |rule: &str, lock: ScreenLock| {
        let policy = policy(&format!("[[requirements]]\nid = \"r\"\nscreen_lock = {rule}\n"));
        judge(&policy, &HostFacts { screen_lock: known(lock), ..HostFacts::none(NOW) })
    };
    let lock = |on, after| ScreenLock { on, after };
    assert_eq!(with("{ on = true }", lock(true, None)).status, Status::Compliant);
    assert_eq!(with("{ on = true }", lock(false, None)).status, Status::NonCompliant);
    assert_eq!(with("{ on = true, within_minutes = 10 }", lock(true, None)).status, Status::Unknown);
    assert_eq!(with("{ on = true, within_minutes = 10 }", lock(true, Some(600))).status, Status::Compliant);
    assert_eq!(
        with("{ on = true, within_minutes = 10 }", lock(true, Some(601))).status,
        Status::NonCompliant
    );
    assert_eq!(
        with("{ on = true, within_minutes = 10 }", lock(false, Some(60))).status,
        Status::NonCompliant
    );
}

#[test]
fn a_build_is_at_least_what_is_asked() {
    let policy =
        policy("[[requirements]]\nid = \"r\"\nos = { family = \"windows\", min_build = \"26100.2033\" }\n");
    let with = |build: &str| {
        let os = Os { build: build.to_owned(), ..windows("11 24H2") };
        judge(&policy, &good(os, vec![]))
    };
    for good in ["26100.2033", "26100.10000", "26200"] {
        assert_eq!(with(good).status, Status::Compliant, "{good}");
    }
    let verdict = with("26100.999");
    assert_eq!(verdict.findings()[0].expected, Expected::AtLeast { name: named("26100.2033") });
    assert_eq!(verdict.findings()[0].found, Found::Other { name: named("26100.999") });
    assert_eq!(with("").status, Status::Unknown);
}

#[test]
fn support_may_have_ended_so_many_days_ago() {
    let ends = "2026-11-10".parse::<crate::day::Day>().unwrap().end();
    let enterprise = Os { edition: Some("Enterprise".to_owned()), ..windows("11 23H2") };
    let at = |more: &str, now: Timestamp| {
        let policy =
            policy(&format!("[[requirements]]\nid = \"r\"\nos = {{ end_of_life = \"block\"{more} }}\n"));
        evaluate(&[&policy], &good(enterprise.clone(), vec![]), &SupportTable::built_in(), now).status
    };
    let day = Duration::from_secs(86_400);
    assert_eq!(at("", ends.before(Duration::from_millis(1))), Status::Compliant);
    assert_eq!(at("", ends), Status::NonCompliant);
    assert_eq!(at(", days_past_end = 2", ends.after(day)), Status::Compliant);
    assert_eq!(at(", days_past_end = 2", ends.after(2 * day)), Status::NonCompliant);
}

#[test]
fn a_system_without_a_known_end_is_not_known_to_be_supported() {
    let plan9 = Os { product: "plan9".to_owned(), ..debian("4") };
    let block = policy("[[requirements]]\nid = \"r\"\nos = { end_of_life = \"block\" }\n");
    assert_eq!(judge(&block, &good(plan9.clone(), vec![])).status, Status::Unknown);
    let warn = policy("[[requirements]]\nid = \"r\"\nos = { end_of_life = \"warn\" }\n");
    let verdict = judge(&warn, &good(plan9, vec![]));
    assert_eq!((verdict.status, verdict.findings().len()), (Status::Compliant, 1));
}

#[test]
fn what_is_for_other_machines_is_skipped_and_an_unknown_machine_skips_nothing() {
    let policy =
        policy("[[requirements]]\nid = \"r\"\nplatforms = [\"windows\"]\nsecure_boot = { on = true }\n");
    let linux = HostFacts { secure_boot: known(false), ..good(debian("13"), vec![]) };
    let verdict = judge(&policy, &linux);
    assert_eq!((verdict.status, verdict.results[0].state), (Status::NotApplicable, State::Skipped));
    assert_eq!(verdict.access, Access::Allow);
    assert_eq!(judge(&policy, &HostFacts::none(NOW)).access, Access::Deny);
}

#[test]
fn within_its_grace_a_policy_only_warns() {
    let policy = policy("grace_until = 2026-11-21\n[[requirements]]\nid = \"r\"\nfirewall = { on = true }\n");
    let off =
        HostFacts { firewall: known(Firewall { name: String::new(), on: false }), ..HostFacts::none(NOW) };
    let at = |now| evaluate(&[&policy], &off, &SupportTable::built_in(), now);
    let last = NOW.after(Duration::from_secs(86_399));
    assert_eq!((at(last).status, at(last).access), (Status::InGrace, Access::Allow));
    assert_eq!(at(last).findings()[0].outcome, Outcome::Warning);
    let silent = evaluate(&[&policy], &HostFacts::none(NOW), &SupportTable::built_in(), last);
    assert_eq!(silent.status, Status::InGrace);
    let over = NOW.after(Duration::from_secs(86_400));
    assert_eq!((at(over).status, at(over).access), (Status::NonCompliant, Access::Deny));
}

#[test]
fn a_policy_that_is_only_tried_says_what_it_would_have_done() {
    let tried = policy(
        "enforce = false\nwithout_report = \"deny\"\n[[requirements]]\nid = \"r\"\nfirewall = { on = true }\n",
    );
    let off =
        HostFacts { firewall: known(Firewall { name: String::new(), on: false }), ..HostFacts::none(NOW) };
    let verdict = judge(&tried, &off);
    assert_eq!((verdict.status, &verdict.access), (Status::Compliant, &Access::Allow));
    assert_eq!(verdict.if_enforced, Some(IfEnforced { status: Status::NonCompliant, access: Access::Deny }));
    let result = &verdict.results[0];
    assert_eq!((result.state, result.consequence), (State::NotMet, Consequence::Recorded));
    assert_eq!((result.severity, result.findings.len()), (Severity::Mandatory, 1), "what it would have said");
    assert!(verdict.findings().is_empty(), "the person is not told");
    assert_eq!(without_report(&[&tried]), Access::Allow);
    assert!(verdict.recheck_at.is_some() && verdict.valid_until.is_none());
    let kept = serde_json::to_string(&verdict).unwrap();
    assert_eq!(serde_json::from_str::<Verdict>(&kept).unwrap(), verdict);
    let seen = Seen { facts: off, groups: vec![], at: NOW };
    let mut run = DryRun::default();
    run.add(&tried, [&seen], &SupportTable::built_in());
    assert_eq!(run.statuses, BTreeMap::from([(Status::NonCompliant, 1)]), "a dry run takes it as enforced");
}

#[test]
fn several_policies_are_one_verdict_and_the_strictest_holds() {
    let first = policy(
        "on_fail = { limit = [\"a\", \"b\"] }\nwithout_report = { limit = [\"a\"] }\nrecheck_minutes = 5\n\
         [[requirements]]\nid = \"f\"\nfirewall = { on = true }\n",
    );
    let second = Policy {
        id: "y".to_owned(),
        ..policy(
            "on_fail = { limit = [\"b\", \"c\"] }\nwithout_report = \"allow\"\nlease_minutes = 30\n\
             [[requirements]]\nid = \"d\"\nlink = \"https://help.example\"\ndisk = { encrypted = true }\n",
        )
    };
    let limit =
        |ids: &[&str]| Access::Limit(ids.iter().map(|id| praya_model::ResourceId::new(*id)).collect());
    let bad = HostFacts {
        firewall: known(Firewall { name: String::new(), on: false }),
        disk: known(Disk { encrypted_by: None }),
        ..good(debian("13"), vec![])
    };
    let judge = |facts: &HostFacts| evaluate(&[&first, &second], facts, &SupportTable::built_in(), NOW);
    let verdict = judge(&bad);
    assert_eq!(verdict.access, limit(&["b"]));
    assert_eq!(verdict.recheck_at, Some(NOW.after(Duration::from_secs(300))));
    assert_eq!(verdict.valid_until, Some(NOW.after(Duration::from_secs(20 * 60))));
    assert_eq!(verdict.retry_until, Some(NOW.after(Duration::from_secs(10 * 60))));
    let links: Vec<bool> = verdict.findings().iter().map(|finding| finding.link.is_some()).collect();
    assert_eq!(links, [false, true]);
    let half = HostFacts { disk: known(Disk { encrypted_by: Some("LUKS".to_owned()) }), ..bad };
    assert_eq!(judge(&half).access, limit(&["a", "b"]));
    assert_eq!(without_report(&[&first, &second]), limit(&["a"]));
    assert_eq!(without_report(&[]), Access::Allow);
}

#[test]
fn without_a_policy_nothing_is_asked() {
    let verdict = evaluate(&[], &HostFacts::none(NOW), &SupportTable::built_in(), NOW);
    assert_eq!((verdict.status, verdict.access), (Status::NotApplicable, Access::Allow));
    assert_eq!((verdict.valid_until, verdict.recheck_at, verdict.retry_until), (None, None, None));
}

#[test]
fn the_shortest_way_to_a_good_end_is_shown() {
    let policy = policy(
        "[[requirements]]\nid = \"r\"\n[[requirements.any_of]]\nall_of = [{ firewall = { on = true } }, { disk = { encrypted = true } }]\n\
         [[requirements.any_of]]\nupdates = { within_days = 1 }\n[[requirements.any_of]]\nos = { product = \"macos\" }\n",
    );
    let facts = HostFacts {
        firewall: known(Firewall { name: String::new(), on: false }),
        disk: known(Disk { encrypted_by: None }),
        ..good(debian("13"), vec![])
    };
    assert_eq!(found(&judge(&policy, &facts)), [(Check::Updates, Found::Days { days: 3 })]);
}

#[test]
fn a_verdict_is_stored_and_read_again() {
    let verdict = judge(&Policy::from_toml(crate::policy::MODERN).unwrap(), &HostFacts::none(NOW));
    let json = serde_json::to_string(&verdict).unwrap();
    assert_eq!(serde_json::from_str::<Verdict>(&json).unwrap(), verdict);
}

#[test]
fn a_dry_run_counts_machines_as_of_the_time_they_were_seen() {
    let modern = Policy::from_toml(crate::policy::MODERN).unwrap();
    let seen = |facts, at| Seen { facts, groups: vec![], at };
    let fine = good(windows("10 22H2"), vec![program(Family::Defender, "Defender")]);
    let then = "2025-09-01".parse::<crate::day::Day>().unwrap().end();
    let mut fine_then = fine.clone();
    fine_then.last_update = known(then);
    let Fact::Known { value, .. } = &mut fine_then.antivirus else { panic!() };
    value[0].definitions_at = known(then);
    let asked_less = HostFacts { disk: unavailable(Unavailable::NotAsked), ..good(debian("13"), vec![]) };
    let machines = [seen(fine_then, then), seen(fine, NOW), seen(asked_less, NOW)];
    let mut run = DryRun::default();
    for machine in &machines {
        run.add(&modern, [machine], &SupportTable::built_in());
    }
    assert_eq!(run.statuses, BTreeMap::from([(Status::Compliant, 1), (Status::NonCompliant, 2)]));
    let count = |map: &BTreeMap<String, u32>| {
        map.iter().map(|(id, count)| format!("{id}={count}")).collect::<Vec<_>>()
    };
    assert_eq!(count(&run.failed), ["antivirus-linux=1", "supported-system=1"]);
    assert_eq!(count(&run.unknown), ["encrypted-disk=1"]);
}
