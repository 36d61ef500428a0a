//! An early end in order, for a program that brings machines up: on Ctrl-C, SIGTERM, SIGHUP, or when whoever started it
//! is gone, everything that it started is killed and nothing more can be started. Each wait for such a program then
//! fails like any other, and on the way out the values that stand for machines and folders take them away.

use std::process::Child;
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process, set_parent_process_death_signal};
use tokio::signal::unix::{SignalKind, signal};

use crate::sweep;

/// The signal that asked for the end. Whoever starts a program holds this, so that none slips through.
static ASKED: RwLock<Option<Signal>> = RwLock::new(None);

/// From now on the signals end this process in order.
///
/// # Errors
/// When the system gives no thread or no signals.
pub fn on_signals() -> Result<()> {
    when_signalled(|signal| {
        *ASKED.write().unwrap_or_else(PoisonError::into_inner) = Some(signal);
        sweep::own_processes();
    })
}

/// From now on the signals go to this child, which ends in order; the caller goes on waiting for it.
///
/// # Errors
/// As [`on_signals`].
pub fn on_signals_of(child: &Child) -> Result<()> {
    let pid = Pid::from_raw(i32::try_from(child.id())?).context("a process id is not zero")?;
    when_signalled(move |signal| {
        // It may have ended meanwhile, which is as good.
        let _ = kill_process(pid, signal);
    })
}

/// The signal that asked for the end, if one did.
pub fn asked() -> Option<Signal> {
    *ASKED.read().unwrap_or_else(PoisonError::into_inner)
}

/// Leave to start a program, for as long as it is held.
///
/// # Errors
/// When the end was asked for.
pub(crate) fn leave_to_start() -> Result<RwLockReadGuard<'static, Option<Signal>>> {
    let asked = ASKED.read().unwrap_or_else(PoisonError::into_inner);
    if asked.is_some() {
        bail!("stopped");
    }
    Ok(asked)
}

/// Calls `act` at the first of the signals; those that follow are heard and change nothing.
fn when_signalled(act: impl FnOnce(Signal) + Send + 'static) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let listening = runtime.enter();
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    drop(listening);
    set_parent_process_death_signal(Some(Signal::TERM))?;
    std::thread::Builder::new().spawn(move || {
        act(runtime.block_on(async {
            tokio::select! {
                _ = interrupt.recv() => Signal::INT,
                _ = terminate.recv() => Signal::TERM,
                _ = hang_up.recv() => Signal::HUP,
            }
        }));
    })?;
    Ok(())
}
