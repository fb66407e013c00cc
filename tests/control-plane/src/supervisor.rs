//! The process that a plane lives under.
//!
//! It prints one line of JSON when the plane is ready and stays until its standard input ends or a signal asks it to
//! go; then it stops the programs and removes the plane's directory. Its owner holds the other end of standard input,
//! so the owner's death, by whatever signal, ends the plane too.

use std::fs::{self, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use crate::interrupt::Interrupt;
use crate::plane::{Plane, StartError};
use crate::programs::{self, ASSETS, ObtainError, Programs};

/// How the directories of planes begin.
const PREFIX: &str = "control-plane-";
/// The file that a living supervisor holds the lock of.
const LOCK: &str = "supervisor.lock";
/// The programs ring when they end, so this is only how long a lost ring would go unnoticed.
const LOOK: Duration = Duration::from_secs(30);

/// How often, and with what pause, a directory in use is tried to be removed.
const REMOVALS: usize = 50;
const PAUSE: Duration = Duration::from_millis(20);

/// Why a supervisor failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SupervisorError {
    /// The system refused something that a process needs.
    #[error("signals or standard input cannot be listened to")]
    Listen(#[source] io::Error),
    /// There are no programs.
    #[error(transparent)]
    Obtain(#[from] ObtainError),
    /// The plane did not come up, or did not stay.
    #[error(transparent)]
    Plane(#[from] StartError),
    /// The plane's directory cannot be made.
    #[error("no directory for the plane can be made in {}", parent.display())]
    Directory {
        /// Where it was to be.
        parent: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Standard output is closed.
    #[error("nobody reads standard output")]
    Output(#[source] io::Error),
}

/// Finds or builds the programs as the environment says.
pub(crate) fn obtain(interrupt: &Interrupt) -> Result<Programs, ObtainError> {
    let variable = |name| std::env::var_os(name);
    let (assets, cache, home) = (variable(ASSETS), variable("XDG_CACHE_HOME"), variable("HOME"));
    programs::obtain(assets.as_deref(), cache.as_deref(), home.as_deref(), interrupt)
}

/// Runs a plane until its owner goes or a signal asks to stop.
pub(crate) fn up() -> Result<(), SupervisorError> {
    let interrupt = Interrupt::on_signals().map_err(SupervisorError::Listen)?;
    interrupt.on_end_of_stdin().map_err(SupervisorError::Listen)?;
    let programs = obtain(&interrupt)?;
    let parent = std::env::temp_dir();
    sweep(&parent);
    let directory = Directory::create(&parent).map_err(|source| SupervisorError::Directory { parent, source })?;
    let mut plane = Plane::start(&programs, directory.path(), &interrupt)?;
    let line = serde_json::to_string(plane.ready()).map_err(io::Error::from).map_err(SupervisorError::Output)?;
    writeln!(io::stdout().lock(), "{line}").map_err(SupervisorError::Output)?;
    while !interrupt.wait(LOOK) {
        plane.check()?;
    }
    // Here and on every way out above: first the plane goes, then its directory.
    Ok(())
}

/// A plane's directory, removed when dropped.
struct Directory {
    directory: TempDir,
    _lock: File,
}

impl Directory {
    fn create(parent: &Path) -> io::Result<Self> {
        // There are keys in it: only its owner may look.
        let private = Permissions::from_mode(0o700);
        let directory = tempfile::Builder::new().prefix(PREFIX).permissions(private).tempdir_in(parent)?;
        // Locked before it has its name, so that nobody sees it unlocked while we live.
        let making = directory.path().join(".supervisor.lock");
        let lock = File::create(&making)?;
        lock.lock()?;
        fs::rename(&making, directory.path().join(LOCK))?;
        Ok(Self { directory, _lock: lock })
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        // Programs that die with the owner may write until the kernel comes to them, and a directory that has just got
        // another file cannot be removed.
        for _ in 0..REMOVALS {
            match fs::remove_dir_all(self.path()) {
                Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => {
                    thread::sleep(PAUSE);
                }
                _ => return,
            }
        }
    }
}

/// Removes the directories of supervisors that were killed and could not do it themselves.
fn sweep(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else {
        return;
    };
    for entry in entries.flatten() {
        if !entry.file_name().to_string_lossy().starts_with(PREFIX) {
            continue;
        }
        // Without the lock file it is another user's, or about to get one: not ours to judge.
        let Ok(lock) = File::open(entry.path().join(LOCK)) else {
            continue;
        };
        if lock.try_lock().is_ok() {
            // What cannot be removed now is tried again by the next plane.
            let _ = remove(&entry.path());
        }
    }
}

/// The lock goes last: a directory without one is not swept any more.
fn remove(directory: &Path) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_name() == LOCK {
            continue;
        }
        if entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())?;
        } else {
            fs::remove_file(entry.path())?;
        }
    }
    fs::remove_dir_all(directory)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_dead_are_swept() {
        let parent = tempfile::tempdir().unwrap();
        let alive = Directory::create(parent.path()).unwrap();
        let dead = parent.path().join("control-plane-dead");
        fs::create_dir(&dead).unwrap();
        fs::write(dead.join(LOCK), "").unwrap();
        let starting = parent.path().join("control-plane-starting");
        fs::create_dir(&starting).unwrap();
        let foreign = parent.path().join("other");
        fs::create_dir(&foreign).unwrap();
        fs::write(foreign.join(LOCK), "").unwrap();
        sweep(parent.path());
        assert!(alive.path().exists() && starting.exists() && foreign.exists());
        assert!(!dead.exists());
    }

    #[test]
    fn the_directory_goes_with_its_owner() {
        let parent = tempfile::tempdir().unwrap();
        let directory = Directory::create(parent.path()).unwrap();
        assert!(directory.path().join(LOCK).exists());
        drop(directory);
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 0);
    }
}
