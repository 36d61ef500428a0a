//! What the pump makes of what it is told of its connection: how much to take at once, and what to count.

#![allow(clippy::unwrap_used, reason = "a test may panic, in its helpers too")]

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use praya_datapath::line::{Line, LineState};
use praya_datapath::offload::Run;
use praya_datapath::pump::{self, Opened, Order, PumpEnd, PumpSettings, RecordLayer, TlsPort};
use praya_datapath::timers::{Rhythm, Role};
use praya_datapath::udp::{UdpChannel, UdpIo};
use praya_datapath::{Counters, Delivery, Packet, PacketIo};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, DuplexStream, ReadBuf};
use tokio::sync::mpsc;

const NO_UDP: Option<UdpChannel<UdpIo>> = None;
/// Bytes of a packet.
const PACKET: usize = 1000;
/// Bytes of the head of a frame.
const HEAD: usize = 8;

/// A connection that says of itself what it was told to.
struct Told {
    stream: DuplexStream,
    piece: Option<usize>,
    state: LineState,
}

impl Line for Told {
    fn piece(&self) -> Option<usize> {
        self.piece
    }

    fn state(&self) -> Option<LineState> {
        Some(self.state)
    }
}

impl AsyncRead for Told {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Told {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// Records without a seal.
struct Clear;

impl RecordLayer for Clear {
    fn seal(&mut self, out: &mut Vec<u8>, parts: &[&[u8]]) -> io::Result<()> {
        parts.iter().for_each(|part| out.extend_from_slice(part));
        Ok(())
    }

    fn successor_due(&self) -> bool {
        false
    }

    fn open(&mut self, input: &mut [u8], plain: &mut Vec<u8>, _: &mut Vec<u8>) -> io::Result<Opened> {
        plain.extend_from_slice(input);
        Ok(Opened { consumed: input.len(), closed: false })
    }

    fn refresh_keys(&mut self, _: &mut Vec<u8>) {}

    fn close(&mut self, _: &mut Vec<u8>) {}
}

/// Has always one more packet for the peer, and tells when it had to give some.
struct Endless(mpsc::UnboundedSender<usize>);

impl PacketIo for Endless {
    fn poll_ready(&mut self, _: &mut Context<'_>, _: Instant) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn take(&mut self, _: Instant, bytes: usize, batch: &mut Vec<Packet>) {
        let packets = bytes.div_ceil(PACKET);
        batch.extend((0..packets).map(|_| Packet::ordinary(Bytes::from_static(&[7; PACKET]))));
        // The test may have seen enough.
        let _ = self.0.send(packets);
    }

    fn deliver(&mut self, _: &Run<'_>) -> io::Result<Delivery> {
        Ok(Delivery::Delivered)
    }
}

struct Bench {
    peer: DuplexStream,
    taken: mpsc::UnboundedReceiver<usize>,
    counters: Arc<Counters>,
    _orders: mpsc::Sender<Order>,
    pump: tokio::task::JoinHandle<PumpEnd>,
}

/// A pump over a connection that takes no more than `pipe` bytes before somebody reads.
fn bench(piece: Option<usize>, pipe: usize) -> Bench {
    let (peer, stream) = tokio::io::duplex(pipe);
    let state = LineState {
        retransmits: 3,
        round_trip: Duration::from_millis(20),
        least_round_trip: Duration::ZERO,
        rate: 0,
        rate_is_ours: false,
    };
    let tls = TlsPort {
        stream: Told { stream, piece, state },
        records: Clear,
        early: Bytes::new(),
        sealed: Vec::new(),
        unsent: Vec::new(),
    };
    let never = Duration::ZERO;
    let settings = PumpSettings {
        rhythm: Rhythm { role: Role::Client, dpd: never, keepalive: never, rekey: never },
        mtu: 1400,
        super_packets: false,
        stall: Duration::from_secs(3600),
        events: None,
    };
    let (orders, ordered) = mpsc::channel(1);
    let (tell, taken) = mpsc::unbounded_channel();
    let counters = Arc::new(Counters::default());
    let pump = {
        let counters = Arc::clone(&counters);
        tokio::spawn(async move { pump::run(tls, NO_UDP, Endless(tell), settings, &counters, ordered).await })
    };
    Bench { peer, taken, counters, _orders: orders, pump }
}

#[tokio::test]
async fn what_waits_for_a_slow_line_waits_in_the_scheduler() {
    // The line takes a little more than one piece and nobody reads.
    let mut bench = bench(Some(4 * PACKET), 5 * PACKET);
    let mut taken = bench.taken.recv().await.unwrap();
    assert_eq!(taken, 4);
    // The second piece finds too little room: that is all that stands before a packet of another flow.
    taken += bench.taken.recv().await.unwrap();
    assert_eq!(taken, 8);
    for _ in 0..100 {
        let mut read = vec![0; 4 * (PACKET + HEAD)];
        bench.peer.read_exact(&mut read).await.unwrap();
        assert_eq!(bench.taken.recv().await.unwrap(), 4, "never more than a piece");
    }
    assert!(bench.taken.try_recv().is_err());
}

#[tokio::test]
async fn a_fast_line_gets_much_at_once() {
    let mut bench = bench(None, 1 << 20);
    assert!(bench.taken.recv().await.unwrap() * PACKET >= 100_000);
}

#[tokio::test(start_paused = true)]
async fn what_tcp_sends_again_and_its_round_trip_are_counted_for_the_channel() {
    let mut bench = bench(None, 1 << 16);
    let mut read = vec![0; PACKET];
    bench.peer.read_exact(&mut read).await.unwrap();
    tokio::time::advance(Duration::from_secs(2)).await;
    bench.peer.read_exact(&mut read).await.unwrap();
    tokio::task::yield_now().await;
    assert_eq!(bench.counters.values().tls.retransmits, 3, "while it goes on");
    drop(bench.peer);
    assert!(matches!(bench.pump.await.unwrap(), PumpEnd::Stream(_) | PumpEnd::PeerClosed));
    let tls = bench.counters.values().tls;
    // Three in all, however often it was looked.
    assert_eq!((tls.retransmits, tls.round_trip), (3, Some(Duration::from_millis(20))));
}
