//! The embedded backend as a platform: the operator's own directory, in its own process.

use std::time::Duration;

use async_trait::async_trait;
use secrecy::SecretString;

use super::{AdminApi, Backend, Ended, Error};
use crate::clock::Clock;
use crate::domain::capability::{Capabilities, Support};
use crate::domain::entity::{
    Created, InOrganization, Kind, Lookup, NewOrganization, NewToken, NewUser, OfUser, Organization,
    OrganizationChange, OrganizationRecord, Page, Record, Token, TokenChange, TokenRecord, User, UserChange,
    UserRecord,
};
use crate::domain::fault::FaultKind;
use crate::embedded::{Directory, DirectoryError, OPERATOR};
use crate::fence::Fence;

/// The operator's own directory.
#[derive(Clone, Debug)]
pub struct Embedded {
    directory: Directory,
    clock: Clock,
    fence: Fence,
}

impl Embedded {
    /// That directory as a platform whose time is that clock's.
    pub fn new(directory: Directory, clock: Clock) -> Self {
        Self { directory, clock, fence: Fence::open() }
    }

    /// The same, which changes something only while `fence` lets it begin.
    #[must_use]
    pub fn fenced(self, fence: Fence) -> Self {
        Self { fence, ..self }
    }

    fn begin(&self, operation: &'static str) -> Result<(), Error> {
        if self.fence.may_begin() { Ok(()) } else { Err(Error::not_leading(operation)) }
    }
}

/// How many objects a part of a list has.
const PAGE: u32 = 500;

/// A part of a list in the order of the ids. One that is not full is the last.
fn page<R: Record>(records: Vec<R>) -> Page<R> {
    let full = u32::try_from(records.len()).is_ok_and(|length| length >= PAGE);
    let last = records.last().filter(|_| full).map(|record| record.id().to_owned());
    Page { records, next: last }
}

/// What a failure of the directory means. A write that may or may not have happened is repeated with its idempotency
/// key, so it counts as an outage and not as an unknown outcome.
fn error(operation: &'static str) -> impl Fn(DirectoryError) -> Error {
    move |error| {
        let kind = match &error {
            DirectoryError::NotFound { .. } => FaultKind::NotFound,
            DirectoryError::AlreadyExists { .. } => FaultKind::AlreadyExists,
            DirectoryError::Invalid { .. } => FaultKind::Invalid,
            DirectoryError::Spent { .. } => FaultKind::OutcomeUnknown,
            DirectoryError::Closed | DirectoryError::Unavailable(_) => FaultKind::Unavailable(None),
        };
        Error::new(kind, operation, error.to_string()).with_source(error)
    }
}

#[async_trait]
impl Backend<Organization> for Embedded {
    async fn find(&self, (): &(), lookup: &Lookup) -> Result<Vec<OrganizationRecord>, Error> {
        let found = match lookup {
            Lookup::Id(id) => self.directory.organization(id).await.map(|found| found.into_iter().collect()),
            Lookup::Name(name) => self.directory.organizations_by_name(name).await,
            Lookup::Owner(owner) => self.directory.organizations_by_owner(owner).await,
        };
        found.map_err(error("find Organization"))
    }

    async fn list(&self, (): &(), from: Option<&str>) -> Result<Page<OrganizationRecord>, Error> {
        Ok(page(self.directory.organizations(from, PAGE).await.map_err(error("list Organizations"))?))
    }

    async fn create(&self, new: NewOrganization) -> Result<Created<Organization>, Error> {
        self.begin("create Organization")?;
        let record = self.directory.create_organization(&OPERATOR, new, self.clock.now()).await;
        Ok(Created::whole(record.map_err(error("create Organization"))?))
    }

    async fn update(&self, (): &(), id: &str, change: &OrganizationChange) -> Result<OrganizationRecord, Error> {
        self.begin("update Organization")?;
        self.directory.update_organization(id, change.clone()).await.map_err(error("update Organization"))
    }

    async fn delete(&self, (): &(), id: &str) -> Result<Ended, Error> {
        self.begin("delete Organization")?;
        self.directory.prune_organization(id).await.map_err(error("delete Organization")).map(|()| Ended::Done)
    }
}

#[async_trait]
impl Backend<User> for Embedded {
    async fn find(&self, scope: &InOrganization, lookup: &Lookup) -> Result<Vec<UserRecord>, Error> {
        let organization = &scope.organization_id;
        let found = match lookup {
            Lookup::Id(id) => self.directory.user(organization, id).await.map(|found| found.into_iter().collect()),
            Lookup::Name(name) => self.directory.users_by_name(organization, name).await,
            Lookup::Owner(owner) => self.directory.users_by_owner(organization, owner).await,
        };
        found.map_err(error("find User"))
    }

    async fn list(&self, scope: &InOrganization, from: Option<&str>) -> Result<Page<UserRecord>, Error> {
        let found = self.directory.users(&scope.organization_id, from, PAGE).await;
        Ok(page(found.map_err(error("list Users"))?))
    }

    async fn create(&self, new: NewUser) -> Result<Created<User>, Error> {
        self.begin("create User")?;
        let record = self.directory.create_user(&OPERATOR, new, self.clock.now()).await;
        Ok(Created::whole(record.map_err(error("create User"))?))
    }

    async fn update(&self, scope: &InOrganization, id: &str, change: &UserChange) -> Result<UserRecord, Error> {
        self.begin("update User")?;
        let changed = self.directory.update_user(&scope.organization_id, id, change.clone()).await;
        changed.map_err(error("update User"))
    }

    async fn delete(&self, scope: &InOrganization, id: &str) -> Result<Ended, Error> {
        self.begin("delete User")?;
        let deleted = self.directory.delete_user(&scope.organization_id, id).await;
        deleted.map_err(error("delete User")).map(|()| Ended::Done)
    }
}

#[async_trait]
impl Backend<Token> for Embedded {
    async fn find(&self, scope: &OfUser, lookup: &Lookup) -> Result<Vec<TokenRecord>, Error> {
        let mut live = self.directory.tokens(scope, self.clock.now()).await.map_err(error("find Token"))?;
        live.retain(|token| match lookup {
            Lookup::Id(id) => token.id == *id,
            // A token has no name.
            Lookup::Name(_) => false,
            Lookup::Owner(owner) => token
                .owner
                .as_deref()
                .and_then(|mark| mark.strip_prefix(owner.as_str()))
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('#')),
        });
        Ok(live)
    }

    async fn list(&self, scope: &OfUser, _: Option<&str>) -> Result<Page<TokenRecord>, Error> {
        let records = self.directory.tokens(scope, self.clock.now()).await.map_err(error("list Tokens"))?;
        Ok(Page { records, next: None })
    }

    async fn create(&self, new: NewToken) -> Result<Created<Token>, Error> {
        self.begin("create Token")?;
        self.directory.mint_token(&OPERATOR, new, self.clock.now()).await.map_err(error("create Token"))
    }

    async fn update(&self, scope: &OfUser, id: &str, change: &TokenChange) -> Result<TokenRecord, Error> {
        self.begin("update Token")?;
        let changed = self.directory.update_token(scope, id, change.clone(), self.clock.now()).await;
        changed.map_err(error("update Token"))
    }

    async fn delete(&self, scope: &OfUser, id: &str) -> Result<Ended, Error> {
        self.begin("delete Token")?;
        let revoked = self.directory.revoke_token(scope, id, self.clock.now()).await;
        revoked.map_err(error("delete Token")).map(|()| Ended::Done)
    }
}

#[async_trait]
impl AdminApi for Embedded {
    fn capabilities(&self) -> Capabilities {
        Capabilities::all(Support::Supported)
    }

    /// Another data directory is another platform: what was made in one is not looked for in the other.
    fn url(&self) -> String {
        format!("embedded:{}", self.directory.id())
    }

    async fn probe(&self) -> Result<String, Error> {
        self.directory.organizations(None, 1).await.map_err(error("list Organizations"))?;
        Ok("the operator's own directory answers; it needs no credential".to_owned())
    }

    async fn set_password(&self, scope: &InOrganization, user_id: &str, password: SecretString) -> Result<(), Error> {
        self.begin("set the password of User")?;
        let set = self.directory.set_password(&scope.organization_id, user_id, password).await;
        set.map_err(error("set the password of User"))
    }

    async fn authenticates(&self, of: &OfUser, value: &SecretString) -> Result<Option<String>, Error> {
        let found = self.directory.authenticate(value, self.clock.now()).await.map_err(error("authenticate Token"))?;
        let user = found.filter(|found| found.user_id == of.user_id && found.organization_id == of.organization_id);
        Ok(user.and_then(|user| user.token_id))
    }

    /// A read sees every commit that was acknowledged.
    fn visible_after(&self) -> Duration {
        Duration::ZERO
    }

    fn check_name(&self, _: Kind, name: &str) -> Result<(), String> {
        (OPERATOR.check_name)(name).map_err(str::to_owned)
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use secrecy::ExposeSecret;
    use tempfile::TempDir;

    use super::*;
    use crate::domain::entity::{TykSettings, UserType};

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + seconds).unwrap()
    }

    /// A user of an organisation in a directory of their own.
    struct Fixture {
        directory: Directory,
        of: OfUser,
        _files: TempDir,
    }

    impl Fixture {
        async fn new() -> Self {
            let files = tempfile::tempdir().unwrap();
            let directory = Directory::open(files.path()).await.unwrap();
            let mut fixture = Self {
                directory,
                of: OfUser { organization_id: String::new(), user_id: String::new() },
                _files: files,
            };
            let organization = NewOrganization {
                idempotency_key: String::new(),
                name: "Example".to_owned(),
                display_name: None,
                owner: "owner".to_owned(),
                admin: None,
                key_pair: None,
                link: None,
                tyk: TykSettings::default(),
            };
            let made = Backend::<Organization>::create(&fixture.at(0), organization).await.unwrap();
            fixture.of.organization_id = made.record.id;
            fixture.of.user_id = fixture.user("jo").await;
            fixture
        }

        async fn user(&self, username: &str) -> String {
            let user = NewUser {
                idempotency_key: String::new(),
                organization_id: self.of.organization_id.clone(),
                user_type: UserType::Person,
                username: username.to_owned(),
                email: None,
                first_name: None,
                last_name: None,
                roles: None,
                permissions: None,
                owner: "owner".to_owned(),
                password: None,
            };
            Backend::<User>::create(&self.at(0), user).await.unwrap().record.id
        }

        /// The platform at that second.
        fn at(&self, seconds: i64) -> Embedded {
            Embedded::new(self.directory.clone(), Clock::stopped(at(seconds)))
        }

        /// A token that is minted at second 0.
        async fn token(&self, expires_at: Option<Timestamp>) -> (TokenRecord, SecretString) {
            let new = NewToken {
                idempotency_key: String::new(),
                of: self.of.clone(),
                owner: "owner/ns/ci#1".to_owned(),
                expires_at,
            };
            let made = Backend::<Token>::create(&self.at(0), new).await.unwrap();
            (made.record, made.one_time.unwrap())
        }
    }

    #[tokio::test]
    async fn one_that_may_not_begin_reads_and_changes_nothing() {
        let fixture = Fixture::new().await;
        let (token, _) = fixture.token(None).await;
        let platform = fixture.at(1).fenced(Fence::shut());
        let refused = Backend::<Token>::delete(&platform, &fixture.of, &token.id).await.unwrap_err();
        assert_eq!(refused.kind, FaultKind::NotLeading);
        let change = OrganizationChange { display_name: Some("Other".to_owned()), ..OrganizationChange::default() };
        let id = &fixture.of.organization_id;
        let refused = Backend::<Organization>::update(&platform, &(), id, &change).await.unwrap_err();
        assert_eq!(refused.kind, FaultKind::NotLeading);
        let listed = Backend::<Token>::list(&platform, &fixture.of, None).await.unwrap();
        assert_eq!(listed.records, [token]);
    }

    #[tokio::test]
    async fn a_token_is_listed_with_its_end_until_then() {
        let fixture = Fixture::new().await;
        let (endless, _) = fixture.token(None).await;
        let (ending, value) = fixture.token(Some(at(100))).await;
        assert_eq!((ending.issued_at, ending.expires_at), (Some(at(0)), Some(at(100))));
        assert_eq!(endless.expires_at, None);
        for (second, live) in [(0, true), (99, true), (100, false)] {
            let platform = fixture.at(second);
            for lookup in [Lookup::Id(ending.id.clone()), Lookup::Owner("owner/ns/ci".to_owned())] {
                let found = Backend::<Token>::find(&platform, &fixture.of, &lookup).await.unwrap();
                assert_eq!(found.contains(&ending), live, "{second} s: {lookup:?}: {found:?}");
            }
            let logged_in = platform.authenticates(&fixture.of, &value).await.unwrap();
            assert_eq!(logged_in, live.then(|| ending.id.clone()), "{second} s");
        }
    }

    #[tokio::test]
    async fn a_value_logs_in_as_its_own_user_only() {
        let fixture = Fixture::new().await;
        let (token, value) = fixture.token(None).await;
        let platform = fixture.at(1);
        assert_eq!(platform.authenticates(&fixture.of, &value).await.unwrap(), Some(token.id.clone()));

        let other_user = OfUser { user_id: fixture.user("other").await, ..fixture.of.clone() };
        let other_organization = OfUser { organization_id: "absent".to_owned(), ..fixture.of.clone() };
        for of in [other_user, other_organization] {
            assert_eq!(platform.authenticates(&of, &value).await.unwrap(), None, "{of:?}");
        }
        for wrong in ["", "a.b.c", &value.expose_secret()[1..]] {
            assert_eq!(platform.authenticates(&fixture.of, &wrong.into()).await.unwrap(), None);
        }

        Backend::<Token>::delete(&platform, &fixture.of, &token.id).await.unwrap();
        assert_eq!(platform.authenticates(&fixture.of, &value).await.unwrap(), None, "revoked");
    }

    #[tokio::test]
    async fn a_password_is_set_for_a_member_only() {
        let fixture = Fixture::new().await;
        let platform = fixture.at(0);
        let scope = InOrganization { organization_id: fixture.of.organization_id.clone() };
        platform.set_password(&scope, &fixture.of.user_id, "correct horse".into()).await.unwrap();
        let logged_in = fixture.directory.login("Example", "jo", "correct horse".into()).await.unwrap();
        assert_eq!(logged_in.map(|principal| principal.user_id), Some(fixture.of.user_id.clone()));
        let refused = platform.set_password(&scope, "absent", "correct horse".into()).await.unwrap_err();
        assert_eq!(refused.kind, FaultKind::NotFound);
    }
}
