//! Whatever is killed, and however, no process and no file of a plane is left behind.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says that it failed by panicking")]

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use control_plane::ControlPlane;
use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_control-plane");

/// The programs of a plane.
const PLANE: [&str; 3] = ["etcd", "kube-apiserver", "kube-controller-manager"];

/// Processes whose working directory or environment names a directory: those of the plane in it.
fn processes_in(dir: &Path) -> Vec<String> {
    let in_dir = |pid: &Path| {
        let starts = |link: &str| fs::read_link(pid.join(link)).is_ok_and(|target| target.starts_with(dir));
        let names = |file: &str| {
            let needle = dir.as_os_str().as_encoded_bytes();
            fs::read(pid.join(file)).is_ok_and(|bytes| bytes.windows(needle.len()).any(|window| window == needle))
        };
        starts("cwd") || names("cmdline") || names("environ")
    };
    let pids = fs::read_dir("/proc").unwrap().map(|entry| entry.unwrap().path());
    let names = pids.filter(|pid| in_dir(pid)).filter_map(|pid| fs::read_to_string(pid.join("cmdline")).ok());
    names.map(|line| line.replace('\0', " ")).filter(|line| !line.is_empty()).collect()
}

fn until(what: &str, mut done: impl FnMut() -> bool) {
    let limit = Instant::now() + Duration::from_secs(30);
    while !done() {
        assert!(Instant::now() < limit, "{what}: not within 30 s");
        thread::sleep(Duration::from_millis(50));
    }
}

fn assert_running(dir: &Path, names: &[&str]) {
    let processes = processes_in(dir);
    for name in names {
        let runs = processes.iter().any(|line| line.split(' ').next().is_some_and(|program| program.ends_with(name)));
        assert!(runs, "{name} is not among {processes:#?}");
    }
}

fn assert_gone(dir: &Path) {
    until("all processes end", || processes_in(dir).is_empty());
}

/// Sends SIGKILL, or another signal, by `kill`, which every system has.
fn kill(signal: &str, pid: u32) {
    assert!(Command::new("kill").args([signal, &pid.to_string()]).status().unwrap().success());
}

#[test]
fn killing_the_supervisor_takes_the_programs_with_it() {
    let plane = ControlPlane::start_with(Path::new(PROGRAM)).unwrap();
    let dir = plane.dir().to_owned();
    assert_running(&dir, &PLANE);
    kill("-KILL", plane.supervisor_id());
    assert_gone(&dir);
    // A killed supervisor cannot remove its directory: the next one does, this or one that is started beside it.
    let _next = ControlPlane::start_with(Path::new(PROGRAM)).unwrap();
    until("the directory is removed", || !dir.exists());
}

#[test]
fn a_signal_ends_the_supervisor_cleanly() {
    for signal in ["-INT", "-TERM", "-HUP"] {
        let temporary = tempfile::tempdir().unwrap();
        let mut supervisor = Command::new(PROGRAM)
            .arg("up")
            .env("TMPDIR", temporary.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(supervisor.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert!(line.contains("kubeconfig"), "{line}");
        kill(signal, supervisor.id());
        assert!(supervisor.wait().unwrap().success(), "{signal}");
        assert_eq!(fs::read_dir(temporary.path()).unwrap().count(), 0, "{signal}");
        assert_gone(temporary.path());
    }
}

#[test]
fn a_program_whose_parent_is_gone_does_not_start() {
    let output = Command::new(PROGRAM).args(["child", "--parent", "1", "--", "echo", "started"]).output().unwrap();
    assert!(!output.status.success());
    assert_eq!(String::from_utf8_lossy(&output.stdout), "");
}

/// A demo of a stand-in operator: it makes the one resource Ready, by kubectl, with the kubeconfig that it is given.
struct Demo {
    child: Child,
    files: TempDir,
    temporary: TempDir,
}

const CRD: &str = "\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: tokens.org-operator.dev}
spec:
  group: org-operator.dev
  names: {kind: Token, listKind: TokenList, plural: tokens, singular: token, categories: [org-operator]}
  scope: Namespaced
  versions:
    - name: v1alpha1
      served: true
      storage: true
      subresources: {status: {}}
      schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
";

const MANIFEST: &str = "\
{apiVersion: v1, kind: Namespace, metadata: {name: shown}}
---
{apiVersion: org-operator.dev/v1alpha1, kind: Token, metadata: {name: ci, namespace: shown}, spec: {}}
";

const RULES: &str = "\
- {apiGroups: [org-operator.dev], resources: [tokens, tokens/status], verbs: [get, patch]}
- {apiGroups: [''], resources: [secrets], verbs: [create]}
";

/// Makes the Token Ready and its Secret, then stays like an operator does.
const OPERATOR: &str = r#"
until kubectl create secret generic ci-token --namespace shown --from-literal=token=do-not-print; do sleep 0.2; done
until kubectl patch tokens.org-operator.dev ci --namespace shown --subresource=status --type=merge --patch \
  '{"status": {"observedGeneration": 1, "secretName": "ci-token", "conditions": [
    {"type": "Ready", "status": "True", "reason": "Succeeded", "message": "done"}]}}'; do sleep 0.2; done
while :; do sleep 1; done
"#;

impl Demo {
    /// Starts it with a shell script as the operator.
    fn start(operator: &str, arguments: &[&str]) -> Self {
        let (files, temporary) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let write = |name: &str, text: &str| {
            let path = files.path().join(name);
            fs::write(&path, text).unwrap();
            path
        };
        // The stand-in finds kubectl beside the plane's other programs.
        let kubectl = kubectl();
        let path = format!("PATH={}:$PATH", kubectl.parent().unwrap().display());
        let operator = write("operator", &format!("#!/bin/sh\n{path}\n{operator}"));
        fs::set_permissions(&operator, fs::Permissions::from_mode(0o755)).unwrap();
        fs::create_dir(files.path().join("crds")).unwrap();
        write("crds/tokens.yaml", CRD);
        let (manifest, rules) = (write("manifest.yaml", MANIFEST), write("rules.yaml", RULES));
        let child = Command::new(PROGRAM)
            .args(["demo", "--operator"])
            .arg(operator)
            .arg("--crds")
            .arg(files.path().join("crds"))
            .arg("--manifest")
            .arg(manifest)
            .arg("--rules")
            .arg(rules)
            .args(arguments)
            .env("TMPDIR", temporary.path())
            // As a terminal would have it.
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Self { child, files, temporary }
    }

    /// Reads its standard output up to the line that begins with `last`.
    fn read_to(&mut self, last: &str) -> String {
        let mut text = String::new();
        let mut output = BufReader::new(self.child.stdout.as_mut().unwrap());
        while !text.lines().next_back().is_some_and(|line| line.starts_with(last)) {
            assert_ne!(output.read_line(&mut text).unwrap(), 0, "it ended after: {text}");
        }
        text
    }

    /// Waits for its end and returns whether it succeeded, with what it still had to say.
    fn end(&mut self) -> (bool, String, String) {
        let (mut output, mut errors) = (String::new(), String::new());
        self.child.stdout.take().unwrap().read_to_string(&mut output).unwrap();
        self.child.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
        (self.child.wait().unwrap().success(), output, errors)
    }

    fn assert_nothing_left(&self) {
        assert_gone(self.temporary.path());
        until("its directory goes", || fs::read_dir(self.temporary.path()).unwrap().count() == 0);
    }
}

/// The kubectl that planes here use.
fn kubectl() -> PathBuf {
    let output = Command::new(PROGRAM).arg("obtain").stderr(Stdio::inherit()).output().unwrap();
    let paths = String::from_utf8(output.stdout).unwrap();
    paths.lines().map(PathBuf::from).find(|path| path.ends_with("kubectl")).unwrap()
}

#[test]
fn the_demo_shows_what_is_ready_and_no_value() {
    let mut demo = Demo::start(OPERATOR, &["--once"]);
    let (success, output, errors) = demo.end();
    assert!(success, "{errors}");
    assert!(output.contains("All 1 are Ready"), "{output}");
    assert!(output.contains("ci-token   token\n"), "{output}");
    assert!(output.contains("kubectl get secret ci-token --namespace shown"), "{output}");
    assert!(output.contains("export KUBECONFIG="), "{output}");
    assert!(errors.contains("Token ci is Ready"), "{errors}");
    assert!(!output.contains("do-not-print") && !errors.contains("do-not-print"));
    demo.assert_nothing_left();
}

#[test]
fn the_demo_says_what_is_not_ready_in_time() {
    let mut demo =
        Demo::start("echo a word from the operator; while :; do sleep 1; done", &["--once", "--within", "1"]);
    let (success, _, errors) = demo.end();
    assert!(!success);
    assert!(errors.contains("Token ci is not Ready: it has no condition Ready"), "{errors}");
    assert!(errors.contains("a word from the operator"), "{errors}");
    demo.assert_nothing_left();
}

#[test]
fn the_demo_says_why_the_operator_ended() {
    let mut demo = Demo::start("echo this is why; exit 3", &[]);
    let (success, _, errors) = demo.end();
    assert!(!success);
    assert!(errors.contains("exit code 3") && errors.contains("this is why"), "{errors}");
    demo.assert_nothing_left();
}

#[test]
fn ctrl_c_ends_the_demo_and_all_that_it_started() {
    let mut demo = Demo::start(OPERATOR, &[]);
    demo.read_to("Ctrl-C ends");
    assert_running(demo.temporary.path(), &PLANE);
    kill("-INT", demo.child.id());
    let (success, _, errors) = demo.end();
    assert!(success, "{errors}");
    demo.assert_nothing_left();
}

#[test]
fn killing_the_owner_takes_the_plane_and_the_operator_with_it() {
    let mut demo = Demo::start(OPERATOR, &[]);
    demo.read_to("Ctrl-C ends");
    assert_running(demo.temporary.path(), &PLANE);
    let operator = demo.files.path().join("operator");
    assert!(processes_in(demo.temporary.path()).iter().any(|line| line.contains(operator.to_str().unwrap())));
    demo.child.kill().unwrap();
    demo.child.wait().unwrap();
    demo.assert_nothing_left();
}
