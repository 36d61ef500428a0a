//! The threads that tunnels run on: each has a runtime and a queue of the device of its own. What a session sends comes
//! back to the thread that sent it, and what travels by TLS never changes threads. A datagram does, where the system
//! hands it to the socket of another thread than its session's.

use std::io;
use std::num::NonZeroUsize;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use praya_datapath::PacedStream;
use praya_datapath::worker::Worker;
use tokio::net::TcpStream;
use tokio::runtime::Handle;

use super::switch::Uplink;

/// How many threads `limits.workers` stands for: 0 is as many as the process may use cores.
pub fn workers(configured: u32) -> NonZeroUsize {
    let configured = usize::try_from(configured).ok().and_then(NonZeroUsize::new);
    configured.or_else(|| thread::available_parallelism().ok()).unwrap_or(NonZeroUsize::MIN)
}

/// All threads for tunnels.
pub struct Shards {
    shards: Vec<Arc<Shard>>,
    workers: Mutex<Vec<Worker>>,
}

/// A tunnel's place on one of the threads; dropping it makes room for another.
pub struct Place(Arc<Shard>);

struct Shard {
    runtime: Handle,
    uplink: Arc<dyn Uplink>,
    tunnels: AtomicUsize,
}

impl Shards {
    /// So many threads, at least one. `uplink` is called for each of them with its runtime entered.
    ///
    /// # Errors
    /// The system has no threads to give, or those of `uplink`.
    pub fn start(
        count: NonZeroUsize,
        mut uplink: impl FnMut() -> io::Result<Arc<dyn Uplink>>,
    ) -> io::Result<Self> {
        let (mut shards, mut workers) = (Vec::new(), Vec::new());
        for number in 0..count.get() {
            let worker = Worker::start(&format!("tunnels-{number}"))?;
            let runtime = worker.runtime().clone();
            let uplink = {
                let _entered = runtime.enter();
                uplink()?
            };
            shards.push(Arc::new(Shard { runtime, uplink, tunnels: AtomicUsize::new(0) }));
            workers.push(worker);
        }
        Ok(Self { shards, workers: Mutex::new(workers) })
    }

    /// A place on the thread that has the fewest tunnels.
    pub fn place(&self) -> Place {
        let least = self.shards.iter().min_by_key(|shard| shard.tunnels.load(Relaxed));
        let shard = Arc::clone(least.expect("there is at least one shard"));
        shard.tunnels.fetch_add(1, Relaxed);
        Place(shard)
    }

    /// Every thread's runtime, in the order of the queues.
    pub fn runtimes(&self) -> impl Iterator<Item = &Handle> + Clone {
        self.shards.iter().map(|shard| &shard.runtime)
    }

    /// Ends the threads with everything that still runs on them, and waits for that.
    pub async fn stop(&self) {
        let workers = std::mem::take(&mut *self.workers.lock().unwrap_or_else(PoisonError::into_inner));
        for worker in workers {
            worker.stop().await;
        }
    }
}

impl Place {
    /// Where packets of tunnels on this thread leave.
    pub fn uplink(&self) -> Arc<dyn Uplink> {
        Arc::clone(&self.0.uplink)
    }

    /// The connection, waited for by the thread's own runtime from now on; its packets wait in their queue, where
    /// flows take turns, and not in the kernel's.
    ///
    /// # Errors
    /// The system's.
    pub fn adopt(&self, stream: TcpStream) -> io::Result<PacedStream> {
        let stream = stream.into_std()?;
        let _entered = self.0.runtime.enter();
        PacedStream::new(TcpStream::from_std(stream)?)
    }

    /// The thread's runtime.
    pub fn runtime(&self) -> Handle {
        self.0.runtime.clone()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.tunnels.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::super::lab::Outside;
    use super::*;

    fn shards(count: usize) -> Shards {
        Shards::start(NonZeroUsize::new(count).unwrap(), || Ok(Arc::new(Outside::default()))).unwrap()
    }

    #[tokio::test]
    async fn tunnels_spread_over_the_threads_and_stay_where_they_are() {
        let shards = shards(2);
        let places = [shards.place(), shards.place(), shards.place(), shards.place()];
        let mut on = Vec::new();
        for place in &places {
            let first = place.runtime().spawn(async { thread::current().id() }).await.unwrap();
            assert_eq!(place.runtime().spawn(async { thread::current().id() }).await.unwrap(), first);
            on.push(first);
        }
        assert_eq!((on[0], on[1]), (on[2], on[3]));
        assert_ne!(on[0], on[1]);
        let [_, second, third, _] = places;
        drop(second);
        assert_eq!(shards.place().runtime().spawn(async { thread::current().id() }).await.unwrap(), on[1]);
        drop(third);
    }

    #[tokio::test]
    async fn stopping_ends_what_still_runs() {
        let shards = shards(1);
        let (held, released) = oneshot::channel::<()>();
        shards.place().runtime().spawn(async move {
            let _held = held;
            std::future::pending::<()>().await;
        });
        shards.stop().await;
        assert!(released.await.is_err());
    }

    #[test]
    fn as_many_workers_as_configured_or_as_cores() {
        assert_eq!(workers(3).get(), 3);
        assert_eq!(Some(workers(0)), thread::available_parallelism().ok());
    }
}
