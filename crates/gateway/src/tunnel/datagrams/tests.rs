//! Real sockets on loopback: what reaches a session, and what does not.

use std::net::UdpSocket;

use praya_datapath::timers::{Rhythm, Role};
use praya_datapath::udp::{ChannelSettings, SURE_DATAGRAM, UdpChannel, UdpIo};
use praya_datapath::{Channel, Delivery, Packet};
use praya_dtls::{Config, Handshake};
use tokio::time::timeout;

use super::*;

const PATIENCE: Duration = Duration::from_secs(20);

/// A gateway's sockets with their receivers.
struct Lab {
    datagrams: Arc<Datagrams>,
    address: SocketAddr,
    metrics: Metrics,
    _stop: watch::Sender<bool>,
}

fn lab() -> Lab {
    lab_with(MANY_HELLOS)
}

fn lab_with(many_hellos: u32) -> Lab {
    let metrics = Metrics::new();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let datagrams = Datagrams::new(vec![Socket::listen(socket).unwrap()], metrics.clone()).unwrap();
    datagrams.guard().loaded_from = many_hellos;
    let (stop, stopping) = watch::channel(false);
    tokio::spawn(Arc::clone(&datagrams).receive(0, stopping));
    Lab { datagrams, address, metrics, _stop: stop }
}

fn id(number: u8) -> SessionId {
    SessionId::new(&[number; 32]).unwrap()
}

fn config(number: u8) -> Config {
    Config::psk(&[number; 32], id(number))
}

fn settings(role: Role, number: u8, peer: Option<SocketAddr>) -> ChannelSettings {
    let rhythm =
        Rhythm { role, dpd: Duration::from_secs(30), keepalive: Duration::ZERO, rekey: Duration::ZERO };
    ChannelSettings {
        rhythm,
        config: config(number),
        peer: peer.map(Path::from),
        mtu: 1400,
        sure_datagram: SURE_DATAGRAM,
        longest_datagram: None,
    }
}

/// One end of a session, polled by hand.
struct End<D> {
    channel: UdpChannel<D>,
    packets: Vec<bytes::Bytes>,
}

impl<D: DatagramIo> End<D> {
    fn new(io: D, settings: ChannelSettings) -> Self {
        Self { channel: UdpChannel::new(io, settings, Instant::now()), packets: Vec::new() }
    }

    /// Runs it until `done`.
    async fn until(&mut self, done: impl Fn(&mut Self) -> bool) {
        loop {
            let next = poll_fn(|cx| {
                let now = Instant::now();
                while self.channel.poll_receive(cx, now, &mut self.packets).is_ready() {}
                let _ = self.channel.take_tls_keepalive();
                let _ = self.channel.poll_flush(cx, now);
                Poll::Ready(self.channel.next_timer())
            })
            .await;
            if done(self) {
                return;
            }
            let timer = tokio::time::sleep_until(next.map_or(Instant::now() + PATIENCE, |at| at).into());
            tokio::pin!(timer);
            poll_fn(|cx| {
                let moved = self.channel.poll_receive(cx, Instant::now(), &mut self.packets);
                if moved.is_ready() || timer.as_mut().poll(cx).is_ready() {
                    Poll::Ready(())
                } else {
                    Poll::Pending
                }
            })
            .await;
        }
    }

    fn send(&mut self, packet: &[u8]) -> Delivery {
        self.channel.send(&Packet::ordinary(bytes::Bytes::copy_from_slice(packet)), Instant::now())
    }
}

/// A client and its gateway session, both on UDP.
async fn session(lab: &Lab, number: u8) -> (End<UdpIo>, End<DatagramPort>) {
    let port = lab.datagrams.register(id(number));
    let mut gateway = End::new(port, settings(Role::Gateway, number, None));
    let client = UdpIo::connect(lab.address).unwrap();
    let mut client = End::new(client, settings(Role::Client, number, Some(lab.address)));
    up(&mut client, &mut gateway).await;
    (client, gateway)
}

async fn up(client: &mut End<UdpIo>, gateway: &mut End<DatagramPort>) {
    let both = async {
        tokio::join!(
            client.until(|end| end.channel.channel() == Channel::Udp),
            gateway.until(|end| end.channel.channel() == Channel::Udp),
        );
    };
    timeout(PATIENCE, both).await.expect("no channel");
}

async fn carries(client: &mut End<UdpIo>, gateway: &mut End<DatagramPort>) {
    for number in 0..20u8 {
        client.packets.clear();
        gateway.packets.clear();
        assert_eq!(client.send(&[number; 1000]), Delivery::Delivered);
        assert_eq!(gateway.send(&[number; 300]), Delivery::Delivered);
        let both = async {
            tokio::join!(
                client.until(|end| !end.packets.is_empty()),
                gateway.until(|end| !end.packets.is_empty())
            );
        };
        timeout(PATIENCE, both).await.expect("no packet");
        assert_eq!(client.packets, [&[number; 300][..]]);
        assert_eq!(gateway.packets, [&[number; 1000][..]]);
    }
}

/// Until everything that was sent to the gateway before has been dealt with.
async fn caught_up(lab: &Lab) {
    let before = lab.metrics.datagrams.malformed.get();
    let marker = UdpSocket::bind("127.0.0.1:0").unwrap();
    let caught_up = async {
        // The marker may be lost with the rest, in a full receive buffer.
        while lab.metrics.datagrams.malformed.get() == before {
            marker.send_to(b"marker", lab.address).unwrap();
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, caught_up).await.expect("the receiver stands still");
}

fn hello(number: u8, random: u8) -> Vec<u8> {
    let mut hello = Handshake::client(config(number), [random; 32], Instant::now());
    hello.poll_transmit().unwrap()
}

fn waiting(port: &mut DatagramPort) -> usize {
    let mut batch = Vec::new();
    let mut cx = Context::from_waker(std::task::Waker::noop());
    let _ = port.poll_recv(&mut cx, &mut batch);
    batch.iter().map(|run| run.bytes.len().div_ceil(run.stride)).sum()
}

#[tokio::test]
async fn sessions_behind_one_socket_carry_their_own_packets() {
    let lab = lab();
    let mut sessions = Vec::new();
    for number in 1..=5 {
        sessions.push(session(&lab, number).await);
    }
    for (client, gateway) in &mut sessions {
        carries(client, gateway).await;
    }
}

#[tokio::test]
async fn a_client_whose_port_changes_is_found_by_its_network() {
    let lab = lab();
    let (mut client, mut gateway) = session(&lab, 1).await;
    let (mut neighbour, mut neighbours_gateway) = session(&lab, 2).await;
    client.channel.network_changed(Instant::now());
    assert_eq!(client.send(b"from the new port"), Delivery::Delivered);
    let both = async {
        tokio::select! {
            () = client.until(|_| false) => {}
            () = gateway.until(|end| !end.packets.is_empty()) => {}
        }
    };
    timeout(PATIENCE, both).await.expect("no packet");
    carries(&mut client, &mut gateway).await;
    carries(&mut neighbour, &mut neighbours_gateway).await;
}

#[tokio::test]
async fn a_new_session_of_a_known_address_is_found_by_its_hello() {
    let lab = lab();
    let (client, gateway) = session(&lab, 1).await;
    drop((client, gateway));
    let (mut client, mut gateway) = session(&lab, 1).await;
    carries(&mut client, &mut gateway).await;
}

#[tokio::test]
async fn a_flood_of_hellos_that_name_nobody_is_not_answered_and_reaches_nobody() {
    let lab = lab();
    let mut port = lab.datagrams.register(id(1));
    let flood = UdpSocket::bind("127.0.0.1:0").unwrap();
    for random in 0..2000u32 {
        flood.send_to(&hello(200, random as u8), lab.address).unwrap();
    }
    caught_up(&lab).await;
    assert_eq!(waiting(&mut port), 0);
    assert!(lab.metrics.datagrams.unknown_hello.get() > 0);
    flood.set_nonblocking(true).unwrap();
    assert!(flood.recv(&mut [0; 100]).is_err(), "nobody is answered");
}

#[tokio::test]
async fn under_load_a_hello_has_to_prove_where_it_comes_from_and_the_question_is_shorter() {
    let lab = lab_with(1);
    let mut port = lab.datagrams.register(id(1));
    let socket = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let asked = hello(1, 7);
    let mut reply = [0; 2048];
    let len = timeout(PATIENCE, async {
        loop {
            // The first one may find the socket not yet ready to be written to.
            socket.send_to(&asked, lab.address).await.unwrap();
            let answer = timeout(Duration::from_millis(200), socket.recv(&mut reply)).await;
            if let Ok(len) = answer {
                break len.unwrap();
            }
        }
    })
    .await
    .unwrap();
    assert!(len <= asked.len(), "{len} for {}", asked.len());
    assert_eq!(waiting(&mut port), 0);
    // And a client gets through all the same.
    drop(port);
    let (mut client, mut gateway) = session(&lab, 1).await;
    carries(&mut client, &mut gateway).await;
}

#[tokio::test]
async fn a_session_goes_on_while_its_neighbour_is_flooded() {
    let lab = lab();
    let (mut client, mut gateway) = session(&lab, 1).await;
    let mut flooded = lab.datagrams.register(id(2));
    let flood = UdpSocket::bind("127.0.0.1:0").unwrap();
    flood.send_to(&hello(2, 1), lab.address).unwrap();
    caught_up(&lab).await;
    assert_eq!(waiting(&mut flooded), 1);
    // From an address that the neighbour claims, so that all of it is for the neighbour.
    let mut data = vec![0; 1000];
    data[..13].copy_from_slice(&[23, 254, 253, 0, 1, 0, 0, 0, 0, 0, 1, 4, 163]);
    for _ in 0..20 {
        for _ in 0..200 {
            flood.send_to(&data, lab.address).unwrap();
        }
        carries(&mut client, &mut gateway).await;
    }
    assert!(lab.metrics.datagrams.queue_full.get() > 0);
    let counts = gateway.channel.take_counts();
    assert_eq!((counts.forged, counts.replayed, counts.malformed), (0, 0, 0), "nothing of it was seen");
}

#[tokio::test]
async fn a_session_at_two_ports_holds_nobody_up() {
    let lab = lab();
    let mut port = lab.datagrams.register(id(1));
    let [one, other] = [1, 2].map(|port| Path::from(SocketAddr::from(([192, 0, 2, 1], port))));
    for path in [one, other] {
        lab.datagrams.table_mut().claim(port.key, path.remote, true);
    }
    // While somebody looks for sessions, nobody can change where they are.
    let looking = lab.datagrams.table();
    let (done, is_done) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for _ in 0..10 {
            port.adopt(one);
            port.adopt(other);
        }
        done.send(port)
    });
    let port = is_done.recv_timeout(PATIENCE).expect("it waits for others");
    drop(looking);
    drop(port);
}

#[tokio::test]
async fn a_session_looks_into_its_inbox_before_the_receiver_takes_more() {
    let lab = lab();
    let mut port = lab.datagrams.register(id(1));
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    let path = Path::from(client.local_addr().unwrap());
    port.adopt(path);
    caught_up(&lab).await;
    // All of it waits in the socket before the receiver runs.
    let mut data = [0; 100];
    data[0] = DATA;
    for _ in 0..100 {
        client.send_to(&data, lab.address).unwrap();
    }
    let (mut seen, mut most) = (0, 0);
    let looking = async {
        while seen < 100 {
            let mut batch = Vec::new();
            poll_fn(|cx| port.poll_recv(cx, &mut batch)).await.unwrap();
            seen += batch.iter().map(|run| run.bytes.len() / run.stride).sum::<usize>();
            most = most.max(batch.len());
        }
    };
    timeout(PATIENCE, looking).await.expect("lost");
    assert!(most <= 16, "{most} runs at once");
}

#[tokio::test]
async fn replays_and_noise_from_elsewhere_do_not_disturb_a_session() {
    let lab = lab();
    let (mut client, mut gateway) = session(&lab, 1).await;
    let stranger = UdpSocket::bind("127.0.0.1:0").unwrap();
    for length in 1..1500 {
        stranger.send_to(&vec![(length % 251) as u8; length], lab.address).unwrap();
        let mut record = vec![0; 13 + length];
        record[..5].copy_from_slice(&[23, 254, 253, 0, 1]);
        record[11..13].copy_from_slice(&(length as u16).to_be_bytes());
        stranger.send_to(&record, lab.address).unwrap();
        if length % 100 == 0 {
            caught_up(&lab).await;
        }
    }
    carries(&mut client, &mut gateway).await;
    assert!(lab.metrics.datagrams.unknown_source.get() > 0, "only a few are shown to the sessions there");
}

#[tokio::test]
async fn the_end_of_a_session_leaves_nothing() {
    let lab = lab();
    let (client, gateway) = session(&lab, 1).await;
    drop(gateway);
    let before = lab.metrics.datagrams.unknown_source.get();
    let mut client = client;
    assert_eq!(client.send(b"nobody there"), Delivery::Delivered);
    let told = async {
        client.until(|_| lab.metrics.datagrams.unknown_source.get() > before).await;
    };
    timeout(PATIENCE, told).await.expect("it went somewhere");
}
