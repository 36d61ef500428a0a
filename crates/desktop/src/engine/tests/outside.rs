//! What the person does outside the window, and what is told them there.

use super::*;
use crate::Closing;
use crate::state::Notice;
use crate::tray::TrayAction;

#[tokio::test]
async fn what_the_tray_cannot_do_and_what_it_copied_is_told() {
    let world = World::new();
    world.service.resources(vec![resource("wiki")]);
    world.service.show(connected());
    world.until(|state| matches!(state.resources, ResourceList::Ready { .. })).await;
    world.engine.choose(TrayAction::Open(ResourceId::new("wiki")));
    let did = world.done("tell").await;
    assert!(did.iter().any(|did| did.starts_with("tell Resource wiki: the address is copied: ")), "{did:?}");
    world.engine.choose(TrayAction::Open(ResourceId::new("gone")));
    let did = world.done("tell").await;
    assert!(did.iter().any(|did| did.starts_with("tell The resource could not be opened: ")), "{did:?}");
    world.service.answer("disconnect", FailureCode::NotPermitted.into());
    world.engine.choose(TrayAction::Disconnect);
    let did = world.done("tell").await;
    assert!(did.iter().any(|did| did.starts_with("tell The tunnel could not be taken down: ")), "{did:?}");
}

#[tokio::test]
async fn a28_the_idle_warning_can_be_answered_where_it_is_seen_and_comes_up_where_it_may_not_be_told() {
    let world = World::new();
    world.service.show(connected());
    world.until(|state| state.screen == Screen::Resources).await;
    world.service.show(Snapshot { state: TunnelState::IdleWarning, ..connected() });
    world.done("notify You are about to be logged out [Stay signed in]").await;
    world.service.show(connected());
    world.until(|state| state.snapshot.state == TunnelState::Connected).await;
    world.engine.set_setting(Setting::NotifyEnds(false)).await.unwrap();
    world.service.show(Snapshot { state: TunnelState::IdleWarning, ..connected() });
    assert_eq!(world.done("show").await, ["show"]);
}

#[tokio::test(start_paused = true)]
async fn a_service_that_goes_and_an_end_while_it_was_away_are_told() {
    let world = World::new();
    world.service.show(connected());
    world.until(|state| state.screen == Screen::Resources).await;
    world.service.stop();
    world.until(|state| state.screen == Screen::Restoring).await;
    world.did();
    world.until(|state| state.screen == Screen::ServiceGone).await;
    assert_eq!(world.did(), ["notify The Praya service does not answer"]);
    world.service.start();
    world.until(|state| state.screen == Screen::Resources).await;
    world.service.stop();
    world.until(|state| state.screen == Screen::Restoring).await;
    world.did();
    let ended = Snapshot { state: TunnelState::Ended, ended: Some(EndReason::Admin), ..Snapshot::default() };
    world.service.show(ended);
    world.service.start();
    world.until(|state| state.snapshot.state == TunnelState::Ended).await;
    assert_eq!(world.did(), ["notify You are signed out"]);
}

#[tokio::test]
async fn a28_an_idle_warning_that_was_there_before_the_app_is_told() {
    let service = FakeService::new();
    service.show(Snapshot { state: TunnelState::IdleWarning, ..connected() });
    let world = World::with(service, tempfile::tempdir().unwrap());
    world.done("notify You are about to be logged out [Stay signed in]").await;
}

#[tokio::test]
async fn a_session_s_last_minutes_are_told_once() {
    let world = World::new();
    let now = Timestamp::from(std::time::SystemTime::now());
    let ends = |seconds| Some(now.after(Duration::from_secs(seconds)));
    world.service.show(Snapshot { expires_at: ends(3600), ..connected() });
    world.until(|state| state.screen == Screen::Resources).await;
    assert!(!world.did().iter().any(|did| did.starts_with("notify The session ends soon")));
    world.service.show(Snapshot { expires_at: ends(300), ..connected() });
    world.done("notify The session ends soon").await;
    world.service.show(Snapshot { expires_at: ends(300), state: TunnelState::Reconnecting, ..connected() });
    let did = world.done("notify The tunnel was lost").await;
    assert!(!did.iter().any(|did| did.starts_with("notify The session ends soon")), "{did:?}");
}

#[tokio::test]
async fn a31_closing_the_window_where_there_is_no_tray_is_explained_once() {
    let world = World::new();
    world.service.show(connected());
    world.until(|state| state.screen == Screen::Resources).await;
    world.did();
    assert_eq!(world.engine.close(), Closing::Minimise);
    let did = world.did();
    assert!(did[0].starts_with("tell Praya goes on") && did[0].contains("list of windows"), "{did:?}");
    assert_eq!(world.engine.state().notices, [Notice::NoTray]);
    world.engine.dismiss_notices();
    assert_eq!(world.engine.close(), Closing::Minimise);
    assert!(world.did().is_empty() && world.engine.state().notices.is_empty());
    world.engine.tray_is_shown(true);
    assert_eq!(world.engine.close(), Closing::Hide);
    let did = world.did();
    assert!(did[0].starts_with("tell Praya goes on") && !did[0].contains("list of windows"), "{did:?}");
    assert_eq!(world.engine.close(), Closing::Hide);
    assert!(world.did().is_empty());
    world.engine.tray_is_shown(false);
    world.service.show(Snapshot::default());
    world.until(|state| state.snapshot.state == TunnelState::NoSession).await;
    assert_eq!(world.engine.close(), Closing::Go);
}

#[tokio::test]
async fn a30_what_closing_the_window_leaves_is_not_told_again_at_the_next_start() {
    let world = World::new();
    world.service.show(connected());
    world.until(|state| state.screen == Screen::Resources).await;
    world.engine.tray_is_shown(true);
    assert_eq!(world.engine.close(), Closing::Hide);
    world.done("tell Praya goes on").await;
    world.remembers(|memory| memory.contains("\"closing_said\": true")).await;

    let again = World::with(world.service, world.folder);
    again.until(|state| state.screen == Screen::Resources).await;
    again.engine.tray_is_shown(true);
    again.did();
    assert_eq!(again.engine.close(), Closing::Hide);
    assert!(again.did().is_empty());
}

#[tokio::test]
async fn a_sign_in_that_the_app_began_by_itself_is_told_to_whoever_sees_no_window() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("settings.toml"), "connect_at_start = true").unwrap();
    std::fs::write(folder.path().join("memory.json"), r#"{"chosen": "Office"}"#).unwrap();
    let service = FakeService::new();
    service.profiles(vec![office()]);
    let world = World::with(service, folder);
    world.done("notify The sign-in to Office waits for you").await;
}
