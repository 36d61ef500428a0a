//! `/etc/ufw/ufw.conf`.

/// Whether ufw is to be started: `ENABLED=yes`.
pub fn enabled(text: &str) -> bool {
    let settings = text.lines().filter_map(|line| line.trim().split_once('='));
    let enabled = settings.filter(|(name, _)| *name == "ENABLED").map(|(_, value)| value.trim()).next_back();
    enabled.is_some_and(|value| value.trim_matches(['"', '\'']).eq_ignore_ascii_case("yes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_yes_is_yes() {
        assert!(enabled("# comment\nENABLED=yes\nLOGLEVEL=low\n") && enabled("ENABLED=\"Yes\""));
        assert!(
            !enabled("")
                && !enabled("ENABLED=no")
                && !enabled("#ENABLED=yes")
                && !enabled("ENABLED=yes\nENABLED=no")
        );
    }
}
