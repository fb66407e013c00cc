//! Users of an organisation.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{Credential, Rockit, is_invalid, is_refused, is_success, is_unauthorized};
use crate::served::at;

fn person(username: &str) -> Value {
    json!({
        "username": username, "email": "jo@example.org", "firstname": "Jo", "surname": "Roe",
        "roles": ["Administrators"],
    })
}

#[tokio::test]
async fn a_person_is_created_and_invited() {
    let rockit = Rockit::new(&[]).await;
    let by = rockit.administrator("ExampleOrg").await;
    let mut body = person("jo");
    body["title"] = json!("Dr.");
    let created = rockit.call(&by, Method::POST, "/be/v1/users", Some(body)).await;
    is_success(&created, json!({"message": "user created"}));
    let shown = |enabled: bool| {
        json!({"message": "user", "user": {
            "username": "jo", "type": "person", "enabled": enabled, "roles": ["Administrators"],
            "email": "jo@example.org", "firstname": "Jo", "surname": "Roe", "title": "Dr.",
        }})
    };
    is_success(&rockit.read(&by, "/be/v1/users/jo").await, shown(false));
    let opened = rockit.open(&rockit.invitation("ExampleOrg", "jo").await).await;
    let password = opened.member("password");
    is_success(
        &opened,
        json!({"message": "account enabled", "orgname": "ExampleOrg", "username": "jo", "password": password}),
    );
    is_success(&rockit.read(&by, "/be/v1/users/jo").await, shown(true));
    let jo = rockit.log_in("ExampleOrg", "jo", &password).await;
    assert_eq!(rockit.read(&jo, "/be/v1/users").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_machine_is_created_with_its_key_and_not_invited() {
    let rockit = Rockit::new(&[]).await;
    let by = rockit.administrator("ExampleOrg").await;
    let body = json!({"username": "robot", "label": "The robot", "roles": []});
    let created = rockit.call(&by, Method::POST, "/be/v1/users", Some(body)).await;
    is_success(&created, json!({"message": "user created", "apiKey": created.member("apiKey")}));
    let read = rockit.read(&by, "/be/v1/users/robot").await;
    is_success(
        &read,
        json!({"message": "user", "user": {
            "username": "robot", "type": "machine", "enabled": true, "roles": [], "label": "The robot",
        }}),
    );
    assert!(!read.text.contains(&created.member("apiKey")), "a read does not show it");
    assert!(rockit.data.directory.invitations().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_name_is_given_once_in_an_organisation_and_again_in_another() {
    let rockit = Rockit::new(&[]).await;
    let (by, other) = (rockit.administrator("ExampleOrg").await, rockit.administrator("Other").await);
    for organization in [&by, &other] {
        let created = rockit.call(organization, Method::POST, "/be/v1/users", Some(person("jo"))).await;
        assert_eq!(created.status, StatusCode::OK);
        let again = rockit.call(organization, Method::POST, "/be/v1/users", Some(person("jo"))).await;
        is_refused(&again, StatusCode::CONFLICT, "item-exists");
    }
}

#[tokio::test]
async fn every_parameter_of_a_new_user_that_is_missing_or_wrong_is_named() {
    let rockit = Rockit::new(&[]).await;
    let by = rockit.administrator("ExampleOrg").await;
    let machine = json!({"username": "robot", "label": "The robot", "roles": []});
    for (body, members) in
        [(person("jo"), &["username", "email", "firstname", "surname", "roles"][..]), (machine, &["username", "roles"])]
    {
        for member in members {
            let mut missing = body.clone();
            missing.as_object_mut().unwrap().remove(*member);
            is_invalid(&rockit.call(&by, Method::POST, "/be/v1/users", Some(missing)).await, member);
            let mut wrong = body.clone();
            wrong[*member] = json!(17);
            is_invalid(&rockit.call(&by, Method::POST, "/be/v1/users", Some(wrong)).await, member);
        }
    }
    for (member, value) in [
        ("username", json!("a-b")),
        ("username", json!("x".repeat(51))),
        ("email", json!("nobody")),
        ("roles", json!(["Nobodies"])),
        ("title", json!("")),
    ] {
        let mut body = person("jo");
        body[member] = value;
        is_invalid(&rockit.call(&by, Method::POST, "/be/v1/users", Some(body)).await, member);
    }
    assert_eq!(rockit.read(&by, "/be/v1/users").await.json()["total"], json!(1));
}

#[tokio::test]
async fn a_list_has_ten_if_nothing_is_said_and_the_fields_that_are_asked_for() {
    let rockit = Rockit::new(&[]).await;
    let by = rockit.administrator("ExampleOrg").await;
    for number in 0..12 {
        rockit.machine(&by, "ExampleOrg", &format!("robot_{number}"), json!([])).await;
    }
    let names = async |query: &str| -> Vec<String> {
        let list = rockit.read(&by, &format!("/be/v1/users{query}")).await.json();
        assert_eq!(list["total"], json!(13), "{list}");
        let users = list["users"].as_array().unwrap().iter();
        users.map(|user| user["username"].as_str().unwrap().to_owned()).collect()
    };
    let (first, rest) = (names("").await, names("?offset=10").await);
    assert_eq!((first.len(), rest.len()), (10, 3));
    let mut all = [first, rest].concat();
    assert_eq!(names("?limit=100").await, all);
    assert_eq!(names("?offset=5&limit=2").await, all[5..7]);
    assert!(names("?offset=13").await.is_empty());
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 13, "none twice, none left out");

    let some = rockit.read(&by, "/be/v1/users?fields[]=username&fields[]=type&limit=1").await.json();
    assert_eq!(some["users"][0].as_object().unwrap().len(), 2, "{some}");
    for (query, parameter) in [
        ("?offset=-1", "offset"),
        ("?offset=x", "offset"),
        ("?limit=0", "limit"),
        ("?limit=101", "limit"),
        ("?fields[]=password", "fields[]"),
    ] {
        is_invalid(&rockit.read(&by, &format!("/be/v1/users{query}")).await, parameter);
    }
}

#[tokio::test]
async fn a_change_touches_what_it_names() {
    let rockit = Rockit::new(&[]).await;
    let by = rockit.administrator("ExampleOrg").await;
    rockit.role(&by, "Readers", 2).await;
    rockit.call(&by, Method::POST, "/be/v1/users", Some(person("jo"))).await;
    rockit.machine(&by, "ExampleOrg", "robot", json!([])).await;
    let change = async |body: Value| rockit.call(&by, Method::PATCH, "/be/v1/users", Some(body)).await;
    let user = async |name: &str| rockit.read(&by, &format!("/be/v1/users/{name}")).await.json()["user"].clone();

    let changed = change(json!({"username": "jo", "surname": "Poe", "title": "Dr.", "roles": ["Readers"]})).await;
    is_success(&changed, json!({"message": "user modified"}));
    assert_eq!(
        user("jo").await,
        json!({
            "username": "jo", "type": "person", "enabled": false, "roles": ["Readers"], "email": "jo@example.org",
            "firstname": "Jo", "surname": "Poe", "title": "Dr.",
        })
    );
    change(json!({"username": "jo", "email": "jo@example.com", "firstname": "J."})).await;
    let jo = user("jo").await;
    assert_eq!((&jo["email"], &jo["firstname"], &jo["title"]), (&json!("jo@example.com"), &json!("J."), &json!("Dr.")));
    change(json!({"username": "jo", "roles": []})).await;
    assert_eq!(user("jo").await["roles"], json!([]));
    change(json!({"username": "robot", "label": "Another"})).await;
    assert_eq!(user("robot").await["label"], json!("Another"));

    is_invalid(&change(json!({"surname": "Poe"})).await, "username");
    is_invalid(&change(json!({"username": "jo", "label": "x"})).await, "label");
    is_invalid(&change(json!({"username": "robot", "email": "x@y"})).await, "email");
    is_invalid(&change(json!({"username": "jo", "email": "x"})).await, "email");
    is_invalid(&change(json!({"username": "jo", "resetCreds": "yes"})).await, "resetCreds");
    is_invalid(&change(json!({"username": "jo", "surname": "Q", "roles": ["Nobodies"]})).await, "roles");
    assert_eq!(user("jo").await["surname"], json!("Poe"), "not half of it");
    is_refused(&change(json!({"username": "nobody"})).await, StatusCode::NOT_FOUND, "item-not-found");
}

#[tokio::test]
async fn new_credentials_end_the_old_ones() {
    let rockit = Rockit::new(&[]).await;
    let by = rockit.administrator("ExampleOrg").await;
    let old = rockit.machine(&by, "ExampleOrg", "robot", json!(["Administrators"])).await;
    let reset = async |name: &str| {
        let body = json!({"username": name, "resetCreds": true});
        rockit.call(&by, Method::PATCH, "/be/v1/users", Some(body)).await
    };
    let answer = reset("robot").await;
    is_success(&answer, json!({"message": "user modified", "apiKey": answer.member("apiKey")}));
    let Credential::Machine { organization, username, .. } = old.clone() else { panic!() };
    let new = Credential::Machine { organization, username, key: answer.member("apiKey") };
    is_unauthorized(&rockit.read(&old, "/be/v1/users").await);
    assert_eq!(rockit.read(&new, "/be/v1/users").await.status, StatusCode::OK);

    rockit.call(&by, Method::POST, "/be/v1/users", Some(person("jo"))).await;
    let password = rockit.open(&rockit.invitation("ExampleOrg", "jo").await).await.member("password");
    is_success(&reset("jo").await, json!({"message": "user modified"}));
    is_unauthorized(&rockit.session("ExampleOrg", "jo", &password).await);
    let renewed = rockit.open(&rockit.invitation("ExampleOrg", "jo").await).await.member("password");
    is_unauthorized(&rockit.session("ExampleOrg", "jo", &password).await);
    assert_eq!(rockit.session("ExampleOrg", "jo", &renewed).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_deleted_user_is_gone_with_the_key() {
    let rockit = Rockit::new(&[]).await;
    let by = rockit.administrator("ExampleOrg").await;
    let robot = rockit.machine(&by, "ExampleOrg", "robot", json!(["Administrators"])).await;
    let deleted = rockit.call(&by, Method::DELETE, "/be/v1/users/robot", None).await;
    is_success(&deleted, json!({"message": "user deleted"}));
    is_unauthorized(&rockit.read(&robot, "/be/v1/users").await);
    for method in [Method::GET, Method::DELETE] {
        let again = rockit.call(&by, method, "/be/v1/users/robot", None).await;
        is_refused(&again, StatusCode::NOT_FOUND, "item-not-found");
    }
    let again = rockit.machine(&by, "ExampleOrg", "robot", json!(["Administrators"])).await;
    is_unauthorized(&rockit.read(&robot, "/be/v1/users").await);
    assert_eq!(rockit.read(&again, "/be/v1/users").await.status, StatusCode::OK);
}

#[tokio::test]
async fn an_invitation_follows_a_new_address_and_its_older_link_is_dead() {
    let rockit = Rockit::new(&[]).await;
    let by = rockit.administrator("ExampleOrg").await;
    rockit.call(&by, Method::POST, "/be/v1/users", Some(person("jo"))).await;
    let change = async |body: Value| {
        is_success(
            &rockit.call(&by, Method::PATCH, "/be/v1/users", Some(body)).await,
            json!({"message": "user modified"}),
        );
        rockit.data.directory.invitations().await.unwrap()
    };
    let first = rockit.invitation("ExampleOrg", "jo").await;
    rockit.data.directory.invitation_sent(&first.id, at(1)).await.unwrap();
    let same = change(json!({"username": "jo", "surname": "Poe", "email": "jo@example.org"})).await;
    assert_eq!((same.len(), &same[0].id, same[0].sent_at), (1, &first.id, Some(at(1))), "the address is the same");

    let moved = change(json!({"username": "jo", "email": "jo@example.com"})).await;
    assert_eq!((moved.len(), &*moved[0].email, moved[0].sent_at), (1, "jo@example.com", None));
    assert_eq!(rockit.open(&first).await.status, StatusCode::NOT_FOUND);
    assert_eq!(rockit.open(&moved[0]).await.status, StatusCode::OK);
    assert!(change(json!({"username": "jo", "email": "jo@example.net"})).await.is_empty(), "it was opened");
}

#[tokio::test]
async fn a_change_of_everything_is_one_write() {
    let rockit = Rockit::new(&[]).await;
    let by = rockit.administrator("ExampleOrg").await;
    rockit.call(&by, Method::POST, "/be/v1/users", Some(person("jo"))).await;
    let before = rockit.data.directory.statistics().writes;
    let all = json!({"username": "jo", "surname": "Poe", "email": "jo@example.com", "roles": [], "resetCreds": true});
    is_success(&rockit.call(&by, Method::PATCH, "/be/v1/users", Some(all)).await, json!({"message": "user modified"}));
    assert_eq!(rockit.data.directory.statistics().writes, before + 1);
    let invitations = rockit.data.directory.invitations().await.unwrap();
    assert_eq!((invitations.len(), &*invitations[0].email), (1, "jo@example.com"));
}

#[tokio::test]
async fn a_name_that_is_no_text_is_refused_in_the_same_words() {
    let rockit = Rockit::new(&[]).await;
    let by = rockit.administrator("ExampleOrg").await;
    for path in ["/be/v1/users/%FF", "/be/v1/roles/%FF"] {
        is_refused(&rockit.read(&by, path).await, StatusCode::NOT_FOUND, "item-not-found");
    }
}
