//! Every call of the trait, by name.

use org_operator::domain::entity::{
    InOrganization, Lookup, NewUser, OfUser, Organization, OrganizationChange, Token, TykSettings, User, UserChange,
};
use org_operator::platform::{AdminApi, Backend, Error};
use secrecy::SecretString;

use crate::subject::{Platform, Subject, mark, new_token};

/// What a call is about: objects that are there, or ids that nothing has.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) organization: String,
    pub(crate) organization_name: String,
    pub(crate) user: String,
    pub(crate) username: String,
    pub(crate) token: String,
    pub(crate) value: SecretString,
    /// What is made is called so.
    pub(crate) word: String,
}

impl Target {
    fn scope(&self) -> InOrganization {
        InOrganization { organization_id: self.organization.clone() }
    }

    fn of(&self) -> OfUser {
        OfUser { organization_id: self.organization.clone(), user_id: self.user.clone() }
    }
}

/// The calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Operation {
    Probe,
    FindOrganizationById,
    FindOrganizationByName,
    FindOrganizationByMark,
    ListOrganizations,
    CreateOrganization,
    UpdateOrganization,
    DeleteOrganization,
    DefaultProject,
    FindUserById,
    FindUserByName,
    ListUsers,
    CreateUser,
    UpdateUser,
    DeleteUser,
    SetPassword,
    Key,
    FindToken,
    ListTokens,
    CreateToken,
    DeleteToken,
    Authenticate,
}

impl Operation {
    pub(crate) const ALL: [Self; 22] = [
        Self::Probe,
        Self::FindOrganizationById,
        Self::FindOrganizationByName,
        Self::FindOrganizationByMark,
        Self::ListOrganizations,
        Self::CreateOrganization,
        Self::UpdateOrganization,
        Self::DeleteOrganization,
        Self::DefaultProject,
        Self::FindUserById,
        Self::FindUserByName,
        Self::ListUsers,
        Self::CreateUser,
        Self::UpdateUser,
        Self::DeleteUser,
        Self::SetPassword,
        Self::Key,
        Self::FindToken,
        Self::ListTokens,
        Self::CreateToken,
        Self::DeleteToken,
        Self::Authenticate,
    ];

    /// Whether it is about one organisation's users: then it takes the account in it.
    pub(crate) fn is_inside(self) -> bool {
        self >= Self::FindUserById
    }

    /// Whether that call changes anything.
    pub(crate) fn writes(self) -> bool {
        matches!(
            self,
            Self::CreateOrganization
                | Self::UpdateOrganization
                | Self::DeleteOrganization
                | Self::CreateUser
                | Self::UpdateUser
                | Self::DeleteUser
                | Self::SetPassword
                | Self::CreateToken
                | Self::DeleteToken
        )
    }

    /// Does it, and gives how many objects it found, or one if it did what was asked.
    pub(crate) async fn run(self, subject: &Subject, api: &dyn AdminApi, target: &Target) -> Result<usize, Error> {
        let (scope, of) = (target.scope(), target.of());
        match self {
            Self::Probe => api.probe().await.map(|_| 1),
            Self::FindOrganizationById => find_organization(api, Lookup::Id(target.organization.clone())).await,
            Self::FindOrganizationByName => {
                find_organization(api, Lookup::Name(target.organization_name.clone())).await
            }
            Self::FindOrganizationByMark => {
                find_organization(api, Lookup::Owner(mark(&target.organization_name))).await
            }
            Self::ListOrganizations => {
                Backend::<Organization>::list(api, &(), None).await.map(|page| page.records.len())
            }
            Self::CreateOrganization => {
                let new = subject.new_organization(&target.word);
                Backend::<Organization>::create(api, new).await.map(|_| 1)
            }
            Self::UpdateOrganization => {
                let change = organization_change(subject.variant.platform);
                Backend::<Organization>::update(api, &(), &target.organization, &change).await.map(|_| 1)
            }
            Self::DeleteOrganization => {
                Backend::<Organization>::delete(api, &(), &target.organization).await.map(|_| 1)
            }
            Self::DefaultProject => {
                let members = [target.user.clone()];
                api.default_project(&target.organization, &members).await.map(|project| project.iter().count())
            }
            Self::FindUserById => find_user(api, &scope, Lookup::Id(target.user.clone())).await,
            Self::FindUserByName => find_user(api, &scope, Lookup::Name(target.username.clone())).await,
            Self::ListUsers => Backend::<User>::list(api, &scope, None).await.map(|page| page.records.len()),
            Self::CreateUser => {
                let new = subject.new_person_in(&target.organization, &target.word);
                Backend::<User>::create(api, NewUser { password: None, ..new }).await.map(|_| 1)
            }
            Self::UpdateUser => {
                let change = user_change(subject);
                Backend::<User>::update(api, &scope, &target.user, &change).await.map(|_| 1)
            }
            Self::DeleteUser => Backend::<User>::delete(api, &scope, &target.user).await.map(|_| 1),
            Self::SetPassword => api.set_password(&scope, &target.user, PASSWORD.into()).await.map(|()| 1),
            Self::Key => api.key(&of).await.map(|key| key.iter().count()),
            Self::FindToken => {
                let lookup = Lookup::Id(target.token.clone());
                Backend::<Token>::find(api, &of, &lookup).await.map(|found| found.len())
            }
            Self::ListTokens => Backend::<Token>::list(api, &of, None).await.map(|page| page.records.len()),
            Self::CreateToken => Backend::<Token>::create(api, new_token(&of, &target.word)).await.map(|_| 1),
            Self::DeleteToken => Backend::<Token>::delete(api, &of, &target.token).await.map(|_| 1),
            Self::Authenticate => api.authenticates(&of, &target.value).await.map(|found| found.iter().count()),
        }
    }
}

/// A password that calls set.
pub(crate) const PASSWORD: &str = "correct-horse-battery-staple";

/// The first name, or the display name or domain, that changes give.
pub(crate) const CHANGED: &str = "changed.example.org";

async fn find_organization(api: &dyn AdminApi, lookup: Lookup) -> Result<usize, Error> {
    Backend::<Organization>::find(api, &(), &lookup).await.map(|found| found.len())
}

async fn find_user(api: &dyn AdminApi, scope: &InOrganization, lookup: Lookup) -> Result<usize, Error> {
    Backend::<User>::find(api, scope, &lookup).await.map(|found| found.len())
}

/// What the platform can change of an organisation, if it can change anything.
pub(crate) fn organization_change(platform: Platform) -> OrganizationChange {
    let changed = Some(CHANGED.to_owned());
    match platform {
        Platform::Tyk => {
            let tyk = TykSettings { cname: changed, ..TykSettings::default() };
            OrganizationChange { tyk, ..OrganizationChange::default() }
        }
        _ => OrganizationChange { display_name: changed, ..OrganizationChange::default() },
    }
}

/// What the platform can change of a person who is an administrator.
fn user_change(subject: &Subject) -> UserChange {
    match subject.variant.platform {
        Platform::Rockfish => UserChange { roles: Some(Vec::new()), ..UserChange::default() },
        _ => UserChange { first_name: Some(CHANGED.to_owned()), ..UserChange::default() },
    }
}
