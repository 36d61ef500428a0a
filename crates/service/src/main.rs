//! `prayad`: reads its settings, opens its log, and runs the service until it is told to stop.

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use praya_service::config::{Config, Flags, LogFormat};
use praya_service::run::run;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Wrong settings (sysexits.h).
const EX_CONFIG: u8 = 78;
/// The system refuses something basic (sysexits.h).
const EX_OSERR: u8 = 71;

fn main() -> ExitCode {
    // Before anything secret is read.
    let private = keep_memory_private();
    let config = match Config::load(Flags::parse()) {
        Ok(config) => config,
        Err(error) => return fail(&error, EX_CONFIG),
    };
    if let Err(error) = open_log(&config) {
        return fail(&*error, EX_CONFIG);
    }
    if let Err(error) = private {
        tracing::warn!(%error, "core dumps cannot be switched off");
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error, EX_OSERR),
    };
    runtime.block_on(async {
        let stop = match told_to_stop() {
            Ok(stop) => stop,
            Err(error) => return fail(&error, EX_OSERR),
        };
        match run(config, stop).await {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => fail(&error, error.exit_code()),
        }
    })
}

/// One message on standard error, whatever the log level.
fn fail(error: &dyn std::error::Error, code: u8) -> ExitCode {
    // Where standard error is closed, the exit code is all that is left.
    let _ = writeln!(std::io::stderr(), "prayad: {error}");
    ExitCode::from(code)
}

/// The log on standard error. At info and above it names no person and no internal host.
fn open_log(config: &Config) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let filter: Targets = log_filter(&config.log)?;
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let log = tracing_subscriber::registry();
    match config.log_format {
        LogFormat::Text => log.with(lines.with_ansi(false)).with(filter).try_init()?,
        LogFormat::Json => log.with(lines.json().flatten_event(true)).with(filter).try_init()?,
    }
    Ok(())
}

/// What the setting lets through.
fn log_filter(setting: &str) -> Result<Targets, Box<dyn std::error::Error + Send + Sync>> {
    let filter = praya_model::log::filter(setting)
        .map_err(|error| format!("the setting `log`, or RUST_LOG in its place, is not usable: {error}"))?;
    Ok(filter.parse()?)
}

/// Passwords and cookies pass through this process: no core dump, also not of a program that it starts, and no debugger
/// of an unprivileged process.
fn keep_memory_private() -> std::io::Result<()> {
    use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    Ok(setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?)
}

/// SIGTERM, or Ctrl-C at a terminal.
fn told_to_stop() -> std::io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

#[cfg(test)]
mod tests {
    use rustix::process::{DumpableBehavior, Resource, dumpable_behavior, getrlimit};
    use tracing::Level;

    use super::*;

    #[test]
    fn a_log_filter_lets_through_what_its_writer_meant() {
        let filter = log_filter("warn, praya_datapath = debug,").unwrap();
        for (target, level, logged) in [
            ("praya_service", Level::WARN, true),
            ("praya_service", Level::INFO, false),
            ("praya_datapath::pump", Level::DEBUG, true),
            ("praya_datapath::pump", Level::TRACE, false),
        ] {
            assert_eq!(filter.would_enable(target, &level), logged, "{target} {level}");
        }
        let error = log_filter("warning").unwrap_err().to_string();
        assert!(error.contains("`log`") && error.contains("\"warning\""), "{error}");
    }

    #[test]
    fn the_process_leaves_no_core_dump() {
        keep_memory_private().unwrap();
        assert_eq!(dumpable_behavior().unwrap(), DumpableBehavior::NotDumpable);
        let limit = getrlimit(Resource::Core);
        assert_eq!((limit.current, limit.maximum), (Some(0), Some(0)));
    }
}
