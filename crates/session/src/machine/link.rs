//! The tunnel's channel: opening it, keeping it, swapping it, bringing it back.

use std::time::Duration;

use praya_model::tunnel::Rekey;
use praya_model::{EndReason, Failure, FailureCode, Secret, Timestamp, TunnelConfig};

use super::Context;
use super::live::{Ending, Live, Network, Stage};
use crate::backoff::pause;
use crate::connector::transient_status;
use crate::{Action, ChannelId, ChannelUp, Farewell, OpenChannel, PeerEnd};

/// The shortest time between two attempts, whatever asks for them.
const BREATH: Duration = Duration::from_secs(1);
/// The shortest time between two rekeys, whatever the gateway says, and the pause after one that failed.
const SHORTEST_REKEY: Duration = Duration::from_secs(60);
/// How close to its own end a session counts as ended by it.
const NEAR: Duration = Duration::from_secs(5);
/// Two ends without a reason within this time mean that somebody else uses the session.
const PING_PONG: Duration = Duration::from_secs(600);
/// A channel that is lost within this time of coming up counts as a failed attempt from the second on, so that a
/// gateway that takes every client and drops it at once is not hammered.
const STEADY: Duration = Duration::from_secs(30);

/// The channel's state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Link {
    Opening(Opening),
    Up {
        channel: ChannelId,
        refreshes_keys: bool,
        rekey_at: Option<Timestamp>,
        /// The channel that is to take over.
        next: Option<Opening>,
    },
    Waiting {
        at: Timestamp,
    },
    /// The machine sleeps; nothing is tried.
    Asleep,
    /// The person wants it down.
    Paused,
}

/// A channel that is being opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Opening {
    pub(super) channel: ChannelId,
    pub(super) cookie: Secret,
    /// The channel before it was up a moment ago.
    pub(super) swap: bool,
}

impl Link {
    /// Whether packets flow, or will in a moment.
    pub(super) fn carries(&self) -> bool {
        match self {
            Self::Up { .. } => true,
            Self::Opening(opening) => opening.swap,
            Self::Waiting { .. } | Self::Asleep | Self::Paused => false,
        }
    }

    /// The channel that is being opened.
    pub(super) fn opening(&self) -> Option<&Opening> {
        match self {
            Self::Opening(opening) => Some(opening),
            Self::Up { next, .. } => next.as_ref(),
            Self::Waiting { .. } | Self::Asleep | Self::Paused => None,
        }
    }

    fn is_opening(&self, channel: ChannelId) -> bool {
        self.opening().is_some_and(|opening| opening.channel == channel)
    }

    fn is_up(&self, channel: ChannelId) -> bool {
        matches!(self, Self::Up { channel: up, .. } if *up == channel)
    }
}

impl Live {
    /// Starts an attempt now.
    pub(super) fn open(&mut self, cx: &mut Context, now: Timestamp) {
        let opening = self.start(cx, false, now);
        self.link = Link::Opening(opening);
    }

    /// Starts an attempt now, or a breath after the last one.
    pub(super) fn retry_soon(&mut self, cx: &mut Context, now: Timestamp) {
        let at = self.last_attempt.map_or(now, |last| last.after(BREATH));
        if at <= now {
            self.open(cx, now);
        } else {
            self.link = Link::Waiting { at };
        }
    }

    fn start(&mut self, cx: &mut Context, swap: bool, now: Timestamp) -> Opening {
        // A request that arrived after the cookie has been rotated would count as theft.
        self.hold_question(cx);
        let cookie = self.cookies.first().cloned().unwrap_or_default();
        let channel = cx.channel();
        cx.push(Action::OpenChannel(OpenChannel {
            channel,
            gateway: self.profile.gateway.clone(),
            pin: self.profile.pin.clone(),
            cookie: cookie.clone(),
            proof: self.bound,
            addresses: self.addresses.clone(),
            swap,
        }));
        self.last_attempt = Some(now);
        Opening { channel, cookie, swap }
    }

    /// The channel needs new keys now, whatever was agreed on.
    pub(super) fn keys_worn(&mut self, channel: ChannelId, now: Timestamp) {
        if let Link::Up { channel: up, rekey_at, .. } = &mut self.link
            && *up == channel
        {
            *rekey_at = Some(now);
        }
    }

    /// Gives the channel new keys.
    pub(super) fn rekey(&mut self, cx: &mut Context, now: Timestamp) {
        let busy = self.asks.busy();
        let every = self.rekey_every();
        let in_place = matches!(self.config.as_ref().map(|config| config.rekey), Some(Rekey::Tls { .. }));
        let Link::Up { channel, refreshes_keys, rekey_at, .. } = &mut self.link else { return };
        if in_place && *refreshes_keys {
            cx.push(Action::RefreshKeys(*channel));
            *rekey_at = every.map(|every| now.after(every));
        } else if busy {
            *rekey_at = Some(now.after(BREATH));
        } else {
            let opening = self.start(cx, true, now);
            if let Link::Up { next, .. } = &mut self.link {
                *next = Some(opening);
            }
        }
    }

    fn rekey_every(&self) -> Option<Duration> {
        match self.config.as_ref()?.rekey {
            Rekey::None => None,
            Rekey::NewTunnel { every } | Rekey::Tls { every } if every.is_zero() => None,
            Rekey::NewTunnel { every } | Rekey::Tls { every } => Some(every.max(SHORTEST_REKEY)),
        }
    }

    pub(super) fn channel_up(&mut self, cx: &mut Context, channel: ChannelId, up: ChannelUp, now: Timestamp) {
        let Some(opening) = self.link.opening().filter(|opening| opening.channel == channel).cloned() else {
            // It was given up in the meantime.
            if !self.link.is_up(channel) {
                cx.push(Action::CloseChannel { channel, farewell: Farewell::Close });
            }
            return;
        };
        if let Link::Up { channel: old, .. } = &self.link {
            cx.push(Action::CloseChannel { channel: *old, farewell: Farewell::Close });
        }
        self.cookies = match up.cookie {
            Some(rotated) if rotated != opening.cookie => vec![rotated, opening.cookie],
            Some(_) | None => vec![opening.cookie],
        };
        self.session = up.session.or(self.session.take());
        self.banner = up.config.banner.clone().or(self.banner.take());
        self.addresses = up.config.addresses.clone();
        if let Some(left) = up.config.session_timeout {
            let at = now.after(left);
            self.expires_at = Some(self.expires_at.map_or(at, |before| before.min(at)));
        }
        (self.failures, self.failure, self.hint) = (0, None, None);
        if !matches!(self.link, Link::Up { .. }) {
            self.up_at = now;
            self.down_from(now);
            self.idle_since.get_or_insert(now);
        }

        let same = !self.stale
            && self.gateway_address == Some(up.gateway_address)
            && self.config.as_ref().is_some_and(|config| same_network(config, &up.config));
        self.config = Some(up.config);
        self.gateway_address = Some(up.gateway_address);
        let rekey_at = self.rekey_every().map(|every| now.after(every));
        self.link = Link::Up { channel, refreshes_keys: up.refreshes_keys, rekey_at, next: None };
        match self.network {
            Network::Up { .. } if same => self.carry(cx, now),
            Network::Applying(_) if same => {}
            Network::Up { .. } | Network::Applying(_) | Network::Down => {
                self.stale = false;
                let network = cx.network();
                self.network = Network::Applying(network);
                cx.push(Action::ConfigureNetwork {
                    network,
                    config: Box::new(self.config.clone().unwrap_or_default()),
                    gateway_address: up.gateway_address,
                });
            }
        }
    }

    pub(super) fn channel_refused(
        &mut self,
        cx: &mut Context,
        channel: ChannelId,
        status: u16,
        reason: Option<String>,
        now: Timestamp,
    ) -> Option<Ending> {
        let opening = self.link.opening().filter(|opening| opening.channel == channel).cloned()?;
        match status {
            401 => {
                self.cookies.retain(|cookie| *cookie != opening.cookie);
                if self.cookies.is_empty() {
                    self.cookies = vec![opening.cookie];
                    let known = reason.as_deref().and_then(|reason| EndReason::from_name(reason.trim()));
                    let why = known.or(self.hint).unwrap_or_else(|| self.likely_end(now));
                    return Some(Ending {
                        text: reason.filter(|_| known.is_none()),
                        ..Ending::by_gateway(why)
                    });
                }
                // The rotation never reached the gateway's disk, or ours: the cookie before it still counts.
                let again = self.start(cx, opening.swap, now);
                if let Link::Up { next, .. } = &mut self.link {
                    *next = Some(again);
                } else {
                    self.link = Link::Opening(again);
                }
                None
            }
            403 => {
                let failure = match reason {
                    Some(text) => FailureCode::GatewaySays { text },
                    None => FailureCode::SessionEnded { reason: EndReason::Other },
                };
                Some(Ending { tell: None, ..Ending::by_failure(failure) })
            }
            status if transient_status(status) => {
                self.attempt_failed(cx, FailureCode::Busy { retry_after_seconds: 10 }.into(), now)
            }
            status => {
                let detail = format!("the gateway refuses the tunnel with status {status}");
                self.channel_failed(cx, channel, FailureCode::Protocol { detail }, now)
            }
        }
    }

    pub(super) fn channel_failed(
        &mut self,
        cx: &mut Context,
        channel: ChannelId,
        failure: FailureCode,
        now: Timestamp,
    ) -> Option<Ending> {
        if !self.link.is_opening(channel) {
            return None;
        }
        if may_pass(&failure, self.stage) {
            self.attempt_failed(cx, failure.into(), now)
        } else {
            Some(Ending::by_failure(failure))
        }
    }

    pub(super) fn channel_lost(
        &mut self,
        cx: &mut Context,
        channel: ChannelId,
        cause: FailureCode,
        now: Timestamp,
    ) -> Option<Ending> {
        if self.link.is_opening(channel) {
            return self.channel_failed(cx, channel, cause, now);
        }
        if self.link.is_up(channel) {
            self.lost(cx, cause.into(), now);
        }
        None
    }

    pub(super) fn peer_disconnect(
        &mut self,
        cx: &mut Context,
        channel: ChannelId,
        end: PeerEnd,
        now: Timestamp,
    ) -> Option<Ending> {
        let unreachable = || FailureCode::Unreachable {
            gateway: self.profile.gateway.host_port(),
            cause: "closed".to_owned(),
        };
        if self.link.is_opening(channel) {
            let cause = unreachable();
            return match end {
                PeerEnd::Ended { reason, text } => Some(ended(reason, text)),
                PeerEnd::Detached | PeerEnd::Terminated => self.channel_failed(cx, channel, cause, now),
            };
        }
        if !self.link.is_up(channel) {
            return None;
        }
        let cause = unreachable();
        let swapping = self.link.opening().is_some();
        match end {
            // The gateway cuts the old channel as soon as it has the new one's CONNECT.
            PeerEnd::Detached if swapping => self.lost(cx, cause.into(), now),
            PeerEnd::Ended { reason: Some(EndReason::Duplicate), .. } if swapping => {
                self.hint = Some(EndReason::Duplicate);
                self.lost(cx, cause.into(), now);
            }
            PeerEnd::Detached => {
                if let Some(reason) = self.own_end(now) {
                    return Some(Ending::by_gateway(reason));
                }
                if self.detached_at.is_some_and(|before| now.since(before) < PING_PONG) {
                    // Another client with this cookie takes the session over again and again: leave it.
                    return Some(Ending::by_gateway(EndReason::Duplicate));
                }
                self.detached_at = Some(now);
                self.lost(cx, cause.into(), now);
            }
            PeerEnd::Terminated | PeerEnd::Ended { reason: Some(EndReason::GatewayRestart), .. } => {
                // Whether the session outlives the gateway's restart, the next CONNECT tells.
                self.hint = Some(EndReason::GatewayRestart);
                self.lost(cx, cause.into(), now);
            }
            PeerEnd::Ended { reason, text } => return Some(ended(reason, text)),
        }
        None
    }

    /// The channel that was up is gone.
    fn lost(&mut self, cx: &mut Context, failure: Failure, now: Timestamp) {
        self.down_from(now);
        self.failures = 0;
        let Link::Up { next, .. } = &mut self.link else { return };
        match next.take() {
            Some(opening) => self.link = Link::Opening(opening),
            None => {
                let steady = now.since(self.up_at) >= STEADY;
                self.short_lived = if steady { 0 } else { self.short_lived.saturating_add(1) };
                self.failure = Some(failure.told(now));
                self.wait(cx, now);
            }
        }
    }

    /// An attempt failed, and another may succeed.
    fn attempt_failed(&mut self, cx: &mut Context, failure: Failure, now: Timestamp) -> Option<Ending> {
        if let Link::Up { next, rekey_at, .. } = &mut self.link {
            *next = None;
            *rekey_at = Some(now.after(SHORTEST_REKEY));
            return None;
        }
        self.failures = self.failures.saturating_add(1);
        if self.give_up_at(&cx.settings) <= now {
            let reason = self.own_end(now).unwrap_or(EndReason::Away);
            return Some(Ending { reason, ..Ending::by_failure(failure) });
        }
        self.failure = Some(failure.told(now));
        self.wait(cx, now);
        None
    }

    fn wait(&mut self, cx: &mut Context, now: Timestamp) {
        let random = cx.jitter.draw();
        let failures = self.failures.saturating_add(self.short_lived.saturating_sub(1));
        self.link = Link::Waiting { at: now.after(pause(failures, random)) };
    }

    /// The end that the session's own clock explains.
    fn own_end(&self, now: Timestamp) -> Option<EndReason> {
        let idle_until = if matches!(self.link, Link::Up { .. }) { now } else { self.lost_at };
        if self.expires_at.is_some_and(|at| at.before(NEAR) <= now) {
            Some(EndReason::Absolute)
        } else if self.idle_at().is_some_and(|at| at.before(NEAR) <= idle_until) {
            Some(EndReason::Idle)
        } else {
            None
        }
    }

    /// The likeliest reason for a cookie that the gateway does not know any more.
    fn likely_end(&self, now: Timestamp) -> EndReason {
        let kept = self.config.as_ref().and_then(|config| config.disconnected_timeout);
        match self.own_end(now) {
            Some(reason) => reason,
            None if kept.is_some_and(|kept| now.since(self.lost_at) >= kept) => EndReason::Away,
            None => EndReason::Other,
        }
    }

    pub(super) fn close_channels(&mut self, cx: &mut Context, farewell: Farewell) {
        let (up, opening) = match &self.link {
            Link::Up { channel, next, .. } => (Some(*channel), next.as_ref().map(|next| next.channel)),
            Link::Opening(opening) => (None, Some(opening.channel)),
            Link::Waiting { .. } | Link::Asleep | Link::Paused => (None, None),
        };
        if let Some(channel) = opening {
            cx.push(Action::CloseChannel { channel, farewell: Farewell::Close });
        }
        if let Some(channel) = up {
            cx.push(Action::CloseChannel { channel, farewell });
        }
    }
}

fn ended(reason: Option<EndReason>, text: String) -> Ending {
    // A reason with a name is said in the person's language; the gateway's words would only say it again.
    let text =
        Some(text).filter(|text| !text.is_empty() && reason.is_none_or(|reason| reason == EndReason::Other));
    Ending { text, ..Ending::by_gateway(reason.unwrap_or(EndReason::Other)) }
}

/// Whether the same attempt may succeed later. A certificate that does not fit is final at the first connect; later
/// it may be a hotel's portal, which passes, and nothing secret is sent to it.
fn may_pass(failure: &FailureCode, stage: Stage) -> bool {
    failure.is_transient()
        || (stage != Stage::First
            && matches!(
                failure,
                FailureCode::UnknownGateway { .. }
                    | FailureCode::PinMismatch { .. }
                    | FailureCode::Tls { .. }
                    | FailureCode::Protocol { .. }
                    | FailureCode::Internal { .. }
            ))
}

/// Whether two settings make the same network.
fn same_network(a: &TunnelConfig, b: &TunnelConfig) -> bool {
    a.addresses == b.addresses
        && a.mtu == b.mtu
        && a.include == b.include
        && a.exclude == b.exclude
        && a.dns_servers == b.dns_servers
        && a.split_dns == b.split_dns
        && a.search_domains == b.search_domains
}
