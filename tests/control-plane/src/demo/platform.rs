//! The platforms that the demo can show: the operator's own, and those that `org-operator backend` plays.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::ValueEnum;
use serde_json::{Value, json};

use super::{DemoError, system};
use crate::child::{self, Program};
use crate::interrupt::Interrupt;
use crate::owner::{ControlPlane, Error};

/// How long a backend may take to serve.
const SERVES_WITHIN: Duration = Duration::from_secs(30);
/// How often its log is looked at.
const LOOK: Duration = Duration::from_millis(50);

/// Which platform is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Platform {
    /// The operator's own directory
    Embedded,
    /// A Tyk Dashboard
    Tyk,
    /// A Rockfish Data Platform
    Rockfish,
    /// A ROCKIT Edge
    Rockit,
}

/// A value of a Secret.
enum Given {
    /// What the backend keeps in a file of the dialect's directory.
    Kept(&'static str),
    /// What it takes as it is.
    Text(&'static str),
}

/// A Secret that the example names and does not bring along.
type Secret = (&'static str, &'static [(&'static str, Given)]);

impl Platform {
    /// Its name as files, flags and namespaces have it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Embedded => "embedded",
            Self::Tyk => "tyk",
            Self::Rockfish => "rockfish",
            Self::Rockit => "rockit",
        }
    }

    /// The resources to apply.
    pub(super) fn manifest(self) -> PathBuf {
        let name = if self == Self::Embedded { "quickstart" } else { self.name() };
        PathBuf::from(format!("examples/{name}.yaml"))
    }

    /// The namespace of that example.
    fn namespace(self) -> String {
        format!("{}-example", self.name())
    }

    /// Each listener with its flag, and the address that the example has for it.
    const fn listeners(self) -> &'static [(&'static str, &'static str, &'static str)] {
        match self {
            Self::Embedded => &[],
            Self::Tyk => &[("tyk", "--tyk-listen", "http://127.0.0.1:3000")],
            Self::Rockfish => &[
                ("rockfish-admin", "--rockfish-admin-listen", "http://127.0.0.1:8085"),
                ("rockfish", "--rockfish-listen", "http://127.0.0.1:8080"),
            ],
            Self::Rockit => &[("rockit", "--rockit-listen", "http://127.0.0.1:8090")],
        }
    }

    const fn secrets(self) -> &'static [Secret] {
        match self {
            Self::Embedded | Self::Rockfish => &[],
            Self::Tyk => &[("tyk-dashboard", &[("AdminSecret", Given::Kept("admin-secret"))])],
            Self::Rockit => &[
                (
                    "rockit-edge",
                    &[("adminKey", Given::Kept("admin-secret")), ("backendToken", Given::Kept("operator-key"))],
                ),
                ("example-org-dxorglnk", &[("dxorglnk", Given::Text("dxorglnk.ExampleOrg.made-up-for-the-demo"))]),
            ],
        }
    }
}

/// A platform that is played.
#[derive(Debug)]
pub(super) struct Played {
    platform: Platform,
    program: Program,
    data: PathBuf,
    urls: BTreeMap<String, String>,
}

impl Played {
    /// Starts the backend on free ports. `None` if a signal came first.
    pub(super) fn start(
        platform: Platform,
        operator: &Path,
        plane: &ControlPlane,
        interrupt: &Interrupt,
    ) -> Result<Option<Self>, DemoError> {
        let program = std::path::absolute(operator).map_err(system("the operator's path is not usable"))?;
        let (data, log) = (plane.dir().join("backend-data"), plane.dir().join("backend.log"));
        let mut command = child::command(&program);
        command.args(["backend", "--log-format=json", "--listen=127.0.0.1:0", "--dialect", platform.name()]);
        command.arg("--data-dir").arg(&data);
        command.args(platform.listeners().iter().map(|(_, flag, _)| format!("{flag}=127.0.0.1:0")));
        let program = Program::start("org-operator backend", command, log)
            .map_err(system(format!("{} cannot be run", program.display())))?;
        let mut played = Self { platform, program, data, urls: BTreeMap::new() };
        let until = Instant::now() + SERVES_WITHIN;
        while !played.look() {
            played.alive()?;
            if interrupt.wait(LOOK) {
                return Ok(None);
            }
            if Instant::now() > until {
                return Err(DemoError::Backend { status: "no listener".to_owned(), log: played.program.log_tail() });
            }
        }
        Ok(Some(played))
    }

    /// Reads in its log where it listens; true once it serves.
    fn look(&mut self) -> bool {
        let log = fs::read_to_string(self.program.log()).unwrap_or_default();
        let events = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let mut serves = false;
        for event in events {
            serves |= event["message"] == "started";
            if let (Some(listener), Some(url)) = (event["listener"].as_str(), event["url"].as_str()) {
                self.urls.insert(listener.to_owned(), url.to_owned());
            }
        }
        serves
    }

    /// Fails if it has ended.
    pub(super) fn alive(&mut self) -> Result<(), DemoError> {
        match self.program.ended().map_err(system("the backend cannot be watched"))? {
            Some(status) => Err(DemoError::Backend { status: child::describe(status), log: self.program.log_tail() }),
            None => Ok(()),
        }
    }

    /// Lets it finish what it is at.
    pub(super) fn stop(&mut self, patience: Duration) -> Result<(), DemoError> {
        self.program.stop(patience).map_err(system("the backend cannot be stopped"))
    }

    /// Where a listener is.
    pub(super) fn url(&self, listener: &str) -> &str {
        self.urls.get(listener).map(String::as_str).unwrap_or_default()
    }

    /// What plays it.
    pub(super) fn line(&self) -> String {
        let listens: Vec<&str> = self.platform.listeners().iter().map(|(listener, ..)| self.url(listener)).collect();
        format!(
            "org-operator backend plays the platform at {} as process {} and logs to {}",
            listens.join(" and "),
            self.program.id(),
            self.program.log().display()
        )
    }

    /// The manifest with these addresses in the place of its own.
    pub(super) fn manifest(&self, plane: &ControlPlane, manifest: &Path) -> Result<PathBuf, DemoError> {
        let mut text =
            fs::read_to_string(manifest).map_err(system(format!("{} cannot be read", manifest.display())))?;
        for (listener, _, address) in self.platform.listeners() {
            text = text.replace(address, self.url(listener));
        }
        let copy = plane.dir().join(format!("{}.yaml", self.platform.name()));
        fs::write(&copy, text).map_err(system(format!("{} cannot be written", copy.display())))?;
        Ok(copy)
    }

    /// Makes the Secrets that the manifest names, and says which.
    pub(super) fn give_secrets(&self, plane: &ControlPlane) -> Result<Option<String>, DemoError> {
        let mut names = Vec::new();
        for (name, values) in self.platform.secrets() {
            let mut data = serde_json::Map::new();
            for (key, given) in *values {
                data.insert((*key).to_owned(), self.value(given)?.into());
            }
            let metadata = json!({ "name": name, "namespace": self.platform.namespace() });
            plane.apply(&json!({ "apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": data }))?;
            names.push(*name);
        }
        Ok((!names.is_empty())
            .then(|| format!("making what the manifest leaves out: the Secrets {}", names.join(", "))))
    }

    fn value(&self, given: &Given) -> Result<String, DemoError> {
        match given {
            Given::Text(text) => Ok((*text).to_owned()),
            Given::Kept(file) => {
                let path = self.data.join(self.platform.name()).join(file);
                let text = fs::read_to_string(&path).map_err(system(format!("{} cannot be read", path.display())))?;
                Ok(text.trim_end().to_owned())
            }
        }
    }

    /// How to try what is in a Secret against the platform that is played. The values stay in the Secrets.
    pub(super) fn trial(&self, plane: &ControlPlane, operator: &Path) -> Result<String, Error> {
        let namespace = self.platform.namespace();
        let read = |secret: &str, key: &str| {
            format!(
                "kubectl get secret {secret} --namespace {namespace} -o go-template='{{{{.data.{key} | base64decode}}}}'"
            )
        };
        Ok(match self.platform {
            Platform::Embedded => String::new(),
            Platform::Tyk => format!(
                "\nRead a Secret, here what Tyk Operator would read:\n  {key}\n\
                 \nAsk the Dashboard with it who is in the organisation:\n  \
                 curl -sS -H \"Authorization: $({key})\" {url}/api/users\n",
                key = read("tyk-operator-conf", "TYK_AUTH"),
                url = self.url("tyk"),
            ),
            Platform::Rockfish => format!(
                "\nRead a Secret, here what Rockfish's SDK would read:\n  {key}\n\
                 \nAsk the public API with it in which organisation that is:\n  \
                 curl -sS -H \"Authorization: Bearer $({key})\" {url}/organization/active\n",
                key = read("pipeline-token", "ROCKFISH_API_KEY"),
                url = self.url("rockfish"),
            ),
            Platform::Rockit => {
                let password = read("example-org-admin", "password");
                let external = "jsonpath={.items[0].status.externalName}";
                let get = ["get", "organizations.org-operator.dev", "--namespace", &namespace, "-o", external];
                let organization = plane.run(get.map(OsStr::new))?;
                format!(
                    "\nRead a Secret, here the first administrator's password:\n  {password}\n\
                     \nOpen the administrator's invitation, which enables the account, and log in:\n  \
                     {operator} backend invitations --data-dir {data}   # the link, for a browser or curl -X POST\n  \
                     curl -sS -H 'Content-Type: application/json' \
                     -d '{{\"orgname\": \"{organization}\", \"username\": \"adminUser\", \"password\": \"'\"$({password})\"'\"}}' \
                     {url}/be/v1/login\n",
                    operator = operator.display(),
                    data = self.data.display(),
                    url = self.url("rockit"),
                )
            }
        })
    }
}
