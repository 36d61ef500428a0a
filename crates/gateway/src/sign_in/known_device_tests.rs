//! 1G.4: who locks a name from elsewhere does not lock its owner out of a machine that he has signed in with before.

use praya_identity::{IdentityStore as _, people};
use praya_model::api::SignInReply;
use praya_model::{AccountName, FailureCode, Secret, SessionId, SignInStep};

use super::Others;
use super::test_world::*;
use crate::store::{AuditEvent, AuditFilter, CookieHash, DeviceKey, Lease, SessionRow, Tally};

const OWN: DeviceKey = DeviceKey([3; 32]);

/// A world in which `wong` has signed in with [`OWN`] some time ago, and `chan` with another device.
async fn world_with_devices() -> World {
    let w = world();
    w.settle().await;
    people::add(&w.store, "chan", "", w.now()).unwrap();
    for (n, name, key) in [(1, "wong", OWN), (2, "chan", DeviceKey([4; 32]))] {
        let id = SessionId::new(format!("old-{n}"));
        let row = SessionRow {
            id: id.clone(),
            account: AccountName::new(name),
            device_key: Some(key),
            host_name: String::new(),
            client: String::new(),
            source: HERE,
            started: w.now(),
            expires: w.now(),
            last_traffic: w.now(),
            away_since: None,
            proof_counter: 0,
            bytes_in: 0,
            bytes_out: 0,
            tally: Tally::default(),
            last_sign_in: None,
            posture: None,
            ended: None,
        };
        let lease =
            Lease { session: id.clone(), v4: Some(std::net::Ipv4Addr::from([10, 88, 0, n])), v6: None };
        w.store.begin_session(&row, &CookieHash([n; 32]), &lease, Others::AtMost(1)).unwrap();
        w.store.end_session(&id, praya_model::EndReason::UserLogout, w.now()).unwrap();
    }
    w
}

async fn guess(w: &World, device: Option<DeviceKey>, times: u32) -> SignInReply {
    let mut reply = w.begin_on("wong", "pc", device).await;
    for _ in 0..times {
        reply = w.password(&reply, "wrong").await;
    }
    reply
}

async fn try_right(w: &World, device: Option<DeviceKey>) -> SignInReply {
    w.password(&w.begin_on("wong", "pc", device).await, GOOD).await
}

#[tokio::test]
async fn a_lock_from_elsewhere_does_not_hold_at_a_known_device() {
    let w = world_with_devices().await;
    assert_eq!(refusal(&guess(&w, None, 5).await).code, FailureCode::Locked { seconds_left: 300 });
    for stranger in [None, Some(DeviceKey([9; 32])), Some(DeviceKey([4; 32]))] {
        let reply = try_right(&w, stranger).await;
        assert_eq!(refusal(&reply).code, FailureCode::Locked { seconds_left: 300 }, "{stranger:?}");
    }
    let reply = w.otp(&try_right(&w, Some(OWN)).await, &w.code()).await;
    assert!(matches!(reply.next, SignInStep::Done(_)), "{reply:?}");
    let reply = try_right(&w, None).await;
    assert_eq!(
        refusal(&reply).code,
        FailureCode::Locked { seconds_left: 300 },
        "the owner's sign-in gives the guesser no new tries"
    );
}

#[tokio::test]
async fn a35_five_failures_at_a_known_device_lock_it_and_the_name() {
    let w = world_with_devices().await;
    assert_eq!(refusal(&guess(&w, Some(OWN), 5).await).code, FailureCode::Locked { seconds_left: 300 });
    for device in [Some(OWN), None] {
        let reply = try_right(&w, device).await;
        assert_eq!(refusal(&reply).code, FailureCode::Locked { seconds_left: 300 }, "{device:?}");
    }
    let locks = AuditFilter { event: Some(AuditEvent::AccountLocked), ..AuditFilter::default() };
    assert_eq!(w.store.audit(&locks).unwrap().len(), 1);
    assert!(people::unlock(&w.store, &w.wong).unwrap());
    assert!(
        matches!(try_right(&w, Some(OWN)).await.next, SignInStep::Otp { .. }),
        "one unlocking lifts both"
    );
    assert!(matches!(try_right(&w, None).await.next, SignInStep::Otp { .. }));
}

#[tokio::test]
async fn a36_wrong_codes_count_at_a_known_device_too() {
    let w = world_with_devices().await;
    guess(&w, None, 5).await;
    let mut reply = try_right(&w, Some(OWN)).await;
    for _ in 0..4 {
        reply = w.otp(&reply, "000000").await;
        assert_eq!(notice(&reply), &FailureCode::WrongOtp);
    }
    reply = w.otp(&reply, "000000").await;
    assert_eq!(refusal(&reply).code, FailureCode::Locked { seconds_left: 300 });
    assert_eq!(w.store.failures_of(&w.wong).unwrap().locked_for(w.now()), Some(300));
    w.wait(300);
    let reply = w.otp(&try_right(&w, Some(OWN)).await, &w.code()).await;
    assert!(matches!(reply.next, SignInStep::Done(_)), "it opens by itself");
}

#[tokio::test]
async fn failures_elsewhere_and_here_lock_the_name_together() {
    let w = world_with_devices().await;
    guess(&w, None, 4).await;
    let reply = guess(&w, Some(OWN), 1).await;
    assert_eq!(notice(&reply), &FailureCode::WrongCredentials, "the first one here");
    assert_eq!(refusal(&try_right(&w, None).await).code, FailureCode::Locked { seconds_left: 300 });
    assert!(matches!(try_right(&w, Some(OWN)).await.next, SignInStep::Otp { .. }));
}

#[tokio::test]
async fn a26_a_lock_from_elsewhere_does_not_hold_for_a_change_from_the_owners_own_session() {
    let w = world_with_devices().await;
    guess(&w, None, 5).await;
    let change = |device, current: &str| {
        let (current, new) = (Secret::new(current), Secret::new("a brand new one"));
        w.service.change_password(&w.wong, None, device, current, new, HERE)
    };
    let locked = FailureCode::Locked { seconds_left: 300 };
    assert_eq!(change(None, GOOD).await.unwrap_err().code, locked, "a session without a device key");
    for _ in 0..4 {
        let wrong = change(Some(OWN), "wrong").await.unwrap_err();
        assert_eq!(wrong.code, FailureCode::WrongCurrentPassword);
    }
    change(Some(OWN), GOOD).await.unwrap();
    assert_eq!(change(Some(OWN), "wrong").await.unwrap_err().code, locked, "its own failures count");
}
