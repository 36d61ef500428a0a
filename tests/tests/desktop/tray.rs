//! The tray as a panel sees it: icon, tooltip and menu in every state and language, and what its lines do.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use praya_model::TunnelState;
use praya_testkit::otp::Token;
use praya_testkit::privilege::was_run_elsewhere;
use praya_testkit::{Desk, Process};
use praya_tests::lab::INTRANET;
use praya_tests::tray::{Look, Tray};
use praya_texts::{Isolation, Locale, Texts, TimeZone};
use rustix::process::Signal;

use crate::{PASSWORD, Scene};

/// A desktop in one language, with the app at it and its tray.
struct Place {
    texts: Texts,
    tray: Tray,
    app: Process,
    _desk: Desk,
}

impl Place {
    fn new(scene: &Scene, locale: Locale) -> Result<Self> {
        let desk = Desk::new(&scene.lab.employee)?;
        let settings = desk.home().join(".config/praya");
        std::fs::create_dir_all(&settings)?;
        std::fs::write(settings.join("desktop.toml"), format!("language = \"{}\"\n", locale.tag()))?;
        let tray = Tray::open(&desk)?;
        let app = scene.app(&desk).start()?;
        Ok(Self { texts: Texts::new(locale, &TimeZone::UTC, Isolation::Off), tray, app, _desk: desk })
    }

    /// Waits until the tray shows the state in this language, both in its tooltip and in the menu's first line.
    fn wait_for(&self, state: TunnelState) -> Result<Look> {
        let said = self.texts.state(state);
        let item = self.tray.item().with_context(|| self.app.printed())?;
        let look = item.wait_for(&format!("{state:?}: {said}"), |look| {
            look.tooltip().contains(&said) && look.labels().first() == Some(&said.as_str())
        })?;
        let labels = look.labels();
        // The manual names them in English, so English stands in every language's words.
        for line in ["tray-show-resource", "tray-exit"] {
            ensure!(labels.contains(&self.texts.say(line).as_str()), "{line} in {labels:?}");
        }
        for name in ["Show Resource", "Exit"] {
            ensure!(labels.iter().any(|label| label.contains(name)), "{name} in {labels:?}");
        }
        Ok(look)
    }
}

#[test]
fn every_state_has_an_icon_a_tooltip_and_a_menu_in_every_language() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let token = Token::hardware("tray");
    let mut scene = Scene::with_profile(|gateway| {
        gateway.add_token("wong", "40000004", &token)?;
        // The warning comes 20 seconds before.
        gateway.set("sessions.idle_timeout", 24)?;
        gateway.set("tunnel.keepalive", 1)?;
        gateway.set("tunnel.dpd", 1)
    })?;
    let places: Vec<Place> =
        Locale::ALL.iter().map(|locale| Place::new(&scene, *locale)).collect::<Result<_>>()?;
    let mut icons = BTreeSet::new();
    let mut shows = |state: TunnelState| -> Result<Vec<Look>> {
        let looks: Vec<Look> = places.iter().map(|place| place.wait_for(state)).collect::<Result<_>>()?;
        let icon = looks.first().context("a language")?.icon.clone();
        ensure!(looks.iter().all(|look| look.icon == icon), "one state, one icon");
        ensure!(icon.iter().all(|(width, height, bytes)| {
            usize::try_from(width * height * 4).is_ok_and(|length| length == bytes.len())
        }));
        ensure!(icons.insert(icon), "{state:?} has the icon of another state");
        Ok(looks)
    };
    shows(TunnelState::NoSession)?;
    let login = ["login", "--profile", "office", "--account", "wong", "--answers-stdin"];
    let login = scene.praya(&login, &[PASSWORD])?;
    scene.client.wait_for_state("signing_in")?;
    shows(TunnelState::SigningIn)?;
    login.type_line(&token.now())?;
    ensure!(login.wait()?.status.success());
    let busy = scene.lab.employee.program("ping").args(["-i", "1", INTRANET]).start()?;
    for look in shows(TunnelState::Connected)? {
        let labels = look.labels();
        ensure!(labels.iter().any(|label| label.contains("office")), "the profile in {labels:?}");
    }
    drop(busy);
    shows(TunnelState::IdleWarning)?;
    ensure!(scene.lab.reaches_intranet()?, "which is use");
    scene.gateway.kill()?;
    shows(TunnelState::Reconnecting)?;
    // A service that starts again with a session to bring back, and nobody to bring it back with.
    scene.client.kill()?;
    scene.client.start(&scene.lab.employee)?;
    shows(TunnelState::Restoring)?;
    scene.gateway.start()?;
    scene.client.wait_for_state("connected")?;
    scene.gateway.end_sessions("wong")?;
    shows(TunnelState::Ended)?;
    assert_eq!(icons.len(), 7);
    Ok(())
}

#[test]
fn a_29_a_30_show_resource_and_a_click_bring_the_window_and_exit_signs_out() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let scene = Scene::with_profile(|_| Ok(()))?;
    let tray = Tray::open(&scene.desk)?;
    let screen = scene.desk.screen()?;
    let window = scene.signed_in()?;
    let item = tray.item()?;
    let hide = || -> Result<()> {
        let shown = screen.wait_for_windows("Praya", 1)?;
        screen.close(shown[0])?;
        screen.wait_for_windows("Praya", 0)?;
        Ok(())
    };
    hide()?;
    item.choose("Show Resource")?;
    screen.wait_for_windows("Praya", 1)?;
    window.wait_for_button("Intranet")?;
    hide()?;
    // Panels report a double click as two.
    item.activate()?;
    item.activate()?;
    screen.wait_for_windows("Praya", 1)?;
    window.wait_for_button("Intranet")?;

    item.choose("Exit (logs out)")?;
    window.wait_for_end()?;
    scene.gateway.wait_for_no_sessions()?;
    let ended = scene.client.wait_for(|snapshot| snapshot["ended"] == "tray_exit")?;
    ensure!(ended["tunnel"].is_null(), "{ended:#}");
    ensure!(!scene.lab.reaches_intranet()?);
    Ok(())
}

#[test]
fn the_tunnel_is_taken_down_and_brought_up_from_the_menu() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let scene = Scene::with_profile(|_| Ok(()))?;
    let tray = Tray::open(&scene.desk)?;
    let _app = scene.app(&scene.desk).start()?;
    scene.sign_in_by_command()?;
    let item = tray.item()?;
    let offers = |label: &'static str| item.wait_for(label, move |look| look.labels().contains(&label));
    offers("Disconnect")?;
    item.choose("Disconnect")?;
    offers("Connect")?;
    ensure!(!scene.lab.reaches_intranet()?);
    item.choose("Connect")?;
    offers("Disconnect")?;
    ensure!(scene.lab.reaches_intranet()?);
    Ok(())
}

#[test]
fn a_service_that_hangs_keeps_neither_the_window_nor_exit_waiting() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let scene = Scene::with_profile(|_| Ok(()))?;
    let tray = Tray::open(&scene.desk)?;
    let screen = scene.desk.screen()?;
    let window = scene.signed_in()?;
    let shown = screen.wait_for_windows("Praya", 1)?;
    screen.close(shown[0])?;
    screen.wait_for_windows("Praya", 0)?;

    scene.client.process()?.signal(Signal::STOP)?;
    let item = tray.item()?;
    item.choose("Disconnect")?;
    item.choose("Show Resource")?;
    screen.wait_for_windows("Praya", 1)?;
    item.choose("Exit (logs out)")?;
    window.wait_for("The session could not be ended")?;
    window.wait_for_button("Exit anyway, the session stays")?;

    // What was asked of it is done as soon as it goes on, and then there is nothing left to ask.
    scene.client.process()?.signal(Signal::CONT)?;
    scene.gateway.wait_for_no_sessions()?;
    window.wait_until_gone("The session could not be ended")?;
    item.choose("Exit (logs out)")?;
    window.wait_for_end()
}
