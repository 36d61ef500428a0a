//! The service as the local socket sees it: calls go to the owner's inbox, the view comes from its watch.

use std::time::Duration;

use praya_ipc::{Call, Handler, Response, Rules, View};
use praya_model::FailureCode;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;

/// How long a view waits for the newest counters; the owner is busy at times, and a look must not hang on it.
const FRESH: Duration = Duration::from_millis(200);

/// A call and where its answer goes.
#[derive(Debug)]
pub struct Asked {
    /// What and by whom.
    pub call: Call,
    /// For the answer.
    pub reply: oneshot::Sender<Response>,
}

/// Hands calls to the owner.
#[derive(Debug)]
pub struct Door {
    calls: mpsc::Sender<Asked>,
    counts: mpsc::Sender<oneshot::Sender<()>>,
    view: watch::Receiver<View>,
    rules: Rules,
}

impl Door {
    /// A door to the owner of the session.
    pub fn new(
        calls: mpsc::Sender<Asked>,
        counts: mpsc::Sender<oneshot::Sender<()>>,
        view: watch::Receiver<View>,
        rules: Rules,
    ) -> Self {
        Self { calls, counts, view, rules }
    }
}

impl Handler for Door {
    async fn handle(&self, call: Call) -> Response {
        let (reply, answer) = oneshot::channel();
        if self.calls.send(Asked { call, reply }).await.is_err() {
            return FailureCode::ServiceUnavailable.into();
        }
        answer.await.unwrap_or_else(|_| FailureCode::ServiceUnavailable.into())
    }

    fn watch(&self) -> watch::Receiver<View> {
        self.view.clone()
    }

    fn rules(&self) -> Rules {
        self.rules.clone()
    }

    fn version(&self) -> String {
        env!("CARGO_PKG_VERSION").to_owned()
    }

    async fn refresh(&self) {
        let counted = async {
            let (done, counted) = oneshot::channel();
            if self.counts.send(done).await.is_ok() {
                // An owner that is gone has nothing newer to show.
                let _ = counted.await;
            }
        };
        let _ = timeout(FRESH, counted).await;
    }
}
