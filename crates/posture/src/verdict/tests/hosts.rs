//! The shipped policies against the machines that 4G names.

use super::*;

fn ias(facts: &HostFacts) -> Verdict {
    judge(&Policy::from_toml(crate::policy::IAS).unwrap(), facts)
}

fn modern(facts: &HostFacts) -> Verdict {
    judge(&Policy::from_toml(crate::policy::MODERN).unwrap(), facts)
}

/// A Windows 10 on which the IAS policy finds nothing but its age.
fn windows_10(antivirus: Vec<Antivirus>) -> HostFacts {
    good(windows("10 22H2"), antivirus)
}

fn old(mut program: Antivirus) -> Antivirus {
    program.definitions_at = known(days_ago(30));
    program.definitions_current = known(false);
    program
}

fn in_state(mut program: Antivirus, state: RealTime) -> Antivirus {
    program.real_time = known(state);
    program
}

/// What is found besides the end of the system's support.
fn refused(facts: &HostFacts) -> Vec<(Check, Found)> {
    let verdict = ias(facts);
    assert_eq!(verdict.access, Access::Deny);
    let mut found = found(&verdict);
    found.retain(|(_, found)| !matches!(found, Found::Unsupported { .. }));
    found
}

#[test]
fn a07_one_admitted_program_on_and_current_is_enough() {
    let families = [
        (Family::Avira, "Avira"),
        (Family::Avast, "Avast"),
        (Family::Avg, "AVG"),
        (Family::Clamav, "ClamAV"),
        (Family::Eset, "ESET"),
        (Family::Kaspersky, "Kaspersky"),
        (Family::Mcafee, "McAfee"),
        (Family::Sophos, "Sophos"),
        (Family::Symantec, "Symantec"),
        (Family::Trendmicro, "Trend"),
        (Family::Qihoo360, "360"),
    ];
    for (family, name) in families {
        let verdict = ias(&windows_10(vec![program(family, name)]));
        assert_eq!((verdict.status, &verdict.access), (Status::Compliant, &Access::Allow), "{name}");
    }
}

#[test]
fn a07_no_program_fails_and_all_admitted_ones_are_named() {
    let verdict = ias(&windows_10(vec![]));
    assert_eq!((verdict.status, &verdict.access), (Status::NonCompliant, &Access::Deny));
    let findings = verdict.findings();
    assert_eq!(findings[0].found, Found::Missing);
    assert_eq!(findings[0].outcome, Outcome::Failed);
    let Expected::OneOf { names } = &findings[0].expected else { panic!() };
    assert_eq!(names.len(), 11);
    assert!(names.contains(&named("ClamAV")) && names.contains(&named("360")));
}

#[test]
fn a07_old_definitions_fail_with_their_age() {
    let facts = windows_10(vec![old(program(Family::Eset, "ESET"))]);
    assert_eq!(refused(&facts), [(Check::AntivirusDefinitions, Found::Days { days: 30 })]);
    let facts = windows_10(vec![old(program(Family::Clamav, "ClamAV"))]);
    assert_eq!(refused(&facts), [(Check::AntivirusDefinitions, Found::Days { days: 30 })]);
}

#[test]
fn a07_of_two_programs_one_may_be_off() {
    let (on, off) = (program(Family::Sophos, "Sophos"), in_state(program(Family::Avg, "AVG"), RealTime::Off));
    for programs in [vec![on.clone(), off.clone()], vec![off.clone(), on]] {
        assert_eq!(ias(&windows_10(programs)).access, Access::Allow);
    }
    let off = (Check::Antivirus, Found::Off { name: Some(named("AVG")) });
    assert_eq!(refused(&windows_10(vec![in_state(program(Family::Avg, "AVG"), RealTime::Off)])), [off]);
}

#[test]
fn a_suite_that_is_listed_several_times_counts_by_the_row_that_is_on() {
    let row = |state| in_state(program(Family::Symantec, "Symantec"), state);
    let rows = vec![row(RealTime::Off), row(RealTime::On), row(RealTime::Expired)];
    assert_eq!(ias(&windows_10(rows)).access, Access::Allow);
    let mut off_and_current = row(RealTime::Off);
    off_and_current.definitions_at = known(days_ago(0));
    let rows = vec![off_and_current, old(row(RealTime::On))];
    assert_eq!(ias(&windows_10(rows)).access, Access::Deny, "one row must be all of it");
}

#[test]
fn a07_a_program_that_is_put_off_or_not_paid_for_does_not_protect() {
    let eset = |state| windows_10(vec![in_state(program(Family::Eset, "ESET"), state)]);
    let name = named("ESET");
    assert_eq!(
        refused(&eset(RealTime::Snoozed)),
        [(Check::Antivirus, Found::Snoozed { name: name.clone() })]
    );
    assert_eq!(refused(&eset(RealTime::Expired)), [(Check::Antivirus, Found::Expired { name })]);
}

#[test]
fn a07_a_program_that_is_not_listed_is_named() {
    let facts = windows_10(vec![program(Family::Defender, "Microsoft Defender")]);
    let other = Found::Other { name: named("Microsoft Defender") };
    assert_eq!(refused(&facts), [(Check::Antivirus, other)]);
}

#[test]
fn clamav_must_run_and_need_not_scan_as_files_are_used() {
    let mut clamav = program(Family::Clamav, "ClamAV");
    clamav.real_time = unavailable(Unavailable::NotDetected);
    clamav.definitions_current = unavailable(Unavailable::Unsupported);
    assert_eq!(ias(&windows_10(vec![clamav.clone()])).access, Access::Allow);
    clamav.running = known(false);
    let off = Found::Off { name: Some(named("ClamAV")) };
    assert_eq!(refused(&windows_10(vec![clamav.clone()])), [(Check::Antivirus, off)]);
    clamav.running = unavailable(Unavailable::TimedOut);
    let silent = Found::Unavailable { reason: Unavailable::TimedOut };
    assert_eq!(refused(&windows_10(vec![clamav])), [(Check::Antivirus, silent)]);
}

#[test]
fn a_program_without_a_date_is_believed_that_it_is_current() {
    let mut eset = program(Family::Eset, "ESET");
    eset.definitions_at = unavailable(Unavailable::NotDetected);
    assert_eq!(ias(&windows_10(vec![eset.clone()])).access, Access::Allow);
    eset.definitions_current = known(false);
    let findings = refused(&windows_10(vec![eset.clone()]));
    assert_eq!(findings, [(Check::AntivirusDefinitions, Found::Off { name: Some(named("ESET")) })]);
    eset.definitions_current = unavailable(Unavailable::PermissionDenied);
    assert_eq!(ias(&windows_10(vec![eset])).status, Status::Unknown);
}

#[test]
fn a_server_without_a_security_center_fails_where_nothing_else_tells() {
    let mut server = windows("2022");
    server.product = "windows-server".to_owned();
    server.server = true;
    let facts =
        HostFacts { antivirus: unavailable(Unavailable::Unsupported), ..good(server.clone(), vec![]) };
    let verdict = modern(&facts);
    assert_eq!((verdict.status, &verdict.access), (Status::Unknown, &Access::Deny));
    assert_eq!(verdict.findings().len(), 1);
    // The bureau's list names no servers either.
    let silent = Found::Unavailable { reason: Unavailable::Unsupported };
    let other = (Check::OperatingSystem, Found::Other { name: named(&server.title) });
    assert_eq!(refused(&facts), [other.clone(), (Check::Antivirus, silent)]);
    let by_service = good(server, vec![program(Family::Sophos, "Sophos")]);
    assert_eq!(modern(&by_service).status, Status::Compliant);
    assert_eq!(refused(&by_service), std::slice::from_ref(&other));
    // Services tell that a program runs, and no more.
    let mut mute = by_service;
    let Fact::Known { value, .. } = &mut mute.antivirus else { panic!() };
    value[0].real_time = unavailable(Unavailable::Unsupported);
    let silent = Found::Unavailable { reason: Unavailable::Unsupported };
    assert_eq!(refused(&mute), [other, (Check::Antivirus, silent)]);
}

#[test]
fn a23_a_machine_that_tells_nothing_fails_everything_at_once() {
    let verdict = ias(&HostFacts::none(NOW));
    assert_eq!((verdict.status, &verdict.access), (Status::Unknown, &Access::Deny));
    let checks: Vec<Check> = verdict.findings().iter().map(|finding| finding.check).collect();
    assert_eq!(checks, [Check::OperatingSystem, Check::Antivirus]);
    let verdict = modern(&HostFacts::none(NOW));
    assert_eq!(verdict.access, Access::Deny);
    assert!(verdict.results.iter().all(|result| result.consequence == Consequence::Failed));
}

#[test]
fn a05_every_listed_system_comes_in_with_a_warning_about_its_age() {
    for version in ["XP SP3", "Vista SP2", "7 SP1", "7", "8", "8.1", "10 22H2", "10 1809"] {
        let verdict = ias(&good(windows(version), vec![program(Family::Avg, "AVG")]));
        assert_eq!((verdict.status, &verdict.access), (Status::Compliant, &Access::Allow), "{version}");
        let findings = verdict.findings();
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].outcome, Outcome::Warning);
        assert!(matches!(&findings[0].found, Found::Unsupported { since: Some(_), .. }), "{version}");
    }
    let unlisted_release = ias(&good(windows("10"), vec![program(Family::Avg, "AVG")]));
    assert_eq!(unlisted_release.access, Access::Allow);
    assert_eq!(unlisted_release.findings()[0].outcome, Outcome::Warning, "its age is not known");
}

#[test]
fn a05_a_listed_system_past_its_end_can_be_refused() {
    let ias = crate::policy::IAS.replace("end_of_life = \"warn\"", "end_of_life = \"block\"");
    let facts = windows_10(vec![program(Family::Avg, "AVG")]);
    let verdict = judge(&Policy::from_toml(&ias).unwrap(), &facts);
    assert_eq!(verdict.access, Access::Deny);
    let since = Timestamp::from_secs(1_760_486_400);
    let found_there = Found::Unsupported { name: named("Windows 10 22H2 Pro"), since: Some(since) };
    assert_eq!(found(&verdict), [(Check::OperatingSystem, found_there)]);
}

#[test]
fn a05_a_system_that_is_not_listed_is_refused_by_name() {
    for os in [windows("11 24H2"), debian("13")] {
        let other = Found::Other { name: named(&os.title) };
        let facts = good(os, vec![program(Family::Avg, "AVG")]);
        assert_eq!(refused(&facts), [(Check::OperatingSystem, other)]);
    }
    let Expected::OneOf { names } = ias(&good(debian("13"), vec![])).findings()[0].expected.clone() else {
        panic!()
    };
    assert_eq!(names[0], named("Windows XP"));
    assert_eq!(names.len(), 6);
}

#[test]
fn a22_all_reasons_come_at_once() {
    let facts = HostFacts {
        os: known(debian("11")),
        antivirus: known(vec![]),
        firewall: known(Firewall { name: "ufw".to_owned(), on: false }),
        disk: known(Disk { encrypted_by: None }),
        last_update: known(days_ago(46)),
        screen_lock: known(ScreenLock { on: true, after: Some(901) }),
        ..HostFacts::none(NOW)
    };
    let verdict = modern(&facts);
    assert_eq!(verdict.status, Status::NonCompliant);
    assert_eq!(
        found(&verdict),
        [
            (
                Check::OperatingSystem,
                Found::Unsupported {
                    name: named("Debian GNU/Linux 11"),
                    since: Some("2026-08-31".parse::<crate::day::Day>().unwrap().end()),
                }
            ),
            (Check::Antivirus, Found::Missing),
            (Check::Firewall, Found::Off { name: Some(named("ufw")) }),
            (Check::DiskEncryption, Found::Off { name: None }),
            (Check::Updates, Found::Days { days: 46 }),
            (Check::ScreenLock, Found::Minutes { minutes: 16 }),
        ]
    );
}

fn macos() -> Os {
    Os {
        family: OsFamily::Macos,
        product: "macos".to_owned(),
        title: "macOS 26".to_owned(),
        version: "26".to_owned(),
        ..debian("")
    }
}

#[test]
fn todays_machines_are_what_the_modern_policy_asks() {
    for os in [debian("13"), debian("12"), windows("11 25H2")] {
        let verdict = modern(&good(os.clone(), vec![program(Family::Defender, "Defender")]));
        assert_eq!((verdict.status, verdict.findings()), (Status::Compliant, vec![]), "{}", os.title);
    }
    let mut xprotect = program(Family::Xprotect, "XProtect");
    xprotect.real_time = unavailable(Unavailable::NotApplicable);
    xprotect.definitions_at = unavailable(Unavailable::NotApplicable);
    xprotect.definitions_current = unavailable(Unavailable::NotApplicable);
    let mac = good(macos(), vec![xprotect]);
    assert_eq!(modern(&mac).status, Status::Compliant);
    let open = HostFacts { system_integrity: known(false), gatekeeper: known(false), ..mac };
    let off = |check| (check, Found::Off { name: None });
    assert_eq!(found(&modern(&open)), [off(Check::SystemIntegrity), off(Check::Gatekeeper)]);
    let mut unread = good(debian("13"), vec![program(Family::Clamav, "ClamAV")]);
    unread.screen_lock = unavailable(Unavailable::Unsupported);
    let verdict = modern(&unread);
    assert_eq!(verdict.access, Access::Allow, "a lock that is the person's own setting is theirs to tell");
    assert_eq!(
        verdict.findings().iter().map(|finding| finding.outcome).collect::<Vec<_>>(),
        [Outcome::Warning]
    );
    let past = modern(&good(windows("10 22H2"), vec![program(Family::Defender, "Defender")]));
    assert_eq!(past.access, Access::Deny, "paid support cannot be seen");
}
