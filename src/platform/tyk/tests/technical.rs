//! The technical administrators.

use serde_json::json;

use super::*;
use crate::domain::entity::{Lookup, UserChange};
use crate::domain::fault::FaultKind;

async fn acme() -> (Scene, InOrganization) {
    let scene = Scene::new();
    let scope = InOrganization { organization_id: scene.organization("acme").await.id };
    (scene, scope)
}

#[tokio::test]
async fn one_is_made_when_it_is_needed_kept_and_used_again() {
    let (scene, scope) = acme().await;
    assert_eq!(scene.world().users.len(), 0, "making an organisation needs none");
    scene.users().create(user(&scope, "jo@example.org")).await.unwrap();
    assert_eq!(scene.world().technical().len(), 0, "nor does making a user");
    scene.users().list(&scope, None).await.unwrap();
    let kept = scene.kept.of(&scope.organization_id).unwrap();
    let made = scene.world().technical()[0].clone();
    assert_eq!(made["id"], kept.user_id.as_str());
    assert_eq!(made["email_address"], kept.email.as_str());
    assert_eq!(made["access_key"], kept.key.expose_secret());
    assert_eq!(made["org_id"], scope.organization_id.as_str());
    assert_eq!(made["user_permissions"], json!({ "IsAdmin": "admin", "ResetPassword": "admin" }));
    assert_eq!(made.get("password"), None);

    // The same process, and the next one.
    let restarted = Scene::with(scene.dashboard.clone(), Arc::clone(&scene.kept));
    for scene in [&scene, &restarted] {
        scene.pass(31);
        assert_eq!(scene.users().list(&scope, None).await.unwrap().records.len(), 1);
        assert_eq!(scene.world().technical().len(), 1);
    }
}

#[tokio::test]
async fn several_who_need_one_at_once_share_it() {
    let (scene, scope) = acme().await;
    let finds = (0..10).map(|n| Lookup::Name(format!("{n}"))).collect::<Vec<_>>();
    let (one, two) = tokio::join!(
        futures::future::join_all(finds.iter().map(|lookup| scene.users().find(&scope, lookup))),
        scene.users().list(&scope, None),
    );
    assert!(one.iter().all(Result::is_ok) && two.is_ok());
    assert_eq!(scene.world().technical().len(), 1);
}

#[tokio::test]
async fn nobody_sees_or_touches_one() {
    let (scene, scope) = acme().await;
    // Another operator's is one as well.
    let theirs = json!({
        "id": "t", "org_id": scope.organization_id, "active": true, "access_key": "k",
        "email_address": "org-operator-1.other@technical-administrator.invalid",
    });
    scene.world().users.push(theirs.clone());
    assert_eq!(scene.users().list(&scope, None).await.unwrap().records, []);
    let kept = scene.kept.of(&scope.organization_id).unwrap();
    for (id, email) in [(kept.user_id.as_str(), kept.email.as_str()), ("t", theirs["email_address"].as_str().unwrap())]
    {
        for lookup in [Lookup::Id(id.to_owned()), Lookup::Name(email.to_owned())] {
            assert_eq!(scene.users().find(&scope, &lookup).await.unwrap(), [], "{lookup:?}");
        }
        let change = UserChange { first_name: Some("X".to_owned()), ..UserChange::default() };
        assert_eq!(scene.users().update(&scope, id, &change).await.unwrap_err().kind, FaultKind::NotFound);
        scene.users().delete(&scope, id).await.unwrap();
        let of = OfUser { organization_id: scope.organization_id.clone(), user_id: id.to_owned() };
        assert_eq!(scene.tokens().create(token(&of)).await.unwrap_err().kind, FaultKind::NotFound);
    }
    assert_eq!(scene.world().technical().len(), 2);
}

#[tokio::test]
async fn one_whose_key_is_lost_is_replaced_and_goes() {
    let (scene, scope) = acme().await;
    scene.users().create(user(&scope, "jo@example.org")).await.unwrap();
    scene.users().list(&scope, None).await.unwrap();
    let first = scene.kept.of(&scope.organization_id).unwrap();
    let stranger = json!({
        "id": "t", "org_id": scope.organization_id, "active": true, "access_key": "k",
        "email_address": "org-operator-1.other@technical-administrator.invalid",
    });
    scene.world().users.push(stranger);
    scene.world().user_mut(&first.user_id)["access_key"] = "reset by somebody".into();
    scene.pass(31);
    assert_eq!(scene.users().list(&scope, None).await.unwrap().records.len(), 1);
    let second = scene.kept.of(&scope.organization_id).unwrap();
    assert_ne!(first.user_id, second.user_id);
    let left: Vec<String> =
        scene.world().technical().iter().map(|user| user["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(left, ["t".to_owned(), second.user_id.clone()], "the former is gone, another operator's is not");

    // One that is gone altogether, and the Secret with it.
    scene.kept.all.lock().unwrap().clear();
    scene.world().users.retain(|user| user["id"] != second.user_id.as_str());
    scene.pass(31);
    assert_eq!(scene.users().list(&scope, None).await.unwrap().records.len(), 1);
    assert!(scene.kept.of(&scope.organization_id).is_some());
}

#[tokio::test]
async fn one_that_another_process_made_anew_is_taken_up() {
    let (scene, scope) = acme().await;
    scene.users().list(&scope, None).await.unwrap();
    let first = scene.kept.of(&scope.organization_id).unwrap();
    let other = Scene::with(scene.dashboard.clone(), Arc::clone(&scene.kept));
    scene.world().user_mut(&first.user_id)["access_key"] = "reset by somebody".into();
    other.users().list(&scope, None).await.unwrap();
    let second = scene.kept.of(&scope.organization_id).unwrap();
    scene.pass(31);
    scene.users().list(&scope, None).await.unwrap();
    assert_eq!(scene.kept.of(&scope.organization_id).unwrap().user_id, second.user_id);
    assert_eq!(scene.world().technical().len(), 1);
}

#[tokio::test]
async fn one_that_cannot_be_kept_is_not_used_and_goes_again() {
    let (scene, scope) = acme().await;
    *scene.kept.refuses.lock().unwrap() = true;
    let refused = scene.users().list(&scope, None).await.unwrap_err();
    assert_eq!((refused.kind, refused.message.as_str()), (FaultKind::Forbidden, "no right to write Secrets"));
    assert_eq!(scene.world().users.len(), 0);
    *scene.kept.refuses.lock().unwrap() = false;
    scene.users().list(&scope, None).await.unwrap();
    assert_eq!(scene.world().users.len(), 1);
}

#[tokio::test]
async fn one_whose_creation_was_lost_goes_with_the_next() {
    let (scene, scope) = acme().await;
    scene.world().faults.push((Method::POST, "/users", Fault::LosesAnswer));
    assert_eq!(scene.users().list(&scope, None).await.unwrap_err().kind, FaultKind::OutcomeUnknown);
    assert_eq!(scene.world().technical().len(), 1);
    scene.users().list(&scope, None).await.unwrap();
    assert_eq!(scene.world().technical().len(), 1);
    let kept = scene.kept.of(&scope.organization_id).unwrap();
    assert_eq!(scene.world().technical()[0]["id"], kept.user_id.as_str());
}

#[tokio::test]
async fn none_is_made_for_an_organisation_that_is_not_there() {
    let scene = Scene::new();
    for id in ["5f0000000000000000000000", "", ".."] {
        let scope = InOrganization { organization_id: id.to_owned() };
        assert_eq!(scene.users().list(&scope, None).await.unwrap().records, []);
        let name = Lookup::Name("jo@example.org".to_owned());
        assert_eq!(scene.users().find(&scope, &name).await.unwrap(), []);
        scene.users().delete(&scope, "u").await.unwrap();
    }
    assert_eq!(scene.world().writes(), 0);
}

#[tokio::test]
async fn one_goes_with_its_organisation() {
    let (scene, scope) = acme().await;
    scene.users().list(&scope, None).await.unwrap();
    assert_eq!(scene.world().technical().len(), 1);
    scene.organizations().delete(&(), &scope.organization_id).await.unwrap();
    assert_eq!(scene.world().technical().len(), 0);
    assert_eq!(scene.world().organizations.len(), 0);
    assert_eq!(scene.users().list(&scope, None).await.unwrap().records, []);
    assert_eq!(scene.world().users.len(), 0);

    // One that does not go keeps no organisation.
    let scope = InOrganization { organization_id: scene.organization("acme").await.id };
    scene.users().list(&scope, None).await.unwrap();
    let kept = scene.kept.of(&scope.organization_id).unwrap();
    let end: &'static str = kept.user_id.clone().leak();
    scene.world().faults.push((Method::DELETE, end, Fault::Answers(500, "")));
    scene.organizations().delete(&(), &scope.organization_id).await.unwrap();
    assert_eq!(scene.world().organizations.len(), 0);
}

#[tokio::test]
async fn where_no_key_is_accepted_not_one_after_the_other_is_made() {
    let (scene, scope) = acme().await;
    let refused = Fault::Answers(401, r#"{"Status":"Error","Message":"Not authorised","Meta":null}"#);
    scene.world().faults.extend((0..40).map(|_| (Method::GET, "/api/users", refused.clone())));
    for _ in 0..5 {
        scene.users().list(&scope, None).await.unwrap_err();
        scene.pass(60);
    }
    assert_eq!(scene.world().technical().len(), 2, "the first, and one more to see whether it is the key");
    scene.world().faults.clear();
    scene.users().list(&scope, None).await.unwrap();
}
