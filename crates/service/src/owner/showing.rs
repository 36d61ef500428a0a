//! What views see: the session's snapshot with the counters and this machine's warnings.

use std::sync::Arc;

use praya_datapath::{ChannelValues, DropReason};
use praya_ipc::View;
use praya_model::channel::{ChannelTraffic, ChannelView};
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

    /// How packets travel, and what each channel has carried in this session.
    fn channel_view(&self) -> Option<ChannelView> {
        let view = self.channels.get(&self.used?)?.view();
        let values = self.counters.values();
        let dropped = DropReason::ALL
            .into_iter()
            .map(|reason| (reason.as_str().to_owned(), values.dropped(reason)))
            .filter(|(_, packets)| *packets > 0)
            .collect();
        Some(ChannelView { tls: carried(&values.tls), udp: carried(&values.udp), dropped, ..view })
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
        if matches!(snapshot.state, TunnelState::Connected | TunnelState::IdleWarning) {
            snapshot.channel = self.channel_view();
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

fn carried(values: &ChannelValues) -> ChannelTraffic {
    ChannelTraffic {
        bytes_in: values.bytes_received,
        bytes_out: values.bytes_sent,
        packets_in: values.packets_received,
        packets_out: values.packets_sent,
        retransmits: values.retransmits,
        round_trip_us: values.round_trip.and_then(|time| u64::try_from(time.as_micros()).ok()),
    }
}
