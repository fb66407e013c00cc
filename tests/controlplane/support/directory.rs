//! The embedded backend as those see it who hold its credentials.

use std::sync::OnceLock;

use jiff::Timestamp;
use org_operator::domain::entity::OfUser;
use org_operator::embedded::Directory;
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

/// All that is in the directory of an operator that does not run.
#[derive(Debug)]
pub(crate) struct Contents {
    /// By id.
    pub(crate) organizations: Vec<Organization>,
}

/// An organisation.
#[derive(Debug)]
pub(crate) struct Organization {
    /// Its id.
    pub(crate) id: String,
    /// Its name.
    pub(crate) name: String,
    /// Its owner mark.
    pub(crate) owner: Option<String>,
    /// By username.
    pub(crate) users: Vec<User>,
}

/// A member.
#[derive(Debug)]
pub(crate) struct User {
    /// Its login name.
    pub(crate) username: String,
    /// Its owner mark.
    pub(crate) owner: Option<String>,
    /// The ids of its live tokens.
    pub(crate) tokens: Vec<String>,
}

impl Contents {
    /// Reads it. There are less than a thousand of anything.
    pub(crate) async fn read(operator: &Operator) -> Self {
        let directory = Directory::open(&operator.data_dir()).await.unwrap();
        let mut organizations = Vec::new();
        for organization in directory.organizations(None, 1000).await.unwrap() {
            let mut users = Vec::new();
            for user in directory.users(&organization.id, None, 1000).await.unwrap() {
                let of = OfUser { organization_id: organization.id.clone(), user_id: user.id };
                let tokens = directory.tokens(&of, Timestamp::now()).await.unwrap();
                let tokens = tokens.into_iter().map(|token| token.id).collect();
                users.push(User { username: user.username, owner: user.owner, tokens });
            }
            users.sort_by(|left, right| left.username.cmp(&right.username));
            let (id, name, owner) = (organization.id, organization.name, organization.owner);
            organizations.push(Organization { id, name, owner, users });
        }
        directory.close().await;
        Self { organizations }
    }

    /// The one organisation of that name.
    pub(crate) fn organization(&self, name: &str) -> &Organization {
        let found: Vec<_> = self.organizations.iter().filter(|organization| organization.name == name).collect();
        let [organization] = found.as_slice() else { panic!("{} are named {name}: {found:#?}", found.len()) };
        organization
    }
}
