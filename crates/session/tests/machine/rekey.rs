//! New keys: by a second channel that takes over, or inside the one that is up.

use praya_model::tunnel::Rekey;
use praya_model::{EndReason, FailureCode, Secret, TunnelState};
use praya_session::{Action, ChannelId, ChannelUp, Event, Farewell, OpenChannel, PeerEnd};

use crate::support::*;

fn rekeying(rekey: Rekey, refreshes_keys: bool) -> (World, ChannelId) {
    let mut up = ChannelUp { refreshes_keys, ..channel_up(None) };
    up.config.rekey = rekey;
    up.config.idle_timeout = None;
    World::connected_with(up)
}

fn new_tunnel() -> (World, ChannelId, OpenChannel) {
    let (mut world, old) = rekeying(Rekey::NewTunnel { every: s(600) }, true);
    let wanted = world.wait(s(600));
    let open = opened(&wanted).expect("a second channel");
    (world, old, open)
}

fn again() -> ChannelUp {
    let mut up = channel_up(None);
    up.config.rekey = Rekey::NewTunnel { every: s(600) };
    up.config.idle_timeout = None;
    up
}

#[test]
fn a_new_tunnel_takes_over_without_a_gap() {
    let (mut world, old, open) = new_tunnel();
    assert!(open.swap);
    assert!(!world.last.iter().any(|action| matches!(action, Action::CloseChannel { .. })));
    assert_eq!(world.state(), TunnelState::Connected);

    let new = open.channel;
    world.send(Event::ChannelUp { channel: new, up: Box::new(again()) });
    let closed = place(&world.last, |action| {
        *action == Action::CloseChannel { channel: old, farewell: Farewell::Close }
    });
    let used = place(&world.last, |action| *action == Action::UseChannel(new));
    assert!(closed < used);
    assert_eq!(world.state(), TunnelState::Connected);
    assert!(opened(&world.wait(s(600))).is_some(), "and the next one in time");
}

#[test]
fn a_channel_whose_keys_are_worn_is_replaced_whatever_the_gateway_says_of_new_keys() {
    for rekey in [Rekey::None, Rekey::NewTunnel { every: s(600) }, Rekey::Tls { every: s(600) }] {
        let (mut world, old) = rekeying(rekey, false);
        world.send(Event::KeysWorn { channel: old });
        let open = opened(&world.wait(s(1))).expect("a second channel");
        assert!(open.swap);
        world.send(Event::KeysWorn { channel: old });
        assert!(opened(&world.wait(s(1))).is_none(), "one is on its way");
        world.send(Event::ChannelUp { channel: open.channel, up: Box::new(again()) });
        assert!(world.wants(&Action::UseChannel(open.channel)));
        world.send(Event::KeysWorn { channel: old });
        assert!(opened(&world.wait(s(1))).is_none(), "that one is gone");
    }
}

#[test]
fn the_gateway_may_cut_the_old_channel_first() {
    for end in [PeerEnd::Detached, PeerEnd::Ended { reason: Some(EndReason::Duplicate), text: String::new() }]
    {
        let (mut world, old, open) = new_tunnel();
        world.peer(old, end);
        assert_eq!(world.state(), TunnelState::Connected, "the next channel is on its way");
        world.send(Event::ChannelUp { channel: open.channel, up: Box::new(again()) });
        assert!(world.wants(&Action::UseChannel(open.channel)));
        assert_eq!(world.state(), TunnelState::Connected);
    }
}

#[test]
fn a_rekey_that_fails_leaves_the_tunnel_up_and_is_tried_a_minute_later() {
    let (mut world, _, open) = new_tunnel();
    world.send(Event::ChannelFailed { channel: open.channel, failure: unreachable() });
    assert_eq!((world.state(), world.failure()), (TunnelState::Connected, None));
    assert_eq!(opened(&world.wait(s(59))), None);
    assert!(opened(&world.wait(s(1))).is_some());
}

#[test]
fn a_rekey_that_is_refused_for_good_ends_the_session() {
    let (mut world, old, open) = new_tunnel();
    world.send(Event::ChannelRefused { channel: open.channel, status: 401, reason: None });
    assert_eq!(world.state(), TunnelState::Ended);
    assert!(world.wants(&Action::CloseChannel { channel: old, farewell: Farewell::Close }));
    assert_eq!(world.disk, None);
}

#[test]
fn a_tunnel_lost_during_a_rekey_whose_second_channel_fails_too_reconnects() {
    let (mut world, old, open) = new_tunnel();
    world.lost(old);
    world.send(Event::ChannelFailed { channel: open.channel, failure: unreachable() });
    assert_eq!(world.state(), TunnelState::Reconnecting);
    world.next_attempt();
    assert!(!world.opened().swap);
}

#[test]
fn a_logout_during_a_rekey_closes_both_channels() {
    let (mut world, old, open) = new_tunnel();
    world.send(Event::Logout { reason: EndReason::UserLogout });
    assert!(world.wants(&Action::CloseChannel { channel: open.channel, farewell: Farewell::Close }));
    let bye = Farewell::Bye(EndReason::UserLogout);
    assert!(world.wants(&Action::CloseChannel { channel: old, farewell: bye }));
}

#[test]
fn keys_inside_tls_are_renewed_where_the_channel_can() {
    let (mut world, channel) = rekeying(Rekey::Tls { every: s(600) }, true);
    let wanted = world.wait(s(600));
    assert!(wanted.contains(&Action::RefreshKeys(channel)));
    assert_eq!(opened(&wanted), None);
    assert!(world.wait(s(600)).contains(&Action::RefreshKeys(channel)));
}

#[test]
fn keys_inside_tls_1_2_need_a_new_tunnel() {
    let (mut world, _) = rekeying(Rekey::Tls { every: s(600) }, false);
    assert!(opened(&world.wait(s(600))).is_some_and(|open| open.swap));
}

#[test]
fn a_gateway_cannot_make_the_client_rekey_all_the_time() {
    for every in [s(0), s(1), s(59)] {
        let (mut world, _) = rekeying(Rekey::Tls { every }, true);
        let wanted = world.wait(s(600));
        let refreshed = wanted.iter().filter(|action| matches!(action, Action::RefreshKeys(_))).count();
        assert!(refreshed <= 10, "{refreshed} times in 10 minutes");
    }
}

#[test]
fn a_rekey_rotates_the_cookie_too() {
    let (mut world, _, open) = new_tunnel();
    let up = ChannelUp { cookie: Some(Secret::new("next")), ..again() };
    world.send(Event::ChannelUp { channel: open.channel, up: Box::new(up) });
    let saved = place(&world.last, |action| matches!(action, Action::SaveResume(_)));
    assert!(saved < place(&world.last, |action| matches!(action, Action::UseChannel(_))));
    let cookies = world.disk.map(|ticket| ticket.cookies);
    assert_eq!(cookies, Some(vec![Secret::new("next"), Secret::new(COOKIE)]));
}

#[test]
fn a_failure_of_the_machine_during_a_rekey_is_not_retried() {
    let (mut world, _, open) = new_tunnel();
    world.send(Event::ChannelFailed { channel: open.channel, failure: FailureCode::NotPermitted });
    assert_eq!(world.state(), TunnelState::Ended);
    assert_eq!(opened(&world.wait(HOUR)), None);
}

#[test]
fn a_rekey_after_a_change_of_network_makes_the_settings_anew() {
    let (mut world, _) = rekeying(Rekey::NewTunnel { every: s(600) }, true);
    world.send(Event::NetworkChanged);
    let open = opened(&world.wait(s(600))).expect("a second channel");
    world.send(Event::ChannelUp { channel: open.channel, up: Box::new(again()) });
    let network = world.network();
    world.send(Event::NetworkReady { network, device: "praya0".to_owned() });
    assert!(world.wants(&Action::UseChannel(open.channel)));
    assert_eq!(world.state(), TunnelState::Connected);
}
