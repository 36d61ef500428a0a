//! Reads fields out of nodes and keeps every complaint, so that an administrator sees them all at once.

use std::fmt::{Display, Write as _};
use std::ops::RangeInclusive;

use super::complaint::{Complaint, Complaints, Place};
use super::node::{Entry, Node, Value};

/// The most characters in a name that an administrator gives.
pub(crate) const MAX_NAME: usize = praya_model::posture::MAX_NAME;

/// The most items in a list.
pub(crate) const MAX_LIST: usize = praya_model::posture::MAX_NAMES;

/// Collects complaints. Its methods give `None` once they have complained.
#[derive(Default)]
pub(crate) struct Reader {
    complaints: Vec<Complaint>,
}

/// A table whose fields are all known.
pub(crate) struct Fields<'a> {
    at: Option<Place>,
    path: String,
    entries: &'a [Entry],
}

impl<'a> Fields<'a> {
    pub(crate) fn entries(&self) -> &'a [Entry] {
        self.entries
    }

    pub(crate) fn names(&self) -> Vec<&'a str> {
        self.entries.iter().map(|entry| entry.name.as_str()).collect()
    }

    /// The place of the field `name`.
    pub(crate) fn path(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    fn get(&self, name: &str) -> Option<&'a Entry> {
        self.entries.iter().find(|entry| entry.name == name)
    }
}

impl Reader {
    /// What was read, unless there were complaints.
    pub(crate) fn finish<T>(self, read: Option<T>) -> Result<T, Complaints> {
        Complaints::none_of(self.complaints)?;
        let nothing = || Complaint { at: None, field: String::new(), problem: "holds nothing".to_owned() };
        read.ok_or_else(|| Complaints::one(nothing()))
    }

    pub(crate) fn complain<T>(&mut self, at: Option<Place>, field: &str, problem: impl Display) -> Option<T> {
        let (field, problem) = (field.to_owned(), problem.to_string());
        self.complaints.push(Complaint { at, field, problem });
        None
    }

    /// Complains about the table itself.
    pub(crate) fn refuse<T>(&mut self, fields: &Fields<'_>, problem: impl Display) -> Option<T> {
        let path = fields.path.clone();
        self.complain(fields.at, &path, problem)
    }

    /// A table that may hold `allowed` and nothing else.
    pub(crate) fn table<'a>(&mut self, node: &'a Node, path: &str, allowed: &[&str]) -> Option<Fields<'a>> {
        let fields = self.any_table(node, path)?;
        for entry in fields.entries {
            if !allowed.contains(&entry.name.as_str()) {
                let problem = format!("unknown; allowed here: {}", allowed.join(", "));
                self.complain::<()>(entry.at, &fields.path(&shown(&entry.name)), problem);
            }
        }
        Some(fields)
    }

    /// A table with fields of any names.
    pub(crate) fn any_table<'a>(&mut self, node: &'a Node, path: &str) -> Option<Fields<'a>> {
        let Value::Table(entries) = &node.value else {
            return self.complain(node.at, path, "must be a table");
        };
        Some(Fields { at: node.at, path: path.to_owned(), entries })
    }

    /// The field `name`, where it is given.
    pub(crate) fn optional<'a, T>(
        &mut self,
        fields: &Fields<'a>,
        name: &str,
        read: impl FnOnce(&mut Self, &'a Node, &str) -> Option<T>,
    ) -> Option<T> {
        let entry = fields.get(name)?;
        read(self, &entry.node, &fields.path(name))
    }

    /// The field `name`, which must be given.
    pub(crate) fn required<'a, T>(
        &mut self,
        fields: &Fields<'a>,
        name: &str,
        read: impl FnOnce(&mut Self, &'a Node, &str) -> Option<T>,
    ) -> Option<T> {
        if fields.get(name).is_none() {
            return self.complain(fields.at, &fields.path(name), "is missing");
        }
        self.optional(fields, name, read)
    }

    /// A line of text for people.
    pub(crate) fn text(&mut self, node: &Node, path: &str) -> Option<String> {
        if let Value::Text(text) = &node.value
            && is_line(text)
        {
            return Some(text.clone());
        }
        let problem = format!("must be a text in quotes: one line of 1 to {MAX_NAME} characters");
        self.complain(node.at, path, problem)
    }

    /// A name for machines: small letters, digits, `-`.
    pub(crate) fn id(&mut self, node: &Node, path: &str) -> Option<String> {
        let text = self.text(node, path)?;
        let fits = text.len() <= 64
            && text.starts_with(|first: char| first.is_ascii_lowercase() || first.is_ascii_digit())
            && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        if fits {
            return Some(text);
        }
        self.complain(node.at, path, "must be 1 to 64 of a-z, 0-9 and '-', and not begin with '-'")
    }

    /// A text that means a `T`.
    pub(crate) fn parsed<T, E: Display>(
        &mut self,
        node: &Node,
        path: &str,
        parse: impl FnOnce(String) -> Result<T, E>,
    ) -> Option<T> {
        let Value::Text(text) = &node.value else {
            return self.complain(node.at, path, "must be a text in quotes");
        };
        parse(text.clone()).or_else(|error| self.complain(node.at, path, error).ok_or(())).ok()
    }

    /// One of the `allowed` words.
    pub(crate) fn word<T: Copy>(&mut self, node: &Node, path: &str, allowed: &[(&str, T)]) -> Option<T> {
        if let Value::Text(text) = &node.value
            && let Some((_, meant)) = allowed.iter().find(|(word, _)| word == text)
        {
            return Some(*meant);
        }
        self.complain(node.at, path, format!("must be {}", one_of(allowed)))
    }

    /// A whole number in `range`.
    pub(crate) fn number(&mut self, node: &Node, path: &str, range: RangeInclusive<u32>) -> Option<u32> {
        if let Value::Number(number) = node.value
            && let Some(number) = u32::try_from(number).ok().filter(|number| range.contains(number))
        {
            return Some(number);
        }
        let problem = format!("must be a whole number from {} to {}", range.start(), range.end());
        self.complain(node.at, path, problem)
    }

    pub(crate) fn truth(&mut self, node: &Node, path: &str) -> Option<bool> {
        let Value::Truth(truth) = node.value else {
            return self.complain(node.at, path, "must be true or false");
        };
        Some(truth)
    }

    /// A list of 1 to `most` different items.
    pub(crate) fn list<'a, T: PartialEq>(
        &mut self,
        node: &'a Node,
        path: &str,
        most: usize,
        mut read: impl FnMut(&mut Self, &'a Node, &str) -> Option<T>,
    ) -> Option<Vec<T>> {
        let Value::List(nodes) = &node.value else {
            return self.complain(node.at, path, "must be a list in [ ]");
        };
        if nodes.is_empty() || nodes.len() > most {
            let problem = format!("must hold 1 to {most} items, not {}", nodes.len());
            return self.complain(node.at, path, problem);
        }
        let mut list = Vec::new();
        for (index, node) in nodes.iter().enumerate() {
            let Some(item) = read(self, node, &format!("{path}[{}]", index + 1)) else { continue };
            if list.contains(&item) {
                self.complain::<()>(node.at, path, format!("item {} stands there twice", index + 1));
            }
            list.push(item);
        }
        Some(list)
    }
}

/// `"a", "b" or "c"`.
fn one_of<T>(allowed: &[(&str, T)]) -> String {
    let mut text = String::new();
    for (index, (word, _)) in allowed.iter().enumerate() {
        let before = match index {
            0 => "",
            last if last + 1 == allowed.len() => " or ",
            _ => ", ",
        };
        // Writing to a string cannot fail.
        let _ = write!(text, "{before}\"{word}\"");
    }
    text
}

/// A stranger's name for a field, fit for a terminal.
fn shown(name: &str) -> String {
    name.chars().take(64).flat_map(char::escape_debug).collect()
}

fn is_line(text: &str) -> bool {
    !text.trim().is_empty() && text.chars().count() <= MAX_NAME && !text.chars().any(char::is_control)
}
