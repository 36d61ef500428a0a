//! What is being read, away from whoever waits for it. A system that never answers keeps one thread for each question
//! and no more: who asks again before that one came back is told at once that it is late.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Condvar, LazyLock, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

use super::RESERVE;
use super::machine::Machine;
use crate::facts::Unavailable;

/// The questions that are being read, with the moment from which on their reader is late.
#[derive(Debug, Default)]
pub(super) struct Readers {
    late_at: Mutex<BTreeMap<&'static str, Instant>>,
    free: Condvar,
}

impl Readers {
    /// Those of this machine, shared by everybody who reads it.
    pub(super) fn of_this_machine() -> Arc<Self> {
        static HERE: LazyLock<Arc<Readers>> = LazyLock::new(Arc::default);
        Arc::clone(&HERE)
    }

    fn is_late(&self, question: &str) -> bool {
        self.late_at().get(question).is_some_and(|late_at| *late_at <= Instant::now())
    }

    /// Waits until nobody reads the same, but neither for one that is late nor longer than `until`.
    fn turn(&self, question: &'static str, until: Instant) -> Result<Turn<'_>, Unavailable> {
        let mut under_way = self.late_at();
        while let Some(late_at) = under_way.get(question) {
            let left = until.min(*late_at).saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(Unavailable::TimedOut);
            }
            under_way = self.free.wait_timeout(under_way, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        under_way.insert(question, until);
        Ok(Turn { readers: self, question })
    }

    fn late_at(&self) -> MutexGuard<'_, BTreeMap<&'static str, Instant>> {
        self.late_at.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right to read, until it is dropped.
struct Turn<'a> {
    readers: &'a Readers,
    question: &'static str,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.readers.late_at().remove(self.question);
        self.readers.free.notify_all();
    }
}

/// Something that is being read. Whoever waits for it is free again in time, also when the system never answers.
pub(super) struct Pending<T>(Receiver<Result<T, Unavailable>>);

impl<T: Send + 'static> Pending<T> {
    /// Starts reading; `question` names what is read, for [`Readers`].
    pub(super) fn start(
        machine: &Machine,
        question: &'static str,
        read: impl FnOnce(&Machine) -> T + Send + 'static,
    ) -> Self {
        let (told, answer) = channel();
        if machine.readers.is_late(question) {
            tell(&told, Err(Unavailable::TimedOut));
            return Self(answer);
        }
        let machine = machine.clone();
        let reader = move || {
            let turn = machine.readers.turn(question, machine.until + RESERVE);
            let read = turn.map(|_turn| read(&machine));
            tell(&told, read);
        };
        // Without a thread there is no answer, and its other end says so.
        let _ = thread::Builder::new().name("posture".to_owned()).spawn(reader);
        Self(answer)
    }
}

/// Nobody listens any more when it is late.
fn tell<T>(told: &Sender<Result<T, Unavailable>>, answer: Result<T, Unavailable>) {
    let _ = told.send(answer);
}

impl<T> Pending<T> {
    pub(super) fn wait(self, until: Instant) -> Result<T, Unavailable> {
        let left = until.saturating_duration_since(Instant::now());
        self.0.recv_timeout(left).unwrap_or_else(|error| match error {
            RecvTimeoutError::Timeout => Err(Unavailable::TimedOut),
            RecvTimeoutError::Disconnected => Err(Unavailable::Malformed),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use praya_model::Timestamp;

    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    fn machine(limit: Duration) -> Machine {
        Machine::at(Path::new("/nowhere"), Timestamp::from_secs(0), limit)
    }

    #[test]
    fn one_that_hangs_keeps_one_thread_however_often_it_is_asked() {
        let mut machine = machine(Duration::ZERO);
        let (begins, begun) = channel();
        let (release, held) = channel::<()>();
        let held = Arc::new(Mutex::new(held));
        let readers = Arc::clone(&machine.readers);
        let mut ask = |until: Instant| {
            machine.until = until;
            let (begins, held) = (begins.clone(), Arc::clone(&held));
            Pending::start(&machine, "hangs", move |_| {
                begins.send(()).unwrap();
                held.lock().unwrap().recv()
            })
        };
        let soon = Instant::now() + Duration::from_millis(20);
        let first = ask(soon);
        begun.recv().unwrap();
        assert_eq!(first.wait(soon + RESERVE), Err(Unavailable::TimedOut));
        let asked = Instant::now();
        for _ in 0..100 {
            assert_eq!(ask(asked + LONG).wait(asked + LONG), Err(Unavailable::TimedOut));
        }
        assert!(asked.elapsed() < LONG);
        assert!(begun.try_recv().is_err(), "one of them began");

        // Once it came back, it is asked again.
        release.send(()).unwrap();
        let left = readers.free.wait_while(readers.late_at(), |under_way| !under_way.is_empty());
        drop(left.unwrap());
        release.send(()).unwrap();
        let until = Instant::now() + LONG;
        assert_eq!(ask(until).wait(until), Ok(Ok(())));
        assert_eq!(begun.try_recv(), Ok(()));
    }

    #[test]
    fn two_who_ask_at_the_same_time_are_both_told() {
        let machine = machine(LONG);
        let (release, held) = channel();
        let first = Pending::start(&machine, "slow", move |_| held.recv());
        let second = Pending::start(&machine, "slow", |_| "second");
        let other = Pending::start(&machine, "other", |_| "other");
        assert_eq!(other.wait(machine.until), Ok("other"));
        release.send("first").unwrap();
        assert_eq!(first.wait(machine.until), Ok(Ok("first")));
        assert_eq!(second.wait(machine.until), Ok("second"));
    }

    #[test]
    fn one_that_panics_says_nothing_and_leaves_its_turn() {
        let machine = machine(LONG);
        let panics = Pending::start(&machine, "panics", |_| -> u8 { panic!("on purpose") });
        assert_eq!(panics.wait(machine.until), Err(Unavailable::Malformed));
        assert_eq!(Pending::start(&machine, "panics", |_| 1).wait(machine.until), Ok(1));
    }
}
