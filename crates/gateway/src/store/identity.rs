//! Accounts, failed sign-ins and tokens in SQLite: the identity rules' store.

use praya_identity::account::{Account, AccountState, PasswordRecord};
use praya_identity::lockout::{Failures, LockPolicy, NameKey};
use praya_identity::sealed::Sealed;
use praya_identity::store::MAX_UNKNOWN_NAMES;
use praya_identity::token::{OtpAlgorithm, Token, TokenKind, TokenState};
use praya_identity::{IdentityStore, StoreError};
use praya_model::failure::LastSignIn;
use praya_model::{AccountName, Timestamp, TokenSerial};
use rusqlite::{Connection, OptionalExtension as _, Params, Row};

use super::{Columns, DeviceKey, Fault, OnConstraint as _, Result, Store, bad_value, signed};

impl IdentityStore for Store {
    fn insert_account(&self, account: &Account) -> Result<()> {
        self.write(|db| {
            let exists = || StoreError::Exists { what: "account", name: account.name.to_string() };
            let password = account.password.as_ref();
            db.prepare_cached(
                "INSERT INTO accounts (name, display_name, state, password_hash, password_set_at,
                     password_initial_until, must_change, created, last_sign_in_at, last_sign_in_source)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            )?
            .execute((
                account.name.as_str(),
                &account.display_name,
                account.state.as_str(),
                password.map(|record| &record.hash),
                password.map(|record| record.set_at.as_millis()),
                password.and_then(|record| record.initial_until).map(Timestamp::as_millis),
                account.must_change,
                account.created.as_millis(),
                account.last_sign_in.as_ref().map(|last| last.at.as_millis()),
                account.last_sign_in.as_ref().map(|last| &last.source),
            ))
            .on_constraint(exists)?;
            Ok(())
        })
    }

    fn account(&self, name: &AccountName) -> Result<Option<Account>> {
        self.read(|db| {
            let mut query = db.prepare_cached("SELECT * FROM accounts WHERE name = ?1")?;
            Ok(query.query_row([name.as_str()], account).optional()?)
        })
    }

    fn accounts(&self) -> Result<Vec<Account>> {
        self.read(|db| {
            let mut query = db.prepare_cached("SELECT * FROM accounts ORDER BY name")?;
            Ok(query.query_map([], account)?.collect::<rusqlite::Result<_>>()?)
        })
    }

    fn set_account_state(&self, name: &AccountName, state: AccountState) -> Result<()> {
        self.update_account(
            name,
            "UPDATE accounts SET state = ?2 WHERE name = ?1",
            (name.as_str(), state.as_str()),
        )
    }

    fn set_display_name(&self, name: &AccountName, display_name: &str) -> Result<()> {
        self.update_account(
            name,
            "UPDATE accounts SET display_name = ?2 WHERE name = ?1",
            (name.as_str(), display_name),
        )
    }

    fn set_must_change(&self, name: &AccountName, must_change: bool) -> Result<()> {
        self.update_account(
            name,
            "UPDATE accounts SET must_change = ?2 WHERE name = ?1",
            (name.as_str(), must_change),
        )
    }

    fn set_password(&self, name: &AccountName, password: &PasswordRecord, must_change: bool) -> Result<()> {
        self.update_account(
            name,
            "UPDATE accounts SET password_hash = ?2, password_set_at = ?3, password_initial_until = ?4,
                 must_change = ?5 WHERE name = ?1",
            (
                name.as_str(),
                &password.hash,
                password.set_at.as_millis(),
                password.initial_until.map(Timestamp::as_millis),
                must_change,
            ),
        )
    }

    fn change_password(&self, name: &AccountName, old_hash: &str, password: &PasswordRecord) -> Result<bool> {
        self.write(|db| {
            let changed = db
                .prepare_cached(
                    "UPDATE accounts SET password_hash = ?3, password_set_at = ?4, password_initial_until = ?5,
                         must_change = 0 WHERE name = ?1 AND password_hash = ?2",
                )?
                .execute((
                    name.as_str(),
                    old_hash,
                    &password.hash,
                    password.set_at.as_millis(),
                    password.initial_until.map(Timestamp::as_millis),
                ))?;
            Ok(changed > 0)
        })
    }

    fn rehash_password(&self, name: &AccountName, old_hash: &str, new_hash: &str) -> Result<bool> {
        self.write(|db| {
            let changed = db
                .prepare_cached(
                    "UPDATE accounts SET password_hash = ?3 WHERE name = ?1 AND password_hash = ?2",
                )?
                .execute((name.as_str(), old_hash, new_hash))?;
            Ok(changed > 0)
        })
    }

    fn record_sign_in(&self, name: &AccountName, sign_in: &LastSignIn) -> Result<()> {
        self.update_account(
            name,
            "UPDATE accounts SET last_sign_in_at = ?2, last_sign_in_source = ?3 WHERE name = ?1",
            (name.as_str(), sign_in.at.as_millis(), &sign_in.source),
        )
    }

    fn delete_account(&self, name: &AccountName) -> Result<bool> {
        self.write(|db| {
            db.prepare_cached(
                "UPDATE tokens SET account = NULL, state = CASE WHEN state IN ('expired', 'replaced', 'removed')
                     THEN state ELSE 'initial' END WHERE account = ?1",
            )?
            .execute([name.as_str()])?;
            Ok(db.prepare_cached("DELETE FROM accounts WHERE name = ?1")?.execute([name.as_str()])? > 0)
        })
    }

    fn failures(&self, key: &NameKey) -> Result<Failures> {
        self.read(|db| Ok(failures(db, key)?))
    }

    fn record_failure(
        &self,
        key: &NameKey,
        account: Option<&AccountName>,
        policy: &LockPolicy,
        now: Timestamp,
    ) -> Result<Failures> {
        self.write(|db| {
            let after = failures(db, key)?.after_failure(policy, now);
            db.prepare_cached(
                "INSERT INTO failures (name_key, account, count, last, locked_until) VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT (name_key) DO UPDATE SET account = excluded.account, count = excluded.count,
                     last = excluded.last, locked_until = excluded.locked_until",
            )?
            .execute((
                key.0.as_slice(),
                account.map(AccountName::as_str),
                after.count,
                after.last.as_millis(),
                after.locked_until.map(Timestamp::as_millis),
            ))?;
            // The same statement whether the name is known or not, so that neither costs more.
            db.prepare_cached(
                "DELETE FROM failures WHERE name_key IN
                     (SELECT name_key FROM failures WHERE account IS NULL ORDER BY last DESC LIMIT 64 OFFSET ?1)",
            )?
            .execute([signed(MAX_UNKNOWN_NAMES as u64)])?;
            Ok(after)
        })
    }

    fn clear_failures(&self, key: &NameKey) -> Result<()> {
        self.write(|db| {
            db.prepare_cached("DELETE FROM failures WHERE name_key = ?1")?.execute([key.0.as_slice()])?;
            Ok(())
        })
    }

    fn failures_of(&self, account: &AccountName) -> Result<Failures> {
        self.read(|db| {
            // Beside the account's own there may be some of its devices.
            let mut query = db.prepare_cached(
                "SELECT * FROM failures WHERE account = ?1
                 ORDER BY locked_until DESC NULLS LAST, count DESC LIMIT 1",
            )?;
            Ok(query.query_row([account.as_str()], failures_row).optional()?.unwrap_or_default())
        })
    }

    fn unlock(&self, account: &AccountName) -> Result<bool> {
        self.write(|db| {
            Ok(db.prepare_cached("DELETE FROM failures WHERE account = ?1")?.execute([account.as_str()])? > 0)
        })
    }

    fn insert_tokens(&self, tokens: &[Token]) -> Result<()> {
        self.write(|db| {
            for token in tokens {
            let exists = || StoreError::Exists { what: "token", name: token.serial.to_string() };
            db.prepare_cached(
                "INSERT INTO tokens (serial, account, type, step_seconds, digits, algorithm, secret, state, drift,
                     last_step, failures, last_used, counting_since, expires, created)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
            )?
            .execute((
                token.serial.as_str(),
                token.account.as_ref().map(AccountName::as_str),
                match token.kind {
                    TokenKind::Totp { .. } => "totp",
                    TokenKind::Hotp { .. } => "hotp",
                },
                token.kind.step_seconds(),
                token.kind.digits(),
                token.kind.algorithm().as_str(),
                token.secret.as_bytes(),
                token.state.as_str(),
                token.drift,
                token.last_step,
                token.failures,
                token.last_used.map(Timestamp::as_millis),
                token.counting_since.as_millis(),
                token.expires.map(Timestamp::as_millis),
                token.created.as_millis(),
            ))
            .on_constraint(exists)?;
            }
            Ok(())
        })
    }

    fn token(&self, serial: &TokenSerial) -> Result<Option<Token>> {
        self.read(|db| {
            let mut query = db.prepare_cached("SELECT * FROM tokens WHERE serial = ?1")?;
            Ok(query.query_row([serial.as_str()], token).optional()?)
        })
    }

    fn tokens(&self) -> Result<Vec<Token>> {
        self.read(|db| {
            let mut query = db.prepare_cached("SELECT * FROM tokens ORDER BY serial")?;
            Ok(query.query_map([], token)?.collect::<rusqlite::Result<_>>()?)
        })
    }

    fn tokens_of(&self, account: &AccountName) -> Result<Vec<Token>> {
        self.read(|db| {
            let mut query = db.prepare_cached(
                "SELECT * FROM tokens WHERE account = ?1 ORDER BY last_used DESC NULLS LAST, serial",
            )?;
            Ok(query.query_map([account.as_str()], token)?.collect::<rusqlite::Result<_>>()?)
        })
    }

    fn set_token_state(&self, serial: &TokenSerial, from: TokenState, to: TokenState) -> Result<bool> {
        self.update_token(
            "UPDATE tokens SET state = ?3 WHERE serial = ?1 AND state = ?2",
            (serial.as_str(), from.as_str(), to.as_str()),
        )
    }

    fn assign_token(
        &self,
        serial: &TokenSerial,
        account: &AccountName,
        to: TokenState,
        now: Timestamp,
    ) -> Result<bool> {
        self.write(|db| {
            let no_account = || StoreError::NotFound { what: "account", name: account.to_string() };
            let assigned = db
                .prepare_cached(
                    "UPDATE tokens SET account = ?2, state = ?3, counting_since = ?4, last_used = NULL, failures = 0
                     WHERE serial = ?1 AND state = 'initial'",
                )?
                .execute((serial.as_str(), account.as_str(), to.as_str(), now.as_millis()))
                .on_constraint(no_account)?;
            Ok(assigned > 0)
        })
    }

    fn unassign_token(&self, serial: &TokenSerial, from: TokenState) -> Result<bool> {
        self.update_token(
            "UPDATE tokens SET account = NULL, state = 'initial' WHERE serial = ?1 AND state = ?2",
            (serial.as_str(), from.as_str()),
        )
    }

    fn reactivate_token(&self, serial: &TokenSerial, from: TokenState, now: Timestamp) -> Result<bool> {
        self.update_token(
            "UPDATE tokens SET state = 'active', failures = 0, counting_since = ?3
             WHERE serial = ?1 AND state = ?2",
            (serial.as_str(), from.as_str(), now.as_millis()),
        )
    }

    fn accept_step(&self, serial: &TokenSerial, step: i64, drift: i64, now: Timestamp) -> Result<bool> {
        self.update_token(
            "UPDATE tokens SET last_step = ?2, drift = ?3, last_used = ?4, failures = 0
             WHERE serial = ?1 AND last_step < ?2 AND state = 'active'",
            (serial.as_str(), step, drift, now.as_millis()),
        )
    }

    fn resync_token(&self, serial: &TokenSerial, step: i64, drift: i64) -> Result<bool> {
        self.update_token(
            "UPDATE tokens SET last_step = ?2, drift = ?3, failures = 0 WHERE serial = ?1 AND last_step < ?2",
            (serial.as_str(), step, drift),
        )
    }

    fn record_token_failure(&self, serial: &TokenSerial, limit: u32) -> Result<TokenState> {
        self.write(|db| {
            let mut update = db.prepare_cached(
                "UPDATE tokens SET failures = failures + 1,
                     state = CASE WHEN failures + 1 >= ?2 AND state = 'active' THEN 'locked' ELSE state END
                 WHERE serial = ?1 RETURNING state",
            )?;
            let state = update
                .query_row((serial.as_str(), limit), |row| row.named("state", TokenState::from_name))
                .optional()?;
            state
                .ok_or_else(|| Fault::Store(StoreError::NotFound { what: "token", name: serial.to_string() }))
        })
    }

    fn deactivate_unused(&self, cutoff: Timestamp) -> Result<Vec<Token>> {
        self.write(|db| {
            let mut update = db.prepare_cached(
                "UPDATE tokens SET state = 'inactive' WHERE state = 'active'
                     AND max(coalesce(last_used, counting_since), counting_since) <= ?1 RETURNING *",
            )?;
            Ok(update.query_map([cutoff.as_millis()], token)?.collect::<rusqlite::Result<_>>()?)
        })
    }
}

impl Store {
    /// Whether `account` has signed in with this device before, as far as sessions are remembered (1G.4).
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn knows_device(&self, account: &AccountName, device: &DeviceKey) -> Result<bool> {
        self.read(|db| {
            let mut query =
                db.prepare_cached("SELECT 1 FROM sessions WHERE account = ?1 AND device_key = ?2 LIMIT 1")?;
            Ok(query.exists((account.as_str(), device.0.as_slice()))?)
        })
    }

    fn update_account(&self, name: &AccountName, sql: &str, values: impl Params) -> Result<()> {
        self.write(|db| {
            if db.prepare_cached(sql)?.execute(values)? > 0 {
                return Ok(());
            }
            Err(StoreError::NotFound { what: "account", name: name.to_string() }.into())
        })
    }

    fn update_token(&self, sql: &str, values: impl Params) -> Result<bool> {
        self.write(|db| Ok(db.prepare_cached(sql)?.execute(values)? > 0))
    }
}

fn account(row: &Row<'_>) -> rusqlite::Result<Account> {
    let password = match (row.get("password_hash")?, row.timestamp_or_none("password_set_at")?) {
        (Some(hash), Some(set_at)) => Some(PasswordRecord {
            hash,
            set_at,
            initial_until: row.timestamp_or_none("password_initial_until")?,
        }),
        _ => None,
    };
    let last_sign_in = match (row.timestamp_or_none("last_sign_in_at")?, row.get("last_sign_in_source")?) {
        (Some(at), Some(source)) => Some(LastSignIn { at, source }),
        _ => None,
    };
    Ok(Account {
        name: AccountName::new(row.get::<_, String>("name")?),
        display_name: row.get("display_name")?,
        state: row.named("state", AccountState::from_name)?,
        password,
        must_change: row.get("must_change")?,
        created: row.timestamp("created")?,
        last_sign_in,
    })
}

fn failures(db: &Connection, key: &NameKey) -> rusqlite::Result<Failures> {
    let mut query = db.prepare_cached("SELECT * FROM failures WHERE name_key = ?1")?;
    Ok(query.query_row([key.0.as_slice()], failures_row).optional()?.unwrap_or_default())
}

fn failures_row(row: &Row<'_>) -> rusqlite::Result<Failures> {
    Ok(Failures {
        count: row.get("count")?,
        last: row.timestamp("last")?,
        locked_until: row.timestamp_or_none("locked_until")?,
    })
}

fn token(row: &Row<'_>) -> rusqlite::Result<Token> {
    let digits = row.get("digits")?;
    let algorithm = row.named("algorithm", OtpAlgorithm::from_name)?;
    let step_seconds = row.get("step_seconds")?;
    let kind = row.named("type", |name| match name {
        "totp" => Some(TokenKind::Totp { step_seconds, digits, algorithm }),
        "hotp" => Some(TokenKind::Hotp { digits, algorithm }),
        _ => None,
    })?;
    if !kind.is_valid() {
        return Err(bad_value(row, "digits", "impossible digits or step"));
    }
    Ok(Token {
        serial: TokenSerial::new(row.get::<_, String>("serial")?),
        account: row.get::<_, Option<String>>("account")?.map(AccountName::new),
        kind,
        secret: Sealed::from_bytes(row.get("secret")?),
        state: row.named("state", TokenState::from_name)?,
        drift: row.get("drift")?,
        last_step: row.get("last_step")?,
        failures: row.get("failures")?,
        last_used: row.timestamp_or_none("last_used")?,
        counting_since: row.timestamp("counting_since")?,
        expires: row.timestamp_or_none("expires")?,
        created: row.timestamp("created")?,
    })
}
