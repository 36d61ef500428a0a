//! What is measured: one value per quantity and round, with its unit.

use std::collections::BTreeMap;

/// Declares the quantities with their names in the JSON.
macro_rules! metrics {
    ($($(#[$note:meta])* $name:ident $key:literal,)*) => {
        /// A quantity that is measured in every round.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) enum Metric {
            $($(#[$note])* $name,)*
        }

        impl Metric {
            /// All, in the order of the JSON.
            pub(crate) const ALL: &[Self] = &[$(Self::$name,)*];

            /// The name in the JSON.
            pub(crate) fn key(self) -> &'static str {
                match self {
                    $(Self::$name => $key,)*
                }
            }
        }
    };
}

metrics! {
    /// Payload of one TCP stream from the employee to the intranet, Gbit/s.
    Up "up_gbit_s",
    /// The same towards the employee.
    Down "down_gbit_s",
    /// The same of four streams at once.
    Up4 "up4_gbit_s",
    Down4 "down4_gbit_s",
    /// UDP packets that arrive, of 64 bytes with their IP header, thousands per second, while one thread sends as fast as it can.
    Small64Up "packets64_up_k_s",
    Small64Down "packets64_down_k_s",
    /// The same of 300 bytes.
    Small300Up "packets300_up_k_s",
    Small300Down "packets300_down_k_s",
    /// Median round trip on the idle tunnel, ms.
    RttIdle "rtt_idle_ms",
    /// Median round trip beside one TCP stream, ms.
    RttUp "rtt_loaded_up_ms",
    RttDown "rtt_loaded_down_ms",
    /// One TCP stream over a link of 100 Mbit/s, Mbit/s.
    NarrowUp "narrow_up_mbit_s",
    NarrowDown "narrow_down_mbit_s",
    /// Median round trip beside it, ms.
    NarrowRttUp "narrow_rtt_up_ms",
    NarrowRttDown "narrow_rtt_down_ms",
    /// What 95 % of the round trips do not exceed, ms.
    NarrowTailUp "narrow_rtt95_up_ms",
    NarrowTailDown "narrow_rtt95_down_ms",
    /// Processor time of both ends for 10^9 bytes of payload, s; the mean of both directions.
    Cpu "cpu_s_per_gb",
    /// The client's share of it.
    CpuClient "cpu_client_s_per_gb",
    /// The gateway's share of it.
    CpuGateway "cpu_gateway_s_per_gb",
    /// Memory during a transfer (PSS), MiB.
    ClientPss "client_pss_mib",
    GatewayPss "gateway_pss_mib",
    /// The same with shared pages counted in each process (RSS).
    ClientRss "client_rss_mib",
    GatewayRss "gateway_rss_mib",
    /// The part of PSS that no file backs.
    ClientAnonymous "client_anonymous_mib",
    GatewayAnonymous "gateway_anonymous_mib",
    /// From the start of the client to the first TCP connection through the tunnel, ms.
    SignIn "sign_in_ms",
}

/// What one subject showed in one round.
pub(crate) type Sample = BTreeMap<Metric, f64>;

/// A column of the table: one quantity, or several side by side.
pub(crate) struct Column {
    pub(crate) title: &'static str,
    pub(crate) metrics: &'static [Metric],
    pub(crate) decimals: usize,
}

/// The columns of the tables.
pub(crate) const COLUMNS: &[Column] = &[
    Column { title: "1 stream Gbit/s", metrics: &[Metric::Up, Metric::Down], decimals: 2 },
    Column { title: "4 streams", metrics: &[Metric::Up4, Metric::Down4], decimals: 2 },
    Column { title: "64 B, 1000/s", metrics: &[Metric::Small64Up, Metric::Small64Down], decimals: 0 },
    Column { title: "300 B, 1000/s", metrics: &[Metric::Small300Up, Metric::Small300Down], decimals: 0 },
    Column { title: "RTT idle ms", metrics: &[Metric::RttIdle], decimals: 2 },
    Column { title: "RTT loaded ms", metrics: &[Metric::RttUp, Metric::RttDown], decimals: 2 },
    Column { title: "narrow Mbit/s", metrics: &[Metric::NarrowUp, Metric::NarrowDown], decimals: 0 },
    Column { title: "narrow RTT ms", metrics: &[Metric::NarrowRttUp, Metric::NarrowRttDown], decimals: 1 },
    Column { title: "narrow RTT p95", metrics: &[Metric::NarrowTailUp, Metric::NarrowTailDown], decimals: 1 },
    Column { title: "CPU s/GB", metrics: &[Metric::Cpu], decimals: 2 },
    Column { title: "MiB", metrics: &[Metric::ClientPss, Metric::GatewayPss], decimals: 1 },
    Column { title: "sign-in ms", metrics: &[Metric::SignIn], decimals: 0 },
];
