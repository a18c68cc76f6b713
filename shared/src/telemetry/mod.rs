//! The words of the log lines that operators depend on: alarms and the line of each request. The process's part, from
//! events to JSON lines, is [`crate::runtime::telemetry`].

mod alarm;
mod request_log;

pub use self::alarm::{Alarm, Alarming};
pub use self::request_log::RequestLog;
