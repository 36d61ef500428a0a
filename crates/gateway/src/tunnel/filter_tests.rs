//! The filter by tables and properties.

use proptest::prelude::*;

use super::super::packets::{ACK, SYN, first_fragment, icmp4, icmp6, ip, later_fragment, tcp, udp};
use super::*;

const CLIENT: &str = "10.88.0.5";
const CLIENT6: &str = "fd88::5";
const WEB: &str = "172.31.0.80";
const WEB6: &str = "fd00::80";
const OTHER: &str = "172.31.0.81";
const DNS_SERVER: &str = "172.31.0.53";
const ROUTER: &str = "192.0.2.1";
/// The gateway's machine.
const GATEWAY_INSIDE: &str = "172.31.1.1";
const PEER: &str = "10.88.0.6";

fn endpoint(protocol: Protocol, net: &str, ports: PortRange) -> Endpoint {
    Endpoint { protocol, net: net.parse().unwrap(), ports }
}

fn policy(endpoints: &[Endpoint]) -> Policy {
    let pools = ["10.88.0.0/16".parse().unwrap(), "fd88::/64".parse().unwrap()];
    let own = OwnAddresses::new(["10.88.0.1", GATEWAY_INSIDE, "fd00::1"].map(|own| own.parse().unwrap()));
    own.set(["10.88.255.255/32", "172.30.0.0/24"].map(|net| net.parse().unwrap()));
    Policy::new(endpoints.to_vec(), &pools, own)
}

/// A web server on port 443, echo to it, both families.
fn web() -> Policy {
    policy(&[
        endpoint(Protocol::Tcp, "172.31.0.80/32", PortRange::one(443)),
        endpoint(Protocol::Tcp, "fd00::80/128", PortRange::one(443)),
        endpoint(Protocol::Icmp, "172.31.0.80/32", PortRange::ALL),
        endpoint(Protocol::Icmp, "fd00::80/128", PortRange::ALL),
    ])
}

fn out(policy: &Policy, packet: &[u8]) -> bool {
    policy.outbound(&Packet::parse(packet).unwrap())
}

fn back(policy: &Policy, packet: &[u8]) -> bool {
    policy.inbound(&Packet::parse(packet).unwrap())
}

#[test]
fn a_client_reaches_its_resource_and_nothing_beside_it() {
    let web = web();
    for (client, server) in [(CLIENT, WEB), (CLIENT6, WEB6)] {
        assert!(out(&web, &tcp(client, 40_000, server, 443, SYN)));
        assert!(!out(&web, &tcp(client, 40_000, server, 80, SYN)), "another port");
        assert!(!out(&web, &udp(client, 40_000, server, 443, 4)), "another protocol");
        assert!(!out(&web, &tcp(client, 443, server, 80, ACK)), "the client's own port does not matter");
    }
    assert!(!out(&web, &tcp(CLIENT, 40_000, OTHER, 443, SYN)), "another host");
    assert!(!out(&web, &ip(CLIENT, WEB, 47, &[0; 20])), "a protocol that no resource names");
}

#[test]
fn answers_come_back_and_connections_to_the_client_do_not_open() {
    let web = web();
    assert!(back(&web, &tcp(WEB, 443, CLIENT, 40_000, SYN | ACK)));
    assert!(back(&web, &tcp(WEB, 443, CLIENT, 40_000, ACK)));
    assert!(!back(&web, &tcp(WEB, 443, CLIENT, 22, SYN)), "an initial SYN");
    assert!(!back(&web, &tcp(WEB, 80, CLIENT, 40_000, ACK)), "from another port");
    assert!(!back(&web, &tcp(OTHER, 443, CLIENT, 40_000, ACK)), "from another host");
}

#[test]
fn echo_is_a_right_of_its_own() {
    let web = web();
    assert!(out(&web, &icmp4(CLIENT, WEB, 8, 0, b"ping")));
    assert!(back(&web, &icmp4(WEB, CLIENT, 0, 0, b"ping")));
    assert!(out(&web, &icmp6(CLIENT6, WEB6, 128, 0, b"ping")));
    assert!(!out(&web, &icmp4(CLIENT, OTHER, 8, 0, b"ping")));
    assert!(!out(&web, &icmp4(CLIENT, WEB, 13, 0, b"timestamp")), "not an echo");
    let tcp_only = policy(&[endpoint(Protocol::Tcp, "172.31.0.80/32", PortRange::ALL)]);
    assert!(!out(&tcp_only, &icmp4(CLIENT, WEB, 8, 0, b"ping")));
}

#[test]
fn name_servers_may_be_asked_and_only_asked() {
    let server = format!("{DNS_SERVER}/32");
    let dns = policy(&[Protocol::Udp, Protocol::Tcp].map(|by| endpoint(by, &server, PortRange::one(53))));
    assert!(out(&dns, &udp(CLIENT, 40_000, DNS_SERVER, 53, 30)));
    assert!(out(&dns, &tcp(CLIENT, 40_000, DNS_SERVER, 53, SYN)));
    assert!(back(&dns, &udp(DNS_SERVER, 53, CLIENT, 40_000, 30)));
    assert!(!out(&dns, &udp(CLIENT, 40_000, DNS_SERVER, 5353, 30)));
    assert!(!out(&dns, &tcp(CLIENT, 40_000, DNS_SERVER, 22, SYN)));
}

#[test]
fn errors_pass_when_they_speak_of_a_packet_that_passes() {
    let web = web();
    let sent = tcp(CLIENT, 40_000, WEB, 443, SYN);
    assert!(back(&web, &icmp4(ROUTER, CLIENT, 3, 4, &sent[..28])), "too big, eight bytes quoted");
    assert!(back(&web, &icmp4(ROUTER, CLIENT, 11, 0, &sent)));
    assert!(!back(&web, &icmp4(ROUTER, CLIENT, 3, 4, &sent[..20])), "no ports quoted");
    let never_allowed = tcp(CLIENT, 40_000, OTHER, 443, SYN);
    assert!(!back(&web, &icmp4(ROUTER, CLIENT, 3, 1, &never_allowed)));
    let of_somebody_else = tcp("10.88.0.6", 40_000, WEB, 443, SYN);
    assert!(!back(&web, &icmp4(ROUTER, CLIENT, 3, 1, &of_somebody_else)));
    assert!(!back(&web, &icmp4(ROUTER, CLIENT, 5, 0, &sent)), "a redirect");

    let sent6 = tcp(CLIENT6, 40_000, WEB6, 443, SYN);
    assert!(back(&web, &icmp6("2001:db8::1", CLIENT6, 2, 0, &sent6)));

    let received = tcp(WEB, 443, CLIENT, 40_000, ACK);
    assert!(out(&web, &icmp4(CLIENT, WEB, 3, 3, &received)));
    assert!(!out(&web, &icmp4(CLIENT, OTHER, 3, 3, &received)), "to another than the sender");
}

#[test]
fn an_error_about_an_error_or_garbage_does_not_pass() {
    let web = web();
    let inner = icmp4(CLIENT, WEB, 3, 3, &tcp(WEB, 443, CLIENT, 40_000, ACK));
    assert!(!back(&web, &icmp4(ROUTER, CLIENT, 3, 1, &inner)));
    assert!(!back(&web, &icmp4(ROUTER, CLIENT, 3, 1, b"")));
    assert!(!back(&web, &icmp4(ROUTER, CLIENT, 3, 1, &[0x45; 60])));
}

#[test]
fn fragments_without_ports_pass_by_host_and_protocol() {
    let web = web();
    assert!(out(&web, &later_fragment(CLIENT, WEB, protocol::TCP, 1480)));
    assert!(!out(&web, &later_fragment(CLIENT, WEB, protocol::UDP, 1480)));
    assert!(!out(&web, &later_fragment(CLIENT, OTHER, protocol::TCP, 1480)));
    assert!(!out(&web, &later_fragment(CLIENT, WEB, protocol::TCP, 8)), "over the TCP flags");
    assert!(out(&web, &first_fragment(tcp(CLIENT, 40_000, WEB, 443, SYN))));
    assert!(!out(&web, &first_fragment(tcp(CLIENT, 40_000, WEB, 80, SYN))));
    assert!(!out(&web, &first_fragment(ip(CLIENT, WEB, protocol::TCP, &[0; 8]))), "too short for flags");
}

#[test]
fn covering_the_pool_is_not_naming_it() {
    let everything = policy(&[endpoint(Protocol::Any, "0.0.0.0/0", PortRange::ALL)]);
    assert!(out(&everything, &tcp(CLIENT, 40_000, OTHER, 9, SYN)));
    assert!(!out(&everything, &tcp(CLIENT, 40_000, PEER, 3389, SYN)), "another client");
    assert!(!back(&everything, &tcp(PEER, 443, CLIENT, 40_000, ACK)));
}

#[test]
fn no_network_however_broad_includes_the_gateway_s_own_machine() {
    let broad = [("0.0.0.0/0", 0), ("::/0", 0), ("172.31.1.0/31", 0), ("10.88.0.0/16", 22)];
    let broad: Vec<Endpoint> = broad
        .iter()
        .map(|(net, port)| match port {
            0 => endpoint(Protocol::Any, net, PortRange::ALL),
            port => endpoint(Protocol::Tcp, net, PortRange::one(*port)),
        })
        .collect();
    let everything = policy(&broad);
    for own in [GATEWAY_INSIDE, "10.88.0.1", "10.88.255.255", "172.30.0.9"] {
        assert!(!out(&everything, &tcp(CLIENT, 40_000, own, 22, SYN)), "{own}");
        assert!(!out(&everything, &udp(CLIENT, 40_000, own, 161, 4)), "{own}");
        assert!(!out(&everything, &icmp4(CLIENT, own, 8, 0, b"ping")), "{own}");
    }
    assert!(!out(&everything, &tcp(CLIENT6, 40_000, "fd00::1", 22, SYN)));
    for nearby in ["224.0.0.1", "255.255.255.255", "169.254.169.254", "127.0.0.1", "0.0.0.0"] {
        assert!(!out(&everything, &udp(CLIENT, 40_000, nearby, 53, 4)), "{nearby}");
    }
    for nearby in ["ff02::1", "fe80::1", "::1"] {
        assert!(!out(&everything, &udp(CLIENT6, 40_000, nearby, 53, 4)), "{nearby}");
    }
    assert!(out(&everything, &tcp(CLIENT6, 40_000, "fd00::2", 22, SYN)));
}

#[test]
fn what_runs_on_the_gateway_s_machine_is_published_by_its_address() {
    let page = policy(&[
        endpoint(Protocol::Any, "0.0.0.0/0", PortRange::ALL),
        endpoint(Protocol::Tcp, "172.31.1.1/32", PortRange::one(443)),
        endpoint(Protocol::Udp, "10.88.0.1/32", PortRange::one(53)),
    ]);
    assert!(out(&page, &tcp(CLIENT, 40_000, GATEWAY_INSIDE, 443, SYN)));
    assert!(back(&page, &tcp(GATEWAY_INSIDE, 443, CLIENT, 40_000, SYN | ACK)));
    assert!(!out(&page, &tcp(CLIENT, 40_000, GATEWAY_INSIDE, 22, SYN)), "another port of it");
    // A name server on the gateway answers from within the pool, and is no client.
    assert!(out(&page, &udp(CLIENT, 40_000, "10.88.0.1", 53, 30)));
    assert!(back(&page, &udp("10.88.0.1", 53, CLIENT, 40_000, 30)));
    assert!(!out(&page, &udp(CLIENT, 53, "10.88.0.1", 161, 30)), "by its own port");
    assert!(!back(&page, &tcp("10.88.0.1", 53, CLIENT, 53, SYN)), "it opens nothing");
}

#[test]
fn clients_reach_each_other_where_a_network_says_so() {
    let peers = policy(&[endpoint(Protocol::Tcp, "10.88.0.0/16", PortRange::one(3389))]);
    assert!(out(&peers, &tcp(CLIENT, 40_000, PEER, 3389, SYN)));
    assert!(back(&peers, &tcp(PEER, 3389, CLIENT, 40_000, SYN | ACK)));
    // The other client's side of the same connection, under the same policy.
    assert!(back(&peers, &tcp(CLIENT, 40_000, PEER, 3389, SYN)));
    assert!(out(&peers, &tcp(PEER, 3389, CLIENT, 40_000, SYN | ACK)));
    assert!(!out(&peers, &tcp(CLIENT, 40_000, PEER, 22, SYN)));
    let nothing = policy(&[]);
    assert!(!back(&nothing, &tcp(CLIENT, 40_000, PEER, 3389, SYN)), "the other's groups do not");
}

#[test]
fn a_source_port_opens_nothing_at_another_client() {
    let peers = policy(&[
        endpoint(Protocol::Tcp, "10.88.0.0/16", PortRange::one(3389)),
        endpoint(Protocol::Udp, "10.88.0.0/16", PortRange { first: 5000, last: 5010 }),
    ]);
    assert!(!out(&peers, &tcp(CLIENT, 3389, PEER, 22, SYN)));
    assert!(!back(&peers, &tcp(PEER, 3389, CLIENT, 22, SYN)));
    assert!(out(&peers, &tcp(CLIENT, 3389, PEER, 22, ACK)), "which a closed or listening port refuses");
    assert!(!out(&peers, &udp(CLIENT, 5000, PEER, 161, 4)));
    assert!(!back(&peers, &udp(PEER, 5000, CLIENT, 161, 4)));
    // Both ports within the range, as telephones do it.
    assert!(
        out(&peers, &udp(CLIENT, 5000, PEER, 5001, 4)) && back(&peers, &udp(CLIENT, 5000, PEER, 5001, 4))
    );
    // An unreachable port is reported to the one who asked.
    let asked = udp(PEER, 40_000, CLIENT, 5000, 4);
    assert!(
        out(&peers, &icmp4(CLIENT, PEER, 3, 3, &asked)) && back(&peers, &icmp4(CLIENT, PEER, 3, 3, &asked))
    );
}

fn any_endpoint() -> impl Strategy<Value = Endpoint> {
    let protocol = prop::sample::select(vec![Protocol::Any, Protocol::Tcp, Protocol::Udp, Protocol::Icmp]);
    // A small address space, so that endpoints and packets meet.
    (protocol, 0..16_u8, 24..=32_u8, 0..8_u16, 0..8_u16).prop_map(|(protocol, host, len, first, extra)| {
        Endpoint {
            protocol,
            net: format!("172.31.0.{host}/{len}").parse().unwrap(),
            ports: PortRange { first, last: first + extra },
        }
    })
}

/// Of the pool, of the internal network, of the gateway, and of everything.
fn any_endpoint_inside() -> impl Strategy<Value = Endpoint> {
    let protocol = prop::sample::select(vec![Protocol::Any, Protocol::Tcp, Protocol::Udp]);
    let net = prop::sample::select(vec![
        "0.0.0.0/0",
        "10.0.0.0/8",
        "10.88.0.0/16",
        "10.88.0.0/29",
        "10.88.0.5/32",
        "10.88.0.6/32",
        "10.88.0.1/32",
        "172.31.0.0/16",
        "172.31.1.1/32",
        "172.31.0.80/32",
    ]);
    (protocol, net, 0..8_u16, 0..3_u16).prop_map(|(protocol, net, first, extra)| {
        endpoint(protocol, net, PortRange { first, last: first + extra })
    })
}

proptest! {
    #[test]
    fn the_table_says_what_the_endpoints_say(
        endpoints in prop::collection::vec(any_endpoint(), 0..8),
        host in 0..20_u8, port in 0..16_u16, by_tcp in any::<bool>(),
    ) {
        let (protocol, packet) = if by_tcp {
            (Protocol::Tcp, tcp(CLIENT, 40_000, &format!("172.31.0.{host}"), port, ACK))
        } else {
            (Protocol::Udp, udp(CLIENT, 40_000, &format!("172.31.0.{host}"), port, 0))
        };
        let packet = Packet::parse(&packet).unwrap();
        let expected = endpoints.iter().any(|e| e.admits(protocol, packet.dst(), Some(port)));
        prop_assert_eq!(policy(&endpoints).outbound(&packet), expected);
    }

    #[test]
    fn what_may_go_out_may_be_answered(
        endpoints in prop::collection::vec(any_endpoint(), 0..8), host in 0..20_u8, port in 0..16_u16,
    ) {
        let server = format!("172.31.0.{host}");
        let policy = policy(&endpoints);
        let asked = out(&policy, &tcp(CLIENT, 40_000, &server, port, SYN));
        prop_assert_eq!(asked, back(&policy, &tcp(&server, port, CLIENT, 40_000, SYN | ACK)));
    }

    #[test]
    fn nothing_opens_a_connection_to_a_client(
        endpoints in prop::collection::vec(any_endpoint(), 0..8), host in 0..20_u8, ports in any::<(u16, u16)>(),
    ) {
        let (from, to) = ports;
        let server = format!("172.31.0.{host}");
        prop_assert!(!back(&policy(&endpoints), &tcp(&server, from, CLIENT, to, SYN)));
    }

    /// Whatever flags, ports and policies: what one client opens at another, or at the gateway's machine, both
    /// clients' endpoints, or the one endpoint of that machine, name at the port where it is opened.
    #[test]
    fn a_client_opens_only_what_its_groups_name(
        mine in prop::collection::vec(any_endpoint_inside(), 0..6),
        theirs in prop::collection::vec(any_endpoint_inside(), 0..6),
        to in prop::sample::select(vec![PEER, "10.88.0.1", GATEWAY_INSIDE, WEB, "172.31.0.2"]),
        from_port in 0..8_u16, to_port in 0..8_u16,
        // Without "synchronise", or with "acknowledge", a listening port refuses or ignores a segment (RFC 9293
        // section 3.10.7.2).
        flags in prop::option::of(any::<u8>().prop_map(|flags| flags & !ACK | SYN)),
    ) {
        let (bytes, protocol) = match flags {
            Some(flags) => (tcp(CLIENT, from_port, to, to_port, flags), Protocol::Tcp),
            None => (udp(CLIENT, from_port, to, to_port, 4), Protocol::Udp),
        };
        let named = |endpoints: &[Endpoint], far: &str, least: u8| {
            let far = far.parse().unwrap();
            endpoints.iter().any(|e| e.net.prefix_len() >= least && e.admits(protocol, far, Some(to_port)))
        };
        let sent = out(&policy(&mine), &bytes);
        match to {
            PEER => {
                prop_assert_eq!(sent, named(&mine, PEER, 16));
                prop_assert_eq!(back(&policy(&theirs), &bytes), named(&theirs, CLIENT, 16));
            }
            "10.88.0.1" | GATEWAY_INSIDE => prop_assert_eq!(sent, named(&mine, to, 32)),
            _ => prop_assert_eq!(sent, named(&mine, to, 0)),
        }
    }

    #[test]
    fn without_endpoints_no_bytes_pass(bytes in prop::collection::vec(any::<u8>(), 0..200), first in 0x40..=0x6f_u8) {
        let mut bytes = bytes;
        bytes.insert(0, first);
        let nothing = Policy::new([], &[], OwnAddresses::default());
        if let Ok(packet) = Packet::parse(&bytes) {
            prop_assert!(!nothing.outbound(&packet));
            prop_assert!(!nothing.inbound(&packet));
        }
    }

    #[test]
    fn no_bytes_make_the_filter_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), first in 0x40..=0x6f_u8) {
        let mut bytes = bytes;
        bytes.insert(0, first);
        if let Ok(packet) = Packet::parse(&bytes) {
            let everything = policy(&[endpoint(Protocol::Any, "0.0.0.0/0", PortRange::ALL), endpoint(Protocol::Any, "::/0", PortRange::ALL)]);
            let _ = (everything.outbound(&packet), everything.inbound(&packet), icmp::error(&packet, packet.dst(), icmp::IcmpError::Prohibited));
        }
    }
}
