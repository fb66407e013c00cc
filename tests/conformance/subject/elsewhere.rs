//! What another client does, which knows nothing of owner marks; and what is really there.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use org_operator::domain::entity::{NewOrganization, OrganizationChange, UserRecord};
use org_operator::embedded::OPERATOR;
use reqwest::{Client, Method, StatusCode};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, SqliteConnection};

use super::made::{Org, PASSPHRASE, key_pair};
use super::{Platform, ROCKIT_KEY, Subject, TYK_SECRET};

impl Subject {
    /// Sends that to the admin API with the platform's admin credential.
    pub(crate) async fn send(&self, method: Method, path: &str, body: Value) -> (StatusCode, Value) {
        let address = &self.admin.as_ref().unwrap().address;
        let token = json!({ "username": "another" });
        let key = EncodingKey::from_secret(ROCKIT_KEY.as_bytes());
        let token = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &token, &key).unwrap();
        let client = Client::builder().no_proxy().build().unwrap();
        let request = client
            .request(method, format!("{address}{path}"))
            .header("admin-auth", TYK_SECRET)
            .header("x-rockit-admin-token", token)
            .header("content-type", "application/json")
            .body(if body.is_null() { String::new() } else { body.to_string() });
        let response = request.send().await.unwrap();
        let status = response.status();
        (status, serde_json::from_slice(&response.bytes().await.unwrap()).unwrap_or_default())
    }

    /// Has another client make an organisation; the answer's status, where it is over HTTP.
    pub(crate) async fn try_elsewhere(&self, name: &str) -> Result<String, StatusCode> {
        let (path, body) = match self.variant.platform {
            Platform::Embedded => {
                let new = NewOrganization { idempotency_key: String::new(), ..self.new_organization(name) };
                let made = self.directory.create_organization(&OPERATOR, new, self.time.clock().now()).await;
                let id = made.map_err(|_| StatusCode::BAD_REQUEST)?.id;
                let unmarked = OrganizationChange { owner: Some(None), ..OrganizationChange::default() };
                self.directory.update_organization(&id, unmarked).await.unwrap();
                return Ok(id);
            }
            Platform::Tyk => (
                "/admin/organisations",
                json!({
                    "owner_name": name,
                    "apis": [{"api_human_name": "Theirs", "api_id": "39d2c98be05c424371c600bd8b3e2242"}],
                    "event_options": {"quota": {"email": "ops@example.org", "webhook": "", "redis": true}},
                    "org_options_meta": {"theirs": {"deep": [1, 2.50, null]}},
                    "developer_quota": 7,
                }),
            ),
            Platform::Rockfish => ("/organization", json!({ "name": name })),
            Platform::Rockit => (
                "/adm/v1/orgs",
                json!({
                    "name": name,
                    "label": "Theirs",
                    "username": "adminUser",
                    "email": "admin@example.org",
                    "firstname": "John",
                    "surname": "Doe",
                    "dxorglnk": "dxorglnk.ExampleOrg.jAhjafhdsaAS",
                    "orgPrivPemB64": STANDARD.encode(key_pair().private_pem.expose_secret()),
                    "orgPrivPW": PASSPHRASE,
                }),
            ),
        };
        let (status, reply) = self.send(Method::POST, path, body).await;
        if !status.is_success() {
            return Err(status);
        }
        let id = reply.get("Meta").or_else(|| reply.get("id")).and_then(Value::as_str).unwrap_or(name);
        Ok(id.to_owned())
    }

    /// Has another client make an organisation, and waits until it is shown.
    pub(crate) async fn elsewhere(&self, name: &str) -> String {
        let id = self.try_elsewhere(name).await.unwrap();
        self.resync();
        id
    }

    /// How many organisations of that name there really are.
    pub(crate) async fn organizations_called(&self, name: &str) -> usize {
        self.directory.organizations_by_name(name).await.unwrap().len()
    }

    /// The users of that name who are really there: in the organisation, or anywhere where users are global.
    pub(crate) async fn users_called(&self, org: &Org, word: &str) -> Vec<String> {
        let username = self.username(word);
        if self.variant.platform == Platform::Rockfish {
            let all = self.directory.accounts(Timestamp::MAX).await.unwrap();
            return all.into_iter().filter(|user| user.email == username).map(|user| user.id).collect();
        }
        let found = self.directory.users_by_name(&org.directory_id, &username).await.unwrap();
        found.into_iter().map(|user| user.id).collect()
    }

    /// The members of that name as the directory has them.
    pub(crate) async fn members_called(&self, org: &Org, word: &str) -> Vec<UserRecord> {
        self.directory.users_by_name(&org.directory_id, &self.username(word)).await.unwrap()
    }

    /// How many members of that name there are, where the directory shows what they are called there.
    pub(crate) async fn count_members(&self, org: &Org, word: &str) -> usize {
        self.members_called(org, word).await.len()
    }

    /// A connection of the test's own to the directory's database.
    pub(crate) async fn database(&self) -> SqliteConnection {
        let file = self.files.path().join("data").join("directory.sqlite");
        SqliteConnectOptions::new().filename(file).foreign_keys(true).connect().await.unwrap()
    }

    /// Every table of the directory's with its number of rows.
    pub(crate) async fn rows(&self) -> BTreeMap<String, i64> {
        let mut database = self.database().await;
        let tables = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'";
        let tables: Vec<String> = sqlx::query_scalar(tables).fetch_all(&mut database).await.unwrap();
        let mut rows = BTreeMap::new();
        for table in tables {
            let count = AssertSqlSafe(format!("SELECT count(*) FROM {table}"));
            rows.insert(table, sqlx::query_scalar(count).fetch_one(&mut database).await.unwrap());
        }
        database.close().await.unwrap();
        rows
    }
}
