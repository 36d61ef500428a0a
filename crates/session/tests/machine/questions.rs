//! Questions to the gateway's API while there is a session.

use praya_model::api::{ResourceList, SessionInfo};
use praya_model::failure::LastSignIn;
use praya_model::password::PasswordRules;
use praya_model::{AccountName, EndReason, Failure, FailureCode, Secret, SessionId, Timestamp, TunnelState};
use praya_session::{Action, Answer, AskId, Event, HttpReply, Method, Question};

use crate::support::*;

fn ask(world: &mut World, id: u64, question: Question) {
    world.send(Event::Ask { id: AskId(id), question });
}

fn answered(world: &World) -> Vec<(AskId, Result<Answer, FailureCode>)> {
    let answers = world.last.iter().filter_map(|action| match action {
        Action::Answered { id, result } => Some((*id, result.clone().map_err(|failure| failure.code))),
        _ => None,
    });
    answers.collect()
}

#[test]
fn the_machine_asks_once_for_the_last_sign_in_and_the_password_rules_and_shows_them() {
    let mut world = World::granted();
    world.up(channel_up(None));
    world.network_ready();
    assert_eq!(world.request().1.path, "/api/v1/session");
    let last = LastSignIn { at: Timestamp::from_secs(1_799_900_000), source: "198.51.100.7".to_owned() };
    let rules = PasswordRules {
        min_length: 15,
        max_length: 128,
        need_upper: false,
        need_lower: false,
        need_digit: false,
        only_letters_and_digits: false,
        not_the_account: true,
        not_common: true,
        not_the_old: true,
    };
    world.reply(json(
        200,
        &SessionInfo {
            session: SessionId::new("s-1"),
            account: AccountName::new("wong"),
            groups: Vec::new(),
            since: world.now,
            expires_in: 28_800,
            idle_timeout: 300,
            last_sign_in: Some(last.clone()),
            password_rules: Some(rules.clone()),
        },
    ));
    assert_eq!(world.snapshot().last_sign_in, Some(last));
    assert_eq!(world.snapshot().password_rules, Some(rules));
    assert_eq!(answered(&world), []);
}

#[test]
fn a28_the_persons_word_that_they_are_there_starts_the_idle_time_anew_once_the_gateway_has_it() {
    let (mut world, _) = World::connected();
    let end = world.snapshot().idle_at.unwrap();
    world.wait(s(250));
    assert_eq!(world.state(), TunnelState::IdleWarning);
    ask(&mut world, 1, Question::StayActive);
    let (_, request) = world.request();
    assert_eq!((request.method, request.path.as_str()), (Method::Post, "/api/v1/session/active"));
    assert_eq!(world.snapshot().idle_at, Some(end), "the gateway has not heard it yet");
    world.reply(HttpReply { status: 204, headers: Vec::new(), body: Vec::new() });
    assert_eq!(answered(&world), [(AskId(1), Ok(Answer::Active))]);
    assert_eq!(world.state(), TunnelState::Connected);
    assert_eq!(world.snapshot().idle_at, Some(world.now.after(s(300))));
}

#[test]
fn only_an_identifier_gets_into_the_path_that_ends_another_session() {
    let (mut world, _) = World::connected();
    for bad in ["", "../session", "a?b", "a b"] {
        ask(&mut world, 1, Question::EndSession(SessionId::new(bad)));
        assert!(matches!(answered(&world)[..], [(AskId(1), Err(FailureCode::Protocol { .. }))]), "{bad}");
    }
    ask(&mut world, 2, Question::EndSession(SessionId::new("s-2")));
    let (_, request) = world.request();
    assert_eq!((request.method, request.path.as_str()), (Method::Delete, "/api/v1/sessions/s-2"));
}

#[test]
fn a24_resources_are_asked_with_the_cookie_and_its_proof() {
    let (mut world, _) = World::connected();
    ask(&mut world, 1, Question::Resources);
    let (_, request) = world.request();
    assert_eq!((request.method, request.path.as_str()), (Method::Get, "/api/v1/resources"));
    assert!(request.bearer.is_some_and(|bearer| bearer.proof && bearer.cookie == Secret::new(COOKIE)));
    world.reply(json(200, &ResourceList { resources: Vec::new() }));
    assert_eq!(answered(&world), [(AskId(1), Ok(Answer::Resources(Vec::new())))]);
}

#[test]
fn a24_a_session_has_its_list_also_while_the_tunnel_is_down() {
    let (mut world, _) = World::connected();
    assert!(world.snapshot().resources_available);
    world.send(Event::Disconnect);
    assert_eq!(world.state(), TunnelState::Reconnecting);
    assert!(world.snapshot().resources_available);
    ask(&mut world, 1, Question::Resources);
    world.reply(json(200, &ResourceList { resources: Vec::new() }));
    assert_eq!(answered(&world), [(AskId(1), Ok(Answer::Resources(Vec::new())))]);
}

#[test]
fn questions_go_one_at_a_time_in_their_order() {
    let (mut world, _) = World::connected();
    for id in 1..=3 {
        ask(&mut world, id, Question::Resources);
    }
    assert_eq!(world.last, [], "the first is under way");
    for id in 1..=3 {
        world.reply(json(200, &ResourceList { resources: Vec::new() }));
        assert_eq!(answered(&world), [(AskId(id), Ok(Answer::Resources(Vec::new())))]);
    }
    assert!(!world.last.iter().any(|action| matches!(action, Action::SendHttp { .. })));
}

#[test]
fn a26_a_password_change_is_answered_by_the_gateways_word() {
    let change = || Question::ChangePassword { current: Secret::new("old-pw"), new: Secret::new("new-pw") };
    let (mut world, _) = World::connected();
    ask(&mut world, 1, change());
    assert_eq!(world.request().1.path, "/api/v1/password");
    world.reply(json(204, &()));
    assert_eq!(answered(&world), [(AskId(1), Ok(Answer::PasswordChanged))]);

    ask(&mut world, 2, change());
    let wrong: Failure = FailureCode::WrongCurrentPassword.into();
    world.reply(json(403, &wrong));
    assert_eq!(answered(&world), [(AskId(2), Err(FailureCode::WrongCurrentPassword))]);
    assert_eq!(world.state(), TunnelState::Connected);
}

#[test]
fn a_question_waits_while_a_channel_is_being_opened() {
    let (mut world, channel) = World::connected();
    ask(&mut world, 1, Question::Resources);
    let (under_way, _) = world.request();
    world.lost(channel);
    world.next_attempt();
    assert!(world.wants(&Action::CancelHttp(under_way)), "the old cookie may not arrive after the new one");
    ask(&mut world, 2, Question::Resources);
    assert_eq!(world.last, []);
    world.up(channel_up(Some("c2")));
    let (id, request) = world.request();
    assert!(id > under_way);
    assert_eq!(request.bearer.map(|bearer| bearer.cookie), Some(Secret::new("c2")));
}

#[test]
fn a_password_change_that_was_interrupted_is_not_sent_twice() {
    let (mut world, channel) = World::connected();
    ask(
        &mut world,
        1,
        Question::ChangePassword { current: Secret::new("old-pw"), new: Secret::new("new-pw") },
    );
    world.lost(channel);
    world.next_attempt();
    assert!(matches!(answered(&world)[..], [(AskId(1), Err(FailureCode::Busy { .. }))]));
    world.up(channel_up(None));
    assert!(
        !world.last.iter().any(
            |action| matches!(action, Action::SendHttp { request, .. } if request.method == Method::Post)
        )
    );
}

#[test]
fn every_question_is_answered_when_the_session_ends() {
    let (mut world, channel) = World::connected();
    for id in 1..=3 {
        ask(&mut world, id, Question::Resources);
    }
    world.peer_ends(channel, EndReason::Admin);
    let ended = FailureCode::SessionEnded { reason: EndReason::Admin };
    let all: Vec<_> = (1..=3).map(|id| (AskId(id), Err(ended.clone()))).collect();
    assert_eq!(answered(&world), all);
}

#[test]
fn questions_do_not_pile_up_without_end() {
    let (mut world, _) = World::connected();
    let mut refused = 0;
    for id in 0..100 {
        ask(&mut world, id, Question::Resources);
        refused += answered(&world).len();
    }
    assert_eq!(refused, 100 - 33);
}

#[test]
fn an_end_that_the_api_tells_is_believed_where_no_channel_can_tell() {
    let gone: Failure = FailureCode::SessionEnded { reason: EndReason::Admin }.into();
    let (mut world, _) = World::connected();
    ask(&mut world, 1, Question::Resources);
    world.reply(json(401, &gone));
    assert_eq!(world.state(), TunnelState::Connected, "the channel has the last word");

    world.send(Event::Disconnect);
    ask(&mut world, 2, Question::Resources);
    world.reply(json(401, &gone));
    assert_eq!((world.state(), world.snapshot().ended), (TunnelState::Ended, Some(EndReason::Admin)));
}

#[test]
fn a_foreign_gateway_has_no_resource_list() {
    let mut world = World::granted_by_foreign();
    world.up(channel_up(None));
    world.network_ready();
    assert!(!world.snapshot().resources_available);
    ask(&mut world, 1, Question::Resources);
    assert_eq!(answered(&world), [(AskId(1), Ok(Answer::Resources(Vec::new())))]);
    ask(
        &mut world,
        2,
        Question::ChangePassword { current: Secret::new("old-pw"), new: Secret::new("new-pw") },
    );
    assert!(matches!(answered(&world)[..], [(AskId(2), Err(FailureCode::Protocol { .. }))]));
}
