//! `praya-gateway person …`

use std::time::Duration;

use clap::Subcommand;
use praya_identity::password::HashParams;
use praya_identity::{Account, IdentityStore as _, account, people};
use praya_model::{AccountName, EndReason, Secret};
use serde::Serialize;

use super::{Context, Table, shown};
use crate::config::PasswordProfile;
use crate::exit::{Code, Fatal, Result};
use crate::store::AuditEvent;

/// What is done to people.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make an account with a random initial password, which is shown once.
    Add {
        /// The account's name.
        name: String,
        /// The person's name, to show.
        #[arg(long, default_value = "")]
        display_name: String,
        /// Groups to put the person into; may be repeated.
        #[arg(long = "group")]
        groups: Vec<String>,
    },
    /// Everybody.
    List,
    /// One person with tokens, groups and sessions.
    Show {
        /// The account's name.
        name: String,
    },
    /// Close an account; its sessions end at once.
    Disable {
        /// The account's name.
        name: String,
    },
    /// Open a closed account.
    Enable {
        /// The account's name.
        name: String,
    },
    /// Lift the lock after failed sign-ins.
    Unlock {
        /// The account's name.
        name: String,
    },
    /// Give a new random initial password, which is shown once; sessions end at once.
    SetInitialPassword {
        /// The account's name.
        name: String,
    },
    /// Demand a new password at the next sign-in.
    ForceChange {
        /// The account's name.
        name: String,
    },
    /// End every session of a person.
    EndSessions {
        /// The account's name.
        name: String,
    },
}

/// A person in lists.
#[derive(Debug, Serialize)]
struct Person {
    name: AccountName,
    display_name: String,
    state: &'static str,
    must_change_password: bool,
    has_password: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    locked_seconds: Option<u32>,
    failures: u32,
    created: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_sign_in: Option<String>,
}

#[derive(Debug, Serialize)]
struct Details {
    #[serde(flatten)]
    person: Person,
    groups: Vec<String>,
    tokens: Vec<super::tokens::Shown>,
    sessions: Vec<super::sessions::Shown>,
}

#[derive(Debug, Serialize)]
struct WithPassword {
    name: AccountName,
    initial_password: Secret,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<String>,
}

#[derive(Debug, Serialize)]
struct Done<'a> {
    name: &'a AccountName,
    done: &'static str,
    sessions_ended: usize,
}

pub(super) fn run(command: &Command, context: &mut Context<'_>) -> Result<()> {
    match command {
        Command::Add { name, display_name, groups } => add(context, name, display_name, groups),
        Command::List => list(context),
        Command::Show { name } => show(context, name),
        Command::Disable { name } => {
            let name = context.account(name)?.name;
            people::disable(&context.store, &name)?;
            finish(context, &name, "disabled", Some(EndReason::AccountDisabled))
        }
        Command::Enable { name } => {
            let name = context.account(name)?.name;
            people::enable(&context.store, &name)?;
            finish(context, &name, "enabled", None)
        }
        Command::Unlock { name } => {
            let name = context.account(name)?.name;
            let locked = people::unlock(&context.store, &name)?;
            finish(context, &name, if locked { "unlocked" } else { "was not locked" }, None)
        }
        Command::SetInitialPassword { name } => {
            let name = context.account(name)?.name;
            let shown = initial_password(context, name)?;
            end(context, &shown.name, EndReason::PasswordChanged)?;
            show_password(context, &shown)
        }
        Command::ForceChange { name } => {
            let name = context.account(name)?.name;
            people::force_change(&context.store, &name)?;
            finish(context, &name, "must change the password", None)
        }
        Command::EndSessions { name } => {
            let name = context.account(name)?.name;
            finish(context, &name, "sessions ended", Some(EndReason::Admin))
        }
    }
}

fn add(context: &mut Context<'_>, typed: &str, display_name: &str, groups: &[String]) -> Result<()> {
    let config = context.config()?;
    let name = super::folded(typed)?;
    if config.sign_in.password_profile == PasswordProfile::Iauth {
        account::check_iauth_name(&name)?;
    }
    let known = context.store.groups()?;
    if let Some(missing) =
        groups.iter().find(|group| !known.iter().any(|known| known.name.as_str() == *group))
    {
        return Err(Fatal::new(
            Code::Failed,
            format!("there is no group \"{missing}\"; make it with `praya-gateway group add {missing}`"),
        ));
    }
    let account = people::add(&context.store, typed, display_name, context.now)?;
    for group in groups {
        context.store.add_member(&praya_model::GroupName::new(group.as_str()), &account.name)?;
    }
    context
        .audit(AuditEvent::AccountChanged, "added", |record| record.account = Some(account.name.clone()))?;
    let shown = initial_password(context, account.name)?;
    show_password(context, &shown)
}

fn initial_password(context: &Context<'_>, name: AccountName) -> Result<WithPassword> {
    let days = context.config()?.sign_in.initial_password_days;
    let valid_for = (days > 0).then(|| Duration::from_secs(u64::from(days) * 86_400));
    let initial_password =
        people::set_initial_password(&context.store, &name, HashParams::default(), valid_for, context.now)?;
    context.audit(AuditEvent::AccountChanged, "initial_password_set", |record| {
        record.account = Some(name.clone());
    })?;
    let expires = valid_for.map(|valid_for| shown(context.now.after(valid_for)));
    Ok(WithPassword { name, initial_password, expires })
}

fn show_password(context: &mut Context<'_>, made: &WithPassword) -> Result<()> {
    context.out.show(made, || {
        let until = made.expires.as_ref().map_or_else(String::new, |at| format!(" until {at}"));
        format!(
            "{}: initial password {}\nIt is shown this once, opens only the choice of a new password, and is good{until}.",
            made.name,
            made.initial_password.expose()
        )
    })
}

fn list(context: &mut Context<'_>) -> Result<()> {
    let accounts = context.store.accounts()?;
    let people: Vec<Person> =
        accounts.iter().map(|account| person(context, account)).collect::<Result<_>>()?;
    context.out.show(&people, || {
        let mut table = Table::new(["NAME", "DISPLAY NAME", "STATE", "LAST SIGN-IN"]);
        for person in &people {
            table.row([
                person.name.to_string(),
                person.display_name.clone(),
                state(person),
                person.last_sign_in.clone().unwrap_or_else(|| "never".into()),
            ]);
        }
        table.render("nobody; add a person with `praya-gateway person add NAME`")
    })
}

fn show(context: &mut Context<'_>, name: &str) -> Result<()> {
    let account = context.account(name)?;
    let store = &context.store;
    let details = Details {
        person: person(context, &account)?,
        groups: store.groups_of(&account.name)?.into_iter().map(|group| group.name.to_string()).collect(),
        tokens: super::tokens::Shown::all(&store.tokens_of(&account.name)?, context)?,
        sessions: store.live_sessions_of(&account.name)?.iter().map(super::sessions::Shown::of).collect(),
    };
    context.out.show(&details, || {
        let none = |list: &[String]| if list.is_empty() { "none".to_owned() } else { list.join(", ") };
        let tokens: Vec<String> =
            details.tokens.iter().map(|token| format!("{} ({})", token.serial, token.state)).collect();
        let person = &details.person;
        let mut table = Table::new(["NAME", person.name.as_str()]);
        table.row(["display name".into(), person.display_name.clone()]);
        table.row(["state".into(), state(person)]);
        table.row(["created".into(), person.created.clone()]);
        table.row(["last sign-in".into(), person.last_sign_in.clone().unwrap_or_else(|| "never".into())]);
        table.row(["groups".into(), none(&details.groups)]);
        table.row(["tokens".into(), none(&tokens)]);
        for session in &details.sessions {
            table.row([
                "session".into(),
                format!("{} from {} since {}", session.id, session.source, session.since),
            ]);
        }
        table.render("")
    })
}

fn person(context: &Context<'_>, account: &Account) -> Result<Person> {
    let failures = context.store.failures_of(&account.name)?;
    Ok(Person {
        name: account.name.clone(),
        display_name: account.display_name.clone(),
        state: account.state.as_str(),
        must_change_password: account.must_change,
        has_password: account.password.is_some(),
        locked_seconds: failures.locked_for(context.now),
        failures: failures.count,
        created: shown(account.created),
        last_sign_in: account.last_sign_in.as_ref().map(|last| shown(last.at)),
    })
}

fn state(person: &Person) -> String {
    let mut words = vec![person.state.to_owned()];
    if let Some(seconds) = person.locked_seconds {
        words.push(format!("locked for {seconds} s"));
    }
    if !person.has_password {
        words.push("no password".into());
    } else if person.must_change_password {
        words.push("must change password".into());
    }
    words.join(", ")
}

/// Ends the sessions of a person and writes the audit.
pub(super) fn end(context: &Context<'_>, name: &AccountName, reason: EndReason) -> Result<usize> {
    let ended = context.store.end_sessions_of(name, None, reason, context.now)?;
    for row in &ended {
        context.audit(AuditEvent::SessionEnded, reason.as_str(), |record| {
            record.account = Some(name.clone());
            record.session = Some(row.id.clone());
        })?;
    }
    Ok(ended.len())
}

fn finish(
    context: &mut Context<'_>,
    name: &AccountName,
    done: &'static str,
    end_with: Option<EndReason>,
) -> Result<()> {
    let sessions_ended = end_with.map_or(Ok(0), |reason| end(context, name, reason))?;
    if end_with != Some(EndReason::Admin) {
        context.audit(AuditEvent::AccountChanged, &done.replace(' ', "_"), |record| {
            record.account = Some(name.clone());
        })?;
    }
    context.out.show(&Done { name, done, sessions_ended }, || match sessions_ended {
        0 => format!("{name}: {done}"),
        1 => format!("{name}: {done}; 1 session ended"),
        n => format!("{name}: {done}; {n} sessions ended"),
    })
}
