//! What `cargo xtask bench …` measures. Nothing here judges a number: what comes out depends on the machine.

mod cost;
pub(crate) mod desktop;
pub(crate) mod gateway;
pub(crate) mod link;
mod machine;
mod site;
mod stats;
mod table;
pub(crate) mod tunnel;

use std::io::Write;

/// Prints a line; the one place of this program that does.
pub(crate) fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    // A closed terminal must not stop the measurement.
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}
