//! The DTLS sessions of one channel: the one in use, the one that takes its place, the one whose place was taken.
//!
//! New keys are made by a whole new handshake beside the old connection. A client uses them at once, since the
//! gateway has finished before it; a gateway uses them from the first record on that arrives under them. What is
//! still under way under the old keys is read for a while.

use std::ops::Range;
use std::time::{Duration, Instant};

use praya_dtls::{
    Config, Connection, Credentials, Dropped, Handshake, HandshakeError, Opened, peek, records,
};

use super::Path;
use crate::timers::Role;

/// How long records under replaced keys are read.
const OVERLAP: Duration = Duration::from_secs(10);
/// How long a gateway remembers a hello. The client repeats what is lost, and an address that has proven nothing gets
/// one answer for each hello. But a client that resumes is through before the gateway, which has to repeat its flight
/// by itself then, as long as the address gets no more than came from there.
const PATIENCE: Duration = Duration::from_secs(30);
/// Bytes of a record's header up to its number, and the number's length (RFC 6347 section 4.1).
const NUMBER_AT: usize = 5;
const NUMBER_LEN: usize = 6;
/// The content type of a handshake record.
const HANDSHAKE: u8 = 22;

/// All keys of one channel.
#[derive(Debug)]
pub(super) struct Keys {
    role: Role,
    config: Config,
    attempt: Option<Attempt>,
    current: Option<Session>,
    /// A gateway's next keys, under which nothing has arrived yet.
    next: Option<Session>,
    old: Option<(Session, Instant)>,
    /// The random number of the last hello that led to keys: its repetitions begin nothing.
    settled: Option<[u8; 32]>,
    /// What a handshake that failed has to say.
    last_words: Option<(Path, Vec<u8>)>,
    dropped: KeyDrops,
    copy: Vec<u8>,
}

#[derive(Debug)]
struct Attempt {
    handshake: Handshake,
    path: Path,
    random: [u8; 32],
    until: Instant,
    /// Bytes that came from there, and went there.
    received: usize,
    sent: usize,
    /// What is sent now answers nothing that came.
    unasked: bool,
    waiting: Option<Vec<u8>>,
}

#[derive(Debug)]
struct Session {
    connection: Connection,
    /// Where the peer is: where the newest record came from.
    path: Path,
    /// The highest number of a record that was opened.
    highest: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Which {
    Current,
    Next,
    Old,
}

/// Records that were dropped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct KeyDrops {
    pub(super) replayed: u64,
    pub(super) forged: u64,
    pub(super) malformed: u64,
}

/// What a datagram brought.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// A message, at this place of the datagram.
    Message(Range<usize>),
    /// The first keys, or others in their place.
    Connected,
    /// The peer has ended the connection in use.
    Ended,
    /// The handshake came to nothing.
    Failed(HandshakeError),
}

impl Keys {
    pub(super) fn new(role: Role, config: Config) -> Self {
        Self {
            role,
            config,
            attempt: None,
            current: None,
            next: None,
            old: None,
            settled: None,
            last_words: None,
            dropped: KeyDrops::default(),
            copy: Vec::new(),
        }
    }

    /// The connection to send on.
    pub(super) fn connection(&mut self) -> Option<&mut Connection> {
        self.current.as_mut().map(|session| &mut session.connection)
    }

    /// Where that connection's peer is.
    pub(super) fn peer(&self) -> Option<Path> {
        self.current.as_ref().map(|session| session.path)
    }

    pub(super) fn is_connected(&self) -> bool {
        self.current.is_some()
    }

    pub(super) fn is_shaking_hands(&self) -> bool {
        self.attempt.is_some()
    }

    /// Records dropped since the last call.
    pub(super) fn take_dropped(&mut self) -> KeyDrops {
        std::mem::take(&mut self.dropped)
    }

    /// Begins a client's handshake, in place of one that is under way.
    pub(super) fn start(&mut self, path: Path, random: [u8; 32], now: Instant) {
        let handshake = Handshake::client(self.config.clone(), random, now);
        self.attempt = Some(Attempt::new(handshake, path, random, now));
    }

    /// Forgets the connection in use; what replaces it takes its place.
    pub(super) fn give_up(&mut self) {
        self.current = self.next.take();
    }

    /// Ends everything in order, as far as the peer is still there: the last record is appended to `out`.
    pub(super) fn close(&mut self, out: &mut Vec<u8>) {
        if let Some(connection) = self.connection() {
            connection.close(out);
        }
        (self.attempt, self.current, self.next, self.old) = (None, None, None, None);
    }

    pub(super) fn next_timeout(&self) -> Option<Instant> {
        let repeats = self.repeats();
        let attempt = self.attempt.as_ref().and_then(|attempt| {
            let repetition = attempt.handshake.next_timeout().filter(|_| repeats);
            let forgotten = (self.role == Role::Gateway).then_some(attempt.until);
            [repetition, forgotten].into_iter().flatten().min()
        });
        let overlap = self.old.as_ref().map(|(_, until)| *until);
        [attempt, overlap].into_iter().flatten().min()
    }

    /// Whether this end repeats its flights by itself.
    fn repeats(&self) -> bool {
        self.role == Role::Client || matches!(self.config.credentials, Credentials::Resume(_))
    }

    /// Repeats what was lost, and forgets what is over. True when something is sent again.
    pub(super) fn on_timeout(&mut self, now: Instant) -> Result<bool, HandshakeError> {
        if self.old.as_ref().is_some_and(|(_, until)| now >= *until) {
            self.old = None;
        }
        let repeats = self.repeats();
        let Some(attempt) = &mut self.attempt else { return Ok(false) };
        if self.role == Role::Gateway && now >= attempt.until {
            self.attempt = None;
            return Ok(false);
        }
        let due = repeats && attempt.handshake.next_timeout().is_some_and(|at| now >= at);
        if !due {
            return Ok(false);
        }
        attempt.unasked = self.role == Role::Gateway;
        if let Err(error) = attempt.handshake.on_timeout(now) {
            self.attempt = None;
            return Err(error);
        }
        Ok(true)
    }

    /// The next datagram that is no data, and where it goes.
    pub(super) fn poll_transmit(&mut self) -> Option<(Path, Vec<u8>)> {
        let waiting = self.attempt.as_mut().and_then(Attempt::poll_transmit);
        let sessions = [self.current.as_mut(), self.next.as_mut()];
        self.last_words.take().or(waiting).or_else(|| {
            let transmit = |session: &mut Session| Some((session.path, session.connection.poll_transmit()?));
            sessions.into_iter().flatten().find_map(transmit)
        })
    }

    /// Takes one datagram, in place. `sink` is told what it brought, with places counted from its first byte.
    pub(super) fn receive(
        &mut self,
        datagram: &mut [u8],
        path: Path,
        now: Instant,
        random: impl FnOnce() -> Option<[u8; 32]>,
        mut sink: impl FnMut(Event),
    ) {
        let start = datagram.as_ptr() as usize;
        let mut rest = datagram;
        let for_handshake = self.is_for_handshake(rest);
        if for_handshake
            && let (Role::Gateway, Some(hello)) = (self.role, peek::client_hello(rest))
            && !self.expects(*hello.random, path, now, random)
        {
            return;
        }
        if let Some(attempt) = self.attempt.as_mut().filter(|attempt| attempt.path == path) {
            attempt.received = attempt.received.saturating_add(rest.len());
        }
        if for_handshake && let Some(attempt) = &mut self.attempt {
            attempt.unasked = false;
            let used = match attempt.handshake.handle(rest, now) {
                Ok(used) => used,
                Err(error) => {
                    self.last_words = attempt.handshake.poll_transmit().map(|alert| (attempt.path, alert));
                    self.attempt = None;
                    return sink(Event::Failed(error));
                }
            };
            if !attempt.handshake.is_established() {
                return;
            }
            if self.establish(now) {
                sink(Event::Connected);
            }
            let Some((_, left)) = rest.split_at_mut_checked(used) else { return };
            rest = left;
        } else if for_handshake && records(rest).all(|record| peek::epoch(record) == Some(0)) {
            self.dropped.malformed += 1;
        }
        // Of a flight that a peer repeats after the handshake, what is in the clear says nothing: its end is sealed.
        for record in records(rest).filter(|record| peek::epoch(record) != Some(0)) {
            self.open(record, start, path, now, &mut sink);
        }
    }

    /// Handshake messages in the clear, and what is sealed of them while a handshake is under way.
    fn is_for_handshake(&self, datagram: &[u8]) -> bool {
        match peek::epoch(datagram) {
            Some(0) => true,
            Some(_) => self.attempt.is_some() && datagram.first() == Some(&HANDSHAKE),
            None => false,
        }
    }

    /// Whether a hello goes on with a handshake, or begins one.
    fn expects(
        &mut self,
        hello: [u8; 32],
        path: Path,
        now: Instant,
        random: impl FnOnce() -> Option<[u8; 32]>,
    ) -> bool {
        if self.settled == Some(hello) {
            return false;
        }
        if let Some(attempt) = &mut self.attempt
            && attempt.random == hello
        {
            return true;
        }
        let Some(own) = random() else { return false };
        let handshake = Handshake::server(self.config.clone(), own);
        self.attempt = Some(Attempt::new(handshake, path, hello, now));
        true
    }

    /// Turns the handshake into a connection; whether it is used from now on.
    fn establish(&mut self, now: Instant) -> bool {
        let Some(Attempt { handshake, path, random, .. }) = self.attempt.take() else { return false };
        let Some(connection) = handshake.into_connection(now) else { return false };
        self.settled = Some(random);
        let session = Session { connection, path, highest: None };
        if self.role == Role::Gateway && self.current.is_some() {
            self.next = Some(session);
            return false;
        }
        self.replace(session, now);
        true
    }

    fn replace(&mut self, session: Session, now: Instant) {
        self.old = self.current.replace(session).map(|old| (old, now + OVERLAP));
    }

    fn open(
        &mut self,
        record: &mut [u8],
        start: usize,
        path: Path,
        now: Instant,
        sink: &mut impl FnMut(Event),
    ) {
        let at = (record.as_ptr() as usize).saturating_sub(start);
        let from = (self.role == Role::Gateway).then_some(path);
        let several = self.next.is_some() || self.old.is_some();
        if several {
            self.copy.clear();
            self.copy.extend_from_slice(record);
        }
        let mut why = None;
        for which in [Which::Current, Which::Next, Which::Old] {
            let session = match which {
                Which::Current => self.current.as_mut(),
                Which::Next => self.next.as_mut(),
                Which::Old => self.old.as_mut().map(|(session, _)| session),
            };
            let Some(session) = session else { continue };
            match session.open(record, at, from) {
                Ok(event) => return self.opened(which, event, now, sink),
                Err(dropped) => {
                    why.get_or_insert(dropped);
                    if several {
                        // What was tried is spoilt.
                        record.copy_from_slice(&self.copy);
                    }
                }
            }
        }
        match why {
            Some(Dropped::Replayed) => self.dropped.replayed += 1,
            // From elsewhere, a demultiplexer has only asked whether it is ours.
            Some(Dropped::Forged) if from.is_some() && from != self.peer() => {}
            Some(Dropped::Forged) => self.dropped.forged += 1,
            Some(Dropped::Malformed | Dropped::OtherEpoch) | None => self.dropped.malformed += 1,
        }
    }

    fn opened(&mut self, which: Which, event: Option<Event>, now: Instant, sink: &mut impl FnMut(Event)) {
        // A flight that is repeated under new keys says that the peer does not have them yet.
        if which == Which::Next
            && event.is_some()
            && let Some(next) = self.next.take()
        {
            self.replace(next, now);
            sink(Event::Connected);
        }
        match (event, which) {
            (Some(Event::Ended), Which::Old) => self.old = None,
            (Some(Event::Ended), Which::Current | Which::Next) => {
                self.give_up();
                sink(Event::Ended);
            }
            (Some(event), _) => sink(event),
            (None, _) => {}
        }
    }
}

impl Attempt {
    fn new(handshake: Handshake, path: Path, random: [u8; 32], now: Instant) -> Self {
        Self {
            handshake,
            path,
            random,
            until: now + PATIENCE,
            received: 0,
            sent: 0,
            unasked: false,
            waiting: None,
        }
    }

    fn poll_transmit(&mut self) -> Option<(Path, Vec<u8>)> {
        self.waiting = self.handshake.poll_transmit().or(self.waiting.take());
        let sent = self.sent.saturating_add(self.waiting.as_ref()?.len());
        if self.unasked && sent > self.received {
            return None;
        }
        self.sent = sent;
        Some((self.path, self.waiting.take()?))
    }
}

impl Session {
    /// Opens a record that begins at byte `at` of its datagram. If it is newer than all before, the peer is where it
    /// came `from`.
    fn open(&mut self, record: &mut [u8], at: usize, from: Option<Path>) -> Result<Option<Event>, Dropped> {
        let number = record.get(NUMBER_AT..NUMBER_AT + NUMBER_LEN).unwrap_or_default();
        let number = number.iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
        let start = record.as_ptr() as usize;
        let event = match self.connection.open(record)? {
            Opened::Data(data) => {
                let first = at + (data.as_ptr() as usize).saturating_sub(start);
                Some(Event::Message(first..first + data.len()))
            }
            Opened::Handled => None,
            Opened::Alert(_) | Opened::Closed => Some(Event::Ended),
        };
        if self.highest.is_none_or(|highest| number > highest) {
            self.highest = Some(number);
            self.path = from.unwrap_or(self.path);
        }
        Ok(event)
    }
}
