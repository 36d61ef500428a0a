//! Our own client on a machine: the service `prayad` and its command line `praya`.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use praya_testkit::{Finished, HANG, Namespace, Process, Program, programs};
use serde_json::{Value, json};

use crate::lab::GATEWAY_NAME;
use crate::room::Room;

/// The client on one machine.
pub struct Client {
    /// The service's state folder.
    pub state: PathBuf,
    /// The service's socket.
    pub socket: PathBuf,
    service: Option<Process>,
}

impl Client {
    /// Not yet started.
    ///
    /// # Errors
    /// When there is no room for its files.
    pub fn new(machine: &Namespace) -> Result<Self> {
        let state = machine.folder("client-state")?;
        Ok(Self { socket: machine.folder("client-socket")?.join("praya.sock"), state, service: None })
    }

    /// A client whose service runs.
    ///
    /// # Errors
    /// With what the service says when it does not start.
    pub fn started(machine: &Namespace) -> Result<Self> {
        let mut client = Self::new(machine)?;
        client.start(machine)?;
        Ok(client)
    }

    /// `prayad`, about to be started.
    ///
    /// # Errors
    /// When it is not built.
    pub fn service(&self, machine: &Namespace) -> Result<Program> {
        Ok(self.of_this_client(machine.program(programs::path("prayad")?)))
    }

    /// Starts the service and waits until it answers.
    ///
    /// # Errors
    /// With what it says when it does not start.
    pub fn start(&mut self, machine: &Namespace) -> Result<()> {
        self.start_as(self.service(machine)?)
    }

    /// The same in a room of the machine: that is what the service sees of it.
    ///
    /// # Errors
    /// With what it says when it does not start.
    pub fn start_in(&mut self, room: &Room) -> Result<()> {
        self.start_as(self.of_this_client(room.program(programs::path("prayad")?)))
    }

    /// The same for [`Self::service`] with something added to it.
    ///
    /// # Errors
    /// With what it says when it does not start.
    pub fn start_as(&mut self, service: Program) -> Result<()> {
        let process = service.start()?;
        process.wait_for("ready")?;
        self.service = Some(process);
        Ok(())
    }

    fn of_this_client(&self, service: Program) -> Program {
        service.arg("--state").arg(&self.state).arg("--socket").arg(&self.socket)
    }

    /// The running service.
    ///
    /// # Errors
    /// When it was not started.
    pub fn process(&self) -> Result<&Process> {
        self.service.as_ref().context("prayad was not started")
    }

    /// `praya` with these words, in English whatever the developer's own language is.
    ///
    /// # Errors
    /// When it is not built.
    pub fn praya(&self, machine: &Namespace, words: &[&str]) -> Result<Program> {
        Ok(machine
            .program(programs::path("praya")?)
            .arg("--socket")
            .arg(&self.socket)
            .args(words)
            .env("PRAYA_LANG", "en"))
    }

    /// Runs `praya` with these words to its end.
    ///
    /// # Errors
    /// When it cannot be run.
    pub fn run(&self, machine: &Namespace, words: &[&str]) -> Result<Finished> {
        self.praya(machine, words)?.run()
    }

    /// What `praya --json` says.
    ///
    /// # Errors
    /// When it fails or says no JSON.
    pub fn json(&self, machine: &Namespace, words: &[&str]) -> Result<Value> {
        let finished = self.praya(machine, words)?.arg("--json").succeed()?;
        serde_json::from_slice(&finished.output).with_context(|| finished.everything.clone())
    }

    /// Asks for the status until `found` says so of it.
    ///
    /// # Errors
    /// When that does not come; shows the last one.
    pub fn wait_for_status(&self, machine: &Namespace, found: impl Fn(&Value) -> bool) -> Result<Value> {
        let until = Instant::now() + HANG;
        loop {
            let status = self.json(machine, &["status"])?;
            if found(&status) {
                return Ok(status);
            }
            ensure!(Instant::now() < until, "the awaited status did not come; the last one was {status:#}");
        }
    }

    /// Signs in to the lab's gateway with these answers, one after the other, as a script does.
    ///
    /// # Errors
    /// When `praya` cannot be run.
    pub fn login(&self, machine: &Namespace, pin: &str, account: &str, answers: &[&str]) -> Result<Finished> {
        let words =
            ["login", "--gateway", GATEWAY_NAME, "--pin", pin, "--account", account, "--answers-stdin"];
        let process = self.praya(machine, &words)?.start()?;
        for answer in answers {
            // A refusal may come before the last answer.
            if process.type_line(answer).is_err() {
                break;
            }
        }
        process.close_input();
        process.wait()
    }

    /// Looks at the service's state and every change of it, as a view does, until `found` says so.
    ///
    /// # Errors
    /// When that does not come; shows the last state.
    pub fn wait_for(&self, found: impl Fn(&Value) -> bool) -> Result<Value> {
        let until = Instant::now() + HANG;
        let mut stream = UnixStream::connect(&self.socket).context("the service's socket")?;
        write_frame(
            &mut stream,
            &json!({"type": "hello", "protocol": 1, "kind": "other", "version": "tests"}),
        )?;
        write_frame(&mut stream, &json!({"type": "request", "id": 1, "request": {"request": "subscribe"}}))?;
        let mut last = Value::Null;
        loop {
            // A session in use has something new to show every second, and would put the end off for ever.
            let left = until.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
            stream.set_read_timeout(Some(left))?;
            let frame = read_frame(&mut stream)
                .with_context(|| format!("the awaited state did not come; the last one was {last:#}"))?;
            let snapshot = [&frame["response"]["snapshot"], &frame["event"]["snapshot"]];
            if let Some(snapshot) = snapshot.into_iter().find(|snapshot| snapshot.is_object()) {
                if found(snapshot) {
                    return Ok(snapshot.clone());
                }
                last = snapshot.clone();
            }
            ensure!(frame["type"] != "closing", "the service closes: {frame}");
        }
    }

    /// Waits until the session is in this state.
    ///
    /// # Errors
    /// When it does not come.
    pub fn wait_for_state(&self, state: &str) -> Result<Value> {
        self.wait_for(|snapshot| snapshot["state"] == state)
    }

    /// Kills the service as `kill -9` does.
    ///
    /// # Errors
    /// When it was not started.
    pub fn kill(&mut self) -> Result<()> {
        self.service.take().context("prayad was not started")?.kill()?;
        Ok(())
    }

    /// Ends the service in order.
    ///
    /// # Errors
    /// When it was not started or does not end.
    pub fn stop(&mut self) -> Result<Finished> {
        self.service.take().context("prayad was not started")?.terminate()
    }
}

fn write_frame(stream: &mut UnixStream, value: &Value) -> Result<()> {
    let text = value.to_string();
    stream.write_all(&u32::try_from(text.len())?.to_be_bytes())?;
    Ok(stream.write_all(text.as_bytes())?)
}

fn read_frame(stream: &mut UnixStream) -> Result<Value> {
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let length = usize::try_from(u32::from_be_bytes(length))?;
    if length > 1024 * 1024 {
        bail!("a frame of {length} bytes");
    }
    let mut text = vec![0; length];
    stream.read_exact(&mut text)?;
    Ok(serde_json::from_slice(&text)?)
}
