//! The addresses of the gateway's own machine: what runs on it is no part of the networks behind it.

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::{Arc, Weak};
use std::time::Duration;

use arc_swap::ArcSwap;
use ipnet::IpNet;
use praya_netcfg::{Monitor, NetcfgError, local_destinations};

/// Between two attempts to listen to a kernel that does not talk.
const RETRY: Duration = Duration::from_secs(1);

/// A shared list of addresses. Clones show the same list.
#[derive(Clone, Debug, Default)]
pub struct OwnAddresses(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    always: Vec<IpAddr>,
    /// Swapped as a whole: every packet reads it, and none waits for it.
    known: ArcSwap<Known>,
}

/// Hosts apart from wider nets: a machine may have thousands of addresses, and every packet is looked up.
#[derive(Debug, Default)]
struct Known {
    hosts: HashSet<IpAddr>,
    wider: Vec<IpNet>,
}

impl OwnAddresses {
    /// Just these, whatever the kernel says; the rest comes by [`OwnAddresses::follow`].
    pub fn new(always: impl IntoIterator<Item = IpAddr>) -> Self {
        let own = Self(Arc::new(Shared { always: always.into_iter().collect(), known: ArcSwap::default() }));
        own.set([]);
        own
    }

    /// Adds what the kernel takes for this machine, now and as it changes. Needs a tokio runtime.
    ///
    /// # Errors
    /// The kernel cannot be asked.
    pub async fn follow(&self) -> Result<(), NetcfgError> {
        // First listen, then look: a change in between is not lost.
        let monitor = Monitor::start(Duration::ZERO, None)?;
        self.set(local_destinations().await?);
        tokio::spawn(keep_up(Arc::downgrade(&self.0), monitor));
        Ok(())
    }

    /// Takes `nets` in place of what the kernel said before.
    pub fn set(&self, nets: impl IntoIterator<Item = IpNet>) {
        let (hosts, wider): (Vec<_>, Vec<_>) =
            nets.into_iter().partition(|net| net.prefix_len() == net.max_prefix_len());
        let hosts = hosts.iter().map(IpNet::addr).chain(self.0.always.iter().copied()).collect();
        self.0.known.store(Arc::new(Known { hosts, wider }));
    }

    /// Whether a packet to `address` ends at this machine.
    pub fn contains(&self, address: IpAddr) -> bool {
        let known = self.0.known.load();
        known.hosts.contains(&address) || known.wider.iter().any(|net| net.contains(&address))
    }
}

/// Ends when nobody needs the list any more.
async fn keep_up(list: Weak<Shared>, mut monitor: Monitor) {
    loop {
        let looked = match monitor.changed().await {
            Some(change) if !(change.addresses || change.links) => continue,
            Some(_) => local_destinations().await,
            None => {
                tokio::time::sleep(RETRY).await;
                match Monitor::start(Duration::ZERO, None) {
                    Ok(anew) => {
                        monitor = anew;
                        local_destinations().await
                    }
                    Err(error) => Err(error),
                }
            }
        };
        let Some(list) = list.upgrade() else { return };
        match looked {
            Ok(nets) => OwnAddresses(list).set(nets),
            Err(error) => tracing::warn!(%error, "this machine's addresses cannot be read; as last known"),
        }
    }
}
