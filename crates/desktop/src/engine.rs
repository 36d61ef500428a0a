//! The app's one memory: it listens to the service, carries commands out, and publishes the [`AppState`].
//!
//! Decisions are made by the pure modules; here they are put together. The model is behind a lock that is never held
//! while something is waited for; whoever changed it publishes.

mod acts;
mod choose;
mod gateways;
mod leave;
mod model;
mod sign_in;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use praya_ipc::{Request, Response};
use praya_model::{Failure, FailureCode, Timestamp};
use praya_texts::{Isolation, Texts, TimeZone};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

use crate::clean;
use crate::history::STEP_MILLIS;
use crate::link::{Link, ServiceLink};
use crate::memory::Memory;
use crate::notify;
use crate::settings::{Language, Loaded};
use crate::shell::{Paths, Shell};
use crate::state::{AppState, Notice, ServiceState};
use crate::tray::{Tray, tray};

use model::Model;

/// What an engine is made of.
pub struct Parts {
    /// The connection to the service.
    pub link: ServiceLink,
    /// The desktop.
    pub shell: Arc<dyn Shell>,
    /// Where its files are.
    pub paths: Paths,
    /// The system's language.
    pub language: Language,
    /// The person's time zone.
    pub zone: TimeZone,
    /// The clock.
    pub clock: fn() -> Timestamp,
    /// The window is drawn without the graphics card.
    pub safe_mode: bool,
    /// What the app has to say about its own start.
    pub notices: Vec<Notice>,
}

/// The app's logic. Clones are the same.
#[derive(Clone)]
pub struct Engine(Arc<Inner>);

struct Inner {
    link: ServiceLink,
    shell: Arc<dyn Shell>,
    paths: Paths,
    zone: TimeZone,
    clock: fn() -> Timestamp,
    model: Mutex<Model>,
    texts: Mutex<Option<(Language, Arc<Texts>)>>,
    /// Held while a file is written, so that the newest value is written last.
    writing: Mutex<()>,
    state: watch::Sender<Arc<AppState>>,
    /// The state that the person was last told the news of.
    told: Mutex<Arc<AppState>>,
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").finish_non_exhaustive()
    }
}

impl Engine {
    /// Reads what is remembered and begins to listen to the service. Must be called within a runtime.
    pub fn start(parts: Parts) -> Self {
        let Parts { link, shell, paths, language, zone, clock, safe_mode, mut notices } = parts;
        let settings = Loaded::read(&paths.settings, &paths.managed);
        if settings.own_unreadable {
            notices.push(Notice::SettingsUnreadable);
        }
        if settings.managed_unreadable {
            notices.push(Notice::ManagedUnreadable);
        }
        if let Err(error) = shell.start_at_login(settings.in_force().start_at_login) {
            tracing::warn!(%error, "starting at login cannot be arranged");
        }
        let model = Model::new(settings, Memory::read(&paths.memory), language, safe_mode, notices);
        let first = Arc::new(model.draw(clock()));
        let state = watch::Sender::new(Arc::clone(&first));
        let inner = Inner {
            link,
            shell,
            paths,
            zone,
            clock,
            model: Mutex::new(model),
            texts: Mutex::new(None),
            writing: Mutex::new(()),
            told: Mutex::new(first),
            state,
        };
        let engine = Self(Arc::new(inner));
        tokio::spawn(engine.clone().listen());
        engine
    }

    /// The state and every change of it.
    pub fn watch(&self) -> watch::Receiver<Arc<AppState>> {
        self.0.state.subscribe()
    }

    /// The state by the clock of this moment.
    pub fn state(&self) -> AppState {
        self.model().draw(self.now())
    }

    /// The tray for a state.
    pub fn tray(&self, state: &AppState) -> Tray {
        tray(state, &self.texts(state.locale))
    }

    /// The texts of a language.
    pub fn texts(&self, language: Language) -> Arc<Texts> {
        let mut cached = self.0.texts.lock().unwrap_or_else(PoisonError::into_inner);
        match &*cached {
            Some((of, texts)) if *of == language => Arc::clone(texts),
            _ => {
                let texts = Arc::new(Texts::new(language.locale(), &self.0.zone, Isolation::Off));
                *cached = Some((language, Arc::clone(&texts)));
                texts
            }
        }
    }

    /// Says whether this desktop shows tray icons.
    pub fn tray_is_shown(&self, shown: bool) {
        self.change(|model| model.tray_available = shown);
    }

    fn model(&self) -> MutexGuard<'_, Model> {
        self.0.model.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Timestamp {
        (self.0.clock)()
    }

    /// Changes the model and publishes what it looks like then.
    fn change<T>(&self, change: impl FnOnce(&mut Model) -> T) -> T {
        let now = self.now();
        let mut model = self.model();
        let result = change(&mut model);
        self.0.state.send_replace(Arc::new(model.draw(now)));
        result
    }

    async fn request(&self, request: Request) -> Result<Response, Failure> {
        self.0.link.request(request).await.map_err(clean::failure)
    }

    /// A request whose answer is only that it is done.
    async fn simply(&self, request: Request) -> Result<(), Failure> {
        self.request(request).await.map(drop)
    }

    async fn listen(self) {
        let mut links = self.0.link.watch();
        let step = Duration::from_millis(STEP_MILLIS.unsigned_abs());
        let mut ticks = interval(step);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        links.mark_changed();
        loop {
            let lives = self.model().lives();
            tokio::select! {
                changed = links.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    let link = links.borrow_and_update().clone();
                    self.observe(link);
                }
                // Without a session there is nothing to draw, and the app sleeps.
                _ = ticks.tick(), if lives => {
                    let now = self.now();
                    self.change(|model| model.step(now));
                    self.tell_news();
                    self.fetch_if_wanted();
                }
            }
        }
    }

    /// Takes in what the service shows, tells the person what they would want to know, and asks for what is missing.
    fn observe(&self, link: Link) {
        let now = self.now();
        let pages = self.system_pages(&link);
        let seen = self.change(|model| {
            model.system_pages = pages;
            model.observe(link, now)
        });
        self.tell_news();
        if seen.remember {
            self.save_memory();
        }
        if seen.newly_attached {
            let engine = self.clone();
            tokio::spawn(async move {
                if let Err(failure) = engine.fetch_profiles().await {
                    tracing::warn!(code = ?failure.code, "the profiles cannot be listed");
                }
                engine.connect_at_start().await;
            });
        }
        self.fetch_if_wanted();
    }

    /// Tells what has happened since it was told last. While the service is looked for that is not known yet.
    fn tell_news(&self) {
        let after = Arc::clone(&*self.0.state.borrow());
        if after.service == ServiceState::Connecting {
            return;
        }
        let before = {
            let mut told = self.0.told.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *told, Arc::clone(&after))
        };
        for happening in notify::news(&before, &after) {
            match notify::notification(&happening, &after, &self.texts(after.locale)) {
                Some(notification) => self.0.shell.notify(notification),
                None if happening.insists() => self.0.shell.show(),
                None => {}
            }
        }
    }

    /// Fetches the profiles that the person may use.
    async fn fetch_profiles(&self) -> Result<(), Failure> {
        let answer = self.request(Request::ListProfiles).await?;
        let Response::Profiles { profiles } = answer else { return Err(unexpected()) };
        self.change(|model| model.profiles = profiles);
        Ok(())
    }

    /// Fetches the resources where the session has some that are not known.
    fn fetch_if_wanted(&self) {
        let now = self.now();
        let wanted = self.change(|model| model.begin_fetch(now));
        if let Some(key) = wanted {
            let engine = self.clone();
            tokio::spawn(async move {
                let fetched = match engine.request(Request::Resources).await {
                    Ok(Response::Resources { resources }) => Ok(resources),
                    Ok(_) => Err(unexpected()),
                    Err(failure) => Err(failure),
                };
                let now = engine.now();
                engine.change(|model| model.fetched(&key, fetched, now));
            });
        }
    }

    /// Writes the memory; what cannot be written is forgotten at the app's end, and nothing else fails.
    fn save_memory(&self) {
        let engine = self.clone();
        tokio::task::spawn_blocking(move || {
            let _writing = engine.0.writing.lock().unwrap_or_else(PoisonError::into_inner);
            let memory = engine.model().memory.clone();
            if let Err(error) = memory.save(&engine.0.paths.memory) {
                tracing::warn!(%error, "what is remembered cannot be saved");
            }
        });
    }
}

/// The service gave an answer of another kind than was asked for.
fn unexpected() -> Failure {
    FailureCode::Protocol { detail: "an answer of another kind".to_owned() }.into()
}
