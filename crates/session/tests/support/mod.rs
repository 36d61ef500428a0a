//! A shell for the session machine without a network: it keeps the time, the tick and the actions of each event.
#![allow(dead_code, reason = "every test binary uses a part of it")]
#![allow(clippy::wildcard_enum_match_arm, reason = "a test looks for one action among many")]

use std::time::Duration;

use praya_model::api::{GatewayInfo, PostureQuestion, PostureReply, PostureReport, SignInReply};
use praya_model::posture::{Check, Expected, Finding, Found, Outcome, Status};
use praya_model::reported;
use praya_model::sign_in::Grant;
use praya_model::snapshot::Traffic;
use praya_model::{
    AccountName, EndReason, FailureCode, Profile, Secret, SessionId, SignInAnswer, SignInStep, Snapshot,
    Timestamp, TunnelConfig, TunnelState,
};
use praya_session::{
    Action, Begin, ChannelId, ChannelUp, CheckId, Event, HttpId, HttpReply, HttpRequest, MachineReport,
    NetworkId, OpenChannel, PeerEnd, ResumeTicket, Session, Settings,
};
use serde::Serialize;

pub(crate) const COOKIE: &str = "COOKIE-of-the-grant";
pub(crate) const HOUR: Duration = Duration::from_secs(3600);

/// `seconds` as a duration.
pub(crate) fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(crate) fn profile() -> Profile {
    Profile {
        name: "TCC-VPN".parse().expect("a name"),
        gateway: "https://vpn.example.org".parse().expect("an address"),
        pin: None,
    }
}

pub(crate) fn settings() -> Settings {
    Settings { host_name: "desk-7".to_owned(), device_key: Some("a2V5".to_owned()), ..Settings::default() }
}

/// 5 minutes of idle time, 8 hours in all, kept for 10 minutes.
pub(crate) fn config() -> TunnelConfig {
    TunnelConfig {
        addresses: vec!["10.8.0.5/24".parse().expect("an address")],
        mtu: 1390,
        include: vec!["172.31.0.0/24".parse().expect("a network")],
        idle_timeout: Some(s(300)),
        session_timeout: Some(8 * HOUR),
        disconnected_timeout: Some(s(600)),
        ..TunnelConfig::default()
    }
}

pub(crate) fn channel_up(cookie: Option<&str>) -> ChannelUp {
    ChannelUp {
        config: config(),
        gateway_address: "192.0.2.1".parse().expect("an address"),
        session: Some(SessionId::new("s-1")),
        cookie: cookie.map(Secret::new),
        refreshes_keys: true,
    }
}

pub(crate) fn unreachable() -> FailureCode {
    FailureCode::Unreachable { gateway: "vpn.example.org:443".to_owned(), cause: "timeout".to_owned() }
}

pub(crate) fn json(status: u16, body: &impl Serialize) -> HttpReply {
    HttpReply { status, headers: Vec::new(), body: serde_json::to_vec(body).expect("JSON") }
}

pub(crate) fn xml(body: &str) -> HttpReply {
    HttpReply { status: 200, headers: Vec::new(), body: body.as_bytes().to_vec() }
}

pub(crate) fn not_praya() -> HttpReply {
    HttpReply { status: 404, headers: Vec::new(), body: b"<html>".to_vec() }
}

pub(crate) fn gateway_info() -> GatewayInfo {
    GatewayInfo {
        product: "praya".to_owned(),
        api: 1,
        name: "Taipei".to_owned(),
        help_desk: Some("ext. 100".to_owned()),
    }
}

/// The next step, as the gateway sends it.
pub(crate) fn step(ticket: &str, next: SignInStep) -> SignInReply {
    SignInReply { ticket: Some(Secret::new(ticket)), next, notice: None, expires_in: 120 }
}

pub(crate) fn done() -> SignInReply {
    let grant = Grant {
        session: Some(SessionId::new("s-1")),
        cookie: Secret::new(COOKIE),
        account: AccountName::new("wong"),
    };
    SignInReply { ticket: None, next: SignInStep::Done(grant), notice: None, expires_in: 0 }
}

pub(crate) fn ask_password() -> SignInStep {
    SignInStep::Password { account: Some(AccountName::new("wong")) }
}

/// The step of the endpoint check: the firewall is to be read, within 10 minutes.
pub(crate) fn posture_step(findings: Vec<Finding>) -> SignInStep {
    let nonce = "bm9uY2U".to_owned();
    SignInStep::Posture { checks: vec![Check::Firewall], findings, retry_seconds: Some(600), nonce }
}

/// The question of a session's endpoint check, to be asked again after an hour.
pub(crate) fn posture_question(checks: Vec<Check>) -> PostureQuestion {
    PostureQuestion {
        checks,
        nonce: "bm9uY2U".to_owned(),
        recheck_seconds: 3600,
        findings: Vec::new(),
        limited: false,
        ends_in_seconds: None,
    }
}

/// What the gateway makes of the machine, to be checked again after an hour; with findings it ends the session after
/// five minutes.
pub(crate) fn judged(findings: Vec<Finding>) -> PostureReply {
    let good = findings.is_empty();
    PostureReply {
        findings,
        status: if good { Status::Compliant } else { Status::NonCompliant },
        limited: false,
        recheck_seconds: 3600,
        ends_in_seconds: (!good).then_some(300),
    }
}

pub(crate) fn no_firewall() -> Finding {
    Finding {
        check: Check::Firewall,
        outcome: Outcome::Failed,
        expected: Expected::On,
        found: Found::Missing,
        link: None,
        more: None,
    }
}

/// A report that the person sees as one item, the report itself.
pub(crate) fn posture_report(report: &str) -> MachineReport {
    let value = reported::Value::Text { text: report.to_owned() };
    let items = vec![reported::ReportedItem { about: None, value, source: None }];
    let facts = vec![reported::ReportedFact { check: Check::Firewall, items }];
    MachineReport {
        report: PostureReport { report: report.to_owned(), signature: "c2ln".to_owned() },
        reported: reported::Reported { at: Timestamp::default(), facts },
    }
}

pub(crate) fn password(text: &str) -> SignInAnswer {
    SignInAnswer::Password { account: None, password: Secret::new(text) }
}

pub(crate) fn otp(code: &str) -> SignInAnswer {
    SignInAnswer::Otp { code: Secret::new(code) }
}

/// The session, its clock, and what it wanted last.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) session: Session,
    pub(crate) now: Timestamp,
    pub(crate) tick: Option<Timestamp>,
    /// The actions of the last event.
    pub(crate) last: Vec<Action>,
    /// The channel that was opened last.
    pub(crate) channel: Option<ChannelId>,
    /// The request that was sent last.
    pub(crate) http: Option<HttpId>,
    /// The ticket on disk.
    pub(crate) disk: Option<ResumeTicket>,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(settings())
    }

    pub(crate) fn with(settings: Settings) -> Self {
        Self {
            session: Session::new(settings, 7),
            now: Timestamp::from_secs(1_800_000_000),
            tick: None,
            last: Vec::new(),
            channel: None,
            http: None,
            disk: None,
        }
    }

    pub(crate) fn send(&mut self, event: Event) -> &[Action] {
        self.last = self.session.handle(event, self.now);
        for action in &self.last {
            match action {
                Action::ScheduleTick(at) => self.tick = Some(*at),
                Action::SaveResume(ticket) => self.disk = Some((**ticket).clone()),
                Action::ForgetResume => self.disk = None,
                Action::OpenChannel(open) => self.channel = Some(open.channel),
                Action::SendHttp { id, .. } => self.http = Some(*id),
                _ => {}
            }
        }
        &self.last
    }

    /// Lets time pass, with every tick at its time. Returns what was wanted meanwhile.
    pub(crate) fn wait(&mut self, time: Duration) -> Vec<Action> {
        let until = self.now.after(time);
        let mut wanted = Vec::new();
        for _ in 0..10_000 {
            let Some(at) = self.tick.filter(|at| *at <= until) else {
                self.now = until;
                return wanted;
            };
            self.now = self.now.max(at);
            self.tick = None;
            wanted.extend_from_slice(self.send(Event::Tick));
        }
        panic!("ticks without end");
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        self.session.snapshot(self.now)
    }

    pub(crate) fn state(&self) -> TunnelState {
        self.snapshot().state
    }

    pub(crate) fn failure(&self) -> Option<FailureCode> {
        self.snapshot().last_failure.map(|failure| failure.code)
    }

    // What was wanted.

    pub(crate) fn request(&self) -> (HttpId, HttpRequest) {
        let mut sent = self.last.iter().filter_map(|action| match action {
            Action::SendHttp { id, request, .. } => Some((*id, request.clone())),
            _ => None,
        });
        sent.next().unwrap_or_else(|| panic!("no request in {:?}", self.last))
    }

    pub(crate) fn opened(&self) -> OpenChannel {
        opened(&self.last).unwrap_or_else(|| panic!("no channel in {:?}", self.last))
    }

    pub(crate) fn network(&self) -> NetworkId {
        let mut wanted = self.last.iter().filter_map(|action| match action {
            Action::ConfigureNetwork { network, .. } => Some(*network),
            _ => None,
        });
        wanted.next().unwrap_or_else(|| panic!("no network in {:?}", self.last))
    }

    /// What is to be read of the machine.
    pub(crate) fn machine_check(&self) -> (CheckId, Vec<Check>, String) {
        let mut wanted = self.last.iter().filter_map(|action| match action {
            Action::CheckMachine { id, checks, nonce } => Some((*id, checks.clone(), nonce.clone())),
            _ => None,
        });
        wanted.next().unwrap_or_else(|| panic!("no check in {:?}", self.last))
    }

    /// The machine is read.
    pub(crate) fn machine_checked(&mut self, report: &str) {
        let (id, ..) = self.machine_check();
        self.send(Event::MachineChecked { id, report: Ok(posture_report(report)) });
    }

    pub(crate) fn wants(&self, wanted: &Action) -> bool {
        self.last.contains(wanted)
    }

    pub(crate) fn rejection(&self) -> Option<&FailureCode> {
        self.last.iter().find_map(|action| match action {
            Action::Rejected(code) => Some(code),
            _ => None,
        })
    }

    // Sign-in.

    pub(crate) fn begin(&mut self) {
        let account = Some("wong".to_owned());
        self.send(Event::Begin(Begin { profile: profile(), account }));
    }

    pub(crate) fn reply(&mut self, reply: HttpReply) {
        let id = self.http.expect("a request");
        self.send(Event::HttpReply { id, reply });
    }

    pub(crate) fn step(&mut self, reply: SignInReply) {
        self.reply(json(200, &reply));
    }

    pub(crate) fn round(&self) -> u32 {
        self.snapshot().sign_in.map_or(0, |sign_in| sign_in.round)
    }

    pub(crate) fn asked(&self) -> Option<SignInStep> {
        self.snapshot().sign_in.and_then(|sign_in| sign_in.step)
    }

    pub(crate) fn notice(&self) -> Option<FailureCode> {
        self.snapshot().sign_in.and_then(|sign_in| sign_in.notice).map(|notice| notice.code)
    }

    pub(crate) fn answer(&mut self, answer: SignInAnswer) {
        let round = self.round();
        self.send(Event::Answer { round, answer });
    }

    /// Up to the password prompt of a Praya gateway.
    pub(crate) fn at_password() -> Self {
        let mut world = Self::new();
        world.begin();
        world.reply(json(200, &gateway_info()));
        world.step(step("t-1", ask_password()));
        world
    }

    /// Signed in; the first channel is being opened.
    pub(crate) fn granted() -> Self {
        let mut world = Self::at_password();
        world.answer(password("pw"));
        world.step(done());
        world
    }

    /// Signed in at a foreign gateway; the first channel is being opened.
    pub(crate) fn granted_by_foreign() -> Self {
        let mut world = Self::new();
        world.begin();
        world.reply(not_praya());
        let mut reply =
            xml(r#"<config-auth client="vpn" type="complete"><auth id="success"/></config-auth>"#);
        reply.headers.push(("Set-Cookie".to_owned(), format!("webvpn={COOKIE}; Secure; HttpOnly")));
        world.reply(reply);
        world
    }

    // The tunnel.

    /// CONNECT succeeds for the channel that was opened last.
    pub(crate) fn up(&mut self, up: ChannelUp) -> ChannelId {
        let channel = self.channel.expect("a channel");
        self.send(Event::ChannelUp { channel, up: Box::new(up) });
        channel
    }

    pub(crate) fn network_ready(&mut self) {
        let network = self.network();
        self.send(Event::NetworkReady { network, device: "praya0".to_owned() });
    }

    /// Connected; the gateway has rotated the cookie to `next`. No request is under way.
    pub(crate) fn connected_with(up: ChannelUp) -> (Self, ChannelId) {
        let mut world = Self::granted();
        let channel = world.up(up);
        world.network_ready();
        // The machine asks about the session and about its own check; what comes of it is tested elsewhere.
        let (id, _) = world.request();
        world.send(Event::HttpFailed { id, failure: unreachable() });
        let (id, _) = world.request();
        world.send(Event::HttpReply { id, reply: json(404, &()) });
        (world, channel)
    }

    pub(crate) fn connected() -> (Self, ChannelId) {
        Self::connected_with(channel_up(None))
    }

    pub(crate) fn refused(&mut self, status: u16, reason: Option<&str>) {
        let channel = self.channel.expect("a channel");
        self.send(Event::ChannelRefused { channel, status, reason: reason.map(str::to_owned) });
    }

    pub(crate) fn lost(&mut self, channel: ChannelId) {
        self.send(Event::ChannelLost { channel, cause: unreachable() });
    }

    pub(crate) fn peer(&mut self, channel: ChannelId, end: PeerEnd) {
        self.send(Event::PeerDisconnect { channel, end });
    }

    pub(crate) fn peer_ends(&mut self, channel: ChannelId, reason: EndReason) {
        self.peer(channel, PeerEnd::Ended { reason: Some(reason), text: "the gateway's words".to_owned() });
    }

    pub(crate) fn user_packet(&mut self) {
        let mut traffic = self.snapshot().traffic;
        traffic.packets_out += 1;
        self.send(Event::Traffic { traffic, last_user_packet: Some(self.now) });
    }

    /// Waits for the next tick; an attempt that it starts fails.
    pub(crate) fn next_attempt_or_end(&mut self) {
        let at = self.tick.unwrap_or_else(|| panic!("nothing is planned: {:?}", self.snapshot()));
        let wanted = self.wait(at.since(self.now));
        if let Some(open) = opened(&wanted).filter(|_| self.session.is_live()) {
            self.send(Event::ChannelFailed { channel: open.channel, failure: unreachable() });
        }
    }

    /// Waits until the next attempt starts; how long that took.
    pub(crate) fn next_attempt(&mut self) -> Duration {
        let began = self.now;
        for _ in 0..1000 {
            let at = self.tick.unwrap_or_else(|| panic!("no attempt is planned: {:?}", self.snapshot()));
            self.wait(at.since(self.now));
            if opened(&self.last).is_some() {
                return self.now.since(began);
            }
        }
        panic!("no attempt");
    }
}

pub(crate) fn opened(actions: &[Action]) -> Option<OpenChannel> {
    actions.iter().find_map(|action| match action {
        Action::OpenChannel(open) => Some(open.clone()),
        _ => None,
    })
}

pub(crate) fn place(actions: &[Action], test: impl Fn(&Action) -> bool) -> usize {
    actions.iter().position(test).unwrap_or_else(|| panic!("it is missing in {actions:?}"))
}

pub(crate) fn ticket(cookies: &[&str]) -> ResumeTicket {
    ResumeTicket {
        version: ResumeTicket::VERSION,
        profile: profile(),
        protocol: praya_session::Protocol::Praya,
        account: AccountName::new("wong"),
        session: Some(SessionId::new("s-1")),
        cookies: cookies.iter().copied().map(Secret::new).collect(),
        bound: true,
        addresses: config().addresses,
        expires_at: None,
        connected_since: Some(Timestamp::from_secs(1_799_990_000)),
        paused: false,
        gateway_name: Some("Taipei".to_owned()),
        help_desk: Some("ext. 100".to_owned()),
    }
}

pub(crate) fn traffic(packets_out: u64) -> Traffic {
    Traffic { packets_out, ..Traffic::default() }
}
