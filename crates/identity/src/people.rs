//! What administrators do to people: accounts, initial passwords, locks. Functions over the store.

use std::time::Duration;

use praya_model::{AccountName, Secret, Timestamp};

use crate::account::{Account, AccountState, NameError, PasswordRecord, fold_name};
use crate::password::{self, BadParams, HashParams};
use crate::random::{self, RandomError};
use crate::store::{IdentityStore, StoreError};

/// Why an administrator's act on a person failed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PeopleError {
    /// The name is none.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The hash cost in the settings cannot be.
    #[error(transparent)]
    Params(#[from] BadParams),
    /// No randomness.
    #[error(transparent)]
    Random(#[from] RandomError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Adds an account without a password; an initial one is set by [`set_initial_password`].
///
/// # Errors
/// A name that is none ([`NameError`]) or taken ([`StoreError::Exists`]).
pub fn add(
    store: &dyn IdentityStore,
    typed_name: &str,
    display_name: &str,
    now: Timestamp,
) -> Result<Account, PeopleError> {
    let account = Account::new(fold_name(typed_name)?, display_name.trim(), now);
    store.insert_account(&account)?;
    Ok(account)
}

/// Gives an account a random initial password and returns it, the only time that it is seen. It opens nothing but
/// the forced change, and dies after `valid_for`, if given (ASVS 6.4.1; an administrator never chooses a password, 6.4.6).
/// Any lock is lifted.
///
/// # Errors
/// [`StoreError::NotFound`] when there is no such account.
pub fn set_initial_password(
    store: &dyn IdentityStore,
    name: &AccountName,
    params: HashParams,
    valid_for: Option<Duration>,
    now: Timestamp,
) -> Result<Secret, PeopleError> {
    let initial = password::initial(random::bytes()?);
    let hash = password::hash(&initial, params, random::bytes()?)?;
    let record = PasswordRecord { hash, set_at: now, initial_until: valid_for.map(|time| now.after(time)) };
    store.set_password(name, &record, true)?;
    store.unlock(name)?;
    Ok(initial)
}

/// Demands a new password at the next sign-in.
///
/// # Errors
/// [`StoreError::NotFound`].
pub fn force_change(store: &dyn IdentityStore, name: &AccountName) -> Result<(), StoreError> {
    store.set_must_change(name, true)
}

/// Closes an account. The caller ends its sessions (ASVS 7.4.2).
///
/// # Errors
/// [`StoreError::NotFound`].
pub fn disable(store: &dyn IdentityStore, name: &AccountName) -> Result<(), StoreError> {
    store.set_account_state(name, AccountState::Disabled)
}

/// Opens a closed account.
///
/// # Errors
/// [`StoreError::NotFound`].
pub fn enable(store: &dyn IdentityStore, name: &AccountName) -> Result<(), StoreError> {
    store.set_account_state(name, AccountState::Active)
}

/// Lifts an account's lock; false when it was not locked and had no failures.
///
/// # Errors
/// [`StoreError::NotFound`].
pub fn unlock(store: &dyn IdentityStore, name: &AccountName) -> Result<bool, StoreError> {
    if store.account(name)?.is_none() {
        return Err(StoreError::NotFound { what: "account", name: name.to_string() });
    }
    store.unlock(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::MemoryStore;

    const CHEAP: HashParams = HashParams { memory_kib: 32, passes: 1, lanes: 1 };

    #[test]
    fn a18_an_initial_password_is_short_lived_and_must_be_changed() {
        let store = MemoryStore::default();
        let now = Timestamp::from_secs(1_700_000_000);
        let wong = add(&store, " ＷＯＮＧ ", "Wong Siu Ming", now).unwrap();
        assert_eq!(wong.name.as_str(), "wong");
        let day = Duration::from_secs(86_400);
        let initial = set_initial_password(&store, &wong.name, CHEAP, Some(day), now).unwrap();
        let account = store.account(&wong.name).unwrap().unwrap();
        assert!(account.must_change);
        let record = account.password.unwrap();
        assert_eq!(record.initial_until, Some(now.after(day)));
        assert!(password::verify(&initial, &record.hash));
        assert!(add(&store, "wong", "", now).is_err(), "C-19: one name, one account");
    }

    #[test]
    fn acts_on_nobody_say_so() {
        let store = MemoryStore::default();
        let nobody = AccountName::new("nobody");
        let missing = StoreError::NotFound { what: "account", name: "nobody".into() };
        assert_eq!(disable(&store, &nobody), Err(missing.clone()));
        assert_eq!(force_change(&store, &nobody), Err(missing.clone()));
        assert_eq!(unlock(&store, &nobody), Err(missing));
    }
}
