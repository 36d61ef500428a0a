//! The sign-in as a client meets it, over a real store.

use std::sync::Arc;

use praya_identity::password::HashParams;
use praya_identity::token::TokenAct;
use praya_identity::{IdentityStore as _, TokenKind, otp, people, tokens};
use praya_model::api::{BeginSignIn, SignInReply};
use praya_model::password::PasswordRule;
use praya_model::sign_in::ElsewhereChoice;
use praya_model::{EndReason, FailureCode, Secret, SessionId, SignInAnswer, SignInStep};

use super::*;
use crate::audit::Audit;
use crate::store::{AuditEvent, AuditFilter, DeviceKey, Outcome, Store};

use super::test_world::*;

#[tokio::test]
async fn the_first_sign_in_from_the_initial_password_to_the_session() {
    let w = world();
    let first = w.begin(" ＷＯＮＧ ").await;
    assert_eq!(first.next, SignInStep::Password { account: Some(w.wong.clone()) });
    assert_eq!(first.expires_in, 180);
    let second = w.password(&first, w.initial.expose()).await;
    assert!(matches!(&second.next, SignInStep::Otp { token: Some(hint), .. } if hint.serial == w.serial));
    let third = w.otp(&second, &w.code()).await;
    assert!(matches!(&third.next, SignInStep::NewPassword { rules: Some(rules) } if rules.not_the_old));
    assert!(w.sessions.live.lock().unwrap().is_empty(), "A-03: a pending state opens nothing");

    let again = w.new_password(&third, GOOD, "tide and harbor").await;
    assert_eq!(notice(&again), &FailureCode::PasswordRules { broken: vec![PasswordRule::Matches] });
    let again = w.new_password(&again, "short", "short").await;
    assert_eq!(notice(&again), &FailureCode::PasswordRules { broken: vec![PasswordRule::MinLength] });
    let again = w.new_password(&again, w.initial.expose(), w.initial.expose()).await;
    assert_eq!(notice(&again), &FailureCode::PasswordRules { broken: vec![PasswordRule::NotTheOld] }, "A-20");
    let done = w.new_password(&again, GOOD, GOOD).await;
    let SignInStep::Done(grant) = &done.next else { panic!("{done:?}") };
    assert_eq!((&grant.account, done.ticket.is_none()), (&w.wong, true));
    let tickets = [&first, &second, &third, &again].map(|reply| reply.ticket.clone().unwrap());
    for (n, ticket) in tickets.iter().enumerate() {
        assert!(!tickets[..n].contains(ticket), "each step has a ticket of its own");
        let answer = SignInAnswer::Cancel;
        let reply = w.service.answer(ticket, answer, HERE).await;
        assert_eq!(refusal(&reply).code, FailureCode::SignInExpired, "and each is good once");
    }
    let live = w.sessions.live.lock().unwrap();
    assert_eq!(live.len(), 1);
    assert_eq!((live[0].0.host_name.as_str(), live[0].0.source), ("pc-17", HERE));
    assert_eq!(w.store.account(&w.wong).unwrap().unwrap().last_sign_in.unwrap().at, w.now());
    let last = w.audit().pop().unwrap();
    assert_eq!(
        (last.event, last.outcome, last.account),
        (AuditEvent::SignIn, Outcome::Ok, Some(w.wong.clone()))
    );
    assert_eq!(last.token, Some(w.serial.clone()));
}

#[tokio::test]
async fn a20_the_initial_password_is_dead_afterwards() {
    let w = world();
    w.settle().await;
    let reply = w.password(&w.begin("wong").await, w.initial.expose()).await;
    assert_eq!(notice(&reply), &FailureCode::WrongCredentials);
    let reply = w.otp(&w.at_otp().await, &w.code()).await;
    assert!(matches!(reply.next, SignInStep::Done(_)));
    let live = w.sessions.live.lock().unwrap();
    assert!(live[0].0.last_sign_in.is_some(), "the person is shown the sign-in before");
}

#[tokio::test]
async fn asvs_6_4_1_an_initial_password_does_not_live_long() {
    let w = world();
    w.wait(86_400);
    let reply = w.password(&w.begin("wong").await, "something else").await;
    assert_eq!(notice(&reply), &FailureCode::WrongCredentials);
    let reply = w.password(&reply, w.initial.expose()).await;
    assert_eq!(refusal(&reply).code, FailureCode::InitialPasswordExpired);
}

#[tokio::test]
async fn a35_and_a36_five_failures_lock_and_the_right_password_waits() {
    let w = world();
    w.settle().await;
    let mut reply = w.begin("wong").await;
    for _ in 0..3 {
        reply = w.password(&reply, "wrong").await;
        assert_eq!(notice(&reply), &FailureCode::WrongCredentials);
    }
    reply = w.password(&reply, GOOD).await;
    reply = w.otp(&reply, "000000").await;
    assert_eq!(notice(&reply), &FailureCode::WrongOtp);
    reply = w.otp(&reply, "000000").await;
    assert_eq!(refusal(&reply).code, FailureCode::Locked { seconds_left: 300 }, "wrong codes count too");
    w.wait(100);
    let reply = w.password(&w.begin("wong").await, GOOD).await;
    assert_eq!(refusal(&reply).code, FailureCode::Locked { seconds_left: 200 });
    w.wait(200);
    let reply = w.otp(&w.at_otp().await, &w.code()).await;
    assert!(matches!(reply.next, SignInStep::Done(_)), "it opens by itself");
    let locks = AuditFilter { event: Some(AuditEvent::AccountLocked), ..AuditFilter::default() };
    assert_eq!(w.store.audit(&locks).unwrap().len(), 1);
    assert!(!people::unlock(&w.store, &w.wong).unwrap(), "a complete sign-in forgets the failures");
}

#[tokio::test]
async fn the_right_password_does_not_reset_the_count_for_guessing_codes() {
    let w = world();
    w.settle().await;
    for n in 1..=4 {
        let reply = w.otp(&w.at_otp().await, "000000").await;
        assert_eq!(notice(&reply), &FailureCode::WrongOtp, "{n}");
    }
    let reply = w.otp(&w.at_otp().await, "000000").await;
    assert_eq!(refusal(&reply).code, FailureCode::Locked { seconds_left: 300 });
}

#[tokio::test]
async fn asvs_6_3_8_a_name_that_is_none_behaves_like_one_that_is() {
    let w = world();
    w.settle().await;
    let mut told = [Vec::new(), Vec::new()];
    for (name, told) in ["wong", "chan"].into_iter().zip(&mut told) {
        let mut reply = w.begin(name).await;
        for _ in 0..5 {
            let shown =
                format!("{:?} {:?}", reply.next, reply.notice.as_ref().map(|n| (&n.code, &n.help_desk)));
            told.push(shown.replace(name, "NAME"));
            reply = w.password(&reply, "wrong").await;
        }
        told.push(format!("{:?}", refusal(&reply).code));
        w.wait(10);
        reply = w.password(&w.begin(name).await, GOOD).await;
        told.push(format!("{:?}", refusal(&reply).code));
        w.wait(290);
        reply = w.password(&w.begin(name).await, "wrong").await;
        told.push(format!("{:?}", notice(&reply)));
    }
    assert_eq!(told[0], told[1]);
    assert!(told[0].contains(&"Locked { seconds_left: 290 }".to_owned()));
}

#[tokio::test]
async fn a_password_typed_as_a_name_is_kept_nowhere() {
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("praya.db");
    let w = world_of(Store::create(&path).unwrap(), policy());
    let mistyped = "hunter2-is-my-password";
    let reply = w.password(&w.begin(mistyped).await, "another-secret-text").await;
    assert_eq!(notice(&reply), &FailureCode::WrongCredentials);
    let record = w.audit().pop().unwrap();
    assert_eq!((record.account, record.code.as_deref()), (None, Some("wrong_credentials")));
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains("hunter2") && !text.contains("another-secret"));
    }
}

#[tokio::test]
async fn a41_a_refusal_carries_help_desk_and_the_code_of_its_record() {
    let w = world();
    let reply = w.password(&w.begin("wong").await, "wrong").await;
    let failure = reply.notice.unwrap();
    assert_eq!(failure.help_desk.as_deref(), Some("ext. 4000"));
    let filter = AuditFilter { support: failure.support.clone(), ..AuditFilter::default() };
    assert!(failure.support.is_some());
    let records = w.store.audit(&filter).unwrap();
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].account, Some(w.wong.clone()));
    assert_eq!(records[0].source.as_deref(), Some("192.0.2.7"));
}

#[tokio::test]
async fn each_wrong_code_has_its_own_answer() {
    let w = world();
    w.settle().await;
    let code = w.code();
    let reply = w.otp(&w.at_otp().await, &code).await;
    assert!(matches!(reply.next, SignInStep::Done(_)));
    w.sessions.live.lock().unwrap().clear();
    let reply = w.otp(&w.at_otp().await, &code).await;
    let left = otp::seconds_left(TokenKind::SOFT, w.now());
    assert_eq!(notice(&reply), &FailureCode::ReplayedOtp { next_in_seconds: left });
    w.wait(300);
    let (late, now) = (w.code(), w.now());
    w.wait(240);
    let reply = w.otp(&w.at_otp().await, &late).await;
    assert_eq!(notice(&reply), &FailureCode::OtpClockOff { serial: w.serial.clone() });
    let future = w.code_at(w.now().after(w.now().since(now)));
    let reply = w.otp(&w.at_otp().await, &future).await;
    assert_eq!(notice(&reply), &FailureCode::WrongOtp, "a guess that will be good is told nothing");
}

#[tokio::test]
async fn a39_a_token_left_alone_is_refused_at_sign_in_until_reactivated() {
    let w = world();
    w.settle().await;
    w.wait(60 * 86_400);
    let reply = w.password(&w.begin("wong").await, GOOD).await;
    assert_eq!(refusal(&reply).code, FailureCode::TokenInactive { serial: w.serial.clone(), days: 60 });
    tokens::act(&w.store, &w.serial, TokenAct::Reactivate, w.now()).unwrap();
    w.wait(59 * 86_400);
    let reply = w.otp(&w.at_otp().await, &w.code()).await;
    assert!(matches!(reply.next, SignInStep::Done(_)), "A-40: the count began anew");
    w.sessions.live.lock().unwrap().clear();
    w.wait(59 * 86_400);
    let reply = w.otp(&w.at_otp().await, &w.code()).await;
    assert!(matches!(reply.next, SignInStep::Done(_)), "and again with each use");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_racing_uses_of_one_code_exactly_one_wins() {
    let folder = tempfile::TempDir::new().unwrap();
    let w = world_of(Store::create(&folder.path().join("praya.db")).unwrap(), policy());
    w.settle().await;
    for _ in 0..20 {
        let (one, two) = (w.at_otp().await, w.at_otp().await);
        let code = w.code();
        let (one, two) = tokio::join!(w.otp(&one, &code), w.otp(&two, &code));
        let won =
            |reply: &SignInReply| matches!(reply.next, SignInStep::Done(_) | SignInStep::Elsewhere { .. });
        assert!(won(&one) != won(&two), "{one:?} {two:?}");
        let lost = if won(&one) { two } else { one };
        assert!(matches!(notice(&lost), FailureCode::ReplayedOtp { .. }));
        w.sessions.live.lock().unwrap().clear();
        w.wait(30);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a35_guessing_in_parallel_gets_no_more_tries() {
    let w = Arc::new(world());
    w.settle().await;
    let mut guesses = Vec::new();
    for n in 0..60 {
        let w = Arc::clone(&w);
        guesses.push(tokio::spawn(async move {
            let reply = w.begin("wong").await;
            w.password(&reply, &format!("guess {n}")).await
        }));
    }
    let mut judged = 0;
    for guess in guesses {
        let reply = guess.await.unwrap();
        match (&reply.next, &reply.notice) {
            (SignInStep::Refused(failure), _) => {
                assert!(matches!(failure.code, FailureCode::Locked { .. }), "{failure:?}");
            }
            (_, Some(failure)) if failure.code == FailureCode::WrongCredentials => judged += 1,
            (_, notice) => {
                let code = &notice.as_ref().unwrap().code;
                assert!(matches!(code, FailureCode::Busy { .. }), "{code:?}");
            }
        }
    }
    assert_eq!(judged, 4, "four wrong ones and the fifth that locks");
}

#[tokio::test]
async fn a34_the_person_decides_about_the_session_elsewhere() {
    let w = world();
    w.settle().await;
    let key = DeviceKey([3; 32]);
    let at_other = w.begin_on("wong", "pc-9", Some(key)).await;
    let at_other = w.password(&at_other, GOOD).await;
    assert!(matches!(w.otp(&at_other, &w.code()).await.next, SignInStep::Done(_)));
    w.wait(30);
    let reply = w.otp(&w.at_otp().await, &w.code()).await;
    let SignInStep::Elsewhere { sessions, choices } = &reply.next else { panic!("{reply:?}") };
    assert_eq!(sessions[0].host_name, "pc-9");
    assert_eq!(choices.len(), 2);
    let done = w.answer(&reply, SignInAnswer::Elsewhere { choice: ElsewhereChoice::Replace }).await;
    assert!(matches!(done.next, SignInStep::Done(_)));
    assert_eq!(w.sessions.live.lock().unwrap().len(), 1);

    w.wait(30);
    let same = w.begin_on("wong", "pc-17", Some(key)).await;
    w.sessions.live.lock().unwrap()[0].0.device_key = Some(key);
    let same = w.password(&same, GOOD).await;
    assert!(
        matches!(w.otp(&same, &w.code()).await.next, SignInStep::Done(_)),
        "A-32: one's own is not elsewhere"
    );
}

#[tokio::test]
async fn a26_a_voluntary_change_needs_the_current_password_and_ends_other_sessions() {
    let w = world();
    w.settle().await;
    for _ in 0..2 {
        w.sessions
            .create(
                NewSession {
                    account: w.wong.clone(),
                    device_key: None,
                    host_name: String::new(),
                    client: String::new(),
                    source: HERE,
                    last_sign_in: None,
                    posture: None,
                    others: Others::AtMost(9),
                },
                w.now(),
            )
            .unwrap();
    }
    let keep = SessionId::new("s1");
    let change = |current: &str, new: &str| {
        let (current, new) = (Secret::new(current), Secret::new(new));
        w.service.change_password(&w.wong, Some(&keep), None, current, new, HERE)
    };
    assert_eq!(change("wrong", "a brand new one").await.unwrap_err().code, FailureCode::WrongCurrentPassword);
    let broken = |rule| FailureCode::PasswordRules { broken: vec![rule] };
    assert_eq!(change(GOOD, GOOD).await.unwrap_err().code, broken(PasswordRule::NotTheOld));
    let failure = change(GOOD, "password1").await.unwrap_err();
    assert_eq!(failure.code, broken(PasswordRule::NotCommon));
    assert!(failure.support.is_some() && failure.help_desk.is_some());
    assert!(w.sessions.ended.lock().unwrap().is_empty());
    change(GOOD, "a brand new one").await.unwrap();
    assert_eq!(*w.sessions.ended.lock().unwrap(), [(SessionId::new("s2"), EndReason::PasswordChanged)]);
    let reply = w.password(&w.begin("wong").await, "a brand new one").await;
    assert!(matches!(reply.next, SignInStep::Otp { .. }));
    for _ in 0..3 {
        assert_eq!(change("wrong", "x").await.unwrap_err().code, FailureCode::WrongCurrentPassword);
    }
    assert!(matches!(change("wrong", "x").await.unwrap_err().code, FailureCode::Locked { .. }), "it counts");
}

#[tokio::test]
async fn a_stronger_hash_takes_over_at_the_next_right_password() {
    let w = world();
    w.settle().await;
    let stronger = SignInPolicy { hash: HashParams { memory_kib: 64, passes: 2, lanes: 1 }, ..policy() };
    let time = w.now();
    let service = SignInService::new(SignInParts {
        store: w.store.clone(),
        key: Arc::clone(&w.key),
        sessions: Arc::clone(&w.sessions) as Arc<dyn SessionDirectory>,
        posture: desk(&w.store),
        audit: Audit::new(w.store.clone()),
        policy: stronger,
        clock: Arc::new(move || time),
    });
    let w = World { service, ..w };
    let reply = w.otp(&w.at_otp().await, &w.code()).await;
    assert!(matches!(reply.next, SignInStep::Done(_)));
    let hash = w.store.account(&w.wong).unwrap().unwrap().password.unwrap().hash;
    assert!(hash.contains("m=64,t=2"), "{hash}");
}

#[tokio::test]
async fn a_device_key_that_is_none_is_refused() {
    let w = world();
    let request = BeginSignIn {
        account: "wong".into(),
        device_key: Some("AAAA".into()),
        host_name: "pc\u{7}-17".into(),
        client: "x".repeat(1000),
        platform: None,
    };
    let reply = w.service.begin(request, HERE).await;
    assert!(matches!(refusal(&reply).code, FailureCode::Protocol { .. }));
    assert!(w.audit().is_empty(), "nothing was judged, nothing is recorded");
}
