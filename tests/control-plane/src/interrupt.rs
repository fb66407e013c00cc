//! When to stop: a signal, or the end of standard input.
//!
//! Everything that takes long here (a build, a start, the supervisor's life) waits on an [`Interrupt`], so that it ends
//! within a moment of being asked to, whoever asks.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// A request to stop, and a bell that rings for it and for each child that ends.
#[derive(Debug)]
pub(crate) struct Interrupt {
    requested: Arc<AtomicBool>,
    ring: Sender<()>,
    bell: Receiver<()>,
}

impl Interrupt {
    /// Listens to `SIGINT`, `SIGTERM` and `SIGHUP` (stop), and `SIGCHLD` (only rings).
    pub(crate) fn on_signals() -> io::Result<Self> {
        let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP, SIGCHLD])?;
        let (ring, bell) = channel();
        let requested = Arc::new(AtomicBool::new(false));
        let interrupt = Self { requested: Arc::clone(&requested), ring: ring.clone(), bell };
        thread::Builder::new().name("signals".into()).spawn(move || {
            for signal in signals.forever() {
                if signal != SIGCHLD {
                    requested.store(true, Ordering::SeqCst);
                }
                if ring.send(()).is_err() {
                    return;
                }
            }
        })?;
        Ok(interrupt)
    }

    /// Stops at the end of standard input as well: the owner's death closes it, however the owner died.
    pub(crate) fn on_end_of_stdin(&self) -> io::Result<()> {
        let requested = Arc::clone(&self.requested);
        let ring = self.ring.clone();
        thread::Builder::new().name("stdin".into()).spawn(move || {
            let mut buffer = [0; 256];
            let mut stdin = io::stdin();
            loop {
                match stdin.read(&mut buffer) {
                    Ok(0) => break,
                    Err(error) if error.kind() != io::ErrorKind::Interrupted => break,
                    Ok(_) | Err(_) => {}
                }
            }
            requested.store(true, Ordering::SeqCst);
            // The receiver is gone only when the process is ending anyway.
            let _ = ring.send(());
        })?;
        Ok(())
    }

    /// Whether somebody asked to stop.
    pub(crate) fn requested(&self) -> bool {
        self.requested.load(Ordering::SeqCst)
    }

    /// Waits for the bell, at most for `limit`, and says whether somebody asked to stop.
    pub(crate) fn wait(&self, limit: Duration) -> bool {
        if !self.requested() && self.bell.recv_timeout(limit).is_ok() {
            // Several rings are one.
            while self.bell.try_recv().is_ok() {}
        }
        self.requested()
    }
}
