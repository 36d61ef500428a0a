//! A session as views see it.

use praya_model::snapshot::{Reconnect, TunnelView};
use praya_model::{EndReason, Snapshot, Timestamp, TunnelState};

use super::Settings;
use super::link::Link;
use super::live::{Ending, Live, Network, Stage};
use crate::Protocol;

impl Live {
    fn state(&self, settings: &Settings, now: Timestamp) -> TunnelState {
        if self.connected() {
            if self.idle_warning_at(settings).is_some_and(|at| at <= now) {
                TunnelState::IdleWarning
            } else {
                TunnelState::Connected
            }
        } else {
            match self.stage {
                Stage::First => TunnelState::SigningIn,
                Stage::Restoring => TunnelState::Restoring,
                Stage::Running => TunnelState::Reconnecting,
            }
        }
    }

    pub(super) fn snapshot(&self, settings: &Settings, now: Timestamp) -> Snapshot {
        let connected = self.connected();
        Snapshot {
            state: self.state(settings, now),
            profile: Some(self.profile.name.clone()),
            gateway: Some(self.profile.gateway.clone()),
            gateway_name: self.gateway_name.clone(),
            account: Some(self.account.clone()),
            session: self.session.clone(),
            tunnel: self.tunnel(),
            connected_since: self.connected_since,
            traffic: self.traffic,
            idle_at: self.idle_at().filter(|_| connected),
            expires_at: self.expires_at,
            last_failure: self.failure.clone().map(|mut failure| {
                failure.help_desk = failure.help_desk.or_else(|| self.help_desk.clone());
                failure
            }),
            reconnect: (!connected).then(|| self.reconnect(settings)),
            resources_available: self.protocol == Protocol::Praya && self.stage == Stage::Running,
            help_desk: self.help_desk.clone(),
            banner: self.banner.clone(),
            last_sign_in: self.last_sign_in.clone(),
            password_rules: self.password_rules.clone(),
            posture: self.posture.view.clone(),
            reported: self.posture.reported.clone(),
            ..Snapshot::default()
        }
    }

    fn tunnel(&self) -> Option<TunnelView> {
        let config = self.config.as_ref()?;
        let device = match &self.network {
            Network::Up { device } => Some(device.clone()),
            Network::Applying(_) => None,
            Network::Down => return None,
        };
        Some(TunnelView {
            device,
            addresses: config.addresses.clone(),
            include: config.include.clone(),
            exclude: config.exclude.clone(),
            dns_servers: config.dns_servers.clone(),
            split_dns: config.split_dns.clone(),
            mtu: config.mtu,
        })
    }

    fn reconnect(&self, settings: &Settings) -> Reconnect {
        let up = matches!(self.link, Link::Up { .. });
        Reconnect {
            attempt: self.failures,
            next_at: match &self.link {
                Link::Waiting { at } => Some(*at),
                Link::Opening(_) | Link::Up { .. } | Link::Asleep | Link::Paused => None,
            },
            give_up_at: (!up).then(|| self.give_up_at(settings)),
            paused: self.link == Link::Paused,
        }
    }

    /// What is left to show of a session that ended: whose it was, how much, and why it is over.
    pub(super) fn ended(&self, ending: Ending, now: Timestamp) -> Snapshot {
        Snapshot {
            state: TunnelState::Ended,
            profile: Some(self.profile.name.clone()),
            gateway: Some(self.profile.gateway.clone()),
            gateway_name: self.gateway_name.clone(),
            account: Some(self.account.clone()),
            session: self.session.clone(),
            connected_since: self.connected_since,
            traffic: self.traffic,
            posture: self.posture.view.clone().filter(|_| ending.reason == EndReason::PostureLost),
            reported: self.posture.reported.clone().filter(|_| ending.reason == EndReason::PostureLost),
            ended: Some(ending.reason),
            end_text: ending.text,
            last_failure: ending.failure.map(|failure| {
                let mut failure = failure.told(now);
                failure.help_desk = failure.help_desk.or_else(|| self.help_desk.clone());
                failure
            }),
            help_desk: self.help_desk.clone(),
            ..Snapshot::default()
        }
    }
}
