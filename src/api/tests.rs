//! What the definitions promise, as far as it can be seen without an API server.

use std::time::Duration;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use serde_json::{Value, json};

use super::*;

/// Calls `visit` with every schema in it and the path to it.
fn walk(schema: &Value, path: &str, visit: &mut impl FnMut(&str, &Value)) {
    visit(path, schema);
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        walk(property, &format!("{path}.{name}"), visit);
    }
    for (part, step) in [("items", "[]"), ("additionalProperties", "{}")] {
        if schema[part].is_object() {
            walk(&schema[part], &format!("{path}{step}"), visit);
        }
    }
}

/// All paths in all definitions for which `wrong` holds.
fn paths_where(wrong: impl Fn(&str, &Value) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    for crd in crds() {
        let schema = &crd.spec.versions[0].schema.as_ref().unwrap().open_api_v3_schema;
        walk(&serde_json::to_value(schema).unwrap(), &crd.spec.names.kind, &mut |path, schema| {
            if wrong(path, schema) {
                found.push(path.to_owned());
            }
        });
    }
    found
}

fn none() -> Vec<String> {
    Vec::new()
}

#[test]
fn names_are_the_contract() {
    let names: Vec<String> = crds()
        .into_iter()
        .map(|CustomResourceDefinition { metadata, spec, .. }| {
            let short = spec.names.short_names.unwrap().join(",");
            let categories = spec.names.categories.unwrap().join(",");
            format!("{} {} {short} {categories} {}", metadata.name.unwrap(), spec.names.kind, spec.scope)
        })
        .collect();
    assert_eq!(
        names,
        [
            "platforms.org-operator.dev Platform orgp org-operator Namespaced",
            "organizations.org-operator.dev Organization org org-operator Namespaced",
            "users.org-operator.dev User orgu org-operator Namespaced",
            "tokens.org-operator.dev Token orgt org-operator Namespaced",
        ]
    );
}

#[test]
fn versions_are_the_constants() {
    for crd in crds() {
        assert_eq!(crd.spec.group, GROUP);
        assert_eq!(crd.spec.versions.iter().map(|v| v.name.as_str()).collect::<Vec<_>>(), [VERSION]);
        assert!(crd.spec.versions[0].subresources.as_ref().unwrap().status.is_some());
    }
}

/// The columns in their order; those with `*` only with `-o wide`.
#[test]
fn columns_answer_the_questions() {
    let columns: Vec<String> = crds()
        .iter()
        .map(|crd| {
            let columns = crd.spec.versions[0].additional_printer_columns.as_ref().unwrap();
            let names = columns.iter().map(|column| {
                let wide = if column.priority == Some(1) { "*" } else { "" };
                format!("{}{wide}", column.name)
            });
            names.collect::<Vec<_>>().join(" ")
        })
        .collect();
    assert_eq!(
        columns,
        [
            "READY REASON TYPE URL NAMESPACES* AGE MESSAGE*",
            "READY REASON PLATFORM EXTERNAL-NAME EXTERNAL-ID DELETION AGE ORIGIN* FINGERPRINT* MESSAGE*",
            "READY REASON ORGANIZATION TYPE SECRET AGE EXTERNAL-ID* EMAIL* MESSAGE*",
            "READY REASON USER SECRET ROTATES EXPIRES AGE EXTERNAL-ID* MESSAGE*",
        ]
    );
}

/// A date column prints `<invalid>` for a time to come.
#[test]
fn only_age_is_a_date_column() {
    for crd in crds() {
        for column in crd.spec.versions[0].additional_printer_columns.iter().flatten() {
            assert_eq!(column.type_ == "date", column.name == "AGE", "{}", column.name);
        }
    }
}

/// The API server knows int32 and int64; of the others it warns, and checks nothing.
#[test]
fn numbers_are_signed() {
    let wrong = paths_where(|_, s| s["format"].as_str().is_some_and(|f| f.starts_with("uint")));
    assert_eq!(wrong, none());
}

/// With `oneOf` or `anyOf` the API server prints a sentence of its own and skips the rules that have ours.
#[test]
fn there_are_no_unions() {
    let wrong = paths_where(|_, s| ["oneOf", "anyOf", "allOf", "not"].iter().any(|word| !s[*word].is_null()));
    assert_eq!(wrong, none());
}

#[test]
fn nothing_is_nullable() {
    assert_eq!(paths_where(|_, s| !s["nullable"].is_null()), none());
}

/// Without limits the API server takes the worst for each rule that reads a field, and refuses the definition.
#[test]
fn everything_in_specs_has_a_limit() {
    let wrong = paths_where(|path, s| {
        let in_spec = path.split('.').nth(1) == Some("spec");
        // Kubernetes' own type, read by no rule.
        let selector = path.starts_with("Platform.spec.allowedNamespaces.selector");
        let unlimited = match s["type"].as_str() {
            Some("string") => s["maxLength"].is_null() && s["enum"].is_null(),
            Some("array") => s["maxItems"].is_null(),
            Some("object") => s["additionalProperties"].is_object() && s["maxProperties"].is_null(),
            Some("integer") => s["enum"].is_null() && s["minimum"].is_null(),
            _ => false,
        };
        in_spec && !selector && unlimited
    });
    assert_eq!(wrong, none());
}

/// `kubectl explain` has a text for every field, and one that is about this field.
#[test]
fn every_field_is_explained() {
    let wrong = paths_where(|path, s| {
        let named = path.contains('.') && !path.ends_with("[]") && !path.ends_with("{}");
        let about = s["description"].as_str().unwrap_or_default();
        // The API server describes metadata itself.
        named && !path.ends_with(".metadata") && (about.is_empty() || about.contains("same reason"))
    });
    assert_eq!(wrong, none());
}

/// The person who types a field learns whether it can change.
#[test]
fn every_field_of_a_spec_says_whether_it_can_change() {
    let wrong = paths_where(|path, s| {
        let about = s["description"].as_str().unwrap_or_default();
        let direct = path.split('.').count() == 3 && !path.ends_with("[]") && path.split('.').nth(1) == Some("spec");
        direct && !s["type"].is_null() && s["type"] != "object" && !about.contains("change")
    });
    assert_eq!(wrong, none());
}

/// Every rule has a sentence; CEL's own words help nobody.
#[test]
fn every_rule_has_a_sentence() {
    let wrong = paths_where(|_, s| {
        s["x-kubernetes-validations"]
            .as_array()
            .into_iter()
            .flatten()
            .any(|rule| rule["message"].as_str().is_none_or(|m| m.is_empty() || m.contains('\n')))
    });
    assert_eq!(wrong, none());
}

/// A tool that waits takes an object without conditions for a finished one.
#[test]
fn a_new_object_says_that_nobody_has_seen_it() {
    let statuses = paths_where(|path, s| path.split('.').nth(1) == Some("status") && !s["default"].is_null());
    assert_eq!(statuses, ["Platform.status", "Organization.status", "User.status", "Token.status"]);

    let fresh: TokenStatus = serde_json::from_value(condition::status_default()).unwrap();
    assert_eq!(fresh.observed_generation(), Some(-1));
    assert_eq!(fresh.conditions().len(), 1);
    let ready = fresh.condition(READY).unwrap();
    assert_eq!((ready.status.as_str(), ready.reason.as_str()), ("Unknown", "Pending"));
}

/// What Rust takes for a field left out is what the API server fills in.
#[test]
fn defaults_of_the_types_are_those_of_the_schema() {
    let organization: OrganizationSpec = serde_json::from_value(json!({})).unwrap();
    assert_eq!(organization, OrganizationSpec::default());
    let platform: PlatformSpec = serde_json::from_value(json!({})).unwrap();
    assert_eq!(platform, PlatformSpec::default());
    let key_pair: KeyPair = serde_json::from_value(json!({})).unwrap();
    assert_eq!(key_pair, KeyPair::default());
    let secret: SecretTarget = serde_json::from_value(json!({})).unwrap();
    assert_eq!(secret, SecretTarget::default());
    let user: UserSpec = serde_json::from_value(json!({"organizationRef": {"name": ""}, "type": "Machine"})).unwrap();
    assert_eq!(user, UserSpec::default());
    let token: TokenSpec = serde_json::from_value(json!({"userRef": {"name": ""}})).unwrap();
    assert_eq!(token, TokenSpec::default());
}

/// Absent is not empty: a status that says nothing writes nothing, and an empty list of roles survives.
#[test]
fn absent_is_not_empty() {
    assert_eq!(serde_json::to_value(PlatformStatus::default()).unwrap(), json!({}));
    assert_eq!(serde_json::to_value(OrganizationStatus::default()).unwrap(), json!({}));
    assert_eq!(serde_json::to_value(UserStatus::default()).unwrap(), json!({}));
    assert_eq!(serde_json::to_value(TokenStatus::default()).unwrap(), json!({}));

    let user = UserSpec { roles: Some(vec![]), ..UserSpec::default() };
    assert_eq!(serde_json::to_value(&user).unwrap()["roles"], json!([]));
    assert!(serde_json::to_value(UserSpec::default()).unwrap().get("roles").is_none());
}

#[test]
fn initialisms_are_whole() {
    let wrong = paths_where(|path, _| {
        let name = path.rsplit('.').next().unwrap_or_default();
        name.ends_with("Id") || name.ends_with("Url")
    });
    assert_eq!(wrong, none());
}

#[test]
fn a_spec_knows_its_kind_of_platform() {
    let mut spec = PlatformSpec::default();
    assert_eq!(spec.platform_type(), None);
    spec.embedded = Some(EmbeddedPlatform {});
    assert_eq!(spec.platform_type(), Some(PlatformType::Embedded));
    spec.tyk = Some(TykPlatform::default());
    assert_eq!(spec.platform_type(), None);
}

#[test]
fn platform_types_print_as_they_are_stored() {
    for type_ in [PlatformType::Embedded, PlatformType::Tyk, PlatformType::Rockfish, PlatformType::Rockit] {
        assert_eq!(serde_json::to_value(type_).unwrap(), json!(type_.as_str()));
    }
}

#[test]
fn durations_are_read_as_the_api_server_reads_them() {
    for (text, seconds) in [
        ("720h", 2_592_000),
        ("90m", 5_400),
        ("0s", 0),
        ("1h30m", 5_400),
        ("1h1m1s", 3_661),
        ("600s", 600),
        ("999999h", 3_599_996_400),
        // The longest that the rules let through.
        ("999999h9999999m99999999s", 3_599_996_400 + 599_999_940 + 99_999_999),
    ] {
        assert_eq!(parse_duration(text), Ok(Duration::from_secs(seconds)), "{text}");
    }
}

#[test]
fn other_texts_are_no_durations() {
    for text in ["", "30d", "720", "1.5h", "-1h", "1h ", "h", "PT1H", "500ms", "1 hour", "30m1h"] {
        let error = parse_duration(text).unwrap_err();
        assert_eq!(error, InvalidDuration { text: text.to_owned() });
    }
}
