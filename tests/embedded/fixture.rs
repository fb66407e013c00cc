//! A directory on a temporary data directory, and short ways to fill it.

use std::path::PathBuf;

use jiff::Timestamp;
use org_operator::domain::entity::{
    NewAdmin, NewOrganization, NewToken, NewUser, OfUser, OrganizationRecord, TykSettings, UserRecord, UserType,
};
use org_operator::embedded::{Directory, OPERATOR, Role, Rules, Scope};
use secrecy::SecretString;
use sqlx::sqlite::{Sqlite, SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection as _};
use tempfile::TempDir;

/// A dialect in which any name may be given twice, with roles of its own.
pub(crate) static SHARED_NAMES: Rules = Rules {
    issuer: "elsewhere",
    new_id: OPERATOR.new_id,
    check_name: |_| Ok(()),
    unique_organization_names: false,
    unique_usernames: Scope::Nowhere,
    roles: &[Role { name: "Admin", rights: org_operator::embedded::Rights::ALL }],
    administrator_roles: &["Admin"],
    default_roles: &[],
    default_project: "Default Project",
    invites: false,
};

/// A dialect with one user name space for the whole directory.
pub(crate) static ONE_NAME_SPACE: Rules = Rules { unique_usernames: Scope::Directory, ..SHARED_NAMES };

/// The operator's dialect, but that people are invited.
pub(crate) static INVITING: Rules = Rules {
    issuer: OPERATOR.issuer,
    new_id: OPERATOR.new_id,
    check_name: OPERATOR.check_name,
    unique_organization_names: true,
    unique_usernames: Scope::Organization,
    roles: OPERATOR.roles,
    administrator_roles: OPERATOR.administrator_roles,
    default_roles: OPERATOR.default_roles,
    default_project: OPERATOR.default_project,
    invites: true,
};

pub(crate) struct Fixture {
    pub(crate) directory: Directory,
    pub(crate) data: TempDir,
}

impl Fixture {
    pub(crate) async fn new() -> Self {
        let data = tempfile::tempdir().unwrap();
        let directory = Directory::open(&data.path().join("data")).await.unwrap();
        Self { directory, data }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.data.path().join("data")
    }

    pub(crate) async fn reopen(self) -> Self {
        self.directory.close().await;
        let directory = Directory::open(&self.path()).await.unwrap();
        Self { directory, data: self.data }
    }

    /// A connection of the test's own, beside the directory's. To be closed, because one that is only dropped goes on
    /// for a while and may remove files after the directory has closed.
    async fn database(&self) -> SqliteConnection {
        SqliteConnectOptions::new()
            .filename(self.path().join("directory.sqlite"))
            .foreign_keys(true)
            .connect()
            .await
            .unwrap()
    }

    pub(crate) async fn execute(&self, sql: &str) {
        let mut database = self.database().await;
        let done = sqlx::query(AssertSqlSafe(sql)).execute(&mut database).await.unwrap();
        database.close().await.unwrap();
        assert!(done.rows_affected() > 0, "{sql}: changed nothing");
    }

    /// The one value that a query answers.
    pub(crate) async fn value<T>(&self, sql: &'static str) -> T
    where
        T: Send + Unpin + sqlx::Type<Sqlite> + for<'r> sqlx::Decode<'r, Sqlite>,
    {
        let mut database = self.database().await;
        let value = sqlx::query_scalar(sql).fetch_one(&mut database).await.unwrap();
        database.close().await.unwrap();
        value
    }

    /// Every table of the directory's with its number of rows.
    pub(crate) async fn rows(&self) -> Vec<(String, i64)> {
        let mut database = self.database().await;
        let tables: Vec<String> = sqlx::query_scalar(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY name",
        )
        .fetch_all(&mut database)
        .await
        .unwrap();
        let mut rows = Vec::new();
        for table in tables {
            let count = sqlx::query_scalar(AssertSqlSafe(format!("SELECT count(*) FROM {table}")))
                .fetch_one(&mut database)
                .await
                .unwrap();
            rows.push((table, count));
        }
        database.close().await.unwrap();
        rows
    }

    pub(crate) async fn organization(&self, name: &str) -> OrganizationRecord {
        let new = new_organization(&format!("key of {name}"), name);
        self.directory.create_organization(&OPERATOR, new, at(0)).await.unwrap()
    }

    pub(crate) async fn user(&self, organization: &OrganizationRecord, username: &str) -> UserRecord {
        let new = new_user(&format!("key of {username}"), &organization.id, username);
        self.directory.create_user(&OPERATOR, new, at(0)).await.unwrap()
    }

    /// A token of that user that does not end.
    pub(crate) async fn token(&self, organization: &OrganizationRecord, user: &UserRecord) -> (String, SecretString) {
        let new = new_token("", &of(organization, user));
        let created = self.directory.mint_token(&OPERATOR, new, at(0)).await.unwrap();
        (created.record.id, created.one_time.unwrap())
    }

    pub(crate) async fn logs_in(&self, organization: &str, username: &str, password: &str) -> bool {
        self.directory.login(organization, username, password.into()).await.unwrap().is_some()
    }

    pub(crate) async fn authenticates(&self, token: &SecretString, now: Timestamp) -> bool {
        self.directory.authenticate(token, now).await.unwrap().is_some()
    }
}

/// So many seconds after the beginning of the test.
pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + seconds).unwrap()
}

pub(crate) fn of(organization: &OrganizationRecord, user: &UserRecord) -> OfUser {
    OfUser { organization_id: organization.id.clone(), user_id: user.id.clone() }
}

pub(crate) fn new_organization(key: &str, name: &str) -> NewOrganization {
    NewOrganization {
        idempotency_key: key.to_owned(),
        name: name.to_owned(),
        display_name: None,
        owner: format!("owner of {name}"),
        admin: None,
        key_pair: None,
        link: None,
        tyk: TykSettings::default(),
    }
}

pub(crate) fn new_admin(password: &str) -> NewAdmin {
    NewAdmin {
        username: "admin".to_owned(),
        email: "admin@example.org".to_owned(),
        first_name: Some("Ada".to_owned()),
        last_name: Some("Min".to_owned()),
        password: Some(password.into()),
    }
}

pub(crate) fn new_user(key: &str, organization_id: &str, username: &str) -> NewUser {
    NewUser {
        idempotency_key: key.to_owned(),
        organization_id: organization_id.to_owned(),
        user_type: UserType::Machine,
        username: username.to_owned(),
        email: None,
        first_name: None,
        last_name: None,
        roles: None,
        permissions: None,
        owner: format!("owner of {username}"),
        password: None,
    }
}

pub(crate) fn new_token(key: &str, of: &OfUser) -> NewToken {
    NewToken {
        idempotency_key: key.to_owned(),
        of: of.clone(),
        owner: "owner of the token".to_owned(),
        expires_at: None,
    }
}
