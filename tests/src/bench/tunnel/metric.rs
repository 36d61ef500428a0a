//! What is measured: one value per quantity, with its unit and what is good about it.

use std::collections::BTreeMap;

/// A quantity that is measured in every round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Metric {
    /// Payload of one TCP stream from the employee to the intranet, Gbit/s.
    Up,
    /// The same towards the employee.
    Down,
    /// Median round trip on the idle tunnel, ms.
    RttIdle,
    /// Median round trip during the transfer upwards, ms.
    RttUp,
    /// Median round trip during the transfer downwards, ms.
    RttDown,
    /// Processor time of both ends for 10^9 bytes of payload, half of them each way, s.
    Cpu,
    /// The client's share of it.
    CpuClient,
    /// The gateway's share of it.
    CpuGateway,
    /// Memory of the client during a transfer (PSS), MiB.
    ClientPss,
    /// Memory of the gateway during a transfer (PSS), MiB.
    GatewayPss,
    /// Memory of the client during a transfer (RSS, shared pages counted in each process), MiB.
    ClientRss,
    /// The same of the gateway.
    GatewayRss,
    /// Memory of the client during a transfer that no file backs, MiB.
    ClientAnonymous,
    /// The same of the gateway.
    GatewayAnonymous,
    /// From the start of the client to the first TCP connection through the tunnel, ms.
    SignIn,
}

/// How a quantity is shown.
pub(crate) struct Facts {
    pub(crate) key: &'static str,
    pub(crate) title: &'static str,
    pub(crate) decimals: usize,
}

impl Metric {
    /// All, in the order of the report.
    pub(crate) const ALL: [Self; 15] = [
        Self::Up,
        Self::Down,
        Self::RttIdle,
        Self::RttUp,
        Self::RttDown,
        Self::Cpu,
        Self::CpuClient,
        Self::CpuGateway,
        Self::ClientPss,
        Self::GatewayPss,
        Self::ClientRss,
        Self::GatewayRss,
        Self::ClientAnonymous,
        Self::GatewayAnonymous,
        Self::SignIn,
    ];

    /// Those of the table; the rest is in the JSON only.
    pub(crate) const SHOWN: [Self; 9] = [
        Self::Up,
        Self::Down,
        Self::RttIdle,
        Self::RttUp,
        Self::RttDown,
        Self::Cpu,
        Self::ClientPss,
        Self::GatewayPss,
        Self::SignIn,
    ];

    pub(crate) fn facts(self) -> Facts {
        let (key, title, decimals) = match self {
            Self::Up => ("up_gbit_s", "up Gbit/s", 2),
            Self::Down => ("down_gbit_s", "down Gbit/s", 2),
            Self::RttIdle => ("rtt_idle_ms", "RTT idle ms", 3),
            Self::RttUp => ("rtt_loaded_up_ms", "RTT up ms", 2),
            Self::RttDown => ("rtt_loaded_down_ms", "RTT down ms", 2),
            Self::Cpu => ("cpu_s_per_gb", "CPU s/GB", 2),
            Self::CpuClient => ("cpu_client_s_per_gb", "client CPU s/GB", 2),
            Self::CpuGateway => ("cpu_gateway_s_per_gb", "gateway CPU s/GB", 2),
            Self::ClientPss => ("client_pss_mib", "client MiB", 1),
            Self::GatewayPss => ("gateway_pss_mib", "gateway MiB", 1),
            Self::ClientRss => ("client_rss_mib", "client RSS MiB", 1),
            Self::GatewayRss => ("gateway_rss_mib", "gateway RSS MiB", 1),
            Self::ClientAnonymous => ("client_anonymous_mib", "client anonymous MiB", 1),
            Self::GatewayAnonymous => ("gateway_anonymous_mib", "gateway anonymous MiB", 1),
            Self::SignIn => ("sign_in_ms", "sign-in ms", 0),
        };
        Facts { key, title, decimals }
    }
}

/// What one pair showed in one round. A pair without programs has no memory and no processor time.
pub(crate) type Sample = BTreeMap<Metric, f64>;

/// The middle value; of an even number, the mean of the two in the middle.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let upper = *values.get(values.len() / 2)?;
    let lower = *values.get((values.len() - 1) / 2)?;
    Some(f64::midpoint(lower, upper))
}

#[cfg(test)]
mod tests {
    use super::median;

    #[test]
    fn the_median_is_the_middle() {
        assert_eq!(median([]), None);
        assert_eq!(median([3.0]), Some(3.0));
        assert_eq!(median([9.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median([4.0, 1.0, 2.0, 100.0]), Some(3.0));
    }
}
