//! What a session wants done.

use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;
use praya_model::posture::Check;
use praya_model::{
    EndReason, Failure, FailureCode, GatewayAddress, Pin, Secret, Snapshot, Timestamp, TunnelConfig,
};

use crate::{Answer, AskId, ChannelId, CheckId, HttpId, HttpRequest, NetworkId, ResumeTicket};

/// What a session wants done. The shell carries actions out in their order; those that take time are only begun in
/// order and tell their end by an event.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Write the ticket to disk, durably, before anything after it in the list is begun.
    SaveResume(Box<ResumeTicket>),
    /// Delete the ticket, durably.
    ForgetResume,

    /// Send a request; [`crate::Event::HttpReply`] or [`crate::Event::HttpFailed`] follows, within 30 s.
    SendHttp {
        /// Comes back with the reply.
        id: HttpId,
        /// Where to.
        gateway: GatewayAddress,
        /// What vouches for it.
        pin: Option<Pin>,
        /// What.
        request: HttpRequest,
    },
    /// Give a request up; its connection is closed, so that it cannot arrive later.
    CancelHttp(HttpId),

    /// Connect and send CONNECT; [`crate::Event::ChannelUp`], [`crate::Event::ChannelRefused`] or
    /// [`crate::Event::ChannelFailed`] follows, within 20 s.
    OpenChannel(OpenChannel),
    /// From now on packets of the tunnel device go through this channel. One that did so before carries none.
    UseChannel(ChannelId),
    /// End a channel, or the attempt to open it. [`crate::Event::ChannelClosed`] follows within 3 s if it was told
    /// [`Farewell::Bye`], else nothing.
    CloseChannel {
        /// Which.
        channel: ChannelId,
        /// What to say.
        farewell: Farewell,
    },
    /// Demand a sign of life; [`crate::Event::ChannelLost`] follows if none comes.
    ProbeChannel {
        /// Which.
        channel: ChannelId,
        /// How long to wait.
        patience: Duration,
    },
    /// Give the channel's TLS connection new keys (TLS 1.3 key update).
    RefreshKeys(ChannelId),

    /// Make the tunnel device if there is none, and set addresses, routes and name servers; replaces what was set
    /// before. [`crate::Event::NetworkReady`] or [`crate::Event::NetworkFailed`] follows.
    ConfigureNetwork {
        /// Comes back with the event.
        network: NetworkId,
        /// The settings.
        config: Box<TunnelConfig>,
        /// The gateway's address, which stays outside the tunnel.
        gateway_address: IpAddr,
    },
    /// The machine's network changed while the tunnel's settings are in force: lead the route to the gateway through
    /// the present network, so that the next channel can be opened.
    RefreshGatewayRoute,
    /// Undo every network setting and drop the tunnel device.
    TearDown,

    /// Read the machine and sign the report; [`crate::Event::MachineChecked`] follows, within a few seconds.
    CheckMachine {
        /// Comes back with the event.
        id: CheckId,
        /// What is read, and nothing else.
        checks: Vec<Check>,
        /// What the report answers.
        nonce: String,
    },

    /// The answer to [`crate::Event::Ask`].
    Answered {
        /// The question's number.
        id: AskId,
        /// The answer.
        result: Result<Answer, Failure>,
    },
    /// The event just handled asks for something that cannot be done; nothing changed.
    Rejected(FailureCode),
    /// A session ended: for the log.
    Ended(EndReason),
    /// Something that views show has changed.
    Publish(Box<Snapshot>),
    /// Send [`crate::Event::Tick`] at this time. Replaces the one asked for before.
    ScheduleTick(Timestamp),
}

/// How to open a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenChannel {
    /// Its number.
    pub channel: ChannelId,
    /// Where to.
    pub gateway: GatewayAddress,
    /// What vouches for it.
    pub pin: Option<Pin>,
    /// The session cookie.
    pub cookie: Secret,
    /// Whether CONNECT must carry `X-Praya-Proof`.
    pub proof: bool,
    /// The addresses that the tunnel had before, to ask for again.
    pub addresses: Vec<IpNet>,
    /// It replaces a channel that is up (rekey).
    pub swap: bool,
}

/// What to say when a channel is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Farewell {
    /// The session is over: a `b0` DISCONNECT.
    Bye(EndReason),
    /// The session is kept: an empty DISCONNECT.
    Detach,
    /// Nothing.
    Close,
}
