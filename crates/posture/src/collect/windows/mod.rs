//! Windows, from its registry and from WMI (4A).

mod antivirus;
mod definitions;
#[cfg(windows)]
mod here;
mod settings;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

#[cfg(windows)]
pub(super) use self::here::{
    antivirus, disk, firewall, gatekeeper, last_update, os, screen_lock, secure_boot, system_integrity,
};
use super::Pending;
use super::machine::Machine;
use crate::facts::Unavailable;

/// The values of a registry key, or the properties of an instance in WMI: numbers in decimal, truth as `true` and
/// `false`.
type Row = BTreeMap<String, String>;

/// What a Windows tells. None of it has a time limit of its own.
trait System: Clone + Send + 'static {
    /// The values of a key under `HKEY_LOCAL_MACHINE`; those that are neither texts nor numbers are left out.
    fn values(&self, key: &str) -> Result<Row, Unavailable>;

    /// The names of the keys under one of `HKEY_LOCAL_MACHINE`.
    fn keys(&self, key: &str) -> Result<Vec<String>, Unavailable>;

    /// What a query finds in a namespace of WMI.
    fn rows(&self, namespace: &str, query: &str) -> Result<Vec<Row>, Unavailable>;
}

/// A query that is under way: some classes never answer (4A).
struct Asked(Pending<Result<Vec<Row>, Unavailable>>);

impl Asked {
    fn start(machine: &Machine, system: &impl System, namespace: &'static str, query: &'static str) -> Self {
        let system = system.clone();
        Self(Pending::start(machine, query, move |_| system.rows(namespace, query)))
    }

    fn answer(self, machine: &Machine) -> Result<Vec<Row>, Unavailable> {
        self.0.wait(machine.until)?
    }
}

fn value<'a>(row: &'a Row, name: &str) -> Result<&'a str, Unavailable> {
    row.get(name).map(String::as_str).ok_or(Unavailable::NotDetected)
}

fn number<T: std::str::FromStr>(row: &Row, name: &str) -> Result<T, Unavailable> {
    value(row, name)?.trim().parse().map_err(|_| Unavailable::Malformed)
}
