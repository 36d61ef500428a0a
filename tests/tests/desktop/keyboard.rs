//! The whole way by keyboard, in the narrowest window there is.

use std::time::Instant;

use anyhow::{Result, ensure};
use praya_testkit::HANG;
use praya_testkit::otp::Token;
use praya_testkit::privilege::was_run_elsewhere;
use praya_tests::lab::GATEWAY_NAME;
use praya_tests::window::{DOWN, ENTER, TAB, Window};

use crate::{NEW_PASSWORD, Scene};

/// Of the narrowest screens, in pixels.
const NARROW: u32 = 320;

#[test]
fn from_the_first_gateway_to_the_logout_nothing_needs_a_mouse_or_more_than_320_pixels() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let token = Token::hardware("keyboard");
    let mut initial = String::new();
    let scene = Scene::new(|gateway| {
        initial = gateway.add_newcomer("chan")?;
        gateway.add_token("chan", "40000005", &token)?;
        gateway.publish_intranet("newcomers", &["chan"])
    })?;
    scene.desk.install("xdg-open", "#!/bin/sh\necho \"$1\" >> \"$HOME/opened\"\n")?;
    let window = scene.open()?;
    window.resize(NARROW)?;
    comes(&window, "Add a gateway")?;
    // The field to fill has the focus, on every screen.
    window.wait_for_focus("Address")?;
    window.type_text(GATEWAY_NAME)?;
    window.key(TAB)?;
    window.type_text("Office")?;
    window.key(TAB)?;
    window.type_text(&scene.gateway.pin)?;
    window.key(ENTER)?;
    comes(&window, "Sign in to Office")?;
    window.wait_for_focus("Account")?;
    window.type_text("chan")?;
    window.key(TAB)?;
    window.type_text(&initial)?;
    window.key(ENTER)?;
    comes(&window, "Token 40000005")?;
    window.wait_for_focus("Code")?;
    window.type_text(&token.now())?;
    comes(&window, "Choose a new password")?;
    window.wait_for_focus("New password")?;
    window.type_text(NEW_PASSWORD)?;
    window.tab_to("New password again")?;
    window.type_text(NEW_PASSWORD)?;
    window.key(ENTER)?;
    window.wait_for_button("Intranet")?;
    comes(&window, "Refresh the list")?;
    window.control(',')?;
    comes(&window, "Appearance")?;
    window.tab_to("Back")?;
    window.key(ENTER)?;
    window.wait_for_button("Intranet")?;
    window.control('f')?;
    window.wait_for_focus("Search resources")?;
    window.type_text("ipv6")?;
    window.wait_until_gone("http://172.31.0.10/")?;
    window.key(DOWN)?;
    window.key(ENTER)?;
    let opened = scene.desk.home().join("opened");
    let until = Instant::now() + HANG;
    while std::fs::read_to_string(&opened).unwrap_or_default() != "http://[fd31::10]/\n" {
        ensure!(Instant::now() < until, "nothing is opened; the window says:\n{}", window.text()?);
    }
    window.tab_to("Menu")?;
    window.key(ENTER)?;
    comes(&window, "Change password")?;
    // A menu is searched by its letters.
    window.wait_for_focus("My sessions")?;
    window.key('l')?;
    window.key(ENTER)?;
    comes(&window, "Log out?")?;
    window.tab_to("Log out")?;
    window.key(ENTER)?;
    comes(&window, "You logged out.")?;
    ensure!(!scene.lab.reaches_intranet()?);
    Ok(())
}

/// Waits for a screen that says this; all of it fits.
fn comes(window: &Window, text: &str) -> Result<()> {
    window.wait_for(text)?;
    let scrolled = window.scrolled_sideways()?;
    ensure!(scrolled.is_empty(), "{text}: {scrolled:?} must be moved sideways");
    Ok(())
}
