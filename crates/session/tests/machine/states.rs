//! The seven states of the client shell (1F), and what is shown in each.

use praya_model::{EndReason, Secret, TunnelState};
use praya_session::{Action, Event};

use crate::support::*;

#[test]
fn f1_no_session_to_connected_to_ended() {
    let mut world = World::new();
    assert_eq!(world.state(), TunnelState::NoSession);
    world.begin();
    assert_eq!(world.state(), TunnelState::SigningIn);

    let mut world = World::granted();
    assert_eq!(world.state(), TunnelState::SigningIn, "the tunnel is coming up for the first time");
    world.up(channel_up(None));
    assert_eq!(world.state(), TunnelState::SigningIn, "the network is not set yet");
    world.network_ready();
    assert_eq!(world.state(), TunnelState::Connected);
    world.send(Event::Logout { reason: EndReason::UserLogout });
    assert_eq!(world.state(), TunnelState::Ended);
}

#[test]
fn f1_reconnecting_when_the_tunnel_is_lost() {
    let (mut world, channel) = World::connected();
    world.lost(channel);
    assert_eq!(world.state(), TunnelState::Reconnecting);
    assert!(world.snapshot().reconnect.is_some_and(|reconnect| reconnect.next_at.is_some()));
    world.next_attempt();
    assert_eq!(world.state(), TunnelState::Reconnecting);
    world.up(channel_up(None));
    assert_eq!(world.state(), TunnelState::Connected);
    assert_eq!(world.snapshot().reconnect, None);
}

#[test]
fn f1_idle_warning_before_the_idle_logout() {
    let (mut world, _) = World::connected();
    world.wait(s(241));
    assert_eq!(world.state(), TunnelState::IdleWarning);
    world.user_packet();
    assert_eq!(world.state(), TunnelState::Connected);
}

#[test]
fn f1_restoring_is_never_shown_as_no_session() {
    let mut world = World::new();
    world.send(Event::Restore(Box::new(ticket(&["c1"]))));
    let shown = |actions: &[Action]| {
        let states = actions.iter().filter_map(|action| match action {
            Action::Publish(snapshot) => Some(snapshot.state),
            _ => None,
        });
        states.collect::<Vec<_>>()
    };
    assert_eq!(shown(&world.last), [TunnelState::Restoring]);
    let mut states = vec![world.state()];
    let channel = world.opened().channel;
    world.send(Event::ChannelFailed { channel, failure: unreachable() });
    states.push(world.state());
    world.next_attempt();
    states.push(world.state());
    world.up(channel_up(None));
    states.push(world.state());
    assert_eq!(states, [TunnelState::Restoring; 4]);
    world.network_ready();
    assert_eq!(world.state(), TunnelState::Connected);
}

#[test]
fn a_restored_session_shows_whose_it_is_at_once() {
    let mut world = World::new();
    world.send(Event::Restore(Box::new(ticket(&["c1"]))));
    let snapshot = world.snapshot();
    assert_eq!(snapshot.account.as_ref().map(|account| account.as_str()), Some("wong"));
    assert_eq!(snapshot.connected_since, ticket(&["c1"]).connected_since, "B-16");
    assert_eq!(snapshot.help_desk.as_deref(), Some("ext. 100"));
}

#[test]
fn b16_connected_since_stands_over_a_reconnect() {
    let (mut world, channel) = World::connected();
    let since = world.snapshot().connected_since;
    assert_eq!(since, Some(world.now));
    world.wait(s(100));
    world.lost(channel);
    world.next_attempt();
    world.up(channel_up(None));
    assert_eq!(world.snapshot().connected_since, since);
}

#[test]
fn b16_b17_a_connected_snapshot_tells_addresses_and_counters() {
    let (mut world, _) = World::connected();
    world.send(Event::Traffic { traffic: traffic(3), last_user_packet: None });
    let snapshot = world.snapshot();
    let tunnel = snapshot.tunnel.expect("a tunnel");
    assert_eq!((tunnel.device.as_deref(), tunnel.addresses), (Some("praya0"), config().addresses));
    assert_eq!(snapshot.traffic.packets_out, 3);
    assert_eq!(snapshot.gateway_name.as_deref(), Some("Taipei"));
    assert!(snapshot.resources_available);
}

#[test]
fn counters_alone_are_not_published() {
    let (mut world, _) = World::connected();
    world.send(Event::Traffic { traffic: traffic(0), last_user_packet: None });
    let incoming = praya_model::snapshot::Traffic { bytes_in: 9, packets_in: 1, ..traffic(0) };
    world.send(Event::Traffic { traffic: incoming, last_user_packet: None });
    assert_eq!(world.last, []);
    assert_eq!(world.snapshot().traffic, incoming);
}

#[test]
fn what_is_left_of_an_ended_session_says_why_and_holds_no_way_back() {
    let (mut world, channel) = World::connected();
    world.peer_ends(channel, EndReason::Admin);
    let snapshot = world.snapshot();
    assert_eq!((snapshot.state, snapshot.ended), (TunnelState::Ended, Some(EndReason::Admin)));
    assert_eq!(snapshot.end_text, None, "said in the person's language, and once");
    assert_eq!((snapshot.tunnel, snapshot.reconnect, snapshot.idle_at), (None, None, None));
    assert_eq!(snapshot.last_failure.and_then(|failure| failure.help_desk).as_deref(), Some("ext. 100"));
    assert!(!format!("{:?}", world.session).contains(COOKIE));
}

#[test]
fn a_new_sign_in_may_follow_an_ended_session() {
    let (mut world, channel) = World::connected();
    world.peer_ends(channel, EndReason::Idle);
    world.begin();
    assert_eq!((world.state(), world.rejection()), (TunnelState::SigningIn, None));
    assert_eq!(world.snapshot().ended, None);
    assert_ne!(world.disk.map(|ticket| ticket.cookies), Some(vec![Secret::new(COOKIE)]));
}
