use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use praya_model::Timestamp;

use super::*;
use crate::facts::{Family, OsFamily, Unavailable};

const NOW: Timestamp = Timestamp::from_secs(1_795_000_000);

fn device(seed: u8) -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap()
}

fn public(device: &Ed25519KeyPair) -> [u8; 32] {
    device.public_key().as_ref().try_into().unwrap()
}

fn sign(device: &Ed25519KeyPair) -> impl FnOnce(&[u8]) -> [u8; 64] {
    |bytes| device.sign(bytes).as_ref().try_into().unwrap()
}

/// What somebody signs who does not write reports as this module does.
fn forged(device: &Ed25519KeyPair, report: &str) -> SignedReport {
    let signature = BASE64.encode(device.sign(&signed_bytes(report)).as_ref());
    SignedReport { report: report.to_owned(), signature }
}

fn facts() -> HostFacts {
    let known = |text: &str| Fact::known(text.to_owned(), "wscapi", NOW);
    let unavailable = Fact::unavailable;
    HostFacts {
        os: Fact::known(
            Os {
                family: OsFamily::Windows,
                product: "windows".to_owned(),
                title: "Windows 11 專業版".to_owned(),
                version: "11 24H2".to_owned(),
                build: "26100.2033".to_owned(),
                edition: Some("Pro".to_owned()),
                server: false,
                arch: "x86_64".to_owned(),
            },
            "registry",
            NOW,
        ),
        antivirus: Fact::known(
            vec![Antivirus {
                family: Family::Qihoo360,
                name: "360".to_owned(),
                version: known("13.0"),
                engine_version: unavailable(Unavailable::Unsupported),
                installed: Fact::known(true, "wscapi", NOW),
                running: Fact::known(true, "wscapi", NOW),
                real_time: Fact::known(crate::facts::RealTime::On, "wscapi", NOW),
                definitions_version: unavailable(Unavailable::NotDetected),
                definitions_at: Fact::known(NOW, "file", NOW),
                definitions_current: Fact::known(true, "wscapi", NOW),
            }],
            "wscapi",
            NOW,
        ),
        disk: Fact::known(Disk { encrypted_by: Some("BitLocker".to_owned()) }, "wmi", NOW),
        ..HostFacts::none(NOW)
    }
}

fn sealed() -> SignedReport {
    seal("nonce", &facts(), sign(&device(1))).unwrap()
}

#[test]
fn a_report_is_opened_by_whoever_asked_for_it() {
    assert_eq!(open(&sealed(), "nonce", &public(&device(1))), Ok(facts()));
}

#[test]
fn a_replayed_report_answers_another_question() {
    assert_eq!(open(&sealed(), "another", &public(&device(1))), Err(ReportError::Nonce));
}

#[test]
fn a_report_of_another_device_or_a_changed_one_is_refused() {
    let key = public(&device(1));
    assert_eq!(open(&sealed(), "nonce", &public(&device(2))), Err(ReportError::Signature));
    let changed = sealed().report.replace("true", "null");
    let cut = sealed().report[..100].to_owned();
    for report in [changed, cut, String::new()] {
        assert_eq!(open(&SignedReport { report, ..sealed() }, "nonce", &key), Err(ReportError::Signature));
    }
    for signature in ["", "AAAA", "***", &BASE64.encode(&[0; 64])] {
        let other = SignedReport { signature: signature.to_owned(), ..sealed() };
        assert_eq!(open(&other, "nonce", &key), Err(ReportError::Signature), "{signature}");
    }
    let bare = BASE64.encode(device(1).sign(sealed().report.as_bytes()).as_ref());
    let without_label = SignedReport { signature: bare, ..sealed() };
    assert_eq!(open(&without_label, "nonce", &key), Err(ReportError::Signature));
}

#[test]
fn a_report_has_one_spelling() {
    let (device, good) = (device(1), sealed().report);
    let refused = |report: &str| open(&forged(&device, report), "nonce", &public(&device));
    assert_eq!(refused(&good), Ok(facts()));
    for bad in [
        &good[..good.len() - 1],
        &format!("{good} "),
        &good.replacen('{', "{ ", 1),
        &good.replacen("\"nonce\":", "\"more\":1,\"nonce\":", 1),
        &good.replacen("\"schema\":", "\"more\":1,\"schema\":", 1),
        &good.replacen("\"fact\":\"known\"", "\"fact\":\"known\",\"more\":1", 1),
        &good.replacen("\"nonce\":\"nonce\"", "\"nonce\":\"nonce\",\"nonce\":\"nonce\"", 1),
        &good.replacen("\"on\"", "\"perhaps\"", 1),
        "null",
        "[]",
        "",
        &"[".repeat(10_000),
    ] {
        assert!(matches!(refused(bad), Err(ReportError::Malformed(_))), "{bad}");
    }
    let newer = good.replacen("\"schema\":1", "\"schema\":2", 1);
    assert_eq!(refused(&newer), Err(ReportError::Schema(2)));
}

#[test]
fn a_report_has_limits_on_both_sides() {
    let (device, key) = (device(1), public(&device(1)));
    let long = || "x".repeat(MAX_TEXT + 1);
    let with_os = |change: fn(&mut Os, String)| {
        let mut facts = facts();
        let Fact::Known { value, .. } = &mut facts.os else { panic!() };
        change(value, long());
        facts
    };
    let with_antivirus = |change: fn(&mut Antivirus, String)| {
        let mut facts = facts();
        let Fact::Known { value, .. } = &mut facts.antivirus else { panic!() };
        change(&mut value[0], long());
        facts
    };
    for facts in [
        with_os(|os, text| os.title = text),
        with_os(|os, text| os.edition = Some(text)),
        with_antivirus(|product, text| product.name = text),
        with_antivirus(|product, text| product.definitions_version = Fact::known(text, "", NOW)),
        with_antivirus(|product, text| product.definitions_at = Fact::known(NOW, text, NOW)),
        HostFacts { disk: Fact::known(Disk { encrypted_by: Some(long()) }, "", NOW), ..facts() },
        HostFacts { firewall: Fact::known(Firewall { name: long(), on: true }, "", NOW), ..facts() },
        HostFacts { secure_boot: Fact::known(true, long(), NOW), ..facts() },
    ] {
        assert_eq!(seal("nonce", &facts, sign(&device)), Err(ReportError::LongText));
        let forged = forged(&device, &write("nonce", &facts).unwrap());
        assert_eq!(open(&forged, "nonce", &key), Err(ReportError::LongText));
    }
    let mut many = facts();
    let Fact::Known { value, .. } = &mut many.antivirus else { panic!() };
    *value = vec![value[0].clone(); MAX_PRODUCTS + 1];
    assert_eq!(seal("nonce", &many, sign(&device)), Err(ReportError::ManyProducts));
    let hotfixes = |names: Vec<String>| HostFacts { hotfixes: Fact::known(names, "wmi", NOW), ..facts() };
    let numbers = |count: usize| (0..count).map(|number| format!("KB{}", 5_000_000 + number)).collect();
    let most = hotfixes(numbers(MAX_HOTFIXES));
    assert_eq!(open(&seal("nonce", &most, sign(&device)).unwrap(), "nonce", &key), Ok(most));
    let named = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
    for wrong in [
        numbers(MAX_HOTFIXES + 1),
        named(&["KB5044284", "KB5043080"]),
        named(&["KB5044284", "KB5044284"]),
        named(&["KB504"]),
        named(&["KB504428400"]),
        named(&["kb5044284"]),
        named(&["KB50442\u{664}"]),
    ] {
        let facts = hotfixes(wrong);
        assert_eq!(seal("nonce", &facts, sign(&device)), Err(ReportError::Hotfixes));
        let forged = forged(&device, &write("nonce", &facts).unwrap());
        assert_eq!(open(&forged, "nonce", &key), Err(ReportError::Hotfixes));
    }
    let huge = forged(&device, &" ".repeat(MAX_REPORT + 1));
    assert_eq!(open(&huge, "nonce", &key), Err(ReportError::TooLarge));
}

#[test]
fn as_many_products_as_are_listed_fit() {
    let mut many = facts();
    let Fact::Known { value, .. } = &mut many.antivirus else { panic!() };
    *value = vec![value[0].clone(); MAX_PRODUCTS];
    let sealed = seal("nonce", &many, sign(&device(1))).unwrap();
    assert_eq!(open(&sealed, "nonce", &public(&device(1))), Ok(many));
}

#[test]
fn what_the_fuzzer_begins_with_are_reports_of_this_release() {
    let corpus = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/corpus/posture_report");
    for (seed, is_report) in [
        ("windows.json", true),
        ("nothing-asked.json", true),
        ("truncated.json", false),
        ("twice.json", false),
    ] {
        let report = std::fs::read_to_string(corpus.join(seed)).unwrap();
        assert_eq!(read(&report, "n").is_ok(), is_report, "{seed}");
    }
    let corpus = corpus.with_file_name("posture_sealed_report");
    for (seed, expected) in [
        ("signed", Ok(())),
        ("of-another-device", Err(ReportError::Signature)),
        ("no-base64", Err(ReportError::Signature)),
        ("without-a-report", Err(ReportError::Signature)),
    ] {
        let sealed = std::fs::read_to_string(corpus.join(seed)).unwrap();
        let (signature, report) = sealed.split_once('\n').unwrap();
        let sealed = SignedReport { report: report.to_owned(), signature: signature.to_owned() };
        assert_eq!(open(&sealed, "n", &public(&device(1))).map(drop), expected, "{seed}");
    }
}
