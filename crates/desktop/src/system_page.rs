//! The page of the system's own settings on which a person puts a finding of the endpoint check right: a pure choice
//! among fixed addresses and programs. Nothing that a gateway says is part of it but which check it is about.

use std::collections::BTreeSet;

use praya_model::posture::Check;

use crate::open::Os;

/// A page of the system's settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SystemPage {
    /// An address that the system opens with its own settings.
    Address(&'static str),
    /// A program and its arguments.
    Program {
        /// Its whole path.
        program: &'static str,
        /// Its arguments.
        args: &'static [&'static str],
    },
}

/// What there is to open such pages with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Surroundings {
    /// The system.
    pub os: Os,
    /// The desktop in use (`XDG_CURRENT_DESKTOP`), where the system has several: its names, between colons.
    pub desktop: String,
    /// Which of [`programs`] are there and may be run.
    pub programs: BTreeSet<&'static str>,
}

/// Pages of Windows' settings and of its Security app.
const WINDOWS: &[(Check, &str)] = &[
    (Check::OperatingSystem, "ms-settings:windowsupdate"),
    (Check::Updates, "ms-settings:windowsupdate"),
    (Check::Hotfixes, "ms-settings:windowsupdate"),
    (Check::Antivirus, "windowsdefender://threat"),
    (Check::AntivirusDefinitions, "windowsdefender://threat"),
    (Check::Firewall, "windowsdefender://network"),
    (Check::DiskEncryption, "ms-settings:deviceencryption"),
    (Check::ScreenLock, "ms-settings:lockscreen"),
    (Check::SecureBoot, "windowsdefender://devicesecurity"),
];

/// Pages of macOS' System Settings, by the names that they have since macOS 13.
const MACOS: &[(Check, &str)] = &[
    (Check::OperatingSystem, "x-apple.systempreferences:com.apple.Software-Update-Settings.extension"),
    (Check::Updates, "x-apple.systempreferences:com.apple.Software-Update-Settings.extension"),
    (Check::Firewall, "x-apple.systempreferences:com.apple.Network-Settings.extension?Firewall"),
    (
        Check::DiskEncryption,
        "x-apple.systempreferences:com.apple.settings.PrivacySecurity.extension?FileVault",
    ),
    (Check::ScreenLock, "x-apple.systempreferences:com.apple.Lock-Screen-Settings.extension"),
    (Check::Gatekeeper, "x-apple.systempreferences:com.apple.settings.PrivacySecurity.extension?Security"),
];

/// A desktop whose own programs come first there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Home {
    Gnome,
    Kde,
    Any,
}

/// A program of Linux desktops: what it is for, whose it is, and its arguments.
struct Panel {
    checks: &'static [Check],
    home: Home,
    /// It gives up on every other desktop.
    only_at_home: bool,
    program: &'static str,
    args: &'static [&'static str],
}

const SETTINGS_OF_GNOME: &str = "/usr/bin/gnome-control-center";
const SETTINGS_OF_KDE: &str = "/usr/bin/systemsettings";
const UPDATES: &[Check] = &[Check::Updates, Check::OperatingSystem];

/// Those of one check in the order in which they are tried.
const PANELS: &[Panel] = &[
    panel(UPDATES, Home::Gnome, "/usr/bin/gnome-software", &["--mode=updates"]),
    panel(UPDATES, Home::Kde, "/usr/bin/plasma-discover", &["--mode", "update"]),
    panel(UPDATES, Home::Any, "/usr/bin/update-manager", &[]),
    panel(&[Check::Firewall], Home::Any, "/usr/bin/gufw", &[]),
    panel(&[Check::Firewall], Home::Any, "/usr/bin/firewall-config", &[]),
    Panel { only_at_home: true, ..panel(&[Check::ScreenLock], Home::Gnome, SETTINGS_OF_GNOME, &["privacy"]) },
    panel(&[Check::ScreenLock], Home::Kde, SETTINGS_OF_KDE, &["kcm_screenlocker"]),
    panel(&[Check::ScreenLock], Home::Any, "/usr/bin/xfce4-screensaver-preferences", &[]),
    panel(&[Check::ScreenLock], Home::Any, "/usr/bin/mate-screensaver-preferences", &[]),
];

const fn panel(
    checks: &'static [Check],
    home: Home,
    program: &'static str,
    args: &'static [&'static str],
) -> Panel {
    Panel { checks, home, only_at_home: false, program, args }
}

/// The programs that a page may name, for the shell to look for.
pub fn programs() -> impl Iterator<Item = &'static str> {
    PANELS.iter().map(|panel| panel.program)
}

/// The page for `check`, where the system has one.
pub fn system_page(check: Check, here: &Surroundings) -> Option<SystemPage> {
    match here.os {
        Os::Windows => address(WINDOWS, check),
        Os::MacOs => address(MACOS, check),
        Os::Linux => of_linux(check, here),
    }
}

fn address(pages: &[(Check, &'static str)], check: Check) -> Option<SystemPage> {
    pages.iter().find(|(of, _)| *of == check).map(|(_, address)| SystemPage::Address(address))
}

fn of_linux(check: Check, here: &Surroundings) -> Option<SystemPage> {
    let at_home = |panel: &&Panel| panel.home == home(&here.desktop);
    let there = |panel: &&Panel| panel.checks.contains(&check) && here.programs.contains(panel.program);
    let of_this_desktop = PANELS.iter().filter(there).find(at_home);
    let panel = of_this_desktop.or_else(|| PANELS.iter().filter(there).find(|panel| !panel.only_at_home))?;
    Some(SystemPage::Program { program: panel.program, args: panel.args })
}

fn home(desktop: &str) -> Home {
    let is = |name: &str| desktop.split(':').any(|one| one.eq_ignore_ascii_case(name));
    if is("GNOME") || is("Unity") {
        Home::Gnome
    } else if is("KDE") {
        Home::Kde
    } else {
        Home::Any
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn here(os: Os, desktop: &str, programs: &[&'static str]) -> Surroundings {
        Surroundings { os, desktop: desktop.into(), programs: programs.iter().copied().collect() }
    }

    #[test]
    fn each_system_has_its_pages() {
        let update = "x-apple.systempreferences:com.apple.Software-Update-Settings.extension";
        let privacy = "x-apple.systempreferences:com.apple.settings.PrivacySecurity.extension";
        let (vault, gatekeeper) = (format!("{privacy}?FileVault"), format!("{privacy}?Security"));
        for (check, windows, macos) in [
            (Check::OperatingSystem, "ms-settings:windowsupdate", update),
            (Check::Updates, "ms-settings:windowsupdate", update),
            (Check::Hotfixes, "ms-settings:windowsupdate", ""),
            (Check::Antivirus, "windowsdefender://threat", ""),
            (Check::AntivirusDefinitions, "windowsdefender://threat", ""),
            (
                Check::Firewall,
                "windowsdefender://network",
                "x-apple.systempreferences:com.apple.Network-Settings.extension?Firewall",
            ),
            (Check::DiskEncryption, "ms-settings:deviceencryption", &vault),
            (
                Check::ScreenLock,
                "ms-settings:lockscreen",
                "x-apple.systempreferences:com.apple.Lock-Screen-Settings.extension",
            ),
            (Check::SecureBoot, "windowsdefender://devicesecurity", ""),
            (Check::Gatekeeper, "", &gatekeeper),
            (Check::SystemIntegrity, "", ""),
        ] {
            let address = |os| match system_page(check, &here(os, "", &[])) {
                Some(SystemPage::Address(address)) => address,
                other => other.map_or("", |page| panic!("{page:?}")),
            };
            assert_eq!((address(Os::Windows), address(Os::MacOs)), (windows, macos), "{check:?}");
        }
    }

    #[test]
    fn on_linux_it_is_the_desktop_s_own_program_before_another_and_none_where_none_is_there() {
        let all: Vec<&str> = programs().collect();
        let updaters = ["/usr/bin/gnome-software", "/usr/bin/plasma-discover", "/usr/bin/update-manager"];
        for (check, desktop, programs, expected) in [
            (Check::Updates, "GNOME", &all[..], "gnome-software --mode=updates"),
            (Check::Updates, "ubuntu:GNOME", &all, "gnome-software --mode=updates"),
            (Check::Updates, "KDE", &all, "plasma-discover --mode update"),
            (Check::Updates, "XFCE", &all, "update-manager"),
            (Check::Updates, "XFCE", &updaters[..2], "gnome-software --mode=updates"),
            (Check::Updates, "GNOME", &updaters[1..], "plasma-discover --mode update"),
            (Check::OperatingSystem, "", &updaters[2..], "update-manager"),
            (Check::Updates, "GNOME", &[], ""),
            (Check::Firewall, "GNOME", &all, "gufw"),
            (Check::Firewall, "GNOME", &["/usr/bin/firewall-config"], "firewall-config"),
            (Check::ScreenLock, "GNOME", &all, "gnome-control-center privacy"),
            (Check::ScreenLock, "kde", &all, "systemsettings kcm_screenlocker"),
            (Check::ScreenLock, "XFCE", &all, "xfce4-screensaver-preferences"),
            (Check::ScreenLock, "XFCE", &[SETTINGS_OF_GNOME], ""),
            (Check::ScreenLock, "XFCE", &[SETTINGS_OF_KDE], "systemsettings kcm_screenlocker"),
            (Check::Antivirus, "GNOME", &all, ""),
            (Check::DiskEncryption, "GNOME", &all, ""),
            (Check::SecureBoot, "KDE", &all, ""),
        ] {
            let page = match system_page(check, &here(Os::Linux, desktop, programs)) {
                Some(SystemPage::Program { program, args }) => {
                    let name = program.strip_prefix("/usr/bin/").expect("a whole path");
                    [&[name], args].concat().join(" ")
                }
                other => other.map_or(String::new(), |page| panic!("{page:?}")),
            };
            assert_eq!(page, expected, "{check:?} {desktop} {programs:?}");
        }
    }
}
