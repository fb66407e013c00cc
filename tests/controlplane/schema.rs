//! What the API server makes of manifests, with nothing but the definitions installed: the judge of every rule in them.
//!
//! - [`accepted`]: the manifests of ten real tasks.
//! - [`refused`]: wrong manifests, each with the sentence that the person who wrote it must get.
//! - [`edits`]: changes of an object that is there, allowed and refused.

mod accepted;
mod edits;
mod refused;

use kube::api::{Api, DeleteParams, DynamicObject, Patch, PatchParams};
use kube::core::{ApiResource, GroupVersionKind};
use kube::{Client, Error};
use serde::Deserialize;
use serde_json::{Value, json};

const GROUP: &str = "org-operator.dev";
const VERSION: &str = "v1alpha1";
const KINDS: [&str; 4] = ["Platform", "Organization", "User", "Token"];

/// A manifest that must be refused, and a part of what the API server must say.
pub(crate) struct Refused {
    /// YAML without `apiVersion`.
    pub(crate) manifest: &'static str,
    /// Must be in the answer.
    pub(crate) sentence: &'static str,
}

/// A manifest that is applied, and another that is then applied to the same object.
pub(crate) struct Edit {
    /// YAML without `apiVersion`: the object as it is.
    pub(crate) before: &'static str,
    /// The object as it is to be. A field that is in `before` alone is removed.
    pub(crate) after: &'static str,
    /// What the API server must say; `None`: it must accept the edit.
    pub(crate) sentence: Option<&'static str>,
}

/// Runs all tables in `namespace`, which must exist, and deletes what it makes there.
///
/// # Panics
/// With a list of all cases that went otherwise.
pub(crate) async fn refuses_and_accepts(client: Client, namespace: &str) {
    let server = Server { client, namespace };
    let mut answers = Vec::new();

    for (task, manifests) in accepted::TASKS {
        for (index, manifest) in documents(manifests).into_iter().enumerate() {
            // Namespaces and Secrets of the tasks are Kubernetes' own business.
            if KINDS.iter().any(|kind| manifest["kind"] == *kind) {
                let answer = server.apply(&manifest, &format!("task-{index}"), true).await;
                answers.push(unexpected(None, &answer, &format!("{task}: {manifest}")));
            }
        }
    }

    for (index, case) in refused::MANIFESTS.iter().enumerate() {
        let manifest = one(case.manifest);
        let answer = server.apply(&manifest, &format!("refused-{index}"), true).await;
        answers.push(unexpected(Some(case.sentence), &answer, &manifest.to_string()));
    }

    for (index, case) in edits::EDITS.iter().enumerate() {
        let name = format!("edit-{index}");
        let (before, after) = (one(case.before), one(case.after));
        let created = server.apply(&before, &name, false).await;
        answers.push(unexpected(None, &created, &before.to_string()));
        let answer = server.apply(&after, &name, true).await;
        answers.push(unexpected(case.sentence, &answer, &format!("{before}\n-> {after}")));
        server.delete(&before, &name).await;
    }

    for (index, (manifest, spec)) in accepted::DEFAULTS.iter().enumerate() {
        let (manifest, name) = (one(manifest), format!("default-{index}"));
        let created = server.apply(&manifest, &name, false).await;
        answers.push(unexpected(None, &created, &manifest.to_string()));
        if let Ok(DynamicObject { data, .. }) = created {
            let expected = json!({"spec": one(spec), "status": accepted::fresh_status()});
            answers.push((data != expected).then(|| format!("{manifest}\nbecame {data}\nnot {expected}")));
        }
        server.delete(&manifest, &name).await;
    }

    let cases = answers.len();
    let wrong: Vec<String> = answers.into_iter().flatten().collect();
    assert!(
        wrong.is_empty(),
        "{} of {cases} answers of the API server are not the expected ones:\n\n{}",
        wrong.len(),
        wrong.join("\n\n")
    );
}

/// What is wrong with an answer to `case`; `sentence` is what a refusal must say, `None` asks for acceptance.
fn unexpected(sentence: Option<&str>, answer: &Result<DynamicObject, String>, case: &str) -> Option<String> {
    match (sentence, answer) {
        (None, Ok(_)) => None,
        (None, Err(answer)) => Some(format!("{case}\nwas refused: {answer}")),
        (Some(sentence), Ok(_)) => Some(format!("{case}\nwas accepted, not refused with: {sentence}")),
        // A rule that fails to compute is printed in CEL's own words, which help nobody.
        (Some(_), Err(answer)) if answer.contains("rule evaluation error") || answer.contains("failed rule:") => {
            Some(format!("{case}\nwas refused by a broken rule: {answer}"))
        }
        (Some(sentence), Err(answer)) => {
            (!answer.contains(sentence)).then(|| format!("{case}\nwas refused with: {answer}\nnot with: {sentence}"))
        }
    }
}

struct Server<'a> {
    client: Client,
    namespace: &'a str,
}

impl Server<'_> {
    fn api(&self, manifest: &Value) -> Api<DynamicObject> {
        let kind = manifest["kind"].as_str().unwrap_or_default();
        let resource = ApiResource::from_gvk_with_plural(
            &GroupVersionKind::gvk(GROUP, VERSION, kind),
            &format!("{}s", kind.to_lowercase()),
        );
        Api::namespaced_with(self.client.clone(), self.namespace, &resource)
    }

    /// Applies a manifest as `kubectl apply --server-side` does, unknown fields refused. What the API server answers to
    /// a wrong one is the error.
    async fn apply(&self, manifest: &Value, name: &str, dry_run: bool) -> Result<DynamicObject, String> {
        let mut object = manifest.clone();
        object["apiVersion"] = json!(format!("{GROUP}/{VERSION}"));
        let name = object["metadata"]["name"].as_str().unwrap_or(name).to_owned();
        object["metadata"]["name"] = json!(name);
        object["metadata"]["namespace"] = json!(self.namespace);
        let mut params = PatchParams::apply("schema-test").validation_strict();
        params.dry_run = dry_run;
        match self.api(manifest).patch(&name, &params, &Patch::Apply(&object)).await {
            Ok(object) => Ok(object),
            Err(Error::Api(status)) => Err(status.message.clone()),
            Err(other) => Err(format!("no answer: {other}")),
        }
    }

    async fn delete(&self, manifest: &Value, name: &str) {
        // What is left goes with the namespace.
        let _ = self.api(manifest).delete(name, &DeleteParams::default()).await;
    }
}

fn documents(yaml: &str) -> Vec<Value> {
    serde_yaml::Deserializer::from_str(yaml)
        .map(|document| Value::deserialize(document).unwrap_or_else(|error| json!({"kind": error.to_string()})))
        .collect()
}

/// The one document of a case. A case that is no YAML shows as a manifest of kind `null`, which no server accepts for
/// any sentence.
fn one(yaml: &str) -> Value {
    documents(yaml).into_iter().next().unwrap_or_default()
}
