//! Three machines on two cables: an employee's, the gateway's, and one in the intranet with a web site on it.
//!
//! ```text
//! employee 198.51.100.10 ──── 198.51.100.1 gateway 172.31.0.1 ──── 172.31.0.10 intranet (web site on port 80)
//!          2001:db8::10        2001:db8::1          fd31::1          fd31::10
//! ```
//! The intranet has no route to the tunnel's addresses, and the employee none to the intranet.

use std::net::{IpAddr, SocketAddr};

use anyhow::{Context, Result};
use praya_testkit::cable::{Cable, Conditions};
use praya_testkit::web::Site;
use praya_testkit::{Finished, Namespace};

use crate::router::Router;

/// The gateway's name; every machine of the lab knows it.
pub const GATEWAY_NAME: &str = "vpn.praya.test";
/// The gateway's address on the side of the employee.
pub const GATEWAY: &str = "198.51.100.1";
/// The same, IPv6.
pub const GATEWAY_V6: &str = "2001:db8::1";
/// The employee's address.
pub const EMPLOYEE: &str = "198.51.100.10";
/// The gateway's address in the intranet.
pub const GATEWAY_INSIDE: &str = "172.31.0.1";
/// The intranet machine's address.
pub const INTRANET: &str = "172.31.0.10";
/// The same, IPv6.
pub const INTRANET_V6: &str = "fd31::10";

/// The same packets are lost each time.
const SEED: u64 = 1;

/// An end of a cable: machine, link name, addresses with prefix length.
pub(crate) type End<'a> = (&'a Namespace, &'a str, &'a [&'a str]);

/// The machines.
pub struct Lab {
    /// The employee's machine.
    pub employee: Namespace,
    /// The gateway's machine.
    pub gateway: Namespace,
    /// The machine in the intranet.
    pub intranet: Namespace,
    /// The web site on it.
    pub site: Site,
    /// The way between employee and gateway, where it is a long one.
    pub cable: Option<Cable>,
}

impl Lab {
    /// Brings everything up.
    ///
    /// # Errors
    /// Without the privilege for it.
    pub fn new() -> Result<Self> {
        Self::joined(|employee, gateway| Namespace::link(employee, gateway).map(|()| None))
    }

    /// The same with loss and delay between employee and gateway.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn far_away(conditions: Conditions) -> Result<Self> {
        Self::joined(|employee, gateway| Cable::lay(employee, gateway, conditions, SEED).map(Some))
    }

    /// The same with a router between employee and gateway, which has the employee's address; there is no IPv6 there.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn behind_a_router() -> Result<(Self, Router)> {
        let mut router = None;
        let lab = Self::joined(|(machine, link, addresses), gateway| {
            let addresses: Vec<_> =
                addresses.iter().copied().filter(|address| !address.contains(':')).collect();
            router = Some(Router::between((machine, link, &addresses), gateway)?);
            Ok(None)
        })?;
        Ok((lab, router.context("the router")?))
    }

    fn joined(join: impl FnOnce(End<'_>, End<'_>) -> Result<Option<Cable>>) -> Result<Self> {
        let employee = Namespace::new("employee")?;
        let gateway = Namespace::new("gateway")?;
        let intranet = Namespace::new("intranet")?;
        let cable = join(
            (&employee, "eth0", &["198.51.100.10/24", "2001:db8::10/64"]),
            (&gateway, "eth0", &["198.51.100.1/24", "2001:db8::1/64"]),
        )?;
        Namespace::link(
            (&gateway, "eth1", &["172.31.0.1/24", "fd31::1/64"]),
            (&intranet, "eth0", &["172.31.0.10/24", "fd31::10/64"]),
        )?;
        for machine in [&employee, &gateway] {
            machine.know_host(GATEWAY_NAME, GATEWAY)?;
        }
        let site = Site::open(&intranet, 80)?;
        Ok(Self { employee, gateway, intranet, site, cable })
    }

    /// A second employee on the same network, with this host number.
    ///
    /// # Errors
    /// When the number is taken.
    pub fn another_employee(&self, host: u8) -> Result<Namespace> {
        let machine = Namespace::new("employee")?;
        let link = format!("eth{host}");
        let (outside, gateway) = (format!("192.0.2.{host}/32"), "192.0.2.1/32");
        Namespace::link((&machine, "eth0", &[&outside]), (&self.gateway, &link, &[gateway]))?;
        machine.shell(&format!(
            "ip route add 192.0.2.1 dev eth0; ip route add {GATEWAY} via 192.0.2.1 dev eth0 onlink"
        ))?;
        self.gateway.shell(&format!("ip route add 192.0.2.{host} dev {link}"))?;
        machine.know_host(GATEWAY_NAME, GATEWAY)?;
        Ok(machine)
    }

    /// The gateway's HTTPS address.
    pub fn https(&self) -> SocketAddr {
        SocketAddr::new(IpAddr::from([198, 51, 100, 1]), 443)
    }

    /// Fetches a path of the intranet's site from the employee's machine.
    ///
    /// # Errors
    /// When `curl` cannot be run.
    pub fn fetch(&self, host: &str, path: &str) -> Result<Finished> {
        fetch(&self.employee, host, path)
    }

    /// Whether the intranet's page is to be had from the employee's machine.
    ///
    /// # Errors
    /// When `curl` cannot be run.
    pub fn reaches_intranet(&self) -> Result<bool> {
        Ok(self.fetch(INTRANET, "/")?.output == praya_testkit::web::PAGE.as_bytes())
    }

    /// Sends `bytes` to the intranet's site; returns the SHA-256 that the site saw.
    ///
    /// # Errors
    /// When they do not arrive.
    pub fn send(&self, host: &str, bytes: &[u8]) -> Result<String> {
        let file = self.employee.folder("outgoing")?.join("body");
        std::fs::write(&file, bytes)?;
        let body = format!("@{}", file.display());
        let url = url(host, "/sink");
        let sent = self
            .employee
            .program("curl")
            .args(["--silent", "--show-error", "--max-time", "60", "--data-binary", &body, &url])
            .succeed()
            .context("send to the intranet")?;
        Ok(sent.text())
    }
}

/// Fetches a path of a web site from a machine; waits no longer than a broken tunnel deserves.
///
/// # Errors
/// When `curl` cannot be run.
pub fn fetch(from: &Namespace, host: &str, path: &str) -> Result<Finished> {
    let url = url(host, path);
    from.program("curl")
        .args(["--silent", "--show-error", "--connect-timeout", "5", "--max-time", "60", &url])
        .run()
}

fn url(host: &str, path: &str) -> String {
    if host.contains(':') { format!("http://[{host}]{path}") } else { format!("http://{host}{path}") }
}
