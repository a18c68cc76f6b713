//! The browser's side: its address, what stands in front of us, its language, and the pages that it is shown.

pub mod client_info;
pub mod edge;
pub mod language;
pub mod page;
pub mod private_answer;
pub mod texts;

/// The path of the page about a code, below the public address; the code is its parameter `code`.
pub const ERRORS_PATH: &str = "/v1/openapi/errors";
