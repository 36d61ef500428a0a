//! Receive buffers that are used again: datagrams are opened in place, handed on as slices, and the memory comes back
//! when the last slice is dropped.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use bytes::Bytes;

/// Buffers that wait for their next use, of one size.
#[derive(Debug)]
pub(super) struct Pool {
    free: Mutex<Vec<Vec<u8>>>,
    size: usize,
    most: usize,
}

/// Bytes that go back to their pool, if they have one.
#[derive(Debug, Default)]
pub struct Buffer {
    bytes: Vec<u8>,
    /// How many of `bytes` are meant.
    len: usize,
    pool: Weak<Pool>,
}

impl Pool {
    /// Buffers of `size` bytes, of which at most `most` wait.
    pub(super) fn new(size: usize, most: usize) -> Arc<Self> {
        Arc::new(Self { free: Mutex::default(), size, most })
    }

    /// A whole buffer, holding anything.
    pub(super) fn take(self: &Arc<Self>) -> Buffer {
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let bytes = free.unwrap_or_else(|| vec![0; self.size]);
        Buffer { len: bytes.len(), bytes, pool: Arc::downgrade(self) }
    }
}

impl Buffer {
    /// Keeps the first `len` bytes.
    pub fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }

    /// What may be shared from now on.
    pub fn freeze(self) -> Bytes {
        Bytes::from_owner(self)
    }
}

impl From<Vec<u8>> for Buffer {
    fn from(bytes: Vec<u8>) -> Self {
        Self { len: bytes.len(), bytes, pool: Weak::new() }
    }
}

impl Deref for Buffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        self.bytes.get_mut(..self.len).unwrap_or_default()
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if let Some(pool) = self.pool.upgrade() {
            let mut free = pool.free.lock().unwrap_or_else(PoisonError::into_inner);
            if free.len() < pool.most {
                free.push(std::mem::take(&mut self.bytes));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_comes_back_when_the_last_slice_is_gone() {
        let pool = Pool::new(64, 1);
        let mut buffer = pool.take();
        buffer[..3].copy_from_slice(b"abc");
        buffer.truncate(3);
        let address = buffer.as_ptr();
        let bytes = buffer.freeze();
        let slice = bytes.slice(1..);
        drop(bytes);
        assert_ne!(pool.take().as_ptr(), address);
        assert_eq!(slice, b"bc"[..]);
        let other = pool.take();
        drop(slice);
        let again = pool.take();
        assert_eq!((again.as_ptr(), again.len()), (address, 64));
        drop((other, again));
        assert_eq!(pool.free.lock().unwrap().len(), 1);
    }
}
