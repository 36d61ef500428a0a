//! The window comes and goes; the session stays.

use std::time::Instant;

use anyhow::{Context, Result, ensure};
use praya_testkit::HANG;
use praya_testkit::privilege::was_run_elsewhere;
use praya_testkit::web::{known_bytes, sha256};
use praya_tests::lab::INTRANET;
use praya_tests::tray::Tray;

use crate::{Scene, choose};

#[test]
fn a_31_a_killed_app_interrupts_no_download_and_its_successor_shows_the_resources_without_a_sign_in()
-> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    const LENGTH: usize = 4 * 1024 * 1024;
    let scene = Scene::with_profile(|_| Ok(()))?;
    let window = scene.signed_in()?;
    let session = scene.gateway.sessions()?;
    let url = format!("http://{INTRANET}/halting/{LENGTH}");
    let download = scene.lab.employee.program("curl").args(["--silent", "--max-time", "80", &url]).start()?;
    scene.lab.site.wait_for_halt()?;
    window.kill()?;
    scene.lab.site.go_on();
    let download = download.wait()?;
    assert_eq!(sha256(&download.output), sha256(&known_bytes(LENGTH)));
    let window = scene.open()?;
    window.wait_for_button("Intranet")?;
    let text = window.text()?;
    ensure!(!text.contains("Password"), "a sign-in was asked for: {text}");
    let same = scene.gateway.sessions()?;
    assert_eq!((same.len(), &same[0]["session"]), (1, &session[0]["session"]), "{same:?}");
    Ok(())
}

#[test]
fn a_33_a_second_start_brings_the_first_ones_window_back() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let scene = Scene::with_profile(|_| Ok(()))?;
    let tray = Tray::open(&scene.desk)?;
    let screen = scene.desk.screen()?;
    let window = scene.signed_in()?;
    tray.item()?;
    let shown = screen.wait_for_windows("Praya", 1)?;
    // closing the window ends nothing.
    screen.close(shown[0])?;
    screen.wait_for_windows("Praya", 0)?;
    ensure!(scene.lab.reaches_intranet()?);
    let second = scene.app(&scene.desk).run()?;
    ensure!(second.status.success(), "{}", second.everything);
    screen.wait_for_windows("Praya", 1)?;
    window.wait_for_button("Intranet")?;
    assert_eq!(scene.gateway.sessions()?.len(), 1);
    Ok(())
}

#[test]
fn a_start_in_safe_mode_takes_the_place_of_an_app_that_draws_plainly() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let scene = Scene::with_profile(|_| Ok(()))?;
    scene.sign_in_by_command()?;
    let screen = scene.desk.screen()?;
    let first = scene.app(&scene.desk).start()?;
    screen.wait_for_windows("Praya", 1)?;
    let second = scene.app(&scene.desk).arg("--safe-mode").run()?;
    ensure!(second.status.success(), "{}", second.everything);
    let first = first.wait()?;
    ensure!(first.status.success(), "{}", first.everything);
    // Its successor is the app now, and has nothing more to do than to show itself.
    let shown = screen.wait_for_windows("Praya", 1)?;
    let third = scene.app(&scene.desk).arg("--safe-mode").run()?;
    ensure!(third.status.success(), "{}", third.everything);
    assert_eq!(screen.wait_for_windows("Praya", 1)?, shown);
    assert_eq!(scene.gateway.sessions()?.len(), 1);
    Ok(())
}

#[test]
fn without_a_tray_the_app_says_so_and_stays_reachable() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let scene = Scene::with_profile(|_| Ok(()))?;
    let screen = scene.desk.screen()?;
    let window = scene.signed_in()?;
    let shown = screen.wait_for_windows("Praya", 1)?;
    screen.close(shown[0])?;
    let second = scene.app(&scene.desk).run()?;
    ensure!(second.status.success(), "{}", second.everything);
    screen.wait_for_windows("Praya", 1)?;
    window.wait_for_button("Intranet")?;
    choose(&window, "Settings")?;
    window.wait_for("This desktop shows no tray icons.")
}

#[test]
fn a_service_that_goes_and_comes_back_is_told_and_found_again() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let mut scene = Scene::with_profile(|_| Ok(()))?;
    let window = scene.signed_in()?;
    scene.client.kill()?;
    window.wait_for("The Praya service does not answer")?;
    scene.client.start(&scene.lab.employee)?;
    window.wait_for_button("Intranet")?;
    ensure!(scene.lab.reaches_intranet()?);
    Ok(())
}

#[test]
fn a_gateway_that_goes_and_comes_back_is_told_with_its_cause() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let mut scene = Scene::with_profile(|gateway| gateway.set("tunnel.dpd", 1))?;
    let window = scene.signed_in()?;
    scene.gateway.kill()?;
    window.wait_for("The tunnel was lost. You are still signed in.")?;
    scene.gateway.start()?;
    window.wait_until_gone("The tunnel was lost.")?;
    window.wait_for("Connected")?;
    ensure!(scene.lab.reaches_intranet()?);
    Ok(())
}

#[test]
fn a_start_that_came_to_no_window_is_followed_by_a_safe_one() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let scene = Scene::with_profile(|_| Ok(()))?;
    let mark = scene.desk.home().join(".local/state/praya/starting");
    let folder = mark.parent().context("a folder")?;
    // Written by the person, as the app would have.
    scene
        .desk
        .program("sh")
        .args(["-euc", "mkdir -p \"$0\"; printf plain > \"$1\""])
        .arg(folder)
        .arg(&mark)
        .succeed()?;
    let window = scene.open()?;
    window.wait_for("Praya runs in safe mode")?;
    let until = Instant::now() + HANG;
    while mark.exists() {
        ensure!(Instant::now() < until, "this start came to a window, and its mark is left");
    }
    window.kill()?;
    let window = scene.open()?;
    window.wait_for_button("Sign in")?;
    ensure!(!window.text()?.contains("safe mode"));
    choose(&window, "Settings")?;
    window.press("Use the graphics card again")?;
    window.wait_for("From the next start on")?;
    window.kill()?;
    let window = scene.open()?;
    choose(&window, "Settings")?;
    window.wait_for("Appearance")?;
    ensure!(!window.text()?.contains("graphics card"));
    Ok(())
}

#[test]
fn a_start_is_over_with_the_first_picture_and_leaves_nothing_of_the_window_on_disk() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let scene = Scene::with_profile(|_| Ok(()))?;
    let mark = scene.desk.home().join(".local/state/praya/starting");
    let app = scene.app(&scene.desk).start()?;
    let until = Instant::now() + HANG;
    let waits = |there: bool| -> Result<()> {
        while mark.exists() != there {
            ensure!(Instant::now() < until, "the mark: {}", app.printed());
        }
        Ok(())
    };
    waits(true)?;
    waits(false)?;
    for folder in [".local/share", ".cache"] {
        let home = scene.desk.home().join(folder);
        let there: Vec<_> =
            std::fs::read_dir(&home)?.map(|entry| Ok(entry?.file_name())).collect::<Result<_>>()?;
        ensure!(there.iter().all(|name| !name.to_string_lossy().contains("praya")), "{folder}: {there:?}");
    }
    Ok(())
}
