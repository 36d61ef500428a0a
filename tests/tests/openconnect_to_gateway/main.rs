//! Debian's own `openconnect` against our gateway: every way in, every way out, and what flows between.

mod posture;
mod roaming;
mod session;
mod sign_in;
mod traffic;

use anyhow::{Context, Result};
use praya_testkit::otp::Token;
use praya_testkit::{Process, Program};
use praya_tests::Lab;
use praya_tests::gateway::Gateway;
use praya_tests::openconnect::{Told, openconnect, wait_connected};

const PASSWORD: &str = "correct horse battery";

/// A lab with a gateway and one person, whose second factor is asked for where a token is given.
struct Scene {
    lab: Lab,
    gateway: Gateway,
}

impl Scene {
    fn new(token: Option<&Token>) -> Result<Self> {
        Self::within(Lab::new()?, token)
    }

    fn within(lab: Lab, token: Option<&Token>) -> Result<Self> {
        let mut gateway = Gateway::init(&lab)?;
        gateway.set("sign_in.second_factor", "when_assigned")?;
        gateway.add_people(&["wong"], PASSWORD)?;
        gateway.publish_intranet("staff", &["wong"])?;
        if let Some(token) = token {
            gateway.add_token("wong", "40000001", token)?;
        }
        Ok(Self { lab, gateway })
    }

    fn started(token: Option<&Token>) -> Result<Self> {
        let mut scene = Self::new(token)?;
        scene.gateway.start()?;
        Ok(scene)
    }

    /// `openconnect --user wong`.
    fn client(&self) -> Result<Program> {
        Ok(openconnect(&self.lab.employee, &self.gateway.pin)?.args(["--user", "wong"]))
    }

    /// Signs in by password alone, from a script.
    fn connect(&self) -> Result<(Process, Told)> {
        let client = self.client()?.arg("--passwd-on-stdin").start()?;
        client.type_line(PASSWORD)?;
        let told = wait_connected(&client)?;
        Ok((client, told))
    }

    /// Signs in by password alone without connecting; returns the session cookie.
    fn authenticate(&self) -> Result<String> {
        let client = self.client()?.args(["--passwd-on-stdin", "--authenticate"]).start()?;
        client.type_line(PASSWORD)?;
        let ended = client.wait()?;
        let printed = ended.text();
        let cookie = printed.lines().find_map(|line| line.strip_prefix("COOKIE='")?.strip_suffix('\''));
        // Older versions print `COOKIE='webvpn=…'`, newer ones the bare value.
        Ok(cookie.with_context(|| ended.everything.clone())?.trim_start_matches("webvpn=").to_owned())
    }

    /// Connects with a cookie and nothing else.
    fn connect_with(&self, cookie: &str) -> Result<Process> {
        let client = self.client()?.arg("--cookie-on-stdin").start()?;
        client.type_line(cookie)?;
        Ok(client)
    }
}
