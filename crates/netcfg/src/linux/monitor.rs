//! Tells when the machine's network has changed, by the kernel's own notifications.

use std::net::IpAddr;
use std::time::Duration;

use futures_util::StreamExt;
use rtnetlink::MulticastGroup;
use rtnetlink::packet_core::NetlinkPayload;
use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::packet_route::address::{AddressAttribute, AddressMessage};
use rtnetlink::packet_route::link::{LinkAttribute, LinkMessage};
use rtnetlink::packet_route::route::{RouteAddress, RouteAttribute, RouteHeader, RouteMessage};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

use crate::error::NetcfgError;
use crate::state::ROUTE_PROTOCOL;

/// A busy network that never rests is reported this much later than its first change, at the latest.
const MAX_DELAY: Duration = Duration::from_secs(2);

/// What has changed since the last report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// An interface came, went, or was switched.
    pub links: bool,
    /// An address came or went.
    pub addresses: bool,
    /// A route came or went.
    pub routes: bool,
    /// A default route came or went: the machine may be on another network.
    pub default_route: bool,
}

impl Change {
    fn merge(&mut self, other: Self) {
        self.links |= other.links;
        self.addresses |= other.addresses;
        self.routes |= other.routes;
        self.default_route |= other.default_route;
    }
}

/// Reports changes; ours do not count. It ends when dropped.
#[derive(Debug)]
pub struct Monitor {
    changes: mpsc::Receiver<Change>,
    tasks: [JoinHandle<()>; 2],
}

impl Drop for Monitor {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl Monitor {
    /// Begins to listen. A change is reported when nothing more has happened for `quiet`. What happens on the
    /// interface `own` (our TUN), and routes of ours, are not reported. Needs a tokio runtime.
    ///
    /// # Errors
    /// The netlink socket cannot be opened.
    pub fn start(quiet: Duration, own: Option<&str>) -> Result<Self, NetcfgError> {
        let groups = [
            MulticastGroup::Link,
            MulticastGroup::Ipv4Ifaddr,
            MulticastGroup::Ipv6Ifaddr,
            MulticastGroup::Ipv4Route,
            MulticastGroup::Ipv6Route,
        ];
        let (connection, _handle, mut messages) = rtnetlink::new_multicast_connection(&groups)
            .map_err(|error| NetcfgError::system("watch the network", error))?;
        let (report, changes) = mpsc::channel(1);
        let mut filter = Filter { own: own.map(str::to_owned), own_index: None, quiet_links: Vec::new() };
        let watching = async move {
            while let Some((message, _)) = messages.next().await {
                let Some(mut change) = filter.change(&message.payload) else { continue };
                let latest = Instant::now() + MAX_DELAY;
                let mut until = (Instant::now() + quiet).min(latest);
                while let Ok(Some((message, _))) = timeout_at(until, messages.next()).await {
                    if let Some(more) = filter.change(&message.payload) {
                        change.merge(more);
                        until = (Instant::now() + quiet).min(latest);
                    }
                    if Instant::now() >= latest {
                        break;
                    }
                }
                // As long as nobody takes it, more is added to it.
                loop {
                    tokio::select! {
                        place = report.reserve() => {
                            let Ok(place) = place else { return };
                            place.send(change);
                            break;
                        }
                        message = messages.next() => {
                            let Some((message, _)) = message else { return };
                            filter.change(&message.payload).into_iter().for_each(|more| change.merge(more));
                        }
                    }
                }
            }
        };
        Ok(Self { changes, tasks: [tokio::spawn(connection), tokio::spawn(watching)] })
    }

    /// Waits for the next change. Changes that nobody waited for are merged into one. Cancel-safe. `None` when
    /// listening has failed; the owner should start anew.
    pub async fn changed(&mut self) -> Option<Change> {
        self.changes.recv().await
    }
}

struct Filter {
    own: Option<String>,
    own_index: Option<u32>,
    /// (index, flags) as last seen: statistics and wireless noise repeat a link without changing it.
    quiet_links: Vec<(u32, u32)>,
}

impl Filter {
    fn change(&mut self, payload: &NetlinkPayload<RouteNetlinkMessage>) -> Option<Change> {
        // Messages were lost: anything may have happened.
        if let NetlinkPayload::Overrun(_) = payload {
            return Some(Change { links: true, addresses: true, routes: true, default_route: true });
        }
        let NetlinkPayload::InnerMessage(message) = payload else { return None };
        if let RouteNetlinkMessage::NewLink(link) = message {
            self.link(link, false)
        } else if let RouteNetlinkMessage::DelLink(link) = message {
            self.link(link, true)
        } else if let RouteNetlinkMessage::NewAddress(address) | RouteNetlinkMessage::DelAddress(address) =
            message
        {
            self.address(address)
        } else if let RouteNetlinkMessage::NewRoute(route) | RouteNetlinkMessage::DelRoute(route) = message {
            self.route(route)
        } else {
            None
        }
    }

    fn link(&mut self, link: &LinkMessage, gone: bool) -> Option<Change> {
        let index = link.header.index;
        let name = link.attributes.iter().find_map(|attribute| {
            if let LinkAttribute::IfName(name) = attribute { Some(name) } else { None }
        });
        if self.own.is_some() && name == self.own.as_ref() {
            self.own_index = Some(index);
            return None;
        }
        let flags = link.header.flags.bits();
        let seen = self.quiet_links.iter().position(|(other, _)| *other == index);
        let before = seen.map(|at| self.quiet_links.swap_remove(at).1);
        if !gone {
            self.quiet_links.push((index, flags));
            if before == Some(flags) {
                return None;
            }
        }
        Some(Change { links: true, ..Change::default() })
    }

    fn address(&self, address: &AddressMessage) -> Option<Change> {
        let local = address.attributes.iter().any(
            |attribute| matches!(attribute, AddressAttribute::Address(address) if leads_nowhere(*address)),
        );
        (!local && Some(address.header.index) != self.own_index)
            .then_some(Change { addresses: true, ..Change::default() })
    }

    fn route(&self, route: &RouteMessage) -> Option<Change> {
        let through_own = self.own_index.is_some()
            && route.attributes.iter().any(
                |attribute| matches!(attribute, RouteAttribute::Oif(index) if Some(*index) == self.own_index),
            );
        let local = route.attributes.iter().any(|attribute| {
            matches!(attribute, RouteAttribute::Destination(RouteAddress::Inet6(address))
                if leads_nowhere((*address).into()))
        });
        let is_ours = u8::from(route.header.protocol) == ROUTE_PROTOCOL;
        if is_ours || local || through_own || route.header.table != RouteHeader::RT_TABLE_MAIN {
            return None;
        }
        let default_route = route.header.destination_prefix_length == 0;
        Some(Change { routes: true, default_route, ..Change::default() })
    }
}

/// What an interface gives itself says nothing about the network that it is on.
fn leads_nowhere(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_link_local() || address.is_multicast(),
        IpAddr::V6(address) => address.is_unicast_link_local() || address.is_multicast(),
    }
}
