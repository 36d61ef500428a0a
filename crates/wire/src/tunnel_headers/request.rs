//! CONNECT: the client's side writes it, the gateway's side reads it.

use std::net::IpAddr;

use praya_model::Secret;
use praya_model::api::{PROOF_HEADER, SUPER_PACKETS, SUPER_PACKETS_HEADER};

use super::datagrams::{parse_offer, push_offer};
use super::value::{interface, one_line, size, token};
use super::{COOKIE_NAME, ConnectRequest, TUNNEL_PATH, TunnelHeaderError};
use crate::http::RequestHead;

/// How many earlier addresses are taken from a client.
const MAX_PREVIOUS: usize = 4;
/// Some Cisco gateways insist on it.
const CISCO_PROTOCOL: &str = "Copyright (c) 2004 Cisco Systems, Inc.";

/// Reads a client's CONNECT. Everything but the target is optional; what makes no sense counts as absent.
///
/// # Errors
/// [`TunnelHeaderError::NotATunnel`] for another method or target.
pub fn parse_connect_request(head: &RequestHead) -> Result<ConnectRequest, TunnelHeaderError> {
    if head.method != "CONNECT" || head.target != TUNNEL_PATH {
        return Err(TunnelHeaderError::NotATunnel);
    }
    let headers = &head.headers;
    let text = |name| headers.get(name).and_then(one_line);
    let number = |name| headers.get(name).and_then(size);
    let families = headers.get("X-CSTP-Address-Type").unwrap_or("IPv4");
    let takes = |family: &str| families.split(',').any(|one| one.trim().eq_ignore_ascii_case(family));
    let ipv6 = takes("IPv6");
    let previous = headers.all("X-CSTP-Address").chain(headers.all("X-CSTP-Address-IP6"));
    Ok(ConnectRequest {
        host: text("Host").unwrap_or_default(),
        user_agent: text("User-Agent").unwrap_or_default(),
        cookie: headers.cookie(COOKIE_NAME).and_then(token).map(Secret::new),
        host_name: text("X-CSTP-Hostname"),
        base_mtu: number("X-CSTP-Base-MTU"),
        mtu: number("X-CSTP-MTU"),
        // A client that names no family that exists is as old as one that names none.
        ipv4: takes("IPv4") || !ipv6,
        ipv6,
        full_ipv6: headers.get("X-CSTP-Full-IPv6-Capability").is_some_and(|v| v.eq_ignore_ascii_case("true")),
        previous: previous.filter_map(interface).map(|net| net.addr()).take(MAX_PREVIOUS).collect(),
        proof: headers.get(PROOF_HEADER).and_then(token).map(str::to_owned),
        super_packets: headers.get(SUPER_PACKETS_HEADER) == Some(SUPER_PACKETS),
        datagrams: parse_offer(headers),
    })
}

/// Writes the CONNECT of Praya's client. Compression is not asked for.
pub fn write_connect_request(request: &ConnectRequest) -> RequestHead {
    let mut head = RequestHead::new("CONNECT", TUNNEL_PATH);
    let mut push = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            head.headers.push(name, value);
        }
    };
    let number = |value: Option<u16>| value.map(|value| value.to_string());
    let families = match (request.ipv6, request.ipv4) {
        (true, true) => "IPv6,IPv4",
        (true, false) => "IPv6",
        (false, _) => "IPv4",
    };
    push("Host", one_line(&request.host));
    push("User-Agent", one_line(&request.user_agent));
    let cookie = request.cookie.as_ref().and_then(|cookie| token(cookie.expose()));
    push("Cookie", cookie.map(|cookie| format!("{COOKIE_NAME}={cookie}")));
    push("X-CSTP-Version", Some("1".to_owned()));
    push("X-CSTP-Protocol", Some(CISCO_PROTOCOL.to_owned()));
    push("X-CSTP-Hostname", request.host_name.as_deref().and_then(one_line));
    push("X-CSTP-Base-MTU", number(request.base_mtu));
    push("X-CSTP-MTU", number(request.mtu));
    push("X-CSTP-Address-Type", Some(families.to_owned()));
    push("X-CSTP-Full-IPv6-Capability", request.full_ipv6.then(|| "true".to_owned()));
    for address in &request.previous {
        push("X-CSTP-Address", Some(IpAddr::to_string(address)));
    }
    push(PROOF_HEADER, request.proof.as_deref().and_then(token).map(str::to_owned));
    push(SUPER_PACKETS_HEADER, request.super_packets.then(|| SUPER_PACKETS.to_owned()));
    push_offer(&mut head.headers, &request.datagrams);
    head
}
