//! What a display shows, asked of the display itself: which windows are to be seen, and the cross that closes them.

use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use x11rb::connection::Connection;
use x11rb::protocol::xproto::{
    AtomEnum, ChangeWindowAttributesAux, ClientMessageEvent, ConnectionExt, EventMask, MapState, Window,
};
use x11rb::rust_connection::{DefaultStream, RustConnection};

use crate::HANG;

/// A connection to a display.
pub struct Screen {
    connection: RustConnection<DefaultStream>,
    root: Window,
}

impl Screen {
    /// Looks at the display behind this socket.
    ///
    /// # Errors
    /// When there is none.
    pub fn open(socket: &Path) -> Result<Self> {
        let stream = UnixStream::connect(socket).with_context(|| socket.display().to_string())?;
        let (stream, _) = DefaultStream::from_unix_stream(stream)?;
        let connection = RustConnection::connect_to_stream_with_auth_info(stream, 0, Vec::new(), Vec::new())?;
        let root = connection.setup().roots.first().context("a screen")?.root;
        let wish = ChangeWindowAttributesAux::new().event_mask(EventMask::SUBSTRUCTURE_NOTIFY);
        connection.change_window_attributes(root, &wish)?.check()?;
        Ok(Self { connection, root })
    }

    /// The windows of this title that are to be seen now.
    ///
    /// # Errors
    /// When the display is gone.
    pub fn windows(&self, title: &str) -> Result<Vec<Window>> {
        let mut found = Vec::new();
        for window in self.connection.query_tree(self.root)?.reply()?.children {
            if self.is_shown(window, title).unwrap_or(false) {
                found.push(window);
            }
        }
        Ok(found)
    }

    /// Waits until this many windows of the title are to be seen; looks again whenever one comes or goes.
    ///
    /// # Errors
    /// When that does not come.
    pub fn wait_for_windows(&self, title: &str, count: usize) -> Result<Vec<Window>> {
        let until = Instant::now() + HANG;
        loop {
            let windows = self.windows(title)?;
            if windows.len() == count {
                return Ok(windows);
            }
            // Events that came with the answers above wait in a queue of their own.
            let mut happened = false;
            while self.connection.poll_for_event()?.is_some() {
                happened = true;
            }
            if !happened {
                let left = until.saturating_duration_since(Instant::now());
                let left = Timespec { tv_sec: i64::try_from(left.as_secs())?, tv_nsec: 0 };
                let stream = self.connection.stream();
                poll(&mut [PollFd::new(stream, PollFlags::IN)], Some(&left))?;
            }
            ensure!(Instant::now() < until, "{} windows called {title} are to be seen", windows.len());
        }
    }

    /// Asks a window to close, as its cross does (ICCCM, section 4.2.8.1).
    ///
    /// # Errors
    /// When the display is gone.
    pub fn close(&self, window: Window) -> Result<()> {
        let atom = |name: &str| {
            Ok::<_, anyhow::Error>(self.connection.intern_atom(false, name.as_bytes())?.reply()?.atom)
        };
        let (protocols, delete) = (atom("WM_PROTOCOLS")?, atom("WM_DELETE_WINDOW")?);
        let message = ClientMessageEvent::new(32, window, protocols, [delete, x11rb::CURRENT_TIME, 0, 0, 0]);
        self.connection.send_event(false, window, EventMask::NO_EVENT, message)?.check()?;
        Ok(())
    }

    /// A window may go while it is looked at.
    fn is_shown(&self, window: Window, title: &str) -> Result<bool> {
        let name = self
            .connection
            .get_property(false, window, AtomEnum::WM_NAME, AtomEnum::ANY, 0, 256)?
            .reply()?
            .value;
        let shown = self.connection.get_window_attributes(window)?.reply()?.map_state == MapState::VIEWABLE;
        Ok(shown && name == title.as_bytes())
    }
}
