//! Name servers by systemd-resolved, with a stand-in on a real message bus of the test's own.

use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use praya_netcfg::dns::DnsOutcome;
use praya_netcfg::revert_journal;
use zbus::Connection;

use crate::harness::*;

const USES_RESOLVED: &str = "nameserver 127.0.0.53\noptions edns0 trust-ad\n";

#[derive(Clone, Default)]
struct StandIn {
    told: Arc<Mutex<Vec<String>>>,
}

#[zbus::interface(name = "org.freedesktop.resolve1.Manager")]
impl StandIn {
    #[zbus(name = "SetLinkDNS")]
    fn set_link_dns(&self, index: i32, servers: Vec<(i32, Vec<u8>)>) {
        self.told.lock().unwrap().push(format!("dns {index} {servers:?}"));
    }
    fn set_link_domains(&self, index: i32, domains: Vec<(String, bool)>) {
        self.told.lock().unwrap().push(format!("domains {index} {domains:?}"));
    }
    fn set_link_default_route(&self, index: i32, enable: bool) {
        self.told.lock().unwrap().push(format!("default {index} {enable}"));
    }
    fn revert_link(&self, index: i32) {
        self.told.lock().unwrap().push(format!("revert {index}"));
    }
    fn flush_caches(&self) {}
}

impl StandIn {
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.told.lock().unwrap())
    }
}

/// A message bus that ends with the test.
struct Bus(Child);

impl Drop for Bus {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn bus() -> Bus {
    let socket = folder().join("bus");
    let file = folder().join("bus.conf");
    std::fs::write(
        &file,
        format!(
            "<busconfig><listen>unix:path={}</listen><auth>EXTERNAL</auth><policy context=\"default\">\
             <allow send_destination=\"*\"/><allow receive_sender=\"*\"/><allow own=\"*\"/><allow user=\"*\"/>\
             </policy></busconfig>",
            socket.display()
        ),
    )
    .unwrap();
    let mut child = Command::new("dbus-daemon")
        .arg(format!("--config-file={}", file.display()))
        .args(["--nofork", "--print-address"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("install the package dbus-daemon");
    // It prints its address once it listens.
    let mut line = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(child.stdout.take().unwrap()), &mut line)
        .unwrap();
    Bus(child)
}

async fn stand_in() -> (StandIn, Connection) {
    let stand_in = StandIn::default();
    let connection = zbus::connection::Builder::system()
        .unwrap()
        .serve_at("/org/freedesktop/resolve1", stand_in.clone())
        .unwrap()
        .name("org.freedesktop.resolve1")
        .unwrap()
        .build()
        .await
        .unwrap();
    (stand_in, connection)
}

#[test]
fn systemd_resolved_is_told_for_our_interface_only_and_told_to_forget() {
    in_namespace("resolver::systemd_resolved_is_told_for_our_interface_only_and_told_to_forget", async {
        at_home();
        let _bus = bus();
        let (resolved, _connection) = stand_in().await;
        std::fs::write(resolv_conf(), USES_RESOLVED).unwrap();
        let tun = tun();
        let shown = sh(&format!("ip -o link show {}", tun.name()));
        let index = shown.split(':').next().unwrap();
        let mut network = configurator().await;
        let gateway = "203.0.113.7".parse().unwrap();
        let mut config = config(&["10.9.0.5/24"], &["10.0.0.0/8"]);
        config.split_dns = vec!["lab.example".into()];
        let outcome = network.apply(&config, tun.name(), gateway).await.unwrap();
        assert_eq!(outcome.dns, DnsOutcome::Resolved);
        assert_eq!(
            resolved.take(),
            [
                format!("dns {index} [(2, [10, 9, 0, 53])]"),
                format!("domains {index} [(\"corp.example\", false), (\"lab.example\", true)]"),
                format!("default {index} false"),
            ]
        );
        assert_eq!(std::fs::read_to_string(resolv_conf()).unwrap(), USES_RESOLVED, "the file is not touched");
        network.close().await.unwrap();
        assert_eq!(resolved.take(), [format!("revert {index}")]);
    });
}

#[test]
fn after_kill_9_systemd_resolved_has_forgotten_with_the_interface() {
    const TEST: &str = "resolver::after_kill_9_systemd_resolved_has_forgotten_with_the_interface";
    in_namespace(TEST, async {
        if Victim::is_me("service") {
            let tun = tun();
            let mut network = configurator().await;
            let config = config(&["10.9.0.5/24"], &[]);
            let outcome = network.apply(&config, tun.name(), "203.0.113.7".parse().unwrap()).await.unwrap();
            assert_eq!(outcome.dns, DnsOutcome::Resolved);
            return Victim::ready();
        }
        at_home();
        let _bus = bus();
        let (resolved, _connection) = stand_in().await;
        std::fs::write(resolv_conf(), USES_RESOLVED).unwrap();
        let before = snapshot();
        let service = tokio::task::spawn_blocking(|| Victim::start(TEST, "service")).await.unwrap();
        service.kill();
        assert_eq!(resolved.take().len(), 3);
        let report = revert_journal(&options().journal).await.unwrap();
        assert!(report.failed.is_empty(), "{report:?}");
        // The interface is gone; another one may have its number by now and is not to be touched.
        assert_eq!(resolved.take(), Vec::<String>::new());
        assert_eq!(snapshot(), before);
    });
}

#[test]
fn a_resolver_of_another_network_namespace_is_not_ours() {
    in_namespace("resolver::a_resolver_of_another_network_namespace_is_not_ours", async {
        at_home();
        let _bus = bus();
        // The stand-in on the same bus, but seen from a namespace below this one.
        let (resolved, _connection) = stand_in().await;
        std::fs::write(resolv_conf(), USES_RESOLVED).unwrap();
        let inside = folder().join("below");
        std::fs::create_dir(&inside).unwrap();
        let status = tokio::process::Command::new("unshare")
            .arg("-n")
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", "resolver::seen_from_below", "--nocapture"])
            .env("PRAYA_TEST_INSIDE", "resolver::seen_from_below")
            .env("PRAYA_TEST_FOLDER", &inside)
            .status()
            .await
            .unwrap();
        assert!(status.success() && inside.join("ran").exists());
        assert_eq!(resolved.take(), Vec::<String>::new());
    });
}

#[test]
fn seen_from_below() {
    in_namespace("resolver::seen_from_below", async {
        at_home();
        let tun = tun();
        let own = folder().join("resolv.conf");
        std::fs::write(&own, USES_RESOLVED).unwrap();
        let options = praya_netcfg::Options { resolv_conf: own.clone(), ..options() };
        let (mut network, _) = praya_netcfg::NetworkConfigurator::open(options).await.unwrap();
        let config = config(&["10.9.0.5/24"], &[]);
        let outcome = network.apply(&config, tun.name(), "203.0.113.7".parse().unwrap()).await.unwrap();
        assert_eq!(outcome.dns, DnsOutcome::ResolvConf { split_ignored: false });
        network.close().await.unwrap();
        assert_eq!(std::fs::read_to_string(&own).unwrap(), USES_RESOLVED);
    });
}
