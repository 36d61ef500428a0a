//! A shell that carries actions out in a model of the world, and checks at each of them that it may be.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use praya_model::posture::Check;
use praya_model::sign_in::ElsewhereChoice;
use praya_model::tunnel::Rekey;
use praya_model::{
    EndReason, Failure, FailureCode, Secret, SignInAnswer, SignInStep, Timestamp, TunnelState,
};
use praya_session::{
    Action, AskId, Begin, ChannelId, ChannelUp, CheckId, Event, Farewell, Goodbye, HttpId, HttpReply,
    HttpRequest, Method, NetworkId, PeerEnd, Question, ResumeTicket, Session,
};

use crate::happenings::{Happening, Which};
use crate::support::*;

/// A channel that the shell has not closed and the gateway has not ended.
#[derive(Debug)]
struct Channel {
    up: bool,
    swap: bool,
}

/// The world as the session's actions made it.
pub(crate) struct Shell {
    pub(crate) session: Session,
    pub(crate) disk: Option<ResumeTicket>,
    now: Timestamp,
    tick: Option<Timestamp>,
    channels: BTreeMap<ChannelId, Channel>,
    all_channels: Vec<ChannelId>,
    used: Option<ChannelId>,
    /// Channels that were told goodbye and have not ended yet.
    goodbyes: Vec<ChannelId>,
    requests: BTreeMap<HttpId, HttpRequest>,
    all_requests: Vec<HttpId>,
    /// There are settings to undo.
    network: bool,
    /// Settings that are being made.
    applying: Option<NetworkId>,
    all_networks: Vec<NetworkId>,
    asked: BTreeSet<AskId>,
    all_checks: Vec<CheckId>,
    packets: u64,
    cookies: u32,
    /// The session came from a ticket.
    restored: bool,
}

impl Shell {
    pub(crate) fn new() -> Self {
        Self {
            session: Session::new(settings(), 7),
            disk: None,
            now: Timestamp::from_secs(1_800_000_000),
            tick: None,
            channels: BTreeMap::new(),
            all_channels: Vec::new(),
            used: None,
            goodbyes: Vec::new(),
            requests: BTreeMap::new(),
            all_requests: Vec::new(),
            network: false,
            applying: None,
            all_networks: Vec::new(),
            asked: BTreeSet::new(),
            all_checks: Vec::new(),
            packets: 0,
            cookies: 0,
            restored: false,
        }
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.session.snapshot(self.now).state == TunnelState::Connected && self.used.is_some()
    }

    /// Lets one thing happen, then every tick that is due.
    pub(crate) fn happen(&mut self, happening: &Happening) {
        match happening {
            Happening::Wait { millis } => self.wait(Duration::from_millis(*millis)),
            Happening::Tick => {
                self.send(Event::Tick);
                if let Some(at) = self.tick {
                    self.wait(at.since(self.now));
                }
            }
            other => {
                if let Some(event) = self.event(other) {
                    self.send(event);
                }
            }
        }
        self.wait(Duration::ZERO);
    }

    /// Every attempt fails, and no request is answered.
    pub(crate) fn gateway_is_gone(&mut self, time: Duration) {
        let until = self.now.after(time);
        let mut attempts = 0_u32;
        while self.now < until {
            let gone: Vec<ChannelId> = self.channels.keys().copied().collect();
            for channel in gone {
                self.send(Event::ChannelLost { channel, cause: unreachable() });
            }
            for id in self.requests.keys().copied().collect::<Vec<_>>() {
                self.send(Event::HttpFailed { id, failure: unreachable() });
            }
            if let Some(id) = self.all_checks.last() {
                self.send(Event::MachineChecked { id: *id, report: Ok(posture_report("{}")) });
            }
            if let Some(network) = self.applying {
                self.send(Event::NetworkReady { network, device: "praya0".to_owned() });
            }
            if self.channels.is_empty() && self.requests.is_empty() {
                let Some(at) = self.tick else { break };
                attempts += 1;
                assert!(attempts < 300, "a storm");
                self.wait(at.since(self.now));
            }
        }
    }

    /// Lets time pass. There may be about one tick a second, and never one in the past again and again.
    fn wait(&mut self, time: Duration) {
        let until = self.now.after(time);
        let most = time.as_secs() + 20;
        let mut ticks = 0;
        while let Some(at) = self.tick.filter(|at| *at <= until) {
            ticks += 1;
            assert!(ticks <= most, "{ticks} ticks within {time:?}");
            self.now = self.now.max(at);
            self.send(Event::Tick);
        }
        self.now = until;
    }

    fn cookie(&mut self) -> String {
        self.cookies += 1;
        format!("C00KIE-{}", self.cookies)
    }

    // What happens, as an event.

    fn channel(&self, which: Which) -> Option<ChannelId> {
        match which {
            Which::Last => self.channels.keys().next_back().copied(),
            Which::First => self.channels.keys().next().copied(),
            Which::Ever(index) => pick(&self.all_channels, index),
        }
    }

    fn http(&self, which: Which) -> Option<HttpId> {
        match which {
            Which::Last => self.requests.keys().next_back().copied(),
            Which::First => self.requests.keys().next().copied(),
            Which::Ever(index) => pick(&self.all_requests, index),
        }
    }

    fn event(&mut self, happening: &Happening) -> Option<Event> {
        let final_failure = || FailureCode::NotPermitted;
        let failure = |transient: bool| if transient { unreachable() } else { final_failure() };
        Some(match happening {
            Happening::Begin { account } => {
                Event::Begin(Begin { profile: profile(), account: account.then(|| "wong".to_owned()) })
            }
            Happening::Restore { cookies, paused } => {
                let cookies: Vec<String> = (0..*cookies).map(|_| self.cookie()).collect();
                let cookies: Vec<&str> = cookies.iter().map(String::as_str).collect();
                let ticket = ResumeTicket { paused: *paused, ..ticket(&cookies) };
                // The service restores what is on disk, and nothing is there while there is a session.
                if self.session.is_idle() {
                    self.disk = Some(ticket.clone());
                }
                Event::Restore(Box::new(ticket))
            }
            Happening::Answer { kind, late } => {
                let round = self.session.snapshot(self.now).sign_in.map_or(0, |sign_in| sign_in.round);
                let round = if *late { round.saturating_sub(1) } else { round };
                Event::Answer { round, answer: answer(*kind) }
            }
            Happening::CancelSignIn => Event::CancelSignIn,
            Happening::Connect => Event::Connect,
            Happening::Disconnect => Event::Disconnect,
            Happening::GoodbyeEnds { how } => {
                let how = [Goodbye::Answered, Goodbye::Cut, Goodbye::Unanswered].get(*how).copied()?;
                Event::ChannelClosed { channel: self.goodbyes.pop()?, goodbye: how }
            }
            Happening::Logout => Event::Logout { reason: EndReason::UserLogout },
            Happening::Ask { kind } => {
                let id = AskId(self.asked.last().map_or(0, |last| last.0) + 1000);
                self.asked.insert(id);
                Event::Ask { id, question: question(*kind) }
            }
            Happening::Reply { which, kind } => {
                let reply = self.reply(*kind);
                let id = self.http(*which)?;
                Event::HttpReply { id, reply }
            }
            Happening::NoReply { which, transient } => {
                Event::HttpFailed { id: self.http(*which)?, failure: failure(*transient) }
            }
            Happening::Up { which, rotates, kind } => {
                let channel = self.channel(*which)?;
                if self.channels.get(&channel).is_some_and(|channel| channel.up) {
                    return None;
                }
                let cookie = rotates.then(|| self.cookie());
                let up = varied(channel_up(cookie.as_deref()), *kind);
                Event::ChannelUp { channel, up: Box::new(up) }
            }
            Happening::Refused { which, status, reason } => Event::ChannelRefused {
                channel: self.channel(*which).filter(|channel| !self.is_up(*channel))?,
                status: *status,
                reason: reason.then(|| "idle".to_owned()),
            },
            Happening::Failed { which, transient } => Event::ChannelFailed {
                channel: self.channel(*which).filter(|channel| !self.is_up(*channel))?,
                failure: failure(*transient),
            },
            Happening::Lost { which } => {
                Event::ChannelLost { channel: self.channel(*which)?, cause: unreachable() }
            }
            Happening::PeerDetached { which } => self.peer(*which, PeerEnd::Detached)?,
            Happening::PeerTerminated { which } => self.peer(*which, PeerEnd::Terminated)?,
            Happening::PeerEnded { which, reason } => {
                self.peer(*which, PeerEnd::Ended { reason: *reason, text: "over".to_owned() })?
            }
            Happening::NetworkReady { late } => {
                let network = self.some_network(*late)?;
                Event::NetworkReady { network, device: "praya0".to_owned() }
            }
            Happening::NetworkFailed { late } => {
                Event::NetworkFailed { network: self.some_network(*late)?, failure: final_failure() }
            }
            Happening::MachineChecked { which, read } => {
                let id = match which {
                    Which::Last => self.all_checks.last().copied(),
                    Which::First => self.all_checks.first().copied(),
                    Which::Ever(index) => pick(&self.all_checks, *index),
                };
                let report = if *read { Ok(posture_report("{}")) } else { Err(final_failure()) };
                Event::MachineChecked { id: id?, report }
            }
            Happening::Traffic { out } => {
                self.packets += out;
                Event::Traffic { traffic: traffic(self.packets), last_user_packet: None }
            }
            Happening::NetworkChanged => Event::NetworkChanged,
            Happening::Suspend => Event::Suspend,
            Happening::Resume => Event::Resume,
            Happening::Tick | Happening::Wait { .. } => return None,
        })
    }

    fn is_up(&self, channel: ChannelId) -> bool {
        self.channels.get(&channel).is_some_and(|channel| channel.up)
    }

    fn peer(&self, which: Which, end: PeerEnd) -> Option<Event> {
        Some(Event::PeerDisconnect { channel: self.channel(which)?, end })
    }

    fn some_network(&self, late: bool) -> Option<NetworkId> {
        if late { self.all_networks.first().copied() } else { self.applying }
    }

    fn reply(&mut self, kind: u8) -> HttpReply {
        let step = |next| json(200, &step("C00KIE-ticket", next));
        let page = |input: &str| {
            xml(&format!(
                r#"<config-auth client="vpn" type="auth-request"><opaque>C00KIE-o</opaque><auth id="main">
                <message>Please.</message><form method="post" action="/auth">{input}</form></auth></config-auth>"#
            ))
        };
        match kind {
            0 => json(200, &gateway_info()),
            1 => step(ask_password()),
            2 => step(SignInStep::Otp { prompt: None, token: None }),
            3 => step(SignInStep::NewPassword { rules: None }),
            4 => {
                step(SignInStep::Elsewhere { sessions: Vec::new(), choices: vec![ElsewhereChoice::Replace] })
            }
            5 | 6 => {
                let mut done = done();
                if let SignInStep::Done(grant) = &mut done.next {
                    grant.cookie = Secret::new(self.cookie());
                }
                json(200, &done)
            }
            7 => not_praya(),
            8 => page(r#"<input type="text" name="username"/>"#),
            9 => page(r#"<input type="password" name="password"/>"#),
            10 | 11 => {
                let mut reply = xml(r#"<config-auth type="complete"><auth id="success"/></config-auth>"#);
                reply.headers.push(("Set-Cookie".to_owned(), format!("webvpn={}", self.cookie())));
                reply
            }
            12 => json(503, &()),
            13 => json(401, &Failure::from(FailureCode::SessionEnded { reason: EndReason::Admin })),
            14 => json(200, &serde_json::json!({"resources": []})),
            15 => json(204, &()),
            16 => step(SignInStep::Refused(FailureCode::AccountDisabled.into())),
            17 => step(posture_step(Vec::new())),
            18 => json(200, &posture_question(vec![Check::Firewall])),
            19 => json(200, &judged(Vec::new())),
            _ => json(200, &"C00KIE-nonsense"),
        }
    }

    // What the session wants, carried out and checked.

    fn send(&mut self, event: Event) {
        let was_live = self.session.is_live();
        let is_final = self.is_final(&event);
        let reply_to = match &event {
            Event::HttpReply { id, .. } | Event::HttpFailed { id, .. } => Some(*id),
            _ => None,
        };
        let is_tick = matches!(event, Event::Tick);
        if is_tick {
            // Early or not, it is used up.
            self.tick = None;
        }
        let restores = matches!(event, Event::Restore(_));
        // The channel that the event is about may be spoken of once more.
        let of_event = match &event {
            Event::ChannelUp { channel, .. } => {
                if let Some(known) = self.channels.get_mut(channel) {
                    known.up = true;
                }
                Some(*channel)
            }
            Event::ChannelFailed { channel, .. }
            | Event::ChannelRefused { channel, .. }
            | Event::ChannelLost { channel, .. }
            | Event::PeerDisconnect { channel, .. } => {
                self.channels.remove(channel);
                self.used = self.used.filter(|used| used != channel);
                Some(*channel)
            }
            Event::HttpReply { id, .. } | Event::HttpFailed { id, .. } => {
                self.requests.remove(id);
                None
            }
            Event::NetworkFailed { network, .. } if self.applying == Some(*network) => {
                (self.network, self.applying) = (false, None);
                None
            }
            Event::NetworkReady { network, .. } if self.applying == Some(*network) => {
                self.applying = None;
                None
            }
            _ => None,
        };

        let actions = self.session.handle(event, self.now);
        let printed = format!("{actions:?}{:?}", self.session);
        assert!(!printed.contains("C00KIE") && !printed.contains("SECRET"), "{printed}");

        let mut ended = false;
        for action in actions {
            if !was_live && is_tick {
                let idle = !matches!(action, Action::OpenChannel(_) | Action::SendHttp { .. });
                assert!(idle, "nothing is tried without a session: {action:?}");
            }
            assert!(
                !ended || !matches!(action, Action::OpenChannel(_)),
                "an end is never followed by an attempt"
            );
            ended |= matches!(action, Action::Ended(_));
            if let Action::CancelHttp(id) = &action {
                let known = self.requests.remove(id).is_some() || reply_to == Some(*id);
                assert!(known, "only what is under way is given up");
            }
            self.carry_out(action, ended, of_event);
        }
        if restores && !was_live {
            self.restored = self.session.is_live();
        }
        if ended && !restores {
            self.restored = false;
        }
        assert!(!is_final || !self.session.is_live(), "a final failure ends the session");
        self.check();
    }

    /// Whether the event must end the session.
    fn is_final(&self, event: &Event) -> bool {
        let one_cookie = self.disk.as_ref().is_some_and(|ticket| ticket.cookies.len() == 1);
        match event {
            Event::ChannelRefused { channel, status, .. } => {
                let opening = self.channels.get(channel).is_some_and(|channel| !channel.up);
                opening && (*status == 403 || (*status == 401 && one_cookie))
            }
            Event::ChannelFailed { channel, failure } => {
                self.channels.contains_key(channel) && *failure == FailureCode::NotPermitted
            }
            Event::PeerDisconnect { channel, end: PeerEnd::Ended { reason, .. } } => {
                let resumes = matches!(reason, Some(EndReason::GatewayRestart | EndReason::Duplicate));
                self.channels.contains_key(channel) && !resumes
            }
            Event::NetworkFailed { network, .. } => self.applying == Some(*network),
            _ => false,
        }
    }

    fn carry_out(&mut self, action: Action, ended: bool, of_event: Option<ChannelId>) {
        match action {
            Action::SaveResume(ticket) => {
                assert!(ticket.is_usable(), "there is no session without a cookie");
                self.disk = Some(*ticket);
            }
            Action::ForgetResume => {
                let unusable = self.disk.as_ref().is_some_and(|ticket| !ticket.is_usable());
                assert!(ended || unusable, "a ticket is forgotten at the end of its session only");
                self.disk = None;
            }
            Action::SendHttp { id, request, .. } => {
                assert!(self.all_requests.last().is_none_or(|last| *last < id), "numbers are used once");
                self.all_requests.push(id);
                if let Some(bearer) = &request.bearer {
                    // A log-out may follow a goodbye that was not answered, when the ticket is gone already.
                    if request.method != Method::Delete {
                        self.assert_on_disk(&bearer.cookie);
                        assert!(self.channels.values().all(|channel| channel.up), "none while CONNECT runs");
                        assert!(!self.asks_under_way(), "one at a time");
                    }
                }
                self.requests.insert(id, request);
            }
            Action::OpenChannel(open) => {
                assert!(self.all_channels.last().is_none_or(|last| *last < open.channel));
                self.assert_on_disk(&open.cookie);
                assert!(!self.asks_under_way(), "a request with the old cookie may not arrive later");
                let others: Vec<&Channel> = self.channels.values().collect();
                match others.as_slice() {
                    [] => assert!(!open.swap),
                    [up] => assert!(open.swap && up.up, "two channels at a rekey only"),
                    _ => panic!("three channels"),
                }
                self.all_channels.push(open.channel);
                self.channels.insert(open.channel, Channel { up: false, swap: open.swap });
            }
            Action::UseChannel(channel) => {
                assert!(self.is_up(channel), "only a channel that is up carries packets");
                assert!(self.used.is_none_or(|used| used == channel), "never two in use");
                assert!(self.network && self.applying.is_none(), "packets need a device");
                self.used = Some(channel);
            }
            Action::CloseChannel { channel, farewell } => {
                if matches!(farewell, Farewell::Bye(_)) {
                    self.goodbyes.push(channel);
                }
                let known = self.channels.remove(&channel).is_some();
                assert!(known || of_event == Some(channel), "it was closed already");
                self.used = self.used.filter(|used| *used != channel);
            }
            Action::ProbeChannel { channel, .. } | Action::RefreshKeys(channel) => {
                assert!(self.is_up(channel) || of_event == Some(channel));
            }
            Action::ConfigureNetwork { network, .. } => {
                (self.network, self.applying) = (true, Some(network));
                self.all_networks.push(network);
            }
            Action::RefreshGatewayRoute => assert!(self.network),
            Action::TearDown => {
                assert!(self.network, "there is something to undo");
                (self.network, self.applying) = (false, None);
            }
            Action::CheckMachine { id, checks, .. } => {
                assert!(self.all_checks.last().is_none_or(|last| *last < id), "numbers are used once");
                assert!(!self.session.is_live() || !checks.is_empty(), "there is something to read");
                self.all_checks.push(id);
            }
            Action::Answered { id, .. } => assert!(self.asked.remove(&id), "a question is answered once"),
            Action::Publish(snapshot) => self.check_state(snapshot.state),
            Action::ScheduleTick(at) => self.tick = Some(at),
            Action::CancelHttp(_) | Action::Rejected(_) | Action::Ended(_) => {}
        }
    }

    fn asks_under_way(&self) -> bool {
        self.requests.values().any(|request| request.bearer.is_some() && request.method != Method::Delete)
    }

    fn assert_on_disk(&self, cookie: &Secret) {
        let safe = self.disk.as_ref().is_some_and(|ticket| ticket.cookies.contains(cookie));
        assert!(safe, "a cookie is on disk before it is used");
    }

    fn check_state(&self, state: TunnelState) {
        if self.session.is_live() {
            let shown = !matches!(state, TunnelState::NoSession | TunnelState::Ended);
            assert!(shown, "a session is never shown as none: {state:?}");
            assert!(!self.restored || state != TunnelState::SigningIn, "a restored one needs no sign-in");
        }
    }

    /// What holds between events.
    fn check(&self) {
        let snapshot = self.session.snapshot(self.now);
        self.check_state(snapshot.state);
        assert_eq!(self.session.is_live(), self.disk.is_some(), "the ticket lives as long as the session");
        let swaps = self.channels.values().filter(|channel| channel.swap && !channel.up).count();
        assert!(self.channels.len() <= 1 + swaps, "{:?}", self.channels);
        if !self.session.is_live() {
            assert!(self.channels.is_empty() && !self.network, "nothing is left behind");
            assert!(self.asked.is_empty(), "every question is answered");
            assert!(!self.asks_under_way());
        }
        if matches!(snapshot.state, TunnelState::Connected) {
            let carried = self.used.is_some() || swaps > 0;
            assert!(carried, "connected without a channel");
        }
        let planned = snapshot.reconnect.as_ref().and_then(|reconnect| reconnect.next_at);
        let deadline = snapshot.sign_in.as_ref().and_then(|sign_in| sign_in.deadline);
        for at in planned.into_iter().chain(deadline) {
            assert!(self.tick.is_some_and(|tick| tick <= at), "nobody would wake up for it");
        }
    }
}

fn pick<T: Copy>(all: &[T], index: usize) -> Option<T> {
    all.get(index.checked_rem(all.len())?).copied()
}

fn answer(kind: u8) -> SignInAnswer {
    let secret = || Secret::new("SECRET");
    match kind {
        0 | 1 => SignInAnswer::Password { account: Some("wong".to_owned()), password: secret() },
        2 => SignInAnswer::Otp { code: secret() },
        3 => SignInAnswer::NewPassword { password: secret(), repeat: secret() },
        4 => SignInAnswer::Elsewhere { choice: ElsewhereChoice::Replace },
        5 => SignInAnswer::CheckAgain,
        _ => SignInAnswer::Form { values: vec![("employee".to_owned(), secret())] },
    }
}

fn question(kind: u8) -> Question {
    match kind {
        0 => Question::Resources,
        1 => Question::Session,
        _ => Question::ChangePassword { current: Secret::new("SECRET"), new: Secret::new("SECRET") },
    }
}

/// What a gateway may grant, odd values included.
fn varied(mut up: ChannelUp, kind: u8) -> ChannelUp {
    let config = &mut up.config;
    match kind {
        0..=2 => {}
        3 => config.rekey = Rekey::NewTunnel { every: s(90) },
        4 => config.rekey = Rekey::NewTunnel { every: s(1) },
        5 => config.rekey = Rekey::Tls { every: s(90) },
        6 => config.rekey = Rekey::Tls { every: s(0) },
        7 => (config.rekey, up.refreshes_keys) = (Rekey::Tls { every: s(60) }, false),
        8 => (config.idle_timeout, config.session_timeout) = (Some(s(0)), Some(s(0))),
        9 => (config.idle_timeout, config.session_timeout) = (None, Some(s(100))),
        10 => config.disconnected_timeout = Some(s(0)),
        _ => config.addresses = vec!["10.8.0.9/24".parse().expect("an address")],
    }
    up
}
