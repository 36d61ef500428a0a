//! The desktop app: how long a person waits for the resource list, and what app and service cost when nothing happens.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use praya_testkit::desk::{family, memory_kib};
use praya_testkit::{Desk, programs};
use praya_tests::Lab;
use praya_tests::client::Client;
use praya_tests::gateway::Gateway;
use praya_tests::tray::Tray;
use praya_tests::window::Window;
use serde_json::{Value, json};

use super::stats::median;
use super::{machine, say};

const PASSWORD: &str = "correct horse battery";
const TITLE: &str = "Praya";

/// Hands over the page's time, in milliseconds since 1970, when the list of resources has been drawn in a window that
/// is to be seen. The list is drawn when the frame after the one that holds it begins.
const DRAWN: &str = r#"
const shown = () => document.visibilityState === "visible" && document.querySelector('[role="grid"] button') !== null;
const drawn = new Promise((done) => {
  const check = () => {
    if (shown()) {
      observer.disconnect();
      document.removeEventListener("visibilitychange", check);
      requestAnimationFrame(() => requestAnimationFrame(() => done(performance.timeOrigin + performance.now())));
    }
  };
  const observer = new MutationObserver(check);
  observer.observe(document, { childList: true, subtree: true });
  document.addEventListener("visibilitychange", check);
  check();
});
"#;

/// What to run.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// How often each time is taken.
    rounds: usize,
    /// How long nothing happens before memory is read.
    idle: Duration,
    /// The folder for `desktop.txt` and `desktop.json`.
    out: PathBuf,
}

impl Plan {
    /// Ten minutes of idleness, or half a minute.
    pub(crate) fn new(quick: bool, out: PathBuf) -> Self {
        let (rounds, seconds) = if quick { (3, 30) } else { (9, 600) };
        Self { rounds, idle: Duration::from_secs(seconds), out }
    }
}

/// Runs everything and writes the report.
///
/// # Errors
/// When something does not run, or the report cannot be written.
pub(crate) fn run(plan: &Plan) -> Result<()> {
    let machine = machine::describe();
    let lab = Lab::new()?;
    let mut gateway = Gateway::init(&lab)?;
    gateway.set("sign_in.second_factor", "when_assigned")?;
    gateway.set("sessions.idle_timeout", 8 * 3600)?;
    gateway.add_people(&["wong"], PASSWORD)?;
    gateway.publish_intranet("staff", &["wong"])?;
    gateway.start()?;
    let client = Client::started(&lab.employee)?;
    let login = client.login(&lab.employee, &gateway.pin, "wong", &[PASSWORD])?;
    ensure!(login.status.success(), "{}", login.everything);
    let desk = Desk::of_root(&lab.employee)?;
    let tray = Tray::open(&desk)?;
    let screen = desk.screen()?;
    let app = programs::path("praya-desktop")?;
    let socket = client.socket.to_str().context("a path")?;
    let open = || Window::open(&lab.employee, &desk, &app, &["--socket", socket]);

    say("\nfrom the app's start to the list");
    let mut cold = Vec::new();
    for _ in 0..plan.rounds {
        let window = open()?;
        let drawn = milliseconds(&window.run_until(&format!("{DRAWN} drawn.then(arguments[0]);"))?)?;
        let took = drawn - started_at(window.pid())?;
        say(&format!("  {took:5.0} ms"));
        cold.push(took);
        window.kill()?;
    }

    say("\nfrom a click on the tray to the list, the window hidden");
    let window = open()?;
    let item = tray.item()?;
    let mut hidden = Vec::new();
    for _ in 0..plan.rounds {
        window.run_until(&format!("{DRAWN} drawn.then(arguments[0]);"))?;
        let shown = screen.wait_for_windows(TITLE, 1)?;
        screen.close(*shown.first().context("a window")?)?;
        screen.wait_for_windows(TITLE, 0)?;
        window.run_until(
            "const done = arguments[0];
             const check = () => document.visibilityState === 'hidden' && done();
             document.addEventListener('visibilitychange', check);
             check();",
        )?;
        window.run(&format!("{DRAWN} window.drawn = drawn;"))?;
        let clicked = now()?;
        item.activate()?;
        let took = milliseconds(&window.run_until("window.drawn.then(arguments[0]);")?)? - clicked;
        say(&format!("  {took:5.0} ms"));
        hidden.push(took);
    }
    window.kill()?;

    say(&format!("\nmemory after {} s in which nothing happens", plan.idle.as_secs()));
    let process = desk.program(&app).arg("--socket").arg(socket).start()?;
    screen.wait_for_windows(TITLE, 1)?;
    std::thread::sleep(plan.idle);
    let app_kib = memory_kib(&family(process.pid())?)?;
    let own_kib = memory_kib(&[process.pid()])?;
    let service_kib = memory_kib(&[client.process()?.pid()])?;

    let middle = |times: &[f64]| median(times.iter().copied()).unwrap_or_default();
    let report = format!(
        "resource list drawn after the app's start: {:.0} ms (median of {}, under a driver)\n\
         resource list drawn after a click on the tray, window hidden: {:.0} ms (median of {})\n\
         memory after {} idle seconds: app {} MiB in all (its own process {} MiB), service {} MiB\n",
        middle(&cold),
        cold.len(),
        middle(&hidden),
        hidden.len(),
        plan.idle.as_secs(),
        app_kib / 1024,
        own_kib / 1024,
        service_kib / 1024,
    );
    say(&format!("\n{report}"));
    let values = json!({
        "machine": machine, "cold_ms": cold, "hidden_ms": hidden, "idle_seconds": plan.idle.as_secs(),
        "app_kib": app_kib, "app_process_kib": own_kib, "service_kib": service_kib,
    });
    fs::create_dir_all(&plan.out)?;
    fs::write(plan.out.join("desktop.txt"), report)?;
    Ok(fs::write(plan.out.join("desktop.json"), serde_json::to_string_pretty(&values)?)?)
}

fn milliseconds(value: &Value) -> Result<f64> {
    value.as_f64().context("a time")
}

/// Milliseconds since 1970.
fn now() -> Result<f64> {
    Ok(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs_f64() * 1e3)
}

/// When a process was started, in milliseconds since 1970, to the tick that the kernel tells it in (proc(5), field 22).
fn started_at(pid: i32) -> Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let (_, fields) = stat.rsplit_once(')').context("a process")?;
    let ticks: f64 = fields.split_ascii_whitespace().nth(19).context("a start time")?.parse()?;
    let uptime = fs::read_to_string("/proc/uptime")?;
    let uptime: f64 = uptime.split(' ').next().context("an uptime")?.parse()?;
    // A tick is a hundredth of a second on every Linux, whatever the kernel's own clock does.
    Ok(now()? - uptime * 1e3 + ticks * 10.0)
}
