//! The desktop as the app's logic needs it.

use std::io;
use std::sync::OnceLock;

use praya_desktop::Shell;
use praya_desktop::diagnostics::Facts;
use praya_desktop::notify::Notification;
use praya_desktop::open::{Machine, Os};
use tauri::AppHandle;

use crate::platform::{Folders, acts};
use crate::window;

/// The real desktop. Before the window system is there it opens and copies nothing.
pub(crate) struct Desktop {
    folders: Folders,
    bus: Option<zbus::Connection>,
    safe: bool,
    app: OnceLock<AppHandle>,
}

impl Desktop {
    pub(crate) fn new(folders: Folders, bus: Option<zbus::Connection>, safe: bool) -> Self {
        Self { folders, bus, safe, app: OnceLock::new() }
    }

    /// The window system is there.
    pub(crate) fn is_up(&self, app: AppHandle) {
        // It comes up once.
        let _ = self.app.set(app);
    }

    /// Shows a notification, whoever looks at what.
    pub(crate) fn tell(&self, notification: Notification) {
        let Some(bus) = self.bus.clone() else { return };
        let app = self.app.get().cloned();
        tauri::async_runtime::spawn(async move {
            let picture = app.as_ref().and_then(AppHandle::default_window_icon);
            if let Err(error) = acts::notify(&bus, &notification, picture).await {
                tracing::debug!(%error, "this desktop shows no notifications");
            }
        });
    }
}

impl Shell for Desktop {
    fn open_url(&self, url: &str) -> io::Result<()> {
        acts::open(url)
    }

    fn open_share(&self, share: &str) -> io::Result<()> {
        acts::open(share)
    }

    fn run(&self, program: &str, args: &[String]) -> io::Result<()> {
        acts::start(program, args)
    }

    fn copy(&self, text: &str) -> io::Result<()> {
        let app = self.app.get().ok_or_else(|| io::Error::other("the window system is not up"))?;
        let text = text.to_owned();
        app.run_on_main_thread(move || acts::copy(&text)).map_err(io::Error::other)
    }

    fn machine(&self) -> Machine {
        Machine { os: Os::here(), programs: acts::programs() }
    }

    fn start_at_login(&self, on: bool) -> io::Result<()> {
        acts::start_at_login(&self.folders.config, on)
    }

    fn notify(&self, notification: Notification) {
        if !self.app.get().is_some_and(window::is_seen) {
            self.tell(notification);
        }
    }

    fn facts(&self) -> Facts {
        let mut facts = acts::facts();
        facts.push(("safe mode", self.safe.to_string()));
        Facts(facts)
    }

    fn quit(&self) {
        match self.app.get() {
            Some(app) => app.exit(0),
            None => std::process::exit(0),
        }
    }
}
