//! The administrators' API as a program with a key uses it.

use std::collections::BTreeSet;
use std::net::IpAddr;

use axum::Router;
use axum::body::Body;
use clap::ValueEnum as _;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt;
use praya_model::api::PREFIX;
use praya_model::{AccountName, Secret, Timestamp};
use praya_posture::policy::{IAS, MAX_POLICY, Policy};
use praya_posture::support::SupportTable;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::*;
use crate::api::{Front, openapi, router};
use crate::api_key::{KeyHash, Scope, generate, network};
use crate::http::Peer;
use crate::posture::test_machine::{Machine, POLICY, facts};
use crate::store::{AuditFilter, AuditRecord, NewVerdict};
use crate::tunnel::lab::{Lab, now};

mod policies;

const READ: Scope = Scope::PostureRead;
const WRITE: Scope = Scope::PostureWrite;
const TOML: &str = "application/toml";
const JSON: &str = "application/json";

/// Every call, and what its key must allow.
const CALLS: [(&str, &str, Scope); 15] = [
    ("GET", "/posture/policies", READ),
    ("GET", "/posture/policies/{id}", READ),
    ("PUT", "/posture/policies/{id}", WRITE),
    ("DELETE", "/posture/policies/{id}", WRITE),
    ("GET", "/posture/built-in", READ),
    ("GET", "/posture/built-in/{id}", READ),
    ("POST", "/posture/policies/{id}/activate", WRITE),
    ("POST", "/posture/policies/{id}/deactivate", WRITE),
    ("POST", "/posture/dry-run", READ),
    ("GET", "/posture/machines", READ),
    ("GET", "/posture/machines/{id}", READ),
    ("GET", "/posture/support", READ),
    ("PUT", "/posture/support", WRITE),
    ("DELETE", "/posture/support", WRITE),
    // A key for changes lists nothing, one that shows changes nothing.
    ("GET", "/posture/policies?limit=1", READ),
];

struct Site {
    lab: Lab,
    front: Front,
    key: Secret,
    source: IpAddr,
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Value,
}

impl Site {
    fn new() -> Self {
        let lab = Lab::new(|_| {});
        let (front, _) = lab.front();
        let key = key(&lab.store, "ci", &[READ, WRITE], &[], now().after(Duration::from_secs(3600)));
        Self { lab, front, key, source: [192, 0, 2, 9].into() }
    }

    async fn send(&self, key: Option<&Secret>, method: &str, path: &str, kind: &str, body: &str) -> Answer {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{PREFIX}/admin{path}"))
            .extension(Peer(self.source));
        if let Some(key) = key {
            request = request.header("Authorization", format!("Bearer {}", key.expose()));
        }
        if !kind.is_empty() {
            request = request.header("Content-Type", kind);
        }
        let router: Router = router(self.front.clone());
        let response = router.oneshot(request.body(Body::from(body.to_owned())).unwrap()).await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let body = response.into_body().collect().await.unwrap().to_bytes();
        Answer { status, headers, body: serde_json::from_slice(&body).unwrap_or_default() }
    }

    async fn call(&self, method: &str, path: &str, kind: &str, body: &str) -> (StatusCode, Value) {
        let Answer { status, body, .. } = self.send(Some(&self.key), method, path, kind, body).await;
        (status, body)
    }

    async fn get(&self, path: &str) -> (StatusCode, Value) {
        self.call("GET", path, "", "").await
    }

    async fn good(&self, method: &str, path: &str, body: &str) -> Value {
        let (status, answer) = self.call(method, path, if body.is_empty() { "" } else { TOML }, body).await;
        assert_eq!(status, StatusCode::OK, "{method} {path}: {answer}");
        answer
    }

    fn audited(&self, event: AuditEvent) -> Vec<AuditRecord> {
        self.lab.store.audit(&AuditFilter { event: Some(event), ..AuditFilter::default() }).unwrap()
    }

    /// A machine of `person` that was judged by the policy of tests.
    fn saw(&self, seed: u8, person: &str, firewall: bool, at: Timestamp) {
        let policy = Policy::from_toml(POLICY).unwrap();
        let facts = facts(firewall, true, at);
        let found = NewVerdict {
            device: Machine::new(seed).key(),
            host_name: format!("pc-{seed}"),
            account: AccountName::new(person),
            session: None,
            source: [192, 0, 2, 1].into(),
            verdict: praya_posture::verdict::evaluate(&[&policy], &facts, &SupportTable::built_in(), at),
            facts,
        };
        self.lab.store.add_verdict(&found).unwrap();
    }
}

fn key(store: &Store, name: &str, allow: &[Scope], networks: &[&str], expires: Timestamp) -> Secret {
    let key = generate().unwrap();
    let hash = KeyHash::of(&key).unwrap();
    let about = ApiKey {
        name: name.into(),
        id: hash.id(),
        allow: allow.to_vec(),
        networks: networks.iter().map(|text| network(text).unwrap()).collect(),
        created: now(),
        created_by: "admin:test".into(),
        expires,
        last_used: None,
    };
    assert!(store.insert_api_key(&about, &hash).unwrap());
    key
}

#[tokio::test]
async fn nothing_opens_without_a_key_for_it() {
    let mut site = Site::new();
    let (store, later) = (&site.lab.store.clone(), now().after(Duration::from_secs(3600)));
    let document: Value = serde_json::from_str(openapi::DOCUMENT).unwrap();
    let described: usize = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .filter(|(path, _)| path.starts_with("/admin/"))
        .map(|(_, methods)| methods.as_object().unwrap().len())
        .sum();
    assert_eq!(described, CALLS.len() - 1, "each of them is tried here");
    let revoked = key(store, "revoked", &[READ, WRITE], &[], later);
    store.delete_api_key("revoked").unwrap();
    let cookie = site.lab.sign_in(None).cookie;
    let bad = [
        None,
        Some(Secret::new("x")),
        Some(Secret::new(format!("praya_{}", cookie.expose()))),
        Some(cookie),
        Some(generate().unwrap()),
        Some(key(store, "over", &[READ, WRITE], &[], now())),
        Some(key(store, "elsewhere", &[READ, WRITE], &["192.0.2.0/29", "2001:db8::/32"], later)),
        Some(revoked),
    ];
    let mut source = 0;
    for (method, path, scope) in CALLS {
        // Each call by other strangers, so that none of them is too many.
        site.source = [192, 0, 2, 100 + source].into();
        let path = path.replace("{id}", "ias");
        let mut said = BTreeSet::new();
        for key in &bad {
            let answer = site.send(key.as_ref(), method, &path, TOML, IAS).await;
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{method} {path}");
            assert_eq!(answer.headers["WWW-Authenticate"], "Bearer");
            assert!(answer.headers.keys().all(|name| !name.as_str().starts_with("access-control")));
            said.insert(answer.body.to_string());
        }
        assert_eq!(said.len(), 1, "one answer, whatever is wrong: {said:?}");
        source += 1;
        let other = if scope == READ { WRITE } else { READ };
        let wrong = key(store, &format!("wrong-{source}"), &[other], &[], later);
        let answer = site.send(Some(&wrong), method, &path, TOML, IAS).await;
        assert_eq!((answer.status, &answer.body["code"]), (StatusCode::FORBIDDEN, &json!("not_allowed")));
    }
    assert!(store.policies_after(("", 0), 99).unwrap().is_empty(), "nothing was done");
    site.source = [192, 0, 2, 9].into();
    let right = key(store, "right", &[READ], &["192.0.2.8/29"], later);
    assert_eq!(site.send(Some(&right), "GET", "/posture/policies", "", "").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_known_key_that_is_refused_is_recorded_once_a_minute_and_never_the_key() {
    let site = Site::new();
    let over = key(&site.lab.store, "over", &[READ], &[], now());
    for _ in 0..5 {
        site.send(Some(&over), "GET", "/posture/policies", "", "").await;
        site.send(Some(&generate().unwrap()), "GET", "/posture/policies", "", "").await;
    }
    let records = site.audited(AuditEvent::ApiKeyRefused);
    assert_eq!(records.len(), 1, "{records:?}");
    let id = KeyHash::of(&over).unwrap().id();
    assert_eq!(records[0].code.as_deref(), Some("expired"));
    assert_eq!((&records[0].actor, &records[0].detail["id"]), (&format!("api-key:over#{id}"), &json!(id)));
    assert_eq!(records[0].source.as_deref(), Some("192.0.2.9"));
    assert!(!format!("{records:?}").contains(over.expose()));
    let later = now().after(RECORDED_EVERY);
    let known = site.lab.store.api_keys().unwrap();
    let known = known.iter().find(|key| key.name == "over").unwrap();
    site.front.administrators.refused(known, Closed::Expired, site.source, later).await;
    site.front.administrators.refused(known, Closed::Network, site.source, later).await;
    assert_eq!(site.audited(AuditEvent::ApiKeyRefused).len(), 3);
    let set_back = now().before(Duration::from_secs(86_400));
    site.front.administrators.refused(known, Closed::Expired, site.source, set_back).await;
    assert_eq!(site.audited(AuditEvent::ApiKeyRefused).len(), 4, "a clock that is set back silences nothing");
}

#[tokio::test]
async fn strangers_that_call_too_often_wait_and_take_nothing_from_a_key() {
    let mut site = Site::new();
    let over = key(&site.lab.store, "over", &[READ], &[], now());
    for _ in 0..CALLS_AT_ONCE / 2 {
        site.send(None, "GET", "/posture/policies", "", "").await;
        site.send(Some(&over), "GET", "/posture/policies", "", "").await;
    }
    let too_many = |answer: Answer| {
        assert_eq!(
            (answer.status, &answer.body["code"]),
            (StatusCode::TOO_MANY_REQUESTS, &json!("too_many_calls"))
        );
        assert_eq!(answer.headers["Retry-After"], "1");
    };
    too_many(site.send(Some(&generate().unwrap()), "GET", "/posture/policies", "", "").await);
    too_many(site.send(Some(&over), "GET", "/posture/policies", "", "").await);
    assert_eq!(site.get("/posture/policies").await.0, StatusCode::OK, "a good key at the same address");
    for _ in 0..CALLS_AT_ONCE {
        site.send(Some(&site.key), "GET", "/posture/built-in/none", "", "").await;
    }
    site.source = [198, 51, 100, 1].into();
    too_many(site.send(Some(&site.key), "GET", "/posture/policies", "", "").await);
    let another = key(&site.lab.store, "another", &[READ], &[], now().after(Duration::from_secs(60)));
    assert_eq!(site.send(Some(&another), "GET", "/posture/policies", "", "").await.status, StatusCode::OK);
}

/// Some more than are allowed at once, since a bucket fills while a slow machine works.
const CALLS_AT_ONCE: u32 = super::CALLS.burst + 20;

#[tokio::test]
async fn a_policy_is_saved_guarded_and_put_into_force_in_the_keys_name() {
    let site = Site::new();
    let saved = site.good("PUT", "/posture/policies/staff?after=0", POLICY).await;
    assert_eq!(saved, json!({"id": "staff", "version": 1, "unknown": []}));
    let tried = POLICY
        .replace("on_fail = \"deny\"", "on_fail = { limit = [\"help-desk\"] }\nenforce = false")
        .replace("name = ", "applies_to = { groups = [\"nobody\"] }\nname = ");
    let (status, failure) = site.call("PUT", "/posture/policies/staff?after=0", TOML, &tried).await;
    assert_eq!(
        (status, &failure["code"], &failure["newest"]),
        (StatusCode::CONFLICT, &json!("outdated"), &json!(1))
    );
    let saved = site.good("PUT", "/posture/policies/staff?after=1", &tried).await;
    assert_eq!(saved["unknown"], json!(["group nobody", "resource help-desk"]));
    assert_eq!(saved["version"], 2);

    let list = site.good("GET", "/posture/policies", "").await;
    let listed = |at: usize, field: &str| list["policies"][at][field].clone();
    assert_eq!((listed(0, "version"), listed(1, "version")), (json!(1), json!(2)));
    assert_eq!((listed(0, "enforce"), listed(1, "enforce")), (json!(true), json!(false)));
    let ci = site.lab.store.api_keys().unwrap()[0].actor();
    assert_eq!((listed(0, "saved_by"), listed(0, "name")), (json!(ci), json!("Staff machines")));
    assert!(list["policies"].as_array().unwrap().iter().all(|policy| policy.get("text").is_none()));

    assert_eq!(site.good("GET", "/posture/policies/staff", "").await["text"], tried, "the newest");
    let (status, _) = site.call("POST", "/posture/policies/staff/activate", JSON, "{\"version\":1}").await;
    assert_eq!(status, StatusCode::OK);
    let shown = site.good("GET", "/posture/policies/staff", "").await;
    assert_eq!((&shown["text"], &shown["active"]), (&json!(POLICY), &json!(true)), "the one in force");
    assert_eq!(site.good("GET", "/posture/policies/staff?version=2", "").await["text"], tried);
    assert_eq!(site.good("POST", "/posture/policies/staff/activate", "").await["version"], 2, "the newest");
    site.good("POST", "/posture/policies/staff/deactivate", "").await;
    let (status, failure) = site.call("POST", "/posture/policies/staff/deactivate", "", "").await;
    assert_eq!((status, &failure["code"]), (StatusCode::CONFLICT, &json!("not_in_force")));
    for path in ["/posture/policies/none", "/posture/policies/staff?version=3"] {
        assert_eq!(site.get(path).await.0, StatusCode::NOT_FOUND, "{path}");
    }
    assert_eq!(site.call("POST", "/posture/policies/none/activate", "", "").await.0, StatusCode::NOT_FOUND);
    let records = site.audited(AuditEvent::PolicyChanged);
    let done: Vec<_> = records.iter().map(|record| record.code.as_deref().unwrap()).collect();
    assert_eq!(done, ["saved", "saved", "activated", "activated", "deactivated"]);
    assert!(records.iter().all(|record| record.actor == ci && record.source.as_deref() == Some("192.0.2.9")));
    assert!(site.lab.store.api_keys().unwrap()[0].last_used.is_some());
}

#[tokio::test]
async fn there_are_so_many_policies_and_no_more() {
    use crate::store::MOST_POLICIES;

    let site = Site::new();
    for number in 0..MOST_POLICIES {
        site.lab.store.save_policy(&format!("p{number}"), POLICY, "admin:test", now()).unwrap();
    }
    let (status, failure) = site.call("PUT", "/posture/policies/staff", TOML, POLICY).await;
    assert_eq!((status, &failure["code"]), (StatusCode::CONFLICT, &json!("too_many_policies")));
    let another = POLICY.replace("\"staff\"", "\"p7\"");
    assert_eq!(site.good("PUT", "/posture/policies/p7", &another).await["version"], 2);
    assert_eq!(site.good("DELETE", "/posture/policies/p0", "").await, json!({"id": "p0", "deleted": true}));
    assert_eq!(site.good("PUT", "/posture/policies/staff", POLICY).await["id"], "staff");
}

#[tokio::test]
async fn what_is_wrong_with_a_file_is_told_at_its_place_and_nothing_is_saved() {
    let site = Site::new();
    let bad =
        IAS.replace("\"warn\"", "\"shout\"").replace("without_report = \"deny\"", "without_report = \"no\"");
    for (method, path) in [("PUT", "/posture/policies/ias"), ("POST", "/posture/dry-run")] {
        let (status, failure) = site.call(method, path, TOML, &bad).await;
        assert_eq!((status, &failure["code"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("not_taken")));
        let complaints = failure["complaints"].as_array().unwrap();
        assert_eq!(complaints.len(), 2, "{failure}");
        let line = bad.lines().position(|line| line.starts_with("without_report")).unwrap() + 1;
        assert_eq!(
            complaints[0],
            json!({
                "line": line,
                "column": 18,
                "field": "without_report",
                "problem": "must be \"allow\", \"deny\" or { limit = [the ids of resources] }",
            })
        );
        assert_eq!(complaints[1]["field"], "requirements[system].os.end_of_life");
    }
    let (status, failure) = site.call("PUT", "/posture/policies/other", TOML, IAS).await;
    assert_eq!(
        (status, &failure["complaints"][0]["field"]),
        (StatusCode::UNPROCESSABLE_ENTITY, &json!("id"))
    );
    let dates = "schema = 1\nas_of = \"soon\"\n[systems]\n";
    let (status, failure) = site.call("PUT", "/posture/support", TOML, dates).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(
        (&failure["complaints"][0]["line"], &failure["complaints"][0]["column"]),
        (&json!(2), &json!(9))
    );
    assert!(site.lab.store.policies_after(("", 0), 99).unwrap().is_empty());
    assert_eq!(site.good("GET", "/posture/support", "").await["built_in"], true);
    assert!(site.audited(AuditEvent::PolicyChanged).is_empty());

    // Saved by a program that understood it.
    site.lab.store.save_policy("later", "schema = 2", "admin:test", now()).unwrap();
    let (status, failure) = site.call("POST", "/posture/policies/later/activate", "", "").await;
    assert_eq!((status, &failure["code"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("not_taken")));
    assert!(site.lab.store.active_policies().unwrap().is_empty());
    assert_eq!(site.good("GET", "/posture/policies/later", "").await["name"], Value::Null);
}

#[tokio::test]
async fn bodies_and_parameters_that_are_none_are_refused() {
    let site = Site::new();
    let (put, activate) = ("/posture/policies/staff", "/posture/policies/staff/activate");
    let long = format!("#{}", "x".repeat(MAX_POLICY));
    let longer = "x".repeat(3 << 20);
    for (method, path, kind, body, status, code) in [
        ("PUT", put, JSON, POLICY, StatusCode::UNSUPPORTED_MEDIA_TYPE, "wrong_type"),
        ("PUT", put, "", POLICY, StatusCode::UNSUPPORTED_MEDIA_TYPE, "wrong_type"),
        ("PUT", put, TOML, &long, StatusCode::PAYLOAD_TOO_LARGE, "too_long"),
        ("PUT", put, TOML, &longer, StatusCode::PAYLOAD_TOO_LARGE, "too_long"),
        ("PUT", "/posture/support", TOML, &long, StatusCode::PAYLOAD_TOO_LARGE, "too_long"),
        ("POST", "/posture/dry-run", TOML, &long, StatusCode::PAYLOAD_TOO_LARGE, "too_long"),
        ("PUT", "/posture/policies/staff?after=x", TOML, POLICY, StatusCode::BAD_REQUEST, "bad_request"),
        ("PUT", "/posture/policies/staff?before=1", TOML, POLICY, StatusCode::BAD_REQUEST, "bad_request"),
        ("POST", "/posture/dry-run?days=0", TOML, POLICY, StatusCode::BAD_REQUEST, "bad_request"),
        ("POST", "/posture/dry-run?days=31", TOML, POLICY, StatusCode::BAD_REQUEST, "bad_request"),
        ("GET", "/posture/policies?limit=0", "", "", StatusCode::BAD_REQUEST, "bad_request"),
        ("GET", "/posture/policies?limit=201", "", "", StatusCode::BAD_REQUEST, "bad_request"),
        ("GET", "/posture/policies?after=staff", "", "", StatusCode::BAD_REQUEST, "bad_request"),
        ("GET", "/posture/machines?limit=201", "", "", StatusCode::BAD_REQUEST, "bad_request"),
        ("GET", "/posture/machines?after=1", "", "", StatusCode::BAD_REQUEST, "bad_request"),
        ("GET", "/posture/machines?after=1-x", "", "", StatusCode::BAD_REQUEST, "bad_request"),
        ("GET", "/posture/machines?status=good", "", "", StatusCode::BAD_REQUEST, "bad_request"),
        ("GET", "/posture/machines?persons=x", "", "", StatusCode::BAD_REQUEST, "bad_request"),
        ("GET", "/posture/machines?person=%00", "", "", StatusCode::BAD_REQUEST, "bad_request"),
        ("POST", activate, JSON, "[", StatusCode::BAD_REQUEST, "bad_request"),
        ("POST", activate, TOML, "{}", StatusCode::UNSUPPORTED_MEDIA_TYPE, "wrong_type"),
        ("POST", activate, JSON, "{\"versions\":1}", StatusCode::BAD_REQUEST, "bad_request"),
        ("GET", "/posture/policies/%ff", "", "", StatusCode::BAD_REQUEST, "bad_request"),
        ("DELETE", "/posture/policies/%ff", "", "", StatusCode::BAD_REQUEST, "bad_request"),
        ("GET", "/posture/machines/abc", "", "", StatusCode::NOT_FOUND, "not_found"),
        ("GET", "/posture/nothing", "", "", StatusCode::NOT_FOUND, "protocol"),
        ("DELETE", "/posture/machines", "", "", StatusCode::METHOD_NOT_ALLOWED, "protocol"),
        ("GET", "/posture/machines/0123456789abcdef", "", "", StatusCode::NOT_FOUND, "not_found"),
    ] {
        let (found, failure) = site.call(method, path, kind, body).await;
        assert_eq!((found, &failure["code"]), (status, &json!(code)), "{method} {path}: {failure}");
    }
    assert!(site.lab.store.policies_after(("", 0), 99).unwrap().is_empty());
}

#[tokio::test]
async fn machines_are_listed_a_page_at_a_time_and_found_by_verdict_and_person() {
    let site = Site::new();
    for seed in 1..=5 {
        let at = now().before(Duration::from_secs(u64::from(seed)));
        site.saw(seed, if seed == 3 { "bob" } else { "alice" }, seed % 2 == 0, at);
    }
    site.saw(6, "alice", true, now().before(Duration::from_secs(31 * 86_400)));
    let (mut seen, mut pages, mut after) = (Vec::new(), 0, String::new());
    loop {
        let page = site.good("GET", &format!("/posture/machines?limit=2{after}"), "").await;
        let machines = page["machines"].as_array().unwrap();
        assert!(machines.len() <= 2);
        seen.extend(machines.iter().map(|one| one["host_name"].as_str().unwrap().to_owned()));
        pages += 1;
        let Some(next) = page["next"].as_str() else { break };
        after = format!("&after={next}");
    }
    seen.sort_unstable();
    assert_eq!((seen, pages), (["pc-1", "pc-2", "pc-3", "pc-4", "pc-5"].map(str::to_owned).to_vec(), 3));
    let hosts = async |query: &str| {
        let page = site.good("GET", &format!("/posture/machines?{query}"), "").await;
        let machines = page["machines"].as_array().unwrap().iter();
        machines.map(|one| one["host_name"].as_str().unwrap().to_owned()).collect::<BTreeSet<_>>()
    };
    assert_eq!(hosts("status=compliant").await, ["pc-2", "pc-4"].map(str::to_owned).into());
    assert_eq!(hosts("person=Bob").await, ["pc-3".to_owned()].into());
    assert!(hosts("status=compliant&person=bob").await.is_empty());

    let list = site.good("GET", "/posture/machines?person=bob", "").await;
    let device = list["machines"][0]["device"].as_str().unwrap().to_owned();
    assert!(list["machines"][0].get("facts").is_none());
    let one = site.good("GET", &format!("/posture/machines/{device}"), "").await;
    assert_eq!((&one["device"], &one["unreadable"]), (&json!(device), &json!(0)));
    let newest = &one["verdicts"][0];
    assert_eq!(newest["facts"]["firewall"]["value"]["on"], false);
    assert_eq!(
        newest["support"],
        json!({"ends": "2028-08-09", "extended": newest["support"]["extended"], "over": false})
    );
    assert_eq!(newest["verdict"]["status"], "non_compliant");
}

#[tokio::test]
async fn machines_that_would_fail_a_policy_on_trial_are_found() {
    let site = Site::new();
    let tried = Policy { enforce: false, ..Policy::from_toml(POLICY).unwrap() };
    let at = now();
    for (seed, firewall) in [(1, true), (2, false)] {
        let facts = facts(firewall, true, at);
        let found = NewVerdict {
            device: Machine::new(seed).key(),
            host_name: format!("pc-{seed}"),
            account: AccountName::new("alice"),
            session: None,
            source: [192, 0, 2, 1].into(),
            verdict: praya_posture::verdict::evaluate(&[&tried], &facts, &SupportTable::built_in(), at),
            facts,
        };
        site.lab.store.add_verdict(&found).unwrap();
    }
    let page = site.good("GET", "/posture/machines?status=non_compliant", "").await;
    assert_eq!(page["machines"].as_array().map(Vec::len), Some(1), "{page}");
    let verdict = &page["machines"][0]["verdict"];
    assert_eq!((&verdict["status"], &verdict["access"]), (&json!("compliant"), &json!("allow")));
    assert_eq!(verdict["if_enforced"], json!({"status": "non_compliant", "access": "deny"}));
}

#[tokio::test]
async fn a_policy_is_tried_on_what_was_seen_by_one_caller_at_a_time() {
    let site = Site::new();
    let run = site.good("POST", "/posture/dry-run", POLICY).await;
    assert_eq!((&run["machines"], &run["days"]), (&json!(0), &json!(30)));
    assert!(run["advice"].as_str().unwrap().contains("enforce = false"), "{run}");
    for seed in 1..=3 {
        site.saw(seed, "alice", seed == 1, now().before(Duration::from_secs(u64::from(seed) * 86_400)));
    }
    let run = site.good("POST", "/posture/dry-run", POLICY).await;
    assert_eq!((&run["machines"], &run["failed"]), (&json!(3), &json!({"firewall": 2})));
    assert_eq!(run["statuses"], json!({"compliant": 1, "non_compliant": 2}));
    assert!(run.get("advice").is_none());
    assert_eq!(site.good("POST", "/posture/dry-run?days=2", POLICY).await["machines"], 1);
    site.lab.store.spoil("UPDATE verdicts SET facts = '{}'");
    let run = site.good("POST", "/posture/dry-run", POLICY).await;
    assert_eq!((&run["machines"], &run["unreadable"]), (&json!(0), &json!(3)));
    assert!(run["advice"].as_str().unwrap().contains("can read nothing"), "{run}");
    let busy = site.front.administrators.clone();
    let _turn = busy.0.trials.try_acquire().unwrap();
    let answer = site.send(Some(&site.key), "POST", "/posture/dry-run", TOML, POLICY).await;
    assert_eq!((answer.status, &answer.body["code"]), (StatusCode::SERVICE_UNAVAILABLE, &json!("busy")));
    assert_eq!(answer.headers["Retry-After"], "5");
}

#[tokio::test]
async fn support_dates_are_read_and_renewed() {
    let site = Site::new();
    let built_in = site.good("GET", "/posture/support", "").await;
    assert_eq!(
        (&built_in["built_in"], &built_in["text"]),
        (&json!(true), &json!(praya_posture::support::BUILT_IN))
    );
    let own = "schema = 1\nas_of = 2027-01-01\n[systems.debian]\n\"13\" = 2020-08-09\n";
    let saved = site.good("PUT", "/posture/support", own).await;
    assert_eq!(saved, json!({"as_of": "2027-01-01", "built_in": false, "text": own}));
    assert_eq!(site.good("GET", "/posture/support", "").await, saved);
    site.saw(1, "alice", true, now());
    let machines = site.good("GET", "/posture/machines", "").await;
    assert_eq!(
        machines["machines"][0]["support"],
        json!({"ends": "2020-08-09", "extended": null, "over": true})
    );
    let saved = &site.audited(AuditEvent::PolicyChanged)[0];
    assert_eq!(saved.code.as_deref(), Some("support_dates_saved"));
    assert_eq!(saved.detail["sha256"].as_str().map(str::len), Some(64));
    assert_eq!(site.good("DELETE", "/posture/support", "").await, built_in);
    site.lab.store.set_setting(crate::posture::SUPPORT, "schema = 9").unwrap();
    let damaged = site.good("GET", "/posture/support", "").await;
    assert_eq!((&damaged["as_of"], &damaged["text"]), (&Value::Null, &json!("schema = 9")));
    assert!(damaged["unreadable"].as_str().unwrap().contains("schema"), "{damaged}");
    assert_eq!(site.good("DELETE", "/posture/support", "").await, built_in);
}

#[tokio::test]
async fn live_sessions_follow_the_api_as_they_follow_a_command() {
    let site = Site::new();
    let session = site.lab.sign_in(None).session.unwrap();
    let mut changes = site.lab.store.changes();
    assert!(changes.poll().unwrap() && !changes.poll().unwrap());
    site.good("GET", "/posture/policies", "").await;
    assert!(!changes.poll().unwrap(), "a look changes nothing");
    site.good("PUT", "/posture/policies/staff", POLICY).await;
    site.good("POST", "/posture/policies/staff/activate", "").await;
    assert!(changes.poll().unwrap() && !changes.poll().unwrap());
    site.lab.sessions.reconcile(now()).await.unwrap();
    assert!(site.lab.sessions.get(&session).is_none(), "its client cannot report");
}

#[tokio::test]
async fn answers_have_the_members_that_the_document_describes() {
    let site = Site::new();
    site.saw(1, "alice", true, now());
    let document: Value = serde_json::from_str(openapi::DOCUMENT).unwrap();
    let is_described = |schema: &Value, sent: &Value| {
        let sent: BTreeSet<&str> = sent.as_object().unwrap().keys().map(String::as_str).collect();
        let known: BTreeSet<&str> =
            schema["properties"].as_object().unwrap().keys().map(String::as_str).collect();
        let needed: BTreeSet<&str> =
            schema["required"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
        assert!(sent.is_subset(&known), "{sent:?} {known:?}");
        assert!(needed.is_subset(&sent), "{sent:?} {needed:?}");
    };
    let schema = |name: &str| document["components"]["schemas"][name].clone();
    is_described(&schema("SavedPolicy"), &site.good("PUT", "/posture/policies/staff", POLICY).await);
    is_described(&schema("PolicyInForce"), &site.good("POST", "/posture/policies/staff/activate", "").await);
    is_described(&schema("Policy"), &site.good("GET", "/posture/policies/staff", "").await);
    let list = site.good("GET", "/posture/policies", "").await;
    is_described(&schema("PolicyList"), &list);
    is_described(&schema("Policy"), &list["policies"][0]);
    is_described(&schema("DryRun"), &site.good("POST", "/posture/dry-run", POLICY).await);
    let list = site.good("GET", "/posture/machines", "").await;
    is_described(&schema("MachineList"), &list);
    let one = &list["machines"][0];
    is_described(&schema("MachineVerdict"), one);
    is_described(&schema("MachineVerdict")["properties"]["verdict"], &one["verdict"]);
    let machine =
        site.good("GET", &format!("/posture/machines/{}", one["device"].as_str().unwrap()), "").await;
    is_described(&schema("Machine"), &machine);
    let built_in = site.good("GET", "/posture/built-in", "").await;
    is_described(&schema("BuiltInList"), &built_in);
    is_described(&schema("BuiltInPolicy"), &built_in["policies"][0]);
    site.good("POST", "/posture/policies/staff/deactivate", "").await;
    is_described(&schema("DeletedPolicy"), &site.good("DELETE", "/posture/policies/staff", "").await);
    is_described(&schema("SupportDates"), &site.good("GET", "/posture/support", "").await);
    site.lab.store.set_setting(crate::posture::SUPPORT, "schema = 9").unwrap();
    is_described(&schema("SupportDates"), &site.good("GET", "/posture/support", "").await);
    let known: BTreeSet<String> =
        serde_json::from_value(schema("AdminFailure")["properties"]["code"]["enum"].clone()).unwrap();
    let codes = failure::Code::value_variants().iter().map(crate::posture::word);
    assert_eq!(known, codes.chain(["protocol".to_owned()]).collect());
    let (_, failure) = site.call("PUT", "/posture/policies/x", TOML, "").await;
    is_described(&schema("AdminFailure"), &failure);
    is_described(&schema("AdminFailure")["properties"]["complaints"]["items"], &failure["complaints"][0]);
}
