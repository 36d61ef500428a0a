//! Linux, from its files and its own programs.

mod antivirus;
mod clamav;
mod firewall;
mod processes;
mod screen_lock;

use std::env::consts::ARCH;

use praya_model::Timestamp;

pub(super) use self::antivirus::antivirus;
pub(super) use self::firewall::firewall;
pub(super) use self::screen_lock::screen_lock;
use super::machine::{Found, Machine};
use crate::decode::{dpkg, efi, lsblk, os_release, rpm};
use crate::facts::{Disk, Fact, Os, Unavailable};

pub(super) fn os(machine: &Machine) -> Fact<Os> {
    let read = |path: &'static str| {
        let text = machine.text(path)?;
        let kernel = machine.text("/proc/sys/kernel/osrelease").unwrap_or_default();
        Ok((os_release::os(&text, &kernel, ARCH)?, path))
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

/// The last upgrade in the logs of dpkg or DNF, this month's or the last's. Other systems keep no log that says whether
/// a package was upgraded or newly installed.
pub(super) fn last_update(machine: &Machine) -> Fact<Timestamp> {
    let read = || -> Found<Timestamp> {
        let zone = machine.zone();
        let logs: [(&'static str, bool); 4] = [
            ("/var/log/dpkg.log", true),
            ("/var/log/dpkg.log.1", true),
            ("/var/log/dnf.rpm.log", false),
            ("/var/log/dnf.rpm.log.1", false),
        ];
        let mut reason = Unavailable::Unsupported;
        for (path, is_dpkg) in logs {
            let log = match machine.text(path) {
                Ok(log) => log,
                Err(Unavailable::NotDetected) => continue,
                Err(other) => return Err(other),
            };
            let upgrade = if is_dpkg { dpkg::last_upgrade(&log, &zone) } else { rpm::last_upgrade(&log) };
            match upgrade? {
                Some(at) => return Ok((at, path)),
                None => reason = Unavailable::NotDetected,
            }
        }
        Err(reason)
    };
    machine.fact(read())
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
