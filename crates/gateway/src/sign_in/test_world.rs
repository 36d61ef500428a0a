//! A gateway's sign-in with one person, for tests: real store, sessions as a list, a clock that is set by hand.

use std::net::IpAddr;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use praya_identity::password::HashParams;
use praya_identity::{TokenKind, WrappingKey, otp, people, tokens};
use praya_model::api::{BeginSignIn, SignInReply};
use praya_model::sign_in::{ElsewhereSession, Grant};
use praya_model::{
    AccountName, EndReason, Failure, FailureCode, Secret, SessionId, SignInAnswer, SignInStep, Timestamp,
    TokenSerial,
};

use super::*;
use crate::audit::Audit;
use crate::config::Config;
use crate::metrics::Metrics;
use crate::posture::Desk;
use crate::store::{AuditFilter, AuditRecord, DeviceKey, Store, StoreError};

pub(super) const OTP_SECRET: &[u8] = b"12345678901234567890";
pub(super) const GOOD: &str = "tide and harbour";
pub(super) const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 7));

/// Sessions as a list.
#[derive(Default)]
pub(super) struct Directory {
    /// What somebody else does in the moment in which a session is made.
    pub(super) when_made: Mutex<Option<Box<dyn FnOnce() + Send>>>,
    pub(super) live: Mutex<Vec<(NewSession, SessionId)>>,
    pub(super) ended: Mutex<Vec<(SessionId, EndReason)>>,
}

impl SessionDirectory for Directory {
    fn elsewhere(
        &self,
        account: &AccountName,
        device_key: Option<&DeviceKey>,
    ) -> Result<Vec<ElsewhereSession>, StoreError> {
        let live = self.live.lock().unwrap();
        let others = live.iter().filter(|(session, _)| {
            session.account == *account && (device_key.is_none() || session.device_key.as_ref() != device_key)
        });
        Ok(others
            .map(|(session, id)| ElsewhereSession {
                session: id.clone(),
                host_name: session.host_name.clone(),
                source: session.source.to_string(),
                since: Timestamp::default(),
            })
            .collect())
    }

    fn create(&self, new: NewSession, _now: Timestamp) -> Result<Grant, CreateRefusal> {
        if let Some(meanwhile) = self.when_made.lock().unwrap().take() {
            meanwhile();
        }
        let mut live = self.live.lock().unwrap();
        let account = new.account.clone();
        if matches!(new.others, Others::Replace(_)) {
            live.retain(|(session, _)| session.account != account);
        }
        let id = SessionId::new(format!("s{}", live.len() + 1));
        live.push((new, id.clone()));
        Ok(Grant { session: Some(id), cookie: Secret::new("cookie"), account })
    }

    fn end_sessions_of(
        &self,
        account: &AccountName,
        keep: Option<&SessionId>,
        reason: EndReason,
        _now: Timestamp,
    ) -> Result<u32, StoreError> {
        let mut ended = 0;
        self.live.lock().unwrap().retain(|(session, id)| {
            let stays = session.account != *account || Some(id) == keep;
            if !stays {
                ended += 1;
                self.ended.lock().unwrap().push((id.clone(), reason));
            }
            stays
        });
        Ok(ended)
    }
}

pub(super) struct World {
    pub(super) store: Store,
    pub(super) key: Arc<WrappingKey>,
    pub(super) sessions: Arc<Directory>,
    pub(super) service: SignInService,
    pub(super) time: Arc<AtomicI64>,
    pub(super) wong: AccountName,
    pub(super) serial: TokenSerial,
    pub(super) initial: Secret,
    pub(super) policy: SignInPolicy,
}

pub(super) fn policy() -> SignInPolicy {
    let mut policy = SignInPolicy::from_config(&Config::default());
    policy.hash = HashParams { memory_kib: 32, passes: 1, lanes: 1 };
    policy.rate = None;
    policy.help_desk = Some("ext. 4000".into());
    policy
}

pub(super) fn desk(store: &Store) -> Desk {
    Desk::new(store.clone(), Audit::new(store.clone()), Metrics::new())
}

/// `wong` with an initial password and a token.
pub(super) fn world_of(store: Store, policy: SignInPolicy) -> World {
    let time = Arc::new(AtomicI64::new(1_700_000_010));
    let now = Timestamp::from_secs(time.load(Ordering::SeqCst));
    let key = Arc::new(WrappingKey::from_bytes([5; 32]));
    let wong = people::add(&store, "wong", "Wong", now).unwrap().name;
    let day = Some(Duration::from_secs(86_400));
    let initial = people::set_initial_password(&store, &wong, policy.hash, day, now).unwrap();
    let serial = TokenSerial::new("F88AC2B6");
    tokens::register(&store, &key, serial.clone(), TokenKind::SOFT, OTP_SECRET, None, now).unwrap();
    tokens::assign(&store, &serial, &wong, now).unwrap();
    let sessions = Arc::new(Directory::default());
    let clock_time = Arc::clone(&time);
    let service = SignInService::new(SignInParts {
        store: store.clone(),
        key: Arc::clone(&key),
        sessions: Arc::clone(&sessions) as Arc<dyn SessionDirectory>,
        posture: desk(&store),
        audit: Audit::new(store.clone()),
        policy: policy.clone(),
        clock: Arc::new(move || Timestamp::from_secs(clock_time.load(Ordering::SeqCst))),
    });
    World { store, key, sessions, service, time, wong, serial, initial, policy }
}

pub(super) fn world() -> World {
    world_of(Store::in_memory().unwrap(), policy())
}

impl World {
    pub(super) fn now(&self) -> Timestamp {
        Timestamp::from_secs(self.time.load(Ordering::SeqCst))
    }

    pub(super) fn wait(&self, seconds: i64) {
        self.time.fetch_add(seconds, Ordering::SeqCst);
    }

    pub(super) fn code(&self) -> String {
        self.code_at(self.now())
    }

    pub(super) fn code_at(&self, at: Timestamp) -> String {
        let step = u64::try_from(otp::step_at(TokenKind::SOFT, at)).unwrap();
        otp::code(TokenKind::SOFT, OTP_SECRET, step).to_string()
    }

    /// A stranger's beginning.
    pub(super) async fn begin_from(&self, source: IpAddr) -> SignInReply {
        let request = BeginSignIn {
            account: "someone".into(),
            device_key: None,
            host_name: "pc-66".into(),
            client: "test".into(),
            platform: Some("linux".into()),
        };
        self.service.begin(request, source).await
    }

    pub(super) async fn begin(&self, account: &str) -> SignInReply {
        self.begin_on(account, "pc-17", None).await
    }

    pub(super) async fn begin_on(&self, account: &str, host: &str, key: Option<DeviceKey>) -> SignInReply {
        let request = BeginSignIn {
            account: account.into(),
            device_key: key.map(DeviceKey::to_base64),
            host_name: host.into(),
            client: "test".into(),
            platform: Some("linux".into()),
        };
        self.service.begin(request, HERE).await
    }

    pub(super) async fn answer(&self, to: &SignInReply, answer: SignInAnswer) -> SignInReply {
        self.service.answer(to.ticket.as_ref().expect("a ticket to answer"), answer, HERE).await
    }

    pub(super) async fn password(&self, to: &SignInReply, password: &str) -> SignInReply {
        self.answer(to, SignInAnswer::Password { account: None, password: Secret::new(password) }).await
    }

    pub(super) async fn otp(&self, to: &SignInReply, code: &str) -> SignInReply {
        self.answer(to, SignInAnswer::Otp { code: Secret::new(code) }).await
    }

    pub(super) async fn new_password(&self, to: &SignInReply, password: &str, repeat: &str) -> SignInReply {
        let answer =
            SignInAnswer::NewPassword { password: Secret::new(password), repeat: Secret::new(repeat) };
        self.answer(to, answer).await
    }

    /// Signs in for the first time, so that the password is [`GOOD`] and the session is gone again.
    pub(super) async fn settle(&self) {
        let reply = self.password(&self.begin("wong").await, self.initial.expose()).await;
        let reply = self.otp(&reply, &self.code()).await;
        let reply = self.new_password(&reply, GOOD, GOOD).await;
        assert!(matches!(reply.next, SignInStep::Done(_)), "{reply:?}");
        self.sessions.live.lock().unwrap().clear();
        self.wait(60);
    }

    pub(super) async fn at_otp(&self) -> SignInReply {
        let reply = self.password(&self.begin("wong").await, GOOD).await;
        assert!(matches!(reply.next, SignInStep::Otp { .. }), "{reply:?}");
        reply
    }

    pub(super) fn audit(&self) -> Vec<AuditRecord> {
        self.store.audit(&AuditFilter::default()).unwrap()
    }
}

pub(super) fn refusal(reply: &SignInReply) -> &Failure {
    let SignInStep::Refused(failure) = &reply.next else { panic!("refused, not {reply:?}") };
    failure
}

pub(super) fn notice(reply: &SignInReply) -> &FailureCode {
    &reply.notice.as_ref().expect("a notice").code
}
