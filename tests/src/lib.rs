//! What the end-to-end suites share: the lab of three machines, the programs under test and their stock peers.

pub mod clamav;
pub mod client;
pub mod device;
pub mod echoes;
pub mod gateway;
pub mod lab;
pub mod ocserv;
pub mod openconnect;
pub mod raw;
pub mod room;
pub mod router;
pub mod tray;
pub mod window;

pub use lab::Lab;
