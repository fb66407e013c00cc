//! Service accounts with the rights of a file, so that a program under test has what it will have in a cluster and no
//! more.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::kubeconfig::{self, Credential};
use crate::owner::{ControlPlane, Error};

impl ControlPlane {
    /// Makes a service account with the rights listed in `rules` and returns a kubeconfig for it.
    ///
    /// `rules` is a YAML file with a list of `PolicyRule`s, as a `ClusterRole` has under `rules`; they hold in the whole
    /// cluster. The namespace is made where it is missing and is the kubeconfig's current one. The token lasts for 24
    /// hours. The file lies in the plane's directory and only its owner can read it.
    pub fn service_account_kubeconfig(&self, namespace: &str, name: &str, rules: &Path) -> Result<PathBuf, Error> {
        self.account_kubeconfig(namespace, name, rules, Reach::Cluster)
    }

    /// The same with the rights in that namespace alone: what somebody has who was given a namespace.
    pub fn tenant_kubeconfig(&self, namespace: &str, name: &str, rules: &Path) -> Result<PathBuf, Error> {
        self.account_kubeconfig(namespace, name, rules, Reach::Namespace)
    }

    fn account_kubeconfig(&self, namespace: &str, name: &str, rules: &Path, reach: Reach) -> Result<PathBuf, Error> {
        self.apply(&json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": namespace } }))?;
        self.apply(&account(namespace, name, &read_rules(rules)?, reach))?;
        let token = self.run(["create", "token", name, "--namespace", namespace, "--duration=24h"])?.trim().to_owned();
        let (server, authority) = self.cluster()?;
        let document = kubeconfig::document(&server, &authority, Credential::Token(&token), namespace);
        let path = self.dir().join(format!("{namespace}-{name}.kubeconfig"));
        match kubeconfig::write_private(&path, &document.to_string()) {
            Ok(()) => Ok(path),
            Err(source) => Err(Error::File { path, source }),
        }
    }

    /// The URL of the API server and the certificate of its authority, PEM.
    fn cluster(&self) -> Result<(String, String), Error> {
        let read =
            |path: &Path| fs::read_to_string(path).map_err(|source| Error::File { path: path.to_owned(), source });
        let text = read(self.kubeconfig())?;
        let what = || self.kubeconfig().display().to_string();
        let kubeconfig: Value =
            serde_json::from_str(&text).map_err(|error| Error::Content { what: what(), source: error.into() })?;
        let server = kubeconfig["clusters"][0]["cluster"]["server"].as_str();
        let server = server.ok_or_else(|| Error::Content { what: what(), source: "it names no server".into() })?;
        Ok((server.to_owned(), read(&self.dir().join(crate::files::AUTHORITY))?))
    }
}

/// Where an account's rights hold.
#[derive(Clone, Copy, Debug)]
enum Reach {
    /// Everywhere.
    Cluster,
    /// In its own namespace.
    Namespace,
}

/// The rules of a file, as JSON.
fn read_rules(path: &Path) -> Result<Value, Error> {
    let text = fs::read_to_string(path).map_err(|source| Error::File { path: path.to_owned(), source })?;
    let content = |source| Error::Content { what: path.display().to_string(), source };
    let rules: Value = serde_yaml::from_str(&text).map_err(|error| content(error.into()))?;
    match &rules {
        Value::Array(list) if !list.is_empty() => Ok(rules),
        _ => Err(content("it should be a list of rules, each with apiGroups, resources and verbs".into())),
    }
}

/// The account and its rights.
fn account(namespace: &str, name: &str, rules: &Value, reach: Reach) -> Value {
    let (role, binding, metadata) = match reach {
        Reach::Cluster => ("ClusterRole", "ClusterRoleBinding", json!({ "name": format!("{namespace}-{name}") })),
        Reach::Namespace => ("Role", "RoleBinding", json!({ "name": name, "namespace": namespace })),
    };
    json!({ "apiVersion": "v1", "kind": "List", "items": [
        { "apiVersion": "v1", "kind": "ServiceAccount", "metadata": { "name": name, "namespace": namespace } },
        { "apiVersion": "rbac.authorization.k8s.io/v1", "kind": role, "metadata": metadata, "rules": rules },
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": binding,
            "metadata": metadata,
            "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": role, "name": metadata["name"] },
            "subjects": [{ "kind": "ServiceAccount", "name": name, "namespace": namespace }],
        },
    ]})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(text: &str) -> Result<Value, Error> {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), text).unwrap();
        read_rules(file.path())
    }

    #[test]
    fn rules_are_a_list() {
        let read = rules("# why\n- apiGroups: ['']\n  resources: [secrets]\n  verbs: [get]\n").unwrap();
        assert_eq!(read[0]["resources"][0], "secrets");
        for wrong in ["rules: []", "[]", "- [", ""] {
            assert!(rules(wrong).is_err(), "{wrong}");
        }
    }
}
