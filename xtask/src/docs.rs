//! What a document of this project may not have: a heading without text, a note to oneself, a path of one machine.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Words that have no place in a finished document, each with the reason.
const FORBIDDEN: &[(&str, &str)] = &[
    (concat!("TO", "DO"), "a note to oneself"),
    (concat!("FIX", "ME"), "a note to oneself"),
    (concat!("XX", "X"), "a note to oneself"),
    (concat!("TB", "D"), "a note to oneself"),
    (concat!("lorem", " ipsum"), "filler"),
    (concat!("coming", " soon"), "a promise in place of a thing"),
    (concat!("/home", "/"), "a path of one machine"),
    (concat!("/root", "/"), "a path of one machine"),
    (concat!("/work", "/"), "a path of one machine"),
];

/// One line per finding, `file:line: what`.
pub(crate) fn check(workspace: &Path) -> Result<Vec<String>> {
    let mut findings = Vec::new();
    for path in documents(workspace)? {
        let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        let shown = path.strip_prefix(workspace).unwrap_or(&path).display();
        findings.extend(examine(&text).into_iter().map(|(line, what)| format!("{shown}:{line}: {what}")));
    }
    Ok(findings)
}

/// Every Markdown file of the project, found without git: a source archive has no history.
fn documents(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let entry = entry?;
        let (path, name) = (entry.path(), entry.file_name());
        if entry.file_type()?.is_dir() {
            if ![".git", "target", "node_modules"].map(OsStr::new).contains(&name.as_os_str()) {
                found.extend(documents(&path)?);
            }
        } else if path.extension() == Some(OsStr::new("md")) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// (line number from 1, what is wrong).
fn examine(text: &str) -> Vec<(usize, String)> {
    let mut findings = Vec::new();
    let mut bare_heading: Option<(usize, usize, String)> = None;
    let mut in_code = false;
    for (number, line) in text.lines().enumerate().map(|(index, line)| (index + 1, line)) {
        for (word, why) in FORBIDDEN {
            if line.contains(word) {
                findings.push((number, format!("\"{word}\" is {why}")));
            }
        }
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        } else if !in_code && let Some(word) = placeholder(line) {
            findings.push((number, format!("\"{word}\" stands for something that is not written yet")));
        }
        let level = line.bytes().take_while(|&byte| byte == b'#').count();
        let is_heading = !in_code && level > 0 && line.as_bytes().get(level) == Some(&b' ');
        if is_heading {
            if let Some((at, above, title)) = bare_heading.take()
                && above >= level
            {
                findings.push((at, format!("the heading \"{title}\" has no text")));
            }
            bare_heading = Some((number, level, line.get(level..).unwrap_or_default().trim().to_owned()));
        } else if !line.trim().is_empty() {
            bare_heading = None;
        }
    }
    if let Some((at, _, title)) = bare_heading {
        findings.push((at, format!("the heading \"{title}\" has no text")));
    }
    findings
}

/// A word like LIKE_THIS in running text. Names of variables and constants are code and stand between backticks.
fn placeholder(line: &str) -> Option<&str> {
    let text = line.split('`').step_by(2);
    let mut words =
        text.flat_map(|part| part.split(|letter: char| !letter.is_alphanumeric() && letter != '_'));
    words.find(|word| {
        let parts = word.split('_');
        word.contains('_')
            && parts.clone().all(|part| !part.is_empty() && !part.contains(char::is_lowercase))
            && word.starts_with(char::is_uppercase)
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{documents, examine};

    #[test]
    fn the_documents_are_found_and_not_those_of_what_was_built_or_fetched() {
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let found = documents(workspace).unwrap();
        assert!(found.contains(&workspace.join("README.md")));
        assert!(found.contains(&workspace.join("docs/architecture.md")));
        let foreign = |part: &std::ffi::OsStr| part == "target" || part == "node_modules";
        assert!(!found.iter().any(|path| path.strip_prefix(workspace).unwrap().iter().any(foreign)));
    }

    #[test]
    fn a_placeholder_is_found_and_a_name_in_code_is_not_one() {
        for text in ["it took DEMO_TIME.\n", "[link](a.md), **TEST_TIME_2**\n"] {
            assert_eq!(examine(text).len(), 1, "{text}");
        }
        for text in ["set `RUST_LOG` to snake_case, ABC, or _X_ or 1_000\n", "```\nRUST_LOG=info\n```\n"] {
            assert!(examine(text).is_empty(), "{text}: {:?}", examine(text));
        }
    }

    #[test]
    fn a_heading_needs_text_or_a_section_below_it() {
        assert!(examine("# One\n\n## Two\n\ntext\n").is_empty());
        assert_eq!(examine("# One\n\ntext\n\n## Two\n\n## Three\n\ntext\n").len(), 1);
        assert_eq!(examine("# One\n\ntext\n\n## Two\n").len(), 1);
    }

    #[test]
    fn code_is_not_a_heading() {
        assert!(examine("# One\n\n```\n# a comment\n```\n").is_empty());
    }
}
