//! Running programs: their names, which Linux cuts to 15 bytes in `/proc/*/comm`, and the accounts they run as.

use std::collections::BTreeSet;

use super::Malformed;

/// Whether a program of this `name` is called `comm` in `/proc/*/comm`.
pub fn is_called(comm: &str, name: &str) -> bool {
    let comm = comm.trim_end();
    comm == name || Some(comm) == name.get(..15)
}

/// The accounts of a process in `/proc/*/status`: the real, the effective, the saved and the one for files.
///
/// # Errors
/// When it does not say.
pub fn accounts(status: &str) -> Result<[u32; 4], Malformed> {
    let wrong = Malformed("the status of a process");
    let line = status.lines().find_map(|line| line.strip_prefix("Uid:")).ok_or(wrong)?;
    let accounts: Result<Vec<u32>, _> = line.split_ascii_whitespace().map(str::parse).collect();
    accounts.ok().and_then(|accounts| accounts.try_into().ok()).ok_or(wrong)
}

/// Whether a process, by its `/proc/*/status`, may read and change what the kernel filters (`CAP_NET_ADMIN`).
pub fn administers_networks(status: &str) -> bool {
    let capabilities = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    capabilities
        .and_then(|set| u64::from_str_radix(set.trim(), 16).ok())
        .is_some_and(|set| set >> 12 & 1 == 1)
}

/// Whether this is an account of the system's, as nobody signs in with: one below 1000, where distributions begin to
/// count people, or one that systemd gives to a service for as long as it runs.
pub const fn is_of_system(account: u32) -> bool {
    matches!(account, 0..1000 | 61_184..=65_519)
}

/// The accounts that listen for TCP at `port`, in `/proc/net/tcp` or `/proc/net/tcp6`.
pub fn listeners(sockets: &str, port: u16) -> BTreeSet<u32> {
    let listener = |line: &str| {
        let columns: Vec<&str> = line.split_ascii_whitespace().collect();
        let (_, local) = columns.get(1)?.rsplit_once(':')?;
        let listens = columns.get(3) == Some(&"0A") && u16::from_str_radix(local, 16) == Ok(port);
        if listens { columns.get(7)?.parse().ok() } else { None }
    };
    sockets.lines().filter_map(listener).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_administers_networks() {
        for (set, may) in [
            ("000001ffffffffff", true),
            ("0000000000001000", true),
            ("000001ffffffefff", false),
            ("0000000000000000", false),
            ("everything", false),
        ] {
            assert_eq!(administers_networks(&format!("Name:\tx\nCapEff:\t{set}\n")), may, "{set}");
        }
        assert!(!administers_networks(""));
    }

    #[test]
    fn names_are_compared_as_they_are_cut() {
        assert!(is_called("clamd\n", "clamd") && is_called("sophos_threat_d\n", "sophos_threat_detector"));
        assert!(!is_called("clamd\n", "clamonacc") && !is_called("clamd\n", "clam"));
        assert!(!is_called("sophos_threat_d\n", "sophos_threat") && !is_called("", "clamd"));
    }

    #[test]
    fn the_accounts_of_a_process() {
        let status = "Name:\tclamd\nUmask:\t0022\nUid:\t110\t110\t110\t110\nGid:\t1\t2\t3\t4\n";
        assert_eq!(accounts(status), Ok([110; 4]));
        for wrong in
            ["", "Uid:\t1\t2\t3\n", "Uid:\t1\t2\t3\t4\t5\n", "Uid:\t-1\t0\t0\t0\n", "Name:\tUid: 0 0 0 0\n"]
        {
            assert!(accounts(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn people_have_accounts_of_their_own() {
        for account in [0, 110, 999, 61_184, 65_519] {
            assert!(is_of_system(account), "{account}");
        }
        for person in [1000, 60_000, 65_534, 100_000, u32::MAX] {
            assert!(!is_of_system(person), "{person}");
        }
    }

    #[test]
    fn who_listens() {
        let sockets = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
             0: 0100007F:0CEE 00000000:0000 0A 00000000:00000000 00:00000000 00000000   110        0 1 1\n\
             1: 0100007F:0CEE 0100007F:D431 01 00000000:00000000 00:00000000 00000000  1000        0 2 1\n\
             2: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 3 1\n\
             3: 00000000000000000000000001000000:0CEE 00000000000000000000000000000000:0000 0A 0:0 0:0 0 1001 0 4\n";
        assert_eq!(listeners(sockets, 3310), BTreeSet::from([110, 1001]));
        assert_eq!(listeners(sockets, 22), BTreeSet::from([0]));
        assert_eq!(listeners(sockets, 54321), BTreeSet::new());
        assert_eq!(listeners("0: x:0CEE y 0A\n0: nothing\n", 3310), BTreeSet::new());
    }
}
