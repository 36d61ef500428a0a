//! `cargo xtask bench …`: what the tunnel, the gateway and the desktop app cost on this machine.
//!
//! The programs under test come from `PRAYA_BIN_DIR`.

#[path = "../bench/mod.rs"]
mod bench;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use bench::tunnel::subject::Subject;
use bench::{desktop, gateway, link, say, tunnel};

const USAGE: &str = "usage: praya-bench tunnel|link|gateway|desktop [--quick] [--rounds N] [--profile] [--only NAME,…] [--out FOLDER]";

fn main() -> ExitCode {
    match start() {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            say(&format!("praya-bench: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn start() -> Result<u8> {
    let wish = Wish::parse(std::env::args().skip(1))?;
    if let Some(code) = praya_testkit::privilege::ensure()? {
        return Ok(u8::try_from(code).unwrap_or(1));
    }
    let complete = match wish.what.as_str() {
        "desktop" => {
            desktop::run(&desktop::Plan::new(wish.quick, wish.out))?;
            true
        }
        "gateway" => {
            let plan = if wish.quick { gateway::Plan::quick() } else { gateway::Plan::full() };
            gateway::run(&plan, &wish.out)?;
            true
        }
        "tunnel" => {
            let mut plan = if wish.quick { tunnel::Plan::quick() } else { tunnel::Plan::full() };
            plan.rounds = wish.rounds.unwrap_or(plan.rounds);
            plan.only = wish.subjects()?.unwrap_or(plan.only);
            plan.profile = wish.profile.then(|| wish.out.clone());
            tunnel::run(&plan, &wish.out)?
        }
        "link" => {
            let mut plan = if wish.quick { link::Plan::quick() } else { link::Plan::full() };
            plan.rounds = wish.rounds.unwrap_or(plan.rounds);
            plan.only = wish.subjects()?.unwrap_or(plan.only);
            link::run(&plan, &wish.out)?
        }
        other => bail!("{other}: unknown; {USAGE}"),
    };
    Ok(u8::from(!complete))
}

/// The command line.
struct Wish {
    what: String,
    quick: bool,
    rounds: Option<usize>,
    only: Option<String>,
    profile: bool,
    out: PathBuf,
}

impl Wish {
    fn parse(mut words: impl Iterator<Item = String>) -> Result<Self> {
        let what = words.next().context(USAGE)?;
        let out = PathBuf::from("target/bench");
        let mut wish = Self { what, quick: false, rounds: None, only: None, profile: false, out };
        while let Some(word) = words.next() {
            let mut value = || words.next().with_context(|| format!("{word} needs a value"));
            match word.as_str() {
                "--quick" => wish.quick = true,
                "--rounds" => wish.rounds = Some(value()?.parse().context("--rounds needs a number")?),
                "--profile" => wish.profile = true,
                "--only" => wish.only = Some(value()?),
                "--out" => wish.out = PathBuf::from(value()?),
                _ => bail!("{word}: unknown; {USAGE}"),
            }
        }
        Ok(wish)
    }

    /// The subjects that were asked for, in the order of the report.
    fn subjects(&self) -> Result<Option<Vec<Subject>>> {
        let Some(only) = &self.only else { return Ok(None) };
        let wanted: Vec<&str> = only.split(',').collect();
        for name in &wanted {
            let known: Vec<&str> = Subject::ALL.iter().map(|&(_, name)| name).collect();
            Subject::named(name)
                .with_context(|| format!("{name}: unknown; there are {}", known.join(", ")))?;
        }
        let chosen = Subject::ALL.into_iter().filter(|(_, name)| wanted.contains(name));
        Ok(Some(chosen.map(|(subject, _)| subject).collect()))
    }
}
