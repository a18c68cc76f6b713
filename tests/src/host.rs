//! Options to start the whole local host in a test.

use std::path::Path;

use local::app::Options;

/// In `folder`, on ports that are free, without a log.
pub fn options(folder: &Path) -> Options {
    Options {
        folder: folder.to_owned(),
        port: 0,
        emulator_port: 0,
        merchant_port: 0,
        log: false,
        authlink_elsewhere: None,
        new_database: false,
        allow_callback: Vec::new(),
        settings: Vec::new(),
    }
}
