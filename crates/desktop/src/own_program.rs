//! A program of the person's own to open resources with: its words, and what of an address is put into them. No shell
//! reads them; whatever stands in for a placeholder stays within its argument.

use serde::{Deserialize, Serialize};

/// The most words, the program among them.
const MAX_WORDS: usize = 32;
/// The longest word, in bytes.
const MAX_WORD: usize = 1024;

/// A program and its arguments, in which `{url}`, `{host}` and `{port}` stand for those of the resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
#[cfg_attr(test, derive(ts_rs::TS), ts(type = "Array<string>"))]
pub struct OwnProgram {
    program: String,
    args: Vec<String>,
}

/// What is wrong with the words of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum ProgramFault {
    /// It is neither a name nor a path from the root.
    #[error("the program is neither a name nor an absolute path")]
    NoName,
    /// There are more than 32 words, one has more than 1024 bytes, or there are control characters.
    #[error("too many words, too long a word, or control characters")]
    TooMuch,
    /// Something else than a placeholder stands in braces.
    #[error("only {{url}}, {{host}} and {{port}} may stand in braces")]
    UnknownPlaceholder,
    /// No argument says what is to be opened.
    #[error("neither {{url}} nor {{host}} is among the arguments")]
    NoAddress,
    /// This machine has no such program, or the person may not run it.
    #[error("there is no such program")]
    NotThere,
}

impl OwnProgram {
    /// Its name, to be looked up in the search path, or its absolute path.
    pub fn program(&self) -> &str {
        &self.program
    }

    /// The arguments, with what `value` has for each placeholder; it is asked with the placeholder's name and whether
    /// nothing else stands in the argument. `None` where it has none.
    pub fn args(&self, mut value: impl FnMut(&str, bool) -> Option<String>) -> Option<Vec<String>> {
        self.args.iter().map(|word| fill(word, &mut value)).collect()
    }
}

impl TryFrom<Vec<String>> for OwnProgram {
    type Error = ProgramFault;

    fn try_from(words: Vec<String>) -> Result<Self, ProgramFault> {
        let fits = |word: &String| word.len() <= MAX_WORD && !word.chars().any(char::is_control);
        if words.len() > MAX_WORDS || !words.iter().all(fits) {
            return Err(ProgramFault::TooMuch);
        }
        let mut words = words.into_iter();
        let program = words.next().unwrap_or_default();
        let is_name = !program.is_empty() && !program.starts_with('-') && !program.contains(['/', '\\']);
        if !is_name && !std::path::Path::new(&program).is_absolute() {
            return Err(ProgramFault::NoName);
        }
        let this = Self { program, args: words.collect() };
        let mut names_it = false;
        let known = this.args(|name, _| {
            names_it |= ["url", "host"].contains(&name);
            ["url", "host", "port"].contains(&name).then(String::new)
        });
        match known {
            None => Err(ProgramFault::UnknownPlaceholder),
            Some(_) if !names_it => Err(ProgramFault::NoAddress),
            Some(_) => Ok(this),
        }
    }
}

impl From<OwnProgram> for Vec<String> {
    fn from(own: OwnProgram) -> Self {
        std::iter::once(own.program).chain(own.args).collect()
    }
}

/// `word` with every placeholder filled in; what is filled in is not looked at again.
fn fill(word: &str, value: &mut impl FnMut(&str, bool) -> Option<String>) -> Option<String> {
    let mut parts = word.split('{');
    let mut filled = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (name, rest) = part.split_once('}')?;
        filled += &value(name, word.len() == name.len() + "{}".len())?;
        filled += rest;
    }
    Some(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(words: &[&str]) -> Result<OwnProgram, ProgramFault> {
        words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>().try_into()
    }

    #[test]
    fn only_words_that_can_be_understood_are_taken() {
        for good in [
            &["firefox", "{url}"][..],
            &["/opt/my viewer/run", "--to={host}:{port}", "a b"],
            &["putty", "-P", "{port}", "{host}"],
        ] {
            let words: Vec<String> = own(good).unwrap().into();
            assert_eq!(words, good);
        }
        let many = vec!["{url}"; 33];
        let long = "x".repeat(1025);
        for (bad, fault) in [
            (&[][..], ProgramFault::NoName),
            (&["", "{url}"], ProgramFault::NoName),
            (&["bin/x", "{url}"], ProgramFault::NoName),
            (&["-x", "{url}"], ProgramFault::NoName),
            (&many, ProgramFault::TooMuch),
            (&["x", &long, "{url}"], ProgramFault::TooMuch),
            (&["x", "{url}\n"], ProgramFault::TooMuch),
            (&["x", "{url}", "{user}"], ProgramFault::UnknownPlaceholder),
            (&["x", "{url", "{host}"], ProgramFault::UnknownPlaceholder),
            (&["x", "{{url}}"], ProgramFault::UnknownPlaceholder),
            (&["x", "url"], ProgramFault::NoAddress),
            (&["{url}", "{port}"], ProgramFault::NoAddress),
        ] {
            assert_eq!(own(bad), Err(fault), "{bad:?}");
        }
    }

    #[test]
    fn what_is_filled_in_is_not_filled_again() {
        let own = own(&["x", "{url}", "a {host} b {url}"]).unwrap();
        let args = own.args(|name, alone| Some(format!("{{{name}}} {alone}")));
        assert_eq!(args.unwrap(), ["{url} true", "a {host} false b {url} false"]);
    }
}
