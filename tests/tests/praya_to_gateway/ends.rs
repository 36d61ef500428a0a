//! Every end of a session, and that the person is told which one it was.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use praya_testkit::otp::Token;
use praya_testkit::privilege::was_run_elsewhere;
use praya_tests::client::Client;
use praya_tests::lab::{GATEWAY_NAME, INTRANET};

use super::{NEW_PASSWORD, PASSWORD, Scene};

#[test]
fn a_logout_ends_the_session_and_leaves_nothing_behind() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let scene = Scene::plain()?;
    let before = scene.lab.employee.network_state()?;
    scene.sign_in()?;
    ensure!(scene.lab.employee.network_state()? != before);
    let left = scene.client.json(&scene.lab.employee, &["logout"])?;
    assert_eq!(left["gateway_told"], true, "{left}");
    scene.lab.employee.wait_for_network_state(&before)?;
    ensure!(scene.gateway.sessions()?.is_empty());
    assert_eq!(scene.client.run(&scene.lab.employee, &["logout"])?.code(), 3, "there is nobody to log out");
    Ok(())
}

#[test]
fn a_logout_that_the_gateway_cannot_hear_says_so() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let mut scene = Scene::connected()?;
    scene.gateway.kill()?;
    scene.client.wait_for(|snapshot| snapshot["reconnect"].is_object())?;
    let left = scene.client.json(&scene.lab.employee, &["logout"])?;
    assert_eq!((&left["done"], &left["gateway_told"]), (&true.into(), &false.into()), "{left}");
    Ok(())
}

#[test]
fn a_logout_into_silence_is_not_taken_for_heard_and_says_when_the_session_ends() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let scene = Scene::connected()?;
    // The tunnel seems to be up: nothing of what is sent to the gateway arrives any more.
    let deaf =
        "add table inet deaf; add chain inet deaf in { type filter hook input priority 0; policy drop; }";
    scene.lab.gateway.shell(&format!("nft '{deaf}'"))?;
    let ordered = Instant::now();
    let left = scene.client.json(&scene.lab.employee, &["logout"])?;
    let took = ordered.elapsed();
    ensure!(took < Duration::from_secs(8), "it took {took:?}");
    assert_eq!((&left["done"], &left["gateway_told"]), (&true.into(), &false.into()), "{left}");
    ensure!(left["gateway_forgets_in_seconds"].as_u64() > Some(0), "{left}");
    assert_eq!(scene.gateway.sessions()?.len(), 1, "it lives on, as was said");
    Ok(())
}

#[test]
fn an_administrator_ends_a_session_within_a_second_and_the_person_is_told() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let scene = Scene::connected()?;
    scene.gateway.end_sessions("wong")?;
    let ordered = Instant::now();
    scene.client.wait_for_state("ended")?;
    // One second is promised; the rest is for a machine that has other things to do.
    let took = ordered.elapsed();
    ensure!(took < Duration::from_secs(3), "it took {took:?}");
    ends_with(&scene, "admin")
}

#[test]
fn a_disabled_account_ends_its_session() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let scene = Scene::connected()?;
    scene.gateway.admin(&["person", "disable", "wong"])?;
    ends_with(&scene, "account_disabled")
}

#[test]
fn a_disabled_token_ends_the_session_it_opened() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let token = Token::soft("lost");
    let scene = Scene::new(|gateway| gateway.add_token("wong", "40000007", &token))?;
    let (code, said) = scene.login("wong", &[PASSWORD, &token.now()])?;
    assert_eq!(code, 0, "{said}");
    scene.gateway.admin(&["token", "disable", "40000007"])?;
    ends_with(&scene, "token_disabled")
}

#[test]
fn a_password_changed_elsewhere_ends_the_other_session() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let scene = Scene::new(|gateway| gateway.set("sessions.per_account", 2))?;
    scene.sign_in()?;
    let other = scene.lab.another_employee(85)?;
    let other_client = Client::started(&other)?;
    let login = other_client.login(&other, &scene.gateway.pin, "wong", &[PASSWORD])?;
    assert_eq!(login.code(), 0, "{}", login.everything);
    let change = other_client.praya(&other, &["password", "--answers-stdin"])?.start()?;
    change.type_line(PASSWORD)?;
    change.type_line(NEW_PASSWORD)?;
    assert_eq!(change.wait()?.code(), 0);
    ends_with(&scene, "password_changed")?;
    assert_eq!(other_client.json(&other, &["status"])?["state"], "connected");
    Ok(())
}

#[test]
fn a_27_a_28_idleness_is_announced_and_ends_the_session() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let scene = Scene::new(|gateway| {
        gateway.set("sessions.idle_timeout", 3)?;
        gateway.set("tunnel.keepalive", 1)
    })?;
    scene.sign_in()?;
    scene.client.wait_for_state("idle_warning")?;
    ends_with(&scene, "idle")
}

#[test]
fn the_absolute_lifetime_ends_a_session_under_traffic() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let scene = Scene::new(|gateway| {
        gateway.set("sessions.idle_timeout", 3)?;
        gateway.set("sessions.lifetime", 4)
    })?;
    scene.sign_in()?;
    let _pinging = scene.lab.employee.program("ping").args(["-i", "0.2", INTRANET]).start()?;
    ends_with(&scene, "absolute")
}

#[test]
fn a_session_that_was_away_for_too_long_is_over() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let scene = Scene::new(|gateway| gateway.set("sessions.away_timeout", 2))?;
    scene.sign_in()?;
    scene.client.praya(&scene.lab.employee, &["disconnect"])?.succeed()?;
    scene.gateway.wait_for_no_sessions()?;
    let connect = scene.client.run(&scene.lab.employee, &["connect"])?;
    ensure!(connect.code() != 0 || connect.everything.contains("onnecting"), "{}", connect.everything);
    ends_with(&scene, "away")
}

#[test]
fn a_34_a_sign_in_elsewhere_is_told_asked_and_never_a_ping_pong() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let scene = Scene::connected()?;
    let other = scene.lab.another_employee(70)?;
    let other_client = Client::started(&other)?;
    let login = |answer: &str| {
        let words = ["login", "--gateway", GATEWAY_NAME, "--pin", &scene.gateway.pin, "--account", "wong"];
        let terminal = other_client.praya(&other, &words)?.start_on_terminal()?;
        terminal.wait_for("Password of wong:")?;
        terminal.type_line(PASSWORD)?;
        terminal.wait_for("End that session and go on here?")?;
        terminal.type_line(answer)?;
        terminal.wait()
    };
    let cancelled = login("n")?;
    ensure!(cancelled.code() != 0, "{}", cancelled.everything);
    ensure!(cancelled.everything.contains(scene.lab.employee.name()), "where: {}", cancelled.everything);
    ensure!(scene.lab.reaches_intranet()?, "the first session goes on");
    let replaced = login("y")?;
    assert_eq!(replaced.code(), 0, "{}", replaced.everything);
    // The first machine is told why and does not take the session back.
    ends_with(&scene, "duplicate")?;
    assert_eq!(other_client.json(&other, &["status"])?["state"], "connected");
    assert_eq!(scene.gateway.sessions()?.len(), 1);
    Ok(())
}

#[test]
fn a_34_policy_may_refuse_the_second_sign_in_or_allow_several() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    for (setting, code) in [("refuse", 1), ("allow", 0)] {
        let scene = Scene::new(|gateway| match setting {
            "refuse" => gateway.set("sessions.at_limit", "refuse"),
            _ => gateway.set("sessions.per_account", 2),
        })?;
        scene.sign_in()?;
        let other = scene.lab.another_employee(80)?;
        let other_client = Client::started(&other)?;
        let login = other_client.login(&other, &scene.gateway.pin, "wong", &[PASSWORD])?;
        assert_eq!(login.code(), code, "{setting}: {}", login.everything);
        ensure!(scene.lab.reaches_intranet()?, "the first session goes on");
    }
    Ok(())
}

/// The session ends for this reason, the tunnel is down, and the reason is shown.
fn ends_with(scene: &Scene, reason: &str) -> Result<()> {
    let ended = scene.client.wait_for_state("ended")?;
    assert_eq!(ended["ended"], reason, "{ended:#}");
    ensure!(!scene.lab.reaches_intranet()?);
    let status = scene.status()?;
    assert_eq!(status["ended"], reason, "{status:#}");
    assert_eq!(scene.client.run(&scene.lab.employee, &["resources"])?.code(), 3);
    Ok(())
}
