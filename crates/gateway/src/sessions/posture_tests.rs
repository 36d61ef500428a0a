//! The endpoint check of live sessions: reports, leases, and policies that change under them.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use praya_model::api::PostureReply;
use praya_model::posture::{Check, Status};
use praya_model::resource::{Endpoint, PortRange, Protocol, ResourceKind};
use praya_model::{EndReason, FailureCode, Resource, ResourceId, Timestamp};
use praya_posture::facts::HostFacts;
use praya_posture::policy::Access;

use super::expiry::Jump;
use super::*;
use crate::audit::Audit;
use crate::posture::test_machine::{Machine, POLICY, activate, facts};
use crate::posture::{Book, Desk, Fit, Judged, Question, Reporter, SUPPORT};
use crate::sign_in::{NewSession, Others, SessionDirectory as _};
use crate::store::{AuditEvent, AuditFilter, VERDICTS_A_DAY};
use crate::tunnel::lab::{Lab, alice, now, staff};

mod late;
mod time;

const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 9));

struct Site {
    lab: Lab,
    machine: Machine,
    start: Timestamp,
}

impl Site {
    /// Alice is signed in from her machine before there is any policy.
    fn new() -> Self {
        let long = Duration::from_secs(86_400);
        let lab = Lab::new(|config| {
            config.sessions.idle_timeout = long;
            config.sessions.away_timeout = long;
            config.sessions.lifetime = long;
        });
        let site = Self { lab, machine: Machine::new(7), start: now() };
        site.lab.sign_in(Some(site.machine.key()));
        site
    }

    fn session(&self) -> Arc<LiveSession> {
        self.lab.sessions.list().pop().expect("a session")
    }

    fn at(&self, minutes: u64) -> Timestamp {
        self.start.after(Duration::from_secs(minutes * 60))
    }

    async fn policy(&self, policy: &str, at: Timestamp) {
        activate(&self.lab.store, policy, at);
        self.lab.sessions.reconcile(at).await.unwrap();
    }

    async fn try_report(&self, facts: &HostFacts, at: Timestamp) -> Result<PostureReply, FailureCode> {
        let session = self.session();
        let question = self.lab.sessions.posture_question(&session, at).await.unwrap();
        let sealed = self.machine.report(&question.nonce, facts);
        self.lab.sessions.posture_report(&session, sealed, HERE, move || at).await
    }

    async fn report(&self, firewall: bool, minutes: u64) -> PostureReply {
        let at = self.at(minutes);
        self.try_report(&facts(firewall, true, at), at).await.unwrap()
    }

    async fn sweep(&self, minutes: u64) -> usize {
        self.lab.sessions.sweep(self.at(minutes)).await
    }

    /// The events of the check in the audit, as (code, actor).
    fn records(&self) -> Vec<(String, String)> {
        let filter = AuditFilter { event: Some(AuditEvent::Posture), ..AuditFilter::default() };
        let records = self.lab.store.audit(&filter).unwrap();
        records.into_iter().map(|record| (record.code.unwrap_or_default(), record.actor)).collect()
    }

    /// Publishes a help desk to Alice, at a port of its own.
    fn help_desk(&self) {
        let net = "172.31.0.99/32".parse().unwrap();
        let endpoints = vec![Endpoint { protocol: Protocol::Tcp, net, ports: PortRange::one(443) }];
        let resource = Resource {
            id: ResourceId::new("help-desk"),
            name: "Help desk".into(),
            description: String::new(),
            group: staff(),
            kind: ResourceKind::Web,
            address: "https://172.31.0.99/".into(),
            endpoints,
        };
        self.lab.store.put_resource(&resource).unwrap();
    }
}

#[tokio::test]
async fn without_a_policy_nothing_is_asked() {
    let site = Site::new();
    let question = site.lab.sessions.posture_question(&site.session(), site.start).await.unwrap();
    assert!(question.checks.is_empty() && question.nonce.is_empty() && !question.limited);
    assert!(question.recheck_seconds >= 60);
}

#[tokio::test]
async fn a_policy_that_comes_into_force_gives_time_to_report_and_ends_who_does_not() {
    let site = Site::new();
    site.policy(POLICY, site.start).await;
    let question = site.lab.sessions.posture_question(&site.session(), site.start).await.unwrap();
    assert_eq!(question.checks, [Check::Firewall, Check::ScreenLock]);
    assert_eq!((question.recheck_seconds, question.ends_in_seconds), (1, Some(660)));
    assert_eq!(site.sweep(10).await, 0);
    let session = site.session();
    assert_eq!(site.sweep(11).await, 1);
    assert_eq!(session.ended(), Some(EndReason::PostureLost));
    let row = site.lab.store.session(&session.id).unwrap().unwrap();
    assert_eq!(row.ended.map(|(_, reason)| reason), Some(EndReason::PostureLost));
}

#[tokio::test]
async fn a_good_report_keeps_the_session_for_the_lease_and_no_longer() {
    let site = Site::new();
    site.policy(POLICY, site.start).await;
    let reply = site.report(true, 1).await;
    assert_eq!((reply.status, reply.limited, reply.ends_in_seconds), (Status::Compliant, false, None));
    assert_eq!(reply.recheck_seconds, 900);
    assert_eq!(site.sweep(60).await, 0);
    assert_eq!(site.report(true, 60).await.ends_in_seconds, None);
    assert_eq!(site.sweep(119).await, 0);
    assert_eq!(site.sweep(120).await, 1, "nothing was heard for an hour");
}

#[tokio::test]
async fn a_machine_that_turns_bad_is_warned_and_may_be_put_right() {
    let site = Site::new();
    site.policy(POLICY, site.start).await;
    site.report(true, 1).await;
    let bad = site.report(false, 15).await;
    assert_eq!((bad.status, bad.ends_in_seconds), (Status::NonCompliant, Some(600)));
    assert_eq!((bad.findings.len(), bad.recheck_seconds), (1, 60));
    assert_eq!(site.sweep(24).await, 0);
    assert_eq!(site.report(true, 24).await.ends_in_seconds, None, "put right");
    assert_eq!(site.sweep(30).await, 0);
    site.report(true, 39).await;
    site.report(false, 54).await;
    assert_eq!(site.sweep(64).await, 1, "not put right");
    let codes: Vec<_> = site.records().into_iter().map(|(code, _)| code).collect();
    let expected = ["compliant", "non_compliant", "compliant", "non_compliant"];
    assert_eq!(codes, expected, "a verdict that says the same is no news");
    let kept = site.lab.store.verdicts_of(&site.machine.key(), 99).unwrap().rows;
    let at: Vec<_> = kept.iter().map(|row| row.found.verdict.evaluated_at).collect();
    assert_eq!(at, [54, 39, 15, 1].map(|minutes| site.at(minutes)), "nor does it take room");
}

#[tokio::test]
async fn a_limited_session_reaches_the_named_resources_only_and_everything_once_mended() {
    let site = Site::new();
    site.help_desk();
    site.policy(&POLICY.replace("on_fail = \"deny\"", "on_fail = { limit = [\"help-desk\"] }"), site.start)
        .await;
    site.report(true, 1).await;
    let session = site.session();
    let everything = session.access();
    assert_eq!(everything.endpoints.iter().filter(|endpoint| endpoint.protocol == Protocol::Tcp).count(), 2);
    let mut news = session.watch_access();
    site.report(false, 15).await;
    assert!(!news.has_changed().unwrap(), "it is warned first");
    assert_eq!(site.sweep(25).await, 0);
    assert!(news.has_changed().unwrap());
    let limited = news.borrow_and_update().clone();
    let tcp: Vec<_> = limited.endpoints.iter().filter(|e| e.protocol == Protocol::Tcp).collect();
    assert!(matches!(tcp[..], [only] if only.ports == PortRange::one(443)), "{tcp:?}");
    assert_eq!((limited.resources.len(), &limited.groups), (1, &everything.groups));
    assert_eq!(site.records().pop().unwrap().0, "limited");
    assert!(site.report(false, 30).await.limited);
    // An administrator's change elsewhere gives nothing back.
    site.lab.sessions.reconcile(site.at(31)).await.unwrap();
    assert_eq!(session.access(), limited);
    assert!(!site.report(true, 32).await.limited);
    assert_eq!(session.access(), everything);
}

#[tokio::test]
async fn a23_replayed_foreign_and_unasked_reports_change_nothing() {
    let site = Site::new();
    site.policy(POLICY, site.start).await;
    site.report(true, 1).await;
    let session = site.session();
    let before = session.fit();
    let sessions = &site.lab.sessions;
    let question = sessions.posture_question(&session, site.at(2)).await.unwrap();
    let good = facts(true, true, site.at(2));
    let own = site.machine.report(&question.nonce, &good);
    let foreign = Machine::new(8).report(&question.nonce, &good);
    let send = async |sealed, minutes| {
        let at = site.at(minutes);
        sessions.posture_report(&session, sealed, HERE, move || at).await
    };
    assert_eq!(send(foreign, 2).await, Err(FailureCode::BadPostureReport));
    assert_eq!(send(own.clone(), 3).await, Err(FailureCode::BadPostureReport), "the question is spent");
    let newer = sessions.posture_question(&session, site.at(4)).await.unwrap();
    assert_eq!(send(own, 4).await, Err(FailureCode::BadPostureReport), "replayed");
    drop(newer);
    let asked = site.at(5);
    let question = sessions.posture_question(&session, asked).await.unwrap();
    let late = site.machine.report(&question.nonce, &good);
    assert_eq!(send(late, 6).await, Err(FailureCode::BadPostureReport), "a minute is too long");
    assert_eq!(session.fit(), before);
    assert_eq!(site.lab.store.verdicts_of(&site.machine.key(), 99).unwrap().rows.len(), 1);
    assert_eq!(site.records().iter().filter(|(code, _)| code == "bad_posture_report").count(), 4);
    let filter = AuditFilter { code: Some("bad_posture_report".into()), ..AuditFilter::default() };
    let problems: Vec<_> = site.lab.store.audit(&filter).unwrap();
    let problems: Vec<_> = problems.iter().map(|record| record.detail["problem"].as_str().unwrap()).collect();
    assert_eq!(problems, ["signature", "nonce", "nonce", "stale"]);
}

#[tokio::test]
async fn reports_one_after_another_are_heard_now_and_then() {
    let site = Site::new();
    site.policy(POLICY, site.start).await;
    let mut heard = 0;
    // One every second, the firewall switched on and off.
    for second in 0..1500_u64 {
        let at = site.start.after(Duration::from_secs(second));
        match site.try_report(&facts(heard % 2 == 0, true, at), at).await {
            Ok(_) => heard += 1,
            Err(FailureCode::Busy { retry_after_seconds }) => {
                assert!((1..=30).contains(&retry_after_seconds))
            }
            Err(other) => panic!("{other:?}"),
        }
    }
    assert_eq!(heard, 10 + 1500 / 30 - 1);
    let kept = site.lab.store.verdicts_of(&site.machine.key(), u32::MAX).unwrap().rows;
    assert!(kept.len() <= VERDICTS_A_DAY as usize, "{}", kept.len());
    let filter = AuditFilter { event: Some(AuditEvent::Posture), ..AuditFilter::default() };
    let records = site.lab.store.audit(&filter).unwrap();
    assert!(records.last().unwrap().detail["checks_left_out"].is_number());
}

/// A verdict by the policies that were in force while the report was opened.
async fn judged(site: &Site, firewall: bool, at: Timestamp) -> Judged {
    let session = site.session();
    let question = Question {
        nonce: "n".into(),
        checks: Check::ALL.to_vec(),
        platform: None,
        until: at.after(Duration::from_secs(60)),
    };
    let who = Reporter {
        device: site.machine.key(),
        host_name: "pc-17".into(),
        account: alice(),
        session: Some(session.id.clone()),
        before: None,
        source: HERE,
    };
    let store = &site.lab.store;
    let desk = Desk::new(store.clone(), Audit::new(store.clone()), site.lab.metrics.clone());
    let sealed = site.machine.report("n", &facts(firewall, false, at));
    desk.judge(who, Some(question), sealed, at).await.unwrap()
}

#[tokio::test]
async fn a_policy_that_comes_while_a_report_is_judged_is_followed() {
    let site = Site::new();
    site.policy(POLICY, site.start).await;
    let by_the_old = judged(&site, true, site.at(1)).await;
    site.policy(&POLICY.replace("\"optional\"", "\"mandatory\""), site.at(1)).await;
    site.lab.sessions.take_verdict(&site.session(), &by_the_old, site.at(1)).await;
    let fit = site.session().fit().unwrap();
    assert_eq!((fit.policies[0].version, fit.status), (2, Status::NonCompliant));
    assert_eq!(fit.ends_in(site.at(1)), Some(600));
    let row = site.lab.store.session(&site.session().id).unwrap().unwrap();
    assert_eq!(row.posture, Some(fit));
}

#[tokio::test]
async fn a_policy_that_cannot_be_read_closes_and_neither_stops_withdrawals_nor_the_start() {
    for spoilt in [
        "UPDATE policies SET version = 2, text = 'schema = 9'",
        "UPDATE policies SET version = 2, text = CAST(X'ff' AS TEXT)",
        "INSERT INTO settings VALUES ('posture_support', CAST(X'ff' AS TEXT))",
    ] {
        closed_and_mended(spoilt).await;
    }
}

async fn closed_and_mended(spoilt: &str) {
    let site = Site::new();
    site.help_desk();
    site.policy(POLICY, site.start).await;
    site.report(true, 1).await;
    let (session, sessions) = (site.session(), &site.lab.sessions);
    let everything = session.access();
    site.lab.store.spoil(spoilt);
    site.lab.store.remove_member(&staff(), &alice()).unwrap();
    sessions.reconcile(site.at(2)).await.unwrap();
    assert_eq!(session.ended(), None, "the session stays");
    assert!(session.access().resources.is_empty() && session.access().groups.is_empty());
    assert_eq!(site.records().pop().unwrap(), ("policy_unreadable".into(), "gateway".into()));
    site.lab.store.add_member(&staff(), &alice()).unwrap();
    sessions.reconcile(site.at(3)).await.unwrap();
    assert!(session.access().resources.is_empty(), "closed");
    let question = sessions.posture_question(&session, site.at(3)).await.unwrap();
    assert!(question.limited && question.checks.is_empty());
    assert_eq!(question.recheck_seconds, 60);
    let (store, config) = (site.lab.store.clone(), Arc::clone(&site.lab.config));
    let started = Sessions::load(store.clone(), Audit::new(store.clone()), config, site.at(3)).unwrap();
    assert!(started.get(&session.id).unwrap().access().resources.is_empty());
    // Mended: as it was, without a new sign-in.
    store.set_setting(SUPPORT, "").unwrap();
    activate(&store, POLICY, site.at(4));
    sessions.reconcile(site.at(4)).await.unwrap();
    assert_eq!(session.access(), everything);
}

#[tokio::test]
async fn a_store_that_fails_keeps_nobody_from_losing_what_was_taken() {
    let site = Site::new();
    site.help_desk();
    site.policy(POLICY, site.start).await;
    let session = site.session();
    let everything = session.access();
    let reading = Resource { id: ResourceId::new("reading-room"), ..everything.resources[0].clone() };
    site.lab.store.put_resource(&reading).unwrap();
    site.lab.store.delete_resource(&ResourceId::new("help-desk")).unwrap();
    site.lab.store.spoil("UPDATE policies SET version = -1");
    assert!(site.lab.sessions.reconcile(site.at(1)).await.is_err());
    assert!(session.access().resources.is_empty(), "what was taken is gone, and what came waits for policy");
    site.lab.store.spoil("UPDATE policies SET version = 1");
    site.lab.sessions.reconcile(site.at(2)).await.unwrap();
    assert_eq!(session.access().resources, [reading]);
}

#[tokio::test]
async fn rows_that_cannot_be_read_concern_their_own_session_only() {
    let site = Site::new();
    site.policy(POLICY, site.start).await;
    site.report(true, 1).await;
    let store = &site.lab.store;
    site.lab.sign_in(Some(Machine::new(8).key()));
    let other = site.lab.sessions.list().into_iter().find(|s| s.id != site.session().id);
    let mine = store.verdicts_of(&site.machine.key(), 9).unwrap().rows[0].found.session.clone().unwrap();
    let theirs = other.into_iter().chain([site.session()]).find(|s| s.id != mine).unwrap();
    site.lab.sessions.reconcile(site.at(2)).await.unwrap();
    site.lab.sessions.flush(site.at(2)).await.unwrap();
    store.spoil("UPDATE verdicts SET verdict = '{}'");
    store.spoil(&format!("UPDATE sessions SET posture = '{{}}' WHERE id = '{mine}'"));
    let config = Arc::clone(&site.lab.config);
    let started = Sessions::load(store.clone(), Audit::new(store.clone()), config, site.at(2)).unwrap();
    let fit = started.get(&mine).unwrap().fit().unwrap();
    assert_eq!(
        (fit.access.clone(), fit.verdict),
        (Access::Limit(vec![]), None),
        "asked anew, and closed until then"
    );
    assert_eq!(started.get(&theirs.id).unwrap().fit(), theirs.fit());
    assert!(site.records().iter().any(|(code, _)| code == "fit_unreadable"));
}

#[tokio::test]
async fn a_clock_that_was_set_ends_no_session_and_lengthens_none() {
    let site = Site::new();
    site.policy(POLICY, site.start).await;
    site.report(true, 1).await;
    let (session, sessions) = (site.session(), &site.lab.sessions);
    let hours = Duration::from_secs(6 * 3600);
    let before = session.fit().unwrap();
    sessions.clock_was_set(Jump::Ahead(hours), site.at(362));
    assert_eq!(site.sweep(362 + 58).await, 0);
    assert_eq!(session.fit().unwrap().valid_until, before.valid_until.map(|at| at.after(hours)));
    let row = site.lab.store.session(&session.id).unwrap().unwrap();
    assert_eq!(row.posture, session.fit(), "after a crash as well");
    let question = sessions.posture_question(&session, site.at(419)).await.unwrap();
    sessions.clock_was_set(Jump::Back(hours), site.at(60));
    assert_eq!(session.fit(), Some(before));
    let late = site.machine.report(&question.nonce, &facts(true, true, site.at(60)));
    let at = site.at(60);
    let refused = sessions.posture_report(&session, late, HERE, move || at).await;
    assert_eq!(refused, Err(FailureCode::BadPostureReport), "nor does a question live longer");
    assert_eq!(site.sweep(61).await, 1, "the lease is as long as it was");
}

#[tokio::test]
async fn checks_are_counted_by_outcome() {
    let site = Site::new();
    site.policy(POLICY, site.start).await;
    let at = site.at(1);
    site.lab.sessions.take_verdict(&site.session(), &judged(&site, false, at).await, at).await;
    let text = site.lab.metrics.render();
    for line in [
        "praya_gateway_posture_checks_total{check=\"firewall\",outcome=\"failed\"} 1",
        "praya_gateway_posture_checks_total{check=\"screen_lock\",outcome=\"warned\"} 1",
        "praya_gateway_posture_verdicts_total{status=\"non_compliant\"} 1",
    ] {
        assert!(text.contains(line), "{line} in\n{text}");
    }
}

#[tokio::test]
async fn a_change_of_policy_judges_what_the_machine_said_last() {
    let site = Site::new();
    site.policy(POLICY, site.start).await;
    let at = site.at(1);
    site.try_report(&facts(true, false, at), at).await.unwrap();
    let lease = site.session().fit().unwrap().valid_until;
    site.policy(&POLICY.replace("\"optional\"", "\"mandatory\""), site.at(5)).await;
    let question = site.lab.sessions.posture_question(&site.session(), site.at(5)).await.unwrap();
    assert_eq!(question.findings[0].check, Check::ScreenLock);
    assert_eq!(
        (question.ends_in_seconds, question.recheck_seconds),
        (Some((11 + 1 + 10) * 60), 1),
        "from when the client was told to ask"
    );
    assert_eq!(site.session().fit().unwrap().valid_until, lease);
    assert_eq!(site.records().pop().unwrap(), ("non_compliant".into(), "gateway".into()));
    site.lab.store.deactivate_policy("staff").unwrap();
    site.lab.sessions.reconcile(site.at(6)).await.unwrap();
    assert_eq!(site.session().fit(), None);
    assert_eq!(site.sweep(70).await, 0);
}

#[tokio::test]
async fn a_limited_session_that_fell_silent_gets_nothing_by_a_change_of_policy_until_it_reports() {
    let site = Site::new();
    site.help_desk();
    let limiting = POLICY.replace("on_fail = \"deny\"", "on_fail = { limit = [\"help-desk\"] }");
    site.policy(&limiting, site.start).await;
    site.report(true, 1).await;
    let everything = site.session().access();
    // What was found to be wrong is fine by another policy, as long as the report counts.
    site.report(false, 15).await;
    site.sweep(25).await;
    let limited = site.session().access();
    assert_ne!(limited, everything);
    let tells = "id = \"firewall\"\nseverity = \"optional\"";
    site.policy(&limiting.replace("id = \"firewall\"", tells), site.at(26)).await;
    assert_eq!(site.session().access(), everything);
    site.policy(&limiting, site.at(27)).await;
    site.report(true, 28).await;
    site.sweep(88).await;
    assert_eq!(site.session().access(), limited, "nothing was heard for an hour");
    for minutes in [89, 90] {
        site.policy(&limiting, site.at(minutes)).await;
        assert_eq!(site.session().access(), limited, "and what was said before counts no longer");
    }
    site.report(true, 91).await;
    assert_eq!(site.session().access(), everything);
    site.sweep(151).await;
    assert_eq!(site.session().access(), limited);
    let tried = limiting.replace("name =", "enforce = false\nname =");
    site.policy(&tried, site.at(152)).await;
    assert_eq!(site.session().access(), everything, "what is only tried takes nothing");
}

#[tokio::test]
async fn a_policy_that_reads_something_new_asks_for_it() {
    let site = Site::new();
    site.policy(POLICY, site.start).await;
    site.report(true, 1).await;
    let more = POLICY.replace("screen_lock = { on = true }", "secure_boot = { on = true }");
    site.policy(&more, site.at(2)).await;
    let fit = site.session().fit().unwrap();
    assert_eq!(
        (fit.verdict, fit.ends_in(site.at(2))),
        (None, Some((14 + 1 + 10) * 60)),
        "nothing old is judged by it"
    );
    let question = site.lab.sessions.posture_question(&site.session(), site.at(2)).await.unwrap();
    assert_eq!(question.checks, [Check::Firewall, Check::SecureBoot]);
}

#[tokio::test]
async fn a_machine_in_session_is_asked_and_judged_by_what_concerns_its_kind() {
    let macs = "[[requirements]]\nid = \"sip\"\nplatforms = [\"macos\"]\nsystem_integrity = { on = true }\n";
    let site = Site::new();
    site.policy(&format!("{POLICY}{macs}"), site.start).await;
    let ask = async |minutes| {
        let question = site.lab.sessions.posture_question(&site.session(), site.at(minutes)).await;
        question.unwrap().checks
    };
    assert!(ask(1).await.contains(&Check::SystemIntegrity), "its kind is not known yet");
    assert_eq!(site.report(true, 1).await.status, Status::Compliant);
    let linux = [Check::OperatingSystem, Check::Firewall, Check::ScreenLock];
    assert_eq!(ask(2).await, linux);
    assert_eq!(site.report(true, 2).await.status, Status::Compliant, "no question is out of date by it");
    // Another policy for Macs makes what it said before no worse.
    site.policy(&format!("{POLICY}{}", macs.replace("sip", "guard")), site.at(3)).await;
    assert!(site.session().fit().unwrap().verdict.is_some());
    assert_eq!(ask(3).await, linux);
}

#[tokio::test]
async fn a_client_that_cannot_report_ends_with_the_policy_that_wants_a_report() {
    let site = Site::new();
    site.lab.sign_in(None);
    let stock = site.lab.sessions.list().into_iter().find(|session| session.device_key.is_none()).unwrap();
    let limited = POLICY.replace("without_report = \"deny\"", "without_report = { limit = [\"help-desk\"] }");
    site.policy(&limited, site.start).await;
    assert_eq!(stock.ended(), None);
    assert!(stock.access().resources.is_empty());
    assert!(stock.access().endpoints.iter().all(|endpoint| endpoint.protocol == Protocol::Icmp));
    site.policy(POLICY, site.start).await;
    assert_eq!(stock.ended(), Some(EndReason::PostureLost));
    assert_eq!(site.session().ended(), None);
}

#[tokio::test]
async fn after_a_restart_a_session_is_as_fit_as_before() {
    let site = Site::new();
    site.help_desk();
    site.policy(&POLICY.replace("on_fail = \"deny\"", "on_fail = { limit = [\"help-desk\"] }"), site.start)
        .await;
    site.report(false, 1).await;
    site.sweep(11).await;
    let before = site.session();
    assert!(crate::posture::fit::is_limited(before.fit().as_ref()));
    let (store, config) = (site.lab.store.clone(), Arc::clone(&site.lab.config));
    let load = || Sessions::load(store.clone(), Audit::new(store.clone()), Arc::clone(&config), site.at(11));
    let after = load().unwrap().get(&before.id).unwrap();
    assert_eq!(
        (after.access(), after.fit().unwrap().access),
        (before.access(), before.fit().unwrap().access)
    );
    // A policy that came while the gateway was down is followed, too.
    activate(&store, POLICY, site.at(11));
    let after = load().unwrap().get(&before.id).unwrap();
    assert_eq!(after.fit().unwrap().policies[0].version, 2);
    assert_eq!(after.account, alice());
}

#[tokio::test]
async fn the_time_before_the_first_session_is_nobodys() {
    let site = Site::new();
    let (lab, sessions) = (&site.lab, &site.lab.sessions);
    activate(&lab.store, POLICY, site.start);
    let fit = Fit::new(&judged(&site, true, site.at(60)).await);
    sessions.end(&site.session().id, EndReason::UserLogout, "person", site.start).await;
    let new = NewSession {
        account: alice(),
        device_key: Some(site.machine.key()),
        host_name: "pc-17".into(),
        client: "test".into(),
        source: HERE,
        last_sign_in: None,
        posture: Some(fit),
        others: Others::AtMost(10),
    };
    // Nobody was there for an hour; then somebody was, and the gateway broke off within a second.
    sessions.flush(site.at(60)).await.unwrap();
    sessions.create(new, site.at(60)).unwrap();
    let lease = site.session().fit().unwrap().valid_until.unwrap();
    let (store, config) = (lab.store.clone(), Arc::clone(&lab.config));
    let started = Sessions::load(store.clone(), Audit::new(store), config, site.at(61)).unwrap();
    let after = started.list().pop().unwrap().fit().unwrap().valid_until.unwrap();
    assert_eq!(after.since(lease), Duration::from_secs(60));
}
