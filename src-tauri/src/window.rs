//! The one window: made, shown, put away, and told what to draw.

use std::sync::Arc;
use std::time::Duration;

use praya_desktop::{AppState, Engine};
use praya_model::Timestamp;
use tauri::webview::NewWindowResponse;
use tauri::{AppHandle, Emitter, Manager, Url, WebviewUrl, WebviewWindow, WebviewWindowBuilder};

use crate::platform;

/// The window's label.
pub(crate) const LABEL: &str = "main";
/// The event that brings an [`AppState`].
const STATE: &str = "state";
/// The event that says that the person asked for the window: it goes to the resources.
const SHOWN: &str = "shown";
/// The shortest time between two states.
const PACE: Duration = Duration::from_millis(250);

/// Makes the window. It stays for as long as the app runs; closing it only hides it.
///
/// # Errors
/// The web view cannot be made.
pub(crate) fn make(app: &AppHandle, visible: bool) -> tauri::Result<WebviewWindow> {
    let mut builder = WebviewWindowBuilder::new(app, LABEL, WebviewUrl::App("index.html".into()));
    if let Some(folder) = platform::folder_in_memory() {
        builder = builder.data_directory(folder);
    }
    builder
        .title("Praya")
        .inner_size(960.0, 680.0)
        .min_inner_size(320.0, 400.0)
        .visible(visible)
        .focused(visible)
        // No cache, no history, no storage. A view without them cannot be driven.
        .incognito(!platform::drawing::is_driven())
        .devtools(cfg!(debug_assertions))
        // Dropped profile files are for the window's own code.
        .disable_drag_drop_handler()
        .on_navigation(is_own)
        .on_new_window(|_, _| NewWindowResponse::Deny)
        .on_download(|_, _| false)
        .build()
}

/// Whether the window may go there: to its own files, and nowhere else.
fn is_own(url: &Url) -> bool {
    match (url.scheme(), url.host_str()) {
        ("tauri", Some("localhost")) => true,
        ("http" | "https", Some("tauri.localhost")) => url.port().is_none(),
        _ => false,
    }
}

/// Brings the window before the person's eyes, wherever it was; doing so twice is doing so once. Where the
/// desktop gave a token for it, the window comes to the front by that.
pub(crate) fn show(app: &AppHandle, token: Option<String>) {
    let Some(window) = app.get_webview_window(LABEL) else { return };
    if let Some(token) = token {
        platform::painted::come_forward_by(&window, token);
    }
    platform::painted::watch(app);
    let shown = window.show().and_then(|()| window.unminimize()).and_then(|()| window.set_focus());
    let told = shown.and_then(|()| {
        let engine: tauri::State<'_, Engine> = app.state();
        engine.looked_at();
        window.emit(STATE, engine.state()).and_then(|()| window.emit(SHOWN, ()))
    });
    if let Err(error) = told {
        tracing::warn!(%error, "the window does not come up");
    }
}

/// Whether the person can see the window.
pub(crate) fn is_seen(app: &AppHandle) -> bool {
    let Some(window) = app.get_webview_window(LABEL) else { return false };
    let seen = window.is_visible().unwrap_or(false) && !window.is_minimized().unwrap_or(false);
    seen && window.is_focused().unwrap_or(false)
}

/// Brings every state to the window, at most four a second. While nobody sees it, counters are no news.
pub(crate) async fn keep_drawn(app: AppHandle, engine: Engine) {
    let mut states = engine.watch();
    let mut drawn: Option<AppState> = None;
    while states.changed().await.is_ok() {
        let state = Arc::clone(&states.borrow_and_update());
        let hidden = app.get_webview_window(LABEL).is_some_and(|window| !window.is_visible().unwrap_or(true));
        if hidden && drawn.as_ref().is_some_and(|drawn| but_for_counters(drawn) == but_for_counters(&state)) {
            continue;
        }
        if let Err(error) = app.emit_to(LABEL, STATE, &*state) {
            tracing::warn!(%error, "the window cannot be told");
        }
        drawn = Some(AppState::clone(&state));
        tokio::time::sleep(PACE).await;
    }
}

fn but_for_counters(state: &AppState) -> AppState {
    let mut state = state.clone();
    state.now = Timestamp::default();
    state.rates.clear();
    state.snapshot.traffic = Default::default();
    state.snapshot.idle_at = None;
    state
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_goes_nowhere_but_to_its_own_files() {
        for own in ["tauri://localhost/", "tauri://localhost/index.html#x", "http://tauri.localhost/"] {
            assert!(is_own(&own.parse().unwrap()), "{own}");
        }
        for foreign in [
            "https://example.org/",
            "file:///etc/passwd",
            "tauri://evil/",
            "http://tauri.localhost:8080/",
            "http://localhost/",
            "data:text/html,x",
            "javascript:alert(1)",
            "about:blank",
        ] {
            assert!(!is_own(&foreign.parse().unwrap()), "{foreign}");
        }
    }
}
