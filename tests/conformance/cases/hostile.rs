//! Ids that are no ids: whatever they look like, no call reaches another path than its own, and nothing changes.

use std::collections::BTreeSet;

use org_operator::domain::fault::FaultKind;
use secrecy::SecretString;

use crate::operations::{Operation, Target};
use crate::subject::{Platform, Subject};
use crate::wire::Exchange;

/// Every path that the client of a platform may ask for; `{}` stands for one segment.
fn paths(platform: Platform) -> &'static [&'static str] {
    match platform {
        Platform::Embedded => &[],
        Platform::Tyk => &[
            "/admin/organisations",
            "/admin/organisations/",
            "/admin/organisations/{}",
            "/admin/users",
            "/admin/users/{}",
            "/api/users",
            "/api/users/{}",
            "/api/users/{}/actions/reset",
            "/api/users/{}/actions/key/reset",
        ],
        Platform::Rockfish => &[
            "/organization",
            "/organization/{}",
            "/organization/{}/user/{}",
            "/user",
            "/user/{}",
            "/token",
            "/token/{}",
            "/project",
        ],
        Platform::Rockit => &["/adm/v1/orgs", "/adm/v1/ping", "/be/v1/orgs/{}", "/be/v1/users", "/be/v1/users/{}"],
    }
}

/// The names of the parameters that it may give.
const PARAMETERS: [&str; 5] = ["p", "limit", "offset", "prune", "invite"];

fn is_own(platform: Platform, exchange: &Exchange) -> bool {
    let segments: Vec<&str> = exchange.uri.path().split('/').collect();
    let path = paths(platform).iter().any(|path| {
        let pattern: Vec<&str> = path.split('/').collect();
        let fits = |(given, wanted): (&&str, &&str)| match *wanted {
            "{}" => !matches!(given.to_ascii_lowercase().replace("%2e", ".").as_str(), "" | "." | ".."),
            literal => *given == literal,
        };
        pattern.len() == segments.len() && segments.iter().zip(&pattern).all(fits)
    });
    let mut names = exchange.uri.query().into_iter().flat_map(|query| query.split('&'));
    path && names.all(|pair| PARAMETERS.contains(&pair.split('=').next().unwrap_or_default()))
}

/// Ids from manifests and from replies.
fn ids() -> Vec<String> {
    let short = [
        "",
        ".",
        "..",
        "/",
        "a/b",
        "../x",
        "../../admin/users",
        "a/../../x",
        "a?x=1",
        "?p=-1",
        "a#b",
        "%2e%2e",
        "%2E./",
        "..%2f",
        "a%2fb",
        "a\\b",
        "..\\..",
        "a;b=c",
        "a b",
        "é",
        "a\u{0}b",
        "a\r\nx: y",
        "*",
        "{}",
        "null",
        "0",
        "-1",
    ];
    short.into_iter().map(str::to_owned).chain(["x".repeat(10_000), "../".repeat(1000)]).collect()
}

/// No id leads anywhere else, and what it names is not there.
pub(crate) async fn lead_nowhere(subject: &Subject) {
    let platform = subject.variant.platform;
    let org = subject.organization("Alpha").await;
    let ada = subject.person(&org, "ada").await;
    subject.settle();
    let real = Target {
        organization: org.id.clone(),
        organization_name: "Alpha".to_owned(),
        user: ada.id,
        username: subject.username("ada"),
        token: "key-0".to_owned(),
        value: SecretString::from("a.b.c"),
        word: "new".to_owned(),
    };
    // What is asked once only is asked now.
    for operation in [Operation::FindOrganizationById, Operation::FindUserById, Operation::ListUsers] {
        let api = if operation.is_inside() { &org.api } else { &subject.api };
        let _ = operation.run(subject, &**api, &real).await;
    }
    subject.exchanges();
    let rows = subject.rows().await;
    let mut asked = BTreeSet::new();
    for id in ids() {
        let nobody = Target { user: id.clone(), token: id.clone(), ..real.clone() };
        let nowhere = Target { organization: id.clone(), ..real.clone() };
        for operation in Operation::ALL {
            for target in [&nobody, &nowhere] {
                let names = |field: &String| *field == id;
                let about = match operation {
                    Operation::FindOrganizationById | Operation::UpdateOrganization | Operation::DeleteOrganization => {
                        names(&target.organization)
                    }
                    Operation::FindUserById
                    | Operation::UpdateUser
                    | Operation::DeleteUser
                    | Operation::SetPassword
                    | Operation::Key
                    | Operation::CreateToken
                    | Operation::FindToken
                    | Operation::DeleteToken
                    | Operation::ListTokens
                    | Operation::Authenticate => names(&target.user) || names(&target.organization),
                    Operation::ListUsers | Operation::CreateUser => names(&target.organization),
                    _ => false,
                };
                // Users are of no organisation there.
                let global = platform == Platform::Rockfish
                    && operation.is_inside()
                    && !names(&target.user)
                    && !matches!(operation, Operation::UpdateUser | Operation::DeleteUser);
                if !about || global {
                    continue;
                }
                let api = if operation.is_inside() { &org.api } else { &subject.api };
                let outcome = operation.run(subject, &**api, target).await;
                let exchanges = subject.exchanges();
                let strange: Vec<_> =
                    exchanges.iter().filter(|one| !is_own(platform, one)).map(Exchange::call).collect();
                assert_eq!(strange, [""; 0], "{operation:?} {id:?}");
                asked.extend(exchanges.iter().map(|one| one.method.clone().to_string()));
                let empty = match operation {
                    Operation::DeleteOrganization | Operation::DeleteUser | Operation::DeleteToken => Some(1),
                    Operation::FindOrganizationById
                    | Operation::FindUserById
                    | Operation::FindToken
                    | Operation::ListUsers
                    | Operation::ListTokens
                    | Operation::Authenticate => Some(0),
                    _ => None,
                };
                match outcome {
                    Ok(found) => assert_eq!(Some(found), empty, "{operation:?} {id:?}"),
                    // What can be absent is, without an error.
                    Err(error) if empty.is_some() => {
                        assert_eq!(error.kind, FaultKind::Unsupported, "{operation:?} {id:?}: {error:?}");
                    }
                    // Which of its refusals means that is not public.
                    Err(error) if platform == Platform::Tyk && operation == Operation::CreateUser => {
                        assert!(matches!(error.kind, FaultKind::Forbidden | FaultKind::Invalid), "{id:?}: {error:?}");
                    }
                    Err(error) => {
                        let kinds = [FaultKind::NotFound, FaultKind::Invalid, FaultKind::Unsupported];
                        assert!(kinds.contains(&error.kind), "{operation:?} {id:?}: {error:?}");
                    }
                }
            }
        }
    }
    assert_eq!(subject.rows().await, rows);
    assert_eq!(asked.is_empty(), platform == Platform::Embedded, "nothing was asked");
}
