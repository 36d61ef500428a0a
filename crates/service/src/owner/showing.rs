//! What views see: the session's snapshot with the counters and this machine's warnings.

use std::sync::Arc;

use praya_ipc::View;
use praya_model::snapshot::Traffic;
use praya_model::{Snapshot, TunnelState};
use praya_session::Event;

use super::Owner;
use crate::clock;

impl Owner {
    /// Tells the session what went through the tunnel, and the views with it.
    pub(super) async fn count(&mut self) {
        if self.used.is_some() {
            let traffic = self.traffic_event();
            self.handle(traffic).await;
        }
        self.show();
    }

    pub(super) fn traffic_event(&self) -> Event {
        let last_user_packet = self.device.as_ref().and_then(|device| device.last_user_packet());
        Event::Traffic { traffic: self.traffic(), last_user_packet }
    }

    fn traffic(&self) -> Traffic {
        let values = self.counters.values();
        Traffic {
            bytes_in: values.bytes_received,
            bytes_out: values.bytes_sent,
            packets_in: values.packets_received,
            packets_out: values.packets_sent,
        }
    }

    /// The state of things as views get it.
    pub(crate) fn snapshot(&self) -> Snapshot {
        let mut snapshot = self.session.snapshot(self.parts.clock.now());
        if matches!(
            snapshot.state,
            TunnelState::Connected | TunnelState::IdleWarning | TunnelState::Reconnecting
        ) {
            snapshot.warnings.extend(self.network_warnings.iter().chain(&self.resume_warning).cloned());
        }
        snapshot.ended_by_administrator = self.ended_by_administrator && self.session.is_idle();
        clock::shift(&mut snapshot, self.parts.clock.wall_is_ahead_by());
        snapshot
    }

    /// Shows the views what has changed, if anything has.
    pub(crate) fn show(&self) {
        let snapshot = self.snapshot();
        let (owner, last_owner) = (self.holder, self.last_holder);
        self.parts.view.send_if_modified(|view| {
            let same = *view.snapshot == snapshot && view.owner == owner && view.last_owner == last_owner;
            if !same {
                *view = View { snapshot: Arc::new(snapshot), owner, last_owner };
            }
            !same
        });
    }
}
