//! Big buffers that belong to a thread: a session holds them only while packets move, so that an idle one is small.

use std::cell::RefCell;

use bytes::Bytes;

use crate::offload::Coalescer;
use crate::packet::Packet;

/// Bytes that are read from a stream at once: two super-packets, so that one system call moves many packets, and
/// still within the second-level cache together with what becomes of them.
const READ: usize = 128 * 1024;
/// How many a thread keeps for the next session.
const KEPT: usize = 2;

thread_local! {
    static POOL: RefCell<Vec<Buffers>> = const { RefCell::new(Vec::new()) };
    static SPARES: RefCell<Vec<Spare>> = const { RefCell::new(Vec::new()) };
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

/// What else a session works with only while packets move; all of it empty.
#[derive(Default)]
pub(super) struct Spare {
    pub(super) out: Vec<u8>,
    pub(super) batch: Vec<Packet>,
    pub(super) opened: Vec<Bytes>,
    pub(super) coalescer: Coalescer<'static>,
}

impl Spare {
    /// One of this thread's, or a new one, which holds no memory yet.
    pub(super) fn borrow() -> Self {
        SPARES.with_borrow_mut(Vec::pop).unwrap_or_default()
    }

    /// Gives it to this thread for the next session.
    pub(super) fn give_back(self) {
        SPARES.with_borrow_mut(|spares| {
            if spares.len() < KEPT {
                spares.push(self);
            }
        });
    }
}
