//! Where the programs come from: `KUBEBUILDER_ASSETS`, or a build from the pinned Go modules.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

use crate::interrupt::Interrupt;
use crate::pins::Pins;
use crate::progress::say;
use crate::toolchain::{self, BuildError};

/// The variable by which the field's tools find a control plane's programs.
pub(crate) const ASSETS: &str = "KUBEBUILDER_ASSETS";

/// A program and the Go package that it is built from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Source {
    /// The name of the file.
    pub(crate) name: &'static str,
    /// The Go package.
    pub(crate) package: &'static str,
    /// Whether directories made for `KUBEBUILDER_ASSETS` have it: they come without a controller manager.
    pub(crate) in_assets: bool,
}

/// All four, cheapest first, so that a missing compiler or a full disk shows early.
pub(crate) const SOURCES: [Source; 4] = [
    Source { name: "etcd", package: "go.etcd.io/etcd/server/v3", in_assets: true },
    Source { name: "kubectl", package: "k8s.io/kubernetes/cmd/kubectl", in_assets: true },
    Source { name: "kube-apiserver", package: "k8s.io/kubernetes/cmd/kube-apiserver", in_assets: true },
    Source {
        name: "kube-controller-manager",
        package: "k8s.io/kubernetes/cmd/kube-controller-manager",
        in_assets: false,
    },
];

/// The programs of a control plane, as absolute paths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Programs {
    /// The store.
    pub(crate) etcd: PathBuf,
    /// The API server.
    pub(crate) kube_apiserver: PathBuf,
    /// Garbage collection and namespace deletion, among others.
    pub(crate) kube_controller_manager: PathBuf,
    /// The client.
    pub(crate) kubectl: PathBuf,
}

/// Why there are no programs.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ObtainError {
    /// The directory that was named lacks what it should have.
    #[error(
        "{ASSETS}={}: there is no {missing} in it; name a directory with etcd, kube-apiserver and kubectl, or unset {ASSETS} \
         to have them built from their Go modules",
        directory.display()
    )]
    Incomplete {
        /// The directory.
        directory: PathBuf,
        /// The programs that are not there.
        missing: String,
    },
    /// The path cannot be made absolute.
    #[error("{ASSETS} is not a usable path")]
    Assets(#[source] io::Error),
    /// Neither variable that says where caches live is set.
    #[error("there is no place for the build: set HOME or XDG_CACHE_HOME")]
    NoCache,
    /// Building them failed.
    #[error(transparent)]
    Build(#[from] BuildError),
}

/// Finds or builds the programs, with progress on standard error.
///
/// `assets`, `cache` and `home` are the values of `KUBEBUILDER_ASSETS`, `XDG_CACHE_HOME` and `HOME`.
pub(crate) fn obtain(
    assets: Option<&OsStr>,
    cache: Option<&OsStr>,
    home: Option<&OsStr>,
    interrupt: &Interrupt,
) -> Result<Programs, ObtainError> {
    let pins = Pins::embedded();
    let assets = assets.filter(|value| !value.is_empty()).map(Path::new);
    let assets = assets.map(std::path::absolute).transpose().map_err(ObtainError::Assets)?;
    let lacking: Vec<Source> = match &assets {
        None => SOURCES.to_vec(),
        Some(directory) => {
            let lacking: Vec<Source> =
                SOURCES.into_iter().filter(|source| !directory.join(source.name).is_file()).collect();
            let missing: Vec<&str> =
                lacking.iter().filter(|source| source.in_assets).map(|source| source.name).collect();
            if !missing.is_empty() {
                return Err(ObtainError::Incomplete { directory: directory.clone(), missing: missing.join(", ") });
            }
            for source in &lacking {
                say(&format!(
                    "{ASSETS}={} has no {}: taking {} from its Go module",
                    directory.display(),
                    source.name,
                    pins.kubernetes_version()
                ));
            }
            lacking
        }
    };
    let built = if lacking.is_empty() {
        None
    } else {
        let directory = cache_directory(cache, home).ok_or(ObtainError::NoCache)?.join(pins.key());
        toolchain::build(&pins, &lacking, &directory, interrupt)?;
        Some(directory)
    };
    let path = |name: &str| match (&assets, &built) {
        (Some(directory), _) if !lacking.iter().any(|source| source.name == name) => directory.join(name),
        (_, Some(directory)) => directory.join(name),
        // Nothing is lacking, so the first arm has taken it already.
        (_, None) => PathBuf::from(name),
    };
    Ok(Programs {
        etcd: path("etcd"),
        kube_apiserver: path("kube-apiserver"),
        kube_controller_manager: path("kube-controller-manager"),
        kubectl: path("kubectl"),
    })
}

/// `${XDG_CACHE_HOME:-$HOME/.cache}/org-operator/control-plane`. The XDG specification has relative paths ignored.
fn cache_directory(cache: Option<&OsStr>, home: Option<&OsStr>) -> Option<PathBuf> {
    let absolute = |value: Option<&OsStr>| value.map(PathBuf::from).filter(|path| path.is_absolute());
    let base = absolute(cache).or_else(|| absolute(home).map(|home| home.join(".cache")))?;
    Some(base.join("org-operator").join("control-plane"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assets(names: &[&str]) -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        for name in names {
            std::fs::write(directory.path().join(name), "").unwrap();
        }
        directory
    }

    fn obtain_from(directory: &Path, cache: Option<&Path>) -> Result<Programs, ObtainError> {
        let interrupt = Interrupt::on_signals().unwrap();
        obtain(Some(directory.as_os_str()), cache.map(Path::as_os_str), None, &interrupt)
    }

    #[test]
    fn complete_assets_are_taken_as_they_are() {
        let directory = assets(&["etcd", "kubectl", "kube-apiserver", "kube-controller-manager"]);
        let programs = obtain_from(directory.path(), None).unwrap();
        assert_eq!(programs.etcd, directory.path().join("etcd"));
        assert_eq!(programs.kube_controller_manager, directory.path().join("kube-controller-manager"));
    }

    #[test]
    fn missing_assets_are_named() {
        let directory = assets(&["etcd"]);
        let error = obtain_from(directory.path(), None).unwrap_err().to_string();
        assert!(error.contains("no kubectl, kube-apiserver in it"), "{error}");
    }

    #[test]
    fn only_the_controller_manager_comes_from_elsewhere() {
        let directory = assets(&["etcd", "kubectl", "kube-apiserver"]);
        let cache = tempfile::tempdir().unwrap();
        let built = cache.path().join("org-operator/control-plane").join(Pins::embedded().key());
        std::fs::create_dir_all(&built).unwrap();
        std::fs::write(built.join("kube-controller-manager"), "").unwrap();
        let programs = obtain_from(directory.path(), Some(cache.path())).unwrap();
        assert_eq!(programs.kube_apiserver, directory.path().join("kube-apiserver"));
        assert_eq!(programs.kube_controller_manager, built.join("kube-controller-manager"));
    }

    #[test]
    fn without_a_home_there_is_no_cache() {
        let directory = assets(&["etcd", "kubectl", "kube-apiserver"]);
        assert!(matches!(obtain_from(directory.path(), None), Err(ObtainError::NoCache)));
    }

    #[test]
    fn the_cache_follows_the_specification() {
        let (cache, home) = (OsStr::new("/c"), OsStr::new("/h"));
        let directory = |cache, home| cache_directory(cache, home).unwrap();
        assert_eq!(directory(Some(cache), Some(home)), Path::new("/c/org-operator/control-plane"));
        assert_eq!(directory(None, Some(home)), Path::new("/h/.cache/org-operator/control-plane"));
        assert_eq!(
            directory(Some(OsStr::new("relative")), Some(home)),
            Path::new("/h/.cache/org-operator/control-plane")
        );
    }
}
