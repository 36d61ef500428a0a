//! A report as the person sees it whose machine it is about.

use praya_model::posture::Check;
use praya_model::reported::{About, MAX_FACTS, Reported, ReportedFact, ReportedItem, Value};

use crate::facts::{Antivirus, Disk, Fact, Firewall, HostFacts, Os, RealTime, ScreenLock, Unavailable};
use crate::support::SupportTable;

/// `facts` without what nobody asked for, and with the end of the system's support where `table` knows it.
pub fn reported(facts: &HostFacts, table: &SupportTable) -> Reported {
    // Every field by its name, so that a new one cannot be forgotten.
    let HostFacts {
        schema: _,
        collected_at,
        os,
        antivirus,
        firewall,
        disk,
        last_update,
        hotfixes,
        screen_lock,
        secure_boot,
        system_integrity,
        gatekeeper,
    } = facts;
    let mut all = Vec::new();
    let mut add = |check, items: Option<Vec<ReportedItem>>| {
        all.extend(items.map(|items| ReportedFact { check, items }));
    };
    let support = os.value().map(|os| support(os, table)).into_iter().flatten();
    add(Check::OperatingSystem, whole(os, self::os).map(|items| items.into_iter().chain(support).collect()));
    match antivirus {
        Fact::Known { value: products, .. } if !products.is_empty() => {
            products.iter().for_each(|one| add(Check::Antivirus, Some(product(one))));
        }
        Fact::Known { .. } | Fact::Unavailable { .. } => {
            add(Check::Antivirus, whole(antivirus, |_| vec![item(None, Value::Missing)]));
        }
    }
    add(Check::Firewall, whole(firewall, self::firewall));
    add(Check::DiskEncryption, whole(disk, self::disk));
    add(Check::Updates, whole(last_update, |at| vec![item(None, Value::Instant { at: *at })]));
    add(Check::Hotfixes, whole(hotfixes, |all| vec![item(None, self::hotfixes(all))]));
    add(Check::ScreenLock, whole(screen_lock, self::screen_lock));
    for (check, fact) in [
        (Check::SecureBoot, secure_boot),
        (Check::SystemIntegrity, system_integrity),
        (Check::Gatekeeper, gatekeeper),
    ] {
        add(check, whole(fact, |on| vec![item(None, state(*on))]));
    }
    all.truncate(MAX_FACTS);
    Reported { at: *collected_at, facts: all }
}

/// The items of a fact, all read at one place; nothing for one that was not asked for.
fn whole<T>(fact: &Fact<T>, items: impl FnOnce(&T) -> Vec<ReportedItem>) -> Option<Vec<ReportedItem>> {
    match fact {
        Fact::Known { value, source, .. } => {
            let items = items(value).into_iter();
            Some(items.map(|item| ReportedItem { source: Some(source.clone()), ..item }).collect())
        }
        Fact::Unavailable { reason: Unavailable::NotAsked } => None,
        Fact::Unavailable { reason } => Some(vec![item(None, Value::Unavailable { reason: *reason })]),
    }
}

/// As [`whole`], for a fact that is itself an item.
fn part<T>(about: About, fact: &Fact<T>, value: impl FnOnce(&T) -> Value) -> Option<ReportedItem> {
    let item = whole(fact, |read| vec![item(Some(about), value(read))])?.pop()?;
    Some(ReportedItem { about: Some(about), ..item })
}

fn item(about: Option<About>, value: Value) -> ReportedItem {
    ReportedItem { about, value, source: None }
}

fn text(text: &str) -> Value {
    Value::Text { text: text.to_owned() }
}

fn yes(holds: bool) -> Value {
    if holds { Value::Yes } else { Value::No }
}

fn state(on: bool) -> Value {
    if on { Value::On } else { Value::Off }
}

fn os(Os { family: _, product: _, title, version, build, edition, server, arch }: &Os) -> Vec<ReportedItem> {
    let texts = [
        (About::Name, title.as_str()),
        (About::Version, version),
        (About::Build, build),
        (About::Edition, edition.as_deref().unwrap_or_default()),
        (About::Architecture, arch),
    ];
    let known = texts.into_iter().filter(|(_, known)| !known.is_empty());
    let server = item(Some(About::Server), yes(*server));
    known.map(|(about, known)| item(Some(about), text(known))).chain([server]).collect()
}

fn support(os: &Os, table: &SupportTable) -> impl Iterator<Item = ReportedItem> {
    let support = table.of(os);
    let ends = support.and_then(|support| support.ends).map(|day| (About::SupportEnds, day));
    let paid = support.and_then(|support| support.extended).map(|day| (About::PaidSupportEnds, day));
    ends.into_iter().chain(paid).map(|(about, day)| item(Some(about), text(&day.to_string())))
}

fn product(product: &Antivirus) -> Vec<ReportedItem> {
    let Antivirus {
        family: _,
        name,
        version,
        engine_version,
        installed,
        running,
        real_time,
        definitions_version,
        definitions_at,
        definitions_current,
    } = product;
    let parts = [
        Some(item(Some(About::Name), text(name))),
        part(About::Version, version, |version| text(version)),
        part(About::EngineVersion, engine_version, |version| text(version)),
        part(About::Installed, installed, |holds| yes(*holds)),
        part(About::Running, running, |holds| yes(*holds)),
        part(About::RealTime, real_time, |state| match state {
            RealTime::On => Value::On,
            RealTime::Off => Value::Off,
            RealTime::Snoozed => Value::Snoozed,
            RealTime::Expired => Value::Expired,
        }),
        part(About::DefinitionsVersion, definitions_version, |version| text(version)),
        part(About::DefinitionsAt, definitions_at, |at| Value::Instant { at: *at }),
        part(About::DefinitionsCurrent, definitions_current, |holds| yes(*holds)),
    ];
    parts.into_iter().flatten().collect()
}

fn hotfixes(all: &[String]) -> Value {
    if all.is_empty() { Value::Missing } else { text(&all.join(", ")) }
}

fn firewall(Firewall { name, on }: &Firewall) -> Vec<ReportedItem> {
    vec![item(None, state(*on)), item(Some(About::Name), text(name))]
}

fn disk(Disk { encrypted_by }: &Disk) -> Vec<ReportedItem> {
    let by = encrypted_by.iter().map(|by| item(Some(About::Name), text(by)));
    std::iter::once(item(None, state(encrypted_by.is_some()))).chain(by).collect()
}

fn screen_lock(ScreenLock { on, after }: &ScreenLock) -> Vec<ReportedItem> {
    let after =
        after.iter().map(|seconds| item(Some(About::LocksAfter), Value::Seconds { seconds: *seconds }));
    std::iter::once(item(None, state(*on))).chain(after).collect()
}

#[cfg(test)]
mod tests {
    use praya_model::Timestamp;

    use super::*;
    use crate::facts::{Family, OsFamily};

    const NOW: Timestamp = Timestamp::from_secs(1_795_000_000);

    fn antivirus(name: &str) -> Antivirus {
        Antivirus {
            family: Family::Clamav,
            name: name.into(),
            version: Fact::known("1.4.3".into(), "dpkg", NOW),
            engine_version: Fact::unavailable(Unavailable::NotAsked),
            installed: Fact::known(true, "dpkg", NOW),
            running: Fact::known(false, "/proc", NOW),
            real_time: Fact::unavailable(Unavailable::Unsupported),
            definitions_version: Fact::known("27500".into(), "clamd", NOW),
            definitions_at: Fact::known(NOW, "clamd", NOW),
            definitions_current: Fact::unavailable(Unavailable::NotAsked),
        }
    }

    fn facts() -> HostFacts {
        let os = Os {
            family: OsFamily::Linux,
            product: "debian".into(),
            title: "Debian GNU/Linux 12 (bookworm)".into(),
            version: "12".into(),
            build: "6.1.0-31-amd64".into(),
            edition: None,
            server: false,
            arch: "x86_64".into(),
        };
        HostFacts {
            os: Fact::known(os, "/etc/os-release", NOW),
            antivirus: Fact::known(vec![antivirus("ClamAV"), antivirus("Other")], "/proc", NOW),
            disk: Fact::known(Disk { encrypted_by: None }, "lsblk", NOW),
            screen_lock: Fact::unavailable(Unavailable::PermissionDenied),
            ..HostFacts::none(NOW)
        }
    }

    fn table() -> SupportTable {
        let text = "schema = 1\nas_of = 2026-11-01\n[systems.debian]\n12 = 2026-06-10\n";
        SupportTable::from_toml(text).unwrap()
    }

    type Told = (Option<About>, Value);

    fn told(facts: &HostFacts) -> Vec<(Check, Vec<Told>)> {
        let pairs =
            |items: Vec<ReportedItem>| items.into_iter().map(|item| (item.about, item.value)).collect();
        let facts = reported(facts, &table()).facts.into_iter();
        facts.map(|fact| (fact.check, pairs(fact.items))).collect()
    }

    #[test]
    fn what_was_asked_is_told_with_its_values_and_what_was_not_is_not() {
        let told = told(&facts());
        let checks: Vec<Check> = told.iter().map(|(check, _)| *check).collect();
        let two = [Check::Antivirus, Check::Antivirus];
        assert_eq!(checks[1..3], two, "each program is one");
        assert_eq!(
            [checks[0], checks[3], checks[4]],
            [Check::OperatingSystem, Check::DiskEncryption, Check::ScreenLock]
        );
        assert_eq!(checks.len(), 5);
        let of =
            |fact: usize, about| told[fact].1.iter().find(|(of, _)| *of == about).map(|(_, value)| value);
        assert_eq!(of(0, Some(About::Name)), Some(&text("Debian GNU/Linux 12 (bookworm)")));
        assert_eq!(of(0, Some(About::SupportEnds)), Some(&text("2026-06-10")));
        assert_eq!(of(0, Some(About::Edition)), None, "there is none");
        assert_eq!(of(1, Some(About::Installed)), Some(&Value::Yes));
        assert_eq!(of(1, Some(About::Running)), Some(&Value::No));
        assert_eq!(of(1, Some(About::EngineVersion)), None, "nobody asked");
        let unsupported = Value::Unavailable { reason: Unavailable::Unsupported };
        assert_eq!(of(1, Some(About::RealTime)), Some(&unsupported));
        assert_eq!(of(3, None), Some(&Value::Off));
        let denied = Value::Unavailable { reason: Unavailable::PermissionDenied };
        assert_eq!(told[4].1, [(None, denied)]);
    }

    #[test]
    fn that_there_is_no_antivirus_program_is_told_as_well() {
        let none = HostFacts { antivirus: Fact::known(vec![], "/proc", NOW), ..HostFacts::none(NOW) };
        assert_eq!(told(&none), [(Check::Antivirus, vec![(None, Value::Missing)])]);
    }

    #[test]
    fn all_hotfixes_are_one_item() {
        let told = |names: &[&str]| {
            let names = names.iter().map(|&name| name.to_owned()).collect();
            told(&HostFacts { hotfixes: Fact::known(names, "WMI", NOW), ..HostFacts::none(NOW) })
        };
        let all = text("KB5043080, KB5044284");
        assert_eq!(told(&["KB5043080", "KB5044284"]), [(Check::Hotfixes, vec![(None, all)])]);
        assert_eq!(told(&[]), [(Check::Hotfixes, vec![(None, Value::Missing)])]);
    }

    #[test]
    fn every_item_says_where_it_was_read() {
        let Reported { at, facts } = reported(&facts(), &table());
        assert_eq!(at, NOW);
        let source = |fact: usize, item: usize| facts[fact].items[item].source.as_deref();
        assert_eq!(source(0, 0), Some("/etc/os-release"));
        assert_eq!((source(1, 1), source(1, 3)), (Some("dpkg"), Some("/proc")));
        assert_eq!(source(4, 0), None, "it was not read");
        assert_eq!(source(0, 5), None, "the end of support is looked up here");
    }

    #[test]
    fn a_report_as_long_as_they_come_is_one_that_a_view_takes() {
        let many = vec![antivirus("x"); crate::facts::MAX_PRODUCTS];
        let facts = HostFacts { antivirus: Fact::known(many, "/proc", NOW), ..facts() };
        let reported = reported(&facts, &table());
        let written = serde_json::to_string(&reported).unwrap();
        assert_eq!(serde_json::from_str::<Reported>(&written).unwrap(), reported);
    }
}
