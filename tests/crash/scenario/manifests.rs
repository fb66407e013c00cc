//! The manifests of a platform's scenarios.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::sim::platform::{INVITE_CODE, Kind, ROCKIT_BACKEND, ROCKIT_KEY, TYK_SECRET};

/// Where the tenants' resources are.
pub(crate) const NAMESPACE: &str = "acme";
/// Where the Platform is, out of the tenants' reach.
pub(crate) const PLATFORMS: &str = "platforms";

const VERSION: &str = "org-operator.dev/v1alpha1";

/// What is written for one platform.
#[derive(Clone, Copy)]
pub(super) struct Manifests(pub(super) Kind);

impl Manifests {
    /// What has to be there before anything else.
    pub(super) fn surroundings(self) -> Vec<Value> {
        let secret = |namespace: &str, name: &str, values: Value| {
            let metadata = json!({ "name": name, "namespace": namespace });
            json!({ "apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "Opaque", "data": values })
        };
        let namespace = |name: &str| json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name } });
        let encode = |value: &str| STANDARD.encode(value);
        let credentials = json!({
            "tyk": encode(TYK_SECRET),
            "invite": encode(INVITE_CODE),
            "rockit": encode(&STANDARD.encode(ROCKIT_KEY)),
            "backend": encode(ROCKIT_BACKEND),
        });
        let reference = |key: &str| json!({ "name": "credentials", "key": key });
        let of_type = match self.0 {
            Kind::Embedded => json!({}),
            Kind::Tyk => json!({ "url": "http://tyk.test", "adminSecretRef": reference("tyk") }),
            Kind::Rockfish => json!({ "adminURL": "http://rockfish-admin.test", "url": "http://rockfish.test" }),
            Kind::Rockit => json!({
                "url": "http://rockit.test",
                "adminKeySecretRef": reference("rockit"),
                "backendTokenSecretRef": reference("backend"),
            }),
        };
        let mut spec = json!({
            self.0.as_str(): of_type,
            "allowedNamespaces": { "from": "All", "permissions": ["Adopt", "Delete"] },
            "limits": { "requestsPerSecond": 1000, "concurrency": 8, "deletionsPerHour": 0 },
        });
        if self.0 != Kind::Embedded {
            spec["insecure"] = json!(true);
        }
        let mut platform = object("Platform", "platform", &spec);
        platform["metadata"]["namespace"] = json!(PLATFORMS);
        vec![
            namespace(NAMESPACE),
            namespace(PLATFORMS),
            secret(PLATFORMS, "credentials", credentials),
            secret(NAMESPACE, "link", json!({ "dxorglnk": encode("canary-dxorglnk") })),
            platform,
        ]
    }

    /// An organisation with no more than its platform needs.
    pub(super) fn organization(self) -> Value {
        let mut spec = json!({
            "platformRef": { "name": "platform", "namespace": PLATFORMS },
            "deletionPolicy": "Delete",
        });
        if self.0 == Kind::Rockit {
            spec["admin"] = json!({
                "username": "owner", "email": "owner@acme.example", "firstName": "Olga", "lastName": "Owner",
            });
            spec["keyPair"] = json!({ "size": 2048 });
            spec["rockit"] = json!({
                "dxorglnkSecretRef": { "name": "link", "key": "dxorglnk" },
                "account": { "username": "operator", "apiKeySecretRef": { "name": "account", "key": "apiKey" } },
            });
        }
        object("Organization", "acme", &spec)
    }

    /// An organisation with all that its platform takes.
    pub(super) fn full_organization(self) -> Value {
        let mut manifest = self.organization();
        manifest["spec"]["keyPair"] = json!({ "size": 2048 });
        if self.0 == Kind::Embedded {
            manifest["spec"]["displayName"] = json!("Acme");
            manifest["spec"]["admin"] = json!({ "username": "owner", "email": "owner@acme.example" });
        }
        manifest
    }

    /// What can be changed of an organisation.
    pub(super) fn organization_changes(self) -> Option<Value> {
        match self.0 {
            Kind::Embedded => Some(json!({ "displayName": "Acme & Sons" })),
            Kind::Tyk => Some(json!({ "tyk": { "cname": "acme.example", "cnameEnabled": true } })),
            Kind::Rockfish | Kind::Rockit => None,
        }
    }

    pub(super) fn person(self) -> Value {
        let mut spec = json!({
            "organizationRef": { "name": "acme" },
            "type": "Person",
            "email": "ada@acme.example",
            "roles": self.roles(),
        });
        if self.0 != Kind::Rockfish {
            spec["firstName"] = json!("Ada");
            spec["lastName"] = json!("Lovelace");
        }
        object("User", "ada", &spec)
    }

    pub(super) fn person_changes(self) -> Option<Value> {
        match self.0 {
            Kind::Embedded | Kind::Tyk | Kind::Rockit => Some(json!({ "firstName": "Augusta" })),
            Kind::Rockfish => None,
        }
    }

    pub(super) fn machine(self) -> Value {
        let mut spec = json!({ "organizationRef": { "name": "acme" }, "type": "Machine", "roles": self.roles() });
        if matches!(self.0, Kind::Tyk | Kind::Rockfish) {
            spec["email"] = json!("robot@acme.example");
        }
        object("User", "robot", &spec)
    }

    pub(super) fn token(self) -> Value {
        let mut spec = json!({ "userRef": { "name": "robot" } });
        if self.0 != Kind::Rockit {
            spec["rotation"] = json!({ "every": "720h" });
        }
        object("Token", "robot", &spec)
    }

    fn roles(self) -> Value {
        match self.0 {
            Kind::Embedded | Kind::Rockit => json!(["Administrators"]),
            Kind::Tyk | Kind::Rockfish => json!(["Admin"]),
        }
    }
}

fn object(kind: &str, name: &str, spec: &Value) -> Value {
    let metadata = json!({ "name": name, "namespace": NAMESPACE });
    json!({ "apiVersion": VERSION, "kind": kind, "metadata": metadata, "spec": spec })
}
