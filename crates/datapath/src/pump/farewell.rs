//! The end of a channel: the last word goes out, and the peer is given the time to read it.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use praya_wire::cstp::{self, FrameType};
use tokio::io::ReadBuf;
use tokio::time::{Instant, timeout};

use super::buffers::Buffers;
use super::run::{Leave, Pump};
use super::{GRACE, Heard, PumpEnd, RecordLayer};
use crate::io::PacketIo;
use crate::line::Line;
use crate::udp::DatagramIo;

/// What is said last.
#[derive(Debug)]
pub(super) enum LastWord {
    Disconnect(Vec<u8>),
    Terminate,
    Nothing,
}

impl<S, R, D, P> Pump<'_, S, R, D, P>
where
    S: Line,
    R: RecordLayer,
    D: DatagramIo,
    P: PacketIo,
{
    /// Says what is left to say within [`GRACE`], and closes.
    pub(super) async fn leave(mut self, leave: Leave) -> PumpEnd {
        self.packets.release();
        self.look();
        poll_fn(|cx| {
            self.udp.close(cx, Instant::now());
            Poll::Ready(())
        })
        .await;
        match leave {
            Leave::Said(word) => {
                let (mut told, mut heard) = (false, None);
                let saying = async {
                    if self.append_last(word) {
                        self.say(&mut told, &mut heard).await;
                    }
                };
                // A peer that does not read cannot hold the end up.
                let _ = timeout(GRACE, saying).await;
                PumpEnd::Ordered { told, heard }
            }
            Leave::End(end) => {
                if !matches!(end, PumpEnd::PeerBye { .. } | PumpEnd::Stream(_)) {
                    return end;
                }
                // By the end of TLS a client that logs out knows that it was heard.
                self.records.close(&mut self.out);
                // After a broken stream the alert that says what was wrong is in the buffer already. If it is not
                // broken, and only the keys are used up, the peer is told that nothing more comes.
                let closing = poll_fn(|cx| match self.poll_flush(cx) {
                    Poll::Ready(Ok(())) => Pin::new(&mut self.stream).poll_shutdown(cx).map(drop),
                    Poll::Ready(Err(_)) => Poll::Ready(()),
                    Poll::Pending => Poll::Pending,
                });
                let _ = timeout(GRACE, closing).await;
                end
            }
        }
    }

    fn append_last(&mut self, word: LastWord) -> bool {
        let frame = match word {
            LastWord::Disconnect(payload) => cstp::encode(FrameType::Disconnect, &payload),
            LastWord::Terminate => cstp::encode(FrameType::Terminate, &[]),
            LastWord::Nothing => Ok(Vec::new()),
        };
        // Its length is bounded where it is made.
        let Ok(frame) = frame else { return false };
        let sealed = frame.is_empty() || self.records.seal(&mut self.out, &[&frame]).is_ok();
        self.records.close(&mut self.out);
        sealed
    }

    /// Writes what is there, closes our half and reads until the peer closes its own. What still arrives is read, so
    /// that closing does not reset the connection under a peer that has not read the last word yet, and is not
    /// carried any more.
    async fn say(&mut self, told: &mut bool, heard: &mut Option<Heard>) {
        poll_fn(|cx| {
            // Reading first: a peer that waits for us to read may not read itself.
            let over = self.poll_hear(cx, heard);
            if !*told {
                match self.poll_flush(cx) {
                    Poll::Ready(Ok(())) => {}
                    Poll::Ready(Err(_)) => return Poll::Ready(()),
                    Poll::Pending => return over,
                }
                match Pin::new(&mut self.stream).poll_shutdown(cx) {
                    Poll::Ready(closed) => *told = closed.is_ok() || self.out.is_empty(),
                    Poll::Pending => return over,
                }
            }
            over
        })
        .await;
    }

    /// Ready when the peer has closed.
    fn poll_hear(&mut self, cx: &mut Context<'_>, heard: &mut Option<Heard>) -> Poll<()> {
        use std::io::ErrorKind::{ConnectionAborted, ConnectionReset, UnexpectedEof};
        let mut buffers = self.inbound.borrow();
        loop {
            let filled = self.inbound.filled;
            let mut read = ReadBuf::new(buffers.cipher.get_mut(filled..).unwrap_or_default());
            match Pin::new(&mut self.stream).poll_read(cx, &mut read) {
                Poll::Pending => {
                    buffers.plain.clear();
                    self.inbound.put_back(buffers);
                    return Poll::Pending;
                }
                Poll::Ready(Ok(())) if !read.filled().is_empty() => {
                    let filled = filled + read.filled().len();
                    let Buffers { cipher, plain } = &mut buffers;
                    plain.clear();
                    let input = cipher.get_mut(..filled).unwrap_or_default();
                    match self.records.open(input, plain, &mut self.out) {
                        Ok(opened) => {
                            cipher.copy_within(opened.consumed..filled, 0);
                            self.inbound.filled = filled - opened.consumed;
                            if opened.closed {
                                heard.get_or_insert(Heard::Answered);
                                return Poll::Ready(());
                            }
                        }
                        Err(_) => return Poll::Ready(()),
                    }
                }
                // The peer's system sent that, and so can anybody on the way.
                Poll::Ready(Ok(())) => {
                    heard.get_or_insert(Heard::Cut);
                    return Poll::Ready(());
                }
                Poll::Ready(Err(error)) => {
                    // Any other error is of this side: nothing was heard.
                    if matches!(error.kind(), UnexpectedEof | ConnectionReset | ConnectionAborted) {
                        heard.get_or_insert(Heard::Cut);
                    }
                    return Poll::Ready(());
                }
            }
        }
    }
}
