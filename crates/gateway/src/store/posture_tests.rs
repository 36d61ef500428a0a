//! What the store keeps of the endpoint check.

use std::time::Duration;

use praya_model::{AccountName, Timestamp};
use praya_posture::facts::HostFacts;
use praya_posture::support::SupportTable;
use praya_posture::verdict::evaluate;

use super::*;
use crate::posture::{Fit, Judged};
use crate::sign_in::Others;
use crate::store::SessionRow;
use crate::store::tests::{cookie, lease_of, row};

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

fn active(store: &Store) -> Vec<(String, u32)> {
    store.active_policies().unwrap().into_iter().map(|row| (row.id, row.version)).collect()
}

#[test]
fn versions_count_up_and_at_most_one_of_a_policy_is_active() {
    let store = Store::in_memory().unwrap();
    assert_eq!(store.save_policy("a", "one", "admin:x", NOW).unwrap(), 1);
    assert_eq!(store.save_policy("a", "two", "admin:x", NOW).unwrap(), 2);
    assert_eq!(store.save_policy("b", "three", "admin:y", NOW).unwrap(), 1);
    assert!(active(&store).is_empty(), "what is saved judges nobody");
    assert_eq!(store.activate_policy("a", None).unwrap(), Some(2));
    assert_eq!(store.activate_policy("b", None).unwrap(), Some(1));
    assert_eq!(store.activate_policy("a", Some(1)).unwrap(), Some(1));
    assert_eq!(active(&store), [("a".into(), 1), ("b".into(), 1)]);
    assert_eq!(store.activate_policy("a", Some(9)).unwrap(), None);
    assert_eq!(store.activate_policy("c", None).unwrap(), None);
    assert_eq!(active(&store).len(), 2, "what fails changes nothing");
    assert!(store.deactivate_policy("a").unwrap() && !store.deactivate_policy("a").unwrap());
    let rows = store.policies().unwrap();
    let kept: Vec<_> = rows.iter().map(|row| (row.text.as_str(), row.active)).collect();
    assert_eq!(kept, [("one", false), ("two", false), ("three", true)]);
    assert_eq!((rows[2].saved_by.as_str(), rows[2].saved_at), ("admin:y", NOW));
}

#[test]
fn a_verdict_is_read_as_it_was_kept_and_belongs_to_the_session_that_it_let_in() {
    let store = Store::in_memory().unwrap();
    let new = found(1, "wong", NOW);
    let number = store.add_verdict(&new).unwrap();
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
    let newer = store.add_verdict(&newer).unwrap();
    assert_eq!(latest().id, newer);
    store.set_posture(&session.id, None).unwrap();
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
        let rows = store.machines(since).unwrap();
        rows.into_iter()
            .map(|row| (row.found.device.0[0], row.found.verdict.evaluated_at))
            .collect::<Vec<_>>()
    };
    assert_eq!(listed(NOW), [(1, later(3)), (1, later(2)), (2, later(1))]);
    assert_eq!(listed(later(3)), [(1, later(3))]);
    store.renew_verdict(1, &found(1, "wong", later(4))).unwrap();
    assert_eq!(listed(NOW), [(1, later(4)), (1, later(3)), (2, later(1))], "a renewed one is new");
    store.renew_verdict(1, &found(1, "wong", NOW)).unwrap();
    let of_one = store.verdicts_of(&DeviceKey([1; 32]), 2).unwrap();
    assert_eq!(of_one.len(), 2);
    assert_eq!(of_one[0].found.verdict.evaluated_at, later(3));
    assert_eq!(store.purge_verdicts(later(2)).unwrap(), 2);
    assert_eq!(listed(NOW).len(), 2);
}
