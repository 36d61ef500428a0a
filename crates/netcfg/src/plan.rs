//! From a tunnel's settings and the machine's present network to the steps between: pure, and the same for the first
//! connect, a reconnect with other settings, and a machine that moved to another network.
//!
//! Full tunnel: two halves of the address space instead of a default route, so that the machine's own default route
//! is never touched. A family without an address inside a full tunnel is made unreachable rather than left to leak
//! past it. Names are another way to leak; see [`crate::dns`].
//!
//! Not covered: a hostile local network that announces routes more specific than the tunnel's (DHCP option 121).
//! Such routes win; they are reported as [`ConflictKind::Bypass`].

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use praya_model::TunnelConfig;

use crate::state::{NetworkState, ROUTE_PROTOCOL, Route, Target};

/// Below this the kernel switches IPv6 off on an interface (RFC 8200, section 5).
const MIN_IPV6_MTU: u16 = 1280;

/// What the tunnel should look like.
#[derive(Clone, Copy, Debug)]
pub struct Wish<'a> {
    /// The gateway's settings.
    pub config: &'a TunnelConfig,
    /// The TUN's interface index.
    pub tun: u32,
    /// The gateway's address that the channel is connected to; it must stay outside the tunnel.
    pub gateway: IpAddr,
    /// In a full tunnel, make the family that has no address inside unreachable.
    pub block_other_family: bool,
}

/// One change, in the order of application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Set the TUN's MTU, in bytes.
    SetMtu(u16),
    /// Give the TUN an address.
    AddAddress(IpNet),
    /// Take an outdated address from the TUN.
    RemoveAddress(IpNet),
    /// Switch the TUN on.
    Up,
    /// Add a route of ours.
    AddRoute(Route),
    /// Remove an outdated route of ours.
    RemoveRoute(Route),
}

/// The steps, and what the person or the help desk should know about them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// What to do; empty when everything is as it should be.
    pub steps: Vec<Step>,
    /// The networks that go through the tunnel once the steps are done.
    pub tunnelled: Vec<IpNet>,
    /// Where the local network and the tunnel want the same addresses.
    pub conflicts: Vec<Conflict>,
    /// What the gateway wished and this machine cannot do.
    pub skipped: Vec<Skipped>,
}

/// The local network and the tunnel want the same addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// The tunnel's network.
    pub network: IpNet,
    /// The network on this machine.
    pub local: IpNet,
    /// The interface it is on.
    pub interface: String,
    /// Who gets the addresses.
    pub kind: ConflictKind,
}

/// Who gets the addresses that two networks claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConflictKind {
    /// The same network on both sides: the local one keeps it, and the tunnel's is not reachable.
    Same,
    /// The local network is a part of the tunnel's: that part is not reachable through the tunnel.
    Shadowed,
    /// The tunnel takes a part of the local network.
    TakesPart,
    /// In a full tunnel, a route through some router leads around it.
    Bypass,
}

/// A wish that this machine cannot fulfil.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Skipped {
    /// No IPv6 here, or the tunnel's MTU is below 1280.
    Ipv6,
    /// A network of a family in which the tunnel has no address.
    NoAddressFor(IpNet),
}

/// What has to change so that the machine looks as wished. `state` may already contain routes of ours, from before;
/// what is outdated among them is removed.
pub fn plan(state: &NetworkState, wish: &Wish<'_>) -> Plan {
    let mut plan = Plan::default();
    let config = wish.config;
    let speaks_ipv6 = state.ipv6 && config.mtu >= MIN_IPV6_MTU;

    let mut addresses: Vec<IpNet> = Vec::new();
    for address in &config.addresses {
        if address.addr().is_ipv6() && !speaks_ipv6 {
            push_once(&mut plan.skipped, Skipped::Ipv6);
        } else {
            push_once(&mut addresses, host(address.addr()));
        }
    }

    let gateway = host(wish.gateway.to_canonical());
    let mut outside: Vec<IpNet> = config.exclude.iter().map(IpNet::trunc).collect();
    push_once(&mut outside, gateway);

    let (mut inside, blocked) = inside(state, wish, &addresses, &outside, &mut plan.skipped);
    find_conflicts(state, wish, &mut inside, &mut plan.conflicts);
    plan.tunnelled.clone_from(&inside);

    let claimed: Vec<IpNet> = inside.iter().chain(&blocked).copied().collect();
    let mut wanted = exceptions(state, wish, &outside, &claimed);
    let through_tun = Target::Link { index: wish.tun, via: None, onlink: false };
    wanted.extend(inside.iter().map(|net| route(*net, through_tun, None)));
    wanted.extend(blocked.iter().map(|net| route(*net, Target::Unreachable, None)));

    let ours: Vec<&Route> = state.routes.iter().filter(|route| route.is_ours()).collect();
    for stale in ours.iter().filter(|route| !wanted.iter().any(|other| other.same_as(route))) {
        plan.steps.push(Step::RemoveRoute((*stale).clone()));
    }
    device_steps(state, wish, &addresses, &mut plan.steps);
    for missing in wanted.into_iter().filter(|route| !ours.iter().any(|other| other.same_as(route))) {
        plan.steps.push(Step::AddRoute(missing));
    }
    plan
}

fn device_steps(state: &NetworkState, wish: &Wish<'_>, addresses: &[IpNet], steps: &mut Vec<Step>) {
    let link = state.link_by_index(wish.tun);
    let present: Vec<IpNet> =
        state.addresses.iter().filter(|(index, _)| *index == wish.tun).map(|(_, address)| *address).collect();
    for stale in
        present.iter().filter(|address| !addresses.contains(address) && !is_link_local(address.addr()))
    {
        steps.push(Step::RemoveAddress(*stale));
    }
    if wish.config.mtu > 0 && link.is_none_or(|link| link.mtu != u32::from(wish.config.mtu)) {
        steps.push(Step::SetMtu(wish.config.mtu));
    }
    for missing in addresses.iter().filter(|address| !present.contains(address)) {
        steps.push(Step::AddAddress(*missing));
    }
    if link.is_none_or(|link| !link.up) {
        steps.push(Step::Up);
    }
}

/// The networks that go through the tunnel, and those that go nowhere.
fn inside(
    state: &NetworkState,
    wish: &Wish<'_>,
    addresses: &[IpNet],
    outside: &[IpNet],
    skipped: &mut Vec<Skipped>,
) -> (Vec<IpNet>, Vec<IpNet>) {
    let config = wish.config;
    let has = |ipv6: bool| addresses.iter().any(|address| address.addr().is_ipv6() == ipv6);
    let (mut nets, mut blocked) = (Vec::new(), Vec::new());
    if config.include.is_empty() {
        for ipv6 in [false, true] {
            if has(ipv6) {
                nets.extend(halves(ipv6));
            } else if wish.block_other_family && (!ipv6 || state.ipv6) {
                blocked.extend(halves(ipv6));
            }
        }
    }
    for net in config.include.iter().map(IpNet::trunc) {
        let ipv6 = net.addr().is_ipv6();
        if !has(ipv6) {
            skipped.push(Skipped::NoAddressFor(net));
        } else if net.prefix_len() == 0 {
            halves(ipv6).into_iter().for_each(|half| push_once(&mut nets, half));
        } else {
            push_once(&mut nets, net);
        }
    }
    // The tunnel's own network: the address itself is set without its prefix, so that it too goes by this plan.
    for address in &config.addresses {
        if address.prefix_len() < address.max_prefix_len() && addresses.contains(&host(address.addr())) {
            push_once(&mut nets, address.trunc());
        }
    }
    // Name servers inside must be asked inside.
    for server in &config.dns_servers {
        let covered = nets.iter().any(|net| net.contains(server));
        if has(server.is_ipv6()) && !covered {
            push_once(&mut nets, host(*server));
        }
    }
    nets.retain(|net| !outside.iter().any(|out| out.contains(net)));
    (nets, blocked)
}

/// Routes that keep `outside` out of the tunnel, the present way, where the tunnel's routes would catch them.
fn exceptions(state: &NetworkState, wish: &Wish<'_>, outside: &[IpNet], claimed: &[IpNet]) -> Vec<Route> {
    let mut routes: Vec<Route> = Vec::new();
    // Loopback and link-local addresses never take a route of ours.
    for out in outside.iter().filter(|out| !out.addr().is_loopback() && !is_link_local(out.addr())) {
        let Some(caught_by) = claimed.iter().filter(|net| net.contains(out)).map(IpNet::prefix_len).max()
        else {
            continue;
        };
        let underlying = state
            .routes
            .iter()
            .filter(|route| !route.is_ours() && route.link() != Some(wish.tun))
            .filter(|route| route.destination.contains(out))
            .max_by_key(|route| (route.destination.prefix_len(), std::cmp::Reverse(route.metric)));
        let (target, source) = match underlying {
            // More specific than the tunnel's routes: it wins as it is.
            Some(route) if route.destination.prefix_len() >= caught_by => continue,
            Some(route) => (route.target, route.source),
            // No way outside: then none at all, rather than the tunnel inside itself.
            None => (Target::Unreachable, None),
        };
        if !routes.iter().any(|route| route.destination == *out) {
            routes.push(route(*out, target, source));
        }
    }
    routes
}

fn find_conflicts(
    state: &NetworkState,
    wish: &Wish<'_>,
    inside: &mut Vec<IpNet>,
    conflicts: &mut Vec<Conflict>,
) {
    for local in &state.routes {
        let Target::Link { index, via, .. } = local.target else { continue };
        let Some(link) = state.link_by_index(index) else { continue };
        let uninteresting = local.is_ours()
            || index == wish.tun
            || link.loopback
            || local.destination.prefix_len() == 0
            || is_link_local(local.destination.addr())
            || local.destination.addr().is_multicast()
            // What is to stay outside is no conflict.
            || wish.config.exclude.iter().any(|out| out.contains(&local.destination));
        if uninteresting {
            continue;
        }
        inside.retain(|network| {
            let is_half = network.prefix_len() == 1;
            let kind = if *network == local.destination {
                ConflictKind::Same
            } else if is_half && network.contains(&local.destination) {
                // A full tunnel leaves the local network itself reachable.
                if via.is_none() || local.destination == host(wish.gateway.to_canonical()) {
                    return true;
                }
                ConflictKind::Bypass
            } else if network.contains(&local.destination) {
                ConflictKind::Shadowed
            } else if local.destination.contains(network) && via.is_none() {
                ConflictKind::TakesPart
            } else {
                return true;
            };
            let conflict =
                Conflict { network: *network, local: local.destination, interface: link.name.clone(), kind };
            if !conflicts.contains(&conflict) {
                conflicts.push(conflict);
            }
            kind != ConflictKind::Same
        });
    }
}

fn route(destination: IpNet, target: Target, source: Option<IpAddr>) -> Route {
    Route { destination, target, source, metric: 0, protocol: ROUTE_PROTOCOL }
}

fn host(address: IpAddr) -> IpNet {
    IpNet::from(address)
}

fn halves(ipv6: bool) -> [IpNet; 2] {
    if ipv6 {
        [Ipv6Addr::UNSPECIFIED, Ipv6Addr::new(0x8000, 0, 0, 0, 0, 0, 0, 0)]
            .map(|start| Ipv6Net::new_assert(start, 1).into())
    } else {
        [Ipv4Addr::UNSPECIFIED, Ipv4Addr::new(128, 0, 0, 0)].map(|start| Ipv4Net::new_assert(start, 1).into())
    }
}

fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    }
}

fn push_once<T: PartialEq>(list: &mut Vec<T>, item: T) {
    if !list.contains(&item) {
        list.push(item);
    }
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
