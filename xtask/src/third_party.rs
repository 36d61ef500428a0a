//! What others wrote and Praya's programs contain: `installers/THIRD-PARTY.txt`, a list with the licence texts. It is
//! shipped with the programs, and the window shows it. `cargo xtask licences` writes it, `cargo xtask lint` holds it
//! against the packages that are really used.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::run::Cargo;

/// Where the list lies.
const LIST: &str = "installers/THIRD-PARTY.txt";

/// The packages with the shipped programs: `praya-desktop`, `praya`, `prayad`, `praya-gateway`.
const SHIPPED: &[&str] = &["praya-app", "praya-cli", "praya-service", "praya-gateway"];

/// The systems they are shipped for.
const TARGETS: &[&str] = &[
    "x86_64-unknown-linux-gnu",
    "aarch64-unknown-linux-gnu",
    "x86_64-pc-windows-gnu",
    "x86_64-pc-windows-msvc",
];

/// The npm packages with code in the window; the window's build fails when one is missing from the list.
const NPM: &[&str] = &["@fluent/bundle", "@tauri-apps/api", "clsx", "esm-env", "svelte", "vite"];

const HEAD: &str = "\
Third-party software in Praya
=============================

Praya's programs contain, on one system or another, the packages below: crates from https://crates.io/crates/NAME and
packages of npm from https://www.npmjs.com/package/NAME, which is where the source code of each is. Under each stand
its licence, the numbers of the texts that came with it, and the copyright notices that stood in a text where others
have notices of their own. The texts follow.

This file is written by `cargo xtask licences`.
";

/// Writes the list anew.
pub(crate) fn write(workspace: &Path) -> Result<()> {
    let path = workspace.join(LIST);
    std::fs::create_dir_all(path.parent().unwrap_or(workspace))?;
    std::fs::write(&path, render(&packages(workspace)?)).context(LIST)
}

/// A line when the list is not what [`write`] would write.
pub(crate) fn check(workspace: &Path) -> Result<Vec<String>> {
    let wanted = render(&packages(workspace)?);
    let found = std::fs::read_to_string(workspace.join(LIST)).unwrap_or_default().replace("\r\n", "\n");
    Ok(difference(&found, &wanted).into_iter().collect())
}

fn difference(found: &str, wanted: &str) -> Option<String> {
    let (mut found_lines, mut wanted_lines) = (found.lines(), wanted.lines());
    let first = (1..=wanted.lines().count() + 1).find(|_| found_lines.next() != wanted_lines.next())?;
    Some(format!("{LIST}:{first}: not what the programs contain now; run `cargo xtask licences`"))
}

/// Something that others wrote.
#[derive(Default)]
struct Package {
    /// Name, version, where it is from.
    title: String,
    /// An SPDX expression.
    licence: String,
    /// Who wrote it, where its files do not say so.
    authors: Vec<String>,
    /// What its licence files say.
    texts: Vec<String>,
}

fn packages(workspace: &Path) -> Result<Vec<Package>> {
    let mut all = crates()?;
    for name in NPM {
        all.push(npm(&workspace.join("ui/node_modules").join(name)).with_context(|| (*name).to_owned())?);
    }
    // What no list of packages names: a part of every Rust program, and of `webview2-com-sys` on Windows.
    all.push(Package {
        title: "Rust standard library (https://rust-lang.org)".to_owned(),
        licence: "Apache-2.0 OR MIT".to_owned(),
        authors: vec!["The Rust Project Contributors".to_owned()],
        ..Package::default()
    });
    all.push(Package {
        title: "Microsoft Edge WebView2 loader, on Windows (https://www.nuget.org)".to_owned(),
        licence: "BSD-3-Clause".to_owned(),
        texts: vec![clean(include_str!("../licences/WebView2.txt"))],
        ..Package::default()
    });
    for package in &mut all {
        if package.texts.is_empty() {
            package.texts = standard_texts(&package.licence).with_context(|| package.title.clone())?;
        } else {
            package.authors.clear();
        }
    }
    all.sort_by_cached_key(|package| package.title.to_lowercase());
    Ok(all)
}

/// The crates whose code is linked into a shipped program, with what their folders hold.
fn crates() -> Result<Vec<Package>> {
    // What is used is said by `cargo tree`, and where it lies by `cargo metadata`.
    let mut tree = Cargo::new("tree").packages(SHIPPED).args(&[
        "--locked",
        "--edges",
        "normal,no-proc-macro",
        "--prefix",
        "none",
        "--format",
        "{p}",
    ]);
    for target in TARGETS {
        tree = tree.args(&["--target", target]);
    }
    let metadata = Cargo::new("metadata").args(&["--locked", "--format-version", "1"]);
    let (tree, metadata) = std::thread::scope(|scope| {
        let tree = scope.spawn(|| tree.output());
        let metadata = metadata.output();
        // A panic there is one here.
        (tree.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)), metadata)
    });
    let tree = tree?;
    let used = used(&tree);
    // Fewer would mean that nothing was read.
    if used.len() < 100 {
        bail!("cargo tree names only {} crates", used.len());
    }
    let metadata: Value = serde_json::from_str(&metadata?).context("cargo metadata")?;
    let all = metadata["packages"].as_array().context("cargo metadata names no packages")?;
    // A package without a source is one of this workspace.
    let others = all.iter().filter(|package| package["source"].is_string());
    let named = others.filter(|package| used.contains(&(text(&package["name"]), text(&package["version"]))));
    let found = named.map(|package| {
        let manifest = text(&package["manifest_path"]);
        let folder = Path::new(manifest).parent().context("a crate's folder")?;
        Ok(Package {
            title: format!("{} {} (crates.io)", text(&package["name"]), text(&package["version"])),
            licence: text(&package["license"]).split('/').map(str::trim).collect::<Vec<_>>().join(" OR "),
            authors: strings(&package["authors"]),
            texts: licence_files(folder).with_context(|| folder.display().to_string())?,
        })
    });
    found.collect()
}

/// The names and versions in the output of `cargo tree`, without those of this workspace, which name a folder.
fn used(tree: &str) -> BTreeSet<(&str, &str)> {
    let lines = tree.lines().map(|line| line.trim_end_matches(" (*)")).filter(|line| !line.contains(" ("));
    lines.filter_map(|line| line.split_once(" v")).collect()
}

fn npm(folder: &Path) -> Result<Package> {
    let about = std::fs::read_to_string(folder.join("package.json")).context("package.json")?;
    let about: Value = serde_json::from_str(&about)?;
    let author = if about["author"].is_string() { &about["author"] } else { &about["author"]["name"] };
    Ok(Package {
        title: format!("{} {} (npm)", text(&about["name"]), text(&about["version"])),
        licence: text(&about["license"]).to_owned(),
        authors: author.as_str().map(str::to_owned).into_iter().collect(),
        texts: licence_files(folder)?.into_iter().map(without_tools).collect(),
    })
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn strings(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// What a package's folder says about its licence, file by file.
fn licence_files(folder: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_file() && is_licence(&entry.file_name().to_string_lossy()) {
            names.push(entry.path());
        }
    }
    names.sort();
    names.iter().map(|path| Ok(clean(&String::from_utf8_lossy(&std::fs::read(path)?)))).collect()
}

fn is_licence(name: &str) -> bool {
    let name = name.to_lowercase();
    let starts = ["license", "licence", "unlicense", "copying", "copyright", "notice"];
    // `deny.toml` admits no GPL; who offers it does so beside another one.
    starts.iter().any(|start| name.starts_with(start)) && !name.contains("gpl")
}

/// A package's own licence out of a file that goes on with those of its tools.
fn without_tools(text: String) -> String {
    match text.split_once("\n# Licenses of bundled dependencies\n") {
        Some((own, _)) => clean(own),
        None => text,
    }
}

/// The same text, however its lines end.
fn clean(text: &str) -> String {
    let lines =
        text.trim_start_matches('\u{feff}').lines().map(|line| line.trim_end().replace(['\u{c}', '\r'], ""));
    lines.collect::<Vec<_>>().join("\n").trim_matches('\n').to_owned()
}

/// The general texts of the licences in an expression, for a package that has none of its own.
fn standard_texts(expression: &str) -> Result<Vec<String>> {
    let names = expression.split(' ').filter(|word| !["OR", "AND", ""].contains(word));
    let texts = names.map(|name| match name {
        "Apache-2.0" => Ok(clean(include_str!("../../LICENSE-APACHE"))),
        "MIT" => {
            let own = clean(include_str!("../../LICENSE-MIT"));
            Ok(own.replace("\nCopyright (c) The Praya authors\n", ""))
        }
        "BSD-3-Clause" => Ok(clean(include_str!("../licences/BSD-3-Clause.txt"))),
        "WTFPL" => Ok(clean(include_str!("../licences/WTFPL.txt"))),
        _ => bail!("it has no file with its licence \"{expression}\", nor has xtask/licences"),
    });
    texts.collect()
}

/// A text without the lines that only say whose work it is under, and these lines.
fn without_notices(text: &str) -> (String, Vec<&str>) {
    let (notices, rest): (Vec<&str>, Vec<&str>) = text.lines().partition(|line| is_notice(line));
    (clean(&rest.join("\n")), notices.into_iter().map(str::trim).collect())
}

fn is_notice(line: &str) -> bool {
    let line = line.trim().to_lowercase();
    let whose = line.strip_prefix("copyright").map(str::trim_start);
    let starts = |text: &str| text.starts_with("(c)") || text.starts_with('©');
    starts(&line) || whose.is_some_and(|rest| starts(rest) || rest.starts_with(|c: char| c.is_ascii_digit()))
}

/// A text to compare with: what differs in spaces and ends of lines only is the same.
fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The list. A text stands in it once, even where each package put a notice of its own into it; those of the notices
/// stand with the packages. A text that only one package has stays as it is.
fn render(packages: &[Package]) -> String {
    // By what it says without notices: how a text reads with them, and how many packages have it.
    let mut readings: BTreeMap<String, (BTreeSet<String>, usize)> = BTreeMap::new();
    for text in packages.iter().flat_map(|package| &package.texts) {
        let (as_is, users) = readings.entry(words(&without_notices(text).0)).or_default();
        as_is.insert(words(text));
        *users += 1;
    }
    let mut texts: BTreeMap<String, (usize, String)> = BTreeMap::new();
    let mut found = Vec::new();
    for package in packages {
        let (mut own, mut notices) = (Vec::new(), Vec::new());
        for text in &package.texts {
            let (rest, lines) = without_notices(text);
            let (as_is, users) = &readings[&words(&rest)];
            let shared = as_is.len() > 1;
            let shown = if shared { rest } else { text.clone() };
            if shared {
                notices.extend(lines.into_iter().map(str::to_owned));
            }
            let key = words(&shown);
            texts.entry(key.clone()).or_insert((*users, shown));
            own.push(key);
        }
        found.push((package, own, notices));
    }
    // Those of many packages first, so that a new package moves few numbers.
    let mut order: Vec<(&String, &(usize, String))> = texts.iter().collect();
    order.sort_by_key(|(key, (users, _))| (std::cmp::Reverse(*users), *key));
    let number: BTreeMap<&String, usize> =
        order.iter().enumerate().map(|(index, (key, _))| (*key, index + 1)).collect();

    let mut out = HEAD.to_owned();
    for (package, own, mut notices) in found {
        if !package.authors.is_empty() {
            notices.push(format!("Authors: {}", package.authors.join(", ")));
        }
        let mut seen = BTreeSet::new();
        notices.retain(|notice| seen.insert(notice.clone()));
        let numbers: BTreeSet<usize> = own.iter().map(|key| number[key]).collect();
        let numbers: Vec<String> = numbers.iter().map(usize::to_string).collect();
        // Writing to a string cannot fail.
        let _ =
            write!(out, "\n{}\n    {}\n    Texts: {}\n", package.title, package.licence, numbers.join(", "));
        for notice in notices {
            let _ = writeln!(out, "    {notice}");
        }
    }
    for (index, (_, (_, text))) in order.iter().enumerate() {
        let _ = write!(out, "\n======== Text {} ========\n\n{text}\n", index + 1);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{
        Package, clean, difference, is_licence, render, standard_texts, used, without_notices, without_tools,
    };

    fn package(title: &str, texts: &[&str]) -> Package {
        Package {
            title: title.to_owned(),
            licence: "MIT".to_owned(),
            authors: Vec::new(),
            texts: texts.iter().map(|text| clean(text)).collect(),
        }
    }

    fn body(list: &str) -> &str {
        list.split_once("licences`.\n").unwrap().1
    }

    #[test]
    fn a_text_stands_once_and_the_notices_with_their_packages() {
        let list = render(&[
            package(
                "a 1.0.0 (crates.io)",
                &["MIT License\r\n\r\nCopyright (c) 2015 A\r\n\r\nPermission\r\nis granted\r\n"],
            ),
            package(
                "b 2.0.0 (npm)",
                &["MIT License\n\nCopyright (c) 2016 B\n(c) C\n\nPermission is\ngranted", "Only b's\n(c) 1"],
            ),
        ]);
        let wanted = "\
\na 1.0.0 (crates.io)\n    MIT\n    Texts: 1\n    Copyright (c) 2015 A
\nb 2.0.0 (npm)\n    MIT\n    Texts: 1, 2\n    Copyright (c) 2016 B\n    (c) C
\n======== Text 1 ========\n\nMIT License\n\n\nPermission\nis granted
\n======== Text 2 ========\n\nOnly b's\n(c) 1\n";
        assert_eq!(body(&list), wanted);
    }

    #[test]
    fn a_text_with_its_notice_stays_whole_where_nobody_else_has_it_in_other_words() {
        let text = "Copyright 2015 A\nPermission is granted";
        let authors = vec!["Ada".to_owned(), "Bo".to_owned()];
        let list = render(&[package("a 1.0.0", &[text]), Package { authors, ..package("b 1.0.0", &[text]) }]);
        assert!(list.ends_with(&format!("======== Text 1 ========\n\n{text}\n")));
        assert!(list.contains("\nb 1.0.0\n    MIT\n    Texts: 1\n    Authors: Ada, Bo\n"));
    }

    #[test]
    fn only_lines_that_say_whose_work_it_is_are_notices() {
        let kept =
            "copyright license to reproduce\nCopyright [yyyy] [name of copyright owner]\nthe copyright (c)";
        assert_eq!(without_notices(kept), (kept.to_owned(), vec![]));
        let text = "  Copyright © A\nCOPYRIGHT 2000 B\nx\n(C) 1 D";
        assert_eq!(
            without_notices(text),
            ("x".to_owned(), vec!["Copyright © A", "COPYRIGHT 2000 B", "(C) 1 D"])
        );
    }

    #[test]
    fn licence_files_are_told_by_their_names() {
        for name in
            ["LICENSE", "license-mit", "LICENCE.txt", "COPYING", "NOTICE.md", "UNLICENSE", "COPYRIGHT"]
        {
            assert!(is_licence(name), "{name}");
        }
        for name in ["README.md", "LICENSE-GPLv2", "src", "Cargo.toml"] {
            assert!(!is_licence(name), "{name}");
        }
    }

    #[test]
    fn a_package_without_a_file_gets_the_general_texts_of_every_licence_it_names() {
        let texts = standard_texts("Apache-2.0 OR MIT").unwrap();
        assert!(texts[0].contains("Apache License") && texts[0].contains("[yyyy]"));
        assert!(texts[1].starts_with("MIT License\n\nPermission") && !texts[1].contains("Praya"));
        assert_eq!(standard_texts("BSD-3-Clause AND WTFPL").unwrap().len(), 2);
        assert!(standard_texts("").unwrap().is_empty());
        assert!(standard_texts("MIT OR Unheard-1.0").unwrap_err().to_string().contains("Unheard-1.0"));
    }

    #[test]
    fn what_a_package_says_of_its_tools_is_left_out() {
        let file = "MIT\n\n# Licenses of bundled dependencies\n## x\nISC".to_owned();
        assert_eq!(without_tools(file), "MIT");
        assert_eq!(without_tools("MIT".to_owned()), "MIT");
    }

    #[test]
    fn crates_of_others_are_read_from_the_tree() {
        let tree =
            "praya-cli v0.1.0 (/somewhere/crates/cli)\nanyhow v1.0.1\nanyhow v1.0.1 (*)\nx v2.0.0+3\n\n";
        assert_eq!(used(tree).into_iter().collect::<Vec<_>>(), [("anyhow", "1.0.1"), ("x", "2.0.0+3")]);
    }

    #[test]
    fn the_first_line_that_drifted_is_named() {
        assert_eq!(difference("a\nb\n", "a\nb\n"), None);
        for (found, line) in [("a\nc\n", 2), ("a\n", 2), ("a\nb\nc\n", 3), ("", 1)] {
            let said = difference(found, "a\nb\n").unwrap();
            assert!(said.starts_with(&format!("installers/THIRD-PARTY.txt:{line}:")), "{said}");
        }
    }
}
