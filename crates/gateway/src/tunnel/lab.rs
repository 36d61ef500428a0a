//! A gateway's inside for tests: a store in memory, sessions, and a switch whose uplink is a queue.

use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use praya_datapath::Delivery;
use praya_datapath::offload::Run;
use praya_identity::password::HashParams;
use praya_identity::{Account, IdentityStore as _, TokenKind, WrappingKey, otp, people, tokens};
use praya_model::resource::{Endpoint, PortRange, Protocol};
use praya_model::sign_in::Grant;
use praya_model::{AccountName, GroupName, Timestamp, TokenSerial};

use super::{Shards, Switch, SwitchSettings, Uplink};
use crate::api::{Administrators, Front};
use crate::audit::Audit;
use crate::config::Config;
use crate::metrics::Metrics;
use crate::posture::Desk;
use crate::sessions::Sessions;
use crate::sign_in::{NewSession, Others, SessionDirectory, SignInParts, SignInPolicy, SignInService};
use crate::store::{DeviceKey, Group, Rates, Store};

/// The one server that the group `staff` may reach, on TCP 80 and by echo.
pub(crate) const WEB: &str = "172.31.0.80";

const OTP_SECRET: &[u8] = b"12345678901234567890";

/// What left the switch for the network.
#[derive(Clone, Default)]
pub(crate) struct Outside(Arc<Mutex<Vec<Vec<u8>>>>);

impl Outside {
    pub(crate) fn take(&self) -> Vec<Vec<u8>> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }

    /// From now on whatever sends or takes panics.
    pub(crate) fn fail(&self) {
        let poisoned = Arc::clone(&self.0);
        let holder = std::thread::spawn(move || {
            let _held = poisoned.lock().unwrap();
            panic!("a defect");
        });
        assert!(holder.join().is_err());
    }
}

impl Uplink for Outside {
    fn send(&self, run: &Run<'_>) -> Delivery {
        self.0.lock().unwrap().push(run.to_packet().bytes.to_vec());
        Delivery::Delivered
    }
}

pub(crate) struct Lab {
    pub(crate) config: Arc<Config>,
    pub(crate) store: Store,
    pub(crate) sessions: Arc<Sessions>,
    pub(crate) switch: Arc<Switch>,
    pub(crate) shards: Arc<Shards>,
    pub(crate) metrics: Metrics,
    pub(crate) outside: Outside,
}

impl Lab {
    pub(crate) fn new(change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::initial(vec!["vpn.test".into()]);
        config.tunnel.pool_v4 = Some("10.88.0.0/16".parse().unwrap());
        config.tunnel.pool_v6 = Some("fd88::/64".parse().unwrap());
        config.tunnel.dns_servers = Vec::new();
        config.sessions.per_account = 10;
        change(&mut config);
        let config = Arc::new(config);
        let store = Store::in_memory().unwrap();
        let reach =
            |protocol, port| Endpoint { protocol, net: format!("{WEB}/32").parse().unwrap(), ports: port };
        let networks = vec![reach(Protocol::Tcp, PortRange::one(80)), reach(Protocol::Icmp, PortRange::ALL)];
        store
            .put_group(&Group {
                name: staff(),
                description: String::new(),
                networks,
                rates: Rates::default(),
            })
            .unwrap();
        store.insert_account(&Account::new(alice(), "Alice", now())).unwrap();
        store.add_member(&staff(), &alice()).unwrap();
        let audit = Audit::new(store.clone());
        let sessions = Arc::new(Sessions::load(store.clone(), audit, Arc::clone(&config), now()).unwrap());
        let (metrics, outside) = (Metrics::new(), Outside::default());
        let switch = Switch::new(SwitchSettings::from(&*config), metrics.clone());
        let shards = Arc::new(Shards::start(NonZeroUsize::MIN, || Ok(Arc::new(outside.clone()))).unwrap());
        Self { config, store, sessions, switch, shards, metrics, outside }
    }

    /// Where a channel's packets leave.
    pub(crate) fn uplink(&self) -> Arc<dyn Uplink> {
        Arc::new(self.outside.clone())
    }

    /// What requests are answered from. Alice has an initial password, which is returned, and a token.
    pub(crate) fn front(&self) -> (Front, String) {
        let mut policy = SignInPolicy::from_config(&self.config);
        policy.hash = HashParams { memory_kib: 32, passes: 1, lanes: 1 };
        policy.rate = None;
        let key = Arc::new(WrappingKey::from_bytes([5; 32]));
        let (serial, kind) = (TokenSerial::new("T-1"), TokenKind::SOFT);
        tokens::register(&self.store, &key, serial.clone(), kind, OTP_SECRET, None, now()).unwrap();
        tokens::assign(&self.store, &serial, &alice(), now()).unwrap();
        let initial = people::set_initial_password(&self.store, &alice(), policy.hash, None, now()).unwrap();
        let sign_in = SignInService::new(SignInParts {
            store: self.store.clone(),
            key,
            sessions: Arc::clone(&self.sessions) as Arc<dyn SessionDirectory>,
            posture: Desk::new(self.store.clone(), Audit::new(self.store.clone()), self.metrics.clone()),
            audit: Audit::new(self.store.clone()),
            policy,
            clock: Arc::new(now),
        });
        let front = Front {
            config: Arc::clone(&self.config),
            sessions: Arc::clone(&self.sessions),
            sign_in,
            administrators: Administrators::new(self.store.clone()),
            metrics: self.metrics.clone(),
        };
        (front, initial.expose().to_owned())
    }

    /// Signs Alice in.
    pub(crate) fn sign_in(&self, device_key: Option<DeviceKey>) -> Grant {
        let new = NewSession {
            account: alice(),
            device_key,
            host_name: "pc-17".into(),
            client: "test".into(),
            source: IpAddr::from([192, 0, 2, 1]),
            last_sign_in: None,
            posture: None,
            others: Others::AtMost(10),
        };
        self.sessions.create(new, now()).unwrap()
    }
}

/// The code that Alice's token shows now.
pub(crate) fn code() -> String {
    let step = u64::try_from(otp::step_at(TokenKind::SOFT, now())).unwrap();
    otp::code(TokenKind::SOFT, OTP_SECRET, step).to_string()
}

pub(crate) fn alice() -> AccountName {
    AccountName::new("alice")
}

pub(crate) fn staff() -> GroupName {
    GroupName::new("staff")
}

pub(crate) fn now() -> Timestamp {
    Timestamp::from(SystemTime::now())
}
