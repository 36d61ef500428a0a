//! What comes after something newer.

use std::sync::mpsc;
use std::thread;

use futures_util::poll;
use praya_model::SessionId;

use super::*;

#[tokio::test]
async fn what_is_applied_late_gives_nothing_back_that_was_taken_meanwhile() {
    let site = Site::new();
    let (session, sessions) = (site.session(), &site.lab.sessions);
    let everything = session.access();
    let (has, holds) = mpsc::channel();
    let (go_on, told) = mpsc::channel::<()>();
    let store = site.lab.store.clone();
    let writer = thread::spawn(move || {
        store.set_posture(&SessionId::new("x"), || {
            has.send(()).unwrap();
            let _ = told.recv();
            None
        })
    });
    holds.recv().unwrap();
    let mut late = std::pin::pin!(sessions.apply(&session, site.start));
    assert!(poll!(&mut late).is_pending(), "it waits for the store");
    drop(go_on);
    let limited = Fit::closed(vec![], None);
    session.update_fit(|_| Some(limited.clone()));
    assert!(!sessions.apply(&session, site.start).await);
    assert!(!late.await);
    writer.join().unwrap().unwrap();
    assert_ne!(session.access(), everything);
    assert!(session.access().resources.is_empty());
    let row = site.lab.store.session(&session.id).unwrap().unwrap();
    assert_eq!(row.posture, Some(limited), "in the store as well");
}

#[tokio::test]
async fn an_earlier_look_at_what_people_may_reach_never_comes_after_a_later_one() {
    let site = Site::new();
    let (session, sessions) = (site.session(), &site.lab.sessions);
    let (early, everything) = (sessions.look(), session.access());
    site.lab.store.remove_member(&staff(), &alice()).unwrap();
    sessions.reconcile(site.start).await.unwrap();
    let nothing = session.access();
    assert_ne!(nothing, everything);
    session.give(&site.lab.config, early, &everything);
    assert_eq!(session.access(), nothing);
}
