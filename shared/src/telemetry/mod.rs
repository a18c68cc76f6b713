//! The words of the log lines that operators depend on: alarms, metrics, the line of each request, and the ids in
//! every line. The process's part, from events to JSON lines, is [`crate::runtime::log_output`].

mod alarm;
mod metric;
mod refusal_class;
pub mod request_ids;
mod request_log;

pub use self::alarm::{Alarm, Alarming};
pub use self::metric::Metric;
pub use self::refusal_class::RefusalClass;
pub use self::request_log::RequestLog;
