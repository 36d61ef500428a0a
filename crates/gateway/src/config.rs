//! The gateway's configuration: one TOML file, every setting typed, defaulted, checked and documented.
//!
//! Unknown keys are refused, and every complaint names the file, the line and the key, and says what to do.

mod check;
mod defaults;
mod seconds;
mod template;

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use serde::{Deserialize, Serialize};

pub use check::{ConfigError, host_of};
pub use template::render as render_template;

/// Name of the configuration file inside the state folder.
pub const FILE_NAME: &str = "config.toml";

/// Everything that can be set. Paths are absolute once loaded: relative ones count from the state folder.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Who this gateway is.
    pub gateway: GatewaySettings,
    /// Where it listens.
    pub listen: ListenSettings,
    /// Its certificate.
    pub tls: TlsSettings,
    /// The tunnel and what clients are told about it.
    pub tunnel: TunnelSettings,
    /// How long sessions live and how many one account may have.
    pub sessions: SessionSettings,
    /// The rules of signing in.
    pub sign_in: SignInSettings,
    /// What one client, and all of them, may use.
    pub limits: Limits,
    /// What is written to the log.
    pub log: LogSettings,
}

/// `[gateway]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GatewaySettings {
    /// Every host name and address under which clients reach the gateway; the certificate lists them all.
    /// The first one is shown to people.
    pub names: Vec<String>,
    /// The name people see.
    pub display_name: String,
    /// Whom to ask, in the organisation's own words; shown with every failure.
    pub help_desk: Option<String>,
}

/// `[listen]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ListenSettings {
    /// HTTPS: sign-in, API and tunnels. At least one.
    pub https: Vec<SocketAddr>,
    /// Datagrams of the tunnels, by UDP; empty means the addresses and ports of `https`.
    pub udp: Vec<SocketAddr>,
    /// Metrics and health, without TLS: a loopback address, or none.
    pub metrics: Option<SocketAddr>,
    /// Whether `metrics` may be an address that other machines reach.
    pub metrics_exposed: bool,
}

/// `[tls]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TlsSettings {
    /// The server's certificate chain, PEM, leaf first.
    pub certificate: PathBuf,
    /// The leaf's private key, PEM, owner-only.
    pub key: PathBuf,
}

/// `[tunnel]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TunnelSettings {
    /// Name of the TUN device, at most 15 bytes.
    pub device: String,
    /// IPv4 addresses for clients; the first host address is the gateway's own.
    pub pool_v4: Option<Ipv4Net>,
    /// IPv6 addresses for clients; the first host address is the gateway's own.
    pub pool_v6: Option<Ipv6Net>,
    /// The largest IP packet inside the tunnel, 1280–9000 bytes.
    pub mtu: u16,
    /// Whether clients are offered datagrams by UDP beside their TLS connection.
    pub udp: bool,
    /// What goes through the tunnel.
    pub routes: Routes,
    /// What stays outside although `routes` covers it.
    pub exclude: Vec<IpNet>,
    /// Name servers inside.
    pub dns_servers: Vec<IpAddr>,
    /// Domains resolved by `dns_servers`; empty means every name.
    pub split_dns: Vec<String>,
    /// Search domains.
    pub search_domains: Vec<String>,
    /// Silence after which the peer is probed; zero switches the probing off.
    #[serde(with = "seconds")]
    pub dpd: Duration,
    /// How often an idle client refreshes its channel; zero means never.
    #[serde(with = "seconds")]
    pub keepalive: Duration,
    /// How often a client opens a new tunnel to get new keys; zero means never.
    #[serde(with = "seconds")]
    pub rekey: Duration,
    /// One line to show once connected.
    pub banner: Option<String>,
    /// Whether the gateway switches forwarding on, and off again when it stops.
    pub forwarding: bool,
    /// Whether forwarding and address translation stay when the gateway stops, for its next start: translated
    /// connections outlive a stop only so.
    pub forwarding_stays: bool,
    /// Whether packets leave the gateway under its own address (masquerade); needs `forwarding`.
    pub nat: bool,
}

/// What goes through the tunnel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Routes {
    /// A word.
    Named(NamedRoutes),
    /// Just these networks.
    Networks(Vec<IpNet>),
}

/// The words for [`Routes`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NamedRoutes {
    /// What the person's groups may reach, and the name servers.
    Resources,
    /// Everything.
    All,
}

/// `[sessions]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SessionSettings {
    /// Time without user traffic after which a session ends.
    #[serde(with = "seconds")]
    pub idle_timeout: Duration,
    /// Absolute lifetime.
    #[serde(with = "seconds")]
    pub lifetime: Duration,
    /// How long a session is kept for a client that is away.
    #[serde(with = "seconds")]
    pub away_timeout: Duration,
    /// How many sessions one account may have at once, at least 1.
    pub per_account: u32,
    /// What happens to one more.
    pub at_limit: AtLimit,
    /// The most sessions in all.
    pub total: u32,
}

/// What happens when an account that has all its sessions signs in once more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AtLimit {
    /// The person is told where and since when, and may end the oldest ones.
    Ask,
    /// The new sign-in is refused.
    Refuse,
}

/// `[sign_in]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SignInSettings {
    /// Rules of new passwords.
    pub password_profile: PasswordProfile,
    /// Who must show a token code.
    pub second_factor: SecondFactor,
    /// Failures after which an account's sign-in is locked.
    pub lock_after: u32,
    /// How long it stays locked.
    #[serde(with = "seconds")]
    pub lock_time: Duration,
    /// Sign-in attempts heard from one address per minute; zero means any number.
    pub attempts_per_minute: u32,
    /// Days without use after which a token closes.
    pub token_unused_days: u32,
    /// Days an initial password lives unused; zero means for ever.
    pub initial_password_days: u32,
    /// How long a person has for one step.
    #[serde(with = "seconds")]
    pub step_time: Duration,
    /// Sign-ins under way at once, and so many more after the right password.
    pub pending: u32,
    /// Passwords hashed at once, 19 MiB each.
    pub parallel_hashes: u32,
}

/// Rules of new passwords; see `praya_identity::password`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PasswordProfile {
    /// Length and a list of common passwords; any characters.
    Modern,
    /// At least 12 ASCII letters and digits, one of each class (C-17).
    Iauth,
}

/// Who must show a token code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SecondFactor {
    /// Everybody; without a token there is no sign-in.
    Required,
    /// Whoever has a token.
    WhenAssigned,
}

/// `[limits]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Connections in all.
    pub connections: u32,
    /// Connections from one IPv4 address or IPv6 /64.
    pub connections_per_source: u32,
    /// TLS handshakes of such a source in a second, after `connections_per_source` of them at once; zero means any
    /// number.
    pub handshakes_per_second: u32,
    /// Time for the TLS handshake.
    #[serde(with = "seconds")]
    pub handshake_time: Duration,
    /// Time for a whole request, head and body.
    #[serde(with = "seconds")]
    pub request_time: Duration,
    /// Time a connection may stay open between requests.
    #[serde(with = "seconds")]
    pub keep_alive_time: Duration,
    /// Largest request body, in bytes.
    pub body_bytes: u32,
    /// Packets waiting for one client; more are dropped.
    pub queue_packets: u32,
    /// Threads that tunnels run on, each with a queue of the device; zero means as many as there are cores.
    pub workers: u32,
    /// Time tunnels get to say goodbye when the gateway stops.
    #[serde(with = "seconds")]
    pub drain_time: Duration,
}

/// `[log]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogSettings {
    /// A `tracing` filter, such as `info` or `praya_gateway=debug`.
    pub filter: String,
    /// How lines look.
    pub format: LogFormat,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For eyes.
    Text,
    /// For machines, one object per line.
    Json,
}

impl Config {
    /// Reads and checks `state/config.toml`, or `file` when given.
    ///
    /// # Errors
    /// Says which file, line and key, what is wrong there and what to do.
    pub fn load(state: &Path, file: Option<&Path>) -> Result<Self, ConfigError> {
        let default = state.join(FILE_NAME);
        let path = file.unwrap_or(&default);
        let text = std::fs::read_to_string(path).map_err(|error| ConfigError::unreadable(path, &error))?;
        let mut config = Self::parse(&text).map_err(|error| error.in_file(path))?;
        for path in [&mut config.tls.certificate, &mut config.tls.key] {
            if path.is_relative() {
                *path = state.join(&*path);
            }
        }
        Ok(config)
    }

    /// Parses and checks the text of a configuration file; paths stay as they are.
    ///
    /// # Errors
    /// As [`Config::load`], without the file's name.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let config: Self = toml::from_str(text).map_err(|error| ConfigError::syntax(text, &error))?;
        check::check(&config, text)?;
        Ok(config)
    }

    /// The name people and clients use first.
    pub fn first_name(&self) -> &str {
        self.gateway.names.first().map_or("", String::as_str)
    }
}

impl TunnelSettings {
    /// The gateway's own IPv4 address in the tunnel: the pool's first host address.
    pub fn gateway_v4(&self) -> Option<std::net::Ipv4Addr> {
        self.pool_v4.and_then(|pool| pool.hosts().next())
    }

    /// The gateway's own IPv6 address in the tunnel: the address after the pool's first.
    pub fn gateway_v6(&self) -> Option<std::net::Ipv6Addr> {
        self.pool_v6.map(|pool| std::net::Ipv6Addr::from(u128::from(pool.network()).saturating_add(1)))
    }
}
