//! What administrators ask of policies and machines, a page at a time.

use praya_model::posture::Status;
use praya_model::{AccountName, Timestamp};
use rusqlite::{OptionalExtension as _, Row};

use super::posture::{delete_policy, insert_policy, newest_version, policy};
use super::{DeviceKey, PolicyRow, Result, Store, Verdicts};
use crate::posture::word;

/// The newest verdict of the next machine and person: one step in an index that holds all this, however many verdicts
/// there are and however much each of them says.
pub(super) const NEXT_MACHINE: &str =
    "SELECT device_key, account, at, id FROM verdicts WHERE (device_key, account) > (?1, ?2)
     ORDER BY device_key, account, at DESC, id DESC LIMIT 1";
pub(super) const MACHINES_JUDGED: &str =
    "SELECT device_key FROM verdicts GROUP BY device_key HAVING max(at) >= ?1";

/// The most policies, in however many versions.
pub const MOST_POLICIES: u32 = 200;
/// The most bytes of all versions of all policies.
pub const MOST_POLICY_BYTES: i64 = 16 << 20;

/// Why a policy was not saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotSaved {
    /// Another version is the newest: this one.
    Outdated(u32),
    /// There are [`MOST_POLICIES`].
    TooMany,
    /// They would be longer than [`MOST_POLICY_BYTES`].
    TooLong,
}

/// What became of a wish to delete a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deletion {
    /// It is gone; this was the newest version.
    Done(u32),
    /// It is in force, and stays.
    InForce,
    /// There is none.
    NotThere,
}

/// Which machines to list.
#[derive(Clone, Debug, Default)]
pub struct MachineQuery {
    /// Judged at or after this instant.
    pub since: Timestamp,
    /// With this verdict; or that would have it if every policy were enforced.
    pub status: Option<Status>,
    /// Of this person.
    pub account: Option<AccountName>,
    /// Beyond this place of the list.
    pub after: Option<Place>,
    /// At most so many.
    pub limit: u32,
}

/// A place in the list of machines: one of them, and the person. It does not move when they are judged again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place(pub DeviceKey, pub AccountName);

/// Some of the machines that were seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Machines {
    /// The newest verdict of every machine and person, in the order of the machines' keys.
    pub verdicts: Verdicts,
    /// Where the list goes on.
    pub next: Option<Place>,
}

impl Store {
    /// Saves a policy as its next version; with `newest` only if that is the newest so far, 0 standing for none. Which
    /// version it is.
    ///
    /// # Errors
    /// [`super::StoreError`].
    pub fn save_policy_after(
        &self,
        id: &str,
        newest: Option<u32>,
        text: &str,
        by: &str,
        now: Timestamp,
    ) -> Result<Result<u32, NotSaved>> {
        self.write(|db| {
            let found = newest_version(db, id)?;
            if newest.is_some_and(|newest| newest != found) {
                return Ok(Err(NotSaved::Outdated(found)));
            }
            let (policies, bytes): (u32, i64) = db
                .prepare_cached(
                    "SELECT count(DISTINCT id), coalesce(sum(octet_length(text)), 0) FROM policies",
                )?
                .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            if found == 0 && policies >= MOST_POLICIES {
                return Ok(Err(NotSaved::TooMany));
            }
            let len = i64::try_from(text.len()).unwrap_or(i64::MAX);
            if bytes.saturating_add(len) > MOST_POLICY_BYTES {
                return Ok(Err(NotSaved::TooLong));
            }
            Ok(Ok(insert_policy(db, id, text, by, now)?))
        })
    }

    /// Deletes a policy that is not in force, in all its versions.
    ///
    /// # Errors
    /// [`super::StoreError`].
    pub fn delete_policy(&self, id: &str) -> Result<Deletion> {
        self.write(|db| {
            let (newest, active): (u32, bool) = db
                .prepare_cached(
                    "SELECT coalesce(max(version), 0), coalesce(max(active), 0) FROM policies WHERE id = ?1",
                )?
                .query_row([id], |row| Ok((row.get(0)?, row.get(1)?)))?;
            if active {
                return Ok(Deletion::InForce);
            }
            if newest == 0 {
                return Ok(Deletion::NotThere);
            }
            delete_policy(db, id)?;
            Ok(Deletion::Done(newest))
        })
    }

    /// The newest version of a policy; 0 where there is none.
    ///
    /// # Errors
    /// [`super::StoreError`].
    pub fn newest_policy(&self, id: &str) -> Result<u32> {
        self.read(|db| Ok(newest_version(db, id)?))
    }

    /// So many versions of policies, by name and version, beyond that one.
    ///
    /// # Errors
    /// [`super::StoreError`].
    pub fn policies_after(&self, after: (&str, u32), limit: u32) -> Result<Vec<PolicyRow>> {
        self.read(|db| {
            let mut query = db.prepare_cached(
                "SELECT * FROM policies WHERE (id, version) > (?1, ?2) ORDER BY id, version LIMIT ?3",
            )?;
            Ok(query.query_map((after.0, after.1, limit), policy)?.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// A version of a policy; without one, that in force, or else the newest.
    ///
    /// # Errors
    /// [`super::StoreError`].
    pub fn policy(&self, id: &str, version: Option<u32>) -> Result<Option<PolicyRow>> {
        self.read(|db| {
            let mut query = db.prepare_cached(
                "SELECT * FROM policies WHERE id = ?1 AND (?2 IS NULL OR version = ?2)
                 ORDER BY active DESC, version DESC LIMIT 1",
            )?;
            Ok(query.query_row((id, version), policy).optional()?)
        })
    }

    /// The machines that `query` asks for.
    ///
    /// # Errors
    /// [`super::StoreError`]; a row that cannot be read is none, but counted.
    pub fn machines_page(&self, query: &MachineQuery) -> Result<Machines> {
        let status = query.status.as_ref().map(word);
        self.read(|db| {
            let mut machines = db.prepare_cached(NEXT_MACHINE)?;
            let mut verdict = db.prepare_cached(
                "SELECT * FROM verdicts WHERE id = ?1
                     AND (?2 IS NULL OR status = ?2 OR json_extract(verdict, '$.if_enforced.status') = ?2)",
            )?;
            let (mut found, mut read, mut last) = (Machines::default(), 0, query.after.clone());
            while read < query.limit {
                let (device, account) = last
                    .as_ref()
                    .map_or((&[][..], ""), |Place(device, person)| (&device.0[..], person.as_str()));
                let next = machines.query_row((device, account), newest).optional()?;
                let Some((place, at, id)) = next else { break };
                let wanted = at >= query.since && query.account.as_ref().is_none_or(|one| *one == place.1);
                let mut rows = verdict.query((id, &status))?;
                if wanted && let Some(row) = rows.next()? {
                    read += 1;
                    found.next = (read == query.limit).then(|| place.clone());
                    found.verdicts.add(row);
                }
                last = Some(place);
            }
            found.verdicts.tell();
            Ok(found)
        })
    }

    /// The devices that were judged since then.
    ///
    /// # Errors
    /// [`super::StoreError`].
    pub fn devices_judged(&self, since: Timestamp) -> Result<Vec<DeviceKey>> {
        self.read(|db| {
            let mut query = db.prepare_cached(MACHINES_JUDGED)?;
            let keys = query.query_map([since.as_millis()], |row| row.get(0).map(DeviceKey))?;
            Ok(keys.collect::<rusqlite::Result<_>>()?)
        })
    }
}

/// Whose verdict, when, and its number.
fn newest(row: &Row<'_>) -> rusqlite::Result<(Place, Timestamp, i64)> {
    let place = Place(DeviceKey(row.get(0)?), AccountName::new(row.get::<_, String>(1)?));
    Ok((place, Timestamp::from_millis(row.get(2)?), row.get(3)?))
}
