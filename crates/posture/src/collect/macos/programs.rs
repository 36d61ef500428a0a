//! Runs programs that nobody but the system and its administrators could have put where they are: the service is root,
//! and what it runs is too.

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::collect::machine::{Machine, why};
use crate::collect::run::Output;
use crate::facts::Unavailable;

/// The group of those who administer a Mac: they may write into `/Applications`.
const ADMIN: u32 = 80;

/// The most links one after another that are followed to a program.
const MOST_LINKS: usize = 8;

/// What a program prints; [`Unavailable::PermissionDenied`] where somebody else could have put it there.
pub(super) fn run(machine: &Machine, program: &str, arguments: &[&str]) -> Result<Output, Unavailable> {
    guarded(machine, program)?;
    machine.run(&[program], arguments)
}

/// Whether a program is there, and nobody but the system and its administrators could have put it there: it and all
/// folders above it, and those of every link on the way to it, are theirs, and nobody else may write into them.
pub(super) fn guarded(machine: &Machine, program: &str) -> Result<(), Unavailable> {
    let top = machine.path("/");
    let system = look(&top)?;
    let mut path = machine.path(program);
    for _ in 0..=MOST_LINKS {
        let it = look(&path)?;
        for folder in path.ancestors().skip(1) {
            let above = look(folder)?;
            if !above.is_dir() || !is_theirs(&system, &above) {
                return Err(Unavailable::PermissionDenied);
            }
            if folder == top {
                break;
            }
        }
        if it.is_symlink() {
            let target = fs::read_link(&path).map_err(|error| why(&error))?;
            path = path.parent().unwrap_or(&top).join(target);
        } else if it.is_file() && is_theirs(&system, &it) {
            return Ok(());
        } else {
            break;
        }
    }
    Err(Unavailable::PermissionDenied)
}

fn look(path: &Path) -> Result<Metadata, Unavailable> {
    fs::symlink_metadata(path).map_err(|error| why(&error))
}

/// Whether it is root's, or of whom the folder is that looks like a machine, and not for others to write.
fn is_theirs(system: &Metadata, it: &Metadata) -> bool {
    let group_writes = it.mode() & 0o020 != 0;
    let others_write = it.mode() & 0o002 != 0;
    [0, system.uid()].contains(&it.uid())
        && !others_write
        && (!group_writes || [system.gid(), ADMIN].contains(&it.gid()))
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::time::Duration;

    use praya_model::Timestamp;
    use tempfile::TempDir;

    use super::*;

    fn mac() -> (TempDir, Machine) {
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
    fn a_program_that_only_the_system_could_have_put_there() {
        let (folder, machine) = mac();
        assert_eq!(guarded(&machine, "/own/tool"), Ok(()));
        symlink("tool", folder.path().join("own/near")).unwrap();
        symlink("../own/near", folder.path().join("admins/far")).unwrap();
        assert_eq!(guarded(&machine, "/admins/far"), Ok(()));
        assert_eq!(guarded(&machine, "/own/none"), Err(Unavailable::NotDetected));
    }

    #[test]
    fn one_that_others_could_have_put_there_is_not_run() {
        let (folder, machine) = mac();
        let at = |path: &str| folder.path().join(path);
        symlink("../shared/tool", at("own/elsewhere")).unwrap();
        symlink("../own/tool", at("shared/swapped")).unwrap();
        symlink("../own", at("own/folder")).unwrap();
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
            assert_eq!(run(&machine, program, &[]).unwrap_err(), Unavailable::PermissionDenied, "{program}");
        }
    }
}
