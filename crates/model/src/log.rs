//! What is logged, as people write it: `info`, or `info, praya_datapath=debug`.

use std::fmt;

const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// A text is not a log filter: a part of it that is not one, or all of it when it says nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadFilter(String);

impl fmt::Display for BadFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} is neither a level ({}) nor one for a part of the program, such as praya_datapath=debug",
            self.0,
            LEVELS.join(", ")
        )
    }
}

impl std::error::Error for BadFilter {}

/// The filter for the library that logs, which would take blanks for part of a name, a comma at the end for `error`, and
/// a level that it does not know for a name that nothing has.
///
/// # Errors
/// What is neither a level nor `name=level`.
pub fn filter(text: &str) -> Result<String, BadFilter> {
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    let parts = parts.map(part).collect::<Result<Vec<_>, _>>()?;
    if parts.is_empty() { Err(BadFilter(text.to_owned())) } else { Ok(parts.join(",")) }
}

fn part(text: &str) -> Result<String, BadFilter> {
    let (name, level) = match text.split_once('=') {
        Some((name, level)) => (Some(name.trim_end()), level.trim_start()),
        None => (None, text),
    };
    let is_level = LEVELS.iter().any(|known| known.eq_ignore_ascii_case(level));
    // As in Rust's paths.
    let is_name = |name: &str| {
        !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | ':'))
    };
    match name {
        None if is_level => Ok(level.to_owned()),
        Some(name) if is_level && is_name(name) => Ok(format!("{name}={level}")),
        _ => Err(BadFilter(text.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_and_commas_too_many_mean_nothing() {
        for (text, expected) in [
            ("info", "info"),
            (" WARN\n", "WARN"),
            ("info,", "info"),
            (",,off", "off"),
            ("info, praya_datapath=debug", "info,praya_datapath=debug"),
            ("praya_gateway::tunnel = trace ,rustls=off", "praya_gateway::tunnel=trace,rustls=off"),
        ] {
            assert_eq!(filter(text).as_deref(), Ok(expected), "{text:?}");
        }
    }

    #[test]
    fn what_would_silence_the_log_or_flood_it_is_refused_by_name() {
        for (text, named) in [
            ("", ""),
            (" , ", " , "),
            ("warning", "warning"),
            ("info,praya_datapath", "praya_datapath"),
            ("info praya_datapath=debug", "info praya_datapath=debug"),
            ("info; rustls=off", "info; rustls=off"),
            ("info,praya-datapath=debug", "praya-datapath=debug"),
            ("praya_datapath=", "praya_datapath="),
            ("=debug", "=debug"),
            ("a=b=c", "a=b=c"),
            ("praya_datapath[{session}]=debug", "praya_datapath[{session}]=debug"),
        ] {
            assert_eq!(filter(text), Err(BadFilter(named.to_owned())), "{text:?}");
        }
    }

    #[test]
    fn a_refusal_says_what_would_do() {
        assert_eq!(
            BadFilter("warning".to_owned()).to_string(),
            "\"warning\" is neither a level (off, error, warn, info, debug, trace) nor one for a part of the \
             program, such as praya_datapath=debug"
        );
    }
}
