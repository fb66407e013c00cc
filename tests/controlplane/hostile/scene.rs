//! Three namespaces under one operator: the owner's of a Platform, a victim's, and that of a hostile tenant.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use kube::api::{Patch, PatchParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::{Value, json};

use super::super::support::{Cluster, Operator, namespace, plane};
use super::moves::{Given, documents};

/// What a hostile tenant has to do with.
pub(crate) struct Scene {
    /// The operator of all three.
    pub(crate) operator: Operator,
    /// The Platforms' owner, seen with all rights.
    pub(crate) owner: Cluster,
    /// A tenant like the attacker, seen with all rights.
    pub(crate) victim: Cluster,
    /// The attacker's namespace, seen with all rights.
    pub(crate) tenant: Cluster,
    /// The same with a tenant's rights.
    pub(crate) attacker: Cluster,
    /// The ids of all that others have on the platform.
    pub(crate) others: HashSet<String>,
    /// The status of what the attacker had before its moves, by kind and name.
    pub(crate) before: HashMap<(String, String), Value>,
    /// What it wrote in that.
    pub(crate) given: Given,
    words: Vec<(&'static str, String)>,
}

/// How many organisations the victim leaves on the platform: each is tried for by one move alone.
const ORPHANS: usize = 12;

/// `embedded` lets everybody make organisations and no more, `lenient` lets them take over too. The others grant
/// nothing; of these one is not Ready and one is being deleted, which is nobody's business.
const PLATFORMS: &str = "
{kind: Platform, metadata: {name: embedded}, spec: {embedded: {}, allowedNamespaces: {from: All}}}
---
{kind: Platform, metadata: {name: lenient}, spec: {embedded: {}, allowedNamespaces: {from: All, permissions: [Adopt]}}}
---
{kind: Platform, metadata: {name: closed}, spec: {embedded: {}}}
---
{kind: Platform, metadata: {name: sealed}, spec: {rockfish: {adminURL: 'https://rockfish.example'}}}
---
{kind: Platform, metadata: {name: leaving, finalizers: [owner.example/keep]}, spec: {embedded: {}}}
---
{kind: Platform, metadata: {name: passing}, spec: {embedded: {}}}
";

const OWNER: &str = "
{kind: Organization, metadata: {name: basalt-org}, spec: {platformRef: {name: embedded}, externalName: Basalt Trust,
  displayName: The Basalt Trust, admin: {username: basalt-chief, email: chief@basalt.example}, keyPair: {size: 2048}}}
---
{kind: User, metadata: {name: basalt-crane}, spec: {organizationRef: {name: basalt-org}, type: Machine}}
---
{kind: User, metadata: {name: basalt-mason}, spec: {organizationRef: {name: basalt-org}, type: Person,
  email: mason@basalt.example}}
---
{kind: Token, metadata: {name: basalt-hook}, spec: {userRef: {name: basalt-crane}}}
---
{kind: Organization, metadata: {name: basalt-brief}, spec: {platformRef: {name: passing}}}
---
{kind: Organization, metadata: {name: slate-maker}, spec: {platformRef: {name: embedded},
  externalName: Slate Cooperative}}
";

/// Taken over to be watched only: nothing is written to the platform for it, so it carries no mark there.
const WATCHED: &str = "
{kind: Organization, metadata: {name: slate-org}, spec: {platformRef: {name: embedded}, externalName: Slate Cooperative,
  adoptionPolicy: IfExists, driftPolicy: Report}}
";

/// The attacker let it go; it is the owner's now.
const HANDED: &str = "
{kind: Organization, metadata: {name: flint-org}, spec: {platformRef: {name: embedded}, externalName: Flint Works,
  adoptionPolicy: IfExists}}
";

const VICTIM: &str = "
{kind: Organization, metadata: {name: quartz-org}, spec: {platformRef: $(SHARED), externalName: Quartz Holdings,
  displayName: Quartz Holdings of Ghent, admin: {username: quartz-chief, email: chief@quartz.example},
  keyPair: {size: 2048}}}
---
{kind: User, metadata: {name: quartz-clerk}, spec: {organizationRef: {name: quartz-org}, type: Person,
  username: q.clerk, email: clerk@quartz.example, firstName: Quintus, lastName: Clericus, roles: [Viewers]}}
---
{kind: User, metadata: {name: quartz-drill}, spec: {organizationRef: {name: quartz-org}, type: Machine}}
---
{kind: Token, metadata: {name: quartz-pipe}, spec: {userRef: {name: quartz-drill}}}
";

/// Older than all others; one of them is never looked at.
const ELDER: &str = "
{kind: Organization, metadata: {name: elder}, spec: {platformRef: $(LENIENT)}}
---
{kind: Organization, metadata: {name: early, annotations: {org-operator.dev/paused: 'true'}},
  spec: {platformRef: $(LENIENT)}}
";

const TENANT: &str = "
{kind: Organization, metadata: {name: own}, spec: {platformRef: $(SHARED),
  admin: {username: boss, email: boss@own.example}, keyPair: {size: 2048}}}
---
{kind: User, metadata: {name: worker}, spec: {organizationRef: {name: own}, type: Machine, username: robot,
  roles: [Administrators, Users, Viewers]}}
---
{kind: User, metadata: {name: person}, spec: {organizationRef: {name: own}, type: Person, email: person@own.example}}
---
{kind: Token, metadata: {name: key}, spec: {userRef: {name: worker}}}
---
{kind: Token, metadata: {name: forger}, spec: {userRef: {name: worker}}}
---
{kind: Token, metadata: {name: liar}, spec: {userRef: {name: worker}}}
---
{kind: Token, metadata: {name: tampered}, spec: {userRef: {name: worker}}}
---
{kind: Token, metadata: {name: measured}, spec: {userRef: {name: worker}}}
---
{kind: Token, metadata: {name: branded}, spec: {userRef: {name: worker},
  secret: {labels: {app.kubernetes.io/managed-by: tenant, tenant.example/brand: a}}}}
---
{kind: Organization, metadata: {name: host}, spec: {platformRef: $(LENIENT)}}
---
{kind: User, metadata: {name: guest}, spec: {organizationRef: {name: host}, type: Machine}}
---
{kind: Organization, metadata: {name: fine}, spec: {platformRef: $(SHARED)}}
---
{kind: User, metadata: {name: fine}, spec: {organizationRef: {name: fine}, type: Person, email: fine@own.example}}
---
{kind: Token, metadata: {name: fine}, spec: {userRef: {name: fine}}}
---
{kind: User, metadata: {name: diver}, spec: {organizationRef: {name: own}, type: Machine}}
---
{kind: Organization, metadata: {name: paired}, spec: {platformRef: $(SHARED), keyPair: {size: 2048}}}
---
{kind: Organization, metadata: {name: paired-too}, spec: {platformRef: $(SHARED), keyPair: {size: 2048}}}
---
{kind: User, metadata: {name: planter}, spec: {organizationRef: {name: own}, type: Person, email: planter@own.example}}
---
{kind: User, metadata: {name: editor}, spec: {organizationRef: {name: own}, type: Person, email: editor@own.example}}
---
{kind: Organization, metadata: {name: leaver}, spec: {platformRef: $(SHARED)}}
---
{kind: Organization, metadata: {name: doomed}, spec: {platformRef: $(SHARED)}}
---
{kind: Organization, metadata: {name: unbound}, spec: {platformRef: $(SHARED)}}
---
{kind: Organization, metadata: {name: flipper}, spec: {platformRef: $(SHARED)}}
---
{kind: Organization, metadata: {name: reborn}, spec: {platformRef: $(SHARED)}}
---
{kind: Organization, metadata: {name: handed}, spec: {platformRef: $(SHARED), externalName: Flint Works}}
---
{kind: User, metadata: {name: sleeper}, spec: {organizationRef: {name: handed}, type: Machine, roles: [Viewers]}}
";

/// The attacker's own, which it must have for its moves.
const TENANTS: &[(&str, &str)] = &[
    ("Organization", "elder"),
    ("Organization", "own"),
    ("User", "worker"),
    ("User", "person"),
    ("Organization", "host"),
    ("User", "guest"),
    ("User", "diver"),
    ("Token", "key"),
    ("Token", "forger"),
    ("Token", "liar"),
    ("Token", "branded"),
    ("Token", "tampered"),
    ("Token", "measured"),
    ("Organization", "fine"),
    ("User", "fine"),
    ("Token", "fine"),
    ("Organization", "paired"),
    ("Organization", "paired-too"),
    ("User", "planter"),
    ("User", "editor"),
    ("Organization", "leaver"),
    ("Organization", "doomed"),
    ("Organization", "unbound"),
    ("Organization", "flipper"),
    ("Organization", "reborn"),
    ("Organization", "handed"),
    ("User", "sleeper"),
];

impl Scene {
    /// Makes it all, and waits until everybody has what they asked for.
    pub(crate) async fn set() -> Self {
        let [owner, victim, tenant] = ["platform", "victim", "tenant"].map(namespace);
        // Everything is looked at again often, so that nothing stays as it was only because nobody looked.
        let operator = Operator::start(&[&owner, &victim, &tenant], &["--resync=3s"]).await;
        let rights = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/controlplane/hostile/rights.yaml");
        let kubeconfig = plane().tenant_kubeconfig(&tenant, "tenant", &rights).unwrap();
        let attacker = Cluster::by(client(&kubeconfig).await, &tenant);
        let cluster = Cluster::of(&owner).await;
        let platform = |name: &str| format!("{{name: {name}, namespace: {owner}}}");
        let words = vec![
            ("SHARED", platform("embedded")),
            ("LENIENT", platform("lenient")),
            ("CLOSED", platform("closed")),
            ("SEALED", platform("sealed")),
            ("LEAVING", platform("leaving")),
            ("PASSING", platform("passing")),
            ("OWNER", owner.clone()),
            ("VICTIM", victim.clone()),
        ];
        let (victim, tenant) = (cluster.beside(&victim), cluster.beside(&tenant));
        let (others, before, given) = (HashSet::new(), HashMap::new(), Given::new());
        let mut scene = Self { operator, owner: cluster, victim, tenant, attacker, others, before, given, words };
        scene.build().await;
        scene
    }

    async fn build(&mut self) {
        let key = |manifest: &Value, path| manifest.pointer(path).unwrap().as_str().unwrap().to_owned();
        let given = [ELDER, TENANT].iter().flat_map(|text| documents(&self.fill(text)));
        let given =
            given.map(|manifest| ((key(&manifest, "/kind"), key(&manifest, "/metadata/name")), manifest.to_string()));
        self.given = given.collect();
        let (operator, owner, victim) = (&self.operator, &self.owner, &self.victim);
        owner.apply(PLATFORMS).await;
        owner.delete("Platform", "leaving").await;
        self.attacker.apply(&self.fill(ELDER)).await;
        operator.wait_ready(&self.tenant, "Organization", "elder").await;
        owner.apply(OWNER).await;
        victim.apply(&self.fill(VICTIM)).await;
        self.attacker.apply(&self.fill(TENANT)).await;
        for (kind, name) in TENANTS {
            operator.wait_ready(&self.tenant, kind, name).await;
        }
        for (cluster, text) in [(owner, OWNER), (victim, VICTIM)] {
            for manifest in documents(&self.fill(text)) {
                operator.wait_ready(cluster, &key(&manifest, "/kind"), &key(&manifest, "/metadata/name")).await;
            }
        }
        for (cluster, name) in [(owner, "basalt-brief"), (owner, "slate-maker"), (&self.tenant, "handed")] {
            cluster.delete("Organization", name).await;
            operator.wait_gone(cluster, "Organization", name).await;
        }
        owner.apply(WATCHED).await;
        owner.apply(HANDED).await;
        for name in ["slate-org", "flint-org"] {
            let taken = operator.wait_ready(owner, "Organization", name).await;
            assert_eq!(taken["status"]["origin"], "Adopted", "{taken:#}");
        }
        let orphan = self.orphan().await;
        victim.make_secret("quartz-vault", &[("key", "nobody reads this")]).await;
        owner.make_secret("basalt-vault", &[("key", "nor this")]).await;
        self.note("Organization", "quartz-org", &[("ORG_ID", "externalID"), ("PROJECT_ID", "defaultProjectID")]).await;
        self.note("User", "quartz-clerk", &[("USER_ID", "externalID")]).await;
        self.note("Token", "quartz-pipe", &[("TOKEN_ID", "externalID")]).await;
        let slate = self.owner.get("Organization", "slate-org").await.unwrap();
        self.words.push(("ORPHAN_ID", orphan));
        self.words.push(("SLATE_ID", slate["status"]["externalID"].as_str().unwrap().to_owned()));
        self.words.push(("KEY_VALUE", self.tenant.value("key-token", "token").await));
        // JSON is YAML.
        let pair = self.tenant.secret("own-keypair").await.unwrap();
        self.words.push(("OWN_PAIR", json!(pair).to_string()));
        for (word, kind, name) in [
            ("ELDER_ID", "Organization", "elder"),
            ("GUEST_ID", "User", "guest"),
            ("PAIRED_ID", "Organization", "paired"),
        ] {
            let own = self.tenant.get(kind, name).await.unwrap();
            self.words.push((word, own["status"]["externalID"].as_str().unwrap().to_owned()));
        }
        let place = json!({
            "platform": self.victim.get("User", "quartz-clerk").await.unwrap()["status"]["platform"],
            "organizationID": self.fill("$(ORG_ID)"),
        });
        // Twice: as JSON in a JSON string.
        self.words.push(("MADE_IN", json!(place.to_string()).to_string()));
        for (kind, name) in TENANTS {
            if let Some(object) = self.tenant.get(kind, name).await {
                self.before.insert(((*kind).to_owned(), (*name).to_owned()), object["status"].clone());
            }
        }
    }

    /// Organisations with the victim's mark whose resources went by force; the id of the last one.
    async fn orphan(&self) -> String {
        let (operator, victim) = (&self.operator, &self.victim);
        let names: Vec<String> = (0..ORPHANS).map(|n| format!("gneiss-{n}")).collect();
        for (n, name) in names.iter().enumerate() {
            let manifest = format!(
                "{{kind: Organization, metadata: {{name: {name}}},
                  spec: {{platformRef: $(SHARED), externalName: Gneiss Orphan {n}}}}}"
            );
            victim.apply(&self.fill(&manifest)).await;
        }
        for name in &names {
            operator.wait_ready(victim, "Organization", name).await;
            // What it may not delete it cannot let go of either, so it is the force that lets it go.
            victim.patch("Organization", name, json!({ "spec": { "deletionPolicy": "Delete" } })).await;
        }
        let mut id = String::new();
        for name in &names {
            let denied = operator.wait_reason(victim, "Organization", name, "NotPermitted").await;
            denied["status"]["externalID"].as_str().unwrap().clone_into(&mut id);
            victim.delete("Organization", name).await;
            let unheld = Patch::Merge(json!({ "metadata": { "finalizers": null } }));
            victim.api("Organization").patch(name, &PatchParams::default(), &unheld).await.unwrap();
            operator.wait_gone(victim, "Organization", name).await;
        }
        id
    }

    /// Takes facts of one of the victim's objects for the texts of the moves: its uid as `<first word>_UID`.
    async fn note(&mut self, kind: &str, name: &str, fields: &[(&'static str, &str)]) {
        let object = self.victim.get(kind, name).await.unwrap();
        for (word, field) in fields {
            self.words.push((word, object["status"][field].as_str().unwrap().to_owned()));
        }
        if kind == "Organization" {
            self.words.push(("ORG_UID", object["metadata"]["uid"].as_str().unwrap().to_owned()));
        }
    }

    /// A text with its words replaced.
    pub(crate) fn fill(&self, text: &str) -> String {
        let filled =
            self.words.iter().fold(text.to_owned(), |text, (word, value)| text.replace(&format!("$({word})"), value));
        assert!(!filled.contains("$("), "an unknown word in {filled}");
        filled
    }
}

/// A client with the rights of that kubeconfig.
async fn client(kubeconfig: &Path) -> Client {
    let kubeconfig = Kubeconfig::read_from(kubeconfig).unwrap();
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
    Client::try_from(config).unwrap()
}
