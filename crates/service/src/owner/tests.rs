//! The owner with a network worker that only says yes, and gateways that are not there.

use std::io::Read;
use std::net::SocketAddr;
use std::sync::atomic::AtomicU64;

use praya_datapath::worker::Worker;
use praya_ipc::{Call, Caller, Request, Target};
use praya_model::{EndReason, Secret, Snapshot, TunnelState};
use praya_session::{Protocol, Settings};
use tokio::net::TcpListener;

use super::*;

const WONG: Caller = Caller::User { uid: 1000 };
const CHEN: Caller = Caller::User { uid: 1001 };

struct Service {
    calls: mpsc::Sender<Asked>,
    counts: mpsc::Sender<oneshot::Sender<()>>,
    view: watch::Receiver<View>,
    stop: oneshot::Sender<()>,
    owner: JoinHandle<()>,
    tunnel: Worker,
    state: tempfile::TempDir,
}

impl Service {
    async fn start(ticket: Option<Resumable>) -> Self {
        let state = tempfile::tempdir().unwrap();
        let resume = ResumeFile::new(state.path().join("resume.json"));
        if let Some(resumable) = ticket {
            resume.save(&resumable).unwrap();
        }
        let (network, mut orders) = mpsc::channel(16);
        let (reports_in, reports) = mpsc::channel(16);
        tokio::spawn(async move {
            let _reports = reports_in;
            while let Some(order) = orders.recv().await {
                if let Order::TearDown { done } = order {
                    done.send(Ok(())).unwrap();
                }
            }
        });
        let (calls, inbox) = mpsc::channel(16);
        let (counts_in, counts) = mpsc::channel(1);
        let (view_in, view) = watch::channel(View::default());
        let tunnel = Worker::start("tunnel").unwrap();
        let key = DeviceKey::load_or_create(&state.path().join("device.key")).unwrap();
        let parts = Parts {
            network,
            reports,
            leftovers: Leftovers::default(),
            calls: inbox,
            counts,
            view: view_in,
            key: Arc::new(key),
            gateways: Arc::new(Gateways::new(Vec::new())),
            profiles: Profiles::load(state.path().join("profiles.json")).unwrap(),
            resume,
            rules: Rules::default(),
            host_name: "machine".to_owned(),
            means: Means { udp: true, super_packets: true },
            tunnel: tunnel.runtime().clone(),
            clock: Clock::start(),
        };
        let mut owner = Owner::new(Session::new(Settings::default(), 1), parts);
        owner.restore().await;
        let (stop, stopped) = oneshot::channel::<()>();
        let owner = tokio::spawn(owner.run(async move {
            let _ = stopped.await;
        }));
        Self { calls, counts: counts_in, view, stop, owner, tunnel, state }
    }

    async fn ask(&self, caller: Caller, request: Request) -> Response {
        let (reply, answer) = oneshot::channel();
        self.calls.send(Asked { call: Call::new(caller, request), reply }).await.unwrap();
        answer.await.unwrap()
    }

    async fn wait_for(&mut self, found: impl Fn(&Snapshot) -> bool) -> Snapshot {
        let view = self.view.wait_for(|view| found(&view.snapshot)).await.unwrap();
        Snapshot::clone(&view.snapshot)
    }

    async fn stop(self) -> tempfile::TempDir {
        self.stop.send(()).unwrap();
        self.owner.await.unwrap();
        self.tunnel.stop().await;
        self.state
    }
}

/// A place where nobody answers, and one where somebody listens and says nothing.
async fn silent_gateway() -> (TcpListener, Target) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string().parse().unwrap();
    (listener, Target::Gateway { address, pin: None })
}

/// What an earlier service left of a session at this gateway.
fn kept(address: SocketAddr) -> ResumeTicket {
    ResumeTicket {
        version: ResumeTicket::VERSION,
        profile: Profile {
            name: "lab".parse().unwrap(),
            gateway: address.to_string().parse().unwrap(),
            pin: None,
        },
        protocol: Protocol::Praya,
        account: praya_model::AccountName::new("wong"),
        session: None,
        cookies: vec![Secret::new("c00kie")],
        bound: true,
        addresses: vec![],
        expires_at: None,
        connected_since: None,
        paused: false,
        gateway_name: None,
        help_desk: None,
    }
}

fn failed(response: Response) -> FailureCode {
    let Response::Failed { failure } = response else { panic!("{response:?}") };
    failure.code
}

#[tokio::test]
async fn a_gateway_that_is_not_there_ends_the_sign_in_and_frees_the_service() {
    let mut service = Service::start(None).await;
    let (listener, target) = silent_gateway().await;
    drop(listener);
    let begin = Request::BeginSignIn { target, account: None };
    assert_eq!(service.ask(WONG, begin).await, Response::Done);
    let over = service.wait_for(|snapshot| snapshot.last_failure.is_some()).await;
    assert_eq!(over.state, TunnelState::NoSession);
    assert!(matches!(over.last_failure.unwrap().code, FailureCode::Unreachable { .. }));
    let free = service.view.wait_for(|view| view.owner.is_none()).await.unwrap().clone();
    assert_eq!(free.last_owner, Some(1000), "only who tried sees why it failed");
    service.stop().await;
}

#[tokio::test]
async fn while_one_person_signs_in_another_cannot() {
    let mut service = Service::start(None).await;
    let (_listener, target) = silent_gateway().await;
    let begin = || Request::BeginSignIn { target: target.clone(), account: None };
    assert_eq!(service.ask(WONG, begin()).await, Response::Done);
    assert_eq!(failed(service.ask(CHEN, begin()).await), FailureCode::InUseByAnother);
    assert_eq!(failed(service.ask(CHEN, Request::CancelSignIn).await), FailureCode::InUseByAnother);
    assert_eq!(failed(service.ask(WONG, begin()).await), FailureCode::AlreadySignedIn);
    assert_eq!(failed(service.ask(Caller::Unknown, Request::ListProfiles).await), FailureCode::NotPermitted);
    assert_eq!(service.ask(WONG, Request::CancelSignIn).await, Response::Done);
    service.wait_for(|snapshot| snapshot.state == TunnelState::NoSession).await;
    assert_eq!(service.ask(CHEN, begin()).await, Response::Done);
    service.stop().await;
}

#[tokio::test]
async fn what_needs_a_session_is_refused_without_one() {
    let service = Service::start(None).await;
    for request in [
        Request::Connect,
        Request::Disconnect,
        Request::Resources,
        Request::Logout { reason: EndReason::UserLogout },
    ] {
        assert_eq!(failed(service.ask(Caller::ROOT, request).await), FailureCode::NotSignedIn);
    }
    assert_eq!(service.ask(Caller::ROOT, Request::ResetNetwork).await, Response::Done);
    assert_eq!(failed(service.ask(WONG, Request::ResetNetwork).await), FailureCode::NotPermitted);
    service.stop().await;
}

#[tokio::test]
async fn a_kept_session_is_restored_for_its_holder_and_survives_another_stop() {
    let (listener, _) = silent_gateway().await;
    let ticket = kept(listener.local_addr().unwrap());
    let mut service = Service::start(Some(Resumable { owner: 1000, ticket })).await;
    service.wait_for(|snapshot| snapshot.state == TunnelState::Restoring).await;
    let logout = || Request::Logout { reason: EndReason::UserLogout };
    assert_eq!(failed(service.ask(CHEN, logout()).await), FailureCode::InUseByAnother);
    let state = service.stop().await;
    let kept = ResumeFile::new(state.path().join("resume.json"));
    assert_eq!(kept.load().unwrap().unwrap().owner, 1000);

    drop(listener);
    let mut service = Service::start(Some(kept.load().unwrap().unwrap())).await;
    assert_eq!(service.ask(WONG, logout()).await, Response::Done);
    let over = service.wait_for(|snapshot| snapshot.state == TunnelState::Ended).await;
    assert_eq!(over.ended, Some(EndReason::UserLogout));
    let state = service.stop().await;
    assert!(!state.path().join("resume.json").exists(), "nothing opens a session that was logged out");
}

#[tokio::test]
async fn a_channel_goes_on_while_all_other_work_of_the_service_is_held_up() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let ticket = kept(listener.local_addr().unwrap());
    let service = Service::start(Some(Resumable { owner: 1000, ticket })).await;
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let (mut channel, _) = listener.accept().unwrap();
        let mut hello = [0; 256];
        channel.read_exact(&mut hello).unwrap();
        tell.send(hello[0]).unwrap();
    });
    // Nothing of the service but its tunnel's thread runs while this one waits.
    let first = told.recv_timeout(Duration::from_secs(10)).unwrap();
    assert_eq!(first, 22, "a record of a TLS handshake");
    service.stop().await;
}

#[tokio::test]
async fn a_session_that_another_user_ends_does_not_read_as_the_persons_own_doing() {
    let (_listener, target) = silent_gateway().await;
    let begin = || Request::BeginSignIn { target: target.clone(), account: None };
    for (by, administrator) in [(Caller::ROOT, true), (WONG, false)] {
        let mut service = Service::start(None).await;
        assert_eq!(service.ask(WONG, begin()).await, Response::Done);
        assert_eq!(failed(service.ask(by, Request::Connect).await), FailureCode::NotSignedIn);
        assert_eq!(service.ask(by, Request::CancelSignIn).await, Response::Done);
        let over = service.wait_for(|snapshot| snapshot.last_failure.is_some()).await;
        assert_eq!(over.ended_by_administrator, administrator);
        failed(service.ask(Caller::ROOT, Request::CancelSignIn).await);
        assert_eq!(service.view.borrow().snapshot.ended_by_administrator, administrator);
        assert_eq!(service.ask(WONG, begin()).await, Response::Done);
        assert!(!service.wait_for(|snapshot| snapshot.sign_in.is_some()).await.ended_by_administrator);
        service.stop().await;
    }
}

#[tokio::test]
async fn a_view_that_asks_for_the_newest_counters_waits_for_them_and_not_for_a_second() {
    let service = Service::start(None).await;
    let (done, counted) = oneshot::channel();
    service.counts.send(done).await.unwrap();
    counted.await.unwrap();
    service.stop().await;
}

#[test]
fn a_proof_counter_rises_even_when_the_clock_does_not() {
    let last = AtomicU64::new(0);
    let (early, late) = (Timestamp::from_millis(1000), Timestamp::from_millis(2000));
    let counters: Vec<u64> =
        [late, late, early, late].into_iter().map(|now| next_counter(&last, now)).collect();
    assert_eq!(counters, [2000, 2001, 2002, 2003]);
}
