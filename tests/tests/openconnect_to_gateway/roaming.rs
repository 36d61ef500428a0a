//! A stock client whose datagrams come from elsewhere all at once.

use std::time::Instant;

use anyhow::{Result, ensure};
use praya_testkit::HANG;
use praya_testkit::privilege::was_run_elsewhere;
use praya_testkit::web::{known_bytes, sha256};
use praya_tests::Lab;
use praya_tests::echoes::Echoes;
use praya_tests::lab::{EMPLOYEE, INTRANET};
use praya_tests::openconnect::wait_connected;
use praya_tests::router::ELSEWHERE;

use super::{PASSWORD, Scene};

/// The router translates the datagrams, and nothing else, to new ports of this address.
fn datagrams_move_to(address: &str) -> Result<()> {
    let (lab, router) = Lab::behind_a_router()?;
    let mut scene = Scene::within(lab, None)?;
    // So often openconnect asks whether it is heard: where it is not, it shakes hands anew.
    scene.gateway.set("tunnel.dpd", 2)?;
    scene.gateway.start()?;
    let client = scene.client()?.args(["--passwd-on-stdin", "--verbose"]).start()?;
    client.type_line(PASSWORD)?;
    wait_connected(&client)?;
    client.wait_for("Established DTLS connection")?;
    let echoes = Echoes::of(&scene.lab.employee, INTRANET)?;
    let machine = &scene.lab.gateway;
    assert_eq!(router.bytes_from_there(machine)?, 0);

    router.move_datagrams_to(address)?;
    echoes.go_on()?;
    let million = known_bytes(1_000_000);
    let until = Instant::now() + HANG;
    loop {
        let before = router.bytes_from_there(machine)?;
        assert_eq!(scene.lab.send(INTRANET, &million)?, sha256(&million));
        if router.bytes_from_there(machine)? > before + 1_000_000 {
            break;
        }
        ensure!(Instant::now() < until, "its packets stay with TLS: {}", client.printed());
    }
    let fetched = scene.lab.fetch(INTRANET, "/bytes/1000000")?;
    assert_eq!(sha256(&fetched.output), sha256(&million));
    echoes.go_on()?;
    let printed = scene.gateway.printed();
    assert_eq!(printed.matches("tunnel up").count(), 1, "{printed}");
    assert_eq!(scene.gateway.sessions()?.len(), 1);
    Ok(())
}

#[test]
fn its_datagrams_are_followed_to_another_port() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    datagrams_move_to(EMPLOYEE)
}

#[test]
fn its_datagrams_are_followed_to_another_address() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    datagrams_move_to(ELSEWHERE)
}
