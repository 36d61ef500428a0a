//! What flows through the tunnel, and what the client is told about the network behind it.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use praya_testkit::Namespace;
use praya_testkit::privilege::was_run_elsewhere;
use praya_testkit::web::{PAGE, Site, known_bytes, sha256};
use praya_tests::lab::{GATEWAY_INSIDE, INTRANET, INTRANET_V6};
use praya_tests::openconnect::{ONLY_TLS_1_2, ONLY_TLS_1_3, wait_connected, wait_script};

use super::{PASSWORD, Scene};

/// The channel that carries the packets.
#[derive(PartialEq)]
enum By {
    Tls,
    Udp,
}

fn a_million_bytes_each_way(priority: &str, version: &str, by: By) -> Result<()> {
    let scene = Scene::started(None)?;
    let options = ["--passwd-on-stdin", "--gnutls-priority", priority, "--verbose"];
    let by_tls = (by == By::Tls).then_some("--no-dtls");
    let client = scene.client()?.args(options.into_iter().chain(by_tls)).start()?;
    client.type_line(PASSWORD)?;
    let told = wait_connected(&client)?;
    ensure!(client.printed().contains(version), "{version} was asked for: {}", client.printed());
    let is_up = || client.printed().contains("Established DTLS connection");
    ensure!(is_up() == (by == By::Udp), "DTLS comes before the addresses: {}", client.printed());
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
    let channel = if by == By::Udp { "udp" } else { "tls" };
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        // What the gateway counts it stores every few seconds, and tells nobody when.
        let sessions = scene.gateway.sessions()?;
        let carried = |name: &str| sessions.first().and_then(|session| session[name]["bytes_out"].as_u64());
        let other = if by == By::Udp { "tls" } else { "udp" };
        if carried(channel).is_some_and(|bytes| bytes > 2_000_000) {
            ensure!(carried(other).is_some_and(|bytes| bytes < 100_000), "{sessions:?}");
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "{sessions:?}");
        std::thread::sleep(Duration::from_millis(200));
    }
}

#[test]
fn a_million_bytes_arrive_intact_each_way_over_ipv4_and_ipv6_with_tls_1_2() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    a_million_bytes_each_way(ONLY_TLS_1_2, "(TLS1.2)", By::Tls)
}

#[test]
fn a_million_bytes_arrive_intact_each_way_over_ipv4_and_ipv6_with_tls_1_3() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    a_million_bytes_each_way(ONLY_TLS_1_3, "(TLS1.3)", By::Tls)
}

#[test]
fn a_million_bytes_arrive_intact_each_way_over_ipv4_and_ipv6_by_udp_with_keys_of_tls_1_2() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    a_million_bytes_each_way(ONLY_TLS_1_2, "(TLS1.2)", By::Udp)
}

#[test]
fn a_million_bytes_arrive_intact_each_way_over_ipv4_and_ipv6_by_udp_with_keys_of_tls_1_3() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    a_million_bytes_each_way(ONLY_TLS_1_3, "(TLS1.3)", By::Udp)
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

    // At this rate each half flows for five seconds, over several tunnels; the second one waits for two renewals,
    // so that the download cannot be over before them.
    let url = format!("http://{INTRANET}/halting/2000000");
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
    scene.lab.site.go_on();
    let tunnels = scene.gateway.printed().matches("tunnel up").count();
    ensure!(tunnels >= 3, "{tunnels} tunnels: {}", scene.gateway.printed());
    let finished = download.wait()?;
    ensure!(finished.status.success(), "{}", String::from_utf8_lossy(&finished.complaints));
    assert_eq!(sha256(&finished.output), sha256(&known_bytes(2_000_000)));
    assert_eq!(scene.gateway.sessions()?.len(), 1, "it is one session throughout");
    Ok(())
}

#[test]
fn a_broad_network_does_not_include_what_runs_on_the_gateway_s_machine() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let scene = Scene::started(None)?;
    let _site = Site::open(&scene.lab.gateway, 80)?;
    scene.gateway.admin(&["group", "network", "staff", "--add", "tcp:172.31.0.0/16"])?;
    let (_client, _) = scene.connect()?;
    ensure!(scene.lab.reaches_intranet()?);
    let refused = |address: &str| -> Result<bool> {
        let answer = scene.lab.fetch(address, "/")?;
        // Told at once, not left waiting.
        Ok(!answer.status.success() && !answer.everything.contains("timed out"))
    };
    ensure!(refused(GATEWAY_INSIDE)?);
    // An address that the machine got since is no gap.
    scene.lab.gateway.shell("ip addr add 172.31.0.2/24 dev eth1")?;
    ensure!(refused("172.31.0.2")?);

    scene.gateway.publish("staff", "Gateway", "http://172.31.0.1/", &["tcp:172.31.0.1:80"])?;
    wait_until(|| Ok(scene.lab.fetch(GATEWAY_INSIDE, "/")?.output == PAGE.as_bytes()))?;
    ensure!(refused("172.31.0.2")?);
    Ok(())
}

/// What an administrator changes acts within a second.
fn wait_until(mut done: impl FnMut() -> Result<bool>) -> Result<()> {
    let start = Instant::now();
    while !done()? {
        ensure!(start.elapsed() < Duration::from_secs(10), "it does not come about");
    }
    Ok(())
}

#[test]
fn a_neighbour_of_the_gateway_is_not_routed_inside_and_a_client_is() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let mut scene = Scene::new(None)?;
    let lab = &scene.lab;
    lab.gateway.shell("sysctl -qw net.ipv4.ip_forward=0")?;
    lab.intranet.shell("ip route add default via 172.31.0.1")?;
    let neighbour = lab.another_employee(20)?;
    neighbour.shell(&format!("ip route add {INTRANET} via 192.0.2.1 dev eth0 onlink"))?;
    let reaches = |machine: &Namespace| {
        machine.program("curl").args(["-s", "--max-time", "3", &format!("http://{INTRANET}/")]).run()
    };
    scene.gateway.start()?;
    ensure!(!reaches(&neighbour)?.status.success(), "the gateway routes for everybody");
    // The same machine could be routed for, were the gateway to let it.
    lab.gateway.shell("nft flush chain inet praya_praya_gw forward")?;
    ensure!(reaches(&neighbour)?.status.success());
    scene.gateway.succeed()?;
    ensure!(!reaches(&neighbour)?.status.success(), "the successor routes for everybody");
    let (_client, _) = scene.connect()?;
    ensure!(scene.lab.reaches_intranet()?);
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
