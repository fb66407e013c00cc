//! Our own addition: reading and deleting by `self`, and lists. And the servers that have none of it, or show new objects
//! late.

use org_operator::embedded::dialect::{Quirk, rockfish};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{INVITE, Rockfish};
use crate::served::Listener;

#[tokio::test]
async fn what_was_created_is_read_by_its_address_and_in_its_list_without_the_token() {
    let rockfish = Rockfish::new(&[]).await;
    let admin = &rockfish.admin;
    let organization = admin.post("/organization", json!({"name": "internal"})).await.json();
    let mut user = admin.post("/user", json!({"email": "info@rockfish.ai"})).await.json();
    rockfish.join(organization["id"].as_str().unwrap(), user["id"].as_str().unwrap(), json!([])).await;
    let mut token = admin.post("/token", json!({"user": user["self"]})).await.json();
    for shown_once in [&mut user, &mut token] {
        assert!(shown_once.as_object_mut().unwrap().remove("token").is_some());
    }
    let project = admin.get("/project").await.json()[0].clone();
    for (kind, object) in [("organization", &organization), ("user", &user), ("token", &token), ("project", &project)] {
        let path = object["self"].as_str().unwrap().strip_prefix(&format!("http://{}", admin.host)).unwrap().to_owned();
        let read = admin.get(&path).await;
        assert_eq!((read.status, &read.json()), (StatusCode::OK, object), "{path}");
        let list = admin.get(&format!("/{kind}")).await.json();
        assert!(list.as_array().unwrap().contains(object), "{kind}: {list}");
    }
    let tokens = admin.get("/token").await;
    assert_eq!(tokens.json().as_array().unwrap().len(), 2, "with the initial one");
    assert!(!tokens.text.contains("eyJ"), "{}", tokens.text);
}

#[tokio::test]
async fn what_is_deleted_is_gone_and_deleting_it_again_says_so() {
    let rockfish = Rockfish::new(&[]).await;
    let admin = &rockfish.admin;
    let organization = rockfish.organization("internal").await;
    let (user, initial) = rockfish.user("info@rockfish.ai").await;
    rockfish.join(&organization, &user, json!([])).await;
    let token = admin.post("/token", json!({"user": format!("/user/{user}")})).await;
    let project = admin.get("/project").await.json()[0]["id"].as_str().unwrap().to_owned();
    let live = async |token: &str| rockfish.read(token, "/organization").await.status == StatusCode::OK;

    let gone = async |path: String| {
        let first = admin.delete(&path).await;
        assert_eq!((first.status, &*first.text), (StatusCode::NO_CONTENT, ""), "{path}");
        let again = admin.delete(&path).await;
        assert_eq!((again.status, again.member("error")), (StatusCode::NOT_FOUND, "not_found".to_owned()), "{path}");
    };
    assert!(live(&token.member("token")).await);
    gone(format!("/token/{}", token.member("id"))).await;
    assert!(!live(&token.member("token")).await, "a deleted token is revoked");
    assert!(live(&initial).await);
    gone(format!("/project/{project}")).await;
    gone(format!("/organization/{organization}/user/{user}")).await;
    assert_eq!(rockfish.read(&initial, "/organization").await.json(), json!([]), "no member, but still a user");
    rockfish.join(&organization, &user, json!([])).await;
    let of_organization = admin.post("/token", json!({"user": format!("/user/{user}")})).await.member("token");
    gone(format!("/organization/{organization}")).await;
    assert!(!live(&of_organization).await, "the tokens of an organization go with it");
    assert!(live(&initial).await, "its users do not");
    assert_eq!(admin.get(&format!("/user/{user}")).await.status, StatusCode::OK);
    gone(format!("/user/{user}")).await;
    assert!(!live(&initial).await);
    for kind in ["organization", "user", "token", "project"] {
        assert_eq!(admin.get(&format!("/{kind}")).await.json(), json!([]), "{kind}");
    }
}

#[tokio::test]
async fn a_server_as_documented_has_none_of_it() {
    let rockfish = Rockfish::new(&[Quirk::RockfishAsDocumented]).await;
    let organization = rockfish.organization("internal").await;
    let (user, token) = rockfish.user("info@rockfish.ai").await;
    rockfish.join(&organization, &user, json!(["Admin"])).await;
    let project = rockfish.admin.get("/project").await.json()[0]["id"].as_str().unwrap().to_owned();
    let (known, unknown) = (StatusCode::METHOD_NOT_ALLOWED, StatusCode::NOT_FOUND);
    for (method, path, status) in [
        (Method::GET, "/organization".to_owned(), known),
        (Method::GET, "/user".to_owned(), known),
        (Method::GET, "/token".to_owned(), known),
        (Method::DELETE, format!("/organization/{organization}/user/{user}"), known),
        (Method::GET, format!("/organization/{organization}"), unknown),
        (Method::DELETE, format!("/organization/{organization}"), unknown),
        (Method::GET, format!("/user/{user}"), unknown),
        (Method::DELETE, format!("/user/{user}"), unknown),
        (Method::GET, format!("/project/{project}"), unknown),
        (Method::DELETE, format!("/token/{user}"), unknown),
    ] {
        let answer = rockfish.admin.send(method.clone(), &path, &[], None).await;
        assert_eq!(answer.status, status, "{method} {path}");
        assert_eq!(answer.header("allow").is_some(), status == known, "{method} {path}");
    }
    for (method, path, status) in [
        (Method::GET, format!("/organization/{organization}"), unknown),
        (Method::GET, format!("/user/{user}"), unknown),
        (Method::DELETE, format!("/user/{user}"), unknown),
        (Method::DELETE, format!("/project/{project}"), known),
        (Method::GET, format!("/project/{project}"), StatusCode::OK),
        (Method::GET, "/organization".to_owned(), StatusCode::OK),
    ] {
        let answer = rockfish.call(&token, method.clone(), &path, None).await;
        assert_eq!(answer.status, status, "{method} {path}");
    }
}

#[tokio::test]
async fn on_the_public_api_a_caller_reads_and_deletes_their_own() {
    let rockfish = Rockfish::new(&[]).await;
    let organization = rockfish.organization("internal").await;
    let (user, token) = rockfish.user("info@rockfish.ai").await;
    let (other, foreign) = rockfish.user("other@rockfish.ai").await;
    rockfish.join(&organization, &user, json!([])).await;
    let id = |token: &str| super::part(token, 1)["token_id"].as_str().unwrap().to_owned();
    let status = async |token: &str, method, path: String| rockfish.call(token, method, &path, None).await.status;
    for (path, foreign_status) in [
        (format!("/organization/{organization}"), StatusCode::FORBIDDEN),
        (format!("/user/{user}"), StatusCode::FORBIDDEN),
        (format!("/token/{}", id(&token)), StatusCode::FORBIDDEN),
    ] {
        assert_eq!(status(&token, Method::GET, path.clone()).await, StatusCode::OK, "{path}");
        assert_eq!(status(&foreign, Method::GET, path.clone()).await, foreign_status, "{path}");
    }
    for path in [format!("/user/{user}"), format!("/token/{}", id(&token))] {
        assert_eq!(status(&foreign, Method::DELETE, path.clone()).await, StatusCode::FORBIDDEN, "{path}");
    }
    assert_eq!(status(&token, Method::DELETE, format!("/token/{}", id(&token))).await, StatusCode::NO_CONTENT);
    assert_eq!(status(&token, Method::GET, "/organization".to_owned()).await, StatusCode::UNAUTHORIZED);
    assert_eq!(status(&foreign, Method::DELETE, format!("/user/{other}")).await, StatusCode::NO_CONTENT);
    assert_eq!(status(&foreign, Method::GET, "/organization".to_owned()).await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_late_server_shows_new_objects_after_a_while_but_serves_them_at_once() {
    let rockfish = Rockfish::new(&[]).await;
    let organization = rockfish.organization("internal").await;
    let (user, token) = rockfish.user("info@rockfish.ai").await;
    rockfish.join(&organization, &user, json!([])).await;
    let project = rockfish.admin.get("/project").await.json()[0]["id"].as_str().unwrap().to_owned();
    let admin_paths = [format!("/organization/{organization}"), format!("/user/{user}"), format!("/project/{project}")];
    let public_paths =
        ["/organization/active".to_owned(), format!("/organization/{organization}"), "/project/active".to_owned()];
    for (seconds, shown) in [(29, false), (30, true)] {
        let serving = rockfish.data.serving(seconds, INVITE, &[Quirk::Late]);
        let late = Rockfish {
            admin: Listener::new(rockfish::admin_router(serving.clone())).await,
            public: Listener::new(rockfish::public_router(serving)).await,
            data: crate::served::Data::new().await,
        };
        let status = if shown { StatusCode::OK } else { StatusCode::NOT_FOUND };
        for path in &admin_paths {
            assert_eq!(late.admin.get(path).await.status, status, "{path} after {seconds} s");
        }
        for path in &public_paths {
            assert_eq!(late.read(&token, path).await.status, status, "{path} after {seconds} s");
        }
        for list in ["/organization", "/user", "/token", "/project"] {
            let count = late.admin.get(list).await.json().as_array().map(Vec::len);
            assert_eq!(count, Some(usize::from(shown)), "{list} after {seconds} s");
        }
        let own = late.read(&token, "/organization").await.json();
        assert_eq!(own == Value::Array(Vec::new()), !shown, "{own}");
        let minted = late.admin.post("/token", json!({"user": format!("/user/{user}")})).await;
        assert_eq!(minted.status, StatusCode::CREATED, "what is not shown yet can be used");
        late.admin.delete(&format!("/token/{}", minted.member("id"))).await;
    }
}
