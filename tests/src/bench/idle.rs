//! What a session costs that nobody uses: many of them at our gateway, spoken by hand so that no client is measured.

use anyhow::{Context, Result, ensure};
use praya_tests::gateway::Gateway;
use praya_tests::raw::{self, Channel};

use super::cost::End;
use super::site::{PASSWORD, Site};

/// Who has all these sessions.
pub(crate) const ACCOUNT: &str = "idle";
/// Sessions before the first look at the memory: they pay for what is there once (hashing, caches, tables).
const FIRST: u32 = 20;

/// Memory of idle sessions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Idle {
    /// Sessions in the measured step.
    pub(crate) sessions: u32,
    /// Growth of the gateway's memory (PSS) for each, KiB. The kernel's socket buffers are not in it.
    pub(crate) kib_each: f64,
}

/// Lets one account have that many sessions from one address.
///
/// # Errors
/// When the configuration is not what it should be.
pub(crate) fn allow(server: &mut Gateway) -> Result<()> {
    server.set("sessions.per_account", 10_000)?;
    server.set("sign_in.attempts_per_minute", 0)?;
    server.set("limits.connections_per_source", 10_000)
}

/// Opens sessions with a tunnel each and compares the gateway's memory before and after.
///
/// # Errors
/// When one is refused.
pub(crate) fn measure(site: &Site, sessions: u32) -> Result<Idle> {
    let from = &site.lab.employee;
    let gateway = End::new(&site.lab.gateway, &["praya-gateway"])?;
    let mut channels = Vec::new();
    let mut open = |count: u32| -> Result<()> {
        for _ in 0..count {
            let cookie = raw::sign_in(from, site.lab.https(), ACCOUNT, PASSWORD)?;
            let mut channel = Channel::open(from, site.lab.https(), &cookie)?;
            channel.probe()?;
            channels.push(channel);
        }
        Ok(())
    };
    open(FIRST).context("the first sessions")?;
    let before = gateway.memory()?.pss;
    open(sessions)?;
    let after = gateway.memory()?.pss;
    ensure!(sessions > 0, "no sessions to measure");
    Ok(Idle { sessions, kib_each: (after - before) * 1024.0 / f64::from(sessions) })
}
