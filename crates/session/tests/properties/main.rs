//! What holds for the session machine after any sequence of events, sensible or not.
#![allow(clippy::wildcard_enum_match_arm, reason = "a property looks at some actions among many")]

#[path = "../support/mod.rs"]
mod support;

mod happenings;
mod shell;

use proptest::collection::vec;
use proptest::prelude::*;

use happenings::{Happening, any_happening};
use shell::Shell;
use support::s;

/// Where a sequence begins.
fn begin(start: u8) -> Shell {
    let mut shell = Shell::new();
    let way: &[Happening] = match start {
        0 => &[],
        1 => &Happening::SIGN_IN,
        2 => &Happening::FOREIGN_SIGN_IN,
        3 => &[Happening::Restore { cookies: 2, paused: false }],
        _ => &[Happening::Restore { cookies: 1, paused: true }],
    };
    for happening in way {
        shell.happen(happening);
    }
    shell
}

#[test]
fn the_beginnings_lead_where_they_should() {
    assert!(begin(1).is_connected());
    assert!(begin(2).is_connected());
    assert!(begin(3).session.is_live() && begin(4).session.is_live());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_invariants_hold_after_any_sequence_of_events(
        start in 0_u8..5,
        happenings in vec(any_happening(), 0..60),
    ) {
        let mut shell = begin(start);
        for happening in &happenings {
            shell.happen(happening);
        }
    }

    #[test]
    fn a_session_whose_gateway_is_gone_ends_by_itself_without_a_storm(
        start in 1_u8..5,
        happenings in vec(any_happening(), 0..30),
    ) {
        let mut shell = begin(start);
        for happening in &happenings {
            shell.happen(happening);
        }
        shell.happen(&Happening::Resume);
        shell.gateway_is_gone(s(12 * 3600));
        prop_assert!(shell.session.is_idle());
    }

    #[test]
    fn a_logout_always_ends_and_forgets(start in 1_u8..5, happenings in vec(any_happening(), 0..30)) {
        let mut shell = begin(start);
        for happening in &happenings {
            shell.happen(happening);
        }
        shell.happen(&Happening::Logout);
        prop_assert!(shell.session.is_idle());
        prop_assert!(shell.disk.is_none());
    }
}
