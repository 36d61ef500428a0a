//! The gateway's forwarding: switched on, taken back, cleaned up after a crash.

use praya_netcfg::{Forwarding, ForwardingSettings, NetcfgError, revert_journal};

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
