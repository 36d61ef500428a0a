//! Antivirus programs (4C). A folder of a program means that it is installed; that it runs is for its process to say.

use std::sync::Arc;

use jiff::tz::TimeZone;
use praya_model::Timestamp;

use super::clamav;
use super::processes::{Home, Processes};
use crate::collect::Pending;
use crate::collect::machine::{Found, Machine};
use crate::decode::product::Reported;
use crate::decode::{Malformed, dpkg, eset, kesl, mdatp, rpm};
use crate::facts::{Antivirus, Fact, Family, Unavailable};

/// A program of which only its files and its processes can be read.
struct Product {
    family: Family,
    name: &'static str,
    /// One of these is there when it is installed.
    markers: &'static [&'static str],
    packages: &'static [&'static str],
    /// The part that scans, not what supervises or updates it.
    scanners: &'static [&'static str],
    /// Where its programs lie.
    home: &'static [&'static str],
    /// How it tells more of itself, if it does.
    word: Option<Word>,
}

/// A program that prints what a running product says of itself.
#[derive(Clone, Copy)]
struct Word {
    programs: &'static [&'static str],
    arguments: &'static [&'static str],
    source: &'static str,
    read: fn(&str, &TimeZone) -> Result<Reported, Malformed>,
}

const PRODUCTS: [Product; 8] = [
    Product {
        family: Family::Sophos,
        name: "Sophos Protection for Linux",
        markers: &["/opt/sophos-spl"],
        packages: &[],
        scanners: &["sophos_threat_detector"],
        home: &["/opt/sophos-spl"],
        word: None,
    },
    Product {
        family: Family::Eset,
        name: "ESET Endpoint Antivirus",
        markers: &["/opt/eset/eea", "/opt/eset/efs"],
        packages: &["eea", "efs"],
        scanners: &["scand"],
        home: &["/opt/eset"],
        word: Some(Word {
            programs: &["/opt/eset/eea/bin/upd", "/opt/eset/efs/bin/upd"],
            arguments: &["--list-modules"],
            source: "upd --list-modules",
            read: |answer, _| eset::modules(answer),
        }),
    },
    Product {
        family: Family::Kaspersky,
        name: "Kaspersky Endpoint Security",
        markers: &["/opt/kaspersky/kesl"],
        home: &["/opt/kaspersky", "/var/opt/kaspersky"],
        word: Some(Word {
            programs: &["/usr/bin/kesl-control", "/opt/kaspersky/kesl/bin/kesl-control"],
            arguments: &["--app-info"],
            source: "kesl-control --app-info",
            read: kesl::kaspersky,
        }),
        packages: &["kesl", "kesl-astra"],
        scanners: &["kesl"],
    },
    Product {
        family: Family::Mcafee,
        name: "Trellix Endpoint Security",
        markers: &["/opt/McAfee/ens", "/opt/isec/ens"],
        packages: &["mcafeetp", "McAfeeTP"],
        scanners: &["mfetpd"],
        home: &["/opt/McAfee", "/opt/isec"],
        word: None,
    },
    Product {
        family: Family::Trendmicro,
        name: "Trend Micro Deep Security Agent",
        markers: &["/opt/ds_agent"],
        packages: &["ds-agent", "ds_agent"],
        scanners: &["ds_am"],
        home: &["/opt/ds_agent"],
        word: None,
    },
    Product {
        family: Family::Symantec,
        name: "Symantec Endpoint Protection",
        markers: &["/opt/Symantec"],
        packages: &["sep", "sdcss-sepagent"],
        scanners: &["sisamddaemon", "rtvscand"],
        home: &["/opt/Symantec"],
        word: None,
    },
    Product {
        family: Family::Avast,
        name: "Avast Business Antivirus",
        markers: &[
            "/usr/bin/avast",
            "/lib/systemd/system/avast.service",
            "/usr/lib/systemd/system/avast.service",
        ],
        packages: &["avast"],
        scanners: &["avast"],
        home: &["/usr/bin/avast"],
        word: None,
    },
    Product {
        family: Family::Defender,
        name: "Microsoft Defender",
        markers: &["/opt/microsoft/mdatp"],
        packages: &["mdatp"],
        scanners: &["wdavdaemon"],
        home: &["/opt/microsoft/mdatp"],
        word: Some(Word {
            programs: &["/usr/bin/mdatp", "/opt/microsoft/mdatp/sbin/wdavdaemonclient"],
            arguments: &["health", "--output", "json"],
            source: "mdatp health",
            read: |answer, _| mdatp::defender(answer.as_bytes()),
        }),
    },
];

pub(in crate::collect) fn antivirus(machine: &Machine, definitions: bool) -> Fact<Vec<Antivirus>> {
    let processes = match Processes::of(machine) {
        Ok(processes) => Arc::new(processes),
        Err(reason) => return Fact::unavailable(reason),
    };
    let theirs = Arc::clone(&processes);
    let clamav =
        Pending::start(machine, "clamav", move |machine| clamav::clamav(machine, &theirs, definitions));
    let installed =
        PRODUCTS.iter().filter_map(|one| Some((one, product(machine, one, &processes, definitions)?)));
    let asked: Vec<_> = installed
        .map(|(product, facts)| {
            // Asked while its service is stopped, a program may wait for it.
            let word = product.word.filter(|_| facts.running.value() == Ok(&true));
            let ask = |word| (word, Pending::start(machine, product.name, move |machine| ask(machine, word)));
            (facts, word.map(ask))
        })
        .collect();
    let answered = asked.into_iter().map(|(facts, asked)| match asked {
        Some((word, answer)) => {
            let told = answer.wait(machine.until).and_then(|told| told);
            with_word(machine, facts, told, word.source, definitions)
        }
        None => facts,
    });
    let mut products: Vec<Antivirus> = answered.collect();
    products.extend(clamav.wait(machine.until).unwrap_or_else(|reason| {
        // One that does not answer says nothing about the others.
        let silent = Reported::new(Family::Clamav, clamav::NAME).facts("", machine.now, definitions);
        let (installed, running) = (Fact::unavailable(reason), Fact::unavailable(reason));
        Some(Antivirus { installed, running, real_time: Fact::unavailable(reason), ..silent })
    }));
    Fact::known(products, "/proc and files", machine.now)
}

fn product(
    machine: &Machine,
    product: &Product,
    processes: &Processes,
    definitions: bool,
) -> Option<Antivirus> {
    let marker = product.markers.iter().find(|marker| machine.exists(marker))?;
    let mut running = Ok((false, "/proc"));
    for scanner in product.scanners {
        match processes.run(machine, scanner, Home::Under(product.home)) {
            Ok(accounts) if accounts.is_empty() => {}
            Ok(_) => {
                running = Ok((true, "/proc"));
                break;
            }
            Err(reason) => running = Err(reason),
        }
    }
    let reported = Reported::new(product.family, product.name);
    Some(Antivirus {
        version: machine.fact(package_version(machine, product.packages)),
        installed: machine.fact(Ok((true, *marker))),
        running: machine.fact(running),
        ..reported.facts("/proc", machine.now, definitions)
    })
}

fn ask(machine: &Machine, word: Word) -> Result<Reported, Unavailable> {
    let output = machine.run(word.programs, word.arguments)?;
    Ok((word.read)(&output.text(), &machine.zone())?)
}

/// What is installed, with what it says of itself. Where it is not understood, what it would have said is not known.
fn with_word(
    machine: &Machine,
    installed: Antivirus,
    told: Result<Reported, Unavailable>,
    source: &str,
    definitions: bool,
) -> Antivirus {
    match told {
        Ok(told) => {
            let told = told.facts(source, machine.now, definitions);
            Antivirus {
                version: either(told.version, installed.version),
                running: either(told.running, installed.running),
                installed: installed.installed,
                ..told
            }
        }
        Err(reason) => {
            let reason_or =
                |fact: Fact<Timestamp>| if definitions { Fact::unavailable(reason) } else { fact };
            Antivirus {
                real_time: Fact::unavailable(reason),
                definitions_at: reason_or(installed.definitions_at),
                ..installed
            }
        }
    }
}

fn either<T>(one: Fact<T>, other: Fact<T>) -> Fact<T> {
    if one.value().is_ok() { one } else { other }
}

/// The version of the first of `packages` that is installed.
pub(super) fn package_version(machine: &Machine, packages: &[&str]) -> Found<String> {
    let missing = Unavailable::NotDetected;
    if packages.is_empty() {
        return Err(Unavailable::Unsupported);
    }
    match machine.text("/var/lib/dpkg/status") {
        Ok(status) => {
            let version = packages.iter().find_map(|package| dpkg::version(&status, package));
            version.map(|version| (version, "dpkg")).ok_or(missing)
        }
        Err(Unavailable::NotDetected) => {
            let query = [&["--query", "--queryformat", rpm::FORMAT], packages].concat();
            let listing = machine.run(&["/usr/bin/rpm", "/bin/rpm"], &query)?.text();
            let version = packages.iter().find_map(|package| rpm::version(&listing, package));
            version.map(|version| (version, "rpm")).ok_or(missing)
        }
        Err(reason) => Err(reason),
    }
}
