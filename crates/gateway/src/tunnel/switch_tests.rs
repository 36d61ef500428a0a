//! The switch with real sessions and hand-made packets.

use praya_datapath::packet_io::channel;
use praya_model::EndReason;
use praya_model::resource::{PortRange, Protocol};

use super::super::lab::{Lab, WEB, now, staff};
use super::super::packets::{ACK, SYN, icmp4, icmp6, tcp, udp};
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
            $lab.switch.attach(session, attached.channel, addresses.clone(), $mtu).unwrap();
        (addresses[0].to_string(), port, attachment, attached)
    }};
}

async fn received(port: &impl PacketIo) -> Option<Vec<u8>> {
    use futures_util::FutureExt;
    let mut buffer = vec![0; 2000];
    let len = port.recv(&mut buffer).now_or_never()?.unwrap();
    buffer.truncate(len);
    Some(buffer)
}

#[tokio::test]
async fn packets_flow_both_ways_and_are_counted() {
    let lab = Lab::new(|_| {});
    let (client, port, _attachment, attached) = attached!(lab, 1400);
    let syn = tcp(&client, 40_000, WEB, 80, SYN);
    assert_eq!(port.send(&syn).await.unwrap(), Delivery::Delivered);
    assert_eq!(lab.outside.take(), std::slice::from_ref(&syn));
    let answer = tcp(WEB, 80, &client, 40_000, SYN | ACK);
    lab.switch.deliver(Bytes::from(answer.clone()));
    assert_eq!(received(&port).await, Some(answer));
    let traffic = &attached.session.traffic;
    assert_eq!(traffic.bytes_in.load(Relaxed), syn.len() as u64);
    assert_eq!((traffic.packets_in.load(Relaxed), traffic.packets_out.load(Relaxed)), (1, 1));
}

#[tokio::test]
async fn the_reader_hands_packets_from_the_device_to_their_sessions() {
    let lab = Lab::new(|_| {});
    let (client, port, _attachment, _attached) = attached!(lab, 1400);
    let (device, kernel) = channel(16);
    let answer = tcp(WEB, 80, &client, 40_000, ACK);
    for _ in 0..3 {
        kernel.send(&answer).await.unwrap();
    }
    drop(kernel);
    lab.switch.run(&device).await.unwrap_err();
    for _ in 0..3 {
        assert_eq!(received(&port).await.as_ref(), Some(&answer));
    }
}

#[tokio::test]
async fn a_foreign_source_is_dropped_and_counted() {
    let lab = Lab::new(|_| {});
    let (_client, port, _attachment, attached) = attached!(lab, 1400);
    for forged in [tcp("10.88.0.77", 40_000, WEB, 80, SYN), tcp("172.31.0.9", 40_000, WEB, 80, SYN)] {
        assert_eq!(port.send(&forged).await.unwrap(), Delivery::Dropped);
    }
    assert_eq!(port.send(b"\x45garbage").await.unwrap(), Delivery::Dropped);
    assert!(lab.outside.take().is_empty());
    assert_eq!(lab.metrics.drops.spoofed.get(), 2);
    assert_eq!(lab.metrics.drops.malformed.get(), 1);
    assert_eq!(attached.session.traffic.dropped.load(Relaxed), 3);
}

#[tokio::test]
async fn what_is_denied_is_refused_at_once_and_not_without_end() {
    let lab = Lab::new(|_| {});
    let (client, port, _attachment, _attached) = attached!(lab, 1400);
    let denied = tcp(&client, 40_000, WEB, 443, SYN);
    assert_eq!(port.send(&denied).await.unwrap(), Delivery::Dropped);
    let error = received(&port).await.unwrap();
    let error = Packet::parse(&error).unwrap();
    assert_eq!((error.icmp(), error.src().to_string()), (Some((3, 13)), "10.88.0.1".into()));
    for _ in 0..100 {
        port.send(&denied).await.unwrap();
    }
    let mut more = 0;
    while received(&port).await.is_some() {
        more += 1;
    }
    assert!(more < 20, "{more}");
    assert!(lab.outside.take().is_empty());
}

#[tokio::test]
async fn a28_noise_and_what_is_denied_do_not_keep_a_session_from_being_idle() {
    let lab = Lab::new(|_| {});
    let (client, port, _attachment, attached) = attached!(lab, 1400);
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
        port.send(&quiet).await.unwrap();
    }
    assert_eq!(traffic.last_user(), before);
    port.send(&icmp4(&client, WEB, 8, 0, b"ping")).await.unwrap();
    assert!(traffic.last_user() > before);
}

#[tokio::test]
async fn packets_for_nobody_and_for_a_full_queue_are_dropped() {
    let lab = Lab::new(|config| config.limits.queue_packets = 2);
    let (client, port, attachment, _attached) = attached!(lab, 1400);
    lab.switch.deliver(Bytes::from(tcp(WEB, 80, "10.88.77.77", 40_000, ACK)));
    assert_eq!(lab.metrics.drops.no_session.get(), 1);
    let answer = Bytes::from(tcp(WEB, 80, &client, 40_000, ACK));
    for _ in 0..5 {
        lab.switch.deliver(answer.clone());
    }
    assert_eq!(lab.metrics.drops.queue_full.get(), 3);
    drop((attachment, port));
    lab.switch.deliver(answer);
    assert_eq!(lab.metrics.drops.no_session.get(), 2);
}

#[tokio::test]
async fn a_packet_that_does_not_fit_the_tunnel_is_cut_or_answered_to_its_sender() {
    let lab = Lab::new(|config| {
        let dns = "172.31.0.53".parse().unwrap();
        config.tunnel.dns_servers = vec![dns];
    });
    let (client, port, _attachment, _attached) = attached!(lab, 1000);
    let mut long = udp("172.31.0.53", 53, &client, 40_000, 1100);
    lab.switch.deliver(Bytes::from(long.clone()));
    let (first, second) = (received(&port).await.unwrap(), received(&port).await.unwrap());
    assert_eq!((first.len(), [&first[20..], &second[20..]].concat()), (996, long[20..].to_vec()));
    assert!(lab.outside.take().is_empty(), "who does not ask is not told");

    long[6] = 0x40;
    lab.switch.deliver(Bytes::from(long));
    assert_eq!(received(&port).await, None);
    let sent = lab.outside.take();
    let error = Packet::parse(&sent[0]).unwrap();
    assert_eq!((error.icmp(), error.dst().to_string()), (Some((3, 4)), "172.31.0.53".into()));
}

#[tokio::test]
async fn what_runs_on_the_gateway_s_machine_is_refused_and_follows_its_addresses() {
    let lab = Lab::new(|_| {});
    let (client, port, attachment, attached) = attached!(lab, 1400);
    let networks = vec![praya_model::resource::Endpoint {
        protocol: Protocol::Tcp,
        net: "172.31.0.0/16".parse().unwrap(),
        ports: PortRange::ALL,
    }];
    lab.store.put_group(&Group { name: staff(), description: String::new(), networks, rates: Rates::default() }).unwrap();
    lab.sessions.reconcile(now()).await.unwrap();
    attachment.set_access(&attached.session.access());
    let syn = tcp(&client, 40_000, "172.31.0.1", 22, SYN);
    assert_eq!(port.send(&syn).await.unwrap(), Delivery::Delivered);
    lab.switch.settings.own.set(["172.31.0.1/32".parse().unwrap()]);
    assert_eq!(port.send(&syn).await.unwrap(), Delivery::Dropped);
    let refusal = received(&port).await.unwrap();
    assert_eq!(Packet::parse(&refusal).unwrap().icmp(), Some((3, 13)));
    assert_eq!(lab.metrics.drops.denied_out.get(), 1);
}

#[tokio::test]
async fn the_newest_channel_has_the_route_and_the_old_one_does_not_take_it_along() {
    let lab = Lab::new(|_| {});
    let grant = lab.sign_in(None);
    let (client, old_port, old_attachment, old) = attach_again!(lab, grant, 1400);
    let (_, port, _attachment, _attached) = attach_again!(lab, grant, 1400);
    let late = lab.switch.attach(Arc::clone(&old.session), old.channel, vec![client.parse().unwrap()], 1400);
    assert!(late.is_none(), "an old channel cannot come back");
    drop(old_attachment);
    let answer = tcp(WEB, 80, &client, 40_000, ACK);
    lab.switch.deliver(Bytes::from(answer.clone()));
    assert_eq!(received(&port).await, Some(answer));
    assert_eq!(received(&old_port).await, None);
}

#[tokio::test]
async fn an_ended_session_gets_no_route() {
    let lab = Lab::new(|_| {});
    let (client, _port, attachment, attached) = attached!(lab, 1400);
    drop(attachment);
    lab.sessions.end(&attached.session.id, EndReason::Admin, "admin:root", now()).await;
    let again = lab.switch.attach(attached.session, attached.channel, vec![client.parse().unwrap()], 1400);
    assert!(again.is_none());
}

#[tokio::test]
async fn an_ended_session_carries_nothing_though_its_channel_still_says_goodbye() {
    let lab = Lab::new(|_| {});
    let (client, port, _attachment, attached) = attached!(lab, 1400);
    let request = tcp(&client, 40_000, WEB, 80, SYN);
    assert_eq!(port.send(&request).await.unwrap(), Delivery::Delivered);
    lab.sessions.end(&attached.session.id, EndReason::Admin, "admin:root", now()).await;
    assert_eq!(port.send(&request).await.unwrap(), Delivery::Dropped);
    lab.switch.deliver(Bytes::from(tcp(WEB, 80, &client, 40_000, ACK)));
    assert_eq!(received(&port).await, None);
}

#[tokio::test]
async fn changed_groups_are_followed() {
    let lab = Lab::new(|_| {});
    let (client, port, attachment, attached) = attached!(lab, 1400);
    let https = tcp(&client, 40_000, WEB, 443, SYN);
    assert_eq!(port.send(&https).await.unwrap(), Delivery::Dropped);
    let networks = vec![praya_model::resource::Endpoint {
        protocol: Protocol::Tcp,
        net: format!("{WEB}/32").parse().unwrap(),
        ports: PortRange::one(443),
    }];
    lab.store.put_group(&Group { name: staff(), description: String::new(), networks, rates: Rates::default() }).unwrap();
    lab.sessions.reconcile(now()).await.unwrap();
    attachment.set_access(&attached.session.access());
    assert_eq!(port.send(&https).await.unwrap(), Delivery::Delivered);
    assert_eq!(port.send(&tcp(&client, 40_000, WEB, 80, SYN)).await.unwrap(), Delivery::Dropped);
}

#[test]
fn a_bucket_gives_a_burst_and_then_a_rhythm() {
    let start = Instant::now();
    let mut bucket = Bucket::full(start);
    assert_eq!((0..50).filter(|_| bucket.take(start)).count(), 10);
    assert!(!bucket.take(start + ICMP_PERIOD / 2));
    assert!(bucket.take(start + ICMP_PERIOD));
    assert!(!bucket.take(start + ICMP_PERIOD));
}
