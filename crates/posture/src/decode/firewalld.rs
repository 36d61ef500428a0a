//! `/etc/firewalld/firewalld.conf`.

/// Whether what no other zone is for gets into the zone that accepts everything. Names of zones that somebody made
/// himself say nothing.
pub fn trusts_all(conf: &str) -> bool {
    let zone = conf.lines().rev().find_map(|line| {
        let (name, value) = line.split_once('=')?;
        (name.trim() == "DefaultZone").then(|| value.trim())
    });
    zone == Some("trusted")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_default_zone_matters() {
        assert!(trusts_all("# firewalld config file\nDefaultZone=trusted\nCleanupOnExit=yes\n"));
        for conf in [
            "",
            "DefaultZone=public\n",
            "#DefaultZone=trusted\n",
            "Zone=trusted\n",
            "DefaultZone=trusted\nDefaultZone=drop\n",
        ] {
            assert!(!trusts_all(conf), "{conf}");
        }
    }
}
