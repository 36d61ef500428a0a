//! The local socket on Linux: its file, its folder, and the kernel's word on who calls.

use std::collections::HashMap;
use std::fs::{self, File, Permissions};
use std::future::Future;
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use praya_model::FailureCode;
use rustix::fs::FlockOperation;
use thiserror::Error;
use tokio::io::AsyncWriteExt;
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinSet;

use crate::authorise::Caller;
use crate::connection::{Handler, Limits, serve_connection};
use crate::frame::encode;
use crate::message::FromService;

/// Where the service listens unless told otherwise.
pub const DEFAULT_SOCKET: &str = "/run/praya/praya.sock";

/// Everybody may connect; what a caller may do is decided by [`crate::authorise()`], request by request.
const SOCKET_MODE: u32 = 0o666;

/// Why the service cannot listen.
#[derive(Debug, Error)]
pub enum BindError {
    /// Another service listens there.
    #[error("another service is listening on {0}")]
    AlreadyRunning(PathBuf),
    /// Others could put a socket of their own there.
    #[error("the folder {0} must be a folder of this user that nobody else may write to")]
    UnsafeFolder(PathBuf),
    /// Something else is in the way.
    #[error("{0} exists and is not a socket")]
    NotASocket(PathBuf),
    /// The system's refusal.
    #[error("cannot listen on {path}: {error}")]
    Io {
        /// Where.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
}

/// The listening socket. Its file goes when the server is dropped.
#[derive(Debug)]
pub struct Server {
    listener: UnixListener,
    limits: Limits,
    file: SocketFile,
}

/// Removes the socket's file before the lock goes.
#[derive(Debug)]
struct SocketFile {
    path: PathBuf,
    _lock: File,
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        // What is left after a failure is a stale socket, which the next start replaces.
        let _ = fs::remove_file(&self.path);
    }
}

impl Server {
    /// Listens on `path`. A missing folder is made (one level, mode 0755); a socket that a crashed service left is
    /// replaced; a lock beside the socket (`<path>.lock`) keeps two services apart.
    ///
    /// Must be called within a tokio runtime.
    ///
    /// # Errors
    /// See [`BindError`].
    pub fn bind(path: &Path, limits: Limits) -> Result<Self, BindError> {
        let failed = |error: io::Error| BindError::Io { path: path.to_owned(), error };
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            Some(_) | None => Path::new("."),
        };
        match fs::DirBuilder::new().mode(0o755).create(folder) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(failed(error)),
        }
        let about = fs::symlink_metadata(folder).map_err(failed)?;
        let me = rustix::process::geteuid().as_raw();
        let others_write = about.mode() & 0o022 != 0;
        if !about.is_dir() || (about.uid() != me && about.uid() != 0) || others_write {
            return Err(BindError::UnsafeFolder(folder.to_owned()));
        }

        let mut lock_path = path.as_os_str().to_owned();
        lock_path.push(".lock");
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(lock_path)
            .map_err(failed)?;
        rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive).map_err(|error| {
            if error == rustix::io::Errno::WOULDBLOCK {
                BindError::AlreadyRunning(path.to_owned())
            } else {
                failed(error.into())
            }
        })?;
        match fs::symlink_metadata(path) {
            Ok(about) if about.file_type().is_socket() => fs::remove_file(path).map_err(failed)?,
            Ok(_) => return Err(BindError::NotASocket(path.to_owned())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error)),
        }
        let listener = UnixListener::bind(path).map_err(failed)?;
        let file = SocketFile { path: path.to_owned(), _lock: lock };
        fs::set_permissions(path, Permissions::from_mode(SOCKET_MODE)).map_err(failed)?;
        Ok(Self { listener, limits, file })
    }

    /// Where it listens.
    pub fn path(&self) -> &Path {
        &self.file.path
    }

    /// Serves views until `stop` is ready; then every connection is cut and the socket's file removed.
    pub async fn serve<H: Handler>(self, handler: Arc<H>, stop: impl Future<Output = ()>) {
        let seats = Arc::new(Seats::default());
        let limits = Arc::new(self.limits.clone());
        let mut connections = JoinSet::new();
        tokio::pin!(stop);
        loop {
            tokio::select! {
                () = &mut stop => break,
                Some(_) = connections.join_next() => {}
                accepted = self.listener.accept() => {
                    let Ok((stream, _)) = accepted else {
                        // Out of file descriptors: give connections time to end.
                        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                        continue;
                    };
                    let caller = caller_of(&stream);
                    match Seats::take(&seats, caller, &limits) {
                        Some(seat) => {
                            let handler = Arc::clone(&handler);
                            let limits = Arc::clone(&limits);
                            connections.spawn(async move {
                                let _seat = seat;
                                serve_connection(stream, caller, handler, &limits).await;
                            });
                        }
                        None => turn_away(stream).await,
                    }
                }
            }
        }
    }
}

/// Who is at the other end, by SO_PEERCRED.
fn caller_of(stream: &UnixStream) -> Caller {
    match stream.peer_cred() {
        Ok(peer) => Caller::User { uid: peer.uid() },
        Err(_) => Caller::Unknown,
    }
}

/// Says that there is no room. A fresh socket's buffer takes the frame at once, so nobody can hold this up.
async fn turn_away(mut stream: UnixStream) {
    let failure = FailureCode::Busy { retry_after_seconds: 5 }.into();
    if let Ok(frame) = encode(&FromService::Closing { failure }) {
        // The view sees the end of the connection in any case.
        let _ = stream.write_all(&frame).await;
    }
}

/// How many connections there are, in all and by user.
#[derive(Debug, Default)]
struct Seats(Mutex<HashMap<Caller, usize>>);

struct Seat {
    seats: Arc<Seats>,
    caller: Caller,
}

impl Seats {
    fn take(seats: &Arc<Self>, caller: Caller, limits: &Limits) -> Option<Seat> {
        let mut taken = seats.0.lock().unwrap_or_else(PoisonError::into_inner);
        let all: usize = taken.values().sum();
        let own = taken.entry(caller).or_default();
        // Root gets in even when a person's programs have taken every seat.
        let full = all >= limits.connections || *own >= limits.connections_per_user;
        if full && (caller != Caller::ROOT || *own >= limits.connections_per_user) {
            return None;
        }
        *own += 1;
        Some(Seat { seats: Arc::clone(seats), caller })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.seats.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = taken.get_mut(&self.caller) {
            *own = own.saturating_sub(1);
            if *own == 0 {
                taken.remove(&self.caller);
            }
        }
    }
}
