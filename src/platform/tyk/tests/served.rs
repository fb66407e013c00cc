//! The client against the served dialect, over real HTTP.

use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::*;
use crate::domain::entity::{Lookup, OrganizationChange, UserChange};
use crate::domain::fault::FaultKind;
use crate::embedded::Directory;
use crate::embedded::dialect::{Quirk, Serving, tyk};
use crate::platform::AdminApi;
use crate::platform::http::{Trust, service};

/// A client of a dialect that is served on a free port.
struct Served {
    tyk: Tyk,
    kept: Arc<Kept>,
    task: JoinHandle<()>,
    _files: TempDir,
}

impl Drop for Served {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Served {
    async fn new(quirks: &[Quirk], secret: &str) -> Self {
        let files = tempfile::tempdir().unwrap();
        let serving = Serving {
            directory: Directory::open(files.path()).await.unwrap(),
            clock: Clock::system(),
            secret: SECRET.into(),
            quirks: quirks.iter().copied().collect(),
            late: Duration::from_mins(10),
            base: None,
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}/", listener.local_addr().unwrap());
        let task = tokio::spawn(async { axum::serve(listener, tyk::router(serving)).await.unwrap() });
        let limits = Limits { requests_per_second: NonZeroU32::new(10_000).unwrap(), concurrency: 8 };
        let budget = Arc::new(Budget::new(limits));
        let transport = service(&Trust::System, Duration::from_secs(20)).unwrap();
        let origin = Origin::new(&base, transport, budget, Clock::system()).unwrap();
        let kept = Arc::<Kept>::default();
        let keeper: Arc<dyn Keeper> = Arc::<Kept>::clone(&kept);
        let tyk = Tyk::new(origin, secret.into(), keeper, OWNER.to_owned(), Clock::system());
        Self { tyk, kept, task, _files: files }
    }

    fn organizations(&self) -> &dyn Backend<Organization> {
        &self.tyk
    }

    fn users(&self) -> &dyn Backend<User> {
        &self.tyk
    }

    fn tokens(&self) -> &dyn Backend<Token> {
        &self.tyk
    }
}

#[tokio::test]
async fn an_organisation_goes_all_the_way() {
    let served = Served::new(&[], SECRET).await;
    served.tyk.probe().await.unwrap();
    let organizations = served.organizations();
    assert_eq!(organizations.list(&(), None).await.unwrap().records, []);
    let made = organizations.create(organization("Jively")).await.unwrap().record;
    let again = organizations.create(organization("Jively")).await.unwrap().record;
    assert_eq!(made, again, "one with our mark is the one");
    let stranger = NewOrganization { owner: "other/team/x".to_owned(), ..organization("Jively") };
    assert_eq!(organizations.create(stranger).await.unwrap_err().kind, FaultKind::AlreadyExists);
    let lookups = [
        Lookup::Id(made.id.clone()),
        Lookup::Name("Jively".to_owned()),
        Lookup::Owner("cluster/team/Jively".to_owned()),
    ];
    for lookup in &lookups {
        assert_eq!(organizations.find(&(), lookup).await.unwrap(), std::slice::from_ref(&made), "{lookup:?}");
    }
    let tyk = TykSettings { cname: Some("jive.ly".to_owned()), sso_enabled: Some(true), ..TykSettings::default() };
    let change = OrganizationChange { tyk, owner: Some(None), ..OrganizationChange::default() };
    let changed = organizations.update(&(), &made.id, &change).await.unwrap();
    assert_eq!((changed.owner.as_deref(), changed.tyk.cname.as_deref()), (None, Some("jive.ly")));
    assert_eq!((changed.tyk.sso_enabled, changed.tyk.hybrid_enabled), (Some(true), Some(false)));
    for _ in 0..2 {
        organizations.delete(&(), &made.id).await.unwrap();
        assert_eq!(organizations.find(&(), &lookups[0]).await.unwrap(), []);
    }
    let gone = organizations.update(&(), &made.id, &change).await.unwrap_err();
    assert_eq!(gone.kind, FaultKind::NotFound);
}

#[tokio::test]
async fn a_user_and_its_key_go_all_the_way() {
    let served = Served::new(&[], SECRET).await;
    let made = served.organizations().create(organization("acme")).await.unwrap().record;
    let scope = InOrganization { organization_id: made.id.clone() };
    let made = served.users().create(user(&scope, "Jo@Example.org")).await.unwrap();
    let first = made.one_time.unwrap();
    let of = OfUser { organization_id: scope.organization_id.clone(), user_id: made.record.id.clone() };
    assert_eq!(served.users().create(user(&scope, "jo@example.org")).await.unwrap_err().kind, FaultKind::AlreadyExists);
    let lookups = [Lookup::Id(of.user_id.clone()), Lookup::Name("JO@example.org".to_owned())];
    for lookup in &lookups {
        assert_eq!(
            served.users().find(&scope, lookup).await.unwrap(),
            std::slice::from_ref(&made.record),
            "{lookup:?}"
        );
    }
    assert_eq!(served.users().list(&scope, None).await.unwrap().records.len(), 1);

    let permissions = Some([("apis".to_owned(), "write".to_owned())].into());
    let change =
        UserChange { roles: Some(Vec::new()), permissions, last_name: Some("Doe".to_owned()), ..UserChange::default() };
    let changed = served.users().update(&scope, &of.user_id, &change).await.unwrap();
    assert_eq!((changed.roles.as_deref(), changed.last_name.as_deref()), (Some(&[][..]), Some("Doe")));
    assert_eq!(changed.permissions.into_iter().collect::<Vec<_>>(), [("apis".to_owned(), "write".to_owned())]);
    served.tyk.set_password(&scope, &of.user_id, "correct horse".into()).await.unwrap();

    assert_eq!(served.tyk.key(&of).await.unwrap().unwrap().expose_secret(), first.expose_secret());
    let minted = served.tokens().create(token(&of)).await.unwrap();
    let key = minted.one_time.unwrap();
    assert_eq!(served.tyk.authenticates(&of, &first).await.unwrap(), None);
    assert_eq!(served.tyk.authenticates(&of, &key).await.unwrap(), Some(minted.record.id.clone()));
    let id = Lookup::Id(minted.record.id.clone());
    assert_eq!(served.tokens().find(&of, &id).await.unwrap().len(), 1);
    served.tokens().delete(&of, &minted.record.id).await.unwrap();
    assert_eq!(served.tyk.authenticates(&of, &key).await.unwrap(), None);
    assert_eq!(served.tokens().find(&of, &id).await.unwrap(), []);

    for _ in 0..2 {
        served.users().delete(&scope, &of.user_id).await.unwrap();
        assert_eq!(served.users().find(&scope, &lookups[0]).await.unwrap(), []);
    }
    assert_eq!(served.tyk.key(&of).await.unwrap_err().kind, FaultKind::NotFound);
    served.organizations().delete(&(), &scope.organization_id).await.unwrap();
    assert_eq!(served.users().list(&scope, None).await.unwrap().records, []);
}

#[tokio::test]
async fn a_technical_administrator_that_was_lost_is_made_again() {
    let served = Served::new(&[], SECRET).await;
    let made = served.organizations().create(organization("acme")).await.unwrap().record;
    let scope = InOrganization { organization_id: made.id };
    served.users().list(&scope, None).await.unwrap();
    let first = served.kept.of(&scope.organization_id).unwrap();
    let lost = TechnicalAdmin { key: "0123456789abcdef0123456789abcdef".into(), ..first.clone() };
    served.kept.keep(&scope.organization_id, &lost).await.unwrap();
    served.tyk.forget(&scope.organization_id);
    let made = served.users().create(user(&scope, "jo@example.org")).await.unwrap();
    assert_eq!(served.users().list(&scope, None).await.unwrap().records, [made.record]);
    let second = served.kept.of(&scope.organization_id).unwrap();
    assert_ne!(second.user_id, first.user_id);
    let all = served.tyk.listed("test", &second.key).await.unwrap();
    let technical: Vec<&str> =
        all.iter().filter(|user| user.email.ends_with(".invalid")).map(|user| user.id.as_str()).collect();
    assert_eq!(technical, [second.user_id.as_str()]);
}

#[tokio::test]
async fn a_dashboard_that_hides_keys_keeps_every_key_that_it_has() {
    let served = Served::new(&[Quirk::TykHidesKeys], SECRET).await;
    let made = served.organizations().create(organization("acme")).await.unwrap().record;
    let scope = InOrganization { organization_id: made.id };
    let made = served.users().create(user(&scope, "jo@example.org")).await.unwrap();
    let (id, key) = (made.record.id, made.one_time.unwrap());
    let of = OfUser { organization_id: scope.organization_id.clone(), user_id: id };
    assert!(served.tyk.key(&of).await.unwrap().is_none());
    assert_eq!(served.tokens().create(token(&of)).await.unwrap_err().kind, FaultKind::Unsupported);
    let change = UserChange { first_name: Some("Joanna".to_owned()), ..UserChange::default() };
    served.users().update(&scope, &of.user_id, &change).await.unwrap();
    assert!(served.tyk.authenticates(&of, &key).await.unwrap().is_some());
    let other = served.users().create(user(&scope, "bo@example.org")).await.unwrap().one_time.unwrap();
    drop(other);
    assert_eq!(served.tyk.authenticates(&of, &"0123456789abcdef0123456789abcdef".into()).await.unwrap(), None);
}

#[tokio::test]
async fn more_than_a_page_is_seen_whole() {
    let served = Served::new(&[], SECRET).await;
    for n in 0..23 {
        served.organizations().create(organization(&format!("org-{n}"))).await.unwrap();
    }
    let found = served.organizations().find(&(), &Lookup::Name("org-22".to_owned())).await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(served.organizations().list(&(), None).await.unwrap().records.len(), 23);
}

#[tokio::test]
async fn a_wrong_secret_is_said() {
    let served = Served::new(&[], "wrong").await;
    let refused = served.tyk.probe().await.unwrap_err();
    assert_eq!(refused.kind, FaultKind::Unauthenticated);
    let refused = served.organizations().create(organization("acme")).await.unwrap_err();
    assert_eq!(refused.kind, FaultKind::Unauthenticated);
    assert_eq!(reveals(&refused, &["wrong", "Not authorised"]), [""; 0]);
}

/// A creation that reads do not show yet is made all the same, and the client says that it may take a while.
#[tokio::test]
async fn one_that_is_shown_late_is_made() {
    let served = Served::new(&[Quirk::Late], SECRET).await;
    let made = served.organizations().create(organization("acme")).await.unwrap().record;
    assert_eq!((made.name.as_str(), made.owner.as_deref()), ("acme", Some("cluster/team/acme")));
    assert_eq!(served.organizations().find(&(), &Lookup::Id(made.id)).await.unwrap(), []);
    assert!(!served.tyk.visible_after().is_zero());
}
