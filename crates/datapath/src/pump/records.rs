//! What the pump needs of a record layer.

use std::io;

use crate::tls::{Event, Records};

/// Makes and opens the records of one connection whose handshake is over.
pub trait RecordLayer: Send {
    /// Appends `parts`, one after the other, to `out` as application data: one record when they fit one, else as few
    /// as hold them.
    ///
    /// # Errors
    /// The keys are used up and cannot be renewed.
    fn seal(&mut self, out: &mut Vec<u8>, parts: &[&[u8]]) -> io::Result<()>;

    /// Whether a new connection should take this one's place before its keys are used up.
    fn successor_due(&self) -> bool;

    /// Opens the whole records at the start of `input` and appends their application data to `plain`. What has to be
    /// answered (new keys, alerts) goes to `out`.
    ///
    /// # Errors
    /// The stream is broken, or the peer said so; an alert for it is in `out`.
    fn open(&mut self, input: &mut [u8], plain: &mut Vec<u8>, out: &mut Vec<u8>) -> io::Result<Opened>;

    /// Takes new sending keys, where the protocol has such a thing.
    fn refresh_keys(&mut self, out: &mut Vec<u8>);

    /// Says that nothing more comes from here.
    fn close(&mut self, out: &mut Vec<u8>);
}

/// What became of the input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Opened {
    /// Bytes of whole records, which are done with.
    pub consumed: usize,
    /// The peer says that nothing more comes.
    pub closed: bool,
}

impl RecordLayer for Records {
    fn seal(&mut self, out: &mut Vec<u8>, parts: &[&[u8]]) -> io::Result<()> {
        Ok(Self::seal(self, out, parts)?)
    }

    fn successor_due(&self) -> bool {
        Self::successor_due(self)
    }

    fn open(&mut self, input: &mut [u8], plain: &mut Vec<u8>, out: &mut Vec<u8>) -> io::Result<Opened> {
        let mut closed = false;
        let opened = self.open_all(input, plain, |event| closed |= event == Event::CloseNotify);
        // Also after an error: that is how the peer learns what was wrong.
        self.write_due(out)?;
        Ok(Opened { consumed: opened?, closed })
    }

    fn refresh_keys(&mut self, out: &mut Vec<u8>) {
        if let Err(error) = Self::refresh_keys(self, out) {
            // TLS 1.2 has none; the session opens a new channel instead.
            tracing::debug!(%error, "no key update");
        }
    }

    fn close(&mut self, out: &mut Vec<u8>) {
        if let Err(error) = self.close_notify(out) {
            tracing::debug!(%error, "the end of TLS cannot be said");
        }
    }
}
