//! The screen's lock. It is a person's own setting, which the service does not read; it is known only where an
//! administrator has taken it out of the person's hands.

use std::collections::{BTreeMap, BTreeSet};

use crate::collect::machine::{Found, Machine};
use crate::decode::dconf;
use crate::facts::{Fact, ScreenLock, Unavailable};

const SESSIONS: [&str; 2] = ["/usr/share/xsessions", "/usr/share/wayland-sessions"];

pub(in crate::collect) fn screen_lock(machine: &Machine) -> Fact<ScreenLock> {
    machine.fact(read(machine))
}

fn read(machine: &Machine) -> Found<ScreenLock> {
    let mut sessions = SESSIONS.iter().flat_map(|folder| machine.names(folder)).peekable();
    if sessions.peek().is_none() {
        return Err(Unavailable::NotApplicable);
    }
    // Settings of GNOME say nothing of a person who may choose another desktop.
    if !sessions.all(|name| name.starts_with("gnome") || name.starts_with("ubuntu")) {
        return Err(Unavailable::Unsupported);
    }
    let profile = match machine.text("/etc/dconf/profile/user") {
        Err(Unavailable::NotDetected) => return Err(Unavailable::Unsupported),
        profile => profile?,
    };
    let mut settings = BTreeMap::new();
    let mut locked = BTreeSet::new();
    // From the bottom: what a lower database locks, no higher one changes.
    for database in dconf::system_databases(&profile).into_iter().rev() {
        let folder = format!("/etc/dconf/db/{database}.d");
        // In force is what was compiled.
        if !machine.exists(&format!("/etc/dconf/db/{database}")) {
            continue;
        }
        for name in machine.names(&folder).into_iter().filter(|name| name != "locks") {
            let file = dconf::settings(&machine.text(&format!("{folder}/{name}"))?);
            settings.extend(file.into_iter().filter(|(path, _)| !locked.contains(path)));
        }
        for name in machine.names(&format!("{folder}/locks")) {
            let file = machine.text(&format!("{folder}/locks/{name}"))?;
            locked.extend(dconf::locks(&file).map(str::to_owned));
        }
    }
    let lock = dconf::screen_lock(&settings, |path| locked.contains(path));
    Ok((lock.ok_or(Unavailable::Unsupported)?, "dconf"))
}
