//! Where the processor time of a transfer goes: `perf` looks at both ends' programs, the kernel's work for them included.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use praya_testkit::{Process, Program};

use crate::bench::{machine, say};

/// How often it looks, each second. A virtual machine seldom lets its counters be seen, so the clock has to do.
const SAMPLING: [&str; 4] = ["--event", "cpu-clock", "--freq", "997"];
/// What is less than this share of all is left out.
const LEAST: &str = "0.4";

/// Programs that are looked at.
pub(super) struct Profile {
    perf: Process,
    data: String,
}

impl Profile {
    /// Begins to look at these processes, for so many seconds; what is seen goes to `folder` under this name.
    ///
    /// # Errors
    /// Without `perf`.
    pub(super) fn begin(folder: &Path, name: &str, processes: &[String], seconds: u32) -> Result<Self> {
        machine::tool("perf").context("perf is missing (package linux-perf)")?;
        fs::create_dir_all(folder)?;
        let data = folder.join(format!("profile-{name}.data")).display().to_string();
        let perf = Program::here("perf")
            .args(["record", "--output", &data, "--pid", &processes.join(",")])
            .args(SAMPLING)
            .args(["--", "sleep", &seconds.to_string()])
            .start()?;
        Ok(Self { perf, data })
    }

    /// Waits for the end and writes the functions, the busiest first.
    ///
    /// # Errors
    /// When `perf` has nothing to say.
    pub(super) fn end(self) -> Result<()> {
        let ended = self.perf.wait()?;
        let report = Program::here("perf")
            .args(["report", "--input", &self.data, "--stdio", "--no-children"])
            .args(["--sort", "comm,dso,symbol", "--percent-limit", LEAST])
            .run()
            .with_context(|| ended.everything)?;
        let text = Path::new(&self.data).with_extension("txt");
        fs::write(&text, report.text())?;
        say(&format!("  profile: {}", text.display()));
        Ok(())
    }
}
