//! The endpoint check: at the sign-in, and again and again while there is a session.

use praya_model::api::PostureQuestion;
use praya_model::posture::{Check, Finding, Outcome};
use praya_model::{EndReason, Failure, FailureCode, SignInAnswer, TunnelState};
use praya_session::{Action, ChannelId, Event, Method};
use serde_json::{Value, json as value};

use crate::support::*;

fn at_posture() -> World {
    let mut world = World::at_password();
    world.answer(password("pw"));
    world.step(step("t-2", posture_step(Vec::new())));
    world
}

fn at_findings() -> World {
    let mut world = at_posture();
    world.machine_checked("bad");
    world.step(step("t-3", posture_step(vec![no_firewall()])));
    world
}

fn body(world: &World) -> Value {
    let body = world.request().1.body.expect("a body");
    serde_json::from_str(body.text.expose()).expect("JSON")
}

fn waiting(world: &World) -> bool {
    world.snapshot().sign_in.is_some_and(|sign_in| sign_in.waiting)
}

fn checks(actions: &[Action]) -> usize {
    actions.iter().filter(|action| matches!(action, Action::CheckMachine { .. })).count()
}

/// Connected; the session's first check is under way.
fn checked_session(answer: &impl serde::Serialize) -> (World, ChannelId) {
    let mut world = World::granted();
    let channel = world.up(channel_up(None));
    world.network_ready();
    let (id, _) = world.request();
    world.send(Event::HttpFailed { id, failure: unreachable() });
    assert_eq!(world.request().1.path, "/api/v1/session/posture");
    world.reply(json(200, answer));
    (world, channel)
}

/// As above, judged.
fn judged_session(findings: Vec<Finding>) -> (World, ChannelId) {
    let (mut world, channel) = checked_session(&posture_question(vec![Check::Firewall]));
    world.machine_checked("report");
    world.reply(json(200, &judged(findings)));
    (world, channel)
}

fn asks_for_the_check(actions: &[Action]) -> bool {
    actions.iter().any(|action| {
        matches!(action, Action::SendHttp { request, .. }
            if request.method == Method::Get && request.path == "/api/v1/session/posture")
    })
}

#[test]
fn a21_the_machine_is_read_at_once_and_only_for_what_the_gateway_asks() {
    let mut world = at_posture();
    let (_, asked, nonce) = world.machine_check();
    assert_eq!((asked, nonce.as_str()), (vec![Check::Firewall], "bm9uY2U"));
    assert!(waiting(&world), "there is nothing to answer meanwhile");
    world.answer(SignInAnswer::CheckAgain);
    assert_eq!(world.rejection(), Some(&FailureCode::UnexpectedAnswer));
    let world = {
        let mut world = at_posture();
        world.machine_checked("report");
        world
    };
    let answer = value!({"ticket": "t-2", "answer": "posture", "report": "report", "signature": "c2ln"});
    assert_eq!(body(&world), answer);
}

#[test]
fn what_was_sent_of_the_machine_is_shown_from_then_on_and_after_the_session_only_where_the_check_ended_it() {
    let shown = |world: &World| world.snapshot().reported;
    let sent = |report| Some(posture_report(report).reported);
    let mut world = at_posture();
    assert_eq!(shown(&world), None, "it is being read");
    world.machine_checked("first");
    assert_eq!(shown(&world), sent("first"));
    world.step(step("t-3", posture_step(vec![no_firewall()])));
    world.answer(SignInAnswer::CheckAgain);
    assert_eq!(shown(&world), sent("first"), "what was sent last");
    world.machine_checked("second");
    world.step(done());
    assert!(world.session.is_live());
    assert_eq!(shown(&world), sent("second"), "the session begins with what the sign-in told");

    for (reason, stays) in [(EndReason::PostureLost, true), (EndReason::Admin, false)] {
        let (mut world, channel) = judged_session(vec![no_firewall()]);
        assert_eq!(shown(&world), sent("report"));
        world.peer_ends(channel, reason);
        assert_eq!(shown(&world).is_some(), stays, "{reason:?}");
    }
    let mut world = at_posture();
    let (id, ..) = world.machine_check();
    world.send(Event::MachineChecked { id, report: Err(unreachable()) });
    assert_eq!(shown(&world), None, "nothing was sent");
}

#[test]
fn a22_findings_wait_for_the_person_and_a_mended_machine_needs_no_new_code() {
    let mut world = at_findings();
    assert_eq!(checks(&world.last), 0, "it is the person's turn");
    assert!(!waiting(&world));
    assert_eq!(world.asked(), Some(posture_step(vec![no_firewall()])));
    world.answer(SignInAnswer::CheckAgain);
    assert!(waiting(&world));
    world.machine_checked("good");
    assert_eq!(body(&world)["report"], "good");
    assert_eq!(body(&world)["ticket"], "t-3");
    world.step(done());
    assert!(world.session.is_live());
}

#[test]
fn a_view_does_not_say_what_was_read_of_the_machine() {
    let mut world = at_findings();
    world.answer(SignInAnswer::Posture { report: "forged".to_owned(), signature: String::new() });
    assert_eq!(world.rejection(), Some(&FailureCode::UnexpectedAnswer));
    assert!(!waiting(&world));
}

#[test]
fn a_gateway_that_asks_again_and_again_without_a_word_waits_for_the_person() {
    let mut world = at_posture();
    world.machine_checked("report");
    world.step(step("t-3", posture_step(Vec::new())));
    assert_eq!(checks(&world.last), 0);
    world.answer(SignInAnswer::CheckAgain);
    assert_eq!(checks(&world.last), 1);
}

#[test]
fn a_report_that_is_not_heard_is_sent_again_when_the_person_says_so() {
    let mut world = at_posture();
    world.machine_checked("report");
    let (id, _) = world.request();
    world.send(Event::HttpFailed { id, failure: unreachable() });
    assert_eq!(world.notice(), Some(unreachable()));
    world.answer(SignInAnswer::CheckAgain);
    world.machine_checked("report");
    assert_eq!(body(&world)["ticket"], "t-2");
}

#[test]
fn a_machine_that_cannot_be_read_at_all_ends_the_sign_in_and_giving_up_forgets_the_reading() {
    let mut world = at_posture();
    let (id, ..) = world.machine_check();
    let failure = FailureCode::Internal { detail: "no threads".to_owned() };
    world.send(Event::MachineChecked { id, report: Err(failure.clone()) });
    assert_eq!((world.state(), world.failure()), (TunnelState::NoSession, Some(failure)));

    let mut world = at_posture();
    let (id, ..) = world.machine_check();
    world.send(Event::CancelSignIn);
    world.send(Event::MachineChecked { id, report: Ok(posture_report("late")) });
    assert!(world.session.is_idle() && world.last.is_empty());
}

#[test]
fn what_the_gateway_makes_of_the_machine_is_shown_and_ends_nothing_by_itself() {
    let warning = Finding { outcome: Outcome::Warning, ..no_firewall() };
    let (mut world, _) = judged_session(vec![warning.clone()]);
    let shown = world.snapshot().posture.expect("a verdict");
    assert_eq!((shown.checked_at, shown.findings), (world.now, vec![warning]));
    assert_eq!((shown.limited, shown.ends_at), (false, Some(world.now.after(s(300)))));
    world.wait(s(280));
    assert!(world.session.is_live());
}

#[test]
fn what_the_gateway_found_before_is_shown_while_the_machine_is_read() {
    let known = PostureQuestion {
        findings: vec![no_firewall()],
        limited: true,
        ends_in_seconds: Some(60),
        ..posture_question(vec![Check::Firewall])
    };
    let (mut world, _) = checked_session(&known);
    let shown = world.snapshot().posture.expect("a verdict");
    assert_eq!((shown.findings.len(), shown.limited), (1, true));
    assert_eq!(shown.ends_at, Some(world.now.after(s(60))));
    world.machine_checked("mended");
    world.reply(json(200, &judged(Vec::new())));
    let shown = world.snapshot().posture.expect("a verdict");
    assert_eq!((shown.findings, shown.limited, shown.ends_at), (Vec::new(), false, None));
}

#[test]
fn the_check_comes_back_when_the_gateway_says() {
    let (mut world, _) = judged_session(Vec::new());
    world.send(Event::Traffic { traffic: traffic(1), last_user_packet: None });
    let mut quiet = Vec::new();
    for minute in 1..60 {
        quiet.extend(world.wait(s(60)));
        world.send(Event::Traffic { traffic: traffic(minute), last_user_packet: Some(world.now) });
    }
    assert!(!asks_for_the_check(&quiet));
    assert!(asks_for_the_check(&world.wait(s(61))));
}

#[test]
fn a_sleep_and_a_new_network_ask_for_a_check_but_not_more_than_one_a_minute() {
    for event in [Event::Resume, Event::NetworkChanged] {
        let (mut world, _) = judged_session(Vec::new());
        world.wait(s(10));
        world.send(event.clone());
        assert!(!asks_for_the_check(&world.last), "{event:?}: a moment ago is new enough");
        assert!(!asks_for_the_check(&world.wait(s(49))));
        assert!(asks_for_the_check(&world.wait(s(1))), "{event:?}");
    }
    let (mut world, _) = judged_session(Vec::new());
    world.wait(s(200));
    world.send(Event::Resume);
    assert!(asks_for_the_check(&world.last), "at once where the last one is old");
}

#[test]
fn a22_a_person_who_has_put_the_machine_right_need_not_wait() {
    let (mut world, _) = judged_session(vec![no_firewall()]);
    world.wait(s(2));
    world.send(Event::CheckAgain);
    assert!(asks_for_the_check(&world.last));
    world.send(Event::CheckAgain);
    assert!(!asks_for_the_check(&world.last), "one at a time");
    world.reply(json(200, &posture_question(vec![Check::Firewall])));
    world.machine_checked("report");
    world.reply(json(200, &judged(Vec::new())));
    assert!(asks_for_the_check(&world.last), "what was put right after the machine was read counts too");
    world.reply(json(200, &posture_question(vec![Check::Firewall])));
    world.machine_checked("report");
    world.reply(json(200, &judged(Vec::new())));
    assert!(!asks_for_the_check(&world.last), "once for each time that it is asked for");
    let mut nobody = World::new();
    nobody.send(Event::CheckAgain);
    assert_eq!(nobody.rejection(), Some(&FailureCode::NotSignedIn));
}

#[test]
fn a_check_that_fails_on_the_way_is_made_again_and_ends_nothing() {
    let (mut world, _) = judged_session(vec![no_firewall()]);
    let shown = world.snapshot().posture;
    world.wait(s(200));
    world.send(Event::Resume);
    world.reply(json(503, &()));
    assert_eq!(world.snapshot().posture, shown, "what is known stays");
    assert!(asks_for_the_check(&world.wait(s(60))));
    world.reply(json(200, &posture_question(vec![Check::Firewall])));
    let (id, ..) = world.machine_check();
    let failure = FailureCode::Internal { detail: "no threads".to_owned() };
    world.send(Event::MachineChecked { id, report: Err(failure) });
    assert!(world.session.is_live());
    let (mut world, _) = checked_session(&posture_question(vec![Check::Firewall]));
    world.machine_checked("report");
    let (id, _) = world.request();
    world.send(Event::HttpFailed { id, failure: unreachable() });
    assert!(asks_for_the_check(&world.wait(s(60))));
}

#[test]
fn a_check_that_the_gateway_puts_off_is_made_when_it_says() {
    let (mut world, _) = checked_session(&posture_question(vec![Check::Firewall]));
    let (id, ..) = world.machine_check();
    world.send(Event::CheckAgain);
    world.send(Event::MachineChecked { id, report: Ok(posture_report("report")) });
    world.reply(json(429, &Failure::from(FailureCode::Busy { retry_after_seconds: 20 })));
    assert!(!asks_for_the_check(&world.wait(s(19))));
    assert!(asks_for_the_check(&world.wait(s(1))));
    world.reply(json(200, &posture_question(vec![Check::Firewall])));
    world.machine_checked("report");
    world.reply(json(200, &judged(Vec::new())));
    assert!(!asks_for_the_check(&world.last), "what the person asked for was done by it");
}

#[test]
fn nothing_is_read_where_nothing_is_asked_and_earlier_gateways_are_asked_once() {
    let (mut world, _) = checked_session(&posture_question(Vec::new()));
    assert_eq!(checks(&world.last), 0);
    world.wait(s(200));
    world.send(Event::NetworkChanged);
    assert!(asks_for_the_check(&world.last), "a policy may have come");

    let (mut world, _) = World::connected();
    world.wait(s(200));
    world.send(Event::Resume);
    assert!(!asks_for_the_check(&world.last));
}

#[test]
fn a_check_that_a_new_channel_interrupts_is_made_again() {
    let (mut world, channel) = checked_session(&posture_question(vec![Check::Firewall]));
    world.machine_checked("report");
    world.lost(channel);
    world.wait(s(2));
    assert!(world.last.iter().any(|action| matches!(action, Action::CancelHttp(_))));
    world.up(channel_up(None));
    assert!(asks_for_the_check(&world.wait(s(60))));
}

#[test]
fn a_session_that_the_check_ended_still_says_what_was_found() {
    let (mut world, channel) = judged_session(vec![no_firewall()]);
    world.peer_ends(channel, EndReason::PostureLost);
    assert_eq!(world.snapshot().ended, Some(EndReason::PostureLost));
    assert_eq!(world.snapshot().posture.map(|posture| posture.findings), Some(vec![no_firewall()]));
    let (mut world, channel) = judged_session(vec![no_firewall()]);
    world.peer_ends(channel, EndReason::Admin);
    assert_eq!(world.snapshot().posture, None);
}

#[test]
fn a_session_that_the_gateway_forgot_ends_by_its_word_on_the_check_once_the_tunnel_is_down() {
    let (mut world, channel) = checked_session(&posture_question(vec![Check::Firewall]));
    let (id, ..) = world.machine_check();
    world.lost(channel);
    world.send(Event::MachineChecked { id, report: Ok(posture_report("report")) });
    let over = Failure::from(FailureCode::SessionEnded { reason: EndReason::PostureLost });
    world.reply(json(401, &over));
    assert_eq!(world.snapshot().ended, Some(EndReason::PostureLost));
}
