//! Manifests that the API server must accept.

use serde_json::{Value, json};

/// The status of an object that no operator has seen.
pub(crate) fn fresh_status() -> Value {
    json!({
        "observedGeneration": -1,
        "conditions": [{
            "type": "Ready",
            "status": "Unknown",
            "reason": "Pending",
            "message": "waiting for org-operator",
            "lastTransitionTime": "1970-01-01T00:00:00Z",
        }],
    })
}

/// The smallest manifests, and the spec that the API server makes of each.
pub(crate) const DEFAULTS: &[(&str, &str)] = &[
    (
        "{kind: Platform, spec: {embedded: {}}}",
        "{embedded: {}, insecure: false, timeout: 5s, limits: {requestsPerSecond: 10, concurrency: 4, deletionsPerHour: 10},
          allowedNamespaces: {from: Same}}",
    ),
    (
        "{kind: Platform, spec: {rockit: {url: https://edge.example.com, adminKeySecretRef: {name: edge, key: key}},
          limits: {concurrency: 2}, allowedNamespaces: {permissions: [Delete]}}}",
        "{rockit: {url: https://edge.example.com, adminKeySecretRef: {name: edge, key: key}, adminName: org-operator, apiKeyMember: apiKey},
          insecure: false, timeout: 5s, limits: {requestsPerSecond: 10, concurrency: 2, deletionsPerHour: 10},
          allowedNamespaces: {from: Same, permissions: [Delete]}}",
    ),
    (
        "{kind: Organization, spec: {}}",
        "{adoptionPolicy: Never, deletionPolicy: Retain, driftPolicy: Correct}",
    ),
    (
        "{kind: Organization, spec: {keyPair: {}, admin: {username: a, email: a@b.example, secret: {}}}}",
        "{adoptionPolicy: Never, deletionPolicy: Retain, driftPolicy: Correct, keyPair: {size: 4096, encoding: PKCS1},
          admin: {username: a, email: a@b.example, secret: {type: Opaque}}}",
    ),
    (
        "{kind: Organization, spec: {deletionPolicy: null}}",
        "{adoptionPolicy: Never, deletionPolicy: Retain, driftPolicy: Correct}",
    ),
    (
        "{kind: User, spec: {organizationRef: {name: acme}, type: Machine, roles: []}}",
        "{organizationRef: {name: acme}, type: Machine, roles: [], adoptionPolicy: Never, deletionPolicy: Delete,
          driftPolicy: Correct}",
    ),
    (
        "{kind: Token, spec: {userRef: {name: ci}, rotation: {every: 168h}}}",
        "{userRef: {name: ci}, rotation: {every: 168h}, deletionPolicy: Delete}",
    ),
];

/// What people come for, with all that they write for it.
pub(crate) const TASKS: &[(&str, &str)] = &[
    ("a first organisation on the embedded backend", include_str!("../../../examples/quickstart.yaml")),
    ("a Tyk organisation with Tyk Operator's Secret", TYK),
    ("a Rockfish organisation with three users and rotated tokens", ROCKFISH),
    ("a ROCKIT organisation with an imported key pair and dxorglnk", ROCKIT),
    ("tenants and grants", TENANTS),
    ("adopting Tyk organisations", ADOPTION),
    ("moving an organisation between clusters", MOVE),
    ("deleting a tenant safely", DELETION),
    ("rebuilding a cluster from Git", REBUILD),
    ("an install with rights in one namespace only", ONE_NAMESPACE),
    ("every field that is left", THE_REST),
];

const TYK: &str = r#"
kind: Platform
metadata: {name: tyk}
spec:
  tyk:
    url: http://dashboard-svc-tyk.tyk.svc:3000
    adminSecretRef: {name: secrets-tyk-dashboard, key: AdminSecret}
  insecure: true
  allowedNamespaces: {from: All}
---
kind: Organization
metadata: {name: acme}
spec:
  platformRef: {name: tyk, namespace: tyk}
  externalName: Acme Ltd
  tyk: {cname: portal.acme.example, cnameEnabled: true, developerQuota: 50, hybridEnabled: false, ssoEnabled: true}
---
kind: User
metadata: {name: tyk-operator}
spec:
  organizationRef: {name: acme}
  type: Machine
  email: tyk-operator@acme.example
  roles: [Admin]
  tyk: {permissions: {apis: write, analytics: read, IsAdmin: admin, portal: deny}}
  secret:
    name: tyk-operator-conf
    labels: {team: api}
    annotations: {reloader.stakater.com/match: "true"}
    template:
      TYK_AUTH: "{{ token }}"
      TYK_ORG: "{{ organizationID }}"
      TYK_URL: "{{ platformURL }}"
      TYK_MODE: pro
"#;

const ROCKFISH: &str = r#"
kind: Platform
metadata: {name: rockfish}
spec:
  rockfish:
    adminURL: http://rockfish.data.svc:8085
    url: https://rockfish.example.com/api
  insecure: true
  tls: {caSecretRef: {name: rockfish-tls, key: ca.crt}}
---
kind: Platform
metadata: {name: rockfish-public}
spec:
  rockfish: {url: https://rockfish.example.com, inviteCodeSecretRef: {name: rockfish, key: code}}
---
kind: Organization
metadata: {name: data}
spec: {platformRef: {name: rockfish}, externalName: Data Team}
---
kind: User
metadata: {name: grace}
spec: {organizationRef: {name: data}, type: Person, email: grace@data.example, roles: [Admin], initialPassword: None}
---
kind: User
metadata: {name: edsger}
spec: {organizationRef: {name: data}, type: Person, email: edsger@data.example, roles: []}
---
kind: User
metadata: {name: pipeline}
spec: {organizationRef: {name: data}, type: Machine, email: pipeline@data.example}
---
kind: Token
metadata: {name: pipeline}
spec:
  userRef: {name: pipeline}
  rotation: {every: 168h, overlap: 24h}
  secret:
    template:
      ROCKFISH_API_KEY: "{{ token }}"
      config.json: '{"token": {{ token | tojson }}, "project": {{ projectID | tojson }}}'
"#;

const ROCKIT: &str = r"
kind: Platform
metadata: {name: edge}
spec:
  rockit:
    url: https://edge.example.com
    adminKeySecretRef: {name: edge, key: admin-key}
    adminName: platform-team
    account: {organization: Operations, username: org_operator, apiKeySecretRef: {name: edge, key: api-key}}
---
kind: Platform
metadata: {name: edge-with-tokens}
spec:
  rockit:
    url: https://edge.example.com
    adminTokenSecretRef: {name: edge, key: admin-token}
    backendTokenSecretRef: {name: edge, key: backend-token}
---
kind: Organization
metadata: {name: studio-one}
spec:
  platformRef: {name: edge}
  externalName: StudioOne
  displayName: Studio One GmbH
  admin: {username: studio_admin, email: admin@studio.example, firstName: Erika, lastName: Mustermann}
  keyPair:
    import:
      privateKeySecretRef: {name: studio-key, key: tls.key}
      passphraseSecretRef: {name: studio-key, key: passphrase}
  rockit:
    dxorglnkSecretRef: {name: studio-sealed, key: dxorglnk}
    account: {username: user_manager, apiKeySecretRef: {name: studio-sealed, key: api-key}}
";

const TENANTS: &str = r#"
kind: Platform
metadata: {name: shared}
spec:
  embedded: {}
  allowedNamespaces:
    from: Selector
    selector:
      matchLabels: {tenant: "yes"}
      matchExpressions: [{key: stage, operator: In, values: [test, production]}]
    permissions: [Adopt, Delete]
---
kind: Organization
metadata: {name: tenant-a}
spec: {platformRef: {name: shared, namespace: platforms}, deletionPolicy: Delete}
"#;

const ADOPTION: &str = r"
kind: Organization
metadata: {name: acme}
spec:
  platformRef: {name: tyk}
  externalName: Acme Ltd
  externalID: 5f9b3c1e8d1b4a0001c0ffee
  adoptionPolicy: IfExists
  deletionPolicy: Retain
  driftPolicy: Report
---
kind: User
metadata: {name: ada}
spec:
  organizationRef: {name: acme}
  type: Person
  email: ada@acme.example
  externalID: 5f9b3c1e8d1b4a0001c0ffef
  adoptionPolicy: IfExists
  deletionPolicy: Retain
  driftPolicy: Report
";

const MOVE: &str = r"
kind: Organization
metadata: {name: acme, annotations: {org-operator.dev/take-over-from: cluster-a}}
spec: {platformRef: {name: tyk}, externalID: 5f9b3c1e8d1b4a0001c0ffee, adoptionPolicy: IfExists}
---
kind: User
metadata: {name: ada, annotations: {org-operator.dev/take-over-from: cluster-a}}
spec: {organizationRef: {name: acme}, type: Person, email: ada@acme.example, adoptionPolicy: IfExists}
";

const DELETION: &str = r#"
kind: Platform
metadata: {name: guarded, annotations: {org-operator.dev/resume-deletions-at: "2026-05-01T10:00:00Z"}}
spec: {embedded: {}, limits: {deletionsPerHour: 1, requestsPerSecond: 1000, concurrency: 64}, timeout: 30s}
---
kind: Organization
metadata: {name: leaving, annotations: {org-operator.dev/confirm-deletion: leaving}}
spec: {platformRef: {name: guarded}, deletionPolicy: Delete}
"#;

const REBUILD: &str = r"
kind: Organization
metadata: {name: acme, annotations: {org-operator.dev/resolve: adopt/1}}
spec: {externalName: Acme Ltd, adoptionPolicy: Never}
---
kind: Token
metadata: {name: ci, annotations: {org-operator.dev/rotate-requested-at: now, reconcile.fluxcd.io/requestedAt: now}}
spec: {userRef: {name: ci}, lifetime: 720h, rotation: {every: 168h}, deletionPolicy: Retain}
";

const ONE_NAMESPACE: &str = r#"
kind: Platform
metadata: {name: mine}
spec: {embedded: {}, allowedNamespaces: {from: Same}}
---
kind: Organization
metadata: {name: mine, annotations: {org-operator.dev/paused: "true"}}
spec: {platformRef: {name: mine}, keyPair: {size: 2048, encoding: PKCS8, secret: {name: mine.key, type: example.com/key}}}
"#;

/// Values at the edges of what is allowed.
const THE_REST: &str = r#"
kind: Platform
spec:
  tyk: {url: "https://[::1]:3000/dashboard/", adminSecretRef: {name: a, key: _}}
  tls: {caBundle: "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"}
  limits: {deletionsPerHour: 0}
  timeout: 1s
---
kind: Organization
spec: {externalName: "Žofie & søn – 株式会社 (100 %)", displayName: "é", tyk: {}, keyPair: {size: 3072}}
---
kind: User
spec: {organizationRef: {name: a.b-c}, type: Machine, username: svc@acme, firstName: "", lastName: ""}
---
kind: Token
spec: {userRef: {name: a}, lifetime: 87600h, rotation: {every: 10m, overlap: 0s}}
---
kind: Token
spec: {userRef: {name: a}, lifetime: 1h30m, rotation: {every: 1h20m, overlap: 600s}}
---
kind: Token
spec: {userRef: {name: a}, lifetime: 10m}
"#;
