//! A client that signs in to a gateway, each the stock program or ours.

use anyhow::{Result, ensure};
use praya_testkit::Process;
use praya_tests::Lab;
use praya_tests::client::Client as Service;
use praya_tests::gateway::Gateway as PrayaGateway;
use praya_tests::ocserv::Ocserv;
use praya_tests::openconnect::{openconnect, wait_connected};

use super::{MTU, Tunnel};
use crate::bench::tunnel::subject::{Channel, Client, Gateway};

/// Everybody's name.
const PERSON: &str = "worker";
/// Everybody's password.
const PASSWORD: &str = "correct horse battery";
/// What `ocserv` takes off its `mtu` setting for a client over IPv4: (TLS, DTLS).
const OCSERV_MARGIN: (u16, u16) = (28, 66);
/// TLS 1.3 where the shipped configuration switches it off, because ours prefers it.
const TLS: &str = "\"NORMAL:%SERVER_PRECEDENCE:%COMPAT\"";

/// A pair of client and gateway.
pub(super) struct Session {
    client: Client,
    channel: Channel,
    // Dropped in this order: whoever is connected first.
    stock: Option<Process>,
    service: Service,
    server: Server,
    /// How our client says that its packets travel.
    told: Option<String>,
}

enum Server {
    Ocserv(Ocserv),
    Praya(PrayaGateway),
}

impl Session {
    pub(super) fn prepare(lab: &Lab, client: Client, gateway: Gateway, channel: Channel) -> Result<Self> {
        let server = match gateway {
            Gateway::Ocserv => Server::Ocserv(ocserv(lab, channel)?),
            Gateway::Praya => Server::Praya(praya_gateway(lab)?),
        };
        Ok(Self { client, channel, stock: None, service: Service::new(&lab.employee)?, server, told: None })
    }

    fn pin(&self) -> &str {
        match &self.server {
            Server::Ocserv(server) => &server.pin,
            Server::Praya(server) => &server.pin,
        }
    }

    fn connect_stock(&mut self, lab: &Lab) -> Result<()> {
        let program = openconnect(&lab.employee, self.pin())?.args(["--user", PERSON]);
        let datagrams = self.channel == Channel::Dtls;
        let program = program.args((!datagrams).then_some("--no-dtls"));
        let client = self.stock.insert(program.start_on_terminal()?);
        client.wait_for("Password:")?;
        client.type_line(PASSWORD)?;
        wait_connected(client)?;
        if datagrams {
            client.wait_for("Established DTLS connection")?;
        }
        Ok(())
    }

    fn connect_praya(&mut self, lab: &Lab) -> Result<()> {
        let login = self.service.login(&lab.employee, self.pin(), PERSON, &[PASSWORD])?;
        ensure!(login.status.success(), "praya login: {}\n{}", login.status, login.everything);
        let carrier = if self.channel == Channel::Dtls { "udp" } else { "tls" };
        let snapshot = self.service.wait_for(|snapshot| {
            snapshot["state"] == "connected" && snapshot["channel"]["carrier"] == carrier
        })?;
        let channel = &snapshot["channel"];
        let protection = channel["protection"].as_str().unwrap_or_default();
        let super_packets = channel["super_packets"] == true;
        ensure!(!super_packets || self.channel != Channel::TlsInterop, "super-packets as with nobody else");
        let pieces = if super_packets { ", super-packets" } else { "" };
        let beside = if carrier == "udp" { "DTLS beside " } else { "" };
        self.told = Some(format!("{beside}{protection}{pieces}"));
        Ok(())
    }

    /// What keeps our client to its channel.
    fn flags(&self) -> &'static [&'static str] {
        match self.channel {
            Channel::Tls => &["--no-udp"],
            Channel::TlsInterop => &["--no-udp", "--no-super-packets"],
            Channel::Dtls => &[],
        }
    }
}

impl Tunnel for Session {
    fn start(&mut self, lab: &Lab) -> Result<()> {
        match &mut self.server {
            Server::Ocserv(server) => server.start(&lab.gateway)?,
            Server::Praya(server) => server.start()?,
        }
        if self.client == Client::Praya {
            let service = self.service.service(&lab.employee)?.args(self.flags());
            self.service.start_as(service)?;
        }
        Ok(())
    }

    fn connect(&mut self, lab: &Lab) -> Result<()> {
        match self.client {
            Client::Openconnect => self.connect_stock(lab),
            Client::Praya => self.connect_praya(lab),
        }
    }

    fn disconnect(&mut self, lab: &Lab) -> Result<()> {
        if let Some(client) = self.stock.take() {
            client.terminate()?;
        }
        if self.client == Client::Praya {
            let logout = self.service.run(&lab.employee, &["logout"])?;
            ensure!(logout.status.success(), "praya logout: {}\n{}", logout.status, logout.everything);
            self.service.wait_for(|snapshot| snapshot["tunnel"].is_null())?;
        }
        Ok(())
    }

    fn stop(&mut self) -> Result<()> {
        if self.client == Client::Praya {
            self.service.stop()?;
        }
        match &mut self.server {
            Server::Ocserv(server) => server.stop()?,
            Server::Praya(server) => drop(server.stop()?),
        }
        Ok(())
    }

    fn names(&self) -> (&'static [&'static str], &'static [&'static str]) {
        (&["openconnect", "prayad"], &["ocserv", "praya-gateway"])
    }

    fn describe(&self) -> Result<String> {
        let stock = self.stock.as_ref().map(Process::printed);
        let users = match &self.server {
            Server::Ocserv(server) => Some(server.users()?),
            Server::Praya(_) => None,
        };
        let suite = [stock, users].iter().flatten().find_map(|text| cipher_suite(text));
        Ok(self.told.clone().or(suite).unwrap_or_default())
    }

    fn printed(&self) -> String {
        let server = match &self.server {
            Server::Ocserv(server) => server.printed(),
            Server::Praya(server) => server.printed(),
        };
        self.stock.as_ref().map(Process::printed).unwrap_or_default() + &server
    }
}

/// The last GnuTLS description of a connection, such as `(TLS1.3)-(ECDHE-SECP256R1)-(RSA-SHA256)-(AES-256-GCM)` or
/// `(DTLS1.2)-…`. What `occtl` tells is cut off after 63 characters; the part that is not whole is left out.
fn cipher_suite(printed: &str) -> Option<String> {
    let from = printed.rfind("TLS1.")?;
    let from = printed.get(..from)?.rfind('(')?;
    let text = printed.get(from..)?;
    let word = text.split(|letter: char| letter.is_whitespace() || letter == '"').next()?;
    let (whole, rest) = word.rsplit_once(')')?;
    let cut = if rest.starts_with('-') { "-…" } else { "" };
    Some(format!("{whole}){cut}"))
}

fn ocserv(lab: &Lab, channel: Channel) -> Result<Ocserv> {
    let mut server = Ocserv::new(&lab.gateway)?;
    server.set("tls-priorities", TLS);
    let datagrams = channel == Channel::Dtls;
    if !datagrams {
        server.set("udp-port", "");
    }
    let margin = if datagrams { OCSERV_MARGIN.1 } else { OCSERV_MARGIN.0 };
    server.set("mtu", &(MTU + margin).to_string());
    // The session of the rehearsal may live on for a while.
    server.set("max-same-clients", "0");
    server.add_person(PERSON, PASSWORD)?;
    Ok(server)
}

fn praya_gateway(lab: &Lab) -> Result<PrayaGateway> {
    let mut server = PrayaGateway::init(lab)?;
    server.set("sign_in.second_factor", "when_assigned")?;
    server.set("sign_in.attempts_per_minute", 0)?;
    server.set("sessions.per_account", 1_000)?;
    server.set("tunnel.nat", false)?;
    server.set("tunnel.mtu", i64::from(MTU))?;
    server.add_people(&[PERSON], PASSWORD)?;
    server.publish_intranet("staff", &[PERSON])?;
    let measured = ["tcp:172.31.0.10:5201", "udp:172.31.0.10"];
    server.publish("staff", "Measurements", "http://172.31.0.10:5201/", &measured)?;
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
        let datagrams =
            "Established DTLS connection (using GnuTLS). Ciphersuite (DTLS1.2)-(PSK)-(AES-256-GCM).";
        assert_eq!(cipher_suite(datagrams).as_deref(), Some("(DTLS1.2)-(PSK)-(AES-256-GCM)"));
        assert_eq!(cipher_suite("nothing"), None);
    }
}
