//! The results: tables for people, JSON for programs.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use serde_json::{Map, Value, json};

use super::Plan;
use super::goals::{self, GOALS, Goal, Reached, Than};
use super::metric::{COLUMNS, Metric, Sample};
use super::subject::Subject;
use crate::bench::stats::median;
use crate::bench::table::pipe_table;
use crate::bench::{machine, say};

/// What became of one subject.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) subject: Subject,
    /// What is not here.
    pub(super) missing: Vec<String>,
    /// Why it could not be measured, or not to the end.
    pub(super) failure: Option<String>,
    /// How the last tunnel was made.
    pub(super) made: String,
    /// By round, from 0.
    pub(super) samples: BTreeMap<usize, Sample>,
}

impl Outcome {
    pub(super) fn new(subject: Subject) -> Self {
        Self { subject, missing: vec![], failure: None, made: String::new(), samples: BTreeMap::new() }
    }

    pub(super) fn fail(&mut self, error: &anyhow::Error) {
        let failure = format!("{error:#}");
        say(&format!("  {:<40} failed: {failure}", self.subject.title()));
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
        match (&self.failure, self.missing.is_empty(), self.samples.is_empty()) {
            (Some(_), ..) => "failed",
            (None, false, _) => "missing",
            (None, true, true) => "no turn",
            (None, true, false) => "measured",
        }
    }
}

/// Everything that one run found out.
pub(super) struct Report<'a> {
    pub(super) plan: &'a Plan,
    /// Rounds that were run.
    pub(super) rounds: usize,
    pub(super) took: Duration,
    pub(super) outcomes: Vec<Outcome>,
    pub(super) machine: Value,
}

impl Report<'_> {
    /// Whether everything that is here was measured.
    pub(super) fn is_complete(&self) -> bool {
        self.outcomes.iter().all(|outcome| outcome.failure.is_none())
    }

    /// Prints the tables and saves them with the JSON.
    ///
    /// # Errors
    /// When the folder is not writable.
    pub(super) fn write(&self, folder: &Path) -> Result<()> {
        machine::save(folder, "tunnel", &self.machine, &self.text(), &self.json())
    }

    fn of(&self, subject: Subject) -> Option<&Outcome> {
        self.outcomes.iter().find(|outcome| outcome.subject == subject)
    }

    fn text(&self) -> String {
        let mut text = String::new();
        let mut line = |words: String| {
            text.push_str(&words);
            text.push('\n');
        };
        line(format!(
            "Medians of {} rounds, up / down, streams of {} s; {} s in all, {}",
            self.rounds,
            self.plan.seconds,
            self.took.as_secs(),
            self.machine["date"].as_str().unwrap_or_default()
        ));
        line(machine::in_words(&self.machine));
        line(String::new());
        line(self.table(Outcome::median, |decimals| decimals));
        if let Some(stock) = self.of(Subject::STOCK).filter(|stock| !stock.samples.is_empty()) {
            line(format!("Ratios to {}, medians of the rounds' own ratios", stock.subject.title()));
            line(String::new());
            line(self.table(|outcome, metric| outcome.ratio(stock, metric), |_| 2));
        }
        line("What is to be reached\n".to_owned());
        line(self.goals());
        for outcome in self.outcomes.iter().filter(|outcome| !outcome.made.is_empty()) {
            line(format!("- {}: {}", outcome.subject.title(), outcome.made));
        }
        for outcome in self.outcomes.iter().filter(|outcome| !outcome.missing.is_empty()) {
            line(format!("- {}: missing {}", outcome.subject.title(), outcome.missing.join(", ")));
        }
        for outcome in &self.outcomes {
            if let Some(failure) = &outcome.failure {
                line(format!("- {}: failed: {failure}", outcome.subject.title()));
            }
        }
        text
    }

    fn table(
        &self,
        value: impl Fn(&Outcome, Metric) -> Option<f64>,
        decimals: impl Fn(usize) -> usize,
    ) -> String {
        let titles = COLUMNS.iter().map(|column| column.title.to_owned());
        let mut rows = vec![["tunnel".to_owned()].into_iter().chain(titles).collect::<Vec<_>>()];
        for outcome in &self.outcomes {
            let cells = COLUMNS.iter().map(|column| {
                let numbers = column.metrics.iter().map(|&metric| match value(outcome, metric) {
                    Some(number) => format!("{number:.*}", decimals(column.decimals)),
                    None => "–".to_owned(),
                });
                let numbers: Vec<String> = numbers.collect();
                match outcome.samples.is_empty() {
                    true => outcome.state().to_owned(),
                    false if numbers.iter().all(|number| number == "–") => "–".to_owned(),
                    false => numbers.join(" / "),
                }
            });
            rows.push([outcome.subject.title()].into_iter().chain(cells).collect());
        }
        pipe_table(&rows)
    }

    fn goals(&self) -> String {
        let mut rows = vec![["what", "must", "goal", "measured", "reached"].map(str::to_owned).to_vec()];
        for goal in GOALS {
            let values: Option<Vec<f64>> =
                goal.metrics.iter().map(|&metric| self.standing(goal, metric)).collect();
            let worst = values
                .as_ref()
                .and_then(|values| values.iter().copied().reduce(|one, other| goal.worse(one, other)));
            let measured = values.map_or("–".to_owned(), |values| {
                values.iter().map(|value| format!("{value:.2}")).collect::<Vec<_>>().join(" / ")
            });
            let reached = match worst.map(|worst| goal.judge(worst)) {
                Some(Reached::Goal) => "goal",
                Some(Reached::Must) => "must",
                Some(Reached::No) => "no",
                None => "not measured",
            };
            let (must, mark) = (goal.must.to_string(), goal.goal.to_string());
            rows.push(vec![goal.what.to_owned(), must, mark, measured, reached.to_owned()]);
        }
        pipe_table(&rows)
    }

    /// The median over the rounds of the best own value against the best of the others in the same round.
    fn standing(&self, goal: &Goal, metric: Metric) -> Option<f64> {
        let best = |names: &'static [&'static str], round: usize| {
            goals::subjects(names)
                .filter_map(|subject| self.of(subject)?.samples.get(&round)?.get(&metric).copied())
                .reduce(|one, other| goal.better(one, other))
        };
        let of_round = |round: usize| {
            let own = best(goal.own, round)?;
            match goal.than {
                Than::Itself => Some(own),
                Than::BestOf(names) => {
                    best(names, round).filter(|&other| other > 0.0).map(|other| own / other)
                }
            }
        };
        median((0..self.rounds).filter_map(of_round))
    }

    fn json(&self) -> Value {
        let stock = self.of(Subject::STOCK);
        let subjects: Vec<Value> = self
            .outcomes
            .iter()
            .map(|outcome| {
                let named = |value: &dyn Fn(Metric) -> Option<f64>| -> Map<String, Value> {
                    let entry = |&metric: &Metric| Some((metric.key().to_owned(), json!(value(metric)?)));
                    Metric::ALL.iter().filter_map(entry).collect()
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
                    "name": outcome.subject.name(),
                    "title": outcome.subject.title(),
                    "state": outcome.state(),
                    "missing": outcome.missing,
                    "failure": outcome.failure,
                    "made": outcome.made,
                    "medians": named(&|metric| outcome.median(metric)),
                    "ratios_to_stock": named(&|metric| outcome.ratio(stock?, metric)),
                    "rounds": rounds,
                })
            })
            .collect();
        let goals: Vec<Value> = GOALS
            .iter()
            .map(|goal| {
                let measured: Vec<_> =
                    goal.metrics.iter().map(|&metric| self.standing(goal, metric)).collect();
                json!({"what": goal.what, "must": goal.must, "goal": goal.goal, "measured": measured})
            })
            .collect();
        json!({
            "format": 2,
            "machine": self.machine,
            "rounds": self.rounds,
            "transfer_seconds": self.plan.seconds,
            "took_seconds": self.took.as_secs(),
            "subjects": subjects,
            "goals": goals,
        })
    }
}

/// One turn on one line.
pub(super) fn short(sample: &Sample) -> String {
    let mut text = String::new();
    let of_interest = [
        ("up", Metric::Up),
        ("down", Metric::Down),
        ("kpps64", Metric::Small64Up),
        ("idle", Metric::RttIdle),
        ("narrow", Metric::NarrowRttUp),
        ("cpu", Metric::Cpu),
    ];
    for (name, metric) in of_interest {
        if let Some(value) = sample.get(&metric) {
            // Writing to a string does not fail.
            let _ = write!(text, "{name} {value:.2}  ");
        }
    }
    text.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(name: &str, values: &[(usize, f64)]) -> Outcome {
        let sample = |value| Sample::from([(Metric::Up, value), (Metric::Down, value)]);
        let samples = values.iter().map(|&(round, value)| (round, sample(value))).collect();
        Outcome { samples, ..Outcome::new(Subject::named(name).unwrap()) }
    }

    fn report(plan: &Plan, outcomes: Vec<Outcome>) -> Report<'_> {
        Report { plan, rounds: 3, took: Duration::from_secs(5), outcomes, machine: json!({}) }
    }

    #[test]
    fn a_ratio_is_the_median_of_the_rounds_that_both_have() {
        let stock = outcome("stock-tls", &[(0, 1.0), (1, 2.0), (2, 10.0)]);
        // The machine got ten times faster in the last round, for both.
        let own = outcome("praya-tls", &[(0, 2.0), (1, 4.0), (2, 30.0), (3, 9.0)]);
        assert_eq!(own.ratio(&stock, Metric::Up), Some(2.0));
        assert_eq!(own.ratio(&stock, Metric::RttIdle), None);
    }

    #[test]
    fn a_table_names_what_is_missing_and_judges_what_was_measured() {
        let plan = Plan::quick();
        let mut missing = Outcome::new(Subject::named("openvpn").unwrap());
        missing.missing = vec!["openvpn (package openvpn)".into()];
        let stock = outcome("stock-tls", &[(0, 0.9), (1, 1.0), (2, 1.0)]);
        let own = outcome("praya-tls", &[(0, 9.0), (1, 9.0), (2, 9.0)]);
        let report = report(&plan, vec![outcome("none", &[(0, 40.0)]), stock, own, missing]);
        let text = report.text();
        assert!(text.contains("missing openvpn (package openvpn)"), "{text}");
        let line = text.lines().find(|line| line.contains("ocserv TLS, one stream")).unwrap();
        assert!(line.contains("9.00 / 9.00") && line.contains("must"), "{line}");
        assert!(text.contains("not measured"), "{text}");
        assert!(report.is_complete(), "what is not installed is no failure");
        assert_eq!(report.json()["subjects"][3]["state"], "missing");
    }
}
