//! The resources: listed, searched, opened.

use std::time::Instant;

use anyhow::{Context, Result, ensure};
use praya_testkit::HANG;
use praya_testkit::privilege::was_run_elsewhere;

use praya_tests::lab::INTRANET;
use praya_tests::tray::Tray;

use crate::Scene;

/// What a desktop calls to open an address, as packages install it: here it records the address and hands it to a
/// browser without a display.
const OPENER: &str = r#"#!/bin/sh
echo "$1" >> "$HOME/opened"
exec chromium --headless --no-sandbox --disable-gpu --user-data-dir="$HOME/browser-$$" --dump-dom "$1" \
  > "$HOME/page" 2> "$HOME/browser.log"
"#;

#[test]
fn a_24_a_25_a_resource_is_found_and_opened_in_the_browser_through_the_tunnel() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let scene = Scene::with_profile(|gateway| {
        gateway.admin(&["group", "add", "finance"])?;
        gateway.admin(&["group", "members", "finance", "--add", "wong"])?;
        let names = ["resource", "add", "pay", "--name", "薪資系統", "--group", "finance", "--kind", "web"];
        let place = ["--address", "http://172.31.0.10/pay", "--endpoint", "tcp:172.31.0.10:80"];
        gateway.admin(&[&names[..], &place].concat())?;
        Ok(())
    })?;
    scene.desk.install("xdg-open", OPENER)?;
    let tray = Tray::open(&scene.desk)?;
    let window = scene.signed_in()?;
    for name in ["Intranet over IPv6", "薪資系統", "finance", "staff"] {
        window.wait_for_button(name)?;
    }
    window.press("finance")?;
    window.wait_until_gone("Intranet over IPv6")?;
    // A search looks everywhere.
    window.fill("Search resources", "ipv6")?;
    window.wait_for_button("Intranet over IPv6")?;
    window.wait_until_gone("薪資系統")?;
    window.fill("Search resources", "薪資")?;
    window.press("薪資系統")?;
    let visits = |count: usize| {
        let until = Instant::now() + HANG;
        while scene.lab.site.visitors().iter().filter(|(_, path)| path == "/pay").count() < count {
            ensure!(Instant::now() < until, "the browser never came; the window says:\n{}", window.text()?);
        }
        Ok(())
    };
    visits(1)?;
    // What was opened is at hand the next time, in the tray as well.
    window.press("Recently used")?;
    window.wait_for_button("薪資系統")?;
    let item = tray.item()?;
    item.wait_for("what was opened last", |look| look.labels().contains(&"薪資系統"))?;
    item.choose("薪資系統")?;
    visits(2)?;
    let opened = std::fs::read_to_string(scene.desk.home().join("opened"))?;
    assert_eq!(opened, "http://172.31.0.10/pay\n".repeat(2));

    // So is what the person marks, also after the next start.
    window.press("All")?;
    window.press("Make Intranet over IPv6 a favourite")?;
    item.wait_for("the favourite", |look| look.labels().contains(&"Intranet over IPv6"))?;
    let memory = scene.desk.home().join(".local/state/praya/desktop.json");
    let until = Instant::now() + HANG;
    while !std::fs::read_to_string(&memory).unwrap_or_default().contains("staff-intranet-over-ipv6") {
        ensure!(Instant::now() < until, "the favourite is not kept");
    }
    window.kill()?;
    let window = scene.open()?;
    window.press("Favourites")?;
    window.wait_for_button("Intranet over IPv6")?;
    window.wait_until_gone("薪資系統")?;
    window.press("Copy the address: Intranet over IPv6")?;
    window.wait_for("The address is copied.")?;
    window.control('f')?;
    window.control('v')?;
    window.run_until(
        "const done = arguments[0];
         const field = document.querySelector('input[type=search]');
         const check = () => field.value === 'http://[fd31::10]/' && done(true);
         field.addEventListener('input', check);
         check();",
    )?;
    Ok(())
}

#[test]
fn b_16_b_17_the_connection_is_shown_paused_and_brought_back() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let scene = Scene::with_profile(|_| Ok(()))?;
    let window = scene.signed_in()?;
    for text in ["office", "wong", "Connected", "00:00:0"] {
        window.wait_for(text)?;
    }
    scene.lab.fetch(INTRANET, "/bytes/100000")?;
    window.wait_for(" KB")?;
    let text = window.text()?;
    let received = text.lines().find_map(|line| line.strip_suffix(" KB")).context("kilobytes")?;
    let (_, decimals) = received.split_once('.').context("decimals")?;
    assert_eq!(decimals.len(), 2, "{received}");
    window.press("Disconnect")?;
    window.wait_for("Disconnected, the session is kept")?;
    ensure!(!scene.lab.reaches_intranet()?);
    window.press("Connect")?;
    window.wait_for_button("Disconnect")?;
    ensure!(scene.lab.reaches_intranet()?);
    Ok(())
}
