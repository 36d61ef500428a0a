//! Linux: rtnetlink, systemd-resolved or `resolv.conf`, sysctls and nftables.

pub(crate) mod configurator;
pub(crate) mod forwarding;
pub(crate) mod monitor;
mod namespace;
mod netlink;
mod resolv_conf;
mod resolved;
mod sysctl;
pub(crate) mod undo;

use crate::NetcfgError;
use crate::journal::Journal;
use std::path::Path;

/// Names the present boot, so that a journal of an earlier one is recognised.
pub(crate) fn boot_id() -> String {
    // Without the file every journal counts as this boot's; undoing tolerates what is gone.
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned()
}

pub(crate) fn open_journal(path: &Path) -> Result<Journal, NetcfgError> {
    Journal::open(path, &boot_id())
}
