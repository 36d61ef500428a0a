//! The store as its callers meet it: the identity contract, sessions, resources, audit, and files that are not well.

use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use praya_identity::{Account, IdentityStore as _};
use praya_model::resource::{Endpoint, PortRange, Protocol, ResourceKind};
use praya_model::{AccountName, EndReason, GroupName, Resource, ResourceId, Secret, SessionId, Timestamp};
use tempfile::TempDir;

use super::*;
use crate::sign_in::Others;

const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);

fn later(secs: u64) -> Timestamp {
    NOW.after(Duration::from_secs(secs))
}

fn file() -> (TempDir, PathBuf) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("praya.db");
    (folder, path)
}

fn wong() -> AccountName {
    AccountName::new("wong")
}

pub(super) fn row(id: &str) -> SessionRow {
    SessionRow {
        id: SessionId::new(id),
        account: wong(),
        device_key: None,
        host_name: "pc-17".into(),
        client: "praya 0.1".into(),
        source: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
        started: NOW,
        expires: later(3600),
        last_traffic: NOW,
        away_since: Some(NOW),
        proof_counter: 0,
        bytes_in: 0,
        bytes_out: 0,
        tally: Tally::default(),
        last_sign_in: None,
        posture: None,
        ended: None,
    }
}

pub(super) fn lease_of(id: &str, last: u8) -> Lease {
    Lease { session: SessionId::new(id), v4: Some(Ipv4Addr::new(10, 0, 0, last)), v6: None }
}

pub(super) fn cookie(text: &str) -> CookieHash {
    CookieHash::of(&Secret::new(text))
}

fn begin(store: &Store, id: &str, last: u8, others: Others) -> Begun {
    store.begin_session(&row(id), &cookie(id), &lease_of(id, last), others).unwrap()
}

#[test]
fn sqlite_keeps_the_identity_contract() {
    praya_identity::contract::check(&|| Store::in_memory().unwrap());
}

#[test]
fn sqlite_on_disk_keeps_the_identity_contract() {
    let folder = TempDir::new().unwrap();
    let count = std::cell::Cell::new(0);
    praya_identity::contract::check(&|| {
        count.set(count.get() + 1);
        Store::create(&folder.path().join(format!("{}.db", count.get()))).unwrap()
    });
}

#[test]
fn one_code_used_by_two_processes_is_accepted_once() {
    use praya_identity::sealed::Sealed;
    use praya_identity::{Token, TokenKind, TokenState};

    let (_folder, path) = file();
    let stores = [Store::create(&path).unwrap(), Store::open(&path).unwrap()];
    stores[0].insert_account(&Account::new(wong(), "", NOW)).unwrap();
    let serial = praya_model::TokenSerial::new("T1");
    let token = Token::new(serial.clone(), TokenKind::SOFT, Sealed::from_bytes(vec![0]), NOW);
    stores[0].insert_token(&token).unwrap();
    stores[0].assign_token(&serial, &wong(), TokenState::Active, NOW).unwrap();
    for step in 1..=30 {
        let start = std::sync::Barrier::new(2);
        let wins: Vec<bool> = std::thread::scope(|scope| {
            let uses = stores.each_ref().map(|store| {
                scope.spawn(|| {
                    start.wait();
                    store.accept_step(&serial, step, 0, NOW).unwrap()
                })
            });
            uses.into_iter().map(|one| one.join().unwrap()).collect()
        });
        assert_eq!(wins.iter().filter(|won| **won).count(), 1, "step {step}");
    }
}

#[test]
fn a_session_and_its_lease_come_and_go_together() {
    let store = Store::in_memory().unwrap();
    assert_eq!(begin(&store, "s1", 2, Others::AtMost(1)), Begun::Made { ended: vec![] });
    assert_eq!(store.session(&SessionId::new("s1")).unwrap(), Some(row("s1")));
    assert_eq!(store.leases().unwrap(), [lease_of("s1", 2)]);
    let ended = store.end_session(&SessionId::new("s1"), EndReason::Idle, later(9)).unwrap().unwrap();
    assert_eq!(ended.ended, Some((later(9), EndReason::Idle)));
    assert_eq!(store.end_session(&SessionId::new("s1"), EndReason::Admin, later(10)).unwrap(), None);
    assert_eq!(store.leases().unwrap(), []);
    assert_eq!(store.live_sessions().unwrap(), []);
    let (row, _) = store.session_by_cookie(&cookie("s1")).unwrap().unwrap();
    assert_eq!(row.ended, Some((later(9), EndReason::Idle)), "an old cookie still learns why");
    assert_eq!(store.purge_sessions(later(9)).unwrap(), 0);
    assert_eq!(store.purge_sessions(later(10)).unwrap(), 1);
    assert_eq!(store.session_by_cookie(&cookie("s1")).unwrap(), None);
}

#[test]
fn a34_the_policy_decides_about_other_sessions_in_the_same_transaction() {
    let store = Store::in_memory().unwrap();
    begin(&store, "s1", 2, Others::AtMost(1));
    assert!(
        matches!(begin(&store, "s2", 3, Others::AtMost(1)), Begun::Elsewhere(live) if live[0].id.as_str() == "s1")
    );
    assert_eq!(begin(&store, "s2", 3, Others::AtMost(2)), Begun::Made { ended: vec![] });
    assert_eq!(begin(&store, "s3", 3, Others::AtMost(9)), Begun::AddressTaken);
    let Begun::Made { ended } = begin(&store, "s3", 2, Others::Replace(1)) else { panic!("made") };
    let ended: Vec<_> = ended.iter().map(|row| (row.id.as_str(), row.ended)).collect();
    let duplicate = Some((NOW, EndReason::Duplicate));
    assert_eq!(ended, [("s1", duplicate), ("s2", duplicate)]);
    let live = store.live_sessions_of(&wong()).unwrap();
    assert_eq!(live.len(), 1);
    begin(&store, "s4", 3, Others::AtMost(2));
    assert!(matches!(begin(&store, "s5", 4, Others::Replace(2)), Begun::Made { ended } if ended.len() == 1));
    assert_eq!(live[0].id.as_str(), "s3");
}

#[test]
fn a_refused_session_ends_nothing() {
    let store = Store::in_memory().unwrap();
    let other = SessionRow { account: AccountName::new("chan"), ..row("c1") };
    store.begin_session(&other, &cookie("c1"), &lease_of("c1", 9), Others::AtMost(1)).unwrap();
    begin(&store, "s1", 2, Others::AtMost(1));
    assert_eq!(begin(&store, "s2", 9, Others::Replace(1)), Begun::AddressTaken);
    assert_eq!(store.live_sessions_of(&wong()).unwrap(), [row("s1")]);
}

#[test]
fn a32_the_same_device_replaces_its_own_session() {
    let store = Store::in_memory().unwrap();
    let mine = |id: &str| SessionRow { device_key: Some(DeviceKey([7; 32])), ..row(id) };
    store.begin_session(&mine("s1"), &cookie("s1"), &lease_of("s1", 2), Others::AtMost(1)).unwrap();
    let begun =
        store.begin_session(&mine("s2"), &cookie("s2"), &lease_of("s2", 3), Others::AtMost(1)).unwrap();
    assert!(matches!(begun, Begun::Made { ended } if ended.len() == 1));
    assert_eq!(store.live_sessions().unwrap(), [mine("s2")]);
}

#[test]
fn racing_sign_ins_get_no_more_sessions_than_allowed() {
    let (_folder, path) = file();
    let store = Store::create(&path).unwrap();
    let made = std::thread::scope(|scope| {
        let races: Vec<_> = (0..8_u8)
            .map(|n| {
                let store = store.clone();
                scope.spawn(move || begin(&store, &format!("s{n}"), n, Others::AtMost(2)))
            })
            .collect();
        races.into_iter().map(|race| race.join().unwrap()).collect::<Vec<_>>()
    });
    assert_eq!(made.iter().filter(|begun| matches!(begun, Begun::Made { .. })).count(), 2);
}

#[test]
fn a_rotated_cookie_retires_the_old_one_at_its_first_use() {
    let store = Store::in_memory().unwrap();
    let id = SessionId::new("s1");
    begin(&store, "s1", 2, Others::AtMost(1));
    let state = |text: &str| store.session_by_cookie(&cookie(text)).unwrap().map(|(_, state)| state);
    assert_eq!(state("s1"), Some(CookieState::Current));
    assert!(store.offer_cookie(&id, &cookie("two")).unwrap());
    assert_eq!((state("s1"), state("two")), (Some(CookieState::Current), Some(CookieState::Offered)));
    assert!(store.offer_cookie(&id, &cookie("three")).unwrap());
    assert_eq!(state("two"), None, "never used, withdrawn");
    assert!(store.confirm_cookie(&id, &cookie("three")).unwrap());
    assert!(!store.confirm_cookie(&id, &cookie("three")).unwrap());
    assert_eq!((state("s1"), state("three")), (Some(CookieState::Retired), Some(CookieState::Current)));
    for n in 0..200 {
        store.offer_cookie(&id, &cookie(&format!("n{n}"))).unwrap();
        store.confirm_cookie(&id, &cookie(&format!("n{n}"))).unwrap();
    }
    assert_eq!(state("n199"), Some(CookieState::Current));
    assert_eq!(state("n198"), Some(CookieState::Retired));
    assert_eq!(state("s1"), None, "the number of retired cookies is bounded");
    store.end_session(&id, EndReason::UserLogout, NOW).unwrap();
    assert!(!store.offer_cookie(&id, &cookie("late")).unwrap());
}

#[test]
fn a_proof_counter_only_rises() {
    let store = Store::in_memory().unwrap();
    let id = SessionId::new("s1");
    begin(&store, "s1", 2, Others::AtMost(1));
    assert!(store.advance_proof(&id, 5).unwrap());
    assert!(!store.advance_proof(&id, 5).unwrap());
    assert!(!store.advance_proof(&id, 4).unwrap());
    assert!(!store.advance_proof(&id, u64::MAX).unwrap());
    assert!(store.advance_proof(&id, 6).unwrap());
    store.end_session(&id, EndReason::Admin, NOW).unwrap();
    assert!(!store.advance_proof(&id, 7).unwrap());
}

#[test]
fn traffic_is_kept_and_never_goes_back() {
    let store = Store::in_memory().unwrap();
    let id = SessionId::new("s1");
    begin(&store, "s1", 2, Others::AtMost(1));
    let tally = Tally { channel: Some("udp".into()), ..Tally::default() };
    let traffic = |last, bytes_in, bytes_out| {
        let tally = tally.clone();
        store
            .record_traffic(&[TrafficRow { session: id.clone(), last, bytes_in, bytes_out, tally }])
            .unwrap();
    };
    traffic(later(5), 10, 20);
    traffic(later(3), 9, 30);
    store.set_away(&id, None).unwrap();
    let row = store.session(&id).unwrap().unwrap();
    assert_eq!((row.last_traffic, row.bytes_in, row.bytes_out), (later(5), 10, 30));
    assert_eq!(row.tally, tally);
    assert_eq!(row.away_since, None);
}

#[test]
fn a25_resources_belong_to_groups_and_reach_their_members() {
    let store = Store::in_memory().unwrap();
    let staff = GroupName::new("staff");
    let endpoint =
        Endpoint { protocol: Protocol::Tcp, net: "10.9.0.5/32".parse().unwrap(), ports: PortRange::one(443) };
    let resource = Resource {
        id: ResourceId::new("wiki"),
        name: "Wiki".into(),
        description: "".into(),
        group: staff.clone(),
        kind: ResourceKind::FileShare,
        address: "https://wiki.ias.internal/".into(),
        endpoints: vec![endpoint.clone()],
    };
    assert!(matches!(store.put_resource(&resource), Err(StoreError::NotFound { what: "group", .. })));
    let rates = Rates { to_client: NonZeroU32::new(100), from_client: None };
    let group =
        Group { name: staff.clone(), description: "Everybody".into(), networks: vec![endpoint], rates };
    store.put_group(&group).unwrap();
    store.put_resource(&resource).unwrap();
    assert!(matches!(store.add_member(&staff, &wong()), Err(StoreError::NotFound { what: "account", .. })));
    store.insert_account(&Account::new(wong(), "", NOW)).unwrap();
    assert_eq!(store.resources_for(&wong()).unwrap(), []);
    assert!(store.add_member(&staff, &wong()).unwrap());
    assert!(!store.add_member(&staff, &wong()).unwrap());
    assert_eq!(store.resources_for(&wong()).unwrap(), std::slice::from_ref(&resource));
    assert_eq!(store.groups_of(&wong()).unwrap(), std::slice::from_ref(&group));
    assert_eq!(store.members(&staff).unwrap(), [wong()]);
    let renamed = Resource { name: "Handbook".into(), ..resource };
    store.put_resource(&renamed).unwrap();
    assert_eq!(store.resources().unwrap(), [renamed]);
    assert!(matches!(store.delete_group(&staff), Err(StoreError::InUse { .. })));
    assert!(store.delete_resource(&ResourceId::new("wiki")).unwrap());
    assert!(store.delete_group(&staff).unwrap());
    assert!(!store.delete_group(&staff).unwrap());
    assert_eq!(store.groups_of(&wong()).unwrap(), []);
}

#[test]
fn the_audit_is_append_only_and_can_be_followed() {
    let store = Store::in_memory().unwrap();
    let record = |code: &str| NewAudit {
        account: Some(wong()),
        code: Some(code.into()),
        support: Some(praya_model::SupportCode::new("ABCD2345")),
        detail: serde_json::json!({ "step": "otp" }),
        ..NewAudit::new(NOW, AuditEvent::SignIn, Outcome::Refused, "person")
    };
    let first = store.append_audit(&record("wrong_otp")).unwrap();
    let second = store.append_audit(&record("locked")).unwrap();
    assert!(second > first);
    let all = store.audit(&AuditFilter::default()).unwrap();
    assert_eq!(all.iter().map(|record| record.id).collect::<Vec<_>>(), [first, second]);
    assert_eq!(all[0].detail["step"], "otp");
    let after = |id| store.audit(&AuditFilter { after_id: Some(id), ..Default::default() }).unwrap();
    assert_eq!(after(first).len(), 1);
    assert_eq!(after(store.last_audit_id().unwrap()), []);
    let newest = AuditFilter { limit: 1, ..Default::default() };
    assert_eq!(store.audit(&newest).unwrap()[0].id, second);
    let by = |filter: AuditFilter| store.audit(&filter).unwrap().len();
    assert_eq!(by(AuditFilter { code: Some("locked".into()), ..Default::default() }), 1);
    assert_eq!(by(AuditFilter { account: Some(AccountName::new("chan")), ..Default::default() }), 0);
    assert_eq!(by(AuditFilter { support: all[0].support.clone(), ..Default::default() }), 2);
    assert_eq!(by(AuditFilter { outcome: Some(Outcome::Ok), ..Default::default() }), 0);
    assert_eq!(by(AuditFilter { since: Some(later(1)), ..Default::default() }), 0);
    assert_eq!(by(AuditFilter { until: Some(later(1)), ..Default::default() }), 2);
    for sql in ["DELETE FROM audit", "UPDATE audit SET outcome = 'ok'"] {
        let tampered = store.write(|db| Ok(db.execute(sql, [])?));
        assert!(matches!(tampered, Err(StoreError::Failed { detail }) if detail.contains("append-only")));
    }
}

#[test]
fn only_commits_of_others_are_changes() {
    let (_folder, path) = file();
    let running = Store::create(&path).unwrap();
    let admin = Store::open(&path).unwrap();
    let mut changes = running.changes();
    assert!(changes.poll().unwrap(), "the first look");
    running.set_setting("a", "1").unwrap();
    assert!(!changes.poll().unwrap());
    admin.set_setting("b", "2").unwrap();
    assert!(changes.poll().unwrap());
    assert!(!changes.poll().unwrap());
    assert_eq!(running.setting("b").unwrap().as_deref(), Some("2"));
    assert_eq!(running.setting("c").unwrap(), None);
}

#[tokio::test]
async fn a_call_keeps_its_thread_to_the_end_though_nobody_waits_for_it() {
    let store = Store::in_memory().unwrap();
    let (go_on, told) = std::sync::mpsc::channel::<()>();
    let mut call = Box::pin(store.run(move |_| Ok::<_, StoreError>(told.recv().is_err())));
    assert!(futures_util::poll!(&mut call).is_pending());
    drop(call);
    assert_eq!(store.inner.calls.available_permits(), CALLS - 1);
    drop(go_on);
    let _all = store.inner.calls.acquire_many(u32::try_from(CALLS).unwrap()).await.unwrap();
}

#[test]
fn a_missing_file_is_not_made_by_opening_it() {
    let (_folder, path) = file();
    assert!(matches!(Store::open(&path), Err(StoreError::CannotOpen { .. })));
    assert!(!path.exists());
    drop(Store::create(&path).unwrap());
    let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&path).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    Store::open(&path).unwrap();
}

#[test]
fn a_newer_schema_is_left_alone() {
    let (_folder, path) = file();
    let store = Store::create(&path).unwrap();
    store.write(|db| Ok(db.pragma_update(None, "user_version", 99)?)).unwrap();
    drop(store);
    let error = Store::open(&path).unwrap_err();
    assert!(matches!(error, StoreError::Newer { found: 99, known: 6, .. }));
    assert!(error.to_string().contains("newer praya-gateway"), "{error}");
}

#[test]
fn another_programs_database_is_left_alone() {
    let (_folder, path) = file();
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE theirs (x)").unwrap();
    let before = fs::read(&path).unwrap();
    assert!(matches!(Store::create(&path), Err(StoreError::NotOurs { .. })));
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn a_damaged_file_is_told_from_a_healthy_one() {
    let (_folder, path) = file();
    fs::write(&path, b"this was never a database, and it is long enough to have a head").unwrap();
    assert!(matches!(Store::open(&path), Err(StoreError::Damaged { .. })));
    fs::remove_file(&path).unwrap();

    let store = Store::create(&path).unwrap();
    for n in 0..200 {
        store.set_setting(&format!("key {n}"), &"x".repeat(200)).unwrap();
    }
    drop(store);
    let mut bytes = fs::read(&path).unwrap();
    let half = bytes.len() / 2;
    bytes[half..].fill(0x5a);
    fs::write(&path, &bytes).unwrap();
    let error = Store::open(&path).unwrap_err();
    assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
    assert!(error.to_string().contains("restore a backup"));
}

#[test]
fn a_full_disk_changes_nothing_and_says_so() {
    let (_folder, path) = file();
    let store = Store::create(&path).unwrap();
    store
        .read(|db| {
            let pages: i64 = db.pragma_query_value(None, "page_count", |row| row.get(0))?;
            Ok(db.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))?)
        })
        .unwrap();
    let error = store.set_setting("big", &"x".repeat(100_000)).unwrap_err();
    assert_eq!(error, StoreError::Full { path });
    assert_eq!(store.setting("big").unwrap(), None);
}

#[test]
fn what_an_opening_without_room_leaves_is_taken_away_unless_somebody_uses_it() {
    let (_folder, path) = file();
    let beside = ["-wal", "-shm"].map(|end| path.with_extension(format!("db{end}")));
    let there = || beside.iter().all(|file| file.exists());
    let store = Store::create(&path).unwrap();
    store.set_setting("a", "b").unwrap();
    assert!(there());
    assert!(open::tidy(&path).is_err(), "somebody has it open");
    assert!(there());
    store.set_setting("a", "c").unwrap();
    drop(store);

    fs::write(&beside[0], b"").unwrap();
    fs::write(&beside[1], b"\0\0\0").unwrap();
    assert!(open::tidy(&path).is_ok());
    assert!(beside.iter().all(|file| !file.exists()));
    assert_eq!(Store::open(&path).unwrap().setting("a").unwrap().as_deref(), Some("c"));
}

#[test]
fn a_read_only_database_says_so() {
    let (_folder, path) = file();
    let store = Store::create(&path).unwrap();
    store.read(|db| Ok(db.pragma_update(None, "query_only", true)?)).unwrap();
    assert_eq!(store.set_setting("a", "b"), Err(StoreError::ReadOnly { path }));
}

#[test]
fn a_database_that_somebody_holds_says_so() {
    let (_folder, path) = file();
    let store = Store::create(&path).unwrap();
    store.read(|db| Ok(db.busy_timeout(Duration::from_millis(1))?)).unwrap();
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert_eq!(store.set_setting("a", "b"), Err(StoreError::Busy { path }));
    other.execute_batch("ROLLBACK").unwrap();
    store.set_setting("a", "b").unwrap();
}

#[test]
fn nothing_secret_prints() {
    assert_eq!(format!("{:?}", cookie("c")), "[cookie hash]");
}
