//! The browser's side: how a request arrived, and the pages that answer it.

pub mod client_info;
pub mod page;
