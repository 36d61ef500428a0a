//! The Debian and Ubuntu packages that the demo, the tests and the measurements need: which, what for, and how they get here.

use std::path::Path;
use std::process::Command;

use anyhow::{Result, bail};

use crate::node;
use crate::run::{Program, tool_exists};
use crate::steps::say;

/// What a package is needed for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// To build everything, the desktop app included.
    Build,
    /// To run the product in namespaces, and its window without a display.
    Demo,
    Test,
    Bench,
    /// To measure the tunnel beside others.
    Peers,
}

/// How a package shows that it is there.
#[derive(Clone, Copy)]
enum Sign {
    /// By a program in the search path.
    Program(&'static str),
    /// By a file.
    File(&'static str),
}
use Sign::{File, Program as Tool};

/// (package, a sign of it, what for, for which command). The one list.
const PACKAGES: &[(&str, Sign, &str, Need)] = &[
    ("build-essential", Tool("cc"), "compiles the C parts of aws-lc and SQLite, and links", Need::Build),
    ("pkg-config", Tool("pkg-config"), "finds the libraries of the desktop app", Need::Build),
    (
        "libwebkit2gtk-4.1-dev",
        File("/usr/include/webkitgtk-4.1/webkit2/webkit2.h"),
        "the web view of the desktop app, and GTK with it",
        Need::Build,
    ),
    ("nodejs", Tool("node"), "builds the window of the desktop app", Need::Build),
    ("npm", Tool("npm"), "fetches what the window is built with", Need::Build),
    ("util-linux", Tool("nsenter"), "network namespaces: unshare, nsenter, setsid, setpriv", Need::Demo),
    ("iproute2", Tool("ip"), "links, addresses and routes of the namespaces", Need::Demo),
    ("nftables", Tool("nft"), "the gateway's forwarding and address translation", Need::Demo),
    ("curl", Tool("curl"), "fetches the intranet page through the tunnel", Need::Demo),
    ("procps", Tool("sysctl"), "kernel settings inside the namespaces", Need::Demo),
    (
        "dbus-daemon",
        Tool("dbus-daemon"),
        "a message bus of their own for window, tray and resolver",
        Need::Demo,
    ),
    ("xvfb", Tool("Xvfb"), "a display for the window where there is none", Need::Demo),
    ("webkit2gtk-driver", Tool("WebKitWebDriver"), "works the window as a person would", Need::Demo),
    (
        "fonts-noto-cjk",
        File("/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc"),
        "Chinese letters in the window",
        Need::Demo,
    ),
    (
        "uidmap",
        Tool("newuidmap"),
        "lets tests that do not run as root drop privileges to other users",
        Need::Test,
    ),
    ("iputils-ping", Tool("ping"), "packets of a known size through the tunnel", Need::Test),
    ("conntrack", Tool("conntrack"), "lets a router forget how it translated an address", Need::Test),
    ("chromium", Tool("chromium"), "judges how accessible the window is", Need::Test),
    ("libglib2.0-bin", Tool("gio"), "opens links and files as a desktop does", Need::Test),
    ("shared-mime-info", Tool("update-mime-database"), "tells a desktop of the app's files", Need::Test),
    ("desktop-file-utils", Tool("desktop-file-validate"), "judges the app's launcher", Need::Test),
    ("openssl", Tool("openssl"), "a peer of our datagram channel, in both roles", Need::Test),
    ("gnutls-bin", Tool("gnutls-serv"), "the other peer of our datagram channel", Need::Test),
    ("openconnect", Tool("openconnect"), "the stock client, as a peer of our gateway", Need::Test),
    ("ocserv", Tool("ocserv"), "the stock gateway, as a peer of our client", Need::Test),
    ("clamav-daemon", Tool("clamd"), "a real antivirus program for the endpoint check", Need::Test),
    ("iperf3", Tool("iperf3"), "TCP streams through the tunnel, and how fast they are", Need::Bench),
    ("openvpn", Tool("openvpn"), "a tunnel to compare with", Need::Peers),
    ("wireguard-go", Tool("wireguard-go"), "another one", Need::Peers),
    ("wireguard-tools", Tool("wg"), "sets up every WireGuard", Need::Peers),
];

/// Installs what is missing, with `apt-get`, and says what and why. Does nothing when nothing is missing.
pub(crate) fn ensure(needs: &[Need]) -> Result<()> {
    let missing: Vec<_> =
        PACKAGES.iter().filter(|(_, sign, _, need)| needs.contains(need) && !sign.is_there()).collect();
    if missing.is_empty() {
        say("      nothing is missing");
    } else {
        for (package, _, purpose, _) in &missing {
            say(&format!("      missing: {package} ({purpose})"));
        }
        install(&missing.iter().map(|(package, ..)| *package).collect::<Vec<_>>())?;
    }
    if needs.contains(&Need::Build) {
        node::ensure()?;
    }
    if needs.contains(&Need::Demo) && !Path::new("/dev/net/tun").exists() {
        bail!(
            "/dev/net/tun is missing; as root: modprobe tun (in a container: give it the device /dev/net/tun)"
        );
    }
    Ok(())
}

impl Sign {
    fn is_there(self) -> bool {
        match self {
            Self::Program(name) => tool_exists(name),
            Self::File(path) => Path::new(path).exists(),
        }
    }
}

fn install(packages: &[&str]) -> Result<()> {
    let command = format!("apt-get install {}", packages.join(" "));
    if !tool_exists("apt-get") {
        bail!("this machine has no apt-get; please install what {command} would bring");
    }
    let prefix = privilege(&command)?;
    let apt = |arguments: &[&str]| -> Result<()> {
        let mut words = prefix.clone();
        words.extend(["env", "DEBIAN_FRONTEND=noninteractive", "apt-get"]);
        words.extend(arguments);
        let Some((first, rest)) = words.split_first() else { bail!("an empty command") };
        Program::new(Path::new(first)).args(rest).run()
    };
    apt(&["update"])?;
    let quiet_servers = QuietServers::before(packages, &prefix);
    let mut arguments = vec!["install", "--yes", "--no-install-recommends"];
    arguments.extend(packages);
    let outcome = apt(&arguments);
    drop(quiet_servers);
    outcome
}

/// The words before a command that needs root.
fn privilege(command: &str) -> Result<Vec<&'static str>> {
    let id = Command::new("id").arg("-u").output();
    if id.is_ok_and(|id| id.stdout == b"0\n") {
        return Ok(Vec::new());
    }
    if tool_exists("sudo") {
        return Ok(vec!["sudo"]);
    }
    bail!("neither root nor sudo here; ask somebody with root to run: {command}")
}

/// Debian starts a server the moment its package is installed. The tests need the programs, and nobody who runs tests
/// wants a VPN server on port 443, or a virus scanner that takes a gigabyte and fetches its definitions: their units are
/// masked during the installation and disabled after it.
struct QuietServers {
    units: Vec<&'static str>,
    prefix: Vec<&'static str>,
}

impl QuietServers {
    /// Package by package; `clamav-freshclam` comes with `clamav-daemon`.
    const UNITS: [(&'static str, &'static [&'static str]); 3] = [
        ("openvpn", &["openvpn.service"]),
        ("ocserv", &["ocserv.service", "ocserv.socket"]),
        ("clamav-daemon", &["clamav-daemon.service", "clamav-daemon.socket", "clamav-freshclam.service"]),
    ];

    fn before(packages: &[&str], prefix: &[&'static str]) -> Self {
        let systemd = Path::new("/run/systemd/system").exists();
        let new = Self::UNITS.iter().filter(|(package, _)| systemd && packages.contains(package));
        // One that was there before has whatever life its owner gave it.
        let units = new
            .flat_map(|(_, units)| *units)
            .filter(|unit| !Path::new("/lib/systemd/system").join(unit).exists());
        let servers = Self { units: units.copied().collect(), prefix: prefix.to_vec() };
        servers.systemctl("mask");
        servers
    }

    fn systemctl(&self, verb: &str) {
        if self.units.is_empty() {
            return;
        }
        let mut words = self.prefix.clone();
        words.extend(["systemctl", "--quiet", verb]);
        words.extend(&self.units);
        if let Some((first, rest)) = words.split_first()
            && let Err(error) = Program::new(Path::new(first)).args(rest).run()
        {
            say(&format!("      {error:#}"));
        }
    }
}

impl Drop for QuietServers {
    fn drop(&mut self) {
        self.systemctl("unmask");
        self.systemctl("disable");
    }
}
