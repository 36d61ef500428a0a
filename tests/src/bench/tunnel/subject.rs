//! What is measured: which programs at both ends, over which channel, and what has to be there for it.

use praya_testkit::privilege::has_other_users;
use praya_testkit::{Program, programs};

use crate::bench::machine::tool;

/// What signs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Client {
    /// The stock client.
    Openconnect,
    /// `prayad` and `praya`.
    Praya,
}

/// What it signs in to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gateway {
    /// The stock gateway.
    Ocserv,
    /// `praya-gateway`.
    Praya,
}

/// What carries the packets between a client and a gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Channel {
    /// TLS, with whatever both ends agree on.
    Tls,
    /// TLS between our own two ends, one frame per record and no super-packets, as with anybody else.
    TlsInterop,
    /// DTLS.
    Dtls,
}

/// A program that speaks WireGuard in user space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WireGuard {
    /// Debian's `wireguard-go`, of 2022.
    Debian,
    /// The current `wireguard-go`, with segmentation offload.
    Current,
    BoringTun,
    GotaTun,
}

impl WireGuard {
    /// The program's file name.
    pub(crate) fn program(self) -> &'static str {
        match self {
            Self::Debian => "wireguard-go",
            // What `go install golang.zx2c4.com/wireguard@latest` calls it.
            Self::Current => "wireguard",
            Self::BoringTun => "boringtun-cli",
            Self::GotaTun => "gotatun",
        }
    }
}

/// One row of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    /// Packets are routed in clear.
    None,
    /// TLS by rustls between the employee's machine and the gateway's, no tunnel: bytes for each write.
    RawTls(usize),
    /// One of our programs, or of those that speak the same protocol, at each end.
    Session(Client, Gateway, Channel),
    /// OpenVPN over UDP.
    OpenVpn,
    /// WireGuard.
    WireGuard(WireGuard),
}

impl Subject {
    /// What everything is compared with.
    pub(crate) const STOCK: Self = Self::Session(Client::Openconnect, Gateway::Ocserv, Channel::Tls);

    /// Every subject with its name on the command line, in the order of the report.
    pub(crate) const ALL: [(Self, &'static str); 17] = [
        (Self::None, "none"),
        (Self::RawTls(64 * 1024), "raw-64k"),
        (Self::RawTls(16 * 1024), "raw-16k"),
        (Self::STOCK, "stock-tls"),
        (Self::Session(Client::Openconnect, Gateway::Ocserv, Channel::Dtls), "stock-dtls"),
        (Self::Session(Client::Praya, Gateway::Praya, Channel::Tls), "praya-tls"),
        (Self::Session(Client::Praya, Gateway::Praya, Channel::TlsInterop), "praya-interop"),
        (Self::Session(Client::Praya, Gateway::Praya, Channel::Dtls), "praya-udp"),
        (Self::Session(Client::Praya, Gateway::Ocserv, Channel::Tls), "praya-ocserv-tls"),
        (Self::Session(Client::Praya, Gateway::Ocserv, Channel::Dtls), "praya-ocserv-dtls"),
        (Self::Session(Client::Openconnect, Gateway::Praya, Channel::Tls), "openconnect-praya-tls"),
        (Self::Session(Client::Openconnect, Gateway::Praya, Channel::Dtls), "openconnect-praya-dtls"),
        (Self::OpenVpn, "openvpn"),
        (Self::WireGuard(WireGuard::Debian), "wireguard-go"),
        (Self::WireGuard(WireGuard::Current), "wireguard-go-current"),
        (Self::WireGuard(WireGuard::BoringTun), "boringtun"),
        (Self::WireGuard(WireGuard::GotaTun), "gotatun"),
    ];

    /// The subject of this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find_map(|(subject, known)| (known == name).then_some(subject))
    }

    /// Its name on the command line and in the JSON.
    pub(crate) fn name(self) -> &'static str {
        Self::ALL
            .into_iter()
            .find_map(|(subject, name)| (subject == self).then_some(name))
            .unwrap_or_default()
    }

    /// As a person calls it.
    pub(crate) fn title(self) -> String {
        match self {
            Self::None => "no tunnel".into(),
            Self::RawTls(bytes) => format!("rustls stream, {} KiB writes", bytes / 1024),
            Self::Session(client, gateway, channel) => {
                let client = match client {
                    Client::Openconnect => "openconnect",
                    Client::Praya => "praya",
                };
                let gateway = match gateway {
                    Gateway::Ocserv => "ocserv",
                    Gateway::Praya => "praya-gateway",
                };
                let channel = match channel {
                    Channel::Tls => "TLS",
                    Channel::TlsInterop => "TLS as with others",
                    Channel::Dtls => "DTLS",
                };
                format!("{client} → {gateway}, {channel}")
            }
            Self::OpenVpn => "OpenVPN, UDP".into(),
            Self::WireGuard(WireGuard::Debian) => "wireguard-go of 2022".into(),
            Self::WireGuard(WireGuard::Current) => "wireguard-go, current".into(),
            Self::WireGuard(WireGuard::BoringTun) => "BoringTun".into(),
            Self::WireGuard(WireGuard::GotaTun) => "GotaTun".into(),
        }
    }

    /// What it needs and is not here, each with where it comes from.
    pub(crate) fn missing(self) -> Vec<String> {
        let packaged = |name: &str| tool(name).is_none().then(|| format!("{name} (package {name})"));
        let ours = |name: &str| programs::path(name).err().map(|_| format!("{name} (not built)"));
        let found = match self {
            Self::None | Self::RawTls(_) => vec![],
            Self::Session(client, gateway, channel) => {
                let mut found = match client {
                    Client::Openconnect => vec![packaged("openconnect")],
                    Client::Praya => vec![ours("prayad"), ours("praya")],
                };
                match gateway {
                    Gateway::Ocserv => {
                        // Its processes become another user.
                        let alone = !has_other_users();
                        found.push(packaged("ocserv"));
                        found.push(alone.then(|| "user ids for ocserv (root, or package uidmap)".to_owned()));
                    }
                    Gateway::Praya => found.push(ours("praya-gateway")),
                }
                if channel == Channel::TlsInterop {
                    found.push(without_super_packets());
                }
                found
            }
            Self::OpenVpn => vec![packaged("openvpn")],
            Self::WireGuard(which) => {
                let source = match which {
                    WireGuard::Debian => "package wireguard-go",
                    WireGuard::Current => {
                        "go install golang.zx2c4.com/wireguard@latest, with GOBIN=target/bench-tools/bin"
                    }
                    WireGuard::BoringTun => "cargo install boringtun-cli",
                    WireGuard::GotaTun => "cargo install gotatun-cli",
                };
                let program = which.program();
                vec![
                    tool(program).is_none().then(|| format!("{program} ({source})")),
                    tool("wg").is_none().then(|| "wg (package wireguard-tools)".to_owned()),
                ]
            }
        };
        found.into_iter().flatten().collect()
    }
}

/// Whether our client can be kept from super-packets: a flag for measurements, which its help does not show.
fn without_super_packets() -> Option<String> {
    let program = programs::path("prayad").ok()?;
    let asked = Program::here(program).args(["--no-super-packets", "--version"]).run().ok()?;
    (!asked.status.success()).then(|| "prayad --no-super-packets (not in this program yet)".to_owned())
}

#[cfg(test)]
mod tests {
    use super::Subject;

    #[test]
    fn every_subject_is_found_by_its_name_and_has_a_title_of_its_own() {
        for (subject, name) in Subject::ALL {
            assert_eq!(Subject::named(name), Some(subject));
            assert_eq!(subject.name(), name);
            assert_eq!(Subject::ALL.iter().filter(|(other, _)| other.title() == subject.title()).count(), 1);
        }
        assert_eq!(Subject::named(""), None);
    }
}
