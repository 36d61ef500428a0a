//! The rules of signing in, as the configuration sets them.

use std::time::Duration;

use praya_identity::limits::RateLimit;
use praya_identity::lockout::LockPolicy;
use praya_identity::password::{HashParams, profiles};
use praya_identity::tokens::TokenPolicy;

use super::machine::Rules;
use crate::config::{AtLimit, Config, PasswordProfile, SecondFactor};

/// NIST 63B-4: what a password needs when nothing else is asked for.
const SINGLE_FACTOR_MIN_LENGTH: u32 = 15;

/// The whole sign-in takes no longer than so many steps that are used to their last second.
const STEPS_IN_TIME: u32 = 3;

/// Everything that the sign-in is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignInPolicy {
    /// The order of steps and the rules of new passwords.
    pub rules: Rules,
    /// When an account locks.
    pub lock: LockPolicy,
    /// Windows and lifetimes of tokens.
    pub tokens: TokenPolicy,
    /// The cost of password hashes.
    pub hash: HashParams,
    /// Hashes at once; each takes the memory that `hash` says.
    pub parallel_hashes: usize,
    /// Requests that may wait for a hash; more are told to come back.
    pub queued_hashes: usize,
    /// How often one source may try; `None` for any number.
    pub rate: Option<RateLimit>,
    /// Sign-ins under way at once: so many before the right password, and so many after it.
    pub pending: usize,
    /// Sign-ins of one source before the right password; its oldest makes room for one more.
    pub pending_per_source: usize,
    /// Sign-ins of one account after it; its oldest makes room for one more.
    pub pending_per_account: usize,
    /// Whom to ask.
    pub help_desk: Option<String>,
}

impl SignInPolicy {
    /// The policy that `config` sets.
    pub fn from_config(config: &Config) -> Self {
        let set = &config.sign_in;
        let token_required = match set.second_factor {
            SecondFactor::Required => true,
            SecondFactor::WhenAssigned => false,
        };
        let password = match set.password_profile {
            PasswordProfile::Iauth => profiles::iauth(),
            PasswordProfile::Modern => {
                let mut modern = profiles::modern();
                if !token_required {
                    modern.min_length = modern.min_length.max(SINGLE_FACTOR_MIN_LENGTH);
                }
                modern
            }
        };
        let lock = LockPolicy::default();
        let days = u64::from(set.token_unused_days);
        let parallel_hashes = usize::try_from(set.parallel_hashes.max(1)).unwrap_or(1);
        Self {
            rules: Rules {
                token_required,
                per_account: config.sessions.per_account.max(1),
                may_replace: config.sessions.at_limit == AtLimit::Ask,
                password,
                step_time: set.step_time,
                total_time: set.step_time * STEPS_IN_TIME,
            },
            lock: LockPolicy {
                max_failures: set.lock_after.max(1),
                lock_for: set.lock_time,
                forget_after: lock.forget_after.max(set.lock_time),
            },
            tokens: TokenPolicy {
                unused_limit: (days > 0).then(|| Duration::from_secs(days * 86_400)),
                ..TokenPolicy::default()
            },
            hash: HashParams::default(),
            parallel_hashes,
            queued_hashes: parallel_hashes * 32,
            rate: (set.attempts_per_minute > 0).then(|| RateLimit::per_minute(set.attempts_per_minute)),
            pending: usize::try_from(set.pending.max(1)).unwrap_or(usize::MAX),
            pending_per_source: 100,
            pending_per_account: 10,
            help_desk: config.gateway.help_desk.clone(),
        }
    }

    /// How long an initial password lives unused; `None` for ever. For [`praya_identity::people`].
    pub fn initial_password_time(config: &Config) -> Option<Duration> {
        let days = u64::from(config.sign_in.initial_password_days);
        (days > 0).then(|| Duration::from_secs(days * 86_400))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_the_numbers_of_the_sources() {
        let policy = SignInPolicy::from_config(&Config::default());
        assert_eq!((policy.lock.max_failures, policy.lock.lock_for), (5, Duration::from_secs(300)), "A-35");
        assert_eq!(policy.tokens.unused_limit, Some(Duration::from_secs(60 * 86_400)), "A-39");
        assert!(policy.rules.token_required);
        assert_eq!(policy.rules.password.min_length, 8);
    }

    #[test]
    fn a_password_that_stands_alone_must_be_longer() {
        let mut config = Config::default();
        config.sign_in.second_factor = SecondFactor::WhenAssigned;
        assert_eq!(SignInPolicy::from_config(&config).rules.password.min_length, 15);
        config.sign_in.password_profile = PasswordProfile::Iauth;
        assert_eq!(SignInPolicy::from_config(&config).rules.password, profiles::iauth(), "C-17 is exact");
    }
}
