//! Our client against our gateway: every path of the sign-in, every end of a session, and what must survive.

use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use praya_testkit::HANG;
use praya_testkit::otp::Token;
use praya_testkit::privilege::{has_other_users, was_run_elsewhere};
use praya_testkit::programs;
use praya_testkit::rude::Rude;
use praya_testkit::web::{PAGE, known_bytes, sha256};
use praya_tests::Lab;
use praya_tests::client::Client;
use praya_tests::gateway::Gateway;
use praya_tests::lab::{GATEWAY, GATEWAY_NAME, INTRANET, INTRANET_V6};
use praya_tests::raw;
use rustix::process::Signal;

const PASSWORD: &str = "correct horse battery";
const NEW_PASSWORD: &str = "a brand new pass phrase";

/// A lab, a gateway with one person, and the client's service.
struct Scene {
    lab: Lab,
    gateway: Gateway,
    client: Client,
}

impl Scene {
    /// With settings, before the gateway starts.
    fn new(settings: impl FnOnce(&mut Gateway) -> Result<()>) -> Result<Self> {
        let lab = Lab::new()?;
        let mut gateway = Gateway::init(&lab)?;
        gateway.set("sign_in.second_factor", "when_assigned")?;
        gateway.add_people(&["wong"], PASSWORD)?;
        gateway.publish_intranet("staff", &["wong"])?;
        settings(&mut gateway)?;
        gateway.start()?;
        let client = Client::started(&lab.employee)?;
        Ok(Self { lab, gateway, client })
    }

    fn plain() -> Result<Self> {
        Self::new(|_| Ok(()))
    }

    /// `praya login` with these answers; the exit code and what was said.
    fn login(&self, account: &str, answers: &[&str]) -> Result<(i32, String)> {
        let login = self.client.login(&self.lab.employee, &self.gateway.pin, account, answers)?;
        Ok((login.code(), login.everything))
    }

    /// Signs in and has a tunnel.
    fn connected() -> Result<Self> {
        let scene = Self::plain()?;
        scene.sign_in()?;
        Ok(scene)
    }

    fn sign_in(&self) -> Result<()> {
        let (code, said) = self.login("wong", &[PASSWORD])?;
        assert_eq!(code, 0, "{said}");
        ensure!(self.lab.reaches_intranet()?, "the tunnel carries nothing");
        Ok(())
    }

    fn status(&self) -> Result<serde_json::Value> {
        self.client.json(&self.lab.employee, &["status"])
    }
}

// Signing in.

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
fn the_troubles_with_a_code_are_told_apart() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let token = Token::soft("troubles");
    let scene = Scene::new(|gateway| gateway.add_token("wong", "40000004", &token))?;
    let code_now = token.now();
    let (code, said) = scene.login("wong", &[PASSWORD, &code_now])?;
    assert_eq!(code, 0, "{said}");
    scene.client.run(&scene.lab.employee, &["logout"])?;
    let (code, said) = scene.login("wong", &[PASSWORD, &code_now])?;
    assert_eq!(code, 5, "{said}");
    ensure!(
        said.contains("already used") || said.contains("used already"),
        "a replay has its own words: {said}"
    );
    let (_, said) = scene.login("wong", &[PASSWORD, &token.wrong()])?;
    ensure!(said.contains("not right") || said.contains("wrong"), "{said}");
    let (_, said) = scene.login("wong", &[PASSWORD, &token.shifted(8)])?;
    ensure!(said.contains("clock"), "a code of another time points at the clock: {said}");
    scene.gateway.admin(&["token", "disable", "40000004"])?;
    let (_, said) = scene.login("wong", &[PASSWORD, &token.shifted(1)])?;
    ensure!(said.contains("40000004"), "a disabled token is named: {said}");
    Ok(())
}

#[test]
fn of_two_racing_uses_of_one_code_exactly_one_wins() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let people = ["ann", "bob", "eve"];
    let token = |name: &str| Token::soft(&format!("racing {name}"));
    let scene = Scene::new(|gateway| {
        gateway.set("sessions.per_account", 5)?;
        gateway.add_token("wong", "40000005", &token("wong"))?;
        gateway.add_people(&people, PASSWORD)?;
        for (number, name) in people.iter().enumerate() {
            gateway.add_token(name, &format!("4100000{number}"), &token(name))?;
        }
        Ok(())
    })?;
    let other = scene.lab.another_employee(60)?;
    let other_client = Client::started(&other)?;
    let start = |client: &Client, machine| {
        let words = ["login", "--gateway", GATEWAY_NAME, "--pin", &scene.gateway.pin, "--account", "wong"];
        client.praya(machine, &words)?.start_on_terminal()
    };
    let racers = [start(&scene.client, &scene.lab.employee)?, start(&other_client, &other)?];
    for racer in &racers {
        racer.wait_for("Password of wong:")?;
        racer.type_line(PASSWORD)?;
    }
    for racer in &racers {
        racer.wait_for("Code:")?;
    }
    let code = token("wong").now();
    let typed = at_once(racers.each_ref().map(|racer| || racer.type_line(&code)));
    typed.into_iter().collect::<Result<Vec<_>>>()?;
    let (winners, losers): (Vec<_>, Vec<_>) =
        [scene.client.wait_for(settled)?, other_client.wait_for(settled)?]
            .into_iter()
            .partition(|snapshot| snapshot["state"] == "connected");
    assert_eq!((winners.len(), losers.len()), (1, 1));
    assert_eq!(losers[0]["sign_in"]["notice"]["code"], "replayed_otp", "{}", losers[0]);

    // The same without the clients' own time in between: both requests stand ready and leave together.
    for name in people {
        let connect = || Rude::connect(&scene.lab.employee, scene.lab.https());
        let mut racers = [connect()?, connect()?];
        let mut asked = Vec::new();
        for racer in &mut racers {
            asked.push(raw::give_password(racer, name, PASSWORD)?);
        }
        let code = token(name).now();
        let [first, second] = &mut racers;
        let pairs = [(first, &asked[0]), (second, &asked[1])];
        let told = at_once(pairs.map(|(racer, asked)| || raw::give_code(racer, asked, &code)));
        let told = told.into_iter().collect::<Result<Vec<_>>>()?;
        let won = told.iter().filter(|told| told["step"] == "done").count();
        let lost = told.iter().filter(|told| told.to_string().contains("replayed_otp")).count();
        assert_eq!((won, lost), (1, 1), "{told:?}");
    }
    Ok(())
}

/// Does both at the same moment.
fn at_once<T: Send>(both: [impl FnOnce() -> T + Send; 2]) -> [T; 2] {
    let start = Barrier::new(2);
    thread::scope(|scope| {
        let running = both.map(|one| {
            let start = &start;
            scope.spawn(move || {
                start.wait();
                one()
            })
        });
        running.map(|one| one.join().expect("a racer does not panic"))
    })
}

/// Connected, or told that the code was used.
fn settled(snapshot: &serde_json::Value) -> bool {
    snapshot["state"] == "connected" || snapshot["sign_in"]["notice"].is_object()
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
    ensure!(ended.everything.contains("too long"), "{}", ended.everything);
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

// What a session gives.

#[test]
fn a_million_bytes_arrive_intact_each_way_over_both_families_and_are_counted() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let scene = Scene::connected()?;
    let expected = sha256(&known_bytes(1_000_000));
    for host in [INTRANET, INTRANET_V6] {
        let fetched = scene.lab.fetch(host, "/bytes/1000000")?;
        ensure!(fetched.status.success(), "{host}: {}", fetched.everything);
        assert_eq!(sha256(&fetched.output), expected, "from {host}");
        assert_eq!(scene.lab.send(host, &known_bytes(1_000_000))?, expected, "to {host}");
    }
    scene.client.wait_for_status(&scene.lab.employee, |status| {
        ["received_bytes", "sent_bytes"].iter().all(|counter| status[counter].as_u64() >= Some(2_000_000))
    })?;
    Ok(())
}

#[test]
fn b_16_the_status_shows_name_address_user_duration_and_counters() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let scene = Scene::connected()?;
    let add = ["profile", "add", "TCC-VPN", "--gateway", GATEWAY_NAME, "--pin", &scene.gateway.pin];
    scene.client.praya(&scene.lab.employee, &add)?.succeed()?;
    scene.client.praya(&scene.lab.employee, &["logout"])?.succeed()?;
    let login = scene.client.praya(
        &scene.lab.employee,
        &["login", "--profile", "TCC-VPN", "--account", "wong", "--answers-stdin"],
    )?;
    let login = login.start()?;
    login.type_line(PASSWORD)?;
    assert_eq!(login.wait()?.code(), 0);
    ensure!(scene.lab.reaches_intranet()?);
    let shown = scene.client.praya(&scene.lab.employee, &["status"])?.succeed()?.text();
    for part in ["TCC-VPN", "10.88.", "wong", "00:00:", " B"] {
        ensure!(shown.contains(part), "{part} in\n{shown}");
    }
    Ok(())
}

#[test]
fn a_24_a_25_resources_are_listed_by_group_to_an_active_session_only() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let scene = Scene::connected()?;
    let listed = scene.client.json(&scene.lab.employee, &["resources"])?;
    let names: Vec<_> =
        listed.as_array().into_iter().flatten().map(|resource| resource["name"].clone()).collect();
    ensure!(names.iter().any(|name| name == "Intranet"), "{listed}");
    scene.client.praya(&scene.lab.employee, &["logout"])?.succeed()?;
    let listed = scene.client.run(&scene.lab.employee, &["resources"])?;
    assert_eq!(listed.code(), 3, "{}", listed.everything);
    Ok(())
}

#[test]
fn what_is_not_published_to_the_person_is_not_reached() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let scene = Scene::new(|gateway| gateway.set("tunnel.routes", vec!["172.31.0.0/24", "fd31::/64"]))?;
    let hidden = praya_testkit::web::Site::open(&scene.lab.intranet, 8080)?;
    scene.sign_in()?;
    let refused = scene.lab.fetch(INTRANET, ":8080/")?;
    ensure!(!refused.status.success(), "{}", refused.everything);
    ensure!(hidden.visitors().is_empty(), "a packet got through");
    Ok(())
}

#[test]
fn resources_published_while_the_tunnel_is_up_are_open_at_once() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let scene = Scene::new(|gateway| gateway.set("tunnel.routes", vec!["172.31.0.0/24", "fd31::/64"]))?;
    let _other = praya_testkit::web::Site::open(&scene.lab.intranet, 8080)?;
    scene.sign_in()?;
    scene.gateway.publish("staff", "Other", "http://172.31.0.10:8080/", &["tcp:172.31.0.10:8080"])?;
    // The gateway looks for changes five times a second; the first packets may still be refused.
    let reached =
        (0..50).any(|_| scene.lab.fetch(INTRANET, ":8080/").is_ok_and(|page| page.output == PAGE.as_bytes()));
    ensure!(reached);
    Ok(())
}

#[test]
fn a_26_the_password_is_changed_from_the_session() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let scene = Scene::plain()?;
    let early = scene.client.run(&scene.lab.employee, &["password", "--answers-stdin"])?;
    assert_eq!(early.code(), 3, "nothing is asked of who is not signed in: {}", early.everything);
    scene.sign_in()?;
    scene.client.wait_for(|snapshot| snapshot["password_rules"].is_object())?;
    let terminal = scene.client.praya(&scene.lab.employee, &["password"])?.start_on_terminal()?;
    let place = terminal.wait_for("Present password:")?;
    terminal.type_line(PASSWORD)?;
    terminal.wait_for_after(place, "It must be:")?;
    let place = terminal.wait_for_after(place, "New password:")?;
    terminal.type_line("short")?;
    terminal.wait_for_after(place, "[ ] at least")?;
    let place = terminal.wait_for_after(place, "New password:")?;
    terminal.type_line(NEW_PASSWORD)?;
    let place = terminal.wait_for_after(place, "New password again:")?;
    terminal.type_line("something else entirely")?;
    terminal.wait_for_after(place, "The two entries differ.")?;
    terminal.type_line("\u{3}")?;
    let ended = terminal.wait()?;
    assert_eq!(ended.code(), 130, "{}", ended.everything);
    ensure!(!ended.everything.contains("is due"), "nobody demands this change: {}", ended.everything);
    let change = |current: &str| {
        let process = scene.client.praya(&scene.lab.employee, &["password", "--answers-stdin"])?.start()?;
        process.type_line(current)?;
        process.type_line(NEW_PASSWORD)?;
        process.wait()
    };
    let wrong = change("not the password")?;
    assert_eq!(wrong.code(), 5, "{}", wrong.everything);
    let right = change(PASSWORD)?;
    assert_eq!(right.code(), 0, "{}", right.everything);
    ensure!(scene.lab.reaches_intranet()?, "the session in which it was changed goes on");
    scene.client.praya(&scene.lab.employee, &["logout"])?.succeed()?;
    let (code, said) = scene.login("wong", &[PASSWORD])?;
    assert_eq!(code, 5, "{said}");
    let (code, said) = scene.login("wong", &[NEW_PASSWORD])?;
    assert_eq!(code, 0, "{said}");
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
    ensure!(unknown.everything.contains("no profile named nowhere"), "{}", unknown.everything);
    Ok(())
}

#[test]
fn another_person_on_the_machine_sees_that_it_is_in_use_and_no_more() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    ensure!(
        has_other_users(),
        "this test needs further user ids: install the package uidmap, or run as root"
    );
    let scene = Scene::connected()?;
    let socket = scene.client.socket.display();
    scene.lab.employee.shell(&format!("chmod o+x $(dirname {socket}) $(dirname $(dirname {socket}))"))?;
    let as_user = |uid: &str, words: &[&str]| {
        let setpriv = ["--reuid", uid, "--regid", uid, "--clear-groups", "--"];
        let praya = programs::path("praya")?;
        scene
            .lab
            .employee
            .program("setpriv")
            .args(setpriv)
            .arg(praya)
            .arg("--socket")
            .arg(&scene.client.socket)
            .args(words)
            .run()
    };
    let status = as_user("2000", &["status"])?;
    ensure!(status.everything.contains("Another person"), "{}", status.everything);
    for told in ["wong", "10.88.", GATEWAY_NAME] {
        ensure!(!status.everything.contains(told), "{told} in {}", status.everything);
    }
    for words in [&["logout"][..], &["resources"], &["disconnect"], &["reset-network"]] {
        let refused = as_user("2000", words)?;
        assert_eq!(refused.code(), 1, "{words:?}: {}", refused.everything);
        // A daemon's user is nobody's person.
        let refused = as_user("33", words)?;
        ensure!(refused.code() != 0, "{words:?}: {}", refused.everything);
    }
    ensure!(scene.lab.reaches_intranet()?);
    Ok(())
}

#[test]
fn the_doctor_finds_everything_well_and_names_what_is_not() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let mut scene = Scene::connected()?;
    let state = scene.client.state.display().to_string();
    let well = scene.client.run(&scene.lab.employee, &["doctor", "--state", &state, "--json"])?;
    assert_eq!(well.code(), 0, "{}", well.everything);
    ensure!(!well.text().contains("\"bad\""), "{}", well.everything);
    scene.gateway.stop()?;
    scene.client.wait_for(|snapshot| snapshot["reconnect"].is_object())?;
    let ill = scene.client.run(&scene.lab.employee, &["doctor", "--state", &state, "--json"])?;
    ensure!(ill.code() != 0 && ill.text().contains("\"bad\""), "{}", ill.everything);
    Ok(())
}

// Every end.

#[test]
fn a_logout_ends_the_session_and_leaves_nothing_behind() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let scene = Scene::plain()?;
    let before = scene.lab.employee.network_state()?;
    scene.sign_in()?;
    ensure!(scene.lab.employee.network_state()? != before);
    let left = scene.client.json(&scene.lab.employee, &["logout"])?;
    assert_eq!(left["gateway_told"], true, "{left}");
    scene.lab.employee.wait_for_network_state(&before)?;
    ensure!(scene.gateway.sessions()?.is_empty());
    assert_eq!(scene.client.run(&scene.lab.employee, &["logout"])?.code(), 3, "there is nobody to log out");
    Ok(())
}

#[test]
fn a_logout_that_the_gateway_cannot_hear_says_so() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let mut scene = Scene::connected()?;
    scene.gateway.kill()?;
    scene.client.wait_for(|snapshot| snapshot["reconnect"].is_object())?;
    let left = scene.client.json(&scene.lab.employee, &["logout"])?;
    assert_eq!((&left["done"], &left["gateway_told"]), (&true.into(), &false.into()), "{left}");
    Ok(())
}

#[test]
fn an_administrator_ends_a_session_within_a_second_and_the_person_is_told() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let scene = Scene::connected()?;
    scene.gateway.end_sessions("wong")?;
    let ordered = Instant::now();
    scene.client.wait_for_state("ended")?;
    // One second is promised; the rest is for a machine that has other things to do.
    let took = ordered.elapsed();
    ensure!(took < Duration::from_secs(3), "it took {took:?}");
    ends_with(&scene, "admin")
}

#[test]
fn a_disabled_account_ends_its_session() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let scene = Scene::connected()?;
    scene.gateway.admin(&["person", "disable", "wong"])?;
    ends_with(&scene, "account_disabled")
}

#[test]
fn a_disabled_token_ends_the_session_it_opened() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let token = Token::soft("lost");
    let scene = Scene::new(|gateway| gateway.add_token("wong", "40000007", &token))?;
    let (code, said) = scene.login("wong", &[PASSWORD, &token.now()])?;
    assert_eq!(code, 0, "{said}");
    scene.gateway.admin(&["token", "disable", "40000007"])?;
    ends_with(&scene, "token_disabled")
}

#[test]
fn a_password_changed_elsewhere_ends_the_other_session() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let scene = Scene::new(|gateway| gateway.set("sessions.per_account", 2))?;
    scene.sign_in()?;
    let other = scene.lab.another_employee(85)?;
    let other_client = Client::started(&other)?;
    let login = other_client.login(&other, &scene.gateway.pin, "wong", &[PASSWORD])?;
    assert_eq!(login.code(), 0, "{}", login.everything);
    let change = other_client.praya(&other, &["password", "--answers-stdin"])?.start()?;
    change.type_line(PASSWORD)?;
    change.type_line(NEW_PASSWORD)?;
    assert_eq!(change.wait()?.code(), 0);
    ends_with(&scene, "password_changed")?;
    assert_eq!(other_client.json(&other, &["status"])?["state"], "connected");
    Ok(())
}

#[test]
fn a_27_a_28_idleness_is_announced_and_ends_the_session() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let scene = Scene::new(|gateway| {
        gateway.set("sessions.idle_timeout", 3)?;
        gateway.set("tunnel.keepalive", 1)
    })?;
    scene.sign_in()?;
    scene.client.wait_for_state("idle_warning")?;
    ends_with(&scene, "idle")
}

#[test]
fn the_absolute_lifetime_ends_a_session_under_traffic() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let scene = Scene::new(|gateway| {
        gateway.set("sessions.idle_timeout", 3)?;
        gateway.set("sessions.lifetime", 4)
    })?;
    scene.sign_in()?;
    let _pinging = scene.lab.employee.program("ping").args(["-i", "0.2", INTRANET]).start()?;
    ends_with(&scene, "absolute")
}

#[test]
fn a_session_that_was_away_for_too_long_is_over() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let scene = Scene::new(|gateway| gateway.set("sessions.away_timeout", 2))?;
    scene.sign_in()?;
    scene.client.praya(&scene.lab.employee, &["disconnect"])?.succeed()?;
    scene.gateway.wait_for_no_sessions()?;
    let connect = scene.client.run(&scene.lab.employee, &["connect"])?;
    ensure!(connect.code() != 0 || connect.everything.contains("onnecting"), "{}", connect.everything);
    ends_with(&scene, "away")
}

#[test]
fn a_34_a_sign_in_elsewhere_is_told_asked_and_never_a_ping_pong() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let scene = Scene::connected()?;
    let other = scene.lab.another_employee(70)?;
    let other_client = Client::started(&other)?;
    let login = |answer: &str| {
        let words = ["login", "--gateway", GATEWAY_NAME, "--pin", &scene.gateway.pin, "--account", "wong"];
        let terminal = other_client.praya(&other, &words)?.start_on_terminal()?;
        terminal.wait_for("Password of wong:")?;
        terminal.type_line(PASSWORD)?;
        terminal.wait_for("End that session and go on here?")?;
        terminal.type_line(answer)?;
        terminal.wait()
    };
    let cancelled = login("n")?;
    ensure!(cancelled.code() != 0, "{}", cancelled.everything);
    ensure!(cancelled.everything.contains(scene.lab.employee.name()), "where: {}", cancelled.everything);
    ensure!(scene.lab.reaches_intranet()?, "the first session goes on");
    let replaced = login("y")?;
    assert_eq!(replaced.code(), 0, "{}", replaced.everything);
    // The first machine is told why and does not take the session back.
    ends_with(&scene, "duplicate")?;
    assert_eq!(other_client.json(&other, &["status"])?["state"], "connected");
    assert_eq!(scene.gateway.sessions()?.len(), 1);
    Ok(())
}

#[test]
fn a_34_policy_may_refuse_the_second_sign_in_or_allow_several() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    for (setting, code) in [("refuse", 1), ("allow", 0)] {
        let scene = Scene::new(|gateway| match setting {
            "refuse" => gateway.set("sessions.at_limit", "refuse"),
            _ => gateway.set("sessions.per_account", 2),
        })?;
        scene.sign_in()?;
        let other = scene.lab.another_employee(80)?;
        let other_client = Client::started(&other)?;
        let login = other_client.login(&other, &scene.gateway.pin, "wong", &[PASSWORD])?;
        assert_eq!(login.code(), code, "{setting}: {}", login.everything);
        ensure!(scene.lab.reaches_intranet()?, "the first session goes on");
    }
    Ok(())
}

/// The session ends for this reason, the tunnel is down, and the reason is shown.
fn ends_with(scene: &Scene, reason: &str) -> Result<()> {
    let ended = scene.client.wait_for_state("ended")?;
    assert_eq!(ended["ended"], reason, "{ended:#}");
    ensure!(!scene.lab.reaches_intranet()?);
    let status = scene.status()?;
    assert_eq!(status["ended"], reason, "{status:#}");
    assert_eq!(scene.client.run(&scene.lab.employee, &["resources"])?.code(), 3);
    Ok(())
}

// What must survive.

#[test]
fn a_download_goes_on_over_a_restart_of_the_gateway() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let scene = Scene::new(|gateway| gateway.set("tunnel.nat", false))?;
    scene.lab.intranet.shell("ip route add default via 172.31.0.1; ip -6 route add default via fd31::1")?;
    scene.sign_in()?;
    download_over(scene, |gateway| {
        gateway.stop()?;
        gateway.start()
    })
}

#[test]
fn a_download_through_translated_addresses_goes_on_over_a_successor_and_a_crash() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    download_over(Scene::connected()?, |gateway| gateway.succeed())?;
    download_over(Scene::connected()?, |gateway| {
        gateway.kill()?;
        gateway.start()
    })
}

fn download_over(mut scene: Scene, restart: impl FnOnce(&mut Gateway) -> Result<()>) -> Result<()> {
    let url = format!("http://{INTRANET}/halting/2000000");
    let download = scene.lab.employee.program("curl").args(["--silent", "--show-error", &url]).start()?;
    scene.lab.site.wait_for_halt()?;
    restart(&mut scene.gateway)?;
    scene.lab.site.go_on();
    let finished = download.wait()?;
    let complaint = String::from_utf8_lossy(&finished.complaints).into_owned();
    ensure!(finished.status.success(), "after {} bytes: {complaint}", finished.output.len());
    assert_eq!(sha256(&finished.output), sha256(&known_bytes(2_000_000)));
    assert_eq!(scene.status()?["state"], "connected");
    Ok(())
}

#[test]
fn a_gateway_that_was_killed_comes_back_with_its_sessions() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let mut scene = Scene::connected()?;
    scene.gateway.kill()?;
    scene.client.wait_for(|snapshot| snapshot["reconnect"].is_object())?;
    scene.gateway.start()?;
    scene.client.wait_for_state("connected")?;
    ensure!(scene.lab.reaches_intranet()?);
    Ok(())
}

#[test]
fn a_killed_service_cleans_up_and_resumes_without_a_sign_in() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let mut scene = Scene::new(|gateway| {
        gateway.set("tunnel.dns_servers", vec!["172.31.0.53"])?;
        gateway.set("tunnel.routes", "all")
    })?;
    // The gateway is somewhere in the world, behind a router: with the tunnel up it keeps a route of its own there.
    scene.lab.gateway.shell("ip addr add 198.51.100.254/24 dev eth0")?;
    scene.lab.employee.shell(
        "ip addr replace 198.51.100.10/32 dev eth0
         ip addr del 198.51.100.10/24 dev eth0
         ip route add 198.51.100.254 dev eth0
         ip route add default via 198.51.100.254",
    )?;
    let before = scene.lab.employee.network_state()?;
    scene.sign_in()?;
    let first = scene.status()?;
    scene.client.kill()?;
    // What went through the device went with it; the rest survives the crash.
    let left = scene.lab.employee.network_state()?;
    let added: Vec<_> = left.lines().filter(|line| !before.lines().any(|known| known == *line)).collect();
    ensure!(left.contains("172.31.0.53"), "the resolver's file is as it was set: {added:#?}");
    ensure!(
        added.iter().any(|line| line.starts_with(&format!("{GATEWAY} via "))),
        "the way to the gateway is left: {added:#?}"
    );

    // Without a gateway to resume with, the next start leaves nothing of ours behind.
    scene.gateway.stop()?;
    scene.client.start(&scene.lab.employee)?;
    scene.client.wait_for(|snapshot| snapshot["reconnect"].is_object())?;
    scene.lab.employee.wait_for_network_state(&before)?;

    // With it, the session is back, with its addresses, and nobody signed in anew.
    scene.gateway.start()?;
    scene.client.wait_for_state("connected")?;
    let again = scene.status()?;
    assert_eq!(again["addresses"], first["addresses"]);
    assert_eq!(again["session"], first["session"]);
    ensure!(scene.lab.reaches_intranet()?);
    Ok(())
}

#[test]
fn reset_network_works_without_the_service() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let mut scene = Scene::new(|gateway| gateway.set("tunnel.dns_servers", vec!["172.31.0.53"]))?;
    let before = scene.lab.employee.network_state()?;
    scene.sign_in()?;
    scene.client.kill()?;
    let state = scene.client.state.display().to_string();
    scene.client.praya(&scene.lab.employee, &["reset-network", "--state", &state])?.succeed()?;
    scene.lab.employee.wait_for_network_state(&before)?;
    Ok(())
}

#[test]
fn a_31_views_come_and_go_and_the_tunnel_does_not_notice() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let scene = Scene::connected()?;
    let before = scene.status()?;
    let view = scene.client.praya(&scene.lab.employee, &["status", "--watch"])?.start()?;
    view.wait_for("wong")?;
    view.kill()?;
    ensure!(scene.lab.reaches_intranet()?);
    let after = scene.status()?;
    for field in ["session", "addresses", "connected_since_ms", "account"] {
        assert_eq!(after[field], before[field], "{field}");
    }
    ensure!(
        after["received_bytes"].as_u64() >= before["received_bytes"].as_u64(),
        "counters live in the service"
    );
    Ok(())
}

#[test]
fn an_orderly_stop_of_the_service_leaves_nothing_and_its_start_resumes() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let mut scene = Scene::plain()?;
    let before = scene.lab.employee.network_state()?;
    scene.sign_in()?;
    let first = scene.status()?;
    assert_eq!(scene.client.stop()?.code(), 0);
    scene.lab.employee.wait_for_network_state(&before)?;
    scene.client.start(&scene.lab.employee)?;
    scene.client.wait_for_state("connected")?;
    assert_eq!(scene.status()?["session"], first["session"]);
    Ok(())
}

#[test]
fn a_network_that_goes_and_comes_brings_the_tunnel_back() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let scene = Scene::new(|gateway| gateway.set("tunnel.dpd", 2))?;
    scene.sign_in()?;
    scene.lab.employee.shell("ip link set eth0 down")?;
    scene.client.wait_for(|snapshot| snapshot["reconnect"].is_object())?;
    scene.lab.employee.shell("ip link set eth0 up; ip addr replace 2001:db8::10/64 dev eth0 nodad")?;
    scene.client.wait_for_state("connected")?;
    ensure!(scene.lab.reaches_intranet()?);
    Ok(())
}

#[test]
fn a_stolen_cookie_is_worth_nothing_without_the_device() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let scene = Scene::connected()?;
    // Whoever reads the service's files as root has everything; whoever only saw the cookie has nothing.
    let mut cookies = Vec::new();
    for entry in std::fs::read_dir(&scene.client.state)?.flatten() {
        let text = std::fs::read_to_string(entry.path()).unwrap_or_default();
        let words = text.split('"').filter(|word| word.len() == 43).map(str::to_owned);
        cookies.extend(words);
    }
    ensure!(!cookies.is_empty(), "the resume file holds the cookie");
    let other = scene.lab.another_employee(90)?;
    for cookie in cookies {
        let client = praya_tests::openconnect::openconnect(&other, &scene.gateway.pin)?
            .arg("--cookie-on-stdin")
            .start()?;
        client.type_line(&cookie)?;
        let ended = client.wait()?;
        assert_eq!(ended.code(), 2, "{}", ended.everything);
    }
    ensure!(scene.lab.reaches_intranet()?, "and the session goes on");
    Ok(())
}

#[test]
fn no_secret_stands_in_any_command_line_or_environment_or_log() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    // Eight digits do not come by chance, as six do in the fractions of the log's seconds.
    let token = Token { digits: 8, ..Token::soft("secret") };
    let lab = Lab::new()?;
    let mut gateway = Gateway::init(&lab)?;
    gateway.add_people(&["wong"], PASSWORD)?;
    gateway.add_token("wong", "40000008", &token)?;
    gateway.set("log.filter", "trace")?;
    gateway.start()?;
    let client = Client::new(&lab.employee)?;
    let service = client.service(&lab.employee)?.env("RUST_LOG", "trace").start()?;
    service.wait_for("ready")?;
    let words = ["login", "--gateway", GATEWAY_NAME, "--pin", &gateway.pin, "--account", "wong"];
    let login = client.praya(&lab.employee, &words)?.env("RUST_LOG", "trace").start_on_terminal()?;
    login.wait_for("Password of wong:")?;
    login.type_line(PASSWORD)?;
    login.wait_for("Code:")?;
    let mut seen = everybodys_view(&client, &gateway, &["praya", "prayad", "praya-gateway"])?;
    let code = token.now();
    login.type_line(&code)?;
    let login = login.wait()?;
    assert_eq!(login.code(), 0, "{}", login.everything);
    let view = client.praya(&lab.employee, &["status", "--watch"])?.start()?;
    view.wait_for("wong")?;
    seen.push_str(&everybodys_view(&client, &gateway, &["praya", "prayad", "praya-gateway"])?);
    view.kill()?;
    service.signal(Signal::TERM)?;
    let printed = [service.wait()?.everything, gateway.stop()?].concat();

    let resume = std::fs::read_to_string(client.state.join("resume.json"))?;
    let resume: serde_json::Value = serde_json::from_str(&resume)?;
    let cookies: Vec<_> = resume["ticket"]["cookies"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|cookie| cookie.as_str())
        .collect();
    ensure!(!cookies.is_empty(), "there is no cookie to look for: {resume:#}");
    let (base32, hex) = (token.base32(), token.hex());
    for secret in [PASSWORD, &code, &base32, &hex].into_iter().chain(cookies) {
        ensure!(!seen.contains(secret), "{secret} stands in a command line or an environment");
        ensure!(!printed.contains(secret), "{secret} stands in a log");
    }
    Ok(())
}

/// Command line and environment of every process of this client and this gateway; each of `names` must be there.
fn everybodys_view(client: &Client, gateway: &Gateway, names: &[&str]) -> Result<String> {
    let ours = [client.socket.display().to_string(), gateway.state.display().to_string()];
    let mut seen = String::new();
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc")?.flatten() {
        let read = |file| {
            std::fs::read(entry.path().join(file)).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        };
        // Not a process, or one that has just ended.
        let Ok(command) = read("cmdline") else { continue };
        if ours.iter().any(|path| command.contains(path)) {
            found.push(read("comm")?.trim().to_owned());
            let environment = read("environ")?;
            ensure!(environment.contains("PATH="), "the environment of {command} is hidden from this test");
            seen.push_str(&command);
            seen.push_str(&environment);
        }
    }
    for name in names {
        ensure!(found.iter().any(|one| one == name), "{name} is not among {found:?}");
    }
    Ok(seen)
}
