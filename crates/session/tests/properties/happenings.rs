//! Everything that can happen to a session, in all the ways a gateway, a person and a machine can think of.

use praya_model::EndReason;
use proptest::prelude::*;

/// One thing that happens. Numbers choose among what there is at that time.
#[derive(Clone, Debug)]
pub(crate) enum Happening {
    Begin { account: bool },
    Restore { cookies: usize, paused: bool },
    Answer { kind: u8, late: bool },
    CancelSignIn,
    Connect,
    Disconnect,
    Logout,
    GoodbyeEnds { how: usize },
    Ask { kind: u8 },
    Reply { which: Which, kind: u8 },
    NoReply { which: Which, transient: bool },
    Up { which: Which, rotates: bool, kind: u8 },
    Refused { which: Which, status: u16, reason: bool },
    Failed { which: Which, transient: bool },
    Lost { which: Which },
    PeerDetached { which: Which },
    PeerTerminated { which: Which },
    PeerEnded { which: Which, reason: Option<EndReason> },
    NetworkReady { late: bool },
    NetworkFailed { late: bool },
    MachineChecked { which: Which, read: bool },
    Traffic { out: u64 },
    NetworkChanged,
    Suspend,
    Resume,
    Tick,
    Wait { millis: u64 },
}

/// The one that is under way, or any there ever was.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Which {
    Last,
    First,
    Ever(usize),
}

/// The kinds of [`Happening::Reply`] that the shell knows.
pub(crate) const REPLIES: u8 = 21;

impl Happening {
    pub(crate) const SIGN_IN: [Self; 7] = [
        Self::Begin { account: true },
        Self::Reply { which: Which::Last, kind: 0 },
        Self::Reply { which: Which::Last, kind: 1 },
        Self::Answer { kind: 0, late: false },
        Self::Reply { which: Which::Last, kind: 5 },
        Self::Up { which: Which::Last, rotates: true, kind: 0 },
        Self::NetworkReady { late: false },
    ];

    pub(crate) const FOREIGN_SIGN_IN: [Self; 7] = [
        Self::Begin { account: true },
        Self::Reply { which: Which::Last, kind: 7 },
        Self::Reply { which: Which::Last, kind: 9 },
        Self::Answer { kind: 0, late: false },
        Self::Reply { which: Which::Last, kind: 10 },
        Self::Up { which: Which::Last, rotates: false, kind: 0 },
        Self::NetworkReady { late: false },
    ];
}

fn which() -> impl Strategy<Value = Which> {
    prop_oneof![6 => Just(Which::Last), 2 => Just(Which::First), 1 => any::<usize>().prop_map(Which::Ever)]
}

fn reason() -> impl Strategy<Value = Option<EndReason>> {
    prop::option::of(prop::sample::select(EndReason::ALL.to_vec()))
}

fn by_person() -> impl Strategy<Value = Happening> {
    prop_oneof![
        6 => any::<bool>().prop_map(|account| Happening::Begin { account }),
        1 => (0_usize..4, any::<bool>())
            .prop_map(|(cookies, paused)| Happening::Restore { cookies, paused }),
        8 => (0_u8..7, prop::bool::weighted(0.1)).prop_map(|(kind, late)| Happening::Answer { kind, late }),
        1 => Just(Happening::CancelSignIn),
        3 => Just(Happening::Connect),
        2 => Just(Happening::Disconnect),
        1 => Just(Happening::Logout),
        4 => (0_u8..3).prop_map(|kind| Happening::Ask { kind }),
    ]
}

fn by_gateway() -> impl Strategy<Value = Happening> {
    let status = prop::sample::select(vec![302_u16, 401, 403, 404, 429, 500, 502, 503]);
    prop_oneof![
        12 => (which(), 0..REPLIES).prop_map(|(which, kind)| Happening::Reply { which, kind }),
        3 => (which(), prop::bool::weighted(0.8))
            .prop_map(|(which, transient)| Happening::NoReply { which, transient }),
        10 => (which(), any::<bool>(), 0_u8..12)
            .prop_map(|(which, rotates, kind)| Happening::Up { which, rotates, kind }),
        2 => (which(), status, any::<bool>())
            .prop_map(|(which, status, reason)| Happening::Refused { which, status, reason }),
        4 => (which(), prop::bool::weighted(0.8))
            .prop_map(|(which, transient)| Happening::Failed { which, transient }),
        4 => which().prop_map(|which| Happening::Lost { which }),
        2 => which().prop_map(|which| Happening::PeerDetached { which }),
        1 => which().prop_map(|which| Happening::PeerTerminated { which }),
        1 => (which(), reason()).prop_map(|(which, reason)| Happening::PeerEnded { which, reason }),
    ]
}

fn by_machine() -> impl Strategy<Value = Happening> {
    prop_oneof![
        10 => prop::bool::weighted(0.1).prop_map(|late| Happening::NetworkReady { late }),
        1 => any::<bool>().prop_map(|late| Happening::NetworkFailed { late }),
        4 => (which(), prop::bool::weighted(0.8))
            .prop_map(|(which, read)| Happening::MachineChecked { which, read }),
        3 => (0_u64..100).prop_map(|out| Happening::Traffic { out }),
        2 => (0_usize..3).prop_map(|how| Happening::GoodbyeEnds { how }),
        2 => Just(Happening::NetworkChanged),
        1 => Just(Happening::Suspend),
        2 => Just(Happening::Resume),
        4 => Just(Happening::Tick),
        4 => (0_u64..3000).prop_map(|millis| Happening::Wait { millis }),
        2 => (0_u64..4_000_000).prop_map(|millis| Happening::Wait { millis }),
    ]
}

pub(crate) fn any_happening() -> impl Strategy<Value = Happening> {
    prop_oneof![2 => by_person(), 4 => by_gateway(), 3 => by_machine()]
}
