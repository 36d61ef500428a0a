//! `praya status`, once or every second. Watching is looking: the session does not notice it come or go.

use std::io::IsTerminal;
use std::time::Duration;

use praya_ipc::Client;
use praya_model::Snapshot;

use crate::format::width;
use crate::login::{has_session, now};
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
                    let note =
                        if has_session(&snapshot) { text::say("cli-status-stopped") } else { String::new() };
                    out.text(&format!("\n{note}"))?;
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
            drawn_lines = rows(&picture, columns());
            out.text(&format!("{up}{picture}"))?;
        } else {
            show(&snapshot, out)?;
        }
    }
}

/// How wide the terminal is; 0 where it does not say.
fn columns() -> usize {
    rustix::termios::tcgetwinsize(std::io::stdout()).map_or(0, |size| size.ws_col.into())
}

/// How many rows `picture` takes on a terminal of that many columns, where long lines go on in the next row.
fn rows(picture: &str, columns: usize) -> usize {
    picture.lines().map(|line| if columns == 0 { 1 } else { width(line).div_ceil(columns).max(1) }).sum()
}

fn show(snapshot: &Snapshot, out: Out) -> std::io::Result<()> {
    if out.json { out.json(&Status::new(snapshot, now())) } else { out.text(&view(snapshot, now(), out)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_redrawn_over_as_many_rows_as_it_took() {
        assert_eq!(rows("one\ntwo", 80), 2);
        assert_eq!(rows("", 80), 0);
        assert_eq!(rows("a\n\nb", 80), 3);
        assert_eq!(rows("12345678901", 5), 3);
        assert_eq!(rows("\u{1b}[32m12345\u{1b}[0m", 5), 1);
        assert_eq!(rows("公司網路", 4), 2);
        assert_eq!(rows("any width\nat all", 0), 2);
    }
}
