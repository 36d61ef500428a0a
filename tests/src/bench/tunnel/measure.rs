//! One turn of one subject: start, rehearse the sign-in, sign in, echo requests on the idle tunnel, TCP streams each way
//! with echo requests beside them, small packets, the same over a narrow link, sign out, end.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use praya_tests::Lab;
use praya_tests::lab::{EMPLOYEE, INTRANET};
use serde_json::Value;

use super::Plan;
use super::flood::flood;
use super::metric::{Metric, Sample};
use super::profile::Profile;
use super::raw_tls::{self, Writer};
use super::subject::{Channel, Subject};
use crate::bench::site::{CONGESTION_CONTROL, Site};
use crate::bench::stats::{median, percentile};

/// Echo requests per second.
const PING_RATE: u32 = 100;
/// The share of the echo requests beside a transfer that is left out, while the stream is still growing: a quarter.
const WARM_UP: u32 = 4;

/// One turn.
///
/// # Errors
/// When any part of it fails.
pub(super) fn turn(subject: Subject, site: &mut Site, plan: &Plan) -> Result<(Sample, String)> {
    if let Subject::RawTls(bytes) = subject {
        let length = Duration::from_secs(plan.seconds.into());
        let rate = |writer| raw_tls::transfer(&site.lab, writer, bytes, length);
        let (up, down) = (rate(Writer::Employee)?, rate(Writer::Gateway)?);
        return Ok((Sample::from([(Metric::Up, up), (Metric::Down, down)]), String::new()));
    }
    site.start().context("start")?;
    if plan.rehearse {
        site.sign_in().context("rehearse the sign-in")?;
        site.sign_out().context("sign out after the rehearsal")?;
    }
    let sample = measured(subject, site, plan)?;
    let made = site.describe()?;
    site.sign_out().context("sign out")?;
    site.stop().context("end")?;
    Ok((sample, made))
}

fn measured(subject: Subject, site: &mut Site, plan: &Plan) -> Result<Sample> {
    let mut sample = Sample::new();
    if let Some(took) = site.sign_in().context("sign in")?
        && matches!(subject, Subject::Session(..))
    {
        sample.insert(Metric::SignIn, took.as_secs_f64() * 1e3);
    }
    let idle = ping(&site.lab, plan.pings, 0).context("echo requests on the idle tunnel")?;
    sample.insert(Metric::RttIdle, middle(&idle)?);
    wide(subject, site, plan, &mut sample)?;
    small_packets(site, plan, &mut sample).context("small packets")?;
    if plan.narrow_seconds > 0 {
        // A connection that knew the line a hundred times as wide would fill the queues in front of it by that.
        site.sign_out().context("sign out before the link gets narrow")?;
        site.make_narrow().context("the narrow link")?;
        site.sign_in().context("sign in over the narrow link")?;
        narrow(site, plan, &mut sample)?;
        site.make_wide()?;
    }
    Ok(sample)
}

/// Streams over the link as it is, and what they cost.
fn wide(subject: Subject, site: &Site, plan: &Plan, sample: &mut Sample) -> Result<()> {
    let datagrams = site.datagrams()?;
    let before = site.cpu_seconds()?;
    let one = |direction| {
        let profile = profile(subject, site, direction, plan)?;
        let outcome = stream(&site.lab, direction, 1, plan.seconds, || site.memory())?;
        profile.map_or(Ok(()), Profile::end)?;
        Ok::<_, anyhow::Error>(outcome)
    };
    let (up, up_memory) = one(Direction::Up).context("transfer up")?;
    let between = site.cpu_seconds()?;
    let (down, down_memory) = one(Direction::Down).context("transfer down")?;
    let after = site.cpu_seconds()?;
    carried_as_said(subject, site.datagrams()? - datagrams, up.bytes + down.bytes)?;
    sample.insert(Metric::Up, up.gbit_s);
    sample.insert(Metric::Down, down.gbit_s);
    sample.insert(Metric::RttUp, middle(&up.round_trips)?);
    sample.insert(Metric::RttDown, middle(&down.round_trips)?);
    if let (Some(before), Some(between), Some(after)) = (before, between, after) {
        // Both directions at equal weight, whichever of them was the faster.
        let each = |before: f64, between: f64, after: f64| {
            f64::midpoint((between - before) / up.bytes, (after - between) / down.bytes) * 1e9
        };
        let client = each(before.0, between.0, after.0);
        let gateway = each(before.1, between.1, after.1);
        sample.insert(Metric::CpuClient, client);
        sample.insert(Metric::CpuGateway, gateway);
        sample.insert(Metric::Cpu, client + gateway);
    }
    if let (Some(up), Some(down)) = (up_memory, down_memory) {
        for (metric, memory) in [
            (Metric::ClientPss, [up.0.pss, down.0.pss]),
            (Metric::ClientRss, [up.0.rss, down.0.rss]),
            (Metric::ClientAnonymous, [up.0.anonymous, down.0.anonymous]),
            (Metric::GatewayPss, [up.1.pss, down.1.pss]),
            (Metric::GatewayRss, [up.1.rss, down.1.rss]),
            (Metric::GatewayAnonymous, [up.1.anonymous, down.1.anonymous]),
        ] {
            sample.insert(metric, memory.into_iter().fold(0.0, f64::max));
        }
    }
    for (metric, direction) in [(Metric::Up4, Direction::Up), (Metric::Down4, Direction::Down)] {
        let (four, ()) = stream(&site.lab, direction, 4, plan.seconds, || Ok(())).context("four streams")?;
        sample.insert(metric, four.gbit_s);
    }
    Ok(())
}

/// A look at both ends, if that is wanted and there are any.
fn profile(subject: Subject, site: &Site, direction: Direction, plan: &Plan) -> Result<Option<Profile>> {
    let Some(folder) = &plan.profile else { return Ok(None) };
    let processes = site.processes()?;
    let name = format!("{}-{}", subject.name(), format!("{direction:?}").to_lowercase());
    (!processes.is_empty()).then(|| Profile::begin(folder, &name, &processes, plan.seconds)).transpose()
}

/// A tunnel that quietly fell back to another channel would be measured under the wrong name.
fn carried_as_said(subject: Subject, datagrams: u64, bytes: f64) -> Result<()> {
    /// The largest datagram, offloads included, and some to spare.
    const LARGEST: f64 = 128.0 * 1024.0;
    let Subject::Session(_, _, channel) = subject else { return Ok(()) };
    let many = datagrams as f64 > bytes / LARGEST / 2.0 && datagrams > 100;
    ensure!(many == (channel == Channel::Dtls), "carried by {datagrams} datagrams for {bytes} bytes");
    Ok(())
}

fn small_packets(site: &Site, plan: &Plan, sample: &mut Sample) -> Result<()> {
    let lab = &site.lab;
    let inside =
        lab.employee.shell(&format!("ip -o route get {INTRANET} | sed 's/.* src \\([^ ]*\\) .*/\\1/'"))?;
    let inside = if inside.trim().is_empty() { EMPLOYEE } else { inside.trim() };
    let sizes =
        [(64, Metric::Small64Up, Metric::Small64Down), (300, Metric::Small300Up, Metric::Small300Down)];
    for (size, up, down) in sizes.into_iter().take(plan.small_sizes) {
        let length = Duration::from_secs(1);
        let rate = flood(&lab.employee, (&lab.intranet, INTRANET), size, length)?;
        sample.insert(up, rate / 1e3);
        let rate = flood(&lab.intranet, (&lab.employee, inside), size, length)?;
        sample.insert(down, rate / 1e3);
    }
    Ok(())
}

fn narrow(site: &Site, plan: &Plan, sample: &mut Sample) -> Result<()> {
    for (direction, rate, rtt, tail) in [
        (Direction::Up, Metric::NarrowUp, Metric::NarrowRttUp, Metric::NarrowTailUp),
        (Direction::Down, Metric::NarrowDown, Metric::NarrowRttDown, Metric::NarrowTailDown),
    ] {
        let (transfer, ()) = stream(&site.lab, direction, 1, plan.narrow_seconds, || Ok(()))
            .context("over the narrow link")?;
        sample.insert(rate, transfer.gbit_s * 1e3);
        sample.insert(rtt, middle(&transfer.round_trips)?);
        sample.insert(tail, percentile(transfer.round_trips, 0.95).context("no answer")?);
    }
    Ok(())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Up,
    Down,
}

/// TCP streams in one direction.
pub(crate) struct Transfer {
    /// Payload that arrived.
    bytes: f64,
    pub(crate) gbit_s: f64,
    /// Of echo requests beside it, ms.
    round_trips: Vec<f64>,
}

/// So many TCP streams at once in one direction, with echo requests beside them; `near_end` is called shortly before
/// they end.
///
/// # Errors
/// When nothing arrives.
pub(crate) fn stream<T>(
    lab: &Lab,
    direction: Direction,
    streams: u32,
    seconds: u32,
    near_end: impl FnOnce() -> Result<T>,
) -> Result<(Transfer, T)> {
    let server = lab.intranet.program("iperf3").args(["--server", "--one-off", "--forceflush"]).start()?;
    server.wait_for("Server listening")?;
    // iperf3 has no limit of its own for a stream that stands still.
    let client = lab
        .employee
        .program("timeout")
        .arg((seconds + 15).to_string())
        .args(["iperf3", "--client", INTRANET, "--json", "--connect-timeout", "5000", "--time"])
        .arg(seconds.to_string())
        .args(["--parallel", &streams.to_string(), "--congestion", CONGESTION_CONTROL])
        .args((direction == Direction::Down).then_some("--reverse"))
        .start()?;
    let count = seconds * PING_RATE - PING_RATE / 4;
    let round_trips = ping(lab, count, count / WARM_UP);
    let seen = near_end()?;
    let ended = client.wait()?;
    let (bytes, gbit_s) =
        received(&ended.text()).with_context(|| format!("iperf3: {}\n{}", ended.status, server.printed()))?;
    server.wait()?;
    Ok((Transfer { bytes, gbit_s, round_trips: round_trips? }, seen))
}

/// (bytes, Gbit/s) that arrived, from iperf3's JSON.
fn received(json: &str) -> Result<(f64, f64)> {
    let report: Value = serde_json::from_str(json).context("no JSON")?;
    if let Some(error) = report["error"].as_str() {
        bail!("{error}");
    }
    let sum = &report["end"]["sum_received"];
    let bytes = sum["bytes"].as_f64().context("sum_received.bytes")?;
    let bits = sum["bits_per_second"].as_f64().context("sum_received.bits_per_second")?;
    ensure!(bytes > 0.0, "nothing arrived");
    Ok((bytes, bits / 1e9))
}

fn middle(round_trips: &[f64]) -> Result<f64> {
    median(round_trips.iter().copied()).context("no answer to any echo request")
}

/// The round trips in ms of `count` echo requests without the first `skip`.
fn ping(lab: &Lab, count: u32, skip: u32) -> Result<Vec<f64>> {
    let deadline = (count / PING_RATE + 4).to_string();
    let interval = format!("{:.3}", 1.0 / f64::from(PING_RATE));
    let ended = lab
        .employee
        .program("ping")
        .args(["-n", "-i", &interval, "-c", &count.to_string(), "-w", &deadline, INTRANET])
        .run()?;
    Ok(round_trips(&ended.text(), skip))
}

/// The times in ms of ping's answers with a sequence number above `skip`.
fn round_trips(printed: &str, skip: u32) -> Vec<f64> {
    let time = |line: &str| {
        let word = |name: &str| line.split(' ').find_map(|word| word.strip_prefix(name));
        let sequence: u32 = word("icmp_seq=")?.parse().ok()?;
        let time = word("time=")?.parse().ok()?;
        (sequence > skip).then_some(time)
    };
    printed.lines().filter_map(time).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trips_come_from_the_answers_after_the_warm_up() {
        let printed = "PING 172.31.0.10 (172.31.0.10) 56(84) bytes of data.\n\
                       64 bytes from 172.31.0.10: icmp_seq=1 ttl=63 time=9.00 ms\n\
                       64 bytes from 172.31.0.10: icmp_seq=2 ttl=63 time=0.210 ms\n\
                       64 bytes from 172.31.0.10: icmp_seq=4 ttl=63 time=11 ms\n\n\
                       rtt min/avg/max/mdev = 0.210/6.7/11.000/0.1 ms\n";
        assert_eq!(round_trips(printed, 1), [0.21, 11.0]);
    }

    #[test]
    fn what_arrived_is_counted_and_an_error_is_one() -> Result<()> {
        let report = r#"{"end":{"sum_received":{"bytes":250000000,"bits_per_second":2e9}}}"#;
        assert_eq!(received(report)?, (250e6, 2.0));
        let error = received(r#"{"error":"unable to connect"}"#).unwrap_err();
        assert_eq!(error.to_string(), "unable to connect");
        assert!(received("").is_err());
        Ok(())
    }
}
