//! A lab with one pair in it. Its programs run only while it has its turn: the pages that two copies of one program
//! share would otherwise be charged half to a pair that is not measured.

use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use praya_testkit::otp::Token;
use praya_testkit::{HANG, Process};
use praya_tests::Lab;
use praya_tests::client::Client;
use praya_tests::gateway::Gateway;
use praya_tests::lab::{GATEWAY, INTRANET};
use praya_tests::ocserv::Ocserv;
use praya_tests::openconnect::{openconnect, wait_connected};

use super::cost::{End, Memory};
use super::idle;
use super::pair::{self, Pair};

/// Everybody's.
pub(crate) const PASSWORD: &str = "correct horse battery";
/// The same inside of both gateways' tunnels, or a ratio would compare packet sizes.
const MTU: u16 = 1400;
/// What `ocserv` takes off its `mtu` setting for a client that speaks TLS over IPv4.
const OCSERV_MARGIN: u16 = 28;
/// TLS 1.3 where the shipped configuration switches it off, because ours prefers it.
const TLS: &str = "\"NORMAL:%SERVER_PRECEDENCE:%COMPAT\"";

/// One pair's machines.
pub(crate) struct Site {
    pub(crate) lab: Lab,
    pair: Pair,
    // Fields are dropped in this order: whoever is connected first.
    stock: Option<Process>,
    service: Client,
    server: Server,
    /// (client, gateway) while a client is signed in.
    ends: Option<(End, End)>,
    channel: String,
}

enum Server {
    None,
    Ocserv(Ocserv),
    Praya(Gateway),
}

impl Server {
    fn pin(&self) -> &str {
        match self {
            Self::None => "",
            Self::Ocserv(server) => &server.pin,
            Self::Praya(server) => &server.pin,
        }
    }

    fn printed(&self) -> String {
        match self {
            Self::None => String::new(),
            Self::Ocserv(server) => server.printed(),
            Self::Praya(server) => server.printed(),
        }
    }
}

/// Who signs in. A code is good once and nobody wants to wait for the next one, so each sign-in is another person's.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Visit {
    /// So that the programs have seen one sign-in before the measured one.
    Rehearsal {
        /// Counted from 0.
        round: usize,
    },
    /// The measured one.
    Measured {
        /// Counted from 0.
        round: usize,
    },
}

impl Visit {
    fn all(rounds: usize) -> impl Iterator<Item = Self> {
        (0..rounds).flat_map(|round| [Self::Rehearsal { round }, Self::Measured { round }])
    }

    fn person(self) -> (String, Token) {
        let name = match self {
            Self::Rehearsal { round } => format!("rehearsal{round}"),
            Self::Measured { round } => format!("measured{round}"),
        };
        let token = Token::soft(&name);
        (name, token)
    }
}

impl Site {
    /// Machines and gateway with people for so many rounds; nothing of the pair runs yet.
    ///
    /// # Errors
    /// With what the programs say.
    pub(crate) fn prepare(pair: Pair, rounds: usize) -> Result<Self> {
        let lab = Lab::new()?;
        // No gateway translates addresses here: the intranet knows the way back.
        lab.intranet.shell("ip route add default via 172.31.0.1")?;
        let server = match pair.gateway {
            pair::Gateway::None => {
                lab.gateway.shell("echo 1 > /proc/sys/net/ipv4/ip_forward")?;
                lab.employee.shell(&format!("ip route add default via {GATEWAY}"))?;
                Server::None
            }
            pair::Gateway::Ocserv => Server::Ocserv(ocserv(&lab, rounds)?),
            pair::Gateway::Praya => Server::Praya(praya_gateway(&lab, rounds)?),
        };
        let service = Client::new(&lab.employee)?;
        Ok(Self { lab, pair, stock: None, service, server, ends: None, channel: String::new() })
    }

    /// Starts the gateway, and our client's service where it is the client.
    ///
    /// # Errors
    /// With what the programs say.
    pub(crate) fn start(&mut self) -> Result<()> {
        match &mut self.server {
            Server::None => {}
            Server::Ocserv(server) => server.start(&self.lab.gateway)?,
            Server::Praya(server) => server.start()?,
        }
        if self.pair.client == pair::Client::Praya {
            self.service.start(&self.lab.employee)?;
        }
        Ok(())
    }

    /// Ends what [`Self::start`] started.
    ///
    /// # Errors
    /// When something does not end.
    pub(crate) fn stop(&mut self) -> Result<()> {
        if self.pair.client == pair::Client::Praya {
            self.service.stop()?;
        }
        match &mut self.server {
            Server::None => {}
            Server::Ocserv(server) => server.stop()?,
            Server::Praya(server) => drop(server.stop()?),
        }
        Ok(())
    }

    /// The pair in it.
    pub(crate) fn pair(&self) -> Pair {
        self.pair
    }

    /// How the last sign-in's tunnel was made: TLS version, cipher, MTU, as far as the programs tell.
    pub(crate) fn channel(&self) -> String {
        self.channel.clone()
    }

    /// Signs in with password and code. Returns how long it took from the client's start to
    /// the first TCP connection through the tunnel; nothing without a tunnel.
    ///
    /// # Errors
    /// With what the programs say.
    pub(crate) fn sign_in(&mut self, visit: Visit) -> Result<Option<Duration>> {
        let (name, token) = visit.person();
        let began = Instant::now();
        match self.pair.client {
            pair::Client::None => {
                self.reach_intranet()?;
                return Ok(None);
            }
            pair::Client::Openconnect => self.sign_in_stock(&name, &token)?,
            pair::Client::Praya => self.sign_in_praya(&name, &token)?,
        }
        self.reach_intranet().with_context(|| self.server.printed())?;
        let took = began.elapsed();
        self.ends = Some((
            End::new(&self.lab.employee, &["openconnect", "prayad"])?,
            End::new(&self.lab.gateway, &["ocserv", "praya-gateway"])?,
        ));
        self.channel = self.describe_channel()?;
        Ok(Some(took))
    }

    fn sign_in_stock(&mut self, name: &str, token: &Token) -> Result<()> {
        let prompt = if self.pair.gateway == pair::Gateway::Ocserv { "Password:" } else { "Code:" };
        let program = openconnect(&self.lab.employee, self.server.pin())?;
        let client = self.stock.insert(program.args(["--no-dtls", "--user", name]).start_on_terminal()?);
        let place = client.wait_for("Password:")?;
        client.type_line(PASSWORD)?;
        client.wait_for_after(place, prompt)?;
        client.type_line(&token.now())?;
        wait_connected(client)?;
        Ok(())
    }

    fn sign_in_praya(&self, name: &str, token: &Token) -> Result<()> {
        let answers = [PASSWORD, &token.now()];
        let login = self.service.login(&self.lab.employee, self.server.pin(), name, &answers)?;
        ensure!(login.status.success(), "praya login: {}\n{}", login.status, login.everything);
        self.service.wait_for_state("connected")?;
        Ok(())
    }

    fn reach_intranet(&self) -> Result<()> {
        let site = SocketAddr::new(INTRANET.parse::<IpAddr>()?, 80);
        self.lab.employee.within(move || TcpStream::connect_timeout(&site, HANG))?.context("the intranet")?;
        Ok(())
    }

    /// Signs out and waits until the client has left.
    ///
    /// # Errors
    /// With what the client says.
    pub(crate) fn sign_out(&mut self) -> Result<()> {
        self.ends = None;
        if let Some(client) = self.stock.take() {
            client.terminate()?;
        }
        if self.pair.client == pair::Client::Praya {
            let logout = self.service.run(&self.lab.employee, &["logout"])?;
            ensure!(logout.status.success(), "praya logout: {}\n{}", logout.status, logout.everything);
            self.service.wait_for(|snapshot| snapshot["tunnel"].is_null())?;
        }
        Ok(())
    }

    /// Processor seconds of (client, gateway) so far, while one is signed in.
    ///
    /// # Errors
    /// When one of them has ended.
    pub(crate) fn cpu_seconds(&self) -> Result<Option<(f64, f64)>> {
        self.ends
            .as_ref()
            .map(|(client, gateway)| Ok((client.cpu_seconds()?, gateway.cpu_seconds()?)))
            .transpose()
    }

    /// Memory of (client, gateway) now, while one is signed in.
    ///
    /// # Errors
    /// When one of them has ended.
    pub(crate) fn memory(&self) -> Result<Option<(Memory, Memory)>> {
        self.ends.as_ref().map(|(client, gateway)| Ok((client.memory()?, gateway.memory()?))).transpose()
    }

    fn describe_channel(&self) -> Result<String> {
        let device = "$(ip -o route get $1 | sed 's/.* dev \\([^ ]*\\) .*/\\1/')";
        let script = format!("ip -o link show dev {device} | sed 's/.* mtu \\([0-9]*\\) .*/\\1/'");
        let mtu = self.lab.employee.program("sh").args(["-euc", &script, "sh", INTRANET]).succeed()?.text();
        let stock = self.stock.as_ref().map(Process::printed);
        let users = match &self.server {
            Server::Ocserv(server) => Some(server.users()?),
            Server::None | Server::Praya(_) => None,
        };
        let suite = [stock, users].iter().flatten().find_map(|text| cipher_suite(text));
        // Our own programs do not tell which suite they took.
        let suite = suite.unwrap_or_else(|| "TLS by rustls on both sides".to_owned());
        Ok(format!("{suite}, MTU {}", mtu.trim()))
    }
}

/// The last GnuTLS description of a connection, such as `(TLS1.3)-(ECDHE-SECP256R1)-(RSA-SHA256)-(AES-256-GCM)`. What
/// `occtl` tells is cut off after 63 characters; the part that is not whole is left out.
fn cipher_suite(printed: &str) -> Option<String> {
    let from = printed.rfind("(TLS1.")?;
    let text = printed.get(from..)?;
    let word = text.split(|letter: char| letter.is_whitespace() || letter == '"').next()?;
    let (whole, rest) = word.rsplit_once(')')?;
    let cut = if rest.starts_with('-') { "-…" } else { "" };
    Some(format!("{whole}){cut}"))
}

fn ocserv(lab: &Lab, rounds: usize) -> Result<Ocserv> {
    let mut server = Ocserv::new(&lab.gateway)?;
    server.set("tls-priorities", TLS);
    // TLS is the only channel on every side.
    server.set("udp-port", "");
    server.set("mtu", &(MTU + OCSERV_MARGIN).to_string());
    for (name, token) in Visit::all(rounds).map(Visit::person) {
        server.add_person(&name, PASSWORD)?;
        server.add_token(&name, &token)?;
    }
    Ok(server)
}

fn praya_gateway(lab: &Lab, rounds: usize) -> Result<Gateway> {
    let mut server = Gateway::init(lab)?;
    server.set("sign_in.second_factor", "when_assigned")?;
    server.set("tunnel.nat", false)?;
    server.set("tunnel.mtu", i64::from(MTU))?;
    idle::allow(&mut server)?;
    let people: Vec<(String, Token)> = Visit::all(rounds).map(Visit::person).collect();
    let names: Vec<&str> = people.iter().map(|(name, _)| name.as_str()).collect();
    server.add_people(&[&names[..], &[idle::ACCOUNT]].concat(), PASSWORD)?;
    for (number, (name, token)) in people.iter().enumerate() {
        server.add_token(name, &format!("4000{number:04}"), token)?;
    }
    server.publish_intranet("staff", &names)?;
    server.publish("staff", "Measurements", "http://172.31.0.10:5201/", &["tcp:172.31.0.10:5201"])?;
    Ok(server)
}

#[cfg(test)]
mod tests {
    use super::cipher_suite;

    #[test]
    fn a_connections_cipher_suite_is_found_in_what_gnutls_programs_print() {
        let printed = "Connected to HTTPS on vpn with ciphersuite (TLS1.2)-(ECDHE-X25519)-(AES-128-GCM)\r\n\
                       ciphersuite (TLS1.3)-(ECDHE-SECP256R1)-(RSA-PSS-RSAE-SHA256)-(AES-256-GCM)\r\nMore.";
        let suite = "(TLS1.3)-(ECDHE-SECP256R1)-(RSA-PSS-RSAE-SHA256)-(AES-256-GCM)";
        assert_eq!(cipher_suite(printed).as_deref(), Some(suite));
        let told = "\"TLS ciphersuite\":  \"(TLS1.3)-(ECDHE-SECP256R1)-(AES-256-GC\",\n";
        assert_eq!(cipher_suite(told).as_deref(), Some("(TLS1.3)-(ECDHE-SECP256R1)-…"));
        assert_eq!(cipher_suite("nothing"), None);
    }
}
