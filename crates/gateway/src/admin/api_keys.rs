//! `praya-gateway api-key …`

use std::time::Duration;

use clap::Subcommand;
use ipnet::IpNet;
use praya_model::Secret;
use serde::Serialize;

use super::{Context, Table, printable, shown};
use crate::api_key::{self, ApiKey, KeyHash, MOST, MOST_NETWORKS, Scope};
use crate::exit::{Code, Fatal, Result};
use crate::store::AuditEvent;

/// What is done to keys of programs.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a key. It is shown once.
    Create {
        /// A name of your choice; the audit calls whoever uses the key `api-key:NAME#ID`.
        #[arg(value_parser = name)]
        name: String,
        /// What it may be used for; may be repeated.
        #[arg(long, value_enum, default_value = "posture:read")]
        allow: Vec<Scope>,
        /// For how many days.
        #[arg(long, default_value_t = 90, value_parser = clap::value_parser!(u32).range(1..=366))]
        days: u32,
        /// From which network or address; may be repeated. From anywhere when not given.
        #[arg(long = "from", value_name = "NETWORK", value_parser = api_key::network)]
        networks: Vec<IpNet>,
    },
    /// Every key, without what it is.
    List,
    /// Forget a key; from then on it opens nothing.
    Revoke {
        /// Its name.
        name: String,
    },
}

#[derive(Serialize)]
struct Made<'a> {
    #[serde(flatten)]
    about: &'a ApiKey,
    key: &'a Secret,
}

pub(super) fn run(command: &Command, context: &mut Context<'_>) -> Result<()> {
    match command {
        Command::Create { name, allow, days, networks } => create(context, name, allow, *days, networks),
        Command::List => list(context),
        Command::Revoke { name } => revoke(context, name),
    }
}

fn create(
    context: &mut Context<'_>,
    name: &str,
    allow: &[Scope],
    days: u32,
    networks: &[IpNet],
) -> Result<()> {
    if networks.len() > MOST_NETWORKS {
        return Err(Fatal::new(Code::Failed, format!("a key is for at most {MOST_NETWORKS} networks")));
    }
    let random = |error: &dyn std::fmt::Display| Fatal::new(Code::Software, error.to_string());
    let key = api_key::generate().map_err(|error| random(&error))?;
    let hash = KeyHash::of(&key).ok_or_else(|| random(&"a new key is none"))?;
    let mut allow = allow.to_vec();
    allow.sort();
    allow.dedup();
    let about = ApiKey {
        name: name.to_owned(),
        id: hash.id(),
        allow,
        networks: networks.to_vec(),
        created: context.now,
        created_by: context.actor.clone(),
        expires: context.now.after(Duration::from_secs(u64::from(days) * 86_400)),
        last_used: None,
    };
    if !context.store.insert_api_key(&about, &hash)? {
        let message = format!("there are {MOST} keys already; `praya-gateway api-key revoke` makes room");
        return Err(Fatal::new(Code::Failed, message));
    }
    let detail = serde_json::json!({
        "key": about.name, "id": about.id, "allow": about.allow, "networks": about.networks, "expires": about.expires,
    });
    context.audit(AuditEvent::ApiKeyChanged, "created", |record| record.detail = detail)?;
    context.out.show(&Made { about: &about, key: &key }, || {
        format!(
            "{}: for {} from {} until {}\nThe key is shown this once: {}",
            about.name,
            words(&about.allow),
            places(&about.networks),
            shown(about.expires),
            key.expose()
        )
    })
}

fn list(context: &mut Context<'_>) -> Result<()> {
    let keys = context.store.api_keys()?;
    let now = context.now;
    context.out.show(&keys, || {
        let mut table = Table::new(["NAME", "ID", "ALLOWS", "FROM", "MADE", "BY", "LAST USED", "UNTIL"]);
        for key in &keys {
            let until = shown(key.expires);
            table.row([
                key.name.clone(),
                key.id.clone(),
                words(&key.allow),
                places(&key.networks),
                shown(key.created),
                key.created_by.clone(),
                key.last_used.map_or_else(|| "never".into(), shown),
                if now >= key.expires { format!("{until}, over") } else { until },
            ]);
        }
        table.render("no keys, so the administrators' API is closed; make one with `praya-gateway api-key create NAME`")
    })
}

fn revoke(context: &mut Context<'_>, name: &str) -> Result<()> {
    let Some(hash) = context.store.delete_api_key(name)? else {
        let message =
            format!("there is no key \"{}\"; `praya-gateway api-key list` shows them", printable(name));
        return Err(Fatal::new(Code::Failed, message));
    };
    context.audit(AuditEvent::ApiKeyChanged, "revoked", |record| {
        record.detail = serde_json::json!({ "key": name, "id": hash.id() });
    })?;
    let done = serde_json::json!({ "name": name, "revoked": true });
    context.out.show(&done, || format!("{}: opens nothing any more", printable(name)))
}

fn name(text: &str) -> Result<String, String> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    if (1..=64).contains(&text.len()) && text.bytes().all(plain) {
        Ok(text.to_owned())
    } else {
        Err("a name of a key has 1 to 64 of letters, digits, '-', '_' and '.'".into())
    }
}

fn words(allow: &[Scope]) -> String {
    allow.iter().map(crate::posture::word).collect::<Vec<_>>().join(", ")
}

fn places(networks: &[IpNet]) -> String {
    if networks.is_empty() {
        return "anywhere".into();
    }
    networks.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
