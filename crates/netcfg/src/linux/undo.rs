//! Takes back what a journal says: at the end of a tunnel, at the next start after a crash, and on demand.

use std::path::{Path, PathBuf};

use crate::error::NetcfgError;
use crate::journal::{EntryId, Journal, Undo};
use crate::state::NetworkState;

use super::netlink::Netlink;
use super::resolv_conf::{self, Restored};
use super::resolved::Resolved;
use super::{forwarding, open_journal, sysctl};

/// What a clean-up did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RevertReport {
    /// Changes taken back.
    pub undone: usize,
    /// Changes that were gone already.
    pub gone: usize,
    /// What somebody else has changed since and was therefore left alone.
    pub left_alone: Vec<String>,
    /// What could not be taken back, and why; it stays in the journal.
    pub failed: Vec<String>,
    /// The journal was damaged and could not be read in full; it is kept here.
    pub damaged: Option<PathBuf>,
}

impl RevertReport {
    /// Whether there was nothing to do.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Takes back what the journal at `path` says, after a crash or on demand; without a journal there is nothing to do.
/// Doing it twice does no harm.
///
/// # Errors
/// [`NetcfgError::JournalInUse`] while the process that wrote it lives; [`NetcfgError::Journal`] and
/// [`NetcfgError::ForeignJournal`]. What single changes refuse is in the report.
pub async fn revert_journal(path: &Path) -> Result<RevertReport, NetcfgError> {
    if !path.exists() {
        return Ok(RevertReport::default());
    }
    let mut journal = open_journal(path)?;
    let report = undo_all(&Netlink::open()?, &mut journal).await?;
    journal.close()?;
    Ok(report)
}

/// Removes every route that carries our protocol number, for a machine whose journal is lost. Only when no tunnel
/// of Praya is up in this network namespace.
///
/// # Errors
/// The kernel's tables cannot be read.
pub async fn remove_leftover_routes() -> Result<RevertReport, NetcfgError> {
    let netlink = Netlink::open()?;
    let mut report = RevertReport::default();
    for route in netlink.state().await?.routes.iter().filter(|route| route.is_ours()) {
        match netlink.remove_route(route).await {
            Ok(true) => report.undone += 1,
            Ok(false) => report.gone += 1,
            Err(error) => report.failed.push(error.to_string()),
        }
    }
    Ok(report)
}

/// The newest change first. One that cannot be taken back does not keep the others.
pub(crate) async fn undo_all(netlink: &Netlink, journal: &mut Journal) -> Result<RevertReport, NetcfgError> {
    let mut report = RevertReport { damaged: journal.take_damaged(), ..RevertReport::default() };
    let pending: Vec<(EntryId, Undo)> = journal.pending().map(|(id, undo)| (id, undo.clone())).collect();
    if pending.is_empty() {
        return Ok(report);
    }
    let state = netlink.state().await?;
    for (id, undo) in pending {
        match undo_one(netlink, &state, &undo).await {
            Ok(Restored::Done) => report.undone += 1,
            Ok(Restored::Gone) => report.gone += 1,
            Ok(Restored::NotOurs) => report.left_alone.push(describe(&undo)),
            Err(error) => {
                tracing::warn!(%error, "a change could not be taken back and stays in the journal");
                report.failed.push(error.to_string());
                continue;
            }
        }
        journal.done(id)?;
    }
    Ok(report)
}

pub(crate) async fn undo_one(
    netlink: &Netlink,
    state: &NetworkState,
    undo: &Undo,
) -> Result<Restored, NetcfgError> {
    let is = |interface: &str, index| state.link_by_index(index).filter(|link| link.name == interface);
    let done_or_gone = |done| if done { Restored::Done } else { Restored::Gone };
    Ok(match undo {
        Undo::Route { route, interface } => {
            let gone = match (interface, route.link()) {
                (Some(interface), Some(index)) => is(interface, index).is_none(),
                (None, _) | (_, None) => false,
            };
            if gone { Restored::Gone } else { done_or_gone(netlink.remove_route(route).await?) }
        }
        Undo::Address { interface, index, address } => match is(interface, *index) {
            Some(_) => done_or_gone(netlink.remove_address(*index, *address).await?),
            None => Restored::Gone,
        },
        Undo::Link { interface, index, mtu, up } => match is(interface, *index) {
            Some(link) => {
                if link.mtu != *mtu {
                    netlink.set_mtu(*index, *mtu).await?;
                }
                if link.up != *up {
                    netlink.set_up(*index, *up).await?;
                }
                Restored::Done
            }
            None => Restored::Gone,
        },
        Undo::File { path, original, marker } => {
            let what = || format!("restore {}", path.display());
            resolv_conf::restore(path, original.as_deref(), marker)
                .map_err(|error| NetcfgError::system(what(), error))?
        }
        Undo::ResolvedLink { interface, index } => match is(interface, *index) {
            None => Restored::Gone,
            Some(_) => match Resolved::running().await {
                // A resolver that is not running has forgotten.
                None => Restored::Gone,
                Some(resolved) => done_or_gone(resolved.revert(*index).await?),
            },
        },
        Undo::Sysctl { path, previous, written } => match sysctl::read(path)? {
            None => Restored::Gone,
            Some(present) if present == *previous => Restored::Gone,
            Some(present) if present != *written => Restored::NotOurs,
            Some(_) => {
                sysctl::write(path, previous)?;
                Restored::Done
            }
        },
        Undo::NftTable { name } => {
            forwarding::delete_table(name).await?;
            Restored::Done
        }
    })
}

fn describe(undo: &Undo) -> String {
    match undo {
        Undo::Route { route, .. } => format!("the route to {}", route.destination),
        Undo::Address { address, .. } => format!("the address {address}"),
        Undo::Link { interface, .. } | Undo::ResolvedLink { interface, .. } => {
            format!("the interface {interface}")
        }
        Undo::File { path, .. } | Undo::Sysctl { path, .. } => path.display().to_string(),
        Undo::NftTable { name } => format!("the table {name}"),
    }
}
