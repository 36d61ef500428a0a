//! The endpoint check of live sessions: reports, leases, and policies that change under them.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use praya_model::api::PostureReply;
use praya_model::posture::{Check, Status};
use praya_model::resource::{Endpoint, PortRange, Protocol, ResourceKind};
use praya_model::{EndReason, FailureCode, Resource, ResourceId, Timestamp};
use praya_posture::facts::HostFacts;

use super::*;
use crate::audit::Audit;
use crate::posture::test_machine::{Machine, POLICY, activate, facts};
use crate::store::{AuditEvent, AuditFilter};
use crate::tunnel::lab::{Lab, alice, now, staff};

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
        self.lab.sessions.posture_report(&session, sealed, HERE, at).await
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
    assert_eq!((question.recheck_seconds, question.ends_in_seconds), (1, Some(600)));
    assert_eq!(site.sweep(9).await, 0);
    let session = site.session();
    assert_eq!(site.sweep(10).await, 1);
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
    let kept = site.lab.store.verdicts_of(&site.machine.key(), 99).unwrap();
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
    let send =
        async |sealed, minutes| sessions.posture_report(&session, sealed, HERE, site.at(minutes)).await;
    assert_eq!(send(foreign, 2).await, Err(FailureCode::BadPostureReport));
    assert_eq!(send(own.clone(), 3).await, Err(FailureCode::BadPostureReport), "the question is spent");
    let newer = sessions.posture_question(&session, site.at(4)).await.unwrap();
    assert_eq!(send(own, 4).await, Err(FailureCode::BadPostureReport), "replayed");
    let late = site.machine.report(&newer.nonce, &good);
    assert_eq!(
        send(late, 4).await,
        Err(FailureCode::Busy { retry_after_seconds: 2 }),
        "one report after another is not heard"
    );
    assert_eq!(session.fit(), before);
    assert_eq!(site.lab.store.verdicts_of(&site.machine.key(), 99).unwrap().len(), 1);
    assert_eq!(site.records().iter().filter(|(code, _)| code == "bad_posture_report").count(), 3);
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
    assert_eq!((question.ends_in_seconds, question.recheck_seconds), (Some(600), 1));
    assert_eq!(site.session().fit().unwrap().valid_until, lease);
    assert_eq!(site.records().pop().unwrap(), ("non_compliant".into(), "gateway".into()));
    site.lab.store.deactivate_policy("staff").unwrap();
    site.lab.sessions.reconcile(site.at(6)).await.unwrap();
    assert_eq!(site.session().fit(), None);
    assert_eq!(site.sweep(70).await, 0);
}

#[tokio::test]
async fn a_policy_that_reads_something_new_asks_for_it() {
    let site = Site::new();
    site.policy(POLICY, site.start).await;
    site.report(true, 1).await;
    let more = POLICY.replace("screen_lock = { on = true }", "secure_boot = { on = true }");
    site.policy(&more, site.at(2)).await;
    let fit = site.session().fit().unwrap();
    assert_eq!((fit.verdict, fit.ends_in(site.at(2))), (None, Some(600)), "nothing old is judged by it");
    let question = site.lab.sessions.posture_question(&site.session(), site.at(2)).await.unwrap();
    assert_eq!(question.checks, [Check::Firewall, Check::SecureBoot]);
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
