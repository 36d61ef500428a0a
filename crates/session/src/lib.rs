//! The client's session as a pure state machine: sign-in, connect, reconnect, roam, resume, expiry.
//!
//! [`Session::handle`] takes an [`Event`] and the time and returns [`Action`]s for the shell to carry out, in order.
//! It opens no socket, reads no clock and draws no random number. The two [`connector`]s translate a sign-in
//! conversation into HTTP requests and back: Praya's JSON, and AnyConnect's XML forms.
#![warn(missing_docs)]

mod action;
mod backoff;
pub mod connector;
mod event;
mod http;
mod machine;
mod ticket;

pub use action::{Action, Farewell, OpenChannel};
pub use event::{Answer, Begin, ChannelUp, Event, Goodbye, MachineReport, PeerEnd, Question};
pub use http::{Bearer, Body, HttpReply, HttpRequest, Method};
pub use machine::{Session, Settings};
pub use ticket::{Protocol, ResumeTicket};

macro_rules! number_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u64);
    };
}

number_id!(
    /// Numbers a [`Action::SendHttp`]; never used twice.
    HttpId
);
number_id!(
    /// Numbers a channel from [`Action::OpenChannel`] on; never used twice.
    ChannelId
);
number_id!(
    /// Numbers an [`Event::Ask`]; chosen by the shell.
    AskId
);
number_id!(
    /// Numbers an [`Action::ConfigureNetwork`]; never used twice.
    NetworkId
);
number_id!(
    /// Numbers an [`Action::CheckMachine`]; never used twice.
    CheckId
);
