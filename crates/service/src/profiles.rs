//! The profiles on this machine (B-22): root's are everybody's, a person's are their own.

use std::io;
use std::path::PathBuf;

use praya_ipc::KnownProfile;
use praya_model::{FailureCode, Profile, ProfileName};
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;
use unicode_security::skeleton;

use crate::files;

/// A person needs a handful; a program gone wild must not fill the disk.
const MOST_PER_USER: u32 = 64;

impl Entry {
    /// Whether `uid` may use it.
    fn is_visible_to(&self, uid: u32) -> bool {
        self.uid == uid || self.uid == 0
    }
}

/// Whether a person would take one name for the other: case, width, spacing and letters that look the same (UTS 39)
/// tell no two apart.
fn look_alike(one: &ProfileName, other: &ProfileName) -> bool {
    let spaced =
        |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ").nfkc().collect::<String>();
    let (one, other) = (spaced(one.as_str()), spaced(other.as_str()));
    let drawn = |text: &str| skeleton(text).collect::<String>();
    // A capital may look like a letter that its small form does not look like, so both orders count.
    drawn(&one).to_lowercase() == drawn(&other).to_lowercase()
        || drawn(&one.to_lowercase()) == drawn(&other.to_lowercase())
}

/// The profiles, and the file that keeps them.
#[derive(Debug)]
pub struct Profiles {
    path: PathBuf,
    entries: Vec<Entry>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    /// Whose; 0 for everybody's.
    uid: u32,
    #[serde(flatten)]
    profile: Profile,
}

impl Profiles {
    /// Reads the file; a missing one means that there are none.
    ///
    /// # Errors
    /// When it cannot be read or is damaged; it is never replaced silently.
    pub fn load(path: PathBuf) -> io::Result<Self> {
        let entries = match files::read_private(&path)? {
            Some(bytes) => serde_json::from_slice(&bytes)
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error.to_string()))?,
            None => Vec::new(),
        };
        Ok(Self { path, entries })
    }

    /// The profiles that `uid` may use, by name; a shared one hides their own of the same name.
    pub fn list(&self, uid: u32) -> Vec<KnownProfile> {
        let visible = self.entries.iter().filter(|entry| entry.is_visible_to(uid));
        let mut list: Vec<KnownProfile> = visible
            .map(|entry| KnownProfile { profile: entry.profile.clone(), shared: entry.uid == 0 })
            .collect();
        list.sort_by(|a, b| a.profile.name.cmp(&b.profile.name).then(b.shared.cmp(&a.shared)));
        list.dedup_by(|later, first| later.profile.name == first.profile.name);
        list
    }

    /// The profile of that name that `uid` may use.
    pub fn find(&self, uid: u32, name: &ProfileName) -> Option<Profile> {
        self.list(uid).into_iter().map(|known| known.profile).find(|profile| profile.name == *name)
    }

    /// Adds a profile of `uid`'s. With `replace` their own of exactly that name gives way, whatever looks like it;
    /// without, and where the other is shared or only looks the same, it is refused, because addresses and pins do not
    /// change behind a name that the person trusts. Adding what is there already changes nothing.
    ///
    /// # Errors
    /// [`FailureCode::ProfileTaken`], [`FailureCode::TooManyProfiles`], or the file cannot be written; nothing is
    /// changed then.
    pub fn add(&mut self, uid: u32, profile: Profile, replace: bool) -> Result<(), FailureCode> {
        let mut entries = self.entries.clone();
        if entries.iter().any(|entry| entry.is_visible_to(uid) && entry.profile == profile) {
            return Ok(());
        }
        let exactly = |entry: &Entry| entry.profile.name == profile.name;
        if replace {
            entries.retain(|entry| entry.uid != uid || !exactly(entry));
        }
        // What looks like another that came later is still the person's own.
        let replaces = entries.len() < self.entries.len();
        let taken = |entry: &&Entry| {
            let same = if replaces { exactly(entry) } else { look_alike(&entry.profile.name, &profile.name) };
            entry.is_visible_to(uid) && same
        };
        if let Some(Entry { profile: Profile { name, gateway, .. }, .. }) = entries.iter().find(taken) {
            return Err(FailureCode::ProfileTaken { name: name.to_string(), gateway: gateway.to_string() });
        }
        if entries.iter().filter(|entry| entry.uid == uid).count() >= MOST_PER_USER as usize {
            return Err(FailureCode::TooManyProfiles { most: MOST_PER_USER });
        }
        entries.push(Entry { uid, profile });
        self.replace(entries)
    }

    /// Removes a profile of `uid`'s; root removes anybody's.
    ///
    /// # Errors
    /// [`FailureCode::NoSuchProfile`], or [`FailureCode::NotPermitted`] when it is root's.
    pub fn remove(&mut self, uid: u32, name: &ProfileName) -> Result<(), FailureCode> {
        let named = |entry: &Entry| entry.profile.name == *name;
        let mut entries = self.entries.clone();
        entries.retain(|entry| !(named(entry) && (entry.uid == uid || uid == 0)));
        if entries.len() == self.entries.len() {
            let shared = self.entries.iter().any(|entry| named(entry) && entry.uid == 0);
            let none = FailureCode::NoSuchProfile { name: name.to_string() };
            return Err(if shared { FailureCode::NotPermitted } else { none });
        }
        self.replace(entries)
    }

    fn replace(&mut self, entries: Vec<Entry>) -> Result<(), FailureCode> {
        let failed = |error: String| FailureCode::Internal {
            detail: format!("the profiles cannot be stored: {error}"),
        };
        let bytes = serde_json::to_vec_pretty(&entries).map_err(|error| failed(error.to_string()))?;
        files::write_private(&self.path, &bytes).map_err(|error| failed(error.to_string()))?;
        self.entries = entries;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WONG: u32 = 1000;
    const CHEN: u32 = 1001;
    const PIN: &str = "pin-sha256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

    fn profile(name: &str, gateway: &str) -> Profile {
        Profile { name: name.parse().unwrap(), gateway: gateway.parse().unwrap(), pin: None }
    }

    fn names(profiles: &Profiles, uid: u32) -> Vec<(String, bool)> {
        profiles
            .list(uid)
            .into_iter()
            .map(|known| (known.profile.gateway.authority(), known.shared))
            .collect()
    }

    #[test]
    fn b22_roots_profiles_are_everybodys_and_a_persons_are_their_own() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("profiles.json");
        let mut profiles = Profiles::load(path.clone()).unwrap();
        profiles.add(WONG, profile("TCC-VPN", "own.example"), false).unwrap();
        profiles.add(WONG, profile("lab", "lab.example"), false).unwrap();
        profiles.add(0, profile("Office", "office.example"), false).unwrap();
        let mut profiles = Profiles::load(path).unwrap();
        let own =
            [("office.example".into(), true), ("own.example".into(), false), ("lab.example".into(), false)];
        assert_eq!(names(&profiles, WONG), own);
        assert_eq!(names(&profiles, CHEN), [("office.example".into(), true)]);
        assert_eq!(profiles.find(CHEN, &"lab".parse().unwrap()), None);
        // What the administrator adds later under a name of a person's is what the name means from then on.
        profiles.add(0, profile("TCC-VPN", "shared.example"), false).unwrap();
        assert_eq!(
            profiles.find(WONG, &"TCC-VPN".parse().unwrap()).unwrap().gateway.host(),
            "shared.example"
        );
    }

    #[test]
    fn adding_never_replaces_a_gateway_of_that_name_nor_of_one_that_looks_the_same() {
        let dir = tempfile::tempdir().unwrap();
        let mut profiles = Profiles::load(dir.path().join("p")).unwrap();
        let pinned = Profile { pin: Some(PIN.parse().unwrap()), ..profile("Office", "vpn.example") };
        profiles.add(WONG, pinned.clone(), false).unwrap();
        profiles.add(0, profile("TCC-VPN", "shared.example"), false).unwrap();
        let before = profiles.list(WONG);
        for name in [
            "Office",
            "office",
            "ＯＦＦＩＣＥ",
            "\u{41e}ffice",
            "0ffice",
            "Offi\u{441}e",
            "TCC-VPN",
            "tcc-vpn",
            "TCC–VPN",
        ] {
            let refused = profiles.add(WONG, profile(name, "evil.example"), false);
            assert!(matches!(refused, Err(FailureCode::ProfileTaken { .. })), "{name}: {refused:?}");
        }
        let unpinned = profiles.add(WONG, profile("Office", "vpn.example"), false);
        let taken =
            FailureCode::ProfileTaken { name: "Office".into(), gateway: "https://vpn.example/".into() };
        assert_eq!(unpinned, Err(taken), "the pin stays");
        assert_eq!(profiles.list(WONG), before);
        profiles.add(WONG, pinned, false).unwrap();
        profiles.add(WONG, profile("TCC-VPN", "shared.example"), false).unwrap();
        assert_eq!(profiles.list(WONG), before, "what is there already is there once");
        profiles.add(WONG, profile("Office 2", "two.example"), false).unwrap();
        profiles.add(CHEN, profile("Office", "chen.example"), false).unwrap();
    }

    #[test]
    fn only_ones_own_is_replaced_and_only_when_that_is_asked_for() {
        let dir = tempfile::tempdir().unwrap();
        let mut profiles = Profiles::load(dir.path().join("p")).unwrap();
        profiles.add(WONG, profile("Office", "vpn.example"), false).unwrap();
        profiles.add(0, profile("TCC-VPN", "shared.example"), false).unwrap();
        profiles.add(WONG, profile("Office", "new.example"), true).unwrap();
        assert_eq!(profiles.find(WONG, &"Office".parse().unwrap()).unwrap().gateway.host(), "new.example");
        for name in ["TCC-VPN", "office"] {
            let refused = profiles.add(WONG, profile(name, "evil.example"), true);
            assert!(matches!(refused, Err(FailureCode::ProfileTaken { .. })), "{name}: {refused:?}");
        }
        profiles.add(0, profile("TCC-VPN", "moved.example"), true).unwrap();
        assert_eq!(names(&profiles, CHEN), [("moved.example".into(), true)]);
        // One that looks the same and is shared later does not take the person's own from them.
        profiles.add(0, profile("OFFICE", "all.example"), false).unwrap();
        let pinned = Profile { pin: Some(PIN.parse().unwrap()), ..profile("Office", "new.example") };
        profiles.add(WONG, pinned.clone(), true).unwrap();
        assert_eq!(profiles.find(WONG, &pinned.name), Some(pinned));
        profiles.remove(0, &"OFFICE".parse().unwrap()).unwrap();
        profiles.add(0, profile("Office", "all.example"), false).unwrap();
        let hidden = profiles.add(WONG, profile("Office", "evil.example"), true);
        assert!(matches!(hidden, Err(FailureCode::ProfileTaken { .. })), "{hidden:?}");
    }

    #[test]
    fn only_root_removes_what_is_everybodys() {
        let dir = tempfile::tempdir().unwrap();
        let mut profiles = Profiles::load(dir.path().join("p")).unwrap();
        profiles.add(0, profile("a", "shared.example"), false).unwrap();
        profiles.add(CHEN, profile("b", "chen.example"), false).unwrap();
        let (a, b) = ("a".parse().unwrap(), "b".parse().unwrap());
        assert_eq!(profiles.remove(WONG, &a), Err(FailureCode::NotPermitted));
        assert_eq!(profiles.remove(WONG, &b), Err(FailureCode::NoSuchProfile { name: "b".into() }));
        profiles.remove(CHEN, &b).unwrap();
        profiles.remove(0, &a).unwrap();
        assert!(profiles.list(0).is_empty());
    }

    #[test]
    fn a_person_cannot_fill_the_disk() {
        let dir = tempfile::tempdir().unwrap();
        let mut profiles = Profiles::load(dir.path().join("p")).unwrap();
        for number in 0..MOST_PER_USER {
            profiles.add(WONG, profile(&format!("p{number}x"), "a.example"), false).unwrap();
        }
        let one_more = profiles.add(WONG, profile("one more", "a.example"), false);
        assert_eq!(one_more, Err(FailureCode::TooManyProfiles { most: 64 }));
        profiles.add(WONG, profile("p2x", "b.example"), true).unwrap();
    }

    #[test]
    fn a_damaged_file_is_an_error_and_not_an_empty_list() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("p");
        std::fs::write(&path, "{").unwrap();
        assert!(Profiles::load(path).is_err());
    }
}
