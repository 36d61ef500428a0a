//! Every end of a session: said once, final, and with nothing left behind.

use praya_model::{EndReason, FailureCode, Secret, TunnelState};
use praya_session::{Action, Event, Farewell, HttpReply, Method, PeerEnd};

use crate::support::*;

/// Ended for `reason`, forgotten, taken down, and nothing happens any more.
fn assert_over(world: &mut World, reason: EndReason) {
    assert_eq!((world.state(), world.snapshot().ended), (TunnelState::Ended, Some(reason)));
    assert!(world.session.is_idle());
    let ended = world.last.iter().filter(|action| matches!(action, Action::Ended(_))).count();
    assert_eq!(ended, 1);
    let forgotten = place(&world.last, |action| matches!(action, Action::ForgetResume));
    assert!(place(&world.last, |action| *action == Action::Ended(reason)) < forgotten);
    assert_eq!(world.disk, None);
    assert_eq!(world.wait(24 * HOUR), [], "a final end is never retried");
}

#[test]
fn a29_a_logout_says_bye_takes_down_and_forgets() {
    for reason in [EndReason::UserLogout, EndReason::TrayExit] {
        let (mut world, channel) = World::connected();
        world.send(Event::Logout { reason });
        let bye = Action::CloseChannel { channel, farewell: Farewell::Bye(reason) };
        let said = place(&world.last, |action| *action == bye);
        let down = place(&world.last, |action| *action == Action::TearDown);
        let forgotten = place(&world.last, |action| *action == Action::ForgetResume);
        assert!(said < down && down < forgotten);
        assert!(!world.last.iter().any(|action| matches!(action, Action::SendHttp { .. })));
        assert_eq!(world.failure(), None, "a wish is no failure");
        assert_over(&mut world, reason);
    }
}

#[test]
fn a_logout_without_a_channel_tells_the_gateway_by_the_api() {
    let (mut world, channel) = World::connected();
    world.lost(channel);
    world.send(Event::Logout { reason: EndReason::UserLogout });
    let (_, request) = world.request();
    assert_eq!((request.method, request.path.as_str()), (Method::Delete, "/api/v1/session"));
    let bearer = request.bearer.as_ref().expect("a bearer");
    assert_eq!((&bearer.cookie, bearer.proof), (&Secret::new(COOKIE), true));
    assert!(world.wants(&Action::TearDown));
    assert_over(&mut world, EndReason::UserLogout);
}

#[test]
fn whether_the_gateway_heard_of_a_logout_is_known() {
    let logout = || Event::Logout { reason: EndReason::UserLogout };
    let (mut world, _) = World::connected();
    world.send(logout());
    assert_eq!(world.snapshot().gateway_told, Some(true), "by the channel");
    let failure = || FailureCode::Unreachable { gateway: String::new(), cause: "refused".to_owned() };
    let reply = |status| HttpReply { status, ..json(200, &()) };
    for (answer, told) in [(Some(204), true), (Some(401), true), (Some(503), false), (None, false)] {
        let (mut world, channel) = World::connected();
        world.lost(channel);
        world.send(logout());
        assert_eq!(world.snapshot().gateway_told, None, "its word is awaited");
        let (id, _) = world.request();
        world.send(match answer {
            Some(status) => Event::HttpReply { id, reply: reply(status) },
            None => Event::HttpFailed { id, failure: failure() },
        });
        assert_eq!(world.snapshot().gateway_told, Some(told), "{answer:?}");
        assert_eq!(world.state(), TunnelState::Ended);
    }
}

#[test]
fn a_logout_while_a_channel_is_being_opened_gives_it_up() {
    let mut world = World::granted();
    let channel = world.opened().channel;
    world.send(Event::Logout { reason: EndReason::UserLogout });
    assert!(world.wants(&Action::CloseChannel { channel, farewell: Farewell::Close }));
    assert_eq!(world.request().1.method, Method::Delete);
    assert_over(&mut world, EndReason::UserLogout);
}

#[test]
fn a_foreign_gateway_without_a_channel_is_told_nothing() {
    let mut world = World::granted_by_foreign();
    assert!(!world.opened().proof);
    world.send(Event::Logout { reason: EndReason::UserLogout });
    assert!(!world.last.iter().any(|action| matches!(action, Action::SendHttp { .. })));
    assert_over(&mut world, EndReason::UserLogout);
}

#[test]
fn a_view_cannot_end_a_session_for_a_reason_of_the_gateways() {
    let (mut world, _) = World::connected();
    world.send(Event::Logout { reason: EndReason::Admin });
    assert_over(&mut world, EndReason::UserLogout);
}

#[test]
fn every_end_that_the_gateway_names_is_final_and_shown() {
    for reason in EndReason::ALL {
        if reason == EndReason::GatewayRestart {
            continue;
        }
        let (mut world, channel) = World::connected();
        world.peer_ends(channel, reason);
        assert_eq!(world.failure(), Some(FailureCode::SessionEnded { reason }));
        assert!(world.wants(&Action::TearDown));
        assert_over(&mut world, reason);
    }
}

#[test]
fn an_end_for_a_foreign_reason_is_shown_in_the_gateways_words() {
    let (mut world, channel) = World::connected();
    world.peer(channel, PeerEnd::Ended { reason: None, text: "Session terminated".to_owned() });
    assert_eq!(world.snapshot().end_text.as_deref(), Some("Session terminated"));
    assert_over(&mut world, EndReason::Other);
}

#[test]
fn a_dead_cookie_is_final() {
    let (mut world, channel) = World::connected();
    world.lost(channel);
    world.next_attempt();
    world.refused(401, Some("The session has ended."));
    assert_eq!(world.snapshot().end_text.as_deref(), Some("The session has ended."));
    assert_over(&mut world, EndReason::Other);
}

#[test]
fn a_dead_cookie_whose_reason_is_named_ends_for_that_reason() {
    for (said, reason) in [("idle", EndReason::Idle), (" admin ", EndReason::Admin)] {
        let (mut world, channel) = World::connected();
        world.lost(channel);
        world.next_attempt();
        world.refused(401, Some(said));
        assert_over(&mut world, reason);
    }
}

#[test]
fn a_cookie_refused_at_the_first_connect_is_final() {
    let mut world = World::granted();
    world.refused(401, None);
    assert_over(&mut world, EndReason::Other);
}

#[test]
fn a_refusal_by_policy_is_final_and_in_the_gateways_words() {
    let mut world = World::granted();
    world.refused(403, Some("You may not connect from here."));
    let says = FailureCode::GatewaySays { text: "You may not connect from here.".to_owned() };
    assert_eq!(world.failure(), Some(says));
    assert_over(&mut world, EndReason::Other);
}

#[test]
fn another_status_at_the_first_connect_is_final() {
    let mut world = World::granted();
    world.refused(404, None);
    assert!(matches!(world.failure(), Some(FailureCode::Protocol { .. })));
    assert_over(&mut world, EndReason::Other);
}

#[test]
fn a_cookie_that_dies_while_the_client_is_away_too_long_ends_as_away() {
    let (mut world, channel) = World::connected();
    world.user_packet();
    world.lost(channel);
    world.send(Event::Suspend);
    world.wait(s(7 * 3600));
    world.send(Event::Resume);
    world.refused(401, None);
    assert_over(&mut world, EndReason::Away);
}

#[test]
fn a34_taken_over_elsewhere_is_final() {
    let (mut world, channel) = World::connected();
    world.peer_ends(channel, EndReason::Duplicate);
    assert_over(&mut world, EndReason::Duplicate);
}

#[test]
fn a34_two_machines_with_one_cookie_do_not_play_ping_pong() {
    let (mut world, channel) = World::connected();
    world.wait(s(30));
    world.user_packet();
    world.peer(channel, PeerEnd::Detached);
    assert_eq!(world.state(), TunnelState::Reconnecting, "once may be a mistake of the gateway's");
    world.next_attempt();
    let channel = world.up(channel_up(None));
    world.wait(s(30));
    world.peer(channel, PeerEnd::Detached);
    assert!(
        !world.last.iter().any(|action| matches!(action, Action::SendHttp { .. })),
        "the other may go on"
    );
    assert_over(&mut world, EndReason::Duplicate);
}

#[test]
fn two_empty_ends_hours_apart_are_no_ping_pong() {
    let (mut world, mut channel) = World::connected();
    for _ in 0..3 {
        world.user_packet();
        world.peer(channel, PeerEnd::Detached);
        world.next_attempt();
        channel = world.up(channel_up(None));
        for _ in 0..60 {
            world.wait(s(60));
            world.user_packet();
        }
    }
    assert_eq!(world.state(), TunnelState::Connected);
}

#[test]
fn a27_an_empty_end_at_the_idle_time_is_the_idle_logout() {
    let (mut world, channel) = World::connected();
    world.wait(s(300));
    world.peer(channel, PeerEnd::Detached);
    assert_over(&mut world, EndReason::Idle);
}

#[test]
fn an_end_during_connect_is_final_too() {
    let (mut world, channel) = World::connected();
    world.lost(channel);
    world.next_attempt();
    let channel = world.opened().channel;
    world.peer_ends(channel, EndReason::TokenDisabled);
    assert_over(&mut world, EndReason::TokenDisabled);
}

#[test]
fn nothing_can_be_paused_or_logged_out_without_a_session() {
    for event in [Event::Connect, Event::Disconnect, Event::Logout { reason: EndReason::UserLogout }] {
        let mut world = World::new();
        world.send(event);
        assert_eq!(world.rejection(), Some(&FailureCode::NotSignedIn));
        assert_eq!(world.state(), TunnelState::NoSession);
    }
}
