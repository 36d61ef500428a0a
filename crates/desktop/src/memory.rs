//! What the app remembers between two starts besides the settings: which gateway was used last, with which account,
//! and which resources were marked or opened. Per gateway and account, so that two people's lists never mix.

use std::io;
use std::path::Path;

use praya_model::{AccountName, GatewayAddress, ProfileName, ResourceId};
use serde::{Deserialize, Serialize};

use crate::files;
use crate::state::RememberedAccount;

/// How many resources opened last are kept for one person.
pub const MAX_RECENT: usize = 8;
/// How many favourites are kept for one person.
pub const MAX_FAVOURITES: usize = 200;
/// How many people, and how many gateways with a remembered account, are kept; the one used longest ago goes first.
const MAX_PEOPLE: usize = 32;
/// The largest file that is read, in bytes.
const MAX_FILE: u64 = 1024 * 1024;

/// The memory. Holds identifiers of resources, no names and no addresses of theirs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Memory {
    /// The gateway that was used last.
    pub chosen: Option<ProfileName>,
    /// Accounts that the person let the app remember, the one used last first.
    pub accounts: Vec<RememberedAccount>,
    /// The person was told that closing the window keeps the session.
    pub closing_said: bool,
    /// The same of a desktop without a tray, where the window goes into the list of windows.
    pub minimising_said: bool,
    people: Vec<Shelf>,
}

/// Whose favourites and recents.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// Where.
    pub gateway: GatewayAddress,
    /// Who, as the gateway names them.
    pub account: AccountName,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Shelf {
    #[serde(flatten)]
    person: Person,
    #[serde(default)]
    favourites: Vec<ResourceId>,
    #[serde(default)]
    recent: Vec<ResourceId>,
}

impl Memory {
    /// Reads the file; one that is missing or cannot be understood is an empty memory.
    pub fn read(path: &Path) -> Self {
        let text = files::read_text(path, MAX_FILE).ok().flatten();
        let mut memory: Self = text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
        memory.people.truncate(MAX_PEOPLE);
        memory.accounts.truncate(MAX_PEOPLE);
        for shelf in &mut memory.people {
            shelf.favourites.truncate(MAX_FAVOURITES);
            shelf.recent.truncate(MAX_RECENT);
        }
        memory
    }

    /// Writes the file, whole or not at all.
    ///
    /// # Errors
    /// The folder cannot be made or the file not be written.
    pub fn save(&self, path: &Path) -> io::Result<()> {
        files::write_atomically(path, &serde_json::to_vec_pretty(self).map_err(io::Error::other)?)
    }

    /// The account that is remembered for `gateway`.
    pub fn account(&self, gateway: &GatewayAddress) -> Option<&str> {
        self.accounts.iter().find(|known| known.gateway == *gateway).map(|known| known.account.as_str())
    }

    /// Remembers the account for the next sign-in at `gateway`; an empty one is forgotten.
    pub fn remember_account(&mut self, gateway: &GatewayAddress, account: &str) {
        self.accounts.retain(|known| known.gateway != *gateway);
        if !account.is_empty() {
            let account = RememberedAccount { gateway: gateway.clone(), account: account.to_owned() };
            self.accounts.insert(0, account);
            self.accounts.truncate(MAX_PEOPLE);
        }
    }

    /// The person's favourites.
    pub fn favourites(&self, person: &Person) -> &[ResourceId] {
        self.shelf(person).map_or(&[], |shelf| &shelf.favourites)
    }

    /// The resources that the person opened last, the newest first.
    pub fn recent(&self, person: &Person) -> &[ResourceId] {
        self.shelf(person).map_or(&[], |shelf| &shelf.recent)
    }

    /// Marks a resource, or no longer.
    pub fn set_favourite(&mut self, person: &Person, id: &ResourceId, on: bool) {
        let favourites = &mut self.shelf_mut(person).favourites;
        favourites.retain(|known| known != id);
        if on && favourites.len() < MAX_FAVOURITES {
            favourites.push(id.clone());
        }
    }

    /// Notes that a resource was opened.
    pub fn opened(&mut self, person: &Person, id: &ResourceId) {
        let recent = &mut self.shelf_mut(person).recent;
        recent.retain(|known| known != id);
        recent.insert(0, id.clone());
        recent.truncate(MAX_RECENT);
    }

    fn shelf(&self, person: &Person) -> Option<&Shelf> {
        self.people.iter().find(|shelf| shelf.person == *person)
    }

    /// The person's shelf, moved to the front.
    fn shelf_mut(&mut self, person: &Person) -> &mut Shelf {
        let shelf = match self.people.iter().position(|shelf| shelf.person == *person) {
            Some(at) => self.people.remove(at),
            None => Shelf { person: person.clone(), favourites: Vec::new(), recent: Vec::new() },
        };
        self.people.truncate(MAX_PEOPLE - 1);
        self.people.insert(0, shelf);
        &mut self.people[0]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(account: &str) -> Person {
        Person { gateway: "vpn.example".parse().unwrap(), account: AccountName::new(account) }
    }

    #[test]
    fn two_people_s_lists_never_mix_and_survive_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("memory.json");
        let (wong, chen) = (person("wong"), person("chen"));
        let (wiki, pay) = (ResourceId::new("wiki"), ResourceId::new("pay"));
        let mut memory = Memory::read(&path);
        memory.set_favourite(&wong, &wiki, true);
        memory.set_favourite(&wong, &wiki, true);
        memory.opened(&wong, &wiki);
        memory.opened(&wong, &pay);
        memory.opened(&wong, &wiki);
        memory.opened(&chen, &pay);
        memory.remember_account(&wong.gateway, "wong");
        memory.save(&path).unwrap();
        let memory = Memory::read(&path);
        assert_eq!(memory.favourites(&wong), std::slice::from_ref(&wiki));
        assert_eq!(memory.recent(&wong), [wiki.clone(), pay.clone()]);
        assert_eq!((memory.favourites(&chen), memory.recent(&chen)), (&[][..], &[pay][..]));
        assert_eq!(memory.account(&wong.gateway), Some("wong"));
    }

    #[test]
    fn nothing_grows_without_end_and_what_is_forgotten_is_gone() {
        let mut memory = Memory::default();
        let wong = person("wong");
        for n in 0..1000 {
            let id = ResourceId::new(n.to_string());
            memory.opened(&wong, &id);
            memory.set_favourite(&wong, &id, true);
            memory.opened(&person(&n.to_string()), &id);
            memory.remember_account(&format!("vpn{n}.example").parse().unwrap(), "wong");
        }
        assert_eq!((memory.people.len(), memory.accounts.len()), (MAX_PEOPLE, MAX_PEOPLE));
        assert_eq!(memory.recent(&wong).len(), MAX_RECENT);
        assert_eq!(memory.favourites(&wong).len(), MAX_FAVOURITES);
        let last: GatewayAddress = "vpn999.example".parse().unwrap();
        memory.remember_account(&last, "");
        assert_eq!(memory.account(&last), None);
    }

    #[test]
    fn a_damaged_file_is_an_empty_memory() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("memory.json");
        std::fs::write(&path, "{\"people\": 7}").unwrap();
        assert_eq!(Memory::read(&path), Memory::default());
    }
}
