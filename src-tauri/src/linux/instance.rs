//! One app for each person and session bus: a second start says to the first what it was started for, and goes.

use std::time::Duration;

use anyhow::{Context, Result};
use tokio::sync::mpsc;
use tokio::time::timeout;
use zbus::fdo::RequestNameFlags;
use zbus::{Connection, connection, interface, proxy};

/// Where a desktop gives a program the right to come to the front: by the protocols of Wayland and of X.
pub(super) const TOKENS: [&str; 2] = ["XDG_ACTIVATION_TOKEN", "DESKTOP_STARTUP_ID"];

const NAME: &str = "org.praya.Desktop";
const PATH: &str = "/org/praya/Desktop";
/// How long the first app may take to answer the second.
const ANSWER: Duration = Duration::from_secs(5);

/// The longest token that is passed on, in bytes.
const MAX_TOKEN: usize = 256;

/// What a start wants of the app that runs: its window.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wish {
    /// The text of an invitation to show in it.
    pub(crate) invitation: Option<String>,
    /// Drawn without the graphics card.
    pub(crate) safe_mode: bool,
    /// What the desktop gave to the start so that its window may come to the front; it is the first app's to use.
    pub(crate) token: Option<String>,
}

impl Wish {
    /// The wish of this start.
    pub(crate) fn of_this_start(invitation: Option<String>, safe_mode: bool) -> Self {
        Self { invitation, safe_mode, token: TOKENS.iter().find_map(|name| token(std::env::var(name).ok()?)) }
    }
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

impl Instance {
    /// Lets another be the app.
    ///
    /// # Errors
    /// The bus is gone.
    pub(crate) async fn give_up(&self) -> zbus::Result<()> {
        let Some(bus) = &self.bus else { return Ok(()) };
        bus.release_name(NAME).await.map(drop)
    }

    /// Is the app again.
    ///
    /// # Errors
    /// Another one is, or the bus is gone.
    pub(crate) async fn take_back(&self) -> zbus::Result<()> {
        let Some(bus) = &self.bus else { return Ok(()) };
        bus.request_name_with_flags(NAME, RequestNameFlags::DoNotQueue.into()).await.map(drop)
    }
}

struct Door(mpsc::Sender<Wish>);

#[interface(name = "org.praya.Desktop1")]
impl Door {
    async fn show(&self, token: String) {
        self.wish(Wish { token: self::token(token), ..Wish::default() });
    }

    async fn invite(&self, text: String, token: String) {
        self.wish(Wish { invitation: Some(beginning(text)), token: self::token(token), ..Wish::default() });
    }

    /// As the other two, drawn without the graphics card; an empty text is no invitation.
    async fn draw_safely(&self, text: String, token: String) {
        let invitation = Some(beginning(text)).filter(|text| !text.is_empty());
        self.wish(Wish { invitation, safe_mode: true, token: self::token(token) });
    }
}

/// As much of an invitation's text as is worth reading.
fn beginning(text: String) -> String {
    // One byte more than an invitation may have is enough to refuse it by.
    let limit = praya_desktop::invitation::MAX_LENGTH + 1;
    let end = (0..=limit.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    text.get(..end).unwrap_or_default().to_owned()
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
    async fn show(&self, token: &str) -> zbus::Result<()>;
    async fn invite(&self, text: &str, token: &str) -> zbus::Result<()>;
    async fn draw_safely(&self, text: &str, token: &str) -> zbus::Result<()>;
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
    let token = wish.token.unwrap_or_default();
    match wish.invitation {
        text if wish.safe_mode => first.draw_safely(&text.unwrap_or_default(), &token).await,
        None => first.show(&token).await,
        Some(text) => first.invite(&text, &token).await,
    }
}

/// A token as a desktop writes one; anything else is none.
fn token(text: String) -> Option<String> {
    let plain = (1..=MAX_TOKEN).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    plain.then_some(text)
}

#[cfg(test)]
mod tests {
    use tokio::net::UnixStream;

    use super::*;

    #[tokio::test]
    async fn a33_a_second_start_hands_its_wish_and_its_token_to_the_first() {
        let (here, there) = UnixStream::pair().unwrap();
        let (sender, mut wishes) = mpsc::channel(4);
        let first = connection::Builder::unix_stream(there).server(zbus::Guid::generate()).unwrap().p2p();
        let first = first.serve_at(PATH, Door(sender)).unwrap().build();
        let second = connection::Builder::unix_stream(here).p2p().build();
        let (_first, second) = tokio::try_join!(first, second).unwrap();
        let invited = Wish { invitation: Some("praya://add?gateway=a".to_owned()), ..Wish::default() };
        for wish in [
            Wish { token: Some("gnome-1_TIME42".to_owned()), ..Wish::default() },
            Wish { token: Some("x".to_owned()), ..invited.clone() },
            Wish { safe_mode: true, ..Wish::default() },
            Wish { safe_mode: true, ..invited },
            Wish::default(),
        ] {
            tell(&second, wish.clone()).await.unwrap();
            assert_eq!(wishes.recv().await, Some(wish));
        }
    }

    #[test]
    fn what_is_no_token_is_not_passed_on() {
        for odd in [String::new(), "a b".to_owned(), "a\nb".to_owned(), "x".repeat(MAX_TOKEN + 1)] {
            assert_eq!(token(odd.clone()), None, "{odd:?}");
        }
    }
}
