//! The status view (B-16, B-17): what a snapshot looks like on a terminal and as JSON.

use std::time::Duration;

use praya_model::channel::ChannelView;
use praya_model::posture::{Finding, Outcome};
use praya_model::snapshot::Snapshot;
use praya_model::{Failure, FailureCode, Timestamp, TunnelState};
use praya_texts::{clock, printable};
use serde::Serialize;

use crate::format::{padded, widest};
use crate::out::{Out, Tone};
use crate::text;

/// The status as `--json` gives it. Fields are added, never renamed.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Status {
    /// `no_session`, `restoring`, `signing_in`, `connected`, `reconnecting`, `idle_warning` or `ended`.
    state: TunnelState,
    in_use_by_another: bool,
    /// The profile's name, or the gateway's.
    vpn_name: Option<String>,
    gateway: Option<String>,
    account: Option<String>,
    session: Option<String>,
    /// The tunnel's own addresses, without prefix.
    addresses: Vec<String>,
    device: Option<String>,
    connected_since_ms: Option<i64>,
    duration_seconds: Option<u64>,
    received_bytes: u64,
    sent_bytes: u64,
    /// How packets travel, and what each channel has carried; `null` while the tunnel is down.
    channel: Option<ChannelView>,
    idle_in_seconds: Option<u64>,
    expires_in_seconds: Option<u64>,
    retry_in_seconds: Option<u64>,
    paused: bool,
    /// Why the last session ended, as a code.
    ended: Option<&'static str>,
    /// Root ended it, and not the person who was signed in.
    ended_by_administrator: bool,
    /// Whether the gateway heard of the end; `null` while that is open, and where it was not to be told.
    gateway_told: Option<bool>,
    /// When a gateway that did not hear of it ends the session by itself at the latest.
    gateway_forgets_in_seconds: Option<u64>,
    last_failure: Option<Failure>,
    warnings: Vec<praya_model::snapshot::Warning>,
    /// What the endpoint check found last; `null` where there was none.
    posture: Option<Posture>,
    help_desk: Option<String>,
}

/// What the gateway makes of the machine.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Posture {
    checked_at_ms: i64,
    findings: Vec<Finding>,
    /// Only some resources are reached until the machine is put right.
    limited: bool,
    /// When the session ends unless the machine is put right.
    ends_in_seconds: Option<u64>,
}

impl Status {
    /// The status at `now`.
    pub(crate) fn new(snapshot: &Snapshot, now: Timestamp) -> Self {
        let until = |at: Option<Timestamp>| at.map(|at| at.since(now).as_secs());
        let name =
            snapshot.profile.as_ref().map(ToString::to_string).or_else(|| snapshot.gateway_name.clone());
        Self {
            state: snapshot.state,
            in_use_by_another: snapshot.in_use_by_another,
            vpn_name: name.or_else(|| snapshot.gateway.as_ref().map(|gateway| gateway.authority())),
            gateway: snapshot.gateway.as_ref().map(ToString::to_string),
            account: snapshot.account.as_ref().map(ToString::to_string),
            session: snapshot.session.as_ref().map(ToString::to_string),
            addresses: snapshot
                .tunnel
                .iter()
                .flat_map(|tunnel| tunnel.addresses.iter().map(|net| net.addr().to_string()))
                .collect(),
            device: snapshot.tunnel.as_ref().and_then(|tunnel| tunnel.device.clone()),
            connected_since_ms: snapshot.connected_since.map(Timestamp::as_millis),
            // An ended session has no clock that still runs.
            duration_seconds: snapshot
                .connected_since
                .filter(|_| !matches!(snapshot.state, TunnelState::Ended | TunnelState::NoSession))
                .map(|since| now.since(since).as_secs()),
            received_bytes: snapshot.traffic.bytes_in,
            sent_bytes: snapshot.traffic.bytes_out,
            channel: snapshot.channel.clone(),
            idle_in_seconds: until(snapshot.idle_at),
            expires_in_seconds: until(snapshot.expires_at),
            retry_in_seconds: until(snapshot.reconnect.as_ref().and_then(|reconnect| reconnect.next_at)),
            paused: snapshot.reconnect.as_ref().is_some_and(|reconnect| reconnect.paused),
            ended: snapshot.ended.map(praya_model::EndReason::as_str),
            ended_by_administrator: snapshot.ended_by_administrator,
            gateway_told: snapshot.gateway_told,
            gateway_forgets_in_seconds: until(snapshot.gateway_forgets_at),
            last_failure: snapshot.last_failure.as_ref().map(|failure| failure.as_of(now)),
            warnings: snapshot.warnings.clone(),
            posture: snapshot.posture.as_ref().map(|posture| Posture {
                checked_at_ms: posture.checked_at.as_millis(),
                findings: posture.findings.clone(),
                limited: posture.limited,
                ends_in_seconds: until(posture.ends_at),
            }),
            help_desk: snapshot.help_desk.clone(),
        }
    }
}

impl Status {
    /// How long a gateway that was not told still keeps the session, where that is known; `None` when it is over.
    fn not_told_left(&self) -> Option<Option<Duration>> {
        match self.gateway_forgets_in_seconds {
            Some(0) => None,
            left => Some(left.map(Duration::from_secs)),
        }
    }
}

/// The status view at `now`: a label and a value a line, no trailing line feed.
pub(crate) fn view(snapshot: &Snapshot, now: Timestamp, out: Out) -> String {
    let status = Status::new(snapshot, now);
    let tone = match status.state {
        TunnelState::Connected => Tone::Good,
        TunnelState::IdleWarning
        | TunnelState::Reconnecting
        | TunnelState::Restoring
        | TunnelState::SigningIn => Tone::Warning,
        TunnelState::Ended => Tone::Bad,
        TunnelState::NoSession => Tone::Heading,
    };
    let mut rows: Vec<(String, String)> = Vec::new();
    let mut row = |label, value: Option<String>| rows.extend(value.map(|value| (text::say(label), value)));

    let state = if status.paused { text::say("state-paused") } else { text::state(status.state) };
    row("label-state", Some(out.paint(tone, &state)));
    if status.in_use_by_another {
        row("cli-label-note", Some(text::say("failure-in-use-by-another")));
    }
    row("label-vpn-name", status.vpn_name.as_deref().map(printable));
    row("label-ip-address", (!status.addresses.is_empty()).then(|| status.addresses.join(", ")));
    row("label-user", status.account.as_deref().map(printable));
    row("label-duration", status.duration_seconds.map(clock));
    if snapshot.connected_since.is_some() {
        row("label-received", Some(text::bytes(status.received_bytes)));
        row("label-sent", Some(text::bytes(status.sent_bytes)));
    }
    if let Some(channel) = &status.channel {
        row("label-channel", Some(text::channel(channel)));
        let round_trip = channel.in_use().round_trip_us.map(Duration::from_micros);
        row("label-round-trip", round_trip.map(text::round_trip));
    }
    let countdown = |seconds: Option<u64>| seconds.map(|seconds| text::within(Duration::from_secs(seconds)));
    row("label-idle", countdown(status.idle_in_seconds));
    row("label-expiry", countdown(status.expires_in_seconds));
    row("cli-label-retry", countdown(status.retry_in_seconds));
    let failure = status.last_failure.as_ref().map(|failure| text::failure(failure).replace('\n', "\n    "));
    match snapshot.ended {
        _ if snapshot.ended_by_administrator => {
            row("cli-label-ended", Some(text::ended_by_administrator(snapshot.state)));
        }
        Some(reason) => {
            let said = status.last_failure.as_ref().map(|failure| &failure.code)
                == Some(&FailureCode::SessionEnded { reason });
            row("cli-label-ended", failure.clone().filter(|_| said).or_else(|| Some(text::ended(reason))));
            row("cli-label-problem", failure.filter(|_| !said));
            row("label-gateway-says", snapshot.end_text.as_deref().map(printable));
        }
        None => row("cli-label-problem", failure),
    }
    if status.gateway_told == Some(false)
        && let Some(left) = status.not_told_left()
    {
        row("cli-label-note", Some(text::gateway_not_told(left)));
    }
    for warning in &status.warnings {
        row("cli-label-warning", Some(out.paint(Tone::Warning, &text::warning(warning))));
    }
    if let Some(posture) = &status.posture {
        let bad = posture.limited || posture.ends_in_seconds.is_some();
        for finding in &posture.findings {
            let told = text::posture_finding(finding);
            let tone = if finding.outcome == Outcome::Failed { Tone::Bad } else { Tone::Warning };
            let what = text::part(told.check, told.found);
            let required = text::part(text::say("checking-required"), told.required);
            let lines = format!("{}\n    {required}\n    {}", out.paint(tone, &what), told.remedy);
            row("cli-label-requirement", Some(lines));
        }
        row("cli-label-note", posture.limited.then(|| text::say("posture-limited")));
        let left = posture.ends_in_seconds.map(Duration::from_secs);
        row("cli-label-note", left.filter(|_| snapshot.ended.is_none()).map(text::posture_ends));
        let hint = bad && snapshot.ended.is_none();
        row("cli-label-note", hint.then(|| text::say("posture-checked-again")));
    }
    row("label-last-sign-in", snapshot.last_sign_in.as_ref().map(text::last_sign_in));
    row("label-banner", snapshot.banner.as_deref().map(printable));
    let told = status.last_failure.as_ref().is_some_and(|failure| failure.help_desk.is_some());
    row("label-help-desk", status.help_desk.as_deref().map(printable).filter(|_| !told));

    let width = widest(rows.iter().map(|(label, _)| label));
    let lines: Vec<String> =
        rows.iter().map(|(label, value)| format!("{}  {value}", padded(label, width))).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use praya_model::channel::ChannelTraffic;
    use praya_model::snapshot::{PostureView, Traffic, TunnelView};
    use praya_model::{AccountName, ChannelReason, DataChannel, EndReason, SupportCode};

    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);

    fn connected() -> Snapshot {
        Snapshot {
            state: TunnelState::Connected,
            profile: Some("TCC-VPN".parse().unwrap()),
            gateway: Some("vpn.example".parse().unwrap()),
            account: Some(AccountName::new("hark.chen")),
            tunnel: Some(TunnelView {
                addresses: vec!["192.168.131.2/24".parse().unwrap()],
                ..TunnelView::default()
            }),
            connected_since: Some(NOW.before(Duration::from_secs(3))),
            traffic: Traffic { bytes_in: 24_115, bytes_out: 48_445, packets_in: 1, packets_out: 1 },
            idle_at: Some(NOW.after(Duration::from_secs(300))),
            expires_at: Some(NOW.after(Duration::from_secs(36_000))),
            ..Snapshot::default()
        }
    }

    #[test]
    fn b16_the_connected_view_is_the_sources_view() {
        assert_eq!(
            view(&connected(), NOW, Out::new(true)),
            "State         Connected\n\
             VPN name      TCC-VPN\n\
             IP address    192.168.131.2\n\
             User          hark.chen\n\
             Duration      00:00:03\n\
             Received      23.55 KB\n\
             Sent          47.31 KB\n\
             Idle logout   in 5 minutes\n\
             Session ends  in 10 hours"
        );
    }

    #[test]
    fn the_channel_stands_with_its_reason_and_its_round_trip() {
        let channel = ChannelView {
            carrier: DataChannel::Udp,
            reason: ChannelReason::Preferred,
            udp: ChannelTraffic { packets_out: 7, round_trip_us: Some(12_900), ..ChannelTraffic::default() },
            dropped: [("queue_delay".to_owned(), 3)].into(),
            ..ChannelView::default()
        };
        let snapshot = Snapshot { channel: Some(channel), ..connected() };
        let told = view(&snapshot, NOW, Out::new(true));
        assert!(
            told.contains("\nCarried by    UDP – it answers, and a lost packet holds up no other\n"),
            "{told}"
        );
        assert!(told.contains("\nRound trip    12 ms\n"), "{told}");
        let json = serde_json::to_value(Status::new(&snapshot, NOW)).unwrap();
        assert_eq!(
            (&json["channel"]["carrier"], &json["channel"]["reason"]),
            (&"udp".into(), &"preferred".into())
        );
        assert_eq!(json["channel"]["udp"]["packets_out"], 7);
        assert_eq!(json["channel"]["dropped"]["queue_delay"], 3);
    }

    #[test]
    fn a_session_that_ended_says_why_and_whom_to_ask() {
        let snapshot = Snapshot {
            state: TunnelState::Ended,
            ended: Some(EndReason::Idle),
            last_failure: Some(Failure {
                code: FailureCode::SessionEnded { reason: EndReason::Idle },
                support: Some(SupportCode::new("K7Q2")),
                help_desk: Some("IT".into()),
                told_at: None,
            }),
            ..Snapshot::default()
        };
        let view = view(&snapshot, NOW, Out::new(true));
        assert_eq!(view.matches("not used for too long").count(), 1, "{view}");
        assert!(!view.contains("Duration"), "{view}");
        assert!(view.contains("K7Q2"), "{view}");
    }

    #[test]
    fn a35_a_lock_shown_20_seconds_after_it_was_told_has_20_seconds_less() {
        let locked = Failure::from(FailureCode::Locked { seconds_left: 300 }).told(NOW);
        let snapshot = Snapshot { last_failure: Some(locked), ..Snapshot::default() };
        let view = view(&snapshot, NOW.after(Duration::from_secs(20)), Out::new(true));
        assert!(view.contains("in 4 minutes 40 seconds"), "{view}");
    }

    #[test]
    fn who_ended_a_session_and_whether_the_gateway_knows_is_said() {
        let ended = Snapshot {
            state: TunnelState::Ended,
            ended: Some(EndReason::UserLogout),
            gateway_told: Some(false),
            gateway_forgets_at: Some(NOW.after(Duration::from_secs(1890))),
            ..Snapshot::default()
        };
        let own = view(&ended, NOW, Out::new(true));
        assert!(own.contains("You logged out.") && own.contains("in 32 minutes at the latest"), "{own}");
        let later = view(&ended, NOW.after(Duration::from_secs(1890)), Out::new(true));
        assert!(!later.contains("gateway"), "{later}");
        let theirs = view(&Snapshot { ended_by_administrator: true, ..ended }, NOW, Out::new(true));
        assert!(theirs.contains("administrator of this computer") && !theirs.contains("You"), "{theirs}");
    }

    #[test]
    fn a22_what_the_endpoint_check_found_in_a_session_stands_with_its_remedy_and_what_follows() {
        let finding = serde_json::json!({
            "check": "firewall", "outcome": "failed", "expected": {"expected": "on"}, "found": {"found": "off", "name": null}
        });
        let posture = PostureView {
            checked_at: NOW,
            findings: vec![serde_json::from_value(finding).unwrap()],
            limited: true,
            ends_at: Some(NOW.after(Duration::from_secs(300))),
        };
        let snapshot = Snapshot { posture: Some(posture), ..connected() };
        let told = view(&snapshot, NOW, Out::new(true));
        assert!(told.contains("Firewall: Off\n    Required: On\n    Switch the firewall on."), "{told}");
        assert!(told.contains("some resources only") && told.contains("ends in 5 minutes"), "{told}");
        let json = serde_json::to_value(Status::new(&snapshot, NOW)).unwrap();
        assert_eq!(json["posture"]["ends_in_seconds"], 300);
        assert_eq!(json["posture"]["findings"][0]["check"], "firewall");
    }

    #[test]
    fn in_use_by_another_shows_nothing_of_theirs() {
        let view = view(&connected().redacted(), NOW, Out::new(true));
        assert!(view.contains("Another person on this machine is signed in."), "{view}");
        assert!(!view.contains("hark.chen") && !view.contains("192.168"), "{view}");
    }

    #[test]
    fn the_json_fields_are_stable() {
        let json = serde_json::to_value(Status::new(&connected(), NOW)).unwrap();
        assert_eq!(json["state"], "connected");
        assert_eq!(json["vpn_name"], "TCC-VPN");
        assert_eq!(json["addresses"][0], "192.168.131.2");
        assert_eq!(json["duration_seconds"], 3);
        assert_eq!(json["received_bytes"], 24_115);
        assert_eq!(json["sent_bytes"], 48_445);
        assert_eq!(json["idle_in_seconds"], 300);
        assert_eq!(json["expires_in_seconds"], 36_000);
    }
}
