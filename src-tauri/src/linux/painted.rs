//! Whether the window shows anything, and how it comes to the front: what only GTK knows.

use std::time::Duration;

use gtk::prelude::*;
use tauri::{AppHandle, Manager as _, WebviewWindow};
use tokio::sync::oneshot;
use tokio::time::sleep;

use crate::safe_mode::{Start, is_picture};
use crate::window;

/// The pause between two looks at the window.
const PAUSE: Duration = Duration::from_millis(250);
/// How many looks there are; then the person's own use of the window is the only evidence that is left.
const LOOKS: usize = 240;

/// The window is being shown: looks at it until there is a picture in it.
pub(crate) fn watch(app: &AppHandle) {
    if !app.state::<Start>().is_shown() {
        return;
    }
    let app = app.clone();
    tauri::async_runtime::spawn(async move {
        let start = app.state::<Start>();
        for _ in 0..LOOKS {
            sleep(PAUSE).await;
            let (tell, told) = oneshot::channel();
            let here = app.clone();
            let asked = app.run_on_main_thread(move || tell.send(shows_a_picture(&here)).unwrap_or_default());
            if asked.is_err() || told.await.unwrap_or(false) || !start.is_waiting() {
                break;
            }
        }
        start.looked();
    });
}

/// Whether the screen has more of the window than an empty area. Only X lets a program read what stands on the screen;
/// elsewhere it must do that the page runs.
fn shows_a_picture(app: &AppHandle) -> bool {
    let start = app.state::<Start>();
    let painted = || {
        let area = app.get_webview_window(window::LABEL)?.default_vbox().ok()?;
        let surface = area.window().filter(|surface| surface.is_viewable())?;
        if surface.display().type_().name() != "GdkX11Display" {
            return Some(start.page_runs());
        }
        let place = area.allocation();
        let picture = surface.pixbuf(place.x(), place.y(), place.width(), place.height())?;
        let pixel = usize::try_from(picture.n_channels()).ok()?;
        let row = usize::try_from(picture.rowstride()).ok()?;
        let width = usize::try_from(picture.width()).ok()? * pixel;
        Some(is_picture(&picture.read_pixel_bytes(), pixel, row, width))
    };
    let painted = painted().unwrap_or(false);
    if painted {
        start.is_seen();
    }
    painted
}

/// Lets the window come to the front by a token of the desktop's, where it is shown next.
pub(crate) fn come_forward_by(window: &WebviewWindow, token: String) {
    let here = window.clone();
    let asked = window.run_on_main_thread(move || {
        if let Ok(window) = here.gtk_window() {
            window.set_startup_id(&token);
        }
    });
    if let Err(error) = asked {
        tracing::debug!(%error, "a token is not used");
    }
}
