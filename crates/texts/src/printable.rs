//! Texts of peers, made safe to show.

/// `text` without anything that steers a terminal or turns a line around: control characters and direction marks
/// become spaces; line feeds stay.
pub fn printable(text: &str) -> String {
    text.chars()
        .map(|c| {
            let redirects = matches!(
                c,
                '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
            );
            if (c.is_control() && c != '\n') || redirects { ' ' } else { c }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peers_text_cannot_steer_the_terminal() {
        assert_eq!(printable("a\u{1b}[31mb\u{202e}c\td\ne"), "a [31mb c d\ne");
    }
}
