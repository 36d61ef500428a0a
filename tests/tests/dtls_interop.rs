//! Our DTLS with OpenSSL's and GnuTLS' own programs, in both roles, over real sockets: what those two do is what the
//! stock clients and gateways built on them do.

use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use praya_dtls::cookie::{Check, Secrets};
use praya_dtls::{Config, Connection, Handshake, Opened, SessionId, Suite, records};
use praya_testkit::{HANG, Process, Program};

const KEY: [u8; 32] = [0x5a; 32];
const LOOPBACK: &str = "127.0.0.1";

/// OpenSSL's settings for an end without extended master secret; the stock GnuTLS build of openconnect is one.
const NO_EXTENDED_MASTER_SECRET: &str = "\
openssl_conf = all
[all]
ssl_conf = ssl
[ssl]
system_default = default
[default]
Options = -ExtendedMasterSecret
";

#[test]
fn our_client_with_openssl_s_server() -> Result<()> {
    for suite in Suite::PSK {
        for extended_master_secret in [true, false] {
            let config = Config { suites: vec![suite], extended_master_secret, ..psk() };
            let (server, address) = openssl_server(suite.name(), &[])?;
            let mut channel = Channel::to(address, config, Losses::NONE)?;
            ensure!(channel.connection.suite() == suite);
            ensure!(channel.connection.extended_master_secret() == extended_master_secret);
            talk_to_terminal(&mut channel, &server)?;
        }
    }
    Ok(())
}

#[test]
fn our_client_obeys_openssl_s_wish_for_a_cookie() -> Result<()> {
    let (server, address) = openssl_server(Suite::PskAes256Gcm.name(), &["-listen"])?;
    talk_to_terminal(&mut Channel::to(address, psk(), Losses::NONE)?, &server)
}

#[test]
fn our_client_reads_a_hint_and_openssl_reads_its_fragments() -> Result<()> {
    let (server, address) = openssl_server(Suite::PskAes256Gcm.name(), &["-psk_hint", "which"])?;
    let config = Config { max_datagram: 128, ..psk() };
    talk_to_terminal(&mut Channel::to(address, config, Losses::NONE)?, &server)
}

#[test]
fn our_server_with_openssl_s_client() -> Result<()> {
    for suite in Suite::PSK {
        for extended_master_secret in [true, false] {
            let config = Config { suites: vec![suite], extended_master_secret, ..psk() };
            let (mut channel, client) = openssl_client(config, suite.name(), Losses::NONE)?;
            ensure!(channel.connection.extended_master_secret() == extended_master_secret);
            talk_to_terminal(&mut channel, &client)?;
        }
    }
    Ok(())
}

#[test]
fn our_server_s_fragments_are_read_by_openssl() -> Result<()> {
    let config = Config { max_datagram: 128, ..psk() };
    let (mut channel, client) = openssl_client(config, Suite::PskAes256Gcm.name(), Losses::NONE)?;
    talk_to_terminal(&mut channel, &client)
}

#[test]
fn our_client_with_gnutls_serv() -> Result<()> {
    for suite in Suite::PSK {
        for extended_master_secret in [true, false] {
            let config = Config { suites: vec![suite], extended_master_secret, ..psk() };
            let (server, address, _folder) = gnutls_server(suite, "")?;
            let mut channel = Channel::to(address, config, Losses::NONE)?;
            ensure!(channel.connection.suite() == suite);
            ensure!(channel.connection.extended_master_secret() == extended_master_secret);
            channel.send(b"echo, please\n")?;
            let echo = channel.receive().with_context(|| server.output())?;
            ensure!(echo == b"echo, please\n", "{echo:?}");
        }
    }
    Ok(())
}

#[test]
fn our_client_offers_what_gnutls_serv_without_extended_master_secret_declines() -> Result<()> {
    let (_server, address, _folder) = gnutls_server(Suite::PskAes256Gcm, ":%NO_SESSION_HASH")?;
    let channel = Channel::to(address, psk(), Losses::NONE)?;
    ensure!(!channel.connection.extended_master_secret());
    Ok(())
}

#[test]
fn our_server_with_gnutls_cli() -> Result<()> {
    for suite in Suite::PSK {
        for extended_master_secret in [true, false] {
            let config = Config { suites: vec![suite], ..psk() };
            let more = if extended_master_secret { "" } else { ":%NO_SESSION_HASH" };
            let (mut channel, client) = gnutls_client(config, suite, more, Losses::NONE)?;
            ensure!(channel.connection.extended_master_secret() == extended_master_secret);
            talk_to_terminal(&mut channel, &client)?;
        }
    }
    Ok(())
}

#[test]
fn lost_flights_of_our_client_s_handshake_are_repeated() -> Result<()> {
    for losses in
        [Losses { out: &[0], into: &[] }, Losses { out: &[1], into: &[] }, Losses { out: &[], into: &[1] }]
    {
        let (server, address) = openssl_server(Suite::PskAes256Gcm.name(), &[])?;
        talk_to_terminal(&mut Channel::to(address, psk(), losses)?, &server)?;
    }
    Ok(())
}

#[test]
fn lost_flights_of_our_server_s_handshake_are_repeated() -> Result<()> {
    for losses in
        [Losses { out: &[0], into: &[] }, Losses { out: &[1], into: &[] }, Losses { out: &[], into: &[1] }]
    {
        let (mut channel, client) = openssl_client(psk(), Suite::PskAes256Gcm.name(), losses)?;
        talk_to_terminal(&mut channel, &client)?;
        let (mut channel, client) = gnutls_client(psk(), Suite::PskAes128Gcm, "", losses)?;
        talk_to_terminal(&mut channel, &client)?;
    }
    Ok(())
}

#[test]
fn our_client_resumes_a_session_of_openssl_s_server() -> Result<()> {
    let folder = Folder::new("client-resumes")?;
    folder.certificate()?;
    for suite in Suite::RESUME {
        let file = |name: &str| folder.0.join(name).display().to_string();
        let (certificate, key) = (file("certificate"), file("key"));
        let arguments = ["-cert", &certificate, "-key", &key, "-no_ticket"];
        let (server, address) = openssl_server(suite.name(), &arguments)?;
        // A real session, made by OpenSSL with itself, is what both ends of ours take for theirs.
        let session = file("session");
        let first = folder
            .without_extended_master_secret("s_client")?
            .args(["-dtls1_2", "-cipher", suite.name(), "-connect", &address.to_string()])
            .args(["-sess_out", &session])
            .start()?;
        first.wait_for("Extended master secret: no")?;
        first.type_line("Q")?;
        first.wait()?;
        server.wait_for("DONE")?;
        let shown =
            Program::here("openssl").args(["sess_id", "-in", &session, "-noout", "-text"]).succeed()?;
        let (id, master) = (field(&shown.text(), "Session-ID:")?, field(&shown.text(), "Master-Key:")?);
        let id = SessionId::new(&id).context("a session id")?;
        let master = master.try_into().ok().context("48 bytes")?;
        let mut channel = Channel::to(address, Config::resume(&master, id, suite), Losses::NONE)?;
        ensure!(channel.connection.suite() == suite);
        talk_to_terminal(&mut channel, &server)?;
    }
    Ok(())
}

#[test]
fn our_server_resumes_a_session_of_openssl_s_client() -> Result<()> {
    let folder = Folder::new("server-resumes")?;
    for suite in Suite::RESUME {
        let (id, master) = ([0x1d; 32], [0x3a; 48]);
        let session = folder.0.join("session");
        fs::write(&session, session_file(suite, &id, &master))?;
        let config = Config::resume(&master, SessionId::new(&id).context("32 bytes")?, suite);
        let ours = UdpSocket::bind((LOOPBACK, 0))?;
        let client = folder
            .without_extended_master_secret("s_client")?
            .args(["-dtls1_2", "-cipher", suite.name(), "-connect", &ours.local_addr()?.to_string()])
            .arg("-sess_in")
            .arg(&session)
            .start()?;
        let mut channel =
            Channel::from_client(ours, config, Losses::NONE).with_context(|| client.output())?;
        client.wait_for("Reused")?;
        talk_to_terminal(&mut channel, &client)?;
    }
    Ok(())
}

fn psk() -> Config {
    Config::psk(&KEY, SessionId::new(&[7; 32]).unwrap_or_default())
}

fn hex(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(bytes)
}

/// A port that nobody has right now.
fn free_port() -> Result<u16> {
    Ok(UdpSocket::bind((LOOPBACK, 0))?.local_addr()?.port())
}

fn openssl_server(cipher: &str, more: &[&str]) -> Result<(Process, SocketAddr)> {
    let address = SocketAddr::new(LOOPBACK.parse()?, free_port()?);
    let certificate: &[&str] = if more.contains(&"-cert") { &[] } else { &["-nocert"] };
    let server = Program::here("openssl")
        .args(["s_server", "-dtls1_2", "-accept", &address.to_string(), "-cipher", cipher])
        .args(["-psk_identity", "psk", "-psk", &hex(&KEY)])
        .args(certificate)
        .args(more)
        .start()?;
    server.wait_for("ACCEPT")?;
    Ok((server, address))
}

fn openssl_client(config: Config, cipher: &str, losses: Losses) -> Result<(Channel, Process)> {
    let ours = UdpSocket::bind((LOOPBACK, 0))?;
    let client = Program::here("openssl")
        .args(["s_client", "-dtls1_2", "-connect", &ours.local_addr()?.to_string(), "-cipher", cipher])
        .args(["-psk_identity", "psk", "-psk", &hex(&KEY)])
        .start()?;
    let channel = Channel::from_client(ours, config, losses).with_context(|| client.output())?;
    Ok((channel, client))
}

fn priority(suite: Suite, more: &str) -> String {
    let names = [(Suite::PskAes256Gcm, "AES-256-GCM"), (Suite::PskAes128Gcm, "AES-128-GCM")];
    let cipher =
        names.iter().find(|(named, _)| *named == suite).map_or("CHACHA20-POLY1305", |(_, name)| name);
    format!("NONE:+VERS-DTLS1.2:+PSK:+{cipher}:+AEAD:+SIGN-ALL:+COMP-NULL{more}")
}

/// It asks every client for a cookie.
fn gnutls_server(suite: Suite, more: &str) -> Result<(Process, SocketAddr, Folder)> {
    let address = SocketAddr::new(LOOPBACK.parse()?, free_port()?);
    let folder = Folder::new(&format!("gnutls-{}", address.port()))?;
    let keys = folder.0.join("keys");
    // It reads them again for each client.
    fs::write(&keys, format!("psk:{}\n", hex(&KEY)))?;
    let server = Program::here("gnutls-serv")
        .args([
            "--udp",
            "--echo",
            "--port",
            &address.port().to_string(),
            "--priority",
            &priority(suite, more),
        ])
        .arg("--pskpasswd")
        .arg(&keys)
        .start()?;
    server.wait_for(&format!("IPv4 0.0.0.0 port {}...done", address.port()))?;
    Ok((server, address, folder))
}

fn gnutls_client(config: Config, suite: Suite, more: &str, losses: Losses) -> Result<(Channel, Process)> {
    let ours = UdpSocket::bind((LOOPBACK, 0))?;
    let client = Program::here("gnutls-cli")
        .args(["--udp", "--port", &ours.local_addr()?.port().to_string()])
        .args(["--pskusername", "psk", "--pskkey", &hex(&KEY), "--priority", &priority(suite, more)])
        .arg(LOOPBACK)
        .start()?;
    let channel = Channel::from_client(ours, config, losses).with_context(|| client.output())?;
    Ok((channel, client))
}

/// Data both ways, with a peer that shows what it gets and sends what is typed.
fn talk_to_terminal(channel: &mut Channel, peer: &Process) -> Result<()> {
    for round in 0..3 {
        let (there, back) = (format!("over there {round}\n"), format!("and back again {round}\n"));
        // The peer first: to receive is also to answer it, should it still miss the end of the handshake.
        peer.type_line(back.trim())?;
        let got = channel.receive().with_context(|| peer.output())?;
        ensure!(got == back.as_bytes(), "{:?}", String::from_utf8_lossy(&got));
        channel.send(there.as_bytes())?;
        peer.wait_for(there.trim())?;
    }
    Ok(())
}

/// Which datagrams are lost on purpose, counted from the first one of each direction.
#[derive(Clone, Copy)]
struct Losses {
    out: &'static [usize],
    into: &'static [usize],
}

impl Losses {
    const NONE: Self = Self { out: &[], into: &[] };
}

/// A socket that loses some datagrams.
struct Link {
    socket: UdpSocket,
    losses: Losses,
    sent: usize,
    received: usize,
}

impl Link {
    fn send(&mut self, datagram: &[u8]) -> Result<()> {
        if !self.losses.out.contains(&self.sent) {
            self.socket.send(datagram)?;
        }
        self.sent += 1;
        Ok(())
    }

    /// The next datagram; nothing if none comes until then.
    fn receive(&mut self, until: Instant) -> Result<Option<Vec<u8>>> {
        let mut buffer = vec![0; 1 << 16];
        loop {
            let left = until.saturating_duration_since(Instant::now());
            self.socket.set_read_timeout(Some(left.max(Duration::from_millis(1))))?;
            match self.socket.recv(&mut buffer) {
                Ok(length) => {
                    self.received += 1;
                    if !self.losses.into.contains(&(self.received - 1)) {
                        buffer.truncate(length);
                        return Ok(Some(buffer));
                    }
                }
                Err(error)
                    if matches!(
                        error.kind(),
                        std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
                    ) =>
                {
                    return Ok(None);
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// An established connection over its link.
struct Channel {
    link: Link,
    connection: Connection,
    /// What came with the end of the handshake.
    rest: Vec<u8>,
}

impl Channel {
    /// As a client.
    fn to(address: SocketAddr, config: Config, losses: Losses) -> Result<Self> {
        let socket = UdpSocket::bind((LOOPBACK, 0))?;
        socket.connect(address)?;
        let handshake = Handshake::client(config, random()?, Instant::now());
        Self::establish(Link { socket, losses, sent: 0, received: 0 }, handshake, None)
    }

    /// As a server, for whoever proves that it receives at its address.
    fn from_client(socket: UdpSocket, config: Config, losses: Losses) -> Result<Self> {
        let (secrets, mut buffer) = (Secrets::new(&random()?), vec![0; 1 << 16]);
        socket.set_read_timeout(Some(HANG))?;
        loop {
            let (length, source) = socket.recv_from(&mut buffer).context("no hello")?;
            let datagram = buffer.get(..length).context("a datagram")?;
            let mut reply = Vec::new();
            match secrets.check(source, datagram, &mut reply) {
                Check::Asked => drop(socket.send_to(&reply, source)?),
                Check::NotAHello => {}
                Check::Proven => {
                    let first = datagram.to_vec();
                    socket.connect(source)?;
                    let handshake = Handshake::server(config, random()?);
                    return Self::establish(
                        Link { socket, losses, sent: 0, received: 1 },
                        handshake,
                        Some(first),
                    );
                }
            }
        }
    }

    fn establish(mut link: Link, mut handshake: Handshake, mut next: Option<Vec<u8>>) -> Result<Self> {
        let deadline = Instant::now() + HANG;
        loop {
            let mut rest = next.take().unwrap_or_default();
            let used = handshake.handle(&mut rest, Instant::now())?;
            if handshake.is_established() {
                let mut connection = handshake.into_connection(Instant::now()).context("established")?;
                while let Some(datagram) = connection.poll_transmit() {
                    link.send(&datagram)?;
                }
                return Ok(Self { link, connection, rest: rest.split_off(used) });
            }
            while let Some(datagram) = handshake.poll_transmit() {
                link.send(&datagram)?;
            }
            ensure!(Instant::now() < deadline, "the handshake hangs");
            next = link.receive(handshake.next_timeout().unwrap_or(deadline))?;
            handshake.on_timeout(Instant::now())?;
        }
    }

    fn send(&mut self, data: &[u8]) -> Result<()> {
        let mut datagram = Vec::new();
        self.connection.seal(&mut datagram, &[data])?;
        self.link.send(&datagram)
    }

    /// What the next record with data carries.
    fn receive(&mut self) -> Result<Vec<u8>> {
        let deadline = Instant::now() + HANG;
        loop {
            let mut datagram = std::mem::take(&mut self.rest);
            if datagram.is_empty() {
                datagram = self.link.receive(deadline)?.context("nothing comes")?;
            }
            for record in records(&mut datagram) {
                match self.connection.open(record) {
                    Ok(Opened::Data(data)) => return Ok(data.to_vec()),
                    Ok(Opened::Handled) | Err(_) => {}
                    Ok(other) => bail!("{other:?}"),
                }
            }
            while let Some(answer) = self.connection.poll_transmit() {
                self.link.send(&answer)?;
            }
        }
    }
}

fn random() -> Result<[u8; 32]> {
    let mut bytes = [0; 32];
    aws_lc_rs::rand::fill(&mut bytes)?;
    Ok(bytes)
}

/// A folder that goes when it is dropped.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Result<Self> {
        let folder = std::env::temp_dir().join(format!("praya-dtls-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder)?;
        Ok(Self(folder))
    }

    /// A certificate with an RSA key, which the suites of a resumption name.
    fn certificate(&self) -> Result<()> {
        Program::here("openssl")
            .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=praya.test", "-keyout"])
            .arg(self.0.join("key"))
            .arg("-out")
            .arg(self.0.join("certificate"))
            .succeed()?;
        Ok(())
    }

    /// One of OpenSSL's commands, which neither offers nor accepts extended master secret.
    fn without_extended_master_secret(&self, command: &str) -> Result<Program> {
        let settings = self.0.join("openssl.conf");
        fs::write(&settings, NO_EXTENDED_MASTER_SECRET)?;
        Ok(Program::here("openssl").arg(command).env("OPENSSL_CONF", &settings))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The bytes of a field of what OpenSSL shows.
fn field(text: &str, name: &str) -> Result<Vec<u8>> {
    let value = text.split(name).nth(1).and_then(|rest| rest.split_whitespace().next()).context("a field")?;
    Ok(data_encoding::HEXUPPER.decode(value.as_bytes())?)
}

/// A session as OpenSSL keeps it in a file: `SSL_SESSION` in DER, in PEM.
fn session_file(suite: Suite, id: &[u8], master: &[u8]) -> String {
    let der = |tag: u8, content: &[u8]| [&[tag, content.len() as u8][..], content].concat();
    let now = std::time::UNIX_EPOCH.elapsed().unwrap_or_default().as_secs() as u32;
    let fields = [
        der(2, &[1]),
        der(2, &[0, 0xfe, 0xfd]),
        der(4, &suite.code().to_be_bytes()),
        der(4, id),
        der(4, master),
        // When it was made, and for how many seconds.
        der(0xa1, &der(2, &now.to_be_bytes())),
        der(0xa2, &der(2, &[0x1c, 0x20])),
    ];
    let body = data_encoding::BASE64.encode(&der(0x30, &fields.concat()));
    let lines: Vec<&str> = body.as_bytes().chunks(64).filter_map(|line| str::from_utf8(line).ok()).collect();
    format!(
        "-----BEGIN SSL SESSION PARAMETERS-----\n{}\n-----END SSL SESSION PARAMETERS-----\n",
        lines.join("\n")
    )
}
