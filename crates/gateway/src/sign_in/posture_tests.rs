//! The endpoint check of a sign-in with a real store and real reports.

use praya_identity::limits::RateLimit;
use praya_model::api::SignInReply;
use praya_model::posture::{Check, Found, Status};
use praya_model::{FailureCode, SignInAnswer, SignInStep};
use praya_posture::facts::{Fact, HostFacts, OsFamily, Unavailable};
use praya_posture::policy::Access;
use praya_posture::report::{MAX_REPORT, SignedReport};

use super::SignInPolicy;
use super::test_world::*;
use crate::posture::test_machine::{Machine, POLICY, activate, facts};
use crate::posture::{Question, Reporter, Unjudged};
use crate::store::{AuditEvent, AuditRecord, Outcome, Store};

/// A world with [`POLICY`] in force, after a first sign-in.
async fn checked(policy: &str) -> (World, Machine) {
    let w = world();
    w.settle().await;
    activate(&w.store, policy, w.now());
    (w, Machine::new(7))
}

/// As far as the code of the token brings it.
async fn after_code(w: &World, machine: Option<&Machine>) -> SignInReply {
    let begun = w.begin_on("wong", "pc-17", machine.map(Machine::key)).await;
    w.otp(&w.password(&begun, GOOD).await, &w.code()).await
}

fn nonce(reply: &SignInReply) -> String {
    let SignInStep::Posture { nonce, .. } = &reply.next else { panic!("the check, not {reply:?}") };
    nonce.clone()
}

async fn send(w: &World, to: &SignInReply, sealed: SignedReport) -> SignInReply {
    let SignedReport { report, signature } = sealed;
    w.answer(to, SignInAnswer::Posture { report, signature }).await
}

async fn report(w: &World, machine: &Machine, to: &SignInReply, facts: &HostFacts) -> SignInReply {
    send(w, to, machine.report(&nonce(to), facts)).await
}

fn posture_records(w: &World) -> Vec<AuditRecord> {
    w.audit().into_iter().filter(|record| record.event == AuditEvent::Posture).collect()
}

#[tokio::test]
async fn a21_a_good_machine_comes_in_and_its_warnings_come_with_it() {
    let (w, machine) = checked(POLICY).await;
    let asked = after_code(&w, Some(&machine)).await;
    let SignInStep::Posture { checks, findings, retry_seconds, nonce } = &asked.next else { panic!() };
    assert_eq!(checks[..], [Check::Firewall, Check::ScreenLock]);
    assert!(findings.is_empty() && retry_seconds.is_none() && nonce.len() == 43);
    let reply = report(&w, &machine, &asked, &facts(true, false, w.now())).await;
    assert!(matches!(reply.next, SignInStep::Done(_)), "{reply:?}");
    let made = w.sessions.live.lock().unwrap()[0].0.clone();
    let fit = made.posture.unwrap();
    assert_eq!((fit.access, fit.status), (Access::Allow, Status::Compliant));
    assert_eq!(fit.findings.len(), 1);
    assert_eq!(fit.findings[0].check, Check::ScreenLock);
    let kept = w.store.verdict(fit.verdict.unwrap()).unwrap().unwrap().found;
    assert_eq!((kept.account, kept.device, kept.source), (w.wong.clone(), machine.key(), HERE));
    let records = posture_records(&w);
    assert_eq!((records.len(), records[0].outcome), (1, Outcome::Ok));
    let detail = &records[0].detail;
    assert_eq!(detail["device"], machine.key().short());
    assert_eq!(detail["policies"][0], "staff version 1");
    let firewall = &detail["checks"][0];
    let read = serde_json::json!({ "firewall": [{ "value": "on" }] });
    let expected = serde_json::json!({ "requirement": "firewall", "outcome": "passed", "read": read });
    assert_eq!(*firewall, expected);
    let lock = &detail["checks"][1];
    assert_eq!((&lock["check"], &lock["outcome"]), (&"screen_lock".into(), &"warned".into()));
}

#[tokio::test]
async fn a_requirement_that_one_part_meets_is_recorded_as_a_whole() {
    let either = POLICY.replace(
        "firewall = { on = true }",
        "any_of = [{ firewall = { on = true } }, { hotfixes = { installed = [\"KB5043080\"] } }]",
    );
    let (w, machine) = checked(&either).await;
    let asked = after_code(&w, Some(&machine)).await;
    let mut found = facts(false, true, w.now());
    found.hotfixes = Fact::known(vec!["KB5043080".into(), "KB5044284".into()], "WMI", w.now());
    let reply = report(&w, &machine, &asked, &found).await;
    assert!(matches!(reply.next, SignInStep::Done(_)), "{reply:?}");
    let read = serde_json::json!({ "firewall": [{ "value": "off" }], "hotfixes": [2] });
    let expected = serde_json::json!({ "requirement": "firewall", "outcome": "passed", "read": read });
    assert_eq!(posture_records(&w)[0].detail["checks"][0], expected);
}

/// A requirement for Macs only, beside those of [`POLICY`].
fn with_macs() -> String {
    let macs = "[[requirements]]\nid = \"sip\"\nplatforms = [\"macos\"]\nsystem_integrity = { on = true }\n";
    format!("{POLICY}{macs}")
}

#[tokio::test]
async fn a_machine_is_asked_what_concerns_its_kind_and_its_report_says_which_that_is() {
    let (w, machine) = checked(&with_macs()).await;
    let asked = after_code(&w, Some(&machine)).await;
    let SignInStep::Posture { checks, .. } = &asked.next else { panic!("{asked:?}") };
    assert_eq!(checks[..], [Check::OperatingSystem, Check::Firewall, Check::ScreenLock]);
    let mut mac = facts(true, true, w.now());
    let Fact::Known { value: os, .. } = &mut mac.os else { panic!() };
    os.family = OsFamily::Macos;
    let told = report(&w, &machine, &asked, &mac).await;
    let SignInStep::Posture { checks, findings, .. } = &told.next else { panic!("{told:?}") };
    assert_eq!((findings.len(), findings[0].check), (1, Check::SystemIntegrity), "not asked is not met");
    assert!(checks.contains(&Check::SystemIntegrity), "and it is asked now");
    mac.system_integrity = Fact::known(true, "csrutil", w.now());
    let reply = report(&w, &machine, &told, &mac).await;
    assert!(matches!(reply.next, SignInStep::Done(_)), "{reply:?}");
}

#[tokio::test]
async fn what_a_machine_calls_itself_holds_while_no_report_says_its_kind() {
    let (w, machine) = checked(POLICY).await;
    let asked = after_code(&w, Some(&machine)).await;
    let unasked = Fact::unavailable(Unavailable::NotAsked);
    let bad = HostFacts { os: unasked, ..facts(false, true, w.now()) };
    let told = report(&w, &machine, &asked, &bad).await;
    activate(&w.store, &with_macs(), w.now());
    let again = report(&w, &machine, &told, &bad).await;
    let SignInStep::Posture { checks, .. } = &again.next else { panic!("{again:?}") };
    assert_eq!(checks[..], [Check::OperatingSystem, Check::Firewall, Check::ScreenLock]);
}

#[tokio::test]
async fn a22_refused_with_all_reasons_then_mended_then_in_without_a_new_code() {
    let (w, machine) = checked(&POLICY.replace("\"optional\"", "\"mandatory\"")).await;
    let asked = after_code(&w, Some(&machine)).await;
    let told = report(&w, &machine, &asked, &facts(false, false, w.now())).await;
    let SignInStep::Posture { findings, retry_seconds, nonce: again, .. } = &told.next else { panic!() };
    let checks: Vec<_> = findings.iter().map(|finding| finding.check).collect();
    assert_eq!(checks, [Check::Firewall, Check::ScreenLock]);
    assert!(matches!(findings[0].found, Found::Off { .. }));
    assert!(retry_seconds.is_some_and(|left| left > 300), "{retry_seconds:?}");
    assert_ne!(again, &nonce(&asked), "a new question each time");
    assert!(w.sessions.live.lock().unwrap().is_empty());
    w.wait(120);
    let reply = report(&w, &machine, &told, &facts(true, true, w.now())).await;
    assert!(matches!(reply.next, SignInStep::Done(_)), "{reply:?}");
    let outcomes: Vec<_> = posture_records(&w).into_iter().map(|record| record.outcome).collect();
    assert_eq!(outcomes, [Outcome::Refused, Outcome::Ok]);
    let kept = w.store.verdicts_of(&machine.key(), 9).unwrap().rows;
    assert_eq!(kept.len(), 1, "a sign-in has one verdict, the newest");
    assert_eq!(kept[0].found.verdict.status, Status::Compliant);
}

#[tokio::test]
async fn a22_a_machine_may_be_put_right_for_as_long_as_policy_says() {
    let (w, machine) = checked(&POLICY.replace("name =", "retry_minutes = 60\nname =")).await;
    let asked = after_code(&w, Some(&machine)).await;
    let told = report(&w, &machine, &asked, &facts(false, true, w.now())).await;
    let SignInStep::Posture { retry_seconds, .. } = &told.next else { panic!("{told:?}") };
    assert_eq!((*retry_seconds, told.expires_in), (Some(3600), 3600));
    w.wait(3599);
    let reply = report(&w, &machine, &told, &facts(true, true, w.now())).await;
    assert!(matches!(reply.next, SignInStep::Done(_)), "{reply:?}");
}

#[tokio::test]
async fn a_policy_that_comes_after_the_question_is_asked_about_before_anything_is_judged() {
    let (w, machine) = checked(POLICY).await;
    let asked = after_code(&w, Some(&machine)).await;
    let more = POLICY.replace("screen_lock = { on = true }", "secure_boot = { on = true }");
    activate(&w.store, &more, w.now());
    let again = report(&w, &machine, &asked, &facts(true, true, w.now())).await;
    let SignInStep::Posture { checks, findings, retry_seconds, .. } = &again.next else {
        panic!("{again:?}")
    };
    assert_eq!(checks[..], [Check::Firewall, Check::SecureBoot]);
    assert!(findings.is_empty() && retry_seconds.is_none() && again.notice.is_none());
    assert!(posture_records(&w).is_empty(), "nobody is refused for what was not asked");
    let secure_boot = Fact::known(true, "efi", w.now());
    let all = HostFacts { secure_boot, ..facts(true, true, w.now()) };
    let reply = report(&w, &machine, &again, &all).await;
    assert!(matches!(reply.next, SignInStep::Done(_)), "{reply:?}");
}

#[tokio::test]
async fn reports_take_none_of_the_tries_that_passwords_have() {
    let policy = SignInPolicy { rate: Some(RateLimit::per_minute(6)), ..policy() };
    let w = world_of(Store::in_memory().unwrap(), policy);
    w.settle().await;
    w.wait(600);
    activate(&w.store, POLICY, w.now());
    let machine = Machine::new(7);
    let mut asked = after_code(&w, Some(&machine)).await;
    for _ in 0..6 {
        asked = report(&w, &machine, &asked, &facts(false, true, w.now())).await;
        assert!(matches!(&asked.next, SignInStep::Posture { findings, .. } if !findings.is_empty()));
        assert_eq!(asked.notice, None);
    }
    asked = report(&w, &machine, &asked, &facts(true, true, w.now())).await;
    assert!(matches!(notice(&asked), FailureCode::TooManyAttempts { .. }), "they have their own limit");
    let neighbour = w.begin_on("wong", "pc-18", None).await;
    assert!(matches!(w.password(&neighbour, GOOD).await.next, SignInStep::Otp { .. }));
    w.wait(30);
    let reply = report(&w, &machine, &asked, &facts(true, true, w.now())).await;
    assert!(matches!(reply.next, SignInStep::Done(_)), "{reply:?}");
}

#[tokio::test]
async fn an_answer_to_a_question_of_long_ago_is_refused() {
    let (w, machine) = checked(POLICY).await;
    let who = Reporter {
        device: machine.key(),
        host_name: "pc-17".into(),
        account: w.wong.clone(),
        session: None,
        before: None,
        source: HERE,
    };
    let question =
        Question { nonce: "n".into(), checks: Check::ALL.to_vec(), platform: None, until: w.now() };
    let sealed = machine.report("n", &facts(true, true, w.now()));
    let judged = desk(&w.store).judge(who, Some(question), sealed, w.now()).await;
    assert!(matches!(judged, Err(Unjudged::Stale)));
    assert_eq!(posture_records(&w)[0].detail["problem"], "stale");
}

#[tokio::test]
async fn nothing_that_a_machine_calls_itself_turns_a_table_around() {
    let (w, machine) = checked(POLICY).await;
    let asked = after_code(&w, Some(&machine)).await;
    let mut spoofed = facts(true, true, w.now());
    if let Fact::Known { value, .. } = &mut spoofed.os {
        value.title = "Debian\u{202e}31\u{1b}[2J".into();
    }
    let reply = report(&w, &machine, &asked, &spoofed).await;
    assert!(matches!(reply.next, SignInStep::Done(_)), "{reply:?}");
    let kept = w.store.verdicts_of(&machine.key(), 9).unwrap().rows;
    assert_eq!(kept[0].found.facts.os.value().unwrap().title, "Debian31[2J");
}

#[tokio::test]
async fn no_name_turns_a_table_around() {
    let w = world();
    w.settle().await;
    let begun = w.begin_on("wong", "pc\u{202e}71\u{7}\u{2066}", None).await;
    let reply = w.otp(&w.password(&begun, GOOD).await, &w.code()).await;
    assert!(matches!(reply.next, SignInStep::Done(_)), "{reply:?}");
    assert_eq!(w.sessions.live.lock().unwrap()[0].0.host_name, "pc71");
}

#[tokio::test]
async fn a22_a_machine_that_is_not_put_right_in_time_is_refused_and_told_why() {
    let (w, machine) = checked(&POLICY.replace("name =", "retry_minutes = 2\nname =")).await;
    let asked = after_code(&w, Some(&machine)).await;
    let told = report(&w, &machine, &asked, &facts(false, true, w.now())).await;
    assert_eq!(told.expires_in, 120);
    w.wait(121);
    let reply = report(&w, &machine, &told, &facts(true, true, w.now())).await;
    let failure = refusal(&reply);
    assert_eq!(failure.code, FailureCode::PostureFailed);
    assert!(failure.support.is_some() && failure.help_desk.is_some());
}

#[tokio::test]
async fn a23_a_report_that_is_none_is_recorded_and_asked_for_again_and_nothing_else_happens() {
    let (w, machine) = checked(POLICY).await;
    let good = facts(true, true, w.now());
    let first = after_code(&w, Some(&machine)).await;
    let foreign = Machine::new(8).report(&nonce(&first), &good);
    let mut asked = send(&w, &first, foreign).await;
    let replayed = machine.report(&nonce(&first), &good);
    type Forge<'a> = Box<dyn Fn(&SignInReply) -> SignedReport + 'a>;
    let truncated = |asked: &SignInReply| {
        let whole = machine.report(&nonce(asked), &good);
        let cut = whole.report[..whole.report.len() / 2].to_owned();
        let signed = [b"praya-posture-report-1\0", cut.as_bytes()].concat();
        let signature = data_encoding::BASE64.encode(&machine.sign(&signed));
        SignedReport { report: cut, signature }
    };
    let forgeries: [(&str, Forge<'_>); 5] = [
        ("nonce", Box::new(|_| replayed.clone())),
        ("nonce", Box::new(|_| machine.report("stale", &good))),
        ("malformed", Box::new(truncated)),
        (
            "too_large",
            Box::new(|asked| SignedReport {
                report: "x".repeat(MAX_REPORT + 1),
                ..machine.report(&nonce(asked), &good)
            }),
        ),
        (
            "signature",
            Box::new(|asked| SignedReport {
                signature: String::new(),
                ..machine.report(&nonce(asked), &good)
            }),
        ),
    ];
    let mut problems = vec!["signature"];
    for (problem, forge) in forgeries {
        assert_eq!(notice(&asked), &FailureCode::BadPostureReport);
        assert!(asked.notice.as_ref().unwrap().support.is_some());
        asked = send(&w, &asked, forge(&asked)).await;
        problems.push(problem);
    }
    assert_eq!(notice(&asked), &FailureCode::BadPostureReport);
    let recorded: Vec<_> = posture_records(&w)
        .into_iter()
        .map(|record| {
            assert_eq!(
                (record.outcome, record.code.as_deref()),
                (Outcome::Refused, Some("bad_posture_report"))
            );
            record.detail["problem"].as_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!(recorded, problems);
    assert!(w.sessions.live.lock().unwrap().is_empty());
    assert!(
        w.store.devices_judged(praya_model::Timestamp::default()).unwrap().is_empty(),
        "nothing was judged"
    );
    let reply = report(&w, &machine, &asked, &good).await;
    assert!(matches!(reply.next, SignInStep::Done(_)), "the conversation goes on: {reply:?}");
}

#[tokio::test]
async fn a23_what_is_left_out_of_a_report_fails() {
    let (w, machine) = checked(POLICY).await;
    let asked = after_code(&w, Some(&machine)).await;
    let reply = report(&w, &machine, &asked, &HostFacts::none(w.now())).await;
    let SignInStep::Posture { findings, .. } = &reply.next else { panic!("{reply:?}") };
    assert!(matches!(findings[0].found, Found::Unavailable { .. }));
}

#[tokio::test]
async fn a_client_without_a_key_cannot_report_and_gets_what_policy_says() {
    let (w, _) = checked(POLICY).await;
    assert_eq!(refusal(&after_code(&w, None).await).code, FailureCode::PostureUnsupported);
    w.wait(60);
    let limited = POLICY.replace("without_report = \"deny\"", "without_report = { limit = [\"help-desk\"] }");
    activate(&w.store, &limited, w.now());
    assert!(matches!(after_code(&w, None).await.next, SignInStep::Done(_)));
    let fit = w.sessions.live.lock().unwrap()[0].0.posture.clone().unwrap();
    assert!(matches!(fit.access, Access::Limit(only) if only.len() == 1));
}

#[tokio::test]
async fn a_policy_of_other_groups_asks_nothing() {
    let (w, machine) = checked(&format!("{POLICY}\n[applies_to]\ngroups = [\"board\"]\n")).await;
    let reply = after_code(&w, Some(&machine)).await;
    assert!(matches!(reply.next, SignInStep::Done(_)));
    assert_eq!(w.sessions.live.lock().unwrap()[0].0.posture, None);
}

#[tokio::test]
async fn an_active_policy_that_cannot_be_read_lets_nobody_in() {
    let (w, machine) = checked(POLICY).await;
    w.store.spoil("UPDATE policies SET text = 'schema = 2'");
    let reply = after_code(&w, Some(&machine)).await;
    assert!(matches!(refusal(&reply).code, FailureCode::Internal { .. }));
}

#[tokio::test]
async fn a_policy_that_is_only_tried_refuses_and_warns_nobody() {
    let tried = POLICY.replace("on_fail", "enforce = false\non_fail");
    let (w, machine) = checked(&tried).await;
    let asked = after_code(&w, Some(&machine)).await;
    let reply = report(&w, &machine, &asked, &facts(false, false, w.now())).await;
    assert!(matches!(reply.next, SignInStep::Done(_)), "{reply:?}");
    let fit = w.sessions.live.lock().unwrap()[0].0.clone().posture.unwrap();
    assert_eq!((&fit.access, &fit.lapse, fit.status), (&Access::Allow, &Access::Allow, Status::Compliant));
    assert!(fit.findings.is_empty() && fit.due.is_none() && fit.valid_until.is_none());
    let much_later = w.now().after(std::time::Duration::from_secs(30 * 86_400));
    assert_eq!((fit.as_of(much_later), fit.ends_in(much_later)), (None, None), "and takes nothing later");
    let kept = w.store.verdict(fit.verdict.unwrap()).unwrap().unwrap().found;
    let would_be = kept.verdict.if_enforced.unwrap();
    assert_eq!((would_be.status, would_be.access), (Status::NonCompliant, Access::Deny));

    let (w, _) = checked(&tried).await;
    let stock = after_code(&w, None).await;
    assert!(matches!(stock.next, SignInStep::Done(_)), "{stock:?}");
}
