//! The demonstration walks to its end, and however it ends, nothing of it is left.

use std::fs;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use praya_testkit::privilege::was_run_elsewhere;
use praya_testkit::{Desk, HANG, Namespace, Process, Program, programs};
use rustix::process::Signal;

const DEMO: &str = env!("CARGO_BIN_EXE_praya-demo");

/// A heading of the demo, and whether it waits for a person afterwards.
const STEPS: [(&str, &[&str]); 6] = [
    ("Three machines", &[]),
    ("A throw-away gateway", &[]),
    ("The first sign-in", &[]),
    ("A view is closed", &[]),
    ("Logging out", &[]),
    ("Press Enter to end.", &["--keep"]),
];

/// A machine to run demos on, its folder for temporary files, and its network as it was before.
struct Scene {
    machine: Namespace,
    folder: PathBuf,
    pictures: PathBuf,
    network: String,
}

impl Scene {
    fn new() -> Result<Self> {
        let machine = Namespace::new("desk")?;
        programs::path("praya-desktop")?;
        let (folder, pictures) = (machine.folder("tmp")?, machine.folder("pictures")?);
        Ok(Self { folder, pictures, network: machine.network_state()?, machine })
    }

    /// A program on the machine that finds ours.
    fn program(&self, program: &str) -> Result<Program> {
        let built = programs::path("praya")?;
        let folder = built.parent().context("a folder")?;
        // As on a machine without a display; the pictures are none of the throw-away files.
        Ok(self
            .machine
            .program(program)
            .env("PRAYA_BIN_DIR", folder)
            .env("TMPDIR", &self.folder)
            .without("DISPLAY")
            .without("WAYLAND_DISPLAY"))
    }

    fn start(&self, words: &[&str]) -> Result<Process> {
        self.program(DEMO)?.args(words).arg("--pictures").arg(&self.pictures).start()
    }

    /// No program, no folder and nothing in the network is left of a demo that has ended.
    fn is_as_before(&self, demo: &Process) -> Result<()> {
        let until = Instant::now() + HANG;
        // A shell's child that was under way when the shell was killed comes to its own end.
        while let Some(left) = programs_of(demo)?.first() {
            ensure!(Instant::now() < until, "{left} is left");
        }
        let left: Vec<_> = fs::read_dir(&self.folder)?.flatten().map(|entry| entry.path()).collect();
        ensure!(left.is_empty(), "{left:?} is left");
        assert_eq!(self.machine.network_state()?, self.network);
        let named = Program::here("ip").args(["netns", "list"]).succeed()?.text();
        ensure!(!named.contains("praya"), "{named}");
        Ok(())
    }
}

/// The command lines of everything that a demo has started and that still runs.
fn programs_of(demo: &Process) -> Result<Vec<String>> {
    let mark = format!("PRAYA_TESTKIT_OWNER={}:", demo.pid());
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")?.flatten() {
        // Not a process, or one that has just ended.
        let Ok(environment) = fs::read(entry.path().join("environ")) else { continue };
        if environment.split(|&byte| byte == 0).any(|variable| variable.starts_with(mark.as_bytes())) {
            let command = fs::read(entry.path().join("cmdline")).unwrap_or_default();
            found.push(String::from_utf8_lossy(&command).replace('\0', " "));
        }
    }
    Ok(found)
}

#[test]
fn it_walks_to_its_end_and_leaves_nothing() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let scene = Scene::new()?;
    let demo = scene.start(&[])?;
    let ended = demo.wait()?;
    assert_eq!(ended.code(), 0, "{}", ended.everything);
    for part in ["first sign-in", "Intranet      web", "Welcome to the intranet", "out of reach again"] {
        ensure!(ended.everything.contains(part), "{part} in\n{}", ended.everything);
    }
    assert_eq!(
        outline(&ended.everything),
        outline(picture()?),
        "the picture in the README is not what it shows"
    );
    for name in ["1-resources", "2-settings", "3-signed-out", "4-code"] {
        let picture = fs::read(scene.pictures.join(format!("{name}.png")))?;
        ensure!(picture.starts_with(b"\x89PNG"), "{name}");
    }
    scene.is_as_before(&demo)
}

/// What the README shows of the demo.
fn picture() -> Result<&'static str> {
    let after = include_str!("../../README.md").split_once("\n## What the demo shows\n\n```\n");
    Ok(after.and_then(|(_, rest)| rest.split_once("\n```\n")).context("the picture")?.0)
}

/// The lines that are the same every time: headings and commands, without the key that each demo makes anew.
fn outline(text: &str) -> Vec<String> {
    let line = |line: &str| {
        let words = line.split_whitespace().map(|word| if word.starts_with("pin-") { "PIN" } else { word });
        words.collect::<Vec<_>>().join(" ")
    };
    let is_heading = |line: &str| {
        line.trim_start().split_once(". ").is_some_and(|(number, _)| number.parse::<u8>().is_ok())
    };
    text.lines().filter(|text| is_heading(text) || text.contains("$ ")).map(line).collect()
}

#[test]
fn on_a_display_it_ends_in_the_window_until_the_person_has_seen_enough() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let scene = Scene::new()?;
    let desk = Desk::of_root(&scene.machine)?;
    let screen = desk.screen()?;
    let demo =
        scene.program(DEMO)?.env("DISPLAY", desk.display()).env("DBUS_SESSION_BUS_ADDRESS", desk.bus());
    let demo = demo.without("WAYLAND_DISPLAY").start()?;
    demo.wait_for("Press Enter to end.")?;
    screen.wait_for_windows("Praya", 1)?;
    demo.type_line("")?;
    let ended = demo.wait()?;
    assert_eq!(ended.code(), 0, "{}", ended.everything);
    screen.wait_for_windows("Praya", 0)?;
    scene.is_as_before(&demo)
}

#[test]
fn a_signal_at_any_step_ends_it_in_order() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let scene = Scene::new()?;
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        for (step, words) in STEPS {
            let demo = scene.start(words)?;
            demo.wait_for(step)?;
            demo.signal(signal)?;
            let ended = demo.wait()?;
            assert_eq!(ended.code(), 128 + signal.as_raw(), "{signal:?} at {step}: {}", ended.everything);
            ensure!(ended.everything.contains("Stopped."), "{}", ended.everything);
            scene.is_as_before(&demo).with_context(|| format!("{signal:?} at {step}"))?;
        }
    }
    Ok(())
}

#[test]
fn the_end_of_whoever_started_it_ends_it_too() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let scene = Scene::new()?;
    // `cargo xtask` stands between the person and the demo; here it is a shell.
    let script = "\"$0\" --keep & wait";
    let shell = scene.program("sh")?.args(["-c", script, DEMO]).start()?;
    shell.wait_for("Press Enter to end.")?;
    shell.signal(Signal::KILL)?;
    shell.wait_for("Stopped.")?;
    ensure!(fs::read_dir(&scene.folder)?.next().is_none(), "its files are left");
    Ok(())
}

#[test]
fn what_a_killed_one_left_is_swept_away_by_the_next() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let scene = Scene::new()?;
    for (step, words) in STEPS {
        let killed = scene.start(words)?;
        killed.wait_for(step)?;
        killed.kill()?;
        if step == "Press Enter to end." {
            ensure!(!programs_of(&killed)?.is_empty(), "a gateway outlives whoever started it");
        }
        let next = scene.start(&[])?;
        let ended = next.wait()?;
        assert_eq!(ended.code(), 0, "after a kill at {step}: {}", ended.everything);
        scene.is_as_before(&killed).with_context(|| format!("killed at {step}"))?;
        scene.is_as_before(&next)?;
    }
    Ok(())
}
