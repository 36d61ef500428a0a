//! The stock client, as a person or a script runs it.

use anyhow::{Context, Result};
use praya_testkit::{Namespace, Process, Program};

use crate::lab::GATEWAY_NAME;

/// What openconnect runs when the tunnel comes and goes, in place of its own script, which would rewrite the real
/// machine's name servers. Each call leaves one line to wait for.
const SCRIPT: &str = r#"#!/bin/sh
set -eu
case "$reason" in
  connect)
    ip link set "$TUNDEV" up mtu "$INTERNAL_IP4_MTU"
    if [ -n "${INTERNAL_IP4_ADDRESS:-}" ]; then ip addr add "$INTERNAL_IP4_ADDRESS/32" dev "$TUNDEV"; fi
    if [ -n "${INTERNAL_IP6_ADDRESS:-}" ]; then ip addr add "$INTERNAL_IP6_ADDRESS/128" dev "$TUNDEV" nodad; fi
    number=0
    while [ "$number" -lt "${CISCO_SPLIT_INC:-0}" ]; do
      eval "network=\$CISCO_SPLIT_INC_${number}_ADDR length=\$CISCO_SPLIT_INC_${number}_MASKLEN"
      ip route add "$network/$length" dev "$TUNDEV"
      number=$((number + 1))
    done
    number=0
    while [ "$number" -lt "${CISCO_IPV6_SPLIT_INC:-0}" ]; do
      eval "network=\$CISCO_IPV6_SPLIT_INC_${number}_ADDR length=\$CISCO_IPV6_SPLIT_INC_${number}_MASKLEN"
      ip -6 route add "$network/$length" dev "$TUNDEV"
      number=$((number + 1))
    done
    ;;
esac
echo "script: $reason ip4=${INTERNAL_IP4_ADDRESS:-} ip6=${INTERNAL_IP6_ADDRESS:-} mtu=${INTERNAL_IP4_MTU:-} dns=${INTERNAL_IP4_DNS:-} domain=${CISCO_DEF_DOMAIN:-} ."
"#;

/// GnuTLS' words for one protocol version and no other.
pub const ONLY_TLS_1_2: &str = "NORMAL:-VERS-ALL:+VERS-TLS1.2";
/// The same for TLS 1.3.
pub const ONLY_TLS_1_3: &str = "NORMAL:-VERS-ALL:+VERS-TLS1.3";

/// `openconnect` on `machine`, trusting the gateway's key `pin`, about to connect to the lab's gateway.
///
/// # Errors
/// When its script cannot be written.
pub fn openconnect(machine: &Namespace, pin: &str) -> Result<Program> {
    let script = machine.folder("openconnect")?.join("script");
    if !script.exists() {
        std::fs::write(&script, SCRIPT)?;
        std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    }
    Ok(machine
        .program("openconnect")
        .args(["--interface", "stock0", "--servercert", pin, "--script"])
        .arg(script)
        .arg(format!("https://{GATEWAY_NAME}/")))
}

/// What the gateway told a stock client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// The IPv4 address.
    pub ip4: String,
    /// The IPv6 address.
    pub ip6: String,
    /// The MTU.
    pub mtu: String,
    /// The name servers.
    pub dns: String,
    /// The default domain.
    pub domain: String,
}

/// Waits until the tunnel of a stock client is up.
///
/// # Errors
/// When the client ends instead.
pub fn wait_connected(client: &Process) -> Result<Told> {
    wait_script(client, praya_testkit::process::Place::default(), "connect")
}

/// Waits until the script has been called with `reason` after `place`.
///
/// # Errors
/// When the client ends instead.
pub fn wait_script(client: &Process, place: praya_testkit::process::Place, reason: &str) -> Result<Told> {
    let at = client.wait_for_after(place, &format!("script: {reason} "))?;
    client.wait_for_after(at, " .")?;
    let printed = client.printed_after(at);
    let line = printed.lines().next().context("the script's line")?;
    let value = |name: &str| {
        let found = line.split(' ').find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
        found.unwrap_or_default().to_owned()
    };
    Ok(Told {
        ip4: value("ip4"),
        ip6: value("ip6"),
        mtu: value("mtu"),
        dns: value("dns"),
        domain: value("domain"),
    })
}
