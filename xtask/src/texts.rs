//! What the files of texts may not have: a message that one language lacks or nobody uses, an argument that only one
//! language has, a word of the other side of the strait.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use fluent_syntax::ast::{Entry, Expression, InlineExpression, Pattern, PatternElement};

const LOCALES: &str = "ui/locales";
/// The language that the others are measured by.
const REFERENCE: &str = "en";

/// What only tests use: a text that nothing else names is named nowhere.
const NOT_PRODUCT: &str = "ui/src/mock";

/// Where messages are used.
const SOURCES: &[&str] = &[
    "crates/texts/src",
    "crates/cli/src",
    "crates/desktop/src",
    "crates/service/src",
    "src-tauri/src",
    "ui/src",
];

/// Messages whose names, and their attributes', are made of the model's: tests of the rooms hold that each belongs to
/// something there.
const FAMILIES: &[&str] = &[
    "failure-",
    "end-",
    "state-",
    "rule-",
    "kind-",
    "warning-",
    "check-",
    "expected-",
    "found-",
    "reported-",
    "cli-remedy-",
    "cli-doctor-remedy-",
];

/// What takes the id of a message as its first argument.
const TAKES_AN_ID: &[&str] = &["say", "say_with", "ask", "attribute", "find", "t", "textIn", "has"];

/// Messages that choose among their arguments as the language needs.
const CHOOSES: &[&str] = &["date-time"];

/// The functions that both sides of the files have.
const FUNCTIONS: &[&str] = &["DURATION", "BYTES", "INSTANT"];

/// Words that a locale has others for (the requirements' chapter on language).
const FOREIGN_WORDS: &[(&str, &[&str])] = &[
    ("zh-Hant-TW", &["帳戶", "網絡", "軟件", "硬件", "二維碼", "令牌", "字節", "用戶", "地址"]),
    ("zh-Hant-MO", &["帳號", "網路", "軟體", "硬體", "二維條碼", "使用者", "權杖", "位址"]),
    ("pt-MO", &["usuário", "senha", "tela", "arquivo", "você"]),
];

/// One line per finding.
pub(crate) fn check(workspace: &Path) -> Result<Vec<String>> {
    let mut findings = Vec::new();
    let mut locales = BTreeMap::new();
    for folder in entries(&workspace.join(LOCALES))? {
        let name = file_name(&folder);
        let mut files = BTreeMap::new();
        for file in entries(&folder)? {
            let text = std::fs::read_to_string(&file).with_context(|| file.display().to_string())?;
            let place = format!("{LOCALES}/{name}/{}", file_name(&file));
            findings.extend(foreign_words(&name, &text).into_iter().map(|word| format!("{place}: {word}")));
            files.insert(file_name(&file), read(&text, &place, &mut findings));
        }
        locales.insert(name, files);
    }
    let reference = locales.get(REFERENCE).context("the texts in English")?;
    for (locale, files) in locales.iter().filter(|(name, _)| *name != REFERENCE) {
        findings.extend(
            differences(reference, files).into_iter().map(|what| format!("{LOCALES}/{locale}: {what}")),
        );
    }
    let mut used = Used::default();
    for folder in SOURCES.iter().map(|folder| workspace.join(folder)).filter(|folder| folder.exists()) {
        for source in sources(&folder)? {
            let text = std::fs::read_to_string(&source).with_context(|| source.display().to_string())?;
            used.add(
                without_tests(&text),
                &source.strip_prefix(workspace).unwrap_or(&source).display().to_string(),
            );
        }
    }
    findings.extend(unused_and_missing(reference, &used));
    Ok(findings)
}

/// What a message is made of: for its value (under "") and each attribute the arguments in it.
type Message = BTreeMap<String, BTreeSet<String>>;

/// The messages of one file, and the messages that they refer to.
#[derive(Debug, Default)]
struct File {
    messages: BTreeMap<String, Message>,
    refers_to: BTreeSet<String>,
}

fn read(text: &str, place: &str, findings: &mut Vec<String>) -> File {
    let resource = fluent_syntax::parser::parse(text).unwrap_or_else(|(resource, errors)| {
        findings.extend(errors.iter().map(|error| format!("{place}: {error}")));
        resource
    });
    let mut file = File::default();
    for entry in &resource.body {
        let Entry::Message(message) = entry else { continue };
        let mut parts = Message::new();
        let value = message.value.iter().map(|pattern| ("", pattern));
        let attributes = message.attributes.iter().map(|attribute| (attribute.id.name, &attribute.value));
        for (name, pattern) in value.chain(attributes) {
            let mut seen = Seen::default();
            seen.pattern(pattern);
            for function in seen.functions.iter().filter(|name| !FUNCTIONS.contains(&name.as_str())) {
                findings.push(format!("{place}: {} calls {function}, which is not there", message.id.name));
            }
            file.refers_to.extend(seen.messages);
            parts.insert(name.to_owned(), seen.arguments);
        }
        if file.messages.insert(message.id.name.to_owned(), parts).is_some() {
            findings.push(format!("{place}: {} stands there twice", message.id.name));
        }
    }
    file
}

/// What a pattern names.
#[derive(Default)]
struct Seen {
    arguments: BTreeSet<String>,
    messages: BTreeSet<String>,
    functions: BTreeSet<String>,
}

impl Seen {
    fn pattern(&mut self, pattern: &Pattern<&str>) {
        for element in &pattern.elements {
            if let PatternElement::Placeable { expression } = element {
                self.expression(expression);
            }
        }
    }

    fn expression(&mut self, expression: &Expression<&str>) {
        match expression {
            Expression::Inline(inline) => self.inline(inline),
            Expression::Select { selector, variants } => {
                self.inline(selector);
                variants.iter().for_each(|variant| self.pattern(&variant.value));
            }
        }
    }

    fn inline(&mut self, inline: &InlineExpression<&str>) {
        match inline {
            InlineExpression::VariableReference { id } => drop(self.arguments.insert(id.name.to_owned())),
            InlineExpression::MessageReference { id, .. } => drop(self.messages.insert(id.name.to_owned())),
            InlineExpression::FunctionReference { id, arguments } => {
                self.functions.insert(id.name.to_owned());
                arguments.positional.iter().for_each(|argument| self.inline(argument));
            }
            InlineExpression::Placeable { expression } => self.expression(expression),
            InlineExpression::StringLiteral { .. }
            | InlineExpression::NumberLiteral { .. }
            | InlineExpression::TermReference { .. } => {}
        }
    }
}

/// What one language has that another has not, file by file.
fn differences(reference: &BTreeMap<String, File>, other: &BTreeMap<String, File>) -> Vec<String> {
    let mut findings = Vec::new();
    let empty = File::default();
    let names: BTreeSet<&String> = reference.keys().chain(other.keys()).collect();
    for name in names {
        let [here, there] = [reference, other].map(|files| &files.get(name).unwrap_or(&empty).messages);
        for (id, message) in here {
            let Some(translated) = there.get(id) else {
                findings.push(format!("{name}: {id} is missing"));
                continue;
            };
            if !message.keys().eq(translated.keys()) {
                findings.push(format!("{name}: {id} has other attributes than in {REFERENCE}"));
            } else if message != translated && !CHOOSES.contains(&id.as_str()) {
                findings.push(format!("{name}: {id} has other arguments than in {REFERENCE}"));
            }
        }
        findings.extend(
            there
                .keys()
                .filter(|id| !here.contains_key(*id))
                .map(|id| format!("{name}: {id} is not in {REFERENCE}")),
        );
    }
    findings
}

fn foreign_words(locale: &str, text: &str) -> Vec<String> {
    let words = FOREIGN_WORDS.iter().find(|(name, _)| *name == locale).map_or(&[][..], |(_, words)| words);
    let found = words.iter().filter(|word| {
        // A Latin word counts as a whole, a Chinese one wherever it stands.
        if word.is_ascii() || word.chars().any(|c| c.is_ascii_alphabetic()) {
            text.split(|c: char| !c.is_alphabetic()).any(|part| part.eq_ignore_ascii_case(word))
        } else {
            text.contains(**word)
        }
    });
    found.map(|word| format!("\"{word}\" is not a word of {locale}")).collect()
}

/// What the sources name between quotation marks.
#[derive(Debug, Default)]
struct Used {
    /// Whatever could be an id, or an id and its attribute, or an attribute.
    words: BTreeSet<String>,
    /// What stands before a part that is put in.
    prefixes: BTreeSet<String>,
    /// (id, place) of what must be a message.
    demanded: BTreeSet<(String, String)>,
}

impl Used {
    fn add(&mut self, source: &str, place: &str) {
        let is_quote = |c: char| matches!(c, '"' | '\'' | '`');
        let mut from = 0;
        while let Some(at) = source.get(from..).and_then(|rest| rest.find(is_quote)).map(|at| from + at) {
            from = at + 1;
            let rest = source.get(from..).unwrap_or_default();
            let length = rest
                .find(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '.'))
                .unwrap_or(rest.len());
            let (word, after) = rest.split_at(length);
            if word.ends_with('-') && (after.starts_with("${") || after.starts_with('{')) {
                self.prefixes.insert(word.to_owned());
            }
            let before = source.get(..at).unwrap_or_default();
            if word.is_empty() || !after.starts_with(is_quote) || names_an_element(before) {
                continue;
            }
            let id = word.split('.').next().unwrap_or_default();
            self.words.extend([word.to_owned(), id.to_owned()]);
            if takes_an_id(before) {
                self.demanded.insert((id.to_owned(), place.to_owned()));
            }
        }
    }
}

/// Whether `before` ends with the opening of a call that takes an id.
fn takes_an_id(before: &str) -> bool {
    let Some(call) = before.trim_end().strip_suffix('(') else { return false };
    let name = call.rsplit(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).next().unwrap_or_default();
    // Strings have a `find` of their own, which takes no name with hyphens; the others are ours.
    TAKES_AN_ID.contains(&name)
}

/// Whether `before` opens an attribute of HTML that names an element and no text.
fn names_an_element(before: &str) -> bool {
    ["id=", "for=", "class=", "href=", "aria-labelledby=", "aria-describedby=", "aria-controls="]
        .iter()
        .any(|attribute| before.ends_with(attribute))
}

fn unused_and_missing(reference: &BTreeMap<String, File>, used: &Used) -> Vec<String> {
    let mut findings = Vec::new();
    let referred: BTreeSet<&String> = reference.values().flat_map(|file| &file.refers_to).collect();
    for (name, file) in reference {
        for (id, message) in &file.messages {
            let by_prefix = FAMILIES.iter().copied().chain(used.prefixes.iter().map(String::as_str));
            let is_used = used.words.contains(id)
                || referred.contains(id)
                || by_prefix.into_iter().any(|prefix| id.starts_with(prefix));
            if !is_used {
                findings.push(format!("{LOCALES}/*/{name}: {id} is used nowhere"));
                continue;
            }
            if FAMILIES.iter().any(|family| id.starts_with(family)) {
                continue;
            }
            // An attribute is named together with its message, or by itself where the message is an argument.
            for attribute in message.keys().filter(|attribute| !attribute.is_empty()) {
                if !used.words.contains(&format!("{id}.{attribute}")) && !used.words.contains(attribute) {
                    findings.push(format!("{LOCALES}/*/{name}: {id}.{attribute} is used nowhere"));
                }
            }
        }
    }
    for (id, place) in &used.demanded {
        let is_id =
            id.contains('-') && id.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
        if is_id && !reference.values().any(|file| file.messages.contains_key(id)) {
            findings.push(format!("{place}: there is no text {id}"));
        }
    }
    findings
}

/// A Rust source without the tests at its end.
fn without_tests(source: &str) -> &str {
    source.split_once("#[cfg(test)]\nmod tests {").map_or(source, |(product, _)| product)
}

/// Every source under `folder` that is part of the product.
fn sources(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for path in entries(folder)? {
        let name = file_name(&path);
        if path.is_dir() {
            if !path.ends_with(NOT_PRODUCT) {
                found.extend(sources(&path)?);
            }
        } else if [".rs", ".ts", ".svelte"].iter().any(|end| name.ends_with(end))
            && !name.ends_with(".test.ts")
            && !name.ends_with("tests.rs")
        {
            found.push(path);
        }
    }
    Ok(found)
}

/// What lies in a folder, by name.
fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(text: &str) -> BTreeMap<String, File> {
        let mut findings = Vec::new();
        let file = read(text, "x.ftl", &mut findings);
        assert!(findings.is_empty(), "{findings:?}");
        BTreeMap::from([("x.ftl".to_owned(), file)])
    }

    fn used(source: &str) -> Used {
        let mut used = Used::default();
        used.add(source, "a.rs");
        used
    }

    #[test]
    fn a_message_an_attribute_and_an_argument_must_be_in_every_language() {
        let english = files("a = { $n }\nb = B\n    .hint = H\nc = C");
        let other = files("a = { $m }\nb = B\nd = D");
        let found = differences(&english, &other).join("\n");
        for part in ["a has other arguments", "b has other attributes", "c is missing", "d is not in en"] {
            assert!(found.contains(part), "{part} in {found}");
        }
        assert!(differences(&english, &english).is_empty());
    }

    #[test]
    fn an_argument_is_found_wherever_it_stands() {
        let english = files("a = { DURATION($s) } { $n ->\n    [one] { $one }\n   *[other] x\n }");
        let arguments = &english["x.ftl"].messages["a"][""];
        assert_eq!(arguments.iter().map(String::as_str).collect::<Vec<_>>(), ["n", "one", "s"]);
    }

    #[test]
    fn a_mistake_an_unknown_function_and_a_message_that_stands_twice_are_found() {
        let mut findings = Vec::new();
        read("a = { NUMBER($n) }\na = A\nb = { $", "x.ftl", &mut findings);
        let found = findings.join("\n");
        assert!(found.contains("NUMBER") && found.contains("twice") && findings.len() == 3, "{found}");
    }

    #[test]
    fn what_nobody_uses_and_what_is_not_there_are_found() {
        let texts = files(
            "a-b = A\n    .yes = Y\n    .no = N\nc-d = C { e-f }\n    .hint = H\n    .error = R\ne-f = E\nx-one = 1\nunused-one = U\nid-only = I",
        );
        let source = "say(\n    \"a-b\", \"yes\") t('c-d.hint') format!(\"x-{}\") <p id=\"id-only\"> t(\"no-such\") find(\"y\")";
        let found = unused_and_missing(&texts, &used(source)).join("\n");
        assert_eq!(
            found,
            "ui/locales/*/x.ftl: a-b.no is used nowhere\nui/locales/*/x.ftl: c-d.error is used nowhere\n\
             ui/locales/*/x.ftl: id-only is used nowhere\nui/locales/*/x.ftl: unused-one is used nowhere\n\
             a.rs: there is no text no-such"
        );
    }

    #[test]
    fn what_only_the_window_s_mock_names_is_named_nowhere() {
        let found = sources(&crate::run::workspace().unwrap().join("ui/src")).unwrap();
        let is_in =
            |folder: &str| found.iter().any(|file| file.parent().is_some_and(|at| at.ends_with(folder)));
        assert!(is_in("ui/src/screens") && !is_in(NOT_PRODUCT), "{found:?}");
    }

    #[test]
    fn each_locale_keeps_to_its_own_words() {
        assert_eq!(foreign_words("zh-Hant-MO", "登入帳號").len(), 1);
        assert!(foreign_words("zh-Hant-TW", "登入帳號").is_empty());
        assert_eq!(foreign_words("zh-Hant-TW", "用戶名、IP 地址、接收字節數").len(), 3);
        assert!(foreign_words("zh-Hant-MO", "用戶名、IP 地址、接收字節數").is_empty());
        assert_eq!(foreign_words("pt-MO", "A sua Senha expirou").len(), 1);
        assert!(foreign_words("pt-MO", "desenhar").is_empty());
    }
}
