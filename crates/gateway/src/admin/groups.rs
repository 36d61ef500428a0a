//! `praya-gateway group …`

use std::num::NonZeroU32;

use clap::Subcommand;
use praya_model::resource::Endpoint;
use praya_model::{AccountName, GroupName};
use serde::Serialize;

use super::{Context, Table, format_endpoint, parse_endpoint, printable};
use crate::exit::{Code, Fatal, Result};
use crate::store::{AuditEvent, Group, Rates};

/// In Mbit/s.
const HIGHEST_RATE: u32 = 1_000_000;

/// What is done to groups.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a group.
    Add {
        /// Its name.
        name: String,
        /// One line about it.
        #[arg(long, default_value = "")]
        description: String,
    },
    /// Delete a group that no resource is published to.
    Remove {
        /// Its name.
        name: String,
    },
    /// Every group.
    List,
    /// Who is in a group; with --add and --remove, change that.
    Members {
        /// The group.
        name: String,
        /// Put this person in; may be repeated.
        #[arg(long)]
        add: Vec<String>,
        /// Take this person out; may be repeated.
        #[arg(long)]
        remove: Vec<String>,
    },
    /// What a group may reach besides its resources; with --add and --remove, change that.
    Network {
        /// The group.
        name: String,
        /// Allow this destination, such as tcp:10.2.0.0/16:443 or any:10.3.0.0/16; may be repeated.
        #[arg(long, value_parser = parse_endpoint)]
        add: Vec<Endpoint>,
        /// Allow it no longer; may be repeated.
        #[arg(long, value_parser = parse_endpoint)]
        remove: Vec<Endpoint>,
    },
    /// How much each session of a group's people may carry; a person in several groups has the most generous rate.
    Rate {
        /// The group.
        name: String,
        /// To the client, in Mbit/s, or `any`.
        #[arg(long, value_name = "MBIT", value_parser = parse_rate)]
        to_client: Option<Rate>,
        /// From the client, in Mbit/s, or `any`.
        #[arg(long, value_name = "MBIT", value_parser = parse_rate)]
        from_client: Option<Rate>,
    },
}

/// A rate in Mbit/s as it is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate(Option<NonZeroU32>);

#[derive(Debug, Serialize)]
struct Shown {
    name: GroupName,
    description: String,
    networks: Vec<String>,
    /// In Mbit/s.
    rate_to_client: Option<NonZeroU32>,
    rate_from_client: Option<NonZeroU32>,
    members: Vec<AccountName>,
}

pub(super) fn run(command: &Command, context: &mut Context<'_>) -> Result<()> {
    match command {
        Command::Add { name, description } => add(context, name, description),
        Command::Remove { name } => remove(context, name),
        Command::List => list(context),
        Command::Members { name, add, remove } => members(context, name, add, remove),
        Command::Network { name, add, remove } => network(context, name, add, remove),
        Command::Rate { name, to_client, from_client } => rate(context, name, *to_client, *from_client),
    }
}

fn add(context: &mut Context<'_>, name: &str, description: &str) -> Result<()> {
    let bad = name.trim() != name || name.is_empty() || name.chars().count() > 64 || printable(name) != name;
    if bad {
        return Err(Fatal::new(
            Code::Failed,
            "a group's name has 1 to 64 visible characters, without spaces at the ends",
        ));
    }
    if context.store.groups()?.iter().any(|group| group.name.as_str() == name) {
        return Err(Fatal::new(Code::Failed, format!("the group \"{name}\" exists already")));
    }
    let group = Group {
        name: GroupName::new(name),
        description: description.to_owned(),
        networks: Vec::new(),
        rates: Rates::default(),
    };
    context.store.put_group(&group)?;
    changed(context, &group.name, "added")?;
    show(context, group)
}

fn remove(context: &mut Context<'_>, name: &str) -> Result<()> {
    let group = find(context, name)?;
    context.store.delete_group(&group.name)?;
    changed(context, &group.name, "removed")?;
    context
        .out
        .show(&serde_json::json!({ "name": group.name, "removed": true }), || format!("{name}: removed"))
}

fn list(context: &mut Context<'_>) -> Result<()> {
    let groups: Vec<Shown> =
        context.store.groups()?.into_iter().map(|group| shown(context, group)).collect::<Result<_>>()?;
    context.out.show(&groups, || {
        let mut table =
            Table::new(["GROUP", "DESCRIPTION", "MEMBERS", "TO CLIENT", "FROM CLIENT", "NETWORKS"]);
        for group in &groups {
            table.row([
                group.name.to_string(),
                group.description.clone(),
                group.members.len().to_string(),
                format_rate(group.rate_to_client),
                format_rate(group.rate_from_client),
                group.networks.join(" "),
            ]);
        }
        table.render("no groups; make one with `praya-gateway group add NAME`")
    })
}

fn members(context: &mut Context<'_>, name: &str, add: &[String], remove: &[String]) -> Result<()> {
    let group = find(context, name)?;
    // Everybody is looked up before anybody is moved.
    let names = |names: &[String]| -> Result<Vec<AccountName>> {
        names.iter().map(|name| Ok(context.account(name)?.name)).collect()
    };
    let (add, remove) = (names(add)?, names(remove)?);
    for account in &add {
        if context.store.add_member(&group.name, account)? {
            member(context, &group.name, account, "member_added")?;
        }
    }
    for account in &remove {
        if context.store.remove_member(&group.name, account)? {
            member(context, &group.name, account, "member_removed")?;
        }
    }
    show(context, group)
}

fn network(context: &mut Context<'_>, name: &str, add: &[Endpoint], remove: &[Endpoint]) -> Result<()> {
    let mut group = find(context, name)?;
    if let Some(missing) = remove.iter().find(|endpoint| !group.networks.contains(endpoint)) {
        return Err(Fatal::new(
            Code::Failed,
            format!("the group \"{name}\" has no network {}", format_endpoint(missing)),
        ));
    }
    let before = group.networks.clone();
    group.networks.retain(|endpoint| !remove.contains(endpoint));
    for endpoint in add {
        if !group.networks.contains(endpoint) {
            group.networks.push(endpoint.clone());
        }
    }
    if group.networks != before {
        context.store.put_group(&group)?;
        changed(context, &group.name, "networks_changed")?;
    }
    show(context, group)
}

fn rate(context: &mut Context<'_>, name: &str, to: Option<Rate>, from: Option<Rate>) -> Result<()> {
    let mut group = find(context, name)?;
    let Rates { to_client, from_client } = group.rates;
    let rates = Rates {
        to_client: to.map_or(to_client, |rate| rate.0),
        from_client: from.map_or(from_client, |rate| rate.0),
    };
    if group.rates != rates {
        group.rates = rates;
        context.store.put_group(&group)?;
        context.audit(AuditEvent::GroupChanged, "rate_changed", |record| {
            record.detail = serde_json::json!({ "group": group.name, "rates": rates });
        })?;
    }
    show(context, group)
}

fn parse_rate(text: &str) -> Result<Rate, String> {
    if text == "any" {
        return Ok(Rate(None));
    }
    let rate = text.parse().ok().and_then(NonZeroU32::new).filter(|rate| rate.get() <= HIGHEST_RATE);
    rate.map(|rate| Rate(Some(rate))).ok_or_else(|| format!("a rate is 1 to {HIGHEST_RATE} Mbit/s, or `any`"))
}

fn format_rate(rate: Option<NonZeroU32>) -> String {
    rate.map_or_else(|| "any".to_owned(), |rate| format!("{rate} Mbit/s"))
}

fn find(context: &Context<'_>, name: &str) -> Result<Group> {
    let found = context.store.groups()?.into_iter().find(|group| group.name.as_str() == name);
    found.ok_or_else(|| {
        Fatal::new(
            Code::Failed,
            format!("there is no group \"{}\"; `praya-gateway group list` shows them", printable(name)),
        )
    })
}

fn shown(context: &Context<'_>, group: Group) -> Result<Shown> {
    let members = context.store.members(&group.name)?;
    let networks = group.networks.iter().map(format_endpoint).collect();
    Ok(Shown {
        name: group.name,
        description: group.description,
        networks,
        rate_to_client: group.rates.to_client,
        rate_from_client: group.rates.from_client,
        members,
    })
}

fn show(context: &mut Context<'_>, group: Group) -> Result<()> {
    let group = shown(context, group)?;
    context.out.show(&group, || {
        let or_none = |list: String| if list.is_empty() { "none".to_owned() } else { list };
        let members: Vec<&str> = group.members.iter().map(AccountName::as_str).collect();
        let mut table = Table::new(["GROUP", group.name.as_str()]);
        table.row(["description".into(), group.description.clone()]);
        table.row(["members".into(), or_none(members.join(", "))]);
        table.row(["networks".into(), or_none(group.networks.join(" "))]);
        table.row(["rate to client".into(), format_rate(group.rate_to_client)]);
        table.row(["rate from client".into(), format_rate(group.rate_from_client)]);
        table.render("")
    })
}

fn changed(context: &Context<'_>, group: &GroupName, code: &str) -> Result<()> {
    context.audit(AuditEvent::GroupChanged, code, |record| {
        record.detail = serde_json::json!({ "group": group });
    })
}

fn member(context: &Context<'_>, group: &GroupName, account: &AccountName, code: &str) -> Result<()> {
    context.audit(AuditEvent::GroupChanged, code, |record| {
        record.account = Some(account.clone());
        record.detail = serde_json::json!({ "group": group });
    })
}
