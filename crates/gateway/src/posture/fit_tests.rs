//! A session's fitness over time: better at once, worse with a warning first, and never more by waiting.

use praya_model::ResourceId;
use praya_model::posture::{Check, Expected, Found, Outcome};
use proptest::prelude::*;

use super::*;

const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);

fn later(minutes: u64) -> Timestamp {
    NOW.after(Duration::from_secs(minutes * 60))
}

fn limit() -> Access {
    Access::Limit(vec![ResourceId::new("help-desk")])
}

/// A verdict of a policy that is checked every 15 minutes, holds 60, and gives 10 to put a machine right.
fn judged(access: Access, at: Timestamp) -> Judged {
    let after = |minutes: u64| Some(at.after(Duration::from_secs(minutes * 60)));
    let verdict = Verdict {
        policies: vec![PolicyVersion { id: "staff".into(), version: 1 }],
        status: if access == Access::Allow { Status::Compliant } else { Status::NonCompliant },
        evaluated_at: at,
        valid_until: after(60),
        recheck_at: after(15),
        retry_until: after(10),
        access,
        if_enforced: None,
        results: vec![],
    };
    Judged { verdict, number: 7, platform: Some(OsFamily::Linux), lapse: Access::Deny }
}

fn fit() -> Fit {
    Fit::new(&judged(Access::Allow, NOW))
}

#[test]
fn a_machine_that_turns_bad_warns_first_and_then_loses_its_session() {
    let bad = fit().judged(&judged(Access::Deny, later(15)));
    assert_eq!((&bad.access, bad.status), (&Access::Allow, Status::NonCompliant));
    assert_eq!(bad.ends_in(later(15)), Some(600));
    assert_eq!(recheck_in(Some(&bad), later(15)), 60, "so that mending is noticed soon");
    assert_eq!(bad.valid_until, Some(later(60)), "a bad verdict lengthens no lease");
    let still = bad.judged(&judged(Access::Deny, later(20)));
    assert_eq!(still.ends_in(later(20)), Some(300), "the time runs from the first bad verdict");
    assert_eq!(still.as_of(later(24)), None);
    assert_eq!(still.as_of(later(25)).unwrap().access, Access::Deny);
    let mended = still.judged(&judged(Access::Allow, later(24)));
    assert_eq!((mended.as_of(later(25)), mended.ends_in(later(25))), (None, None));
}

#[test]
fn a_machine_that_turns_bad_is_limited_where_policy_says_so_and_gets_everything_back() {
    let bad = fit().judged(&judged(limit(), later(15)));
    assert!(!is_limited(Some(&bad)));
    assert_eq!(bad.ends_in(later(15)), None, "it does not end");
    let limited = bad.as_of(later(25)).unwrap();
    assert_eq!((limited.access.clone(), limited.due.clone()), (limit(), None));
    assert!(is_limited(Some(&limited)));
    assert_eq!(limited.judged(&judged(limit(), later(30))).due, None, "worse than it is it does not become");
    assert_eq!(limited.judged(&judged(Access::Allow, later(30))).access, Access::Allow);
}

#[test]
fn without_a_verdict_the_lease_runs_out() {
    let good = fit();
    assert_eq!(good.ends_in(later(15)), None, "the report is not late yet");
    assert_eq!(good.ends_in(later(16)), Some(44 * 60));
    assert_eq!(good.as_of(later(59)), None);
    assert_eq!(good.as_of(later(60)).unwrap().access, Access::Deny);
    let kind = Fit { lapse: limit(), ..good.clone() };
    let lapsed = kind.as_of(later(60)).unwrap();
    assert_eq!((lapsed.access.clone(), lapsed.as_of(later(600))), (limit(), None), "once");
    let allowing = Fit { lapse: Access::Allow, ..good };
    assert_eq!(allowing.as_of(later(60)).unwrap().access, Access::Allow);
}

#[test]
fn a_gateway_that_was_down_holds_it_against_nobody() {
    let bad = fit().judged(&judged(Access::Deny, later(15)));
    let resumed = bad.resumed(Duration::from_secs(7200));
    assert_eq!(resumed.ends_in(later(135)), Some(600));
    assert_eq!(resumed.as_of(later(144)), None);
}

#[test]
fn a_policy_that_asks_for_more_gives_time_to_answer() {
    let policy = Policy::from_toml(praya_posture::policy::IAS).unwrap();
    let asked = Fit::asked(None, &[&policy], NOW);
    assert_eq!((&asked.access, asked.ends_in(NOW)), (&Access::Allow, Some(600)));
    assert_eq!(recheck_in(Some(&asked), NOW), 1, "at once");
    assert_eq!(asked.as_of(later(10)).unwrap().access, Access::Deny);
    assert_eq!(asked.judged(&judged(Access::Allow, later(1))).as_of(later(10)), None);
    let again = Fit::asked(Some(&asked), &[&policy], later(5));
    assert_eq!(again.ends_in(later(5)), Some(300), "another change gives no more of it");
}

#[test]
fn what_is_stored_is_what_is_read() {
    let finding = Finding {
        check: Check::Antivirus,
        outcome: Outcome::Failed,
        expected: Expected::On,
        found: Found::Missing,
        link: None,
    };
    let fit = Fit { findings: vec![finding], ..fit().judged(&judged(limit(), later(1))) };
    let text = serde_json::to_string(&fit).unwrap();
    assert_eq!(serde_json::from_str::<Fit>(&text).unwrap(), fit);
}

proptest! {
    /// Whatever verdicts come when, and however often time is looked at: only a verdict gives more access, a good one
    /// gives all of it at once, and without a good one nothing holds longer than lease and warning allow.
    #[test]
    fn time_takes_and_only_verdicts_give(steps in prop::collection::vec((1_u64..40, 0_u8..5), 1..40)) {
        let (mut fit, mut minute, mut good_at) = (fit(), 0, 0);
        for (wait, kind) in steps {
            minute += wait;
            let before = rank(&fit.access);
            if let Some(later) = fit.as_of(later(minute)) {
                prop_assert!(rank(&later.access) >= before);
                fit = later;
            }
            if fit.access == Access::Deny {
                prop_assert_eq!(fit.as_of(later(minute)), Some(fit.clone()), "until somebody ends it");
                return Ok(());
            }
            prop_assert_eq!(fit.as_of(later(minute)), None, "looking twice changes nothing");
            let before = rank(&fit.access);
            match kind {
                0 => {
                    fit = fit.judged(&judged(Access::Allow, later(minute)));
                    good_at = minute;
                    prop_assert_eq!((&fit.access, &fit.due), (&Access::Allow, &None));
                }
                1 | 2 => {
                    let access = if kind == 1 { limit() } else { Access::Deny };
                    fit = fit.judged(&judged(access, later(minute)));
                    prop_assert!(rank(&fit.access) <= before.max(1));
                }
                _ => {}
            }
            if fit.access == Access::Allow {
                prop_assert!(minute < good_at + 60, "nothing good for an hour");
            }
        }
    }
}
