//! Where no secret may stand, and what one is worth to whoever finds it.

use anyhow::{Result, ensure};
use praya_testkit::otp::Token;
use praya_testkit::privilege::was_run_elsewhere;
use praya_tests::Lab;
use praya_tests::client::Client;
use praya_tests::gateway::Gateway;
use praya_tests::lab::GATEWAY_NAME;
use rustix::process::Signal;

use super::{PASSWORD, Scene};

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
