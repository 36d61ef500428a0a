//! `praya-gateway audit`

use std::thread;
use std::time::Duration;

use clap::Args;
use praya_model::{SessionId, SupportCode, Timestamp};

use super::{Context, folded, printable, shown};
use crate::exit::{Code, Fatal, Result};
use crate::store::{AuditEvent, AuditFilter, AuditRecord, Outcome};

/// How often `--follow` looks.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Which records.
#[derive(Debug, Args)]
pub struct Arguments {
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

pub(super) fn run(arguments: &Arguments, context: &mut Context<'_>) -> Result<()> {
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
    use super::*;

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
