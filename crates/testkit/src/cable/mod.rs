//! A cable with the faults of a long way: loss, delay, a rate. The kernel's own (netem) is not in every kernel.
//!
//! Each end is a TUN device that looks like any other link; a thread of this process carries the packets between them.
//! No packet is reordered, and there is no jitter but that of the thread's own scheduling (tens of microseconds on a
//! quiet machine).

mod line;

use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::Instant;

use anyhow::{Context, Result};
use line::Line;
pub use line::{Conditions, Counts};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};
use tokio::io::unix::AsyncFd;
use tokio::sync::oneshot;

use crate::Namespace;

/// Packets that are taken from one end before the other one has its turn.
const BATCH: usize = 64;
/// What the kernel keeps at each end while the thread is not running: 100 ms at 1 Gbit/s.
const KERNEL_QUEUE: u32 = 10_000;

/// A cable between two machines. Dropping it takes it away.
pub struct Cable {
    lines: Arc<[Mutex<Line>; 2]>,
    // The thread ends with it.
    stop: Option<oneshot::Sender<()>>,
    carrier: Option<JoinHandle<Result<()>>>,
}

impl Cable {
    /// Lays a cable between two machines: (machine, link name, addresses with prefix length) at each end. Both
    /// directions are under the same conditions; the same `seed` loses the same packets.
    ///
    /// # Errors
    /// When a name is taken, an address is none, or there is no `/dev/net/tun`.
    pub fn lay(
        one: (&Namespace, &str, &[&str]),
        other: (&Namespace, &str, &[&str]),
        conditions: Conditions,
        seed: u64,
    ) -> Result<Self> {
        let lines = Arc::new([Line::new(conditions, seed), Line::new(conditions, !seed)].map(Mutex::new));
        let places = [(one.0.network()?, one.1.to_owned()), (other.0.network()?, other.1.to_owned())];
        let (stop, stopped) = oneshot::channel();
        let (made, ready) = mpsc::channel();
        let carried = Arc::clone(&lines);
        let carrier = std::thread::spawn(move || {
            let ends = match ends(places) {
                Ok(ends) => ends,
                Err(error) => {
                    // Whoever lays the cable waits for this; afterwards nobody does.
                    let _ = made.send(Err(error));
                    return Ok(());
                }
            };
            let _ = made.send(Ok(()));
            let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
            runtime.block_on(carry(ends, &carried, stopped))
        });
        ready.recv().context("the cable's thread")??;
        for (machine, link, addresses) in [one, other] {
            machine.shell(&format!("ip link set {link} txqueuelen {KERNEL_QUEUE} mtu 1500"))?;
            machine.bring_up(link, addresses)?;
        }
        Ok(Self { lines, stop: Some(stop), carrier: Some(carrier) })
    }

    /// Changes the conditions for packets that enter from now on, in both directions.
    pub fn set(&self, conditions: Conditions) {
        for line in self.lines.iter() {
            line.lock().unwrap_or_else(PoisonError::into_inner).set(conditions);
        }
    }

    /// What became of the packets so far: (from one to the other, back).
    pub fn counts(&self) -> [Counts; 2] {
        [0, 1].map(|index| {
            let line = self.lines.get(index);
            line.map(|line| line.lock().unwrap_or_else(PoisonError::into_inner).counts()).unwrap_or_default()
        })
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(carrier) = self.carrier.take() {
            // A thread that has failed has said so by carrying nothing.
            let _ = carrier.join();
        }
    }
}

/// Makes both ends; the calling thread stays on the second machine.
fn ends(places: [(File, String); 2]) -> Result<[tun::Device; 2]> {
    let [one, other] = places.map(|(network, name)| {
        move_into_link_name_space(network.as_fd(), Some(LinkNameSpaceType::Network))
            .context("enter the machine's network")?;
        let mut configuration = tun::configure();
        configuration.tun_name(&name);
        tun::create(&configuration).with_context(|| format!("the TUN device {name}"))
    });
    Ok([one?, other?])
}

async fn carry(
    ends: [tun::Device; 2],
    lines: &[Mutex<Line>; 2],
    stopped: oneshot::Receiver<()>,
) -> Result<()> {
    let [one, other] = ends.map(tun::AsyncDevice::new);
    let (one, other) = (one?, other?);
    let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
    #[expect(deprecated, reason = "sound for a descriptor that is owned; its successor is unsafe to call")]
    let timer = AsyncFd::new(timer)?;
    let [there, back] = lines;
    let mut buffers = [vec![0; 65_536], vec![0; 65_536]];
    let [first, second] = &mut buffers;
    tokio::pin!(stopped);
    loop {
        let (busy_there, next_there) = pass(&one, &other, there, first);
        let (busy_back, next_back) = pass(&other, &one, back, second);
        if busy_there || busy_back {
            // A flood must not keep the cable from being taken away.
            if stopped.as_mut().get_mut().try_recv() != Err(oneshot::error::TryRecvError::Empty) {
                return Ok(());
            }
            continue;
        }
        set_timer(timer.get_ref(), [next_there, next_back].into_iter().flatten().min())?;
        tokio::select! {
            biased;
            _ = &mut stopped => return Ok(()),
            came = one.recv(first) => enter(there, first, came?),
            came = other.recv(second) => enter(back, second, came?),
            due = timer.readable() => due?.clear_ready(),
        }
    }
}

/// Takes what has come to one end, hands over what is due at the other; tells whether there may be more, and when the next
/// packet is due.
fn pass(
    from: &tun::Device,
    to: &tun::Device,
    line: &Mutex<Line>,
    buffer: &mut [u8],
) -> (bool, Option<Instant>) {
    let mut line = line.lock().unwrap_or_else(PoisonError::into_inner);
    let now = Instant::now();
    let mut taken = 0;
    while taken < BATCH
        && let Ok(length) = from.recv(buffer)
    {
        line.enter(buffer.get(..length).unwrap_or_default(), now);
        taken += 1;
    }
    while let Some(packet) = line.leave(now) {
        // The far end may be down; then the packet is lost like any other.
        let _ = to.send(&packet);
        line.give_back(packet);
    }
    (taken == BATCH, line.next_at())
}

fn enter(line: &Mutex<Line>, buffer: &[u8], length: usize) {
    let mut line = line.lock().unwrap_or_else(PoisonError::into_inner);
    line.enter(buffer.get(..length).unwrap_or_default(), Instant::now());
}

/// Lets the timer ring at `at`; never when there is nothing to wait for.
fn set_timer(timer: &OwnedFd, at: Option<Instant>) -> Result<()> {
    // Zero would switch it off.
    let wait = at.map(|at| at.saturating_duration_since(Instant::now()).as_nanos().max(1));
    let wait = i64::try_from(wait.unwrap_or(0))?;
    let once = Itimerspec {
        it_interval: Timespec { tv_sec: 0, tv_nsec: 0 },
        it_value: Timespec { tv_sec: wait / 1_000_000_000, tv_nsec: wait % 1_000_000_000 },
    };
    timerfd_settime(timer, TimerfdTimerFlags::empty(), &once)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream, UdpSocket};
    use std::time::Duration;

    use super::*;
    use crate::privilege::was_run_elsewhere;

    #[test]
    fn a_stream_survives_loss_and_nothing_survives_a_cut() -> Result<()> {
        if was_run_elsewhere()? {
            return Ok(());
        }
        let near = Namespace::new("near")?;
        let far = Namespace::new("far")?;
        let lossy = Conditions { loss: 0.05, delay: Duration::from_millis(2), ..Conditions::default() };
        let cable = Cable::lay(
            (&near, "eth0", &["198.51.100.1/24", "2001:db8::1/64"]),
            (&far, "eth0", &["198.51.100.2/24", "2001:db8::2/64"]),
            lossy,
            1,
        )?;
        let listener = far.within(|| TcpListener::bind("[2001:db8::2]:80"))??;
        let received = std::thread::spawn(move || -> std::io::Result<usize> {
            let mut all = Vec::new();
            listener.accept()?.0.read_to_end(&mut all)
        });
        let mut stream = near.within(|| TcpStream::connect("[2001:db8::2]:80"))??;
        stream.write_all(&vec![7; 2_000_000])?;
        drop(stream);
        assert_eq!(received.join().unwrap()?, 2_000_000);
        let [there, back] = cable.counts();
        assert!(there.lost > 0 && there.forwarded > there.lost && back.forwarded > 0, "{there:?} {back:?}");

        cable.set(Conditions { loss: 1.0, ..Conditions::default() });
        let socket = near.within(|| UdpSocket::bind("198.51.100.1:0"))??;
        let lost = there.lost;
        while cable.counts()[0].lost < lost + 3 {
            socket.send_to(b"hello", "198.51.100.2:9")?;
        }
        assert!(cable.counts()[0].forwarded < there.forwarded + 100);
        Ok(())
    }
}
