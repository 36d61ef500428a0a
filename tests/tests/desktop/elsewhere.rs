//! An account with sessions on other machines: told where, kept or replaced, ended from here, and ended by others.

use anyhow::{Result, ensure};
use praya_testkit::privilege::was_run_elsewhere;
use praya_tests::client::Client;

use crate::{PASSWORD, Scene, choose, sign_in};

#[test]
fn a_34_sessions_elsewhere_are_told_kept_replaced_and_ended_and_one_here_is_found_again() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let scene = Scene::with_profile(|gateway| gateway.set("sessions.per_account", 2))?;
    let machines = [scene.lab.another_employee(60)?, scene.lab.another_employee(61)?];
    let clients = [Client::started(&machines[0])?, Client::started(&machines[1])?];
    for (machine, client) in machines.iter().zip(&clients) {
        let login = client.login(machine, &scene.gateway.pin, "wong", &[PASSWORD])?;
        ensure!(login.status.success(), "{}", login.everything);
    }
    let window = scene.open()?;
    sign_in(&window, "wong", PASSWORD)?;
    window.wait_for("You are already signed in elsewhere")?;
    let text = window.text()?;
    for words in [machines[0].name(), machines[1].name(), "192.0.2.60", "192.0.2.61"] {
        ensure!(text.contains(words), "{words} in {text}");
    }
    window.press("Leave it and stop here")?;
    window.wait_for_button("Sign in")?;
    assert_eq!(scene.gateway.sessions()?.len(), 2, "both are left alone");
    sign_in(&window, "wong", PASSWORD)?;
    window.press("End it and go on here")?;
    window.wait_for_button("Intranet")?;
    // The oldest one has to go.
    clients[0].wait_for_state("ended")?;
    ensure!(scene.lab.reaches_intranet()?);

    choose(&window, "My sessions")?;
    window.wait_for("this computer")?;
    window.wait_for(machines[1].name())?;
    window.press("End this session")?;
    window.wait_for("End the session on")?;
    window.press("End this session")?;
    window.wait_for(&format!("The session on {} is ended.", machines[1].name()))?;
    clients[1].wait_for_state("ended")?;
    ensure!(scene.lab.reaches_intranet()?, "this one lives on");

    // who signs in once more is led to the session that lives here.
    let own = scene.gateway.sessions()?;
    scene.sign_in_by_command()?;
    assert_eq!(scene.gateway.sessions()?[0]["session"], own[0]["session"]);

    scene.gateway.end_sessions("wong")?;
    let reason = "An administrator ended the session.";
    window.wait_for(reason)?;
    let text = window.text()?;
    assert_eq!(text.matches(reason).count(), 1, "said once: {text}");
    ensure!(!scene.lab.reaches_intranet()?);
    Ok(())
}
