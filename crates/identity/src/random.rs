//! The system's random generator, for the shells; rules take random bytes as arguments.

use aws_lc_rs::rand;

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
