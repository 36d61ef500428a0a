//! The gateway's nftables rules as text; see [`crate::Forwarding`].

use std::fmt::Write as _;

use ipnet::IpNet;

use crate::ForwardingSettings;

/// The table's name.
pub(crate) fn table_name(id: &str) -> String {
    format!("praya_{id}")
}

/// A family that only this gateway lets the machine forward: what is not the tunnel's is dropped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Closed {
    pub(crate) ipv6: bool,
    /// Interfaces that forwarded what came in on them before; that is not ours to stop.
    pub(crate) except: Vec<String>,
}

/// Whether the settings can be written as rules.
///
/// # Errors
/// A name that nft would read as something else, in English.
pub(crate) fn check(settings: &ForwardingSettings) -> Result<(), String> {
    let ForwardingSettings { id, tun, .. } = settings;
    if !is_plain(id, 32, b"_") {
        return Err(format!("`{id}` cannot be part of a table's name (letters, digits and `_`, at most 32)"));
    }
    if !is_interface(tun) {
        return Err(format!("`{tun}` is not an interface's name"));
    }
    Ok(())
}

fn is_interface(name: &str) -> bool {
    is_plain(name, 15, b"_-.")
}

fn is_plain(text: &str, max: usize, also: &[u8]) -> bool {
    (1..=max).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || also.contains(&byte))
}

/// A transaction that puts the table in place of an earlier one. `settings` are [`check`]ed.
///
/// - A client's address comes from the tunnel or from nowhere: forged ones are dropped before anything else sees
///   them. This is also why an address of the pool is reason enough to translate it on the way out; the interface
///   that a packet came in on is not known there before Linux 5.7.
/// - Forwarded packets of the tunnel are accepted, and TCP's segment size is bound to what the way out carries, so
///   that a smaller MTU behind the gateway does not stall connections whose "too big" messages are filtered away.
/// - Where clients are hidden behind the gateway's address, nobody outside may begin to talk to them. Elsewhere the
///   gateway's own filter decides that, packet by packet.
/// - Of a `closed` family nothing else is forwarded.
pub(crate) fn table(settings: &ForwardingSettings, closed: &[Closed]) -> String {
    let ForwardingSettings { id, tun, pools, masquerade } = settings;
    let name = table_name(id);
    let mut text = format!("add table inet {name}\ndelete table inet {name}\ntable inet {name} {{\n");
    text.push_str("\tchain prerouting {\n\t\ttype filter hook prerouting priority raw; policy accept;\n");
    for pool in pools {
        let (family, pool) = family(*pool);
        // Writing into a string cannot fail.
        let _ = writeln!(text, "\t\tiifname != {{ \"{tun}\", \"lo\" }} {family} saddr {pool} drop");
    }
    let _ = write!(
        text,
        "\t}}\n\
         \tchain forward {{\n\
         \t\ttype filter hook forward priority filter; policy accept;\n\
         \t\tiifname \"{tun}\" tcp flags syn tcp option maxseg size set rt mtu\n\
         \t\toifname \"{tun}\" tcp flags syn tcp option maxseg size set rt mtu\n\
         \t\tiifname \"{tun}\" accept\n"
    );
    for net in masquerade {
        let (family, net) = family(*net);
        let _ =
            writeln!(text, "\t\toifname \"{tun}\" {family} daddr {net} ct state new,invalid,untracked drop");
    }
    let _ = writeln!(text, "\t\toifname \"{tun}\" accept");
    for Closed { ipv6, except } in closed {
        let family = if *ipv6 { "ipv6" } else { "ipv4" };
        // An interface that nft cannot name is closed too.
        for interface in except.iter().filter(|name| is_interface(name)) {
            let _ = writeln!(text, "\t\tmeta nfproto {family} iifname \"{interface}\" accept");
        }
        let _ = writeln!(text, "\t\tmeta nfproto {family} drop");
    }
    text.push_str("\t}\n");
    if !masquerade.is_empty() {
        text.push_str(
            "\tchain postrouting {\n\t\ttype nat hook postrouting priority srcnat; policy accept;\n",
        );
        for net in masquerade {
            let (family, net) = family(*net);
            let _ = writeln!(text, "\t\t{family} saddr {net} oifname != \"{tun}\" masquerade");
        }
        text.push_str("\t}\n");
    }
    text.push_str("}\n");
    text
}

fn family(net: IpNet) -> (&'static str, IpNet) {
    (if net.addr().is_ipv4() { "ip" } else { "ip6" }, net.trunc())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> ForwardingSettings {
        ForwardingSettings {
            id: "demo".into(),
            tun: "praya0".into(),
            pools: vec!["10.9.0.0/24".parse().unwrap(), "fd00:9::/64".parse().unwrap()],
            masquerade: vec!["10.9.0.1/24".parse().unwrap(), "fd00:9::/64".parse().unwrap()],
        }
    }

    #[test]
    fn pools_are_masqueraded_on_the_way_out_only() {
        let text = table(&settings(), &[]);
        assert!(text.starts_with("add table inet praya_demo\ndelete table inet praya_demo\n"));
        assert!(text.contains("ip saddr 10.9.0.0/24 oifname != \"praya0\" masquerade\n"));
        assert!(text.contains("ip6 saddr fd00:9::/64 oifname != \"praya0\" masquerade\n"));
        let without = table(&ForwardingSettings { masquerade: Vec::new(), ..settings() }, &[]);
        assert!(!without.contains("nat hook") && !without.contains("ct state"), "{without}");
    }

    #[test]
    fn a_closed_family_forwards_the_tunnel_and_what_was_forwarded_before() {
        let open = table(&settings(), &[]);
        assert!(!open.contains("nfproto"), "{open}");
        let except = vec!["eth0".into(), "odd\" accept; #".into()];
        let closed = table(&settings(), &[Closed { ipv6: false, except }]);
        let end = "\t\toifname \"praya0\" accept\n\
                   \t\tmeta nfproto ipv4 iifname \"eth0\" accept\n\
                   \t\tmeta nfproto ipv4 drop\n\t}\n";
        assert!(closed.contains(end), "{closed}");
    }

    #[test]
    fn names_cannot_smuggle_rules_in() {
        assert_eq!(check(&settings()), Ok(()));
        for id in ["", "a b", "a;b", "x\n", "{", "ü"] {
            assert!(check(&ForwardingSettings { id: id.into(), ..settings() }).is_err(), "{id}");
        }
        for tun in ["", "praya\"", "a b", "sixteen-letters-"] {
            assert!(check(&ForwardingSettings { tun: tun.into(), ..settings() }).is_err(), "{tun}");
        }
    }
}
