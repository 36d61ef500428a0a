//! Judging what was typed: passwords, codes, new passwords. Every verdict of the sign-in machine comes from here.

use std::sync::Arc;

use praya_identity::lockout::{Failures, NameKey};
use praya_identity::password;
use praya_identity::tokens::{self, CodeOutcome};
use praya_identity::{Account, AccountState, IdentityStore as _, WrappingKey, fold_name, random};
use praya_model::password::PasswordRule;
use praya_model::{AccountName, FailureCode, Secret, Timestamp, TokenSerial};

use super::hashing::{HashPool, PoolBusy};
use super::machine::{CodeVerdict, NewPasswordVerdict, PasswordVerdict};
use super::policy::SignInPolicy;
use super::slots::{Slot, Slots};
use crate::store::{DeviceKey, Store, StoreError};

/// Judges by the store, with bounded hashing.
#[derive(Debug)]
pub(super) struct Judge {
    pub(super) store: Store,
    pub(super) key: Arc<WrappingKey>,
    pub(super) policy: SignInPolicy,
    pool: HashPool,
    slots: Arc<Slots>,
    dummy: String,
}

/// What a judgement also found out, for the audit.
#[derive(Debug, Default)]
pub(super) struct Findings {
    /// The account, when the name is one.
    pub(super) account: Option<AccountName>,
    /// The token that answered.
    pub(super) token: Option<TokenSerial>,
    /// The account was locked by this failure.
    pub(super) account_locked: bool,
    /// The token was locked by this failure.
    pub(super) token_locked: Option<TokenSerial>,
}

/// Where the failures of one attempt are counted.
struct Counters {
    name: NameKey,
    /// A device that the account has signed in with before has a count of its own, and only that one locks it: who
    /// locks a name from elsewhere does not lock its owner out of his own machine (1G.4). Its failures count for the
    /// name as well.
    known_device: Option<NameKey>,
    /// What counts for this attempt.
    failures: Failures,
}

/// What one more failure did.
struct Failed {
    /// Until when this attempt's next one is not judged.
    locked_for: Option<u32>,
    /// This failure has locked the name or the device.
    locked_now: bool,
}

/// Nothing was judged.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotJudged {
    /// Too many at once.
    #[error("too many sign-ins at once")]
    Busy {
        /// When to try again.
        retry_after_seconds: u32,
    },
    /// Something broke.
    #[error("{0}")]
    Broken(String),
}

/// A change of password that a signed-in person asked for.
pub(super) enum ChangeVerdict {
    /// Done.
    Changed,
    /// The current password is wrong.
    WrongCurrent,
    /// Not to be judged, or wrong once too often.
    Locked { seconds_left: u32 },
    /// The new one is against the rules.
    Broken(Vec<PasswordRule>),
    /// Something else.
    Refused(FailureCode),
}

impl Judge {
    pub(super) fn new(store: Store, key: Arc<WrappingKey>, policy: SignInPolicy) -> Self {
        Self {
            store,
            key,
            pool: HashPool::new(policy.parallel_hashes, policy.queued_hashes),
            slots: Arc::default(),
            dummy: password::dummy(policy.hash),
            policy,
        }
    }

    /// Judges a typed name and password. A name that is no account's costs the same work, takes the same time and
    /// locks after the same number of failures (ASVS 6.3.8).
    pub(super) async fn password(
        &self,
        typed: &str,
        password: Secret,
        device: Option<DeviceKey>,
        now: Timestamp,
    ) -> Result<(PasswordVerdict, Findings), NotJudged> {
        let name = claimed(typed);
        let _slot = self.slot(&name).await?;
        let (counters, account) = self.look_up(name, device).await?;
        let findings = Findings { account: account.as_ref().map(|a| a.name.clone()), ..Findings::default() };
        if let Some(seconds_left) = counters.failures.locked_for(now) {
            return Ok((PasswordVerdict::Locked { seconds_left }, findings));
        }
        let stored = account.as_ref().and_then(|account| account.password.clone());
        let hash = stored.as_ref().map_or_else(|| self.dummy.clone(), |record| record.hash.clone());
        let (password, right, hash) = self
            .pool
            .run(move |hasher| {
                let right = hasher.verify(&password, &hash);
                (password, right, hash)
            })
            .await?;
        let (Some(account), Some(stored), true) = (account, stored, right) else {
            let after = self.failed(&counters, findings.account.clone(), now).await?;
            let verdict = after
                .locked_for
                .map_or(PasswordVerdict::Wrong, |seconds_left| PasswordVerdict::Locked { seconds_left });
            return Ok((verdict, Findings { account_locked: after.locked_now, ..findings }));
        };
        if account.state == AccountState::Disabled {
            return Ok((PasswordVerdict::Closed(FailureCode::AccountDisabled), findings));
        }
        if stored.initial_until.is_some_and(|until| now >= until) {
            return Ok((PasswordVerdict::Closed(FailureCode::InitialPasswordExpired), findings));
        }
        let hash = self.refresh(&account.name, password, hash).await?;
        let (name, policy) = (account.name.clone(), self.policy.tokens);
        let standing = self.store.run(move |store| tokens::standing(store, &name, &policy, now)).await?;
        let must_change = account.must_change || stored.initial_until.is_some();
        Ok((PasswordVerdict::Right { account: account.name, hash, must_change, standing }, findings))
    }

    /// Judges a code and burns it when it is right; a wrong one counts like a wrong password.
    pub(super) async fn code(
        &self,
        account: &AccountName,
        code: Secret,
        device: Option<DeviceKey>,
        now: Timestamp,
    ) -> Result<(CodeVerdict, Findings), NotJudged> {
        let _slot = self.slot(account).await?;
        let mut findings = Findings { account: Some(account.clone()), ..Findings::default() };
        let (counters, _) = self.look_up(account.clone(), device).await?;
        if let Some(seconds_left) = counters.failures.locked_for(now) {
            return Ok((CodeVerdict::Locked { seconds_left }, findings));
        }
        let (wrapping, policy, name) = (Arc::clone(&self.key), self.policy.tokens, account.clone());
        let used = self.store.run(move |store| {
            tokens::use_code(store, &wrapping, &name, code.expose(), &policy, now)
                .map_err(|error| StoreError::Failed { detail: error.to_string() })
        });
        let verdict = match used.await? {
            CodeOutcome::Accepted { serial } => {
                findings.token = Some(serial.clone());
                return Ok((CodeVerdict::Accepted { serial }, findings));
            }
            // A used code tells nothing about the next one, so it is no guess and does not count.
            CodeOutcome::Replayed { serial, next_in_seconds } => {
                findings.token = Some(serial);
                return Ok((CodeVerdict::Replayed { next_in_seconds }, findings));
            }
            CodeOutcome::Unusable(standing) => return Ok((CodeVerdict::Unusable(standing), findings)),
            CodeOutcome::ClockOff { serial } => {
                findings.token = Some(serial.clone());
                CodeVerdict::ClockOff { serial }
            }
            CodeOutcome::Wrong { locked } => {
                findings.token_locked = locked;
                CodeVerdict::Wrong
            }
        };
        let after = self.failed(&counters, Some(account.clone()), now).await?;
        findings.account_locked = after.locked_now;
        if let Some(seconds_left) = after.locked_for {
            return Ok((CodeVerdict::Locked { seconds_left }, findings));
        }
        Ok((verdict, findings))
    }

    /// Judges a new password against the rules and the one in force, and stores it.
    pub(super) async fn new_password(
        &self,
        account: &AccountName,
        old_hash: String,
        new: Secret,
        repeat: Option<&Secret>,
        now: Timestamp,
    ) -> Result<NewPasswordVerdict, NotJudged> {
        let rules = &self.policy.rules.password;
        let broken = password::check_new(&new, repeat, account.as_str(), rules);
        if !broken.is_empty() {
            return Ok(NewPasswordVerdict::Broken(broken));
        }
        let (params, salt, not_the_old) = (self.policy.hash, salt()?, rules.not_the_old);
        let (same, hashed, old_hash) = self
            .pool
            .run(move |hasher| {
                let same = not_the_old && hasher.verify(&new, &old_hash);
                (same, (!same).then(|| hasher.hash(&new, params, salt)), old_hash)
            })
            .await?;
        if same {
            return Ok(NewPasswordVerdict::Broken(vec![PasswordRule::NotTheOld]));
        }
        let hash = hashed.transpose().map_err(broken_params)?.unwrap_or_default();
        let record =
            praya_identity::account::PasswordRecord { hash: hash.clone(), set_at: now, initial_until: None };
        let name = account.clone();
        let changed = self.store.run(move |store| store.change_password(&name, &old_hash, &record)).await?;
        Ok(if changed { NewPasswordVerdict::Set { hash } } else { NewPasswordVerdict::Raced })
    }

    /// Judges a voluntary change asked for in a session of `device`. A wrong current password counts like one
    /// at sign-in.
    pub(super) async fn change(
        &self,
        account: &AccountName,
        device: Option<DeviceKey>,
        current: Secret,
        new: Secret,
        now: Timestamp,
    ) -> Result<(ChangeVerdict, Findings), NotJudged> {
        let _slot = self.slot(account).await?;
        let (counters, found) = self.look_up(account.clone(), device).await?;
        let mut findings = Findings { account: Some(account.clone()), ..Findings::default() };
        if let Some(seconds_left) = counters.failures.locked_for(now) {
            return Ok((ChangeVerdict::Locked { seconds_left }, findings));
        }
        let Some(stored) = found.and_then(|account| account.password) else {
            return Ok((ChangeVerdict::Refused(FailureCode::NotPermitted), findings));
        };
        let hash = stored.hash;
        let (right, hash) = self
            .pool
            .run(move |hasher| {
                let right = hasher.verify(&current, &hash);
                (right, hash)
            })
            .await?;
        if !right {
            let after = self.failed(&counters, Some(account.clone()), now).await?;
            findings.account_locked = after.locked_now;
            let verdict = after
                .locked_for
                .map_or(ChangeVerdict::WrongCurrent, |seconds_left| ChangeVerdict::Locked { seconds_left });
            return Ok((verdict, findings));
        }
        let verdict = match self.new_password(account, hash, new, None, now).await? {
            NewPasswordVerdict::Set { .. } => ChangeVerdict::Changed,
            NewPasswordVerdict::Broken(broken) => ChangeVerdict::Broken(broken),
            NewPasswordVerdict::Raced => ChangeVerdict::WrongCurrent,
        };
        Ok((verdict, findings))
    }

    async fn slot(&self, name: &AccountName) -> Result<Slot, NotJudged> {
        self.slots.enter(self.key.name_key(name)).await.ok_or(NotJudged::Busy { retry_after_seconds: 2 })
    }

    async fn look_up(
        &self,
        name: AccountName,
        device: Option<DeviceKey>,
    ) -> Result<(Counters, Option<Account>), StoreError> {
        let key = Arc::clone(&self.key);
        let looked_up = self.store.run(move |store| {
            let known = match device {
                Some(device) => store.knows_device(&name, &device)?.then_some(device),
                None => None,
            };
            let known_device = known.map(|device| key.device_key(&name, &device.0));
            let of_name = key.name_key(&name);
            let failures = store.failures(&known_device.unwrap_or(of_name))?;
            Ok((Counters { name: of_name, known_device, failures }, store.account(&name)?))
        });
        looked_up.await
    }

    async fn failed(
        &self,
        counters: &Counters,
        account: Option<AccountName>,
        now: Timestamp,
    ) -> Result<Failed, StoreError> {
        let (name, known_device, lock) = (counters.name, counters.known_device, self.policy.lock);
        let counted = self.store.run(move |store| {
            let open_before = store.failures(&name)?.locked_for(now).is_none();
            let count = |key: NameKey| store.record_failure(&key, account.as_ref(), &lock, now);
            let of_name = count(name)?.locked_for(now);
            let own = known_device.map(count).transpose()?;
            let locked_for = own.map_or(of_name, |own| own.locked_for(now));
            let locked_now = locked_for.is_some() || (open_before && of_name.is_some());
            Ok(Failed { locked_for, locked_now })
        });
        counted.await
    }

    /// Replaces a hash that is weaker than the policy's, now that the password is at hand. Returns the hash in force.
    async fn refresh(
        &self,
        account: &AccountName,
        password: Secret,
        hash: String,
    ) -> Result<String, NotJudged> {
        let params = self.policy.hash;
        if !password::needs_rehash(&hash, params) {
            return Ok(hash);
        }
        let salt = salt()?;
        let stronger = self
            .pool
            .run(move |hasher| hasher.hash(&password, params, salt))
            .await?
            .map_err(broken_params)?;
        let (name, old, new) = (account.clone(), hash.clone(), stronger.clone());
        let replaced = self.store.run(move |store| store.rehash_password(&name, &old, &new)).await?;
        Ok(if replaced { stronger } else { hash })
    }
}

impl From<StoreError> for NotJudged {
    fn from(error: StoreError) -> Self {
        Self::Broken(error.to_string())
    }
}

impl From<PoolBusy> for NotJudged {
    fn from(busy: PoolBusy) -> Self {
        Self::Busy { retry_after_seconds: busy.retry_after_seconds }
    }
}

/// The name as it is looked up. A text that cannot be a name is looked up all the same, and never found.
fn claimed(typed: &str) -> AccountName {
    fold_name(typed).unwrap_or_else(|_| AccountName::new(typed.chars().take(256).collect::<String>()))
}

fn salt() -> Result<[u8; password::SALT_LEN], NotJudged> {
    random::bytes().map_err(|error| NotJudged::Broken(error.to_string()))
}

fn broken_params(error: password::BadParams) -> NotJudged {
    NotJudged::Broken(error.to_string())
}
