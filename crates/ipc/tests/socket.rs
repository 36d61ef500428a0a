//! Service and views over a real socket.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use praya_ipc::frame::{Decoder, MAX_FRAME, decode_from_service, encode};
use praya_ipc::{
    BindError, Call, Caller, Client, ClientError, ClientHello, ClientKind, ConnectionEnd, FromService,
    Handler, Limits, Request, Response, Rights, Rules, Server, ServiceHello, ToService, View,
    serve_connection,
};
use praya_model::{AccountName, EndReason, Failure, FailureCode, Snapshot, TunnelState};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

const LIMIT: Duration = Duration::from_secs(10);

/// A service that knows nobody but its owner, and whose `Resources` takes until it is let go.
struct Fake {
    views: watch::Sender<View>,
    rules: Rules,
    gate: Notify,
}

impl Handler for Fake {
    async fn handle(&self, call: Call) -> Response {
        let owner = self.views.borrow().owner;
        match call.authorised(owner, &self.rules) {
            Ok((_, Request::Resources)) => {
                self.gate.notified().await;
                Response::Resources { resources: Vec::new() }
            }
            Ok(_) => Response::Done,
            Err(code) => code.into(),
        }
    }

    fn watch(&self) -> watch::Receiver<View> {
        self.views.subscribe()
    }

    fn rules(&self) -> Rules {
        self.rules.clone()
    }

    fn version(&self) -> String {
        "9.9.9".to_owned()
    }
}

struct Running {
    fake: Arc<Fake>,
    stop: Arc<Notify>,
    task: JoinHandle<()>,
    socket: PathBuf,
    folder: TempDir,
}

fn me() -> u32 {
    rustix::process::geteuid().as_raw()
}

fn start(limits: Limits) -> Running {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("run").join("praya.sock");
    let server = Server::bind(&socket, limits).unwrap();
    // The test's own user counts as a person, whoever runs it.
    let rules = Rules { people: me()..=me() };
    let fake = Arc::new(Fake { views: watch::Sender::default(), rules, gate: Notify::new() });
    let stop = Arc::new(Notify::new());
    let task = tokio::spawn({
        let (fake, stop) = (Arc::clone(&fake), Arc::clone(&stop));
        async move { server.serve(fake, stop.notified()).await }
    });
    Running { fake, stop, task, socket, folder }
}

impl Running {
    async fn client(&self) -> Client {
        Client::connect(&self.socket, ClientKind::Other, LIMIT).await.unwrap()
    }

    async fn raw(&self) -> Raw {
        Raw { stream: UnixStream::connect(&self.socket).await.unwrap(), decoder: Decoder::new(MAX_FRAME) }
    }

    fn show(&self, snapshot: Snapshot, owner: Option<u32>) {
        self.fake.views.send_replace(View { snapshot: Arc::new(snapshot), owner, last_owner: owner });
    }
}

/// A peer that keeps no rule.
struct Raw {
    stream: UnixStream,
    decoder: Decoder,
}

impl Raw {
    async fn say(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    async fn hello(&mut self) -> ServiceHello {
        let hello = ClientHello { protocol: 1, kind: ClientKind::Other, version: "test".to_owned() };
        self.say(&encode(&ToService::Hello(hello)).unwrap()).await;
        match self.hear().await {
            Some(FromService::Hello(hello)) => hello,
            other => panic!("{other:?}"),
        }
    }

    async fn hear(&mut self) -> Option<FromService> {
        loop {
            if let Some(json) = self.decoder.next_frame().unwrap() {
                return Some(decode_from_service(&json).unwrap());
            }
            let mut buffer = [0; 4096];
            let count = self.stream.read(&mut buffer).await.unwrap();
            if count == 0 {
                return None;
            }
            self.decoder.feed(&buffer[..count]);
        }
    }
}

fn json_frame(json: &str) -> Vec<u8> {
    let mut frame = u32::try_from(json.len()).unwrap().to_be_bytes().to_vec();
    frame.extend_from_slice(json.as_bytes());
    frame
}

fn connected(account: &str) -> Snapshot {
    Snapshot {
        state: TunnelState::Connected,
        account: Some(AccountName::new(account)),
        ..Snapshot::default()
    }
}

#[tokio::test]
async fn a_view_asks_and_is_told_of_changes() {
    let service = start(Limits::default());
    let client = service.client().await;
    assert_eq!(client.hello().version, "9.9.9");
    let mut changes = client.subscribe().await.unwrap();
    assert_eq!(changes.next().await.unwrap().state, TunnelState::NoSession);

    service.show(connected("wong"), Some(me()));
    assert_eq!(changes.next().await.unwrap().account, Some(AccountName::new("wong")));
    let mut counted = connected("wong");
    counted.traffic.bytes_in = 7;
    service.show(counted.clone(), Some(me()));
    assert_eq!(*changes.next().await.unwrap(), counted);
    assert_eq!(client.snapshot().await.unwrap(), counted);
    assert_eq!(client.request(Request::Connect).await.unwrap(), Response::Done);
}

#[tokio::test]
async fn answers_find_their_requests_whatever_their_order() {
    let service = start(Limits::default());
    service.show(connected("wong"), Some(me()));
    let client = service.client().await;
    let slow = tokio::spawn({
        let client = client.clone();
        async move { client.request(Request::Resources).await }
    });
    assert_eq!(client.request(Request::Connect).await.unwrap(), Response::Done);
    assert!(!slow.is_finished());
    service.fake.gate.notify_one();
    assert_eq!(slow.await.unwrap().unwrap(), Response::Resources { resources: Vec::new() });
}

#[tokio::test]
async fn a_person_sees_and_controls_nothing_of_anothers_session() {
    let view = View { snapshot: Arc::new(connected("wong")), owner: Some(1001), last_owner: Some(1001) };
    let fake =
        Arc::new(Fake { views: watch::Sender::new(view), rules: Rules::default(), gate: Notify::new() });
    let (near, far) = tokio::io::duplex(4096);
    let served = tokio::spawn(async move {
        serve_connection(far, Caller::User { uid: 1000 }, fake, &Limits::default()).await
    });
    let client = Client::over(near, ClientKind::Other).await.unwrap();
    assert_eq!(client.hello().rights, Rights::InUseByAnother);
    let seen = client.snapshot().await.unwrap();
    assert!(seen.in_use_by_another);
    assert_eq!(seen.account, None);
    let error = client.request(Request::Logout { reason: EndReason::UserLogout }).await.unwrap_err();
    assert_eq!(error.into_failure(), Failure::from(FailureCode::InUseByAnother));
    drop(client);
    assert!(matches!(served.await.unwrap(), ConnectionEnd::Closed));
}

#[tokio::test]
async fn who_sends_without_reading_stalls_only_itself_and_is_cut_off() {
    let fake =
        Arc::new(Fake { views: watch::Sender::default(), rules: Rules::default(), gate: Notify::new() });
    let limits = Limits { write_time: Duration::from_millis(20), burst: u32::MAX, ..Limits::default() };
    let (near, far) = tokio::io::duplex(64);
    let served =
        tokio::spawn(async move { serve_connection(far, Caller::User { uid: 1000 }, fake, &limits).await });
    let mut raw = near;
    let hello = ClientHello { protocol: 1, kind: ClientKind::Other, version: String::new() };
    raw.write_all(&encode(&ToService::Hello(hello)).unwrap()).await.unwrap();
    let ask = encode(&ToService::Request { id: 1, request: Request::Snapshot }).unwrap();
    while raw.write_all(&ask).await.is_ok() {}
    assert!(matches!(served.await.unwrap(), ConnectionEnd::TooSlow));
}

#[tokio::test]
async fn an_unknown_request_is_answered_and_the_connection_lives() {
    let service = start(Limits::default());
    let mut raw = service.raw().await;
    raw.hello().await;
    raw.say(&json_frame(r#"{"type":"request","id":5,"request":{"request":"levitate"}}"#)).await;
    raw.say(&json_frame(r#"{"type":"request","id":6,"request":{"request":"snapshot"}}"#)).await;
    let refused = raw.hear().await;
    assert!(
        matches!(
            &refused,
            Some(FromService::Answer { id: 5, response: Response::Failed { failure } })
                if matches!(failure.code, FailureCode::Protocol { .. })
        ),
        "{refused:?}"
    );
    let answered = raw.hear().await;
    assert!(
        matches!(answered, Some(FromService::Answer { id: 6, response: Response::Snapshot { .. } })),
        "{answered:?}"
    );
}

#[tokio::test]
async fn who_does_not_speak_the_protocol_is_told_so_and_cut_off() {
    let service = start(Limits::default());
    for bytes in [
        b"GET / HTTP/1.1\r\n\r\n".to_vec(),
        json_frame("nonsense"),
        json_frame(r#"{"type":"request","id":1,"request":{"request":"snapshot"}}"#),
        u32::MAX.to_be_bytes().to_vec(),
    ] {
        let mut raw = service.raw().await;
        raw.say(&bytes).await;
        assert!(matches!(raw.hear().await, Some(FromService::Closing { .. })));
        assert_eq!(raw.hear().await, None);
    }
    // Nobody else noticed.
    service.client().await.snapshot().await.unwrap();
}

#[tokio::test]
async fn who_says_no_hello_is_cut_off() {
    let service = start(Limits { hello_time: Duration::from_millis(20), ..Limits::default() });
    let mut raw = service.raw().await;
    assert_eq!(raw.hear().await, None);
}

#[tokio::test]
async fn too_many_requests_are_answered_with_busy() {
    let service = start(Limits { burst: 3, per_second: 1, ..Limits::default() });
    let client = service.client().await;
    let mut refused = 0;
    for _ in 0..6 {
        if let Err(ClientError::Refused(failure)) = client.request(Request::ListProfiles).await {
            assert_eq!(failure.code, FailureCode::Busy { retry_after_seconds: 1 });
            refused += 1;
        }
    }
    assert!(refused >= 2, "{refused}");
}

#[tokio::test]
async fn connections_are_counted_and_a_seat_comes_free_again() {
    let service = start(Limits { connections_per_user: 2, ..Limits::default() });
    let first = service.client().await;
    let _second = service.client().await;
    let mut third = service.raw().await;
    assert!(matches!(third.hear().await, Some(FromService::Closing { .. })));
    drop(first);
    let again = tokio::time::timeout(LIMIT, async {
        loop {
            // The service has to see the end of the first connection before.
            if let Ok(client) = Client::connect(&service.socket, ClientKind::Other, LIMIT).await {
                return client;
            }
            tokio::task::yield_now().await;
        }
    });
    again.await.unwrap().snapshot().await.unwrap();
}

#[tokio::test]
async fn a_client_may_go_at_any_time_without_harm_to_the_service() {
    let service = start(Limits::default());
    service.show(connected("wong"), Some(me()));
    let client = service.client().await;
    let pending = tokio::spawn({
        let client = client.clone();
        async move { client.request(Request::Resources).await }
    });
    client.snapshot().await.unwrap();
    pending.abort();
    drop(client);
    service.client().await.snapshot().await.unwrap();
}

#[tokio::test]
async fn when_the_service_goes_its_views_notice_and_the_socket_is_removed() {
    let service = start(Limits::default());
    let client = service.client().await;
    let mut changes = client.subscribe().await.unwrap();
    changes.next().await.unwrap();
    service.stop.notify_one();
    service.task.await.unwrap();
    assert!(matches!(changes.next().await, Err(ClientError::Closed)));
    assert!(!service.socket.exists());
    let error = Client::connect(&service.socket, ClientKind::Cli, LIMIT).await.unwrap_err();
    assert_eq!(error.into_failure().code, FailureCode::ServiceUnavailable);
    drop(service.folder);
}

#[tokio::test]
async fn everybody_may_connect_and_only_the_owner_may_write_to_the_folder() {
    let service = start(Limits::default());
    assert_eq!(std::fs::metadata(&service.socket).unwrap().mode() & 0o777, 0o666);
    assert_eq!(std::fs::metadata(service.socket.parent().unwrap()).unwrap().mode() & 0o022, 0);
}

#[tokio::test]
async fn a_socket_left_by_a_crash_is_replaced_and_one_in_use_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("praya.sock");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    let server = Server::bind(&path, Limits::default()).unwrap();
    assert!(matches!(Server::bind(&path, Limits::default()), Err(BindError::AlreadyRunning(_))));
    assert!(path.exists());
    drop(server);
    drop(Server::bind(&path, Limits::default()).unwrap());
}

#[tokio::test]
async fn what_is_not_a_socket_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("praya.sock");
    std::fs::write(&path, "precious").unwrap();
    assert!(matches!(Server::bind(&path, Limits::default()), Err(BindError::NotASocket(_))));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
}

#[tokio::test]
async fn a_folder_that_others_may_write_to_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let open = folder.path().join("open");
    std::fs::create_dir(&open).unwrap();
    std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o777)).unwrap();
    let link = folder.path().join("link");
    std::os::unix::fs::symlink(folder.path(), &link).unwrap();
    for bad in [open.as_path(), link.as_path(), Path::new("/proc/self/no/such")] {
        let refused = Server::bind(&bad.join("praya.sock"), Limits::default());
        assert!(matches!(refused, Err(BindError::UnsafeFolder(_) | BindError::Io { .. })), "{refused:?}");
    }
}
