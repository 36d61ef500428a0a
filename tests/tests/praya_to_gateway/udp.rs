//! What carries the packets while UDP is blocked, given back or moved elsewhere, and while the gateway restarts: always
//! one of the two channels, in one session, for which nobody signs in again.

use std::time::Instant;

use anyhow::{Result, ensure};
use praya_testkit::privilege::was_run_elsewhere;
use praya_testkit::web::{known_bytes, sha256};
use praya_testkit::{HANG, Process};
use praya_tests::Lab;
use praya_tests::echoes::Echoes;
use praya_tests::gateway::Gateway;
use praya_tests::lab::{EMPLOYEE, INTRANET};
use praya_tests::router::{ELSEWHERE, Router};
use serde_json::Value;

use super::Scene;

const MILLION: u64 = 1_000_000;
const SIGN_INS: &str = "praya_gateway_sign_ins_total{outcome=\"ok\"}";

/// A session that is in use all the time, and what must stay of it.
struct Trip {
    scene: Scene,
    echoes: Echoes,
    first: Value,
}

/// A client and its gateway with a router between them. Dead peer detection would bring everything about in the end, a
/// minute later; here it has no part in it.
fn behind_a_router() -> Result<(Scene, Router)> {
    let (lab, router) = Lab::behind_a_router()?;
    let scene = Scene::within(lab, |gateway| gateway.set("tunnel.dpd", 600))?;
    Ok((scene, router))
}

impl Trip {
    /// Signs in; whatever the channel is, packets flow from then on.
    fn begin(scene: Scene) -> Result<Self> {
        scene.sign_in()?;
        let first = scene.status()?;
        let echoes = Echoes::of(&scene.lab.employee, INTRANET)?;
        Ok(Self { scene, echoes, first })
    }

    /// A million bytes each way.
    fn carries_traffic(&self) -> Result<()> {
        let bytes = known_bytes(usize::try_from(MILLION)?);
        let fetched = self.scene.lab.fetch(INTRANET, "/bytes/1000000")?;
        ensure!(fetched.status.success(), "{}", fetched.everything);
        assert_eq!(sha256(&fetched.output), sha256(&bytes));
        assert_eq!(self.scene.lab.send(INTRANET, &bytes)?, sha256(&bytes));
        Ok(())
    }

    /// Packets travel by UDP, now or as soon as it is found to answer: a million bytes each way, as the client counts
    /// them there, and it says so.
    fn travels_by_udp(&self) -> Result<()> {
        let until = Instant::now() + HANG;
        loop {
            self.scene.client.wait_for(|snapshot| snapshot["channel"]["carrier"] == "udp")?;
            let before = self.scene.status()?;
            self.carries_traffic()?;
            let after = self.scene.status()?;
            let carried = |way: &str| {
                let count = |status: &Value| status["channel"]["udp"][way].as_u64().unwrap_or_default();
                count(&after) >= count(&before) + MILLION
            };
            if carried("bytes_in") && carried("bytes_out") {
                return self.says(
                    "udp",
                    "preferred",
                    "UDP – it answers, and a lost packet holds up no other",
                );
            }
            ensure!(Instant::now() < until, "UDP carries no traffic: {before:#}\n{after:#}");
        }
    }

    /// What `praya status` says of the channel, to programs and to people.
    fn says(&self, carrier: &str, reason: &str, line: &str) -> Result<()> {
        self.scene.client.wait_for(|snapshot| snapshot["channel"]["reason"] == reason)?;
        let status = self.scene.status()?;
        assert_eq!(status["state"], "connected", "{status}");
        let channel = &status["channel"];
        assert_eq!((&channel["carrier"], &channel["reason"]), (&carrier.into(), &reason.into()), "{channel}");
        let told = self.scene.client.run(&self.scene.lab.employee, &["status"])?;
        ensure!(told.everything.contains(line), "{line:?} in {}", told.everything);
        Ok(())
    }

    /// A download that halts midway, where [`go_on`](praya_testkit::web::Site::go_on) lets it go on.
    fn half_a_download(&self) -> Result<Process> {
        let url = format!("http://{INTRANET}/halting/2000000");
        let download =
            self.scene.lab.employee.program("curl").args(["--silent", "--show-error", &url]).start()?;
        self.scene.lab.site.wait_for_halt()?;
        Ok(download)
    }

    /// The rest of that download arrives, over the connection on which it began.
    fn finish(&self, download: &Process) -> Result<()> {
        ensure!(download.status().is_none(), "the download waits");
        self.scene.lab.site.go_on();
        let finished = download.wait()?;
        ensure!(finished.status.success(), "{}", String::from_utf8_lossy(&finished.complaints));
        assert_eq!(sha256(&finished.output), sha256(&known_bytes(2_000_000)));
        Ok(())
    }

    /// It is the session of the beginning, with its addresses and its clock, on both ends.
    fn is_one_session(&self) -> Result<()> {
        let now = self.scene.status()?;
        for field in ["session", "addresses", "account", "connected_since_ms"] {
            ensure!(!self.first[field].is_null(), "{field} in {:#}", self.first);
            assert_eq!(now[field], self.first[field], "{field}");
        }
        let sessions = self.scene.gateway.sessions()?;
        let ids: Vec<_> = sessions.iter().map(|session| &session["id"]).collect();
        assert_eq!(ids, [&self.first["session"]]);
        Ok(())
    }

    /// The same, and even its TLS connection is the first one.
    fn is_one_connection(&self) -> Result<()> {
        let printed = self.scene.gateway.printed();
        assert_eq!(printed.matches("tunnel up").count(), 1, "{printed}");
        assert_eq!(self.scene.gateway.metric(SIGN_INS)?, 1);
        self.is_one_session()
    }
}

#[test]
fn the_tunnel_is_usable_by_tls_at_once_and_moves_to_udp_by_itself() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let (scene, router) = behind_a_router()?;
    // What comes first comes by TLS for certain: the network is slow to let UDP through.
    router.block_udp()?;
    let trip = Trip::begin(scene)?;
    trip.carries_traffic()?;
    let channel = trip.scene.status()?["channel"].clone();
    assert_eq!((&channel["carrier"], &channel["udp"]["packets_in"]), (&"tls".into(), &0.into()));
    ensure!(["opening", "unanswered"].iter().any(|reason| channel["reason"] == *reason), "{channel}");
    router.allow_udp()?;
    trip.travels_by_udp()?;
    trip.is_one_connection()
}

#[test]
fn while_a_firewall_takes_udp_away_the_session_goes_on_by_tls_and_then_by_udp_again() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let (scene, router) = behind_a_router()?;
    let trip = Trip::begin(scene)?;
    trip.travels_by_udp()?;
    let download = trip.half_a_download()?;
    router.block_udp()?;
    trip.echoes.go_on()?;
    trip.says("tls", "silent", "TLS – UDP has stopped answering; it is being tried again")?;
    trip.finish(&download)?;
    trip.carries_traffic()?;
    trip.is_one_connection()?;
    router.allow_udp()?;
    trip.travels_by_udp()?;
    trip.echoes.go_on()?;
    trip.is_one_connection()
}

#[test]
fn where_udp_is_blocked_from_the_beginning_tls_carries_everything_and_udp_is_tried_now_and_then() -> Result<()>
{
    if was_run_elsewhere()? {
        return Ok(());
    }
    let (scene, router) = behind_a_router()?;
    router.block_udp()?;
    let begin = Instant::now();
    let trip = Trip::begin(scene)?;
    trip.carries_traffic()?;
    trip.says("tls", "unanswered", "TLS – UDP gets no answer; this network may block it")?;
    // Each attempt sends its hello twice more: the third repetition is the second attempt's.
    let snapshot = trip
        .scene
        .client
        .wait_for(|snapshot| snapshot["channel"]["udp"]["retransmits"].as_u64() >= Some(3))?;
    let (knocks, seconds) = (router.knocks()?, begin.elapsed().as_secs());
    ensure!((5..=1 + seconds).contains(&knocks), "{knocks} datagrams in {seconds} seconds");
    for packets in ["packets_in", "packets_out"] {
        assert_eq!(snapshot["channel"]["udp"][packets], 0, "{packets}");
    }
    trip.echoes.go_on()?;
    trip.carries_traffic()?;
    trip.says("tls", "unanswered", "TLS – UDP gets no answer; this network may block it")?;
    trip.is_one_connection()
}

/// The router translates the datagrams, and nothing else, to new ports of this address.
fn datagrams_move_to(address: &str) -> Result<()> {
    let (scene, router) = behind_a_router()?;
    let trip = Trip::begin(scene)?;
    trip.travels_by_udp()?;
    let gateway = &trip.scene.lab.gateway;
    assert_eq!(router.bytes_from_there(gateway)?, 0);
    let download = trip.half_a_download()?;
    router.move_datagrams_to(address)?;
    trip.echoes.go_on()?;
    trip.finish(&download)?;
    trip.travels_by_udp()?;
    ensure!(router.bytes_from_there(gateway)? > MILLION, "the datagrams come from elsewhere");
    trip.is_one_connection()
}

#[test]
fn udp_follows_when_a_router_gives_its_datagrams_another_port() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    datagrams_move_to(EMPLOYEE)
}

#[test]
fn udp_follows_when_a_router_gives_its_datagrams_another_address() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    datagrams_move_to(ELSEWHERE)
}

#[test]
fn both_channels_follow_when_the_machine_itself_gets_another_address() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let trip = Trip::begin(Scene::plain()?)?;
    trip.travels_by_udp()?;
    let gateway = trip.scene.gateway.process()?;
    let place = gateway.place();
    let download = trip.half_a_download()?;
    let employee = &trip.scene.lab.employee;
    employee.shell(&format!("ip addr del {EMPLOYEE}/24 dev eth0; ip addr add {ELSEWHERE}/24 dev eth0"))?;
    trip.echoes.go_on()?;
    let up = gateway.wait_for_after(place, "tunnel up")?;
    gateway.wait_for_after(up, ELSEWHERE)?;
    trip.finish(&download)?;
    trip.travels_by_udp()?;
    trip.echoes.go_on()?;
    trip.is_one_session()
}

/// The gateway goes away and comes back while UDP carries the packets.
fn udp_comes_back_after(restart: impl FnOnce(&mut Gateway) -> Result<()>) -> Result<()> {
    // Without translation of addresses: what is translated is reset by an orderly stop.
    let scene = Scene::new(|gateway| gateway.set("tunnel.nat", false))?;
    scene.lab.intranet.shell("ip route add default via 172.31.0.1; ip -6 route add default via fd31::1")?;
    let mut trip = Trip::begin(scene)?;
    trip.travels_by_udp()?;
    let place = trip.scene.client.process()?.place();
    let download = trip.half_a_download()?;
    restart(&mut trip.scene.gateway)?;
    // The service notes what its channels do; what it shows may still be the channel that is about to end.
    let client = trip.scene.client.process()?;
    let ended = client.wait_for_after(place, "channel ended")?;
    client.wait_for_after(ended, "preferred")?;
    trip.echoes.go_on()?;
    trip.finish(&download)?;
    trip.travels_by_udp()?;
    trip.is_one_session()
}

#[test]
fn udp_carries_the_packets_again_after_a_restart_of_the_gateway() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    udp_comes_back_after(|gateway| {
        gateway.stop()?;
        gateway.start()
    })
}

#[test]
fn udp_carries_the_packets_again_after_a_crash_of_the_gateway() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    udp_comes_back_after(|gateway| {
        gateway.kill()?;
        gateway.start()
    })
}

#[test]
fn udp_carries_the_packets_again_after_a_successor_took_the_gateways_place() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    udp_comes_back_after(|gateway| gateway.succeed())
}
