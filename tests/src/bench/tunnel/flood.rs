//! Small packets: how many arrive while one thread sends as fast as it can and another one takes them.
//!
//! Plain sockets and one system call for each packet at both ends, as with the programs that send such packets. `iperf3`
//! is no use here: its own work for each packet is more than a fast tunnel's.

use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use praya_testkit::Namespace;
use rustix::net::sockopt::set_socket_recv_buffer_size;

/// IPv4 and UDP header.
const HEADERS: usize = 28;
/// The port of the receiver.
const PORT: u16 = 5301;
/// The receive buffer that is asked for; the kernel caps it.
const BUFFER: usize = 8 << 20;
/// How long the receiver waits for one more packet before it looks whether the sender has ended.
const PATIENCE: Duration = Duration::from_millis(200);

/// Sends packets of `size` bytes with their headers from one machine to the other's address for so many seconds; returns
/// how many arrived each second.
///
/// # Errors
/// When none arrives.
pub(super) fn flood(from: &Namespace, to: (&Namespace, &str), size: usize, length: Duration) -> Result<f64> {
    let (machine, address) = to;
    let target = (address.to_owned(), PORT);
    let bound = target.clone();
    let receiver = machine.within(move || UdpSocket::bind(bound))??;
    // What the kernel allows has to do.
    let _ = set_socket_recv_buffer_size(&receiver, BUFFER);
    receiver.set_read_timeout(Some(PATIENCE))?;
    let sender = from.within(move || {
        let socket = UdpSocket::bind(("0.0.0.0", 0))?;
        socket.connect(target)?;
        std::io::Result::Ok(socket)
    })??;
    let ended = Arc::new(AtomicBool::new(false));
    let sending = Arc::clone(&ended);
    let payload = vec![0x5a; size.saturating_sub(HEADERS)];
    let sends = thread::spawn(move || {
        let until = Instant::now() + length;
        while Instant::now() < until {
            for _ in 0..64 {
                // A full queue drops it, as with any sender.
                let _ = sender.send(&payload);
            }
        }
        sending.store(true, Ordering::Relaxed);
    });
    let mut buffer = [0; 2048];
    let mut count = 0_u32;
    let mut first_and_last: Option<(Instant, Instant)> = None;
    loop {
        match receiver.recv(&mut buffer) {
            Ok(_) => {
                count += 1;
                // The clock is not free either.
                if count % 64 == 1 {
                    let now = Instant::now();
                    first_and_last = Some((first_and_last.map_or(now, |(first, _)| first), now));
                }
            }
            Err(_) if ended.load(Ordering::Relaxed) => break,
            Err(_) => {}
        }
    }
    sends.join().ok().context("the sender")?;
    let (first, last) = first_and_last.context("no packet arrived")?;
    // Beginning and end are those of the packets that arrived: what lies in queues at the end is not lost time.
    let seconds = last.duration_since(first).max(length / 2).as_secs_f64();
    ensure!(count > 1, "one packet arrived");
    Ok(f64::from(count) / seconds)
}
