//! Programs that nobody but the system and its administrators could have put where they are: the service is root, and
//! what it runs is too.

use std::ffi::OsString;
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use super::machine::{Machine, why};
use crate::facts::Unavailable;

/// The groups besides the system's own whose people may write into folders: on a Mac those who administer it may, into
/// `/Applications`. A program itself is not theirs to write.
const ADMINS: &[u32] = if cfg!(target_os = "macos") { &[80] } else { &[] };

/// The most links that are followed to a program.
const MOST_LINKS: usize = 8;

/// Whether a program is there, and nobody but the system and its administrators could have put it there: it and all
/// folders above it, and those of every link on the way to it, are theirs, and nobody else may write into them.
pub(super) fn guarded(machine: &Machine, program: &str) -> Result<(), Unavailable> {
    let top = machine.path("/");
    let system = look(&top)?;
    let mut ahead = parts(Path::new(program));
    let (mut path, mut it, mut links) = (top, system.clone(), 0);
    while let Some(part) = ahead.pop() {
        if part == ".." {
            path.pop();
            continue;
        }
        path.push(part);
        it = look(&path)?;
        if it.is_symlink() && links < MOST_LINKS {
            links += 1;
            let target = fs::read_link(&path).map_err(|error| why(&error))?;
            path.pop();
            if target.is_absolute() {
                path = PathBuf::from("/");
            }
            ahead.extend(parts(&target));
        } else if !is_theirs(&system, &it) {
            return Err(Unavailable::PermissionDenied);
        }
    }
    if it.is_file() { Ok(()) } else { Err(Unavailable::PermissionDenied) }
}

/// What a path leads through, the first part last.
fn parts(path: &Path) -> Vec<OsString> {
    let named = |part: &Component<'_>| matches!(part, Component::Normal(_) | Component::ParentDir);
    let parts = path.components().filter(named).map(|part| part.as_os_str().to_owned());
    parts.collect::<Vec<_>>().into_iter().rev().collect()
}

fn look(path: &Path) -> Result<Metadata, Unavailable> {
    fs::symlink_metadata(path).map_err(|error| why(&error))
}

/// Whether it is root's, or of whom the folder is that looks like a machine, and not for others to write.
fn is_theirs(system: &Metadata, it: &Metadata) -> bool {
    !it.is_symlink()
        && [0, system.uid()].contains(&it.uid())
        && keeps_out(it.mode(), it.gid(), system.gid(), ADMINS)
}

/// Whether none may write but the owner, the group `system` and, into a folder, `admins`.
fn keeps_out(mode: u32, group: u32, system: u32, admins: &[u32]) -> bool {
    let group_writes = mode & 0o020 != 0;
    let others_write = mode & 0o002 != 0;
    let is_folder = mode & 0o170_000 == 0o040_000;
    !others_write && (!group_writes || group == system || (is_folder && admins.contains(&group)))
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::time::Duration;

    use praya_model::Timestamp;
    use tempfile::TempDir;

    use super::*;

    fn machine() -> (TempDir, Machine) {
        let folder = tempfile::tempdir().unwrap();
        for (path, mode) in [("own", 0o755), ("shared", 0o777), ("admins", 0o755)] {
            fs::create_dir(folder.path().join(path)).unwrap();
            fs::write(folder.path().join(path).join("tool"), "").unwrap();
            fs::set_permissions(folder.path().join(path), Permissions::from_mode(mode)).unwrap();
        }
        let machine = Machine::at(folder.path(), Timestamp::from_secs(0), Duration::from_secs(2));
        (folder, machine)
    }

    #[test]
    fn those_who_administer_a_mac_may_put_programs_there_and_not_change_them() {
        let (folder, program) = (0o040_000, 0o100_000);
        for (mode, group, kept) in [
            (folder | 0o775, 80, true),
            (folder | 0o775, 0, true),
            (folder | 0o775, 20, false),
            (folder | 0o777, 80, false),
            (program | 0o775, 80, false),
            (program | 0o775, 0, true),
            (program | 0o755, 80, true),
            (program | 0o757, 0, false),
        ] {
            assert_eq!(keeps_out(mode, group, 0, &[80]), kept, "{mode:o} {group}");
        }
    }

    #[test]
    fn a_program_that_only_the_system_could_have_put_there() {
        let (folder, machine) = machine();
        assert_eq!(guarded(&machine, "/own/tool"), Ok(()));
        symlink("tool", folder.path().join("own/near")).unwrap();
        symlink("../own/near", folder.path().join("admins/far")).unwrap();
        assert_eq!(guarded(&machine, "/admins/far"), Ok(()));
        symlink("../own", folder.path().join("own/folder")).unwrap();
        assert_eq!(guarded(&machine, "/own/folder/tool"), Ok(()));
        assert_eq!(guarded(&machine, "/own/none"), Err(Unavailable::NotDetected));
    }

    #[test]
    fn one_that_others_could_have_put_there_is_not_run() {
        let (folder, machine) = machine();
        let at = |path: &str| folder.path().join(path);
        symlink("../shared/tool", at("own/elsewhere")).unwrap();
        symlink("../own/tool", at("shared/swapped")).unwrap();
        symlink("../shared", at("own/folder")).unwrap();
        symlink("round", at("own/round")).unwrap();
        fs::write(at("own/writable"), "").unwrap();
        fs::set_permissions(at("own/writable"), Permissions::from_mode(0o757)).unwrap();
        let refused = [
            "/shared/tool",
            "/own/elsewhere",
            "/shared/swapped",
            "/own/folder/tool",
            "/own/round",
            "/own/writable",
            "/own",
        ];
        for program in refused {
            assert_eq!(guarded(&machine, program), Err(Unavailable::PermissionDenied), "{program}");
            assert_eq!(machine.run(&[program], &[]).unwrap_err(), Unavailable::PermissionDenied, "{program}");
        }
    }
}
