//! A service for tests, over streams in memory: it shows what it is told to and remembers what it was asked.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use praya_ipc::{
    Call, Caller, Client, ClientError, ClientKind, Handler, KnownProfile, Limits, Request, Response, Rights,
    Rules, View, serve_connection,
};
use praya_model::{Resource, Snapshot};
use tokio::sync::watch;
use tokio::task::AbortHandle;

use crate::link::Connect;

const WONG: u32 = 1000;

#[derive(Clone)]
pub(crate) struct FakeService(Arc<Inner>);

struct Inner {
    view: watch::Sender<View>,
    running: Mutex<bool>,
    uid: Mutex<u32>,
    connections: Mutex<Vec<AbortHandle>>,
    asked: watch::Sender<Vec<Request>>,
    profiles: Mutex<Vec<KnownProfile>>,
    resources: Mutex<Response>,
    answers: Mutex<Vec<(&'static str, Response)>>,
    hangs: Mutex<bool>,
}

impl FakeService {
    pub(crate) fn new() -> Self {
        let view =
            View { snapshot: Arc::new(Snapshot::default()), owner: Some(WONG), last_owner: Some(WONG) };
        Self(Arc::new(Inner {
            view: watch::Sender::new(view),
            running: Mutex::new(true),
            uid: Mutex::new(WONG),
            connections: Mutex::default(),
            asked: watch::Sender::new(Vec::new()),
            profiles: Mutex::default(),
            resources: Mutex::new(Response::Resources { resources: vec![] }),
            answers: Mutex::default(),
            hangs: Mutex::default(),
        }))
    }

    pub(crate) fn connect(&self) -> Connect {
        let service = self.clone();
        Box::new(move || {
            let service = service.clone();
            Box::pin(async move {
                if !*service.0.running.lock().unwrap() {
                    return Err(ClientError::Unavailable(io::ErrorKind::ConnectionRefused.into()));
                }
                let (ours, theirs) = tokio::io::duplex(64 * 1024);
                let caller = Caller::User { uid: *service.0.uid.lock().unwrap() };
                let handler = Arc::clone(&service.0);
                let limits = Limits {
                    per_second: 1000,
                    burst: 1000,
                    hello_time: Duration::from_secs(3600),
                    ..Limits::default()
                };
                let task =
                    tokio::spawn(async move { serve_connection(theirs, caller, handler, &limits).await });
                service.0.connections.lock().unwrap().push(task.abort_handle());
                Client::over(ours, ClientKind::Desktop).await
            })
        })
    }

    pub(crate) fn stop(&self) {
        *self.0.running.lock().unwrap() = false;
        self.0.connections.lock().unwrap().drain(..).for_each(|connection| connection.abort());
    }

    /// From now on it hears everything and answers nothing, as a stopped process does.
    pub(crate) fn hang(&self) {
        *self.0.hangs.lock().unwrap() = true;
    }

    pub(crate) fn start(&self) {
        *self.0.running.lock().unwrap() = true;
    }

    /// From the next connection on.
    pub(crate) fn rights(&self, rights: Rights) {
        *self.0.uid.lock().unwrap() = match rights {
            Rights::Look => 5,
            Rights::Full | Rights::SignIn | Rights::InUseByAnother | Rights::Denied => WONG,
        };
    }

    pub(crate) fn show(&self, snapshot: Snapshot) {
        self.0.view.send_modify(|view| view.snapshot = Arc::new(snapshot));
    }

    pub(crate) fn profiles(&self, profiles: Vec<KnownProfile>) {
        *self.0.profiles.lock().unwrap() = profiles;
    }

    pub(crate) fn resources(&self, resources: Vec<Resource>) {
        *self.0.resources.lock().unwrap() = Response::Resources { resources };
    }

    /// What a request of that name is answered with from now on, instead of being done.
    pub(crate) fn answer(&self, request: &'static str, response: Response) {
        self.0.answers.lock().unwrap().push((request, response));
    }

    /// Waits until a request fits, and takes the list of requests so far.
    pub(crate) async fn asked(&self, wanted: impl Fn(&Request) -> bool) -> Vec<Request> {
        let mut asked = self.0.asked.subscribe();
        asked.wait_for(|asked| asked.iter().any(&wanted)).await.unwrap();
        self.0.asked.send_replace(Vec::new())
    }
}

impl Handler for Inner {
    async fn handle(&self, call: Call) -> Response {
        let rules = self.rules();
        let (_, request) = match call.authorised(self.view.borrow().owner, &rules) {
            Ok(allowed) => allowed,
            Err(code) => return code.into(),
        };
        self.asked.send_modify(|asked| asked.push(request.clone()));
        if *self.hangs.lock().unwrap() {
            std::future::pending::<()>().await;
        }
        let name = serde_json::to_value(&request).unwrap()["request"].as_str().unwrap_or_default().to_owned();
        let told = self
            .answers
            .lock()
            .unwrap()
            .iter()
            .rev()
            .find(|(of, _)| *of == name)
            .map(|(_, told)| told.clone());
        if let Some(told) = told {
            return told;
        }
        if request == Request::ListProfiles {
            return Response::Profiles { profiles: self.profiles.lock().unwrap().clone() };
        }
        if request == Request::Resources {
            return self.resources.lock().unwrap().clone();
        }
        if let Request::AddProfile { profile, .. } = request {
            let mut profiles = self.profiles.lock().unwrap();
            profiles.retain(|known| known.profile.name != profile.name);
            profiles.push(KnownProfile { profile, shared: false });
        }
        Response::Done
    }

    fn watch(&self) -> watch::Receiver<View> {
        self.view.subscribe()
    }

    fn rules(&self) -> Rules {
        Rules::default()
    }

    fn version(&self) -> String {
        "0".into()
    }
}
