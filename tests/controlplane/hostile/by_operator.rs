//! What the API server lets through and the operator does not do: to take over, to delete, to refer to others' things.

use super::moves::{Expected, LOOK, Move, Step, apply, delete, one, patch, says, several};

const CONFLICT: &[&str] = &["NameConflict"];
const DENIED: &[&str] = &["NotPermitted"];
const ABSENT: &[&str] = &["DependencyNotReady"];
const NOT_ALLOWED: &[&str] = &["NamespaceNotAllowed"];
const INVALID: &[&str] = &["InvalidSpec"];

/// Its Organization is not there any more; or its organisation is another's.
const GIVEN_AWAY: &[&str] = &["DependencyNotReady", "OwnedElsewhere"];

/// An id that the platform has not given to anything.
const NOBODY: &str = "00000000-0000-4000-8000-000000000000";

/// The table.
pub(crate) fn moves() -> Vec<Move> {
    let mut all = others_names();
    all.extend(take_over());
    all.extend(deletion());
    all.extend(references());
    all.extend(doubles());
    all.extend(templates());
    all
}

/// Two objects that say why not: the same but for the word, because the one that is another's and the one that is
/// nowhere must not be told apart.
pub(crate) const TWINS: &[[(&str, &str, &str); 2]] = &[
    [("User", "of-victim", "quartz-org"), ("User", "of-nobody", "nowhere-org")],
    [("Token", "of-victim", "quartz-drill"), ("Token", "of-nobody", "nowhere-drill")],
    [("Organization", "key-of-victim", "quartz-vault"), ("Organization", "key-of-nobody", "nowhere-vault")],
    [("Organization", "on-victim", "$(VICTIM)"), ("Organization", "on-nobody", "nowhere")],
    // Without a grant nobody hears how the Platform is.
    [("Organization", "on-closed", "closed"), ("Organization", "on-sealed", "sealed")],
    [("Organization", "on-closed", "closed"), ("Organization", "on-leaving", "leaving")],
];

/// An Organization of that name on `embedded`, with more in its spec.
fn organization(name: &str, spec: &str) -> String {
    on("$(SHARED)", name, spec)
}

fn on(platform: &str, name: &str, spec: &str) -> String {
    format!("{{kind: Organization, metadata: {{name: {name}}}, spec: {{platformRef: {platform}, {spec}}}}}")
}

/// One by which something is to be taken over from `owner`.
fn taking(platform: &str, name: &str, owner: &str, spec: &str) -> String {
    format!(
        "{{kind: Organization, metadata: {{name: {name}, annotations: {{org-operator.dev/take-over-from: '{owner}'}}}},
          spec: {{platformRef: {platform}, {spec}}}}}"
    )
}

/// By name.
fn others_names() -> Vec<Move> {
    let of = |name, object, manifest, reasons| says(name, ("Organization", object), manifest, reasons);
    let victims = "externalName: Quartz Holdings";
    vec![
        of("the victim's name", "name-1", organization("name-1", victims), CONFLICT),
        of("the owner's name", "name-2", organization("name-2", "externalName: Basalt Trust"), CONFLICT),
        of("the victim's name by another Platform", "name-3", on("$(LENIENT)", "name-3", victims), CONFLICT),
        of(
            "the victim's name, to be taken over where that is granted",
            "name-4",
            on("$(LENIENT)", "name-4", "externalName: Quartz Holdings, adoptionPolicy: IfExists"),
            CONFLICT,
        ),
        one(
            "the victim's name by an object that says it is older and has it",
            Step::Create(
                "{kind: Organization,
                  metadata: {name: name-5, uid: $(ORG_UID), creationTimestamp: '1999-01-01T00:00:00Z'},
                  spec: {platformRef: $(SHARED), externalName: Quartz Holdings}, status: {externalID: $(ORG_ID)}}"
                    .to_owned(),
            ),
            Expected::Says("Organization", "name-5".to_owned(), CONFLICT),
        ),
        several(
            "the victim's name by an object that was another one before",
            vec![
                delete("Organization", "reborn"),
                Step::Gone("Organization", "reborn".to_owned()),
                apply(organization("reborn", victims)),
            ],
            Expected::Says("Organization", "reborn".to_owned(), CONFLICT),
        ),
        of(
            "the name that a victim left on the platform",
            "name-6",
            organization("name-6", "externalName: Gneiss Orphan 0"),
            &["OwnedElsewhere"],
        ),
        of(
            "the name of what the owner only watches",
            "name-7",
            on("$(LENIENT)", "name-7", "externalName: Slate Cooperative, adoptionPolicy: IfExists"),
            CONFLICT,
        ),
        of("the name that it gave away", "name-8", organization("name-8", "externalName: Flint Works"), CONFLICT),
    ]
}

/// By policy, by id and by the annotation; on a Platform that grants it, and on one that does not.
fn take_over() -> Vec<Move> {
    let of = |name: &str, object: &str, manifest, reasons| says(name, ("Organization", object), manifest, reasons);
    let id = |id: &str| format!("adoptionPolicy: IfExists, externalID: {id}");
    let (lenient, marked): (_, &[&str]) = ("$(LENIENT)", &["OwnedElsewhere", "NameConflict"]);
    let user = |name: &str, organization: &str, id: &str| {
        format!(
            "{{kind: User, metadata: {{name: {name}}}, spec: {{organizationRef: {{name: {organization}}}, type: Machine,
              adoptionPolicy: IfExists, externalID: {id}}}}}"
        )
    };
    let mut all = vec![
        of("the victim's id", "id-1", organization("id-1", &id("$(ORG_ID)")), DENIED),
        of("an id that is nobody's", "id-2", organization("id-2", &id(NOBODY)), DENIED),
        of("take over what is there", "id-3", organization("id-3", "adoptionPolicy: IfExists"), DENIED),
        of("the victim's id where taking over is granted", "id-4", on(lenient, "id-4", &id("$(ORG_ID)")), marked),
        of("the id of what the owner only watches", "id-5", on(lenient, "id-5", &id("$(SLATE_ID)")), CONFLICT),
        of("the id that a victim left", "id-6", on(lenient, "id-6", &id("$(ORPHAN_ID)")), &["OwnedElsewhere"]),
        of("an id as a path", "id-7", on(lenient, "id-7", &id("'../$(ORG_ID)'")), &["ExternalIDNotFound"]),
        of("the id of its own other one", "id-8", on(lenient, "id-8", &id("$(ELDER_ID)")), marked),
        says("the victim's user by id", ("User", "id-9"), user("id-9", "own", "$(USER_ID)"), DENIED),
        says(
            "the victim's user by id where taking over is granted",
            ("User", "id-10"),
            user("id-10", "host", "$(USER_ID)"),
            &["ExternalIDNotFound"],
        ),
        says("its own other user by id", ("User", "id-11"), user("id-11", "host", "$(GUEST_ID)"), marked),
        one(
            "the victim's id by an older object that has one",
            patch("Organization", "elder", "{spec: {adoptionPolicy: IfExists, externalID: $(ORG_ID)}}"),
            Expected::Says("Organization", "elder".to_owned(), &["InvalidSpec", "NameConflict"]),
        ),
        one(
            "the victim's id by an older object that nobody has looked at",
            patch("Organization", "early", "{spec: {adoptionPolicy: IfExists, externalID: $(ORG_ID)}}"),
            Expected::Harmless,
        ),
    ];
    // Each tries for an organisation of its own that the victim left, so that none of them stands in another's way.
    let owners = ["test", "other", "", "test/$(VICTIM)", "test/$(VICTIM)/gneiss"];
    let grants: [(&str, &'static [&'static str]); 2] =
        [("$(SHARED)", &["NotPermitted", "OwnedElsewhere"]), (lenient, &["OwnedElsewhere"])];
    let ways = grants.into_iter().flat_map(|grant| owners.map(|owner| (grant, owner)));
    for (n, ((platform, reasons), owner)) in (1..).zip(ways) {
        let name = format!("from-{n}");
        let manifest = taking(platform, &name, owner, &format!("externalName: Gneiss Orphan {n}"));
        all.push(of(&format!("what a victim left, from {owner:?} on {platform}"), &name, manifest, reasons));
    }
    let manifest = taking(lenient, "from-id", "test", &id("$(ORG_ID)"));
    all.push(of("the victim's id from the operator itself", "from-id", manifest, marked));
    all
}

/// What a grant without the permission does not cover, said as soon as it is asked for.
fn deletion() -> Vec<Move> {
    let pruning = || patch("Organization", "leaver", "{spec: {deletionPolicy: Delete}}");
    vec![
        says(
            "make an Organization that is to be deleted",
            ("Organization", "pruned"),
            organization("pruned", "deletionPolicy: Delete"),
            DENIED,
        ),
        one("decide on deletion later", pruning(), Expected::Says("Organization", "leaver".to_owned(), DENIED)),
        several(
            "delete without permission",
            vec![
                patch("Organization", "doomed", "{spec: {deletionPolicy: Delete}}"),
                delete("Organization", "doomed"),
                patch("Organization", "doomed", "{spec: {driftPolicy: Report}}"),
            ],
            Expected::Stays("Organization", "doomed".to_owned(), DENIED),
        ),
    ]
}

/// References to what is not there for this namespace.
fn references() -> Vec<Move> {
    let of = |name, object, manifest, reasons| says(name, ("Organization", object), manifest, reasons);
    let import = |name: &str, secret: &str| {
        organization(name, &format!("keyPair: {{import: {{privateKeySecretRef: {{name: {secret}, key: key}}}}}}"))
    };
    let user = |name: &str, organization: &str, annotations: &str| {
        format!(
            "{{kind: User, metadata: {{name: {name}, annotations: {{{annotations}}}}},
              spec: {{organizationRef: {{name: {organization}}}, type: Machine}}}}"
        )
    };
    let token = |name: &str, user: &str| {
        format!("{{kind: Token, metadata: {{name: {name}}}, spec: {{userRef: {{name: {user}}}}}}}")
    };
    let rotate = "org-operator.dev/rotate-requested-at: now";
    vec![
        of("a Platform that grants nothing", "on-closed", on("$(CLOSED)", "on-closed", ""), NOT_ALLOWED),
        of("one that grants nothing and is not Ready", "on-sealed", on("$(SEALED)", "on-sealed", ""), NOT_ALLOWED),
        of("one that grants nothing and is going", "on-leaving", on("$(LEAVING)", "on-leaving", ""), NOT_ALLOWED),
        of(
            "a Platform of the victim's",
            "on-victim",
            on("{name: embedded, namespace: $(VICTIM)}", "on-victim", ""),
            ABSENT,
        ),
        of(
            "a Platform that is nowhere",
            "on-nobody",
            on("{name: embedded, namespace: nowhere}", "on-nobody", ""),
            ABSENT,
        ),
        says("the victim's Organization", ("User", "of-victim"), user("of-victim", "quartz-org", ""), ABSENT),
        says("an Organization that is nowhere", ("User", "of-nobody"), user("of-nobody", "nowhere-org", ""), ABSENT),
        says("rotate a User of the victim's", ("User", "rotated"), user("rotated", "quartz-org", rotate), ABSENT),
        says("the victim's User", ("Token", "of-victim"), token("of-victim", "quartz-drill"), ABSENT),
        says("a User that is nowhere", ("Token", "of-nobody"), token("of-nobody", "nowhere-drill"), ABSENT),
        of("a key of the victim's", "key-of-victim", import("key-of-victim", "quartz-vault"), &["SecretNotFound"]),
        of("a key that is nowhere", "key-of-nobody", import("key-of-nobody", "nowhere-vault"), &["SecretNotFound"]),
        of("a key of the owner's", "key-of-owner", import("key-of-owner", "basalt-vault"), &["SecretNotFound"]),
        // Its own Organization is another's now, and a User that it has in there yet gives it no hold on it.
        one(
            "more rights in an organisation that it gave away",
            patch(
                "User",
                "sleeper",
                format!("{{metadata: {{annotations: {{{LOOK}: now}}}}, spec: {{roles: [Administrators]}}}}"),
            ),
            Expected::Says("User", "sleeper".to_owned(), GIVEN_AWAY),
        ),
        says(
            "a token in an organisation that it gave away",
            ("Token", "sleeper"),
            token("sleeper", "sleeper"),
            GIVEN_AWAY,
        ),
        says(
            "a role that is not there",
            ("User", "king"),
            "{kind: User, metadata: {name: king}, spec: {organizationRef: {name: own}, type: Machine, roles: [Kings]}}",
            INVALID,
        ),
    ]
}

/// Two for one, in its own namespace.
fn doubles() -> Vec<Move> {
    let token = |name: &str, secret: &str| {
        format!(
            "{{kind: Token, metadata: {{name: {name}}},
              spec: {{userRef: {{name: worker}}, secret: {{name: {secret}}}}}}}"
        )
    };
    vec![
        says(
            "a second Organization for one",
            ("Organization", "double"),
            organization("double", "externalName: own"),
            CONFLICT,
        ),
        says(
            "a second User for one",
            ("User", "double"),
            "{kind: User, metadata: {name: double},
              spec: {organizationRef: {name: own}, type: Machine, username: robot}}",
            CONFLICT,
        ),
        says("a second Token for one Secret", ("Token", "double"), token("double", "key-token"), &["SecretConflict"]),
        says(
            "a Token for the Secret of a key pair",
            ("Token", "mixed"),
            token("mixed", "own-keypair"),
            &["SecretConflict"],
        ),
        several(
            "a name kept by a paused object that no grant allows",
            vec![
                apply(
                    "{kind: Organization, metadata: {name: a-squatter, annotations: {org-operator.dev/paused: 'true'}},
                      spec: {platformRef: $(CLOSED), externalName: Squatted Name}}",
                ),
                apply(organization("b-settler", "externalName: Squatted Name")),
            ],
            Expected::Own("Organization", "b-settler".to_owned(), &[]),
        ),
    ]
}

/// Templates reach for files, for each other, for what is not there, and for all memory.
fn templates() -> Vec<Move> {
    let each = |inner: &str| format!("{{% for a in range(99999) %}}{inner}{{% endfor %}}");
    let loops = each(&each(&each("x")));
    // 16 MiB harm no machine; as easily it would be all the memory there is.
    let doubled = format!("{{% set a = \"xxxxxxxxxxxxxxxx\" %}}{}{{{{ a }}}}", "{% set a = a ~ a %}".repeat(20));
    let texts = [
        ("a file", "{% include \"/etc/passwd\" %}"),
        ("a file named by the token", "{% include token %}"),
        ("an import named by the token", "{% import token as t %}{{ t }}"),
        ("a parent named by the token", "{% extends token %}"),
        ("an import", "{% from \"../token\" import token %}{{ token }}"),
        ("a variable that is not there", "{{ environment.KUBECONFIG }}"),
        ("an attribute of the token", "{{ token.__class__ }}"),
        ("a filter that is not there", "{{ token | env }}"),
        ("arithmetic with the token", "{{ token - 1 }}"),
        ("an error that quotes the token", "{{ token | int }}"),
        ("loops without end", loops.as_str()),
        ("a text that is repeated", "{{ \"x\" * 2000000000 }}"),
        ("a macro that calls itself", "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}"),
        ("nothing", "{{ \"\" }}"),
        ("what is no template", "{{ token"),
        ("sixteen megabytes", doubled.as_str()),
    ];
    let mut all = Vec::new();
    for (index, (name, text)) in texts.into_iter().enumerate() {
        let object = format!("template-{index}");
        let text = serde_json::to_string(text).unwrap();
        let manifest = format!(
            "{{kind: Token, metadata: {{name: {object}}},
              spec: {{userRef: {{name: worker}}, secret: {{template: {{a: {text}}}}}}}}}"
        );
        all.push(says(format!("a template with {name}"), ("Token", &object), manifest, INVALID));
    }
    all.push(says(
        "a template with a key that Kubernetes does not take",
        ("Token", "template-key"),
        "{kind: Token, metadata: {name: template-key}, spec: {userRef: {name: worker}, secret: {template: {..: a}}}}",
        &["InvalidSpec", "SecretWriteFailed"],
    ));
    all.push(says(
        "a key pair's template with a file named by the private key",
        ("Organization", "template-key"),
        organization("template-key", "keyPair: {size: 2048, secret: {template: {a: '{% include privateKey %}'}}}"),
        INVALID,
    ));
    all.push(says(
        "a password's template with a file named by the password",
        ("User", "template-password"),
        "{kind: User, metadata: {name: template-password},
          spec: {organizationRef: {name: own}, type: Person, email: t@own.example,
            secret: {template: {a: '{% include password %}'}}}}",
        INVALID,
    ));
    all
}
