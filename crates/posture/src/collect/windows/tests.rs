//! Windows machines from exports of their registry and from what WMI would tell.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use praya_model::Timestamp;

use super::antivirus::antivirus;
use super::{Listed, Once, Provider, Row, System, VERSION, settings, system_drive};
use crate::collect::machine::Machine;
use crate::facts::{Antivirus, Fact, Family, RealTime, Unavailable};

const NOW: Timestamp = Timestamp::from_secs(1_791_440_640);
const TOLD: Timestamp = Timestamp::from_secs(1_791_354_240);
const DAY: Timestamp = Timestamp::from_secs(1_791_331_200);

/// Longer than any of these tests waits, so that only what hangs can be late.
const LONG: Duration = Duration::from_secs(30);

/// An export of a registry, the answers of WMI by class, and those of Security Center's own interface; those that it does
/// not have are not there.
#[derive(Clone)]
struct Export {
    registry: BTreeMap<String, Row>,
    classes: BTreeMap<&'static str, Answer>,
    center: BTreeMap<Provider, Answer<Listed>>,
    asked: Arc<Mutex<Vec<String>>>,
}

#[derive(Clone)]
enum Answer<T = Row> {
    Rows(Vec<T>),
    Fails(Unavailable),
    Hangs,
}

impl<T: Clone> Answer<T> {
    fn tell(&self) -> Result<Vec<T>, Unavailable> {
        match self {
            Self::Rows(rows) => Ok(rows.clone()),
            Self::Fails(reason) => Err(*reason),
            Self::Hangs => loop {
                thread::park();
            },
        }
    }
}

impl Export {
    fn of(name: &str) -> Self {
        let mut registry: BTreeMap<String, Row> = BTreeMap::new();
        let mut key = String::new();
        for line in crate::decode::tests::fixture(&format!("windows/{name}")).lines() {
            if let Some(path) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
                path.strip_prefix(r"HKEY_LOCAL_MACHINE\").unwrap().clone_into(&mut key);
            } else if let Some((name, value)) = line.split_once('=') {
                let value = match value.strip_prefix("dword:") {
                    Some(number) => u32::from_str_radix(number, 16).unwrap().to_string(),
                    None if value.starts_with('"') => value.trim_matches('"').replace(r"\\", r"\"),
                    None => continue,
                };
                let row = registry.entry(key.clone()).or_default();
                row.insert(name.trim_matches('"').to_owned(), value);
            }
        }
        Self { registry, classes: BTreeMap::new(), center: BTreeMap::new(), asked: Arc::default() }
    }

    fn set(mut self, key: &str, name: &str, value: &str) -> Self {
        self.registry.entry(key.to_owned()).or_default().insert(name.to_owned(), value.to_owned());
        self
    }

    fn without(mut self, key: &str) -> Self {
        self.registry.retain(|path, _| !path.starts_with(key));
        self
    }

    fn class(mut self, class: &'static str, rows: &[&[(&str, &str)]]) -> Self {
        let text = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let rows = rows.iter().map(|row| row.iter().map(text).collect()).collect();
        self.classes.insert(class, Answer::Rows(rows));
        self
    }

    fn answer(mut self, class: &'static str, answer: Answer) -> Self {
        self.classes.insert(class, answer);
        self
    }

    /// What Security Center's own interface lists: names, states and the status of their signatures.
    fn center(mut self, provider: Provider, rows: &[(&str, i32, i32)]) -> Self {
        let row = |&(name, state, signatures): &(&str, i32, i32)| Listed {
            name: name.to_owned(),
            state,
            signatures: Some(signatures),
            remedy: Some(if name.starts_with("Windows") { "firewall.cpl" } else { "theirs.exe" }.to_owned()),
        };
        self.center.insert(provider, Answer::Rows(rows.iter().map(row).collect()));
        Self { asked: Arc::default(), ..self }
    }

    fn center_answers(mut self, provider: Provider, answer: Answer<Listed>) -> Self {
        self.center.insert(provider, answer);
        self
    }

    /// Whether this class, or Security Center's own interface, was asked, ever.
    fn was_asked(&self, wanted: &str) -> bool {
        self.asked.lock().unwrap().iter().any(|asked| asked == wanted)
    }

    fn antivirus(&self) -> Vec<Antivirus> {
        self.antivirus_within(LONG)
    }

    fn antivirus_within(&self, limit: Duration) -> Vec<Antivirus> {
        let found = antivirus(&machine(limit), self, true);
        found.value().expect("the registry can be read").clone()
    }
}

impl System for Export {
    fn values(&self, key: &str) -> Result<Row, Unavailable> {
        self.registry.get(key).cloned().ok_or(Unavailable::NotDetected)
    }

    fn keys(&self, key: &str) -> Result<Vec<String>, Unavailable> {
        let inside = self.registry.keys().filter_map(|path| path.strip_prefix(key)?.strip_prefix('\\'));
        let mut keys: Vec<String> =
            inside.filter_map(|path| path.split('\\').next()).map(str::to_owned).collect();
        keys.dedup();
        if keys.is_empty() { Err(Unavailable::NotDetected) } else { Ok(keys) }
    }

    fn rows(&self, _namespace: &str, query: &str) -> Result<Vec<Row>, Unavailable> {
        let class = query.split_once("FROM ").unwrap().1.split(' ').next().unwrap();
        self.asked.lock().unwrap().push(class.to_owned());
        self.classes.get(class).map_or(Err(Unavailable::NotDetected), Answer::tell)
    }

    fn products(&self, provider: Provider) -> Result<Vec<Listed>, Unavailable> {
        self.asked.lock().unwrap().push(format!("{provider:?}"));
        self.center.get(&provider).map_or(Err(Unavailable::NotDetected), Answer::tell)
    }
}

fn machine(limit: Duration) -> Machine {
    Machine::at(Path::new("/nowhere"), NOW, limit)
}

fn workstation() -> Export {
    Export::of("workstation.reg").class("Win32_Service", &[&[("Name", "MpsSvc"), ("State", "Running")]])
}

fn server() -> Export {
    Export::of("server.reg")
}

fn known<T: Clone>(fact: &Fact<T>) -> Result<T, Unavailable> {
    fact.value().cloned()
}

fn of(family: Family, products: &[Antivirus]) -> &Antivirus {
    products.iter().find(|one| one.family == family).unwrap_or_else(|| panic!("{family:?}: {products:?}"))
}

#[test]
fn which_windows_it_is() {
    let (os, _) = settings::os(&workstation()).unwrap();
    assert_eq!(
        (os.title.as_str(), os.version.as_str(), os.build.as_str()),
        ("Windows 11 Pro", "11 24H2", "26100.2033")
    );
    let (os, _) = settings::os(&server()).unwrap();
    assert_eq!((os.product.as_str(), os.version.as_str(), os.server), ("windows-server", "2022", true));
}

#[test]
fn the_firewall_is_on_in_every_profile_and_its_service_runs() {
    let firewall = |export: &Export| settings::firewall(&machine(LONG), export).map(|(found, _)| found);
    let on = firewall(&workstation()).unwrap();
    assert_eq!((on.name.as_str(), on.on), ("Windows Firewall", true));
    let stopped = workstation().class("Win32_Service", &[&[("Name", "MpsSvc"), ("State", "Stopped")]]);
    assert!(!firewall(&stopped).unwrap().on);
    let unknown = workstation().answer("Win32_Service", Answer::Fails(Unavailable::PermissionDenied));
    assert_eq!(firewall(&unknown), Err(Unavailable::PermissionDenied));
    let gone = workstation().without(r"SYSTEM\CurrentControlSet\Services\SharedAccess");
    assert_eq!(firewall(&gone), Err(Unavailable::NotDetected));
}

#[test]
fn group_policy_comes_before_what_is_set_on_the_machine() {
    let firewall = |export: &Export| settings::firewall(&machine(LONG), export).unwrap().0.on;
    let managed = server().class("Win32_Service", &[&[("State", "Running")]]);
    assert!(firewall(&managed));
    assert!(!firewall(&managed.without(r"SOFTWARE\Policies")));
    let off = workstation().set(
        r"SOFTWARE\Policies\Microsoft\WindowsFirewall\PublicProfile",
        "EnableFirewall",
        "0",
    );
    assert!(!firewall(&off));
}

#[test]
fn another_makers_firewall_counts_when_security_center_lists_it_as_on() {
    let off = workstation().class("Win32_Service", &[]);
    let theirs = |state| {
        off.clone().class("FirewallProduct", &[&[("displayName", "Theirs"), ("productState", state)]])
    };
    let firewall = |export: &Export| settings::firewall(&machine(LONG), export).unwrap().0;
    assert_eq!(firewall(&theirs("266240")).name, "Theirs");
    assert!(firewall(&theirs("266240")).on && !firewall(&theirs("262144")).on);
    assert!(!firewall(&theirs("397568")).on, "Windows' own is what its profiles say");
    let late = off.clone().answer("FirewallProduct", Answer::Hangs);
    let found = settings::firewall(&machine(Duration::from_millis(300)), &late).unwrap().0;
    assert!(!found.on);

    // Its own interface comes first, and lists Windows' own, which the profiles tell more of.
    let own = ("Windows Firewall", 0, 1);
    let listed = |rows: &[(&str, i32, i32)]| theirs("266240").center(Provider::Firewall, rows);
    assert_eq!(firewall(&listed(&[own, ("Kaspersky", 0, 1)])).name, "Kaspersky");
    for off in [listed(&[own]), listed(&[own, ("Kaspersky", 1, 1)])] {
        assert!(!firewall(&off).on);
        assert!(!off.was_asked("FirewallProduct"));
    }
    for silent in [
        listed(&[]),
        theirs("266240").center_answers(Provider::Firewall, Answer::Fails(Unavailable::Malformed)),
        theirs("266240").center_answers(Provider::Firewall, Answer::Hangs),
    ] {
        assert_eq!(firewall(&silent).name, "Theirs");
    }
}

#[test]
fn the_system_drive() {
    let volume = |status| workstation().class("Win32_EncryptableVolume", &[&[("ProtectionStatus", status)]]);
    let encrypted = |export: &Export| settings::disk(export).map(|(disk, _)| disk.encrypted_by);
    assert_eq!(encrypted(&volume("1")).unwrap().as_deref(), Some("BitLocker"));
    assert_eq!(encrypted(&volume("0")), Ok(None));
    assert_eq!(encrypted(&volume("2")), Err(Unavailable::Malformed));
    assert_eq!(encrypted(&workstation()), Err(Unavailable::NotDetected));
    let denied =
        workstation().answer("Win32_EncryptableVolume", Answer::Fails(Unavailable::PermissionDenied));
    assert_eq!(encrypted(&denied), Err(Unavailable::PermissionDenied));
    let elsewhere = workstation().set(VERSION, "SystemRoot", r"D:\Windows");
    assert_eq!(system_drive(&elsewhere).as_deref(), Ok("D:"));
    for root in ["", "C", "\\\\?\\C:", "é:\\Windows", "':"] {
        let odd = volume("1").set(VERSION, "SystemRoot", root);
        assert_eq!(encrypted(&odd), Err(Unavailable::Malformed), "{root}");
    }
}

#[test]
fn the_last_update_that_is_installed() {
    let updated = |export: &Export| settings::last_update(&machine(LONG), export);
    assert_eq!(updated(&workstation()), Ok((TOLD, "registry: Component Based Servicing")));
    let fixes = server().class(
        "Win32_QuickFixEngineering",
        &[&[("InstalledOn", "9/3/2026")], &[("InstalledOn", "10/7/2026")], &[("InstalledOn", "")], &[]],
    );
    assert_eq!(updated(&fixes), Ok((DAY, "Win32_QuickFixEngineering")));
    let future = server().class("Win32_QuickFixEngineering", &[&[("InstalledOn", "12/7/2026")]]);
    assert_eq!(updated(&future), Err(Unavailable::NotDetected));
    assert_eq!(updated(&server()), Err(Unavailable::NotDetected));
}

#[test]
fn what_failed_to_start_is_started_again_and_what_started_is_not() {
    let once = Once::default();
    let mut tries = 0;
    for starts in [false, false, true, true, false] {
        let start = || {
            tries += 1;
            if starts { Ok(()) } else { Err("RPCSS does not run") }
        };
        assert_eq!(once.done(start).is_ok(), tries >= 3);
    }
    assert_eq!(tries, 3);
}

#[test]
fn the_updates_that_are_installed() {
    let class = "Win32_QuickFixEngineering";
    let rows: &[&[_]] =
        &[&[("HotFixID", "KB5044284")], &[("HotFixID", "File 1")], &[("HotFixID", "KB5043080")]];
    let listed = |export: &Export| settings::hotfixes(export).map(|(names, _)| names.join(" "));
    assert_eq!(listed(&server().class(class, rows)).as_deref(), Ok("KB5043080 KB5044284"));
    assert_eq!(listed(&server().class(class, &[])).as_deref(), Ok(""));
    let late = server().answer(class, Answer::Fails(Unavailable::TimedOut));
    assert_eq!(listed(&late), Err(Unavailable::TimedOut));
}

#[test]
fn the_screen_lock_and_the_firmware() {
    let (lock, _) = settings::screen_lock(&workstation()).unwrap();
    assert_eq!((lock.on, lock.after), (true, Some(900)));
    let personal = workstation().set(
        r"SOFTWARE\Microsoft\Windows\CurrentVersion\Policies\System",
        "InactivityTimeoutSecs",
        "0",
    );
    for export in [&server(), &personal] {
        assert_eq!(settings::screen_lock(export), Err(Unavailable::Unsupported));
    }
    let state = r"SYSTEM\CurrentControlSet\Control\SecureBoot\State";
    let signed = |export: &Export| settings::secure_boot(export).map(|(on, _)| on);
    assert_eq!(signed(&workstation()), Ok(true));
    assert_eq!(signed(&workstation().set(state, "UEFISecureBootEnabled", "0")), Ok(false));
    assert_eq!(signed(&workstation().set(state, "UEFISecureBootEnabled", "2")), Err(Unavailable::Malformed));
    assert_eq!(signed(&workstation().without(state)), Err(Unavailable::NotDetected));
    assert_eq!(signed(&server()), Err(Unavailable::NotApplicable));
}

const KASPERSKY_ON: &[(&str, &str)] =
    &[("displayName", "Kaspersky Endpoint Security for Windows"), ("productState", "266240")];
const KASPERSKY_OFF: &[(&str, &str)] =
    &[("displayName", "Kaspersky Endpoint Security for Windows"), ("productState", "262144")];
const DEFENDER_ON: &[(&str, &str)] = &[("displayName", "Windows Defender"), ("productState", "397568")];
const DEFENDER_OFF: &[(&str, &str)] = &[("displayName", "Windows Defender"), ("productState", "393472")];
const STATUS: &[(&str, &str)] = &[
    ("AMProductVersion", "4.18.26080.7"),
    ("AMRunningMode", "Normal"),
    ("AntivirusEnabled", "true"),
    ("AntivirusSignatureLastUpdated", "20261007062400.000000+000"),
    ("AntivirusSignatureVersion", "1.439.210.0"),
    ("RealTimeProtectionEnabled", "true"),
];

#[test]
fn security_center_lists_the_programs_and_the_registry_tells_the_rest() {
    let products =
        workstation().class("AntiVirusProduct", &[KASPERSKY_OFF, KASPERSKY_ON, DEFENDER_OFF]).antivirus();
    assert_eq!(products.len(), 2, "a suite that is listed twice is one: {products:?}");
    let kaspersky = of(Family::Kaspersky, &products);
    assert_eq!((known(&kaspersky.running), known(&kaspersky.real_time)), (Ok(true), Ok(RealTime::On)));
    assert_eq!(known(&kaspersky.version).as_deref(), Ok("12.6.0.438"));
    assert_eq!(known(&kaspersky.definitions_at), Ok(TOLD));
    assert_eq!(known(&kaspersky.definitions_current), Ok(true));
    let defender = of(Family::Defender, &products);
    assert_eq!((known(&defender.running), known(&defender.real_time)), (Ok(false), Ok(RealTime::Off)));
    assert_eq!(known(&defender.definitions_version).as_deref(), Ok("1.439.210.0"));
}

#[test]
fn security_centers_own_interface_comes_before_wmi() {
    let kaspersky = ("Kaspersky Endpoint Security for Windows", 0, 0);
    let export = || workstation().class("AntiVirusProduct", &[KASPERSKY_OFF]);
    let listed = export().center(Provider::Antivirus, &[kaspersky, ("Windows Defender", 1, 1)]);
    let products = listed.antivirus();
    let found = of(Family::Kaspersky, &products);
    assert_eq!((known(&found.running), known(&found.real_time)), (Ok(true), Ok(RealTime::On)));
    assert_eq!(known(&found.definitions_current), Ok(false));
    assert_eq!(known(&found.version).as_deref(), Ok("12.6.0.438"));
    let Fact::Known { source, .. } = &found.real_time else { panic!("{found:?}") };
    assert_eq!(source, "IWSCProductList");
    assert!(listed.was_asked("Antivirus") && !listed.was_asked("AntiVirusProduct"));
    assert!(!listed.was_asked("MSFT_MpComputerStatus"), "Defender rests beside another program");

    for silent in [
        export(),
        export().center(Provider::Antivirus, &[]),
        export().center_answers(Provider::Antivirus, Answer::Fails(Unavailable::Malformed)),
        export().center_answers(Provider::Antivirus, Answer::Hangs),
    ] {
        assert_eq!(known(&of(Family::Kaspersky, &silent.antivirus()).real_time), Ok(RealTime::Off));
        assert!(silent.was_asked("Antivirus") && silent.was_asked("AntiVirusProduct"));
    }
}

#[test]
fn defender_is_asked_where_no_other_program_is_on() {
    let export = || workstation().class("MSFT_MpComputerStatus", &[STATUS]);
    let real_time = |export: &Export| known(&of(Family::Defender, &export.antivirus()).real_time);
    for alone in [
        export().class("AntiVirusProduct", &[DEFENDER_ON]),
        export().class("AntiVirusProduct", &[DEFENDER_OFF]),
        export().class("AntiVirusProduct", &[KASPERSKY_OFF, DEFENDER_OFF]),
        export().class("AntiVirusProduct", &[KASPERSKY_ON, DEFENDER_ON]),
        // Not listed, and there all the same.
        export().class("AntiVirusProduct", &[KASPERSKY_OFF]),
    ] {
        assert_eq!(real_time(&alone), Ok(RealTime::On));
    }
    for beside in [&[KASPERSKY_ON][..], &[KASPERSKY_ON, DEFENDER_OFF]] {
        let beside = export().class("AntiVirusProduct", beside);
        assert_eq!(known(&of(Family::Kaspersky, &beside.antivirus()).real_time), Ok(RealTime::On));
        assert!(!beside.was_asked("MSFT_MpComputerStatus"));
    }
    let gone = workstation().class("AntiVirusProduct", &[KASPERSKY_OFF]).antivirus();
    assert!(gone.iter().all(|one| one.family != Family::Defender), "{gone:?}");
}

#[test]
fn defenders_own_word_counts_and_without_it_nothing_is_claimed() {
    let center = workstation().class("AntiVirusProduct", &[DEFENDER_ON]);
    let real_time = |export: &Export| known(&of(Family::Defender, &export.antivirus()).real_time);
    let confirmed = center.clone().class("MSFT_MpComputerStatus", &[STATUS]);
    assert_eq!(real_time(&confirmed), Ok(RealTime::On));
    assert_eq!(known(&of(Family::Defender, &confirmed.antivirus()).definitions_at), Ok(TOLD));
    let unwatched = [("AntivirusEnabled", "true"), ("RealTimeProtectionEnabled", "false")];
    let unwatched = center.clone().class("MSFT_MpComputerStatus", &[&unwatched]);
    assert_eq!(real_time(&unwatched), Ok(RealTime::Off));
    // Before Windows 8 there is no such class.
    assert_eq!(real_time(&center), Ok(RealTime::On));
    for reason in [Unavailable::PermissionDenied, Unavailable::Malformed] {
        let silent = center.clone().answer("MSFT_MpComputerStatus", Answer::Fails(reason));
        assert_eq!(real_time(&silent), Err(reason));
    }
}

#[test]
fn a_class_that_never_answers_takes_nothing_else_with_it() {
    let soon = Duration::from_millis(300);
    let export = workstation()
        .class("AntiVirusProduct", &[DEFENDER_ON, KASPERSKY_ON])
        .answer("MSFT_MpComputerStatus", Answer::Hangs);
    let products = export.antivirus_within(soon);
    assert_eq!(known(&of(Family::Defender, &products).real_time), Err(Unavailable::TimedOut));
    assert_eq!(known(&of(Family::Kaspersky, &products).real_time), Ok(RealTime::On));
    // It has a limit of its own, whatever time there is.
    let begun = Instant::now();
    assert_eq!(known(&of(Family::Defender, &export.antivirus()).real_time), Err(Unavailable::TimedOut));
    assert!(begun.elapsed() < LONG);
    // Where Defender rests beside another program nobody waits for it.
    let beside = export.class("AntiVirusProduct", &[DEFENDER_OFF, KASPERSKY_ON]).antivirus();
    assert_eq!(known(&of(Family::Defender, &beside).real_time), Ok(RealTime::Off));
}

#[test]
fn a_server_without_security_center_tells_by_what_is_installed_and_runs() {
    let services: &[&[(&str, &str)]] = &[
        &[("Name", "ekrn"), ("PathName", r#""C:\Program Files\ESET\ESET Security\ekrn.exe""#)],
        &[("Name", "Sophos MCS Client"), ("PathName", r"C:\Program Files\Sophos\McsClient.exe")],
    ];
    let server = server().class("Win32_Service", services).class("MSFT_MpComputerStatus", &[STATUS]);
    let products = server.antivirus();
    assert_eq!(products.len(), 3, "{products:?}");
    let eset = of(Family::Eset, &products);
    assert_eq!((known(&eset.running), known(&eset.version).as_deref()), (Ok(true), Ok("11.1.12005.0")));
    assert_eq!(known(&eset.real_time), Err(Unavailable::Unsupported));
    assert_eq!(known(&eset.definitions_at), Ok(DAY));
    assert_eq!(known(&of(Family::Sophos, &products).running), Ok(false), "an agent is no scanner");
    assert_eq!(server.clone().class("AntiVirusProduct", &[]).antivirus(), products);
    assert_eq!(known(&of(Family::Defender, &products).real_time), Ok(RealTime::On));
    // Another maker's name of a service, by its program.
    let named = server
        .clone()
        .class("Win32_Service", &[&[("Name", "theirs"), ("PathName", r"C:\Program Files\ESET\ekrn.exe -r")]]);
    assert_eq!(known(&of(Family::Eset, &named.antivirus()).running), Ok(true));
    let denied = server.answer("Win32_Service", Answer::Fails(Unavailable::PermissionDenied));
    assert_eq!(known(&of(Family::Eset, &denied.antivirus()).running), Err(Unavailable::PermissionDenied));
}

#[test]
fn a_security_center_that_does_not_answer_is_no_proof_that_there_is_nothing() {
    let empty = server().without(r"SOFTWARE\Microsoft\Windows\CurrentVersion\Uninstall");
    let empty = empty.without(r"SOFTWARE\WOW6432Node");
    assert_eq!(empty.antivirus(), []);
    let denied = empty.answer("AntiVirusProduct", Answer::Fails(Unavailable::PermissionDenied));
    assert_eq!(antivirus(&machine(LONG), &denied, true).value(), Err(Unavailable::PermissionDenied));
}

#[test]
fn a_server_whose_defender_does_not_answer_or_is_not_installed() {
    let services: &[&[(&str, &str)]] = &[&[("Name", "WinDefend"), ("PathName", r"C:\x\MsMpEng.exe")]];
    let server = server().class("Win32_Service", services);
    assert!(server.antivirus().iter().all(|one| one.family != Family::Defender));
    let denied = server.answer("MSFT_MpComputerStatus", Answer::Fails(Unavailable::PermissionDenied));
    let products = denied.antivirus();
    let defender = of(Family::Defender, &products);
    assert_eq!(known(&defender.running), Ok(true));
    assert_eq!(known(&defender.real_time), Err(Unavailable::PermissionDenied));
}

#[test]
fn definitions_where_each_maker_keeps_them() {
    let product = |name: &'static str| [("displayName", name), ("productState", "266240")];
    for (name, key, value, written, expected) in [
        ("McAfee VirusScan", r"SOFTWARE\McAfee\AVEngine", "AVDatVersion", "5321", "5321"),
        (
            "Avira Antivirus",
            r"SOFTWARE\WOW6432Node\Avira\Antivirus",
            "VdfVersion",
            "8.20.60.158",
            "8.20.60.158",
        ),
        (
            "Trend Micro Apex One",
            r"SOFTWARE\WOW6432Node\TrendMicro\PC-cillinNTCorp\CurrentVersion\Misc.",
            "InternalNonCrcPatternVer",
            "2012300",
            "20.123.00",
        ),
    ] {
        let found =
            server().set(key, value, written).class("AntiVirusProduct", &[&product(name)]).antivirus();
        assert_eq!(known(&found[0].definitions_version).as_deref(), Ok(expected), "{name}");
    }
    let folder = tempfile::tempdir().unwrap();
    let data = "ProgramData/Symantec/Symantec Endpoint Protection/CurrentVersion/Data/Definitions/SDSDefs";
    std::fs::create_dir_all(folder.path().join(data)).unwrap();
    std::fs::write(folder.path().join(data).join("definfo.dat"), "[DefDates]\r\nCurDefs=20261007.001\r\n")
        .unwrap();
    let symantec = server().class("AntiVirusProduct", &[&product("Symantec Endpoint Protection")]);
    let found = antivirus(&Machine::at(folder.path(), NOW, LONG), &symantec, true);
    let found = &found.value().unwrap()[0];
    assert_eq!(known(&found.definitions_version).as_deref(), Ok("20261007.001"));
    assert_eq!(known(&found.definitions_at), Ok(DAY));
    let unasked = antivirus(&machine(LONG), &symantec, false);
    assert_eq!(known(&unasked.value().unwrap()[0].definitions_at), Err(Unavailable::NotAsked));
}
