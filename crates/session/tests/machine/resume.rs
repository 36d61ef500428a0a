//! A session that outlives the service, by the ticket on disk; and the rotation of its cookie.

use praya_model::{EndReason, FailureCode, Secret, TunnelState};
use praya_session::{Action, Event, ResumeTicket};

use crate::support::*;

fn restored(cookies: &[&str]) -> World {
    let mut world = World::new();
    world.disk = Some(ticket(cookies));
    world.send(Event::Restore(Box::new(ticket(cookies))));
    world
}

fn cookies(world: &World) -> Vec<&str> {
    world.disk.iter().flat_map(|ticket| &ticket.cookies).map(Secret::expose).collect()
}

#[test]
fn a_restored_session_connects_at_once_without_a_sign_in() {
    let mut world = restored(&["c1"]);
    let open = world.opened();
    assert_eq!((open.cookie, open.proof), (Secret::new("c1"), true));
    assert_eq!(open.addresses, config().addresses);
    assert!(!world.last.iter().any(|action| matches!(action, Action::SendHttp { .. })));
    world.up(channel_up(None));
    world.network_ready();
    assert_eq!(world.state(), TunnelState::Connected);
    assert_eq!(world.snapshot().connected_since, ticket(&["c1"]).connected_since);
}

#[test]
fn a_rotated_cookie_is_on_disk_before_it_is_used_and_the_older_one_kept_until_then() {
    let (mut world, channel) = World::connected_with(channel_up(Some("c2")));
    assert_eq!(cookies(&world), ["c2", COOKIE]);
    world.lost(channel);
    world.next_attempt();
    assert_eq!(world.opened().cookie, Secret::new("c2"));
    assert_eq!(cookies(&world), ["c2", COOKIE], "it was not heard yet");
    world.up(channel_up(Some("c3")));
    assert!(matches!(world.last.first(), Some(Action::SaveResume(_))));
    assert_eq!(cookies(&world), ["c3", "c2"]);
}

#[test]
fn an_answer_by_the_api_proves_the_new_cookie() {
    let mut world = World::granted();
    world.up(channel_up(Some("c2")));
    world.network_ready();
    assert_eq!(cookies(&world), ["c2", COOKIE]);
    let (_, request) = world.request();
    assert_eq!(request.bearer.map(|bearer| bearer.cookie), Some(Secret::new("c2")));
    world.reply(json(200, &()));
    assert_eq!(cookies(&world), ["c2"]);
}

#[test]
fn the_newest_cookie_is_tried_first_and_then_the_one_before_it() {
    let mut world = restored(&["c2", "c1"]);
    assert_eq!(world.opened().cookie, Secret::new("c2"));
    world.refused(401, None);
    assert_eq!(world.state(), TunnelState::Restoring);
    assert_eq!(world.opened().cookie, Secret::new("c1"));
    world.up(channel_up(Some("c3")));
    assert_eq!(cookies(&world), ["c3", "c1"]);
}

#[test]
fn both_cookies_dead_is_the_end() {
    let mut world = restored(&["c2", "c1"]);
    world.refused(401, None);
    world.refused(401, Some("away"));
    assert_eq!((world.state(), world.snapshot().ended), (TunnelState::Ended, Some(EndReason::Away)));
    assert_eq!(world.disk, None);
    assert_eq!(world.wait(24 * HOUR), []);
}

#[test]
fn a_transient_failure_does_not_give_the_newest_cookie_up() {
    let mut world = restored(&["c2", "c1"]);
    world.refused(503, None);
    assert_eq!(world.state(), TunnelState::Restoring);
    world.next_attempt();
    assert_eq!(world.opened().cookie, Secret::new("c2"));
}

#[test]
fn a_session_whose_time_is_over_is_not_tried() {
    let mut world = World::new();
    let over = ResumeTicket { expires_at: Some(world.now), ..ticket(&["c1"]) };
    world.disk = Some(over.clone());
    world.send(Event::Restore(Box::new(over)));
    assert_eq!(opened(&world.last), None);
    assert_eq!((world.state(), world.snapshot().ended), (TunnelState::Ended, Some(EndReason::Absolute)));
    assert_eq!(world.disk, None);
}

#[test]
fn a_paused_session_stays_paused() {
    let mut world = World::new();
    world.send(Event::Restore(Box::new(ResumeTicket { paused: true, ..ticket(&["c1"]) })));
    assert_eq!(opened(&world.last), None);
    assert!(world.snapshot().reconnect.is_some_and(|reconnect| reconnect.paused));
    assert_eq!(world.state(), TunnelState::Reconnecting);
    world.send(Event::Connect);
    world.opened();
}

#[test]
fn a_ticket_that_cannot_be_used_is_deleted() {
    let mut strange = ticket(&["c1"]);
    strange.version = ResumeTicket::VERSION + 1;
    for ticket in [strange, ticket(&[]), ticket(&[""]), ticket(&["a", "b", "c"])] {
        let mut world = World::new();
        world.disk = Some(ticket.clone());
        world.send(Event::Restore(Box::new(ticket)));
        assert!(matches!(world.rejection(), Some(FailureCode::Internal { .. })));
        assert_eq!((world.disk.clone(), world.state()), (None, TunnelState::NoSession));
        assert!(world.session.is_idle());
    }
}

#[test]
fn a_ticket_is_not_written_again_when_nothing_changed() {
    let (mut world, channel) = World::connected();
    let mut written = 0;
    for _ in 0..3 {
        world.user_packet();
        written += world.last.iter().filter(|action| matches!(action, Action::SaveResume(_))).count();
    }
    world.lost(channel);
    written += world.last.iter().filter(|action| matches!(action, Action::SaveResume(_))).count();
    assert_eq!(written, 0);
}

#[test]
fn a_ticket_survives_the_disk() {
    let before = ticket(&["c2", "c1"]);
    let text = serde_json::to_string(&before).unwrap();
    assert_eq!(serde_json::from_str::<ResumeTicket>(&text).unwrap(), before);
}

#[test]
fn the_idle_time_of_a_restored_session_begins_with_its_channel() {
    let mut world = restored(&["c1"]);
    let channel = world.up(channel_up(None));
    world.network_ready();
    assert_eq!(world.state(), TunnelState::Connected, "not the last warning of an hour ago");
    assert_eq!(world.snapshot().idle_at, Some(world.now.after(s(300))));
    world.wait(s(1));
    world.peer(channel, praya_session::PeerEnd::Detached);
    assert_eq!(world.state(), TunnelState::Reconnecting, "the idle time is no reason for this end");
}
