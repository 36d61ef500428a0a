//! A small web site for the intranet: a page, downloads of any size whose bytes are known beforehand, one that halts
//! midway until the test lets it go on, and a place to send bytes to.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result, bail};
use aws_lc_rs::digest::{Context as Digest, SHA256, digest};
use data_encoding::HEXLOWER;

use crate::{HANG, Namespace};

/// What the page says.
pub const PAGE: &str = "<!doctype html><title>Intranet</title><h1>Welcome to the intranet</h1>\n";

/// The running site. `GET /` is the page, `GET /bytes/N` N known bytes, `GET /halting/N` the same but the second half
/// waits for [`Site::go_on`], `POST /sink` answers with the SHA-256 of what was sent.
pub struct Site {
    listener: TcpListener,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    visitors: Vec<(IpAddr, String)>,
    halted: usize,
    open: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait_until(&self, done: impl Fn(&State) -> bool) -> bool {
        let waited = self.changed.wait_timeout_while(self.lock(), HANG, |state| !done(state));
        done(&waited.unwrap_or_else(PoisonError::into_inner).0)
    }
}

impl Site {
    /// Opens the site on a machine, at every address of it.
    ///
    /// # Errors
    /// When the port is taken.
    pub fn open(machine: &Namespace, port: u16) -> Result<Self> {
        let listener = machine.within(move || TcpListener::bind(SocketAddr::from(([0_u16; 8], port))))??;
        let shared = Arc::new(Shared::default());
        let door = listener.try_clone()?;
        let inside = Arc::clone(&shared);
        std::thread::spawn(move || {
            while let Ok((stream, peer)) = door.accept() {
                let shared = Arc::clone(&inside);
                std::thread::spawn(move || {
                    // A visitor who leaves early is no concern of the site.
                    let _ = serve(stream, peer.ip().to_canonical(), &shared);
                });
            }
        });
        Ok(Self { listener, shared })
    }

    /// (address, path) of every request so far.
    pub fn visitors(&self) -> Vec<(IpAddr, String)> {
        self.shared.lock().visitors.clone()
    }

    /// Waits until a halting download has sent its first half.
    ///
    /// # Errors
    /// When that does not come.
    pub fn wait_for_halt(&self) -> Result<()> {
        if self.shared.wait_until(|state| state.halted > 0) {
            Ok(())
        } else {
            bail!("no download came to the halt")
        }
    }

    /// Lets halting downloads go on.
    pub fn go_on(&self) {
        self.shared.lock().open = true;
        self.shared.changed.notify_all();
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.go_on();
        // Ends the thread that waits for visitors, and with it the last hold on the machine's network.
        let _ = rustix::net::shutdown(&self.listener, rustix::net::Shutdown::Both);
    }
}

/// The `length` bytes that `/bytes/<length>` and `/halting/<length>` send.
pub fn known_bytes(length: usize) -> Vec<u8> {
    // Xorshift64: no pattern that a broken tunnel could repeat by chance, and no state to keep.
    let mut word = 0x9e37_79b9_7f4a_7c15_u64;
    std::iter::repeat_with(|| {
        word ^= word << 13;
        word ^= word >> 7;
        word ^= word << 17;
        word.to_le_bytes()
    })
    .flatten()
    .take(length)
    .collect()
}

/// SHA-256 in hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    HEXLOWER.encode(digest(&SHA256, bytes).as_ref())
}

fn serve(stream: TcpStream, peer: IpAddr, shared: &Shared) -> Result<()> {
    stream.set_read_timeout(Some(HANG))?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let path = line.split(' ').nth(1).context("a request line")?.to_owned();
    let mut length = 0_u64;
    let mut expects = false;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header)?;
        let header = header.trim().to_ascii_lowercase();
        if let Some(value) = header.strip_prefix("content-length:") {
            length = value.trim().parse()?;
        }
        expects |= header == "expect: 100-continue";
        if header.is_empty() {
            break;
        }
    }
    shared.lock().visitors.push((peer, path.clone()));
    shared.changed.notify_all();
    let mut stream = stream;
    if let Some(count) = path.strip_prefix("/bytes/") {
        return reply(&mut stream, "application/octet-stream", &known_bytes(count.parse()?));
    }
    if let Some(count) = path.strip_prefix("/halting/") {
        return halting(&mut stream, &known_bytes(count.parse()?), shared);
    }
    if path == "/sink" {
        if expects {
            stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        let mut hash = Digest::new(&SHA256);
        let mut body = reader.take(length);
        let mut buffer = vec![0; 64 * 1024];
        while let count @ 1.. = body.read(&mut buffer)? {
            hash.update(buffer.get(..count).unwrap_or_default());
        }
        return reply(&mut stream, "text/plain", HEXLOWER.encode(hash.finish().as_ref()).as_bytes());
    }
    reply(&mut stream, "text/html; charset=utf-8", PAGE.as_bytes())
}

fn head(stream: &mut TcpStream, kind: &str, length: usize) -> Result<()> {
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    Ok(stream.write_all(head.as_bytes())?)
}

fn reply(stream: &mut TcpStream, kind: &str, body: &[u8]) -> Result<()> {
    head(stream, kind, body.len())?;
    Ok(stream.write_all(body)?)
}

fn halting(stream: &mut TcpStream, body: &[u8], shared: &Shared) -> Result<()> {
    let (first, second) = body.split_at(body.len() / 2);
    head(stream, "application/octet-stream", body.len())?;
    stream.write_all(first)?;
    shared.lock().halted += 1;
    shared.changed.notify_all();
    if !shared.wait_until(|state| state.open) {
        bail!("nobody let the download go on");
    }
    Ok(stream.write_all(second)?)
}
