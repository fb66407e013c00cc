//! Users: creating, finding, changing, ending a membership.

use std::collections::BTreeMap;

use org_operator::domain::entity::{Kind, UserChange, UserRecord, UserType};
use org_operator::embedded::{DirectoryError, OPERATOR};

use crate::fixture::{Fixture, ONE_NAME_SPACE, SHARED_NAMES, at, new_user};

#[tokio::test]
async fn a_user_is_made_as_asked() {
    let fixture = Fixture::new().await;
    let organization = fixture.organization("Example").await;
    let mut new = new_user("k", &organization.id, "jo");
    new.user_type = UserType::Person;
    new.email = Some("jo@example.org".to_owned());
    new.first_name = Some("Jo".to_owned());
    new.last_name = Some("Doe".to_owned());
    new.roles = Some(vec!["Viewers".to_owned(), "Administrators".to_owned(), "Viewers".to_owned()]);
    new.password = Some("correct horse".into());
    let made = fixture.directory.create_user(&OPERATOR, new, at(0)).await.unwrap();
    assert_eq!(
        made,
        UserRecord {
            id: made.id.clone(),
            username: "jo".to_owned(),
            user_type: UserType::Person,
            email: Some("jo@example.org".to_owned()),
            first_name: Some("Jo".to_owned()),
            last_name: Some("Doe".to_owned()),
            roles: Some(vec!["Administrators".to_owned(), "Viewers".to_owned()]),
            permissions: BTreeMap::new(),
            owner: Some("owner of jo".to_owned()),
            partial: false,
            key_id: None,
        }
    );
    let directory = &fixture.directory;
    assert_eq!(directory.user(&organization.id, &made.id).await.unwrap(), Some(made.clone()));
    assert_eq!(directory.users_by_name(&organization.id, "jo").await.unwrap(), std::slice::from_ref(&made));
    assert_eq!(directory.users_by_owner(&organization.id, "owner of jo").await.unwrap(), std::slice::from_ref(&made));
    assert!(fixture.logs_in("Example", "jo", "correct horse").await);

    let elsewhere = fixture.organization("Elsewhere").await;
    assert_eq!(directory.user(&elsewhere.id, &made.id).await.unwrap(), None);
    assert_eq!(directory.users_by_name(&elsewhere.id, "jo").await.unwrap(), []);
    assert_eq!(directory.users_by_owner(&elsewhere.id, "owner of jo").await.unwrap(), []);
}

#[tokio::test]
async fn roles_absent_are_the_default_and_empty_are_none() {
    let fixture = Fixture::new().await;
    let organization = fixture.organization("Example").await;
    for (username, roles, wanted) in [
        ("absent", None, vec!["Users"]),
        ("empty", Some(vec![]), vec![]),
        ("one", Some(vec!["Viewers".to_owned()]), vec!["Viewers"]),
    ] {
        let mut new = new_user(username, &organization.id, username);
        new.roles = roles;
        let made = fixture.directory.create_user(&OPERATOR, new, at(0)).await.unwrap();
        assert_eq!(made.roles.unwrap(), wanted, "{username}");
    }
}

#[tokio::test]
async fn what_is_refused_leaves_nothing() {
    let fixture = Fixture::new().await;
    let organization = fixture.organization("Example").await;
    fixture.user(&organization, "taken").await;
    let rows = fixture.rows().await;
    let create = async |new| fixture.directory.create_user(&OPERATOR, new, at(0)).await.unwrap_err();

    let error = create(new_user("k", "no such", "jo")).await;
    assert!(
        matches!(&error, DirectoryError::NotFound { kind: Kind::Organization, id } if id == "no such"),
        "{error:?}"
    );
    let error = create(new_user("k", &organization.id, "taken")).await;
    assert!(matches!(&error, DirectoryError::AlreadyExists { kind: Kind::User, name } if name == "taken"), "{error:?}");
    let error = create(new_user("k", &organization.id, " jo")).await;
    assert!(error.to_string().contains("blanks"), "{error}");
    let mut unknown = new_user("k", &organization.id, "jo");
    unknown.roles = Some(vec!["Users".to_owned(), "Wizards".to_owned()]);
    let error = create(unknown).await;
    assert!(matches!(error, DirectoryError::Invalid { .. }), "{error:?}");
    assert!(error.to_string().contains("Wizards"), "{error}");
    assert!(error.to_string().contains("Administrators, Users, Viewers"), "{error}");

    assert_eq!(fixture.rows().await, rows);
}

#[tokio::test]
async fn where_usernames_are_unique_is_the_dialects_to_say() {
    let fixture = Fixture::new().await;
    let one = fixture.organization("One").await;
    let two = fixture.organization("Two").await;
    let a = fixture.user(&one, "same").await;
    let b = fixture.user(&two, "same").await;
    assert_ne!(a.id, b.id);
    let mut third = new_user("k", &two.id, "same");
    third.roles = Some(vec![]);
    let refused = fixture.directory.create_user(&ONE_NAME_SPACE, third, at(0)).await;
    assert!(matches!(refused, Err(DirectoryError::AlreadyExists { .. })), "{refused:?}");
    fixture.directory.create_user(&SHARED_NAMES, new_user("k", &two.id, "same"), at(0)).await.unwrap();
    assert_eq!(fixture.directory.users_by_name(&two.id, "same").await.unwrap().len(), 2);
}

#[tokio::test]
async fn the_same_key_gives_the_first_user_of_that_organisation() {
    let fixture = Fixture::new().await;
    let one = fixture.organization("One").await;
    let two = fixture.organization("Two").await;
    let mut new = new_user("k", &one.id, "jo");
    new.password = Some("first".into());
    let first = fixture.directory.create_user(&OPERATOR, new, at(0)).await.unwrap();
    let rows = fixture.rows().await;
    let mut again = new_user("k", &one.id, "jo");
    again.password = Some("second".into());
    assert_eq!(fixture.directory.create_user(&OPERATOR, again, at(5)).await.unwrap(), first);
    assert_eq!(fixture.rows().await, rows);
    assert!(fixture.logs_in("One", "jo", "first").await);
    assert!(!fixture.logs_in("One", "jo", "second").await);

    let other = fixture.directory.create_user(&OPERATOR, new_user("k", &two.id, "jo"), at(0)).await.unwrap();
    assert_ne!(other.id, first.id, "a key holds within one organisation");
}

#[tokio::test]
async fn pages_show_every_user_once_with_all_roles() {
    let fixture = Fixture::new().await;
    let organization = fixture.organization("Example").await;
    let elsewhere = fixture.organization("Elsewhere").await;
    fixture.user(&elsewhere, "stranger").await;
    let mut wanted = Vec::new();
    for number in 0..7_usize {
        let mut new = new_user(&number.to_string(), &organization.id, &format!("user {number}"));
        let all = ["Administrators", "Users", "Viewers"];
        new.roles = Some(all[..number % 4].iter().map(|&role| role.to_owned()).collect());
        wanted.push(fixture.directory.create_user(&OPERATOR, new, at(0)).await.unwrap());
    }
    wanted.sort_by(|a, b| a.id.cmp(&b.id));
    for limit in [1, 2, 7, 100] {
        let mut seen: Vec<UserRecord> = Vec::new();
        loop {
            let after = seen.last().map(|last| last.id.clone());
            let page = fixture.directory.users(&organization.id, after.as_deref(), limit).await.unwrap();
            let last = page.len() < limit as usize;
            seen.extend(page);
            if last {
                break;
            }
        }
        assert_eq!(seen, wanted, "limit {limit}");
    }
}

#[tokio::test]
async fn a_change_touches_what_it_names_only() {
    type Step = (UserChange, fn(&mut UserRecord));
    let fixture = Fixture::new().await;
    let organization = fixture.organization("Example").await;
    let mut wanted = fixture.user(&organization, "jo").await;
    let bystander = fixture.user(&organization, "bystander").await;
    let text = |text: &str| Some(text.to_owned());
    let none = UserChange::default;
    let steps: [Step; 6] = [
        (none(), |_| {}),
        (UserChange { email: text("jo@example.org"), ..none() }, |user| {
            user.email = Some("jo@example.org".to_owned());
        }),
        (UserChange { first_name: text("Jo"), last_name: text(""), ..none() }, |user| {
            user.first_name = Some("Jo".to_owned());
            user.last_name = Some(String::new());
        }),
        (UserChange { roles: Some(vec!["Viewers".to_owned()]), ..none() }, |user| {
            user.roles = Some(vec!["Viewers".to_owned()]);
        }),
        (UserChange { roles: Some(vec![]), owner: Some(None), ..none() }, |user| {
            user.roles = Some(vec![]);
            user.owner = None;
        }),
        (UserChange { owner: Some(text("new")), ..none() }, |user| {
            user.owner = Some("new".to_owned());
        }),
    ];
    for (change, apply) in steps {
        apply(&mut wanted);
        let changed = fixture.directory.update_user(&organization.id, &wanted.id, change).await.unwrap();
        assert_eq!(changed, wanted);
        assert_eq!(fixture.directory.user(&organization.id, &wanted.id).await.unwrap(), Some(changed));
    }
    assert_eq!(fixture.directory.user(&organization.id, &bystander.id).await.unwrap(), Some(bystander));
}

#[tokio::test]
async fn a_change_that_is_refused_changes_nothing() {
    let fixture = Fixture::new().await;
    let organization = fixture.organization("Example").await;
    let user = fixture.user(&organization, "jo").await;
    let change = UserChange {
        email: Some("half@done.org".to_owned()),
        roles: Some(vec!["Wizards".to_owned()]),
        ..UserChange::default()
    };
    let refused = fixture.directory.update_user(&organization.id, &user.id, change.clone()).await;
    assert!(matches!(refused, Err(DirectoryError::Invalid { .. })), "{refused:?}");
    let elsewhere = fixture.organization("Elsewhere").await;
    let absent = fixture.directory.update_user(&elsewhere.id, &user.id, change).await;
    assert!(matches!(absent, Err(DirectoryError::NotFound { kind: Kind::User, .. })), "{absent:?}");
    assert_eq!(fixture.directory.user(&organization.id, &user.id).await.unwrap(), Some(user));
}
