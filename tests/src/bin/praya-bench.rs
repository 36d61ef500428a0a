//! `cargo xtask bench`: the stock programs and ours side by side on this machine, in every combination.
//!
//! Usage: `praya-bench [desktop] [--quick] [--out FOLDER]`; with `desktop`, the desktop app instead. The programs under
//! test come from `PRAYA_BIN_DIR`.

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
    let wish = parse(std::env::args().skip(1))?;
    if let Some(code) = praya_testkit::privilege::ensure()? {
        return Ok(u8::try_from(code).unwrap_or(1));
    }
    if wish.desktop {
        bench::desktop::run(&bench::desktop::Plan::new(wish.quick, wish.out))?;
        return Ok(0);
    }
    let plan = if wish.quick { Plan::quick() } else { Plan::full() };
    Ok(u8::from(!bench::run(&Options { plan, out: wish.out })?))
}

/// The command line.
struct Wish {
    desktop: bool,
    quick: bool,
    out: PathBuf,
}

fn parse(words: impl Iterator<Item = String>) -> Result<Wish> {
    let mut wish = Wish { desktop: false, quick: false, out: PathBuf::from("target/bench") };
    let mut words = words;
    while let Some(word) = words.next() {
        match word.as_str() {
            "desktop" => wish.desktop = true,
            "--quick" => wish.quick = true,
            "--out" => match words.next() {
                Some(folder) => wish.out = PathBuf::from(folder),
                None => bail!("--out needs a folder"),
            },
            _ => bail!("{word}: unknown; usage: praya-bench [desktop] [--quick] [--out FOLDER]"),
        }
    }
    Ok(wish)
}
