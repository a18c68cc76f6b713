//! The browser's side: its address, its language, and the pages that it is shown.

pub mod caller_alone;
pub mod client_info;
pub mod language;
pub mod page;
