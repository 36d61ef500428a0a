//! One app for each person and session bus: a second start says to the first what it was started for, and goes.

use std::time::Duration;

use anyhow::{Context, Result};
use tokio::sync::mpsc;
use tokio::time::timeout;
use zbus::fdo::RequestNameFlags;
use zbus::{Connection, connection, interface, proxy};

const NAME: &str = "org.praya.Desktop";
const PATH: &str = "/org/praya/Desktop";
/// How long the first app may take to answer the second.
const ANSWER: Duration = Duration::from_secs(5);

/// What a start wants of the app that runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// Its window.
    Show,
    /// Its window, and the text of an invitation in it.
    Invite(String),
}

/// The right to be the app.
pub(crate) struct Instance {
    /// What later starts want.
    pub(crate) wishes: mpsc::Receiver<Wish>,
    /// The bus, which is also for notifications; a desktop without one has no second start either.
    pub(crate) bus: Option<Connection>,
    // Without a bus nobody sends, and the end of the channel would look like a wish.
    _sender: mpsc::Sender<Wish>,
}

struct Door(mpsc::Sender<Wish>);

#[interface(name = "org.praya.Desktop1")]
impl Door {
    async fn show(&self) {
        self.wish(Wish::Show);
    }

    async fn invite(&self, text: String) {
        // One byte more than an invitation may have is enough to refuse it by.
        let limit = praya_desktop::invitation::MAX_LENGTH + 1;
        let end = (0..=limit.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
        self.wish(Wish::Invite(text.get(..end).unwrap_or_default().to_owned()));
    }
}

impl Door {
    /// Who asks faster than a window can come up asks in vain.
    fn wish(&self, wish: Wish) {
        if self.0.try_send(wish).is_err() {
            tracing::warn!("too many starts at once");
        }
    }
}

#[proxy(
    interface = "org.praya.Desktop1",
    default_service = "org.praya.Desktop",
    default_path = "/org/praya/Desktop"
)]
trait First {
    async fn show(&self) -> zbus::Result<()>;
    async fn invite(&self, text: &str) -> zbus::Result<()>;
}

/// Becomes the app, or hands `wish` to the one that is there and returns `None`.
///
/// # Errors
/// The bus is there and misbehaves.
pub(crate) async fn claim(wish: Wish) -> Result<Option<Instance>> {
    let (sender, wishes) = mpsc::channel(16);
    let built = match connection::Builder::session() {
        Ok(builder) => builder.serve_at(PATH, Door(sender.clone()))?.build().await,
        Err(error) => Err(error),
    };
    let bus = match built {
        Ok(bus) => bus,
        Err(error) => {
            tracing::warn!(%error, "no session bus: no tray, no notifications, and several starts are several apps");
            return Ok(Some(Instance { wishes, bus: None, _sender: sender }));
        }
    };
    match bus.request_name_with_flags(NAME, RequestNameFlags::DoNotQueue.into()).await {
        Ok(_) => Ok(Some(Instance { wishes, bus: Some(bus), _sender: sender })),
        Err(zbus::Error::NameTaken) => {
            let told = timeout(ANSWER, tell(&bus, wish)).await;
            told.context("the app that runs does not answer")?.context("the app that runs")?;
            Ok(None)
        }
        Err(error) => Err(error).context("the session bus"),
    }
}

async fn tell(bus: &Connection, wish: Wish) -> zbus::Result<()> {
    let first = FirstProxy::new(bus).await?;
    match wish {
        Wish::Show => first.show().await,
        Wish::Invite(text) => first.invite(&text).await,
    }
}
