//! macOS, from its files and its own programs (4B).

mod antivirus;
mod processes;
#[cfg(test)]
mod tests;

use praya_model::Timestamp;

pub(super) use self::antivirus::antivirus;
use super::arch;
use super::machine::{Found, Machine};
use crate::decode::{macos, updates};
use crate::facts::{Disk, Fact, Firewall, Os, ScreenLock, Unavailable};

pub(super) fn os(machine: &Machine) -> Fact<Os> {
    let read = || Ok((macos::os(&machine.run(&["/usr/bin/sw_vers"], &[])?.text(), &arch())?, "sw_vers"));
    machine.fact(read())
}

pub(super) fn firewall(machine: &Machine) -> Fact<Firewall> {
    let read = || {
        let program = "/usr/libexec/ApplicationFirewall/socketfilterfw";
        let output = machine.run(&[program], &["--getglobalstate"])?;
        Ok((macos::firewall(&output.text())?, "socketfilterfw"))
    };
    machine.fact(read())
}

pub(super) fn disk(machine: &Machine) -> Fact<Disk> {
    let read = || {
        let output = machine.run(&["/usr/bin/fdesetup"], &["isactive"])?;
        Ok((macos::disk(&output.text())?, "fdesetup"))
    };
    machine.fact(read())
}

pub(super) fn last_update(machine: &Machine) -> Fact<Timestamp> {
    const HISTORY: &str = "/Library/Receipts/InstallHistory.plist";
    let read = || {
        let updated = updates::macos(&machine.text(HISTORY)?)?;
        Ok((updated.ok_or(Unavailable::NotDetected)?, HISTORY))
    };
    machine.fact(read())
}

/// What an administrator has set for the machine; what is left to a person is that person's own setting, which the
/// service does not read.
pub(super) fn screen_lock(machine: &Machine) -> Fact<ScreenLock> {
    const MANAGED: &str = "/Library/Managed Preferences/com.apple.screensaver.plist";
    let read = || -> Found<ScreenLock> {
        if !machine.exists(MANAGED) {
            return Err(Unavailable::Unsupported);
        }
        let file = machine.path(MANAGED);
        let file = file.to_str().ok_or(Unavailable::Malformed)?;
        let output = machine.run(&["/usr/bin/plutil"], &["-convert", "json", "-o", "-", file])?;
        Ok((macos::screen_lock(&output.stdout)?.ok_or(Unavailable::Unsupported)?, MANAGED))
    };
    machine.fact(read())
}

/// Windows' alone.
pub(super) fn hotfixes(_: &Machine) -> Fact<Vec<String>> {
    Fact::unavailable(Unavailable::NotApplicable)
}

pub(super) fn secure_boot(machine: &Machine) -> Fact<bool> {
    let read = || {
        let output = machine.run(&["/usr/sbin/system_profiler"], &["SPiBridgeDataType"])?;
        // A Mac without a chip for it has nothing to print; one that failed neither.
        let silent = output.stdout.trim_ascii().is_empty();
        let none = match (output.success, silent) {
            (true, true) => Unavailable::NotApplicable,
            (true, false) => Unavailable::Unsupported,
            (false, _) => return Err(Unavailable::Malformed),
        };
        let signed = macos::secure_boot(&output.text())?;
        Ok((signed.ok_or(none)?, "system_profiler SPiBridgeDataType"))
    };
    machine.fact(read())
}

pub(super) fn system_integrity(machine: &Machine) -> Fact<bool> {
    let read = || {
        let output = machine.run(&["/usr/bin/csrutil"], &["status"])?;
        Ok((macos::system_integrity(&output.text())?, "csrutil"))
    };
    machine.fact(read())
}

pub(super) fn gatekeeper(machine: &Machine) -> Fact<bool> {
    let read = || {
        let output = machine.run(&["/usr/sbin/spctl"], &["--status"])?;
        Ok((macos::gatekeeper(&output.text())?, "spctl"))
    };
    machine.fact(read())
}
