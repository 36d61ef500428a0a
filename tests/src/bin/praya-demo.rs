//! `cargo xtask demo`: the whole product on one machine, from the first sign-in to the logout, as a terminal shows it,
//! and its window.
//!
//! Usage: `praya-demo [--keep] [--pictures FOLDER]`; the programs come from `PRAYA_BIN_DIR`.

#[path = "../demo/window.rs"]
mod window;

use std::io::{BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail, ensure};
use data_encoding::BASE32_NOPAD;
use praya_testkit::otp::Token;
use praya_testkit::{Process, privilege, programs, stop};
use praya_tests::Lab;
use praya_tests::client::Client;
use praya_tests::lab::{EMPLOYEE, GATEWAY, GATEWAY_INSIDE, GATEWAY_NAME, INTRANET};
use serde_json::Value;
use window::Shown;

const NEW_PASSWORD: &str = "lantern over the harbour";

fn main() -> ExitCode {
    match start() {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            let mut err = std::io::stderr().lock();
            // A closed terminal hears nothing.
            let _ = writeln!(err, "praya-demo: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs the demo; returns the exit code, 128 and the signal's number when one ended it, as shells count.
fn start() -> Result<u8> {
    if let Some(code) = privilege::ensure()? {
        return Ok(u8::try_from(code).unwrap_or(1));
    }
    stop::on_signals()?;
    let mut stage = Stage { number: 0 };
    let walked = walk_through(&mut stage, &options()?);
    match (walked, stop::asked()) {
        (Err(_), Some(signal)) => {
            stage
                .say("\nStopped. Namespaces, links, processes and files are gone; nothing else was touched.");
            Ok(u8::try_from(128 + signal.as_raw()).unwrap_or(1))
        }
        (walked, _) => walked.map(|()| 0),
    }
}

/// What is wished for on the command line.
struct Options {
    /// Stop before the end, for a person to try it by hand.
    keep: bool,
    /// Where pictures of the window go when there is no display.
    pictures: PathBuf,
}

fn options() -> Result<Options> {
    let mut options = Options { keep: false, pictures: PathBuf::from("target/demo") };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--keep" => options.keep = true,
            "--pictures" => options.pictures = words.next().context("--pictures needs a folder")?.into(),
            _ => bail!("{word}: unknown; usage: praya-demo [--keep] [--pictures FOLDER]"),
        }
    }
    Ok(options)
}

/// The whole demo. Everything that it brings up goes with its values, also when it ends early.
fn walk_through(stage: &mut Stage, options: &Options) -> Result<()> {
    stage.heading("Three machines on two cables, each a network namespace of this computer");
    let lab = Lab::new()?;
    stage.note(&format!(
        "employee {EMPLOYEE} --- {GATEWAY} gateway {GATEWAY_INSIDE} --- {INTRANET} intranet, a web site"
    ));

    stage.heading("A throw-away gateway with people, tokens and resources");
    let site = DemoGateway::start(stage, &lab)?;
    let person = site.newcomer()?;
    stage.note(&format!(
        "{} is new here: an initial password, and token {} with a new code every {} seconds",
        person.account, person.serial, person.token.step
    ));

    stage.heading("Without a tunnel, the intranet is out of reach");
    stage.command("employee", &format!("curl http://{INTRANET}/"));
    let outside = lab.fetch(INTRANET, "/")?;
    ensure!(!outside.status.success(), "the intranet is reached without a tunnel");
    stage.output(&outside.everything);

    stage
        .heading("The client: a service that owns the session, and a command line that is only a view of it");
    let client = Client::started(&lab.employee)?;
    stage.command("employee", "prayad");

    stage.heading("The first contact with a private gateway shows its key and stops");
    let words = ["login", "--gateway", GATEWAY_NAME, "--account", &person.account];
    let stranger = client.praya(&lab.employee, &words)?.arg("--answers-stdin").run()?;
    stage.command("employee", &format!("praya {}", words.join(" ")));
    stage.output(&stranger.everything);
    ensure!(stranger.code() == 6, "an unknown gateway was trusted");

    stage.heading(
        "The first sign-in: password, token code, and a new password because the first one must be changed",
    );
    first_sign_in(stage, &lab, &client, &site.pin, &person)?;

    stage.heading("What is published to this person");
    show(stage, &lab, &client, &["resources"])?;

    stage.heading("The intranet's page, through the tunnel");
    stage.command("employee", &format!("curl http://{INTRANET}/"));
    let inside = lab.fetch(INTRANET, "/")?;
    stage.output(&inside.everything);
    ensure!(inside.output == praya_testkit::web::PAGE.as_bytes(), "the tunnel does not carry the page");

    stage.heading("The status");
    client.wait_for_status(&lab.employee, |status| status["received_bytes"].as_u64() > Some(0))?;
    show(stage, &lab, &client, &["status"])?;

    stage.heading("A view is closed; the session does not notice, and the next view finds it");
    let view = client.praya(&lab.employee, &["status", "--watch"])?.start()?;
    view.wait_for(&person.account)?;
    stage.command("employee", "praya status --watch        (and kill -9 for it)");
    view.kill()?;
    show(stage, &lab, &client, &["status"])?;
    ensure!(lab.reaches_intranet()?, "the tunnel has gone with the view");

    let mut shown = window::show(stage, &lab, &client, &site.pin, &options.pictures)?;
    if options.keep || matches!(shown, Shown::OnDisplay { .. }) {
        by_hand(stage, &lab, &client, &site, &person)?;
    } else {
        stage.heading("Logging out");
        show(stage, &lab, &client, &["logout"])?;
        ensure!(!lab.reaches_intranet()?, "the intranet is still reached after the logout");
        stage.note("The intranet is out of reach again.");
        if let Shown::Hidden(hidden) = &mut shown {
            hidden.after_logout(stage, &person)?;
        }
    }

    stage.heading("Everything is removed");
    drop(shown);
    drop(client);
    let ended = site.process.terminate()?;
    ensure!(ended.status.success(), "the gateway did not end well: {}", ended.everything);
    drop(lab);
    stage.note("Namespaces, links, processes and files are gone; nothing else was touched.");
    Ok(())
}

/// `praya-gateway demo` and what it told about itself.
struct DemoGateway {
    process: Process,
    pin: String,
    state: String,
    people: Value,
}

/// Somebody to sign in as.
struct Person {
    account: String,
    password: String,
    serial: String,
    token: Token,
}

impl DemoGateway {
    fn start(stage: &Stage, lab: &Lab) -> Result<Self> {
        let words = [
            "demo",
            "--name",
            GATEWAY_NAME,
            "--name",
            GATEWAY,
            "--listen",
            "[::]:443",
            "--resource",
            INTRANET,
        ];
        stage.command("gateway", &format!("praya-gateway {}", words.join(" ")));
        // Its throw-away folder goes with the machine, whatever ends the gateway.
        let process = lab
            .gateway
            .program(programs::path("praya-gateway")?)
            .args(words)
            .arg("--json")
            .env("TMPDIR", lab.gateway.folder("tmp")?)
            .start()?;
        process.wait_for("\"ready\":true")?;
        let printed = process.output();
        let site: Value =
            serde_json::from_str(printed.lines().next().context("the gateway tells about itself")?)?;
        let text =
            |name: &str| site[name].as_str().map(str::to_owned).context("the gateway tells about itself");
        Ok(Self { pin: text("pin")?, state: text("state")?, people: site["people"].clone(), process })
    }

    /// The one with an initial password and a token.
    fn newcomer(&self) -> Result<Person> {
        let people = self.people.as_array().context("people")?;
        let person = people
            .iter()
            .find(|person| person["must_change"] == true && person["token"].is_object())
            .context("somebody who is new")?;
        let text = |value: &Value| value.as_str().map(str::to_owned).context("a text");
        let number = |value: &Value| value.as_u64().context("a number");
        let token = &person["token"];
        Ok(Person {
            account: text(&person["account"])?,
            password: text(&person["password"])?,
            serial: text(&token["serial"])?,
            token: Token {
                secret: BASE32_NOPAD.decode(text(&token["secret"])?.as_bytes())?,
                step: number(&token["step"])?,
                digits: u32::try_from(number(&token["digits"])?)?,
            },
        })
    }
}

/// The conversation at a terminal, as it looks there.
fn first_sign_in(stage: &Stage, lab: &Lab, client: &Client, pin: &str, person: &Person) -> Result<()> {
    let words = ["login", "--gateway", GATEWAY_NAME, "--pin", pin, "--account", &person.account];
    stage.command("employee", &format!("praya {}", words.join(" ")));
    let mut praya = client.praya(&lab.employee, &words)?;
    if !std::io::stdout().is_terminal() {
        praya = praya.env("NO_COLOR", "1");
    }
    let terminal = praya.start_on_terminal()?;
    let place = terminal.wait_for("Password of")?;
    terminal.type_line(&person.password)?;
    let place = terminal.wait_for_after(place, "Code:")?;
    terminal.type_line(&person.token.now())?;
    let place = terminal.wait_for_after(place, "New password:")?;
    terminal.type_line(NEW_PASSWORD)?;
    terminal.wait_for_after(place, "New password again:")?;
    terminal.type_line(NEW_PASSWORD)?;
    let ended = terminal.wait()?;
    stage.output(&ended.everything);
    ensure!(ended.status.success(), "the sign-in failed: {}", ended.status);
    Ok(())
}

fn show(stage: &Stage, lab: &Lab, client: &Client, words: &[&str]) -> Result<()> {
    stage.command("employee", &format!("praya {}", words.join(" ")));
    let shown = client.run(&lab.employee, words)?;
    stage.output(&shown.everything);
    ensure!(shown.status.success(), "praya {}: {}", words.join(" "), shown.status);
    Ok(())
}

/// Leaves everything running until the person has seen enough.
fn by_hand(stage: &Stage, lab: &Lab, client: &Client, site: &DemoGateway, person: &Person) -> Result<()> {
    let praya = format!("{} --socket {}", path("praya")?, client.socket.display());
    let admin = format!("{} --state {}", path("praya-gateway")?, site.state);
    let (employee, gateway) = (lab.employee.entry(), lab.gateway.entry());
    let (account, serial, pin) = (&person.account, &person.serial, &site.pin);
    for line in [
        "",
        "Now it is yours. In another terminal, as the same user, on the employee's machine:",
        &format!("  {employee} {praya} status --watch"),
        &format!("  {employee} {praya} logout"),
        &format!("  {employee} {praya} login --gateway {GATEWAY_NAME} --pin {pin} --account {account}"),
        &format!("  {employee} curl http://{INTRANET}/"),
        "On the gateway's machine:",
        &format!("  {gateway} {admin} session list"),
        &format!("  {gateway} {admin} person end-sessions {account}"),
        &format!("  {gateway} {admin} audit --follow"),
        "",
        &format!("Account {account}, password \"{NEW_PASSWORD}\", token {serial}. Press Enter to end."),
    ] {
        stage.say(line);
    }
    let token = &person.token;
    let (pressed, waiting) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut line = String::new();
        let read = std::io::stdin().lock().read_line(&mut line);
        // Nobody waits any more when the program ends first.
        let _ = pressed.send(read.is_ok());
    });
    let live = std::io::stdout().is_terminal();
    let mut shown = 0;
    loop {
        let now =
            SystemTime::now().duration_since(UNIX_EPOCH).context("the clock stands before 1970")?.as_secs();
        let (step, left) = (now / token.step, token.step - now % token.step);
        if live {
            stage.part(&format!(
                "\r  code {}  [{:<6}] {left:2} s left ",
                token.at(step),
                "#".repeat(bars(left, token.step))
            ));
        } else if shown != step {
            stage.say(&format!("  code {}  {left} s left", token.at(step)));
        }
        shown = step;
        ensure!(stop::asked().is_none(), "stopped");
        // One second of patience per redraw; Enter ends it at once.
        if waiting.recv_timeout(std::time::Duration::from_secs(1))
            != Err(std::sync::mpsc::RecvTimeoutError::Timeout)
        {
            stage.say("");
            return Ok(());
        }
    }
}

/// six bars, one vanishes with each sixth of the step.
fn bars(left: u64, step: u64) -> usize {
    usize::try_from((left * 6).div_ceil(step.max(1))).unwrap_or(0)
}

fn path(program: &str) -> Result<String> {
    let path = programs::path(program)?;
    Ok(Path::new(&path).canonicalize()?.display().to_string())
}

/// Prints what happens.
struct Stage {
    number: u32,
}

impl Stage {
    fn heading(&mut self, text: &str) {
        self.number += 1;
        self.say(&format!("\n{:>2}. {text}", self.number));
    }

    fn note(&self, text: &str) {
        self.say(&format!("    {text}"));
    }

    fn command(&self, machine: &str, command: &str) {
        self.say(&format!("    {machine}$ {command}"));
    }

    fn output(&self, text: &str) {
        for line in text.replace('\r', "").lines() {
            self.say(format!("      {line}").trim_end());
        }
    }

    fn say(&self, line: &str) {
        self.part(&format!("{line}\n"));
    }

    fn part(&self, text: &str) {
        let mut out = std::io::stdout().lock();
        // A closed terminal must not stop the clean-up.
        let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    }
}
