//! Measures tunnels in namespaces of their own, taking turns, and reports medians and ratios.
//!
//! A machine drifts by a fifth within minutes, so only what was measured in the same round is compared: a ratio is
//! the median over the rounds of each round's own ratio. Nothing here judges whether a run is good.

mod flood;
mod goals;
pub(crate) mod measure;
mod metric;
mod profile;
mod raw_tls;
mod report;
pub(crate) mod subject;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use praya_tests::Lab;
use report::{Outcome, Report};
use subject::Subject;

use super::site::Site;
use super::{machine, say};

/// How much is measured.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// How many times every subject has its turn.
    pub(crate) rounds: usize,
    /// Whom it is about.
    pub(crate) only: Vec<Subject>,
    /// Length of one transfer in one direction, in whole seconds.
    pub(crate) seconds: u32,
    /// The same over the narrow link; 0 leaves that out.
    pub(crate) narrow_seconds: u32,
    /// Echo requests on the idle tunnel, 10 ms apart.
    pub(crate) pings: u32,
    /// How many of the sizes of small packets.
    pub(crate) small_sizes: usize,
    /// Whether each sign-in is rehearsed, so that the measured one is not the programs' first.
    pub(crate) rehearse: bool,
    /// Where to put a profile of each stream.
    pub(crate) profile: Option<PathBuf>,
    /// After this time no turn begins.
    pub(crate) limit: Duration,
}

impl Plan {
    /// The default: about 25 minutes.
    pub(crate) fn full() -> Self {
        Self {
            rounds: 3,
            only: Subject::ALL.iter().map(|&(subject, _)| subject).collect(),
            seconds: 3,
            narrow_seconds: 6,
            pings: 100,
            small_sizes: 2,
            rehearse: true,
            profile: None,
            limit: Duration::from_secs(3 * 3_600),
        }
    }

    /// Good enough to see that something broke: below three minutes.
    pub(crate) fn quick() -> Self {
        Self {
            rounds: 1,
            seconds: 1,
            narrow_seconds: 1,
            pings: 30,
            small_sizes: 1,
            rehearse: false,
            profile: None,
            only: QUICK.iter().filter_map(|name| Subject::named(name)).collect(),
            limit: Duration::from_secs(165),
        }
    }
}

/// Whom a quick run is about.
const QUICK: &[&str] = &[
    "none",
    "raw-64k",
    "stock-tls",
    "stock-dtls",
    "praya-tls",
    "praya-interop",
    "praya-udp",
    "praya-ocserv-tls",
    "openconnect-praya-tls",
    "gotatun",
];

/// Runs everything and writes the report; false when something that is here could not be measured.
///
/// # Errors
/// Without the tools that measure, or when the report cannot be written.
pub(crate) fn run(plan: &Plan, out: &Path) -> Result<bool> {
    for (tool, package) in [("iperf3", "iperf3"), ("ping", "iputils-ping"), ("tc", "iproute2")] {
        ensure!(machine::tool(tool).is_some(), "{tool} is missing (package {package})");
    }
    let machine = machine::describe();
    let began = Instant::now();
    let mut outcomes: Vec<Outcome> = plan.only.iter().map(|&subject| Outcome::new(subject)).collect();
    let mut sites: Vec<Option<Site>> = outcomes.iter_mut().map(prepare).collect();
    let mut rounds = 0;
    for round in 0..plan.rounds {
        if began.elapsed() > plan.limit {
            say(&format!("the time is up after {rounds} of {} rounds", plan.rounds));
            break;
        }
        say(&format!("\nround {} of {}", round + 1, plan.rounds));
        // Every other round goes backwards: a drift across a round then favours nobody.
        let mut order: Vec<usize> = (0..outcomes.len()).collect();
        if round % 2 == 1 {
            order.reverse();
        }
        for index in order {
            if let (Some(outcome), Some(site)) = (outcomes.get_mut(index), sites.get_mut(index))
                && began.elapsed() < plan.limit
            {
                take_turn(outcome, site, round, plan);
            }
        }
        rounds += 1;
    }
    drop(sites);
    let report = Report { plan, rounds, took: began.elapsed(), outcomes, machine };
    report.write(out).with_context(|| out.display().to_string())?;
    Ok(report.is_complete())
}

fn prepare(outcome: &mut Outcome) -> Option<Site> {
    let missing = outcome.subject.missing();
    if !missing.is_empty() {
        say(&format!("{:<40} missing: {}", outcome.subject.title(), missing.join(", ")));
        outcome.missing = missing;
        return None;
    }
    match Lab::new().and_then(|lab| Site::prepare(outcome.subject, lab)) {
        Ok(site) => Some(site),
        Err(error) => {
            outcome.fail(&error.context("prepare"));
            None
        }
    }
}

fn take_turn(outcome: &mut Outcome, place: &mut Option<Site>, round: usize, plan: &Plan) {
    let Some(site) = place else { return };
    match measure::turn(outcome.subject, site, plan) {
        Ok((sample, made)) => {
            say(&format!("  {:<40} {}", outcome.subject.title(), report::short(&sample)));
            outcome.made = made;
            outcome.samples.insert(round, sample);
        }
        Err(error) => {
            // What is broken once stays out: a hanging peer must not eat the others' time.
            outcome.fail(&error.context(format!("round {}", round + 1)));
            *place = None;
        }
    }
}
