//! Echo requests, five a second, for as long as a test lasts: traffic that never ends by itself, and that shows within
//! moments whether packets come through.

use anyhow::Result;
use praya_testkit::{Namespace, Process};

/// What only an answer says.
const ANSWER: &str = " ttl=";

/// A `ping` that goes on.
pub struct Echoes(Process);

impl Echoes {
    /// Asks `host` from this machine, and waits for the first answers.
    ///
    /// # Errors
    /// When none come.
    pub fn of(machine: &Namespace, host: &str) -> Result<Self> {
        let echoes = Self(machine.program("ping").args(["-n", "-i", "0.2", host]).start()?);
        echoes.go_on()?;
        Ok(echoes)
    }

    /// Waits for answers to what was asked after this call.
    ///
    /// # Errors
    /// When none come.
    pub fn go_on(&self) -> Result<()> {
        let mut place = self.0.place();
        // The first one may have been on its way.
        for _ in 0..3 {
            place = self.0.wait_for_after(place, ANSWER)?;
        }
        Ok(())
    }
}
