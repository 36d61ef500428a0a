//! A person's account: its name, its state, and what the store keeps of its password.

use std::fmt;

use praya_model::failure::LastSignIn;
use praya_model::{AccountName, Timestamp};
use unicode_normalization::UnicodeNormalization;

/// The longest account name in code points, after folding.
pub const MAX_NAME: usize = 64;

/// What the store keeps about one person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The folded name; unique.
    pub name: AccountName,
    /// The person's name, to show; may be empty.
    pub display_name: String,
    /// Whether the account may sign in at all.
    pub state: AccountState,
    /// The password; absent until an initial one is set.
    pub password: Option<PasswordRecord>,
    /// Whether the next sign-in demands a new password.
    pub must_change: bool,
    /// When the account was made.
    pub created: Timestamp,
    /// The last complete sign-in.
    pub last_sign_in: Option<LastSignIn>,
}

/// Whether an account may sign in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum AccountState {
    /// It may.
    #[default]
    Active,
    /// An administrator closed it; every session of it ends.
    Disabled,
}

/// A password as it is stored.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordRecord {
    /// The argon2id hash as a PHC string.
    pub hash: String,
    /// When it was set.
    pub set_at: Timestamp,
    /// Until when an initial password opens the forced change (ASVS 6.4.1); absent for one the person chose.
    pub initial_until: Option<Timestamp>,
}

/// Why a name is not an account name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing is left after folding.
    #[error("the account name is empty")]
    Empty,
    /// More than [`MAX_NAME`] code points.
    #[error("the account name is longer than {MAX_NAME} characters")]
    TooLong,
    /// A control character or white space inside.
    #[error("the account name contains white space or a control character")]
    BadCharacter,
    /// The `iauth` rule: 6 to 30 ASCII letters and digits (C-17).
    #[error("the account name must have 6 to 30 letters and digits")]
    NotIauth,
}

/// Folds a typed name: full-width forms become plain (NFKC), outer white space goes, letters become lower-case.
///
/// # Errors
/// Names that cannot be an account's.
pub fn fold_name(typed: &str) -> Result<AccountName, NameError> {
    // A typed name is a peer's text: look at no more of it than could ever be a name.
    if typed.len() > MAX_NAME * 16 {
        return Err(NameError::TooLong);
    }
    let folded: String = typed.nfkc().flat_map(char::to_lowercase).nfkc().collect();
    let folded = folded.trim();
    if folded.is_empty() {
        return Err(NameError::Empty);
    }
    if folded.chars().count() > MAX_NAME {
        return Err(NameError::TooLong);
    }
    if folded.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err(NameError::BadCharacter);
    }
    Ok(AccountName::new(folded))
}

/// Checks a folded name against the `iauth` profile: `^[a-z0-9]{6,30}$` after folding (C-17).
///
/// # Errors
/// [`NameError::NotIauth`].
pub fn check_iauth_name(name: &AccountName) -> Result<(), NameError> {
    let text = name.as_str();
    let plain = text.bytes().all(|b| b.is_ascii_alphanumeric());
    if plain && (6..=30).contains(&text.len()) { Ok(()) } else { Err(NameError::NotIauth) }
}

impl AccountState {
    /// The stable name, as in JSON and in the store.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Disabled => "disabled",
        }
    }

    /// The state of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Active, Self::Disabled].into_iter().find(|state| state.as_str() == name)
    }
}

impl Account {
    /// A new active account without a password.
    pub fn new(name: AccountName, display_name: impl Into<String>, created: Timestamp) -> Self {
        Self {
            name,
            display_name: display_name.into(),
            state: AccountState::Active,
            password: None,
            must_change: false,
            created,
            last_sign_in: None,
        }
    }
}

impl fmt::Debug for PasswordRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasswordRecord")
            .field("set_at", &self.set_at)
            .field("initial_until", &self.initial_until)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_folded_once_and_the_same_way() {
        for (typed, folded) in [
            ("wong", "wong"),
            ("  Wong\t", "wong"),
            ("ＷＯＮＧ１２", "wong12"),
            ("user＠ias．gov．mo", "user@ias.gov.mo"),
            ("王小明", "王小明"),
            ("ﬁona", "fiona"),
            ("\u{3000}wong\u{3000}", "wong"),
        ] {
            let name = fold_name(typed).unwrap();
            assert_eq!(name.as_str(), folded);
            assert_eq!(fold_name(name.as_str()).unwrap(), name, "folding twice changes nothing");
        }
    }

    #[test]
    fn names_that_cannot_be_are_refused() {
        assert_eq!(fold_name(" \t"), Err(NameError::Empty));
        assert_eq!(fold_name("a b"), Err(NameError::BadCharacter));
        assert_eq!(fold_name("a\0b"), Err(NameError::BadCharacter));
        assert_eq!(fold_name(&"x".repeat(65)), Err(NameError::TooLong));
        assert_eq!(fold_name(&"x".repeat(1 << 20)), Err(NameError::TooLong));
    }

    #[test]
    fn c17_iauth_names_are_6_to_30_letters_and_digits() {
        for (name, fits) in [("abc12", false), ("abc123", true), ("王小明王小明", false), ("a.b.c.d", false)]
        {
            assert_eq!(check_iauth_name(&fold_name(name).unwrap()).is_ok(), fits, "{name}");
        }
        assert!(check_iauth_name(&AccountName::new("a".repeat(30))).is_ok());
        assert!(check_iauth_name(&AccountName::new("a".repeat(31))).is_err());
    }
}
