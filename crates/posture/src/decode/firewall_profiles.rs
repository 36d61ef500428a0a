//! The profiles of the Windows firewall (4A): it is on when it is on in all of them.

use super::Malformed;
use crate::facts::Firewall;

const PROFILES: [&[&str]; 3] = [
    &["DomainProfile", "Domain"],
    &["StandardProfile", "PrivateProfile", "Private"],
    &["PublicProfile", "Public"],
];

/// From rows of a profile's name, as the registry or as `MSFT_NetFirewallProfile` calls it, and its `EnableFirewall`.
/// A profile that comes twice, from policy and from the machine, is on only if both say so.
///
/// # Errors
/// When a profile is missing.
pub fn firewall<'a>(rows: impl IntoIterator<Item = (&'a str, u32)> + Clone) -> Result<Firewall, Malformed> {
    let mut on = true;
    for names in PROFILES {
        let mut seen = false;
        for (_, enabled) in rows.clone().into_iter().filter(|(name, _)| names.contains(name)) {
            seen = true;
            on &= enabled == 1;
        }
        if !seen {
            return Err(Malformed("the three profiles of the firewall"));
        }
    }
    Ok(Firewall { name: "Windows Firewall".to_owned(), on })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn on_in_every_profile_or_off() {
        for (rows, on) in [
            ([("DomainProfile", 1), ("StandardProfile", 1), ("PublicProfile", 1)], Ok(true)),
            ([("Domain", 1), ("Private", 1), ("Public", 1)], Ok(true)),
            ([("DomainProfile", 1), ("StandardProfile", 1), ("PublicProfile", 0)], Ok(false)),
            ([("DomainProfile", 0), ("StandardProfile", 1), ("PublicProfile", 1)], Ok(false)),
            ([("DomainProfile", 1), ("StandardProfile", 1), ("StandardProfile", 1)], Err(())),
        ] {
            assert_eq!(firewall(rows).map(|firewall| firewall.on).map_err(|_| ()), on, "{rows:?}");
        }
        assert!(firewall([]).is_err());
        let twice = [("Domain", 1), ("Private", 1), ("Public", 1), ("Public", 0)];
        assert!(!firewall(twice).unwrap().on);
    }
}
