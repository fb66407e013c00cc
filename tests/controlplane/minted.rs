//! A token that was minted and never stored: the moment between the platform's answer and the Secret, held open by an
//! admission policy that lets the dry-run of the Secret pass and refuses the real one.

use serde_json::json;

use super::support::{Cluster, Contents, Operator, PATIENCE, eventually, namespace, plane, quickstart};

/// Refuses the Secret `ci-token` in that namespace, dry-runs apart; returns once it is in force.
async fn refuse(cluster: &Cluster) {
    let namespace = cluster.namespace();
    let metadata = json!({ "name": namespace });
    let rules =
        json!([{ "apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["secrets"] }]);
    let policy = json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy", "metadata": metadata,
        "spec": {
            "matchConstraints": { "resourceRules": rules },
            "validations": [{
                "expression": "request.dryRun || request.name != 'ci-token' && object.metadata.name != 'ci-token'",
                "message": "the test does not want it stored",
            }],
        },
    });
    let selector = json!({ "matchLabels": { "kubernetes.io/metadata.name": namespace } });
    let binding = json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicyBinding", "metadata": metadata,
        "spec": {
            "policyName": namespace, "validationActions": ["Deny"], "matchResources": { "namespaceSelector": selector },
        },
    });
    plane().apply(&policy).unwrap();
    plane().apply(&binding).unwrap();
    let in_force = eventually("the policy is in force", PATIENCE, async || {
        let made = plane().run(["create", "secret", "generic", "ci-token", "--namespace", namespace]);
        if made.is_ok() {
            cluster.delete("Secret", "ci-token").await;
        }
        made.map_or_else(|error| Ok(error.to_string()), |made| Err(format!("made: {made}")))
    });
    let refusal = in_force.await.unwrap();
    assert!(refusal.contains("the test does not want it stored"), "{refusal}");
}

/// Takes the policy away; returns once it is no longer in force.
async fn allow(cluster: &Cluster) {
    let namespace = cluster.namespace();
    plane().run(["delete", "validatingadmissionpolicybinding,validatingadmissionpolicy", namespace]).unwrap();
    let allowed = eventually("the policy is gone", PATIENCE, async || {
        plane().run(["create", "secret", "generic", "ci-token", "--namespace", namespace])
    });
    allowed.await.unwrap();
    cluster.delete("Secret", "ci-token").await;
}

#[tokio::test]
async fn a_token_that_a_killed_operator_never_stored_is_revoked_and_minted_anew() {
    let namespace = namespace("minted");
    let mut operator = Operator::start(&[&namespace], &[]).await;
    let cluster = Cluster::of(&namespace).await;
    refuse(&cluster).await;
    for manifest in quickstart() {
        cluster.apply_one(&manifest).await;
    }
    // Quicker than the audit log: after some seconds it takes the token back and mints another.
    let refused = eventually("the Secret is refused", PATIENCE, async || {
        if operator.log().contains("Secret not written: trying again") { Ok(()) } else { Err(operator.log_tail()) }
    });
    refused.await.unwrap();
    operator.kill();

    let live = async |operator: &Operator| {
        let contents = Contents::read(operator).await;
        contents.organization("acme").users.iter().flat_map(|user| user.tokens.clone()).collect::<Vec<_>>()
    };
    let lost = live(&operator).await;
    assert_eq!((lost.len(), cluster.secret("ci-token").await), (1, None), "killed between the two");

    allow(&cluster).await;
    operator.run().await;
    operator.wait_all_ready(&cluster, 5).await;
    assert!(operator.is_active(&cluster.value("ci-token", "token").await).await);
    operator.stop().await;
    let id = cluster.get("Token", "ci").await.unwrap()["status"]["externalID"].as_str().unwrap().to_owned();
    assert_eq!(live(&operator).await, [id.as_str()], "{lost:?} was lost");
    assert_ne!(lost, [id]);
}
