//! What is worth a notification while the window is hidden: a pure function of two states that follow each other.

use praya_model::{EndReason, Failure, TunnelState};
use praya_texts::Texts;

use crate::settings::Settings;
use crate::state::{AppState, ServiceState};

/// A notification in words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notification {
    /// One line.
    pub title: String,
    /// What follows from it.
    pub body: String,
    /// It needs the person soon.
    pub urgent: bool,
    /// What the button says by which the person stays signed in, where that is asked.
    pub stay: Option<String>,
    /// Where it cannot be shown, the window comes up instead.
    pub insists: bool,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Happening {
    /// The tunnel came up for the first time.
    Connected,
    /// The tunnel was lost.
    Lost,
    /// The tunnel is back.
    Back,
    /// The idle logout is near.
    IdleNear {
        /// Seconds until then.
        seconds_left: u64,
    },
    /// The session's longest time is over soon.
    ExpiryNear {
        /// Seconds until then.
        seconds_left: u64,
    },
    /// This machine no longer meets the policy, and something follows from it.
    MachineUnfit {
        /// Seconds until the session ends, where it does.
        seconds_left: Option<u64>,
    },
    /// A sign-in that the app began by itself waits for the person.
    SignInWaits,
    /// The session has ended, and not by the person's own word.
    Ended {
        /// Why.
        reason: EndReason,
    },
    /// The service does not answer any more.
    ServiceGone {
        /// Why.
        failure: Failure,
    },
}

/// How near the end of the longest time is announced, in seconds; the window does the same.
const EXPIRY_NEAR: u64 = 600;

/// So many findings are in a notification; the window has all of them.
const FEW: usize = 3;

impl Happening {
    /// The person must know, whatever they think of notifications.
    pub const fn insists(&self) -> bool {
        matches!(self, Self::IdleNear { .. } | Self::MachineUnfit { .. })
    }
}

/// Everything that happened from `before` to `now` and that a person who does not look would want to know.
pub fn news(before: &AppState, now: &AppState) -> impl Iterator<Item = Happening> {
    let expiry = expires_soon(now).filter(|_| expires_soon(before).is_none());
    let unfit = unfit(now).filter(|_| unfit(before).is_none());
    happened(before, now)
        .into_iter()
        .chain(expiry.map(|seconds_left| Happening::ExpiryNear { seconds_left }))
        .chain(unfit)
}

/// What follows from the endpoint check while the session lives, if anything does.
fn unfit(state: &AppState) -> Option<Happening> {
    let snapshot = &state.snapshot;
    let posture = snapshot.posture.as_ref().filter(|_| snapshot.state != TunnelState::Ended)?;
    let seconds_left = posture.ends_at.map(|at| at.since(state.now).as_secs());
    (posture.limited || seconds_left.is_some()).then_some(Happening::MachineUnfit { seconds_left })
}

/// The seconds that are left of a session, when they are few.
fn expires_soon(state: &AppState) -> Option<u64> {
    let snapshot = &state.snapshot;
    let lives = match snapshot.state {
        TunnelState::Connected | TunnelState::Reconnecting | TunnelState::IdleWarning => true,
        TunnelState::NoSession | TunnelState::Restoring | TunnelState::SigningIn | TunnelState::Ended => {
            false
        }
    };
    let at = snapshot.expires_at.filter(|_| lives && !snapshot.in_use_by_another)?;
    Some(at.since(state.now).as_secs()).filter(|left| *left <= EXPIRY_NEAR)
}

/// What happened from `before` to `now`, if a person who does not look would want to know.
fn happened(before: &AppState, now: &AppState) -> Option<Happening> {
    if let (ServiceState::Attached { .. }, ServiceState::Gone { failure }) = (&before.service, &now.service) {
        return Some(Happening::ServiceGone { failure: failure.clone() });
    }
    let attached = |state: &AppState| matches!(state.service, ServiceState::Attached { .. });
    let idle = |state: &AppState| {
        state.snapshot.state == TunnelState::IdleWarning && !state.snapshot.in_use_by_another
    };
    // However it came to that, also before the app was there.
    if attached(now) && idle(now) && !idle(before) {
        let seconds_left = now.snapshot.idle_at.map_or(0, |at| at.since(now.now).as_secs());
        return Some(Happening::IdleNear { seconds_left });
    }
    if !attached(before)
        || !attached(now)
        || now.snapshot.in_use_by_another
        || before.snapshot.in_use_by_another
    {
        return None;
    }
    let paused = now.snapshot.reconnect.as_ref().is_some_and(|reconnect| reconnect.paused);
    match (before.snapshot.state, now.snapshot.state) {
        (TunnelState::Connected | TunnelState::IdleWarning, TunnelState::Reconnecting) if !paused => {
            Some(Happening::Lost)
        }
        (TunnelState::Reconnecting, TunnelState::Connected) => Some(Happening::Back),
        (TunnelState::SigningIn, TunnelState::Connected) => Some(Happening::Connected),
        (before, TunnelState::Ended) if before != TunnelState::Ended => {
            let reason = now.snapshot.ended?;
            let own = matches!(reason, EndReason::UserLogout | EndReason::TrayExit);
            (!own || now.snapshot.ended_by_administrator).then_some(Happening::Ended { reason })
        }
        _ => None,
    }
}

/// The notification for what happened, unless the settings are against it.
pub fn notification(happening: &Happening, state: &AppState, texts: &Texts) -> Option<Notification> {
    if !is_wanted(happening, &state.settings) {
        return None;
    }
    let profile = state.snapshot.profile.as_ref().map_or("", |name| name.as_str());
    let (title, body, urgent) = match happening {
        Happening::Connected => (
            texts.say_with("notify-connected", &[("profile", profile.into())]),
            texts.say("notify-connected-text"),
            false,
        ),
        Happening::Lost => (texts.say("notify-reconnecting"), texts.say("notify-reconnecting-text"), false),
        Happening::Back => (
            texts.say("notify-reconnected"),
            texts.say_with("notify-reconnected-text", &[("profile", profile.into())]),
            false,
        ),
        Happening::IdleNear { seconds_left } => (
            texts.say("notify-idle"),
            texts.say_with("notify-idle-text", &[("seconds_left", (*seconds_left).into())]),
            true,
        ),
        Happening::ExpiryNear { seconds_left } => (
            texts.say("expiry-title"),
            texts.say_with("expiry-text", &[("seconds_left", (*seconds_left).into())]),
            true,
        ),
        Happening::MachineUnfit { seconds_left } => {
            let posture = state.snapshot.posture.iter();
            let found = posture.flat_map(|posture| &posture.findings).map(|finding| {
                let told = texts.finding(finding);
                told.check + "\n" + &told.remedy
            });
            let follows = match seconds_left {
                Some(left) => texts.say_with("posture-ends", &[("seconds_left", (*left).into())]),
                None => texts.say("posture-limited"),
            };
            let body = std::iter::once(follows).chain(found.take(FEW)).collect::<Vec<_>>().join("\n");
            (texts.say("posture-title"), body, true)
        }
        Happening::SignInWaits => {
            let profile = state.chosen.as_ref().map_or("", |name| name.as_str());
            let title = texts.say_with("notify-sign-in-waits", &[("profile", profile.into())]);
            (title, texts.say("notify-sign-in-waits-text"), false)
        }
        Happening::Ended { .. } if state.snapshot.ended_by_administrator => {
            (texts.say("notify-ended"), texts.ended_by_administrator(TunnelState::Ended), true)
        }
        Happening::Ended { reason } => {
            // A line of its own: not every language puts a space between sentences.
            let remedy = texts.end_remedy(*reason).map(|remedy| format!("\n{remedy}")).unwrap_or_default();
            (texts.say("notify-ended"), texts.end(*reason) + &remedy, true)
        }
        Happening::ServiceGone { .. } => {
            (texts.say("notify-service-gone"), texts.say("notify-service-gone-text"), true)
        }
    };
    let stay = matches!(happening, Happening::IdleNear { .. }).then(|| texts.say("idle-stay"));
    Some(Notification { title, body, urgent, stay, insists: happening.insists() })
}

fn is_wanted(happening: &Happening, settings: &Settings) -> bool {
    match happening {
        Happening::Ended { .. }
        | Happening::IdleNear { .. }
        | Happening::ExpiryNear { .. }
        | Happening::MachineUnfit { .. } => settings.notify_ends,
        // It comes of a switch of its own.
        Happening::SignInWaits => true,
        Happening::Connected | Happening::Lost | Happening::Back | Happening::ServiceGone { .. } => {
            settings.notify_connection
        }
    }
}

#[cfg(test)]
mod tests {
    use praya_model::snapshot::{PostureView, Reconnect};
    use praya_model::{FailureCode, Snapshot, Timestamp};

    use super::*;
    use crate::samples::{attached, texts, with_service};

    fn at(state: TunnelState) -> AppState {
        attached(Snapshot { state, ..Snapshot::default() })
    }

    #[test]
    fn a28_losses_warnings_and_ends_are_told_once() {
        let (connected, lost) = (at(TunnelState::Connected), at(TunnelState::Reconnecting));
        assert_eq!(happened(&connected, &lost), Some(Happening::Lost));
        assert_eq!(happened(&lost, &lost), None);
        assert_eq!(happened(&lost, &connected), Some(Happening::Back));
        let mut idle = at(TunnelState::IdleWarning);
        idle.snapshot.idle_at = Some(idle.now.after(std::time::Duration::from_secs(60)));
        let starting = with_service(ServiceState::Connecting, Snapshot::default());
        for before in [&connected, &lost, &starting] {
            assert_eq!(happened(before, &idle), Some(Happening::IdleNear { seconds_left: 60 }));
        }
        assert_eq!(happened(&idle, &idle), None);
        let mut ended = at(TunnelState::Ended);
        ended.snapshot.ended = Some(EndReason::Idle);
        assert_eq!(happened(&idle, &ended), Some(Happening::Ended { reason: EndReason::Idle }));
        assert_eq!(happened(&ended, &ended), None);
    }

    #[test]
    fn a_machine_that_no_longer_meets_the_rules_is_told_once_with_what_follows_and_what_to_do() {
        let mut unfit = at(TunnelState::Connected);
        let finding = serde_json::json!({
            "check": "firewall", "outcome": "failed", "expected": {"expected": "on"}, "found": {"found": "missing"}
        });
        unfit.snapshot.posture = Some(PostureView {
            checked_at: unfit.now,
            findings: vec![serde_json::from_value(finding).unwrap()],
            limited: false,
            ends_at: Some(unfit.now.after(std::time::Duration::from_secs(300))),
        });
        let told: Vec<Happening> = news(&at(TunnelState::Connected), &unfit).collect();
        assert_eq!(told, [Happening::MachineUnfit { seconds_left: Some(300) }]);
        let said = notification(&told[0], &unfit, &texts()).unwrap();
        assert!(said.body.contains("5 minutes") && said.body.contains("Switch the firewall on."), "{said:?}");
        assert!(said.insists && said.urgent);
        assert_eq!(news(&unfit, &unfit).next(), None);
        let mut warned = unfit.clone();
        if let Some(posture) = &mut warned.snapshot.posture {
            posture.ends_at = None;
        }
        assert_eq!(
            news(&at(TunnelState::Connected), &warned).next(),
            None,
            "a warning can wait for the window"
        );
    }

    #[test]
    fn what_the_person_did_is_not_told_to_them() {
        let connected = at(TunnelState::Connected);
        let mut ended = at(TunnelState::Ended);
        ended.snapshot.ended = Some(EndReason::UserLogout);
        assert_eq!(happened(&connected, &ended), None);
        let mut paused = at(TunnelState::Reconnecting);
        paused.snapshot.reconnect =
            Some(Reconnect { attempt: 0, next_at: None, give_up_at: None, paused: true });
        assert_eq!(happened(&connected, &paused), None);
        ended.snapshot.ended_by_administrator = true;
        assert!(happened(&connected, &ended).is_some());
    }

    #[test]
    fn each_happening_has_words_and_its_switch() {
        let texts = texts();
        let mut state = at(TunnelState::Connected);
        state.now = Timestamp::from_secs(1);
        let ends = [Happening::IdleNear { seconds_left: 30 }, Happening::Ended { reason: EndReason::Admin }];
        let connection = [
            Happening::Connected,
            Happening::Lost,
            Happening::Back,
            Happening::ServiceGone { failure: FailureCode::ServiceUnavailable.into() },
        ];
        for happening in ends.iter().chain(&connection) {
            let said = notification(happening, &state, &texts).unwrap();
            assert!(!said.title.is_empty() && !said.body.is_empty(), "{happening:?}");
        }
        state.settings.notify_ends = false;
        assert!(ends.iter().all(|happening| notification(happening, &state, &texts).is_none()));
        state.settings.notify_connection = false;
        assert!(connection.iter().all(|happening| notification(happening, &state, &texts).is_none()));
    }
}
