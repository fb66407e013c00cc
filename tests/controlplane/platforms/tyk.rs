//! `examples/tyk.yaml` against a Tyk Dashboard that is played.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::super::support::{Cluster, Operator, PATIENCE, condition, eventually, namespace};
use super::audit::nothing_secret_is_shown;
use super::served::{Answer, Served, call};

const ROTATE: &str = "org-operator.dev/rotate-requested-at";
const ISSUED: &str = "org-operator.dev/issued-at";

/// A Dashboard, an operator, a namespace.
struct Scene {
    served: Served,
    operator: Operator,
    cluster: Cluster,
}

impl Scene {
    /// Each with nothing in it, but the Secret with the Dashboard's admin secret.
    async fn new(quirks: &[&str]) -> Self {
        let namespace = namespace("tyk");
        let served = Served::start("tyk", quirks).await;
        let operator = Operator::start(&[&namespace], &["--resync=1s"]).await;
        let cluster = Cluster::of(&namespace).await;
        let scene = Self { served, operator, cluster };
        scene.give_secret(&scene.secret()).await;
        scene
    }

    /// The same with the example, whose resources are Ready.
    async fn settled(quirks: &[&str]) -> Self {
        let scene = Self::new(quirks).await;
        scene.served.settle(&scene.operator, &scene.cluster).await;
        scene
    }

    /// The Platform of the example alone, Ready.
    async fn with_platform() -> Self {
        let scene = Self::new(&[]).await;
        scene.served.apply_kind(&scene.cluster, "Platform").await;
        scene.operator.wait_ready(&scene.cluster, "Platform", "dashboard").await;
        scene
    }

    async fn give_secret(&self, secret: &str) {
        self.cluster.make_secret("tyk-dashboard", &[("AdminSecret", secret)]).await;
    }

    fn secret(&self) -> String {
        self.served.kept("admin-secret")
    }

    async fn admin(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        let secret = self.secret();
        call(method, format!("{}/admin{path}", self.served.url("tyk")), &[("admin-auth", &secret)], body).await
    }

    async fn api(&self, method: Method, path: &str, key: &str) -> Answer {
        call(method, format!("{}/api{path}", self.served.url("tyk")), &[("authorization", key)], None).await
    }

    /// Makes an organisation as a script does: its id.
    async fn make_organization(&self, name: &str) -> String {
        let made =
            self.admin(Method::POST, "/organisations/", Some(json!({ "owner_name": name, "cname": "old" }))).await;
        assert_eq!((made.status, &made.body["Message"]), (StatusCode::OK, &json!("Org created")));
        made.body["Meta"].as_str().unwrap().to_owned()
    }

    async fn organization(&self, id: &str) -> Answer {
        self.admin(Method::GET, &format!("/organisations/{id}"), None).await
    }

    async fn id_of(&self, kind: &str, name: &str) -> String {
        let object = self.cluster.get(kind, name).await.unwrap();
        object["status"]["externalID"].as_str().unwrap_or_else(|| panic!("{object:#}")).to_owned()
    }

    async fn user(&self, name: &str) -> Value {
        let shown = self.admin(Method::GET, &format!("/users/{}", self.id_of("User", name).await), None).await;
        assert_eq!(shown.status, StatusCode::OK);
        shown.body
    }

    async fn is_live(&self, key: &str) -> bool {
        self.api(Method::GET, "/users", key).await.status == StatusCode::OK
    }

    /// Waits until the example's machine has another key than `old`, in both Secrets: the key.
    async fn renewed(&self, old: &str) -> String {
        let renewed = eventually("the key is renewed in both Secrets", PATIENCE, async || {
            let (user, token) =
                (self.cluster.secret("tyk-operator-conf").await, self.cluster.secret("tyk-operator-token").await);
            let values = [
                user.as_ref().and_then(|user| user.get("TYK_AUTH")).cloned().unwrap_or_default(),
                user.as_ref().and_then(|user| user.get("token")).cloned().unwrap_or_default(),
                token.as_ref().and_then(|token| token.get("token")).cloned().unwrap_or_default(),
            ];
            let [key, ..] = &values;
            let same = values.iter().all(|value| value == key);
            if same && key != old && !key.is_empty() { Ok(key.clone()) } else { Err(format!("same: {same}")) }
        });
        renewed.await.unwrap_or_else(|error| panic!("{error}\n{}", self.operator.log_tail()))
    }
}

#[tokio::test]
async fn what_the_example_makes_works() {
    let Scene { served, operator, cluster } = Scene::new(&[]).await;
    cluster.delete("Secret", "tyk-dashboard").await;
    let count = served.apply(&cluster, "tyk").await;
    // The order does not matter: the credential comes last.
    operator.wait_reason(&cluster, "Platform", "dashboard", "SecretNotFound").await;
    cluster.make_secret("tyk-dashboard", &[("AdminSecret", &(served.kept("admin-secret") + "\n"))]).await;
    operator.wait_all_ready(&cluster, count).await;
    let scene = Scene { served, operator, cluster };
    let Scene { served, operator, cluster } = &scene;

    let platform = cluster.get("Platform", "dashboard").await.unwrap();
    let proof = condition(&platform, "Ready")["message"].as_str().unwrap();
    assert!(proof.contains("GET /admin/organisations"), "{proof}");
    let id = scene.id_of("Organization", "jively").await;
    let organization = scene.organization(&id).await.body;
    assert_eq!(
        ["id", "owner_name", "cname", "cname_enabled"].map(|member| organization[member].clone()),
        [json!(id), json!("Jively"), json!("jive.ly"), json!(true)]
    );
    let resource = cluster.get("Organization", "jively").await.unwrap();
    let [uid, attempt] = [&resource["metadata"]["uid"], &resource["status"]["attemptMarks"][0]];
    let [uid, attempt] = [uid, attempt].map(|value| value.as_str().unwrap());
    assert!(attempt.starts_with("1.") && attempt.len() == "1.".len() + 16, "{attempt}");
    let mark = format!("test/{}/jively#{uid}/{attempt}", cluster.namespace());
    assert_eq!(organization["org_options_meta"]["org-operator.dev/owner"], mark.as_str());

    let conf = cluster.secret("tyk-operator-conf").await.unwrap();
    let read = ["TYK_AUTH", "TYK_ORG", "TYK_MODE", "TYK_URL"].map(|key| conf[key].as_str());
    assert_eq!(read, [conf["token"].as_str(), &id, "pro", served.url("tyk")]);
    assert_eq!(cluster.value("tyk-operator-token", "token").await, conf["token"]);
    let seen = scene.api(Method::GET, "/users", &conf["TYK_AUTH"]).await;
    assert_eq!(seen.status, StatusCode::OK);
    let emails: Vec<&str> =
        seen.body["users"].as_array().unwrap().iter().map(|user| user["email_address"].as_str().unwrap()).collect();
    for email in ["tyk-operator@jively.example", "ada@jively.example"] {
        assert!(emails.contains(&email), "{emails:?}");
    }
    assert_eq!(scene.user("tyk-operator").await["user_permissions"]["IsAdmin"], "admin");

    let ada = cluster.secret("ada-credentials").await.unwrap();
    assert_eq!(ada["username"], "ada@jively.example");
    assert!(served.logs_in("Jively", "ada@jively.example", &ada["password"]).await);
    assert_eq!(scene.user("ada").await["user_permissions"], json!({ "apis": "read", "analytics": "read" }));

    let technical = cluster.secret(&format!("org-operator-{id}")).await.unwrap();
    assert_eq!(technical.keys().collect::<Vec<_>>(), ["email", "token", "userID"]);
    assert!(scene.is_live(&technical["token"]).await);
    nothing_secret_is_shown(operator, served, cluster, &[]).await;
}

#[tokio::test]
async fn a_change_of_the_manifest_changes_that_and_nothing_else() {
    let scene = Scene::settled(&[]).await;
    let Scene { operator, cluster, .. } = &scene;
    let id = scene.id_of("Organization", "jively").await;
    // What somebody else keeps there.
    let mut document = scene.organization(&id).await.body;
    document["apis"] = json!([{ "api_human_name": "Test", "api_id": "bc2f8cfb7ab241504d9f3574fe407499" }]);
    let put = scene.admin(Method::PUT, &format!("/organisations/{id}"), Some(document.clone())).await;
    assert_eq!(put.status, StatusCode::OK);

    cluster.patch("Organization", "jively", json!({ "spec": { "tyk": { "cname": "portal.jive.ly" } } })).await;
    operator.wait_ready(cluster, "Organization", "jively").await;
    document["cname"] = json!("portal.jive.ly");
    assert_eq!(scene.organization(&id).await.body, document);

    // Who has no permission at all is an administrator to Tyk: that is not what was asked for.
    cluster.patch("User", "tyk-operator", json!({ "spec": { "roles": [] } })).await;
    operator.wait_reason(cluster, "User", "tyk-operator", "InvalidSpec").await;
    let analytics = json!({ "permissions": { "analytics": "read" } });
    cluster.patch("User", "tyk-operator", json!({ "spec": { "tyk": analytics } })).await;
    let permissions = json!({ "permissions": { "apis": "write" } });
    cluster.patch("User", "ada", json!({ "spec": { "lastName": "King", "tyk": permissions } })).await;
    operator.wait_ready(cluster, "User", "tyk-operator").await;
    operator.wait_ready(cluster, "User", "ada").await;
    assert_eq!(scene.user("tyk-operator").await["user_permissions"], json!({ "analytics": "read" }));
    let ada = scene.user("ada").await;
    assert_eq!(ada["last_name"], "King");
    assert_eq!(ada["user_permissions"], json!({ "apis": "write", "analytics": "read" }));
}

#[tokio::test]
async fn a_renewed_key_is_in_both_secrets_and_the_one_before_is_dead() {
    let scene = Scene::settled(&[]).await;
    let Scene { served, operator, cluster } = &scene;
    let first = cluster.value("tyk-operator-conf", "TYK_AUTH").await;
    assert!(scene.is_live(&first).await);
    cluster.annotate("Token", "tyk-operator", ROTATE, json!("now")).await;
    let second = scene.renewed(&first).await;
    assert!(scene.is_live(&second).await && !scene.is_live(&first).await);
    operator.wait_ready(cluster, "Token", "tyk-operator").await;

    // By time: what was published so long ago is due.
    let long_ago = json!({ "metadata": { "annotations": { ISSUED: "2020-01-01T00:00:00Z" } } });
    cluster.patch("Secret", "tyk-operator-token", long_ago).await;
    let third = scene.renewed(&second).await;
    assert!(scene.is_live(&third).await && !scene.is_live(&second).await);
    operator.wait_ready(cluster, "Token", "tyk-operator").await;
    let status = &cluster.get("Token", "tyk-operator").await.unwrap()["status"];
    assert!(status["rotateAt"].as_str() > status["issuedAt"].as_str(), "{status:#}");

    // A person's password, by request alone.
    let before = cluster.value("ada-credentials", "password").await;
    cluster.annotate("User", "ada", ROTATE, json!("now")).await;
    let renewed = eventually("the password is another one", PATIENCE, async || {
        let now = cluster.value("ada-credentials", "password").await;
        if now == before { Err("it is the same") } else { Ok(now) }
    });
    let password = renewed.await.unwrap();
    assert!(served.logs_in("Jively", "ada@jively.example", &password).await);
    assert!(!served.logs_in("Jively", "ada@jively.example", &before).await);
    let former = [("first key", first.as_str()), ("second key", &second), ("password before", &before)];
    nothing_secret_is_shown(operator, served, cluster, &former).await;
}

#[tokio::test]
async fn a_second_token_of_a_user_and_an_overlap_are_refused() {
    let scene = Scene::settled(&[]).await;
    let Scene { operator, cluster, .. } = &scene;
    let key = cluster.value("tyk-operator-token", "token").await;
    cluster.apply("{kind: Token, metadata: {name: second}, spec: {userRef: {name: tyk-operator}}}").await;
    operator.wait_reason(cluster, "Token", "second", "NameConflict").await;
    cluster
        .apply("{kind: Token, metadata: {name: ada}, spec: {userRef: {name: ada}, rotation: {every: 1h, overlap: 1m}}}")
        .await;
    operator.wait_reason(cluster, "Token", "ada", "Unsupported").await;
    assert!(scene.is_live(&key).await);
}

#[tokio::test]
async fn what_is_there_is_taken_over_by_its_id_and_on_request_only() {
    let scene = Scene::with_platform().await;
    let Scene { operator, cluster, .. } = &scene;
    let first = scene.make_organization("Jively").await;
    let untouched = scene.organization(&first).await.body;
    cluster
        .apply("{kind: Organization, metadata: {name: jively}, spec: {platformRef: {name: dashboard}, externalName: Jively}}")
        .await;
    let refused = operator.wait_reason(cluster, "Organization", "jively", "AlreadyExists").await;
    assert!(refused["status"]["externalID"].is_null());
    let second = scene.make_organization("Jively").await;
    let two = operator.wait_reason(cluster, "Organization", "jively", "Ambiguous").await;
    let message = condition(&two, "Ready")["message"].as_str().unwrap();
    assert!(message.contains(&first) && message.contains(&second), "{message}");
    let adopt = json!({ "spec": { "externalID": second, "adoptionPolicy": "IfExists" } });
    cluster.patch("Organization", "jively", adopt).await;
    let adopted = operator.wait_ready(cluster, "Organization", "jively").await;
    assert_eq!(adopted["status"]["origin"], "Adopted");
    assert_eq!(scene.organization(&first).await.body, untouched);
    let mut marked = scene.organization(&second).await.body;
    assert_eq!(marked["cname"], "old");
    let mark = marked["org_options_meta"].take();
    assert_eq!(mark["org-operator.dev/owner"], format!("test/{}/jively", cluster.namespace()).as_str());

    // A user.
    let body = json!({ "org_id": second, "email_address": "ci@jively.example", "first_name": "C", "last_name": "I", "active": true });
    let made = scene.admin(Method::POST, "/users", Some(body)).await;
    assert_eq!(made.status, StatusCode::OK);
    let key = made.body["Message"].as_str().unwrap().to_owned();
    cluster
        .apply("{kind: User, metadata: {name: ci}, spec: {organizationRef: {name: jively}, type: Machine, email: CI@jively.example}}")
        .await;
    operator.wait_reason(cluster, "User", "ci", "AlreadyExists").await;
    cluster.patch("User", "ci", json!({ "spec": { "adoptionPolicy": "IfExists" } })).await;
    let adopted = operator.wait_ready(cluster, "User", "ci").await;
    assert_eq!(adopted["status"]["externalID"], made.body["Meta"]["id"]);
    // Its key is the one that it had: the Dashboard shows it.
    assert_eq!(cluster.value("ci-credentials", "token").await, key);
    assert_eq!(
        scene.api(Method::GET, &format!("/users/{}", made.body["Meta"]["id"].as_str().unwrap()), &key).await.status,
        StatusCode::OK
    );
}

#[tokio::test]
async fn what_is_deleted_goes_and_what_is_retained_stays() {
    let scene = Scene::settled(&[]).await;
    let Scene { operator, cluster, .. } = &scene;
    let id = scene.id_of("Organization", "jively").await;
    let user = scene.id_of("User", "tyk-operator").await;
    let key = cluster.value("tyk-operator-conf", "TYK_AUTH").await;
    // Deleting the Token ends the key that it stood for; the User goes on with a new one.
    cluster.delete("Token", "tyk-operator").await;
    operator.wait_gone(cluster, "Token", "tyk-operator").await;
    assert!(!scene.is_live(&key).await);
    let next = eventually("the User has a key that works", PATIENCE, async || {
        let key = cluster.value("tyk-operator-conf", "TYK_AUTH").await;
        if scene.is_live(&key).await { Ok(key) } else { Err("it has none") }
    });
    let next = next.await.unwrap_or_else(|error| panic!("{error}\n{}", operator.log_tail()));
    cluster.delete("User", "tyk-operator").await;
    operator.wait_gone(cluster, "User", "tyk-operator").await;
    assert!(!scene.is_live(&next).await);
    assert_eq!(scene.admin(Method::GET, &format!("/users/{user}"), None).await.status, StatusCode::NOT_FOUND);

    // Of what is retained the mark is taken off.
    let (ada, password) = (scene.id_of("User", "ada").await, cluster.value("ada-credentials", "password").await);
    cluster.patch("User", "ada", json!({ "spec": { "deletionPolicy": "Retain" } })).await;
    cluster.patch("Organization", "jively", json!({ "spec": { "deletionPolicy": "Retain" } })).await;
    cluster.delete("User", "ada").await;
    cluster.delete("Organization", "jively").await;
    operator.wait_gone(cluster, "Organization", "jively").await;
    let left = scene.organization(&id).await.body;
    assert_eq!(left["owner_name"], "Jively");
    assert!(left["org_options_meta"]["org-operator.dev/owner"].is_null(), "{left:#}");
    assert_eq!(scene.admin(Method::GET, &format!("/users/{ada}"), None).await.status, StatusCode::OK);
    assert!(scene.served.logs_in("Jively", "ada@jively.example", &password).await);

    // Taken over again, and deleted with all that is in it.
    cluster
        .apply(&format!(
            "{{kind: Organization, metadata: {{name: again}}, spec: {{platformRef: {{name: dashboard}}, externalID: {id}, \
             adoptionPolicy: IfExists, deletionPolicy: Delete}}}}"
        ))
        .await;
    operator.wait_ready(cluster, "Organization", "again").await;
    cluster.delete("Organization", "again").await;
    operator.wait_gone(cluster, "Organization", "again").await;
    assert_eq!(scene.organization(&id).await.status, StatusCode::NOT_FOUND);
    cluster.delete("Platform", "dashboard").await;
    operator.wait_all_gone(cluster).await;
}

#[tokio::test]
async fn a_lost_technical_administrator_is_made_anew() {
    let mut scene = Scene::settled(&[]).await;
    let id = scene.id_of("Organization", "jively").await;
    let name = format!("org-operator-{id}");
    let first = scene.cluster.secret(&name).await.unwrap();
    scene.cluster.delete("Secret", &name).await;
    // With it in memory nothing is lost; after a restart it is.
    scene.operator.restart().await;
    let cluster = &scene.cluster;
    cluster.apply("{kind: User, metadata: {name: bob}, spec: {organizationRef: {name: jively}, type: Machine, email: bob@jively.example, tyk: {permissions: {analytics: read}}}}").await;
    scene.operator.wait_ready(cluster, "User", "bob").await;
    let second = cluster.secret(&name).await.unwrap();
    assert_ne!(first["userID"], second["userID"]);
    assert!(scene.is_live(&second["token"]).await && !scene.is_live(&first["token"]).await);
    assert_eq!(
        scene.admin(Method::GET, &format!("/users/{}", first["userID"]), None).await.status,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn a_changed_credential_is_picked_up_and_an_outage_flips_nothing() {
    let mut scene = Scene::settled(&[]).await;
    scene.served.stop();
    scene.operator.wait_reason(&scene.cluster, "Platform", "dashboard", "PlatformUnavailable").await;
    let other = "another-admin-secret";
    scene.served.restart(&[], &[("ORG_OPERATOR_TYK_ADMIN_SECRET", other)]).await;
    scene.operator.wait_reason(&scene.cluster, "Platform", "dashboard", "CredentialRejected").await;
    let settled = scene.cluster.get("Organization", "jively").await.unwrap();
    for (kind, name) in [("Organization", "jively"), ("User", "ada"), ("Token", "tyk-operator")] {
        let object = scene.cluster.get(kind, name).await.unwrap();
        assert_eq!(condition(&object, "Ready")["status"], "True", "{object:#}");
    }
    scene.give_secret(other).await;
    scene.operator.wait_ready(&scene.cluster, "Platform", "dashboard").await;
    let now = scene.cluster.get("Organization", "jively").await.unwrap();
    assert_eq!(
        now["metadata"]["resourceVersion"], settled["metadata"]["resourceVersion"],
        "at rest nothing is written"
    );
    let log = scene.operator.log();
    assert!(!log.contains(other), "the secret is logged");
}

/// A server that hides keys shows none again: what was there when the user was made is kept, and nothing is reset blindly.
#[tokio::test]
async fn where_keys_are_hidden_none_is_reset_blindly() {
    let scene = Scene::settled(&["--quirk=tyk-hides-keys"]).await;
    let Scene { operator, cluster, .. } = &scene;
    let key = cluster.value("tyk-operator-conf", "TYK_AUTH").await;
    assert!(scene.is_live(&key).await);
    cluster.annotate("Token", "tyk-operator", ROTATE, json!("now")).await;
    let said = operator.wait_reason(cluster, "Token", "tyk-operator", "Unsupported").await;
    assert!(condition(&said, "Ready")["message"].as_str().unwrap().contains("key"), "{said:#}");
    assert!(scene.is_live(&key).await);
    assert_eq!(cluster.value("tyk-operator-token", "token").await, key);
}
