//! What a session costs that nobody uses: many of them at our gateway, spoken by hand so that no client is measured.

use anyhow::{Context, Result};
use praya_tests::gateway::Gateway;
use praya_tests::raw::{self, Channel};

use super::cost::End;
use super::metric::median;
use super::site::{PASSWORD, Site};

/// Who has all these sessions.
pub(crate) const ACCOUNT: &str = "idle";
/// Sessions before the first look at the memory: they pay for what is there once (hashing, caches, tables).
const FIRST: u32 = 20;
/// Looks at the memory after the first one.
const STEPS: u32 = 10;

/// Memory of idle sessions.
#[derive(Clone, Debug)]
pub(crate) struct Idle {
    /// (sessions, memory of the gateway (PSS) in KiB).
    pub(crate) readings: Vec<(u32, f64)>,
    /// Growth for each session, KiB: the median of the slopes between every two readings, because an allocator
    /// takes and gives back in large pieces. The kernel's socket buffers are not in it.
    pub(crate) kib_each: f64,
}

/// Lets one account have that many sessions from one address.
///
/// # Errors
/// When the configuration is not what it should be.
pub(crate) fn allow(server: &mut Gateway) -> Result<()> {
    server.set("sessions.per_account", 1_000)?;
    server.set("sign_in.attempts_per_minute", 0)?;
    server.set("limits.connections_per_source", 10_000)
}

/// Opens sessions with a tunnel each and looks at the gateway's memory in between.
///
/// # Errors
/// When one is refused.
pub(crate) fn measure(site: &mut Site, sessions: u32) -> Result<Idle> {
    site.start().context("start")?;
    let from = &site.lab.employee;
    let gateway = End::new(&site.lab.gateway, &["praya-gateway"])?;
    let mut channels = Vec::new();
    let mut readings = Vec::new();
    for step in 0..=STEPS {
        for _ in 0..if step == 0 { FIRST } else { sessions.div_ceil(STEPS) } {
            let cookie = raw::sign_in(from, site.lab.https(), ACCOUNT, PASSWORD)?;
            let mut channel = Channel::open(from, site.lab.https(), &cookie)?;
            channel.probe()?;
            channels.push(channel);
        }
        readings.push((u32::try_from(channels.len())?, gateway.memory()?.pss * 1024.0));
    }
    let kib_each = slope(&readings).context("no sessions to measure")?;
    Ok(Idle { readings, kib_each })
}

/// The median of the slopes between every two readings (Theil and Sen).
fn slope(readings: &[(u32, f64)]) -> Option<f64> {
    let pairs = readings.iter().enumerate().flat_map(|(index, from)| {
        readings.iter().skip(index + 1).map(move |to| (to.1 - from.1) / f64::from(to.0.abs_diff(from.0)))
    });
    median(pairs.filter(|slope| slope.is_finite()))
}

#[cfg(test)]
mod tests {
    use super::slope;

    #[test]
    fn one_large_piece_given_back_does_not_hide_the_growth() {
        let readings = [(0, 1000.0), (10, 1400.0), (20, 1800.0), (30, 2200.0), (40, 100.0)];
        assert_eq!(slope(&readings), Some(40.0));
        assert_eq!(slope(&[(5, 1.0)]), None);
    }
}
