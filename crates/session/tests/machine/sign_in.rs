//! The conversation before there is a session.

use praya_model::api::SignInReply;
use praya_model::password::PasswordRules;
use praya_model::sign_in::{ElsewhereChoice, ElsewhereSession, TokenHint};
use praya_model::{
    Failure, FailureCode, Secret, SessionId, SignInAnswer, SignInStep, Timestamp, TokenSerial, TunnelState,
};
use praya_session::{Action, Begin, Event, Method};

use crate::support::*;

fn ask_otp() -> SignInStep {
    let token =
        TokenHint { serial: TokenSerial::new("AB123"), digits: 6, step_seconds: 60, seconds_left: 41 };
    SignInStep::Otp { prompt: Some("Code of your token".to_owned()), token: Some(token) }
}

fn ask_new_password() -> SignInStep {
    let rules = PasswordRules {
        min_length: 12,
        max_length: 128,
        need_upper: false,
        need_lower: false,
        need_digit: false,
        only_letters_and_digits: false,
        not_the_account: true,
        not_common: true,
        not_the_old: true,
    };
    SignInStep::NewPassword { rules: Some(rules) }
}

fn ask_elsewhere() -> SignInStep {
    let elsewhere = ElsewhereSession {
        session: SessionId::new("s-0"),
        host_name: "laptop-3".to_owned(),
        source: "198.51.100.7".to_owned(),
        since: Timestamp::from_secs(1_799_999_000),
    };
    SignInStep::Elsewhere {
        sessions: vec![elsewhere],
        choices: vec![ElsewhereChoice::Replace, ElsewhereChoice::Cancel],
    }
}

#[test]
fn a_sign_in_begins_by_asking_the_gateway_what_it_is() {
    let mut world = World::new();
    world.begin();
    let (_, request) = world.request();
    assert_eq!((request.method, request.path.as_str()), (Method::Get, "/api/v1/gateway"));
    assert_eq!((request.bearer, request.cookies, request.body), (None, None, None));
    assert_eq!(world.state(), TunnelState::SigningIn);
    assert!(world.snapshot().sign_in.is_some_and(|sign_in| sign_in.waiting && sign_in.round == 0));
}

#[test]
fn a02_a18_a34_every_step_is_asked_in_the_gateways_order() {
    let mut world = World::new();
    world.begin();
    world.reply(json(200, &gateway_info()));
    let steps = [
        (ask_password(), password("initial")),
        (ask_otp(), otp("123456")),
        (
            ask_new_password(),
            SignInAnswer::NewPassword { password: Secret::new("new"), repeat: Secret::new("new") },
        ),
        (ask_elsewhere(), SignInAnswer::Elsewhere { choice: ElsewhereChoice::Replace }),
    ];
    for (number, (asked, answer)) in (1_u32..).zip(steps) {
        world.step(step(&format!("ticket-{number}"), asked.clone()));
        assert_eq!(world.state(), TunnelState::SigningIn);
        assert_eq!((world.asked(), world.round()), (Some(asked), number));
        assert!(world.disk.is_none(), "a sign-in under way opens nothing");

        world.answer(answer);
        let (_, request) = world.request();
        let body = request.body.expect("an answer").text;
        assert!(body.expose().contains(&format!("ticket-{number}")), "each step has its own ticket");
        assert!(world.snapshot().sign_in.is_some_and(|sign_in| sign_in.waiting));
    }
    world.step(done());
    assert_eq!(world.opened().cookie, Secret::new(COOKIE));
    assert!(world.session.is_live());
}

#[test]
fn the_ticket_is_on_disk_before_the_first_connect() {
    let world = World::granted();
    let saved = place(&world.last, |action| matches!(action, Action::SaveResume(_)));
    let opened = place(&world.last, |action| matches!(action, Action::OpenChannel(_)));
    assert!(saved < opened);
    let open = world.opened();
    assert!(open.proof, "a session bound to the device proves it");
    assert!(!open.swap);
    assert_eq!(world.disk.map(|ticket| ticket.cookies), Some(vec![Secret::new(COOKIE)]));
}

#[test]
fn a35_a_locked_account_is_shown_with_its_time_and_the_help_desk() {
    let mut world = World::at_password();
    world.answer(password("wrong"));
    let failure: Failure = FailureCode::Locked { seconds_left: 299 }.into();
    world.step(SignInReply { ticket: None, next: SignInStep::Refused(failure), notice: None, expires_in: 0 });
    let snapshot = world.snapshot();
    assert_eq!(snapshot.state, TunnelState::NoSession);
    let failure = snapshot.last_failure.expect("a failure");
    assert_eq!(failure.code, FailureCode::Locked { seconds_left: 299 });
    assert_eq!(failure.help_desk.as_deref(), Some("ext. 100"), "A-41");
    assert_eq!(failure.told_at, Some(world.now), "the lock counts from here");
    assert!(world.session.is_idle());
}

#[test]
fn a_wrong_answer_is_asked_again_as_a_new_round_with_its_notice() {
    let mut world = World::at_password();
    world.answer(password("wrong"));
    let notice = Some(FailureCode::WrongCredentials.into());
    world.step(SignInReply { notice, ..step("t-2", ask_password()) });
    assert_eq!((world.round(), world.notice()), (2, Some(FailureCode::WrongCredentials)));
}

#[test]
fn a_question_has_a_deadline_of_its_own() {
    let mut world = World::at_password();
    let deadline = world.snapshot().sign_in.and_then(|sign_in| sign_in.deadline);
    assert_eq!(deadline, Some(world.now.after(s(120))));
    world.wait(s(119));
    assert_eq!(world.state(), TunnelState::SigningIn);
    world.wait(s(2));
    assert_eq!(world.state(), TunnelState::NoSession);
    assert_eq!(world.failure(), Some(FailureCode::SignInExpired));
}

#[test]
fn an_answer_to_an_earlier_round_is_not_sent() {
    let mut world = World::at_password();
    let round = world.round();
    world.answer(password("wrong"));
    world.step(step("t-2", ask_password()));
    world.send(Event::Answer { round, answer: password("late") });
    assert_eq!(world.last, [Action::Rejected(FailureCode::UnexpectedAnswer)]);
    assert_eq!(world.asked(), Some(ask_password()));
}

#[test]
fn a_double_click_sends_one_answer() {
    let mut world = World::at_password();
    let round = world.round();
    world.answer(password("pw"));
    world.send(Event::Answer { round, answer: password("pw") });
    assert_eq!(world.last, [Action::Rejected(FailureCode::UnexpectedAnswer)]);
}

#[test]
fn an_answer_of_another_kind_leaves_the_question() {
    let mut world = World::at_password();
    world.answer(otp("123456"));
    assert_eq!(world.rejection(), Some(&FailureCode::UnexpectedAnswer));
    assert_eq!((world.asked(), world.round()), (Some(ask_password()), 1));
}

#[test]
fn a37_a_question_counts_from_when_it_was_asked_also_when_its_answer_was_not_heard() {
    let mut world = World::at_password();
    world.answer(password("pw"));
    world.step(step("t-2", ask_otp()));
    let asked_at = Some(world.now);
    let seen = |world: &World| {
        let sign_in = world.snapshot().sign_in.expect("a sign-in");
        (sign_in.asked_at, sign_in.deadline, sign_in.notice.and_then(|notice| notice.told_at))
    };
    let deadline = world.snapshot().sign_in.and_then(|sign_in| sign_in.deadline);
    assert_eq!(seen(&world), (asked_at, deadline, None));

    world.wait(s(20));
    world.answer(otp("123456"));
    world.reply(json(503, &FailureCode::Busy { retry_after_seconds: 3 }));
    assert_eq!(seen(&world), (asked_at, deadline, Some(world.now)), "nothing was judged");

    world.wait(s(20));
    world.answer(otp("123456"));
    let (id, _) = world.request();
    world.send(Event::HttpFailed { id, failure: unreachable() });
    assert_eq!(seen(&world), (asked_at, deadline, Some(world.now)), "nothing was heard");

    world.answer(otp("123456"));
    let notice = Some(FailureCode::WrongOtp.into());
    world.step(SignInReply { notice, ..step("t-3", ask_otp()) });
    assert_eq!(seen(&world).0, Some(world.now), "the gateway asks anew");
}

#[test]
fn an_answer_that_was_not_heard_is_not_sent_again_by_machine() {
    let mut world = World::at_password();
    world.answer(password("pw"));
    let (id, _) = world.request();
    world.send(Event::HttpFailed { id, failure: unreachable() });
    assert!(!world.last.iter().any(|action| matches!(action, Action::SendHttp { .. })));
    assert_eq!((world.asked(), world.notice()), (Some(ask_password()), Some(unreachable())));

    world.answer(password("pw"));
    world.step(done());
    assert!(world.session.is_live(), "the person may answer again");
}

#[test]
fn an_answer_to_a_foreign_gateway_that_was_not_heard_can_be_given_again() {
    let page = |message: &str, input: &str| {
        xml(&format!(
            r#"<config-auth client="vpn" type="auth-request"><auth id="main"><message>{message}</message>
            <form method="post" action="/auth">{input}</form></auth></config-auth>"#
        ))
    };
    let mut world = World::new();
    world.begin();
    world.reply(not_praya());
    world.reply(page(
        "Please enter your username.",
        r#"<input type="text" name="username" label="Username:"/>"#,
    ));
    world.reply(page(
        "Please enter your password.",
        r#"<input type="password" name="password" label="Password:"/>"#,
    ));
    let asked = world.asked();
    world.answer(password("pw"));
    let (id, first) = world.request();
    world.send(Event::HttpFailed { id, failure: unreachable() });
    assert_eq!((world.asked(), world.notice()), (asked, Some(unreachable())));

    world.answer(password("pw"));
    assert_eq!(world.rejection(), None);
    let (_, second) = world.request();
    assert_eq!(first.body, second.body);
}

#[test]
fn a_gateway_that_cannot_be_reached_ends_the_sign_in_and_is_not_tried_by_machine() {
    let mut world = World::new();
    world.begin();
    let (id, _) = world.request();
    world.send(Event::HttpFailed { id, failure: unreachable() });
    assert_eq!((world.state(), world.failure()), (TunnelState::NoSession, Some(unreachable())));
    assert_eq!(world.wait(HOUR), []);
}

#[test]
fn a_gateway_that_nobody_vouches_for_gets_no_password() {
    let failure = FailureCode::UnknownGateway {
        gateway: "vpn.example.org:443".to_owned(),
        pin: "pin-sha256:x".to_owned(),
    };
    let mut world = World::new();
    world.begin();
    let (id, _) = world.request();
    world.send(Event::HttpFailed { id, failure: failure.clone() });
    assert_eq!((world.state(), world.failure()), (TunnelState::NoSession, Some(failure)));
}

#[test]
fn cancelling_tells_the_gateway_and_leaves_no_session() {
    for event in [
        Event::CancelSignIn,
        Event::Answer { round: 0, answer: SignInAnswer::Cancel },
        Event::Logout { reason: praya_model::EndReason::UserLogout },
    ] {
        let mut world = World::at_password();
        world.send(event);
        let (id, request) = world.request();
        assert_eq!(request.path, "/api/v1/sign-in/answer");
        assert!(request.body.is_some_and(|body| body.text.expose().contains("cancel")));
        assert_eq!((world.state(), world.failure()), (TunnelState::NoSession, Some(FailureCode::Cancelled)));

        world.send(Event::HttpReply { id, reply: json(200, &done()) });
        assert!(world.session.is_idle(), "a late reply signs nobody in");
        assert_eq!(world.last, []);
    }
}

#[test]
fn a_sign_in_that_is_given_up_keeps_what_was_wrong_with_the_last_answer() {
    let mut world = World::at_password();
    world.answer(password("wrong"));
    let (id, _) = world.request();
    let notice = Some(FailureCode::WrongCredentials.into());
    world.send(Event::HttpReply {
        id,
        reply: json(200, &SignInReply { notice, ..step("t2", ask_password()) }),
    });
    world.send(Event::CancelSignIn);
    assert_eq!(
        (world.state(), world.failure()),
        (TunnelState::NoSession, Some(FailureCode::WrongCredentials))
    );
}

#[test]
fn cancelling_gives_up_the_request_under_way() {
    let mut world = World::at_password();
    world.answer(password("pw"));
    let (id, _) = world.request();
    world.send(Event::CancelSignIn);
    assert!(world.wants(&Action::CancelHttp(id)));
    world.send(Event::HttpReply { id, reply: json(200, &done()) });
    assert!(world.session.is_idle());
}

#[test]
fn a32_a_second_sign_in_is_refused_while_there_is_one_or_a_session() {
    let mut signing_in = World::at_password();
    let (mut connected, _) = World::connected();
    for world in [&mut signing_in, &mut connected] {
        let before = world.snapshot();
        world.begin();
        assert_eq!(world.last, [Action::Rejected(FailureCode::AlreadySignedIn)]);
        assert_eq!(world.snapshot(), before);
    }
}

#[test]
fn without_an_account_the_first_question_asks_for_it() {
    let mut world = World::new();
    world.send(Event::Begin(Begin { profile: profile(), account: Some("  ".to_owned()) }));
    world.reply(json(200, &gateway_info()));
    assert_eq!(world.asked(), Some(SignInStep::Password { account: None }));
    world.answer(SignInAnswer::Password { account: Some(" wong ".to_owned()), password: Secret::new("pw") });
    assert_eq!(world.request().1.path, "/api/v1/sign-in");
    assert_eq!(world.snapshot().account.as_ref().map(|account| account.as_str()), Some("wong"));
    world.step(step("t-1", ask_password()));
    // The password was typed already.
    assert!(world.request().1.body.is_some_and(|body| body.text.expose().contains("pw")));
    world.step(done());
    assert!(world.session.is_live());
}

#[test]
fn a_question_for_the_gateway_waits_for_a_session() {
    let mut world = World::at_password();
    let id = praya_session::AskId(1);
    world.send(Event::Ask { id, question: praya_session::Question::Resources });
    assert_eq!(world.last, [Action::Answered { id, result: Err(FailureCode::NotSignedIn.into()) }]);
}
