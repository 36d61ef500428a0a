//! The firewall: what the kernel filters, and where that cannot be seen, what ufw and firewalld say.

use super::processes::{Home, Processes};
use crate::collect::Pending;
use crate::collect::machine::{Found, Machine};
use crate::decode::processes::administers_networks;
use crate::decode::{firewalld, nft, ufw, units};
use crate::facts::{Fact, Firewall, Unavailable};

pub(in crate::collect) fn firewall(machine: &Machine) -> Fact<Firewall> {
    machine.fact(read(machine))
}

fn read(machine: &Machine) -> Found<Firewall> {
    // Beside nft, so that neither takes the other's time.
    let manager = Pending::start(machine, "firewall's manager", manager);
    let filters = filters(machine);
    let manager = manager.wait(machine.until).ok().flatten();
    let firewall = |on| Firewall { name: manager.map_or("nftables", |(name, _)| name).to_owned(), on };
    let reason = match filters {
        Ok(true) => return Ok((firewall(true), "nft list ruleset")),
        // Rules of the old iptables are in the kernel too, and nft does not show them.
        Ok(false) if has_old_rules(machine) => Unavailable::Unsupported,
        Ok(false) => return Ok((firewall(false), "nft list ruleset")),
        Err(reason) => reason,
    };
    let (name, source) = manager.ok_or(reason)?;
    Ok((firewall(name != FIREWALLD || !lets_everything_in(machine)), source))
}

const FIREWALLD: &str = "firewalld";

/// Whether firewalld runs with a zone that filters nothing for what no other zone is for.
fn lets_everything_in(machine: &Machine) -> bool {
    machine.text("/etc/firewalld/firewalld.conf").is_ok_and(|conf| firewalld::trusts_all(&conf))
}

/// Whether every protocol of the internet that the machine speaks is filtered on its way in.
fn filters(machine: &Machine) -> Result<bool, Unavailable> {
    let nft = ["/usr/sbin/nft", "/sbin/nft", "/usr/bin/nft"];
    let output = machine.run(&nft, &["--json", "--terse", "list", "ruleset"])?;
    if !output.success {
        let status = machine.text("/proc/self/status").unwrap_or_default();
        return if !administers_networks(&status) {
            Err(Unavailable::PermissionDenied)
        } else if machine.run(&nft, &["list", "tables"])?.success {
            // It was built without JSON.
            Err(Unavailable::Unsupported)
        } else {
            // The kernel has no nf_tables, and so none of its rules.
            Ok(false)
        };
    }
    let filtered = nft::filtered(&output.stdout)?;
    // Every line is an address; those of the loop do not matter.
    let addresses = machine.text("/proc/net/if_inet6").unwrap_or_default();
    let speaks_v6 = addresses.lines().any(|line| !line.ends_with(" lo"));
    Ok(filtered.v4 && (filtered.v6 || !speaks_v6))
}

fn has_old_rules(machine: &Machine) -> bool {
    let tables = |path| machine.text(path).is_ok_and(|tables| tables.lines().any(|table| table == "filter"));
    tables("/proc/net/ip_tables_names") || tables("/proc/net/ip6_tables_names")
}

/// Which program keeps the rules, if one does, and where that was read.
fn manager(machine: &Machine) -> Option<(&'static str, &'static str)> {
    let has_ufw = machine.text("/etc/ufw/ufw.conf").is_ok_and(|conf| ufw::enabled(&conf));
    let has_firewalld = machine.exists("/etc/firewalld");
    if !has_ufw && !has_firewalld {
        return None;
    }
    let systemctl = ["/usr/bin/systemctl", "/bin/systemctl"];
    let units = ["show", "--property=Id,ActiveState", "ufw.service", "firewalld.service"];
    let units = machine.run(&systemctl, &units).map(|output| output.text()).unwrap_or_default();
    if has_firewalld && units::is_active(&units, "firewalld.service") {
        Some((FIREWALLD, "systemctl"))
    } else if has_firewalld && runs(machine) {
        Some((FIREWALLD, "/proc"))
    } else {
        (has_ufw && units::is_active(&units, "ufw.service")).then_some(("ufw", "systemctl"))
    }
}

/// Whether firewalld runs, where systemd does not say so. It is a script: its file is the interpreter's, and root runs it.
fn runs(machine: &Machine) -> bool {
    let accounts = Processes::of(machine)
        .and_then(|processes| processes.run(machine, FIREWALLD, Home::Under(&["/usr/bin", "/usr/libexec"])));
    accounts.is_ok_and(|accounts| accounts.contains(&0))
}
