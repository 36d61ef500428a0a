//! The idle logout and the absolute end: what is counted down, and what the machine does at the end.

use praya_model::{EndReason, TunnelState};
use praya_session::{Action, Event, Settings};

use crate::support::*;

fn idle(timeout: u64, warning: u64) -> World {
    let mut world = World::with(Settings { idle_warning: s(warning), ..settings() });
    world.begin();
    world.reply(json(200, &gateway_info()));
    world.step(step("t-1", ask_password()));
    world.answer(password("pw"));
    world.step(done());
    let mut up = channel_up(None);
    up.config.idle_timeout = Some(s(timeout));
    world.up(up);
    world.network_ready();
    world
}

#[test]
fn a28_the_warning_comes_in_time_and_counts_down_to_the_logout() {
    // (idle time, warning as set, warning as given), all in seconds.
    for (timeout, wish, given) in
        [(300, 60, 60), (300, 5, 20), (300, 0, 20), (60, 60, 30), (30, 60, 20), (1800, 120, 120)]
    {
        let mut world = idle(timeout, wish);
        let end = world.now.after(s(timeout));
        assert_eq!(world.snapshot().idle_at, Some(end));
        world.wait(s(timeout - given) - s(1));
        assert_eq!(world.state(), TunnelState::Connected, "{timeout} {wish}");
        let wanted = world.wait(s(1));
        assert_eq!(world.state(), TunnelState::IdleWarning, "{timeout} {wish}");
        let warned = |action: &Action| matches!(action, Action::Publish(snapshot) if snapshot.state == TunnelState::IdleWarning);
        assert!(wanted.iter().any(warned), "views are told");
        assert_eq!(world.snapshot().idle_at, Some(end));
        assert!(end.since(world.now) >= s(20), "WCAG 2.2.1");
    }
}

#[test]
fn a27_a_user_packet_starts_the_idle_time_anew() {
    let (mut world, _) = World::connected();
    world.wait(s(200));
    world.user_packet();
    assert_eq!(world.snapshot().idle_at, Some(world.now.after(s(300))));
    world.wait(s(239));
    assert_eq!(world.state(), TunnelState::Connected);
    world.wait(s(1));
    assert_eq!(world.state(), TunnelState::IdleWarning);
}

#[test]
fn a27_noise_and_incoming_packets_do_not() {
    let (mut world, _) = World::connected();
    let end = world.snapshot().idle_at;
    let last_user_packet = Some(world.now);
    world.wait(s(250));
    world.send(Event::Traffic { traffic: traffic(1000), last_user_packet });
    assert_eq!((world.snapshot().idle_at, world.state()), (end, TunnelState::IdleWarning));
}

#[test]
fn a27_where_noise_cannot_be_told_every_packet_that_goes_out_counts() {
    let (mut world, _) = World::connected();
    world.wait(s(250));
    world.send(Event::Traffic { traffic: traffic(1), last_user_packet: None });
    assert_eq!(world.snapshot().idle_at, Some(world.now.after(s(300))));
    world.wait(s(100));
    let end = world.snapshot().idle_at;
    world.send(Event::Traffic { traffic: traffic(1), last_user_packet: None });
    assert_eq!(world.snapshot().idle_at, end);
}

#[test]
fn a27_the_idle_time_stands_still_while_the_tunnel_is_down() {
    let (mut world, channel) = World::connected();
    world.wait(s(100));
    world.lost(channel);
    assert_eq!(world.snapshot().idle_at, None);
    world.send(Event::Suspend);
    world.wait(s(500));
    world.send(Event::Resume);
    world.up(channel_up(None));
    world.network_ready();
    // 100 s are used up, as at the gateway.
    assert_eq!(world.snapshot().idle_at, Some(world.now.after(s(200))));
    assert_eq!(world.state(), TunnelState::Connected);
}

#[test]
fn the_gateway_ends_an_idle_session_and_the_client_only_says_so() {
    let (mut world, channel) = World::connected();
    let wanted = world.wait(s(400));
    assert!(!wanted.iter().any(|action| matches!(action, Action::Ended(_))));
    world.peer_ends(channel, EndReason::Idle);
    assert_eq!(world.snapshot().ended, Some(EndReason::Idle));
}

#[test]
fn the_absolute_end_is_counted_down_and_final() {
    let (mut world, channel) = World::connected();
    let end = world.now.after(8 * HOUR);
    assert_eq!(world.snapshot().expires_at, Some(end));
    assert_eq!(world.disk.as_ref().and_then(|ticket| ticket.expires_at), Some(end));
    world.wait(8 * HOUR - s(2));
    assert!(world.session.is_live());
    world.peer_ends(channel, EndReason::Absolute);
    assert_eq!(world.snapshot().ended, Some(EndReason::Absolute));
}

#[test]
fn a_gateway_that_does_not_say_the_absolute_end_is_not_waited_for_longer_than_a_minute() {
    let (mut world, _) = World::connected();
    world.wait(8 * HOUR + s(59));
    assert!(world.session.is_live());
    let wanted = world.wait(s(1));
    assert_eq!(world.snapshot().ended, Some(EndReason::Absolute));
    assert!(wanted.contains(&Action::TearDown) && wanted.contains(&Action::ForgetResume));
}

#[test]
fn a_tunnel_that_is_down_at_the_absolute_end_is_not_tried_after_it() {
    let (mut world, channel) = World::connected();
    world.wait(8 * HOUR - s(60));
    world.lost(channel);
    while world.session.is_live() {
        world.next_attempt_or_end();
    }
    assert_eq!(world.snapshot().ended, Some(EndReason::Absolute));
    assert_eq!(world.wait(HOUR), []);
}

#[test]
fn a_reconnect_cannot_move_the_absolute_end_away() {
    let (mut world, channel) = World::connected();
    let end = world.snapshot().expires_at;
    world.wait(HOUR);
    world.lost(channel);
    world.next_attempt();
    world.up(channel_up(None));
    assert_eq!(world.snapshot().expires_at, end);
}

#[test]
fn a_tunnel_lost_at_its_absolute_end_ends_for_that_reason() {
    let (mut world, channel) = World::connected();
    world.wait(8 * HOUR - s(3));
    world.lost(channel);
    world.next_attempt();
    world.refused(401, None);
    assert_eq!(world.snapshot().ended, Some(EndReason::Absolute));
}
