//! Who logs in with which password.

use org_operator::domain::entity::{Kind, UserType};
use org_operator::embedded::{DirectoryError, OPERATOR};

use crate::fixture::{Fixture, SHARED_NAMES, at, new_organization, new_user};

#[tokio::test]
async fn who_logs_in() {
    let fixture = Fixture::new().await;
    let organization = fixture.organization("Example").await;
    for (username, password) in [("jo", Some("correct horse")), ("disabled", Some("correct horse")), ("machine", None)]
    {
        let mut new = new_user(username, &organization.id, username);
        new.user_type = UserType::Person;
        new.password = password.map(Into::into);
        fixture.directory.create_user(&OPERATOR, new, at(0)).await.unwrap();
    }
    fixture.execute("UPDATE users SET enabled = FALSE WHERE username = 'disabled'").await;
    for (organization, username, password, wanted) in [
        ("Example", "jo", "correct horse", true),
        (&*organization.id, "jo", "correct horse", true),
        ("Example", "jo", "correct horsf", false),
        ("Example", "jo", "", false),
        ("Example", "JO", "correct horse", false),
        ("Example", "nobody", "correct horse", false),
        ("Elsewhere", "jo", "correct horse", false),
        ("", "", "", false),
        ("Example", "machine", "", false),
        ("Example", "disabled", "correct horse", false),
    ] {
        let who = format!("{organization}/{username}");
        assert_eq!(fixture.logs_in(organization, username, password).await, wanted, "{who}");
    }
    let principal = fixture.directory.login("Example", "jo", "correct horse".into()).await.unwrap().unwrap();
    assert_eq!(principal.organization_id, organization.id);
    assert_eq!((principal.username.as_str(), principal.roles.as_slice()), ("jo", &["Users".to_owned()][..]));
    assert_eq!(principal.token_id, None);

    let user = fixture.directory.users_by_name(&organization.id, "jo").await.unwrap().remove(0);
    fixture.directory.delete_user(&organization.id, &user.id).await.unwrap();
    assert!(!fixture.logs_in("Example", "jo", "correct horse").await);
}

#[tokio::test]
async fn a_name_that_could_mean_two_users_logs_nobody_in_and_an_id_does() {
    let fixture = Fixture::new().await;
    let mut ids = Vec::new();
    for key in ["a", "b"] {
        let made =
            fixture.directory.create_organization(&SHARED_NAMES, new_organization(key, "Same"), at(0)).await.unwrap();
        let mut new = new_user("k", &made.id, "jo");
        new.password = Some("correct horse".into());
        fixture.directory.create_user(&SHARED_NAMES, new, at(0)).await.unwrap();
        ids.push(made.id);
    }
    // A third one is named as the first one's id.
    let thief =
        fixture.directory.create_organization(&SHARED_NAMES, new_organization("c", &ids[0]), at(0)).await.unwrap();
    let mut new = new_user("k", &thief.id, "jo");
    new.password = Some("stolen".into());
    fixture.directory.create_user(&SHARED_NAMES, new, at(0)).await.unwrap();

    assert!(!fixture.logs_in("Same", "jo", "correct horse").await);
    assert!(fixture.logs_in(&ids[0], "jo", "correct horse").await);
    assert!(!fixture.logs_in(&ids[0], "jo", "stolen").await);
}

#[tokio::test]
async fn a_new_password_takes_the_place_of_the_old_one() {
    let fixture = Fixture::new().await;
    let organization = fixture.organization("Example").await;
    for username in ["jo", "bystander"] {
        let mut new = new_user(username, &organization.id, username);
        new.user_type = UserType::Person;
        new.password = Some("correct horse".into());
        fixture.directory.create_user(&OPERATOR, new, at(0)).await.unwrap();
    }
    let user = fixture.directory.users_by_name(&organization.id, "jo").await.unwrap().remove(0);
    let (_, token) = fixture.token(&organization, &user).await;
    let rows = fixture.rows().await;

    for _ in 0..2 {
        fixture.directory.set_password(&organization.id, &user.id, "battery staple".into()).await.unwrap();
        assert!(!fixture.logs_in("Example", "jo", "correct horse").await);
        assert!(fixture.logs_in("Example", "jo", "battery staple").await);
    }
    assert!(fixture.logs_in("Example", "bystander", "correct horse").await);
    assert!(fixture.authenticates(&token, at(1)).await, "tokens stay");
    assert_eq!(fixture.directory.user(&organization.id, &user.id).await.unwrap(), Some(user));
    assert_eq!(fixture.rows().await, rows);

    let fixture = fixture.reopen().await;
    assert!(!fixture.logs_in("Example", "jo", "correct horse").await);
    assert!(fixture.logs_in("Example", "jo", "battery staple").await);
}

#[tokio::test]
async fn who_had_no_password_gets_one() {
    let fixture = Fixture::new().await;
    let organization = fixture.organization("Example").await;
    let user = fixture.user(&organization, "jo").await;
    fixture.directory.set_password(&organization.id, &user.id, "correct horse".into()).await.unwrap();
    assert!(fixture.logs_in("Example", "jo", "correct horse").await);
}

#[tokio::test]
async fn only_a_members_password_is_set() {
    let fixture = Fixture::new().await;
    let organization = fixture.organization("Example").await;
    let elsewhere = fixture.organization("Elsewhere").await;
    let mut new = new_user("k", &organization.id, "jo");
    new.password = Some("correct horse".into());
    let user = fixture.directory.create_user(&OPERATOR, new, at(0)).await.unwrap();
    for (organization, id) in [(&elsewhere.id, user.id.as_str()), (&organization.id, "absent")] {
        let refused = fixture.directory.set_password(organization, id, "battery staple".into()).await;
        assert!(
            matches!(&refused, Err(DirectoryError::NotFound { kind: Kind::User, id: named }) if named == id),
            "{refused:?}"
        );
    }
    assert!(fixture.logs_in("Example", "jo", "correct horse").await);

    fixture.directory.add_member(&OPERATOR, &elsewhere.id, &user.id, None, at(1)).await.unwrap();
    fixture.directory.set_password(&elsewhere.id, &user.id, "battery staple".into()).await.unwrap();
    assert!(fixture.logs_in("Example", "jo", "battery staple").await, "one user, one password");
}
