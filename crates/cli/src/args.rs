//! The command line of `praya`.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;
use praya_model::paths::STATE_FOLDER;
use praya_model::{GatewayAddress, Pin, ProfileName};
use praya_texts::Locale;

/// Secure remote access: signs in to a gateway, shows what it publishes, opens it.
#[derive(Debug, Parser)]
#[command(name = "praya", version, about, max_term_width = 100, after_help = EXIT_CODES)]
pub(crate) struct Cli {
    /// The service's socket.
    #[arg(long, global = true, display_order = 90, value_name = "PATH", default_value = praya_ipc::DEFAULT_SOCKET)]
    pub(crate) socket: PathBuf,
    /// Answer in JSON with stable field names.
    #[arg(long, global = true, display_order = 91)]
    pub(crate) json: bool,
    /// The language: en, zh-Hant-TW, zh-Hant-MO or pt-MO. Without it PRAYA_LANG, then the system's, decides.
    #[arg(long, global = true, display_order = 92, value_name = "LANGUAGE")]
    pub(crate) lang: Option<Locale>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 not signed in or session ended, \
    4 service not available, 5 credentials refused or locked, 6 gateway not trusted, 7 gateway not reachable, \
    130 stopped by Ctrl-C.";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Sign in to a gateway and bring the tunnel up.
    Login(Login),
    /// Show the session: name, address, user, duration, bytes received and sent.
    Status(Status),
    /// List the resources that are published to you.
    Resources,
    /// Open a resource by its name.
    Open {
        /// The resource's name as `praya resources` shows it.
        name: String,
    },
    /// Change your password.
    Password(Password),
    /// Bring the tunnel of the present session up again.
    Connect,
    /// Take the tunnel down and keep the session.
    Disconnect,
    /// End the session.
    Logout,
    /// Show what the endpoint check reads of this machine, and what a policy says of it; nothing is sent.
    Check(Check),
    /// Check this machine and the gateway, and say what to do about what is wrong.
    Doctor(Doctor),
    /// Put routes, addresses and name servers back as they were; works without the service, as root.
    ResetNetwork(ResetNetwork),
    /// The named gateways.
    #[command(subcommand)]
    Profile(Profile),
    /// Print a completion script.
    Completion {
        /// For which shell.
        shell: Shell,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Login {
    /// The gateway: a host name, host:port or https URL.
    #[arg(long, value_name = "URL", conflicts_with = "profile")]
    pub(crate) gateway: Option<GatewayAddress>,
    /// A gateway stored by `praya profile add`.
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Option<ProfileName>,
    /// The gateway's key, as its operator told you: pin-sha256:…
    #[arg(long, value_name = "PIN", requires = "gateway")]
    pub(crate) pin: Option<Pin>,
    /// Your account; asked for when missing.
    #[arg(long, value_name = "NAME")]
    pub(crate) account: Option<String>,
    /// Read one answer a line from standard input instead of asking at the terminal.
    #[arg(long)]
    pub(crate) answers_stdin: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Status {
    /// Keep showing it, once a second, until Ctrl-C. The session does not notice.
    #[arg(long)]
    pub(crate) watch: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Password {
    /// Read the present password and the new one, a line each, from standard input.
    #[arg(long)]
    pub(crate) answers_stdin: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Check {
    /// A policy, as gateways have it; `ias` and `modern` are those that come with Praya.
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,
    /// In a session: have the gateway check this machine now, because it was put right.
    #[arg(long, conflicts_with = "policy")]
    pub(crate) again: bool,
    /// In a session: show what the gateway was told of this machine last, instead of reading it now.
    #[arg(long, conflicts_with_all = ["policy", "again"])]
    pub(crate) sent: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// The service's state folder.
    #[arg(long, value_name = "DIR", default_value = STATE_FOLDER)]
    pub(crate) state: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct ResetNetwork {
    /// The service's state folder.
    #[arg(long, value_name = "DIR", default_value = STATE_FOLDER)]
    pub(crate) state: PathBuf,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Profile {
    /// Store a gateway under a name; one that is stored under it, or one that looks the same, is never replaced.
    Add {
        /// The name.
        name: ProfileName,
        /// The gateway: a host name, host:port or https URL.
        #[arg(long, value_name = "URL")]
        gateway: GatewayAddress,
        /// The gateway's key, as its operator told you: pin-sha256:…
        #[arg(long, value_name = "PIN")]
        pin: Option<Pin>,
        /// Replace your own gateway of exactly that name, its address and key included.
        #[arg(long)]
        replace: bool,
    },
    /// Show the stored gateways.
    List,
    /// Forget a stored gateway.
    Remove {
        /// The name.
        name: ProfileName,
    },
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn no_secret_can_be_given_as_an_argument() {
        fn all(command: &clap::Command, names: &mut Vec<String>) {
            names.extend(command.get_arguments().filter_map(|a| a.get_long()).map(str::to_owned));
            command.get_subcommands().for_each(|sub| all(sub, names));
        }
        let mut names = Vec::new();
        all(&Cli::command(), &mut names);
        assert!(
            !names.iter().any(|name| ["password", "code", "otp", "cookie", "token"].contains(&name.as_str())),
            "{names:?}"
        );
    }

    #[test]
    fn a_pin_needs_the_gateway_it_is_for() {
        const PIN: &str = "pin-sha256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
        assert!(Cli::try_parse_from(["praya", "login", "--pin", PIN]).is_err());
        assert!(Cli::try_parse_from(["praya", "login", "--gateway", "vpn.example", "--pin", PIN]).is_ok());
    }
}
