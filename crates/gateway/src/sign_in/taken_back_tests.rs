//! What an administrator takes back while a sign-in is under way, over a real store.

use praya_identity::token::TokenAct;
use praya_identity::{people, tokens};
use praya_model::sign_in::ElsewhereChoice;
use praya_model::{EndReason, FailureCode, SessionId, SignInAnswer, SignInStep};

use super::test_world::*;
use crate::store::Store;

#[tokio::test]
async fn a_disabled_account_says_so_only_to_who_has_its_password() {
    let w = world();
    w.settle().await;
    let under_way = w.at_otp().await;
    people::disable(&w.store, &w.wong).unwrap();
    let reply = w.password(&w.begin("wong").await, "wrong").await;
    assert_eq!(notice(&reply), &FailureCode::WrongCredentials);
    let reply = w.password(&reply, GOOD).await;
    assert_eq!(refusal(&reply).code, FailureCode::AccountDisabled);
    let reply = w.otp(&under_way, &w.code()).await;
    assert_eq!(refusal(&reply).code, FailureCode::AccountDisabled, "in the middle of a sign-in, too");
    assert!(w.sessions.live.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_password_reset_kills_the_sign_ins_under_way() {
    let w = world();
    w.settle().await;
    let under_way = w.at_otp().await;
    people::set_initial_password(&w.store, &w.wong, policy().hash, None, w.now()).unwrap();
    let reply = w.otp(&under_way, &w.code()).await;
    assert_eq!(refusal(&reply).code, FailureCode::SignInExpired);
    assert!(w.sessions.live.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_token_given_up_takes_the_sign_ins_with_it_that_it_opened() {
    let lost = |w: &World| {
        tokens::act(&w.store, &w.serial, TokenAct::ReportLost, w.now()).unwrap();
    };
    let disabled = |w: &World| {
        tokens::act(&w.store, &w.serial, TokenAct::Disable, w.now()).unwrap();
    };
    let passed_on = |w: &World| {
        tokens::act(&w.store, &w.serial, TokenAct::Unassign, w.now()).unwrap();
        let chan = people::add(&w.store, "chan", "", w.now()).unwrap().name;
        tokens::assign(&w.store, &w.serial, &chan, w.now()).unwrap();
    };
    let acts: [&dyn Fn(&World); 3] = [&lost, &disabled, &passed_on];
    for act in acts {
        // Parked at the forced change of the password.
        let w = world();
        let reply = w.password(&w.begin("wong").await, w.initial.expose()).await;
        let parked = w.otp(&reply, &w.code()).await;
        assert!(matches!(parked.next, SignInStep::NewPassword { .. }));
        act(&w);
        let reply = w.new_password(&parked, GOOD, GOOD).await;
        assert_eq!(refusal(&reply).code, FailureCode::TokenDisabled { serial: w.serial.clone() });
        assert!(w.sessions.live.lock().unwrap().is_empty());

        // Parked at the question what to do about a session elsewhere.
        let w = world();
        w.settle().await;
        assert!(matches!(w.otp(&w.at_otp().await, &w.code()).await.next, SignInStep::Done(_)));
        w.wait(30);
        let parked = w.otp(&w.at_otp().await, &w.code()).await;
        assert!(matches!(parked.next, SignInStep::Elsewhere { .. }));
        act(&w);
        let reply = w.answer(&parked, SignInAnswer::Elsewhere { choice: ElsewhereChoice::Replace }).await;
        assert_eq!(refusal(&reply).code, FailureCode::TokenDisabled { serial: w.serial.clone() });
        assert_eq!(w.sessions.live.lock().unwrap().len(), 1, "the administrator's act ends the other one");
    }
}

#[tokio::test]
async fn what_is_taken_back_in_the_very_moment_ends_the_new_session() {
    for (act, reason) in
        [(TokenAct::ReportLost, EndReason::TokenDisabled), (TokenAct::Unassign, EndReason::TokenDisabled)]
    {
        let w = world();
        w.settle().await;
        let reply = w.at_otp().await;
        let (store, serial, now) = (w.store.clone(), w.serial.clone(), w.now());
        *w.sessions.when_made.lock().unwrap() = Some(Box::new(move || {
            tokens::act(&store, &serial, act, now).unwrap();
        }));
        let reply = w.otp(&reply, &w.code()).await;
        assert_eq!(refusal(&reply).code, FailureCode::TokenDisabled { serial: w.serial.clone() });
        assert!(w.sessions.live.lock().unwrap().is_empty());
        assert_eq!(*w.sessions.ended.lock().unwrap(), [(SessionId::new("s1"), reason)]);
    }
}

#[tokio::test]
async fn who_is_given_a_token_meanwhile_must_show_it() {
    let mut policy = policy();
    policy.rules.token_required = false;
    let w = world_of(Store::in_memory().unwrap(), policy);
    tokens::act(&w.store, &w.serial, TokenAct::Unassign, w.now()).unwrap();
    let parked = w.password(&w.begin("wong").await, w.initial.expose()).await;
    assert!(matches!(parked.next, SignInStep::NewPassword { .. }));
    tokens::assign(&w.store, &w.serial, &w.wong, w.now()).unwrap();
    let reply = w.new_password(&parked, GOOD, GOOD).await;
    assert_eq!(refusal(&reply).code, FailureCode::SignInExpired);
    assert!(w.sessions.live.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_parked_sign_in_is_not_kept_alive_by_answers_that_do_not_fit() {
    let w = world();
    let reply = w.password(&w.begin("wong").await, w.initial.expose()).await;
    let mut parked = w.otp(&reply, &w.code()).await;
    for left in [120, 60] {
        w.wait(60);
        parked = w.otp(&parked, "000000").await;
        assert_eq!((notice(&parked), parked.expires_in), (&FailureCode::UnexpectedAnswer, left));
    }
    w.wait(60);
    let reply = w.new_password(&parked, GOOD, GOOD).await;
    assert_eq!(refusal(&reply).code, FailureCode::SignInExpired);
}
