//! Our client against our gateway: every path of the sign-in, every end of a session, and what must survive.

mod codes;
mod ends;
mod line;
mod secrets;
mod session;
mod sign_in;
mod survival;
mod udp;

use anyhow::{Result, ensure};
use praya_tests::Lab;
use praya_tests::client::Client;
use praya_tests::gateway::Gateway;

const PASSWORD: &str = "correct horse battery";
const NEW_PASSWORD: &str = "a brand new pass phrase";

/// A lab, a gateway with one person, and the client's service.
struct Scene {
    lab: Lab,
    gateway: Gateway,
    client: Client,
}

impl Scene {
    /// With settings, before the gateway starts.
    fn new(settings: impl FnOnce(&mut Gateway) -> Result<()>) -> Result<Self> {
        Self::within(Lab::new()?, settings)
    }

    /// The same in this lab.
    fn within(lab: Lab, settings: impl FnOnce(&mut Gateway) -> Result<()>) -> Result<Self> {
        let mut gateway = Gateway::init(&lab)?;
        gateway.set("sign_in.second_factor", "when_assigned")?;
        gateway.add_people(&["wong"], PASSWORD)?;
        gateway.publish_intranet("staff", &["wong"])?;
        settings(&mut gateway)?;
        gateway.start()?;
        let client = Client::started(&lab.employee)?;
        Ok(Self { lab, gateway, client })
    }

    fn plain() -> Result<Self> {
        Self::new(|_| Ok(()))
    }

    /// `praya login` with these answers; the exit code and what was said.
    fn login(&self, account: &str, answers: &[&str]) -> Result<(i32, String)> {
        let login = self.client.login(&self.lab.employee, &self.gateway.pin, account, answers)?;
        Ok((login.code(), login.everything))
    }

    /// Signs in and has a tunnel.
    fn connected() -> Result<Self> {
        let scene = Self::plain()?;
        scene.sign_in()?;
        Ok(scene)
    }

    fn sign_in(&self) -> Result<()> {
        let (code, said) = self.login("wong", &[PASSWORD])?;
        assert_eq!(code, 0, "{said}");
        ensure!(self.lab.reaches_intranet()?, "the tunnel carries nothing");
        Ok(())
    }

    fn status(&self) -> Result<serde_json::Value> {
        self.client.json(&self.lab.employee, &["status"])
    }
}
