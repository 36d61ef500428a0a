//! Checks that the window is built, and gives the web view's permissions to exactly the app's own commands.

use std::path::Path;

/// The commands as the capability file names them; a test compares them with `praya_desktop::commands::COMMANDS`.
const COMMANDS: &[&str] = include!("src/command_names.rs");

fn main() {
    println!("cargo::rerun-if-changed=../ui/dist");
    println!("cargo::rerun-if-changed=src/command_names.rs");
    if !Path::new("../ui/dist/index.html").is_file() {
        println!("cargo::error=the window is not built: run `cargo xtask window` first");
        std::process::exit(1);
    }
    let manifest = tauri_build::AppManifest::new().commands(COMMANDS);
    if let Err(error) = tauri_build::try_build(tauri_build::Attributes::new().app_manifest(manifest)) {
        println!("cargo::error={error:#}");
        std::process::exit(1);
    }
}
