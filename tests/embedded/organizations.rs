//! Organisations: creating, finding, changing.

use org_operator::domain::entity::{KeyPairValue, Kind, OrganizationChange, Record as _, UserType};
use org_operator::embedded::{DirectoryError, OPERATOR};

use crate::fixture::{Fixture, SHARED_NAMES, at, new_admin, new_organization, new_user};

#[tokio::test]
async fn an_organisation_comes_with_its_administrator_roles_and_default_project() {
    let fixture = Fixture::new().await;
    let mut new = new_organization("k", "Example");
    new.display_name = Some("The Example".to_owned());
    new.admin = Some(new_admin("correct horse"));
    let made = fixture.directory.create_organization(&OPERATOR, new, at(0)).await.unwrap();

    assert_eq!(made.name, "Example");
    assert_eq!(made.display_name.as_deref(), Some("The Example"));
    assert_eq!(made.owner(), Some("owner of Example"));
    assert_eq!(uuid::Uuid::parse_str(made.id()).unwrap().get_version_num(), 4);
    assert_eq!(fixture.directory.organization(made.id()).await.unwrap(), Some(made.clone()));

    let admins = fixture.directory.users_by_name(&made.id, "admin").await.unwrap();
    let [admin] = admins.as_slice() else { panic!("{admins:?}") };
    assert_eq!(admin.user_type, UserType::Person);
    assert_eq!(admin.roles.as_deref().unwrap(), ["Administrators"]);
    assert_eq!(admin.email.as_deref(), Some("admin@example.org"));
    assert_eq!((admin.first_name.as_deref(), admin.last_name.as_deref()), (Some("Ada"), Some("Min")));
    assert_eq!(admin.owner(), None);
    assert!(fixture.logs_in("Example", "admin", "correct horse").await);

    let rights: i64 = fixture.value("SELECT rights FROM roles WHERE name = 'Administrators'").await;
    assert_eq!(rights, 31);
    let project: String = fixture.value("SELECT id FROM projects WHERE is_default").await;
    let made_by: String = fixture.value("SELECT owner_id FROM projects WHERE is_default").await;
    assert_eq!(Some(project), made.default_project_id);
    assert_eq!(made_by, admin.id);
}

#[tokio::test]
async fn the_first_membership_makes_the_default_project_and_no_other_one_does() {
    let fixture = Fixture::new().await;
    let organization = fixture.organization("Example").await;
    assert_eq!(organization.default_project_id, None);
    let first = fixture.user(&organization, "first").await;
    let project = fixture.directory.organization(&organization.id).await.unwrap().unwrap().default_project_id;
    assert!(project.is_some());
    fixture.user(&organization, "second").await;
    fixture.directory.delete_user(&organization.id, &first.id).await.unwrap();
    fixture.user(&organization, "third").await;
    let now = fixture.directory.organization(&organization.id).await.unwrap().unwrap();
    assert_eq!(now.default_project_id, project, "it outlives the member who made it");
    let projects: i64 = fixture.value("SELECT count(*) FROM projects").await;
    assert_eq!(projects, 1);
}

#[tokio::test]
async fn the_private_key_and_the_password_do_not_reach_the_disk() {
    let fixture = Fixture::new().await;
    let mut new = new_organization("k", "Example");
    new.admin = Some(new_admin("the-password-itself"));
    new.key_pair = Some(KeyPairValue {
        private_pem: "the-private-key".into(),
        public_pem: "the-public-key".to_owned(),
        passphrase: Some("the-passphrase".into()),
    });
    fixture.directory.create_organization(&OPERATOR, new, at(0)).await.unwrap();
    let kept: String = fixture.value("SELECT public_key FROM organizations").await;
    assert_eq!(kept, "the-public-key");

    let path = fixture.path();
    fixture.directory.close().await;
    let mut seen_public = false;
    for entry in std::fs::read_dir(path).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        let holds = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
        seen_public |= holds("the-public-key");
        for secret in ["the-private-key", "the-passphrase", "the-password-itself"] {
            assert!(!holds(secret), "{secret}");
        }
    }
    assert!(seen_public, "the search finds what is there");
}

#[tokio::test]
async fn the_same_key_gives_the_first_organisation() {
    let fixture = Fixture::new().await;
    let mut new = new_organization("k", "Example");
    new.admin = Some(new_admin("one"));
    let first = fixture.directory.create_organization(&OPERATOR, new, at(0)).await.unwrap();
    let rows = fixture.rows().await;
    let mut again = new_organization("k", "Example");
    again.admin = Some(new_admin("two"));
    let second = fixture.directory.create_organization(&OPERATOR, again, at(9)).await.unwrap();
    assert_eq!(second, first);
    assert_eq!(fixture.rows().await, rows);
    assert!(fixture.logs_in("Example", "admin", "one").await);
    assert!(!fixture.logs_in("Example", "admin", "two").await);

    // Both at once, and again after the object has gone.
    let (a, b) = tokio::join!(
        fixture.directory.create_organization(&OPERATOR, new_organization("k2", "Twice"), at(0)),
        fixture.directory.create_organization(&OPERATOR, new_organization("k2", "Twice"), at(0)),
    );
    assert_eq!(a.unwrap(), b.unwrap());
    fixture.directory.prune_organization(&first.id).await.unwrap();
    let anew = fixture.directory.create_organization(&OPERATOR, new_organization("k", "Example"), at(0)).await.unwrap();
    assert_ne!(anew.id, first.id);

    // An empty key is no key.
    fixture.directory.create_organization(&OPERATOR, new_organization("", "One"), at(0)).await.unwrap();
    fixture.directory.create_organization(&OPERATOR, new_organization("", "Two"), at(0)).await.unwrap();
}

#[tokio::test]
async fn a_name_that_is_taken_or_refused_leaves_nothing() {
    let fixture = Fixture::new().await;
    fixture.organization("Example").await;
    let rows = fixture.rows().await;
    let taken = fixture.directory.create_organization(&OPERATOR, new_organization("other key", "Example"), at(0)).await;
    assert!(
        matches!(&taken, Err(DirectoryError::AlreadyExists { kind: Kind::Organization, name }) if name == "Example"),
        "{taken:?}"
    );
    let mut bad_admin = new_organization("k", "Fine");
    bad_admin.admin = Some(new_admin("secret"));
    bad_admin.admin.as_mut().unwrap().username = "ad\nmin".to_owned();
    for (new, field, rule) in [
        (new_organization("k", ""), "organisation's name", "at least one character"),
        (new_organization("k", &"x".repeat(254)), "organisation's name", "at most 253"),
        (new_organization("k", "a\tb"), "organisation's name", "printable"),
        (bad_admin, "administrator's user name", "printable"),
    ] {
        let error = fixture.directory.create_organization(&OPERATOR, new, at(0)).await.unwrap_err();
        assert!(matches!(error, DirectoryError::Invalid { .. }), "{error:?}");
        let message = error.to_string();
        assert!(message.contains(field) && message.contains(rule), "{message}");
        assert!(!message.contains("secret"));
    }
    assert_eq!(fixture.rows().await, rows);
}

#[tokio::test]
async fn whether_names_are_unique_is_the_dialects_to_say() {
    let fixture = Fixture::new().await;
    let mut ids = Vec::new();
    for key in ["a", "b"] {
        let new = new_organization(key, "Same");
        ids.push(fixture.directory.create_organization(&SHARED_NAMES, new, at(0)).await.unwrap().id);
    }
    ids.sort();
    let found = fixture.directory.organizations_by_name("Same").await.unwrap();
    assert_eq!(found.iter().map(|record| record.id.clone()).collect::<Vec<_>>(), ids);
    for key in ["c", "d"] {
        let user = new_user(key, &ids[0], "twin");
        let user = fixture.directory.create_user(&SHARED_NAMES, user, at(0)).await.unwrap();
        assert_eq!(user.roles.unwrap(), [""; 0]);
    }
    assert_eq!(fixture.directory.users_by_name(&ids[0], "twin").await.unwrap().len(), 2);
    let refused = fixture.directory.create_organization(&OPERATOR, new_organization("e", "Same"), at(0)).await;
    assert!(matches!(refused, Err(DirectoryError::AlreadyExists { .. })), "{refused:?}");
}

#[tokio::test]
async fn finding_by_id_name_and_owner_mark() {
    let fixture = Fixture::new().await;
    let one = fixture.organization("One").await;
    fixture.organization("Two").await;
    let directory = &fixture.directory;
    assert_eq!(directory.organization(&one.id).await.unwrap().as_ref(), Some(&one));
    assert_eq!(directory.organizations_by_name("One").await.unwrap(), std::slice::from_ref(&one));
    assert_eq!(directory.organizations_by_owner("owner of One").await.unwrap(), [one]);
    for absent in ["", "one", "ONE", "One%", "no such"] {
        assert_eq!(directory.organization(absent).await.unwrap(), None, "{absent}");
        assert_eq!(directory.organizations_by_name(absent).await.unwrap(), [], "{absent}");
        assert_eq!(directory.organizations_by_owner(absent).await.unwrap(), [], "{absent}");
    }
}

#[tokio::test]
async fn pages_show_every_organisation_once() {
    let fixture = Fixture::new().await;
    let mut wanted = Vec::new();
    for number in 0..7 {
        wanted.push(fixture.organization(&format!("organisation {number}")).await);
    }
    wanted.sort_by(|a, b| a.id.cmp(&b.id));
    for limit in [1, 3, 7, 100] {
        let mut seen = Vec::new();
        loop {
            let after = seen.last().map(|last: &org_operator::domain::entity::OrganizationRecord| last.id.clone());
            let page = fixture.directory.organizations(after.as_deref(), limit).await.unwrap();
            assert!(page.len() <= limit as usize);
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
    let fixture = Fixture::new().await;
    let made = fixture.organization("Example").await;
    let other = fixture.organization("Other").await;
    let change = |display_name: Option<&str>, owner: Option<Option<&str>>| OrganizationChange {
        display_name: display_name.map(str::to_owned),
        owner: owner.map(|owner| owner.map(str::to_owned)),
        ..OrganizationChange::default()
    };
    for (change, display_name, owner) in [
        (change(None, None), None, Some("owner of Example")),
        (change(Some("Label"), None), Some("Label"), Some("owner of Example")),
        (change(None, Some(None)), Some("Label"), None),
        (change(Some(""), Some(Some("new"))), Some(""), Some("new")),
    ] {
        let changed = fixture.directory.update_organization(&made.id, change).await.unwrap();
        assert_eq!(changed.display_name.as_deref(), display_name);
        assert_eq!(changed.owner.as_deref(), owner);
        assert_eq!(fixture.directory.organization(&made.id).await.unwrap(), Some(changed));
    }
    assert_eq!(fixture.directory.organization(&other.id).await.unwrap(), Some(other));
    let absent = fixture.directory.update_organization("absent", change(Some("x"), None)).await;
    assert!(matches!(absent, Err(DirectoryError::NotFound { kind: Kind::Organization, .. })), "{absent:?}");
}
