//! `examples/rockfish.yaml` against a Rockfish Data Platform that is played.

use std::collections::BTreeMap;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::super::support::{Cluster, Operator, PATIENCE, condition, eventually, namespace};
use super::audit::nothing_secret_is_shown;
use super::served::{Answer, Served, call};

const ROTATE: &str = "org-operator.dev/rotate-requested-at";
const ISSUED: &str = "org-operator.dev/issued-at";
const USERS: [&str; 3] = ["howdy", "info", "pipeline"];

/// A Rockfish, an operator, a namespace.
struct Scene {
    served: Served,
    operator: Operator,
    cluster: Cluster,
}

impl Scene {
    async fn new(quirks: &[&str], extra: &[&str]) -> Self {
        let namespace = namespace("rockfish");
        let served = Served::start("rockfish", quirks).await;
        let operator = Operator::start(&[&namespace], extra).await;
        let cluster = Cluster::of(&namespace).await;
        Self { served, operator, cluster }
    }

    /// The example, Ready.
    async fn settled(quirks: &[&str], extra: &[&str]) -> Self {
        let scene = Self::new(quirks, extra).await;
        scene.served.settle(&scene.operator, &scene.cluster).await;
        scene
    }

    /// The example's resources of that kind alone.
    async fn apply(&self, kind: &str) {
        self.served.apply_kind(&self.cluster, kind).await;
    }

    async fn admin(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        call(method, format!("{}{path}", self.served.url("rockfish-admin")), &[], body).await
    }

    /// A call of the public API with a token.
    async fn public(&self, path: &str, token: &str) -> Answer {
        let bearer = format!("Bearer {token}");
        call(Method::GET, format!("{}{path}", self.served.url("rockfish")), &[("authorization", &bearer)], None).await
    }

    async fn is_live(&self, token: &str) -> bool {
        self.public("/organization", token).await.status == StatusCode::OK
    }

    /// Whether the owner of a token administrates its organisation: only such add members.
    async fn is_admin(&self, token: &str, organization: &str, user: &str) -> bool {
        let bearer = format!("Bearer {token}");
        let url = format!("{}/organization/{organization}/user/{user}", self.served.url("rockfish"));
        let roles = Some(json!({ "roles": [] }));
        call(Method::PUT, url, &[("authorization", &bearer)], roles).await.status == StatusCode::NO_CONTENT
    }

    async fn id_of(&self, kind: &str, name: &str) -> String {
        let object = self.cluster.get(kind, name).await.unwrap();
        object["status"]["externalID"].as_str().unwrap_or_else(|| panic!("{object:#}")).to_owned()
    }

    async fn token(&self, name: &str) -> BTreeMap<String, String> {
        self.cluster.secret(&format!("{name}-token")).await.unwrap()
    }

    /// Waits until a Token has another value than `old`.
    async fn renewed(&self, name: &str, old: &str) -> String {
        let renewed = eventually("the token is another one", PATIENCE, async || {
            let now = self.token(name).await["ROCKFISH_API_KEY"].clone();
            if now == old { Err("it is the same") } else { Ok(now) }
        });
        renewed.await.unwrap_or_else(|error| panic!("{error}\n{}", self.operator.log_tail()))
    }
}

/// At the resync of every operator: nobody waits ten minutes for what is there.
#[tokio::test]
async fn what_the_example_makes_works() {
    let scene = Scene::settled(&[], &[]).await;
    let Scene { served, operator, cluster } = &scene;
    let platform = cluster.get("Platform", "rockfish").await.unwrap();
    let proof = condition(&platform, "Ready")["message"].as_str().unwrap();
    assert!(proof.contains("GET /project") && proof.contains("without any credential"), "{proof}");

    let organization = scene.id_of("Organization", "internal").await;
    let shown = scene.admin(Method::GET, &format!("/organization/{organization}"), None).await;
    assert_eq!((shown.status, &shown.body["name"]), (StatusCode::OK, &json!("internal")));
    let projects = scene.admin(Method::GET, "/project", None).await.body;
    assert_eq!(projects.as_array().unwrap().len(), 1, "{projects:#}");
    let project = projects[0]["id"].as_str().unwrap();
    let status = &cluster.get("Organization", "internal").await.unwrap()["status"];
    assert_eq!(status["defaultProjectID"], project);

    for user in USERS {
        let token = scene.token(user).await;
        let expected = [
            ("ROCKFISH_API_KEY", token["token"].as_str()),
            ("ROCKFISH_API_URL", served.url("rockfish")),
            ("ROCKFISH_ORGANIZATION_ID", &organization),
            ("ROCKFISH_PROJECT_ID", project),
            ("token", &token["token"]),
        ];
        assert_eq!(token, expected.map(|(key, value)| (key.to_owned(), value.to_owned())).into(), "{user}");
        let active = scene.public("/organization/active", &token["token"]).await;
        assert_eq!((active.status, &active.body["id"]), (StatusCode::OK, &json!(organization)));
        assert_eq!(scene.public("/project/active", &token["token"]).await.body["id"], project);
        let initial = cluster.value(&format!("{user}-credentials"), "token").await;
        assert_ne!(initial, token["token"]);
        assert!(scene.is_live(&initial).await, "the initial token of {user} is kept");
    }
    let pipeline = scene.id_of("User", "pipeline").await;
    for (user, admin) in [("info", true), ("howdy", false)] {
        assert_eq!(scene.is_admin(&scene.token(user).await["token"], &organization, &pipeline).await, admin, "{user}");
    }
    nothing_secret_is_shown(operator, served, cluster, &[]).await;
}

#[tokio::test]
async fn roles_follow_the_manifest() {
    let scene = Scene::settled(&[], &[]).await;
    let Scene { operator, cluster, .. } = &scene;
    let (organization, pipeline) =
        (scene.id_of("Organization", "internal").await, scene.id_of("User", "pipeline").await);
    cluster.patch("User", "howdy", json!({ "spec": { "roles": ["Admin"] } })).await;
    cluster.patch("User", "info", json!({ "spec": { "roles": [] } })).await;
    for (user, admin) in [("info", false), ("howdy", true)] {
        operator.wait_ready(cluster, "User", user).await;
        assert_eq!(scene.is_admin(&scene.token(user).await["token"], &organization, &pipeline).await, admin, "{user}");
    }
    let eve = "{kind: User, metadata: {name: eve}, spec: {organizationRef: {name: internal}, type: Person, \
               email: eve@rockfish.example, roles: [Owner]}}";
    cluster.apply(eve).await;
    operator.wait_reason(cluster, "User", "eve", "InvalidSpec").await;
    let mark = operator.mark(cluster.namespace());
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    let writes = operator.writes_since(cluster.namespace(), mark);
    assert_eq!(writes.total(), 0, "what is refused is not tried again and again: {writes:#?}");
    cluster.patch("User", "info", json!({ "spec": { "roles": ["Owner"] } })).await;
    let refused = operator.wait_reason(cluster, "User", "info", "InvalidSpec").await;
    assert!(condition(&refused, "Ready")["message"].as_str().unwrap().contains("Owner"), "{refused:#}");
}

#[tokio::test]
async fn a_renewed_token_overlaps_the_one_before() {
    let scene = Scene::settled(&[], &["--resync=1s"]).await;
    let Scene { served, operator, cluster } = &scene;
    let first = scene.token("pipeline").await["token"].clone();
    cluster.annotate("Token", "pipeline", ROTATE, json!("now")).await;
    let second = scene.renewed("pipeline", &first).await;
    assert!(scene.is_live(&first).await && scene.is_live(&second).await);
    let object = operator.wait_ready(cluster, "Token", "pipeline").await;
    assert!(object["status"]["previous"]["externalID"].is_string(), "{object:#}");

    // By time: what was minted so long ago is due, and the overlap of the one before has ended long since.
    let long_ago = json!({ "metadata": { "annotations": { ISSUED: "2020-01-01T00:00:00Z" } } });
    cluster.patch("Secret", "pipeline-token", long_ago).await;
    let third = scene.renewed("pipeline", &second).await;
    assert!(scene.is_live(&third).await);
    let dead = eventually("what is out of its overlap is revoked", PATIENCE, async || {
        if scene.is_live(&first).await { Err("it lives") } else { Ok(()) }
    });
    dead.await.unwrap_or_else(|error| panic!("{error}\n{}", operator.log_tail()));

    // The initial token stays as it is: Tokens are made beside it.
    let initial = cluster.value("pipeline-credentials", "token").await;
    cluster.annotate("User", "pipeline", ROTATE, json!("now")).await;
    operator.wait_reason(cluster, "User", "pipeline", "Unsupported").await;
    cluster.annotate("User", "pipeline", ROTATE, Value::Null).await;
    operator.wait_ready(cluster, "User", "pipeline").await;
    assert_eq!(cluster.value("pipeline-credentials", "token").await, initial);
    assert!(scene.is_live(&initial).await && scene.is_live(&third).await);
    nothing_secret_is_shown(operator, served, cluster, &[("first token", &first), ("second token", &second)]).await;
}

#[tokio::test]
async fn what_is_there_is_taken_over_on_request_only() {
    let scene = Scene::new(&[], &["--resync=1s"]).await;
    let Scene { operator, cluster, .. } = &scene;
    let made = scene.admin(Method::POST, "/organization", Some(json!({ "name": "internal" }))).await;
    assert_eq!(made.status, StatusCode::CREATED);
    assert_eq!(made.headers["location"], made.body["self"].as_str().unwrap());
    let id = made.body["id"].as_str().unwrap();
    let user = scene.admin(Method::POST, "/user", Some(json!({ "email": "info@rockfish.example" }))).await.body;
    scene.apply("Platform").await;
    scene.apply("Organization").await;
    let refused = operator.wait_reason(cluster, "Organization", "internal", "AlreadyExists").await;
    assert!(refused["status"]["externalID"].is_null());
    let adopt = json!({ "spec": { "adoptionPolicy": "IfExists", "externalID": id } });
    cluster.patch("Organization", "internal", adopt).await;
    let adopted = operator.wait_ready(cluster, "Organization", "internal").await;
    assert_eq!((&adopted["status"]["externalID"], &adopted["status"]["origin"]), (&json!(id), &json!("Adopted")));

    scene.apply("User").await;
    operator.wait_reason(cluster, "User", "info", "AlreadyExists").await;
    cluster.patch("User", "info", json!({ "spec": { "adoptionPolicy": "IfExists" } })).await;
    let adopted = operator.wait_ready(cluster, "User", "info").await;
    assert_eq!(adopted["status"]["externalID"], user["id"]);
    assert_eq!(cluster.secret("info-credentials").await, None, "what was shown to somebody else is not had again");
    // The initial token is a member's now, and an administrator's.
    let initial = user["token"].as_str().unwrap();
    assert_eq!(scene.public("/organization/active", initial).await.body["id"], id);
    operator.wait_ready(cluster, "User", "pipeline").await;
    assert!(scene.is_admin(initial, id, &scene.id_of("User", "pipeline").await).await);
}

#[tokio::test]
async fn what_is_deleted_loses_its_access_and_what_is_retained_keeps_it() {
    let scene = Scene::settled(&[], &["--resync=1s"]).await;
    let Scene { operator, cluster, .. } = &scene;
    let id = scene.id_of("Organization", "internal").await;
    let (token, initial) =
        (scene.token("info").await["token"].clone(), cluster.value("info-credentials", "token").await);
    cluster.delete("Token", "info").await;
    operator.wait_gone(cluster, "Token", "info").await;
    assert!(!scene.is_live(&token).await && scene.is_live(&initial).await);
    cluster.delete("User", "info").await;
    operator.wait_gone(cluster, "User", "info").await;
    // Users are global: the membership ends, and the user lives on without.
    assert_eq!(scene.public("/organization", &initial).await.body, json!([]));

    let kept = scene.token("pipeline").await["token"].clone();
    for kind in ["Token", "User"] {
        cluster.patch(kind, "pipeline", json!({ "spec": { "deletionPolicy": "Retain" } })).await;
    }
    for (kind, name) in [("Token", "pipeline"), ("User", "pipeline"), ("Token", "howdy"), ("User", "howdy")] {
        cluster.delete(kind, name).await;
        operator.wait_gone(cluster, kind, name).await;
    }
    cluster.delete("Organization", "internal").await;
    operator.wait_gone(cluster, "Organization", "internal").await;
    // The default: the organisation stays.
    assert_eq!(scene.admin(Method::GET, &format!("/organization/{id}"), None).await.status, StatusCode::OK);
    assert_eq!(scene.public("/organization/active", &kept).await.body["id"], id.as_str());

    let again = format!(
        "{{kind: Organization, metadata: {{name: again}}, spec: {{platformRef: {{name: rockfish}}, externalID: {id}, \
         adoptionPolicy: IfExists, deletionPolicy: Delete}}}}"
    );
    cluster.apply(&again).await;
    operator.wait_ready(cluster, "Organization", "again").await;
    cluster.delete("Organization", "again").await;
    operator.wait_gone(cluster, "Organization", "again").await;
    assert_eq!(scene.admin(Method::GET, &format!("/organization/{id}"), None).await.status, StatusCode::NOT_FOUND);
    cluster.delete("Platform", "rockfish").await;
    operator.wait_all_gone(cluster).await;
}

/// A server with nothing but what the vendor's page shows makes all of the example, and deletes nothing of it.
#[tokio::test]
async fn as_documented_what_cannot_be_deleted_is_said_and_let_go() {
    let scene = Scene::settled(&["--quirk=rockfish-as-documented"], &["--resync=1s"]).await;
    let Scene { operator, cluster, .. } = &scene;
    for user in USERS {
        assert!(scene.is_live(&scene.token(user).await["token"]).await, "{user}");
    }
    let first = scene.token("info").await["token"].clone();
    cluster.annotate("Token", "info", ROTATE, json!("now")).await;
    let second = scene.renewed("info", &first).await;
    assert!(scene.is_live(&first).await && scene.is_live(&second).await);
    for (kind, name) in [("Token", "info"), ("User", "howdy")] {
        cluster.delete(kind, name).await;
        let left = operator.wait_reason(cluster, kind, name, "LeftBehind").await;
        let message = condition(&left, "Ready")["message"].as_str().unwrap();
        assert!(message.contains("Retain"), "{message}");
        cluster.patch(kind, name, json!({ "spec": { "deletionPolicy": "Retain" } })).await;
        operator.wait_gone(cluster, kind, name).await;
    }
    assert!(scene.is_live(&second).await, "what nobody can revoke lives");
    let learnt = |platform: &Value| {
        let rows = platform["status"]["capabilities"].as_array().unwrap();
        rows.iter().any(|row| row["name"] == "UserDelete" && row["support"] == "Unsupported")
    };
    operator.wait(cluster, "Platform", "rockfish", "shows what trying told", learnt).await;
}

#[tokio::test]
async fn an_outage_is_the_platforms_alone() {
    let mut scene = Scene::settled(&[], &["--resync=1s"]).await;
    scene.served.stop();
    scene.operator.wait_reason(&scene.cluster, "Platform", "rockfish", "PlatformUnavailable").await;
    for (kind, name) in [("Organization", "internal"), ("User", "info"), ("Token", "info")] {
        let object = scene.cluster.get(kind, name).await.unwrap();
        assert_eq!(condition(&object, "Ready")["status"], "True", "{object:#}");
    }
    scene.served.restart(&[], &[]).await;
    scene.operator.wait_ready(&scene.cluster, "Platform", "rockfish").await;
}
