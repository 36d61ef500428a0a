//! The plan on a model of the kernel: tables for what people meet, properties for everything else.

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::state::Link;

const LO: u32 = 1;
const ETH: u32 = 2;
const TUN: u32 = 9;
/// `RTPROT_KERNEL` and `RTPROT_DHCP`.
const KERNEL: u8 = 2;
const DHCP: u8 = 16;

fn net(text: &str) -> IpNet {
    text.parse().unwrap()
}

fn nets(texts: &[&str]) -> Vec<IpNet> {
    texts.iter().map(|text| net(text)).collect()
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn foreign(destination: &str, index: u32, via: Option<&str>) -> Route {
    let target = Target::Link { index, via: via.map(ip), onlink: false };
    let protocol = if via.is_some() { DHCP } else { KERNEL };
    Route { destination: net(destination), target, source: None, metric: 100, protocol }
}

/// A laptop at home: 192.168.1.0/24 with a router at .1, IPv6 from the provider.
fn home() -> NetworkState {
    let link = |index, name: &str, loopback, up| Link { index, name: name.into(), up, loopback, mtu: 1500 };
    NetworkState {
        links: vec![
            link(LO, "lo", true, true),
            link(ETH, "eth0", false, true),
            link(TUN, "praya0", false, false),
        ],
        addresses: vec![(ETH, net("192.168.1.7/24"))],
        routes: vec![
            foreign("0.0.0.0/0", ETH, Some("192.168.1.1")),
            foreign("192.168.1.0/24", ETH, None),
            foreign("::/0", ETH, Some("fe80::1")),
            foreign("2001:db8:1::/64", ETH, None),
            foreign("fe80::/64", ETH, None),
        ],
        ipv6: true,
    }
}

fn config(addresses: &[&str], include: &[&str], exclude: &[&str]) -> TunnelConfig {
    TunnelConfig {
        addresses: nets(addresses),
        mtu: 1400,
        include: nets(include),
        exclude: nets(exclude),
        dpd: Duration::from_secs(30),
        ..TunnelConfig::default()
    }
}

fn wish<'a>(config: &'a TunnelConfig, gateway: &str) -> Wish<'a> {
    Wish { config, tun: TUN, gateway: ip(gateway), block_other_family: true }
}

fn apply(state: &NetworkState, steps: &[Step]) -> NetworkState {
    let mut state = state.clone();
    for step in steps {
        match step {
            Step::SetMtu(mtu) => {
                state.links.iter_mut().filter(|l| l.index == TUN).for_each(|l| l.mtu = (*mtu).into())
            }
            Step::Up => state.links.iter_mut().filter(|l| l.index == TUN).for_each(|l| l.up = true),
            Step::AddAddress(address) => state.addresses.push((TUN, *address)),
            Step::RemoveAddress(address) => state.addresses.retain(|(_, other)| other != address),
            Step::AddRoute(route) => {
                assert!(
                    !state
                        .routes
                        .iter()
                        .any(|other| other.destination == route.destination && other.metric == 0)
                );
                state.routes.push(route.clone());
            }
            Step::RemoveRoute(route) => state.routes.retain(|other| other != route),
        }
    }
    state
}

/// Where the kernel would send a packet to `address`.
fn lookup(state: &NetworkState, address: IpAddr) -> Option<Target> {
    let matching = state.routes.iter().filter(|route| route.destination.contains(&address));
    matching
        .max_by_key(|route| (route.destination.prefix_len(), std::cmp::Reverse(route.metric)))
        .map(|route| route.target)
}

fn through_tun(target: Option<Target>) -> bool {
    matches!(target, Some(Target::Link { index: TUN, .. }))
}

#[test]
fn a_full_tunnel_takes_everything_but_the_gateway_and_the_local_network() {
    let config = config(&["10.9.0.5/24", "fd00:9::5/64"], &[], &[]);
    let plan = plan(&home(), &wish(&config, "203.0.113.7"));
    let state = apply(&home(), &plan.steps);
    for inside in ["8.8.8.8", "203.0.113.8", "10.9.0.1", "2001:4860::8888", "fd00:9::1"] {
        assert!(through_tun(lookup(&state, ip(inside))), "{inside}");
    }
    let router = Some(Target::Link { index: ETH, via: Some(ip("192.168.1.1")), onlink: false });
    assert_eq!(lookup(&state, ip("203.0.113.7")), router);
    assert!(!through_tun(lookup(&state, ip("192.168.1.20"))));
    assert!(state.routes.contains(&foreign("0.0.0.0/0", ETH, Some("192.168.1.1"))), "never touched");
    assert_eq!(plan.conflicts, []);
}

#[test]
fn the_tun_gets_host_addresses_its_mtu_and_is_switched_on() {
    let config = config(&["10.9.0.5/24"], &["10.0.0.0/8"], &[]);
    let plan = plan(&home(), &wish(&config, "203.0.113.7"));
    assert_eq!(plan.steps[..3], [Step::SetMtu(1400), Step::AddAddress(net("10.9.0.5/32")), Step::Up]);
    assert_eq!(plan.tunnelled, nets(&["10.0.0.0/8", "10.9.0.0/24"]));
}

#[test]
fn a_split_tunnel_leaves_the_rest_of_the_network_alone() {
    let config = config(&["10.9.0.5/32"], &["172.31.0.0/24"], &[]);
    let plan = plan(&home(), &wish(&config, "203.0.113.7"));
    let added: Vec<&Route> = plan
        .steps
        .iter()
        .filter_map(|step| if let Step::AddRoute(route) = step { Some(route) } else { None })
        .collect();
    assert_eq!(added.len(), 1, "no route to the gateway is needed: {added:?}");
    assert_eq!(added[0].destination, net("172.31.0.0/24"));
    assert_eq!(added[0].protocol, ROUTE_PROTOCOL);
}

#[test]
fn a_full_tunnel_without_ipv6_does_not_let_ipv6_leak() {
    let config = config(&["10.9.0.5/24"], &[], &[]);
    let state = apply(&home(), &plan(&home(), &wish(&config, "203.0.113.7")).steps);
    assert_eq!(lookup(&state, ip("2001:4860::8888")), Some(Target::Unreachable));
    assert!(
        matches!(lookup(&state, ip("2001:db8:1::9")), Some(Target::Link { index: ETH, .. })),
        "the LAN stays"
    );
    // Where it is allowed, and where there is no IPv6.
    let leaky = Wish { block_other_family: false, ..wish(&config, "203.0.113.7") };
    assert!(
        !plan(&home(), &leaky)
            .steps
            .iter()
            .any(|step| matches!(step, Step::AddRoute(r) if r.destination.addr().is_ipv6()))
    );
    let without = NetworkState { ipv6: false, ..home() };
    assert!(
        !plan(&without, &wish(&config, "203.0.113.7"))
            .steps
            .iter()
            .any(|step| matches!(step, Step::AddRoute(r) if r.destination.addr().is_ipv6()))
    );
}

#[test]
fn a_gateway_on_ipv6_stays_reachable_although_ipv6_is_blocked() {
    let config = config(&["10.9.0.5/24"], &[], &[]);
    let state = apply(&home(), &plan(&home(), &wish(&config, "2001:db8:7::7")).steps);
    let router = Some(Target::Link { index: ETH, via: Some(ip("fe80::1")), onlink: false });
    assert_eq!(lookup(&state, ip("2001:db8:7::7")), router);
}

#[test]
fn ipv6_is_left_out_where_the_mtu_or_the_machine_forbids_it() {
    let mut config = config(&["10.9.0.5/24", "fd00:9::5/64"], &["10.0.0.0/8", "fd00::/16"], &[]);
    config.mtu = 1200;
    let plan = plan(&home(), &wish(&config, "203.0.113.7"));
    assert_eq!(plan.skipped, [Skipped::Ipv6, Skipped::NoAddressFor(net("fd00::/16"))]);
    assert_eq!(plan.tunnelled, nets(&["10.0.0.0/8", "10.9.0.0/24"]));
}

#[test]
fn excluded_networks_go_the_present_way() {
    let config = config(&["10.9.0.5/24"], &["10.0.0.0/8", "10.7.7.0/24"], &["10.7.0.0/16", "10.9.0.0/24"]);
    let plan = plan(&home(), &wish(&config, "203.0.113.7"));
    let state = apply(&home(), &plan.steps);
    assert!(through_tun(lookup(&state, ip("10.8.0.1"))));
    for outside in ["10.7.0.1", "10.7.7.7", "10.9.0.1"] {
        assert!(matches!(lookup(&state, ip(outside)), Some(Target::Link { index: ETH, .. })), "{outside}");
    }
}

#[test]
fn name_servers_inside_are_asked_inside() {
    let mut config = config(&["10.9.0.5/32"], &["172.31.0.0/24"], &[]);
    config.dns_servers = vec![ip("10.53.0.53"), ip("172.31.0.53"), ip("fd00::53")];
    assert_eq!(
        plan(&home(), &wish(&config, "203.0.113.7")).tunnelled,
        nets(&["172.31.0.0/24", "10.53.0.53/32"])
    );
}

#[test]
fn conflicts_with_the_local_network_are_reported() {
    for (include, local, kind, kept) in [
        ("192.168.1.0/24", "192.168.1.0/24", ConflictKind::Same, false),
        ("192.168.0.0/16", "192.168.1.0/24", ConflictKind::Shadowed, true),
        ("192.168.1.64/26", "192.168.1.0/24", ConflictKind::TakesPart, true),
    ] {
        let config = config(&["10.9.0.5/32"], &[include], &[]);
        let plan = plan(&home(), &wish(&config, "203.0.113.7"));
        let conflict = Conflict { network: net(include), local: net(local), interface: "eth0".into(), kind };
        assert_eq!(plan.conflicts, [conflict], "{include}");
        assert_eq!(plan.tunnelled.contains(&net(include)), kept);
    }
}

#[test]
fn a_route_that_leads_around_a_full_tunnel_is_reported() {
    let mut state = home();
    state.routes.push(foreign("8.8.8.0/24", ETH, Some("192.168.1.66")));
    let config = config(&["10.9.0.5/24"], &[], &[]);
    let plan = plan(&state, &wish(&config, "203.0.113.7"));
    assert_eq!(plan.conflicts.len(), 1);
    assert_eq!((plan.conflicts[0].kind, plan.conflicts[0].local), (ConflictKind::Bypass, net("8.8.8.0/24")));
}

#[test]
fn the_way_to_the_gateway_follows_the_machine_to_another_network() {
    let config = config(&["10.9.0.5/24"], &[], &[]);
    let wish = wish(&config, "203.0.113.7");
    let mut state = apply(&home(), &plan(&home(), &wish).steps);
    // Another network; the kernel has dropped nothing by itself.
    state.routes.retain(|route| route.protocol != DHCP);
    state.routes.push(foreign("0.0.0.0/0", ETH, Some("172.16.0.1")));
    let moved = plan(&state, &wish);
    assert_eq!(moved.steps.len(), 2, "{:?}", moved.steps);
    let state = apply(&state, &moved.steps);
    let router = Some(Target::Link { index: ETH, via: Some(ip("172.16.0.1")), onlink: false });
    assert_eq!(lookup(&state, ip("203.0.113.7")), router);
    assert_eq!(plan(&state, &wish).steps, []);
}

#[test]
fn without_any_network_the_tunnel_is_not_sent_through_itself() {
    let config = config(&["10.9.0.5/24"], &[], &[]);
    let mut state = home();
    state.routes.clear();
    let state = apply(&state, &plan(&state, &wish(&config, "203.0.113.7")).steps);
    assert_eq!(lookup(&state, ip("203.0.113.7")), Some(Target::Unreachable));
}

#[test]
fn other_settings_after_a_reconnect_change_only_what_differs() {
    let first = config(&["10.9.0.5/24"], &["172.31.0.0/24", "172.31.1.0/24"], &[]);
    let state = apply(&home(), &plan(&home(), &wish(&first, "203.0.113.7")).steps);
    let second = config(&["10.9.0.6/24"], &["172.31.1.0/24", "172.31.2.0/24"], &[]);
    let plan = plan(&state, &wish(&second, "203.0.113.7"));
    let kinds: Vec<String> = plan
        .steps
        .iter()
        .map(|step| match step {
            Step::AddRoute(route) => format!("+{}", route.destination),
            Step::RemoveRoute(route) => format!("-{}", route.destination),
            Step::AddAddress(address) => format!("+{address}"),
            Step::RemoveAddress(address) => format!("-{address}"),
            Step::SetMtu(_) | Step::Up => panic!("{step:?}"),
        })
        .collect();
    assert_eq!(kinds, ["-172.31.0.0/24", "-10.9.0.5/32", "+10.9.0.6/32", "+172.31.2.0/24"]);
}

#[test]
fn a_next_hop_outside_every_network_is_copied_with_its_flag() {
    let mut state = home();
    let cloud = Target::Link { index: ETH, via: Some(ip("10.255.255.1")), onlink: true };
    state.routes[0].target = cloud;
    let config = config(&["10.9.0.5/24"], &[], &[]);
    let state = apply(&state, &plan(&state, &wish(&config, "203.0.113.7")).steps);
    assert_eq!(lookup(&state, ip("203.0.113.7")), Some(cloud));
}

#[test]
fn a_gateway_s_mapped_address_is_the_ipv4_address_that_it_is() {
    let config = config(&["10.9.0.5/24"], &[], &[]);
    let state = apply(&home(), &plan(&home(), &wish(&config, "::ffff:203.0.113.7")).steps);
    assert!(!through_tun(lookup(&state, ip("203.0.113.7"))));
}

#[test]
fn a_gateway_on_this_machine_needs_no_route() {
    let config = config(&["10.9.0.5/24"], &[], &[]);
    let steps = plan(&home(), &wish(&config, "127.0.0.1")).steps;
    assert!(
        !steps.iter().any(|step| matches!(step, Step::AddRoute(r) if r.destination == net("127.0.0.1/32")))
    );
}

fn any_net() -> impl Strategy<Value = IpNet> {
    // A small space, so that networks meet.
    prop_oneof![
        (0u32..64, 8u8..=32).prop_map(|(bits, len)| {
            IpNet::from(Ipv4Net::new_assert(Ipv4Addr::from(0x0a00_0000 | bits << 18), len)).trunc()
        }),
        (0u128..64, 8u8..=128).prop_map(|(bits, len)| {
            IpNet::from(Ipv6Net::new_assert(Ipv6Addr::from((0xfdu128 << 120) | (bits << 100)), len)).trunc()
        }),
    ]
}

fn any_config() -> impl Strategy<Value = TunnelConfig> {
    (
        prop::sample::subsequence(nets(&["10.9.0.5/24", "fd00:9::5/64"]), 0..=2),
        prop::collection::vec(any_net(), 0..6),
        prop::collection::vec(any_net(), 0..4),
        prop::collection::vec(any_net().prop_map(|net| net.addr()), 0..3),
        prop::sample::select(vec![1200u16, 1280, 1400]),
    )
        .prop_map(|(addresses, include, exclude, dns_servers, mtu)| TunnelConfig {
            addresses,
            include,
            exclude,
            dns_servers,
            mtu,
            ..TunnelConfig::default()
        })
}

fn any_state() -> impl Strategy<Value = NetworkState> {
    (prop::collection::vec((any_net(), any::<bool>()), 0..5), any::<bool>(), any::<bool>()).prop_map(
        |(locals, online, ipv6)| {
            let mut state = home();
            state.ipv6 = ipv6;
            if !online {
                state.routes.clear();
            }
            for (local, routed) in locals {
                let hop = if local.addr().is_ipv4() { "192.168.1.1" } else { "fe80::1" };
                state.routes.push(foreign(&local.to_string(), ETH, routed.then_some(hop)));
            }
            state
        },
    )
}

proptest! {
    #[test]
    fn the_gateway_and_what_is_excluded_never_go_through_the_tunnel(
        state in any_state(), config in any_config(), gateway in any_net(), probe in any_net(),
    ) {
        let wish = Wish { config: &config, tun: TUN, gateway: gateway.addr(), block_other_family: true };
        let after = apply(&state, &plan(&state, &wish).steps);
        prop_assert!(!through_tun(lookup(&after, gateway.addr())));
        for out in &config.exclude {
            prop_assert!(!through_tun(lookup(&after, out.addr())));
            if out.contains(&probe.addr()) {
                prop_assert!(!through_tun(lookup(&after, probe.addr())));
            }
        }
    }

    #[test]
    fn what_the_plan_says_is_tunnelled_is_unless_a_reported_local_network_has_it(
        state in any_state(), config in any_config(), gateway in any_net(),
    ) {
        let wish = Wish { config: &config, tun: TUN, gateway: gateway.addr(), block_other_family: true };
        let plan = plan(&state, &wish);
        let after = apply(&state, &plan.steps);
        for net in plan.tunnelled.iter().filter(|net| net.prefix_len() > 1) {
            let address = net.addr();
            let excused = config.exclude.iter().any(|out| out.contains(&address))
                || address == wish.gateway
                || plan.conflicts.iter().any(|conflict| conflict.local.contains(&address));
            prop_assert!(excused || through_tun(lookup(&after, address)), "{net}");
        }
    }

    #[test]
    fn a_second_plan_has_nothing_to_do_and_removing_ours_restores_the_table(
        state in any_state(), config in any_config(), gateway in any_net(),
    ) {
        let wish = Wish { config: &config, tun: TUN, gateway: gateway.addr(), block_other_family: true };
        let after = apply(&state, &plan(&state, &wish).steps);
        prop_assert_eq!(plan(&after, &wish).steps, vec![]);
        let mut restored = after;
        restored.routes.retain(|route| !route.is_ours());
        prop_assert_eq!(restored.routes, state.routes);
    }

    #[test]
    fn from_any_settings_to_any_others_leads_where_a_fresh_start_leads(
        state in any_state(), first in any_config(), second in any_config(), gateway in any_net(),
    ) {
        let wish = |config| Wish { config, tun: TUN, gateway: gateway.addr(), block_other_family: true };
        let over = apply(&state, &plan(&state, &wish(&first)).steps);
        let over = apply(&over, &plan(&over, &wish(&second)).steps);
        let fresh = apply(&state, &plan(&state, &wish(&second)).steps);
        let sorted = |state: &NetworkState| {
            let mut routes: Vec<String> = state.routes.iter().map(|route| format!("{route:?}")).collect();
            routes.sort();
            routes
        };
        prop_assert_eq!(sorted(&over), sorted(&fresh));
        prop_assert_eq!(over.addresses.len(), fresh.addresses.len());
    }
}
