//! `examples/rockit.yaml` and `rockit-users.yaml` against a ROCKIT Edge that is played.

use std::process::{Command, Stdio};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use org_operator::domain::key::{KeyEncoding, KeySize};
use org_operator::keys;
use reqwest::{Method, StatusCode};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

use super::super::support::{Cluster, Operator, PATIENCE, condition, eventually, namespace};
use super::audit::nothing_secret_is_shown;
use super::served::{Answer, Served, call};

const ROTATE: &str = "org-operator.dev/rotate-requested-at";
/// How long a platform is watched that is to be left alone.
const WATCHED: Duration = Duration::from_secs(3);
const LINK: &str = "dxorglnk.ExampleOrg.jAhjafhdsaAS";

/// A ROCKIT Edge, an operator, a namespace.
struct Scene {
    served: Served,
    operator: Operator,
    cluster: Cluster,
}

impl Scene {
    /// Each with nothing in it, but the Secrets that the example names.
    async fn new(quirks: &[&str]) -> Self {
        let namespace = namespace("rockit");
        let served = Served::start("rockit", quirks).await;
        let operator = Operator::start(&[&namespace], &["--resync=1s"]).await;
        let cluster = Cluster::of(&namespace).await;
        let scene = Self { served, operator, cluster };
        scene.give_secret(&scene.served.kept("admin-secret")).await;
        scene.cluster.make_secret("example-org-dxorglnk", &[("dxorglnk", LINK)]).await;
        scene
    }

    /// The same with the example, whose resources are Ready.
    async fn settled(quirks: &[&str]) -> Self {
        let scene = Self::new(quirks).await;
        scene.served.settle(&scene.operator, &scene.cluster).await;
        scene
    }

    /// The example's Platform alone, Ready.
    async fn with_platform() -> Self {
        let scene = Self::new(&[]).await;
        scene.served.apply_kind(&scene.cluster, "Platform").await;
        scene.operator.wait_ready(&scene.cluster, "Platform", "edge").await;
        scene
    }

    async fn give_secret(&self, admin: &str) {
        let values = [("adminKey", admin), ("backendToken", &self.served.kept("operator-key"))];
        self.cluster.make_secret("rockit-edge", &values).await;
    }

    async fn backend(&self, method: Method, path: &str, headers: &[(&str, &str)], body: Option<Value>) -> Answer {
        call(method, format!("{}/be/v1{path}", self.served.url("rockit")), headers, body).await
    }

    /// Creates an organisation as a script does.
    async fn create(&self, name: &str) -> Answer {
        let key = STANDARD.decode(self.served.kept("admin-secret")).unwrap();
        let claims = json!({ "username": "root" });
        let token = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &EncodingKey::from_secret(&key));
        let (pem, passphrase) = key_pair();
        let body = json!({
            "name": name, "label": "Example Organization", "username": "adminUser", "email": "admin@example.org",
            "firstname": "John", "surname": "Doe", "dxorglnk": LINK, "orgPrivPemB64": STANDARD.encode(pem),
            "orgPrivPW": passphrase,
        });
        let url = format!("{}/adm/v1/orgs", self.served.url("rockit"));
        call(Method::POST, url, &[("x-rockit-admin-token", &token.unwrap())], Some(body)).await
    }

    /// Whether there is an organisation of that name: another one of it is refused.
    async fn has(&self, name: &str) -> bool {
        let made = self.create(name).await;
        if made.status == StatusCode::OK {
            let token = self.served.kept("operator-key");
            let headers = [("x-rockit-beauth-token", token.as_str())];
            let path = format!("/orgs/{name}?prune=true");
            assert_eq!(self.backend(Method::DELETE, &path, &headers, None).await.status, StatusCode::OK);
            return false;
        }
        assert_eq!((made.status, &made.body["error"]), (StatusCode::CONFLICT, &json!("item-exists")));
        true
    }

    /// Opens the invitation of that user, as who reads the mail does.
    async fn open_invitation(&self, username: &str) -> Value {
        let mut command = Command::new(env!("CARGO_BIN_EXE_org-operator"));
        command.args(["backend", "invitations", "--output=json", "--data-dir"]).arg(self.served.data());
        let output = command.stderr(Stdio::inherit()).output().unwrap();
        let all: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
        let one = all.iter().find(|one| one["username"] == username).unwrap_or_else(|| panic!("{all:?}"));
        let opened = call(Method::POST, one["link"].as_str().unwrap().to_owned(), &[], None).await;
        assert_eq!(opened.status, StatusCode::OK);
        opened.body
    }

    /// Makes the machine account that the operator manages users with, as docs/platforms.md says: its key.
    async fn make_account(&self) -> String {
        self.open_invitation("adminUser").await;
        let password = self.cluster.value("example-org-admin", "password").await;
        let login = json!({ "orgname": "ExampleOrg", "username": "adminUser", "password": password });
        let session = self.backend(Method::POST, "/login", &[], Some(login)).await.body;
        let session = [("x-rockit-besession-token", session["sessionToken"].as_str().unwrap())];
        let token = self.backend(Method::POST, "/auth", &session, Some(json!({}))).await.body;
        let token = [("x-rockit-beauth-token", token["authToken"].as_str().unwrap())];
        let account = json!({ "username": "org_operator", "label": "org-operator", "roles": ["Administrators"] });
        let made = self.backend(Method::POST, "/users", &token, Some(account)).await;
        assert_eq!(made.status, StatusCode::OK, "{made:?}");
        made.body["apiKey"].as_str().unwrap().to_owned()
    }

    /// What that machine sees of a user.
    async fn user(&self, machine: &str, key: &str, username: &str) -> Answer {
        let headers = [("x-rockit-orgname", "ExampleOrg"), ("x-rockit-username", machine), ("x-rockit-api-key", key)];
        self.backend(Method::GET, &format!("/users/{username}"), &headers, None).await
    }

    /// The example with the users, Ready, and the account's key.
    async fn with_users() -> (Self, String) {
        let scene = Self::settled(&[]).await;
        let Self { served, operator, cluster } = &scene;
        for manifest in served.example("rockit-users") {
            cluster.apply_one(&manifest).await;
        }
        // Without an account nobody manages users.
        operator.wait_reason(cluster, "User", "deploy-bot", "Unsupported").await;
        let key = scene.make_account().await;
        let reference = json!({ "name": "example-org-account", "key": "apiKey" });
        let account = json!({ "username": "org_operator", "apiKeySecretRef": reference });
        cluster.patch("Organization", "example-org", json!({ "spec": { "rockit": { "account": account } } })).await;
        cluster.make_secret("example-org-account", &[("apiKey", &key)]).await;
        operator.wait_all_ready(cluster, 4).await;
        (scene, key)
    }
}

/// An encrypted private key's PEM file, as `ssh-keygen -m PEM` writes it, and its passphrase.
fn key_pair() -> (String, String) {
    let key = keys::generate(KeySize::Rsa2048).unwrap();
    let pair = keys::encode(&key, KeyEncoding::Pkcs1, &SecretString::from("a-passphrase-of-our-own")).unwrap();
    (pair.value.private_pem.expose_secret().to_owned(), "a-passphrase-of-our-own".to_owned())
}

#[tokio::test]
async fn what_the_example_makes_works() {
    let scene = Scene::settled(&[]).await;
    let Scene { served, operator, cluster } = &scene;
    let platform = cluster.get("Platform", "edge").await.unwrap();
    let proof = condition(&platform, "Ready")["message"].as_str().unwrap();
    assert!(proof.contains("no call is documented"), "{proof}");
    let status = &cluster.get("Organization", "example-org").await.unwrap()["status"];
    assert_eq!((&status["externalID"], &status["externalName"]), (&json!("ExampleOrg"), &json!("ExampleOrg")));
    assert_eq!(status["keyPair"]["secretName"], "example-org-keypair");
    assert!(scene.has("ExampleOrg").await);

    let admin = cluster.secret("example-org-admin").await.unwrap();
    assert_eq!(admin["username"], "adminUser");
    // The account is enabled by its invitation.
    assert!(!served.logs_in("ExampleOrg", "adminUser", &admin["password"]).await);
    scene.open_invitation("adminUser").await;
    assert!(served.logs_in("ExampleOrg", "adminUser", &admin["password"]).await);
    cluster.told_once("InvitationSent", "Organization", "example-org").await;
    let tool = ["pkey", "-in", "/dev/stdin", "-passin", "env:PASSPHRASE", "-pubout"];
    let pair = cluster.secret("example-org-keypair").await.unwrap();
    let mut child = Command::new("openssl");
    child.args(tool).env("PASSPHRASE", &pair["passphrase"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = child.spawn().unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), pair["private.pem"].as_bytes()).unwrap();
    assert_eq!(String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap(), pair["public.pem"]);

    nothing_secret_is_shown(operator, served, cluster, &[]).await;
}

#[tokio::test]
async fn a_key_pair_of_ones_own_is_sent_and_stays_where_it_is() {
    let scene = Scene::with_platform().await;
    let Scene { operator, cluster, .. } = &scene;
    let (pem, passphrase) = key_pair();
    cluster.make_secret("my-key-pair", &[("private.pem", &pem), ("passphrase", &passphrase)]).await;
    let mut manifest = scene.served.example("rockit").pop().unwrap();
    let of = |key: &str| json!({ "name": "my-key-pair", "key": key });
    manifest["spec"]["keyPair"] =
        json!({ "import": { "privateKeySecretRef": of("private.pem"), "passphraseSecretRef": of("passphrase") } });
    cluster.apply_one(&manifest).await;
    let made = operator.wait_ready(cluster, "Organization", "example-org").await;
    assert_eq!(made["status"]["keyPair"]["secretName"], "my-key-pair");
    assert_eq!(cluster.secret("example-org-keypair").await, None);
    assert!(scene.has("ExampleOrg").await);
}

#[tokio::test]
async fn without_a_password_in_the_answer_there_is_the_invitation() {
    let scene = Scene::settled(&["--quirk=rockit-without-admin-password"]).await;
    let Scene { served, cluster, .. } = &scene;
    assert_eq!(cluster.secret("example-org-admin").await, None);
    assert!(cluster.get("Organization", "example-org").await.unwrap()["status"]["adminSecretName"].is_null());
    cluster.told_once("InvitationSent", "Organization", "example-org").await;
    let opened = scene.open_invitation("adminUser").await;
    assert!(served.logs_in("ExampleOrg", "adminUser", opened["password"].as_str().unwrap()).await);
}

#[tokio::test]
async fn two_names_that_become_one_are_a_conflict() {
    let scene = Scene::with_platform().await;
    let Scene { operator, cluster, .. } = &scene;
    let mut manifest = scene.served.example("rockit").pop().unwrap();
    manifest["spec"].as_object_mut().unwrap().remove("externalName");
    cluster.apply_one(&manifest).await;
    let first = operator.wait_ready(cluster, "Organization", "example-org").await;
    assert_eq!(first["status"]["externalName"], "example_org");
    manifest["metadata"]["name"] = json!("example.org");
    cluster.apply_one(&manifest).await;
    let second = operator.wait_reason(cluster, "Organization", "example.org", "NameConflict").await;
    let message = condition(&second, "Ready")["message"].as_str().unwrap();
    assert!(message.contains("example-org") && message.contains("example_org"), "{message}");
    manifest["metadata"]["name"] = json!("badly-named");
    manifest["spec"]["externalName"] = json!("no-hyphens");
    cluster.apply_one(&manifest).await;
    operator.wait_reason(cluster, "Organization", "badly-named", "InvalidSpec").await;
    // Who waited gets the name when it is free.
    cluster.delete("Organization", "example-org").await;
    operator.wait_gone(cluster, "Organization", "example-org").await;
    operator.wait_ready(cluster, "Organization", "example.org").await;
}

#[tokio::test]
async fn users_are_managed_by_an_account_of_the_organisation() {
    let (scene, account) = Scene::with_users().await;
    let Scene { served, operator, cluster } = &scene;
    // A person is invited, and has no Secret.
    assert_eq!(cluster.secret("ada-credentials").await, None);
    cluster.told_once("InvitationSent", "User", "ada").await;
    let ada = scene.user("org_operator", &account, "ada").await.body["user"].clone();
    let known = ["email", "firstname", "surname"].map(|member| ada[member].as_str().unwrap());
    assert_eq!(known, ["ada@example.org", "Ada", "Lovelace"]);

    let bot = cluster.secret("deploy-bot-credentials").await.unwrap();
    let keys = ["ROCKIT_URL", "ROCKIT_ORGNAME", "ROCKIT_USERNAME", "ROCKIT_API_KEY"];
    let expected = [served.url("rockit"), "ExampleOrg", "deploy_bot", &bot["token"]];
    assert_eq!(keys.map(|key| bot[key].as_str()), expected);
    assert_eq!(scene.user("deploy_bot", &bot["token"], "deploy_bot").await.status, StatusCode::OK);

    // A change.
    cluster.patch("User", "ada", json!({ "spec": { "lastName": "King" } })).await;
    operator.wait_ready(cluster, "User", "ada").await;
    assert_eq!(scene.user("org_operator", &account, "ada").await.body["user"]["surname"], "King");
    // A Token publishes the machine's key. What resetting it answers is not public, so it is not reset.
    cluster.apply("{kind: Token, metadata: {name: deploy-bot}, spec: {userRef: {name: deploy-bot}}}").await;
    operator.wait_ready(cluster, "Token", "deploy-bot").await;
    assert_eq!(cluster.value("deploy-bot-token", "token").await, bot["token"]);
    cluster.annotate("Token", "deploy-bot", ROTATE, json!("now")).await;
    operator.wait_reason(cluster, "Token", "deploy-bot", "Unsupported").await;
    let mark = operator.mark(cluster.namespace());
    tokio::time::sleep(WATCHED).await;
    let writes = operator.writes_since(cluster.namespace(), mark);
    assert_eq!(writes.total(), 0, "{writes:#?}");
    assert_eq!(scene.user("deploy_bot", &bot["token"], "deploy_bot").await.status, StatusCode::OK);
    cluster.annotate("Token", "deploy-bot", ROTATE, Value::Null).await;
    operator.wait_ready(cluster, "Token", "deploy-bot").await;
    nothing_secret_is_shown(operator, served, cluster, &[]).await;

    // The end.
    for (kind, name) in [("Token", "deploy-bot"), ("User", "deploy-bot"), ("User", "ada")] {
        cluster.delete(kind, name).await;
        operator.wait_gone(cluster, kind, name).await;
    }
    for name in ["ada", "deploy_bot"] {
        assert_eq!(scene.user("org_operator", &account, name).await.status, StatusCode::NOT_FOUND, "{name}");
    }
    assert_eq!(scene.user("deploy_bot", &bot["token"], "deploy_bot").await.status, StatusCode::UNAUTHORIZED);
}

/// An account that is named from the start can only come after the organisation that it is in.
#[tokio::test]
async fn an_account_that_is_not_there_yet_holds_the_users_and_not_the_creation() {
    let scene = Scene::with_platform().await;
    let Scene { operator, cluster, .. } = &scene;
    let mut manifest = scene.served.example("rockit").pop().unwrap();
    let reference = json!({ "name": "example-org-account", "key": "apiKey" });
    manifest["spec"]["rockit"]["account"] = json!({ "username": "org_operator", "apiKeySecretRef": reference });
    cluster.apply_one(&manifest).await;
    operator.wait_ready(cluster, "Organization", "example-org").await;
    for manifest in scene.served.example("rockit-users") {
        cluster.apply_one(&manifest).await;
    }
    operator.wait_reason(cluster, "User", "deploy-bot", "SecretNotFound").await;
    let key = scene.make_account().await;
    cluster.make_secret("example-org-account", &[("apiKey", &key)]).await;
    operator.wait_all_ready(cluster, 4).await;
}

#[tokio::test]
async fn what_is_there_is_taken_over_on_request_only() {
    let scene = Scene::with_platform().await;
    let Scene { operator, cluster, .. } = &scene;
    assert_eq!(scene.create("ExampleOrg").await.status, StatusCode::OK);
    let (pem, passphrase) = key_pair();
    cluster.make_secret("my-key-pair", &[("private.pem", &pem), ("passphrase", &passphrase)]).await;
    let mut manifest = scene.served.example("rockit").pop().unwrap();
    let of = |key: &str| json!({ "name": "my-key-pair", "key": key });
    manifest["spec"]["keyPair"] =
        json!({ "import": { "privateKeySecretRef": of("private.pem"), "passphraseSecretRef": of("passphrase") } });
    cluster.apply_one(&manifest).await;
    let refused = operator.wait_reason(cluster, "Organization", "example-org", "AlreadyExists").await;
    assert!(refused["status"]["externalID"].is_null(), "{refused:#}");
    let adopt = json!({ "spec": { "adoptionPolicy": "IfExists", "externalID": "ExampleOrg" } });
    cluster.patch("Organization", "example-org", adopt).await;
    let adopted = operator.wait_ready(cluster, "Organization", "example-org").await;
    assert_eq!(adopted["status"]["origin"], "Adopted");
    assert_eq!(cluster.secret("example-org-admin").await, None);
}

#[tokio::test]
async fn what_is_deleted_is_pruned_and_what_is_retained_stays() {
    let scene = Scene::settled(&[]).await;
    let Scene { operator, cluster, .. } = &scene;
    cluster.patch("Organization", "example-org", json!({ "spec": { "deletionPolicy": "Retain" } })).await;
    cluster.delete("Organization", "example-org").await;
    operator.wait_gone(cluster, "Organization", "example-org").await;
    assert!(scene.has("ExampleOrg").await);
    let secret = cluster.get("Secret", "example-org-keypair").await.unwrap();
    assert!(secret["metadata"]["ownerReferences"].is_null(), "the Secrets of what is retained stay: {secret:#}");

    let mut manifest = scene.served.example("rockit").pop().unwrap();
    manifest["metadata"]["name"] = json!("pruned");
    manifest["spec"]["externalName"] = json!("Pruned");
    cluster.apply_one(&manifest).await;
    operator.wait_ready(cluster, "Organization", "pruned").await;
    cluster.delete("Organization", "pruned").await;
    operator.wait_gone(cluster, "Organization", "pruned").await;
    assert!(!scene.has("Pruned").await);
    cluster.delete("Platform", "edge").await;
    operator.wait_all_gone(cluster).await;
}

/// Without a credential that deletes, a manifest that asks for deletion is told so at once.
#[tokio::test]
async fn what_nobody_could_delete_is_said_before_it_is_made() {
    let scene = Scene::new(&[]).await;
    let Scene { operator, cluster, .. } = &scene;
    let mut manifests = scene.served.example("rockit");
    manifests[0]["spec"]["rockit"].as_object_mut().unwrap().remove("backendTokenSecretRef");
    for manifest in &manifests {
        cluster.apply_one(manifest).await;
    }
    let refused = operator.wait_reason(cluster, "Organization", "example-org", "Unsupported").await;
    assert!(condition(&refused, "Ready")["message"].as_str().unwrap().contains("OrganizationDelete"), "{refused:#}");
    assert!(!scene.has("ExampleOrg").await);
}

#[tokio::test]
async fn maintenance_is_the_platforms_and_a_new_credential_is_picked_up() {
    let mut scene = Scene::settled(&[]).await;
    scene.served.restart(&["--quirk=rockit-maintenance"], &[]).await;
    scene.operator.wait_reason(&scene.cluster, "Platform", "edge", "PlatformUnavailable").await;
    let during = scene.cluster.get("Organization", "example-org").await.unwrap();
    assert_eq!(condition(&during, "Ready")["status"], "True", "{during:#}");
    // It is left alone, as it asked: everything is looked at again each second.
    let name = "org-operator.dev/reconcile-requested-at";
    for (kind, object) in [("Organization", "example-org"), ("Platform", "edge")] {
        scene.cluster.annotate(kind, object, name, json!("0")).await;
    }
    let asked = eventually("what was under way is done", PATIENCE, async || {
        let handled = scene.cluster.get("Platform", "edge").await.unwrap()["status"]["lastHandledReconcileAt"].clone();
        if handled == "0" { Ok(scene.served.log().lines().count()) } else { Err(handled.to_string()) }
    });
    let asked = asked.await.unwrap();
    tokio::time::sleep(WATCHED).await;
    assert_eq!(scene.served.log().lines().count(), asked, "{}", scene.served.log());
    let other = STANDARD.encode("another key that signs the admin tokens of this gateway");
    scene.served.restart(&[], &[("ORG_OPERATOR_ROCKIT_ADMIN_SECRET", &other)]).await;
    // It asked for 15 minutes: who knows that it is back sooner says so.
    scene.cluster.annotate("Platform", "edge", name, json!("1")).await;
    scene.operator.wait_reason(&scene.cluster, "Platform", "edge", "CredentialRejected").await;
    scene.give_secret(&other).await;
    scene.operator.wait_ready(&scene.cluster, "Platform", "edge").await;
    let after = scene.cluster.get("Organization", "example-org").await.unwrap();
    assert_eq!(condition(&after, "Ready"), condition(&during, "Ready"));
    assert!(!scene.operator.log().contains(&other), "the secret is logged");
}
