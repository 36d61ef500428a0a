//! From settings to a running service, and back down again.

use std::future::Future;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use praya_datapath::worker::Worker;
use praya_ipc::{BindError, Limits, Rules, Server, View};
use praya_model::FailureCode;
use praya_netcfg::{NetcfgError, NetworkConfigurator, Options, RevertReport};
use praya_session::{Session, Settings};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep};

use crate::channels::Means;
use crate::clock::Clock;
use crate::config::Config;
use crate::device_key::DeviceKey;
use crate::gateways::Gateways;
use crate::handler::Door;
use crate::network::{self, Leftovers};
use crate::owner::{Owner, Parts};
use crate::profiles::Profiles;
use crate::resume::ResumeFile;
use crate::{files, notify, tls};

/// The files of the state folder; the journal's name is shared with `praya reset-network`.
const DEVICE_KEY: &str = "device.key";
const PROFILES: &str = "profiles.json";
const RESUME: &str = "resume.json";
/// How long a predecessor may take to be gone for good.
const PREDECESSOR: Duration = Duration::from_secs(2);
/// How often it is looked for meanwhile.
const RETRY: Duration = Duration::from_millis(50);
/// The capability that changes networks (linux/capability.h).
const CAP_NET_ADMIN: u32 = 12;

/// Why the service does not start. One message each, with what to do.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The process may not change the network.
    #[error("prayad needs the right to manage networks: run it as root, or with CAP_NET_ADMIN")]
    NotPermitted,
    /// The state folder is not usable.
    #[error("the state folder {path} cannot be used: {error}{}", what_to_do(error))]
    State {
        /// Which.
        path: String,
        /// Why.
        error: io::Error,
    },
    /// A file of the state folder is not usable.
    #[error("{path} cannot be used: {error}{}", what_to_do(error))]
    File {
        /// Which.
        path: String,
        /// Why.
        error: io::Error,
    },
    /// The file with further roots is not usable.
    #[error("the CA file {path} cannot be used: {error}")]
    CaFile {
        /// Which.
        path: String,
        /// Why.
        error: rustls_pki_types::pem::Error,
    },
    /// The socket cannot be had.
    #[error(transparent)]
    Socket(#[from] BindError),
    /// The journal or netlink cannot be had.
    #[error(transparent)]
    Network(#[from] NetcfgError),
    /// The tunnel's thread cannot be had.
    #[error("the system gives the tunnel no thread: {0}")]
    Thread(io::Error),
    /// There is no randomness.
    #[error("the system gives no random numbers")]
    Random,
}

/// Only damage is a reason to part with a file: the key is this machine's identity, and comes back from no gateway.
#[expect(clippy::wildcard_enum_match_arm, reason = "the system's list of errors is open")]
fn what_to_do(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::InvalidData => "; put it aside to start without it",
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "; make room on that disk and try again",
        _ => "",
    }
}

impl StartError {
    /// The exit code, as in sysexits.h.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::NotPermitted => 77,
            Self::State { .. } => 73,
            Self::File { .. } => 74,
            Self::CaFile { .. } => 78,
            Self::Socket(BindError::AlreadyRunning(_)) | Self::Network(NetcfgError::JournalInUse { .. }) => {
                69
            }
            Self::Socket(BindError::UnsafeFolder(_) | BindError::NotASocket(_) | BindError::Io { .. }) => 73,
            Self::Network(NetcfgError::NotPermitted { .. }) => 77,
            Self::Network(_) | Self::Thread(_) | Self::Random => 71,
        }
    }
}

/// Runs the service until `stop` is ready.
///
/// # Errors
/// See [`StartError`]; nothing is changed then.
pub async fn run(config: Config, stop: impl Future<Output = ()>) -> Result<(), StartError> {
    if !may_manage_networks() {
        return Err(StartError::NotPermitted);
    }
    make_state_folder(&config.state)?;
    let extra_roots = match &config.ca_file {
        Some(path) => tls::read_ca_file(path)
            .map_err(|error| StartError::CaFile { path: path.display().to_string(), error })?,
        None => Vec::new(),
    };
    // The socket first: its lock keeps a second service away from the journal.
    let server = bind(&config.socket).await?;
    let key_file = config.state_file(DEVICE_KEY);
    let key = DeviceKey::load_or_create(&key_file).map_err(|error| unusable(&key_file, error))?;
    let profiles_file = config.state_file(PROFILES);
    let profiles = Profiles::load(profiles_file.clone()).map_err(|error| unusable(&profiles_file, error))?;

    // What a crashed service left is undone before anything else happens to this machine.
    let options = Options {
        resolv_conf: config.resolv_conf.clone(),
        use_resolved: config.use_resolved,
        ..Options::new(config.state_file(praya_model::paths::JOURNAL_FILE))
    };
    let (configurator, report) = open_configurator(options).await?;
    let leftovers = Leftovers::default();
    let mut reverted = network::finished(&report);
    if let Err(failure) = &reverted {
        tracing::error!(?failure, "a crashed service left something that cannot be taken back");
    }
    if let Some(kept) = &report.damaged {
        let detail = format!("the undo journal was damaged and is kept as {}", kept.display());
        reverted = reverted.and(Err(FailureCode::NetworkSetup { detail }));
    }
    leftovers.set(&reverted);

    let clock = Clock::start();
    let host_name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let settings = Settings {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        host_name: host_name.clone(),
        device_key: Some(key.public()),
        ..Settings::default()
    };
    let mut seed = [0; 8];
    SystemRandom::new().fill(&mut seed).map_err(|_| StartError::Random)?;
    let session = Session::new(settings, u64::from_ne_bytes(seed));

    let tunnel = Worker::start("tunnel").map_err(StartError::Thread)?;
    let (report_in, reports) = mpsc::channel(16);
    let (orders, worker) = network::start(
        configurator,
        tunnel.runtime().clone(),
        config.tun_name.clone(),
        clock,
        leftovers.clone(),
        report_in,
    );
    let (calls_in, calls) = mpsc::channel(64);
    let (counts_in, counts) = mpsc::channel(64);
    let (view_in, view) = watch::channel(View::default());
    let rules = Rules { people: config.people.clone() };
    let mut owner = Owner::new(
        session,
        Parts {
            network: orders,
            reports,
            leftovers,
            calls,
            counts,
            view: view_in,
            key: Arc::new(key),
            gateways: Arc::new(Gateways::new(extra_roots)),
            profiles,
            resume: ResumeFile::new(config.state_file(RESUME)),
            rules: rules.clone(),
            host_name,
            means: Means { udp: config.udp, super_packets: config.super_packets },
            tunnel: tunnel.runtime().clone(),
            clock,
        },
    );
    // Before the first view can look: an earlier session is never drawn as signed out.
    owner.restore().await;

    let (going_down, down) = watch::channel(false);
    let door = Arc::new(Door::new(calls_in, counts_in, view, rules));
    let mut served = down.clone();
    let serving = tokio::spawn(server.serve(door, async move {
        // An error means that the sender is gone: down as well.
        let _ = served.wait_for(|down| *down).await;
    }));
    tracing::info!(version = env!("CARGO_PKG_VERSION"), socket = %config.socket.display(), "ready");
    notify::ready();
    let stopped = async {
        stop.await;
        tracing::info!("going down; a session is kept for the next start");
        notify::stopping();
    };
    owner.run(stopped).await;
    let _ = going_down.send(true);
    if let Err(error) = serving.await {
        tracing::error!(%error, "the local socket's server failed");
    }
    match worker.await {
        Ok(configurator) => {
            if let Err(error) = configurator.close().await {
                tracing::error!(%error, "the undo journal cannot be closed");
            }
        }
        Err(error) => tracing::error!(%error, "the network worker failed"),
    }
    // A channel whose last word is still not out ends here.
    tunnel.stop().await;
    tracing::info!("stopped");
    Ok(())
}

/// Listens; waits a moment for a killed service whose last threads still hold the lock.
async fn bind(socket: &Path) -> Result<Server, BindError> {
    let deadline = Instant::now() + PREDECESSOR;
    loop {
        match Server::bind(socket, Limits::default()) {
            Err(BindError::AlreadyRunning(_)) if Instant::now() < deadline => sleep(RETRY).await,
            result => return result,
        }
    }
}

/// As [`bind`], for the journal's lock.
async fn open_configurator(options: Options) -> Result<(NetworkConfigurator, RevertReport), NetcfgError> {
    let deadline = Instant::now() + PREDECESSOR;
    loop {
        match NetworkConfigurator::open(options.clone()).await {
            Err(NetcfgError::JournalInUse { .. }) if Instant::now() < deadline => sleep(RETRY).await,
            result => return result,
        }
    }
}

fn make_state_folder(path: &Path) -> Result<(), StartError> {
    let failed = |error| StartError::State { path: path.display().to_string(), error };
    files::make_private_folder(path).map_err(failed)?;
    let about = std::fs::metadata(path).map_err(failed)?;
    if !about.is_dir() {
        return Err(failed(io::ErrorKind::NotADirectory.into()));
    }
    // systemd makes it with the mode of its own setting; secrets want this one.
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700)).map_err(failed)
}

fn unusable(path: &Path, error: io::Error) -> StartError {
    StartError::File { path: path.display().to_string(), error }
}

/// Whether the kernel lets this process change networks; where it does not say, trying will tell.
fn may_manage_networks() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let Some(set) = effective.and_then(|set| u64::from_str_radix(set.trim(), 16).ok()) else { return true };
    set >> CAP_NET_ADMIN & 1 == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_damaged_file_is_to_be_put_aside() {
        let says = |kind: io::ErrorKind| unusable(Path::new("device.key"), kind.into()).to_string();
        assert!(says(io::ErrorKind::InvalidData).ends_with("put it aside to start without it"));
        assert!(says(io::ErrorKind::StorageFull).ends_with("make room on that disk and try again"));
        assert!(!says(io::ErrorKind::ReadOnlyFilesystem).contains("aside"));
    }

    #[test]
    fn the_state_folder_is_made_private_even_where_it_was_not() {
        let dir = tempfile::tempdir().unwrap();
        let state = dir.path().join("praya");
        std::fs::create_dir(&state).unwrap();
        make_state_folder(&state).unwrap();
        assert_eq!(std::fs::metadata(&state).unwrap().permissions().mode() & 0o777, 0o700);
        let file = dir.path().join("file");
        std::fs::write(&file, "").unwrap();
        assert!(make_state_folder(&file).is_err());
    }
}
