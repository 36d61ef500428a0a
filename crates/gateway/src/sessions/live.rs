//! A live session in memory: its counters, what its person may reach, and the channel its tunnel runs over.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use praya_datapath::{CounterValues, Counters};
use praya_model::failure::LastSignIn;
use praya_model::posture::Check;
use praya_model::{AccountName, EndReason, SessionId, Timestamp};
use praya_posture::facts::OsFamily;
use praya_posture::policy;
use tokio::sync::{oneshot, watch};

use super::access::Access;
use super::expiry::{Clock, Jump};
use super::leases::Addresses;
use crate::config::Config;
use crate::metrics::{Dropped, Metrics};
use crate::posture::{Fit, Question, fit};
use crate::store::{DeviceKey, SessionRow, Tally, TrafficRow};

/// How many tunnels a session may open at once; each costs the database several commits.
const TUNNELS_AT_ONCE: u32 = 10;
/// After these it may open one more every so often.
const TUNNEL_EVERY: Duration = Duration::from_secs(1);

/// How many reports a session may send at once: a person who puts a machine right and looks again and again.
const REPORTS_AT_ONCE: u32 = 10;
/// After these it may send one more every so often; a client by itself sends one a minute at most.
const REPORT_EVERY: Duration = Duration::from_secs(30);
/// The same of questions, which cost a look at the policies.
const QUESTIONS_AT_ONCE: u32 = 20;
const QUESTION_EVERY: Duration = Duration::from_secs(1);
/// For so long a question may be answered; reading a machine takes two seconds.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);

/// What a tunnel's channel is told to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndOrder {
    /// The session is over: send DISCONNECT with the reason and close.
    Ended(EndReason),
    /// The same session has a newer connection: send an empty DISCONNECT and close.
    TakenOver,
    /// The gateway is going down and the session lives on: flush and close without a DISCONNECT, so that the client
    /// takes it for a loss of the connection and comes back.
    Draining,
}

/// Names one attachment of a tunnel to a session; rises with every attachment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChannelId(pub u64);

/// A session that is not over. Shared by its tunnel, the API, the sweeps and the metrics.
#[derive(Debug)]
pub struct LiveSession {
    /// Its public identifier.
    pub id: SessionId,
    /// Whose it is.
    pub account: AccountName,
    /// The device it is bound to; absent for AnyConnect clients.
    pub device_key: Option<DeviceKey>,
    /// Client name and version.
    pub client: String,
    /// Where the sign-in came from.
    pub source: IpAddr,
    /// When it began.
    pub started: Timestamp,
    /// When it ends in any case.
    pub expires: Timestamp,
    /// The account's sign-in before this one.
    pub last_sign_in: Option<LastSignIn>,
    /// Its tunnel addresses, pinned for as long as it lives.
    pub addresses: Addresses,
    /// What has gone through its tunnel.
    pub traffic: Traffic,
    /// What its channels have carried since the gateway started.
    pub counters: Counters,
    /// What they had carried before.
    before: Tally,
    host_name: OnceLock<String>,
    /// What of `State::full` the endpoint check leaves.
    access: watch::Sender<Arc<Access>>,
    over: AtomicBool,
    /// Reports are judged one after another, so that the verdict over an earlier one never comes after a later one's;
    /// nor are policies followed meanwhile.
    pub(super) judging: tokio::sync::Mutex<()>,
    state: Mutex<State>,
}

/// Counters of one session's tunnel, over all its channels.
#[derive(Debug, Default)]
pub struct Traffic {
    /// Bytes of packets from the client that were forwarded.
    pub bytes_in: AtomicU64,
    /// Bytes of packets to the client.
    pub bytes_out: AtomicU64,
    drops: [AtomicU64; Dropped::ALL.len()],
    last_user: AtomicI64,
}

#[derive(Debug)]
struct State {
    ended: Option<EndReason>,
    away_since: Option<Timestamp>,
    channel: Option<Channel>,
    next: u64,
    tunnels: Turns,
    /// All that groups and resources give, with the number of the look at the store that found it.
    full: (u64, Arc<Access>),
    /// What the database has.
    stored: TrafficRow,
    /// What the metrics have.
    shown: CounterValues,
    posture: Posture,
}

/// The endpoint check of a session.
#[derive(Debug, Default)]
struct Posture {
    fit: Option<Fit>,
    /// The question that is open.
    question: Option<Question>,
    questions: Turns,
    reports: Turns,
    /// When the client was told to ask next.
    told: Timestamp,
}

/// A burst, and then one at a time.
#[derive(Debug, Default)]
struct Turns {
    /// The instant at which all of the burst is there again.
    rested: Timestamp,
}

#[derive(Debug)]
struct Channel {
    id: ChannelId,
    orders: oneshot::Sender<EndOrder>,
}

impl Traffic {
    /// So many packets went no further.
    pub fn dropped(&self, why: Dropped, packets: u64) {
        if let Some(count) = self.drops.get(why as usize) {
            count.fetch_add(packets, Ordering::Relaxed);
        }
    }

    /// Packets that went no further, by reason; those reasons for which some did.
    pub fn drops(&self) -> impl Iterator<Item = (Dropped, u64)> {
        let counts = self.drops.iter().map(|count| count.load(Ordering::Relaxed));
        Dropped::ALL.into_iter().zip(counts).filter(|(_, count)| *count > 0)
    }

    /// Notes traffic that counts as the person's: a packet from the client that the filter let through and that is no
    /// noise of the network.
    pub fn user_was_active(&self, now: Timestamp) {
        self.last_user.fetch_max(now.as_millis(), Ordering::Relaxed);
    }

    /// The last user traffic, or the beginning, moved on by the time spent away.
    pub fn last_user(&self) -> Timestamp {
        Timestamp::from_millis(self.last_user.load(Ordering::Relaxed))
    }
}

impl LiveSession {
    /// With `full` access, as far as the endpoint check left it.
    pub(super) fn new(row: &SessionRow, addresses: Addresses, full: &Arc<Access>, config: &Config) -> Self {
        let traffic = Traffic::default();
        traffic.bytes_in.store(row.bytes_in, Ordering::Relaxed);
        traffic.bytes_out.store(row.bytes_out, Ordering::Relaxed);
        traffic.user_was_active(row.last_traffic);
        Self {
            id: row.id.clone(),
            account: row.account.clone(),
            device_key: row.device_key,
            host_name: if row.host_name.is_empty() { OnceLock::new() } else { row.host_name.clone().into() },
            client: row.client.clone(),
            source: row.source,
            started: row.started,
            expires: row.expires,
            last_sign_in: row.last_sign_in.clone(),
            addresses,
            traffic,
            counters: Counters::default(),
            before: row.tally.clone(),
            access: watch::Sender::new(full.left_by(config, left_by(row.posture.as_ref()))),
            over: AtomicBool::new(false),
            judging: tokio::sync::Mutex::default(),
            state: Mutex::new(State {
                ended: None,
                away_since: row.away_since,
                channel: None,
                next: 1,
                tunnels: Turns { rested: row.started },
                full: (0, Arc::clone(full)),
                stored: TrafficRow {
                    session: row.id.clone(),
                    last: row.last_traffic,
                    bytes_in: row.bytes_in,
                    bytes_out: row.bytes_out,
                    tally: row.tally.clone(),
                },
                shown: CounterValues::default(),
                posture: Posture { fit: row.posture.clone(), told: row.started, ..Posture::default() },
            }),
        }
    }

    /// The machine's name as it gave it; empty as long as it gave none.
    pub fn host_name(&self) -> &str {
        self.host_name.get().map_or("", String::as_str)
    }

    /// Takes the name of a machine that had none; false when it has one.
    pub(super) fn name_machine(&self, name: &str) -> bool {
        self.host_name.set(name.to_owned()).is_ok()
    }

    /// What the person may reach now.
    pub fn access(&self) -> Arc<Access> {
        self.access.borrow().clone()
    }

    /// The same, with news when an administrator changes it. `has_changed` costs one atomic load.
    pub fn watch_access(&self) -> watch::Receiver<Arc<Access>> {
        self.access.subscribe()
    }

    /// Whether a tunnel is attached.
    pub fn is_attached(&self) -> bool {
        self.state().channel.is_some()
    }

    /// Whether it has ended; cheap enough to be asked for every packet.
    pub fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    /// Why it ended, once it has.
    pub fn ended(&self) -> Option<EndReason> {
        self.state().ended
    }

    /// What decides when it ends.
    pub fn clock(&self) -> Clock {
        Clock {
            expires: self.expires,
            last_traffic: self.traffic.last_user(),
            away_since: self.state().away_since,
        }
    }

    /// How fit its machine is; absent where no policy is for it.
    pub fn fit(&self) -> Option<Fit> {
        self.state().posture.fit.clone()
    }

    /// Changes that by its present value, and returns it.
    pub(super) fn update_fit(&self, change: impl FnOnce(Option<Fit>) -> Option<Fit>) -> Option<Fit> {
        let mut state = self.state();
        state.posture.fit = change(state.posture.fit.take());
        state.posture.fit.clone()
    }

    /// How fit its machine is, and when its client was told to ask next.
    pub(super) fn standing(&self) -> (Option<Fit>, Timestamp) {
        let state = self.state();
        (state.posture.fit.clone(), state.posture.told)
    }

    /// Puts `fit` in the place of the one that it follows from, unless that is not the present one any longer.
    pub(super) fn follow_fit(&self, from: &(Option<Fit>, Timestamp), fit: Option<Fit>) -> bool {
        let mut state = self.state();
        let same = state.posture.fit == from.0 && state.posture.told == from.1;
        if same {
            state.posture.fit = fit;
        }
        same
    }

    /// How fit its machine is, and in how many seconds the client is told to ask again: in `soon` at the latest.
    pub(super) fn tell(&self, soon: u32, now: Timestamp) -> (Option<Fit>, u32) {
        let mut state = self.state();
        let seconds = fit::recheck_in(state.posture.fit.as_ref(), now).min(soon);
        state.posture.told = now.after(Duration::from_secs(seconds.into()));
        (state.posture.fit.clone(), seconds)
    }

    /// Takes the client for one that was told to ask when it is told by what was stored, or by nothing: the gateway
    /// was down, and only the client knows.
    pub(super) fn told_before(&self, now: Timestamp) {
        let mut state = self.state();
        let stored = state.posture.fit.as_ref().and_then(|fit| fit.recheck_at);
        state.posture.told = now.after(fit::ASK_AGAIN).max(stored.unwrap_or(now));
    }

    /// Follows the time; what that changed.
    pub(super) fn pass_time(&self, now: Timestamp) -> Option<Fit> {
        let mut state = self.state();
        let later = state.posture.fit.as_ref()?.as_of(now)?;
        state.posture.fit = Some(later.clone());
        Some(later)
    }

    /// Whether its machine may be asked about once more; else in how many seconds, at least 1.
    pub(super) fn may_ask(&self, now: Timestamp) -> Result<(), u32> {
        self.state().posture.questions.take(QUESTIONS_AT_ONCE, QUESTION_EVERY, now)
    }

    /// Opens a question in place of any other.
    pub(super) fn ask_machine(
        &self,
        nonce: String,
        checks: Vec<Check>,
        platform: Option<OsFamily>,
        now: Timestamp,
    ) {
        let question = Question { nonce, checks, platform, until: now.after(ANSWER_WITHIN) };
        self.state().posture.question = Some(question);
    }

    /// The open question, which is closed now; or in how many seconds a report is heard again.
    pub(super) fn hear_machine(&self, now: Timestamp) -> Result<Option<Question>, u32> {
        let mut state = self.state();
        state.posture.reports.take(REPORTS_AT_ONCE, REPORT_EVERY, now)?;
        Ok(state.posture.question.take())
    }

    /// All that groups and resources give.
    pub(super) fn full_access(&self) -> Arc<Access> {
        Arc::clone(&self.state().full.1)
    }

    /// Takes what groups and resources give, as the store had it at the look of that number; unless a later look was
    /// quicker. What the endpoint check leaves of it is in force at once.
    pub(super) fn give(&self, config: &Config, look: u64, full: &Arc<Access>) {
        let mut state = self.state();
        if look >= state.full.0 {
            state.full = (look, Arc::clone(full));
        }
        self.narrow_to(&state, config);
    }

    /// Puts into force what the endpoint check leaves now.
    pub(super) fn narrow(&self, config: &Config) {
        self.narrow_to(&self.state(), config);
    }

    /// Under the lock, so that nothing older comes after what is newer.
    fn narrow_to(&self, state: &State, config: &Config) {
        let access = state.full.1.left_by(config, left_by(state.posture.fit.as_ref()));
        self.access.send_if_modified(|current| {
            let changed = **current != *access;
            if changed {
                *current = access;
            }
            changed
        });
    }

    /// Follows a clock that was set to `now`: what was so long ago before is so long ago now. What the new clock has
    /// said already stays: packets do not wait for it to be followed.
    pub(super) fn moved(&self, jump: Jump, now: Timestamp) {
        let mut state = self.state();
        state.posture.told = jump.of(state.posture.told);
        state.posture.fit = state.posture.fit.take().map(|fit| fit.moved(jump));
        if let Some(question) = &mut state.posture.question {
            question.until = jump.of(question.until);
        }
        state.away_since = state.away_since.map(|since| jump.of(since).min(now));
        let last = jump.of(self.traffic.last_user()).min(now);
        self.traffic.last_user.store(last.as_millis(), Ordering::Relaxed);
    }

    /// Whether one more tunnel may be opened; else in how many seconds, at least 1.
    pub(super) fn may_open(&self, now: Timestamp) -> Result<(), u32> {
        self.state().tunnels.take(TUNNELS_AT_ONCE, TUNNEL_EVERY, now)
    }

    /// Attaches a new channel; an older one is told to go. Fails with the reason when the session is over.
    pub(super) fn attach(
        &self,
        now: Timestamp,
    ) -> Result<(ChannelId, oneshot::Receiver<EndOrder>), EndReason> {
        let clock = self.clock().returned(now);
        let mut state = self.state();
        if let Some(reason) = state.ended {
            return Err(reason);
        }
        self.traffic.user_was_active(clock.last_traffic);
        let (orders, receiver) = oneshot::channel();
        let id = ChannelId(state.next);
        state.next += 1;
        state.away_since = None;
        if let Some(old) = state.channel.replace(Channel { id, orders }) {
            // A receiver that is gone is a channel that has closed by itself.
            let _closed = old.orders.send(EndOrder::TakenOver);
        }
        Ok((id, receiver))
    }

    /// Takes note that a channel is gone; false when it was not the newest one, whose going means nothing.
    pub(super) fn detach(&self, channel: ChannelId, now: Timestamp) -> bool {
        let mut state = self.state();
        let newest = state.channel.as_ref().is_some_and(|current| current.id == channel);
        if newest {
            state.channel = None;
            state.away_since = Some(now);
        }
        newest
    }

    /// Ends it, and tells the channel so; false when it had ended before.
    pub(super) fn end(&self, reason: EndReason) -> bool {
        let mut state = self.state();
        if state.ended.is_some() {
            return false;
        }
        state.ended = Some(reason);
        self.over.store(true, Ordering::Relaxed);
        if let Some(channel) = state.channel.take() {
            let _closed = channel.orders.send(EndOrder::Ended(reason));
        }
        true
    }

    /// Tells the channel that the gateway is going down.
    pub(super) fn drain(&self) {
        if let Some(channel) = self.state().channel.take() {
            let _closed = channel.orders.send(EndOrder::Draining);
        }
    }

    /// Last traffic and counters when they are not yet in the database.
    pub(super) fn unstored(&self) -> Option<TrafficRow> {
        let drops = self.traffic.drops().map(|(why, packets)| (why.as_str(), packets));
        let tally = Tally::new(&self.before, &self.counters.values(), drops);
        let state = self.state();
        let now = TrafficRow {
            session: self.id.clone(),
            last: self.traffic.last_user(),
            bytes_in: self.traffic.bytes_in.load(Ordering::Relaxed),
            bytes_out: self.traffic.bytes_out.load(Ordering::Relaxed),
            tally: tally.since(&state.stored.tally),
        };
        (now != state.stored).then_some(now)
    }

    /// Adds to `metrics` what its channels have carried since this was called last.
    pub(super) fn show(&self, metrics: &Metrics) {
        let mut state = self.state();
        let now = self.counters.values();
        let before = std::mem::replace(&mut state.shown, now);
        metrics.carried(&before, &now);
    }

    pub(super) fn stored(&self, row: TrafficRow) {
        self.state().stored = row;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the endpoint check leaves.
fn left_by(fit: Option<&Fit>) -> &policy::Access {
    fit.map_or(&policy::Access::Allow, |fit| &fit.access)
}

impl Turns {
    /// Takes a turn of `burst`, of which one is back `every` so often; else in how many seconds there is one, at least
    /// 1.
    fn take(&mut self, burst: u32, every: Duration, now: Timestamp) -> Result<(), u32> {
        let depth = every * burst;
        // A clock that was set back must not shut anybody out for longer than the burst is deep.
        let after = self.rested.max(now).min(now.after(depth)).after(every);
        let missing = after.since(now).saturating_sub(depth);
        if missing.is_zero() {
            self.rested = after;
            return Ok(());
        }
        Err(u32::try_from(missing.as_millis().div_ceil(1000)).unwrap_or(u32::MAX).max(1))
    }
}
