//! The gateway's forwarding: switched on, taken back, cleaned up after a crash.

use std::net::{IpAddr, UdpSocket};

use praya_netcfg::{Forwarding, ForwardingSettings, NetcfgError, local_destinations, revert_journal};

use crate::harness::*;

fn settings() -> ForwardingSettings {
    ForwardingSettings {
        id: "test".into(),
        tun: "praya0".into(),
        pools: vec!["10.9.0.0/24".parse().unwrap(), "fd00:9::/64".parse().unwrap()],
        masquerade: vec!["10.9.0.0/24".parse().unwrap(), "fd00:9::/64".parse().unwrap()],
    }
}

#[test]
fn forwarding_comes_and_goes_without_a_trace() {
    in_namespace("gateway::forwarding_comes_and_goes_without_a_trace", async {
        at_home();
        // Settings that the kernel's own switch would overwrite.
        sh("sysctl -qw net.ipv4.ip_forward=0 net.ipv6.conf.all.forwarding=0
            sysctl -qw net.ipv4.conf.all.accept_redirects=0 net.ipv4.conf.eth0.forwarding=1
            sysctl -qw net.ipv6.conf.router0.forwarding=1");
        let before = snapshot();
        let journal = folder().join("forwarding");
        let forwarding = Forwarding::start(&journal, &settings()).await.unwrap();
        assert_eq!(sh("sysctl -n net.ipv4.ip_forward net.ipv6.conf.all.forwarding"), "1\n1\n");
        let rules = sh("nft list table inet praya_test");
        assert!(rules.contains("ip saddr 10.9.0.0/24") && rules.contains("ip6 saddr fd00:9::/64"), "{rules}");
        let report = forwarding.stop().await.unwrap();
        assert!(report.failed.is_empty() && report.left_alone.is_empty(), "{report:?}");
        assert_eq!(snapshot(), before);
        assert!(!journal.exists());
    });
}

#[test]
fn forwarding_that_was_on_stays_on() {
    in_namespace("gateway::forwarding_that_was_on_stays_on", async {
        at_home();
        sh("sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1; nft add table inet other");
        let before = snapshot();
        let forwarding = Forwarding::start(&folder().join("forwarding"), &settings()).await.unwrap();
        forwarding.stop().await.unwrap();
        assert_eq!(snapshot(), before);
    });
}

#[test]
fn a_killed_gateway_s_forwarding_is_cleaned_up() {
    const TEST: &str = "gateway::a_killed_gateway_s_forwarding_is_cleaned_up";
    in_namespace(TEST, async {
        let journal = folder().join("forwarding");
        if Victim::is_me("gateway") {
            let _forwarding = Forwarding::start(&journal, &settings()).await.unwrap();
            return Victim::ready();
        }
        at_home();
        sh("sysctl -qw net.ipv4.ip_forward=0 net.ipv6.conf.all.forwarding=0");
        let before = snapshot();
        let victim = Victim::start(TEST, "gateway");
        assert!(matches!(
            Forwarding::start(&journal, &settings()).await,
            Err(NetcfgError::JournalInUse { .. })
        ));
        victim.kill();
        assert_ne!(snapshot(), before);
        // A restart first cleans up and then starts; its end leaves what was there before the crash.
        let forwarding = Forwarding::start(&journal, &settings()).await.unwrap();
        forwarding.stop().await.unwrap();
        assert_eq!(snapshot(), before);
        assert!(revert_journal(&journal).await.unwrap().is_empty());
    });
}

#[test]
fn an_administrator_s_later_change_is_left_alone() {
    in_namespace("gateway::an_administrator_s_later_change_is_left_alone", async {
        at_home();
        sh("sysctl -qw net.ipv4.ip_forward=0");
        let settings = ForwardingSettings { pools: vec!["10.9.0.0/24".parse().unwrap()], ..settings() };
        let forwarding = Forwarding::start(&folder().join("forwarding"), &settings).await.unwrap();
        sh("nft delete table inet praya_test; sysctl -qw net.ipv4.ip_forward=0");
        let report = forwarding.stop().await.unwrap();
        assert!(report.failed.is_empty(), "{report:?}");
        assert_eq!(sh("nft list ruleset"), "");
    });
}

#[test]
fn a_router_keeps_listening_to_its_own_router() {
    in_namespace("gateway::a_router_keeps_listening_to_its_own_router", async {
        at_home();
        sh("sysctl -qw net.ipv6.conf.all.forwarding=0 net.ipv6.conf.eth0.accept_ra=1
            ip -6 route replace default via fd11::1 dev eth0 proto ra");
        let before = snapshot();
        let forwarding = Forwarding::start(&folder().join("forwarding"), &settings()).await.unwrap();
        assert_eq!(sh("sysctl -n net.ipv6.conf.eth0.accept_ra"), "2\n");
        forwarding.stop().await.unwrap();
        assert_eq!(snapshot(), before);
    });
}

#[test]
fn without_nft_nothing_is_changed_and_the_error_says_what_to_do() {
    in_namespace("gateway::without_nft_nothing_is_changed_and_the_error_says_what_to_do", async {
        at_home();
        sh("sysctl -qw net.ipv4.ip_forward=0");
        // Of this mount namespace only.
        sh("for nft in /usr/sbin/nft /sbin/nft /usr/bin/nft /usr/local/sbin/nft; do
            if [ -e $nft ]; then mount --bind /dev/null $(readlink -f $nft); fi; done");
        let journal = folder().join("forwarding");
        let error = Forwarding::start(&journal, &settings()).await.unwrap_err();
        assert!(matches!(error, NetcfgError::NftMissing), "{error}");
        assert!(error.to_string().contains("install the package nftables"));
        assert_eq!(sh("sysctl -n net.ipv4.ip_forward"), "0\n");
        assert!(!journal.exists());
    });
}

/// A gateway's machine with the tunnel, the internet and the internal network on it, each a TUN whose other end is
/// the test.
struct Site {
    tunnel: Tun,
    outside: Tun,
    inside: Tun,
}

const CLIENT: [&str; 2] = ["10.9.0.5", "fd00:9::5"];
const STRANGER: [&str; 2] = ["198.51.100.7", "2001:db8::7"];
const SERVER: [&str; 2] = ["172.31.0.10", "fd31::10"];

impl Site {
    fn new() -> Self {
        let tun = |name, v4, v6| {
            let device = Tun::create(Some(name)).unwrap();
            sh(&format!("ip link set {name} up; ip addr add {v4} dev {name}; ip addr add {v6} dev {name}"));
            device
        };
        // What the kernel itself does about forged addresses is another machine's choice.
        sh("ip link set lo up; sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0
            sysctl -qw net.ipv4.ip_forward=0 net.ipv6.conf.all.forwarding=0");
        Self {
            tunnel: tun("praya0", "10.9.0.1/24", "fd00:9::1/64"),
            outside: tun("wan0", "198.51.100.1/24", "2001:db8::1/64"),
            inside: tun("lan0", "172.31.0.1/24", "fd31::1/64"),
        }
    }

    /// What arrives at `to`, of a packet that comes in on `from`, for each family: its source.
    async fn carry(
        &self,
        (from, src): (&Tun, [&str; 2]),
        (to, dst): (&Tun, [&str; 2]),
    ) -> [Option<String>; 2] {
        let mut arrived = [None, None];
        for (family, arrived) in arrived.iter_mut().enumerate() {
            from.send(&udp(src[family], dst[family]));
            // The device hands a packet on before it takes the next: what has not come before this one never will.
            let any = if family == 0 { "0.0.0.0:0" } else { "[::]:0" };
            let last = UdpSocket::bind(any).unwrap();
            let there: IpAddr = dst[family].parse().unwrap();
            last.send_to(b"the last one", (there, 9)).unwrap();
            loop {
                let packet = to.recv().await.bytes;
                if packet.ends_with(b"the probe") {
                    *arrived = Some(source(&packet).to_string());
                } else if packet.ends_with(b"the last one") {
                    break;
                }
            }
        }
        arrived
    }

    async fn assert_closed_but_for_clients(&self, when: &str) {
        let (tunnel, outside, inside) = (&self.tunnel, &self.outside, &self.inside);
        let none = [None, None];
        assert_eq!(
            self.carry((outside, STRANGER), (inside, SERVER)).await,
            none,
            "{when}: strangers come in"
        );
        assert_eq!(self.carry((inside, SERVER), (outside, STRANGER)).await, none, "{when}: servers go out");
        assert_eq!(self.carry((outside, CLIENT), (inside, SERVER)).await, none, "{when}: a forged client");
        assert_eq!(
            self.carry((outside, STRANGER), (tunnel, CLIENT)).await,
            none,
            "{when}: to a client, unasked"
        );
        let translated = sources(["172.31.0.1", "fd31::1"]);
        assert_eq!(self.carry((tunnel, CLIENT), (inside, SERVER)).await, translated, "{when}: a client");
    }
}

fn sources(addresses: [&str; 2]) -> [Option<String>; 2] {
    addresses.map(|address| Some(address.to_owned()))
}

fn udp(src: &str, dst: &str) -> Vec<u8> {
    // Ports, length, no checksum.
    let datagram = [&[0x9c, 0x40, 0, 9, 0, 17, 0, 0][..], b"the probe"].concat();
    let len = u8::try_from(datagram.len()).unwrap();
    match (src.parse().unwrap(), dst.parse().unwrap()) {
        (IpAddr::V4(src), IpAddr::V4(dst)) => {
            let mut packet = vec![0x45, 0, 0, 20 + len, 0, 1, 0, 0, 64, 17, 0, 0];
            packet.extend(src.octets().into_iter().chain(dst.octets()));
            let mut sum: u32 =
                packet.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(pair[1])).sum();
            sum = (sum & 0xffff) + (sum >> 16);
            let checksum = !u16::try_from((sum & 0xffff) + (sum >> 16)).unwrap();
            packet[10..12].copy_from_slice(&checksum.to_be_bytes());
            packet.extend(datagram);
            packet
        }
        (IpAddr::V6(src), IpAddr::V6(dst)) => {
            let mut packet = vec![0x60, 0, 0, 0, 0, len, 17, 64];
            packet.extend(src.octets().into_iter().chain(dst.octets()));
            packet.extend(datagram);
            packet
        }
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => panic!("two families"),
    }
}

fn source(packet: &[u8]) -> IpAddr {
    if packet[0] >> 4 == 4 {
        IpAddr::from(*packet[12..].first_chunk::<4>().unwrap())
    } else {
        IpAddr::from(*packet[8..].first_chunk::<16>().unwrap())
    }
}

#[test]
fn the_machine_routes_for_its_clients_and_for_nobody_else() {
    in_namespace("gateway::the_machine_routes_for_its_clients_and_for_nobody_else", async {
        let site = Site::new();
        let before = snapshot();
        let forwarding = Forwarding::start(&folder().join("forwarding"), &settings()).await.unwrap();
        site.assert_closed_but_for_clients("started").await;
        forwarding.stop().await.unwrap();
        assert_eq!(snapshot(), before);
    });
}

#[test]
fn a_restart_a_successor_and_a_crash_keep_the_machine_closed() {
    const TEST: &str = "gateway::a_restart_a_successor_and_a_crash_keep_the_machine_closed";
    in_namespace(TEST, async {
        let journal = folder().join("forwarding");
        if Victim::is_me("gateway") {
            let _forwarding = Forwarding::start(&journal, &settings()).await.unwrap();
            return Victim::ready();
        }
        let site = Site::new();
        let before = snapshot();
        Victim::start(TEST, "gateway").kill();
        site.assert_closed_but_for_clients("crashed").await;
        Forwarding::start(&journal, &settings()).await.unwrap().hand_over();
        site.assert_closed_but_for_clients("taken over after a crash").await;
        // A successor that has no IPv6 pool any more: what was switched on for it stays closed.
        let ipv4 = ForwardingSettings { pools: vec!["10.9.0.0/24".parse().unwrap()], ..settings() };
        Forwarding::start(&journal, &ipv4).await.unwrap().hand_over();
        let carried = site.carry((&site.outside, STRANGER), (&site.inside, SERVER)).await;
        assert_eq!(carried, [None, None]);
        let forwarding = Forwarding::start(&journal, &settings()).await.unwrap();
        site.assert_closed_but_for_clients("handed over").await;
        forwarding.stop().await.unwrap();
        assert_eq!(snapshot(), before);
    });
}

#[test]
fn where_forwarding_was_on_others_are_left_alone() {
    in_namespace("gateway::where_forwarding_was_on_others_are_left_alone", async {
        let site = Site::new();
        let Site { tunnel, outside, inside } = &site;
        sh("sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1");
        let journal = folder().join("forwarding");
        for when in ["started", "taken over"] {
            let forwarding = Forwarding::start(&journal, &settings()).await.unwrap();
            let carried = site.carry((outside, STRANGER), (inside, SERVER)).await;
            assert_eq!(carried, sources(STRANGER), "{when}: as before, and not translated");
            let forged = site.carry((outside, CLIENT), (inside, SERVER)).await;
            assert_eq!(forged, [None, None], "{when}");
            let unasked = site.carry((inside, SERVER), (tunnel, CLIENT)).await;
            assert_eq!(unasked, [None, None], "{when}");
            forwarding.hand_over();
        }
        Forwarding::start(&journal, &settings()).await.unwrap().stop().await.unwrap();
        assert_eq!(site.carry((outside, STRANGER), (inside, SERVER)).await, sources(STRANGER));
    });
}

#[test]
fn an_interface_that_forwarded_by_itself_still_does() {
    in_namespace("gateway::an_interface_that_forwarded_by_itself_still_does", async {
        let site = Site::new();
        let Site { outside, inside, .. } = &site;
        sh("sysctl -qw net.ipv4.conf.lan0.forwarding=1");
        let before = snapshot();
        let journal = folder().join("forwarding");
        Forwarding::start(&journal, &settings()).await.unwrap().hand_over();
        let forwarding = Forwarding::start(&journal, &settings()).await.unwrap();
        let out = site.carry((inside, SERVER), (outside, STRANGER)).await;
        assert_eq!(out, [Some(SERVER[0].to_owned()), None]);
        assert_eq!(site.carry((outside, STRANGER), (inside, SERVER)).await, [None, None]);
        forwarding.stop().await.unwrap();
        assert_eq!(snapshot(), before);
    });
}

#[test]
fn clients_with_addresses_of_their_own_may_be_spoken_to() {
    in_namespace("gateway::clients_with_addresses_of_their_own_may_be_spoken_to", async {
        let site = Site::new();
        let settings = ForwardingSettings { masquerade: Vec::new(), ..settings() };
        let forwarding = Forwarding::start(&folder().join("forwarding"), &settings).await.unwrap();
        let unasked = site.carry((&site.inside, SERVER), (&site.tunnel, CLIENT)).await;
        assert_eq!(unasked, sources(SERVER), "the gateway's filter decides");
        let asked = site.carry((&site.tunnel, CLIENT), (&site.inside, SERVER)).await;
        assert_eq!(asked, sources(CLIENT));
        forwarding.stop().await.unwrap();
    });
}

#[test]
fn a_machine_knows_which_destinations_are_its_own() {
    in_namespace("gateway::a_machine_knows_which_destinations_are_its_own", async {
        at_home();
        sh("ip addr add 172.31.0.1/24 dev router0; sysctl -qw net.ipv6.conf.all.forwarding=1");
        let own = local_destinations().await.unwrap();
        let ends_here =
            |address: &str| own.iter().any(|net| net.contains(&address.parse::<IpAddr>().unwrap()));
        // Own, loopback, broadcast; and the anycast address of every router of a network (RFC 4291 section 2.6.1).
        for address in ["192.168.1.7", "fd11::7", "127.0.0.1", "172.31.0.1", "172.31.0.255", "fd11::"] {
            assert!(ends_here(address), "{address} in {own:?}");
        }
        for address in ["192.168.1.1", "fd11::1", "172.31.0.10", "8.8.8.8"] {
            assert!(!ends_here(address), "{address} in {own:?}");
        }
    });
}
