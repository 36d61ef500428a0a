//! Certificates for peers in tests: one private authority, one server.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;
use data_encoding::BASE64;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, PublicKeyData};

/// A server's certificate and key as PEM files, signed by an authority of its own.
#[derive(Debug)]
pub struct Certificate {
    /// The server's chain.
    pub chain: PathBuf,
    /// The server's key.
    pub key: PathBuf,
    /// The authority's certificate.
    pub authority: PathBuf,
    /// `pin-sha256:…` of the server's key, as `openconnect --servercert` and Praya's profiles write it.
    pub pin: String,
}

impl Certificate {
    /// For a server with these DNS names and addresses, into `folder`.
    ///
    /// # Errors
    /// When a name is none or the folder is not writable.
    pub fn make(folder: &Path, names: &[&str]) -> Result<Self> {
        let authority_key = KeyPair::generate()?;
        let mut authority = CertificateParams::new(Vec::new())?;
        authority.distinguished_name.push(DnType::CommonName, "Authority of a test");
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority_certificate = authority.self_signed(&authority_key)?;
        let issuer = Issuer::new(authority, authority_key);

        let key = KeyPair::generate()?;
        let mut server =
            CertificateParams::new(names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>())?;
        server.distinguished_name.push(DnType::CommonName, names.first().copied().unwrap_or("server"));
        let certificate = server.signed_by(&key, &issuer)?;

        let made = Self {
            chain: folder.join("server.pem"),
            key: folder.join("server-key.pem"),
            authority: folder.join("authority.pem"),
            pin: pin(&key.subject_public_key_info()),
        };
        fs::write(&made.chain, certificate.pem())?;
        fs::write(&made.key, key.serialize_pem())?;
        fs::write(&made.authority, authority_certificate.pem())?;
        Ok(made)
    }
}

/// The pin of a public key.
pub fn pin(public_key_info: &[u8]) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, public_key_info);
    format!("pin-sha256:{}", BASE64.encode(digest.as_ref()))
}
