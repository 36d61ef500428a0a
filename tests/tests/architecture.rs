//! The arrows between the rooms are those of `docs/architecture.md`, and no others.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, PackageId};

/// Which rooms a room may use, as in the table of `docs/architecture.md`; what those may use comes with them.
const MAY_USE: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("wire", &["model"]),
    ("identity", &["model"]),
    ("posture", &["model"]),
    ("session", &["model", "wire"]),
    ("datapath", &["model", "wire", "dtls"]),
    ("dtls", &[]),
    ("netcfg", &["model"]),
    ("ipc", &["model"]),
    ("desktop", &["ipc", "model", "texts"]),
    ("app", &["desktop", "ipc", "model", "texts"]),
    ("service", &["session", "datapath", "netcfg", "posture", "ipc"]),
    ("texts", &["model"]),
    ("cli", &["ipc", "model", "texts", "netcfg", "posture"]),
    ("gateway", &["model", "wire", "identity", "datapath", "netcfg", "posture"]),
    ("testkit", &["model"]),
    ("tests", &["datapath", "dtls", "posture", "testkit", "texts"]),
];

/// What a room's own tests may use besides: netcfg sets addresses and routes on real tunnel devices.
const FOR_TESTS: &[(&str, &str)] = &[("netcfg", "datapath")];

/// Rooms of rules: bytes, events and a clock in, actions out.
const PURE: &[&str] = &["model", "wire", "dtls", "identity", "posture", "session", "texts"];

#[test]
fn every_room_uses_only_the_rooms_it_may() -> Result<()> {
    let workspace = Workspace::read()?;
    let allowed: BTreeMap<&str, BTreeSet<&str>> =
        MAY_USE.iter().map(|(room, _)| (*room, closure(room))).collect();
    for (room, id) in workspace.rooms() {
        let may = allowed.get(room).with_context(|| format!("{room} is not in the table of rooms"))?;
        for (used, kind) in workspace.direct(&id) {
            let for_tests = kind == DependencyKind::Development
                && (used == "testkit" || FOR_TESTS.contains(&(room, used.as_str())));
            assert!(for_tests || may.contains(used.as_str()), "{room} may not use {used}");
        }
    }
    Ok(())
}

#[test]
fn pure_rooms_never_reach_a_runtime_or_a_socket() -> Result<()> {
    let workspace = Workspace::read()?;
    for room in PURE {
        let reached = workspace.reached_from(room)?;
        for forbidden in ["tokio", "async-std", "smol", "mio", "socket2", "reqwest", "hyper", "zbus"] {
            assert!(!reached.contains(forbidden), "{room} reaches {forbidden}");
        }
    }
    Ok(())
}

#[test]
fn the_client_side_never_reaches_the_gateway_nor_the_other_way_round() -> Result<()> {
    let workspace = Workspace::read()?;
    for (side, other) in [
        (&["service", "cli", "app", "desktop", "ipc", "session"][..], &["gateway", "identity"][..]),
        (&["gateway", "identity"], &["service", "cli", "app", "desktop", "ipc", "session"]),
    ] {
        for room in side {
            let reached = workspace.reached_from(room)?;
            for forbidden in other {
                assert!(!reached.contains(&format!("praya-{forbidden}")), "{room} reaches {forbidden}");
            }
        }
    }
    Ok(())
}

#[test]
fn nobody_reaches_the_test_kit_outside_tests() -> Result<()> {
    let workspace = Workspace::read()?;
    for (room, _) in workspace.rooms().into_iter().filter(|(room, _)| *room != "tests" && *room != "testkit")
    {
        let reached = workspace.reached_from(room)?;
        assert!(!reached.contains("praya-testkit"), "{room} reaches the test kit");
    }
    Ok(())
}

#[test]
fn only_the_app_reaches_a_window_and_nobody_reaches_the_app() -> Result<()> {
    let workspace = Workspace::read()?;
    for (room, _) in workspace.rooms().into_iter().filter(|(room, _)| *room != "app") {
        let reached = workspace.reached_from(room)?;
        for forbidden in ["praya-app", "tauri", "wry", "gtk", "webkit2gtk", "ksni"] {
            assert!(!reached.contains(forbidden), "{room} reaches {forbidden}");
        }
    }
    Ok(())
}

#[test]
fn there_is_one_crypto_library() -> Result<()> {
    let workspace = Workspace::read()?;
    for (room, _) in workspace.rooms() {
        let reached = workspace.reached_from(room)?;
        for forbidden in ["ring", "openssl", "openssl-sys", "native-tls"] {
            assert!(!reached.contains(forbidden), "{room} reaches {forbidden}");
        }
    }
    Ok(())
}

/// The rooms that `room` may use, directly or through those.
fn closure(room: &str) -> BTreeSet<&'static str> {
    let direct = MAY_USE.iter().find(|(name, _)| *name == room).map_or(&[][..], |(_, used)| used);
    direct.iter().flat_map(|used| closure(used).into_iter().chain([*used])).collect()
}

struct Workspace(Metadata);

impl Workspace {
    fn read() -> Result<Self> {
        let metadata = MetadataCommand::new()
            .manifest_path(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml"))
            .no_deps()
            .exec()?;
        Ok(Self(metadata))
    }

    /// (room, package) of every member but xtask, which builds them all and is linked with none.
    fn rooms(&self) -> Vec<(&str, PackageId)> {
        let members = self.0.workspace_packages().into_iter();
        members
            .filter(|package| package.name.as_str() != "xtask")
            .map(|package| (package.name.strip_prefix("praya-").unwrap_or(&package.name), package.id.clone()))
            .collect()
    }

    /// (room, kind) of every room that a package names in its manifest.
    fn direct(&self, id: &PackageId) -> Vec<(String, DependencyKind)> {
        let rooms: BTreeSet<&str> = self.rooms().into_iter().map(|(room, _)| room).collect();
        let dependencies = self.0[id].dependencies.iter();
        dependencies
            .filter_map(|used| Some((used.name.strip_prefix("praya-")?.to_owned(), used.kind)))
            .filter(|(room, _)| rooms.contains(room.as_str()))
            .collect()
    }

    /// The names of all packages that are linked into a room, itself not counted. `cargo tree` is asked, because the
    /// resolve graph of `cargo metadata` also holds optional packages that no feature switches on.
    fn reached_from(&self, room: &str) -> Result<BTreeSet<String>> {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let package = format!("praya-{room}");
        let tree = Command::new(cargo)
            .args([
                "tree", "--locked", "--edges", "normal", "--prefix", "none", "--format", "{p}", "-p",
                &package,
            ])
            .current_dir(&self.0.workspace_root)
            .output()?;
        ensure!(tree.status.success(), "cargo tree: {}", String::from_utf8_lossy(&tree.stderr));
        let lines = String::from_utf8(tree.stdout)?;
        Ok(lines.lines().skip(1).filter_map(|line| line.split(' ').next()).map(String::from).collect())
    }
}
