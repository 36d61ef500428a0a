//! `lsblk --json` with the columns of [`COLUMNS`]: by what the disk under `/` is encrypted. An encrypted disk for
//! something else does not count (4C).

use serde::Deserialize;

use super::Malformed;
use crate::facts::Disk;

/// What is asked of lsblk.
pub const COLUMNS: &str = "NAME,PATH,TYPE,FSTYPE,UUID,MOUNTPOINTS";

/// What is asked of it before util-linux 2.37, where each device shows one of the places that it is mounted at.
pub const OLD_COLUMNS: &str = "NAME,PATH,TYPE,FSTYPE,UUID,MOUNTPOINT";

#[derive(Deserialize)]
struct Tree {
    blockdevices: Vec<Device>,
}

#[derive(Deserialize)]
struct Device {
    path: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    fstype: Option<String>,
    uuid: Option<String>,
    mountpoint: Option<String>,
    #[serde(default)]
    mountpoints: Vec<Option<String>>,
    #[serde(default)]
    children: Vec<Device>,
}

impl Device {
    fn holds_root(&self, source: &str) -> bool {
        self.path.as_deref() == Some(source)
            || self.mountpoint.as_deref() == Some("/")
            || self.mountpoints.iter().any(|mountpoint| mountpoint.as_deref() == Some("/"))
    }
}

/// The disk that holds `/`, whose `source` is what [`root_source`] says. Each way from a disk to it must be encrypted:
/// both halves of a mirror, every device of a btrfs. `None` when lsblk does not know what is under `/`, as with ZFS.
///
/// # Errors
/// When it is no such list.
pub fn system_disk(list: &[u8], source: &str) -> Result<Option<Disk>, Malformed> {
    let tree: Tree = serde_json::from_slice(list).map_err(|_| Malformed("a list of block devices"))?;
    let mut nodes = Vec::new();
    for device in &tree.blockdevices {
        walk(device, None, None, &mut nodes);
    }
    let uuids: Vec<&str> = nodes
        .iter()
        .filter(|(device, _)| device.holds_root(source) && device.fstype.as_deref() == Some("btrfs"))
        .filter_map(|(device, _)| device.uuid.as_deref())
        .collect();
    let under_root = nodes.iter().filter(|(device, _)| {
        device.holds_root(source)
            || device.fstype.as_deref() == Some("btrfs")
                && device.uuid.as_deref().is_some_and(|uuid| uuids.contains(&uuid))
    });
    let ways: Vec<Option<&str>> = under_root.map(|(_, encrypted_by)| *encrypted_by).collect();
    let Some(first) = ways.first() else { return Ok(None) };
    let encrypted_by = if ways.contains(&None) { None } else { first.map(str::to_owned) };
    Ok(Some(Disk { encrypted_by }))
}

/// Every device with what encrypts it, from the disks upwards.
fn walk<'a>(
    device: &'a Device,
    parent: Option<&'a Device>,
    encrypted_by: Option<&'static str>,
    nodes: &mut Vec<(&'a Device, Option<&'static str>)>,
) {
    let here = (device.kind.as_deref() == Some("crypt")).then(|| {
        match parent.and_then(|parent| parent.fstype.as_deref()) {
            Some("crypto_LUKS") => "LUKS",
            Some("BitLocker") => "BitLocker",
            _ => "dm-crypt",
        }
    });
    let encrypted_by = encrypted_by.or(here);
    nodes.push((device, encrypted_by));
    for child in &device.children {
        walk(child, Some(device), encrypted_by, nodes);
    }
}

/// What is mounted at `/`, from `/proc/self/mountinfo` (proc(5)): the last line counts, it covers those before.
///
/// # Errors
/// When nothing is.
pub fn root_source(mountinfo: &str) -> Result<String, Malformed> {
    let source = mountinfo.lines().rev().find_map(|line| {
        let (mount, system) = line.split_once(" - ")?;
        (mount.split(' ').nth(4) == Some("/")).then(|| system.split(' ').nth(1))?
    });
    source.map(str::to_owned).ok_or(Malformed("a table of mounts"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fixture(name: &str, source: &str) -> Option<Option<String>> {
        let list = super::super::tests::fixture(&format!("lsblk/{name}.json"));
        system_disk(list.as_bytes(), source).unwrap().map(|disk| disk.encrypted_by)
    }

    #[test]
    fn the_device_under_the_root_decides() {
        let luks = || Some(Some("LUKS".to_owned()));
        for (name, source, expected) in [
            ("plain", "/dev/sda2", Some(None)),
            ("luks", "/dev/mapper/sda3_crypt", luks()),
            ("luks-on-data-only", "/dev/nvme0n1p2", Some(None)),
            ("lvm-on-luks", "/dev/mapper/vg-root", luks()),
            ("luks-on-lvm", "/dev/mapper/root_crypt", luks()),
            ("raid1-plain", "/dev/md0", Some(None)),
            ("raid1-luks-above", "/dev/mapper/root_crypt", luks()),
            ("raid1-one-half-luks", "/dev/md0", Some(None)),
            ("btrfs-subvolume-on-luks", "/dev/mapper/luks-1f2e", luks()),
            ("btrfs-two-devices-one-luks", "/dev/mapper/luks-a", Some(None)),
            ("old-util-linux", "/dev/mapper/root_crypt", luks()),
            ("zfs", "rpool/ROOT/ubuntu", None),
            ("empty", "overlay", None),
        ] {
            assert_eq!(fixture(name, source), expected, "{name}");
        }
    }

    #[test]
    fn other_answers_are_no_list() {
        for list in ["", "{}", "lsblk: not found", r#"{"blockdevices": 1}"#] {
            assert!(system_disk(list.as_bytes(), "/dev/sda").is_err(), "{list}");
        }
    }

    #[test]
    fn the_source_of_the_root() {
        let table = super::super::tests::fixture("mountinfo/btrfs");
        assert_eq!(root_source(&table).as_deref(), Ok("/dev/mapper/luks-1f2e"));
        let covered =
            "1 0 0:1 / / rw - rootfs none rw\n2 1 8:2 / / rw,relatime shared:1 - ext4 /dev/sda2 rw\n";
        assert_eq!(root_source(covered).as_deref(), Ok("/dev/sda2"));
        assert!(root_source("").is_err() && root_source("1 0 0:1 / /proc rw - proc proc rw").is_err());
    }
}
