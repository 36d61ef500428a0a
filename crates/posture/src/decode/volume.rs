//! `Win32_EncryptableVolume.ProtectionStatus` of the system drive (4A).

use super::Malformed;
use crate::facts::Disk;

/// 0 is off, also while the protection is suspended; 1 is on.
///
/// # Errors
/// 2, unknown, which a locked drive has, and every other number.
pub fn protection_status(status: u32) -> Result<Disk, Malformed> {
    match status {
        0 => Ok(Disk { encrypted_by: None }),
        1 => Ok(Disk { encrypted_by: Some("BitLocker".to_owned()) }),
        _ => Err(Malformed("a protection status")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_is_on() {
        assert_eq!(protection_status(0), Ok(Disk { encrypted_by: None }));
        assert_eq!(protection_status(1).unwrap().encrypted_by.as_deref(), Some("BitLocker"));
        assert!(protection_status(2).is_err() && protection_status(u32::MAX).is_err());
    }
}
