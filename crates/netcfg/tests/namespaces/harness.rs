//! Runs a test's body in a namespace of its own by starting the test binary again inside it.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Poll, ready};

use ipnet::IpNet;
use praya_datapath::arena::PacketArena;
use praya_datapath::offload::Run;
use praya_datapath::tun::{TunDevice, TunOptions, TunQueue};
use praya_datapath::{Delivery, Offload, Packet, TunError};
use praya_model::TunnelConfig;
use praya_netcfg::{NetworkConfigurator, Options};

const INSIDE: &str = "PRAYA_TEST_INSIDE";
const ROLE: &str = "PRAYA_TEST_ROLE";
const FOLDER: &str = "PRAYA_TEST_FOLDER";
const PREFIX: &str = "praya-nc-";
/// What a machine's file looks like before us.
pub(crate) const RESOLV_CONF: &str = "nameserver 192.168.1.1\nsearch home.example\noptions edns0\n";

/// Runs `body` in a namespace; `test` is the test's own path. Fails, and says what to do, where none can be made.
pub(crate) fn in_namespace<F: Future<Output = ()>>(test: &str, body: F) {
    if std::env::var(INSIDE).as_deref() == Ok(test) {
        run(body);
    } else if rustix::process::geteuid().is_root() {
        in_named_namespace(test);
    } else {
        in_user_namespace(test, body);
    }
}

/// As [`in_namespace`], in an unprivileged user's namespace even as root.
pub(crate) fn in_user_namespace<F: Future<Output = ()>>(test: &str, body: F) {
    if std::env::var(INSIDE).as_deref() == Ok(test) {
        return run(body);
    }
    let mut command = Command::new("timeout");
    command.args(["90", "unshare", "-rnm"]);
    start_again(
        command,
        test,
        "allow unprivileged user namespaces (sysctl kernel.unprivileged_userns_clone=1, \
         kernel.apparmor_restrict_unprivileged_userns=0) or run as root",
    );
}

fn in_named_namespace(test: &str) {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    remove_orphans();
    let name = format!("{PREFIX}{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let namespace = Named { name: name.clone() };
    sh(&format!("ip netns add {name}"));
    let own = format!("/etc/netns/{name}");
    std::fs::create_dir_all(&own).unwrap();
    std::fs::write(format!("{own}/resolv.conf"), RESOLV_CONF).unwrap();
    let mut command = Command::new("timeout");
    command.args(["90", "ip", "netns", "exec", &name]);
    start_again(command, test, "install iproute2 and run on a kernel with network namespaces");
    drop(namespace);
}

fn start_again(mut command: Command, test: &str, advice: &str) {
    let folder = tempfile::tempdir().unwrap();
    let status = command
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(INSIDE, test)
        .env(FOLDER, folder.path())
        // The machine's own bus would answer for another namespace's interfaces.
        .env("DBUS_SYSTEM_BUS_ADDRESS", format!("unix:path={}", folder.path().join("bus").display()))
        .status();
    let status = status.unwrap_or_else(|error| panic!("no namespace: {error}; {advice}"));
    // A filter that matches nothing succeeds too.
    assert!(!status.success() || folder.path().join("ran").exists(), "there is no test called {test}");
    assert!(status.success(), "{test} failed inside its namespace ({status}); if there was none, {advice}");
}

fn run<F: Future<Output = ()>>(body: F) {
    std::fs::write(folder().join("ran"), "").unwrap();
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
        .block_on(body);
}

struct Named {
    name: String,
}

impl Drop for Named {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "delete", &self.name]).status();
        let _ = std::fs::remove_dir_all(format!("/etc/netns/{}", self.name));
    }
}

/// Namespaces of test processes that were killed.
fn remove_orphans() {
    for entry in std::fs::read_dir("/run/netns").into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let owner = name.strip_prefix(PREFIX).and_then(|rest| rest.split('-').next());
        if owner.is_some_and(|pid| !Path::new("/proc").join(pid).exists()) {
            drop(Named { name });
        }
    }
}

/// Runs a shell command that must succeed, and returns what it printed.
pub(crate) fn sh(script: &str) -> String {
    let output = Command::new("sh").args(["-ec", script]).output().unwrap();
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{script}: {words}");
    String::from_utf8(output.stdout).unwrap()
}

/// A laptop at home: `eth0` with a router at 192.168.1.1 and fd11::1.
pub(crate) fn at_home() {
    sh("ip link set lo up
        ip link add eth0 type veth peer name router0
        ip link set eth0 up
        ip link set router0 up
        ip addr add 192.168.1.7/24 dev eth0
        ip -6 addr add fd11::7/64 dev eth0 nodad
        ip route add default via 192.168.1.1 dev eth0
        ip -6 route add default via fd11::1 dev eth0
        # The kernel adds an IPv6 address' own route a moment after the address.
        until ip -6 route show table local | grep -q '^local fd11::7 '; do :; done");
}

/// Everything that a tunnel may change.
pub(crate) fn snapshot() -> String {
    let resolver = std::fs::read_to_string(resolv_conf()).unwrap();
    // Link-local routes and addresses come late, and by the kernel alone.
    let network =
        sh("ip -4 route show table all; ip -6 route show table all | grep -v -e fe80 -e ff00 || true
        ip rule; ip -6 rule; ip -o addr | grep -v fe80 | sed 's/valid_lft.*//'");
    let sysctls = sh(
        "sysctl -a 2>/dev/null | grep -e forwarding -e ip_forward -e accept_redirects -e 'accept_ra ' || true",
    );
    let rules = sh("nft list ruleset");
    format!("{network}\n{resolver}\n{sysctls}\n{rules}")
}

/// Which way a packet to `address` leaves: `dev` and `via` as `ip route get` says.
pub(crate) fn way(address: &str) -> String {
    let output = Command::new("ip").args(["route", "get", address]).output().unwrap();
    if !output.status.success() {
        return "unreachable".to_owned();
    }
    let text = String::from_utf8(output.stdout).unwrap();
    let words: Vec<&str> = text.split_whitespace().collect();
    let after = |key| words.iter().position(|word| *word == key).map(|at| words[at + 1]);
    match (after("via"), after("dev")) {
        (Some(via), Some(dev)) => format!("{via} {dev}"),
        (None, Some(dev)) => dev.to_owned(),
        (_, None) => text.clone(),
    }
}

/// The test's own folder.
pub(crate) fn folder() -> PathBuf {
    PathBuf::from(std::env::var_os(FOLDER).unwrap())
}

/// The namespace's own resolver file, or one in the test's folder where there can be none.
pub(crate) fn resolv_conf() -> PathBuf {
    let usual = PathBuf::from("/etc/resolv.conf");
    if std::fs::read_to_string("/proc/self/mountinfo").unwrap().contains(" /etc/resolv.conf ") {
        return usual;
    }
    let own = folder().join("resolv.conf");
    if !own.exists() {
        std::fs::write(&own, RESOLV_CONF).unwrap();
    }
    own
}

pub(crate) fn options() -> Options {
    Options { resolv_conf: resolv_conf(), ..Options::new(folder().join("undo")) }
}

pub(crate) async fn configurator() -> NetworkConfigurator {
    let (configurator, report) = NetworkConfigurator::open(options()).await.unwrap();
    assert!(report.is_empty(), "{report:?}");
    configurator
}

pub(crate) fn tun() -> Tun {
    Tun::create(None).unwrap()
}

/// A TUN device, packet by packet.
pub(crate) struct Tun {
    queue: TunQueue,
    arrived: Mutex<(PacketArena, VecDeque<Packet>)>,
}

impl Tun {
    pub(crate) fn create(name: Option<&str>) -> Result<Self, TunError> {
        let options = TunOptions { name, offload: false, ..TunOptions::default() };
        let queue = TunDevice::create(options)?.remove(0);
        Ok(Self { queue, arrived: Mutex::default() })
    }

    pub(crate) fn name(&self) -> &str {
        self.queue.name()
    }

    pub(crate) async fn recv(&self) -> Packet {
        poll_fn(|cx| {
            let (arena, packets) = &mut *self.arrived.lock().unwrap();
            if packets.is_empty() {
                ready!(self.queue.poll_recv(cx, arena, &mut |packet| packets.push_back(packet))).unwrap();
            }
            Poll::Ready(packets.pop_front().unwrap())
        })
        .await
    }

    pub(crate) fn send(&self, packet: &[u8]) -> Delivery {
        self.queue.send(&Run::whole(packet, Offload::NONE, 1, packet.len())).unwrap()
    }
}

pub(crate) fn config(addresses: &[&str], include: &[&str]) -> TunnelConfig {
    let nets = |texts: &[&str]| -> Vec<IpNet> { texts.iter().map(|text| text.parse().unwrap()).collect() };
    TunnelConfig {
        addresses: nets(addresses),
        include: nets(include),
        mtu: 1400,
        dns_servers: vec!["10.9.0.53".parse().unwrap()],
        search_domains: vec!["corp.example".into()],
        ..TunnelConfig::default()
    }
}

/// The part of a test's body that is to be killed: runs in a process of its own in the same namespace, says that it
/// is ready by [`Victim::ready`], and waits for its end.
pub(crate) struct Victim {
    child: Child,
}

impl Victim {
    /// Whether this process is the victim called `role`.
    pub(crate) fn is_me(role: &str) -> bool {
        std::env::var(ROLE).as_deref() == Ok(role)
    }

    /// Starts the victim and waits until it is ready.
    pub(crate) fn start(test: &str, role: &str) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", test, "--nocapture"])
            .env(ROLE, role)
            .stdout(Stdio::piped())
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let ready = lines.map_while(Result::ok).any(|line| line.ends_with("victim ready"));
        assert!(ready, "the victim died before its time");
        Self { child }
    }

    /// In the victim: everything is set up. Never returns while the test lives.
    pub(crate) fn ready() {
        let mut out = std::io::stdout();
        out.write_all(b"victim ready\n").and_then(|()| out.flush()).unwrap();
        let _ = std::io::stdin().read_line(&mut String::new());
    }

    /// `kill -9`.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}
