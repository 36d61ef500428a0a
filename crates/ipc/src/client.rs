//! A view's end of a connection.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use praya_model::{Failure, FailureCode, Snapshot};
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;

use crate::frame::{Decoder, FrameError, MAX_FRAME, decode_from_service, encode};
use crate::message::{
    ClientHello, ClientKind, Event, FromService, Request, Response, ServiceHello, ToService,
};

/// How long a request may take before the view gives up on it. The service gives up earlier.
pub const REQUEST_TIME: Duration = Duration::from_secs(90);
/// Requests that wait to be sent.
const QUEUE: usize = 16;

/// Why there is no connection, or no longer one, or no answer.
#[derive(Debug, Error)]
pub enum ClientError {
    /// There is no service behind the socket.
    #[error("the service does not answer: {0}")]
    Unavailable(std::io::Error),
    /// The socket may not be opened.
    #[error("the service's socket may not be opened: {0}")]
    Forbidden(std::io::Error),
    /// The service did not answer in time.
    #[error("the service did not answer in time")]
    TimedOut,
    /// The service speaks another version.
    #[error("the service is version {service} and speaks protocol {protocol}")]
    Version {
        /// The service's version.
        service: String,
        /// The protocol it speaks.
        protocol: u32,
    },
    /// The connection is over.
    #[error("the connection to the service is over")]
    Closed,
    /// The service's bytes make no sense, or a request is too long.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// The service refused.
    #[error("the service refused the request")]
    Refused(Failure),
}

impl ClientError {
    /// The failure to show.
    pub fn into_failure(self) -> Failure {
        match self {
            Self::Refused(failure) => failure,
            Self::Unavailable(_) | Self::TimedOut | Self::Closed => FailureCode::ServiceUnavailable.into(),
            Self::Forbidden(_) => FailureCode::NotPermitted.into(),
            Self::Version { service, .. } => {
                FailureCode::VersionMismatch { service, view: env!("CARGO_PKG_VERSION").to_owned() }.into()
            }
            Self::Frame(error) => FailureCode::Protocol { detail: error.to_string() }.into(),
        }
    }
}

/// A connection to the service. Clones share it; it closes with the last of them and their subscriptions.
#[derive(Clone, Debug)]
pub struct Client {
    commands: mpsc::Sender<Command>,
    snapshots: watch::Receiver<Option<Arc<Snapshot>>>,
    hello: Arc<ServiceHello>,
}

/// Every snapshot, the newest first of all: a slow reader misses values in between, never the last one.
#[derive(Debug)]
pub struct Subscription {
    snapshots: watch::Receiver<Option<Arc<Snapshot>>>,
    _connection: mpsc::Sender<Command>,
}

#[derive(Debug)]
struct Command {
    request: Request,
    answer: oneshot::Sender<Response>,
}

impl Client {
    /// Connects to the service's socket and says hello, within `time_limit`.
    ///
    /// # Errors
    /// [`ClientError::Unavailable`], [`ClientError::Forbidden`], [`ClientError::TimedOut`],
    /// [`ClientError::Version`].
    #[cfg(target_os = "linux")]
    pub async fn connect(
        socket: &std::path::Path,
        kind: ClientKind,
        time_limit: Duration,
    ) -> Result<Self, ClientError> {
        let connecting = async {
            let stream = tokio::net::UnixStream::connect(socket).await.map_err(|error| {
                if error.kind() == std::io::ErrorKind::PermissionDenied {
                    ClientError::Forbidden(error)
                } else {
                    ClientError::Unavailable(error)
                }
            })?;
            Self::over(stream, kind).await
        };
        timeout(time_limit, connecting).await.map_err(|_| ClientError::TimedOut)?
    }

    /// Says hello over a stream that is open already.
    ///
    /// # Errors
    /// [`ClientError::Version`], [`ClientError::Closed`], [`ClientError::Frame`].
    pub async fn over<S>(stream: S, kind: ClientKind) -> Result<Self, ClientError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let mut link = Link { stream, decoder: Decoder::new(MAX_FRAME), buffer: vec![0; 16 * 1024] };
        let version = env!("CARGO_PKG_VERSION").to_owned();
        link.send(&ToService::Hello(ClientHello { protocol: crate::PROTOCOL, kind, version })).await?;
        let hello = match link.next_frame().await? {
            FromService::Hello(hello) => hello,
            FromService::Closing { failure } => return Err(ClientError::Refused(failure)),
            FromService::Answer { .. } | FromService::Event { .. } => {
                return Err(FrameError::Malformed.into());
            }
        };
        if hello.protocol != crate::PROTOCOL {
            return Err(ClientError::Version { service: hello.version, protocol: hello.protocol });
        }
        let (commands, inbox) = mpsc::channel(QUEUE);
        let (publish, snapshots) = watch::channel(None);
        tokio::spawn(run(link, inbox, publish));
        Ok(Self { commands, snapshots, hello: Arc::new(hello) })
    }

    /// What the service said in its hello.
    pub fn hello(&self) -> &ServiceHello {
        &self.hello
    }

    /// Makes a request and waits for its answer.
    ///
    /// # Errors
    /// [`ClientError::Refused`] with the service's failure, or that of the connection.
    pub async fn request(&self, request: Request) -> Result<Response, ClientError> {
        let (answer, answered) = oneshot::channel();
        let exchange = async {
            self.commands.send(Command { request, answer }).await.map_err(|_| ClientError::Closed)?;
            answered.await.map_err(|_| ClientError::Closed)
        };
        match timeout(REQUEST_TIME, exchange).await.map_err(|_| ClientError::TimedOut)?? {
            Response::Failed { failure } => Err(ClientError::Refused(failure)),
            response @ (Response::Done
            | Response::Snapshot { .. }
            | Response::Profiles { .. }
            | Response::Resources { .. }
            | Response::Sessions { .. }
            | Response::Machine { .. }
            | Response::Diagnosis { .. }) => Ok(response),
        }
    }

    /// The state of things now.
    ///
    /// # Errors
    /// As [`Client::request`].
    pub async fn snapshot(&self) -> Result<Snapshot, ClientError> {
        match self.request(Request::Snapshot).await? {
            Response::Snapshot { snapshot } => Ok(*snapshot),
            Response::Done
            | Response::Failed { .. }
            | Response::Profiles { .. }
            | Response::Resources { .. }
            | Response::Sessions { .. }
            | Response::Machine { .. }
            | Response::Diagnosis { .. } => Err(FrameError::Malformed.into()),
        }
    }

    /// The state of things now and every change from now on.
    ///
    /// # Errors
    /// As [`Client::request`].
    pub async fn subscribe(&self) -> Result<Subscription, ClientError> {
        self.request(Request::Subscribe).await?;
        let mut snapshots = self.snapshots.clone();
        snapshots.mark_changed();
        Ok(Subscription { snapshots, _connection: self.commands.clone() })
    }
}

impl Subscription {
    /// Waits for a snapshot that was not seen yet; the first comes at once.
    ///
    /// # Errors
    /// [`ClientError::Closed`] when the connection is over.
    pub async fn next(&mut self) -> Result<Arc<Snapshot>, ClientError> {
        loop {
            self.snapshots.changed().await.map_err(|_| ClientError::Closed)?;
            if let Some(snapshot) = self.snapshots.borrow_and_update().clone() {
                return Ok(snapshot);
            }
        }
    }
}

/// Carries requests out and answers and events in, until the last [`Client`] or the service goes.
async fn run<S: AsyncRead + AsyncWrite + Unpin>(
    mut link: Link<S>,
    mut inbox: mpsc::Receiver<Command>,
    publish: watch::Sender<Option<Arc<Snapshot>>>,
) {
    let mut waiting: HashMap<u64, oneshot::Sender<Response>> = HashMap::new();
    let mut subscribed: Option<u64> = None;
    let mut last_id = 0_u64;
    loop {
        tokio::select! {
            command = inbox.recv() => {
                let Some(Command { request, answer }) = command else { return };
                last_id += 1;
                if request == Request::Subscribe {
                    subscribed = Some(last_id);
                }
                waiting.retain(|_, answer| !answer.is_closed());
                match link.send(&ToService::Request { id: last_id, request }).await {
                    Ok(()) => drop(waiting.insert(last_id, answer)),
                    Err(ClientError::Frame(_)) => {
                        let detail = "the request does not fit into a frame".to_owned();
                        // Nobody waits for the answer any more when this fails.
                        let _ = answer.send(FailureCode::Protocol { detail }.into());
                    }
                    Err(_) => return,
                }
            }
            frame = link.next_frame() => match frame {
                Ok(FromService::Answer { id, response }) => {
                    if subscribed == Some(id) && let Response::Snapshot { snapshot } = &response {
                        publish.send_replace(Some(Arc::new((**snapshot).clone())));
                    }
                    if let Some(answer) = waiting.remove(&id) {
                        // Nobody waits for the answer any more when this fails.
                        let _ = answer.send(response);
                    }
                }
                Ok(FromService::Event { event: Event::Snapshot { snapshot } }) => {
                    publish.send_replace(Some(Arc::new(*snapshot)));
                }
                Ok(FromService::Event { event: Event::Traffic { traffic, idle_at } }) => {
                    publish.send_modify(|last| {
                        if let Some(last) = last {
                            *last = Arc::new(Snapshot { traffic, idle_at, ..Snapshot::clone(last) });
                        }
                    });
                }
                Ok(FromService::Hello(_) | FromService::Closing { .. }) | Err(_) => return,
            }
        }
    }
}

struct Link<S> {
    stream: S,
    decoder: Decoder,
    buffer: Vec<u8>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Link<S> {
    /// Cancellation loses nothing: bytes go to the decoder as they come.
    async fn next_frame(&mut self) -> Result<FromService, ClientError> {
        loop {
            if let Some(json) = self.decoder.next_frame()? {
                return Ok(decode_from_service(&json)?);
            }
            let count = self.stream.read(&mut self.buffer).await.map_err(|_| ClientError::Closed)?;
            if count == 0 {
                return Err(ClientError::Closed);
            }
            self.decoder.feed(self.buffer.get(..count).unwrap_or_default());
        }
    }

    async fn send(&mut self, message: &ToService) -> Result<(), ClientError> {
        let frame = encode(message)?;
        if frame.len() > crate::frame::MAX_REQUEST {
            return Err(FrameError::Unwritable.into());
        }
        self.stream.write_all(&frame).await.map_err(|_| ClientError::Closed)?;
        self.stream.flush().await.map_err(|_| ClientError::Closed)
    }
}
