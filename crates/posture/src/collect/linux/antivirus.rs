//! Antivirus programs (4C). A folder of a program means that it is installed; that it runs is for its process to say.

use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;

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
    /// Asked one after the other, until an answer is understood.
    questions: &'static [&'static [&'static str]],
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
            questions: &[&["--list-modules"]],
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
            questions: &[&["--app-info", "--json"], &["--app-info"]],
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
            questions: &[&["health", "--output", "json"]],
            source: "mdatp health",
            read: |answer, _| mdatp::defender(answer.as_bytes()),
        }),
    },
];

/// How long the list of packages is waited for: it tells nothing but versions, for people to read.
const PACKAGES: Duration = Duration::from_millis(500);

pub(in crate::collect) fn antivirus(machine: &Machine, definitions: bool) -> Fact<Vec<Antivirus>> {
    let processes = match Processes::of(machine) {
        Ok(processes) => Arc::new(processes),
        Err(reason) => return Fact::unavailable(reason),
    };
    let packages = Pending::start(&machine.within(PACKAGES), "packages", Packages::of);
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
    if products.iter().any(|product| product.version.value().is_err()) {
        // Last, so that nothing else is late by it.
        let packages = packages.wait(machine.until).and_then(|packages| packages);
        for product in products.iter_mut().filter(|product| product.version.value().is_err()) {
            let listed = packages.as_ref().map_err(|reason| *reason);
            product.version =
                machine.fact(listed.and_then(|packages| packages.version(packages_of(product.family))));
        }
    }
    Fact::known(products, "/proc and files", machine.now)
}

fn packages_of(family: Family) -> &'static [&'static str] {
    let known = PRODUCTS.iter().find(|product| product.family == family);
    known.map_or(&clamav::PACKAGES, |product| product.packages)
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
        installed: machine.fact(Ok((true, *marker))),
        running: machine.fact(running),
        ..reported.facts("/proc", machine.now, definitions)
    })
}

fn ask(machine: &Machine, word: Word) -> Result<Reported, Unavailable> {
    for question in word.questions {
        let answer = machine.run(word.programs, question)?.text();
        if let Ok(told) = (word.read)(&answer, &machine.zone()) {
            return Ok(told);
        }
    }
    Err(Unavailable::Malformed)
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
                running: either(told.running, installed.running),
                installed: installed.installed,
                ..told
            }
        }
        Err(reason) => {
            let unasked = if definitions { reason } else { Unavailable::NotAsked };
            Antivirus {
                engine_version: Fact::unavailable(reason),
                real_time: Fact::unavailable(reason),
                definitions_version: Fact::unavailable(unasked),
                definitions_at: Fact::unavailable(unasked),
                definitions_current: Fact::unavailable(unasked),
                ..installed
            }
        }
    }
}

fn either<T>(one: Fact<T>, other: Fact<T>) -> Fact<T> {
    if one.value().is_ok() { one } else { other }
}

/// The system's own list of what is installed.
enum Packages {
    Dpkg(String),
    Rpm(String),
}

impl Packages {
    fn of(machine: &Machine) -> Result<Self, Unavailable> {
        match machine.text("/var/lib/dpkg/status") {
            Ok(status) => Ok(Self::Dpkg(status)),
            Err(Unavailable::NotDetected) => {
                let asked = PRODUCTS.iter().flat_map(|product| product.packages).chain(&clamav::PACKAGES);
                let query = ["--query", "--queryformat", rpm::FORMAT].iter().chain(asked);
                let output =
                    machine.run(&["/usr/bin/rpm", "/bin/rpm"], &query.copied().collect::<Vec<_>>())?;
                Ok(Self::Rpm(output.text()))
            }
            Err(reason) => Err(reason),
        }
    }

    /// The version of the first of `packages` that is installed.
    fn version(&self, packages: &[&str]) -> Found<String> {
        if packages.is_empty() {
            return Err(Unavailable::Unsupported);
        }
        let (version, source) = match self {
            Self::Dpkg(status) => (packages.iter().find_map(|one| dpkg::version(status, one)), "dpkg"),
            Self::Rpm(listing) => (packages.iter().find_map(|one| rpm::version(listing, one)), "rpm"),
        };
        version.map(|version| (version, source)).ok_or(Unavailable::NotDetected)
    }
}
