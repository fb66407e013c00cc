//! The client against our own server of the dialect, which has real state.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use jiff::Timestamp;
use tempfile::TempDir;

use super::*;
use crate::domain::key::{KeyEncoding, KeySize};
use crate::embedded::UserParticulars;
use crate::embedded::dialect::rockit::{self as dialect, Operator, ROCKIT};
use crate::embedded::dialect::{Quirk, Serving};
use crate::keys;
use crate::platform::in_memory::{origin, serving};

/// Made once, because it takes a while.
static PRIVATE_PEM: LazyLock<SecretString> = LazyLock::new(|| {
    let key = keys::generate(KeySize::Rsa2048).unwrap();
    let passphrase = "examplePrivateKeyPassword".into();
    keys::encode(&key, KeyEncoding::Pkcs1, &passphrase).unwrap().value.private_pem
});

fn clock() -> Clock {
    Clock::stopped(Timestamp::from_second(1_800_000_000).unwrap())
}

/// A server, its platform, and the place of its files.
struct Server {
    serving: Serving,
    platform: Rockit,
    _files: TempDir,
}

async fn server(quirks: &[Quirk]) -> Server {
    let (serving, files) = serving(ADMIN_KEY, quirks, clock()).await;
    let operator =
        Operator { organization: "edge".to_owned(), username: "pruner".to_owned(), secret: "backend-token".into() };
    let router = dialect::router(serving.clone(), Some(operator));
    let admin = AdminCredential::Key { secret: ADMIN_KEY.into(), name: "org-operator".to_owned() };
    let origin = origin("https://rockit.example", router, &clock());
    let platform = Rockit::new(origin, admin, Some(backend()), "apiKey".to_owned());
    Server { serving, platform, _files: files }
}

fn with_key() -> NewOrganization {
    let mut new = new_organization();
    new.key_pair.as_mut().unwrap().private_pem = PRIVATE_PEM.clone();
    new
}

impl Server {
    /// The page's organisation with a machine account in it, and the platform for that.
    async fn acting(&self) -> Arc<dyn AdminApi> {
        Backend::<Organization>::create(&self.platform, with_key()).await.unwrap();
        let directory = &self.serving.directory;
        let organization = directory.organizations_by_name("ExampleOrg").await.unwrap().remove(0).id;
        let machine = NewUser {
            username: "operator".to_owned(),
            organization_id: organization,
            roles: Some(vec!["Administrators".to_owned()]),
            ..new_user(UserType::Machine)
        };
        let particulars = UserParticulars { access_key: true, ..UserParticulars::default() };
        let (_, key) = directory.create_user_with(&ROCKIT, machine, particulars, clock().now()).await.unwrap();
        self.platform.acting_as(&Account { key: key.unwrap(), ..account() }).unwrap()
    }
}

fn administrators(new: NewUser) -> NewUser {
    NewUser { roles: Some(vec!["Administrators".to_owned()]), ..new }
}

#[tokio::test]
async fn an_organisation_is_made_once_and_pruned() {
    let server = server(&[]).await;
    let made = Backend::<Organization>::create(&server.platform, with_key()).await.unwrap();
    let password = made.one_time.unwrap();
    assert_eq!(made.record.id, "ExampleOrg");
    let again = Backend::<Organization>::create(&server.platform, with_key()).await.unwrap_err();
    assert_eq!(again.kind, FaultKind::AlreadyExists);
    let invitation = server.serving.directory.invitations().await.unwrap();
    assert_eq!(invitation.len(), 1, "the administrator is invited");
    assert!(!password.expose_secret().is_empty());

    for _ in 0..2 {
        Backend::<Organization>::delete(&server.platform, &(), "ExampleOrg").await.unwrap();
    }
    Backend::<Organization>::create(&server.platform, with_key()).await.unwrap();
}

#[tokio::test]
async fn what_the_server_refuses_is_named() {
    let server = server(&[]).await;
    let unnamed = || {
        let mut new = with_key();
        new.admin.as_mut().unwrap().last_name = None;
        new
    };
    let wrong = || {
        let mut new = with_key();
        new.key_pair.as_mut().unwrap().passphrase = Some("wrong".into());
        new
    };
    let cases = [
        (unnamed(), "surname"),
        (NewOrganization { link: None, ..with_key() }, "dxorglnk"),
        (wrong(), "orgPrivPW"),
        (new_organization(), "orgPrivPemB64"),
    ];
    for (new, parameter) in cases {
        let error = Backend::<Organization>::create(&server.platform, new).await.unwrap_err();
        assert_eq!(error.kind, FaultKind::Invalid);
        assert!(error.message.contains(parameter), "{error}");
    }
}

#[tokio::test]
async fn an_account_manages_the_users_of_its_organisation() {
    let server = server(&[]).await;
    let acts = server.acting().await;
    let acts = acts.as_ref();
    let found = find_organization(acts, by_name("ExampleOrg")).await.unwrap();
    assert_eq!(found, [OrganizationRecord::unseen("ExampleOrg", "ExampleOrg")]);
    let admin = find_user(acts, by_name("adminUser")).await.unwrap();
    assert_eq!(admin[0].email.as_deref(), Some("admin@example.org"), "what proves that our creation was answered");

    assert_eq!(find_user(acts, by_name("jane")).await.unwrap(), []);
    let jane = || NewUser { last_name: Some("Doe".to_owned()), ..administrators(new_user(UserType::Person)) };
    let made = Backend::<User>::create(acts, jane()).await.unwrap();
    assert!(made.one_time.is_none());
    let again = Backend::<User>::create(acts, jane()).await.unwrap_err();
    assert_eq!(again.kind, FaultKind::AlreadyExists);
    for lookup in [by_id("jane"), by_name("jane")] {
        assert_eq!(find_user(acts, lookup).await.unwrap(), std::slice::from_ref(&made.record));
    }

    let change = UserChange { last_name: Some("Roe".to_owned()), ..roles(&[]) };
    Backend::<User>::update(acts, &scope(), "jane", &change).await.unwrap();
    let changed = find_user(acts, by_id("jane")).await.unwrap().remove(0);
    assert_eq!((changed.last_name.as_deref(), changed.roles.as_deref()), (Some("Roe"), Some(&[][..])));
    assert_eq!(changed.email, made.record.email, "what the change leaves out stays");
    let gone = Backend::<User>::update(acts, &scope(), "nobody", &change).await.unwrap_err();
    assert_eq!(gone.kind, FaultKind::NotFound);

    for _ in 0..2 {
        Backend::<User>::delete(acts, &scope(), "jane").await.unwrap();
    }
    assert_eq!(find_user(acts, by_id("jane")).await.unwrap(), []);
}

#[tokio::test]
async fn a_machines_key_logs_in_until_it_is_reset() {
    let server = server(&[]).await;
    let acts = server.acting().await;
    let made = Backend::<User>::create(acts.as_ref(), administrators(new_user(UserType::Machine))).await.unwrap();
    let key = made.one_time.unwrap();
    let shown = find_user(acts.as_ref(), by_id("ci_bot")).await.unwrap().remove(0);
    assert_eq!(shown.user_type, UserType::Machine);
    assert_eq!(acts.authenticates(&of(), &key).await.unwrap(), Some(key_id(&key)));
    let refused = async |key: &SecretString| acts.authenticates(&of(), key).await.unwrap_err().kind;
    assert_eq!(refused(&"wrong".into()).await, FaultKind::Unsupported);
    Backend::<Token>::delete(acts.as_ref(), &of(), &key_id(&key)).await.unwrap();
    assert_eq!(refused(&key).await, FaultKind::Unsupported);
    Backend::<User>::delete(acts.as_ref(), &scope(), "ci_bot").await.unwrap();
    let gone = Backend::<Token>::delete(acts.as_ref(), &of(), &key_id(&key)).await;
    gone.unwrap();
}

#[tokio::test]
async fn all_users_are_listed_over_the_servers_parts() {
    let server = server(&[]).await;
    let acts = server.acting().await;
    for n in 0..120 {
        let new = NewUser { username: format!("bot_{n}"), ..administrators(new_user(UserType::Machine)) };
        Backend::<User>::create(acts.as_ref(), new).await.unwrap();
    }
    let (mut names, mut from) = (BTreeSet::new(), None);
    loop {
        let page = Backend::<User>::list(acts.as_ref(), &scope(), from.as_deref()).await.unwrap();
        names.extend(page.records.into_iter().map(|user| user.username));
        match page.next {
            Some(next) => from = Some(next),
            None => break,
        }
    }
    assert_eq!(names.len(), 122, "with the administrator and the account");
}

#[tokio::test]
async fn each_credential_is_tried_and_a_wrong_one_is_said() {
    let server = server(&[]).await;
    // The server's operator account may prune and nothing else.
    assert!(server.platform.probe().await.unwrap().contains("not proved"));
    let alone = Rockit { backend: None, ..server.platform.clone() };
    assert!(alone.probe().await.unwrap().contains("POST /adm/v1/ping"));
    let wrong = AdminCredential::Key { secret: "d3Jvbmc=".into(), name: "org-operator".to_owned() };
    let platform = Rockit { admin: wrong, ..alone.clone() };
    assert_eq!(platform.probe().await.unwrap_err().kind, FaultKind::Unauthenticated);
    let error = Backend::<Organization>::create(&platform, with_key()).await.unwrap_err();
    assert_eq!(error.kind, FaultKind::Unauthenticated);
}

#[tokio::test]
async fn a_server_that_leaves_the_password_out_or_is_in_maintenance_is_understood() {
    let silent = server(&[Quirk::RockitWithoutAdminPassword]).await;
    let made = Backend::<Organization>::create(&silent.platform, with_key()).await.unwrap();
    assert!(made.one_time.is_none());

    let down = server(&[Quirk::RockitMaintenance]).await;
    let error = down.platform.probe().await.unwrap_err();
    assert_eq!(error.kind, FaultKind::Unavailable(Some(Duration::from_mins(15))));
    assert!(error.message.contains("under maintenance"), "{error}");
}
