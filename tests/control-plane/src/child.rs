//! Child processes that cannot outlive their parent.
//!
//! A program is started through this one (`control-plane child -- PROGRAM`), which asks the kernel to be killed when its
//! parent dies and then becomes the program. The request survives `exec`, so even a parent killed by `SIGKILL`, which
//! can clean up nothing, leaves no program behind.
//!
//! The kernel watches the parent's *thread*: start children from the main thread only.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::sys::prctl;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::{Pid, getppid};

/// The file of the running program. By this name it is found even after a build has replaced it.
pub(crate) const OWN_PROGRAM: &str = "/proc/self/exe";

/// How much of the end of a log goes into an error.
const TAIL_LINES: usize = 20;
const TAIL_BYTES: u64 = 16 * 1024;

/// A command that runs `program` in a process group of its own and dies with the thread that starts it.
///
/// The own group keeps a Ctrl-C on the terminal away from it: its parent decides when it ends.
pub(crate) fn command(program: &Path) -> Command {
    command_by(Path::new(OWN_PROGRAM), program)
}

/// The same by the `control-plane` program at `own`, for processes that are none themselves.
pub(crate) fn command_by(own: &Path, program: &Path) -> Command {
    let mut command = Command::new(own);
    command.args(["child", "--parent"]).arg(std::process::id().to_string()).arg("--").arg(program).process_group(0);
    command
}

/// Becomes `argv`, to be killed when the process `parent` dies. Returns only on failure.
pub(crate) fn become_program(parent: i32, argv: &[OsString]) -> io::Error {
    let Some((program, arguments)) = argv.split_first() else {
        return io::Error::new(io::ErrorKind::InvalidInput, "no program to run");
    };
    if let Err(error) = prctl::set_pdeathsig(Signal::SIGKILL) {
        return error.into();
    }
    // The parent may have died before the request above: then nobody would ever kill us.
    if getppid() != Pid::from_raw(parent) {
        return io::Error::other("the parent process is gone");
    }
    Command::new(program).args(arguments).exec()
}

/// A running program with its log. Dropping it kills its process group and waits for it.
#[derive(Debug)]
pub(crate) struct Program {
    name: &'static str,
    child: Child,
    log: PathBuf,
}

impl Program {
    /// Starts `command` (made by [`command`]) with its output going to `log`.
    pub(crate) fn start(name: &'static str, mut command: Command, log: PathBuf) -> io::Result<Self> {
        let output = File::create(&log)?;
        let errors = output.try_clone()?;
        let child = command.stdin(Stdio::null()).stdout(output).stderr(errors).spawn()?;
        Ok(Self { name, child, log })
    }

    /// Its name in messages.
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Where its output goes.
    pub(crate) fn log(&self) -> &Path {
        &self.log
    }

    /// How it ended, if it has.
    pub(crate) fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
        self.child.try_wait()
    }

    /// The end of its log.
    pub(crate) fn log_tail(&self) -> String {
        tail(&self.log).unwrap_or_else(|error| format!("(its log {} cannot be read: {error})", self.log.display()))
    }

    /// Asks it to end and gives it `patience` to do so; what drops it afterwards kills what is left.
    pub(crate) fn stop(&mut self, patience: Duration) -> io::Result<()> {
        self.signal(Signal::SIGTERM);
        let until = Instant::now() + patience;
        while self.child.try_wait()?.is_none() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    fn signal(&self, signal: Signal) {
        if let Ok(group) = i32::try_from(self.child.id()) {
            // It may be gone already, which is what we want.
            let _ = killpg(Pid::from_raw(group), signal);
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.signal(Signal::SIGKILL);
            let _ = self.child.wait();
        }
    }
}

/// Kills the process group of a child that is no [`Program`], and waits for it.
pub(crate) fn kill_group(child: &mut Child) {
    if let Ok(group) = i32::try_from(child.id()) {
        let _ = killpg(Pid::from_raw(group), Signal::SIGKILL);
    }
    let _ = child.wait();
}

/// How a program ended, in words.
pub(crate) fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => "an unknown status".to_owned(),
    }
}

/// The last lines of a file.
fn tail(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES)))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().collect();
    Ok(lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tail_is_the_last_lines() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let lines: Vec<String> = (0..100).map(|line| format!("line {line}")).collect();
        std::fs::write(&path, lines.join("\n")).unwrap();
        let tail = tail(&path).unwrap();
        assert!(tail.starts_with("line 80\n"), "{tail}");
        assert!(tail.ends_with("line 99"), "{tail}");
    }
}
