//! `praya status`, once or every second. Watching is looking: the session does not notice it come or go.

use std::io::IsTerminal;
use std::time::Duration;

use praya_ipc::Client;
use praya_model::Snapshot;

use crate::login::now;
use crate::out::Out;
use crate::status::{Status, view};
use crate::{Ended, text};

/// Shows the status once; that nobody is signed in is an answer and no failure.
pub(crate) async fn once(client: &Client, out: Out) -> Result<(), Ended> {
    let snapshot = client.snapshot().await?;
    show(&snapshot, out)?;
    Ok(())
}

/// Shows the status every second until Ctrl-C.
pub(crate) async fn watch(client: &Client, out: Out) -> Result<(), Ended> {
    let mut subscription = client.subscribe().await?;
    let mut snapshot = subscription.next().await?;
    let mut tick = tokio::time::interval(Duration::from_secs(1));
    let redraw = !out.json && std::io::stdout().is_terminal();
    let mut drawn_lines = 0;
    let stop = tokio::signal::ctrl_c();
    tokio::pin!(stop);
    loop {
        tokio::select! {
            _ = &mut stop => {
                if !out.json {
                    out.text(&format!("\n{}", text::STATUS_STOPPED))?;
                }
                return Ok(());
            }
            next = subscription.next() => {
                snapshot = next?;
                continue;
            }
            _ = tick.tick() => {}
        }
        if redraw {
            let picture = view(&snapshot, now(), out);
            // Up to the first line of the last picture, and clear from there to the end of the screen (ECMA-48).
            let up = if drawn_lines > 0 { format!("\u{1b}[{drawn_lines}A\r\u{1b}[J") } else { String::new() };
            drawn_lines = picture.lines().count();
            out.text(&format!("{up}{picture}"))?;
        } else {
            show(&snapshot, out)?;
        }
    }
}

fn show(snapshot: &Snapshot, out: Out) -> std::io::Result<()> {
    if out.json { out.json(&Status::new(snapshot, now())) } else { out.text(&view(snapshot, now(), out)) }
}
