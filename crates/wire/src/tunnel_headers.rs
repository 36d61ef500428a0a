//! The headers of CONNECT and of its reply, as network settings: `docs/protocol.md`, section 3.
//!
//! Stock openconnect compares the names of reply headers with regard to case, so the spelling here is the protocol.

use std::net::IpAddr;

use praya_model::{Secret, SessionId, TunnelConfig};
use thiserror::Error;

pub mod datagrams;
mod reply;
mod request;
mod value;

pub use datagrams::{DatagramAnswer, DatagramOffer};
pub use reply::{parse_connect_reply, write_connect_refusal, write_connect_reply};
pub use request::{parse_connect_request, write_connect_request};

/// The path of the CONNECT that opens a tunnel.
pub const TUNNEL_PATH: &str = "/CSCOSSLC/tunnel";
/// The name of the session cookie.
pub const COOKIE_NAME: &str = "webvpn";
/// The smallest MTU that is taken from a gateway, in bytes.
pub const MIN_MTU: u16 = 576;
/// The smallest MTU that carries IPv6 (RFC 8200 section 5); below it the tunnel is IPv4 only.
pub const MIN_IPV6_MTU: u16 = 1280;
/// The most entries of one list (networks, name servers, domains) that are taken from a gateway.
pub const MAX_LIST: usize = 1024;
/// The longest text (banner, name) that is taken or sent, in bytes.
pub const MAX_TEXT: usize = 4096;

/// What a client asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectRequest {
    /// The gateway as in the `Host` header.
    pub host: String,
    /// The client's name and version.
    pub user_agent: String,
    /// The session cookie; without a usable one the answer is 401.
    pub cookie: Option<Secret>,
    /// The client machine's name.
    pub host_name: Option<String>,
    /// The link's MTU, in bytes.
    pub base_mtu: Option<u16>,
    /// The tunnel MTU that an older client would like, in bytes.
    pub mtu: Option<u16>,
    /// Takes IPv4 addresses.
    pub ipv4: bool,
    /// Takes IPv6 addresses.
    pub ipv6: bool,
    /// Understands `X-CSTP-Address-IP6`.
    pub full_ipv6: bool,
    /// The addresses that it had before, on a reconnect.
    pub previous: Vec<IpAddr>,
    /// Proof of possession of the device key (`X-Praya-Proof`).
    pub proof: Option<String>,
    /// Sends and takes [super-packets](crate::super_packet) (`X-Praya-Super-Packets`).
    pub super_packets: bool,
    /// What it can do over UDP.
    pub datagrams: DatagramOffer,
}

impl Default for ConnectRequest {
    /// A modern client: both families, and no more than that.
    fn default() -> Self {
        Self {
            host: String::new(),
            user_agent: String::new(),
            cookie: None,
            host_name: None,
            base_mtu: None,
            mtu: None,
            ipv4: true,
            ipv6: true,
            full_ipv6: true,
            previous: Vec::new(),
            proof: None,
            super_packets: false,
            datagrams: DatagramOffer::default(),
        }
    }
}

/// What the gateway grants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConnectReply {
    /// The network settings.
    pub config: TunnelConfig,
    /// The gateway's name, to show.
    pub server_name: Option<String>,
    /// The client machine's name as the gateway took it; ocserv repeats what the client said.
    pub host_name: Option<String>,
    /// The link MTU that the tunnel MTU was computed from, in bytes.
    pub base_mtu: Option<u16>,
    /// The session's public identifier (`X-Praya-Session`).
    pub session: Option<SessionId>,
    /// The session's next cookie (`X-Praya-Cookie`).
    pub cookie: Option<Secret>,
    /// Sends and takes [super-packets](crate::super_packet); only to a client that does.
    pub super_packets: bool,
    /// The UDP channel; only to a client that offered it.
    pub datagrams: Option<DatagramAnswer>,
    /// Names of headers whose value made no sense and was left out; for the log. Not written.
    pub ignored: Vec<String>,
}

/// Why headers open no tunnel.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TunnelHeaderError {
    /// Not a CONNECT for [`TUNNEL_PATH`].
    #[error("not a tunnel request")]
    NotATunnel,
    /// The gateway said no; 401 means that the cookie is dead.
    #[error("the gateway refused the tunnel with status {status}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The gateway's words, from `X-Reason`.
        reason: Option<String>,
    },
    /// The reply has no usable address.
    #[error("the gateway gave no address")]
    NoAddress,
    /// The reply has no usable MTU.
    #[error("the gateway gave no usable MTU")]
    NoMtu,
}
