//! How a command fails: one message that says what is wrong and what to do, and an exit code by sysexits(3).

use std::fmt;
use std::io;
use std::path::Path;

use praya_identity::people::PeopleError;
use praya_identity::tokens::TokenError;
use praya_identity::{StoreError, account::NameError};

use crate::config::ConfigError;

/// Exit codes. 2 is a wrong command line, by clap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Code {
    /// What was asked for is not possible: no such person, a name that is taken, a code that does not fit.
    Failed = 1,
    /// The input is wrong: a damaged, foreign or newer database, a bad CSV file.
    BadInput = 65,
    /// A file that should be there is not.
    NoInput = 66,
    /// A port is in use, or there is no TUN device.
    Unavailable = 69,
    /// Something that should not happen.
    Software = 70,
    /// A file that should be made is there already, or cannot be made.
    CannotCreate = 73,
    /// The disk is full or fails.
    Disk = 74,
    /// Somebody else holds the database; later it may work.
    TryAgain = 75,
    /// A right is missing.
    NoPermission = 77,
    /// The configuration is wrong.
    Config = 78,
}

/// Why a command failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fatal {
    /// The exit code.
    pub code: Code,
    /// What is wrong and what to do.
    pub message: String,
}

/// Shorthand.
pub type Result<T, E = Fatal> = std::result::Result<T, E>;

impl Fatal {
    /// A failure with its message.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// What the system answered to an attempt to `verb` the file at `path`.
    #[expect(clippy::wildcard_enum_match_arm, reason = "the system's list of errors is open")]
    pub fn file(verb: &str, path: &Path, error: &io::Error) -> Self {
        let (code, hint) = match error.kind() {
            io::ErrorKind::NotFound => (Code::NoInput, ""),
            io::ErrorKind::PermissionDenied => {
                (Code::NoPermission, "; run as the user that owns it, or as root")
            }
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                (Code::Disk, "; make room on that disk and try again")
            }
            io::ErrorKind::ReadOnlyFilesystem => (Code::NoPermission, "; the file system is read-only"),
            io::ErrorKind::AlreadyExists => (Code::CannotCreate, ""),
            _ => (Code::Disk, ""),
        };
        Self::new(code, format!("cannot {verb} {}: {error}{hint}", path.display()))
    }
}

impl fmt::Display for Fatal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Fatal {}

impl From<ConfigError> for Fatal {
    fn from(error: ConfigError) -> Self {
        Self::new(Code::Config, error.to_string())
    }
}

impl From<StoreError> for Fatal {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the enum is non-exhaustive, and what is new is unexpected"
    )]
    fn from(error: StoreError) -> Self {
        let code = match &error {
            StoreError::NotFound { .. } | StoreError::Exists { .. } | StoreError::InUse { .. } => {
                Code::Failed
            }
            StoreError::CannotOpen { .. } => Code::NoInput,
            StoreError::NotOurs { .. }
            | StoreError::Newer { .. }
            | StoreError::Damaged { .. }
            | StoreError::BadRecord { .. } => Code::BadInput,
            StoreError::Full { .. } => Code::Disk,
            StoreError::ReadOnly { .. } => Code::NoPermission,
            StoreError::Busy { .. } => Code::TryAgain,
            _ => Code::Software,
        };
        Self::new(code, error.to_string())
    }
}

impl From<NameError> for Fatal {
    fn from(error: NameError) -> Self {
        Self::new(Code::Failed, error.to_string())
    }
}

impl From<PeopleError> for Fatal {
    fn from(error: PeopleError) -> Self {
        if let PeopleError::Store(error) = error {
            error.into()
        } else {
            Self::new(Code::Failed, error.to_string())
        }
    }
}

impl From<TokenError> for Fatal {
    fn from(error: TokenError) -> Self {
        if let TokenError::Store(error) = error {
            error.into()
        } else {
            Self::new(Code::Failed, error.to_string())
        }
    }
}
