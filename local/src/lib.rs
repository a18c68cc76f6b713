//! Everything without AWS or Alipay: hosts the functions on one port with the embedded store, beside an emulator of
//! Alipay and a demo merchant that sign and verify with code of their own.

pub mod app;
pub mod cli;
mod database;
pub mod deliveries;
pub mod emulator;
pub mod folder;
pub mod functions;
mod host;
pub mod journal;
pub mod merchant;
mod message;
pub mod operate;
mod page;
pub mod request;
mod server;
mod signals;
