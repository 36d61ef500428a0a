//! Programs under test: started, listened to, typed at, and ended by their id.

use std::ffi::{OsStr, OsString};
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::HANG;
use crate::{stop, sweep};

/// A program about to be started; see [`crate::Namespace::program`].
pub struct Program {
    name: String,
    words: Vec<OsString>,
    environment: Vec<(OsString, Option<OsString>)>,
}

impl Program {
    /// `program` with the words before it that put it where it belongs.
    pub(crate) fn inside(prefix: &[&str], program: impl AsRef<OsStr>) -> Self {
        let program = program.as_ref();
        let name =
            std::path::Path::new(program).file_name().unwrap_or(program).to_string_lossy().into_owned();
        let words = prefix.iter().map(OsString::from).chain([program.to_owned()]).collect();
        Self { name, words, environment: Vec::new() }
    }

    /// A program on this machine itself, outside every namespace.
    pub fn here(program: impl AsRef<OsStr>) -> Self {
        Self::inside(&[], program)
    }

    /// One more argument.
    #[must_use]
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.words.push(argument.as_ref().to_owned());
        self
    }

    /// More arguments.
    #[must_use]
    pub fn args<A: AsRef<OsStr>>(self, arguments: impl IntoIterator<Item = A>) -> Self {
        arguments.into_iter().fold(self, Self::arg)
    }

    /// One more variable of the environment.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.environment.push((name.into(), Some(value.as_ref().to_owned())));
        self
    }

    /// Without a variable that this process has in its own environment.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.environment.push((name.into(), None));
        self
    }

    /// Starts it with pipes.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(self) -> Result<Process> {
        let mut command = self.command(&self.words)?;
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = spawn(&mut command, &self.name)?;
        let shared = Arc::new(Shared::default());
        if let Some(pipe) = child.stdout.take() {
            shared.listen(pipe, Stream::Output);
        }
        if let Some(pipe) = child.stderr.take() {
            shared.listen(pipe, Stream::Error);
        }
        let keys = child.stdin.take().map(|pipe| Box::new(pipe) as Box<dyn Write + Send>);
        Process::watch(self.name, child, keys, shared)
    }

    /// Starts it on a terminal of its own, as a person would: prompts appear, passwords are read from `/dev/tty`.
    ///
    /// # Errors
    /// When there is no terminal left, or the program cannot be started.
    pub fn start_on_terminal(self) -> Result<Process> {
        let master =
            openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).context("openpt")?;
        grantpt(&master).context("grantpt")?;
        unlockpt(&master).context("unlockpt")?;
        let name = ptsname(&master, Vec::new()).context("ptsname")?;
        let open = || {
            let path = OsStr::new(name.to_str().context("a terminal's name is ASCII")?);
            Ok::<_, anyhow::Error>(std::fs::OpenOptions::new().read(true).write(true).open(path)?)
        };
        // `setsid --ctty` makes standard input the controlling terminal, which takes no unsafe code here.
        let mut words: Vec<OsString> = ["setsid", "--ctty"].map(OsString::from).into();
        words.extend(self.words.iter().cloned());
        let mut command = self.command(&words)?;
        command.stdin(open()?).stdout(open()?).stderr(open()?);
        let child = spawn(&mut command, &self.name)?;
        // The command holds this process' copies of the terminal; end of output needs them closed.
        drop(command);
        let shared = Arc::new(Shared::default());
        shared.listen(std::fs::File::from(clone(&master)?), Stream::Output);
        let keys = Box::new(std::fs::File::from(master));
        Process::watch(self.name, child, Some(keys), shared)
    }

    /// Runs it to its end with nothing to read.
    ///
    /// # Errors
    /// When it cannot be started or does not end.
    pub fn run(self) -> Result<Finished> {
        let process = self.start()?;
        process.close_input();
        process.wait()
    }

    /// Runs it to its end; anything but exit code 0 is an error that shows what it printed.
    ///
    /// # Errors
    /// When it cannot be started, does not end or fails.
    pub fn succeed(self) -> Result<Finished> {
        let shown = format!("{:?}", self.words);
        let finished = self.run()?;
        if finished.status.success() {
            Ok(finished)
        } else {
            bail!("{shown}: {}\n{}", finished.status, finished.everything)
        }
    }

    fn command(&self, words: &[OsString]) -> Result<Command> {
        let (first, rest) = words.split_first().context("a program has a name")?;
        let mut command = Command::new(first);
        command.args(rest);
        for (name, value) in &self.environment {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command.env(sweep::OWNER, sweep::own_mark()?);
        Ok(command)
    }
}

/// Starts it, unless this process has been told to end.
fn spawn(command: &mut Command, name: &str) -> Result<Child> {
    let _leave = stop::leave_to_start()?;
    command.spawn().with_context(|| format!("start {name}"))
}

fn clone(fd: &OwnedFd) -> Result<OwnedFd> {
    fd.try_clone().context("clone a terminal")
}

/// What a program printed and how it ended.
#[derive(Debug)]
pub struct Finished {
    /// How it ended.
    pub status: ExitStatus,
    /// Standard output.
    pub output: Vec<u8>,
    /// Standard error.
    pub complaints: Vec<u8>,
    /// Both streams in the order in which they came; the end of them, when they are long.
    pub everything: String,
}

impl Finished {
    /// The exit code; −N when signal N ended it.
    pub fn code(&self) -> i32 {
        self.status.code().unwrap_or_else(|| -self.status.signal().unwrap_or(0))
    }

    /// Standard output as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.output).into_owned()
    }
}

/// A running program. Dropping it kills it.
pub struct Process {
    name: String,
    pid: Pid,
    keys: Mutex<Option<Box<dyn Write + Send>>>,
    shared: Arc<Shared>,
}

/// A place in what a program prints, to wait for what comes after it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Place(usize);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stream {
    Output,
    Error,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    output: Vec<u8>,
    complaints: Vec<u8>,
    everything: Vec<u8>,
    status: Option<ExitStatus>,
    readers: usize,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn listen(self: &Arc<Self>, mut source: impl Read + Send + 'static, stream: Stream) {
        self.lock().readers += 1;
        let shared = Arc::clone(self);
        std::thread::spawn(move || {
            let mut buffer = vec![0; 64 * 1024];
            // A terminal whose other side is closed reads as an error: that is its end.
            while let Ok(count @ 1..) = source.read(&mut buffer) {
                let Some(bytes) = buffer.get(..count) else { break };
                let mut state = shared.lock();
                match stream {
                    Stream::Output => state.output.extend_from_slice(bytes),
                    Stream::Error => state.complaints.extend_from_slice(bytes),
                }
                state.everything.extend_from_slice(bytes);
                drop(state);
                shared.changed.notify_all();
            }
            shared.lock().readers -= 1;
            shared.changed.notify_all();
        });
    }
}

impl Process {
    fn watch(
        name: String,
        mut child: Child,
        keys: Option<Box<dyn Write + Send>>,
        shared: Arc<Shared>,
    ) -> Result<Self> {
        let raw = i32::try_from(child.id()).context("a process id")?;
        let pid = Pid::from_raw(raw).context("a process id is not zero")?;
        let watched = Arc::clone(&shared);
        std::thread::spawn(move || {
            // Wait without reaping, so that the id stays ours until the status is known to everybody.
            while let Err(Errno::INTR) =
                waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT)
            {}
            // What it printed comes first, unless a grandchild keeps the pipe.
            let grace = Duration::from_secs(2);
            let waited = watched.changed.wait_timeout_while(watched.lock(), grace, |state| state.readers > 0);
            let mut state = waited.unwrap_or_else(PoisonError::into_inner).0;
            state.status = Some(child.wait().unwrap_or_else(|_| ExitStatus::from_raw(0xff00)));
            drop(state);
            watched.changed.notify_all();
        });
        Ok(Self { name, pid, keys: Mutex::new(keys), shared })
    }

    /// The process' id.
    pub fn pid(&self) -> i32 {
        self.pid.as_raw_nonzero().get()
    }

    /// Everything printed so far, both streams.
    pub fn printed(&self) -> String {
        String::from_utf8_lossy(&self.shared.lock().everything).into_owned()
    }

    /// Standard output so far.
    pub fn output(&self) -> String {
        String::from_utf8_lossy(&self.shared.lock().output).into_owned()
    }

    /// What was printed after `place`.
    pub fn printed_after(&self, place: Place) -> String {
        String::from_utf8_lossy(self.shared.lock().everything.get(place.0..).unwrap_or_default()).into_owned()
    }

    /// The end of what was printed so far.
    pub fn place(&self) -> Place {
        Place(self.shared.lock().everything.len())
    }

    /// Waits until `text` has been printed, anywhere.
    ///
    /// # Errors
    /// When the program ends without it, or [`HANG`] passes; shows what was printed instead.
    pub fn wait_for(&self, text: &str) -> Result<Place> {
        self.wait_for_after(Place::default(), text)
    }

    /// Waits until `text` has been printed after `place`; returns the place behind it.
    ///
    /// # Errors
    /// As [`Self::wait_for`].
    pub fn wait_for_after(&self, place: Place, text: &str) -> Result<Place> {
        let find = |state: &State| {
            let tail = state.everything.get(place.0..)?;
            let at = tail.windows(text.len().max(1)).position(|window| window == text.as_bytes())?;
            Some(Place(place.0 + at + text.len()))
        };
        let state = self.wait_until(|state| find(state).is_some() || state.status.is_some());
        match (find(&state), state.status) {
            (Some(found), _) => Ok(found),
            (None, Some(status)) => {
                bail!("{} ended ({status}) without {text:?}:\n{}", self.name, shown(&state))
            }
            (None, None) => bail!("{} did not print {text:?}:\n{}", self.name, shown(&state)),
        }
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// When [`HANG`] passes.
    pub fn wait(&self) -> Result<Finished> {
        let state = self.wait_until(|state| state.status.is_some());
        let Some(status) = state.status else { bail!("{} does not end:\n{}", self.name, shown(&state)) };
        Ok(Finished {
            status,
            output: state.output.clone(),
            complaints: state.complaints.clone(),
            everything: shown(&state),
        })
    }

    /// How it ended, if it has.
    pub fn status(&self) -> Option<ExitStatus> {
        self.shared.lock().status
    }

    /// Types a line.
    ///
    /// # Errors
    /// When the program does not read any more.
    pub fn type_line(&self, line: &str) -> Result<()> {
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        let keys = keys.as_mut().with_context(|| format!("{}'s input is closed", self.name))?;
        keys.write_all(format!("{line}\n").as_bytes())?;
        Ok(keys.flush()?)
    }

    /// Closes its input.
    pub fn close_input(&self) {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// Sends a signal; one that has ended gets none.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        let state = self.shared.lock();
        if state.status.is_none() {
            kill_process(self.pid, signal).with_context(|| format!("signal {}", self.name))?;
        }
        Ok(())
    }

    /// Kills it as `kill -9` does and waits for its end.
    ///
    /// # Errors
    /// When it does not end.
    pub fn kill(&self) -> Result<Finished> {
        self.signal(Signal::KILL)?;
        self.wait()
    }

    /// Asks it to end (SIGTERM) and waits for that.
    ///
    /// # Errors
    /// When it does not end.
    pub fn terminate(&self) -> Result<Finished> {
        self.signal(Signal::TERM)?;
        self.wait()
    }

    fn wait_until(&self, done: impl Fn(&State) -> bool) -> MutexGuard<'_, State> {
        let state = self.shared.lock();
        let waited = self.shared.changed.wait_timeout_while(state, HANG, |state| !done(state));
        waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.signal(Signal::KILL).is_ok() {
            drop(self.wait_until(|state| state.status.is_some()));
        }
    }
}

/// The end of what was printed, for an error.
fn shown(state: &State) -> String {
    const ENOUGH: usize = 64 * 1024;
    let from = state.everything.len().saturating_sub(ENOUGH);
    String::from_utf8_lossy(state.everything.get(from..).unwrap_or_default()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_and_an_exit_are_awaited() -> Result<()> {
        let process =
            Program::here("sh").args(["-c", "echo hello; read answer; echo got $answer; exit 3"]).start()?;
        let place = process.wait_for("hello")?;
        process.type_line("tea")?;
        process.wait_for_after(place, "got tea")?;
        assert_eq!(process.wait()?.code(), 3);
        Ok(())
    }

    #[test]
    fn a_program_on_a_terminal_reads_passwords() -> Result<()> {
        let script =
            "stty -echo </dev/tty; printf 'Password:' >/dev/tty; read p </dev/tty; echo; echo \"<$p>\"";
        let process = Program::here("sh").args(["-c", script]).start_on_terminal()?;
        process.wait_for("Password:")?;
        process.type_line("secret")?;
        process.wait_for("<secret>")?;
        assert!(process.wait()?.status.success());
        Ok(())
    }

    #[test]
    fn a_missing_line_shows_what_was_printed_instead() -> Result<()> {
        let process = Program::here("sh").args(["-c", "echo something else"]).start()?;
        let error = process.wait_for("never").unwrap_err().to_string();
        assert!(error.contains("something else"), "{error}");
        Ok(())
    }

    #[test]
    fn dropping_kills() -> Result<()> {
        let process = Program::here("cat").start()?;
        let path = format!("/proc/{}/stat", process.pid());
        assert!(std::path::Path::new(&path).exists());
        drop(process);
        assert!(!std::path::Path::new(&path).exists());
        Ok(())
    }
}
