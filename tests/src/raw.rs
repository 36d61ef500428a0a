//! The gateway's protocols spoken by hand, byte for byte, for what no well-behaved client does.

use std::net::SocketAddr;

use anyhow::{Context, Result, ensure};
use praya_testkit::Namespace;
use praya_testkit::rude::Rude;
use serde_json::{Value, json};

/// CSTP frame types (`docs/protocol.md`).
pub mod kind {
    /// One IP packet.
    pub const DATA: u8 = 0x00;
    /// Are you there?
    pub const DPD_REQUEST: u8 = 0x03;
    /// I am.
    pub const DPD_RESPONSE: u8 = 0x04;
    /// Goodbye.
    pub const DISCONNECT: u8 = 0x05;
}

/// One CSTP frame.
pub fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len()).unwrap_or(u16::MAX).to_be_bytes();
    let mut frame = vec![b'S', b'T', b'F', 1, length[0], length[1], kind, 0];
    frame.extend_from_slice(payload);
    frame
}

/// A request of the JSON API as text.
pub fn api_request(method: &str, path: &str, headers: &str, body: &str) -> String {
    format!(
        "{method} {path} HTTP/1.1\r\nHost: gateway.test\r\nContent-Type: application/json\r\n{headers}\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// The body of an HTTP reply.
///
/// # Errors
/// When there is none, or it is no JSON.
pub fn body(reply: &str) -> Result<Value> {
    let (_, body) = reply.split_once("\r\n\r\n").with_context(|| format!("no HTTP reply: {reply:?}"))?;
    serde_json::from_str(body).with_context(|| format!("no JSON: {reply}"))
}

/// The status of an HTTP reply; 0 when it is none.
pub fn status(reply: &str) -> u16 {
    reply.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)?.parse().ok()).unwrap_or(0)
}

/// Signs in with name and password only, without a device key; returns the session cookie.
///
/// # Errors
/// When the gateway does not answer `done`.
pub fn sign_in(from: &Namespace, to: SocketAddr, account: &str, password: &str) -> Result<String> {
    sign_in_over(&mut Rude::connect(from, to)?, account, password)
}

/// As [`sign_in`], over a connection that stands already.
///
/// # Errors
/// When the gateway does not answer `done`.
pub fn sign_in_over(connection: &mut Rude, account: &str, password: &str) -> Result<String> {
    let reply = give_password(connection, account, password)?;
    let cookie = reply["cookie"].as_str().with_context(|| format!("not signed in: {reply}"))?;
    Ok(cookie.to_owned())
}

/// Gives name and password; returns what the gateway says to that, such as a step that asks for a code.
///
/// # Errors
/// When the gateway says nothing sensible.
pub fn give_password(connection: &mut Rude, account: &str, password: &str) -> Result<Value> {
    give_password_from(connection, None, account, password)
}

/// The same from a device with this key.
///
/// # Errors
/// When the gateway says nothing sensible.
pub fn give_password_from(
    connection: &mut Rude,
    device_key: Option<&str>,
    account: &str,
    password: &str,
) -> Result<Value> {
    let asked = begin(connection, device_key, account)?;
    answer(connection, &asked, json!({"answer": "password", "account": null, "password": password}))
}

/// Gives the code that a step asked for; returns what the gateway says to that.
///
/// # Errors
/// When the gateway says nothing sensible.
pub fn give_code(connection: &mut Rude, asked: &Value, code: &str) -> Result<Value> {
    answer(connection, asked, json!({"answer": "otp", "code": code}))
}

/// Gives the report that a step asked for, with its signature; returns what the gateway says to that.
///
/// # Errors
/// When the gateway says nothing sensible.
pub fn give_report(connection: &mut Rude, asked: &Value, mut report: Value) -> Result<Value> {
    report["answer"] = "posture".into();
    answer(connection, asked, report)
}

/// Signs in with an initial password and chooses another one.
///
/// # Errors
/// When the gateway asks for anything else.
pub fn choose_password(to: SocketAddr, account: &str, initial: &str, chosen: &str) -> Result<()> {
    let mut connection = Rude::connect_from_here(to)?;
    let asked = begin(&mut connection, None, account)?;
    let asked =
        answer(&mut connection, &asked, json!({"answer": "password", "account": null, "password": initial}))?;
    let reply = answer(
        &mut connection,
        &asked,
        json!({"answer": "new_password", "password": chosen, "repeat": chosen}),
    )?;
    ensure!(reply["step"] == "done", "{reply}");
    Ok(())
}

fn begin(connection: &mut Rude, device_key: Option<&str>, account: &str) -> Result<Value> {
    let begin = json!({"account": account, "device_key": device_key, "host_name": "raw", "client": "raw"});
    let request = api_request("POST", "/api/v1/sign-in", "", &begin.to_string());
    body(&connection.exchange(request.as_bytes())?)
}

fn answer(connection: &mut Rude, asked: &Value, mut answer: Value) -> Result<Value> {
    answer["ticket"] = asked["ticket"].clone();
    let request = api_request("POST", "/api/v1/sign-in/answer", "", &answer.to_string());
    body(&connection.exchange(request.as_bytes())?).with_context(|| format!("after {asked}"))
}

/// A CSTP channel spoken by hand.
pub struct Channel {
    /// The TLS connection.
    pub tls: Rude,
    /// The head of the gateway's reply to CONNECT.
    pub head: String,
    received: Vec<u8>,
}

impl Channel {
    /// Connects with a cookie.
    ///
    /// # Errors
    /// When the gateway refuses.
    pub fn open(from: &Namespace, to: SocketAddr, cookie: &str) -> Result<Self> {
        let mut tls = Rude::connect(from, to)?;
        tls.send(connect_request(cookie).as_bytes())?;
        let all = tls.receive_until(|bytes| bytes.windows(4).any(|window| window == b"\r\n\r\n"))?;
        let end = all.windows(4).position(|window| window == b"\r\n\r\n").context("an HTTP head")? + 4;
        let head = String::from_utf8_lossy(all.get(..end).unwrap_or_default()).into_owned();
        ensure!(head.starts_with("HTTP/1.1 200 "), "{head}");
        Ok(Self { tls, head, received: all.get(end..).unwrap_or_default().to_vec() })
    }

    /// The value of a header of the gateway's reply.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    /// The next frame of this type; others are passed over.
    ///
    /// # Errors
    /// When the channel ends first.
    pub fn next(&mut self, kind: u8) -> Result<Vec<u8>> {
        loop {
            if let Some((found, payload)) = self.take_frame() {
                if found == kind {
                    return Ok(payload);
                }
                continue;
            }
            let more = self.tls.receive()?;
            ensure!(!more.is_empty(), "the channel has ended");
            self.received.extend(more);
        }
    }

    /// Whether the gateway is still there: asks and waits for the answer.
    ///
    /// # Errors
    /// When the channel ends instead.
    pub fn probe(&mut self) -> Result<()> {
        self.tls.send(&frame(kind::DPD_REQUEST, b"probe"))?;
        let echo = self.next(kind::DPD_RESPONSE)?;
        ensure!(echo == b"probe", "{echo:?}");
        Ok(())
    }

    fn take_frame(&mut self) -> Option<(u8, Vec<u8>)> {
        let length = usize::from(u16::from_be_bytes([*self.received.get(4)?, *self.received.get(5)?]));
        let kind = *self.received.get(6)?;
        let payload = self.received.get(8..8 + length)?.to_vec();
        self.received.drain(..8 + length);
        Some((kind, payload))
    }
}

/// A CONNECT with this cookie.
pub fn connect_request(cookie: &str) -> String {
    format!(
        "CONNECT /CSCOSSLC/tunnel HTTP/1.1\r\nHost: gateway.test\r\nUser-Agent: raw\r\nCookie: webvpn={cookie}\r\n\
         X-CSTP-Version: 1\r\nX-CSTP-Hostname: raw\r\nX-CSTP-Base-MTU: 1500\r\n\
         X-CSTP-Address-Type: IPv6,IPv4\r\nX-CSTP-Full-IPv6-Capability: true\r\n\r\n"
    )
}

/// An IPv4 UDP packet without checksums, which routers do not look at.
pub fn udp_packet(from: [u8; 4], to: [u8; 4], payload: &[u8]) -> Vec<u8> {
    let total = u16::try_from(28 + payload.len()).unwrap_or(u16::MAX).to_be_bytes();
    let udp = u16::try_from(8 + payload.len()).unwrap_or(u16::MAX).to_be_bytes();
    let mut packet = vec![0x45, 0, total[0], total[1], 0, 0, 0, 0, 64, 17, 0, 0];
    packet.extend(from);
    packet.extend(to);
    let sum = checksum(&packet);
    if let Some(field) = packet.get_mut(10..12) {
        field.copy_from_slice(&sum);
    }
    packet.extend([0x30, 0x39, 0x30, 0x39, udp[0], udp[1], 0, 0]);
    packet.extend(payload);
    packet
}

/// The internet checksum (RFC 1071) of an even number of bytes.
pub fn checksum(bytes: &[u8]) -> [u8; 2] {
    let words = bytes
        .chunks_exact(2)
        .map(|pair| pair.iter().fold(0_u32, |word, byte| (word << 8) | u32::from(*byte)));
    let sum = words.sum::<u32>();
    let folded = (sum & 0xffff) + (sum >> 16);
    let folded = u16::try_from((folded & 0xffff) + (folded >> 16)).unwrap_or(0);
    (!folded).to_be_bytes()
}
