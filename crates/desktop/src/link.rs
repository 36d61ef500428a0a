//! The connection to the service: made, kept, and made again by itself.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use praya_ipc::{Client, ClientError, Request, Response, Rights};
use praya_model::{Failure, FailureCode, Snapshot};
use tokio::sync::{Notify, watch};
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep};

/// How long the service may be missing before it is said to be gone; it may be starting, or being updated.
const GRACE: Duration = Duration::from_secs(2);
/// The first wait between two attempts; each is twice the one before.
const FIRST_WAIT: Duration = Duration::from_millis(100);
/// The longest wait between two attempts.
const LONGEST_WAIT: Duration = Duration::from_secs(3);

/// What is known of the service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Link {
    /// It is being looked for.
    Connecting,
    /// It does not answer, or does not let this person in.
    Gone(Failure),
    /// Attached.
    Attached {
        /// What the service shows.
        snapshot: Arc<Snapshot>,
        /// What the person may do.
        rights: Rights,
    },
}

type Connecting = Pin<Box<dyn Future<Output = Result<Client, ClientError>> + Send>>;

/// How a connection is made.
pub type Connect = Box<dyn Fn() -> Connecting + Send + Sync>;

/// Connects to the service's socket.
#[cfg(target_os = "linux")]
pub fn by_socket(socket: std::path::PathBuf) -> Connect {
    const HELLO: Duration = Duration::from_secs(5);
    Box::new(move || {
        let socket = socket.clone();
        Box::pin(async move { Client::connect(&socket, praya_ipc::ClientKind::Desktop, HELLO).await })
    })
}

/// Keeps a connection to the service for as long as it lives. Clones share it.
#[derive(Clone)]
pub struct ServiceLink {
    state: watch::Receiver<Link>,
    client: watch::Receiver<Option<Client>>,
    again: Arc<Notify>,
    _task: Arc<Abort>,
}

struct Abort(AbortHandle);

impl Drop for Abort {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl fmt::Debug for ServiceLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServiceLink").field("state", &*self.state.borrow()).finish_non_exhaustive()
    }
}

impl ServiceLink {
    /// Begins to connect. Must be called within a runtime.
    pub fn start(connect: Connect) -> Self {
        let (publish, state) = watch::channel(Link::Connecting);
        let (lend, client) = watch::channel(None);
        let again = Arc::new(Notify::new());
        let task = tokio::spawn(keep(connect, publish, lend, Arc::clone(&again)));
        Self { state, client, again, _task: Arc::new(Abort(task.abort_handle())) }
    }

    /// What is known of the service, and every change.
    pub fn watch(&self) -> watch::Receiver<Link> {
        self.state.clone()
    }

    /// Tries again at once where the next attempt is being waited for.
    pub fn try_now(&self) {
        self.again.notify_one();
    }

    /// Makes a request.
    ///
    /// # Errors
    /// The service's refusal, or [`FailureCode::ServiceUnavailable`].
    pub async fn request(&self, request: Request) -> Result<Response, Failure> {
        let client = self.client.borrow().clone().ok_or(FailureCode::ServiceUnavailable)?;
        client.request(request).await.map_err(ClientError::into_failure)
    }
}

async fn keep(
    connect: Connect,
    publish: watch::Sender<Link>,
    lend: watch::Sender<Option<Client>>,
    again: Arc<Notify>,
) {
    let mut missing_since = Instant::now();
    let mut wait = FIRST_WAIT;
    loop {
        let failure = match connect().await {
            Ok(client) => match rights_failure(client.hello().rights) {
                None => {
                    let was_attached = attached(&client, &publish, &lend).await;
                    lend.send_replace(None);
                    if was_attached {
                        publish.send_replace(Link::Connecting);
                        (missing_since, wait) = (Instant::now(), FIRST_WAIT);
                    }
                    FailureCode::ServiceUnavailable.into()
                }
                Some(refused) => refused,
            },
            Err(error) => error.into_failure(),
        };
        let may_be_starting =
            failure.code == FailureCode::ServiceUnavailable && missing_since.elapsed() < GRACE;
        if !may_be_starting {
            let gone = Link::Gone(failure);
            publish.send_if_modified(|state| {
                let changed = *state != gone;
                *state = gone;
                changed
            });
        }
        tokio::select! {
            () = sleep(wait) => wait = (wait * 2).min(LONGEST_WAIT),
            () = again.notified() => wait = FIRST_WAIT,
        }
    }
}

/// Passes on what the service shows until the connection is over; says whether it ever showed anything.
async fn attached(
    client: &Client,
    publish: &watch::Sender<Link>,
    lend: &watch::Sender<Option<Client>>,
) -> bool {
    let Ok(mut subscription) = client.subscribe().await else { return false };
    lend.send_replace(Some(client.clone()));
    let mut any = false;
    while let Ok(snapshot) = subscription.next().await {
        any = true;
        let rights = rights_now(client.hello().rights, &snapshot);
        publish.send_replace(Link::Attached { snapshot, rights });
    }
    any
}

/// Who may only look has nothing to do here.
fn rights_failure(rights: Rights) -> Option<Failure> {
    match rights {
        Rights::Look | Rights::Denied => Some(FailureCode::NotPermitted.into()),
        Rights::Full | Rights::SignIn | Rights::InUseByAnother => None,
    }
}

/// The hello's word on the person's rights, brought up to date by what they see.
fn rights_now(at_hello: Rights, snapshot: &Snapshot) -> Rights {
    match at_hello {
        _ if snapshot.in_use_by_another => Rights::InUseByAnother,
        Rights::InUseByAnother => Rights::SignIn,
        rights @ (Rights::Full | Rights::SignIn | Rights::Look | Rights::Denied) => rights,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::FakeService;

    async fn until(watch: &mut watch::Receiver<Link>, wanted: impl Fn(&Link) -> bool) -> Link {
        watch.wait_for(|link| wanted(link)).await.unwrap().clone()
    }

    #[tokio::test(start_paused = true)]
    async fn a_service_that_comes_back_is_attached_to_again_without_being_asked() {
        let service = FakeService::new();
        let link = ServiceLink::start(service.connect());
        let mut watch = link.watch();
        until(&mut watch, |link| matches!(link, Link::Attached { .. })).await;
        service.stop();
        until(&mut watch, |link| *link == Link::Connecting).await;
        until(&mut watch, |link| matches!(link, Link::Gone(_))).await;
        let refused = link.request(Request::ListProfiles).await.unwrap_err();
        assert_eq!(refused.code, FailureCode::ServiceUnavailable);
        service.start();
        until(&mut watch, |link| matches!(link, Link::Attached { .. })).await;
        assert!(link.request(Request::ListProfiles).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_service_that_is_just_starting_is_not_called_gone() {
        let service = FakeService::new();
        service.stop();
        let link = ServiceLink::start(service.connect());
        let mut watch = link.watch();
        sleep(GRACE / 2).await;
        assert_eq!(*watch.borrow_and_update(), Link::Connecting);
        service.start();
        let first = until(&mut watch, |link| *link != Link::Connecting).await;
        assert!(matches!(first, Link::Attached { .. }));
    }

    #[tokio::test(start_paused = true)]
    async fn who_may_only_look_is_told_that_it_is_not_permitted() {
        let service = FakeService::new();
        service.rights(Rights::Look);
        let link = ServiceLink::start(service.connect());
        let gone = until(&mut link.watch(), |link| matches!(link, Link::Gone(_))).await;
        assert_eq!(gone, Link::Gone(FailureCode::NotPermitted.into()));
    }
}
