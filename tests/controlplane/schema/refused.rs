//! Manifests that the API server must refuse, each with its sentence.

use super::Refused;

const DURATION: &str = "write a duration in hours, minutes or seconds, such as 720h (30 days) or 90m";
const KIND: &str = "give exactly one of embedded, tyk, rockfish and rockit";
const INSECURE: &str = "an http:// URL needs insecure: true, because credentials would cross the network in the clear";
const SELECTOR: &str = "selector goes with from: Selector, and only with it";
const ROCKFISH: &str = "give adminURL, or url with inviteCodeSecretRef";
const ADMIN_CREDENTIAL: &str = "give exactly one of adminTokenSecretRef (a ready token) and adminKeySecretRef";
const URL: &str = "write a URL such as https://admin.example.com";
const TLS: &str = "give exactly one of caBundle and caSecretRef";
const EXTERNAL_ID: &str = "set adoptionPolicy: IfExists with it";
const PERSON: &str = "a Person needs an email";
const EMAIL: &str = "write an e-mail address such as ada@example.com";
const FITS: &str = "rotation.every plus overlap must fit into lifetime";

const fn refused(manifest: &'static str, sentence: &'static str) -> Refused {
    Refused { manifest, sentence }
}

/// The table.
pub(crate) const MANIFESTS: &[Refused] = &[
    // All kinds.
    refused(
        "{kind: Token, metadata: {name: a2345678901234567890123456789012345678901234567890123456789012-4}, spec: {userRef: {name: a}}}",
        "metadata.name must not be longer than 63 characters",
    ),
    refused(
        "{kind: Platform, metadata: {name: a2345678901234567890123456789012345678901234567890123456789012-4}, spec: {embedded: {}}}",
        "metadata.name must not be longer than 63 characters",
    ),
    refused("{kind: Organization, spec: {deletionPolicy: delete}}", r#"supported values: "Retain", "Delete""#),
    refused("{kind: Organization, spec: {deletePolicy: Delete}}", "deletePolicy"),
    // Platform: which.
    refused("{kind: Platform, spec: {}}", KIND),
    refused(
        "{kind: Platform, spec: {embedded: {}, tyk: {url: https://a.example, adminSecretRef: {name: a, key: b}}}}",
        KIND,
    ),
    refused("{kind: Platform, spec: {tyk: {url: https://a.example}}}", "adminSecretRef: Required value"),
    refused(
        "{kind: Platform, spec: {tyk: {url: https://a.example, adminSecretRef: {name: a}}}}",
        "adminSecretRef.key: Required value",
    ),
    refused(
        "{kind: Platform, spec: {tyk: {url: https://a.example, adminSecretRef: {name: a, key: b, namespace: c}}}}",
        "adminSecretRef.namespace",
    ),
    refused(
        "{kind: Platform, spec: {tyk: {url: https://a.example, adminSecretRef: {name: A_b, key: b}}}}",
        "a Secret's name consists of lower-case letters",
    ),
    refused(
        "{kind: Platform, spec: {tyk: {url: https://a.example, adminSecretRef: {name: a, key: a/b}}}}",
        "a key of a Secret consists of",
    ),
    refused("{kind: Platform, spec: {rockfish: {}}}", ROCKFISH),
    refused("{kind: Platform, spec: {rockfish: {url: https://a.example}}}", ROCKFISH),
    refused("{kind: Platform, spec: {rockfish: {inviteCodeSecretRef: {name: a, key: b}}}}", ROCKFISH),
    refused("{kind: Platform, spec: {rockit: {url: https://a.example}}}", ADMIN_CREDENTIAL),
    refused(
        "{kind: Platform, spec: {rockit: {url: https://a.example, adminTokenSecretRef: {name: a, key: b},
          adminKeySecretRef: {name: a, key: b}}}}",
        ADMIN_CREDENTIAL,
    ),
    refused(
        "{kind: Platform, spec: {rockit: {url: https://a.example, adminTokenSecretRef: {name: a, key: b},
          backendTokenSecretRef: {name: a, key: b},
          account: {organization: a, username: b, apiKeySecretRef: {name: a, key: b}}}}}",
        "give backendTokenSecretRef or account, not both",
    ),
    // Platform: URLs.
    refused("{kind: Platform, spec: {tyk: {url: http://a.example, adminSecretRef: {name: a, key: b}}}}", INSECURE),
    refused(
        "{kind: Platform, spec: {rockit: {url: http://a.example, adminTokenSecretRef: {name: a, key: b}}}}",
        INSECURE,
    ),
    refused("{kind: Platform, spec: {rockfish: {adminURL: http://a.example}}}", INSECURE),
    refused("{kind: Platform, spec: {rockfish: {adminURL: https://a.example, url: http://a.example}}}", INSECURE),
    refused("{kind: Platform, spec: {rockfish: {adminURL: a.example}}}", URL),
    refused("{kind: Platform, spec: {rockfish: {adminURL: ftp://a.example}}}", URL),
    refused("{kind: Platform, spec: {rockfish: {adminURL: https://}}}", URL),
    refused("{kind: Platform, spec: {rockfish: {adminURL: https://me:secret@a.example}}}", URL),
    refused("{kind: Platform, spec: {rockfish: {adminURL: 'https://a.example/?a=b'}}}", URL),
    refused("{kind: Platform, spec: {rockfish: {adminURL: 'https://a.example/#a'}}}", URL),
    refused("{kind: Platform, spec: {rockfish: {adminURL: 'https://a.example/a b'}}}", URL),
    // Platform: the rest.
    refused("{kind: Platform, spec: {embedded: {}, tls: {}}}", TLS),
    refused(
        "{kind: Platform, spec: {embedded: {}, tls: {caBundle: '-----BEGIN CERTIFICATE-----', caSecretRef: {name: a, key: b}}}}",
        TLS,
    ),
    refused("{kind: Platform, spec: {embedded: {}, tls: {caBundle: MIIB}}}", "caBundle holds certificates in PEM"),
    refused("{kind: Platform, spec: {embedded: {}, timeout: 500ms}}", DURATION),
    refused("{kind: Platform, spec: {embedded: {}, timeout: 1m}}", "give a duration between 1s and 30s"),
    refused("{kind: Platform, spec: {embedded: {}, limits: {requestsPerSecond: 0}}}", "greater than or equal to 1"),
    refused("{kind: Platform, spec: {embedded: {}, limits: {concurrency: 65}}}", "less than or equal to 64"),
    refused("{kind: Platform, spec: {embedded: {}, limits: {deletionsPerHour: -1}}}", "greater than or equal to 0"),
    refused("{kind: Platform, spec: {embedded: {}, allowedNamespaces: {from: Selector}}}", SELECTOR),
    refused("{kind: Platform, spec: {embedded: {}, allowedNamespaces: {from: All, selector: {}}}}", SELECTOR),
    refused("{kind: Platform, spec: {embedded: {}, allowedNamespaces: {selector: {}}}}", SELECTOR),
    refused(
        "{kind: Platform, spec: {embedded: {}, allowedNamespaces: {permissions: [Create]}}}",
        r#"supported values: "Adopt", "Delete""#,
    ),
    refused("{kind: Platform, spec: {embedded: {}, allowedNamespaces: {permissions: [Adopt, Adopt]}}}", "uplicate"),
    // Organization.
    refused("{kind: Organization, spec: {externalID: a}}", EXTERNAL_ID),
    refused("{kind: Organization, spec: {externalID: a, adoptionPolicy: Never}}", EXTERNAL_ID),
    refused("{kind: Organization, spec: {externalName: ''}}", "at least 1 chars"),
    refused("{kind: Organization, spec: {externalName: ' Acme'}}", "externalName must be printable"),
    refused(r#"{kind: Organization, spec: {externalName: "Acme\u00a0"}}"#, "externalName must be printable"),
    refused(r#"{kind: Organization, spec: {externalName: "Ac\nme"}}"#, "externalName must be printable"),
    refused(r#"{kind: Organization, spec: {externalName: "Ac\u202eme"}}"#, "externalName must be printable"),
    refused("{kind: Organization, spec: {displayName: ''}}", "at least 1 chars"),
    refused("{kind: Organization, spec: {platformRef: {namespace: a}}}", "platformRef.name: Required value"),
    refused("{kind: Organization, spec: {platformRef: {name: A}}}", "a Platform's name consists of"),
    refused("{kind: Organization, spec: {rockit: {}, tyk: {}}}", "give rockit or tyk"),
    refused("{kind: Organization, spec: {tyk: {developerQuota: -1}}}", "greater than or equal to 0"),
    refused("{kind: Organization, spec: {admin: {username: a}}}", "admin.email: Required value"),
    refused("{kind: Organization, spec: {admin: {username: a, email: b}}}", EMAIL),
    refused("{kind: Organization, spec: {keyPair: {size: 1024}}}", r#"supported values: "2048", "3072", "4096""#),
    refused("{kind: Organization, spec: {keyPair: {encoding: PKCS12}}}", r#"supported values: "PKCS1", "PKCS8""#),
    refused(
        "{kind: Organization, spec: {keyPair: {import: {privateKeySecretRef: {name: a, key: b}}, secret: {}}}}",
        "an imported key pair stays in its own Secret: leave secret out",
    ),
    refused(
        "{kind: Organization, spec: {keyPair: {import: {passphraseSecretRef: {name: a, key: b}}}}}",
        "privateKeySecretRef: Required value",
    ),
    // `keyPair:` with nothing after it: neither none nor a generated one, but a slip.
    refused("{kind: Organization, spec: {keyPair: null}}", "spec.keyPair in body must be of type object"),
    // User.
    refused("{kind: User, spec: {organizationRef: {name: a}}}", "spec.type: Required value"),
    refused("{kind: User, spec: {type: Machine}}", "spec.organizationRef: Required value"),
    refused("{kind: User, spec: {organizationRef: {name: a}, type: Person}}", PERSON),
    refused(
        "{kind: User, spec: {organizationRef: {name: a}, type: Robot}}",
        r#"supported values: "Person", "Machine""#,
    ),
    refused("{kind: User, spec: {organizationRef: {name: a}, type: Person, email: ada}}", EMAIL),
    refused("{kind: User, spec: {organizationRef: {name: a}, type: Person, email: a@b@c}}", EMAIL),
    refused("{kind: User, spec: {organizationRef: {name: a}, type: Person, email: ''}}", EMAIL),
    refused(
        "{kind: User, spec: {organizationRef: {name: a}, type: Machine, initialPassword: Generate}}",
        "initialPassword is for a Person",
    ),
    refused("{kind: User, spec: {organizationRef: {name: a}, type: Machine, externalID: b}}", EXTERNAL_ID),
    refused("{kind: User, spec: {organizationRef: {name: a}, type: Machine, roles: [b, b]}}", "uplicate"),
    refused(
        "{kind: User, spec: {organizationRef: {name: a}, type: Machine, username: 'a '}}",
        "username must be printable",
    ),
    refused(
        "{kind: User, spec: {organizationRef: {name: a}, type: Machine, tyk: {permissions: {apis: all}}}}",
        r#"supported values: "read", "write", "deny", "admin""#,
    ),
    // Token.
    refused("{kind: Token, spec: {}}", "spec.userRef: Required value"),
    refused("{kind: Token, spec: {userRef: {name: a}, lifetime: 30d}}", DURATION),
    refused("{kind: Token, spec: {userRef: {name: a}, lifetime: '720'}}", DURATION),
    refused("{kind: Token, spec: {userRef: {name: a}, lifetime: ''}}", DURATION),
    refused("{kind: Token, spec: {userRef: {name: a}, lifetime: 1.5h}}", DURATION),
    refused("{kind: Token, spec: {userRef: {name: a}, lifetime: 9m59s}}", "give a duration between 10m and 87600h"),
    refused("{kind: Token, spec: {userRef: {name: a}, lifetime: 87601h}}", "give a duration between 10m and 87600h"),
    refused("{kind: Token, spec: {userRef: {name: a}, rotation: {overlap: 1h}}}", "rotation.every: Required value"),
    refused("{kind: Token, spec: {userRef: {name: a}, rotation: {every: 7d, overlap: 1d}}}", DURATION),
    refused(
        "{kind: Token, spec: {userRef: {name: a}, rotation: {every: 1h, overlap: 1h}}}",
        "overlap must be shorter than every",
    ),
    refused(
        "{kind: Token, spec: {userRef: {name: a}, rotation: {every: 87600h, overlap: 8761h}}}",
        "give a duration between 0s and 8760h",
    ),
    refused("{kind: Token, spec: {userRef: {name: a}, lifetime: 1h, rotation: {every: 50m, overlap: 11m}}}", FITS),
    // The overlap that the operator takes by itself counts: a tenth of every, at most a day.
    refused("{kind: Token, spec: {userRef: {name: a}, lifetime: 1h, rotation: {every: 1h}}}", FITS),
    refused("{kind: Token, spec: {userRef: {name: a}, lifetime: 1023h, rotation: {every: 1000h}}}", FITS),
    // Output Secrets.
    refused("{kind: Token, spec: {userRef: {name: a}, secret: {name: A}}}", "a Secret's name consists of"),
    refused(
        "{kind: Token, spec: {userRef: {name: a}, secret: {labels: {app.kubernetes.io/instance: a}}}}",
        "leave app.kubernetes.io/instance out of labels",
    ),
    refused(
        "{kind: Token, spec: {userRef: {name: a}, secret: {type: kubernetes.io/service-account-token}}}",
        "a credential of the cluster itself",
    ),
    refused(
        "{kind: Organization, spec: {keyPair: {secret: {type: bootstrap.kubernetes.io/token}}}}",
        "a credential of the cluster itself",
    ),
    refused(
        "{kind: User, spec: {organizationRef: {name: a}, type: Machine, firstName: \"a\\u202eb\"}}",
        "firstName must be printable",
    ),
    refused(
        "{kind: User, spec: {organizationRef: {name: a}, type: Machine, lastName: \"a\\nb\"}}",
        "lastName must be printable",
    ),
    refused(
        "{kind: User, spec: {organizationRef: {name: a}, type: Machine, email: \"a\\u0007@b.example\"}}",
        "email must be printable",
    ),
    refused(
        "{kind: Token, spec: {userRef: {name: a}, secret: {labels: {org-operator.dev/kind: a}}}}",
        "labels of org-operator.dev/ are the operator's own",
    ),
    refused("{kind: Token, spec: {userRef: {name: a}, secret: {labels: {a: b c}}}}", "a label's value consists of"),
    refused("{kind: Token, spec: {userRef: {name: a}, secret: {labels: {a b: c}}}}", "a key of labels is a name"),
    refused(
        "{kind: Token, spec: {userRef: {name: a}, secret: {annotations: {org-operator.dev/issued-at: a}}}}",
        "annotations of org-operator.dev/ are the operator's own",
    ),
    refused(
        "{kind: Token, spec: {userRef: {name: a}, secret: {annotations: {a/b/c: d}}}}",
        "a key of annotations is a name",
    ),
    refused(
        "{kind: Token, spec: {userRef: {name: a}, secret: {template: {A: ''}}}}",
        r#"a template must not be empty; in a Helm chart write {{ "{{ token }}" }}"#,
    ),
    refused(
        "{kind: Token, spec: {userRef: {name: a}, secret: {template: {A/B: c}}}}",
        "a key of template becomes a key of the Secret",
    ),
    refused(
        "{kind: Organization, spec: {keyPair: {secret: {template: {private.pem: '{{ privateKey }}'}}}}}",
        "are the operator's own keys: choose another key",
    ),
    refused(
        "{kind: Organization, spec: {admin: {username: a, email: a@b.example, secret: {template: {password: a}}}}}",
        "are the operator's own keys: choose another key",
    ),
    refused(
        "{kind: User, spec: {organizationRef: {name: a}, type: Machine, secret: {template: {token: a}}}}",
        "are the operator's own keys: choose another key",
    ),
];
