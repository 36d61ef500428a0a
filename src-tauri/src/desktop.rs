//! The desktop as the app's logic needs it.

use std::io;
use std::sync::OnceLock;

use praya_desktop::Shell;
use praya_desktop::diagnostics::Facts;
use praya_desktop::notify::Notification;
use praya_desktop::open::{Machine, Os};
use tauri::AppHandle;

use crate::platform::notifications::Notifications;
use crate::platform::{Folders, acts};
use crate::safe_mode::Record;
use crate::window;

/// The real desktop. Before the window system is there it opens and copies nothing.
pub(crate) struct Desktop {
    folders: Folders,
    notifications: Option<Notifications>,
    record: Record,
    safe: bool,
    app: OnceLock<AppHandle>,
}

impl Desktop {
    pub(crate) fn new(
        folders: Folders,
        notifications: Option<Notifications>,
        record: Record,
        safe: bool,
    ) -> Self {
        Self { folders, notifications, record, safe, app: OnceLock::new() }
    }

    /// The window system is there.
    pub(crate) fn is_up(&self, app: AppHandle) {
        // It comes up once.
        let _ = self.app.set(app);
    }
}

/// Shows a notification; says whether the person can answer it there.
async fn shown(
    notifications: Option<Notifications>,
    notification: Notification,
    app: Option<&AppHandle>,
) -> bool {
    let Some(notifications) = notifications else { return false };
    let picture = app.and_then(AppHandle::default_window_icon);
    let asks = notification.stay.is_some();
    match notifications.show(notification, picture).await {
        Ok(answerable) => answerable || !asks,
        Err(error) => {
            tracing::debug!(%error, "this desktop shows no notifications");
            false
        }
    }
}

impl Shell for Desktop {
    fn open_url(&self, url: &str) -> io::Result<()> {
        acts::open(url)
    }

    fn open_share(&self, share: &str) -> io::Result<()> {
        acts::open(share)
    }

    fn open_settings(&self, address: &str) -> io::Result<()> {
        acts::open(address)
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

    fn desktop(&self) -> String {
        acts::desktop()
    }

    fn has_program(&self, program: &str) -> bool {
        acts::has_program(program)
    }

    fn start_at_login(&self, on: bool) -> io::Result<()> {
        acts::start_at_login(&self.folders.config, on)
    }

    fn notify(&self, notification: Notification) {
        if !self.app.get().is_some_and(window::is_seen) {
            self.tell(notification);
        }
    }

    fn tell(&self, notification: Notification) {
        let (notifications, app) = (self.notifications.clone(), self.app.get().cloned());
        tauri::async_runtime::spawn(async move {
            let insists = notification.insists;
            let shown = shown(notifications, notification, app.as_ref()).await;
            if let Some(app) = app.filter(|_| insists && !shown) {
                window::show(&app, None);
            }
        });
    }

    fn show(&self) {
        if let Some(app) = self.app.get() {
            window::show(app, None);
        }
    }

    fn draw_plainly(&self) -> io::Result<()> {
        self.record.forget()
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
