//! The commands as an administrator gives them, against a real state folder.

use clap::Parser;
use praya_identity::IdentityStore as _;
use praya_model::{EndReason, SessionId};

use super::*;
use crate::init::{init, initial_config};
use crate::sign_in::Others;
use crate::store::{CookieHash, Lease, SessionRow, Tally};

const NOW: Timestamp = Timestamp::from_secs(1_790_000_000);

#[derive(Parser)]
struct Line {
    #[command(subcommand)]
    command: Command,
}

struct Site {
    _folder: tempfile::TempDir,
    state: StateDir,
    store: Store,
    now: Timestamp,
    terminal: bool,
}

impl Site {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = initial_config(vec!["vpn.example".into()], &[]).unwrap();
        let state = init(&folder.path().join("state"), &config, NOW).unwrap().state;
        let store = state.store().unwrap();
        Self { _folder: folder, state, store, now: NOW, terminal: false }
    }

    fn try_run(&self, line: &str, input: &str, json: bool) -> Result<String> {
        let words = std::iter::once("praya-gateway").chain(line.split(' '));
        let command = Line::try_parse_from(words).unwrap().command;
        let (mut output, mut input) = (Vec::new(), input.as_bytes());
        let mut context = Context {
            state: self.state.clone(),
            store: self.store.clone(),
            out: Output { json, terminal: self.terminal, to: &mut output },
            input: &mut input,
            actor: "admin:test".into(),
            now: self.now,
        };
        run(&command, &mut context)?;
        Ok(String::from_utf8(output).unwrap())
    }

    fn run(&self, line: &str) -> serde_json::Value {
        serde_json::from_str(&self.try_run(line, "", true).unwrap()).unwrap()
    }

    fn fails(&self, line: &str, input: &str) -> String {
        self.try_run(line, input, true).unwrap_err().message
    }

    fn sign_in(&self, name: &str, number: u8) -> SessionId {
        let id = SessionId::new(format!("s{number}"));
        let row = SessionRow {
            id: id.clone(),
            account: AccountName::new(name),
            device_key: None,
            host_name: "pc\u{1b}[2J".into(),
            client: "test".into(),
            source: [192, 0, 2, 1].into(),
            started: NOW,
            expires: NOW.after(std::time::Duration::from_secs(3600)),
            last_traffic: NOW,
            away_since: None,
            proof_counter: 0,
            bytes_in: 0,
            bytes_out: 0,
            tally: Tally::default(),
            last_sign_in: None,
            posture: None,
            ended: None,
        };
        let lease = Lease { session: id.clone(), v4: Some([10, 88, 0, number].into()), v6: None };
        self.store.begin_session(&row, &CookieHash([number; 32]), &lease, Others::AtMost(9)).unwrap();
        id
    }

    fn end_of(&self, id: &SessionId) -> Option<EndReason> {
        self.store.session(id).unwrap().unwrap().ended.map(|(_, reason)| reason)
    }

    fn audited(&self, code: &str) -> bool {
        let filter = crate::store::AuditFilter { code: Some(code.into()), ..Default::default() };
        self.store.audit(&filter).unwrap().iter().any(|record| record.actor == "admin:test")
    }
}

#[test]
fn a08_a_person_is_made_with_an_initial_password_that_is_shown_once() {
    let site = Site::new();
    let made = site.run("person add Wong");
    let password = Secret::new(made["initial_password"].as_str().unwrap());
    let account = site.store.account(&AccountName::new("wong")).unwrap().unwrap();
    assert!(account.must_change);
    let record = account.password.unwrap();
    assert!(praya_identity::password::verify(&password, &record.hash));
    assert!(!site.run("person show wong").to_string().contains(password.expose()));
    assert!(site.audited("added") && site.audited("initial_password_set"));
    assert!(site.fails("person add wong", "").contains("exists already"));
    assert!(site.fails("person show nobody", "").contains("person list"));
    assert!(site.fails("person add x --group none", "").contains("group add none"));
    assert!(site.store.account(&AccountName::new("x")).unwrap().is_none(), "a failure makes nothing");
}

#[test]
fn what_closes_an_account_or_changes_its_factors_ends_its_sessions() {
    for (line, reason) in [
        ("person disable wong", EndReason::AccountDisabled),
        ("person set-initial-password wong", EndReason::PasswordChanged),
        ("person end-sessions wong", EndReason::Admin),
        ("token disable T1", EndReason::TokenDisabled),
        ("token lost T1", EndReason::TokenDisabled),
        ("token unassign T1", EndReason::TokenDisabled),
        ("session end s7", EndReason::Admin),
    ] {
        let site = Site::new();
        site.run("person add wong");
        site.run("token add T1 --assign wong");
        let id = site.sign_in("wong", 7);
        site.run(line);
        assert_eq!(site.end_of(&id), Some(reason), "{line}");
        assert!(site.audited(reason.as_str()), "{line}");
        assert!(site.store.leases().unwrap().is_empty());
    }
    let site = Site::new();
    site.run("person add wong");
    let id = site.sign_in("wong", 7);
    for line in ["person enable wong", "person unlock wong", "person force-change wong"] {
        site.run(line);
        assert_eq!(site.end_of(&id), None, "{line}");
    }
    assert!(site.fails("session end nope", "").contains("session list"));
}

#[test]
fn names_from_outside_do_not_steer_the_terminal() {
    let site = Site::new();
    site.run("person add wong");
    site.sign_in("wong", 7);
    let text = site.try_run("session list", "", false).unwrap();
    assert!(text.contains("s7") && !text.contains('\u{1b}'), "{text}");
}

#[test]
fn a42_a_token_is_registered_assigned_and_reactivated_with_a_reason() {
    let site = Site::new();
    site.run("person add wong");
    let added = site.run("token add 12345678 --step 60 --assign wong");
    assert_eq!(added["state"], "active");
    assert!(added["otpauth"].as_str().unwrap().starts_with("otpauth://totp/"));
    assert!(!site.run("token list").to_string().contains(added["secret"].as_str().unwrap()));
    assert!(site.fails("token assign 12345678 wong", "").contains("cannot be assigned"));
    site.run("token disable 12345678");
    site.run("token reactivate 12345678 --reason found");
    let filter = crate::store::AuditFilter { code: Some("reactivated".into()), ..Default::default() };
    assert_eq!(site.store.audit(&filter).unwrap()[0].detail["reason"], "found");
    let given =
        site.try_run("token add T2 --secret-stdin", "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP\n", true).unwrap();
    assert!(!given.contains("JBSWY3DP"), "a secret that was given is not shown");
    assert!(site.fails("token add T3 --secret-stdin", "xyz\n").contains("base32"));
    assert!(site.fails("token add T3 --secret-stdin", "").contains("standard input"));
    assert!(site.fails("token add T3 --digits 9", "").contains("6 to 8 digits"));
}

#[test]
fn a40_the_list_points_at_tokens_that_fall_inactive_soon() {
    let mut site = Site::new();
    site.run("person add wong");
    site.run("token add T1 --assign wong");
    site.run("token add T2");
    let day = std::time::Duration::from_secs(86_400);
    for (days, left, soon) in [(0, 60, false), (45, 15, false), (46, 14, true), (59, 1, true), (70, 0, true)]
    {
        site.now = NOW.after(days * day);
        let listed = site.run("token list");
        assert_eq!((&listed[0]["days_left"], &listed[0]["falls_soon"]), (&left.into(), &soon.into()));
        assert!(listed[1].get("days_left").is_none(), "what is nobody's falls for nobody");
        assert_eq!(site.run("person show wong")["tokens"][0]["days_left"], left);
        let text = site.try_run("token list", "", false).unwrap();
        assert_eq!(text.contains(&format!("{left}, falls inactive soon")), soon, "{text}");
    }
}

#[test]
fn a_token_is_resynced_by_two_codes_from_the_input() {
    use praya_identity::{TokenKind, otp};

    let site = Site::new();
    site.run("person add wong");
    let secret = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP";
    site.try_run("token add T1 --secret-stdin --assign wong", secret, true).unwrap();
    let bytes = otp::parse_secret(secret).unwrap();
    let step = u64::try_from(otp::step_at(TokenKind::SOFT, NOW)).unwrap() + 5;
    let codes = [step, step + 1].map(|step| otp::code(TokenKind::SOFT, &bytes, step).to_string());
    let wrong = site.fails("token resync T1", &format!("{}\n{}\n", codes[1], codes[0]));
    assert!(wrong.contains("two consecutive"), "{wrong}");
    site.try_run("token resync T1", &codes.join("\n"), true).unwrap();
    assert_ne!(site.run("token list")[0]["drift_steps"], 0);
}

#[test]
fn an_import_registers_every_token_or_none() {
    let site = Site::new();
    let secret = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP";
    let file = |rows: &[&str]| {
        let rows: String = rows.iter().map(|serial| format!("{serial},{secret},totp,6,60\n")).collect();
        format!("serial,secret,type,digits,step\n{rows}")
    };
    site.try_run("token import -", &file(&["A1", "A2"]), true).unwrap();
    let error = site.fails("token import -", &file(&["A3", "A2"]));
    assert!(error.contains("line 3: the token A2 is registered already"), "{error}");
    assert_eq!(site.run("token list").as_array().unwrap().len(), 2);
    assert!(site.fails("token import /no/such/file", "").contains("/no/such/file"));
}

#[test]
fn a25_resources_and_networks_decide_what_a_group_reaches() {
    let site = Site::new();
    site.run("person add wong");
    site.run("group add staff");
    assert_eq!(site.run("group members staff --add wong")["members"][0], "wong");
    let group = site.run("group network staff --add tcp:10.3.0.0/16:22 --add any:[fd00::]/64");
    assert_eq!(group["networks"], serde_json::json!(["tcp:10.3.0.0/16:22", "any:[fd00::]/64"]));
    assert!(site.fails("group network staff --remove tcp:10.9.0.0/16", "").contains("has no network"));
    assert_eq!(site.run("group rate staff --to-client 100 --from-client 20")["rate_to_client"], 100);
    assert_eq!(site.run("group rate staff --to-client any")["rate_to_client"], serde_json::Value::Null);
    assert_eq!(site.run("group list")[0]["rate_from_client"], 20);
    site.run("resource add wiki --group staff --address http://10.2.0.1:8080/start");
    let resources = site.store.resources_for(&AccountName::new("wong")).unwrap();
    assert_eq!(format_endpoint(&resources[0].endpoints[0]), "tcp:10.2.0.1:8080");
    site.run("resource update wiki --address https://[fd00::1]/");
    assert_eq!(format_endpoint(&site.store.resources().unwrap()[0].endpoints[0]), "tcp:[fd00::1]:443");
    for (line, expected) in [
        ("resource add wiki --group staff --address http://10.2.0.1/", "exists already"),
        ("resource add Wiki --group staff --address http://10.2.0.1/", "identifier"),
        ("resource add w2 --group none --address http://10.2.0.1/", "group add none"),
        ("resource add w2 --group staff --address http://wiki.example/", "--endpoint"),
        ("resource add w2 --group staff --address ftp://10.2.0.1/", "http://"),
        ("group remove staff", "resource"),
        ("group add staff", "exists already"),
        ("resource remove none", "resource list"),
    ] {
        let error = site.fails(line, "");
        assert!(error.contains(expected), "{line}: {error}");
    }
    site.run("resource remove wiki");
    site.run("group members staff --remove wong");
    site.run("group remove staff");
    assert_eq!(site.run("group list"), serde_json::json!([]));
}

#[test]
fn the_audit_is_filtered() {
    let site = Site::new();
    site.run("person add wong");
    site.run("person add lei");
    let of_wong = site.run("audit --person Wong --since 1h --event account_changed");
    assert_eq!(of_wong.as_array().unwrap().len(), 2);
    assert_eq!(site.run("audit --until 2000-01-01"), serde_json::json!([]));
    assert!(site.fails("audit --since yesterday", "").contains("is no time"));
    let text = site.try_run("audit --person wong", "", false).unwrap();
    assert!(text.contains("by=admin:test"), "{text}");
}

#[test]
fn a_policy_is_checked_saved_activated_and_taken_back() {
    let site = Site::new();
    let file = |name: &str, text: &str| {
        let path = site.state.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let good = file("good.toml", praya_posture::policy::IAS);
    assert_eq!(site.run("posture list"), serde_json::json!([]));
    assert_eq!(site.run(&format!("posture check {good}"))["reads"][0], "operating_system");
    assert_eq!(site.store.policies_after(("", 0), 99).unwrap().len(), 0, "a check saves nothing");

    let bad = praya_posture::policy::IAS.replace("\"warn\"", "\"shout\"").replace("\"deny\"", "\"no\"");
    let bad = file("bad.toml", &bad);
    for act in ["check", "save"] {
        let complaints = site.fails(&format!("posture {act} {bad}"), "");
        for expected in
            ["line 10, on_fail", "without_report", "requirements[system].os.end_of_life", "\"warn\""]
        {
            assert!(complaints.contains(expected), "{expected} in {complaints}");
        }
    }
    assert_eq!(site.store.policies_after(("", 0), 99).unwrap().len(), 0);
    let long = file("long.toml", &format!("#{}", "x".repeat(praya_posture::policy::MAX_POLICY)));
    assert!(site.fails(&format!("posture check {long}"), "").contains("longer than"));
    assert!(site.fails("posture save /nonexistent", "").contains("/nonexistent"));

    let kind =
        praya_posture::policy::IAS.replace("on_fail = \"deny\"", "on_fail = { limit = [\"help-desk\"] }");
    let kind = file("kind.toml", &kind);
    assert_eq!(site.run(&format!("posture save {good}"))["version"], 1);
    let saved = site.run(&format!("posture save {kind}"));
    assert_eq!((&saved["version"], &saved["unknown"][0]), (&2.into(), &"resource help-desk".into()));
    assert!(site.store.active_policies().unwrap().is_empty());
    assert_eq!(site.run("posture activate ias --version 1")["version"], 1);
    let listed = site.run("posture list");
    assert_eq!((&listed[0]["active"], &listed[1]["active"]), (&true.into(), &false.into()));
    assert_eq!(listed[0]["saved_by"], "admin:test");
    let text = |line: &str| site.run(line)["text"].as_str().unwrap().to_owned();
    assert_eq!(text("posture show ias"), praya_posture::policy::IAS, "the active one");
    assert!(text("posture show ias --version 2").contains("help-desk"));
    for line in ["posture activate none", "posture activate ias --version 3", "posture show none"] {
        assert!(site.fails(line, "").contains("posture list"), "{line}");
    }
    assert!(site.fails("posture delete ias", "").contains("posture deactivate ias"));
    site.run("posture deactivate ias");
    assert!(site.fails("posture deactivate ias", "").contains("not in force"));
    site.run("posture delete ias");
    assert!(site.fails("posture delete ias", "").contains("posture list"));
    assert!(site.audited("deleted"));
    for code in ["saved", "activated", "deactivated"] {
        assert!(site.audited(code), "{code}");
    }
}

#[test]
fn machines_are_seen_with_their_verdicts_and_a_policy_is_tried_on_them() {
    use crate::posture::test_machine::{Machine, POLICY, facts};
    use crate::store::NewVerdict;

    let site = Site::new();
    let (policy, support) = (
        praya_posture::policy::Policy::from_toml(POLICY).unwrap(),
        praya_posture::support::SupportTable::built_in(),
    );
    for (seed, firewall, at) in [(1, true, NOW.before(std::time::Duration::from_secs(1))), (2, false, NOW)] {
        let facts = facts(firewall, true, at);
        let found = NewVerdict {
            device: Machine::new(seed).key(),
            host_name: "pc\u{1b}[2J".into(),
            account: AccountName::new("wong"),
            session: None,
            source: [192, 0, 2, 1].into(),
            verdict: praya_posture::verdict::evaluate(&[&policy], &facts, &support, at),
            facts,
        };
        site.store.add_verdict(&found).unwrap();
    }
    let listed = site.run("posture machines");
    let verdict = |at: usize| (&listed[at]["verdict"]["status"], &listed[at]["verdict"]["access"]);
    assert_eq!(verdict(0), (&"non_compliant".into(), &"deny".into()));
    assert_eq!(verdict(1), (&"compliant".into(), &"allow".into()));
    let device = listed[0]["device"].as_str().unwrap();
    let one = site.run(&format!("posture machine {}", &device[..6]));
    assert_eq!(one[0]["facts"]["firewall"]["value"]["on"], false);
    let table = site.try_run("posture machines", "", false).unwrap();
    assert!(table.contains("Debian 13") && !table.contains('\u{1b}'), "{table}");
    let text = site.try_run(&format!("posture machine {device}"), "", false).unwrap();
    assert!(text.contains("staff firewall: not_met, failed"), "{text}");
    assert!(site.fails("posture machine zz", "").contains("posture machines"));

    let file = site.state.path().join("try.toml");
    std::fs::write(&file, POLICY).unwrap();
    let run = site.run(&format!("posture dry-run {} --days 7", file.display()));
    assert_eq!((&run["machines"], &run["failed"]["firewall"]), (&2.into(), &1.into()));
    assert_eq!((&run["statuses"]["compliant"], &run["statuses"]["non_compliant"]), (&1.into(), &1.into()));
    let text = site.try_run(&format!("posture dry-run {}", file.display()), "", false).unwrap();
    assert!(text.contains("failed     firewall: 1"), "{text}");
}

#[test]
fn a_policy_is_tried_before_it_is_enforced() {
    use crate::posture::test_machine::{Machine, POLICY, facts};
    use crate::store::NewVerdict;

    let site = Site::new();
    let file = site.state.path().join("tried.toml");
    std::fs::write(&file, POLICY.replace("on_fail", "enforce = false\non_fail")).unwrap();
    let file = file.display();
    let run = site.try_run(&format!("posture dry-run {file}"), "", false).unwrap();
    assert!(run.contains("0 machines") && run.contains("save the policy with enforce = false"), "{run}");
    assert!(site.run(&format!("posture dry-run {file}"))["advice"].as_str().is_some());
    site.run(&format!("posture save {file}"));
    site.run("posture activate staff");
    let list = site.try_run("posture list", "", false).unwrap();
    assert!(list.contains("only tried") && list.contains("Staff machines"), "{list}");

    let tried = crate::posture::Book::load(&site.store).unwrap();
    let policies: Vec<_> = tried.policies.iter().collect();
    let facts = facts(false, true, NOW);
    let found = NewVerdict {
        device: Machine::new(1).key(),
        host_name: "pc-1".into(),
        account: AccountName::new("wong"),
        session: None,
        source: [192, 0, 2, 1].into(),
        verdict: praya_posture::verdict::evaluate(&policies, &facts, &tried.support, NOW),
        facts,
    };
    site.store.add_verdict(&found).unwrap();
    let machines = site.try_run("posture machines", "", false).unwrap();
    assert!(machines.contains("compliant (would be non_compliant)"), "{machines}");
    assert!(machines.contains("allow (would be deny)"), "{machines}");
    let device = site.run("posture machines")[0]["device"].as_str().unwrap().to_owned();
    let machine = site.try_run(&format!("posture machine {device}"), "", false).unwrap();
    assert!(machine.contains("Debian 13, supported until 2028-08-09"), "{machine}");
    assert!(machine.contains("staff firewall: not_met, recorded"), "{machine}");
    let run = site.try_run(&format!("posture dry-run {file}"), "", false).unwrap();
    assert!(run.contains("failed     firewall: 1") && !run.contains("enforce = false"), "{run}");
}

#[test]
fn what_others_wrote_into_a_policy_does_not_steer_the_terminal() {
    let mut site = Site::new();
    let text = "schema = 1\r\nid = \"x\" # \u{202e}\u{9b}31m\nname = \"N\u{202e}\"\napplies_to = { groups = [\"g\u{2066}\"] }\n\
                [[requirements]]\nid = \"r\"\n\tfirewall = { on = true }\n";
    site.store.save_policy("x", text, "admin:\u{1b}[2J", NOW).unwrap();
    assert_eq!(site.try_run("posture show x", "", false).unwrap(), text, "a file gets every byte");
    site.terminal = true;
    let shown = site.try_run("posture show x", "", false).unwrap();
    let list = site.try_run("posture list", "", false).unwrap();
    let file = site.state.path().join("x.toml");
    std::fs::write(&file, text.replace("\u{9b}", "")).unwrap();
    let checked = site.try_run(&format!("posture check {}", file.display()), "", false).unwrap();
    assert!(checked.contains("not known here: group g\u{fffd}"), "{checked}");
    for output in [&shown, &list, &checked] {
        assert!(!output.contains(['\u{1b}', '\u{202e}', '\u{2066}', '\u{9b}', '\r']), "{output:?}");
    }
    assert_eq!(shown.lines().count(), text.lines().count());
    assert!(shown.contains("\tfirewall"), "{shown:?}");
}

#[test]
fn what_cannot_be_read_is_left_out_and_counted() {
    use crate::posture::test_machine::{Machine, POLICY, facts};
    use crate::store::NewVerdict;

    let site = Site::new();
    for seed in [1, 2] {
        let facts = facts(true, true, NOW);
        let found = NewVerdict {
            device: Machine::new(seed).key(),
            host_name: format!("pc-{seed}"),
            account: AccountName::new("wong"),
            session: None,
            source: [192, 0, 2, 1].into(),
            verdict: praya_posture::verdict::evaluate(
                &[],
                &facts,
                &praya_posture::support::SupportTable::built_in(),
                NOW,
            ),
            facts,
        };
        site.store.add_verdict(&found).unwrap();
    }
    site.store.spoil("UPDATE verdicts SET facts = '{\"newer\": 1}' WHERE host_name = 'pc-1'");
    let machines = site.try_run("posture machines", "", false).unwrap();
    assert!(machines.contains("pc-2") && machines.contains("1 more cannot be read"), "{machines}");
    let file = site.state.path().join("try.toml");
    std::fs::write(&file, POLICY).unwrap();
    let run = site.run(&format!("posture dry-run {}", file.display()));
    assert_eq!((&run["machines"], &run["unreadable"]), (&1.into(), &1.into()));
}

#[test]
fn the_policies_of_this_release_are_listed_shown_and_saved() {
    use praya_posture::policy::{IAS, MODERN, Policy};

    let site = Site::new();
    let listed = site.try_run("posture list --built-in", "", false).unwrap();
    assert!(listed.contains("ias") && listed.contains("modern"), "{listed}");
    for (id, text) in [("ias", IAS), ("modern", MODERN)] {
        assert_eq!(Policy::from_toml(text).unwrap().id, id);
        assert_eq!(site.try_run(&format!("posture show --built-in {id}"), "", false).unwrap(), text);
        assert_eq!(site.run(&format!("posture save --built-in {id}"))["version"], 1);
        assert_eq!(site.try_run(&format!("posture show {id}"), "", false).unwrap(), text);
        assert_eq!(site.run(&format!("posture activate {id}"))["version"], 1);
    }
    for act in ["show", "save"] {
        assert!(site.fails(&format!("posture {act} --built-in none"), "").contains("list --built-in"));
    }
}

#[test]
fn a_key_for_a_program_is_shown_once_and_revoked() {
    let site = Site::new();
    let made =
        site.run("api-key create ci --allow posture:write --allow posture:read --days 7 --from 10.2.0.0/16");
    let key = Secret::new(made["key"].as_str().unwrap());
    assert_eq!(made["allow"], serde_json::json!(["posture:read", "posture:write"]));
    let hash = crate::api_key::KeyHash::of(&key).unwrap();
    let kept = site.store.api_key(&hash).unwrap().unwrap();
    assert_eq!(
        (kept.expires, kept.created_by.as_str()),
        (NOW.after(std::time::Duration::from_secs(7 * 86_400)), "admin:test")
    );
    assert_eq!(site.run("api-key create plain")["allow"], serde_json::json!(["posture:read"]));
    for line in ["api-key list", "audit"] {
        let shown = site.run(line).to_string();
        assert!(shown.contains("ci") && !shown.contains(key.expose()), "{line}: {shown}");
    }
    let table = site.try_run("api-key list", "", false).unwrap();
    assert!(table.contains("10.2.0.0/16") && table.contains("never"), "{table}");
    assert!(site.fails("api-key create ci", "").contains("exists already"));
    assert!(site.audited("created"));
    site.run("api-key revoke ci");
    assert_eq!(site.store.api_key(&hash).unwrap(), None);
    assert!(site.audited("revoked"));
    let made_again = site.run("api-key create ci")["id"].clone();
    assert_ne!(made_again, made["id"], "one name, two keys");
    assert!(table.contains(&hash.id()) && made["id"] == hash.id().as_str(), "{table}");
    let audited = site.run("audit").to_string();
    assert!(audited.contains(&hash.id()) && audited.contains(made_again.as_str().unwrap()), "{audited}");
    site.run("api-key revoke ci");
    assert!(site.fails("api-key revoke ci", "").contains("api-key list"));
    for line in [
        "api-key create a/b",
        "api-key create x --days 0",
        "api-key create x --days 367",
        "api-key create x --allow all",
        "api-key create x --from 10.2.0.1/16",
    ] {
        let words = std::iter::once("praya-gateway").chain(line.split(' '));
        assert!(Line::try_parse_from(words).is_err(), "{line}");
    }
}

#[test]
fn support_dates_can_be_renewed_and_taken_back() {
    let site = Site::new();
    let built_in = site.run("posture support");
    assert_eq!(built_in["built_in"], true);
    let file = site.state.path().join("support.toml");
    std::fs::write(&file, "schema = 1\nas_of = 2027-01-01\n[systems.debian]\n\"13\" = 2028-08-09\n").unwrap();
    let own = site.run(&format!("posture support {}", file.display()));
    assert_eq!((&own["as_of"], &own["built_in"]), (&"2027-01-01".into(), &false.into()));
    std::fs::write(&file, "schema = 1\nas_of = \"soon\"\n").unwrap();
    assert!(site.fails(&format!("posture support {}", file.display()), "").contains("line 2, as_of"));
    assert_eq!(site.run("posture support"), own, "what is wrong changes nothing");
    assert_eq!(site.run("posture support --built-in"), built_in);
    site.store.set_setting(crate::posture::SUPPORT, "schema = 9").unwrap();
    let text = site.try_run("posture support", "", false).unwrap();
    assert!(text.contains("cannot be read") && text.contains("posture support --built-in"), "{text}");
    assert!(site.audited("support_dates_saved") && site.audited("support_dates_built_in"));
}
