//! dpkg's database and its log.

use jiff::tz::TimeZone;
use praya_model::Timestamp;

use super::{Malformed, date, said};

/// The version of `package` in `/var/lib/dpkg/status`; `None` if it is not installed.
pub fn version(status: &str, package: &str) -> Option<String> {
    status.split("\n\n").find_map(|block| {
        let field = |wanted: &str| {
            let fields = block.lines().filter_map(|line| line.split_once(": "));
            fields.filter(|(name, _)| *name == wanted).map(|(_, value)| value).next()
        };
        if field("Package") != Some(package) || !field("Status")?.ends_with(" installed") {
            return None;
        }
        said(field("Version")?)
    })
}

/// When a package was upgraded last, from a `dpkg.log`, or the system itself was installed, of which nothing may have been
/// due to be upgraded since. `None` if it tells of neither: another package that is newly installed updates nothing.
///
/// # Errors
/// When the last one has no date.
pub fn last_upgrade(log: &str, zone: &TimeZone) -> Result<Option<Timestamp>, Malformed> {
    let upgrade = log.lines().rev().find_map(|line| {
        let (at, action) = line.split_at_checked("2026-10-07 06:24:00".len())?;
        let updates = action.starts_with(" upgrade ") || SYSTEM.iter().any(|it| action.starts_with(it));
        updates.then_some(at)
    });
    upgrade.map(|at| date::plain(at, zone)).transpose()
}

/// What is installed once, with the system.
const SYSTEM: [&str; 2] = [" install base-files:", " install base-files "];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_what_is_installed() {
        let status = super::super::tests::fixture("dpkg/status");
        assert_eq!(version(&status, "clamav-daemon").as_deref(), Some("1.4.6+dfsg-0+deb12u1"));
        // Removed, but its settings are still there.
        assert_eq!(version(&status, "mdatp"), None);
        assert_eq!(version(&status, "clamav"), None);
        assert_eq!(version("", "clamav"), None);
    }

    #[test]
    fn the_last_upgrade() {
        let log = super::super::tests::fixture("dpkg/dpkg.log");
        let macau = TimeZone::fixed(jiff::tz::offset(8));
        assert_eq!(last_upgrade(&log, &macau), Ok(Some(Timestamp::from_secs(1_791_354_240))));
        let installed = "2026-10-07 06:24:00 install hello:amd64 <none> 2.10\n";
        assert_eq!(last_upgrade(installed, &macau), Ok(None));
        for package in ["base-files:amd64", "base-files"] {
            let new = format!("2026-10-07 14:24:00 install {package} <none> 12.4+deb12u11\n{installed}");
            assert_eq!(last_upgrade(&new, &macau), Ok(Some(Timestamp::from_secs(1_791_354_240))), "{new}");
        }
        let other = "2026-10-07 14:24:00 install base-files-more:amd64 <none> 1\n";
        assert_eq!(last_upgrade(other, &macau), Ok(None));
        assert_eq!(last_upgrade("", &macau), Ok(None));
        assert!(last_upgrade("9999-99-99 06:24:00 upgrade a:all 1 2", &macau).is_err());
    }
}
