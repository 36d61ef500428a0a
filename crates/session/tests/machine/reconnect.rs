//! The tunnel lost and brought back: on what, how soon, for how long.

use std::time::Duration;

use praya_model::{EndReason, FailureCode, TunnelState};
use praya_session::{Action, ChannelUp, Event, Farewell, PeerEnd};

use crate::support::*;

#[test]
fn a_lost_tunnel_comes_back_within_a_second_with_the_same_addresses() {
    let (mut world, channel) = World::connected();
    world.wait(s(60));
    world.lost(channel);
    assert!(!world.wants(&Action::TearDown), "routes and device stay: nothing leaks beside the tunnel");
    let pause = world.next_attempt();
    assert!(Duration::from_millis(500) <= pause && pause <= s(1), "{pause:?}");
    assert_eq!(world.opened().addresses, config().addresses);
    let channel = world.up(channel_up(None));
    assert!(world.wants(&Action::UseChannel(channel)), "the network is as it was");
    assert!(!world.last.iter().any(|action| matches!(action, Action::ConfigureNetwork { .. })));
}

#[test]
fn pauses_grow_with_every_attempt_that_fails_up_to_half_a_minute() {
    let (mut world, channel) = World::connected();
    world.wait(s(60));
    world.lost(channel);
    for longest in [1, 2, 4, 8, 16, 30, 30] {
        let pause = world.next_attempt();
        assert!(s(longest) / 2 <= pause && pause <= s(longest), "{pause:?} of {longest} s");
        let channel = world.opened().channel;
        world.send(Event::ChannelFailed { channel, failure: unreachable() });
    }
    let reconnect = world.snapshot().reconnect.expect("an attempt");
    assert_eq!(reconnect.attempt, 7);
    assert_eq!(world.failure(), Some(unreachable()));
}

#[test]
fn two_machines_do_not_come_back_at_the_same_moment() {
    let pause = |seed| {
        let mut session = praya_session::Session::new(settings(), seed);
        let now = praya_model::Timestamp::from_secs(1_800_000_000);
        let actions = session.handle(Event::Restore(Box::new(ticket(&["c"]))), now);
        let channel = opened(&actions).expect("a channel").channel;
        session.handle(Event::ChannelFailed { channel, failure: unreachable() }, now);
        session.snapshot(now).reconnect.and_then(|reconnect| reconnect.next_at)
    };
    assert_ne!(pause(1), pause(2));
    assert_eq!(pause(1), pause(1));
}

#[test]
fn a_gateway_that_drops_every_tunnel_at_once_is_not_hammered() {
    let (mut world, mut channel) = World::connected();
    let mut pauses = Vec::new();
    for _ in 0..8 {
        world.lost(channel);
        pauses.push(world.next_attempt());
        channel = world.up(channel_up(None));
    }
    assert!(pauses[0] <= s(1), "{pauses:?}");
    assert!(pauses[7] >= s(15), "{pauses:?}");
    world.wait(s(60));
    world.lost(channel);
    assert!(world.next_attempt() <= s(1), "a tunnel that held for a while forgives what was before");
}

#[test]
fn a_busy_gateway_is_tried_again() {
    for status in [429, 500, 502, 503, 504] {
        let (mut world, channel) = World::connected();
        world.lost(channel);
        world.next_attempt();
        world.refused(status, None);
        assert_eq!(world.state(), TunnelState::Reconnecting, "{status}");
        world.next_attempt();
    }
}

#[test]
fn trying_ends_when_the_gateway_has_forgotten_the_session() {
    let (mut world, channel) = World::connected();
    let since = world.now;
    world.lost(channel);
    assert_eq!(world.snapshot().reconnect.and_then(|r| r.give_up_at), Some(since.after(s(600))));
    while world.session.is_live() {
        world.next_attempt();
        let channel = world.opened().channel;
        world.send(Event::ChannelFailed { channel, failure: unreachable() });
        assert!(world.now.since(since) < s(640));
    }
    assert!(world.now.since(since) >= s(600));
    assert_eq!(world.snapshot().ended, Some(EndReason::Away));
    assert_eq!(world.disk, None);
    assert!(world.wants(&Action::TearDown));
    assert_eq!(world.wait(HOUR), [], "and nothing is tried after that");
}

#[test]
fn a_failure_of_this_machine_is_final_and_undone() {
    let mut world = World::granted();
    world.up(channel_up(None));
    let network = world.network();
    let failure = FailureCode::NoTunDevice { detail: "no /dev/net/tun".to_owned() };
    world.send(Event::NetworkFailed { network, failure: failure.clone() });
    assert_eq!((world.state(), world.failure()), (TunnelState::Ended, Some(failure)));
    assert_eq!(world.disk, None);
    let later = world.wait(HOUR);
    assert!(later.iter().all(|action| matches!(action, Action::Publish(_))), "{later:?}");
}

#[test]
fn a_strange_certificate_is_final_at_the_first_connect_and_passes_later() {
    let portal =
        || FailureCode::PinMismatch { gateway: "vpn.example.org:443".to_owned(), pin: "x".to_owned() };
    let mut world = World::granted();
    let channel = world.opened().channel;
    world.send(Event::ChannelFailed { channel, failure: portal() });
    assert_eq!((world.state(), world.failure()), (TunnelState::Ended, Some(portal())));

    let (mut world, channel) = World::connected();
    world.lost(channel);
    world.next_attempt();
    let channel = world.opened().channel;
    world.send(Event::ChannelFailed { channel, failure: portal() });
    assert_eq!((world.state(), world.failure()), (TunnelState::Reconnecting, Some(portal())));
    world.next_attempt();
    world.up(channel_up(None));
    assert_eq!((world.state(), world.failure()), (TunnelState::Connected, None));
}

#[test]
fn other_settings_are_set_before_packets_flow() {
    let (mut world, channel) = World::connected();
    world.lost(channel);
    world.next_attempt();
    let mut up = channel_up(None);
    up.config.include.push("172.31.9.0/24".parse().unwrap());
    let channel = world.up(up);
    assert!(!world.wants(&Action::UseChannel(channel)));
    assert_eq!(world.state(), TunnelState::Reconnecting);
    world.network_ready();
    assert!(world.wants(&Action::UseChannel(channel)));
}

#[test]
fn a_gateway_that_restarts_is_waited_for() {
    for end in
        [PeerEnd::Terminated, PeerEnd::Ended { reason: Some(EndReason::GatewayRestart), text: String::new() }]
    {
        let (mut world, channel) = World::connected();
        world.peer(channel, end.clone());
        assert_eq!(world.state(), TunnelState::Reconnecting);
        world.next_attempt();
        world.up(channel_up(None));
        assert_eq!(world.state(), TunnelState::Connected);

        // One that cannot keep sessions says so at the next CONNECT.
        let (mut world, channel) = World::connected();
        world.peer(channel, end);
        world.next_attempt();
        world.refused(401, None);
        assert_eq!(world.snapshot().ended, Some(EndReason::GatewayRestart));
    }
}

#[test]
fn a_tick_that_comes_too_early_is_asked_for_again() {
    let (mut world, channel) = World::connected();
    world.lost(channel);
    let planned = world.tick.take();
    world.send(Event::Tick);
    assert_eq!(world.tick, planned);
    world.next_attempt();
}

#[test]
fn connect_tries_at_once() {
    let (mut world, channel) = World::connected();
    world.lost(channel);
    world.send(Event::Connect);
    world.opened();
}

#[test]
fn a_change_of_network_probes_a_tunnel_that_is_up() {
    let (mut world, channel) = World::connected();
    world.send(Event::NetworkChanged);
    assert!(world.wants(&Action::RefreshGatewayRoute));
    let probed = |action: &Action| matches!(action, Action::ProbeChannel { channel: probed, .. } if *probed == channel);
    assert!(world.last.iter().any(probed));
    assert_eq!(world.state(), TunnelState::Connected);
}

#[test]
fn a_change_of_network_tries_again_a_breath_after_the_last_attempt() {
    let (mut world, channel) = World::connected();
    world.lost(channel);
    for _ in 0..5 {
        world.next_attempt();
        let channel = world.opened().channel;
        world.send(Event::ChannelFailed { channel, failure: unreachable() });
    }
    for _ in 0..50 {
        world.send(Event::NetworkChanged);
        assert_eq!(opened(&world.last), None);
    }
    assert!(world.next_attempt() <= s(1), "the long pause is cut short");

    // An attempt under way may hang in the network that is gone.
    let hanging = world.opened().channel;
    world.send(Event::NetworkChanged);
    assert!(world.wants(&Action::CloseChannel { channel: hanging, farewell: Farewell::Close }));
    assert!(world.next_attempt() <= s(1));
}

#[test]
fn after_a_change_of_network_the_settings_are_made_anew() {
    let (mut world, channel) = World::connected();
    world.send(Event::NetworkChanged);
    world.lost(channel);
    world.next_attempt();
    world.up(channel_up(None));
    world.network_ready();
    assert_eq!(world.state(), TunnelState::Connected);
}

#[test]
fn nothing_is_tried_while_the_machine_sleeps() {
    let (mut world, channel) = World::connected();
    world.lost(channel);
    world.send(Event::Suspend);
    let wanted = world.wait(s(300));
    assert_eq!(opened(&wanted), None);
    assert_eq!(world.state(), TunnelState::Reconnecting);
    world.send(Event::Resume);
    world.opened();

    // An attempt under way is given up for the night.
    let hanging = world.opened().channel;
    world.send(Event::Suspend);
    assert!(world.wants(&Action::CloseChannel { channel: hanging, farewell: Farewell::Close }));
}

#[test]
fn a_tunnel_that_was_up_when_the_machine_went_to_sleep_is_probed_when_it_wakes() {
    let (mut world, channel) = World::connected();
    world.send(Event::Suspend);
    assert_eq!(world.last, []);
    world.now = world.now.after(s(200));
    world.send(Event::Resume);
    let probed = |action: &Action| matches!(action, Action::ProbeChannel { channel: probed, .. } if *probed == channel);
    assert!(world.last.iter().any(probed));
}

#[test]
fn a_paused_tunnel_is_down_and_its_session_kept() {
    let (mut world, channel) = World::connected();
    world.send(Event::Disconnect);
    assert!(world.wants(&Action::CloseChannel { channel, farewell: Farewell::Detach }));
    assert!(world.wants(&Action::TearDown));
    assert!(world.disk.as_ref().is_some_and(|ticket| ticket.paused));
    let snapshot = world.snapshot();
    assert_eq!((snapshot.state, snapshot.tunnel), (TunnelState::Reconnecting, None));
    assert!(snapshot.reconnect.is_some_and(|reconnect| reconnect.paused && reconnect.next_at.is_none()));

    for event in [Event::NetworkChanged, Event::Suspend, Event::Resume, Event::Disconnect] {
        world.send(event);
        assert_eq!(opened(&world.last), None, "it comes back only on request");
    }
    assert_eq!(opened(&world.wait(s(500))), None);

    world.send(Event::Connect);
    assert!(world.disk.as_ref().is_some_and(|ticket| !ticket.paused));
    world.up(channel_up(None));
    world.network_ready();
    assert_eq!(world.state(), TunnelState::Connected);
}

#[test]
fn a_paused_session_ends_when_the_gateway_forgets_it() {
    let (mut world, _) = World::connected();
    world.send(Event::Disconnect);
    world.wait(s(601));
    assert_eq!((world.state(), world.snapshot().ended), (TunnelState::Ended, Some(EndReason::Away)));
    assert_eq!(world.disk, None);
}

#[test]
fn late_events_about_old_channels_and_networks_change_nothing() {
    let (mut world, old) = World::connected();
    let old_network = praya_session::NetworkId(old.0 + 1);
    world.lost(old);
    world.next_attempt();
    world.up(channel_up(None));
    let before = world.snapshot();
    for event in [
        Event::ChannelLost { channel: old, cause: unreachable() },
        Event::ChannelFailed { channel: old, failure: FailureCode::NotPermitted },
        Event::ChannelRefused { channel: old, status: 401, reason: Some("admin".to_owned()) },
        Event::PeerDisconnect {
            channel: old,
            end: PeerEnd::Ended { reason: Some(EndReason::Admin), text: String::new() },
        },
        Event::PeerDisconnect { channel: old, end: PeerEnd::Detached },
        Event::NetworkReady { network: old_network, device: "old0".to_owned() },
        Event::NetworkFailed { network: old_network, failure: FailureCode::NotPermitted },
        Event::HttpReply { id: praya_session::HttpId(1), reply: json(401, &()) },
        Event::HttpFailed { id: praya_session::HttpId(1), failure: FailureCode::NotPermitted },
    ] {
        world.send(event.clone());
        assert_eq!(world.last, [], "{event:?}");
        assert_eq!(world.snapshot(), before);
    }
}

#[test]
fn a_channel_that_comes_up_after_it_was_given_up_is_closed() {
    let mut world = World::granted();
    let late = world.opened().channel;
    let close = Action::CloseChannel { channel: late, farewell: Farewell::Close };
    world.send(Event::Disconnect);
    let up = |cookie| Event::ChannelUp { channel: late, up: Box::new(ChannelUp { ..channel_up(cookie) }) };
    world.send(up(Some("c9")));
    assert_eq!(world.last, std::slice::from_ref(&close));
    world.send(Event::Logout { reason: EndReason::UserLogout });
    world.send(up(None));
    assert_eq!(world.last, [close]);
}
