//! An operator process, and what is waited for while it works.

use std::fs::{File, OpenOptions};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use control_plane::ControlPlane;
use kube::api::ListParams;
use serde_json::Value;
use tempfile::TempDir;

use super::objects::{KINDS, is_ready, says};
use super::{Cluster, PATIENCE, condition, eventually, plane};

/// The account's name in the operator's namespace.
const ACCOUNT: &str = "org-operator";
/// How much of the end of its log is shown on failure.
const TAIL: usize = 40;
/// How long it may take to stop: a cluster gives it 30 seconds.
const GRACE: Duration = Duration::from_secs(30);

/// An operator on the plane of this run.
pub(crate) type Operator = Process<'static>;

/// An operator with a namespace, a service account, a data directory and a port of its own. Dropping it kills it.
pub(crate) struct Process<'p> {
    plane: &'p ControlPlane,
    home: String,
    kubeconfig: PathBuf,
    arguments: Vec<String>,
    files: TempDir,
    port: u16,
    child: Option<Child>,
}

impl Operator {
    /// An operator for those namespaces, started and ready. `extra` arguments follow `run`.
    pub(crate) async fn start(namespaces: &[&str], extra: &[&str]) -> Self {
        let mut operator = Self::prepare(namespaces, extra);
        operator.run().await;
        operator
    }

    /// The same, not started.
    pub(crate) fn prepare(namespaces: &[&str], extra: &[&str]) -> Self {
        Self::on(plane(), namespaces, extra)
    }
}

impl<'p> Process<'p> {
    /// An operator of that plane for those namespaces, not started. Without any it watches all, and then it must be the
    /// only one there.
    pub(crate) fn on(plane: &'p ControlPlane, namespaces: &[&str], extra: &[&str]) -> Self {
        let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("charts/org-operator/files/rules.yaml");
        let home = plane.namespace("operator").unwrap();
        let kubeconfig = plane.service_account_kubeconfig(&home, ACCOUNT, &rules).unwrap();
        let mut arguments = Vec::new();
        if !namespaces.is_empty() {
            arguments.push(format!("--watch-namespaces={}", namespaces.join(",")));
        }
        if !extra.iter().any(|argument| argument.starts_with("--owner-id")) {
            arguments.push("--owner-id=test".to_owned());
        }
        arguments.extend(extra.iter().map(|&argument| argument.to_owned()));
        let files = tempfile::tempdir().unwrap();
        File::create(files.path().join("log")).unwrap();
        Self { plane, home, kubeconfig, arguments, files, port: 0, child: None }
    }

    /// A second one with the same arguments and rights in the same namespace, not started. Its files are its own.
    pub(crate) fn beside(&self) -> Self {
        let files = tempfile::tempdir().unwrap();
        File::create(files.path().join("log")).unwrap();
        let (home, kubeconfig) = (self.home.clone(), self.kubeconfig.clone());
        Self { plane: self.plane, home, kubeconfig, arguments: self.arguments.clone(), files, port: 0, child: None }
    }

    /// Takes over the data directory of an operator that does not run any more.
    pub(crate) fn inherit(&self, from: &Process<'_>) {
        assert!(from.child.is_none(), "it is in use");
        std::fs::rename(from.data_dir(), self.data_dir()).unwrap();
    }

    /// Leaves its owner id to itself.
    pub(crate) fn forget_owner_id(&mut self) {
        self.arguments.retain(|argument| !argument.starts_with("--owner-id"));
    }

    /// Another argument from the next start on.
    pub(crate) fn add_argument(&mut self, argument: &str) {
        self.arguments.push(argument.to_owned());
    }

    /// Starts it, and waits until its caches are filled.
    pub(crate) async fn run(&mut self) {
        self.spawn();
        let url = format!("{}/readyz", self.url());
        let started = eventually("the operator is ready", PATIENCE, async || {
            if let Some(status) = self.child.as_mut().unwrap().try_wait().unwrap() {
                // Somebody took the port that was free a moment ago.
                assert!(self.log().contains("cannot listen on"), "it ended with {status}: {}", self.log_tail());
                self.spawn();
            }
            let url = if url.contains(&format!(":{}/", self.port)) { url.clone() } else { self.url() + "/readyz" };
            match super::directory::http().get(url).send().await {
                Ok(answer) if answer.status().is_success() => Ok(()),
                Ok(answer) => Err(answer.status().to_string()),
                Err(error) => Err(error.to_string()),
            }
        });
        let result = started.await;
        result.unwrap_or_else(|error| panic!("{error}\n{}", self.log_tail()));
    }

    /// Starts it and waits for nothing.
    pub(crate) fn spawn(&mut self) {
        assert!(self.child.is_none() || self.exited().is_some(), "it runs already");
        self.port = free_port();
        let log = OpenOptions::new().append(true).open(self.log_path()).unwrap();
        let child = self.plane.spawn(Path::new(env!("CARGO_BIN_EXE_org-operator")), |command| {
            self.configure(command, self.port);
            command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        });
        self.child = Some(child.unwrap());
    }

    /// Runs a second process of the same arguments, but for its port, and `extra` ones to its end: for what must not
    /// start.
    pub(crate) fn output(&self, extra: &[&str]) -> Output {
        let child = self.plane.spawn(Path::new(env!("CARGO_BIN_EXE_org-operator")), |command| {
            self.configure(command, free_port());
            command.args(extra).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        });
        let mut child = child.unwrap();
        let limit = Instant::now() + GRACE;
        while child.try_wait().unwrap().is_none() {
            if Instant::now() > limit {
                child.kill().unwrap();
                let output = child.wait_with_output().unwrap();
                panic!("it started: {}", String::from_utf8_lossy(&output.stderr));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        child.wait_with_output().unwrap()
    }

    fn configure(&self, command: &mut Command, port: u16) {
        command
            .arg("run")
            .arg("--embedded-data-dir")
            .arg(self.data_dir())
            .arg(format!("--listen=127.0.0.1:{port}"))
            .args(&self.arguments)
            .env_clear()
            .env("RUST_BACKTRACE", "1")
            .env("KUBECONFIG", &self.kubeconfig);
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.as_ref().expect("it runs").id()
    }

    /// How it ended, if it has.
    pub(crate) fn exited(&mut self) -> Option<ExitStatus> {
        self.child.as_mut()?.try_wait().unwrap()
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([format!("-{name}"), self.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// SIGTERM; returns how it ended, which must be within the time that a cluster gives it.
    pub(crate) async fn terminate(&mut self) -> ExitStatus {
        self.signal("TERM");
        let ended = eventually("SIGTERM ends the operator", GRACE, async || self.exited().ok_or("it runs")).await;
        let status = ended.unwrap_or_else(|error| panic!("{error}\n{}", self.log_tail()));
        self.child = None;
        status
    }

    /// SIGTERM; it must end with exit code 0.
    pub(crate) async fn stop(&mut self) {
        let status = self.terminate().await;
        assert_eq!(status.code(), Some(0), "{}", self.log_tail());
    }

    /// Stops it in good order and starts it again.
    pub(crate) async fn restart(&mut self) {
        self.stop().await;
        self.run().await;
    }

    /// Where its port is, without a slash at the end. Another one after each start.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Where it works.
    pub(crate) fn plane(&self) -> &'p ControlPlane {
        self.plane
    }

    /// The namespace that it runs in, where its Lease is.
    pub(crate) fn home(&self) -> &str {
        &self.home
    }

    /// Its name to the API server.
    pub(crate) fn user(&self) -> String {
        format!("system:serviceaccount:{}:{ACCOUNT}", self.home)
    }

    /// The embedded backend's data directory.
    pub(crate) fn data_dir(&self) -> PathBuf {
        self.files.path().join("data")
    }

    /// Its log, of all its starts.
    pub(crate) fn log_path(&self) -> PathBuf {
        self.files.path().join("log")
    }

    /// What it has logged.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.log_path()).unwrap()
    }

    /// The end of that.
    pub(crate) fn log_tail(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        format!("the operator's log ends:\n{}", lines[lines.len().saturating_sub(TAIL)..].join("\n"))
    }

    /// Waits until `done` finds what it looks for in an object, and returns that object.
    pub(crate) async fn wait(
        &self,
        cluster: &Cluster,
        kind: &str,
        name: &str,
        what: &str,
        done: impl Fn(&Value) -> bool,
    ) -> Value {
        let found = cluster.until(kind, name, what, done).await;
        found.unwrap_or_else(|error| panic!("{error}\n{}", self.log_tail()))
    }

    /// Waits until an object is Ready for its manifest as it is now.
    pub(crate) async fn wait_ready(&self, cluster: &Cluster, kind: &str, name: &str) -> Value {
        self.wait(cluster, kind, name, "becomes Ready", is_ready).await
    }

    /// Waits until an object is not Ready for that reason, for its manifest as it is now.
    pub(crate) async fn wait_reason(&self, cluster: &Cluster, kind: &str, name: &str, reason: &str) -> Value {
        self.wait(cluster, kind, name, &format!("says {reason}"), |object| says(object, reason)).await
    }

    /// Waits until every resource of ours in the namespace is Ready; there are `count`.
    pub(crate) async fn wait_all_ready(&self, cluster: &Cluster, count: usize) {
        let all = eventually(format!("all in {} become Ready", cluster.namespace()), PATIENCE, async || {
            let (mut ready, mut rest) = (0, Vec::new());
            for kind in KINDS {
                for object in cluster.list(kind).await {
                    if is_ready(&object) {
                        ready += 1;
                    } else {
                        rest.push(format!("{kind} {}: {}", object["metadata"]["name"], condition(&object, "Ready")));
                    }
                }
            }
            if ready == count { Ok(()) } else { Err(format!("{ready} of {count}; {}", rest.join("; "))) }
        });
        all.await.unwrap_or_else(|error| panic!("{error}\n{}", self.log_tail()));
    }

    /// For so long, each of these objects (`plural/name`) has its status written once and no more, and nothing in the namespace
    /// is told twice.
    pub(crate) async fn written_once(&self, cluster: &Cluster, watched: Duration, objects: &[&str]) {
        tokio::time::sleep(watched).await;
        let writes = self.writes(cluster.namespace());
        for object in objects {
            assert_eq!(writes.of(object), ["status"], "{object}: {writes:#?}");
        }
        let told = cluster.told_again().await;
        assert!(told.is_empty(), "{told:?}\n{}", self.log_tail());
    }

    /// Waits until an object is gone.
    pub(crate) async fn wait_gone(&self, cluster: &Cluster, kind: &str, name: &str) {
        let gone = eventually(format!("{kind} {name} goes"), PATIENCE, async || {
            cluster.get(kind, name).await.map_or(Ok(()), |object| Err(format!("{object:#}")))
        });
        gone.await.unwrap_or_else(|error| panic!("{error}\n{}", self.log_tail()));
    }

    /// Waits until nothing of ours is left in the namespace.
    pub(crate) async fn wait_all_gone(&self, cluster: &Cluster) {
        let gone = eventually(format!("all in {} goes", cluster.namespace()), PATIENCE, async || {
            let mut left = Vec::new();
            for kind in KINDS {
                for object in cluster.api(kind).list(&ListParams::default()).await.unwrap().items {
                    let object = serde_json::to_value(object).unwrap();
                    left.push(format!("{kind} {}: {}", object["metadata"]["name"], condition(&object, "Ready")));
                }
            }
            if left.is_empty() { Ok(()) } else { Err(left.join("; ")) }
        });
        gone.await.unwrap_or_else(|error| panic!("{error}\n{}", self.log_tail()));
    }
}

impl Drop for Process<'_> {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// A port that was free a moment ago.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
