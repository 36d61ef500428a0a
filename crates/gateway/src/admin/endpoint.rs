//! Destinations as administrators write them: `tcp:10.2.0.1:443`, `udp:10.2.0.0/24:5000-5010`, `icmp:10.2.0.1`,
//! `any:10.3.0.0/16`, `tcp:[fd00::1]:22`, `tcp:[fd00::]/64:80`.

use std::net::IpAddr;

use ipnet::IpNet;
use praya_model::resource::{Endpoint, PortRange, Protocol};

/// The endpoint that `text` names.
///
/// # Errors
/// What is wrong with it, in a sentence that goes on after `text`.
pub fn parse(text: &str) -> Result<Endpoint, String> {
    const FORM: &str =
        "write PROTOCOL:NETWORK[:PORT[-PORT]], such as tcp:10.2.0.1:443, with IPv6 in [brackets]";
    let (protocol, rest) = text.split_once(':').ok_or_else(|| FORM.to_owned())?;
    let protocol = match protocol {
        "any" => Protocol::Any,
        "tcp" => Protocol::Tcp,
        "udp" => Protocol::Udp,
        "icmp" => Protocol::Icmp,
        other => return Err(format!("\"{other}\" is none of any, tcp, udp, icmp; {FORM}")),
    };
    let (net, ports) = match rest.strip_prefix('[') {
        Some(rest) => {
            let (address, rest) = rest.split_once(']').ok_or_else(|| FORM.to_owned())?;
            let (prefix, ports) =
                rest.split_once(':').map_or((rest, None), |(prefix, ports)| (prefix, Some(ports)));
            (format!("{address}{prefix}"), ports)
        }
        None => match rest.split_once(':') {
            Some((_, ports)) if ports.contains(':') => return Err(FORM.to_owned()),
            Some((net, ports)) => (net.to_owned(), Some(ports)),
            None => (rest.to_owned(), None),
        },
    };
    let net = net
        .parse::<IpNet>()
        .or_else(|_| net.parse::<IpAddr>().map(IpNet::from))
        .map_err(|_| format!("\"{net}\" is neither an address nor a network; {FORM}"))?;
    if net != net.trunc() {
        return Err(format!("{net} has host bits set; {} is meant?", net.trunc()));
    }
    let ports = match (protocol, ports) {
        (Protocol::Tcp | Protocol::Udp, Some(ports)) => parse_ports(ports)?,
        (_, None) => PortRange::ALL,
        (Protocol::Any | Protocol::Icmp, Some(_)) => return Err("only tcp and udp have ports".into()),
    };
    Ok(Endpoint { protocol, net, ports })
}

/// The endpoint as [`parse`] reads it.
pub fn format(endpoint: &Endpoint) -> String {
    let protocol = match endpoint.protocol {
        Protocol::Any => "any",
        Protocol::Tcp => "tcp",
        Protocol::Udp => "udp",
        Protocol::Icmp => "icmp",
    };
    let (address, prefix) = (endpoint.net.addr(), endpoint.net.prefix_len());
    let prefix = if prefix == endpoint.net.max_prefix_len() { String::new() } else { format!("/{prefix}") };
    let net = if address.is_ipv6() { format!("[{address}]{prefix}") } else { format!("{address}{prefix}") };
    let PortRange { first, last } = endpoint.ports;
    let has_ports = matches!(endpoint.protocol, Protocol::Tcp | Protocol::Udp);
    match (has_ports && endpoint.ports != PortRange::ALL, first == last) {
        (false, _) => format!("{protocol}:{net}"),
        (true, true) => format!("{protocol}:{net}:{first}"),
        (true, false) => format!("{protocol}:{net}:{first}-{last}"),
    }
}

fn parse_ports(text: &str) -> Result<PortRange, String> {
    let port = |text: &str| {
        text.parse::<u16>().ok().filter(|port| *port > 0).ok_or_else(|| format!("\"{text}\" is no port"))
    };
    let range = match text.split_once('-') {
        Some((first, last)) => PortRange { first: port(first)?, last: port(last)? },
        None => PortRange::one(port(text)?),
    };
    if range.first > range.last {
        Err(format!("the ports {text} are the wrong way round"))
    } else {
        Ok(range)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_written_as_it_is_read() {
        for text in [
            "tcp:10.2.0.1:443",
            "udp:10.2.0.0/24:5000-5010",
            "icmp:10.2.0.1",
            "any:10.3.0.0/16",
            "tcp:[fd00::1]:22",
            "tcp:[fd00::]/64:80",
            "any:[fd00::]/64",
            "tcp:10.2.0.1",
        ] {
            assert_eq!(format(&parse(text).unwrap()), text);
        }
    }

    #[test]
    fn a_wrong_endpoint_says_what_is_wrong() {
        for (text, expected) in [
            ("10.2.0.1", "write PROTOCOL"),
            ("sctp:10.2.0.1", "none of any, tcp, udp, icmp"),
            ("tcp:wiki:80", "neither an address nor a network"),
            ("tcp:10.2.0.1/24:80", "10.2.0.0/24 is meant"),
            ("tcp:10.2.0.1:0", "no port"),
            ("tcp:10.2.0.1:90-80", "wrong way round"),
            ("icmp:10.2.0.1:80", "only tcp and udp"),
            ("tcp:fd00::1:80", "brackets"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
