//! What a person types, as it is meant: full-width forms become plain and white space goes. Never used on passwords.

use unicode_normalization::UnicodeNormalization;

/// An account as it is sent: NFKC (full-width letters, digits and ＠), no white space at its ends. Upper and lower
/// case stay, because a foreign gateway may tell them apart; ours folds them itself.
pub fn account(typed: &str) -> String {
    typed.nfkc().collect::<String>().trim().to_owned()
}

/// A token's code as it is sent: NFKC, without white space and dashes within.
pub fn code(typed: &str) -> String {
    // Once more, because what is left may combine: a lone accent comes out of NFKC as a space and the accent.
    typed.nfkc().filter(|c| !c.is_whitespace() && *c != '-').nfkc().collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn full_width_accounts_and_codes_become_plain() {
        assert_eq!(account("　ｗｏｎｇ＠ｌａｂ "), "wong@lab");
        assert_eq!(account("Wong"), "Wong");
        assert_eq!(code(" １２３ ４５６ "), "123456");
        assert_eq!(code("123-456"), "123456");
    }

    proptest! {
        #[test]
        fn folding_twice_changes_nothing(typed in ".{0,40}") {
            prop_assert_eq!(account(&account(&typed)), account(&typed));
            prop_assert_eq!(code(&code(&typed)), code(&typed));
        }
    }
}
