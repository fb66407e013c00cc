//! A Secret as it is to be, and how one that is there differs from it.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};

use super::secret::{StoredSecret, Values};
use crate::domain::annotation::SECRET_APPLIED;

/// A Secret as it is to be written.
#[derive(Clone, Debug)]
pub struct SecretImage {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// `type` of the Secret.
    pub type_: String,
    /// Labels, ours included.
    pub labels: BTreeMap<String, String>,
    /// Annotations, ours included.
    pub annotations: BTreeMap<String, String>,
    /// The resource that it is collected with, if it is.
    pub owner: Option<OwnerReference>,
    /// Values, those of the templates included.
    pub values: Values,
    /// What the manifest adds: it is taken off again when the manifest names it no more.
    pub applied: Applied,
    /// Keys of ours that are to go.
    pub dropped: &'static [&'static str],
    /// Annotations of ours that are to go, where they are not among `annotations`: they spoke of an earlier value.
    pub outdated: &'static [&'static str],
}

/// Names of what a manifest adds to a Secret. They are kept on the Secret itself: what else is on it is somebody else's,
/// and not touched.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Applied {
    /// Of labels.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// Of annotations.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub annotations: Vec<String>,
    /// Of keys made by a template.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<String>,
}

impl Applied {
    /// As the annotation's value; `None` where nothing is added.
    pub fn to_annotation(&self) -> Option<String> {
        (*self != Self::default()).then(|| serde_json::to_string(self).ok()).flatten()
    }

    /// What an earlier manifest added to this Secret.
    fn of(stored: &StoredSecret) -> Self {
        let text = stored.annotations.get(SECRET_APPLIED);
        text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
    }

    /// What is here and not in `wanted`.
    fn without(&self, wanted: &Self) -> Self {
        let rest = |all: &[String], kept: &[String]| all.iter().filter(|name| !kept.contains(name)).cloned().collect();
        Self {
            labels: rest(&self.labels, &wanted.labels),
            annotations: rest(&self.annotations, &wanted.annotations),
            keys: rest(&self.keys, &wanted.keys),
        }
    }
}

impl SecretImage {
    /// Leaves what an earlier manifest added as it is.
    pub fn keep_applied(&mut self, stored: &StoredSecret) {
        self.applied = Applied::of(stored);
        self.annotations.remove(SECRET_APPLIED);
        self.annotations.extend(self.applied.to_annotation().map(|text| (SECRET_APPLIED.to_owned(), text)));
    }

    /// What an earlier manifest added and this one does not.
    pub fn obsolete(&self, stored: &StoredSecret) -> Applied {
        let mut obsolete = Applied::of(stored).without(&self.applied);
        // Whoever edits the Secret may have written that annotation: what is the operator's own stays.
        obsolete.labels.retain(|name| !self.labels.contains_key(name));
        obsolete.annotations.retain(|name| !self.annotations.contains_key(name));
        obsolete.keys.retain(|name| !self.values.contains_key(name));
        obsolete
    }

    /// Whether the Secret that is there is not as it is to be. What is on it beyond that is left alone.
    pub fn differs(&self, stored: &StoredSecret) -> bool {
        let has = |wanted: &BTreeMap<String, String>, found: &BTreeMap<String, String>| {
            wanted.iter().all(|(name, value)| found.get(name) == Some(value))
        };
        let values = self.values.iter().all(|(key, value)| {
            stored.values.get(key).is_some_and(|found| found.expose_secret() == value.expose_secret())
        });
        !has(&self.labels, &stored.labels)
            || !has(&self.annotations, &stored.annotations)
            || !values
            || self.owner.as_ref().map(|owner| &owner.uid) != stored.controller_uid.as_ref()
            || self.obsolete(stored) != Applied::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::SecretString;

    fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn image() -> SecretImage {
        let applied = Applied { labels: vec!["team".to_owned()], ..Applied::default() };
        let mut annotations = map(&[("a", "1")]);
        annotations.extend(applied.to_annotation().map(|text| (SECRET_APPLIED.to_owned(), text)));
        SecretImage {
            namespace: "n".to_owned(),
            name: "s".to_owned(),
            type_: "Opaque".to_owned(),
            labels: map(&[("team", "x")]),
            annotations,
            owner: None,
            values: Values::from([("token".to_owned(), SecretString::from("v"))]),
            applied,
            dropped: &[],
            outdated: &[],
        }
    }

    fn stored() -> StoredSecret {
        let image = image();
        StoredSecret {
            resource_version: "1".to_owned(),
            controller_uid: None,
            labels: image.labels,
            annotations: image.annotations,
            values: image.values,
        }
    }

    #[test]
    fn what_is_as_it_is_to_be_does_not_differ_and_what_others_add_is_theirs() {
        let mut found = stored();
        assert!(!image().differs(&found));
        found.labels.insert("somebody".to_owned(), "else".to_owned());
        found.values.insert("more".to_owned(), SecretString::from("x"));
        assert!(!image().differs(&found));
    }

    #[test]
    fn each_part_is_compared() {
        let changes: [fn(&mut StoredSecret); 5] = [
            |found| drop(found.labels.remove("team")),
            |found| drop(found.annotations.insert("a".to_owned(), "2".to_owned())),
            |found| drop(found.values.insert("token".to_owned(), SecretString::from("w"))),
            |found| found.controller_uid = Some("u".to_owned()),
            |found| {
                let text = r#"{"labels":["team","old"]}"#.to_owned();
                found.annotations.insert(SECRET_APPLIED.to_owned(), text);
            },
        ];
        for (case, change) in changes.into_iter().enumerate() {
            let mut found = stored();
            change(&mut found);
            assert!(image().differs(&found), "change {case}");
        }
    }

    #[test]
    fn what_the_manifest_names_no_more_is_obsolete() {
        let mut found = stored();
        found.annotations.insert(SECRET_APPLIED.to_owned(), r#"{"labels":["team","old"],"keys":["env"]}"#.to_owned());
        let expected = Applied { labels: vec!["old".to_owned()], keys: vec!["env".to_owned()], ..Applied::default() };
        assert_eq!(image().obsolete(&found), expected);
        found.annotations.insert(SECRET_APPLIED.to_owned(), "not JSON".to_owned());
        assert_eq!(image().obsolete(&found), Applied::default());
    }
}
