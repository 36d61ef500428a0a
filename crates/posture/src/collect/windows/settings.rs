//! The system's own: its version, firewall, system drive, updates, lock and firmware.

use praya_model::Timestamp;

use super::antivirus::{CENTER, CENTER_LIMIT};
use super::{Asked, Provider, Row, System, VERSION, number, system_drive, value};
use crate::collect::arch;
use crate::collect::machine::{Found, Machine};
use crate::decode::{date, firewall_profiles, product_state, said, updates, volume, windows_version, wsc};
use crate::facts::{Disk, Firewall, MAX_HOTFIXES, Os, RealTime, ScreenLock, Unavailable};

const CIM: &str = r"ROOT\CIMV2";

pub(super) fn os(system: &impl System) -> Found<Os> {
    let values = system.values(VERSION)?;
    let values: Vec<(&str, &str)> =
        values.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    Ok((windows_version::os(&values, &arch())?, "registry: Windows NT\\CurrentVersion"))
}

/// The system's own, or another maker's that Security Center lists as on.
pub(super) fn firewall(machine: &Machine, system: &impl System) -> Found<Firewall> {
    let products = Asked::products(machine, system, Provider::Firewall);
    let own = own_firewall(system);
    if own.as_ref().is_ok_and(|(firewall, _)| firewall.on) {
        return own;
    }
    let another = match products.answer_within(machine, CENTER_LIMIT) {
        Ok(rows) if !rows.is_empty() => {
            rows.iter().find_map(wsc::other_firewall).map(|firewall| (firewall, "IWSCProductList"))
        }
        Ok(_) | Err(_) => listed_firewall(machine, system),
    };
    another.map_or(own, Ok)
}

/// What WMI has of Security Center's list.
fn listed_firewall(machine: &Machine, system: &impl System) -> Option<(Firewall, &'static str)> {
    let products = Asked::query(machine, system, CENTER, "SELECT * FROM FirewallProduct");
    products.answer(machine).ok()?.into_iter().find_map(|row| {
        let state = product_state::product_state(number(&row, "productState").ok()?);
        let name = said(value(&row, "displayName").ok()?)?;
        let another = state.real_time == Some(RealTime::On) && state.microsoft != Some(true);
        another.then_some((Firewall { name, on: true }, "SecurityCenter2: FirewallProduct"))
    })
}

/// What group policy says of a profile comes before what is set on the machine.
fn own_firewall(system: &impl System) -> Found<Firewall> {
    const POLICY: &str = r"SOFTWARE\Policies\Microsoft\WindowsFirewall";
    const MACHINE: &str = r"SYSTEM\CurrentControlSet\Services\SharedAccess\Parameters\FirewallPolicy";
    let enabled = |folder: &str, name: &str| {
        number::<u32>(&system.values(&format!(r"{folder}\{name}"))?, "EnableFirewall")
    };
    let mut profiles = Vec::new();
    for (policies, name) in [
        (&["DomainProfile"][..], "DomainProfile"),
        (&["PrivateProfile", "StandardProfile"], "StandardProfile"),
        (&["PublicProfile"], "PublicProfile"),
    ] {
        let policy = policies.iter().find_map(|policy| enabled(POLICY, policy).ok());
        profiles.push((name, policy.map_or_else(|| enabled(MACHINE, name), Ok)?));
    }
    let mut firewall = firewall_profiles::firewall(profiles)?;
    if firewall.on {
        let service = system.rows(CIM, "SELECT State FROM Win32_Service WHERE Name = 'MpsSvc'")?;
        firewall.on = service.iter().any(|row| value(row, "State") == Ok("Running"));
    }
    Ok((firewall, "registry: FirewallPolicy"))
}

pub(super) fn disk(system: &impl System) -> Found<Disk> {
    let drive = system_drive(system)?;
    let volumes = system.rows(
        r"ROOT\CIMV2\Security\MicrosoftVolumeEncryption",
        &format!("SELECT * FROM Win32_EncryptableVolume WHERE DriveLetter = '{drive}'"),
    )?;
    let volume = volumes.first().ok_or(Unavailable::NotDetected)?;
    Ok((volume::protection_status(number(volume, "ProtectionStatus")?)?, "Win32_EncryptableVolume"))
}

/// The newest package of Component Based Servicing. `Win32_QuickFixEngineering`, which lists the same, is asked where
/// the registry has none: it is slow, and its dates have no fixed form.
pub(super) fn last_update(machine: &Machine, system: &impl System) -> Found<Timestamp> {
    const PACKAGES: &str = r"SOFTWARE\Microsoft\Windows\CurrentVersion\Component Based Servicing\Packages";
    let newest = |times: Vec<Timestamp>| times.into_iter().filter(|&at| at <= machine.now).max();
    let packages = system.keys(PACKAGES).unwrap_or_default();
    let packages = packages.iter().filter(|name| updates::is_update(name));
    let installed =
        packages.filter_map(|name| installed_at(&system.values(&format!(r"{PACKAGES}\{name}")).ok()?));
    if let Some(at) = newest(installed.collect()) {
        return Ok((at, "registry: Component Based Servicing"));
    }
    let fixes = system.rows(CIM, "SELECT InstalledOn FROM Win32_QuickFixEngineering")?;
    let dates = fixes.iter().filter_map(|row| updates::installed_on(value(row, "InstalledOn").ok()?).ok());
    Ok((newest(dates.collect()).ok_or(Unavailable::NotDetected)?, "Win32_QuickFixEngineering"))
}

/// What Component Based Servicing has installed, by name. The newest where there are more than are told.
pub(super) fn hotfixes(system: &impl System) -> Found<Vec<String>> {
    let fixes = system.rows(CIM, "SELECT HotFixID FROM Win32_QuickFixEngineering")?;
    let names = fixes.iter().filter_map(|row| value(row, "HotFixID").ok());
    Ok((updates::hotfixes(names, MAX_HOTFIXES), "Win32_QuickFixEngineering"))
}

fn installed_at(package: &Row) -> Option<Timestamp> {
    if number::<u32>(package, "CurrentState").ok()? != updates::INSTALLED {
        return None;
    }
    let high: u32 = number(package, "InstallTimeHigh").ok()?;
    let low: u32 = number(package, "InstallTimeLow").ok()?;
    date::filetime(u64::from(high) << 32 | u64::from(low)).ok()
}

/// The machine's limit of inactivity. Screen savers are persons' own settings, which the service does not read.
pub(super) fn screen_lock(system: &impl System) -> Found<ScreenLock> {
    let policy = system.values(r"SOFTWARE\Microsoft\Windows\CurrentVersion\Policies\System");
    match policy.and_then(|policy| number(&policy, "InactivityTimeoutSecs")) {
        Ok(0) | Err(Unavailable::NotDetected) => Err(Unavailable::Unsupported),
        Ok(after) => Ok((ScreenLock { on: true, after: Some(after) }, "registry: InactivityTimeoutSecs")),
        Err(reason) => Err(reason),
    }
}

pub(super) fn secure_boot(system: &impl System) -> Found<bool> {
    const CONTROL: &str = r"SYSTEM\CurrentControlSet\Control";
    const BIOS: u32 = 1;
    let state = system.values(&format!(r"{CONTROL}\SecureBoot\State"));
    match state.and_then(|state| number::<u32>(&state, "UEFISecureBootEnabled")) {
        Ok(on @ (0 | 1)) => Ok((on == 1, "registry: UEFISecureBootEnabled")),
        Ok(_) => Err(Unavailable::Malformed),
        Err(reason) => {
            let firmware = system.values(CONTROL).and_then(|control| number(&control, "PEFirmwareType"));
            Err(if firmware == Ok(BIOS) { Unavailable::NotApplicable } else { reason })
        }
    }
}
