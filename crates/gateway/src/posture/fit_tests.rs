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
    let resumed = bad.moved(Jump::Ahead(Duration::from_secs(7200)));
    assert_eq!(resumed.ends_in(later(135)), Some(600));
    assert_eq!(resumed.as_of(later(144)), None);
}

#[test]
fn a_policy_that_asks_for_more_gives_time_to_answer() {
    let policy = Policy::from_toml(praya_posture::policy::IAS).unwrap();
    let asked = Fit::asked(None, &[&policy], NOW.before(OVERDUE), NOW);
    assert_eq!((&asked.access, asked.ends_in(NOW)), (&Access::Allow, Some(600)));
    assert_eq!(recheck_in(Some(&asked), NOW), 1, "at once");
    assert_eq!(asked.as_of(later(10)).unwrap().access, Access::Deny);
    assert_eq!(asked.judged(&judged(Access::Allow, later(1))).as_of(later(10)), None);
    let again = Fit::asked(Some(&asked), &[&policy], NOW, later(5));
    assert_eq!(again.ends_in(later(5)), Some(300), "another change gives no more of it");
}

#[test]
fn nothing_is_taken_before_the_client_has_asked() {
    let policy = Policy::from_toml(praya_posture::policy::IAS).unwrap();
    // The client was told to ask in four hours, by a policy with a lease of eight.
    let told = later(240);
    let before = Fit { valid_until: Some(later(480)), recheck_at: Some(told), ..fit() };
    let asked = Fit::asked(Some(&before), &[&policy], told, later(1));
    let bad = Fit::judged_again(Some(&before), &judged(Access::Deny, later(1)), told);
    for fit in [asked, bad] {
        assert_eq!(fit.as_of(later(250)), None, "it asks after 240 minutes, and has 10 more");
        assert_eq!(fit.as_of(later(251)).unwrap().access, Access::Deny);
    }
    let good = Fit::judged_again(Some(&before), &judged(Access::Allow, later(1)), told);
    assert_eq!((good.valid_until, good.due), (Some(later(251)), None), "nor does the shorter lease");
}

#[test]
fn what_was_said_before_begins_no_lease() {
    let told = later(1);
    let on_again = Fit::judged_again(None, &judged(Access::Allow, later(5)), told);
    assert_eq!(
        on_again.valid_until,
        Some(later(15)),
        "as long as a machine may be put right, not 60 minutes"
    );
    let closed = Fit::closed(vec![], Some(&fit()));
    assert_eq!(Fit::judged_again(Some(&closed), &judged(Access::Allow, later(5)), told), on_again);
    let short = Fit { valid_until: Some(later(8)), ..fit() };
    let again = Fit::judged_again(Some(&short), &judged(Access::Allow, later(5)), told);
    assert_eq!(again.valid_until, Some(later(8)), "the old one goes on");
}

#[test]
fn what_is_stored_is_what_is_read() {
    let finding = Finding {
        check: Check::Antivirus,
        outcome: Outcome::Failed,
        expected: Expected::On,
        found: Found::Missing,
        link: None,
        more: None,
    };
    let fit = Fit { findings: vec![finding], ..fit().judged(&judged(limit(), later(1))) };
    let text = serde_json::to_string(&fit).unwrap();
    assert_eq!(serde_json::from_str::<Fit>(&text).unwrap(), fit);
}

#[test]
fn of_two_limits_what_both_leave_is_left() {
    let both = limited(0b110).and(limited(0b011));
    let fit = Fit::new(&Judged { lapse: both.clone(), ..judged(limited(0b110), NOW) });
    let lapsed = fit.as_of(later(60)).unwrap();
    assert_eq!(lapsed.access, limited(0b010), "and not what it had before");
    let warned = fit.judged(&judged(limited(0b011), later(1)));
    assert_eq!(warned.access, limited(0b110), "nothing is taken without a warning");
    assert_eq!(warned.as_of(later(11)).unwrap().access, limited(0b010), "nor given by time");
    let regained = warned.as_of(later(11)).unwrap().judged(&judged(limited(0b011), later(12)));
    assert_eq!(regained.access, limited(0b011));
}

#[test]
fn a_policy_that_asks_for_more_neither_drops_the_lease_nor_widens_a_limit() {
    let policy =
        praya_posture::policy::IAS.replace("on_fail = \"deny\"", "on_fail = { limit = [\"r1\", \"r0\"] }");
    let policy = Policy::from_toml(&policy).unwrap();
    let before = Fit::new(&judged(limited(0b110), NOW));
    let asked = Fit::asked(Some(&before), &[&policy], NOW, later(5));
    assert_eq!((&asked.access, asked.valid_until), (&limited(0b110), Some(later(60))));
    assert_eq!(asked.as_of(later(15)).unwrap().access, limited(0b010), "a limit may take from a limit");
    assert_eq!(asked.judged(&judged(Access::Deny, later(6))).valid_until, Some(later(60)));
    let first = Fit::asked(None, &[&policy], NOW.before(OVERDUE), NOW).judged(&judged(limit(), later(1)));
    assert_eq!(first.valid_until, Some(later(61)), "where there is no lease a bad verdict begins one");
}

#[test]
fn what_cannot_be_read_leaves_nothing_and_lets_the_session_live() {
    let closed = Fit::closed(vec![PolicyVersion { id: "staff".into(), version: 2 }], Some(&fit()));
    assert_eq!((&closed.access, closed.as_of(later(600))), (&Access::Limit(vec![]), None));
    assert_eq!(closed.judged(&judged(Access::Allow, later(1))).access, Access::Allow);
    assert!(Fit::unreadable().is_unreadable() && !closed.is_unreadable());
}

/// A limit to some of three resources.
fn limited(bits: u8) -> Access {
    Access::Limit((0..3).filter(|n| bits & (1 << n) != 0).map(|n| ResourceId::new(format!("r{n}"))).collect())
}

fn any_access() -> impl Strategy<Value = Access> {
    prop_oneof![Just(Access::Allow), (0_u8..8).prop_map(limited), Just(Access::Deny)]
}

proptest! {
    /// Whatever verdicts come when, and however often time is looked at: only a verdict gives more access, one that
    /// takes nothing is in force at once, one that takes something is within its warning, and without a new one
    /// nothing holds longer than the lease.
    #[test]
    fn time_takes_and_only_verdicts_give(
        lapse in any_access(),
        steps in prop::collection::vec((1_u64..40, prop::option::of(any_access())), 1..40),
    ) {
        let mut fit = Fit::new(&Judged { lapse: lapse.clone(), ..judged(Access::Allow, NOW) });
        // The last word of policies, since when it takes something, and when the lease was renewed last.
        let (mut minute, mut word, mut worse_since, mut renewed) = (0, Access::Allow, None, 0);
        for (wait, verdict) in steps {
            minute += wait;
            let before = fit.access.clone();
            if let Some(later) = fit.as_of(later(minute)) {
                prop_assert!(within(&later.access, &before));
                fit = later;
            }
            if worse_since.is_some_and(|since| minute >= since + 10) {
                prop_assert!(within(&fit.access, &word), "the warning is over");
                worse_since = None;
            }
            if minute >= renewed + 60 {
                prop_assert!(within(&fit.access, &lapse), "the lease is over");
            }
            if fit.access == Access::Deny {
                prop_assert_eq!(fit.as_of(later(minute)), Some(fit.clone()), "until somebody ends it");
                return Ok(());
            }
            prop_assert_eq!(fit.as_of(later(minute)), None, "looking twice changes nothing");
            let Some(verdict) = verdict else { continue };
            let before = fit.access.clone();
            fit = fit.judged(&Judged { lapse: lapse.clone(), ..judged(verdict.clone(), later(minute)) });
            word = verdict;
            if within(&before, &word) {
                prop_assert_eq!((&fit.access, &fit.due), (&word, &None));
                (worse_since, renewed) = (None, minute);
            } else {
                prop_assert_eq!(&fit.access, &before);
                worse_since = worse_since.or(Some(minute));
            }
        }
    }

    /// Two policies, one machine that fails both: once warning and lease are over it has no more than either gives.
    #[test]
    fn nobody_has_more_than_any_of_the_policies_gives(
        before in any_access(),
        one in any_access(),
        other in any_access(),
        minutes in 10_u64..100,
    ) {
        let both = one.clone().and(other.clone());
        let fit = Fit::new(&judged(before, NOW));
        let bad = fit.judged(&Judged { lapse: both.clone(), ..judged(both, NOW) });
        let then = bad.as_of(later(minutes)).unwrap_or(bad);
        prop_assert!(within(&then.access, &one) && within(&then.access, &other));
    }
}
