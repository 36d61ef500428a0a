//! What thousands of sessions cost the gateway, and whether floods touch those who are in.

mod crowd;
mod flood;
mod people;
mod replay;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use crowd::{Crowd, Place};
use flood::{Flood, Flooding};
use people::{GROUP, PASSWORD, Seat, TEMPLATE};
use praya_tests::Lab;
use praya_tests::client::Client;
use praya_tests::gateway::Gateway;
use praya_tests::lab::{GATEWAY, INTRANET};
use replay::Replayed;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::cost::End;
use super::stats::{median, percentile};
use super::table::pipe_table;
use super::tunnel::measure::{Direction, stream};
use super::{machine, say};

/// How much is measured.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// Sessions with a tunnel that nobody uses.
    idle: u32,
    /// Sessions that send echo requests.
    active: u32,
    /// Sign-ins by name and password.
    sign_ins: u32,
    /// New tunnels whose first answer is waited for, one after the other.
    first_packets: u32,
    /// How long each thing is looked at, in whole seconds.
    seconds: u32,
}

/// Between two echo requests of an active session.
const PACE: Duration = Duration::from_millis(100);
/// Readings of the memory on the way to all idle sessions.
const STEPS: usize = 10;

impl Plan {
    /// The default: three minutes.
    pub(crate) fn full() -> Self {
        Self { idle: 10_000, active: 1_000, sign_ins: 200, first_packets: 100, seconds: 10 }
    }

    /// One minute.
    pub(crate) fn quick() -> Self {
        Self { idle: 1_000, active: 100, sign_ins: 20, first_packets: 20, seconds: 3 }
    }

    fn seats(&self) -> u32 {
        self.idle + self.active + self.first_packets
    }
}

/// What was measured: (what, value as shown), and the same for programs.
#[derive(Debug, Default)]
struct Findings {
    rows: Vec<Vec<String>>,
    values: serde_json::Map<String, Value>,
}

impl Findings {
    fn add(&mut self, key: &str, what: &str, shown: String, value: Value) {
        say(&format!("  {what}: {shown}"));
        self.rows.push(vec![what.to_owned(), shown]);
        self.values.insert(key.to_owned(), value);
    }

    fn number(&mut self, key: &str, what: &str, value: f64, unit: &str) {
        self.add(key, what, format!("{value:.1} {unit}").trim().to_owned(), json!(value));
    }
}

/// Runs everything and writes the report.
///
/// # Errors
/// When the gateway refuses what it should bear, or the report cannot be written.
pub(crate) fn run(plan: &Plan, out: &Path) -> Result<()> {
    let machine = machine::describe();
    let began = Instant::now();
    many_files()?;
    let lab = Lab::new()?;
    lab.intranet.shell("ip route add default via 172.31.0.1")?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let mut server = gateway(&lab, plan)?;
    let seats = people::seat(&server.file("praya.db"), plan.seats()).context("write sessions")?;
    let mut findings = Findings::default();
    findings.rows.push(vec!["what".into(), "measured".into()]);
    sessions(plan, &lab, &mut server, &runtime, &seats, &mut findings)?;
    let floods = floods(plan, &lab, &mut server)?;
    let text = format!(
        "praya-gateway with {} idle and {} active sessions; {} s in all, {}\n{}\n\n{}\nFloods from one machine, and one \
         TCP stream of another one's tunnel meanwhile, Gbit/s. \"elsewhere\": the same flood, sent to a socket on the \
         gateway's machine that nobody reads, which is what the flood alone takes of the processors; \"otherwise\" is that, \
         or the mean of before and after.\n\n{}",
        plan.idle,
        plan.active,
        began.elapsed().as_secs(),
        machine["date"].as_str().unwrap_or_default(),
        machine::in_words(&machine),
        pipe_table(&findings.rows),
        pipe_table(&floods.rows),
    );
    let json = json!({
        "format": 1,
        "machine": machine,
        "idle": plan.idle,
        "active": plan.active,
        "sessions": findings.values,
        "floods": floods.values,
    });
    machine::save(out, "gateway", &machine, &text, &json)
}

/// The gateway with room for the crowd, and one person who is there to be copied.
fn gateway(lab: &Lab, plan: &Plan) -> Result<Gateway> {
    let mut server = Gateway::init(lab)?;
    server.set("sign_in.second_factor", "when_assigned")?;
    server.set("sign_in.attempts_per_minute", 0)?;
    server.set("sessions.per_account", 10)?;
    server.set("sessions.total", i64::from(plan.seats()) + 1_000)?;
    server.set("sessions.away_timeout", 7_200)?;
    server.set("sessions.idle_timeout", 7_200)?;
    server.set("tunnel.nat", false)?;
    server.set("tunnel.pool_v4", people::POOL_V4)?;
    server.set("tunnel.pool_v6", people::POOL_V6)?;
    server.add_people(&[TEMPLATE], PASSWORD)?;
    server.publish_intranet(GROUP, &[TEMPLATE])?;
    server.publish(GROUP, "Measurements", "http://172.31.0.10:5201/", &["tcp:172.31.0.10:5201"])?;
    Ok(server)
}

/// As many open files as the system allows, for this process and the gateway that it starts.
fn many_files() -> Result<()> {
    let allowed = getrlimit(Resource::Nofile).maximum;
    Ok(setrlimit(Resource::Nofile, Rlimit { current: allowed, maximum: allowed })?)
}

fn sessions(
    plan: &Plan,
    lab: &Lab,
    server: &mut Gateway,
    runtime: &Runtime,
    seats: &[Seat],
    findings: &mut Findings,
) -> Result<()> {
    // The crowd comes from one address.
    server.set("limits.connections_per_source", 100_000)?;
    server.set("limits.handshakes_per_second", 0)?;
    server.set("limits.connections", 100_000)?;
    let began = Instant::now();
    server.start().context("start")?;
    let what = format!("start with {} sessions to remember", seats.len());
    findings.number("start_s", &what, began.elapsed().as_secs_f64(), "s");
    let end = End::new(&lab.gateway, &["praya-gateway"])?;
    let place = Place::new(lab.https(), INTRANET.parse::<Ipv4Addr>()?)?;

    let (idle, rest) = seats.split_at(usize::try_from(plan.idle)?);
    let (active, fresh) = rest.split_at(usize::try_from(plan.active)?);
    let mut crowd = Crowd::new(place.clone());
    let mut readings = Vec::new();
    let (mut took, before) = (Duration::ZERO, end.cpu_seconds()?);
    for part in idle.chunks(idle.len().div_ceil(STEPS).max(1)) {
        took += runtime.block_on(crowd.join(&lab.employee, part, false))?;
        readings.push((crowd.count() as f64, end.memory()?.pss * 1024.0));
    }
    let setup = (end.cpu_seconds()? - before) / idle.len() as f64;
    findings.number("set_up_per_s", "tunnels set up", idle.len() as f64 / took.as_secs_f64(), "/s");
    findings.number("set_up_cpu_ms", "processor time of the gateway for each", setup * 1e3, "ms");
    let each = slope(&readings).context("no sessions to measure")?;
    findings.number("idle_kib", "memory for each idle session (PSS)", each, "KiB");
    let (count, all) = readings.last().copied().context("no readings")?;
    findings.number("all_mib", &format!("memory with {count} idle sessions"), all / 1024.0, "MiB");

    let (began, before) = (Instant::now(), end.cpu_seconds()?);
    std::thread::sleep(Duration::from_secs(plan.seconds.into()));
    let share = (end.cpu_seconds()? - before) / began.elapsed().as_secs_f64();
    findings.number("idle_cpu_percent", "processor of the gateway meanwhile idle", share * 100.0, "% of one");
    crowd.all_there()?;

    let sockets = Place::sockets(&lab.employee, fresh.len())?;
    let firsts = runtime.block_on(async {
        let mut firsts = Vec::new();
        for (socket, seat) in sockets.into_iter().zip(fresh) {
            firsts.push(place.first_packet(socket, seat).await?);
        }
        Ok::<_, anyhow::Error>(firsts)
    })?;
    show_times(findings, "first_packet_ms", "from TCP to the first answer through a new tunnel", firsts)?;

    runtime.block_on(crowd.join(&lab.employee, active, true))?;
    let drops = Drops::read(lab)?;
    let (began, before) = (Instant::now(), end.cpu_seconds()?);
    let length = Duration::from_secs(plan.seconds.into());
    let (sent, times) = runtime.block_on(crowd.exercise(PACE, length))?;
    let share = (end.cpu_seconds()? - before) / began.elapsed().as_secs_f64();
    let what = format!("{} sessions with 10 echo requests of 500 bytes each second: answered", active.len());
    ensure!(sent > 0, "nothing was sent");
    findings.number("answered_percent", &what, times.len() as f64 * 100.0 / sent as f64, "%");
    let dropped = Drops::read(lab)?.since(&drops);
    findings.add("active_dropped", "packets dropped meanwhile", dropped.in_words(), json!(dropped.0));
    show_times(findings, "active_rtt_ms", "round trip meanwhile", times)?;
    findings.number("active_cpu_percent", "processor of the gateway meanwhile", share * 100.0, "% of one");
    findings.number("active_mib", "memory meanwhile", end.memory()?.pss, "MiB");

    let names: Vec<String> = (0..plan.sign_ins).map(people::name).collect();
    let before = end.cpu_seconds()?;
    let rate = crowd::sign_ins(&lab.employee, lab.https(), &names, PASSWORD)?;
    let each = (end.cpu_seconds()? - before) / names.len() as f64;
    findings.number("sign_ins_per_s", "sign-ins by password beside all these", rate, "/s");
    findings.number("sign_in_cpu_ms", "processor time of the gateway for each", each * 1e3, "ms");
    drop(crowd);
    server.stop()?;
    Ok(())
}

fn show_times(findings: &mut Findings, key: &str, what: &str, times: Vec<f64>) -> Result<()> {
    let middle = median(times.iter().copied()).context("no answers")?;
    let tail = percentile(times, 0.95).context("no answers")?;
    let shown = format!("p50 {middle:.2} ms, p95 {tail:.2} ms");
    findings.add(key, what, shown, json!({"p50": middle, "p95": tail}));
    Ok(())
}

/// Packets that the gateway and its device have dropped, by reason.
struct Drops(BTreeMap<String, u64>);

impl Drops {
    fn read(lab: &Lab) -> Result<Self> {
        let metrics =
            lab.gateway.program("curl").args(["-s", "http://127.0.0.1:9443/metrics"]).succeed()?.text();
        let counted = metrics.lines().filter_map(|line| {
            let (name, count) = line.rsplit_once(' ')?;
            let (_, reason) =
                name.strip_prefix("praya_gateway_packets_dropped_total")?.split_once("reason=\"")?;
            Some((reason.split('"').next()?.to_owned(), count.parse().ok()?))
        });
        let mut drops: BTreeMap<_, _> = counted.collect();
        let device = lab.gateway.program("ip").args(["-s", "-j", "link", "show", "praya-gw"]).succeed()?;
        let device: Value = serde_json::from_slice(&device.output)?;
        for way in ["rx", "tx"] {
            let count = device[0]["stats64"][way]["dropped"].as_u64().unwrap_or(0);
            drops.insert(format!("device_{way}"), count);
        }
        Ok(Self(drops))
    }

    fn since(mut self, before: &Self) -> Self {
        for (reason, count) in &mut self.0 {
            *count = count.saturating_sub(before.0.get(reason).copied().unwrap_or(0));
        }
        self.0.retain(|_, count| *count > 0);
        self
    }

    fn in_words(&self) -> String {
        let words: Vec<String> = self.0.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
        if words.is_empty() { "none".to_owned() } else { words.join(", ") }
    }
}

/// One person's tunnel while others flood the gateway, which runs with its default limits.
fn floods(plan: &Plan, lab: &Lab, server: &mut Gateway) -> Result<Findings> {
    server.set("limits.connections_per_source", 200)?;
    server.set("limits.handshakes_per_second", 50)?;
    server.set("limits.connections", 20_000)?;
    server.start()?;
    let attacker = lab.another_employee(20)?;
    lab.gateway.shell("ip route add 203.0.113.0/24 dev eth20")?;
    lab.gateway.shell("for f in /proc/sys/net/ipv4/conf/*/rp_filter; do echo 0 > $f; done")?;
    // Where the same flood goes for comparison.
    let sink = lab.gateway.within(|| UdpSocket::bind((GATEWAY, 9)))??;
    let mut client = Client::started(&lab.employee)?;
    let login = client.login(&lab.employee, &server.pin, TEMPLATE, &[PASSWORD])?;
    ensure!(login.status.success(), "praya login: {}", login.everything);
    client.wait_for_state("connected")?;
    let end = End::new(&lab.gateway, &["praya-gateway"])?;
    let place = Place::new(lab.https(), INTRANET.parse::<Ipv4Addr>()?)?;
    let seconds = plan.seconds.min(4);
    let rate = || Ok::<_, anyhow::Error>(stream(lab, Direction::Up, 1, seconds, || Ok(()))?.0.gbit_s);

    let mut findings = Findings::default();
    findings.rows.push(
        ["flood", "before", "elsewhere", "during", "after", "during : otherwise", "gateway MiB"]
            .map(str::to_owned)
            .to_vec(),
    );
    for flood in Flood::ALL {
        let before = rate()?;
        let under = |to: SocketAddr| {
            let flooding = Flooding::start(flood, &attacker, to, &place)?;
            let rate = rate()?;
            Ok::<_, anyhow::Error>((rate, flooding.end()?))
        };
        let elsewhere = match flood {
            Flood::Connections => None,
            Flood::BadHellos | Flood::Spoofed => Some(under(sink.local_addr()?)?.0),
        };
        let (during, sent) = under(lab.https())?;
        let memory = end.memory()?.pss;
        let seen = Seen { before, elsewhere, during, after: rate()?, sent, memory };
        seen.add(&mut findings, &format!("{flood:?}"), flood.title());
    }
    match Replayed::begin(lab, server, &people::name(0)) {
        Ok(replayed) => replays(replayed, &rate, &end, &mut findings)?,
        Err(error) => {
            let reason = format!(
                "not measured: {}",
                error.root_cause().to_string().lines().next().unwrap_or_default()
            );
            say(&format!("  {}: {error:#}", replay::title()));
            findings.rows.push(vec![replay::title(), reason]);
        }
    }
    client.stop()?;
    server.stop()?;
    Ok(findings)
}

fn replays(
    replayed: Replayed,
    rate: &impl Fn() -> Result<f64>,
    end: &End,
    findings: &mut Findings,
) -> Result<()> {
    let before = rate()?;
    replayed.replay(true);
    let arrived = replayed.arrived();
    let during = rate()?;
    let (sent, memory) = (replayed.arrived() - arrived, end.memory()?.pss);
    replayed.replay(false);
    let seen = Seen { before, elsewhere: None, during, after: rate()?, sent, memory };
    seen.add(findings, "Replays", replay::title());
    replayed.end()
}

/// One stream's Gbit/s around one flood.
struct Seen {
    before: f64,
    elsewhere: Option<f64>,
    during: f64,
    after: f64,
    /// Packets or connections of the flood.
    sent: u64,
    /// Of the gateway, MiB.
    memory: f64,
}

impl Seen {
    fn add(self, findings: &mut Findings, key: &str, title: String) {
        let Self { before, elsewhere, during, after, sent, memory } = self;
        let baseline = elsewhere.unwrap_or(f64::midpoint(before, after));
        let number = |value: f64| format!("{value:.2}");
        say(&format!("  {title}: {sent} sent, {before:.2} before, {during:.2} during"));
        findings.rows.push(vec![
            title,
            number(before),
            elsewhere.map_or("–".to_owned(), number),
            number(during),
            number(after),
            number(during / baseline),
            format!("{memory:.1}"),
        ]);
        let value = json!({
            "sent": sent,
            "before_gbit_s": before,
            "elsewhere_gbit_s": elsewhere,
            "during_gbit_s": during,
            "after_gbit_s": after,
            "gateway_pss_mib": memory,
        });
        findings.values.insert(key.to_owned(), value);
    }
}

/// The median of the slopes between every two readings (Theil and Sen): an allocator takes and gives back in large
/// pieces. The kernel's socket buffers are not in it.
fn slope(readings: &[(f64, f64)]) -> Option<f64> {
    let pairs = readings.iter().enumerate().flat_map(|(index, from)| {
        readings.iter().skip(index + 1).map(move |to| (to.1 - from.1) / (to.0 - from.0))
    });
    median(pairs.filter(|slope| slope.is_finite()))
}

#[cfg(test)]
mod tests {
    use super::slope;

    #[test]
    fn one_large_piece_given_back_does_not_hide_the_growth() {
        let readings = [(0.0, 1000.0), (10.0, 1400.0), (20.0, 1800.0), (30.0, 2200.0), (40.0, 100.0)];
        assert_eq!(slope(&readings), Some(40.0));
        assert_eq!(slope(&[(5.0, 1.0)]), None);
    }
}
