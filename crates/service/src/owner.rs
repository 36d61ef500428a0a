//! The one task that owns the session: events go into [`praya_session::Session`], its actions are carried out here.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use praya_datapath::Counters;
use praya_ipc::{Response, Rules, View};
use praya_model::posture::Check;
use praya_model::snapshot::Warning;
use praya_model::{Failure, FailureCode, Profile, Timestamp};
use praya_netcfg::Monitor;
use praya_session::{
    Action, Answer, AskId, ChannelId, CheckId, Event, Farewell, HttpId, HttpRequest, NetworkId, OpenChannel,
    ResumeTicket, Session,
};
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio::task::{AbortHandle, JoinHandle};
use tokio::time::MissedTickBehavior;

use crate::channels::{ChannelHandle, Means, Use};
use crate::clock::{self, Clock, SleepWatch};
use crate::device::Device;
use crate::device_key::DeviceKey;
use crate::gateways::Gateways;
use crate::handler::Asked;
use crate::network::{Leftovers, Order, Report};
use crate::posture;
use crate::profiles::Profiles;
use crate::resume::{Resumable, ResumeFile};

mod showing;

/// How long a change of the network must have settled before it is looked at.
const QUIET: Duration = Duration::from_millis(500);
/// How long a request to the gateway may take, name resolution included.
const HTTP_PATIENCE: Duration = Duration::from_secs(30);
/// How long the last words to the gateway may take when the service goes down.
const LAST_WORDS: Duration = Duration::from_secs(3);

/// What the owner is made of.
pub struct Parts {
    /// Where settings of this machine are made.
    pub network: mpsc::Sender<Order>,
    /// What comes of them.
    pub reports: mpsc::Receiver<Report>,
    /// What could not be taken back by the last clean-up.
    pub leftovers: Leftovers,
    /// Calls from the views.
    pub calls: mpsc::Receiver<Asked>,
    /// Wishes for the newest counters, and where to say that they are shown.
    pub counts: mpsc::Receiver<oneshot::Sender<()>>,
    /// What the views see.
    pub view: watch::Sender<View>,
    /// This machine's key.
    pub key: Arc<DeviceKey>,
    /// The gateways.
    pub gateways: Arc<Gateways>,
    /// The profiles.
    pub profiles: Profiles,
    /// The resume file.
    pub resume: ResumeFile,
    /// Who counts as a person.
    pub rules: Rules,
    /// This machine's name.
    pub host_name: String,
    /// What packets may travel by.
    pub means: Means,
    /// Where channels live, apart from all other work.
    pub tunnel: Handle,
    /// The clock.
    pub clock: Clock,
}

/// The owner of the session.
pub struct Owner {
    pub(crate) session: Session,
    pub(crate) parts: Parts,
    /// The user who holds the session or the sign-in under way.
    pub(crate) holder: Option<u32>,
    /// The user who held the one that the snapshot still speaks of.
    pub(crate) last_holder: Option<u32>,
    /// The administrator ended what the snapshot still speaks of, and not its holder.
    pub(crate) ended_by_administrator: bool,
    /// Where the session, or the sign-in, is.
    pub(crate) profile: Option<Profile>,
    events: mpsc::Receiver<Event>,
    events_in: mpsc::Sender<Event>,
    requests: HashMap<HttpId, AbortHandle>,
    /// Requests whose answer nobody awaits; they get time when the service goes down.
    last_words: Vec<JoinHandle<()>>,
    channels: HashMap<ChannelId, ChannelHandle>,
    used: Option<ChannelId>,
    pub(crate) device: Option<Arc<Device>>,
    counters: Arc<Counters>,
    asks: HashMap<AskId, oneshot::Sender<Response>>,
    /// Taken while the machine is read for a view.
    pub(crate) reading: Arc<Semaphore>,
    last_ask: u64,
    last_proof: Arc<std::sync::atomic::AtomicU64>,
    tick_at: Option<Timestamp>,
    pub(crate) torn_down: Option<oneshot::Receiver<Result<(), FailureCode>>>,
    rejected: Option<FailureCode>,
    /// The network settings that the session waits for or has.
    wanted_network: Option<NetworkId>,
    network_warnings: Vec<Warning>,
    resume_warning: Option<Warning>,
    monitor: Option<Monitor>,
}

impl Owner {
    /// An owner without a session.
    pub fn new(session: Session, parts: Parts) -> Self {
        let (events_in, events) = mpsc::channel(256);
        Self {
            session,
            parts,
            holder: None,
            last_holder: None,
            ended_by_administrator: false,
            profile: None,
            events,
            events_in,
            requests: HashMap::new(),
            last_words: Vec::new(),
            channels: HashMap::new(),
            used: None,
            device: None,
            counters: Arc::default(),
            asks: HashMap::new(),
            reading: Arc::new(Semaphore::new(1)),
            last_ask: 0,
            last_proof: Arc::default(),
            tick_at: None,
            torn_down: None,
            rejected: None,
            wanted_network: None,
            network_warnings: Vec::new(),
            resume_warning: None,
            monitor: None,
        }
    }

    /// Brings back the session that an earlier service left, if it left one.
    pub async fn restore(&mut self) {
        match self.parts.resume.load() {
            Ok(Some(Resumable { owner, ticket })) => {
                tracing::info!("an earlier session is being brought back");
                self.holder = Some(owner);
                self.last_holder = Some(owner);
                self.profile = Some(ticket.profile.clone());
                self.handle(Event::Restore(Box::new(ticket))).await;
            }
            Ok(None) => {}
            Err(error) => tracing::warn!(%error, "the resume file cannot be read"),
        }
    }

    /// Runs until `stop` is ready; then the session is kept for the next service and this machine put back.
    pub async fn run(mut self, stop: impl Future<Output = ()>) {
        let mut second = tokio::time::interval(Duration::from_secs(1));
        second.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut sleep = SleepWatch::new(self.parts.clock.now(), Instant::now());
        self.watch_network(None);
        tokio::pin!(stop);
        loop {
            let until_tick = self.tick_at.map(|at| at.since(self.parts.clock.now()));
            tokio::select! {
                () = &mut stop => break,
                Some(event) = self.events.recv() => self.handle(event).await,
                Some(asked) = self.parts.calls.recv() => self.asked(asked).await,
                Some(done) = self.parts.counts.recv() => {
                    self.count().await;
                    // A view that went away has no use for them.
                    let _ = done.send(());
                }
                Some(report) = self.parts.reports.recv() => self.reported(report).await,
                changed = next_change(self.monitor.as_mut()) => match changed {
                    Some(change) => {
                        tracing::debug!(?change, "the machine's network changed");
                        self.parts.gateways.forget_connections();
                        self.handle(Event::NetworkChanged).await;
                    }
                    None => self.watch_network(self.device_name()),
                },
                () = tokio::time::sleep(until_tick.unwrap_or(Duration::MAX / 4)), if until_tick.is_some() => {
                    self.tick_at = None;
                    self.handle(Event::Tick).await;
                }
                _ = second.tick() => {
                    if sleep.has_slept(self.parts.clock.now(), Instant::now()) {
                        tracing::info!("the machine woke up");
                        self.parts.gateways.forget_connections();
                        self.handle(Event::Resume).await;
                    }
                    self.count().await;
                }
            }
        }
        self.shut_down().await;
    }

    /// Lets the session have an event and carries out what it wants.
    pub(crate) async fn handle(&mut self, event: Event) {
        let now = self.parts.clock.now();
        if self.used.is_some() && !matches!(event, Event::Traffic { .. }) {
            // Whatever the event ends, what is shown of it afterwards is complete.
            let traffic = self.traffic_event();
            let actions = self.session.handle(traffic, now);
            self.act_all(actions).await;
        }
        let actions = self.session.handle(event, now);
        self.act_all(actions).await;
        if self.session.is_idle() && self.holder.is_some() {
            self.holder = None;
            self.profile = None;
            self.show();
        }
    }

    async fn act_all(&mut self, actions: Vec<Action>) {
        for action in actions {
            self.act(action).await;
        }
    }

    /// What was wrong with the event just handled.
    pub(crate) fn take_rejection(&mut self) -> Option<FailureCode> {
        self.rejected.take()
    }

    /// A number for a question, and where its answer goes.
    pub(crate) fn await_answer(&mut self, reply: oneshot::Sender<Response>) -> AskId {
        self.last_ask += 1;
        let id = AskId(self.last_ask);
        self.asks.insert(id, reply);
        id
    }

    async fn act(&mut self, action: Action) {
        match action {
            Action::SaveResume(ticket) => self.save(*ticket),
            Action::ForgetResume => {
                self.resume_warning = None;
                if let Err(error) = self.parts.resume.forget() {
                    tracing::error!(%error, "the resume file cannot be deleted");
                }
            }
            Action::SendHttp { id, gateway, pin, request } => {
                match self.parts.gateways.get(&gateway, pin.as_ref()) {
                    Ok(gateway) => self.send(id, gateway, request),
                    Err(failure) => self.tell_later(Event::HttpFailed { id, failure }),
                }
            }
            Action::CancelHttp(id) => {
                if let Some(request) = self.requests.remove(&id) {
                    request.abort();
                }
            }
            Action::OpenChannel(wish) => self.open(wish),
            Action::UseChannel(channel) => self.use_channel(channel),
            Action::CloseChannel { channel, farewell } => self.close(channel, farewell),
            Action::ProbeChannel { channel, patience } => {
                if let Some(channel) = self.channels.get(&channel) {
                    channel.probe(patience);
                }
            }
            Action::RefreshKeys(channel) => {
                if let Some(channel) = self.channels.get(&channel) {
                    channel.refresh_keys();
                }
            }
            Action::ConfigureNetwork { network, config, gateway_address } => {
                self.wanted_network = Some(network);
                self.order(Order::Configure { network, config, gateway: gateway_address }).await;
            }
            Action::RefreshGatewayRoute => self.order(Order::Refresh).await,
            Action::TearDown => self.tear_down().await,
            Action::CheckMachine { id, checks, nonce } => self.check_machine(id, checks, nonce),
            Action::Answered { id, result } => {
                if let Some(reply) = self.asks.remove(&id) {
                    // A view that went away does not wait for its answer.
                    let told_at = Timestamp::from(SystemTime::now());
                    let _ = reply.send(response(result.map_err(|failure| failure.told(told_at))));
                }
            }
            Action::Rejected(code) => self.rejected = Some(code),
            Action::Ended(reason) => {
                tracing::info!(reason = reason.as_str(), "the session ended");
                self.counters = Arc::default();
            }
            Action::Publish(_) => self.show(),
            Action::ScheduleTick(at) => self.tick_at = Some(at),
        }
    }

    fn save(&mut self, mut ticket: ResumeTicket) {
        let Some(owner) = self.holder else { return };
        clock::shift_ticket(&mut ticket, self.parts.clock.wall_is_ahead_by());
        self.resume_warning = match self.parts.resume.save(&Resumable { owner, ticket }) {
            Ok(()) => None,
            Err(error) => {
                tracing::error!(%error, "the resume file cannot be written");
                Some(Warning::NotResumable { detail: error.to_string() })
            }
        };
    }

    fn send(&mut self, id: HttpId, gateway: Arc<crate::gateways::Gateway>, request: HttpRequest) {
        let (events, key) = (self.events_in.clone(), Arc::clone(&self.parts.key));
        let (inside, clock, last_proof) =
            (self.device.is_some(), self.parts.clock, Arc::clone(&self.last_proof));
        let task = tokio::spawn(async move {
            let exchange = async {
                let http = gateway.http(&gateway.addresses(inside).await?)?;
                http.send(request, |method, path, body, cookie| {
                    key.prove_call(method, path, next_counter(&last_proof, clock.now()), body, cookie)
                })
                .await
            };
            let late = FailureCode::Unreachable {
                gateway: gateway.address().host_port(),
                cause: "timeout".to_owned(),
            };
            let event = match tokio::time::timeout(HTTP_PATIENCE, exchange).await.unwrap_or(Err(late)) {
                Ok(reply) => Event::HttpReply { id, reply },
                Err(failure) => Event::HttpFailed { id, failure },
            };
            // The owner is gone only when the service is going down.
            let _ = events.send(event).await;
        });
        self.requests.retain(|_, request| !request.is_finished());
        self.requests.insert(id, task.abort_handle());
        self.last_words.push(task);
    }

    fn check_machine(&self, id: CheckId, checks: Vec<Check>, nonce: String) {
        let (events, key) = (self.events_in.clone(), Arc::clone(&self.parts.key));
        tokio::spawn(async move {
            let report = posture::report(checks.into_iter().collect(), nonce, key).await;
            // The owner is gone only when the service is going down.
            let _ = events.send(Event::MachineChecked { id, report }).await;
        });
    }

    fn open(&mut self, wish: OpenChannel) {
        let id = wish.channel;
        match self.parts.gateways.get(&wish.gateway, wish.pin.as_ref()) {
            Ok(gateway) => {
                let _entered = self.parts.tunnel.enter();
                let handle = ChannelHandle::open(
                    wish,
                    gateway,
                    Arc::clone(&self.parts.key),
                    self.device.is_some(),
                    Some(self.parts.host_name.clone()).filter(|name| !name.is_empty()),
                    self.parts.means,
                    self.events_in.clone(),
                );
                self.channels.insert(id, handle);
            }
            Err(failure) => self.tell_later(Event::ChannelFailed { channel: id, failure }),
        }
    }

    fn use_channel(&mut self, channel: ChannelId) {
        if let Some(before) = self.used.replace(channel).filter(|before| *before != channel) {
            self.close(before, Farewell::Close);
        }
        let (Some(handle), Some(device)) = (self.channels.get_mut(&channel), &self.device) else { return };
        handle.use_it(Use { device: Arc::clone(device), counters: Arc::clone(&self.counters) });
    }

    fn close(&mut self, channel: ChannelId, farewell: Farewell) {
        self.last_words.retain(|task| !task.is_finished());
        if let Some(handle) = self.channels.remove(&channel) {
            self.last_words.push(handle.close(farewell));
        }
        if self.used == Some(channel) {
            self.used = None;
        }
    }

    async fn order(&self, order: Order) {
        // The worker ends only after the owner.
        let _ = self.parts.network.send(order).await;
    }

    pub(crate) async fn tear_down(&mut self) {
        self.device = None;
        self.wanted_network = None;
        self.network_warnings.clear();
        let (done, torn_down) = oneshot::channel();
        self.order(Order::TearDown { done }).await;
        self.torn_down = Some(torn_down);
        self.watch_network(None);
    }

    /// Whether the tunnel's settings are in force, or being made.
    pub(crate) fn has_network(&self) -> bool {
        self.device.is_some() || self.wanted_network.is_some()
    }

    async fn reported(&mut self, report: Report) {
        match report {
            // One that is no longer wanted was overtaken by the order to tear down.
            Report::Ready { network, .. } | Report::Failed { network, .. }
                if self.wanted_network != Some(network) => {}
            Report::Ready { network, device, warnings } => {
                let name = device.name().to_owned();
                if self.device.is_none() {
                    self.watch_network(Some(name.clone()));
                }
                self.device = Some(device);
                self.network_warnings = warnings;
                self.handle(Event::NetworkReady { network, device: name }).await;
                self.show();
            }
            Report::Failed { network, failure } => {
                self.device = None;
                self.wanted_network = None;
                self.handle(Event::NetworkFailed { network, failure }).await;
            }
            Report::Warnings(warnings) => {
                self.network_warnings = warnings;
                self.show();
            }
        }
    }

    /// For what would come back as an event at once, without waiting on our own queue.
    fn tell_later(&self, event: Event) {
        let events = self.events_in.clone();
        tokio::spawn(async move { events.send(event).await });
    }

    fn device_name(&self) -> Option<String> {
        self.device.as_ref().map(|device| device.name().to_owned())
    }

    fn watch_network(&mut self, own: Option<String>) {
        self.monitor = match Monitor::start(QUIET, own.as_deref()) {
            Ok(monitor) => Some(monitor),
            Err(error) => {
                tracing::warn!(%error, "changes of the network go unnoticed");
                None
            }
        };
    }

    /// The session is kept: its ticket is on disk, and the gateway is told that we come back.
    async fn shut_down(mut self) {
        let channels: Vec<ChannelId> = self.channels.keys().copied().collect();
        for channel in channels {
            self.close(channel, Farewell::Detach);
        }
        if !self.session.is_idle() {
            // Answers to these would come to nobody.
            self.requests.values().for_each(AbortHandle::abort);
        }
        let last_words = std::mem::take(&mut self.last_words);
        let all = async {
            for task in last_words {
                // Aborted or done: it is over either way.
                let _ = task.await;
            }
        };
        if tokio::time::timeout(LAST_WORDS, all).await.is_err() {
            tracing::warn!("the gateway could not be told in time");
        }
        self.tear_down().await;
        let Some(torn_down) = self.torn_down else { return };
        match torn_down.await {
            Ok(Ok(())) => {}
            Ok(Err(failure)) => tracing::error!(?failure, "this machine's network is not as it was"),
            Err(_) => tracing::error!("the network worker is gone"),
        }
    }
}

/// The next change of the machine's network; waits for good where nothing watches.
async fn next_change(monitor: Option<&mut Monitor>) -> Option<praya_netcfg::Change> {
    match monitor {
        Some(monitor) => monitor.changed().await,
        None => std::future::pending().await,
    }
}

/// A counter that is greater than every one before, in this process and, by the clock, in earlier ones.
fn next_counter(last: &std::sync::atomic::AtomicU64, now: Timestamp) -> u64 {
    use std::sync::atomic::Ordering;
    let now = u64::try_from(now.as_millis()).unwrap_or(0);
    let before = last.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(now.max(last + 1)));
    now.max(before.unwrap_or(0) + 1)
}

/// A question's answer as views get it.
fn response(result: Result<Answer, Failure>) -> Response {
    match result {
        Ok(Answer::Resources(resources)) => Response::Resources { resources },
        Ok(Answer::Sessions(sessions)) => Response::Sessions { sessions },
        Ok(
            Answer::PasswordChanged
            | Answer::Session(_)
            | Answer::SessionEnded
            | Answer::Active
            | Answer::Posture(_)
            | Answer::Judged(_),
        ) => Response::Done,
        Err(failure) => failure.into(),
    }
}

#[cfg(test)]
mod tests;
