//! Measures pairs of client and gateway in namespaces of their own, taking turns, and reports medians and ratios.
//!
//! A machine drifts by a fifth within minutes, so only what was measured in the same round is compared: a ratio is
//! the median over the rounds of each round's own ratio. Nothing here judges a number.

mod cost;
pub(crate) mod desktop;
mod idle;
mod machine;
mod measure;
mod metric;
mod pair;
mod report;
mod site;

use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use pair::Pair;
use report::{Outcome, Report};
use site::Site;

/// What to run and where to put the results.
pub(crate) struct Options {
    pub(crate) plan: Plan,
    /// The folder for `latest.txt`, `latest.json` and one pair of files per run.
    pub(crate) out: PathBuf,
}

/// How much is measured.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// How many times every pair has its turn.
    pub(crate) rounds: usize,
    /// Length of one transfer in one direction, in whole seconds.
    pub(crate) seconds: u32,
    /// Echo requests on the idle tunnel, 10 ms apart.
    pub(crate) pings: u32,
    /// Sessions over which the gateway's memory per idle session is taken.
    pub(crate) idle_sessions: u32,
    /// No round is begun that would not end within this time.
    pub(crate) limit: Duration,
}

impl Plan {
    /// The default: below six minutes.
    pub(crate) fn full() -> Self {
        Self { rounds: 5, seconds: 4, pings: 100, idle_sessions: 200, limit: Duration::from_secs(345) }
    }

    /// Good enough to see that something broke: below 90 seconds.
    pub(crate) fn quick() -> Self {
        Self { rounds: 3, seconds: 1, pings: 50, idle_sessions: 40, limit: Duration::from_secs(80) }
    }
}

/// Prints a line; the one place of this program that does.
pub(crate) fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    // A closed terminal must not stop the measurement.
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// Runs everything and writes the report; false when a pair that is installed could not be measured.
///
/// # Errors
/// Without the tools that measure, or when the report cannot be written.
pub(crate) fn run(options: &Options) -> Result<bool> {
    for (tool, package) in [("iperf3", "iperf3"), ("ping", "iputils-ping")] {
        ensure!(machine::tool_exists(tool), "{tool} is missing (package {package})");
    }
    let plan = &options.plan;
    let machine = machine::describe();
    let began = Instant::now();
    let mut outcomes: Vec<Outcome> = Pair::ALL.iter().map(|&pair| Outcome::new(pair)).collect();
    let mut sites: Vec<Option<Site>> = outcomes.iter_mut().map(|outcome| prepare(outcome, plan)).collect();
    let mut longest = Duration::ZERO;
    let mut rounds = 0;
    for round in 0..plan.rounds {
        if began.elapsed() + longest > plan.limit {
            say(&format!("the time is up after {rounds} of {} rounds", plan.rounds));
            break;
        }
        let round_began = Instant::now();
        say(&format!("\nround {} of {}", round + 1, plan.rounds));
        // Every other round goes backwards: a drift across a round then favours nobody.
        let mut order: Vec<usize> = (0..outcomes.len()).collect();
        if round % 2 == 1 {
            order.reverse();
        }
        for index in order {
            if let (Some(outcome), Some(site)) = (outcomes.get_mut(index), sites.get_mut(index)) {
                take_turn(outcome, site, round, plan);
            }
        }
        rounds += 1;
        longest = longest.max(round_began.elapsed());
    }
    let idle =
        sites.iter_mut().flatten().find(|site| site.pair().gateway == pair::Gateway::Praya).map(|site| {
            say("\nidle sessions at praya-gateway");
            idle::measure(site, plan.idle_sessions).map_err(|error| format!("{error:#}"))
        });
    drop(sites);
    let report = Report { plan, rounds, took: began.elapsed(), outcomes, idle, machine };
    report.write(&options.out).with_context(|| options.out.display().to_string())?;
    Ok(report.is_complete())
}

fn prepare(outcome: &mut Outcome, plan: &Plan) -> Option<Site> {
    let missing = outcome.pair.missing();
    if !missing.is_empty() {
        say(&format!("{:<32} missing: {}", outcome.pair.title(), missing.join(", ")));
        outcome.missing = missing;
        return None;
    }
    match Site::prepare(outcome.pair, plan.rounds) {
        Ok(site) => Some(site),
        Err(error) => {
            outcome.fail(&error.context("prepare"));
            None
        }
    }
}

fn take_turn(outcome: &mut Outcome, place: &mut Option<Site>, round: usize, plan: &Plan) {
    let Some(site) = place else { return };
    match measure::turn(site, round, plan) {
        Ok(sample) => {
            say(&format!("  {:<32} {}", outcome.pair.title(), report::short(&sample)));
            outcome.channel = site.channel();
            outcome.samples.insert(round, sample);
        }
        Err(error) => {
            // What is broken once stays out: a hanging peer must not eat the others' time.
            outcome.fail(&error.context(format!("round {}", round + 1)));
            *place = None;
        }
    }
}
