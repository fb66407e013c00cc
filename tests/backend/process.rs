//! The program, started and stopped.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// How long anything may take that happens at all.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// All its listeners, on ports that are free.
const FREE: [&str; 5] = [
    "--tyk-listen=127.0.0.1:0",
    "--rockfish-admin-listen=127.0.0.1:0",
    "--rockfish-listen=127.0.0.1:0",
    "--rockit-listen=127.0.0.1:0",
    "--listen=127.0.0.1:0",
];

/// How it is to be started.
#[derive(Clone)]
pub(crate) struct Start {
    files: Arc<TempDir>,
    arguments: Vec<String>,
    environment: Vec<(&'static str, String)>,
}

impl Start {
    /// On a data directory of its own, at the log level `trace`, so that a test sees all that could be printed.
    pub(crate) fn new() -> Self {
        Self { files: Arc::new(tempfile::tempdir().unwrap()), arguments: Vec::new(), environment: Vec::new() }
            .env("RUST_LOG", "trace")
    }

    pub(crate) fn with(mut self, argument: impl Into<String>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    pub(crate) fn env(mut self, name: &'static str, value: &str) -> Self {
        self.environment.push((name, value.to_owned()));
        self
    }

    /// A file beside the data directory.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.files.path().join(name)
    }

    /// Writes a file beside the data directory.
    pub(crate) fn file(&self, name: &str, text: &str) -> String {
        std::fs::write(self.path(name), text).unwrap();
        self.path(name).to_str().unwrap().to_owned()
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.path("data")
    }

    /// `backend` and these, and nothing of the environment.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_org-operator"));
        command.arg("backend").args(arguments).env_clear().kill_on_drop(true);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    fn serving(&self) -> Command {
        let data = format!("--data-dir={}", self.data().display());
        let mut command = self.command(&["--log-format=json", &data]);
        for free in FREE {
            let (flag, _) = free.split_once('=').unwrap();
            if !self.arguments.iter().any(|argument| argument.starts_with(flag)) {
                command.arg(free);
            }
        }
        command.args(&self.arguments);
        command
    }

    /// Waits until it serves.
    pub(crate) async fn run(&self) -> Backend {
        let mut child = self.serving().stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let log = Log::default();
        let reading = tokio::spawn(log.clone().read(child.stderr.take().unwrap()));
        let backend = Backend { child, log, reading, start: self.clone(), listeners: BTreeMap::new() };
        backend.listening().await
    }

    /// Waits until it has failed: its one line.
    pub(crate) async fn refused(&self) -> String {
        let output = tokio::time::timeout(PATIENCE, self.serving().output()).await.expect("it serves").unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{text}");
        let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('{')).collect();
        assert_eq!(lines.len(), 1, "not one line beside its log:\n{text}");
        lines[0].strip_prefix("org-operator: ").unwrap_or_else(|| panic!("{text}")).to_owned()
    }

    /// Waits until its command line is refused: what clap says.
    pub(crate) async fn misused(&self) -> String {
        let output = tokio::time::timeout(PATIENCE, self.serving().output()).await.expect("it serves").unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{text}");
        text
    }

    /// `--help` of `backend` and these.
    pub(crate) async fn help(&self, arguments: &[&str]) -> String {
        let output = self.command(&[arguments, &["--help"]].concat()).output().await.unwrap();
        String::from_utf8(output.stdout).unwrap()
    }

    /// `backend invitations` on the same data directory.
    pub(crate) async fn invitations(&self, arguments: &[&str]) -> Output {
        let data = format!("--data-dir={}", self.data().display());
        self.command(&["invitations", &data]).args(arguments).output().await.unwrap()
    }
}

/// What it wrote on stderr.
#[derive(Clone, Default)]
pub(crate) struct Log {
    lines: Arc<Mutex<Vec<String>>>,
    grown: Arc<Notify>,
}

impl Log {
    async fn read(self, stderr: tokio::process::ChildStderr) {
        let mut lines = BufReader::new(stderr).lines();
        while let Some(line) = lines.next_line().await.unwrap() {
            self.lines.lock().unwrap().push(line);
            self.grown.notify_waiters();
        }
        self.grown.notify_waiters();
    }

    pub(crate) fn text(&self) -> String {
        self.lines.lock().unwrap().join("\n")
    }

    /// The events with that message.
    pub(crate) fn events(&self, message: &str) -> Vec<Value> {
        let lines = self.lines.lock().unwrap();
        let events = lines.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        events.filter(|event| event["message"] == message).collect()
    }

    /// Waits for an event with that message that fits.
    pub(crate) async fn event(&self, message: &str, fits: impl Fn(&Value) -> bool) -> Value {
        let found = async {
            loop {
                let grown = self.grown.notified();
                tokio::pin!(grown);
                grown.as_mut().enable();
                if let Some(event) = self.events(message).into_iter().find(&fits) {
                    return event;
                }
                grown.await;
            }
        };
        let found = tokio::time::timeout(PATIENCE, found).await;
        found.unwrap_or_else(|_| panic!("there is no such event {message:?} in\n{}", self.text()))
    }
}

/// The program as it serves.
pub(crate) struct Backend {
    child: Child,
    log: Log,
    reading: JoinHandle<()>,
    start: Start,
    listeners: BTreeMap<String, String>,
}

impl Backend {
    async fn listening(mut self) -> Self {
        tokio::select! {
            _ = self.log.event("started", |_| true) => {}
            ended = self.child.wait() => panic!("it ended ({ended:?}):\n{}", self.log.text()),
        }
        let text = |event: &Value, member: &str| event[member].as_str().unwrap().to_owned();
        let events = self.log.events("listening");
        self.listeners = events.iter().map(|event| (text(event, "listener"), text(event, "url"))).collect();
        self
    }

    /// Where a listener is.
    pub(crate) fn url(&self, listener: &str) -> &str {
        self.listeners.get(listener).unwrap_or_else(|| panic!("{listener} does not listen: {:?}", self.listeners))
    }

    pub(crate) fn address(&self, listener: &str) -> &str {
        self.url(listener).split_once("://").unwrap().1
    }

    pub(crate) fn listeners(&self) -> Vec<&str> {
        self.listeners.keys().map(String::as_str).collect()
    }

    pub(crate) fn log(&self) -> &Log {
        &self.log
    }

    /// The content of a file below the data directory, without its line break.
    pub(crate) fn kept(&self, name: &str) -> String {
        read(&self.start.data().join(name))
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.child.id().expect("it has ended")).unwrap();
        kill(Pid::from_raw(id), signal).unwrap();
    }

    /// Waits for its end, which is a good one: all it wrote.
    pub(crate) async fn ended(mut self) -> String {
        let status = tokio::time::timeout(PATIENCE, self.child.wait()).await.expect("it does not end").unwrap();
        (&mut self.reading).await.unwrap();
        assert!(status.success(), "{status}:\n{}", self.log.text());
        self.log.text()
    }

    pub(crate) async fn stop(self) -> String {
        self.signal(Signal::SIGTERM);
        self.ended().await
    }
}

pub(crate) fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap().trim_end().to_owned()
}

/// One that follows no redirect and uses no proxy.
pub(crate) fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap()
}
