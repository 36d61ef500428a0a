//! The demo's window: on the person's own display, or, where there is none, on one that nobody sees, which leaves
//! pictures.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use praya_testkit::{Desk, Process, programs};
use praya_tests::Lab;
use praya_tests::client::Client;
use praya_tests::lab::GATEWAY_NAME;
use praya_tests::window::Window;

use super::{NEW_PASSWORD, Person, Stage};

/// The app, shown somewhere.
pub(crate) enum Shown {
    /// To the person.
    OnDisplay { _app: Process },
    /// To nobody.
    Hidden(Box<Hidden>),
}

/// A window on a display of its own.
pub(crate) struct Hidden {
    window: Window,
    pictures: PathBuf,
    number: u32,
    // What the window stands on goes after it.
    _desk: Desk,
}

/// Starts the app while a session lives.
pub(crate) fn show(
    stage: &mut Stage,
    lab: &Lab,
    client: &Client,
    pin: &str,
    pictures: &Path,
) -> Result<Shown> {
    stage.heading("The window of the desktop app finds the session, without a sign-in");
    let profile = ["profile", "add", "office", "--gateway", GATEWAY_NAME, "--pin", pin];
    super::show(stage, lab, client, &profile)?;
    stage.command("employee", "praya-desktop");
    let app = programs::path("praya-desktop")?;
    let has_display = ["DISPLAY", "WAYLAND_DISPLAY"]
        .iter()
        .any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()));
    if has_display {
        let mut program = lab.employee.program(app).arg("--socket").arg(&client.socket);
        // The settings of the person's own Praya, should there be one, are none of the demo's business.
        for name in ["XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"] {
            program = program.env(name, lab.employee.folder(name)?);
        }
        stage.note("It is on your display.");
        return Ok(Shown::OnDisplay { _app: program.start()? });
    }
    let desk = Desk::of_root(&lab.employee)?;
    let socket = client.socket.to_str().context("a path")?;
    let window = Window::open(&lab.employee, &desk, &app, &["--socket", socket])?;
    fs::create_dir_all(pictures)?;
    let mut hidden = Hidden { window, pictures: pictures.to_owned(), number: 0, _desk: desk };
    hidden.look_around(stage)?;
    Ok(Shown::Hidden(Box::new(hidden)))
}

impl Hidden {
    fn look_around(&mut self, stage: &Stage) -> Result<()> {
        stage.note("There is no display here, so it is drawn on one that nobody sees. Its pictures:");
        self.window.wait_for_button("Intranet")?;
        self.picture(stage, "resources")?;
        self.window.press("Menu")?;
        self.window.press("Settings")?;
        self.window.choose("Language", "繁體中文（台灣）")?;
        self.window.wait_for("語言")?;
        self.picture(stage, "settings")?;
        self.window.choose("語言", "English")?;
        self.window.wait_for("Language")?;
        self.window.press("Back")
    }

    /// The end of the session, seen from the window, and the way back in.
    pub(crate) fn after_logout(&mut self, stage: &Stage, person: &Person) -> Result<()> {
        self.window.wait_for("You logged out.")?;
        self.picture(stage, "signed-out")?;
        self.window.fill("Account", &person.account)?;
        self.window.fill("Password", NEW_PASSWORD)?;
        self.window.press("Sign in")?;
        self.window.wait_for(&person.serial)?;
        self.picture(stage, "code")?;
        self.window.press("Cancel the sign-in")?;
        self.window.wait_for_button("Sign in")
    }

    fn picture(&mut self, stage: &Stage, name: &str) -> Result<()> {
        self.number += 1;
        let file = self.pictures.join(format!("{}-{name}.png", self.number));
        self.window.picture(&file)?;
        stage.note(&format!("  {}", file.display()));
        Ok(())
    }
}
