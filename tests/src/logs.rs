//! The log lines of a test's own thread.
//!
//! There is one subscriber for the whole process, and each thread has its own lines: subscribers that come and go with
//! tests would decide for each other which events are of interest.

use std::cell::RefCell;
use std::io;
use std::sync::{Arc, Once};

use serde_json::Value;
use shared::model::clock::ManualClock;
use shared::runtime::embedded_metrics::{EmbeddedMetrics, MetricsNamespace};
use tracing::level_filters::LevelFilter;

use crate::world::BEGINNING;

thread_local! {
    static LINES: RefCell<Option<Vec<u8>>> = const { RefCell::new(None) };
}

/// The namespace of the metrics in the lines, which are all of [`BEGINNING`].
pub const NAMESPACE: &str = "authlink/authlink";

/// The lines of this thread, until it is dropped.
pub struct Logs(());

impl Logs {
    /// Starts keeping what this thread logs.
    pub fn keep() -> Self {
        static START: Once = Once::new();
        START.call_once(|| {
            let namespace = MetricsNamespace::parse(NAMESPACE).expect("a namespace");
            let metrics = EmbeddedMetrics::new(&namespace, Arc::new(ManualClock::at(BEGINNING)));
            shared::runtime::log_output::start(LevelFilter::DEBUG, || ThisThread, Some(metrics));
        });
        LINES.set(Some(Vec::new()));
        Self(())
    }

    /// Everything that was logged, a value for each line.
    pub fn lines(&self) -> Vec<Value> {
        self.text().lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect()
    }

    /// Everything that was logged.
    pub fn text(&self) -> String {
        LINES
            .with_borrow(|lines| String::from_utf8(lines.clone().unwrap_or_default()).expect("logs are text"))
    }
}

impl Drop for Logs {
    fn drop(&mut self) {
        LINES.set(None);
    }
}

struct ThisThread;

impl io::Write for ThisThread {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LINES.with_borrow_mut(|lines| {
            if let Some(lines) = lines {
                lines.extend_from_slice(bytes);
            }
        });
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
