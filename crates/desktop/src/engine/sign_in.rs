//! Signing in from one screen: account and password are typed together, and the password waits for its question.

use std::time::Duration;

use praya_ipc::{Request, Target};
use praya_model::{Failure, GatewayAddress, Secret, SignInAnswer, SignInStep, TunnelState};
use tokio::time::{sleep, timeout};

use super::Engine;
use super::model::Form;
use crate::commands::{Answer, BeginSignIn};
use crate::fold;
use crate::link::Link;
use crate::notify::{self, Happening};

/// How long a typed password waits for its question before it is forgotten.
const QUESTION: Duration = Duration::from_secs(60);

impl Engine {
    /// Begins to sign in.
    ///
    /// # Errors
    /// The service's refusal. What the gateway says comes with the state.
    pub async fn begin_sign_in(&self, begin: BeginSignIn) -> Result<(), Failure> {
        let BeginSignIn { target, account, password } = begin;
        let account = fold::account(&account);
        let password = password.filter(|password| !password.is_empty());
        let gateway = self.gateway_of(&target);
        self.change(|model| {
            if let Target::Profile { name } = &target {
                model.memory.chosen = Some(name.clone());
            }
            model.typed = gateway.filter(|_| !account.is_empty()).map(|gateway| (gateway, account.clone()));
            model.form = password.is_some().then(Form::default);
        });
        self.save_memory();
        let named = (!account.is_empty()).then(|| account.clone());
        if let Err(failure) = self.simply(Request::BeginSignIn { target, account: named }).await {
            self.change(|model| model.form = None);
            return Err(failure);
        }
        if let Some(password) = password {
            let engine = self.clone();
            tokio::spawn(async move {
                if timeout(QUESTION, engine.answer_first(account, password)).await.is_err() {
                    engine.change(|model| model.form = None);
                }
            });
        }
        Ok(())
    }

    /// Answers the question under way. Full-width digits of codes are folded; passwords are never touched.
    ///
    /// # Errors
    /// The service's refusal. What the gateway says comes with the state.
    pub async fn answer(&self, answer: Answer) -> Result<(), Failure> {
        let Answer { round, answer } = answer;
        let answer = match answer {
            SignInAnswer::Otp { code } => SignInAnswer::Otp { code: Secret::new(fold::code(code.expose())) },
            SignInAnswer::Password { account, password } => {
                let account = account.map(|account| fold::account(&account));
                SignInAnswer::Password { account, password }
            }
            SignInAnswer::NewPassword { .. }
            | SignInAnswer::Form { .. }
            | SignInAnswer::Elsewhere { .. }
            | SignInAnswer::Posture { .. }
            | SignInAnswer::CheckAgain
            | SignInAnswer::Cancel
            | _ => answer,
        };
        self.simply(Request::Answer { round, answer }).await
    }

    /// Gives up the sign-in.
    ///
    /// # Errors
    /// There is none.
    pub async fn cancel_sign_in(&self) -> Result<(), Failure> {
        self.change(|model| model.form = None);
        self.simply(Request::CancelSignIn).await
    }

    /// At the app's start, where the settings say so: brings a paused tunnel up, or begins the sign-in of the gateway
    /// and account used last. Once.
    pub(super) async fn connect_at_start(&self) {
        let wish = {
            let mut model = self.model();
            if !model.settings.in_force().connect_at_start || std::mem::replace(&mut model.started, true) {
                return;
            }
            let state = model.draw(self.now());
            let paused = state.snapshot.reconnect.as_ref().is_some_and(|reconnect| reconnect.paused);
            match state.snapshot.state {
                TunnelState::Reconnecting if paused => Some(None),
                TunnelState::NoSession | TunnelState::Ended => state.chosen.map(Some),
                TunnelState::Restoring
                | TunnelState::SigningIn
                | TunnelState::Connected
                | TunnelState::Reconnecting
                | TunnelState::IdleWarning => None,
            }
        };
        let done = match wish {
            None => Ok(()),
            Some(None) => self.simply(Request::Connect).await,
            Some(Some(name)) => {
                let target = Target::Profile { name };
                let account = self
                    .gateway_of(&target)
                    .and_then(|gateway| self.model().memory.account(&gateway).map(str::to_owned));
                let begun = match account {
                    // Without a name there is nothing to begin with; the sign-in screen asks for it.
                    None => Ok(()),
                    Some(account) => {
                        self.begin_sign_in(BeginSignIn { target, account, password: None }).await
                    }
                };
                if begun.is_ok() {
                    let state = self.state();
                    let texts = self.texts(state.locale);
                    let waits = notify::notification(&Happening::SignInWaits, &state, &texts);
                    waits.into_iter().for_each(|waits| self.0.shell.notify(waits));
                }
                begun
            }
        };
        if let Err(failure) = done {
            tracing::info!(code = ?failure.code, "not connected at the start");
        }
    }

    fn gateway_of(&self, target: &Target) -> Option<GatewayAddress> {
        match target {
            Target::Gateway { address, .. } => Some(address.clone()),
            Target::Profile { name } => {
                let model = self.model();
                let known = model.profiles.iter().find(|known| known.profile.name == *name)?;
                Some(known.profile.gateway.clone())
            }
        }
    }

    /// Waits for the question for the password and answers it; any other question is the person's.
    async fn answer_first(&self, typed: String, password: Secret) {
        let mut links = self.0.link.watch();
        links.mark_changed();
        let mut begun = false;
        while links.changed().await.is_ok() {
            let Link::Attached { snapshot, .. } = links.borrow_and_update().clone() else { break };
            let progress = snapshot.sign_in.as_ref();
            match progress.and_then(|progress| Some((progress, progress.step.as_ref()?))) {
                _ if snapshot.state != TunnelState::SigningIn => {
                    if begun {
                        break;
                    }
                }
                None => begun = true,
                Some((progress, _)) if progress.waiting => begun = true,
                Some((progress, SignInStep::Password { account })) => {
                    let round = progress.round;
                    self.change(|model| model.form = Some(Form { sent: Some(round) }));
                    let account = account.is_none().then_some(typed);
                    let answer = SignInAnswer::Password { account, password };
                    if let Err(failure) = self.simply(Request::Answer { round, answer }).await {
                        tracing::warn!(code = ?failure.code, "the password was not taken");
                        break;
                    }
                    // The form goes when the gateway's word comes.
                    return;
                }
                Some(_) => break,
            }
        }
        // A moment for the snapshot that ends it, so that no screen flashes by.
        sleep(Duration::from_millis(50)).await;
        self.change(|model| model.form = None);
    }
}
