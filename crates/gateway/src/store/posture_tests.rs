//! What the store keeps of the endpoint check.

use std::time::Duration;

use praya_model::{AccountName, Timestamp};
use praya_posture::facts::HostFacts;
use praya_posture::support::SupportTable;
use praya_posture::verdict::evaluate;

use super::*;
use crate::posture::test_machine::POLICY;
use crate::posture::{Fit, Judged};
use crate::sign_in::Others;
use crate::store::tests::{cookie, lease_of, row};
use crate::store::{MachineQuery, SessionRow};

const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);

fn later(seconds: u64) -> Timestamp {
    NOW.after(Duration::from_secs(seconds))
}

fn found(device: u8, account: &str, at: Timestamp) -> NewVerdict {
    let policy = praya_posture::policy::Policy::from_toml(praya_posture::policy::IAS).unwrap();
    let facts = HostFacts::none(at);
    let verdict = evaluate(&[&policy], &facts, &SupportTable::built_in(), at);
    NewVerdict {
        device: DeviceKey([device; 32]),
        host_name: "pc-17".into(),
        account: AccountName::new(account),
        session: None,
        source: [192, 0, 2, 1].into(),
        verdict,
        facts,
    }
}

fn machines(store: &Store, since: Timestamp) -> Verdicts {
    let query = MachineQuery { since, limit: 99, ..MachineQuery::default() };
    store.machines_page(&query).unwrap().verdicts
}

fn active(store: &Store) -> Vec<(String, u32)> {
    store.active_policies().unwrap().into_iter().map(|row| (row.id, row.version)).collect()
}

#[test]
fn versions_count_up_and_at_most_one_of_a_policy_is_active() {
    let store = Store::in_memory().unwrap();
    let policy = |id: &str| POLICY.replace("\"staff\"", &format!("\"{id}\""));
    assert_eq!(store.save_policy("a", &policy("a"), "admin:x", NOW).unwrap(), 1);
    assert_eq!(store.save_policy("a", &policy("a"), "admin:x", NOW).unwrap(), 2);
    assert_eq!(store.save_policy("b", &policy("b"), "admin:y", NOW).unwrap(), 1);
    assert!(active(&store).is_empty(), "what is saved judges nobody");
    assert_eq!(store.activate_policy("a", None).unwrap(), Some(2));
    assert_eq!(store.activate_policy("b", None).unwrap(), Some(1));
    assert_eq!(store.activate_policy("a", Some(1)).unwrap(), Some(1));
    assert_eq!(active(&store), [("a".into(), 1), ("b".into(), 1)]);
    assert_eq!(store.activate_policy("a", Some(9)).unwrap(), None);
    assert_eq!(store.activate_policy("c", None).unwrap(), None);
    assert_eq!(active(&store).len(), 2, "what fails changes nothing");
    assert_eq!(store.deactivate_policy("a").unwrap(), Some(1));
    assert_eq!(store.deactivate_policy("a").unwrap(), None);
    let rows = store.policies_after(("", 0), 99).unwrap();
    let kept: Vec<_> = rows.iter().map(|row| (row.id.as_str(), row.version, row.active)).collect();
    assert_eq!(kept, [("a", 1, false), ("a", 2, false), ("b", 1, true)]);
    assert_eq!(rows[2].text, policy("b"));
    assert_eq!((rows[2].saved_by.as_str(), rows[2].saved_at), ("admin:y", NOW));
}

#[test]
fn a_verdict_is_read_as_it_was_kept_and_belongs_to_the_session_that_it_let_in() {
    let store = Store::in_memory().unwrap();
    let new = found(1, "wong", NOW);
    let number = store.add_verdict(&new).unwrap().number;
    assert_eq!(store.verdict(number).unwrap(), Some(VerdictRow { id: number, found: new.clone() }));
    assert_eq!(store.verdict(number + 1).unwrap(), None);

    let judged = Judged {
        verdict: new.verdict.clone(),
        number,
        platform: None,
        lapse: praya_posture::policy::Access::Deny,
    };
    let fit = Fit::new(&judged);
    let session = SessionRow { posture: Some(fit.clone()), ..row("s1") };
    store.begin_session(&session, &cookie("s1"), &lease_of("s1", 1), Others::AtMost(9)).unwrap();
    assert_eq!(store.session(&session.id).unwrap().unwrap().posture, Some(fit));
    let latest = || store.latest_verdict(&session.id).unwrap().unwrap();
    assert_eq!((latest().id, latest().found.session), (number, Some(session.id.clone())));
    let newer = NewVerdict { session: Some(session.id.clone()), ..found(1, "wong", later(60)) };
    let newer = store.add_verdict(&newer).unwrap().number;
    assert_eq!(latest().id, newer);
    store.set_posture(&session.id, || None).unwrap();
    assert_eq!(store.session(&session.id).unwrap().unwrap().posture, None);
}

#[test]
fn machines_are_listed_with_their_newest_verdict_and_forgotten_in_time() {
    let store = Store::in_memory().unwrap();
    for (device, account, at) in
        [(1, "wong", NOW), (2, "chan", later(1)), (1, "wong", later(2)), (1, "chan", later(3))]
    {
        store.add_verdict(&found(device, account, at)).unwrap();
    }
    let listed = |since| {
        let rows = machines(&store, since);
        rows.rows
            .into_iter()
            .map(|row| (row.found.device.0[0], row.found.verdict.evaluated_at))
            .collect::<Vec<_>>()
    };
    assert_eq!(listed(NOW), [(1, later(3)), (1, later(2)), (2, later(1))], "by machine and person");
    assert_eq!(listed(later(3)), [(1, later(3))]);
    store.renew_verdict(1, &found(1, "wong", later(4))).unwrap();
    assert_eq!(
        listed(NOW),
        [(1, later(3)), (1, later(4)), (2, later(1))],
        "a renewed one stays where it was"
    );
    store.renew_verdict(1, &found(1, "wong", NOW)).unwrap();
    let of_one = store.verdicts_of(&DeviceKey([1; 32]), 2).unwrap().rows;
    assert_eq!(of_one.len(), 2);
    assert_eq!(of_one[0].found.verdict.evaluated_at, later(3));
    assert_eq!(store.purge_verdicts(later(2)).unwrap(), 2);
    assert_eq!(listed(NOW).len(), 2);
}

#[test]
fn a_page_is_found_by_steps_in_an_index_and_holds_no_other_rows() {
    let store = Store::in_memory().unwrap();
    let plan = |sql: &str| {
        let plan = store.read(|db| {
            let mut query = db.prepare(&format!("EXPLAIN QUERY PLAN {sql}"))?;
            let lines = query.raw_query().mapped(|row| row.get::<_, String>("detail"));
            Ok(lines.collect::<rusqlite::Result<Vec<_>>>()?)
        });
        plan.unwrap().join("; ")
    };
    let next = plan(super::super::office::NEXT_MACHINE);
    assert_eq!(
        next, "SEARCH verdicts USING COVERING INDEX verdicts_of_people ((device_key,account)>(?,?))",
        "nothing is sorted"
    );
    let judged = plan(super::super::office::MACHINES_JUDGED);
    assert_eq!(judged, "SCAN verdicts USING COVERING INDEX verdicts_of_machines");
}

#[test]
fn a_machine_that_is_judged_again_while_somebody_turns_the_page_is_seen_once() {
    let store = Store::in_memory().unwrap();
    for device in 1..=6 {
        store.add_verdict(&found(device, "wong", later(u64::from(device)))).unwrap();
    }
    let (mut query, mut seen) = (MachineQuery { limit: 2, ..MachineQuery::default() }, Vec::new());
    loop {
        let page = store.machines_page(&query).unwrap();
        seen.extend(page.verdicts.rows.iter().map(|row| row.found.device.0[0]));
        let Some(next) = page.next else { break };
        query.after = Some(next);
        for device in [1, 3, 4] {
            store
                .renew_verdict(device, &found(device as u8, "wong", later(100 + seen.len() as u64)))
                .unwrap();
        }
    }
    seen.sort_unstable();
    assert_eq!(seen, [1, 2, 3, 4, 5, 6]);
}

#[test]
fn the_newest_versions_stay_and_the_one_in_force() {
    let store = Store::in_memory().unwrap();
    store.save_policy("other", POLICY, "admin:x", NOW).unwrap();
    store.save_policy("a", POLICY, "admin:x", NOW).unwrap();
    store.activate_policy("a", None).unwrap();
    for version in 2..=VERSIONS_KEPT + 3 {
        assert_eq!(store.save_policy("a", POLICY, "admin:x", NOW).unwrap(), version);
    }
    let kept: Vec<_> = store.policies_after(("a", 0), 999).unwrap().iter().map(|row| row.version).collect();
    let in_force_and_newest: Vec<_> = [1].into_iter().chain(4..=VERSIONS_KEPT + 3).collect();
    assert_eq!(kept[..kept.len() - 1], in_force_and_newest);
    assert_eq!(store.newest_policy("a").unwrap(), VERSIONS_KEPT + 3);
    assert_eq!(active(&store), [("a".into(), 1)]);
}

#[test]
fn what_cannot_be_read_is_not_put_into_force() {
    let store = Store::in_memory().unwrap();
    store.save_policy("staff", POLICY, "admin:x", NOW).unwrap();
    store.save_policy("staff", "schema = 2", "admin:x", NOW).unwrap();
    store.activate_policy("staff", Some(1)).unwrap();
    let refused = store.activate_policy("staff", None).unwrap_err().to_string();
    assert!(refused.contains("staff version 2"), "{refused}");
    assert_eq!(active(&store), [("staff".into(), 1)], "what is in force stays so");
}

#[test]
fn one_row_that_cannot_be_read_hides_no_other() {
    let store = Store::in_memory().unwrap();
    for device in 1..=3 {
        store.add_verdict(&found(device, "wong", NOW)).unwrap();
    }
    store.spoil("UPDATE verdicts SET facts = '{\"schema\": 99}' WHERE id = 2");
    let machines = machines(&store, NOW);
    let left: Vec<_> = machines.rows.iter().map(|row| row.id).collect();
    assert_eq!((left, machines.unreadable), (vec![1, 3], 1));
    let of_two = store.verdicts_of(&DeviceKey([2; 32]), 9).unwrap();
    assert_eq!((of_two.rows.len(), of_two.unreadable), (0, 1));
}

#[test]
fn whoever_says_something_else_each_time_does_not_fill_the_database() {
    let store = Store::in_memory().unwrap();
    let add = |device, at| store.add_verdict(&found(device, "wong", at)).unwrap();
    let kept = |device| store.verdicts_of(&DeviceKey([device; 32]), u32::MAX).unwrap().rows;
    for n in 0..u64::from(VERDICTS_A_DAY) {
        assert!(!add(1, later(n)).crowded);
    }
    let newest = kept(1)[0].id;
    assert_eq!(add(1, later(1000)), Added { number: newest, crowded: true });
    assert_eq!(kept(1)[0].found.verdict.evaluated_at, later(1000), "the newest is what counts");
    assert_eq!(kept(1).len(), VERDICTS_A_DAY as usize);
    assert!(!add(2, later(1000)).crowded, "another machine has its own day");
    assert!(!add(1, later(86_400 + 1000)).crowded);
    for n in 0..u64::from(VERDICTS_KEPT) {
        add(3, later(n * 3600));
    }
    let last = u64::from(VERDICTS_KEPT) * 3600;
    add(3, later(last));
    assert_eq!(kept(3).len(), VERDICTS_KEPT as usize);
    assert_eq!(kept(3).last().unwrap().found.verdict.evaluated_at, later(3600), "the oldest went");
}

#[test]
fn a_crowded_machine_leaves_the_rows_of_other_live_sessions_alone() {
    let store = Store::in_memory().unwrap();
    let of = |session: Option<&str>, account, at| NewVerdict {
        session: session.map(SessionId::new),
        ..found(1, account, at)
    };
    for (number, id) in [(1, "old"), (2, "hers"), (3, "his")] {
        store.begin_session(&row(id), &cookie(id), &lease_of(id, number), Others::AtMost(9)).unwrap();
    }
    let add = |new: &NewVerdict| store.add_verdict(new).unwrap();
    let old = add(&of(Some("old"), "wong", later(1))).number;
    let hers = add(&of(Some("hers"), "wong", later(2))).number;
    for second in 3..=u64::from(VERDICTS_A_DAY) {
        add(&of(Some("hers"), "wong", later(second)));
    }
    let latest = |id: &str| store.latest_verdict(&SessionId::new(id)).unwrap().map(|row| row.found);
    let last = latest("hers").unwrap();

    let new = of(Some("his"), "chan", later(100));
    let first = add(&new);
    assert!(first.crowded);
    assert_eq!((latest("hers"), latest("his")), (Some(last.clone()), Some(new)), "all of them are live");
    let new = of(Some("his"), "chan", later(101));
    assert_eq!(add(&new), first, "now there is a row of its own");
    assert_eq!((latest("hers"), latest("his")), (Some(last.clone()), Some(new)));

    store.end_session(&SessionId::new("old"), praya_model::EndReason::UserLogout, later(102)).unwrap();
    assert_eq!(add(&of(None, "lee", later(103))).number, old, "the oldest whose session is over");
    assert_eq!((latest("hers"), latest("old")), (Some(last), None));
    assert_ne!(add(&of(Some("hers"), "wong", later(104))).number, hers);
    assert_eq!(latest("hers").unwrap().verdict.evaluated_at, later(104));
}

#[test]
fn a_verdict_that_is_gone_or_of_others_is_not_renewed_but_kept_anew() {
    let store = Store::in_memory().unwrap();
    let first = store.add_verdict(&found(1, "wong", NOW)).unwrap().number;
    let renew = |new: &NewVerdict| store.renew_verdict(first, new).unwrap().number;
    assert_eq!(renew(&found(1, "wong", later(1))), first);
    for new in [found(1, "chan", later(2)), found(2, "wong", later(2))] {
        let number = renew(&new);
        assert_ne!(number, first);
        assert_eq!(store.verdict(number).unwrap().unwrap().found, new);
    }
    assert_eq!(store.verdict(first).unwrap().unwrap().found, found(1, "wong", later(1)));
    store.purge_verdicts(later(2)).unwrap();
    let number = renew(&found(1, "wong", later(3)));
    assert_eq!(store.verdict(number).unwrap().unwrap().found, found(1, "wong", later(3)));
}

#[test]
fn rows_that_cannot_be_read_are_one_warning_a_page() {
    let store = Store::in_memory().unwrap();
    for device in 1..=3 {
        store.add_verdict(&found(device, "wong", NOW)).unwrap();
    }
    store.spoil("UPDATE verdicts SET facts = '{}'");
    let said = tempfile::NamedTempFile::new().unwrap();
    let lines = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::DEBUG)
        .with_ansi(false)
        .with_writer(std::sync::Arc::new(said.reopen().unwrap()))
        .finish();
    // While there is one only, whether a place logs at all is asked of the thread that comes by first, which may be
    // another test's.
    let _second = tracing::Dispatch::new(tracing_subscriber::registry());
    tracing::subscriber::with_default(lines, || assert_eq!(machines(&store, NOW).unreadable, 3));
    let said = std::fs::read_to_string(said.path()).unwrap();
    let of = |level: &str, what: &str| {
        said.lines().filter(|line| line.contains(level) && line.contains(what)).count()
    };
    assert_eq!((of(" WARN ", "count=3"), of(" WARN ", ""), of(" DEBUG ", "id=")), (1, 1, 3), "{said}");
}

#[test]
fn a_database_of_the_first_release_with_verdicts_comes_up_to_date_with_what_can_be_read() {
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("praya.db");
    let old = Connection::open(&path).unwrap();
    for step in [
        include_str!("migrations/0001_first.sql"),
        include_str!("migrations/0002_known_devices.sql"),
        include_str!("migrations/0003_posture.sql"),
    ] {
        old.execute_batch(step).unwrap();
    }
    old.pragma_update(None, "application_id", 0x5052_4159).unwrap();
    old.pragma_update(None, "user_version", 3).unwrap();
    let insert = |device: u8, facts: &str| {
        let new = found(device, "wong", later(device.into()));
        old.execute(
            "INSERT INTO verdicts (at, host_name, account, session, source, status, verdict, facts, device_key)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            (
                new.verdict.evaluated_at.as_millis(),
                &new.host_name,
                new.account.as_str(),
                None::<String>,
                new.source.to_string(),
                word(&new.verdict.status),
                json(&new.verdict),
                facts,
                [device; 32],
            ),
        )
        .unwrap();
    };
    insert(1, &json(&found(1, "wong", later(1)).facts));
    // What a report held before firmware, hotfixes and the guards of macOS were read.
    insert(
        2,
        r#"{"schema":1,"collected_at":1700000000000,
            "os":{"fact":"unavailable","reason":"not_asked"},
            "antivirus":{"fact":"unavailable","reason":"not_asked"},
            "firewall":{"fact":"unavailable","reason":"not_asked"},
            "disk":{"fact":"unavailable","reason":"not_asked"},
            "last_update":{"fact":"unavailable","reason":"not_asked"},
            "screen_lock":{"fact":"unavailable","reason":"not_asked"}}"#,
    );
    drop(old);

    let store = Store::open(&path).unwrap();
    let listed = machines(&store, NOW);
    let rows: Vec<_> = listed.rows.into_iter().map(|row| row.found).collect();
    assert_eq!((rows, listed.unreadable), (vec![found(1, "wong", later(1))], 1));
    let renewed = found(2, "wong", later(9));
    store.renew_verdict(2, &renewed).unwrap();
    assert_eq!(store.verdict(2).unwrap().unwrap().found, renewed, "judged again, it is read again");
    drop(store);
    assert_eq!(machines(&Store::open(&path).unwrap(), NOW).rows.len(), 2);
}
