//! Rows of the Windows Security Center interface, `IWscProduct` of `iwscapi.h`.

use super::product::{self, Reported};
use super::said;
use crate::facts::{Family, Firewall, RealTime};

/// One program as the interface gives it.
#[derive(Clone, Debug)]
pub struct Row {
    /// `get_ProductName`.
    pub name: String,
    /// `get_ProductState`, a `WSC_SECURITY_PRODUCT_STATE`.
    pub state: i32,
    /// `get_SignatureStatus`, a `WSC_SECURITY_SIGNATURE_STATUS`; antivirus programs have one.
    pub signatures: Option<i32>,
    /// `get_RemediationPath`, what puts a firewall right.
    pub remedy: Option<String>,
}

/// What the row of an antivirus program says. A value that the interface does not define is not known.
pub fn product(row: &Row) -> Reported {
    let real_time = state(row);
    Reported {
        running: real_time.map(|state| state == RealTime::On),
        real_time,
        definitions_current: match row.signatures {
            Some(0) => Some(false),
            Some(1) => Some(true),
            _ => None,
        },
        ..Reported::new(product::family(&row.name).unwrap_or(Family::Other), &row.name)
    }
}

/// The row of a firewall that is on and not Windows' own. That one is listed too, under a translated name, and may be on
/// while one of its profiles is off; what tells it from others is that Windows' own pages put it right.
pub fn other_firewall(row: &Row) -> Option<Firewall> {
    const PAGES: [&str; 3] = ["firewall.cpl", "windowsdefender:", "ms-settings:"];
    let remedy = row.remedy.as_ref()?.to_lowercase();
    let own = PAGES.iter().any(|page| remedy.contains(page));
    let name = said(&row.name)?;
    (!own && state(row) == Some(RealTime::On)).then_some(Firewall { name, on: true })
}

fn state(row: &Row) -> Option<RealTime> {
    match row.state {
        0 => Some(RealTime::On),
        1 => Some(RealTime::Off),
        2 => Some(RealTime::Snoozed),
        3 => Some(RealTime::Expired),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_and_signature_status() {
        use RealTime::{Expired, Off, On, Snoozed};
        for (state, signatures, real_time, current) in [
            (0, Some(1), Some(On), Some(true)),
            (0, Some(0), Some(On), Some(false)),
            (0, None, Some(On), None),
            (1, Some(1), Some(Off), Some(true)),
            (2, Some(1), Some(Snoozed), Some(true)),
            (3, Some(0), Some(Expired), Some(false)),
            (4, Some(2), None, None),
            (-1, Some(i32::MAX), None, None),
        ] {
            let product = product(&row("Kaspersky Endpoint Security", state, signatures));
            assert_eq!((product.real_time, product.definitions_current), (real_time, current), "{state}");
            assert_eq!(product.running, real_time.map(|state| state == On));
            assert_eq!(product.family, Family::Kaspersky);
        }
        assert_eq!(product(&row("Their Shield", 0, Some(1))).family, Family::Other);
    }

    #[test]
    fn a_firewall_that_is_on_and_not_windows_own() {
        let cpl = Some(r"%windir%\System32\firewall.cpl");
        let theirs = Some(r"C:\Program Files\Theirs\fix.exe");
        for (name, state, remedy, counts) in [
            ("Their Firewall", 0, theirs, true),
            ("Their Firewall", 0, Some(""), true),
            ("Windows Firewall Control", 0, theirs, true),
            ("Their Firewall", 1, theirs, false),
            ("Their Firewall", 2, theirs, false),
            ("Their Firewall", 3, theirs, false),
            ("Their Firewall", 4, theirs, false),
            ("Windows Firewall", 0, cpl, false),
            ("Firewall do Windows", 0, cpl, false),
            ("Windows 防火牆", 0, Some("windowsdefender://network/"), false),
            ("Their Firewall", 0, None, false),
            (" ", 0, theirs, false),
        ] {
            let row = Row { remedy: remedy.map(str::to_owned), ..row(name, state, None) };
            assert_eq!(other_firewall(&row).is_some_and(|firewall| firewall.on), counts, "{name} {state}");
        }
    }

    fn row(name: &str, state: i32, signatures: Option<i32>) -> Row {
        Row { name: name.to_owned(), state, signatures, remedy: None }
    }
}
