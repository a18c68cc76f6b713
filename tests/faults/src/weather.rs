//! The faults of the host's process, one after another, as the plan has them.

use std::io;
use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;
use tokio::time::sleep;

use crate::clock::{Millis, StormClock};
use crate::host::{Host, Signal};
use crate::journal::{Journal, ProcessFault, Struck};
use crate::plan::{Blow, Plan};

/// Starts that fail one after another before the storm is given up.
const STARTS: usize = 5;
/// While it is calm it is stopped and started this often, because every start sweeps.
const SWEEP_EVERY: Millis = 20_000;

/// The host under the weather.
pub struct Weather {
    pub host: Host,
    pub clock: StormClock,
    pub struck: Journal<Struck>,
    /// Starts that ended by themselves.
    pub failed_starts: usize,
    /// Stops that had to be ended by a kill.
    pub stuck_stops: usize,
}

impl Weather {
    /// Strikes until it is calm.
    ///
    /// # Errors
    /// The host does not start any more.
    pub async fn storm(&mut self, plan: &Plan, database: &Path) -> io::Result<()> {
        for blow in &plan.blows {
            if self.clock.now() + blow.after >= plan.calm_from {
                break;
            }
            sleep(Duration::from_millis(blow.after)).await;
            self.strike(*blow, database).await?;
        }
        self.clock.reaches(plan.calm_from).await;
        Ok(())
    }

    /// Stops and starts the host from time to time, until `done`.
    ///
    /// # Errors
    /// The host does not start any more.
    pub async fn calm(&mut self, until: Millis, mut done: impl FnMut() -> bool) -> io::Result<()> {
        let mut sweep_at = self.clock.now();
        while self.clock.now() < until && !done() {
            if self.clock.now() >= sweep_at {
                self.strike(Blow { after: 0, fault: ProcessFault::Stop, lasts: 0 }, Path::new("")).await?;
                sweep_at = self.clock.now() + SWEEP_EVERY;
            }
            sleep(Duration::from_millis(500)).await;
        }
        Ok(())
    }

    async fn strike(&mut self, blow: Blow, database: &Path) -> io::Result<()> {
        let from = self.clock.now();
        let mut fault = blow.fault;
        match fault {
            ProcessFault::Kill => self.host.kill()?,
            ProcessFault::KillAtStart => {
                self.host.kill()?;
                self.host.spawn()?;
                sleep(Duration::from_millis(blow.lasts)).await;
                self.host.kill()?;
            }
            ProcessFault::Stop => {
                if !self.host.stop().await? {
                    self.stuck_stops += 1;
                    fault = ProcessFault::Kill;
                }
            }
            ProcessFault::Pause => {
                self.host.signal(Signal::Stop)?;
                sleep(Duration::from_millis(blow.lasts)).await;
                self.host.signal(Signal::Continue)?;
            }
            ProcessFault::Worker => {}
            ProcessFault::Lock => lock(database, Duration::from_millis(blow.lasts)).await,
        }
        if self.host.process.is_none() {
            self.start().await?;
        }
        self.struck.add(Struck { fault, journey: None, from, until: self.clock.now() });
        Ok(())
    }

    /// Starts the host.
    ///
    /// # Errors
    /// It did not start, several times.
    pub async fn start(&mut self) -> io::Result<()> {
        for _ in 0..STARTS {
            match self.host.start().await {
                Ok(()) => return Ok(()),
                Err(_) => self.failed_starts += 1,
            }
        }
        Err(io::Error::other("the host does not start any more"))
    }
}

/// Holds the database for as long as `lasts`. One that cannot be locked is not held.
async fn lock(database: &Path, lasts: Duration) {
    let Ok(connection) = Connection::open(database) else { return };
    if connection.busy_timeout(Duration::from_secs(2)).is_ok()
        && connection.execute_batch("BEGIN EXCLUSIVE").is_ok()
    {
        sleep(lasts).await;
        let _ = connection.execute_batch("ROLLBACK");
    }
}
