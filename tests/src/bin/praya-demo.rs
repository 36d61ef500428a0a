//! `cargo xtask demo`: the whole product on one machine, from the first sign-in to the logout, as a terminal shows it.

use std::io::{BufRead, IsTerminal, Write};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use praya_testkit::otp::Token;
use praya_testkit::programs;
use praya_tests::Lab;
use praya_tests::client::Client;
use praya_tests::gateway::Gateway;
use praya_tests::lab::{EMPLOYEE, GATEWAY, GATEWAY_INSIDE, GATEWAY_NAME, INTRANET};

const PERSON: &str = "mei.lin";
const TOKEN: &str = "40217734";
const NEW_PASSWORD: &str = "lantern over the harbour";

fn main() -> Result<()> {
    if let Some(code) = praya_testkit::privilege::ensure()? {
        std::process::exit(code);
    }
    let keep = std::env::args().any(|argument| argument == "--keep");
    let mut stage = Stage { number: 0 };
    stage.heading("Three machines on two cables, each a network namespace of this computer");
    let lab = Lab::new()?;
    stage.note(&format!(
        "employee {EMPLOYEE} ---- {GATEWAY} gateway {GATEWAY_INSIDE} ---- {INTRANET} intranet (a web site)"
    ));

    stage.heading("The gateway: one state folder, one process");
    let mut gateway = Gateway::init(&lab)?;
    stage.command("gateway", &format!("praya-gateway init --name {GATEWAY_NAME}"));
    gateway.set("gateway.display_name", "Praya demo")?;
    gateway.set("gateway.help_desk", "IT help desk, ext. 1234")?;
    let initial = gateway.add_newcomer(PERSON)?;
    let token = Token::hardware("the token of the demo");
    gateway.add_token(PERSON, TOKEN, &token)?;
    gateway.publish_intranet("staff", &[PERSON])?;
    stage.command(
        "gateway",
        &format!("praya-gateway person add {PERSON}; token add {TOKEN}; group add staff; resource add ..."),
    );
    gateway.start()?;
    stage.command("gateway", "praya-gateway serve");
    stage.note(&format!("{PERSON} has an initial password, and a token whose codes live 60 seconds."));

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
    let stranger = client
        .run(&lab.employee, &["login", "--gateway", GATEWAY_NAME, "--account", PERSON, "--answers-stdin"])?;
    stage.command("employee", &format!("praya login --gateway {GATEWAY_NAME} --account {PERSON}"));
    stage.output(&stranger.everything);
    ensure!(stranger.code() == 6, "an unknown gateway was trusted");

    stage.heading("The first sign-in: password, token code, and a new password, because the first one is due for a change");
    first_sign_in(&stage, &lab, &client, &gateway, &initial, &token)?;

    stage.heading("The status");
    show(&stage, &lab, &client, &["status"])?;

    stage.heading("What is published to this person");
    show(&stage, &lab, &client, &["resources"])?;

    stage.heading("The intranet's page, through the tunnel");
    stage.command("employee", &format!("curl http://{INTRANET}/"));
    let inside = lab.fetch(INTRANET, "/")?;
    stage.output(&inside.everything);
    ensure!(inside.output == praya_testkit::web::PAGE.as_bytes(), "the tunnel does not carry the page");

    stage.heading("A view is closed; the session does not notice, and the next view finds it");
    let view = client.praya(&lab.employee, &["status", "--watch"])?.start()?;
    view.wait_for(PERSON)?;
    stage.command("employee", "praya status --watch        (killed with kill -9)");
    view.kill()?;
    show(&stage, &lab, &client, &["status"])?;

    if keep {
        by_hand(&stage, &lab, &client, &gateway, &token)?;
    }

    stage.heading("Logging out");
    show(&stage, &lab, &client, &["logout"])?;
    ensure!(!lab.reaches_intranet()?, "the intranet is still reached after the logout");
    stage.note("The intranet is out of reach again. Sessions at the gateway: none.");
    gateway.wait_for_no_sessions()?;

    stage.heading("Everything is removed");
    drop(client);
    gateway.stop()?;
    drop(lab);
    stage.note("Namespaces, links, processes and files are gone; nothing else was touched.");
    Ok(())
}

/// The conversation at a terminal, as it looks there.
fn first_sign_in(
    stage: &Stage,
    lab: &Lab,
    client: &Client,
    gateway: &Gateway,
    initial: &str,
    token: &Token,
) -> Result<()> {
    let words = ["login", "--gateway", GATEWAY_NAME, "--pin", &gateway.pin, "--account", PERSON];
    stage.command("employee", &format!("praya {}", words.join(" ")));
    let terminal = client.praya(&lab.employee, &words)?.start_on_terminal()?;
    let place = terminal.wait_for("Password of")?;
    terminal.type_line(initial)?;
    let place = terminal.wait_for_after(place, "Code:")?;
    terminal.type_line(&token.now())?;
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
fn by_hand(stage: &Stage, lab: &Lab, client: &Client, gateway: &Gateway, token: &Token) -> Result<()> {
    let praya = format!("{} --socket {}", path("praya")?, client.socket.display());
    let admin = format!("{} --state {}", path("praya-gateway")?, gateway.state.display());
    stage.say("");
    stage.say("Now it is yours. From another terminal, as the same user:");
    stage.say("");
    stage.say("  on the employee's machine");
    stage.say(&format!("    {} {praya} status --watch", lab.employee.entry()));
    stage.say(&format!("    {} {praya} logout", lab.employee.entry()));
    stage.say(&format!(
        "    {} {praya} login --gateway {GATEWAY_NAME} --pin {} --account {PERSON}",
        lab.employee.entry(),
        gateway.pin
    ));
    stage.say(&format!("    {} curl http://{INTRANET}/", lab.employee.entry()));
    stage.say("  on the gateway's machine");
    stage.say(&format!("    {} {admin} session list", lab.gateway.entry()));
    stage.say(&format!("    {} {admin} person end-sessions {PERSON}", lab.gateway.entry()));
    stage.say(&format!("    {} {admin} audit --follow", lab.gateway.entry()));
    stage.say("");
    stage.say(&format!("  account {PERSON}, password \"{NEW_PASSWORD}\", token {TOKEN}"));
    stage.say("  Press Enter to go on to the end.");
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
