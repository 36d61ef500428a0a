//! The pump against scripted peers: frames in, frames out, and every way a channel ends (protocol, section 4).

#![allow(clippy::unwrap_used, reason = "a test may panic, in its helpers too")]

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use praya_datapath::io::memory::{MemoryEnd, pair};
use praya_datapath::pump::{self, Opened, Order, PumpEnd, PumpEvent, PumpSettings, RecordLayer, TlsPort};
use praya_datapath::timers::{Rhythm, Role};
use praya_datapath::udp::{UdpChannel, UdpIo};
use praya_datapath::{Counters, DropReason, Packet};
use praya_model::EndReason;
use praya_wire::cstp::{self, FrameType};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

const SECOND: Duration = Duration::from_secs(1);

/// Records without a seal: what is written is what the peer reads.
struct Clear {
    /// So many more can be made.
    left: usize,
}

/// How many a successor is due before.
const FEW: usize = 2;
/// What a peer reads last when none can be made any more.
const USED_UP: &[u8] = b"used up";

impl RecordLayer for Clear {
    fn seal(&mut self, out: &mut Vec<u8>, parts: &[&[u8]]) -> io::Result<()> {
        self.left = self.left.checked_sub(1).ok_or_else(|| io::Error::other("used up"))?;
        parts.iter().for_each(|part| out.extend_from_slice(part));
        Ok(())
    }

    fn successor_due(&self) -> bool {
        self.left <= FEW
    }

    fn open(&mut self, input: &mut [u8], plain: &mut Vec<u8>, _: &mut Vec<u8>) -> io::Result<Opened> {
        plain.extend_from_slice(input);
        Ok(Opened { consumed: input.len(), closed: false })
    }

    fn refresh_keys(&mut self, _: &mut Vec<u8>) {}

    fn close(&mut self, out: &mut Vec<u8>) {
        if self.left == 0 {
            out.extend_from_slice(USED_UP);
        }
    }
}

struct Bench {
    peer: DuplexStream,
    packets: MemoryEnd,
    orders: mpsc::Sender<Order>,
    events: mpsc::Receiver<PumpEvent>,
    counters: Arc<Counters>,
    pump: JoinHandle<PumpEnd>,
}

const NO_UDP: Option<UdpChannel<UdpIo>> = None;

fn settings(role: Role) -> PumpSettings {
    PumpSettings {
        rhythm: Rhythm { role, dpd: 30 * SECOND, keepalive: 20 * SECOND, rekey: Duration::ZERO },
        mtu: 1400,
        super_packets: false,
        stall: 60 * SECOND,
        events: None,
    }
}

fn bench(settings: PumpSettings, pipe: usize) -> Bench {
    bench_after(Bytes::new(), settings, pipe)
}

fn bench_after(early: Bytes, settings: PumpSettings, pipe: usize) -> Bench {
    bench_of(Clear { left: usize::MAX }, early, settings, pipe)
}

fn bench_of(records: Clear, early: Bytes, mut settings: PumpSettings, pipe: usize) -> Bench {
    let (peer, stream) = tokio::io::duplex(pipe);
    let (packets, inner) = pair(64);
    let tls = TlsPort { stream, records, early, sealed: Vec::new(), unsent: Vec::new() };
    let (orders, receiver) = mpsc::channel(4);
    let (tell, events) = mpsc::channel(8);
    settings.events = Some(tell);
    let counters = Arc::new(Counters::default());
    let pump = {
        let counters = counters.clone();
        tokio::spawn(async move { pump::run(tls, NO_UDP, inner, settings, &counters, receiver).await })
    };
    Bench { peer, packets, orders, events, counters, pump }
}

async fn read_frame(peer: &mut DuplexStream) -> io::Result<(FrameType, Vec<u8>)> {
    let mut header = [0; 8];
    peer.read_exact(&mut header).await?;
    assert_eq!(&header[..4], b"STF\x01");
    let mut payload = vec![0; usize::from(u16::from_be_bytes([header[4], header[5]]))];
    peer.read_exact(&mut payload).await?;
    Ok((FrameType::from_code(header[6]).unwrap(), payload))
}

async fn receive(packets: &mut MemoryEnd) -> Vec<u8> {
    packets.recv().await.unwrap().bytes.to_vec()
}

async fn send(packets: &MemoryEnd, bytes: &[u8]) {
    assert!(packets.send(Packet::ordinary(Bytes::copy_from_slice(bytes))).await);
}

fn frame(kind: FrameType, payload: &[u8]) -> Vec<u8> {
    cstp::encode(kind, payload).unwrap()
}

#[tokio::test]
async fn packets_travel_both_ways_and_are_counted() {
    let mut bench = bench(settings(Role::Client), 1 << 16);
    send(&bench.packets, b"out").await;
    assert_eq!(read_frame(&mut bench.peer).await.unwrap(), (FrameType::Data, b"out".to_vec()));
    bench.peer.write_all(&frame(FrameType::Data, b"inward")).await.unwrap();
    assert_eq!(receive(&mut bench.packets).await, b"inward");
    drop(bench.peer);
    assert!(matches!(bench.pump.await.unwrap(), PumpEnd::PeerClosed));
    let values = bench.counters.values();
    assert_eq!((values.packets_sent, values.bytes_sent), (1, 3));
    assert_eq!((values.packets_received, values.bytes_received), (1, 6));
}

#[tokio::test]
async fn frames_may_be_cut_anywhere_and_come_many_at_once() {
    let mut bench = bench(settings(Role::Gateway), 1 << 16);
    let mut bytes = Vec::new();
    for size in [0, 1, 100, 1400, 9000, cstp::MAX_PAYLOAD] {
        bytes.extend(frame(FrameType::Data, &vec![7; size]));
        bytes.extend(frame(FrameType::Keepalive, b""));
    }
    let mut peer = bench.peer;
    let writer = tokio::spawn(async move {
        for chunk in bytes.chunks(997) {
            peer.write_all(chunk).await.unwrap();
        }
        peer
    });
    for size in [0, 1, 100, 1400, 9000, cstp::MAX_PAYLOAD] {
        assert_eq!(receive(&mut bench.packets).await.len(), size);
    }
    drop(writer.await.unwrap());
    assert!(matches!(bench.pump.await.unwrap(), PumpEnd::PeerClosed));
}

#[tokio::test]
async fn what_came_with_the_connect_reply_is_not_lost() {
    let early = [frame(FrameType::Data, b"first"), b"STF\x01\x00".to_vec()].concat();
    let mut bench = bench_after(early.into(), settings(Role::Client), 1 << 16);
    assert_eq!(receive(&mut bench.packets).await, b"first");
    bench.peer.write_all(b"\x02\x00\x00ok").await.unwrap();
    assert_eq!(receive(&mut bench.packets).await, b"ok");
}

#[tokio::test]
async fn a_probe_is_answered_with_its_own_payload() {
    let mut bench = bench(settings(Role::Gateway), 1 << 16);
    let probe = vec![0x5a; 1434];
    bench.peer.write_all(&frame(FrameType::DpdRequest, &probe)).await.unwrap();
    assert_eq!(read_frame(&mut bench.peer).await.unwrap(), (FrameType::DpdResponse, probe));
}

#[tokio::test]
async fn a_flood_of_probes_from_a_peer_that_does_not_read_needs_no_memory() {
    let mut bench = bench(settings(Role::Gateway), 1 << 15);
    for _ in 0..2000 {
        bench.peer.write_all(&frame(FrameType::DpdRequest, &[1; 4000])).await.unwrap();
    }
    bench.peer.write_all(&frame(FrameType::DpdRequest, b"last")).await.unwrap();
    // Only what fits the pipe was answered in between, and the newest one is.
    let mut answers = 0;
    loop {
        let (kind, payload) = read_frame(&mut bench.peer).await.unwrap();
        assert_eq!(kind, FrameType::DpdResponse);
        answers += 1;
        if payload == b"last" {
            break;
        }
    }
    assert!(answers < 2000, "{answers}");
}

#[tokio::test(start_paused = true)]
async fn a_silent_gateway_is_probed_reported_and_given_up() {
    let mut bench = bench(settings(Role::Client), 1 << 16);
    assert_eq!(read_frame(&mut bench.peer).await.unwrap().0, FrameType::Keepalive);
    assert_eq!(read_frame(&mut bench.peer).await.unwrap().0, FrameType::DpdRequest);
    assert_eq!(bench.events.recv().await, Some(PumpEvent::PeerSilent));
    assert_eq!(read_frame(&mut bench.peer).await.unwrap().0, FrameType::DpdRequest);
    assert!(matches!(bench.pump.await.unwrap(), PumpEnd::PeerDead));
}

#[tokio::test(start_paused = true)]
async fn a_gateway_that_answers_is_kept() {
    let mut bench = bench(settings(Role::Client), 1 << 16);
    for _ in 0..50 {
        if read_frame(&mut bench.peer).await.unwrap().0 == FrameType::DpdRequest {
            assert_eq!(bench.events.recv().await, Some(PumpEvent::PeerSilent));
            bench.peer.write_all(&frame(FrameType::DpdResponse, b"")).await.unwrap();
            assert_eq!(bench.events.recv().await, Some(PumpEvent::PeerBack));
        }
    }
    assert!(!bench.pump.is_finished());
}

#[tokio::test(start_paused = true)]
async fn after_a_sleep_the_client_learns_quickly_that_the_path_is_dead() {
    let mut bench = bench(settings(Role::Client), 1 << 16);
    let start = tokio::time::Instant::now();
    bench.orders.send(Order::Probe { patience: 3 * SECOND }).await.unwrap();
    assert_eq!(read_frame(&mut bench.peer).await.unwrap().0, FrameType::DpdRequest);
    assert!(matches!(bench.pump.await.unwrap(), PumpEnd::PeerDead));
    assert_eq!(start.elapsed().as_secs(), 3);
}

#[tokio::test(start_paused = true)]
async fn rekey_is_reported_and_the_tunnel_goes_on() {
    let mut wish = settings(Role::Client);
    wish.rhythm =
        Rhythm { role: Role::Client, dpd: Duration::ZERO, keepalive: Duration::ZERO, rekey: 100 * SECOND };
    let mut bench = bench(wish, 1 << 16);
    assert_eq!(bench.events.recv().await, Some(PumpEvent::RekeyDue));
    send(&bench.packets, b"still").await;
    assert_eq!(read_frame(&mut bench.peer).await.unwrap().1, b"still");
}

#[tokio::test]
async fn keys_that_run_out_are_reported_once_and_end_the_channel_in_order() {
    let records = Clear { left: FEW + 2 };
    let mut bench = bench_of(records, Bytes::new(), settings(Role::Client), 1 << 16);
    for number in 0..FEW + 2 {
        send(&bench.packets, &[number as u8]).await;
        assert_eq!(read_frame(&mut bench.peer).await.unwrap().1, [number as u8]);
    }
    send(&bench.packets, b"one too many").await;
    let mut rest = Vec::new();
    bench.peer.read_to_end(&mut rest).await.unwrap();
    assert_eq!(rest, USED_UP);
    assert!(matches!(bench.pump.await.unwrap(), PumpEnd::Stream(_)));
    assert_eq!(bench.events.recv().await, Some(PumpEvent::RekeyDue));
    assert_eq!(bench.events.recv().await, None);
}

#[tokio::test(start_paused = true)]
async fn the_gateway_gives_up_a_client_that_does_not_read() {
    let mut bench = bench(settings(Role::Gateway), 64);
    let full = async {
        loop {
            if !bench.packets.send(Packet::ordinary(Bytes::from_static(&[0; 1000]))).await {
                break;
            }
        }
    };
    // It proves its life by sending, and still cannot hold the session's queue for ever.
    let alive = async {
        loop {
            tokio::time::sleep(10 * SECOND).await;
            if bench.peer.write_all(&frame(FrameType::Keepalive, b"")).await.is_err() {
                break;
            }
        }
    };
    tokio::join!(full, alive);
    assert!(matches!(bench.pump.await.unwrap(), PumpEnd::PeerStalled));
}

#[tokio::test]
async fn each_order_says_its_word_and_closes() {
    let disconnect = |payload: &[u8]| Some((FrameType::Disconnect, payload.to_vec()));
    for (order, said) in [
        (Order::Bye { reason: EndReason::UserLogout }, disconnect(b"\xb0Aborted by caller")),
        (Order::Detach, disconnect(b"")),
        (Order::Terminate, Some((FrameType::Terminate, Vec::new()))),
        (Order::Close, None),
    ] {
        let mut bench = bench(settings(Role::Client), 1 << 16);
        bench.orders.send(order).await.unwrap();
        if let Some(said) = said {
            assert_eq!(read_frame(&mut bench.peer).await.unwrap(), said);
        }
        assert_eq!(bench.peer.read(&mut [0; 8]).await.unwrap(), 0);
        // What the peer had on the way is read, or the connection would be reset before it has read the word.
        bench.peer.write_all(&cstp::encode(FrameType::Data, &[7; 100]).unwrap()).await.unwrap();
        drop(bench.peer);
        assert!(matches!(bench.pump.await.unwrap(), PumpEnd::Ordered { told: true, .. }));
        drop(bench.orders);
        assert_eq!(bench.packets.recv().await, None, "nothing is carried after the last word");
    }
}

#[tokio::test]
async fn a_dropped_owner_closes_without_a_word() {
    let mut bench = bench(settings(Role::Gateway), 1 << 16);
    drop(bench.orders);
    assert_eq!(bench.peer.read(&mut [0; 8]).await.unwrap(), 0);
    drop(bench.peer);
    assert!(matches!(bench.pump.await.unwrap(), PumpEnd::Ordered { told: true, .. }));
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_does_not_read_cannot_hold_an_ordered_end_up() {
    let mut bench = bench(settings(Role::Gateway), 64);
    for _ in 0..5 {
        send(&bench.packets, &[0; 1000]).await;
    }
    // The pump is at it, and stuck.
    bench.peer.read_exact(&mut [0; 8]).await.unwrap();
    let order = Order::Disconnect { reason: EndReason::Admin, text: "Ended by an administrator".into() };
    bench.orders.send(order).await.unwrap();
    assert!(matches!(bench.pump.await.unwrap(), PumpEnd::Ordered { told: false, .. }));
}

#[tokio::test]
async fn the_gateway_s_reason_reaches_the_client() {
    let left = bench(settings(Role::Gateway), 1 << 16);
    let right = bench(settings(Role::Client), 1 << 16);
    let (mut a, mut b) = (left.peer, right.peer);
    let wire = tokio::spawn(async move { tokio::io::copy_bidirectional(&mut a, &mut b).await });
    let order = Order::Disconnect { reason: EndReason::Idle, text: "No traffic for 5 minutes".into() };
    left.orders.send(order).await.unwrap();
    assert!(matches!(left.pump.await.unwrap(), PumpEnd::Ordered { told: true, .. }));
    let PumpEnd::PeerEnded { reason, text, .. } = right.pump.await.unwrap() else { panic!() };
    assert_eq!((reason, text.as_str()), (Some(EndReason::Idle), "No traffic for 5 minutes"));
    drop(wire);
}

#[tokio::test]
async fn every_way_a_peer_can_end_is_told_apart() {
    type Check = fn(&PumpEnd) -> bool;
    let cases: [(Vec<u8>, Check); 8] = [
        (frame(FrameType::Disconnect, b"\xb0Aborted by caller"), |end| {
            matches!(end, PumpEnd::PeerBye { reason: EndReason::UserLogout })
        }),
        (frame(FrameType::Disconnect, b""), |end| matches!(end, PumpEnd::PeerDetached)),
        (
            frame(FrameType::Disconnect, b"\x01Session terminated"),
            |end| matches!(end, PumpEnd::PeerEnded { reason: None, byte: 1, text } if text == "Session terminated"),
        ),
        (frame(FrameType::Terminate, b""), |end| matches!(end, PumpEnd::PeerTerminated)),
        (b"HTTP/1.1 400".to_vec(), |end| matches!(end, PumpEnd::Protocol(_))),
        (b"STF\x01\xff\xff\x00\x00".to_vec(), |end| matches!(end, PumpEnd::Protocol(_))),
        (b"STF\x01\x00\x00\x42\x00".to_vec(), |end| matches!(end, PumpEnd::Protocol(_))),
        (Vec::new(), |end| matches!(end, PumpEnd::PeerClosed)),
    ];
    for (bytes, check) in cases {
        let mut bench = bench(settings(Role::Gateway), 1 << 16);
        bench.peer.write_all(&bytes).await.unwrap();
        bench.peer.shutdown().await.unwrap();
        let end = bench.pump.await.unwrap();
        assert!(check(&end), "{bytes:?}: {end:?}");
    }
}

#[tokio::test]
async fn a_packet_longer_than_the_tunnel_s_mtu_is_dropped_and_counted() {
    let mut bench = bench(settings(Role::Client), 1 << 16);
    send(&bench.packets, &[0; 1401]).await;
    send(&bench.packets, &[0; 1400]).await;
    assert_eq!(read_frame(&mut bench.peer).await.unwrap().1.len(), 1400);
    assert_eq!(bench.counters.values().dropped_outbound, 1);
}

#[tokio::test]
async fn a_closed_packet_side_ends_the_channel() {
    let bench = bench(settings(Role::Client), 1 << 16);
    drop(bench.packets);
    assert!(matches!(bench.pump.await.unwrap(), PumpEnd::Packets(_)));
}

#[tokio::test]
async fn what_the_network_side_does_not_take_is_dropped_and_counted() {
    let mut bench = bench(settings(Role::Gateway), 1 << 16);
    let data = frame(FrameType::Data, b"packet").repeat(70);
    bench.peer.write_all(&data).await.unwrap();
    bench.peer.shutdown().await.unwrap();
    assert!(matches!(bench.pump.await.unwrap(), PumpEnd::PeerClosed));
    let values = bench.counters.values();
    assert_eq!((values.packets_received, values.dropped(DropReason::Refused)), (64, 6));
}

#[tokio::test]
async fn a_flood_in_one_direction_does_not_starve_the_other() {
    let bench = bench(settings(Role::Gateway), 1 << 14);
    let (mut reader, mut writer) = tokio::io::split(bench.peer);
    let flood = tokio::spawn(async move {
        let data = frame(FrameType::Data, &[1; 100]).repeat(50);
        while writer.write_all(&data).await.is_ok() {}
    });
    let MemoryEnd { tx, mut rx } = bench.packets;
    let sink = tokio::spawn(async move { while rx.recv().await.is_some() {} });
    let source = tokio::spawn(async move {
        for _ in 0..2000 {
            tx.send(Packet::ordinary(Bytes::from_static(&[2; 100]))).await.unwrap();
        }
        tx
    });
    let mut seen = vec![0; 2000 * 108];
    reader.read_exact(&mut seen).await.unwrap();
    let _open = source.await.unwrap();
    assert!(bench.counters.values().packets_received > 0);
    flood.abort();
    sink.abort();
}
