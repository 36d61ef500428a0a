//! What the engine knows, and the state that it makes of it. No I/O.

use std::collections::VecDeque;
use std::sync::Arc;

use praya_ipc::KnownProfile;
use praya_model::posture::Check;
use praya_model::{
    AccountName, Failure, GatewayAddress, ProfileName, Resource, SessionId, SignInStep, Snapshot, Timestamp,
    TunnelState,
};

use crate::clean;
use crate::diagnostics::Entry;
use crate::history::History;
use crate::invitation::Invitation;
use crate::link::Link;
use crate::memory::{Memory, Person};
use crate::screen::screen;
use crate::settings::{Language, Loaded};
use crate::state::{AppState, Notice, ResourceList, Screen, ServiceState};

/// How many happenings the record keeps.
const MAX_RECORD: usize = 100;
/// How long after a failure the resources are fetched again by themselves, in milliseconds.
const FETCH_AGAIN_MILLIS: i64 = 10_000;

pub(super) struct Model {
    service: ServiceState,
    snapshot: Arc<Snapshot>,
    pub(super) profiles: Vec<KnownProfile>,
    pub(super) settings: Loaded,
    pub(super) memory: Memory,
    pub(super) invitation: Option<Invitation>,
    pub(super) invitation_refused: Option<Failure>,
    pub(super) notices: Vec<Notice>,
    pub(super) exit_failed: Option<Failure>,
    pub(super) system_pages: Vec<Check>,
    pub(super) tray_available: bool,
    language: Language,
    /// Drawn without the graphics card.
    safe_mode: bool,
    /// The report that the person read last.
    pub(super) report: Option<String>,
    resources: Resources,
    history: History,
    record: VecDeque<Entry>,
    /// The account as it was typed for the sign-in under way, and where.
    pub(super) typed: Option<(GatewayAddress, String)>,
    /// The sign-in screen whose password is on its way.
    pub(super) form: Option<Form>,
    /// What is to be done once at the start was done.
    pub(super) started: bool,
}

/// A sign-in screen that asked for account and password at once; it stays until the gateway has judged the password.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Form {
    /// The round that the password answered, once it was sent.
    pub(super) sent: Option<u32>,
}

/// Whose resources: another session is asked anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Key {
    person: Person,
    session: Option<SessionId>,
}

#[derive(Default)]
struct Resources {
    key: Option<Key>,
    list: Option<Vec<Resource>>,
    fetching: bool,
    wanted: bool,
    failure: Option<(Failure, Timestamp)>,
}

/// What there is to do after the service showed something.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen {
    pub(super) newly_attached: bool,
    pub(super) remember: bool,
}

impl Model {
    pub(super) fn new(
        settings: Loaded,
        memory: Memory,
        language: Language,
        safe_mode: bool,
        notices: Vec<Notice>,
    ) -> Self {
        Self {
            service: ServiceState::Connecting,
            snapshot: Arc::default(),
            profiles: Vec::new(),
            settings,
            memory,
            invitation: None,
            invitation_refused: None,
            notices,
            exit_failed: None,
            system_pages: Vec::new(),
            tray_available: false,
            language,
            safe_mode,
            report: None,
            resources: Resources::default(),
            history: History::default(),
            record: VecDeque::new(),
            typed: None,
            form: None,
            started: false,
        }
    }

    /// What the window shows.
    pub(super) fn draw(&self, now: Timestamp) -> AppState {
        let settings = self.settings.in_force();
        AppState {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            now,
            screen: self.screen(),
            service: self.service.clone(),
            snapshot: Snapshot::clone(&self.snapshot),
            profiles: self.profiles.clone(),
            chosen: self.chosen(),
            accounts: if settings.remember_account { self.memory.accounts.clone() } else { Vec::new() },
            invitation: self.invitation.clone(),
            invitation_refused: self.invitation_refused.clone(),
            exit_failed: self.exit_failed.clone().filter(|_| !self.is_over()),
            system_pages: self.system_pages.clone(),
            resources: self.resources.list(&self.memory),
            rates: self.history.rates(),
            locale: settings.language.unwrap_or(self.language),
            system_locale: self.language,
            safe_mode: self.safe_mode,
            settings,
            managed: self.settings.managed_keys(),
            tray_available: self.tray_available,
            notices: self.notices.clone(),
        }
    }

    fn screen(&self) -> Screen {
        let drawn = screen(&self.service, &self.snapshot, !self.profiles.is_empty());
        let of_the_form = matches!(drawn, Screen::Password | Screen::Connecting);
        if of_the_form && self.form_holds() { Screen::SignIn } else { drawn }
    }

    /// Whether the password of the sign-in screen is still being asked for, sent or judged.
    fn form_holds(&self) -> bool {
        let Some(form) = self.form else { return false };
        let progress = self.snapshot.sign_in.as_ref();
        match (form.sent, progress.and_then(|progress| progress.step.as_ref())) {
            (None, None | Some(SignInStep::Password { .. })) => true,
            (Some(sent), Some(SignInStep::Password { .. })) => {
                progress.is_some_and(|progress| progress.round == sent)
            }
            (_, _) => false,
        }
    }

    /// The gateway that the sign-in screen is for.
    fn chosen(&self) -> Option<ProfileName> {
        let known = |name: &ProfileName| self.profiles.iter().any(|known| known.profile.name == *name);
        let in_use = self.snapshot.profile.as_ref().filter(|name| self.lives() && known(name));
        let remembered = self.memory.chosen.as_ref().filter(|name| known(name));
        in_use.or(remembered).or(self.profiles.first().map(|known| &known.profile.name)).cloned()
    }

    /// Whether there is a session.
    pub(super) fn lives(&self) -> bool {
        !self.snapshot.in_use_by_another
            && match self.snapshot.state {
                TunnelState::Connected | TunnelState::Reconnecting | TunnelState::IdleWarning => true,
                TunnelState::NoSession
                | TunnelState::Restoring
                | TunnelState::SigningIn
                | TunnelState::Ended => false,
            }
    }

    /// Whether the service says that there is nothing to end any more.
    fn is_over(&self) -> bool {
        self.is_attached() && matches!(self.snapshot.state, TunnelState::NoSession | TunnelState::Ended)
    }

    pub(super) fn is_attached(&self) -> bool {
        matches!(self.service, ServiceState::Attached { .. })
    }

    pub(super) fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    pub(super) fn record(&self) -> Vec<Entry> {
        self.record.iter().cloned().collect()
    }

    fn note(&mut self, at: Timestamp, what: String) {
        self.record.push_back(Entry { at, what });
        if self.record.len() > MAX_RECORD {
            self.record.pop_front();
        }
    }

    /// No invitation is shown any more, nor why another one was refused.
    pub(super) fn put_invitation_away(&mut self) {
        self.invitation = None;
        self.invitation_refused = None;
    }

    /// Takes in what the service shows.
    pub(super) fn observe(&mut self, link: Link, now: Timestamp) -> Seen {
        let mut seen = Seen::default();
        match link {
            Link::Connecting => self.service = ServiceState::Connecting,
            Link::Gone(failure) => {
                self.note(now, format!("service gone: {}", name_of(&failure)));
                self.service = ServiceState::Gone { failure: clean::failure(failure) };
            }
            Link::Attached { snapshot, rights } => {
                seen.newly_attached = !self.is_attached();
                if seen.newly_attached {
                    self.note(now, "attached".to_owned());
                }
                self.service = ServiceState::Attached { rights };
                let before = std::mem::replace(&mut self.snapshot, clean::snapshot(snapshot));
                seen.remember = self.after(&before, now);
            }
        }
        seen
    }

    /// What follows from a new snapshot; says whether the memory changed.
    fn after(&mut self, before: &Snapshot, now: Timestamp) -> bool {
        if before.state != self.snapshot.state {
            let state = wire_name(&self.snapshot.state);
            self.note(now, state);
        }
        if let Some(failure) = &self.snapshot.last_failure
            && before.last_failure.as_ref().map(|failure| &failure.code) != Some(&failure.code)
        {
            let said = format!("failure: {}", name_of(failure));
            self.note(now, said);
        }
        self.release_form();
        let key = self.key();
        if key != self.resources.key {
            self.resources = Resources { wanted: key.is_some(), key, ..Resources::default() };
        } else if before.state == TunnelState::Reconnecting && self.snapshot.state == TunnelState::Connected {
            // What is published may have changed while the tunnel was away.
            self.resources.wanted = self.resources.key.is_some();
        }
        if !self.lives() {
            self.history.clear();
            return false;
        }
        self.history.observe(now, self.snapshot.traffic);
        let Some((gateway, account)) = self.typed.take() else { return false };
        if self.settings.in_force().remember_account {
            self.memory.remember_account(&gateway, &account);
        }
        true
    }

    fn release_form(&mut self) {
        let over = self.snapshot.state != TunnelState::SigningIn;
        let sent = self.form.is_some_and(|form| form.sent.is_some());
        if sent && (over || !self.form_holds()) {
            self.form = None;
        }
    }

    /// A step of the graph.
    pub(super) fn step(&mut self, now: Timestamp) {
        self.history.observe(now, self.snapshot.traffic);
    }

    /// Whose list it is, while there is one.
    fn key(&self) -> Option<Key> {
        if !self.lives() || !self.snapshot.resources_available {
            return None;
        }
        let person = self.person()?;
        Some(Key { person, session: self.snapshot.session.clone() })
    }

    /// Who is signed in, and where.
    pub(super) fn person(&self) -> Option<Person> {
        let gateway: GatewayAddress = self.snapshot.gateway.clone()?;
        let account: AccountName = self.snapshot.account.clone()?;
        Some(Person { gateway, account })
    }

    /// The person wants the list anew.
    pub(super) fn want_resources(&mut self) {
        self.resources.wanted = self.resources.key.is_some();
    }

    /// Whose resources are to be fetched now, if any are; the answer goes to [`Model::fetched`].
    pub(super) fn begin_fetch(&mut self, now: Timestamp) -> Option<Key> {
        let again = self.resources.failure.as_ref().is_some_and(|(failure, at)| {
            failure.code.is_transient() && now.as_millis() - at.as_millis() >= FETCH_AGAIN_MILLIS
        });
        if self.resources.fetching || !(self.resources.wanted || again) || !self.is_attached() {
            return None;
        }
        self.resources.fetching = self.resources.key.is_some();
        self.resources.wanted = false;
        self.resources.key.clone()
    }

    /// Takes the list; one that comes too late for its session is dropped.
    pub(super) fn fetched(&mut self, key: &Key, fetched: Result<Vec<Resource>, Failure>, now: Timestamp) {
        if self.resources.key.as_ref() != Some(key) {
            return;
        }
        self.resources.fetching = false;
        match fetched {
            Ok(list) => {
                self.resources.list = Some(clean::resources(list));
                self.resources.failure = None;
            }
            Err(failure) => {
                self.note(now, format!("resources: {}", name_of(&failure)));
                self.resources.failure = Some((failure, now));
            }
        }
    }

    /// The resource of that identifier.
    pub(super) fn resource(&self, id: &praya_model::ResourceId) -> Option<Resource> {
        self.resources.list.iter().flatten().find(|resource| resource.id == *id).cloned()
    }
}

impl Resources {
    fn list(&self, memory: &Memory) -> ResourceList {
        let Some(key) = &self.key else { return ResourceList::None };
        let failure = self.failure.as_ref().map(|(failure, _)| failure.clone());
        match (&self.list, failure) {
            (Some(list), stale) => {
                let marked = memory.favourites(&key.person);
                let ids = list.iter().map(|resource| &resource.id);
                let favourites = ids.filter(|id| marked.contains(id)).cloned().collect();
                let published =
                    |id: &&praya_model::ResourceId| list.iter().any(|resource| resource.id == **id);
                let recent = memory.recent(&key.person).iter().filter(published).cloned().collect();
                ResourceList::Ready {
                    list: list.clone(),
                    favourites,
                    recent,
                    refreshing: self.fetching,
                    stale,
                }
            }
            (None, Some(failure)) if !self.fetching => ResourceList::Failed { failure },
            (None, _) => ResourceList::Loading,
        }
    }
}

/// The stable name of a failure's code.
fn name_of(failure: &Failure) -> String {
    praya_texts::failure_name(&failure.code)
}

/// A value that is nothing but its name, by that name.
fn wire_name(value: &impl serde::Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}
