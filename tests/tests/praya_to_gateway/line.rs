//! The tunnel's TCP connection: what it asks of the kernel over a long way and over a short one.

use std::time::Duration;

use anyhow::{Result, ensure};
use praya_testkit::Namespace;
use praya_testkit::cable::Conditions;
use praya_testkit::privilege::was_run_elsewhere;
use praya_testkit::web::{known_bytes, sha256};
use praya_tests::Lab;
use praya_tests::lab::INTRANET;

use super::Scene;

/// What TCP uses in the labs, unless a program asks for something else.
const USUAL: &str = "cubic";
const FOR_A_LONG_WAY: &str = "bbr";

/// A session whose packets all travel by TLS, in a lab where every TCP connection is [`USUAL`].
fn connected_by_tls(lab: Lab) -> Result<Scene> {
    for machine in [&lab.employee, &lab.gateway] {
        machine.shell(&format!("ip route replace 198.51.100.0/24 dev eth0 congctl {USUAL}"))?;
    }
    let scene = Scene::within(lab, |gateway| gateway.set("tunnel.udp", false))?;
    scene.sign_in()?;
    Ok(scene)
}

/// What both ends must have over a long way: what our programs ask for, unless this kernel does not have it. That it has is
/// asked of it by other means, which load it where it is a module.
fn for_a_long_way(machine: &Namespace) -> &'static str {
    let ask = format!("ip route add 192.0.2.0/24 dev lo congctl {FOR_A_LONG_WAY}");
    if machine.shell(&ask).is_ok() { FOR_A_LONG_WAY } else { USUAL }
}

/// The congestion control of each TCP connection between client and gateway, as this machine has it.
fn congestion_controls(machine: &Namespace) -> Result<Vec<String>> {
    let filter = ["state", "established", "( sport = :443 or dport = :443 )"];
    let shown = machine.program("ss").args(["--tcp", "--info", "--numeric", "--no-header"]).args(filter);
    let shown = shown.succeed()?.text();
    let known = |word: &&str| [USUAL, FOR_A_LONG_WAY].contains(word);
    Ok(shown.split_whitespace().filter(known).map(str::to_owned).collect())
}

#[test]
fn a_long_way_is_carried_by_what_arrives_where_the_kernel_can_and_a_short_one_as_ever() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let far = Lab::far_away(Conditions { delay: Duration::from_millis(25), ..Conditions::default() })?;
    let expected = for_a_long_way(&far.employee);
    let far = connected_by_tls(far)?;
    let near = connected_by_tls(Lab::new()?)?;
    for machine in [&near.lab.employee, &near.lab.gateway] {
        let used = congestion_controls(machine)?;
        ensure!(!used.is_empty() && used.iter().all(|name| name == USUAL), "{used:?}");
    }
    for machine in [&far.lab.employee, &far.lab.gateway] {
        let used = congestion_controls(machine)?;
        // The connection of the sign-in is the system's.
        let fit = used.iter().all(|name| [expected, USUAL].contains(&name.as_str()));
        ensure!(fit && used.iter().any(|name| name == expected), "{expected}: {used:?}");
    }
    let bytes = known_bytes(1_000_000);
    let fetched = far.lab.fetch(INTRANET, "/bytes/1000000")?;
    ensure!(fetched.status.success(), "{}", fetched.everything);
    assert_eq!(sha256(&fetched.output), sha256(&bytes));
    assert_eq!(far.lab.send(INTRANET, &bytes)?, sha256(&bytes));
    Ok(())
}
