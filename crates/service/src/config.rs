//! The settings of `prayad`: flags over an optional TOML file over defaults.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::{Parser, ValueEnum};
use praya_model::paths::STATE_FOLDER;
use serde::Deserialize;

/// The file that is read when it is there and no other is named.
pub const DEFAULT_CONFIG: &str = "/etc/praya/prayad.toml";

/// The service of Praya: owns the session and the tunnel, serves the views on this machine.
#[derive(Debug, Default, Parser)]
#[command(name = "prayad", version, about)]
pub struct Flags {
    /// A TOML file with the same settings; flags win over it.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Where to listen for views.
    #[arg(long, value_name = "PATH")]
    pub socket: Option<PathBuf>,
    /// The folder for the device key, profiles, the resume ticket and the undo journal.
    #[arg(long, value_name = "DIR")]
    pub state: Option<PathBuf>,
    /// The user ids of people, as FIRST-LAST.
    #[arg(long, value_name = "FIRST-LAST")]
    pub people: Option<People>,
    /// Further roots that vouch for gateways, a PEM file.
    #[arg(long, value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
    /// The tunnel device's name; chosen by the kernel when missing.
    #[arg(long, value_name = "NAME")]
    pub tun_name: Option<String>,
    /// The resolver's file.
    #[arg(long, value_name = "FILE")]
    pub resolv_conf: Option<PathBuf>,
    /// Leave systemd-resolved alone even if it runs.
    #[arg(long)]
    pub no_resolved: bool,
    /// Carry packets by TLS only, for networks that slow UDP down or cut it off.
    #[arg(long)]
    pub no_udp: bool,
    /// Carry one packet in each frame and one frame in each TLS record, as with gateways that are not Praya's. For
    /// measurements.
    #[arg(long, hide = true)]
    pub no_super_packets: bool,
    /// The form of the log on standard error.
    #[arg(long, value_name = "FORM")]
    pub log_format: Option<LogFormat>,
    /// How much to log: off, error, warn, info, debug or trace, and others by name, as in `info, praya_datapath=debug`.
    #[arg(long, value_name = "FILTER", env = "RUST_LOG")]
    pub log: Option<String>,
}

/// The form of the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// Lines for people.
    #[default]
    Text,
    /// One JSON value a line.
    Json,
}

/// The file's contents.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct FileSettings {
    socket: Option<PathBuf>,
    state: Option<PathBuf>,
    people: Option<People>,
    ca_file: Option<PathBuf>,
    tun_name: Option<String>,
    resolv_conf: Option<PathBuf>,
    use_resolved: Option<bool>,
    udp: Option<bool>,
    log_format: Option<LogFormat>,
    log: Option<String>,
}

/// The settings in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Where to listen.
    pub socket: PathBuf,
    /// The state folder.
    pub state: PathBuf,
    /// Who counts as a person.
    pub people: RangeInclusive<u32>,
    /// Further roots.
    pub ca_file: Option<PathBuf>,
    /// The tunnel device's name.
    pub tun_name: Option<String>,
    /// The resolver's file.
    pub resolv_conf: PathBuf,
    /// Whether systemd-resolved is used when it runs.
    pub use_resolved: bool,
    /// Whether packets may travel by UDP where a gateway offers it.
    pub udp: bool,
    /// Whether gateways of Praya may send and get several packets of one flow in one piece.
    pub super_packets: bool,
    /// The form of the log.
    pub log_format: LogFormat,
    /// How much to log.
    pub log: String,
}

/// Why there are no settings. Names the file and the remedy.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the settings in {}: {error}", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// The file says something impossible.
    #[error("the settings in {} are not usable: {error}", path.display())]
    Bad {
        /// Which.
        path: PathBuf,
        /// Where and why.
        error: Box<toml::de::Error>,
    },
}

/// A range of user ids, written FIRST-LAST.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct People(pub RangeInclusive<u32>);

impl FromStr for People {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bad = || "user ids are written FIRST-LAST, as in 1000-60000, and do not include 0".to_owned();
        let (first, last) = text.split_once('-').ok_or_else(bad)?;
        let first: u32 = first.trim().parse().map_err(|_| bad())?;
        let last: u32 = last.trim().parse().map_err(|_| bad())?;
        if first == 0 || last < first { Err(bad()) } else { Ok(Self(first..=last)) }
    }
}

impl TryFrom<String> for People {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl Config {
    /// The settings that `flags` and the file they name yield. The default file may be missing.
    ///
    /// # Errors
    /// See [`ConfigError`].
    pub fn load(flags: Flags) -> Result<Self, ConfigError> {
        let (path, must_exist) = match &flags.config {
            Some(path) => (path.clone(), true),
            None => (PathBuf::from(DEFAULT_CONFIG), false),
        };
        let file = match std::fs::read_to_string(&path) {
            Ok(text) => parse(&text).map_err(|error| ConfigError::Bad { path, error: Box::new(error) })?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && !must_exist => {
                FileSettings::default()
            }
            Err(error) => return Err(ConfigError::Unreadable { path, error }),
        };
        Ok(Self::merge(flags, file))
    }

    fn merge(flags: Flags, file: FileSettings) -> Self {
        let people = flags.people.or(file.people).map(|people| people.0);
        Self {
            socket: flags.socket.or(file.socket).unwrap_or_else(|| praya_ipc::DEFAULT_SOCKET.into()),
            state: flags.state.or(file.state).unwrap_or_else(|| STATE_FOLDER.into()),
            people: people.unwrap_or_else(|| praya_ipc::Rules::default().people),
            ca_file: flags.ca_file.or(file.ca_file),
            tun_name: flags.tun_name.or(file.tun_name),
            resolv_conf: flags.resolv_conf.or(file.resolv_conf).unwrap_or_else(|| "/etc/resolv.conf".into()),
            use_resolved: !flags.no_resolved && file.use_resolved.unwrap_or(true),
            udp: !flags.no_udp && file.udp.unwrap_or(true),
            super_packets: !flags.no_super_packets,
            log_format: flags.log_format.or(file.log_format).unwrap_or_default(),
            // A variable that is set to nothing asks for nothing.
            log: flags.log.filter(|log| !log.is_empty()).or(file.log).unwrap_or_else(|| "info".to_owned()),
        }
    }

    /// A file in the state folder.
    pub fn state_file(&self, name: impl AsRef<Path>) -> PathBuf {
        self.state.join(name)
    }
}

fn parse(text: &str) -> Result<FileSettings, toml::de::Error> {
    toml::from_str(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_win_over_the_file_and_the_file_over_defaults() {
        let file =
            parse("socket = \"/a\"\nstate = \"/b\"\npeople = \"500-600\"\nuse_resolved = false\nudp = false")
                .unwrap();
        let flags = Flags { socket: Some("/c".into()), ..Flags::default() };
        let config = Config::merge(flags, file);
        assert_eq!(config.socket, Path::new("/c"));
        assert_eq!(config.state, Path::new("/b"));
        assert_eq!(config.people, 500..=600);
        assert!(!config.use_resolved && !config.udp);
        let defaults = Config::merge(Flags::default(), FileSettings::default());
        assert_eq!(defaults.people, 1000..=60000);
        assert!(defaults.udp);
        let flags = Flags { no_udp: true, ..Flags::default() };
        assert!(!Config::merge(flags, FileSettings::default()).udp);
        assert_eq!(defaults.socket, Path::new("/run/praya/praya.sock"));
    }

    #[test]
    fn a_setting_that_is_not_one_is_named() {
        let error = parse("sokcet = \"/a\"").unwrap_err();
        assert!(error.to_string().contains("sokcet"), "{error}");
        assert!(parse("people = \"0-10\"").is_err());
        assert!(parse("people = \"10-1\"").is_err());
    }

    #[test]
    fn a_named_file_must_exist_and_the_default_need_not() {
        let flags = Flags { config: Some("/nowhere/prayad.toml".into()), ..Flags::default() };
        let error = Config::load(flags).unwrap_err();
        assert!(error.to_string().contains("/nowhere/prayad.toml"), "{error}");
    }
}
