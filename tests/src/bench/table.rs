//! Tables that are readable as they are and in Markdown.

use std::fmt::Write;

/// The first row is the head, the first column is text, the others are numbers.
pub(crate) fn pipe_table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let cell = |row: &Vec<String>, column: usize| row.get(column).cloned().unwrap_or_default();
    let width =
        |column: usize| rows.iter().map(|row| cell(row, column).chars().count()).max().unwrap_or(0).max(3);
    let mut text = String::new();
    for (number, row) in rows.iter().enumerate() {
        for column in 0..columns {
            let (cell, width) = (cell(row, column), width(column));
            // Writing to a string does not fail.
            let _ = if column == 0 {
                write!(text, "| {cell:<width$} ")
            } else {
                write!(text, "| {cell:>width$} ")
            };
        }
        text.push_str("|\n");
        if number == 0 {
            for column in 0..columns {
                let dashes = "-".repeat(width(column));
                let _ = if column == 0 { write!(text, "| {dashes} ") } else { write!(text, "|{dashes}-:") };
            }
            text.push_str("|\n");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::pipe_table;

    #[test]
    fn columns_are_aligned() {
        let row = |cells: &[&str]| cells.iter().map(|&cell| cell.to_owned()).collect::<Vec<_>>();
        let table = pipe_table(&[row(&["who", "Gbit/s"]), row(&["a → b", "1.00"])]);
        assert_eq!(table, "| who   | Gbit/s |\n| ----- |-------:|\n| a → b |   1.00 |\n");
    }
}
