//! Sessions, their cookies and their leases.

use std::net::{Ipv4Addr, Ipv6Addr};

use praya_model::failure::LastSignIn;
use praya_model::{AccountName, EndReason, SessionId, Timestamp};
use rusqlite::{Connection, OptionalExtension as _, Row};

use super::posture::belongs;
use super::resources::{from_json_or_none, json};
use super::{
    Columns, CookieHash, CookieState, DeviceKey, Fault, Lease, Result, SessionRow, Store, StoreError,
    TrafficRow, bad_value, signed,
};
use crate::posture::Fit;
use crate::sign_in::Others;

/// How many retired cookies of one session are remembered, so that the use of a stolen one is noticed.
const RETIRED_COOKIES: i64 = 64;

/// What became of [`Store::begin_session`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Begun {
    /// The session is there; these were ended for it with [`EndReason::Duplicate`].
    Made {
        /// Which ones.
        ended: Vec<SessionRow>,
    },
    /// Nothing was made: as many other sessions as allowed are live.
    Elsewhere(Vec<SessionRow>),
    /// Nothing was made: another live session holds one of the lease's addresses.
    AddressTaken,
}

impl Store {
    /// Makes a session with its cookie and lease in one transaction. Live sessions of the same account and device
    /// key end; what happens to the others says `others`.
    ///
    /// # Errors
    /// [`StoreError::Exists`] when the identifier or the cookie is taken.
    pub fn begin_session(
        &self,
        row: &SessionRow,
        cookie: &CookieHash,
        lease: &Lease,
        others: Others,
    ) -> Result<Begun> {
        self.write(|db| {
            let live = live(db, Some(&row.account))?;
            let same_device =
                |other: &SessionRow| row.device_key.is_some() && other.device_key == row.device_key;
            let (mut to_end, mut elsewhere): (Vec<_>, Vec<_>) = live.into_iter().partition(same_device);
            let (Others::Replace(limit) | Others::AtMost(limit)) = others;
            let room = usize::try_from(limit.max(1)).unwrap_or(usize::MAX) - 1;
            let surplus = elsewhere.len().saturating_sub(room);
            match others {
                Others::AtMost(_) if surplus > 0 => return Ok(Begun::Elsewhere(elsewhere)),
                Others::AtMost(_) => {}
                Others::Replace(_) => to_end.extend(elsewhere.drain(..surplus)),
            }
            let mut ended = Vec::with_capacity(to_end.len());
            for mut other in to_end {
                end(db, &other.id, EndReason::Duplicate, row.started)?;
                other.ended = Some((row.started, EndReason::Duplicate));
                ended.push(other);
            }
            if taken(db, lease)? {
                // Only a commit would end the others, and without a new session they must not end.
                return Err(Fault::Store(StoreError::Exists {
                    what: LEASE,
                    name: lease.session.to_string(),
                }));
            }
            insert(db, row, cookie, lease)?;
            Ok(Begun::Made { ended })
        })
        .or_else(|error| {
            let taken = matches!(error, StoreError::Exists { what: LEASE, .. });
            if taken { Ok(Begun::AddressTaken) } else { Err(error) }
        })
    }

    /// The session of that identifier, ended or not.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn session(&self, id: &SessionId) -> Result<Option<SessionRow>> {
        self.read(|db| {
            let mut query = db.prepare_cached("SELECT * FROM sessions WHERE id = ?1")?;
            Ok(query.query_row([id.as_str()], session).optional()?)
        })
    }

    /// The session that a cookie belongs or belonged to, ended or not. The caller checks the states.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn session_by_cookie(&self, cookie: &CookieHash) -> Result<Option<(SessionRow, CookieState)>> {
        self.read(|db| {
            let mut query = db.prepare_cached(
                "SELECT sessions.*, cookies.state AS cookie_state FROM cookies
                 JOIN sessions ON sessions.id = cookies.session WHERE hash = ?1",
            )?;
            let found = query.query_row([cookie.0.as_slice()], |row| {
                Ok((session(row)?, row.named("cookie_state", CookieState::from_name)?))
            });
            Ok(found.optional()?)
        })
    }

    /// Every live session, oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn live_sessions(&self) -> Result<Vec<SessionRow>> {
        self.read(|db| Ok(live(db, None)?))
    }

    /// The live sessions of an account, oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn live_sessions_of(&self, account: &AccountName) -> Result<Vec<SessionRow>> {
        self.read(|db| Ok(live(db, Some(account))?))
    }

    /// Ends a session and frees its lease; the row after it, or `None` when it is unknown or was over already.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn end_session(
        &self,
        id: &SessionId,
        reason: EndReason,
        at: Timestamp,
    ) -> Result<Option<SessionRow>> {
        self.write(|db| {
            if !end(db, id, reason, at)? {
                return Ok(None);
            }
            let mut query = db.prepare_cached("SELECT * FROM sessions WHERE id = ?1")?;
            Ok(query.query_row([id.as_str()], session).optional()?)
        })
    }

    /// Ends the live sessions of an account, except `keep`, and returns them.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn end_sessions_of(
        &self,
        account: &AccountName,
        keep: Option<&SessionId>,
        reason: EndReason,
        at: Timestamp,
    ) -> Result<Vec<SessionRow>> {
        self.write(|db| {
            let mut ended = live(db, Some(account))?;
            ended.retain(|row| Some(&row.id) != keep);
            for row in &mut ended {
                end(db, &row.id, reason, at)?;
                row.ended = Some((at, reason));
            }
            Ok(ended)
        })
    }

    /// Puts a new cookie beside the current one; an earlier offer that was never used is withdrawn. False when the
    /// session is not live.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn offer_cookie(&self, id: &SessionId, cookie: &CookieHash) -> Result<bool> {
        self.write(|db| {
            if !db
                .prepare_cached("SELECT 1 FROM sessions WHERE id = ?1 AND ended_at IS NULL")?
                .exists([id.as_str()])?
            {
                return Ok(false);
            }
            // The withdrawn one may have reached the client after all; if so, its use is one of a retired cookie
            // only once a newer one was used.
            db.prepare_cached("DELETE FROM cookies WHERE session = ?1 AND state = 'offered'")?
                .execute([id.as_str()])?;
            insert_cookie(db, id, cookie, CookieState::Offered)?;
            Ok(true)
        })
    }

    /// The first use of an offered cookie: it becomes the current one and the others retire. False when it is not
    /// on offer (any longer).
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn confirm_cookie(&self, id: &SessionId, cookie: &CookieHash) -> Result<bool> {
        self.write(|db| {
            let confirmed = db
                .prepare_cached(
                    "UPDATE cookies SET state = 'current' WHERE hash = ?1 AND session = ?2 AND state = 'offered'",
                )?
                .execute((cookie.0.as_slice(), id.as_str()))?;
            if confirmed == 0 {
                return Ok(false);
            }
            db.prepare_cached(
                "UPDATE cookies SET state = 'retired' WHERE session = ?2 AND hash <> ?1 AND state = 'current'",
            )?
            .execute((cookie.0.as_slice(), id.as_str()))?;
            db.prepare_cached(
                "DELETE FROM cookies WHERE session = ?1 AND state = 'retired' AND serial <=
                     (SELECT max(serial) - ?2 FROM cookies WHERE session = ?1)",
            )?
            .execute((id.as_str(), RETIRED_COOKIES))?;
            Ok(true)
        })
    }

    /// Takes note of a proof's counter; false when it is not greater than the newest one, or the session not live.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn advance_proof(&self, id: &SessionId, counter: u64) -> Result<bool> {
        let Ok(counter) = i64::try_from(counter) else { return Ok(false) };
        self.write(|db| {
            let advanced = db
                .prepare_cached(
                    "UPDATE sessions SET proof_counter = ?2
                     WHERE id = ?1 AND proof_counter < ?2 AND ended_at IS NULL",
                )?
                .execute((id.as_str(), counter))?;
            Ok(advanced > 0)
        })
    }

    /// Notes the machine's name of a session that has none.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn name_machine(&self, id: &SessionId, name: &str) -> Result<()> {
        self.write(|db| {
            db.prepare_cached("UPDATE sessions SET host_name = ?2 WHERE id = ?1 AND host_name = ''")?
                .execute((id.as_str(), name))?;
            Ok(())
        })
    }

    /// Notes since when a live session has no tunnel; `None` when one is attached.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn set_away(&self, id: &SessionId, since: Option<Timestamp>) -> Result<()> {
        self.write(|db| {
            db.prepare_cached("UPDATE sessions SET away_since = ?2 WHERE id = ?1 AND ended_at IS NULL")?
                .execute((id.as_str(), since.map(Timestamp::as_millis)))?;
            Ok(())
        })
    }

    /// Stores the last user traffic and the counters of several sessions in one transaction. Neither ever goes
    /// backwards, but for the tally, which is the newest.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn record_traffic(&self, rows: &[TrafficRow]) -> Result<()> {
        self.write(|db| {
            let mut update = db.prepare_cached(
                "UPDATE sessions SET last_traffic = max(last_traffic, ?2), bytes_in = max(bytes_in, ?3),
                     bytes_out = max(bytes_out, ?4), counters = ?5 WHERE id = ?1",
            )?;
            for row in rows {
                update.execute((
                    row.session.as_str(),
                    row.last.as_millis(),
                    signed(row.bytes_in),
                    signed(row.bytes_out),
                    json(&row.tally),
                ))?;
            }
            Ok(())
        })
    }

    /// Stores what a start of the gateway made of live sessions, in one transaction: since when they are away, their
    /// last user traffic, and what the endpoint check left of their access.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn resume_sessions<'a>(&self, rows: impl IntoIterator<Item = &'a SessionRow>) -> Result<()> {
        self.write(|db| {
            let mut update = db.prepare_cached(
                "UPDATE sessions SET away_since = ?2, last_traffic = max(last_traffic, ?3), posture = ?4
                 WHERE id = ?1 AND ended_at IS NULL",
            )?;
            for row in rows {
                update.execute((
                    row.id.as_str(),
                    row.away_since.map(Timestamp::as_millis),
                    row.last_traffic.as_millis(),
                    row.posture.as_ref().map(json),
                ))?;
            }
            Ok(())
        })
    }

    /// The leases of live sessions.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn leases(&self) -> Result<Vec<Lease>> {
        self.read(|db| {
            let mut query = db.prepare_cached("SELECT * FROM leases ORDER BY session")?;
            Ok(query.query_map([], lease)?.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// The lease of a live session.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn lease(&self, id: &SessionId) -> Result<Option<Lease>> {
        self.read(|db| {
            let mut query = db.prepare_cached("SELECT * FROM leases WHERE session = ?1")?;
            Ok(query.query_row([id.as_str()], lease).optional()?)
        })
    }

    /// Forgets sessions that ended before `cutoff`, their cookies included, and says how many.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn purge_sessions(&self, cutoff: Timestamp) -> Result<usize> {
        self.write(|db| {
            Ok(db
                .prepare_cached("DELETE FROM sessions WHERE ended_at IS NOT NULL AND ended_at < ?1")?
                .execute([cutoff.as_millis()])?)
        })
    }
}

/// Marks the lease in [`StoreError::Exists`] on the way out of the transaction.
const LEASE: &str = "lease";

fn live(db: &Connection, account: Option<&AccountName>) -> rusqlite::Result<Vec<SessionRow>> {
    let mut query = db.prepare_cached(
        "SELECT * FROM sessions WHERE ended_at IS NULL AND (?1 IS NULL OR account = ?1) ORDER BY started, id",
    )?;
    query.query_map([account.map(AccountName::as_str)], session)?.collect()
}

fn end(db: &Connection, id: &SessionId, reason: EndReason, at: Timestamp) -> rusqlite::Result<bool> {
    let ended = db
        .prepare_cached(
            "UPDATE sessions SET ended_at = ?2, end_reason = ?3 WHERE id = ?1 AND ended_at IS NULL",
        )?
        .execute((id.as_str(), at.as_millis(), reason.as_str()))?;
    db.prepare_cached("DELETE FROM leases WHERE session = ?1")?.execute([id.as_str()])?;
    Ok(ended > 0)
}

fn taken(db: &Connection, lease: &Lease) -> rusqlite::Result<bool> {
    db.prepare_cached("SELECT 1 FROM leases WHERE v4 = ?1 OR v6 = ?2")?
        .exists((lease.v4.map(|address| address.to_string()), lease.v6.map(|address| address.to_string())))
}

fn insert(db: &Connection, row: &SessionRow, cookie: &CookieHash, lease: &Lease) -> Result<(), Fault> {
    use super::OnConstraint as _;

    let exists = || StoreError::Exists { what: "session", name: row.id.to_string() };
    db.prepare_cached(
        "INSERT INTO sessions (id, account, device_key, host_name, client, source, started, expires, last_traffic,
             away_since, proof_counter, bytes_in, bytes_out, last_sign_in_at, last_sign_in_source, posture)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)",
    )?
    .execute((
        row.id.as_str(),
        row.account.as_str(),
        row.device_key.as_ref().map(|key| key.0.as_slice()),
        &row.host_name,
        &row.client,
        row.source.to_string(),
        row.started.as_millis(),
        row.expires.as_millis(),
        row.last_traffic.as_millis(),
        row.away_since.map(Timestamp::as_millis),
        signed(row.proof_counter),
        signed(row.bytes_in),
        signed(row.bytes_out),
        row.last_sign_in.as_ref().map(|last| last.at.as_millis()),
        row.last_sign_in.as_ref().map(|last| &last.source),
        row.posture.as_ref().map(json),
    ))
    .on_constraint(exists)?;
    if let Some(verdict) = row.posture.as_ref().and_then(|fit| fit.verdict) {
        belongs(db, verdict, &row.id)?;
    }
    insert_cookie(db, &row.id, cookie, CookieState::Current).on_constraint(exists)?;
    db.prepare_cached("INSERT INTO leases (session, v4, v6) VALUES (?1, ?2, ?3)")?.execute((
        row.id.as_str(),
        lease.v4.map(|address| address.to_string()),
        lease.v6.map(|address| address.to_string()),
    ))?;
    Ok(())
}

fn insert_cookie(
    db: &Connection,
    id: &SessionId,
    cookie: &CookieHash,
    state: CookieState,
) -> rusqlite::Result<usize> {
    db.prepare_cached(
        "INSERT INTO cookies (hash, session, state, serial)
         VALUES (?1, ?2, ?3, (SELECT coalesce(max(serial), 0) + 1 FROM cookies WHERE session = ?2))",
    )?
    .execute((cookie.0.as_slice(), id.as_str(), state.as_str()))
}

fn session(row: &Row<'_>) -> rusqlite::Result<SessionRow> {
    let device_key = row
        .get::<_, Option<[u8; 32]>>("device_key")
        .map_err(|error| bad_value(row, "device_key", &error.to_string()))?;
    let last_sign_in = match row.timestamp_or_none("last_sign_in_at")? {
        Some(at) => {
            let source: Option<String> = row.get("last_sign_in_source")?;
            Some(LastSignIn { at, source: source.unwrap_or_default() })
        }
        None => None,
    };
    let ended = match row.timestamp_or_none("ended_at")? {
        // A reason that only a newer program knows is still an end.
        Some(at) => {
            Some((at, row.named("end_reason", |name| EndReason::from_name(name).or(Some(EndReason::Other)))?))
        }
        None => None,
    };
    Ok(SessionRow {
        id: SessionId::new(row.get::<_, String>("id")?),
        account: AccountName::new(row.get::<_, String>("account")?),
        device_key: device_key.map(DeviceKey),
        host_name: row.get("host_name")?,
        client: row.get("client")?,
        source: row.named("source", |text| text.parse().ok())?,
        started: row.timestamp("started")?,
        expires: row.timestamp("expires")?,
        last_traffic: row.timestamp("last_traffic")?,
        away_since: row.timestamp_or_none("away_since")?,
        proof_counter: row.count("proof_counter")?,
        bytes_in: row.count("bytes_in")?,
        bytes_out: row.count("bytes_out")?,
        // What an older or newer program has counted is worth no session.
        tally: from_json_or_none(row, "counters").ok().flatten().unwrap_or_default(),
        last_sign_in,
        // What cannot be read leaves nothing, and takes no other row with it.
        posture: from_json_or_none(row, "posture").unwrap_or_else(|_| Some(Fit::unreadable())),
        ended,
    })
}

fn lease(row: &Row<'_>) -> rusqlite::Result<Lease> {
    let text = |column: &str| row.get::<_, Option<String>>(column);
    let v4 = text("v4")?.map(|text| text.parse::<Ipv4Addr>()).transpose();
    let v6 = text("v6")?.map(|text| text.parse::<Ipv6Addr>()).transpose();
    Ok(Lease {
        session: SessionId::new(row.get::<_, String>("session")?),
        v4: v4.map_err(|error| bad_value(row, "v4", &error.to_string()))?,
        v6: v6.map_err(|error| bad_value(row, "v6", &error.to_string()))?,
    })
}
