//! `cargo xtask …`: everything a person does with this workspace, one word each.

mod cross;
mod docs;
mod licences;
mod node;
mod packages;
mod peers;
mod run;
mod steps;
mod texts;
mod third_party;
mod window;

use std::process::ExitCode;

use anyhow::{Result, bail};
use packages::Need;
use run::{Cargo, tool_exists};
use steps::Steps;

const USAGE: &str = "\
cargo xtask <command>

  demo [--keep]   the whole product in three network namespaces on this machine, from the first sign-in to logout; it
                  ends in the window of the desktop app, or, without a display, in pictures of it in target/demo;
                  --keep stops before the end so that you can try it by hand
  test [FILTER]   everything that must be true: what `lint` checks, unit tests, end-to-end suites; FILTER picks
                  end-to-end tests by name and runs only those
  lint            format, documents, texts in every language, licences, lints, fuzz targets
  licences        write the list of what others wrote and the programs contain, with its licence texts, anew:
                  installers/THIRD-PARTY.txt; needed when a dependency has changed, and `lint` says so
  bench tunnel [--quick] [--rounds N] [--only NAME,…] [--profile]
                  the tunnel side by side with openconnect and ocserv, OpenVPN, WireGuard and no tunnel: throughput,
                  small packets, delay, processor time, memory; 25 minutes, with --quick under three; results in
                  target/bench
  bench link [--quick] [--rounds N] [--only NAME,…]
                  throughput over a long way, for several losses and delays
  bench gateway [--quick]
                  what thousands of sessions cost the gateway, and what floods do to them
  bench desktop [--quick]
                  how long the desktop app takes to show the resources, and its memory after ten idle minutes
  cross           what is written for Windows and macOS: compiled and linted, and for Windows run under Wine, each if what
                  it takes is installed; otherwise it says what is missing
  window          only build the files that the desktop app is built around, into ui/dist
  setup           only install the packages that `demo`, `test` and `bench` need
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match words.as_slice() {
        ["demo"] => demo(&[]),
        ["demo", "--keep"] => demo(&["--keep"]),
        ["test"] => test(None),
        ["test", filter] if !filter.starts_with('-') => test(Some(filter)),
        ["lint"] => lint(),
        ["licences"] => licences(),
        ["bench"] => bench("tunnel", &[]),
        ["bench", "--quick"] => bench("tunnel", &["--quick"]),
        ["bench", what @ ("tunnel" | "link" | "gateway" | "desktop"), flags @ ..] => bench(what, flags),
        ["cross"] => cross(),
        ["window"] => window(),
        ["setup"] => setup(),
        [] | ["help" | "--help" | "-h"] => {
            steps::say(USAGE);
            return ExitCode::SUCCESS;
        }
        _ => {
            steps::say(&format!("cargo xtask {}: there is no such command\n\n{USAGE}", words.join(" ")));
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            steps::say(&format!("\nstopped: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn setup() -> Result<()> {
    let mut steps = Steps::new("setup", 1);
    steps.run("packages", || packages::ensure(&[Need::Build, Need::Demo, Need::Test, Need::Bench]))?;
    steps.finish();
    Ok(())
}

fn licences() -> Result<()> {
    let mut steps = Steps::new("licences", 2);
    steps.run("packages", || packages::ensure(&[Need::Build]).and_then(|()| window::packages()))?;
    steps.run("list", || third_party::write(&run::workspace()?))?;
    steps.finish();
    Ok(())
}

fn cross() -> Result<()> {
    let mut steps = Steps::new("cross", cross::STEPS.len());
    let mut left_out = Vec::new();
    for (name, step) in cross::STEPS {
        let mut done = false;
        steps.run(name, || step().map(|could| done = could))?;
        if !done {
            left_out.push(name);
        }
    }
    steps.finish();
    if !left_out.is_empty() {
        steps::say(&format!("left out here, for what is said above: {}", left_out.join("; ")));
    }
    Ok(())
}

fn window() -> Result<()> {
    let mut steps = Steps::new("window", 2);
    steps.run("packages", || packages::ensure(&[Need::Build]))?;
    steps.run("window", window::build)?;
    steps.finish();
    Ok(())
}

fn demo(flags: &[&str]) -> Result<()> {
    let mut steps = Steps::new("demo", 4);
    steps.run("packages", || packages::ensure(&[Need::Build, Need::Demo]))?;
    steps.run("window", window::build)?;
    steps.run("build", || {
        Cargo::new("build")
            .packages(&["praya-gateway", "praya-service", "praya-cli", "praya-app", "praya-tests"])
            .arg("--bins")
            .run()
    })?;
    steps.run("walk through", || {
        let pictures = run::target_folder()?.join("demo");
        run::built("praya-demo")?.args(flags).args(&["--pictures", &pictures.to_string_lossy()]).run()
    })?;
    steps.finish();
    Ok(())
}

fn test(filter: Option<&str>) -> Result<()> {
    let mut steps = Steps::new("test", if filter.is_some() { 4 } else { 6 + CHECKS });
    steps.run("packages", || packages::ensure(&[Need::Build, Need::Demo, Need::Test]))?;
    if filter.is_none() {
        checks(&mut steps)?;
        steps.run("window: tests", || window::script("test"))?;
        steps.run("window: accessibility", || window::script("axe"))?;
    } else {
        steps.run("window", window::build)?;
    }
    steps.run("build", || Cargo::new("build").arg("--workspace").arg("--bins").run())?;
    if filter.is_none() {
        steps.run("unit tests", || {
            Cargo::new("test").arg("--workspace").args(&["--exclude", "praya-tests"]).run()
        })?;
    }
    steps.run("end-to-end suites", || end_to_end(filter))?;
    steps.finish();
    Ok(())
}

/// The suites of `tests/`. Each test file is a program of its own and they run one after the other; two tests of
/// one file run at a time, because every test brings up machines of its own and small computers have two cores.
fn end_to_end(filter: Option<&str>) -> Result<()> {
    let mut cargo = Cargo::new("test").packages(&["praya-tests"]).arg("--no-fail-fast");
    if let Some(filter) = filter {
        cargo = cargo.arg(filter);
    }
    cargo.args(&["--", "--test-threads=2"]).env("PRAYA_BIN_DIR", &run::built_folder()?).run()
}

fn lint() -> Result<()> {
    let mut steps = Steps::new("lint", 1 + CHECKS);
    steps.run("packages", || packages::ensure(&[Need::Build]))?;
    checks(&mut steps)?;
    steps.finish();
    Ok(())
}

/// How many steps [`checks`] has.
const CHECKS: usize = 8;

/// What can be said without running anything.
fn checks(steps: &mut Steps) -> Result<()> {
    steps.run("format", format)?;
    steps.run("documents", || nothing_found(&docs::check(&run::workspace()?)?))?;
    steps.run("texts", || nothing_found(&texts::check(&run::workspace()?)?))?;
    steps.run("licences and sources of dependencies", || {
        nothing_found(&licences::check(&run::workspace()?)?)?;
        window::packages()?;
        nothing_found(&third_party::check(&run::workspace()?)?)?;
        if tool_exists("cargo-deny") {
            Cargo::new("deny").args(&["check", "licenses", "bans", "sources"]).run()?;
        }
        Ok(())
    })?;
    // The app is built around its window, and so are the lints of the app.
    steps.run("window", window::build)?;
    steps.run("window: types and lints", || window::script("check").and_then(|()| window::script("lint")))?;
    steps.run("lints", clippy)?;
    steps.run("fuzz targets", || {
        // They are a workspace of their own, because to run them takes another compiler; that they fit does not.
        Cargo::new("check")
            .args(&["--locked", "--manifest-path", "tests/fuzz/Cargo.toml", "--target-dir"])
            .arg(&run::target_folder()?.join("fuzz").to_string_lossy())
            .run()
    })
}

fn nothing_found(findings: &[String]) -> Result<()> {
    for finding in findings {
        steps::say(finding);
    }
    if findings.is_empty() { Ok(()) } else { bail!("{} findings", findings.len()) }
}

fn bench(what: &str, flags: &[&str]) -> Result<()> {
    let desktop = what == "desktop";
    let mut steps = Steps::new("bench", if desktop { 4 } else { 3 });
    steps.run("packages", || {
        packages::ensure(&[Need::Build, Need::Demo, Need::Test, Need::Bench])?;
        if what == "tunnel" {
            peers::ensure()?;
        }
        Ok(())
    })?;
    if desktop {
        steps.run("window", window::build)?;
    }
    steps.run("build, optimised", || {
        let mut cargo = Cargo::new("build")
            .arg("--release")
            .packages(&["praya-gateway", "praya-service", "praya-cli", "praya-tests"])
            .args(&["--bin", "praya-gateway", "--bin", "prayad", "--bin", "praya", "--bin", "praya-bench"]);
        if desktop {
            cargo = cargo.packages(&["praya-app"]).args(&["--bin", "praya-desktop"]);
        }
        cargo.run()
    })?;
    steps.run("measure", || {
        let folder = run::target_folder()?;
        let programs = folder.join("release");
        run::Program::new(&programs.join("praya-bench"))
            .args(&[what])
            .args(flags)
            .args(&["--out", &folder.join("bench").to_string_lossy()])
            .env("PRAYA_BIN_DIR", &programs)
            .also_in_path(&peers::folder()?)
            .run()
    })?;
    steps.finish();
    Ok(())
}

fn format() -> Result<()> {
    if !tool_exists("cargo-fmt") {
        bail!("rustfmt is missing: rustup component add rustfmt");
    }
    Cargo::new("fmt").args(&["--all", "--check"]).run()
}

fn clippy() -> Result<()> {
    if !tool_exists("cargo-clippy") {
        bail!("clippy is missing: rustup component add clippy");
    }
    Cargo::new("clippy").args(&["--workspace", "--all-targets", "--", "-D", "warnings"]).run()
}
