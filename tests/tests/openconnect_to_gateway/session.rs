//! The life of a session: cookies, reconnects, and every way out.

use anyhow::{Result, ensure};
use praya_testkit::privilege::was_run_elsewhere;
use praya_tests::lab::INTRANET;
use praya_tests::openconnect::{wait_connected, wait_script};
use rustix::process::Signal;

use super::Scene;

#[test]
fn a_cookie_that_never_was_or_is_over_ends_openconnect_with_exit_code_2() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let scene = Scene::started(None)?;
    let ended = scene.connect_with("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")?.wait()?;
    assert_eq!(ended.code(), 2, "{}", ended.everything);

    let cookie = scene.authenticate()?;
    scene.gateway.end_sessions("wong")?;
    let ended = scene.connect_with(&cookie)?.wait()?;
    assert_eq!(ended.code(), 2, "{}", ended.everything);
    Ok(())
}

#[test]
fn a_session_that_nobody_took_up_in_time_is_over() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let mut scene = Scene::new(None)?;
    scene.gateway.set("sessions.away_timeout", 1)?;
    scene.gateway.start()?;
    let cookie = scene.authenticate()?;
    scene.gateway.wait_for_no_sessions()?;
    let ended = scene.connect_with(&cookie)?.wait()?;
    assert_eq!(ended.code(), 2, "{}", ended.everything);
    Ok(())
}

#[test]
fn a_reconnect_keeps_the_addresses() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let scene = Scene::started(None)?;
    let (client, told) = scene.connect()?;
    ensure!(!told.ip4.is_empty() && !told.ip6.is_empty(), "{told:?}");
    let place = client.place();
    client.signal(Signal::USR2)?;
    let again = wait_script(&client, place, "reconnect")?;
    assert_eq!((again.ip4, again.ip6), (told.ip4, told.ip6));
    ensure!(scene.lab.reaches_intranet()?);
    Ok(())
}

#[test]
fn a_restart_of_the_gateway_keeps_the_session_and_its_addresses() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let mut scene = Scene::started(None)?;
    let (client, told) = scene.connect()?;
    let place = client.place();
    scene.gateway.stop()?;
    scene.gateway.start()?;
    client.signal(Signal::USR2)?;
    let again = wait_script(&client, place, "reconnect")?;
    assert_eq!((again.ip4, again.ip6), (told.ip4, told.ip6));
    ensure!(scene.lab.reaches_intranet()?);
    Ok(())
}

#[test]
fn a_detached_session_is_taken_up_again_by_its_cookie_and_a_goodbye_kills_it() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let scene = Scene::started(None)?;
    let cookie = scene.authenticate()?;
    let client = scene.connect_with(&cookie)?;
    let told = wait_connected(&client)?;
    // SIGHUP leaves without a goodbye.
    client.signal(Signal::HUP)?;
    client.wait()?;
    ensure!(!scene.lab.reaches_intranet()?);

    let client = scene.connect_with(&cookie)?;
    let again = wait_connected(&client)?;
    assert_eq!((again.ip4, again.ip6), (told.ip4, told.ip6));
    ensure!(scene.lab.reaches_intranet()?);
    // SIGINT says goodbye.
    client.signal(Signal::INT)?;
    client.wait()?;
    scene.gateway.wait_for_no_sessions()?;

    let ended = scene.connect_with(&cookie)?.wait()?;
    assert_eq!(ended.code(), 2, "{}", ended.everything);
    Ok(())
}

#[test]
fn the_newest_connection_of_a_cookie_wins() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let scene = Scene::started(None)?;
    let cookie = scene.authenticate()?;
    let first = scene.connect_with(&cookie)?;
    wait_connected(&first)?;
    let second = scene.client()?.args(["--cookie-on-stdin", "--interface", "stock1"]).start()?;
    second.type_line(&cookie)?;
    wait_connected(&second)?;
    let ended = first.wait()?;
    ensure!(ended.code() != 0, "{}", ended.everything);
    Ok(())
}

#[test]
fn an_administrator_ends_a_session_and_the_reason_is_shown() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let scene = Scene::started(None)?;
    let (client, _) = scene.connect()?;
    scene.gateway.end_sessions("wong")?;
    let ended = client.wait()?;
    assert_eq!(ended.code(), 1, "{}", ended.everything);
    ensure!(ended.everything.to_lowercase().contains("administrator"), "{}", ended.everything);
    Ok(())
}

#[test]
fn disabling_an_account_cuts_its_tunnel() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let scene = Scene::started(None)?;
    let (client, _) = scene.connect()?;
    scene.gateway.admin(&["person", "disable", "wong"])?;
    let ended = client.wait()?;
    ensure!(ended.everything.contains("disabled"), "{}", ended.everything);
    Ok(())
}

#[test]
fn a_27_a_session_without_user_traffic_ends() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let mut scene = Scene::new(None)?;
    scene.gateway.set("sessions.idle_timeout", 2)?;
    // Keepalives and probes are no user traffic.
    scene.gateway.set("tunnel.keepalive", 1)?;
    scene.gateway.set("tunnel.dpd", 1)?;
    scene.gateway.start()?;
    let (client, _) = scene.connect()?;
    let ended = client.wait()?;
    assert_eq!(ended.code(), 1, "{}", ended.everything);
    ensure!(
        ended.everything.to_lowercase().contains("traffic")
            || ended.everything.to_lowercase().contains("idle"),
        "{}",
        ended.everything
    );
    Ok(())
}

#[test]
fn the_absolute_lifetime_ends_a_session_under_traffic() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let mut scene = Scene::new(None)?;
    scene.gateway.set("sessions.lifetime", 3)?;
    scene.gateway.set("sessions.idle_timeout", 2)?;
    scene.gateway.start()?;
    let (client, _) = scene.connect()?;
    let pinging = scene.lab.employee.program("ping").args(["-i", "0.2", INTRANET]).start()?;
    let ended = client.wait()?;
    assert_eq!(ended.code(), 1, "{}", ended.everything);
    ensure!(pinging.printed().contains("bytes from"), "{}", pinging.printed());
    Ok(())
}
