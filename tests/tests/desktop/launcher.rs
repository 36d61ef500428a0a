//! What the packages tell a desktop about the app: a link and a file that invite lead to its window.

use std::fs;

use anyhow::{Context, Result};
use praya_testkit::privilege::was_run_elsewhere;
use praya_tests::lab::GATEWAY_NAME;

use crate::Scene;

const LAUNCHER: &str = "org.praya.desktop.desktop";
const TYPES: &str = "org.praya.desktop.xml";

impl Scene {
    /// Makes the app known to the person's desktop as a package does to everybody's.
    fn install_launcher(&self) -> Result<()> {
        let ours = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../installers/linux");
        let data = self.desk.home().join(".local/share");
        let folders = [data.join("applications"), data.join("mime/packages")];
        self.desk.program("mkdir").arg("-p").args(&folders).succeed()?;
        self.desk.program("desktop-file-validate").arg(ours.join(LAUNCHER)).succeed()?;
        let launcher = fs::read_to_string(ours.join(LAUNCHER))?;
        let program = self.programs.join("praya-desktop");
        let program = program.to_str().context("a path without oddities")?;
        let socket = self.client.socket.to_str().context("a path without oddities")?;
        let launcher = launcher
            .replace("TryExec=praya-desktop", &format!("TryExec={program}"))
            .replace("Exec=praya-desktop %u", &format!("Exec={program} --socket {socket} %u"));
        fs::write(data.join("applications").join(LAUNCHER), launcher)?;
        fs::copy(ours.join(TYPES), data.join("mime/packages").join(TYPES))?;
        self.desk.program("update-desktop-database").arg(data.join("applications")).succeed()?;
        self.desk.program("update-mime-database").arg(data.join("mime")).succeed()?;
        Ok(())
    }
}

#[test]
fn a_link_and_a_file_that_are_opened_on_the_desktop_invite() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let scene = Scene::new(|_| Ok(()))?;
    scene.install_launcher()?;
    let window = scene.open()?;
    window.wait_for("Add a gateway")?;
    let link = format!("praya://add?gateway={GATEWAY_NAME}&name=Linked");
    scene.desk.program("gio").args(["open", &link]).succeed()?;
    window.wait_for("Linked")?;
    window.press("Cancel")?;
    window.wait_until_gone("Linked")?;
    let file = scene.desk.home().join("from the office.praya");
    fs::write(&file, format!("gateway = \"{GATEWAY_NAME}\"\nname = \"Filed\"\n"))?;
    scene.desk.program("gio").arg("open").arg(&file).succeed()?;
    window.wait_for("Filed")
}
