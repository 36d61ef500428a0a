//! A machine with a device key of its own, spoken for by hand: what it reports is what a test wants.

use anyhow::{Context, Result, ensure};
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use data_encoding::{BASE64, HEXLOWER};
use praya_posture::facts::HostFacts;
use praya_posture::report;
use praya_testkit::rude::Rude;
use serde_json::{Value, json};

use crate::raw;

/// The path of the check in session.
const PATH: &str = "/api/v1/session/posture";

/// A key.
pub struct Device(Ed25519KeyPair);

impl Device {
    /// A new one.
    ///
    /// # Errors
    /// When there is no randomness.
    pub fn new() -> Result<Self> {
        Ok(Self(Ed25519KeyPair::generate().ok().context("a key")?))
    }

    /// The public half, as a sign-in begins with it.
    pub fn public(&self) -> String {
        BASE64.encode(self.0.public_key().as_ref())
    }

    /// A report as our client writes it.
    ///
    /// # Errors
    /// When the facts are too many.
    pub fn report(&self, nonce: &str, facts: &HostFacts) -> Result<Value> {
        let sealed = report::seal(nonce, facts, |bytes| {
            let mut signature = [0; 64];
            signature.copy_from_slice(self.0.sign(bytes).as_ref());
            signature
        })?;
        Ok(json!({"report": sealed.report, "signature": sealed.signature}))
    }

    /// Any text, signed as a report.
    pub fn signed(&self, text: &str) -> Value {
        let bytes = [b"praya-posture-report-1\0", text.as_bytes()].concat();
        json!({"report": text, "signature": BASE64.encode(self.0.sign(&bytes).as_ref())})
    }
}

/// A session of a device, over one connection.
pub struct Session<'a> {
    device: &'a Device,
    connection: Rude,
    cookie: String,
    calls: u64,
}

impl<'a> Session<'a> {
    /// The session that the last answer of a sign-in opened.
    ///
    /// # Errors
    /// When it opened none.
    pub fn of(device: &'a Device, connection: Rude, done: &Value) -> Result<Self> {
        ensure!(done["step"] == "done", "{done}");
        let cookie = done["cookie"].as_str().context("a cookie")?.to_owned();
        Ok(Self { device, connection, cookie, calls: 0 })
    }

    /// Goes on over another connection.
    pub fn move_to(&mut self, connection: Rude) {
        self.connection = connection;
    }

    /// What the gateway wants to know of the machine now.
    ///
    /// # Errors
    /// When it does not say.
    pub fn question(&mut self) -> Result<Value> {
        let (status, question) = self.call("GET", "")?;
        ensure!(status == 200, "{question}");
        Ok(question)
    }

    /// Its word on a report, with the status. It hears ten in a row, and after that one now and then.
    ///
    /// # Errors
    /// When it says nothing.
    pub fn report(&mut self, report: &Value) -> Result<(u16, Value)> {
        self.call("POST", &report.to_string())
    }

    fn call(&mut self, method: &str, body: &str) -> Result<(u16, Value)> {
        self.calls += 1;
        let hash = |bytes: &[u8]| HEXLOWER.encode(digest(&SHA256, bytes).as_ref());
        let (calls, cookie) = (self.calls, &self.cookie);
        let message =
            format!("{method}\n{PATH}\n{calls}\n{}\n{}", hash(body.as_bytes()), hash(cookie.as_bytes()));
        let proof = BASE64.encode(self.device.0.sign(message.as_bytes()).as_ref());
        let headers = format!("Authorization: Bearer {cookie}\r\nX-Praya-Proof: {calls}.{proof}\r\n");
        let request = raw::api_request(method, PATH, &headers, body);
        let reply = self.connection.exchange(request.as_bytes())?;
        Ok((raw::status(&reply), raw::body(&reply)?))
    }
}
