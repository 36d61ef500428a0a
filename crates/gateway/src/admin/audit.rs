//! `praya-gateway audit`

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use clap::{Args, Subcommand};
use praya_model::{SessionId, SupportCode, Timestamp};

use super::{Context, folded, printable, shown};
use crate::exit::{Code, Fatal, Result};
use crate::store::{AuditEvent, AuditFilter, AuditRecord, Outcome};

/// How often `--follow` looks.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// How many records are read at once to be written to a file.
const PAGE: u32 = 10_000;

/// Which records.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Arguments {
    #[command(subcommand)]
    act: Option<Act>,
    /// Go on with new records as they come.
    #[arg(long, short)]
    follow: bool,
    /// About this person.
    #[arg(long)]
    person: Option<String>,
    /// Of this kind, such as sign_in or session_ended.
    #[arg(long, value_parser = event)]
    event: Option<AuditEvent>,
    /// With this outcome: ok, refused or failed.
    #[arg(long, value_parser = outcome)]
    outcome: Option<Outcome>,
    /// With this code, such as wrong_credentials.
    #[arg(long)]
    code: Option<String>,
    /// At or after: 2026-03-01T08:00:00Z, 2026-03-01, or 90m, 24h, 7d ago.
    #[arg(long)]
    since: Option<String>,
    /// Before.
    #[arg(long)]
    until: Option<String>,
    /// About this session.
    #[arg(long)]
    session: Option<String>,
    /// With the support code that a person quotes.
    #[arg(long)]
    support_code: Option<String>,
    /// At most so many, the newest.
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    limit: u32,
}

/// What is done to them.
#[derive(Debug, Subcommand)]
enum Act {
    /// Move old records out of the database into a file.
    Prune {
        /// Those before: 2026-03-01T08:00:00Z, 2026-03-01, or 90d ago.
        #[arg(long)]
        before: String,
        /// A file to be made for them, one JSON object a line.
        #[arg(long)]
        export: PathBuf,
    },
}

pub(super) fn run(arguments: &Arguments, context: &mut Context<'_>) -> Result<()> {
    if let Some(Act::Prune { before, export }) = &arguments.act {
        return prune(instant(before, context.now)?, export, context);
    }
    let instant = |text: &Option<String>| text.as_deref().map(|text| instant(text, context.now)).transpose();
    let filter = AuditFilter {
        after_id: None,
        since: instant(&arguments.since)?,
        until: instant(&arguments.until)?,
        account: arguments.person.as_deref().map(folded).transpose()?,
        session: arguments.session.as_deref().map(SessionId::new),
        event: arguments.event,
        outcome: arguments.outcome,
        code: arguments.code.clone(),
        support: arguments.support_code.as_deref().map(|code| SupportCode::new(code.trim().to_uppercase())),
        limit: arguments.limit,
    };
    // Before the records: what is written in between comes twice rather than never.
    let mut newest = context.store.last_audit_id()?;
    let records = context.store.audit(&filter)?;
    if !arguments.follow {
        return context.out.show(&records, || match records.as_slice() {
            [] => "no such records".into(),
            records => records.iter().map(line).collect::<Vec<_>>().join("\n"),
        });
    }
    for record in records.iter().filter(|record| record.id <= newest) {
        context.out.record(record, || line(record))?;
    }
    loop {
        let next = AuditFilter { after_id: Some(newest), ..filter.clone() };
        for record in context.store.audit(&next)? {
            newest = newest.max(record.id);
            context.out.record(&record, || line(&record))?;
        }
        thread::sleep(LOOK_EVERY);
    }
}

/// Exports, and only then deletes. What is deleted leaves a record.
fn prune(before: Timestamp, file: &Path, context: &mut Context<'_>) -> Result<()> {
    let mut options = OpenOptions::new();
    let made = options.write(true).create_new(true).mode(0o600).open(file);
    let mut to = BufWriter::new(made.map_err(|error| Fatal::file("make", file, &error))?);
    let exported = export(before, &mut to, file, context).and_then(|exported| {
        let whole = to.flush().and_then(|()| to.get_ref().sync_all()).and_then(|()| sync_name(file));
        whole.map_err(|error| Fatal::file("write", file, &error)).map(|()| exported)
    });
    if !matches!(exported, Ok((1.., _))) {
        // Half an export, or an empty one, helps nobody and would stand in the way of the next one.
        let _gone = fs::remove_file(file);
    }
    let (records, last) = exported?;
    if records == 0 {
        return context.out.show(&serde_json::json!({ "records": 0 }), || "no such records".into());
    }
    while context.store.prune_audit(before, last)? {}
    let path = file.display().to_string();
    let detail = serde_json::json!({ "records": records, "before": shown(before), "file": path });
    context.audit(AuditEvent::Gateway, "audit_pruned", |record| record.detail = detail.clone())?;
    context.out.show(&detail, || format!("{records} records are in {path} and no longer in the database"))
}

/// Puts a new file's name on the disk, too: without it, a power cut loses the file however well it is written.
fn sync_name(file: &Path) -> io::Result<()> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

/// Writes what was recorded before that instant; how many records, and the id of the last one.
fn export(
    before: Timestamp,
    to: &mut impl io::Write,
    file: &Path,
    context: &Context<'_>,
) -> Result<(u64, i64)> {
    let (mut records, mut last) = (0, 0);
    loop {
        let filter =
            AuditFilter { after_id: Some(last), until: Some(before), limit: PAGE, ..AuditFilter::default() };
        let page = context.store.audit(&filter)?;
        let Some(newest) = page.last() else { return Ok((records, last)) };
        last = newest.id;
        for record in &page {
            let line = serde_json::to_string(record)
                .map_err(|error| Fatal::new(Code::Software, format!("cannot write JSON: {error}")))?;
            writeln!(to, "{line}").map_err(|error| Fatal::file("write", file, &error))?;
            records += 1;
        }
    }
}

fn line(record: &AuditRecord) -> String {
    let mut line =
        format!("{}  {:<16} {:<8}", shown(record.at), record.event.as_str(), record.outcome.as_str());
    let mut add = |name: &str, value: Option<&str>| {
        if let Some(value) = value {
            line.push_str(&format!("  {name}={}", printable(value)));
        }
    };
    add("code", record.code.as_deref());
    add("person", record.account.as_ref().map(praya_model::AccountName::as_str));
    add("by", Some(&record.actor));
    add("from", record.source.as_deref());
    add("session", record.session.as_ref().map(SessionId::as_str));
    add("token", record.token.as_ref().map(praya_model::TokenSerial::as_str));
    add("support", record.support.as_ref().map(SupportCode::as_str));
    let detail = (!record.detail.is_null()).then(|| record.detail.to_string());
    add("detail", detail.as_deref());
    line
}

/// An instant, a day, or a time ago.
fn instant(text: &str, now: Timestamp) -> Result<Timestamp> {
    let ago = || {
        let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
        let seconds = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3600,
            "d" => 86_400,
            _ => return None,
        };
        Some(now.before(Duration::from_secs(number.parse::<u32>().ok().map(u64::from)? * seconds)))
    };
    let at = || text.parse::<jiff::Timestamp>().ok().map(|at| Timestamp::from_millis(at.as_millisecond()));
    let day = || {
        let day = text.parse::<jiff::civil::Date>().ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
        Some(Timestamp::from_secs(day.timestamp().as_second()))
    };
    ago().or_else(at).or_else(day).ok_or_else(|| {
        Fatal::new(
            Code::Failed,
            format!(
                "\"{}\" is no time; write 2026-03-01T08:00:00Z, 2026-03-01, or 90m, 24h, 7d",
                printable(text)
            ),
        )
    })
}

fn event(name: &str) -> Result<AuditEvent, String> {
    AuditEvent::from_name(name).ok_or_else(|| {
        let names: Vec<&str> = AuditEvent::ALL.iter().map(|event| event.as_str()).collect();
        format!("one of {}", names.join(", "))
    })
}

fn outcome(name: &str) -> Result<Outcome, String> {
    Outcome::from_name(name).ok_or_else(|| "one of ok, refused, failed".into())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use super::*;
    use crate::init::StateDir;
    use crate::store::{NewAudit, Store};

    #[test]
    fn old_records_move_into_a_file_and_what_was_done_stands_in_the_record() {
        let folder = tempfile::tempdir().unwrap();
        let (store, now) = (Store::in_memory().unwrap(), Timestamp::from_secs(1_790_000_000));
        let days_ago = |days: u64| now.before(Duration::from_secs(days * 86_400));
        for days in (1..=6000).rev() {
            let record = NewAudit::new(days_ago(days), AuditEvent::SignIn, Outcome::Ok, "person");
            store.append_audit(&record).unwrap();
        }
        let file = folder.path().join("old.jsonl");
        let mut output = Vec::new();
        let mut context = Context {
            state: StateDir::new(folder.path()),
            store: store.clone(),
            out: crate::admin::Output { json: true, terminal: false, to: &mut output },
            input: &mut io::empty(),
            actor: "admin:test".into(),
            now,
        };
        prune(days_ago(6000), &file, &mut context).unwrap();
        assert!(!file.exists(), "there was nothing to write");
        prune(days_ago(90), &file, &mut context).unwrap();

        let exported = fs::read_to_string(&file).unwrap();
        let exported: Vec<AuditRecord> =
            exported.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(exported.len(), 6000 - 90);
        assert!(exported.iter().all(|record| record.at < days_ago(90)));
        assert_eq!(fs::metadata(&file).unwrap().mode() & 0o777, 0o600);
        let left = store.audit(&AuditFilter::default()).unwrap();
        let (pruned, kept) = left.split_last().unwrap();
        assert_eq!((kept.len(), kept[0].at), (90, days_ago(90)));
        assert_eq!((pruned.code.as_deref(), pruned.actor.as_str()), (Some("audit_pruned"), "admin:test"));
        assert_eq!(pruned.detail["records"], 6000 - 90);

        let again = prune(days_ago(1), &file, &mut context).unwrap_err();
        assert_eq!(again.code, Code::CannotCreate, "an export is never overwritten");
        assert_eq!(store.audit(&AuditFilter::default()).unwrap().len(), 91);
    }

    #[test]
    fn times_are_instants_days_or_ago() {
        let now = Timestamp::from_secs(1_790_000_000);
        for (text, seconds) in [
            ("90m", 1_790_000_000 - 5400),
            ("7d", 1_790_000_000 - 7 * 86_400),
            ("2026-03-01", 1_772_323_200),
            ("2026-03-01T00:00:01Z", 1_772_323_201),
        ] {
            assert_eq!(instant(text, now).unwrap(), Timestamp::from_secs(seconds), "{text}");
        }
        for wrong in ["", "yesterday", "5w", "2026-13-01", "密"] {
            assert!(instant(wrong, now).is_err(), "{wrong}");
        }
    }
}
