//! Every way through the sign-in, and every way in which it is refused.

use std::time::Instant;

use anyhow::{Context, Result, ensure};
use praya_testkit::HANG;
use praya_testkit::otp::Token;
use praya_testkit::privilege::was_run_elsewhere;
use praya_testkit::programs;
use praya_tests::Lab;
use praya_tests::client::Client;
use praya_tests::lab::GATEWAY_NAME;
use rustix::process::Signal;

use super::{NEW_PASSWORD, PASSWORD, Scene};

#[test]
fn a_first_sign_in_goes_through_password_code_and_new_password_to_the_tunnel() -> Result<()> {
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
    let before = scene.lab.employee.network_state()?;
    let praya = scene.client.praya(
        &scene.lab.employee,
        &["login", "--gateway", GATEWAY_NAME, "--pin", &scene.gateway.pin, "--account", "chan"],
    )?;
    let terminal = praya.start_on_terminal()?;
    let place = terminal.wait_for("Password of chan:")?;
    terminal.type_line(&initial)?;
    // which token, and how much of its code is left.
    terminal.wait_for_after(place, "Token 40000002, 6 digits, a new code every 60 seconds.")?;
    let place = terminal.wait_for_after(place, "Code:")?;
    terminal.type_line(&token.now())?;
    terminal.wait_for_after(place, "It must be:")?;
    let place = terminal.wait_for_after(place, "New password:")?;
    ensure!(!scene.lab.reaches_intranet()?, "A-20: nothing is open before the change");
    terminal.type_line("short")?;
    let place = terminal.wait_for_after(place, "New password:")?;
    terminal.type_line(NEW_PASSWORD)?;
    terminal.wait_for_after(place, "New password again:")?;
    terminal.type_line(NEW_PASSWORD)?;
    let ended = terminal.wait()?;
    assert_eq!(ended.code(), 0, "{}", ended.everything);
    for secret in [initial.as_str(), NEW_PASSWORD] {
        ensure!(!ended.everything.contains(secret), "a typed password is not shown");
    }
    ensure!(scene.lab.reaches_intranet()?);
    scene.client.run(&scene.lab.employee, &["logout"])?;
    scene.client.wait_for(|snapshot| snapshot["tunnel"].is_null())?;
    scene.lab.employee.wait_for_network_state(&before)?;
    // the initial password is dead.
    let (code, said) = scene.login("chan", &[&initial])?;
    assert_eq!(code, 5, "{said}");
    Ok(())
}

#[test]
fn ctrl_c_ends_a_sign_in_whose_gateway_has_fallen_silent() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let scene = Scene::plain()?;
    let words = ["login", "--gateway", GATEWAY_NAME, "--pin", &scene.gateway.pin, "--account", "wong"];
    let terminal = scene.client.praya(&scene.lab.employee, &words)?.start_on_terminal()?;
    terminal.wait_for("Password of wong:")?;
    scene.gateway.process()?.signal(Signal::STOP)?;
    terminal.type_line(PASSWORD)?;
    // Typed blindly, the password is taken when the gateway's word is awaited.
    scene.client.wait_for(|snapshot| snapshot["sign_in"]["waiting"] == true)?;
    terminal.type_line("\u{3}")?;
    let ended = terminal.wait()?;
    scene.gateway.process()?.signal(Signal::CONT)?;
    assert_eq!(ended.code(), 130, "{}", ended.everything);
    ensure!(ended.everything.contains("Cancelled."), "{}", ended.everything);
    // The service has given it up as well, and the next sign-in is free.
    assert_eq!(scene.status()?["state"], "no_session");
    scene.sign_in()
}

#[test]
fn a_new_password_must_match_its_repetition_and_differ_from_the_old_one() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let mut initial = String::new();
    let scene = Scene::new(|gateway| {
        initial = gateway.add_newcomer("chan")?;
        Ok(())
    })?;
    for (first, second, word) in [
        (NEW_PASSWORD, "something else entirely", "The two entries differ."),
        (&initial, &initial, "old"),
        ("short", "short", "at least "),
    ] {
        let (code, said) = scene.login("chan", &[&initial, first, second])?;
        assert_eq!(code, 5, "{said}");
        ensure!(said.contains(word), "{said}");
    }
    let (code, said) = scene.login("chan", &[&initial, NEW_PASSWORD, NEW_PASSWORD])?;
    assert_eq!(code, 0, "{said}");
    Ok(())
}

#[test]
fn an_initial_password_that_was_given_out_too_long_ago_is_refused_and_a_new_one_opens() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let mut initial = String::new();
    let scene = Scene::new(|gateway| {
        initial = gateway.add_newcomer("chan")?;
        Ok(())
    })?;
    // A fortnight by default.
    scene.gateway.let_days_pass(14, "accounts", "name=chan", &["password_initial_until"])?;
    let (code, said) = scene.login("chan", &[&initial, NEW_PASSWORD, NEW_PASSWORD])?;
    assert_eq!(code, 5, "{said}");
    ensure!(said.contains("given out too long ago"), "{said}");
    let (_, said) = scene.login("chan", &["not the password"])?;
    ensure!(!said.contains("given out"), "that is told only to who knows it: {said}");
    let anew = scene.gateway.admin(&["person", "set-initial-password", "chan"])?;
    let anew = anew["initial_password"].as_str().context("an initial password")?;
    let (code, said) = scene.login("chan", &[anew, NEW_PASSWORD, NEW_PASSWORD])?;
    assert_eq!(code, 0, "{said}");
    Ok(())
}

#[test]
fn wrong_credentials_say_the_same_for_a_name_that_exists_and_one_that_does_not() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let scene = Scene::new(|gateway| gateway.set_help_desk("IT help desk, ext. 1234"))?;
    let mut said_to = Vec::new();
    for account in ["wong", "nobody-of-that-name"] {
        let (code, said) = scene.login(account, &["not the password"])?;
        assert_eq!(code, 5, "{said}");
        ensure!(said.contains("IT help desk, ext. 1234"), "A-41: {said}");
        // The support code differs from failure to failure, and so does the name in the prompt.
        said_to.push(
            said.lines()
                .filter(|line| !line.contains("upport"))
                .map(|line| line.replace(account, "X"))
                .collect::<Vec<_>>(),
        );
    }
    assert_eq!(said_to[0], said_to[1]);
    Ok(())
}

#[test]
fn a_35_a_36_the_lock_says_how_long_and_refuses_the_right_password() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let token = Token::soft("locked");
    let scene = Scene::new(|gateway| {
        gateway.set("sign_in.attempts_per_minute", 0)?;
        gateway.set("sign_in.lock_after", 2)?;
        gateway.set("sign_in.lock_time", 3)?;
        gateway.add_token("wong", "40000003", &token)
    })?;
    scene.login("wong", &["not the password"])?;
    // Wrong codes count as well.
    let (code, said) = scene.login("wong", &[PASSWORD, &token.wrong()])?;
    assert_eq!(code, 5, "{said}");
    let (code, said) = scene.login("wong", &[PASSWORD])?;
    assert_eq!(code, 5, "{said}");
    ensure!(said.contains("locked") && said.contains("second"), "{said}");
    // It opens by itself, however often somebody tries meanwhile.
    let until = Instant::now() + HANG;
    loop {
        let (code, said) = scene.login("wong", &[PASSWORD, &token.now()])?;
        if code == 0 {
            return Ok(());
        }
        ensure!(said.contains("locked"), "{said}");
        ensure!(Instant::now() < until, "the lock does not open");
    }
}

#[test]
fn a_password_alone_opens_nothing() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let token = Token::soft("pending");
    let scene = Scene::new(|gateway| {
        gateway.set("sign_in.step_time", 2)?;
        gateway.add_token("wong", "40000006", &token)
    })?;
    let words = ["login", "--gateway", GATEWAY_NAME, "--pin", &scene.gateway.pin, "--account", "wong"];
    let terminal = scene.client.praya(&scene.lab.employee, &words)?.start_on_terminal()?;
    terminal.wait_for("Password of wong:")?;
    terminal.type_line(PASSWORD)?;
    terminal.wait_for("Code:")?;
    ensure!(!scene.lab.reaches_intranet()?, "A-03");
    ensure!(scene.gateway.sessions()?.is_empty(), "a pending step is no session");
    // The step has a deadline of its own.
    let ended = terminal.wait()?;
    assert_eq!(ended.code(), 5, "{}", ended.everything);
    ensure!(ended.everything.contains("no longer open"), "{}", ended.everything);
    Ok(())
}

#[test]
fn a_disabled_account_and_a_missing_token_are_refused_only_after_the_right_password() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let scene = Scene::new(|gateway| {
        gateway.set("sign_in.second_factor", "required")?;
        gateway.admin(&["person", "disable", "wong"])?;
        gateway.add_people(&["chan"], PASSWORD)
    })?;
    let (_, wrong) = scene.login("wong", &["not the password"])?;
    let (code, right) = scene.login("wong", &[PASSWORD])?;
    assert_eq!(code, 5, "{right}");
    ensure!(right.contains("disabled") && !wrong.contains("disabled"), "{wrong}\n{right}");
    let (code, said) = scene.login("chan", &[PASSWORD])?;
    assert_eq!(code, 5, "{said}");
    ensure!(said.contains("token"), "{said}");
    Ok(())
}

#[test]
fn an_unknown_gateway_shows_its_pin_and_gets_nothing() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let scene = Scene::plain()?;
    let words = ["login", "--gateway", GATEWAY_NAME, "--account", "wong", "--answers-stdin"];
    let login = scene.client.run(&scene.lab.employee, &words)?;
    assert_eq!(login.code(), 6, "{}", login.everything);
    ensure!(login.everything.contains(&scene.gateway.pin), "{}", login.everything);
    let wrong = "pin-sha256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    let login = scene.client.login(&scene.lab.employee, wrong, "wong", &[PASSWORD])?;
    assert_eq!(login.code(), 6, "{}", login.everything);
    ensure!(scene.gateway.sessions()?.is_empty());
    Ok(())
}

#[test]
fn a_gateway_that_is_not_there_is_unreachable_and_not_a_wrong_password() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let mut scene = Scene::plain()?;
    scene.gateway.stop()?;
    let (code, said) = scene.login("wong", &[PASSWORD])?;
    assert_eq!(code, 7, "{said}");
    let login = scene
        .client
        .run(&scene.lab.employee, &["login", "--gateway", "nowhere.invalid", "--answers-stdin"])?;
    assert_eq!(login.code(), 7, "{}", login.everything);
    Ok(())
}

#[test]
fn a_32_a_second_login_finds_the_session_and_asks_nothing() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let scene = Scene::connected()?;
    let (code, said) = scene.login("wong", &[])?;
    assert_eq!(code, 0, "{said}");
    ensure!(said.contains("still signed in"), "{said}");
    // No gateway is stored, and none needs to be.
    let plain = scene.client.run(&scene.lab.employee, &["login"])?;
    assert_eq!(plain.code(), 0, "{}", plain.everything);
    ensure!(plain.everything.contains("still signed in"), "{}", plain.everything);
    for words in [&["login", "--gateway", "other.lab"][..], &["login", "--account", "chan"]] {
        let other = scene.client.run(&scene.lab.employee, words)?;
        assert_eq!(other.code(), 1, "{}", other.everything);
        ensure!(other.everything.contains(&format!("as wong at {GATEWAY_NAME}")), "{}", other.everything);
    }
    assert_eq!(scene.gateway.sessions()?.len(), 1);
    Ok(())
}

#[test]
fn without_a_terminal_login_says_what_to_do_and_that_is_wrong_usage() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let lab = Lab::new()?;
    let client = Client::started(&lab.employee)?;
    let without_terminal = |words: &[&str]| {
        lab.employee
            .program("setsid")
            .args(["--wait".as_ref(), programs::path("praya")?.as_os_str()])
            .args(["--socket".as_ref(), client.socket.as_os_str()])
            .args(words)
            .run()
    };
    let login = without_terminal(&["login", "--gateway", GATEWAY_NAME])?;
    assert_eq!(login.code(), 2, "{}", login.everything);
    ensure!(login.everything.contains("--answers-stdin"), "{}", login.everything);
    // What is wrong with the target is said first.
    let unknown = without_terminal(&["login", "--profile", "nowhere"])?;
    assert_eq!(unknown.code(), 1, "{}", unknown.everything);
    ensure!(unknown.everything.contains("no gateway named “nowhere”"), "{}", unknown.everything);
    Ok(())
}
