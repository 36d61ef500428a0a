//! `cargo xtask bench`: the stock programs and ours side by side on this machine, in every combination.
//!
//! Usage: `praya-bench [--quick] [--out FOLDER]`; the programs under test come from `PRAYA_BIN_DIR`.

#[path = "../bench/mod.rs"]
mod bench;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, bail};
use bench::{Options, Plan, say};

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
    let options = parse(std::env::args().skip(1))?;
    if let Some(code) = praya_testkit::privilege::ensure()? {
        return Ok(u8::try_from(code).unwrap_or(1));
    }
    Ok(u8::from(!bench::run(&options)?))
}

fn parse(words: impl Iterator<Item = String>) -> Result<Options> {
    let mut options = Options { plan: Plan::full(), out: PathBuf::from("target/bench") };
    let mut words = words;
    while let Some(word) = words.next() {
        match word.as_str() {
            "--quick" => options.plan = Plan::quick(),
            "--out" => match words.next() {
                Some(folder) => options.out = PathBuf::from(folder),
                None => bail!("--out needs a folder"),
            },
            _ => bail!("{word}: unknown; usage: praya-bench [--quick] [--out FOLDER]"),
        }
    }
    Ok(options)
}
