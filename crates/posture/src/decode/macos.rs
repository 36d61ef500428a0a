//! What macOS's own programs print: `sw_vers`, `socketfilterfw`, `fdesetup`, `csrutil`, `spctl`, `system_profiler` and
//! `plutil` (4B).

use serde::Deserialize;

use super::{Malformed, clip};
use crate::facts::{Disk, Firewall, Os, OsFamily, ScreenLock};

/// `sw_vers`. The release is the first number, and the first two before macOS 11.
///
/// # Errors
/// Without a version.
pub fn os(output: &str, arch: &str) -> Result<Os, Malformed> {
    let value = |wanted: &str| {
        let rows = output.lines().filter_map(|line| line.split_once(':'));
        rows.filter(|(name, _)| name.trim() == wanted).map(|(_, value)| value.trim()).next()
    };
    let version = value("ProductVersion").ok_or(Malformed("a version of macOS"))?;
    let mut numbers = version.split('.');
    let major =
        numbers.next().filter(|major| major.parse::<u16>().is_ok()).ok_or(Malformed("a version of macOS"))?;
    let release = match (major, numbers.next()) {
        ("10", Some(minor)) => format!("10.{minor}"),
        _ => major.to_owned(),
    };
    Ok(Os {
        family: OsFamily::Macos,
        product: "macos".to_owned(),
        title: clip(&format!("macOS {version}")),
        version: clip(&release),
        build: clip(value("BuildVersion").unwrap_or_default()),
        edition: None,
        server: false,
        arch: clip(arch),
    })
}

/// `socketfilterfw --getglobalstate`: state 1 filters, 2 blocks all but what the system needs.
///
/// # Errors
/// Without one of the three states.
pub fn firewall(output: &str) -> Result<Firewall, Malformed> {
    let wrong = Malformed("a state of the firewall");
    let (_, state) = output.split_once("(State = ").ok_or(wrong)?;
    let on = match state.split_once(')').ok_or(wrong)?.0 {
        "0" => false,
        "1" | "2" => true,
        _ => return Err(wrong),
    };
    Ok(Firewall { name: "macOS".to_owned(), on })
}

/// `fdesetup isactive`.
///
/// # Errors
/// When it is neither `true` nor `false`.
pub fn disk(output: &str) -> Result<Disk, Malformed> {
    match output.trim() {
        "true" => Ok(Disk { encrypted_by: Some("FileVault".to_owned()) }),
        "false" => Ok(Disk { encrypted_by: None }),
        _ => Err(Malformed("a state of FileVault")),
    }
}

/// `csrutil status`: whether System Integrity Protection is on as a whole. A configuration of someone's own is not.
///
/// # Errors
/// Without a status.
pub fn system_integrity(output: &str) -> Result<bool, Malformed> {
    let wrong = Malformed("a status of System Integrity Protection");
    let (_, status) = output.split_once("System Integrity Protection status:").ok_or(wrong)?;
    match status.split_whitespace().next() {
        Some("enabled.") => Ok(true),
        // `enabled (Custom Configuration).` and `unknown (Custom Configuration).`
        Some("disabled." | "enabled" | "unknown") => Ok(false),
        _ => Err(wrong),
    }
}

/// `spctl --status`: whether Gatekeeper assesses programs.
///
/// # Errors
/// Without a status.
pub fn gatekeeper(output: &str) -> Result<bool, Malformed> {
    match output.lines().next().map(str::trim) {
        Some("assessments enabled") => Ok(true),
        Some("assessments disabled") => Ok(false),
        _ => Err(Malformed("a status of Gatekeeper")),
    }
}

/// `system_profiler SPiBridgeDataType`: whether the machine starts signed systems only, which *full*, *medium* and
/// *reduced* security do. `None` where it does not say.
///
/// # Errors
/// When the setting has none of these words.
pub fn secure_boot(output: &str) -> Result<Option<bool>, Malformed> {
    let mut rows = output.lines().filter_map(|line| line.trim().split_once(':'));
    let Some((_, setting)) = rows.find(|(name, _)| *name == "Secure Boot") else {
        return Ok(None);
    };
    match setting.trim() {
        "Full Security" | "Medium Security" | "Reduced Security" => Ok(Some(true)),
        "Permissive Security" | "No Security" => Ok(Some(false)),
        _ => Err(Malformed("a setting of Secure Boot")),
    }
}

/// The payload `com.apple.screensaver` in JSON, as `plutil` writes it: the screen locks when the screen saver begins and
/// asks for the password. `None` where one of the two is left to the person.
///
/// # Errors
/// When it is no such payload.
pub fn screen_lock(payload: &[u8]) -> Result<Option<ScreenLock>, Malformed> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Payload {
        ask_for_password: Option<Truth>,
        ask_for_password_delay: Option<u32>,
        idle_time: Option<u32>,
    }
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Truth {
        Bool(bool),
        Number(u32),
    }
    let payload: Payload =
        serde_json::from_slice(payload).map_err(|_| Malformed("settings of the screen saver"))?;
    let asks = payload.ask_for_password.map(|asks| match asks {
        Truth::Bool(asks) => asks,
        Truth::Number(asks) => asks != 0,
    });
    Ok(match (asks, payload.idle_time) {
        (Some(false), _) | (_, Some(0)) => Some(ScreenLock { on: false, after: None }),
        (Some(true), Some(idle)) => {
            let after = idle.saturating_add(payload.ask_for_password_delay.unwrap_or(0));
            Some(ScreenLock { on: true, after: Some(after) })
        }
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases() {
        for (version, build, release) in [
            ("26.0.1", "25A362", "26"),
            ("15.6.1", "24G90", "15"),
            ("10.15.7", "19H2026", "10.15"),
            ("11.7", "20G817", "11"),
        ] {
            let output =
                format!("ProductName:\t\tmacOS\nProductVersion:\t\t{version}\nBuildVersion:\t\t{build}\n");
            let os = os(&output, "aarch64").unwrap();
            assert_eq!((os.version.as_str(), os.build.as_str()), (release, build));
            assert_eq!((os.title, os.product.as_str()), (format!("macOS {version}"), "macos"));
        }
        assert!(os("", "").is_err() && os("ProductVersion: new", "").is_err());
    }

    #[test]
    fn the_three_states_of_the_firewall() {
        for (output, on) in [
            ("Firewall is disabled. (State = 0)\n", Ok(false)),
            ("Firewall is enabled. (State = 1)\n", Ok(true)),
            ("Firewall is blocking all non-essential incoming connections. (State = 2)\n", Ok(true)),
            ("Firewall is enabled. (State = 3)", Err(())),
            ("Firewall is enabled.", Err(())),
            ("", Err(())),
        ] {
            assert_eq!(firewall(output).map(|firewall| firewall.on).map_err(|_| ()), on, "{output}");
        }
    }

    #[test]
    fn the_disk_the_system_and_its_programs() {
        assert_eq!(disk("true\n").unwrap().encrypted_by.as_deref(), Some("FileVault"));
        assert_eq!(disk("false\n").unwrap().encrypted_by, None);
        assert!(disk("").is_err());
        for (output, on) in [
            ("System Integrity Protection status: enabled.\n", Ok(true)),
            ("System Integrity Protection status: disabled.\n", Ok(false)),
            (
                "System Integrity Protection status: unknown (Custom Configuration).\n\nConfiguration:\n",
                Ok(false),
            ),
            ("System Integrity Protection status: enabled (Custom Configuration).\n", Ok(false)),
            ("csrutil: command not found", Err(())),
        ] {
            assert_eq!(system_integrity(output).map_err(|_| ()), on, "{output}");
        }
        assert_eq!(gatekeeper("assessments enabled\n"), Ok(true));
        assert_eq!(gatekeeper("assessments disabled\ndeveloper id enabled\n"), Ok(false));
        assert!(gatekeeper("").is_err());
    }

    #[test]
    fn signed_systems() {
        let output =
            |setting: &str| format!("Controller:\n\n      Boot Policy:\n          Secure Boot: {setting}\n");
        for (setting, signed) in [
            ("Full Security", Ok(Some(true))),
            ("Reduced Security", Ok(Some(true))),
            ("No Security", Ok(Some(false))),
            ("Permissive Security", Ok(Some(false))),
            ("Some Security", Err(())),
        ] {
            assert_eq!(secure_boot(&output(setting)).map_err(|_| ()), signed, "{setting}");
        }
        assert_eq!(secure_boot(""), Ok(None));
    }

    #[test]
    fn the_lock_that_an_administrator_sets() {
        let on = |after| Ok(Some(ScreenLock { on: true, after: Some(after) }));
        let off = Ok(Some(ScreenLock { on: false, after: None }));
        for (payload, lock) in [
            (r#"{"askForPassword":true,"idleTime":600}"#, on(600)),
            (
                r#"{"askForPassword":1,"askForPasswordDelay":5,"idleTime":300,"loginWindowIdleTime":0}"#,
                on(305),
            ),
            (r#"{"askForPassword":false,"idleTime":600}"#, off.clone()),
            (r#"{"askForPassword":true,"idleTime":0}"#, off),
            (r#"{"askForPassword":true}"#, Ok(None)),
            (r#"{"idleTime":600}"#, Ok(None)),
            ("{}", Ok(None)),
        ] {
            assert_eq!(screen_lock(payload.as_bytes()), lock, "{payload}");
        }
        assert!(screen_lock(b"").is_err() && screen_lock(br#"{"idleTime":-1}"#).is_err());
    }
}
