//! A client's tunnel: what it changes, and that nothing of it is left.

use praya_datapath::{Delivery, TunError};
use praya_netcfg::dns::DnsOutcome;
use praya_netcfg::plan::Skipped;
use praya_netcfg::{NetcfgError, NetworkConfigurator, Options, remove_leftover_routes, revert_journal};

use crate::harness::*;

const GATEWAY: &str = "203.0.113.7";

#[test]
fn a_full_tunnel_leads_everything_inside_and_leaves_nothing() {
    in_namespace("client::a_full_tunnel_leads_everything_inside_and_leaves_nothing", async {
        at_home();
        let before = snapshot();
        let tun = tun();
        let mut network = configurator().await;
        let config = config(&["10.9.0.5/24", "fd00:9::5/64"], &[]);
        let outcome = network.apply(&config, tun.name(), GATEWAY.parse().unwrap()).await.unwrap();

        assert_eq!(way("8.8.8.8"), "praya0");
        assert_eq!(way("10.9.0.1"), "praya0");
        assert_eq!(way("2001:4860::8888"), "praya0");
        assert_eq!(way(GATEWAY), "192.168.1.1 eth0");
        assert_eq!(way("192.168.1.20"), "eth0");
        assert!(sh("ip link show praya0").contains("mtu 1400"));
        assert!(sh("ip route show proto 201").contains("203.0.113.7 via 192.168.1.1"));
        let resolver = std::fs::read_to_string(resolv_conf()).unwrap();
        assert!(
            resolver.contains("nameserver 10.9.0.53\nsearch corp.example\noptions edns0\n"),
            "{resolver}"
        );
        assert_eq!(outcome.dns, DnsOutcome::ResolvConf { split_ignored: false });
        assert_eq!(outcome.kept_outside.len(), 1);
        assert_eq!((outcome.conflicts.len(), outcome.skipped.len()), (0, 0));

        let again = network.apply(&config, tun.name(), GATEWAY.parse().unwrap()).await.unwrap();
        assert!(!again.changed, "a second time there is nothing to do");
        let report = network.revert().await.unwrap();
        assert!(report.failed.is_empty() && report.left_alone.is_empty(), "{report:?}");
        drop(tun);
        assert_eq!(snapshot(), before);
        assert!(network.revert().await.unwrap().is_empty(), "idempotent");
        network.close().await.unwrap();
        assert!(!options().journal.exists());
    });
}

#[test]
fn a_split_tunnel_in_one_family_leaves_the_other_alone() {
    in_namespace("client::a_split_tunnel_in_one_family_leaves_the_other_alone", async {
        at_home();
        let before = snapshot();
        let tun = tun();
        let mut network = configurator().await;
        let mut config = config(&["10.9.0.5/24"], &["172.31.0.0/16", "fd00:1::/64"]);
        config.exclude = vec!["172.31.9.0/24".parse().unwrap()];
        config.split_dns = vec!["lab.example".into()];
        let outcome = network.apply(&config, tun.name(), GATEWAY.parse().unwrap()).await.unwrap();
        assert_eq!(way("172.31.0.1"), "praya0");
        assert_eq!(way("172.31.9.1"), "192.168.1.1 eth0");
        assert_eq!(way("8.8.8.8"), "192.168.1.1 eth0");
        assert_eq!(way("2001:4860::8888"), "fd11::1 eth0");
        assert_eq!(outcome.skipped, [Skipped::NoAddressFor("fd00:1::/64".parse().unwrap())]);
        assert_eq!(outcome.dns, DnsOutcome::ResolvConf { split_ignored: true });
        network.close().await.unwrap();
        drop(tun);
        assert_eq!(snapshot(), before);
    });
}

#[test]
fn a_full_tunnel_without_ipv6_blocks_ipv6_and_gives_it_back() {
    in_namespace("client::a_full_tunnel_without_ipv6_blocks_ipv6_and_gives_it_back", async {
        at_home();
        let before = snapshot();
        let tun = tun();
        let mut network = configurator().await;
        network.apply(&config(&["10.9.0.5/24"], &[]), tun.name(), GATEWAY.parse().unwrap()).await.unwrap();
        assert_eq!(way("2001:4860::8888"), "unreachable");
        assert_eq!(way("fd11::1"), "eth0");
        network.close().await.unwrap();
        drop(tun);
        assert_eq!(snapshot(), before);
    });
}

#[test]
fn after_kill_9_the_journal_alone_cleans_up() {
    const TEST: &str = "client::after_kill_9_the_journal_alone_cleans_up";
    in_namespace(TEST, async {
        if Victim::is_me("service") {
            let tun = tun();
            let mut network = configurator().await;
            network
                .apply(&config(&["10.9.0.5/24"], &[]), tun.name(), GATEWAY.parse().unwrap())
                .await
                .unwrap();
            return Victim::ready();
        }
        at_home();
        let before = snapshot();
        let victim = Victim::start(TEST, "service");
        assert_eq!(way("8.8.8.8"), "praya0");
        let journal = options().journal;
        assert!(
            matches!(revert_journal(&journal).await, Err(NetcfgError::JournalInUse { .. })),
            "a living service keeps its network"
        );
        victim.kill();
        assert_ne!(snapshot(), before, "the kernel alone does not clean up everything");
        assert_eq!(way("8.8.8.8"), "192.168.1.1 eth0", "the TUN took its routes with it");
        let report = revert_journal(&journal).await.unwrap();
        assert!(report.failed.is_empty() && report.undone > 0 && report.gone > 0, "{report:?}");
        assert_eq!(snapshot(), before);
        assert!(revert_journal(&journal).await.unwrap().is_empty());
        assert!(!journal.exists());
    });
}

#[test]
fn a_damaged_journal_still_cleans_up_what_it_says() {
    const TEST: &str = "client::a_damaged_journal_still_cleans_up_what_it_says";
    in_namespace(TEST, async {
        if Victim::is_me("service") {
            let tun = tun();
            let config = config(&["10.9.0.5/24"], &[]);
            let mut network = configurator().await;
            network.apply(&config, tun.name(), GATEWAY.parse().unwrap()).await.unwrap();
            return Victim::ready();
        }
        at_home();
        let before = snapshot();
        let journal = options().journal;
        for by_service in [true, false] {
            Victim::start(TEST, "service").kill();
            assert_ne!(snapshot(), before);
            let mut content = std::fs::read(&journal).unwrap();
            content[..16].fill(0);
            std::fs::write(&journal, &content).unwrap();
            let report = if by_service {
                let (network, report) = NetworkConfigurator::open(options()).await.unwrap();
                network.close().await.unwrap();
                report
            } else {
                revert_journal(&journal).await.unwrap()
            };
            assert!(report.failed.is_empty() && report.undone > 0, "{report:?}");
            assert_eq!(snapshot(), before);
            assert_eq!(std::fs::read(report.damaged.unwrap()).unwrap(), content);
            assert!(!journal.exists());
        }
    });
}

#[test]
fn the_next_start_cleans_up_by_itself_and_works() {
    const TEST: &str = "client::the_next_start_cleans_up_by_itself_and_works";
    in_namespace(TEST, async {
        let config = config(&["10.9.0.5/24"], &[]);
        if Victim::is_me("service") {
            let tun = tun();
            configurator().await.apply(&config, tun.name(), GATEWAY.parse().unwrap()).await.unwrap();
            return;
        }
        at_home();
        let before = snapshot();
        // It leaves without a word, as by a panic: the configurator is dropped.
        let status = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", TEST])
            .env("PRAYA_TEST_ROLE", "service")
            .status();
        assert!(status.unwrap().success());
        let (mut network, report) = NetworkConfigurator::open(options()).await.unwrap();
        assert!(report.undone > 0, "{report:?}");
        assert_eq!(snapshot(), before);
        let tun = tun();
        network.apply(&config, tun.name(), GATEWAY.parse().unwrap()).await.unwrap();
        assert_eq!(way("8.8.8.8"), "praya0");
        network.close().await.unwrap();
        drop(tun);
        assert_eq!(snapshot(), before);
    });
}

#[test]
fn a_failure_half_way_takes_everything_back() {
    in_namespace("client::a_failure_half_way_takes_everything_back", async {
        at_home();
        let before = snapshot();
        let tun = tun();
        let mut network = configurator().await;
        let gateway = GATEWAY.parse().unwrap();
        let missing = network.apply(&config(&["10.9.0.5/24"], &[]), "nosuch0", gateway).await;
        assert!(matches!(missing, Err(NetcfgError::NoInterface { .. })));
        // No interface takes a multicast address: the second address fails when the first is set.
        let impossible = config(&["10.9.0.5/24", "ff02::5/64"], &[]);
        network.apply(&impossible, tun.name(), gateway).await.unwrap_err();
        assert!(!sh(&format!("ip addr show {}", tun.name())).contains("10.9.0.5"));
        drop(tun);
        assert_eq!(snapshot(), before);
        network.close().await.unwrap();
        assert!(!options().journal.exists());
    });
}

#[test]
fn what_is_gone_already_is_no_error() {
    in_namespace("client::what_is_gone_already_is_no_error", async {
        at_home();
        let tun = tun();
        let mut network = configurator().await;
        network.apply(&config(&["10.9.0.5/24"], &[]), tun.name(), GATEWAY.parse().unwrap()).await.unwrap();
        drop(tun);
        sh("ip route del 203.0.113.7; ip link del eth0");
        std::fs::write(resolv_conf(), "nameserver 172.16.0.1\n").unwrap();
        let report = network.close().await.unwrap();
        assert!(report.failed.is_empty(), "{report:?}");
        assert_eq!(
            report.left_alone,
            [resolv_conf().display().to_string()],
            "another program's file is its own"
        );
        assert_eq!(std::fs::read_to_string(resolv_conf()).unwrap(), "nameserver 172.16.0.1\n");
        assert_eq!(sh("ip route show proto 201; ip -6 route show proto 201"), "");
    });
}

#[test]
fn leftovers_are_recognised_without_a_journal() {
    in_namespace("client::leftovers_are_recognised_without_a_journal", async {
        at_home();
        let before = snapshot();
        sh("ip route add 203.0.113.7 via 192.168.1.1 proto 201; ip -6 route add unreachable ::/1 proto 201
            ip route add 198.51.100.0/24 via 192.168.1.1 proto static");
        let report = remove_leftover_routes().await.unwrap();
        assert_eq!((report.undone, report.failed.len()), (2, 0));
        sh("ip route del 198.51.100.0/24");
        assert_eq!(snapshot(), before);
    });
}

#[test]
fn everything_works_for_an_unprivileged_user_in_a_namespace() {
    in_user_namespace("client::everything_works_for_an_unprivileged_user_in_a_namespace", async {
        at_home();
        let before = snapshot();
        let tun = tun();
        let mut network = configurator().await;
        let config = config(&["10.9.0.5/24", "fd00:9::5/64"], &[]);
        network.apply(&config, tun.name(), GATEWAY.parse().unwrap()).await.unwrap();
        assert_eq!(way("8.8.8.8"), "praya0");
        network.close().await.unwrap();
        drop(tun);
        assert_eq!(snapshot(), before);
    });
}

#[test]
fn a_tun_carries_packets_is_quiet_and_vanishes() {
    in_namespace("client::a_tun_carries_packets_is_quiet_and_vanishes", async {
        at_home();
        let tun = Tun::create(Some("mytun")).unwrap();
        assert!(matches!(Tun::create(Some("mytun")), Err(TunError::NameInUse { .. })));
        assert!(matches!(Tun::create(Some("eth0")), Err(TunError::NameInUse { .. })));
        assert_eq!(tun.send(&[0x45; 40]), Delivery::Dropped, "the interface is down");
        let mut network = configurator().await;
        let config = config(&["10.9.0.5/24", "fd00:9::5/64"], &["10.9.0.0/16"]);
        network.apply(&config, tun.name(), GATEWAY.parse().unwrap()).await.unwrap();

        let socket = tokio::net::UdpSocket::bind("10.9.0.5:0").await.unwrap();
        socket.send_to(b"hello", "10.9.3.4:9").await.unwrap();
        let packet = tun.recv().await.bytes;
        // The first packet is ours: no router is solicited, no group joined before it.
        assert_eq!((packet[0], packet.len()), (0x45, 20 + 8 + 5), "{packet:02x?}");

        // Sent back with the addresses turned around, it arrives; the checksums stay right.
        let mut answer = packet.to_vec();
        answer[12..16].copy_from_slice(&packet[16..20]);
        answer[16..20].copy_from_slice(&packet[12..16]);
        answer[20..22].copy_from_slice(&packet[22..24]);
        answer[22..24].copy_from_slice(&packet[20..22]);
        assert_eq!(tun.send(&answer), Delivery::Delivered);
        let mut text = [0; 16];
        let (len, from) = socket.recv_from(&mut text).await.unwrap();
        assert_eq!((&text[..len], from.to_string().as_str()), (&b"hello"[..], "10.9.3.4:9"));
        assert_eq!(tun.send(&[0xff; 40]), Delivery::Dropped, "not an IP packet");
        network.close().await.unwrap();
        drop(tun);
        assert!(!sh("ip link").contains("mytun"));
    });
}

#[test]
fn ipv6_works_where_new_interfaces_come_without_it() {
    in_namespace("client::ipv6_works_where_new_interfaces_come_without_it", async {
        at_home();
        sh("sysctl -qw net.ipv6.conf.default.disable_ipv6=1");
        let before = snapshot();
        let tun = tun();
        let mut network = configurator().await;
        let config = config(&["10.9.0.5/24", "fd00:9::5/64"], &[]);
        network.apply(&config, tun.name(), GATEWAY.parse().unwrap()).await.unwrap();
        assert_eq!(way("2001:4860::8888"), "praya0");
        network.close().await.unwrap();
        drop(tun);
        assert_eq!(snapshot(), before);
    });
}

#[test]
fn a_machine_s_resolver_file_is_not_written_from_a_namespace_that_shares_it() {
    const TEST: &str = "client::a_machine_s_resolver_file_is_not_written_from_a_namespace_that_shares_it";
    in_namespace(TEST, async {
        at_home();
        // Of this mount namespace only, and read-only so that not even a failing test can change the machine's. An
        // unprivileged user's namespace cannot see whose the file is; there a stand-in for the machine's own folder.
        sh("if grep -q 4294967295 /proc/self/uid_map; then
                while umount /etc/resolv.conf 2>/dev/null; do :; done
                mount --bind /etc/resolv.conf /etc/resolv.conf
                mount -o remount,bind,ro /etc/resolv.conf
            else
                mount -t tmpfs none /etc; echo 'nameserver 192.168.1.1' >/etc/resolv.conf
            fi");
        the_shared_file_is_refused().await;
    });
}

#[test]
fn an_unprivileged_namespace_without_a_resolver_file_of_its_own_writes_none() {
    const TEST: &str = "client::an_unprivileged_namespace_without_a_resolver_file_of_its_own_writes_none";
    in_user_namespace(TEST, async {
        at_home();
        // A stand-in for the machine's own folder.
        sh("mount -t tmpfs none /etc; echo 'nameserver 192.168.1.1' >/etc/resolv.conf");
        the_shared_file_is_refused().await;
    });
}

async fn the_shared_file_is_refused() {
    let tun = tun();
    let options = Options::new(folder().join("undo"));
    let before = std::fs::read(&options.resolv_conf).unwrap();
    let (mut network, _) = NetworkConfigurator::open(options.clone()).await.unwrap();
    let config = config(&["10.9.0.5/24"], &["10.0.0.0/8"]);
    let outcome = network.apply(&config, tun.name(), GATEWAY.parse().unwrap()).await.unwrap();
    let DnsOutcome::Failed { detail } = outcome.dns else { panic!("{outcome:?}") };
    assert!(detail.contains("shares /etc/resolv.conf"), "{detail}");
    assert_eq!(way("10.0.0.1"), "praya0", "the tunnel is up all the same");
    network.close().await.unwrap();
    assert_eq!(std::fs::read(&options.resolv_conf).unwrap(), before);
}
