//! The demo: a plane, the operator as an ordinary process against it, and a manifest that becomes Ready.

mod platform;
mod report;
mod state;

use std::ffi::OsStr;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;
use serde_json::Value;

use crate::child::{self, OWN_PROGRAM, Program};
use crate::interrupt::Interrupt;
use crate::owner::{ControlPlane, Error};
use crate::plane::free_port;
use crate::progress::{Step, say};
use platform::{Platform, Played};
use state::State;

/// How often the resources are looked at.
const LOOK: Duration = Duration::from_millis(300);
/// How long kubectl may not know a new kind.
const DISCOVERED_WITHIN: Duration = Duration::from_secs(15);
/// How long the operator may take to end: it finishes its calls in flight.
const PATIENCE: Duration = Duration::from_secs(10);
/// The namespace and the name of the operator's service account.
const ACCOUNT: &str = "org-operator";

/// What to show, and where its parts are.
#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// The operator's program
    #[arg(long)]
    operator: PathBuf,
    /// End as soon as all is Ready: exit code 0, or 1 if it is not in time
    #[arg(long)]
    once: bool,
    /// How long the resources may take to become Ready, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    within: u64,
    /// The directory of the custom resource definitions
    #[arg(long, default_value = "crds")]
    crds: PathBuf,
    /// The platform to make organisations on; all but embedded are played by the operator's own backend
    #[arg(long, value_enum, default_value_t = Platform::Embedded)]
    platform: Platform,
    /// The resources to apply. Default: the platform's example, of embedded examples/quickstart.yaml
    #[arg(long)]
    manifest: Option<PathBuf>,
    /// The operator's rights: a list of policy rules
    #[arg(long, default_value = "charts/org-operator/files/rules.yaml")]
    rules: PathBuf,
}

/// Why the demo ended early.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DemoError {
    /// A file that it needs is not there.
    #[error("there is no {what} at {}: run this from the top of the repository, by `make demo`", path.display())]
    Missing {
        /// What it is.
        what: &'static str,
        /// Where it was looked for.
        path: PathBuf,
    },
    /// The plane or kubectl failed.
    #[error(transparent)]
    Plane(#[from] Error),
    /// The system refused something.
    #[error("{what}")]
    System {
        /// What was tried.
        what: String,
        /// What the system said.
        source: io::Error,
    },
    /// The operator ended.
    #[error("the operator ended with {status}; the end of its log:\n{log}")]
    Operator {
        /// How it ended.
        status: String,
        /// The end of its log.
        log: String,
    },
    /// What plays the platform ended, or never began.
    #[error("org-operator backend ended with {status}; the end of its log:\n{log}")]
    Backend {
        /// How it ended.
        status: String,
        /// The end of its log.
        log: String,
    },
    /// The plane ended.
    #[error("the control plane ended with {status}; standard error above says why")]
    PlaneEnded {
        /// How its supervisor ended.
        status: String,
    },
    /// Not all became Ready in time.
    #[error("not all are Ready within {seconds} s:\n{reasons}\nthe end of the operator's log:\n{log}")]
    NotReady {
        /// The time they had.
        seconds: u64,
        /// A line for each that is not.
        reasons: String,
        /// The end of the operator's log.
        log: String,
    },
    /// There is nothing to wait for.
    #[error("{} has no resource of org-operator.dev", manifest.display())]
    Empty {
        /// The manifest.
        manifest: PathBuf,
    },
}

fn system(what: impl Into<String>) -> impl FnOnce(io::Error) -> DemoError {
    let what = what.into();
    move |source| DemoError::System { what, source }
}

impl Demo {
    /// Runs the demo until all is Ready (`--once`) or a signal ends it. Must run on the main thread: see [`child`].
    pub(crate) fn run(&self) -> Result<(), DemoError> {
        let manifest = self.manifest.clone().unwrap_or_else(|| self.platform.manifest());
        for (what, path) in [
            ("operator", &self.operator),
            ("directory of CRDs", &self.crds),
            ("manifest", &manifest),
            ("list of rules", &self.rules),
        ] {
            if !path.exists() {
                return Err(DemoError::Missing { what, path: path.clone() });
            }
        }
        say("starting the control plane");
        // Signals have their default effect until it is up: a build has to end with a Ctrl-C. The supervisor notices.
        let mut plane = ControlPlane::start_with(Path::new(OWN_PROGRAM))?;
        let interrupt = Interrupt::on_signals().map_err(system("signals cannot be listened to"))?;
        match self.show(&mut plane, &interrupt, &manifest) {
            // A Ctrl-C also reaches the kubectl that we happen to run, which then fails: that is no failure of ours.
            Err(_) if interrupt.requested() => {}
            result => result?,
        }
        drop(plane);
        say("stopped; no process and no file is left behind");
        Ok(())
    }

    fn show(&self, plane: &mut ControlPlane, interrupt: &Interrupt, manifest: &Path) -> Result<(), DemoError> {
        say(&format!("installing {}", self.crds.display()));
        plane.run([OsStr::new("apply"), "--server-side".as_ref(), "-f".as_ref(), self.crds.as_os_str()])?;
        plane.run(["wait", "--for=condition=Established", "--timeout=60s", "crd", "--all"])?;

        let port = free_port().map_err(system("no free port on 127.0.0.1"))?;
        let mut operator = self.start_operator(plane, port)?;
        say(&format!("the operator runs as process {} and logs to {}", operator.id(), operator.log().display()));

        let mut played = None;
        if self.platform != Platform::Embedded {
            played = Played::start(self.platform, &self.operator, plane, interrupt)?;
            let Some(played) = &played else { return Ok(()) };
            say(&played.line());
        }

        say(&format!("applying {}", manifest.display()));
        let manifest = match &played {
            Some(played) => played.manifest(plane, manifest)?,
            None => manifest.to_owned(),
        };
        let begun = Instant::now();
        apply(plane, interrupt, &manifest)?;
        if let Some(line) = played.as_ref().map(|played| played.give_secrets(plane)).transpose()?.flatten() {
            say(&line);
        }
        let Some(states) = self.wait(plane, &mut operator, interrupt, begun, &manifest)? else {
            return Ok(());
        };

        let mut text = report::text(plane, &states, begun.elapsed())?;
        text.push_str(&match &played {
            Some(played) => played.trial(plane, &self.operator)?,
            None => report::trial(&states, port),
        });
        let mut output = io::stdout().lock();
        writeln!(output, "{text}").map_err(system("standard output is closed"))?;
        if !self.once {
            writeln!(output, "Ctrl-C ends all of it and leaves nothing behind.")
                .map_err(system("standard output is closed"))?;
            while !interrupt.wait(Duration::from_secs(30)) {
                alive(&mut operator, plane)?;
                if let Some(played) = &mut played {
                    played.alive()?;
                }
            }
        }
        if let Some(played) = &mut played {
            played.stop(PATIENCE)?;
        }
        operator.stop(PATIENCE).map_err(system("the operator cannot be stopped"))
    }

    fn start_operator(&self, plane: &ControlPlane, port: u16) -> Result<Program, DemoError> {
        let kubeconfig = plane.service_account_kubeconfig(ACCOUNT, ACCOUNT, &self.rules)?;
        let operator = std::path::absolute(&self.operator).map_err(system("the operator's path is not usable"))?;
        let mut command = child::command(&operator);
        command
            .args(["run", "--owner-id", "demo", "--listen"])
            .arg(format!("127.0.0.1:{port}"))
            .arg("--embedded-data-dir")
            .arg(plane.dir().join("operator-data"))
            .env("KUBECONFIG", kubeconfig);
        let log = plane.dir().join("operator.log");
        Program::start("org-operator", command, log).map_err(system(format!("{} cannot be run", operator.display())))
    }

    /// Waits until all resources of the manifest are Ready. `None` if a signal came first.
    fn wait(
        &self,
        plane: &mut ControlPlane,
        operator: &mut Program,
        interrupt: &Interrupt,
        begun: Instant,
        manifest: &Path,
    ) -> Result<Option<Vec<State>>, DemoError> {
        let limit = Duration::from_secs(self.within);
        let mut step: Option<Step> = None;
        let mut late = false;
        let mut seen: Vec<String> = Vec::new();
        loop {
            let states = states_of(plane, manifest)?;
            let ready = states.iter().filter(|state| state.ready).count();
            let step = step.get_or_insert_with(|| Step::begin("waiting until all are Ready", count(states.len())));
            for line in states.iter().map(State::line) {
                if !seen.contains(&line) {
                    step.note(&line);
                    seen.push(line);
                }
            }
            if states.is_empty() {
                return Err(DemoError::Empty { manifest: manifest.to_owned() });
            }
            if ready == states.len() {
                return Ok(Some(states));
            }
            let waiting: Vec<String> = states.iter().filter(|state| !state.ready).map(State::line).collect();
            step.at(count(ready).unwrap_or_default(), &format!("ready; {}", waiting.join("; ")));
            if begun.elapsed() > limit && !late {
                let reasons = waiting.join("\n");
                let error = DemoError::NotReady { seconds: self.within, reasons, log: operator.log_tail() };
                if self.once {
                    return Err(error);
                }
                step.note(&format!("{error}\nstill waiting; Ctrl-C ends it"));
                late = true;
            }
            alive(operator, plane)?;
            if interrupt.wait(LOOK) {
                return Ok(None);
            }
        }
    }
}

/// Applies a manifest. A kind may be established a moment before kubectl can discover it.
fn apply(plane: &ControlPlane, interrupt: &Interrupt, manifest: &Path) -> Result<(), DemoError> {
    let until = Instant::now() + DISCOVERED_WITHIN;
    loop {
        match plane.run([OsStr::new("apply"), "-f".as_ref(), manifest.as_os_str()]) {
            Err(Error::Refused { message, .. })
                if message.contains("no matches for kind") && Instant::now() < until && !interrupt.wait(LOOK) => {}
            result => return result.map(drop).map_err(Into::into),
        }
    }
}

/// The resources of a manifest as they are now.
fn states_of(plane: &ControlPlane, manifest: &Path) -> Result<Vec<State>, DemoError> {
    let text = plane.run([OsStr::new("get"), "-f".as_ref(), manifest.as_os_str(), "-o".as_ref(), "json".as_ref()])?;
    let found: Value = serde_json::from_str(&text)
        .map_err(|error| Error::Content { what: "the answer of kubectl get".to_owned(), source: error.into() })?;
    Ok(state::states(&found))
}

/// Fails if the operator or the plane has ended.
fn alive(operator: &mut Program, plane: &mut ControlPlane) -> Result<(), DemoError> {
    if let Some(status) = operator.ended().map_err(system("the operator cannot be watched"))? {
        return Err(DemoError::Operator { status: child::describe(status), log: operator.log_tail() });
    }
    match plane.ended() {
        Some(status) => Err(DemoError::PlaneEnded { status }),
        None => Ok(()),
    }
}

fn count(number: usize) -> Option<u64> {
    u64::try_from(number).ok()
}
