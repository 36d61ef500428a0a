//! What the app's logic needs of the desktop it runs on. The real one is the window system's; tests bring their own.

use std::io;
use std::path::PathBuf;

use crate::diagnostics::Facts;
use crate::notify::Notification;
use crate::open::Machine;

/// The desktop. None of its methods may wait for a person.
pub trait Shell: Send + Sync + 'static {
    /// Hands an `http` or `https` address to the person's browser.
    ///
    /// # Errors
    /// There is none, or it could not be started.
    fn open_url(&self, url: &str) -> io::Result<()>;

    /// Hands a share to the file manager.
    ///
    /// # Errors
    /// As [`Shell::open_url`].
    fn open_share(&self, share: &str) -> io::Result<()>;

    /// Hands an address of the system's own settings to the system.
    ///
    /// # Errors
    /// As [`Shell::open_url`].
    fn open_settings(&self, address: &str) -> io::Result<()>;

    /// Starts a program and leaves it to itself.
    ///
    /// # Errors
    /// It could not be started.
    fn run(&self, program: &str, args: &[String]) -> io::Result<()>;

    /// Puts a text on the clipboard.
    ///
    /// # Errors
    /// There is no clipboard.
    fn copy(&self, text: &str) -> io::Result<()>;

    /// What there is to open things with.
    fn machine(&self) -> Machine;

    /// The desktop in use, as [`crate::system_page::Surroundings::desktop`] has it.
    fn desktop(&self) -> String;

    /// Whether there is a program of this name in the search path, or at this absolute path, that the person may run.
    fn has_program(&self, program: &str) -> bool;

    /// Starts the app at the person's login to the desktop, or no longer.
    ///
    /// # Errors
    /// It cannot be arranged.
    fn start_at_login(&self, on: bool) -> io::Result<()>;

    /// Shows a notification if the window is not before the person's eyes.
    fn notify(&self, notification: Notification);

    /// Shows a notification, whoever looks at what: it answers what the person did outside the window.
    fn tell(&self, notification: Notification);

    /// Brings the window before the person's eyes.
    fn show(&self);

    /// Draws with the graphics card again from the next start on.
    ///
    /// # Errors
    /// It cannot be arranged.
    fn draw_plainly(&self) -> io::Result<()>;

    /// Facts about the machine for the report.
    fn facts(&self) -> Facts;

    /// Ends the app.
    fn quit(&self);
}

/// Where the app keeps its files.
#[derive(Clone, Debug)]
pub struct Paths {
    /// The person's settings.
    pub settings: PathBuf,
    /// What an administrator fixes.
    pub managed: PathBuf,
    /// What is remembered.
    pub memory: PathBuf,
    /// The folder that reports are saved in.
    pub reports: PathBuf,
}

/// The name of the settings file in the folder of the person's configuration, and of the administrator's in `/etc`.
pub const SETTINGS_FILE: &str = "praya/desktop.toml";
/// The name of the memory's file in the folder of the person's state.
pub const MEMORY_FILE: &str = "praya/desktop.json";
