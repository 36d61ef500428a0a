//! Real TUN devices: two machines whose packets pass through two devices of this process, from port to port.
#![cfg(target_os = "linux")]

use std::future::poll_fn;
use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use praya_datapath::io::PacketIo;
use praya_datapath::offload::Run;
use praya_datapath::tun::{TunDevice, TunError, TunOptions, TunPort, TunQueue};
use praya_datapath::{Delivery, Packet};
use praya_testkit::Namespace;
use praya_testkit::privilege::was_run_elsewhere;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

const LEFT: [&str; 2] = ["10.99.0.1", "fd99::1"];
const RIGHT: [&str; 2] = ["10.99.0.2", "fd99::2"];
const DEVICE: &str = "praya-test0";

/// Two machines and the task between them, which ends with its runtime.
struct Pair {
    left: Namespace,
    right: Namespace,
    seen: Arc<Seen>,
    _relay: JoinHandle<io::Result<()>>,
    runtime: Runtime,
}

/// What passed.
#[derive(Default)]
struct Seen {
    packets: AtomicUsize,
    supers: AtomicUsize,
    partial: AtomicUsize,
    longest: AtomicUsize,
    dropped: AtomicUsize,
}

/// What is asked of the two devices.
struct Asked {
    queues: usize,
    left: bool,
    right: bool,
}

impl Pair {
    fn new(asked: &Asked) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let [left, right] = ["left", "right"].map(Namespace::new);
        let (left, right) = (left?, right?);
        let ports = [(&left, asked.left, LEFT, RIGHT), (&right, asked.right, RIGHT, LEFT)].map(
            |(machine, offload, own, other)| -> Result<Vec<TunPort>> {
                let queues = device(&runtime, machine, asked.queues, offload)??;
                machine.shell(&format!(
                    "ip addr add {} peer {} dev {DEVICE}; ip addr add {}/64 dev {DEVICE} nodad
                     ip link set {DEVICE} mtu 1400 up",
                    own[0], other[0], own[1],
                ))?;
                Ok((0..).zip(queues).map(|(seed, queue)| TunPort::new(queue, seed)).collect())
            },
        );
        let [from_left, from_right] = ports;
        let seen = Arc::new(Seen::default());
        let _relay = runtime.spawn(relay(from_left?, from_right?, Arc::clone(&seen)));
        Ok(Self { left, right, seen, _relay, runtime })
    }

    /// Sends so many bytes from left to right and back, over TCP; they must come back as they were.
    fn bulk(&self, address: &str, bytes: usize) -> Result<()> {
        let to = SocketAddr::new(address.parse::<IpAddr>()?, 7);
        let listener = self.right.within(move || TcpListener::bind(to))??;
        let echo = std::thread::spawn(move || -> io::Result<()> {
            let (mut stream, _) = listener.accept()?;
            let mut back = stream.try_clone()?;
            io::copy(&mut stream, &mut back)?;
            back.shutdown(std::net::Shutdown::Write)
        });
        let mut stream = self.left.within(move || TcpStream::connect(to))??;
        let mut sending = stream.try_clone()?;
        let sent: Vec<u8> = (0..bytes as u64 / 8).flat_map(u64::to_le_bytes).collect();
        let sender = std::thread::spawn(move || -> io::Result<Vec<u8>> {
            sending.write_all(&sent)?;
            sending.shutdown(std::net::Shutdown::Write)?;
            Ok(sent)
        });
        let mut received = Vec::new();
        stream.read_to_end(&mut received)?;
        let sent = sender.join().expect("the sender does not panic")?;
        echo.join().expect("the echo does not panic")?;
        ensure!(received == sent, "{} of {} bytes came back, or others", received.len(), sent.len());
        Ok(())
    }

    fn seen(&self) -> [usize; 3] {
        [&self.seen.packets, &self.seen.supers, &self.seen.longest].map(|seen| seen.load(Ordering::Relaxed))
    }
}

fn device(
    runtime: &Runtime,
    machine: &Namespace,
    queues: usize,
    offload: bool,
) -> Result<Result<Vec<TunQueue>, TunError>> {
    let runtime = runtime.handle().clone();
    machine.within(move || {
        let _entered = runtime.enter();
        let queues = NonZeroUsize::new(queues).unwrap_or(NonZeroUsize::MIN);
        TunDevice::create(TunOptions { name: Some(DEVICE), queues, offload })
    })
}

/// Hands everything that comes out of one side's queues to the first queue of the other.
async fn relay(mut left: Vec<TunPort>, mut right: Vec<TunPort>, seen: Arc<Seen>) -> io::Result<()> {
    let mut batch = Vec::new();
    poll_fn(move |cx| {
        loop {
            let there = forward(cx, &mut left, &mut right, &mut batch, &seen)?;
            let back = forward(cx, &mut right, &mut left, &mut batch, &seen)?;
            if !there && !back {
                return Poll::Pending;
            }
        }
    })
    .await
}

fn forward(
    cx: &mut std::task::Context<'_>,
    from: &mut [TunPort],
    to: &mut [TunPort],
    batch: &mut Vec<Packet>,
    seen: &Seen,
) -> io::Result<bool> {
    let mut moved = false;
    for port in from {
        let now = Instant::now();
        if !port.poll_ready(cx, now)?.is_ready() {
            continue;
        }
        moved = true;
        port.take(now, 1 << 17, batch);
        for packet in batch.drain(..) {
            seen.packets.fetch_add(1, Ordering::Relaxed);
            seen.supers.fetch_add(packet.offload.is_super().into(), Ordering::Relaxed);
            seen.partial.fetch_add(packet.offload.partial_checksum.into(), Ordering::Relaxed);
            seen.longest.fetch_max(packet.bytes.len(), Ordering::Relaxed);
            let run = Run::whole(&packet.bytes, packet.offload, 1, packet.bytes.len());
            if to[0].deliver(&run)? == Delivery::Dropped {
                seen.dropped.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
    Ok(moved)
}

#[test]
fn super_packets_come_out_of_one_kernel_and_arrive_in_another() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    for queues in [1, 2] {
        let pair = Pair::new(&Asked { queues, left: true, right: true })?;
        for address in RIGHT {
            pair.bulk(address, 20_000_000)?;
        }
        let [packets, supers, longest] = pair.seen();
        ensure!(longest > 30_000, "the longest of {packets} packets had {longest} bytes");
        ensure!(
            packets < 2 * 40_000_000 / 1400,
            "{packets} packets, as many as without offload; {supers} super"
        );
        assert!(pair.seen.partial.load(Ordering::Relaxed) >= supers);
        drop(pair.runtime);
    }
    Ok(())
}

#[test]
fn without_offload_every_packet_is_ordinary_and_arrives() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let pair = Pair::new(&Asked { queues: 1, left: false, right: false })?;
    pair.bulk(RIGHT[0], 2_000_000)?;
    let [_, supers, longest] = pair.seen();
    assert_eq!((supers, pair.seen.partial.load(Ordering::Relaxed)), (0, 0));
    assert!(longest <= 1400);
    Ok(())
}

#[test]
fn a_device_without_offload_is_given_ordinary_packets() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let pair = Pair::new(&Asked { queues: 1, left: true, right: false })?;
    for address in RIGHT {
        pair.bulk(address, 5_000_000)?;
    }
    let [_, supers, _] = pair.seen();
    assert!(supers > 0, "from the left");
    Ok(())
}

#[test]
fn datagrams_that_were_sent_at_once_stay_together_and_arrive_one_by_one() -> Result<()> {
    const SIZE: usize = 1200;
    if was_run_elsewhere()? {
        return Ok(());
    }
    for right in [true, false] {
        let pair = Pair::new(&Asked { queues: 1, left: true, right })?;
        let to: SocketAddr = format!("{}:9", RIGHT[0]).parse()?;
        let receiver = pair.right.within(move || UdpSocket::bind(to))??;
        let sender = pair.left.within(|| UdpSocket::bind("0.0.0.0:0"))??;
        let state = quinn_udp::UdpSocketState::new((&sender).into())?;
        let contents: Vec<u8> = (0..SIZE * 20 + 100).map(|at| (at / SIZE) as u8).collect();
        let transmit = quinn_udp::Transmit {
            destination: to,
            ecn: None,
            contents: &contents,
            segment_size: Some(SIZE),
            src_ip: None,
        };
        state.try_send((&sender).into(), &transmit)?;
        receiver.set_read_timeout(Some(praya_testkit::HANG))?;
        for datagram in contents.chunks(SIZE) {
            let mut buffer = [0; 2000];
            let length = receiver.recv(&mut buffer).context("a datagram")?;
            assert_eq!(&buffer[..length], datagram);
        }
        let [packets, supers, longest] = pair.seen();
        // Linux before 6.2 hands them over one by one.
        ensure!(supers > 0 || longest < 1500, "{packets} packets, the longest {longest} bytes");
        eprintln!("{packets} packets, {supers} super-packets, the longest of {longest} bytes");
    }
    Ok(())
}

#[test]
fn the_kernel_s_own_queue_is_short() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let pair = Pair::new(&Asked { queues: 1, left: true, right: false })?;
    for machine in [&pair.left, &pair.right] {
        let link = machine.shell(&format!("ip link show {DEVICE}"))?;
        assert!(link.contains("qlen 256"), "{link}");
    }
    Ok(())
}

#[test]
fn a_name_is_given_once_and_a_device_vanishes_with_its_queues() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let runtime = Runtime::new()?;
    let machine = Namespace::new("only")?;
    for first in [1, 3] {
        let queues = device(&runtime, &machine, first, true)??;
        assert_eq!(queues.len(), first);
        assert!(queues.iter().all(|queue| queue.name() == DEVICE && queue.offload()));
        for second in [1, 3] {
            let other = device(&runtime, &machine, second, true)?;
            assert!(matches!(other, Err(TunError::NameInUse { .. })), "{other:?}");
        }
        drop(queues);
        assert!(machine.shell(&format!("ip link show {DEVICE}")).is_err());
    }
    Ok(())
}

#[test]
fn a_device_that_somebody_else_keeps_is_not_joined() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let runtime = Runtime::new()?;
    let machine = Namespace::new("kept")?;
    machine.shell(&format!("ip tuntap add dev {DEVICE} mode tun"))?;
    for queues in [1, 3] {
        let joined = device(&runtime, &machine, queues, true)?;
        assert!(matches!(joined, Err(TunError::NameInUse { .. })), "{joined:?}");
    }
    Ok(())
}

#[test]
fn a_packet_for_a_device_that_is_down_is_dropped_and_no_more() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let runtime = Runtime::new()?;
    let machine = Namespace::new("down")?;
    let queues = device(&runtime, &machine, 1, true)??;
    let packet = [0x45, 0, 0, 20, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
    let run = Run::whole(&packet, praya_datapath::Offload::NONE, 1, packet.len());
    assert_eq!(queues[0].send(&run)?, Delivery::Dropped);
    machine.shell(&format!("ip link set {DEVICE} up"))?;
    assert_eq!(queues[0].send(&run)?, Delivery::Delivered);
    Ok(())
}
