//! Telling the gateway that a session ended here, and knowing whether it heard. Only its own word counts.

use std::time::Duration;

use praya_model::{Profile, Snapshot, Timestamp, TunnelState};

use super::Context;
use crate::connector::praya;
use crate::http::Bearer;
use crate::{ChannelId, Event, Goodbye, HttpId};

/// After this time views hear that the gateway has not answered; a later answer still counts.
const PATIENCE: Duration = Duration::from_millis(4500);

/// How the gateway is being told.
#[derive(Debug)]
pub(super) enum Telling {
    /// By the goodbye of this channel, and by the API where that is not answered.
    Channel(ChannelId, Option<LogOut>),
    /// By the API.
    Api(HttpId),
}

/// What it takes to log out by the API.
#[derive(Debug)]
pub(super) struct LogOut {
    pub(super) profile: Profile,
    pub(super) bearer: Bearer,
}

impl LogOut {
    pub(super) fn send(self, cx: &mut Context) -> Telling {
        Telling::Api(cx.send(&self.profile, praya::log_out(self.bearer)))
    }
}

/// The end that the gateway is being told of.
#[derive(Debug)]
pub(super) struct Farewells {
    telling: Option<Telling>,
    /// When views stop waiting.
    until: Timestamp,
}

impl Farewells {
    pub(super) fn new(telling: Option<Telling>, now: Timestamp) -> Self {
        Self { telling, until: now.after(PATIENCE) }
    }

    /// When a view of `last` is to be told that no answer came.
    pub(super) fn wake(&self, last: &Snapshot) -> Option<Timestamp> {
        let awaited = last.state == TunnelState::Ended && last.gateway_told.is_none();
        (awaited && self.telling.is_some()).then_some(self.until)
    }

    /// Takes what may be the gateway's answer. `Some` when it is known whether it heard.
    pub(super) fn hear(&mut self, cx: &mut Context, event: &Event) -> Option<bool> {
        let (telling, told) = match (self.telling.take()?, event) {
            (Telling::Api(id), Event::HttpReply { id: of, reply }) if id == *of => {
                // A gateway that does not know the cookie has no session either.
                (None, Some((200..300).contains(&reply.status) || reply.status == 401))
            }
            (Telling::Api(id), Event::HttpFailed { id: of, .. }) if id == *of => (None, Some(false)),
            (Telling::Channel(channel, again), Event::ChannelClosed { channel: of, goodbye })
                if channel == *of =>
            {
                match (goodbye, again) {
                    // A gateway without an API may have no better way to close.
                    (Goodbye::Answered, _) | (Goodbye::Cut, None) => (None, Some(true)),
                    (Goodbye::Unanswered, None) => (None, Some(false)),
                    (Goodbye::Cut | Goodbye::Unanswered, Some(again)) => (Some(again.send(cx)), None),
                }
            }
            (telling, _) => (Some(telling), None),
        };
        self.telling = telling;
        told
    }
}
