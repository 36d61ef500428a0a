//! Our client against Debian's real `ocserv`, a gateway that knows nothing of us.

use anyhow::{Result, ensure};
use praya_testkit::otp::Token;
use praya_testkit::privilege::was_run_elsewhere;
use praya_testkit::web::{known_bytes, sha256};
use praya_tests::Lab;
use praya_tests::client::Client;
use praya_tests::lab::INTRANET;
use praya_tests::ocserv::Ocserv;
use serde_json::Value;

const PASSWORD: &str = "correct horse battery";

/// A lab whose intranet knows the way back to `ocserv`'s clients, because `ocserv` translates no addresses.
fn lab() -> Result<(Lab, Ocserv)> {
    let lab = Lab::new()?;
    lab.intranet.shell("ip route add default via 172.31.0.1; ip -6 route add default via fd31::1")?;
    let server = Ocserv::new(&lab.gateway)?;
    server.add_person("wong", PASSWORD)?;
    Ok((lab, server))
}

/// A million bytes each way.
fn carries_traffic(lab: &Lab) -> Result<()> {
    let expected = sha256(&known_bytes(1_000_000));
    let fetched = lab.fetch(INTRANET, "/bytes/1000000")?;
    ensure!(fetched.status.success(), "{}", fetched.everything);
    assert_eq!(sha256(&fetched.output), expected);
    assert_eq!(lab.send(INTRANET, &known_bytes(1_000_000))?, expected);
    Ok(())
}

#[test]
fn its_default_configuration_with_tls_1_2_and_a_password() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let (lab, mut server) = lab()?;
    server.start(&lab.gateway)?;
    let client = Client::started(&lab.employee)?;
    ensure!(!lab.reaches_intranet()?);
    let before = lab.employee.network_state()?;
    let login = client.login(&lab.employee, &server.pin, "wong", &[PASSWORD])?;
    assert_eq!(login.code(), 0, "{}", login.everything);
    ensure!(server.users()?.contains("(TLS1.2)"), "{}", server.users()?);
    carries_traffic(&lab)?;
    let status = client.json(&lab.employee, &["status"])?;
    assert_eq!(status["state"], "connected");
    assert_eq!(status["account"], "wong");
    client.wait_for_status(&lab.employee, |status| {
        ["received_bytes", "sent_bytes"].iter().all(|counter| status[counter].as_u64() >= Some(1_000_000))
    })?;
    let logout = client.json(&lab.employee, &["logout"])?;
    assert_eq!(logout["gateway_told"], true, "{logout}");
    client.wait_for(|snapshot| snapshot["tunnel"].is_null())?;
    ensure!(!lab.reaches_intranet()?);
    lab.employee.wait_for_network_state(&before)?;
    Ok(())
}

#[test]
fn tls_1_3() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let (lab, mut server) = lab()?;
    server.set("tls-priorities", "\"NORMAL:%SERVER_PRECEDENCE:%COMPAT:-VERS-ALL:+VERS-TLS1.3\"");
    server.start(&lab.gateway)?;
    let client = Client::started(&lab.employee)?;
    let login = client.login(&lab.employee, &server.pin, "wong", &[PASSWORD])?;
    assert_eq!(login.code(), 0, "{}", login.everything);
    ensure!(server.users()?.contains("(TLS1.3)"), "{}", server.users()?);
    carries_traffic(&lab)
}

/// Packets travel by UDP, and both ends count them there.
fn travels_by_udp(lab: &Lab, client: &Client) -> Result<()> {
    let before = client.wait_for(|snapshot| snapshot["channel"]["carrier"] == "udp")?;
    assert_eq!(before["channel"]["reason"], "preferred");
    carries_traffic(lab)?;
    let bytes = |snapshot: &Value, way: &str| snapshot["channel"]["udp"][way].as_u64().unwrap_or_default();
    client.wait_for(|snapshot| {
        ["bytes_in", "bytes_out"].iter().all(|way| bytes(snapshot, way) >= bytes(&before, way) + 1_000_000)
    })?;
    Ok(())
}

#[test]
fn packets_travel_by_udp_and_by_tls_while_a_firewall_takes_udp_away() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let (lab, mut server) = lab()?;
    server.start(&lab.gateway)?;
    let client = Client::started(&lab.employee)?;
    let login = client.login(&lab.employee, &server.pin, "wong", &[PASSWORD])?;
    assert_eq!(login.code(), 0, "{}", login.everything);
    travels_by_udp(&lab, &client)?;
    lab.gateway.shell(
        "nft 'add table inet wall; add chain inet wall in { type filter hook input priority 0; }; \
         add rule inet wall in udp dport 443 drop'",
    )?;
    // Something has to be sent for its loss to be noticed.
    carries_traffic(&lab)?;
    client.wait_for(|snapshot| snapshot["channel"]["reason"] == "silent")?;
    carries_traffic(&lab)?;
    let status = client.json(&lab.employee, &["status"])?;
    assert_eq!((&status["state"], &status["channel"]["carrier"]), (&"connected".into(), &"tls".into()));
    lab.gateway.shell("nft delete table inet wall")?;
    travels_by_udp(&lab, &client)
}

#[test]
fn the_legacy_way_of_cisco_gateways_carries_packets_by_udp_too() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let (lab, mut server) = lab()?;
    server.set("dtls-legacy", "true");
    server.set("dtls-psk", "false");
    server.start(&lab.gateway)?;
    let client = Client::started(&lab.employee)?;
    let login = client.login(&lab.employee, &server.pin, "wong", &[PASSWORD])?;
    assert_eq!(login.code(), 0, "{}", login.everything);
    travels_by_udp(&lab, &client)
}

#[test]
fn a_machine_that_is_to_use_tls_only_sends_nothing_by_udp() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let (lab, mut server) = lab()?;
    server.start(&lab.gateway)?;
    let mut client = Client::new(&lab.employee)?;
    client.start_as(client.service(&lab.employee)?.args(["--no-udp"]))?;
    let login = client.login(&lab.employee, &server.pin, "wong", &[PASSWORD])?;
    assert_eq!(login.code(), 0, "{}", login.everything);
    carries_traffic(&lab)?;
    let status = client.json(&lab.employee, &["status"])?;
    assert_eq!(status["channel"]["reason"], "switched_off");
    assert_eq!(status["channel"]["udp"]["packets_out"], 0);
    let told = client.run(&lab.employee, &["status", "--lang", "en"])?;
    ensure!(told.everything.contains("TLS – UDP is switched off on this computer"), "{}", told.everything);
    Ok(())
}

#[test]
fn b_14_a_password_and_then_a_code() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let (lab, mut server) = lab()?;
    let token = Token::soft("ocserv");
    server.add_token("wong", &token)?;
    server.start(&lab.gateway)?;
    let client = Client::started(&lab.employee)?;
    let login = client.login(&lab.employee, &server.pin, "wong", &[PASSWORD, &token.now()])?;
    assert_eq!(login.code(), 0, "{}", login.everything);
    carries_traffic(&lab)
}

#[test]
fn a_wrong_password_is_refused_and_said_so() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let (lab, mut server) = lab()?;
    server.start(&lab.gateway)?;
    let client = Client::started(&lab.employee)?;
    let login = client.login(&lab.employee, &server.pin, "wong", &["not the password"])?;
    assert_eq!(login.code(), 5, "{}", login.everything);
    assert_eq!(client.json(&lab.employee, &["status"])?["state"], "no_session");
    Ok(())
}

#[test]
fn a_lost_connection_comes_back_with_the_same_address() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let (lab, mut server) = lab()?;
    server.start(&lab.gateway)?;
    let client = Client::started(&lab.employee)?;
    let login = client.login(&lab.employee, &server.pin, "wong", &[PASSWORD])?;
    assert_eq!(login.code(), 0, "{}", login.everything);
    let first = client.wait_for_state("connected")?;
    // The connection is reset under the client, as a rebooted firewall does it.
    lab.employee.shell("ss --kill --tcp state established dst 198.51.100.1")?;
    client.wait_for(|snapshot| snapshot["state"] == "reconnecting" || snapshot["reconnect"].is_object())?;
    let again = client.wait_for_state("connected")?;
    assert_eq!(again["tunnel"]["addresses"], first["tunnel"]["addresses"]);
    assert_eq!(
        again["connected_since"], first["connected_since"],
        "B-16: the session's clock does not start anew"
    );
    carries_traffic(&lab)
}

#[test]
fn a_restarted_server_has_forgotten_the_session_and_the_person_is_told_so() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let (lab, mut server) = lab()?;
    server.start(&lab.gateway)?;
    let client = Client::started(&lab.employee)?;
    let before = lab.employee.network_state()?;
    let login = client.login(&lab.employee, &server.pin, "wong", &[PASSWORD])?;
    assert_eq!(login.code(), 0, "{}", login.everything);
    // As long as nobody is there the client keeps knocking; it is no reason to give the session up.
    server.stop()?;
    client.wait_for_status(&lab.employee, |status| {
        status["state"] == "reconnecting" && status["last_failure"]["cause"] == "refused"
    })?;
    server.start(&lab.gateway)?;
    // It comes back by itself as far as to hear that the server's cookies lived in its memory only. To go on, the
    // person signs in again, and nothing is left in between.
    client.wait_for_state("ended")?;
    let shown = client.run(&lab.employee, &["status"])?;
    for part in ["The gateway ended the session.", "praya login"] {
        ensure!(shown.everything.contains(part), "{part} in\n{}", shown.everything);
    }
    lab.employee.wait_for_network_state(&before)?;
    let login = client.login(&lab.employee, &server.pin, "wong", &[PASSWORD])?;
    assert_eq!(login.code(), 0, "{}", login.everything);
    carries_traffic(&lab)
}

#[test]
fn the_servers_session_timeout_is_announced_and_kept() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let (lab, mut server) = lab()?;
    server.set("session-timeout", "20");
    server.start(&lab.gateway)?;
    let client = Client::started(&lab.employee)?;
    let login = client.login(&lab.employee, &server.pin, "wong", &[PASSWORD])?;
    assert_eq!(login.code(), 0, "{}", login.everything);
    let status = client.json(&lab.employee, &["status"])?;
    ensure!((1..=20).contains(&status["expires_in_seconds"].as_u64().unwrap_or(0)), "{status}");
    let shown = client.run(&lab.employee, &["status"])?;
    ensure!(shown.everything.contains("Session ends  in "), "{}", shown.everything);
    let ended = client.wait_for_state("ended")?;
    assert_eq!(ended["ended"], "absolute", "{ended}");
    let shown = client.run(&lab.employee, &["status"])?;
    ensure!(shown.everything.contains("longest allowed time"), "{}", shown.everything);
    Ok(())
}
