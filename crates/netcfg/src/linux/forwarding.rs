//! The gateway's side: lets the kernel forward between the tunnel and the network, and takes that back.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use ipnet::IpNet;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::error::NetcfgError;
use crate::journal::{Journal, Undo};
use crate::nft::{self, Closed};

use super::netlink::Netlink;
use super::undo::{self, RevertReport};
use super::{open_journal, sysctl};

const IPV4_SWITCH: &str = "/proc/sys/net/ipv4/ip_forward";
const IPV4_INTERFACES: &str = "/proc/sys/net/ipv4/conf";
const IPV6_SWITCH: &str = "/proc/sys/net/ipv6/conf/all/forwarding";
const IPV6_INTERFACES: &str = "/proc/sys/net/ipv6/conf";

/// What the gateway forwards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForwardingSettings {
    /// Names the nftables table `praya_<id>`, so that two gateways on one machine do not meet: 1 to 32 letters,
    /// digits or `_`.
    pub id: String,
    /// The gateway's TUN.
    pub tun: String,
    /// Networks of the clients' addresses; forwarding is switched on for their families.
    pub pools: Vec<IpNet>,
    /// Those of them whose clients appear outside under the gateway's own address.
    pub masquerade: Vec<IpNet>,
}

/// Forwarding that is on. [`Forwarding::stop`] takes it back; after a crash [`crate::revert_journal`] does.
#[derive(Debug)]
pub struct Forwarding {
    journal: Journal,
    netlink: Netlink,
}

impl Forwarding {
    /// Switches the kernel's forwarding on and loads the table. Needs a tokio runtime.
    ///
    /// A family that did not forward before forwards nothing but the tunnel's packets: the machine is no router for
    /// anybody else. Where forwarding was on already, other people's traffic is left alone.
    ///
    /// What an earlier process left in the journal at `journal` is taken over when it was the same table, so that
    /// translated connections outlive a crash and a restart; else it is taken back first.
    ///
    /// What is accepted here may still be dropped by another table of the machine's own firewall; nftables lets no
    /// table overrule another, and other people's rules are not touched.
    ///
    /// # Errors
    /// [`NetcfgError::NftMissing`], [`NetcfgError::Nft`], [`NetcfgError::NotPermitted`],
    /// [`NetcfgError::BadSettings`] or the journal's errors. Then everything is as before.
    pub async fn start(journal: &Path, settings: &ForwardingSettings) -> Result<Self, NetcfgError> {
        nft::check(settings).map_err(|detail| NetcfgError::BadSettings { detail })?;
        let program = find_nft().ok_or(NetcfgError::NftMissing)?;
        let mut journal = open_journal(journal)?;
        let netlink = Netlink::open()?;
        let table = Undo::NftTable { name: nft::table_name(&settings.id) };
        if !journal.pending().any(|(_, undo)| *undo == table) {
            undo::undo_all(&netlink, &mut journal).await?;
        }
        let mut forwarding = Self { journal, netlink };
        if let Err(error) = forwarding.switch_on(settings, &program).await {
            forwarding.stop().await?;
            return Err(error);
        }
        Ok(forwarding)
    }

    /// Takes everything back and removes the journal.
    ///
    /// # Errors
    /// The journal or the kernel's tables cannot be read. What single changes refuse is in the report.
    pub async fn stop(mut self) -> Result<RevertReport, NetcfgError> {
        let report = undo::undo_all(&self.netlink, &mut self.journal).await?;
        self.journal.close()?;
        Ok(report)
    }

    /// Leaves everything as it is, for a successor that [`Forwarding::start`]s with the same journal.
    pub fn hand_over(self) {}

    async fn switch_on(&mut self, settings: &ForwardingSettings, program: &Path) -> Result<(), NetcfgError> {
        let wants_ipv4 = settings.pools.iter().any(|pool| pool.addr().is_ipv4());
        let wants_ipv6 = settings.pools.iter().any(|pool| pool.addr().is_ipv6());
        let closed = [self.closed_ipv4(wants_ipv4)?, self.closed_ipv6(wants_ipv6)?];
        let closed: Vec<Closed> = closed.into_iter().flatten().collect();
        let table = Undo::NftTable { name: nft::table_name(&settings.id) };
        if !self.journal.pending().any(|(_, undo)| *undo == table) {
            self.journal.record(vec![table])?;
        }
        // One transaction puts the new table in the place of an earlier one, and a family is closed before it is
        // switched on. The undoing goes the other way round.
        run_nft(program, &nft::table(settings, &closed)).await?;
        if wants_ipv4 {
            self.forward_ipv4()?;
        }
        if wants_ipv6 {
            self.forward_ipv6().await?;
        }
        Ok(())
    }

    /// IPv4 asks the interface that a packet came in on whether to forward it. Which did before is told by the
    /// settings, and by the journal once the common switch has overwritten them.
    fn closed_ipv4(&self, wanted: bool) -> Result<Option<Closed>, NetcfgError> {
        let ours = self.journalled(Path::new(IPV4_SWITCH)).is_some();
        if !(ours || wanted && is_off(Path::new(IPV4_SWITCH))?) {
            return Ok(None);
        }
        let mut except = Vec::new();
        for (name, path) in interfaces(IPV4_INTERFACES, "forwarding")? {
            let forwarded = match self.journalled(&path) {
                Some(previous) => previous != "0",
                None => !ours && is_on(&path)?,
            };
            if forwarded {
                except.push(name);
            }
        }
        Ok(Some(Closed { ipv6: false, except }))
    }

    /// IPv6 asks the common switch, or since Linux 6.17 an interface's `force_forwarding`, which we do not touch.
    fn closed_ipv6(&self, wanted: bool) -> Result<Option<Closed>, NetcfgError> {
        let ours = self.journalled(Path::new(IPV6_SWITCH)).is_some();
        if !(ours || wanted && is_off(Path::new(IPV6_SWITCH))?) {
            return Ok(None);
        }
        let mut except = Vec::new();
        for (name, path) in interfaces(IPV6_INTERFACES, "force_forwarding")? {
            if is_on(&path)? {
                except.push(name);
            }
        }
        Ok(Some(Closed { ipv6: true, except }))
    }

    /// What a setting was before we, or the one whose journal we took over, wrote it; the oldest entry knows.
    fn journalled(&self, setting: &Path) -> Option<&str> {
        let entries = self.journal.pending().filter_map(|(_, undo)| match undo {
            Undo::Sysctl { path, previous, .. } => (path == setting).then_some(previous.as_str()),
            Undo::Route { .. }
            | Undo::Address { .. }
            | Undo::Link { .. }
            | Undo::File { .. }
            | Undo::ResolvedLink { .. }
            | Undo::NftTable { .. } => None,
        });
        entries.last()
    }

    /// Writing `ip_forward` overwrites the setting of every interface and of `accept_redirects`. These are written
    /// down before it, so that they come back after it.
    fn forward_ipv4(&mut self) -> Result<(), NetcfgError> {
        let side_effects = [(IPV4_INTERFACES, "forwarding", "1"), (IPV4_INTERFACES, "accept_redirects", "0")];
        self.set_with_side_effects(Path::new(IPV4_SWITCH), &side_effects)
    }

    /// As with IPv4; and a router does not listen to router advertisements, unless told to: an interface that has
    /// its own default route from one would lose it.
    async fn forward_ipv6(&mut self) -> Result<(), NetcfgError> {
        /// `RTPROT_RA`.
        const FROM_ADVERTISEMENT: u8 = 9;
        let switch = Path::new(IPV6_SWITCH);
        if !is_off(switch)? {
            return Ok(());
        }
        let state = self.netlink.state().await?;
        for link in &state.links {
            let listens = state
                .routes
                .iter()
                .any(|route| route.protocol == FROM_ADVERTISEMENT && route.link() == Some(link.index));
            let path: PathBuf = [IPV6_INTERFACES, &link.name, "accept_ra"].iter().collect();
            if listens && sysctl::read(&path)?.as_deref() == Some("1") {
                self.set(&path, "2")?;
            }
        }
        self.set_with_side_effects(switch, &[(IPV6_INTERFACES, "forwarding", "1")])
    }

    fn set_with_side_effects(
        &mut self,
        switch: &Path,
        effects: &[(&str, &str, &str)],
    ) -> Result<(), NetcfgError> {
        let Some(before) = sysctl::read(switch)?.filter(|value| value == "0") else { return Ok(()) };
        let mut undos = Vec::new();
        for (folder, setting, becomes) in effects {
            for (_, path) in interfaces(folder, setting)? {
                let value = if path == switch { None } else { sysctl::read(&path)? };
                let Some(previous) = value else { continue };
                // The undo of the switch turns each into the value it had before, or into another one.
                let switched_back = if *becomes == "1" { "0" } else { "1" };
                if previous != switched_back {
                    undos.push(Undo::Sysctl { path, previous, written: switched_back.to_owned() });
                }
            }
        }
        undos.push(Undo::Sysctl { path: switch.to_owned(), previous: before, written: "1".to_owned() });
        self.journal.record(undos)?;
        sysctl::write(switch, "1")
    }

    fn set(&mut self, path: &Path, value: &str) -> Result<(), NetcfgError> {
        let Some(previous) = sysctl::read(path)? else { return Ok(()) };
        self.journal.record(vec![Undo::Sysctl {
            path: path.to_owned(),
            previous,
            written: value.to_owned(),
        }])?;
        sysctl::write(path, value)
    }
}

/// Whether a setting is there and says no.
fn is_off(setting: &Path) -> Result<bool, NetcfgError> {
    Ok(sysctl::read(setting)?.is_some_and(|value| value == "0"))
}

/// Whether a setting is there and says yes.
fn is_on(setting: &Path) -> Result<bool, NetcfgError> {
    Ok(sysctl::read(setting)?.is_some_and(|value| value != "0"))
}

/// The name and the path of `setting` of everything under `folder`, `all` and `default` too.
fn interfaces(folder: &str, setting: &str) -> Result<Vec<(String, PathBuf)>, NetcfgError> {
    let listed = std::fs::read_dir(folder);
    let listed = listed.map_err(|error| NetcfgError::system(format!("list {folder}"), error))?;
    let named = |entry: std::fs::DirEntry| {
        (entry.file_name().to_string_lossy().into_owned(), entry.path().join(setting))
    };
    Ok(listed.flatten().map(named).collect())
}

/// The destinations that end at this machine: its own addresses, and the broadcast and anycast addresses of its
/// networks. Needs a tokio runtime.
///
/// # Errors
/// The kernel's tables cannot be read.
pub async fn local_destinations() -> Result<Vec<IpNet>, NetcfgError> {
    Netlink::open()?.local().await
}

/// Deletes a table whether it is there or not.
pub(crate) async fn delete_table(name: &str) -> Result<(), NetcfgError> {
    let program = find_nft().ok_or(NetcfgError::NftMissing)?;
    run_nft(&program, &format!("add table inet {name}\ndelete table inet {name}\n")).await
}

/// A service's PATH often lacks the sbin folders.
fn find_nft() -> Option<PathBuf> {
    let usual = ["/usr/sbin", "/sbin", "/usr/bin", "/usr/local/sbin"].map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    usual
        .into_iter()
        .chain(std::env::split_paths(&path))
        .map(|folder| folder.join("nft"))
        .find(|nft| nft.is_file())
}

/// Loads rules in one transaction: all of them or none.
async fn run_nft(program: &Path, rules: &str) -> Result<(), NetcfgError> {
    let failed = |error| NetcfgError::system(format!("run {}", program.display()), error);
    let mut child = Command::new(program)
        .args(["-f", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(failed)?;
    if let Some(mut input) = child.stdin.take() {
        input.write_all(rules.as_bytes()).await.map_err(failed)?;
    }
    let output = child.wait_with_output().await.map_err(failed)?;
    if output.status.success() {
        return Ok(());
    }
    let words = String::from_utf8_lossy(&output.stderr);
    let first = words.lines().next().unwrap_or("no reason given").to_owned();
    if first.contains("Operation not permitted") {
        return Err(NetcfgError::NotPermitted { what: "load nftables rules".to_owned() });
    }
    Err(NetcfgError::Nft { detail: first })
}
