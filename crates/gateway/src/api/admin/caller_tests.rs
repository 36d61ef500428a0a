//! What goes on after a caller was told to come later.

use std::sync::mpsc;
use std::thread;
use std::time::Instant;

use axum::extract::State;
use futures_util::poll;
use praya_model::SessionId;
use tokio::runtime::{Builder, Runtime};

use super::*;
use crate::api::admin::posture;
use crate::posture::test_machine::POLICY;
use crate::tunnel::lab::{Lab, now};

fn caller<D: Demand>() -> Caller<D> {
    Caller { actor: "api-key:ci".into(), source: [192, 0, 2, 9].into(), at: now(), demand: PhantomData }
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn site(runtime: &Runtime) -> (Lab, Front) {
    let _inside = runtime.enter();
    let lab = Lab::new(|_| {});
    let (front, _) = lab.front();
    (lab, front)
}

#[test]
fn live_sessions_hear_of_a_change_though_its_caller_was_told_to_come_later() {
    let runtime = runtime();
    let (lab, front) = site(&runtime);
    let mut changes = lab.store.changes();
    assert!(changes.poll().unwrap() && !changes.poll().unwrap());
    let (begun, has_begun) = mpsc::channel();
    let (go_on, told) = mpsc::channel::<()>();
    runtime.block_on(async {
        let mut call = Box::pin(caller::<Write>().does(&front, move |office| {
            begun.send(()).unwrap();
            let _ = told.recv();
            office.save(POLICY, None, None)?;
            office.activate("staff", None)
        }));
        assert!(poll!(&mut call).is_pending());
    });
    has_begun.recv().unwrap();
    assert!(!changes.poll().unwrap(), "nothing has changed yet");
    drop(go_on);
    // Waits for what runs.
    drop(runtime);
    assert_eq!(lab.store.active_policies().unwrap().len(), 1);
    assert!(changes.poll().unwrap());
}

#[test]
fn one_policy_at_a_time_is_tried_though_its_caller_was_told_to_come_later() {
    let runtime = runtime();
    let (lab, front) = site(&runtime);
    let (has, holds) = mpsc::channel();
    let (go_on, told) = mpsc::channel::<()>();
    let store = lab.store.clone();
    // Nobody reads while the database is being written to.
    let writer = thread::spawn(move || {
        store.set_posture(&SessionId::new("x"), || {
            has.send(()).unwrap();
            let _ = told.recv();
            None
        })
    });
    holds.recv().unwrap();
    runtime.block_on(async {
        let call =
            posture::dry_run(State(front.clone()), caller(), Params(Default::default()), Toml(POLICY.into()));
        let mut call = Box::pin(call);
        assert!(poll!(&mut call).is_pending());
    });
    let administrators = &front.administrators.0;
    assert_eq!(administrators.trials.available_permits(), 0, "it is tried still");
    assert_eq!(administrators.looks.available_permits(), 0, "and nobody else looks");
    drop(go_on);
    writer.join().unwrap().unwrap();
    drop(runtime);
    assert_eq!(administrators.trials.available_permits(), 1);
    assert_eq!(administrators.looks.available_permits(), 1);
}

#[test]
fn a_trial_is_given_up_in_time() {
    let lab = Lab::new(|_| {});
    let office = Office { store: &lab.store, actor: "api-key:ci", source: None, now: now() };
    assert_eq!(office.dry_run(POLICY, 30, Some(Instant::now())).unwrap_err(), Problem::TookTooLong);
    assert!(matches!(AdminFailure::from(Problem::TookTooLong), AdminFailure::Busy));
}
