//! Tells systemd how far the gateway is (sd_notify(3)), when it asked to be told.

use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// Variable with the socket's name.
const SOCKET: &str = "NOTIFY_SOCKET";

/// People can sign in.
pub(super) fn ready() {
    send(&format!("READY=1\nMAINPID={}", std::process::id()));
}

/// The gateway is going down.
pub(super) fn stopping() {
    send("STOPPING=1");
}

fn send(message: &str) {
    let Some(name) = std::env::var_os(SOCKET) else { return };
    let bytes = name.as_bytes();
    let address = match bytes.strip_prefix(b"@") {
        Some(abstract_name) => SocketAddr::from_abstract_name(abstract_name),
        None => SocketAddr::from_pathname(&name),
    };
    let sent =
        address.and_then(|address| UnixDatagram::unbound()?.send_to_addr(message.as_bytes(), &address));
    if let Err(error) = sent {
        tracing::warn!(%error, "systemd could not be told");
    }
}
