//! Reports that are none, over the wire: each is refused, recorded and counted, and nothing else happens.

use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result, ensure};
use praya_model::Timestamp;
use praya_posture::facts::{Fact, Firewall, HostFacts};
use praya_posture::report::MAX_REPORT;
use praya_testkit::privilege::was_run_elsewhere;
use praya_testkit::rude::Rude;
use praya_tests::Lab;
use praya_tests::device::{Device, Session};
use praya_tests::gateway::Gateway;
use praya_tests::raw::{give_password_from, give_report};
use serde_json::{Value, json};

use crate::{PASSWORD, POLICY};

/// How long a question in session waits for its answer.
const QUESTION: Duration = Duration::from_secs(60);

/// A machine of [`POLICY`].
fn facts(firewall: bool) -> HostFacts {
    let now = Timestamp::from(SystemTime::now());
    let firewall = Firewall { name: "nftables".into(), on: firewall };
    HostFacts { firewall: Fact::known(firewall, "nft", now), ..HostFacts::none(now) }
}

/// What is asked, and what was asked and answered before.
struct Asked<'a> {
    nonce: &'a str,
    before: &'a str,
    /// The report that answered the question before that.
    taken: &'a Value,
}

/// A report that is none, in answer to that, and what is wrong with it.
type Forgery = (&'static str, fn(&Device, &Device, &Asked<'_>) -> Result<Value>);

const FORGERIES: [Forgery; 7] = [
    // Another device's, in answer to the right question.
    ("signature", |_, other, asked| other.report(asked.nonce, &facts(true))),
    // Changed on the way.
    ("signature", |device, _, asked| {
        let mut report = device.report(asked.nonce, &facts(false))?;
        let changed = report["report"].as_str().context("a report")?.replacen("false", "true", 1);
        report["report"] = changed.into();
        Ok(report)
    }),
    // Cut off on the way, and cut off before it was signed.
    ("signature", |device, _, asked| {
        let mut report = device.report(asked.nonce, &facts(true))?;
        let all = report["report"].as_str().context("a report")?;
        let half = all.get(..all.len() / 2).context("half a report")?.to_owned();
        report["report"] = half.into();
        Ok(report)
    }),
    ("malformed", |device, _, asked| {
        let report = device.report(asked.nonce, &facts(true))?;
        let all = report["report"].as_str().context("a report")?;
        Ok(device.signed(all.get(..all.len() / 2).context("half a report")?))
    }),
    // More than any machine has to say.
    ("too_large", |device, _, asked| {
        let report = device.report(asked.nonce, &facts(true))?;
        let all = report["report"].as_str().context("a report")?;
        Ok(device.signed(&[all, &" ".repeat(MAX_REPORT)].concat()))
    }),
    // Once more what was good before; and the answer to the question before, which nobody has given.
    ("nonce", |_, _, asked| Ok(asked.taken.clone())),
    ("nonce", |device, _, asked| device.report(asked.before, &facts(true))),
];

pub(crate) struct Scene {
    lab: Lab,
    gateway: Gateway,
    device: Device,
    other: Device,
}

impl Scene {
    pub(crate) fn new() -> Result<Self> {
        let lab = Lab::new()?;
        let mut gateway = Gateway::init(&lab)?;
        gateway.set("sign_in.second_factor", "when_assigned")?;
        gateway.add_people(&["wong"], PASSWORD)?;
        gateway.set_policy(POLICY)?;
        gateway.start()?;
        Ok(Self { lab, gateway, device: Device::new()?, other: Device::new()? })
    }

    /// A sign-in up to the check.
    fn begin(&self) -> Result<(Rude, Value)> {
        let mut connection = Rude::connect(&self.lab.employee, self.lab.https())?;
        let key = self.device.public();
        let asked = give_password_from(&mut connection, Some(&key), "wong", PASSWORD)?;
        ensure!(asked["step"] == "posture", "{asked}");
        Ok((connection, asked))
    }

    /// A session of a machine that meets the policy.
    fn session(&self) -> Result<Session<'_>> {
        let (mut connection, asked) = self.begin()?;
        let good = self.device.report(&nonce(&asked)?, &facts(true))?;
        let done = give_report(&mut connection, &asked, good)?;
        Session::of(&self.device, connection, &done)
    }

    /// What is wrong with each report that was refused, the oldest first; everything of the record that must be there
    /// is there.
    fn refused(&self) -> Result<Vec<String>> {
        let records = self.gateway.admin(&["audit", "--event", "posture", "--code", "bad_posture_report"])?;
        let records = records.as_array().context("records")?.iter();
        let problem = |record: &Value| {
            ensure!(record["outcome"] == "refused" && record["account"] == "wong", "{record:#}");
            ensure!(record["detail"]["device"].is_string() && record["source"].is_string(), "{record:#}");
            Ok(record["detail"]["problem"].as_str().context("a problem")?.to_owned())
        };
        records.map(problem).collect()
    }

    fn counted(&self, problem: &str) -> u64 {
        let name = format!("praya_gateway_posture_reports_refused_total{{reason=\"{problem}\"}}");
        // What has never happened is not there.
        self.gateway.metric(&name).unwrap_or(0)
    }

    /// Everything that a report may change.
    fn standing(&self) -> Result<Value> {
        let sessions = self.gateway.sessions()?.into_iter().map(|mut session| {
            // That somebody asks is not what comes of it.
            session["last_seen"].take();
            session
        });
        Ok(json!([sessions.collect::<Vec<_>>(), self.gateway.admin(&["posture", "machines"])?]))
    }

    /// Lets `send` send each forgery to what was asked last; it returns what is asked then.
    fn all_are_refused(
        &self,
        first: &str,
        taken: &Value,
        mut send: impl FnMut(Value) -> Result<String>,
    ) -> Result<()> {
        let (mut before, mut nonce) = (first.to_owned(), send(taken.clone())?);
        let mut expected = self.refused()?;
        let standing = self.standing()?;
        for (problem, forge) in FORGERIES {
            let counted = self.counted(problem);
            let report = forge(&self.device, &self.other, &Asked { nonce: &nonce, before: &before, taken })?;
            before = std::mem::replace(&mut nonce, send(report)?);
            ensure!(nonce != before, "each question is new");
            expected.push(problem.to_owned());
            assert_eq!(self.refused()?, expected);
            assert_eq!(self.counted(problem), counted + 1, "{problem}");
            assert_eq!(self.standing()?, standing, "{problem}");
        }
        Ok(())
    }
}

fn nonce(asked: &Value) -> Result<String> {
    Ok(asked["nonce"].as_str().with_context(|| format!("a question: {asked}"))?.to_owned())
}

/// A question in session that nobody answers in time.
pub(crate) struct Late<'a> {
    scene: &'a Scene,
    session: Session<'a>,
    nonce: String,
    asked: Instant,
    standing: Value,
}

impl<'a> Late<'a> {
    /// It is asked now.
    pub(crate) fn asked(scene: &'a Scene) -> Result<Self> {
        let mut session = scene.session()?;
        let nonce = nonce(&session.question()?)?;
        Ok(Self { scene, session, nonce, asked: Instant::now(), standing: scene.standing()? })
    }

    /// The answer comes when the question's life is over. It is recorded and counted, and nothing else happens; the
    /// next question is answered as ever.
    pub(crate) fn must_be_refused(mut self) -> Result<()> {
        let scene = self.scene;
        // Slept through: that a question grows old is no event, and nobody tells of it.
        std::thread::sleep((QUESTION + Duration::from_millis(1)).saturating_sub(self.asked.elapsed()));
        assert_eq!(scene.standing()?, self.standing);
        // Nobody keeps a connection open for so long.
        self.session.move_to(Rude::connect(&scene.lab.employee, scene.lab.https())?);
        for firewall in [true, false] {
            let late = scene.device.report(&self.nonce, &facts(firewall))?;
            let (status, reply) = self.session.report(&late)?;
            ensure!(status == 422 && reply["code"] == "bad_posture_report", "{reply}");
            assert_eq!(scene.standing()?, self.standing);
        }
        // The first answer ends the question, whatever it is worth.
        assert_eq!(scene.refused()?, ["stale", "nonce"]);
        assert_eq!((scene.counted("stale"), scene.counted("nonce")), (1, 1));
        let question = self.session.question()?;
        ensure!(question["limited"] == false && question["ends_in_seconds"].is_null(), "{question}");
        let good = scene.device.report(&nonce(&question)?, &facts(true))?;
        let (status, reply) = self.session.report(&good)?;
        ensure!(status == 200 && reply["status"] == "compliant", "{reply}");
        Ok(())
    }
}

#[test]
fn a23_at_sign_in_a_report_that_is_none_is_recorded_and_the_conversation_goes_on() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let scene = Scene::new()?;
    let (mut connection, mut asked) = scene.begin()?;
    // A machine that is told what it lacks may come again; what it said then is good for nothing more.
    let taken = scene.device.report(&nonce(&asked)?, &facts(false))?;
    let first = nonce(&asked)?;
    let mut is_first = true;
    scene.all_are_refused(&first, &taken, |report| {
        asked = give_report(&mut connection, &asked, report)?;
        ensure!(asked["step"] == "posture", "{asked}");
        let notice = &asked["notice"]["code"];
        ensure!(is_first || *notice == "bad_posture_report", "{asked}");
        is_first = false;
        ensure!(asked["findings"][0]["check"] == "firewall", "what is wrong stays known: {asked}");
        nonce(&asked)
    })?;
    ensure!(scene.gateway.sessions()?.is_empty());
    let good = scene.device.report(&nonce(&asked)?, &facts(true))?;
    let done = give_report(&mut connection, &asked, good)?;
    ensure!(done["step"] == "done", "{done}");
    Ok(())
}

#[test]
fn a23_in_session_a_report_that_is_none_changes_nothing_for_better_or_worse() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let scene = Scene::new()?;
    let mut session = scene.session()?;
    let question = session.question()?;
    let first = nonce(&question)?;
    let taken = scene.device.report(&first, &facts(true))?;
    let mut is_first = true;
    scene.all_are_refused(&first, &taken, |report| {
        let (status, reply) = session.report(&report)?;
        if is_first {
            ensure!(status == 200 && reply["status"] == "compliant", "{reply}");
        } else {
            ensure!(status == 422 && reply["code"] == "bad_posture_report", "{reply}");
        }
        is_first = false;
        let question = session.question()?;
        ensure!(question["limited"] == false && question["ends_in_seconds"].is_null(), "{question}");
        nonce(&question)
    })?;
    // Bad news that are true count, and so do good ones.
    let question = session.question()?;
    let (status, reply) = session.report(&scene.device.report(&nonce(&question)?, &facts(false))?)?;
    ensure!(status == 200 && reply["ends_in_seconds"].is_number(), "{reply}");
    let question = session.question()?;
    let (status, reply) = session.report(&scene.device.report(&nonce(&question)?, &facts(true))?)?;
    ensure!(status == 200 && reply["ends_in_seconds"].is_null(), "{reply}");
    assert_eq!(scene.gateway.sessions()?.len(), 1);
    Ok(())
}
