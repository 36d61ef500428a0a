//! Running a gateway: what an operator does and sees while people work.

use std::fs;

use anyhow::{Context, Result, ensure};
use praya_testkit::otp::Token;
use praya_testkit::privilege::was_run_elsewhere;
use praya_testkit::web::known_bytes;
use praya_tests::Lab;
use praya_tests::client::Client;
use praya_tests::gateway::Gateway;
use praya_tests::lab::{EMPLOYEE, GATEWAY_NAME, INTRANET};
use praya_tests::raw;

const PASSWORD: &str = "correct horse battery";

/// A running gateway with one person who is signed in by our client.
struct Scene {
    lab: Lab,
    gateway: Gateway,
    client: Client,
    token: Token,
}

impl Scene {
    fn new() -> Result<Self> {
        let lab = Lab::new()?;
        let mut gateway = Gateway::init(&lab)?;
        gateway.add_people(&["wong"], PASSWORD)?;
        gateway.publish_intranet("staff", &["wong"])?;
        let token = Token::soft("operations");
        gateway.add_token("wong", "40000011", &token)?;
        gateway.start()?;
        let client = Client::started(&lab.employee)?;
        Ok(Self { lab, gateway, client, token })
    }

    fn sign_in(&self, code: &str) -> Result<()> {
        let login = self.client.login(&self.lab.employee, &self.gateway.pin, "wong", &[PASSWORD, code])?;
        ensure!(login.status.success(), "{}", login.everything);
        Ok(())
    }
}

#[test]
fn metrics_and_health_are_on_a_listener_of_their_own() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let scene = Scene::new()?;
    scene.sign_in(&scene.token.now())?;
    ensure!(scene.lab.reaches_intranet()?);
    let read = |path: &str| scene.lab.gateway.shell(&format!("curl -s http://127.0.0.1:9443{path}"));
    assert_eq!(read("/healthz")?, "ok\n");
    ensure!(!read("/readyz")?.is_empty());
    let metrics = read("/metrics")?;
    ensure!(metrics.ends_with("# EOF\n"), "{metrics}");
    ensure!(metrics.lines().any(|line| line.contains("session") && line.ends_with(" 1")), "{metrics}");
    ensure!(!metrics.contains("wong") && !metrics.contains(EMPLOYEE), "no person and no address: {metrics}");
    // Neither is to be had from outside.
    let outside =
        scene.lab.employee.program("curl").args(["-sk", &format!("https://{GATEWAY_NAME}/metrics")]).run()?;
    ensure!(!outside.text().contains("# EOF"), "{}", outside.everything);
    Ok(())
}

#[test]
fn a_gateway_that_dies_leaves_no_core_dump() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let lab = Lab::new()?;
    let mut gateway = Gateway::init(&lab)?;
    gateway.start()?;
    let limits = fs::read_to_string(format!("/proc/{}/limits", gateway.process()?.pid()))?;
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).context("the limit")?;
    assert_eq!(core.split_whitespace().rev().nth(2), Some("0"), "{core}");
    Ok(())
}

#[test]
fn the_api_describes_itself() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let scene = Scene::new()?;
    let get = |path: &str| -> Result<serde_json::Value> {
        let url = format!("https://{GATEWAY_NAME}{path}");
        let answer = scene.lab.employee.program("curl").args(["-sk", &url]).succeed()?;
        serde_json::from_slice(&answer.output).with_context(|| answer.everything.clone())
    };
    assert_eq!(get("/api/v1/gateway")?["product"], "praya");
    let document = get("/api/v1/openapi.json")?;
    ensure!(document["openapi"].as_str().is_some_and(|version| version.starts_with("3.")), "{document}");
    for path in ["/sign-in", "/sign-in/answer", "/session", "/resources", "/password"] {
        ensure!(document["paths"][path].is_object(), "{path} is not described");
    }
    // nothing of it opens without a session.
    for path in ["/api/v1/session", "/api/v1/resources"] {
        let url = format!("https://{GATEWAY_NAME}{path}");
        let refused = scene
            .lab
            .employee
            .program("curl")
            .args(["-sk", "-o", "/dev/null", "-w", "%{http_code}", &url])
            .succeed()?;
        assert_eq!(refused.text(), "401", "{path}");
    }
    Ok(())
}

#[test]
fn the_audit_says_who_what_when_and_from_where_and_holds_no_secret() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let scene = Scene::new()?;
    let follow = scene.gateway.praya(&["audit", "--follow", "--json"])?.start()?;
    let refused =
        scene.client.login(&scene.lab.employee, &scene.gateway.pin, "wong", &["a mistyped password"])?;
    let code = scene.token.now();
    scene.sign_in(&code)?;
    follow.wait_for("\"wrong_credentials\"")?;
    scene.client.praya(&scene.lab.employee, &["logout"])?.succeed()?;
    follow.wait_for("user_logout")?;
    let record = follow.output();
    for word in ["\"wong\"", EMPLOYEE, "40000011"] {
        ensure!(record.contains(word), "{word} in {record}");
    }
    for secret in [PASSWORD, "a mistyped password", &format!("\"{code}\""), &scene.token.base32()] {
        ensure!(!record.contains(secret), "{secret} stands in the audit");
    }
    // what the person quotes is what the help desk finds.
    let said = refused.everything;
    let support =
        said.lines().find_map(|line| line.strip_prefix("Support code: ")).context("a support code")?;
    let found = scene.gateway.admin(&["audit", "--support-code", support])?;
    assert_eq!(found.as_array().map(Vec::len), Some(1), "{found}");
    assert_eq!(found[0]["code"], "wrong_credentials");
    Ok(())
}

#[test]
fn a_token_file_is_taken_whole_or_not_at_all() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let lab = Lab::new()?;
    let gateway = Gateway::init(&lab)?;
    let file = lab.gateway.folder("import")?.join("tokens.csv");
    let row = |serial: &str| format!("{serial},{},totp,6,60\n", Token::hardware(serial).hex());
    let head = "serial,secret,type,digits,step\n";
    fs::write(&file, format!("{head}{}{}nonsense\n", row("50000001"), row("50000002")))?;
    let import = || gateway.praya(&["token", "import"])?.arg(&file).run();
    let refused = import()?;
    assert_eq!(refused.code(), 65, "{}", refused.everything);
    ensure!(refused.everything.contains("line 4"), "{}", refused.everything);
    ensure!(gateway.admin(&["token", "list"])?.as_array().is_some_and(Vec::is_empty));
    fs::write(&file, format!("{head}{}{}", row("50000001"), row("50000002")))?;
    let taken = import()?;
    assert_eq!(taken.code(), 0, "{}", taken.everything);
    assert_eq!(gateway.admin(&["token", "list"])?.as_array().map(Vec::len), Some(2));
    Ok(())
}

#[test]
fn a_42_a_token_whose_clock_went_astray_is_brought_back_by_two_codes() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let scene = Scene::new()?;
    // Eight steps ahead: too far for a sign-in.
    let login = scene.client.login(
        &scene.lab.employee,
        &scene.gateway.pin,
        "wong",
        &[PASSWORD, &scene.token.shifted(8)],
    )?;
    assert_eq!(login.code(), 5, "{}", login.everything);
    let resync = scene.gateway.praya(&["token", "resync", "40000011"])?.start()?;
    resync.type_line(&scene.token.shifted(8))?;
    resync.type_line(&scene.token.shifted(9))?;
    let ended = resync.wait()?;
    assert_eq!(ended.code(), 0, "{}", ended.everything);
    scene.sign_in(&scene.token.shifted(10))
}

#[test]
fn a_10_a_renewed_certificate_covers_new_names_and_keeps_the_pin() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let lab = Lab::new()?;
    let mut gateway = Gateway::init(&lab)?;
    gateway.set("gateway.names", vec![GATEWAY_NAME, "vpn2.praya.test"])?;
    let shown = gateway.admin(&["certificate", "show"])?;
    assert_eq!(shown["uncovered_names"][0], "vpn2.praya.test", "{shown}");
    let renewed = gateway.admin(&["certificate", "renew"])?;
    assert_eq!(renewed["uncovered_names"].as_array().map(Vec::len), Some(0), "{renewed}");
    assert_eq!(renewed["pin"], gateway.pin.as_str());
    gateway.start()?;
    // A client that checks names and chain by itself agrees, for every name.
    for name in [GATEWAY_NAME, "vpn2.praya.test"] {
        let resolve = format!("{name}:443:198.51.100.1");
        let authority = gateway.state.join("tls/ca.crt");
        let words = ["-s", "--resolve", &resolve, &format!("https://{name}/api/v1/gateway"), "--cacert"];
        lab.employee.program("curl").args(words).arg(authority).succeed()?;
    }
    Ok(())
}

#[test]
fn an_operators_demand_for_a_new_password_is_met_at_the_next_sign_in() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let scene = Scene::new()?;
    scene.gateway.admin(&["person", "force-change", "wong"])?;
    let answers = [PASSWORD, &scene.token.now(), "another pass phrase", "another pass phrase"];
    let login = scene.client.login(&scene.lab.employee, &scene.gateway.pin, "wong", &answers)?;
    assert_eq!(login.code(), 0, "{}", login.everything);
    Ok(())
}

#[test]
fn every_list_comes_as_json_and_as_a_table() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let scene = Scene::new()?;
    scene.sign_in(&scene.token.now())?;
    for (list, entry) in [
        (["person", "list"], "wong"),
        (["token", "list"], "40000011"),
        (["group", "list"], "staff"),
        (["resource", "list"], "Intranet"),
        (["session", "list"], EMPLOYEE),
    ] {
        let json = scene.gateway.admin(&list)?;
        ensure!(json.as_array().is_some_and(|list| !list.is_empty()), "{list:?}: {json}");
        ensure!(json.to_string().contains(entry), "{list:?}: {json}");
        let table = scene.gateway.praya(&list)?.succeed()?.text();
        ensure!(table.contains(entry) && !table.starts_with('['), "{list:?}: {table}");
    }
    Ok(())
}

#[test]
fn what_does_not_exist_is_said_plainly() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let lab = Lab::new()?;
    let gateway = Gateway::init(&lab)?;
    for words in [
        &["person", "disable", "nobody"][..],
        &["token", "assign", "1", "nobody"],
        &["group", "members", "none", "--add", "nobody"],
        &["session", "end", "0000000000000000"],
        &["resource", "add", "x", "--group", "none", "--address", "http://172.31.0.10/"],
    ] {
        let refused = gateway.praya(words)?.run()?;
        assert_eq!(refused.code(), 1, "{words:?}: {}", refused.everything);
        ensure!(
            !refused.complaints.is_empty() && refused.output.is_empty(),
            "{words:?}: {}",
            refused.everything
        );
    }
    Ok(())
}

#[test]
fn a_drained_gateway_says_goodbye_and_keeps_the_sessions() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let mut scene = Scene::new()?;
    scene.sign_in(&scene.token.now())?;
    let printed = scene.gateway.stop()?;
    ensure!(!printed.contains("panicked") && !printed.contains("ERROR"), "{printed}");
    assert_eq!(scene.gateway.sessions()?.len(), 1, "the session waits in the database");
    scene.gateway.start()?;
    scene.client.wait_for_state("connected")?;
    ensure!(scene.lab.reaches_intranet()?);
    Ok(())
}

#[test]
fn a_translated_download_goes_on_over_a_stop_and_start_where_forwarding_stays() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let mut scene = Scene::new()?;
    let forwarding =
        |scene: &Scene| scene.lab.gateway.shell("cat /proc/sys/net/ipv4/ip_forward; nft list tables");
    scene.gateway.stop()?;
    let before = forwarding(&scene)?;
    scene.gateway.set("tunnel.forwarding_stays", true)?;
    scene.gateway.start()?;
    scene.sign_in(&scene.token.now())?;
    let url = format!("http://{INTRANET}/halting/2000000");
    let download = scene.lab.employee.program("curl").args(["--silent", "--show-error", &url]).start()?;
    scene.lab.site.wait_for_halt()?;
    scene.gateway.stop()?;
    assert_ne!(forwarding(&scene)?, before);
    // What comes meanwhile is lost, and not refused.
    scene.lab.site.go_on();
    scene.gateway.start()?;
    let finished = download.wait()?;
    ensure!(finished.status.success(), "after {} bytes: {}", finished.output.len(), finished.everything);
    ensure!(finished.output == known_bytes(2_000_000));
    // As the setting's text says.
    scene.gateway.stop()?;
    scene.gateway.set("tunnel.forwarding_stays", false)?;
    scene.gateway.start()?;
    scene.gateway.stop()?;
    assert_eq!(forwarding(&scene)?, before);
    Ok(())
}

#[test]
fn an_initial_password_is_shown_once_and_stored_nowhere() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let lab = Lab::new()?;
    let mut gateway = Gateway::init(&lab)?;
    gateway.set("sign_in.second_factor", "when_assigned")?;
    let initial = gateway.add_newcomer("chan")?;
    gateway.start()?;
    ensure!(
        raw::sign_in(&lab.employee, lab.https(), "chan", &initial).is_err(),
        "A-20: it opens nothing by itself"
    );
    gateway.stop()?;
    for entry in fs::read_dir(&gateway.state)?.flatten().filter(|entry| entry.path().is_file()) {
        let bytes = fs::read(entry.path())?;
        let found = bytes.windows(initial.len()).any(|window| window == initial.as_bytes());
        ensure!(!found, "{} holds it", entry.path().display());
    }
    Ok(())
}

#[test]
fn an_address_that_tries_too_often_is_told_to_wait_and_not_that_it_is_wrong() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let mut scene = Scene::new()?;
    scene.gateway.stop()?;
    scene.gateway.set("sign_in.attempts_per_minute", 2)?;
    scene.gateway.start()?;
    let login = |password: &str| {
        scene.client.login(&scene.lab.employee, &scene.gateway.pin, "wong", &[password, &scene.token.now()])
    };
    let mut refused = login("not the password")?;
    ensure!(!refused.everything.contains("attempts"), "{}", refused.everything);
    // However the limit counts the steps of one sign-in, it is reached after a few.
    for _ in 0..2 {
        refused = login("not the password")?;
    }
    ensure!(refused.everything.contains("attempts"), "{}", refused.everything);
    // The right password is not heard either.
    let refused = login(PASSWORD)?;
    assert_eq!(refused.code(), 5, "{}", refused.everything);
    ensure!(refused.everything.contains("attempts"), "{}", refused.everything);
    Ok(())
}
