//! Notifications as the freedesktop.org specification has them: shown, and heard when the person answers.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::{Context as _, Result};
use futures_util::StreamExt as _;
use futures_util::future::{BoxFuture, FutureExt as _};
use futures_util::stream::FuturesUnordered;
use praya_desktop::notify::Notification;
use tauri::image::Image;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use zbus::zvariant::Value;
use zbus::{Connection, proxy};

/// The key of a click on the notification itself.
const DEFAULT: &str = "default";
/// The key of the button by which the person stays signed in.
const STAY: &str = "stay";
/// The name of the desktop entry and of the icon that a package installs.
const ICON: &str = "org.praya.desktop";
/// What a server says that it can do, where it has buttons.
const ACTIONS: &str = "actions";
/// How many notifications are waited for at most.
const MAX_OPEN: usize = 16;
/// How long a server may take for one; it counts as not shown then.
const PATIENCE: Duration = Duration::from_secs(3);

/// What the person wants of a notification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The window, with the token by which it may come to the front.
    Window(Option<String>),
    /// To stay signed in.
    Stay,
}

#[proxy(
    interface = "org.freedesktop.Notifications",
    default_service = "org.freedesktop.Notifications",
    default_path = "/org/freedesktop/Notifications"
)]
trait Server {
    async fn get_capabilities(&self) -> zbus::Result<Vec<String>>;

    #[allow(clippy::too_many_arguments, reason = "the specification has eight")]
    async fn notify(
        &self,
        app_name: &str,
        replaces: u32,
        icon: &str,
        summary: &str,
        body: &str,
        actions: &[&str],
        hints: HashMap<&str, Value<'_>>,
        expire: i32,
    ) -> zbus::Result<u32>;

    #[zbus(signal)]
    fn action_invoked(&self, id: u32, key: String) -> zbus::Result<()>;

    #[zbus(signal)]
    fn activation_token(&self, id: u32, token: String) -> zbus::Result<()>;

    #[zbus(signal)]
    fn notification_closed(&self, id: u32, reason: u32) -> zbus::Result<()>;
}

/// The showing of one; what comes of it is its identifier.
type Showing = BoxFuture<'static, Option<u32>>;

/// The person's notifications. Clones are the same.
#[derive(Clone)]
pub(crate) struct Notifications {
    server: ServerProxy<'static>,
    /// Whoever hears the answers shows them as well, so that no answer overtakes its identifier.
    shows: mpsc::Sender<Showing>,
}

impl Notifications {
    /// Those of a bus; what the person answers goes to `answers`.
    ///
    /// # Errors
    /// The bus is gone.
    pub(crate) async fn new(bus: &Connection, answers: mpsc::Sender<Answer>) -> zbus::Result<Self> {
        let server = ServerProxy::new(bus).await?;
        let mut chosen = server.receive_action_invoked().await?;
        let mut tokens = server.receive_activation_token().await?;
        let mut closed = server.receive_notification_closed().await?;
        let (shows, mut to_show) = mpsc::channel(MAX_OPEN);
        tokio::spawn(async move {
            let mut showing = FuturesUnordered::<Showing>::new();
            // Identifiers with the token that came for the window, the oldest first.
            let mut open: Vec<(u32, Option<String>)> = Vec::new();
            loop {
                tokio::select! {
                    // A token comes before the click that it is for, and the click before the end.
                    biased;
                    Some(shown) = showing.next() => {
                        let Some(id) = shown else { continue };
                        if open.len() >= MAX_OPEN {
                            open.remove(0);
                        }
                        open.push((id, None));
                    }
                    Some(show) = to_show.recv() => showing.push(show),
                    Some(token) = tokens.next() => {
                        let Ok(token) = token.args() else { continue };
                        if let Some((_, kept)) = open.iter_mut().find(|(id, _)| *id == token.id) {
                            *kept = Some(token.token);
                        }
                    }
                    Some(chosen) = chosen.next() => {
                        let Ok(chosen) = chosen.args() else { continue };
                        let Some((_, token)) = open.iter_mut().find(|(id, _)| *id == chosen.id) else { continue };
                        let answer = if chosen.key == STAY { Answer::Stay } else { Answer::Window(token.take()) };
                        if answers.try_send(answer).is_err() {
                            tracing::warn!("too many answers at once");
                        }
                    }
                    Some(closed) = closed.next() => {
                        let Ok(closed) = closed.args() else { continue };
                        open.retain(|(id, _)| *id != closed.id);
                    }
                    else => return,
                }
            }
        });
        Ok(Self { server, shows })
    }

    /// Shows one, with the app's own picture: where no package has installed it, no desktop knows it by name. Says
    /// whether the person can answer it there.
    ///
    /// # Errors
    /// This desktop shows none, or does not say in time that it does.
    pub(crate) async fn show(&self, notification: Notification, picture: Option<&Image<'_>>) -> Result<bool> {
        let (server, picture) = (self.server.clone(), picture.and_then(image_data));
        let (tell, told) = oneshot::channel();
        let showing = async move {
            let shown = timeout(PATIENCE, show(&server, notification, picture)).await;
            let shown = shown.context("no answer in time").and_then(|shown| Ok(shown?));
            let id = shown.as_ref().ok().map(|(id, _)| *id);
            // Who asked may have stopped waiting.
            let _ = tell.send(shown.map(|(_, answerable)| answerable));
            id
        };
        // Where nobody takes it, nobody tells.
        let _ = self.shows.send(showing.boxed()).await;
        told.await.context("the bus is gone")?
    }
}

/// The identifier, and whether the person can answer.
async fn show(
    server: &ServerProxy<'_>,
    notification: Notification,
    picture: Option<Value<'_>>,
) -> zbus::Result<(u32, bool)> {
    let answerable = server.get_capabilities().await?.iter().any(|can| can == ACTIONS);
    let mut actions = vec![DEFAULT, "Praya"];
    if let Some(stay) = &notification.stay {
        actions.extend([STAY, stay]);
    }
    let actions = if answerable { actions } else { Vec::new() };
    let urgency: u8 = if notification.urgent { 2 } else { 1 };
    let mut hints: HashMap<&str, Value<'_>> =
        HashMap::from([("urgency", urgency.into()), ("desktop-entry", ICON.into())]);
    if let Some(picture) = picture {
        hints.insert("image-data", picture);
    }
    let (title, body) = (&notification.title, escaped(&notification.body));
    let id = server.notify("Praya", 0, ICON, title, &body, &actions, hints, -1).await?;
    Ok((id, answerable))
}

/// A picture as the specification has it: width, height, bytes in a row, transparency, bits in a sample, samples, bytes.
fn image_data(picture: &Image<'_>) -> Option<Value<'static>> {
    let (width, height) = (i32::try_from(picture.width()).ok()?, i32::try_from(picture.height()).ok()?);
    Some(Value::from((width, height, width.checked_mul(4)?, true, 8, 4, picture.rgba().to_vec())))
}

/// The body may hold markup; ours has none.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use tokio::net::UnixStream;
    use zbus::object_server::SignalEmitter;
    use zbus::{connection, interface};

    use super::*;

    const PATH: &str = "/org/freedesktop/Notifications";

    struct Fake {
        can: Vec<String>,
        shown: mpsc::Sender<(String, Vec<String>)>,
        hangs: bool,
    }

    #[interface(name = "org.freedesktop.Notifications")]
    impl Fake {
        async fn get_capabilities(&self) -> Vec<String> {
            self.can.clone()
        }

        #[allow(clippy::too_many_arguments, reason = "the specification has eight")]
        async fn notify(
            &self,
            _app_name: String,
            _replaces: u32,
            icon: String,
            _summary: String,
            _body: String,
            actions: Vec<String>,
            _hints: HashMap<String, Value<'_>>,
            _expire: i32,
        ) -> u32 {
            if self.hangs {
                std::future::pending::<()>().await;
            }
            self.shown.send((icon, actions)).await.unwrap();
            7
        }

        #[zbus(signal)]
        async fn action_invoked(emitter: &SignalEmitter<'_>, id: u32, key: &str) -> zbus::Result<()>;

        #[zbus(signal)]
        async fn activation_token(emitter: &SignalEmitter<'_>, id: u32, token: &str) -> zbus::Result<()>;
    }

    struct World {
        notifications: Notifications,
        answers: mpsc::Receiver<Answer>,
        shown: mpsc::Receiver<(String, Vec<String>)>,
        server: Connection,
        _ours: Connection,
    }

    async fn world(can: &[&str]) -> World {
        world_that(can, false).await
    }

    async fn world_that(can: &[&str], hangs: bool) -> World {
        let (here, there) = UnixStream::pair().unwrap();
        let (sender, shown) = mpsc::channel(4);
        let fake = Fake { can: can.iter().map(ToString::to_string).collect(), shown: sender, hangs };
        let guid = zbus::Guid::generate();
        let server = connection::Builder::unix_stream(there).server(guid).unwrap().p2p();
        let server = server.serve_at(PATH, fake).unwrap().build();
        let ours = connection::Builder::unix_stream(here).p2p().build();
        let (server, ours) = tokio::try_join!(server, ours).unwrap();
        let (sender, answers) = mpsc::channel(4);
        let notifications = Notifications::new(&ours, sender).await.unwrap();
        World { notifications, answers, shown, server, _ours: ours }
    }

    fn asking() -> Notification {
        Notification { stay: Some("Stay signed in".to_owned()), ..Notification::default() }
    }

    #[tokio::test]
    async fn a28_the_idle_warning_is_answered_from_the_notification() {
        let mut world = world(&["body", "actions"]).await;
        assert!(world.notifications.show(asking(), None).await.unwrap());
        let (icon, actions) = world.shown.recv().await.unwrap();
        assert_eq!(icon, "org.praya.desktop");
        assert_eq!(actions, ["default", "Praya", "stay", "Stay signed in"]);
        let emitter = SignalEmitter::new(&world.server, PATH).unwrap();
        Fake::action_invoked(&emitter, 6, "stay").await.unwrap();
        Fake::action_invoked(&emitter, 7, "stay").await.unwrap();
        assert_eq!(world.answers.recv().await, Some(Answer::Stay));
        assert!(world.answers.is_empty(), "another program's notification is no answer");
    }

    #[tokio::test]
    async fn a_click_asks_for_the_window_with_the_token_that_came_for_it() {
        let mut world = world(&["actions"]).await;
        world.notifications.show(Notification::default(), None).await.unwrap();
        assert_eq!(world.shown.recv().await.unwrap().1, ["default", "Praya"]);
        let emitter = SignalEmitter::new(&world.server, PATH).unwrap();
        Fake::activation_token(&emitter, 7, "token-1").await.unwrap();
        Fake::action_invoked(&emitter, 7, "default").await.unwrap();
        assert_eq!(world.answers.recv().await, Some(Answer::Window(Some("token-1".to_owned()))));
    }

    #[tokio::test]
    async fn where_there_are_no_buttons_it_says_so() {
        let mut world = world(&["body"]).await;
        assert!(!world.notifications.show(asking(), None).await.unwrap());
        assert!(world.shown.recv().await.unwrap().1.is_empty());
    }

    #[tokio::test]
    async fn a_server_that_hangs_shows_nothing_and_lets_nobody_wait() {
        let world = world_that(&["actions"], true).await;
        tokio::time::pause();
        let (one, other) =
            (world.notifications.show(asking(), None), world.notifications.show(asking(), None));
        let (one, other) = tokio::join!(one, other);
        assert!(one.is_err() && other.is_err());
    }

    #[test]
    fn a_picture_has_the_form_of_the_notifications_specification() {
        let picture = image_data(&Image::new_owned(vec![7; 2 * 3 * 4], 2, 3)).unwrap();
        assert_eq!(picture.value_signature().to_string(), "(iiibiiay)");
        assert_eq!(picture, Value::from((2, 3, 8, true, 8, 4, vec![7_u8; 24])));
    }

    #[test]
    fn a_notification_has_no_markup_of_others() {
        assert_eq!(escaped("<b>a</b> & b"), "&lt;b&gt;a&lt;/b&gt; &amp; b");
    }
}
