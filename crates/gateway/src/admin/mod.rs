//! Administrative commands. They work straight on the database, also while the gateway runs: it notices every change
//! within a second and acts on it.

mod api_keys;
mod audit;
mod endpoint;
mod groups;
mod import;
mod output;
mod people;
mod posture;
mod resources;
mod sessions;
mod tokens;

use std::io::{BufRead, Read as _};

use clap::Subcommand;
use praya_identity::WrappingKey;
use praya_identity::account::fold_name;
use praya_model::{AccountName, Secret, Timestamp};

use crate::audit::Audit;
use crate::config::Config;
use crate::exit::{Code, Fatal, Result};
use crate::init::StateDir;
use crate::store::{AuditEvent, NewAudit, Outcome, Store};

pub use endpoint::{format as format_endpoint, parse as parse_endpoint};
pub use output::{Output, Table, printable};

/// The longest line of secret input, in bytes.
const LONGEST_LINE: u64 = 4096;

/// What administrators do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// People: accounts, initial passwords, locks.
    #[command(subcommand)]
    Person(people::Command),
    /// Tokens: register, import, assign, resync, reactivate.
    #[command(subcommand)]
    Token(tokens::Command),
    /// Groups: who is in them, which networks they may reach, and at which rate.
    #[command(subcommand)]
    Group(groups::Command),
    /// Resources: what groups find in their list.
    #[command(subcommand)]
    Resource(resources::Command),
    /// Sessions: who is signed in, and ending it.
    #[command(subcommand)]
    Session(sessions::Command),
    /// The endpoint check: policies for machines, and what was found of them.
    #[command(subcommand)]
    Posture(posture::Command),
    /// Keys with which programs use the administrators' API.
    #[command(subcommand)]
    ApiKey(api_keys::Command),
    /// The audit record.
    Audit(audit::Arguments),
}

/// What a command works with.
pub struct Context<'a> {
    /// The state folder.
    pub state: StateDir,
    /// The database.
    pub store: Store,
    /// Where results go.
    pub out: Output<'a>,
    /// Where secrets come from.
    pub input: &'a mut dyn BufRead,
    /// Who acts, for the audit.
    pub actor: String,
    /// When.
    pub now: Timestamp,
}

/// Runs one command.
///
/// # Errors
/// What is wrong and what to do; nothing was changed then, unless the message says so.
pub fn run(command: &Command, context: &mut Context<'_>) -> Result<()> {
    match command {
        Command::Person(command) => people::run(command, context),
        Command::Token(command) => tokens::run(command, context),
        Command::Group(command) => groups::run(command, context),
        Command::Resource(command) => resources::run(command, context),
        Command::Session(command) => sessions::run(command, context),
        Command::Posture(command) => posture::run(command, context),
        Command::ApiKey(command) => api_keys::run(command, context),
        Command::Audit(arguments) => audit::run(arguments, context),
    }
}

/// The name of the administrator for the audit: `admin:` and the login, as far as the system tells.
pub fn actor() -> String {
    let login = ["SUDO_USER", "LOGNAME", "USER"].iter().find_map(|variable| std::env::var(variable).ok());
    let login = login.map(|login| printable(&login)).filter(|login| !login.is_empty());
    let uid = || format!("uid {}", rustix::process::getuid().as_raw());
    format!("admin:{}", login.unwrap_or_else(uid))
}

impl Context<'_> {
    /// The configuration, for commands that depend on it.
    fn config(&self) -> Result<Config> {
        self.state.config()
    }

    fn key(&self) -> Result<WrappingKey> {
        self.state.wrapping_key()
    }

    /// Writes an audit record of the administrator's act; `fill` adds what it is about.
    fn audit(&self, event: AuditEvent, code: &str, fill: impl FnOnce(&mut NewAudit)) -> Result<()> {
        let mut record = NewAudit {
            code: Some(code.to_owned()),
            ..NewAudit::new(self.now, event, Outcome::Ok, self.actor.clone())
        };
        fill(&mut record);
        Audit::new(self.store.clone()).append(&record)?;
        Ok(())
    }

    /// The account of that name.
    fn account(&self, name: &str) -> Result<praya_identity::Account> {
        use praya_identity::IdentityStore as _;

        let name = folded(name)?;
        self.store.account(&name)?.ok_or_else(|| {
            Fatal::new(
                Code::Failed,
                format!("there is no person \"{name}\"; `praya-gateway person list` shows everybody"),
            )
        })
    }

    /// One line from the input, without its end. It may be secret.
    fn secret_line(&mut self, what: &str) -> Result<Secret> {
        let mut line = Vec::new();
        let read = (&mut *self.input).take(LONGEST_LINE).read_until(b'\n', &mut line);
        read.map_err(|error| {
            Fatal::new(Code::NoInput, format!("cannot read {what} from the input: {error}"))
        })?;
        let text = String::from_utf8(line)
            .map_err(|_| Fatal::new(Code::BadInput, format!("{what} is not UTF-8 text")))?;
        let secret = Secret::new(text.trim_end_matches(['\n', '\r']));
        if secret.is_empty() {
            return Err(Fatal::new(
                Code::NoInput,
                format!("{what} is missing: give it on the standard input"),
            ));
        }
        Ok(secret)
    }
}

/// A name as it stands in the database.
fn folded(name: &str) -> Result<AccountName> {
    fold_name(name).map_err(|error| Fatal::new(Code::Failed, format!("\"{}\": {error}", printable(name))))
}

/// An instant for eyes, in UTC.
fn shown(at: Timestamp) -> String {
    jiff::Timestamp::from_second(at.as_secs()).map_or_else(|_| "?".into(), |at| at.to_string())
}

#[cfg(test)]
mod tests;
