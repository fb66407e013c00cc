//! What keeps the operator from starting: one line on stderr that says what to do, exit code 1, and nothing else. A
//! command line that is wrong exits with 2 and clap's own words.
//!
//! The API server here is a stub: it has the answers that a start asks for and no more.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says that it failed by panicking")]

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Duration;

use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Command;

/// How long a start may take that fails: the operator itself gives the API server ten seconds.
const PATIENCE: Duration = Duration::from_mins(1);

/// A start in a directory of its own.
struct Start {
    files: TempDir,
    arguments: Vec<String>,
    environment: Vec<(&'static str, String)>,
}

impl Start {
    /// `run` with those arguments, and no kubeconfig.
    fn with(arguments: &[&str]) -> Self {
        let arguments = ["run", "--listen=127.0.0.1:0"].iter().chain(arguments).map(|&text| text.to_owned()).collect();
        Self { files: tempfile::tempdir().unwrap(), arguments, environment: Vec::new() }
    }

    fn argument(mut self, argument: impl Into<String>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    fn env(mut self, name: &'static str, value: &str) -> Self {
        self.environment.push((name, value.to_owned()));
        self
    }

    /// With that text as kubeconfig.
    fn kubeconfig(self, text: &str) -> Self {
        let path = self.path("kubeconfig");
        fs::write(&path, text).unwrap();
        self.env("KUBECONFIG", path.to_str().unwrap())
    }

    /// Against that API server.
    fn server(self, address: SocketAddr) -> Self {
        self.kubeconfig(&kubeconfig(&json!({ "server": format!("http://{address}") })))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.files.path().join(name)
    }

    async fn output(&self) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_org-operator"));
        command.args(&self.arguments).env_clear().env("HOME", self.files.path()).kill_on_drop(true);
        command.env("RUST_BACKTRACE", "full").envs(self.environment.iter().cloned());
        tokio::time::timeout(PATIENCE, command.output()).await.expect("it neither starts nor fails").unwrap()
    }

    /// The one line that it fails with, checked for everything but its words.
    async fn line(&self) -> String {
        let output = self.output().await;
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert!(output.stdout.is_empty(), "{}", String::from_utf8_lossy(&output.stdout));
        assert!(text.ends_with('\n') && text.lines().count() == 1, "not one line:\n{text}");
        assert!(!text.contains("backtrace") && !text.contains("panicked"), "{text}");
        let line = text.trim_end().strip_prefix("org-operator: ").unwrap_or_else(|| panic!("{text}")).to_owned();
        // A cause that is said twice is an error whose text repeats its source.
        let parts: Vec<&str> = line.split(": ").collect();
        assert!(parts.iter().enumerate().all(|(at, part)| !parts[..at].contains(part)), "said twice: {line}");
        line
    }

    async fn says(&self, parts: &[&str]) {
        let line = self.line().await;
        for part in parts {
            assert!(line.contains(part), "{line}\ndoes not say: {part}");
        }
    }
}

fn kubeconfig(cluster: &Value) -> String {
    json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{ "name": "stub", "cluster": cluster }],
        "users": [{ "name": "stub", "user": {} }],
        "contexts": [{ "name": "stub", "context": { "cluster": "stub", "user": "stub", "namespace": "home" } }],
        "current-context": "stub",
    })
    .to_string()
}

/// An error as the API server writes it.
fn refusal(code: StatusCode, reason: &str) -> (StatusCode, Json<Value>) {
    let status = json!({
        "apiVersion": "v1", "kind": "Status", "metadata": {}, "status": "Failure",
        "message": reason.to_lowercase(), "reason": reason, "code": code.as_u16(),
    });
    (code, Json(status))
}

/// An API server on which these kinds of ours are defined.
fn defines(kinds: &'static [&'static str]) -> Router {
    let resources: Vec<Value> = kinds
        .iter()
        .map(|kind| json!({ "name": kind, "singularName": "", "namespaced": true, "kind": kind, "verbs": ["get"] }))
        .collect();
    let group = "org-operator.dev/v1alpha1";
    let list = json!({ "apiVersion": "v1", "kind": "APIResourceList", "groupVersion": group, "resources": resources });
    Router::new()
        .route(&format!("/apis/{group}"), get(move || async move { Json(list) }))
        .fallback(async || refusal(StatusCode::NOT_FOUND, "NotFound"))
}

const ALL: &[&str] = &["platforms", "organizations", "users", "tokens"];
const LEASE: &str = "/apis/coordination.k8s.io/v1/namespaces/home/leases/org-operator";

/// Serves for as long as the test runs.
async fn serve(router: Router) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

#[tokio::test]
async fn no_kubeconfig() {
    Start::with(&[]).says(&["no cluster", "KUBECONFIG", ".kube/config"]).await;
}

#[tokio::test]
async fn a_kubeconfig_that_cannot_be_read() {
    let start = Start::with(&[]);
    let missing = start.path("missing");
    start.env("KUBECONFIG", missing.to_str().unwrap()).says(&["KUBECONFIG", "missing", "No such file"]).await;
    Start::with(&[]).env("KUBECONFIG", "/").says(&["KUBECONFIG", "directory"]).await;
    Start::with(&[]).kubeconfig("a: [\n").says(&["KUBECONFIG", "YAML"]).await;
}

#[tokio::test]
async fn a_kubeconfig_that_refers_to_what_is_not_there() {
    let text = kubeconfig(&json!({ "server": "http://127.0.0.1:1" }));
    let other = text.replace("\"current-context\":\"stub\"", "\"current-context\":\"gone\"");
    assert_ne!(other, text);
    Start::with(&[]).kubeconfig(&other).says(&["KUBECONFIG", "gone"]).await;
    let cluster = json!({ "server": "https://127.0.0.1:1", "certificate-authority": "authority.pem" });
    Start::with(&[]).kubeconfig(&kubeconfig(&cluster)).says(&["KUBECONFIG", "authority.pem"]).await;
}

#[tokio::test]
async fn an_api_server_that_is_not_there() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    Start::with(&[]).server(address).says(&[&address.to_string(), "is it up", "KUBECONFIG", "refused"]).await;
}

/// A load balancer with nothing behind it takes connections and says nothing.
#[tokio::test]
async fn an_api_server_that_says_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    Start::with(&[]).server(address).says(&[&address.to_string(), "within 10 s", "KUBECONFIG"]).await;
}

#[tokio::test]
async fn an_api_server_that_refuses_the_credential() {
    let router = Router::new().fallback(async || refusal(StatusCode::UNAUTHORIZED, "Unauthorized"));
    let address = serve(router).await;
    Start::with(&[]).server(address).says(&[&address.to_string(), "credential", "nauthorized"]).await;
}

#[tokio::test]
async fn no_definitions() {
    // What an API server answers for a group that it has never heard of.
    let unknown = Router::new().fallback(async || (StatusCode::NOT_FOUND, "404 page not found\n"));
    for router in [unknown, defines(&[]), defines(&ALL[..3])] {
        let start = Start::with(&[]).server(serve(router).await);
        start.says(&["definitions are missing", "org-operator crds | kubectl apply --server-side -f -"]).await;
    }
}

#[tokio::test]
async fn a_port_in_use() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let mut start = Start::with(&[]).server(serve(defines(ALL)).await);
    start.arguments.retain(|argument| !argument.starts_with("--listen"));
    start.argument(format!("--listen={address}")).says(&[&address, "--listen", "in use"]).await;
}

#[tokio::test]
async fn a_data_directory_that_cannot_be_written() {
    let start = Start::with(&[]).server(serve(defines(ALL)).await);
    let file = start.path("file");
    fs::write(&file, "mine").unwrap();
    let inside = file.join("data");
    for data in [file.as_path(), &inside, Path::new("/proc/data")] {
        let start = Start::with(&[]).env("KUBECONFIG", start.path("kubeconfig").to_str().unwrap());
        let data = data.to_str().unwrap();
        start.argument(format!("--embedded-data-dir={data}")).says(&[data, "data directory"]).await;
    }
    assert_eq!(fs::read_to_string(&file).unwrap(), "mine", "what was there is not touched");
}

#[tokio::test]
async fn a_database_that_is_none() {
    let start = Start::with(&[]).server(serve(defines(ALL)).await);
    let data = start.path("data");
    drop(org_operator::embedded::Directory::open(&data).await.unwrap());
    let mut spoilt = 0;
    for entry in fs::read_dir(&data).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() && fs::metadata(&path).unwrap().len() > 0 {
            fs::write(&path, "this is no database at all, it only lies where one should be").unwrap();
            spoilt += 1;
        }
    }
    assert!(spoilt > 0);
    start.argument(format!("--embedded-data-dir={}", data.display())).says(&["database", "backup"]).await;
}

#[tokio::test]
async fn a_data_directory_in_use() {
    let start = Start::with(&[]).server(serve(defines(ALL)).await);
    let data = start.path("data");
    let _open = org_operator::embedded::Directory::open(&data).await.unwrap();
    let start = start.argument(format!("--embedded-data-dir={}", data.display()));
    start.says(&["in use by another process", data.to_str().unwrap()]).await;
}

#[tokio::test]
async fn no_owner_id() {
    let start = Start::with(&[]).server(serve(defines(ALL)).await);
    start.says(&["owner id", "namespace home", "--owner-id"]).await;
}

#[tokio::test]
async fn a_lease_that_cannot_be_read() {
    let router = defines(ALL).route(LEASE, get(async || refusal(StatusCode::FORBIDDEN, "Forbidden")));
    let start = Start::with(&["--owner-id=here"]).server(serve(router).await);
    start.says(&["Lease org-operator", "namespace home", "get, create and patch"]).await;
}

#[tokio::test]
async fn another_owner_id() {
    let lease = json!({
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
        "metadata": {
            "name": "org-operator", "namespace": "home", "resourceVersion": "1",
            "annotations": { "org-operator.dev/owner-id": "before" },
        },
    });
    let router = defines(ALL).route(LEASE, get(move || async move { Json(lease) }));
    let start = Start::with(&["--owner-id=now"]).server(serve(router).await);
    start.says(&["was before and is now now", "--owner-id=before", "--owner-id-changed-from=before"]).await;
}

#[tokio::test]
async fn a_filter_that_cannot_be_read() {
    Start::with(&[]).env("RUST_LOG", "org_operator=loud").says(&["RUST_LOG", "info,org_operator=debug"]).await;
}

/// clap's own errors: exit code 2, and what would have been right.
#[tokio::test]
async fn a_command_line_that_is_wrong() {
    let cases: &[(&[&str], &str)] = &[
        (&["--resync=5"], "write a duration such as 10m or 90s"),
        (&["--resync=0s"], "write a duration longer than nothing"),
        (&["--reconcile-timeout=soon"], "write a duration such as 10m or 90s"),
        (&["--default-platform=embedded"], "write NAMESPACE/NAME"),
        (&["--default-platform=a/b/c"], "write NAMESPACE/NAME"),
        (&["--owner-id=a/b"], "write 1 to 63 letters, digits, -, _ and ."),
        (&["--owner-id="], "write 1 to 63 letters, digits, -, _ and ."),
        (&["--concurrency=0"], "1..=256"),
        (&["--log-format=xml"], "possible values: text, json"),
        (&["--listen=8080"], "invalid socket address"),
        (&["--bogus"], "unexpected argument '--bogus'"),
    ];
    for (arguments, sentence) in cases {
        let mut start = Start::with(arguments);
        if arguments[0].starts_with("--listen") {
            start.arguments.retain(|argument| argument != "--listen=127.0.0.1:0");
        }
        let output = start.output().await;
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {text}");
        assert!(text.contains(sentence), "{arguments:?}: {text}\ndoes not say: {sentence}");
        assert!(output.stdout.is_empty());
    }
}
