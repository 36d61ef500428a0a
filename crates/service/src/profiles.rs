//! The profiles on this machine (B-22): root's are everybody's, a person's are their own.

use std::io;
use std::path::PathBuf;

use praya_ipc::KnownProfile;
use praya_model::{FailureCode, Profile, ProfileName};
use serde::{Deserialize, Serialize};

use crate::files;

/// A person needs a handful; a program gone wild must not fill the disk.
const MOST_PER_USER: usize = 64;

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

    /// The profiles that `uid` may use, by name; their own hide shared ones of the same name.
    pub fn list(&self, uid: u32) -> Vec<KnownProfile> {
        let mut list: Vec<KnownProfile> = Vec::new();
        for entry in self.entries.iter().filter(|entry| entry.uid == uid || entry.uid == 0) {
            let own = entry.uid == uid;
            let hidden =
                self.entries.iter().any(|other| other.uid == uid && other.profile.name == entry.profile.name);
            if own || !hidden {
                list.push(KnownProfile { profile: entry.profile.clone(), shared: entry.uid == 0 });
            }
        }
        list.sort_by(|a, b| a.profile.name.cmp(&b.profile.name));
        list
    }

    /// The profile of that name that `uid` may use.
    pub fn find(&self, uid: u32, name: &ProfileName) -> Option<Profile> {
        self.list(uid).into_iter().map(|known| known.profile).find(|profile| profile.name == *name)
    }

    /// Adds a profile of `uid`'s, or replaces theirs of that name.
    ///
    /// # Errors
    /// [`FailureCode::BadProfile`] when there are too many or the file cannot be written; nothing is changed then.
    pub fn add(&mut self, uid: u32, profile: Profile) -> Result<(), FailureCode> {
        let mut entries = self.entries.clone();
        entries.retain(|entry| entry.uid != uid || entry.profile.name != profile.name);
        if entries.iter().filter(|entry| entry.uid == uid).count() >= MOST_PER_USER {
            return Err(FailureCode::BadProfile { detail: format!("more than {MOST_PER_USER} profiles") });
        }
        entries.push(Entry { uid, profile });
        self.replace(entries)
    }

    /// Removes a profile of `uid`'s; root removes anybody's.
    ///
    /// # Errors
    /// [`FailureCode::BadProfile`] when there is none, [`FailureCode::NotPermitted`] when it is root's.
    pub fn remove(&mut self, uid: u32, name: &ProfileName) -> Result<(), FailureCode> {
        let named = |entry: &Entry| entry.profile.name == *name;
        let mut entries = self.entries.clone();
        entries.retain(|entry| !(named(entry) && (entry.uid == uid || uid == 0)));
        if entries.len() == self.entries.len() {
            let shared = self.entries.iter().any(|entry| named(entry) && entry.uid == 0);
            let none = FailureCode::BadProfile { detail: format!("there is no profile named {name}") };
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
        profiles.add(0, profile("TCC-VPN", "shared.example")).unwrap();
        profiles.add(WONG, profile("TCC-VPN", "own.example")).unwrap();
        profiles.add(WONG, profile("lab", "lab.example")).unwrap();
        let profiles = Profiles::load(path).unwrap();
        assert_eq!(names(&profiles, WONG), [("own.example".into(), false), ("lab.example".into(), false)]);
        assert_eq!(names(&profiles, CHEN), [("shared.example".into(), true)]);
        assert_eq!(profiles.find(CHEN, &"lab".parse().unwrap()), None);
    }

    #[test]
    fn only_root_removes_what_is_everybodys() {
        let dir = tempfile::tempdir().unwrap();
        let mut profiles = Profiles::load(dir.path().join("p")).unwrap();
        profiles.add(0, profile("a", "shared.example")).unwrap();
        profiles.add(CHEN, profile("b", "chen.example")).unwrap();
        let (a, b) = ("a".parse().unwrap(), "b".parse().unwrap());
        assert_eq!(profiles.remove(WONG, &a), Err(FailureCode::NotPermitted));
        assert!(matches!(profiles.remove(WONG, &b), Err(FailureCode::BadProfile { .. })));
        profiles.remove(CHEN, &b).unwrap();
        profiles.remove(0, &a).unwrap();
        assert!(profiles.list(0).is_empty());
    }

    #[test]
    fn a_person_cannot_fill_the_disk() {
        let dir = tempfile::tempdir().unwrap();
        let mut profiles = Profiles::load(dir.path().join("p")).unwrap();
        for number in 0..MOST_PER_USER {
            profiles.add(WONG, profile(&format!("p{number}"), "a.example")).unwrap();
        }
        assert!(profiles.add(WONG, profile("one more", "a.example")).is_err());
        profiles.add(WONG, profile("p1", "b.example")).unwrap();
    }

    #[test]
    fn a_damaged_file_is_an_error_and_not_an_empty_list() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("p");
        std::fs::write(&path, "{").unwrap();
        assert!(Profiles::load(path).is_err());
    }
}
