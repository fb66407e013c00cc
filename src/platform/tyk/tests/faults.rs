//! What goes wrong on the way, on every call.

use super::*;
use crate::domain::entity::{Lookup, OrganizationChange, UserChange};
use crate::domain::fault::FaultKind;
use crate::platform::AdminApi;

/// Every call that a client makes, with the request of it that fails.
const CALLS: [(&str, Method, &str); 13] = [
    ("find", Method::GET, "/organisations"),
    ("create", Method::POST, "/organisations/"),
    ("update: read", Method::GET, "ORG"),
    ("update", Method::PUT, "ORG"),
    ("delete", Method::DELETE, "ORG"),
    ("find user", Method::GET, "/api/users"),
    ("create user", Method::POST, "/admin/users"),
    ("update user: read", Method::GET, "USER"),
    ("update user", Method::PUT, "USER"),
    ("delete user", Method::DELETE, "USER"),
    ("set password", Method::POST, "/actions/reset"),
    ("create token", Method::PUT, "/actions/key/reset"),
    ("probe", Method::GET, "/admin/organisations"),
];

/// Makes that call in a world where that happens once.
async fn fails(call: &(&'static str, Method, &'static str), fault: &Fault) -> Option<Error> {
    let scene = Scene::new();
    let (scope, of, _) = scene.with_user().await;
    scene.users().list(&scope, None).await.unwrap();
    scene.pass(31);
    let end = match call.2 {
        "ORG" => scope.organization_id.clone().leak(),
        "USER" => of.user_id.clone().leak(),
        end => end,
    };
    // The technical administrator's own end is in the way of none of these.
    scene.world().faults.push((call.1.clone(), end, fault.clone()));
    let mark = OrganizationChange { owner: Some(Some("cluster/x/y".to_owned())), ..OrganizationChange::default() };
    let name = UserChange { first_name: Some("X".to_owned()), ..UserChange::default() };
    let lookup = Lookup::Name("x".to_owned());
    let organization_id = &scope.organization_id;
    match call.0 {
        "find" => scene.organizations().find(&(), &lookup).await.err(),
        "create" => scene.organizations().create(organization("new")).await.err(),
        "update: read" | "update" => scene.organizations().update(&(), organization_id, &mark).await.err(),
        "delete" => scene.organizations().delete(&(), organization_id).await.err(),
        "find user" => scene.users().find(&scope, &lookup).await.err(),
        "create user" => scene.users().create(user(&scope, "bo@example.org")).await.err(),
        "update user: read" | "update user" => scene.users().update(&scope, &of.user_id, &name).await.err(),
        "delete user" => scene.users().delete(&scope, &of.user_id).await.err(),
        "set password" => scene.tyk.set_password(&scope, &of.user_id, "correct horse".into()).await.err(),
        "create token" => scene.tokens().create(token(&of)).await.err(),
        "probe" => scene.tyk.probe().await.err(),
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn every_call_has_its_kind_for_what_goes_wrong() {
    let unavailable = FaultKind::Unavailable(None);
    for call in &CALLS {
        let creates = matches!(call.0, "create" | "create user" | "create token");
        let (strange, silence) = if creates {
            (FaultKind::OutcomeUnknown, FaultKind::OutcomeUnknown)
        } else {
            (unavailable, FaultKind::TimedOut)
        };
        let cases = [
            (Fault::LosesAnswer, silence),
            (Fault::Answers(403, "hunter2"), FaultKind::Forbidden),
            (Fault::Answers(405, "hunter2"), FaultKind::Unsupported),
            (Fault::Answers(409, "hunter2"), FaultKind::AlreadyExists),
            (Fault::Answers(429, "hunter2"), FaultKind::RateLimited(None)),
            (Fault::Answers(500, "hunter2"), strange),
            (Fault::Answers(503, "hunter2"), unavailable),
            (Fault::Answers(307, "hunter2"), unavailable),
            (Fault::Answers(200, "<html>hunter2</html>"), strange),
            (Fault::Answers(200, r#"{"Status":"Error","Message":"hunter2","Meta":null}"#), strange),
            (Fault::Answers(200, r#"{"Status":"OK","Mess"#), strange),
        ];
        for (fault, kind) in cases {
            let error = fails(call, &fault).await.unwrap_or_else(|| panic!("{call:?}: {fault:?} is no error"));
            assert_eq!(error.kind, kind, "{call:?}: {fault:?}: {error}");
            let secret = ["hunter2", SECRET, "correct horse", "abc0"];
            assert_eq!(reveals(&error, &secret), [""; 0], "{call:?}: {fault:?}");
        }
    }
}

#[tokio::test]
async fn a_404_that_is_not_the_dashboard_s_own_is_no_word_of_absence() {
    for call in CALLS.iter().filter(|call| !matches!(call.1, Method::POST) && call.0 != "create token") {
        // A PUT was preceded by a read, so what it names was there.
        let kind = if call.1 == Method::PUT { FaultKind::NotFound } else { FaultKind::Unavailable(None) };
        let error = fails(call, &Fault::Answers(404, "404 page not found")).await;
        assert_eq!(error.map(|error| error.kind), Some(kind), "{call:?}");
    }
}

#[tokio::test]
async fn an_admin_secret_that_is_not_accepted_is_said_on_every_call() {
    for call in
        CALLS.iter().filter(|call| !matches!(call.0, "find user" | "delete user" | "set password" | "create token"))
    {
        let refused = Fault::Answers(401, r#"{"Status":"Error","Message":"Not authorised","Meta":null}"#);
        let error = fails(call, &refused).await;
        assert_eq!(error.map(|error| error.kind), Some(FaultKind::Unauthenticated), "{call:?}");
    }
}

#[tokio::test]
async fn what_a_dashboard_is_is_said() {
    use crate::domain::capability::{Capability, Support};
    use crate::domain::entity::Kind;
    use crate::platform::Need;
    use Capability::{DisplayName, KeyPairPush, OrganizationAdmin, Projects, TokenExpiry, TokenList, TokensPerUser};

    let scene = Scene::new();
    let table = scene.tyk.capabilities();
    let cannot: Vec<_> = table
        .rows()
        .filter(|(_, support)| *support == Support::Unsupported)
        .map(|(capability, _)| capability)
        .collect();
    let expected = [DisplayName, OrganizationAdmin, KeyPairPush, TokensPerUser, TokenList, TokenExpiry, Projects];
    assert_eq!(cannot, expected);
    assert!(table.rows().all(|(_, support)| support != Support::Unknown));
    assert_eq!(scene.tyk.url(), "http://tyk.test:3000");
    assert!(scene.tyk.marks(Kind::Organization) && !scene.tyk.marks(Kind::User) && !scene.tyk.marks(Kind::Token));
    assert!(scene.tyk.needs(Need::Email) && !scene.tyk.needs(Need::Admin) && !scene.tyk.needs(Need::KeyPair));
    for name in ["Jively", "Größe & Söhne <x>", "a"] {
        assert_eq!(scene.tyk.check_name(Kind::Organization, name), Ok(()));
    }
    for name in ["", " ", "a\nb"] {
        assert!(scene.tyk.check_name(Kind::Organization, name).is_err());
    }
    assert!(!format!("{:?}", scene.tyk).contains(SECRET));
}
