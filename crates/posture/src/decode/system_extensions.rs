//! `systemextensionsctl list` of macOS (4B).

use super::product::Reported;
use super::{Malformed, said};
use crate::facts::{Family, RealTime};

/// Programs that watch files, from the section of endpoint security. Only what is *activated enabled* protects; what
/// waits for its person or for a restart does not. Lines that have no such form are left out, and so are extensions of
/// the network: a VPN of Avast's is no Avast.
///
/// # Errors
/// When this is no such list.
pub fn products(list: &str) -> Result<Vec<Reported>, Malformed> {
    if !list.contains("extension(s)") {
        return Err(Malformed("a list of system extensions"));
    }
    let mut watches_files = false;
    let mut products = Vec::new();
    for line in list.lines() {
        if let Some(section) = line.strip_prefix("--- ") {
            watches_files =
                section.split_whitespace().next() == Some("com.apple.system_extension.endpoint_security");
        } else if watches_files && let Some(product) = product(line) {
            products.push(product);
        }
    }
    Ok(super::product::merge(products))
}

/// `* * TEAM bundle.id (1.2/1.2) Name [activated enabled]` with tabs between, and stars where it is enabled and active.
/// The columns move, so the identifier is known by its shape.
fn product(line: &str) -> Option<Reported> {
    let (rest, state) = line.trim_end().strip_suffix(']')?.rsplit_once('[')?;
    let bundle = rest.split_whitespace().find(|word| is_bundle(word))?;
    let (_, after) = rest.split_once(bundle)?;
    let (version, name) = match after.trim_start().strip_prefix('(').and_then(|after| after.split_once(')')) {
        Some((version, name)) => (version.split('/').next().and_then(said), name),
        None => (None, after),
    };
    let on = state == "activated enabled";
    Some(Reported {
        version,
        running: Some(on),
        real_time: Some(if on { RealTime::On } else { RealTime::Off }),
        ..Reported::new(family(bundle), &said(name).unwrap_or_else(|| bundle.to_owned()))
    })
}

/// Letters, digits and hyphens between at least two dots, beginning with a letter.
fn is_bundle(word: &str) -> bool {
    let mut parts = 0;
    word.starts_with(|c: char| c.is_ascii_alphabetic())
        && word.split('.').all(|part| {
            parts += 1;
            !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
        })
        && parts > 2
}

/// Whose a bundle identifier is.
pub fn family(bundle: &str) -> Family {
    let begins = |prefix: &str| bundle.to_ascii_lowercase().starts_with(prefix);
    let known = BUNDLES.iter().find(|(prefixes, _)| prefixes.iter().any(|prefix| begins(prefix)));
    known.map_or(Family::Other, |(_, family)| *family)
}

const BUNDLES: [(&[&str], Family); 10] = [
    (&["com.microsoft.wdav."], Family::Defender),
    (&["com.sophos."], Family::Sophos),
    (&["com.mcafee.", "com.trellix."], Family::Mcafee),
    (&["com.eset."], Family::Eset),
    (&["com.kaspersky."], Family::Kaspersky),
    (&["com.trendmicro."], Family::Trendmicro),
    (&["com.avast."], Family::Avast),
    (&["com.avg."], Family::Avg),
    (&["com.avira."], Family::Avira),
    (&["com.symantec.", "com.broadcom.mes."], Family::Symantec),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn fixture(name: &str) -> Result<Vec<(Family, String, Option<RealTime>)>, Malformed> {
        let list = super::super::tests::fixture(&format!("system_extensions/{name}"));
        let products = products(&list)?;
        Ok(products.into_iter().map(|one| (one.family, one.name, one.real_time)).collect())
    }

    #[test]
    fn none_and_one() {
        assert_eq!(fixture("none.txt"), Ok(vec![]));
        let defender = "Microsoft Defender Endpoint Security Extension".to_owned();
        assert_eq!(fixture("defender.txt"), Ok(vec![(Family::Defender, defender, Some(RealTime::On))]));
        let version = products(&super::super::tests::fixture("system_extensions/defender.txt")).unwrap();
        assert_eq!(version[0].version.as_deref(), Some("101.98.30"));
    }

    #[test]
    fn what_waits_does_not_protect() {
        let expected = vec![
            (Family::Symantec, "Symantec System Extension".to_owned(), Some(RealTime::Off)),
            (Family::Sophos, "Sophos Scan Extension".to_owned(), Some(RealTime::Off)),
        ];
        assert_eq!(fixture("pending.txt"), Ok(expected));
    }

    #[test]
    fn an_update_that_waits_for_a_restart_beside_the_one_that_protects() {
        let found = fixture("two-versions.txt").unwrap();
        assert_eq!(found, [(Family::Other, "Falcon".to_owned(), Some(RealTime::On))]);
    }

    #[test]
    fn malformed_rows_are_left_out_and_a_vpn_is_no_antivirus() {
        assert_eq!(fixture("malformed.txt"), Ok(vec![]));
        assert!(products("zsh: command not found").is_err());
    }
}
