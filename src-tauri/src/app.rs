//! Puts the app together and runs it: one instance, the engine, the window, the tray.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};
use praya_desktop::notify::Notification;
use praya_desktop::state::Notice;
use praya_desktop::{AppState, Engine, Parts, Paths, Screen, ServiceLink, TrayAction, link, shell};
use praya_model::{Timestamp, TunnelState};
use praya_texts::TimeZone;
use tauri::{AppHandle, Manager, RunEvent, WindowEvent};
use tokio::sync::{mpsc, watch};
use tokio::time::sleep;

use crate::arguments::Arguments;
use crate::desktop::Desktop;
use crate::platform::instance::{Instance, Wish};
use crate::platform::tray::{Item, Touch};
use crate::platform::{Folders, drawing, instance, language};
use crate::safe_mode::Mark;
use crate::{commands, window};

/// How long a tray may take to come at the desktop's start, before a window that was to stay away comes up after all.
const TRAY_COMES: Duration = Duration::from_secs(10);

/// Runs the app until it is told to go.
///
/// # Errors
/// There is no display, or no web view.
pub(crate) fn run(arguments: Arguments) -> Result<ExitCode> {
    let folders = Folders::of_person()?;
    let mark = Mark::in_folder(&folders.state);
    let safe = drawing::set_up(arguments.safe_mode || mark.is_there())?;

    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    tauri::async_runtime::set(runtime.handle().clone());
    let _inside = runtime.enter();
    let invitation = arguments.invitation_text();
    let wish = invitation.clone().map_or(Wish::Show, Wish::Invite);
    let Some(instance) = runtime.block_on(instance::claim(wish))? else { return Ok(ExitCode::SUCCESS) };
    if let Err(error) = mark.leave() {
        tracing::warn!(%error, "a start that fails will not be known at the next");
    }

    let desktop = Arc::new(Desktop::new(folders.clone(), instance.bus.clone(), safe));
    let engine = Engine::start(Parts {
        link: ServiceLink::start(link::by_socket(arguments.socket.clone())),
        shell: Arc::<Desktop>::clone(&desktop),
        paths: Paths {
            settings: folders.config.join(shell::SETTINGS_FILE),
            managed: arguments.managed.clone(),
            memory: folders.state.join(shell::MEMORY_FILE),
            reports: folders.downloads,
        },
        language: language(),
        zone: TimeZone::try_system().unwrap_or(TimeZone::UTC),
        clock: || Timestamp::from(SystemTime::now()),
        // Who asked for it needs no explanation.
        notices: if safe && !arguments.safe_mode { vec![Notice::SafeMode] } else { Vec::new() },
    });
    let invited = invitation.is_some();
    if let Some(text) = invitation {
        engine.invited(text);
    }
    let minimised = arguments.minimized || (arguments.at_login && engine.state().settings.start_minimised);
    let visible = invited || !minimised;

    let for_setup = (engine.clone(), Arc::clone(&desktop));
    let app = tauri::Builder::default()
        .manage(engine.clone())
        .manage(mark)
        .invoke_handler(commands::handler())
        .setup(move |app| {
            let (engine, desktop) = for_setup;
            desktop.is_up(app.handle().clone());
            window::make(app.handle(), visible)?;
            start_tasks(app.handle(), &engine, instance, visible);
            Ok(())
        })
        .build(tauri::generate_context!())
        .context("the window system")?;
    let said = AtomicBool::new(false);
    app.run(move |app, event| {
        if let RunEvent::WindowEvent { event: WindowEvent::CloseRequested { api, .. }, .. } = event {
            api.prevent_close();
            put_away(app, &engine, &desktop, &said);
        }
    });
    Ok(ExitCode::SUCCESS)
}

fn start_tasks(app: &AppHandle, engine: &Engine, instance: Instance, visible: bool) {
    let (touches, touched) = mpsc::channel(16);
    let shown = watch::Sender::new(false);
    tauri::async_runtime::spawn(window::keep_drawn(app.clone(), engine.clone()));
    tauri::async_runtime::spawn(watch_tray(app.clone(), engine.clone(), shown.subscribe(), visible));
    tauri::async_runtime::spawn(keep_tray_drawn(engine.clone(), touches, shown));
    tauri::async_runtime::spawn(obey(app.clone(), engine.clone(), touched, instance));
}

/// Puts the icon into the tray and draws every state there; a menu that does not change is left alone, because some
/// desktops close one that does.
async fn keep_tray_drawn(engine: Engine, touches: mpsc::Sender<Touch>, shown: watch::Sender<bool>) {
    let mut states = engine.watch();
    let first: Arc<AppState> = Arc::clone(&states.borrow_and_update());
    let mut drawn = engine.tray(&first);
    let item = match Item::new(drawn.clone(), touches, shown.clone()).await {
        Ok(item) => item,
        Err(error) => {
            tracing::warn!(%error, "no tray icon");
            shown.send_replace(false);
            return;
        }
    };
    while states.changed().await.is_ok() {
        let state = Arc::clone(&states.borrow_and_update());
        let tray = engine.tray(&state);
        if tray != drawn {
            item.draw(tray.clone()).await;
            drawn = tray;
        }
    }
}

/// Says whether there is a tray, and leaves no window hidden where there is none.
async fn watch_tray(app: AppHandle, engine: Engine, mut shown: watch::Receiver<bool>, visible: bool) {
    if !visible && tokio::time::timeout(TRAY_COMES, shown.wait_for(|shown| *shown)).await.is_err() {
        minimise(&app);
    }
    loop {
        let is_shown = *shown.borrow_and_update();
        engine.tray_is_shown(is_shown);
        if shown.changed().await.is_err() {
            return;
        }
        if !*shown.borrow() {
            // A panel that is restarted is back within a moment.
            sleep(Duration::from_secs(3)).await;
            let hidden = app
                .get_webview_window(window::LABEL)
                .is_some_and(|window| !window.is_visible().unwrap_or(true));
            if !*shown.borrow() && hidden {
                minimise(&app);
            }
        }
    }
}

/// Does what the person asks for in the tray and by starting the app again.
async fn obey(app: AppHandle, engine: Engine, mut touches: mpsc::Receiver<Touch>, mut instance: Instance) {
    loop {
        let touch = tokio::select! {
            Some(touch) = touches.recv() => touch,
            Some(wish) = instance.wishes.recv() => {
                if let Wish::Invite(text) = wish {
                    engine.invited(text);
                }
                Touch::Activate
            }
            else => return,
        };
        match touch {
            Touch::Activate | Touch::Choose(TrayAction::ShowResource | TrayAction::SignIn) => {
                window::show(&app)
            }
            Touch::Choose(TrayAction::Open(id)) => {
                let engine = engine.clone();
                tauri::async_runtime::spawn(async move {
                    if let Err(failure) = engine.open_resource(&id).await {
                        tracing::warn!(code = ?failure.code, "not opened");
                    }
                });
            }
            Touch::Choose(TrayAction::Connect) => said(engine.connect().await),
            Touch::Choose(TrayAction::Disconnect) => said(engine.disconnect().await),
            Touch::Choose(TrayAction::Exit) => said(engine.logout(true).await),
        }
    }
}

/// What the service refuses of the tray's wishes shows in the state.
fn said(result: Result<(), praya_model::Failure>) {
    if let Err(failure) = result {
        tracing::warn!(code = ?failure.code, "the service refused");
    }
}

/// Closing the window never ends the session: with a tray the window hides; without one it stays within reach,
/// and only where nothing is at stake the app goes.
fn put_away(app: &AppHandle, engine: &Engine, desktop: &Desktop, said: &AtomicBool) {
    let state = engine.state();
    if state.tray_available {
        if let Some(window) = app.get_webview_window(window::LABEL)
            && let Err(error) = window.hide()
        {
            tracing::warn!(%error, "the window does not hide");
        }
        if state.screen == Screen::Resources && !said.swap(true, Ordering::Relaxed) {
            let texts = engine.texts(state.locale);
            let (title, body) = (texts.say("notify-still-running"), texts.say("notify-still-running-text"));
            desktop.tell(Notification { title, body, urgent: false });
        }
        return;
    }
    match state.snapshot.state {
        TunnelState::NoSession | TunnelState::Ended => app.exit(0),
        TunnelState::Restoring
        | TunnelState::SigningIn
        | TunnelState::Connected
        | TunnelState::Reconnecting
        | TunnelState::IdleWarning => minimise(app),
    }
}

/// Leaves the window in the list of windows, out of the way.
fn minimise(app: &AppHandle) {
    let Some(window) = app.get_webview_window(window::LABEL) else { return };
    if let Err(error) = window.minimize().and_then(|()| window.show()) {
        tracing::warn!(%error, "the window cannot be minimised");
    }
}
