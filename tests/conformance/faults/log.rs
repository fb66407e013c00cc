//! What is logged meanwhile: nothing that nobody may be told.

use std::io;
use std::sync::{LazyLock, Mutex};

use tracing_subscriber::EnvFilter;

static LINES: Mutex<Vec<u8>> = Mutex::new(Vec::new());

/// The log of this process, begun once.
pub(super) static LOG: LazyLock<Log> = LazyLock::new(|| {
    // All that the operator says, and what the library says that sends the requests.
    let filter = EnvFilter::new("org_operator=trace,reqwest=debug,warn");
    tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false).with_writer(|| Log).init();
    Log
});

pub(super) struct Log;

impl io::Write for Log {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        LINES.lock().unwrap().extend_from_slice(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    /// All that was logged until now.
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&LINES.lock().unwrap()).into_owned()
    }
}
