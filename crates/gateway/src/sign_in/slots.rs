//! One judgement at a time for one name, so that parallel guesses get no more tries than the lock allows.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use praya_identity::lockout::NameKey;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How many may wait for one name.
const MAX_WAITING: usize = 8;

/// The names being judged.
#[derive(Debug, Default)]
pub(super) struct Slots {
    names: Mutex<HashMap<NameKey, Arc<Semaphore>>>,
}

/// The right to judge a name.
#[derive(Debug)]
pub(super) struct Slot {
    slots: Arc<Slots>,
    name: NameKey,
    permit: Option<OwnedSemaphorePermit>,
}

impl Slots {
    /// Waits for the name's turn; `None` when too many wait already.
    pub(super) async fn enter(self: &Arc<Self>, name: NameKey) -> Option<Slot> {
        let turn = {
            let mut names = self.names();
            let turn = names.entry(name).or_insert_with(|| Arc::new(Semaphore::new(1)));
            // One reference in the table, one with the holder, one with each who waits.
            if Arc::strong_count(turn) > MAX_WAITING + 1 {
                return None;
            }
            Arc::clone(turn)
        };
        let permit = turn.acquire_owned().await.ok()?;
        Some(Slot { slots: Arc::clone(self), name, permit: Some(permit) })
    }

    fn names(&self) -> MutexGuard<'_, HashMap<NameKey, Arc<Semaphore>>> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut names = self.slots.names();
        drop(self.permit.take());
        if names.get(&self.name).is_some_and(|turn| Arc::strong_count(turn) == 1) {
            names.remove(&self.name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_at_a_time_a_few_wait_and_nothing_is_left() {
        let slots = Arc::new(Slots::default());
        let name = NameKey([1; 32]);
        let first = slots.enter(name).await.unwrap();
        assert!(slots.enter(NameKey([2; 32])).await.is_some(), "other names do not wait");
        let waiting: Vec<_> = (0..MAX_WAITING)
            .map(|_| {
                let slots = Arc::clone(&slots);
                tokio::spawn(async move { slots.enter(name).await.is_some() })
            })
            .collect();
        while Arc::strong_count(slots.names().get(&name).unwrap()) < MAX_WAITING + 2 {
            tokio::task::yield_now().await;
        }
        assert!(slots.enter(name).await.is_none());
        drop(first);
        for one in waiting {
            assert!(one.await.unwrap());
        }
        assert!(slots.names().is_empty());
    }
}
