//! The exchanges of the page, member by member, and what is made of them.

use super::*;

#[tokio::test]
async fn an_organisation_is_created_as_the_page_shows_it() {
    let fixture = fixture();
    let id = "3p0LSgObZv9pU9t6wu14hf";
    fixture.admin.on("POST /organization", 201, &shown_organization(id, "internal"));
    let made = Backend::<Organization>::create(&fixture.platform, new_organization()).await.unwrap();
    assert_eq!(made.record, OrganizationRecord::unseen(id, "internal"));
    assert!(made.one_time.is_none() && !made.unfinished);
    let sent = fixture.admin.seen();
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].body, json!({ "name": "internal" }));
    assert_eq!(sent[0].header("content-type"), "application/json");
    assert_eq!(sent[0].header("authorization"), "", "the page shows no credential");
}

#[tokio::test]
async fn a_user_is_created_with_an_initial_token_and_put_into_the_organisation_by_a_second_call() {
    let fixture = fixture();
    let mut shown = shown_user(USER, "info@rockfish.ai");
    shown["token"] = json!("a.b.c");
    fixture.admin.on("POST /user", 201, &shown);
    let member = format!("PUT /organization/{ORGANIZATION}/user/{USER}");
    fixture.admin.text(&member, 204, &[], "");

    let Created { record, one_time, unfinished } =
        Backend::<User>::create(&fixture.platform, new_user()).await.unwrap();
    assert_eq!((record.id.as_str(), record.username.as_str()), (USER, "info@rockfish.ai"));
    assert_eq!((record.email.as_deref(), &record.roles), (Some("info@rockfish.ai"), &None));
    assert!(record.partial && unfinished);
    assert_eq!(one_time.unwrap().expose_secret(), "a.b.c");
    assert_eq!(fixture.admin.seen()[0].body, json!({ "email": "info@rockfish.ai" }));

    for given in [vec![], vec!["Admin"]] {
        let record = fixture.update_user(roles(&given)).await.unwrap();
        assert_eq!(record.roles.unwrap(), given);
        let sent = fixture.admin.seen();
        assert_eq!((sent[0].call.as_str(), &sent[0].body), (member.as_str(), &json!({ "roles": given })));
    }
    assert!(fixture.public.seen().is_empty());
}

#[tokio::test]
async fn with_the_invite_code_alone_a_user_is_created_on_the_public_api() {
    let fixture = invite_only();
    let mut shown = shown_user("YAjOuJZLv52CjlY9D136b", "howdy@rockfish.ai");
    shown["token"] = json!("a.b.c");
    fixture.public.on("POST /user?invite=aefah2Ef", 201, &shown);
    let howdy = NewUser { email: Some("howdy@rockfish.ai".to_owned()), ..new_user() };
    let made = Backend::<User>::create(&fixture.platform, howdy).await.unwrap();
    assert_eq!(made.record.id, "YAjOuJZLv52CjlY9D136b");
    assert_eq!(made.one_time.unwrap().expose_secret(), "a.b.c");
    assert_eq!(fixture.public.seen()[0].body, json!({ "email": "howdy@rockfish.ai" }));
}

#[tokio::test]
async fn with_the_invite_code_alone_nothing_else_is_sent_and_the_reason_is_said() {
    let fixture = invite_only();
    let platform = &fixture.platform;
    let mut errors = vec![
        Backend::<Organization>::create(platform, new_organization()).await.unwrap_err(),
        Backend::<Organization>::delete(platform, &(), ORGANIZATION).await.unwrap_err(),
        fixture.organizations(by_id(ORGANIZATION)).await.unwrap_err(),
        fixture.users(by_name("info@rockfish.ai")).await.unwrap_err(),
        fixture.update_user(roles(&[])).await.unwrap_err(),
        Backend::<User>::delete(platform, &scope(), USER).await.unwrap_err(),
        Backend::<Token>::create(platform, new_token()).await.unwrap_err(),
        platform.default_project(ORGANIZATION, &[USER.to_owned()]).await.unwrap_err(),
    ];
    for error in errors.drain(..) {
        assert_eq!(error.kind, FaultKind::Unsupported, "{error}");
        assert!(error.message.contains("adminURL"), "{error}");
    }
    // Nobody has marks, so nothing carries ours.
    assert_eq!(fixture.users(Lookup::Owner("owner".to_owned())).await.unwrap(), []);
    assert!(fixture.public.seen().is_empty());
    assert_eq!((fixture.of(Capability::Roles), fixture.of(Capability::Projects)), {
        (Support::Unsupported, Support::Unsupported)
    });
}

#[tokio::test]
async fn a_further_token_names_the_user_by_its_address_and_was_minted_when_it_says() {
    let fixture = fixture();
    let mut shown = shown_token(TOKEN, USER);
    shown["organization"] = json!(format!("{ADMIN}/organization/{ORGANIZATION}"));
    shown["token"] = json!(VALUE);
    fixture.admin.on("POST /token", 201, &shown);
    let made = Backend::<Token>::create(&fixture.platform, new_token()).await.unwrap();
    assert_eq!(made.record.id, TOKEN);
    assert_eq!(made.record.issued_at, Some(Timestamp::from_second(1_708_714_198).unwrap()));
    assert_eq!((made.record.expires_at, made.record.owner), (None, None));
    assert_eq!(made.one_time.unwrap().expose_secret(), VALUE);
    assert_eq!(fixture.admin.seen()[0].body, json!({ "user": format!("http://localhost:8085/user/{USER}") }));

    shown["token"] = json!("opaque");
    fixture.admin.on("POST /token", 201, &shown);
    let made = Backend::<Token>::create(&fixture.platform, new_token()).await.unwrap();
    assert_eq!(made.record.issued_at, Some(clock().now()), "a value that says nothing");
}

#[tokio::test]
async fn below_a_path_the_address_of_a_user_has_it_too() {
    let server = Scripted::default();
    let origin = server.origin("https://rockfish.example/admin/", &clock());
    let platform = Rockfish::new(Some(origin), None, None, clock());
    let mut shown = shown_token(TOKEN, USER);
    shown["token"] = json!(VALUE);
    server.on("POST /admin/token", 201, &shown);
    Backend::<Token>::create(&platform, new_token()).await.unwrap();
    assert_eq!(server.seen()[0].body, json!({ "user": format!("https://rockfish.example/admin/user/{USER}") }));
    assert_eq!(platform.url(), "https://rockfish.example/admin");
}

#[tokio::test]
async fn the_default_project_is_the_only_one_of_the_first_member_who_has_one() {
    let fixture = fixture();
    let project = |id: &str, default: bool, owner: &str| {
        json!({
            "default": default,
            "id": id,
            "name": "Default Project",
            "owner": format!("{ADMIN}/user/{owner}"),
            "owner_id": owner,
            "self": format!("{ADMIN}/project/{id}"),
        })
    };
    let orphan = json!({ "default": true, "id": "lost", "name": "Default Project", "self": "x" });
    let all = json!([
        orphan,
        project("1sBR2VHrMLTe8s2VlPwJVm", true, USER),
        project("other", false, USER),
        project("first", true, "twice"),
        project("second", true, "twice"),
    ]);
    fixture.admin.on("GET /project", 200, &all);
    let of = async |members: &[&str]| {
        let members: Vec<String> = members.iter().map(|member| (*member).to_owned()).collect();
        fixture.platform.default_project(ORGANIZATION, &members).await.unwrap()
    };
    let found = Some("1sBR2VHrMLTe8s2VlPwJVm".to_owned());
    assert_eq!(of(&[USER]).await, found);
    assert_eq!(of(&["nobody", "twice", USER]).await, found, "which of two it is nobody says");
    assert_eq!(of(&["nobody", "twice"]).await, None);
    fixture.admin.seen();
    assert_eq!(of(&[]).await, None);
    assert!(fixture.admin.seen().is_empty(), "nobody to ask for");
}

#[tokio::test]
async fn a_value_logs_in_where_the_server_takes_it_and_it_says_that_it_is_this_users() {
    let fixture = fixture();
    let value = VALUE.into();
    fixture.public.on("GET /organization", 200, &json!([]));
    assert_eq!(fixture.platform.authenticates(&of(), &value).await.unwrap().as_deref(), Some(TOKEN));
    let sent = fixture.public.seen();
    assert_eq!(sent[0].header("authorization"), format!("Bearer {VALUE}"));
    assert!(sent[0].headers["authorization"].is_sensitive());

    let other = OfUser { user_id: "other".to_owned(), ..of() };
    assert_eq!(fixture.platform.authenticates(&other, &value).await.unwrap(), None);
    for wrong in ["", "opaque", "a.b.c", "line\nbreak"] {
        assert_eq!(fixture.platform.authenticates(&of(), &wrong.into()).await.unwrap(), None, "{wrong:?}");
    }
    assert!(fixture.public.seen().is_empty(), "what cannot be this user's is not sent");

    for refusal in [401, 403] {
        fixture.public.text("GET /organization", refusal, &[], "");
        assert_eq!(fixture.platform.authenticates(&of(), &value).await.unwrap(), None);
    }
    fixture.public.on("GET /organization", 200, &json!({ "welcome": true }));
    let error = fixture.platform.authenticates(&of(), &value).await.unwrap_err();
    assert_eq!(error.kind, FaultKind::Unavailable(None), "what says 200 to everything proves nothing");

    let alone = Rockfish::new(Some(fixture.admin.origin(ADMIN, &clock())), None, None, clock());
    assert_eq!(alone.authenticates(&of(), &value).await.unwrap_err().kind, FaultKind::Unsupported);
}

#[tokio::test]
async fn a_probe_says_what_it_proved() {
    let both = fixture();
    both.admin.on("GET /project", 200, &json!([]));
    assert!(both.platform.probe().await.unwrap().contains("GET /project"));
    assert_eq!((both.platform.url().as_str(), both.platform.consumer_url().as_str()), (ADMIN, PUBLIC));

    let invited = invite_only();
    invited.public.text("GET /project", 401, &[], "");
    let said = invited.platform.probe().await.unwrap();
    assert!(said.contains("no call that tries the invite code without using it is documented"), "{said}");
    assert_eq!((invited.platform.url().as_str(), invited.platform.consumer_url().as_str()), (PUBLIC, PUBLIC));
    invited.public.text("GET /project", 500, &[], "");
    assert_eq!(invited.platform.probe().await.unwrap_err().kind, FaultKind::Unavailable(None));

    let neither = Rockfish::new(None, None, None, clock());
    assert_eq!(neither.probe().await.unwrap_err().kind, FaultKind::Unsupported);
}

#[tokio::test]
async fn what_rockfish_does_not_have_is_refused_before_anything_is_sent() {
    let fixture = fixture();
    let platform = &fixture.platform;
    let name = Some("Jo".to_owned());
    let organizations = [
        NewOrganization { display_name: name.clone(), ..new_organization() },
        NewOrganization {
            admin: Some(crate::domain::entity::NewAdmin {
                username: "jo".to_owned(),
                email: "jo@example.org".to_owned(),
                first_name: None,
                last_name: None,
                password: None,
            }),
            ..new_organization()
        },
    ];
    for new in organizations {
        let error = Backend::<Organization>::create(platform, new).await.unwrap_err();
        assert_eq!(error.kind, FaultKind::Unsupported, "{error}");
    }
    let users = [
        (FaultKind::Invalid, "email", NewUser { email: None, ..new_user() }),
        (FaultKind::Unsupported, "firstName", NewUser { first_name: name.clone(), ..new_user() }),
        (FaultKind::Unsupported, "lastName", NewUser { last_name: name.clone(), ..new_user() }),
        (FaultKind::Unsupported, "initialPassword", NewUser { password: Some("secret".into()), ..new_user() }),
        (
            FaultKind::Invalid,
            "Owner",
            NewUser { roles: Some(vec!["Admin".to_owned(), "Owner".to_owned()]), ..new_user() },
        ),
    ];
    for (kind, word, new) in users {
        let error = Backend::<User>::create(platform, new).await.unwrap_err();
        assert_eq!(error.kind, kind, "{error}");
        assert!(error.message.contains(word), "{error}");
    }
    let changes = [
        (FaultKind::Unsupported, UserChange { first_name: name.clone(), ..roles(&[]) }),
        (FaultKind::Unsupported, UserChange { owner: Some(Some("mark".to_owned())), ..UserChange::default() }),
        (FaultKind::Invalid, roles(&["Owner"])),
    ];
    for (kind, change) in changes {
        assert_eq!(fixture.update_user(change).await.unwrap_err().kind, kind);
    }
    let ending = NewToken { expires_at: Some(clock().now()), ..new_token() };
    assert_eq!(Backend::<Token>::create(platform, ending).await.unwrap_err().kind, FaultKind::Unsupported);
    let climbing = NewToken { of: OfUser { user_id: "../organization/x".to_owned(), ..of() }, ..new_token() };
    assert_eq!(Backend::<Token>::create(platform, climbing).await.unwrap_err().kind, FaultKind::Invalid);
    let listed = Backend::<User>::list(platform, &scope(), None).await.unwrap_err();
    assert_eq!(listed.kind, FaultKind::Unsupported);
    assert!(platform.needs(Need::Email) && !platform.needs(Need::Admin) && !platform.marks(Kind::Token));

    // What was never there is taken off without a call.
    let off = UserChange { owner: Some(None), ..UserChange::default() };
    assert_eq!(fixture.update_user(off).await.unwrap().id, USER);
    assert!(fixture.admin.seen().is_empty());
}
