//! What the API server does not let through: other namespaces, what a tenant has no right to, and what no rule of the
//! definitions allows.

use super::moves::{Expected, Move, Reach, Step, apply, one, patch, refused, several};

const NAME: &str = "a Secret's name consists of lower-case letters";
const BETWEEN: &str = "give a duration between";
const DURATION: &str = "write a duration in hours, minutes or seconds";
const OWN_KEYS: &str = "choose another key for the template";

/// The table.
pub(crate) fn moves() -> Vec<Move> {
    let mut all = elsewhere();
    all.extend(fixed());
    all.extend(names());
    all.extend(secrets());
    all
}

/// By right.
fn elsewhere() -> Vec<Move> {
    let there = |name, reach, namespace, (kind, object), sentence| {
        one(name, Step::Elsewhere(reach, namespace, kind, object), Expected::Refused(sentence))
    };
    vec![
        there(
            "read the victim's token",
            Reach::Get,
            "$(VICTIM)",
            ("Secret", "quartz-pipe-token"),
            "cannot get resource \"secrets\"",
        ),
        there(
            "list the victim's Secrets",
            Reach::List,
            "$(VICTIM)",
            ("Secret", ""),
            "cannot list resource \"secrets\"",
        ),
        there(
            "read the victim's Organization",
            Reach::Get,
            "$(VICTIM)",
            ("Organization", "quartz-org"),
            "cannot get resource \"organizations\"",
        ),
        there(
            "list all Organizations",
            Reach::List,
            "",
            ("Organization", ""),
            "cannot list resource \"organizations\"",
        ),
        there("list all Users", Reach::List, "", ("User", ""), "cannot list resource \"users\""),
        there(
            "change the victim's User",
            Reach::Change,
            "$(VICTIM)",
            ("User", "quartz-clerk"),
            "cannot patch resource \"users\"",
        ),
        there(
            "delete the victim's Organization",
            Reach::Delete,
            "$(VICTIM)",
            ("Organization", "quartz-org"),
            "cannot delete resource \"organizations\"",
        ),
        there(
            "make an Organization in the victim's namespace",
            Reach::Make,
            "$(VICTIM)",
            ("Organization", "mine"),
            "cannot create resource \"organizations\"",
        ),
        there("read the victim's Namespace", Reach::Get, "", ("Namespace", "$(VICTIM)"), "cannot get resource"),
        there("list the Namespaces", Reach::List, "", ("Namespace", ""), "cannot list resource \"namespaces\""),
        there("list the Platforms", Reach::List, "$(OWNER)", ("Platform", ""), "cannot list resource \"platforms\""),
        there(
            "change the Platform that it uses",
            Reach::Change,
            "$(OWNER)",
            ("Platform", "embedded"),
            "cannot patch resource \"platforms\"",
        ),
        one(
            "make a Platform of its own, where all is granted",
            apply("{kind: Platform, metadata: {name: mine}, spec: {embedded: {}}}"),
            Expected::Refused("cannot patch resource \"platforms\""),
        ),
        one(
            "write the victim's id into its own status",
            Step::Status("Organization", "fine".to_owned(), "{status: {externalID: $(ORG_ID)}}".to_owned()),
            Expected::Refused("cannot patch resource \"organizations/status\""),
        ),
        one(
            "write the victim's user into the status of a Token",
            Step::Status(
                "Token",
                "fine".to_owned(),
                "{status: {organizationID: $(ORG_ID), userID: $(USER_ID)}}".to_owned(),
            ),
            Expected::Refused("cannot patch resource \"tokens/status\""),
        ),
    ]
}

/// What a resource stands for does not change.
fn fixed() -> Vec<Move> {
    let edit = |name, kind, object, spec: &str, sentence| {
        one(name, patch(kind, object, format!("{{spec: {spec}}}")), Expected::Refused(sentence))
    };
    vec![
        edit(
            "take a name later",
            "Organization",
            "own",
            "{externalName: Quartz Holdings}",
            "externalName can be neither",
        ),
        edit("change a name", "Organization", "reborn", "{externalName: own}", "externalName can be neither"),
        edit(
            "move to another Platform",
            "Organization",
            "own",
            "{platformRef: $(CLOSED)}",
            "platformRef cannot change",
        ),
        edit("lose the Platform", "Organization", "own", "{platformRef: null}", "platformRef cannot be removed"),
        edit(
            "change the administrator",
            "Organization",
            "own",
            "{admin: {username: quartz-chief}}",
            "username cannot change",
        ),
        edit("move a User", "User", "worker", "{organizationRef: {name: quartz-org}}", "organizationRef cannot change"),
        edit("rename a User", "User", "worker", "{username: q.clerk}", "username cannot change"),
        edit(
            "make a person of a machine",
            "User",
            "worker",
            "{type: Person, email: a@own.example}",
            "type cannot change",
        ),
        edit("move a Token", "Token", "key", "{userRef: {name: quartz-drill}}", "userRef cannot change"),
        edit(
            "move a token's Secret",
            "Token",
            "key",
            "{secret: {name: quartz-pipe-token}}",
            "secret.name can be neither",
        ),
        edit(
            "move the key pair's Secret",
            "Organization",
            "own",
            "{keyPair: {secret: {name: a}}}",
            "secret.name can be neither",
        ),
        edit("drop the key pair", "Organization", "own", "{keyPair: null}", "keyPair cannot be removed"),
        edit(
            "import a key pair later",
            "Organization",
            "own",
            "{keyPair: {import: {privateKeySecretRef: {name: a, key: b}}}}",
            "a key pair cannot be replaced by another",
        ),
        edit(
            "an id without the policy",
            "Organization",
            "own",
            "{externalID: $(ORG_ID)}",
            "set adoptionPolicy: IfExists with it",
        ),
    ]
}

/// Names that are none, or look like another's.
fn names() -> Vec<Move> {
    let organization =
        |spec: &str| format!("{{kind: Organization, metadata: {{name: n}}, spec: {{platformRef: $(SHARED), {spec}}}}}");
    let user =
        |spec: &str| format!("{{kind: User, metadata: {{name: n}}, spec: {{organizationRef: {{name: own}}, {spec}}}}}");
    let token =
        |spec: &str| format!("{{kind: Token, metadata: {{name: n}}, spec: {{userRef: {{name: worker}}, {spec}}}}}");
    let long = |letters: usize| "x".repeat(letters);
    let import = |name: &str, key: &str| {
        organization(&format!("keyPair: {{import: {{privateKeySecretRef: {{name: '{name}', key: '{key}'}}}}}}"))
    };
    vec![
        refused("a name of 300 characters", organization(&format!("externalName: {}", long(300))), "Too long"),
        refused("a username of 300 characters", user(&format!("type: Machine, username: {}", long(300))), "Too long"),
        refused(
            "a resource's name of 64 characters",
            format!("{{kind: Organization, metadata: {{name: {}}}, spec: {{platformRef: $(SHARED)}}}}", long(64)),
            "metadata.name must not be longer than 63 characters",
        ),
        refused(
            "a line break in a name",
            organization(r#"externalName: "Quartz\nHoldings""#),
            "externalName must be printable",
        ),
        refused(
            "a NUL in a name",
            organization(r#"externalName: "Quartz Holdings\0""#),
            "externalName must be printable",
        ),
        refused(
            "a name written backwards",
            organization(r#"externalName: "\u202esgnidloH ztrauQ""#),
            "externalName must be printable",
        ),
        refused(
            "an invisible character",
            organization(r#"externalName: "Quartz\u200b Holdings""#),
            "externalName must be printable",
        ),
        refused(
            "a blank at the end",
            organization("externalName: 'Quartz Holdings '"),
            "externalName must be printable",
        ),
        refused(
            "an escape sequence in a display name",
            organization(r#"displayName: "\e[2J""#),
            "displayName must be printable",
        ),
        refused(
            "a username written backwards",
            user(r#"type: Machine, username: "\u2067krelc.q""#),
            "username must be printable",
        ),
        refused(
            "an administrator's name with a line break",
            organization(r#"admin: {username: "a\nb", email: a@b.example}"#),
            "username must be printable",
        ),
        refused(
            "a reference into another namespace",
            user("type: Machine, organizationRef: {name: quartz-org, namespace: $(VICTIM)}"),
            "field not declared in schema",
        ),
        refused("a Secret by path", import("../$(VICTIM)/quartz-vault", "key"), NAME),
        refused("a Secret by namespace and name", import("$(VICTIM)/quartz-vault", "key"), NAME),
        refused("a Secret called ..", import("..", "key"), NAME),
        refused("a Secret in an escaped path", import("..%2f$(VICTIM)", "key"), NAME),
        refused("a key by path", import("quartz-vault", "../key"), "a key of a Secret consists of"),
        refused(
            "a Platform by path",
            "{kind: Organization, metadata: {name: n}, spec: {platformRef: {name: ../embedded}}}",
            "a Platform's name",
        ),
        refused("a lifetime of eleven thousand years", token("lifetime: 99999999h"), DURATION),
        refused("a lifetime of a hundred years", token("lifetime: 876000h"), BETWEEN),
        refused("a lifetime that ends before it begins", token("lifetime: -1h"), DURATION),
        refused("a lifetime in powers of ten", token("lifetime: 1e9h"), DURATION),
        refused("a rotation at every second", token("rotation: {every: 1s}"), BETWEEN),
        refused("an overlap for ever", token("rotation: {every: 1h, overlap: 87600h}"), BETWEEN),
    ]
}

/// Output Secrets that claim to be another's.
fn secrets() -> Vec<Move> {
    let token = |secret: &str| {
        format!("{{kind: Token, metadata: {{name: n}}, spec: {{userRef: {{name: worker}}, secret: {{{secret}}}}}}}")
    };
    let many = |count: usize| (0..count).map(|n| format!("k{n}: v")).collect::<Vec<_>>().join(", ");
    vec![
        refused("an output Secret by path", token("name: ../$(VICTIM)/quartz-pipe-token"), NAME),
        refused("an output Secret called ..", token("name: .."), NAME),
        refused("a label of ours", token("labels: {org-operator.dev/name: quartz-pipe}"), "are the operator's own"),
        refused(
            "a label of Argo CD's",
            token("labels: {app.kubernetes.io/instance: quartz}"),
            "leave app.kubernetes.io/instance out",
        ),
        refused(
            "the uid of another resource",
            token("annotations: {org-operator.dev/owner-uid: $(ORG_UID)}"),
            "are the operator's own",
        ),
        refused(
            "the id of another object",
            token("annotations: {org-operator.dev/external-id: $(TOKEN_ID)}"),
            "are the operator's own",
        ),
        refused(
            "the id of a token before",
            token("annotations: {org-operator.dev/previous-id: $(TOKEN_ID)}"),
            "are the operator's own",
        ),
        refused("a template over the token", token("template: {token: mine}"), OWN_KEYS),
        refused("a template over a private key", token("template: {private.pem: mine}"), OWN_KEYS),
        refused(
            "a template with a path for a key",
            token("template: {../token: mine}"),
            "a key of template becomes a key of the Secret",
        ),
        refused("a template of 9 KiB", token(&format!("template: {{a: {}}}", "x".repeat(9 << 10))), "Too long"),
        refused("seventeen templates", token(&format!("template: {{{}}}", many(17))), "must have at most 16 items"),
        refused("seventeen labels", token(&format!("labels: {{{}}}", many(17))), "must have at most 16 items"),
        several(
            "a second owner by a field that is not there",
            vec![apply("{kind: Token, metadata: {name: n}, spec: {userRef: {name: worker, namespace: $(VICTIM)}}}")],
            Expected::Refused("field not declared in schema"),
        ),
    ]
}
