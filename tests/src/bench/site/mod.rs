//! A lab with one tunnel in it. Its programs run only while it has its turn: the pages that two copies of one program
//! share would otherwise be charged half to a tunnel that is not measured.

mod openvpn;
mod session;
mod wireguard;

use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use praya_testkit::HANG;
use praya_tests::Lab;
use praya_tests::lab::{EMPLOYEE, GATEWAY, INTRANET};

use super::cost::{End, Memory};
use super::tunnel::subject::Subject;

/// Inside of every tunnel, or a ratio would compare packet sizes.
pub(crate) const MTU: u16 = 1400;
/// What Linux does by default about loss and queues, inside and outside of tunnels.
pub(crate) const CONGESTION_CONTROL: &str = "cubic";
/// The bottleneck: a link of 100 Mbit/s whose queue holds what it sends in 50 ms.
const NARROW: &str = "tbf rate 100mbit burst 32kb latency 50ms";

/// The programs that make a tunnel between the employee's machine and the gateway's.
trait Tunnel {
    /// Starts what runs before anybody signs in.
    fn start(&mut self, lab: &Lab) -> Result<()>;
    /// Signs in, where there is something to sign in to; packets may flow when it returns.
    fn connect(&mut self, lab: &Lab) -> Result<()>;
    /// Signs out and waits for that.
    fn disconnect(&mut self, lab: &Lab) -> Result<()>;
    /// Ends what [`Self::start`] started.
    fn stop(&mut self) -> Result<()>;
    /// What their processes' names begin with: (client, gateway).
    fn names(&self) -> (&'static [&'static str], &'static [&'static str]);
    /// How the tunnel is made, as far as the programs tell.
    fn describe(&self) -> Result<String>;
    /// What the programs have printed, for a failure.
    fn printed(&self) -> String;
}

/// One subject's machines.
pub(crate) struct Site {
    // Dropped in this order: whoever is connected first.
    tunnel: Option<Box<dyn Tunnel>>,
    /// (client, gateway) while a client is signed in.
    ends: Option<(End, End)>,
    pub(crate) lab: Lab,
}

impl Site {
    /// Machines and what the tunnel needs on them, over this lab; nothing of the tunnel runs yet.
    ///
    /// # Errors
    /// With what the programs say.
    pub(crate) fn prepare(subject: Subject, lab: Lab) -> Result<Self> {
        // No gateway translates addresses here: the intranet knows the way back.
        lab.intranet.shell("ip route add default via 172.31.0.1")?;
        lab.gateway.shell("echo 1 > /proc/sys/net/ipv4/ip_forward")?;
        // What a tunnel's own TCP does about loss and queues is to be the usual, whatever this machine prefers.
        for (machine, own) in [(&lab.employee, EMPLOYEE), (&lab.gateway, GATEWAY)] {
            machine.shell(&format!(
                "ip route replace 198.51.100.0/24 dev eth0 src {own} congctl {CONGESTION_CONTROL}"
            ))?;
        }
        let tunnel: Option<Box<dyn Tunnel>> = match subject {
            Subject::None | Subject::RawTls(_) => {
                lab.employee.shell(&format!("ip route add default via {GATEWAY}"))?;
                None
            }
            Subject::Session(client, gateway, channel) => {
                Some(Box::new(session::Session::prepare(&lab, client, gateway, channel)?))
            }
            Subject::OpenVpn => Some(Box::new(openvpn::OpenVpn::prepare(&lab)?)),
            Subject::WireGuard(which) => Some(Box::new(wireguard::Pair::prepare(&lab, which)?)),
        };
        Ok(Self { tunnel, ends: None, lab })
    }

    /// Starts the gateway, and our client's service where it is the client.
    ///
    /// # Errors
    /// With what the programs say.
    pub(crate) fn start(&mut self) -> Result<()> {
        self.tunnel.as_mut().map_or(Ok(()), |tunnel| tunnel.start(&self.lab))
    }

    /// Ends what [`Self::start`] started.
    ///
    /// # Errors
    /// When something does not end.
    pub(crate) fn stop(&mut self) -> Result<()> {
        self.tunnel.as_mut().map_or(Ok(()), |tunnel| tunnel.stop())
    }

    /// Signs in. Returns how long it took from the client's start to the first TCP connection through the tunnel;
    /// nothing without a tunnel.
    ///
    /// # Errors
    /// With what the programs say.
    pub(crate) fn sign_in(&mut self) -> Result<Option<Duration>> {
        let began = Instant::now();
        let Some(tunnel) = &mut self.tunnel else {
            reach_intranet(&self.lab)?;
            return Ok(None);
        };
        tunnel.connect(&self.lab).with_context(|| tunnel.printed())?;
        reach_intranet(&self.lab).with_context(|| tunnel.printed())?;
        let took = began.elapsed();
        let (client, gateway) = tunnel.names();
        self.ends = Some((End::new(&self.lab.employee, client)?, End::new(&self.lab.gateway, gateway)?));
        Ok(Some(took))
    }

    /// Signs out and waits until the client has left.
    ///
    /// # Errors
    /// With what the client says.
    pub(crate) fn sign_out(&mut self) -> Result<()> {
        self.ends = None;
        self.tunnel.as_mut().map_or(Ok(()), |tunnel| tunnel.disconnect(&self.lab))
    }

    /// Processor seconds of (client, gateway) so far, while one is signed in.
    ///
    /// # Errors
    /// When one of them has ended.
    pub(crate) fn cpu_seconds(&self) -> Result<Option<(f64, f64)>> {
        self.ends
            .as_ref()
            .map(|(client, gateway)| Ok((client.cpu_seconds()?, gateway.cpu_seconds()?)))
            .transpose()
    }

    /// Memory of (client, gateway) now, while one is signed in.
    ///
    /// # Errors
    /// When one of them has ended.
    pub(crate) fn memory(&self) -> Result<Option<(Memory, Memory)>> {
        self.ends.as_ref().map(|(client, gateway)| Ok((client.memory()?, gateway.memory()?))).transpose()
    }

    /// The ids of both ends' processes, while one is signed in.
    ///
    /// # Errors
    /// When one of them has ended.
    pub(crate) fn processes(&self) -> Result<Vec<String>> {
        let Some((client, gateway)) = &self.ends else { return Ok(Vec::new()) };
        Ok([client.ids()?, gateway.ids()?].concat())
    }

    /// Puts the bottleneck between the employee and the gateway, in both directions.
    ///
    /// # Errors
    /// When the kernel has no token bucket.
    pub(crate) fn make_narrow(&self) -> Result<()> {
        for machine in [&self.lab.employee, &self.lab.gateway] {
            machine.shell(&format!("tc qdisc add dev eth0 root {NARROW}"))?;
        }
        Ok(())
    }

    /// Takes it away again.
    ///
    /// # Errors
    /// When it was not there.
    pub(crate) fn make_wide(&self) -> Result<()> {
        for machine in [&self.lab.employee, &self.lab.gateway] {
            machine.shell("tc qdisc del dev eth0 root")?;
        }
        Ok(())
    }

    /// UDP datagrams that the employee's machine has sent and received so far, those inside of a tunnel included.
    ///
    /// # Errors
    /// When the kernel does not tell.
    pub(crate) fn datagrams(&self) -> Result<u64> {
        let told = self.lab.employee.program("cat").arg("/proc/net/snmp").succeed()?.text();
        let mut lines = told.lines().filter_map(|line| line.strip_prefix("Udp: "));
        let (names, values) = lines.next().zip(lines.next()).context("the kernel's counters")?;
        let counted = names.split(' ').zip(values.split(' '));
        let of_interest = counted.filter(|(name, _)| matches!(*name, "InDatagrams" | "OutDatagrams"));
        Ok(of_interest.filter_map(|(_, value)| value.parse::<u64>().ok()).sum())
    }

    /// How the tunnel is made: version, cipher, MTU, as far as it is to be found out.
    ///
    /// # Errors
    /// When there is no way to the intranet.
    pub(crate) fn describe(&self) -> Result<String> {
        let Some(tunnel) = &self.tunnel else { return Ok(String::new()) };
        let device = "$(ip -o route get $1 | sed 's/.* dev \\([^ ]*\\) .*/\\1/')";
        let script = format!("ip -o link show dev {device} | sed 's/.* mtu \\([0-9]*\\) .*/\\1/'");
        let mtu = self.lab.employee.program("sh").args(["-euc", &script, "sh", INTRANET]).succeed()?.text();
        Ok(format!("{}, MTU {}", tunnel.describe()?, mtu.trim()))
    }
}

fn reach_intranet(lab: &Lab) -> Result<()> {
    let site = SocketAddr::new(INTRANET.parse::<IpAddr>()?, 80);
    lab.employee.within(move || TcpStream::connect_timeout(&site, HANG))?.context("the intranet")?;
    Ok(())
}
