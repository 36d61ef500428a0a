//! The switch with real sessions and hand-made packets.

use std::num::NonZeroU32;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use praya_datapath::counters::DropReason;
use praya_datapath::io::PacketIo as _;
use praya_model::EndReason;
use praya_model::resource::{PortRange, Protocol};
use tokio::sync::mpsc;

use super::super::lab::{Lab, WEB, now, staff};
use super::super::packets::{ACK, SYN, icmp4, icmp6, tcp, udp, unfinished};
use super::*;
use crate::sessions::ConnectProof;
use crate::store::{Group, Rates};

/// Alice with a tunnel: her address, her port, what keeps the route.
macro_rules! attached {
    ($lab:expr, $mtu:expr) => {{
        let grant = $lab.sign_in(None);
        attach_again!($lab, grant, $mtu)
    }};
}

macro_rules! attach_again {
    ($lab:expr, $grant:expr, $mtu:expr) => {{
        let proof = ConnectProof { proof: None, exporter: None };
        let attached = $lab.sessions.attach(&$grant.cookie, proof, now()).await.unwrap();
        let addresses: Vec<IpAddr> = attached.tunnel.addresses.iter().map(IpNet::addr).collect();
        let session = Arc::clone(&attached.session);
        let (attachment, port) =
            $lab.switch.attach(session, attached.channel, addresses.clone(), $mtu, $lab.uplink()).unwrap();
        (addresses[0].to_string(), port, attachment, attached)
    }};
}

/// Packets that come from the device.
fn from_network(lab: &Lab, packets: impl IntoIterator<Item = Packet>) {
    lab.switch.deliver(&mut packets.into_iter().collect(), &lab.outside, Instant::now());
}

fn ordinary(packet: &[u8]) -> Packet {
    Packet::ordinary(Bytes::copy_from_slice(packet))
}

/// What the client sends.
fn send(port: &mut SessionPort, packet: &[u8]) -> Delivery {
    port.deliver(&Run::whole(packet, Offload::NONE, 1, packet.len())).unwrap()
}

/// The next packet for the client.
fn received(port: &mut SessionPort) -> Option<Vec<u8>> {
    let mut batch = Vec::new();
    port.take(Instant::now(), 1, &mut batch);
    batch.pop().map(|packet| packet.bytes.to_vec())
}

struct Device(mpsc::Receiver<Packet>);

impl Downlink for Device {
    async fn recv(&mut self, batch: &mut Vec<Packet>) -> io::Result<()> {
        match self.0.recv_many(batch, 2).await {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }
}

#[tokio::test]
async fn packets_flow_both_ways_and_are_counted() {
    let lab = Lab::new(|_| {});
    let (client, mut port, _attachment, attached) = attached!(lab, 1400);
    let syn = tcp(&client, 40_000, WEB, 80, SYN);
    assert_eq!(send(&mut port, &syn), Delivery::Delivered);
    assert_eq!(lab.outside.take(), std::slice::from_ref(&syn));
    let answer = tcp(WEB, 80, &client, 40_000, SYN | ACK);
    from_network(&lab, [ordinary(&answer)]);
    assert_eq!(received(&mut port), Some(answer));
    let traffic = &attached.session.traffic;
    assert_eq!(traffic.bytes_in.load(Relaxed), syn.len() as u64);
    assert_eq!(traffic.bytes_out.load(Relaxed), 40);
    let all = &lab.metrics.traffic;
    assert_eq!((all.packets_in.get(), all.packets_out.get()), (1, 1));
}

#[tokio::test]
async fn the_reader_hands_packets_from_the_device_to_their_sessions() {
    let lab = Lab::new(|_| {});
    let (client, mut port, _attachment, _attached) = attached!(lab, 1400);
    let (kernel, device) = mpsc::channel(16);
    let answer = tcp(WEB, 80, &client, 40_000, ACK);
    for _ in 0..3 {
        kernel.send(ordinary(&answer)).await.unwrap();
    }
    drop(kernel);
    lab.switch.run(Device(device), &lab.outside).await.unwrap_err();
    for _ in 0..3 {
        assert_eq!(received(&mut port).as_ref(), Some(&answer));
    }
}

#[tokio::test]
async fn a_foreign_source_is_dropped_and_counted() {
    let lab = Lab::new(|_| {});
    let (_client, mut port, _attachment, attached) = attached!(lab, 1400);
    for forged in [tcp("10.88.0.77", 40_000, WEB, 80, SYN), tcp("172.31.0.9", 40_000, WEB, 80, SYN)] {
        assert_eq!(send(&mut port, &forged), Delivery::Dropped);
    }
    assert_eq!(send(&mut port, b"\x45garbage"), Delivery::Dropped);
    assert!(lab.outside.take().is_empty());
    assert_eq!(lab.metrics.drops.get(Dropped::Spoofed), 2);
    assert_eq!(lab.metrics.drops.get(Dropped::Malformed), 1);
    let drops: Vec<_> = attached.session.traffic.drops().collect();
    assert_eq!(drops, [(Dropped::Malformed, 1), (Dropped::Spoofed, 2)]);
}

#[tokio::test]
async fn what_is_denied_is_refused_at_once_and_not_without_end() {
    let lab = Lab::new(|_| {});
    let (client, mut port, _attachment, _attached) = attached!(lab, 1400);
    let denied = tcp(&client, 40_000, WEB, 443, SYN);
    assert_eq!(send(&mut port, &denied), Delivery::Dropped);
    let error = received(&mut port).unwrap();
    let error = ip::Packet::parse(&error).unwrap();
    assert_eq!((error.icmp(), error.src().to_string()), (Some((3, 13)), "10.88.0.1".into()));
    for _ in 0..100 {
        send(&mut port, &denied);
    }
    let mut more = 0;
    while received(&mut port).is_some() {
        more += 1;
    }
    assert!(more < 20, "{more}");
    assert!(lab.outside.take().is_empty());
}

#[tokio::test]
async fn a28_noise_and_what_is_denied_do_not_keep_a_session_from_being_idle() {
    let lab = Lab::new(|_| {});
    let (client, mut port, _attachment, attached) = attached!(lab, 1400);
    let client6 = attached.tunnel.addresses[1].addr().to_string();
    let traffic = &attached.session.traffic;
    let before = traffic.last_user();
    // The clock has to have moved on for the difference to show.
    while now() <= before {
        std::thread::yield_now();
    }
    for quiet in [
        icmp6(&client6, "ff02::2", 133, 0, b""),
        udp(&client, 5353, "224.0.0.251", 5353, 20),
        udp(&client, 1900, "239.255.255.250", 1900, 20),
        tcp(&client, 40_000, WEB, 443, SYN),
    ] {
        send(&mut port, &quiet);
    }
    assert_eq!(traffic.last_user(), before);
    send(&mut port, &icmp4(&client, WEB, 8, 0, b"ping"));
    assert!(traffic.last_user() > before);
}

#[tokio::test]
async fn packets_for_nobody_are_dropped() {
    let lab = Lab::new(|_| {});
    let (client, port, attachment, _attached) = attached!(lab, 1400);
    from_network(&lab, [ordinary(&tcp(WEB, 80, "10.88.77.77", 40_000, ACK))]);
    assert_eq!(lab.metrics.drops.get(Dropped::NoSession), 1);
    let answer = Bytes::from(tcp(WEB, 80, &client, 40_000, ACK));
    drop((attachment, port));
    from_network(&lab, [ordinary(&answer)]);
    assert_eq!(lab.metrics.drops.get(Dropped::NoSession), 2);
}

#[tokio::test]
async fn a_packet_that_does_not_fit_the_tunnel_is_cut_or_answered_to_its_sender() {
    let lab = Lab::new(|config| {
        let dns = "172.31.0.53".parse().unwrap();
        config.tunnel.dns_servers = vec![dns];
    });
    let (client, mut port, _attachment, _attached) = attached!(lab, 1000);
    let mut long = udp("172.31.0.53", 53, &client, 40_000, 1100);
    from_network(&lab, [ordinary(&long.clone())]);
    let (first, second) = (received(&mut port).unwrap(), received(&mut port).unwrap());
    assert_eq!((first.len(), [&first[20..], &second[20..]].concat()), (996, long[20..].to_vec()));
    assert!(lab.outside.take().is_empty(), "who does not ask is not told");

    long[6] = 0x40;
    from_network(&lab, [ordinary(&long)]);
    assert_eq!(received(&mut port), None);
    let sent = lab.outside.take();
    let error = ip::Packet::parse(&sent[0]).unwrap();
    assert_eq!((error.icmp(), error.dst().to_string()), (Some((3, 4)), "172.31.0.53".into()));
}

#[tokio::test]
async fn what_runs_on_the_gateway_s_machine_is_refused_and_follows_its_addresses() {
    let lab = Lab::new(|_| {});
    let (client, mut port, attachment, attached) = attached!(lab, 1400);
    let networks = vec![praya_model::resource::Endpoint {
        protocol: Protocol::Tcp,
        net: "172.31.0.0/16".parse().unwrap(),
        ports: PortRange::ALL,
    }];
    lab.store
        .put_group(&Group { name: staff(), description: String::new(), networks, rates: Rates::default() })
        .unwrap();
    lab.sessions.reconcile(now()).await.unwrap();
    attachment.set_access(&attached.session.access());
    let syn = tcp(&client, 40_000, "172.31.0.1", 22, SYN);
    assert_eq!(send(&mut port, &syn), Delivery::Delivered);
    lab.switch.settings.own.set(["172.31.0.1/32".parse().unwrap()]);
    assert_eq!(send(&mut port, &syn), Delivery::Dropped);
    let refusal = received(&mut port).unwrap();
    assert_eq!(ip::Packet::parse(&refusal).unwrap().icmp(), Some((3, 13)));
    assert_eq!(lab.metrics.drops.get(Dropped::DeniedOut), 1);
}

#[tokio::test]
async fn the_newest_channel_has_the_route_and_the_old_one_does_not_take_it_along() {
    let lab = Lab::new(|_| {});
    let grant = lab.sign_in(None);
    let (client, mut old_port, old_attachment, old) = attach_again!(lab, grant, 1400);
    let (_, mut port, _attachment, _attached) = attach_again!(lab, grant, 1400);
    let late = lab.switch.attach(
        Arc::clone(&old.session),
        old.channel,
        vec![client.parse().unwrap()],
        1400,
        lab.uplink(),
    );
    assert!(late.is_none(), "an old channel cannot come back");
    drop(old_attachment);
    let answer = tcp(WEB, 80, &client, 40_000, ACK);
    from_network(&lab, [ordinary(&answer)]);
    assert_eq!(received(&mut port), Some(answer));
    assert_eq!(received(&mut old_port), None);
}

#[tokio::test]
async fn an_ended_session_gets_no_route() {
    let lab = Lab::new(|_| {});
    let (client, mut _port, attachment, attached) = attached!(lab, 1400);
    drop(attachment);
    lab.sessions.end(&attached.session.id, EndReason::Admin, "admin:root", now()).await;
    let again = lab.switch.attach(
        attached.session,
        attached.channel,
        vec![client.parse().unwrap()],
        1400,
        lab.uplink(),
    );
    assert!(again.is_none());
}

#[tokio::test]
async fn an_ended_session_carries_nothing_though_its_channel_still_says_goodbye() {
    let lab = Lab::new(|_| {});
    let (client, mut port, _attachment, attached) = attached!(lab, 1400);
    let request = tcp(&client, 40_000, WEB, 80, SYN);
    assert_eq!(send(&mut port, &request), Delivery::Delivered);
    lab.sessions.end(&attached.session.id, EndReason::Admin, "admin:root", now()).await;
    assert_eq!(send(&mut port, &request), Delivery::Dropped);
    from_network(&lab, [ordinary(&tcp(WEB, 80, &client, 40_000, ACK))]);
    assert_eq!(received(&mut port), None);
}

#[tokio::test]
async fn changed_groups_are_followed() {
    let lab = Lab::new(|_| {});
    let (client, mut port, attachment, attached) = attached!(lab, 1400);
    let https = tcp(&client, 40_000, WEB, 443, SYN);
    assert_eq!(send(&mut port, &https), Delivery::Dropped);
    let networks = vec![praya_model::resource::Endpoint {
        protocol: Protocol::Tcp,
        net: format!("{WEB}/32").parse().unwrap(),
        ports: PortRange::one(443),
    }];
    lab.store
        .put_group(&Group { name: staff(), description: String::new(), networks, rates: Rates::default() })
        .unwrap();
    lab.sessions.reconcile(now()).await.unwrap();
    attachment.set_access(&attached.session.access());
    assert_eq!(send(&mut port, &https), Delivery::Delivered);
    assert_eq!(send(&mut port, &tcp(&client, 40_000, WEB, 80, SYN)), Delivery::Dropped);
}

/// A TCP segment with so many bytes in segments of 1,000.
fn super_tcp(src: &str, dst: &str, data: usize) -> Packet {
    let mut packet = tcp(src, 80, dst, 40_000, ACK);
    packet.extend(vec![0x55; data]);
    let [high, low] = u16::try_from(packet.len()).unwrap().to_be_bytes();
    (packet[2], packet[3]) = (high, low);
    let offload = Offload { partial_checksum: true, segment_size: 1000 };
    Packet { bytes: Bytes::from(unfinished(packet)), offload }
}

#[tokio::test]
async fn a_super_packet_passes_whole_and_counts_as_what_it_stands_for() {
    let lab = Lab::new(|_| {});
    let (client, mut port, _attachment, attached) = attached!(lab, 1400);
    let whole = super_tcp(WEB, &client, 4500);
    from_network(&lab, [whole.clone()]);
    let mut batch = Vec::new();
    port.take(Instant::now(), 1, &mut batch);
    assert_eq!(batch, [whole]);
    assert_eq!(lab.metrics.traffic.packets_out.get(), 5);
    assert_eq!(attached.session.traffic.bytes_out.load(Relaxed), 4500 + 5 * 40);

    let mut sent = tcp(&client, 40_000, WEB, 80, ACK);
    sent.extend(vec![0x55; 3000]);
    sent[2..4].copy_from_slice(&3040_u16.to_be_bytes());
    let run = Run::whole(&sent, Offload { partial_checksum: true, segment_size: 1000 }, 3, 3120);
    assert_eq!(port.deliver(&run).unwrap(), Delivery::Delivered);
    assert_eq!((lab.metrics.traffic.packets_in.get(), lab.metrics.traffic.bytes_in.get()), (3, 3120));
    let denied = tcp(&client, 40_000, WEB, 443, ACK);
    let run = Run::whole(&denied, Offload { partial_checksum: true, segment_size: 1000 }, 3, 3120);
    assert_eq!(port.deliver(&run).unwrap(), Delivery::Dropped);
    assert_eq!(lab.metrics.drops.get(Dropped::DeniedOut), 3);
}

#[tokio::test]
async fn of_a_super_packet_whose_packets_do_not_fit_tcp_passes_and_datagrams_are_cut_one_by_one() {
    let lab = Lab::new(|config| config.tunnel.dns_servers = vec!["172.31.0.53".parse().unwrap()]);
    let (client, mut port, _attachment, _attached) = attached!(lab, 700);
    let long = super_tcp(WEB, &client, 4500);
    from_network(&lab, [long.clone()]);
    assert_eq!(received(&mut port), Some(long.bytes.to_vec()), "whoever sends it can split it smaller");

    let datagrams = unfinished(udp("172.31.0.53", 53, &client, 40_000, 2500));
    let offload = Offload { partial_checksum: true, segment_size: 1000 };
    from_network(&lab, [Packet { bytes: Bytes::from(datagrams), offload }]);
    let mut lengths = Vec::new();
    while let Some(piece) = received(&mut port) {
        assert!(ip::Packet::parse(&piece).is_ok());
        lengths.push(piece.len());
    }
    lengths.sort_unstable();
    assert_eq!(lengths, [348, 348, 528, 700, 700]);
}

#[tokio::test]
async fn of_a_slow_session_s_super_packet_the_others_wait_for_one_packet_only() {
    let lab = Lab::new(|_| {});
    let group = lab.store.groups().unwrap().remove(0);
    for (megabits, lengths) in [(50, vec![700, 700, 700, 700, 700, 700, 580]), (200, vec![4540])] {
        let rates = Rates { to_client: NonZeroU32::new(megabits), from_client: None };
        lab.store.put_group(&Group { rates, ..group.clone() }).unwrap();
        let (client, mut port, _attachment, _attached) = attached!(lab, 700);
        from_network(&lab, [super_tcp(WEB, &client, 4500)]);
        let received: Vec<_> = std::iter::from_fn(|| received(&mut port)).collect();
        assert_eq!(received.iter().map(Vec::len).collect::<Vec<_>>(), lengths, "{megabits} Mbit/s");
    }
}

#[derive(Default)]
struct Woken(std::sync::atomic::AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Relaxed);
    }
}

#[tokio::test]
async fn packets_that_come_together_wake_the_pump_once() {
    let lab = Lab::new(|_| {});
    let (client, mut port, _attachment, _attached) = attached!(lab, 1400);
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(Arc::clone(&woken));
    let mut context = Context::from_waker(&waker);
    let answer = tcp(WEB, 80, &client, 40_000, ACK);
    for times in 1..=2 {
        assert!(port.poll_ready(&mut context, Instant::now()).is_pending());
        from_network(&lab, (0..50).map(|_| ordinary(&answer)));
        from_network(&lab, [ordinary(&answer)]);
        assert_eq!(woken.0.load(Relaxed), times);
        while received(&mut port).is_some() {}
    }
}

#[tokio::test]
async fn a_full_queue_is_told_to_the_pump_once() {
    let lab = Lab::new(|config| config.limits.queue_packets = 2);
    let (client, mut port, _attachment, attached) = attached!(lab, 1400);
    from_network(&lab, (0..5).map(|_| ordinary(&tcp(WEB, 80, &client, 40_000, ACK))));
    let mut context = Context::from_waker(Waker::noop());
    assert!(port.poll_ready(&mut context, Instant::now()).is_ready());
    assert_eq!(port.queue_drops(), [(DropReason::QueueFull, 3), (DropReason::QueueDelay, 0)]);
    assert_eq!(port.queue_drops(), [(DropReason::QueueFull, 0), (DropReason::QueueDelay, 0)]);
    assert_eq!(lab.metrics.drops.get(Dropped::QueueFull), 3);
    assert_eq!(attached.session.traffic.drops().collect::<Vec<_>>(), [(Dropped::QueueFull, 3)]);
}

#[tokio::test]
async fn a_session_keeps_to_its_rate_and_follows_a_change() {
    let lab = Lab::new(|_| {});
    let (client, mut port, attachment, attached) = attached!(lab, 1400);
    let one = NonZeroU32::new(1);
    let group = lab.store.groups().unwrap().remove(0);
    let set = |rates| lab.store.put_group(&Group { rates, ..group.clone() }).unwrap();
    let data = |len: usize| {
        let mut packet = tcp(&client, 40_000, WEB, 80, ACK);
        packet.extend(vec![0x55; len - 40]);
        packet[2..4].copy_from_slice(&u16::try_from(len).unwrap().to_be_bytes());
        packet
    };
    let passed = |port: &mut SessionPort| {
        let passed = (0..1000).filter(|_| send(port, &data(1400)) == Delivery::Delivered);
        passed.count()
    };
    assert_eq!(passed(&mut port), 1000, "no group has a rate");

    set(Rates { to_client: one, from_client: one });
    lab.sessions.reconcile(now()).await.unwrap();
    attachment.set_access(&attached.session.access());
    let few = passed(&mut port);
    assert!((90..150).contains(&few), "{few}: a burst of 128 KiB");
    assert_eq!(lab.metrics.drops.get(Dropped::Rate), 1000 - few as u64);

    // To the client, what is too fast waits for its turn.
    let mut answer = data(1400);
    answer[12..20].rotate_left(4);
    answer[20..24].rotate_left(2);
    from_network(&lab, (0..20).map(|_| ordinary(&answer)));
    let mut context = Context::from_waker(Waker::noop());
    let now_ = Instant::now();
    let mut out = 0;
    while port.poll_ready(&mut context, now_).is_ready() {
        port.take(now_, 1, &mut Vec::new());
        out += 1;
    }
    assert!((1..6).contains(&out), "{out}");
    let turn = port.wake_at(now_).unwrap();
    assert!(turn > now_ && turn < now_ + Duration::from_secs(1));
    assert!(port.poll_ready(&mut context, turn).is_ready());

    set(Rates::default());
    lab.sessions.reconcile(now()).await.unwrap();
    attachment.set_access(&attached.session.access());
    assert_eq!(passed(&mut port), 1000);
    assert!(matches!(port.poll_ready(&mut context, now_), Poll::Ready(Ok(()))));
}
