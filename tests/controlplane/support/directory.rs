//! The embedded backend as those see it who hold its credentials.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use jiff::Timestamp;
use org_operator::domain::entity::OfUser;
use org_operator::embedded::Directory;
use reqwest::StatusCode;
use serde_json::{Value, json};

use super::operator::Process;

/// A client of no runtime's: it keeps no connection.
pub(crate) fn http() -> &'static reqwest::Client {
    static CLIENT: OnceLock<reqwest::Client> = OnceLock::new();
    CLIENT.get_or_init(|| reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0).build().unwrap())
}

impl Process<'_> {
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

    /// The requests to that Platform (`namespace/name`) since the operator was started, by operation.
    pub(crate) async fn platform_requests(&self, platform: &str) -> BTreeMap<String, u64> {
        let mut all = BTreeMap::new();
        for line in self.metrics().await.lines() {
            let Some(rest) = line.strip_prefix("org_operator_platform_requests_total{") else { continue };
            let (labels, count) = rest.rsplit_once("} ").unwrap();
            if labels.split(',').any(|label| label == format!("platform=\"{platform}\"")) {
                let operation = labels.split(',').find_map(|label| label.strip_prefix("operation=\"")).unwrap();
                *all.entry(operation.trim_end_matches('"').to_owned()).or_default() += count.parse::<u64>().unwrap();
            }
        }
        all
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

/// All that is in a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Contents {
    /// By id.
    pub(crate) organizations: Vec<Organization>,
}

/// An organisation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Organization {
    /// Its id.
    pub(crate) id: String,
    /// Its name.
    pub(crate) name: String,
    /// Its name for people.
    pub(crate) display_name: Option<String>,
    /// Its owner mark.
    pub(crate) owner: Option<String>,
    /// By username.
    pub(crate) users: Vec<User>,
}

/// A member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct User {
    /// Its id.
    pub(crate) id: String,
    /// Its login name.
    pub(crate) username: String,
    /// Its e-mail address, first and last name.
    pub(crate) person: [Option<String>; 3],
    /// Its roles, sorted.
    pub(crate) roles: Vec<String>,
    /// Its owner mark.
    pub(crate) owner: Option<String>,
    /// The ids of its live tokens.
    pub(crate) tokens: Vec<String>,
}

impl Contents {
    /// Reads that of an operator that does not run.
    pub(crate) async fn read(operator: &Process<'_>) -> Self {
        let directory = Directory::open(&operator.data_dir()).await.unwrap();
        let contents = Self::of(&directory, Timestamp::now()).await;
        directory.close().await;
        contents
    }

    /// Reads that of an open one. There are less than a thousand of anything.
    pub(crate) async fn of(directory: &Directory, now: Timestamp) -> Self {
        let mut organizations = Vec::new();
        for organization in directory.organizations(None, 1000).await.unwrap() {
            let mut users = Vec::new();
            for user in directory.users(&organization.id, None, 1000).await.unwrap() {
                let of = OfUser { organization_id: organization.id.clone(), user_id: user.id.clone() };
                let tokens = directory.tokens(&of, now).await.unwrap();
                users.push(User {
                    id: user.id,
                    username: user.username,
                    person: [user.email, user.first_name, user.last_name],
                    roles: user.roles.unwrap_or_default(),
                    owner: user.owner,
                    tokens: tokens.into_iter().map(|token| token.id).collect(),
                });
            }
            users.sort_by(|left, right| left.username.cmp(&right.username));
            organizations.push(Organization {
                id: organization.id,
                name: organization.name,
                display_name: organization.display_name,
                owner: organization.owner,
                users,
            });
        }
        Self { organizations }
    }

    /// The same without owner marks.
    pub(crate) fn unmarked(mut self) -> Self {
        for organization in &mut self.organizations {
            organization.owner = None;
            organization.users.iter_mut().for_each(|user| user.owner = None);
        }
        self
    }

    /// The one organisation of that name.
    pub(crate) fn organization(&self, name: &str) -> &Organization {
        let found: Vec<_> = self.organizations.iter().filter(|organization| organization.name == name).collect();
        let [organization] = found.as_slice() else { panic!("{} are named {name}: {found:#?}", found.len()) };
        organization
    }

    /// The ids of all live tokens, sorted.
    pub(crate) fn tokens(&self) -> Vec<String> {
        let users = self.organizations.iter().flat_map(|organization| &organization.users);
        let mut tokens: Vec<String> = users.flat_map(|user| user.tokens.clone()).collect();
        tokens.sort();
        tokens
    }
}

impl Organization {
    /// Its member of that login name.
    pub(crate) fn user(&self, username: &str) -> &User {
        let found = self.users.iter().find(|user| user.username == username);
        found.unwrap_or_else(|| panic!("{} has no {username}: {:#?}", self.name, self.users))
    }
}
