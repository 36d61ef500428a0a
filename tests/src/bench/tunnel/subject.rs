//! Which client meets which gateway, and what has to be there for it.

use praya_testkit::privilege::has_other_users;
use praya_testkit::programs;

use super::machine::tool_exists;

/// What signs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Client {
    /// Nothing: packets are routed in clear.
    None,
    /// The stock client.
    Openconnect,
    /// `prayad` and `praya`.
    Praya,
}

/// What it signs in to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gateway {
    /// Nothing: packets are routed in clear.
    None,
    /// The stock gateway.
    Ocserv,
    /// `praya-gateway`.
    Praya,
}

/// A client and a gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pair {
    pub(crate) client: Client,
    pub(crate) gateway: Gateway,
}

impl Pair {
    /// What everything is compared with.
    pub(crate) const STOCK: Self = Self { client: Client::Openconnect, gateway: Gateway::Ocserv };

    /// Every pair, in the order of the report.
    pub(crate) const ALL: [Self; 5] = [
        Self { client: Client::None, gateway: Gateway::None },
        Self::STOCK,
        Self { client: Client::Openconnect, gateway: Gateway::Praya },
        Self { client: Client::Praya, gateway: Gateway::Ocserv },
        Self { client: Client::Praya, gateway: Gateway::Praya },
    ];

    /// As a person calls it.
    pub(crate) fn title(self) -> String {
        let client = match self.client {
            Client::None => return "no tunnel".into(),
            Client::Openconnect => "openconnect",
            Client::Praya => "praya",
        };
        let gateway = match self.gateway {
            Gateway::None => "nothing",
            Gateway::Ocserv => "ocserv",
            Gateway::Praya => "praya-gateway",
        };
        format!("{client} → {gateway}")
    }

    /// What this pair needs and is not here, each with where it comes from.
    pub(crate) fn missing(self) -> Vec<String> {
        let packaged = |name: &str| {
            if tool_exists(name) { None } else { Some(format!("{name} (package {name})")) }
        };
        let ours = |name: &str| programs::path(name).err().map(|_| format!("{name} (not built)"));
        // Its processes become another user.
        let other_users =
            || (!has_other_users()).then(|| "user ids for ocserv (root, or package uidmap)".to_owned());
        let client = match self.client {
            Client::None => vec![],
            Client::Openconnect => vec![packaged("openconnect")],
            Client::Praya => vec![ours("prayad"), ours("praya")],
        };
        let gateway = match self.gateway {
            Gateway::None => vec![],
            Gateway::Ocserv => vec![packaged("ocserv"), other_users()],
            Gateway::Praya => vec![ours("praya-gateway")],
        };
        client.into_iter().chain(gateway).flatten().collect()
    }
}
