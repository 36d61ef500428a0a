//! OpenVPN over UDP, point to point, each side showing the other a certificate.

use std::path::PathBuf;

use anyhow::Result;
use praya_testkit::certificate::Certificate;
use praya_testkit::{Namespace, Process};
use praya_tests::Lab;
use praya_tests::lab::{EMPLOYEE, GATEWAY};

use super::{MTU, Tunnel};

/// Both ends' addresses inside: (client, gateway).
const INSIDE: (&str, &str) = ("192.168.78.2", "192.168.78.1");

/// Both ends.
pub(super) struct OpenVpn {
    certificate: Certificate,
    folder: PathBuf,
    processes: Vec<Process>,
}

impl OpenVpn {
    pub(super) fn prepare(lab: &Lab) -> Result<Self> {
        let folder = lab.gateway.folder("openvpn")?;
        Ok(Self { certificate: Certificate::make(&folder, &["peer"])?, folder, processes: Vec::new() })
    }

    fn end(&self, machine: &Namespace, role: &[&str], peer: &str, inside: (&str, &str)) -> Result<Process> {
        let files = &self.certificate;
        let mtu = MTU.to_string();
        machine
            .program("openvpn")
            .args([
                "--dev",
                "tun0",
                "--dev-type",
                "tun",
                "--proto",
                "udp4",
                "--port",
                "1194",
                "--remote",
                peer,
            ])
            .args(["--ifconfig", inside.0, inside.1, "--tun-mtu", &mtu, "--mssfix", "0"])
            .args(["--data-ciphers", "AES-256-GCM", "--disable-dco", "--cd"])
            .arg(&self.folder)
            .arg("--ca")
            .arg(&files.authority)
            .arg("--cert")
            .arg(&files.chain)
            .arg("--key")
            .arg(&files.key)
            .args(role)
            .start()
    }
}

impl Tunnel for OpenVpn {
    fn start(&mut self, lab: &Lab) -> Result<()> {
        let (client, gateway) = INSIDE;
        let server =
            self.end(&lab.gateway, &["--tls-server", "--dh", "none"], EMPLOYEE, (gateway, client))?;
        self.processes.push(server);
        self.processes.push(self.end(&lab.employee, &["--tls-client"], GATEWAY, (client, gateway))?);
        for process in &self.processes {
            process.wait_for("Initialization Sequence Completed")?;
        }
        lab.employee.shell("ip route add 172.31.0.0/24 dev tun0")?;
        Ok(())
    }

    fn connect(&mut self, _: &Lab) -> Result<()> {
        Ok(())
    }

    fn disconnect(&mut self, _: &Lab) -> Result<()> {
        Ok(())
    }

    fn stop(&mut self) -> Result<()> {
        // The client first, so that the gateway hears of it.
        while let Some(process) = self.processes.pop() {
            process.terminate()?;
        }
        Ok(())
    }

    fn names(&self) -> (&'static [&'static str], &'static [&'static str]) {
        (&["openvpn"], &["openvpn"])
    }

    fn describe(&self) -> Result<String> {
        Ok("AES-256-GCM, without the kernel's data channel".into())
    }

    fn printed(&self) -> String {
        self.processes.iter().map(Process::printed).collect()
    }
}
