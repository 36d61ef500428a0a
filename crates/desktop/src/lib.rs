//! The desktop app without its window: what it shows, what its tray holds, what opens how, what it remembers.
//!
//! The pure half takes values and returns values: [`state`] and [`screen()`] choose what the window draws,
//! [`tray()`] what the tray shows, [`open`] how a resource is opened, [`system_page`] where a finding of the endpoint
//! check is put right, [`invitation`] reads what an administrator handed out, [`notify`] says what is worth a notification, [`history`] what the graph draws. The other half is
//! [`ServiceLink`], which keeps the connection to the service, and [`Engine`], the one task that puts all of it
//! together and publishes the one value [`AppState`]. The window system stays behind the trait [`Shell`].
#![warn(missing_docs)]

mod clean;
mod closing;
pub mod commands;
pub mod diagnostics;
mod engine;
mod files;
pub mod fold;
pub mod fuzz;
pub mod history;
pub mod invitation;
pub mod link;
pub mod memory;
pub mod notify;
pub mod open;
pub mod own_program;
pub mod screen;
pub mod settings;
pub mod shell;
pub mod state;
pub mod system_page;
pub mod tray;

pub use closing::Closing;
pub use engine::{Engine, Parts};
pub use link::ServiceLink;
pub use screen::screen;
pub use settings::Settings;
pub use shell::{Paths, Shell};
pub use state::{AppState, Screen};
pub use tray::{Tray, TrayAction, TrayIcon, TrayItem, tray};

#[cfg(test)]
mod bindings;
#[cfg(test)]
mod fake;
#[cfg(test)]
mod samples;
