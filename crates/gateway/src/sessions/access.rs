//! What one session's person may reach, and what the client is told about the tunnel. Pure.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use ipnet::IpNet;
use praya_model::resource::{Endpoint, PortRange, Protocol};
use praya_model::tunnel::Rekey;
use praya_model::{GroupName, Resource, ResourceId, Timestamp, TunnelConfig};
use praya_posture::policy;

use super::leases::Addresses;
use crate::config::{Config, NamedRoutes, Routes};
use crate::store::{Group, Rates};

/// What a person may reach: what groups allow, resources publish, and everybody needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Access {
    /// The person's groups, by name.
    pub groups: Vec<GroupName>,
    /// The resources to list, by group and name.
    pub resources: Vec<Resource>,
    /// Every destination that packets may go to.
    pub endpoints: Vec<Endpoint>,
    /// The networks of all that policy and resources give, also of what the endpoint check takes for a while: a client
    /// learns its routes once, and what it may not reach goes to the gateway's filter and nowhere else.
    pub networks: Vec<IpNet>,
    /// How much a session may carry: what the most generous of the groups allows.
    pub rates: Rates,
}

impl Access {
    /// The access that `groups` and `resources` give. The name servers and a ping of the gateway's own tunnel addresses
    /// are open to everybody.
    pub fn new(config: &Config, groups: &[Group], resources: Vec<Resource>) -> Self {
        let host = |address: IpAddr, protocol, port: Option<u16>| Endpoint {
            protocol,
            net: IpNet::from(address),
            ports: port.map_or(PortRange::ALL, PortRange::one),
        };
        let mut endpoints: Vec<Endpoint> = Vec::new();
        let mut add = |endpoint: Endpoint| {
            if !endpoints.contains(&endpoint) {
                endpoints.push(endpoint);
            }
        };
        for address in &config.tunnel.dns_servers {
            add(host(*address, Protocol::Udp, Some(53)));
            add(host(*address, Protocol::Tcp, Some(53)));
        }
        for address in gateway_addresses(config) {
            add(host(address, Protocol::Icmp, None));
        }
        groups.iter().flat_map(|group| &group.networks).for_each(|endpoint| add(endpoint.clone()));
        resources.iter().flat_map(|resource| &resource.endpoints).for_each(|endpoint| add(endpoint.clone()));
        let networks = endpoints.iter().map(|endpoint| endpoint.net.trunc()).collect();
        Self {
            groups: groups.iter().map(|group| group.name.clone()).collect(),
            resources,
            endpoints,
            networks,
            rates: groups.iter().map(|group| group.rates).reduce(Rates::most_generous).unwrap_or_default(),
        }
    }
}

impl Access {
    /// What the endpoint check leaves of it: of a limited session only those resources, and none of the networks.
    #[must_use]
    pub fn left_by(self: &Arc<Self>, config: &Config, left: &policy::Access) -> Arc<Self> {
        let only = |those: &[ResourceId]| {
            let kept = self.resources.iter().filter(|resource| those.contains(&resource.id)).cloned();
            let left = Self::new(config, &[], kept.collect());
            let (groups, networks) = (self.groups.clone(), self.networks.clone());
            Arc::new(Self { groups, networks, rates: self.rates, ..left })
        };
        match left {
            policy::Access::Allow => Arc::clone(self),
            policy::Access::Limit(those) => only(those),
            policy::Access::Deny => only(&[]),
        }
    }

    /// What is in both: everything that was taken, and nothing that came.
    #[must_use]
    pub fn common(&self, other: &Self) -> Self {
        fn both<T: Clone + PartialEq>(these: &[T], those: &[T]) -> Vec<T> {
            these.iter().filter(|one| those.contains(one)).cloned().collect()
        }
        Self {
            groups: both(&self.groups, &other.groups),
            resources: both(&self.resources, &other.resources),
            endpoints: both(&self.endpoints, &other.endpoints),
            networks: both(&self.networks, &other.networks),
            rates: self.rates.strictest(other.rates),
        }
    }
}

/// One value for all who may reach the same, which is as large as the organisation has resources.
#[derive(Debug, Default)]
pub(super) struct Shared {
    known: Mutex<HashMap<Vec<GroupName>, Weak<Access>>>,
}

impl Shared {
    /// The same as `access`.
    pub(super) fn share(&self, access: Access) -> Arc<Access> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let same = known.get(&access.groups).and_then(Weak::upgrade).filter(|known| **known == access);
        if let Some(same) = same {
            return same;
        }
        if known.len() == known.capacity() {
            known.retain(|_, access| access.strong_count() > 0);
        }
        let access = Arc::new(access);
        known.insert(access.groups.clone(), Arc::downgrade(&access));
        access
    }
}

/// The gateway's own addresses in the tunnel.
pub fn gateway_addresses(config: &Config) -> impl Iterator<Item = IpAddr> {
    let v4 = config.tunnel.gateway_v4().map(IpAddr::from);
    v4.into_iter().chain(config.tunnel.gateway_v6().map(IpAddr::from))
}

/// The settings of one tunnel at `now`. The MTU is the configured one; what the client's own link allows is the
/// caller's to apply.
pub fn tunnel_config(
    config: &Config,
    access: &Access,
    addresses: &Addresses,
    expires: Timestamp,
    now: Timestamp,
) -> TunnelConfig {
    let tunnel = &config.tunnel;
    let own = [addresses.v4.map(IpAddr::from), addresses.v6.map(IpAddr::from)];
    TunnelConfig {
        addresses: own.into_iter().flatten().map(IpNet::from).collect(),
        mtu: tunnel.mtu,
        include: include(config, access),
        exclude: tunnel.exclude.clone(),
        dns_servers: tunnel.dns_servers.clone(),
        split_dns: tunnel.split_dns.clone(),
        search_domains: tunnel.search_domains.clone(),
        dpd: tunnel.dpd,
        keepalive: tunnel.keepalive,
        rekey: if tunnel.rekey.is_zero() { Rekey::None } else { Rekey::NewTunnel { every: tunnel.rekey } },
        idle_timeout: Some(config.sessions.idle_timeout),
        session_timeout: Some(expires.since(now)),
        disconnected_timeout: Some(config.sessions.away_timeout),
        banner: tunnel.banner.clone(),
    }
}

/// The routes. An empty list would mean *everything*, so a person who may reach nothing gets a route to the gateway.
fn include(config: &Config, access: &Access) -> Vec<IpNet> {
    match &config.tunnel.routes {
        Routes::Named(NamedRoutes::All) => Vec::new(),
        Routes::Networks(networks) => networks.clone(),
        Routes::Named(NamedRoutes::Resources) => {
            let reachable = access.networks.iter().copied();
            let dns = config.tunnel.dns_servers.iter().copied().map(IpNet::from);
            let own = gateway_addresses(config).map(IpNet::from);
            // A family without an address of its own cannot be routed.
            let has_family = |net: &IpNet| match net {
                IpNet::V4(_) => config.tunnel.pool_v4.is_some(),
                IpNet::V6(_) => config.tunnel.pool_v6.is_some(),
            };
            let mut networks: Vec<IpNet> = reachable.chain(dns).chain(own).filter(has_family).collect();
            networks.sort();
            networks.dedup();
            let all = networks.clone();
            networks.retain(|net| !all.iter().any(|other| other != net && other.contains(net)));
            networks
        }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use praya_model::GroupName;
    use praya_model::resource::ResourceKind;

    use super::*;

    fn config() -> Config {
        let mut config = Config::initial(vec!["vpn.example".into()]);
        config.tunnel.dns_servers = vec!["10.1.0.53".parse().unwrap()];
        config
    }

    fn tcp(net: &str, port: u16) -> Endpoint {
        Endpoint { protocol: Protocol::Tcp, net: net.parse().unwrap(), ports: PortRange::one(port) }
    }

    fn resource(endpoint: Endpoint) -> Resource {
        Resource {
            id: ResourceId::new("wiki"),
            name: "Wiki".into(),
            description: String::new(),
            group: GroupName::new("staff"),
            kind: ResourceKind::Web,
            address: "http://10.2.0.1/".into(),
            endpoints: vec![endpoint],
        }
    }

    fn group(networks: Vec<Endpoint>) -> Group {
        Group { name: GroupName::new("staff"), description: String::new(), networks, rates: Rates::default() }
    }

    #[test]
    fn a25_reach_is_groups_resources_and_name_servers_and_nothing_else() {
        let access = Access::new(
            &config(),
            &[group(vec![tcp("10.3.0.0/16", 22)])],
            vec![resource(tcp("10.2.0.1/32", 80))],
        );
        let may = |protocol, address: &str, port| {
            access.endpoints.iter().any(|e| e.admits(protocol, address.parse().unwrap(), Some(port)))
        };
        assert!(may(Protocol::Tcp, "10.2.0.1", 80) && may(Protocol::Tcp, "10.3.9.9", 22));
        assert!(may(Protocol::Udp, "10.1.0.53", 53) && may(Protocol::Tcp, "10.1.0.53", 53));
        for (protocol, address, port) in [
            (Protocol::Tcp, "10.2.0.1", 443),
            (Protocol::Udp, "10.2.0.1", 80),
            (Protocol::Tcp, "10.2.0.2", 80),
            (Protocol::Tcp, "10.1.0.53", 22),
            (Protocol::Tcp, "10.88.0.1", 22),
        ] {
            assert!(!may(protocol, address, port), "{protocol:?} {address} {port}");
        }
    }

    #[test]
    fn a_limited_session_reaches_less_and_has_all_its_routes() {
        let config = config();
        let groups = [group(vec![tcp("10.3.0.0/16", 22)])];
        let all = Arc::new(Access::new(&config, &groups, vec![resource(tcp("10.2.0.1/32", 80))]));
        let left = |only: &[&str]| {
            let only = only.iter().map(|id| ResourceId::new(*id)).collect();
            all.left_by(&config, &policy::Access::Limit(only))
        };
        let nets = |access: &Access| {
            let tcp = access.endpoints.iter().filter(|e| e.protocol == Protocol::Tcp && e.ports.first != 53);
            tcp.map(|endpoint| endpoint.net.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(nets(&left(&["wiki"])), ["10.2.0.1/32"], "no networks of groups");
        assert!(nets(&left(&[])).is_empty() && nets(&left(&["other"])).is_empty());
        assert_eq!(include(&config, &left(&[])), include(&config, &all));
        assert_eq!(all.left_by(&config, &policy::Access::Allow), all);
    }

    #[test]
    fn the_most_generous_group_says_how_much_a_session_may_carry() {
        let group = |to_client, from_client| {
            let rates =
                Rates { to_client: NonZeroU32::new(to_client), from_client: NonZeroU32::new(from_client) };
            Group { rates, ..group(Vec::new()) }
        };
        let of = |groups: &[Group]| {
            let Rates { to_client, from_client } = Access::new(&config(), groups, Vec::new()).rates;
            [to_client, from_client].map(|rate| rate.map_or(0, NonZeroU32::get))
        };
        assert_eq!(of(&[group(10, 5), group(20, 1)]), [20, 5]);
        assert_eq!(of(&[group(10, 5), group(0, 1)]), [0, 5], "a group without a rate allows any");
        assert_eq!(of(&[]), [0, 0]);
        let slow = Arc::new(Access::new(&config(), &[group(10, 0)], Vec::new()));
        assert_eq!(slow.left_by(&config(), &policy::Access::Deny).rates, slow.rates);
        assert_eq!(slow.common(&Access::default()).rates, slow.rates);
    }

    #[test]
    fn who_may_reach_the_same_shares_it_until_it_changes() {
        let shared = Shared::default();
        let with = |port| Access::new(&config(), &[group(vec![tcp("10.3.0.0/16", port)])], Vec::new());
        let (one, other) = (shared.share(with(22)), shared.share(with(22)));
        assert!(Arc::ptr_eq(&one, &other));
        let changed = shared.share(with(23));
        assert_eq!(*changed, with(23));
        assert!(Arc::ptr_eq(&changed, &shared.share(with(23))));
        for name in 0..1000 {
            let groups = vec![GroupName::new(name.to_string())];
            drop(shared.share(Access { groups, ..Access::default() }));
        }
        assert!(shared.known.lock().unwrap().len() < 100, "nobody has them any longer");
    }

    #[test]
    fn routes_follow_the_resources_and_are_never_empty_by_accident() {
        let addresses = Addresses { v4: Some([10, 88, 0, 9].into()), v6: None };
        let mut config = config();
        config.tunnel.pool_v6 = None;
        let tunnel = |config: &Config, access: &Access| {
            tunnel_config(config, access, &addresses, Timestamp::from_secs(100), Timestamp::from_secs(40))
        };
        let routes = |config: &Config, access: &Access| {
            tunnel(config, access).include.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        let access = Access::new(
            &config,
            &[group(vec![tcp("10.2.0.0/16", 22), tcp("fd00::/64", 22)])],
            vec![resource(tcp("10.2.0.1/32", 80))],
        );
        assert_eq!(routes(&config, &access), ["10.1.0.53/32", "10.2.0.0/16", "10.88.0.1/32"]);
        config.tunnel.dns_servers.clear();
        assert_eq!(routes(&config, &Access::default()), ["10.88.0.1/32"]);
        config.tunnel.routes = Routes::Named(NamedRoutes::All);
        assert!(routes(&config, &access).is_empty());
        let told = tunnel(&config, &access);
        assert_eq!(told.session_timeout, Some(std::time::Duration::from_secs(60)));
        assert_eq!(told.addresses, ["10.88.0.9/32".parse().unwrap()]);
    }
}
