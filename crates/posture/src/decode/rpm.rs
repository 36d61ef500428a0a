//! What `rpm` prints, and DNF's log.

use praya_model::Timestamp;

use super::{Malformed, date, said};

/// How rpm is asked to print a package.
pub const FORMAT: &str = "%{NAME}\\t%{VERSION}-%{RELEASE}\\n";

/// The version of `package` in a listing of [`FORMAT`]; `None` if it is not there.
pub fn version(listing: &str, package: &str) -> Option<String> {
    let rows = listing.lines().filter_map(|line| line.split_once('\t'));
    rows.filter(|(name, _)| *name == package).find_map(|(_, version)| said(version))
}

/// When a package was upgraded last, from `/var/log/dnf.rpm.log`. `None` if it tells of no upgrade.
///
/// # Errors
/// When the last upgrade has no date.
pub fn last_upgrade(log: &str) -> Result<Option<Timestamp>, Malformed> {
    let upgrade = log.lines().rev().find_map(|line| {
        let mut words = line.split_ascii_whitespace();
        let at = words.next()?;
        matches!(words.nth(1), Some("Upgrade:" | "Upgraded:")).then_some(at)
    });
    upgrade.map(date::iso).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_what_is_installed() {
        let listing = "package clamd is not installed\nmdatp\t101.25072.0011-1\n";
        assert_eq!(version(listing, "mdatp").as_deref(), Some("101.25072.0011-1"));
        assert_eq!(version(listing, "clamd"), None);
    }

    #[test]
    fn the_last_upgrade() {
        let log = super::super::tests::fixture("rpm/dnf.rpm.log");
        assert_eq!(last_upgrade(&log), Ok(Some(Timestamp::from_secs(1_791_354_240))));
        assert_eq!(last_upgrade(""), Ok(None));
        assert_eq!(last_upgrade("2026-10-07T06:24:00+0000 INFO Installed: hello-2-1.x86_64"), Ok(None));
        assert!(last_upgrade("once SUBDEBUG Upgrade: hello-2-1.x86_64").is_err());
    }
}
