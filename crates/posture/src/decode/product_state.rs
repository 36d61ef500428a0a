//! `productState` of WMI's `root\SecurityCenter2` (4A). It is undocumented; the layout is what agents in the field agree
//! on.

use super::product::{self, Reported};
use crate::facts::{Family, RealTime};

/// What the number says; `None` where its part has no known value. What is not known is not on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProductState {
    /// Bits 12 to 15.
    pub real_time: Option<RealTime>,
    /// Bits 8 to 11, the owner: whether it is Microsoft's. It is no state: 0x100 does not mean that the program rests.
    pub microsoft: Option<bool>,
    /// Bits 4 to 7.
    pub definitions_current: Option<bool>,
}

/// Takes the number apart.
pub const fn product_state(state: u32) -> ProductState {
    ProductState {
        real_time: match (state >> 12) & 0xf {
            0 => Some(RealTime::Off),
            1 => Some(RealTime::On),
            2 => Some(RealTime::Snoozed),
            3 => Some(RealTime::Expired),
            _ => None,
        },
        microsoft: match (state >> 8) & 0xf {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        },
        definitions_current: match (state >> 4) & 0xf {
            0 => Some(true),
            1 => Some(false),
            _ => None,
        },
    }
}

/// The program that registered itself under `name`. Its owner tells Microsoft's, whose name is translated.
pub fn product(name: &str, state: u32) -> Reported {
    let state = product_state(state);
    let by_owner = if state.microsoft == Some(true) { Family::Defender } else { Family::Other };
    Reported {
        running: state.real_time.map(|state| state == RealTime::On),
        real_time: state.real_time,
        definitions_current: state.definitions_current,
        ..Reported::new(product::family(name).unwrap_or(by_owner), name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_of_the_table() {
        use RealTime::{Expired, Off, On, Snoozed};
        for (state, real_time, microsoft, current) in [
            (262_144, Off, false, true),
            (262_160, Off, false, false),
            (266_240, On, false, true),
            (266_256, On, false, false),
            (270_336, Snoozed, false, true),
            (274_432, Expired, false, true),
            (393_472, Off, true, true),
            (397_312, On, false, true),
            (397_568, On, true, true),
            (397_584, On, true, false),
            (401_664, Snoozed, true, true),
        ] {
            let expected = ProductState {
                real_time: Some(real_time),
                microsoft: Some(microsoft),
                definitions_current: Some(current),
            };
            assert_eq!(product_state(state), expected, "{state}");
        }
    }

    #[test]
    fn whose_a_program_is() {
        for (name, state, family) in [
            ("Kaspersky Endpoint Security", 0x41000, Family::Kaspersky),
            ("Windows Defender", 0x61100, Family::Defender),
            ("Antivírus do Microsoft", 0x61100, Family::Defender),
            ("Their Shield", 0x41000, Family::Other),
        ] {
            let product = product(name, state);
            assert_eq!((product.family, product.running), (family, Some(true)), "{name}");
        }
        assert_eq!(product("Windows Defender", 0x62100).running, Some(false));
        assert_eq!(product("Windows Defender", 0x6f100).running, None);
    }

    #[test]
    fn an_unknown_part_is_unknown_and_not_on() {
        for state in 4..16 {
            assert_eq!(product_state(0x60000 | state << 12).real_time, None);
        }
        for part in 2..16 {
            assert_eq!(product_state(0x61000 | part << 8).microsoft, None);
            assert_eq!(product_state(0x61000 | part << 4).definitions_current, None);
        }
    }
}
