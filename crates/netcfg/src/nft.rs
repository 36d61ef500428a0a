//! The gateway's nftables rules as text; see [`crate::Forwarding`].

use std::fmt::Write as _;

use ipnet::IpNet;

use crate::ForwardingSettings;

/// The table's name.
pub(crate) fn table_name(id: &str) -> String {
    format!("praya_{id}")
}

/// A transaction that puts the table in place of an earlier one.
///
/// Forwarded packets of the tunnel are accepted, and TCP's segment size is bound to what the way out carries, so
/// that a smaller MTU behind the gateway does not stall connections whose "too big" messages are filtered away.
///
/// # Errors
/// A name that nft would read as something else, in English.
pub(crate) fn table(settings: &ForwardingSettings) -> Result<String, String> {
    let ForwardingSettings { id, tun, pools: _, masquerade } = settings;
    let plain = |text: &str, max: usize, also: &[u8]| {
        (1..=max).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || also.contains(&byte))
    };
    if !plain(id, 32, b"_") {
        return Err(format!("`{id}` cannot be part of a table's name (letters, digits and `_`, at most 32)"));
    }
    if !plain(tun, 15, b"_-.") {
        return Err(format!("`{tun}` is not an interface's name"));
    }
    let name = table_name(id);
    let mut text = format!("add table inet {name}\ndelete table inet {name}\ntable inet {name} {{\n");
    // Writing into a string cannot fail.
    let _ = write!(
        text,
        "\tchain forward {{\n\
         \t\ttype filter hook forward priority filter; policy accept;\n\
         \t\tiifname \"{tun}\" tcp flags syn tcp option maxseg size set rt mtu\n\
         \t\toifname \"{tun}\" tcp flags syn tcp option maxseg size set rt mtu\n\
         \t\tiifname \"{tun}\" accept\n\
         \t\toifname \"{tun}\" accept\n\
         \t}}\n"
    );
    if !masquerade.is_empty() {
        let _ = write!(
            text,
            "\tchain postrouting {{\n\t\ttype nat hook postrouting priority srcnat; policy accept;\n"
        );
        for net in masquerade {
            let (family, net) = match net.trunc() {
                IpNet::V4(net) => ("ip", net.to_string()),
                IpNet::V6(net) => ("ip6", net.to_string()),
            };
            let _ = writeln!(text, "\t\t{family} saddr {net} oifname != \"{tun}\" masquerade");
        }
        text.push_str("\t}\n");
    }
    text.push_str("}\n");
    Ok(text)
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
        let text = table(&settings()).unwrap();
        assert!(text.starts_with("add table inet praya_demo\ndelete table inet praya_demo\n"));
        assert!(text.contains("ip saddr 10.9.0.0/24 oifname != \"praya0\" masquerade\n"));
        assert!(text.contains("ip6 saddr fd00:9::/64 oifname != \"praya0\" masquerade\n"));
        let without = table(&ForwardingSettings { masquerade: Vec::new(), ..settings() }).unwrap();
        assert!(!without.contains("nat"));
    }

    #[test]
    fn names_cannot_smuggle_rules_in() {
        for id in ["", "a b", "a;b", "x\n", "{", "ü"] {
            assert!(table(&ForwardingSettings { id: id.into(), ..settings() }).is_err(), "{id}");
        }
        for tun in ["", "praya\"", "a b", "sixteen-letters-"] {
            assert!(table(&ForwardingSettings { tun: tun.into(), ..settings() }).is_err(), "{tun}");
        }
    }
}
