//! The audit: append-only, and read by filters.

use praya_model::{AccountName, SessionId, SupportCode, Timestamp, TokenSerial};
use rusqlite::Row;
use rusqlite::types::ToSql;

use super::{AuditEvent, AuditFilter, AuditRecord, Columns, NewAudit, Outcome, Result, Store, bad_value};

/// How many records one reading returns when the filter does not say.
const DEFAULT_LIMIT: u32 = 1000;

/// How many records one transaction deletes.
const PRUNED_AT_ONCE: u32 = 5000;

impl Store {
    /// Appends a record and returns its id. Triggers forbid changing or deleting it; see [`Store::prune_audit`].
    ///
    /// # Errors
    /// [`super::StoreError`].
    pub fn append_audit(&self, record: &NewAudit) -> Result<i64> {
        self.write(|db| {
            let detail = (!record.detail.is_null()).then(|| record.detail.to_string());
            db.prepare_cached(
                "INSERT INTO audit (at, event, outcome, actor, account, source, session, token, code, support, detail)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
            )?
            .execute((
                record.at.as_millis(),
                record.event.as_str(),
                record.outcome.as_str(),
                &record.actor,
                record.account.as_ref().map(AccountName::as_str),
                record.source.map(|address| address.to_string()),
                record.session.as_ref().map(SessionId::as_str),
                record.token.as_ref().map(TokenSerial::as_str),
                &record.code,
                record.support.as_ref().map(SupportCode::as_str),
                detail,
            ))?;
            Ok(db.last_insert_rowid())
        })
    }

    /// The records that `filter` lets through, oldest first.
    ///
    /// # Errors
    /// [`super::StoreError`].
    pub fn audit(&self, filter: &AuditFilter) -> Result<Vec<AuditRecord>> {
        let mut conditions: Vec<&str> = Vec::new();
        let mut values: Vec<Box<dyn ToSql>> = Vec::new();
        let mut demand = |condition, value: Box<dyn ToSql>| {
            conditions.push(condition);
            values.push(value);
        };
        if let Some(id) = filter.after_id {
            demand("id > ?", Box::new(id));
        }
        if let Some(since) = filter.since {
            demand("at >= ?", Box::new(since.as_millis()));
        }
        if let Some(until) = filter.until {
            demand("at < ?", Box::new(until.as_millis()));
        }
        if let Some(account) = &filter.account {
            demand("account = ?", Box::new(account.as_str().to_owned()));
        }
        if let Some(session) = &filter.session {
            demand("session = ?", Box::new(session.as_str().to_owned()));
        }
        if let Some(event) = filter.event {
            demand("event = ?", Box::new(event.as_str()));
        }
        if let Some(outcome) = filter.outcome {
            demand("outcome = ?", Box::new(outcome.as_str()));
        }
        if let Some(code) = &filter.code {
            demand("code = ?", Box::new(code.clone()));
        }
        if let Some(support) = &filter.support {
            demand("support = ?", Box::new(support.as_str().to_owned()));
        }
        let conditions = if conditions.is_empty() { "1".to_owned() } else { conditions.join(" AND ") };
        let newest_first = filter.after_id.is_none();
        let order = if newest_first { "DESC" } else { "ASC" };
        let limit = if filter.limit == 0 { DEFAULT_LIMIT } else { filter.limit };
        let sql = format!("SELECT * FROM audit WHERE {conditions} ORDER BY id {order} LIMIT {limit}");
        self.read(|db| {
            let mut query = db.prepare_cached(&sql)?;
            let rows = query.query_map(rusqlite::params_from_iter(values), record)?;
            let mut records = rows.collect::<rusqlite::Result<Vec<_>>>()?;
            if newest_first {
                records.reverse();
            }
            Ok(records)
        })
    }

    /// Deletes records from before an instant, up to the id `last`, some at a time so that the gateway need not wait
    /// long for the database. Whether there may be more. Nothing else ever deletes: whoever calls this has exported
    /// them.
    ///
    /// # Errors
    /// [`super::StoreError`].
    pub fn prune_audit(&self, before: Timestamp, last: i64) -> Result<bool> {
        self.write(|db| {
            const GUARD: &str = "audit_is_never_deleted";
            let guard: String =
                db.query_row("SELECT sql FROM sqlite_schema WHERE name = ?1", [GUARD], |row| row.get(0))?;
            db.execute_batch(&format!("DROP TRIGGER {GUARD}"))?;
            let deleted = db.execute(
                "DELETE FROM audit WHERE id IN (SELECT id FROM audit WHERE at < ?1 AND id <= ?2 LIMIT ?3)",
                (before.as_millis(), last, PRUNED_AT_ONCE),
            )?;
            db.execute_batch(&guard)?;
            Ok(u32::try_from(deleted).is_ok_and(|deleted| deleted == PRUNED_AT_ONCE))
        })
    }

    /// The id of the newest record, where following begins; 0 when there is none.
    ///
    /// # Errors
    /// [`super::StoreError`].
    pub fn last_audit_id(&self) -> Result<i64> {
        self.read(|db| Ok(db.query_row("SELECT coalesce(max(id), 0) FROM audit", [], |row| row.get(0))?))
    }
}

fn record(row: &Row<'_>) -> rusqlite::Result<AuditRecord> {
    let detail: Option<String> = row.get("detail")?;
    let detail = match detail {
        Some(text) => {
            serde_json::from_str(&text).map_err(|error| bad_value(row, "detail", &error.to_string()))?
        }
        None => serde_json::Value::Null,
    };
    Ok(AuditRecord {
        id: row.get("id")?,
        at: row.timestamp("at")?,
        event: row.named("event", AuditEvent::from_name)?,
        outcome: row.named("outcome", Outcome::from_name)?,
        actor: row.get("actor")?,
        account: row.get::<_, Option<String>>("account")?.map(AccountName::new),
        source: row.get("source")?,
        session: row.get::<_, Option<String>>("session")?.map(SessionId::new),
        token: row.get::<_, Option<String>>("token")?.map(TokenSerial::new),
        code: row.get("code")?,
        support: row.get::<_, Option<String>>("support")?.map(SupportCode::new),
        detail,
    })
}
