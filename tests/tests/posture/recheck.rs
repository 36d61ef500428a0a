//! Checks that come before their time: a session's machine is looked at when its network changes and when it wakes.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Result, ensure};
use praya_testkit::privilege::was_run_elsewhere;
use praya_testkit::{HANG, Namespace, Program};
use praya_tests::client::Client;

use crate::{Scene, reports};

/// A clock of the system's that a test lets fall behind.
struct Sleep {
    library: PathBuf,
    seconds: PathBuf,
}

impl Sleep {
    fn new(machine: &Namespace) -> Result<Self> {
        let folder = machine.folder("sleep")?;
        let (library, source, seconds) =
            (folder.join("slept.so"), folder.join("slept.c"), folder.join("seconds"));
        std::fs::write(&source, include_str!("slept.c"))?;
        std::fs::write(&seconds, [0])?;
        Program::here("cc").args(["-shared", "-fPIC", "-o"]).arg(&library).arg(&source).succeed()?;
        Ok(Self { library, seconds })
    }

    /// The client, on a computer that can sleep.
    fn start(&self, client: &mut Client, machine: &Namespace) -> Result<()> {
        let service = client.service(machine)?;
        client.start_as(service.env("LD_PRELOAD", &self.library).env("SLEPT", &self.seconds))
    }

    /// The computer sleeps, and wakes. Longer than the service takes for a busy second, and much shorter than people
    /// let their computers sleep: what waits for time to pass in the service waits for as much longer.
    fn sleep(&self) -> Result<()> {
        // What is looked at all the time must never be empty.
        let mut seconds = OpenOptions::new().write(true).open(&self.seconds)?;
        Ok(seconds.write_all(&[5])?)
    }
}

/// Waits until the gateway has judged the session's machine, after it has judged it at sign-in.
fn wait_for_first_check(scene: &Scene) -> Result<()> {
    let until = Instant::now() + HANG;
    let name = "praya_gateway_posture_checks_total{check=\"firewall\",outcome=\"passed\"}";
    while scene.gateway.metric(name)? < 2 {
        ensure!(Instant::now() < until, "the machine is not checked: {}", scene.gateway.printed());
    }
    Ok(())
}

/// The interval of the policy is a quarter of an hour. Two checks are a minute apart at least, so that is how long each
/// takes here, and both go on at once. So does a question that has to grow as old.
#[test]
fn a_machine_that_turned_bad_is_found_when_it_moves_and_wakes_and_a_late_report_is_refused() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let moved = Scene::new("moved")?;
    let mut slept = Scene::new("slept")?;
    let unanswered = reports::Scene::new()?;
    let sleep = Sleep::new(&slept.lab.employee)?;
    let late = reports::Late::asked(&unanswered)?;
    slept.client.stop()?;
    sleep.start(&mut slept.client, &slept.lab.employee)?;
    for scene in [&moved, &slept] {
        scene.mend()?;
        scene.sign_in()?;
        wait_for_first_check(scene)?;
        scene.lab.employee.shell("nft flush ruleset")?;
    }
    // As after another cable, or another wireless network.
    moved.lab.employee.shell("ip addr add 198.51.100.11/24 dev eth0")?;
    sleep.sleep()?;
    slept.client.process()?.wait_for("the machine woke up")?;
    for scene in [&moved, &slept] {
        let found = scene.client.wait_for(|snapshot| snapshot["posture"]["ends_at"].is_number())?;
        assert_eq!(found["state"], "connected", "{found:#}");
        assert_eq!(found["posture"]["findings"][0]["check"], "firewall", "{found:#}");
        ensure!(scene.lab.reaches_intranet()?, "a warning takes nothing away");
    }
    late.must_be_refused()
}
