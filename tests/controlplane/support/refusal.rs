//! An admission policy that refuses a Secret: what a quota, a webhook or a guard of a cluster's owner does.

use std::fmt::Display;

use serde_json::json;

use super::{Cluster, PATIENCE, eventually, plane};

/// What it says.
const MESSAGE: &str = "the test does not want it stored";
/// Refused like the one that is meant, so that asking whether the policy is in force touches nothing.
const DECOY: &str = "decoy";

/// A policy in force in one namespace.
pub(crate) struct Refusal<'a> {
    cluster: &'a Cluster,
}

impl<'a> Refusal<'a> {
    /// Refuses that Secret to be created or changed, and lets dry-runs pass.
    pub(crate) async fn of_stores(cluster: &'a Cluster, secret: &str) -> Self {
        Self::enforce(cluster, &format!("request.dryRun || !(object.metadata.name in ['{secret}', '{DECOY}'])")).await
    }

    /// Refuses that Secret to be created or changed, and dry-runs of that too.
    pub(crate) async fn of_all(cluster: &'a Cluster, secret: &str) -> Self {
        Self::enforce(cluster, &format!("!(object.metadata.name in ['{secret}', '{DECOY}'])")).await
    }

    async fn enforce(cluster: &'a Cluster, expression: &str) -> Self {
        let namespace = cluster.namespace();
        let metadata = json!({ "name": namespace });
        let rules = json!([{
            "apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": ["secrets"],
        }]);
        let policy = json!({
            "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy", "metadata": metadata,
            "spec": {
                "matchConstraints": { "resourceRules": rules },
                "validations": [{ "expression": expression, "message": MESSAGE }],
            },
        });
        let selector = json!({ "matchLabels": { "kubernetes.io/metadata.name": namespace } });
        let binding = json!({
            "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicyBinding",
            "metadata": metadata,
            "spec": {
                "policyName": namespace, "validationActions": ["Deny"],
                "matchResources": { "namespaceSelector": selector },
            },
        });
        plane().apply(&policy).unwrap();
        plane().apply(&binding).unwrap();
        let refusal = Self { cluster };
        let in_force = eventually("the policy is in force", PATIENCE, async || match refusal.try_decoy() {
            Err(error) => Ok(error.to_string()),
            Ok(made) => {
                cluster.delete("Secret", DECOY).await;
                Err(format!("made: {made}"))
            }
        });
        let said = in_force.await.unwrap();
        assert!(said.contains(MESSAGE), "{said}");
        refusal
    }

    fn try_decoy(&self) -> Result<String, impl Display + use<>> {
        plane().run(["create", "secret", "generic", DECOY, "--namespace", self.cluster.namespace()])
    }

    /// Takes the policy away; returns once it is no longer in force.
    pub(crate) async fn lift(self) {
        let kinds = "validatingadmissionpolicybinding,validatingadmissionpolicy";
        plane().run(["delete", kinds, self.cluster.namespace()]).unwrap();
        eventually("the policy is gone", PATIENCE, async || self.try_decoy()).await.unwrap();
        self.cluster.delete("Secret", DECOY).await;
    }
}
