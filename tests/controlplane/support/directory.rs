//! The embedded backend as those see it who hold its credentials.

use std::sync::OnceLock;

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::Operator;

/// A client of no runtime's: it keeps no connection.
pub(crate) fn http() -> &'static reqwest::Client {
    static CLIENT: OnceLock<reqwest::Client> = OnceLock::new();
    CLIENT.get_or_init(|| reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0).build().unwrap())
}

impl Operator {
    /// What the directory says of `token` to the holder of `caller`; `None` if it does not know the caller.
    pub(crate) async fn introspect(&self, caller: &str, token: &str) -> Option<Value> {
        let request = http().post(self.url() + "/oauth2/introspect").bearer_auth(caller).form(&[("token", token)]);
        let answer = request.send().await.unwrap();
        if answer.status() == StatusCode::UNAUTHORIZED {
            return None;
        }
        assert_eq!(answer.status(), StatusCode::OK);
        Some(answer.json().await.unwrap())
    }

    /// Whether a token works: its holder may ask about it, and is told that it is active.
    pub(crate) async fn is_active(&self, token: &str) -> bool {
        self.introspect(token, token).await.is_some_and(|answer| answer["active"] == true)
    }

    /// Its metrics, as Prometheus reads them.
    pub(crate) async fn metrics(&self) -> String {
        http().get(self.url() + "/metrics").send().await.unwrap().error_for_status().unwrap().text().await.unwrap()
    }

    /// Logs in; what the directory says of the user, `None` where it refuses.
    pub(crate) async fn login(&self, organization: &str, username: &str, password: &str) -> Option<Value> {
        let login = json!({ "organization": organization, "username": username, "password": password });
        let answer = http().post(self.url() + "/login").json(&login).send().await.unwrap();
        if answer.status() == StatusCode::UNAUTHORIZED {
            return None;
        }
        assert_eq!(answer.status(), StatusCode::OK);
        Some(answer.json().await.unwrap())
    }
}
