use praya_model::snapshot::Reconnect;
use praya_model::{AccountName, EndReason, FailureCode};
use praya_texts::{Isolation, Locale, TimeZone};
use proptest::prelude::*;

use super::*;
use crate::samples::{any_state, attached, resource, texts, with_service};

fn at(state: TunnelState) -> AppState {
    attached(Snapshot {
        state,
        profile: Some("TCC-VPN".parse().unwrap()),
        account: Some(AccountName::new("hark.chen")),
        ..Snapshot::default()
    })
}

/// The actions of a menu with whether they can be chosen, submenus included.
fn actions(items: &[TrayItem]) -> Vec<(TrayAction, bool)> {
    items
        .iter()
        .flat_map(|item| match item {
            TrayItem::Action { id, enabled, .. } => vec![(id.clone(), *enabled)],
            TrayItem::Submenu { items, .. } => actions(items),
            TrayItem::Line(_) | TrayItem::Separator => vec![],
        })
        .collect()
}

#[test]
fn each_of_the_seven_states_has_its_icon_and_says_so() {
    for (state, icon, tooltip) in [
        (TunnelState::NoSession, TrayIcon::NoSession, "Praya: Not signed in, TCC-VPN"),
        (TunnelState::Restoring, TrayIcon::Restoring, "Praya: Restoring the session, TCC-VPN"),
        (TunnelState::SigningIn, TrayIcon::SigningIn, "Praya: Signing in, TCC-VPN"),
        (TunnelState::Connected, TrayIcon::Connected, "Praya: Connected, TCC-VPN"),
        (TunnelState::Reconnecting, TrayIcon::Reconnecting, "Praya: Reconnecting, TCC-VPN"),
        (TunnelState::IdleWarning, TrayIcon::IdleWarning, "Praya: Connected, idle logout is near, TCC-VPN"),
        (TunnelState::Ended, TrayIcon::Ended, ""),
    ] {
        let drawn = tray(&at(state), &texts());
        assert_eq!(drawn.icon, icon);
        assert!(state == TunnelState::Ended || drawn.tooltip == tooltip, "{}", drawn.tooltip);
    }
}

#[test]
fn a29_show_resource_and_exit_stand_in_every_menu() {
    for state in [TunnelState::NoSession, TunnelState::SigningIn, TunnelState::Connected, TunnelState::Ended]
    {
        let actions = actions(&tray(&at(state), &texts()).items);
        assert!(actions.contains(&(TrayAction::ShowResource, true)), "{state:?}");
        assert_eq!(actions.last(), Some(&(TrayAction::Exit, true)), "{state:?}");
    }
}

#[test]
fn connected_it_offers_the_resources_opened_last_and_to_disconnect() {
    let mut state = at(TunnelState::Connected);
    let list: Vec<_> = ["wiki", "pay"].map(resource).into();
    let recent = vec![ResourceId::new("pay"), ResourceId::new("gone")];
    let favourites = vec![ResourceId::new("wiki")];
    state.resources = ResourceList::Ready { list, favourites, recent, refreshing: false, stale: None };
    let drawn = tray(&state, &texts());
    assert_eq!(
        actions(&drawn.items),
        [
            (TrayAction::ShowResource, true),
            (TrayAction::Open(ResourceId::new("pay")), true),
            (TrayAction::Open(ResourceId::new("wiki")), true),
            (TrayAction::Disconnect, true),
            (TrayAction::Exit, true),
        ]
    );
    assert!(drawn.items.contains(&TrayItem::Line("hark.chen at TCC-VPN".into())), "{:?}", drawn.items);
}

#[test]
fn a_paused_tunnel_is_said_to_be_down_by_choice_and_can_be_brought_up() {
    let mut state = at(TunnelState::Reconnecting);
    state.snapshot.reconnect = Some(Reconnect { attempt: 0, next_at: None, give_up_at: None, paused: true });
    let drawn = tray(&state, &texts());
    assert_eq!(drawn.tooltip, "Praya: Disconnected, the session is kept, TCC-VPN");
    assert!(actions(&drawn.items).contains(&(TrayAction::Connect, true)));
}

#[test]
fn without_a_session_the_chosen_gateway_is_named() {
    let mut state = attached(Snapshot::default());
    state.chosen = Some("TCC-VPN".parse().unwrap());
    let drawn = tray(&state, &texts());
    assert_eq!(drawn.tooltip, "Praya: Not signed in, TCC-VPN");
    assert!(drawn.items.contains(&TrayItem::Line("TCC-VPN".into())), "{:?}", drawn.items);
}

#[test]
fn a_peers_name_is_one_line_of_bearable_length() {
    let mut state = at(TunnelState::Connected);
    let name = format!("Pay\n\u{202e}roll {}", "x".repeat(200));
    let list = vec![praya_model::Resource { name, ..resource("pay") }];
    let recent = vec![ResourceId::new("pay")];
    state.resources =
        ResourceList::Ready { list, favourites: vec![], recent, refreshing: false, stale: None };
    let drawn = tray(&state, &texts());
    let shown = drawn.items.iter().find_map(|item| match item {
        TrayItem::Action { id: TrayAction::Open(_), text, .. } => Some(text.clone()),
        TrayItem::Action { .. } | TrayItem::Line(_) | TrayItem::Separator | TrayItem::Submenu { .. } => None,
    });
    assert_eq!(shown.unwrap(), format!("Pay roll {}…", "x".repeat(70)));
}

#[test]
fn the_reason_of_an_end_stands_in_the_menu() {
    let mut state = at(TunnelState::Ended);
    state.snapshot.ended = Some(EndReason::Idle);
    let drawn = tray(&state, &texts());
    assert!(drawn.items.contains(&TrayItem::Line(texts().end(EndReason::Idle))), "{:?}", drawn.items);
    assert!(actions(&drawn.items).contains(&(TrayAction::SignIn, true)));
}

#[test]
fn without_the_service_nothing_of_the_session_is_claimed() {
    let gone = ServiceState::Gone { failure: FailureCode::ServiceUnavailable.into() };
    let drawn = tray(&with_service(gone, at(TunnelState::Connected).snapshot), &texts());
    assert_eq!(drawn.icon, TrayIcon::Ended);
    assert_eq!(actions(&drawn.items), [(TrayAction::ShowResource, true), (TrayAction::Exit, true)]);
}

#[test]
fn the_menu_of_an_idle_warning_does_not_change_every_second() {
    let mut state = at(TunnelState::IdleWarning);
    state.snapshot.idle_at = Some(state.now.after(std::time::Duration::from_secs(60)));
    let first = tray(&state, &texts());
    state.now = state.now.after(std::time::Duration::from_secs(20));
    assert_eq!(tray(&state, &texts()), first);
    state.now = state.now.after(std::time::Duration::from_secs(20));
    assert_ne!(tray(&state, &texts()), first);
}

proptest! {
    #[test]
    fn whatever_the_state_the_tray_says_something_and_lets_the_person_out(state in any_state()) {
        for locale in Locale::ALL {
            let texts = Texts::new(locale, &TimeZone::UTC, Isolation::Off);
            let drawn = tray(&state, &texts);
            prop_assert!(!drawn.tooltip.trim().is_empty());
            prop_assert!(matches!(drawn.items.first(), Some(TrayItem::Line(text)) if !text.is_empty()));
            let actions = actions(&drawn.items);
            prop_assert!(actions.contains(&(TrayAction::ShowResource, true)));
            prop_assert_eq!(actions.last(), Some(&(TrayAction::Exit, true)));
        }
    }
}
