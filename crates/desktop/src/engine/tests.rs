//! The engine against a service in memory and a desktop that only remembers.

mod gateways;
mod leave;
mod outside;

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

use praya_ipc::{KnownProfile, Target};
use praya_model::posture::{Check, Expected, Finding, Found, Link, Outcome};
use praya_model::snapshot::{PostureView, SignInProgress, Snapshot};
use praya_model::{
    AccountName, EndReason, Profile, ResourceId, Secret, SignInAnswer, SignInStep, TunnelState,
};
use tempfile::TempDir;

use super::*;
use crate::commands::{
    Answer, BeginSignIn, CopiedBecause, InvitationText, OneCheck, Opened, ProgramWords, SetFavourite,
};
use crate::diagnostics::Facts;
use crate::fake::FakeService;
use crate::notify::Notification;
use crate::open::{Machine, Os};
use crate::own_program::ProgramFault;
use crate::samples::resource;
use crate::settings::Setting;
use crate::state::{ResourceList, Screen};

#[derive(Default)]
struct Desktop {
    did: Mutex<Vec<String>>,
    has_browser: AtomicBool,
    has_gufw: AtomicBool,
}

impl Desktop {
    fn note(&self, what: String) {
        self.did.lock().unwrap().push(what);
    }
}

impl Shell for Desktop {
    fn open_url(&self, url: &str) -> io::Result<()> {
        if !self.has_browser.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::NotFound.into());
        }
        self.note(format!("browser {url}"));
        Ok(())
    }

    fn open_share(&self, share: &str) -> io::Result<()> {
        self.note(format!("share {share}"));
        Ok(())
    }

    fn open_settings(&self, address: &str) -> io::Result<()> {
        self.note(format!("settings {address}"));
        Ok(())
    }

    fn run(&self, program: &str, args: &[String]) -> io::Result<()> {
        self.note(format!("{program} {args:?}"));
        Ok(())
    }

    fn copy(&self, text: &str) -> io::Result<()> {
        self.note(format!("copy {text}"));
        Ok(())
    }

    fn machine(&self) -> Machine {
        Machine { os: Os::Linux, programs: Default::default() }
    }

    fn desktop(&self) -> String {
        "GNOME".into()
    }

    fn has_program(&self, program: &str) -> bool {
        program == "viewer" || program.ends_with("/gufw") && self.has_gufw.load(Ordering::Relaxed)
    }

    fn start_at_login(&self, on: bool) -> io::Result<()> {
        self.note(format!("start at login {on}"));
        Ok(())
    }

    fn notify(&self, notification: Notification) {
        let stay = notification.stay.map(|stay| format!(" [{stay}]")).unwrap_or_default();
        self.note(format!("notify {}{stay}", notification.title));
    }

    fn tell(&self, notification: Notification) {
        self.note(format!("tell {}: {}", notification.title, notification.body));
    }

    fn show(&self) {
        self.note("show".into());
    }

    fn draw_plainly(&self) -> io::Result<()> {
        self.note("draw plainly".into());
        Ok(())
    }

    fn facts(&self) -> Facts {
        Facts::default()
    }

    fn quit(&self) {
        self.note("quit".into());
    }
}

struct World {
    service: FakeService,
    desktop: Arc<Desktop>,
    engine: Engine,
    folder: TempDir,
}

impl World {
    fn new() -> Self {
        Self::with(FakeService::new(), tempfile::tempdir().unwrap())
    }

    fn with(service: FakeService, folder: TempDir) -> Self {
        let desktop = Arc::new(Desktop::default());
        let at = |name: &str| folder.path().join(name);
        let paths = Paths {
            settings: at("settings.toml"),
            managed: at("managed.toml"),
            memory: at("memory.json"),
            reports: folder.path().to_owned(),
        };
        let engine = Engine::start(Parts {
            link: ServiceLink::start(service.connect()),
            shell: Arc::<Desktop>::clone(&desktop),
            paths,
            language: Language::En,
            zone: TimeZone::UTC,
            clock: || Timestamp::from(std::time::SystemTime::now()),
            safe_mode: false,
            notices: vec![],
        });
        Self { service, desktop, engine, folder }
    }

    async fn until(&self, wanted: impl Fn(&AppState) -> bool) -> AppState {
        let mut states = self.engine.watch();
        let found = tokio::time::timeout(Duration::from_secs(20), states.wait_for(|state| wanted(state)));
        AppState::clone(&*found.await.expect("the state comes").unwrap())
    }

    /// Waits until the desktop did something, and takes the list of what it did so far.
    async fn done(&self, wanted: &str) -> Vec<String> {
        let is_done = || self.desktop.did.lock().unwrap().iter().any(|did| did.starts_with(wanted));
        tokio::time::timeout(Duration::from_secs(20), async {
            while !is_done() {
                tokio::task::yield_now().await;
            }
        })
        .await
        .unwrap_or_else(|_| panic!("{wanted} in {:?}", self.did()));
        self.did()
    }

    /// Waits until the memory's file is as `wanted`.
    async fn remembers(&self, wanted: impl Fn(&str) -> bool) {
        let memory = self.folder.path().join("memory.json");
        tokio::time::timeout(Duration::from_secs(10), async {
            while !std::fs::read_to_string(&memory).is_ok_and(|text| wanted(&text)) {
                tokio::task::yield_now().await;
            }
        })
        .await
        .expect("it is saved");
    }

    fn did(&self) -> Vec<String> {
        std::mem::take(&mut *self.desktop.did.lock().unwrap())
    }
}

fn office() -> KnownProfile {
    let profile =
        Profile { name: "Office".parse().unwrap(), gateway: "vpn.example".parse().unwrap(), pin: None };
    KnownProfile { profile, shared: true }
}

fn connected() -> Snapshot {
    Snapshot {
        state: TunnelState::Connected,
        profile: Some("Office".parse().unwrap()),
        gateway: Some("vpn.example".parse().unwrap()),
        account: Some(AccountName::new("wong")),
        session: Some(praya_model::SessionId::new("s-1")),
        resources_available: true,
        ..Snapshot::default()
    }
}

fn asked(round: u32, step: SignInStep, waiting: bool) -> Snapshot {
    let step = Some(step);
    let sign_in = Some(SignInProgress { round, step, asked_at: None, notice: None, deadline: None, waiting });
    Snapshot { state: TunnelState::SigningIn, sign_in, ..Snapshot::default() }
}

fn password_step() -> SignInStep {
    SignInStep::Password { account: Some(AccountName::new("wong")) }
}

fn begin(password: Option<&str>) -> BeginSignIn {
    let target = Target::Profile { name: "Office".parse().unwrap() };
    BeginSignIn { target, account: " ｗｏｎｇ ".into(), password: password.map(Secret::new) }
}

#[tokio::test]
async fn a30_a_session_that_lives_leads_to_the_resources_without_a_sign_in() {
    let service = FakeService::new();
    service.show(connected());
    service.resources(vec![resource("wiki")]);
    let world = World::with(service, tempfile::tempdir().unwrap());
    let state = world.until(|state| matches!(state.resources, ResourceList::Ready { .. })).await;
    assert_eq!(state.screen, Screen::Resources);
    assert_eq!(state.resources.find(&ResourceId::new("wiki")).unwrap().address, "https://wiki.lab/");
}

#[tokio::test]
async fn a15_account_and_password_of_one_screen_answer_the_first_question_and_the_screen_stays() {
    let world = World::new();
    world.service.profiles(vec![office()]);
    world.until(|state| matches!(state.service, ServiceState::Attached { .. })).await;
    world.engine.fetch_profiles().await.unwrap();
    world.engine.begin_sign_in(begin(Some("Pa55 word"))).await.unwrap();
    let requests = world.service.asked(|request| matches!(request, Request::BeginSignIn { .. })).await;
    assert!(
        requests.iter().any(|request| matches!(request, Request::BeginSignIn { account: Some(account), .. } if account == "wong")),
        "{requests:?}"
    );
    world.service.show(asked(1, password_step(), false));
    let requests = world.service.asked(|request| matches!(request, Request::Answer { .. })).await;
    let expected = SignInAnswer::Password { account: None, password: Secret::new("Pa55 word") };
    assert!(requests.contains(&Request::Answer { round: 1, answer: expected }));
    world.service.show(asked(1, password_step(), true));
    world.until(|state| state.snapshot.sign_in.as_ref().is_some_and(|progress| progress.waiting)).await;
    assert_eq!(world.engine.state().screen, Screen::SignIn, "while the gateway judges");
    world.service.show(asked(2, SignInStep::Otp { prompt: None, token: None }, false));
    world.until(|state| state.screen == Screen::Code).await;
    world.service.show(asked(3, password_step(), false));
    world.until(|state| state.screen == Screen::Password).await;
    let state = world.engine.state();
    assert_eq!(state.chosen.unwrap().as_str(), "Office");
}

#[tokio::test]
async fn a_typed_password_is_never_given_to_another_question() {
    let world = World::new();
    world.until(|state| state.screen == Screen::Gateway).await;
    world.engine.begin_sign_in(begin(Some("Pa55word"))).await.unwrap();
    world.service.asked(|request| matches!(request, Request::BeginSignIn { .. })).await;
    world.service.show(asked(1, SignInStep::Form { message: None, fields: vec![] }, false));
    world.until(|state| state.screen == Screen::Form).await;
    world.service.show(asked(2, password_step(), false));
    world.until(|state| state.screen == Screen::Password).await;
    world.engine.cancel_sign_in().await.unwrap();
    let requests = world.service.asked(|request| *request == Request::CancelSignIn).await;
    assert!(!requests.iter().any(|request| matches!(request, Request::Answer { .. })), "{requests:?}");
}

#[tokio::test]
async fn codes_are_folded_and_passwords_are_not() {
    let world = World::new();
    world.until(|state| state.screen == Screen::Gateway).await;
    for (round, typed, sent) in [
        (
            1,
            SignInAnswer::Otp { code: Secret::new("１２３ 456") },
            SignInAnswer::Otp { code: Secret::new("123456") },
        ),
        (
            2,
            SignInAnswer::Password { account: Some("ｗｏｎｇ".into()), password: Secret::new("ｐ １") },
            SignInAnswer::Password { account: Some("wong".into()), password: Secret::new("ｐ １") },
        ),
    ] {
        world.engine.answer(Answer { round, answer: typed }).await.unwrap();
        let requests = world.service.asked(|request| matches!(request, Request::Answer { .. })).await;
        assert!(requests.contains(&Request::Answer { round, answer: sent }), "{requests:?}");
    }
}

#[tokio::test]
async fn favourites_recents_and_the_account_come_back_at_the_next_start() {
    let service = FakeService::new();
    service.profiles(vec![office()]);
    service.resources(vec![resource("wiki"), resource("pay")]);
    let world = World::with(service.clone(), tempfile::tempdir().unwrap());
    world.until(|state| !state.profiles.is_empty()).await;
    world.engine.begin_sign_in(begin(None)).await.unwrap();
    service.show(connected());
    world.until(|state| matches!(state.resources, ResourceList::Ready { .. })).await;
    let pay = ResourceId::new("pay");
    world.desktop.has_browser.store(true, Ordering::Relaxed);
    assert_eq!(world.engine.open_resource(&pay).await, Ok(Opened::Browser));
    assert!(world.did().contains(&"browser https://pay.lab/".to_owned()));
    world.engine.set_favourite(&SetFavourite { id: pay.clone(), on: true }).unwrap();
    world.remembers(|memory| memory.matches("pay").count() == 2).await;
    let again = World::with(service, world.folder);
    let state = again.until(|state| matches!(state.resources, ResourceList::Ready { .. })).await;
    assert_eq!(state.resources.favourites().len(), 1);
    assert_eq!(state.resources.recent()[0].id, pay);
    assert_eq!(state.accounts[0].account, "wong");
    again.engine.set_setting(Setting::RememberAccount(false)).await.unwrap();
    assert!(again.engine.state().accounts.is_empty());
}

#[tokio::test]
async fn what_cannot_be_opened_is_copied_and_what_is_not_there_is_said() {
    let world = World::new();
    world.service.resources(vec![resource("wiki")]);
    world.service.show(connected());
    world.until(|state| matches!(state.resources, ResourceList::Ready { .. })).await;
    world.did();
    let opened = world.engine.open_resource(&ResourceId::new("wiki")).await;
    assert_eq!(opened, Ok(Opened::Copied { reason: CopiedBecause::NoProgram }));
    assert!(world.did().contains(&"copy https://wiki.lab/".to_owned()));
    let failure = world.engine.open_resource(&ResourceId::new("gone")).await.unwrap_err();
    assert_eq!(failure.code, FailureCode::NoSuchResource { name: "gone".into() });
}

#[tokio::test]
async fn another_session_gets_its_own_list_and_no_session_none() {
    let world = World::new();
    world.service.resources(vec![resource("wiki")]);
    world.service.show(connected());
    world.until(|state| matches!(state.resources, ResourceList::Ready { .. })).await;
    world.service.show(Snapshot {
        state: TunnelState::Ended,
        ended: Some(EndReason::Idle),
        ..Snapshot::default()
    });
    let ended = world.until(|state| state.snapshot.state == TunnelState::Ended).await;
    assert_eq!(ended.resources, ResourceList::None);
    assert!(world.did().contains(&"notify You are signed out".to_owned()));
    world.service.answer("resources", FailureCode::NotSignedIn.into());
    world.service.show(Snapshot { account: Some(AccountName::new("chen")), ..connected() });
    let failed = world.until(|state| matches!(state.resources, ResourceList::Failed { .. })).await;
    assert_eq!(failed.resources, ResourceList::Failed { failure: FailureCode::NotSignedIn.into() });
    assert_eq!(failed.resources.recent(), Vec::<&praya_model::Resource>::new());
}

#[tokio::test]
async fn a29_exit_logs_out_with_its_reason_and_then_goes() {
    let world = World::new();
    world.service.show(connected());
    world.until(|state| state.screen == Screen::Resources).await;
    world.engine.logout(true).await.unwrap();
    let requests = world.service.asked(|request| matches!(request, Request::Logout { .. })).await;
    assert!(requests.contains(&Request::Logout { reason: EndReason::TrayExit }));
    assert_eq!(world.did().last().map(String::as_str), Some("quit"));
    world.service.stop();
    world.until(|state| state.screen == Screen::ServiceGone).await;
    world.engine.logout(true).await.unwrap();
    assert_eq!(world.did().last().map(String::as_str), Some("show"), "the tunnel may still be up");
    assert_eq!(world.engine.state().exit_failed, Some(FailureCode::ServiceUnavailable.into()));
    world.engine.quit();
    assert_eq!(world.did().last().map(String::as_str), Some("quit"), "who wants to go may go");
}

#[tokio::test]
async fn a28_staying_asks_the_gateway_and_is_told_when_it_is_too_late() {
    let world = World::new();
    world.service.show(connected());
    world.until(|state| state.screen == Screen::Resources).await;
    world.engine.stay().await.unwrap();
    world.service.asked(|request| *request == Request::StayActive).await;
    world.service.answer("stay_active", FailureCode::SessionEnded { reason: EndReason::Idle }.into());
    let failure = world.engine.stay().await.unwrap_err();
    assert_eq!(failure.code, FailureCode::SessionEnded { reason: EndReason::Idle });
}

#[tokio::test]
async fn a22_a_person_in_session_can_have_the_machine_checked_at_once() {
    let world = World::new();
    world.service.show(connected());
    world.until(|state| state.screen == Screen::Resources).await;
    world.engine.check_again().await.unwrap();
    world.service.asked(|request| *request == Request::CheckAgain).await;
}

#[tokio::test]
async fn a22_what_is_to_be_put_right_is_opened_where_the_system_has_a_page_for_it() {
    let world = World::new();
    let of = |check| OneCheck { check };
    world.service.show(connected());
    let state = world.until(|state| state.screen == Screen::Resources).await;
    assert_eq!(state.system_pages, [], "nothing is to be put right");
    let finding = Finding {
        check: Check::Firewall,
        outcome: Outcome::Failed,
        expected: Expected::On,
        found: Found::Missing,
        link: None,
        more: None,
    };
    let posture = PostureView {
        checked_at: Timestamp::default(),
        findings: vec![finding],
        limited: false,
        ends_at: None,
    };
    world.service.show(Snapshot { posture: Some(posture.clone()), ..connected() });
    let state = world.until(|state| state.snapshot.posture.is_some()).await;
    assert_eq!(state.system_pages, [], "there is no program for it");
    let failure = world.engine.open_system_page(of(Check::Firewall)).unwrap_err();
    assert_eq!(failure.code, FailureCode::SettingsNotOpened);

    world.desktop.has_gufw.store(true, Ordering::Relaxed);
    world.service.show(Snapshot { posture: Some(PostureView { limited: true, ..posture }), ..connected() });
    world.until(|state| state.system_pages == [Check::Firewall]).await;
    world.engine.open_system_page(of(Check::Firewall)).unwrap();
    assert!(world.desktop.did.lock().unwrap().contains(&"/usr/bin/gufw []".to_owned()));
}

#[tokio::test]
async fn a22_the_page_that_explains_a_finding_is_opened_and_no_other() {
    let world = World::new();
    let link = |address: &str| Link::try_from(address.to_owned()).unwrap();
    let finding = Finding {
        check: Check::Firewall,
        outcome: Outcome::Failed,
        expected: Expected::On,
        found: Found::Missing,
        link: Some(link("https://help.example/firewall")),
        more: None,
    };
    let posture = PostureView {
        checked_at: Timestamp::default(),
        findings: vec![finding],
        limited: false,
        ends_at: None,
    };
    world.service.show(Snapshot { posture: Some(posture), ..connected() });
    world.until(|state| state.snapshot.posture.is_some()).await;
    let failure = world.engine.open_link(&link("https://elsewhere.example/")).unwrap_err();
    assert!(matches!(failure.code, FailureCode::BadResource { .. }), "{failure:?}");

    let copied = Opened::Copied { reason: CopiedBecause::NoProgram };
    assert_eq!(world.engine.open_link(&link("https://help.example/firewall")).unwrap(), copied);
    world.desktop.has_browser.store(true, Ordering::Relaxed);
    assert_eq!(world.engine.open_link(&link("https://help.example/firewall")).unwrap(), Opened::Browser);
    let did = world.desktop.did.lock().unwrap();
    assert!(did.ends_with(
        &["copy https://help.example/firewall", "browser https://help.example/firewall"].map(str::to_owned)
    ));
}

#[tokio::test]
async fn what_a_command_answers_can_be_shown() {
    let world = World::new();
    world.service.show(connected());
    world.until(|state| state.screen == Screen::Resources).await;
    let session = praya_model::api::OwnSession {
        session: praya_model::SessionId::new("s-2"),
        host_name: "lab\u{202e}\u{7}".into(),
        client: "praya".into(),
        source: "192.0.2.1".into(),
        since: Timestamp::default(),
        current: false,
    };
    world.service.answer("sessions", Response::Sessions { sessions: vec![session] });
    assert_eq!(world.engine.sessions().await.unwrap()[0].host_name, "lab");
    world.service.answer("sessions", FailureCode::GatewaySays { text: "no\u{202e}".into() }.into());
    let failure = world.engine.sessions().await.unwrap_err();
    assert_eq!(failure.code, FailureCode::GatewaySays { text: "no ".into() });
}

#[tokio::test]
async fn what_an_administrator_fixed_cannot_be_changed_and_the_rest_is_saved() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("managed.toml"), "start_at_login = true").unwrap();
    let world = World::with(FakeService::new(), folder);
    assert_eq!(world.did(), ["start at login true"]);
    let failure = world.engine.set_setting(Setting::StartAtLogin(false)).await.unwrap_err();
    assert_eq!(failure.code, FailureCode::NotPermitted);
    world.engine.set_setting(Setting::Language(Some(Language::PtMo))).await.unwrap();
    assert_eq!(world.engine.state().locale, Language::PtMo);
    let text = std::fs::read_to_string(world.folder.path().join("settings.toml")).unwrap();
    assert!(text.contains("language = \"pt-MO\""), "{text}");
}

#[tokio::test]
async fn a_program_of_the_persons_own_is_checked_kept_and_started() {
    let world = World::new();
    let check = |words: &[&str]| {
        let words = words.iter().map(|word| (*word).to_owned()).collect();
        world.engine.check_program(&ProgramWords { words }).fault
    };
    assert_eq!(check(&["viewer", "{url}"]), None);
    assert_eq!(check(&["viewer"]), Some(ProgramFault::NoAddress));
    assert_eq!(check(&["no-viewer", "{url}"]), Some(ProgramFault::NotThere));

    let setting = serde_json::json!({ "key": "open_web", "value": ["viewer", "--at", "{url}"] });
    world.engine.set_setting(serde_json::from_value(setting).unwrap()).await.unwrap();
    let text = std::fs::read_to_string(world.folder.path().join("settings.toml")).unwrap();
    assert!(text.contains("open_web = [\"viewer\", \"--at\", \"{url}\"]"), "{text}");
    world.service.resources(vec![resource("wiki")]);
    world.service.show(connected());
    world.until(|state| matches!(state.resources, ResourceList::Ready { .. })).await;
    let opened = world.engine.open_resource(&ResourceId::new("wiki")).await.unwrap();
    assert_eq!(opened, Opened::Program { program: "viewer".into() });
    assert!(world.did().iter().any(|did| did.starts_with("viewer [\"--at\", \"http")), "{:?}", world.did());
}

#[tokio::test]
async fn connect_at_start_begins_the_sign_in_of_the_last_account_once() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("settings.toml"), "connect_at_start = true").unwrap();
    let memory =
        r#"{"chosen": "Office", "accounts": [{"gateway": "https://vpn.example/", "account": "wong"}]}"#;
    std::fs::write(folder.path().join("memory.json"), memory).unwrap();
    let service = FakeService::new();
    service.profiles(vec![office()]);
    let world = World::with(service, folder);
    let begun = |request: &Request| matches!(request, Request::BeginSignIn { account: Some(account), .. } if account == "wong");
    world.service.asked(begun).await;
    world.service.stop();
    world.until(|state| state.screen == Screen::ServiceGone).await;
    world.service.start();
    world.until(|state| state.screen == Screen::SignIn).await;
    world.engine.disconnect().await.unwrap();
    let requests = world.service.asked(|request| *request == Request::Disconnect).await;
    assert!(!requests.iter().any(begun), "{requests:?}");
}

#[tokio::test]
async fn the_report_is_saved_for_the_person_alone_and_tells_no_names() {
    let world = World::new();
    world.service.show(connected());
    world.until(|state| state.screen == Screen::Resources).await;
    assert!(world.engine.save_diagnostics().await.is_err(), "what nobody has read is not saved");
    let read = world.engine.diagnostics().await;
    world.service.show(Snapshot { state: TunnelState::Reconnecting, ..connected() });
    world.until(|state| state.snapshot.state == TunnelState::Reconnecting).await;
    let path = world.engine.save_diagnostics().await.unwrap();
    let text = std::fs::read_to_string(path).unwrap();
    assert_eq!(text, read, "letter by letter what was read");
    assert!(text.contains("attached") && text.contains("\"connected\""), "{text}");
    assert!(!text.contains("wong") && !text.contains("vpn.example"), "{text}");
}
