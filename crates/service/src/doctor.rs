//! What is and is not as it should be on this machine and on the way to the gateway, for `praya doctor`.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use praya_ipc::{Check, CheckOutcome, Diagnosis};
use praya_model::snapshot::Warning;
use praya_model::{EndReason, FailureCode, GatewayAddress, Pin, Snapshot, Timestamp, TunnelState};
use praya_session::{HttpReply, HttpRequest, Method};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::gateways::{Gateway, Gateways};

/// How long each look may take.
const PATIENCE: Duration = Duration::from_secs(8);
/// A clock that is further off makes codes fail: the gateway takes one step either way.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(25);

/// What is examined.
#[derive(Debug)]
pub struct Subject {
    /// The gateway in use, or the only one that is stored.
    pub gateway: Option<(GatewayAddress, Option<Pin>)>,
    /// Whether the tunnel's network settings are in force.
    pub inside: bool,
    /// The resume file.
    pub resume: PathBuf,
    /// What could not be taken back by the last clean-up.
    pub leftovers: Option<FailureCode>,
    /// The state of things.
    pub snapshot: Snapshot,
}

/// Looks at everything, in the order in which things depend on each other.
pub async fn examine(subject: Subject, gateways: &Gateways) -> Diagnosis {
    let mut checks = vec![tun_device(), leftovers(subject.leftovers.clone())];
    match &subject.gateway {
        Some((address, pin)) => match gateways.get(address, pin.as_ref()) {
            Ok(gateway) => way_to_gateway(&gateway, subject.inside, &mut checks).await,
            Err(failure) => checks.push(bad("gateway_tls", address.host_port(), failure)),
        },
        None => checks.push(check("gateway_name", CheckOutcome::Skipped, "no gateway is in use or stored")),
    }
    checks.push(session(&subject.snapshot));
    checks.extend(inside(&subject.snapshot));
    checks.push(resume(&subject));
    Diagnosis { checks }
}

fn tun_device() -> Check {
    match std::fs::OpenOptions::new().read(true).write(true).open("/dev/net/tun") {
        Ok(_) => check("tun_device", CheckOutcome::Good, "/dev/net/tun"),
        Err(error) => {
            bad("tun_device", "/dev/net/tun", FailureCode::NoTunDevice { detail: error.to_string() })
        }
    }
}

fn leftovers(left: Option<FailureCode>) -> Check {
    match left {
        None => check("leftovers", CheckOutcome::Good, "nothing left behind"),
        Some(FailureCode::NetworkSetup { detail }) => check("leftovers", CheckOutcome::Warning, detail),
        Some(failure) => Check {
            failure: Some(failure.into()),
            ..check("leftovers", CheckOutcome::Warning, "some settings could not be taken back")
        },
    }
}

async fn way_to_gateway(gateway: &Gateway, inside: bool, checks: &mut Vec<Check>) {
    let host_port = gateway.address().host_port();
    let addresses = match gateway.addresses(inside).await {
        Ok(addresses) => addresses,
        Err(failure) => {
            checks.push(bad("gateway_name", gateway.address().host(), failure));
            checks.push(check("gateway_reachable", CheckOutcome::Skipped, "its name is not known"));
            return;
        }
    };
    let listed: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    checks.push(check("gateway_name", CheckOutcome::Good, listed.join(", ")));

    let unreachable =
        |cause: &str| FailureCode::Unreachable { gateway: host_port.clone(), cause: cause.to_owned() };
    let connecting = TcpStream::connect(addresses.as_slice());
    let reached = match timeout(PATIENCE, connecting).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(unreachable(crate::tls::io_cause(Some(error.kind())))),
        Err(_) => Err(unreachable("timeout")),
    };
    if let Err(failure) = reached {
        checks.push(bad("gateway_reachable", host_port.clone(), failure));
        checks.push(check("gateway_tls", CheckOutcome::Skipped, "it does not answer"));
        return;
    }
    checks.push(check("gateway_reachable", CheckOutcome::Good, host_port.clone()));

    let greeting = async {
        let request = HttpRequest::new(Method::Get, format!("{}/gateway", praya_model::api::PREFIX));
        gateway.http(&addresses)?.send(request, |_, _, _, _| String::new()).await
    };
    match timeout(PATIENCE, greeting).await.unwrap_or_else(|_| Err(unreachable("timeout"))) {
        Ok(reply) => {
            checks.push(check("gateway_tls", CheckOutcome::Good, "vouched for"));
            checks.push(clock(&reply, Timestamp::from(SystemTime::now())));
        }
        Err(failure) => checks.push(bad("gateway_tls", host_port, failure)),
    }
}

/// A clock that is off makes codes fail and certificates look expired.
fn clock(reply: &HttpReply, now: Timestamp) -> Check {
    let Some(theirs) = reply.header("Date").and_then(parse_http_date) else {
        return check("clock", CheckOutcome::Skipped, "the gateway does not tell the time");
    };
    let apart = now.since(theirs).max(theirs.since(now));
    let detail = format!("{} s apart from the gateway's", apart.as_secs());
    let outcome = if apart <= CLOCK_TOLERANCE { CheckOutcome::Good } else { CheckOutcome::Warning };
    check("clock", outcome, detail)
}

/// The one date form that servers send (RFC 9110, section 5.6.7): `Sun, 06 Nov 1994 08:49:37 GMT`.
fn parse_http_date(text: &str) -> Option<Timestamp> {
    let (_, rest) = text.split_once(", ")?;
    let mut parts = rest.split(' ');
    let day: i64 = parts.next()?.parse().ok()?;
    let month_name = parts.next()?;
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let month = i64::try_from(months.iter().position(|name| *name == month_name)?).ok()? + 1;
    let year: i64 = parts.next()?.parse().ok().filter(|year| (1970..10_000).contains(year))?;
    let mut clock = parts.next()?.splitn(3, ':').map(|part| part.parse::<i64>().ok());
    let (hour, minute, second) = (clock.next()??, clock.next()??, clock.next()??);
    // Days since 1970-01-01 in the proleptic Gregorian calendar, with years that begin in March.
    let year_from_march = if month <= 2 { year - 1 } else { year };
    let (era, month_from_march) = (year_from_march.div_euclid(400), (month + 9) % 12);
    let year_of_era = year_from_march.rem_euclid(400);
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    let days = era * 146_097 + day_of_era - 719_468;
    Some(Timestamp::from_secs(days * 86_400 + hour * 3600 + minute * 60 + second))
}

fn session(snapshot: &Snapshot) -> Check {
    match snapshot.state {
        TunnelState::Connected | TunnelState::IdleWarning => {
            check("session", CheckOutcome::Good, "connected")
        }
        TunnelState::SigningIn => check("session", CheckOutcome::Good, "signing in"),
        TunnelState::Restoring | TunnelState::Reconnecting => Check {
            failure: snapshot.last_failure.clone(),
            ..check("session", CheckOutcome::Warning, "the tunnel is being brought back")
        },
        TunnelState::NoSession => Check {
            failure: snapshot.last_failure.clone(),
            ..check("session", CheckOutcome::Skipped, "not signed in")
        },
        TunnelState::Ended if snapshot.ended_by_administrator => {
            check("session", CheckOutcome::Warning, "ended by an administrator of this computer")
        }
        // What a person chose is as it should be.
        TunnelState::Ended if matches!(snapshot.ended, Some(EndReason::UserLogout | EndReason::TrayExit)) => {
            check("session", CheckOutcome::Skipped, "logged out")
        }
        TunnelState::Ended => {
            let reason = snapshot.ended.unwrap_or(EndReason::Other);
            let failure = FailureCode::SessionEnded { reason }.into();
            Check { failure: Some(failure), ..check("session", CheckOutcome::Warning, "ended") }
        }
    }
}

/// Routes and name servers, as far as a tunnel is up.
fn inside(snapshot: &Snapshot) -> Vec<Check> {
    let Some(tunnel) = &snapshot.tunnel else {
        return vec![
            check("route", CheckOutcome::Skipped, "no tunnel"),
            check("dns", CheckOutcome::Skipped, "no tunnel"),
        ];
    };
    let mut route = check("route", CheckOutcome::Good, "no conflict with this machine's networks");
    let asked = if tunnel.dns_servers.is_empty() {
        "the gateway names none"
    } else {
        "internal names are asked inside"
    };
    let mut dns = check("dns", CheckOutcome::Good, asked);
    for warning in &snapshot.warnings {
        if let Warning::RouteConflict { tunnel, local, device } = warning {
            route = check("route", CheckOutcome::Warning, format!("{tunnel} inside, {local} on {device}"));
        } else if let Warning::Dns { detail } = warning {
            dns = check("dns", CheckOutcome::Warning, detail.clone());
        }
    }
    vec![route, dns]
}

fn resume(subject: &Subject) -> Check {
    let warned = subject.snapshot.warnings.iter().find_map(|warning| {
        if let Warning::NotResumable { detail } = warning { Some(detail.clone()) } else { None }
    });
    match warned {
        Some(detail) => check("resume", CheckOutcome::Warning, detail),
        None if subject.resume.exists() => {
            check("resume", CheckOutcome::Good, "survives a restart of the service")
        }
        None => check("resume", CheckOutcome::Skipped, "no session"),
    }
}

fn check(name: &str, outcome: CheckOutcome, detail: impl Into<String>) -> Check {
    Check { name: name.to_owned(), outcome, detail: detail.into(), failure: None }
}

fn bad(name: &str, detail: impl Into<String>, failure: FailureCode) -> Check {
    Check { failure: Some(failure.into()), ..check(name, CheckOutcome::Bad, detail) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_http_date_is_read() {
        for (text, secs) in [
            ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
            ("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777),
            ("Thu, 29 Feb 2024 23:59:59 GMT", 1_709_251_199),
            ("Fri, 01 Mar 2024 00:00:00 GMT", 1_709_251_200),
        ] {
            assert_eq!(parse_http_date(text), Some(Timestamp::from_secs(secs)), "{text}");
        }
        for text in
            ["", "now", "Sun, 06 Foo 1994 08:49:37 GMT", "Sun, 06 Nov 1994", "Sun, 06 Nov 1994 08:49 GMT"]
        {
            assert_eq!(parse_http_date(text), None, "{text}");
        }
    }

    #[test]
    fn a_clock_that_would_make_codes_fail_is_a_warning() {
        let reply = HttpReply {
            status: 200,
            headers: vec![("date".into(), "Sun, 06 Nov 1994 08:49:37 GMT".into())],
            body: vec![],
        };
        let at = |secs: i64| clock(&reply, Timestamp::from_secs(784_111_777 + secs)).outcome;
        assert_eq!(
            (at(0), at(20), at(-60), at(90)),
            (CheckOutcome::Good, CheckOutcome::Good, CheckOutcome::Warning, CheckOutcome::Warning)
        );
    }

    #[test]
    fn a_log_out_is_no_trouble_and_an_end_by_somebody_else_is() {
        let ended = |reason, ended_by_administrator| {
            let (state, ended) = (TunnelState::Ended, Some(reason));
            session(&Snapshot { state, ended, ended_by_administrator, ..Snapshot::default() })
        };
        assert_eq!(ended(EndReason::UserLogout, false).outcome, CheckOutcome::Skipped);
        assert_eq!(ended(EndReason::UserLogout, true).outcome, CheckOutcome::Warning);
        let idle = ended(EndReason::Idle, false);
        assert_eq!(idle.failure.unwrap().code, FailureCode::SessionEnded { reason: EndReason::Idle });
    }

    #[tokio::test]
    async fn a_gateway_that_does_not_answer_is_bad_and_what_depends_on_it_is_skipped() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address: GatewayAddress = listener.local_addr().unwrap().to_string().parse().unwrap();
        drop(listener);
        let subject = Subject {
            gateway: Some((address, None)),
            inside: false,
            resume: "/nowhere".into(),
            leftovers: None,
            snapshot: Snapshot::default(),
        };
        let diagnosis = examine(subject, &Gateways::new(vec![])).await;
        let outcome =
            |name: &str| diagnosis.checks.iter().find(|check| check.name == name).map(|check| check.outcome);
        assert_eq!(outcome("gateway_name"), Some(CheckOutcome::Good));
        assert_eq!(outcome("gateway_reachable"), Some(CheckOutcome::Bad));
        assert_eq!(outcome("gateway_tls"), Some(CheckOutcome::Skipped));
    }
}
