//! The ports.

use std::io;
use std::net::SocketAddr;

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

/// A socket that did open and is now not usable.
pub(super) fn broken(error: io::Error) -> Fatal {
    Fatal::new(Code::Software, format!("a listening socket cannot be used: {error}"))
}

fn open(address: SocketAddr, v6_only: bool) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    if address.is_ipv6() {
        // Without a listener of its own, IPv4 comes in here too, whatever the system's default is.
        rustix::net::sockopt::set_ipv6_v6only(&socket, v6_only)?;
    }
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the system's list of errors is open")]
fn refused(key: &str, address: SocketAddr, error: &io::Error) -> Fatal {
    let port = address.port();
    let (code, hint) = match error.kind() {
        io::ErrorKind::AddrInUse => (
            Code::Unavailable,
            format!("another program uses the port; `ss -ltnp 'sport = :{port}'` shows which, as root"),
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
        for part in ["listen.https", &used.to_string(), "ss -ltnp"] {
            assert!(error.message.contains(part), "{error}");
        }
        let free = "127.0.0.1:0".parse().unwrap();
        let error = bind(&settings(&[free], Some(used))).unwrap_err();
        assert!(error.message.contains("listen.metrics"), "{error}");
    }

    #[tokio::test]
    async fn an_address_of_another_machine_is_a_matter_of_configuration() {
        let error = bind(&settings(&["192.0.2.77:0".parse().unwrap()], None)).unwrap_err();
        assert_eq!(error.code, Code::Config);
        assert!(error.message.contains("no such address"), "{error}");
    }
}
