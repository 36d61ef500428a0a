//! The Praya gateway: HTTPS and sign-in, sessions and their addresses, tunnels, resources, audit.
//!
//! Rules are pure and stand in modules of their own; what touches sockets, files and the clock is a shell around them.

pub mod admin;
pub mod audit;
pub mod forms;
pub mod api;
pub mod config;
pub mod exit;
pub mod http;
pub mod init;
pub mod metrics;
pub mod pki;
pub mod text;
pub mod tunnel;
pub mod sessions;
pub mod sign_in;
pub mod store;

use std::sync::Arc;

pub use config::Config;

/// A gateway at work: what the fronts (API, forms, tunnels, metrics) are given.
#[derive(Clone)]
pub struct Gateway {
    /// The settings.
    pub config: Arc<Config>,
    /// The database.
    pub store: store::Store,
    /// The sign-in.
    pub sign_in: sign_in::SignInService,
    /// The sessions.
    pub sessions: Arc<sessions::Sessions>,
    /// The audit.
    pub audit: audit::Audit,
    /// The counters.
    pub metrics: metrics::Metrics,
}
