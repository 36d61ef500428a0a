//! Where programs keep what their definitions are (4A), for what Security Center does not tell.

use super::{Row, System, number, value};
use crate::collect::machine::{Found, Machine};
use crate::decode::{definitions, said};
use crate::facts::{Antivirus, Family, Unavailable};

/// Adds what the program's own keys and files say to what is not known yet.
pub(super) fn definitions_of(machine: &Machine, system: &impl System, product: &mut Antivirus) {
    let version = |key: &str, name: &str| -> Found<String> {
        let row = software(system, key)?;
        Ok((said(value(&row, name)?).ok_or(Unavailable::NotDetected)?, "registry"))
    };
    let none = Err(Unavailable::Unsupported);
    let (version, at) = match product.family {
        Family::Mcafee => (version(r"McAfee\AVEngine", "AVDatVersion"), none),
        Family::Avira => (version(r"Avira\Antivirus", "VdfVersion"), none),
        Family::Trendmicro => {
            let row = software(system, r"TrendMicro\PC-cillinNTCorp\CurrentVersion\Misc.");
            let pattern = row.and_then(|row| number(&row, "InternalNonCrcPatternVer"));
            (pattern.map(|pattern| (definitions::trend_micro(pattern), "registry")), none)
        }
        Family::Defender => {
            (version(r"Microsoft\Windows Defender\Signature Updates", "AVSignatureVersion"), none)
        }
        Family::Eset => {
            let version = version(r"ESET\ESET Security\CurrentVersion\Info", "ScannerVersion");
            let at = version.clone().and_then(|(version, source)| Ok((definitions::eset(&version)?, source)));
            (version, at)
        }
        Family::Kaspersky => (Err(Unavailable::Unsupported), kaspersky(system)),
        Family::Symantec => {
            let version = symantec(machine);
            let at = version
                .clone()
                .and_then(|(version, source)| Ok((definitions::symantec_day(&version)?, source)));
            (version, at)
        }
        Family::Avast
        | Family::Avg
        | Family::Clamav
        | Family::Sophos
        | Family::Qihoo360
        | Family::Xprotect
        | Family::Other => return,
    };
    if product.definitions_version.value().is_err() {
        product.definitions_version = machine.fact(version);
    }
    if product.definitions_at.value().is_err() {
        product.definitions_at = machine.fact(at);
    }
}

/// A key of a program of either size.
fn software(system: &impl System, key: &str) -> Result<Row, Unavailable> {
    let wide = system.values(&format!(r"SOFTWARE\{key}"));
    wide.or_else(|_| system.values(&format!(r"SOFTWARE\WOW6432Node\{key}")))
}

/// When the last update succeeded, under a key named after the product's version.
fn kaspersky(system: &impl System) -> Found<praya_model::Timestamp> {
    for folder in [r"SOFTWARE\KasperskyLab\protected", r"SOFTWARE\WOW6432Node\KasperskyLab\protected"] {
        for product in system.keys(folder).unwrap_or_default() {
            let Ok(data) = system.values(&format!(r"{folder}\{product}\Data")) else { continue };
            if let Ok(seconds) = number(&data, "LastSuccessfulUpdate") {
                return Ok((definitions::kaspersky(seconds)?, "registry"));
            }
        }
    }
    Err(Unavailable::NotDetected)
}

fn symantec(machine: &Machine) -> Found<String> {
    const DATA: &str = "/ProgramData/Symantec/Symantec Endpoint Protection/CurrentVersion/Data/Definitions";
    let read = |folder| machine.text(&format!("{DATA}/{folder}/definfo.dat"));
    let file = read("SDSDefs").or_else(|_| read("VirusDefs"))?;
    Ok((definitions::symantec(&file)?, "definfo.dat"))
}
