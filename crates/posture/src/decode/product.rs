//! An antivirus program as one source tells of it, whose it is by its name, and several sources put together.

use praya_model::Timestamp;

use super::clip;
use crate::facts::{Antivirus, Fact, Family, MAX_PRODUCTS, RealTime, Unavailable};

/// What one source says of a program; `None` where it says nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reported {
    /// Whose it is.
    pub family: Family,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: Option<String>,
    /// The version of the engine that scans.
    pub engine_version: Option<String>,
    /// Whether the part that scans runs.
    pub running: Option<bool>,
    /// Whether files are scanned as they are used.
    pub real_time: Option<RealTime>,
    /// The version of its definitions.
    pub definitions_version: Option<String>,
    /// When its definitions were made.
    pub definitions_at: Option<Timestamp>,
    /// Whether it says that they are current.
    pub definitions_current: Option<bool>,
}

impl Reported {
    /// Nothing but a name.
    pub fn new(family: Family, name: &str) -> Self {
        Self {
            family,
            name: clip(name),
            version: None,
            engine_version: None,
            running: None,
            real_time: None,
            definitions_version: None,
            definitions_at: None,
            definitions_current: None,
        }
    }

    /// This with what `other` says of the same program, which is believed where both say something: Security Center may
    /// call Defender on while its own interface says that files are not scanned (4A).
    #[must_use]
    pub fn confirmed_by(self, other: Self) -> Self {
        Self {
            family: self.family,
            name: self.name,
            version: other.version.or(self.version),
            engine_version: other.engine_version.or(self.engine_version),
            running: other.running.or(self.running),
            real_time: other.real_time.or(self.real_time),
            definitions_version: other.definitions_version.or(self.definitions_version),
            definitions_at: other.definitions_at.or(self.definitions_at),
            definitions_current: other.definitions_current.or(self.definitions_current),
        }
    }

    /// As facts that were read from `source` at `at`. Who tells of a program at all says that it is installed; what else
    /// it does not say is [`Unavailable::Unsupported`], and what it says of definitions is left out unless they were
    /// asked for.
    pub fn facts(self, source: &str, at: Timestamp, definitions: bool) -> Antivirus {
        let told = Telling { source, at };
        let definitions = definitions.then_some(&told);
        Antivirus {
            family: self.family,
            name: self.name,
            version: told.fact(self.version),
            engine_version: told.fact(self.engine_version),
            installed: told.fact(Some(true)),
            running: told.fact(self.running),
            real_time: told.fact(self.real_time),
            definitions_version: asked(definitions, self.definitions_version),
            definitions_at: asked(definitions, self.definitions_at),
            definitions_current: asked(definitions, self.definitions_current),
        }
    }

    fn strength(&self) -> (bool, bool, bool) {
        (
            self.real_time == Some(RealTime::On),
            self.running == Some(true),
            self.definitions_current == Some(true),
        )
    }
}

struct Telling<'a> {
    source: &'a str,
    at: Timestamp,
}

impl Telling<'_> {
    fn fact<T>(&self, value: Option<T>) -> Fact<T> {
        match value {
            Some(value) => Fact::known(value, self.source, self.at),
            None => Fact::unavailable(Unavailable::Unsupported),
        }
    }
}

fn asked<T>(told: Option<&Telling<'_>>, value: Option<T>) -> Fact<T> {
    told.map_or(Fact::unavailable(Unavailable::NotAsked), |told| told.fact(value))
}

/// One entry per program, at most [`MAX_PRODUCTS`]: suites register one name several times, and the entry that protects
/// is the one that counts (4A).
pub fn merge(reported: impl IntoIterator<Item = Reported>) -> Vec<Reported> {
    let mut merged: Vec<Reported> = Vec::new();
    for one in reported {
        let same = |kept: &&mut Reported| kept.family == one.family && kept.name == one.name;
        if let Some(kept) = merged.iter_mut().find(same) {
            if kept.strength() < one.strength() {
                *kept = one;
            }
        } else if merged.len() < MAX_PRODUCTS {
            merged.push(one);
        }
    }
    merged
}

/// Whose antivirus program has this name. `None` for programs of others, and for those of the same makers that do not
/// scan: VPNs, browsers, password managers, management agents.
pub fn family(name: &str) -> Option<Family> {
    let name = name.to_lowercase();
    if NOT_SCANNERS.iter().any(|phrase| name.contains(phrase)) {
        return None;
    }
    let word = |wanted: &str| name.split(|c: char| !c.is_alphanumeric()).any(|word| word == wanted);
    let known = NAMES.iter().find(|(names, _)| {
        names.iter().any(|&wanted| if wanted.contains(' ') { name.contains(wanted) } else { word(wanted) })
    });
    match known {
        Some((_, family)) => Some(*family),
        // Other makers have a 360 in their names too.
        None if name.starts_with("360") && QIHOO.iter().any(|phrase| name.contains(phrase)) => {
            Some(Family::Qihoo360)
        }
        None => None,
    }
}

const NAMES: [(&[&str], Family); 11] = [
    (&["avira", "antivir"], Family::Avira),
    (&["avast"], Family::Avast),
    (&["avg"], Family::Avg),
    (&["clamav", "clamwin"], Family::Clamav),
    (&["eset", "nod32"], Family::Eset),
    (&["kaspersky"], Family::Kaspersky),
    (&["mcafee", "trellix"], Family::Mcafee),
    (&["sophos"], Family::Sophos),
    (&["symantec", "norton"], Family::Symantec),
    (&["trend micro", "trendmicro", "officescan"], Family::Trendmicro),
    (&["windows defender", "microsoft defender", "microsoft security essentials"], Family::Defender),
];

const QIHOO: [&str; 6] = ["security", "杀毒", "殺毒", "安全卫士", "安全衛士", "天擎"];

const NOT_SCANNERS: [&str; 26] = [
    "vpn",
    "secureline",
    "connect",
    "password",
    "browser",
    "webadvisor",
    "web advisor",
    "tuneup",
    "cleanup",
    "optimizer",
    "speedup",
    "updater",
    "driver",
    "network agent",
    "management agent",
    "mcafee agent",
    "trellix agent",
    "dlp",
    "data loss prevention",
    "encryption",
    "console",
    "administration server",
    "safeprice",
    "utility",
    "identity safe",
    "removal tool",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a07_families_by_name() {
        for (name, expected) in [
            ("Avira Antivirus", Some(Family::Avira)),
            ("AntiVir Desktop", Some(Family::Avira)),
            ("Avast Antivirus", Some(Family::Avast)),
            ("avast! Antivirus", Some(Family::Avast)),
            ("AVG AntiVirus Free", Some(Family::Avg)),
            ("ClamAV", Some(Family::Clamav)),
            ("ESET NOD32 Antivirus", Some(Family::Eset)),
            ("ESET Endpoint Security", Some(Family::Eset)),
            ("Kaspersky Endpoint Security 12 for Windows", Some(Family::Kaspersky)),
            ("McAfee VirusScan Enterprise", Some(Family::Mcafee)),
            ("Trellix Endpoint Security", Some(Family::Mcafee)),
            ("Sophos Endpoint Agent", Some(Family::Sophos)),
            ("Symantec Endpoint Protection", Some(Family::Symantec)),
            ("Norton 360", Some(Family::Symantec)),
            ("Trend Micro Apex One Security Agent", Some(Family::Trendmicro)),
            ("360 Total Security", Some(Family::Qihoo360)),
            ("360杀毒", Some(Family::Qihoo360)),
            ("Windows Defender", Some(Family::Defender)),
            ("Microsoft Defender Antivirus", Some(Family::Defender)),
            ("Avast SecureLine VPN", None),
            ("Sophos Connect", None),
            ("Kaspersky Security Center Network Agent", None),
            ("McAfee Agent", None),
            ("McAfee WebAdvisor", None),
            ("ESET Management Agent", None),
            ("AVG Secure Browser", None),
            ("Autodesk Fusion 360", None),
            ("360 Zip", None),
            ("Resetting Tool", None),
            ("Some Antivirus", None),
            ("", None),
        ] {
            assert_eq!(family(name), expected, "{name}");
        }
    }

    #[test]
    fn of_several_entries_the_one_that_protects_is_kept() {
        let entry = |real_time, current| Reported {
            real_time: Some(real_time),
            definitions_current: Some(current),
            ..Reported::new(Family::Kaspersky, "Kaspersky")
        };
        let on = entry(RealTime::On, true);
        for entries in [
            vec![on.clone(), entry(RealTime::Off, true)],
            vec![entry(RealTime::Off, true), on.clone(), entry(RealTime::Snoozed, true)],
            vec![entry(RealTime::On, false), on.clone()],
        ] {
            assert_eq!(merge(entries), std::slice::from_ref(&on));
        }
        let many = (0..100).map(|count| Reported::new(Family::Other, &format!("Program {count}")));
        assert_eq!(merge(many).len(), MAX_PRODUCTS);
    }

    #[test]
    fn defenders_own_word_counts_more_than_security_centers() {
        let center = Reported {
            real_time: Some(RealTime::On),
            definitions_current: Some(true),
            ..Reported::new(Family::Defender, "Windows Defender")
        };
        let own = Reported {
            real_time: Some(RealTime::Off),
            version: Some("4.18".to_owned()),
            ..Reported::new(Family::Defender, "Microsoft Defender Antivirus")
        };
        let confirmed = center.confirmed_by(own);
        assert_eq!(confirmed.real_time, Some(RealTime::Off));
        assert_eq!(
            (confirmed.name.as_str(), confirmed.definitions_current),
            ("Windows Defender", Some(true))
        );
    }

    #[test]
    fn what_is_not_said_is_not_known_and_what_is_not_asked_is_not_told() {
        let at = Timestamp::from_secs(1);
        let reported = Reported {
            running: Some(true),
            definitions_current: Some(true),
            ..Reported::new(Family::Eset, "ESET")
        };
        let facts = reported.clone().facts("somewhere", at, true);
        assert_eq!(facts.running, Fact::known(true, "somewhere", at));
        assert_eq!(facts.installed, Fact::known(true, "somewhere", at));
        assert_eq!(facts.real_time, Fact::unavailable(Unavailable::Unsupported));
        assert_eq!(facts.engine_version, Fact::unavailable(Unavailable::Unsupported));
        assert_eq!(facts.definitions_current, Fact::known(true, "somewhere", at));
        let facts = reported.facts("somewhere", at, false);
        assert_eq!(facts.definitions_current, Fact::unavailable(Unavailable::NotAsked));
        assert_eq!(facts.definitions_at, Fact::unavailable(Unavailable::NotAsked));
    }
}
