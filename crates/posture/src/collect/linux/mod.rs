//! Linux, from its files and its own programs.

mod antivirus;
mod clamav;
mod firewall;
mod processes;
mod screen_lock;

use jiff::tz::TimeZone;
use praya_model::Timestamp;
use sysinfo::System;

pub(super) use self::antivirus::antivirus;
pub(super) use self::firewall::firewall;
pub(super) use self::screen_lock::screen_lock;
use super::arch;
use super::machine::{Found, Machine};
use crate::decode::{Malformed, dpkg, efi, lsblk, os_release, rpm};
use crate::facts::{Disk, Fact, Os, Unavailable};

pub(super) fn os(machine: &Machine) -> Fact<Os> {
    let read = |path: &'static str| {
        let text = machine.text(path)?;
        let kernel = System::kernel_version().unwrap_or_default();
        Ok((os_release::os(&text, &kernel, &arch())?, path))
    };
    machine.fact(match read("/etc/os-release") {
        Err(Unavailable::NotDetected) => read("/usr/lib/os-release"),
        found => found,
    })
}

pub(super) fn disk(machine: &Machine) -> Fact<Disk> {
    let read = || -> Found<Disk> {
        let source = lsblk::root_source(&machine.text("/proc/self/mountinfo")?)?;
        let list = |columns| {
            let output = machine.run(&["/usr/bin/lsblk", "/bin/lsblk"], &["--json", "--output", columns])?;
            if output.success { Ok(output) } else { Err(Unavailable::Malformed) }
        };
        let list = match list(lsblk::COLUMNS) {
            Err(Unavailable::Malformed) => list(lsblk::OLD_COLUMNS)?,
            list => list?,
        };
        Ok((lsblk::system_disk(&list.stdout, &source)?.ok_or(Unavailable::Unsupported)?, "lsblk"))
    };
    machine.fact(read())
}

/// What tells when a log's last upgrade was.
type LastUpgrade = fn(&str, &TimeZone) -> Result<Option<Timestamp>, Malformed>;

/// Each program's, and the one that was put away before it.
const LOGS: [([&str; 2], LastUpgrade); 3] = [
    (["/var/log/dpkg.log", "/var/log/dpkg.log.1"], dpkg::last_upgrade),
    (["/var/log/dnf5.log", "/var/log/dnf5.log.1"], |log, _| rpm::last_dnf5_upgrade(log)),
    (["/var/log/dnf.rpm.log", "/var/log/dnf.rpm.log.1"], |log, _| rpm::last_upgrade(log)),
];

/// The last upgrade in the logs of dpkg and of both kinds of DNF. Other systems keep no log that says
/// whether a package was upgraded or newly installed.
pub(super) fn last_update(machine: &Machine) -> Fact<Timestamp> {
    let read = || -> Found<Timestamp> {
        let zone = machine.zone();
        let mut newest = None;
        let mut reason = Unavailable::Unsupported;
        for (paths, last_upgrade) in LOGS {
            for path in paths {
                let log = match machine.text(path) {
                    Ok(log) => log,
                    Err(Unavailable::NotDetected) => continue,
                    Err(other) => return Err(other),
                };
                if let Some(at) = last_upgrade(&log, &zone)? {
                    newest = newest.max(Some((at, path)));
                    break;
                }
                reason = Unavailable::NotDetected;
            }
        }
        newest.ok_or(reason)
    };
    machine.fact(read())
}

/// Windows' alone.
pub(super) fn hotfixes(_: &Machine) -> Fact<Vec<String>> {
    Fact::unavailable(Unavailable::NotApplicable)
}

pub(super) fn secure_boot(machine: &Machine) -> Fact<bool> {
    if !machine.exists("/sys/firmware/efi") {
        return Fact::unavailable(Unavailable::NotApplicable);
    }
    let variable = machine.read(&format!("/sys/firmware/efi/efivars/{}", efi::SECURE_BOOT));
    let read = || Ok((efi::secure_boot(&variable?)?, "efivarfs SecureBoot"));
    machine.fact(read())
}

/// macOS's alone.
pub(super) fn system_integrity(_: &Machine) -> Fact<bool> {
    Fact::unavailable(Unavailable::NotApplicable)
}

/// macOS's alone.
pub(super) fn gatekeeper(_: &Machine) -> Fact<bool> {
    Fact::unavailable(Unavailable::NotApplicable)
}
