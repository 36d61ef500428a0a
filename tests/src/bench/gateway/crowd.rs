//! Thousands of clients in one process: CONNECT with a cookie over TLS, answers to "are you there", and echo requests for
//! the sessions that are to be active. Nothing of it is a real client's; it is to cost little beside the gateway.

use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use praya_testkit::Namespace;
use praya_testkit::rude::{self, Rude};
use praya_tests::raw::{connect_request, frame, kind};
use rustix::net::{AddressFamily, SocketType, socket};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::people::Seat;

/// Handshakes under way at once.
const AT_ONCE: usize = 64;
/// The payload of an echo request: the time it was sent, and filling.
const ECHO: usize = 472;
/// IPv4 and ICMP header.
const HEADERS: usize = 28;

type Stream = TlsStream<tokio::net::TcpStream>;

/// Where the crowd connects from and to.
#[derive(Clone)]
pub(super) struct Place {
    pub(super) gateway: SocketAddr,
    /// Who answers echo requests.
    pub(super) inside: Ipv4Addr,
    connector: TlsConnector,
    began: Instant,
}

/// What the active ones saw.
#[derive(Debug, Default)]
pub(super) struct Echoes {
    sent: AtomicU64,
    /// Round trips in ms.
    times: Mutex<Vec<f64>>,
}

/// The clients that are connected.
pub(super) struct Crowd {
    place: Place,
    clients: JoinSet<Result<()>>,
    connected: usize,
    /// Between two echo requests of an active client; zero is silence.
    pace: watch::Sender<Duration>,
    echoes: Arc<Echoes>,
}

impl Place {
    pub(super) fn new(gateway: SocketAddr, inside: Ipv4Addr) -> Result<Self> {
        let connector = TlsConnector::from(Arc::new(rude::configuration(rustls::ALL_VERSIONS)?));
        Ok(Self { gateway, inside, connector, began: Instant::now() })
    }

    /// The same towards another gateway.
    pub(super) fn at(&self, gateway: SocketAddr) -> Self {
        Self { gateway, ..self.clone() }
    }

    /// A socket on that machine that is connected to nothing yet; it belongs there wherever it is used.
    pub(super) fn sockets(machine: &Namespace, count: usize) -> Result<Vec<TcpStream>> {
        let made = machine.within(move || {
            let one = |_| Ok(TcpStream::from(socket(AddressFamily::INET, SocketType::STREAM, None)?));
            (0..count).map(one).collect::<Result<Vec<_>, rustix::io::Errno>>()
        })?;
        Ok(made?)
    }

    /// TCP and TLS.
    async fn shake_hands(&self, socket: TcpStream) -> Result<Stream> {
        socket.set_nonblocking(true)?;
        let stream = TcpSocket::from_std_stream(socket).connect(self.gateway).await?;
        stream.set_nodelay(true)?;
        Ok(self.connector.connect(ServerName::try_from("gateway.test")?, stream).await?)
    }

    /// TCP, TLS and a tunnel.
    async fn connect(&self, socket: TcpStream, seat: &Seat) -> Result<Stream> {
        let mut stream = self.shake_hands(socket).await?;
        stream.write_all(connect_request(&seat.cookie).as_bytes()).await?;
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await?);
        }
        ensure!(head.starts_with(b"HTTP/1.1 200 "), "{}", String::from_utf8_lossy(&head));
        Ok(stream)
    }

    fn echo_request(&self, from: Ipv4Addr) -> Vec<u8> {
        let sent = u64::try_from(self.began.elapsed().as_micros()).unwrap_or(0);
        let mut packet = vec![0x45, 0, 0, 0, 0, 0, 0, 0, 64, 1, 0, 0];
        packet.extend(from.octets());
        packet.extend(self.inside.octets());
        packet.extend([8, 0, 0, 0, 0, 1, 0, 1]);
        packet.extend(sent.to_be_bytes());
        packet.resize(HEADERS + ECHO, 0);
        let length = u16::try_from(packet.len()).unwrap_or(0).to_be_bytes();
        put(&mut packet, 2, length);
        let of_header = praya_tests::raw::checksum(packet.get(..20).unwrap_or_default());
        put(&mut packet, 10, of_header);
        let of_echo = praya_tests::raw::checksum(packet.get(20..).unwrap_or_default());
        put(&mut packet, 22, of_echo);
        packet
    }

    /// The round trip in ms, when this is an answer to one of ours.
    fn round_trip(&self, packet: &[u8]) -> Option<f64> {
        let is_answer = packet.get(9) == Some(&1) && packet.get(20) == Some(&0);
        let sent = u64::from_be_bytes(packet.get(HEADERS..HEADERS + 8)?.try_into().ok()?);
        let sent = self.began + Duration::from_micros(sent);
        is_answer.then(|| sent.elapsed().as_secs_f64() * 1e3)
    }

    /// From nothing to the first answer through a new tunnel, ms.
    pub(super) async fn first_packet(&self, socket: TcpStream, seat: &Seat) -> Result<f64> {
        let began = Instant::now();
        let mut stream = self.connect(socket, seat).await?;
        stream.write_all(&frame(kind::DATA, &self.echo_request(seat.inside))).await?;
        let mut received = Vec::new();
        loop {
            let (found, packet) = next_frame(&mut stream, &mut received).await?;
            if found == kind::DATA && self.round_trip(&packet).is_some() {
                return Ok(began.elapsed().as_secs_f64() * 1e3);
            }
        }
    }

    /// Whether TLS can be spoken at all; what happens afterwards is nobody's concern.
    pub(super) async fn knock(&self, socket: TcpStream) -> bool {
        self.shake_hands(socket).await.is_ok()
    }
}

impl Crowd {
    pub(super) fn new(place: Place) -> Self {
        let pace = watch::Sender::new(Duration::ZERO);
        Self { place, clients: JoinSet::new(), connected: 0, pace, echoes: Arc::default() }
    }

    /// How many are connected.
    pub(super) fn count(&self) -> usize {
        self.connected
    }

    /// Connects a client for every seat; returns how long that took. Active ones send while [`Self::exercise`] runs.
    ///
    /// # Errors
    /// When one is refused.
    pub(super) async fn join(&mut self, from: &Namespace, seats: &[Seat], active: bool) -> Result<Duration> {
        let sockets = Place::sockets(from, seats.len())?;
        let room = Arc::new(Semaphore::new(AT_ONCE));
        let began = Instant::now();
        let mut arrivals = JoinSet::new();
        for (socket, seat) in sockets.into_iter().zip(seats) {
            let (place, seat, room) = (self.place.clone(), seat.clone(), Arc::clone(&room));
            arrivals.spawn(async move {
                let _place = room.acquire().await?;
                let stream = place.connect(socket, &seat).await.with_context(|| seat.cookie.clone())?;
                Ok::<_, anyhow::Error>((stream, seat))
            });
        }
        while let Some(arrived) = arrivals.join_next().await {
            let (stream, seat) = arrived??;
            self.connected += 1;
            let place = self.place.clone();
            if active {
                let (pace, echoes) = (self.pace.subscribe(), Arc::clone(&self.echoes));
                self.clients.spawn(async move { place.be_active(stream, &seat, pace, &echoes).await });
            } else {
                self.clients.spawn(be_there(stream));
            }
        }
        Ok(began.elapsed())
    }

    /// Lets the active clients send an echo request each `pace`, for `length`; returns requests, answers, and round trips.
    ///
    /// # Errors
    /// When a client has ended.
    pub(super) async fn exercise(&mut self, pace: Duration, length: Duration) -> Result<(u64, Vec<f64>)> {
        self.echoes.sent.store(0, Ordering::Relaxed);
        self.echoes.times.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.pace.send_replace(pace);
        tokio::time::sleep(length).await;
        self.pace.send_replace(Duration::ZERO);
        // What is still on its way.
        tokio::time::sleep(Duration::from_millis(500)).await;
        let sent = self.echoes.sent.load(Ordering::Relaxed);
        let times = std::mem::take(&mut *self.echoes.times.lock().unwrap_or_else(PoisonError::into_inner));
        self.all_there()?;
        Ok((sent, times))
    }

    /// Fails when a client has been thrown out.
    pub(super) fn all_there(&mut self) -> Result<()> {
        match self.clients.try_join_next() {
            None => Ok(()),
            Some(ended) => ended?.context("a client of the crowd has ended"),
        }
    }
}

impl Place {
    async fn be_active(
        &self,
        mut stream: Stream,
        seat: &Seat,
        mut pace: watch::Receiver<Duration>,
        echoes: &Echoes,
    ) -> Result<()> {
        let mut received = Vec::new();
        let mut tick = None;
        loop {
            tokio::select! {
                changed = pace.changed() => {
                    changed?;
                    let pace = *pace.borrow_and_update();
                    // Each begins at a moment of its own.
                    let share = f64::from(u32::from(seat.inside) % 1_000) / 1_000.0;
                    let first = tokio::time::Instant::now() + pace.mul_f64(share);
                    tick = (!pace.is_zero()).then(|| tokio::time::interval_at(first, pace));
                }
                () = next_tick(&mut tick) => {
                    echoes.sent.fetch_add(1, Ordering::Relaxed);
                    stream.write_all(&frame(kind::DATA, &self.echo_request(seat.inside))).await?;
                }
                more = read_more(&mut stream, &mut received) => {
                    more?;
                    while let Some((found, packet)) = take_frame(&mut received) {
                        if let Some(time) = self.round_trip(&packet).filter(|_| found == kind::DATA) {
                            echoes.times.lock().unwrap_or_else(PoisonError::into_inner).push(time);
                        }
                        answer(&mut stream, found, &packet).await?;
                    }
                }
            }
        }
    }
}

async fn next_tick(tick: &mut Option<tokio::time::Interval>) {
    match tick {
        Some(tick) => drop(tick.tick().await),
        None => std::future::pending().await,
    }
}

/// Holds an idle tunnel.
async fn be_there(mut stream: Stream) -> Result<()> {
    let mut received = Vec::new();
    loop {
        let (found, packet) = next_frame(&mut stream, &mut received).await?;
        answer(&mut stream, found, &packet).await?;
        received.shrink_to_fit();
    }
}

async fn answer(stream: &mut Stream, found: u8, packet: &[u8]) -> Result<()> {
    ensure!(found != kind::DISCONNECT, "told to go: {}", String::from_utf8_lossy(packet));
    if found == kind::DPD_REQUEST {
        stream.write_all(&frame(kind::DPD_RESPONSE, packet)).await?;
    }
    Ok(())
}

async fn next_frame(stream: &mut Stream, received: &mut Vec<u8>) -> Result<(u8, Vec<u8>)> {
    loop {
        if let Some(found) = take_frame(received) {
            return Ok(found);
        }
        read_more(stream, received).await?;
    }
}

async fn read_more(stream: &mut Stream, received: &mut Vec<u8>) -> Result<()> {
    received.reserve(2_048);
    ensure!(stream.read_buf(received).await? > 0, "the gateway has closed");
    Ok(())
}

fn take_frame(received: &mut Vec<u8>) -> Option<(u8, Vec<u8>)> {
    let length = usize::from(u16::from_be_bytes([*received.get(4)?, *received.get(5)?]));
    let found = *received.get(6)?;
    let payload = received.get(8..8 + length)?.to_vec();
    received.drain(..8 + length);
    Some((found, payload))
}

fn put(packet: &mut [u8], at: usize, value: [u8; 2]) {
    if let Some(field) = packet.get_mut(at..at + 2) {
        field.copy_from_slice(&value);
    }
}

/// Sign-ins by name and password, four at a time: how many in a second.
///
/// # Errors
/// When one is refused.
pub(super) fn sign_ins(
    from: &Namespace,
    gateway: SocketAddr,
    names: &[String],
    password: &str,
) -> Result<f64> {
    let began = Instant::now();
    std::thread::scope(|scope| {
        let threads: Vec<_> = names
            .chunks(names.len().div_ceil(4).max(1))
            .map(|names| {
                scope.spawn(move || {
                    for name in names {
                        praya_tests::raw::sign_in_over(&mut Rude::connect(from, gateway)?, name, password)?;
                    }
                    Ok::<_, anyhow::Error>(())
                })
            })
            .collect();
        threads.into_iter().try_for_each(|thread| thread.join().ok().context("a thread")?)
    })?;
    Ok(names.len() as f64 / began.elapsed().as_secs_f64())
}
