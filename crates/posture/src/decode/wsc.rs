//! Rows of the Windows Security Center interface, `IWscProduct` of `iwscapi.h`.

use praya_model::Timestamp;

use super::product::{self, Reported};
use super::{Malformed, date};
use crate::facts::{Family, RealTime};

/// One program as the interface gives it.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    /// `get_ProductName`.
    pub name: &'a str,
    /// `get_ProductState`, a `WSC_SECURITY_PRODUCT_STATE`.
    pub state: i32,
    /// `get_SignatureStatus`, a `WSC_SECURITY_SIGNATURE_STATUS`.
    pub signatures: i32,
}

/// What the row says. A value that the interface does not define is not known.
pub fn product(row: Row<'_>) -> Reported {
    let real_time = match row.state {
        0 => Some(RealTime::On),
        1 => Some(RealTime::Off),
        2 => Some(RealTime::Snoozed),
        3 => Some(RealTime::Expired),
        _ => None,
    };
    Reported {
        running: real_time.map(|state| state == RealTime::On),
        real_time,
        definitions_current: match row.signatures {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        },
        ..Reported::new(product::family(row.name).unwrap_or(Family::Other), row.name)
    }
}

/// `get_ProductStateTimestamp`: when the program last told Security Center its state.
pub fn told_at(timestamp: &str) -> Result<Timestamp, Malformed> {
    date::http(timestamp)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_and_signature_status() {
        use RealTime::{Expired, Off, On, Snoozed};
        for (state, signatures, real_time, current) in [
            (0, 1, Some(On), Some(true)),
            (0, 0, Some(On), Some(false)),
            (1, 1, Some(Off), Some(true)),
            (2, 1, Some(Snoozed), Some(true)),
            (3, 0, Some(Expired), Some(false)),
            (4, 2, None, None),
            (-1, i32::MAX, None, None),
        ] {
            let product = product(Row { name: "Kaspersky Endpoint Security", state, signatures });
            assert_eq!((product.real_time, product.definitions_current), (real_time, current), "{state}");
            assert_eq!(product.running, real_time.map(|state| state == On));
            assert_eq!(product.family, Family::Kaspersky);
        }
        assert_eq!(product(Row { name: "Their Shield", state: 0, signatures: 1 }).family, Family::Other);
    }

    #[test]
    fn the_time_of_a_state() {
        assert_eq!(told_at("Wed, 07 Oct 2026 06:24:00 GMT"), Ok(Timestamp::from_secs(1_791_354_240)));
        assert!(told_at("").is_err());
    }
}
