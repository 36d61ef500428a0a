//! WireGuard in user space, the same program at both ends.

use anyhow::{Context, Result};
use praya_testkit::{Namespace, Process, Program};
use praya_tests::Lab;
use praya_tests::lab::{EMPLOYEE, GATEWAY};

use super::{MTU, Tunnel};
use crate::bench::tunnel::subject::WireGuard;

/// Brings one end up: $1 its private key, $2 the peer's public key, $3 the peer's address outside, $4 its own address
/// inside, $5 the peer's networks inside, $6 the MTU. The program makes its device and its control socket first.
const END: &str = r#"
until [ -S /run/wireguard/wg0.sock ] && ip link show wg0 >/dev/null 2>&1; do sleep 0.01; done
umask 077
key=$(mktemp)
echo "$1" > "$key"
wg set wg0 listen-port 51820 private-key "$key" peer "$2" endpoint "$3:51820" allowed-ips "$5"
rm "$key"
ip addr add "$4/32" dev wg0
ip link set wg0 up mtu "$6"
for network in $(echo "$5" | tr , ' '); do ip route add "$network" dev wg0; done
"#;

/// Both ends.
pub(super) struct Pair {
    which: WireGuard,
    /// (private, public) of (client, gateway).
    keys: ((String, String), (String, String)),
    processes: Vec<Process>,
}

impl Pair {
    pub(super) fn prepare(lab: &Lab, which: WireGuard) -> Result<Self> {
        for machine in [&lab.employee, &lab.gateway] {
            // Control sockets are found by the device's name; these two machines have one of that name each.
            machine.shell("mkdir -p /run/wireguard; mount -t tmpfs none /run/wireguard")?;
        }
        Ok(Self { which, keys: (key()?, key()?), processes: Vec::new() })
    }

    fn end(&mut self, machine: &Namespace, client: bool, words: [&str; 3]) -> Result<()> {
        machine.shell("rm -f /run/wireguard/wg0.sock")?;
        let folder = machine.folder("wireguard")?;
        let process = machine
            .program(self.which.program())
            .args(["-f", "wg0"])
            .env("WG_PROCESS_FOREGROUND", "1")
            // Files that these log to must be nobody else's.
            .env("WG_LOG_FILE", folder.join("log"))
            // To drop privileges they look for the person at a terminal, and there is none.
            .env("WG_SUDO", "true")
            .start()?;
        let (own, peer) = if client { (&self.keys.0, &self.keys.1) } else { (&self.keys.1, &self.keys.0) };
        std::fs::write(folder.join("up"), END)?;
        let up = machine.program("timeout").args(["30", "sh", "-eu"]).arg(folder.join("up"));
        let [outside, inside, networks] = words;
        up.args([&own.0, &peer.1, outside, inside, networks, &MTU.to_string()])
            .succeed()
            .with_context(|| process.printed())?;
        self.processes.push(process);
        Ok(())
    }
}

impl Tunnel for Pair {
    fn start(&mut self, lab: &Lab) -> Result<()> {
        self.end(&lab.gateway, false, [EMPLOYEE, "192.168.78.1", "192.168.78.2/32"])?;
        self.end(&lab.employee, true, [GATEWAY, "192.168.78.2", "192.168.78.1/32,172.31.0.0/24"])
    }

    fn connect(&mut self, _: &Lab) -> Result<()> {
        Ok(())
    }

    fn disconnect(&mut self, _: &Lab) -> Result<()> {
        Ok(())
    }

    fn stop(&mut self) -> Result<()> {
        while let Some(process) = self.processes.pop() {
            process.terminate()?;
        }
        Ok(())
    }

    fn names(&self) -> (&'static [&'static str], &'static [&'static str]) {
        const NAMES: &[&str] = &["wireguard", "boringtun", "gotatun"];
        (NAMES, NAMES)
    }

    fn describe(&self) -> Result<String> {
        Ok("ChaCha20-Poly1305".into())
    }

    fn printed(&self) -> String {
        self.processes.iter().map(Process::printed).collect()
    }
}

/// A new key: (private, public).
fn key() -> Result<(String, String)> {
    let private = Program::here("wg").arg("genkey").succeed()?.text().trim().to_owned();
    let tool = Program::here("wg").arg("pubkey").start()?;
    tool.type_line(&private)?;
    tool.close_input();
    Ok((private, tool.wait()?.text().trim().to_owned()))
}
