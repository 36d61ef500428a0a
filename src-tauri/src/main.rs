//! `praya-desktop`: the window and the tray. Everything that decides is in `praya-desktop` the library; here is what
//! only the window system can do.
#![cfg_attr(windows, windows_subsystem = "windows")]

mod app;
mod arguments;
mod commands;
mod desktop;
mod safe_mode;
mod window;

#[cfg(target_os = "linux")]
#[path = "linux/mod.rs"]
mod platform;

use std::io::IsTerminal as _;
use std::process::ExitCode;

use clap::Parser;

use crate::arguments::Arguments;

fn main() -> ExitCode {
    if let Err(error) = platform::keep_memory_private() {
        // No log yet, and nothing typed is worth the risk.
        let _ = std::io::Write::write_fmt(
            &mut std::io::stderr(),
            format_args!("core dumps cannot be prevented: {error}\n"),
        );
        return ExitCode::FAILURE;
    }
    let arguments = Arguments::parse();
    let filter = tracing_subscriber::EnvFilter::try_from_env("PRAYA_LOG").unwrap_or_else(|_| "info".into());
    let colours = std::io::stderr().is_terminal();
    tracing_subscriber::fmt().with_env_filter(filter).with_ansi(colours).with_writer(std::io::stderr).init();
    match app::run(arguments) {
        Ok(code) => code,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}
