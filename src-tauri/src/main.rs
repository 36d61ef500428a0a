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
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

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
    let asked = std::env::var("PRAYA_LOG").map(|filter| praya_model::log::filter(&filter));
    let filter = match &asked {
        Ok(Ok(filter)) => filter.parse().ok(),
        _ => None,
    };
    let filter: Targets = filter.unwrap_or_else(|| Targets::new().with_default(LevelFilter::INFO));
    let colours = std::io::stderr().is_terminal();
    let lines = tracing_subscriber::fmt::layer().with_ansi(colours).with_writer(std::io::stderr);
    tracing_subscriber::registry().with(lines).with(filter).init();
    if let Ok(Err(error)) = asked {
        tracing::warn!(%error, "PRAYA_LOG does not count");
    }
    match app::run(arguments) {
        Ok(code) => code,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}
