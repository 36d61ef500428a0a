//! Blank windows on Linux, avoided before the web view starts: what this machine is like, which settings of WebKitGTK
//! follow from it, and whether the last start came to a window at all.
//!
//! A start leaves a mark; the window's first command takes it away. A mark that is still there at the next start says
//! that no window came up: that start draws in safe mode.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// What matters of a machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Machine {
    /// NVIDIA's own driver is loaded.
    pub(crate) nvidia: bool,
    /// The session is a Wayland one.
    pub(crate) wayland: bool,
    /// Windows of X can be shown (under Wayland: by Xwayland).
    pub(crate) x11: bool,
    /// A test drives the window; some of the settings below hang it.
    pub(crate) automated: bool,
}

/// The environment that the web view needs on `machine`, in the order in which it is set. What the person has set
/// themselves is left alone by the caller.
pub(crate) fn environment(machine: Machine, safe: bool) -> Vec<(&'static str, &'static str)> {
    let mut wanted = Vec::new();
    if machine.automated {
        return wanted;
    }
    if machine.nvidia || safe {
        // Buffers shared with the compositor stay black or crash the web process with NVIDIA's driver.
        wanted.push(("WEBKIT_DISABLE_DMABUF_RENDERER", "1"));
    }
    if machine.nvidia && machine.wayland {
        // Error 71 (protocol error) at the first frame.
        wanted.push(("__NV_DISABLE_EXPLICIT_SYNC", "1"));
    }
    if safe {
        wanted.push(("WEBKIT_DISABLE_COMPOSITING_MODE", "1"));
        wanted.push(("WEBKIT_SKIA_ENABLE_CPU_RENDERING", "1"));
        wanted.push(("LIBGL_ALWAYS_SOFTWARE", "1"));
        if machine.wayland && machine.x11 {
            wanted.push(("GDK_BACKEND", "x11"));
        }
    }
    wanted
}

/// The mark of a start that has not come to a window yet.
#[derive(Clone, Debug)]
pub(crate) struct Mark(PathBuf);

impl Mark {
    /// The mark in the folder of the person's state.
    pub(crate) fn in_folder(state: &Path) -> Self {
        Self(state.join("praya/starting"))
    }

    /// Whether the last start left it.
    pub(crate) fn is_there(&self) -> bool {
        self.0.exists()
    }

    /// Leaves it.
    pub(crate) fn leave(&self) -> io::Result<()> {
        if let Some(folder) = self.0.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(&self.0, "")
    }

    /// Takes it away.
    pub(crate) fn take_away(&self) {
        if let Err(error) = fs::remove_file(&self.0)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(%error, "the mark of the start stays");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Machine = Machine { nvidia: false, wayland: false, x11: true, automated: false };

    fn names(machine: Machine, safe: bool) -> Vec<&'static str> {
        environment(machine, safe).into_iter().map(|(name, _)| name).collect()
    }

    #[test]
    fn a_machine_without_traps_is_left_alone() {
        assert!(names(PLAIN, false).is_empty());
        assert!(names(Machine { wayland: true, ..PLAIN }, false).is_empty());
    }

    #[test]
    fn the_known_traps_are_stepped_around() {
        let nvidia = Machine { nvidia: true, ..PLAIN };
        assert_eq!(names(nvidia, false), ["WEBKIT_DISABLE_DMABUF_RENDERER"]);
        let on_wayland = Machine { wayland: true, ..nvidia };
        assert_eq!(
            names(on_wayland, false),
            ["WEBKIT_DISABLE_DMABUF_RENDERER", "__NV_DISABLE_EXPLICIT_SYNC"]
        );
    }

    #[test]
    fn safe_mode_uses_no_graphics_card() {
        let safe = names(PLAIN, true);
        assert!(safe.contains(&"LIBGL_ALWAYS_SOFTWARE") && safe.contains(&"WEBKIT_DISABLE_COMPOSITING_MODE"));
        assert!(!safe.contains(&"GDK_BACKEND"));
        assert!(names(Machine { wayland: true, ..PLAIN }, true).contains(&"GDK_BACKEND"));
        assert!(!names(Machine { wayland: true, x11: false, ..PLAIN }, true).contains(&"GDK_BACKEND"));
    }

    #[test]
    fn a_driven_window_is_left_alone_in_every_mode() {
        assert!(names(Machine { automated: true, nvidia: true, ..PLAIN }, true).is_empty());
    }

    #[test]
    fn a_start_that_failed_is_known_at_the_next() {
        let folder = std::env::temp_dir().join(format!("praya-mark-{}", std::process::id()));
        let mark = Mark::in_folder(&folder);
        assert!(!mark.is_there());
        mark.leave().unwrap();
        assert!(mark.is_there());
        mark.take_away();
        mark.take_away();
        assert!(!mark.is_there());
        fs::remove_dir_all(folder).unwrap();
    }
}
