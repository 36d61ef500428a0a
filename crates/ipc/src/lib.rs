//! Messages between the service and its views, who may send which, and the local socket that carries them.
//!
//! [`message`] is the vocabulary, [`frame`] its form on the wire, [`authorise`] the rule about callers; these are
//! pure. [`serve_connection`] and [`Client`] are the two ends of a connection over any stream, and `linux` is the
//! socket: its file, and the kernel's word on who calls.
#![warn(missing_docs)]

pub mod authorise;
mod client;
mod connection;
pub mod frame;
pub mod fuzz;
pub mod message;
mod rate;

#[cfg(target_os = "linux")]
mod linux;

pub use authorise::{Call, Caller, Rights, Rules, authorise, rights, view_for};
pub use client::{Client, ClientError, REQUEST_TIME, Subscription};
pub use connection::{ConnectionEnd, Handler, Limits, View, serve_connection};
pub use message::{
    Check, CheckOutcome, ClientHello, ClientKind, Diagnosis, Event, FromService, KnownProfile, Request,
    Response, ServiceHello, Target, ToService,
};
pub use praya_model::snapshot::{Reconnect, SignInProgress, Snapshot, Traffic, TunnelView, Warning};

#[cfg(target_os = "linux")]
pub use linux::{BindError, DEFAULT_SOCKET, Server};

/// The version of the protocol. Views and services of different versions refuse each other with
/// [`praya_model::FailureCode::VersionMismatch`].
pub const PROTOCOL: u32 = 1;
