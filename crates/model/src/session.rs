//! A session's life: the states that every view shows, and every way it can end.

use serde::{Deserialize, Serialize};

/// The seven states of the client shell. `Restoring` is never drawn as signed out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum TunnelState {
    /// Nobody is signed in.
    #[default]
    NoSession,
    /// The service has just started and is bringing an earlier session back.
    Restoring,
    /// The sign-in conversation is under way, or the tunnel is coming up for the first time.
    SigningIn,
    /// The tunnel is up.
    Connected,
    /// The tunnel was up and is being brought back; the session lives.
    Reconnecting,
    /// The tunnel is up and the idle logout is near.
    IdleWarning,
    /// The session has ended; the reason stands beside it.
    Ended,
}

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// The person chose *log out*.
    UserLogout,
    /// The person chose *Exit* in the tray.
    TrayExit,
    /// No user traffic for longer than the idle time.
    Idle,
    /// The absolute lifetime is over.
    Absolute,
    /// An administrator ended it.
    Admin,
    /// The same account signed in elsewhere and took over.
    Duplicate,
    /// The machine no longer meets the policy.
    PostureLost,
    /// The password was changed elsewhere.
    PasswordChanged,
    /// The account was disabled.
    AccountDisabled,
    /// The token was disabled.
    TokenDisabled,
    /// The gateway is going down and cannot keep sessions.
    GatewayRestart,
    /// The client was away for longer than the gateway keeps a session.
    Away,
    /// The peer gave a reason that is none of these.
    Other,
}

impl EndReason {
    /// Every reason, in the order of their codes.
    pub const ALL: [Self; 13] = [
        Self::UserLogout,
        Self::TrayExit,
        Self::Idle,
        Self::Absolute,
        Self::Admin,
        Self::Duplicate,
        Self::PostureLost,
        Self::PasswordChanged,
        Self::AccountDisabled,
        Self::TokenDisabled,
        Self::GatewayRestart,
        Self::Away,
        Self::Other,
    ];

    /// The stable name, as in JSON, in the audit record and in the store.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UserLogout => "user_logout",
            Self::TrayExit => "tray_exit",
            Self::Idle => "idle",
            Self::Absolute => "absolute",
            Self::Admin => "admin",
            Self::Duplicate => "duplicate",
            Self::PostureLost => "posture_lost",
            Self::PasswordChanged => "password_changed",
            Self::AccountDisabled => "account_disabled",
            Self::TokenDisabled => "token_disabled",
            Self::GatewayRestart => "gateway_restart",
            Self::Away => "away",
            Self::Other => "other",
        }
    }

    /// The reason of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == name)
    }
}
