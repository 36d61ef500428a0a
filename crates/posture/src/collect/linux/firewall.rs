//! The firewall: what the kernel filters, and where that cannot be seen, what ufw and firewalld say.

use crate::collect::machine::{Found, Machine};
use crate::decode::{nft, ufw, units};
use crate::facts::{Fact, Firewall, Unavailable};

pub(in crate::collect) fn firewall(machine: &Machine) -> Fact<Firewall> {
    machine.fact(read(machine))
}

fn read(machine: &Machine) -> Found<Firewall> {
    let manager = manager(machine);
    let managed = |name: &str| Firewall { name: name.to_owned(), on: true };
    let reason = match filters(machine) {
        Ok(true) => return Ok((managed(manager.unwrap_or("nftables")), "nft list ruleset")),
        // Rules of the old iptables are in the kernel too, and nft does not show them.
        Ok(false) if has_old_rules(machine) => Unavailable::Unsupported,
        Ok(false) => {
            let name = manager.unwrap_or("nftables").to_owned();
            return Ok((Firewall { name, on: false }, "nft list ruleset"));
        }
        Err(reason) => reason,
    };
    manager.map(|name| (managed(name), "systemctl")).ok_or(reason)
}

/// Whether every protocol of the internet that the machine speaks is filtered on its way in.
fn filters(machine: &Machine) -> Result<bool, Unavailable> {
    let nft = ["/usr/sbin/nft", "/sbin/nft", "/usr/bin/nft"];
    let output = machine.run(&nft, &["--json", "--terse", "list", "ruleset"])?;
    if !output.success {
        // So it ends for whoever may not read the kernel's rules.
        return Err(Unavailable::PermissionDenied);
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

/// Which program keeps the rules, if one does.
fn manager(machine: &Machine) -> Option<&'static str> {
    let has_ufw = machine.text("/etc/ufw/ufw.conf").is_ok_and(|conf| ufw::enabled(&conf));
    let has_firewalld = machine.exists("/etc/firewalld");
    if !has_ufw && !has_firewalld {
        return None;
    }
    let systemctl = ["/usr/bin/systemctl", "/bin/systemctl"];
    let units = ["show", "--property=Id,ActiveState", "ufw.service", "firewalld.service"];
    let output = machine.run(&systemctl, &units).ok()?.text();
    let runs = |has: bool, unit| has && units::is_active(&output, unit);
    if runs(has_firewalld, "firewalld.service") {
        Some("firewalld")
    } else {
        runs(has_ufw, "ufw.service").then_some("ufw")
    }
}
