//! The program `authlink`: hosts the functions on one machine, beside an emulator of Alipay and a demo merchant; and
//! the operator's commands and console, for that host and for a deployment on AWS.

pub mod addresses;
pub mod app;
mod bounded;
mod caller;
pub mod cli;
pub mod client;
pub mod console;
mod database;
pub mod deliveries;
mod doctor;
pub mod documents;
pub mod emulator;
mod explorer;
pub mod folder;
pub mod functions;
mod host;
pub mod journal;
mod keys;
mod manual;
pub mod merchant;
mod message;
mod open_breakers;
pub mod operate;
mod page;
mod printable;
mod private_file;
pub mod program;
mod redrive;
mod samples;
mod server;
mod signals;
pub mod status;
