//! Notifications as the freedesktop.org specification has them: shown, and heard when the person answers.

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::StreamExt as _;
use praya_desktop::notify::Notification;
use tauri::image::Image;
use tokio::sync::{Mutex, mpsc};
use zbus::zvariant::Value;
use zbus::{Connection, proxy};

/// The key of a click on the notification itself.
const DEFAULT: &str = "default";
/// The key of the button by which the person stays signed in.
const STAY: &str = "stay";
/// What a server says that it can do, where it has buttons.
const ACTIONS: &str = "actions";
/// How many notifications are waited for at most.
const MAX_OPEN: usize = 16;

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

/// Identifiers with the token that came for the window, the oldest first.
type Open = Vec<(u32, Option<String>)>;

/// The person's notifications. Clones are the same.
#[derive(Clone)]
pub(crate) struct Notifications {
    server: ServerProxy<'static>,
    /// Those that were shown. Locked while one is being shown, so that no answer overtakes its identifier.
    open: Arc<Mutex<Open>>,
}

impl Notifications {
    /// Those of a bus; what the person answers goes to `answers`.
    ///
    /// # Errors
    /// The bus is gone.
    pub(crate) async fn new(bus: &Connection, answers: mpsc::Sender<Answer>) -> zbus::Result<Self> {
        let this = Self { server: ServerProxy::new(bus).await?, open: Arc::default() };
        let mut chosen = this.server.receive_action_invoked().await?;
        let mut tokens = this.server.receive_activation_token().await?;
        let mut closed = this.server.receive_notification_closed().await?;
        let open = Arc::clone(&this.open);
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    // A token comes before the click that it is for, and the click before the end.
                    biased;
                    Some(token) = tokens.next() => {
                        let Ok(token) = token.args() else { continue };
                        let mut open = open.lock().await;
                        if let Some((_, kept)) = open.iter_mut().find(|(id, _)| *id == token.id) {
                            *kept = Some(token.token);
                        }
                    }
                    Some(chosen) = chosen.next() => {
                        let Ok(chosen) = chosen.args() else { continue };
                        let mut open = open.lock().await;
                        let Some((_, token)) = open.iter_mut().find(|(id, _)| *id == chosen.id) else { continue };
                        let answer = if chosen.key == STAY { Answer::Stay } else { Answer::Window(token.take()) };
                        if answers.try_send(answer).is_err() {
                            tracing::warn!("too many answers at once");
                        }
                    }
                    Some(closed) = closed.next() => {
                        let Ok(closed) = closed.args() else { continue };
                        open.lock().await.retain(|(id, _)| *id != closed.id);
                    }
                    else => return,
                }
            }
        });
        Ok(this)
    }

    /// Shows one, with the app's own picture: where no package has installed it, no desktop knows it by name. Says
    /// whether the person can answer it there.
    ///
    /// # Errors
    /// This desktop shows none.
    pub(crate) async fn show(
        &self,
        notification: &Notification,
        picture: Option<&Image<'_>>,
    ) -> zbus::Result<bool> {
        let answerable = self.server.get_capabilities().await?.iter().any(|can| can == ACTIONS);
        let mut actions = vec![DEFAULT, "Praya"];
        if let Some(stay) = &notification.stay {
            actions.extend([STAY, stay]);
        }
        let actions = if answerable { actions } else { Vec::new() };
        let urgency: u8 = if notification.urgent { 2 } else { 1 };
        let mut hints: HashMap<&str, Value<'_>> =
            HashMap::from([("urgency", urgency.into()), ("desktop-entry", "org.praya.desktop".into())]);
        if let Some(picture) = picture.and_then(image_data) {
            hints.insert("image-data", picture);
        }
        let (title, body) = (&notification.title, escaped(&notification.body));
        let mut open = self.open.lock().await;
        let id = self.server.notify("Praya", 0, "praya-desktop", title, &body, &actions, hints, -1).await?;
        if open.len() >= MAX_OPEN {
            open.remove(0);
        }
        open.push((id, None));
        Ok(answerable)
    }
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
        shown: mpsc::Sender<Vec<String>>,
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
            _icon: String,
            _summary: String,
            _body: String,
            actions: Vec<String>,
            _hints: HashMap<String, Value<'_>>,
            _expire: i32,
        ) -> u32 {
            self.shown.send(actions).await.unwrap();
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
        shown: mpsc::Receiver<Vec<String>>,
        server: Connection,
        _ours: Connection,
    }

    async fn world(can: &[&str]) -> World {
        let (here, there) = UnixStream::pair().unwrap();
        let (sender, shown) = mpsc::channel(4);
        let fake = Fake { can: can.iter().map(ToString::to_string).collect(), shown: sender };
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
        assert!(world.notifications.show(&asking(), None).await.unwrap());
        assert_eq!(world.shown.recv().await.unwrap(), ["default", "Praya", "stay", "Stay signed in"]);
        let emitter = SignalEmitter::new(&world.server, PATH).unwrap();
        Fake::action_invoked(&emitter, 6, "stay").await.unwrap();
        Fake::action_invoked(&emitter, 7, "stay").await.unwrap();
        assert_eq!(world.answers.recv().await, Some(Answer::Stay));
        assert!(world.answers.is_empty(), "another program's notification is no answer");
    }

    #[tokio::test]
    async fn a_click_asks_for_the_window_with_the_token_that_came_for_it() {
        let mut world = world(&["actions"]).await;
        world.notifications.show(&Notification::default(), None).await.unwrap();
        assert_eq!(world.shown.recv().await.unwrap(), ["default", "Praya"]);
        let emitter = SignalEmitter::new(&world.server, PATH).unwrap();
        Fake::activation_token(&emitter, 7, "token-1").await.unwrap();
        Fake::action_invoked(&emitter, 7, "default").await.unwrap();
        assert_eq!(world.answers.recv().await, Some(Answer::Window(Some("token-1".to_owned()))));
    }

    #[tokio::test]
    async fn where_there_are_no_buttons_it_says_so() {
        let mut world = world(&["body"]).await;
        assert!(!world.notifications.show(&asking(), None).await.unwrap());
        assert!(world.shown.recv().await.unwrap().is_empty());
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
