//! Every way in: passwords, codes, forced changes, locks, plain forms, and a second sign-in.

use anyhow::{Result, ensure};
use praya_testkit::otp::Token;
use praya_testkit::privilege::was_run_elsewhere;
use praya_tests::Lab;
use praya_tests::gateway::Gateway;
use praya_tests::openconnect::{openconnect, wait_connected};
use rustix::process::Signal;

use super::{PASSWORD, Scene};

#[test]
fn a_02_password_and_a_generated_code_bring_the_tunnel_up() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let token = Token::soft("generated");
    let scene = Scene::started(Some(&token))?;
    ensure!(!scene.lab.reaches_intranet()?);
    let secret = format!("base32:{}", token.base32());
    let client = scene
        .client()?
        .args(["--passwd-on-stdin", "--token-mode=totp", "--token-secret", &secret])
        .start()?;
    client.type_line(PASSWORD)?;
    wait_connected(&client)?;
    ensure!(scene.lab.reaches_intranet()?);
    Ok(())
}

#[test]
fn a_16_a_code_is_typed_at_its_own_prompt_after_the_password() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let token = Token::hardware("typed");
    let scene = Scene::started(Some(&token))?;
    let client = scene.client()?.start_on_terminal()?;
    let place = client.wait_for("Password:")?;
    client.type_line(PASSWORD)?;
    // The person is told which token is meant (1E).
    client.wait_for_after(place, "40000001")?;
    client.wait_for_after(place, "Code:")?;
    client.type_line(&token.now())?;
    wait_connected(&client)?;
    ensure!(scene.lab.reaches_intranet()?);
    Ok(())
}

#[test]
fn a_wrong_code_is_asked_again_and_the_right_one_still_works() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let token = Token::soft("wrong");
    let scene = Scene::started(Some(&token))?;
    let client = scene.client()?.start_on_terminal()?;
    client.wait_for("Password:")?;
    client.type_line(PASSWORD)?;
    let place = client.wait_for("Code:")?;
    client.type_line(&token.wrong())?;
    let place = client.wait_for_after(place, "Code:")?;
    client.type_line(&token.now())?;
    wait_connected(&client)?;
    let _ = place;
    Ok(())
}

#[test]
fn a_wrong_password_is_asked_again_without_saying_what_was_wrong() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let scene = Scene::started(None)?;
    let mut told = Vec::new();
    for name in ["wong", "nobody-of-that-name"] {
        let client = openconnect(&scene.lab.employee, &scene.gateway.pin)?
            .args(["--user", name])
            .start_on_terminal()?;
        let place = client.wait_for("Password:")?;
        client.type_line("not the password")?;
        client.wait_for_after(place, "Password:")?;
        let printed = without_support_code(&client.printed_after(place));
        // The prompt's line also holds what the terminal echoed before openconnect switched that off; how openconnect
        // says what it posts is its own affair.
        let ours =
            |line: &&str| !line.trim().is_empty() && !line.contains("Password:") && !line.contains("POST");
        told.push(printed.lines().skip(1).filter(ours).map(str::trim).collect::<Vec<_>>().join("\n"));
    }
    ensure!(told[0].contains("Wrong"), "{told:?}");
    assert_eq!(told[0], told[1], "a name that does not exist is answered like one that does");
    Ok(())
}

/// Each failure has a support code of its own.
fn without_support_code(printed: &str) -> String {
    let Some((before, after)) = printed.split_once("Support code: ") else { return "no support code".into() };
    format!("{before}{}", after.split_once('.').map_or("", |(_, rest)| rest))
}

#[test]
fn a_18_a_due_password_is_changed_before_anything_else_and_the_initial_one_is_dead() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let lab = Lab::new()?;
    let mut gateway = Gateway::init(&lab)?;
    gateway.set("sign_in.second_factor", "when_assigned")?;
    let initial = gateway.add_newcomer("chan")?;
    gateway.publish_intranet("staff", &["chan"])?;
    gateway.start()?;
    let sign_in = || openconnect(&lab.employee, &gateway.pin)?.args(["--user", "chan"]).start_on_terminal();

    let client = sign_in()?;
    client.wait_for("Password:")?;
    client.type_line(&initial)?;
    let place = client.wait_for("New password:")?;
    ensure!(!lab.reaches_intranet()?, "A-20: nothing is open before the change");
    client.type_line("a brand new pass phrase")?;
    let place = client.wait_for_after(place, "Repeat")?;
    client.type_line("a brand new pass phrase")?;
    wait_connected(&client)?;
    let _ = place;
    client.signal(Signal::INT)?;
    client.wait()?;

    let client = sign_in()?;
    let place = client.wait_for("Password:")?;
    client.type_line(&initial)?;
    let place = client.wait_for_after(place, "Password:")?;
    client.type_line("a brand new pass phrase")?;
    let _ = place;
    wait_connected(&client)?;
    Ok(())
}

#[test]
fn a_18_two_different_entries_of_a_new_password_are_refused_and_asked_again() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let lab = Lab::new()?;
    let mut gateway = Gateway::init(&lab)?;
    gateway.set("sign_in.second_factor", "when_assigned")?;
    let initial = gateway.add_newcomer("chan")?;
    gateway.publish_intranet("staff", &["chan"])?;
    gateway.start()?;
    let client = openconnect(&lab.employee, &gateway.pin)?.args(["--user", "chan"]).start_on_terminal()?;
    client.wait_for("Password:")?;
    client.type_line(&initial)?;
    let mut place = client.wait_for("New password:")?;
    // Different entries, then the old password once more, then a proper one.
    for (first, second) in
        [("a brand new pass phrase", "a brand new pass phrase, nearly"), (&initial, &initial)]
    {
        client.type_line(first)?;
        place = client.wait_for_after(place, "Repeat")?;
        client.type_line(second)?;
        place = client.wait_for_after(place, "New password:")?;
    }
    client.type_line("a brand new pass phrase")?;
    client.wait_for_after(place, "Repeat")?;
    client.type_line("a brand new pass phrase")?;
    wait_connected(&client)?;
    Ok(())
}

#[test]
fn a_35_a_36_failures_lock_the_account_and_the_right_password_is_refused_meanwhile() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let mut scene = Scene::new(None)?;
    scene.gateway.set("sign_in.lock_after", 3)?;
    scene.gateway.start()?;
    for name in ["wong", "nobody-of-that-name"] {
        let sign_in = || {
            openconnect(&scene.lab.employee, &scene.gateway.pin)?.args(["--user", name]).start_on_terminal()
        };
        let client = sign_in()?;
        let mut place = client.wait_for("Password:")?;
        for _ in 0..2 {
            client.type_line("not the password")?;
            place = client.wait_for_after(place, "Password:")?;
        }
        client.type_line("not the password")?;
        let ended = client.wait()?;
        assert_eq!(ended.code(), 1, "{}", ended.everything);
        ensure!(ended.everything.contains("locked"), "{name}: {}", ended.everything);

        let client = sign_in()?;
        client.wait_for("Password:")?;
        client.type_line(PASSWORD)?;
        let ended = client.wait()?;
        ensure!(ended.everything.contains("locked"), "{name}: {}", ended.everything);
        ensure!(ended.everything.contains("minute"), "it says for how long: {}", ended.everything);
    }
    scene.gateway.admin(&["person", "unlock", "wong"])?;
    scene.connect()?;
    Ok(())
}

#[test]
fn a_client_without_xml_signs_in_by_plain_forms() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let token = Token::soft("plain");
    let scene = Scene::started(Some(&token))?;
    let client = scene.client()?.arg("--no-xmlpost").start_on_terminal()?;
    client.wait_for("Password:")?;
    client.type_line(PASSWORD)?;
    client.wait_for("Code:")?;
    client.type_line(&token.now())?;
    wait_connected(&client)?;
    ensure!(scene.lab.reaches_intranet()?);
    Ok(())
}

#[test]
fn a_34_a_second_sign_in_is_told_of_the_first_and_may_replace_it() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let scene = Scene::started(None)?;
    let (first, _) = scene.connect()?;
    let other = scene.lab.another_employee(20)?;
    let sign_in = || openconnect(&other, &scene.gateway.pin)?.args(["--user", "wong"]).start_on_terminal();

    let second = sign_in()?;
    second.wait_for("Password:")?;
    second.type_line(PASSWORD)?;
    second.wait_for("[replace|cancel]")?;
    second.type_line("cancel")?;
    let ended = second.wait()?;
    assert_eq!(ended.code(), 1, "{}", ended.everything);
    ensure!(first.status().is_none(), "the first one goes on: {}", first.printed());

    let second = sign_in()?;
    second.wait_for("Password:")?;
    second.type_line(PASSWORD)?;
    second.wait_for("[replace|cancel]")?;
    second.type_line("replace")?;
    wait_connected(&second)?;
    let ended = first.wait()?;
    ensure!(
        ended.everything.contains("signed in elsewhere"),
        "the first one is told why: {}",
        ended.everything
    );
    Ok(())
}
