//! Leaving: *Exit* ends the session and then the app, and does not pretend that it did.

use std::time::Duration;

use praya_ipc::Request;
use praya_model::{EndReason, Failure, FailureCode, Snapshot, TunnelState};
use tokio::time::timeout;

use super::Engine;
use crate::closing::{Closing, closing};
use crate::link::Link;
use crate::notify::Notification;
use crate::state::{Notice, Screen};

/// How long *Exit* waits for the service before it says that the session could not be ended.
const FAREWELL: Duration = Duration::from_secs(12);

impl Engine {
    /// Ends the session; where `exit` is set, the app as well: see [`Engine::exit`].
    ///
    /// # Errors
    /// The service's refusal; none with `exit`, because that one stands in the state.
    pub async fn logout(&self, exit: bool) -> Result<(), Failure> {
        if exit {
            self.exit().await;
            return Ok(());
        }
        self.simply(Request::Logout { reason: EndReason::UserLogout }).await
    }

    /// Ends the session and then the app. Where the session cannot be ended the app stays, and its window says why
    /// ([`crate::AppState::exit_failed`]): a tunnel that nobody sees any more would be worse than a question.
    ///
    /// What an attempt before it failed by stands until this one is decided.
    pub async fn exit(&self) {
        let ended = timeout(FAREWELL, self.end_for_good()).await;
        if let Err(failure) = ended.unwrap_or(Err(FailureCode::ServiceUnavailable.into())) {
            tracing::warn!(code = ?failure.code, "the session was not ended");
            self.change(|model| model.exit_failed = Some(failure));
            self.0.shell.show();
        } else {
            self.stay_after_all();
            self.0.shell.quit();
        }
    }

    /// Puts away that *Exit* failed; app and session stay.
    pub fn stay_after_all(&self) {
        self.change(|model| model.exit_failed = None);
    }

    /// The person closes the window: what becomes of it. That a session stays is said the first time, and
    /// not again at the next start.
    pub fn close(&self) -> Closing {
        let state = self.state();
        let closing = closing(&state);
        let said = match closing {
            Closing::Hide if state.screen == Screen::Resources => "notify-still-running-text",
            Closing::Minimise => "notify-still-running-no-tray",
            Closing::Hide | Closing::Go => return closing,
        };
        let first = self.change(|model| {
            let memory = &mut model.memory;
            let known = match closing {
                Closing::Minimise => &mut memory.minimising_said,
                Closing::Hide | Closing::Go => &mut memory.closing_said,
            };
            let first = !std::mem::replace(known, true);
            if first && closing == Closing::Minimise {
                model.notices.push(Notice::NoTray);
            }
            first
        });
        if first {
            self.save_memory();
            let texts = self.texts(state.locale);
            let (title, body) = (texts.say("notify-still-running"), texts.say(said));
            self.0.shell.tell(Notification { title, body, ..Notification::default() });
        }
        closing
    }

    /// Ends the app and keeps the session.
    pub fn quit(&self) {
        self.0.shell.quit();
    }

    /// Returns once there is no session, or why there may still be one. Waits for a service that is just starting.
    async fn end_for_good(&self) -> Result<(), Failure> {
        let mut links = self.0.link.watch();
        let over = |_| FailureCode::ServiceUnavailable;
        loop {
            let link = links.wait_for(|link| *link != Link::Connecting).await.map_err(over)?.clone();
            match link {
                Link::Connecting => {}
                Link::Gone(failure) => {
                    let lost = may_live(self.model().snapshot());
                    return if lost { Err(failure) } else { Ok(()) };
                }
                Link::Attached { snapshot, .. } if !may_live(&snapshot) => return Ok(()),
                Link::Attached { .. } => {
                    match self
                        .simply(Request::Logout { reason: EndReason::TrayExit })
                        .await
                        .map_err(|f| f.code)
                    {
                        Ok(()) | Err(FailureCode::NotSignedIn | FailureCode::SessionEnded { .. }) => {
                            return Ok(());
                        }
                        Err(FailureCode::ServiceUnavailable) => {
                            // It may be restarting: what it brings back is ended then.
                            let lost = |link: &Link| !matches!(link, Link::Attached { .. });
                            links.wait_for(lost).await.map_err(over)?;
                        }
                        Err(code) => return Err(code.into()),
                    }
                }
            }
        }
    }
}

/// Whether there is something of the person's to end.
fn may_live(snapshot: &Snapshot) -> bool {
    !snapshot.in_use_by_another
        && match snapshot.state {
            TunnelState::NoSession | TunnelState::Ended => false,
            TunnelState::Restoring
            | TunnelState::SigningIn
            | TunnelState::Connected
            | TunnelState::Reconnecting
            | TunnelState::IdleWarning => true,
        }
}
