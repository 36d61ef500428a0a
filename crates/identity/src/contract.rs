//! What every [`IdentityStore`] must do, as one suite that each implementation's tests run.

use std::sync::Barrier;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use praya_model::failure::LastSignIn;
use praya_model::{AccountName, Timestamp, TokenSerial};

use crate::account::{Account, AccountState, PasswordRecord};
use crate::lockout::{LockPolicy, NameKey};
use crate::sealed::Sealed;
use crate::store::{IdentityStore, StoreError};
use crate::token::{OtpAlgorithm, Token, TokenKind, TokenState};

const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);

/// Runs the suite; `fresh` makes an empty store.
///
/// # Panics
/// When the store breaks the contract.
pub fn check<S: IdentityStore>(fresh: &dyn Fn() -> S) {
    accounts(&fresh());
    passwords(&fresh());
    failures(&fresh());
    tokens(&fresh());
    token_states(&fresh());
    one_code_of_many_threads_wins(&fresh());
    failures_of_many_threads_all_count(&fresh());
}

fn name(text: &str) -> AccountName {
    AccountName::new(text)
}

fn record(hash: &str) -> PasswordRecord {
    PasswordRecord { hash: hash.into(), set_at: NOW, initial_until: None }
}

fn add<S: IdentityStore>(store: &S, text: &str) -> AccountName {
    store.insert_account(&Account::new(name(text), "", NOW)).expect("a new name");
    name(text)
}

fn new_token(serial: &str) -> Token {
    let kind = TokenKind::Totp { step_seconds: 60, digits: 8, algorithm: OtpAlgorithm::Sha256 };
    Token::new(TokenSerial::new(serial), kind, Sealed::from_bytes(vec![1, 2, 3]), NOW)
}

fn active<S: IdentityStore>(store: &S, serial: &str, account: &AccountName) -> TokenSerial {
    store.insert_token(&new_token(serial)).expect("a new serial");
    let serial = TokenSerial::new(serial);
    assert!(store.assign_token(&serial, account, TokenState::Active, NOW).expect("assigned"));
    serial
}

fn ok<T>(result: Result<T, StoreError>) -> T {
    result.expect("the store works")
}

fn accounts<S: IdentityStore>(store: &S) {
    assert_eq!(ok(store.account(&name("wong"))), None);
    let mut wong = Account::new(name("wong"), "王小明 𠮷", NOW);
    wong.password =
        Some(PasswordRecord { initial_until: Some(NOW.after(Duration::from_secs(60))), ..record("h1") });
    wong.must_change = true;
    wong.last_sign_in = Some(LastSignIn { at: NOW, source: "2001:db8::1".into() });
    ok(store.insert_account(&wong));
    assert_eq!(ok(store.account(&name("wong"))), Some(wong.clone()));
    assert!(matches!(store.insert_account(&wong), Err(StoreError::Exists { .. })));
    add(store, "chan");
    let names: Vec<AccountName> = ok(store.accounts()).into_iter().map(|account| account.name).collect();
    assert_eq!(names, [name("chan"), name("wong")]);

    ok(store.set_account_state(&name("wong"), AccountState::Disabled));
    ok(store.set_display_name(&name("wong"), "Wong"));
    ok(store.set_must_change(&name("wong"), false));
    let later = LastSignIn { at: NOW.after(Duration::from_millis(1)), source: "192.0.2.1".into() };
    ok(store.record_sign_in(&name("wong"), &later));
    let changed = ok(store.account(&name("wong"))).expect("still there");
    assert_eq!(
        changed,
        Account {
            state: AccountState::Disabled,
            display_name: "Wong".into(),
            must_change: false,
            last_sign_in: Some(later.clone()),
            ..wong
        }
    );
    let nobody = name("nobody");
    assert!(matches!(
        store.set_account_state(&nobody, AccountState::Active),
        Err(StoreError::NotFound { .. })
    ));
    assert!(matches!(store.set_display_name(&nobody, ""), Err(StoreError::NotFound { .. })));
    assert!(matches!(store.set_must_change(&nobody, true), Err(StoreError::NotFound { .. })));
    assert!(matches!(store.record_sign_in(&nobody, &later), Err(StoreError::NotFound { .. })));
    assert!(ok(store.delete_account(&name("wong"))));
    assert!(!ok(store.delete_account(&name("wong"))));
    assert_eq!(ok(store.account(&name("wong"))), None);
}

fn passwords<S: IdentityStore>(store: &S) {
    let wong = add(store, "wong");
    assert!(!ok(store.change_password(&wong, "", &record("h"))), "there is none to change");
    ok(store.set_password(&wong, &PasswordRecord { initial_until: Some(NOW), ..record("initial") }, true));
    assert!(!ok(store.change_password(&wong, "other", &record("h2"))));
    assert!(ok(store.change_password(&wong, "initial", &record("h2"))));
    let account = ok(store.account(&wong)).expect("there");
    assert_eq!(account.password, Some(record("h2")), "A-20: the initial password is dead");
    assert!(!account.must_change);
    assert!(!ok(store.change_password(&wong, "initial", &record("h3"))));

    ok(store.set_must_change(&wong, true));
    assert!(!ok(store.rehash_password(&wong, "initial", "stronger")));
    assert!(ok(store.rehash_password(&wong, "h2", "stronger")));
    let account = ok(store.account(&wong)).expect("there");
    assert_eq!(account.password, Some(record("stronger")));
    assert!(account.must_change, "a stronger hash is not a new password");
    assert!(matches!(
        store.set_password(&name("nobody"), &record("h"), true),
        Err(StoreError::NotFound { .. })
    ));
}

fn failures<S: IdentityStore>(store: &S) {
    let policy = LockPolicy::default();
    let wong = add(store, "wong");
    let (known, stranger) = (NameKey([1; 32]), NameKey([2; 32]));
    assert_eq!(ok(store.failures(&known)).count, 0);
    for n in 1..=5 {
        let of_known = ok(store.record_failure(&known, Some(&wong), &policy, NOW));
        let of_stranger = ok(store.record_failure(&stranger, None, &policy, NOW));
        assert_eq!(of_known, of_stranger, "a name that is none locks like one that is");
        assert_eq!(of_known.count, n);
        assert_eq!(ok(store.failures(&known)), of_known);
        assert_eq!(of_known.locked_for(NOW), (n == 5).then_some(300));
    }
    for own_device in [NameKey([0; 32]), NameKey([3; 32])] {
        ok(store.record_failure(&own_device, Some(&wong), &policy, NOW));
        assert_eq!(ok(store.failures_of(&wong)).locked_for(NOW), Some(300), "the worst is shown");
    }
    assert!(ok(store.unlock(&wong)));
    assert!(!ok(store.unlock(&wong)));
    for key in [known, NameKey([0; 32]), NameKey([3; 32])] {
        assert_eq!(ok(store.failures(&key)).count, 0, "a lock is lifted wherever it was");
    }
    assert_eq!(ok(store.failures(&stranger)).count, 5, "only the one that was meant");
    ok(store.clear_failures(&stranger));
    assert_eq!(ok(store.failures(&stranger)).count, 0);
    ok(store.record_failure(&known, Some(&wong), &policy, NOW));
    ok(store.delete_account(&wong));
    assert_eq!(ok(store.failures(&known)).count, 0);
}

fn tokens<S: IdentityStore>(store: &S) {
    let wong = add(store, "wong");
    let mut token = new_token("T1");
    token.drift = -3;
    token.expires = Some(NOW.after(Duration::from_secs(9)));
    ok(store.insert_token(&token));
    assert_eq!(ok(store.token(&token.serial)), Some(token.clone()));
    assert!(matches!(store.insert_token(&token), Err(StoreError::Exists { .. })));
    let hotp =
        Token { kind: TokenKind::Hotp { digits: 6, algorithm: OtpAlgorithm::Sha1 }, ..new_token("T0") };
    let together = store.insert_tokens(&[hotp.clone(), token.clone()]);
    assert_eq!(together, Err(StoreError::Exists { what: "token", name: "T1".to_owned() }));
    assert_eq!(ok(store.tokens()), [token.clone()], "all or none");
    ok(store.insert_token(&hotp));
    assert_eq!(ok(store.tokens()), [hotp.clone(), token.clone()]);
    assert_eq!(ok(store.tokens_of(&wong)), []);

    assert!(matches!(
        store.assign_token(&token.serial, &name("nobody"), TokenState::Active, NOW),
        Err(StoreError::NotFound { .. })
    ));
    let later = NOW.after(Duration::from_secs(5));
    assert!(ok(store.assign_token(&token.serial, &wong, TokenState::Active, later)));
    assert!(!ok(store.assign_token(&token.serial, &wong, TokenState::Active, later)), "not free any longer");
    assert!(ok(store.assign_token(&hotp.serial, &wong, TokenState::Active, NOW)));
    assert!(ok(store.accept_step(&token.serial, 10, 2, later)));
    let used = ok(store.tokens_of(&wong));
    assert_eq!(used[0].serial, token.serial, "the last used first");
    assert_eq!((used[0].last_step, used[0].drift, used[0].last_used), (10, 2, Some(later)));
    assert_eq!(used[0].counting_since, later);

    assert!(!ok(store.accept_step(&token.serial, 10, 2, later)), "the same step");
    assert!(!ok(store.accept_step(&token.serial, 9, 2, later)), "an older step");
    assert!(!ok(store.resync_token(&token.serial, 10, 7)));
    assert!(ok(store.resync_token(&token.serial, 11, 7)));
    let synced = ok(store.token(&token.serial)).expect("there");
    assert_eq!((synced.last_step, synced.drift, synced.last_used), (11, 7, Some(later)));

    assert!(ok(store.unassign_token(&hotp.serial, TokenState::Active)));
    assert_eq!(ok(store.token(&hotp.serial)).expect("there").account, None);
    ok(store.delete_account(&wong));
    let orphan = ok(store.token(&token.serial)).expect("a token outlives its person");
    assert_eq!((orphan.account, orphan.state), (None, TokenState::Initial));
}

fn token_states<S: IdentityStore>(store: &S) {
    let wong = add(store, "wong");
    let serial = active(store, "T1", &wong);
    for state in [TokenState::Inactive, TokenState::Disabled, TokenState::Locked, TokenState::Lost] {
        assert!(ok(store.set_token_state(&serial, TokenState::Active, state)));
        assert!(!ok(store.set_token_state(&serial, TokenState::Active, state)), "no longer active");
        assert!(!ok(store.accept_step(&serial, 100, 0, NOW)), "a token that is {state:?} takes no code");
        assert!(!ok(store.reactivate_token(&serial, TokenState::Active, NOW)));
        assert!(ok(store.reactivate_token(&serial, state, NOW.after(Duration::from_secs(1)))));
    }
    assert_eq!(ok(store.record_token_failure(&serial, 3)), TokenState::Active);
    assert_eq!(ok(store.record_token_failure(&serial, 3)), TokenState::Active);
    assert!(ok(store.accept_step(&serial, 1, 0, NOW)), "a right code forgets the wrong ones");
    assert_eq!(ok(store.record_token_failure(&serial, 2)), TokenState::Active);
    assert_eq!(ok(store.record_token_failure(&serial, 2)), TokenState::Locked);
    assert!(ok(store.reactivate_token(&serial, TokenState::Locked, NOW)));
    assert_eq!(ok(store.token(&serial)).expect("there").failures, 0);
    assert!(matches!(
        store.record_token_failure(&TokenSerial::new("none"), 3),
        Err(StoreError::NotFound { .. })
    ));

    let day = |n: u32| NOW.after(Duration::from_secs(86_400) * n);
    let used_late = active(store, "T2", &wong);
    ok(store.accept_step(&used_late, 1, 0, day(30)));
    let revived_late = active(store, "T3", &wong);
    ok(store.set_token_state(&revived_late, TokenState::Active, TokenState::Inactive));
    ok(store.reactivate_token(&revived_late, TokenState::Inactive, day(40)));
    let fell = |cutoff| {
        let fallen = ok(store.deactivate_unused(cutoff)).into_iter();
        fallen.map(|token| (token.serial, token.state)).collect::<Vec<_>>()
    };
    assert_eq!(fell(day(0).before(Duration::from_millis(1))), []);
    assert_eq!(fell(day(0)), [(serial, TokenState::Inactive)], "A-39");
    assert_eq!(fell(day(29)), []);
    assert_eq!(fell(day(30)), [(used_late, TokenState::Inactive)]);
    assert_eq!(fell(day(40)), [(revived_late, TokenState::Inactive)], "A-40: the count restarted");
    assert_eq!(fell(day(400)), [], "a token falls once");
}

fn one_code_of_many_threads_wins<S: IdentityStore>(store: &S) {
    const THREADS: usize = 8;
    let wong = add(store, "wong");
    let serial = active(store, "T1", &wong);
    for step in 1..=20 {
        let wins = AtomicU32::new(0);
        let start = Barrier::new(THREADS);
        std::thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    start.wait();
                    if ok(store.accept_step(&serial, step, 0, NOW)) {
                        wins.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
        });
        assert_eq!(wins.into_inner(), 1, "exactly one use of step {step}");
    }
}

fn failures_of_many_threads_all_count<S: IdentityStore>(store: &S) {
    const THREADS: u32 = 8;
    let policy = LockPolicy { max_failures: 1000, ..LockPolicy::default() };
    let key = NameKey([3; 32]);
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for _ in 0..10 {
                    ok(store.record_failure(&key, None, &policy, NOW));
                }
            });
        }
    });
    assert_eq!(ok(store.failures(&key)).count, THREADS * 10);
}
