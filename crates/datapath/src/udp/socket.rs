//! UDP sockets that move many datagrams per system call, as far as the system can: segmentation and receive offload,
//! several messages per receive call, no fragmentation.

use std::future::Future;
use std::io::{self, IoSliceMut};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use quinn_udp::{RecvMeta, Transmit, UdpSocketState};
use tokio::io::Interest;
use tokio::net::UdpSocket;

use super::buffer::{Buffer, Pool};
use super::{DatagramIo, Datagrams, Path};

/// Messages per receive call; with receive offload each holds up to 64 datagrams.
const MESSAGES: usize = 8;
/// The longest payload of a UDP datagram over IPv4, and the most that one call with segmentation offload takes.
const MAX_PAYLOAD: usize = 65_507;
/// A message that fills less of a buffer than this part is copied out of it, so that it holds no more than it needs.
const WORTH_KEEPING: usize = 2;
/// Datagrams that wait while nobody reads; a burst at full speed for some milliseconds.
const RECEIVE_BUFFER: usize = 4 << 20;
/// What a client's interface may have and not have sent, in bytes; Linux doubles it for its own overhead. It is room
/// for two of the largest writes, and everything that waits there waits in front of everything else: the usual 208 KiB
/// are 17 ms of 100 Mbit/s. The gateway's socket is everybody's and keeps those.
#[cfg(target_os = "linux")]
const SEND_BUFFER: usize = 52 * 1024;
/// Longer than any datagram that is worth receiving on a system without receive offload.
const SINGLE: usize = 9_216;

/// One socket, shared by everybody who sends on it.
#[derive(Debug)]
pub struct Socket {
    io: UdpSocket,
    state: UdpSocketState,
    connected: Option<SocketAddr>,
}

impl Socket {
    /// A socket that hears one peer only, on whatever address the system chooses. Call it within a tokio runtime.
    ///
    /// # Errors
    /// The system refuses, for want of a route for instance.
    pub fn connect(peer: SocketAddr) -> io::Result<Self> {
        let any = if peer.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
        let socket = std::net::UdpSocket::bind(SocketAddr::new(any, 0))?;
        // macOS refuses an address on a connected socket; sources are compared on receipt instead.
        if !cfg!(target_vendor = "apple") {
            socket.connect(peer)?;
        }
        #[cfg(target_os = "linux")]
        socket2::SockRef::from(&socket).set_send_buffer_size(SEND_BUFFER)?;
        Self::new(socket, Some(peer))
    }

    /// A socket that hears everybody.
    ///
    /// # Errors
    /// The system refuses it.
    pub fn listen(socket: std::net::UdpSocket) -> io::Result<Self> {
        Self::new(socket, None)
    }

    fn new(socket: std::net::UdpSocket, connected: Option<SocketAddr>) -> io::Result<Self> {
        let state = UdpSocketState::new((&socket).into())?;
        if let Err(error) = enlarge(&socket, &state) {
            tracing::debug!(%error, "the receive buffer stays as it is");
        }
        Ok(Self { io: UdpSocket::from_std(socket)?, state, connected })
    }

    /// Where it is bound.
    ///
    /// # Errors
    /// The system's.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.io.local_addr()
    }

    /// As [`DatagramIo::poll_send`], without waiting.
    ///
    /// # Errors
    /// `WouldBlock` when there is no room.
    pub fn try_send(&self, to: Path, contents: &[u8], segment: usize) -> io::Result<usize> {
        let mut rest = contents;
        while !rest.is_empty() {
            let segments = self.state.max_gso_segments().min(MAX_PAYLOAD / segment.max(1)).max(1);
            let (now, later) = rest.split_at(rest.len().min(segment.max(1) * segments));
            let transmit = Transmit {
                destination: to.remote,
                ecn: None,
                contents: now,
                segment_size: (now.len() > segment).then_some(segment),
                src_ip: to.local,
            };
            let sent =
                self.io.try_io(Interest::WRITABLE, || self.state.try_send((&self.io).into(), &transmit));
            match sent {
                Ok(()) => rest = later,
                // A device without segmentation offload: the state knows it now.
                Err(_) if now.len() > segment && self.state.max_gso_segments() < segments => {}
                Err(error) if rest.len() == contents.len() => return Err(error),
                // What went, went; the next call tells of the failure.
                Err(_) => break,
            }
        }
        Ok(contents.len() - rest.len())
    }
}

/// Whoever sends on a shared socket, and waits for room without waking others.
#[derive(Debug)]
pub struct Sender {
    socket: Arc<Socket>,
    room: Option<Room>,
}

struct Room(Pin<Box<dyn Future<Output = io::Result<()>> + Send>>);

impl std::fmt::Debug for Room {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Room")
    }
}

impl Sender {
    /// On `socket`.
    pub fn new(socket: Arc<Socket>) -> Self {
        Self { socket, room: None }
    }

    /// As [`DatagramIo::poll_send`].
    ///
    /// # Errors
    /// As there.
    pub fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        to: Path,
        contents: &[u8],
        segment: usize,
    ) -> Poll<io::Result<usize>> {
        loop {
            if let Some(room) = &mut self.room {
                let waited = ready!(room.0.as_mut().poll(cx));
                self.room = None;
                waited?;
            }
            match self.socket.try_send(to, contents, segment) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let socket = Arc::clone(&self.socket);
                    self.room = Some(Room(Box::pin(async move { socket.io.writable().await })));
                }
                sent => return Poll::Ready(sent),
            }
        }
    }
}

/// Whoever reads a socket: one per socket, with the memory for one receive call.
#[derive(Debug)]
pub struct Receiver {
    socket: Arc<Socket>,
    index: usize,
    pool: Arc<Pool>,
    buffers: [Buffer; MESSAGES],
}

impl Receiver {
    /// On `socket`, which is the one of that `index` among its owner's; with `spare` buffers, beside those in use, that
    /// wait to be used again.
    pub fn new(socket: Arc<Socket>, index: usize, spare: usize) -> Self {
        let size = if socket.state.gro_segments() > 1 { usize::from(u16::MAX) } else { SINGLE };
        let pool = Pool::new(size, spare);
        Self { buffers: std::array::from_fn(|_| pool.take()), pool, index, socket }
    }

    /// As [`DatagramIo::poll_recv`]: what one receive call brings.
    ///
    /// # Errors
    /// As there.
    pub fn poll_recv(&mut self, cx: &mut Context<'_>, batch: &mut Vec<Datagrams>) -> Poll<io::Result<()>> {
        let Socket { io, state, connected } = &*self.socket;
        loop {
            ready!(io.poll_recv_ready(cx))?;
            let mut metas = [RecvMeta::default(); MESSAGES];
            let received = {
                let mut slices = self.buffers.each_mut().map(|buffer| IoSliceMut::new(buffer));
                io.try_io(Interest::READABLE, || state.recv(io.into(), &mut slices, &mut metas))
            };
            let count = match received {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
                received => received?,
            };
            for (buffer, meta) in self.buffers.iter_mut().zip(metas).take(count) {
                let stranger =
                    |peer: SocketAddr| (peer.ip(), peer.port()) != (meta.addr.ip(), meta.addr.port());
                if meta.len == 0 || connected.is_some_and(stranger) {
                    continue;
                }
                let bytes = if meta.len < buffer.len() / WORTH_KEEPING {
                    Buffer::from(buffer.get(..meta.len).unwrap_or_default().to_vec())
                } else {
                    let mut full = std::mem::replace(buffer, self.pool.take());
                    full.truncate(meta.len);
                    full
                };
                let local = if connected.is_some() { None } else { meta.dst_ip };
                let path = Path { remote: meta.addr, local, socket: self.index };
                batch.push(Datagrams { bytes, stride: meta.stride.clamp(1, meta.len), path });
            }
            return Poll::Ready(Ok(()));
        }
    }
}

/// A client's socket towards its gateway.
#[derive(Debug)]
pub struct UdpIo {
    peer: SocketAddr,
    sender: Sender,
    receiver: Receiver,
}

impl UdpIo {
    /// Towards `peer`. Call it within a tokio runtime.
    ///
    /// # Errors
    /// The system refuses, for want of a route for instance.
    pub fn connect(peer: SocketAddr) -> io::Result<Self> {
        let socket = Arc::new(Socket::connect(peer)?);
        let receiver = Receiver::new(Arc::clone(&socket), 0, MESSAGES);
        Ok(Self { peer, sender: Sender::new(socket), receiver })
    }

    /// The gateway's address.
    pub fn peer(&self) -> SocketAddr {
        self.peer
    }
}

impl DatagramIo for UdpIo {
    fn poll_recv(&mut self, cx: &mut Context<'_>, batch: &mut Vec<Datagrams>) -> Poll<io::Result<()>> {
        self.receiver.poll_recv(cx, batch)
    }

    fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        to: Path,
        contents: &[u8],
        segment: usize,
    ) -> Poll<io::Result<usize>> {
        self.sender.poll_send(cx, to, contents, segment)
    }

    fn rebind(&mut self) -> io::Result<()> {
        *self = Self::connect(self.peer)?;
        Ok(())
    }
}

#[cfg(target_os = "linux")]
fn enlarge(socket: &std::net::UdpSocket, state: &UdpSocketState) -> io::Result<()> {
    // Beyond the system's limit for those who may.
    match rustix::net::sockopt::set_socket_recv_buffer_size_force(socket, RECEIVE_BUFFER) {
        Ok(()) => Ok(()),
        Err(_) => state.set_recv_buffer_size(socket.into(), RECEIVE_BUFFER),
    }
}

#[cfg(not(target_os = "linux"))]
fn enlarge(socket: &std::net::UdpSocket, state: &UdpSocketState) -> io::Result<()> {
    state.set_recv_buffer_size(socket.into(), RECEIVE_BUFFER)
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    fn listener() -> (Arc<Socket>, Receiver, SocketAddr) {
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        let socket = Arc::new(Socket::listen(socket).unwrap());
        (Arc::clone(&socket), Receiver::new(socket, 0, 1), address)
    }

    async fn receive(io: &mut Receiver, bytes: usize) -> Vec<(Vec<u8>, Path)> {
        let (mut got, mut out) = (0, Vec::new());
        while got < bytes {
            let mut batch = Vec::new();
            poll_fn(|cx| io.poll_recv(cx, &mut batch)).await.unwrap();
            for run in batch {
                got += run.bytes.len();
                out.extend(run.bytes.chunks(run.stride).map(|datagram| (datagram.to_vec(), run.path)));
            }
        }
        out
    }

    #[tokio::test]
    async fn many_datagrams_go_out_in_one_piece_and_arrive_as_they_were() {
        let (_, mut there, address) = listener();
        let mut here = UdpIo::connect(address).unwrap();
        for (segment, total) in [(1400, 1400 * 64 + 7), (1400, 100), (9000, 9000 * 9), (1, 64), (100, 100)] {
            let contents: Vec<u8> = (0..total).map(|at| (at / segment) as u8).collect();
            let mut sent = 0;
            while sent < total {
                sent += poll_fn(|cx| here.poll_send(cx, address.into(), &contents[sent..], segment))
                    .await
                    .unwrap();
                assert!(sent == total || sent % segment == 0);
            }
            let received = receive(&mut there, total).await;
            let expected: Vec<Vec<u8>> = contents.chunks(segment).map(<[u8]>::to_vec).collect();
            assert_eq!(received.into_iter().map(|(bytes, _)| bytes).collect::<Vec<_>>(), expected);
        }
    }

    #[tokio::test]
    async fn an_answer_comes_from_the_address_that_was_asked() {
        let (socket, mut there, address) = listener();
        let mut answerer = Sender::new(socket);
        let mut here = UdpIo::connect(address).unwrap();
        poll_fn(|cx| here.poll_send(cx, address.into(), b"ping", 4)).await.unwrap();
        let (_, path) = receive(&mut there, 4).await.remove(0);
        poll_fn(|cx| answerer.poll_send(cx, path, b"pong", 4)).await.unwrap();
        assert_eq!(receive(&mut here.receiver, 4).await[0].0, b"pong");
    }

    #[tokio::test]
    async fn after_a_change_of_the_network_the_client_comes_from_elsewhere() {
        let (_, mut there, address) = listener();
        let mut here = UdpIo::connect(address).unwrap();
        let mut sources = Vec::new();
        for _ in 0..2 {
            poll_fn(|cx| here.poll_send(cx, address.into(), b"hello", 5)).await.unwrap();
            sources.push(receive(&mut there, 5).await[0].1.remote);
            here.rebind().unwrap();
        }
        assert_ne!(sources[0], sources[1]);
    }

    #[tokio::test]
    async fn nobody_else_is_heard() {
        let (socket, mut there, address) = listener();
        let mut answerer = Sender::new(socket);
        let mut here = UdpIo::connect(address).unwrap();
        poll_fn(|cx| here.poll_send(cx, address.into(), b"x", 1)).await.unwrap();
        let path = receive(&mut there, 1).await[0].1;
        let stranger = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        stranger.send_to(b"forged", path.remote).unwrap();
        poll_fn(|cx| answerer.poll_send(cx, path, b"true", 4)).await.unwrap();
        assert_eq!(receive(&mut here.receiver, 4).await[0].0, b"true");
    }

    #[tokio::test]
    async fn a_datagram_that_no_link_carries_is_refused_as_too_long() {
        let mut here = UdpIo::connect("127.0.0.1:9".parse().unwrap()).unwrap();
        let long = vec![0; 65_508];
        let error = poll_fn(|cx| here.poll_send(cx, here_path(), &long, long.len())).await.unwrap_err();
        assert!(super::super::is_too_long(&error), "{error}");
    }

    fn here_path() -> Path {
        SocketAddr::from(([127, 0, 0, 1], 9)).into()
    }
}
