//! What a Linux machine says besides its antivirus programs, read from folders that look like one, and from this one.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use praya_model::Timestamp;
use praya_model::posture::Check;
use praya_posture::collect::{LIMIT, Machine, collect};
use praya_posture::facts::{Disk, Fact, HostFacts, OsFamily, ScreenLock, Unavailable};

use crate::machine::{Folder, NOW, TOLD, fixture};

#[test]
fn a05_the_operating_system_and_where_it_was_read() {
    let facts = Folder::debian().facts(&[Check::OperatingSystem]);
    let Fact::Known { value, source, at } = &facts.os else { panic!("{:?}", facts.os) };
    assert_eq!(
        (value.family, value.product.as_str(), value.version.as_str()),
        (OsFamily::Linux, "debian", "12")
    );
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    assert_eq!((value.build.as_str(), value.arch.as_str()), (kernel.trim(), std::env::consts::ARCH));
    assert_eq!((source.as_str(), *at), ("/etc/os-release", NOW));
    let damaged = Folder::debian().file("etc/os-release", "?");
    assert_eq!(damaged.facts(&[Check::OperatingSystem]).os, Fact::unavailable(Unavailable::Malformed));
}

#[test]
fn what_is_not_asked_is_not_read() {
    let folder = Folder::debian().program_of("hang", "usr/bin/lsblk").program_of("hang", "usr/sbin/nft");
    assert_eq!(folder.facts(&[]), HostFacts::none(NOW));
    let facts = folder.facts(&[Check::SecureBoot]);
    assert_eq!(facts.secure_boot, Fact::unavailable(Unavailable::NotApplicable));
    assert_eq!(
        HostFacts { secure_boot: Fact::unavailable(Unavailable::NotAsked), ..facts },
        HostFacts::none(NOW)
    );
}

#[test]
fn the_disk_under_the_root() {
    let mounted = |source: &str| format!("24 1 253:0 / / rw,relatime shared:1 - ext4 {source} rw\n");
    let disk = |list: &str, source: &str, program: &str| {
        let folder = Folder::debian().file("proc/self/mountinfo", mounted(source));
        let list = fixture(&format!("lsblk/{list}.json"));
        let folder = match program {
            "print" => folder.program("usr/bin/lsblk", list, 0),
            other => folder.file("usr/bin/lsblk.out", list).program_of(other, "usr/bin/lsblk"),
        };
        folder.facts(&[Check::DiskEncryption]).disk.value().cloned()
    };
    let luks = Ok(Disk { encrypted_by: Some("LUKS".to_owned()) });
    let none = Ok(Disk { encrypted_by: None });
    assert_eq!(disk("lvm-on-luks", "/dev/mapper/vg-root", "print"), luks);
    assert_eq!(disk("old-util-linux", "/dev/mapper/root_crypt", "old-lsblk"), luks);
    assert_eq!(disk("luks-on-data-only", "/dev/nvme0n1p2", "print"), none);
    assert_eq!(disk("zfs", "rpool/ROOT/ubuntu", "print"), Err(Unavailable::Unsupported));

    let without = Folder::debian().file("proc/self/mountinfo", mounted("/dev/sda1"));
    assert_eq!(without.facts(&[Check::DiskEncryption]).disk, Fact::unavailable(Unavailable::NotDetected));
}

#[test]
fn the_firewall_is_what_the_kernel_filters() {
    const ACTIVE: &str = "Id=ufw.service\nActiveState=active\n\nId=firewalld.service\nActiveState=inactive\n";
    let kernel =
        |rules: &str| Folder::debian().program("usr/sbin/nft", fixture(&format!("nft/{rules}.json")), 0);
    let ufw = |folder: Folder| {
        folder.file("etc/ufw/ufw.conf", "ENABLED=yes\n").program("usr/bin/systemctl", ACTIVE, 0)
    };
    let read = |folder: Folder| {
        let facts = folder.facts(&[Check::Firewall]);
        facts.firewall.value().map(|firewall| (firewall.name.clone(), firewall.on))
    };
    let is = |name: &str, on| Ok((name.to_owned(), on));
    assert_eq!(read(kernel("policy-drop")), is("nftables", true));
    assert_eq!(read(kernel("empty")), is("nftables", false));
    assert_eq!(read(ufw(kernel("policy-drop"))), is("ufw", true));
    // It says that it is enabled, and nothing filters.
    assert_eq!(read(ufw(kernel("empty"))), is("ufw", false));
    assert_eq!(read(kernel("policy-drop-ipv4-only")), is("nftables", true));
    let address = "fe80000000000000000000000000000a 02 40 20 80 eth0\n";
    assert_eq!(
        read(kernel("policy-drop-ipv4-only").file("proc/net/if_inet6", address)),
        is("nftables", false)
    );
    let address = "00000000000000000000000000000001 01 80 10 80 lo\n";
    assert_eq!(
        read(kernel("policy-drop-ipv4-only").file("proc/net/if_inet6", address)),
        is("nftables", true)
    );

    let firewalld = |active: &str| {
        Folder::debian().folder("etc/firewalld").program(
            "usr/bin/systemctl",
            format!("Id=firewalld.service\nActiveState={active}\n"),
            0,
        )
    };
    let script = |account| firewalld("inactive").runs("firewalld", "usr/bin/python3.13", account);
    // Without nft, and where the service was not started by systemd.
    assert_eq!(read(firewalld("active")), is("firewalld", true));
    assert_eq!(read(script(0)), is("firewalld", true));
    assert_eq!(read(firewalld("inactive")), Err(Unavailable::NotDetected));
    assert_eq!(read(script(1000)), Err(Unavailable::NotDetected));
    assert_eq!(read(script(110)), Err(Unavailable::NotDetected));
    let open = firewalld("active").file("etc/firewalld/firewalld.conf", "DefaultZone=trusted\n");
    assert_eq!(read(open), is("firewalld", false));

    let old = |folder: Folder| folder.file("proc/net/ip_tables_names", "filter\n");
    assert_eq!(read(old(kernel("empty"))), Err(Unavailable::Unsupported));
    assert_eq!(read(ufw(old(kernel("empty")))), is("ufw", true));
    assert_eq!(read(Folder::debian()), Err(Unavailable::NotDetected));
    assert_eq!(read(ufw(Folder::debian())), is("ufw", true));
    let without =
        |status: &str| Folder::debian().program("usr/sbin/nft", "", 1).file("proc/self/status", status);
    // It may not be asked, the kernel has nothing to tell, or only not in JSON.
    let (person, root) = ("CapEff:\t0000000000000000\n", "CapEff:\t000001ffffffffff\n");
    assert_eq!(read(without(person)), Err(Unavailable::PermissionDenied));
    assert_eq!(read(without("")), Err(Unavailable::PermissionDenied));
    assert_eq!(read(old(without(person))), Err(Unavailable::PermissionDenied));
    assert_eq!(read(without(root)), is("nftables", false));
    assert_eq!(read(old(without(root))), Err(Unavailable::Unsupported));
    assert_eq!(read(ufw(old(without(root)))), is("ufw", true));
    let without_json = Folder::debian().program_of("old-nft", "usr/sbin/nft").file("proc/self/status", root);
    assert_eq!(read(without_json), Err(Unavailable::Unsupported));
}

#[test]
fn the_last_update() {
    let read = |folder: Folder| folder.facts(&[Check::Updates]).last_update.value().copied();
    let installed = "2026-10-08 10:00:00 install hello:amd64 <none> 2.10-3\n";
    let upgraded = "2026-10-07 06:24:00 upgrade openssl:amd64 3.0.17-1 3.0.17-2\n";
    assert_eq!(read(Folder::debian().file("var/log/dpkg.log", upgraded)), Ok(TOLD));
    let rotated = Folder::debian().file("var/log/dpkg.log", installed).file("var/log/dpkg.log.1", upgraded);
    assert_eq!(read(rotated), Ok(TOLD));
    assert_eq!(read(Folder::debian().file("var/log/dpkg.log", installed)), Err(Unavailable::NotDetected));
    // Nothing was due since the system was installed.
    let new = format!("2026-10-07 06:24:00 install base-files:amd64 <none> 12.4+deb12u11\n{installed}");
    assert_eq!(read(Folder::debian().file("var/log/dpkg.log", new)), Ok(TOLD));
    assert_eq!(read(Folder::debian().file("var/log/dnf.rpm.log", fixture("rpm/dnf.rpm.log"))), Ok(TOLD));
    let fedora = || Folder::debian().file("var/log/dnf5.log", fixture("rpm/dnf5.log"));
    assert_eq!(read(fedora()), Ok(TOLD));
    // Both kinds of DNF may be in use, and the newer one is not always the one that was used last.
    let other = |day: &str| {
        let log = format!("2026-{day}T06:24:00+0000 SUBDEBUG Upgrade: openssl-libs-1:3.2.2-6.fc42.x86_64\n");
        read(fedora().file("var/log/dnf.rpm.log", log))
    };
    assert_eq!(other("09-07"), Ok(TOLD));
    assert_eq!(other("10-08"), Ok(Timestamp::from_secs(TOLD.as_secs() + 86_400)));
    assert_eq!(read(Folder::debian()), Err(Unavailable::Unsupported));
}

#[test]
fn the_screen_lock_is_known_only_where_no_person_decides() {
    let read = |folder: Folder| folder.facts(&[Check::ScreenLock]).screen_lock.value().cloned();
    let settings = "[org/gnome/desktop/session]\nidle-delay=uint32 300\n[org/gnome/desktop/screensaver]\n\
                    lock-enabled=true\nlock-delay=uint32 0\n";
    let locks = "/org/gnome/desktop/session/idle-delay\n/org/gnome/desktop/screensaver/lock-enabled\n\
                 /org/gnome/desktop/screensaver/lock-delay\n";
    let gnome = || Folder::debian().file("usr/share/wayland-sessions/gnome.desktop", "");
    let set = || {
        gnome()
            .file("etc/dconf/profile/user", "user-db:user\nsystem-db:local\n")
            .file("etc/dconf/db/local.d/00-lock", settings)
            .file("etc/dconf/db/local.d/locks/lock", locks)
    };
    let compiled = || set().file("etc/dconf/db/local", "");
    assert_eq!(read(Folder::debian()), Err(Unavailable::NotApplicable));
    assert_eq!(read(gnome()), Err(Unavailable::Unsupported));
    assert_eq!(read(set()), Err(Unavailable::Unsupported));
    assert_eq!(read(compiled()), Ok(ScreenLock { on: true, after: Some(300) }));
    let choice = compiled().file("usr/share/xsessions/xfce.desktop", "");
    assert_eq!(read(choice), Err(Unavailable::Unsupported));
}

#[test]
fn secure_boot() {
    let name = "sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c";
    let read = |folder: Folder| folder.facts(&[Check::SecureBoot]).secure_boot.value().copied();
    let efi = || Folder::debian().folder("sys/firmware/efi");
    assert_eq!(read(efi().file(name, [6, 0, 0, 0, 1])), Ok(true));
    assert_eq!(read(efi().file(name, [6, 0, 0, 0, 0])), Ok(false));
    assert_eq!(read(efi().file(name, [1])), Err(Unavailable::Malformed));
    assert_eq!(read(efi()), Err(Unavailable::NotDetected));
    assert_eq!(read(Folder::debian()), Err(Unavailable::NotApplicable));
}

#[test]
fn what_only_another_system_has_is_not_asked_of_linux() {
    let facts = Folder::debian().facts(&[Check::SystemIntegrity, Check::Gatekeeper, Check::Hotfixes]);
    let none = Fact::unavailable(Unavailable::NotApplicable);
    assert_eq!((&facts.system_integrity, &facts.gatekeeper), (&none, &none));
    assert_eq!(facts.hotfixes, Fact::unavailable(Unavailable::NotApplicable));
}

#[test]
fn what_hangs_is_late_and_keeps_nothing_else_from_being_read() {
    let folder = Folder::debian()
        .file("proc/self/mountinfo", "24 1 8:1 / / rw - ext4 /dev/sda1 rw\n")
        .program_of("hang", "usr/bin/lsblk")
        .program_of("hang", "usr/sbin/nft");
    let begun = Instant::now();
    let facts = folder.facts_within(&Check::ALL, Duration::from_millis(1500));
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    assert_eq!(facts.disk, Fact::unavailable(Unavailable::TimedOut));
    assert_eq!(facts.firewall, Fact::unavailable(Unavailable::TimedOut));
    assert!(facts.os.value().is_ok() && facts.antivirus.value().is_ok());
}

#[test]
fn a_firewalls_kernel_and_its_manager_are_waited_for_beside_each_other() {
    let firewall = |folder: Folder| {
        let facts = folder.facts_within(&[Check::Firewall], Duration::from_millis(1500));
        facts.firewall.value().map(|firewall| (firewall.name.clone(), firewall.on))
    };
    let managed = || Folder::debian().folder("etc/firewalld");
    let hung_manager = managed().program_of("hang", "usr/bin/systemctl").program(
        "usr/sbin/nft",
        fixture("nft/policy-drop.json"),
        0,
    );
    assert_eq!(firewall(hung_manager), Ok(("nftables".to_owned(), true)));
    let active = "Id=firewalld.service\nActiveState=active\n";
    let hung_kernel = managed().program("usr/bin/systemctl", active, 0).program_of("hang", "usr/sbin/nft");
    assert_eq!(firewall(hung_kernel), Ok(("firewalld".to_owned(), true)));
}

#[test]
fn a_program_that_others_could_have_put_there_is_not_run() {
    let forged = |mode| {
        Folder::debian()
            .program("usr/sbin/nft", fixture("nft/policy-drop.json"), 0)
            .with_mode("usr/sbin/nft", 0o755)
            .with_mode("usr/sbin", mode)
            .facts(&[Check::Firewall])
            .firewall
    };
    assert!(forged(0o755).value().is_ok());
    assert_eq!(forged(0o777), Fact::unavailable(Unavailable::PermissionDenied));
}

#[test]
fn this_machine_is_read_in_time() {
    let begun = Instant::now();
    let facts = collect(&Machine::this(NOW), &BTreeSet::from(Check::ALL));
    assert!(begun.elapsed() <= LIMIT + Duration::from_millis(500), "{:?}", begun.elapsed());
    println!("{facts:#?} in {:?}", begun.elapsed());
    assert_eq!(facts.os.value().map(|os| os.family), Ok(OsFamily::Linux));
    assert!(facts.antivirus.value().is_ok());
    let told = serde_json::to_string(&facts).unwrap();
    assert!(!told.contains("timed_out"), "{told}");
}
