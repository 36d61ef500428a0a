//! Every end of a session: said once, final, and with nothing left behind.

use praya_model::{EndReason, FailureCode, Secret, TunnelConfig, TunnelState};
use praya_session::{Action, Begin, ChannelUp, Event, Farewell, Goodbye, HttpReply, Method, PeerEnd};

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
    let later = world.wait(24 * HOUR);
    let shown = later.iter().all(|action| matches!(action, Action::Publish(_)));
    assert!(shown, "a final end is never retried: {later:?}");
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
fn a_goodbye_counts_as_heard_when_the_gateway_has_answered_it() {
    let (mut world, channel) = World::connected();
    world.send(logout());
    assert_eq!(world.snapshot().gateway_told, None, "that it was written proves nothing");
    assert!(world.snapshot().gateway_forgets_at.is_some());
    world.send(Event::ChannelClosed { channel, goodbye: Goodbye::Answered });
    assert_eq!((world.snapshot().gateway_told, world.snapshot().gateway_forgets_at), (Some(true), None));
}

#[test]
fn a_goodbye_without_an_answer_is_said_again_by_the_api() {
    for goodbye in [Goodbye::Cut, Goodbye::Unanswered] {
        for (status, told) in [(204, true), (401, true), (500, false)] {
            let (mut world, channel) = World::connected();
            world.send(logout());
            world.send(Event::ChannelClosed { channel, goodbye });
            let (id, request) = world.request();
            assert_eq!((request.method, request.path.as_str()), (Method::Delete, "/api/v1/session"));
            assert_eq!(world.snapshot().gateway_told, None);
            world.send(Event::HttpReply { id, reply: HttpReply { status, ..json(200, &()) } });
            assert_eq!(world.snapshot().gateway_told, Some(told), "{goodbye:?} {status}");
        }
    }
}

#[test]
fn a_foreign_gateway_may_close_as_it_likes_but_not_be_silent() {
    for (goodbye, told) in [(Goodbye::Answered, true), (Goodbye::Cut, true), (Goodbye::Unanswered, false)] {
        let mut world = World::granted_by_foreign();
        let channel = world.opened().channel;
        world.send(Event::ChannelUp { channel, up: Box::new(channel_up(None)) });
        world.send(logout());
        world.send(Event::ChannelClosed { channel, goodbye });
        assert!(!world.last.iter().any(|action| matches!(action, Action::SendHttp { .. })));
        assert_eq!(world.snapshot().gateway_told, Some(told), "{goodbye:?}");
    }
}

#[test]
fn whoever_logs_out_waits_five_seconds_at_most_and_a_late_answer_still_counts() {
    let (mut world, channel) = World::connected();
    world.send(logout());
    world.wait(s(2));
    world.send(Event::ChannelClosed { channel, goodbye: Goodbye::Unanswered });
    let (id, _) = world.request();
    assert_eq!(world.snapshot().gateway_told, None);
    world.wait(s(3));
    assert_eq!(world.snapshot().gateway_told, Some(false));
    world.send(Event::HttpReply { id, reply: HttpReply { status: 204, ..json(200, &()) } });
    assert_eq!(world.snapshot().gateway_told, Some(true));
}

#[test]
fn a_new_sign_in_does_not_keep_the_gateway_from_hearing_of_the_end_before() {
    let (mut world, channel) = World::connected();
    world.send(logout());
    world.send(Event::Begin(Begin { profile: profile(), account: None }));
    world.send(Event::ChannelClosed { channel, goodbye: Goodbye::Unanswered });
    assert_eq!(world.request().1.method, Method::Delete);
    world.send(Event::CancelSignIn);
    assert_eq!((world.state(), world.snapshot().gateway_told), (TunnelState::NoSession, None));
    assert_eq!(world.wait(HOUR), [], "nobody waits for it any more");
}

#[test]
fn when_an_untold_gateway_forgets_the_session_is_known_from_its_own_times() {
    // Kept for 600 s; three times 30 s until the gateway notices that nobody is there.
    let dpd = |dpd, kept| ChannelUp {
        config: TunnelConfig { dpd: s(dpd), disconnected_timeout: kept, ..config() },
        ..channel_up(None)
    };
    for (up, after) in [
        (dpd(30, Some(s(600))), Some(s(690))),
        (dpd(0, Some(s(600))), Some(8 * HOUR)),
        (dpd(30, None), Some(8 * HOUR)),
        (dpd(3600, Some(8 * HOUR)), Some(8 * HOUR)),
    ] {
        let mut world = World::granted();
        let channel = world.opened().channel;
        world.send(Event::ChannelUp { channel, up: Box::new(up) });
        world.send(logout());
        let left = world.snapshot().gateway_forgets_at.map(|at| at.since(world.now));
        assert_eq!(left, after);
    }
}

fn logout() -> Event {
    Event::Logout { reason: EndReason::UserLogout }
}

#[test]
fn without_a_channel_only_the_answer_of_the_api_counts() {
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
