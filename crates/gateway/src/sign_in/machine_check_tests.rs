//! The endpoint check in the sign-in machine: asked after every factor, and again until its time is over.

use std::time::Duration;

use praya_identity::tokens::Standing;
use praya_model::posture::{Check, Expected, Finding, Found, Outcome};
use praya_model::{FailureCode, SignInStep, Timestamp};
use praya_posture::policy::Access;

use super::machine::*;
use super::machine_tests::*;
use crate::posture::Asked;

fn later(seconds: u64) -> Timestamp {
    NOW.after(Duration::from_secs(seconds))
}

fn findings() -> Vec<Finding> {
    vec![Finding {
        check: Check::Antivirus,
        outcome: Outcome::Failed,
        expected: Expected::On,
        found: Found::Missing,
        link: None,
        more: None,
    }]
}

fn unfit(retry_until: Timestamp) -> Event {
    Event::MachineJudged(MachineVerdict::Unfit { findings: findings(), retry_until })
}

/// A conversation in which every factor is given, and what policy asks is known.
fn asked_about(found: Asked) -> (Conversation, Action, Rules) {
    let rules = Rules { token_required: false, ..rules() };
    let way = vec![password_answer(None), right(false, Standing::NoToken), Event::PolicyFound(found)];
    let (conversation, action) = after(&rules, way);
    (conversation, action, rules)
}

/// Judges the machine; then policy is looked up once more and asks the same.
fn judged_and_asked_again(c: &mut Conversation, verdict: Event, rules: &Rules, now: Timestamp) -> Action {
    let action = c.handle(verdict, rules, now);
    assert!(matches!(action, Action::FindPolicy { .. }), "{action:?}");
    c.handle(Event::PolicyFound(Asked::Report(vec![Check::Antivirus])), rules, now)
}

fn at_check() -> (Conversation, Action, Rules) {
    asked_about(Asked::Report(vec![Check::Antivirus]))
}

#[test]
fn a21_the_machine_is_asked_about_what_policy_reads_and_nothing_else() {
    let (mut c, action, rules) = at_check();
    let expected = SignInStep::Posture {
        checks: vec![Check::Antivirus],
        findings: vec![],
        retry_seconds: None,
        nonce: String::new(),
    };
    assert_eq!(asked(&action), &expected);
    assert!(c.proved().is_some(), "it keeps its place among those who gave their password");
    let action = c.handle(posture_answer(), &rules, NOW);
    assert!(matches!(&action, Action::JudgeMachine { report, .. } if report == "{}"));
    let fits = Event::MachineJudged(MachineVerdict::Fit(fit(Access::Allow)));
    assert!(matches!(c.handle(fits, &rules, NOW), Action::FindElsewhere { .. }));
    let action = c.handle(Event::ElsewhereFound(vec![]), &rules, NOW);
    assert!(
        matches!(&action, Action::CreateSession { posture: Some(left), .. } if *left == fit(Access::Allow))
    );
}

#[test]
fn a22_a_machine_that_fails_is_told_everything_and_may_be_put_right_without_a_new_code() {
    let (mut c, _, rules) = at_check();
    c.handle(posture_answer(), &rules, later(10));
    let action = judged_and_asked_again(&mut c, unfit(later(310)), &rules, later(10));
    let SignInStep::Posture { findings: told, retry_seconds, .. } = asked(&action) else { panic!() };
    assert_eq!((told, *retry_seconds), (&findings(), Some(300)));
    assert_eq!(notice(&action), None);
    assert_eq!(c.deadline(), later(310));
    c.handle(posture_answer(), &rules, later(300));
    let action = judged_and_asked_again(&mut c, unfit(later(600)), &rules, later(300));
    let SignInStep::Posture { retry_seconds, .. } = asked(&action) else { panic!() };
    assert_eq!(*retry_seconds, Some(10), "the time runs from the first refusal");
    c.handle(posture_answer(), &rules, later(305));
    let fits = Event::MachineJudged(MachineVerdict::Fit(fit(Access::Allow)));
    assert!(matches!(c.handle(fits, &rules, later(305)), Action::FindElsewhere { .. }));
}

#[test]
fn a22_when_the_time_is_over_the_sign_in_is_refused_for_the_machine() {
    let failed = Action::Refuse(FailureCode::PostureFailed);
    let (mut c, _, rules) = at_check();
    c.handle(posture_answer(), &rules, NOW);
    judged_and_asked_again(&mut c, unfit(later(60)), &rules, NOW);
    assert_eq!(c.kept_until(), later(120), "long enough to say why");
    assert_eq!(c.handle(posture_answer(), &rules, later(60)), failed, "too late to be judged");
    let (mut c, _, rules) = at_check();
    c.handle(posture_answer(), &rules, NOW);
    assert_eq!(c.handle(unfit(NOW), &rules, NOW), failed, "no time was given");
    let (mut c, _, rules) = at_check();
    let action = c.handle(posture_answer(), &rules, NOW.after(rules.step_time));
    assert_eq!(action, Action::Refuse(FailureCode::SignInExpired), "nothing was found wanting");
}

#[test]
fn a22_a_machine_has_as_long_as_policy_says_and_what_comes_after_it_has_the_time_of_a_step() {
    let (mut c, _, rules) = at_check();
    let until = NOW.after(Duration::from_secs(3600));
    assert!(until > NOW.after(rules.total_time));
    c.handle(posture_answer(), &rules, NOW);
    let action = judged_and_asked_again(&mut c, unfit(until), &rules, NOW);
    let SignInStep::Posture { retry_seconds, .. } = asked(&action) else { panic!() };
    assert_eq!((*retry_seconds, c.deadline()), (Some(3600), until), "what is told is what is given");
    c.handle(posture_answer(), &rules, later(3599));
    let fits = Event::MachineJudged(MachineVerdict::Fit(fit(Access::Allow)));
    assert!(matches!(c.handle(fits, &rules, later(3599)), Action::FindElsewhere { .. }));
    c.handle(Event::ElsewhereFound(vec![elsewhere()]), &rules, later(3599));
    assert_eq!(c.deadline(), later(3599 + 180));
}

#[test]
fn the_machine_is_asked_by_the_policies_of_the_moment() {
    let (mut c, _, rules) = at_check();
    for verdict in [MachineVerdict::Outdated, MachineVerdict::BadReport] {
        c.handle(posture_answer(), &rules, NOW);
        assert!(matches!(c.handle(Event::MachineJudged(verdict), &rules, NOW), Action::FindPolicy { .. }));
        let other = Event::PolicyFound(Asked::Report(vec![Check::Firewall]));
        let action = c.handle(other, &rules, NOW);
        let SignInStep::Posture { checks, findings, retry_seconds, .. } = asked(&action) else { panic!() };
        assert_eq!((&checks[..], &findings[..], *retry_seconds), (&[Check::Firewall][..], &[][..], None));
    }
    c.handle(posture_answer(), &rules, NOW);
    c.handle(unfit(later(60)), &rules, NOW);
    let action = c.handle(Event::NotJudged(FailureCode::Busy { retry_after_seconds: 5 }), &rules, NOW);
    let SignInStep::Posture { checks, .. } = asked(&action) else { panic!() };
    assert_eq!(checks[..], [Check::Firewall], "when nobody knows, by those before");
    c.handle(posture_answer(), &rules, NOW);
    c.handle(unfit(later(60)), &rules, NOW);
    let action = c.handle(Event::PolicyFound(Asked::Nothing), &rules, NOW);
    assert!(matches!(action, Action::FindElsewhere { .. }), "no policy asks any longer");
    let (_, action, _) = asked_about(Asked::Unreadable);
    assert!(matches!(action, Action::Refuse(FailureCode::Internal { .. })));
}

#[test]
fn a_report_that_is_none_is_asked_for_again_and_changes_nothing() {
    let (mut c, _, rules) = at_check();
    c.handle(posture_answer(), &rules, NOW);
    judged_and_asked_again(&mut c, unfit(later(60)), &rules, NOW);
    c.handle(posture_answer(), &rules, later(1));
    let bad = Event::MachineJudged(MachineVerdict::BadReport);
    let action = judged_and_asked_again(&mut c, bad, &rules, later(1));
    assert_eq!(notice(&action), Some(&FailureCode::BadPostureReport));
    let SignInStep::Posture { findings: told, retry_seconds, .. } = asked(&action) else { panic!() };
    assert_eq!((told, *retry_seconds), (&findings(), Some(59)));
    assert_eq!(c.deadline(), later(60));
}

#[test]
fn a23_an_answer_of_another_kind_is_no_way_around_the_check() {
    let (mut c, _, rules) = at_check();
    for answer in [password_answer(None), otp_answer()] {
        let action = c.handle(answer, &rules, NOW);
        assert!(matches!(asked(&action), SignInStep::Posture { .. }));
        assert_eq!(notice(&action), Some(&FailureCode::UnexpectedAnswer));
    }
}

#[test]
fn a_client_that_cannot_report_gets_what_policy_says() {
    let (_, action, _) = asked_about(Asked::Refused);
    assert_eq!(action, Action::Refuse(FailureCode::PostureUnsupported));
    for access in [Access::Allow, Access::Limit(vec![])] {
        let (_, action, _) = asked_about(Asked::Unreported(fit(access)));
        assert!(matches!(action, Action::FindElsewhere { .. }));
    }
    let (_, action, _) = asked_about(Asked::Unreported(fit(Access::Deny)));
    assert_eq!(action, Action::Refuse(FailureCode::PostureFailed), "the door looks once more");
}
