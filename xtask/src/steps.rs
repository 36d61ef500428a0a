//! Progress that a person can follow: which step of how many, and how long each took.

use std::io::Write;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

/// Prints a line to the terminal; the one place of this program that does.
pub(crate) fn say(text: &str) {
    let mut out = std::io::stderr().lock();
    // A closed terminal must not stop the work.
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}

/// A numbered row of steps.
pub(crate) struct Steps {
    command: &'static str,
    total: usize,
    began: Instant,
    done: Vec<(String, Duration)>,
}

impl Steps {
    /// `total` steps of `cargo xtask <command>`.
    pub(crate) fn new(command: &'static str, total: usize) -> Self {
        Self { command, total, began: Instant::now(), done: Vec::new() }
    }

    /// Runs one step under its name.
    pub(crate) fn run(&mut self, name: &str, step: impl FnOnce() -> Result<()>) -> Result<()> {
        say(&format!("\n[{}/{}] {name}", self.done.len() + 1, self.total));
        let began = Instant::now();
        step().with_context(|| name.to_owned())?;
        let took = began.elapsed();
        say(&format!("      {name}: done in {}", seconds(took)));
        self.done.push((name.to_owned(), took));
        Ok(())
    }

    /// The table of all steps.
    pub(crate) fn finish(self) {
        say(&format!("\ncargo xtask {}: all well in {}", self.command, seconds(self.began.elapsed())));
        for (name, took) in self.done {
            say(&format!("  {:>9}  {name}", seconds(took)));
        }
    }
}

fn seconds(time: Duration) -> String {
    let whole = time.as_secs();
    if whole >= 60 {
        format!("{} min {:02} s", whole / 60, whole % 60)
    } else {
        format!("{:.1} s", time.as_secs_f64())
    }
}
