//! The exchanges of the vendor's page "Organizations", in its order. Replies are compared as text, so that the order of
//! the members is that of the page too.

use reqwest::{Method, StatusCode};
use serde_json::json;

use super::{INVITE, Rockfish, is_id, part};
use crate::served::{Answer, at};

fn is_created(answer: &Answer, address: &str) {
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
    assert_eq!(answer.header("location"), Some(address));
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.member("self"), address);
}

#[tokio::test]
async fn create_an_organization() {
    let rockfish = Rockfish::new(&[]).await;
    let made = rockfish.admin.post("/organization", json!({"name": "internal"})).await;
    let id = made.member("id");
    assert!(is_id(&id), "{id}");
    let address = format!("http://{}/organization/{id}", rockfish.admin.host);
    is_created(&made, &address);
    assert_eq!(made.text, format!(r#"{{"id":"{id}","name":"internal","self":"{address}"}}"#));
}

#[tokio::test]
async fn create_a_user_who_gets_an_initial_token() {
    let rockfish = Rockfish::new(&[]).await;
    let made = rockfish.admin.post("/user", json!({"email": "info@rockfish.ai"})).await;
    let (id, token) = (made.member("id"), made.member("token"));
    assert!(is_id(&id), "{id}");
    let address = format!("http://{}/user/{id}", rockfish.admin.host);
    is_created(&made, &address);
    let expected = format!(r#"{{"email":"info@rockfish.ai","id":"{id}","self":"{address}","token":"{token}"}}"#);
    assert_eq!(made.text, expected);

    assert_eq!(part(&token, 0), json!({"alg": "HS256", "typ": "JWT"}));
    let claims = part(&token, 1);
    let token_id = claims["token_id"].as_str().unwrap();
    assert!(is_id(token_id), "{token_id}");
    let now = at(0).as_second();
    assert_eq!(claims, json!({"iat": now, "iss": "api", "nbf": now, "token_id": token_id, "user_id": id}));
}

#[tokio::test]
async fn create_a_user_with_the_invite_code() {
    let rockfish = Rockfish::new(&[]).await;
    let path = format!("/user?invite={INVITE}");
    let made = rockfish.public.post(&path, json!({"email": "howdy@rockfish.ai"})).await;
    let (id, token) = (made.member("id"), made.member("token"));
    let address = format!("http://{}/user/{id}", rockfish.public.host);
    is_created(&made, &address);
    let expected = format!(r#"{{"email":"howdy@rockfish.ai","id":"{id}","self":"{address}","token":"{token}"}}"#);
    assert_eq!(made.text, expected);
    assert_eq!(part(&token, 1)["user_id"], json!(id));
    assert_eq!(rockfish.read(&token, "/organization").await.json(), json!([]), "the token is live");
}

#[tokio::test]
async fn add_the_user_to_the_organization_which_makes_the_default_project() {
    let rockfish = Rockfish::new(&[]).await;
    let organization = rockfish.organization("internal").await;
    let (user, _) = rockfish.user("info@rockfish.ai").await;
    let path = format!("/organization/{organization}/user/{user}");
    for roles in [json!([]), json!(["Admin"])] {
        let joined = rockfish.admin.put(&path, json!({"roles": roles})).await;
        assert_eq!((joined.status, &*joined.text), (StatusCode::NO_CONTENT, ""));
    }

    let projects = rockfish.admin.send(Method::GET, "/project", &[], None).await;
    assert_eq!(projects.status, StatusCode::OK);
    assert_eq!(projects.header("content-type"), Some("application/json"));
    let id = projects.json()[0]["id"].as_str().unwrap().to_owned();
    assert!(is_id(&id), "{id}");
    let host = &rockfish.admin.host;
    assert_eq!(
        projects.text,
        format!(
            r#"[{{"default":true,"id":"{id}","name":"Default Project","owner":"http://{host}/user/{user}","owner_id":"{user}","self":"http://{host}/project/{id}"}}]"#
        )
    );
}

#[tokio::test]
async fn create_an_additional_token() {
    let rockfish = Rockfish::new(&[]).await;
    let organization = rockfish.organization("internal").await;
    let (user, _) = rockfish.user("info@rockfish.ai").await;
    rockfish.join(&organization, &user, json!([])).await;
    let host = &rockfish.admin.host;
    let of = format!("http://{host}/user/{user}");
    let made = rockfish.admin.post("/token", json!({"user": of})).await;
    let (id, token) = (made.member("id"), made.member("token"));
    let address = format!("http://{host}/token/{id}");
    is_created(&made, &address);
    assert_eq!(
        made.text,
        format!(
            r#"{{"id":"{id}","organization":"http://{host}/organization/{organization}","self":"{address}","token":"{token}","user":"{of}"}}"#
        )
    );
    let now = at(0).as_second();
    assert_eq!(
        part(&token, 1),
        json!({
            "iat": now, "iss": "api", "nbf": now, "org_id": organization, "token_id": id, "user_id": user,
        })
    );
}

#[tokio::test]
async fn a_user_without_an_organization_gets_a_token_without_one() {
    let rockfish = Rockfish::new(&[]).await;
    let (user, _) = rockfish.user("info@rockfish.ai").await;
    let made = rockfish.admin.post("/token", json!({"user": format!("http://elsewhere/user/{user}")})).await;
    assert_eq!(made.status, StatusCode::CREATED);
    assert!(made.json().get("organization").is_none() && part(&made.member("token"), 1).get("org_id").is_none());
}

#[tokio::test]
async fn addresses_begin_with_what_was_set_or_with_the_host_of_the_request() {
    let rockfish = Rockfish::new(&[]).await;
    let body = json!({"name": "x"}).to_string();
    let made = rockfish.admin.send(Method::POST, "/organization", &[("host", "rock.example:1")], Some(&body)).await;
    assert_eq!(made.member("self"), format!("http://rock.example:1/organization/{}", made.member("id")));

    let mut serving = rockfish.data.serving(0, INVITE, &[]);
    serving.base = Some("https://admin.example/rockfish/".to_owned());
    let other = crate::served::Listener::new(org_operator::embedded::dialect::rockfish::admin_router(serving)).await;
    let made = other.post("/organization", json!({"name": "x"})).await;
    let address = format!("https://admin.example/rockfish/organization/{}", made.member("id"));
    is_created(&made, &address);
}
