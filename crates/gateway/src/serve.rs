//! `praya-gateway serve`: brings everything up in an order that can be taken back, keeps it up, and takes it down.

mod listeners;
mod network;
mod notify;
mod upkeep;

use std::io::{IsTerminal as _, Write};
use std::net::{SocketAddr, UdpSocket};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use praya_datapath::tun::TunQueue;
use praya_datapath::udp::socket::Socket;
use praya_identity::WrappingKey;
use praya_model::{Timestamp, log};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::audit::{Audit, GATEWAY};
use crate::config::{Config, LogFormat};
use crate::exit::{Code, Fatal, Result};
use crate::http::tls::ServerTls;
use crate::http::{Limits, Server, serve_plain};
use crate::init::StateDir;
use crate::metrics::{self, Metrics};
use crate::posture::Desk;
use crate::sessions::Sessions;
use crate::sign_in::{SessionDirectory, SignInParts, SignInPolicy, SignInService};
use crate::store::{AuditEvent, NewAudit, Outcome, Store};
use crate::tunnel::datagrams::Datagrams;
use crate::tunnel::device::QueueReader;
use crate::tunnel::shard::workers;
use crate::tunnel::{Shards, Switch, SwitchSettings, Tunnels};
use crate::{api, pki};
use network::Leave;

/// From so many days before its end on, a certificate is complained about.
const EXPIRY_WARNING: Duration = Duration::from_secs(30 * 86_400);

/// What the state folder holds, read and checked; nothing of the machine is touched yet.
pub struct Prepared {
    state: StateDir,
    /// The settings.
    pub config: Arc<Config>,
    /// The database.
    pub store: Store,
    key: Arc<WrappingKey>,
    tls: ServerTls,
    /// The pin of the server's key.
    pub pin: String,
}

/// A gateway that runs.
pub struct Running {
    prepared: Prepared,
    sessions: Arc<Sessions>,
    audit: Audit,
    https: Vec<SocketAddr>,
    metrics: Option<SocketAddr>,
    network: network::Network,
    stop: watch::Sender<bool>,
    stopping: Arc<AtomicBool>,
    servers: JoinSet<()>,
    upkeep: JoinSet<()>,
    /// The readers of the device's queues.
    device: JoinSet<std::io::Result<()>>,
    shards: Arc<Shards>,
}

/// The signals that a running gateway listens to.
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
    restart: Option<Signal>,
    hang_up_ends: bool,
}

/// Why a running gateway stops.
enum End {
    Signal(&'static str),
    Restart,
    Device(String),
}

/// What comes after a gateway that has stopped in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Nothing.
    Over,
    /// A successor, by [`succeed`]; forwarding was left for it.
    Successor,
}

/// Serves until a signal says to stop. `ready` gets one line once people can sign in.
///
/// # Errors
/// What is wrong and what to do; then nothing on the machine is changed.
pub fn run(state: &StateDir, json: bool, ready: &mut dyn Write) -> Result<()> {
    let config = state.config()?;
    start_log(&config);
    let prepared = Prepared::open(state)?;
    let next = runtime()?.block_on(async {
        let running = Running::start(prepared).await?;
        let signals = Signals::listen()?;
        running.announce(json, ready)?;
        running.until_stopped(signals).await
    })?;
    match next {
        Next::Over => Ok(()),
        Next::Successor => Err(succeed(state)),
    }
}

/// Puts this program, as it is on the disk now, in the place of this process; returns only when it cannot, and then
/// nothing is left behind.
fn succeed(state: &StateDir) -> Fatal {
    use std::os::unix::process::CommandExt as _;

    let failed = match std::env::current_exe() {
        Ok(program) => std::process::Command::new(program).args(std::env::args_os().skip(1)).exec(),
        Err(error) => error,
    };
    let journal = state.forwarding_journal();
    let back = runtime().map(|runtime| runtime.block_on(praya_netcfg::revert_journal(&journal)));
    let left = match back {
        Ok(Ok(report)) if report.failed.is_empty() => "",
        Ok(_) | Err(_) => "; forwarding is still on, the next start takes it over",
    };
    Fatal::new(Code::Software, format!("cannot start the program anew: {failed}{left}"))
}

/// Reads and checks everything that `serve` would, and starts nothing.
///
/// # Errors
/// As [`run`], as far as it can be seen from the files.
pub fn check(state: &StateDir) -> Result<Prepared> {
    Prepared::open(state)
}

/// The runtime that everything asynchronous runs on.
///
/// # Errors
/// The system has no threads to give.
pub fn runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Fatal::new(Code::Software, format!("cannot start the runtime: {error}")))
}

/// Sends log lines to the standard error, as the configuration or `RUST_LOG` says.
pub fn start_log(config: &Config) {
    use tracing_subscriber::filter::{LevelFilter, Targets};
    use tracing_subscriber::layer::SubscriberExt;
    use tracing_subscriber::util::SubscriberInitExt;

    let asked = std::env::var("RUST_LOG").map(|filter| log::filter(&filter));
    let filter = match &asked {
        Ok(Ok(filter)) => filter.parse().ok(),
        // The configuration was checked when it was read.
        _ => log::filter(&config.log.filter).ok().and_then(|filter| filter.parse().ok()),
    };
    let filter: Targets = filter.unwrap_or_else(|| Targets::new().with_default(LevelFilter::INFO));
    // Complaints about a standard error that is gone would go to it, and panic.
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .log_internal_errors(false);
    let log = tracing_subscriber::registry();
    // A second call, as in tests, leaves the first one in force.
    let _first_wins = match config.log.format {
        LogFormat::Text => log.with(lines).with(filter).try_init(),
        LogFormat::Json => log.with(lines.json()).with(filter).try_init(),
    };
    if let Ok(Err(error)) = asked {
        tracing::warn!(%error, "RUST_LOG does not count");
    }
}

impl Prepared {
    /// Reads and checks the state folder.
    ///
    /// # Errors
    /// What is wrong and what to do.
    pub fn open(state: &StateDir) -> Result<Self> {
        let config = Arc::new(state.config()?);
        let key = Arc::new(state.wrapping_key()?);
        let store = state.store()?;
        state.secrets_are_private(&config)?;
        let tls = ServerTls::load(&config.tls.certificate, &config.tls.key)
            .map_err(|error| Fatal::new(Code::Config, error.to_string()))?;
        let chain = pki::read_chain(&config.tls.certificate)?;
        let missing = pki::uncovered(&chain, &config.gateway.names)?;
        if !missing.is_empty() {
            return Err(Fatal::new(
                Code::Config,
                format!(
                    "the certificate {} does not cover {} of gateway.names, so clients would be warned; run \
                     `praya-gateway certificate renew`, or take the name out",
                    config.tls.certificate.display(),
                    missing.join(", ")
                ),
            ));
        }
        let now = now();
        if pki::expired_at(&chain, now) {
            return Err(Fatal::new(
                Code::Config,
                format!(
                    "the certificate {} has run out; run `praya-gateway certificate renew`, or replace it",
                    config.tls.certificate.display()
                ),
            ));
        }
        if pki::expired_at(&chain, now.after(EXPIRY_WARNING)) {
            tracing::warn!(
                "the server certificate runs out within 30 days; run `praya-gateway certificate renew`"
            );
        }
        let pin = chain.first().map_or_else(|| Ok(String::new()), pki::pin_of)?;
        Ok(Self { state: state.clone(), config, store, key, tls, pin })
    }
}

impl Running {
    /// Brings the gateway up: ports, device, addresses, forwarding, sessions, and then the doors.
    ///
    /// # Errors
    /// What is wrong and what to do; what was done before is taken back.
    pub async fn start(prepared: Prepared) -> Result<Self> {
        let config = Arc::clone(&prepared.config);
        // Ports first: they are free again by themselves when something else fails.
        let (https, metrics_listener) = listeners::bind(&config.listen)?;
        let addresses = |listener: &TcpListener| listener.local_addr().map_err(listeners::broken);
        let https_addresses = https.iter().map(addresses).collect::<Result<Vec<_>>>()?;
        let metrics_address = metrics_listener.as_ref().map(addresses).transpose()?;

        let workers = workers(config.limits.workers);
        let udp = if config.tunnel.udp {
            listeners::bind_udp(&config.listen, &https_addresses, workers.get())?
        } else {
            Vec::new()
        };

        let metrics = Metrics::new();
        let audit = Audit::new(prepared.store.clone());
        let switching = SwitchSettings::from(&*config);
        let known = switching.own.follow().await;
        known.map_err(|error| Fatal::new(Code::Unavailable, error.to_string()))?;
        // Before the sessions are touched: it fails when another gateway runs on the same state folder.
        let (queues, network) = network::start(&prepared.state, &config.tunnel, workers).await?;
        let sessions = match load_sessions(&prepared, &audit, &metrics).await {
            Ok(sessions) => sessions,
            Err(fatal) => {
                leave(network).await;
                return Err(fatal);
            }
        };

        let switch = Switch::new(switching, metrics.clone());
        let started = start_shards(queues, &switch).and_then(|(shards, device)| {
            let datagrams = start_datagrams(udp, &shards, &metrics)?;
            Ok((datagrams, shards, device))
        });
        let (datagrams, shards, device) = match started {
            Ok(started) => started,
            Err(error) => {
                leave(network).await;
                return Err(Fatal::new(
                    Code::Software,
                    format!("cannot start the threads for tunnels: {error}"),
                ));
            }
        };
        let sign_in = SignInService::new(SignInParts {
            store: prepared.store.clone(),
            key: Arc::clone(&prepared.key),
            sessions: Arc::clone(&sessions) as Arc<dyn SessionDirectory>,
            posture: Desk::new(prepared.store.clone(), audit.clone(), metrics.clone()),
            audit: audit.clone(),
            policy: SignInPolicy::from_config(&config),
            clock: {
                let sessions = Arc::clone(&sessions);
                Arc::new(move || sessions.now())
            },
        });
        let front = api::Front {
            config: Arc::clone(&config),
            sessions: Arc::clone(&sessions),
            sign_in,
            administrators: api::Administrators::new(prepared.store.clone()),
            metrics: metrics.clone(),
        };
        let tunnels = Tunnels::new(
            Arc::clone(&config),
            Arc::clone(&sessions),
            Arc::clone(&switch),
            Arc::clone(&shards),
            datagrams.clone(),
            metrics.clone(),
        );
        let limits = Limits::from(&config.limits);
        let server =
            Arc::new(Server::new(prepared.tls.clone(), api::router(front), tunnels, limits, metrics.clone()));

        let (stop, stopped) = watch::channel(false);
        let stopping = Arc::new(AtomicBool::new(false));
        let healthy = Arc::new(AtomicBool::new(true));
        let upkeep = upkeep::start(&sessions, &audit, &prepared.store, &prepared.tls, &config, &healthy);
        let mut servers = JoinSet::new();
        for listener in https {
            servers.spawn(Arc::clone(&server).serve(listener, stopped.clone()));
        }
        if let Some(datagrams) = datagrams {
            for (index, runtime) in shards.runtimes().cycle().take(datagrams.sockets()).enumerate() {
                runtime.spawn(Arc::clone(&datagrams).receive(index, stopped.clone()));
            }
        }
        if let Some(listener) = metrics_listener {
            let (stopping, healthy) = (Arc::clone(&stopping), Arc::clone(&healthy));
            let readiness: metrics::Readiness =
                Arc::new(move || match (stopping.load(Ordering::Relaxed), healthy.load(Ordering::Relaxed)) {
                    (true, _) => Err("the gateway is stopping".into()),
                    (false, false) => Err("the database does not answer".into()),
                    (false, true) => Ok(()),
                });
            servers.spawn(serve_plain(listener, metrics::router(metrics, readiness), limits, stopped));
        }
        audit
            .record(NewAudit {
                code: Some("started".into()),
                detail: serde_json::json!({ "version": env!("CARGO_PKG_VERSION") }),
                ..NewAudit::new(now(), AuditEvent::Gateway, Outcome::Ok, GATEWAY)
            })
            .await;
        Ok(Self {
            prepared,
            sessions,
            audit,
            https: https_addresses,
            metrics: metrics_address,
            network,
            stop,
            stopping,
            servers,
            upkeep,
            device,
            shards,
        })
    }

    /// Where HTTPS is served.
    pub fn https(&self) -> &[SocketAddr] {
        &self.https
    }

    /// Writes the ready line and tells systemd.
    ///
    /// # Errors
    /// The line cannot be written.
    pub fn announce(&self, json: bool, ready: &mut dyn Write) -> Result<()> {
        let list: Vec<String> = self.https.iter().map(ToString::to_string).collect();
        let pin = &self.prepared.pin;
        let line = if json {
            serde_json::json!({ "ready": true, "https": list, "metrics": self.metrics, "pin": pin })
                .to_string()
        } else {
            let metrics = self.metrics.map_or_else(String::new, |address| format!(", metrics on {address}"));
            format!("ready: HTTPS on {}{metrics}, {pin}", list.join(" and "))
        };
        writeln!(ready, "{line}")
            .and_then(|()| ready.flush())
            .map_err(|error| Fatal::new(Code::Disk, format!("cannot write the ready line: {error}")))?;
        tracing::info!(https = ?self.https, sessions = self.sessions.count(), "ready");
        notify::ready();
        Ok(())
    }

    /// Serves until SIGTERM or SIGINT, or until the device fails. SIGHUP reads the certificate again. SIGUSR2 makes
    /// room for a successor, if it could start.
    ///
    /// # Errors
    /// The device failed, or the machine's network could not be put back.
    pub async fn until_stopped(mut self, mut signals: Signals) -> Result<Next> {
        let end = loop {
            tokio::select! {
                _ = signals.terminate.recv() => break End::Signal("SIGTERM"),
                _ = signals.interrupt.recv() => break End::Signal("SIGINT"),
                _ = signals.hang_up.recv() => {
                    if signals.hang_up_ends {
                        break End::Signal("SIGHUP");
                    }
                    match self.prepared.tls.reload() {
                        Ok(()) => tracing::info!("the certificate was read again"),
                        Err(error) => tracing::error!(%error, "the certificate in use stays"),
                    }
                }
                () = asked(&mut signals.restart) => match Prepared::open(&self.prepared.state) {
                    Ok(_) => break End::Restart,
                    Err(error) => tracing::error!(%error, "a successor could not start; serving on"),
                },
                failed = self.device.join_next() => break End::Device(match failed {
                    None | Some(Ok(Ok(()))) => "it was closed".into(),
                    Some(Ok(Err(error))) => error.to_string(),
                    Some(Err(error)) => error.to_string(),
                }),
            }
        };
        let sessions = self.sessions.count();
        match &end {
            End::Signal(name) => tracing::info!(signal = name, sessions, "stopping"),
            End::Restart => tracing::info!(sessions, "making room for a successor"),
            End::Device(why) => tracing::error!(why, "the tunnel device failed; stopping"),
        }
        let leave = match &end {
            End::Restart => Leave::Forwarding,
            End::Signal(_) if self.prepared.config.tunnel.forwarding_stays => Leave::Forwarding,
            End::Signal(_) | End::Device(_) => Leave::Nothing,
        };
        let stopped = self.wind_up(leave).await;
        match end {
            End::Signal(_) => stopped.map(|()| Next::Over),
            End::Restart => stopped.map(|()| Next::Successor),
            End::Device(why) => Err(Fatal::new(
                Code::Unavailable,
                format!("the tunnel device failed: {why}; start the gateway again"),
            )),
        }
    }

    /// Lets everybody go and puts the machine back. Sessions stay in the database; clients come back by themselves.
    ///
    /// # Errors
    /// The machine's network could not be put back.
    pub async fn stop(self) -> Result<()> {
        self.wind_up(Leave::Nothing).await
    }

    async fn wind_up(mut self, leave: Leave) -> Result<()> {
        notify::stopping();
        self.stopping.store(true, Ordering::Relaxed);
        // Channels first, so that their going counts as ours and not as the clients'.
        self.sessions.drain();
        let _nobody_listens = self.stop.send(true);
        while self.servers.join_next().await.is_some() {}
        self.upkeep.shutdown().await;
        self.device.abort_all();
        self.shards.stop().await;
        if let Err(error) = self.sessions.close(self.sessions.now()).await {
            tracing::error!(%error, "the last counters could not be stored");
        }
        self.audit
            .record(NewAudit {
                code: Some("stopped".into()),
                ..NewAudit::new(now(), AuditEvent::Gateway, Outcome::Ok, GATEWAY)
            })
            .await;
        self.network.stop(leave).await
    }
}

impl Signals {
    /// Listens from now on; a signal that comes before it ends the process as the system does.
    ///
    /// # Errors
    /// The system refuses.
    pub fn listen() -> Result<Self> {
        let listen = |kind| {
            signal(kind)
                .map_err(|error| Fatal::new(Code::Software, format!("cannot listen for signals: {error}")))
        };
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
            hang_up: listen(SignalKind::hangup())?,
            restart: Some(listen(SignalKind::user_defined2())?),
            hang_up_ends: false,
        })
    }

    /// For a gateway that belongs to a terminal: it ends with it, and nobody succeeds it.
    #[must_use]
    pub fn of_a_terminal(self) -> Self {
        Self { restart: None, hang_up_ends: true, ..self }
    }
}

/// Waits for the signal, for ever where it means nothing.
async fn asked(signal: &mut Option<Signal>) {
    match signal {
        Some(signal) => {
            signal.recv().await;
        }
        None => std::future::pending().await,
    }
}

/// A thread for each queue of the device, and on each a reader.
fn start_shards(
    queues: Vec<TunQueue>,
    switch: &Arc<Switch>,
) -> std::io::Result<(Arc<Shards>, JoinSet<std::io::Result<()>>)> {
    let (mut queues, mut adopted) = (queues.into_iter(), Vec::new());
    let count = NonZeroUsize::new(queues.len()).ok_or(std::io::ErrorKind::InvalidInput)?;
    let shards = Shards::start(count, || {
        let queue = queues.next().ok_or(std::io::ErrorKind::InvalidInput)?.adopted()?;
        let queue = Arc::new(queue);
        adopted.push(Arc::clone(&queue));
        Ok(queue)
    })?;
    let mut readers = JoinSet::new();
    for (runtime, queue) in shards.runtimes().zip(adopted) {
        let switch = Arc::clone(switch);
        let reading = async move { switch.run(QueueReader::new(Arc::clone(&queue)), &*queue).await };
        readers.spawn_on(reading, runtime);
    }
    Ok((Arc::new(shards), readers))
}

/// The sockets for datagrams, each waited for by the thread that will receive on it; `None` without any.
fn start_datagrams(
    sockets: Vec<UdpSocket>,
    shards: &Shards,
    metrics: &Metrics,
) -> std::io::Result<Option<Arc<Datagrams>>> {
    if sockets.is_empty() {
        return Ok(None);
    }
    let sockets = sockets.into_iter().zip(shards.runtimes().cycle()).map(|(socket, runtime)| {
        let _entered = runtime.enter();
        Socket::listen(socket)
    });
    Datagrams::new(sockets.collect::<std::io::Result<_>>()?, metrics.clone()).map(Some)
}

/// Takes back what was changed on this machine, when something else went wrong.
async fn leave(network: network::Network) {
    if let Err(error) = network.stop(Leave::Nothing).await {
        tracing::warn!(%error, "not everything could be taken back");
    }
}

async fn load_sessions(prepared: &Prepared, audit: &Audit, metrics: &Metrics) -> Result<Arc<Sessions>> {
    let (audit, config, metrics) = (audit.clone(), Arc::clone(&prepared.config), metrics.clone());
    let sessions = prepared
        .store
        .run(move |store| {
            let sessions = Sessions::load(store.clone(), audit, config, now())?;
            sessions.end_closed(now())?;
            Ok::<_, crate::store::StoreError>(sessions.with_metrics(metrics))
        })
        .await?;
    Ok(Arc::new(sessions))
}

/// The system's time.
pub fn now() -> Timestamp {
    Timestamp::from(SystemTime::now())
}
