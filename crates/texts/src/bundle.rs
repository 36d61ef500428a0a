//! The embedded files, and how a message of them is found and formatted.

use std::borrow::Cow;
use std::sync::Arc;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};
use jiff::tz::TimeZone;

use crate::function;
use crate::{Arg, Locale};

/// Whether arguments are wrapped in direction isolates (U+2068, U+2069).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isolation {
    /// For whatever lays text out with bidirectional scripts: a name cannot turn the sentence around it.
    On,
    /// For terminals and menus, which show the marks or count them.
    Off,
}

macro_rules! files {
    ($locale:literal) => {
        [
            include_str!(concat!("../../../ui/locales/", $locale, "/common.ftl")),
            include_str!(concat!("../../../ui/locales/", $locale, "/desktop.ftl")),
            include_str!(concat!("../../../ui/locales/", $locale, "/cli.ftl")),
        ]
    };
}

/// The texts of one locale as they are written.
fn files(locale: Locale) -> [&'static str; 3] {
    match locale {
        Locale::En => files!("en"),
        Locale::ZhHantTw => files!("zh-Hant-TW"),
        Locale::ZhHantMo => files!("zh-Hant-MO"),
        Locale::PtMo => files!("pt-MO"),
    }
}

type Bundle = FluentBundle<Arc<FluentResource>>;
type Resources = Vec<Arc<FluentResource>>;

/// The bundles of a locale and its fallbacks, the locale's own first.
pub(crate) struct Chain(Vec<Bundle>);

impl Chain {
    /// The messages of `locale`, with the functions that they call.
    pub(crate) fn new(locale: Locale, zone: &TimeZone, isolation: Isolation) -> Self {
        let parsed = locale.with_fallbacks().iter().map(|&locale| (locale, parse(&files(locale))));
        Self::of(&parsed.collect::<Vec<_>>(), zone, isolation)
    }

    /// As [`Chain::new`], of files that are parsed already.
    pub(crate) fn of(parsed: &[(Locale, Resources)], zone: &TimeZone, isolation: Isolation) -> Self {
        // The functions say their units with messages, which call no functions themselves.
        let units = Arc::new(Self::plain(parsed, Isolation::Off));
        let mut chain = Self::plain(parsed, isolation);
        for bundle in &mut chain.0 {
            add_functions(bundle, &units, zone);
        }
        chain
    }

    fn plain(parsed: &[(Locale, Resources)], isolation: Isolation) -> Self {
        let bundles = parsed.iter().map(|(locale, resources)| {
            let mut bundle = Bundle::new_concurrent(vec![locale.for_plurals()]);
            bundle.set_use_isolating(isolation == Isolation::On);
            for resource in resources {
                bundle.add_resource_overriding(Arc::clone(resource));
            }
            bundle
        });
        Self(bundles.collect())
    }

    /// The message, or its attribute, from the first bundle that has it.
    pub(crate) fn format(&self, id: &str, attribute: Option<&str>, args: &[(&str, Arg)]) -> Option<String> {
        let args: FluentArgs<'_> = args.iter().map(|(name, arg)| (Cow::Borrowed(*name), arg)).collect();
        let (bundle, message) = self.0.iter().find_map(|bundle| Some((bundle, bundle.get_message(id)?)))?;
        let pattern = match attribute {
            Some(attribute) => message.get_attribute(attribute)?.value(),
            None => message.value()?,
        };
        let mut errors = Vec::new();
        let text = bundle.format_pattern(pattern, Some(&args), &mut errors).into_owned();
        if !errors.is_empty() {
            // What could not be put in is shown by its name; the rest of the text still helps.
            tracing::debug!(id, attribute, ?errors, "a text is not complete");
        }
        Some(text)
    }

    /// A message of the functions' own.
    fn unit(&self, id: &str, args: &[(&str, Arg)]) -> String {
        self.format(id, None, args).unwrap_or_else(|| id.to_owned())
    }
}

/// Reads the files of one locale. That they have no mistakes is kept by a test; a mistake costs its message only.
pub(crate) fn parse(files: &[&str]) -> Resources {
    let read = |file: &&str| match FluentResource::try_new((*file).to_owned()) {
        Ok(resource) => resource,
        Err((resource, errors)) => {
            tracing::debug!(?errors, "a file of texts has mistakes");
            resource
        }
    };
    files.iter().map(read).map(Arc::new).collect()
}

impl<'a> From<&'a Arg> for FluentValue<'a> {
    fn from(arg: &'a Arg) -> Self {
        match arg {
            Arg::Text(text) => text.as_str().into(),
            Arg::Number(number) => (*number).into(),
        }
    }
}

/// Puts DURATION, BYTES and INSTANT into `bundle`, in the words of `units`.
fn add_functions(bundle: &mut Bundle, units: &Arc<Chain>, zone: &TimeZone) {
    let words = Arc::clone(units);
    let duration = move |seconds: f64| {
        let part = |(id, count): function::Part| words.unit(id, &[("n", count.into())]);
        match function::span(whole(seconds)) {
            (only, None) => part(only),
            (large, Some(small)) => {
                words.unit("duration-two", &[("large", part(large).into()), ("small", part(small).into())])
            }
        }
    };
    let words = Arc::clone(units);
    let bytes = move |count: f64| function::bytes(whole(count), &words.unit("decimal-separator", &[]));
    let (words, zone) = (Arc::clone(units), zone.clone());
    #[expect(clippy::cast_possible_truncation, reason = "instants beyond the calendar are none")]
    let instant = move |unix_seconds: f64| match function::date_time(unix_seconds as i64, &zone) {
        Some(parts) => words.unit("date-time", &parts.map(|(name, part)| (name, part.into()))),
        None => words.unit("date-time-unknown", &[]),
    };
    add(bundle, "DURATION", duration);
    add(bundle, "BYTES", bytes);
    add(bundle, "INSTANT", instant);
}

/// Puts a function of one number into `bundle`.
fn add(bundle: &mut Bundle, name: &str, function: impl Fn(f64) -> String + Send + Sync + 'static) {
    let added = bundle.add_function(name, move |positional, _| match positional {
        [FluentValue::Number(number)] => function(number.value).into(),
        _ => FluentValue::Error,
    });
    // Each bundle is new, so no name is taken.
    debug_assert!(added.is_ok(), "{name} is there already");
}

/// A count of something: nothing below zero, and whole.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the cast saturates, which is meant"
)]
fn whole(number: f64) -> u64 {
    number as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_have_no_mistakes() {
        for locale in Locale::ALL {
            for file in files(locale) {
                if let Err((_, errors)) = FluentResource::try_new(file.to_owned()) {
                    panic!("{locale}: {errors:?}");
                }
            }
        }
    }

    #[test]
    fn what_one_locale_lacks_comes_from_the_next_and_what_all_lack_from_nowhere() {
        let parsed = [
            (Locale::ZhHantMo, parse(&["a = 甲 { $x }\nbad = "])),
            (Locale::ZhHantTw, parse(&["a = 乙\nb = 丙\n    .remedy = 丁"])),
        ];
        let chain = Chain::of(&parsed, &TimeZone::UTC, Isolation::Off);
        let say = |id: &str, attribute| chain.format(id, attribute, &[("x", "1".into())]);
        assert_eq!(say("a", None).as_deref(), Some("甲 1"));
        assert_eq!(say("b", None).as_deref(), Some("丙"));
        assert_eq!(say("b", Some("remedy")).as_deref(), Some("丁"));
        assert_eq!(say("a", Some("remedy")), None);
        assert_eq!(say("c", None), None);
    }
}
