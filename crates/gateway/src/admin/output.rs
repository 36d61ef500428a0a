//! How results look: tables for eyes, JSON for programs. Names that came from outside never reach a terminal raw.

use std::io::{self, Write};

use serde::Serialize;

use crate::exit::{Code, Fatal, Result};

/// Where results go.
pub struct Output<'a> {
    /// Whether as JSON.
    pub json: bool,
    /// Whether the standard output is a terminal.
    pub terminal: bool,
    /// The standard output.
    pub to: &'a mut dyn Write,
}

/// Rows under headings.
#[derive(Clone, Debug, Default)]
pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Output<'_> {
    /// Shows `value`, either as JSON or as `human` puts it.
    ///
    /// # Errors
    /// The output cannot be written to.
    pub fn show<T: Serialize + ?Sized>(&mut self, value: &T, human: impl FnOnce() -> String) -> Result<()> {
        let text = if self.json {
            let text = serde_json::to_string_pretty(value);
            text.map_err(|error| Fatal::new(Code::Software, format!("cannot write JSON: {error}")))?
        } else {
            human()
        };
        self.line(&text)
    }

    /// Shows one record of a stream: a line of text, or one JSON object on a line.
    ///
    /// # Errors
    /// The output cannot be written to.
    pub fn record<T: Serialize + ?Sized>(&mut self, value: &T, human: impl FnOnce() -> String) -> Result<()> {
        let text = if self.json {
            serde_json::to_string(value)
                .map_err(|error| Fatal::new(Code::Software, format!("cannot write JSON: {error}")))?
        } else {
            human()
        };
        self.line(&text)
    }

    fn line(&mut self, text: &str) -> Result<()> {
        let written = writeln!(self.to, "{}", text.trim_end()).and_then(|()| self.to.flush());
        written.map_err(|error| {
            if error.kind() == io::ErrorKind::BrokenPipe {
                // Whoever read us has seen enough.
                Fatal::new(Code::Failed, String::new())
            } else {
                Fatal::new(Code::Disk, format!("cannot write the output: {error}"))
            }
        })
    }
}

impl Table {
    /// A table with these headings.
    pub fn new<const N: usize>(headings: [&str; N]) -> Self {
        Self { rows: vec![headings.map(str::to_owned).to_vec()] }
    }

    /// Adds a row; cells are made printable.
    pub fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.iter().map(|cell| printable(cell)).collect());
    }

    /// The table as text, or `empty` when it has no rows.
    pub fn render(&self, empty: &str) -> String {
        if self.rows.len() < 2 {
            return empty.to_owned();
        }
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            self.rows
                .iter()
                .filter_map(|row| row.get(column))
                .map(|cell| cell.chars().count())
                .max()
                .unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let mut text = String::new();
        for row in &self.rows {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(&widths) {
                line.push_str(&format!("{cell:<width$}  "));
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

/// `text` without anything that a terminal would obey or that hides what stands there.
pub fn printable(text: &str) -> String {
    text.chars().map(|c| if is_hidden(c) { '\u{fffd}' } else { c }).collect()
}

/// As [`printable`], for a text of several lines, which stay.
pub(super) fn printable_lines(text: &str) -> String {
    let layout = |c: char| matches!(c, '\n' | '\t');
    let plain = text.replace("\r\n", "\n");
    plain.chars().map(|c| if is_hidden(c) && !layout(c) { '\u{fffd}' } else { c }).collect()
}

fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_nothing_steers_the_terminal() {
        let mut table = Table::new(["NAME", "HOST"]);
        table.row(["a".into(), "pc\u{1b}[31m".into()]);
        table.row(["long name".into(), "\u{202e}x".into()]);
        assert_eq!(
            table.render("nobody"),
            "NAME       HOST\na          pc\u{fffd}[31m\nlong name  \u{fffd}x\n"
        );
        assert_eq!(Table::new(["NAME"]).render("nobody"), "nobody");
        assert_eq!(
            printable_lines("a\r\n\tb\u{1b}[2J\u{9b}\u{202e}\rc\n"),
            "a\n\tb\u{fffd}[2J\u{fffd}\u{fffd}\u{fffd}c\n"
        );
    }
}
