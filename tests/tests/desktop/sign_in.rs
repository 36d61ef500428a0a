//! Every way through the sign-in, every refusal, and the ways out.

use anyhow::{Result, ensure};
use praya_testkit::otp::Token;
use praya_testkit::privilege::was_run_elsewhere;
use praya_tests::lab::GATEWAY_NAME;

use crate::{NEW_PASSWORD, PASSWORD, Scene, choose, sign_in};

#[test]
fn a_first_sign_in_goes_from_the_gateways_address_over_the_code_to_a_password_of_ones_own() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let token = Token::hardware("first");
    let mut initial = String::new();
    let scene = Scene::new(|gateway| {
        initial = gateway.add_newcomer("chan")?;
        gateway.add_token("chan", "40000002", &token)?;
        gateway.publish_intranet("newcomers", &["chan"])
    })?;
    let window = scene.open()?;
    // B-22; a private gateway is believed by its key, and by nothing that can be clicked.
    window.wait_for("Add a gateway")?;
    window.fill("Address", GATEWAY_NAME)?;
    window.fill("Name", "Office")?;
    window.fill("Key of the gateway", &scene.gateway.pin)?;
    window.press("Add")?;
    window.wait_for("Sign in to Office")?;
    // Typed with a Chinese keyboard.
    sign_in(&window, " ｃｈａｎ ", &initial)?;
    window.wait_for("Token 40000002")?;
    // the code's own rhythm.
    ensure!(window.text()?.contains("left of this code") || window.text()?.contains("about to change"));
    window.fill("Code", &token.wrong())?;
    window.wait_for("That code is not right.")?;
    // Nothing needs to be pressed after the last digit.
    let code = token.now();
    window.fill("Code", &code)?;
    window.wait_for("Choose a new password")?;
    ensure!(!scene.lab.reaches_intranet()?, "A-20: nothing is open before the change");
    window.fill("New password", NEW_PASSWORD)?;
    window.fill("New password again", NEW_PASSWORD)?;
    window.press("Modify")?;
    window.wait_for_button("Intranet")?;
    ensure!(scene.lab.reaches_intranet()?);

    choose(&window, "Log out")?;
    window.wait_for("Log out?")?;
    window.press("Log out")?;
    window.wait_for("You logged out.")?;
    ensure!(!scene.lab.reaches_intranet()?);
    ensure!(scene.gateway.sessions()?.is_empty());
    // the initial password is dead.
    sign_in(&window, "chan", &initial)?;
    window.wait_for("Wrong name or password.")?;
    window.fill("Password", NEW_PASSWORD)?;
    window.press("Sign in")?;
    // The code that opened the first session is dead as well, for as long as the token shows it.
    window.wait_for("Token 40000002")?;
    window.fill("Code", &code)?;
    window.wait_for("That code ")?;
    ensure!(!window.text()?.contains("Resources"));
    Ok(())
}

#[test]
fn a_39_the_troubles_with_a_code_are_told_apart() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let token = Token::soft("troubles");
    let scene = Scene::with_profile(|gateway| gateway.add_token("wong", "40000003", &token))?;
    let window = scene.open()?;
    sign_in(&window, "wong", PASSWORD)?;
    window.wait_for("Token 40000003")?;
    window.fill("Code", &token.shifted(-8))?;
    window.wait_for("The clock of token 40000003 is off.")?;
    let code = token.now();
    window.fill("Code", &code)?;
    window.wait_for_button("Intranet")?;
    choose(&window, "Log out")?;
    window.wait_for("Log out?")?;
    window.press("Log out")?;
    window.wait_for("You logged out.")?;
    sign_in(&window, "wong", PASSWORD)?;
    window.wait_for("Token 40000003")?;
    window.fill("Code", &code)?;
    window.wait_for("That code was used already.")?;
    window.fill("Code", &token.wrong())?;
    window.wait_for("That code is not right.")?;
    scene.gateway.let_days_pass(60, "tokens", "serial=40000003", &["last_used", "counting_since"])?;
    window.fill("Code", &token.shifted(1))?;
    window.wait_for("Token 40000003 was not used for 60 days and is closed.")?;
    scene.gateway.admin(&["token", "disable", "40000003"])?;
    sign_in(&window, "wong", PASSWORD)?;
    window.wait_for("Token 40000003 is disabled.")?;
    ensure!(scene.gateway.sessions()?.is_empty());
    Ok(())
}

#[test]
fn a_35_a_36_wrong_passwords_lock_the_sign_in_and_the_window_counts_the_lock_down() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let scene = Scene::with_profile(|gateway| {
        gateway.set("sign_in.lock_after", 2)?;
        gateway.set("sign_in.lock_time", 12)
    })?;
    let window = scene.open()?;
    sign_in(&window, "wong", "not the password")?;
    window.wait_for("Wrong name or password.")?;
    window.fill("Password", "not the password either")?;
    window.press("Sign in")?;
    window.wait_for("ocked")?;
    // The right one is refused, too, and the time left goes down to nothing.
    for left in ["in 5 seconds", "in 2 seconds", "in 0 seconds"] {
        window.wait_for(left)?;
    }
    window.fill("Password", PASSWORD)?;
    window.press("Sign in")?;
    window.wait_for_button("Intranet")
}

#[test]
fn an_unknown_gateway_is_confirmed_by_its_key_only() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let scene = Scene::new(|_| Ok(()))?;
    let window = scene.open()?;
    window.fill("Address", GATEWAY_NAME)?;
    window.press("Add")?;
    sign_in(&window, "wong", PASSWORD)?;
    window.wait_for("Is this your organisation's gateway?")?;
    ensure!(!window.text()?.contains(&scene.gateway.pin), "there is nothing to copy");
    window.fill("Key as published", "pin-sha256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")?;
    window.press("Compare")?;
    window.wait_for("These are not the same.")?;
    ensure!(window.text()?.contains(&scene.gateway.pin), "to be read to the help desk");
    window.fill("Key as published", &scene.gateway.pin)?;
    window.press("Compare")?;
    window.wait_for_button("Sign in")?;
    sign_in(&window, "wong", PASSWORD)?;
    window.wait_for_button("Intranet")
}

#[test]
fn a_26_the_password_is_changed_from_the_resource_page() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let scene = Scene::with_profile(|_| Ok(()))?;
    let window = scene.signed_in()?;
    choose(&window, "Change password")?;
    window.fill("Present password", "not the password")?;
    window.fill("New password", NEW_PASSWORD)?;
    window.fill("New password again", NEW_PASSWORD)?;
    window.press("Modify")?;
    window.wait_for("The present password is not right.")?;
    window.fill("Present password", PASSWORD)?;
    window.fill("New password", NEW_PASSWORD)?;
    window.fill("New password again", NEW_PASSWORD)?;
    window.press("Modify")?;
    window.wait_for("The password is changed.")?;
    ensure!(scene.lab.reaches_intranet()?, "this session lives on");
    choose(&window, "Log out")?;
    window.wait_for("Log out?")?;
    window.press("Log out")?;
    window.wait_for("You logged out.")?;
    sign_in(&window, "wong", PASSWORD)?;
    window.wait_for("Wrong name or password.")?;
    window.fill("Password", NEW_PASSWORD)?;
    window.press("Sign in")?;
    window.wait_for_button("Intranet")
}

#[test]
fn a_27_a_28_idleness_is_announced_one_key_stays_and_at_last_it_ends() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let scene = Scene::with_profile(|gateway| {
        // The warning comes 20 seconds before, WCAG 2.2.1, however short the time is.
        gateway.set("sessions.idle_timeout", 24)?;
        gateway.set("tunnel.keepalive", 1)
    })?;
    let window = scene.signed_in()?;
    window.wait_for("Are you still there?")?;
    window.key(' ')?;
    window.wait_until_gone("Are you still there?")?;
    ensure!(scene.lab.reaches_intranet()?);
    window.wait_for("The session ended because it was not used for too long.")?;
    ensure!(!scene.lab.reaches_intranet()?);
    // The account is remembered, the password is not.
    window.fill("Password", PASSWORD)?;
    window.press("Sign in")?;
    window.wait_for_button("Intranet")
}

#[test]
fn invitations_wait_for_the_persons_word_and_the_end_of_the_longest_session_is_announced() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let scene = Scene::new(|gateway| gateway.set("sessions.lifetime", 600))?;
    let window = scene.open()?;
    window.wait_for("Add a gateway")?;
    let pin = scene.gateway.pin.replace('+', "%2B");
    let link = format!("praya://add?gateway={GATEWAY_NAME}&name=By%20link&pin={pin}");
    let second = scene.app(&scene.desk).arg(&link).run()?;
    ensure!(second.status.success(), "{}", second.everything);
    window.wait_for("Add this gateway?")?;
    window.wait_for(&scene.gateway.pin)?;
    // What is read is what is agreed to.
    scene.app(&scene.desk).arg("praya://add?gateway=evil.example&name=By%20link").run()?;
    window.wait_for("another one waits for your answer")?;
    ensure!(!window.text()?.contains("evil.example"));
    window.press("Cancel")?;
    window.wait_until_gone("Add this gateway?")?;
    // The same in a file.
    let file = scene.desk.home().join("office.praya");
    let text = format!("gateway = \"{GATEWAY_NAME}\"\nname = \"By file\"\npin = \"{}\"\n", scene.gateway.pin);
    std::fs::write(&file, text)?;
    scene.app(&scene.desk).arg(&file).run()?;
    window.wait_for("Add this gateway?")?;
    window.press("Add")?;
    window.wait_for("Sign in to By file")?;
    scene.app(&scene.desk).arg("praya://add?gateway=evil.example&name=BY%20FILE").run()?;
    window.wait_for("evil.example")?;
    window.press("Add")?;
    window.wait_for("There is a gateway “By file” already")?;
    window.press("Cancel")?;
    window.wait_until_gone("Add this gateway?")?;
    sign_in(&window, "wong", PASSWORD)?;
    window.wait_for("The longest time allowed is over in 9 minutes")?;
    window.press("Understood")?;
    window.wait_until_gone("The longest time allowed")?;
    window.wait_for_button("Intranet")
}
