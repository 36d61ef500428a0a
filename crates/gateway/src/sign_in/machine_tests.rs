//! Every path of the sign-in machine, and the proof that there is no other way to a session.

use std::mem::discriminant;
use std::net::Ipv4Addr;
use std::time::Duration;

use praya_identity::sealed::Sealed;
use praya_identity::tokens::Standing;
use praya_identity::{Token, TokenKind, password};
use praya_model::password::PasswordRule;
use praya_model::sign_in::{ElsewhereChoice, ElsewhereSession, Grant};
use praya_model::{
    AccountName, FailureCode, Secret, SessionId, SignInAnswer, SignInStep, Timestamp, TokenSerial,
};
use praya_posture::policy::Access;
use proptest::prelude::*;

use super::Others;
use super::machine::*;
use crate::posture::{Asked, Fit};

pub(super) const NOW: Timestamp = Timestamp::from_secs(1_700_000_010);

pub(super) fn rules() -> Rules {
    Rules {
        token_required: true,
        per_account: 1,
        may_replace: true,
        password: password::profiles::modern(),
        step_time: Duration::from_secs(180),
        total_time: Duration::from_secs(540),
    }
}

fn token() -> Token {
    Token::new(TokenSerial::new("F88AC2B6"), TokenKind::SOFT, Sealed::from_bytes(vec![0]), NOW)
}

pub(super) fn accepted() -> Event {
    Event::CodeJudged(CodeVerdict::Accepted { serial: token().serial })
}

pub(super) fn right(must_change: bool, standing: Standing) -> Event {
    let account = AccountName::new("wong");
    Event::PasswordJudged(PasswordVerdict::Right { account, hash: "h".into(), must_change, standing })
}

pub(super) fn password_answer(account: Option<&str>) -> Event {
    Event::Answered(SignInAnswer::Password { account: account.map(Into::into), password: Secret::new("p") })
}

pub(super) fn otp_answer() -> Event {
    Event::Answered(SignInAnswer::Otp { code: Secret::new("123456") })
}

fn new_password_answer() -> Event {
    Event::Answered(SignInAnswer::NewPassword { password: Secret::new("a"), repeat: Secret::new("a") })
}

pub(super) fn elsewhere() -> ElsewhereSession {
    ElsewhereSession {
        session: SessionId::new("s0"),
        host_name: "pc-9".into(),
        source: Ipv4Addr::LOCALHOST.to_string(),
        since: NOW,
    }
}

fn no_policy() -> Event {
    Event::PolicyFound(Asked::Nothing)
}

pub(super) fn posture_answer() -> Event {
    Event::Answered(SignInAnswer::Posture { report: "{}".into(), signature: "s".into() })
}

pub(super) fn fit(access: Access) -> Fit {
    Fit { access, ..Fit::without_report(&[]) }
}

pub(super) fn grant() -> Grant {
    Grant { session: Some(SessionId::new("s1")), cookie: Secret::new("c"), account: AccountName::new("wong") }
}

/// A conversation that has come as far as `events` carry it, and the last action.
pub(super) fn after(rules: &Rules, events: Vec<Event>) -> (Conversation, Action) {
    let (mut conversation, step) = Conversation::begin(Some("Wong".into()), rules, NOW);
    let mut action = Action::Ask { step, notice: None };
    for event in events {
        action = conversation.handle(event, rules, NOW);
    }
    (conversation, action)
}

pub(super) fn asked(action: &Action) -> &SignInStep {
    let Action::Ask { step, .. } = action else { panic!("a step is asked, not {action:?}") };
    step
}

pub(super) fn notice(action: &Action) -> Option<&FailureCode> {
    let Action::Ask { notice, .. } = action else { panic!("a step is asked, not {action:?}") };
    notice.as_ref()
}

#[test]
fn a02_and_a19_the_whole_way_in_order() {
    let rules = rules();
    let (mut c, step) = Conversation::begin(Some(" ＷＯＮＧ ".into()), &rules, NOW);
    assert_eq!(step, SignInStep::Password { account: Some(AccountName::new("wong")) });
    let action = c.handle(password_answer(None), &rules, NOW);
    assert!(matches!(&action, Action::JudgePassword { account, .. } if account == "ＷＯＮＧ"));
    let action = c.handle(right(true, Standing::Ready(token())), &rules, NOW);
    let SignInStep::Otp { token: Some(hint), .. } = asked(&action) else { panic!("{action:?}") };
    assert_eq!((hint.serial.as_str(), hint.digits, hint.step_seconds), ("F88AC2B6", 6, 30));
    assert!(matches!(c.handle(otp_answer(), &rules, NOW), Action::JudgeCode { .. }));
    let action = c.handle(accepted(), &rules, NOW);
    assert_eq!(asked(&action), &SignInStep::NewPassword { rules: Some(rules.password.clone()) });
    let action = c.handle(new_password_answer(), &rules, NOW);
    assert!(matches!(&action, Action::JudgeNewPassword { old_hash, .. } if old_hash == "h"));
    let set = Event::NewPasswordJudged(NewPasswordVerdict::Set { hash: "h2".into() });
    assert!(matches!(c.handle(set, &rules, NOW), Action::FindPolicy { .. }));
    assert!(matches!(c.handle(no_policy(), &rules, NOW), Action::FindElsewhere { .. }));
    let action = c.handle(Event::ElsewhereFound(vec![elsewhere()]), &rules, NOW);
    assert!(matches!(asked(&action), SignInStep::Elsewhere { choices, .. } if choices.len() == 2));
    let replace = SignInAnswer::Elsewhere { choice: ElsewhereChoice::Replace };
    let action = c.handle(Event::Answered(replace), &rules, NOW);
    let wong = AccountName::new("wong");
    let expected = Action::CreateSession {
        account: wong,
        hash: "h2".into(),
        token: Some(token().serial),
        posture: None,
        others: Others::Replace(1),
    };
    assert_eq!(action, expected);
    assert_eq!(c.handle(Event::SessionCreated(Ok(grant())), &rules, NOW), Action::Finish(grant()));
    assert_eq!(
        c.handle(password_answer(None), &rules, NOW),
        Action::Refuse(FailureCode::SignInExpired),
        "a conversation that is over stays over"
    );
}

#[test]
fn the_name_may_come_with_the_password() {
    let rules = rules();
    let (mut c, step) = Conversation::begin(None, &rules, NOW);
    assert_eq!(step, SignInStep::Password { account: None });
    let action = c.handle(password_answer(None), &rules, NOW);
    assert_eq!(notice(&action), Some(&FailureCode::WrongCredentials));
    let action = c.handle(password_answer(Some("chan")), &rules, NOW);
    assert!(matches!(action, Action::JudgePassword { account, .. } if account == "chan"));
}

#[test]
fn a_wrong_password_asks_again_and_says_no_more() {
    let wrong = Event::PasswordJudged(PasswordVerdict::Wrong);
    let (_, action) = after(&rules(), vec![password_answer(None), wrong]);
    assert_eq!(asked(&action), &SignInStep::Password { account: Some(AccountName::new("wong")) });
    assert_eq!(notice(&action), Some(&FailureCode::WrongCredentials));
}

#[test]
fn what_ends_the_conversation_after_the_password() {
    let serial = TokenSerial::new("T1");
    let locked = PasswordVerdict::Locked { seconds_left: 42 };
    for (event, code) in [
        (Event::PasswordJudged(locked), FailureCode::Locked { seconds_left: 42 }),
        (
            Event::PasswordJudged(PasswordVerdict::Closed(FailureCode::AccountDisabled)),
            FailureCode::AccountDisabled,
        ),
        (right(false, Standing::NoToken), FailureCode::NoToken),
        (
            right(false, Standing::Inactive { serial: serial.clone(), days: 60 }),
            FailureCode::TokenInactive { serial: serial.clone(), days: 60 },
        ),
        (
            right(false, Standing::Disabled { serial: serial.clone() }),
            FailureCode::TokenDisabled { serial: serial.clone() },
        ),
    ] {
        let (_, action) = after(&rules(), vec![password_answer(None), event]);
        assert_eq!(action, Action::Refuse(code));
    }
}

#[test]
fn a_realm_may_let_people_in_who_have_no_token_but_not_with_a_closed_one() {
    let rules = Rules { token_required: false, ..rules() };
    let (_, action) = after(&rules, vec![password_answer(None), right(false, Standing::NoToken)]);
    assert!(matches!(action, Action::FindPolicy { .. }));
    let inactive = Standing::Inactive { serial: TokenSerial::new("T1"), days: 60 };
    let (_, action) = after(&rules, vec![password_answer(None), right(false, inactive)]);
    assert!(matches!(action, Action::Refuse(FailureCode::TokenInactive { .. })));
}

#[test]
fn each_kind_of_wrong_code_has_its_own_remedy() {
    let serial = TokenSerial::new("T1");
    for (verdict, code) in [
        (CodeVerdict::Wrong, FailureCode::WrongOtp),
        (CodeVerdict::Replayed { next_in_seconds: 9 }, FailureCode::ReplayedOtp { next_in_seconds: 9 }),
        (
            CodeVerdict::ClockOff { serial: serial.clone() },
            FailureCode::OtpClockOff { serial: serial.clone() },
        ),
    ] {
        let way = vec![
            password_answer(None),
            right(false, Standing::Ready(token())),
            otp_answer(),
            Event::CodeJudged(verdict),
        ];
        let (_, action) = after(&rules(), way);
        assert!(matches!(asked(&action), SignInStep::Otp { .. }));
        assert_eq!(notice(&action), Some(&code));
    }
    for (verdict, code) in [
        (CodeVerdict::Locked { seconds_left: 300 }, FailureCode::Locked { seconds_left: 300 }),
        (
            CodeVerdict::Unusable(Standing::Disabled { serial: serial.clone() }),
            FailureCode::TokenDisabled { serial },
        ),
    ] {
        let way = vec![
            password_answer(None),
            right(false, Standing::Ready(token())),
            otp_answer(),
            Event::CodeJudged(verdict),
        ];
        assert_eq!(after(&rules(), way).1, Action::Refuse(code));
    }
}

#[test]
fn a18_the_forced_change_cannot_be_skipped() {
    let rules = Rules { token_required: false, ..rules() };
    let way = || vec![password_answer(None), right(true, Standing::NoToken)];
    let broken = vec![PasswordRule::NotTheOld];
    let (_, action) = after(
        &rules,
        way()
            .into_iter()
            .chain([
                new_password_answer(),
                Event::NewPasswordJudged(NewPasswordVerdict::Broken(broken.clone())),
            ])
            .collect(),
    );
    assert!(matches!(asked(&action), SignInStep::NewPassword { .. }));
    assert_eq!(notice(&action), Some(&FailureCode::PasswordRules { broken }));
    let (_, action) = after(&rules, way().into_iter().chain([password_answer(None)]).collect());
    assert!(matches!(asked(&action), SignInStep::NewPassword { .. }));
    assert_eq!(notice(&action), Some(&FailureCode::UnexpectedAnswer));
    let raced = [new_password_answer(), Event::NewPasswordJudged(NewPasswordVerdict::Raced)];
    let (_, action) = after(&rules, way().into_iter().chain(raced).collect());
    assert_eq!(action, Action::Refuse(FailureCode::SignInExpired));
}

#[test]
fn a34_policy_decides_about_sessions_elsewhere() {
    let open = Rules { token_required: false, ..rules() };
    let way = || vec![password_answer(None), right(false, Standing::NoToken), no_policy()];
    let with = |rules: &Rules, sessions: Vec<ElsewhereSession>| {
        after(rules, way().into_iter().chain([Event::ElsewhereFound(sessions)]).collect()).1
    };
    assert!(matches!(with(&open, vec![]), Action::CreateSession { others: Others::AtMost(1), .. }));
    let two = Rules { per_account: 2, ..open.clone() };
    assert!(matches!(with(&two, vec![elsewhere()]), Action::CreateSession { others: Others::AtMost(2), .. }));
    let refusing = Rules { may_replace: false, ..open.clone() };
    assert_eq!(
        with(&refusing, vec![elsewhere()]),
        Action::Refuse(FailureCode::SignedInElsewhere { sessions: vec![elsewhere()] })
    );
    let raced = [
        Event::ElsewhereFound(vec![]),
        Event::SessionCreated(Err(CreateVerdict::Elsewhere(vec![elsewhere()]))),
    ];
    let (mut c, action) = after(&open, way().into_iter().chain(raced).collect());
    assert!(matches!(asked(&action), SignInStep::Elsewhere { .. }), "somebody was quicker: ask");
    let cancel = SignInAnswer::Elsewhere { choice: ElsewhereChoice::Cancel };
    assert_eq!(c.handle(Event::Answered(cancel), &open, NOW), Action::Refuse(FailureCode::Cancelled));
}

#[test]
fn each_step_has_its_own_deadline() {
    let rules = rules();
    let (mut c, _) = Conversation::begin(Some("wong".into()), &rules, NOW);
    let almost = NOW.after(Duration::from_secs(179));
    c.handle(password_answer(None), &rules, almost);
    c.handle(right(false, Standing::Ready(token())), &rules, almost);
    assert_eq!(c.deadline(), almost.after(rules.step_time));
    assert_eq!(c.handle(otp_answer(), &rules, c.deadline()), Action::Refuse(FailureCode::SignInExpired));
}

#[test]
fn asking_again_gives_no_more_time_and_the_whole_has_an_end() {
    let rules = rules();
    let later = |seconds| NOW.after(Duration::from_secs(seconds));
    let (mut c, _) = Conversation::begin(Some("wong".into()), &rules, NOW);
    c.handle(password_answer(None), &rules, later(100));
    c.handle(Event::PasswordJudged(PasswordVerdict::Wrong), &rules, later(100));
    assert_eq!(c.deadline(), later(180), "a wrong password");
    c.handle(password_answer(None), &rules, later(170));
    c.handle(right(true, Standing::Ready(token())), &rules, later(170));
    c.handle(password_answer(None), &rules, later(340));
    assert_eq!(c.deadline(), later(350), "an answer that does not fit");
    c.handle(otp_answer(), &rules, later(340));
    c.handle(accepted(), &rules, later(340));
    assert_eq!(c.deadline(), later(520));
    c.handle(new_password_answer(), &rules, later(510));
    c.handle(Event::NewPasswordJudged(NewPasswordVerdict::Set { hash: "h2".into() }), &rules, later(510));
    c.handle(no_policy(), &rules, later(510));
    c.handle(Event::ElsewhereFound(vec![elsewhere()]), &rules, later(510));
    assert_eq!(c.deadline(), later(540), "the end of the whole");
    let replace = || Event::Answered(SignInAnswer::Elsewhere { choice: ElsewhereChoice::Replace });
    assert_eq!(c.handle(replace(), &rules, later(540)), Action::Refuse(FailureCode::SignInExpired));
}

#[test]
fn a_session_is_not_made_after_the_end_however_long_the_judging_took() {
    let rules = Rules { token_required: false, ..rules() };
    let way = vec![password_answer(None), right(false, Standing::NoToken), no_policy()];
    let (mut c, action) = after(&rules, way);
    assert!(matches!(action, Action::FindElsewhere { .. }));
    let end = NOW.after(rules.total_time);
    let action = c.handle(Event::ElsewhereFound(vec![]), &rules, end);
    assert_eq!(action, Action::Refuse(FailureCode::SignInExpired));
}

#[test]
fn of_a_typed_name_only_so_much_is_kept() {
    let rules = rules();
    let long = "x".repeat(60_000);
    let (mut c, _) = Conversation::begin(Some(long.clone()), &rules, NOW);
    let action = c.handle(password_answer(None), &rules, NOW);
    assert!(matches!(action, Action::JudgePassword { account, .. } if account.len() == 256));
    c.handle(Event::PasswordJudged(PasswordVerdict::Wrong), &rules, NOW);
    let action = c.handle(password_answer(Some(&long)), &rules, NOW);
    assert!(matches!(action, Action::JudgePassword { account, .. } if account.len() == 256));
}

#[test]
fn a_conversation_does_not_go_on_for_ever() {
    let rules = rules();
    let (mut c, _) = Conversation::begin(Some("wong".into()), &rules, NOW);
    let mut answers = 0;
    while c.handle(otp_answer(), &rules, NOW) != Action::Refuse(FailureCode::SignInExpired) {
        answers += 1;
        assert!(answers < 100);
    }
}

#[test]
fn what_could_not_be_judged_is_asked_again() {
    let busy = || Event::NotJudged(FailureCode::Busy { retry_after_seconds: 2 });
    let (_, action) = after(&rules(), vec![password_answer(None), busy()]);
    assert!(matches!(asked(&action), SignInStep::Password { .. }));
    assert_eq!(notice(&action), Some(&FailureCode::Busy { retry_after_seconds: 2 }));
    let way = vec![password_answer(None), right(false, Standing::Ready(token())), otp_answer(), busy()];
    let (_, action) = after(&rules(), way);
    assert!(matches!(asked(&action), SignInStep::Otp { .. }));
}

/// A person, or an attacker, and a shell: what is answered and how it is judged, in any order.
#[derive(Clone, Debug)]
enum Move {
    Answer(u8),
    Judge { good: bool, must_change: bool, standing: u8, elsewhere: bool },
    NotJudged,
    Stray(u8),
    Wait(u16),
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let one = prop_oneof![
        6 => (0_u8..7).prop_map(Move::Answer),
        8 => (any::<bool>(), any::<bool>(), 0_u8..4, any::<bool>()).prop_map(
            |(good, must_change, standing, elsewhere)| Move::Judge { good, must_change, standing, elsewhere }
        ),
        1 => Just(Move::NotJudged),
        1 => (0_u8..7).prop_map(Move::Stray),
        1 => (0_u16..200).prop_map(Move::Wait),
    ];
    prop::collection::vec(one, 1..60)
}

fn answer(kind: u8) -> Event {
    match kind {
        0 => password_answer(None),
        1 => password_answer(Some("chan")),
        2 => otp_answer(),
        3 => new_password_answer(),
        4 => Event::Answered(SignInAnswer::Elsewhere { choice: ElsewhereChoice::Replace }),
        5 => posture_answer(),
        _ => Event::Answered(SignInAnswer::Form { values: vec![] }),
    }
}

/// What was truly proved, kept apart from the machine.
#[derive(Default)]
struct Proved {
    password: bool,
    code: bool,
    code_needed: bool,
    fresh_needed: bool,
    fresh: bool,
    /// Policy was asked, and either wants nothing or lets the machine in.
    machine: bool,
    retry_until: Option<Timestamp>,
    asked_elsewhere: bool,
    others: bool,
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// whatever is answered and judged in whatever order, a session is asked for only after every factor,
    /// and only for a machine that policy lets in.
    #[test]
    fn a03_no_sequence_reaches_a_session_without_every_factor_and_a_machine_that_may_come_in(
        moves in moves(),
        token_required in any::<bool>(),
        may_replace in any::<bool>(),
    ) {
        let rules = Rules { token_required, may_replace, ..rules() };
        let mut now = NOW;
        let mut end = NOW.after(rules.total_time);
        let (mut machine, step) = Conversation::begin(Some("wong".into()), &rules, now);
        let (mut asked, mut deadline) = (discriminant(&step), machine.deadline());
        let mut pending = Action::Ask { step, notice: None };
        let mut proved = Proved::default();
        for step in moves {
            let event = match (&step, &pending) {
                (Move::Wait(seconds), _) => {
                    now = now.after(Duration::from_secs(u64::from(*seconds)));
                    continue;
                }
                (Move::Answer(kind), Action::Ask { .. } | Action::Refuse(_) | Action::Finish(_)) => {
                    if *kind == 4 && matches!(pending, Action::Ask { step: SignInStep::Elsewhere { .. }, .. }) {
                        proved.asked_elsewhere = true;
                    }
                    answer(*kind)
                }
                (Move::NotJudged, _) => Event::NotJudged(FailureCode::Busy { retry_after_seconds: 1 }),
                (Move::Judge { good, must_change, standing, .. }, Action::JudgePassword { .. }) => {
                    let standing = match standing {
                        0 => Standing::NoToken,
                        1 => Standing::Inactive { serial: TokenSerial::new("T"), days: 60 },
                        _ => Standing::Ready(token()),
                    };
                    if *good {
                        proved = Proved {
                            password: true,
                            code_needed: token_required || standing != Standing::NoToken,
                            fresh_needed: *must_change,
                            ..Proved::default()
                        };
                        right(*must_change, standing)
                    } else {
                        Event::PasswordJudged(PasswordVerdict::Wrong)
                    }
                }
                (Move::Judge { good, .. }, Action::JudgeCode { .. }) => {
                    proved.code |= *good;
                    if *good { accepted() } else { Event::CodeJudged(CodeVerdict::Wrong) }
                }
                (Move::Judge { good, .. }, Action::JudgeNewPassword { .. }) => {
                    proved.fresh |= *good;
                    Event::NewPasswordJudged(if *good {
                        NewPasswordVerdict::Set { hash: "new".into() }
                    } else {
                        NewPasswordVerdict::Broken(vec![PasswordRule::MinLength])
                    })
                }
                (Move::Judge { standing, .. }, Action::FindPolicy { .. }) => {
                    proved.machine = matches!(standing, 0 | 2);
                    Event::PolicyFound(match standing {
                        0 => Asked::Nothing,
                        1 => Asked::Report(vec![praya_model::posture::Check::Antivirus]),
                        2 => Asked::Unreported(fit(Access::Limit(vec![]))),
                        _ => Asked::Refused,
                    })
                }
                (Move::Judge { good, standing, .. }, Action::JudgeMachine { .. }) => {
                    proved.machine |= *good;
                    Event::MachineJudged(match (good, standing) {
                        (true, 0) => MachineVerdict::Fit(fit(Access::Limit(vec![]))),
                        (true, _) => MachineVerdict::Fit(fit(Access::Allow)),
                        (false, 0) => MachineVerdict::BadReport,
                        (false, 1) => MachineVerdict::Fit(fit(Access::Deny)),
                        (false, 2) => MachineVerdict::Outdated,
                        (false, _) => {
                            let retry_until = now.after(Duration::from_secs(250));
                            // A machine that was found wanting has its own time, and what follows that of a step.
                            let until = *proved.retry_until.get_or_insert(retry_until);
                            if now < until {
                                deadline = until;
                                end = end.max(until.after(rules.step_time));
                            }
                            MachineVerdict::Unfit { findings: vec![], retry_until }
                        }
                    })
                }
                (Move::Judge { elsewhere: others, .. }, Action::FindElsewhere { .. }) => {
                    proved.others = *others;
                    Event::ElsewhereFound(if *others { vec![elsewhere()] } else { vec![] })
                }
                (Move::Judge { good, .. }, Action::CreateSession { .. }) => {
                    if *good {
                        Event::SessionCreated(Ok(grant()))
                    } else {
                        proved.others = true;
                        Event::SessionCreated(Err(CreateVerdict::Elsewhere(vec![elsewhere()])))
                    }
                }
                // A shell gone mad: judgements of what was not asked. Only those that prove nothing by themselves
                // in this state may be sent, or the oracle would be wrong and not the machine.
                (Move::Stray(kind), action) => match (kind, action) {
                    (0, Action::JudgePassword { .. })
                    | (1, Action::JudgeCode { .. })
                    | (2, Action::JudgeNewPassword { .. })
                    | (3, Action::FindElsewhere { .. })
                    | (4, Action::CreateSession { .. })
                    | (5, Action::FindPolicy { .. })
                    | (6, Action::JudgeMachine { .. }) => continue,
                    (0, _) => right(false, Standing::NoToken),
                    (1, _) => accepted(),
                    (2, _) => Event::NewPasswordJudged(NewPasswordVerdict::Set { hash: "x".into() }),
                    (3, _) => Event::ElsewhereFound(vec![]),
                    (4, _) => Event::SessionCreated(Ok(grant())),
                    (5, _) => no_policy(),
                    (_, _) => Event::MachineJudged(MachineVerdict::Fit(fit(Access::Allow))),
                },
                (Move::Answer(kind), _) => answer(*kind),
                (Move::Judge { .. }, _) => continue,
            };
            pending = machine.handle(event, &rules, now);
            // Time is given when a step is entered, and never beyond the end of the whole.
            if let Action::Ask { step, .. } = &pending
                && discriminant(step) != asked
            {
                asked = discriminant(step);
                deadline = now.after(rules.step_time).min(end);
            }
            prop_assert_eq!(machine.deadline(), deadline);
            let proven = proved.password
                && (proved.code || !proved.code_needed)
                && (proved.fresh || !proved.fresh_needed);
            match &pending {
                Action::JudgeCode { .. } => prop_assert!(proved.password),
                Action::JudgeNewPassword { .. } => {
                    prop_assert!(proved.password && (proved.code || !proved.code_needed));
                }
                Action::FindPolicy { .. } | Action::JudgeMachine { .. } => prop_assert!(proven),
                Action::FindElsewhere { .. } => prop_assert!(proven && proved.machine),
                Action::CreateSession { others, token: serial, posture, .. } => {
                    prop_assert!(proven && proved.machine && now < end);
                    prop_assert!(posture.as_ref().is_none_or(|fit| fit.access != Access::Deny));
                    prop_assert_eq!(serial, &proved.code.then(|| token().serial));
                    match others {
                        Others::AtMost(_) => prop_assert!(!proved.others),
                        Others::Replace(_) => prop_assert!(may_replace && proved.asked_elsewhere),
                    }
                }
                Action::Finish(_) => prop_assert!(proven && proved.machine),
                Action::Ask { step: SignInStep::Posture { .. }, .. } => prop_assert!(proven && !proved.machine),
                Action::Ask { step: SignInStep::Otp { .. }, .. } => prop_assert!(proved.password),
                Action::Ask { step: SignInStep::NewPassword { .. } | SignInStep::Elsewhere { .. }, .. } => {
                    prop_assert!(proved.password && (proved.code || !proved.code_needed));
                }
                Action::JudgePassword { .. } | Action::Ask { .. } | Action::Refuse(_) => {}
            }
        }
    }
}
