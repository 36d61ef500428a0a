//! The program against a service that says what the test wants: what a person reads and what the shell learns.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::os::unix::fs::PermissionsExt;
use std::process::{Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use praya_ipc::{Call, Handler, Limits, Request, Response, Rules, Server, View};
use praya_model::posture::{Check, Unavailable};
use praya_model::reported::{About, Reported, ReportedFact, ReportedItem, Value};
use praya_model::resource::ResourceKind;
use praya_model::snapshot::{Traffic, TunnelView, Warning};
use praya_model::{
    AccountName, EndReason, FailureCode, GroupName, Resource, ResourceId, Snapshot, Timestamp, TunnelState,
};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;
use tokio::sync::{Notify, watch};

type Answer = Box<dyn Fn(&Request) -> Response + Send + Sync>;

/// A service with one answer for everything, and one snapshot.
struct Fake {
    answer: Answer,
    views: watch::Sender<View>,
}

impl Handler for Fake {
    async fn handle(&self, call: Call) -> Response {
        // Who calls is the service's business; here the caller is always let in.
        let me = call.caller().uid().unwrap();
        let rules = Rules { people: me..=me };
        match call.authorised(Some(me), &rules) {
            Ok((_, request)) => (self.answer)(&request),
            Err(code) => code.into(),
        }
    }

    fn watch(&self) -> watch::Receiver<View> {
        self.views.subscribe()
    }

    fn rules(&self) -> Rules {
        Rules { people: me()..=me() }
    }

    fn version(&self) -> String {
        env!("CARGO_PKG_VERSION").to_owned()
    }
}

fn me() -> u32 {
    rustix::process::geteuid().as_raw()
}

struct Scene {
    folder: TempDir,
    fake: Arc<Fake>,
}

impl Scene {
    fn new(answer: impl Fn(&Request) -> Response + Send + Sync + 'static) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::bind(&folder.path().join("run/praya.sock"), Limits::default()).unwrap();
        let fake = Arc::new(Fake { answer: Box::new(answer), views: watch::Sender::default() });
        let served = Arc::clone(&fake);
        tokio::spawn(async move { server.serve(served, Notify::new().notified()).await });
        Self { folder, fake }
    }

    fn show(&self, snapshot: Snapshot) {
        let owner = Some(me());
        self.fake.views.send_replace(View { snapshot: Arc::new(snapshot), owner, last_owner: owner });
    }

    async fn run(&self, args: &[&str]) -> (i32, String) {
        self.run_in(args, &[("LC_ALL", "C")]).await
    }

    /// With these variables of the language, and no others.
    async fn run_in(&self, args: &[&str], language: &[(&str, &str)]) -> (i32, String) {
        let output = Command::new(env!("CARGO_BIN_EXE_praya"))
            .arg("--socket")
            .arg(self.folder.path().join("run/praya.sock"))
            .args(args)
            .env_clear()
            .env("PATH", self.folder.path())
            .envs(language.iter().copied())
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output();
        let output: Output = tokio::time::timeout(Duration::from_secs(30), output).await.unwrap().unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.code().unwrap(), String::from_utf8(text).unwrap())
    }

    /// What the person's desktop starts for an address.
    fn browser(&self, script: &str) {
        let path = self.folder.path().join("xdg-open");
        std::fs::write(&path, script).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
}

fn resource(name: &str, kind: ResourceKind, address: &str) -> Resource {
    Resource {
        id: ResourceId::new(name.to_lowercase()),
        name: name.to_owned(),
        description: String::new(),
        group: GroupName::new("staff"),
        kind,
        address: address.to_owned(),
        endpoints: vec![],
    }
}

fn published() -> Scene {
    Scene::new(|_| Response::Resources {
        resources: vec![
            resource("Wiki", ResourceKind::Web, "https://wiki.lab/a?b=$(c)&d=\"e\""),
            resource("Desk", ResourceKind::Rdp, "desk.lab"),
            resource("Trap", ResourceKind::Web, "file:///etc/passwd"),
        ],
    })
}

#[tokio::test]
async fn a25_a_web_resource_goes_to_the_browser_as_one_argument() {
    let scene = published();
    scene.browser("#!/bin/sh\n[ $# = 1 ] && printf '%s' \"$1\" > \"$0.got\"\n");
    let (code, text) = scene.run(&["open", "wiki"]).await;
    assert_eq!((code, text.as_str()), (0, "Opened Wiki.\n"));
    let got = std::fs::read_to_string(scene.folder.path().join("xdg-open.got")).unwrap();
    assert_eq!(got, "https://wiki.lab/a?b=$(c)&d=\"e\"");
}

#[tokio::test]
async fn a_browser_that_does_not_come_is_a_failure_and_the_address_is_shown() {
    let scene = published();
    let missing = scene.run(&["open", "Wiki"]).await;
    scene.browser("#!/bin/sh\nexit 4\n");
    for (code, text) in [missing, scene.run(&["open", "Wiki"]).await] {
        assert_eq!(code, 1, "{text}");
        assert!(text.contains("Open this address yourself: https://wiki.lab/"), "{text}");
    }
}

#[tokio::test]
async fn what_no_browser_opens_is_said_and_what_none_should_get_is_refused() {
    let scene = published();
    scene.browser("#!/bin/sh\necho started > \"$0.got\"\n");
    let (code, text) = scene.run(&["open", "Desk"]).await;
    assert_eq!((code, text.as_str()), (0, "Connect your remote desktop program to: desk.lab\n"));
    let (code, text) = scene.run(&["open", "Trap"]).await;
    assert_eq!(code, 1, "{text}");
    let (code, text) = scene.run(&["open", "Nothing"]).await;
    assert!(code == 1 && text.contains("praya resources"), "{text}");
    assert!(!scene.folder.path().join("xdg-open.got").exists(), "no browser was started");
}

#[tokio::test]
async fn a_reset_that_is_refused_says_what_to_do_and_not_to_look_for_a_doctor() {
    for (failure, says) in [
        (FailureCode::NotPermitted, "sudo praya reset-network"),
        (FailureCode::TunnelUp, "praya disconnect"),
        (FailureCode::NetworkSetup { detail: "no netlink".to_owned() }, "could not be put back: no netlink."),
    ] {
        let scene = Scene::new(move |_| failure.clone().into());
        let (code, text) = scene.run(&["reset-network"]).await;
        // Everybody but root is refused by the rule before it gets there.
        let says = if rustix::process::geteuid().is_root() { says } else { "sudo praya reset-network" };
        assert_eq!(code, 1, "{text}");
        assert!(text.contains(says) && !text.contains("doctor") && !text.contains("set up"), "{text}");
    }
}

#[tokio::test]
async fn a_reset_without_service_and_journal_finds_nothing_to_do() {
    let empty = tempfile::tempdir().unwrap();
    let (state, socket) = (empty.path().to_str().unwrap(), empty.path().join("none"));
    let output = Command::new(env!("CARGO_BIN_EXE_praya"))
        .args(["reset-network", "--state", state, "--socket"])
        .arg(socket)
        .env("LC_ALL", "C")
        .env_remove("PRAYA_LANG")
        .output()
        .await
        .unwrap();
    let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    let (code, says) = if rustix::process::geteuid().is_root() {
        (0, "Nothing of Praya's is left")
    } else {
        (1, "sudo praya reset-network")
    };
    assert_eq!(output.status.code(), Some(code), "{text}");
    assert!(text.contains(says), "{text}");
}

fn connected() -> Snapshot {
    Snapshot {
        state: TunnelState::Connected,
        profile: Some("TCC-VPN".parse().unwrap()),
        account: Some(AccountName::new("hark.chen")),
        tunnel: Some(TunnelView {
            addresses: vec!["192.168.131.2/24".parse().unwrap()],
            ..TunnelView::default()
        }),
        connected_since: Some(Timestamp::from(std::time::SystemTime::now())),
        traffic: Traffic { bytes_in: 24_115, bytes_out: 48_445, packets_in: 1, packets_out: 1 },
        warnings: vec![Warning::Dns { detail: "\u{1b}[2Jno".to_owned() }],
        ..Snapshot::default()
    }
}

#[tokio::test]
async fn b16_the_status_is_in_the_persons_language_with_the_sources_labels() {
    let scene = Scene::new(|_| Response::Done);
    scene.show(connected());
    let (code, text) = scene.run_in(&["status"], &[("LANG", "zh_MO.UTF-8")]).await;
    assert_eq!(code, 0, "{text}");
    for part in [
        "狀態        已連接\n",
        "VPN 名稱    TCC-VPN\n",
        "IP 地址     192.168.131.2\n",
        "用戶名      hark.chen\n",
        "連接時間    00:00:0",
        "接收字節數  23.55 KB\n",
        "發送字節數  47.31 KB\n",
        "警告        內部名稱可能無法解析： [2Jno。\n",
    ] {
        assert!(text.contains(part), "{part:?} in\n{text}");
    }
}

#[tokio::test]
async fn the_option_goes_before_the_variable_and_the_variable_before_the_system() {
    let scene = Scene::new(|_| Response::Done);
    scene.show(Snapshot::default());
    let all = [("PRAYA_LANG", "zh-Hant-MO"), ("LC_ALL", "pt_PT.UTF-8")];
    for (args, language, state) in [
        (&["status", "--lang", "zh-Hant-TW"][..], &all[..], "尚未登入"),
        (&["status"], &all, "狀態  尚未登入"),
        (&["status"], &all[1..], "Sem sessão iniciada"),
        (&["status", "--lang", "en"], &all, "Not signed in"),
        (&["status"], &[("LC_ALL", "C"), ("LANG", "zh_TW.UTF-8")], "Not signed in"),
        (&["status"], &[], "Not signed in"),
    ] {
        let (code, text) = scene.run_in(args, language).await;
        assert!(code == 0 && text.contains(state), "{args:?} {language:?}: {text}");
    }
    let (code, text) = scene.run(&["status", "--lang", "tlh"]).await;
    assert!(code == 2 && text.contains("zh-Hant-TW"), "{text}");
}

#[tokio::test]
async fn what_programs_read_is_the_same_in_every_language() {
    let scene = Scene::new(|_| FailureCode::Locked { seconds_left: 300 }.into());
    let (_, english) = scene.run(&["resources", "--json"]).await;
    for language in ["zh-Hant-TW", "zh-Hant-MO", "pt-MO"] {
        let (_, told) = scene.run_in(&["resources"], &[("PRAYA_LANG", language)]).await;
        assert!(!told.contains("locked") && told.contains('5'), "{told}");
        let json = scene.run_in(&["resources", "--json"], &[("PRAYA_LANG", language)]).await;
        assert_eq!(json.1, english);
    }
}

fn ended(gateway_told: Option<bool>) -> Snapshot {
    let in_half_an_hour = Timestamp::from(std::time::SystemTime::now()).after(Duration::from_secs(1800));
    Snapshot {
        state: TunnelState::Ended,
        ended: Some(EndReason::UserLogout),
        gateway_told,
        gateway_forgets_at: Some(in_half_an_hour),
        ..Snapshot::default()
    }
}

#[tokio::test]
async fn a29_a_logout_says_whether_the_gateway_knows_and_when_it_ends_the_session_if_not() {
    let scene = Scene::new(|_| Response::Done);
    scene.show(ended(Some(true)));
    assert_eq!(scene.run(&["logout"]).await, (0, "Logged out. The tunnel is down.\n".to_owned()));
    scene.show(ended(Some(false)));
    let (code, text) = scene.run(&["logout"]).await;
    assert!(code == 0 && text.contains("did not answer") && text.contains("in 30 minutes"), "{text}");
    let (_, json) = scene.run(&["logout", "--json"]).await;
    assert!(json.contains("\"gateway_told\":false,\"gateway_forgets_in_seconds\":1"), "{json}");
}

#[tokio::test]
async fn a_logout_that_waits_for_the_gateway_says_so() {
    let scene = Scene::new(|_| Response::Done);
    scene.show(ended(None));
    let mut logout = Command::new(env!("CARGO_BIN_EXE_praya"))
        .args(["logout", "--lang", "en", "--socket"])
        .arg(scene.folder.path().join("run/praya.sock"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut said = BufReader::new(logout.stderr.take().unwrap()).lines();
    let waits = tokio::time::timeout(Duration::from_secs(30), said.next_line()).await.unwrap().unwrap();
    assert_eq!(waits.as_deref(), Some("Logged out here. Telling the gateway ..."));
    scene.show(ended(Some(false)));
    let output = logout.wait_with_output().await.unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && text.contains("did not answer"), "{text}");
}

#[tokio::test]
async fn what_the_gateway_was_told_of_the_machine_can_be_looked_at() {
    let scene = Scene::new(|_| Response::Done);
    let (code, text) = scene.run(&["check", "--sent"]).await;
    assert_eq!((code, text.as_str()), (0, "Nothing was sent of this computer.\n"));
    let item =
        |about, value, source: Option<&str>| ReportedItem { about, value, source: source.map(str::to_owned) };
    let text = |text: &str| Value::Text { text: text.to_owned() };
    let system = vec![
        item(Some(About::Name), text("Debian\u{1b}[31m"), Some("/etc/os-release")),
        item(Some(About::SupportEnds), text("2028-08-09"), None),
    ];
    let lock = vec![item(None, Value::Unavailable { reason: Unavailable::PermissionDenied }, None)];
    let reported = Reported {
        at: Timestamp::from_secs(1_795_000_000),
        facts: vec![
            ReportedFact { check: Check::OperatingSystem, items: system },
            ReportedFact { check: Check::ScreenLock, items: lock },
        ],
    };
    scene.show(Snapshot { reported: Some(reported.clone()), ..Snapshot::default() });
    let (code, text) = scene.run(&["check", "--sent"]).await;
    assert_eq!(code, 0);
    assert!(text.contains("sent it to the gateway:\n\nOperating system  Debian [31m\n"), "{text}");
    assert!(text.contains("Maintained by its maker until: 2028-08-09\n"), "{text}");
    assert!(text.contains("read from /etc/os-release\n"), "{text}");
    assert!(text.contains("Screen lock       Could not be read"), "{text}");
    let (_, text) = scene.run(&["check", "--sent", "--json"]).await;
    assert_eq!(serde_json::from_str::<Reported>(&text).unwrap(), reported);
}
