//! Columns: how wide a text is on a terminal.

/// Columns that `line` takes: colours none, East Asian characters two.
pub(crate) fn width(line: &str) -> usize {
    let mut in_colour = false;
    let mut width = 0;
    for c in line.chars() {
        match c {
            '\u{1b}' => in_colour = true,
            'm' if in_colour => in_colour = false,
            _ if in_colour => {}
            '\u{1100}'..='\u{115f}'
            | '\u{2e80}'..='\u{a4cf}'
            | '\u{ac00}'..='\u{d7a3}'
            | '\u{f900}'..='\u{faff}'
            | '\u{fe30}'..='\u{fe4f}'
            | '\u{ff00}'..='\u{ff60}'
            | '\u{ffe0}'..='\u{ffe6}'
            | '\u{20000}'..='\u{3fffd}' => width += 2,
            _ => width += 1,
        }
    }
    width
}

/// `text`, with spaces up to that many columns.
pub(crate) fn padded(text: &str, columns: usize) -> String {
    format!("{text}{:1$}", "", columns.saturating_sub(width(text)))
}

/// The columns of the widest.
pub(crate) fn widest(texts: impl IntoIterator<Item = impl AsRef<str>>) -> usize {
    texts.into_iter().map(|text| width(text.as_ref())).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_under_each_other_in_every_script() {
        assert_eq!(widest(["VPN 名稱", "狀態", "User"]), 8);
        assert_eq!(padded("狀態", 8), "狀態    ");
        assert_eq!(padded("\u{1b}[32mok\u{1b}[0m", 4), "\u{1b}[32mok\u{1b}[0m  ");
        assert_eq!(padded("too wide", 3), "too wide");
    }
}
