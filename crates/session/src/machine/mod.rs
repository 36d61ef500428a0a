//! The machine itself: which phase it is in, what each event does to it, and what follows from every change.

mod asks;
mod link;
mod live;
mod posture;
mod sign_in;
mod telling;
mod view;

use std::time::Duration;

use praya_model::posture::Check;
use praya_model::{EndReason, Failure, FailureCode, Profile, Snapshot, Timestamp, TunnelState};

use crate::backoff::Jitter;
use crate::{Action, ChannelId, CheckId, Event, HttpId, HttpRequest, NetworkId, ResumeTicket};
use live::{Ending, Live};
use sign_in::SigningIn;
use telling::Farewells;

/// The shortest notice before an idle logout (WCAG 2.2.1).
const SHORTEST_IDLE_WARNING: Duration = Duration::from_secs(20);

/// What does not change while the service runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The client's version, e.g. `0.1.0`.
    pub version: String,
    /// The machine's name, as the gateway lists it.
    pub host_name: String,
    /// The device's Ed25519 public key, base64 of 32 bytes. Without one, sessions are not bound to the device.
    pub device_key: Option<String>,
    /// How long before an idle logout [`praya_model::TunnelState::IdleWarning`] begins; 20 s at least.
    pub idle_warning: Duration,
    /// How long a lost tunnel is tried for where the gateway does not say how long it keeps the session.
    pub away: Duration,
    /// How long a question waits where the gateway does not say how long it does.
    pub answer_time: Duration,
}

impl Default for Settings {
    /// A warning of 60 s, 30 minutes of trying, 5 minutes for an answer.
    fn default() -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            host_name: String::new(),
            device_key: None,
            idle_warning: Duration::from_secs(60),
            away: Duration::from_secs(30 * 60),
            answer_time: Duration::from_secs(5 * 60),
        }
    }
}

/// One machine's session: at most one, from the first question to the end.
#[derive(Debug)]
pub struct Session {
    phase: Phase,
    cx: Context,
    /// The end of the last session, as the gateway hears of it.
    farewells: Option<Farewells>,
    /// The ticket on disk.
    saved: Option<ResumeTicket>,
    published: Option<Snapshot>,
    scheduled: Option<Timestamp>,
}

#[derive(Debug)]
enum Phase {
    /// No session; the snapshot tells how the last one, or the last sign-in, ended.
    Idle(Box<Snapshot>),
    SigningIn(Box<SigningIn>),
    Live(Box<Live>),
}

/// What every phase needs beside its own state.
#[derive(Debug)]
struct Context {
    settings: Settings,
    jitter: Jitter,
    last_id: u64,
    actions: Vec<Action>,
}

impl Context {
    fn push(&mut self, action: Action) {
        self.actions.push(action);
    }

    fn id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    fn channel(&mut self) -> ChannelId {
        ChannelId(self.id())
    }

    fn network(&mut self) -> NetworkId {
        NetworkId(self.id())
    }

    fn check(&mut self, checks: Vec<Check>, nonce: String) -> CheckId {
        let id = CheckId(self.id());
        self.push(Action::CheckMachine { id, checks, nonce });
        id
    }

    fn send(&mut self, profile: &Profile, request: HttpRequest) -> HttpId {
        let id = HttpId(self.id());
        let (gateway, pin) = (profile.gateway.clone(), profile.pin.clone());
        self.push(Action::SendHttp { id, gateway, pin, request });
        id
    }
}

impl Session {
    /// No session yet. `seed` is any number that differs from machine to machine; it spreads reconnects in time.
    pub fn new(settings: Settings, seed: u64) -> Self {
        let cx = Context { settings, jitter: Jitter::new(seed), last_id: 0, actions: Vec::new() };
        let phase = Phase::Idle(Box::default());
        Self { phase, cx, farewells: None, saved: None, published: None, scheduled: None }
    }

    /// Takes an event and says what to do, in order. `now` should not jump: use the wall clock at the start of the
    /// service plus a clock that also runs while the machine sleeps.
    pub fn handle(&mut self, event: Event, now: Timestamp) -> Vec<Action> {
        if matches!(event, Event::Tick) {
            // It is used up, even if it came early.
            self.scheduled = None;
        }
        self.due(now);
        self.apply(event, now);
        if let Phase::Live(live) = &mut self.phase {
            live.check_if_due(&mut self.cx, now);
            live.send_next_question(&mut self.cx);
        }
        self.follow_up(now)
    }

    /// The state of things. Warnings are the shell's to add.
    pub fn snapshot(&self, now: Timestamp) -> Snapshot {
        match &self.phase {
            Phase::Idle(snapshot) => (**snapshot).clone(),
            Phase::SigningIn(signing_in) => signing_in.snapshot(),
            Phase::Live(live) => live.snapshot(&self.cx.settings, now),
        }
    }

    /// Whether there is neither a session nor a sign-in under way.
    pub fn is_idle(&self) -> bool {
        matches!(self.phase, Phase::Idle(_))
    }

    /// Whether there is a session (a cookie), up or not.
    pub fn is_live(&self) -> bool {
        matches!(self.phase, Phase::Live(_))
    }

    /// Does what time alone demands.
    fn due(&mut self, now: Timestamp) {
        match &mut self.phase {
            Phase::Idle(last) => {
                let wake = self.farewells.as_ref().and_then(|farewells| farewells.wake(last));
                if wake.is_some_and(|at| at <= now) {
                    last.gateway_told = Some(false);
                }
            }
            Phase::SigningIn(signing_in) => {
                if signing_in.expired(now) {
                    self.refuse(FailureCode::SignInExpired.into(), now);
                }
            }
            Phase::Live(live) => {
                let ending = live.due(&mut self.cx, now);
                self.end_if(ending, now);
            }
        }
    }

    fn apply(&mut self, event: Event, now: Timestamp) {
        let told = self.farewells.as_mut().and_then(|farewells| farewells.hear(&mut self.cx, &event));
        if let (Some(told), Phase::Idle(last)) = (told, &mut self.phase)
            && last.state == TunnelState::Ended
        {
            last.gateway_told = Some(told);
            last.gateway_forgets_at = last.gateway_forgets_at.filter(|_| !told);
        }
        match event {
            Event::Begin(begin) => {
                if self.is_idle() {
                    self.phase = Phase::SigningIn(Box::new(SigningIn::begin(&mut self.cx, begin)));
                } else {
                    self.cx.push(Action::Rejected(FailureCode::AlreadySignedIn));
                }
            }
            Event::Restore(ticket) => self.restore(*ticket, now),
            Event::Answer { .. } | Event::CancelSignIn => self.apply_to_sign_in(event, now),
            Event::HttpReply { .. } | Event::HttpFailed { .. } | Event::MachineChecked { .. } => {
                match self.phase {
                    Phase::SigningIn(_) => self.apply_to_sign_in(event, now),
                    Phase::Live(_) => self.apply_to_live(event, now),
                    Phase::Idle(_) => {}
                }
            }
            Event::Logout { reason } if matches!(self.phase, Phase::SigningIn(_)) => {
                let _ = reason;
                self.apply_to_sign_in(Event::CancelSignIn, now);
            }
            Event::Ask { id, question } => match &mut self.phase {
                Phase::Live(live) => live.ask(&mut self.cx, Some(id), question),
                Phase::Idle(_) | Phase::SigningIn(_) => {
                    let result = Err(FailureCode::NotSignedIn.into());
                    self.cx.push(Action::Answered { id, result });
                }
            },
            Event::Connect | Event::Disconnect | Event::CheckAgain | Event::Logout { .. } => {
                if self.is_live() {
                    self.apply_to_live(event, now);
                } else {
                    self.cx.push(Action::Rejected(FailureCode::NotSignedIn));
                }
            }
            Event::ChannelUp { channel, .. } if !self.is_live() => {
                self.cx.push(Action::CloseChannel { channel, farewell: crate::Farewell::Close });
            }
            Event::ChannelUp { .. }
            | Event::ChannelRefused { .. }
            | Event::ChannelFailed { .. }
            | Event::ChannelLost { .. }
            | Event::KeysWorn { .. }
            | Event::PeerDisconnect { .. }
            | Event::NetworkReady { .. }
            | Event::NetworkFailed { .. }
            | Event::Traffic { .. }
            | Event::NetworkChanged
            | Event::Suspend
            | Event::Resume => self.apply_to_live(event, now),
            Event::ChannelClosed { .. } | Event::Tick => {}
        }
    }

    fn apply_to_sign_in(&mut self, event: Event, now: Timestamp) {
        let Phase::SigningIn(signing_in) = &mut self.phase else {
            self.cx.push(Action::Rejected(FailureCode::UnexpectedAnswer));
            return;
        };
        match signing_in.handle(&mut self.cx, event, now) {
            sign_in::Outcome::GoesOn => {}
            sign_in::Outcome::Granted(granted) => {
                let mut live = Live::granted(signing_in, *granted, now);
                live.open(&mut self.cx, now);
                self.phase = Phase::Live(Box::new(live));
            }
            sign_in::Outcome::Over(failure) => self.refuse(failure, now),
        }
    }

    fn apply_to_live(&mut self, event: Event, now: Timestamp) {
        let Phase::Live(live) = &mut self.phase else { return };
        let ending = live.handle(&mut self.cx, event, now);
        self.end_if(ending, now);
    }

    fn restore(&mut self, ticket: ResumeTicket, now: Timestamp) {
        if !self.is_idle() {
            self.cx.push(Action::Rejected(FailureCode::AlreadySignedIn));
            return;
        }
        // Whatever comes of it, the ticket is on disk: it is kept up to date, or deleted.
        self.saved = Some(ticket.clone());
        if !ticket.is_usable() {
            let detail = "the resume ticket is not one of this version".to_owned();
            self.cx.push(Action::Rejected(FailureCode::Internal { detail }));
            return;
        }
        let mut live = Live::restored(ticket, now);
        let ending = live.resume(&mut self.cx, now);
        self.phase = Phase::Live(Box::new(live));
        self.end_if(ending, now);
    }

    /// Ends a sign-in without a session.
    fn refuse(&mut self, failure: Failure, now: Timestamp) {
        if let Phase::SigningIn(signing_in) = &self.phase {
            self.phase = Phase::Idle(Box::new(signing_in.refused(failure, now)));
        }
    }

    fn end_if(&mut self, ending: Option<Ending>, now: Timestamp) {
        let (Some(ending), Phase::Live(live)) = (ending, &mut self.phase) else { return };
        let reason: EndReason = ending.reason;
        let (snapshot, telling) = live.end(&mut self.cx, ending, now);
        self.farewells = Some(Farewells::new(telling, now));
        self.phase = Phase::Idle(Box::new(snapshot));
        self.cx.push(Action::Ended(reason));
    }

    /// Ticket, views and timer follow the state, whatever changed it.
    fn follow_up(&mut self, now: Timestamp) -> Vec<Action> {
        let (ticket, wake) = match &self.phase {
            Phase::Idle(last) => (None, self.farewells.as_ref().and_then(|farewells| farewells.wake(last))),
            Phase::SigningIn(signing_in) => (None, signing_in.wake()),
            Phase::Live(live) => (Some(live.ticket()), live.wake(&self.cx.settings, now)),
        };
        if self.saved != ticket {
            match &ticket {
                // A rotated cookie must be safe before it is used and before the old one is given up.
                Some(ticket) => self.cx.actions.insert(0, Action::SaveResume(Box::new(ticket.clone()))),
                None => self.cx.push(Action::ForgetResume),
            }
            self.saved = ticket;
        }
        let snapshot = self.snapshot(now);
        let known = self.published.as_ref().is_some_and(|published| {
            *published == Snapshot { traffic: published.traffic, ..snapshot.clone() }
        });
        if !known {
            self.published = Some(snapshot.clone());
            self.cx.push(Action::Publish(Box::new(snapshot)));
        }
        if let Some(at) = wake
            && self.scheduled.is_none_or(|scheduled| scheduled != at || scheduled <= now)
        {
            self.cx.push(Action::ScheduleTick(at));
        }
        self.scheduled = wake;
        std::mem::take(&mut self.cx.actions)
    }
}
