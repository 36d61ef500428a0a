//! Folders that look like a Mac, whose programs print what they were given.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use praya_model::Timestamp;
use tempfile::TempDir;

use super::processes::Processes;
use crate::collect::Pending;
use crate::collect::machine::Machine;
use crate::decode::tests::fixture;
use crate::facts::{Antivirus, Fact, Family, RealTime, Unavailable};

const NOW: Timestamp = Timestamp::from_secs(1_791_440_640);
const TOLD: Timestamp = Timestamp::from_secs(1_791_354_240);

/// Longer than any of these tests waits, so that only what hangs can be late.
const LONG: Duration = Duration::from_secs(30);

const XPROTECT: &str = "Library/Apple/System/Library/CoreServices/XProtect.bundle/Contents/Info.plist";

struct Mac(TempDir);

impl Mac {
    /// One with nothing but what macOS has.
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
            .file(XPROTECT, fixture("xprotect/Info.plist"))
            .prints("usr/bin/systemextensionsctl", &fixture("system_extensions/none.txt"))
    }

    fn path(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    fn file(self, path: &str, content: impl AsRef<[u8]>) -> Self {
        let file = self.path(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, content).unwrap();
        self
    }

    fn prints(self, path: &str, output: &str) -> Self {
        self.ends(path, output, "0")
    }

    fn ends(self, path: &str, output: &str, status: &str) -> Self {
        self.file(&format!("{path}.out"), output)
            .file(&format!("{path}.status"), status)
            .program("print", path)
    }

    /// One of the programs in `fixtures/programs`. Another process writes it: what this one held open for writing could
    /// not be run.
    fn program(self, which: &str, path: &str) -> Self {
        let programs = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/programs");
        let program = self.path(path);
        fs::create_dir_all(program.parent().unwrap()).unwrap();
        let from = programs.join(which);
        let copied = Command::new("install").arg("--mode=755").arg(from).arg(program).status().unwrap();
        assert!(copied.success());
        self
    }

    fn machine(&self) -> Machine {
        self.within(LONG)
    }

    fn within(&self, limit: Duration) -> Machine {
        Machine::at(self.0.path(), NOW, limit)
    }

    fn antivirus(&self) -> Vec<Antivirus> {
        self.while_runs(0, "/sbin/launchd")
    }

    /// Its antivirus programs while this account runs this program.
    fn while_runs(&self, account: u32, program: &str) -> Vec<Antivirus> {
        let machine = self.machine();
        let all = [([0, 0], "/sbin/launchd".into()), ([account; 2], program.into())];
        let listed = Pending::start(&machine, "processes", move |_| Processes::among(all.into_iter()));
        super::antivirus::with(&machine, true, listed).value().unwrap().clone()
    }
}

fn known<T: Clone>(fact: &Fact<T>) -> Result<T, Unavailable> {
    fact.value().cloned()
}

fn of(family: Family, products: &[Antivirus]) -> &Antivirus {
    products.iter().find(|one| one.family == family).unwrap_or_else(|| panic!("{family:?}: {products:?}"))
}

#[test]
fn which_macos_it_is() {
    let mac = Mac::new().prints(
        "usr/bin/sw_vers",
        "ProductName:\t\tmacOS\nProductVersion:\t\t26.4\nBuildVersion:\t\t25E246\n",
    );
    let os = known(&super::os(&mac.machine())).unwrap();
    assert_eq!((os.product.as_str(), os.version.as_str(), os.build.as_str()), ("macos", "26", "25E246"));
    assert_eq!(known(&super::os(&Mac::new().machine())), Err(Unavailable::NotDetected));
}

#[test]
fn firewall_disk_and_firmware() {
    let firewall = "usr/libexec/ApplicationFirewall/socketfilterfw";
    let mac = Mac::new()
        .prints(firewall, "Firewall is enabled. (State = 1)\n")
        .prints("usr/bin/fdesetup", "true\n")
        .prints("usr/sbin/system_profiler", "Controller:\n\n    Secure Boot: Full Security\n");
    assert!(known(&super::firewall(&mac.machine())).unwrap().on);
    assert_eq!(known(&super::disk(&mac.machine())).unwrap().encrypted_by.as_deref(), Some("FileVault"));
    assert_eq!(known(&super::secure_boot(&mac.machine())), Ok(true));
    let old = Mac::new().prints("usr/sbin/system_profiler", "").program("hang", firewall);
    assert_eq!(known(&super::secure_boot(&old.machine())), Err(Unavailable::NotApplicable));
    let chip = Mac::new()
        .prints("usr/sbin/system_profiler", "Controller:\n\n    Model Name: Apple T2 Security Chip\n");
    assert_eq!(known(&super::secure_boot(&chip.machine())), Err(Unavailable::Unsupported));
    let failed = Mac::new().ends("usr/sbin/system_profiler", "", "1");
    assert_eq!(known(&super::secure_boot(&failed.machine())), Err(Unavailable::Malformed));
    assert_eq!(known(&super::disk(&old.machine())), Err(Unavailable::NotDetected));
    let soon = old.within(Duration::from_millis(300));
    assert_eq!(known(&super::firewall(&soon)), Err(Unavailable::TimedOut));
}

#[test]
fn what_macos_does_for_itself() {
    let on = Mac::new()
        .prints("usr/bin/csrutil", "System Integrity Protection status: enabled.\n")
        .prints("usr/sbin/spctl", "assessments enabled\n");
    assert_eq!(known(&super::system_integrity(&on.machine())), Ok(true));
    assert_eq!(known(&super::gatekeeper(&on.machine())), Ok(true));
    // It says so, and ends as if it had failed.
    let off = on.ends("usr/sbin/spctl", "assessments disabled\n", "1").prints("usr/bin/csrutil", "");
    assert_eq!(known(&super::gatekeeper(&off.machine())), Ok(false));
    assert_eq!(known(&super::system_integrity(&off.machine())), Err(Unavailable::Malformed));
    assert_eq!(known(&super::gatekeeper(&Mac::new().machine())), Err(Unavailable::NotDetected));
}

#[test]
fn the_last_update_of_the_system() {
    let history = "Library/Receipts/InstallHistory.plist";
    let mac = Mac::new().file(history, fixture("install_history/InstallHistory.plist"));
    assert_eq!(known(&super::last_update(&mac.machine())), Ok(TOLD));
    let never = Mac::new().file(history, "<plist version=\"1.0\"><array/></plist>");
    assert_eq!(known(&super::last_update(&never.machine())), Err(Unavailable::NotDetected));
    assert_eq!(known(&super::hotfixes(&never.machine())), Err(Unavailable::NotApplicable));
}

#[test]
fn the_screen_lock_is_known_where_an_administrator_sets_it() {
    let plutil = r#"{"askForPassword":true,"askForPasswordDelay":5,"idleTime":595}"#;
    let own = Mac::new().prints("usr/bin/plutil", plutil);
    assert_eq!(known(&super::screen_lock(&own.machine())), Err(Unavailable::Unsupported));
    let managed = own.file("Library/Managed Preferences/com.apple.screensaver.plist", "bplist00");
    let lock = known(&super::screen_lock(&managed.machine())).unwrap();
    assert_eq!((lock.on, lock.after), (true, Some(600)));
}

#[test]
fn macos_own_is_always_there_and_runs() {
    let mac = Mac::new();
    let written = std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(1_791_354_240);
    fs::File::options().write(true).open(mac.path(XPROTECT)).unwrap().set_modified(written).unwrap();
    let found = mac.antivirus();
    assert_eq!(found.len(), 1, "{found:?}");
    let own = of(Family::Xprotect, &found);
    assert_eq!(known(&own.running), Ok(true));
    assert_eq!(known(&own.definitions_version).as_deref(), Ok("5317"));
    assert_eq!(known(&own.definitions_at), Ok(TOLD));
    assert_eq!(known(&own.real_time), Err(Unavailable::Unsupported));
}

#[test]
fn only_an_extension_that_is_enabled_protects() {
    let pending = Mac::new()
        .prints("usr/bin/systemextensionsctl", &fixture("system_extensions/pending.txt"))
        .antivirus();
    assert_eq!(known(&of(Family::Sophos, &pending).running), Ok(false));
    assert_eq!(known(&of(Family::Symantec, &pending).real_time), Ok(RealTime::Off));
}

#[test]
fn defenders_extension_and_its_own_word() {
    let enabled =
        || Mac::new().prints("usr/bin/systemextensionsctl", &fixture("system_extensions/defender.txt"));
    let on = enabled().prints("usr/local/bin/mdatp", &fixture("mdatp/macos-on.json")).antivirus();
    let defender = of(Family::Defender, &on);
    assert_eq!((known(&defender.running), known(&defender.real_time)), (Ok(true), Ok(RealTime::On)));
    assert_eq!(known(&defender.definitions_current), Ok(true));
    let passive = enabled().prints("usr/local/bin/mdatp", &fixture("mdatp/linux-passive.json")).antivirus();
    assert_eq!(known(&of(Family::Defender, &passive).real_time), Ok(RealTime::Off));
    let silent = enabled().antivirus();
    assert_eq!(known(&of(Family::Defender, &silent).real_time), Err(Unavailable::NotDetected));
    let hanging = enabled().program("hang", "usr/local/bin/mdatp");
    let found = super::antivirus(&hanging.within(Duration::from_millis(400)), true);
    let found = known(&found).unwrap();
    assert_eq!(known(&of(Family::Defender, &found).real_time), Err(Unavailable::TimedOut));
    assert_eq!(known(&of(Family::Xprotect, &found).running), Ok(true));
}

#[test]
fn programs_without_an_extension_by_their_files_and_processes() {
    let mut header = b"ClamAV-VDB:07 Oct 2026 06-24 +0000:27500:1:90:md5:dsig:builder:0".to_vec();
    header.resize(512, b' ');
    let mac = Mac::new()
        .file("usr/local/clamav/sbin/clamd", "")
        .file("usr/local/clamav/share/clamav/daily.cvd", header)
        .file("Applications/ESET Endpoint Security.app/Contents/Info.plist", "");
    let found = mac.while_runs(82, "/usr/local/clamav/sbin/clamd");
    let clamav = of(Family::Clamav, &found);
    assert_eq!((known(&clamav.running), known(&clamav.definitions_at)), (Ok(true), Ok(TOLD)));
    assert_eq!(known(&clamav.real_time), Err(Unavailable::Unsupported));
    assert_eq!(known(&of(Family::Eset, &found).running), Ok(false));
    for (account, elsewhere) in
        [(501, "/usr/local/clamav/sbin/clamd"), (82, "/tmp/clamd"), (82, "/none/clamd")]
    {
        let mac = Mac::new().file("usr/local/clamav/sbin/clamd", "").file("tmp/clamd", "");
        fs::set_permissions(mac.path("tmp"), fs::Permissions::from_mode(0o1777)).unwrap();
        let found = mac.while_runs(account, elsewhere);
        assert_eq!(known(&of(Family::Clamav, &found).running), Ok(false), "{account} {elsewhere}");
    }
    let blind = mac.within(Duration::from_millis(400));
    let hangs = Pending::start(&blind, "processes", |_| {
        loop {
            std::thread::park();
        }
    });
    let found = known(&super::antivirus::with(&blind, false, hangs)).unwrap();
    assert_eq!(known(&of(Family::Clamav, &found).running), Err(Unavailable::TimedOut));
}

#[test]
fn what_somebody_else_could_have_put_there_is_neither_run_nor_believed() {
    let mac = Mac::new()
        .file("opt/homebrew/sbin/clamd", "")
        .prints("usr/bin/systemextensionsctl", &fixture("system_extensions/defender.txt"))
        .prints("usr/local/bin/mdatp", &fixture("mdatp/macos-on.json"))
        .prints("usr/bin/fdesetup", "true\n");
    for folder in ["opt/homebrew/sbin", "usr/local/bin"] {
        fs::set_permissions(mac.path(folder), fs::Permissions::from_mode(0o757)).unwrap();
    }
    let found = mac.while_runs(82, "/opt/homebrew/sbin/clamd");
    let clamav = of(Family::Clamav, &found);
    assert_eq!((known(&clamav.installed), known(&clamav.running)), (Ok(true), Err(Unavailable::Unsupported)));
    assert_eq!(known(&clamav.definitions_at), Err(Unavailable::Unsupported));
    let defender = of(Family::Defender, &found);
    assert_eq!(known(&defender.real_time), Err(Unavailable::PermissionDenied));
    assert!(known(&super::disk(&mac.machine())).is_ok(), "nobody else writes there");
}
