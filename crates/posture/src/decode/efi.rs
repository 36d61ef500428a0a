//! The EFI variable `SecureBoot` as efivarfs gives it: four bytes of attributes, then its value (UEFI 2.10, 3.3).

use super::Malformed;

/// Its name in efivarfs, with the GUID of the specification's own variables.
pub const SECURE_BOOT: &str = "SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c";

/// Whether the firmware starts signed systems only.
///
/// # Errors
/// When the value is not one byte of 0 or 1.
pub const fn secure_boot(variable: &[u8]) -> Result<bool, Malformed> {
    match variable {
        [_, _, _, _, 0] => Ok(false),
        [_, _, _, _, 1] => Ok(true),
        _ => Err(Malformed("the variable SecureBoot")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_on() {
        assert_eq!(secure_boot(&[6, 0, 0, 0, 1]), Ok(true));
        assert_eq!(secure_boot(&[6, 0, 0, 0, 0]), Ok(false));
        for variable in [&[][..], &[1], &[6, 0, 0, 0], &[6, 0, 0, 0, 2], &[6, 0, 0, 0, 1, 1]] {
            assert!(secure_boot(variable).is_err(), "{variable:?}");
        }
    }
}
