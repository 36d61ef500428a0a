//! How fast TLS records are sealed and opened, in gigabits of content per second, beside rustls' own buffers:
//!
//! ```text
//! cargo run --release -p praya-datapath --example records
//! ```
#![expect(clippy::print_stdout, reason = "its output is what it is for")]
#![expect(clippy::unwrap_used, reason = "a measurement that fails ends")]

use std::hint::black_box;
use std::io::{Read, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use praya_datapath::tls::{Records, TlsStream};
use rustls::crypto::aws_lc_rs::cipher_suite;
use rustls::{ClientConfig, Connection, RootCertStore, ServerConfig, SupportedCipherSuite};
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use tokio::io::{AsyncReadExt, duplex};
use tokio_rustls::{TlsAcceptor, TlsConnector};

/// Bytes of one batch: about what the pump moves at once.
const BATCH: usize = 256 * 1024;
const TIME: Duration = Duration::from_secs(1);

const SUITES: [SupportedCipherSuite; 5] = [
    cipher_suite::TLS13_AES_256_GCM_SHA384,
    cipher_suite::TLS13_AES_128_GCM_SHA256,
    cipher_suite::TLS13_CHACHA20_POLY1305_SHA256,
    cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    cipher_suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
];

#[tokio::main(flavor = "current_thread")]
async fn main() {
    println!("{:55} {:>7} {:>8} {:>8} {:>8}", "Gbit/s", "write", "seal", "open", "both");
    for suite in SUITES {
        let ends = Ends::new(suite);
        for size in [1400, 65_536] {
            let data = vec![0x5a; size];
            let (mut client, mut server) = ends.records().await;
            let ours = measure(
                BATCH / size * size,
                |out: &mut Vec<u8>| {
                    for _ in 0..BATCH / size {
                        client.seal(out, &[black_box(&data)]).unwrap();
                    }
                },
                |sealed, plain| {
                    server.open_all(sealed, plain, |_| {}).unwrap();
                },
            );
            print_row(suite, "praya", size, ours);

            let (mut client, mut server) = ends.buffered().await;
            let theirs = measure(
                BATCH / size * size,
                |out: &mut Vec<u8>| {
                    for _ in 0..BATCH / size {
                        let mut left = black_box(data.as_slice());
                        while !left.is_empty() {
                            let taken = client.writer().write(left).unwrap();
                            left = &left[taken..];
                            while client.wants_write() {
                                client.write_tls(out).unwrap();
                            }
                        }
                    }
                },
                |sealed, plain| {
                    let mut input: &[u8] = sealed;
                    while !input.is_empty() {
                        server.read_tls(&mut input).unwrap();
                        server.process_new_packets().unwrap();
                        let _ = server.reader().read_to_end(plain);
                    }
                },
            );
            print_row(suite, "rustls, buffered", size, theirs);
        }
    }
}

fn print_row(suite: SupportedCipherSuite, name: &str, size: usize, [seal, open, both]: [f64; 3]) {
    let name = format!("{:?} {name}", suite.suite());
    println!("{name:55} {size:>7} {seal:>8.1} {open:>8.1} {both:>8.1}");
}

/// The best batch of many, so that a busy machine does not tell: sealing, opening, and both.
fn measure(
    content: usize,
    mut seal: impl FnMut(&mut Vec<u8>),
    mut open: impl FnMut(&mut [u8], &mut Vec<u8>),
) -> [f64; 3] {
    let (mut sealed, mut plain) = (Vec::new(), Vec::new());
    let (mut sealing, mut opening) = (Duration::MAX, Duration::MAX);
    let start = Instant::now();
    while start.elapsed() < TIME {
        sealed.clear();
        plain.clear();
        let at = Instant::now();
        seal(&mut sealed);
        sealing = sealing.min(at.elapsed());
        let at = Instant::now();
        open(&mut sealed, &mut plain);
        opening = opening.min(at.elapsed());
        assert_eq!(plain.len(), content);
    }
    #[expect(clippy::cast_precision_loss, reason = "a batch is far below what a float counts")]
    [sealing, opening, sealing + opening].map(|time| content as f64 * 8.0 / time.as_secs_f64() / 1e9)
}

/// What connects by one suite.
struct Ends {
    client: Arc<ClientConfig>,
    server: Arc<ServerConfig>,
}

impl Ends {
    fn new(suite: SupportedCipherSuite) -> Self {
        let pair = rcgen::generate_simple_self_signed(vec!["vpn.test".to_owned()]).unwrap();
        let mut provider = rustls::crypto::aws_lc_rs::default_provider();
        provider.cipher_suites = vec![suite];
        let provider = Arc::new(provider);
        let mut roots = RootCertStore::empty();
        roots.add(pair.cert.der().clone()).unwrap();
        let client = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[suite.version()])
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(pair.signing_key.serialize_der()));
        let server = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[suite.version()])
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![pair.cert.der().clone()], key)
            .unwrap();
        Self { client: Arc::new(client), server: Arc::new(server) }
    }

    async fn records(&self) -> (Records, Records) {
        let (a, b) = duplex(1 << 16);
        let name = ServerName::try_from("vpn.test").unwrap();
        let (client, server) =
            tokio::join!(TlsStream::connect(&self.client, name, a), TlsStream::accept(&self.server, b));
        let (mut client, server) = (client.unwrap().into_records(), server.unwrap().into_records());
        drop(server.io);
        client.io.read_to_end(&mut client.sealed).await.unwrap();
        client.records.open_all(&mut client.sealed, &mut Vec::new(), |_| {}).unwrap();
        (client.records, server.records)
    }

    async fn buffered(&self) -> (Connection, Connection) {
        let (a, b) = duplex(1 << 16);
        let name = ServerName::try_from("vpn.test").unwrap();
        let (connector, acceptor) =
            (TlsConnector::from(Arc::clone(&self.client)), TlsAcceptor::from(Arc::clone(&self.server)));
        let (client, server) = tokio::join!(connector.connect(name, a), acceptor.accept(b));
        let ((_, client), (_, server)) = (client.unwrap().into_inner(), server.unwrap().into_inner());
        (Connection::from(client), Connection::from(server))
    }
}
