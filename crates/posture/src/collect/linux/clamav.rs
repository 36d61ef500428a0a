//! ClamAV, asked by its own protocol (4C). Its updater alone protects nothing.

use std::collections::BTreeSet;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::net::{self, AddressFamily, SocketAddrUnix, SocketFlags, SocketType, sockopt};

use super::processes::{Home, Processes};
use crate::collect::machine::{Found, Machine, why};
use crate::decode::{
    clamd::{self, Version},
    cvd,
    processes::listeners,
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
pub(super) const PACKAGES: [&str; 3] = ["clamav-daemon", "clamd", "clamav"];

/// How long clamd has for one answer. It gives it at once even while it scans.
const ANSWER: Duration = Duration::from_secs(1);

/// All of it but its package's version.
pub(super) fn clamav(machine: &Machine, processes: &Processes, definitions: bool) -> Option<Antivirus> {
    let configurations: Vec<clamd::Config> = CONFIGURATIONS
        .iter()
        .filter_map(|path| machine.text(path).ok())
        .map(|text| clamd::config(&text))
        .collect();
    let doors = doors(&configurations);
    let program = PROGRAMS.into_iter().find(|program| machine.exists(program));
    let is_there = |door: &Door| matches!(door, Door::Socket(path) if machine.exists(path));
    if program.is_none() && !doors.iter().any(is_there) {
        return None;
    }
    // Connecting to a socket of systemd's would start a stopped clamd; a check changes nothing.
    let running = processes.run(machine, "clamd", Home::Anywhere).and_then(|accounts| {
        if accounts.is_empty() { Ok((None, "/proc")) } else { open(machine, &doors, accounts) }
    });
    let version = match &running {
        Ok((Some(clamd), _)) => told(machine, clamd),
        Ok((None, _)) => Ok(Version::NotTold),
        Err(reason) => Err(*reason),
    };
    let real_time = match &running {
        Ok((Some(_), _)) => {
            processes.run(machine, "clamonacc", Home::Anywhere).map(|accounts| !accounts.is_empty())
        }
        Ok((None, _)) => Ok(false),
        Err(reason) => Err(*reason),
    };
    let real_time = real_time.map(|on| (if on { RealTime::On } else { RealTime::Off }, "/proc"));
    let mut product = Antivirus {
        family: Family::Clamav,
        name: NAME.to_owned(),
        version: Fact::unavailable(Unavailable::Unsupported),
        engine_version: machine.fact(engine(&version)),
        // What answers is there, in a container for instance; a socket that was left behind is not.
        installed: machine
            .fact(Ok((program.is_some() || matches!(running, Ok((Some(_), _))), program.unwrap_or("/proc")))),
        running: machine.fact(running.map(|(clamd, source)| (clamd.is_some(), source))),
        real_time: machine.fact(real_time),
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

/// A door at which clamd answers.
#[derive(Debug)]
struct Clamd<'a> {
    door: &'a Door,
    /// The accounts that it runs as.
    accounts: BTreeSet<u32>,
}

impl Clamd<'_> {
    /// Sends a command and reads its answer to its end, within what is left of time. Where somebody else listens, there
    /// is nothing to understand.
    fn ask(&self, machine: &Machine, command: &[u8]) -> Result<Vec<u8>, Unavailable> {
        let until = Instant::now() + machine.left()?.min(ANSWER);
        let answer = match self.door {
            Door::Socket(path) => {
                let mut stream = connect(&machine.path(path)).map_err(|error| why(&error))?;
                let listener = sockopt::socket_peercred(&stream).map_err(|error| why(&error.into()))?;
                self.is_its_own(machine, [listener.uid.as_raw()])?;
                stream.set_write_timeout(Some(ANSWER)).and_then(|()| {
                    stream.write_all(command)?;
                    read(stream, until, |stream, left| stream.set_read_timeout(left))
                })
            }
            Door::Address(address) => {
                let tables =
                    ["/proc/net/tcp", "/proc/net/tcp6"].map(|table| machine.text(table).unwrap_or_default());
                self.is_its_own(machine, tables.iter().flat_map(|table| listeners(table, address.port())))?;
                TcpStream::connect_timeout(address, ANSWER).and_then(|mut stream| {
                    stream.set_write_timeout(Some(ANSWER))?;
                    stream.write_all(command)?;
                    read(stream, until, |stream, left| stream.set_read_timeout(left))
                })
            }
        };
        answer.map_err(|error| why(&error))
    }

    /// Whether `listeners` are clamd, or the system, which may have opened the socket for it. The process that did may be
    /// gone; its account is what nobody else can have.
    fn is_its_own(
        &self,
        machine: &Machine,
        listeners: impl IntoIterator<Item = u32>,
    ) -> Result<(), Unavailable> {
        let mut answer = Err(Unavailable::NotDetected);
        for account in listeners {
            if account != machine.owner && !self.accounts.contains(&account) {
                return Err(Unavailable::Malformed);
            }
            answer = Ok(());
        }
        answer
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

/// Where clamd may listen: as it is configured, then where packages put it. An address of a network is somebody else's
/// machine, or a matter between this one and that network.
fn doors(configurations: &[clamd::Config]) -> Vec<Door> {
    let configured = configurations.iter().flat_map(|config| {
        let socket = config.socket.clone().map(Door::Socket);
        let address = config.address.filter(|address| address.ip().is_loopback());
        socket.into_iter().chain(address.map(Door::Address))
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
fn open<'a>(machine: &Machine, doors: &'a [Door], accounts: BTreeSet<u32>) -> Found<Option<Clamd<'a>>> {
    let mut accounts = accounts;
    for door in doors {
        let clamd = Clamd { door, accounts };
        match clamd.ask(machine, b"zPING\0").and_then(|reply| Ok(clamd::pong(&reply)?)) {
            Ok(()) => return Ok((Some(clamd), "clamd PING")),
            Err(Unavailable::NotDetected) => accounts = clamd.accounts,
            Err(reason) => return Err(reason),
        }
    }
    Err(Unavailable::NotDetected)
}

fn told(machine: &Machine, clamd: &Clamd<'_>) -> Result<Version, Unavailable> {
    let reply = clamd.ask(machine, b"zVERSION\0")?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_listens_is_clamd_or_the_system() {
        let folder = tempfile::tempdir().unwrap();
        let now = praya_model::Timestamp::from_secs(0);
        let machine = Machine::at(folder.path(), now, Duration::from_secs(1));
        let (system, clamd) = (machine.owner, machine.owner + 1);
        let person = machine.owner + 2;
        let door = Door::Socket("/run/clamav/clamd.ctl".to_owned());
        let own = |listeners: &[u32]| {
            let clamd = Clamd { door: &door, accounts: BTreeSet::from([clamd]) };
            clamd.is_its_own(&machine, listeners.iter().copied())
        };
        assert_eq!(own(&[clamd]), Ok(()));
        assert_eq!(own(&[system]), Ok(()), "systemd opens sockets for services");
        assert_eq!(own(&[person]), Err(Unavailable::Malformed));
        assert_eq!(own(&[clamd, person]), Err(Unavailable::Malformed));
        assert_eq!(own(&[]), Err(Unavailable::NotDetected));
    }
}
