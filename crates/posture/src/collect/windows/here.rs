//! This Windows, asked.

use std::collections::HashMap;
use std::path::PathBuf;

use praya_model::Timestamp;
use windows_registry::{LOCAL_MACHINE, Type, Value};
use wmi::{AuthLevel, Variant, WMIConnection, WMIError};

use super::{Listed, Provider, Row, System, settings, system_drive, wsc};
use crate::collect::machine::Machine;
use crate::facts::{Antivirus, Disk, Fact, Firewall, Os, ScreenLock, Unavailable};

pub(in crate::collect) fn os(machine: &Machine) -> Fact<Os> {
    machine.fact(settings::os(&Here))
}

pub(in crate::collect) fn antivirus(machine: &Machine, definitions: bool) -> Fact<Vec<Antivirus>> {
    super::antivirus::antivirus(machine, &Here, definitions)
}

pub(in crate::collect) fn firewall(machine: &Machine) -> Fact<Firewall> {
    machine.fact(settings::firewall(machine, &Here))
}

pub(in crate::collect) fn disk(machine: &Machine) -> Fact<Disk> {
    machine.fact(settings::disk(&Here))
}

pub(in crate::collect) fn last_update(machine: &Machine) -> Fact<Timestamp> {
    machine.fact(settings::last_update(machine, &Here))
}

pub(in crate::collect) fn hotfixes(machine: &Machine) -> Fact<Vec<String>> {
    machine.fact(settings::hotfixes(&Here))
}

pub(in crate::collect) fn screen_lock(machine: &Machine) -> Fact<ScreenLock> {
    machine.fact(settings::screen_lock(&Here))
}

pub(in crate::collect) fn secure_boot(machine: &Machine) -> Fact<bool> {
    machine.fact(settings::secure_boot(&Here))
}

/// macOS's alone.
pub(in crate::collect) fn system_integrity(_: &Machine) -> Fact<bool> {
    Fact::unavailable(Unavailable::NotApplicable)
}

/// macOS's alone.
pub(in crate::collect) fn gatekeeper(_: &Machine) -> Fact<bool> {
    Fact::unavailable(Unavailable::NotApplicable)
}

/// Where its files lie: the drive that it starts from.
pub(in crate::collect) fn root() -> PathBuf {
    let drive = system_drive(&Here).unwrap_or_else(|_| "C:".to_owned());
    PathBuf::from(drive + r"\")
}

#[derive(Clone, Copy)]
struct Here;

impl System for Here {
    fn values(&self, key: &str) -> Result<Row, Unavailable> {
        let key = LOCAL_MACHINE.open(key).map_err(|error| why(error.code().0))?;
        let values = key.values().map_err(|error| why(error.code().0))?;
        Ok(values.filter_map(|(name, value)| Some((name, text(value)?))).collect())
    }

    fn keys(&self, key: &str) -> Result<Vec<String>, Unavailable> {
        let key = LOCAL_MACHINE.open(key).map_err(|error| why(error.code().0))?;
        Ok(key.keys().map_err(|error| why(error.code().0))?.collect())
    }

    fn rows(&self, namespace: &str, query: &str) -> Result<Vec<Row>, Unavailable> {
        wsc::start().map_err(|error| why(error.code().0))?;
        let rows = query_rows(namespace, query).map_err(|error| {
            if let WMIError::HResultError { hres } = error { why(hres) } else { Unavailable::Malformed }
        })?;
        let row = |row: HashMap<String, Variant>| {
            row.into_iter().filter_map(|(name, value)| Some((name, written(value)?))).collect()
        };
        Ok(rows.into_iter().map(row).collect())
    }

    fn products(&self, provider: Provider) -> Result<Vec<Listed>, Unavailable> {
        wsc::products(provider).map_err(|error| why(error.code().0))
    }
}

fn query_rows(namespace: &str, query: &str) -> Result<Vec<HashMap<String, Variant>>, WMIError> {
    let connection = WMIConnection::with_namespace_path(namespace)?;
    // BitLocker's namespace answers nothing less.
    connection.set_proxy_blanket(AuthLevel::PktPrivacy)?;
    connection.raw_query(query)
}

fn text(value: Value) -> Option<String> {
    match value.ty() {
        Type::U32 => u32::try_from(value).ok().map(|number| number.to_string()),
        Type::U64 => u64::try_from(value).ok().map(|number| number.to_string()),
        Type::String | Type::ExpandString => String::try_from(value).ok(),
        Type::MultiString | Type::Bytes | Type::Other(_) => None,
    }
}

fn written(value: Variant) -> Option<String> {
    match value {
        Variant::String(text) => Some(text),
        Variant::Bool(truth) => Some(truth.to_string()),
        Variant::I1(number) => Some(number.to_string()),
        Variant::I2(number) => Some(number.to_string()),
        Variant::I4(number) => Some(number.to_string()),
        Variant::I8(number) => Some(number.to_string()),
        Variant::UI1(number) => Some(number.to_string()),
        Variant::UI2(number) => Some(number.to_string()),
        Variant::UI4(number) => Some(number.to_string()),
        Variant::UI8(number) => Some(number.to_string()),
        Variant::R4(_)
        | Variant::R8(_)
        | Variant::Empty
        | Variant::Null
        | Variant::Array(_)
        | Variant::Unknown(_)
        | Variant::Object(_) => None,
    }
}

/// Of the codes of Windows and of WMI (`wbemcli.h`) those that say why.
const fn why(code: i32) -> Unavailable {
    match code.cast_unsigned() {
        // ERROR_FILE_NOT_FOUND, ERROR_PATH_NOT_FOUND, REGDB_E_CLASSNOTREG, WBEM_E_NOT_FOUND, WBEM_E_INVALID_NAMESPACE,
        // WBEM_E_INVALID_CLASS
        0x8007_0002 | 0x8007_0003 | 0x8004_0154 | 0x8004_1002 | 0x8004_100e | 0x8004_1010 => {
            Unavailable::NotDetected
        }
        // ERROR_ACCESS_DENIED, WBEM_E_ACCESS_DENIED
        0x8007_0005 | 0x8004_1003 => Unavailable::PermissionDenied,
        // WBEM_E_TIMED_OUT
        0x8004_1069 => Unavailable::TimedOut,
        _ => Unavailable::Malformed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_windows_answers_and_what_it_lacks_is_not_detected() {
        let version = Here.values(r"SOFTWARE\Microsoft\Windows NT\CurrentVersion").unwrap();
        assert!(version.contains_key("CurrentBuild"), "{version:?}");
        assert!(Here.keys("SOFTWARE").unwrap().iter().any(|key| key == "Microsoft"));
        assert_eq!(Here.values(r"SOFTWARE\Nobody\At\All"), Err(Unavailable::NotDetected));
        assert_eq!(Here.keys(r"SOFTWARE\Nobody\At\All"), Err(Unavailable::NotDetected));

        let services = Here.rows(r"ROOT\CIMV2", "SELECT Name FROM Win32_Service WHERE State = 'Running'");
        assert!(services.unwrap().iter().any(|row| row.contains_key("Name")));
        let system = Here.rows(r"ROOT\CIMV2", "SELECT * FROM Win32_OperatingSystem").unwrap();
        assert_eq!(system.len(), 1);
        assert_eq!(system[0].get("Primary").map(String::as_str), Some("true"));
        assert_eq!(Here.rows(r"ROOT\Praya\Nothing", "SELECT * FROM Nothing"), Err(Unavailable::NotDetected));
    }

    #[test]
    fn security_center_is_asked_by_its_own_interface_and_where_there_is_none_that_is_all() {
        for provider in [Provider::Antivirus, Provider::Firewall] {
            match Here.products(provider) {
                Ok(rows) => assert!(rows.iter().all(|row| !row.name.is_empty()), "{rows:?}"),
                Err(reason) => assert_eq!(reason, Unavailable::NotDetected, "{provider:?}"),
            }
        }
    }

    #[test]
    fn its_files_lie_on_the_drive_that_it_starts_from() {
        assert!(root().is_dir() && root().join("windows").is_dir(), "{:?}", root());
    }

    #[test]
    fn codes_that_say_why() {
        for (code, reason) in [
            (0x8004_0154, Unavailable::NotDetected),
            (0x8004_100e, Unavailable::NotDetected),
            (0x8004_1010, Unavailable::NotDetected),
            (0x8007_0005, Unavailable::PermissionDenied),
            (0x8004_1003, Unavailable::PermissionDenied),
            (0x8004_1069, Unavailable::TimedOut),
            (0x8004_1001, Unavailable::Malformed),
        ] {
            assert_eq!(why(u32::cast_signed(code)), reason, "{code:x}");
        }
    }
}
