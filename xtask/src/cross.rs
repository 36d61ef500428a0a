//! `cargo xtask cross`: what is written for other systems, as far as this machine can tell: compiled, linted, and for
//! Windows run under Wine. What is not installed is not checked, and is said not to be.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::run::{Program, target_folder, tool_exists};
use crate::steps::say;

const WINDOWS: &str = "x86_64-pc-windows-gnu";
const MACOS: &str = "aarch64-apple-darwin";

/// The packages with code for these systems, as arguments of cargo.
const PACKAGES: &[&str] = &["--package", "praya-model", "--package", "praya-posture"];

/// The package whose library is meant for these systems and whose tests are not: they need Linux.
const LIBRARY: &str = "praya-datapath";

/// The registry that Wine is given.
const WORKSTATION: &str = "crates/posture/tests/fixtures/windows/workstation.reg";

/// Something to do; whether it could be done on this machine.
pub(crate) type Step = fn() -> Result<bool>;

/// All of it.
pub(crate) const STEPS: [(&str, Step); 3] =
    [("Windows", windows), ("Windows: tests under Wine", wine), ("macOS: compiled only", macos)];

/// Compiles and lints for Windows; whether that could be done here.
fn windows() -> Result<bool> {
    if !can_build_windows()? {
        return not(&format!("checked: it takes {FOR_WINDOWS}"));
    }
    lint(&cargo(), WINDOWS)
}

/// Compiles and lints for macOS; whether that could be done here. Nothing is linked: that takes Apple's own files.
fn macos() -> Result<bool> {
    let zig = "cargo-zigbuild";
    if !target_is_there(MACOS)? || !tool_exists(zig) {
        return not(&format!(
            "checked: it takes `rustup target add {MACOS}` and, as C compiler, zig with {zig}"
        ));
    }
    lint(Path::new(zig), MACOS)
}

/// Runs the tests as Windows programs; whether that could be done here.
fn wine() -> Result<bool> {
    // Debian's package keeps it out of the search path.
    let places = ["/usr/bin/wine64", "/usr/lib/wine/wine64"].map(Path::new);
    let Some(wine) = places.into_iter().find(|place| place.is_file()) else {
        return not("run: it takes the package wine64");
    };
    if !can_build_windows()? {
        return not(&format!("run: it takes {FOR_WINDOWS}"));
    }
    let prefix = target_folder()?.join("wine");
    std::fs::create_dir_all(&prefix).context("a folder for Wine")?;
    let under_wine = |program: Program| {
        let quiet = program.env("WINEPREFIX", &prefix).env("WINEDEBUG", Path::new("-all"));
        // With its debugger, a program that crashes has ended well.
        quiet.env("WINEDLLOVERRIDES", Path::new("winedbg.exe=d"))
    };
    under_wine(Program::new(wine).args(&["wineboot", "--init"])).run()?;
    under_wine(Program::new(wine).args(&["regedit", "/S", WORKSTATION])).run()?;
    STAND_INS.iter().try_for_each(|stand_in| stand_in.make(&prefix))?;
    let tests = Program::new(&cargo()).args(&["test", "--locked", "--target", WINDOWS]).args(PACKAGES);
    let tests = tests.args(&["--lib", "--test", "this_windows", "--test", "workstation"]);
    under_wine(for_windows(tests)).env("CARGO_TARGET_X86_64_PC_WINDOWS_GNU_RUNNER", wine).run()?;
    Ok(true)
}

const FOR_WINDOWS: &str = "`rustup target add x86_64-pc-windows-gnu` and the package mingw-w64";
const MINGW: &str = "x86_64-w64-mingw32-gcc";

fn can_build_windows() -> Result<bool> {
    Ok(target_is_there(WINDOWS)? && tool_exists(MINGW))
}

/// A library that Wine lacks, for the tests.
struct StandIn {
    name: &'static str,
    takes: &'static [&'static str],
}

const STAND_INS: [StandIn; 2] = [
    // Rust's programs want their random numbers from it; Wine has it since its version 9.
    StandIn { name: "bcryptprimitives", takes: &["-ladvapi32"] },
    // Security Center's own interface.
    StandIn { name: "wscapi", takes: &["-lole32", "-loleaut32", "-luuid"] },
];

impl StandIn {
    fn make(&self, prefix: &Path) -> Result<()> {
        let source = format!("tests/wine/{}.c", self.name);
        let library = prefix.join(format!("drive_c/windows/system32/{}.dll", self.name));
        let library = library.to_string_lossy();
        let compiler =
            Program::new(Path::new(MINGW)).args(&["-shared", "-O2", "-s", "-o", &library, &source]);
        compiler.args(self.takes).run()
    }
}

fn lint(cargo: &Path, target: &str) -> Result<bool> {
    let lints = Program::new(cargo).args(&["clippy", "--locked", "--target", target]).args(PACKAGES);
    for_windows(lints.args(&["--all-targets", "--", "-D", "warnings"])).run()?;
    let library = Program::new(cargo).args(&["clippy", "--locked", "--target", target, "--package", LIBRARY]);
    for_windows(library.args(&["--lib", "--", "-D", "warnings"])).run()?;
    Ok(true)
}

/// aws-lc's assembler code as it was made for Windows, instead of one more tool.
fn for_windows(program: Program) -> Program {
    program.env("AWS_LC_SYS_PREBUILT_NASM", Path::new("1"))
}

fn cargo() -> PathBuf {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()).into()
}

/// Whether the compiler has its library for that system.
fn target_is_there(target: &str) -> Result<bool> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc)
        .args(["--print", "target-libdir", "--target", target])
        .output()
        .context("rustc cannot be started")?;
    Ok(Path::new(String::from_utf8_lossy(&output.stdout).trim()).is_dir())
}

fn not(what: &str) -> Result<bool> {
    say(&format!("      not {what}"));
    Ok(false)
}
