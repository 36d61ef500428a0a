//! A machine in a network namespace: own links, own addresses, own routes, own name, own `resolv.conf` and `hosts`.
//!
//! The namespace has no file anywhere. It lives as long as its keeper, a `cat` that reads from a pipe of this process:
//! when the value is dropped, and also when this process is killed, the pipe ends, the keeper with it, and the
//! kernel takes the namespace, its links and its mounts away.

use std::ffi::OsStr;
use std::fs;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use tempfile::TempDir;

use crate::process::Program;
use crate::{stop, sweep};

/// Prepares the machine: $1 its name, $2 the folder with its files. The system's message bus and resolver are
/// hidden, because programs in here would otherwise configure the real machine through them.
const BOOT: &str = r#"
set -eu
hostname "$1"
ip link set lo up
for hidden in /run/dbus /run/systemd/resolve; do
  if [ -d "$hidden" ]; then mount -t tmpfs none "$hidden"; fi
done
for file in resolv.conf hosts; do
  place=$(readlink -m "/etc/$file")
  if [ ! -e "$place" ]; then mkdir -p "$(dirname "$place")" && : > "$place"; fi
  mount --bind "$2/$file" "$place"
done
echo up
exec cat
"#;

/// One machine. Dropping it takes it away with everything that runs in it and was started by [`Self::program`].
pub struct Namespace {
    name: String,
    pid: String,
    keeper: Child,
    files: TempDir,
}

impl Namespace {
    /// A machine called `praya-<process id>-<number>-<role>`, with nothing but a loopback link.
    ///
    /// # Errors
    /// Without the privilege for it (see [`crate::privilege`]).
    pub fn new(role: &str) -> Result<Self> {
        static SWEEP: Once = Once::new();
        static NUMBER: AtomicU32 = AtomicU32::new(1);
        SWEEP.call_once(sweep::leftovers);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("praya-{}-{number}-{role}", std::process::id());
        let files = crate::folder()?;
        // People on the machine who are not root reach what is theirs in it.
        fs::set_permissions(files.path(), fs::Permissions::from_mode(0o711))?;
        fs::write(files.path().join("resolv.conf"), "# This machine's own.\nnameserver 127.0.0.53\n")?;
        fs::write(files.path().join("hosts"), format!("127.0.0.1 localhost {name}\n::1 localhost\n"))?;
        let leave = stop::leave_to_start()?;
        let mut keeper = Command::new("unshare")
            .args([
                "--net",
                "--mount",
                "--uts",
                "--propagation",
                "private",
                "--",
                "sh",
                "-c",
                BOOT,
                "sh",
                &name,
            ])
            .arg(files.path())
            .env(sweep::OWNER, sweep::own_mark()?)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("unshare (package util-linux)")?;
        drop(leave);
        let output = keeper.stdout.take().context("the keeper's output")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        if line != "up\n" {
            keeper.kill()?;
            bail!("{name} did not come up: {}", keeper.wait()?);
        }
        Ok(Self { pid: keeper.id().to_string(), name, keeper, files })
    }

    /// The machine's host name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What a person types before a command to run it on this machine.
    pub fn entry(&self) -> String {
        let user = if crate::privilege::is_confined() { " --user --preserve-credentials" } else { "" };
        format!("nsenter --target {}{user} --net --mount --uts --", self.pid)
    }

    /// A program on this machine. Its working folder is `/`.
    pub fn program(&self, program: impl AsRef<OsStr>) -> Program {
        self.door().program(program)
    }

    /// A way in that does not keep the machine alive.
    pub fn door(&self) -> Door {
        Door { pid: self.pid.clone() }
    }

    /// Runs a shell script on this machine; any failing line is an error.
    ///
    /// # Errors
    /// With what it printed.
    pub fn shell(&self, script: &str) -> Result<String> {
        Ok(self.program("sh").args(["-euc", script]).succeed()?.text())
    }

    /// Lets this machine know `address` by `host`.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn know_host(&self, host: &str, address: &str) -> Result<()> {
        let path = self.files.path().join("hosts");
        let known = fs::read_to_string(&path)?;
        Ok(fs::write(path, format!("{known}{address} {host}\n"))?)
    }

    /// What `/etc/resolv.conf` says on this machine.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn resolv_conf(&self) -> Result<String> {
        Ok(fs::read_to_string(self.files.path().join("resolv.conf"))?)
    }

    /// A folder that lives as long as the machine and that both sides see under the same path.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn folder(&self, name: &str) -> Result<PathBuf> {
        let path = self.files.path().join(name);
        fs::create_dir_all(&path)?;
        Ok(path)
    }

    /// Runs `work` on a thread of this process that has this machine's network; sockets made there keep it for life.
    ///
    /// # Errors
    /// When the machine is gone.
    pub fn within<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        within(self.network()?, work)
    }

    /// A hold on the machine's network, for [`within`]. It keeps the network alive.
    ///
    /// # Errors
    /// When the machine is gone.
    pub fn network(&self) -> Result<File> {
        File::open(format!("/proc/{}/ns/net", self.pid)).context("the machine's network")
    }

    /// Everything about the machine's network that a program could have changed, as one text to compare: links,
    /// addresses, routes and rules of both families, packet filter, resolver, forwarding.
    ///
    /// # Errors
    /// When a tool is missing.
    pub fn network_state(&self) -> Result<String> {
        let mut state = self.shell(
            "ip -o link | sed 's/ mtu .* state/ state/; s/qlen.*//'
             ip -o -4 addr | sed 's/ valid_lft.*//'
             ip -o -6 addr show scope global | sed 's/ valid_lft.*//'
             ip -4 route show table all | sort
             ip -6 route show table all | grep -v '^fe80\\|^multicast\\|^local fe80\\|anycast' | sort
             ip -4 rule; ip -6 rule
             nft list ruleset
             cat /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv6/conf/all/forwarding",
        )?;
        state.push_str(&self.resolv_conf()?);
        Ok(state)
    }

    /// Waits until the machine's network is as in `state` again.
    ///
    /// # Errors
    /// When that does not come; shows both.
    pub fn wait_for_network_state(&self, state: &str) -> Result<()> {
        let until = Instant::now() + crate::HANG;
        loop {
            let now = self.network_state()?;
            if now == state {
                return Ok(());
            }
            if Instant::now() > until {
                bail!("{} is not as it was. Before:\n{state}\nNow:\n{now}", self.name);
            }
        }
    }

    /// Lays a cable between two machines: (machine, link name, addresses with prefix length) at each end.
    ///
    /// # Errors
    /// When a name is taken or an address is none.
    pub fn link(one: (&Self, &str, &[&str]), other: (&Self, &str, &[&str])) -> Result<()> {
        let (here, here_link, _) = one;
        let (there, there_link, _) = other;
        here.shell(&format!("ip link add {here_link} type veth peer name {there_link} netns {}", there.pid))?;
        for (machine, link, addresses) in [one, other] {
            machine.bring_up(link, addresses)?;
        }
        Ok(())
    }

    /// Brings a link up with these addresses.
    pub(crate) fn bring_up(&self, link: &str, addresses: &[&str]) -> Result<()> {
        let mut script = format!("ip link set {link} up\n");
        for address in addresses {
            // An address that must first be proven unique is not usable at once; nobody else is on this cable.
            let unique = if address.contains(':') { " nodad" } else { "" };
            script.push_str(&format!("ip addr add {address} dev {link}{unique}\n"));
        }
        self.shell(&script)?;
        Ok(())
    }
}

/// Runs `work` on a thread of this process that has this network; sockets made there keep it for life.
///
/// # Errors
/// Without the privilege for it.
pub fn within<T: Send + 'static>(network: File, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    let thread = std::thread::spawn(move || {
        move_into_link_name_space(network.as_fd(), Some(LinkNameSpaceType::Network))?;
        Ok::<_, rustix::io::Errno>(work())
    });
    match thread.join() {
        Ok(outcome) => outcome.context("enter the machine's network"),
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

/// A way into a machine for programs; see [`Namespace::door`].
#[derive(Clone, Debug)]
pub struct Door {
    pid: String,
}

impl Door {
    /// How this process reaches a file that the machine has under `path`, also where something is mounted only there.
    pub fn seen(&self, path: &Path) -> PathBuf {
        let inside = path.strip_prefix("/").unwrap_or(path);
        Path::new("/proc").join(&self.pid).join("root").join(inside)
    }

    /// A program on the machine; it cannot be started when the machine is gone.
    pub fn program(&self, program: impl AsRef<OsStr>) -> Program {
        Program::inside(&["nsenter", "--target", &self.pid, "--net", "--mount", "--uts", "--"], program)
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // The end of its input is the end of the keeper.
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::privilege::was_run_elsewhere;

    #[test]
    fn two_machines_reach_each_other_and_leave_nothing_behind() -> Result<()> {
        if was_run_elsewhere()? {
            return Ok(());
        }
        let left = Namespace::new("left")?;
        let right = Namespace::new("right")?;
        Namespace::link(
            (&left, "eth0", &["198.51.100.1/24", "2001:db8::1/64"]),
            (&right, "eth0", &["198.51.100.2/24", "2001:db8::2/64"]),
        )?;
        right.know_host("left.test", "198.51.100.1")?;
        let listener = left.within(|| std::net::TcpListener::bind("198.51.100.1:80"))??;
        let accepted = std::thread::spawn(move || listener.accept().map(|(_, peer)| peer.ip().to_string()));
        right.within(|| std::net::TcpStream::connect("198.51.100.1:80"))??;
        assert_eq!(accepted.join().unwrap()?, "198.51.100.2");
        assert!(right.shell("getent hosts left.test")?.contains("198.51.100.1"));
        assert_eq!(right.shell("cat /proc/sys/kernel/hostname")?.trim(), right.name());
        let keeper = format!("/proc/{}", left.pid);
        drop(left);
        assert!(!Path::new(&keeper).exists());
        // The kernel takes a namespace apart on its own time.
        let cable =
            right.program("sh").args(["-c", "while ip link show eth0; do :; done; echo gone"]).start()?;
        cable.wait_for("gone")?;
        assert!(!right.network_state()?.contains("eth0"), "the cable went with the machine");
        Ok(())
    }
}
