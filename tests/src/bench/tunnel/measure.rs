//! One turn of one pair: start, rehearse the sign-in, sign in, echo requests on the idle tunnel, one TCP stream each
//! way with echo requests beside it, sign out, end.

use anyhow::{Context, Result, bail, ensure};
use praya_tests::Lab;
use praya_tests::lab::INTRANET;
use serde_json::Value;

use super::Plan;
use super::cost::Memory;
use super::metric::{Metric, Sample, median};
use super::site::{Site, Visit};

/// Echo requests per second.
const PING_RATE: u32 = 100;
/// The share of the echo requests beside a transfer that is left out, while the stream is still growing: a quarter.
const WARM_UP: u32 = 4;

/// One turn. `round` counts from 0.
pub(crate) fn turn(site: &mut Site, round: usize, plan: &Plan) -> Result<Sample> {
    site.start().context("start")?;
    site.sign_in(Visit::Rehearsal { round }).context("rehearse the sign-in")?;
    site.sign_out().context("sign out after the rehearsal")?;
    let sample = measured(site, round, plan)?;
    site.sign_out().context("sign out")?;
    site.stop().context("end")?;
    Ok(sample)
}

fn measured(site: &mut Site, round: usize, plan: &Plan) -> Result<Sample> {
    let mut sample = Sample::new();
    if let Some(took) = site.sign_in(Visit::Measured { round }).context("sign in")? {
        sample.insert(Metric::SignIn, took.as_secs_f64() * 1e3);
    }
    let idle = ping(&site.lab, plan.pings, 0).context("echo requests on the idle tunnel")?;
    sample.insert(Metric::RttIdle, idle);

    let before = site.cpu_seconds()?;
    let up = transfer(site, Direction::Up, plan.seconds).context("transfer up")?;
    let down = transfer(site, Direction::Down, plan.seconds).context("transfer down")?;
    let after = site.cpu_seconds()?;

    sample.insert(Metric::Up, up.gbit_s);
    sample.insert(Metric::Down, down.gbit_s);
    sample.insert(Metric::RttUp, up.rtt_ms);
    sample.insert(Metric::RttDown, down.rtt_ms);
    if let (Some(before), Some(after)) = (before, after) {
        // Both directions at equal weight, whichever of them was the faster.
        let gigabytes = (up.bytes + down.bytes) / 1e9;
        ensure!(gigabytes > 0.0, "nothing arrived");
        let (client, gateway) = ((after.0 - before.0) / gigabytes, (after.1 - before.1) / gigabytes);
        sample.insert(Metric::CpuClient, client);
        sample.insert(Metric::CpuGateway, gateway);
        sample.insert(Metric::Cpu, client + gateway);
    }
    if let (Some(up), Some(down)) = (up.memory, down.memory) {
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
    Ok(sample)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Up,
    Down,
}

/// One TCP stream in one direction.
struct Transfer {
    /// Payload that arrived.
    bytes: f64,
    gbit_s: f64,
    rtt_ms: f64,
    /// (client, gateway) near its end.
    memory: Option<(Memory, Memory)>,
}

fn transfer(site: &Site, direction: Direction, seconds: u32) -> Result<Transfer> {
    let lab = &site.lab;
    let server = lab.intranet.program("iperf3").args(["--server", "--one-off", "--forceflush"]).start()?;
    server.wait_for("Server listening")?;
    // iperf3 has no limit of its own for a stream that stands still.
    let client = lab
        .employee
        .program("timeout")
        .arg((seconds + 15).to_string())
        .args(["iperf3", "--client", INTRANET, "--json", "--connect-timeout", "5000", "--time"])
        .arg(seconds.to_string())
        .args((direction == Direction::Down).then_some("--reverse"))
        .start()?;
    // The echo requests end just before the stream does, and the memory is read then.
    let count = seconds * PING_RATE - PING_RATE / 4;
    let rtt_ms = ping(lab, count, count / WARM_UP);
    let memory = site.memory()?;
    let ended = client.wait()?;
    let (bytes, gbit_s) =
        received(&ended.text()).with_context(|| format!("iperf3: {}\n{}", ended.status, server.printed()))?;
    server.wait()?;
    Ok(Transfer { bytes, gbit_s, rtt_ms: rtt_ms?, memory })
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
    Ok((bytes, bits / 1e9))
}

/// The median round trip in ms of `count` echo requests without the first `skip`.
fn ping(lab: &Lab, count: u32, skip: u32) -> Result<f64> {
    let deadline = (count / PING_RATE + 4).to_string();
    let interval = format!("{:.3}", 1.0 / f64::from(PING_RATE));
    let ended = lab
        .employee
        .program("ping")
        .args(["-n", "-i", &interval, "-c", &count.to_string(), "-w", &deadline, INTRANET])
        .run()?;
    median(round_trips(&ended.text(), skip)).with_context(|| format!("no answer: {}", ended.everything))
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
