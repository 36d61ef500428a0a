//! Big buffers that belong to a thread: a session holds them only while packets move, so that an idle one is small.

use std::cell::RefCell;

/// Bytes that are read from a stream at once: a few super-packets, so that one system call moves many packets, and
/// still within the second-level cache together with what becomes of them.
const READ: usize = 256 * 1024;
/// How many a thread keeps for the next session.
const KEPT: usize = 2;

thread_local! {
    static OUTGOING: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
    static POOL: RefCell<Vec<Buffers>> = const { RefCell::new(Vec::new()) };
}

/// What arrives, before and after it is opened.
#[derive(Debug)]
pub(super) struct Buffers {
    /// Always [`READ`] bytes long.
    pub(super) cipher: Vec<u8>,
    pub(super) plain: Vec<u8>,
}

impl Buffers {
    /// One of this thread's, or a new one.
    pub(super) fn borrow() -> Self {
        POOL.with_borrow_mut(Vec::pop)
            .unwrap_or_else(|| Self { cipher: vec![0; READ], plain: Vec::with_capacity(READ) })
    }

    /// Gives it to this thread for the next session.
    pub(super) fn give_back(mut self) {
        self.plain.clear();
        POOL.with_borrow_mut(|pool| {
            if pool.len() < KEPT {
                pool.push(self);
            }
        });
    }
}

/// An empty buffer for what goes out, large enough for most batches after a while.
pub(super) fn outgoing() -> Vec<u8> {
    OUTGOING.with_borrow_mut(Vec::pop).unwrap_or_default()
}

/// Gives an empty one to this thread for the next session.
pub(super) fn give_back_outgoing(buffer: Vec<u8>) {
    OUTGOING.with_borrow_mut(|pool| {
        if pool.len() < KEPT && buffer.capacity() > 0 {
            pool.push(buffer);
        }
    });
}
