//! The gateway's memory: one SQLite file with people, tokens, groups, resources, sessions and the audit.
//!
//! Calls block for as long as SQLite does (a commit is flushed to disk); asynchronous callers use [`Store::run`].

mod api_keys;
mod audit;
mod identity;
mod office;
mod open;
mod posture;
mod records;
mod resources;
mod sessions;
mod tally;
#[cfg(test)]
mod tests;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use praya_model::Timestamp;
use rusqlite::types::{FromSqlError, Type};
use rusqlite::{Connection, ErrorCode, Row, Transaction, TransactionBehavior};
use tokio::sync::Semaphore;

pub use office::{Deletion, MOST_POLICIES, MOST_POLICY_BYTES, MachineQuery, Machines, NotSaved, Place};
pub use posture::{Added, VERDICTS_A_DAY, VERDICTS_KEPT, VERSIONS_KEPT};
pub use praya_identity::StoreError;
pub use praya_identity::store::Result;
pub use records::{
    AuditEvent, AuditFilter, AuditRecord, CookieHash, CookieState, DeviceKey, Group, Lease, NewAudit,
    NewVerdict, Outcome, PolicyRow, Rates, SessionRow, VerdictRow, Verdicts,
};
pub use sessions::Begun;
pub use tally::{ChannelTally, Tally, TrafficRow};

/// How many blocking threads [`Store::run`] takes at once; the connection serves one at a time anyway.
const CALLS: usize = 4;

/// A handle on the database; clones share one connection.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

/// Notices commits of other processes, such as an administrator's command, and what [`Store::tell_changes`] says.
pub struct Changes {
    store: Store,
    seen: Option<(i64, u64)>,
}

struct Inner {
    connection: Mutex<Connection>,
    // Who waits for the connection waits as a task and not as a thread.
    calls: Arc<Semaphore>,
    path: PathBuf,
    told: AtomicU64,
}

impl Store {
    /// The file.
    pub fn path(&self) -> &Path {
        &self.inner.path
    }

    /// Runs `work` on a blocking thread, a few calls at a time. `work` must not wait for another call of this.
    ///
    /// # Errors
    /// What `work` returns, and [`StoreError::Failed`] when the runtime is going down.
    pub async fn run<T, E, F>(&self, work: F) -> Result<T, E>
    where
        F: FnOnce(&Self) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let call = Arc::clone(&self.inner.calls).acquire_owned().await;
        let store = self.clone();
        let working = move || {
            // Whoever waits for this may give up; the thread is taken until the work is done.
            let _call = call;
            work(&store)
        };
        match tokio::task::spawn_blocking(working).await {
            Ok(done) => done,
            Err(gone) => Err(StoreError::Failed { detail: gone.to_string() }.into()),
        }
    }

    /// A watch on commits made by anybody but this store and its clones.
    pub fn changes(&self) -> Changes {
        Changes { store: self.clone(), seen: None }
    }

    /// Makes [`Changes`] notice what this process has committed for an administrator, as if another one had.
    pub fn tell_changes(&self) {
        self.inner.told.fetch_add(1, Ordering::Relaxed);
    }

    /// A value that the gateway keeps about itself, such as the version of its last start.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn setting(&self, key: &str) -> Result<Option<String>> {
        self.read(|db| {
            let mut found = db.prepare_cached("SELECT value FROM settings WHERE key = ?1")?;
            let mut rows = found.query([key])?;
            let Some(row) = rows.next()? else { return Ok(None) };
            let text =
                row.get_ref(0)?.as_bytes().map_err(|error| bad_value(row, "value", &error.to_string()))?;
            // Whoever knows the setting says what is wrong with it.
            Ok(Some(String::from_utf8_lossy(text).into_owned()))
        })
    }

    /// Stores such a value.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn set_setting(&self, key: &str, value: &str) -> Result<()> {
        self.write(|db| {
            db.prepare_cached(
                "INSERT INTO settings (key, value) VALUES (?1, ?2)
                 ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            )?
            .execute([key, value])?;
            Ok(())
        })
    }

    /// Spoils something, for tests.
    #[cfg(test)]
    pub(crate) fn spoil(&self, sql: &str) {
        let spoilt = self.write(|db| Ok(db.execute(sql, [])?));
        assert!(spoilt.unwrap() > 0, "{sql}");
    }

    fn read<T>(&self, work: impl FnOnce(&Connection) -> Result<T, Fault>) -> Result<T> {
        let connection = self.inner.connection.lock().unwrap_or_else(PoisonError::into_inner);
        work(&connection).map_err(|fault| fault.into_error(&self.inner.path))
    }

    /// Runs `work` in a transaction that is undone when it fails.
    fn write<T>(&self, work: impl FnOnce(&Transaction<'_>) -> Result<T, Fault>) -> Result<T> {
        let mut connection = self.inner.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let transacted = || {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let done = work(&transaction)?;
            transaction.commit()?;
            Ok(done)
        };
        let done: Result<T, Fault> = transacted();
        done.map_err(|fault| fault.into_error(&self.inner.path))
    }
}

impl Changes {
    /// Whether another process has committed since the last call, or [`Store::tell_changes`] was called; true the first
    /// time.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn poll(&mut self) -> Result<bool> {
        let told = self.store.inner.told.load(Ordering::Relaxed);
        let version = self
            .store
            .read(|db| Ok(db.pragma_query_value(None, "data_version", |row| row.get::<_, i64>(0))?))?;
        Ok(self.seen.replace((version, told)) != Some((version, told)))
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Store").field(&self.inner.path).finish()
    }
}

/// What happens inside a transaction: SQLite's error, or one that is already meant for the caller.
enum Fault {
    Sql(rusqlite::Error),
    Store(StoreError),
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Fault {
    fn into_error(self, path: &Path) -> StoreError {
        let error = match self {
            Self::Store(error) => return error,
            Self::Sql(error) => error,
        };
        let path = path.to_owned();
        let detail = error.to_string();
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => StoreError::Full { path },
            // SQLite says so where it cannot make its index of the log, and in other places beside the database.
            Some(ErrorCode::SystemIoFailure) if wants_room(&error) && open::is_full(&path) => {
                StoreError::Full { path }
            }
            Some(ErrorCode::ReadOnly) => StoreError::ReadOnly { path },
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                StoreError::Damaged { path, detail }
            }
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::Busy { path },
            Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
                StoreError::CannotOpen { path, detail }
            }
            _ => StoreError::Failed { detail },
        }
    }

    fn is_constraint(&self) -> bool {
        match self {
            Self::Sql(error) => error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation),
            Self::Store(_) => false,
        }
    }
}

/// Whether it was an attempt to write that failed.
fn wants_room(error: &rusqlite::Error) -> bool {
    use rusqlite::ffi;

    let writing = [
        ffi::SQLITE_IOERR_WRITE,
        ffi::SQLITE_IOERR_FSYNC,
        ffi::SQLITE_IOERR_DIR_FSYNC,
        ffi::SQLITE_IOERR_TRUNCATE,
        ffi::SQLITE_IOERR_SHMOPEN,
        ffi::SQLITE_IOERR_SHMSIZE,
        ffi::SQLITE_IOERR_SHMMAP,
    ];
    error.sqlite_error().is_some_and(|error| writing.contains(&error.extended_code))
}

/// Gives a broken constraint the meaning it has for the caller.
trait OnConstraint<T> {
    fn on_constraint(self, error: impl FnOnce() -> StoreError) -> Result<T, Fault>;
}

impl<T> OnConstraint<T> for rusqlite::Result<T> {
    fn on_constraint(self, error: impl FnOnce() -> StoreError) -> Result<T, Fault> {
        self.map_err(|sql| {
            let fault = Fault::Sql(sql);
            if fault.is_constraint() { Fault::Store(error()) } else { fault }
        })
    }
}

/// Typed columns.
trait Columns {
    fn timestamp(&self, column: &str) -> rusqlite::Result<Timestamp>;
    fn timestamp_or_none(&self, column: &str) -> rusqlite::Result<Option<Timestamp>>;
    /// A text that must have a meaning.
    fn named<T>(&self, column: &str, from_name: impl FnOnce(&str) -> Option<T>) -> rusqlite::Result<T>;
    /// A number that must not be negative.
    fn count(&self, column: &str) -> rusqlite::Result<u64>;
}

impl Columns for Row<'_> {
    fn timestamp(&self, column: &str) -> rusqlite::Result<Timestamp> {
        self.get(column).map(Timestamp::from_millis)
    }

    fn timestamp_or_none(&self, column: &str) -> rusqlite::Result<Option<Timestamp>> {
        self.get::<_, Option<i64>>(column).map(|millis| millis.map(Timestamp::from_millis))
    }

    fn named<T>(&self, column: &str, from_name: impl FnOnce(&str) -> Option<T>) -> rusqlite::Result<T> {
        let text: String = self.get(column)?;
        from_name(&text).ok_or_else(|| bad_value(self, column, &format!("unknown value {text:?}")))
    }

    fn count(&self, column: &str) -> rusqlite::Result<u64> {
        let number: i64 = self.get(column)?;
        u64::try_from(number).map_err(|_| bad_value(self, column, "negative"))
    }
}

fn bad_value(row: &Row<'_>, column: &str, detail: &str) -> rusqlite::Error {
    let index = row.as_ref().column_index(column).unwrap_or_default();
    let error = FromSqlError::Other(format!("column {column}: {detail}").into());
    rusqlite::Error::FromSqlConversionFailure(index, Type::Text, Box::new(error))
}

/// For the store: SQLite's integers are signed; counters stop at their end rather than wrap.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
