//! `praya-gateway posture …`

use std::cmp::Reverse;
use std::fmt::Write as _;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use praya_posture::policy::{Access, MAX_POLICY};
use serde_json::json;

use super::output::{printable, printable_lines};
use super::{Context, Table, shown};
use crate::exit::{Code, Fatal, Result};
use crate::posture::office::{
    self, BuiltIn, MOST_ON_A_PAGE, Office, PolicyShown, Problem, SupportEnd, VerdictShown, Wanted,
};
use crate::posture::word;

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
        /// The policy in TOML; with `--built-in` the id of one that comes with this release.
        file: PathBuf,
        /// Save one that comes with this release.
        #[arg(long)]
        built_in: bool,
    },
    /// Every version of every policy.
    List {
        /// Those that come with this release instead.
        #[arg(long)]
        built_in: bool,
    },
    /// Print a policy as it was saved.
    // Every command has the program's `--version`; here it means the policy's.
    #[command(disable_version_flag = true)]
    Show {
        /// Its id.
        id: String,
        /// Print one that comes with this release.
        #[arg(long, conflicts_with = "version")]
        built_in: bool,
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
    /// Delete a policy that is not in force, in all its versions.
    Delete {
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
        Command::Save { file, built_in } => save(file, *built_in, context),
        Command::List { built_in: false } => list(context),
        Command::List { built_in: true } => list_built_in(context),
        Command::Show { id, built_in: false, version } => show(id, *version, context),
        Command::Show { id, built_in: true, .. } => show_built_in(id, context),
        Command::Activate { id, version } => activate(id, *version, context),
        Command::Deactivate { id } => deactivate(id, context),
        Command::Delete { id } => delete(id, context),
        Command::DryRun { file, days } => dry_run(file, *days, context),
        Command::Machines => machines(context),
        Command::Machine { device } => machine(device, context),
        Command::Support { file, built_in } => support(file.as_deref(), *built_in, context),
    }
}

fn check(file: &Path, context: &mut Context<'_>) -> Result<()> {
    let text = text_of(file)?;
    let checked = office(context).check(&text).map_err(|problem| about_file(file, problem))?;
    context.out.show(&checked, || {
        let reads: Vec<String> = checked.reads.iter().map(word).collect();
        let tried = if checked.enforce { "" } else { "; nothing follows from it for anybody" };
        let mut text = format!("{} is good{tried}; of a machine it reads {}", checked.id, reads.join(", "));
        warn(&mut text, &checked.unknown);
        text
    })
}

fn save(file: &Path, built_in: bool, context: &mut Context<'_>) -> Result<()> {
    let text = if built_in { one_built_in(&file.to_string_lossy())?.text.to_owned() } else { text_of(file)? };
    let saved = office(context).save(&text, None, None).map_err(|problem| about_file(file, problem))?;
    context.out.show(&saved, || {
        let id = &saved.id;
        let mut text = format!(
            "{id}: saved as version {}; put it into force with `praya-gateway posture activate {id}`",
            saved.version
        );
        warn(&mut text, &saved.unknown);
        text
    })
}

fn list(context: &mut Context<'_>) -> Result<()> {
    let mut policies = Vec::new();
    loop {
        let after = policies.last().map_or(("", 0), |last: &PolicyShown| (last.id.as_str(), last.version));
        let page = office(context).policies(after, MOST_ON_A_PAGE)?;
        if page.is_empty() {
            break;
        }
        policies.extend(page);
    }
    context.out.show(&policies, || {
        let mut table = Table::new(["ID", "VERSION", "ACTIVE", "SAVED", "BY", "NAME"]);
        for policy in &policies {
            let active = match (policy.active, policy.enforce) {
                (true, Some(false)) => "only tried",
                (true, _) => "yes",
                (false, _) => "",
            };
            table.row([
                policy.id.clone(),
                policy.version.to_string(),
                active.into(),
                shown(policy.saved_at),
                policy.saved_by.clone(),
                policy.name.clone().unwrap_or_default(),
            ]);
        }
        table.render(
            "no policies, so machines are not checked; save one with `praya-gateway posture save FILE`",
        )
    })
}

fn list_built_in(context: &mut Context<'_>) -> Result<()> {
    let policies = office::built_in();
    context.out.show(&policies, || {
        let mut table = Table::new(["ID", "NAME"]);
        for policy in &policies {
            table.row([policy.id.clone(), policy.name.clone()]);
        }
        table.render("no policy comes with this release")
    })
}

fn show_built_in(id: &str, context: &mut Context<'_>) -> Result<()> {
    let policy = one_built_in(id)?;
    context.out.show(&policy, || policy.text.to_owned())
}

fn one_built_in(id: &str) -> Result<BuiltIn> {
    office::built_in_policy(id).map_err(|problem| {
        let id = printable(id);
        Fatal::new(
            Code::Failed,
            format!("{problem}: \"{id}\"; `praya-gateway posture list --built-in` shows them"),
        )
    })
}

fn show(id: &str, version: Option<u32>, context: &mut Context<'_>) -> Result<()> {
    let policy = office(context).policy(id, version).map_err(|problem| about_policy(id, problem))?;
    let terminal = context.out.terminal;
    context.out.show(&policy, || {
        let text = policy.text.clone().unwrap_or_default();
        // A file gets what was saved, to the byte.
        if terminal { printable_lines(&text) } else { text }
    })
}

fn activate(id: &str, version: Option<u32>, context: &mut Context<'_>) -> Result<()> {
    let version = office(context).activate(id, version).map_err(|problem| about_policy(id, problem))?;
    context.out.show(&json!({ "policy": id, "version": version }), || {
        format!("{}: version {version} is in force", printable(id))
    })
}

fn deactivate(id: &str, context: &mut Context<'_>) -> Result<()> {
    office(context).deactivate(id).map_err(|problem| about_policy(id, problem))?;
    context
        .out
        .show(&json!({ "policy": id, "active": false }), || format!("{}: no longer in force", printable(id)))
}

fn delete(id: &str, context: &mut Context<'_>) -> Result<()> {
    office(context).delete(id).map_err(|problem| about_policy(id, problem))?;
    context.out.show(&json!({ "policy": id, "deleted": true }), || format!("{}: deleted", printable(id)))
}

fn dry_run(file: &Path, days: u32, context: &mut Context<'_>) -> Result<()> {
    let text = text_of(file)?;
    let tried = office(context).dry_run(&text, days, None).map_err(|problem| about_file(file, problem))?;
    context.out.show(&tried, || {
        let mut text = format!("{} machines of the last {days} days\n", tried.machines);
        left_out(&mut text, tried.unreadable);
        let mut lines = |title: &str, counts: Vec<(String, u32)>| {
            for (name, count) in counts {
                // Writing to a string cannot fail.
                let _ = writeln!(text, "{title:<10} {}: {count}", printable(&name));
            }
        };
        let of = |counts: &std::collections::BTreeMap<String, u32>| {
            counts.iter().map(|(id, count)| (id.clone(), *count)).collect()
        };
        lines("verdict", tried.run.statuses.iter().map(|(status, count)| (word(status), *count)).collect());
        lines("failed", of(&tried.run.failed));
        lines("not known", of(&tried.run.unknown));
        text.push_str(tried.advice.unwrap_or_default());
        text
    })
}

fn machines(context: &mut Context<'_>) -> Result<()> {
    let (mut list, mut unreadable) = (Vec::new(), 0);
    let mut wanted = Wanted { limit: MOST_ON_A_PAGE, ..Wanted::default() };
    loop {
        let page = office(context).machines(wanted.clone())?;
        list.extend(page.machines);
        unreadable += page.unreadable;
        wanted.after = page.next;
        if wanted.after.is_none() {
            break;
        }
    }
    list.sort_by_key(|one| Reverse(one.verdict.evaluated_at));
    context.out.show(&list, || {
        let mut table = Table::new(["DEVICE", "PERSON", "HOST", "SYSTEM", "VERDICT", "ACCESS", "JUDGED"]);
        for one in &list {
            table.row([
                one.device.clone(),
                one.person.to_string(),
                one.host_name.clone(),
                one.system.clone().unwrap_or_default(),
                status(one),
                access(one),
                shown(one.verdict.evaluated_at),
            ]);
        }
        let mut text = table.render("no machine was judged in the last 30 days");
        left_out(&mut text, unreadable);
        text
    })
}

fn machine(device: &str, context: &mut Context<'_>) -> Result<()> {
    let found = office(context).machine(device).map_err(|problem| {
        if !matches!(problem, Problem::NoMachine | Problem::SeveralMachines) {
            return problem.into();
        }
        let device = printable(device);
        Fatal::new(
            Code::Failed,
            format!("{problem}: \"{device}\"; `praya-gateway posture machines` shows them"),
        )
    })?;
    context.out.show(&found.verdicts, || {
        let mut text = String::new();
        if let Some(newest) = found.verdicts.first() {
            let system = newest.system.as_deref().map_or_else(|| "system not known".into(), printable);
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{}  {system}, {}", found.device, supported(newest.support));
        }
        for one in &found.verdicts {
            verdict(&mut text, one);
        }
        left_out(&mut text, found.unreadable);
        text
    })
}

fn support(file: Option<&Path>, built_in: bool, context: &mut Context<'_>) -> Result<()> {
    let office = office(context);
    let table = match file {
        Some(file) => {
            office.set_support(Some(&text_of(file)?)).map_err(|problem| about_file(file, problem))?
        }
        None if built_in => office.set_support(None)?,
        None => office.support()?,
    };
    context.out.show(&table, || {
        let whose = if table.built_in { "this release's" } else { "an administrator's" };
        match (table.as_of, &table.unreadable) {
            (Some(as_of), _) => format!("support dates as of {as_of}, {whose}"),
            (None, why) => format!(
                "support dates of {whose} that cannot be read, so who is judged by them reaches nothing; save them anew, \
                 or go back with `praya-gateway posture support --built-in`:\n{}",
                printable_lines(why.as_deref().unwrap_or_default())
            ),
        }
    })
}

fn office<'a>(context: &'a Context<'_>) -> Office<'a> {
    Office { store: &context.store, actor: &context.actor, source: None, now: context.now }
}

fn text_of(file: &Path) -> Result<String> {
    let mut text = String::new();
    let opened = File::open(file).map_err(|error| Fatal::file("read", file, &error))?;
    // One byte more than is taken, so that what is too long is told from what just fits.
    let most = u64::try_from(MAX_POLICY).unwrap_or(u64::MAX).saturating_add(1);
    opened.take(most).read_to_string(&mut text).map_err(|error| Fatal::file("read", file, &error))?;
    Ok(text)
}

fn about_file(file: &Path, problem: Problem) -> Fatal {
    let Problem::NotTaken(complaints) = problem else { return problem.into() };
    let complaints = printable_lines(&complaints.to_string());
    Fatal::new(Code::BadInput, format!("{} is not taken:\n{complaints}", file.display()))
}

fn about_policy(id: &str, problem: Problem) -> Fatal {
    if problem == Problem::InForce {
        let message = format!("{problem}, with `praya-gateway posture deactivate {}`", printable(id));
        return Fatal::new(Code::Failed, message);
    }
    if !matches!(problem, Problem::NoPolicy | Problem::NotInForce) {
        return problem.into();
    }
    let id = printable(id);
    Fatal::new(Code::Failed, format!("{problem}: \"{id}\"; `praya-gateway posture list` shows them"))
}

impl From<Problem> for Fatal {
    fn from(problem: Problem) -> Self {
        if let Problem::Store(error) = problem {
            error.into()
        } else {
            Self::new(Code::Failed, printable_lines(&problem.to_string()))
        }
    }
}

fn warn(text: &mut String, unknown: &[String]) {
    if !unknown.is_empty() {
        // Writing to a string cannot fail.
        let _ = write!(text, "\nnot known here: {}", printable(&unknown.join(", ")));
    }
}

fn left_out(text: &mut String, unreadable: u32) {
    if unreadable > 0 {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{unreadable} more cannot be read by this release and are left out");
    }
}

fn verdict(text: &mut String, one: &VerdictShown) {
    // Writing to a string cannot fail.
    let _ = writeln!(
        text,
        "{}  {}  {}  {}  {}",
        shown(one.verdict.evaluated_at),
        status(one),
        access(one),
        printable(one.person.as_str()),
        printable(&one.host_name)
    );
    for result in &one.verdict.results {
        let _ = writeln!(
            text,
            "    {} {}: {}, {}",
            printable(&result.policy),
            printable(&result.requirement),
            word(&result.state),
            word(&result.consequence)
        );
        for finding in &result.findings {
            let of = |value: serde_json::Value| printable(&value.to_string());
            let (expected, found) = (json!(finding.expected), json!(finding.found));
            let _ = writeln!(text, "        {} {} {}", word(&finding.check), of(expected), of(found));
        }
    }
}

fn status(one: &VerdictShown) -> String {
    let is = word(&one.verdict.status);
    match one.verdict.if_enforced.as_ref().map(|would_be| word(&would_be.status)) {
        Some(would_be) if would_be != is => format!("{is} (would be {would_be})"),
        Some(_) | None => is,
    }
}

fn access(one: &VerdictShown) -> String {
    let is = access_word(&one.verdict.access);
    match one.verdict.if_enforced.as_ref().map(|would_be| access_word(&would_be.access)) {
        Some(would_be) if would_be != is => format!("{is} (would be {would_be})"),
        Some(_) | None => is.into(),
    }
}

fn supported(support: Option<SupportEnd>) -> String {
    let Some(SupportEnd { ends, extended, over }) = support else {
        return "not in the table of support dates".into();
    };
    let mut text = match ends {
        None => "supported, without an announced end".to_owned(),
        Some(day) if over => format!("not supported since {day}"),
        Some(day) => format!("supported until {day}"),
    };
    if let Some(day) = extended {
        // Writing to a string cannot fail.
        let _ = write!(text, ", with long-term or paid support until {day}");
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
