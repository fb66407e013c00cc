//! Secrets that lie where ours belong or are not what we wrote, and what a tenant may well do because it reaches nobody
//! else.

use super::moves::{Expected, LOOK, Move, Step, apply, delete, one, patch, says, several};

/// The table.
pub(crate) fn moves() -> Vec<Move> {
    let mut all = squatted();
    all.extend(edited());
    all.extend(by_annotation());
    all.extend(allowed());
    all
}

/// What the Secret is for: a word, the resource's kind, the rest of its manifest, what is added to its name.
const FOR: [(&str, &str, &str, &str); 4] = [
    ("pair", "Organization", "spec: {platformRef: $(SHARED), keyPair: {size: 2048}}", "keypair"),
    (
        "admin",
        "Organization",
        "spec: {platformRef: $(SHARED), admin: {username: boss, email: boss@own.example}}",
        "admin",
    ),
    ("person", "User", "spec: {organizationRef: {name: own}, type: Person, email: p@own.example}", "credentials"),
    ("token", "Token", "spec: {userRef: {name: worker}}", "token"),
];

/// How it claims to be ours: a word, labels to the resource, annotations, owner references. A finalizer keeps those
/// that Kubernetes would collect, because their owner is in another namespace.
const CLAIMS: [(&str, bool, &str, &str); 6] = [
    ("nothing", false, "", ""),
    ("our labels", true, "", ""),
    ("our labels and the victim's id", true, "org-operator.dev/external-id: $(ORG_ID)", ""),
    (
        "our labels and an id of nobody's",
        true,
        "org-operator.dev/external-id: 0a0a0a0a-0000-4000-8000-000000000000",
        "",
    ),
    (
        "the victim for its owner",
        true,
        "",
        "{apiVersion: org-operator.dev/v1alpha1, kind: Organization, name: quartz-org, uid: $(ORG_UID),
          controller: true}",
    ),
    ("the victim's uid", true, "org-operator.dev/owner-uid: $(ORG_UID)", ""),
];

/// What is said of a Secret that does not hold what was written any more.
const EDITED: &[&str] = &["ValueUnavailable", "SecretConflict"];

/// What a manifest added to a Secret, and may take off again.
const APPLIED: &str = r#"{"labels": ["app.kubernetes.io/managed-by", "org-operator.dev/name"], "keys": ["token"],
  "annotations": ["org-operator.dev/owner-uid", "org-operator.dev/external-id"]}"#;

/// A password that nobody but the operator may choose.
pub(crate) const CHOSEN: &str = "chosen-by-a-tenant";

/// Every key that one of ours has.
const VALUES: &str = "{private.pem: planted, public.pem: planted, passphrase: planted, username: planted,
  password: planted, token: planted}";

fn labels(kind: &str, name: &str) -> String {
    format!("app.kubernetes.io/managed-by: org-operator, org-operator.dev/kind: {kind}, org-operator.dev/name: {name}")
}

fn secret(name: &str, labels: &str, annotations: &str, owners: &str, values: &str) -> Step {
    apply(format!(
        "{{kind: Secret, metadata: {{name: {name}, labels: {{{labels}}}, annotations: {{{annotations}}},
          ownerReferences: [{owners}], finalizers: [tenant.example/keep]}}, stringData: {values}}}"
    ))
}

/// Before the resource is made.
fn squatted() -> Vec<Move> {
    let mut all = Vec::new();
    for (word, kind, rest, suffix) in FOR {
        for (index, (claim, labelled, annotations, owners)) in CLAIMS.into_iter().enumerate() {
            let name = format!("squat-{word}-{index}");
            let labels = if labelled { labels(kind, &name) } else { String::new() };
            let steps = vec![
                secret(&format!("{name}-{suffix}"), &labels, annotations, owners, VALUES),
                apply(format!("{{kind: {kind}, metadata: {{name: {name}}}, {rest}}}")),
            ];
            // After a rebuild a token is known by its Secret alone. A value that does not log in is replaced, in a
            // Secret that is the tenant's either way.
            let expected = if kind == "Token" && labelled && owners.is_empty() {
                Expected::Own(kind, name, &["SecretConflict"])
            } else {
                Expected::Says(kind, name, &["SecretConflict"])
            };
            all.push(several(format!("a Secret for {word} planted with {claim}"), steps, expected));
        }
    }
    let labels = labels("Token", "squat-token-own");
    let id = "org-operator.dev/external-id: $(TOKEN_ID)";
    all.push(several(
        "a token's Secret with the victim's id and a value that logs in",
        vec![
            secret("squat-token-own-token", &labels, id, "", "{token: $(KEY_VALUE)}"),
            apply("{kind: Token, metadata: {name: squat-token-own}, spec: {userRef: {name: worker}}}"),
        ],
        Expected::Own("Token", "squat-token-own".to_owned(), &["SecretConflict"]),
    ));
    all
}

/// After it was written.
fn edited() -> Vec<Move> {
    let annotate = |name: &str, annotations: &str| {
        patch("Secret", name, format!("{{metadata: {{annotations: {{{annotations}}}}}}}"))
    };
    let look = |name: &str| patch("Token", name, format!("{{metadata: {{annotations: {{{LOOK}: edited}}}}}}"));
    vec![
        several(
            "revoke the victim's token as its own one before",
            vec![
                annotate(
                    "forger-token",
                    "org-operator.dev/previous-id: $(TOKEN_ID), org-operator.dev/issued-at: '1999-01-01T00:00:00Z'",
                ),
                look("forger"),
            ],
            Expected::Unmoved("Token", "forger".to_owned()),
        ),
        several(
            "a label of ours, named and no longer named",
            vec![patch("Token", "branded", "{spec: {secret: {labels: null}}}"), look("branded")],
            Expected::Unmoved("Token", "branded".to_owned()),
        ),
        several(
            "our own key, labels and annotations for the manifest's",
            vec![annotate("tampered-token", &format!("org-operator.dev/applied: '{APPLIED}'")), look("tampered")],
            Expected::Unmoved("Token", "tampered".to_owned()),
        ),
        several(
            "times and numbers without measure",
            vec![
                annotate(
                    "measured-token",
                    "org-operator.dev/issued-at: '9999-12-30T22:00:00Z',
                     org-operator.dev/expires-at: '-009999-01-02T01:59:59Z',
                     org-operator.dev/attempt: '9223372036854775807',
                     org-operator.dev/previous-id: ../$(TOKEN_ID)",
                ),
                patch("Token", "measured", "{spec: {lifetime: 87600h, rotation: {every: 78840h, overlap: 8760h}}}"),
            ],
            Expected::Harmless,
        ),
        several(
            "a key pair in place of its own one",
            vec![
                delete("Secret", "paired-keypair"),
                secret(
                    "paired-keypair",
                    &labels("Organization", "paired"),
                    "org-operator.dev/external-id: $(PAIRED_ID)",
                    "",
                    "$(OWN_PAIR)",
                ),
            ],
            Expected::Says("Organization", "paired".to_owned(), EDITED),
        ),
        several(
            "a key pair edited together with its id",
            vec![patch(
                "Secret",
                "paired-too-keypair",
                "{metadata: {annotations: {org-operator.dev/external-id: $(ELDER_ID)}}, stringData: $(OWN_PAIR)}",
            )],
            Expected::Says("Organization", "paired-too".to_owned(), EDITED),
        ),
        several(
            "a password edited together with the request that it answers",
            vec![patch(
                "Secret",
                "editor-credentials",
                format!(
                    "{{metadata: {{annotations: {{org-operator.dev/rotated-for: now}}}},
                      stringData: {{password: {CHOSEN}}}}}"
                ),
            )],
            Expected::Says("User", "editor".to_owned(), EDITED),
        ),
        several(
            "a password of its own choice",
            vec![
                patch("Secret", "planter-credentials", format!("{{stringData: {{password.next: {CHOSEN}}}}}")),
                patch("User", "planter", format!("{{metadata: {{annotations: {{{LOOK}: planted}}}}}}")),
            ],
            Expected::Own("User", "planter".to_owned(), EDITED),
        ),
        several(
            "the victim's token for its own",
            vec![annotate("liar-token", "org-operator.dev/external-id: $(TOKEN_ID)"), look("liar")],
            Expected::Harmless,
        ),
    ]
}

/// Requests that nothing follows from.
fn by_annotation() -> Vec<Move> {
    let mut all = Vec::new();
    for kind in ["Organization", "User", "Token"] {
        let ways = ["start-over", "adopt"];
        let numbers = ["0", "1", "2", "-1", "99999999999999999999", "", " 0", "0x0", "../0", "0\\nFORGED line"];
        let values = ways.iter().flat_map(|way| numbers.iter().map(move |number| format!("{way}/{number}")));
        let mut steps: Vec<Step> = values
            .map(|value| {
                let request = format!("org-operator.dev/resolve: \"{value}\", {LOOK}: \"{value}\"");
                patch(kind, "fine", format!("{{metadata: {{annotations: {{{request}}}}}}}"))
            })
            .collect();
        let others = "org-operator.dev/take-over-from: test, org-operator.dev/resume-deletions-at: now";
        steps.push(patch(kind, "fine", format!("{{metadata: {{annotations: {{{others}, {LOOK}: last}}}}}}")));
        all.push(several(
            format!("decide on a {kind} that is fine"),
            steps,
            Expected::Unmoved(kind, "fine".to_owned()),
        ));
    }
    let user = |name: &str, policy: &str, username: &str| {
        format!(
            "{{kind: User, metadata: {{name: {name}, finalizers: [org-operator.dev/finalizer],
              annotations: {{org-operator.dev/made-in: $(MADE_IN)}}}},
              spec: {{organizationRef: {{name: quartz-org}}, type: Machine, username: {username},
                deletionPolicy: {policy}}}}}"
        )
    };
    for (policy, username) in [("Delete", "q.clerk"), ("Delete", "quartz-chief"), ("Retain", "quartz-drill")] {
        let name = format!("made-{username}").replace('.', "-");
        all.push(several(
            format!("a User made in the victim's organisation, {policy} {username}"),
            vec![apply(user(&name, policy, username)), delete("User", &name)],
            Expected::Goes("User", name),
        ));
    }
    all.push(several(
        "a User moved into the victim's organisation",
        vec![
            patch("User", "diver", "{metadata: {annotations: {org-operator.dev/made-in: $(MADE_IN)}}}"),
            delete("User", "diver"),
        ],
        Expected::Goes("User", "diver".to_owned()),
    ));
    all
}

/// What is a tenant's own business.
fn allowed() -> Vec<Move> {
    let own = |name: &str, (kind, object): (&'static str, &str), manifest: String| {
        one(name, apply(manifest), Expected::Own(kind, object.to_owned(), &[]))
    };
    let organization = |name: &str, spec: &str| {
        format!("{{kind: Organization, metadata: {{name: {name}}}, spec: {{platformRef: $(SHARED), {spec}}}}}")
    };
    let unfinalized = "{metadata: {finalizers: null}}";
    let policy = |policy: &str| patch("Organization", "flipper", format!("{{spec: {{deletionPolicy: {policy}}}}}"));
    vec![
        own(
            "the victim's username in an organisation of its own",
            ("User", "namesake"),
            "{kind: User, metadata: {name: namesake},
              spec: {organizationRef: {name: own}, type: Person, username: q.clerk, email: clerk@quartz.example}}"
                .to_owned(),
        ),
        own(
            "the owner's Organization, in its own namespace",
            ("Organization", "basalt-org"),
            organization("basalt-org", ""),
        ),
        own(
            "the owner's User, in its own namespace",
            ("User", "basalt-crane"),
            "{kind: User, metadata: {name: basalt-crane}, spec: {organizationRef: {name: basalt-org}, type: Machine}}"
                .to_owned(),
        ),
        own(
            "the owner's Token, in its own namespace",
            ("Token", "basalt-hook"),
            "{kind: Token, metadata: {name: basalt-hook}, spec: {userRef: {name: basalt-crane}}}".to_owned(),
        ),
        own(
            "the victim's name in capitals",
            ("Organization", "capitals"),
            organization("capitals", "externalName: QUARTZ HOLDINGS"),
        ),
        own(
            "a name in SQL",
            ("Organization", "sql"),
            organization("sql", "externalName: \"x'; DELETE FROM organizations; --\""),
        ),
        own(
            "a name that is a pattern",
            ("Organization", "pattern"),
            organization("pattern", "externalName: 'Quartz%'"),
        ),
        own(
            "a name that is a mark",
            ("Organization", "mark"),
            organization("mark", "externalName: test/$(VICTIM)/quartz-org, displayName: Quartz Holdings"),
        ),
        one(
            "the status of another at creation",
            Step::Create(
                "{kind: Organization, metadata: {name: born}, spec: {platformRef: $(SHARED)},
                  status: {externalID: $(ORG_ID), externalName: Quartz Holdings, origin: Adopted, conditions: []}}"
                    .to_owned(),
            ),
            Expected::Own("Organization", "born".to_owned(), &[]),
        ),
        several(
            "a finalizer taken off by force",
            vec![
                patch("Organization", "unbound", "{spec: {deletionPolicy: Delete}}"),
                delete("Organization", "unbound"),
                patch("Organization", "unbound", unfinalized),
            ],
            Expected::Goes("Organization", "unbound".to_owned()),
        ),
        several(
            "changes of mind while it goes",
            vec![
                policy("Delete"),
                delete("Organization", "flipper"),
                patch("Organization", "flipper", "{spec: {driftPolicy: Report}}"),
                policy("Retain"),
            ],
            Expected::Goes("Organization", "flipper".to_owned()),
        ),
        says(
            "our finalizer on what no grant allows",
            ("Organization", "holder"),
            "{kind: Organization, metadata: {name: holder, finalizers: [org-operator.dev/finalizer]},
              spec: {platformRef: $(PASSING)}}",
            &["NamespaceNotAllowed"],
        ),
        one(
            "the same, and the operator must not look",
            apply(
                "{kind: Organization, metadata: {name: paused-holder, finalizers: [org-operator.dev/finalizer],
                  annotations: {org-operator.dev/paused: 'true'}}, spec: {platformRef: $(PASSING)}}",
            ),
            Expected::Harmless,
        ),
    ]
}
