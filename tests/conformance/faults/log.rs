//! What is logged meanwhile: nothing that nobody may be told.

use std::io;
use std::sync::{Mutex, Once};

use tracing_subscriber::EnvFilter;

static LINES: Mutex<Vec<u8>> = Mutex::new(Vec::new());
static BEGIN: Once = Once::new();

struct Log;

impl io::Write for Log {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        LINES.lock().unwrap().extend_from_slice(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Keeps all that this process logs from here on.
pub(super) fn begin() {
    // All that the operator says, and what the library says that sends the requests.
    let filter = EnvFilter::new("org_operator=trace,reqwest=debug,warn");
    BEGIN.call_once(|| tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false).with_writer(|| Log).init());
}

/// All that was logged until now.
pub(super) fn text() -> String {
    String::from_utf8_lossy(&LINES.lock().unwrap()).into_owned()
}
