//! ROCKIT Edge's admin API and backend API.

mod excerpts;
mod parameters;
mod quirks;
mod rights;
mod sessions;
mod users;

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use org_operator::domain::key::{KeyEncoding, KeySize};
use org_operator::embedded::Invitation;
use org_operator::embedded::dialect::Quirk;
use org_operator::embedded::dialect::rockit::{self, Operator};
use org_operator::keys;
use reqwest::{Method, StatusCode};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

use crate::served::{Answer, Data, Listener};

const ADMIN_KEY: &[u8] = b"the key that admin tokens are signed with";
const PASSPHRASE: &str = "examplePrivateKeyPassword";
const OPERATOR_SECRET: &str = "the operator's own secret";

/// Made once, because it takes a while: the base64 of an encrypted private key's PEM file.
static PRIVATE_KEY: LazyLock<String> = LazyLock::new(|| {
    let key = keys::generate(KeySize::Rsa2048).unwrap();
    let pair = keys::encode(&key, KeyEncoding::Pkcs1, &SecretString::from(PASSPHRASE)).unwrap();
    STANDARD.encode(pair.value.private_pem.expose_secret())
});

fn admin_token(payload: &Value) -> String {
    jsonwebtoken::encode(&Header::new(Algorithm::HS256), payload, &EncodingKey::from_secret(ADMIN_KEY)).unwrap()
}

/// A body of the page "Create Organization".
fn new_organization(name: &str) -> Value {
    json!({
        "name": name,
        "label": "Example Organization",
        "username": "adminUser",
        "email": "admin@example.org",
        "firstname": "John",
        "surname": "Doe",
        "dxorglnk": "dxorglnk.ExampleOrg.jAhjafhdsaAS",
        "orgPrivPemB64": *PRIVATE_KEY,
        "orgPrivPW": PASSPHRASE,
    })
}

struct Rockit {
    data: Data,
    listener: Listener,
}

/// A credential of the backend API as it is sent.
#[derive(Clone)]
enum Credential {
    Token(String),
    Machine { organization: String, username: String, key: String },
}

impl Rockit {
    async fn new(quirks: &[Quirk]) -> Self {
        let data = Data::new().await;
        let listener = listen(&data, 0, quirks).await;
        Self { data, listener }
    }

    async fn create(&self, body: &Value) -> Answer {
        let token = admin_token(&json!({"username": "root"}));
        let headers = [("x-rockit-admin-token", &*token)];
        self.listener.send(Method::POST, "/adm/v1/orgs", &headers, Some(&body.to_string())).await
    }

    /// A new organisation's administrator, enabled and logged in.
    async fn administrator(&self, organization: &str) -> Credential {
        let created = self.create(&new_organization(organization)).await;
        assert_eq!(created.status, StatusCode::OK, "{}", created.text);
        self.open(&self.invitation(organization, "adminUser").await).await;
        self.log_in(organization, "adminUser", &created.member("adminPW")).await
    }

    async fn invitation(&self, organization: &str, username: &str) -> Invitation {
        let all = self.data.directory.invitations().await.unwrap();
        let mut found = all.into_iter().filter(|one| one.organization == organization && one.username == username);
        found.next().unwrap_or_else(|| panic!("{username} is not invited to {organization}"))
    }

    async fn open(&self, invitation: &Invitation) -> Answer {
        self.listener.send(Method::POST, invitation.path().expose_secret(), &[], None).await
    }

    async fn session(&self, organization: &str, username: &str, password: &str) -> Answer {
        let body = json!({"orgname": organization, "username": username, "password": password});
        self.listener.post("/be/v1/login", body).await
    }

    async fn auth(&self, session: &str) -> Answer {
        let headers = [("x-rockit-besession-token", session)];
        self.listener.send(Method::POST, "/be/v1/auth", &headers, Some("{}")).await
    }

    async fn log_in(&self, organization: &str, username: &str, password: &str) -> Credential {
        let session = self.session(organization, username, password).await.member("sessionToken");
        Credential::Token(self.auth(&session).await.member("authToken"))
    }

    /// A machine account with these roles.
    async fn machine(&self, by: &Credential, organization: &str, username: &str, roles: Value) -> Credential {
        let body = json!({"username": username, "label": "a machine", "roles": roles});
        let created = self.call(by, Method::POST, "/be/v1/users", Some(body)).await;
        assert_eq!(created.status, StatusCode::OK, "{}", created.text);
        Credential::Machine {
            organization: organization.to_owned(),
            username: username.to_owned(),
            key: created.member("apiKey"),
        }
    }

    async fn role(&self, by: &Credential, name: &str, permissions: i64) {
        let body = json!({"name": name, "permissions": permissions});
        let created = self.call(by, Method::POST, "/be/v1/roles", Some(body)).await;
        assert_eq!(created.status, StatusCode::OK, "{}", created.text);
    }

    async fn call(&self, by: &Credential, method: Method, path: &str, body: Option<Value>) -> Answer {
        call(&self.listener, by, method, path, body).await
    }

    async fn read(&self, by: &Credential, path: &str) -> Answer {
        self.call(by, Method::GET, path, None).await
    }
}

async fn listen(data: &Data, seconds: i64, quirks: &[Quirk]) -> Listener {
    let operator = Operator {
        organization: "platform".to_owned(),
        username: "operator".to_owned(),
        secret: OPERATOR_SECRET.into(),
    };
    let serving = data.serving(seconds, &STANDARD.encode(ADMIN_KEY), quirks);
    Listener::new(rockit::router(serving, Some(operator))).await
}

async fn call(listener: &Listener, by: &Credential, method: Method, path: &str, body: Option<Value>) -> Answer {
    let headers = match by {
        Credential::Token(token) => vec![("x-rockit-beauth-token", &**token)],
        Credential::Machine { organization, username, key } => vec![
            ("x-rockit-orgname", &**organization),
            ("x-rockit-username", &**username),
            ("x-rockit-api-key", &**key),
        ],
    };
    listener.send(method, path, &headers, body.map(|body| body.to_string()).as_deref()).await
}

fn operator_account() -> Credential {
    Credential::Machine {
        organization: "platform".to_owned(),
        username: "operator".to_owned(),
        key: OPERATOR_SECRET.to_owned(),
    }
}

fn operator_token() -> Credential {
    Credential::Token(OPERATOR_SECRET.to_owned())
}

/// Refused with that status and word, in the style of the known maintenance reply.
#[track_caller]
fn is_refused(answer: &Answer, status: StatusCode, error: &str) {
    assert_eq!(answer.status, status, "{}", answer.text);
    let body = answer.json();
    assert_eq!((&body["status"], &body["error"]), (&json!("failed"), &json!(error)), "{body}");
    assert!(body["message"].is_string(), "{body}");
}

#[track_caller]
fn is_unauthorized(answer: &Answer) {
    is_refused(answer, StatusCode::UNAUTHORIZED, "unauthorized");
}

/// Refused because of that parameter.
#[track_caller]
fn is_invalid(answer: &Answer, parameter: &str) {
    is_refused(answer, StatusCode::BAD_REQUEST, "invalid-param");
    assert_eq!(answer.json()["param"], json!(parameter), "{}", answer.text);
}

/// 200 with exactly these members beside `status`.
#[track_caller]
#[allow(clippy::needless_pass_by_value, reason = "every caller writes it there")]
fn is_success(answer: &Answer, expected: Value) {
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let mut body = answer.json();
    let members = body.as_object_mut().unwrap();
    assert_eq!(members.remove("status"), Some(json!("success")), "{}", answer.text);
    assert_eq!(body, expected);
}

/// Bytes as a part of a JWT.
fn part(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}
