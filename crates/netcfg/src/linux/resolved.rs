//! systemd-resolved over D-Bus: name servers and domains per interface.

use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use zbus::Connection;
use zbus::fdo::DBusProxy;
use zbus::names::BusName;

use crate::dns::DnsWish;
use crate::error::NetcfgError;

use super::namespace;

const SERVICE: &str = "org.freedesktop.resolve1";
const OBJECT: &str = "/org/freedesktop/resolve1";
const MANAGER: &str = "org.freedesktop.resolve1.Manager";
/// `AF_INET` and `AF_INET6` as D-Bus callers give them.
const AF_INET: i32 = 2;
const AF_INET6: i32 = 10;
/// A bus or a resolver that does not answer must not hold a connect up.
const PATIENCE: Duration = Duration::from_secs(5);

/// The running systemd-resolved.
#[derive(Debug)]
pub(crate) struct Resolved {
    connection: Connection,
}

impl Resolved {
    /// Finds a systemd-resolved that runs, is in use here, and lives in this network namespace: through the bus's
    /// socket a process in another namespace reaches it as well, but there an interface index means another
    /// interface.
    pub(crate) async fn find(resolv_conf: &Path) -> Option<Self> {
        if !is_in_use(resolv_conf) {
            return None;
        }
        Self::running().await
    }

    /// As [`Resolved::find`], whoever asks it.
    pub(crate) async fn running() -> Option<Self> {
        let found = tokio::time::timeout(PATIENCE, async {
            let connection = Connection::system().await.ok()?;
            let bus = DBusProxy::new(&connection).await.ok()?;
            // Asking for the owner does not start the service.
            let name = BusName::try_from(SERVICE).ok()?;
            let owner = bus.get_name_owner(name).await.ok()?;
            let pid = bus.get_connection_unix_process_id(owner.into_inner().into()).await.ok()?;
            namespace::is_here(pid).then_some(Self { connection })
        });
        found.await.ok().flatten()
    }

    pub(crate) async fn set(&self, index: u32, wish: &DnsWish) -> Result<(), NetcfgError> {
        let index = index_of(index)?;
        let servers: Vec<(i32, Vec<u8>)> = wish
            .servers
            .iter()
            .map(|server| match server {
                IpAddr::V4(address) => (AF_INET, address.octets().to_vec()),
                IpAddr::V6(address) => (AF_INET6, address.octets().to_vec()),
            })
            .collect();
        self.call("SetLinkDNS", &(index, servers)).await?;
        self.call("SetLinkDomains", &(index, wish.resolved_domains())).await?;
        self.call("SetLinkDefaultRoute", &(index, wish.split.is_empty())).await?;
        self.flush().await;
        Ok(())
    }

    /// Takes the interface's settings away; `false` when resolved does not know the interface any more.
    pub(crate) async fn revert(&self, index: u32) -> Result<bool, NetcfgError> {
        let reverted = self.request("RevertLink", &(index_of(index)?,)).await;
        self.flush().await;
        match reverted {
            Ok(()) => Ok(true),
            Err(zbus::Error::MethodError(name, _, _)) if name.as_str().ends_with(".NoSuchLink") => Ok(false),
            Err(error) => Err(NetcfgError::Dns { detail: format!("systemd-resolved, RevertLink: {error}") }),
        }
    }

    /// Answers from before the change must not outlive it.
    async fn flush(&self) {
        if let Err(error) = self.request("FlushCaches", &()).await {
            tracing::debug!(%error, "systemd-resolved keeps its cache");
        }
    }

    async fn call<B>(&self, method: &str, body: &B) -> Result<(), NetcfgError>
    where
        B: serde::Serialize + zbus::zvariant::DynamicType + Sync,
    {
        let result = self.request(method, body).await;
        result.map_err(|error| NetcfgError::Dns { detail: format!("systemd-resolved, {method}: {error}") })
    }

    async fn request<B>(&self, method: &str, body: &B) -> zbus::Result<()>
    where
        B: serde::Serialize + zbus::zvariant::DynamicType + Sync,
    {
        let call = self.connection.call_method(Some(SERVICE), OBJECT, Some(MANAGER), method, body);
        match tokio::time::timeout(PATIENCE, call).await {
            Ok(answer) => answer.map(|_| ()),
            Err(_) => Err(zbus::Error::Failure("no answer".to_owned())),
        }
    }
}

fn index_of(index: u32) -> Result<i32, NetcfgError> {
    i32::try_from(index).map_err(|error| NetcfgError::Dns { detail: error.to_string() })
}

/// Whether programs here ask systemd-resolved: through its stub, its file, or its NSS module.
fn is_in_use(resolv_conf: &Path) -> bool {
    let by_link = std::fs::canonicalize(resolv_conf).is_ok_and(|target| {
        target.starts_with("/run/systemd/resolve") || target.starts_with("/usr/lib/systemd")
    });
    let by_stub = std::fs::read_to_string(resolv_conf).is_ok_and(|text| asks_the_stub(&text));
    let by_nss = std::fs::read_to_string("/etc/nsswitch.conf").is_ok_and(|text| nss_asks_resolved(&text));
    by_link || by_stub || by_nss
}

fn asks_the_stub(resolv_conf: &str) -> bool {
    resolv_conf.lines().any(|line| {
        let mut words = line.split_whitespace();
        words.next() == Some("nameserver") && matches!(words.next(), Some("127.0.0.53" | "127.0.0.54"))
    })
}

fn nss_asks_resolved(nsswitch: &str) -> bool {
    nsswitch
        .lines()
        .filter_map(|line| line.trim().strip_prefix("hosts:"))
        .any(|sources| sources.split_whitespace().any(|source| source == "resolve"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    use praya_model::TunnelConfig;
    use zbus::connection::Builder;

    /// What a systemd-resolved was told.
    #[derive(Clone, Default)]
    struct Fake {
        told: Arc<Mutex<Vec<String>>>,
    }

    #[zbus::interface(name = "org.freedesktop.resolve1.Manager")]
    impl Fake {
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

    async fn fake() -> (Resolved, Connection, Fake) {
        let (left, right) = tokio::net::UnixStream::pair().unwrap();
        let fake = Fake::default();
        let guid = zbus::Guid::generate();
        let server = Builder::unix_stream(left).server(guid).unwrap().p2p();
        let server = server.serve_at(OBJECT, fake.clone()).unwrap().build();
        let client = Builder::unix_stream(right).p2p().build();
        let (server, client) = tokio::join!(server, client);
        (Resolved { connection: client.unwrap() }, server.unwrap(), fake)
    }

    #[tokio::test]
    async fn servers_domains_and_the_default_route_are_set_for_one_interface_and_taken_back() {
        let (resolved, _server, fake) = fake().await;
        let config = TunnelConfig {
            dns_servers: vec!["10.0.0.53".parse().unwrap(), "::1".parse().unwrap()],
            split_dns: vec!["corp.example".into()],
            ..TunnelConfig::default()
        };
        resolved.set(7, &DnsWish::of(&config).unwrap()).await.unwrap();
        assert!(resolved.revert(7).await.unwrap());
        assert_eq!(
            *fake.told.lock().unwrap(),
            [
                "dns 7 [(2, [10, 0, 0, 53]), (10, [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1])]",
                "domains 7 [(\"corp.example\", true)]",
                "default 7 false",
                "revert 7"
            ]
        );
    }

    #[test]
    fn use_of_the_stub_or_the_nss_module_is_recognised() {
        assert!(asks_the_stub("# x\nnameserver 127.0.0.53\noptions edns0\n"));
        assert!(!asks_the_stub("nameserver 127.0.0.1\n"));
        assert!(nss_asks_resolved("passwd: files\nhosts: files resolve [!UNAVAIL=return] dns\n"));
        assert!(!nss_asks_resolved("hosts: files dns\n"));
    }
}
