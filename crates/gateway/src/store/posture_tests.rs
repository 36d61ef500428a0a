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
    assert_eq!(listed(NOW), [(1, later(3)), (1, later(2)), (2, later(1))]);
    assert_eq!(listed(later(3)), [(1, later(3))]);
    store.renew_verdict(1, &found(1, "wong", later(4))).unwrap();
    assert_eq!(listed(NOW), [(1, later(4)), (1, later(3)), (2, later(1))], "a renewed one is new");
    store.renew_verdict(1, &found(1, "wong", NOW)).unwrap();
    let of_one = store.verdicts_of(&DeviceKey([1; 32]), 2).unwrap().rows;
    assert_eq!(of_one.len(), 2);
    assert_eq!(of_one[0].found.verdict.evaluated_at, later(3));
    assert_eq!(store.purge_verdicts(later(2)).unwrap(), 2);
    assert_eq!(listed(NOW).len(), 2);
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
    assert_eq!((left, machines.unreadable), (vec![3, 1], 1));
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
