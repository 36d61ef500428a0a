//! What `rpm` prints, and the logs of DNF.

use std::collections::BTreeMap;

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

/// When a package was replaced by another version of it last, from `/var/log/dnf5.log`, which tells of packages that come
/// and of packages that go. `None` if it tells of no such pair. It does not say which of two versions is the newer one: to
/// go back to an older one takes the same, and an administrator.
///
/// # Errors
/// When the last one has no date.
pub fn last_dnf5_upgrade(log: &str) -> Result<Option<Timestamp>, Malformed> {
    let mut came = BTreeMap::new();
    let mut last = None;
    for line in log.lines() {
        let Some(step) = Step::read(line) else { continue };
        if step.comes {
            came.insert((step.process, step.name), step.version);
        } else if came.remove(&(step.process, step.name)).is_some_and(|version| version != step.version) {
            last = Some(step.at);
        }
    }
    last.map(date::iso).transpose()
}

/// `2026-10-07T06:24:00+0000 [1234] INFO RPM callback install start "openssl-libs-1:3.2.4-2.fc42.x86_64" total 123`.
struct Step<'a> {
    at: &'a str,
    process: &'a str,
    comes: bool,
    name: &'a str,
    version: &'a str,
}

impl<'a> Step<'a> {
    fn read(line: &'a str) -> Option<Self> {
        let (at, rest) = line.split_once(" [")?;
        let (process, rest) = rest.split_once("] INFO RPM callback ")?;
        let (step, package) = rest.split_once(" start \"")?;
        let comes = match step {
            "install" => true,
            "uninstall" => false,
            _ => return None,
        };
        let (package, _) = package.split_once('"')?;
        // Neither a version nor a release has a hyphen.
        let (at_version, _) = package.rmatch_indices('-').nth(1)?;
        let (name, version) = package.split_at_checked(at_version)?;
        Some(Self { at, process, comes, name, version })
    }
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

    #[test]
    fn the_last_upgrade_by_dnf_5() {
        let log = super::super::tests::fixture("rpm/dnf5.log");
        assert_eq!(last_dnf5_upgrade(&log), Ok(Some(Timestamp::from_secs(1_791_354_240))));
        let step = |process: u32, step: &str, package: &str| {
            format!(
                "2026-10-07T06:24:00+0000 [{process}] INFO RPM callback {step} start \"{package}\" total 1\n"
            )
        };
        let (new, old) = ("curl-0:8.11.1-5.fc42.x86_64", "curl-0:8.11.1-4.fc42.x86_64");
        let both = step(1, "install", new) + &step(1, "uninstall", old);
        assert_eq!(last_dnf5_upgrade(&both), Ok(Some(Timestamp::from_secs(1_791_354_240))));
        for none in [
            String::new(),
            step(1, "install", new),
            step(1, "uninstall", old),
            // Put there again, by another transaction, or something else.
            step(1, "install", new) + &step(1, "uninstall", new),
            step(1, "install", new) + &step(2, "uninstall", old),
            step(1, "install", new) + &step(1, "uninstall", "libcurl-0:8.11.1-4.fc42.x86_64"),
            step(1, "install", "x") + &step(1, "uninstall", "y-1"),
        ] {
            assert_eq!(last_dnf5_upgrade(&none), Ok(None), "{none}");
        }
        assert!(last_dnf5_upgrade(&both.replace("2026-10-07T", "once ")).is_err());
    }
}
