//! The system's random generator, for the shells; rules take random bytes as arguments.

use aws_lc_rs::rand;
use praya_model::SupportCode;

/// The random generator failed, which it does only when the system is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the system's random generator failed")]
pub struct RandomError;

/// `N` random bytes.
///
/// # Errors
/// [`RandomError`].
pub fn bytes<const N: usize>() -> Result<[u8; N], RandomError> {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).map_err(|_| RandomError)?;
    Ok(bytes)
}

/// A support code from 8 random bytes: 8 characters that can be read over the telephone, none taken for another.
pub fn support_code(random: [u8; 8]) -> SupportCode {
    const ALPHABET: &[u8; 32] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZ";
    let letters = random.iter().map(|byte| char::from(ALPHABET[usize::from(byte & 31)]));
    SupportCode::new(letters.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a41_a_support_code_has_eight_unambiguous_characters() {
        let code = support_code(bytes().unwrap());
        assert_eq!(code.as_str().len(), 8);
        assert!(!code.as_str().contains(['0', '1', 'O', 'I']));
        assert_eq!(support_code([0, 1, 2, 3, 31, 32, 63, 255]).as_str(), "2345Z2ZZ");
    }
}
