//! The reply to CONNECT: the gateway's side writes it, the client's side reads it.

use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;
use praya_model::api::{COOKIE_HEADER, SESSION_HEADER, SUPER_PACKETS, SUPER_PACKETS_HEADER};
use praya_model::tunnel::Rekey;
use praya_model::{Secret, SessionId, TunnelConfig};

use super::datagrams::{AnswerReader, push_answer};
use super::value::{domains, interface, is_domain, network, one_line, seconds, size, token, write_seconds};
use super::{ConnectReply, ConnectRequest, MAX_LIST, MIN_IPV6_MTU, MIN_MTU, TunnelHeaderError};
use crate::http::{Headers, ResponseHead};

/// Writes the reply to a client that asked as in `request`.
///
/// A family that the client does not take is left out, and IPv6 altogether below [`MIN_IPV6_MTU`]. Stock clients
/// read "no networks of this family" as "everything of this family"; when `include` names networks of the other
/// family only, the client's own address stands in for the empty list.
pub fn write_connect_reply(reply: &ConnectReply, request: &ConnectRequest) -> ResponseHead {
    let config = &reply.config;
    let ipv6 = request.ipv6 && config.mtu >= MIN_IPV6_MTU;
    let takes = |address: &IpAddr| if address.is_ipv6() { ipv6 } else { request.ipv4 };
    let mut head = ResponseHead::new(200, "CONNECTED");
    let out = &mut head.headers;

    out.push("X-CSTP-Version", "1");
    push_text(out, "X-CSTP-Server-Name", reply.server_name.as_deref());
    push_text(out, "X-CSTP-Hostname", reply.host_name.as_deref());
    let addresses: Vec<IpNet> = config.addresses.iter().copied().filter(|net| takes(&net.addr())).collect();
    for address in &addresses {
        push_address(out, address, request.full_ipv6);
    }
    for server in config.dns_servers.iter().filter(|server| takes(server)) {
        let cisco = server.is_ipv6() && is_cisco(&request.user_agent);
        out.push(if cisco { "X-CSTP-DNS-IP6" } else { "X-CSTP-DNS" }, server.to_string());
    }
    let search: Vec<&str> =
        config.search_domains.iter().map(String::as_str).filter(|d| is_domain(d)).collect();
    if !search.is_empty() {
        out.push("X-CSTP-Default-Domain", search.join(" "));
    }
    for domain in config.split_dns.iter().filter(|domain| is_domain(domain)) {
        out.push("X-CSTP-Split-DNS", domain);
    }
    push_routes(out, config, &addresses, takes);
    let all_dns = !config.dns_servers.is_empty() && config.split_dns.is_empty();
    out.push("X-CSTP-Tunnel-All-DNS", if all_dns { "true" } else { "false" });
    out.push("X-CSTP-Client-Bypass-Protocol", "false");
    out.push("X-CSTP-Keepalive", write_seconds(config.keepalive));
    out.push("X-CSTP-DPD", write_seconds(config.dpd));
    out.push("X-CSTP-Idle-Timeout", timeout(config.idle_timeout));
    out.push("X-CSTP-Disconnected-Timeout", timeout(config.disconnected_timeout));
    out.push("X-CSTP-Session-Timeout", timeout(config.session_timeout));
    if let Some(left) = config.session_timeout {
        out.push("X-CSTP-Session-Timeout-Remaining", timeout(Some(left)));
        out.push("X-CSTP-Lease-Duration", timeout(Some(left)));
    }
    push_rekey(out, config.rekey);
    if let Some(base) = reply.base_mtu {
        out.push("X-CSTP-Base-MTU", base.to_string());
    }
    out.push("X-CSTP-MTU", config.mtu.to_string());
    push_text(out, "X-CSTP-Banner", config.banner.as_deref());
    out.push("X-CSTP-Smartcard-Removal-Disconnect", "true");
    out.push("X-CSTP-Keep", "true");
    out.push("X-CSTP-TCP-Keepalive", "true");
    out.push("X-CSTP-License", "accept");
    if let Some(session) = reply.session.as_ref().and_then(|session| token(session.as_str())) {
        out.push(SESSION_HEADER, session);
    }
    if let Some(cookie) = reply.cookie.as_ref().and_then(|cookie| token(cookie.expose())) {
        out.push(COOKIE_HEADER, cookie);
    }
    if reply.super_packets && request.super_packets {
        out.push(SUPER_PACKETS_HEADER, SUPER_PACKETS);
    }
    if let Some(answer) = &reply.datagrams {
        push_answer(out, answer, &request.datagrams);
    }
    head
}

/// The reply that opens no tunnel: 401 for a dead cookie and for nothing else, 503 with `reason` for the rest.
pub fn write_connect_refusal(status: u16, reason: Option<&str>) -> ResponseHead {
    let phrase = if status == 401 { "Unauthorized" } else { "Service Unavailable" };
    let mut head = ResponseHead::new(status, phrase);
    push_text(&mut head.headers, "X-Reason", reason);
    head.headers.push("Content-Length", "0");
    head.headers.push("Connection", "close");
    head
}

/// Reads the reply of Praya's, ocserv's or a Cisco gateway.
///
/// Values that make no sense are left out and named in [`ConnectReply::ignored`]; without an address and an MTU there
/// is no tunnel.
///
/// # Errors
/// See [`TunnelHeaderError`].
pub fn parse_connect_reply(head: &ResponseHead) -> Result<ConnectReply, TunnelHeaderError> {
    if head.status != 200 {
        let reason = head.headers.get("X-Reason").and_then(one_line);
        return Err(TunnelHeaderError::Refused { status: head.status, reason });
    }
    let mut reader = Reader::default();
    for (name, value) in head.headers.iter() {
        if reader.take(&name.to_ascii_lowercase(), value.trim()).is_none() {
            reader.reply.ignored.push(name.to_owned());
        }
    }
    reader.finish()
}

/// What has been read so far: the reply, and values that only make sense together.
#[derive(Default)]
struct Reader {
    reply: ConnectReply,
    ipv4: Option<IpNet>,
    ipv6: Option<IpNet>,
    /// From a second `X-CSTP-Address`; its prefix stands in a netmask.
    short_ipv6: Option<IpNet>,
    netmask: Option<IpNet>,
    netmask_ipv6: Option<IpNet>,
    mtu: Option<u16>,
    session_timeout: Option<Duration>,
    session_remaining: Option<Duration>,
    lease: Option<Duration>,
    rekey_method: Option<String>,
    rekey_every: Option<Duration>,
    tunnel_all_dns: bool,
    datagrams: AnswerReader,
}

impl Reader {
    /// Takes one header; `None` when its value makes no sense.
    fn take(&mut self, name: &str, value: &str) -> Option<()> {
        let config = &mut self.reply.config;
        match name {
            "x-cstp-address" => match interface(value)? {
                net @ IpNet::V4(_) => keep_first(&mut self.ipv4, net),
                net @ IpNet::V6(_) => keep_first(&mut self.short_ipv6, net),
            },
            "x-cstp-address-ip6" => match interface(value)? {
                IpNet::V4(_) => return None,
                net @ IpNet::V6(_) => keep_first(&mut self.ipv6, net),
            },
            "x-cstp-netmask" if value.contains(':') => self.netmask_ipv6 = Some(interface(value)?),
            "x-cstp-netmask" => {
                let mask: IpAddr = value.parse().ok()?;
                self.netmask = Some(IpNet::with_netmask([0, 0, 0, 0].into(), mask).ok()?);
            }
            "x-cstp-dns" | "x-cstp-dns-ip6" => push_new(&mut config.dns_servers, value.parse().ok()?)?,
            "x-cstp-default-domain" => {
                for domain in domains(value) {
                    push_new(&mut config.search_domains, domain.to_owned())?;
                }
            }
            "x-cstp-split-dns" => {
                for domain in domains(value) {
                    push_new(&mut config.split_dns, domain.to_owned())?;
                }
            }
            "x-cstp-split-include" => push_new(&mut config.include, network(value, false)?)?,
            "x-cstp-split-include-ip6" => push_new(&mut config.include, network(value, true)?)?,
            // Cisco's way to say "the local network, whatever it is"; it is no route.
            "x-cstp-split-exclude" if value == "0.0.0.0/255.255.255.255" => return None,
            "x-cstp-split-exclude" => push_new(&mut config.exclude, network(value, false)?)?,
            "x-cstp-split-exclude-ip6" => push_new(&mut config.exclude, network(value, true)?)?,
            "x-cstp-tunnel-all-dns" => self.tunnel_all_dns = value.eq_ignore_ascii_case("true"),
            "x-cstp-keepalive" => config.keepalive = seconds(value)?,
            "x-cstp-dpd" => config.dpd = seconds(value)?,
            "x-cstp-idle-timeout" => config.idle_timeout = some_time(value)?,
            "x-cstp-disconnected-timeout" => config.disconnected_timeout = some_time(value)?,
            "x-cstp-session-timeout" => self.session_timeout = some_time(value)?,
            "x-cstp-session-timeout-remaining" => self.session_remaining = some_time(value)?,
            "x-cstp-lease-duration" => self.lease = some_time(value)?,
            "x-cstp-rekey-method" => self.rekey_method = Some(value.to_ascii_lowercase()),
            "x-cstp-rekey-time" => self.rekey_every = some_time(value)?,
            "x-cstp-base-mtu" => self.reply.base_mtu = Some(size(value)?),
            "x-cstp-mtu" => self.mtu = Some(size(value).filter(|mtu| *mtu >= MIN_MTU)?),
            "x-cstp-banner" => config.banner = one_line(value),
            "x-cstp-server-name" => self.reply.server_name = one_line(value),
            "x-cstp-hostname" => self.reply.host_name = one_line(value),
            _ if name.eq_ignore_ascii_case(SESSION_HEADER) => {
                self.reply.session = Some(SessionId::new(token(value)?));
            }
            _ if name.eq_ignore_ascii_case(COOKIE_HEADER) => {
                self.reply.cookie = Some(Secret::new(token(value)?))
            }
            _ if name.eq_ignore_ascii_case(SUPER_PACKETS_HEADER) => {
                self.reply.super_packets = value == SUPER_PACKETS;
            }
            _ => self.datagrams.take(name, value)?,
        }
        Some(())
    }

    fn finish(self) -> Result<ConnectReply, TunnelHeaderError> {
        let mut reply = self.reply;
        reply.datagrams = self.datagrams.finish();
        let ipv4 = self.ipv4.map(|net| with_prefix_of(net, self.netmask));
        let ipv6 = self.ipv6.or_else(|| {
            let address = self.short_ipv6.or(self.netmask_ipv6)?;
            Some(with_prefix_of(address, self.netmask_ipv6))
        });
        reply.config.addresses = [ipv4, ipv6].into_iter().flatten().collect();
        if reply.config.addresses.is_empty() {
            return Err(TunnelHeaderError::NoAddress);
        }
        reply.config.mtu = self.mtu.ok_or(TunnelHeaderError::NoMtu)?;
        let nearest = [self.session_timeout, self.lease].into_iter().flatten().min();
        reply.config.session_timeout = self.session_remaining.or(nearest);
        reply.config.rekey = match (self.rekey_method.as_deref(), self.rekey_every) {
            (Some("ssl"), Some(every)) => Rekey::Tls { every },
            (Some("new-tunnel"), Some(every)) => Rekey::NewTunnel { every },
            _ => Rekey::None,
        };
        if self.tunnel_all_dns {
            reply.config.split_dns.clear();
        }
        Ok(reply)
    }
}

/// An address with the prefix length of `mask`, unless it has one of its own.
fn with_prefix_of(address: IpNet, mask: Option<IpNet>) -> IpNet {
    let is_host = address.prefix_len() == address.max_prefix_len();
    mask.filter(|_| is_host)
        .and_then(|mask| IpNet::new(address.addr(), mask.prefix_len()).ok())
        .unwrap_or(address)
}

fn keep_first(slot: &mut Option<IpNet>, net: IpNet) {
    slot.get_or_insert(net);
}

/// Appends what is not there yet; `None` when the list is full.
fn push_new<T: PartialEq>(list: &mut Vec<T>, item: T) -> Option<()> {
    if !list.contains(&item) {
        if list.len() >= MAX_LIST {
            return None;
        }
        list.push(item);
    }
    Some(())
}

/// `Some(None)` for "never".
fn some_time(value: &str) -> Option<Option<Duration>> {
    seconds(value).map(|time| Some(time).filter(|time| !time.is_zero()))
}

fn timeout(time: Option<Duration>) -> String {
    time.map_or_else(|| "none".to_owned(), write_seconds)
}

/// Real Cisco clients take IPv6 name servers under a name of their own; openconnect says so when it plays one.
fn is_cisco(user_agent: &str) -> bool {
    let plays = user_agent.starts_with("AnyConnect-compatible OpenConnect");
    !plays && (user_agent.starts_with("AnyConnect") || user_agent.starts_with("Cisco AnyConnect"))
}

fn push_text(out: &mut Headers, name: &str, text: Option<&str>) {
    if let Some(text) = text.and_then(one_line) {
        out.push(name, text);
    }
}

fn push_address(out: &mut Headers, address: &IpNet, full_ipv6: bool) {
    match address {
        IpNet::V4(net) => {
            out.push("X-CSTP-Address", net.addr().to_string());
            out.push("X-CSTP-Netmask", net.netmask().to_string());
        }
        IpNet::V6(net) if full_ipv6 => out.push("X-CSTP-Address-IP6", net.to_string()),
        IpNet::V6(net) => {
            out.push("X-CSTP-Address", net.addr().to_string());
            out.push("X-CSTP-Netmask", net.to_string());
        }
    }
}

fn push_routes(
    out: &mut Headers,
    config: &TunnelConfig,
    addresses: &[IpNet],
    takes: impl Fn(&IpAddr) -> bool,
) {
    let routes = |nets: &[IpNet]| -> Vec<IpNet> {
        nets.iter().map(IpNet::trunc).filter(|net| takes(&net.addr())).collect()
    };
    let mut include = routes(&config.include);
    if !config.include.is_empty() {
        for address in addresses {
            let own = address.addr();
            if !include.iter().any(|net| net.addr().is_ipv6() == own.is_ipv6()) {
                include.push(own.into());
            }
        }
    }
    for net in include {
        push_route(out, "X-CSTP-Split-Include", &net);
    }
    for net in routes(&config.exclude) {
        push_route(out, "X-CSTP-Split-Exclude", &net);
    }
}

fn push_route(out: &mut Headers, name: &str, net: &IpNet) {
    match net {
        IpNet::V4(net) => out.push(name, format!("{}/{}", net.addr(), net.netmask())),
        IpNet::V6(net) => out.push(format!("{name}-IP6"), net.to_string()),
    }
}

fn push_rekey(out: &mut Headers, rekey: Rekey) {
    let (method, every) = match rekey {
        Rekey::None => ("none", None),
        Rekey::NewTunnel { every } => ("new-tunnel", Some(every)),
        Rekey::Tls { every } => ("ssl", Some(every)),
    };
    if let Some(every) = every {
        out.push("X-CSTP-Rekey-Time", write_seconds(every));
    }
    out.push("X-CSTP-Rekey-Method", method);
}

#[cfg(test)]
#[path = "reply/tests.rs"]
mod tests;
