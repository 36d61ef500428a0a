//! `praya`: the service from a terminal. Holds nothing itself: every command attaches, asks, and goes.

mod args;
mod ask;
mod check;
mod commands;
mod doctor;
mod exit;
mod format;
mod login;
mod out;
mod password;
mod resources;
mod status;
mod text;
mod watch;

use std::io;
use std::process::ExitCode;

use clap::Parser;
use praya_ipc::ClientError;
use praya_model::password::PasswordRules;
use praya_model::{Failure, FailureCode};
use praya_texts::Locale;

use crate::args::Cli;
use crate::exit::Exit;
use crate::out::Out;

fn main() -> ExitCode {
    let cli = Cli::parse();
    // What programs read is the same in every language, and so is the text beside it.
    text::choose(if cli.json { Locale::En } else { cli.lang.unwrap_or_else(locale_of_environment) });
    let out = Out::new(cli.json);
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return report(out, error.into()).into(),
    };
    let result = runtime.block_on(commands::run(cli, out));
    // A question that nobody will answer any more must not hold the program up.
    runtime.shutdown_background();
    match result {
        Ok(()) => Exit::Done.into(),
        Err(ended) => report(out, ended).into(),
    }
}

/// The locale that the person's environment asks for; `PRAYA_LANG` goes before the system's own variables.
fn locale_of_environment() -> Locale {
    Locale::from_environment(|name| std::env::var(name).ok())
}

fn report(out: Out, ended: Ended) -> Exit {
    match ended {
        Ended::Failure(failure) => {
            out.failure(&failure);
            Exit::from(&*failure)
        }
        Ended::Told { failure, text, exit } => {
            out.failure_in_words(&failure, &text);
            exit
        }
        Ended::Usage(text) => {
            Out::usage(&text);
            Exit::Usage
        }
        Ended::Silent(exit) => exit,
    }
}

/// Why a command ended without doing what it was asked.
#[derive(Debug)]
pub(crate) enum Ended {
    /// To be told.
    Failure(Box<Failure>),
    /// To be told in words of its own.
    Told { failure: Box<Failure>, text: String, exit: Exit },
    /// It cannot be done in the way in which it was asked.
    Usage(String),
    /// Told already, or nobody is left to tell.
    Silent(Exit),
}

impl Ended {
    /// The person pressed Ctrl-C; the message `id` says what has come of it.
    pub(crate) fn interrupted(id: &str) -> Self {
        let failure = Box::new(FailureCode::Cancelled.into());
        Self::Told { failure, text: text::say(id), exit: Exit::Interrupted }
    }

    /// A failure of somebody who chose a password under `rules`.
    pub(crate) fn told_under(failure: Failure, rules: Option<&PasswordRules>) -> Self {
        let (text, exit) = (text::failure_under(&failure, rules), Exit::from(&failure));
        Self::Told { failure: Box::new(failure), text, exit }
    }

    /// The service gave an answer of another kind than was asked for.
    pub(crate) fn unexpected() -> Self {
        FailureCode::Protocol { detail: text::say("cli-unexpected-answer") }.into()
    }
}

impl From<Failure> for Ended {
    fn from(failure: Failure) -> Self {
        Self::Failure(Box::new(failure))
    }
}

impl From<FailureCode> for Ended {
    fn from(code: FailureCode) -> Self {
        Failure::from(code).into()
    }
}

impl From<ClientError> for Ended {
    fn from(error: ClientError) -> Self {
        error.into_failure().into()
    }
}

impl From<io::Error> for Ended {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            // The reader of our output has seen enough.
            return Self::Silent(Exit::Done);
        }
        FailureCode::Internal { detail: error.to_string() }.into()
    }
}
