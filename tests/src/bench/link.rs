//! Tunnels over a long way: throughput of one TCP stream for each loss and delay, side by side.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use praya_testkit::cable::Conditions;
use praya_tests::Lab;
use serde_json::{Value, json};

use super::site::Site;
use super::stats::median;
use super::table::pipe_table;
use super::tunnel::measure::{Direction, stream};
use super::tunnel::subject::Subject;
use super::{machine, say};

/// How much is measured.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) rounds: usize,
    pub(crate) only: Vec<Subject>,
    /// Shares of packets lost in each direction.
    losses: Vec<f64>,
    /// Round trips in ms, half of them each way.
    round_trips: Vec<u64>,
    /// Length of one transfer, in whole seconds.
    seconds: u32,
}

/// Whom it is about.
const SUBJECTS: &[&str] = &["none", "praya-tls", "praya-udp", "stock-tls", "stock-dtls"];

impl Plan {
    /// The default: about ten minutes for a round.
    pub(crate) fn full() -> Self {
        Self {
            rounds: 1,
            only: SUBJECTS.iter().filter_map(|name| Subject::named(name)).collect(),
            losses: vec![0.0, 0.001, 0.01, 0.05],
            round_trips: vec![5, 50, 150],
            seconds: 8,
        }
    }

    /// One corner: below three minutes.
    pub(crate) fn quick() -> Self {
        Self { losses: vec![0.0, 0.01], round_trips: vec![5, 50], seconds: 4, ..Self::full() }
    }

    fn ways(&self) -> Vec<Way> {
        let of_round_trip = |&round_trip_ms| self.losses.iter().map(move |&loss| Way { loss, round_trip_ms });
        // First what the cable itself can carry.
        [Way { loss: 0.0, round_trip_ms: 0 }]
            .into_iter()
            .chain(self.round_trips.iter().flat_map(of_round_trip))
            .collect()
    }
}

/// A loss and a delay.
#[derive(Clone, Copy, Debug)]
struct Way {
    loss: f64,
    round_trip_ms: u64,
}

impl Way {
    fn conditions(self) -> Conditions {
        let delay = Duration::from_micros(self.round_trip_ms * 500);
        Conditions { loss: self.loss, delay, ..Conditions::default() }
    }

    fn title(self) -> String {
        format!("{} ms, {} % lost", self.round_trip_ms, self.loss * 100.0)
    }
}

/// What one subject did on one way: Mbit/s up and down, by round.
#[derive(Debug, Default)]
struct Cell {
    up: Vec<f64>,
    down: Vec<f64>,
    failure: Option<String>,
}

/// Runs everything and writes the report; false when something that is here could not be measured.
///
/// # Errors
/// When the report cannot be written.
pub(crate) fn run(plan: &Plan, out: &Path) -> Result<bool> {
    let machine = machine::describe();
    let began = Instant::now();
    let ways = plan.ways();
    let mut rows: Vec<(Subject, Vec<Cell>)> =
        plan.only.iter().map(|&subject| (subject, ways.iter().map(|_| Cell::default()).collect())).collect();
    for round in 0..plan.rounds {
        for (index, way) in ways.iter().enumerate() {
            say(&format!("\n{}, round {}", way.title(), round + 1));
            for (subject, cells) in &mut rows {
                let Some(cell) = cells.get_mut(index).filter(|cell| cell.failure.is_none()) else { continue };
                if let Some(missing) = subject.missing().first() {
                    cell.failure = Some(format!("missing: {missing}"));
                    continue;
                }
                match turn(*subject, *way, plan.seconds) {
                    Ok((up, down)) => {
                        say(&format!("  {:<40} up {up:.1}  down {down:.1} Mbit/s", subject.title()));
                        cell.up.push(up);
                        cell.down.push(down);
                    }
                    Err(error) => {
                        say(&format!("  {:<40} failed: {error:#}", subject.title()));
                        cell.failure = Some(format!("failed: {error:#}"));
                    }
                }
            }
        }
    }
    let took = began.elapsed().as_secs();
    let text = format!(
        "Mbit/s of one TCP stream through the tunnel, up / down, {} s each, medians of {} rounds; both directions lose the \
         same share of packets; {took} s in all, {}\n{}\n\n{}{}",
        plan.seconds,
        plan.rounds,
        machine["date"].as_str().unwrap_or_default(),
        machine::in_words(&machine),
        table(&ways, &rows),
        notes(&rows),
    );
    machine::save(out, "link", &machine, &text, &report(plan, &machine, &ways, &rows, took))
        .with_context(|| out.display().to_string())?;
    let failed = |cell: &Cell| cell.failure.as_ref().is_some_and(|failure| failure.starts_with("failed"));
    Ok(!rows.iter().any(|(_, cells)| cells.iter().any(failed)))
}

/// One subject on one way, in a lab of its own: Mbit/s (up, down).
fn turn(subject: Subject, way: Way, seconds: u32) -> Result<(f64, f64)> {
    let mut site = Site::prepare(subject, Lab::far_away(way.conditions())?)?;
    site.start().context("start")?;
    site.sign_in().context("sign in")?;
    let rate = |direction| {
        Ok::<_, anyhow::Error>(stream(&site.lab, direction, 1, seconds, || Ok(()))?.0.gbit_s * 1e3)
    };
    let rates = (rate(Direction::Up)?, rate(Direction::Down)?);
    site.sign_out().context("sign out")?;
    site.stop().context("end")?;
    Ok(rates)
}

fn table(ways: &[Way], rows: &[(Subject, Vec<Cell>)]) -> String {
    let head =
        ["round trip, loss".to_owned()].into_iter().chain(rows.iter().map(|(subject, _)| subject.title()));
    let mut lines = vec![head.collect::<Vec<_>>()];
    for (index, way) in ways.iter().enumerate() {
        let cells = rows.iter().map(|(_, cells)| {
            let medians = cells.get(index).map(|cell| (median(cell.up.clone()), median(cell.down.clone())));
            match medians {
                Some((Some(up), Some(down))) => format!("{up:.1} / {down:.1}"),
                _ => "–".to_owned(),
            }
        });
        lines.push([way.title()].into_iter().chain(cells).collect());
    }
    pipe_table(&lines)
}

/// What is missing or failed, once for each reason.
fn notes(rows: &[(Subject, Vec<Cell>)]) -> String {
    let mut notes = String::new();
    for (subject, cells) in rows {
        let mut reasons: Vec<&String> = cells.iter().filter_map(|cell| cell.failure.as_ref()).collect();
        reasons.dedup();
        for reason in reasons {
            notes.push_str(&format!("\n- {}: {reason}", subject.title()));
        }
    }
    notes
}

fn report(plan: &Plan, machine: &Value, ways: &[Way], rows: &[(Subject, Vec<Cell>)], took: u64) -> Value {
    let subjects: Vec<Value> = rows
        .iter()
        .map(|(subject, cells)| {
            let of_way = |(way, cell): (&Way, &Cell)| {
                json!({
                    "loss": way.loss,
                    "round_trip_ms": way.round_trip_ms,
                    "up_mbit_s": cell.up,
                    "down_mbit_s": cell.down,
                    "failure": cell.failure,
                })
            };
            let measured: Vec<Value> = ways.iter().zip(cells).map(of_way).collect();
            json!({"name": subject.name(), "title": subject.title(), "measured": measured})
        })
        .collect();
    json!({
        "format": 1,
        "machine": machine,
        "rounds": plan.rounds,
        "transfer_seconds": plan.seconds,
        "took_seconds": took,
        "subjects": subjects,
    })
}
