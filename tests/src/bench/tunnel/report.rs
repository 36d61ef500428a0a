//! The results: a table for people, JSON for programs.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use serde_json::{Map, Value, json};

use super::idle::Idle;
use super::metric::{Metric, Sample, median};
use super::pair::Pair;
use super::{Plan, say};

/// Above this share of the processors' time in other hands before the run, the numbers are not worth keeping.
const QUIET: f64 = 0.1;

/// What became of one pair.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) pair: Pair,
    /// Programs that are not installed.
    pub(crate) missing: Vec<String>,
    /// Why it could not be measured, or not to the end.
    pub(crate) failure: Option<String>,
    /// How the last tunnel was made.
    pub(crate) channel: String,
    /// By round, from 0.
    pub(crate) samples: BTreeMap<usize, Sample>,
}

impl Outcome {
    pub(crate) fn new(pair: Pair) -> Self {
        Self { pair, missing: vec![], failure: None, channel: String::new(), samples: BTreeMap::new() }
    }

    pub(crate) fn fail(&mut self, error: &anyhow::Error) {
        let failure = format!("{error:#}");
        say(&format!("  {:<32} failed: {failure}", self.pair.title()));
        self.failure = Some(failure);
    }

    fn median(&self, metric: Metric) -> Option<f64> {
        median(self.samples.values().filter_map(|sample| sample.get(&metric).copied()))
    }

    /// The median of the ratios of the rounds in which both were measured.
    fn ratio(&self, stock: &Self, metric: Metric) -> Option<f64> {
        let of_round = |(round, sample): (&usize, &Sample)| {
            let own = *sample.get(&metric)?;
            let other = *stock.samples.get(round)?.get(&metric)?;
            (other > 0.0).then_some(own / other)
        };
        median(self.samples.iter().filter_map(of_round))
    }

    fn state(&self) -> &'static str {
        match (&self.failure, self.missing.is_empty()) {
            (Some(_), _) => "failed",
            (None, false) => "missing",
            (None, true) => "measured",
        }
    }
}

/// Everything that one run found out.
pub(crate) struct Report<'a> {
    pub(crate) plan: &'a Plan,
    /// Rounds that were run.
    pub(crate) rounds: usize,
    pub(crate) took: Duration,
    pub(crate) outcomes: Vec<Outcome>,
    /// Idle sessions at our gateway, where it is one of the peers.
    pub(crate) idle: Option<Result<Idle, String>>,
    pub(crate) machine: Value,
}

impl Report<'_> {
    /// Whether everything that is installed was measured.
    pub(crate) fn is_complete(&self) -> bool {
        self.outcomes.iter().all(|outcome| outcome.failure.is_none()) && !matches!(self.idle, Some(Err(_)))
    }

    /// Prints the table and saves it with the JSON, once under the run's date and once as `latest`.
    ///
    /// # Errors
    /// When the folder is not writable.
    pub(crate) fn write(&self, folder: &Path) -> Result<()> {
        let text = self.text();
        let json = serde_json::to_string_pretty(&self.json())? + "\n";
        fs::create_dir_all(folder)?;
        let date: String = self.date().chars().filter(char::is_ascii_digit).collect();
        for name in ["latest", &format!("bench-{date}")] {
            fs::write(folder.join(name).with_extension("txt"), &text)?;
            fs::write(folder.join(name).with_extension("json"), &json)?;
        }
        say(&format!("\n{text}"));
        say(&format!("saved as {}", folder.join("latest.txt").display()));
        Ok(())
    }

    fn date(&self) -> &str {
        self.machine["date"].as_str().unwrap_or_default()
    }

    fn stock(&self) -> Option<&Outcome> {
        self.outcomes.iter().find(|outcome| outcome.pair == Pair::STOCK)
    }

    fn text(&self) -> String {
        let mut text = String::new();
        let mut line = |words: String| {
            text.push_str(&words);
            text.push('\n');
        };
        line(format!(
            "Medians of {} rounds, one TCP stream, {} s each way in every round; {} s in all, {}",
            self.rounds,
            self.plan.seconds,
            self.took.as_secs(),
            self.date()
        ));
        line(self.machine_line());
        if let Some(busy) = self.machine["busy_before"].as_f64().filter(|&busy| busy > QUIET) {
            line(format!(
                "The machine was busy with something else before the run ({:.0} %); repeat it on a quiet one.",
                busy * 100.0
            ));
        }
        line(String::new());
        line(self.table(Outcome::median, |metric| metric.facts().decimals));
        if let Some(stock) = self.stock().filter(|stock| !stock.samples.is_empty()) {
            line(format!("Ratios to {}, medians of the rounds' own ratios", stock.pair.title()));
            line(String::new());
            line(self.table(|outcome, metric| outcome.ratio(stock, metric), |_| 2));
        }
        for outcome in self.outcomes.iter().filter(|outcome| !outcome.channel.is_empty()) {
            line(format!("{}: {}", outcome.pair.title(), outcome.channel));
        }
        for outcome in self.outcomes.iter().filter(|outcome| !outcome.missing.is_empty()) {
            line(format!("{}: missing {}", outcome.pair.title(), outcome.missing.join(", ")));
        }
        for outcome in &self.outcomes {
            if let Some(failure) = &outcome.failure {
                line(format!("{}: failed: {failure}", outcome.pair.title()));
            }
        }
        match &self.idle {
            Some(Ok(idle)) => line(format!(
                "praya-gateway: {:.1} KiB for each of {} idle sessions",
                idle.kib_each,
                idle.readings.last().map_or(0, |(sessions, _)| *sessions)
            )),
            Some(Err(failure)) => line(format!("praya-gateway, idle sessions: failed: {failure}")),
            None => {}
        }
        text
    }

    fn machine_line(&self) -> String {
        let value = |name: &str| self.machine[name].as_str().unwrap_or_default().to_owned();
        format!(
            "{} × {}, {} MiB, {}, Linux {}; {}; {}; {}; {} ({})",
            self.machine["processors"],
            value("processor"),
            self.machine["memory_mib"],
            value("system"),
            value("kernel"),
            value("openconnect"),
            value("ocserv"),
            value("iperf3"),
            value("praya"),
            value("commit"),
        )
    }

    fn table(
        &self,
        value: impl Fn(&Outcome, Metric) -> Option<f64>,
        decimals: impl Fn(Metric) -> usize,
    ) -> String {
        let mut rows = vec![vec!["client → gateway".to_owned()]];
        if let Some(titles) = rows.first_mut() {
            titles.extend(Metric::SHOWN.iter().map(|metric| metric.facts().title.to_owned()));
        }
        for outcome in &self.outcomes {
            let cell = |metric: &Metric| match value(outcome, *metric) {
                Some(number) => format!("{number:.*}", decimals(*metric)),
                None if outcome.samples.is_empty() => outcome.state().to_owned(),
                None => "–".to_owned(),
            };
            rows.push([outcome.pair.title()].into_iter().chain(Metric::SHOWN.iter().map(cell)).collect());
        }
        pipe_table(&rows)
    }

    fn json(&self) -> Value {
        let stock = self.stock();
        let pairs: Vec<Value> = self
            .outcomes
            .iter()
            .map(|outcome| {
                let named = |value: &dyn Fn(Metric) -> Option<f64>| -> Map<String, Value> {
                    let entry = |metric: Metric| Some((metric.facts().key.to_owned(), json!(value(metric)?)));
                    Metric::ALL.into_iter().filter_map(entry).collect()
                };
                let rounds: Vec<_> = outcome
                    .samples
                    .iter()
                    .map(|(round, sample)| {
                        let mut values = named(&|metric| sample.get(&metric).copied());
                        values.insert("round".into(), json!(round + 1));
                        values
                    })
                    .collect();
                json!({
                    "pair": outcome.pair.title(),
                    "state": outcome.state(),
                    "missing": outcome.missing,
                    "failure": outcome.failure,
                    "channel": outcome.channel,
                    "medians": named(&|metric| outcome.median(metric)),
                    "ratios_to_stock": named(&|metric| outcome.ratio(stock?, metric)),
                    "rounds": rounds,
                })
            })
            .collect();
        let idle = match &self.idle {
            Some(Ok(idle)) => json!({"readings": idle.readings, "kib_each": idle.kib_each}),
            Some(Err(failure)) => json!({"failure": failure}),
            None => Value::Null,
        };
        json!({
            "format": 1,
            "machine": self.machine,
            "rounds": self.rounds,
            "transfer_seconds": self.plan.seconds,
            "took_seconds": self.took.as_secs(),
            "pairs": pairs,
            "gateway_idle_sessions": idle,
        })
    }
}

/// One turn on one line.
pub(crate) fn short(sample: &Sample) -> String {
    let mut text = String::new();
    for metric in [Metric::Up, Metric::Down, Metric::RttIdle, Metric::RttUp, Metric::Cpu, Metric::SignIn] {
        let facts = metric.facts();
        if let Some(value) = sample.get(&metric) {
            // Writing to a string does not fail.
            let _ = write!(text, "{} {value:.*}  ", facts.title, facts.decimals);
        }
    }
    text.trim_end().to_owned()
}

/// A table that is readable as it is and in Markdown. The first row is the head, the first column is text.
fn pipe_table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let cell = |row: &Vec<String>, column: usize| row.get(column).cloned().unwrap_or_default();
    let width =
        |column: usize| rows.iter().map(|row| cell(row, column).chars().count()).max().unwrap_or(0).max(3);
    let mut text = String::new();
    for (number, row) in rows.iter().enumerate() {
        for column in 0..columns {
            let (cell, width) = (cell(row, column), width(column));
            // Writing to a string does not fail.
            let _ = if column == 0 {
                write!(text, "| {cell:<width$} ")
            } else {
                write!(text, "| {cell:>width$} ")
            };
        }
        text.push_str("|\n");
        if number == 0 {
            for column in 0..columns {
                let dashes = "-".repeat(width(column));
                let _ = if column == 0 { write!(text, "| {dashes} ") } else { write!(text, "|{dashes}-:") };
            }
            text.push_str("|\n");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(pair: Pair, ups: &[(usize, f64)]) -> Outcome {
        let samples = ups.iter().map(|&(round, up)| (round, Sample::from([(Metric::Up, up)]))).collect();
        Outcome { samples, ..Outcome::new(pair) }
    }

    #[test]
    fn a_ratio_is_the_median_of_the_rounds_that_both_have() {
        let [_, stock, own, ..] = Pair::ALL;
        let stock = outcome(stock, &[(0, 1.0), (1, 2.0), (2, 10.0)]);
        // The machine got ten times faster in the last round, for both.
        let own = outcome(own, &[(0, 2.0), (1, 4.0), (2, 30.0), (3, 9.0)]);
        assert_eq!(own.ratio(&stock, Metric::Up), Some(2.0));
        assert_eq!(own.ratio(&stock, Metric::Down), None);
    }

    #[test]
    fn a_table_is_aligned_and_names_what_is_missing() {
        let [none, stock, own, ..] = Pair::ALL;
        let plan = Plan::quick();
        let mut missing = Outcome::new(own);
        missing.missing = vec!["praya-gateway (not built)".into()];
        let report = Report {
            plan: &plan,
            rounds: 1,
            took: Duration::from_secs(5),
            outcomes: vec![outcome(none, &[(0, 40.0)]), outcome(stock, &[(0, 0.9)]), missing],
            idle: None,
            machine: json!({}),
        };
        let text = report.text();
        let widths: Vec<usize> =
            text.lines().filter(|line| line.starts_with('|')).map(|line| line.chars().count()).collect();
        assert_eq!(widths.len(), 10);
        assert!(widths.iter().all(|&width| Some(&width) == widths.first() || width < 200), "{text}");
        assert!(text.contains("| openconnect → praya-gateway |   missing |"), "{text}");
        assert!(text.contains("missing praya-gateway (not built)"), "{text}");
        assert!(text.contains("44.44"), "{text}");
        assert!(report.is_complete(), "what is not installed is no failure");
        assert_eq!(report.json()["pairs"][2]["state"], "missing");
    }
}
