//! Little waits in the kernel: on a short line about what it carries in a millisecond, though never less than a few
//! packets, on a long one [`MOST_UNSENT`]. What has to wait longer waits in the scheduler, where flows take turns.
//!
//! Without it, a slow line has the kernel's queues in front of it: [`MOST_UNSENT`] bytes that TCP has not sent, and two
//! segments of 64 KiB in the queue of the interface, together 20 ms of 100 Mbit/s.

use std::io;
use std::pin::Pin;
#[cfg(target_os = "linux")]
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;

use super::{Line, LineState};

/// What the kernel takes beyond what the network has room for (`TCP_NOTSENT_LOWAT`) of a fast line, in bytes. Enough for
/// the sender never to run dry between two polls of the pump.
pub const MOST_UNSENT: u32 = 128 * 1024;
/// What is written at once to a slow line: what it carries in this time...
const PIECE: Duration = Duration::from_millis(1);
/// ...and no less, in bytes: a few packets of the network, which are 33 ms of 2 Mbit/s.
const LEAST_PIECE: usize = 8 * 1024;
/// A line is fast when it carries so many bytes in that time. It is one segment of the kernel's, which then costs no
/// more than that.
const FAST: usize = 64 * 1024;
/// A line with a longer round trip than this gets no pieces: TCP finds out what it carries by sending more and more at
/// once, and would never have enough to send.
const LONG: Duration = Duration::from_millis(2);
/// How often the system is asked for the line's speed, while that matters.
const WINDOW: Duration = Duration::from_millis(5);

/// A connection that keeps little in the kernel.
#[derive(Debug)]
pub struct PacedStream {
    tcp: TcpStream,
    pace: Pace,
    /// Since the system was asked last, the line took nothing for a while, or the thread's turn was over.
    blocked: bool,
    asked: Instant,
    /// What the kernel was told last.
    unsent: u32,
}

impl PacedStream {
    /// The connection, which nobody else may write to from now on.
    ///
    /// # Errors
    /// The system's.
    pub fn new(tcp: TcpStream) -> io::Result<Self> {
        limit_unsent(&tcp, MOST_UNSENT)?;
        let mut paced =
            Self { tcp, pace: Pace::default(), blocked: false, asked: Instant::now(), unsent: MOST_UNSENT };
        // The handshakes of TCP and TLS have measured the round trip, as a rule.
        if let Some(state) = paced.state() {
            paced.pace.measure(state.least_round_trip);
        }
        if paced.pace.is_long() {
            prefer_arrivals(&paced.tcp);
        }
        Ok(paced)
    }

    /// Learns anew how fast the line is, now and then. One that never made wait is fast enough as it is.
    fn look(&mut self, now: Instant) {
        let matters = self.blocked || self.pace.piece().is_some();
        if matters && now.saturating_duration_since(self.asked) >= WINDOW {
            (self.blocked, self.asked) = (false, now);
            if let Some(state) = self.state() {
                self.pace.learn(state);
            }
            self.limit();
        }
    }

    /// Tells the kernel how much it may have.
    fn limit(&mut self) {
        let unsent = self.pace.piece().and_then(|piece| u32::try_from(piece).ok()).unwrap_or(MOST_UNSENT);
        // A system call for each wobble of the speed would be too many.
        let differs = unsent > self.unsent.saturating_mul(2) || unsent < self.unsent / 2;
        if differs && limit_unsent(&self.tcp, unsent).is_ok() {
            self.unsent = unsent;
        }
    }
}

impl Line for PacedStream {
    fn piece(&self) -> Option<usize> {
        self.pace.piece()
    }

    #[cfg(target_os = "linux")]
    fn state(&self) -> Option<LineState> {
        super::info::read(&self.tcp).ok()
    }
}

impl AsyncRead for PacedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_read(cx, buffer)
    }
}

impl AsyncWrite for PacedStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = match self.pace.piece() {
            // A little more in one go is better than a remnant, which would be a segment of its own.
            Some(piece) if bytes.len() > piece + piece / 4 => {
                poll_write_piece(&self.tcp, cx, bytes.get(..piece).unwrap_or(bytes))
            }
            Some(_) => poll_write_piece(&self.tcp, cx, bytes),
            None => Pin::new(&mut self.tcp).poll_write(cx, bytes),
        };
        match &written {
            Poll::Ready(Ok(_)) => self.look(Instant::now()),
            Poll::Ready(Err(_)) => {}
            Poll::Pending => self.blocked = true,
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(cx)
    }
}

/// How fast the line is. What a thread with much else to do is late with does not make a line slow, so it is TCP's own
/// measure that counts and not ours.
#[derive(Debug, Default)]
struct Pace {
    /// The shortest round trip of all. The system forgets it after minutes, and a line does not become long because its
    /// queues never emptied in them.
    least_round_trip: Option<Duration>,
    /// Bytes per second, as long as that is not known to be enough.
    rate: Option<u64>,
}

impl Pace {
    fn learn(&mut self, state: LineState) {
        let LineState { rate, rate_is_ours, least_round_trip, .. } = state;
        self.measure(least_round_trip);
        if self.is_long() {
            self.rate = None;
        } else if rate > 0 {
            self.rate = if rate_is_ours { self.rate.map(|known| known.max(rate)) } else { Some(rate) };
        }
    }

    /// Zero: not known.
    fn measure(&mut self, round_trip: Duration) {
        let known = Some(round_trip).filter(|time| !time.is_zero());
        self.least_round_trip = self.least_round_trip.into_iter().chain(known).min();
    }

    fn is_long(&self) -> bool {
        self.least_round_trip.is_some_and(|time| time > LONG)
    }

    /// How many bytes to write at once; `None` on a fast line, and on a long one.
    fn piece(&self) -> Option<usize> {
        let bytes = u128::from(self.rate?) * PIECE.as_nanos() / 1_000_000_000;
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        (bytes < FAST).then_some(bytes.max(LEAST_PIECE))
    }
}

/// On Linux `MSG_EOR | MSG_NOSIGNAL`, `linux/socket.h`: TCP puts nothing else into the segments of these bytes, so that it
/// can be asked after each piece whether it has too much, and hands the interface no more than two pieces.
const APART: i32 = if cfg!(target_os = "linux") { 0x80 | 0x4000 } else { 0 };

fn poll_write_piece(tcp: &TcpStream, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
    loop {
        ready!(tcp.poll_write_ready(cx))?;
        match tcp.try_io(Interest::WRITABLE, || SockRef::from(tcp).send_with_flags(bytes, APART)) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            written => return Poll::Ready(written),
        }
    }
}

/// Lets a long line's TCP go by how fast bytes arrive (BBR), where the kernel has that and allows it; otherwise it stays
/// with what the system prefers.
///
/// CUBIC takes each lost segment for a line that is full. And it leaves slow start early, presumably by HyStart's test for
/// answers that come in an even row (`hystart_update` in `net/ipv4/tcp_cubic.c`), because what a TCP inside the tunnel sends
/// comes evenly: that one then loses in our queue what the outer one does not take, and both recover slowly.
#[cfg(target_os = "linux")]
fn prefer_arrivals(tcp: &TcpStream) {
    /// The kernel has no BBR. It would look for a module each time, and the thread would wait for that.
    static ABSENT: AtomicBool = AtomicBool::new(false);
    if ABSENT.load(Relaxed) {
        return;
    }
    match SockRef::from(tcp).set_tcp_congestion(b"bbr") {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            ABSENT.store(true, Relaxed);
            tracing::info!("this kernel has no BBR: long lines have the system's congestion control");
        }
        Err(error) => tracing::debug!(%error, "no BBR for this line"),
    }
}

/// Nothing is known of the line there, so none is long.
#[cfg(not(target_os = "linux"))]
fn prefer_arrivals(_: &TcpStream) {}

#[cfg(target_os = "linux")]
fn limit_unsent(tcp: &TcpStream, bytes: u32) -> io::Result<()> {
    SockRef::from(tcp).set_tcp_notsent_lowat(bytes)
}

/// There is no such limit, or no safe way to set it.
#[cfg(not(target_os = "linux"))]
fn limit_unsent(_: &TcpStream, _: u32) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// Bytes per second of a line of so many Mbit/s.
    const fn mbit(number: u64) -> u64 {
        number * 125_000
    }

    /// What TCP says of a line of so many bytes per second.
    fn state(rate: u64, rate_is_ours: bool) -> LineState {
        let short = Duration::from_micros(100);
        LineState { retransmits: 0, round_trip: short, least_round_trip: short, rate, rate_is_ours }
    }

    #[test]
    fn a_long_line_gets_no_pieces_however_slow_it_is() {
        let long = LineState { least_round_trip: Duration::from_millis(50), ..state(mbit(1), false) };
        let mut pace = Pace::default();
        pace.learn(long);
        assert!(pace.is_long());
        assert_eq!(pace.piece(), None);
    }

    #[test]
    fn a_short_line_stays_short_when_its_queues_never_empty() {
        let mut pace = Pace::default();
        pace.learn(state(mbit(2), false));
        pace.learn(LineState { least_round_trip: Duration::from_millis(50), ..state(mbit(2), false) });
        assert!(!pace.is_long());
        assert_eq!(pace.piece(), Some(LEAST_PIECE));
    }

    #[test]
    fn a_line_whose_round_trip_is_not_known_is_not_long() {
        let mut pace = Pace::default();
        pace.learn(LineState { least_round_trip: Duration::ZERO, ..state(mbit(100), false) });
        assert!(!pace.is_long());
        assert_eq!(pace.piece(), Some(12_500));
    }

    #[test]
    fn a_slow_line_gets_what_it_carries_in_a_millisecond() {
        let mut pace = Pace::default();
        assert_eq!(pace.piece(), None);
        for (mbits, piece) in [
            (100, Some(12_500)),
            (400, Some(50_000)),
            (2, Some(LEAST_PIECE)),
            (523, Some(65_375)),
            (525, None),
            (10_000, None),
        ] {
            pace.learn(state(mbit(mbits), false));
            assert_eq!(pace.piece(), piece, "{mbits} Mbit/s");
        }
    }

    #[test]
    fn who_has_little_to_say_learns_nothing_bad_about_the_line() {
        let mut pace = Pace::default();
        pace.learn(state(1000, true));
        pace.learn(state(0, false));
        assert_eq!(pace.piece(), None);
        pace.learn(state(mbit(100), false));
        pace.learn(state(1000, true));
        pace.learn(state(0, false));
        assert_eq!(pace.piece(), Some(12_500));
        pace.learn(state(mbit(200), true));
        assert_eq!(pace.piece(), Some(25_000));
        pace.learn(state(mbit(1_000), true));
        assert_eq!(pace.piece(), None);
    }

    #[tokio::test]
    async fn a_slow_line_is_given_a_piece_at_a_time() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut near =
            PacedStream::new(TcpStream::connect(listener.local_addr().unwrap()).await.unwrap()).unwrap();
        assert!(near.write(&[0; 100_000]).await.unwrap() > 12_500);
        near.pace.rate = Some(mbit(100));
        assert_eq!(near.piece(), Some(12_500));
        assert_eq!(near.write(&[0; 100_000]).await.unwrap(), 12_500);
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn the_kernel_keeps_as_little_as_the_line_needs() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let tcp = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let mut paced = PacedStream::new(tcp).unwrap();
        let unsent = |paced: &PacedStream| SockRef::from(&paced.tcp).tcp_notsent_lowat().unwrap();
        assert_eq!(unsent(&paced), MOST_UNSENT);
        paced.pace.rate = Some(mbit(100));
        paced.limit();
        assert_eq!(unsent(&paced), 12_500);
        paced.pace.rate = Some(mbit(120));
        paced.limit();
        assert_eq!(unsent(&paced), 12_500, "not at every wobble");
        paced.pace.rate = None;
        paced.limit();
        assert_eq!(unsent(&paced), MOST_UNSENT);
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn the_system_tells_how_the_connection_is() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (mut far, _) = listener.accept().await.unwrap();
        let mut near = PacedStream::new(near).unwrap();
        near.write_all(b"ping").await.unwrap();
        far.read_exact(&mut [0; 4]).await.unwrap();
        // With the answer comes the acknowledgement.
        far.write_all(b"pong").await.unwrap();
        near.read_exact(&mut [0; 4]).await.unwrap();
        let state = near.state().unwrap();
        assert_eq!(state.retransmits, 0);
        assert!(Duration::ZERO < state.round_trip && state.round_trip < Duration::from_secs(10), "{state:?}");
        assert!(state.rate > 0, "{state:?}");
    }

    #[tokio::test]
    async fn everything_arrives_whatever_the_line_is_taken_for() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (mut far, _) = listener.accept().await.unwrap();
        let mut near = PacedStream::new(near).unwrap();
        let bytes: Vec<u8> = (0..3_000_000_u32).flat_map(u32::to_be_bytes).collect();
        let sent = bytes.clone();
        let sending = tokio::spawn(async move {
            let (slow, fast) = sent.split_at(6_000_000);
            near.pace.rate = Some(mbit(100));
            near.write_all(slow).await.unwrap();
            near.pace.rate = None;
            near.write_all(fast).await.unwrap();
            near.shutdown().await.unwrap();
        });
        let mut received = Vec::new();
        far.read_to_end(&mut received).await.unwrap();
        sending.await.unwrap();
        assert!(received == bytes);
    }
}
