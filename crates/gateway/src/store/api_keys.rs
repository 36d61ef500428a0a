//! Keys of programs that act for administrators.

use praya_model::Timestamp;
use rusqlite::{OptionalExtension as _, Row};

use super::resources::{from_json, json};
use super::{Columns, OnConstraint as _, Result, Store, StoreError};
use crate::api_key::{ApiKey, KeyHash, MOST, NOTED_EVERY};

impl Store {
    /// Keeps a new key; false when there are as many as may be.
    ///
    /// # Errors
    /// [`StoreError::Exists`] when the name is taken; else [`StoreError`].
    pub fn insert_api_key(&self, key: &ApiKey, hash: &KeyHash) -> Result<bool> {
        self.write(|db| {
            let count: u32 =
                db.prepare_cached("SELECT count(*) FROM api_keys")?.query_row([], |row| row.get(0))?;
            if count >= MOST {
                return Ok(false);
            }
            let taken = || StoreError::Exists { what: "key", name: key.name.clone() };
            db.prepare_cached(
                "INSERT INTO api_keys (name, hash, allow, networks, created, created_by, expires, last_used)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, NULL)",
            )?
            .execute((
                &key.name,
                hash.0.as_slice(),
                json(&key.allow),
                json(&key.networks),
                key.created.as_millis(),
                &key.created_by,
                key.expires.as_millis(),
            ))
            .on_constraint(taken)?;
            Ok(true)
        })
    }

    /// Every key, by name.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn api_keys(&self) -> Result<Vec<ApiKey>> {
        self.read(|db| {
            let mut query = db.prepare_cached("SELECT * FROM api_keys ORDER BY name")?;
            Ok(query.query_map([], api_key)?.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// The key of that hash, whether or not it still opens anything. The index compares hashes and not keys, so how long
    /// it takes tells nothing about a key.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn api_key(&self, hash: &KeyHash) -> Result<Option<ApiKey>> {
        self.read(|db| {
            let mut query = db.prepare_cached("SELECT * FROM api_keys WHERE hash = ?1")?;
            Ok(query.query_row([hash.0.as_slice()], api_key).optional()?)
        })
    }

    /// Notes that a key was used, unless that was noted a moment ago.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn note_api_key(&self, key: &ApiKey, now: Timestamp) -> Result<()> {
        // A time to come was noted before the clock was set back.
        if key.last_used.is_some_and(|last| last <= now && now.since(last) < NOTED_EVERY) {
            return Ok(());
        }
        self.write(|db| {
            db.prepare_cached("UPDATE api_keys SET last_used = ?2 WHERE name = ?1")?
                .execute((&key.name, now.as_millis()))?;
            Ok(())
        })
    }

    /// Forgets a key. Which one that was; `None` when there is none of that name.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn delete_api_key(&self, name: &str) -> Result<Option<KeyHash>> {
        self.write(|db| {
            let mut query = db.prepare_cached("DELETE FROM api_keys WHERE name = ?1 RETURNING hash")?;
            Ok(query.query_row([name], |row| row.get(0).map(KeyHash)).optional()?)
        })
    }
}

fn api_key(row: &Row<'_>) -> rusqlite::Result<ApiKey> {
    Ok(ApiKey {
        name: row.get("name")?,
        id: KeyHash(row.get("hash")?).id(),
        allow: from_json(row, "allow")?,
        networks: from_json(row, "networks")?,
        created: row.timestamp("created")?,
        created_by: row.get("created_by")?,
        expires: row.timestamp("expires")?,
        last_used: row.timestamp_or_none("last_used")?,
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::api_key::{Scope, generate};

    const NOW: Timestamp = Timestamp::from_secs(1_795_219_200);

    fn key(name: &str) -> (ApiKey, KeyHash) {
        let hash = KeyHash::of(&generate().unwrap()).unwrap();
        let key = ApiKey {
            name: name.into(),
            id: hash.id(),
            allow: vec![Scope::PostureRead, Scope::PostureWrite],
            networks: vec!["10.0.0.0/8".parse().unwrap(), "fd00::/64".parse().unwrap()],
            created: NOW,
            created_by: "admin:test".into(),
            expires: NOW.after(Duration::from_secs(60)),
            last_used: None,
        };
        (key, hash)
    }

    #[test]
    fn a_key_is_found_by_its_hash_until_it_is_forgotten() {
        let store = Store::in_memory().unwrap();
        let ((ci, hash), (_, other)) = (key("ci"), key("ci"));
        assert!(store.insert_api_key(&ci, &hash).unwrap());
        assert!(matches!(store.insert_api_key(&ci, &other), Err(StoreError::Exists { what: "key", .. })));
        assert_eq!(store.api_key(&hash).unwrap(), Some(ci.clone()));
        assert_eq!(store.api_key(&other).unwrap(), None);
        store.note_api_key(&ci, NOW).unwrap();
        let noted = store.api_key(&hash).unwrap().unwrap();
        assert_eq!(noted.last_used, Some(NOW));
        store.note_api_key(&noted, NOW.after(NOTED_EVERY / 2)).unwrap();
        assert_eq!(store.api_keys().unwrap(), std::slice::from_ref(&noted), "once a minute is enough");
        store.note_api_key(&noted, NOW.after(NOTED_EVERY)).unwrap();
        let noted = store.api_keys().unwrap().remove(0);
        assert_eq!(noted.last_used, Some(NOW.after(NOTED_EVERY)));
        store.note_api_key(&noted, NOW).unwrap();
        assert_eq!(store.api_keys().unwrap()[0].last_used, Some(NOW), "the clock was set back");
        assert_eq!(store.delete_api_key("ci").unwrap(), Some(hash));
        assert_eq!(store.delete_api_key("ci").unwrap(), None);
        assert_eq!(store.api_key(&hash).unwrap(), None);
    }

    #[test]
    fn there_are_so_many_keys_and_no_more() {
        let store = Store::in_memory().unwrap();
        for number in 0..MOST {
            let (key, hash) = key(&format!("k{number}"));
            assert!(store.insert_api_key(&key, &hash).unwrap());
        }
        let (one_more, hash) = key("one-more");
        assert!(!store.insert_api_key(&one_more, &hash).unwrap());
        assert_eq!(store.api_keys().unwrap().len(), usize::try_from(MOST).unwrap());
    }
}
