//! What one end costs: processor time and memory of its programs, read from `/proc` (proc(5)).

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use praya_testkit::Namespace;

/// Ticks per second in `/proc/PID/stat`: `USER_HZ`, which is 100 on every architecture that Rust and Debian share.
const TICKS: f64 = 100.0;

/// The programs of one end: every process on a machine whose name begins with one of these. A gateway may be several
/// processes and make new ones per session, which is why they are looked up and not remembered.
pub(crate) struct End {
    network: PathBuf,
    names: &'static [&'static str],
}

/// Memory in MiB.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Memory {
    /// Proportional: a page shared by n processes counts 1/n in each.
    pub(crate) pss: f64,
    /// Resident: a shared page counts in each.
    pub(crate) rss: f64,
    /// The part of `pss` that no file backs: neither the program nor its libraries.
    pub(crate) anonymous: f64,
}

impl End {
    /// The programs with these names on `machine`.
    pub(crate) fn new(machine: &Namespace, names: &'static [&'static str]) -> Result<Self> {
        let link = machine.program("readlink").arg("/proc/self/ns/net").succeed()?;
        Ok(Self { network: PathBuf::from(link.text().trim()), names })
    }

    /// Processor seconds used so far, of the kernel on its behalf too, with those of children that have ended.
    pub(crate) fn cpu_seconds(&self) -> Result<f64> {
        let mut ticks = 0;
        for process in self.processes()? {
            // One that has just ended is in its parent's sum.
            if let Ok(stat) = fs::read_to_string(process.join("stat")) {
                ticks += ticks_of(&stat).with_context(|| stat.clone())?;
            }
        }
        Ok(f64::from(ticks) / TICKS)
    }

    /// Memory of all its processes now.
    pub(crate) fn memory(&self) -> Result<Memory> {
        let mut memory = Memory::default();
        for process in self.processes()? {
            if let Ok(rollup) = fs::read_to_string(process.join("smaps_rollup")) {
                memory.pss += mib_of(&rollup, "Pss:").with_context(|| rollup.clone())?;
                memory.anonymous += mib_of(&rollup, "Pss_Anon:").with_context(|| rollup.clone())?;
                memory.rss += mib_of(&rollup, "Rss:").with_context(|| rollup.clone())?;
            }
        }
        ensure!(memory.pss > 0.0, "the memory of {} cannot be read", self.names.join(", "));
        Ok(memory)
    }

    /// The ids of its processes.
    pub(crate) fn ids(&self) -> Result<Vec<String>> {
        let name = |process: &PathBuf| Some(process.file_name()?.to_str()?.to_owned());
        Ok(self.processes()?.iter().filter_map(name).collect())
    }

    fn processes(&self) -> Result<Vec<PathBuf>> {
        let all = fs::read_dir("/proc")?.flatten().map(|entry| entry.path());
        let found: Vec<_> = all.filter(|process| self.is_ours(process)).collect();
        ensure!(!found.is_empty(), "none of {} runs", self.names.join(", "));
        Ok(found)
    }

    fn is_ours(&self, process: &Path) -> bool {
        let name = fs::read_to_string(process.join("comm")).unwrap_or_default();
        self.names.iter().any(|known| name.starts_with(known))
            && fs::read_link(process.join("ns/net")).is_ok_and(|network| network == self.network)
    }
}

/// User and system time of a process and of its children that have ended: fields 14 to 17.
fn ticks_of(stat: &str) -> Option<u32> {
    // The name in parentheses may hold anything.
    let (_, fields) = stat.rsplit_once(')')?;
    let times: Vec<u32> =
        fields.split_ascii_whitespace().skip(11).take(4).map_while(|field| field.parse().ok()).collect();
    (times.len() == 4).then(|| times.iter().sum())
}

fn mib_of(rollup: &str, name: &str) -> Option<f64> {
    let line = rollup.lines().find_map(|line| line.strip_prefix(name))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<f64>().ok()? / 1024.0)
}

#[cfg(test)]
mod tests {
    use super::{mib_of, ticks_of};

    #[test]
    fn times_are_found_behind_a_name_with_a_parenthesis() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 5 6 7 8 100 20 3 4 20 0 1 0 9000";
        assert_eq!(ticks_of(stat), Some(127));
        assert_eq!(ticks_of("7 (a) S 1"), None);
    }

    #[test]
    fn memory_is_read_by_its_name() {
        let rollup =
            "Rss:                2048 kB\nPss:                1536 kB\nPss_Dirty:           100 kB\n";
        assert_eq!(mib_of(rollup, "Pss:"), Some(1.5));
        assert_eq!(mib_of(rollup, "Swap:"), None);
    }
}
