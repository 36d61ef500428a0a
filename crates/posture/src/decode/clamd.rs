//! clamd: its configuration (`clamd.conf(5)`) and the replies of its protocol (`clamd(8)`).

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use jiff::tz::TimeZone;
use praya_model::Timestamp;

use super::{Malformed, date, said};

/// The longest reply that is read, in bytes.
pub const MAX_REPLY: usize = 512;

/// Where clamd listens and keeps its databases.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// `LocalSocket`, an absolute path.
    pub socket: Option<String>,
    /// `TCPSocket` at `TCPAddr`; an address that stands for all is asked at the machine's own.
    pub address: Option<SocketAddr>,
    /// `DatabaseDirectory`, an absolute path.
    pub databases: Option<String>,
}

/// Reads what matters of a `clamd.conf`; a comment or an unknown line is none of it.
pub fn config(text: &str) -> Config {
    let value = |wanted: &str| {
        let lines = text.lines().filter_map(|line| line.trim().split_once([' ', '\t']));
        let value = lines.filter(|(name, _)| *name == wanted).map(|(_, value)| value.trim()).next()?;
        Some(value.trim_matches('"'))
    };
    let path = |wanted| value(wanted).filter(|path| path.starts_with('/')).map(str::to_owned);
    let address = value("TCPAddr").and_then(|address| address.parse::<IpAddr>().ok());
    let address = address.filter(|address| !address.is_unspecified());
    Config {
        socket: path("LocalSocket"),
        address: value("TCPSocket")
            .and_then(|port| port.parse().ok())
            .map(|port| SocketAddr::new(address.unwrap_or(Ipv4Addr::LOCALHOST.into()), port)),
        databases: path("DatabaseDirectory"),
    }
}

/// The reply to `PING`.
///
/// # Errors
/// When it is not `PONG`.
pub fn pong(reply: &[u8]) -> Result<(), Malformed> {
    if text(reply)? == "PONG" { Ok(()) } else { Err(WRONG) }
}

/// The reply to `VERSION`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Version {
    /// The engine's version, and the version and time of the daily database, which is not there without one of
    /// ClamAV's own databases.
    Told {
        /// Such as `1.4.6`.
        engine: String,
        /// Such as `27500`, made then.
        definitions: Option<(String, Timestamp)>,
    },
    /// `EnableVersionCommand` is off.
    NotTold,
}

/// Reads a reply to `VERSION`; its time is in the system's own zone.
///
/// # Errors
/// When it is no such reply.
pub fn version(reply: &[u8], zone: &TimeZone) -> Result<Version, Malformed> {
    let text = text(reply)?;
    if matches!(text, "COMMAND UNAVAILABLE" | "UNKNOWN COMMAND") {
        return Ok(Version::NotTold);
    }
    let mut parts = text.strip_prefix("ClamAV ").ok_or(WRONG)?.splitn(3, '/');
    let engine = parts.next().and_then(said).ok_or(WRONG)?;
    let definitions = match (parts.next(), parts.next()) {
        (None, _) => None,
        (Some(version), Some(at)) if version.parse::<u32>().is_ok() => {
            Some((version.to_owned(), date::ctime(at, zone)?))
        }
        _ => return Err(WRONG),
    };
    Ok(Version::Told { engine, definitions })
}

const WRONG: Malformed = Malformed("a reply of clamd");

/// A reply ends with the letter that its command began with.
fn text(reply: &[u8]) -> Result<&str, Malformed> {
    let reply = reply.strip_suffix(b"\0").or_else(|| reply.strip_suffix(b"\n")).ok_or(WRONG)?;
    std::str::from_utf8(reply).map_err(|_| WRONG)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_pong_is_a_pong() {
        assert_eq!(pong(b"PONG\0"), Ok(()));
        assert_eq!(pong(b"PONG\n"), Ok(()));
        for reply in [&b""[..], b"PONG", b"PING\0", b"PONGPONG\0", b"\xff\xfe\0", b"HTTP/1.1 400\0"] {
            assert!(pong(reply).is_err(), "{reply:?}");
        }
    }

    #[test]
    fn what_version_says() {
        let told = |engine: &str, definitions| Version::Told { engine: engine.to_owned(), definitions };
        let at = Timestamp::from_secs(1_791_354_240);
        for (reply, expected) in [
            (
                &b"ClamAV 1.4.6/27500/Wed Oct  7 06:24:00 2026\0"[..],
                Ok(told("1.4.6", Some(("27500".to_owned(), at)))),
            ),
            // Nothing but somebody's own databases: as Debian's clamd 1.4.6 says it.
            (b"ClamAV 1.4.6\0", Ok(told("1.4.6", None))),
            (b"COMMAND UNAVAILABLE\0", Ok(Version::NotTold)),
            (b"UNKNOWN COMMAND\0", Ok(Version::NotTold)),
            (b"ClamAV 1.4.6/new/Wed Oct  7 06:24:00 2026\0", Err(WRONG)),
            (b"ClamAV 1.4.6/27500/yesterday\0", Err(Malformed("a date"))),
            (b"ClamAV 1.4.6/27500\0", Err(WRONG)),
            (b"ClamAV \0", Err(WRONG)),
            (b"OtherAV 1/2/3\0", Err(WRONG)),
            (b"", Err(WRONG)),
        ] {
            assert_eq!(version(reply, &TimeZone::UTC), expected, "{}", String::from_utf8_lossy(reply));
        }
    }

    #[test]
    fn the_configuration() {
        let debian = config(&super::super::tests::fixture("clamd/debian.conf"));
        assert_eq!(debian.socket.as_deref(), Some("/var/run/clamav/clamd.ctl"));
        assert_eq!((debian.address, debian.databases.as_deref()), (None, Some("/var/lib/clamav")));
        let network = config("#LocalSocket /no\nTCPSocket 3310\nTCPAddr 0.0.0.0\n");
        assert_eq!(network.address, Some(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 3310)));
        assert_eq!(network.socket, None);
        assert_eq!(config("TCPSocket many\nLocalSocket relative\n"), Config::default());
    }
}
