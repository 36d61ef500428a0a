//! The store of a test or a trial: everything in memory, nothing after it.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use praya_model::failure::LastSignIn;
use praya_model::{AccountName, Timestamp, TokenSerial};

use crate::account::{Account, AccountState, PasswordRecord};
use crate::lockout::{Failures, LockPolicy, NameKey};
use crate::store::{IdentityStore, MAX_UNKNOWN_NAMES, Result, StoreError};
use crate::token::{Token, TokenState};

/// An [`IdentityStore`] in memory.
#[derive(Debug, Default)]
pub struct MemoryStore {
    tables: Mutex<Tables>,
}

#[derive(Debug, Default)]
struct Tables {
    accounts: BTreeMap<AccountName, Account>,
    failures: BTreeMap<NameKey, (Option<AccountName>, Failures)>,
    tokens: BTreeMap<TokenSerial, Token>,
}

impl MemoryStore {
    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change_account(&self, name: &AccountName, change: impl FnOnce(&mut Account)) -> Result<()> {
        let mut tables = self.tables();
        let account = tables.accounts.get_mut(name);
        change(account.ok_or_else(|| StoreError::NotFound { what: "account", name: name.to_string() })?);
        Ok(())
    }

    fn change_token(
        &self,
        serial: &TokenSerial,
        fits: impl FnOnce(&Token) -> bool,
        change: impl FnOnce(&mut Token),
    ) -> bool {
        let mut tables = self.tables();
        match tables.tokens.get_mut(serial) {
            Some(token) if fits(token) => {
                change(token);
                true
            }
            _ => false,
        }
    }
}

impl Account {
    fn replace_hash(&mut self, old_hash: &str, replace: impl FnOnce(&mut Self)) -> bool {
        let fits = self.password.as_ref().is_some_and(|record| record.hash == old_hash);
        if fits {
            replace(self);
        }
        fits
    }
}

impl IdentityStore for MemoryStore {
    fn insert_account(&self, account: &Account) -> Result<()> {
        let mut tables = self.tables();
        if tables.accounts.contains_key(&account.name) {
            return Err(StoreError::Exists { what: "account", name: account.name.to_string() });
        }
        tables.accounts.insert(account.name.clone(), account.clone());
        Ok(())
    }

    fn account(&self, name: &AccountName) -> Result<Option<Account>> {
        Ok(self.tables().accounts.get(name).cloned())
    }

    fn accounts(&self) -> Result<Vec<Account>> {
        Ok(self.tables().accounts.values().cloned().collect())
    }

    fn set_account_state(&self, name: &AccountName, state: AccountState) -> Result<()> {
        self.change_account(name, |account| account.state = state)
    }

    fn set_display_name(&self, name: &AccountName, display_name: &str) -> Result<()> {
        self.change_account(name, |account| display_name.clone_into(&mut account.display_name))
    }

    fn set_must_change(&self, name: &AccountName, must_change: bool) -> Result<()> {
        self.change_account(name, |account| account.must_change = must_change)
    }

    fn set_password(&self, name: &AccountName, password: &PasswordRecord, must_change: bool) -> Result<()> {
        self.change_account(name, |account| {
            account.password = Some(password.clone());
            account.must_change = must_change;
        })
    }

    fn change_password(&self, name: &AccountName, old_hash: &str, password: &PasswordRecord) -> Result<bool> {
        let mut tables = self.tables();
        Ok(tables.accounts.get_mut(name).is_some_and(|account| {
            account.replace_hash(old_hash, |account| {
                account.password = Some(password.clone());
                account.must_change = false;
            })
        }))
    }

    fn rehash_password(&self, name: &AccountName, old_hash: &str, new_hash: &str) -> Result<bool> {
        let mut tables = self.tables();
        Ok(tables.accounts.get_mut(name).is_some_and(|account| {
            account.replace_hash(old_hash, |account| {
                if let Some(record) = &mut account.password {
                    new_hash.clone_into(&mut record.hash);
                }
            })
        }))
    }

    fn record_sign_in(&self, name: &AccountName, sign_in: &LastSignIn) -> Result<()> {
        self.change_account(name, |account| account.last_sign_in = Some(sign_in.clone()))
    }

    fn delete_account(&self, name: &AccountName) -> Result<bool> {
        let mut tables = self.tables();
        for token in tables.tokens.values_mut().filter(|token| token.account.as_ref() == Some(name)) {
            token.account = None;
            if !matches!(token.state, TokenState::Expired | TokenState::Replaced | TokenState::Removed) {
                token.state = TokenState::Initial;
            }
        }
        tables.failures.retain(|_, (account, _)| account.as_ref() != Some(name));
        Ok(tables.accounts.remove(name).is_some())
    }

    fn failures(&self, key: &NameKey) -> Result<Failures> {
        Ok(self.tables().failures.get(key).map(|(_, failures)| *failures).unwrap_or_default())
    }

    fn record_failure(
        &self,
        key: &NameKey,
        account: Option<&AccountName>,
        policy: &LockPolicy,
        now: Timestamp,
    ) -> Result<Failures> {
        let mut tables = self.tables();
        let before = tables.failures.get(key).map(|(_, failures)| *failures).unwrap_or_default();
        let after = before.after_failure(policy, now);
        tables.failures.insert(*key, (account.cloned(), after));
        let strangers = tables.failures.iter().filter(|(_, (account, _))| account.is_none());
        if strangers.clone().count() > MAX_UNKNOWN_NAMES {
            let longest_silent =
                strangers.min_by_key(|(_, (_, failures))| failures.last).map(|(key, _)| *key);
            longest_silent.and_then(|key| tables.failures.remove(&key));
        }
        Ok(after)
    }

    fn clear_failures(&self, key: &NameKey) -> Result<()> {
        self.tables().failures.remove(key);
        Ok(())
    }

    fn failures_of(&self, account: &AccountName) -> Result<Failures> {
        let tables = self.tables();
        let own = tables.failures.values().filter(|(owner, _)| owner.as_ref() == Some(account));
        let worst = own.map(|(_, failures)| *failures).max_by_key(|all| (all.locked_until, all.count));
        Ok(worst.unwrap_or_default())
    }

    fn unlock(&self, account: &AccountName) -> Result<bool> {
        let mut tables = self.tables();
        let before = tables.failures.len();
        tables.failures.retain(|_, (owner, _)| owner.as_ref() != Some(account));
        Ok(tables.failures.len() < before)
    }

    fn insert_tokens(&self, tokens: &[Token]) -> Result<()> {
        let mut tables = self.tables();
        let mut grown = tables.tokens.clone();
        for token in tokens {
            if grown.insert(token.serial.clone(), token.clone()).is_some() {
                return Err(StoreError::Exists { what: "token", name: token.serial.to_string() });
            }
        }
        tables.tokens = grown;
        Ok(())
    }

    fn token(&self, serial: &TokenSerial) -> Result<Option<Token>> {
        Ok(self.tables().tokens.get(serial).cloned())
    }

    fn tokens(&self) -> Result<Vec<Token>> {
        Ok(self.tables().tokens.values().cloned().collect())
    }

    fn tokens_of(&self, account: &AccountName) -> Result<Vec<Token>> {
        let tables = self.tables();
        let mut tokens: Vec<Token> =
            tables.tokens.values().filter(|token| token.account.as_ref() == Some(account)).cloned().collect();
        tokens.sort_by_key(|token| Reverse(token.last_used));
        Ok(tokens)
    }

    fn set_token_state(&self, serial: &TokenSerial, from: TokenState, to: TokenState) -> Result<bool> {
        Ok(self.change_token(serial, |token| token.state == from, |token| token.state = to))
    }

    fn assign_token(
        &self,
        serial: &TokenSerial,
        account: &AccountName,
        to: TokenState,
        now: Timestamp,
    ) -> Result<bool> {
        if self.account(account)?.is_none() {
            return Err(StoreError::NotFound { what: "account", name: account.to_string() });
        }
        Ok(self.change_token(
            serial,
            |token| token.state == TokenState::Initial,
            |token| {
                token.account = Some(account.clone());
                token.state = to;
                token.counting_since = now;
                token.last_used = None;
                token.failures = 0;
            },
        ))
    }

    fn unassign_token(&self, serial: &TokenSerial, from: TokenState) -> Result<bool> {
        Ok(self.change_token(
            serial,
            |token| token.state == from,
            |token| {
                token.account = None;
                token.state = TokenState::Initial;
            },
        ))
    }

    fn reactivate_token(&self, serial: &TokenSerial, from: TokenState, now: Timestamp) -> Result<bool> {
        Ok(self.change_token(
            serial,
            |token| token.state == from,
            |token| {
                token.state = TokenState::Active;
                token.failures = 0;
                token.counting_since = now;
            },
        ))
    }

    fn accept_step(&self, serial: &TokenSerial, step: i64, drift: i64, now: Timestamp) -> Result<bool> {
        Ok(self.change_token(
            serial,
            |token| token.state == TokenState::Active && token.last_step < step,
            |token| {
                token.last_step = step;
                token.drift = drift;
                token.last_used = Some(now);
                token.failures = 0;
            },
        ))
    }

    fn resync_token(&self, serial: &TokenSerial, step: i64, drift: i64) -> Result<bool> {
        Ok(self.change_token(
            serial,
            |token| token.last_step < step,
            |token| {
                token.last_step = step;
                token.drift = drift;
                token.failures = 0;
            },
        ))
    }

    fn record_token_failure(&self, serial: &TokenSerial, limit: u32) -> Result<TokenState> {
        let mut tables = self.tables();
        let token = tables
            .tokens
            .get_mut(serial)
            .ok_or_else(|| StoreError::NotFound { what: "token", name: serial.to_string() })?;
        token.failures = token.failures.saturating_add(1);
        if token.failures >= limit && token.state == TokenState::Active {
            token.state = TokenState::Locked;
        }
        Ok(token.state)
    }

    fn deactivate_unused(&self, cutoff: Timestamp) -> Result<Vec<Token>> {
        let mut tables = self.tables();
        let unused = tables
            .tokens
            .values_mut()
            .filter(|token| token.state == TokenState::Active && token.served_at() <= cutoff);
        Ok(unused
            .map(|token| {
                token.state = TokenState::Inactive;
                token.clone()
            })
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_memory_store_keeps_the_contract() {
        crate::contract::check(&MemoryStore::default);
    }
}
