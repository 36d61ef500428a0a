//! *Exit*, and what becomes of it when the service does not do its part.

use super::*;
use crate::tray::TrayAction;

async fn connected_world() -> World {
    let world = World::new();
    world.service.show(connected());
    world.until(|state| state.screen == Screen::Resources).await;
    world.did();
    world
}

#[tokio::test(start_paused = true)]
async fn a29_a_service_that_hangs_keeps_neither_the_window_nor_exit_waiting() {
    let world = connected_world().await;
    world.service.hang();
    world.engine.choose(TrayAction::Connect);
    world.service.asked(|request| *request == Request::Connect).await;
    world.engine.choose(TrayAction::ShowResource);
    assert_eq!(world.done("show").await, ["show"]);
    world.engine.choose(TrayAction::Exit);
    let state = world.until(|state| state.exit_failed.is_some()).await;
    assert_eq!(state.exit_failed, Some(FailureCode::ServiceUnavailable.into()));
    assert_eq!(world.done("show").await, ["show"], "the app stays and says so");
    world.engine.quit();
    assert_eq!(world.did(), ["quit"], "the person's word is the last");
}

#[tokio::test]
async fn a29_an_exit_that_is_refused_is_said_and_can_be_taken_back() {
    let world = connected_world().await;
    world.service.answer("logout", FailureCode::NotPermitted.into());
    world.engine.exit().await;
    assert_eq!(world.engine.state().exit_failed, Some(FailureCode::NotPermitted.into()));
    assert_eq!(world.did(), ["show"]);
    world.engine.stay_after_all();
    assert_eq!(world.engine.state().exit_failed, None);
    world.engine.exit().await;
    world.service.show(Snapshot { state: TunnelState::Ended, ..Snapshot::default() });
    world.until(|state| state.snapshot.state == TunnelState::Ended).await;
    assert_eq!(world.engine.state().exit_failed, None, "nothing is left to end");
}

#[tokio::test(start_paused = true)]
async fn a29_that_exit_failed_stays_to_be_read_while_it_is_tried_again() {
    let world = connected_world().await;
    world.service.answer("logout", FailureCode::NotPermitted.into());
    world.engine.exit().await;
    world.service.hang();
    world.engine.choose(TrayAction::Exit);
    // Two attempts: the list was not taken after the first.
    let mut exits = 0;
    while exits < 2 {
        let asked = world.service.asked(|request| matches!(request, Request::Logout { .. })).await;
        exits += asked.iter().filter(|request| matches!(request, Request::Logout { .. })).count();
    }
    assert_eq!(world.engine.state().exit_failed, Some(FailureCode::NotPermitted.into()));
    let unavailable = Some(FailureCode::ServiceUnavailable.into());
    world.until(|state| state.exit_failed == unavailable).await;
}

#[tokio::test(start_paused = true)]
async fn a29_an_exit_while_the_service_starts_anew_ends_what_it_brings_back() {
    let world = connected_world().await;
    world.service.stop();
    world.until(|state| state.screen == Screen::Restoring).await;
    world.engine.choose(TrayAction::Exit);
    world.service.start();
    world.service.asked(|request| *request == Request::Logout { reason: EndReason::TrayExit }).await;
    assert_eq!(world.done("quit").await, ["quit"]);
}

#[tokio::test(start_paused = true)]
async fn an_app_that_never_saw_the_service_goes_without_a_question() {
    let service = FakeService::new();
    service.stop();
    let world = World::with(service, tempfile::tempdir().unwrap());
    world.until(|state| state.screen == Screen::ServiceGone).await;
    world.did();
    world.engine.exit().await;
    assert_eq!(world.did(), ["quit"]);
}
