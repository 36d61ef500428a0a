//! `praya-gateway posture …`

use std::fmt::Write as _;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Subcommand;
use praya_model::{GroupName, Timestamp};
use praya_posture::policy::{Access, MAX_POLICY, Policy};
use praya_posture::support::SupportTable;
use praya_posture::verdict::{self, Seen};
use serde_json::{Value, json};

use super::{Context, Table, printable, shown};
use crate::exit::{Code, Fatal, Result};
use crate::posture::{Book, SUPPORT, word};
use crate::store::{AuditEvent, NewVerdict, PolicyRow, VerdictRow};

/// How far back machines are listed: as long as they are kept.
const KEPT_DAYS: u64 = 30;
/// How many verdicts of one machine are shown.
const SHOWN: u32 = 20;

/// What is done to policies for machines.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Read a policy and say everything that is wrong with it; nothing is saved.
    Check {
        /// The policy in TOML.
        file: PathBuf,
    },
    /// Save a policy as its next version. It judges nobody until it is activated.
    Save {
        /// The policy in TOML.
        file: PathBuf,
    },
    /// Every version of every policy.
    List,
    /// Print a policy as it was saved.
    // Every command has the program's `--version`; here it means the policy's.
    #[command(disable_version_flag = true)]
    Show {
        /// Its id.
        id: String,
        /// Which version; the active one, else the newest, when not given.
        #[arg(long)]
        version: Option<u32>,
    },
    /// Put a version into force in place of the present one.
    #[command(disable_version_flag = true)]
    Activate {
        /// Its id.
        id: String,
        /// Which version; the newest when not given.
        #[arg(long)]
        version: Option<u32>,
    },
    /// Take a policy out of force.
    Deactivate {
        /// Its id.
        id: String,
    },
    /// What would a policy have said of the machines that were seen?
    DryRun {
        /// The policy in TOML.
        file: PathBuf,
        /// Machines of the last so many days.
        #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=30))]
        days: u32,
    },
    /// The machines of the last 30 days with their newest verdict.
    Machines,
    /// The verdicts over one machine, and what it reported last.
    Machine {
        /// Its device, as `machines` shows it; a beginning is enough.
        device: String,
    },
    /// The table of support dates in force; with a file, use that from now on.
    Support {
        /// A newer table in TOML.
        #[arg(conflicts_with = "built_in")]
        file: Option<PathBuf>,
        /// Go back to the table of this release.
        #[arg(long)]
        built_in: bool,
    },
}

pub(super) fn run(command: &Command, context: &mut Context<'_>) -> Result<()> {
    match command {
        Command::Check { file } => check(file, context),
        Command::Save { file } => save(file, context),
        Command::List => list(context),
        Command::Show { id, version } => show(id, *version, context),
        Command::Activate { id, version } => activate(id, *version, context),
        Command::Deactivate { id } => deactivate(id, context),
        Command::DryRun { file, days } => dry_run(file, *days, context),
        Command::Machines => machines(context),
        Command::Machine { device } => machine(device, context),
        Command::Support { file, built_in } => support(file.as_deref(), *built_in, context),
    }
}

fn check(file: &Path, context: &mut Context<'_>) -> Result<()> {
    let (_, policy) = read(file)?;
    let unknown = unknown_names(&policy, context)?;
    let checks: Vec<String> = policy.checks().iter().map(word).collect();
    let shown = json!({ "id": policy.id, "good": true, "reads": checks, "unknown": unknown });
    context.out.show(&shown, || {
        let mut text = format!("{} is good; of a machine it reads {}", policy.id, checks.join(", "));
        warn(&mut text, &unknown);
        text
    })
}

fn save(file: &Path, context: &mut Context<'_>) -> Result<()> {
    let (text, policy) = read(file)?;
    let unknown = unknown_names(&policy, context)?;
    let version = context.store.save_policy(&policy.id, &text, &context.actor, context.now)?;
    changed(context, "saved", json!({ "policy": policy.id, "version": version }))?;
    let shown = json!({ "id": policy.id, "version": version, "unknown": unknown });
    context.out.show(&shown, || {
        let id = &policy.id;
        let mut text = format!(
            "{id}: saved as version {version}; put it into force with `praya-gateway posture activate {id}`"
        );
        warn(&mut text, &unknown);
        text
    })
}

fn list(context: &mut Context<'_>) -> Result<()> {
    let rows = context.store.policies()?;
    let list: Vec<Value> = rows.iter().map(row_json).collect();
    context.out.show(&list, || {
        let mut table = Table::new(["ID", "VERSION", "ACTIVE", "SAVED", "BY", "NAME"]);
        for row in &rows {
            table.row([
                row.id.clone(),
                row.version.to_string(),
                if row.active { "yes" } else { "" }.into(),
                shown(row.saved_at),
                row.saved_by.clone(),
                Policy::from_toml(&row.text).map(|policy| policy.name).unwrap_or_default(),
            ]);
        }
        table.render(
            "no policies, so machines are not checked; save one with `praya-gateway posture save FILE`",
        )
    })
}

fn show(id: &str, version: Option<u32>, context: &mut Context<'_>) -> Result<()> {
    let mut rows = context.store.policies()?;
    rows.retain(|row| row.id == id && version.is_none_or(|version| row.version == version));
    let active = rows.iter().position(|row| row.active).map(|at| rows.swap_remove(at));
    let Some(row) = active.or_else(|| rows.pop()) else { return Err(no_policy(id)) };
    let mut shown = row_json(&row);
    shown["text"] = row.text.clone().into();
    context.out.show(&shown, || row.text.clone())
}

fn activate(id: &str, version: Option<u32>, context: &mut Context<'_>) -> Result<()> {
    let Some(version) = context.store.activate_policy(id, version)? else { return Err(no_policy(id)) };
    let shown = json!({ "policy": id, "version": version });
    changed(context, "activated", shown.clone())?;
    context.out.show(&shown, || format!("{id}: version {version} is in force"))
}

fn deactivate(id: &str, context: &mut Context<'_>) -> Result<()> {
    if !context.store.deactivate_policy(id)? {
        return Err(Fatal::new(Code::Failed, format!("the policy \"{}\" is not in force", printable(id))));
    }
    changed(context, "deactivated", json!({ "policy": id }))?;
    context.out.show(&json!({ "policy": id, "active": false }), || format!("{id}: no longer in force"))
}

fn dry_run(file: &Path, days: u32, context: &mut Context<'_>) -> Result<()> {
    let (_, policy) = read(file)?;
    let support = Book::load(&context.store)?.support;
    let since = context.now.before(Duration::from_secs(u64::from(days) * 86_400));
    let mut seen = Vec::new();
    for row in context.store.machines(since)? {
        let groups = context.store.groups_of(&row.found.account)?;
        let groups: Vec<GroupName> = groups.into_iter().map(|group| group.name).collect();
        seen.push(Seen { facts: row.found.facts, groups, at: row.found.verdict.evaluated_at });
    }
    let run = verdict::dry_run(&policy, &seen, &support);
    let mut json = serde_json::to_value(&run).unwrap_or_default();
    json["machines"] = seen.len().into();
    context.out.show(&json, || {
        let mut text = format!("{} machines of the last {days} days\n", seen.len());
        let mut lines = |title: &str, counts: Vec<(String, u32)>| {
            for (name, count) in counts {
                // Writing to a string cannot fail.
                let _ = writeln!(text, "{title:<10} {name}: {count}");
            }
        };
        lines("verdict", run.statuses.iter().map(|(status, count)| (word(status), *count)).collect());
        lines("failed", run.failed.iter().map(|(id, count)| (id.clone(), *count)).collect());
        lines("not known", run.unknown.iter().map(|(id, count)| (id.clone(), *count)).collect());
        text
    })
}

fn machines(context: &mut Context<'_>) -> Result<()> {
    let rows = context.store.machines(kept_since(context.now))?;
    let list: Vec<Value> = rows.iter().map(|row| verdict_json(row, false)).collect();
    context.out.show(&list, || {
        let mut table = Table::new(["DEVICE", "PERSON", "HOST", "SYSTEM", "VERDICT", "ACCESS", "JUDGED"]);
        for VerdictRow { found, .. } in &rows {
            table.row([
                found.device.short(),
                found.account.to_string(),
                found.host_name.clone(),
                found.facts.os.value().map(|os| os.title.clone()).unwrap_or_default(),
                word(&found.verdict.status),
                access_word(&found.verdict.access).into(),
                shown(found.verdict.evaluated_at),
            ]);
        }
        table.render("no machine was judged in the last 30 days")
    })
}

fn machine(device: &str, context: &mut Context<'_>) -> Result<()> {
    let known = context.store.machines(kept_since(context.now))?;
    let mut devices: Vec<_> = known.iter().map(|row| row.found.device).collect();
    devices.retain(|key| !device.is_empty() && key.short().starts_with(device));
    devices.dedup();
    let [key] = devices[..] else {
        let many = if devices.is_empty() { "no machine" } else { "more than one machine" };
        let message = format!(
            "{many} begins with \"{}\"; `praya-gateway posture machines` shows them",
            printable(device)
        );
        return Err(Fatal::new(Code::Failed, message));
    };
    let rows = context.store.verdicts_of(&key, SHOWN)?;
    let list: Vec<Value> =
        rows.iter().enumerate().map(|(index, row)| verdict_json(row, index == 0)).collect();
    context.out.show(&list, || rows.iter().map(verdict_text).collect::<Vec<_>>().join("\n"))
}

fn support(file: Option<&Path>, built_in: bool, context: &mut Context<'_>) -> Result<()> {
    if let Some(file) = file {
        let text = text_of(file)?;
        let table = SupportTable::from_toml(&text).map_err(|complaints| complaint(file, &complaints))?;
        context.store.set_setting(SUPPORT, &text)?;
        changed(context, "support_dates_saved", json!({ "as_of": table.as_of }))?;
    } else if built_in {
        context.store.set_setting(SUPPORT, "")?;
        changed(context, "support_dates_built_in", Value::Null)?;
    }
    let table = Book::load(&context.store)?.support;
    let own = context.store.setting(SUPPORT)?.is_some_and(|text| !text.is_empty());
    context.out.show(&json!({ "as_of": table.as_of, "built_in": !own }), || {
        let whose = if own { "an administrator's" } else { "this release's" };
        format!("support dates as of {}, {whose}", table.as_of)
    })
}

fn read(file: &Path) -> Result<(String, Policy)> {
    let text = text_of(file)?;
    let policy = Policy::from_toml(&text).map_err(|complaints| complaint(file, &complaints))?;
    Ok((text, policy))
}

fn text_of(file: &Path) -> Result<String> {
    let mut text = String::new();
    let opened = File::open(file).map_err(|error| Fatal::file("read", file, &error))?;
    // One byte more than is taken, so that what is too long is told from what just fits.
    let most = u64::try_from(MAX_POLICY).unwrap_or(u64::MAX).saturating_add(1);
    opened.take(most).read_to_string(&mut text).map_err(|error| Fatal::file("read", file, &error))?;
    Ok(text)
}

fn complaint(file: &Path, complaints: &praya_posture::policy::Complaints) -> Fatal {
    Fatal::new(Code::BadInput, format!("{} is not taken:\n{complaints}", file.display()))
}

/// Names that the policy uses and this gateway does not know: spelt wrong, or not made yet.
fn unknown_names(policy: &Policy, context: &Context<'_>) -> Result<Vec<String>> {
    let (groups, resources) = (context.store.groups()?, context.store.resources()?);
    let mut unknown = Vec::new();
    for name in &policy.applies_to.groups {
        if !groups.iter().any(|group| group.name == *name) {
            unknown.push(format!("group {name}"));
        }
    }
    for access in [&policy.on_fail, &policy.without_report] {
        let Access::Limit(names) = access else { continue };
        for id in names.iter().filter(|id| !resources.iter().any(|resource| resource.id == **id)) {
            unknown.push(format!("resource {id}"));
        }
    }
    unknown.dedup();
    Ok(unknown)
}

fn warn(text: &mut String, unknown: &[String]) {
    if !unknown.is_empty() {
        // Writing to a string cannot fail.
        let _ = write!(text, "\nnot known here: {}", unknown.join(", "));
    }
}

fn changed(context: &Context<'_>, code: &str, detail: Value) -> Result<()> {
    context.audit(AuditEvent::PolicyChanged, code, |record| record.detail = detail)
}

fn no_policy(id: &str) -> Fatal {
    let id = printable(id);
    Fatal::new(
        Code::Failed,
        format!("there is no such policy or version: \"{id}\"; `praya-gateway posture list` shows them"),
    )
}

fn kept_since(now: Timestamp) -> Timestamp {
    now.before(Duration::from_secs(KEPT_DAYS * 86_400))
}

fn row_json(row: &PolicyRow) -> Value {
    let PolicyRow { id, version, text: _, active, saved_at, saved_by } = row;
    json!({ "id": id, "version": version, "active": active, "saved_at": saved_at, "saved_by": saved_by })
}

fn verdict_json(row: &VerdictRow, with_facts: bool) -> Value {
    let NewVerdict { device, host_name, account, session, source, verdict, facts } = &row.found;
    let mut json = json!({
        "device": device.short(),
        "host_name": host_name,
        "person": account,
        "session": session,
        "source": source,
        "system": facts.os.value().map(|os| os.title.clone()).ok(),
        "verdict": verdict,
    });
    if with_facts {
        json["facts"] = serde_json::to_value(facts).unwrap_or_default();
    }
    json
}

fn verdict_text(row: &VerdictRow) -> String {
    let NewVerdict { host_name, account, verdict, .. } = &row.found;
    let mut text = format!(
        "{}  {}  {}  {}  {}",
        shown(verdict.evaluated_at),
        word(&verdict.status),
        access_word(&verdict.access),
        account,
        printable(host_name)
    );
    for result in &verdict.results {
        // Writing to a string cannot fail.
        let _ = write!(
            text,
            "\n    {} {}: {}, {}",
            result.policy,
            result.requirement,
            word(&result.state),
            word(&result.consequence)
        );
        for finding in &result.findings {
            let of = |value: Value| printable(&value.to_string());
            let (expected, found) = (json!(finding.expected), json!(finding.found));
            let _ = write!(text, "\n        {} {} {}", word(&finding.check), of(expected), of(found));
        }
    }
    text
}

const fn access_word(access: &Access) -> &'static str {
    match access {
        Access::Allow => "allow",
        Access::Limit(_) => "limit",
        Access::Deny => "deny",
    }
}
