//! Antivirus programs (4A): Security Center's list, by its own interface first and by WMI second, and on a server, which has
//! none, what is installed and runs.

use std::collections::BTreeSet;
use std::time::Duration;

use super::definitions::definitions_of;
use super::{Asked, Provider, Row, System, number, value};
use crate::collect::machine::Machine;
use crate::decode::product::{Reported, merge};
use crate::decode::{mp_status, product_state, uninstall, wsc};
use crate::facts::{Antivirus, Fact, Family, MAX_PRODUCTS, RealTime, Unavailable};

pub(super) const CENTER: &str = r"ROOT\SecurityCenter2";

/// How long Security Center's own interface is waited for, so that there is time for another source.
pub(super) const CENTER_LIMIT: Duration = Duration::from_millis(500);

/// How long Defender's own word is waited for: beside another program it may never come.
const DEFENDER_LIMIT: Duration = Duration::from_secs(1);

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
    let defender = Defender { machine, definitions };
    let installed = installed(system);
    let (mut products, source) = match listed(machine, system) {
        Ok((reported, source)) => {
            let products = merge(reported).into_iter().map(|one| with_version(one, &installed));
            (defender.confirm(products.collect(), source, || Defender::ask(machine, system)), source)
        }
        Err(reason) => {
            let services = Asked::query(
                machine,
                system,
                r"ROOT\CIMV2",
                "SELECT Name, PathName FROM Win32_Service WHERE State = 'Running'",
            );
            let status = Defender::ask(machine, system);
            let running = services.answer(machine).map(|rows| names(&rows));
            let mut products: Vec<Antivirus> = installed
                .into_iter()
                .filter(|one| one.family != Family::Defender)
                .map(|one| by_service(machine, one, &running, definitions))
                .collect();
            products.extend(defender.alone(status, &running));
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

/// What Security Center lists, and who said so. An empty list is one that nobody keeps: its service is stopped.
fn listed(machine: &Machine, system: &impl System) -> Result<(Vec<Reported>, &'static str), Unavailable> {
    let own = Asked::products(machine, system, Provider::Antivirus).answer_within(machine, CENTER_LIMIT);
    if let Ok(rows) = own
        && !rows.is_empty()
    {
        return Ok((rows.iter().map(wsc::product).collect(), "IWSCProductList"));
    }
    let rows = Asked::query(machine, system, CENTER, "SELECT * FROM AntiVirusProduct").answer(machine)?;
    if rows.is_empty() {
        return Err(Unavailable::NotDetected);
    }
    let product = |row: &Row| {
        Some(product_state::product(value(row, "displayName").ok()?, number(row, "productState").ok()?))
    };
    Ok((rows.iter().filter_map(product).collect(), "SecurityCenter2: AntiVirusProduct"))
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

/// Defender, whose own word counts more than what is said of it.
struct Defender<'a> {
    machine: &'a Machine,
    definitions: bool,
}

impl Defender<'_> {
    fn ask(machine: &Machine, system: &impl System) -> Asked<Vec<Row>> {
        let namespace = r"ROOT\Microsoft\Windows\Defender";
        Asked::query(machine, system, namespace, "SELECT * FROM MSFT_MpComputerStatus")
    }

    fn status(&self, asked: Asked<Vec<Row>>) -> Result<Reported, Unavailable> {
        let rows = asked.answer_within(self.machine, DEFENDER_LIMIT)?;
        let status = rows.first().ok_or(Unavailable::NotDetected)?;
        Ok(mp_status::defender(status.iter().map(|(name, value)| (name.as_str(), value.as_str())))?)
    }

    /// The products of Security Center's list. It may call Defender on while files are not scanned; that they are is for
    /// Defender to say, if it has the class for it at all. It is not asked where it rests beside another program that is
    /// on: it might not answer, and nothing hangs on it.
    fn confirm(
        &self,
        products: Vec<Reported>,
        source: &str,
        ask: impl FnOnce() -> Asked<Vec<Row>>,
    ) -> Vec<Antivirus> {
        let (at, definitions) = (self.machine.now, self.definitions);
        let is_defender = |one: &Reported| one.family == Family::Defender;
        let on = |one: &Reported| one.real_time == Some(RealTime::On);
        let rests = products.iter().any(|one| on(one) && !is_defender(one))
            && !products.iter().any(|one| on(one) && is_defender(one));
        let status = (!rests).then(|| self.status(ask()));
        let is_listed = products.iter().any(is_defender);
        let confirmed = products.into_iter().map(|one| match &status {
            Some(Ok(own)) if is_defender(&one) => {
                one.confirmed_by(own.clone()).facts(source, at, definitions)
            }
            Some(Err(reason)) if is_defender(&one) && on(&one) && *reason != Unavailable::NotDetected => {
                Antivirus { real_time: Fact::unavailable(*reason), ..one.facts(source, at, definitions) }
            }
            _ => one.facts(source, at, definitions),
        });
        let mut confirmed: Vec<Antivirus> = confirmed.collect();
        if let (false, Some(Ok(own))) = (is_listed, status) {
            confirmed.push(own.facts("MSFT_MpComputerStatus", at, definitions));
        }
        confirmed
    }

    /// Defender where there is no Security Center; `None` if it is not installed.
    fn alone(
        &self,
        asked: Asked<Vec<Row>>,
        running: &Result<BTreeSet<String>, Unavailable>,
    ) -> Option<Antivirus> {
        let (machine, definitions) = (self.machine, self.definitions);
        match self.status(asked) {
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
