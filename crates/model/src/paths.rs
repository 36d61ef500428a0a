//! Where things lie on a client's machine, for the service and for what must work without it.

/// The service's state folder, unless it is told otherwise.
pub const STATE_FOLDER: &str = "/var/lib/praya";
/// The undo journal inside the state folder.
pub const JOURNAL_FILE: &str = "undo.journal";
