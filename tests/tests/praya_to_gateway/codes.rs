//! Token codes: the troubles with them, each with its own words, and two uses of one at the same moment.

use std::sync::Barrier;
use std::thread;

use anyhow::{Result, ensure};
use praya_testkit::otp::Token;
use praya_testkit::privilege::was_run_elsewhere;
use praya_testkit::rude::Rude;
use praya_tests::client::Client;
use praya_tests::lab::GATEWAY_NAME;
use praya_tests::raw;

use super::{PASSWORD, Scene};

#[test]
fn the_troubles_with_a_code_are_told_apart() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let token = Token::soft("troubles");
    let scene = Scene::new(|gateway| gateway.add_token("wong", "40000004", &token))?;
    let (_, said) = scene.login("wong", &[PASSWORD, &token.shifted(-8)])?;
    ensure!(said.contains("clock"), "the code of a slow token points at the clock: {said}");
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
    ensure!(
        said.contains("not right") && !said.contains("clock"),
        "nothing is said of a code that will be good: {said}"
    );
    scene.gateway.admin(&["token", "disable", "40000004"])?;
    let (_, said) = scene.login("wong", &[PASSWORD, &token.shifted(1)])?;
    ensure!(said.contains("40000004"), "a disabled token is named: {said}");
    Ok(())
}

#[test]
fn a_39_a_token_unused_for_sixty_days_is_refused_until_an_administrator_brings_it_back() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let token = Token::soft("forgotten");
    let scene = Scene::new(|gateway| gateway.add_token("wong", "40000009", &token))?;
    let (code, said) = scene.login("wong", &[PASSWORD, &token.now()])?;
    assert_eq!(code, 0, "{said}");
    scene.client.run(&scene.lab.employee, &["logout"])?;
    scene.gateway.let_days_pass(60, "tokens", "serial=40000009", &["last_used", "counting_since"])?;
    let (code, said) = scene.login("wong", &[PASSWORD, &token.shifted(1)])?;
    assert_eq!(code, 5, "{said}");
    ensure!(said.contains("40000009") && said.contains("60 days"), "{said}");
    ensure!(scene.gateway.sessions()?.is_empty());
    // It stays so until somebody acts, and then the count starts anew.
    let (code, said) = scene.login("wong", &[PASSWORD, &token.shifted(1)])?;
    assert_eq!(code, 5, "{said}");
    scene.gateway.admin(&["token", "reactivate", "40000009", "--reason", "back from leave"])?;
    let (code, said) = scene.login("wong", &[PASSWORD, &token.shifted(1)])?;
    assert_eq!(code, 0, "{said}");
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
