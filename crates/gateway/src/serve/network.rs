//! The gateway's side of the tunnel on this machine: device, addresses, forwarding; each taken back at the end, and
//! after a crash by the next start.

use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZeroUsize;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use praya_datapath::tun::{TunDevice, TunError, TunOptions, TunQueue};
use praya_model::TunnelConfig;
use praya_netcfg::plan::ConflictKind;
use praya_netcfg::{Forwarding, ForwardingSettings, NetcfgError, NetworkConfigurator, Options, RevertReport};

use crate::config::TunnelSettings;
use crate::exit::{Code, Fatal, Result};
use crate::init::StateDir;

/// What was changed on this machine.
pub(super) struct Network {
    configurator: NetworkConfigurator,
    forwarding: Option<Forwarding>,
}

/// Makes the device with so many queues, gives it the gateway's addresses and switches forwarding on, after taking back what an earlier
/// run may have left. On failure everything is taken back.
pub(super) async fn start(
    state: &StateDir,
    settings: &TunnelSettings,
    queues: NonZeroUsize,
) -> Result<(Vec<TunQueue>, Network)> {
    let options = Options::new(state.network_journal());
    let (mut configurator, left) = NetworkConfigurator::open(options).await.map_err(refused)?;
    if !left.is_empty() {
        tracing::warn!(undone = left.undone, "an earlier run had left settings behind; they were taken back");
    }
    let options = TunOptions { name: Some(&settings.device), queues, ..TunOptions::default() };
    let queues = match TunDevice::create(options) {
        Ok(queues) => queues,
        Err(error) => {
            take_back(configurator).await;
            return Err(no_device(&error));
        }
    };
    let name = queues.first().map_or(settings.device.as_str(), TunQueue::name);
    // Everything here stays inside the machine; no channel has to be kept out of the tunnel.
    let outside = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let outcome = match configurator.apply(&own_side(settings), name, outside).await {
        Ok(outcome) => outcome,
        Err(error) => {
            take_back(configurator).await;
            return Err(refused(error));
        }
    };
    if let Some(conflict) = outcome.conflicts.iter().find(|conflict| conflict.kind != ConflictKind::TakesPart)
    {
        let message = format!(
            "the pool {} overlaps {} on {}; choose another tunnel.pool_{}",
            conflict.network,
            conflict.local,
            conflict.interface,
            if conflict.network.addr().is_ipv4() { "v4" } else { "v6" }
        );
        take_back(configurator).await;
        return Err(Fatal::new(Code::Config, message));
    }
    for skipped in &outcome.skipped {
        tracing::warn!(?skipped, "this machine has no IPv6; clients get no working IPv6 addresses");
    }
    let forwarding = match forwarding_settings(settings, name) {
        Some(wish) => match Forwarding::start(&state.forwarding_journal(), &wish).await {
            Ok(forwarding) => Some(forwarding),
            Err(error) => {
                take_back(configurator).await;
                return Err(refused(error));
            }
        },
        None => None,
    };
    Ok((queues, Network { configurator, forwarding }))
}

/// What becomes of forwarding and address translation when the gateway stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leave {
    /// It is taken back.
    Nothing,
    /// It stays for a successor: translated connections would be reset by the machine's own TCP in between.
    Forwarding,
}

impl Network {
    /// Takes everything back, but for what `leave` says.
    pub(super) async fn stop(self, leave: Leave) -> Result<()> {
        let mut failed = Vec::new();
        let mut note = |report: Result<RevertReport, NetcfgError>| match report {
            Ok(report) => failed.extend(report.failed),
            Err(error) => failed.push(error.to_string()),
        };
        match (self.forwarding, leave) {
            (Some(forwarding), Leave::Nothing) => note(forwarding.stop().await),
            (Some(forwarding), Leave::Forwarding) => forwarding.hand_over(),
            (None, _) => {}
        }
        note(self.configurator.close().await);
        if failed.is_empty() {
            return Ok(());
        }
        Err(Fatal::new(
            Code::Software,
            format!(
                "not everything on this machine could be put back: {}; the next start tries again",
                failed.join("; ")
            ),
        ))
    }
}

async fn take_back(configurator: NetworkConfigurator) {
    match configurator.close().await {
        Ok(report) if report.failed.is_empty() => {}
        Ok(report) => tracing::warn!(failed = ?report.failed, "not everything could be taken back"),
        Err(error) => tracing::warn!(%error, "not everything could be taken back"),
    }
}

/// The device's own addresses, and the pools behind it.
fn own_side(settings: &TunnelSettings) -> TunnelConfig {
    let v4 = settings.pool_v4.zip(settings.gateway_v4()).map(|(pool, own)| {
        IpNet::from(Ipv4Net::new(own, pool.prefix_len()).unwrap_or_else(|_| Ipv4Net::from(own)))
    });
    let v6 = settings.pool_v6.zip(settings.gateway_v6()).map(|(pool, own)| {
        IpNet::from(Ipv6Net::new(own, pool.prefix_len()).unwrap_or_else(|_| Ipv6Net::from(own)))
    });
    TunnelConfig {
        addresses: v4.into_iter().chain(v6).collect(),
        mtu: settings.mtu,
        include: pools(settings),
        ..TunnelConfig::default()
    }
}

fn pools(settings: &TunnelSettings) -> Vec<IpNet> {
    let pools = [settings.pool_v4.map(IpNet::from), settings.pool_v6.map(IpNet::from)];
    pools.into_iter().flatten().collect()
}

fn forwarding_settings(settings: &TunnelSettings, tun: &str) -> Option<ForwardingSettings> {
    settings.forwarding.then(|| ForwardingSettings {
        id: tun.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect(),
        tun: tun.to_owned(),
        pools: pools(settings),
        masquerade: if settings.nat { pools(settings) } else { Vec::new() },
    })
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the enum is non-exhaustive, and what is new is unexpected"
)]
fn no_device(error: &TunError) -> Fatal {
    let code = match error {
        TunError::NotPermitted => Code::NoPermission,
        TunError::BadName { .. } => Code::Config,
        _ => Code::Unavailable,
    };
    let hint = match error {
        TunError::NameInUse { .. } => {
            "; another gateway may be running (`ip link` shows the device), or choose another tunnel.device"
        }
        _ => "",
    };
    Fatal::new(code, format!("{error}{hint}"))
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the enum is non-exhaustive, and what is new is unexpected"
)]
fn refused(error: NetcfgError) -> Fatal {
    let (code, hint) = match &error {
        NetcfgError::NotPermitted { .. } => (Code::NoPermission, ""),
        NetcfgError::JournalInUse { .. } => {
            (Code::Unavailable, "; another gateway runs on this state folder")
        }
        NetcfgError::NftMissing | NetcfgError::Nft { .. } => {
            (Code::Unavailable, "; or set tunnel.forwarding and tunnel.nat to false and do it yourself")
        }
        NetcfgError::BadSettings { .. } => (Code::Config, ""),
        NetcfgError::Journal { source, .. } if source.kind() == std::io::ErrorKind::StorageFull => {
            (Code::Disk, "; make room and try again")
        }
        _ => (Code::Unavailable, ""),
    };
    Fatal::new(code, format!("{error}{hint}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn the_device_gets_the_first_addresses_and_the_pools_and_nothing_else() {
        let config = Config::initial(vec!["vpn.example".into()]);
        let side = own_side(&config.tunnel);
        let text: Vec<String> = side.addresses.iter().map(ToString::to_string).collect();
        assert_eq!(text, ["10.88.0.1/16", "fd88:7072:6179:61::1/64"]);
        assert_eq!(side.include, pools(&config.tunnel), "an empty list would mean everything");
        assert!(side.dns_servers.is_empty());
    }

    #[test]
    fn forwarding_is_a_choice_and_so_is_nat() {
        let mut settings = Config::initial(vec!["vpn.example".into()]).tunnel;
        let wish = forwarding_settings(&settings, "praya-gw").unwrap();
        assert_eq!((wish.id.as_str(), wish.masquerade.len()), ("praya_gw", 2));
        settings.nat = false;
        assert!(forwarding_settings(&settings, "praya-gw").unwrap().masquerade.is_empty());
        settings.forwarding = false;
        assert_eq!(forwarding_settings(&settings, "praya-gw"), None);
    }

    #[test]
    fn what_is_missing_has_its_exit_code_and_a_hint() {
        for (error, code, hint) in [
            (no_device(&TunError::NoDriver), Code::Unavailable, "/dev/net/tun"),
            (no_device(&TunError::NotPermitted), Code::NoPermission, "CAP_NET_ADMIN"),
            (no_device(&TunError::NameInUse { name: "tun0".into() }), Code::Unavailable, "tunnel.device"),
            (refused(NetcfgError::NftMissing), Code::Unavailable, "nftables"),
            (refused(NetcfgError::NotPermitted { what: "x".into() }), Code::NoPermission, "CAP_NET_ADMIN"),
        ] {
            assert_eq!(error.code, code);
            assert!(error.message.contains(hint), "{error}");
        }
    }
}
