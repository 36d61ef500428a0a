//! Antivirus programs of a Linux machine, read from folders that look like one.

use std::time::{Duration, Instant};

use praya_model::Timestamp;
use praya_model::posture::Check;
use praya_posture::facts::{Antivirus, Fact, Family, RealTime, Unavailable};

use crate::machine::{FakeClamd, Folder, NOW, TOLD, fixture};

const CURRENT: &str = "ClamAV 1.4.6/27500/Wed Oct  7 06:24:00 2026";

fn clamav() -> Folder {
    Folder::debian().file("usr/sbin/clamd", "").file("etc/clamav/clamd.conf", fixture("clamd/debian.conf"))
}

fn database(date: &str, version: u32) -> Vec<u8> {
    let mut header = format!("ClamAV-VDB:{date}:{version}:1:90:md5:dsig:builder:0").into_bytes();
    header.resize(512, b' ');
    header
}

/// The only program there is.
fn only(mut found: Vec<Antivirus>) -> Antivirus {
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

fn known<T: Clone>(fact: &Fact<T>) -> Result<T, Unavailable> {
    fact.value().cloned()
}

#[test]
fn without_any_that_is_known() {
    assert_eq!(Folder::debian().antivirus(), []);
}

#[test]
fn clamav_that_is_installed_and_stopped() {
    let folder = clamav().file("var/lib/clamav/daily.cvd", database("07 Oct 2026 06-24 +0000", 27_500));
    let clamd = FakeClamd::with_version(&folder, CURRENT);
    let found = only(folder.antivirus());
    assert_eq!((found.family, known(&found.running)), (Family::Clamav, Ok(false)));
    assert_eq!(found.installed, Fact::known(true, "/usr/sbin/clamd", NOW));
    assert_eq!(known(&found.real_time), Ok(RealTime::Off));
    assert_eq!(known(&found.version).as_deref(), Ok("1.4.6+dfsg-0+deb12u1"));
    assert_eq!(known(&found.definitions_at), Ok(TOLD));
    assert_eq!(clamd.asked(), 0, "a socket of systemd's would start it");
}

#[test]
fn clamavs_updater_alone_is_no_protection() {
    let updater = ["freshclam", "clamonacc"];
    assert_eq!(Folder::debian().file("usr/bin/freshclam", "").running(&updater).antivirus(), []);
    let found = only(clamav().running(&updater).antivirus());
    assert_eq!((known(&found.running), known(&found.real_time)), (Ok(false), Ok(RealTime::Off)));
}

#[test]
fn clamav_that_runs_says_how_old_its_definitions_are() {
    for (version, at) in [
        (CURRENT, TOLD),
        ("ClamAV 1.0.3/26900/Fri May  5 07:23:00 2023", Timestamp::from_secs(1_683_271_380)),
    ] {
        let folder = clamav().running(&["clamd"]).file("var/lib/clamav/daily.cvd", "not asked for");
        let _clamd = FakeClamd::with_version(&folder, version);
        let found = only(folder.antivirus());
        assert_eq!((known(&found.running), known(&found.real_time)), (Ok(true), Ok(RealTime::Off)));
        assert_eq!(known(&found.definitions_at), Ok(at));
        assert!(version.contains(&known(&found.engine_version).unwrap()));
        assert_eq!(known(&found.version).as_deref(), Ok("1.4.6+dfsg-0+deb12u1"));
    }
}

#[test]
fn clamav_that_watches_files() {
    let folder = clamav().running(&["clamd", "clamonacc"]);
    let _clamd = FakeClamd::with_version(&folder, CURRENT);
    assert_eq!(known(&only(folder.antivirus()).real_time), Ok(RealTime::On));
}

#[test]
fn clamav_that_does_not_tell_its_version_is_read_from_its_databases() {
    for reply in ["COMMAND UNAVAILABLE", "UNKNOWN COMMAND", "ClamAV 1.4.6", "nonsense"] {
        let folder = clamav()
            .running(&["clamd"])
            .file("var/lib/clamav/daily.cvd", database("05 May 2023 07-23 +0000", 26_900))
            .file("var/lib/clamav/daily.cld", database("07 Oct 2026 06-24 +0000", 27_500));
        let _clamd = FakeClamd::with_version(&folder, reply);
        let found = only(folder.antivirus());
        assert_eq!(known(&found.running), Ok(true), "{reply}");
        assert_eq!(known(&found.version).as_deref(), Ok("1.4.6+dfsg-0+deb12u1"));
        assert_eq!(known(&found.definitions_at), Ok(TOLD));
        assert_eq!(known(&found.definitions_version).as_deref(), Ok("27500"));
    }
}

#[test]
fn clamav_without_definitions_has_none() {
    for (content, reason) in [(None, Unavailable::NotDetected), (Some("damaged"), Unavailable::Malformed)] {
        let mut folder = clamav().running(&["clamd"]);
        if let Some(content) = content {
            folder = folder.file("var/lib/clamav/daily.cld", content);
        }
        let _clamd = FakeClamd::with_version(&folder, "ClamAV 1.4.6");
        assert_eq!(known(&only(folder.antivirus()).definitions_at), Err(reason));
    }
}

#[test]
fn clamav_that_says_nothing_is_waited_for_only_so_long() {
    let folder = clamav()
        .running(&["clamd"])
        .runs("kesl", "opt/kaspersky/kesl/libexec/kesl", 0)
        .file("var/lib/clamav/daily.cld", database("07 Oct 2026 06-24 +0000", 27_500));
    let _clamd = FakeClamd::start(&folder, |_| None);
    let begun = Instant::now();
    let found = folder.antivirus_within(Duration::from_secs(2));
    assert!(begun.elapsed() <= Duration::from_secs(2), "{:?}", begun.elapsed());
    let [kaspersky, clamav] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!(known(&kaspersky.running), Ok(true));
    assert_eq!(known(&clamav.running), Err(Unavailable::TimedOut));
    assert_eq!(known(&clamav.real_time), Err(Unavailable::TimedOut));
    assert_eq!(known(&clamav.definitions_at), Ok(TOLD));
}

#[test]
fn clamav_that_takes_no_connections_is_not_waited_for() {
    let folder = clamav().running(&["clamd"]).folder("run/clamav");
    let path = folder.path("run/clamav/clamd.ctl");
    let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    rustix::net::listen(&listener, 0).unwrap();
    let _waiting = std::os::unix::net::UnixStream::connect(&path).unwrap();
    assert_eq!(known(&only(folder.antivirus()).running), Err(Unavailable::TimedOut));
}

#[test]
fn clamav_that_says_something_else_is_not_understood() {
    let answers: [&[u8]; 4] =
        [b"\xff\xfe\x00\x01garbage", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"", &[b'P'; 4096]];
    for answer in answers {
        let folder = clamav().running(&["clamd"]);
        let _clamd = FakeClamd::start(&folder, |_| Some(answer.to_vec()));
        let found = only(folder.antivirus());
        assert_eq!(known(&found.running), Err(Unavailable::Malformed), "{answer:?}");
    }
}

#[test]
fn clamav_that_runs_behind_no_known_door_is_not_taken_to_protect() {
    let found = only(clamav().running(&["clamd"]).antivirus());
    assert_eq!(known(&found.running), Err(Unavailable::NotDetected));
}

#[test]
fn clamav_at_a_port() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        use std::io::{Read, Write};
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut command = [0; 64];
            let length = stream.read(&mut command).unwrap();
            let ping = command[..length] == *b"zPING\0";
            let _ = stream.write_all(if ping { b"PONG\0" } else { b"ClamAV 1.4.6\0" });
        }
    });
    let listens = |address: &str, accounts: &[u32]| {
        let row = |account| format!("0: 0100007F:{port:04X} 00000000:0000 0A 0:0 00:0 0 {account} 0 1\n");
        let folder = Folder::debian()
            .file("etc/clamd.d/scan.conf", format!("TCPSocket {port}\nTCPAddr {address}\n"))
            .file("proc/net/tcp", accounts.iter().map(row).collect::<String>())
            .runs("clamd", "usr/sbin/clamd", 110);
        only(folder.antivirus())
    };
    let found = listens("127.0.0.1", &[110]);
    assert_eq!((known(&found.running), known(&found.engine_version).as_deref()), (Ok(true), Ok("1.4.6")));
    // Somebody else has the port, or part of it.
    for accounts in [&[1000][..], &[110, 1000]] {
        let found = listens("127.0.0.1", accounts);
        assert_eq!(known(&found.running), Err(Unavailable::Malformed), "{accounts:?}");
    }
    assert_eq!(known(&listens("127.0.0.1", &[]).running), Err(Unavailable::NotDetected));
    assert_eq!(known(&listens("192.0.2.1", &[110]).running), Err(Unavailable::NotDetected));
}

#[test]
fn definitions_are_read_only_where_they_are_asked_for() {
    let folder = clamav().running(&["clamd"]);
    let _clamd = FakeClamd::with_version(&folder, CURRENT);
    let facts = folder.facts(&[Check::Antivirus]);
    let found = only(facts.antivirus.value().unwrap().clone());
    assert_eq!(known(&found.running), Ok(true));
    assert_eq!(known(&found.definitions_at), Err(Unavailable::NotAsked));
    assert_eq!(known(&found.definitions_version), Err(Unavailable::NotAsked));
}

#[test]
fn a_folder_means_installed_and_a_process_means_running() {
    for (marker, family, scanner, beside) in [
        ("opt/sophos-spl", Family::Sophos, "plugins/av/sbin/sophos_threat_detector", "sophos_watchdog"),
        ("opt/eset/eea", Family::Eset, "lib/scand", "updated"),
        ("opt/eset/efs", Family::Eset, "lib/scand", "confd"),
        ("opt/kaspersky/kesl", Family::Kaspersky, "libexec/kesl", "klnagent"),
        ("opt/McAfee/ens", Family::Mcafee, "tp/bin/mfetpd", "masvc"),
        ("opt/ds_agent", Family::Trendmicro, "ds_am", "ds_agent"),
        ("opt/Symantec", Family::Symantec, "AMD/system/sisamddaemon", "sisidsdaemon"),
        ("usr/bin/avast", Family::Avast, "", "avast-gui"),
    ] {
        let exe = format!("{marker}/{scanner}");
        let exe = exe.trim_end_matches('/');
        let scanner = exe.rsplit('/').next().unwrap();
        let stopped = || {
            let folder = Folder::debian().running(&[beside]);
            if exe == marker { folder.file(marker, "") } else { folder.folder(marker) }
        };
        let found = only(stopped().antivirus());
        assert_eq!((found.family, known(&found.running)), (family, Ok(false)), "{marker}");
        assert_eq!(known(&found.installed), Ok(true), "{marker}");
        let found = only(stopped().runs(scanner, exe, 0).antivirus());
        assert_eq!((found.family, known(&found.running)), (family, Ok(true)), "{marker}");
        assert!(known(&found.real_time).is_err(), "{marker}");
        // Some run as an account of their own, and some are upgraded while they run.
        let found = only(stopped().runs(scanner, &format!("{exe} (deleted)"), 998).antivirus());
        assert_eq!(known(&found.running), Ok(true), "{marker}");
        // Its name is anybody's to take.
        for (exe, account) in [(exe, 1000), ("home/wong/scan", 0), ("usr/bin/python3", 0)] {
            let found = only(stopped().runs(scanner, exe, account).antivirus());
            assert_eq!(known(&found.running), Ok(false), "{scanner} of {account}, from {exe}");
        }
        let found = only(stopped().runs(scanner, exe, 0).with_mode(exe, 0o777).antivirus());
        assert_eq!(known(&found.running), Ok(false), "everybody may write to {exe}");
    }
}

#[test]
fn where_only_own_processes_are_seen_nothing_is_known() {
    let folder = clamav().running(&["clamd"]);
    std::fs::remove_dir_all(folder.path("proc/1")).unwrap();
    let facts = folder.facts(&[Check::Antivirus]);
    assert_eq!(facts.antivirus.value(), Err(Unavailable::PermissionDenied));
}

#[test]
fn clamavs_name_is_anybodys_to_take() {
    for (exe, account) in [("usr/sbin/clamd", 1000), ("usr/bin/python3", 0), ("home/wong/clamd.py", 110)] {
        let folder = clamav().runs("clamd", exe, account);
        let clamd = FakeClamd::with_version(&folder, CURRENT);
        let found = only(folder.antivirus());
        assert_eq!(known(&found.running), Ok(false), "{exe} of {account}");
        assert_eq!(known(&found.real_time), Ok(RealTime::Off));
        assert_eq!(clamd.asked(), 0, "nobody verified listens");
    }
    let folder = clamav().running(&["clamd"]).with_mode("usr/sbin/clamd", 0o775);
    assert_eq!(known(&only(folder.antivirus()).running), Ok(false));
    let folder = clamav().running(&["clamd"]).runs("clamonacc", "usr/sbin/clamonacc", 1000);
    let _clamd = FakeClamd::with_version(&folder, CURRENT);
    assert_eq!(known(&only(folder.antivirus()).real_time), Ok(RealTime::Off));
}

#[test]
fn clamav_in_a_container_and_a_socket_that_was_left_behind() {
    let elsewhere = || Folder::debian().file("etc/clamav/clamd.conf", fixture("clamd/debian.conf"));
    let folder = elsewhere().runs("clamd", "var/lib/containers/merged/usr/sbin/clamd", 100);
    let _clamd = FakeClamd::with_version(&folder, CURRENT);
    let found = only(folder.antivirus());
    assert_eq!((known(&found.installed), known(&found.running)), (Ok(true), Ok(true)));
    let folder = elsewhere();
    let _left = FakeClamd::with_version(&folder, CURRENT);
    let found = only(folder.antivirus());
    assert_eq!((known(&found.installed), known(&found.running)), (Ok(false), Ok(false)));
}

#[test]
fn clamav_that_was_upgraded_runs_on() {
    let folder = clamav().runs("clamd", "usr/sbin/clamd (deleted)", 110);
    let _clamd = FakeClamd::with_version(&folder, CURRENT);
    assert_eq!(known(&only(folder.antivirus()).running), Ok(true));
}

#[test]
fn defender_by_its_own_word() {
    let running = |health: Folder| health.runs("wdavdaemon", "opt/microsoft/mdatp/sbin/wdavdaemon", 0);
    let defender = || running(Folder::debian());
    let health = |file: &str| only(defender().program("usr/bin/mdatp", fixture(file), 0).antivirus());
    let on = health("mdatp/linux-on.json");
    assert_eq!((on.family, known(&on.real_time)), (Family::Defender, Ok(RealTime::On)));
    assert_eq!((known(&on.installed), known(&on.running)), (Ok(true), Ok(true)));
    assert_eq!(known(&on.definitions_current), Ok(true));
    assert_eq!(known(&on.engine_version).as_deref(), Ok("1.1.26080.3009"));
    assert_eq!(known(&health("mdatp/linux-passive.json").real_time), Ok(RealTime::Off));
    for (file, state) in
        [("mdatp/linux-unlicensed.json", RealTime::Expired), ("mdatp/linux-unhealthy.json", RealTime::Off)]
    {
        let found = health(file);
        assert_eq!((known(&found.running), known(&found.real_time)), (Ok(false), Ok(state)), "{file}");
    }

    let mute = only(defender().program("usr/bin/mdatp", "ATTENTION: connection failed\n", 1).antivirus());
    assert_eq!((known(&mute.running), known(&mute.real_time)), (Ok(true), Err(Unavailable::Malformed)));
    let gone = only(defender().antivirus());
    assert_eq!(known(&gone.real_time), Err(Unavailable::NotDetected));
    let stopped = Folder::debian().folder("opt/microsoft/mdatp").program_of("hang", "usr/bin/mdatp");
    assert_eq!(known(&only(stopped.antivirus()).running), Ok(false));
}

#[test]
fn kaspersky_and_eset_say_how_old_their_definitions_are() {
    let kesl = || Folder::debian().runs("kesl", "opt/kaspersky/kesl/libexec/kesl", 0);
    let told = |file: &str| only(kesl().program("usr/bin/kesl-control", fixture(file), 0).antivirus());
    let on = told("kesl/12-on.txt");
    assert_eq!((known(&on.running), known(&on.real_time)), (Ok(true), Ok(RealTime::On)));
    assert_eq!(known(&on.definitions_at), Ok(Timestamp::from_secs(TOLD.as_secs() + 8 * 3600)), "in UTC here");
    let empty = told("kesl/12-no-databases.txt");
    assert_eq!(
        (known(&empty.running), known(&empty.definitions_at)),
        (Ok(false), Err(Unavailable::Unsupported))
    );
    let asked = kesl().file("usr/bin/kesl-control.out", fixture("kesl/12-on.txt"));
    let asked = asked.file("usr/bin/kesl-control.json", fixture("kesl/12-on.json"));
    let json = only(asked.program_of("kesl-control", "usr/bin/kesl-control").antivirus());
    assert_eq!(json, on, "what it says in JSON, and where it has none, in words");
    let words = kesl().file("usr/bin/kesl-control.out", fixture("kesl/12-on.txt"));
    let words = words.file("usr/bin/kesl-control.json", "Unknown option\n");
    assert_eq!(only(words.program_of("kesl-control", "usr/bin/kesl-control").antivirus()), on);
    let mute = only(kesl().program("usr/bin/kesl-control", "Error\n", 1).antivirus());
    assert_eq!((known(&mute.running), known(&mute.definitions_at)), (Ok(true), Err(Unavailable::Malformed)));
    assert_eq!(known(&mute.definitions_current), Err(Unavailable::Malformed));
    assert_eq!(known(&mute.definitions_version), Err(Unavailable::Malformed));
    assert_eq!(known(&mute.engine_version), Err(Unavailable::Malformed));

    let eset = Folder::debian().runs("scand", "opt/eset/efs/lib/scand", 998).program(
        "opt/eset/efs/bin/upd",
        fixture("eset/modules"),
        0,
    );
    let found = only(eset.antivirus());
    assert_eq!((known(&found.running), known(&found.real_time)), (Ok(true), Err(Unavailable::Unsupported)));
    assert_eq!(known(&found.definitions_version).as_deref(), Ok("29743 (20261007)"));
    assert_eq!(known(&found.definitions_at), Ok(Timestamp::from_secs(1_791_331_200)));
}

#[test]
fn defender_that_hangs_is_waited_for_only_so_long() {
    let folder = Folder::debian()
        .runs("wdavdaemon", "opt/microsoft/mdatp/sbin/wdavdaemon", 0)
        .runs("ds_am", "opt/ds_agent/ds_am", 0)
        .program_of("hang", "usr/bin/mdatp");
    let begun = Instant::now();
    let found = folder.antivirus_within(Duration::from_millis(1500));
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    let [trend, defender] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!(known(&trend.running), Ok(true));
    assert_eq!(known(&defender.real_time), Err(Unavailable::TimedOut));
    assert_eq!(known(&defender.definitions_at), Err(Unavailable::TimedOut));
    assert_eq!(known(&defender.definitions_current), Err(Unavailable::TimedOut));
    assert_eq!(known(&defender.definitions_version), Err(Unavailable::TimedOut));
    assert_eq!(known(&defender.engine_version), Err(Unavailable::TimedOut));
    let unasked = folder.facts_within(&[Check::Antivirus], Duration::from_millis(1500));
    let found = unasked.antivirus.value().unwrap();
    assert_eq!(known(&found[1].definitions_at), Err(Unavailable::NotAsked));
}

#[test]
fn a_list_of_packages_that_hangs_takes_nothing_but_versions() {
    let folder = clamav()
        .running(&["clamd"])
        .runs("wdavdaemon", "opt/microsoft/mdatp/sbin/wdavdaemon", 0)
        .runs("ds_am", "opt/ds_agent/ds_am", 0)
        .program("usr/bin/mdatp", fixture("mdatp/linux-on.json"), 0)
        .program_of("hang", "usr/bin/rpm");
    std::fs::remove_file(folder.path("var/lib/dpkg/status")).unwrap();
    let _clamd = FakeClamd::with_version(&folder, CURRENT);
    let found = folder.antivirus();
    let [trend, defender, clamav] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!((known(&trend.running), known(&trend.version)), (Ok(true), Err(Unavailable::TimedOut)));
    assert_eq!(
        (known(&defender.real_time), known(&defender.definitions_current)),
        (Ok(RealTime::On), Ok(true))
    );
    assert_eq!(known(&defender.version).as_deref(), Ok("101.25072.0011"));
    assert_eq!((known(&clamav.running), known(&clamav.definitions_at)), (Ok(true), Ok(TOLD)));
    assert_eq!(known(&clamav.version), Err(Unavailable::TimedOut));
}

#[test]
fn versions_from_rpm() {
    let folder = clamav().folder("opt/ds_agent").program(
        "usr/bin/rpm",
        "package mdatp is not installed\nds_agent\t20.0.2-1\nclamd\t1.4.3-1.fc42\n",
        12,
    );
    std::fs::remove_file(folder.path("var/lib/dpkg/status")).unwrap();
    let found = folder.antivirus();
    let versions: Vec<_> = found.iter().map(|product| known(&product.version).unwrap()).collect();
    assert_eq!(versions, ["20.0.2-1", "1.4.3-1.fc42"]);
}
