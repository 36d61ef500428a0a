//! Blank windows on Linux, avoided before the web view starts: what this machine is like, which settings of WebKitGTK
//! follow from it, and whether the last start came to a window at all.
//!
//! A start that shows its window leaves a mark, and takes it away when there is evidence that something can be seen: a
//! picture of more than one colour on the screen, or the person using a control. That the page's code runs is none,
//! because it does so in an empty window too. A mark that is still there at the next start says that nothing was to be
//! seen: that start draws in safe mode, and so do the next ones until what draws has changed.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What matters of a machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Machine {
    /// NVIDIA's own driver is loaded.
    pub(crate) nvidia: bool,
    /// There is no graphics card that a program can draw with.
    pub(crate) no_card: bool,
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
    if machine.nvidia || machine.no_card || safe {
        // Buffers shared with the compositor stay black or crash the web process with NVIDIA's driver; without a card
        // there are none to share.
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

/// How a start draws.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Drawing {
    /// With the graphics card.
    Plain,
    /// Without it, because the person asked for it.
    SafeAsked,
    /// Without it, because the start before came to no picture.
    SafeAfterFailure,
    /// Without it, because it failed with these very versions before.
    SafeRemembered,
}

impl Drawing {
    /// Whether the graphics card is left alone.
    pub(crate) fn is_safe(self) -> bool {
        self != Self::Plain
    }
}

/// What is kept between starts, in the folder of the person's state: the mark of a start that has not come to a picture
/// yet, and with which versions drawing plainly failed.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    mark: PathBuf,
    failed: PathBuf,
    versions: String,
}

/// What the mark of a start says that drew plainly.
const PLAIN: &str = "plain";
const SAFE: &str = "safe";

impl Record {
    /// The record in the folder of the person's state; `versions` are those of what draws.
    pub(crate) fn in_folder(state: &Path, versions: String) -> Self {
        Self { mark: state.join("praya/starting"), failed: state.join("praya/drawing-failed"), versions }
    }

    /// How this start draws: as the person `asked` (safe or not), else as the record says. Writes nothing.
    pub(crate) fn drawing(&self, asked: Option<bool>) -> Drawing {
        let says = |path: &Path, text: &str| fs::read_to_string(path).is_ok_and(|there| there == text);
        match asked {
            Some(true) => Drawing::SafeAsked,
            Some(false) => Drawing::Plain,
            None if says(&self.mark, PLAIN) => Drawing::SafeAfterFailure,
            None if says(&self.failed, &self.versions) => Drawing::SafeRemembered,
            None => Drawing::Plain,
        }
    }

    /// Notes what `drawing` says of the starts before.
    fn note(&self, drawing: Drawing) -> io::Result<()> {
        match drawing {
            Drawing::SafeAfterFailure => write(&self.failed, &self.versions),
            Drawing::Plain => self.forget(),
            Drawing::SafeAsked | Drawing::SafeRemembered => Ok(()),
        }
    }

    /// Forgets that drawing plainly failed: the next start does it.
    pub(crate) fn forget(&self) -> io::Result<()> {
        remove(&self.failed)
    }
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, text)
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// This start, from its first window to its first picture.
#[derive(Debug)]
pub(crate) struct Start {
    record: Record,
    drawing: Drawing,
    stage: Mutex<Stage>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Stage {
    marked: bool,
    seen: bool,
    watched: bool,
    page_runs: bool,
}

impl Start {
    /// The start of the one app that runs.
    pub(crate) fn new(record: Record, drawing: Drawing) -> Self {
        if let Err(error) = record.note(drawing) {
            tracing::warn!(%error, "how this start draws will not be known at the next");
        }
        Self { record, drawing, stage: Mutex::default() }
    }

    /// Whether the graphics card is left alone.
    pub(crate) fn draws_safely(&self) -> bool {
        self.drawing.is_safe()
    }

    /// The window is about to be shown: from now on a start that ends without a picture has failed.
    pub(crate) fn shows(&self) {
        let mut stage = self.stage();
        if !std::mem::replace(&mut stage.marked, true) {
            let mode = if self.drawing.is_safe() { SAFE } else { PLAIN };
            if let Err(error) = write(&self.record.mark, mode) {
                tracing::warn!(%error, "a start that fails will not be known at the next");
            }
        }
    }

    /// The same; says whether somebody is to look for the picture.
    pub(crate) fn is_shown(&self) -> bool {
        self.shows();
        let mut stage = self.stage();
        !stage.seen && !std::mem::replace(&mut stage.watched, true)
    }

    /// Nobody looks any more.
    pub(crate) fn looked(&self) {
        self.stage().watched = false;
    }

    /// The page asked for the state: it runs, which says little of what is to be seen.
    pub(crate) fn page_is_running(&self) {
        self.stage().page_runs = true;
    }

    /// Whether it did.
    pub(crate) fn page_runs(&self) -> bool {
        self.stage().page_runs
    }

    /// Whether there was no picture yet.
    pub(crate) fn is_waiting(&self) -> bool {
        !self.stage().seen
    }

    /// There is a picture on the screen, or the person uses what they see.
    pub(crate) fn is_seen(&self) {
        self.stage().seen = true;
        if let Err(error) = remove(&self.record.mark) {
            tracing::warn!(%error, "the mark of the start stays");
        }
    }

    fn stage(&self) -> MutexGuard<'_, Stage> {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether pixels, `pixel` bytes each and `width` bytes of each `row`, are more than an area of one colour.
pub(crate) fn is_picture(bytes: &[u8], pixel: usize, row: usize, width: usize) -> bool {
    let rows = bytes.chunks(row.max(1)).map(|row| row.get(..width).unwrap_or(row));
    let mut pixels = rows.flat_map(|row| row.chunks_exact(pixel.max(1)));
    pixels.next().is_some_and(|first| pixels.any(|other| other != first))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CARD: Machine =
        Machine { nvidia: false, no_card: false, wayland: false, x11: true, automated: false };

    fn names(machine: Machine, safe: bool) -> Vec<&'static str> {
        environment(machine, safe).into_iter().map(|(name, _)| name).collect()
    }

    #[test]
    fn a_machine_without_traps_is_left_alone() {
        assert!(names(CARD, false).is_empty());
        assert!(names(Machine { wayland: true, ..CARD }, false).is_empty());
    }

    #[test]
    fn the_known_traps_are_stepped_around() {
        let nvidia = Machine { nvidia: true, ..CARD };
        assert_eq!(names(nvidia, false), ["WEBKIT_DISABLE_DMABUF_RENDERER"]);
        let on_wayland = Machine { wayland: true, ..nvidia };
        assert_eq!(
            names(on_wayland, false),
            ["WEBKIT_DISABLE_DMABUF_RENDERER", "__NV_DISABLE_EXPLICIT_SYNC"]
        );
    }

    #[test]
    fn safe_mode_uses_no_graphics_card() {
        let safe = names(CARD, true);
        assert!(safe.contains(&"LIBGL_ALWAYS_SOFTWARE") && safe.contains(&"WEBKIT_DISABLE_COMPOSITING_MODE"));
        assert!(!safe.contains(&"GDK_BACKEND"));
        assert!(names(Machine { wayland: true, ..CARD }, true).contains(&"GDK_BACKEND"));
        assert!(!names(Machine { wayland: true, x11: false, ..CARD }, true).contains(&"GDK_BACKEND"));
    }

    #[test]
    fn a_driven_window_is_left_alone_in_every_mode() {
        assert!(names(Machine { automated: true, nvidia: true, ..CARD }, true).is_empty());
    }

    #[test]
    fn a_machine_without_a_graphics_card_shares_no_buffers() {
        assert_eq!(names(Machine { no_card: true, ..CARD }, false), ["WEBKIT_DISABLE_DMABUF_RENDERER"]);
    }

    struct Machinery(tempfile::TempDir);

    impl Machinery {
        fn record(&self, versions: &str) -> Record {
            Record::in_folder(self.0.path(), versions.to_owned())
        }

        /// A start with these versions; says how it drew. Its window showed a picture or not.
        fn start(&self, versions: &str, asked: Option<bool>, picture: bool) -> Drawing {
            let record = self.record(versions);
            let drawing = record.drawing(asked);
            let start = Start::new(record, drawing);
            assert!(start.is_shown());
            start.page_is_running();
            if picture {
                start.is_seen();
            }
            drawing
        }
    }

    #[test]
    fn a_machine_that_needs_safe_mode_fails_once_and_not_every_second_time() {
        let machine = Machinery(tempfile::tempdir().unwrap());
        assert_eq!(machine.start("1", None, false), Drawing::Plain);
        assert_eq!(machine.start("1", None, true), Drawing::SafeAfterFailure);
        assert_eq!(machine.start("1", None, true), Drawing::SafeRemembered);
        assert_eq!(machine.start("1", None, true), Drawing::SafeRemembered);
        assert_eq!(machine.start("2", None, true), Drawing::Plain, "what draws has changed");
        assert_eq!(machine.start("1", None, true), Drawing::Plain, "and the old word is forgotten");
    }

    #[test]
    fn the_person_can_ask_for_either() {
        let machine = Machinery(tempfile::tempdir().unwrap());
        machine.start("1", None, false);
        assert_eq!(machine.start("1", Some(false), true), Drawing::Plain);
        assert_eq!(machine.start("1", None, true), Drawing::Plain);
        assert_eq!(machine.start("1", Some(true), true), Drawing::SafeAsked);
        assert_eq!(machine.start("1", None, false), Drawing::Plain);
        assert_eq!(machine.start("1", None, true), Drawing::SafeAfterFailure);
        machine.record("1").forget().unwrap();
        assert_eq!(machine.start("1", None, true), Drawing::Plain);
    }

    #[test]
    fn a_page_that_runs_is_no_evidence_and_a_start_without_a_window_no_failure() {
        let machine = Machinery(tempfile::tempdir().unwrap());
        let start = Start::new(machine.record("1"), Drawing::Plain);
        start.page_is_running();
        assert_eq!(machine.record("1").drawing(None), Drawing::Plain, "nothing was shown yet");
        assert!(start.is_shown() && !start.is_shown(), "one looks");
        assert_eq!(machine.record("1").drawing(None), Drawing::SafeAfterFailure);
        start.looked();
        start.is_seen();
        assert!(!start.is_shown() && !start.is_waiting());
        assert_eq!(machine.record("1").drawing(None), Drawing::Plain);
    }

    #[test]
    fn an_area_of_one_colour_is_no_picture() {
        let blank = [9_u8; 4 * 16];
        assert!(!is_picture(&blank, 3, 16, 12));
        assert!(!is_picture(&[], 3, 16, 12));
        let mut drawn = blank;
        drawn[13] = 0;
        assert!(!is_picture(&drawn, 3, 16, 12), "the rest of a row is no pixel");
        drawn[20] = 0;
        assert!(is_picture(&drawn, 3, 16, 12));
    }
}
