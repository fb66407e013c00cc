//! Roles, what they allow, and that nobody reaches into another organisation.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{
    Credential, Rockit, is_invalid, is_refused, is_success, is_unauthorized, operator_account, operator_token,
};

const CREATE: i64 = 1;
const READ: i64 = 2;
const UPDATE: i64 = 4;
const DELETE: i64 = 8;

#[tokio::test]
async fn roles_are_made_read_changed_and_deleted() {
    let rockit = Rockit::new(&[]).await;
    let by = rockit.administrator("ExampleOrg").await;
    let administrators = json!({"name": "Administrators", "permissions": 31});
    is_success(&rockit.read(&by, "/be/v1/roles").await, json!({"message": "roles", "roles": [administrators]}));
    let send = async |method, body| rockit.call(&by, method, "/be/v1/roles", Some(body)).await;
    let readers = |permissions: i64| json!({"name": "Readers", "permissions": permissions});
    is_success(&send(Method::POST, readers(READ)).await, json!({"message": "role created"}));
    is_refused(&send(Method::POST, readers(READ)).await, StatusCode::CONFLICT, "item-exists");
    is_success(&send(Method::PATCH, readers(READ + 16)).await, json!({"message": "role modified"}));
    is_success(&rockit.read(&by, "/be/v1/roles/Readers").await, json!({"message": "role", "role": readers(18)}));
    let list = rockit.read(&by, "/be/v1/roles").await.json();
    assert_eq!(list["roles"], json!([administrators, readers(18)]));

    for (member, value) in [
        ("name", json!("a-b")),
        ("name", json!(null)),
        ("permissions", json!(32)),
        ("permissions", json!(-1)),
        ("permissions", json!("2")),
        ("permissions", json!(null)),
    ] {
        let mut body = readers(READ);
        body[member] = value;
        for method in [Method::POST, Method::PATCH] {
            is_invalid(&send(method, body.clone()).await, member);
        }
    }
    let absent = json!({"name": "Nobodies", "permissions": 2});
    is_refused(&send(Method::PATCH, absent).await, StatusCode::NOT_FOUND, "item-not-found");

    rockit.machine(&by, "ExampleOrg", "robot", json!(["Readers"])).await;
    let delete = async |name: &str| rockit.call(&by, Method::DELETE, &format!("/be/v1/roles/{name}"), None).await;
    is_invalid(&delete("Readers").await, "name");
    rockit.call(&by, Method::DELETE, "/be/v1/users/robot", None).await;
    is_success(&delete("Readers").await, json!({"message": "role deleted"}));
    is_refused(&delete("Readers").await, StatusCode::NOT_FOUND, "item-not-found");
}

#[tokio::test]
async fn administrators_stay_as_they_are() {
    let rockit = Rockit::new(&[]).await;
    let by = rockit.administrator("ExampleOrg").await;
    let weaker = json!({"name": "Administrators", "permissions": 2});
    is_invalid(&rockit.call(&by, Method::PATCH, "/be/v1/roles", Some(weaker)).await, "name");
    is_invalid(&rockit.call(&by, Method::DELETE, "/be/v1/roles/Administrators", None).await, "name");
}

/// Every call of the backend API with the right that it needs; the objects in it are there.
fn calls() -> Vec<(i64, Method, &'static str, Option<Value>)> {
    let machine = json!({"username": "new_robot", "label": "x", "roles": []});
    vec![
        (READ, Method::GET, "/be/v1/users", None),
        (READ, Method::GET, "/be/v1/users/victim", None),
        (READ, Method::GET, "/be/v1/roles", None),
        (READ, Method::GET, "/be/v1/roles/Spare", None),
        (CREATE, Method::POST, "/be/v1/users", Some(machine)),
        (CREATE, Method::POST, "/be/v1/roles", Some(json!({"name": "New", "permissions": 0}))),
        (UPDATE, Method::PATCH, "/be/v1/users", Some(json!({"username": "victim", "label": "y"}))),
        (UPDATE, Method::PATCH, "/be/v1/roles", Some(json!({"name": "Spare", "permissions": 0}))),
        (DELETE, Method::DELETE, "/be/v1/roles/Spare", None),
        (DELETE, Method::DELETE, "/be/v1/users/victim", None),
        (DELETE, Method::DELETE, "/be/v1/orgs/ExampleOrg?prune=true", None),
    ]
}

#[tokio::test]
async fn each_call_needs_its_right_and_no_other() {
    let rockit = Rockit::new(&[]).await;
    let by = rockit.administrator("ExampleOrg").await;
    rockit.role(&by, "Spare", 0).await;
    rockit.machine(&by, "ExampleOrg", "victim", json!([])).await;
    let mut with = Vec::new();
    for right in [CREATE, READ, UPDATE, DELETE] {
        let (only, all_but) = (format!("Only_{right}"), format!("All_but_{right}"));
        rockit.role(&by, &only, right).await;
        rockit.role(&by, &all_but, 31 - right).await;
        let one = rockit.machine(&by, "ExampleOrg", &format!("one_{right}"), json!([only])).await;
        let rest = rockit.machine(&by, "ExampleOrg", &format!("rest_{right}"), json!([all_but])).await;
        with.push((right, one, rest));
    }
    for (right, method, path, body) in calls() {
        let (_, one, rest) = with.iter().find(|(of, ..)| *of == right).unwrap();
        is_unauthorized(&rockit.call(rest, method.clone(), path, body.clone()).await);
        let allowed = rockit.call(one, method.clone(), path, body).await;
        assert_eq!(allowed.status, StatusCode::OK, "{method} {path}: {}", allowed.text);
    }
}

#[tokio::test]
async fn nobody_gives_or_handles_more_rights_than_their_own() {
    let rockit = Rockit::new(&[]).await;
    let by = rockit.administrator("ExampleOrg").await;
    rockit.role(&by, "Managers", 15).await;
    rockit.role(&by, "Runners", 16).await;
    let manager = rockit.machine(&by, "ExampleOrg", "manager", json!(["Managers"])).await;
    rockit.machine(&by, "ExampleOrg", "runner", json!(["Runners"])).await;
    let machine = |roles: Value| json!({"username": "robot", "label": "x", "roles": roles});
    for (method, path, body) in [
        (Method::POST, "/be/v1/users", Some(machine(json!(["Administrators"])))),
        (Method::POST, "/be/v1/users", Some(machine(json!(["Managers", "Runners"])))),
        (Method::PATCH, "/be/v1/users", Some(json!({"username": "manager", "roles": ["Administrators"]}))),
        (Method::PATCH, "/be/v1/users", Some(json!({"username": "adminUser", "resetCreds": true}))),
        (Method::PATCH, "/be/v1/users", Some(json!({"username": "runner", "roles": []}))),
        (Method::DELETE, "/be/v1/users/adminUser", None),
        (Method::POST, "/be/v1/roles", Some(json!({"name": "Mine", "permissions": 31}))),
        (Method::PATCH, "/be/v1/roles", Some(json!({"name": "Managers", "permissions": 31}))),
        (Method::PATCH, "/be/v1/roles", Some(json!({"name": "Runners", "permissions": 0}))),
        (Method::DELETE, "/be/v1/roles/Runners", None),
    ] {
        is_unauthorized(&rockit.call(&manager, method, path, body).await);
    }
    let users = rockit.read(&by, "/be/v1/users").await.json();
    assert_eq!(users["total"], json!(3), "nothing happened: {users}");
    let created = rockit.call(&manager, Method::POST, "/be/v1/users", Some(machine(json!(["Managers"])))).await;
    assert_eq!(created.status, StatusCode::OK);
}

#[tokio::test]
async fn an_account_reaches_nothing_of_another_organisation() {
    let rockit = Rockit::new(&[]).await;
    let by = rockit.administrator("ExampleOrg").await;
    let other = rockit.administrator("Other").await;
    rockit.machine(&by, "ExampleOrg", "robot", json!([])).await;
    rockit.role(&by, "Readers", READ).await;
    for (method, path, body) in [
        (Method::GET, "/be/v1/users/robot", None),
        (Method::DELETE, "/be/v1/users/robot", None),
        (Method::PATCH, "/be/v1/users", Some(json!({"username": "robot", "resetCreds": true}))),
        (Method::GET, "/be/v1/roles/Readers", None),
        (Method::DELETE, "/be/v1/roles/Readers", None),
    ] {
        let answer = rockit.call(&other, method, path, body).await;
        is_refused(&answer, StatusCode::NOT_FOUND, "item-not-found");
    }
    let users = rockit.read(&other, "/be/v1/users").await.json();
    assert_eq!(users["total"], json!(1));
    for name in ["ExampleOrg", "Nowhere"] {
        let path = format!("/be/v1/orgs/{name}?prune=true");
        is_unauthorized(&rockit.call(&other, Method::DELETE, &path, None).await);
    }
    let deleted = rockit.call(&other, Method::DELETE, "/be/v1/orgs/Other?prune=true", None).await;
    is_success(&deleted, json!({"message": "organization deleted"}));
    assert_eq!(rockit.read(&by, "/be/v1/users/robot").await.status, StatusCode::OK);
}

#[tokio::test]
async fn the_operator_deletes_organisations_and_does_nothing_else() {
    let rockit = Rockit::new(&[]).await;
    let by = rockit.administrator("ExampleOrg").await;
    rockit.role(&by, "Spare", 0).await;
    rockit.machine(&by, "ExampleOrg", "victim", json!([])).await;
    for operator in [operator_token(), operator_account()] {
        for (_, method, path, body) in calls() {
            if !path.starts_with("/be/v1/orgs") {
                is_unauthorized(&rockit.call(&operator, method, path, body).await);
            }
        }
    }
    let serving = rockit.data.serving(0, "c2VjcmV0", &[]);
    let without = crate::served::Listener::new(org_operator::embedded::dialect::rockit::router(serving, None)).await;
    for operator in [operator_token(), operator_account(), Credential::Token(String::new())] {
        let path = "/be/v1/orgs/ExampleOrg?prune=true";
        is_unauthorized(&super::call(&without, &operator, Method::DELETE, path, None).await);
    }
}
