//! Debian's own `openconnect` against our gateway: every way in, every way out, and what flows between.

use anyhow::{Context, Result, ensure};
use praya_testkit::otp::Token;
use praya_testkit::privilege::was_run_elsewhere;
use praya_testkit::web::{known_bytes, sha256};
use praya_testkit::{Process, Program};
use praya_tests::Lab;
use praya_tests::gateway::Gateway;
use praya_tests::lab::{INTRANET, INTRANET_V6};
use praya_tests::openconnect::{ONLY_TLS_1_2, ONLY_TLS_1_3, Told, openconnect, wait_connected, wait_script};
use rustix::process::Signal;

const PASSWORD: &str = "correct horse battery";

/// A lab with a gateway and one person, whose second factor is asked for where a token is given.
struct Scene {
    lab: Lab,
    gateway: Gateway,
}

impl Scene {
    fn new(token: Option<&Token>) -> Result<Self> {
        let lab = Lab::new()?;
        let mut gateway = Gateway::init(&lab)?;
        gateway.set("sign_in.second_factor", "when_assigned")?;
        gateway.add_people(&["wong"], PASSWORD)?;
        gateway.publish_intranet("staff", &["wong"])?;
        if let Some(token) = token {
            gateway.add_token("wong", "40000001", token)?;
        }
        Ok(Self { lab, gateway })
    }

    fn started(token: Option<&Token>) -> Result<Self> {
        let mut scene = Self::new(token)?;
        scene.gateway.start()?;
        Ok(scene)
    }

    /// `openconnect --user wong`.
    fn client(&self) -> Result<Program> {
        Ok(openconnect(&self.lab.employee, &self.gateway.pin)?.args(["--user", "wong"]))
    }

    /// Signs in by password alone, from a script.
    fn connect(&self) -> Result<(Process, Told)> {
        let client = self.client()?.arg("--passwd-on-stdin").start()?;
        client.type_line(PASSWORD)?;
        let told = wait_connected(&client)?;
        Ok((client, told))
    }

    /// Signs in by password alone without connecting; returns the session cookie.
    fn authenticate(&self) -> Result<String> {
        let client = self.client()?.args(["--passwd-on-stdin", "--authenticate"]).start()?;
        client.type_line(PASSWORD)?;
        let ended = client.wait()?;
        let printed = ended.text();
        let cookie = printed.lines().find_map(|line| line.strip_prefix("COOKIE='")?.strip_suffix('\''));
        // Older versions print `COOKIE='webvpn=…'`, newer ones the bare value.
        Ok(cookie.with_context(|| ended.everything.clone())?.trim_start_matches("webvpn=").to_owned())
    }

    /// Connects with a cookie and nothing else.
    fn connect_with(&self, cookie: &str) -> Result<Process> {
        let client = self.client()?.arg("--cookie-on-stdin").start()?;
        client.type_line(cookie)?;
        Ok(client)
    }
}

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
fn a_cookie_that_never_was_or_is_over_ends_openconnect_with_exit_code_2() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let scene = Scene::started(None)?;
    let ended = scene.connect_with("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")?.wait()?;
    assert_eq!(ended.code(), 2, "{}", ended.everything);

    let cookie = scene.authenticate()?;
    scene.gateway.end_sessions("wong")?;
    let ended = scene.connect_with(&cookie)?.wait()?;
    assert_eq!(ended.code(), 2, "{}", ended.everything);
    Ok(())
}

#[test]
fn a_session_that_nobody_took_up_in_time_is_over() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let mut scene = Scene::new(None)?;
    scene.gateway.set("sessions.away_timeout", 1)?;
    scene.gateway.start()?;
    let cookie = scene.authenticate()?;
    scene.gateway.wait_for_no_sessions()?;
    let ended = scene.connect_with(&cookie)?.wait()?;
    assert_eq!(ended.code(), 2, "{}", ended.everything);
    Ok(())
}

#[test]
fn a_reconnect_keeps_the_addresses() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let scene = Scene::started(None)?;
    let (client, told) = scene.connect()?;
    ensure!(!told.ip4.is_empty() && !told.ip6.is_empty(), "{told:?}");
    let place = client.place();
    client.signal(Signal::USR2)?;
    let again = wait_script(&client, place, "reconnect")?;
    assert_eq!((again.ip4, again.ip6), (told.ip4, told.ip6));
    ensure!(scene.lab.reaches_intranet()?);
    Ok(())
}

#[test]
fn a_restart_of_the_gateway_keeps_the_session_and_its_addresses() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let mut scene = Scene::started(None)?;
    let (client, told) = scene.connect()?;
    let place = client.place();
    scene.gateway.stop()?;
    scene.gateway.start()?;
    client.signal(Signal::USR2)?;
    let again = wait_script(&client, place, "reconnect")?;
    assert_eq!((again.ip4, again.ip6), (told.ip4, told.ip6));
    ensure!(scene.lab.reaches_intranet()?);
    Ok(())
}

#[test]
fn a_detached_session_is_taken_up_again_by_its_cookie_and_a_goodbye_kills_it() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let scene = Scene::started(None)?;
    let cookie = scene.authenticate()?;
    let client = scene.connect_with(&cookie)?;
    let told = wait_connected(&client)?;
    // SIGHUP leaves without a goodbye.
    client.signal(Signal::HUP)?;
    client.wait()?;
    ensure!(!scene.lab.reaches_intranet()?);

    let client = scene.connect_with(&cookie)?;
    let again = wait_connected(&client)?;
    assert_eq!((again.ip4, again.ip6), (told.ip4, told.ip6));
    ensure!(scene.lab.reaches_intranet()?);
    // SIGINT says goodbye.
    client.signal(Signal::INT)?;
    client.wait()?;
    scene.gateway.wait_for_no_sessions()?;

    let ended = scene.connect_with(&cookie)?.wait()?;
    assert_eq!(ended.code(), 2, "{}", ended.everything);
    Ok(())
}

#[test]
fn the_newest_connection_of_a_cookie_wins() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let scene = Scene::started(None)?;
    let cookie = scene.authenticate()?;
    let first = scene.connect_with(&cookie)?;
    wait_connected(&first)?;
    let second = scene.client()?.args(["--cookie-on-stdin", "--interface", "stock1"]).start()?;
    second.type_line(&cookie)?;
    wait_connected(&second)?;
    let ended = first.wait()?;
    ensure!(ended.code() != 0, "{}", ended.everything);
    Ok(())
}

#[test]
fn an_administrator_ends_a_session_and_the_reason_is_shown() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let scene = Scene::started(None)?;
    let (client, _) = scene.connect()?;
    scene.gateway.end_sessions("wong")?;
    let ended = client.wait()?;
    assert_eq!(ended.code(), 1, "{}", ended.everything);
    ensure!(ended.everything.to_lowercase().contains("administrator"), "{}", ended.everything);
    Ok(())
}

#[test]
fn disabling_an_account_cuts_its_tunnel() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let scene = Scene::started(None)?;
    let (client, _) = scene.connect()?;
    scene.gateway.admin(&["person", "disable", "wong"])?;
    let ended = client.wait()?;
    ensure!(ended.everything.contains("disabled"), "{}", ended.everything);
    Ok(())
}

#[test]
fn a_27_a_session_without_user_traffic_ends() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let mut scene = Scene::new(None)?;
    scene.gateway.set("sessions.idle_timeout", 2)?;
    // Keepalives and probes are no user traffic.
    scene.gateway.set("tunnel.keepalive", 1)?;
    scene.gateway.set("tunnel.dpd", 1)?;
    scene.gateway.start()?;
    let (client, _) = scene.connect()?;
    let ended = client.wait()?;
    assert_eq!(ended.code(), 1, "{}", ended.everything);
    ensure!(
        ended.everything.to_lowercase().contains("traffic")
            || ended.everything.to_lowercase().contains("idle"),
        "{}",
        ended.everything
    );
    Ok(())
}

#[test]
fn the_absolute_lifetime_ends_a_session_under_traffic() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let mut scene = Scene::new(None)?;
    scene.gateway.set("sessions.lifetime", 3)?;
    scene.gateway.set("sessions.idle_timeout", 2)?;
    scene.gateway.start()?;
    let (client, _) = scene.connect()?;
    let pinging = scene.lab.employee.program("ping").args(["-i", "0.2", INTRANET]).start()?;
    let ended = client.wait()?;
    assert_eq!(ended.code(), 1, "{}", ended.everything);
    ensure!(pinging.printed().contains("bytes from"), "{}", pinging.printed());
    Ok(())
}

fn a_million_bytes_each_way(priority: &str, version: &str) -> Result<()> {
    let scene = Scene::started(None)?;
    let client =
        scene.client()?.args(["--passwd-on-stdin", "--gnutls-priority", priority, "--verbose"]).start()?;
    client.type_line(PASSWORD)?;
    let told = wait_connected(&client)?;
    ensure!(client.printed().contains(version), "{version} was asked for: {}", client.printed());
    ensure!(
        !client.printed().contains("X-DTLS"),
        "there is no datagram channel to announce: {}",
        client.printed()
    );
    let expected = sha256(&known_bytes(1_000_000));
    for host in [INTRANET, INTRANET_V6] {
        let fetched = scene.lab.fetch(host, "/bytes/1000000")?;
        ensure!(fetched.status.success(), "{host}: {}", fetched.everything);
        assert_eq!(sha256(&fetched.output), expected, "from {host}");
        assert_eq!(scene.lab.send(host, &known_bytes(1_000_000))?, expected, "to {host}");
    }
    // A packet as large as the tunnel's MTU, unfragmented.
    let size = (told.mtu.parse::<u32>()? - 28).to_string();
    scene.lab.employee.program("ping").args(["-c", "1", "-M", "do", "-s", &size, INTRANET]).succeed()?;
    Ok(())
}

#[test]
fn a_million_bytes_arrive_intact_each_way_over_ipv4_and_ipv6_with_tls_1_2() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    a_million_bytes_each_way(ONLY_TLS_1_2, "(TLS1.2)")
}

#[test]
fn a_million_bytes_arrive_intact_each_way_over_ipv4_and_ipv6_with_tls_1_3() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    a_million_bytes_each_way(ONLY_TLS_1_3, "(TLS1.3)")
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

#[test]
fn keys_are_renewed_by_a_new_tunnel_under_traffic() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let mut scene = Scene::new(None)?;
    scene.gateway.set("tunnel.rekey", 2)?;
    scene.gateway.start()?;
    let client = scene.client()?.args(["--passwd-on-stdin", "--verbose"]).start()?;
    client.type_line(PASSWORD)?;
    let told = wait_connected(&client)?;
    ensure!(client.printed().contains("X-CSTP-Rekey-Method: new-tunnel"), "{}", client.printed());
    ensure!(client.printed().contains("X-CSTP-Rekey-Time: 2"), "{}", client.printed());

    // At this rate the bytes flow for ten seconds, over several tunnels.
    let url = format!("http://{INTRANET}/bytes/2000000");
    let download = scene
        .lab
        .employee
        .program("curl")
        .args(["--silent", "--show-error", "--limit-rate", "200k", &url])
        .start()?;
    let mut place = client.place();
    for _ in 0..2 {
        let again = wait_script(&client, place, "reconnect")?;
        assert_eq!((&again.ip4, &again.ip6), (&told.ip4, &told.ip6));
        place = client.place();
    }
    ensure!(download.status().is_none(), "the keys were renewed while bytes flowed");
    let tunnels = scene.gateway.printed().matches("tunnel up").count();
    ensure!(tunnels >= 3, "{tunnels} tunnels: {}", scene.gateway.printed());
    let finished = download.wait()?;
    ensure!(finished.status.success(), "{}", String::from_utf8_lossy(&finished.complaints));
    assert_eq!(sha256(&finished.output), sha256(&known_bytes(2_000_000)));
    assert_eq!(scene.gateway.sessions()?.len(), 1, "it is one session throughout");
    Ok(())
}

#[test]
fn what_the_gateway_says_about_the_network_reaches_the_client() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let mut scene = Scene::new(None)?;
    scene.gateway.set("tunnel.dns_servers", vec!["172.31.0.53"])?;
    scene.gateway.set("tunnel.search_domains", vec!["intranet.test"])?;
    scene.gateway.set("tunnel.mtu", 1300)?;
    scene.gateway.start()?;
    let (_client, told) = scene.connect()?;
    assert_eq!(told.dns, "172.31.0.53");
    assert_eq!(told.domain, "intranet.test");
    assert_eq!(told.mtu, "1300");
    Ok(())
}
