//! `praya-gateway`: the command line around the library.

use std::io::{self, BufRead, IsTerminal as _, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use praya_gateway::exit::Result;
use praya_gateway::init::{DEFAULT_STATE, StateDir, init, initial_config};
use praya_gateway::{admin, demo, pki, serve};

/// Secure remote access: the gateway.
#[derive(Debug, Parser)]
#[command(name = "praya-gateway", version, about, propagate_version = true)]
struct Line {
    /// The state folder.
    #[arg(long, global = true, default_value = DEFAULT_STATE, env = "PRAYA_GATEWAY_STATE")]
    state: PathBuf,
    /// Write JSON instead of text.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a state folder: configuration, private authority and certificate, keys, database.
    Init(InitArguments),
    /// Run the gateway.
    Serve,
    /// Check configuration, keys, certificate and database, as `serve` does first, and start nothing.
    Check,
    /// Run a throw-away gateway with people, tokens and resources to try.
    Demo(demo::Arguments),
    /// The server's certificate.
    #[command(subcommand)]
    Certificate(Certificate),
    #[command(flatten)]
    Admin(admin::Command),
    /// Print a completion script for a shell.
    Completion {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, clap::Args)]
struct InitArguments {
    /// A host name or address under which clients reach the gateway; may be repeated, the first one is shown.
    #[arg(long = "name", required = true)]
    names: Vec<String>,
    /// The name people see.
    #[arg(long)]
    display_name: Option<String>,
    /// Whom people ask when something fails.
    #[arg(long)]
    help_desk: Option<String>,
    /// Where to serve HTTPS; may be repeated.
    #[arg(long)]
    listen: Vec<SocketAddr>,
    /// Any other setting as section.key=value, with a TOML value; may be repeated.
    #[arg(long = "set", value_name = "SETTING")]
    settings: Vec<String>,
}

#[derive(Debug, Subcommand)]
enum Certificate {
    /// Show the pins that clients can be given.
    Show,
    /// Issue the certificate anew by the gateway's own authority, for every configured name and with the same key.
    /// A running gateway takes it up by itself.
    Renew,
}

fn main() -> ExitCode {
    // Before anything secret is read.
    let private = keep_memory_private();
    let line = Line::parse();
    if let Err(error) = private {
        complain(&format!("core dumps cannot be switched off: {error}"), line.json, 0);
    }
    match run(&line, &mut io::stdin().lock(), &mut io::stdout().lock()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(fatal) => {
            // A closed pipe has nobody left to tell.
            if !fatal.message.is_empty() {
                complain(&fatal.message, line.json, fatal.code as u8);
            }
            ExitCode::from(fatal.code as u8)
        }
    }
}

/// Keys, passwords and cookies pass through this process: no core dump, also not of a program that it starts, and no
/// debugger of an unprivileged process.
fn keep_memory_private() -> io::Result<()> {
    use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    Ok(setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?)
}

fn run(line: &Line, input: &mut dyn BufRead, out: &mut dyn Write) -> Result<()> {
    let state = StateDir::new(&line.state);
    let mut output = admin::Output { json: line.json, terminal: io::stdout().is_terminal(), to: out };
    match &line.command {
        Command::Init(arguments) => initialise(&state, arguments, &mut output),
        Command::Serve => serve::run(&state, line.json, output.to),
        Command::Check => {
            let prepared = serve::check(&state)?;
            let sessions = prepared.store.live_sessions()?.len();
            output
                .show(&serde_json::json!({ "good": true, "pin": prepared.pin, "sessions": sessions }), || {
                    format!("{} is good; {}", state.path().display(), prepared.pin)
                })
        }
        Command::Demo(arguments) => demo::run(arguments, line.json, output.to),
        Command::Certificate(command) => certificate(&state, command, &mut output),
        Command::Admin(command) => {
            let mut context = admin::Context {
                store: state.store()?,
                state,
                out: output,
                input,
                actor: admin::actor(),
                now: serve::now(),
            };
            admin::run(command, &mut context)
        }
        Command::Completion { shell } => {
            clap_complete::generate(*shell, &mut Line::command(), "praya-gateway", output.to);
            Ok(())
        }
    }
}

fn initialise(state: &StateDir, arguments: &InitArguments, output: &mut admin::Output<'_>) -> Result<()> {
    let text = |text: &str| toml::Value::from(text).to_string();
    let mut settings = Vec::new();
    if let Some(name) = &arguments.display_name {
        settings.push(format!("gateway.display_name={}", text(name)));
    }
    if let Some(help_desk) = &arguments.help_desk {
        settings.push(format!("gateway.help_desk={}", text(help_desk)));
    }
    if !arguments.listen.is_empty() {
        let addresses: Vec<String> =
            arguments.listen.iter().map(|address| text(&address.to_string())).collect();
        settings.push(format!("listen.https=[{}]", addresses.join(", ")));
    }
    settings.extend(arguments.settings.iter().cloned());
    let config = initial_config(arguments.names.clone(), &settings)?;
    let made = init(state.path(), &config, serve::now())?;
    let path = state.path().display().to_string();
    let shown = serde_json::json!({ "state": path, "names": config.gateway.names, "pin": made.pin, "ca_pin": made.ca_pin });
    output.show(&shown, || {
        format!(
            "Made {path} for {}.\n\n\
             Give clients the gateway's identity, so that nobody ever has to click a warning away:\n  {}\n\n\
             Next:\n  look through {}\n  praya-gateway --state {path} person add NAME\n  praya-gateway --state {path} serve",
            config.gateway.names.join(", "),
            made.pin,
            state.config_file().display(),
        )
    })
}

fn certificate(state: &StateDir, command: &Certificate, output: &mut admin::Output<'_>) -> Result<()> {
    let config = state.config()?;
    match command {
        Certificate::Show => {}
        Certificate::Renew => state.renew_certificate(&config, serve::now())?,
    }
    let chain = pki::read_chain(&config.tls.certificate)?;
    let pins = chain.iter().map(pki::pin_of).collect::<Result<Vec<_>>>()?;
    let uncovered = pki::uncovered(&chain, &config.gateway.names)?;
    let shown = serde_json::json!({
        "certificate": config.tls.certificate,
        "pin": pins.first(),
        "authority_pins": pins.get(1..).unwrap_or_default(),
        "names": config.gateway.names,
        "uncovered_names": uncovered,
    });
    output.show(&shown, || {
        let mut text = format!("{}\n", config.tls.certificate.display());
        for (index, pin) in pins.iter().enumerate() {
            text.push_str(&format!("  {}  {pin}\n", if index == 0 { "gateway  " } else { "authority" }));
        }
        if !uncovered.is_empty() {
            text.push_str(&format!(
                "  NOT covered: {}; run `praya-gateway certificate renew`\n",
                uncovered.join(", ")
            ));
        }
        text
    })
}

fn complain(message: &str, json: bool, code: u8) {
    let mut errors = io::stderr().lock();
    // When the standard error is gone, the exit code has to do.
    let _ = if json {
        writeln!(errors, "{}", serde_json::json!({ "error": message, "exit_code": code }))
    } else {
        writeln!(errors, "praya-gateway: {message}")
    };
}

#[cfg(test)]
mod tests {
    use rustix::process::{DumpableBehavior, Resource, dumpable_behavior, getrlimit};

    use super::*;

    #[test]
    fn the_command_line_contradicts_itself_nowhere() {
        Line::command().debug_assert();
        let line = Line::try_parse_from(["praya-gateway", "posture", "activate", "staff", "--version", "2"]);
        assert!(line.is_ok(), "{line:?}");
    }

    #[test]
    fn the_process_leaves_no_core_dump() {
        keep_memory_private().unwrap();
        assert_eq!(dumpable_behavior().unwrap(), DumpableBehavior::NotDumpable);
        let limit = getrlimit(Resource::Core);
        assert_eq!((limit.current, limit.maximum), (Some(0), Some(0)));
    }
}
