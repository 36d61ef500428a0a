//! What the types cannot say: ranges, overlaps, and where in the file a complaint belongs.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use toml::de::DeTable;

use super::{Config, Routes};

/// What is wrong with a configuration file, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct ConfigError {
    /// The file.
    pub file: Option<PathBuf>,
    /// The line, counted from 1, where the key stands in the file.
    pub line: Option<usize>,
    /// The key, as `section.key`.
    pub key: Option<String>,
    /// What is wrong and what to do.
    pub problem: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.file {
            Some(file) => write!(f, "{}", file.display())?,
            None => f.write_str("configuration")?,
        }
        if let Some(line) = self.line {
            write!(f, ", line {line}")?;
        }
        if let Some(key) = &self.key {
            write!(f, ", {key}")?;
        }
        write!(f, ": {}", self.problem)
    }
}

impl ConfigError {
    pub(super) fn unreadable(path: &Path, error: &std::io::Error) -> Self {
        let problem = if error.kind() == std::io::ErrorKind::NotFound {
            "there is no such file; `praya-gateway init` makes a state folder with one".to_owned()
        } else {
            format!("cannot be read: {error}")
        };
        Self { file: Some(path.to_owned()), line: None, key: None, problem }
    }

    pub(super) fn in_file(self, path: &Path) -> Self {
        Self { file: Some(path.to_owned()), ..self }
    }

    pub(super) fn syntax(text: &str, error: &toml::de::Error) -> Self {
        let start = error.span().map(|span| span.start);
        let line = start.map(|start| line_at(text, start));
        let key = start.and_then(|start| key_at(text, start));
        Self { file: None, line, key, problem: error.message().trim_end().replace('\n', "; ") }
    }

    fn at(text: &str, key: &str, problem: impl Into<String>) -> Self {
        Self { file: None, line: line_of(text, key), key: Some(key.to_owned()), problem: problem.into() }
    }
}

/// The line of byte offset `at`, counted from 1.
fn line_at(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
}

/// `section.key` of the line that holds byte offset `at`, as far as it can be told from the text.
fn key_at(text: &str, at: usize) -> Option<String> {
    let before = text.get(..at)?;
    let start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line = text.get(start..)?.lines().next()?;
    let (key, _) = line.split_once('=')?;
    let key = key.trim();
    let section = before.get(..start)?.lines().rev().find_map(|line| {
        line.trim().strip_prefix('[').and_then(|rest| rest.split(']').next()).map(str::trim)
    });
    Some(section.map_or_else(|| key.to_owned(), |section| format!("{section}.{key}")))
}

/// The line on which `section.key` is set, when it is.
fn line_of(text: &str, key: &str) -> Option<usize> {
    let table = DeTable::parse(text).ok()?;
    let (section, key) = key.split_once('.')?;
    let section = table.get_ref().get(section)?.get_ref().as_table()?;
    let (name, _) = section.iter().find(|(name, _)| name.get_ref() == key)?;
    Some(line_at(text, name.span().start))
}

/// Checks everything that a type cannot.
pub(super) fn check(config: &Config, text: &str) -> Result<(), ConfigError> {
    let fail = |key: &str, problem: String| Err(ConfigError::at(text, key, problem));

    if config.gateway.names.is_empty() {
        return fail("gateway.names", "name at least one host name or address that clients use".into());
    }
    for name in &config.gateway.names {
        if !is_host(name) {
            return fail("gateway.names", format!("\"{name}\" is neither a host name nor an IP address"));
        }
    }
    if !is_one_line(&config.gateway.display_name) || config.gateway.display_name.is_empty() {
        return fail("gateway.display_name", "must be one line of text".into());
    }
    for (key, value) in
        [("gateway.help_desk", &config.gateway.help_desk), ("tunnel.banner", &config.tunnel.banner)]
    {
        if value.as_deref().is_some_and(|value| !is_one_line(value)) {
            return fail(key, "must be one line of at most 500 characters".into());
        }
    }
    check_listeners(config, text)?;
    check_tunnel(config, text)?;
    check_numbers(config, text)?;
    praya_model::log::filter(&config.log.filter)
        .map_err(|error| ConfigError::at(text, "log.filter", error.to_string()))?;
    Ok(())
}

fn check_listeners(config: &Config, text: &str) -> Result<(), ConfigError> {
    let fail = |key: &str, problem: String| Err(ConfigError::at(text, key, problem));
    let collide = |a: &SocketAddr, b: &SocketAddr| {
        a.port() != 0
            && a.port() == b.port()
            && (a.ip() == b.ip() || a.ip().is_unspecified() || b.ip().is_unspecified())
    };
    let https = &config.listen.https;
    if https.is_empty() {
        return fail("listen.https", "name at least one address and port, such as \"[::]:443\"".into());
    }
    for (index, address) in https.iter().enumerate() {
        if https.iter().skip(index + 1).any(|other| other == address) {
            return fail("listen.https", format!("{address} stands there twice"));
        }
    }
    let udp = &config.listen.udp;
    for (index, address) in udp.iter().enumerate() {
        if address.port() == 0 {
            return fail("listen.udp", format!("{address} needs a port, which clients are told"));
        }
        if udp.iter().skip(index + 1).any(|other| other == address) {
            return fail("listen.udp", format!("{address} stands there twice"));
        }
        if udp.iter().any(|other| other.port() != address.port()) {
            return fail("listen.udp", "all must have one port, since clients are told one".into());
        }
    }
    if let Some(metrics) = &config.listen.metrics
        && let Some(address) = https.iter().find(|address| collide(address, metrics))
    {
        return fail("listen.metrics", format!("{metrics} is the same port as {address} of listen.https"));
    }
    if let Some(metrics) = &config.listen.metrics
        && !metrics.ip().to_canonical().is_loopback()
        && !config.listen.metrics_exposed
    {
        return fail(
            "listen.metrics",
            format!(
                "{metrics} is no loopback address, and there is neither TLS nor a password; use 127.0.0.1 or ::1, \
                 or set metrics_exposed = true if a firewall lets only the right machines in"
            ),
        );
    }
    Ok(())
}

fn check_tunnel(config: &Config, text: &str) -> Result<(), ConfigError> {
    let fail = |key: &str, problem: String| Err(ConfigError::at(text, key, problem));
    let tunnel = &config.tunnel;
    let device_ok = (1..=15).contains(&tunnel.device.len())
        && tunnel.device.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
        && tunnel.device != "."
        && tunnel.device != "..";
    if !device_ok {
        return fail("tunnel.device", "use 1 to 15 of a-z, A-Z, 0-9, '-', '_' and '.'".into());
    }
    if tunnel.pool_v4.is_none() && tunnel.pool_v6.is_none() {
        return fail("tunnel.pool_v4", "set pool_v4, pool_v6 or both; clients need addresses".into());
    }
    if let Some(pool) = tunnel.pool_v4 {
        if pool != pool.trunc() {
            return fail("tunnel.pool_v4", format!("{pool} has host bits set; {} is meant?", pool.trunc()));
        }
        if !(8..=29).contains(&pool.prefix_len()) {
            return fail("tunnel.pool_v4", format!("{pool}: the prefix must be /8 to /29"));
        }
        let first = pool.network();
        if first.is_loopback() || first.is_multicast() || first.is_link_local() || first.is_unspecified() {
            return fail(
                "tunnel.pool_v4",
                format!("{pool} cannot be given to clients; use a private network"),
            );
        }
    }
    if let Some(pool) = tunnel.pool_v6 {
        if pool != pool.trunc() {
            return fail("tunnel.pool_v6", format!("{pool} has host bits set; {} is meant?", pool.trunc()));
        }
        if !(32..=120).contains(&pool.prefix_len()) {
            return fail("tunnel.pool_v6", format!("{pool}: the prefix must be /32 to /120"));
        }
        let first = pool.network();
        if first.is_loopback() || first.is_multicast() || first.is_unicast_link_local() {
            return fail(
                "tunnel.pool_v6",
                format!("{pool} cannot be given to clients; use a private network"),
            );
        }
    }
    if !(1280..=9000).contains(&tunnel.mtu) {
        return fail(
            "tunnel.mtu",
            format!("{} is out of range; 1280 to 9000 bytes are possible", tunnel.mtu),
        );
    }
    if matches!(&tunnel.routes, Routes::Networks(networks) if networks.is_empty()) {
        return fail(
            "tunnel.routes",
            "an empty list routes nothing; write \"all\", \"resources\" or the networks".into(),
        );
    }
    if tunnel.dns_servers.iter().any(|address| address.is_unspecified() || address.is_multicast()) {
        return fail("tunnel.dns_servers", "each must be the address of one machine".into());
    }
    for (key, domains) in
        [("tunnel.split_dns", &tunnel.split_dns), ("tunnel.search_domains", &tunnel.search_domains)]
    {
        if let Some(bad) = domains.iter().find(|domain| !is_host_name(domain)) {
            return fail(key, format!("\"{bad}\" is not a domain name"));
        }
    }
    if tunnel.nat && !tunnel.forwarding {
        return fail("tunnel.nat", "needs tunnel.forwarding = true; otherwise set nat = false".into());
    }
    Ok(())
}

fn check_numbers(config: &Config, text: &str) -> Result<(), ConfigError> {
    let (sessions, sign_in, limits) = (&config.sessions, &config.sign_in, &config.limits);
    let numbers: [(&str, u64, u64, u64); 20] = [
        ("sessions.idle_timeout", sessions.idle_timeout.as_secs(), 1, u64::MAX),
        ("sessions.lifetime", sessions.lifetime.as_secs(), 1, u64::MAX),
        ("sessions.away_timeout", sessions.away_timeout.as_secs(), 1, u64::MAX),
        ("sessions.per_account", sessions.per_account.into(), 1, 1000),
        ("sessions.total", sessions.total.into(), 1, 1_000_000),
        ("sign_in.lock_after", sign_in.lock_after.into(), 1, 100),
        ("sign_in.lock_time", sign_in.lock_time.as_secs(), 1, 86_400),
        ("sign_in.token_unused_days", sign_in.token_unused_days.into(), 1, 3650),
        ("sign_in.initial_password_days", sign_in.initial_password_days.into(), 0, 3650),
        ("sign_in.step_time", sign_in.step_time.as_secs(), 1, 3600),
        ("sign_in.pending", sign_in.pending.into(), 1, 100_000),
        ("sign_in.parallel_hashes", sign_in.parallel_hashes.into(), 1, 64),
        ("limits.connections", limits.connections.into(), 1, 1_000_000),
        ("limits.connections_per_source", limits.connections_per_source.into(), 1, 1_000_000),
        ("limits.handshakes_per_second", limits.handshakes_per_second.into(), 0, 1_000_000),
        ("limits.handshake_time", limits.handshake_time.as_secs(), 1, 300),
        ("limits.request_time", limits.request_time.as_secs(), 1, 600),
        ("limits.body_bytes", limits.body_bytes.into(), 1024, 16 * 1024 * 1024),
        ("limits.queue_packets", limits.queue_packets.into(), 1, 65_536),
        ("limits.workers", limits.workers.into(), 0, 256),
    ];
    for (key, value, least, most) in numbers {
        if value < least {
            return Err(ConfigError::at(text, key, format!("{value} is too small; the least is {least}")));
        }
        if value > most {
            return Err(ConfigError::at(text, key, format!("{value} is too large; the most is {most}")));
        }
    }
    if sessions.lifetime < sessions.idle_timeout {
        return Err(ConfigError::at(
            text,
            "sessions.lifetime",
            "is shorter than sessions.idle_timeout, which could then never be reached",
        ));
    }
    Ok(())
}

/// `name` as a host: an IP address, or a DNS name in lower case.
pub fn host_of(name: &str) -> Option<Result<IpAddr, String>> {
    match name.parse::<IpAddr>() {
        Ok(address) => Some(Ok(address)),
        Err(_) => is_host_name(name).then(|| Err(name.to_ascii_lowercase())),
    }
}

fn is_host(name: &str) -> bool {
    host_of(name).is_some()
}

/// RFC 1123: labels of letters, digits and inner hyphens, 63 bytes each, 253 in all; not all digits and dots.
fn is_host_name(name: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    name.len() <= 253
        && name.split('.').all(label)
        && !name.rsplit('.').next().is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit()))
}

fn is_one_line(text: &str) -> bool {
    text.chars().count() <= 500 && !text.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::super::Config;

    /// `rest` from line 3 on, completed by what has no default: a name before it and a pool after it.
    fn file(rest: &str) -> String {
        let pool = if rest.contains("pool_v") { "" } else { "pool_v4 = \"10.88.0.0/16\"\n" };
        let section = if rest.contains("[tunnel]") { "" } else { "[tunnel]\n" };
        format!("[gateway]\nnames = [\"vpn.example\"]\n{rest}{section}{pool}")
    }

    fn complaint(rest: &str) -> String {
        Config::parse(&file(rest)).unwrap_err().to_string()
    }

    #[test]
    fn the_least_configuration_is_a_name_and_a_pool() {
        let config = Config::parse(&file("")).unwrap();
        assert_eq!(config.first_name(), "vpn.example");
        assert_eq!(config.tunnel.gateway_v4(), Some([10, 88, 0, 1].into()));
        assert_eq!(config.tunnel.gateway_v6(), None);
        assert!(Config::parse("").unwrap_err().to_string().contains("gateway.names"));
        let no_pool = Config::parse("gateway.names = [\"vpn.example\"]").unwrap_err().to_string();
        assert!(no_pool.contains("pool_v4"), "{no_pool}");
    }

    #[test]
    fn an_unknown_key_is_refused_with_its_line_and_name() {
        let text = complaint("[sessions]\nidel_timeout = 5\n");
        assert!(text.starts_with("configuration, line 4, sessions.idel_timeout: unknown field"), "{text}");
        assert!(complaint("[sesions]\n").contains("line 3"), "{}", complaint("[sesions]\n"));
    }

    #[test]
    fn a_wrong_type_names_line_and_key() {
        let text = complaint("\n[sessions]\nidle_timeout = \"5m\"\n");
        assert!(text.contains("line 5, sessions.idle_timeout") && text.contains("seconds"), "{text}");
    }

    #[test]
    fn broken_toml_names_the_line() {
        let text = complaint("[sessions\n");
        assert!(text.contains("line 3"), "{text}");
    }

    #[test]
    fn each_rule_points_at_its_key() {
        for (rest, expected) in [
            ("[listen]\nhttps = []\n", "line 4, listen.https"),
            ("[listen]\nhttps = [\"0.0.0.0:443\"]\nmetrics = \"127.0.0.1:443\"\n", "line 5, listen.metrics"),
            ("[listen]\nudp = [\"0.0.0.0:443\", \"[::]:444\"]\n", "line 4, listen.udp"),
            ("[listen]\nudp = [\"0.0.0.0:0\"]\n", "line 4, listen.udp"),
            ("[tunnel]\ndevice = \"way-too-long-a-name\"\n", "line 4, tunnel.device"),
            ("[tunnel]\npool_v4 = \"10.0.0.1/24\"\n", "10.0.0.0/24 is meant?"),
            ("[tunnel]\npool_v4 = \"10.0.0.0/31\"\n", "/8 to /29"),
            ("[tunnel]\npool_v4 = \"127.0.0.0/24\"\n", "private network"),
            ("[tunnel]\npool_v6 = \"fe80::/64\"\n", "line 4, tunnel.pool_v6"),
            ("[tunnel]\nmtu = 500\n", "1280 to 9000"),
            ("[tunnel]\nroutes = []\n", "line 4, tunnel.routes"),
            ("[tunnel]\nsplit_dns = [\"-bad-\"]\n", "line 4, tunnel.split_dns"),
            ("[tunnel]\nforwarding = false\nnat = true\n", "line 5, tunnel.nat"),
            ("[sessions]\nper_account = 0\n", "line 4, sessions.per_account"),
            ("[sessions]\nlifetime = 10\n", "line 4, sessions.lifetime"),
            ("[sign_in]\nparallel_hashes = 1000\n", "the most is 64"),
            ("[log]\nfilter = \"info,warning\"\n", "line 4, log.filter: \"warning\" is neither a level"),
            ("[log]\nformat = \"xml\"\n", "line 4, log.format"),
        ] {
            let text = complaint(rest);
            assert!(text.contains(expected), "{rest}: {text}");
        }
    }

    #[test]
    fn metrics_stay_on_loopback_unless_told_otherwise() {
        for good in [
            "metrics = \"127.0.0.9:9443\"",
            "metrics = \"[::1]:9443\"",
            "metrics = \"[::ffff:127.0.0.1]:9443\"",
            "metrics = \"192.0.2.1:9443\"\nmetrics_exposed = true",
        ] {
            Config::parse(&file(&format!("[listen]\n{good}\n"))).unwrap();
        }
        for bad in ["0.0.0.0", "192.0.2.1", "[::]", "[2001:db8::1]"] {
            let text = complaint(&format!("[listen]\nmetrics = \"{bad}:9443\"\n"));
            assert!(text.contains("metrics_exposed"), "{text}");
        }
    }

    #[test]
    fn a_name_is_a_host_name_or_an_address() {
        for (name, good) in [
            ("vpn.example", true),
            ("192.0.2.1", true),
            ("2001:db8::1", true),
            ("localhost", true),
            ("1.2.3", false),
            ("vpn example", false),
            ("https://vpn.example", false),
            ("", false),
        ] {
            assert_eq!(super::is_host(name), good, "{name}");
        }
    }
}
