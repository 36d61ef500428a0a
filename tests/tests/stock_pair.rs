//! The lab itself: the two stock programs work with each other in it, so that a failure elsewhere is ours.

use anyhow::Result;
use praya_testkit::otp::Token;
use praya_testkit::privilege::was_run_elsewhere;
use praya_tests::Lab;
use praya_tests::lab::{INTRANET, INTRANET_V6};
use praya_tests::ocserv::Ocserv;
use praya_tests::openconnect::{openconnect, wait_connected};

#[test]
fn openconnect_signs_in_to_ocserv_and_reaches_the_intranet() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let lab = Lab::new()?;
    lab.intranet.shell("ip route add default via 172.31.0.1")?;
    let mut server = Ocserv::new(&lab.gateway)?;
    server.add_person("wong", "a password")?;
    let token = Token::soft("stock");
    server.add_token("wong", &token)?;
    server.start(&lab.gateway)?;
    assert!(!lab.reaches_intranet()?);
    let client = openconnect(&lab.employee, &server.pin)?.args(["--user", "wong"]).start_on_terminal()?;
    let place = client.wait_for("Password:")?;
    client.type_line("a password")?;
    client.wait_for_after(place, "Password:")?;
    client.type_line(&token.now())?;
    wait_connected(&client)?;
    assert!(lab.reaches_intranet()?);
    assert_eq!(lab.send(INTRANET, b"hello")?, praya_testkit::web::sha256(b"hello"));
    let _ = INTRANET_V6;
    client.terminate()?;
    Ok(())
}
