//! What kubectl's answer says about the resources that are waited for.

use serde_json::Value;

/// A resource and whether it is Ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct State {
    /// Its kind.
    pub(super) kind: String,
    /// Its namespace.
    pub(super) namespace: String,
    /// Its name.
    pub(super) name: String,
    /// Ready, for the manifest as it is now.
    pub(super) ready: bool,
    /// The reason and message of its condition Ready.
    pub(super) why: String,
    /// The Secret that it names in its status.
    pub(super) secret: Option<String>,
}

impl State {
    /// One line about it.
    pub(super) fn line(&self) -> String {
        let Self { kind, name, why, .. } = self;
        if self.ready { format!("{kind} {name} is Ready") } else { format!("{kind} {name} is not Ready: {why}") }
    }
}

/// The resources of ours in the answer of `kubectl get -o json`: a list, or one object.
pub(super) fn states(found: &Value) -> Vec<State> {
    let objects = found["items"].as_array().map_or(std::slice::from_ref(found), Vec::as_slice);
    let ours =
        |object: &&Value| object["apiVersion"].as_str().is_some_and(|version| version.starts_with("org-operator.dev/"));
    objects.iter().filter(ours).map(state).collect()
}

fn state(object: &Value) -> State {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (metadata, status) = (&object["metadata"], &object["status"]);
    let conditions = status["conditions"].as_array().map(Vec::as_slice).unwrap_or_default();
    let condition = conditions.iter().find(|condition| condition["type"] == "Ready");
    let current = status["observedGeneration"].is_i64() && status["observedGeneration"] == metadata["generation"];
    State {
        kind: text(&object["kind"]),
        namespace: text(&metadata["namespace"]),
        name: text(&metadata["name"]),
        ready: current && condition.is_some_and(|condition| condition["status"] == "True"),
        why: condition.map_or_else(
            || "it has no condition Ready".to_owned(),
            |condition| format!("{}: {}", text(&condition["reason"]), text(&condition["message"])),
        ),
        secret: status["secretName"].as_str().map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn token(generation: i64, observed: i64, ready: &str) -> Value {
        json!({
            "apiVersion": "org-operator.dev/v1alpha1", "kind": "Token",
            "metadata": { "name": "t", "namespace": "n", "generation": generation },
            "status": {
                "observedGeneration": observed, "secretName": "t-token",
                "conditions": [{ "type": "Ready", "status": ready, "reason": "Why", "message": "because" }],
            },
        })
    }

    #[test]
    fn ready_counts_for_the_current_manifest_only() {
        let cases = [(1, 1, "True", true), (2, 1, "True", false), (1, -1, "Unknown", false), (1, 1, "False", false)];
        for (generation, observed, status, ready) in cases {
            let [state] = states(&token(generation, observed, status)).try_into().unwrap();
            assert_eq!(state.ready, ready, "{generation} {observed} {status}");
        }
    }

    #[test]
    fn a_line_says_why() {
        let [state] = states(&token(1, 1, "False")).try_into().unwrap();
        assert_eq!(state.line(), "Token t is not Ready: Why: because");
        let [state] = states(&token(1, 1, "True")).try_into().unwrap();
        assert_eq!(state.line(), "Token t is Ready");
        assert_eq!(state.secret.as_deref(), Some("t-token"));
    }

    #[test]
    fn other_objects_of_the_manifest_are_left_out() {
        let namespace = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "n" } });
        let bare = json!({ "apiVersion": "org-operator.dev/v1alpha1", "kind": "User", "metadata": { "name": "u" } });
        let states = states(&json!({ "items": [namespace, token(1, 1, "True"), bare] }));
        assert_eq!(states.len(), 2);
        assert_eq!(states[1].why, "it has no condition Ready");
        assert!(!states[1].ready);
    }
}
