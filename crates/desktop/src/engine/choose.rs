//! What the person chooses outside the window. Each act runs by itself: none waits for another, and none makes the tray
//! wait. What goes wrong is told where the person looks.

use praya_model::Failure;

use super::Engine;
use crate::commands::Opened;
use crate::notify::Notification;
use crate::tray::TrayAction;

impl Engine {
    /// Does what a line of the tray's menu says. Returns at once; must be called within a runtime.
    pub fn choose(&self, action: TrayAction) {
        let engine = self.clone();
        tokio::spawn(async move {
            match action {
                TrayAction::ShowResource | TrayAction::SignIn => engine.0.shell.show(),
                TrayAction::Exit => engine.exit().await,
                TrayAction::Connect => engine.tell_failure("tray-connect-failed", engine.connect().await),
                TrayAction::Disconnect => {
                    engine.tell_failure("tray-disconnect-failed", engine.disconnect().await)
                }
                TrayAction::Open(id) => match engine.open_resource(&id).await {
                    Ok(Opened::Copied { .. }) => engine.tell_copied(&id),
                    Ok(Opened::Browser | Opened::Program { .. }) => {}
                    Err(failure) => engine.tell_failure("tray-open-failed", Err(failure)),
                },
            }
        });
    }

    /// The person stays, by the button of a notification; where that fails, the window says what is left to do.
    pub async fn stay_from_outside(&self) {
        if let Err(failure) = self.stay().await {
            tracing::warn!(code = ?failure.code, "the idle time goes on");
            self.0.shell.show();
        }
    }

    fn tell_failure(&self, title: &str, result: Result<(), Failure>) {
        let Err(failure) = result else { return };
        tracing::warn!(code = ?failure.code, "the tray's wish was not granted");
        let texts = self.texts(self.state().locale);
        let said = texts.failure(&failure);
        let body = std::iter::once(said.what).chain(said.remedy).collect::<Vec<_>>().join("\n");
        self.0.shell.tell(Notification {
            title: texts.say(title),
            body,
            insists: true,
            ..Notification::default()
        });
    }

    fn tell_copied(&self, id: &praya_model::ResourceId) {
        let texts = self.texts(self.state().locale);
        let name = self.resource(id).map(|resource| resource.name).unwrap_or_default();
        let title = texts.say_with("tray-copied", &[("name", name.as_str().into())]);
        let body = texts.say("tray-copied-text");
        self.0.shell.tell(Notification { title, body, ..Notification::default() });
    }
}
