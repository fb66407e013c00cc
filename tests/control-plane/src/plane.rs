//! The running programs of one control plane.

use std::ffi::OsString;
use std::io;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::child::{self, Program};
use crate::files::{Files, FilesError};
use crate::interrupt::Interrupt;
use crate::programs::Programs;

/// How long a plane may take to come up. It takes three seconds; the rest is for a machine that is busy compiling.
const READY_WITHIN: Duration = Duration::from_mins(2);
/// How often readiness is looked at.
const LOOK: Duration = Duration::from_millis(100);
/// How often another port is tried when somebody took the one that was free a moment ago.
const PORTS: usize = 3;
/// The range of service addresses; nothing routes them here.
const SERVICES: &str = "10.0.0.0/24";

/// What a plane's owner gets: one line of JSON on the supervisor's standard output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ready {
    /// A kubeconfig of a member of `system:masters`.
    pub(crate) kubeconfig: PathBuf,
    /// The API server's audit log: one JSON event a line.
    pub(crate) audit_log: PathBuf,
    /// The client of the plane's version.
    pub(crate) kubectl: PathBuf,
    /// The plane's directory. It goes when the plane goes.
    pub(crate) dir: PathBuf,
}

/// Why a plane did not come up.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    /// What the programs read cannot be written.
    #[error(transparent)]
    Files(#[from] FilesError),
    /// There is no free port.
    #[error("no free port on 127.0.0.1")]
    Port(#[source] io::Error),
    /// A program cannot be started.
    #[error("{} cannot be started", program.display())]
    Spawn {
        /// Its file.
        program: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A program ended.
    #[error("{name} ended with {status}; the end of its log:\n{log}")]
    Ended {
        /// The program.
        name: &'static str,
        /// How it ended.
        status: String,
        /// The end of its log.
        log: String,
    },
    /// A program does not answer.
    #[error("{name} was not ready within {} s; the end of its log:\n{log}", READY_WITHIN.as_secs())]
    NotReady {
        /// The program.
        name: &'static str,
        /// The end of its log.
        log: String,
    },
    /// Somebody asked to stop.
    #[error("stopped while the control plane was starting")]
    Interrupted,
}

/// A running plane. Dropping it kills its programs; its directory is the supervisor's to remove.
#[derive(Debug)]
pub(crate) struct Plane {
    running: Running,
    ready: Ready,
}

impl Plane {
    /// Starts the programs in `dir`, an empty directory that only we can read, and waits until they answer.
    ///
    /// Must run on the main thread: see [`child`].
    pub(crate) fn start(programs: &Programs, dir: &Path, interrupt: &Interrupt) -> Result<Self, StartError> {
        let files = Files::write(dir)?;
        let mut start = Start {
            dir,
            programs,
            files: &files,
            interrupt,
            until: Instant::now() + READY_WITHIN,
            running: Running::default(),
        };
        start.etcd()?;
        start.apiserver()?;
        start.controller_manager()?;
        let running = start.running;
        let ready = Ready {
            kubeconfig: files.admin,
            audit_log: files.audit_log,
            kubectl: programs.kubectl.clone(),
            dir: dir.to_owned(),
        };
        Ok(Self { running, ready })
    }

    /// What its owner gets.
    pub(crate) fn ready(&self) -> &Ready {
        &self.ready
    }

    /// Fails if one of the programs has ended.
    pub(crate) fn check(&mut self) -> Result<(), StartError> {
        self.running.check()
    }
}

/// The programs that run so far, in the order in which they were started.
#[derive(Debug, Default)]
struct Running(Vec<Program>);

impl Running {
    fn check(&mut self) -> Result<(), StartError> {
        for program in &mut self.0 {
            // A program whose status cannot be read is as good as gone.
            let status = match program.ended() {
                Ok(None) => continue,
                Ok(Some(status)) => child::describe(status),
                Err(error) => error.to_string(),
            };
            return Err(StartError::Ended { name: program.name(), status, log: program.log_tail() });
        }
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // The store last, or the others fill their logs with complaints.
        while self.0.pop().is_some() {}
    }
}

/// A start under way.
struct Start<'a> {
    dir: &'a Path,
    programs: &'a Programs,
    files: &'a Files,
    interrupt: &'a Interrupt,
    until: Instant,
    running: Running,
}

impl Start<'_> {
    /// The store. It listens on sockets in the plane's directory (named relative to it, because the path of a socket may
    /// not be longer than 107 bytes), so it needs no port, and no other user reaches it.
    fn etcd(&mut self) -> Result<(), StartError> {
        let mut command = child::command(&self.programs.etcd);
        command
            .args(["--name=control-plane", "--data-dir=etcd", "--log-level=warn"])
            // The data is thrown away with the plane.
            .arg("--unsafe-no-fsync")
            .args(["--listen-client-urls=unix://etcd.sock", "--advertise-client-urls=unix://etcd.sock"])
            .args(["--listen-peer-urls=unix://peer.sock", "--initial-advertise-peer-urls=unix://peer.sock"])
            .arg("--initial-cluster=control-plane=unix://peer.sock");
        self.start("etcd", command, &self.programs.etcd)
    }

    fn apiserver(&mut self) -> Result<(), StartError> {
        let mut attempt = 1;
        loop {
            self.apiserver_on(free_port().map_err(StartError::Port)?)?;
            match self.wait_for("kube-apiserver", &["get", "--raw", "/readyz"]) {
                Err(StartError::Ended { name: "kube-apiserver", log, .. })
                    if attempt < PORTS && log.contains("address already in use") =>
                {
                    self.running.0.pop();
                    attempt += 1;
                }
                result => return result,
            }
        }
    }

    fn apiserver_on(&mut self, port: u16) -> Result<(), StartError> {
        self.files.write_kubeconfigs(port)?;
        let files = self.files;
        let mut command = child::command(&self.programs.kube_apiserver);
        command
            .args(["--etcd-servers=unix://etcd.sock", "--bind-address=127.0.0.1", "--advertise-address=127.0.0.1"])
            .arg(format!("--secure-port={port}"))
            // There are no endpoints to reconcile, and loopback is refused as one.
            .arg("--endpoint-reconciler-type=none")
            .arg("--cert-dir=certificates")
            .arg(option("tls-cert-file", &files.server_certificate))
            .arg(option("tls-private-key-file", &files.server_key))
            .arg(option("client-ca-file", &files.authority))
            .args(["--service-account-issuer=https://kubernetes.default.svc", "--authorization-mode=RBAC"])
            .arg(option("service-account-key-file", &files.token_public_key))
            .arg(option("service-account-signing-key-file", &files.token_key))
            .arg(format!("--service-cluster-ip-range={SERVICES}"))
            .arg(option("audit-policy-file", &files.audit_policy))
            .arg(option("audit-log-path", &files.audit_log))
            // An event is written before the request is done; and the file is never rotated away under its readers.
            .args(["--audit-log-mode=blocking", "--audit-log-maxsize=1000000"]);
        self.start("kube-apiserver", command, &self.programs.kube_apiserver)
    }

    fn controller_manager(&mut self) -> Result<(), StartError> {
        let files = self.files;
        let mut command = child::command(&self.programs.kube_controller_manager);
        command
            .arg(option("kubeconfig", &files.controller_manager))
            .arg(option("service-account-private-key-file", &files.token_key))
            .arg(option("root-ca-file", &files.authority))
            // Alone, and nobody asks for its metrics.
            .args(["--leader-elect=false", "--secure-port=0", "--use-service-account-credentials"])
            // By default it collects 20 objects a second; so it is 270.
            .args(["--kube-api-qps=2000", "--kube-api-burst=4000"]);
        self.start("kube-controller-manager", command, &self.programs.kube_controller_manager)?;
        // It makes this account in every namespace, so its controllers are at work when the account is there.
        self.wait_for("kube-controller-manager", &["get", "serviceaccount", "default", "--namespace=default"])
    }

    fn start(&mut self, name: &'static str, mut command: Command, file: &Path) -> Result<(), StartError> {
        command.current_dir(self.dir);
        let program = Program::start(name, command, self.dir.join(format!("{name}.log")))
            .map_err(|source| StartError::Spawn { program: file.to_owned(), source })?;
        self.running.0.push(program);
        Ok(())
    }

    /// Waits until kubectl succeeds with `arguments`; `name` is the program that answers last.
    fn wait_for(&mut self, name: &'static str, arguments: &[&str]) -> Result<(), StartError> {
        loop {
            if self.interrupt.requested() {
                return Err(StartError::Interrupted);
            }
            self.running.check()?;
            let kubectl = &self.programs.kubectl;
            let answered = Command::new(kubectl)
                .arg("--kubeconfig")
                .arg(&self.files.admin)
                .args(["--cache-dir=kubectl-cache", "--request-timeout=5s"])
                .args(arguments)
                .current_dir(self.dir)
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status()
                .map_err(|source| StartError::Spawn { program: kubectl.clone(), source })?;
            if answered.success() {
                return Ok(());
            }
            if Instant::now() > self.until {
                let log = self.running.0.last().map(Program::log_tail).unwrap_or_default();
                return Err(StartError::NotReady { name, log });
            }
            self.interrupt.wait(LOOK);
        }
    }
}

/// `--flag=path`, whatever bytes the path is made of.
fn option(flag: &str, path: &Path) -> OsString {
    let mut argument = OsString::from(format!("--{flag}="));
    argument.push(path);
    argument
}

/// A port of 127.0.0.1 that was free a moment ago.
pub(crate) fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
