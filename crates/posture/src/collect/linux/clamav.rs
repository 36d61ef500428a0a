//! ClamAV, asked by its own protocol (4C). Its updater alone protects nothing.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::net::{self, AddressFamily, SocketAddrUnix, SocketFlags, SocketType};

use super::antivirus::package_version;
use crate::collect::machine::{Found, Machine, why};
use crate::decode::{
    clamd::{self, Version},
    cvd,
    processes::Processes,
};
use crate::facts::{Antivirus, Fact, Family, RealTime, Unavailable};

pub(super) const NAME: &str = "ClamAV";

const PROGRAMS: [&str; 4] =
    ["/usr/sbin/clamd", "/usr/bin/clamd", "/usr/local/sbin/clamd", "/usr/local/bin/clamd"];
const CONFIGURATIONS: [&str; 4] = [
    "/etc/clamav/clamd.conf",
    "/etc/clamd.d/scan.conf",
    "/etc/clamd.conf",
    "/usr/local/etc/clamav/clamd.conf",
];
const SOCKETS: [&str; 2] = ["/run/clamav/clamd.ctl", "/run/clamd.scan/clamd.sock"];
const DATABASES: &str = "/var/lib/clamav";
const PACKAGES: [&str; 3] = ["clamav-daemon", "clamd", "clamav"];

/// How long clamd has for one answer. It gives it at once even while it scans.
const ANSWER: Duration = Duration::from_secs(1);

pub(super) fn clamav(machine: &Machine, processes: &Processes, definitions: bool) -> Option<Antivirus> {
    let configurations: Vec<clamd::Config> = CONFIGURATIONS
        .iter()
        .filter_map(|path| machine.text(path).ok())
        .map(|text| clamd::config(&text))
        .collect();
    let doors = doors(&configurations);
    let program = PROGRAMS.into_iter().find(|program| machine.exists(program));
    if program.is_none() && !doors.iter().any(|door| door.is_there(machine)) {
        return None;
    }
    // Connecting to a socket of systemd's would start a stopped clamd; a check changes nothing.
    let running = if processes.run("clamd") { open(machine, &doors) } else { Ok((None, "/proc")) };
    let version = match running {
        Ok((Some(door), _)) => told(machine, door),
        Ok((None, _)) => Ok(Version::NotTold),
        Err(reason) => Err(reason),
    };
    let on = matches!(running, Ok((Some(_), _)));
    let real_time = if on && processes.run("clamonacc") { RealTime::On } else { RealTime::Off };
    let mut product = Antivirus {
        family: Family::Clamav,
        name: NAME.to_owned(),
        version: machine.fact(package_version(machine, &PACKAGES)),
        engine_version: machine.fact(engine(&version)),
        installed: machine.fact(Ok((program.is_some(), program.unwrap_or("clamd.conf")))),
        running: machine.fact(running.map(|(door, source)| (door.is_some(), source))),
        real_time: machine.fact(running.map(|_| (real_time, "/proc"))),
        definitions_version: Fact::unavailable(Unavailable::NotAsked),
        definitions_at: Fact::unavailable(Unavailable::NotAsked),
        definitions_current: Fact::unavailable(Unavailable::NotAsked),
    };
    if definitions {
        let folder =
            configurations.iter().find_map(|config| config.databases.as_deref()).unwrap_or(DATABASES);
        let (version, at) = age(machine, version, folder);
        product.definitions_version = machine.fact(version);
        product.definitions_at = machine.fact(at);
        product.definitions_current = Fact::unavailable(Unavailable::Unsupported);
    }
    Some(product)
}

/// A place where clamd listens.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Door {
    Socket(String),
    Address(SocketAddr),
}

impl Door {
    fn is_there(&self, machine: &Machine) -> bool {
        match self {
            Self::Socket(path) => machine.exists(path),
            Self::Address(_) => false,
        }
    }

    /// Sends a command and reads its answer to its end, within what is left of time.
    fn ask(&self, machine: &Machine, command: &[u8]) -> Result<Vec<u8>, Unavailable> {
        let until = Instant::now() + machine.left()?.min(ANSWER);
        let answer = match self {
            Self::Socket(path) => connect(&machine.path(path)).and_then(|mut stream| {
                stream.set_write_timeout(Some(ANSWER))?;
                stream.write_all(command)?;
                read(stream, until, |stream, left| stream.set_read_timeout(left))
            }),
            Self::Address(address) => TcpStream::connect_timeout(address, ANSWER).and_then(|mut stream| {
                stream.set_write_timeout(Some(ANSWER))?;
                stream.write_all(command)?;
                read(stream, until, |stream, left| stream.set_read_timeout(left))
            }),
        };
        answer.map_err(|error| why(&error))
    }
}

/// Connects without waiting: behind a clamd that no longer takes connections, the standard library's way would wait
/// for ever once its queue is full.
fn connect(path: &Path) -> io::Result<UnixStream> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    net::connect(&socket, &SocketAddrUnix::new(path)?)?;
    let stream = UnixStream::from(socket);
    stream.set_nonblocking(false)?;
    Ok(stream)
}

fn read<S: Read>(
    mut stream: S,
    until: Instant,
    wait: impl Fn(&S, Option<Duration>) -> io::Result<()>,
) -> io::Result<Vec<u8>> {
    let mut answer = Vec::new();
    while answer.len() < clamd::MAX_REPLY && !answer.ends_with(b"\0") {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        wait(&stream, Some(left))?;
        let mut part = [0; clamd::MAX_REPLY];
        let length = stream.read(&mut part)?;
        if length == 0 {
            break;
        }
        answer.extend(part.iter().take(length));
    }
    Ok(answer)
}

/// Where clamd may listen: as it is configured, then where packages put it.
fn doors(configurations: &[clamd::Config]) -> Vec<Door> {
    let configured = configurations.iter().flat_map(|config| {
        let socket = config.socket.clone().map(Door::Socket);
        socket.into_iter().chain(config.address.map(Door::Address))
    });
    let mut doors: Vec<Door> = configured.collect();
    for socket in SOCKETS {
        let socket = Door::Socket(socket.to_owned());
        if !doors.contains(&socket) {
            doors.push(socket);
        }
    }
    doors
}

/// The place where clamd answers; the first that is there decides.
fn open<'a>(machine: &Machine, doors: &'a [Door]) -> Found<Option<&'a Door>> {
    for door in doors {
        match door.ask(machine, b"zPING\0").and_then(|reply| Ok(clamd::pong(&reply)?)) {
            Ok(()) => return Ok((Some(door), "clamd PING")),
            Err(Unavailable::NotDetected) => {}
            Err(reason) => return Err(reason),
        }
    }
    Err(Unavailable::NotDetected)
}

fn told(machine: &Machine, door: &Door) -> Result<Version, Unavailable> {
    let reply = door.ask(machine, b"zVERSION\0")?;
    Ok(clamd::version(&reply, &machine.zone())?)
}

fn engine(version: &Result<Version, Unavailable>) -> Found<String> {
    match version {
        Ok(Version::Told { engine, .. }) => Ok((engine.clone(), "clamd VERSION")),
        Ok(Version::NotTold) => Err(Unavailable::Unsupported),
        Err(reason) => Err(*reason),
    }
}

/// Version and time of the daily database: what clamd has loaded, and where it does not say, what lies in its folder.
fn age(
    machine: &Machine,
    version: Result<Version, Unavailable>,
    folder: &str,
) -> (Found<String>, Found<praya_model::Timestamp>) {
    if let Ok(Version::Told { definitions: Some((version, at)), .. }) = version {
        return (Ok((version, "clamd VERSION")), Ok((at, "clamd VERSION")));
    }
    let header = |name: &str| -> Result<cvd::Header, Unavailable> {
        let length = cvd::HEADER as u64;
        Ok(cvd::header(&machine.beginning(&format!("{folder}/{name}"), length)?)?)
    };
    let newest = match (header("daily.cld"), header("daily.cvd")) {
        (Ok(one), Ok(other)) => Ok(one.max(other)),
        (Ok(one), Err(_)) | (Err(_), Ok(one)) => Ok(one),
        // A folder without the one is no reason when the other is there and cannot be read.
        (Err(Unavailable::NotDetected), Err(reason)) | (Err(reason), Err(_)) => Err(reason),
    };
    match newest {
        Ok(header) => (Ok((header.version.to_string(), "daily.cvd")), Ok((header.at, "daily.cvd"))),
        Err(reason) => (Err(reason), Err(reason)),
    }
}
