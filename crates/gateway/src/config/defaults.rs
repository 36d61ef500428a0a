//! What holds when the file says nothing.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use ipnet::{Ipv4Net, Ipv6Net};

use super::{
    AtLimit, Config, GatewaySettings, Limits, ListenSettings, LogFormat, LogSettings, NamedRoutes,
    PasswordProfile, Routes, SecondFactor, SessionSettings, SignInSettings, TlsSettings, TunnelSettings,
};

const POOL_V4: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::new(10, 88, 0, 0), 16);
const POOL_V6: Ipv6Net = Ipv6Net::new_assert(Ipv6Addr::new(0xfd88, 0x7072, 0x6179, 0x61, 0, 0, 0, 0), 64);

impl Config {
    /// What `init` writes for a gateway of these names: the defaults, both address pools and the metrics listener.
    pub fn initial(names: Vec<String>) -> Self {
        let mut config = Self::default();
        config.gateway.names = names;
        config.listen.metrics = Some(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9443));
        config.tunnel.pool_v4 = Some(POOL_V4);
        config.tunnel.pool_v6 = Some(POOL_V6);
        config
    }
}

impl Default for GatewaySettings {
    fn default() -> Self {
        Self { names: Vec::new(), display_name: "Praya".into(), help_desk: None }
    }
}

impl Default for ListenSettings {
    fn default() -> Self {
        Self {
            https: vec![SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), 443)],
            udp: Vec::new(),
            metrics: None,
            metrics_exposed: false,
        }
    }
}

impl Default for TlsSettings {
    fn default() -> Self {
        Self { certificate: PathBuf::from("tls/server.crt"), key: PathBuf::from("tls/server.key") }
    }
}

impl Default for TunnelSettings {
    fn default() -> Self {
        Self {
            device: "praya-gw".into(),
            pool_v4: None,
            pool_v6: None,
            mtu: 1400,
            udp: true,
            routes: Routes::Named(NamedRoutes::Resources),
            exclude: Vec::new(),
            dns_servers: Vec::new(),
            split_dns: Vec::new(),
            search_domains: Vec::new(),
            dpd: Duration::from_secs(30),
            keepalive: Duration::from_secs(20),
            rekey: Duration::from_secs(24 * 3600),
            banner: None,
            forwarding: true,
            forwarding_stays: false,
            nat: true,
        }
    }
}

impl Default for SessionSettings {
    fn default() -> Self {
        Self {
            idle_timeout: Duration::from_secs(300),
            lifetime: Duration::from_secs(12 * 3600),
            away_timeout: Duration::from_secs(300),
            per_account: 1,
            at_limit: AtLimit::Ask,
            total: 10_000,
        }
    }
}

impl Default for SignInSettings {
    fn default() -> Self {
        Self {
            password_profile: PasswordProfile::Modern,
            second_factor: SecondFactor::Required,
            lock_after: 5,
            lock_time: Duration::from_secs(300),
            attempts_per_minute: 30,
            token_unused_days: 60,
            initial_password_days: 14,
            step_time: Duration::from_secs(180),
            pending: 2000,
            parallel_hashes: 2,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 20_000,
            connections_per_source: 200,
            handshakes_per_second: 50,
            handshake_time: Duration::from_secs(10),
            request_time: Duration::from_secs(20),
            keep_alive_time: Duration::from_secs(60),
            // A report about a machine, at most 64 KiB, and its quotes are escaped once more.
            body_bytes: 128 * 1024,
            queue_packets: 512,
            workers: 0,
            drain_time: Duration::from_secs(5),
        }
    }
}

impl Default for LogSettings {
    fn default() -> Self {
        Self { filter: "info".into(), format: LogFormat::Text }
    }
}
