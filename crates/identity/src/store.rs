//! What the identity rules need of a store. Every method is one atomic operation; none of them decides anything.
//!
//! Implementations: [`crate::memory::MemoryStore`] here, SQLite in the gateway. Both pass the suite in `contract`.

use std::path::PathBuf;

use praya_model::failure::LastSignIn;
use praya_model::{AccountName, Timestamp, TokenSerial};

use crate::account::{Account, AccountState, PasswordRecord};
use crate::lockout::{Failures, LockPolicy, NameKey};
use crate::token::{Token, TokenState};

/// Shorthand for a store's results.
pub type Result<T, E = StoreError> = std::result::Result<T, E>;

/// How many names without an account keep a record of failures; the longest silent ones make room.
pub const MAX_UNKNOWN_NAMES: usize = 50_000;

/// Accounts, failures and tokens. Calls block; asynchronous callers use `spawn_blocking`.
pub trait IdentityStore: Send + Sync {
    // Accounts.

    /// Adds an account. [`StoreError::Exists`] when the name is taken.
    fn insert_account(&self, account: &Account) -> Result<()>;
    /// The account of that name.
    fn account(&self, name: &AccountName) -> Result<Option<Account>>;
    /// Every account, by name.
    fn accounts(&self) -> Result<Vec<Account>>;
    /// Opens or closes an account. [`StoreError::NotFound`] when there is none.
    fn set_account_state(&self, name: &AccountName, state: AccountState) -> Result<()>;
    /// Sets the name to show. [`StoreError::NotFound`] when there is no such account.
    fn set_display_name(&self, name: &AccountName, display_name: &str) -> Result<()>;
    /// Demands a new password at the next sign-in, or no longer. [`StoreError::NotFound`] when there is none.
    fn set_must_change(&self, name: &AccountName, must_change: bool) -> Result<()>;
    /// Sets a password by an administrator's act. [`StoreError::NotFound`] when there is no such account.
    fn set_password(&self, name: &AccountName, password: &PasswordRecord, must_change: bool) -> Result<()>;
    /// Replaces the password whose hash is `old_hash` by the person's own choice and lifts `must_change`;
    /// false when the password in force is no longer that one.
    fn change_password(&self, name: &AccountName, old_hash: &str, password: &PasswordRecord) -> Result<bool>;
    /// Puts a stronger hash of the same password in the place of `old_hash`; false when that is no longer in force.
    fn rehash_password(&self, name: &AccountName, old_hash: &str, new_hash: &str) -> Result<bool>;
    /// Notes a complete sign-in.
    fn record_sign_in(&self, name: &AccountName, sign_in: &LastSignIn) -> Result<()>;
    /// Deletes the account; its tokens become nobody's ([`TokenState::Initial`]). False when there was none.
    fn delete_account(&self, name: &AccountName) -> Result<bool>;

    // Failed sign-ins, of accounts and of names that are none.

    /// The failures of a name.
    fn failures(&self, key: &NameKey) -> Result<Failures>;
    /// Adds a failure by [`Failures::after_failure`] and returns the state after it. `account` is given when the
    /// name is an account's; records of other names are bounded by [`MAX_UNKNOWN_NAMES`].
    fn record_failure(
        &self,
        key: &NameKey,
        account: Option<&AccountName>,
        policy: &LockPolicy,
        now: Timestamp,
    ) -> Result<Failures>;
    /// Forgets the failures of a name after a complete sign-in.
    fn clear_failures(&self, key: &NameKey) -> Result<()>;
    /// The failures of an account, for administrators: of several keys the worst, by lock and then by count.
    fn failures_of(&self, account: &AccountName) -> Result<Failures>;
    /// Lifts an account's lock by an administrator's act; false when there was nothing to forget.
    fn unlock(&self, account: &AccountName) -> Result<bool>;

    // Tokens.

    /// Registers tokens, all or none. [`StoreError::Exists`] names the first serial that is taken.
    fn insert_tokens(&self, tokens: &[Token]) -> Result<()>;
    /// Registers one token, as [`Self::insert_tokens`] does.
    fn insert_token(&self, token: &Token) -> Result<()> {
        self.insert_tokens(std::slice::from_ref(token))
    }
    /// The token of that serial.
    fn token(&self, serial: &TokenSerial) -> Result<Option<Token>>;
    /// Every token, by serial.
    fn tokens(&self) -> Result<Vec<Token>>;
    /// The tokens of an account, the last used first.
    fn tokens_of(&self, account: &AccountName) -> Result<Vec<Token>>;
    /// Moves a token from `from` to `to`; false when it is not (or no longer) in `from`.
    fn set_token_state(&self, serial: &TokenSerial, from: TokenState, to: TokenState) -> Result<bool>;
    /// Gives a token in [`TokenState::Initial`] to an account and starts the count of days; false when it is not in
    /// that state. [`StoreError::NotFound`] when there is no such account.
    fn assign_token(
        &self,
        serial: &TokenSerial,
        account: &AccountName,
        to: TokenState,
        now: Timestamp,
    ) -> Result<bool>;
    /// Takes a token back: nobody's, [`TokenState::Initial`]; false when it is not in `from`.
    fn unassign_token(&self, serial: &TokenSerial, from: TokenState) -> Result<bool>;
    /// Moves a token from `from` to [`TokenState::Active`], forgets its wrong codes and restarts the count of days;
    /// false when it is not in `from`.
    fn reactivate_token(&self, serial: &TokenSerial, from: TokenState, now: Timestamp) -> Result<bool>;
    /// Accepts `step` if and only if the token is active and the step newer than the newest accepted one. This one
    /// conditional update is what makes a code good for one use (RFC 6238 section 5.2).
    fn accept_step(&self, serial: &TokenSerial, step: i64, drift: i64, now: Timestamp) -> Result<bool>;
    /// Stores a resync: `step` burns, `drift` is the new one; false when the step is not newer than the newest
    /// accepted one. Neither the state nor the day of last use changes.
    fn resync_token(&self, serial: &TokenSerial, step: i64, drift: i64) -> Result<bool>;
    /// Counts a wrong code; at `limit` wrong codes in a row an active token becomes [`TokenState::Locked`]
    /// (NIST 63B: at most 100). Returns the state after it.
    fn record_token_failure(&self, serial: &TokenSerial, limit: u32) -> Result<TokenState>;
    /// Makes every active token inactive that has not served since `cutoff`, and returns them.
    fn deactivate_unused(&self, cutoff: Timestamp) -> Result<Vec<Token>>;
}

/// What can be wrong with a store. The texts say what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// No such record.
    #[error("there is no {what} {name:?}")]
    NotFound {
        /// The kind of record.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// The name is taken.
    #[error("the {what} {name:?} exists already")]
    Exists {
        /// The kind of record.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// Other records still point at it.
    #[error("the {what} {name:?} is still used by {by}; remove or move those first")]
    InUse {
        /// The kind of record.
        what: &'static str,
        /// Its name.
        name: String,
        /// The kind of records that use it.
        by: &'static str,
    },
    /// The database cannot be opened at all.
    #[error(
        "cannot open the database {path}: {detail}; make it with `praya-gateway init`, or check that file and folder belong to the gateway's user"
    )]
    CannotOpen {
        /// The file.
        path: PathBuf,
        /// The system's word for it.
        detail: String,
    },
    /// The file is some other database, or none.
    #[error(
        "{path} is not a Praya database; name another file, or move this one away and run `praya-gateway init`"
    )]
    NotOurs {
        /// The file.
        path: PathBuf,
    },
    /// A newer Praya wrote it.
    #[error(
        "the database {path} has schema {found}, this program knows up to {known}; run the newer praya-gateway, or restore the backup made before the upgrade"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// The schema in the file.
        found: i64,
        /// The newest schema this program knows.
        known: i64,
    },
    /// The file is damaged.
    #[error(
        "the database {path} is damaged ({detail}); stop the gateway and restore a backup, or save what is left with `sqlite3 FILE .recover`"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// SQLite's word for it.
        detail: String,
    },
    /// No room.
    #[error("the disk that holds the database {path} is full; nothing was changed; make room and try again")]
    Full {
        /// The file.
        path: PathBuf,
    },
    /// No right to write.
    #[error(
        "the database {path} cannot be written; check the file's and the folder's owner and mode, and that the file system is not read-only"
    )]
    ReadOnly {
        /// The file.
        path: PathBuf,
    },
    /// Another process holds it for too long.
    #[error("the database {path} is in use by another program that does not let go; find it with `fuser`")]
    Busy {
        /// The file.
        path: PathBuf,
    },
    /// A stored value that this program cannot read.
    #[error("a record of the {table} table cannot be read: {detail}")]
    BadRecord {
        /// The table.
        table: &'static str,
        /// What is wrong with it.
        detail: String,
    },
    /// Anything else.
    #[error("the database failed: {detail}")]
    Failed {
        /// For the log.
        detail: String,
    },
}
