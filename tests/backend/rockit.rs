//! What a test needs of ROCKIT's dialect: organisations whose administrator is invited.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use org_operator::domain::key::{KeyEncoding, KeySize};
use org_operator::keys;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

use crate::process::{Backend, client};

pub(crate) const PASSPHRASE: &str = "examplePrivateKeyPassword";
pub(crate) const LINK: &str = "dxorglnk.ExampleOrg.jAhjafhdsaAS";

/// Made once, because it takes a while: the base64 of an encrypted private key's PEM file.
pub(crate) static PRIVATE_KEY: LazyLock<String> = LazyLock::new(|| {
    let key = keys::generate(KeySize::Rsa2048).unwrap();
    let pair = keys::encode(&key, KeyEncoding::Pkcs1, &SecretString::from(PASSPHRASE)).unwrap();
    STANDARD.encode(pair.value.private_pem.expose_secret())
});

/// An administrator's token, made from the admin secret as a client makes it.
pub(crate) fn admin_token(backend: &Backend) -> String {
    let key = STANDARD.decode(backend.kept("rockit/admin-secret")).unwrap();
    let payload = json!({ "username": "root" });
    jsonwebtoken::encode(&Header::new(Algorithm::HS256), &payload, &EncodingKey::from_secret(&key)).unwrap()
}

/// Creates an organisation whose administrator has that address: the administrator's password, where it is told.
pub(crate) async fn create(backend: &Backend, name: &str, email: &str) -> Option<String> {
    let body = json!({
        "name": name, "label": "Example Organization", "username": "adminUser", "email": email, "firstname": "John",
        "surname": "Doe", "dxorglnk": LINK, "orgPrivPemB64": *PRIVATE_KEY, "orgPrivPW": PASSPHRASE,
    });
    let url = format!("{}/adm/v1/orgs", backend.url("rockit"));
    let asked = client().post(url).header("x-rockit-admin-token", admin_token(backend)).json(&body);
    let answer = asked.send().await.unwrap();
    let status = answer.status();
    let body: Value = answer.json().await.unwrap();
    assert_eq!(status, 200, "{body}");
    body["adminPW"].as_str().map(str::to_owned)
}

/// Whether the administrator can log in.
pub(crate) async fn logs_in(backend: &Backend, organization: &str, password: &str) -> bool {
    let body = json!({ "organization": organization, "username": "adminUser", "password": password });
    let url = format!("{}/rockit/login", backend.url("own"));
    client().post(url).json(&body).send().await.unwrap().status() == 200
}

/// Opens a link, as the button of its page does.
pub(crate) async fn open(link: &str) -> u16 {
    client().post(link).send().await.unwrap().status().as_u16()
}
