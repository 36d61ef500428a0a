//! Sessions as tunnels, the API and administrators' commands see them, over a real database file.

use std::sync::Arc;
use std::time::Duration;

use praya_identity::{Account, AccountState, IdentityStore as _};
use praya_model::resource::{Endpoint, PortRange, Protocol};
use praya_model::sign_in::Grant;
use praya_model::{AccountName, EndReason, GroupName, Secret, Timestamp};

use super::proof::tests::Device;
use super::*;
use crate::audit::Audit;
use crate::config::Config;
use crate::sign_in::{CreateRefusal, NewSession, Others, SessionDirectory as _};
use crate::store::{AuditFilter, AuditRecord, DeviceKey, Group, Rates, Store};

const START: Timestamp = Timestamp::from_secs(1_790_000_000);
const EXPORTER: [u8; 32] = [7; 32];

struct Site {
    folder: tempfile::TempDir,
    config: Arc<Config>,
    store: Store,
    sessions: Sessions,
}

fn after(seconds: u64) -> Timestamp {
    START.after(Duration::from_secs(seconds))
}

impl Site {
    fn new() -> Self {
        Self::with(|_| {})
    }

    fn with(change: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::create(&folder.path().join("praya.db")).unwrap();
        for name in ["wong", "lei"] {
            store.insert_account(&Account::new(AccountName::new(name), "", START)).unwrap();
        }
        let mut config = Config::initial(vec!["vpn.example".into()]);
        change(&mut config);
        let config = Arc::new(config);
        let sessions =
            Sessions::load(store.clone(), Audit::new(store.clone()), Arc::clone(&config), START).unwrap();
        Self { folder, config, store, sessions }
    }

    /// The gateway again, on the same file.
    fn restarted(self, now: Timestamp) -> Self {
        let Self { folder, config, store, sessions } = self;
        drop((store, sessions));
        let store = Store::open(&folder.path().join("praya.db")).unwrap();
        let sessions =
            Sessions::load(store.clone(), Audit::new(store.clone()), Arc::clone(&config), now).unwrap();
        Self { folder, config, store, sessions }
    }

    /// The database as another process has it open.
    fn elsewhere(&self) -> Store {
        Store::open(&self.folder.path().join("praya.db")).unwrap()
    }

    fn try_sign_in(&self, account: &str, device_key: Option<DeviceKey>) -> Result<Grant, CreateRefusal> {
        let new = NewSession {
            account: AccountName::new(account),
            device_key,
            host_name: "pc".into(),
            client: "test".into(),
            source: [192, 0, 2, 1].into(),
            last_sign_in: None,
            posture: None,
            others: Others::AtMost(1),
        };
        self.sessions.create(new, START)
    }

    fn sign_in(&self, account: &str) -> Grant {
        self.try_sign_in(account, None).unwrap()
    }

    async fn attach(&self, cookie: &Secret, now: Timestamp) -> Result<Attached, Refusal> {
        self.sessions.attach(cookie, ConnectProof { proof: None, exporter: None }, now).await
    }

    async fn attach_with(
        &self,
        device: &Device,
        cookie: &Secret,
        now: Timestamp,
    ) -> Result<Attached, Refusal> {
        let proof = device.for_connect(&EXPORTER);
        let proof = ConnectProof { proof: Some(&proof), exporter: Some(EXPORTER) };
        self.sessions.attach(cookie, proof, now).await
    }

    async fn call(
        &self,
        device: &Device,
        cookie: &Secret,
        counter: u64,
    ) -> Result<Arc<LiveSession>, Refusal> {
        let request = ApiRequest { proof: None, method: "GET", target: "/api/v1/session", body: b"" };
        let proof = device.for_api(&request, &counter.to_string(), cookie);
        self.sessions.bearer(cookie, ApiRequest { proof: Some(&proof), ..request }, after(1)).await
    }

    fn refusals(&self, code: &str) -> Vec<AuditRecord> {
        let filter = AuditFilter { code: Some(code.into()), ..AuditFilter::default() };
        self.store.audit(&filter).unwrap()
    }

    /// Lets the database do `act` after every `event`.
    fn trigger(&self, event: &str, act: &str) {
        let sql = format!("CREATE TRIGGER meddler AFTER {event} BEGIN {act} END");
        rusqlite::Connection::open(self.store.path()).unwrap().execute_batch(&sql).unwrap();
    }
}

fn refusal<T: std::fmt::Debug>(result: Result<T, Refusal>) -> Refusal {
    result.unwrap_err()
}

#[tokio::test]
async fn a_34_a_machine_without_a_name_takes_the_one_it_gives_with_its_tunnel() {
    let site = Site::new();
    let unnamed = NewSession {
        account: AccountName::new("wong"),
        device_key: None,
        host_name: String::new(),
        client: "openconnect".into(),
        source: [192, 0, 2, 1].into(),
        last_sign_in: None,
        posture: None,
        others: Others::AtMost(1),
    };
    let cookie = site.sessions.create(unnamed, START).unwrap().cookie;
    let attached = site.attach(&cookie, after(1)).await.unwrap();
    site.sessions.name_machine(&attached.session, "\u{7}").await;
    site.sessions.name_machine(&attached.session, "pc\u{1b}-9").await;
    site.sessions.name_machine(&attached.session, "another").await;
    assert_eq!(attached.session.host_name(), "pc-9");
    let elsewhere = site.sessions.elsewhere(&AccountName::new("wong"), None).unwrap();
    assert_eq!(elsewhere.iter().map(|other| other.host_name.as_str()).collect::<Vec<_>>(), ["pc-9"]);
}

#[tokio::test]
async fn the_newest_channel_wins_and_the_address_stays() {
    let site = Site::new();
    let cookie = site.sign_in("wong").cookie;
    let first = site.attach(&cookie, after(1)).await.unwrap();
    let second = site.attach(&cookie, after(2)).await.unwrap();
    assert_eq!(first.orders.await, Ok(EndOrder::TakenOver));
    assert_eq!(first.tunnel.addresses, second.tunnel.addresses);
    assert_eq!(first.new_cookie, None, "AnyConnect clients keep their cookie");
    site.sessions.detach(&first.session, first.channel, Gone::Away, after(3)).await;
    assert!(second.session.is_attached(), "the old channel's going means nothing");
    site.sessions.detach(&second.session, second.channel, Gone::Away, after(4)).await;
    assert!(!second.session.is_attached());
    let third = site.attach(&cookie, after(5)).await.unwrap();
    assert_eq!(third.tunnel.addresses, second.tunnel.addresses);
}

#[tokio::test]
async fn a_bye_kills_the_cookie() {
    let site = Site::new();
    let cookie = site.sign_in("wong").cookie;
    let attached = site.attach(&cookie, after(1)).await.unwrap();
    site.sessions.detach(&attached.session, attached.channel, Gone::Bye(EndReason::TrayExit), after(2)).await;
    assert_eq!(refusal(site.attach(&cookie, after(3)).await), Refusal::Ended(EndReason::TrayExit));
    assert_eq!(refusal(site.attach(&Secret::new("no such"), after(3)).await), Refusal::Unknown);
    assert_eq!(site.sessions.count(), 0);
    assert!(site.store.leases().unwrap().is_empty());
}

#[tokio::test]
async fn a_bound_session_opens_only_with_the_devices_proof() {
    let site = Site::new();
    let (device, thief) = (Device::new(1), Device::new(2));
    let cookie = site.try_sign_in("wong", Some(device.key())).unwrap().cookie;
    assert_eq!(refusal(site.attach(&cookie, after(1)).await), Refusal::Unknown);
    assert_eq!(refusal(site.attach_with(&thief, &cookie, after(1)).await), Refusal::Unknown);
    assert_eq!(refusal(site.call(&thief, &cookie, 5).await), Refusal::Unknown);
    assert_eq!(site.refusals("proof").len(), 1);
    site.attach_with(&device, &cookie, after(1)).await.unwrap();
    site.call(&device, &cookie, 5).await.unwrap();
    for stale in [5, 4] {
        assert_eq!(refusal(site.call(&device, &cookie, stale).await), Refusal::Unknown);
    }
    assert_eq!(site.refusals("replayed_proof").len(), 1);
    site.call(&device, &cookie, 6).await.unwrap();
}

#[tokio::test]
async fn a_loop_with_a_wrong_proof_is_one_record_a_minute_with_a_count() {
    let site = Site::new();
    let (device, thief) = (Device::new(1), Device::new(2));
    let cookie = site.try_sign_in("wong", Some(device.key())).unwrap().cookie;
    for _ in 0..100 {
        assert_eq!(refusal(site.attach_with(&thief, &cookie, after(1)).await), Refusal::Unknown);
    }
    assert_eq!(site.refusals("proof").len(), 1);
    site.attach_with(&device, &cookie, after(2)).await.expect("the thief's loop costs the person nothing");
    site.sessions.sweep(after(61)).await;
    assert_eq!(site.refusals("proof")[1].detail["count"], 99);
    assert_eq!(site.refusals("proof")[1].session, site.refusals("proof")[0].session);
}

#[tokio::test]
async fn a_gateway_that_stops_records_the_refusals_that_it_held_back() {
    let site = Site::new();
    let (device, thief) = (Device::new(1), Device::new(2));
    let cookie = site.try_sign_in("wong", Some(device.key())).unwrap().cookie;
    for _ in 0..100 {
        assert_eq!(refusal(site.attach_with(&thief, &cookie, after(1)).await), Refusal::Unknown);
    }
    site.sessions.close(after(2)).await.unwrap();
    let counted: Vec<_> = site.refusals("proof").iter().map(|r| r.detail["count"].as_u64()).collect();
    assert_eq!(counted, [None, Some(99)]);
    site.sessions.close(after(2)).await.unwrap();
    assert_eq!(site.refusals("proof").len(), 2, "and nothing twice");
}

#[tokio::test]
async fn a_loop_of_tunnels_with_a_good_cookie_is_slowed_down_before_anything_is_written() {
    let site = Site::new();
    let (wong, lei) = (site.sign_in("wong").cookie, site.sign_in("lei").cookie);
    for _ in 0..10 {
        site.attach(&wong, after(1)).await.unwrap();
    }
    let records = site.store.last_audit_id().unwrap();
    for _ in 0..100 {
        let refused = refusal(site.attach(&wong, after(1)).await);
        assert_eq!(refused, Refusal::TooOften { retry_after_seconds: 1 });
    }
    assert_eq!(site.store.last_audit_id().unwrap(), records);
    site.attach(&lei, after(1)).await.expect("others are not concerned");
    site.attach(&wong, after(2)).await.unwrap();
    assert!(site.attach(&wong, after(2)).await.is_err(), "one a second");
    for _ in 0..10 {
        site.attach(&wong, after(20)).await.unwrap();
    }
}

#[tokio::test]
async fn a_tunnel_that_the_database_did_not_note_is_not_attached() {
    let site = Site::new();
    let cookie = site.sign_in("wong").cookie;
    site.trigger("UPDATE OF away_since ON sessions", "SELECT RAISE(ABORT, 'no');");
    assert!(matches!(refusal(site.attach(&cookie, after(1)).await), Refusal::Store(_)));
    assert!(!site.sessions.list()[0].is_attached());
    // So it ends as a session without a tunnel does.
    assert_eq!(site.sessions.sweep(after(301)).await, 1);
}

#[tokio::test]
async fn what_changes_while_a_session_is_made_reaches_it() {
    let site = Site::new();
    let net = "10.3.0.0/16".parse().unwrap();
    let ssh = Endpoint { protocol: Protocol::Tcp, net, ports: PortRange::one(22) };
    let group = Group {
        name: GroupName::new("staff"),
        description: String::new(),
        networks: vec![ssh.clone()],
        rates: Rates::default(),
    };
    site.store.put_group(&group).unwrap();
    // Each happens after the look at the rules and before the session is in memory.
    site.trigger("INSERT ON leases", "INSERT INTO members VALUES ('staff', 'wong');");
    site.sign_in("wong");
    assert!(site.sessions.list()[0].access().endpoints.contains(&ssh));

    let site = Site::new();
    site.trigger("INSERT ON leases", "UPDATE sessions SET ended_at = 1, end_reason = 'admin';");
    let cookie = site.sign_in("wong").cookie;
    assert_eq!(site.sessions.count(), 0);
    assert_eq!(refusal(site.attach(&cookie, after(1)).await), Refusal::Ended(EndReason::Admin));
}

#[tokio::test]
async fn the_old_cookie_dies_with_the_first_use_of_the_new_one() {
    let site = Site::new();
    let device = Device::new(1);
    let first = site.try_sign_in("wong", Some(device.key())).unwrap().cookie;
    let second = site.attach_with(&device, &first, after(1)).await.unwrap().new_cookie.unwrap();
    assert_ne!(first, second);
    // The reply may have been lost: the old one still opens, and makes another offer.
    let third = site.attach_with(&device, &first, after(2)).await.unwrap().new_cookie.unwrap();
    site.call(&device, &third, 1).await.unwrap();
    assert_eq!(refusal(site.attach_with(&device, &first, after(3)).await), Refusal::Unknown);
    assert_eq!(refusal(site.call(&device, &first, 2).await), Refusal::Unknown);
    assert_eq!(site.refusals("retired_cookie").len(), 1);
    site.attach_with(&device, &third, after(4)).await.unwrap();
}

#[tokio::test]
async fn the_end_by_another_process_reaches_the_channel() {
    let site = Site::new();
    let grant = site.sign_in("wong");
    let attached = site.attach(&grant.cookie, after(1)).await.unwrap();
    let mut changes = site.store.changes();
    assert!(changes.poll().unwrap(), "the first look");
    site.elsewhere().end_session(&grant.session.unwrap(), EndReason::Admin, after(2)).unwrap();
    assert!(changes.poll().unwrap());
    site.sessions.reconcile(after(2)).await.unwrap();
    assert_eq!(attached.orders.await, Ok(EndOrder::Ended(EndReason::Admin)));
    assert_eq!(site.sessions.count(), 0);
    site.sign_in("wong");
}

#[tokio::test]
async fn closing_an_account_ends_its_sessions_and_no_others() {
    let site = Site::new();
    let (wong, lei) = (site.sign_in("wong"), site.sign_in("lei"));
    let attached = site.attach(&wong.cookie, after(1)).await.unwrap();
    site.elsewhere().set_account_state(&AccountName::new("wong"), AccountState::Disabled).unwrap();
    site.sessions.reconcile(after(2)).await.unwrap();
    assert_eq!(attached.orders.await, Ok(EndOrder::Ended(EndReason::AccountDisabled)));
    site.attach(&lei.cookie, after(3)).await.unwrap();
}

#[tokio::test]
async fn a_change_of_groups_reaches_a_live_session() {
    let site = Site::new();
    let grant = site.sign_in("wong");
    let attached = site.attach(&grant.cookie, after(1)).await.unwrap();
    let mut news = attached.session.watch_access();
    let net = "10.3.0.0/16".parse().unwrap();
    let ssh = Endpoint { protocol: Protocol::Tcp, net, ports: PortRange::one(22) };
    let (staff, admin) = (GroupName::new("staff"), site.elsewhere());
    admin
        .put_group(&Group {
            name: staff.clone(),
            description: String::new(),
            networks: vec![ssh.clone()],
            rates: Rates::default(),
        })
        .unwrap();
    admin.add_member(&staff, &AccountName::new("wong")).unwrap();
    site.sessions.reconcile(after(2)).await.unwrap();
    assert!(news.has_changed().unwrap() && news.borrow_and_update().endpoints.contains(&ssh));
    site.sessions.reconcile(after(3)).await.unwrap();
    assert!(!news.has_changed().unwrap(), "nothing new is no news");
}

#[tokio::test]
async fn a27_an_idle_session_ends_and_user_traffic_keeps_it() {
    let site = Site::new();
    let (idle, busy) = (site.sign_in("wong"), site.sign_in("lei"));
    let idle = site.attach(&idle.cookie, START).await.unwrap();
    let busy = site.attach(&busy.cookie, START).await.unwrap();
    busy.session.traffic.user_was_active(after(200));
    assert_eq!(site.sessions.sweep(after(299)).await, 0);
    assert_eq!(site.sessions.sweep(after(300)).await, 1);
    assert_eq!(idle.orders.await, Ok(EndOrder::Ended(EndReason::Idle)));
    assert!(busy.session.is_attached());
}

#[tokio::test]
async fn a_dead_session_is_refused_even_before_the_sweep() {
    let site = Site::new();
    let cookie = site.sign_in("wong").cookie;
    assert_eq!(refusal(site.attach(&cookie, after(301)).await), Refusal::Ended(EndReason::Away));
}

#[tokio::test]
async fn sessions_survive_a_restart_with_address_counters_and_time_left() {
    let site = Site::new();
    let cookie = site.sign_in("wong").cookie;
    let before = site.attach(&cookie, START).await.unwrap();
    before.session.traffic.user_was_active(after(50));
    before.session.traffic.bytes_in.store(4711, std::sync::atomic::Ordering::Relaxed);
    site.sessions.flush(after(100)).await.unwrap();
    site.sessions.drain();
    assert_eq!(before.orders.await, Ok(EndOrder::Draining));
    site.sessions.detach(&before.session, before.channel, Gone::Away, after(100)).await;

    // Down for longer than both the away and the idle time.
    let site = site.restarted(after(2000));
    let again = site.attach(&cookie, after(2010)).await.unwrap();
    assert_eq!(again.tunnel.addresses, before.tunnel.addresses);
    assert_eq!(again.session.traffic.bytes_in.load(std::sync::atomic::Ordering::Relaxed), 4711);
    // 50 s of idle time were used before the restart.
    assert_eq!(site.sessions.sweep(after(2259)).await, 0);
    assert_eq!(site.sessions.sweep(after(2260)).await, 1);
}

#[tokio::test]
async fn a_session_whose_pool_is_gone_ends_at_the_restart() {
    let mut site = Site::new();
    let cookie = site.sign_in("wong").cookie;
    let mut config = (*site.config).clone();
    config.tunnel.pool_v4 = Some("10.99.0.0/24".parse().unwrap());
    site.config = Arc::new(config);
    let site = site.restarted(after(1));
    assert_eq!(refusal(site.attach(&cookie, after(2)).await), Refusal::Ended(EndReason::GatewayRestart));
}

#[test]
fn a34_one_more_session_is_refused_and_the_same_device_is_no_other() {
    let site = Site::new();
    let device = Device::new(1);
    let first = site.try_sign_in("wong", Some(device.key())).unwrap();
    let Err(CreateRefusal::Elsewhere(sessions)) = site.try_sign_in("wong", None) else { panic!("refused") };
    assert_eq!(Some(&sessions[0].session), first.session.as_ref());
    assert!(site.sessions.elsewhere(&AccountName::new("wong"), Some(&device.key())).unwrap().is_empty());
    let second = site.try_sign_in("wong", Some(device.key())).unwrap();
    assert_eq!(site.sessions.count(), 1, "a32: the same machine takes its own place");
    assert_ne!(first.session, second.session);
}

#[test]
fn a_full_gateway_refuses_and_keeps_what_it_has() {
    let site = Site::with(|config| config.sessions.total = 1);
    site.sign_in("wong");
    assert_eq!(site.try_sign_in("lei", None).unwrap_err(), CreateRefusal::NoRoom);
    let site = Site::with(|config| config.tunnel.pool_v4 = Some("10.0.0.0/29".parse().unwrap()));
    for number in 0..5 {
        let name = format!("p{number}");
        site.store.insert_account(&Account::new(AccountName::new(name.as_str()), "", START)).unwrap();
        site.sign_in(&name);
    }
    assert_eq!(site.try_sign_in("lei", None).unwrap_err(), CreateRefusal::NoRoom);
    assert_eq!(site.sessions.count(), 5);
}
