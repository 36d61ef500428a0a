//! The file that lets a session outlive its service: the ticket, and who holds it.

use std::io;
use std::path::{Path, PathBuf};

use praya_session::ResumeTicket;
use serde::{Deserialize, Serialize};

use crate::files;

/// The resume file. It opens the session: mode 0600, replaced whole, deleted with the session.
#[derive(Debug)]
pub struct ResumeFile {
    path: PathBuf,
}

/// A ticket and the user who holds the session.
#[derive(Debug, Serialize, Deserialize)]
pub struct Resumable {
    /// The user id.
    pub owner: u32,
    /// The ticket.
    pub ticket: ResumeTicket,
}

impl ResumeFile {
    /// The file at `path`.
    pub fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What an earlier service left, if it can be resumed from. A damaged file is as good as none: it is removed.
    ///
    /// # Errors
    /// When the file cannot be read or removed.
    pub fn load(&self) -> io::Result<Option<Resumable>> {
        let Some(bytes) = files::read_private(&self.path)? else { return Ok(None) };
        let bytes = zeroize::Zeroizing::new(bytes);
        match serde_json::from_slice::<Resumable>(&bytes) {
            Ok(resumable) if resumable.ticket.is_usable() => Ok(Some(resumable)),
            Ok(_) | Err(_) => {
                tracing::warn!("the resume file is of no use and is removed");
                self.forget()?;
                Ok(None)
            }
        }
    }

    /// Writes the ticket; when this returns it is on the disk.
    ///
    /// # Errors
    /// When it cannot be written; the earlier one is unharmed then.
    pub fn save(&self, resumable: &Resumable) -> io::Result<()> {
        let bytes = zeroize::Zeroizing::new(serde_json::to_vec(resumable)?);
        files::write_private(&self.path, &bytes)
    }

    /// Deletes the ticket.
    ///
    /// # Errors
    /// When it is there and cannot be deleted.
    pub fn forget(&self) -> io::Result<()> {
        files::remove(&self.path)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use praya_model::{AccountName, Secret};
    use praya_session::Protocol;

    use super::*;

    fn ticket() -> ResumeTicket {
        ResumeTicket {
            version: ResumeTicket::VERSION,
            profile: praya_model::Profile {
                name: "lab".parse().unwrap(),
                gateway: "vpn.example".parse().unwrap(),
                pin: None,
            },
            protocol: Protocol::Praya,
            account: AccountName::new("wong"),
            session: None,
            cookies: vec![Secret::new("c00kie")],
            bound: true,
            addresses: vec![],
            expires_at: None,
            connected_since: None,
            paused: false,
            gateway_name: None,
            help_desk: None,
        }
    }

    #[test]
    fn a_ticket_survives_and_only_root_reads_it() {
        let dir = tempfile::tempdir().unwrap();
        let file = ResumeFile::new(dir.path().join("resume.json"));
        file.save(&Resumable { owner: 1000, ticket: ticket() }).unwrap();
        assert_eq!(std::fs::metadata(file.path()).unwrap().permissions().mode() & 0o777, 0o600);
        let read = file.load().unwrap().unwrap();
        assert_eq!((read.owner, read.ticket), (1000, ticket()));
        file.forget().unwrap();
        assert!(file.load().unwrap().is_none());
    }

    #[test]
    fn what_cannot_be_resumed_from_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let file = ResumeFile::new(dir.path().join("resume.json"));
        for content in ["", "{}", "not json"] {
            std::fs::write(file.path(), content).unwrap();
            assert!(file.load().unwrap().is_none());
            assert!(!file.path().exists());
        }
        file.save(&Resumable { owner: 1, ticket: ResumeTicket { cookies: vec![], ..ticket() } }).unwrap();
        assert!(file.load().unwrap().is_none());
    }
}
