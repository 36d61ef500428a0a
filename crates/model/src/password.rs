//! The rules of a new password that both ends can check: the view while the person types, the gateway for good.

use serde::{Deserialize, Serialize};

/// What a new password must look like. Lengths count Unicode code points after NFC normalisation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct PasswordRules {
    /// The fewest code points allowed.
    pub min_length: u32,
    /// The most code points allowed; a longer one is refused, never cut.
    pub max_length: u32,
    /// At least one of `A`–`Z`.
    pub need_upper: bool,
    /// At least one of `a`–`z`.
    pub need_lower: bool,
    /// At least one of `0`–`9`.
    pub need_digit: bool,
    /// Nothing but ASCII letters and digits (the `iauth` profile, C-17).
    pub only_letters_and_digits: bool,
    /// May not contain the account's name.
    pub not_the_account: bool,
    /// May not stand on the gateway's list of common passwords; only the gateway can check it.
    pub not_common: bool,
    /// Must differ from the password it replaces.
    pub not_the_old: bool,
}

/// One rule, named so that a view can tick it and a refusal can point at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum PasswordRule {
    /// At least `min_length` code points.
    MinLength,
    /// At most `max_length` code points.
    MaxLength,
    /// Has an upper-case ASCII letter.
    Upper,
    /// Has a lower-case ASCII letter.
    Lower,
    /// Has an ASCII digit.
    Digit,
    /// Has nothing but ASCII letters and digits.
    OnlyLettersAndDigits,
    /// Does not contain the account's name.
    NotTheAccount,
    /// Is not a common password.
    NotCommon,
    /// Is not the old password.
    NotTheOld,
    /// Both entries are the same.
    Matches,
}

impl PasswordRules {
    /// The rules in force, in the order in which a view shows them.
    pub fn rules(&self) -> Vec<PasswordRule> {
        [
            (true, PasswordRule::MinLength),
            (true, PasswordRule::MaxLength),
            (self.need_upper, PasswordRule::Upper),
            (self.need_lower, PasswordRule::Lower),
            (self.need_digit, PasswordRule::Digit),
            (self.only_letters_and_digits, PasswordRule::OnlyLettersAndDigits),
            (self.not_the_account, PasswordRule::NotTheAccount),
            (self.not_common, PasswordRule::NotCommon),
            (self.not_the_old, PasswordRule::NotTheOld),
        ]
        .into_iter()
        .filter_map(|(in_force, rule)| in_force.then_some(rule))
        .collect()
    }

    /// The rules that `candidate` breaks, as far as they can be judged without the gateway's lists and the old
    /// password. `candidate` is expected in NFC.
    pub fn broken_by(&self, candidate: &str, account: &str) -> Vec<PasswordRule> {
        let length = u32::try_from(candidate.chars().count()).unwrap_or(u32::MAX);
        let has = |test: fn(&char) -> bool| candidate.chars().any(|c| test(&c));
        let contains_account =
            !account.is_empty() && candidate.to_lowercase().contains(&account.to_lowercase());
        self.rules()
            .into_iter()
            .filter(|rule| match rule {
                PasswordRule::MinLength => length < self.min_length,
                PasswordRule::MaxLength => length > self.max_length,
                PasswordRule::Upper => !has(char::is_ascii_uppercase),
                PasswordRule::Lower => !has(char::is_ascii_lowercase),
                PasswordRule::Digit => !has(char::is_ascii_digit),
                PasswordRule::OnlyLettersAndDigits => has(|c| !c.is_ascii_alphanumeric()),
                PasswordRule::NotTheAccount => contains_account,
                PasswordRule::NotCommon | PasswordRule::NotTheOld | PasswordRule::Matches => false,
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn iauth() -> PasswordRules {
        PasswordRules {
            min_length: 12,
            max_length: 128,
            need_upper: true,
            need_lower: true,
            need_digit: true,
            only_letters_and_digits: true,
            not_the_account: false,
            not_common: false,
            not_the_old: true,
        }
    }

    #[test]
    fn c17_each_broken_rule_is_named() {
        for (candidate, broken) in [
            ("Abcdefghij12", vec![]),
            ("Abcdefghi12", vec![PasswordRule::MinLength]),
            ("abcdefghij12", vec![PasswordRule::Upper]),
            ("ABCDEFGHIJ12", vec![PasswordRule::Lower]),
            ("Abcdefghijkl", vec![PasswordRule::Digit]),
            ("Abcdefghij1!", vec![PasswordRule::OnlyLettersAndDigits]),
        ] {
            assert_eq!(iauth().broken_by(candidate, "wong"), broken, "{candidate}");
        }
    }

    #[test]
    fn length_counts_code_points() {
        let rules = PasswordRules {
            only_letters_and_digits: false,
            need_upper: false,
            need_lower: false,
            need_digit: false,
            ..iauth()
        };
        assert!(rules.broken_by("密碼密碼密碼密碼密碼密碼", "wong").is_empty());
    }
}
