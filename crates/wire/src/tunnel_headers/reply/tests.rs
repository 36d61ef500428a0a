//! Replies as ocserv sends them, and ours as openconnect needs them.

use proptest::prelude::*;

use super::*;
use crate::http::{parse_request, parse_response, write_response};
use crate::tunnel_headers::datagrams::{
    DatagramAnswer, DatagramKey, DatagramOffer, LegacyOffer, LegacySuite, MasterSecret,
};
use crate::tunnel_headers::{parse_connect_request, write_connect_request};

const OCSERV: &[u8] = b"HTTP/1.1 200 CONNECTED\r\n\
X-CSTP-Version: 1\r\nX-CSTP-Server-Name: ocserv 1.1.6\r\nX-CSTP-Hostname: vm\r\nX-CSTP-DPD: 30\r\n\
X-CSTP-Default-Domain: lab.example corp.example\r\n\
X-CSTP-Address: 192.168.77.50\r\nX-CSTP-Netmask: 255.255.255.0\r\nX-CSTP-Address-IP6: fd77::9a7c/128\r\n\
X-CSTP-DNS: 172.31.0.53\r\nX-CSTP-DNS: fd00::53\r\nX-CSTP-Split-DNS: lab.example\r\n\
X-CSTP-Tunnel-All-DNS: false\r\nX-CSTP-Split-Include: 172.31.0.0/255.255.255.0\r\n\
X-CSTP-Split-Include: 10.1.2.3/8\r\nX-CSTP-Split-Include-IP6: fd00::/64\r\n\
X-CSTP-Split-Exclude: 172.31.9.0/255.255.255.0\r\nX-CSTP-Split-Exclude: 0.0.0.0/255.255.255.255\r\n\
X-CSTP-Keepalive: 32400\r\nX-CSTP-Idle-Timeout: none\r\nX-CSTP-Smartcard-Removal-Disconnect: true\r\n\
X-CSTP-Rekey-Time: 172778\r\nX-CSTP-Rekey-Method: ssl\r\nX-CSTP-Session-Timeout: none\r\n\
X-CSTP-Disconnected-Timeout: 0\r\nX-CSTP-Keep: true\r\nX-CSTP-TCP-Keepalive: true\r\nX-CSTP-License: accept\r\n\
X-DTLS-App-ID: 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\r\n\
X-DTLS-DPD: 30\r\nX-DTLS-Port: 443\r\nX-DTLS-Rekey-Time: 172788\r\nX-DTLS-Rekey-Method: ssl\r\n\
X-DTLS-Keepalive: 32400\r\nX-DTLS-CipherSuite: PSK-NEGOTIATE\r\nX-CSTP-Base-MTU: 1500\r\nX-CSTP-MTU: 1434\r\n\r\n";

const APP_ID: [u8; 32] = {
    let mut id = [0; 32];
    let mut at = 0;
    while at < 32 {
        id[at] = 0x11 * (at % 16) as u8;
        at += 1;
    }
    id
};

fn nets(list: &[&str]) -> Vec<IpNet> {
    list.iter().map(|net| net.parse().unwrap()).collect()
}

fn parse(lines: &str) -> Result<ConnectReply, TunnelHeaderError> {
    let text = format!("HTTP/1.1 200 CONNECTED\r\n{}\r\n\r\n", lines.trim().replace('\n', "\r\n"));
    parse_connect_reply(&parse_response(text.as_bytes()).unwrap().unwrap().0)
}

fn ours() -> ConnectReply {
    ConnectReply {
        config: TunnelConfig {
            addresses: nets(&["10.9.0.5/24", "fd77::5/64"]),
            mtu: 1406,
            include: nets(&["172.31.0.0/16", "fd00::/64"]),
            exclude: nets(&["172.31.9.0/24"]),
            dns_servers: vec!["172.31.0.53".parse().unwrap(), "fd00::53".parse().unwrap()],
            split_dns: vec!["lab.example".into()],
            search_domains: vec!["lab.example".into(), "corp.example".into()],
            dpd: Duration::from_secs(30),
            keepalive: Duration::from_secs(20),
            rekey: Rekey::NewTunnel { every: Duration::from_secs(86_400) },
            idle_timeout: Some(Duration::from_secs(300)),
            session_timeout: Some(Duration::from_millis(28_799_100)),
            disconnected_timeout: None,
            banner: Some("Welcome\nto the lab".into()),
        },
        server_name: Some("Praya".into()),
        host_name: Some("gw".into()),
        base_mtu: Some(1500),
        session: Some(SessionId::new("s-1")),
        cookie: Some(Secret::new("next-cookie")),
        super_packets: true,
        datagrams: Some(DatagramAnswer {
            port: 443,
            key: DatagramKey::Psk { app_id: APP_ID },
            dpd: Duration::from_secs(30),
            keepalive: Duration::from_secs(20),
            rekey: Rekey::None,
            mtu: None,
        }),
        ignored: Vec::new(),
    }
}

#[test]
fn ocservs_reply_is_read() {
    let reply = parse_connect_reply(&parse_response(OCSERV).unwrap().unwrap().0).unwrap();
    let config = reply.config;
    assert_eq!(config.addresses, nets(&["192.168.77.50/24", "fd77::9a7c/128"]));
    assert_eq!((config.mtu, reply.base_mtu), (1434, Some(1500)));
    assert_eq!(config.include, nets(&["172.31.0.0/24", "10.0.0.0/8", "fd00::/64"]));
    assert_eq!(config.exclude, nets(&["172.31.9.0/24"]));
    assert_eq!(config.dns_servers.len(), 2);
    assert_eq!(config.search_domains, ["lab.example", "corp.example"]);
    assert_eq!(config.split_dns, ["lab.example"]);
    assert_eq!((config.dpd, config.keepalive), (Duration::from_secs(30), Duration::from_secs(32_400)));
    assert_eq!(
        (config.idle_timeout, config.session_timeout, config.disconnected_timeout),
        (None, None, None)
    );
    assert_eq!(config.rekey, Rekey::Tls { every: Duration::from_secs(172_778) });
    assert_eq!(reply.server_name.as_deref(), Some("ocserv 1.1.6"));
    assert_eq!(reply.ignored, ["X-CSTP-Split-Exclude"]);
    assert!(!reply.super_packets);
    assert_eq!(
        reply.datagrams,
        Some(DatagramAnswer {
            port: 443,
            key: DatagramKey::Psk { app_id: APP_ID },
            dpd: Duration::from_secs(30),
            keepalive: Duration::from_secs(32_400),
            rekey: Rekey::Tls { every: Duration::from_secs(172_788) },
            mtu: None,
        })
    );
}

#[test]
fn a_cisco_gateways_legacy_channel_is_read() {
    let reply = parse(&format!(
        "X-CSTP-Address: 10.0.0.2\nX-CSTP-MTU: 1300\nX-DTLS-Session-ID: {}\nX-DTLS-Port: 8443\n\
         X-DTLS-DPD: 30\nX-DTLS-MTU: 1434\nX-DTLS12-CipherSuite: AES256-GCM-SHA384",
        "AB".repeat(32)
    ))
    .unwrap();
    assert_eq!(
        reply.datagrams,
        Some(DatagramAnswer {
            port: 8443,
            key: DatagramKey::Legacy { session_id: [0xab; 32], suite: LegacySuite::RsaAes256Gcm },
            dpd: Duration::from_secs(30),
            keepalive: Duration::ZERO,
            rekey: Rekey::None,
            mtu: Some(1434),
        })
    );
}

#[test]
fn a_udp_channel_that_cannot_be_used_is_none() {
    let app_id = format!("X-DTLS-App-ID: {}", "00".repeat(32));
    let session = format!("X-DTLS-Session-ID: {}", "00".repeat(32));
    for lines in [
        // No port.
        format!("{app_id}\nX-DTLS-CipherSuite: PSK-NEGOTIATE"),
        format!("{app_id}\nX-DTLS-CipherSuite: PSK-NEGOTIATE\nX-DTLS-Port: 0"),
        // No name, half a name, no name for the keys' way.
        "X-DTLS-CipherSuite: PSK-NEGOTIATE\nX-DTLS-Port: 443".to_owned(),
        format!("X-DTLS-App-ID: {}\nX-DTLS-CipherSuite: PSK-NEGOTIATE\nX-DTLS-Port: 443", "0".repeat(63)),
        format!("{session}\nX-DTLS-CipherSuite: PSK-NEGOTIATE\nX-DTLS-Port: 443"),
        format!("{app_id}\nX-DTLS-Port: 443"),
        // A suite of before DTLS 1.2.
        format!("{session}\nX-DTLS-CipherSuite: AES256-SHA\nX-DTLS-Port: 443"),
    ] {
        let reply = parse(&format!("X-CSTP-Address: 10.0.0.2\nX-CSTP-MTU: 1300\n{lines}")).unwrap();
        assert_eq!(reply.datagrams, None, "{lines}");
    }
}

#[test]
fn nothing_is_granted_that_was_not_offered() {
    let legacy = DatagramAnswer {
        key: DatagramKey::Legacy { session_id: [7; 32], suite: LegacySuite::RsaAes128Gcm },
        ..ours().datagrams.unwrap()
    };
    let offers_another = DatagramOffer {
        psk: true,
        legacy: Some(LegacyOffer {
            master_secret: MasterSecret::new([1; 48]),
            suites: vec![LegacySuite::RsaAes256Gcm],
        }),
    };
    for (answer, datagrams) in
        [(ours().datagrams.unwrap(), DatagramOffer::default()), (legacy, offers_another)]
    {
        let request = ConnectRequest { datagrams, ..ConnectRequest::default() };
        let reply = ConnectReply { datagrams: Some(answer), ..ours() };
        let text =
            String::from_utf8(write_response(&write_connect_reply(&reply, &request)).unwrap()).unwrap();
        assert!(!text.contains("X-DTLS") && !text.contains("X-Praya-Super-Packets"), "{text}");
    }
}

#[test]
fn ipv6_of_a_second_address_takes_its_prefix_from_the_netmask() {
    let reply = parse(
        "X-CSTP-Address: 10.0.0.2\nX-CSTP-Netmask: 255.255.255.252\nX-CSTP-Address: fd77::5\n\
         X-CSTP-Netmask: fd77::/64\nX-CSTP-MTU: 1300",
    );
    assert_eq!(reply.unwrap().config.addresses, nets(&["10.0.0.2/30", "fd77::5/64"]));
    let reply = parse("X-CSTP-Netmask: fd77::5/64\nX-CSTP-MTU: 1300");
    assert_eq!(reply.unwrap().config.addresses, nets(&["fd77::5/64"]));
}

#[test]
fn default_routes_and_nearest_timeouts_are_read() {
    let reply = parse(
        "X-CSTP-Address: 10.0.0.2\nX-CSTP-MTU: 1300\nX-CSTP-Split-Include: default\n\
         X-CSTP-Split-Include-IP6: default\nX-CSTP-Split-DNS: a.example, b.example\n\
         X-CSTP-Session-Timeout: 500\nX-CSTP-Lease-Duration: 400\nX-CSTP-Rekey-Method: none\nX-CSTP-Rekey-Time: 9",
    )
    .unwrap();
    assert_eq!(reply.config.addresses, nets(&["10.0.0.2/32"]));
    assert_eq!(reply.config.include, nets(&["0.0.0.0/0", "::/0"]));
    assert_eq!(reply.config.split_dns, ["a.example", "b.example"]);
    assert_eq!(reply.config.session_timeout, Some(Duration::from_secs(400)));
    assert_eq!(reply.config.rekey, Rekey::None);
}

#[test]
fn tunnel_all_dns_overrules_split_dns() {
    let reply = parse(
        "X-CSTP-Address: 10.0.0.2\nX-CSTP-MTU: 1300\nX-CSTP-Tunnel-All-DNS: true\nX-CSTP-Split-DNS: a.example",
    );
    assert!(reply.unwrap().config.split_dns.is_empty());
}

#[test]
fn an_address_and_an_mtu_are_indispensable() {
    assert_eq!(parse("X-CSTP-MTU: 1300"), Err(TunnelHeaderError::NoAddress));
    for mtu in ["", "X-CSTP-MTU: 0", "X-CSTP-MTU: 575", "X-CSTP-MTU: 70000", "X-CSTP-MTU: -1"] {
        assert_eq!(
            parse(&format!("X-CSTP-Address: 10.0.0.2\n{mtu}")),
            Err(TunnelHeaderError::NoMtu),
            "{mtu}"
        );
    }
}

#[test]
fn nonsense_is_left_out_and_named() {
    let reply = parse(
        "X-CSTP-Address: 10.0.0.2\nX-CSTP-MTU: 1300\nX-CSTP-Netmask: 255.0.255.0\nX-CSTP-DNS: none\n\
         X-CSTP-Split-Include: 10.0.0.0/33\nX-CSTP-DPD: soon\nX-CSTP-Address-IP6: 10.0.0.3",
    )
    .unwrap();
    assert_eq!(
        reply.ignored,
        ["X-CSTP-Netmask", "X-CSTP-DNS", "X-CSTP-Split-Include", "X-CSTP-DPD", "X-CSTP-Address-IP6"]
    );
    assert_eq!(reply.config.addresses, nets(&["10.0.0.2/32"]));
}

#[test]
fn a_refusal_is_told_with_its_reason() {
    for (status, reason) in [(401, None), (503, Some("No address is free"))] {
        let bytes = write_response(&write_connect_refusal(status, reason)).unwrap();
        let head = parse_response(&bytes).unwrap().unwrap().0;
        let reason = reason.map(str::to_owned);
        assert_eq!(parse_connect_reply(&head), Err(TunnelHeaderError::Refused { status, reason }));
    }
}

#[test]
fn our_reply_is_written_as_openconnect_needs_it() {
    let request = ConnectRequest {
        super_packets: true,
        datagrams: DatagramOffer { psk: true, legacy: None },
        ..ConnectRequest::default()
    };
    let head = write_connect_reply(&ours(), &request);
    let text = String::from_utf8(write_response(&head).unwrap()).unwrap();
    assert_eq!(
        text.replace("\r\n", "\n"),
        "HTTP/1.1 200 CONNECTED\nX-CSTP-Version: 1\nX-CSTP-Server-Name: Praya\nX-CSTP-Hostname: gw\n\
         X-CSTP-Address: 10.9.0.5\nX-CSTP-Netmask: 255.255.255.0\nX-CSTP-Address-IP6: fd77::5/64\n\
         X-CSTP-DNS: 172.31.0.53\nX-CSTP-DNS: fd00::53\nX-CSTP-Default-Domain: lab.example corp.example\n\
         X-CSTP-Split-DNS: lab.example\nX-CSTP-Split-Include: 172.31.0.0/255.255.0.0\n\
         X-CSTP-Split-Include-IP6: fd00::/64\nX-CSTP-Split-Exclude: 172.31.9.0/255.255.255.0\n\
         X-CSTP-Tunnel-All-DNS: false\nX-CSTP-Client-Bypass-Protocol: false\nX-CSTP-Keepalive: 20\n\
         X-CSTP-DPD: 30\nX-CSTP-Idle-Timeout: 300\nX-CSTP-Disconnected-Timeout: none\n\
         X-CSTP-Session-Timeout: 28800\nX-CSTP-Session-Timeout-Remaining: 28800\nX-CSTP-Lease-Duration: 28800\n\
         X-CSTP-Rekey-Time: 86400\nX-CSTP-Rekey-Method: new-tunnel\nX-CSTP-Base-MTU: 1500\nX-CSTP-MTU: 1406\n\
         X-CSTP-Banner: Welcome to the lab\nX-CSTP-Smartcard-Removal-Disconnect: true\nX-CSTP-Keep: true\n\
         X-CSTP-TCP-Keepalive: true\nX-CSTP-License: accept\nX-Praya-Session: s-1\nX-Praya-Cookie: next-cookie\n\
         X-Praya-Super-Packets: 1\n\
         X-DTLS-App-ID: 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n\
         X-DTLS-CipherSuite: PSK-NEGOTIATE\nX-DTLS-Port: 443\nX-DTLS-DPD: 30\nX-DTLS-Keepalive: 20\n\n"
    );
}

#[test]
fn an_older_client_gets_ipv6_as_a_second_address() {
    let request = ConnectRequest { full_ipv6: false, ..ConnectRequest::default() };
    let head = write_connect_reply(&ours(), &request);
    let addresses: Vec<_> = head.headers.all("X-CSTP-Address").collect();
    let masks: Vec<_> = head.headers.all("X-CSTP-Netmask").collect();
    assert_eq!(addresses, ["10.9.0.5", "fd77::5"]);
    assert_eq!(masks, ["255.255.255.0", "fd77::5/64"]);
    assert_eq!(head.headers.get("X-CSTP-Address-IP6"), None);
}

#[test]
fn a_family_that_cannot_be_used_is_left_out() {
    let ipv4_only = ConnectRequest { ipv6: false, ..ConnectRequest::default() };
    let mut narrow = ours();
    narrow.config.mtu = 1279;
    for (reply, request) in [(ours(), ipv4_only), (narrow, ConnectRequest::default())] {
        let read = parse_connect_reply(&write_connect_reply(&reply, &request)).unwrap();
        assert_eq!(read.config.addresses, nets(&["10.9.0.5/24"]));
        assert_eq!(read.config.include, nets(&["172.31.0.0/16"]));
        assert_eq!(read.config.dns_servers.len(), 1);
    }
}

#[test]
fn a_split_tunnel_never_turns_into_a_full_one_for_want_of_a_family() {
    let mut reply = ours();
    reply.config.include = nets(&["172.31.0.0/16"]);
    let read = parse_connect_reply(&write_connect_reply(&reply, &ConnectRequest::default())).unwrap();
    assert_eq!(read.config.include, nets(&["172.31.0.0/16", "fd77::5/128"]));
    reply.config.include = nets(&["fd00::/64"]);
    let ipv4_only = ConnectRequest { ipv6: false, ..ConnectRequest::default() };
    let read = parse_connect_reply(&write_connect_reply(&reply, &ipv4_only)).unwrap();
    assert_eq!(read.config.include, nets(&["10.9.0.5/32"]));
    reply.config.include.clear();
    let read = parse_connect_reply(&write_connect_reply(&reply, &ConnectRequest::default())).unwrap();
    assert!(read.config.include.is_empty());
}

#[test]
fn real_cisco_clients_get_ipv6_name_servers_under_their_own_name() {
    for (user_agent, name) in [
        ("AnyConnect Windows 5.1.2", "X-CSTP-DNS-IP6"),
        ("Cisco AnyConnect VPN Agent", "X-CSTP-DNS-IP6"),
        ("AnyConnect-compatible OpenConnect VPN Agent v9.21", "X-CSTP-DNS"),
        ("Open AnyConnect VPN Agent v9.01-3", "X-CSTP-DNS"),
    ] {
        let request = ConnectRequest { user_agent: user_agent.into(), ..ConnectRequest::default() };
        let head = write_connect_reply(&ours(), &request);
        assert_eq!(head.headers.all(name).last(), Some("fd00::53"), "{user_agent}");
    }
}

#[test]
fn openconnects_request_is_read() {
    let bytes = "CONNECT /CSCOSSLC/tunnel HTTP/1.1\r\nHost: vpn.lab\r\n\
User-Agent: Open AnyConnect VPN Agent v9.01-3\r\nCookie: webvpn=TOKEN\r\nX-CSTP-Version: 1\r\n\
X-CSTP-Hostname: laptop\r\nX-CSTP-Accept-Encoding: oc-lz4,lzs\r\nX-CSTP-Base-MTU: 1500\r\nX-CSTP-MTU: 1390\r\n\
X-CSTP-Address-Type: IPv6,IPv4\r\nX-CSTP-Full-IPv6-Capability: true\r\nX-CSTP-Address: 10.9.0.5\r\n\
X-DTLS-Master-Secret: MASTER\r\nX-DTLS-CipherSuite: PSK-NEGOTIATE:OC-DTLS1_2-AES256-GCM\r\n\
X-DTLS12-CipherSuite: ECDHE-RSA-AES256-GCM-SHA384:CAMELLIA:AES128-GCM-SHA256:AES128-GCM-SHA256\r\n\
X-DTLS-Accept-Encoding: oc-lz4,lzs\r\n\r\n";
    let bytes = bytes.replace("MASTER", &"5a".repeat(48));
    let head = parse_request(bytes.as_bytes()).unwrap().unwrap().0;
    let request = parse_connect_request(&head).unwrap();
    assert_eq!(
        request,
        ConnectRequest {
            host: "vpn.lab".into(),
            user_agent: "Open AnyConnect VPN Agent v9.01-3".into(),
            cookie: Some(Secret::new("TOKEN")),
            host_name: Some("laptop".into()),
            base_mtu: Some(1500),
            mtu: Some(1390),
            previous: vec!["10.9.0.5".parse().unwrap()],
            datagrams: DatagramOffer {
                psk: true,
                legacy: Some(LegacyOffer {
                    master_secret: MasterSecret::new([0x5a; 48]),
                    suites: vec![LegacySuite::EcdheRsaAes256Gcm, LegacySuite::RsaAes128Gcm],
                }),
            },
            ..ConnectRequest::default()
        }
    );
    let shown = format!("{request:?}");
    assert!(!shown.contains("TOKEN") && !shown.contains("90, 90") && !shown.contains("5a5a"), "{shown}");
}

#[test]
fn only_a_connect_for_the_tunnel_opens_one() {
    for (method, target) in [("GET", "/CSCOSSLC/tunnel"), ("CONNECT", "/"), ("CONNECT", "example.org:443")] {
        let head = crate::http::RequestHead::new(method, target);
        assert_eq!(parse_connect_request(&head), Err(TunnelHeaderError::NotATunnel));
    }
}

#[test]
fn a_request_without_family_means_ipv4_and_other_cookies_do_not_count() {
    let mut head = crate::http::RequestHead::new("CONNECT", "/CSCOSSLC/tunnel");
    head.headers.push("Cookie", "webvpncontext=A; webvpnc=B; webvpn=");
    head.headers.push("X-CSTP-Base-MTU", "many");
    let request = parse_connect_request(&head).unwrap();
    assert_eq!((request.ipv4, request.ipv6, request.full_ipv6), (true, false, false));
    assert_eq!((request.cookie, request.base_mtu), (None, None));
}

#[test]
fn half_an_offer_of_the_legacy_way_is_none() {
    let secret = "00".repeat(48);
    for (secret, suites) in [
        (&*secret, ""),
        ("", "AES128-GCM-SHA256"),
        (&secret[1..], "AES128-GCM-SHA256"),
        (&secret, "AES256-SHA"),
    ] {
        let mut head = crate::http::RequestHead::new("CONNECT", "/CSCOSSLC/tunnel");
        head.headers.push("X-DTLS-Master-Secret", secret);
        head.headers.push("X-DTLS12-CipherSuite", suites);
        assert_eq!(parse_connect_request(&head).unwrap().datagrams, DatagramOffer::default(), "{suites}");
    }
}

fn net() -> impl Strategy<Value = IpNet> {
    (any::<IpAddr>(), 0u8..=32).prop_map(|(address, len)| {
        let len = if address.is_ipv6() { len * 4 } else { len };
        IpNet::new(address, len).unwrap().trunc()
    })
}

fn secs() -> impl Strategy<Value = Duration> {
    any::<u32>().prop_map(|secs| Duration::from_secs(secs.into()))
}

fn unique<T: PartialEq>(list: Vec<T>) -> Vec<T> {
    let mut unique = Vec::new();
    for item in list {
        push_new(&mut unique, item).unwrap();
    }
    unique
}

prop_compose! {
    fn config()(
        v4 in (any::<std::net::Ipv4Addr>(), 1u8..=32),
        v6 in (any::<std::net::Ipv6Addr>(), 1u8..=128),
        mtu in 1280u16..,
        split in any::<bool>(),
        mut include in prop::collection::vec(net(), 1..6),
        exclude in prop::collection::vec(net(), 0..6),
        dns_servers in prop::collection::vec(any::<IpAddr>(), 1..4),
        split_dns in prop::collection::vec("[a-z]{1,8}\\.[a-z]{2,5}", 1..4),
        search_domains in prop::collection::vec("[a-z]{1,8}\\.[a-z]{2,5}", 0..4),
        times in (secs(), secs(), secs()),
        ends in prop::collection::vec(prop::option::of(1u32..), 3),
        rekey in 0u8..3,
        banner in prop::option::of("[!-~]([ -~]{0,40}[!-~])?"),
    ) -> TunnelConfig {
        // Both families, so that no address has to stand in for an empty list.
        include.extend([IpNet::from(IpAddr::V4(v4.0)), IpNet::from(IpAddr::V6(v6.0))]);
        let mut ends = ends.into_iter().map(|end| end.map(|secs| Duration::from_secs(secs.into())));
        let every = times.2.max(Duration::from_secs(1));
        TunnelConfig {
            addresses: vec![IpNet::new(v4.0.into(), v4.1).unwrap(), IpNet::new(v6.0.into(), v6.1).unwrap()],
            mtu,
            include: if split { unique(include) } else { Vec::new() },
            exclude: unique(exclude),
            dns_servers: unique(dns_servers),
            split_dns: unique(split_dns),
            search_domains: unique(search_domains),
            dpd: times.0,
            keepalive: times.1,
            rekey: [Rekey::None, Rekey::NewTunnel { every }, Rekey::Tls { every }][usize::from(rekey)],
            idle_timeout: ends.next().unwrap(),
            session_timeout: ends.next().unwrap(),
            disconnected_timeout: ends.next().unwrap(),
            banner,
        }
    }
}

fn suite() -> impl Strategy<Value = LegacySuite> {
    prop::sample::select(LegacySuite::ALL.to_vec())
}

prop_compose! {
    fn answer()(
        port in 1u16..,
        legacy in prop::option::of(suite()),
        id: [u8; 32],
        times in (secs(), secs(), 1u32..),
        rekey in 0u8..3,
        mtu in prop::option::of(576u16..),
    ) -> DatagramAnswer {
        let every = Duration::from_secs(times.2.into());
        DatagramAnswer {
            port,
            key: match legacy {
                Some(suite) => DatagramKey::Legacy { session_id: id, suite },
                None => DatagramKey::Psk { app_id: id },
            },
            dpd: times.0,
            keepalive: times.1,
            rekey: [Rekey::None, Rekey::NewTunnel { every }, Rekey::Tls { every }][usize::from(rekey)],
            mtu,
        }
    }
}

prop_compose! {
    fn offer()(
        psk: bool,
        secret in prop::option::of(prop::array::uniform(any::<u8>())),
        suites in prop::sample::subsequence(LegacySuite::ALL.to_vec(), 1..=4),
    ) -> DatagramOffer {
        let legacy = secret.map(|secret| LegacyOffer { master_secret: MasterSecret::new(secret), suites: suites.clone() });
        DatagramOffer { psk, legacy }
    }
}

proptest! {
    #[test]
    fn a_written_reply_reads_the_same(
        config in config(),
        full_ipv6: bool,
        base_mtu in prop::option::of(1u16..),
        super_packets: bool,
        datagrams in prop::option::of(answer()),
    ) {
        let reply = ConnectReply { config, base_mtu, super_packets, datagrams, ..ConnectReply::default() };
        // Cisco's mark for "the local network" is the one network that cannot be told.
        let hole = "0.0.0.0/32".parse::<IpNet>().unwrap();
        prop_assume!(!reply.config.exclude.contains(&hole));
        let legacy = LegacyOffer { master_secret: MasterSecret::new([1; 48]), suites: LegacySuite::ALL.to_vec() };
        let datagrams = DatagramOffer { psk: true, legacy: Some(legacy) };
        let request = ConnectRequest { full_ipv6, super_packets: true, datagrams, ..ConnectRequest::default() };
        let bytes = write_response(&write_connect_reply(&reply, &request)).unwrap();
        let head = parse_response(&bytes).unwrap().unwrap().0;
        prop_assert_eq!(parse_connect_reply(&head), Ok(reply));
    }

    #[test]
    fn a_written_request_reads_the_same(
        (host, user_agent) in ("[!-~]{1,20}", "[!-~]([ -~]{0,20}[!-~])?"),
        cookie in prop::option::of("[A-Za-z0-9_-]{1,43}"),
        host_name in prop::option::of("[a-z0-9\u{e9}-]{1,20}"),
        (base_mtu, mtu) in (prop::option::of(1u16..), prop::option::of(1u16..)),
        (ipv4, ipv6, full_ipv6) in (any::<bool>(), any::<bool>(), any::<bool>()),
        previous in prop::collection::vec(any::<IpAddr>(), 0..3),
        proof in prop::option::of("[A-Za-z0-9+/.=]{1,90}"),
        super_packets: bool,
        datagrams in offer(),
    ) {
        let request = ConnectRequest {
            host, user_agent, host_name, base_mtu, mtu, ipv6, full_ipv6, previous, proof, super_packets, datagrams,
            cookie: cookie.map(Secret::from),
            ipv4: ipv4 || !ipv6,
        };
        let bytes = crate::http::write_request(&write_connect_request(&request)).unwrap();
        let head = parse_request(&bytes).unwrap().unwrap().0;
        prop_assert_eq!(parse_connect_request(&head), Ok(request));
    }

    #[test]
    fn any_header_is_read_without_panic(
        lines in prop::collection::vec(
            (prop::sample::select(vec!["Address", "Address-IP6", "Netmask", "DNS", "Split-Include", "Split-DNS", "MTU",
                "Split-Exclude-IP6", "Rekey-Time", "Rekey-Method", "Session-Timeout", "Banner", "Base-MTU"]),
             "[0-9a-f.:/, -]{0,20}|none|default|ssl"),
            0..12,
        ),
    ) {
        let lines: String = lines.iter().map(|(name, value)| format!("X-CSTP-{name}: {value}\r\n")).collect();
        crate::fuzz::tunnel_headers(format!("HTTP/1.1 200 OK\r\nX-CSTP-MTU: 1400\r\n{lines}\r\n").as_bytes());
        crate::fuzz::tunnel_headers(format!("CONNECT /CSCOSSLC/tunnel HTTP/1.1\r\n{lines}\r\n").as_bytes());
    }
}
