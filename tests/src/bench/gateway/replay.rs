//! A session whose every datagram reaches the gateway many times over, as where somebody on the way replays them.

use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use praya_testkit::Namespace;
use praya_testkit::cable::{Cable, Conditions};
use praya_tests::Lab;
use praya_tests::client::Client;
use praya_tests::gateway::Gateway;
use praya_tests::lab::{GATEWAY, GATEWAY_NAME, INTRANET};

use super::people::PASSWORD;

/// Datagrams that the session sends each second.
const RATE: u32 = 1_000;
/// How many times each comes once more.
const COPIES: u16 = 20;

/// What is going on, as a person calls it.
pub(super) fn title() -> String {
    format!("{} replayed records a second", RATE * u32::from(COPIES))
}

/// A machine with a session that sends by UDP over a cable of its own.
pub(super) struct Replayed {
    // Dropped in this order: whoever is connected first.
    stop: Arc<AtomicBool>,
    sender: Option<JoinHandle<()>>,
    client: Client,
    cable: Cable,
    _machine: Namespace,
}

impl Replayed {
    /// Signs in and sends; nothing is replayed yet.
    ///
    /// # Errors
    /// When its packets do not travel by UDP.
    pub(super) fn begin(lab: &Lab, server: &Gateway, person: &str) -> Result<Self> {
        let machine = Namespace::new("replayed")?;
        let ends =
            ((&machine, "eth0", &["192.0.2.30/32"][..]), (&lab.gateway, "eth30", &["192.0.2.1/32"][..]));
        let cable = Cable::lay(ends.0, ends.1, Conditions::default(), 1)?;
        machine.shell(&format!("ip route add 192.0.2.1 dev eth0; ip route add {GATEWAY} dev eth0"))?;
        lab.gateway.shell("ip route add 192.0.2.30 dev eth30")?;
        machine.know_host(GATEWAY_NAME, GATEWAY)?;
        let client = Client::started(&machine)?;
        let login = client.login(&machine, &server.pin, person, &[PASSWORD])?;
        ensure!(login.status.success(), "praya login: {}", login.everything);
        client.wait_for(|snapshot| snapshot["channel"]["carrier"] == "udp").context("UDP")?;
        let socket = machine.within(|| {
            let socket = UdpSocket::bind("0.0.0.0:0")?;
            socket.connect((INTRANET, 9))?;
            std::io::Result::Ok(socket)
        })??;
        let stop = Arc::new(AtomicBool::new(false));
        let stopping = Arc::clone(&stop);
        let sender = std::thread::spawn(move || send(&socket, &stopping));
        Ok(Self { stop, sender: Some(sender), client, cable, _machine: machine })
    }

    /// From now on every packet comes many times, or once again.
    pub(super) fn replay(&self, on: bool) {
        self.cable.set(Conditions { copies: if on { COPIES } else { 0 }, ..Conditions::default() });
    }

    /// Packets that have reached the gateway so far.
    pub(super) fn arrived(&self) -> u64 {
        let [there, _] = self.cable.counts();
        there.forwarded
    }

    /// Ends the session.
    ///
    /// # Errors
    /// When the client does not end.
    pub(super) fn end(mut self) -> Result<()> {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(sender) = self.sender.take() {
            sender.join().ok().context("the sender")?;
        }
        self.client.stop()?;
        Ok(())
    }
}

impl Drop for Replayed {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

fn send(socket: &UdpSocket, stop: &AtomicBool) {
    let began = Instant::now();
    let mut sent = 0_u64;
    while !stop.load(Ordering::Relaxed) {
        let due = (began.elapsed().as_secs_f64() * f64::from(RATE)) as u64;
        for _ in sent..due {
            // Nobody listens there, and says so.
            let _ = socket.send(&[0; 300]);
        }
        sent = due;
        std::thread::sleep(Duration::from_millis(1));
    }
}
