//! A router on the way between the employee and the gateway, as people have one at home: it translates addresses, its
//! line gets another one now and then, and somebody may have told it to let no UDP through.
//!
//! ```text
//! employee 192.168.77.10 ──── 192.168.77.1 router 198.51.100.10 ──── 198.51.100.1 gateway
//! ```

use anyhow::{Context, Result};
use praya_testkit::Namespace;

use crate::lab::{EMPLOYEE, End};

/// The router's second address on the side of the gateway; see [`Router::move_datagrams_to`].
pub const ELSEWHERE: &str = "198.51.100.20";

/// The employee's end of the cable at home.
const HOME: &[&str] = &["192.168.77.10/24"];
/// The router's.
const HOME_ROUTER: &[&str] = &["192.168.77.1/24"];
/// Ports that no system gives a program by itself, so that a datagram from one of them was translated anew.
const NEW_PORTS: &str = "2001-2999";

/// The router. Dropping it cuts the way.
pub struct Router(Namespace);

impl Router {
    /// Puts a router between the two ends; it has the employee's address.
    pub(crate) fn between(employee: End<'_>, gateway: End<'_>) -> Result<Self> {
        let machine = Namespace::new("router")?;
        let (inside, outside) = ("eth0", "eth1");
        Namespace::link((employee.0, employee.1, HOME), (&machine, inside, HOME_ROUTER))?;
        Namespace::link((&machine, outside, employee.2), gateway)?;
        employee.0.shell("ip route add default via 192.168.77.1")?;
        machine.shell(
            "sysctl -qw net.ipv4.ip_forward=1
             nft 'add table ip translation
                  add chain ip translation out { type nat hook postrouting priority srcnat; }
                  add rule ip translation out oifname eth1 masquerade'",
        )?;
        // What arrives from a new port is counted where it arrives: the gateway's machine, before its own filter.
        gateway.0.shell(&format!(
            "nft 'add table inet seen
                  add counter inet seen moved
                  add chain inet seen in {{ type filter hook input priority -10; }}
                  add rule inet seen in udp dport 443 udp sport {NEW_PORTS} counter name moved'"
        ))?;
        Ok(Self(machine))
    }

    /// Lets nothing of the gateway's UDP through any more, either way, without a word to anybody.
    ///
    /// # Errors
    /// When `nft` fails.
    pub fn block_udp(&self) -> Result<()> {
        self.0.shell(
            "nft 'add table inet wall
                  add counter inet wall knocks
                  add chain inet wall through { type filter hook forward priority 0; }
                  add rule inet wall through udp dport 443 counter name knocks drop
                  add rule inet wall through udp sport 443 drop'",
        )?;
        Ok(())
    }

    /// Lets UDP through again.
    ///
    /// # Errors
    /// When it was not blocked.
    pub fn allow_udp(&self) -> Result<()> {
        self.0.shell("nft delete table inet wall")?;
        Ok(())
    }

    /// How many datagrams from the employee were stopped since [`Self::block_udp`].
    ///
    /// # Errors
    /// When UDP is not blocked.
    pub fn knocks(&self) -> Result<u64> {
        number(&self.0.shell("nft list counter inet wall knocks")?, "packets")
    }

    /// Forgets how it translates UDP and gives it new ports of `address` from now on, as routers do that were restarted
    /// or that share several addresses. TCP stays as it is.
    ///
    /// # Errors
    /// When there was no UDP.
    pub fn move_datagrams_to(&self, address: &str) -> Result<()> {
        if address != EMPLOYEE {
            self.0.shell(&format!("ip addr add {address}/24 dev eth1"))?;
        }
        // The rules first: what comes in between is translated as before, and that is forgotten next.
        self.0.shell(&format!(
            "nft 'flush chain ip translation out
                  add rule ip translation out oifname eth1 meta l4proto udp snat to {address}:{NEW_PORTS}
                  add rule ip translation out oifname eth1 masquerade'
             conntrack -D -p udp"
        ))?;
        Ok(())
    }

    /// Bytes that the gateway's machine got from there.
    ///
    /// # Errors
    /// When `nft` fails.
    pub fn bytes_from_there(&self, gateway: &Namespace) -> Result<u64> {
        number(&gateway.shell("nft list counter inet seen moved")?, "bytes")
    }
}

/// The number behind a word of what `nft` prints.
fn number(printed: &str, word: &str) -> Result<u64> {
    let mut words = printed.split_whitespace().skip_while(|known| *known != word).skip(1);
    Ok(words.next().with_context(|| format!("{word} in {printed}"))?.parse()?)
}
