//! What is generated is what is committed, and what is shown as an example is what the types know.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use org_operator::api::{Organization, Platform, Token, User, crd_files, crds_yaml};
use serde::Deserialize;
use serde::de::DeserializeOwned;
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
        .iter()
        .map(|document| document["spec"]["names"]["kind"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(kinds, ["Platform", "Organization", "User", "Token"]);
}

/// Every field of an example is one that the types know, with the meaning that the types give it.
#[test]
fn examples_have_no_unknown_fields() {
    let mut seen = Vec::new();
    for entry in fs::read_dir(repository().join("examples")).unwrap() {
        let path = entry.unwrap().path();
        for document in documents(&fs::read_to_string(&path).unwrap()) {
            let kind = document["kind"].as_str().unwrap();
            let read = match kind {
                "Platform" => reread::<Platform>(&document),
                "Organization" => reread::<Organization>(&document),
                "User" => reread::<User>(&document),
                "Token" => reread::<Token>(&document),
                _ => continue,
            };
            contains(&read, &document, &format!("{}: {kind}", path.display()));
            seen.push(kind.to_owned());
        }
    }
    for kind in ["Platform", "Organization", "User", "Token"] {
        assert!(seen.iter().any(|k| k == kind), "no example has a {kind}");
    }
}

fn documents(yaml: &str) -> Vec<Value> {
    serde_yaml::Deserializer::from_str(yaml)
        .map(|document| Value::deserialize(document).unwrap())
        .collect()
}

fn reread<T: DeserializeOwned + serde::Serialize>(document: &Value) -> Value {
    let object: T = serde_json::from_value(document.clone()).unwrap();
    serde_json::to_value(object).unwrap()
}

/// All that is in `part` is in `whole`.
fn contains(whole: &Value, part: &Value, at: &str) {
    match (whole, part) {
        (Value::Object(whole), Value::Object(part)) => {
            for (key, value) in part {
                let at = format!("{at}.{key}");
                contains(whole.get(key).unwrap_or_else(|| panic!("{at} is unknown")), value, &at);
            }
        }
        _ => assert_eq!(whole, part, "{at}"),
    }
}
