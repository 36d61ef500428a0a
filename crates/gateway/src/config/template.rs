//! The configuration file that `init` writes: every setting with its value and what it means.

use super::Config;

/// One setting of the file: section, key, what it means, and an example for a setting that is unset by default.
type Setting = (&'static str, &'static str, &'static str, &'static str);

/// Every setting, in the order of the file. A test holds it against the type.
const SETTINGS: &[Setting] = &[
    (
        "gateway",
        "names",
        "Every host name and address under which clients reach this gateway. The first is shown\nto people. After a change run `praya-gateway certificate renew`: the certificate lists them all.",
        "",
    ),
    ("gateway", "display_name", "The name people see.", ""),
    ("gateway", "help_desk", "Whom to ask; shown with every failure.", "\"IT help desk, ext. 1234\""),
    ("listen", "https", "Sign-in, API and tunnels. Ports below 1024 need the privilege to bind them.", ""),
    (
        "listen",
        "udp",
        "Datagrams of the tunnels; empty means the addresses and ports of `https`. All must have one port.",
        "",
    ),
    (
        "listen",
        "metrics",
        "Prometheus metrics and health. No TLS and no password: keep it on a loopback address.",
        "\"127.0.0.1:9443\"",
    ),
    (
        "listen",
        "metrics_exposed",
        "Whether `metrics` may be an address that other machines reach; then let a firewall say which.",
        "",
    ),
    (
        "tls",
        "certificate",
        "Certificate chain, PEM, leaf first. Paths count from the state folder. Read again on SIGHUP.",
        "",
    ),
    ("tls", "key", "Private key of the leaf, PEM, readable by the gateway only.", ""),
    ("tunnel", "device", "Name of the TUN device.", ""),
    (
        "tunnel",
        "pool_v4",
        "IPv4 addresses for clients; the first one is the gateway's own. Choose a network that is used\nneither here nor in people's homes.",
        "\"10.88.0.0/16\"",
    ),
    (
        "tunnel",
        "pool_v6",
        "IPv6 addresses for clients; the first one is the gateway's own.",
        "\"fd88:7072:6179:61::/64\"",
    ),
    ("tunnel", "mtu", "Largest IP packet inside the tunnel, in bytes.", ""),
    (
        "tunnel",
        "udp",
        "Whether packets may go by UDP, which is faster where the network loses some. TLS carries them wherever UDP\ndoes not get through.",
        "",
    ),
    (
        "tunnel",
        "routes",
        "What goes through the tunnel: \"resources\" (what the person's groups may reach), \"all\", or a list\nof networks such as [\"10.0.0.0/8\"]. What a person may reach is decided by groups and resources\nalone, whatever is routed.",
        "",
    ),
    ("tunnel", "exclude", "Networks that stay outside the tunnel although `routes` covers them.", ""),
    ("tunnel", "dns_servers", "Name servers inside. Everybody may ask them.", ""),
    ("tunnel", "split_dns", "Domains that these name servers answer for; empty means every name.", ""),
    ("tunnel", "search_domains", "Domains that are added to short names.", ""),
    ("tunnel", "dpd", "Seconds of silence after which the other side is probed; 0 = never.", ""),
    ("tunnel", "keepalive", "Seconds after which an idle client refreshes its channel; 0 = never.", ""),
    ("tunnel", "rekey", "Seconds after which a client opens a new tunnel to get new keys; 0 = never.", ""),
    ("tunnel", "banner", "One line to show once connected.", "\"Authorised use only.\""),
    (
        "tunnel",
        "forwarding",
        "Whether the gateway switches the system's forwarding on, and back when it stops.",
        "",
    ),
    (
        "tunnel",
        "forwarding_stays",
        "Whether forwarding and `nat` stay when it stops, for the next start: connections through `nat` outlive\na stop and start only so. SIGUSR2 restarts without it. To take them back, set false, start and stop.",
        "",
    ),
    (
        "tunnel",
        "nat",
        "Whether packets leave under the gateway's own address. Without it the internal network needs\na route to the pools.",
        "",
    ),
    ("sessions", "idle_timeout", "Seconds without user traffic after which a session ends.", ""),
    ("sessions", "lifetime", "Seconds after which a session ends in any case.", ""),
    (
        "sessions",
        "away_timeout",
        "Seconds for which a session is kept for a client that has lost its connection.",
        "",
    ),
    ("sessions", "per_account", "Sessions one account may have at once.", ""),
    (
        "sessions",
        "at_limit",
        "One more sign-in than that: \"ask\" tells the person where and since when, and offers to end the\nothers; \"refuse\" refuses it.",
        "",
    ),
    ("sessions", "total", "Sessions in all.", ""),
    (
        "sign_in",
        "password_profile",
        "Rules of new passwords: \"modern\" (length and a list of common passwords) or \"iauth\" (at least\n12 ASCII letters and digits, with upper case, lower case and a digit).",
        "",
    ),
    (
        "sign_in",
        "second_factor",
        "Who must show a token code: \"required\" (everybody) or \"when_assigned\" (whoever has a token).",
        "",
    ),
    ("sign_in", "lock_after", "Failures after which an account's sign-in is locked.", ""),
    ("sign_in", "lock_time", "Seconds for which it stays locked.", ""),
    (
        "sign_in",
        "attempts_per_minute",
        "Attempts heard from one address in a minute, and so many reports about machines; 0 = any number.",
        "",
    ),
    (
        "sign_in",
        "token_unused_days",
        "Days without use after which a token closes and must be reactivated.",
        "",
    ),
    ("sign_in", "initial_password_days", "Days that an initial password lives unused; 0 = for ever.", ""),
    (
        "sign_in",
        "step_time",
        "Seconds a person has for one step of the sign-in; three times as many for all, unless policy gives longer.",
        "",
    ),
    ("sign_in", "pending", "Sign-ins under way at once, and so many more after the right password.", ""),
    (
        "sign_in",
        "parallel_hashes",
        "Passwords checked at once; each needs 19 MiB of memory while it lasts.",
        "",
    ),
    ("limits", "connections", "Connections in all.", ""),
    ("limits", "connections_per_source", "Connections from one IPv4 address or IPv6 /64.", ""),
    (
        "limits",
        "handshakes_per_second",
        "TLS handshakes of such a source in a second, after as many at once as it may hold; 0 = any number.",
        "",
    ),
    ("limits", "handshake_time", "Seconds for the TLS handshake.", ""),
    ("limits", "request_time", "Seconds for a whole request.", ""),
    ("limits", "keep_alive_time", "Seconds a connection may stay open between requests.", ""),
    ("limits", "body_bytes", "Largest request body, in bytes.", ""),
    ("limits", "queue_packets", "Packets waiting for one client; more are dropped.", ""),
    (
        "limits",
        "workers",
        "Threads that tunnels run on, each with a queue of the device; 0 means as many as there are cores.",
        "",
    ),
    ("limits", "drain_time", "Seconds that tunnels get to say goodbye when the gateway stops.", ""),
    (
        "log",
        "filter",
        "What is logged: off, error, warn, info, debug or trace, and after commas NAME=LEVEL for modules whose\n\
         path begins with that name, as in \"info, praya_datapath=debug\". Below info, logs may name people.",
        "",
    ),
    ("log", "format", "\"text\" or \"json\".", ""),
];

/// What each section is for.
const SECTIONS: &[(&str, &str)] = &[
    ("gateway", "Who this gateway is."),
    ("listen", "Where it listens."),
    ("tls", "Its certificate."),
    ("tunnel", "The tunnel and what clients are told about it."),
    ("sessions", "How long sessions live and how many an account may have."),
    ("sign_in", "The rules of signing in."),
    ("limits", "What one client, and all of them together, may use."),
    ("log", "What is written to the log. Passwords, codes and cookies never are."),
];

/// `config` as a commented file that [`Config::parse`] reads back as the same configuration.
pub fn render(config: &Config) -> String {
    let values = toml::Table::try_from(config).unwrap_or_default();
    let mut text = String::from(
        "# Configuration of the Praya gateway. Times are whole seconds. Unknown keys are refused.\n\
         # Check it with `praya-gateway check`; changes take effect at the next start.\n",
    );
    for (section, about) in SECTIONS {
        text.push_str(&format!("\n# {about}\n[{section}]\n"));
        for (_, key, about, example) in SETTINGS.iter().filter(|(of, ..)| of == section) {
            for line in about.lines() {
                text.push_str(&format!("# {line}\n"));
            }
            match values.get(*section).and_then(|section| section.get(*key)) {
                Some(value) => text.push_str(&format!("{key} = {value}\n")),
                None => text.push_str(&format!("# {key} = {example}\n")),
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::{Config, NamedRoutes, Routes};
    use super::{SETTINGS, render};

    fn config() -> Config {
        Config::initial(vec!["vpn.example".into(), "192.0.2.1".into(), "2001:db8::1".into()])
    }

    #[test]
    fn the_written_file_reads_back_as_the_same_configuration() {
        let mut config = config();
        assert_eq!(Config::parse(&render(&config)).unwrap(), config);
        config.gateway.help_desk = Some("IT \"desk\", ext. 12".into());
        config.tunnel.banner = Some("Hello \\ you".into());
        config.tunnel.routes = Routes::Networks(vec!["10.0.0.0/8".parse().unwrap()]);
        config.tunnel.pool_v6 = None;
        config.listen.metrics = None;
        assert_eq!(Config::parse(&render(&config)).unwrap(), config);
        config.tunnel.routes = Routes::Named(NamedRoutes::All);
        assert_eq!(Config::parse(&render(&config)).unwrap(), config);
    }

    #[test]
    fn every_setting_is_in_the_file_with_a_comment() {
        let mut config = config();
        config.gateway.help_desk = Some("x".into());
        config.tunnel.banner = Some("x".into());
        let table = toml::Table::try_from(&config).unwrap();
        let mut keys = 0;
        for (section, values) in &table {
            for key in values.as_table().unwrap().keys() {
                keys += 1;
                assert!(SETTINGS.iter().any(|(s, k, ..)| s == section && k == key), "{section}.{key}");
            }
        }
        assert_eq!(keys, SETTINGS.len());
    }
}
