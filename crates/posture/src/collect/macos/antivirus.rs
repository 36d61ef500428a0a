//! Antivirus programs (4B): macOS's own, which is always there, those whose system extension watches files, and those of
//! which only files and processes tell.

use super::processes::Processes;
use crate::collect::Pending;
use crate::collect::guard::guarded;
use crate::collect::machine::Machine;
use crate::decode::product::Reported;
use crate::decode::{cvd, mdatp, system_extensions, xprotect};
use crate::facts::{Antivirus, Fact, Family, MAX_PRODUCTS, RealTime, Unavailable};

const XPROTECT: [&str; 2] = [
    "/Library/Apple/System/Library/CoreServices/XProtect.bundle/Contents/Info.plist",
    "/System/Library/CoreServices/XProtect.bundle/Contents/Info.plist",
];

/// Where it is read what runs.
const PROCESSES: &str = "sysinfo: processes";

/// A link into the application; both are looked at before it is run.
const MDATP: &str = "/usr/local/bin/mdatp";

/// A program that may have no system extension, or none that is allowed.
struct Product {
    family: Family,
    name: &'static str,
    /// One of these is there when it is installed.
    markers: &'static [&'static str],
    /// The part that scans.
    scanners: &'static [&'static str],
}

const PRODUCTS: [Product; 8] = [
    Product {
        family: Family::Sophos,
        name: "Sophos Endpoint",
        markers: &["/Applications/Sophos"],
        scanners: &["SophosScanD"],
    },
    Product {
        family: Family::Mcafee,
        name: "Trellix Endpoint Security",
        markers: &["/Applications/McAfee Endpoint Security for Mac.app", "/Library/McAfee"],
        scanners: &["mfetpd"],
    },
    Product {
        family: Family::Eset,
        name: "ESET Endpoint Security",
        markers: &["/Applications/ESET Endpoint Security.app"],
        scanners: &["esets_daemon"],
    },
    Product {
        family: Family::Kaspersky,
        name: "Kaspersky Endpoint Security",
        markers: &[
            "/Applications/Kaspersky Endpoint Security for Mac.app",
            "/Library/Application Support/Kaspersky Lab",
        ],
        scanners: &["kav"],
    },
    Product {
        family: Family::Trendmicro,
        name: "Trend Micro Security",
        markers: &["/Applications/TrendMicroSecurity.app"],
        scanners: &["iCoreService"],
    },
    Product {
        family: Family::Defender,
        name: "Microsoft Defender",
        markers: &["/Applications/Microsoft Defender.app"],
        scanners: &["wdavdaemon"],
    },
    Product {
        family: Family::Symantec,
        name: "Symantec Endpoint Protection",
        markers: &["/Library/Application Support/Symantec"],
        scanners: &["SymDaemon"],
    },
    Product {
        family: Family::Clamav,
        name: "ClamAV",
        markers: &["/usr/local/clamav/sbin/clamd", "/opt/homebrew/sbin/clamd", "/usr/local/sbin/clamd"],
        scanners: &["clamd"],
    },
];

pub(in crate::collect) fn antivirus(machine: &Machine, definitions: bool) -> Fact<Vec<Antivirus>> {
    with(machine, definitions, Pending::start(machine, "processes", |_| Processes::here()))
}

/// The same, by these processes.
pub(super) fn with(
    machine: &Machine,
    definitions: bool,
    processes: Pending<Result<Processes, Unavailable>>,
) -> Fact<Vec<Antivirus>> {
    let extensions = Pending::start(machine, "systemextensionsctl", |machine| {
        let list = machine.run(&["/usr/bin/systemextensionsctl"], &["list"])?;
        Ok(system_extensions::products(&list.text())?)
    });
    let health = Pending::start(machine, "mdatp", |machine| {
        let health = machine.run(&[MDATP], &["health", "--output", "json"])?;
        Ok(mdatp::defender(&health.stdout)?)
    });
    let extensions = extensions.wait(machine.until).and_then(|found: Result<Vec<_>, Unavailable>| found);
    let processes = processes.wait(machine.until).and_then(|listed| listed);
    let health = health.wait(machine.until).and_then(|health: Result<Reported, Unavailable>| health);

    let mut products: Vec<Antivirus> = xprotect(machine, definitions).into_iter().collect();
    let listed = extensions.as_deref().unwrap_or_default();
    for one in listed {
        products.push(one.clone().facts("systemextensionsctl", machine.now, definitions));
    }
    for product in &PRODUCTS {
        let is_listed = listed.iter().any(|one| one.family == product.family);
        let marker = product.markers.iter().find(|marker| machine.exists(marker));
        if let (false, Some(marker)) = (is_listed, marker) {
            products.push(by_process(machine, product, marker, &processes, definitions));
        }
    }
    for product in products.iter_mut().filter(|product| product.family == Family::Defender) {
        *product = defender(machine, product.clone(), &health, definitions);
    }
    products.truncate(MAX_PRODUCTS);
    Fact::known(products, "systemextensionsctl and files", machine.now)
}

/// It has no switch: where it is, it runs.
fn xprotect(machine: &Machine, definitions: bool) -> Option<Antivirus> {
    let path = XPROTECT.into_iter().find(|path| machine.exists(path))?;
    let version = machine.text(path).and_then(|plist| Ok((xprotect::version(&plist)?, path)));
    let own = Reported { running: Some(true), ..Reported::new(Family::Xprotect, "XProtect") };
    let mut own = own.facts(path, machine.now, definitions);
    if definitions {
        own.definitions_version = machine.fact(version);
        own.definitions_at = machine.fact(machine.changed(path).map(|at| (at, path)));
    }
    Some(own)
}

fn by_process(
    machine: &Machine,
    product: &Product,
    marker: &'static str,
    processes: &Result<Processes, Unavailable>,
    definitions: bool,
) -> Antivirus {
    let facts = Reported::new(product.family, product.name).facts(PROCESSES, machine.now, definitions);
    let facts = Antivirus { installed: machine.fact(Ok((true, marker))), ..facts };
    if product.family == Family::Clamav && guarded(machine, marker).is_err() {
        // Homebrew's belongs to a person, who could run anything under its name, and date its files at will.
        return facts;
    }
    let runs = |processes: &Processes| product.scanners.iter().any(|scanner| processes.run(machine, scanner));
    let running = processes.as_ref().map(|processes| (runs(processes), PROCESSES));
    let mut product = Antivirus { running: machine.fact(running.map_err(|reason| *reason)), ..facts };
    if definitions && product.family == Family::Clamav {
        let (version, at) = clamav(machine);
        product.definitions_version = version;
        product.definitions_at = at;
    }
    product
}

/// ClamAV's definitions, where its own installer for macOS keeps them.
fn clamav(machine: &Machine) -> (Fact<String>, Fact<praya_model::Timestamp>) {
    let found = ["daily.cld", "daily.cvd"]
        .into_iter()
        .map(|file| format!("/usr/local/clamav/share/clamav/{file}"))
        .find_map(|path| machine.beginning(&path, cvd::HEADER as u64).ok())
        .ok_or(Unavailable::NotDetected)
        .and_then(|header| Ok(cvd::header(&header)?));
    let source = "daily.cvd";
    (
        machine.fact(found.clone().map(|header| (header.version.to_string(), source))),
        machine.fact(found.map(|header| (header.at, source))),
    )
}

/// Defender with its own word. Its extension may be allowed while files are not scanned.
fn defender(
    machine: &Machine,
    product: Antivirus,
    health: &Result<Reported, Unavailable>,
    definitions: bool,
) -> Antivirus {
    let on = product.real_time.value() == Ok(&RealTime::On);
    match health {
        Ok(health) => {
            let told = health.clone().facts("mdatp health", machine.now, definitions);
            // A file scan needs both: the daemon's will and the system's leave.
            let real_time =
                if product.real_time.value().is_ok() && !on { product.real_time } else { told.real_time };
            Antivirus { name: product.name, real_time, ..told }
        }
        Err(reason) if on => Antivirus { real_time: Fact::unavailable(*reason), ..product },
        Err(_) => product,
    }
}
