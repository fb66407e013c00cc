//! Rockfish's admin API and public API.

mod additions;
mod excerpt;
mod public;
mod refused;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use org_operator::embedded::dialect::{Quirk, rockfish};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::served::{Answer, Data, Listener};

const INVITE: &str = "aefah2Ef";

/// Both listeners of one directory.
struct Rockfish {
    data: Data,
    admin: Listener,
    public: Listener,
}

impl Rockfish {
    async fn new(quirks: &[Quirk]) -> Self {
        let data = Data::new().await;
        let admin = Listener::new(rockfish::admin_router(data.serving(0, INVITE, quirks))).await;
        let public = Listener::new(rockfish::public_router(data.serving(0, INVITE, quirks))).await;
        Self { data, admin, public }
    }

    /// The id of a new organisation.
    async fn organization(&self, name: &str) -> String {
        self.admin.post("/organization", json!({"name": name})).await.member("id")
    }

    /// The id and the initial token of a new user.
    async fn user(&self, email: &str) -> (String, String) {
        let made = self.admin.post("/user", json!({"email": email})).await;
        (made.member("id"), made.member("token"))
    }

    async fn join(&self, organization: &str, user: &str, roles: Value) {
        let path = format!("/organization/{organization}/user/{user}");
        let joined = self.admin.put(&path, json!({"roles": roles})).await;
        assert_eq!(joined.status, StatusCode::NO_CONTENT, "{}", joined.text);
    }

    /// A call of the public API with that token.
    async fn call(&self, token: &str, method: Method, path: &str, body: Option<Value>) -> Answer {
        self.call_in(token, None, method, path, body).await
    }

    /// As `call`, with `X-Organization-ID`.
    async fn call_in(
        &self,
        token: &str,
        organization: Option<&str>,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Answer {
        let bearer = format!("Bearer {token}");
        let mut headers = vec![("authorization", &*bearer)];
        headers.extend(organization.map(|id| ("x-organization-id", id)));
        self.public.send(method, path, &headers, body.map(|body| body.to_string()).as_deref()).await
    }

    async fn read(&self, token: &str, path: &str) -> Answer {
        self.call(token, Method::GET, path, None).await
    }
}

fn is_id(id: &str) -> bool {
    matches!(id.len(), 21 | 22) && id.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// A part of a JWT, read without its key.
fn part(token: &str, number: usize) -> Value {
    let part = token.split('.').nth(number).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}
