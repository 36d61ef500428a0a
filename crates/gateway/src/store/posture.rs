//! Policies for machines in every version that was saved, and the verdicts over machines.

use std::time::Duration;

use praya_model::{SessionId, Timestamp};
use rusqlite::{Connection, OptionalExtension as _, Row, Rows};

use super::resources::{from_json, json};
use super::{
    Columns, DeviceKey, NewVerdict, PolicyRow, Result, Store, VerdictRow, Verdicts, bad_value, signed,
};
use crate::posture::{Fit, read_policy, word};

/// So many versions of one policy are kept, the newest ones, and the one in force.
pub const VERSIONS_KEPT: u32 = 200;
/// So many verdicts over one machine are kept in a day; what comes beyond takes the place of another.
pub const VERDICTS_A_DAY: u32 = 48;
/// So many verdicts over one machine are kept in all, the newest ones.
pub const VERDICTS_KEPT: u32 = 200;

/// The setting that holds the highest version of the policies that were deleted.
const DELETED: &str = "posture_deleted_versions";
const DAY: Duration = Duration::from_secs(86_400);

/// What became of [`Store::add_verdict`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Added {
    /// The verdict's number.
    pub number: i64,
    /// There were [`VERDICTS_A_DAY`] already: it took the place of another where it could.
    pub crowded: bool,
}

impl Store {
    /// Saves a policy as its next version, whatever there is already, and says which one it is.
    #[cfg(test)]
    pub fn save_policy(&self, id: &str, text: &str, by: &str, now: Timestamp) -> Result<u32> {
        self.write(|db| Ok(insert_policy(db, id, text, by, now)?))
    }

    /// The policies that are in force, by name.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn active_policies(&self) -> Result<Vec<PolicyRow>> {
        self.read(|db| {
            let mut query = db.prepare_cached("SELECT * FROM policies WHERE active = 1 ORDER BY id")?;
            Ok(query.query_map([], policy)?.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// Puts a version of a policy into force in place of any other version of it; without a version, the newest one.
    /// Which one that is; `None` when there is no such policy or version.
    ///
    /// # Errors
    /// [`StoreError`]; one that this release cannot read is not put into force.
    pub fn activate_policy(&self, id: &str, version: Option<u32>) -> Result<Option<u32>> {
        self.write(|db| {
            let found = db
                .prepare_cached(
                    "SELECT * FROM policies WHERE id = ?1 AND (?2 IS NULL OR version = ?2)
                     ORDER BY version DESC LIMIT 1",
                )?
                .query_row((id, version), policy)
                .optional()?;
            let Some(found) = found else { return Ok(None) };
            read_policy(&found)?;
            deactivate(db, id)?;
            db.prepare_cached("UPDATE policies SET active = 1 WHERE id = ?1 AND version = ?2")?
                .execute((id, found.version))?;
            Ok(Some(found.version))
        })
    }

    /// Takes a policy out of force. Which version was; `None` when none of it was.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn deactivate_policy(&self, id: &str) -> Result<Option<u32>> {
        self.write(|db| Ok(deactivate(db, id)?))
    }

    /// Keeps a verdict. Of one machine at most [`VERDICTS_A_DAY`] and [`VERDICTS_KEPT`] are, so that whoever says
    /// something else each time does not fill the database. What comes beyond takes the place of the newest of the same
    /// session and person, or else of the oldest whose session is over; never of what another live session goes by.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn add_verdict(&self, new: &NewVerdict) -> Result<Added> {
        self.write(|db| Ok(add(db, new)?))
    }

    /// Puts a later verdict in the place of the one of that number, if that is there still and is of the same machine,
    /// session and person; else it is kept as [`Store::add_verdict`] does.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn renew_verdict(&self, id: i64, new: &NewVerdict) -> Result<Added> {
        self.write(|db| {
            let same: bool = db
                .prepare_cached(
                    "SELECT EXISTS (SELECT 1 FROM verdicts
                         WHERE id = ?1 AND device_key = ?2 AND account = ?3 AND session IS ?4)",
                )?
                .query_row((id, new.device.0.as_slice(), new.account.as_str(), session(new)), |row| {
                    row.get(0)
                })?;
            if !same {
                return Ok(add(db, new)?);
            }
            replace(db, id, new)?;
            Ok(Added { number: id, crowded: false })
        })
    }

    /// The verdict of that number.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn verdict(&self, id: i64) -> Result<Option<VerdictRow>> {
        self.read(|db| {
            let mut query = db.prepare_cached("SELECT * FROM verdicts WHERE id = ?1")?;
            Ok(query.query_row([id], verdict).optional()?)
        })
    }

    /// The newest verdict of a session; one that this release cannot read is none.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn latest_verdict(&self, session: &SessionId) -> Result<Option<VerdictRow>> {
        self.read(|db| {
            let mut query =
                db.prepare_cached("SELECT * FROM verdicts WHERE session = ?1 ORDER BY id DESC LIMIT 1")?;
            Ok(verdicts(query.query([session.as_str()])?)?.rows.pop())
        })
    }

    /// The newest verdicts of a machine, the newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn verdicts_of(&self, device: &DeviceKey, most: u32) -> Result<Verdicts> {
        self.read(|db| {
            let mut query = db.prepare_cached(
                "SELECT * FROM verdicts WHERE device_key = ?1 ORDER BY at DESC, id DESC LIMIT ?2",
            )?;
            Ok(verdicts(query.query((device.0.as_slice(), most))?)?)
        })
    }

    /// Forgets verdicts from before `cutoff`, and says how many.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn purge_verdicts(&self, cutoff: Timestamp) -> Result<usize> {
        self.write(|db| {
            Ok(db.prepare_cached("DELETE FROM verdicts WHERE at < ?1")?.execute([cutoff.as_millis()])?)
        })
    }

    /// Keeps what the check left of a session's access. `fit` is asked in the moment of writing, so that nothing older
    /// comes after what is newer.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn set_posture(&self, session: &SessionId, fit: impl FnOnce() -> Option<Fit>) -> Result<()> {
        self.write(|db| {
            db.prepare_cached("UPDATE sessions SET posture = ?2 WHERE id = ?1")?
                .execute((session.as_str(), fit().as_ref().map(json)))?;
            Ok(())
        })
    }
}

/// The newest version of a policy; 0 where there is none.
pub(super) fn newest_version(db: &Connection, id: &str) -> rusqlite::Result<u32> {
    db.prepare_cached("SELECT coalesce(max(version), 0) FROM policies WHERE id = ?1")?
        .query_row([id], |row| row.get(0))
}

/// Saves a policy as its next version, which is not active, and forgets the oldest but [`VERSIONS_KEPT`]; never the one
/// in force. The first version is 1, or the next after all versions of policies that were deleted: a version never
/// stands for two texts.
pub(super) fn insert_policy(
    db: &Connection,
    id: &str,
    text: &str,
    by: &str,
    now: Timestamp,
) -> rusqlite::Result<u32> {
    let version = match newest_version(db, id)? {
        0 => deleted_versions(db)?,
        newest => newest,
    };
    let version = version.saturating_add(1);
    db.prepare_cached(
        "INSERT INTO policies (id, version, text, active, saved_at, saved_by) VALUES (?1, ?2, ?3, 0, ?4, ?5)",
    )?
    .execute((id, version, text, now.as_millis(), by))?;
    db.prepare_cached("DELETE FROM policies WHERE id = ?1 AND active = 0 AND version <= ?2")?
        .execute((id, version.saturating_sub(VERSIONS_KEPT)))?;
    Ok(version)
}

/// Says whose session a verdict has let in.
pub(super) fn belongs(db: &Connection, verdict: i64, session: &SessionId) -> rusqlite::Result<usize> {
    db.prepare_cached("UPDATE verdicts SET session = ?2 WHERE id = ?1")?
        .execute((signed(verdict.unsigned_abs()), session.as_str()))
}

fn add(db: &Connection, new: &NewVerdict) -> rusqlite::Result<Added> {
    let device = new.device.0.as_slice();
    let since = new.verdict.evaluated_at.before(DAY).as_millis();
    let today: u32 = db
        .prepare_cached("SELECT count(*) FROM verdicts WHERE device_key = ?1 AND at > ?2")?
        .query_row((device, since), |row| row.get(0))?;
    let crowded = today >= VERDICTS_A_DAY;
    if crowded && let Some(number) = to_give_up(db, new)? {
        replace(db, number, new)?;
        return Ok(Added { number, crowded });
    }
    db.prepare_cached(
        "INSERT INTO verdicts (at, host_name, account, session, source, status, verdict, facts, device_key)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?
    .execute(columns(new, device))?;
    let number = db.last_insert_rowid();
    db.prepare_cached(
        "DELETE FROM verdicts WHERE id IN (SELECT id FROM verdicts WHERE device_key = ?1
             ORDER BY at DESC, id DESC LIMIT -1 OFFSET ?2)",
    )?
    .execute((device, VERDICTS_KEPT))?;
    Ok(Added { number, crowded })
}

/// Which verdict over the same machine makes room for a new one; none where all are of other live sessions, or of
/// other people who are signing in.
fn to_give_up(db: &Connection, new: &NewVerdict) -> rusqlite::Result<Option<i64>> {
    let device = new.device.0.as_slice();
    let own = db
        .prepare_cached(
            "SELECT id FROM verdicts WHERE device_key = ?1 AND account = ?2 AND session IS ?3
             ORDER BY id DESC LIMIT 1",
        )?
        .query_row((device, new.account.as_str(), session(new)), |row| row.get(0))
        .optional()?;
    if own.is_some() {
        return Ok(own);
    }
    db.prepare_cached(
        "SELECT verdicts.id FROM verdicts JOIN sessions ON sessions.id = verdicts.session
         WHERE verdicts.device_key = ?1 AND sessions.ended_at IS NOT NULL ORDER BY verdicts.at, verdicts.id LIMIT 1",
    )?
    .query_row([device], |row| row.get(0))
    .optional()
}

fn session(new: &NewVerdict) -> Option<&str> {
    new.session.as_ref().map(SessionId::as_str)
}

/// The highest version of the policies that were deleted.
fn deleted_versions(db: &Connection) -> rusqlite::Result<u32> {
    let found = db
        .prepare_cached("SELECT CAST(value AS INTEGER) FROM settings WHERE key = ?1")?
        .query_row([DELETED], |row| row.get(0))
        .optional()?;
    Ok(found.unwrap_or(0))
}

/// Deletes every version of a policy.
pub(super) fn delete_policy(db: &Connection, id: &str) -> rusqlite::Result<()> {
    let highest = newest_version(db, id)?.max(deleted_versions(db)?);
    db.prepare_cached(
        "INSERT INTO settings (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
    )?
    .execute((DELETED, highest.to_string()))?;
    db.prepare_cached("DELETE FROM policies WHERE id = ?1")?.execute([id])?;
    Ok(())
}

fn deactivate(db: &Connection, id: &str) -> rusqlite::Result<Option<u32>> {
    db.prepare_cached("UPDATE policies SET active = 0 WHERE id = ?1 AND active = 1 RETURNING version")?
        .query_row([id], |row| row.get(0))
        .optional()
}

pub(super) fn policy(row: &Row<'_>) -> rusqlite::Result<PolicyRow> {
    Ok(PolicyRow {
        id: row.get("id")?,
        version: row.get("version")?,
        // Bytes that are no text are no policy either; its reader says so.
        text: row.get("text").unwrap_or_else(|_| char::REPLACEMENT_CHARACTER.to_string()),
        active: row.get("active")?,
        saved_at: row.timestamp("saved_at")?,
        saved_by: row.get("saved_by")?,
    })
}

type VerdictColumns<'a, L> = (i64, &'a str, &'a str, Option<&'a str>, String, String, String, String, L);

/// The columns of a verdict, and one more at last.
fn columns<L>(new: &NewVerdict, last: L) -> VerdictColumns<'_, L> {
    (
        new.verdict.evaluated_at.as_millis(),
        &new.host_name,
        new.account.as_str(),
        session(new),
        new.source.to_string(),
        word(&new.verdict.status),
        json(&new.verdict),
        json(&new.facts),
        last,
    )
}

fn replace(db: &Connection, id: i64, new: &NewVerdict) -> rusqlite::Result<usize> {
    db.prepare_cached(
        "UPDATE verdicts SET at = ?1, host_name = ?2, account = ?3, session = ?4, source = ?5, status = ?6,
             verdict = ?7, facts = ?8 WHERE id = ?9",
    )?
    .execute(columns(new, id))
}

/// What can be read of these rows. One that cannot must not hide the others.
fn verdicts(mut rows: Rows<'_>) -> rusqlite::Result<Verdicts> {
    let mut found = Verdicts::default();
    while let Some(row) = rows.next()? {
        found.add(row);
    }
    found.tell();
    Ok(found)
}

impl Verdicts {
    /// Adds what can be read of this row.
    pub(super) fn add(&mut self, row: &Row<'_>) {
        match verdict(row) {
            Ok(row) => self.rows.push(row),
            Err(error) => {
                let id = row.get::<_, i64>("id").ok();
                tracing::debug!(id, %error, "a verdict over a machine cannot be read");
                self.unreadable = self.unreadable.saturating_add(1);
            }
        }
    }

    /// Says once how many could not be read.
    pub(super) fn tell(&self) {
        if self.unreadable > 0 {
            tracing::warn!(count = self.unreadable, "verdicts over machines cannot be read");
        }
    }
}

fn verdict(row: &Row<'_>) -> rusqlite::Result<VerdictRow> {
    let device = row
        .get::<_, [u8; 32]>("device_key")
        .map_err(|error| bad_value(row, "device_key", &error.to_string()))?;
    let session: Option<String> = row.get("session")?;
    Ok(VerdictRow {
        id: row.get("id")?,
        found: NewVerdict {
            device: DeviceKey(device),
            host_name: row.get("host_name")?,
            account: praya_model::AccountName::new(row.get::<_, String>("account")?),
            session: session.map(SessionId::new),
            source: row.named("source", |text| text.parse().ok())?,
            verdict: from_json(row, "verdict")?,
            facts: from_json(row, "facts")?,
        },
    })
}

#[cfg(test)]
#[path = "posture_tests.rs"]
mod tests;
