//! What is printed.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, Once, PoisonError};

use tracing_subscriber::fmt::MakeWriter;

/// What a log is written on.
#[derive(Clone, Default)]
pub(crate) struct Page(Arc<Mutex<Vec<u8>>>);

impl Page {
    /// All that was written.
    pub(crate) fn text(&self) -> Vec<u8> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Write for Page {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Page {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

/// What panics on purpose begin with.
pub(crate) const ON_PURPOSE: &str = "on purpose: ";

static PANICS: Mutex<Vec<u8>> = Mutex::new(Vec::new());

/// What was said by panics since this was asked for the first time.
pub(crate) fn panics() -> Vec<u8> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            PANICS.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(format!("{panic}\n").as_bytes());
            // What panics so is caught, and nobody need hear of it.
            if !panic.payload_as_str().is_some_and(|said| said.starts_with(ON_PURPOSE)) {
                before(panic);
            }
        }));
    });
    PANICS.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// Those that were caused on purpose are over.
pub(crate) fn forget_panics() {
    PANICS.lock().unwrap_or_else(PoisonError::into_inner).clear();
}
