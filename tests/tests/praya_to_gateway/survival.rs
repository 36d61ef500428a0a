//! What must survive: a restart, a crash, a lost network; and what a crash may not leave behind.

use anyhow::{Result, ensure};
use praya_testkit::privilege::was_run_elsewhere;
use praya_testkit::web::{known_bytes, sha256};
use praya_tests::gateway::Gateway;
use praya_tests::lab::{GATEWAY, INTRANET};

use super::Scene;

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
