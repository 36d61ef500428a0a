//! Many at once, and how little one of them can do to the others.

use std::net::IpAddr;

use praya_identity::limits::RateLimit;
use praya_model::{FailureCode, SignInAnswer, SignInStep};

use super::SignInPolicy;
use super::test_world::*;
use crate::store::{AuditFilter, Store};

#[tokio::test]
async fn one_source_may_try_so_often_and_a_flood_leaves_one_record() {
    let mut policy = policy();
    policy.rate = Some(RateLimit { burst: 2, ..RateLimit::per_minute(30) });
    let w = world_of(Store::in_memory().unwrap(), policy);
    let mut reply = w.begin("someone").await;
    for _ in 0..2 {
        reply = w.password(&reply, "wrong").await;
        assert_eq!(notice(&reply), &FailureCode::WrongCredentials);
    }
    for _ in 0..10 {
        reply = w.password(&reply, "wrong").await;
        assert_eq!(notice(&reply), &FailureCode::TooManyAttempts { retry_after_seconds: 2 });
    }
    let refused = AuditFilter { code: Some("too_many_attempts".into()), ..AuditFilter::default() };
    assert_eq!(w.store.audit(&refused).unwrap().len(), 1);
    w.wait(2);
    reply = w.password(&reply, "wrong").await;
    assert_eq!(notice(&reply), &FailureCode::WrongCredentials);
}

#[tokio::test]
async fn steps_expire_and_what_is_pending_is_bounded() {
    let w =
        world_of(Store::in_memory().unwrap(), SignInPolicy { pending: 5, pending_per_source: 3, ..policy() });
    let reply = w.begin("wong").await;
    w.wait(180);
    let late = w.password(&reply, w.initial.expose()).await;
    assert_eq!(refusal(&late).code, FailureCode::SignInExpired);
    for _ in 0..10 {
        assert!(w.begin("wong").await.ticket.is_some());
    }
    assert_eq!(w.service.pending(), 3, "one source keeps only its newest");
    for n in 1..10 {
        assert!(w.begin_from(IpAddr::from([198, 51, 100, n])).await.ticket.is_some());
    }
    assert_eq!(w.service.pending(), 5);
}

#[tokio::test]
async fn a_flood_of_strangers_keeps_nobody_from_signing_in() {
    let w = world_of(Store::in_memory().unwrap(), SignInPolicy { rate: None, ..policy() });
    let network = |n: u128| IpAddr::V6((0x2001_0db8_u128 << 96 | n << 64).into());
    let flood = async |networks: std::ops::Range<u128>| {
        for n in networks {
            assert!(w.begin_from(network(n)).await.ticket.is_some(), "nobody is told to come back");
        }
    };
    flood(0..10_000).await;
    let reply = w.begin("wong").await;
    flood(10_000..20_000).await;
    let reply = w.password(&reply, w.initial.expose()).await;
    flood(20_000..30_000).await;
    let reply = w.otp(&reply, &w.code()).await;
    flood(30_000..40_000).await;
    let reply = w.new_password(&reply, GOOD, GOOD).await;
    assert!(matches!(reply.next, SignInStep::Done(_)), "{reply:?}");
    assert_eq!(w.service.pending(), w.policy.pending);
}

#[tokio::test]
async fn a_flood_with_one_beginning_from_each_network_does_not_turn_on_an_office() {
    let w = world_of(Store::in_memory().unwrap(), SignInPolicy { rate: None, ..policy() });
    let flood = async |networks: std::ops::Range<u16>| {
        for n in networks {
            let [high, low] = n.to_be_bytes();
            w.begin_from(IpAddr::from([10, high, low, 1])).await;
        }
    };
    flood(0..1997).await;
    let office = [w.begin("wong").await, w.begin("wong").await, w.begin("wong").await];
    assert_eq!(w.service.pending(), w.policy.pending, "from here on each new one displaces another");
    flood(1997..1997 * 2).await;
    for reply in office {
        let reply = w.password(&reply, w.initial.expose()).await;
        assert!(matches!(reply.next, SignInStep::Otp { .. }), "{reply:?}");
    }
}

#[tokio::test]
async fn a_stolen_password_does_not_fill_the_places_of_others() {
    let policy = SignInPolicy { pending: 4, pending_per_account: 2, ..policy() };
    let w = world_of(Store::in_memory().unwrap(), policy);
    let mut newest = w.begin("wong").await;
    for n in 0..20 {
        let from = IpAddr::from([198, 51, 100, n]);
        let begun = w.begin_from(from).await;
        let password = SignInAnswer::Password { account: Some("wong".into()), password: w.initial.clone() };
        newest = w.service.answer(begun.ticket.as_ref().unwrap(), password, from).await;
        assert!(matches!(newest.next, SignInStep::Otp { .. }));
    }
    assert_eq!(w.service.pending(), 3, "two of the account, and the stranger at the start");
    let reply = w.otp(&newest, &w.code()).await;
    assert!(matches!(reply.next, SignInStep::NewPassword { .. }));
}

#[tokio::test]
async fn one_source_may_begin_so_often() {
    let mut policy = policy();
    policy.rate = Some(RateLimit::per_minute(30));
    let w = world_of(Store::in_memory().unwrap(), policy);
    for _ in 0..120 {
        assert!(w.begin("wong").await.ticket.is_some());
    }
    let reply = w.begin("wong").await;
    assert_eq!(refusal(&reply).code, FailureCode::TooManyAttempts { retry_after_seconds: 1 });
    assert!(w.begin_from(IpAddr::from([198, 51, 100, 1])).await.ticket.is_some(), "others are unaffected");
    assert!(w.audit().is_empty(), "a flood fills no audit");
    w.wait(1);
    let reply = w.password(&w.begin("wong").await, w.initial.expose()).await;
    assert!(matches!(reply.next, SignInStep::Otp { .. }), "beginning takes no try away: {reply:?}");
}
