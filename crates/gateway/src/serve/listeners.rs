//! The ports.

use std::io;
use std::net::{SocketAddr, UdpSocket};

use rustix::net::{AddressFamily, SocketFlags, SocketType, sockopt};
use tokio::net::{TcpListener, TcpSocket};

use crate::config::ListenSettings;
use crate::exit::{Code, Fatal, Result};

/// Connections that may wait to be accepted.
const BACKLOG: u32 = 1024;

/// Opens every port, or none. Needs a tokio runtime.
pub(super) fn bind(settings: &ListenSettings) -> Result<(Vec<TcpListener>, Option<TcpListener>)> {
    let has_v4 = |port: u16| settings.https.iter().any(|address| address.is_ipv4() && address.port() == port);
    let mut https = Vec::new();
    for address in &settings.https {
        https.push(
            open(*address, has_v4(address.port()))
                .map_err(|error| refused("listen.https", *address, &error))?,
        );
    }
    let metrics = settings
        .metrics
        .map(|address| open(address, false).map_err(|error| refused("listen.metrics", address, &error)))
        .transpose()?;
    Ok((https, metrics))
}

/// Opens the datagram sockets: `each` for every address, among which the system shares the clients out. `https` is
/// where HTTPS listens, which holds when the settings name nothing else.
pub(super) fn bind_udp(
    settings: &ListenSettings,
    https: &[SocketAddr],
    each: usize,
) -> Result<Vec<UdpSocket>> {
    let addresses = if settings.udp.is_empty() { https } else { &settings.udp };
    let has_v4 = |port: u16| addresses.iter().any(|address| address.is_ipv4() && address.port() == port);
    let mut sockets = Vec::new();
    for address in addresses {
        for _ in 0..each.max(1) {
            let socket = open_udp(*address, has_v4(address.port()), each > 1);
            sockets.push(socket.map_err(|error| refused("listen.udp", *address, &error))?);
        }
    }
    Ok(sockets)
}

/// A socket that did open and is now not usable.
pub(super) fn broken(error: io::Error) -> Fatal {
    Fatal::new(Code::Software, format!("a listening socket cannot be used: {error}"))
}

fn open(address: SocketAddr, v6_only: bool) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    if address.is_ipv6() {
        // Without a listener of its own, IPv4 comes in here too, whatever the system's default is.
        sockopt::set_ipv6_v6only(&socket, v6_only)?;
    }
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

fn open_udp(address: SocketAddr, v6_only: bool, shared: bool) -> io::Result<UdpSocket> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let socket = rustix::net::socket_with(family, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?;
    if address.is_ipv6() {
        sockopt::set_ipv6_v6only(&socket, v6_only)?;
    }
    if shared {
        sockopt::set_socket_reuseport(&socket, true)?;
    }
    rustix::net::bind(&socket, &address)?;
    Ok(UdpSocket::from(socket))
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the system's list of errors is open")]
fn refused(key: &str, address: SocketAddr, error: &io::Error) -> Fatal {
    let port = address.port();
    let (code, hint) = match error.kind() {
        io::ErrorKind::AddrInUse => (
            Code::Unavailable,
            format!("another program uses the port; `ss -ltunp 'sport = :{port}'` shows which, as root"),
        ),
        io::ErrorKind::PermissionDenied => (
            Code::NoPermission,
            "ports below 1024 need CAP_NET_BIND_SERVICE; run as root or through the systemd unit".to_owned(),
        ),
        io::ErrorKind::AddrNotAvailable => {
            (Code::Config, "this machine has no such address; `ip address` shows those it has".to_owned())
        }
        _ if error.raw_os_error() == Some(rustix::io::Errno::AFNOSUPPORT.raw_os_error()) => {
            (Code::Config, format!("this machine has no IPv6; use 0.0.0.0:{port}"))
        }
        _ => (Code::Unavailable, error.to_string()),
    };
    Fatal::new(code, format!("cannot listen on {address} ({key}): {hint}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(https: &[SocketAddr], metrics: Option<SocketAddr>) -> ListenSettings {
        ListenSettings { https: https.to_vec(), metrics, ..ListenSettings::default() }
    }

    #[tokio::test]
    async fn a_used_port_names_setting_address_and_where_to_look() {
        let holder = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let used = holder.local_addr().unwrap();
        let error = bind(&settings(&[used], None)).unwrap_err();
        assert_eq!(error.code, Code::Unavailable);
        for part in ["listen.https", &used.to_string(), "ss -ltunp"] {
            assert!(error.message.contains(part), "{error}");
        }
        let free = "127.0.0.1:0".parse().unwrap();
        let error = bind(&settings(&[free], Some(used))).unwrap_err();
        assert!(error.message.contains("listen.metrics"), "{error}");
    }

    #[test]
    fn datagrams_come_to_the_port_of_https_and_several_sockets_share_it() {
        let settings = ListenSettings::default();
        let one = bind_udp(&settings, &["127.0.0.1:0".parse().unwrap()], 1).unwrap();
        let used = one[0].local_addr().unwrap();
        let error = bind_udp(&settings, &[used], 1).unwrap_err();
        assert!(error.message.contains("listen.udp"), "{error}");
        drop(one);
        let four = bind_udp(&settings, &[used], 4).unwrap();
        assert_eq!(four.len(), 4);
        assert!(four.iter().all(|socket| socket.local_addr().unwrap() == used));
    }

    #[tokio::test]
    async fn an_address_of_another_machine_is_a_matter_of_configuration() {
        let error = bind(&settings(&["192.0.2.77:0".parse().unwrap()], None)).unwrap_err();
        assert_eq!(error.code, Code::Config);
        assert!(error.message.contains("no such address"), "{error}");
    }
}
