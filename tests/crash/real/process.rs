//! `org-operator run` as a process.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;
use tempfile::TempDir;

use super::gate::Gate;
use super::part::Part;
use crate::sim::operator::OWNER;

/// How often it is looked at.
pub(crate) const LOOK: Duration = Duration::from_millis(10);
/// How long it may take to start on a busy machine.
const START: Duration = Duration::from_mins(1);
/// How long a cluster waits for the end of a process.
pub(crate) const GRACE: Duration = Duration::from_secs(30);
/// What it says once it has seen everything.
pub(crate) const UP: &str = "caches filled";
/// How much of the end of its log is shown.
const TAIL: usize = 60;

/// An operator. Dropping it kills it.
pub(crate) struct Operator {
    part: Part,
    directory: Option<PathBuf>,
    files: TempDir,
    child: Option<Child>,
    /// Where the log of this life begins.
    begins: usize,
}

impl Operator {
    /// One that asks at that gate, with the files of its own platform where it has one; not started.
    pub(crate) fn new(part: &Part, gate: &Gate, directory: Option<PathBuf>) -> Self {
        let files = tempfile::tempdir().expect("a directory");
        let kubeconfig = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "gate",
            "clusters": [{ "name": "gate", "cluster": { "server": gate.cluster } }],
            "contexts": [{ "name": "gate", "context": { "cluster": "gate", "user": "gate", "namespace": part.home() } }],
            "users": [{ "name": "gate", "user": {} }],
        });
        std::fs::write(files.path().join("kubeconfig"), kubeconfig.to_string()).expect("a file");
        File::create(files.path().join("log")).expect("a file");
        Self { part: part.clone(), directory, files, child: None, begins: 0 }
    }

    /// Starts it.
    pub(crate) fn start(&mut self) {
        self.begins = self.whole_log().len();
        let log = OpenOptions::new().append(true).open(self.files.path().join("log")).expect("a log");
        let child = self.part.plane().control.spawn(Path::new(env!("CARGO_BIN_EXE_org-operator")), |command| {
            command
                .arg("run")
                .arg(format!("--owner-id={OWNER}"))
                .arg(format!("--watch-namespaces={}", self.part.namespaces().join(",")))
                .args(["--resync=1s", "--listen=127.0.0.1:0"]);
            if let Some(directory) = &self.directory {
                command.arg("--embedded-data-dir").arg(directory);
            }
            command.env_clear().env("RUST_BACKTRACE", "1").env("KUBECONFIG", self.files.path().join("kubeconfig"));
            command.stdin(Stdio::null()).stdout(log.try_clone().expect("a log")).stderr(log);
        });
        self.child = Some(child.expect("it starts"));
    }

    /// Whether it has seen everything.
    pub(crate) fn is_up(&self) -> bool {
        self.log().contains(UP)
    }

    /// Waits until it has said that.
    pub(crate) fn says(&mut self, what: &str) -> Result<(), String> {
        let began = Instant::now();
        while !self.log().contains(what) {
            if let Some(status) = self.exited() {
                return Err(format!("it ended with {status}, and never said {what}"));
            }
            if began.elapsed() > START {
                return Err(format!("it does not say {what}"));
            }
            std::thread::sleep(LOOK);
        }
        Ok(())
    }

    /// How it ended, if it has.
    pub(crate) fn exited(&mut self) -> Option<ExitStatus> {
        self.child.as_mut()?.try_wait().expect("a status")
    }

    /// SIGTERM.
    pub(crate) fn terminate(&self) {
        let id = self.child.as_ref().map(Child::id).and_then(|id| i32::try_from(id).ok()).expect("it runs");
        kill(Pid::from_raw(id), Signal::SIGTERM).expect("a signal");
    }

    /// Waits for its end, which has to be a good one and soon enough.
    pub(crate) fn ends(&mut self) -> Result<Duration, String> {
        let began = Instant::now();
        loop {
            if let Some(status) = self.exited() {
                self.child = None;
                return if status.success() { Ok(began.elapsed()) } else { Err(format!("it ended with {status}")) };
            }
            if began.elapsed() > GRACE {
                return Err(format!("it does not end within {GRACE:?} of SIGTERM"));
            }
            std::thread::sleep(LOOK);
        }
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    fn whole_log(&self) -> String {
        std::fs::read_to_string(self.files.path().join("log")).expect("a log")
    }

    /// What it has logged in this life.
    fn log(&self) -> String {
        self.whole_log().split_off(self.begins)
    }

    /// The end of its log.
    pub(crate) fn log_tail(&self) -> String {
        let log = self.whole_log();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(TAIL)..].join("\n")
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        self.kill();
    }
}
