//! The endpoint check from end to end: our client on a machine without a firewall, our gateway with a policy.

mod clamav;
mod recheck;
mod reports;

use anyhow::{Context, Result, ensure};
use praya_testkit::otp::Token;
use praya_testkit::privilege::was_run_elsewhere;
use praya_tests::Lab;
use praya_tests::clamav::{ClamAv, Version};
use praya_tests::client::Client;
use praya_tests::gateway::Gateway;
use praya_tests::lab::{GATEWAY_NAME, INTRANET};
use rustix::process::Signal;
use serde_json::{Value, json};

const PASSWORD: &str = "correct horse battery";

/// A firewall can be mended in a network namespace; no machine of the lab is a Windows.
const POLICY: &str = r#"
schema = 1
id = "lab"
name = "Lab"
retry_minutes = 1
on_fail = "deny"

[[requirements]]
id = "firewall"
link = "https://help.example/firewall"
firewall = { on = true }

[[requirements]]
id = "windows"
severity = "optional"
os = { product = "windows", versions = ["11"] }
"#;

/// One more thing that must be there.
const ANTIVIRUS: &str = r#"
[[requirements]]
id = "antivirus"
antivirus = { families = ["clamav"] }
"#;

const FIREWALL: &str = "nft 'add table inet filter; add chain inet filter input { type filter hook input priority 0; policy drop; }; \
     add rule inet filter input iif lo accept; add rule inet filter input ct state established,related accept'";

struct Scene {
    lab: Lab,
    gateway: Gateway,
    client: Client,
    token: Token,
}

impl Scene {
    fn new(name: &str) -> Result<Self> {
        let lab = Lab::new()?;
        let token = Token::soft(name);
        let mut gateway = Gateway::init(&lab)?;
        gateway.add_people(&["wong"], PASSWORD)?;
        gateway.add_token("wong", "40000020", &token)?;
        gateway.publish_intranet("staff", &["wong"])?;
        gateway.set_policy(POLICY)?;
        gateway.start()?;
        let client = Client::started(&lab.employee)?;
        Ok(Self { lab, gateway, client, token })
    }

    fn mend(&self) -> Result<()> {
        self.lab.employee.shell(FIREWALL).map(drop)
    }

    fn sign_in(&self) -> Result<()> {
        let answers = [PASSWORD, &self.token.now()];
        let login = self.client.login(&self.lab.employee, &self.gateway.pin, "wong", &answers)?;
        assert_eq!(login.code(), 0, "{}", login.everything);
        ensure!(self.lab.reaches_intranet()?, "the tunnel carries nothing");
        Ok(())
    }
}

#[test]
fn a22_every_reason_is_told_at_once_and_a_mended_machine_comes_in_without_a_new_code() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let mut scene = Scene::new("mended")?;
    scene.gateway.set_policy(&format!("{POLICY}{ANTIVIRUS}"))?;
    let mut clamav = ClamAv::not_installed(&scene.lab.employee)?;
    scene.client.stop()?;
    scene.client.start_in(&clamav.room)?;
    let Scene { lab, gateway, client, token } = &scene;
    let words = ["login", "--gateway", GATEWAY_NAME, "--pin", &gateway.pin, "--account", "wong"];
    let login = client.praya(&lab.employee, &words)?.start_on_terminal()?;
    login.wait_for("Password of wong:")?;
    login.type_line(PASSWORD)?;
    login.wait_for("Code:")?;
    login.type_line(&token.now())?;
    login.wait_for("Whether the firewall is on")?;
    let place = login.wait_for("Check again?")?;
    let said = login.printed();
    ensure!(said.contains("Praya reads this, and nothing else"), "{said}");
    ensure!(said.contains("2 requirements are not met."), "{said}");
    ensure!(said.contains("Not met  Firewall") && said.contains("https://help.example/firewall"), "{said}");
    ensure!(said.contains("Not met  Antivirus program"), "{said}");
    ensure!(said.contains("Warning only  Operating system"), "{said}");
    ensure!(said.contains("praya check --sent"), "{said}");
    let sent = client.praya(&lab.employee, &["check", "--sent"])?.succeed()?.everything;
    ensure!(sent.contains("Firewall           Off"), "{sent}");
    let refused = gateway.admin(&["posture", "machines"])?;
    ensure!(refused.to_string().contains("non_compliant"), "{refused:#}");
    scene.mend()?;
    login.type_line("")?;
    login.wait_for_after(place, "Check again?")?;
    let said = login.printed_after(place);
    ensure!(said.contains("One requirement is not met."), "{said}");
    ensure!(said.contains("Not met  Antivirus program") && !said.contains("Not met  Firewall"), "{said}");
    ensure!(said.contains("Warning only  Operating system"), "{said}");
    ensure!(gateway.sessions()?.is_empty(), "{:?}", gateway.sessions()?);
    clamav.install()?;
    clamav.start(Version::Engine)?;
    login.type_line("")?;
    let ended = login.wait()?;
    assert_eq!(ended.code(), 0, "{}", ended.everything);
    ensure!(lab.reaches_intranet()?, "the tunnel carries nothing");
    let status = client.wait_for_status(&lab.employee, |status| status["posture"].is_object())?;
    let posture = &status["posture"];
    assert_eq!(posture["findings"].as_array().map(Vec::len), Some(1), "{posture:#}");
    assert_eq!(posture["findings"][0]["outcome"], "warning", "{posture:#}");
    let sent = client.praya(&lab.employee, &["check", "--sent"])?.succeed()?.everything;
    ensure!(sent.contains("Firewall           On") && sent.contains("read from /etc/os-release"), "{sent}");
    traffic_goes_on_while_the_check_hangs(&scene, &clamav)
}

/// Of a session whose policy wants to know of ClamAV.
fn traffic_goes_on_while_the_check_hangs(scene: &Scene, clamav: &ClamAv) -> Result<()> {
    let Scene { lab, client, .. } = scene;
    let pings = lab.employee.program("ping").args(["-i", "0.05", INTRANET]).start()?;
    pings.wait_for("bytes from")?;
    clamav.set_silent(true)?;
    client.praya(&lab.employee, &["check", "--again"])?.succeed()?;
    let found = client.wait_for(|snapshot| snapshot["posture"]["ends_at"].is_number())?;
    let antivirus = json!({"found": "unavailable", "reason": "timed_out"});
    assert_eq!(found["posture"]["findings"][0]["found"], antivirus, "{found:#}");
    // So the check took a second. No packet took as long, or was lost but the one that was under way at the end.
    pings.signal(Signal::INT)?;
    let told = pings.wait()?.everything;
    let (sent, came) = told.split_once(" packets transmitted, ").with_context(|| told.clone())?;
    let sent: u32 = sent.split_ascii_whitespace().last().with_context(|| told.clone())?.parse()?;
    let came: u32 = came.split(' ').next().with_context(|| told.clone())?.parse()?;
    ensure!(sent.saturating_sub(came) <= 1, "{told}");
    let longest = told.split("rtt min/avg/max/mdev = ").nth(1).and_then(|times| times.split('/').nth(2));
    let longest: f64 = longest.with_context(|| told.clone())?.parse()?;
    ensure!(longest < 900.0, "the tunnel waits for the check: {told}");
    Ok(())
}

#[test]
fn a_machine_that_stays_as_it_is_does_not_come_in_and_may_be_looked_at_without_a_session() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let scene = Scene::new("stays")?;
    let Scene { lab, gateway, client, token } = &scene;
    let login = client.login(&lab.employee, &gateway.pin, "wong", &[PASSWORD, &token.now(), "n"])?;
    ensure!(login.code() == 1 && login.everything.contains("Not met"), "{}", login.everything);
    ensure!(gateway.sessions()?.is_empty(), "{:?}", gateway.sessions()?);
    let policy = lab.employee.folder("policy")?.join("lab.toml");
    std::fs::write(&policy, POLICY)?;
    let policy = policy.to_str().context("a path in UTF-8")?.to_owned();
    let checked = client.run(&lab.employee, &["check", "--policy", &policy])?;
    ensure!(
        checked.code() == 1 && checked.everything.contains("Not met  Firewall"),
        "{}",
        checked.everything
    );
    scene.mend()?;
    let checked = client.run(&lab.employee, &["check", "--policy", &policy])?;
    ensure!(
        checked.code() == 0 && checked.everything.contains("would let this computer in"),
        "{}",
        checked.everything
    );
    Ok(())
}

#[test]
fn a_session_whose_machine_turns_bad_is_warned_first_and_ends_unless_it_is_put_right() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let mut scene = Scene::new("turns-bad")?;
    scene.mend()?;
    scene.sign_in()?;
    scene.lab.employee.shell("nft flush ruleset")?;
    // A service that starts with a session looks at once, and not when the gateway next wants to know.
    scene.client.kill()?;
    scene.client.start(&scene.lab.employee)?;
    let Scene { lab, client, gateway, .. } = &scene;
    let is_warned = |snapshot: &Value| snapshot["posture"]["ends_at"].is_number();
    client.wait_for(is_warned)?;
    scene.mend()?;
    client.praya(&lab.employee, &["check", "--again"])?.succeed()?;
    client.wait_for(|snapshot| snapshot["posture"].is_object() && !is_warned(snapshot))?;
    lab.employee.shell("nft flush ruleset")?;
    client.praya(&lab.employee, &["check", "--again"])?.succeed()?;
    let warned = client.wait_for(is_warned)?;
    assert_eq!(warned["state"], "connected", "{warned:#}");
    assert_eq!(warned["posture"]["findings"][0]["check"], "firewall", "{warned:#}");
    ensure!(lab.reaches_intranet()?, "a warning takes nothing away");
    let ended = client.wait_for_state("ended")?;
    assert_eq!(ended["ended"], "posture_lost", "{ended:#}");
    assert_eq!(ended["posture"]["findings"][0]["check"], "firewall", "{ended:#}");
    ensure!(!lab.reaches_intranet()?, "the tunnel is down");
    gateway.wait_for_no_sessions()
}

#[test]
fn a_policy_that_comes_during_sessions_warns_and_ends_the_one_that_fails_it_and_no_other() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let lab = Lab::new()?;
    let other = lab.another_employee(20)?;
    let mut gateway = Gateway::init(&lab)?;
    gateway.set("sign_in.second_factor", "when_assigned")?;
    gateway.add_people(&["wong", "chan"], PASSWORD)?;
    gateway.publish_intranet("staff", &["wong", "chan"])?;
    gateway.start()?;
    other.shell(FIREWALL)?;
    let (bad, good) = (Client::started(&lab.employee)?, Client::started(&other)?);
    let clients = [(&bad, &lab.employee, "wong"), (&good, &other, "chan")];
    for (client, machine, account) in clients {
        let login = client.login(machine, &gateway.pin, account, &[PASSWORD])?;
        assert_eq!(login.code(), 0, "{}", login.everything);
        // Nobody asks, and that is known before anybody does.
        client.wait_for(|snapshot| snapshot["posture"].is_object())?;
        let sent = client.praya(machine, &["check", "--sent"])?.succeed()?.everything;
        ensure!(sent.contains("Nothing was sent"), "{sent}");
    }
    gateway.set_policy(POLICY)?;
    for (client, machine, _) in clients {
        client.praya(machine, &["check", "--again"])?.succeed()?;
    }
    let is_found = |snapshot: &Value| snapshot["posture"]["findings"][0].is_object();
    let warned = bad.wait_for(is_found)?;
    assert_eq!(warned["state"], "connected", "{warned:#}");
    assert_eq!(warned["posture"]["findings"][0]["check"], "firewall", "{warned:#}");
    ensure!(warned["posture"]["ends_at"].is_number(), "{warned:#}");
    ensure!(lab.reaches_intranet()?, "a warning takes nothing away");
    let met = good.wait_for(is_found)?;
    let posture = &met["posture"];
    assert_eq!((&posture["findings"][0]["outcome"], &posture["ends_at"]), (&json!("warning"), &Value::Null));
    let ended = bad.wait_for_state("ended")?;
    assert_eq!(ended["ended"], "posture_lost", "{ended:#}");
    ensure!(!lab.reaches_intranet()?, "the tunnel is down");
    let sessions = gateway.sessions()?;
    ensure!(sessions.len() == 1 && sessions[0]["account"] == "chan", "{sessions:?}");
    let page = praya_tests::lab::fetch(&other, INTRANET, "/")?;
    ensure!(page.output == praya_testkit::web::PAGE.as_bytes(), "it goes on: {}", page.everything);
    Ok(())
}
