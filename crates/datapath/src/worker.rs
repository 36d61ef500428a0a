//! A thread for tunnels, with a tokio runtime to itself: what runs there never changes threads, and waits for nobody
//! else's work.

use std::io;
use std::sync::mpsc;
use std::thread;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

/// The thread. It ends, with everything that still runs on it, when this is dropped.
#[derive(Debug)]
pub struct Worker {
    runtime: Handle,
    /// Dropping it ends the thread.
    stop: oneshot::Sender<()>,
    thread: thread::JoinHandle<()>,
}

impl Worker {
    /// Starts the thread; the system's tools show it by `name`, of which Linux keeps 15 bytes.
    ///
    /// # Errors
    /// The system has no thread to give, or nothing to wait for sockets with.
    pub fn start(name: &str) -> io::Result<Self> {
        let (stop, stopped) = oneshot::channel::<()>();
        let (tell, told) = mpsc::channel();
        // The runtime lives and dies on its thread, because none may be dropped where another one runs tasks.
        let thread = thread::Builder::new().name(name.to_owned()).spawn(move || {
            let runtime = match Builder::new_current_thread().enable_all().build() {
                Ok(runtime) => runtime,
                Err(error) => {
                    // The receiver is a few lines below.
                    let _ = tell.send(Err(error));
                    return;
                }
            };
            let _ = tell.send(Ok(runtime.handle().clone()));
            // Nothing is ever sent: the sender only goes.
            let _gone = runtime.block_on(stopped);
            // A name that the system still looks up is not waited for.
            runtime.shutdown_background();
        })?;
        let runtime = told.recv().map_err(io::Error::other)??;
        Ok(Self { runtime, stop, thread })
    }

    /// The thread's runtime. What is made while it is entered, is waited for by that thread.
    pub fn runtime(&self) -> &Handle {
        &self.runtime
    }

    /// Ends the thread with everything that still runs on it, and waits for that.
    pub async fn stop(self) {
        let Self { stop, thread, .. } = self;
        drop(stop);
        let ending = tokio::task::spawn_blocking(move || {
            let name = thread.thread().name().unwrap_or_default().to_owned();
            if thread.join().is_err() {
                tracing::error!(thread = %name, "a thread for tunnels had panicked");
            }
        });
        // It fails only when the caller's runtime goes down, and the thread with the process.
        let _ended = ending.await;
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    #[tokio::test]
    async fn the_thread_ends_with_everything_that_still_runs_there_and_not_by_a_panic() {
        let worker = Worker::start("tunnel").unwrap();
        let (running, runs) = oneshot::channel();
        let lasting = worker.runtime().spawn(async move {
            running.send(thread::current().name().map(str::to_owned)).unwrap();
            pending::<()>().await;
        });
        assert_eq!(runs.await.unwrap().as_deref(), Some("tunnel"));
        let panics = worker.runtime().spawn(async { panic!("a task's own end, and no other's") });
        assert!(panics.await.unwrap_err().is_panic());
        assert!(!lasting.is_finished());
        let late = worker.runtime().clone();
        worker.stop().await;
        assert!(lasting.await.unwrap_err().is_cancelled());
        assert!(late.spawn(pending::<()>()).await.unwrap_err().is_cancelled());
    }
}
