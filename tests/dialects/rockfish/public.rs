//! The public API: whose organisations and projects, and which of them the headers choose.

use jiff::Timestamp;
use org_operator::embedded::dialect::rockfish::admin_router;
use reqwest::{Method, StatusCode};
use serde_json::json;

use super::{INVITE, Rockfish, part};
use crate::served::Listener;

#[tokio::test]
async fn a_token_from_before_the_membership_serves_in_the_organisation() {
    let rockfish = Rockfish::new(&[]).await;
    let organization = rockfish.organization("internal").await;
    let (user, token) = rockfish.user("info@rockfish.ai").await;
    assert_eq!(rockfish.read(&token, "/organization").await.json(), json!([]));
    assert_eq!(rockfish.read(&token, "/project").await.json(), json!([]));
    for path in ["/organization/active", "/project/active"] {
        assert_eq!(rockfish.read(&token, path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    rockfish.join(&organization, &user, json!([])).await;
    let host = &rockfish.public.host;
    let own = json!({
        "id": organization, "name": "internal", "self": format!("http://{host}/organization/{organization}"),
    });
    assert_eq!(rockfish.read(&token, "/organization").await.json(), json!([own]));
    assert_eq!(rockfish.read(&token, "/organization/active").await.json(), own);
    let project = rockfish.read(&token, "/project/active").await.json();
    assert_eq!((&project["default"], &project["owner_id"]), (&json!(true), &json!(user)));
    assert_eq!(rockfish.read(&token, "/project").await.json(), json!([project]));
}

#[tokio::test]
async fn the_headers_choose_among_what_is_the_callers() {
    let rockfish = Rockfish::new(&[]).await;
    let (first, second) = (rockfish.organization("first").await, rockfish.organization("second").await);
    let foreign = rockfish.organization("foreign").await;
    let (user, token) = rockfish.user("info@rockfish.ai").await;
    rockfish.join(&first, &user, json!([])).await;
    rockfish.join(&second, &user, json!([])).await;
    let active =
        async |chosen: Option<&str>| rockfish.call_in(&token, chosen, Method::GET, "/organization/active", None).await;
    assert_eq!(active(None).await.member("id"), first, "the one that the user has been in longest");
    assert_eq!(active(Some("")).await.member("id"), first);
    assert_eq!(active(Some(&second)).await.member("id"), second);
    for other in [&*foreign, "nowhere"] {
        assert_eq!(active(Some(other)).await.status, StatusCode::FORBIDDEN, "{other}");
    }

    let made = rockfish.call_in(&token, Some(&second), Method::POST, "/project", Some(json!({"name": "Models"}))).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    assert_eq!(made.header("location"), Some(&*made.member("self")));
    assert_eq!((&made.json()["default"], &made.json()["owner_id"]), (&json!(false), &json!(user)));
    let names = async |chosen: &str| {
        let list = rockfish.call_in(&token, Some(chosen), Method::GET, "/project", None).await.json();
        list.as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(&first).await, ["Default Project"]);
    assert_eq!(names(&second).await, ["Default Project", "Models"]);

    let bearer = format!("Bearer {token}");
    let id = made.member("id");
    for (chosen, status) in [(&*id, StatusCode::OK), ("nowhere", StatusCode::FORBIDDEN)] {
        let headers = [("authorization", &*bearer), ("x-project-id", chosen)];
        let active = rockfish.public.send(Method::GET, "/project/active", &headers, None).await;
        assert_eq!(active.status, status, "{chosen}");
        assert!(status != StatusCode::OK || active.member("id") == id);
    }
}

#[tokio::test]
async fn a_token_acts_in_the_organisation_that_it_was_minted_for() {
    let rockfish = Rockfish::new(&[]).await;
    let (first, second) = (rockfish.organization("first").await, rockfish.organization("second").await);
    let (user, _) = rockfish.user("info@rockfish.ai").await;
    let later = Listener::new(admin_router(rockfish.data.serving(10, INVITE, &[]))).await;
    later.put(&format!("/organization/{second}/user/{user}"), json!({"roles": []})).await;
    let mint = async || rockfish.admin.post("/token", json!({"user": format!("/user/{user}")})).await.member("token");
    let of_second = mint().await;
    assert_eq!(part(&of_second, 1)["org_id"], json!(second));
    // By a clock that was put back this one is older.
    rockfish.join(&first, &user, json!([])).await;
    assert_eq!(part(&mint().await, 1)["org_id"], json!(first));
    assert_eq!(rockfish.read(&of_second, "/organization/active").await.member("id"), second);
    // And in no other, of which its user is a member too.
    let listed = rockfish.read(&of_second, "/organization").await.json();
    assert_eq!((listed.as_array().unwrap().len(), &listed[0]["id"]), (1, &json!(second)));
    let chosen = rockfish.call_in(&of_second, Some(&first), Method::GET, "/project", None).await;
    assert_eq!(chosen.status, StatusCode::FORBIDDEN, "{}", chosen.text);
    for path in [format!("/organization/{first}"), format!("/project/{}", default_project(&rockfish, &first).await)] {
        assert_eq!(rockfish.read(&of_second, &path).await.status, StatusCode::FORBIDDEN, "{path}");
    }

    rockfish.admin.delete(&format!("/organization/{second}/user/{user}")).await;
    assert_eq!(rockfish.read(&of_second, "/organization").await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_project_outlives_its_owner() {
    let rockfish = Rockfish::new(&[]).await;
    let organization = rockfish.organization("internal").await;
    let (user, _) = rockfish.user("info@rockfish.ai").await;
    let (other, token) = rockfish.user("other@rockfish.ai").await;
    rockfish.join(&organization, &user, json!([])).await;
    rockfish.join(&organization, &other, json!([])).await;
    rockfish.admin.delete(&format!("/user/{user}")).await;
    let project = rockfish.read(&token, "/project/active").await.json();
    assert_eq!(project["default"], json!(true));
    assert!(project.get("owner").is_none() && project.get("owner_id").is_none(), "{project}");
}

#[tokio::test]
async fn an_admin_adds_users_to_their_organisation_and_to_no_other() {
    let rockfish = Rockfish::new(&[]).await;
    let (own, foreign) = (rockfish.organization("own").await, rockfish.organization("foreign").await);
    let (admin, admin_token) = rockfish.user("admin@rockfish.ai").await;
    let (member, member_token) = rockfish.user("member@rockfish.ai").await;
    let (new, new_token) = rockfish.user("new@rockfish.ai").await;
    rockfish.join(&own, &admin, json!(["Admin"])).await;
    rockfish.join(&own, &member, json!([])).await;
    let put = async |token: &str, organization: &str| {
        let path = format!("/organization/{organization}/user/{new}");
        rockfish.call(token, Method::PUT, &path, Some(json!({"roles": []}))).await.status
    };
    assert_eq!(put(&member_token, &own).await, StatusCode::FORBIDDEN);
    assert_eq!(put(&new_token, &own).await, StatusCode::FORBIDDEN, "nobody lets themselves in");
    assert_eq!(put(&admin_token, &foreign).await, StatusCode::FORBIDDEN);
    assert_eq!(rockfish.read(&new_token, "/organization").await.json(), json!([]), "nothing happened so far");
    assert_eq!(put(&admin_token, &own).await, StatusCode::NO_CONTENT);
    assert_eq!(rockfish.read(&new_token, "/organization/active").await.member("id"), own);
    rockfish.join(&own, &admin, json!([])).await;
    assert_eq!(put(&admin_token, &own).await, StatusCode::FORBIDDEN, "an admin no longer");
}

#[tokio::test]
async fn projects_are_renamed_by_their_owner_and_by_admins_and_seen_in_their_organisation_alone() {
    let rockfish = Rockfish::new(&[]).await;
    let (own, foreign) = (rockfish.organization("own").await, rockfish.organization("foreign").await);
    let (admin, admin_token) = rockfish.user("admin@rockfish.ai").await;
    let (owner, owner_token) = rockfish.user("owner@rockfish.ai").await;
    let (member, member_token) = rockfish.user("member@rockfish.ai").await;
    let (stranger, stranger_token) = rockfish.user("stranger@rockfish.ai").await;
    rockfish.join(&own, &admin, json!(["Admin"])).await;
    rockfish.join(&own, &owner, json!([])).await;
    rockfish.join(&own, &member, json!([])).await;
    rockfish.join(&foreign, &stranger, json!(["Admin"])).await;
    let made = rockfish.call(&owner_token, Method::POST, "/project", Some(json!({"name": "a"}))).await;
    let path = format!("/project/{}", made.member("id"));
    for (token, status) in
        [(&owner_token, StatusCode::OK), (&member_token, StatusCode::OK), (&stranger_token, StatusCode::FORBIDDEN)]
    {
        assert_eq!(rockfish.read(token, &path).await.status, status);
    }
    let rename =
        async |token: &str, name: &str| rockfish.call(token, Method::PATCH, &path, Some(json!({"name": name}))).await;
    for token in [&member_token, &stranger_token] {
        assert_eq!(rename(token, "theirs").await.status, StatusCode::FORBIDDEN);
    }
    for (token, name) in [(&owner_token, "b"), (&admin_token, "c")] {
        let renamed = rename(token, name).await;
        assert_eq!((renamed.status, renamed.member("name")), (StatusCode::OK, name.to_owned()));
        assert_eq!(rockfish.read(&owner_token, &path).await.json(), renamed.json());
    }
    let more = rockfish.call(&owner_token, Method::PATCH, &path, Some(json!({"name": "d", "default": true}))).await;
    assert_eq!(more.status, StatusCode::BAD_REQUEST, "not half of it");
    assert_eq!(rockfish.read(&owner_token, &path).await.member("name"), "c");
    for (token, status) in [
        (&member_token, StatusCode::FORBIDDEN),
        (&stranger_token, StatusCode::FORBIDDEN),
        (&owner_token, StatusCode::NO_CONTENT),
        (&owner_token, StatusCode::FORBIDDEN),
    ] {
        assert_eq!(rockfish.call(token, Method::DELETE, &path, None).await.status, status);
    }
}

/// The id of that organisation's default project.
async fn default_project(rockfish: &Rockfish, organization: &str) -> String {
    let all = rockfish.data.directory.projects(Some(organization), Timestamp::MAX).await.unwrap();
    all.into_iter().find(|project| project.is_default).unwrap().id
}
