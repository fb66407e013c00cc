//! Changes of an object that is there.

use super::Edit;

const KIND: &str = "the kind of platform cannot change: make another Platform";
const SECRET_NAME: &str = "secret.name can be neither added, changed nor removed";
const SECRET_TYPE: &str = "secret.type cannot change";
const KEY_PAIR: &str = "a key pair cannot be replaced by another";

const fn refused(before: &'static str, after: &'static str, sentence: &'static str) -> Edit {
    Edit { before, after, sentence: Some(sentence) }
}

const fn allowed(before: &'static str, after: &'static str) -> Edit {
    Edit { before, after, sentence: None }
}

/// The table.
pub(crate) const EDITS: &[Edit] = &[
    // Platform: the kind is fixed, all else is free.
    refused(
        "{kind: Platform, spec: {embedded: {}}}",
        "{kind: Platform, spec: {tyk: {url: https://a.example, adminSecretRef: {name: a, key: b}}}}",
        KIND,
    ),
    refused(
        "{kind: Platform, spec: {rockfish: {adminURL: https://a.example}}}",
        "{kind: Platform, spec: {rockit: {url: https://a.example, adminTokenSecretRef: {name: a, key: b}}}}",
        KIND,
    ),
    allowed(
        "{kind: Platform, spec: {tyk: {url: https://a.example, adminSecretRef: {name: a, key: b}}}}",
        "{kind: Platform, spec: {tyk: {url: http://b.example, adminSecretRef: {name: c, key: d}}, insecure: true,
          timeout: 10s, limits: {concurrency: 1}, allowedNamespaces: {from: All, permissions: [Adopt]}}}",
    ),
    allowed(
        "{kind: Platform, spec: {rockit: {url: https://a.example, adminTokenSecretRef: {name: a, key: b}}}}",
        "{kind: Platform, spec: {rockit: {url: https://a.example, adminKeySecretRef: {name: a, key: b}}}}",
    ),
    // Organization: what is fixed.
    refused(
        "{kind: Organization, spec: {externalName: a}}",
        "{kind: Organization, spec: {externalName: b}}",
        "externalName cannot change",
    ),
    refused(
        "{kind: Organization, spec: {externalName: a}}",
        "{kind: Organization, spec: {}}",
        "externalName can be neither added nor removed",
    ),
    refused(
        "{kind: Organization, spec: {}}",
        "{kind: Organization, spec: {externalName: a}}",
        "externalName can be neither added nor removed",
    ),
    refused(
        "{kind: Organization, spec: {}}",
        "{kind: Organization, spec: {admin: {username: a, email: a@b.example}}}",
        "admin can be neither added nor removed",
    ),
    refused(
        "{kind: Organization, spec: {admin: {username: a, email: a@b.example}}}",
        "{kind: Organization, spec: {}}",
        "admin can be neither added nor removed",
    ),
    refused(
        "{kind: Organization, spec: {admin: {username: a, email: a@b.example}}}",
        "{kind: Organization, spec: {admin: {username: b, email: a@b.example}}}",
        "username cannot change",
    ),
    refused(
        "{kind: Organization, spec: {admin: {username: a, email: a@b.example}}}",
        "{kind: Organization, spec: {admin: {username: a, email: c@b.example}}}",
        "email cannot change",
    ),
    refused(
        "{kind: Organization, spec: {admin: {username: a, email: a@b.example}}}",
        "{kind: Organization, spec: {admin: {username: a, email: a@b.example, firstName: c}}}",
        "firstName can be neither added nor removed",
    ),
    refused(
        "{kind: Organization, spec: {admin: {username: a, email: a@b.example, lastName: c}}}",
        "{kind: Organization, spec: {admin: {username: a, email: a@b.example, lastName: d}}}",
        "lastName cannot change",
    ),
    // Organization: what may be given once.
    allowed(
        "{kind: Organization, spec: {}}",
        "{kind: Organization, spec: {platformRef: {name: a}, externalID: b, adoptionPolicy: IfExists, keyPair: {}}}",
    ),
    refused(
        "{kind: Organization, spec: {platformRef: {name: a}}}",
        "{kind: Organization, spec: {platformRef: {name: b}}}",
        "platformRef cannot change",
    ),
    refused(
        "{kind: Organization, spec: {platformRef: {name: a}}}",
        "{kind: Organization, spec: {platformRef: {name: a, namespace: b}}}",
        "platformRef cannot change",
    ),
    refused(
        "{kind: Organization, spec: {platformRef: {name: a}}}",
        "{kind: Organization, spec: {}}",
        "platformRef cannot be removed",
    ),
    refused(
        "{kind: Organization, spec: {externalID: a, adoptionPolicy: IfExists}}",
        "{kind: Organization, spec: {externalID: b, adoptionPolicy: IfExists}}",
        "externalID cannot change",
    ),
    refused(
        "{kind: Organization, spec: {externalID: a, adoptionPolicy: IfExists}}",
        "{kind: Organization, spec: {}}",
        "externalID cannot be removed",
    ),
    refused("{kind: Organization, spec: {keyPair: {}}}", "{kind: Organization, spec: {}}", "keyPair cannot be removed"),
    refused(
        "{kind: Organization, spec: {keyPair: {}}}",
        "{kind: Organization, spec: {keyPair: {size: 2048}}}",
        KEY_PAIR,
    ),
    refused(
        "{kind: Organization, spec: {keyPair: {}}}",
        "{kind: Organization, spec: {keyPair: {encoding: PKCS8}}}",
        KEY_PAIR,
    ),
    refused(
        "{kind: Organization, spec: {keyPair: {}}}",
        "{kind: Organization, spec: {keyPair: {import: {privateKeySecretRef: {name: a, key: b}}}}}",
        KEY_PAIR,
    ),
    refused(
        "{kind: Organization, spec: {keyPair: {import: {privateKeySecretRef: {name: a, key: b}}}}}",
        "{kind: Organization, spec: {keyPair: {import: {privateKeySecretRef: {name: a, key: c}}}}}",
        KEY_PAIR,
    ),
    refused(
        "{kind: Organization, spec: {keyPair: {import: {privateKeySecretRef: {name: a, key: b}}}}}",
        "{kind: Organization, spec: {keyPair: {}}}",
        KEY_PAIR,
    ),
    // Organization: what is free.
    allowed(
        "{kind: Organization, spec: {displayName: a, deletionPolicy: Delete, tyk: {cname: a.example}}}",
        "{kind: Organization, spec: {displayName: b, deletionPolicy: Retain, adoptionPolicy: IfExists, driftPolicy: Report}}",
    ),
    allowed(
        "{kind: Organization, spec: {rockit: {dxorglnkSecretRef: {name: a, key: b}}}}",
        "{kind: Organization, spec: {rockit: {account: {username: a, apiKeySecretRef: {name: a, key: b}}}}}",
    ),
    // User.
    refused(
        "{kind: User, spec: {organizationRef: {name: a}, type: Machine}}",
        "{kind: User, spec: {organizationRef: {name: b}, type: Machine}}",
        "organizationRef cannot change",
    ),
    refused(
        "{kind: User, spec: {organizationRef: {name: a}, type: Machine}}",
        "{kind: User, spec: {organizationRef: {name: a}, type: Person, email: a@b.example}}",
        "type cannot change",
    ),
    refused(
        "{kind: User, spec: {organizationRef: {name: a}, type: Machine, username: b}}",
        "{kind: User, spec: {organizationRef: {name: a}, type: Machine, username: c}}",
        "username cannot change",
    ),
    refused(
        "{kind: User, spec: {organizationRef: {name: a}, type: Machine}}",
        "{kind: User, spec: {organizationRef: {name: a}, type: Machine, username: b}}",
        "username can be neither added nor removed",
    ),
    refused(
        "{kind: User, spec: {organizationRef: {name: a}, type: Person, email: a@b.example}}",
        "{kind: User, spec: {organizationRef: {name: a}, type: Person}}",
        "a Person needs an email",
    ),
    refused(
        "{kind: User, spec: {organizationRef: {name: a}, type: Machine, externalID: b, adoptionPolicy: IfExists}}",
        "{kind: User, spec: {organizationRef: {name: a}, type: Machine, adoptionPolicy: IfExists}}",
        "externalID cannot be removed",
    ),
    allowed(
        "{kind: User, spec: {organizationRef: {name: a}, type: Machine, email: a@b.example, roles: [a], firstName: a}}",
        "{kind: User, spec: {organizationRef: {name: a}, type: Machine, roles: [], lastName: b, deletionPolicy: Retain,
          externalID: c, adoptionPolicy: IfExists, tyk: {permissions: {apis: read}}, secret: {template: {A: b}}}}",
    ),
    // Token.
    refused(
        "{kind: Token, spec: {userRef: {name: a}}}",
        "{kind: Token, spec: {userRef: {name: b}}}",
        "userRef cannot change",
    ),
    allowed(
        "{kind: Token, spec: {userRef: {name: a}}}",
        "{kind: Token, spec: {userRef: {name: a}, lifetime: 720h, rotation: {every: 168h, overlap: 1h}, deletionPolicy: Retain}}",
    ),
    allowed(
        "{kind: Token, spec: {userRef: {name: a}, lifetime: 720h, rotation: {every: 168h, overlap: 1h}}}",
        "{kind: Token, spec: {userRef: {name: a}}}",
    ),
    // Output Secrets: name and type are fixed, whether `secret` was there or not; all else is free.
    refused(
        "{kind: Token, spec: {userRef: {name: a}, secret: {name: b}}}",
        "{kind: Token, spec: {userRef: {name: a}, secret: {name: c}}}",
        SECRET_NAME,
    ),
    refused(
        "{kind: Token, spec: {userRef: {name: a}}}",
        "{kind: Token, spec: {userRef: {name: a}, secret: {name: c}}}",
        SECRET_NAME,
    ),
    refused(
        "{kind: User, spec: {organizationRef: {name: a}, type: Machine, secret: {name: b}}}",
        "{kind: User, spec: {organizationRef: {name: a}, type: Machine}}",
        SECRET_NAME,
    ),
    refused(
        "{kind: Organization, spec: {keyPair: {secret: {labels: {a: b}}}}}",
        "{kind: Organization, spec: {keyPair: {secret: {name: c, labels: {a: b}}}}}",
        SECRET_NAME,
    ),
    refused(
        "{kind: Organization, spec: {admin: {username: a, email: a@b.example, secret: {name: b}}}}",
        "{kind: Organization, spec: {admin: {username: a, email: a@b.example}}}",
        SECRET_NAME,
    ),
    refused(
        "{kind: Token, spec: {userRef: {name: a}, secret: {type: a}}}",
        "{kind: Token, spec: {userRef: {name: a}, secret: {type: b}}}",
        SECRET_TYPE,
    ),
    refused(
        "{kind: User, spec: {organizationRef: {name: a}, type: Machine}}",
        "{kind: User, spec: {organizationRef: {name: a}, type: Machine, secret: {type: b}}}",
        SECRET_TYPE,
    ),
    refused(
        "{kind: Organization, spec: {keyPair: {secret: {type: b}}}}",
        "{kind: Organization, spec: {keyPair: {}}}",
        SECRET_TYPE,
    ),
    allowed(
        "{kind: Token, spec: {userRef: {name: a}}}",
        "{kind: Token, spec: {userRef: {name: a}, secret: {labels: {a: b}, annotations: {c: d}, template: {E: f}}}}",
    ),
    allowed(
        "{kind: Token, spec: {userRef: {name: a}, secret: {name: b, type: c, labels: {a: b}, template: {E: f}}}}",
        "{kind: Token, spec: {userRef: {name: a}, secret: {name: b, type: c, annotations: {c: d}}}}",
    ),
];
