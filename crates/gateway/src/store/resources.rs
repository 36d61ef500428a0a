//! Groups, who is in them, and the resources published to them.

use std::num::NonZeroU32;

use praya_model::resource::{Endpoint, ResourceKind};
use praya_model::{AccountName, GroupName, Resource, ResourceId};
use rusqlite::Row;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Columns, Group, OnConstraint as _, Rates, Result, Store, StoreError, bad_value};

impl Store {
    /// Makes a group, or changes the one of that name.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn put_group(&self, group: &Group) -> Result<()> {
        self.write(|db| {
            db.prepare_cached(
                "INSERT INTO groups (name, description, networks, rate_to_client, rate_from_client)
                 VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT (name) DO UPDATE SET description = excluded.description, networks = excluded.networks,
                     rate_to_client = excluded.rate_to_client, rate_from_client = excluded.rate_from_client",
            )?
            .execute((
                group.name.as_str(),
                &group.description,
                json(&group.networks),
                group.rates.to_client.map(NonZeroU32::get),
                group.rates.from_client.map(NonZeroU32::get),
            ))?;
            Ok(())
        })
    }

    /// Deletes a group; false when there was none.
    ///
    /// # Errors
    /// [`StoreError::InUse`] while resources are published to it.
    pub fn delete_group(&self, name: &GroupName) -> Result<bool> {
        self.write(|db| {
            let in_use = || StoreError::InUse { what: "group", name: name.to_string(), by: "resources" };
            let gone = db
                .prepare_cached("DELETE FROM groups WHERE name = ?1")?
                .execute([name.as_str()])
                .on_constraint(in_use)?;
            Ok(gone > 0)
        })
    }

    /// Every group, by name.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn groups(&self) -> Result<Vec<Group>> {
        self.read(|db| {
            let mut query = db.prepare_cached("SELECT * FROM groups ORDER BY name")?;
            Ok(query.query_map([], group)?.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// The groups of an account, by name.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn groups_of(&self, account: &AccountName) -> Result<Vec<Group>> {
        self.read(|db| {
            let mut query = db.prepare_cached(
                "SELECT groups.* FROM groups JOIN members ON group_name = name WHERE account = ?1 ORDER BY name",
            )?;
            Ok(query.query_map([account.as_str()], group)?.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// The accounts in a group, by name.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn members(&self, name: &GroupName) -> Result<Vec<AccountName>> {
        self.read(|db| {
            let mut query =
                db.prepare_cached("SELECT account FROM members WHERE group_name = ?1 ORDER BY account")?;
            let names =
                query.query_map([name.as_str()], |row| row.get::<_, String>(0).map(AccountName::new))?;
            Ok(names.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// Puts an account into a group; false when it is in already.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such group or account.
    pub fn add_member(&self, group: &GroupName, account: &AccountName) -> Result<bool> {
        self.write(|db| {
            let known =
                |sql: &str, name: &str| -> rusqlite::Result<bool> { db.prepare_cached(sql)?.exists([name]) };
            if !known("SELECT 1 FROM groups WHERE name = ?1", group.as_str())? {
                return Err(StoreError::NotFound { what: "group", name: group.to_string() }.into());
            }
            if !known("SELECT 1 FROM accounts WHERE name = ?1", account.as_str())? {
                return Err(StoreError::NotFound { what: "account", name: account.to_string() }.into());
            }
            let added = db
                .prepare_cached(
                    "INSERT INTO members (group_name, account) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
                )?
                .execute([group.as_str(), account.as_str()])?;
            Ok(added > 0)
        })
    }

    /// Takes an account out of a group; false when it was not in.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn remove_member(&self, group: &GroupName, account: &AccountName) -> Result<bool> {
        self.write(|db| {
            let removed = db
                .prepare_cached("DELETE FROM members WHERE group_name = ?1 AND account = ?2")?
                .execute([group.as_str(), account.as_str()])?;
            Ok(removed > 0)
        })
    }

    /// Makes a resource, or changes the one of that identifier.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such group.
    pub fn put_resource(&self, resource: &Resource) -> Result<()> {
        self.write(|db| {
            let no_group = || StoreError::NotFound { what: "group", name: resource.group.to_string() };
            db.prepare_cached(
                "INSERT INTO resources (id, name, description, group_name, kind, address, endpoints)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                 ON CONFLICT (id) DO UPDATE SET name = excluded.name, description = excluded.description,
                     group_name = excluded.group_name, kind = excluded.kind, address = excluded.address,
                     endpoints = excluded.endpoints",
            )?
            .execute((
                resource.id.as_str(),
                &resource.name,
                &resource.description,
                resource.group.as_str(),
                kind_name(resource.kind),
                &resource.address,
                json(&resource.endpoints),
            ))
            .on_constraint(no_group)?;
            Ok(())
        })
    }

    /// Deletes a resource; false when there was none.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn delete_resource(&self, id: &ResourceId) -> Result<bool> {
        self.write(|db| {
            Ok(db.prepare_cached("DELETE FROM resources WHERE id = ?1")?.execute([id.as_str()])? > 0)
        })
    }

    /// Every resource, by group and name.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn resources(&self) -> Result<Vec<Resource>> {
        self.read(|db| {
            let mut query = db.prepare_cached("SELECT * FROM resources ORDER BY group_name, name, id")?;
            Ok(query.query_map([], resource)?.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// The resources published to an account's groups, by group and name.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn resources_for(&self, account: &AccountName) -> Result<Vec<Resource>> {
        self.read(|db| {
            let mut query = db.prepare_cached(
                "SELECT resources.* FROM resources JOIN members USING (group_name) WHERE account = ?1
                 ORDER BY group_name, name, id",
            )?;
            Ok(query.query_map([account.as_str()], resource)?.collect::<rusqlite::Result<_>>()?)
        })
    }
}

fn group(row: &Row<'_>) -> rusqlite::Result<Group> {
    Ok(Group {
        name: GroupName::new(row.get::<_, String>("name")?),
        description: row.get("description")?,
        networks: from_json::<Vec<Endpoint>>(row, "networks")?,
        rates: Rates { to_client: rate(row, "rate_to_client")?, from_client: rate(row, "rate_from_client")? },
    })
}

fn rate(row: &Row<'_>, column: &str) -> rusqlite::Result<Option<NonZeroU32>> {
    let megabits: Option<u32> = row.get(column)?;
    megabits
        .map(|megabits| NonZeroU32::new(megabits).ok_or_else(|| bad_value(row, column, "zero")))
        .transpose()
}

fn resource(row: &Row<'_>) -> rusqlite::Result<Resource> {
    Ok(Resource {
        id: ResourceId::new(row.get::<_, String>("id")?),
        name: row.get("name")?,
        description: row.get("description")?,
        group: GroupName::new(row.get::<_, String>("group_name")?),
        kind: row.named("kind", kind_from_name)?,
        address: row.get("address")?,
        endpoints: from_json(row, "endpoints")?,
    })
}

const KINDS: [(ResourceKind, &str); 5] = [
    (ResourceKind::Web, "web"),
    (ResourceKind::Rdp, "rdp"),
    (ResourceKind::Ssh, "ssh"),
    (ResourceKind::FileShare, "file_share"),
    (ResourceKind::Other, "other"),
];

fn kind_name(kind: ResourceKind) -> &'static str {
    match kind {
        ResourceKind::Web => "web",
        ResourceKind::Rdp => "rdp",
        ResourceKind::Ssh => "ssh",
        ResourceKind::FileShare => "file_share",
        ResourceKind::Other => "other",
    }
}

fn kind_from_name(name: &str) -> Option<ResourceKind> {
    KINDS.iter().find(|(_, known)| *known == name).map(|(kind, _)| *kind)
}

pub(super) fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("plain data has a JSON form")
}

pub(super) fn from_json<T: DeserializeOwned>(row: &Row<'_>, column: &str) -> rusqlite::Result<T> {
    let text: String = row.get(column)?;
    serde_json::from_str(&text).map_err(|error| bad_value(row, column, &error.to_string()))
}

pub(super) fn from_json_or_none<T: DeserializeOwned>(
    row: &Row<'_>,
    column: &str,
) -> rusqlite::Result<Option<T>> {
    let text: Option<String> = row.get(column)?;
    let read = text.map(|text| serde_json::from_str(&text)).transpose();
    read.map_err(|error| bad_value(row, column, &error.to_string()))
}
