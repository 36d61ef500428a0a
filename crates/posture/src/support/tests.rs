use super::*;
use crate::facts::OsFamily;

fn os(product: &str, version: &str, edition: &str, server: bool) -> Os {
    Os {
        family: OsFamily::Windows,
        product: product.to_owned(),
        title: String::new(),
        version: version.to_owned(),
        build: String::new(),
        edition: (!edition.is_empty()).then(|| edition.to_owned()),
        server,
        arch: "x86_64".to_owned(),
    }
}

#[test]
fn every_system_of_the_lists_has_its_date() {
    let table = SupportTable::built_in();
    for (product, version, edition, server, ends) in [
        ("windows", "XP", "", false, "2014-04-08"),
        ("windows", "Vista", "", false, "2017-04-11"),
        ("windows", "7", "", false, "2020-01-14"),
        ("windows", "8", "", false, "2016-01-12"),
        ("windows", "8.1", "", false, "2023-01-10"),
        ("windows", "10 22H2", "Pro", false, "2025-10-14"),
        ("windows", "11 23H2", "Home", false, "2025-11-11"),
        ("windows", "11 23H2", "Enterprise", false, "2026-11-10"),
        ("windows", "11 24H2", "", false, "2026-10-13"),
        ("windows", "11 24H2", "Education", false, "2027-10-12"),
        ("windows", "11 24H2", "Pro Education", false, "2026-10-13"),
        ("windows", "11 24H2", "IoT Enterprise LTSC", false, "2034-10-10"),
        ("windows", "XP SP3", "Pro", false, "2014-04-08"),
        ("windows", "7 SP1", "", false, "2020-01-14"),
        ("windows", "11 25H2", "Enterprise", false, "2028-10-10"),
        ("windows", "10 1607", "Enterprise LTSC", false, "2026-10-13"),
        ("windows", "10 1809", "Enterprise LTSC", false, "2029-01-09"),
        ("windows", "10 1809", "Enterprise", false, "2021-05-11"),
        ("windows", "10 21H2", "Enterprise LTSC", false, "2027-01-12"),
        ("windows", "10 21H2", "IoT Enterprise LTSC", false, "2032-01-13"),
        ("windows-server", "2016", "Standard", true, "2027-01-12"),
        ("windows", "2019", "Datacenter", true, "2029-01-09"),
        ("windows-server", "2022", "", true, "2031-10-14"),
        ("windows-server", "2025", "", true, "2034-11-14"),
        ("macos", "13", "", false, "2025-09-15"),
        ("ubuntu", "20.04", "", false, "2025-05-31"),
        ("ubuntu", "22.04", "", false, "2027-04-01"),
        ("ubuntu", "24.04", "", false, "2029-05-31"),
        ("debian", "11", "", false, "2024-08-14"),
        ("debian", "12", "", true, "2026-07-11"),
        ("debian", "13", "", false, "2028-08-09"),
        ("rocky", "9.4", "", true, "2032-05-31"),
    ] {
        let support = table.of(&os(product, version, edition, server));
        let found = support.and_then(|support| support.ends).map(|day| day.to_string());
        assert_eq!(found.as_deref(), Some(ends), "{product} {version} {edition}");
    }
}

#[test]
fn long_term_and_paid_support_stand_apart() {
    let table = SupportTable::built_in();
    let extended = |product, version| table.of(&os(product, version, "", false)).unwrap().extended;
    assert_eq!(extended("debian", "12"), "2028-06-30".parse().ok());
    assert_eq!(extended("debian", "11"), "2026-08-31".parse().ok());
    assert_eq!(extended("windows", "10 22H2"), "2028-10-10".parse().ok());
    assert_eq!(extended("debian", "13"), None);
}

#[test]
fn what_has_no_end_yet_is_known_and_what_is_not_listed_is_not() {
    let table = SupportTable::built_in();
    let none = Some(Support { ends: None, extended: None });
    for version in ["14", "15", "26", "26.1"] {
        assert_eq!(table.of(&os("macos", version, "", false)), none, "{version}");
    }
    assert_eq!(table.of(&os("arch", "", "", false)), none);
    for (product, version) in [
        ("debian", "14"),
        ("debian", ""),
        ("plan9", "4"),
        ("windows", "12"),
        ("windows", "11 30H2"),
        ("ubuntu", "24"),
        ("", ""),
    ] {
        assert_eq!(table.of(&os(product, version, "", false)), None, "{product} {version}");
    }
}

#[test]
fn an_administrators_file_is_checked_with_lines() {
    let read = |text: &str| SupportTable::from_toml(text).map_err(|error| error.to_string());
    let head = "schema = 1\nas_of = 2026-11-01\n";
    let table = read(&format!("{head}[systems.debian]\n\"14\" = 2031-06-30\n")).unwrap();
    assert_eq!(table.as_of, "2026-11-01".parse().unwrap());
    assert!(table.of(&os("debian", "14", "", false)).is_some());
    for (rest, complaint) in [
        ("[systems.debian]\n14 = 2031-02-30\n", "line 4: invalid date, expected day"),
        (
            "[systems.debian]\n14 = \"soon\"\n",
            "line 4, systems.\"debian\".\"14\": not a day, such as 2027-01-31",
        ),
        (
            "[systems.debian]\n14 = 2031\n",
            "line 4, systems.\"debian\".\"14\": must be a day such as 2027-01-31, or \"current\"",
        ),
        (
            "[systems.debian]\n14 = { end = 2031-06-30 }\n",
            "line 4, systems.\"debian\".\"14\".end: unknown; allowed here: ends, extended, editions\n\
             line 4, systems.\"debian\".\"14\".ends: is missing",
        ),
    ] {
        let found = read(&format!("{head}{rest}")).unwrap_err();
        assert!(found.starts_with(complaint), "{found}");
    }
    assert!(SupportTable::from_toml(&"#".repeat(MAX_POLICY + 1)).is_err());
}
