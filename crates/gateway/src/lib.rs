//! The Praya gateway: HTTPS and sign-in, sessions and their addresses, tunnels, resources, audit.
//!
//! Rules are pure and stand in modules of their own; what touches sockets, files and the clock is a shell around them.

pub mod admin;
pub mod api;
pub mod api_key;
pub mod audit;
pub mod config;
pub mod demo;
pub mod exit;
pub mod forms;
pub mod http;
pub mod init;
pub mod metrics;
pub mod pki;
pub mod posture;
pub mod serve;
pub mod sessions;
pub mod sign_in;
pub mod store;
pub mod text;
pub mod tunnel;

pub use config::Config;
