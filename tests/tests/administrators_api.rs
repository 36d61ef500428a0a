//! The administrators' API over HTTPS: `curl` with a key, our gateway, and a stock client whose session follows.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use anyhow::{Context, Result, ensure};
use praya_testkit::privilege::was_run_elsewhere;
use praya_tests::Lab;
use praya_tests::gateway::Gateway;
use praya_tests::lab::{EMPLOYEE, GATEWAY_NAME, INTRANET};
use praya_tests::openconnect::{openconnect, wait_connected};
use serde_json::Value;

const PASSWORD: &str = "correct horse battery";
const TOML: &str = "Content-Type: application/toml";

/// A policy that no stock client meets.
fn policy(first_lines: &str) -> String {
    format!(
        "schema = 1\nid = \"lab\"\nname = \"Lab\"\nwithout_report = \"deny\"\n{first_lines}\n\
         [[requirements]]\nid = \"firewall\"\nfirewall = {{ on = true }}\n"
    )
}

struct Scene {
    lab: Lab,
    gateway: Gateway,
}

/// What came back.
struct Answer {
    status: String,
    head: String,
    body: Value,
}

impl Scene {
    fn new() -> Result<Self> {
        let lab = Lab::new()?;
        let mut gateway = Gateway::init(&lab)?;
        gateway.set("sign_in.second_factor", "when_assigned")?;
        gateway.add_people(&["wong"], PASSWORD)?;
        gateway.publish_intranet("staff", &["wong"])?;
        gateway.start()?;
        Ok(Self { lab, gateway })
    }

    /// Makes a key and writes it where `curl` reads it, so that it stands on no command line.
    fn key(&self, words: &[&str]) -> Result<(String, String)> {
        let made = self.gateway.admin(&[&["api-key", "create"], words].concat())?;
        let key = made["key"].as_str().context("the key")?.to_owned();
        let name = words.first().context("a name")?;
        let file = self.lab.employee.folder("keys")?.join(name);
        fs::write(&file, format!("Authorization: Bearer {key}\n"))?;
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600))?;
        Ok((format!("@{}", file.display()), key))
    }

    /// Calls with the headers of `key`, trusting the gateway's own authority and nothing else.
    fn call(&self, key: &str, words: &[&str], path: &str) -> Result<Answer> {
        let authority = self.gateway.file("tls/ca.crt");
        let url = format!("https://{GATEWAY_NAME}/api/v1/admin/posture{path}");
        let answer = self
            .lab
            .employee
            .program("curl")
            .args(["-s", "-i", "--cacert"])
            .arg(&authority)
            .args(["-H", key])
            .args(words)
            .arg(&url)
            .succeed()?;
        let text = answer.text();
        let (mut head, mut body) = text.split_once("\r\n\r\n").context("an answer")?;
        // `curl` shows the invitation to go on as well.
        while head.starts_with("HTTP/1.1 100") {
            (head, body) = body.split_once("\r\n\r\n").context("an answer")?;
        }
        let status = head.split(' ').nth(1).context("a status")?.to_owned();
        Ok(Answer { status, head: head.to_lowercase(), body: serde_json::from_str(body).unwrap_or_default() })
    }

    /// Sends a policy as a file.
    fn send(&self, key: &str, how: &[&str], text: &str, path: &str) -> Result<Answer> {
        let file = self.lab.employee.folder("policy")?.join("sent.toml");
        fs::write(&file, text)?;
        let file = file.to_str().context("a path in UTF-8")?;
        let data = format!("@{file}");
        self.call(key, &[how, &["-H", TOML, "--data-binary", &data]].concat(), path)
    }
}

#[test]
fn a_policy_of_a_program_is_tried_enforced_and_followed_by_live_sessions() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let scene = Scene::new()?;
    let (write, _) = scene.key(&["deploy", "--allow", "posture:write", "--from", EMPLOYEE])?;
    let (read, secret) = scene.key(&["dashboard"])?;
    let empty = scene.send(&read, &[], &policy(""), "/dry-run")?;
    ensure!(empty.body["advice"].as_str().is_some_and(|advice| advice.contains("enforce")), "{}", empty.body);

    // Tried: a client that cannot report comes in all the same.
    let tried = scene.send(&write, &["-X", "PUT"], &policy("enforce = false"), "/policies/lab?after=0")?;
    assert_eq!((tried.status.as_str(), &tried.body["version"]), ("200", &1.into()), "{}", tried.body);
    assert_eq!(scene.call(&write, &["-X", "POST"], "/policies/lab/activate")?.status, "200");
    let client = openconnect(&scene.lab.employee, &scene.gateway.pin)?
        .args(["--user", "wong", "--passwd-on-stdin"])
        .start()?;
    client.type_line(PASSWORD)?;
    wait_connected(&client)?;
    ensure!(scene.lab.reaches_intranet()?, "the tunnel carries nothing");

    // Enforced: its session ends, as it does by a command.
    let saved = scene.send(&write, &["-X", "PUT"], &policy(""), "/policies/lab?after=1")?;
    assert_eq!(saved.body["version"], 2, "{}", saved.body);
    let late = scene.send(&write, &["-X", "PUT"], &policy(""), "/policies/lab?after=1")?;
    assert_eq!((late.status.as_str(), &late.body["newest"]), ("409", &2.into()), "{}", late.body);
    assert_eq!(scene.call(&write, &["-X", "POST"], "/policies/lab/activate")?.status, "200");
    let ended = client.wait()?;
    ensure!(ended.everything.contains("no longer meets the policy"), "{}", ended.everything);
    scene.gateway.wait_for_no_sessions()?;

    let list = scene.call(&read, &[], "/policies?limit=1")?;
    assert_eq!(list.body["policies"].as_array().map(Vec::len), Some(1), "{}", list.body);
    let next = list.body["next"].as_str().context("a next page")?;
    let list = scene.call(&read, &[], &format!("/policies?limit=1&after={next}"))?;
    assert_eq!(list.body["policies"][0]["active"], true, "{}", list.body);
    ensure!(list.head.contains("cache-control: no-store"), "{}", list.head);
    ensure!(!list.head.contains("access-control") && !list.head.contains("set-cookie"), "{}", list.head);
    let record = scene.gateway.admin(&["audit", "--event", "policy_changed"])?;
    ensure!(
        record.to_string().contains("api-key:deploy") && record.to_string().contains(EMPLOYEE),
        "{record}"
    );
    let shown = scene.gateway.admin(&["posture", "list"])?;
    ensure!(shown[1]["saved_by"].as_str().is_some_and(|by| by.starts_with("api-key:deploy#")), "{shown}");
    let everything = [scene.gateway.printed(), scene.gateway.admin(&["audit"])?.to_string()].concat();
    ensure!(!everything.contains(&secret), "the key stands in the log or the audit");
    Ok(())
}

#[test]
fn what_a_key_does_not_open_stays_closed() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let scene = Scene::new()?;
    let (read, _) = scene.key(&["read"])?;
    let (elsewhere, _) = scene.key(&["elsewhere", "--from", INTRANET])?;
    let (revoked, _) = scene.key(&["revoked"])?;
    assert_eq!(scene.call(&revoked, &[], "/support")?.status, "200");
    scene.gateway.admin(&["api-key", "revoke", "revoked"])?;
    let mut said = Vec::new();
    for key in ["X-No: key", "Authorization: Bearer praya_x", &elsewhere, &revoked] {
        let refused = scene.call(key, &[], "/machines")?;
        assert_eq!(refused.status, "401", "{key}: {}", refused.head);
        ensure!(refused.head.contains("www-authenticate: bearer"), "{}", refused.head);
        said.push(refused.body);
    }
    said.dedup();
    assert_eq!(said.len(), 1, "one answer: {said:?}");
    assert_eq!(scene.call(&read, &[], "/machines")?.status, "200");
    assert_eq!(scene.send(&read, &["-X", "PUT"], &policy(""), "/policies/lab")?.status, "403");

    let (write, _) = scene.key(&["write", "--allow", "posture:write"])?;
    let bad = scene.send(&write, &["-X", "PUT"], &policy("on_fail = \"no\""), "/policies/lab")?;
    assert_eq!((bad.status.as_str(), &bad.body["complaints"][0]["line"]), ("422", &5.into()), "{}", bad.body);
    let long = format!("#{}", "x".repeat(64 * 1024));
    assert_eq!(scene.send(&write, &["-X", "PUT"], &long, "/policies/lab")?.status, "413");
    let longer = format!("#{}", "x".repeat(256 * 1024));
    assert_eq!(scene.send(&write, &["-X", "PUT"], &longer, "/policies/lab")?.status, "413");
    assert_eq!(scene.gateway.admin(&["posture", "list"])?.as_array().map(Vec::len), Some(0));
    let record = scene.gateway.admin(&["audit", "--event", "api_key_refused"])?;
    let refused: Vec<_> = record
        .as_array()
        .context("records")?
        .iter()
        .map(|one| (one["actor"].as_str().and_then(|actor| actor.split('#').next()), one["code"].as_str()))
        .collect();
    ensure!(
        refused == [(Some("api-key:elsewhere"), Some("network")), (Some("api-key:read"), Some("scope"))],
        "{record}"
    );
    Ok(())
}
