//! The service's end of one connection, over any stream.
//!
//! Everything here is bounded: one view has at most [`Limits::in_flight`] requests under way and no queue of its own.
//! Who sends without reading stalls only itself, and is cut off after [`Limits::write_time`].

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use praya_model::{Failure, FailureCode, Snapshot};
use serde::Serialize;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::authorise::{Call, Caller, Rules, authorise, rights, view_for};
use crate::frame::{Decoder, Incoming, MAX_REQUEST, decode_to_service, encode};
use crate::message::{Event, FromService, Request, Response, ServiceHello};
use crate::rate::Bucket;

/// What the service shows to its views.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// The state of things.
    pub snapshot: Arc<Snapshot>,
    /// The user who holds the session or the sign-in under way.
    pub owner: Option<u32>,
    /// The user who held the one that the snapshot still speaks of; equal to `owner` while there is one.
    pub last_owner: Option<u32>,
}

/// The service behind the socket.
pub trait Handler: Send + Sync + 'static {
    /// Carries a request out. It must take the request from the call by [`Call::authorised`]. Snapshot and
    /// subscription never come here: they are answered from [`Handler::watch`].
    fn handle(&self, call: Call) -> impl Future<Output = Response> + Send;

    /// The state of things and its changes. When the sender is dropped the service is going down.
    fn watch(&self) -> watch::Receiver<View>;

    /// Who counts as a person.
    fn rules(&self) -> Rules;

    /// The service's version, for the hello.
    fn version(&self) -> String;

    /// Brings what [`Handler::watch`] shows up to date before a view looks at it; does not wait long.
    fn refresh(&self) -> impl Future<Output = ()> + Send {
        std::future::ready(())
    }
}

/// How much of the service one view, and all of them, may take.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Connections at once.
    pub connections: usize,
    /// Connections of one user at once.
    pub connections_per_user: usize,
    /// Requests of one connection under way at once; further ones wait in the socket.
    pub in_flight: usize,
    /// Requests that a connection may make at once before the rate counts.
    pub burst: u32,
    /// Requests per second and connection; further ones are answered with [`FailureCode::Busy`].
    pub per_second: u32,
    /// How long a view may take to say hello.
    pub hello_time: Duration,
    /// How long a view may take to read an answer.
    pub write_time: Duration,
}

impl Default for Limits {
    /// 128 connections, 32 of one user; 16 requests under way, 40 at once, 20 per second; 5 s for the hello, 10 s
    /// for reading.
    fn default() -> Self {
        Self {
            connections: 128,
            connections_per_user: 32,
            in_flight: 16,
            burst: 40,
            per_second: 20,
            hello_time: Duration::from_secs(5),
            write_time: Duration::from_secs(10),
        }
    }
}

/// Why a connection is over; for the log. Never holds any of the view's bytes.
#[derive(Debug, thiserror::Error)]
pub enum ConnectionEnd {
    /// The view closed it.
    #[error("closed by the view")]
    Closed,
    /// The view took too long, to say hello or to read.
    #[error("the view took too long")]
    TooSlow,
    /// The view does not speak the protocol.
    #[error("the view does not speak the protocol: {0}")]
    Protocol(&'static str),
    /// The view's frame is unusable, or an answer does not fit into one.
    #[error(transparent)]
    Frame(#[from] crate::frame::FrameError),
    /// The stream failed.
    #[error("the connection failed: {0}")]
    Io(#[from] std::io::Error),
    /// The service is going down.
    #[error("the service is going down")]
    GoingDown,
}

/// Serves one view until either side goes.
///
/// Dropping the future cuts the connection and cancels the view's requests under way.
pub async fn serve_connection<S, H>(
    stream: S,
    caller: Caller,
    handler: Arc<H>,
    limits: &Limits,
) -> ConnectionEnd
where
    S: AsyncRead + AsyncWrite + Unpin,
    H: Handler,
{
    let mut peer = Peer {
        stream,
        decoder: Decoder::new(MAX_REQUEST),
        buffer: vec![0; 8 * 1024],
        write_time: limits.write_time,
    };
    match serve(&mut peer, caller, handler, limits).await {
        Ok(never) => match never {},
        Err(end) => {
            let failure: Failure = match &end {
                ConnectionEnd::Closed | ConnectionEnd::Io(_) | ConnectionEnd::TooSlow => return end,
                ConnectionEnd::Protocol(detail) => {
                    FailureCode::Protocol { detail: (*detail).to_owned() }.into()
                }
                ConnectionEnd::Frame(error) => FailureCode::Protocol { detail: error.to_string() }.into(),
                ConnectionEnd::GoingDown => FailureCode::ServiceUnavailable.into(),
            };
            // The reason for the end counts, not whether the view could still be told.
            let _ = peer.send(&FromService::Closing { failure }).await;
            end
        }
    }
}

enum Never {}

async fn serve<S, H>(
    peer: &mut Peer<S>,
    caller: Caller,
    handler: Arc<H>,
    limits: &Limits,
) -> Result<Never, ConnectionEnd>
where
    S: AsyncRead + AsyncWrite + Unpin,
    H: Handler,
{
    let rules = handler.rules();
    let mut views = handler.watch();
    match timeout(limits.hello_time, peer.next_frame()).await.map_err(|_| ConnectionEnd::TooSlow)?? {
        Incoming::Hello(_) => {
            // The view judges the versions: it can tell its person what to update.
            let rights = rights(caller, views.borrow().owner, &rules);
            let hello = ServiceHello { protocol: crate::PROTOCOL, version: handler.version(), rights };
            peer.send(&FromService::Hello(hello)).await?;
        }
        Incoming::Request { .. } | Incoming::Unknown { .. } => {
            return Err(ConnectionEnd::Protocol("a connection begins with a hello"));
        }
    }

    let mut bucket = Bucket::new(limits.burst, limits.per_second, Instant::now());
    let mut under_way: JoinSet<(u64, Response)> = JoinSet::new();
    let mut told: Option<Snapshot> = None;
    loop {
        tokio::select! {
            Some(done) = under_way.join_next() => {
                // A handler that panicked has told the log already; its view only sees that it got no answer.
                let (id, response) = done.map_err(|_| ConnectionEnd::GoingDown)?;
                peer.send(&FromService::Answer { id, response }).await?;
            }
            changed = views.changed() => {
                changed.map_err(|_| ConnectionEnd::GoingDown)?;
                let view = views.borrow_and_update().clone();
                if let Some(before) = &told {
                    let now = view_for(&view.snapshot, caller, view.last_owner);
                    if let Some(event) = difference(before, &now) {
                        peer.send(&FromService::Event { event }).await?;
                    }
                    told = Some(now);
                }
            }
            frame = peer.next_frame(), if under_way.len() < limits.in_flight => {
                let (id, request) = match frame? {
                    Incoming::Hello(_) => return Err(ConnectionEnd::Protocol("a second hello")),
                    Incoming::Unknown { id, failure } => {
                        peer.send(&FromService::Answer { id, response: failure.into() }).await?;
                        continue;
                    }
                    Incoming::Request { id, request } => (id, request),
                };
                if !bucket.take(Instant::now()) {
                    let response = FailureCode::Busy { retry_after_seconds: 1 }.into();
                    peer.send(&FromService::Answer { id, response }).await?;
                } else if matches!(request, Request::Snapshot | Request::Subscribe) {
                    handler.refresh().await;
                    let view = views.borrow_and_update().clone();
                    let response = match authorise(caller, &request, view.owner, &rules) {
                        Ok(()) => {
                            let now = view_for(&view.snapshot, caller, view.last_owner);
                            if told.is_some() || request == Request::Subscribe {
                                told = Some(now.clone());
                            }
                            Response::Snapshot { snapshot: Box::new(now) }
                        }
                        Err(code) => code.into(),
                    };
                    peer.send(&FromService::Answer { id, response }).await?;
                } else {
                    let handler = Arc::clone(&handler);
                    let call = Call::new(caller, request);
                    under_way.spawn(async move { (id, handler.handle(call).await) });
                }
            }
        }
    }
}

/// What to tell a subscriber who knows `before`.
fn difference(before: &Snapshot, now: &Snapshot) -> Option<Event> {
    if before == now {
        return None;
    }
    let without_counters =
        |snapshot: &Snapshot| Snapshot { traffic: Default::default(), idle_at: None, ..snapshot.clone() };
    Some(if without_counters(before) == without_counters(now) {
        Event::Traffic { traffic: now.traffic, idle_at: now.idle_at }
    } else {
        Event::Snapshot { snapshot: Box::new(now.clone()) }
    })
}

struct Peer<S> {
    stream: S,
    decoder: Decoder,
    buffer: Vec<u8>,
    write_time: Duration,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Peer<S> {
    /// Cancellation loses nothing: bytes go to the decoder as they come.
    async fn next_frame(&mut self) -> Result<Incoming, ConnectionEnd> {
        loop {
            if let Some(json) = self.decoder.next_frame()? {
                return Ok(decode_to_service(&json)?);
            }
            let count = self.stream.read(&mut self.buffer).await?;
            if count == 0 {
                return Err(ConnectionEnd::Closed);
            }
            self.decoder.feed(self.buffer.get(..count).unwrap_or_default());
        }
    }

    async fn send<T: Serialize>(&mut self, message: &T) -> Result<(), ConnectionEnd> {
        let frame = encode(message)?;
        let written = async {
            self.stream.write_all(&frame).await?;
            self.stream.flush().await
        };
        timeout(self.write_time, written).await.map_err(|_| ConnectionEnd::TooSlow)??;
        Ok(())
    }
}
