//! The kernel's interfaces, addresses and routes over rtnetlink.

use std::io;
use std::net::IpAddr;

use futures_util::TryStreamExt;
use ipnet::IpNet;
use rtnetlink::packet_route::AddressFamily;
use rtnetlink::packet_route::address::{AddressAttribute, AddressMessage};
use rtnetlink::packet_route::link::{
    AfSpecInet6, AfSpecUnspec, In6AddrGenMode, LinkAttribute, LinkFlags, LinkMessage,
};
use rtnetlink::packet_route::route::{
    RouteAddress, RouteAttribute, RouteFlags, RouteHeader, RouteMessage, RouteNextHopFlags, RouteProtocol,
    RouteScope, RouteType, RouteVia,
};
use rtnetlink::{AddressMessageBuilder, Handle, LinkUnspec, RouteMessageBuilder};
use tokio::task::JoinHandle;

use crate::error::NetcfgError;
use crate::state::{Link, NetworkState, Route, Target};

/// `ESRCH`, which the kernel says for a route that is not there.
const ESRCH: i32 = 3;
const ENODEV: i32 = 19;
const EADDRNOTAVAIL: i32 = 99;

/// One netlink socket, in the network namespace of the thread that made it.
pub(crate) struct Netlink {
    handle: Handle,
    task: JoinHandle<()>,
}

impl Drop for Netlink {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl std::fmt::Debug for Netlink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Netlink")
    }
}

impl Netlink {
    pub(crate) fn open() -> Result<Self, NetcfgError> {
        let (connection, handle, _) = rtnetlink::new_connection()
            .map_err(|error| NetcfgError::system("open a netlink socket", error))?;
        Ok(Self { handle, task: tokio::spawn(connection) })
    }

    pub(crate) async fn state(&self) -> Result<NetworkState, NetcfgError> {
        let links: Vec<LinkMessage> = self
            .handle
            .link()
            .get()
            .execute()
            .try_collect()
            .await
            .map_err(|e| failed("list interfaces", e))?;
        let addresses: Vec<AddressMessage> = self
            .handle
            .address()
            .get()
            .execute()
            .try_collect()
            .await
            .map_err(|e| failed("list addresses", e))?;
        let routes = self.routes().await?;
        Ok(NetworkState {
            links: links.iter().map(link).collect(),
            addresses: addresses.iter().filter_map(address).collect(),
            routes: routes.iter().filter_map(route).collect(),
            ipv6: speaks_ipv6(),
        })
    }

    /// What the kernel keeps for itself: its own addresses, and broadcast and anycast ones of its networks.
    pub(crate) async fn local(&self) -> Result<Vec<IpNet>, NetcfgError> {
        /// `RT_TABLE_LOCAL`.
        const LOCAL: u8 = 255;
        let is_local = |header: &RouteHeader| {
            header.table == LOCAL
                && matches!(header.kind, RouteType::Local | RouteType::Broadcast | RouteType::Anycast)
        };
        let routes = self.routes().await?;
        Ok(routes
            .iter()
            .filter(|route| is_local(&route.header))
            .filter_map(|route| {
                let destination = route.attributes.iter().find_map(|attribute| {
                    if let RouteAttribute::Destination(value) = attribute { ip(value) } else { None }
                });
                IpNet::new(destination?, route.header.destination_prefix_length).ok()
            })
            .collect())
    }

    /// Of every table.
    async fn routes(&self) -> Result<Vec<RouteMessage>, NetcfgError> {
        let mut routes = Vec::new();
        for question in [
            RouteMessageBuilder::<std::net::Ipv4Addr>::new().build(),
            RouteMessageBuilder::<std::net::Ipv6Addr>::new().build(),
        ] {
            let answer: Result<Vec<RouteMessage>, _> =
                self.handle.route().get(question).execute().try_collect().await;
            routes.extend(answer.map_err(|e| failed("list routes", e))?);
        }
        Ok(routes)
    }

    pub(crate) async fn add_route(&self, route: &Route) -> Result<(), NetcfgError> {
        let what = || format!("add the route to {}", route.destination);
        let message = route_message(route).map_err(|error| NetcfgError::system(what(), error))?;
        self.handle.route().add(message).execute().await.map_err(|e| failed(what(), e))
    }

    /// Removes a route; `false` when it was not there.
    pub(crate) async fn remove_route(&self, route: &Route) -> Result<bool, NetcfgError> {
        let what = || format!("remove the route to {}", route.destination);
        let message = route_message(route).map_err(|error| NetcfgError::system(what(), error))?;
        gone_is_fine(self.handle.route().del(message).execute().await, what)
    }

    pub(crate) async fn add_address(&self, index: u32, address: IpNet) -> Result<(), NetcfgError> {
        let request = self.handle.address().add(index, address.addr(), address.prefix_len());
        request.execute().await.map_err(|e| failed(format!("add the address {address}"), e))
    }

    /// Removes an address; `false` when it was not there.
    pub(crate) async fn remove_address(&self, index: u32, address: IpNet) -> Result<bool, NetcfgError> {
        let request = self.handle.address().del(address_message(index, address));
        gone_is_fine(request.execute().await, || format!("remove the address {address}"))
    }

    pub(crate) async fn set_mtu(&self, index: u32, mtu: u32) -> Result<(), NetcfgError> {
        let message = LinkUnspec::new_with_index(index).mtu(mtu).build();
        self.handle
            .link()
            .set(message)
            .execute()
            .await
            .map_err(|e| failed(format!("set the MTU to {mtu}"), e))
    }

    pub(crate) async fn set_up(&self, index: u32, up: bool) -> Result<(), NetcfgError> {
        let builder = LinkUnspec::new_with_index(index);
        let message = if up { builder.up() } else { builder.down() }.build();
        let what = if up { "switch the interface on" } else { "switch the interface off" };
        self.handle.link().set(message).execute().await.map_err(|e| failed(what, e))
    }

    /// Stops the kernel from making a link-local address and soliciting routers on a TUN. Only noise is at stake,
    /// so an old kernel's refusal is ignored.
    pub(crate) async fn quieten(&self, index: u32) {
        let spec = AfSpecUnspec::Inet6(vec![AfSpecInet6::AddrGenMode(In6AddrGenMode::None)]);
        let message = LinkUnspec::new_with_index(index)
            .append_extra_attribute(LinkAttribute::AfSpecUnspec(vec![spec]))
            .build();
        if let Err(error) = self.handle.link().set(message).execute().await {
            tracing::debug!(%error, "the kernel keeps making link-local addresses");
        }
    }
}

/// What the kernel says about a request, as an I/O error.
fn failed(what: impl Into<String>, error: rtnetlink::Error) -> NetcfgError {
    NetcfgError::system(what, to_io(error))
}

fn to_io(error: rtnetlink::Error) -> io::Error {
    if let rtnetlink::Error::NetlinkError(message) = &error {
        return message.to_io();
    }
    io::Error::other(error.to_string())
}

fn gone_is_fine(
    result: Result<(), rtnetlink::Error>,
    what: impl Fn() -> String,
) -> Result<bool, NetcfgError> {
    match result.map_err(to_io) {
        Ok(()) => Ok(true),
        Err(error) if matches!(error.raw_os_error(), Some(ESRCH | ENODEV | EADDRNOTAVAIL)) => Ok(false),
        Err(error) => Err(NetcfgError::system(what(), error)),
    }
}

/// Whether the kernel has IPv6 and it is not switched off.
fn speaks_ipv6() -> bool {
    std::fs::read_to_string("/proc/sys/net/ipv6/conf/all/disable_ipv6").is_ok_and(|value| value.trim() == "0")
}

fn link(message: &LinkMessage) -> Link {
    let (mut name, mut mtu) = (String::new(), 0);
    for attribute in &message.attributes {
        if let LinkAttribute::IfName(value) = attribute {
            name.clone_from(value);
        } else if let LinkAttribute::Mtu(value) = attribute {
            mtu = *value;
        }
    }
    let flags = message.header.flags;
    Link {
        index: message.header.index,
        name,
        up: flags.contains(LinkFlags::Up),
        loopback: flags.contains(LinkFlags::Loopback),
        mtu,
    }
}

fn address(message: &AddressMessage) -> Option<(u32, IpNet)> {
    let mut found = None;
    for attribute in &message.attributes {
        if let AddressAttribute::Local(address) = attribute {
            found = Some(*address);
        } else if let (AddressAttribute::Address(address), None) = (attribute, found) {
            found = Some(*address);
        }
    }
    Some((message.header.index, IpNet::new(found?, message.header.prefix_len).ok()?))
}

/// A unicast or unreachable route of the main table whose way is alive.
fn route(message: &RouteMessage) -> Option<Route> {
    let header = &message.header;
    let dead = |flags: RouteFlags| flags.intersects(RouteFlags::Dead | RouteFlags::Linkdown);
    let (mut destination, mut via, mut index, mut source, mut metric) = (None, None, None, None, 0);
    let mut table = u32::from(header.table);
    let mut onlink = header.flags.contains(RouteFlags::Onlink);
    let mut is_dead = dead(header.flags);
    let mut take = |attribute: &RouteAttribute| {
        if let RouteAttribute::Destination(value) = attribute {
            destination = ip(value);
        } else if let RouteAttribute::Gateway(value) = attribute {
            via = via.or(ip(value));
        } else if let RouteAttribute::Via(RouteVia::Inet6(value)) = attribute {
            via = via.or(Some(IpAddr::V6(*value)));
        } else if let RouteAttribute::Oif(value) = attribute {
            index = index.or(Some(*value));
        } else if let RouteAttribute::PrefSource(value) = attribute {
            source = ip(value);
        } else if let RouteAttribute::Priority(value) = attribute {
            metric = *value;
        } else if let RouteAttribute::Table(value) = attribute {
            table = *value;
        } else if let RouteAttribute::MultiPath(hops) = attribute {
            return Some(hops.clone());
        }
        None
    };
    let mut multipath = None;
    for attribute in &message.attributes {
        multipath = take(attribute).or(multipath);
    }
    if let Some(hop) = multipath
        .iter()
        .flatten()
        .find(|hop| !hop.flags.intersects(RouteNextHopFlags::Dead | RouteNextHopFlags::Linkdown))
    {
        for attribute in &hop.attributes {
            take(attribute);
        }
        index = Some(hop.interface_index);
        onlink = hop.flags.contains(RouteNextHopFlags::Onlink);
        is_dead = false;
    }
    if is_dead || table != u32::from(RouteHeader::RT_TABLE_MAIN) {
        return None;
    }
    let everything = if header.address_family == AddressFamily::Inet {
        IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED)
    } else if header.address_family == AddressFamily::Inet6 {
        IpAddr::V6(std::net::Ipv6Addr::UNSPECIFIED)
    } else {
        return None;
    };
    let target = if header.kind == RouteType::Unicast {
        Target::Link { index: index?, via, onlink }
    } else if matches!(header.kind, RouteType::Unreachable | RouteType::BlackHole | RouteType::Prohibit) {
        Target::Unreachable
    } else {
        return None;
    };
    let destination = IpNet::new(destination.unwrap_or(everything), header.destination_prefix_length).ok()?;
    Some(Route { destination, target, source, metric, protocol: u8::from(header.protocol) })
}

fn ip(address: &RouteAddress) -> Option<IpAddr> {
    if let RouteAddress::Inet(address) = address {
        Some(IpAddr::V4(*address))
    } else if let RouteAddress::Inet6(address) = address {
        Some(IpAddr::V6(*address))
    } else {
        None
    }
}

fn route_message(route: &Route) -> io::Result<RouteMessage> {
    fn bad(error: impl std::error::Error + Send + Sync + 'static) -> io::Error {
        io::Error::new(io::ErrorKind::InvalidInput, error)
    }
    let mut builder = RouteMessageBuilder::<IpAddr>::new()
        .destination_prefix(route.destination.addr(), route.destination.prefix_len())
        .map_err(bad)?
        .protocol(RouteProtocol::from(route.protocol));
    match route.target {
        Target::Link { index, via, onlink } => {
            builder = builder.output_interface(index);
            if let Some(via) = via {
                builder = builder.gateway(via).map_err(bad)?;
            } else if route.destination.addr().is_ipv4() {
                builder = builder.scope(RouteScope::Link);
            }
            if onlink {
                builder = builder.onlink();
            }
        }
        Target::Unreachable => builder = builder.kind(RouteType::Unreachable),
    }
    if let Some(source) = route.source {
        builder = builder.pref_source(source).map_err(bad)?;
    }
    if route.metric > 0 {
        builder = builder.priority(route.metric);
    }
    Ok(builder.build())
}

fn address_message(index: u32, address: IpNet) -> AddressMessage {
    match address {
        IpNet::V4(net) => AddressMessageBuilder::<std::net::Ipv4Addr>::new()
            .index(index)
            .address(net.addr(), net.prefix_len())
            .build(),
        IpNet::V6(net) => AddressMessageBuilder::<std::net::Ipv6Addr>::new()
            .index(index)
            .address(net.addr(), net.prefix_len())
            .build(),
    }
}
