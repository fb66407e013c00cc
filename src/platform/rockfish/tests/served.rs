//! The client against our own server of the dialect, which has real state.

use tempfile::TempDir;

use super::*;
use crate::embedded::dialect::{Quirk, Serving, rockfish};
use crate::platform::in_memory::{origin, serving};

/// What only trying tells.
const TRIED: [Capability; 7] = [
    Capability::OrganizationRead,
    Capability::OrganizationList,
    Capability::OrganizationDelete,
    Capability::UserRead,
    Capability::UserDelete,
    Capability::TokenList,
    Capability::TokenRevoke,
];

const NOW: i64 = 1_800_000_000;

/// A server, its platform, and the place of its files.
struct Server {
    serving: Serving,
    platform: Rockfish,
    _files: TempDir,
}

async fn server(quirks: &[Quirk]) -> Server {
    let (serving, files) = serving("aefah2Ef", quirks, clock()).await;
    let platform = platform(&serving);
    Server { serving, platform, _files: files }
}

fn platform(serving: &Serving) -> Rockfish {
    let admin = origin(ADMIN, rockfish::admin_router(serving.clone()), &clock());
    let public = origin(PUBLIC, rockfish::public_router(serving.clone()), &clock());
    Rockfish::new(Some(admin), Some(public), None, clock())
}

impl Server {
    async fn organization(&self) -> String {
        Backend::<Organization>::create(&self.platform, new_organization()).await.unwrap().record.id
    }

    /// A member of that organisation, and the value of the initial token.
    async fn member(&self, organization: &InOrganization) -> (String, SecretString) {
        let made = Backend::<User>::create(&self.platform, new_user()).await.unwrap();
        let id = made.record.id;
        Backend::<User>::update(&self.platform, organization, &id, &roles(&["Admin"])).await.unwrap();
        (id, made.one_time.unwrap())
    }
}

#[tokio::test]
async fn what_is_made_is_found_listed_and_deleted() {
    let server = server(&[]).await;
    let platform = &server.platform;
    let organization = InOrganization { organization_id: server.organization().await };
    let id = &organization.organization_id;
    let (user, _) = server.member(&organization).await;

    for lookup in [by_id(id), by_name("internal")] {
        let found = Backend::<Organization>::find(platform, &(), &lookup).await.unwrap();
        assert_eq!(found, [OrganizationRecord::unseen(id, "internal")]);
    }
    for lookup in [by_id(&user), by_name("INFO@rockfish.ai")] {
        let found = Backend::<User>::find(platform, &organization, &lookup).await.unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].id.as_str(), found[0].email.as_deref()), (user.as_str(), Some("info@rockfish.ai")));
    }
    let project = platform.default_project(id, std::slice::from_ref(&user)).await.unwrap();
    assert!(project.is_some_and(|id| is_id(&id)));

    let of = OfUser { organization_id: id.clone(), user_id: user.clone() };
    let made = Backend::<Token>::create(platform, NewToken { of: of.clone(), ..new_token() }).await.unwrap();
    let (token, value) = (made.record.id, made.one_time.unwrap());
    assert_eq!(made.record.issued_at, Some(Timestamp::from_second(NOW).unwrap()));
    assert_eq!(platform.authenticates(&of, &value).await.unwrap(), Some(token.clone()));
    assert_eq!(Backend::<Token>::find(platform, &of, &by_id(&token)).await.unwrap().len(), 1);
    let listed = Backend::<Token>::list(platform, &of, None).await.unwrap().records;
    assert_eq!(listed.len(), 2, "the initial one and this");

    for _ in 0..2 {
        Backend::<Token>::delete(platform, &of, &token).await.unwrap();
    }
    assert_eq!(Backend::<Token>::find(platform, &of, &by_id(&token)).await.unwrap(), []);
    assert_eq!(platform.authenticates(&of, &value).await.unwrap(), None);
    for _ in 0..2 {
        Backend::<User>::delete(platform, &organization, &user).await.unwrap();
    }
    let left = Backend::<User>::find(platform, &organization, &by_id(&user)).await.unwrap();
    assert_eq!(left.len(), 1, "users are global: only the membership went");
    for _ in 0..2 {
        Backend::<Organization>::delete(platform, &(), id).await.unwrap();
    }
    assert_eq!(Backend::<Organization>::find(platform, &(), &by_id(id)).await.unwrap(), []);
    assert_eq!(Backend::<Organization>::list(platform, &(), None).await.unwrap().records, []);
    for capability in TRIED {
        assert_eq!(platform.capabilities().of(capability), Support::Supported, "{capability:?}");
    }
    platform.probe().await.unwrap();
}

#[tokio::test]
async fn who_leaves_one_organisation_stays_in_another() {
    let server = server(&[]).await;
    let first = InOrganization { organization_id: server.organization().await };
    let second = InOrganization { organization_id: server.organization().await };
    let (user, value) = server.member(&first).await;
    Backend::<User>::update(&server.platform, &second, &user, &roles(&[])).await.unwrap();
    let of = OfUser { organization_id: second.organization_id.clone(), user_id: user.clone() };
    Backend::<User>::delete(&server.platform, &first, &user).await.unwrap();
    assert!(server.platform.authenticates(&of, &value).await.unwrap().is_some());
    let caller = server.serving.directory.caller(&value, clock().now(), Timestamp::MAX).await.unwrap().unwrap();
    let memberships: Vec<String> = caller.memberships.into_iter().map(|one| one.organization_id).collect();
    assert_eq!(memberships, [second.organization_id]);
}

#[tokio::test]
async fn a_server_as_documented_takes_all_that_is_and_says_no_to_the_rest() {
    let server = server(&[Quirk::RockfishAsDocumented]).await;
    let platform = &server.platform;
    let organization = InOrganization { organization_id: server.organization().await };
    let id = &organization.organization_id;
    let (user, value) = server.member(&organization).await;
    let of = OfUser { organization_id: id.clone(), user_id: user.clone() };
    let token = Backend::<Token>::create(platform, NewToken { of: of.clone(), ..new_token() }).await.unwrap().record.id;
    assert!(platform.default_project(id, std::slice::from_ref(&user)).await.unwrap().is_some());
    assert!(platform.authenticates(&of, &value).await.unwrap().is_some());

    for _ in 0..2 {
        let outcomes = [
            Backend::<Organization>::find(platform, &(), &by_id(id)).await.map(drop),
            Backend::<Organization>::find(platform, &(), &by_name("internal")).await.map(drop),
            Backend::<Organization>::delete(platform, &(), id).await.map(drop),
            Backend::<User>::find(platform, &organization, &by_id(&user)).await.map(drop),
            Backend::<User>::find(platform, &organization, &by_name("info@rockfish.ai")).await.map(drop),
            Backend::<User>::delete(platform, &organization, &user).await.map(drop),
            Backend::<Token>::find(platform, &of, &by_id(&token)).await.map(drop),
            Backend::<Token>::list(platform, &of, None).await.map(drop),
            Backend::<Token>::delete(platform, &of, &token).await.map(drop),
        ];
        for outcome in outcomes {
            assert_eq!(outcome.unwrap_err().kind, FaultKind::Unsupported);
        }
    }
    for capability in TRIED {
        assert_eq!(platform.capabilities().of(capability), Support::Unsupported, "{capability:?}");
    }
    let change = UserChange { email: new_user().email, ..roles(&[]) };
    Backend::<User>::update(platform, &organization, &user, &change).await.unwrap();
}

#[tokio::test]
async fn the_invite_code_makes_a_user_and_another_one_does_not() {
    let server = server(&[]).await;
    let with = |code: &str| {
        let public = origin(PUBLIC, rockfish::public_router(server.serving.clone()), &clock());
        Rockfish::new(None, Some(public), Some(code.into()), clock())
    };
    let made = Backend::<User>::create(&with("aefah2Ef"), new_user()).await.unwrap();
    let of = OfUser { organization_id: ORGANIZATION.to_owned(), user_id: made.record.id };
    assert!(with("aefah2Ef").authenticates(&of, &made.one_time.unwrap()).await.unwrap().is_some());
    with("aefah2Ef").probe().await.unwrap();
    let refused = Backend::<User>::create(&with("wrong"), new_user()).await.unwrap_err();
    assert_eq!(refused.kind, FaultKind::Unauthenticated);
}

#[tokio::test]
async fn what_is_shown_late_is_not_taken_for_a_missing_call_for_good() {
    let server = server(&[Quirk::Late]).await;
    let id = server.organization().await;
    let find = async |platform: &Rockfish| Backend::<Organization>::find(platform, &(), &by_id(&id)).await;
    assert_eq!(find(&server.platform).await.unwrap(), [], "neither read nor listed yet");
    let later = Serving { clock: Clock::stopped(Timestamp::from_second(NOW + 31).unwrap()), ..server.serving.clone() };
    let platform = platform(&later);
    assert_eq!(find(&platform).await.unwrap().len(), 1);
    assert!(platform.visible_after() >= server.serving.late);
}
