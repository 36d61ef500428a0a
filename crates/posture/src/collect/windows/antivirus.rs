//! Antivirus programs (4A): Security Center's list, and on a server, which has none, what is installed and runs.
//!
//! Security Center is asked by WMI and not by its own interface (`IWSCProductList`), which no safe crate gives; both tell
//! the same list.

use std::collections::BTreeSet;

use super::definitions::definitions_of;
use super::{Asked, Row, System, number, value};
use crate::collect::machine::Machine;
use crate::decode::product::{Reported, merge};
use crate::decode::{mp_status, product_state, uninstall};
use crate::facts::{Antivirus, Fact, Family, MAX_PRODUCTS, RealTime, Unavailable};

pub(super) const CENTER: &str = r"ROOT\SecurityCenter2";

const UNINSTALL: [&str; 2] = [
    r"SOFTWARE\Microsoft\Windows\CurrentVersion\Uninstall",
    r"SOFTWARE\WOW6432Node\Microsoft\Windows\CurrentVersion\Uninstall",
];

/// The services and programs that scan. A service's name may be any maker's; a program is named as its file.
const SCANNERS: [(Family, &[&str]); 12] = [
    (Family::Avira, &["antivirservice", "avguard.exe"]),
    (Family::Avast, &["avast! antivirus", "avastsvc.exe"]),
    (Family::Avg, &["avg antivirus", "avgsvc.exe"]),
    (Family::Clamav, &["clamd", "clamd.exe"]),
    (Family::Eset, &["ekrn", "ekrn.exe"]),
    (Family::Kaspersky, &["avp.exe"]),
    (Family::Mcafee, &["mfemms", "mcshield.exe"]),
    (Family::Sophos, &["sophos endpoint defense service"]),
    (Family::Symantec, &["sepmasterservice", "ccsvchst.exe"]),
    (Family::Trendmicro, &["ntrtscan", "ntrtscan.exe"]),
    (Family::Qihoo360, &["zhudongfangyu", "360entclientsvc", "360rp.exe", "360sd.exe", "360skylarsvc.exe"]),
    (Family::Defender, &["windefend", "msmpeng.exe"]),
];

pub(super) fn antivirus(machine: &Machine, system: &impl System, definitions: bool) -> Fact<Vec<Antivirus>> {
    let center = Asked::start(machine, system, CENTER, "SELECT * FROM AntiVirusProduct");
    let defender = Asked::start(
        machine,
        system,
        r"ROOT\Microsoft\Windows\Defender",
        "SELECT * FROM MSFT_MpComputerStatus",
    );
    let services = Asked::start(
        machine,
        system,
        r"ROOT\CIMV2",
        "SELECT Name, PathName FROM Win32_Service WHERE State = 'Running'",
    );
    let installed = installed(system);
    // An empty list is one that nobody keeps: its service is stopped.
    let center = center
        .answer(machine)
        .and_then(|rows| if rows.is_empty() { Err(Unavailable::NotDetected) } else { Ok(rows) });
    let defender = Defender(machine, defender);
    let (mut products, source) = match center {
        Ok(rows) => {
            let reported = rows.iter().filter_map(|row| {
                Some(product_state::product(
                    value(row, "displayName").ok()?,
                    number(row, "productState").ok()?,
                ))
            });
            let products = merge(reported).into_iter().map(|one| with_version(one, &installed));
            let products = defender.confirm(products.collect(), definitions);
            (products, "SecurityCenter2: AntiVirusProduct")
        }
        Err(reason) => {
            let running = services.answer(machine).map(|rows| names(&rows));
            let mut products: Vec<Antivirus> = installed
                .into_iter()
                .filter(|one| one.family != Family::Defender)
                .map(|one| by_service(machine, one, &running, definitions))
                .collect();
            products.extend(defender.alone(&running, definitions));
            if products.is_empty() && reason != Unavailable::NotDetected {
                // There is a Security Center; what it would have listed is not known.
                return Fact::unavailable(reason);
            }
            (products, "registry: Uninstall")
        }
    };
    products.truncate(MAX_PRODUCTS);
    if definitions {
        products.iter_mut().for_each(|product| definitions_of(machine, system, product));
    }
    Fact::known(products, source, machine.now)
}

/// What the uninstall keys of both sizes of programs name.
fn installed(system: &impl System) -> Vec<Reported> {
    let mut rows = Vec::new();
    for folder in UNINSTALL {
        for key in system.keys(folder).unwrap_or_default() {
            let Ok(entry) = system.values(&format!(r"{folder}\{key}")) else { continue };
            let text = |name| value(&entry, name).unwrap_or_default().to_owned();
            rows.push((key, text("DisplayName"), text("DisplayVersion")));
        }
    }
    uninstall::products(
        rows.iter().map(|(key, name, version)| (key.as_str(), name.as_str(), version.as_str())),
    )
}

fn with_version(product: Reported, installed: &[Reported]) -> Reported {
    let same = installed.iter().find(|one| one.family == product.family && one.family != Family::Other);
    Reported { version: same.and_then(|one| one.version.clone()), ..product }
}

/// The names of services and of the files of their programs, in small letters.
fn names(services: &[Row]) -> BTreeSet<String> {
    let of = |row: &Row| {
        let name = value(row, "Name").unwrap_or_default().to_lowercase();
        let path = value(row, "PathName").unwrap_or_default().to_lowercase();
        // `"C:\Program Files\…\avp.exe" -r`, and without the quotes.
        let program = path.split_inclusive(".exe").next().unwrap_or_default();
        let file = program.rsplit(['\\', '/', '"']).next().unwrap_or_default().to_owned();
        [name, file]
    };
    services.iter().flat_map(of).collect()
}

fn runs(family: Family, running: &BTreeSet<String>) -> bool {
    let scanners = SCANNERS.iter().find(|(whose, _)| *whose == family);
    scanners.is_some_and(|(_, names)| names.iter().any(|name| running.contains(*name)))
}

fn by_service(
    machine: &Machine,
    product: Reported,
    running: &Result<BTreeSet<String>, Unavailable>,
    definitions: bool,
) -> Antivirus {
    let family = product.family;
    let facts = product.facts("registry: Uninstall", machine.now, definitions);
    let running = running.as_ref().map(|running| (runs(family, running), "Win32_Service"));
    Antivirus { running: machine.fact(running.map_err(|reason| *reason)), ..facts }
}

/// Defender and the query for its own word, which may never be answered while another program is active (4A).
struct Defender<'a>(&'a Machine, Asked);

impl Defender<'_> {
    fn status(self) -> Result<Reported, Unavailable> {
        let rows = self.1.answer(self.0)?;
        let status = rows.first().ok_or(Unavailable::NotDetected)?;
        Ok(mp_status::defender(status.iter().map(|(name, value)| (name.as_str(), value.as_str())))?)
    }

    /// The products of Security Center's list. It may call Defender on while files are not scanned; that they are is for
    /// Defender to say, if it has the class for it at all.
    fn confirm(self, products: Vec<Reported>, definitions: bool) -> Vec<Antivirus> {
        let at = self.0.now;
        let facts = |one: Reported| one.facts("SecurityCenter2: AntiVirusProduct", at, definitions);
        let on = |one: &Reported| one.family == Family::Defender && one.real_time == Some(RealTime::On);
        // Nobody waits for it where nothing is claimed.
        let status = if products.iter().any(on) { Some(self.status()) } else { None };
        let confirmed = products.into_iter().map(|one| match &status {
            Some(Ok(own)) if one.family == Family::Defender => facts(one.confirmed_by(own.clone())),
            Some(Err(reason)) if on(&one) && *reason != Unavailable::NotDetected => {
                Antivirus { real_time: Fact::unavailable(*reason), ..facts(one) }
            }
            _ => facts(one),
        });
        confirmed.collect()
    }

    /// Defender where there is no Security Center; `None` if it is not installed.
    fn alone(self, running: &Result<BTreeSet<String>, Unavailable>, definitions: bool) -> Option<Antivirus> {
        let machine = self.0;
        match self.status() {
            Ok(status) => Some(status.facts("MSFT_MpComputerStatus", machine.now, definitions)),
            Err(Unavailable::NotDetected) => None,
            Err(reason) => {
                let silent = Reported::new(Family::Defender, "Microsoft Defender Antivirus");
                let facts = by_service(machine, silent, running, definitions);
                let installed = Fact::unavailable(reason);
                Some(Antivirus { installed, real_time: Fact::unavailable(reason), ..facts })
            }
        }
    }
}
