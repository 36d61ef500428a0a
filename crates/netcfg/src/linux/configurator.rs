//! Applies a tunnel's settings to this machine, keeps them right while it moves, and takes them back.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use praya_model::TunnelConfig;

use crate::dns::{DnsOutcome, DnsWish};
use crate::error::NetcfgError;
use crate::journal::{EntryId, Journal, Undo};
use crate::plan::{Conflict, Plan, Skipped, Step, Wish, plan};
use crate::state::{Link, NetworkState, Route, Target};

use super::netlink::Netlink;
use super::resolved::Resolved;
use super::undo::{self, RevertReport};
use super::{namespace, open_journal, resolv_conf, sysctl};

/// Where things are on this machine, and how careful to be.
#[derive(Clone, Debug)]
pub struct Options {
    /// The undo journal; its folder must exist and belong to the service alone.
    pub journal: PathBuf,
    /// The resolver's file.
    pub resolv_conf: PathBuf,
    /// Whether systemd-resolved is used when it runs.
    pub use_resolved: bool,
    /// In a full tunnel, make the address family that has no address inside unreachable instead of letting it leak.
    pub block_other_family: bool,
}

impl Options {
    /// The usual places, with the journal at `journal`.
    pub fn new(journal: impl Into<PathBuf>) -> Self {
        Self {
            journal: journal.into(),
            resolv_conf: "/etc/resolv.conf".into(),
            use_resolved: true,
            block_other_family: true,
        }
    }
}

/// What was done, for the log and for `praya doctor`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The networks that go through the tunnel.
    pub tunnelled: Vec<ipnet::IpNet>,
    /// Our routes that keep the gateway and the excluded networks outside.
    pub kept_outside: Vec<Route>,
    /// Where the local network and the tunnel want the same addresses.
    pub conflicts: Vec<Conflict>,
    /// What the gateway wished and this machine cannot do.
    pub skipped: Vec<Skipped>,
    /// The name servers.
    pub dns: DnsOutcome,
    /// Whether anything had to be changed.
    pub changed: bool,
}

/// The one that changes this machine's network for a tunnel. It holds the journal as long as it lives.
///
/// Dropping it changes nothing: the journal stays for [`NetworkConfigurator::open`] or
/// [`crate::revert_journal`] to clean up.
#[derive(Debug)]
pub struct NetworkConfigurator {
    options: Options,
    netlink: Netlink,
    journal: Journal,
    current: Option<Current>,
    dns: Option<DnsInForce>,
}

#[derive(Debug)]
struct Current {
    config: TunnelConfig,
    tun: String,
    gateway: IpAddr,
}

#[derive(Clone, Copy, Debug)]
enum DnsInForce {
    Resolved { entry: EntryId, index: u32 },
    File { entry: EntryId },
}

impl NetworkConfigurator {
    /// Opens the journal and takes back what an earlier process left behind. Needs a tokio runtime.
    ///
    /// # Errors
    /// The journal is in use, foreign, or not writable; netlink is not there.
    pub async fn open(options: Options) -> Result<(Self, RevertReport), NetcfgError> {
        let mut journal = open_journal(&options.journal)?;
        let netlink = Netlink::open()?;
        let report = undo::undo_all(&netlink, &mut journal).await?;
        Ok((Self { options, netlink, journal, current: None, dns: None }, report))
    }

    /// Makes this machine's network as `config` says: the interface `tun` gets its addresses, routes and name
    /// servers, and `gateway` (the peer address of the channel) stays outside. Called again after a reconnect, it
    /// changes only what differs.
    ///
    /// # Errors
    /// When anything but the name servers fails, everything is taken back as by [`NetworkConfigurator::revert`].
    pub async fn apply(
        &mut self,
        config: &TunnelConfig,
        tun: &str,
        gateway: IpAddr,
    ) -> Result<Outcome, NetcfgError> {
        let current = Current { config: config.clone(), tun: tun.to_owned(), gateway };
        match self.bring_about(&current).await {
            Ok(outcome) => {
                self.current = Some(current);
                Ok(outcome)
            }
            Err(error) => {
                let report = self.revert().await?;
                tracing::debug!(?report, "taken back after a failure");
                Err(error)
            }
        }
    }

    /// Looks again after the machine's network has changed (see [`crate::Monitor`]): the way to the gateway and to
    /// excluded networks follows the new default route, and name servers that another program overwrote come back.
    /// `None` when nothing is applied.
    ///
    /// # Errors
    /// What could not be done; the next look tries again.
    pub async fn refresh(&mut self) -> Result<Option<Outcome>, NetcfgError> {
        let Some(current) = self.current.take() else { return Ok(None) };
        let outcome = self.bring_about(&current).await;
        self.current = Some(current);
        outcome.map(Some)
    }

    /// Takes everything back. Idempotent; tolerates that the TUN has gone and its routes with it.
    ///
    /// # Errors
    /// The journal or the kernel's tables cannot be read. What single changes refuse is in the report.
    pub async fn revert(&mut self) -> Result<RevertReport, NetcfgError> {
        self.current = None;
        self.dns = None;
        undo::undo_all(&self.netlink, &mut self.journal).await
    }

    /// Takes everything back and removes the journal.
    ///
    /// # Errors
    /// As [`NetworkConfigurator::revert`].
    pub async fn close(mut self) -> Result<RevertReport, NetcfgError> {
        let report = self.revert().await?;
        self.journal.close()?;
        Ok(report)
    }

    async fn bring_about(&mut self, current: &Current) -> Result<Outcome, NetcfgError> {
        let state = self.netlink.state().await?;
        let link =
            state.link(&current.tun).ok_or_else(|| NetcfgError::NoInterface { name: current.tun.clone() })?;
        self.forget_vanished(&state)?;
        let wish = Wish {
            config: &current.config,
            tun: link.index,
            gateway: current.gateway,
            block_other_family: self.options.block_other_family,
        };
        let plan = plan(&state, &wish);
        let changed = !plan.steps.is_empty();
        self.execute(&plan, &state, link).await?;
        let dns = self.bring_dns_about(DnsWish::of(&current.config), link).await;
        let Plan { tunnelled, conflicts, skipped, .. } = plan;
        let kept_outside = self
            .journal
            .pending()
            .filter_map(
                |(_, undo)| if let Undo::Route { route, .. } = undo { Some(route.clone()) } else { None },
            )
            .filter(|route| !tunnelled.contains(&route.destination) && route.destination.prefix_len() != 1)
            .collect();
        Ok(Outcome { tunnelled, kept_outside, conflicts, skipped, dns, changed })
    }

    /// Routes that the kernel dropped with their interface need no undoing.
    fn forget_vanished(&mut self, state: &NetworkState) -> Result<(), NetcfgError> {
        let vanished: Vec<EntryId> = self
            .journal
            .pending()
            .filter(|(_, undo)| {
                matches!(undo, Undo::Route { route, .. }
                    if !state.routes.iter().any(|there| there.is_ours() && there.same_as(route)))
            })
            .map(|(id, _)| id)
            .collect();
        vanished.into_iter().try_for_each(|id| self.journal.done(id))
    }

    async fn execute(&mut self, plan: &Plan, state: &NetworkState, link: &Link) -> Result<(), NetcfgError> {
        let undos: Vec<Option<Undo>> = plan.steps.iter().map(|step| undo_of(step, state, link)).collect();
        let mut entries = self.journal.record(undos.iter().flatten().cloned().collect())?.into_iter();
        let entries: Vec<Option<EntryId>> =
            undos.iter().map(|undo| undo.as_ref().and_then(|_| entries.next())).collect();
        for (step, entry) in plan.steps.iter().zip(entries) {
            match step {
                Step::SetMtu(mtu) => self.netlink.set_mtu(link.index, u32::from(*mtu)).await?,
                Step::Up => {
                    self.netlink.quieten(link.index).await;
                    self.netlink.set_up(link.index, true).await?;
                }
                Step::AddAddress(address) => {
                    if address.addr().is_ipv6() {
                        allow_ipv6(&link.name);
                    }
                    self.netlink.add_address(link.index, *address).await?;
                }
                Step::RemoveAddress(address) => {
                    self.netlink.remove_address(link.index, *address).await?;
                    self.forget(|undo| {
                        matches!(undo, Undo::Address { index, address: added, .. }
                            if *index == link.index && added == address)
                    })?;
                }
                Step::RemoveRoute(route) => {
                    self.netlink.remove_route(route).await?;
                    self.forget(
                        |undo| matches!(undo, Undo::Route { route: added, .. } if added.same_as(route)),
                    )?;
                }
                Step::AddRoute(route) => self.add_route(route, entry).await?,
            }
        }
        Ok(())
    }

    async fn add_route(&mut self, route: &Route, entry: Option<EntryId>) -> Result<(), NetcfgError> {
        let error = match self.netlink.add_route(route).await {
            Ok(()) => return Ok(()),
            Err(error) => error,
        };
        if let Some(entry) = entry {
            self.journal.done(entry)?;
        }
        // A route to the same network came up since the state was read: the next look reports it as a conflict.
        let taken = matches!(&error, NetcfgError::System { source, .. }
            if source.kind() == std::io::ErrorKind::AlreadyExists);
        if taken {
            tracing::warn!(%error, "a route exists already and is left alone");
            return Ok(());
        }
        Err(error)
    }

    fn forget(&mut self, which: impl Fn(&Undo) -> bool) -> Result<(), NetcfgError> {
        let ids: Vec<EntryId> =
            self.journal.pending().filter(|(_, undo)| which(undo)).map(|(id, _)| id).collect();
        ids.into_iter().try_for_each(|id| self.journal.done(id))
    }

    /// Never fails a connect: a tunnel without its name servers is still of use, and the outcome says so.
    async fn bring_dns_about(&mut self, wish: Option<DnsWish>, link: &Link) -> DnsOutcome {
        let result = match wish {
            Some(wish) => self.set_dns(&wish, link).await,
            None => self.unset_dns().await.map(|()| DnsOutcome::Untouched),
        };
        result.unwrap_or_else(|error| {
            tracing::warn!(%error, "the tunnel's name servers are not in use");
            DnsOutcome::Failed { detail: error.to_string() }
        })
    }

    async fn set_dns(&mut self, wish: &DnsWish, link: &Link) -> Result<DnsOutcome, NetcfgError> {
        let resolved = match self.dns {
            Some(DnsInForce::File { .. }) => None,
            Some(DnsInForce::Resolved { .. }) | None if self.options.use_resolved => {
                Resolved::find(&self.options.resolv_conf).await
            }
            Some(DnsInForce::Resolved { .. }) | None => None,
        };
        if let Some(resolved) = resolved {
            let known = matches!(self.dns, Some(DnsInForce::Resolved { index, .. }) if index == link.index);
            if !known {
                self.unset_dns().await?;
                let undo = Undo::ResolvedLink { interface: link.name.clone(), index: link.index };
                let entry = self.journal.record(vec![undo])?.first().copied();
                self.dns = entry.map(|entry| DnsInForce::Resolved { entry, index: link.index });
            }
            resolved.set(link.index, wish).await?;
            return Ok(DnsOutcome::Resolved);
        }
        let entry = match self.dns {
            Some(DnsInForce::File { entry }) => Some(entry),
            Some(DnsInForce::Resolved { .. }) => {
                self.unset_dns().await?;
                None
            }
            None => None,
        };
        check_is_private(&self.options.resolv_conf)?;
        let entry = resolv_conf::apply(&self.options.resolv_conf, wish, &mut self.journal, entry)?;
        self.dns = Some(DnsInForce::File { entry });
        Ok(DnsOutcome::ResolvConf { split_ignored: !wish.split.is_empty() })
    }

    async fn unset_dns(&mut self) -> Result<(), NetcfgError> {
        let (Some(DnsInForce::Resolved { entry, .. }) | Some(DnsInForce::File { entry })) = self.dns else {
            return Ok(());
        };
        let undo = self.journal.pending().find(|(id, _)| *id == entry).map(|(_, undo)| undo.clone());
        if let Some(undo) = undo {
            let state = self.netlink.state().await?;
            undo::undo_one(&self.netlink, &state, &undo).await?;
            self.journal.done(entry)?;
        }
        self.dns = None;
        Ok(())
    }
}

/// New interfaces may come with IPv6 switched off. The TUN is ours and vanishes with the setting, so there is nothing
/// to remember; where it cannot be written, setting the address says so.
fn allow_ipv6(interface: &str) {
    let path: PathBuf = ["/proc/sys/net/ipv6/conf", interface, "disable_ipv6"].iter().collect();
    if let Ok(Some(value)) = sysctl::read(&path)
        && value != "0"
        && let Err(error) = sysctl::write(&path, "0")
    {
        tracing::debug!(%error, "IPv6 stays off on the tunnel's interface");
    }
}

/// How to take a step back; `None` for steps that remove something of ours.
fn undo_of(step: &Step, state: &NetworkState, link: &Link) -> Option<Undo> {
    let before =
        || Undo::Link { interface: link.name.clone(), index: link.index, mtu: link.mtu, up: link.up };
    match step {
        Step::SetMtu(_) | Step::Up => Some(before()),
        Step::AddAddress(address) => {
            Some(Undo::Address { interface: link.name.clone(), index: link.index, address: *address })
        }
        Step::AddRoute(route) => {
            let interface = match route.target {
                Target::Link { index, .. } => state.link_by_index(index).map(|link| link.name.clone()),
                Target::Unreachable => None,
            };
            Some(Undo::Route { route: route.clone(), interface })
        }
        Step::RemoveAddress(_) | Step::RemoveRoute(_) => None,
    }
}

/// In a network namespace of its own the usual resolver file is often still the machine's; and the file of a
/// systemd-resolved that does not answer is not ours to write.
fn check_is_private(path: &Path) -> Result<(), NetcfgError> {
    // Any other file was named by whoever runs the service.
    if path != Path::new("/etc/resolv.conf") {
        return Ok(());
    }
    if namespace::is_shared(path) {
        return Err(NetcfgError::Dns {
            detail: format!(
                "this network namespace shares {} with the machine; give it one of its own \
                 (/etc/netns/NAME/resolv.conf)",
                path.display()
            ),
        });
    }
    let real = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    if real.starts_with("/run/systemd/resolve") && !namespace::is_mount_point(&real) {
        return Err(NetcfgError::Dns {
            detail: format!("{} belongs to systemd-resolved, which does not answer", path.display()),
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Does not run: it compiles, because every future is `Send`.
    #[expect(dead_code, reason = "it is enough that it compiles")]
    fn a_service_can_run_it_in_a_task(mut network: NetworkConfigurator, config: TunnelConfig) {
        tokio::spawn(async move {
            let _ = network.apply(&config, "praya0", IpAddr::from([203, 0, 113, 7])).await;
            let _ = network.refresh().await;
            let _ = network.close().await;
        });
    }
}
