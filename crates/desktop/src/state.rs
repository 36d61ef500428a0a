//! The one value from which the window draws.

use praya_ipc::{KnownProfile, Rights};
use praya_model::posture::Check;
use praya_model::{Failure, GatewayAddress, ProfileName, Resource, ResourceId, Snapshot, Timestamp};
use serde::{Deserialize, Serialize};

use crate::history::Rate;
use crate::invitation::Invitation;
use crate::settings::{Language, SettingKey, Settings};

/// Everything that the window shows. Times are instants by the clock that [`AppState::now`] was read from; the
/// window counts down by itself. It never holds a secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct AppState {
    /// The app's version.
    pub version: String,
    /// This machine's clock when the value was made.
    pub now: Timestamp,
    /// Which screen the window shows.
    pub screen: Screen,
    /// The connection to the service.
    pub service: ServiceState,
    /// The state of the session, as the service tells it; the last one while the service is away.
    pub snapshot: Snapshot,
    /// The gateways that the person may choose from, by name.
    pub profiles: Vec<KnownProfile>,
    /// The one that is in use, else the one that was used last, else the only one.
    pub chosen: Option<ProfileName>,
    /// The accounts that the person let the app remember, one for each gateway.
    pub accounts: Vec<RememberedAccount>,
    /// An invitation that was opened and waits for the person's word, over whichever screen is shown.
    pub invitation: Option<Invitation>,
    /// Why a link or file that was opened, perhaps while that one waited, was not taken; goes with it.
    pub invitation_refused: Option<Failure>,
    /// Why *Exit* could not end the session; the app stayed, and waits for the person's word.
    pub exit_failed: Option<Failure>,
    /// The checks for which a page of the system's settings can be opened here; told where there are findings.
    pub system_pages: Vec<Check>,
    /// The resources of the session.
    pub resources: ResourceList,
    /// Bytes per second over the last minutes, the oldest first (B-17).
    pub rates: Vec<Rate>,
    /// The settings in force.
    pub settings: Settings,
    /// Those of them that an administrator has fixed.
    pub managed: Vec<SettingKey>,
    /// The language in force: that of the settings, else the system's.
    pub locale: Language,
    /// The system's language, whatever is in force.
    pub system_locale: Language,
    /// The window is drawn without the graphics card.
    pub safe_mode: bool,
    /// Whether this desktop shows tray icons; without one the window is the only way back.
    pub tray_available: bool,
    /// What the app has to say about itself.
    pub notices: Vec<Notice>,
}

/// The connection to the service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(tag = "service", rename_all = "snake_case")]
pub enum ServiceState {
    /// It is being looked for; for seconds at most.
    Connecting,
    /// It does not answer, or does not let this person in; it is looked for again.
    Gone {
        /// Why.
        failure: Failure,
    },
    /// Attached.
    Attached {
        /// What the person may do now.
        rights: Rights,
    },
}

/// The screens of the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum Screen {
    /// The session is being brought back, or its state is not known yet. Never drawn as signed out.
    Restoring,
    /// The service does not answer.
    ServiceGone,
    /// Another person on this machine is signed in.
    InUse,
    /// No gateway is known yet.
    Gateway,
    /// Account and password, with the reason of a refusal beside them.
    SignIn,
    /// The question for the password of an account that is named already.
    Password,
    /// The question for a token's code.
    Code,
    /// The question for a new password.
    NewPassword,
    /// A question of a foreign gateway in its own words.
    Form,
    /// The machine is being checked.
    Checking,
    /// Signed in elsewhere.
    Elsewhere,
    /// The gateway's word is awaited, or the tunnel is coming up for the first time.
    Connecting,
    /// Signed in: resources and connection, also while the tunnel is being brought back or is paused.
    Resources,
    /// As [`Screen::SignIn`], with the reason of the last session's end.
    Ended,
}

/// An account that the app remembers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct RememberedAccount {
    /// Where.
    pub gateway: GatewayAddress,
    /// As it was typed, folded.
    pub account: String,
}

/// The resources of the session.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(tag = "resources", rename_all = "snake_case")]
pub enum ResourceList {
    /// There is no session, or its gateway has no list.
    #[default]
    None,
    /// The list is on its way.
    Loading,
    /// The list.
    Ready {
        /// By group and name.
        list: Vec<Resource>,
        /// Those that the person marked, in the list's order.
        favourites: Vec<ResourceId>,
        /// Those opened last, the newest first; at most [`crate::memory::MAX_RECENT`].
        recent: Vec<ResourceId>,
        /// It is being fetched anew.
        refreshing: bool,
        /// Why it could not be fetched anew; the list is the one before.
        stale: Option<Failure>,
    },
    /// The list could not be fetched.
    Failed {
        /// Why.
        failure: Failure,
    },
}

impl ResourceList {
    /// The resource of that identifier.
    pub fn find(&self, id: &ResourceId) -> Option<&Resource> {
        match self {
            Self::Ready { list, .. } => list.iter().find(|resource| resource.id == *id),
            Self::None | Self::Loading | Self::Failed { .. } => None,
        }
    }

    /// The resources that the person marked and that are still published, in the list's order.
    pub fn favourites(&self) -> Vec<&Resource> {
        match self {
            Self::Ready { favourites, .. } => favourites.iter().filter_map(|id| self.find(id)).collect(),
            Self::None | Self::Loading | Self::Failed { .. } => Vec::new(),
        }
    }

    /// The resources opened last that are still published, the newest first.
    pub fn recent(&self) -> Vec<&Resource> {
        match self {
            Self::Ready { recent, .. } => recent.iter().filter_map(|id| self.find(id)).collect(),
            Self::None | Self::Loading | Self::Failed { .. } => Vec::new(),
        }
    }
}

/// What the app has to say about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum Notice {
    /// The last start did not come to a window; this one draws without the graphics card.
    SafeMode,
    /// The settings file could not be read; the defaults are in force.
    SettingsUnreadable,
    /// The window was closed where there is no tray: it went into the list of windows, and the session stayed.
    NoTray,
    /// What an administrator fixed could not be read; the safe choice is in force for all of it.
    ManagedUnreadable,
}
