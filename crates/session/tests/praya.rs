//! Praya's JSON, as the gateway writes it on the wire: steps, notices, refusals, questions about the session.
#![allow(clippy::wildcard_enum_match_arm, reason = "a test expects one variant among many")]

use praya_model::api::GatewayInfo;
use praya_model::password::PasswordRule;
use praya_model::sign_in::ElsewhereChoice;
use praya_model::{EndReason, FailureCode, Profile, Secret, SignInAnswer, SignInStep};
use praya_session::connector::praya::{answered, ask, log_out, recognise};
use praya_session::connector::{Conversation, Introduction, Progress};
use praya_session::{Answer, Bearer, HttpReply, HttpRequest, Method, Protocol, Question};
use serde_json::{Value, json};

fn reply(status: u16, body: &Value) -> HttpReply {
    HttpReply { status, headers: Vec::new(), body: body.to_string().into_bytes() }
}

fn gateway() -> Value {
    json!({"product": "praya", "api": 1, "name": "Taipei", "help_desk": "ext. 100"})
}

fn begin(account: Option<&str>, device_key: Option<&str>) -> (Conversation, HttpRequest) {
    Conversation::begin(Introduction {
        profile: Profile {
            name: "TCC-VPN".parse().expect("a name"),
            gateway: "https://vpn.example.org".parse().expect("an address"),
            pin: None,
        },
        account: account.map(str::to_owned),
        device_key: device_key.map(str::to_owned),
        host_name: "desk-7".to_owned(),
        version: "0.1.0".to_owned(),
    })
}

/// A Praya gateway was found; `BeginSignIn` is on its way.
fn begun() -> Conversation {
    let (mut conversation, _) = begin(Some("wong"), Some("a2V5"));
    assert!(matches!(conversation.reply(&reply(200, &gateway())), Progress::Send(_)));
    conversation
}

fn asked(progress: Progress) -> (SignInStep, Option<FailureCode>, Option<u64>) {
    match progress {
        Progress::Ask { step, notice, expires_in } => {
            (step, notice.map(|notice| notice.code), expires_in.map(|wait| wait.as_secs()))
        }
        other => panic!("nothing is asked: {other:?}"),
    }
}

fn over(progress: Progress) -> FailureCode {
    match progress {
        Progress::Over(failure) => failure.code,
        other => panic!("it goes on: {other:?}"),
    }
}

fn sent(progress: &Progress) -> (&str, Value) {
    match progress {
        Progress::Send(request) => {
            let text = request.body.as_ref().expect("a body").text.expose();
            (request.path.as_str(), serde_json::from_str(text).expect("JSON"))
        }
        other => panic!("nothing is sent: {other:?}"),
    }
}

#[test]
fn a_gateway_is_recognised_by_its_own_words() {
    let (conversation, request) = begin(Some("wong"), None);
    assert_eq!((request.method, request.path.as_str()), (Method::Get, "/api/v1/gateway"));
    assert_eq!((conversation.protocol(), conversation.gateway()), (None, None));
    let info = GatewayInfo {
        product: "praya".to_owned(),
        api: 1,
        name: "Taipei".to_owned(),
        help_desk: Some("ext. 100".to_owned()),
    };
    assert_eq!(recognise(&reply(200, &gateway())), Some(info.clone()));

    let conversation = begun();
    assert_eq!((conversation.protocol(), conversation.gateway()), (Some(Protocol::Praya), Some(&info)));
}

#[test]
fn every_other_gateway_is_asked_for_forms() {
    let html = HttpReply { status: 200, headers: Vec::new(), body: b"<html>".to_vec() };
    for other in [
        html,
        reply(404, &json!({})),
        reply(401, &json!({})),
        reply(302, &json!({})),
        reply(200, &json!({"product": "other", "api": 1, "name": "x", "help_desk": null})),
        reply(404, &gateway()),
    ] {
        let (mut conversation, _) = begin(Some("wong"), None);
        let progress = conversation.reply(&other);
        assert_eq!(conversation.protocol(), Some(Protocol::AnyConnect));
        assert!(matches!(progress, Progress::Send(request) if request.path == "/"));
    }
}

#[test]
fn a_busy_gateway_is_not_taken_for_a_foreign_one() {
    for status in [429, 502, 503, 504] {
        let (mut conversation, _) = begin(Some("wong"), None);
        let mut busy = reply(status, &json!({}));
        busy.headers.push(("retry-after".to_owned(), "7".to_owned()));
        assert_eq!(over(conversation.reply(&busy)), FailureCode::Busy { retry_after_seconds: 7 });
    }
}

#[test]
fn another_version_of_the_api_is_said() {
    let (mut conversation, _) = begin(Some("wong"), None);
    let newer = json!({"product": "praya", "api": 2, "name": "Taipei", "help_desk": null});
    assert!(matches!(over(conversation.reply(&reply(200, &newer))), FailureCode::Protocol { .. }));
}

#[test]
fn a_sign_in_begins_with_account_device_key_host_and_platform() {
    let (mut conversation, _) = begin(Some("wong"), Some("a2V5"));
    let progress = conversation.reply(&reply(200, &gateway()));
    let (path, body) = sent(&progress);
    assert_eq!(path, "/api/v1/sign-in");
    let begin = json!({
        "account": "wong",
        "device_key": "a2V5",
        "host_name": "desk-7",
        "client": "praya/0.1.0",
        "platform": std::env::consts::OS,
    });
    assert_eq!(body, begin);
}

#[test]
fn a02_a18_a34_each_step_is_asked_and_answered_with_its_own_ticket() {
    let rules = json!({
        "min_length": 12, "max_length": 128, "need_upper": false, "need_lower": false, "need_digit": false,
        "only_letters_and_digits": false, "not_the_account": true, "not_common": true, "not_the_old": true
    });
    let elsewhere = json!([{"session": "s-0", "host_name": "laptop", "source": "198.51.100.7", "since": 1_799_999_000_000_i64}]);
    let token = json!({"serial": "AB123", "digits": 6, "step_seconds": 60, "seconds_left": 41});
    let mut conversation = begun();
    for (number, (step, answer, sent_answer)) in [
        (
            json!({"step": "password", "account": "wong"}),
            SignInAnswer::Password { account: None, password: Secret::new("pw") },
            json!({"answer": "password", "account": null, "password": "pw"}),
        ),
        (
            json!({"step": "otp", "prompt": "Code", "token": token}),
            SignInAnswer::Otp { code: Secret::new("123456") },
            json!({"answer": "otp", "code": "123456"}),
        ),
        (
            json!({"step": "new_password", "rules": rules}),
            SignInAnswer::NewPassword { password: Secret::new("n"), repeat: Secret::new("m") },
            json!({"answer": "new_password", "password": "n", "repeat": "m"}),
        ),
        (
            json!({"step": "elsewhere", "sessions": elsewhere, "choices": ["replace", "cancel"]}),
            SignInAnswer::Elsewhere { choice: ElsewhereChoice::Replace },
            json!({"answer": "elsewhere", "choice": "replace"}),
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let mut body = step.clone();
        body["ticket"] = json!(format!("t-{number}"));
        body["expires_in"] = json!(90);
        let (asked, notice, expires_in) = asked(conversation.reply(&reply(200, &body)));
        assert_eq!(serde_json::to_value(&asked).unwrap(), step);
        assert_eq!((notice, expires_in), (None, Some(90)));
        let progress = conversation.answer(answer).unwrap();
        let (path, body) = sent(&progress);
        let mut expected = sent_answer;
        expected["ticket"] = json!(format!("t-{number}"));
        assert_eq!((path, body), ("/api/v1/sign-in/answer", expected));
    }
    let done = json!({
        "ticket": null, "step": "done", "session": "s-1", "cookie": "the-cookie", "account": "wong", "expires_in": 0
    });
    let Progress::Granted(granted) = conversation.reply(&reply(200, &done)) else { panic!("not granted") };
    assert_eq!(granted.grant.cookie, Secret::new("the-cookie"));
    assert_eq!(granted.grant.account.as_str(), "wong");
    assert!(granted.bound);
}

#[test]
fn a_session_without_a_device_key_is_not_bound() {
    let (mut conversation, _) = begin(Some("wong"), None);
    conversation.reply(&reply(200, &gateway()));
    let done = json!({"ticket": null, "step": "done", "session": "s", "cookie": "c", "account": "wong", "expires_in": 0});
    assert!(matches!(conversation.reply(&reply(200, &done)), Progress::Granted(granted) if !granted.bound));
}

#[test]
fn notices_say_what_was_wrong_with_the_last_answer() {
    for (notice, code) in [
        (json!({"code": "wrong_credentials"}), FailureCode::WrongCredentials),
        (
            json!({"code": "replayed_otp", "next_in_seconds": 12, "support": "K7Q2"}),
            FailureCode::ReplayedOtp { next_in_seconds: 12 },
        ),
        (
            json!({"code": "password_rules", "broken": ["min_length", "matches"]}),
            FailureCode::PasswordRules { broken: vec![PasswordRule::MinLength, PasswordRule::Matches] },
        ),
    ] {
        let mut conversation = begun();
        let body = json!({
            "ticket": "t", "step": "password", "account": "wong", "notice": notice, "expires_in": 60
        });
        assert_eq!(asked(conversation.reply(&reply(200, &body))).1, Some(code));
    }
}

#[test]
fn refusals_end_the_conversation() {
    for (failure, code) in [
        (json!({"code": "locked", "seconds_left": 299}), FailureCode::Locked { seconds_left: 299 }),
        (json!({"code": "no_token"}), FailureCode::NoToken),
        (json!({"code": "account_disabled"}), FailureCode::AccountDisabled),
    ] {
        let mut step = failure.clone();
        step["step"] = json!("refused");
        step["ticket"] = Value::Null;
        step["expires_in"] = json!(0);
        assert_eq!(over(begun().reply(&reply(200, &step))), code);
        // The same as the body of an HTTP status.
        assert_eq!(over(begun().reply(&reply(403, &failure))), code);
    }
}

#[test]
fn a23_the_endpoint_check_is_for_a_device_that_can_sign_its_report() {
    let posture = json!({
        "ticket": "t-1", "step": "posture", "checks": ["firewall"], "nonce": "bm9uY2U", "expires_in": 60
    });
    let (mut unknown, _) = begin(Some("wong"), None);
    unknown.reply(&reply(200, &gateway()));
    assert_eq!(over(unknown.reply(&reply(200, &posture))), FailureCode::PostureUnsupported);

    let mut conversation = begun();
    let (step, notice, wait) = asked(conversation.reply(&reply(200, &posture)));
    let SignInStep::Posture { nonce, .. } = &step else { panic!("{step:?}") };
    assert_eq!((nonce.as_str(), notice, wait), ("bm9uY2U", None, Some(60)));
    assert_eq!(conversation.answer(SignInAnswer::CheckAgain), Err(FailureCode::UnexpectedAnswer));
    let report = SignInAnswer::Posture { report: "{}".to_owned(), signature: "c2ln".to_owned() };
    let progress = conversation.answer(report).unwrap();
    let body = json!({"ticket": "t-1", "answer": "posture", "report": "{}", "signature": "c2ln"});
    assert_eq!(sent(&progress), ("/api/v1/sign-in/answer", body));
}

#[test]
fn what_makes_no_sense_ends_the_conversation_without_quoting_it() {
    for (status, body) in [
        (200, json!({"ticket": "SECRET", "step": "telepathy", "expires_in": 60})),
        (200, json!({"ticket": "SECRET"})),
        (200, json!("SECRET")),
        (418, json!("SECRET")),
    ] {
        let code = over(begun().reply(&reply(status, &body)));
        assert!(matches!(code, FailureCode::Protocol { .. }));
        assert!(!format!("{code:?}").contains("SECRET"));
    }
}

#[test]
fn where_nothing_was_judged_the_question_stands() {
    let mut conversation = begun();
    let step = json!({"ticket": "t-1", "step": "password", "account": "wong", "expires_in": 60});
    conversation.reply(&reply(200, &step));
    let password = || SignInAnswer::Password { account: None, password: Secret::new("pw") };
    conversation.answer(password()).unwrap();
    let busy = json!({"code": "busy", "retry_after_seconds": 3});
    let unheard = Progress::Unheard(FailureCode::Busy { retry_after_seconds: 3 }.into());
    assert_eq!(conversation.reply(&reply(503, &busy)), unheard);
    assert!(matches!(conversation.unanswered(), Some(SignInStep::Password { .. })));
    let progress = conversation.answer(password()).unwrap();
    assert_eq!(sent(&progress).1["ticket"], "t-1");
}

#[test]
fn an_answer_of_another_kind_is_not_sent() {
    let mut conversation = begun();
    let step = json!({"ticket": "t-1", "step": "otp", "prompt": null, "token": null, "expires_in": 60});
    conversation.reply(&reply(200, &step));
    for answer in [
        SignInAnswer::Password { account: None, password: Secret::new("pw") },
        SignInAnswer::Form { values: Vec::new() },
        SignInAnswer::Elsewhere { choice: ElsewhereChoice::Replace },
        SignInAnswer::CheckAgain,
    ] {
        assert_eq!(conversation.answer(answer), Err(FailureCode::UnexpectedAnswer));
    }
}

#[test]
fn giving_up_is_told_once() {
    let mut conversation = begun();
    assert_eq!(conversation.cancel(), None, "there is no ticket yet");
    let step = json!({"ticket": "t-1", "step": "password", "account": "wong", "expires_in": 60});
    conversation.reply(&reply(200, &step));
    let request = conversation.cancel().expect("a request");
    let body: Value = serde_json::from_str(request.body.expect("a body").text.expose()).unwrap();
    assert_eq!(body, json!({"ticket": "t-1", "answer": "cancel"}));
    assert_eq!(conversation.cancel(), None);
}

#[test]
fn questions_carry_the_cookie_as_bearer_and_never_in_the_path() {
    let bearer = || Bearer { cookie: Secret::new("COOKIE"), proof: true };
    let change = Question::ChangePassword { current: Secret::new("OLD"), new: Secret::new("NEW") };
    for (request, method, path) in [
        (ask(&Question::Resources, bearer()).unwrap(), Method::Get, "/api/v1/resources"),
        (ask(&Question::Session, bearer()).unwrap(), Method::Get, "/api/v1/session"),
        (ask(&change, bearer()).unwrap(), Method::Post, "/api/v1/password"),
        (log_out(bearer()), Method::Delete, "/api/v1/session"),
    ] {
        assert_eq!((request.method, request.path.as_str()), (method, path));
        assert_eq!(request.bearer, Some(bearer()));
        let printed = format!("{request:?}");
        assert!(["COOKIE", "OLD", "NEW"].iter().all(|secret| !printed.contains(secret)), "{printed}");
    }
}

#[test]
fn a24_resources_are_read_in_the_gateways_order() {
    let list = json!({"resources": []});
    assert_eq!(answered(&Question::Resources, &reply(200, &list)), Ok(Answer::Resources(Vec::new())));
    let ended = json!({"code": "session_ended", "reason": "admin"});
    let failure = answered(&Question::Resources, &reply(401, &ended)).unwrap_err();
    assert_eq!(failure.code, FailureCode::SessionEnded { reason: EndReason::Admin });
    let failure = answered(&Question::Resources, &reply(401, &json!({}))).unwrap_err();
    assert_eq!(failure.code, FailureCode::NotSignedIn);
}

#[test]
fn a26_a_password_change_is_a_204_or_a_failure() {
    let change = Question::ChangePassword { current: Secret::new("OLD"), new: Secret::new("NEW") };
    let done = HttpReply { status: 204, headers: Vec::new(), body: Vec::new() };
    assert_eq!(answered(&change, &done), Ok(Answer::PasswordChanged));
    let wrong = json!({"code": "wrong_current_password"});
    let failure = answered(&change, &reply(422, &wrong)).unwrap_err();
    assert_eq!(failure.code, FailureCode::WrongCurrentPassword);
}

#[test]
fn nothing_typed_and_no_ticket_is_ever_printed() {
    let mut conversation = begun();
    let step = json!({"ticket": "SECRET-1", "step": "password", "account": "wong", "expires_in": 60});
    let read = reply(200, &step);
    let mut printed = format!("{read:?}{:?}{conversation:?}", conversation.reply(&read));
    let answer = SignInAnswer::Password { account: None, password: Secret::new("SECRET-2") };
    printed.push_str(&format!("{answer:?}"));
    let progress = conversation.answer(answer).unwrap();
    printed.push_str(&format!("{progress:?}{conversation:?}"));
    let done = json!({
        "ticket": null, "step": "done", "session": "s-1", "cookie": "SECRET-3", "account": "wong", "expires_in": 0
    });
    printed.push_str(&format!("{:?}{conversation:?}", conversation.reply(&reply(200, &done))));
    assert!(!printed.contains("SECRET"), "{printed}");
}
