//! What a person reads, in their language: the Fluent files of `ui/locales`, which the window reads as well.
//!
//! Nothing here reads the environment, the clock or a file: the locale and the time zone are arguments.
#![warn(missing_docs)]

mod bundle;
mod failure;
mod function;
mod locale;
mod posture;
mod printable;

#[cfg(test)]
mod tests;

use std::fmt;

pub use jiff::tz::TimeZone;

pub use self::bundle::Isolation;
pub use self::failure::{FailureText, failure_name};
pub use self::function::{bytes, clock};
pub use self::locale::{Locale, UnknownLocale};
pub use self::posture::FindingText;
pub use self::printable::printable;

use self::bundle::Chain;

/// The texts of one locale. What is missing in it comes from its fallbacks, and is at last shown by its id.
pub struct Texts {
    locale: Locale,
    chain: Chain,
}

impl fmt::Debug for Texts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Texts").field("locale", &self.locale).finish_non_exhaustive()
    }
}

impl Texts {
    /// The texts of `locale`, with instants shown in `zone`.
    pub fn new(locale: Locale, zone: &TimeZone, isolation: Isolation) -> Self {
        Self { locale, chain: Chain::new(locale, zone, isolation) }
    }

    /// Whose texts these are.
    pub fn locale(&self) -> Locale {
        self.locale
    }

    /// The message `id`, which takes no arguments.
    pub fn say(&self, id: &str) -> String {
        self.say_with(id, &[])
    }

    /// The message `id` with its arguments, by name.
    pub fn say_with(&self, id: &str, args: &[(&str, Arg)]) -> String {
        self.find(id, None, args).unwrap_or_else(|| missing(id))
    }

    /// An attribute of the message `id`, such as the `remedy` of a failure, where it has one.
    pub fn attribute(&self, id: &str, attribute: &str, args: &[(&str, Arg)]) -> Option<String> {
        self.find(id, Some(attribute), args)
    }

    /// The message `id`, where there is one.
    pub fn find(&self, id: &str, attribute: Option<&str>, args: &[(&str, Arg)]) -> Option<String> {
        self.chain.format(id, attribute, args)
    }
}

/// A message that is not there is shown by its id rather than not at all.
fn missing(id: &str) -> String {
    tracing::debug!(id, "there is no such text");
    id.to_owned()
}

/// An argument of a message. A text is made [`printable`] on the way in, whoever it comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum Arg {
    /// A text.
    Text(String),
    /// A number, which also chooses between singular and plural.
    Number(f64),
}

impl From<&str> for Arg {
    fn from(text: &str) -> Self {
        Self::Text(printable(text))
    }
}

impl From<&String> for Arg {
    fn from(text: &String) -> Self {
        text.as_str().into()
    }
}

impl From<String> for Arg {
    fn from(text: String) -> Self {
        text.as_str().into()
    }
}

macro_rules! numbers {
    ($($kind:ty),*) => {$(
        impl From<$kind> for Arg {
            #[allow(clippy::cast_precision_loss, clippy::cast_lossless, reason = "what a person reads is rounded long before")]
            fn from(number: $kind) -> Self {
                Self::Number(number as f64)
            }
        }
    )*};
}

numbers!(u8, u16, u32, u64, usize, i64);

impl From<std::time::Duration> for Arg {
    /// Whole seconds, for the function DURATION.
    fn from(duration: std::time::Duration) -> Self {
        duration.as_secs().into()
    }
}

impl From<praya_model::Timestamp> for Arg {
    /// Whole seconds since the epoch, for the function INSTANT.
    fn from(at: praya_model::Timestamp) -> Self {
        at.as_secs().into()
    }
}
