//! Our TLS records with OpenSSL's and GnuTLS' own programs, in every version and suite, over real sockets: data, new keys
//! in the middle of it, and the end.

use anyhow::{Context, Result, ensure};
use praya_datapath::tls::{Detached, Event, TlsStream};
use praya_testkit::certificate::Certificate;
use praya_testkit::{HANG, Process, Program, folder, free_port};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

/// OpenSSL's options for a version and a suite, and GnuTLS' priority for the same.
const CASES: [(&[&str], &str); 6] = [
    (&["-tls1_3", "-ciphersuites", "TLS_AES_256_GCM_SHA384"], "+VERS-TLS1.3:+AES-256-GCM"),
    (&["-tls1_3", "-ciphersuites", "TLS_AES_128_GCM_SHA256"], "+VERS-TLS1.3:+AES-128-GCM"),
    (&["-tls1_3", "-ciphersuites", "TLS_CHACHA20_POLY1305_SHA256"], "+VERS-TLS1.3:+CHACHA20-POLY1305"),
    (&["-tls1_2", "-cipher", "ECDHE-ECDSA-AES256-GCM-SHA384"], "+VERS-TLS1.2:+AES-256-GCM"),
    (&["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"], "+VERS-TLS1.2:+AES-128-GCM"),
    (&["-tls1_2", "-cipher", "ECDHE-ECDSA-CHACHA20-POLY1305"], "+VERS-TLS1.2:+CHACHA20-POLY1305"),
];

#[tokio::test]
async fn our_client_with_openssl_s_server() -> Result<()> {
    let folder = folder()?;
    let identity = Certificate::make(folder.path(), &["vpn.test"])?;
    for (options, _) in CASES {
        let port = free_port()?;
        let peer = Program::here("openssl")
            .args(["s_server", "-accept", &port.to_string(), "-naccept", "1"])
            .arg("-cert")
            .arg(&identity.chain)
            .arg("-key")
            .arg(&identity.key)
            .args(options)
            .start()?;
        peer.wait_for("ACCEPT")?;
        let tcp = TcpStream::connect(("127.0.0.1", port)).await?;
        let name = ServerName::try_from("vpn.test")?;
        let stream = TlsStream::connect(&client(&identity)?, name, tcp).await?;
        let mut channel = Channel(stream.into_records());
        talk(&mut channel, &peer).await.with_context(|| format!("{options:?}\n{}", peer.printed()))?;
    }
    Ok(())
}

#[tokio::test]
async fn our_server_with_openssl_s_client() -> Result<()> {
    let folder = folder()?;
    let identity = Certificate::make(folder.path(), &["vpn.test"])?;
    for (options, _) in CASES {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let peer = Program::here("openssl")
            .args(["s_client", "-connect", &listener.local_addr()?.to_string()])
            .args(options)
            .start()?;
        let (tcp, _) = timeout(HANG, listener.accept()).await??;
        let stream = TlsStream::accept(&server(&identity)?, tcp).await?;
        let mut channel = Channel(stream.into_records());
        talk(&mut channel, &peer).await.with_context(|| format!("{options:?}\n{}", peer.printed()))?;
    }
    Ok(())
}

#[tokio::test]
async fn our_server_with_gnutls_cli() -> Result<()> {
    let folder = folder()?;
    let identity = Certificate::make(folder.path(), &["vpn.test"])?;
    for (options, priority) in CASES {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let peer = Program::here("gnutls-cli")
            .args(["--insecure", "--inline-commands", "--port", &listener.local_addr()?.port().to_string()])
            .args([
                "--priority",
                &format!("NONE:+ECDHE-ECDSA:+AEAD:+SIGN-ALL:+GROUP-ALL:+COMP-NULL:{priority}"),
            ])
            .arg("127.0.0.1")
            .start()?;
        let (tcp, _) = timeout(HANG, listener.accept()).await??;
        let stream = TlsStream::accept(&server(&identity)?, tcp).await?;
        let mut channel = Channel(stream.into_records());
        let talk = async {
            channel.exchange(&peer, "first").await?;
            if options.contains(&"-tls1_3") {
                peer.type_line("^rekey^")?;
                channel.exchange(&peer, "its keys are new").await?;
                channel.refresh_keys().await?;
                channel.exchange(&peer, "our keys are new").await?;
            }
            channel.end().await
        };
        talk.await.with_context(|| format!("{options:?}\n{}", peer.printed()))?;
    }
    Ok(())
}

async fn talk(channel: &mut Channel, peer: &Process) -> Result<()> {
    channel.exchange(peer, "first").await?;
    if channel.0.records.version() == rustls::ProtocolVersion::TLSv1_3 {
        // Capital and small: with and without a wish for the same of us.
        for key in ["K", "k"] {
            peer.type_line(key)?;
            // It takes what is typed meanwhile for a part of the command.
            while channel.receive(&mut Vec::new()).await? != Some(Event::KeyUpdated) {}
            channel.exchange(peer, "its keys are new").await?;
        }
        channel.refresh_keys().await?;
        channel.exchange(peer, "our keys are new").await?;
    }
    channel.end().await
}

/// An established connection.
struct Channel(Detached<TcpStream>);

impl Channel {
    /// A line typed at the peer is received, and one of ours is shown by it.
    async fn exchange(&mut self, peer: &Process, line: &str) -> Result<()> {
        peer.type_line(&format!("there {line}"))?;
        let expected = format!("there {line}\n");
        let mut received = Vec::new();
        while received.len() < expected.len() {
            self.receive(&mut received).await?.context("cut short")?;
        }
        ensure!(received == expected.as_bytes(), "{:?}", String::from_utf8_lossy(&received));
        let mut out = Vec::new();
        self.0.records.seal(&mut out, &[b"back ", line.as_bytes(), b"\n"])?;
        self.0.io.write_all(&out).await?;
        peer.wait_for(&format!("back {line}"))?;
        Ok(())
    }

    async fn refresh_keys(&mut self) -> Result<()> {
        let mut out = Vec::new();
        self.0.records.refresh_keys(&mut out)?;
        Ok(self.0.io.write_all(&out).await?)
    }

    /// Says goodbye and waits for the peer to go.
    async fn end(&mut self) -> Result<()> {
        let mut out = Vec::new();
        self.0.records.close_notify(&mut out)?;
        self.0.io.write_all(&out).await?;
        while self.receive(&mut Vec::new()).await?.is_some_and(|event| event != Event::CloseNotify) {}
        Ok(())
    }

    /// What comes next; nothing at the end of the connection.
    async fn receive(&mut self, plain: &mut Vec<u8>) -> Result<Option<Event>> {
        let Detached { io, records, sealed, .. } = &mut self.0;
        loop {
            let mut last = None;
            let done = records.open_all(sealed, plain, |event| last = Some(event))?;
            sealed.drain(..done);
            if last.is_some() {
                return Ok(last);
            }
            if timeout(HANG, io.read_buf(sealed)).await.context("nothing comes")?? == 0 {
                return Ok(None);
            }
        }
    }
}

fn client(identity: &Certificate) -> Result<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(&identity.authority)?)?;
    let provider = rustls::crypto::aws_lc_rs::default_provider().into();
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

fn server(identity: &Certificate) -> Result<ServerConfig> {
    let provider = rustls::crypto::aws_lc_rs::default_provider().into();
    let chain = vec![CertificateDer::from_pem_file(&identity.chain)?];
    Ok(ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, PrivateKeyDer::from_pem_file(&identity.key)?)?)
}
