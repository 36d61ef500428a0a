//! A machine that is refused for its antivirus program, and put right while the person looks on.

use anyhow::{Result, ensure};
use praya_testkit::privilege::was_run_elsewhere;
use praya_tests::clamav::{ClamAv, Version, ias_policy};

use crate::{PASSWORD, Scene, sign_in};

#[test]
fn a22_a_stopped_clamav_and_one_with_old_definitions_are_told_apart_and_mended_to_come_in() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let mut scene = Scene::with_profile(|gateway| gateway.set_policy(&ias_policy()?))?;
    let mut clamav = ClamAv::not_installed(&scene.lab.employee)?;
    clamav.install()?;
    scene.client.stop()?;
    scene.client.start_in(&clamav.room)?;
    let window = scene.open()?;
    sign_in(&window, "wong", PASSWORD)?;
    window.wait_for("This computer does not meet the rules")?;
    window.wait_for("ClamAV is there, but its protection is off")?;
    window.wait_for("Switch the program's protection on.")?;
    ensure!(!scene.lab.reaches_intranet()?);

    clamav.start(Version::Engine)?;
    clamav.set_definitions(30)?;
    window.press("Check again")?;
    window.wait_for("31 days old")?;
    window.wait_for("Open the antivirus program and let it update itself.")?;
    let text = window.text()?;
    ensure!(text.contains("At most 7 days old") && !text.contains("protection is off"), "{text}");

    clamav.set_definitions(1)?;
    window.press("Check again")?;
    window.wait_for_button("Intranet")?;
    ensure!(scene.lab.reaches_intranet()?);
    Ok(())
}
