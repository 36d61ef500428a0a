//! Debian's `ocserv`, as a peer of our client: its own shipped configuration with only those lines changed that say
//! where it runs and who may sign in.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use praya_testkit::certificate::Certificate;
use praya_testkit::otp::Token;
use praya_testkit::{Namespace, Process};

use crate::lab::{GATEWAY, GATEWAY_NAME};

/// The configuration that the package brings.
const SHIPPED: &str = "/etc/ocserv/ocserv.conf";

/// An `ocserv` to be.
pub struct Ocserv {
    folder: PathBuf,
    /// Its key.
    pub pin: String,
    settings: Vec<(String, String)>,
    process: Option<Process>,
}

impl Ocserv {
    /// On `machine`, with the shipped configuration.
    ///
    /// # Errors
    /// When the package is not installed.
    pub fn new(machine: &Namespace) -> Result<Self> {
        let folder = machine.folder("ocserv")?;
        let certificate = Certificate::make(&folder, &[GATEWAY_NAME, GATEWAY])?;
        let path = |name: &str| folder.join(name).display().to_string();
        fs::write(path("passwd"), "")?;
        fs::write(path("otp"), "")?;
        // Its worker processes run as another user and read these through the main process only.
        let settings = [
            ("auth", format!("\"plain[passwd={}]\"", path("passwd"))),
            ("socket-file", path("socket")),
            ("pid-file", path("pid")),
            ("occtl-socket-file", path("occtl")),
            ("chroot-dir", String::new()),
            ("server-cert", certificate.chain.display().to_string()),
            ("server-key", certificate.key.display().to_string()),
            ("ca-cert", certificate.authority.display().to_string()),
            ("ipv4-network", "192.168.77.0".into()),
            ("ipv4-netmask", "255.255.255.0".into()),
            ("ipv6-network", "fd77::/64".into()),
            ("dns", "172.31.0.53".into()),
            ("route", "172.31.0.0/255.255.255.0".into()),
        ];
        let settings = settings.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Ok(Self { pin: certificate.pin, folder, settings, process: None })
    }

    /// Changes a setting; nothing removes it.
    pub fn set(&mut self, name: &str, value: &str) {
        self.settings.retain(|(known, _)| known != name);
        self.settings.push((name.to_owned(), value.to_owned()));
    }

    /// Adds somebody with a password.
    ///
    /// # Errors
    /// When `ocpasswd` refuses.
    pub fn add_person(&self, name: &str, password: &str) -> Result<()> {
        let file = self.folder.join("passwd").display().to_string();
        let tool = praya_testkit::Program::here("ocpasswd").args(["-c", &file, name]).start()?;
        tool.type_line(password)?;
        tool.type_line(password)?;
        let ended = tool.wait()?;
        anyhow::ensure!(ended.status.success(), "ocpasswd: {}", ended.everything);
        Ok(())
    }

    /// Demands a token code after the password.
    ///
    /// # Errors
    /// When its file cannot be written.
    pub fn add_token(&mut self, name: &str, token: &Token) -> Result<()> {
        let path = |name: &str| self.folder.join(name).display().to_string();
        let known = fs::read_to_string(path("otp"))?;
        fs::write(path("otp"), format!("{known}HOTP/T{} {name} - {}\n", token.step, token.hex()))?;
        let auth = format!("\"plain[passwd={},otp={}]\"", path("passwd"), path("otp"));
        self.set("auth", &auth);
        Ok(())
    }

    /// Starts it, or starts it again, and waits until it listens.
    ///
    /// # Errors
    /// With what it says when it does not start.
    pub fn start(&mut self, machine: &Namespace) -> Result<()> {
        let shipped = fs::read_to_string(SHIPPED).with_context(|| format!("{SHIPPED} (package ocserv)"))?;
        let mut lines: Vec<String> = shipped
            .lines()
            .filter(|line| {
                let name = line.split('=').next().unwrap_or_default().trim();
                !line.starts_with('#') && !self.settings.iter().any(|(known, _)| known == name)
            })
            .map(str::to_owned)
            .collect();
        let set = self.settings.iter().filter(|(_, value)| !value.is_empty());
        lines.extend(set.map(|(name, value)| format!("{name} = {value}")));
        let file = self.folder.join("ocserv.conf");
        fs::write(&file, lines.join("\n") + "\n")?;
        machine.shell(
            "echo 1 > /proc/sys/net/ipv4/ip_forward; echo 1 > /proc/sys/net/ipv6/conf/all/forwarding",
        )?;
        let process =
            machine.program("ocserv").args(["--foreground", "--debug", "2", "--config"]).arg(file).start()?;
        process.wait_for("sec-mod initialized")?;
        self.process = Some(process);
        Ok(())
    }

    /// Ends it.
    ///
    /// # Errors
    /// When it does not end.
    pub fn stop(&mut self) -> Result<()> {
        if let Some(process) = self.process.take() {
            process.terminate()?;
        }
        Ok(())
    }

    /// What it tells an operator about who is connected, TLS version and ciphers included.
    ///
    /// # Errors
    /// When it does not run.
    pub fn users(&self) -> Result<String> {
        let socket = self.folder.join("occtl");
        let occtl = praya_testkit::Program::here("occtl")
            .arg("--socket-file")
            .arg(socket)
            .args(["--json", "show", "users"]);
        Ok(occtl.succeed()?.text())
    }

    /// What it printed.
    pub fn printed(&self) -> String {
        self.process.as_ref().map(Process::printed).unwrap_or_default()
    }
}
