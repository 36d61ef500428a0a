//! What the tray shows: its icon, its tooltip, its menu. A pure function of the state; the shell draws it.

use praya_model::snapshot::Snapshot;
use praya_model::{ResourceId, TunnelState};
use praya_texts::{Arg, Texts};

use crate::clean;
use crate::state::{AppState, ResourceList, Screen, ServiceState};

/// How long a line of the menu may be, in characters.
const LINE: usize = 80;
/// How many resources stand in the menu itself.
const IN_MENU: usize = 5;

/// A tray icon, whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tray {
    /// Which picture.
    pub icon: TrayIcon,
    /// What it says under the pointer; never empty.
    pub tooltip: String,
    /// Its menu.
    pub items: Vec<TrayItem>,
}

/// The pictures, one for each state of the client shell (1F): each has a shape of its own besides its colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TrayIcon {
    /// Nobody is signed in.
    NoSession,
    /// A session is being brought back, or the state is not known yet.
    Restoring,
    /// Signing in.
    SigningIn,
    /// The tunnel is up.
    Connected,
    /// The tunnel is down or being brought back; the session lives.
    Reconnecting,
    /// The idle logout is near.
    IdleWarning,
    /// The session has ended, or the service is gone.
    Ended,
}

impl TrayIcon {
    /// Every picture.
    pub const ALL: [Self; 7] = [
        Self::NoSession,
        Self::Restoring,
        Self::SigningIn,
        Self::Connected,
        Self::Reconnecting,
        Self::IdleWarning,
        Self::Ended,
    ];

    /// The name of its file in `icons/`, without size and ending.
    pub const fn file(self) -> &'static str {
        match self {
            Self::NoSession => "tray-no-session",
            Self::Restoring => "tray-restoring",
            Self::SigningIn => "tray-signing-in",
            Self::Connected => "tray-connected",
            Self::Reconnecting => "tray-reconnecting",
            Self::IdleWarning => "tray-idle-warning",
            Self::Ended => "tray-ended",
        }
    }
}

/// A line of the menu.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TrayItem {
    /// Says something and does nothing.
    Line(String),
    /// Does something.
    Action {
        /// What.
        id: TrayAction,
        /// What it says.
        text: String,
        /// Whether it can be chosen now.
        enabled: bool,
    },
    /// A line between groups.
    Separator,
    /// A menu of its own.
    Submenu {
        /// What it says.
        text: String,
        /// What is in it.
        items: Vec<TrayItem>,
    },
}

/// What a line of the menu does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TrayAction {
    /// Shows the window.
    ShowResource,
    /// Opens a resource.
    Open(ResourceId),
    /// Brings the tunnel up.
    Connect,
    /// Takes the tunnel down and keeps the session.
    Disconnect,
    /// Shows the window at the sign-in.
    SignIn,
    /// Logs out and ends the app.
    Exit,
}

/// Draws the tray.
pub fn tray(state: &AppState, texts: &Texts) -> Tray {
    let said = headline(state, texts);
    let tooltip = match subject(state) {
        Some(profile) => texts.say_with(
            "tray-tooltip-profile",
            &[("state", said.as_str().into()), ("profile", profile.into())],
        ),
        None => texts.say_with("tray-tooltip", &[("state", said.as_str().into())]),
    };
    Tray { icon: icon(state), tooltip, items: menu(state, texts, said) }
}

/// The picture for a state.
pub fn icon(state: &AppState) -> TrayIcon {
    match state.screen {
        Screen::Restoring => return TrayIcon::Restoring,
        Screen::ServiceGone => return TrayIcon::Ended,
        Screen::InUse => return TrayIcon::NoSession,
        Screen::Gateway
        | Screen::SignIn
        | Screen::Password
        | Screen::Code
        | Screen::NewPassword
        | Screen::Form
        | Screen::Checking
        | Screen::Elsewhere
        | Screen::Connecting
        | Screen::Resources
        | Screen::Ended => {}
    }
    match state.snapshot.state {
        TunnelState::NoSession => TrayIcon::NoSession,
        TunnelState::Restoring => TrayIcon::Restoring,
        TunnelState::SigningIn => TrayIcon::SigningIn,
        TunnelState::Connected => TrayIcon::Connected,
        TunnelState::Reconnecting => TrayIcon::Reconnecting,
        TunnelState::IdleWarning => TrayIcon::IdleWarning,
        TunnelState::Ended => TrayIcon::Ended,
    }
}

/// The state in a few words.
fn headline(state: &AppState, texts: &Texts) -> String {
    match (&state.service, state.screen) {
        (_, Screen::ServiceGone) => texts.say("tray-service-gone"),
        (_, Screen::InUse) => texts.say("tray-in-use"),
        (ServiceState::Connecting, _) => texts.state(TunnelState::Restoring),
        _ if is_paused(&state.snapshot) => texts.say("state-paused"),
        _ => texts.state(state.snapshot.state),
    }
}

/// Where the session is or was, else where the next one would be.
fn subject(state: &AppState) -> Option<&str> {
    let known = |state: &&AppState| !matches!(state.screen, Screen::ServiceGone | Screen::InUse);
    let chosen = Some(state).filter(known).and_then(|state| state.chosen.as_ref());
    state.snapshot.profile.as_ref().or(chosen).map(praya_model::ProfileName::as_str)
}

fn is_paused(snapshot: &Snapshot) -> bool {
    snapshot.state == TunnelState::Reconnecting
        && snapshot.reconnect.as_ref().is_some_and(|reconnect| reconnect.paused)
}

fn menu(state: &AppState, texts: &Texts, said: String) -> Vec<TrayItem> {
    let snapshot = &state.snapshot;
    let action = |id, text: &str, enabled| TrayItem::Action { id, text: texts.say(text), enabled };
    let mut items = vec![TrayItem::Line(said)];
    let attached = !matches!(state.screen, Screen::ServiceGone | Screen::InUse)
        && matches!(state.service, ServiceState::Attached { .. });
    if attached {
        items.extend(about(state, texts).into_iter().map(TrayItem::Line));
    }
    items.push(TrayItem::Separator);
    items.push(action(TrayAction::ShowResource, "tray-show-resource", true));
    let signed_in = attached && state.screen == Screen::Resources;
    if signed_in {
        let reachable = matches!(snapshot.state, TunnelState::Connected | TunnelState::IdleWarning);
        items.extend(openable(&state.resources, texts, reachable));
        items.push(TrayItem::Separator);
        items.push(match snapshot.state {
            TunnelState::Connected | TunnelState::IdleWarning => {
                action(TrayAction::Disconnect, "tray-disconnect", true)
            }
            TunnelState::NoSession
            | TunnelState::Restoring
            | TunnelState::SigningIn
            | TunnelState::Reconnecting
            | TunnelState::Ended => action(TrayAction::Connect, "tray-connect", true),
        });
    } else if attached && matches!(state.screen, Screen::Gateway | Screen::SignIn | Screen::Ended) {
        items.push(action(TrayAction::SignIn, "tray-sign-in", true));
    }
    items.push(TrayItem::Separator);
    items.push(action(TrayAction::Exit, "tray-exit", true));
    items
}

/// Who, where, since when, and what is about to happen.
fn about(state: &AppState, texts: &Texts) -> Vec<String> {
    let snapshot = &state.snapshot;
    let mut lines = Vec::new();
    let account = snapshot.account.as_ref().filter(|_| snapshot.state != TunnelState::Ended);
    match (account, subject(state)) {
        (Some(account), Some(profile)) => {
            let args = [("account", Arg::from(account.as_str())), ("profile", profile.into())];
            lines.push(short(&texts.say_with("tray-account", &args)));
        }
        (None, Some(profile)) => lines.push(short(profile)),
        (_, None) => {}
    }
    if let (Some(reason), TunnelState::Ended) = (snapshot.ended, snapshot.state) {
        lines.push(texts.end(reason));
    }
    if let (Some(at), TunnelState::IdleWarning) = (snapshot.idle_at, snapshot.state) {
        // Minutes and half minutes: a menu that changes every second cannot be read, and closes on some desktops.
        let left = at.since(state.now).as_secs().div_ceil(30) * 30;
        lines.push(texts.say_with("tray-idle", &[("seconds_left", left.into())]));
    }
    lines
}

/// A peer's words as a line of a menu.
fn short(text: &str) -> String {
    let line = clean::one_line(text);
    if line.chars().count() <= LINE {
        return line;
    }
    line.chars().take(LINE - 1).chain(['…']).collect()
}

/// The favourites and the resources opened last, the rest of them in menus of their own.
fn openable(resources: &ResourceList, texts: &Texts, reachable: bool) -> Vec<TrayItem> {
    let entry = |resource: &praya_model::Resource| TrayItem::Action {
        id: TrayAction::Open(resource.id.clone()),
        text: short(&resource.name),
        enabled: reachable,
    };
    let mut items = Vec::new();
    let recent = resources.recent();
    if !recent.is_empty() {
        items.push(TrayItem::Separator);
        items.push(TrayItem::Line(texts.say("tray-recent")));
        items.extend(recent.into_iter().take(IN_MENU).map(entry));
    }
    let favourites = resources.favourites();
    if !favourites.is_empty() {
        let items_of = favourites.into_iter().map(entry).collect();
        items.push(TrayItem::Submenu { text: texts.say("tray-favourites"), items: items_of });
    }
    items
}

#[cfg(test)]
mod tests;
