//! A machine that is refused for its antivirus program, and put right while the person looks on.

use anyhow::{Result, ensure};
use praya_testkit::privilege::was_run_elsewhere;
use praya_tests::clamav::{ClamAv, Impostor, Version, ias_policy};
use praya_tests::window::Window;

use crate::{PASSWORD, Scene, sign_in};

/// Waits until the window tells the first of these; then it tells all of them, and nothing of what it told before.
fn is_told(window: &Window, told: &[&str], before: &str) -> Result<()> {
    for text in told.iter().take(1) {
        window.wait_for(text)?;
    }
    let all = window.text()?;
    for text in told {
        ensure!(all.contains(text), "{text:?} in {all}");
    }
    ensure!(before.is_empty() || !all.contains(before), "{before:?} in {all}");
    Ok(())
}

#[test]
fn a22_every_state_of_clamav_is_told_apart_in_the_window_and_mended_to_come_in() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let mut scene = Scene::with_profile(|gateway| gateway.set_policy(&ias_policy()?))?;
    let mut clamav = ClamAv::not_installed(&scene.lab.employee)?;
    scene.client.stop()?;
    scene.client.start_in(&clamav.room)?;
    let window = scene.open()?;
    sign_in(&window, "wong", PASSWORD)?;
    let unread = "Check again. If it stays like this, contact the help desk.";
    let missing = "Install an antivirus program";
    is_told(&window, &[missing, "This computer does not meet the rules", "Antivirus program", "None"], "")?;
    ensure!(!scene.lab.reaches_intranet()?);

    clamav.install()?;
    window.press("Check again")?;
    let stopped = "ClamAV is there, but its protection is off";
    is_told(&window, &[stopped, "Switch the program's protection on."], missing)?;

    clamav.start(Version::Engine)?;
    clamav.set_definitions(30)?;
    window.press("Check again")?;
    let remedy = "Open the antivirus program and let it update itself.";
    is_told(
        &window,
        &["31 days old", "Virus definitions", "At most 7 days old", remedy],
        "protection is off",
    )?;

    clamav.set_definitions(1)?;
    clamav.set_silent(true)?;
    window.press("Check again")?;
    let silent = "Could not be read, because the system did not answer in time";
    is_told(&window, &[silent, "Antivirus program", unread], "31 days old")?;

    clamav.set_silent(false)?;
    clamav.replace_by(Impostor::Root, b"HTTP/1.1 400 Bad Request\r\n\r\n\0")?;
    window.press("Check again")?;
    let nonsense = "Could not be read, because the system's answer makes no sense";
    is_told(&window, &[nonsense, "Antivirus program", unread], silent)?;
    ensure!(!scene.lab.reaches_intranet()?);

    clamav.stop()?;
    clamav.start(Version::WithDefinitions(1))?;
    window.press("Check again")?;
    window.wait_for_button("Intranet")?;
    ensure!(scene.lab.reaches_intranet()?);
    Ok(())
}
