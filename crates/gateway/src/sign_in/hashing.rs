//! Password hashing off the asynchronous threads, bounded in parallel and in waiting, so that a flood of sign-ins
//! costs neither memory nor the other users.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use praya_identity::password::Hasher;
use tokio::sync::Semaphore;

/// Runs hashes, a few at a time.
#[derive(Debug)]
pub(super) struct HashPool {
    permits: Arc<Semaphore>,
    // Each keeps the memory of one hash, handed on to whoever waits.
    idle: Arc<Mutex<Vec<Hasher>>>,
    parallel: usize,
    waiting: Arc<AtomicUsize>,
    max_waiting: usize,
}

/// Too many are waiting already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PoolBusy {
    /// When it is worth trying again.
    pub(super) retry_after_seconds: u32,
}

impl HashPool {
    pub(super) fn new(parallel: usize, max_waiting: usize) -> Self {
        let parallel = parallel.max(1);
        Self {
            permits: Arc::new(Semaphore::new(parallel)),
            idle: Arc::default(),
            parallel,
            waiting: Arc::default(),
            max_waiting,
        }
    }

    /// Runs `work` as soon as a place is free.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Hasher) -> T + Send + 'static,
    ) -> Result<T, PoolBusy> {
        let permit = match Arc::clone(&self.permits).try_acquire_owned() {
            Ok(permit) => permit,
            Err(_) => {
                let _place = self.queue()?;
                Arc::clone(&self.permits).acquire_owned().await.map_err(|_| self.busy(0))?
            }
        };
        let (idle, waiting) = (Arc::clone(&self.idle), Arc::clone(&self.waiting));
        let hashed = tokio::task::spawn_blocking(move || {
            let spare = || idle.lock().unwrap_or_else(PoisonError::into_inner);
            let mut hasher = spare().pop().unwrap_or_default();
            let done = work(&mut hasher);
            if waiting.load(Ordering::Relaxed) > 0 {
                spare().push(hasher);
            } else {
                // It is quiet: the memory, 19 MiB a piece, goes back to the system.
                drop(hasher);
                spare().clear();
            }
            drop(permit);
            done
        });
        hashed.await.map_err(|_| self.busy(0))
    }

    fn queue(&self) -> Result<Place<'_>, PoolBusy> {
        let before = self.waiting.fetch_add(1, Ordering::Relaxed);
        let place = Place(&self.waiting);
        if before >= self.max_waiting { Err(self.busy(before)) } else { Ok(place) }
    }

    /// Ten hashes a second and core is what OWASP's parameters cost on slow machines.
    fn busy(&self, waiting: usize) -> PoolBusy {
        let seconds = waiting / (self.parallel * 10) + 1;
        PoolBusy { retry_after_seconds: u32::try_from(seconds).unwrap_or(u32::MAX) }
    }
}

/// A place in the queue, given back when dropped.
struct Place<'a>(&'a AtomicUsize);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn a_flood_is_told_to_come_back_and_the_rest_is_served() {
        let pool = Arc::new(HashPool::new(2, 3));
        let running = Arc::new(AtomicUsize::new(0));
        let (release, hold) = mpsc::channel::<()>();
        let hold = Arc::new(Mutex::new(hold));
        let (started, mut begun) = tokio::sync::mpsc::unbounded_channel();
        let jobs: Vec<_> = (0..5)
            .map(|_| {
                let (pool, running, hold) = (Arc::clone(&pool), Arc::clone(&running), Arc::clone(&hold));
                let started = started.clone();
                tokio::spawn(async move {
                    pool.run(move |_| {
                        let at_once = running.fetch_add(1, Ordering::SeqCst) + 1;
                        started.send(()).unwrap();
                        hold.lock().unwrap().recv().unwrap();
                        running.fetch_sub(1, Ordering::SeqCst);
                        at_once
                    })
                    .await
                })
            })
            .collect();
        begun.recv().await;
        begun.recv().await;
        while pool.waiting.load(Ordering::Relaxed) < 3 {
            tokio::task::yield_now().await;
        }
        assert_eq!(pool.run(|_| ()).await, Err(PoolBusy { retry_after_seconds: 1 }));
        for _ in 0..5 {
            release.send(()).unwrap();
        }
        for job in jobs {
            assert!(job.await.unwrap().unwrap() <= 2, "never more than two at once");
        }
        assert_eq!(pool.run(|_| 7).await, Ok(7));
        assert!(pool.idle.lock().unwrap().is_empty(), "when it is quiet, no memory is kept");
    }
}
