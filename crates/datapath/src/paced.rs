//! The TCP connection of a tunnel: bytes wait in the kernel for about a millisecond, whatever the line's speed. What
//! has to wait longer waits in the scheduler, where flows take turns.
//!
//! Without it, a slow line has the kernel's queues in front of it: [`MOST_UNSENT`] bytes that TCP has not sent, and two
//! segments of 64 KiB in the queue of the interface, together 20 ms of 100 Mbit/s.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// What the kernel takes beyond what the network has room for (`TCP_NOTSENT_LOWAT`) of a fast line, in bytes. Enough for
/// the sender never to run dry between two polls of the pump.
pub const MOST_UNSENT: u32 = 128 * 1024;
/// What is written at once to a slow line: what it carries in this time...
const PIECE: Duration = Duration::from_millis(1);
/// ...and no less, in bytes: a few packets of the network.
const LEAST_PIECE: usize = 8 * 1024;
/// A line is fast when it carries so many bytes in that time. It is one segment of the kernel's, which then costs no
/// more than that.
const FAST: usize = 64 * 1024;
/// How long the speed is measured before it is believed.
const WINDOW: Duration = Duration::from_millis(5);

/// A connection that keeps little in the kernel.
#[derive(Debug)]
pub struct PacedStream {
    tcp: TcpStream,
    pace: Pace,
    /// What the kernel was told last.
    unsent: u32,
}

impl PacedStream {
    /// The connection, which nobody else may write to from now on.
    ///
    /// # Errors
    /// The system's.
    pub fn new(tcp: TcpStream) -> io::Result<Self> {
        system::limit_unsent(&tcp, MOST_UNSENT)?;
        Ok(Self { tcp, pace: Pace::new(Instant::now()), unsent: MOST_UNSENT })
    }

    fn wrote(&mut self, bytes: usize) {
        self.pace.wrote(bytes, Instant::now());
        let unsent = match self.pace.piece() {
            Some(piece) => u32::try_from(piece).unwrap_or(MOST_UNSENT),
            None => MOST_UNSENT,
        };
        // A system call for each wobble of the speed would be too many.
        let differs = unsent > self.unsent.saturating_mul(2) || unsent < self.unsent / 2;
        if differs && system::limit_unsent(&self.tcp, unsent).is_ok() {
            self.unsent = unsent;
        }
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
            Some(piece) => system::poll_write_apart(&self.tcp, cx, bytes.get(..piece).unwrap_or(bytes)),
            None => Pin::new(&mut self.tcp).poll_write(cx, bytes),
        };
        match &written {
            Poll::Ready(Ok(bytes)) => self.wrote(*bytes),
            Poll::Ready(Err(_)) => {}
            Poll::Pending => self.pace.blocked(Instant::now()),
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

/// How fast the line is, by what it takes while more waits than it takes.
#[derive(Debug)]
struct Pace {
    /// Bytes per second; unknown until the line was once too slow.
    rate: Option<u64>,
    begin: Instant,
    bytes: u64,
    /// How long of the window nothing was taken, but for what still is.
    waited: Duration,
    blocked: Option<Instant>,
}

impl Pace {
    fn new(now: Instant) -> Self {
        Self { rate: None, begin: now, bytes: 0, waited: Duration::ZERO, blocked: None }
    }

    /// The line takes nothing now.
    fn blocked(&mut self, now: Instant) {
        self.blocked.get_or_insert(now);
    }

    /// The line has taken so many bytes.
    fn wrote(&mut self, bytes: usize, now: Instant) {
        if let Some(since) = self.blocked.take() {
            self.waited += now.saturating_duration_since(since);
        }
        let took = now.saturating_duration_since(self.begin);
        if took >= WINDOW {
            let nanos = took.as_nanos().max(1);
            let rate = u64::try_from(u128::from(self.bytes) * 1_000_000_000 / nanos).unwrap_or(u64::MAX);
            // Otherwise it was us who had little to say: the line carries that much at least.
            let filled = self.waited * 2 >= took;
            self.rate = if filled { Some(rate) } else { self.rate.map(|known| known.max(rate)) };
            (self.begin, self.bytes, self.waited) = (now, 0, Duration::ZERO);
        }
        self.bytes += u64::try_from(bytes).unwrap_or(u64::MAX);
    }

    /// How many bytes to write at once; `None` on a fast line.
    fn piece(&self) -> Option<usize> {
        let bytes = u128::from(self.rate?) * PIECE.as_nanos() / 1_000_000_000;
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        (bytes < FAST).then_some(bytes.max(LEAST_PIECE))
    }
}

#[cfg(target_os = "linux")]
mod system {
    use std::io;
    use std::task::{Context, Poll, ready};

    use socket2::SockRef;
    use tokio::io::Interest;
    use tokio::net::TcpStream;

    /// `MSG_EOR | MSG_NOSIGNAL`, `linux/socket.h`: TCP puts nothing else into the segments of these bytes, so that it
    /// can be asked after each piece whether it has too much, and hands the interface no more than two pieces.
    const APART: i32 = 0x80 | 0x4000;

    pub(super) fn limit_unsent(tcp: &TcpStream, bytes: u32) -> io::Result<()> {
        SockRef::from(tcp).set_tcp_notsent_lowat(bytes)
    }

    pub(super) fn poll_write_apart(
        tcp: &TcpStream,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(tcp.poll_write_ready(cx))?;
            match tcp.try_io(Interest::WRITABLE, || SockRef::from(tcp).send_with_flags(bytes, APART)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                written => return Poll::Ready(written),
            }
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use std::io;
    use std::task::{Context, Poll, ready};

    use tokio::net::TcpStream;

    /// There is no such limit, or no safe way to set it.
    pub(super) fn limit_unsent(_: &TcpStream, _: u32) -> io::Result<()> {
        Ok(())
    }

    pub(super) fn poll_write_apart(
        tcp: &TcpStream,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(tcp.poll_write_ready(cx))?;
            match tcp.try_write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                written => return Poll::Ready(written),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// A line that takes so many bytes each second, over `length`, in writes of what the pace says and at most
    /// `most`; between them nothing is taken.
    fn send(pace: &mut Pace, now: &mut Instant, rate: u64, most: usize, length: Duration) {
        let end = *now + length;
        while *now < end {
            let bytes = pace.piece().unwrap_or(most).min(most);
            pace.wrote(bytes, *now);
            pace.blocked(*now);
            *now += Duration::from_nanos(bytes as u64 * 1_000_000_000 / rate);
        }
    }

    /// Bytes per second of a line of so many Mbit/s.
    const fn mbit(number: u64) -> u64 {
        number * 125_000
    }

    #[test]
    fn a_slow_line_gets_what_it_carries_in_a_millisecond() {
        let mut now = Instant::now();
        let mut pace = Pace::new(now);
        assert_eq!(pace.piece(), None);
        send(&mut pace, &mut now, mbit(100), 128 * 1024, Duration::from_millis(100));
        let piece = pace.piece().unwrap();
        assert!((11_000..14_000).contains(&piece), "{piece}");
        // It gets faster, and slower, and very slow.
        send(&mut pace, &mut now, mbit(400), 128 * 1024, Duration::from_millis(100));
        let piece = pace.piece().unwrap();
        assert!((45_000..55_000).contains(&piece), "{piece}");
        send(&mut pace, &mut now, mbit(2), 128 * 1024, Duration::from_secs(1));
        assert_eq!(pace.piece(), Some(LEAST_PIECE));
        send(&mut pace, &mut now, mbit(1_000), 128 * 1024, Duration::from_secs(1));
        assert_eq!(pace.piece(), None);
    }

    #[test]
    fn who_has_little_to_say_learns_nothing_about_the_line() {
        let mut now = Instant::now();
        let mut pace = Pace::new(now);
        for _ in 0..1000 {
            pace.wrote(100, now);
            now += Duration::from_millis(1);
        }
        assert_eq!(pace.piece(), None);
        send(&mut pace, &mut now, mbit(100), 128 * 1024, Duration::from_millis(100));
        let known = pace.piece();
        for _ in 0..1000 {
            pace.wrote(100, now);
            now += Duration::from_millis(1);
        }
        assert_eq!(pace.piece(), known);
    }

    #[test]
    fn a_line_that_never_makes_wait_is_fast_again() {
        let mut now = Instant::now();
        let mut pace = Pace::new(now);
        send(&mut pace, &mut now, mbit(50), 128 * 1024, Duration::from_millis(100));
        assert_eq!(pace.piece(), Some(LEAST_PIECE));
        for _ in 0..1000 {
            pace.wrote(LEAST_PIECE, now);
            now += Duration::from_micros(20);
        }
        assert_eq!(pace.piece(), None);
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn the_kernel_keeps_as_little_as_the_line_needs() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let tcp = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let mut paced = PacedStream::new(tcp).unwrap();
        let unsent = |paced: &PacedStream| socket2::SockRef::from(&paced.tcp).tcp_notsent_lowat().unwrap();
        assert_eq!(unsent(&paced), MOST_UNSENT);
        paced.pace.rate = Some(mbit(100));
        paced.wrote(1);
        assert_eq!(unsent(&paced), 12_500);
        paced.pace.rate = Some(mbit(120));
        paced.wrote(1);
        assert_eq!(unsent(&paced), 12_500, "not at every wobble");
        paced.pace.rate = None;
        paced.wrote(1);
        assert_eq!(unsent(&paced), MOST_UNSENT);
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
