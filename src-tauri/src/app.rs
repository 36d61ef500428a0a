//! Puts the app together and runs it: one instance, the engine, the window, the tray.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};
use praya_desktop::state::Notice;
use praya_desktop::{AppState, Closing, Engine, Parts, Paths, ServiceLink, link, shell};
use praya_model::Timestamp;
use praya_texts::TimeZone;
use tauri::{AppHandle, Manager, RunEvent, WindowEvent};
use tokio::sync::{mpsc, watch};
use tokio::time::sleep;

use crate::arguments::Arguments;
use crate::desktop::Desktop;
use crate::platform::instance::{Instance, Wish};
use crate::platform::notifications::{Answer, Notifications};
use crate::platform::tray::{Item, Touch};
use crate::platform::{Folders, acts, drawing, instance, language, painted};
use crate::safe_mode::{Drawing, Record, Start};
use crate::{commands, window};

/// How long a tray may take to come at the desktop's start, before a window that was to stay away comes up after all.
const TRAY_COMES: Duration = Duration::from_secs(10);

/// Runs the app until it is told to go.
///
/// # Errors
/// There is no display, or no web view.
pub(crate) fn run(arguments: Arguments) -> Result<ExitCode> {
    let folders = Folders::of_person()?;
    let record = Record::in_folder(&folders.state, drawing::versions());
    let drawing = record.drawing(arguments.drawing());
    drawing::set_up(drawing.is_safe())?;

    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    tauri::async_runtime::set(runtime.handle().clone());
    let _inside = runtime.enter();
    let invitation = arguments.invitation_text();
    let wish = Wish::of_this_start(invitation.clone(), arguments.safe_mode);
    let Some(instance) = runtime.block_on(instance::claim(wish))? else { return Ok(ExitCode::SUCCESS) };
    let start = Start::new(record.clone(), drawing);
    let (answer, answers) = mpsc::channel(16);
    let notifications = runtime.block_on(async {
        let made = Notifications::new(instance.bus.as_ref()?, answer).await;
        made.inspect_err(|error| tracing::warn!(%error, "no notifications")).ok()
    });
    let desktop = Desktop::new(folders.clone(), notifications, record, drawing.is_safe());
    let desktop = Arc::new(desktop);
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
        safe_mode: matches!(drawing, Drawing::SafeAfterFailure | Drawing::SafeRemembered),
        // Who asked for it needs no explanation, and who was told once has the settings.
        notices: if drawing == Drawing::SafeAfterFailure { vec![Notice::SafeMode] } else { Vec::new() },
    });
    let invited = invitation.is_some();
    if let Some(text) = invitation {
        engine.invited(text);
    }
    let minimised = arguments.minimized || (arguments.at_login && engine.state().settings.start_minimised);
    let visible = invited || !minimised;
    if visible {
        start.shows();
    }

    let for_setup = (engine.clone(), desktop);
    let app = tauri::Builder::default()
        .manage(engine.clone())
        .manage(start)
        .invoke_handler(commands::handler())
        .setup(move |app| {
            let (engine, desktop) = for_setup;
            desktop.is_up(app.handle().clone());
            window::make(app.handle(), visible)?;
            start_tasks(app.handle(), &engine, Hears { arguments, instance, answers }, visible);
            Ok(())
        })
        .build(tauri::generate_context!())
        .context("the window system")?;
    app.run(move |app, event| {
        if let RunEvent::WindowEvent { event: WindowEvent::CloseRequested { api, .. }, .. } = event {
            api.prevent_close();
            put_away(app, &engine);
        }
    });
    Ok(ExitCode::SUCCESS)
}

/// Where the person speaks to the app outside its window and its tray.
struct Hears {
    /// Of this start.
    arguments: Arguments,
    instance: Instance,
    answers: mpsc::Receiver<Answer>,
}

impl Hears {
    /// Starts the app that follows this one, drawn without the graphics card.
    async fn start_safely(&self, engine: &Engine, token: Option<String>) -> Result<()> {
        let invitation = engine.state().invitation.map(|shown| shown.to_link());
        self.instance.give_up().await?;
        let started = acts::start_anew(&self.arguments.in_safe_mode(invitation), token);
        if started.is_err() {
            self.instance.take_back().await?;
        }
        Ok(started?)
    }
}

fn start_tasks(app: &AppHandle, engine: &Engine, hears: Hears, visible: bool) {
    if visible {
        painted::watch(app);
    }
    let (touches, touched) = mpsc::channel(16);
    let shown = watch::Sender::new(false);
    tauri::async_runtime::spawn(window::keep_drawn(app.clone(), engine.clone()));
    tauri::async_runtime::spawn(watch_tray(app.clone(), engine.clone(), shown.subscribe(), visible));
    tauri::async_runtime::spawn(keep_tray_drawn(engine.clone(), touches, shown));
    tauri::async_runtime::spawn(obey(app.clone(), engine.clone(), touched, hears));
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

/// Does what the person asks for in the tray and by starting the app again. Nothing is waited for here: while the
/// service hangs, the window still comes up and *Exit* is still heard.
async fn obey(app: AppHandle, engine: Engine, mut touches: mpsc::Receiver<Touch>, mut hears: Hears) {
    loop {
        tokio::select! {
            Some(touch) = touches.recv() => match touch {
                Touch::Show(token) => window::show(&app, token),
                Touch::Choose(action) => engine.choose(action),
            },
            Some(wish) = hears.instance.wishes.recv() => {
                if let Some(text) = wish.invitation {
                    engine.invited(text);
                }
                if wish.safe_mode && !app.state::<Start>().draws_safely() {
                    match hears.start_safely(&engine, wish.token.clone()).await {
                        // The session is the service's, and stays.
                        Ok(()) => return app.exit(0),
                        Err(error) => tracing::warn!("no start in safe mode: {error:#}"),
                    }
                }
                window::show(&app, wish.token);
            }
            Some(answer) = hears.answers.recv() => match answer {
                Answer::Window(token) => window::show(&app, token),
                Answer::Stay => {
                    let engine = engine.clone();
                    tauri::async_runtime::spawn(async move { engine.stay_from_outside().await });
                }
            },
            else => return,
        }
    }
}

/// The window closes: what becomes of it is the engine's to say.
fn put_away(app: &AppHandle, engine: &Engine) {
    match engine.close() {
        Closing::Go => app.exit(0),
        Closing::Minimise => minimise(app),
        Closing::Hide => {
            if let Some(window) = app.get_webview_window(window::LABEL)
                && let Err(error) = window.hide()
            {
                tracing::warn!(%error, "the window does not hide");
            }
        }
    }
}

/// Leaves the window in the list of windows, out of the way.
fn minimise(app: &AppHandle) {
    let Some(window) = app.get_webview_window(window::LABEL) else { return };
    if let Err(error) = window.minimize().and_then(|()| window.show()) {
        tracing::warn!(%error, "the window cannot be minimised");
    }
}
