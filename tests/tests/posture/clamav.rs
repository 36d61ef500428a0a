//! The distribution's ClamAV in every state that it can be in: what is read of it, what the bureau's policy says to
//! that, and what the person is told.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use praya_testkit::Process;
use praya_testkit::otp::Token;
use praya_testkit::privilege::{self, was_run_elsewhere};
use praya_testkit::process::Place;
use praya_tests::Lab;
use praya_tests::clamav::{ClamAv, Impostor, Version, ias_policy};
use praya_tests::client::Client;
use praya_tests::gateway::Gateway;
use praya_tests::lab::GATEWAY_NAME;
use serde_json::{Value, json};

use crate::PASSWORD;

struct Scene {
    client: Client,
    clamav: ClamAv,
    gateway: Gateway,
    token: Token,
    policy: PathBuf,
    lab: Lab,
}

impl Scene {
    /// A machine without ClamAV, and a gateway that wants some antivirus program.
    fn new(name: &str) -> Result<Self> {
        let lab = Lab::new()?;
        let token = Token::soft(name);
        let mut gateway = Gateway::init(&lab)?;
        gateway.add_people(&["wong"], PASSWORD)?;
        gateway.add_token("wong", "40000021", &token)?;
        gateway.publish_intranet("staff", &["wong"])?;
        gateway.set_policy(&ias_policy()?)?;
        gateway.start()?;
        let policy = lab.employee.folder("policy")?.join("ias.toml");
        std::fs::write(&policy, ias_policy()?)?;
        let clamav = ClamAv::not_installed(&lab.employee)?;
        let mut client = Client::new(&lab.employee)?;
        client.start_in(&clamav.room)?;
        Ok(Self { client, clamav, gateway, token, policy, lab })
    }

    /// What `praya check` says of the machine without a session: the antivirus programs, and whether they will do.
    fn check(&self) -> Result<(Value, bool)> {
        let policy = self.policy.to_str().context("a path in UTF-8")?;
        let ended = self.client.run(&self.lab.employee, &["check", "--json", "--policy", policy])?;
        let said: Value = serde_json::from_slice(&ended.output).with_context(|| ended.everything.clone())?;
        ensure!(said["facts"]["os"]["reason"] == "not_asked", "nothing but what the policy wants: {said:#}");
        let will_do = said["verdict"]["access"] == "allow";
        assert_eq!(ended.code() == 0, will_do, "{}", ended.everything);
        Ok((said["facts"]["antivirus"]["value"].clone(), will_do))
    }

    /// The one antivirus program.
    fn product(&self) -> Result<(Value, bool)> {
        let (products, will_do) = self.check()?;
        let products = products.as_array().context("what there is, is known")?;
        ensure!(products.len() == 1 && products[0]["family"] == "clamav", "{products:?}");
        Ok((products[0].clone(), will_do))
    }

    /// The sign-in on a terminal, up to the check of the machine.
    fn sign_in(&self) -> Result<Process> {
        let words = ["login", "--gateway", GATEWAY_NAME, "--pin", &self.gateway.pin, "--account", "wong"];
        let login = self.client.praya(&self.lab.employee, &words)?.start_on_terminal()?;
        login.wait_for("Password of wong:")?;
        login.type_line(PASSWORD)?;
        login.wait_for("Code:")?;
        login.type_line(&self.token.now())?;
        Ok(login)
    }
}

/// Waits until the machine was refused once more; what is told then is all of this.
fn refused(login: &Process, after: Place, told: &[&str]) -> Result<Place> {
    let place = login.wait_for_after(after, "Check again?")?;
    let all = login.printed_after(after);
    for part in told {
        ensure!(all.contains(part), "{part:?} in {all}");
    }
    Ok(place)
}

/// How the age of definitions is told.
fn days(fact: &Value) -> Result<i64> {
    let at = fact["value"].as_i64().with_context(|| format!("a time in {fact}"))?;
    let now = std::time::SystemTime::now().duration_since(std::time::SystemTime::UNIX_EPOCH)?;
    Ok((i64::try_from(now.as_millis())? - at) / 86_400_000)
}

#[test]
fn missing_stopped_or_with_old_definitions_it_is_told_apart_and_mended_without_a_new_code() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let mut scene = Scene::new("clamav-mended")?;
    assert_eq!(scene.check()?, (json!([]), false));
    let login = scene.sign_in()?;
    let told = ["Not met  Antivirus program", "Found       None", "Install an antivirus program"];
    let place = refused(&login, Place::default(), &told)?;

    scene.clamav.install()?;
    // What a person runs for themselves does not protect the machine.
    if privilege::has_other_users() {
        scene.clamav.start_as_person()?;
    }
    let (product, will_do) = scene.product()?;
    assert_eq!((&product["running"]["value"], will_do), (&json!(false), false), "{product:#}");
    assert_eq!(product["definitions_at"]["reason"], "not_detected", "{product:#}");
    login.type_line("")?;
    let told = ["ClamAV is there, but its protection is off", "Switch the program's protection on."];
    let place = refused(&login, place, &told)?;

    // Where clamd does not say how old its definitions are, their file does.
    scene.clamav.start(Version::Engine)?;
    scene.clamav.set_definitions(30)?;
    let (product, will_do) = scene.product()?;
    assert_eq!((&product["running"]["value"], will_do), (&json!(true), false), "{product:#}");
    assert_eq!(product["definitions_at"]["source"], "daily.cvd", "{product:#}");
    assert_eq!(days(&product["definitions_at"])?, 30);
    login.type_line("")?;
    let told = ["Not met  Virus definitions", "At most 7 days old", "31 days old", "let it update itself."];
    let place = refused(&login, place, &told)?;
    let told = login.printed_after(place);
    ensure!(!told.contains("Antivirus program"), "it runs: {told}");

    // What the updater does.
    scene.clamav.set_definitions(1)?;
    let (product, will_do) = scene.product()?;
    assert_eq!((days(&product["definitions_at"])?, will_do), (1, true), "{product:#}");
    login.type_line("")?;
    let ended = login.wait()?;
    assert_eq!(ended.code(), 0, "{}", ended.everything);
    ensure!(scene.lab.reaches_intranet()?, "the tunnel carries nothing");
    Ok(())
}

#[test]
fn a_silence_nonsense_and_what_it_says_itself_are_told_apart() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let mut scene = Scene::new("clamav-silent")?;
    scene.clamav.install()?;
    scene.clamav.start(Version::WithDefinitions(1))?;
    scene.clamav.set_silent(true)?;
    let (product, will_do) = scene.product()?;
    assert_eq!((&product["running"]["reason"], will_do), (&json!("timed_out"), false), "{product:#}");
    let login = scene.sign_in()?;
    let told = ["Not met  Antivirus program", "the system did not answer in time", "Check again."];
    let place = refused(&login, Place::default(), &told)?;

    scene.clamav.set_silent(false)?;
    scene.clamav.replace_by(Impostor::Root, b"HTTP/1.1 400 Bad Request\r\n\r\n\0")?;
    let (product, will_do) = scene.product()?;
    assert_eq!((&product["running"]["reason"], will_do), (&json!("malformed"), false), "{product:#}");
    login.type_line("")?;
    let nonsense = ["Not met  Antivirus program", "the system's answer makes no sense"];
    let mut place = refused(&login, place, &nonsense)?;
    // A person's program that says what ClamAV says is not ClamAV.
    if privilege::has_other_users() {
        scene.clamav.replace_by(Impostor::Person, b"PONG\0")?;
        let (product, will_do) = scene.product()?;
        assert_eq!((&product["running"]["reason"], will_do), (&json!("malformed"), false), "{product:#}");
        login.type_line("")?;
        place = refused(&login, place, &nonsense)?;
    }

    scene.clamav.stop()?;
    scene.clamav.start(Version::WithDefinitions(30))?;
    let (product, will_do) = scene.product()?;
    assert_eq!((&product["running"]["value"], will_do), (&json!(true), false), "{product:#}");
    assert_eq!(product["definitions_at"]["source"], "clamd VERSION", "{product:#}");
    assert_eq!(
        (&product["definitions_version"]["value"], days(&product["definitions_at"])?),
        (&json!("27800"), 30)
    );
    login.type_line("")?;
    let place = refused(&login, place, &["Not met  Virus definitions", "31 days old"])?;

    // A file that says otherwise is not what clamd has loaded.
    scene.clamav.set_definitions(1)?;
    login.type_line("")?;
    refused(&login, place, &["Not met  Virus definitions", "31 days old"])?;

    scene.clamav.stop()?;
    scene.clamav.start(Version::WithDefinitions(1))?;
    let (product, will_do) = scene.product()?;
    assert_eq!((days(&product["definitions_at"])?, will_do), (1, true), "{product:#}");
    login.type_line("")?;
    let ended = login.wait()?;
    assert_eq!(ended.code(), 0, "{}", ended.everything);
    ensure!(scene.lab.reaches_intranet()?, "the tunnel carries nothing");
    Ok(())
}
