//! One connection: requests in, answers out, until it closes or turns into a tunnel.

use std::io;
use std::net::IpAddr;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use bytes::{Bytes, BytesMut};
use http::{HeaderName, HeaderValue, Request, Uri};
use praya_wire::http::{HeadError, RequestHead, parse_request};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::watch;
use tokio::time::{Instant, timeout, timeout_at};
use tower::ServiceExt;

use super::admission::Slot;
use super::framing::{self, Framing, Reject};
use super::notice::Notices;
use super::reply::{self, Delivery};
use super::server::Limits;
use crate::metrics::Metrics;

/// Longest time a handler may take; signing in may have to wait for its turn to hash.
const HANDLER_TIME: Duration = Duration::from_secs(60);
/// How long, and how much, a client may go on sending after an error answer, so that it gets to read it.
const LINGER: (Duration, usize) = (Duration::from_secs(2), 256 * 1024);

/// Where a request came from; stands in every request's extensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer(pub IpAddr);

/// What all connections of one listener share.
pub(crate) struct Site {
    pub(crate) router: Router,
    pub(crate) limits: Limits,
    pub(crate) metrics: Metrics,
    pub(crate) notices: Notices,
    /// Whether this is TLS, and CONNECT may ask for a tunnel.
    pub(crate) secure: bool,
}

/// How a connection left the request loop.
pub(crate) enum Next<S> {
    /// Closed.
    Closed,
    /// It asks for a tunnel. Nothing was answered yet.
    Connect {
        head: Box<RequestHead>,
        stream: S,
        /// What was read beyond the head.
        early: Bytes,
    },
}

/// Why no request came out of the stream.
enum Stop {
    /// Nothing to say: closed, idle for too long, or the gateway stops.
    Quiet,
    Reject(Reject),
}

/// Serves requests until the connection closes, the gateway stops, or a tunnel is asked for.
pub(crate) async fn serve<S>(
    mut stream: S,
    site: &Site,
    peer: IpAddr,
    slot: Option<&Slot>,
    mut stopping: watch::Receiver<bool>,
) -> Next<S>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut buffer = BytesMut::with_capacity(2048);
    let mut patience = site.limits.request_time;
    loop {
        if let Some(slot) = slot {
            slot.waiting();
        }
        let request = read_request(&mut stream, &mut buffer, site, patience, &mut stopping).await;
        let (head, framing, body) = match request {
            Ok(request) => request,
            Err(Stop::Quiet) => {
                let _ = timeout(site.limits.write_time, stream.shutdown()).await;
                return Next::Closed;
            }
            Err(Stop::Reject(reject)) => {
                refuse(&mut stream, site, peer, reject).await;
                return Next::Closed;
            }
        };
        if let Some(slot) = slot {
            slot.busy();
        }
        if head.method == framing::CONNECT && site.secure {
            return Next::Connect { head: Box::new(head), stream, early: buffer.freeze() };
        }
        let keep_alive = framing.keep_alive && !*stopping.borrow();
        let delivery = Delivery { head_only: head.method == "HEAD", keep_alive, secure: site.secure };
        let started = Instant::now();
        let Some(request) = to_request(&head, body, peer) else {
            refuse(&mut stream, site, peer, Reject::BadRequest).await;
            return Next::Closed;
        };
        let response = answer(site, request).await;
        let status = response.status();
        site.metrics.request(status.as_u16());
        tracing::debug!(
            source = %peer, method = %head.method, path = ?head.path(), status = status.as_u16(),
            millis = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX), "request"
        );
        let bytes = reply::render(response, delivery).await;
        if send(&mut stream, &bytes, site.limits.write_time).await.is_err() {
            return Next::Closed;
        }
        if !keep_alive {
            let _ = timeout(site.limits.write_time, stream.shutdown()).await;
            return Next::Closed;
        }
        patience = site.limits.keep_alive_time;
    }
}

async fn answer(site: &Site, request: Request<Body>) -> Response {
    match timeout(HANDLER_TIME, site.router.clone().oneshot(request)).await {
        Ok(Ok(response)) => response,
        Ok(Err(never)) => match never {},
        Err(_) => {
            tracing::error!("a request took longer than {} s and was given up", HANDLER_TIME.as_secs());
            reply::given_up()
        }
    }
}

/// Waits `patience` for the first byte; head and body have their own time from then on.
async fn read_request<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    buffer: &mut BytesMut,
    site: &Site,
    patience: Duration,
    stopping: &mut watch::Receiver<bool>,
) -> Result<(RequestHead, Framing, Bytes), Stop> {
    if buffer.is_empty() {
        let first = timeout(patience, stream.read_buf(buffer));
        let read = tokio::select! {
            read = first => read,
            // A sender that is gone means the same.
            _ = stopping.wait_for(|stop| *stop) => return Err(Stop::Quiet),
        };
        if !matches!(read, Ok(Ok(1..))) {
            return Err(Stop::Quiet);
        }
    }
    let deadline = Instant::now() + site.limits.request_time;
    let head = read_head(stream, buffer, deadline).await?;
    let framing = framing::framing(&head, site.limits.body_bytes).map_err(Stop::Reject)?;
    if framing.expects_continue && buffer.is_empty() {
        send(stream, b"HTTP/1.1 100 Continue\r\n\r\n", site.limits.write_time)
            .await
            .map_err(|_| Stop::Quiet)?;
    }
    while buffer.len() < framing.body {
        read_more(stream, buffer, deadline).await?;
    }
    let body = buffer.split_to(framing.body).freeze();
    Ok((head, framing, body))
}

async fn read_head<S: AsyncRead + Unpin>(
    stream: &mut S,
    buffer: &mut BytesMut,
    deadline: Instant,
) -> Result<RequestHead, Stop> {
    loop {
        match parse_request(buffer) {
            Ok(Some((head, len))) => {
                let bytes = buffer.split_to(len);
                // Lines that end in a bare line feed are read differently by different readers.
                let before = std::iter::once(&0).chain(&bytes);
                let bare = bytes.iter().zip(before).any(|(byte, before)| *byte == b'\n' && *before != b'\r');
                return if bare { Err(Stop::Reject(Reject::BadRequest)) } else { Ok(head) };
            }
            Ok(None) => read_more(stream, buffer, deadline).await?,
            Err(error) => return Err(Stop::Reject(head_reject(error))),
        }
    }
}

fn head_reject(error: HeadError) -> Reject {
    match error {
        HeadError::TooLong | HeadError::TooManyHeaders => Reject::HeadTooLarge,
        HeadError::Malformed | HeadError::BadLength | HeadError::Unwritable => Reject::BadRequest,
    }
}

async fn read_more<S: AsyncRead + Unpin>(
    stream: &mut S,
    buffer: &mut BytesMut,
    deadline: Instant,
) -> Result<(), Stop> {
    match timeout_at(deadline, stream.read_buf(buffer)).await {
        Ok(Ok(1..)) => Ok(()),
        Ok(Ok(0) | Err(_)) => Err(Stop::Quiet),
        Err(_) => Err(Stop::Reject(Reject::Timeout)),
    }
}

fn to_request(head: &RequestHead, body: Bytes, peer: IpAddr) -> Option<Request<Body>> {
    let mut request = Request::new(Body::from(body));
    *request.method_mut() = head.method.parse().ok()?;
    *request.uri_mut() = head.target.parse::<Uri>().ok()?;
    for (name, value) in head.headers.iter() {
        let (name, value) =
            (HeaderName::from_bytes(name.as_bytes()).ok()?, HeaderValue::from_str(value).ok()?);
        request.headers_mut().append(name, value);
    }
    request.extensions_mut().insert(Peer(peer));
    Some(request)
}

async fn refuse<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    site: &Site,
    peer: IpAddr,
    reject: Reject,
) {
    let (status, reason) = reject.status();
    site.metrics.request(status);
    site.notices.say("request refused", peer, reason);
    let delivery = Delivery { head_only: false, keep_alive: false, secure: site.secure };
    let bytes = reply::render(reply::rejection(reject), delivery).await;
    if send(stream, &bytes, site.limits.write_time).await.is_err() {
        return;
    }
    // Closing on unread bytes resets the connection and takes the answer with it.
    let (time, mut bytes_left) = LINGER;
    let _ = timeout(time, async {
        stream.shutdown().await?;
        let mut sink = [0; 4096];
        while bytes_left > 0 {
            match stream.read(&mut sink).await? {
                0 => break,
                read => bytes_left = bytes_left.saturating_sub(read),
            }
        }
        io::Result::Ok(())
    })
    .await;
}

async fn send<S: AsyncWrite + Unpin>(stream: &mut S, bytes: &[u8], limit: Duration) -> io::Result<()> {
    let writing = async {
        stream.write_all(bytes).await?;
        stream.flush().await
    };
    timeout(limit, writing).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}
