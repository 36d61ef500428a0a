//! What strangers send to a gateway's ports, at a pace of its own: a flood as fast as this machine can would only show how
//! two programs share its processors.

use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use praya_testkit::Namespace;

use super::crowd::Place;

/// Datagrams each second.
const DATAGRAMS: u32 = 20_000;
/// TLS connections each second.
const CONNECTIONS: u32 = 200;
/// Source addresses that are not the attacker's own (RFC 5737).
const FALSE_SOURCES: &str = "203.0.113";
/// Sockets that a flood of datagrams comes from.
const SOCKETS: u8 = 64;

/// A kind of flood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flood {
    /// DTLS hellos of sessions that do not exist, every other one cut off.
    BadHellos,
    /// Records of sessions that do not exist, from many addresses.
    Spoofed,
    /// TLS connections that end after the handshake.
    Connections,
}

impl Flood {
    pub(super) const ALL: [Self; 3] = [Self::BadHellos, Self::Spoofed, Self::Connections];

    /// As a person calls it.
    pub(super) fn title(self) -> String {
        match self {
            Self::BadHellos => format!("{DATAGRAMS} bad DTLS hellos a second"),
            Self::Spoofed => format!("{DATAGRAMS} spoofed datagrams a second"),
            Self::Connections => format!("{CONNECTIONS} TLS connections a second"),
        }
    }

    /// What belongs into one datagram; nothing for a flood of connections.
    fn datagram(self, number: u64) -> Option<Vec<u8>> {
        // Not random, but different each time.
        let noise =
            |length: u64| (0..length).map(move |at| (number.wrapping_mul(0x9e37_79b9) >> (at % 32)) as u8);
        match self {
            Self::BadHellos => {
                let mut hello = vec![0xfe, 0xfd];
                hello.extend(noise(32));
                hello.push(32);
                hello.extend(noise(32));
                // No cookie, one suite, no compression.
                hello.extend([0, 0, 2, 0x00, 0xa9, 1, 0]);
                let length = (hello.len() as u32).to_be_bytes();
                let mut message =
                    vec![1, length[1], length[2], length[3], 0, 0, 0, 0, length[1], length[2], length[3]];
                message.extend(hello);
                let mut datagram = record(22, 0, number, &message);
                if number % 2 == 1 {
                    datagram.truncate(datagram.len() / 2);
                }
                Some(datagram)
            }
            Self::Spoofed => Some(record(23, 1, number, &noise(300).collect::<Vec<_>>())),
            Self::Connections => None,
        }
    }
}

/// A DTLS record (RFC 6347 section 4.1).
fn record(content: u8, epoch: u8, number: u64, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u16).to_be_bytes();
    let number = number.to_be_bytes();
    let mut record = vec![content, 0xfe, 0xfd, 0, epoch];
    record.extend(number.get(2..).unwrap_or_default());
    record.extend(length);
    record.extend(payload);
    record
}

/// A flood under way; it ends with the value.
pub(super) struct Flooding {
    stop: Arc<AtomicBool>,
    sent: Arc<AtomicU64>,
    sender: Option<JoinHandle<()>>,
}

impl Flooding {
    /// Starts it from a machine towards an address.
    ///
    /// # Errors
    /// When there are no sockets left.
    pub(super) fn start(flood: Flood, from: &Namespace, to: SocketAddr, place: &Place) -> Result<Self> {
        let (stop, sent) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (stopping, counted) = (Arc::clone(&stop), Arc::clone(&sent));
        let sender = if flood == Flood::Connections {
            let network = from.network()?;
            let place = place.at(to);
            std::thread::spawn(move || {
                let knocks = move || knock(&place, &stopping, &counted);
                // A machine that is gone is no longer flooded from.
                let _ = praya_testkit::namespace::within(network, knocks);
            })
        } else {
            let sockets = sockets(from, flood == Flood::Spoofed)?;
            std::thread::spawn(move || send(flood, &sockets, to, &stopping, &counted))
        };
        Ok(Self { stop, sent, sender: Some(sender) })
    }

    /// Ends it; how many were sent.
    pub(super) fn end(mut self) -> Result<u64> {
        self.stop.store(true, Ordering::Relaxed);
        self.sender.take().context("a sender")?.join().ok().context("the sender")?;
        Ok(self.sent.load(Ordering::Relaxed))
    }
}

impl Drop for Flooding {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

fn sockets(from: &Namespace, false_sources: bool) -> Result<Vec<UdpSocket>> {
    if false_sources {
        from.shell(&format!("ip route replace local {FALSE_SOURCES}.0/24 dev lo"))?;
    }
    let made = from.within(move || {
        let source = |number| match false_sources {
            true => format!("{FALSE_SOURCES}.{number}:0"),
            false => "0.0.0.0:0".to_owned(),
        };
        (1..=SOCKETS).map(|number| UdpSocket::bind(source(number))).collect::<std::io::Result<Vec<_>>>()
    })?;
    Ok(made?)
}

fn send(flood: Flood, sockets: &[UdpSocket], to: SocketAddr, stop: &AtomicBool, sent: &AtomicU64) {
    let began = Instant::now();
    let mut number = 0_u64;
    while !stop.load(Ordering::Relaxed) {
        let due = (began.elapsed().as_secs_f64() * f64::from(DATAGRAMS)) as u64;
        for (number, socket) in (number..due).zip(sockets.iter().cycle()) {
            if let Some(datagram) = flood.datagram(number) {
                // A refusal by the far end is what a flood meets.
                let _ = socket.send_to(&datagram, to);
            }
        }
        number = due;
        sent.store(number, Ordering::Relaxed);
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn knock(place: &Place, stop: &AtomicBool, sent: &AtomicU64) {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
    runtime.block_on(async {
        let mut tick = tokio::time::interval(Duration::from_secs(1) / CONNECTIONS);
        let mut knocks = tokio::task::JoinSet::new();
        while !stop.load(Ordering::Relaxed) {
            tick.tick().await;
            while knocks.try_join_next().is_some() {}
            // A gateway that keeps them waiting gets no more than these.
            if knocks.len() < 1_000
                && let Ok(socket) = socket()
            {
                let place = place.clone();
                knocks.spawn(async move { place.knock(socket).await });
                sent.fetch_add(1, Ordering::Relaxed);
            }
        }
    });
}

/// A socket of the calling thread's network.
fn socket() -> Result<TcpStream> {
    use rustix::net::{AddressFamily, SocketType, socket};

    Ok(TcpStream::from(socket(AddressFamily::INET, SocketType::STREAM, None)?))
}
