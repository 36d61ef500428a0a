//! Segmentation offload is invisible: what the tunnel hands to the inner network is bit for bit what a cable in its
//! place would have.
//!
//! ```text
//! lan0 ─ employee ─ tunnel, or a cable ─ gateway ─ inner0
//! ```
//! `lan0` and `inner0` are TUN devices of the test. What it writes there is forwarded by the machine's kernel,
//! super-packets too; what it reads there the kernel has split and summed, since these devices can do neither.

mod packets;
mod scripts;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use packets::HEADER;
use praya_testkit::Namespace;
use praya_testkit::privilege::was_run_elsewhere;
use praya_tests::Lab;
use praya_tests::client::Client;
use praya_tests::gateway::Gateway;
use praya_tests::lab::{INTRANET, INTRANET_V6};
use praya_tests::openconnect::{openconnect, wait_connected};
use scripts::Script;
use tokio::runtime::Runtime;

const PASSWORD: &str = "correct horse battery";

/// When a packet counts as lost: forwarding takes microseconds, but a machine may be busy.
const PATIENCE: Duration = Duration::from_secs(20);

/// The packets of each flow, in order.
type Captured = BTreeMap<Flow, Vec<Vec<u8>>>;

/// Addresses and protocol, and ports or what fragments have in common.
type Flow = (Vec<u8>, u8, [u8; 4]);

/// The two ends, with a way between them.
struct Way {
    lab: Lab,
    lan: Device,
    inner: Device,
    runtime: Runtime,
    _kept: Vec<Box<dyn std::any::Any>>,
}

/// Which of the devices sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    /// From the employee's side to the inner network.
    In,
    Out,
}

impl Way {
    /// Both devices, on machines that forward; there is nothing between the machines but their cable.
    fn new() -> Result<Self> {
        let lab = Lab::new()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        lab.gateway.shell("ip link del eth1")?;
        let inner = Device::new(&runtime, &lab.gateway, "inner0")?;
        lab.gateway.shell(
            "ip addr add 172.31.0.1/24 dev inner0; ip addr add fd31::1/64 dev inner0 nodad
             ip link set inner0 up",
        )?;
        let lan = Device::new(&runtime, &lab.employee, "lan0")?;
        // What is sent comes from this machine's own address, and what arrives for it goes on to the device.
        lab.employee.shell(
            "ip link set lan0 up
             sysctl -qw net.ipv4.conf.lan0.accept_local=1 net.ipv4.conf.all.rp_filter=0 \
               net.ipv4.conf.lan0.rp_filter=0 net.ipv4.conf.all.send_redirects=0
             for family in -4 -6; do
               ip $family route add default dev lan0 table 100
               ip $family rule add pref 10 lookup local
               ip $family rule del pref 0
             done",
        )?;
        for machine in [&lab.employee, &lab.gateway] {
            machine.shell("sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1")?;
        }
        Ok(Self { lab, lan, inner, runtime, _kept: Vec::new() })
    }

    /// Lets what the employee's machine receives by this link for its addresses go on to `lan0`.
    fn goes_on_from(&self, link: &str, addresses: &[IpAddr; 2]) -> Result<()> {
        let [v4, v6] = addresses;
        self.lab.employee.shell(&format!(
            "sysctl -qw net.ipv4.conf.{link}.rp_filter=0
             ip -4 rule add pref 1 iif {link} to {v4} lookup 100
             ip -6 rule add pref 1 iif {link} to {v6} lookup 100"
        ))?;
        Ok(())
    }

    /// A cable: what these addresses send and receive goes past the tunnel.
    fn cable(addresses: &[IpAddr; 2]) -> Result<Self> {
        let way = Self::new()?;
        let [v4, v6] = addresses;
        way.lab.employee.shell(&format!(
            "ip addr add {v4}/32 dev lan0; ip addr add {v6}/128 dev lan0 nodad
             ip route add 172.31.0.0/24 via 198.51.100.1; ip route add fd31::/64 via 2001:db8::1"
        ))?;
        way.lab
            .gateway
            .shell(&format!("ip route add {v4} via 198.51.100.10; ip route add {v6} via 2001:db8::10"))?;
        way.goes_on_from("eth0", addresses)?;
        Ok(way)
    }

    /// A gateway that lets everything through between its sessions and the inner host.
    fn gateway(&self) -> Result<Gateway> {
        let mut gateway = Gateway::init(&self.lab)?;
        gateway.set("sign_in.second_factor", "when_assigned")?;
        gateway.set("tunnel.nat", false)?;
        gateway.add_people(&["wong"], PASSWORD)?;
        gateway.admin(&["group", "add", "staff"])?;
        gateway.admin(&["group", "members", "staff", "--add", "wong"])?;
        for (name, host) in [("four", INTRANET.to_owned()), ("six", format!("[{INTRANET_V6}]"))] {
            let endpoints: Vec<String> =
                ["tcp", "udp", "icmp"].iter().map(|protocol| format!("{protocol}:{host}")).collect();
            let endpoints: Vec<&str> = endpoints.iter().map(String::as_str).collect();
            gateway.publish("staff", name, &format!("http://{host}/"), &endpoints)?;
        }
        gateway.start()?;
        Ok(gateway)
    }

    /// The stock client, with these words besides; every packet in a frame and record of its own.
    fn stock(words: &[&str]) -> Result<(Self, [IpAddr; 2])> {
        let mut way = Self::new()?;
        let gateway = way.gateway()?;
        let client = openconnect(&way.lab.employee, &gateway.pin)?
            .args(["--user", "wong", "--passwd-on-stdin"])
            .args(words)
            .start()?;
        client.type_line(PASSWORD)?;
        let told = wait_connected(&client)?;
        let addresses = [told.ip4.parse()?, told.ip6.parse()?];
        way.goes_on_from("stock0", &addresses)?;
        way.keep((gateway, client));
        Ok((way, addresses))
    }

    /// Our own client, whose packets this channel carries.
    fn own(carrier: &str) -> Result<(Self, [IpAddr; 2])> {
        let mut way = Self::new()?;
        let gateway = way.gateway()?;
        let mut client = Client::new(&way.lab.employee)?;
        let service = client.service(&way.lab.employee)?;
        client.start_as(if carrier == "tls" { service.arg("--no-udp") } else { service })?;
        let login = client.login(&way.lab.employee, &gateway.pin, "wong", &[PASSWORD])?;
        ensure!(login.code() == 0, "{}", login.everything);
        client.wait_for(|snapshot| snapshot["channel"]["carrier"] == carrier)?;
        let addresses = [own_address(&way.lab.employee, "-4")?, own_address(&way.lab.employee, "-6")?];
        way.goes_on_from("praya0", &addresses)?;
        way.keep((gateway, client));
        Ok((way, addresses))
    }

    fn keep(&mut self, kept: impl std::any::Any) {
        self._kept.push(Box::new(kept));
    }

    /// Sends everything, and returns what arrives at the other end.
    fn carry(&self, direction: Direction, script: &Script, addresses: &[IpAddr; 2]) -> Result<Captured> {
        let (from, to) = match direction {
            Direction::In => (&self.lan, &self.inner),
            Direction::Out => (&self.inner, &self.lan),
        };
        let (name, batches) = script;
        let mut captured = Captured::new();
        for batch in batches {
            self.runtime.block_on(async {
                for injected in batch {
                    from.device.send(&injected.bytes).await.context("a packet is not taken")?;
                }
                let expected = batch.iter().map(|injected| injected.packets).sum();
                for number in 0..expected {
                    let packet = tokio::time::timeout(PATIENCE, to.packet_of(addresses)).await;
                    let packet = packet
                        .with_context(|| format!("{name}, {direction:?}: {number} of {expected} arrive"))??;
                    captured.entry(flow(&packet)).or_default().push(packet);
                }
                anyhow::Ok(())
            })?;
        }
        Ok(captured)
    }
}

/// The address of our client's device.
fn own_address(machine: &Namespace, family: &str) -> Result<IpAddr> {
    let shown = machine.shell(&format!("ip -o {family} addr show dev praya0 scope global"))?;
    let address = shown.split_whitespace().nth(3).context("an address")?;
    Ok(address.split('/').next().unwrap_or_default().parse()?)
}

/// A TUN device of the test's own, with the header of offload but none of its features.
struct Device {
    device: tun::AsyncDevice,
}

impl Device {
    fn new(runtime: &Runtime, machine: &Namespace, name: &'static str) -> Result<Self> {
        let handle = runtime.handle().clone();
        let device = machine.within(move || {
            let _entered = handle.enter();
            let mut configuration = tun::configure();
            configuration.tun_name(name).platform_config(|platform| {
                platform.vnet_hdr(true);
            });
            tun::create_as_async(&configuration)
        })??;
        machine.shell(&format!("ip link set {name} txqueuelen 1000"))?;
        Ok(Self { device })
    }

    /// The next packet from or to one of these addresses; the machine's own chatter is passed over.
    async fn packet_of(&self, addresses: &[IpAddr; 2]) -> Result<Vec<u8>> {
        let mut room = vec![0; HEADER + 65_536];
        loop {
            let len = self.device.recv(&mut room).await?;
            let (header, packet) = room[..len].split_at_checked(HEADER).context("a header")?;
            let ends = match packet.first().context("a packet")? >> 4 {
                4 => [IpAddr::from(array::<4>(packet, 12)?), array::<4>(packet, 16)?.into()],
                6 => [IpAddr::from(array::<16>(packet, 8)?), array::<16>(packet, 24)?.into()],
                version => bail!("IP version {version}"),
            };
            if ends.iter().any(|end| addresses.contains(end)) {
                ensure!(header[0] & 1 == 0 && header[1] == 0, "the kernel left something to do: {header:?}");
                return Ok(packet.to_vec());
            }
        }
    }
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Result<[u8; N]> {
    bytes.get(at..).and_then(<[u8]>::first_chunk).copied().context("a whole header")
}

/// Packets of different flows may overtake each other.
fn flow(packet: &[u8]) -> Flow {
    let (addresses, mut next, mut at, mut is_fragment) = if packet[0] >> 4 == 4 {
        let is_fragment = u16::from_be_bytes([packet[6], packet[7]]) & 0x3fff != 0;
        (packet[12..20].to_vec(), packet[9], 20, is_fragment)
    } else {
        (packet[8..40].to_vec(), packet[6], 40, false)
    };
    while packet[0] >> 4 == 6 && matches!(next, 0 | 43 | 44 | 60) {
        is_fragment |= next == 44;
        let len = if next == 44 { 8 } else { 8 * (usize::from(packet[at + 1]) + 1) };
        (next, at) = (packet[at], at + len);
    }
    let ports = match next {
        6 | 17 if !is_fragment => [packet[at], packet[at + 1], packet[at + 2], packet[at + 3]],
        _ => [0; 4],
    };
    (addresses, next, ports)
}

/// Every conversation, both ways, over both families, compared with what a cable carries; returns how many packets
/// came in and went out.
fn is_like_a_cable(way: &Way, addresses: [IpAddr; 2]) -> Result<[u64; 2]> {
    let cable = Way::cable(&addresses)?;
    let mut packets = [0; 2];
    for (own, inner) in addresses.into_iter().zip([INTRANET, INTRANET_V6]) {
        let inner = inner.parse()?;
        for (direction, from, to) in [(Direction::In, own, inner), (Direction::Out, inner, own)] {
            for script in scripts::all(from, to, direction == Direction::In) {
                let reference = cable.carry(direction, &script, &addresses)?;
                let carried = way.carry(direction, &script, &addresses)?;
                compare(&carried, &reference).with_context(|| format!("{} from {from} to {to}", script.0))?;
                let [came_in, went_out] = &mut packets;
                let count = if direction == Direction::In { came_in } else { went_out };
                *count += carried.values().map(Vec::len).sum::<usize>() as u64;
            }
        }
    }
    Ok(packets)
}

/// How many packets the tunnel's device on this machine has taken from its program and given to it; a super-packet is
/// one.
fn device_packets(machine: &Namespace) -> Result<[u64; 2]> {
    let shown: serde_json::Value =
        serde_json::from_str(&machine.shell("ip -json -stats link show type tun")?)?;
    let devices = shown.as_array().context("a list of devices")?;
    let is_own = |device: &&serde_json::Value| device["ifname"] != "lan0" && device["ifname"] != "inner0";
    let device = devices.iter().find(is_own).context("the tunnel's device")?;
    let count = |way: &str| device["stats64"][way]["packets"].as_u64().context("a count");
    Ok([count("rx")?, count("tx")?])
}

fn compare(carried: &Captured, reference: &Captured) -> Result<()> {
    for (flow, expected) in reference {
        let packets = carried.get(flow).with_context(|| format!("nothing arrives of {flow:?}"))?;
        ensure!(packets.len() == expected.len(), "{} packets, not {}", packets.len(), expected.len());
        for (number, (packet, expected)) in packets.iter().zip(expected).enumerate() {
            ensure!(
                packet == expected,
                "packet {number} of {flow:?} is\n{}\nand should be\n{}",
                shown(packet),
                shown(expected)
            );
        }
    }
    ensure!(carried.len() == reference.len(), "more arrives than was sent");
    Ok(())
}

fn shown(packet: &[u8]) -> String {
    let headers = &packet[..packet.len().min(100)];
    format!("{} bytes: {}", packet.len(), data_encoding::HEXLOWER.encode(headers))
}

#[test]
fn a_cable_changes_nothing() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let addresses = ["10.77.0.9".parse()?, "fd77::9".parse()?];
    is_like_a_cable(&Way::cable(&addresses)?, addresses)?;
    Ok(())
}

#[test]
fn the_stock_client_s_stream_is_like_a_cable() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let (way, addresses) = Way::stock(&["--no-dtls"])?;
    let [came_in, went_out] = is_like_a_cable(&way, addresses)?;
    let [joined, to_be_split] = device_packets(&way.lab.gateway)?;
    ensure!(joined < came_in, "{joined} packets are written for {came_in}: none is joined");
    ensure!(to_be_split < went_out, "{to_be_split} packets are read for {went_out}: none is split");
    Ok(())
}

#[test]
fn the_stock_client_s_datagrams_are_like_a_cable() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let (way, addresses) = Way::stock(&[])?;
    let [_, went_out] = is_like_a_cable(&way, addresses)?;
    let [_, to_be_split] = device_packets(&way.lab.gateway)?;
    ensure!(to_be_split < went_out, "{to_be_split} packets are read for {went_out}: none is split");
    Ok(())
}

#[test]
fn our_own_client_s_stream_is_like_a_cable() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    our_own_client_is_like_a_cable("tls")
}

#[test]
fn our_own_client_s_datagrams_are_like_a_cable() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    our_own_client_is_like_a_cable("udp")
}

fn our_own_client_is_like_a_cable(carrier: &str) -> Result<()> {
    let (way, addresses) = Way::own(carrier)?;
    let [came_in, went_out] = is_like_a_cable(&way, addresses)?;
    let [written, read] = device_packets(&way.lab.gateway)?;
    ensure!(written < came_in && read < went_out, "{written} for {came_in}, {read} for {went_out}");
    let [written, read] = device_packets(&way.lab.employee)?;
    ensure!(written < went_out && read < came_in, "{written} for {went_out}, {read} for {came_in}");
    Ok(())
}
