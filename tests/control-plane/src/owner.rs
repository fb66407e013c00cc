//! A plane as its owner sees it: a test, or the demo.

use std::env;
use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::OnceLock;

use serde_json::Value;

use crate::child;
use crate::plane::Ready;

/// The variable by which Cargo tells tests where it is.
const CARGO: &str = "CARGO";

/// Why something with a plane did not work.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Cargo could not build the supervisor.
    #[error("the program control-plane cannot be built: `cargo build --workspace --bin control-plane` failed: {0}")]
    Build(String),
    /// The supervisor could not be started.
    #[error("{} cannot be started", program.display())]
    Supervisor {
        /// Its file.
        program: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A program under test could not be started.
    #[error("{} cannot be run", program.display())]
    Program {
        /// Its file.
        program: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The supervisor ended before the plane was ready.
    #[error("the control plane did not start ({status}); standard error above says why")]
    NotStarted {
        /// How the supervisor ended.
        status: String,
    },
    /// kubectl could not be started.
    #[error("{} cannot be run", program.display())]
    Kubectl {
        /// Its file.
        program: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// kubectl failed.
    #[error("kubectl {arguments}: {message}")]
    Refused {
        /// What it was asked.
        arguments: String,
        /// What it said on standard error.
        message: String,
    },
    /// A file cannot be read or written.
    #[error("{} cannot be used", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file or an answer is not what it should be.
    #[error("{what} cannot be understood")]
    Content {
        /// Where it came from.
        what: String,
        /// What the parser said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The audit log did not show a request that was made.
    #[error("the audit log {} did not show a request within {seconds} s", path.display())]
    AuditLog {
        /// The log.
        path: PathBuf,
        /// How long it was watched.
        seconds: u64,
    },
}

/// A running control plane: etcd, kube-apiserver and kube-controller-manager, reached over loopback.
///
/// Dropping it stops the programs and waits until they are gone. A process that dies takes its planes with it, because
/// the supervisor sees its standard input end.
#[derive(Debug)]
pub struct ControlPlane {
    program: PathBuf,
    supervisor: Child,
    lifeline: Option<ChildStdin>,
    ready: Ready,
}

impl ControlPlane {
    /// Starts a plane of one's own. Blocks: three seconds where the programs are there, minutes where they are built.
    pub fn start() -> Result<Self, Error> {
        Self::start_with(supervisor()?)
    }

    /// The plane that all tests of this process share; they keep apart by namespace.
    ///
    /// The first call starts it. It ends with the process.
    pub fn shared() -> Result<&'static Self, &'static Error> {
        static SHARED: OnceLock<Result<ControlPlane, Error>> = OnceLock::new();
        SHARED.get_or_init(Self::start).as_ref()
    }

    /// Starts a plane under the given `control-plane` program.
    pub fn start_with(program: &Path) -> Result<Self, Error> {
        let failed = |source| Error::Supervisor { program: program.to_owned(), source };
        let mut supervisor = Command::new(program)
            .arg("up")
            // A Ctrl-C on the terminal is for its owner; it follows.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        let lifeline = supervisor.stdin.take();
        let mut line = String::new();
        if let Some(output) = supervisor.stdout.take() {
            BufReader::new(output).read_line(&mut line).map_err(failed)?;
        }
        if let Ok(ready) = serde_json::from_str(&line) {
            return Ok(Self { program: program.to_owned(), supervisor, lifeline, ready });
        }
        drop(lifeline);
        let status = supervisor.wait().map_err(failed)?;
        Err(Error::NotStarted { status: child::describe(status) })
    }

    /// A kubeconfig of a member of `system:masters`.
    pub fn kubeconfig(&self) -> &Path {
        &self.ready.kubeconfig
    }

    /// The API server's audit log, one JSON event a line; [`Self::audit_events`] reads it.
    pub fn audit_log(&self) -> &Path {
        &self.ready.audit_log
    }

    /// The plane's directory: only its owner can read it, and it goes when the plane goes.
    pub fn dir(&self) -> &Path {
        &self.ready.dir
    }

    /// The file of a kubectl of the plane's version.
    pub fn kubectl_path(&self) -> &Path {
        &self.ready.kubectl
    }

    /// The process id of the supervisor.
    pub fn supervisor_id(&self) -> u32 {
        self.supervisor.id()
    }

    /// The file of the `control-plane` program.
    pub(crate) fn supervisor_program(&self) -> &Path {
        &self.program
    }

    /// How the supervisor ended, if it has: then the plane is gone.
    pub(crate) fn ended(&mut self) -> Option<String> {
        match self.supervisor.try_wait() {
            Ok(status) => status.map(child::describe),
            Err(error) => Some(error.to_string()),
        }
    }

    /// kubectl as an administrator, without arguments yet.
    pub fn kubectl(&self) -> Command {
        self.kubectl_as(self.kubeconfig())
    }

    /// kubectl with another kubeconfig.
    pub fn kubectl_as(&self, kubeconfig: &Path) -> Command {
        let mut command = Command::new(self.kubectl_path());
        // What it caches belongs to this plane, not to the user's home.
        command.arg("--kubeconfig").arg(kubeconfig).arg("--cache-dir").arg(self.dir().join("kubectl-cache"));
        command
    }

    /// Runs kubectl as an administrator and returns its standard output.
    pub fn run<I, A>(&self, arguments: I) -> Result<String, Error>
    where
        I: IntoIterator<Item = A>,
        A: Into<OsString>,
    {
        self.run_with(arguments, "")
    }

    /// Runs kubectl as an administrator with `input` on its standard input, and returns its standard output.
    pub fn run_with<I, A>(&self, arguments: I, input: &str) -> Result<String, Error>
    where
        I: IntoIterator<Item = A>,
        A: Into<OsString>,
    {
        let arguments: Vec<OsString> = arguments.into_iter().map(Into::into).collect();
        let failed = |source| Error::Kubectl { program: self.kubectl_path().to_owned(), source };
        let mut kubectl = self
            .kubectl()
            .args(&arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        if let Some(mut stdin) = kubectl.stdin.take() {
            match stdin.write_all(input.as_bytes()) {
                // It has said on standard error why it did not want to read on.
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
                result => result.map_err(failed)?,
            }
        }
        let output = kubectl.wait_with_output().map_err(failed)?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let words: Vec<_> = arguments.iter().map(|argument| argument.to_string_lossy()).collect();
        let message = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        Err(Error::Refused { arguments: words.join(" "), message })
    }

    /// Applies objects, server-side. Several go into a `List`.
    pub fn apply(&self, object: &Value) -> Result<(), Error> {
        self.run_with(["apply", "--server-side", "--field-manager=control-plane", "-f", "-"], &object.to_string())
            .map(drop)
    }

    /// Makes a namespace whose name begins with `prefix`, and returns the name.
    pub fn namespace(&self, prefix: &str) -> Result<String, Error> {
        let namespace = serde_json::json!({
            "apiVersion": "v1", "kind": "Namespace", "metadata": { "generateName": format!("{prefix}-") },
        });
        self.run_with(["create", "-f", "-", "-o", "jsonpath={.metadata.name}"], &namespace.to_string())
    }

    /// Begins to delete a namespace. It takes five seconds, which nobody has to wait for.
    pub fn delete_namespace(&self, namespace: &str) -> Result<(), Error> {
        self.run(["delete", "namespace", namespace, "--wait=false"]).map(drop)
    }
}

impl Drop for ControlPlane {
    fn drop(&mut self) {
        drop(self.lifeline.take());
        // It removes everything and ends by itself; if it was killed, its children were too.
        let _ = self.supervisor.wait();
    }
}

/// The `control-plane` program, built by the Cargo that runs the tests.
///
/// It is built with the features of the whole workspace, as `cargo test --workspace` and the demo do, so that no
/// dependency is compiled twice.
fn supervisor() -> Result<&'static Path, Error> {
    static PROGRAM: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    match PROGRAM.get_or_init(build_supervisor) {
        Ok(path) => Ok(path),
        Err(message) => Err(Error::Build(message.clone())),
    }
}

fn build_supervisor() -> Result<PathBuf, String> {
    let cargo = env::var_os(CARGO).unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["build", "--workspace", "--bin", "control-plane"])
        .args(["--message-format", "json-render-diagnostics"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Err(child::describe(output.status));
    }
    let artifacts = output.stdout.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok());
    let mut programs = artifacts.filter_map(|artifact: Value| {
        (artifact["target"]["name"] == "control-plane").then(|| artifact["executable"].as_str().map(PathBuf::from))?
    });
    programs.next().ok_or_else(|| "it names no such program".to_owned())
}
