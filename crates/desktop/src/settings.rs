//! The person's settings, what an administrator fixes of them, and the two files they are kept in.
//!
//! The person's file is theirs: whatever in it cannot be understood gives way to the default, key by key. The
//! administrator's file is not: what cannot be read there fixes the safe choice, and the window says so.

use std::io;
use std::path::Path;

use praya_texts::Locale;
use serde::{Deserialize, Serialize};

use crate::files;
use crate::own_program::OwnProgram;

/// The largest settings file that is read, in bytes.
const MAX_FILE: u64 = 64 * 1024;

/// What the person can choose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Settings {
    /// The language; `None` is the system's.
    pub language: Option<Language>,
    /// Light or dark.
    pub theme: Theme,
    /// The app starts when the person logs in to the desktop.
    pub start_at_login: bool,
    /// It starts without a window where there is a tray.
    pub start_minimised: bool,
    /// At its start it brings a paused tunnel up, or begins the sign-in.
    pub connect_at_start: bool,
    /// The account is filled in next time.
    pub remember_account: bool,
    /// The end of a session, and that it is near, are notified while the window is hidden.
    pub notify_ends: bool,
    /// Losing and regaining the tunnel are notified while the window is hidden.
    pub notify_connection: bool,
    /// How web resources are opened.
    pub open_web: WebOpener,
    /// How remote desktops are opened.
    pub open_rdp: RdpOpener,
    /// How SSH resources are opened.
    pub open_ssh: SshOpener,
    /// How file shares are opened.
    pub open_share: ShareOpener,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            language: None,
            theme: Theme::System,
            start_at_login: false,
            start_minimised: false,
            connect_at_start: false,
            remember_account: true,
            notify_ends: true,
            notify_connection: true,
            open_web: WebOpener::Browser,
            open_rdp: RdpOpener::Automatic,
            open_ssh: SshOpener::Terminal,
            open_share: ShareOpener::FileManager,
        }
    }
}

/// The languages of the app.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum Language {
    /// English.
    #[default]
    #[serde(rename = "en")]
    En,
    /// Chinese as it is written in Taiwan.
    #[serde(rename = "zh-Hant-TW")]
    ZhHantTw,
    /// Chinese as it is written in Macau.
    #[serde(rename = "zh-Hant-MO")]
    ZhHantMo,
    /// Portuguese as it is written in Macau.
    #[serde(rename = "pt-MO")]
    PtMo,
}

impl Language {
    /// The same, as the texts name it.
    pub const fn locale(self) -> Locale {
        match self {
            Self::En => Locale::En,
            Self::ZhHantTw => Locale::ZhHantTw,
            Self::ZhHantMo => Locale::ZhHantMo,
            Self::PtMo => Locale::PtMo,
        }
    }
}

impl From<Locale> for Language {
    fn from(locale: Locale) -> Self {
        match locale {
            Locale::En => Self::En,
            Locale::ZhHantTw => Self::ZhHantTw,
            Locale::ZhHantMo => Self::ZhHantMo,
            Locale::PtMo => Self::PtMo,
        }
    }
}

/// Light or dark.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum Theme {
    /// As the desktop.
    #[default]
    System,
    /// Light.
    Light,
    /// Dark.
    Dark,
}

/// How web resources are opened.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum WebOpener {
    /// In the person's browser.
    #[default]
    Browser,
    /// The address is copied.
    CopyAddress,
    /// With a program of the person's own.
    #[serde(untagged)]
    Own(OwnProgram),
}

/// How remote desktops are opened.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum RdpOpener {
    /// With the program that is there.
    #[default]
    Automatic,
    /// With Remmina.
    Remmina,
    /// With FreeRDP.
    Freerdp,
    /// The address is copied.
    CopyAddress,
    /// With a program of the person's own.
    #[serde(untagged)]
    Own(OwnProgram),
}

/// How SSH resources are opened.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum SshOpener {
    /// In the terminal that is there.
    #[default]
    Terminal,
    /// The address is copied.
    CopyAddress,
    /// With a program of the person's own.
    #[serde(untagged)]
    Own(OwnProgram),
}

/// How file shares are opened.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum ShareOpener {
    /// In the file manager.
    #[default]
    FileManager,
    /// The address is copied.
    CopyAddress,
    /// With a program of the person's own.
    #[serde(untagged)]
    Own(OwnProgram),
}

macro_rules! settings {
    ($($key:ident, $field:ident: $type:ty, $safe:expr;)*) => {
        /// Names one setting.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[cfg_attr(test, derive(ts_rs::TS))]
        #[serde(rename_all = "snake_case")]
        pub enum SettingKey {
            $(
                #[doc = concat!("[`Settings::", stringify!($field), "`].")]
                $key,
            )*
        }

        /// One setting and the value that it shall have.
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[cfg_attr(test, derive(ts_rs::TS))]
        #[serde(tag = "key", content = "value", rename_all = "snake_case")]
        pub enum Setting {
            $(
                #[doc = concat!("[`Settings::", stringify!($field), "`].")]
                $key($type),
            )*
        }

        impl SettingKey {
            /// Every setting.
            pub const ALL: &[Self] = &[$(Self::$key),*];

            /// Its key in the files.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$key => stringify!($field),)*
                }
            }
        }

        impl Setting {
            /// Which one it is.
            pub const fn key(&self) -> SettingKey {
                match self {
                    $(Self::$key(_) => SettingKey::$key,)*
                }
            }

            /// The setting `key` as a table of a settings file has it; `None` where the value is not of its kind.
            fn read(key: SettingKey, value: toml::Value) -> Option<Self> {
                match key {
                    $(SettingKey::$key => value.try_into().ok().map(Self::$key),)*
                }
            }

            /// What an administrator who cannot be understood would want.
            const fn safe(key: SettingKey) -> Self {
                match key {
                    $(SettingKey::$key => Self::$key($safe),)*
                }
            }
        }

        impl Settings {
            /// Puts one setting in force.
            pub fn set(&mut self, setting: Setting) {
                match setting {
                    $(Setting::$key(value) => self.$field = value,)*
                }
            }
        }
    };
}

settings! {
    Language, language: Option<Language>, None;
    Theme, theme: Theme, Theme::System;
    StartAtLogin, start_at_login: bool, false;
    StartMinimised, start_minimised: bool, false;
    ConnectAtStart, connect_at_start: bool, false;
    RememberAccount, remember_account: bool, false;
    NotifyEnds, notify_ends: bool, true;
    NotifyConnection, notify_connection: bool, true;
    OpenWeb, open_web: WebOpener, WebOpener::CopyAddress;
    OpenRdp, open_rdp: RdpOpener, RdpOpener::CopyAddress;
    OpenSsh, open_ssh: SshOpener, SshOpener::CopyAddress;
    OpenShare, open_share: ShareOpener, ShareOpener::CopyAddress;
}

/// The settings as both files give them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Loaded {
    /// What the person chose, whatever is fixed.
    pub own: Settings,
    /// What an administrator fixed.
    pub managed: Vec<Setting>,
    /// The person's file is there and is not a settings file.
    pub own_unreadable: bool,
    /// The administrator's file is there and something in it could not be understood.
    pub managed_unreadable: bool,
}

impl Loaded {
    /// Reads both files; `None` stands for a file that is not there.
    pub fn from_texts(own: Option<&str>, managed: Option<&str>) -> Self {
        let mut loaded = Self::default();
        match own.map(str::parse::<toml::Table>) {
            None => {}
            Some(Err(_)) => loaded.own_unreadable = true,
            Some(Ok(table)) => {
                let read = SettingKey::ALL
                    .iter()
                    .filter_map(|key| Setting::read(*key, table.get(key.name())?.clone()));
                read.for_each(|setting| loaded.own.set(setting));
            }
        }
        match managed.map(str::parse::<toml::Table>) {
            None => {}
            Some(Err(_)) => {
                loaded.managed_unreadable = true;
                loaded.managed = SettingKey::ALL.iter().copied().map(Setting::safe).collect();
            }
            Some(Ok(table)) => {
                for (name, value) in table {
                    let Some(key) = SettingKey::ALL.iter().copied().find(|key| key.name() == name) else {
                        loaded.managed_unreadable = true;
                        continue;
                    };
                    let read = Setting::read(key, value);
                    loaded.managed_unreadable |= read.is_none();
                    loaded.managed.push(read.unwrap_or(Setting::safe(key)));
                }
            }
        }
        loaded
    }

    /// Reads both files from where they lie.
    pub fn read(own: &Path, managed: &Path) -> Self {
        let own_text = files::read_text(own, MAX_FILE);
        let managed_text = files::read_text(managed, MAX_FILE);
        // A file that is there and cannot be read is as one that cannot be understood.
        let text = |read: &io::Result<Option<String>>| match read {
            Ok(text) => text.clone(),
            Err(_) => Some("unreadable".to_owned()),
        };
        Self::from_texts(text(&own_text).as_deref(), text(&managed_text).as_deref())
    }

    /// The settings in force.
    pub fn in_force(&self) -> Settings {
        let mut settings = self.own.clone();
        self.managed.iter().cloned().for_each(|setting| settings.set(setting));
        settings
    }

    /// Which settings are fixed.
    pub fn managed_keys(&self) -> Vec<SettingKey> {
        self.managed.iter().map(Setting::key).collect()
    }
}

/// Writes the person's file, whole or not at all.
///
/// # Errors
/// The folder cannot be made or the file not be written.
pub fn save(path: &Path, settings: &Settings) -> io::Result<()> {
    let text = toml::to_string(settings).map_err(io::Error::other)?;
    files::write_atomically(path, text.as_bytes())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn viewer() -> OwnProgram {
        vec!["viewer".to_owned(), "--at".to_owned(), "{url}".to_owned()].try_into().unwrap()
    }

    #[test]
    fn a_program_of_ones_own_is_one_line_of_words() {
        let text = r#"open_ssh = ["viewer", "--at", "{url}"]"#;
        let open_ssh = SshOpener::Own(viewer());
        let expected = Settings { open_ssh: open_ssh.clone(), ..Settings::default() };
        assert_eq!(Loaded::from_texts(Some(text), None).own, expected);
        assert!(toml::to_string(&expected).unwrap().contains(text));
        assert_eq!(Loaded::from_texts(None, Some(text)).managed, [Setting::OpenSsh(open_ssh)]);

        let bad = r#"open_ssh = ["viewer", "{user}"]"#;
        assert_eq!(Loaded::from_texts(Some(bad), None).own, Settings::default());
        let managed = Loaded::from_texts(None, Some(bad));
        assert!(managed.managed_unreadable);
        assert_eq!(managed.managed, [Setting::OpenSsh(SshOpener::CopyAddress)]);
    }

    #[test]
    fn settings_come_back_as_they_were_saved() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("praya/desktop.toml");
        let settings = Settings {
            language: Some(Language::ZhHantMo),
            theme: Theme::Dark,
            start_at_login: true,
            open_web: WebOpener::Own(viewer()),
            open_rdp: RdpOpener::Freerdp,
            ..Settings::default()
        };
        save(&path, &settings).unwrap();
        let loaded = Loaded::read(&path, &folder.path().join("none"));
        assert_eq!(loaded, Loaded { own: settings, ..Loaded::default() });
    }

    #[test]
    fn one_bad_value_of_the_persons_costs_only_itself() {
        let loaded = Loaded::from_texts(Some("theme = 7\nlanguage = \"pt-MO\"\nunknown = 1"), None);
        let language = Some(Language::PtMo);
        assert_eq!(loaded, Loaded { own: Settings { language, ..Settings::default() }, ..Loaded::default() });
        assert!(Loaded::from_texts(Some("= nonsense"), None).own_unreadable);
    }

    #[test]
    fn what_an_administrator_fixed_wins_and_is_named() {
        let loaded =
            Loaded::from_texts(Some("theme = \"dark\""), Some("theme = \"light\"\nconnect_at_start = true"));
        assert_eq!((loaded.in_force().theme, loaded.own.theme), (Theme::Light, Theme::Dark));
        assert!(loaded.in_force().connect_at_start);
        assert_eq!(loaded.managed_keys(), [SettingKey::ConnectAtStart, SettingKey::Theme]);
        assert!(!loaded.managed_unreadable);
    }

    #[test]
    fn an_administrators_file_that_is_not_understood_fixes_the_safe_choice() {
        let one = Loaded::from_texts(None, Some("open_rdp = \"telnet\""));
        assert_eq!(one.in_force(), Settings { open_rdp: RdpOpener::CopyAddress, ..Settings::default() });
        assert!(one.managed_unreadable);
        let all = Loaded::from_texts(Some("remember_account = true"), Some("{"));
        assert!(!all.in_force().remember_account && all.managed_unreadable);
        assert_eq!(all.managed_keys(), SettingKey::ALL);
    }

    proptest! {
        #[test]
        fn no_text_is_too_strange(own in ".{0,200}", managed in ".{0,200}") {
            let loaded = Loaded::from_texts(Some(&own), Some(&managed));
            let written = toml::to_string(&loaded.own).unwrap();
            prop_assert_eq!(Loaded::from_texts(Some(&written), None).own, loaded.own);
        }
    }
}
