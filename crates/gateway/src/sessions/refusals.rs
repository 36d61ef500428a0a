//! Refused cookies in the audit: one record for a session, a reason and a minute, however often somebody knocks, so
//! that a loop with a dead cookie fills neither the disk nor the record.

use std::collections::HashMap;
use std::time::Duration;

use praya_model::{SessionId, Timestamp};

use crate::store::NewAudit;

/// The shortest time between two records about the same thing.
const INTERVAL: Duration = Duration::from_secs(60);

/// What a record is about: the session and the reason. Only cookies that a session once had get here, so there are no
/// more of these than sessions.
type About = (Option<SessionId>, Option<String>);

/// The refusals of the last minute.
#[derive(Debug, Default)]
pub(super) struct Refusals(HashMap<About, Run>);

#[derive(Debug)]
struct Run {
    recorded: Timestamp,
    /// The newest refusal without a record, and how many there are.
    held_back: Option<(NewAudit, u64)>,
}

impl Refusals {
    /// The record, if it is the first about its session and reason for a minute; else it is counted.
    pub(super) fn note(&mut self, record: NewAudit) -> Option<NewAudit> {
        match self.0.get_mut(&(record.session.clone(), record.code.clone())) {
            Some(run) => {
                let count = run.held_back.as_ref().map_or(0, |(_, count)| *count);
                run.held_back = Some((record, count + 1));
                None
            }
            None => {
                let run = Run { recorded: record.at, held_back: None };
                self.0.insert((record.session.clone(), record.code.clone()), run);
                Some(record)
            }
        }
    }

    /// Records, with their count, of what was held back, however short a time, when nothing more is to come.
    pub(super) fn rest(&mut self) -> Vec<NewAudit> {
        self.0.drain().filter_map(|(_, run)| run.held_back).map(counted).collect()
    }

    /// Records, with their count, of what was held back for a minute by now.
    pub(super) fn due(&mut self, now: Timestamp) -> Vec<NewAudit> {
        let mut due = Vec::new();
        self.0.retain(|_, run| {
            if now.since(run.recorded) < INTERVAL {
                return true;
            }
            let Some(held_back) = run.held_back.take() else { return false };
            due.push(counted(held_back));
            run.recorded = now;
            true
        });
        due
    }
}

fn counted((record, count): (NewAudit, u64)) -> NewAudit {
    NewAudit { detail: serde_json::json!({ "count": count }), ..record }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{AuditEvent, Outcome};

    fn refusal(session: &str, code: &str, at: u64) -> NewAudit {
        NewAudit {
            session: Some(SessionId::new(session)),
            code: Some(code.into()),
            ..NewAudit::new(second(at), AuditEvent::CookieRefused, Outcome::Refused, "gateway")
        }
    }

    fn second(at: u64) -> Timestamp {
        Timestamp::from_secs(1_790_000_000).after(Duration::from_secs(at))
    }

    #[test]
    fn one_record_per_session_reason_and_minute_and_the_rest_is_counted() {
        let mut refusals = Refusals::default();
        assert!(refusals.note(refusal("a", "proof", 0)).is_some());
        for at in 1..=50 {
            assert!(refusals.note(refusal("a", "proof", at)).is_none());
        }
        assert!(refusals.note(refusal("a", "retired_cookie", 50)).is_some());
        assert!(refusals.note(refusal("b", "proof", 50)).is_some());
        assert!(refusals.due(second(59)).is_empty());
        let due = refusals.due(second(60));
        assert_eq!(due.len(), 1);
        assert_eq!((due[0].detail["count"].as_u64(), due[0].at), (Some(50), second(50)));
        assert!(refusals.note(refusal("a", "proof", 61)).is_none(), "the minute begins with each record");
        assert_eq!(refusals.due(second(120))[0].detail["count"], 1);
        assert!(refusals.due(second(300)).is_empty());
        assert!(refusals.0.is_empty(), "nothing is kept of what is over");
        assert!(refusals.note(refusal("a", "proof", 301)).is_some());
    }
}
