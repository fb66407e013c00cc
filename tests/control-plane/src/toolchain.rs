//! Building the programs from their Go modules, once for all clones.
//!
//! The result lies in a directory named after the pins and the flags. Each program is built under another name and
//! renamed when it is whole, so that an interrupted build is never taken for one, and a lock keeps two builds apart.

use std::fs::{self, File, TryLockError};
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use crate::child;
use crate::interrupt::Interrupt;
use crate::pins::Pins;
use crate::programs::{ASSETS, Source};
use crate::progress::{Step, say};

/// How often a build in progress is looked at.
const LOOK: Duration = Duration::from_millis(200);
/// How many of a failed command's last lines its error shows.
const TAIL_LINES: usize = 30;

/// Why a build did not come to an end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BuildError {
    /// There is no Go.
    #[error(
        "the control plane is built with Go, and there is no `go` on the PATH: install it (https://go.dev/dl/, or \
         `apt-get install golang-go`; 1.21 or newer fetches the version that it needs by itself), or set {ASSETS} to a \
         directory with etcd, kube-apiserver and kubectl"
    )]
    NoGo,
    /// Go could not be started.
    #[error("`go` cannot be started")]
    Go(#[source] io::Error),
    /// Go refused.
    #[error("`go {command}` failed for {name} with {status}; its last lines:\n{tail}")]
    Failed {
        /// The subcommand.
        command: &'static str,
        /// The program that it was for.
        name: &'static str,
        /// How it ended.
        status: String,
        /// The end of what it said.
        tail: String,
    },
    /// The cache cannot be written.
    #[error("{} cannot be written", path.display())]
    Cache {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Somebody asked to stop.
    #[error("stopped while the control plane was being built")]
    Interrupted,
}

/// Builds those of `sources` that are not in `directory` yet.
pub(crate) fn build(
    pins: &Pins,
    sources: &[Source],
    directory: &Path,
    interrupt: &Interrupt,
) -> Result<(), BuildError> {
    let missing =
        || -> Vec<Source> { sources.iter().copied().filter(|source| !directory.join(source.name).is_file()).collect() };
    if missing().is_empty() {
        return Ok(());
    }
    require_go()?;
    let modules = directory.join("modules");
    fs::create_dir_all(&modules).map_err(cache_error(&modules))?;
    let _lock = lock(&directory.join("lock"), interrupt)?;
    // Whoever had the lock may have built them.
    let missing = missing();
    if missing.is_empty() {
        return Ok(());
    }
    for (name, text) in [("go.mod", pins.go_mod), ("go.sum", pins.go_sum)] {
        let path = modules.join(name);
        fs::write(&path, text).map_err(cache_error(&path))?;
    }
    say(&format!(
        "building Kubernetes {} from its Go modules into {} (once; about ten minutes on two cores)",
        pins.kubernetes_version(),
        directory.display()
    ));
    for (index, source) in missing.iter().enumerate() {
        let title = format!("{} ({} of {})", source.name, index + 1, missing.len());
        let partial = directory.join(format!(".{}.partial", source.name));
        build_one(pins, *source, &title, &modules, &partial, interrupt)?;
        let whole = directory.join(source.name);
        fs::rename(&partial, &whole).map_err(cache_error(&whole))?;
    }
    Ok(())
}

fn build_one(
    pins: &Pins,
    source: Source,
    title: &str,
    modules: &Path,
    output: &Path,
    interrupt: &Interrupt,
) -> Result<(), BuildError> {
    // The first step downloads what the second one compiles, and counts it.
    let mut step = Step::begin(format!("{title}, modules"), None);
    let mut list = go("list", modules);
    list.args(["-deps", "-f", "{{.ImportPath}}", source.package]);
    let mut downloads = 0;
    let packages = run(list, "list", source.name, interrupt, &mut |line| {
        if let Some(module) = line.strip_prefix("go: downloading ") {
            downloads += 1;
            step.at(downloads, &format!("downloaded; now {module}"));
        } else {
            step.at(downloads, "downloaded");
        }
    })?;
    let total = packages.lines().count();
    step.end(&format!("{downloads} downloaded, {total} packages to compile at most"));

    let mut step = Step::begin(format!("{title}, compiling"), u64::try_from(total).ok());
    let mut compile = go("build", modules);
    compile.arg("-v").args(pins.flags()).arg("-o").arg(output).arg(source.package);
    let mut compiled: usize = 0;
    run(compile, "build", source.name, interrupt, &mut |line| {
        if !line.is_empty() && !line.contains(char::is_whitespace) {
            compiled += 1;
        }
        // The package of the program itself comes last, then the linker has the word.
        let what = if line == source.package { "packages compiled; linking" } else { "packages compiled" };
        if !line.is_empty() || compiled > 0 {
            step.at(u64::try_from(compiled).unwrap_or(u64::MAX), what);
        }
    })?;
    step.end(&format!("done, {compiled} packages compiled, the others came from Go's cache"));
    Ok(())
}

/// `go` with a clean environment: what a user has set for other builds must not change this one.
fn go(subcommand: &str, modules: &Path) -> Command {
    let mut command = child::command(Path::new("go"));
    command.arg(subcommand).current_dir(modules).envs([
        ("CGO_ENABLED", "0"),
        // Empty would count as unset, and then `go env -w` has the word.
        ("GOFLAGS", "-mod=readonly"),
        ("GOWORK", "off"),
        ("GO111MODULE", "on"),
    ]);
    for variable in ["GOOS", "GOARCH", "GOEXPERIMENT"] {
        command.env_remove(variable);
    }
    command
}

/// Fails, with what to do, where there is no Go.
fn require_go() -> Result<(), BuildError> {
    let version = Command::new("go").arg("version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    match version {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(BuildError::NoGo),
        Err(error) => Err(BuildError::Go(error)),
    }
}

/// Runs `go`, shows each line of its standard error to `watch` (and an empty one now and then), and returns its standard
/// output.
fn run(
    mut command: Command,
    subcommand: &'static str,
    name: &'static str,
    interrupt: &Interrupt,
    watch: &mut dyn FnMut(&str),
) -> Result<String, BuildError> {
    let mut go =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().map_err(BuildError::Go)?;
    let output = go.stdout.take().map(|mut output| {
        thread::spawn(move || {
            let mut text = String::new();
            output.read_to_string(&mut text).map(|_| text)
        })
    });
    let errors = go.stderr.take().map(lines);
    let mut tail: Vec<String> = Vec::new();
    let mut take = |tail: &mut Vec<String>, patience: Duration| {
        watch("");
        while let Some(line) = errors.as_ref().and_then(|lines| lines.recv_timeout(patience).ok()) {
            watch(&line);
            tail.push(line);
            if tail.len() > TAIL_LINES {
                tail.remove(0);
            }
        }
    };
    let status = loop {
        if interrupt.wait(LOOK) {
            child::kill_group(&mut go);
            return Err(BuildError::Interrupted);
        }
        take(&mut tail, Duration::ZERO);
        if let Some(status) = go.try_wait().map_err(BuildError::Go)? {
            break status;
        }
    };
    let output = output.and_then(|reader| reader.join().ok()).transpose().map_err(BuildError::Go)?.unwrap_or_default();
    // The last lines may still be on their way.
    take(&mut tail, LOOK);
    if status.success() {
        Ok(output)
    } else {
        let status = child::describe(status);
        Err(BuildError::Failed { command: subcommand, name, status, tail: tail.join("\n") })
    }
}

/// The lines of a pipe, read as they come.
fn lines(pipe: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}

/// Takes the lock of a build directory, waiting for whoever has it.
fn lock(path: &Path, interrupt: &Interrupt) -> Result<File, BuildError> {
    let file = File::create(path).map_err(cache_error(path))?;
    let mut waiting = None;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::Error(source)) => {
                return Err(BuildError::Cache { path: path.to_owned(), source });
            }
            Err(TryLockError::WouldBlock) => waiting
                .get_or_insert_with(|| {
                    Step::begin(format!("waiting for another build to give up {}", path.display()), None)
                })
                .at(0, "so far"),
        }
        if interrupt.wait(LOOK) {
            return Err(BuildError::Interrupted);
        }
    }
}

fn cache_error(path: &Path) -> impl FnOnce(io::Error) -> BuildError {
    let path = path.to_owned();
    move |source| BuildError::Cache { path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_built_already_needs_no_go() {
        let directory = tempfile::tempdir().unwrap();
        let source = Source { name: "etcd", package: "example.com/etcd", in_assets: true };
        fs::write(directory.path().join("etcd"), "").unwrap();
        let interrupt = Interrupt::on_signals().unwrap();
        build(&Pins::embedded(), &[source], directory.path(), &interrupt).unwrap();
        // Not even the lock was taken.
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }
}
