//! Parts for tests that need more than one machine: network namespaces, links, cables with loss and delay, processes,
//! terminals, desktops, token codes, a small web site, certificates, and a TLS client without manners.
//!
//! Nothing here waits by sleeping: a test waits for a line, an exit, a connection, and [`HANG`] only bounds how long
//! a broken one may take. Nothing here stays behind: what a test starts ends with the value that stands for it, and
//! what a killed test left is swept away by the next one.
#![warn(missing_docs)]

pub mod cable;
pub mod certificate;
pub mod desk;
pub mod namespace;
pub mod otp;
pub mod privilege;
pub mod process;
pub mod programs;
pub mod rude;
pub mod screen;
pub mod stop;
pub mod sweep;
pub mod web;

use std::time::Duration;

pub use desk::Desk;
pub use namespace::Namespace;
pub use process::{Finished, Process, Program};

/// After this long without the awaited event a test fails; no test depends on anything being faster.
pub const HANG: Duration = Duration::from_secs(90);

/// A folder of its own for one test, removed with the value.
///
/// # Errors
/// When the system's temporary folder is not writable.
pub fn folder() -> anyhow::Result<tempfile::TempDir> {
    let prefix = format!("{}{}-", sweep::FOLDER, sweep::own_mark()?.replace(':', "."));
    Ok(tempfile::Builder::new().prefix(&prefix).tempdir()?)
}

/// A TCP port of the loopback address that is free now.
///
/// # Errors
/// When there is none.
pub fn free_port() -> anyhow::Result<u16> {
    Ok(std::net::TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}
