//! The phase with a session: its cookies, its tunnel's network side, its countdowns, its end.

use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;
use praya_model::failure::LastSignIn;
use praya_model::password::PasswordRules;
use praya_model::snapshot::Traffic;
use praya_model::{
    AccountName, EndReason, Failure, FailureCode, Profile, Secret, SessionId, Snapshot, Timestamp,
    TunnelConfig,
};

use super::asks::Asks;
use super::link::Link;
use super::posture::Posture;
use super::sign_in::SigningIn;
use super::telling::{LogOut, Telling};
use super::{Context, SHORTEST_IDLE_WARNING, Settings};
use crate::connector::Granted;
use crate::http::Bearer;
use crate::{Action, Event, Farewell, NetworkId, Protocol, ResumeTicket};

/// How long after the absolute end the gateway may still say so itself; foreign ones look every 30 s.
const EXPIRY_GRACE: Duration = Duration::from_secs(60);
/// How long a channel may take to show life after a sleep or a change of network.
const PATIENCE: Duration = Duration::from_secs(5);

/// After how many DPD times of silence a gateway takes a tunnel for dead, at most.
const NOTICED: u32 = 3;

/// A session.
#[derive(Debug)]
pub(super) struct Live {
    pub(super) profile: Profile,
    pub(super) protocol: Protocol,
    pub(super) account: AccountName,
    pub(super) session: Option<SessionId>,
    /// Newest first; never empty, at most two.
    pub(super) cookies: Vec<Secret>,
    pub(super) bound: bool,
    pub(super) stage: Stage,
    pub(super) link: Link,
    pub(super) network: Network,
    /// The settings of the last channel.
    pub(super) config: Option<TunnelConfig>,
    pub(super) gateway_address: Option<IpAddr>,
    /// The machine's network changed since the settings were made.
    pub(super) stale: bool,
    /// The addresses of the last channel, here or before the service was restarted.
    pub(super) addresses: Vec<IpNet>,
    pub(super) connected_since: Option<Timestamp>,
    pub(super) expires_at: Option<Timestamp>,
    pub(super) traffic: Traffic,
    /// The last user packet, or the first channel; moved on by the time that the tunnel was down, as at the gateway.
    pub(super) idle_since: Option<Timestamp>,
    /// Since when the tunnel is down.
    pub(super) lost_at: Timestamp,
    /// Attempts that failed since then.
    pub(super) failures: u32,
    /// When the channel that is, or was, up came up.
    pub(super) up_at: Timestamp,
    /// Channels in a row that were lost soon after they came up.
    pub(super) short_lived: u32,
    pub(super) last_attempt: Option<Timestamp>,
    /// When the gateway last closed a channel without a reason.
    pub(super) detached_at: Option<Timestamp>,
    /// What the gateway hinted at before; the reason if the next CONNECT is refused.
    pub(super) hint: Option<EndReason>,
    pub(super) failure: Option<Failure>,
    pub(super) asks: Asks,
    pub(super) posture: Posture,
    pub(super) gateway_name: Option<String>,
    pub(super) help_desk: Option<String>,
    pub(super) banner: Option<String>,
    pub(super) last_sign_in: Option<LastSignIn>,
    pub(super) password_rules: Option<PasswordRules>,
}

/// What the tunnel's absence means to the person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// It was never up.
    First,
    /// It was up before the service was restarted.
    Restoring,
    /// It was up.
    Running,
}

/// The network side of the tunnel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Network {
    Down,
    Applying(NetworkId),
    Up { device: String },
}

/// How a session ends.
#[derive(Debug)]
pub(super) struct Ending {
    pub(super) reason: EndReason,
    pub(super) failure: Option<Failure>,
    /// The gateway's words.
    pub(super) text: Option<String>,
    /// What the gateway is to be told; `None` when it knows.
    pub(super) tell: Option<EndReason>,
}

impl Ending {
    /// The gateway ended it.
    pub(super) fn by_gateway(reason: EndReason) -> Self {
        let failure = Some(FailureCode::SessionEnded { reason }.into());
        Self { reason, failure, text: None, tell: None }
    }

    /// It cannot go on here.
    pub(super) fn by_failure(failure: impl Into<Failure>) -> Self {
        Self {
            reason: EndReason::Other,
            failure: Some(failure.into()),
            text: None,
            tell: Some(EndReason::UserLogout),
        }
    }
}

impl Live {
    /// A session that has just been granted.
    pub(super) fn granted(from: &SigningIn, granted: Granted, now: Timestamp) -> Self {
        let gateway = from.conversation.gateway();
        let ticket = ResumeTicket {
            version: ResumeTicket::VERSION,
            profile: from.profile.clone(),
            protocol: from.conversation.protocol().unwrap_or(Protocol::AnyConnect),
            account: granted.grant.account,
            session: granted.grant.session,
            cookies: vec![granted.grant.cookie],
            bound: granted.bound,
            addresses: Vec::new(),
            expires_at: None,
            connected_since: None,
            paused: false,
            gateway_name: gateway.map(|gateway| gateway.name.clone()),
            help_desk: gateway.and_then(|gateway| gateway.help_desk.clone()),
        };
        let posture = Posture::after_sign_in(from.reported.clone());
        Self { stage: Stage::First, banner: granted.banner, posture, ..Self::restored(ticket, now) }
    }

    /// A session from before the service was restarted.
    pub(super) fn restored(ticket: ResumeTicket, now: Timestamp) -> Self {
        Self {
            profile: ticket.profile,
            protocol: ticket.protocol,
            account: ticket.account,
            session: ticket.session,
            cookies: ticket.cookies,
            bound: ticket.bound,
            stage: if ticket.paused { Stage::Running } else { Stage::Restoring },
            link: if ticket.paused { Link::Paused } else { Link::Waiting { at: now } },
            network: Network::Down,
            config: None,
            gateway_address: None,
            stale: false,
            addresses: ticket.addresses,
            connected_since: ticket.connected_since,
            expires_at: ticket.expires_at,
            traffic: Traffic::default(),
            idle_since: None,
            lost_at: now,
            failures: 0,
            up_at: now,
            short_lived: 0,
            last_attempt: None,
            detached_at: None,
            hint: None,
            failure: None,
            asks: Asks::default(),
            posture: Posture::default(),
            gateway_name: ticket.gateway_name,
            help_desk: ticket.help_desk,
            banner: None,
            last_sign_in: None,
            password_rules: None,
        }
    }

    pub(super) fn ticket(&self) -> ResumeTicket {
        ResumeTicket {
            version: ResumeTicket::VERSION,
            profile: self.profile.clone(),
            protocol: self.protocol,
            account: self.account.clone(),
            session: self.session.clone(),
            cookies: self.cookies.clone(),
            bound: self.bound,
            addresses: self.addresses.clone(),
            expires_at: self.expires_at,
            connected_since: self.connected_since,
            paused: self.link == Link::Paused,
            gateway_name: self.gateway_name.clone(),
            help_desk: self.help_desk.clone(),
        }
    }

    /// Starts a restored session.
    pub(super) fn resume(&mut self, cx: &mut Context, now: Timestamp) -> Option<Ending> {
        let ending = self.due(cx, now);
        // A first attempt at once: the service was away, not the gateway.
        if ending.is_none() && matches!(self.link, Link::Waiting { .. }) {
            self.open(cx, now);
        }
        ending
    }

    pub(super) fn handle(&mut self, cx: &mut Context, event: Event, now: Timestamp) -> Option<Ending> {
        match event {
            Event::Logout { reason } => {
                let exit = reason == EndReason::TrayExit;
                let reason = if exit { EndReason::TrayExit } else { EndReason::UserLogout };
                return Some(Ending { reason, failure: None, text: None, tell: Some(reason) });
            }
            Event::Connect => match self.link {
                Link::Paused => {
                    self.down_from(now);
                    self.failures = 0;
                    self.open(cx, now);
                }
                Link::Waiting { .. } | Link::Asleep => self.open(cx, now),
                Link::Opening(_) | Link::Up { .. } => {}
            },
            Event::Disconnect => self.pause(cx, now),
            Event::CheckAgain => self.posture.now(now),
            Event::ChannelUp { channel, up } => self.channel_up(cx, channel, *up, now),
            Event::ChannelRefused { channel, status, reason } => {
                return self.channel_refused(cx, channel, status, reason, now);
            }
            Event::ChannelFailed { channel, failure } => {
                return self.channel_failed(cx, channel, failure, now);
            }
            Event::ChannelLost { channel, cause } => return self.channel_lost(cx, channel, cause, now),
            Event::KeysWorn { channel } => self.keys_worn(channel, now),
            Event::PeerDisconnect { channel, end } => return self.peer_disconnect(cx, channel, end, now),
            Event::NetworkReady { network, device } => {
                if self.network == Network::Applying(network) {
                    self.network = Network::Up { device };
                    self.carry(cx, now);
                }
            }
            Event::NetworkFailed { network, failure } => {
                if self.network == Network::Applying(network) {
                    self.network = Network::Down;
                    return Some(Ending::by_failure(failure));
                }
            }
            Event::Traffic { traffic, last_user_packet } => self.count(traffic, last_user_packet, now),
            Event::NetworkChanged => {
                self.posture.hurry(now);
                self.network_changed(cx, now);
            }
            Event::Suspend => self.suspend(cx),
            Event::Resume => {
                self.posture.hurry(now);
                self.wake_up(cx, now);
            }
            Event::HttpReply { id, reply } => return self.answered(cx, id, &reply, now),
            Event::HttpFailed { id, failure } => self.not_answered(cx, id, failure),
            Event::MachineChecked { id, report } => self.machine_checked(cx, id, report),
            Event::Begin(_)
            | Event::Answer { .. }
            | Event::CancelSignIn
            | Event::Ask { .. }
            | Event::Restore(_)
            | Event::ChannelClosed { .. }
            | Event::Tick => {}
        }
        None
    }

    /// Does what time alone demands.
    pub(super) fn due(&mut self, cx: &mut Context, now: Timestamp) -> Option<Ending> {
        let up = matches!(self.link, Link::Up { .. });
        if let Some(expires_at) = self.expires_at {
            let last = if up { expires_at.after(EXPIRY_GRACE) } else { expires_at };
            if last <= now {
                return Some(Ending {
                    tell: Some(EndReason::UserLogout),
                    ..Ending::by_gateway(EndReason::Absolute)
                });
            }
        }
        match &self.link {
            Link::Waiting { at } if *at <= now => self.open(cx, now),
            Link::Paused if self.give_up_at(&cx.settings) <= now => {
                return Some(Ending {
                    tell: Some(EndReason::UserLogout),
                    ..Ending::by_gateway(EndReason::Away)
                });
            }
            Link::Up { rekey_at: Some(at), next: None, .. } if *at <= now => self.rekey(cx, now),
            Link::Opening(_) | Link::Up { .. } | Link::Waiting { .. } | Link::Paused | Link::Asleep => {}
        }
        None
    }

    /// When [`Live::due`], or a change of what is shown, comes next.
    pub(super) fn wake(&self, settings: &Settings, now: Timestamp) -> Option<Timestamp> {
        let up = matches!(self.link, Link::Up { .. });
        let expiry = self.expires_at.map(|at| if up { at.after(EXPIRY_GRACE) } else { at });
        let link = match &self.link {
            Link::Waiting { at } => Some(*at),
            Link::Paused => Some(self.give_up_at(settings)),
            Link::Up { rekey_at, next: None, .. } => *rekey_at,
            Link::Up { next: Some(_), .. } | Link::Opening(_) | Link::Asleep => None,
        };
        let warning =
            if self.connected() { self.idle_warning_at(settings).filter(|at| *at > now) } else { None };
        [expiry, link, warning, self.check_at()].into_iter().flatten().min()
    }

    /// When the idle logout comes unless a user packet goes out before.
    pub(super) fn idle_at(&self) -> Option<Timestamp> {
        let timeout = self.config.as_ref()?.idle_timeout?;
        Some(self.idle_since?.after(timeout))
    }

    pub(super) fn idle_warning_at(&self, settings: &Settings) -> Option<Timestamp> {
        let timeout = self.config.as_ref()?.idle_timeout?;
        let notice = settings.idle_warning.min(timeout / 2).max(SHORTEST_IDLE_WARNING);
        self.idle_at().map(|at| at.before(notice))
    }

    /// When trying to bring the tunnel back ends: the gateway forgets the session.
    pub(super) fn give_up_at(&self, settings: &Settings) -> Timestamp {
        let kept =
            self.config.as_ref().and_then(|config| config.disconnected_timeout).unwrap_or(settings.away);
        let at = self.lost_at.after(kept);
        self.expires_at.map_or(at, |expires_at| expires_at.min(at))
    }

    /// Whether packets flow, as far as is known. A rekey does not show.
    pub(super) fn connected(&self) -> bool {
        matches!(self.network, Network::Up { .. }) && self.link.carries()
    }

    /// Packets may flow: the channel is up and the network is set.
    pub(super) fn carry(&mut self, cx: &mut Context, now: Timestamp) {
        let (Link::Up { channel, .. }, Network::Up { .. }) = (&self.link, &self.network) else { return };
        cx.push(Action::UseChannel(*channel));
        self.stage = Stage::Running;
        self.failure = None;
        if self.connected_since.is_none() {
            self.connected_since = Some(now);
        }
        self.ask_about_session(cx);
    }

    fn count(&mut self, traffic: Traffic, last_user_packet: Option<Timestamp>, now: Timestamp) {
        let sent = traffic.packets_out > self.traffic.packets_out;
        let last = last_user_packet.or_else(|| sent.then_some(now)).map(|last| last.min(now));
        self.idle_since = self.idle_since.max(last);
        self.traffic = traffic;
    }

    /// The tunnel counts as down from now on. If it was down before, the idle time stood still until now.
    pub(super) fn down_from(&mut self, now: Timestamp) {
        if !matches!(self.link, Link::Up { .. }) {
            let lost_at = self.lost_at;
            self.idle_since =
                self.idle_since.map(|since| since.after(now.since(since.max(lost_at))).min(now));
        }
        self.lost_at = now;
    }

    fn pause(&mut self, cx: &mut Context, now: Timestamp) {
        if self.link == Link::Paused {
            return;
        }
        self.close_channels(cx, Farewell::Detach);
        self.tear_down(cx);
        self.down_from(now);
        self.link = Link::Paused;
        self.stage = Stage::Running;
        self.failures = 0;
        self.failure = None;
    }

    fn network_changed(&mut self, cx: &mut Context, now: Timestamp) {
        self.refresh_route(cx);
        match &self.link {
            Link::Waiting { .. } => self.retry_soon(cx, now),
            Link::Opening(opening) => {
                // It may hang in the network that is gone.
                cx.push(Action::CloseChannel { channel: opening.channel, farewell: Farewell::Close });
                self.retry_soon(cx, now);
            }
            Link::Up { channel, .. } => {
                cx.push(Action::ProbeChannel { channel: *channel, patience: PATIENCE });
            }
            Link::Paused | Link::Asleep => {}
        }
    }

    fn suspend(&mut self, cx: &mut Context) {
        match &self.link {
            Link::Waiting { .. } => self.link = Link::Asleep,
            Link::Opening(opening) => {
                cx.push(Action::CloseChannel { channel: opening.channel, farewell: Farewell::Close });
                self.link = Link::Asleep;
            }
            Link::Up { .. } | Link::Paused | Link::Asleep => {}
        }
    }

    fn wake_up(&mut self, cx: &mut Context, now: Timestamp) {
        match &self.link {
            Link::Asleep => {
                self.refresh_route(cx);
                self.open(cx, now);
            }
            Link::Up { channel, .. } => {
                let channel = *channel;
                self.refresh_route(cx);
                cx.push(Action::ProbeChannel { channel, patience: PATIENCE });
            }
            Link::Waiting { .. } | Link::Opening(_) | Link::Paused => {}
        }
    }

    fn refresh_route(&mut self, cx: &mut Context) {
        if self.network != Network::Down {
            self.stale = true;
            cx.push(Action::RefreshGatewayRoute);
        }
    }

    fn tear_down(&mut self, cx: &mut Context) {
        if self.network != Network::Down {
            self.network = Network::Down;
            cx.push(Action::TearDown);
        }
    }

    /// How a request proves the session.
    pub(super) fn bearer(&self) -> Bearer {
        Bearer { cookie: self.cookies.first().cloned().unwrap_or_default(), proof: self.bound }
    }

    /// Ends the session and leaves what views show of it, and how the gateway is being told.
    pub(super) fn end(
        &mut self,
        cx: &mut Context,
        ending: Ending,
        now: Timestamp,
    ) -> (Snapshot, Option<Telling>) {
        let up = if let Link::Up { channel, .. } = &self.link { Some(*channel) } else { None };
        self.close_channels(cx, ending.tell.map_or(Farewell::Close, Farewell::Bye));
        let to_tell = ending.tell.is_some();
        let log_out = |live: &Self| LogOut { profile: live.profile.clone(), bearer: live.bearer() };
        let telling = match (up, self.protocol) {
            _ if !to_tell => None,
            (Some(channel), Protocol::Praya) => Some(Telling::Channel(channel, Some(log_out(self)))),
            (Some(channel), Protocol::AnyConnect) => Some(Telling::Channel(channel, None)),
            (None, Protocol::Praya) => Some(log_out(self).send(cx)),
            (None, Protocol::AnyConnect) => None,
        };
        // Where the time is up the gateway knows by its own clock, and is told as a courtesy.
        let awaited = to_tell && !matches!(ending.reason, EndReason::Absolute | EndReason::Away);
        let telling = telling.filter(|_| awaited);
        let snapshot = Snapshot {
            gateway_told: (awaited && telling.is_none()).then_some(false),
            gateway_forgets_at: self.forgotten_at(now).filter(|_| awaited),
            ..self.ended(ending, now)
        };
        self.tear_down(cx);
        let ended = FailureCode::SessionEnded { reason: snapshot.ended.unwrap_or(EndReason::Other) };
        self.drop_questions(cx, &ended.into());
        (snapshot, telling)
    }

    /// When the gateway ends the session at the latest if it hears no more of this machine: once it has noticed that
    /// the tunnel is dead, and the time that it keeps the session for has passed.
    fn forgotten_at(&self, now: Timestamp) -> Option<Timestamp> {
        let config = self.config.as_ref().filter(|config| !config.dpd.is_zero());
        let away = config.and_then(|config| {
            let last_heard = if matches!(self.link, Link::Up { .. }) { now } else { self.lost_at };
            Some(last_heard.after(config.dpd * NOTICED).after(config.disconnected_timeout?))
        });
        away.into_iter().chain(self.expires_at).min()
    }
}
