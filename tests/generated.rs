//! What is generated is what is committed, and what is shown as an example is what the types know.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use org_operator::api::{Organization, Platform, Token, User, crd_files, crds_yaml};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// `crds/` holds exactly what `org-operator crds` prints.
#[test]
fn crds_are_up_to_date() {
    let generated: BTreeMap<String, String> = crd_files().unwrap().into_iter().collect();
    let committed: BTreeMap<String, String> = fs::read_dir(repository().join("crds"))
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, fs::read_to_string(path).unwrap())
        })
        .collect();

    let names = |files: &BTreeMap<String, String>| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&committed), names(&generated), "crds/ has other files: run `make generate`");
    for (name, content) in &generated {
        assert!(&committed[name] == content, "crds/{name} is out of date: run `make generate`");
    }
}

/// The one text for `kubectl apply -f -` is the same four documents.
#[test]
fn all_definitions_in_one_text() {
    let kinds: Vec<String> = documents(&crds_yaml().unwrap())
        .unwrap()
        .iter()
        .map(|document| document["spec"]["names"]["kind"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(kinds, ["Platform", "Organization", "User", "Token"]);
}

/// Every field of an example is one that the types know, with the meaning that the types give it.
#[test]
fn examples_have_no_unknown_fields() {
    let mut kinds = BTreeSet::new();
    for entry in fs::read_dir(repository().join("examples")).unwrap() {
        let path = entry.unwrap().path();
        for document in documents(&fs::read_to_string(&path).unwrap()).unwrap() {
            let kind = document["kind"].as_str().unwrap();
            let read = match kind {
                "Platform" => reread::<Platform>(&document),
                "Organization" => reread::<Organization>(&document),
                "User" => reread::<User>(&document),
                "Token" => reread::<Token>(&document),
                _ => continue,
            };
            let lost = lost(&read.unwrap(), &document, kind);
            assert!(lost.is_empty(), "{}: the types do not know {lost:?}", path.display());
            kinds.insert(kind.to_owned());
        }
    }
    assert_eq!(kinds, ["Organization", "Platform", "Token", "User"].map(str::to_owned).into());
}

fn documents(yaml: &str) -> Result<Vec<Value>, serde_yaml::Error> {
    serde_yaml::Deserializer::from_str(yaml).map(Value::deserialize).collect()
}

fn reread<T: DeserializeOwned + Serialize>(document: &Value) -> serde_json::Result<Value> {
    serde_json::to_value(serde_json::from_value::<T>(document.clone())?)
}

/// Paths of all that is in `part` and not, or not so, in `whole`.
fn lost(whole: &Value, part: &Value, path: &str) -> Vec<String> {
    match (whole, part) {
        (Value::Object(whole), Value::Object(part)) => part
            .iter()
            .flat_map(|(key, value)| lost(whole.get(key).unwrap_or(&Value::Null), value, &format!("{path}.{key}")))
            .collect(),
        _ if whole == part => Vec::new(),
        _ => vec![path.to_owned()],
    }
}
