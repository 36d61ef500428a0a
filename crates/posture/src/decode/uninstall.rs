//! Programs under `HKLM\…\CurrentVersion\Uninstall`, where a server without Security Center tells what is installed
//! (4A).

use super::product::{self, Reported};
use super::said;

/// Rows that are looked at; a machine has hundreds.
const MAX_ROWS: usize = 4096;

/// The antivirus programs among rows of `(key, DisplayName, DisplayVersion)`. That they run is for their services to say.
pub fn products<'a>(rows: impl IntoIterator<Item = (&'a str, &'a str, &'a str)>) -> Vec<Reported> {
    let products = rows.into_iter().take(MAX_ROWS).filter_map(|(key, name, version)| {
        // Entries without a name are parts of others.
        let name = said(name)?;
        let family = product::family(&name).or_else(|| product::family(key))?;
        Some(Reported { version: said(version), ..Reported::new(family, &name) })
    });
    product::merge(products)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Family;

    #[test]
    fn a_servers_programs() {
        let dump = super::super::tests::fixture("uninstall/server.tsv");
        let rows = dump.lines().map(|line| {
            let mut fields = line.split('\t');
            let mut next = || fields.next().unwrap_or_default();
            (next(), next(), next())
        });
        let found: Vec<(Family, String, Option<String>)> =
            products(rows).into_iter().map(|one| (one.family, one.name, one.version)).collect();
        let expected =
            |family, name: &str, version: &str| (family, name.to_owned(), Some(version.to_owned()));
        assert_eq!(
            found,
            [
                expected(Family::Sophos, "Sophos Endpoint Agent", "2024.3.2.6"),
                expected(Family::Kaspersky, "Kaspersky Endpoint Security for Windows", "12.6.0.438"),
                expected(Family::Clamav, "ClamAV", "1.4.1"),
            ]
        );
    }
}
