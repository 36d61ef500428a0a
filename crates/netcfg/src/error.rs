//! What can go wrong when a machine's network is changed.

use std::io;
use std::path::PathBuf;

use praya_model::FailureCode;

/// Why the network could not be read, changed or put back.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NetcfgError {
    /// The process may not.
    #[error("no permission to {what}: run as root, or with CAP_NET_ADMIN")]
    NotPermitted {
        /// What it tried.
        what: String,
    },
    /// There is no such interface.
    #[error("there is no interface `{name}`")]
    NoInterface {
        /// Its name.
        name: String,
    },
    /// The kernel refused.
    #[error("cannot {what}: {source}")]
    System {
        /// What was tried.
        what: String,
        /// Its answer.
        source: io::Error,
    },
    /// The undo journal cannot be written or read; nothing was changed.
    #[error("the undo journal {path}: {source}", path = .path.display())]
    Journal {
        /// Where it is.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// Another process holds the journal: the changes in it are in use.
    #[error("the undo journal {path} is in use by another process", path = .path.display())]
    JournalInUse {
        /// Where it is.
        path: PathBuf,
    },
    /// The journal was written by a newer version.
    #[error(
        "the undo journal {path} was written by another version: let that version take it back, or move the file away",
        path = .path.display()
    )]
    ForeignJournal {
        /// Where it is.
        path: PathBuf,
    },
    /// The gateway needs nftables for address translation.
    #[error("the program `nft` is missing: install the package nftables")]
    NftMissing,
    /// `nft` refused the rules.
    #[error("nft refused: {detail}")]
    Nft {
        /// Its own words.
        detail: String,
    },
    /// The settings cannot be applied.
    #[error("{detail}")]
    BadSettings {
        /// Why.
        detail: String,
    },
    /// The name server settings cannot be applied.
    #[error("cannot set the name servers: {detail}")]
    Dns {
        /// Why.
        detail: String,
    },
}

impl NetcfgError {
    /// Wraps the system's answer to `what` ("add the route …"), telling a missing permission apart.
    pub(crate) fn system(what: impl Into<String>, source: io::Error) -> Self {
        let what = what.into();
        if source.kind() == io::ErrorKind::PermissionDenied {
            Self::NotPermitted { what }
        } else {
            Self::System { what, source }
        }
    }
}

impl From<NetcfgError> for FailureCode {
    fn from(error: NetcfgError) -> Self {
        Self::NetworkSetup { detail: error.to_string() }
    }
}
