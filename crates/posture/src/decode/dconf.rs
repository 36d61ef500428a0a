//! dconf's settings for a whole machine (dconf(7)): what an administrator has set and locked. A person's own settings
//! are theirs; the service does not read them.

use std::collections::BTreeMap;

use crate::facts::ScreenLock;

/// The databases of the system that a profile names, the first one winning.
pub fn system_databases(profile: &str) -> Vec<String> {
    let names = profile.lines().filter_map(|line| line.trim().strip_prefix("system-db:"));
    // A name, not a way to elsewhere.
    names
        .filter(|name| name.chars().all(|c| c.is_alphanumeric() || c == '-' || c == '_'))
        .map(str::to_owned)
        .collect()
}

/// The settings of a key file, by their paths such as `/org/gnome/desktop/session/idle-delay`.
pub fn settings(text: &str) -> BTreeMap<String, String> {
    let mut folder = String::new();
    let mut settings = BTreeMap::new();
    for line in text.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            folder = name.trim_matches('/').to_owned();
        } else if let Some((name, value)) = line.split_once('=')
            && !line.starts_with('#')
        {
            settings.insert(format!("/{folder}/{}", name.trim()), value.trim().to_owned());
        }
    }
    settings
}

/// The paths that a file of locks names.
pub fn locks(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter(|line| line.starts_with('/'))
}

const IDLE: &str = "/org/gnome/desktop/session/idle-delay";
const LOCK: &str = "/org/gnome/desktop/screensaver/lock-enabled";
const DELAY: &str = "/org/gnome/desktop/screensaver/lock-delay";

/// GNOME's lock of the screen where nobody can change it: its switch and its time are both set and locked, or the lock
/// is locked off. `None` where a person decides; where a person may change only the delay, the time is not known.
pub fn screen_lock(
    settings: &BTreeMap<String, String>,
    is_locked: impl Fn(&str) -> bool,
) -> Option<ScreenLock> {
    let fixed = |path: &str| settings.get(path).filter(|_| is_locked(path)).map(String::as_str);
    let seconds = |value: &str| value.trim_start_matches("uint32").trim().parse::<u32>().ok();
    let off = ScreenLock { on: false, after: None };
    match (fixed(LOCK)?, fixed(IDLE).and_then(seconds)) {
        ("false", _) => Some(off),
        ("true", Some(0)) => Some(off),
        ("true", Some(idle)) => {
            let after = fixed(DELAY).and_then(seconds).and_then(|delay| idle.checked_add(delay));
            Some(ScreenLock { on: true, after })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "# set by the administrator\n[org/gnome/desktop/session]\nidle-delay=uint32 300\n\n\
                        [org/gnome/desktop/screensaver]\nlock-enabled=true\nlock-delay=uint32 30\n";

    #[test]
    fn only_what_is_locked_is_known() {
        let all = [IDLE, LOCK, DELAY];
        let known = |on, after| Some(ScreenLock { on, after });
        for (text, locked, expected) in [
            (FILE.to_owned(), &all[..], known(true, Some(330))),
            (FILE.to_owned(), &[IDLE, LOCK], known(true, None)),
            (FILE.to_owned(), &[LOCK], None),
            (FILE.to_owned(), &[IDLE], None),
            (FILE.to_owned(), &[], None),
            (FILE.replace("uint32 300", "uint32 0"), &all, known(false, None)),
            (FILE.replace("true", "false"), &[LOCK], known(false, None)),
            (FILE.replace("true", "perhaps"), &all, None),
            (String::new(), &all, None),
        ] {
            let found = screen_lock(&settings(&text), |path| locked.contains(&path));
            assert_eq!(found, expected, "{text} {locked:?}");
        }
    }

    #[test]
    fn names_of_databases_lead_nowhere_else() {
        let profile = "user-db:user\nsystem-db:local\nsystem-db:../../home/me\nsystem-db:site\n";
        assert_eq!(system_databases(profile), ["local", "site"]);
    }

    #[test]
    fn locks_are_paths() {
        assert_eq!(locks("# all\n/org/gnome/a\n\nnone\n").collect::<Vec<_>>(), ["/org/gnome/a"]);
    }
}
