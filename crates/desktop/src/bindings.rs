//! The TypeScript declarations in `ui/src/bindings`, and the proof that they are those of these types.
//!
//! `PRAYA_WRITE_BINDINGS=1 cargo test -p praya-desktop bindings` writes them anew.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use praya_ipc::Diagnosis;
use praya_model::api::OwnSession;
use ts_rs::{Config, TS};

use crate::commands::{self, COMMANDS};
use crate::invitation::Invitation;
use crate::settings::Setting;
use crate::state::AppState;

const HEAD: &str = "// Made from the Rust types by `PRAYA_WRITE_BINDINGS=1 cargo test -p praya-desktop bindings`. Do not edit.\n";

#[test]
fn the_committed_bindings_are_those_of_the_types() {
    let made = made();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../ui/src/bindings");
    if std::env::var_os("PRAYA_WRITE_BINDINGS").is_some() {
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        for (name, text) in &made {
            fs::write(folder.join(name), text).unwrap();
        }
    }
    assert!(
        made == files_in(&folder),
        "ui/src/bindings is out of date: PRAYA_WRITE_BINDINGS=1 cargo test -p praya-desktop bindings"
    );
}

/// Every file of the folder by name.
fn made() -> BTreeMap<PathBuf, String> {
    let folder = tempfile::tempdir().unwrap();
    let config = Config::new().with_large_int("number").with_out_dir(folder.path());
    AppState::export_all(&config).unwrap();
    praya_model::FailureCode::export_all(&config).unwrap();
    Setting::export_all(&config).unwrap();
    Invitation::export_all(&config).unwrap();
    Diagnosis::export_all(&config).unwrap();
    OwnSession::export_all(&config).unwrap();
    commands::BeginSignIn::export_all(&config).unwrap();
    commands::Answer::export_all(&config).unwrap();
    commands::Logout::export_all(&config).unwrap();
    commands::OneResource::export_all(&config).unwrap();
    commands::OneCheck::export_all(&config).unwrap();
    commands::OneLink::export_all(&config).unwrap();
    commands::SetFavourite::export_all(&config).unwrap();
    commands::ChangePassword::export_all(&config).unwrap();
    commands::OneSession::export_all(&config).unwrap();
    commands::AddProfile::export_all(&config).unwrap();
    commands::PinProfile::export_all(&config).unwrap();
    commands::OneProfile::export_all(&config).unwrap();
    commands::InvitationText::export_all(&config).unwrap();
    commands::Opened::export_all(&config).unwrap();
    commands::ProgramWords::export_all(&config).unwrap();
    commands::ProgramCheck::export_all(&config).unwrap();
    let mut made = files_in(folder.path());
    for text in made.values_mut() {
        let body = text.split_once('\n').map_or("", |(_, body)| body).trim_start().to_owned();
        *text = format!(
            "{HEAD}\n{}\n",
            body.lines().map(str::trim_end).collect::<Vec<_>>().join("\n").trim_end()
        );
    }
    let types: Vec<String> =
        made.keys().map(|name| name.file_stem().unwrap().to_string_lossy().into_owned()).collect();
    let index = types.iter().map(|name| format!("export type {{ {name} }} from \"./{name}\";\n"));
    made.insert(
        "index.ts".into(),
        format!("{HEAD}\n{}export * as commands from \"./commands\";\n", index.collect::<String>()),
    );
    made.insert("commands.ts".into(), commands_ts());
    made
}

fn commands_ts() -> String {
    let mut types: Vec<&str> = COMMANDS
        .iter()
        .flat_map(|command| [command.arguments.unwrap_or("null"), command.result])
        .map(|name| name.trim_start_matches("Array<").trim_end_matches('>'))
        .filter(|name| name.starts_with(char::is_uppercase))
        .collect();
    types.sort_unstable();
    types.dedup();
    let imports = types.iter().map(|name| format!("import type {{ {name} }} from \"./{name}\";\n"));
    let functions = COMMANDS.iter().map(|command| {
        let name = camel_case(command.name);
        let (parameter, passed) = match command.arguments {
            Some(arguments) => (format!("args: {arguments}"), ", { args }"),
            None => (String::new(), ""),
        };
        format!(
            "\n/** {} */\nexport const {name} = ({parameter}): Promise<{result}> =>\n  invoke<{result}>(\"{command}\"{passed});\n",
            command.what.trim(),
            result = command.result,
            command = command.name,
        )
    });
    format!(
        "{HEAD}\nimport {{ invoke }} from \"@tauri-apps/api/core\";\n{}\n/** Every command rejects with a `Failure`. */\nexport type Rejection = import(\"./Failure\").Failure;\n{}",
        imports.collect::<String>(),
        functions.collect::<String>()
    )
}

fn camel_case(name: &str) -> String {
    let mut words = name.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |name, word| name + &word[..1].to_uppercase() + &word[1..])
}

fn files_in(folder: &Path) -> BTreeMap<PathBuf, String> {
    let Ok(entries) = fs::read_dir(folder) else { return BTreeMap::new() };
    entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .map(|path| (path.file_name().unwrap().into(), fs::read_to_string(&path).unwrap()))
        .collect()
}
