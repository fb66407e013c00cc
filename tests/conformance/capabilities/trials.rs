//! How each capability is tried: by doing it and looking at what is there then.

use org_operator::domain::capability::Capability;
use org_operator::domain::entity::{
    Lookup, NewOrganization, NewToken, NewUser, Organization, OrganizationChange, Token, User, UserChange,
};
use org_operator::platform::{AdminApi, Backend};
use secrecy::SecretString;
use sqlx::{Connection as _, Row as _};

use super::outcome;
use crate::cases::everything;
use crate::operations::{CHANGED, organization_change};
use crate::subject::{Org, Platform, Subject, key_pair, mark, new_admin, new_token};

/// Whether it works in that organisation. What is made is called by `attempt`.
pub(super) async fn works(subject: &Subject, org: &Org, capability: Capability, attempt: usize) -> bool {
    let api = &*subject.api;
    let word = format!("w{attempt}");
    match capability {
        Capability::OrganizationRead => {
            let found = Backend::<Organization>::find(api, &(), &Lookup::Id(org.id.clone())).await;
            outcome(found).is_some_and(|found| found.iter().any(|one| one.id == org.id && one.name == org.name))
        }
        Capability::OrganizationList => {
            let all = everything::<Organization, _>(api, &()).await;
            outcome(all).is_some_and(|all| all.iter().any(|one| one.id == org.id))
        }
        Capability::OrganizationUpdate => {
            let change = organization_change(subject.variant.platform);
            let changed = Backend::<Organization>::update(api, &(), &org.id, &change).await;
            outcome(changed).is_some_and(|one| [one.display_name, one.tyk.cname].contains(&Some(CHANGED.to_owned())))
        }
        Capability::OrganizationDelete => {
            let name = format!("{}_{word}", org.name);
            let made = subject.create(subject.new_organization(&name)).await.unwrap();
            subject.settle();
            let deleted = Backend::<Organization>::delete(api, &(), &made.record.id).await;
            outcome(deleted).is_some() && subject.organizations_called(&name).await == 0
        }
        Capability::OwnerMark => {
            let change = OrganizationChange { owner: Some(Some(mark(&word))), ..OrganizationChange::default() };
            let marked = Backend::<Organization>::update(api, &(), &org.id, &change).await;
            let found = Backend::<Organization>::find(api, &(), &Lookup::Owner(mark(&word))).await.unwrap();
            outcome(marked).is_some() && found.iter().any(|one| one.id == org.id)
        }
        Capability::DisplayName | Capability::OrganizationAdmin | Capability::KeyPairPush => {
            at_creation(subject, capability, &format!("{}_{word}", org.name)).await
        }
        Capability::Projects => has_project(subject, org, &word).await,
        Capability::TokensPerUser | Capability::TokenList | Capability::TokenRevoke | Capability::TokenExpiry => {
            with_token(subject, org, capability, &word).await
        }
        _ => with_user(subject, org, capability, &word).await,
    }
}

/// What an organisation can be made with.
async fn at_creation(subject: &Subject, capability: Capability, name: &str) -> bool {
    let mut new = NewOrganization { idempotency_key: name.to_owned(), ..subject.new_organization(name) };
    match capability {
        Capability::DisplayName => new.display_name = Some("For People".to_owned()),
        Capability::OrganizationAdmin => new.admin = Some(new_admin()),
        _ => new.key_pair = Some(key_pair()),
    }
    if outcome(subject.create(new).await).is_none() {
        return false;
    }
    let mut database = subject.database().await;
    let kept = sqlx::query(
        "SELECT display_name, public_key, EXISTS (SELECT 1 FROM memberships JOIN users ON users.id = user_id WHERE \
         organization_id = organizations.id AND username = 'adminUser') FROM organizations WHERE name = $1",
    );
    let row = kept.bind(name).fetch_one(&mut database).await.unwrap();
    database.close().await.unwrap();
    match capability {
        Capability::DisplayName => row.get::<Option<String>, _>(0).as_deref() == Some("For People"),
        Capability::OrganizationAdmin => row.get(2),
        _ => row.get::<Option<String>, _>(1) == Some(key_pair().public_pem),
    }
}

/// Whether the platform names the project that the first member made.
async fn has_project(subject: &Subject, org: &Org, word: &str) -> bool {
    let org = &subject.organization(&format!("{}_{word}", org.name)).await;
    let (member, _) = subject.machine(org, word).await;
    subject.settle();
    let own = subject.api.default_project(&org.id, &[member.id]).await.unwrap();
    let found = Backend::<Organization>::find(&*subject.api, &(), &Lookup::Id(org.id.clone())).await;
    let shown = found.ok().and_then(|found| found.into_iter().next()).and_then(|one| one.default_project_id);
    let Some(project) = own.or(shown) else { return false };
    let kept = subject.directory.project(&project, jiff::Timestamp::MAX).await.unwrap();
    kept.is_some_and(|kept| kept.organization_id == org.directory_id && kept.is_default)
}

async fn with_user(subject: &Subject, org: &Org, capability: Capability, word: &str) -> bool {
    let api: &dyn AdminApi = &*org.api;
    if capability == Capability::InitialPassword {
        let password = SecretString::from("correct horse");
        let new = NewUser { password: Some(password.clone()), ..subject.new_person(org, word) };
        let made = outcome(subject.add(org, new).await).is_some();
        let login = subject.directory.login(&org.name, &subject.username(word), password).await.unwrap();
        return made && login.is_some();
    }
    let person = subject.person(org, word).await;
    subject.settle();
    let scope = org.scope();
    match capability {
        Capability::UserRead => {
            let found = Backend::<User>::find(api, &scope, &Lookup::Id(person.id.clone())).await;
            outcome(found).is_some_and(|found| found.iter().any(|one| one.id == person.id))
        }
        Capability::UserUpdate => {
            let change = UserChange { first_name: Some(CHANGED.to_owned()), ..UserChange::default() };
            let changed = outcome(Backend::<User>::update(api, &scope, &person.id, &change).await);
            changed.is_some() && subject.members_called(org, word).await[0].first_name == change.first_name
        }
        Capability::UserDelete => {
            // Read first: a server that shows what is there is believed about what is not.
            let _ = Backend::<User>::find(api, &scope, &Lookup::Id(person.id.clone())).await;
            let deleted = outcome(Backend::<User>::delete(api, &scope, &person.id).await);
            deleted.is_some() && subject.count_members(org, word).await == 0
        }
        Capability::Roles => {
            // As the platform's own words say it: what a user of Tyk's may do lies in no role.
            let permissions = [("apis".to_owned(), "read".to_owned())].into();
            let permissions = (subject.variant.platform == Platform::Tyk).then_some(permissions);
            let change = UserChange { roles: Some(Vec::new()), permissions, ..UserChange::default() };
            let changed = outcome(Backend::<User>::update(api, &scope, &person.id, &change).await);
            changed.is_some_and(|one| one.roles == Some(Vec::new()))
        }
        other => panic!("{other:?} is tried elsewhere"),
    }
}

async fn with_token(subject: &Subject, org: &Org, capability: Capability, word: &str) -> bool {
    let api: &dyn AdminApi = &*org.api;
    let (machine, shown) = subject.machine(org, word).await;
    subject.settle();
    let of = org.of(&machine.id);
    let logs_in = async |value: &SecretString| api.authenticates(&of, value).await.is_ok_and(|found| found.is_some());
    match capability {
        Capability::TokenList => {
            let listed = outcome(everything::<Token, _>(api, &of).await);
            let made = Backend::<Token>::create(api, new_token(&of, "1")).await;
            let Some(listed) = listed else { return false };
            subject.settle();
            let after = everything::<Token, _>(api, &of).await.unwrap();
            after.len() == listed.len() + 1 && after.iter().any(|one| one.id == made.as_ref().unwrap().record.id)
        }
        Capability::TokenExpiry => {
            let expires_at = Some(subject.time.clock().now() + std::time::Duration::from_hours(1));
            let made = Backend::<Token>::create(api, NewToken { expires_at, ..new_token(&of, "1") }).await;
            outcome(made).is_some_and(|made| made.record.expires_at.is_some())
        }
        Capability::TokensPerUser => {
            let mut values = Vec::new();
            for attempt in ["1", "2"] {
                match outcome(Backend::<Token>::create(api, new_token(&of, attempt)).await) {
                    Some(made) => values.push(made.one_time.unwrap()),
                    None => return false,
                }
            }
            logs_in(&values[0]).await && logs_in(&values[1]).await
        }
        _ => {
            let made = outcome(Backend::<Token>::create(api, new_token(&of, "1")).await);
            let (id, value) = match made {
                Some(made) => (made.record.id, made.one_time.unwrap()),
                // The one that it has from the beginning.
                None => (org_operator::platform::key_id(shown.as_ref().unwrap()), shown.unwrap()),
            };
            subject.settle();
            assert!(logs_in(&value).await);
            let _ = Backend::<Token>::find(api, &of, &Lookup::Id(id.clone())).await;
            outcome(Backend::<Token>::delete(api, &of, &id).await).is_some() && !logs_in(&value).await
        }
    }
}
