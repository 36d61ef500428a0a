//! Antivirus programs (4C). A folder of a program means that it is installed; that it runs is for its process to say.

use std::sync::Arc;

use super::clamav;
use crate::collect::Pending;
use crate::collect::machine::{Found, Machine};
use crate::decode::product::Reported;
use crate::decode::{dpkg, mdatp, processes::Processes, rpm};
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
}

const PRODUCTS: [Product; 7] = [
    Product {
        family: Family::Sophos,
        name: "Sophos Protection for Linux",
        markers: &["/opt/sophos-spl"],
        packages: &[],
        scanners: &["sophos_threat_detector"],
    },
    Product {
        family: Family::Eset,
        name: "ESET Endpoint Antivirus",
        markers: &["/opt/eset/eea", "/opt/eset/efs"],
        packages: &["eea", "efs"],
        scanners: &["scand"],
    },
    Product {
        family: Family::Kaspersky,
        name: "Kaspersky Endpoint Security",
        markers: &["/opt/kaspersky/kesl"],
        packages: &["kesl", "kesl-astra"],
        scanners: &["kesl"],
    },
    Product {
        family: Family::Mcafee,
        name: "Trellix Endpoint Security",
        markers: &["/opt/McAfee/ens", "/opt/isec/ens"],
        packages: &["mcafeetp", "McAfeeTP"],
        scanners: &["mfetpd"],
    },
    Product {
        family: Family::Trendmicro,
        name: "Trend Micro Deep Security Agent",
        markers: &["/opt/ds_agent"],
        packages: &["ds-agent", "ds_agent"],
        scanners: &["ds_am"],
    },
    Product {
        family: Family::Symantec,
        name: "Symantec Endpoint Protection",
        markers: &["/opt/Symantec"],
        packages: &["sep", "sdcss-sepagent"],
        scanners: &["sisamddaemon", "rtvscand"],
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
    },
];

const DEFENDER: Product = Product {
    family: Family::Defender,
    name: "Microsoft Defender",
    markers: &["/opt/microsoft/mdatp"],
    packages: &["mdatp"],
    scanners: &["wdavdaemon"],
};

pub(in crate::collect) fn antivirus(machine: &Machine, definitions: bool) -> Fact<Vec<Antivirus>> {
    let processes = match processes(machine) {
        Ok(processes) => Arc::new(processes),
        Err(reason) => return Fact::unavailable(reason),
    };
    let theirs = Arc::clone(&processes);
    let clamav = Pending::start(machine, move |machine| clamav::clamav(machine, &theirs, definitions));
    let theirs = Arc::clone(&processes);
    let defender = Pending::start(machine, move |machine| defender(machine, &theirs, definitions));
    let mut products: Vec<Antivirus> =
        PRODUCTS.iter().filter_map(|one| product(machine, one, &processes, definitions)).collect();
    for (pending, family, name) in
        [(clamav, Family::Clamav, clamav::NAME), (defender, DEFENDER.family, DEFENDER.name)]
    {
        // One that does not answer says nothing about the others.
        products.extend(pending.wait(machine.until).unwrap_or_else(|reason| {
            let silent = Reported::new(family, name).facts("", machine.now, definitions);
            let (installed, running) = (Fact::unavailable(reason), Fact::unavailable(reason));
            Some(Antivirus { installed, running, real_time: Fact::unavailable(reason), ..silent })
        }));
    }
    Fact::known(products, "/proc and files", machine.now)
}

fn processes(machine: &Machine) -> Result<Processes, Unavailable> {
    let pids = machine.names("/proc").into_iter().filter(|name| name.bytes().all(|c| c.is_ascii_digit()));
    // Those that end while they are read are gone.
    let names: Vec<String> = pids.filter_map(|pid| machine.text(&format!("/proc/{pid}/comm")).ok()).collect();
    if names.is_empty() { Err(Unavailable::NotDetected) } else { Ok(Processes::linux(names)) }
}

fn product(
    machine: &Machine,
    product: &Product,
    processes: &Processes,
    definitions: bool,
) -> Option<Antivirus> {
    let marker = product.markers.iter().find(|marker| machine.exists(marker))?;
    let running = product.scanners.iter().any(|scanner| processes.run(scanner));
    let reported = Reported { running: Some(running), ..Reported::new(product.family, product.name) };
    let version = machine.fact(package_version(machine, product.packages));
    let installed = machine.fact(Ok((true, *marker)));
    Some(Antivirus { version, installed, ..reported.facts("/proc", machine.now, definitions) })
}

fn defender(machine: &Machine, processes: &Processes, definitions: bool) -> Option<Antivirus> {
    let installed = product(machine, &DEFENDER, processes, definitions)?;
    // Asked while its service is stopped, the program waits for it.
    if installed.running.value() != Ok(&true) {
        return Some(installed);
    }
    let asked = machine.run(&["/usr/bin/mdatp", "/opt/microsoft/mdatp/sbin/wdavdaemonclient"], HEALTH);
    let health = asked.and_then(|output| Ok(mdatp::defender(&output.stdout)?));
    Some(match health {
        Ok(health) => health.facts("mdatp health", machine.now, definitions),
        Err(reason) => Antivirus { real_time: Fact::unavailable(reason), ..installed },
    })
}

const HEALTH: &[&str] = &["health", "--output", "json"];

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
