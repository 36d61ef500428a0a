//! Which names are asked where: pure decisions, and the text of a `resolv.conf`.
//!
//! Two ways exist on Linux. systemd-resolved knows interfaces and domains: with split domains only names under them
//! are asked inside; without, a route-only domain `~.` draws *every* name inside, so that none leaks to the local
//! network's server. A plain `resolv.conf` knows neither: there all names are asked inside, even when the gateway
//! wishes split domains. Asking the local server as well would hand it internal names whenever the inner server is
//! slow, and glibc does not ask a second server after a "no such name"; so the local servers are left out, and
//! [`DnsOutcome::ResolvConf`] says what was given up. Programs with their own resolver (DNS over HTTPS) and queries
//! over an IPv6 path outside a tunnel are not caught here; the plan closes the second by blocking a family that a
//! full tunnel does not carry.

use std::fmt::Write as _;
use std::net::IpAddr;

use praya_model::TunnelConfig;

/// The first line of a `resolv.conf` that we wrote, by which it is recognised.
pub const MARKER: &str = "# Written by Praya; the earlier content comes back when the tunnel ends.";
/// What glibc reads at most (`MAXNS`).
const MAX_SERVERS: usize = 3;

/// What became of the name servers.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DnsOutcome {
    /// The gateway gave none; nothing was changed.
    Untouched,
    /// systemd-resolved asks them, for the split domains only or for everything.
    Resolved,
    /// `resolv.conf` was rewritten.
    ResolvConf {
        /// The gateway wished split domains, which a `resolv.conf` cannot say: all names are asked inside.
        split_ignored: bool,
    },
    /// Neither way worked; the tunnel is up and names are resolved as before.
    Failed {
        /// Why.
        detail: String,
    },
}

/// The name server settings of a tunnel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DnsWish {
    /// The servers, in the gateway's order.
    pub servers: Vec<IpAddr>,
    /// Domains tried after a short name.
    pub search: Vec<String>,
    /// Domains asked inside; empty means every name.
    pub split: Vec<String>,
}

impl DnsWish {
    /// What `config` wishes; `None` when it gives no server that can be asked. Names that are no domain names are
    /// left out, because they come from a peer and go into a file of lines and words.
    pub fn of(config: &TunnelConfig) -> Option<Self> {
        if config.dns_servers.is_empty() {
            return None;
        }
        let clean = |names: &[String]| -> Vec<String> {
            let mut clean = Vec::new();
            for name in names.iter().filter_map(|name| domain(name)) {
                if !clean.contains(&name) {
                    clean.push(name);
                }
            }
            clean
        };
        Some(Self {
            servers: config.dns_servers.clone(),
            search: clean(&config.search_domains),
            split: clean(&config.split_dns),
        })
    }

    /// The domains for systemd-resolved, as (name, only for routing).
    pub fn resolved_domains(&self) -> Vec<(String, bool)> {
        let mut domains: Vec<(String, bool)> = self.search.iter().map(|name| (name.clone(), false)).collect();
        domains.extend(
            self.split.iter().filter(|name| !self.search.contains(name)).map(|name| (name.clone(), true)),
        );
        if self.split.is_empty() {
            domains.push((".".to_owned(), true));
        }
        domains
    }

    /// The text of a `resolv.conf`; `original` gives the options to keep.
    pub fn resolv_conf(&self, original: &str) -> String {
        let mut text = format!("{MARKER}\n");
        // Writing into a string cannot fail.
        for server in self.servers.iter().take(MAX_SERVERS) {
            let _ = writeln!(text, "nameserver {server}");
        }
        let mut search = self.search.clone();
        search.extend(self.split.iter().filter(|name| !self.search.contains(name)).cloned());
        if !search.is_empty() {
            let _ = writeln!(text, "search {}", search.join(" "));
        }
        for line in original.lines() {
            if matches!(line.split_whitespace().next(), Some("options" | "sortlist")) {
                let _ = writeln!(text, "{}", line.trim());
            }
        }
        text
    }
}

/// Whether `content` is a `resolv.conf` of ours.
pub fn is_ours(content: &[u8], marker: &str) -> bool {
    content.split(|byte| *byte == b'\n').next().is_some_and(|first| first == marker.as_bytes())
}

/// A domain name in lower case without the final dot, or nothing.
fn domain(name: &str) -> Option<String> {
    let name = name.trim().trim_start_matches("*.").trim_matches('.');
    let labels_are_fine = name.split('.').all(|label| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    });
    (name.len() <= 253 && labels_are_fine).then(|| name.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(search: &[&str], split: &[&str]) -> DnsWish {
        let text = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        DnsWish::of(&TunnelConfig {
            dns_servers: ["10.0.0.53", "fd00::53", "10.0.0.54", "10.0.0.55"]
                .map(|s| s.parse().unwrap())
                .to_vec(),
            search_domains: text(search),
            split_dns: text(split),
            ..TunnelConfig::default()
        })
        .unwrap()
    }

    #[test]
    fn without_servers_nothing_is_touched() {
        assert_eq!(DnsWish::of(&TunnelConfig::default()), None);
    }

    #[test]
    fn a_resolv_conf_names_three_servers_and_keeps_the_options() {
        let text = wish(&["corp.example"], &["lab.example", "corp.example"])
            .resolv_conf("nameserver 192.168.1.1\nsearch home\n options edns0 trust-ad\n");
        assert_eq!(
            text,
            format!(
                "{MARKER}\nnameserver 10.0.0.53\nnameserver fd00::53\nnameserver 10.0.0.54\n\
                 search corp.example lab.example\noptions edns0 trust-ad\n"
            )
        );
        assert!(is_ours(text.as_bytes(), MARKER));
        assert!(!is_ours(b"nameserver 192.168.1.1\n", MARKER));
        assert!(!is_ours(b"", MARKER));
    }

    #[test]
    fn without_split_domains_every_name_is_asked_inside() {
        assert_eq!(
            wish(&["corp.example"], &[]).resolved_domains(),
            [("corp.example".to_owned(), false), (".".to_owned(), true)]
        );
        assert_eq!(
            wish(&["corp.example"], &["lab.example", "corp.example"]).resolved_domains(),
            [("corp.example".to_owned(), false), ("lab.example".to_owned(), true)]
        );
    }

    #[test]
    fn a_peer_cannot_write_lines_into_the_file() {
        let wish = wish(&["a\nnameserver 6.6.6.6", "x y", "", "*.Ok.Example.", "a..b"], &[]);
        assert_eq!(wish.search, ["ok.example"]);
    }
}
