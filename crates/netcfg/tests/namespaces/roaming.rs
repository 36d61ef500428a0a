//! A machine that moves to another network while the tunnel is up.

use std::time::Duration;

use praya_netcfg::Monitor;
use tokio::time::timeout;

use crate::harness::*;

const QUIET: Duration = Duration::from_millis(100);
const LONG: Duration = Duration::from_secs(10);

#[test]
fn the_way_to_the_gateway_follows_a_new_default_route() {
    in_namespace("roaming::the_way_to_the_gateway_follows_a_new_default_route", async {
        at_home();
        let tun = tun();
        let mut network = configurator().await;
        let mut monitor = Monitor::start(QUIET, Some(tun.name())).unwrap();
        let config = config(&["10.9.0.5/24"], &[]);
        network.apply(&config, tun.name(), "203.0.113.7".parse().unwrap()).await.unwrap();

        // The Wi-Fi of the office, under another name.
        sh("ip link add wlan0 type veth peer name router1
            ip link set wlan0 up; ip link set router1 up
            ip addr add 172.16.0.9/24 dev wlan0
            ip link set eth0 down
            ip route add default via 172.16.0.1 dev wlan0");
        std::fs::write(resolv_conf(), "nameserver 172.16.0.1\n").unwrap();
        loop {
            let change = timeout(LONG, monitor.changed()).await.unwrap().unwrap();
            network.refresh().await.unwrap();
            if change.default_route {
                break;
            }
        }
        assert_eq!(way("203.0.113.7"), "172.16.0.1 wlan0");
        assert_eq!(way("8.8.8.8"), tun.name());
        let resolver = std::fs::read_to_string(resolv_conf()).unwrap();
        assert!(resolver.contains("10.9.0.53"), "what DHCP wrote is taken over again: {resolver}");

        // No network at all, and back.
        sh("ip link set wlan0 down");
        timeout(LONG, monitor.changed()).await.unwrap().unwrap();
        network.refresh().await.unwrap();
        assert_eq!(way("203.0.113.7"), "unreachable");
        sh("ip link set wlan0 up; ip route add default via 172.16.0.1 dev wlan0");
        loop {
            timeout(LONG, monitor.changed()).await.unwrap().unwrap();
            network.refresh().await.unwrap();
            if way("203.0.113.7") == "172.16.0.1 wlan0" {
                break;
            }
        }
        network.close().await.unwrap();
        assert_eq!(std::fs::read_to_string(resolv_conf()).unwrap(), "nameserver 172.16.0.1\n");
        assert_eq!(sh("ip route show proto 201; ip -6 route show proto 201"), "");
    });
}

#[test]
fn our_own_changes_are_no_news() {
    in_namespace("roaming::our_own_changes_are_no_news", async {
        at_home();
        let mut monitor = Monitor::start(QUIET, Some("praya0")).unwrap();
        sh("ip addr add 192.168.1.8/24 dev eth0");
        let first = timeout(LONG, monitor.changed()).await.unwrap().unwrap();
        assert!(first.addresses && !first.default_route, "{first:?}");
        // Late news of the setting up may still come; wait for a quiet second.
        while timeout(Duration::from_secs(1), monitor.changed()).await.is_ok() {}

        let tun = tun();
        let mut network = configurator().await;
        let config = config(&["10.9.0.5/24", "fd00:9::5/64"], &[]);
        network.apply(&config, tun.name(), "203.0.113.7".parse().unwrap()).await.unwrap();
        network.close().await.unwrap();
        drop(tun);
        // A change of somebody else's comes through, and it is the only one.
        sh("ip route add 198.51.100.0/24 via 192.168.1.1");
        let change = timeout(LONG, monitor.changed()).await.unwrap().unwrap();
        assert!(change.routes && !change.links && !change.addresses && !change.default_route, "{change:?}");
    });
}

#[test]
fn other_settings_after_a_reconnect_replace_the_old_ones() {
    in_namespace("roaming::other_settings_after_a_reconnect_replace_the_old_ones", async {
        at_home();
        let before = snapshot();
        let tun = tun();
        let mut network = configurator().await;
        let gateway = "203.0.113.7".parse().unwrap();
        network.apply(&config(&["10.9.0.5/24"], &["172.31.0.0/24"]), tun.name(), gateway).await.unwrap();
        let mut second = config(&["10.9.0.6/24"], &["172.31.1.0/24"]);
        second.dns_servers.clear();
        network.apply(&second, tun.name(), "203.0.113.8".parse().unwrap()).await.unwrap();
        assert_eq!(way("172.31.0.1"), "192.168.1.1 eth0");
        assert_eq!(way("172.31.1.1"), tun.name());
        let addresses = sh(&format!("ip addr show {}", tun.name()));
        assert!(addresses.contains("10.9.0.6") && !addresses.contains("10.9.0.5"), "{addresses}");
        assert_eq!(std::fs::read_to_string(resolv_conf()).unwrap(), RESOLV_CONF);
        network.close().await.unwrap();
        drop(tun);
        assert_eq!(snapshot(), before);
    });
}
