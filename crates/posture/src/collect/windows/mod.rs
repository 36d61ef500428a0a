//! Windows, from its registry and from WMI (4A).

mod antivirus;
mod definitions;
#[cfg(windows)]
mod here;
mod settings;
#[cfg(test)]
mod tests;
#[cfg(windows)]
mod wsc;

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

#[cfg(windows)]
pub(super) use self::here::{
    antivirus, disk, firewall, gatekeeper, hotfixes, last_update, os, root, screen_lock, secure_boot,
    system_integrity,
};
use super::Pending;
use super::machine::Machine;
use crate::decode::wsc::Row as Listed;
use crate::facts::Unavailable;

/// The values of a registry key, or the properties of an instance in WMI: numbers in decimal, truth as `true` and
/// `false`.
type Row = BTreeMap<String, String>;

/// What Security Center keeps a list of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Provider {
    Antivirus,
    Firewall,
}

/// What a Windows tells. None of it has a time limit of its own.
trait System: Clone + Send + 'static {
    /// The values of a key under `HKEY_LOCAL_MACHINE`; those that are neither texts nor numbers are left out.
    fn values(&self, key: &str) -> Result<Row, Unavailable>;

    /// The names of the keys under one of `HKEY_LOCAL_MACHINE`.
    fn keys(&self, key: &str) -> Result<Vec<String>, Unavailable>;

    /// What a query finds in a namespace of WMI.
    fn rows(&self, namespace: &str, query: &str) -> Result<Vec<Row>, Unavailable>;

    /// What Security Center lists, by its own interface.
    fn products(&self, provider: Provider) -> Result<Vec<Listed>, Unavailable>;
}

/// A question that is under way: some are never answered (4A).
struct Asked<T>(Pending<Result<T, Unavailable>>);

impl Asked<Vec<Row>> {
    /// A query, which names itself.
    fn query(machine: &Machine, system: &impl System, namespace: &'static str, query: &'static str) -> Self {
        let system = system.clone();
        Self(Pending::start(machine, query, move |_| system.rows(namespace, query)))
    }
}

impl Asked<Vec<Listed>> {
    fn products(machine: &Machine, system: &impl System, provider: Provider) -> Self {
        let question = match provider {
            Provider::Antivirus => "IWSCProductList: antivirus",
            Provider::Firewall => "IWSCProductList: firewall",
        };
        let system = system.clone();
        Self(Pending::start(machine, question, move |_| system.products(provider)))
    }
}

impl<T> Asked<T> {
    fn answer(self, machine: &Machine) -> Result<T, Unavailable> {
        self.0.wait(machine.until)?
    }

    /// The answer, if it comes within `limit`, which is its own.
    fn answer_within(self, machine: &Machine, limit: Duration) -> Result<T, Unavailable> {
        self.0.wait(machine.until.min(Instant::now() + limit))?
    }
}

/// What a process does once. What fails is tried again: the service of Windows that it takes may not run yet.
#[derive(Default)]
struct Once(Mutex<bool>);

impl Once {
    fn done<E>(&self, by: impl FnOnce() -> Result<(), E>) -> Result<(), E> {
        let mut is_done = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !*is_done {
            by()?;
            *is_done = true;
        }
        Ok(())
    }
}

/// The drive that Windows starts from, such as `C:`.
fn system_drive(system: &impl System) -> Result<String, Unavailable> {
    let version = system.values(VERSION)?;
    let drive = value(&version, "SystemRoot")?.get(..2).ok_or(Unavailable::Malformed)?;
    let is_drive = drive.starts_with(|letter: char| letter.is_ascii_alphabetic()) && drive.ends_with(':');
    if is_drive { Ok(drive.to_owned()) } else { Err(Unavailable::Malformed) }
}

const VERSION: &str = r"SOFTWARE\Microsoft\Windows NT\CurrentVersion";

fn value<'a>(row: &'a Row, name: &str) -> Result<&'a str, Unavailable> {
    row.get(name).map(String::as_str).ok_or(Unavailable::NotDetected)
}

fn number<T: std::str::FromStr>(row: &Row, name: &str) -> Result<T, Unavailable> {
    value(row, name)?.trim().parse().map_err(|_| Unavailable::Malformed)
}
