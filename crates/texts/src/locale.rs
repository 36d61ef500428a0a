//! Which of the four locales a person gets.

use std::fmt;
use std::str::FromStr;

use unic_langid::LanguageIdentifier;

/// A locale that there are texts in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Locale {
    /// English.
    #[default]
    En,
    /// Chinese in traditional characters, with the words of Taiwan.
    ZhHantTw,
    /// Chinese in traditional characters, with the words of Macau.
    ZhHantMo,
    /// European Portuguese as written in Macau.
    PtMo,
}

impl Locale {
    /// Every locale.
    pub const ALL: [Self; 4] = [Self::En, Self::ZhHantTw, Self::ZhHantMo, Self::PtMo];

    /// The BCP 47 tag, which is also the name of the folder under `ui/locales`.
    pub const fn tag(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::ZhHantTw => "zh-Hant-TW",
            Self::ZhHantMo => "zh-Hant-MO",
            Self::PtMo => "pt-MO",
        }
    }

    /// The language's name in itself, for a list to choose from.
    pub const fn own_name(self) -> &'static str {
        match self {
            Self::En => "English",
            Self::ZhHantTw => "繁體中文（台灣）",
            Self::ZhHantMo => "繁體中文（澳門）",
            Self::PtMo => "Português (Macau)",
        }
    }

    /// The locale that serves a reader of `tag` best: a BCP 47 tag, or a POSIX locale name such as `zh_TW.UTF-8`.
    ///
    /// Hong Kong's words are Macau's. Every other kind of Chinese gets Taiwan's, and every Portuguese the one there
    /// is. `C` and `POSIX` are English; of other languages nothing is known.
    pub fn negotiate(tag: &str) -> Option<Self> {
        let name = tag.split(['.', '@']).next().unwrap_or_default().to_ascii_lowercase();
        let mut subtags = name.split(['-', '_']);
        match subtags.next()? {
            "en" | "c" | "posix" => Some(Self::En),
            "pt" => Some(Self::PtMo),
            "zh" | "yue" => {
                let of_macau = subtags.any(|subtag| matches!(subtag, "mo" | "hk"));
                Some(if of_macau { Self::ZhHantMo } else { Self::ZhHantTw })
            }
            _ => None,
        }
    }

    /// The locale that the environment asks for, `variable` being what looks a variable up: `PRAYA_LANG` where it
    /// names a language that there is, else the first of `LC_ALL`, `LC_MESSAGES` and `LANG` that is set, as POSIX has
    /// it. Else English.
    pub fn from_environment(variable: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        if let Some(locale) = set("PRAYA_LANG").and_then(|tag| Self::negotiate(&tag)) {
            return locale;
        }
        let asked = ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().find_map(set);
        asked.and_then(|tag| Self::negotiate(&tag)).unwrap_or_default()
    }

    /// Where a text that is missing here is looked for, this locale first.
    pub(crate) const fn with_fallbacks(self) -> &'static [Self] {
        match self {
            Self::En => &[Self::En],
            Self::ZhHantTw => &[Self::ZhHantTw, Self::En],
            Self::ZhHantMo => &[Self::ZhHantMo, Self::ZhHantTw, Self::En],
            Self::PtMo => &[Self::PtMo, Self::En],
        }
    }

    /// The locale whose plural rules hold: Macau's Portuguese has Portugal's, where 0 takes the plural.
    pub(crate) fn for_plurals(self) -> LanguageIdentifier {
        let tag = match self {
            Self::En => "en",
            Self::ZhHantTw | Self::ZhHantMo => "zh",
            Self::PtMo => "pt-PT",
        };
        tag.parse().expect("these four are well-formed")
    }
}

impl fmt::Display for Locale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.tag())
    }
}

/// There are no texts in the language that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownLocale;

impl fmt::Display for UnknownLocale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "there are texts in {}", Locale::ALL.map(Locale::tag).join(", "))
    }
}

impl std::error::Error for UnknownLocale {}

impl FromStr for Locale {
    type Err = UnknownLocale;

    fn from_str(tag: &str) -> Result<Self, UnknownLocale> {
        Self::negotiate(tag).ok_or(UnknownLocale)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_gets_the_nearest_locale() {
        for (tag, locale) in [
            ("zh_TW.UTF-8", Some(Locale::ZhHantTw)),
            ("zh-Hant-TW", Some(Locale::ZhHantTw)),
            ("zh", Some(Locale::ZhHantTw)),
            ("zh_CN.GB18030", Some(Locale::ZhHantTw)),
            ("zh_HK", Some(Locale::ZhHantMo)),
            ("zh_MO.UTF-8@x", Some(Locale::ZhHantMo)),
            ("ZH-HANT-mo", Some(Locale::ZhHantMo)),
            ("pt_PT@euro", Some(Locale::PtMo)),
            ("pt-BR", Some(Locale::PtMo)),
            ("en_GB.UTF-8", Some(Locale::En)),
            ("C.UTF-8", Some(Locale::En)),
            ("de_DE", None),
            ("", None),
        ] {
            assert_eq!(Locale::negotiate(tag), locale, "{tag}");
        }
    }

    #[test]
    fn the_environment_is_asked_in_the_order_of_posix() {
        let of = |variables: &[(&str, &str)]| {
            let look = |name: &str| {
                variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
            };
            Locale::from_environment(look)
        };
        assert_eq!(of(&[]), Locale::En);
        assert_eq!(of(&[("LANG", "zh_TW.UTF-8")]), Locale::ZhHantTw);
        assert_eq!(of(&[("LANG", "zh_TW.UTF-8"), ("LC_MESSAGES", "pt_PT.UTF-8")]), Locale::PtMo);
        assert_eq!(of(&[("LANG", "zh_TW.UTF-8"), ("LC_ALL", "C")]), Locale::En);
        assert_eq!(of(&[("LANG", "zh_TW.UTF-8"), ("LC_ALL", "")]), Locale::ZhHantTw);
        assert_eq!(of(&[("LC_ALL", "C"), ("PRAYA_LANG", "zh-Hant-MO")]), Locale::ZhHantMo);
        assert_eq!(of(&[("LC_ALL", "pt_PT"), ("PRAYA_LANG", "klingon")]), Locale::PtMo);
    }

    #[test]
    fn a_tag_finds_its_own_locale() {
        for locale in Locale::ALL {
            assert_eq!(locale.tag().parse(), Ok(locale));
        }
    }
}
