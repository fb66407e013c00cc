//! The pinned Go modules and the flags that they are built with.

use sha2::{Digest, Sha256};

/// What is built, and how.
#[derive(Clone, Debug)]
pub(crate) struct Pins {
    /// The text of `go.mod`.
    pub(crate) go_mod: &'static str,
    /// The text of `go.sum`.
    pub(crate) go_sum: &'static str,
}

impl Pins {
    /// The pins that this program was compiled with.
    pub(crate) fn embedded() -> Self {
        Self { go_mod: include_str!("../programs/go.mod"), go_sum: include_str!("../programs/go.sum") }
    }

    /// The version of Kubernetes, such as `v1.37.2`.
    pub(crate) fn kubernetes_version(&self) -> &'static str {
        let version = |line: &'static str| {
            let mut words = line.split_whitespace();
            (words.next() == Some("k8s.io/kubernetes")).then(|| words.next()).flatten()
        };
        self.go_mod.lines().find_map(version).unwrap_or("v0.0.0")
    }

    /// The flags of `go build`. The version goes in by the linker, as in a release of Kubernetes: without it the API
    /// server would call itself v0.0.0, and refuse what depends on its version.
    pub(crate) fn flags(&self) -> [String; 5] {
        let version = self.kubernetes_version();
        let mut numbers = version.trim_start_matches('v').split('.');
        let (major, minor) = (numbers.next().unwrap_or("0"), numbers.next().unwrap_or("0"));
        let package = "k8s.io/component-base/version";
        [
            "-trimpath".to_owned(),
            "-buildvcs=false".to_owned(),
            "-mod=readonly".to_owned(),
            "-ldflags".to_owned(),
            format!(
                "-s -w -X {package}.gitVersion={version} -X {package}.gitMajor={major} -X {package}.gitMinor={minor}"
            ),
        ]
    }

    /// The name of the directory that a build of these pins lies in: 16 hexadecimal digits.
    pub(crate) fn key(&self) -> String {
        let mut hash = Sha256::new();
        hash.update(self.go_mod);
        hash.update(self.go_sum);
        for flag in self.flags() {
            hash.update(flag);
        }
        hash.update(std::env::consts::ARCH);
        let mut key = format!("{:x}", hash.finalize());
        key.truncate(16);
        key
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_comes_from_the_pins() {
        let pins = Pins { go_mod: "module m\n\nrequire (\n\tk8s.io/kubernetes v1.40.3\n)\n", go_sum: "" };
        assert_eq!(pins.kubernetes_version(), "v1.40.3");
        let [.., linker] = pins.flags();
        assert!(linker.ends_with(
            "gitVersion=v1.40.3 -X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=40"
        ));
    }

    #[test]
    fn other_pins_have_another_key() {
        let pins = Pins { go_mod: "k8s.io/kubernetes v1.40.3", go_sum: "a" };
        let other = Pins { go_mod: "k8s.io/kubernetes v1.40.3", go_sum: "b" };
        assert_eq!(pins.key().len(), 16);
        assert_eq!(pins.key(), pins.clone().key());
        assert_ne!(pins.key(), other.key());
    }
}
