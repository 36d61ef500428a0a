//! Names of running programs, which systems cut: Linux to 15 bytes in `/proc/*/comm`, macOS to 16 in `ps -c`.

use std::collections::BTreeSet;

/// Names as they were cut.
#[derive(Clone, Debug)]
pub struct Processes {
    names: BTreeSet<String>,
    length: usize,
}

impl Processes {
    /// Of Linux, from the contents of `/proc/*/comm`.
    pub fn linux(names: impl IntoIterator<Item = String>) -> Self {
        Self::cut_at(15, names)
    }

    /// Of macOS, from the lines of `ps -axco command`.
    pub fn macos(listing: &str) -> Self {
        Self::cut_at(16, listing.lines().map(str::to_owned))
    }

    fn cut_at(length: usize, names: impl IntoIterator<Item = String>) -> Self {
        let names = names.into_iter().map(|name| name.trim_end().to_owned()).collect();
        Self { names, length }
    }

    /// Whether a program of this name runs; longer names are compared as far as the system keeps them.
    pub fn run(&self, name: &str) -> bool {
        let cut = name.get(..self.length).unwrap_or(name);
        self.names.contains(name) || self.names.contains(cut)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_compared_as_they_are_cut() {
        let linux = Processes::linux(["clamd\n", "sophos_threat_d\n", "kworker/0:1\n"].map(str::to_owned));
        assert!(linux.run("clamd") && linux.run("sophos_threat_detector"));
        assert!(!linux.run("clamonacc") && !linux.run("clam") && !linux.run("sophos_threat"));
        let macos = Processes::macos("launchd\nMicrosoft Defend\nwdavdaemon\n");
        assert!(macos.run("Microsoft Defender") && macos.run("wdavdaemon"));
        assert!(!macos.run("Microsoft"));
        assert!(!Processes::linux([]).run(""));
    }
}
