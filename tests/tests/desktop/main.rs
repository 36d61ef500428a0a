//! The desktop app as a person meets it: the real window and the real tray, the real service, a real gateway and a
//! real tunnel. The person is not root.

mod clamav;
mod elsewhere;
mod keyboard;
mod languages;
mod launcher;
mod reattach;
mod resources;
mod settings;
mod sign_in;
mod tray;

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use praya_testkit::{Desk, Process, Program, programs};
use praya_tests::Lab;
use praya_tests::client::Client;
use praya_tests::gateway::Gateway;
use praya_tests::lab::GATEWAY_NAME;
use praya_tests::window::Window;

const PASSWORD: &str = "correct horse battery";
const NEW_PASSWORD: &str = "a brand new pass phrase";

/// A lab, a gateway with one person, the client's service, and the person's desktop. What is started at the desk ends
/// first.
struct Scene {
    desk: Desk,
    /// Where the person finds our programs.
    programs: PathBuf,
    client: Client,
    gateway: Gateway,
    lab: Lab,
}

impl Scene {
    /// With settings, before the gateway starts.
    fn new(settings: impl FnOnce(&mut Gateway) -> Result<()>) -> Result<Self> {
        let lab = Lab::new()?;
        let mut gateway = Gateway::init(&lab)?;
        gateway.set("sign_in.second_factor", "when_assigned")?;
        gateway.add_people(&["wong"], PASSWORD)?;
        gateway.publish_intranet("staff", &["wong"])?;
        settings(&mut gateway)?;
        gateway.start()?;
        let client = Client::started(&lab.employee)?;
        let desk = Desk::new(&lab.employee)?;
        let app = programs::path("praya-desktop")?;
        programs::path("praya")?;
        let programs = desk.show(app.parent().context("a folder")?)?;
        Ok(Self { desk, programs, client, gateway, lab })
    }

    /// With a gateway that this machine's administrator has set up for everybody.
    fn with_profile(settings: impl FnOnce(&mut Gateway) -> Result<()>) -> Result<Self> {
        let scene = Self::new(settings)?;
        let words = ["profile", "add", "office", "--gateway", GATEWAY_NAME, "--pin", &scene.gateway.pin];
        scene.client.praya(&scene.lab.employee, &words)?.succeed()?;
        Ok(scene)
    }

    /// The app, about to be started at a desk.
    fn app(&self, desk: &Desk) -> Program {
        desk.program(self.programs.join("praya-desktop")).arg("--socket").arg(&self.client.socket)
    }

    /// The app with a driver at its window.
    fn open(&self) -> Result<Window> {
        self.open_with(&[])
    }

    /// The same, with more words on its command line.
    fn open_with(&self, words: &[&str]) -> Result<Window> {
        let socket = self.client.socket.to_string_lossy().into_owned();
        let app = self.programs.join("praya-desktop");
        Window::open(&self.lab.employee, &self.desk, &app, &[&["--socket", &socket], words].concat())
    }

    /// The window of somebody who has signed in with it and sees the resources.
    fn signed_in(&self) -> Result<Window> {
        let window = self.open()?;
        sign_in(&window, "wong", PASSWORD)?;
        window.wait_for_button("Intranet")?;
        Ok(window)
    }

    /// `praya` as the person types it, and what is typed then.
    fn praya(&self, words: &[&str], answers: &[&str]) -> Result<Process> {
        let praya = self.desk.program(self.programs.join("praya")).arg("--socket").arg(&self.client.socket);
        let process = praya.args(words).start()?;
        for answer in answers {
            process.type_line(answer)?;
        }
        Ok(process)
    }

    /// The person signs in without the window.
    fn sign_in_by_command(&self) -> Result<()> {
        let login = ["login", "--profile", "office", "--account", "wong", "--answers-stdin"];
        let ended = self.praya(&login, &[PASSWORD])?.wait()?;
        ensure!(ended.status.success(), "{}", ended.everything);
        Ok(())
    }
}

/// Gives account and password on the sign-in screen.
fn sign_in(window: &Window, account: &str, password: &str) -> Result<()> {
    window.fill("Account", account)?;
    window.fill("Password", password)?;
    window.press("Sign in")
}

/// Chooses a line of the window's menu.
fn choose(window: &Window, line: &str) -> Result<()> {
    window.press("Menu")?;
    window.press(line)
}
