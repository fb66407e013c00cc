//! Tokens: the one key of a user.

use super::*;
use crate::domain::capability::{Capability, Support};
use crate::domain::entity::{Lookup, TokenChange};
use crate::domain::fault::FaultKind;
use crate::platform::AdminApi;

async fn ids(scene: &Scene, of: &OfUser, id: &str) -> Vec<String> {
    let found = scene.tokens().find(of, &Lookup::Id(id.to_owned())).await.unwrap();
    found.into_iter().map(|token| token.id).collect()
}

#[tokio::test]
async fn a_token_is_minted_by_a_reset_and_named_by_its_key() {
    let scene = Scene::new();
    let (_, of, first) = scene.with_user().await;
    let made = scene.tokens().create(token(&of)).await.unwrap();
    let (record, key) = (made.record, made.one_time.unwrap());
    assert_ne!(key.expose_secret(), first.expose_secret());
    assert_eq!(scene.world().users[0]["access_key"], key.expose_secret());
    assert_eq!(record.id.len(), 20);
    assert!(record.id.starts_with("key-") && record.id[4..].chars().all(|c| c.is_ascii_hexdigit()), "{}", record.id);
    assert_eq!((record.issued_at, record.expires_at), (Some(*scene.now.lock().unwrap()), None));
    assert_eq!(ids(&scene, &of, &record.id).await, std::slice::from_ref(&record.id));
    assert_eq!(ids(&scene, &of, "key-0000000000000000").await, [""; 0]);
    for lookup in [Lookup::Name("ci".to_owned()), Lookup::Owner("cluster/team/ci".to_owned())] {
        assert_eq!(scene.tokens().find(&of, &lookup).await.unwrap(), []);
    }
    let again = scene.tokens().create(token(&of)).await.unwrap();
    assert_ne!(again.record.id, record.id);
    assert_eq!(ids(&scene, &of, &record.id).await, [""; 0], "the one before has ended");
    let writes = scene.world().writes();
    let change = TokenChange { owner: Some(Some("cluster/team/ci#0".to_owned())) };
    assert_eq!(scene.tokens().update(&of, &record.id, &change).await.unwrap().id, record.id);
    assert_eq!(scene.world().writes(), writes);
}

#[tokio::test]
async fn the_id_is_the_one_that_a_secret_of_long_ago_names() {
    let scene = Scene::new();
    let (_, of, _) = scene.with_user().await;
    scene.world().user_mut(&of.user_id)["access_key"] = "c8251902f3f44dfa729e0267d0d62859".into();
    // printf c8251902f3f44dfa729e0267d0d62859 | sha256sum
    assert_eq!(ids(&scene, &of, KNOWN).await, [KNOWN]);
}

const KNOWN: &str = "key-b70096573368799f";

#[tokio::test]
async fn a_key_that_is_hidden_is_never_reset() {
    let scene = Scene::new();
    let (scope, of, first) = scene.with_user().await;
    let made = scene.tokens().create(token(&of)).await.unwrap();
    let key = made.one_time.unwrap();
    scene.world().hides_keys = true;
    let writes = scene.world().writes();
    let refused = scene.tokens().create(token(&of)).await.unwrap_err();
    assert_eq!(refused.kind, FaultKind::Unsupported);
    assert!(refused.message.contains("hides the access keys"), "{refused}");
    let id = Lookup::Id(made.record.id.clone());
    assert_eq!(scene.tokens().find(&of, &id).await.unwrap_err().kind, FaultKind::Unsupported);
    assert_eq!(scene.tokens().delete(&of, &made.record.id).await.unwrap_err().kind, FaultKind::Unsupported);
    assert_eq!(scene.tyk.key(&of).await.unwrap().map(|_| ()), None);
    assert_eq!(scene.world().writes(), writes);
    assert_eq!(scene.world().users[0]["access_key"], key.expose_secret());
    // Whether it logs in is known all the same: a user is shown its own.
    assert_eq!(scene.tyk.authenticates(&of, &key).await.unwrap(), Some(made.record.id));
    assert_eq!(scene.tyk.authenticates(&of, &first).await.unwrap(), None);
    let another = scene.users().create(user(&scope, "bo@example.org")).await.unwrap().one_time.unwrap();
    assert_eq!(scene.tyk.authenticates(&of, &another).await.unwrap(), None, "it reads this user, and is another's");
    assert_eq!(scene.tyk.capabilities().of(Capability::TokenRevoke), Support::Supported, "a key was shown once");
}

#[tokio::test]
async fn a_token_is_revoked_by_a_reset_if_it_is_still_the_key() {
    let scene = Scene::new();
    let (_, of, _) = scene.with_user().await;
    let old = scene.tokens().create(token(&of)).await.unwrap();
    let new = scene.tokens().create(token(&of)).await.unwrap();
    let key = new.one_time.unwrap();
    scene.tokens().delete(&of, &old.record.id).await.unwrap();
    assert_eq!(scene.world().users[0]["access_key"], key.expose_secret(), "it has ended long ago");
    scene.tokens().delete(&of, &new.record.id).await.unwrap();
    assert_ne!(scene.world().users[0]["access_key"], key.expose_secret());
    assert_eq!(scene.tyk.authenticates(&of, &key).await.unwrap(), None);
    let after = scene.world().users[0]["access_key"].clone();
    scene.tokens().delete(&of, &new.record.id).await.unwrap();
    assert_eq!(scene.world().users[0]["access_key"], after);
}

#[tokio::test]
async fn without_the_user_there_is_no_key() {
    let scene = Scene::new();
    let (_, of, _) = scene.with_user().await;
    let elsewhere = OfUser { organization_id: scene.organization("other").await.id, ..of.clone() };
    let absent = OfUser { user_id: "absent".to_owned(), ..of.clone() };
    for of in [elsewhere, absent] {
        assert_eq!(scene.tyk.key(&of).await.unwrap_err().kind, FaultKind::NotFound);
        assert_eq!(scene.tokens().create(token(&of)).await.unwrap_err().kind, FaultKind::NotFound);
        assert_eq!(ids(&scene, &of, "key-0000000000000000").await, [""; 0]);
        scene.tokens().delete(&of, "key-0000000000000000").await.unwrap();
        assert_eq!(scene.tyk.authenticates(&of, &"k".into()).await.unwrap(), None);
    }
}

#[tokio::test]
async fn a_key_is_read_again_and_tells_who_logs_in() {
    let scene = Scene::new();
    let (scope, of, key) = scene.with_user().await;
    let shown = scene.tyk.key(&of).await.unwrap().unwrap();
    assert_eq!(shown.expose_secret(), key.expose_secret());
    let id = scene.tyk.authenticates(&of, &key).await.unwrap().unwrap();
    assert_eq!(ids(&scene, &of, &id).await, [id]);
    // The key of another administrator is let in, and is not this user's.
    let another = scene.users().create(user(&scope, "bo@example.org")).await.unwrap().one_time.unwrap();
    for wrong in [another, "".into(), "a\nb".into(), "wrong".into()] {
        assert_eq!(scene.tyk.authenticates(&of, &wrong).await.unwrap(), None);
    }
    // One without rights logs in all the same, and one that is not active does not.
    scene.world().user_mut(&of.user_id)["user_permissions"] = serde_json::json!({ "apis": "read" });
    assert!(scene.tyk.authenticates(&of, &key).await.unwrap().is_some());
    scene.world().user_mut(&of.user_id)["active"] = false.into();
    assert_eq!(scene.tyk.authenticates(&of, &key).await.unwrap(), None);
}

#[tokio::test]
async fn a_reset_whose_answer_is_lost_is_unknown_and_the_key_is_read_by_the_next_pass() {
    let cases = [
        (Method::PUT, "/actions/key/reset", Fault::LosesAnswer),
        (Method::PUT, "/actions/key/reset", Fault::DoesAndAnswers(502, "")),
        (Method::PUT, "/actions/key/reset", Fault::DoesAndAnswers(200, r#"{"Status":"Error","Message":"x"}"#)),
    ];
    for fault in cases {
        let scene = Scene::new();
        let (_, of, first) = scene.with_user().await;
        scene.world().faults.push(fault.clone());
        assert_eq!(scene.tokens().create(token(&of)).await.unwrap_err().kind, FaultKind::OutcomeUnknown, "{fault:?}");
        let key = scene.tyk.key(&of).await.unwrap().unwrap();
        assert_ne!(key.expose_secret(), first.expose_secret());
    }
    // A reset that did not happen, though it was said to have.
    let scene = Scene::new();
    let (_, of, _) = scene.with_user().await;
    let said = r#"{"Status":"OK","Message":"User session renewed","Meta":null}"#;
    scene.world().faults.push((Method::PUT, "/actions/key/reset", Fault::Answers(200, said)));
    assert_eq!(scene.tokens().create(token(&of)).await.unwrap_err().kind, FaultKind::OutcomeUnknown);
}

#[tokio::test]
async fn a_user_is_shown_with_the_id_of_the_key_that_it_has_now() {
    let scene = Scene::new();
    let (scope, of, key) = scene.with_user().await;
    let id = Lookup::Id(of.user_id.clone());
    let shown = async |scene: &Scene| scene.users().find(&scope, &id).await.unwrap()[0].key_id.clone();
    assert_eq!(shown(&scene).await, scene.tyk.authenticates(&of, &key).await.unwrap());
    let made = scene.tokens().create(token(&of)).await.unwrap();
    assert_eq!(shown(&scene).await, Some(made.record.id.clone()));
    scene.tokens().delete(&of, &made.record.id).await.unwrap();
    assert_ne!(shown(&scene).await, Some(made.record.id));
    scene.world().hides_keys = true;
    scene.pass(31);
    assert_eq!(shown(&scene).await, None);
}

#[tokio::test]
async fn what_a_key_cannot_have_is_refused() {
    let scene = Scene::new();
    let (_, of, _) = scene.with_user().await;
    let writes = scene.world().writes();
    let ending = NewToken { expires_at: Some(Timestamp::MAX), ..token(&of) };
    assert_eq!(scene.tokens().create(ending).await.unwrap_err().kind, FaultKind::Unsupported);
    assert_eq!(scene.tokens().list(&of, None).await.unwrap_err().kind, FaultKind::Unsupported);
    assert_eq!(scene.world().writes(), writes);
}
