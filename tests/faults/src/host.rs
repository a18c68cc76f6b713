//! The program `authlink`: started, killed, stopped, paused.

use std::fs::OpenOptions;
use std::io::{self, BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};

const READY: &str = "authlink is ready";
const STARTS_WITHIN: Duration = Duration::from_secs(20);
/// Longer than a stop may take by itself.
const STOPS_WITHIN: Duration = Duration::from_secs(45);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A signal, as the command `kill` has it.
#[derive(Clone, Copy, Debug)]
pub enum Signal {
    Terminate,
    Stop,
    Continue,
}

impl Signal {
    const fn option(self) -> &'static str {
        match self {
            Self::Terminate => "-TERM",
            Self::Stop => "-STOP",
            Self::Continue => "-CONT",
        }
    }
}

/// The program, and its process. The process is killed when this is dropped.
pub struct Host {
    pub program: PathBuf,
    pub folder: PathBuf,
    pub port: u16,
    pub settings: Vec<(&'static str, String)>,
    /// The process's log.
    pub log: PathBuf,
    pub process: Option<Child>,
}

impl Drop for Host {
    fn drop(&mut self) {
        if let Err(error) = self.kill() {
            eprintln!("the host could not be killed: {error}");
        }
    }
}

impl Host {
    /// Starts the process, without waiting for it.
    ///
    /// # Errors
    /// It does not start.
    pub fn spawn(&mut self) -> io::Result<()> {
        let log = OpenOptions::new().create(true).append(true).open(&self.log)?;
        let process = Command::new(&self.program)
            .arg("--folder")
            .arg(&self.folder)
            .args(["--emulator-port", "0", "--merchant-port", "0", "--port"])
            .arg(self.port.to_string())
            .envs(self.settings.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()?;
        self.process = Some(process);
        Ok(())
    }

    /// Starts the process, and waits until it serves.
    ///
    /// # Errors
    /// It ended, or did not serve in time.
    pub async fn start(&mut self) -> io::Result<()> {
        self.spawn()?;
        let output = self.process.as_mut().and_then(|process| process.stdout.take());
        let ready = is_ready(output.ok_or(io::ErrorKind::BrokenPipe)?);
        match timeout(STARTS_WITHIN, ready).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => {
                self.kill()?;
                Err(io::Error::other("it did not start"))
            }
        }
    }

    /// Kills it.
    ///
    /// # Errors
    /// It cannot be.
    pub fn kill(&mut self) -> io::Result<()> {
        let Some(mut process) = self.process.take() else { return Ok(()) };
        process.kill()?;
        process.wait().map(drop)
    }

    /// Asks it to stop, and waits until it has; one that does not is killed, which is false.
    ///
    /// # Errors
    /// It cannot be.
    pub async fn stop(&mut self) -> io::Result<bool> {
        self.signal(Signal::Terminate)?;
        let Some(process) = &mut self.process else { return Ok(true) };
        let stopped = async {
            while matches!(process.try_wait(), Ok(None)) {
                sleep(LOOK_EVERY).await;
            }
        };
        let stopped = timeout(STOPS_WITHIN, stopped).await.is_ok();
        self.kill()?;
        Ok(stopped)
    }

    /// Sends it a signal.
    ///
    /// # Errors
    /// There is no `kill`.
    pub fn signal(&self, signal: Signal) -> io::Result<()> {
        let Some(process) = &self.process else { return Ok(()) };
        Command::new("kill").arg(signal.option()).arg(process.id().to_string()).status().map(drop)
    }
}

/// Resolves once the process says that it serves, and fails when it ends before. What it says afterwards is read all
/// the same: a process that nobody listens to would end of it.
fn is_ready(output: ChildStdout) -> oneshot::Receiver<()> {
    let (tell, ready) = oneshot::channel();
    std::thread::spawn(move || {
        let mut tell = Some(tell);
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if line.contains(READY)
                && let Some(tell) = tell.take()
            {
                // Nobody waits any more.
                let _ = tell.send(());
            }
        }
    });
    ready
}
