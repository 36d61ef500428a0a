//! Asking the person: at the terminal, or from standard input where a script answers.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};

use praya_model::Secret;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

/// Longer lines are no answers.
const LONGEST: u64 = 4096;

/// Where answers come from. Secrets never come from arguments or the environment.
#[derive(Debug)]
pub(crate) enum Asker {
    /// The controlling terminal, whatever standard input and output are.
    Terminal(Terminal),
    /// One answer a line, nothing shown.
    Script(BufReader<io::Stdin>),
}

/// Whether what is typed is seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Echo {
    Shown,
    Hidden,
}

/// The controlling terminal.
#[derive(Debug)]
pub(crate) struct Terminal {
    input: BufReader<File>,
    output: File,
    restore: Restore,
}

/// A second handle on the terminal that puts its settings back, for whoever stops the program while it is asking.
#[derive(Debug)]
pub(crate) struct Restore {
    terminal: File,
    settings: Option<Termios>,
}

impl Restore {
    fn try_clone(&self) -> io::Result<Self> {
        Ok(Self { terminal: self.terminal.try_clone()?, settings: self.settings.clone() })
    }

    /// Puts the terminal's settings back as they were when the program started.
    pub(crate) fn restore(&self) {
        if let Some(settings) = &self.settings {
            // The terminal may be gone, and then there is nothing to restore.
            let _ = tcsetattr(&self.terminal, OptionalActions::Drain, settings);
        }
    }
}

impl Drop for Restore {
    fn drop(&mut self) {
        self.restore();
    }
}

impl Asker {
    /// The terminal, or standard input with `script`.
    ///
    /// # Errors
    /// When there is no terminal to ask at.
    pub(crate) fn new(script: bool) -> io::Result<Self> {
        if script {
            return Ok(Self::Script(BufReader::new(io::stdin())));
        }
        let output = OpenOptions::new().read(true).write(true).open("/dev/tty")?;
        let settings = tcgetattr(&output).ok();
        let restore = Restore { terminal: output.try_clone()?, settings };
        Ok(Self::Terminal(Terminal { input: BufReader::new(output.try_clone()?), output, restore }))
    }

    /// Whether a script answers.
    pub(crate) fn is_script(&self) -> bool {
        matches!(self, Self::Script(_))
    }

    /// A handle that puts the terminal back; nothing for a script.
    pub(crate) fn restorer(&self) -> Option<Restore> {
        match self {
            Self::Terminal(terminal) => terminal.restore.try_clone().ok(),
            Self::Script(_) => None,
        }
    }

    /// A handle to write to the terminal while it is asking; nothing for a script.
    pub(crate) fn screen(&self) -> Option<File> {
        match self {
            Self::Terminal(terminal) => terminal.output.try_clone().ok(),
            Self::Script(_) => None,
        }
    }

    /// Says something before a question; a script is told nothing.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub(crate) fn say(&mut self, text: &str) -> io::Result<()> {
        match self {
            Self::Terminal(terminal) => writeln!(terminal.output, "{text}"),
            Self::Script(_) => Ok(()),
        }
    }

    /// Asks and waits for a line; `None` at the end of the input.
    ///
    /// # Errors
    /// When the terminal is gone, or the answer is no text of reasonable length.
    pub(crate) fn ask(&mut self, prompt: &str, echo: Echo) -> io::Result<Option<Secret>> {
        match self {
            Self::Script(input) => read_line(input),
            Self::Terminal(terminal) => terminal.ask(prompt, echo),
        }
    }
}

impl Terminal {
    fn ask(&mut self, prompt: &str, echo: Echo) -> io::Result<Option<Secret>> {
        // Hidden before the prompt is seen, so that nothing typed in haste is shown.
        if echo == Echo::Hidden
            && let Some(settings) = &self.restore.settings
        {
            let mut hidden = settings.clone();
            hidden.local_modes.remove(LocalModes::ECHO);
            hidden.local_modes.insert(LocalModes::ECHONL | LocalModes::ICANON);
            tcsetattr(&self.output, OptionalActions::Drain, &hidden)?;
        }
        write!(self.output, "{prompt}")?;
        self.output.flush()?;
        let answer = read_line(&mut self.input);
        self.restore.restore();
        answer
    }
}

/// One line without its end.
fn read_line(input: &mut impl BufRead) -> io::Result<Option<Secret>> {
    let mut line = Zeroizing::new(String::new());
    let read = io::Read::take(input, LONGEST).read_line(&mut line)?;
    if read == 0 {
        return Ok(None);
    }
    if read as u64 == LONGEST && !line.ends_with('\n') {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the answer is too long"));
    }
    let line = line.strip_suffix('\n').unwrap_or(&line);
    Ok(Some(Secret::new(line.strip_suffix('\r').unwrap_or(line))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_a_line_as_it_was_typed_without_its_end() {
        let mut input = io::Cursor::new(b"pass word \r\n\nlast".to_vec());
        for expected in ["pass word ", "", "last"] {
            assert_eq!(read_line(&mut input).unwrap(), Some(Secret::new(expected)));
        }
        assert_eq!(read_line(&mut input).unwrap(), None);
    }

    #[test]
    fn an_endless_line_is_no_answer() {
        let mut input = io::Cursor::new(vec![b'x'; 10_000]);
        assert!(read_line(&mut input).is_err());
    }
}
