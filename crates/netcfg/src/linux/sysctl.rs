//! Kernel settings under `/proc/sys`, with their earlier value remembered.

use std::io;
use std::path::Path;

use crate::error::NetcfgError;

/// The value without surrounding space; `None` when the kernel has no such setting.
pub(crate) fn read(path: &Path) -> Result<Option<String>, NetcfgError> {
    match std::fs::read_to_string(path) {
        Ok(value) => Ok(Some(value.trim().to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed("read", path, error)),
    }
}

pub(crate) fn write(path: &Path, value: &str) -> Result<(), NetcfgError> {
    std::fs::write(path, value).map_err(|error| failed("set", path, error))
}

fn failed(what: &str, path: &Path, mut error: io::Error) -> NetcfgError {
    // A read-only /proc/sys in a container is a matter of permission too.
    if error.kind() == io::ErrorKind::ReadOnlyFilesystem {
        error = io::ErrorKind::PermissionDenied.into();
    }
    NetcfgError::system(format!("{what} {}", path.display()), error)
}
