//! The `CustomResourceDefinition`s, as the API server gets them and as `crds/` holds them.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use kube::CustomResourceExt;

use super::condition::NEVER;
use super::{Organization, Platform, Token, User};

/// First line of every definition as YAML.
const HEADER: &str = "# Made by `make generate` from the types in src/api: edit those.\n";

/// The four definitions: Platform, Organization, User, Token.
pub fn crds() -> Vec<CustomResourceDefinition> {
    let mut crds = vec![Platform::crd(), Organization::crd(), User::crd(), Token::crd()];
    for crd in &mut crds {
        for version in &mut crd.spec.versions {
            if let Some(schema) = version.schema.as_mut().and_then(|v| v.open_api_v3_schema.as_mut()) {
                tidy(schema);
                add_object_fields(schema);
            }
        }
    }
    crds
}

/// The definitions as files: name and content. The names are those that the field's generators use.
pub fn crd_files() -> Result<Vec<(String, String)>, serde_yaml::Error> {
    crds()
        .iter()
        .map(|crd| {
            let name = format!("{}_{}.yaml", crd.spec.group, crd.spec.names.plural);
            // Left without quotes it is a date to YAML 1.1 parsers (Python's among them), and no longer a string.
            let yaml = serde_yaml::to_string(crd)?.replace(&format!(": {NEVER}"), &format!(": \"{NEVER}\""));
            Ok((name, format!("{HEADER}{yaml}")))
        })
        .collect()
}

/// The definitions as one text of several YAML documents, for `kubectl apply -f -`.
pub fn crds_yaml() -> Result<String, serde_yaml::Error> {
    let documents: Vec<String> = crd_files()?.into_iter().map(|(_, yaml)| yaml).collect();
    Ok(documents.join("---\n"))
}

/// Makes the derived schema the one that is meant.
///
/// - `nullable`: derived for every `Option`. A nullable `null` is stored and takes no default, and half of the rules would
///   have to know it. Without it a `null` takes the default where there is one and is refused where there is none.
/// - `title`: the names of Rust types.
/// - Line breaks in descriptions: those of the source code; `kubectl explain` breaks lines by itself.
fn tidy(schema: &mut JSONSchemaProps) {
    schema.nullable = None;
    schema.title = None;
    schema.description = schema.description.as_deref().map(unwrap_lines);
    for property in schema.properties.iter_mut().flat_map(|p| p.values_mut()) {
        tidy(property);
    }
    match &mut schema.items {
        Some(JSONSchemaPropsOrArray::Schema(items)) => tidy(items),
        Some(JSONSchemaPropsOrArray::Schemas(several)) => several.iter_mut().for_each(tidy),
        None => {}
    }
    if let Some(JSONSchemaPropsOrBool::Schema(values)) = &mut schema.additional_properties {
        tidy(values);
    }
}

/// `apiVersion`, `kind` and `metadata` of every object. The API server knows them by itself; editors and offline checkers
/// that are given these files alone take them for mistakes when they are not listed.
fn add_object_fields(schema: &mut JSONSchemaProps) {
    let field = |type_: &str, description: Option<&str>| JSONSchemaProps {
        type_: Some(type_.to_owned()),
        description: description.map(str::to_owned),
        ..JSONSchemaProps::default()
    };
    schema.properties.get_or_insert_default().extend([
        ("apiVersion".to_owned(), field("string", Some("Group and version of this kind: org-operator.dev/v1alpha1."))),
        ("kind".to_owned(), field("string", Some("The kind of this object."))),
        ("metadata".to_owned(), field("object", None)),
    ]);
}

fn unwrap_lines(text: &str) -> String {
    text.split("\n\n")
        .map(|paragraph| paragraph.lines().map(str::trim).collect::<Vec<_>>().join(" "))
        .collect::<Vec<_>>()
        .join("\n\n")
}
