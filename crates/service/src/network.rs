//! The machine's side of the tunnel: the TUN device, its settings, their undoing. One worker, one thing at a time.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use praya_datapath::tun::{TunDevice, TunOptions, TunPort};
use praya_model::snapshot::Warning;
use praya_model::{FailureCode, TunnelConfig};
use praya_netcfg::dns::DnsOutcome;
use praya_netcfg::plan::ConflictKind;
use praya_netcfg::{NetworkConfigurator, Outcome, RevertReport};
use praya_session::NetworkId;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::clock::Clock;
use crate::device::Device;

/// How long the device may take to vanish after its last user has let go.
const DEVICE_GONE: Duration = Duration::from_secs(4);

/// What the worker is told to do.
#[derive(Debug)]
pub enum Order {
    /// Make the device if there is none, and its settings as wished.
    Configure {
        /// Comes back with the report.
        network: NetworkId,
        /// The settings.
        config: Box<TunnelConfig>,
        /// The gateway's address, which stays outside the tunnel.
        gateway: IpAddr,
    },
    /// The machine's network changed: bring the way to the gateway and the name servers in line.
    Refresh,
    /// Undo everything and drop the device.
    TearDown {
        /// Told when nothing is left.
        done: oneshot::Sender<Result<(), FailureCode>>,
    },
}

/// What the worker reports.
#[derive(Debug)]
pub enum Report {
    /// The settings are in force.
    Ready {
        /// Which.
        network: NetworkId,
        /// The device.
        device: Arc<Device>,
        /// What is not as it should be.
        warnings: Vec<Warning>,
    },
    /// The settings could not be made and were undone.
    Failed {
        /// Which.
        network: NetworkId,
        /// Why.
        failure: FailureCode,
    },
    /// What is not as it should be has changed.
    Warnings(Vec<Warning>),
}

/// What could not be taken back by the last clean-up; shared with whoever reports on it.
#[derive(Clone, Debug, Default)]
pub struct Leftovers(Arc<Mutex<Option<FailureCode>>>);

impl Leftovers {
    /// Why this machine is not as it was, if it is not.
    pub fn get(&self) -> Option<FailureCode> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Writes down how a clean-up went.
    pub fn set(&self, result: &Result<(), FailureCode>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = result.as_ref().err().cloned();
    }
}

/// Starts the worker. It ends, leaving things as they are, when the sender of orders is dropped. The device is waited
/// for by `tunnel`, where the channels are that use it.
pub fn start(
    configurator: NetworkConfigurator,
    tunnel: Handle,
    tun_name: Option<String>,
    clock: Clock,
    leftovers: Leftovers,
    reports: mpsc::Sender<Report>,
) -> (mpsc::Sender<Order>, JoinHandle<NetworkConfigurator>) {
    let (orders, inbox) = mpsc::channel(16);
    let worker = Worker { configurator, tunnel, tun_name, clock, leftovers, device: None, reports };
    (orders, tokio::spawn(worker.run(inbox)))
}

struct Worker {
    configurator: NetworkConfigurator,
    tunnel: Handle,
    tun_name: Option<String>,
    clock: Clock,
    leftovers: Leftovers,
    device: Option<Arc<Device>>,
    reports: mpsc::Sender<Report>,
}

impl Worker {
    async fn run(mut self, mut inbox: mpsc::Receiver<Order>) -> NetworkConfigurator {
        while let Some(order) = inbox.recv().await {
            match order {
                Order::Configure { network, config, gateway } => {
                    let report = match self.configure(&config, gateway).await {
                        Ok((device, warnings)) => Report::Ready { network, device, warnings },
                        Err(failure) => {
                            self.device = None;
                            tracing::warn!(?failure, "the tunnel's network settings cannot be made");
                            Report::Failed { network, failure }
                        }
                    };
                    self.report(report).await;
                }
                Order::Refresh => match self.configurator.refresh().await {
                    Ok(Some(outcome)) => self.report(Report::Warnings(warnings(&outcome))).await,
                    Ok(None) => {}
                    Err(error) => tracing::warn!(%error, "the way to the gateway cannot be brought in line"),
                },
                Order::TearDown { done } => {
                    let result = self.tear_down().await;
                    self.leftovers.set(&result);
                    // Nobody waits any more when this fails.
                    let _ = done.send(result);
                }
            }
        }
        self.configurator
    }

    async fn configure(
        &mut self,
        config: &TunnelConfig,
        gateway: IpAddr,
    ) -> Result<(Arc<Device>, Vec<Warning>), FailureCode> {
        let device = match &self.device {
            Some(device) => Arc::clone(device),
            None => Arc::new(self.make_device()?),
        };
        let outcome = self.configurator.apply(config, device.name(), gateway).await?;
        tracing::info!(
            changed = outcome.changed,
            tunnelled = outcome.tunnelled.len(),
            dns = ?outcome.dns,
            "the tunnel's network settings are in force"
        );
        self.device = Some(Arc::clone(&device));
        Ok((device, warnings(&outcome)))
    }

    fn make_device(&self) -> Result<Device, FailureCode> {
        let options = TunOptions { name: self.tun_name.as_deref(), ..TunOptions::default() };
        let _entered = self.tunnel.enter();
        let mut queues = TunDevice::create(options)?;
        let none = || FailureCode::NoTunDevice { detail: "it has no queue".to_owned() };
        let queue = queues.pop().ok_or_else(none)?;
        let mut seed = [0; 8];
        SystemRandom::new()
            .fill(&mut seed)
            .map_err(|_| FailureCode::Internal { detail: "the system gives no random numbers".to_owned() })?;
        let name = queue.name().to_owned();
        Ok(Device::new(name, TunPort::new(queue, u64::from_ne_bytes(seed)), self.clock))
    }

    /// Settings first, so that nothing points at a device that is gone.
    async fn tear_down(&mut self) -> Result<(), FailureCode> {
        let report = self.configurator.revert().await;
        if let Some(device) = self.device.take() {
            let (name, weak) = (device.name().to_owned(), Arc::downgrade(&device));
            drop(device);
            // The pump lets go when its last word is out; the kernel removes the device with its last user.
            let gone = async {
                while weak.strong_count() > 0 {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            };
            if tokio::time::timeout(DEVICE_GONE, gone).await.is_err() {
                tracing::warn!(device = %name, "the tunnel device is still in use");
            }
        }
        finished(&report?)
    }

    async fn report(&self, report: Report) {
        // The owner is gone only when the service is going down.
        let _ = self.reports.send(report).await;
    }
}

/// What is not as it should be although the settings are in force.
fn warnings(outcome: &Outcome) -> Vec<Warning> {
    let conflicts = outcome
        .conflicts
        .iter()
        // A full tunnel with a local network beside it is the normal case and not a conflict.
        .filter(|conflict| conflict.kind != ConflictKind::Shadowed || conflict.network.prefix_len() > 1)
        .map(|conflict| Warning::RouteConflict {
            tunnel: conflict.network,
            local: conflict.local,
            device: conflict.interface.clone(),
        });
    let dns = if let DnsOutcome::Failed { detail } = &outcome.dns {
        Some(Warning::Dns { detail: detail.clone() })
    } else {
        None
    };
    conflicts.chain(dns).collect()
}

/// Whether a clean-up left something; also for the log.
///
/// # Errors
/// [`FailureCode::NetworkSetup`] naming what could not be taken back.
pub fn finished(report: &RevertReport) -> Result<(), FailureCode> {
    if !report.is_empty() {
        tracing::info!(
            undone = report.undone,
            gone = report.gone,
            left_alone = report.left_alone.len(),
            failed = report.failed.len(),
            "network settings taken back"
        );
    }
    for what in &report.left_alone {
        tracing::info!(what = %what, "left alone: somebody else changed it since");
    }
    if report.failed.is_empty() {
        Ok(())
    } else {
        Err(FailureCode::NetworkSetup { detail: report.failed.join("; ") })
    }
}
