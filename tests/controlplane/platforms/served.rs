//! A platform that is played: `org-operator backend` as a process of its own.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use reqwest::header::HeaderMap;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::super::support::{Cluster, Operator, PATIENCE, eventually, example, http, plane};

/// Which ports the examples name, and whose they are.
const PORTS: [(&str, &str); 4] = [
    ("http://127.0.0.1:3000", "tyk"),
    ("http://127.0.0.1:8085", "rockfish-admin"),
    ("http://127.0.0.1:8080", "rockfish"),
    ("http://127.0.0.1:8090", "rockit"),
];
/// Each listener with the flag that says where it is.
const FLAGS: [(&str, &str); 5] = [
    ("tyk", "--tyk-listen"),
    ("rockfish-admin", "--rockfish-admin-listen"),
    ("rockfish", "--rockfish-listen"),
    ("rockit", "--rockit-listen"),
    ("own", "--listen"),
];

/// One dialect, served on free ports from a data directory of its own. Dropping it kills it.
pub(super) struct Served {
    files: TempDir,
    dialect: &'static str,
    /// Where each listener is.
    urls: BTreeMap<String, String>,
    child: Option<Child>,
}

impl Served {
    /// Starts it, with these arguments beside the usual ones, and waits until it serves.
    pub(super) async fn start(dialect: &'static str, extra: &[&str]) -> Self {
        let files = tempfile::tempdir().unwrap();
        File::create(files.path().join("log")).unwrap();
        let mut served = Self { files, dialect, urls: BTreeMap::new(), child: None };
        served.run(extra, &[]).await;
        served
    }

    /// Starts it anew at the same addresses, with other arguments and environment.
    pub(super) async fn restart(&mut self, extra: &[&str], environment: &[(&str, &str)]) {
        self.stop();
        self.run(extra, environment).await;
    }

    /// Kills it: what it has answered is on disk.
    pub(super) fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    async fn run(&mut self, extra: &[&str], environment: &[(&str, &str)]) {
        let begins = self.log().len();
        let log = OpenOptions::new().append(true).open(self.log_path()).unwrap();
        let child = plane().spawn(Path::new(env!("CARGO_BIN_EXE_org-operator")), |command| {
            command.args(["backend", "--log-format=json", "--dialect", self.dialect, "--data-dir"]).arg(self.data());
            for (listener, flag) in FLAGS {
                let address = self.urls.get(listener).and_then(|url| url.strip_prefix("http://"));
                command.arg(format!("{flag}={}", address.unwrap_or("127.0.0.1:0")));
            }
            command.args(extra).env_clear().envs(environment.iter().copied());
            command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        });
        self.child = Some(child.unwrap());
        let started = eventually("the backend serves", PATIENCE, async || {
            let log = self.log();
            let events: Vec<Value> = log[begins..].lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
            let said = |message: &str| events.iter().any(|event| event["message"] == message);
            if said("started") { Ok(events) } else { Err(log[begins..].to_owned()) }
        });
        for event in started.await.unwrap_or_else(|error| panic!("{error}")) {
            if let (Some(listener), Some(url)) = (event["listener"].as_str(), event["url"].as_str()) {
                self.urls.insert(listener.to_owned(), url.to_owned());
            }
        }
    }

    /// Where one of its listeners is.
    pub(super) fn url(&self, listener: &str) -> &str {
        self.urls.get(listener).unwrap_or_else(|| panic!("{listener} does not listen: {:?}", self.urls))
    }

    /// A credential that it made for itself: the content of a file below its data directory.
    pub(super) fn kept(&self, file: &str) -> String {
        std::fs::read_to_string(self.data().join(self.dialect).join(file)).unwrap().trim_end().to_owned()
    }

    /// All that it has logged.
    pub(super) fn log(&self) -> String {
        std::fs::read_to_string(self.log_path()).unwrap()
    }

    fn log_path(&self) -> PathBuf {
        self.files.path().join("log")
    }

    pub(super) fn data(&self) -> PathBuf {
        self.files.path().join("data")
    }

    /// The resources of an example, with the addresses of this one.
    pub(super) fn example(&self, name: &str) -> Vec<Value> {
        let text = json!(example(name)).to_string();
        let here = self.urls.iter().fold(text, |text, (listener, url)| {
            let named = PORTS.iter().find(|(_, of)| of == listener).map(|(address, _)| *address);
            named.map_or(text.clone(), |address| text.replace(&format!("\"{address}\""), &format!("\"{url}\"")))
        });
        serde_json::from_str(&here).unwrap()
    }

    /// Applies an example, and returns how many resources of ours it has.
    pub(super) async fn apply(&self, cluster: &Cluster, name: &str) -> usize {
        let resources = self.example(name);
        for manifest in &resources {
            cluster.apply_one(manifest).await;
        }
        resources.len()
    }

    /// Applies the dialect's own example and waits until all of it is Ready.
    pub(super) async fn settle(&self, operator: &Operator, cluster: &Cluster) {
        let count = self.apply(cluster, self.dialect).await;
        operator.wait_all_ready(cluster, count).await;
    }

    /// Applies what the dialect's own example has of that kind, and nothing else.
    pub(super) async fn apply_kind(&self, cluster: &Cluster, kind: &str) {
        for manifest in self.example(self.dialect).iter().filter(|manifest| manifest["kind"] == kind) {
            cluster.apply_one(manifest).await;
        }
    }

    /// Whether that password logs in, by the backend's own listener.
    pub(super) async fn logs_in(&self, organization: &str, username: &str, password: &str) -> bool {
        let url = format!("{}/{}/login", self.url("own"), self.dialect);
        let login = json!({ "organization": organization, "username": username, "password": password });
        http().post(url).json(&login).send().await.unwrap().status() == StatusCode::OK
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// What was answered.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    /// Null where there is none.
    pub(super) body: Value,
}

/// A plain HTTP call, as any script makes one.
pub(super) async fn call(method: Method, url: String, headers: &[(&str, &str)], body: Option<Value>) -> Answer {
    let mut request = http().request(method, url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = if let Some(body) = body { request.json(&body) } else { request };
    let answer = request.send().await.unwrap();
    let (status, headers) = (answer.status(), answer.headers().clone());
    let text = answer.text().await.unwrap();
    Answer { status, headers, body: serde_json::from_str(&text).unwrap_or(Value::Null) }
}
