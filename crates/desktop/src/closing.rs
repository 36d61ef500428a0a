//! What closing the window means. It never ends the session.

use praya_model::TunnelState;

use crate::state::AppState;

/// What becomes of a window that the person closes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closing {
    /// It hides; the tray brings it back.
    Hide,
    /// It stays in the list of windows, because nothing else would bring it back.
    Minimise,
    /// Nothing is at stake and nothing would bring it back: the app goes.
    Go,
}

/// What closing the window means in a state.
pub(crate) fn closing(state: &AppState) -> Closing {
    if state.tray_available {
        return Closing::Hide;
    }
    match state.snapshot.state {
        TunnelState::NoSession | TunnelState::Ended => Closing::Go,
        TunnelState::Restoring
        | TunnelState::SigningIn
        | TunnelState::Connected
        | TunnelState::Reconnecting
        | TunnelState::IdleWarning => Closing::Minimise,
    }
}
