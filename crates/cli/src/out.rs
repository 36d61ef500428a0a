//! Where `praya` writes: results on standard output, as text or JSON; a reader that went away is no failure.

use std::io::{self, IsTerminal, Write};

use praya_model::Failure;
use serde::Serialize;

use crate::text;

/// How results are written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Out {
    /// As JSON, one value a line.
    pub(crate) json: bool,
    /// With colours: only on a terminal, and not where `NO_COLOR` is set.
    colour: bool,
}

/// A meaning that a colour underlines; it never stands alone.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Tone {
    Good,
    Warning,
    Bad,
    Heading,
}

impl Out {
    /// For a command that was given `--json` or not.
    pub(crate) fn new(json: bool) -> Self {
        let colour =
            !json && io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty());
        Self { json, colour }
    }

    /// Writes `text` and a line feed.
    ///
    /// # Errors
    /// When standard output is closed or full.
    pub(crate) fn text(self, text: &str) -> io::Result<()> {
        let mut out = io::stdout().lock();
        writeln!(out, "{text}")?;
        out.flush()
    }

    /// Writes `value` as one line of JSON.
    ///
    /// # Errors
    /// When standard output is closed or full.
    pub(crate) fn json(self, value: &impl Serialize) -> io::Result<()> {
        let line = serde_json::to_string(value).map_err(io::Error::other)?;
        self.text(&line)
    }

    /// Writes `value` as JSON or, without `--json`, what `text` makes of it.
    ///
    /// # Errors
    /// When standard output is closed or full.
    pub(crate) fn either<T: Serialize>(self, value: &T, text: impl FnOnce(&T) -> String) -> io::Result<()> {
        if self.json { self.json(value) } else { self.text(&text(value)) }
    }

    /// Says what is being waited for, to whoever looks on; programs are told the result only.
    pub(crate) fn meanwhile(self, text: &str) {
        if !self.json {
            let _ = writeln!(io::stderr().lock(), "{text}");
        }
    }

    /// Says why a command failed: JSON on standard output, text on standard error.
    pub(crate) fn failure(self, failure: &Failure) {
        self.failure_in_words(failure, &text::failure(failure));
    }

    /// As [`Out::failure`], with a text that knows more than the failure does.
    pub(crate) fn failure_in_words(self, failure: &Failure, text: &str) {
        // Nothing is left to be done about a failure to report a failure; the exit code still says it.
        let _ = if self.json {
            self.json(&Failed { failure, text })
        } else {
            let mut err = io::stderr().lock();
            writeln!(err, "{text}")
        };
    }

    /// Says what is wrong with the way the command was called, as the parser of the command line does.
    pub(crate) fn usage(text: &str) {
        let _ =
            writeln!(io::stderr().lock(), "{}", text::say_with("cli-usage-error", &[("text", text.into())]));
    }

    /// `text` in the colour of `tone`, where colours are on.
    pub(crate) fn paint(self, tone: Tone, text: &str) -> String {
        let code = match tone {
            Tone::Good => "32",
            Tone::Warning => "33",
            Tone::Bad => "31",
            Tone::Heading => "1",
        };
        if self.colour { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

/// A failure as JSON: the code and its arguments for programs, the text for people.
#[derive(Serialize)]
struct Failed<'a> {
    failure: &'a Failure,
    text: &'a str,
}
