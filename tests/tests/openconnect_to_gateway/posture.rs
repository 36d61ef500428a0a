//! Where policy checks machines: stock clients cannot report, and policy says what they get.

use std::time::Instant;

use anyhow::{Result, ensure};
use praya_testkit::HANG;
use praya_testkit::privilege::was_run_elsewhere;

use super::{PASSWORD, Scene};

impl Scene {
    /// Puts a policy into force under which clients that cannot report get this.
    fn without_report(&self, access: &str) -> Result<()> {
        let policy = format!(
            "schema = 1\nid = \"lab\"\nname = \"Lab\"\nwithout_report = {access}\n\
             [[requirements]]\nid = \"firewall\"\nfirewall = {{ on = true }}\n"
        );
        self.gateway.set_policy(&policy)
    }
}

#[test]
fn a_22_a_client_that_cannot_report_is_refused_and_told_why() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let scene = Scene::started(None)?;
    scene.without_report("\"deny\"")?;
    let client = scene.client()?.arg("--passwd-on-stdin").start()?;
    client.type_line(PASSWORD)?;
    let ended = client.wait()?;
    assert_eq!(ended.code(), 1, "{}", ended.everything);
    ensure!(ended.everything.contains("your client cannot do that"), "{}", ended.everything);
    ensure!(scene.gateway.sessions()?.is_empty());
    Ok(())
}

#[test]
fn a_session_of_a_client_that_cannot_report_follows_the_policy_while_it_lives() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let scene = Scene::started(None)?;
    scene.without_report("{ limit = [\"staff-intranet-over-ipv6\"] }")?;
    let (client, _) = scene.connect()?;
    ensure!(!scene.lab.reaches_intranet()?, "only what policy names");

    scene.without_report("{ limit = [\"staff-intranet\"] }")?;
    let until = Instant::now() + HANG;
    while !scene.lab.reaches_intranet()? {
        ensure!(Instant::now() < until, "the resource stays closed: {}", scene.gateway.printed());
    }

    scene.without_report("\"deny\"")?;
    let ended = client.wait()?;
    ensure!(ended.everything.contains("no longer meets the policy"), "{}", ended.everything);
    scene.gateway.wait_for_no_sessions()
}
