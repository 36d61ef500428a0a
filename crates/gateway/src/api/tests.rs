//! The API as Praya's client uses it, and the document that describes it.

use std::collections::{BTreeSet, HashMap};

use axum::Router;
use axum::body::Body;
use http::{Method, Request, StatusCode};
use http_body_util::BodyExt;
use praya_model::Secret;
use praya_model::sign_in::{ElsewhereSession, TokenHint};
use serde_json::{Value, json};
use tower::ServiceExt;

use super::*;
use crate::tunnel::lab::{Lab, WEB, code};

struct Client {
    router: Router,
    cookie: Option<Secret>,
}

impl Client {
    fn new(front: &Front) -> Self {
        Self { router: router(front.clone()), cookie: None }
    }

    async fn call(&self, method: &str, path: &str, body: Value) -> (StatusCode, Value) {
        let mut request = Request::builder().method(method).uri(format!("{PREFIX}{path}"));
        if let Some(cookie) = &self.cookie {
            request = request.header("Authorization", format!("Bearer {}", cookie.expose()));
        }
        let body = if body.is_null() {
            Body::empty()
        } else {
            request = request.header("Content-Type", "application/json; charset=utf-8");
            Body::from(body.to_string())
        };
        let response = self.router.clone().oneshot(request.body(body).unwrap()).await.unwrap();
        let status = response.status();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
    }

    async fn get(&self, path: &str) -> (StatusCode, Value) {
        self.call("GET", path, Value::Null).await
    }
}

fn begin() -> Value {
    json!({"account": "alice", "device_key": null, "host_name": "pc", "client": "test"})
}

#[tokio::test]
async fn a_person_signs_in_step_by_step_and_sees_the_session() {
    let lab = Lab::new(|config| config.gateway.help_desk = Some("ext. 4000".into()));
    let (front, initial) = lab.front();
    let mut client = Client::new(&front);
    let (_, gateway) = client.get("/gateway").await;
    assert_eq!((&gateway["product"], &gateway["help_desk"]), (&json!("praya"), &json!("ext. 4000")));

    let (_, reply) = client.call("POST", "/sign-in", begin()).await;
    assert_eq!(reply["step"], "password");
    let answer =
        json!({"ticket": reply["ticket"], "answer": "password", "account": null, "password": initial});
    let (_, reply) = client.call("POST", "/sign-in/answer", answer.clone()).await;
    assert_eq!((&reply["step"], &reply["token"]["serial"]), (&json!("otp"), &json!("T-1")));
    let (status, replayed) = client.call("POST", "/sign-in/answer", answer).await;
    assert_eq!(
        (status, &replayed["code"]),
        (StatusCode::OK, &json!("sign_in_expired")),
        "one use per ticket"
    );
    let answer = json!({"ticket": reply["ticket"], "answer": "otp", "code": code()});
    let (_, reply) = client.call("POST", "/sign-in/answer", answer).await;
    assert_eq!(reply["step"], "new_password");
    let new = "tide and harbour";
    let answer = json!({"ticket": reply["ticket"], "answer": "new_password", "password": new, "repeat": new});
    let (_, reply) = client.call("POST", "/sign-in/answer", answer).await;
    assert_eq!(reply["step"], "done");

    client.cookie = Some(Secret::new(reply["cookie"].as_str().unwrap()));
    let (_, session) = client.get("/session").await;
    assert_eq!((&session["session"], &session["groups"]), (&reply["session"], &json!(["staff"])));
    let (status, _) = client.call("DELETE", "/session?reason=tray_exit", Value::Null).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    let (status, over) = client.get("/session").await;
    assert_eq!(
        (status, &over["code"], &over["reason"]),
        (StatusCode::UNAUTHORIZED, &json!("session_ended"), &json!("tray_exit"))
    );
}

#[tokio::test]
async fn a03_nothing_of_a_session_opens_without_its_cookie() {
    let lab = Lab::new(|_| {});
    let (front, _) = lab.front();
    let mut client = Client::new(&front);
    for cookie in [None, Some(Secret::new("nonsense"))] {
        client.cookie = cookie;
        for (method, path) in [
            ("GET", "/session"),
            ("DELETE", "/session"),
            ("POST", "/session/active"),
            ("GET", "/session/posture"),
            ("POST", "/session/posture"),
            ("GET", "/resources"),
            ("POST", "/password"),
            ("GET", "/sessions"),
            ("DELETE", "/sessions/x"),
        ] {
            let (status, failure) = client.call(method, path, json!({"current": "a", "new": "b"})).await;
            assert_eq!(
                (status, &failure["code"]),
                (StatusCode::UNAUTHORIZED, &json!("not_signed_in")),
                "{path}"
            );
        }
    }
}

#[tokio::test]
async fn a25_the_resources_of_ones_groups_are_listed_by_group_and_name() {
    use praya_model::resource::{Endpoint, PortRange, Protocol, ResourceKind};
    use praya_model::{GroupName, Resource, ResourceId};

    let lab = Lab::new(|_| {});
    let (front, _) = lab.front();
    for name in ["Wiki", "Archive"] {
        let net = format!("{WEB}/32").parse().unwrap();
        let endpoints = vec![Endpoint { protocol: Protocol::Tcp, net, ports: PortRange::one(80) }];
        let resource = Resource {
            id: ResourceId::new(name.to_lowercase()),
            name: name.into(),
            description: String::new(),
            group: GroupName::new("staff"),
            kind: ResourceKind::Web,
            address: format!("http://{WEB}/"),
            endpoints,
        };
        lab.store.put_resource(&resource).unwrap();
    }
    let client = Client { cookie: Some(lab.sign_in(None).cookie), ..Client::new(&front) };
    let (_, list) = client.get("/resources").await;
    let names: Vec<_> = list["resources"].as_array().unwrap().iter().map(|r| r["name"].clone()).collect();
    assert_eq!(names, ["Archive", "Wiki"]);
}

#[tokio::test]
async fn a_person_sees_and_ends_own_sessions_only() {
    let lab = Lab::new(|_| {});
    let (front, _) = lab.front();
    let (mine, other) = (lab.sign_in(None), lab.sign_in(None));
    let client = Client { cookie: Some(mine.cookie), ..Client::new(&front) };
    let (_, list) = client.get("/sessions").await;
    let list = list["sessions"].as_array().unwrap();
    assert_eq!(list.len(), 2);
    assert_eq!(list.iter().filter(|session| session["current"] == true).count(), 1);
    let other = other.session.unwrap();
    let (status, _) = client.call("DELETE", &format!("/sessions/{other}"), Value::Null).await;
    assert_eq!((status, lab.sessions.count()), (StatusCode::NO_CONTENT, 1));
    let (status, _) = client.call("DELETE", &format!("/sessions/{other}"), Value::Null).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a28_the_persons_own_word_counts_as_their_traffic_and_a_look_does_not() {
    let lab = Lab::new(|_| {});
    let (front, _) = lab.front();
    let grant = lab.sign_in(None);
    let session = lab.sessions.get(&grant.session.unwrap()).unwrap();
    let client = Client { cookie: Some(grant.cookie), ..Client::new(&front) };
    let before = session.traffic.last_user();
    client.get("/session").await;
    client.get("/resources").await;
    assert_eq!(session.traffic.last_user(), before);
    let (status, _) = client.call("POST", "/session/active", Value::Null).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    assert!(session.traffic.last_user() > before, "{:?}", session.traffic.last_user());
}

#[tokio::test]
async fn a26_a_password_change_wants_the_current_one() {
    let lab = Lab::new(|_| {});
    let (front, initial) = lab.front();
    let client = Client { cookie: Some(lab.sign_in(None).cookie), ..Client::new(&front) };
    let (_, session) = client.get("/session").await;
    assert!(session["password_rules"]["min_length"].as_u64().is_some_and(|least| least >= 8), "{session}");
    let change = |current: &str, new: &str| json!({"current": current, "new": new});
    let (status, failure) = client.call("POST", "/password", change("wrong", "tide and harbour")).await;
    assert_eq!((status, &failure["code"]), (StatusCode::FORBIDDEN, &json!("wrong_current_password")));
    let (status, failure) = client.call("POST", "/password", change(&initial, "x")).await;
    assert_eq!((status, &failure["code"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("password_rules")));
    let (status, _) = client.call("POST", "/password", change(&initial, "tide and harbour")).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn a_bound_session_wants_a_fresh_proof_for_each_call() {
    use aws_lc_rs::digest::{SHA256, digest};
    use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
    use data_encoding::{BASE64, HEXLOWER};

    let lab = Lab::new(|_| {});
    let (front, _) = lab.front();
    let device = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
    let key = crate::store::DeviceKey(device.public_key().as_ref().try_into().unwrap());
    let cookie = lab.sign_in(Some(key)).cookie;
    let call = async |target: &str, signed: &str, counter: u64| {
        let hash = |bytes: &[u8]| HEXLOWER.encode(digest(&SHA256, bytes).as_ref());
        let message =
            format!("GET\n{signed}\n{counter}\n{}\n{}", hash(b""), hash(cookie.expose().as_bytes()));
        let proof = format!("{counter}.{}", BASE64.encode(device.sign(message.as_bytes()).as_ref()));
        let request = Request::get(target)
            .header("Authorization", format!("Bearer {}", cookie.expose()))
            .header("X-Praya-Proof", proof)
            .body(Body::empty())
            .unwrap();
        router(front.clone()).oneshot(request).await.unwrap().status()
    };
    let session = "/api/v1/session";
    assert_eq!(call(session, session, 10).await, StatusCode::OK);
    assert_eq!(call(session, session, 10).await, StatusCode::UNAUTHORIZED, "used");
    assert_eq!(call(session, "/api/v1/resources", 11).await, StatusCode::UNAUTHORIZED, "for another address");
    assert_eq!(
        call("/api/v1/session?x=1", "/api/v1/session?x=1", 12).await,
        StatusCode::OK,
        "the query counts"
    );
    let bare = Client { cookie: Some(cookie.clone()), ..Client::new(&front) };
    assert_eq!(bare.get("/session").await.0, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_session_is_asked_about_its_machine_and_answers_once() {
    use aws_lc_rs::digest::{SHA256, digest};
    use data_encoding::{BASE64, HEXLOWER};

    use crate::posture::test_machine::{Machine, POLICY, activate, facts};
    use crate::tunnel::lab::now;

    let lab = Lab::new(|_| {});
    let (front, _) = lab.front();
    let machine = Machine::new(7);
    let cookie = lab.sign_in(Some(machine.key())).cookie;
    activate(&lab.store, POLICY, now());
    let path = format!("{PREFIX}/session/posture");
    let call = async |method: &str, body: String, counter: u64| {
        let hash = |bytes: &[u8]| HEXLOWER.encode(digest(&SHA256, bytes).as_ref());
        let message = format!(
            "{method}\n{path}\n{counter}\n{}\n{}",
            hash(body.as_bytes()),
            hash(cookie.expose().as_bytes())
        );
        let request = Request::builder()
            .method(method)
            .uri(&path)
            .header("Authorization", format!("Bearer {}", cookie.expose()))
            .header(
                "X-Praya-Proof",
                format!("{counter}.{}", BASE64.encode(&machine.sign(message.as_bytes()))),
            )
            .header("Content-Type", "application/json")
            .body(Body::from(body))
            .unwrap();
        let response = router(front.clone()).oneshot(request).await.unwrap();
        let status = response.status();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice::<Value>(&body).unwrap())
    };
    let (status, question) = call("GET", String::new(), 1).await;
    assert_eq!((status, &question["checks"]), (StatusCode::OK, &json!(["firewall", "screen_lock"])));
    let sealed = machine.report(question["nonce"].as_str().unwrap(), &facts(false, true, now()));
    let report = json!({"report": sealed.report, "signature": sealed.signature}).to_string();
    let (status, reply) = call("POST", report.clone(), 2).await;
    assert_eq!((status, &reply["status"]), (StatusCode::OK, &json!("non_compliant")), "{reply}");
    assert_eq!(
        (&reply["findings"][0]["check"], &reply["ends_in_seconds"]),
        (&json!("firewall"), &json!(600))
    );
    let (_, question) = call("GET", String::new(), 3).await;
    assert_eq!(question["findings"], reply["findings"]);
    let (status, failure) = call("POST", report, 4).await;
    let refused = (StatusCode::UNPROCESSABLE_ENTITY, &json!("bad_posture_report"));
    assert_eq!((status, &failure["code"]), refused, "replayed");
}

#[tokio::test]
async fn bodies_that_are_none_are_told_so_without_being_quoted() {
    let lab = Lab::new(|_| {});
    let (front, _) = lab.front();
    for (kind, body, expected) in [
        ("application/json", "{\"account\": \"hunter2\"", StatusCode::BAD_REQUEST),
        ("application/json", "null", StatusCode::BAD_REQUEST),
        ("application/json", "", StatusCode::BAD_REQUEST),
        ("text/plain", "{}", StatusCode::UNSUPPORTED_MEDIA_TYPE),
    ] {
        let request =
            Request::post("/api/v1/sign-in").header("Content-Type", kind).body(Body::from(body)).unwrap();
        let response = router(front.clone()).oneshot(request).await.unwrap();
        assert_eq!(response.status(), expected, "{body}");
        let text = response.into_body().collect().await.unwrap().to_bytes();
        let failure: praya_model::Failure = serde_json::from_slice(&text).unwrap();
        assert!(!format!("{failure:?}").contains("hunter2"));
    }
}

#[tokio::test]
async fn wrong_addresses_and_methods_fail_in_json() {
    let lab = Lab::new(|_| {});
    let (front, _) = lab.front();
    let client = Client::new(&front);
    for (method, path, expected) in [
        ("GET", "/nothing", StatusCode::NOT_FOUND),
        ("POST", "/nothing/at/all", StatusCode::NOT_FOUND),
        ("DELETE", "/gateway", StatusCode::METHOD_NOT_ALLOWED),
    ] {
        let (status, failure) = client.call(method, path, Value::Null).await;
        assert_eq!((status, &failure["code"]), (expected, &json!("protocol")), "{path}");
    }
}

fn document() -> Value {
    serde_json::from_str(openapi::DOCUMENT).unwrap()
}

#[tokio::test]
async fn the_document_and_the_router_agree_on_every_path_and_method() {
    let lab = Lab::new(|_| {});
    let (front, _) = lab.front();
    let client = Client::new(&front);
    let document = document();
    assert_eq!(document["servers"][0]["url"], PREFIX);
    let paths = document["paths"].as_object().unwrap();
    let routed: BTreeSet<_> = operations().map(|(path, _)| path).collect();
    assert_eq!(paths.keys().map(String::as_str).collect::<BTreeSet<_>>(), routed);
    for (path, operations) in paths {
        for method in [Method::GET, Method::POST, Method::PUT, Method::DELETE, Method::PATCH] {
            let described = operations.get(method.as_str().to_lowercase()).is_some();
            let (status, _) = client.call(method.as_str(), &path.replace("{id}", "x"), Value::Null).await;
            assert_eq!(status != StatusCode::METHOD_NOT_ALLOWED, described, "{method} {path}");
        }
    }
}

#[test]
fn the_document_refers_to_nothing_that_is_not_there() {
    fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
        match value {
            Value::Object(map) => {
                found.extend(map.get("$ref").and_then(Value::as_str));
                map.values().for_each(|value| references(value, found));
            }
            Value::Array(list) => list.iter().for_each(|value| references(value, found)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    let document = document();
    let mut found = Vec::new();
    references(&document, &mut found);
    assert!(!found.is_empty());
    for reference in found {
        assert!(document.pointer(reference.trim_start_matches('#')).is_some(), "{reference}");
    }
}

#[test]
fn the_document_s_schemas_have_the_members_that_are_sent() {
    use praya_model::api::*;
    use praya_model::failure::LastSignIn;
    use praya_model::password::PasswordRules;
    use praya_model::{AccountName, Failure, GroupName, SessionId, SupportCode, TokenSerial};

    let (id, at) = (SessionId::new("s"), Timestamp::from_secs(1));
    let text = || "x".to_owned();
    let last = LastSignIn { at, source: text() };
    let own = OwnSession {
        session: id.clone(),
        host_name: text(),
        client: text(),
        source: text(),
        since: at,
        current: true,
    };
    let rules = PasswordRules {
        min_length: 1,
        max_length: 2,
        need_upper: false,
        need_lower: false,
        need_digit: false,
        only_letters_and_digits: false,
        not_the_account: false,
        not_common: false,
        not_the_old: false,
    };
    let session = SessionInfo {
        session: id.clone(),
        account: AccountName::new("a"),
        groups: vec![GroupName::new("g")],
        since: at,
        expires_in: 1,
        idle_timeout: 1,
        last_sign_in: Some(last.clone()),
        password_rules: Some(rules.clone()),
    };
    let gateway = GatewayInfo { product: text(), api: 1, name: text(), help_desk: Some(text()) };
    let begin = BeginSignIn {
        account: text(),
        device_key: Some(text()),
        host_name: text(),
        client: text(),
        platform: Some(text()),
    };
    let hint = TokenHint { serial: TokenSerial::new("t"), digits: 6, step_seconds: 30, seconds_left: 1 };
    let elsewhere = ElsewhereSession { session: id, host_name: text(), source: text(), since: at };
    let failure = Failure {
        code: FailureCode::NotSignedIn,
        support: Some(SupportCode::new("s")),
        help_desk: Some(text()),
        told_at: None,
    };
    let change = ChangePassword { current: Secret::new("a"), new: Secret::new("b") };
    let samples: HashMap<&str, Value> = [
        (
            "PostureQuestion",
            json!(PostureQuestion {
                checks: vec![],
                nonce: text(),
                recheck_seconds: 1,
                findings: vec![],
                limited: false,
                ends_in_seconds: None,
            }),
        ),
        ("PostureReport", json!(PostureReport { report: text(), signature: text() })),
        (
            "PostureReply",
            json!(PostureReply {
                findings: vec![],
                status: praya_model::posture::Status::Compliant,
                limited: false,
                recheck_seconds: 1,
                ends_in_seconds: None,
            }),
        ),
        ("GatewayInfo", json!(gateway)),
        ("BeginSignIn", json!(begin)),
        ("SessionInfo", json!(session)),
        ("OwnSession", json!(own.clone())),
        ("SessionList", json!(SessionList { sessions: vec![own] })),
        ("ResourceList", json!(ResourceList { resources: vec![] })),
        ("ChangePassword", json!(change)),
        ("TokenHint", json!(hint)),
        ("ElsewhereSession", json!(elsewhere)),
        ("LastSignIn", json!(last)),
        ("PasswordRules", json!(rules)),
        ("Failure", json!(failure)),
    ]
    .into();
    let document = document();
    for (name, sample) in samples {
        let schema = &document["components"]["schemas"][name];
        let described: BTreeSet<_> = schema["properties"].as_object().unwrap().keys().collect();
        let sent: BTreeSet<_> = sample.as_object().unwrap().keys().collect();
        assert_eq!(described, sent, "{name}");
    }
}
