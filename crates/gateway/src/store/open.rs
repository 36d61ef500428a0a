//! Opening the database: whose file it is, whether it is whole, and bringing its schema up to date.

use std::fs::{self, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, TransactionBehavior};
use tokio::sync::Semaphore;

use super::{CALLS, Fault, Inner, Result, Store, StoreError};

/// `PRAY`, in the file's head, so that `file` and we know it.
const APPLICATION_ID: i64 = 0x5052_4159;

/// The schema's steps; step N makes version N. A released step is never edited.
const MIGRATIONS: &[&str] = &[
    include_str!("migrations/0001_first.sql"),
    include_str!("migrations/0002_known_devices.sql"),
    include_str!("migrations/0003_posture.sql"),
    include_str!("migrations/0004_api_keys.sql"),
    include_str!("migrations/0005_machines_of_people.sql"),
    include_str!("migrations/0006_rates.sql"),
];

/// What SQLite appends to the database's name for its write-ahead log, and for the index of that.
const LOG: &str = "-wal";
const INDEX: &str = "-shm";

/// SQLite's index of the log begins with so many bytes, which is the most that an opening asks for at once.
const LOG_INDEX: u64 = 32 * 1024;

/// How long a call waits for another process to let go of the database.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

impl Store {
    /// Opens an existing database, checks it, and brings its schema up to date in one transaction.
    ///
    /// # Errors
    /// A missing file ([`StoreError::CannotOpen`]), one that is not ours, newer, damaged, read-only, full or held
    /// by somebody. Nothing is changed in any of these cases.
    pub fn open(path: &Path) -> Result<Self> {
        if let Err(missing) = fs::metadata(path) {
            return Err(StoreError::CannotOpen { path: path.to_owned(), detail: missing.to_string() });
        }
        Self::prepare(path)
    }

    /// Opens a database, making the file with mode 0600 when there is none.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn create(path: &Path) -> Result<Self> {
        let made = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path);
        made.map_err(|error| {
            let path = path.to_owned();
            if error.kind() == ErrorKind::ReadOnlyFilesystem {
                StoreError::ReadOnly { path }
            } else if error.kind() == ErrorKind::StorageFull {
                StoreError::Full { path }
            } else {
                StoreError::CannotOpen { path, detail: error.to_string() }
            }
        })?;
        Self::prepare(path)
    }

    /// A database in memory, for tests and trials.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn in_memory() -> Result<Self> {
        Self::prepare(Path::new(":memory:"))
    }

    fn prepare(path: &Path) -> Result<Self> {
        let untouched = [LOG, INDEX].iter().all(|end| !beside(path, end).exists());
        let prepared = connect(path).map_err(|fault| {
            let error = fault.into_error(path);
            if untouched && matches!(error, StoreError::Full { .. }) {
                // What stays for want of a lock is in use, and not ours alone.
                let _in_use = tidy(path);
            }
            error
        })?;
        Ok(Self {
            inner: Arc::new(Inner {
                connection: Mutex::new(prepared),
                calls: Arc::new(Semaphore::new(CALLS)),
                path: path.to_owned(),
                told: AtomicU64::new(0),
            }),
        })
    }
}

fn connect(path: &Path) -> Result<Connection, Fault> {
    let flags =
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut db = Connection::open_with_flags(path, flags)?;
    db.busy_timeout(BUSY_TIMEOUT)?;
    // SQLite falls back to reading only when it may not write; that would come out much later.
    if db.is_readonly("main")? {
        return Err(StoreError::ReadOnly { path: path.to_owned() }.into());
    }
    db.pragma_update(None, "foreign_keys", true)?;
    db.pragma_update(None, "trusted_schema", false)?;
    check_owner(&db, path)?;
    check_integrity(&db, path)?;
    let _: String = db.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))?;
    // An accepted code must stay accepted over a power cut, so every commit is flushed.
    db.pragma_update(None, "synchronous", "full")?;
    migrate(&mut db, path)?;
    db.set_prepared_statement_cache_capacity(128);
    Ok(db)
}

/// Takes away the empty log and the half-made index that an opening without room leaves. In this mode SQLite holds
/// the database against everybody else, needs no index, and deletes the log when it closes.
pub(super) fn tidy(path: &Path) -> Result<(), Fault> {
    let db = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    db.busy_timeout(Duration::ZERO)?;
    let _: String = db.pragma_update_and_check(None, "locking_mode", "exclusive", |row| row.get(0))?;
    let _: i64 = db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    // Nobody else can have it open now; whoever comes makes it anew.
    let _gone = fs::remove_file(beside(path, INDEX));
    Ok(())
}

/// A file that SQLite keeps beside the database.
fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    name.into()
}

/// Whether the disk that holds `path` has less room than an opening needs.
pub(super) fn is_full(path: &Path) -> bool {
    rustix::fs::statvfs(path).is_ok_and(|disk| disk.f_bavail.saturating_mul(disk.f_frsize) < LOG_INDEX)
}

fn integer(db: &Connection, pragma: &str) -> rusqlite::Result<i64> {
    db.pragma_query_value(None, pragma, |row| row.get(0))
}

/// Refuses another program's database, and a schema that this program does not know.
fn check_owner(db: &Connection, path: &Path) -> Result<(), Fault> {
    let tables: i64 = db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if tables > 0 && integer(db, "application_id")? != APPLICATION_ID {
        return Err(StoreError::NotOurs { path: path.to_owned() }.into());
    }
    let found = integer(db, "user_version")?;
    let known = known_version();
    if found > known {
        return Err(StoreError::Newer { path: path.to_owned(), found, known }.into());
    }
    Ok(())
}

fn check_integrity(db: &Connection, path: &Path) -> Result<(), Fault> {
    let verdict: String = db.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if verdict == "ok" {
        return Ok(());
    }
    // SQLite's verdict is a heading and findings, a line each.
    let detail = verdict.lines().map(str::trim).collect::<Vec<_>>().join(" ");
    Err(StoreError::Damaged { path: path.to_owned(), detail }.into())
}

fn migrate(db: &mut Connection, path: &Path) -> Result<(), Fault> {
    if integer(db, "user_version")? == known_version() {
        return Ok(());
    }
    let step = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Another process may have been quicker, or may even be a newer program: look again inside the transaction.
    check_owner(&step, path)?;
    let from = usize::try_from(integer(&step, "user_version")?).unwrap_or(0);
    for migration in MIGRATIONS.iter().skip(from) {
        step.execute_batch(migration)?;
    }
    step.pragma_update(None, "application_id", APPLICATION_ID)?;
    step.pragma_update(None, "user_version", known_version())?;
    step.commit()?;
    Ok(())
}

fn known_version() -> i64 {
    i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX)
}
