//! What comes when: clocks that are set, when clients ask, and reports that come together.

use std::sync::Mutex;
use std::time::Instant;

use super::*;

#[tokio::test]
async fn whoever_asks_the_time_finds_that_sessions_have_followed_a_clock_that_was_set() {
    let site = Site::new();
    site.policy(POLICY, site.start).await;
    site.report(true, 1).await;
    let (session, sessions) = (site.session(), &site.lab.sessions);
    // A packet that came before anybody looked.
    let set = site.at(600);
    session.traffic.user_was_active(set);
    let at = sessions.at(|| (set, Instant::now()));
    assert_eq!(session.clock().over(&sessions.limits(), at), None);
    assert!(session.clock().last_traffic <= at, "nor does it count for more than it was");
    assert_eq!(session.fit().unwrap().as_of(at), None, "before anything sweeps");
    assert_eq!(sessions.sweep(at).await, 0);
    let row = site.lab.store.session(&session.id).unwrap().unwrap();
    assert_eq!(row.posture, session.fit());
    let filter = AuditFilter { code: Some("clock_set".into()), ..AuditFilter::default() };
    assert_eq!(site.lab.store.audit(&filter).unwrap().len(), 1);
}

#[tokio::test]
async fn nobody_loses_anything_to_a_policy_before_the_client_has_asked() {
    let site = Site::new();
    let (session, sessions) = (site.session(), &site.lab.sessions);
    let ask = async |minutes| sessions.posture_question(&session, site.at(minutes)).await.unwrap();
    assert_eq!(ask(0).await.recheck_seconds, 900);
    site.policy(POLICY, site.at(1)).await;
    assert_eq!(site.sweep(14).await, 0, "it was told to ask after 15 minutes");
    assert_eq!(ask(15).await.ends_in_seconds, Some(660));
    assert_eq!(site.sweep(25).await, 0);
    assert_eq!(site.sweep(26).await, 1);
}

#[tokio::test]
async fn what_the_gateway_told_before_it_went_down_is_held_to() {
    let site = Site::new();
    activate(&site.lab.store, POLICY, site.start);
    let (store, config) = (site.lab.store.clone(), Arc::clone(&site.lab.config));
    let started = Sessions::load(store.clone(), Audit::new(store), config, site.start).unwrap();
    assert_eq!(started.sweep(site.at(25)).await, 0);
    assert_eq!(started.sweep(site.at(26)).await, 1);
}

/// Lets everything run that can.
async fn settle() {
    for _ in 0..16 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn reports_of_one_session_are_judged_in_their_order_even_if_nobody_waits_for_the_answer() {
    let site = Site::new();
    site.policy(POLICY, site.start).await;
    let (session, sessions) = (site.session(), &site.lab.sessions);
    let hold = session.judging.lock().await;
    for (firewall, minutes) in [(true, 1), (false, 2)] {
        let at = site.at(minutes);
        let question = sessions.posture_question(&session, at).await.unwrap();
        let sealed = site.machine.report(&question.nonce, &facts(firewall, true, at));
        let mut report = std::pin::pin!(sessions.posture_report(&session, sealed, HERE, move || at));
        tokio::select! {
            biased;
            _ = &mut report => panic!("it waits for its turn"),
            () = settle() => {}
        }
        // The connection breaks off.
    }
    drop(hold);
    let _both_are_judged = session.judging.lock().await;
    let fit = session.fit().unwrap();
    assert_eq!((fit.status, fit.ends_in(site.at(2))), (Status::NonCompliant, Some(600)));
    let codes: Vec<_> = site.records().into_iter().map(|(code, _)| code).collect();
    assert_eq!(codes, ["compliant", "non_compliant"]);
}

#[tokio::test]
async fn a_report_that_waited_for_its_turn_is_judged_by_the_time_it_has_then() {
    let site = Site::new();
    site.policy(POLICY, site.start).await;
    let (session, sessions) = (site.session(), &site.lab.sessions);
    let question = sessions.posture_question(&session, site.start).await.unwrap();
    let sealed = site.machine.report(&question.nonce, &facts(true, true, site.start));
    let (clock, late) = (Arc::new(Mutex::new(site.start)), site.at(1));
    let now = Arc::clone(&clock);
    let hold = session.judging.lock().await;
    let mut report =
        std::pin::pin!(sessions.posture_report(&session, sealed, HERE, move || *now.lock().unwrap()));
    tokio::select! {
        biased;
        _ = &mut report => panic!("it waits for its turn"),
        () = settle() => {}
    }
    *clock.lock().unwrap() = late;
    drop(hold);
    assert_eq!(report.await, Err(FailureCode::BadPostureReport), "a minute is too long");
}

#[tokio::test]
async fn policies_are_followed_in_turn_with_reports() {
    let site = Site::new();
    let (session, sessions) = (site.session(), &site.lab.sessions);
    activate(&site.lab.store, POLICY, site.start);
    site.lab.store.remove_member(&staff(), &alice()).unwrap();
    let mut news = session.watch_access();
    let hold = session.judging.lock().await;
    let mut followed = std::pin::pin!(sessions.reconcile(site.start));
    tokio::select! {
        biased;
        _ = &mut followed => panic!("a report is judged"),
        () = async {
            news.changed().await.unwrap();
            for _ in 0..16 {
                site.lab.store.run(Book::load).await.unwrap();
            }
        } => {}
    }
    assert_eq!(session.fit(), None);
    drop(hold);
    followed.await.unwrap();
    assert!(session.fit().is_some());
}

#[tokio::test]
async fn questions_one_after_another_are_answered_now_and_then() {
    let site = Site::new();
    let (session, sessions) = (site.session(), &site.lab.sessions);
    for _ in 0..20 {
        sessions.posture_question(&session, site.start).await.unwrap();
    }
    let refused = sessions.posture_question(&session, site.start).await;
    assert_eq!(refused, Err(FailureCode::Busy { retry_after_seconds: 1 }));
    sessions.posture_question(&session, site.start.after(Duration::from_secs(1))).await.unwrap();
}
