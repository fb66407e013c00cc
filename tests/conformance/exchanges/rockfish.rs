//! "Organizations".

use org_operator::domain::entity::{NewUser, Token, User, UserChange, UserType};
use org_operator::platform::Backend;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use super::{Request, answered, jwt, only, text};
use crate::subject::{Credential, INVITE_CODE, PATIENCE, Platform, Subject, Variant, new_token, over_http};
use crate::wire::Exchange;

/// 201 with a `Location` that is the `self` of what was made.
#[track_caller]
fn created(exchange: &Exchange, address: &str, kind: &str, mut members: Value) {
    let id = text(exchange, "id");
    assert!(matches!(id.len(), 21 | 22) && id.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{id}");
    let own = format!("{address}/{kind}/{id}");
    assert_eq!(exchange.reply_headers["location"], own);
    assert_eq!(exchange.reply_headers["content-type"], "application/json");
    (members["id"], members["self"]) = (id.into(), own.into());
    answered(exchange, 201, &members);
}

fn with(email: &str, subject: &Subject) -> NewUser {
    NewUser {
        user_type: UserType::Person,
        username: email.to_owned(),
        email: Some(email.to_owned()),
        roles: None,
        ..subject.new_person_in("", "info")
    }
}

#[tokio::test]
async fn everything_on_the_page_is_done_as_the_page_shows_it() {
    let subject = Subject::start(Variant { platform: Platform::Rockfish, quirk: None }).await;
    let [admin, public] = [&subject.admin, &subject.public].map(|one| one.as_ref().unwrap().address.clone());
    let api = &*subject.api;

    let organization = subject.create(subject.new_organization("internal")).await.unwrap().record.id;
    let body = json!({ "name": "internal" });
    let exchange = only(&subject, &Request { call: "POST /organization", headers: &[], body });
    created(&exchange, &admin, "organization", json!({ "name": "internal" }));

    let made = Backend::<User>::create(api, with("info@rockfish.ai", &subject)).await.unwrap();
    let (user, initial) = (made.record.id, made.one_time.unwrap());
    let body = json!({ "email": "info@rockfish.ai" });
    let exchange = only(&subject, &Request { call: "POST /user", headers: &[], body });
    let token = text(&exchange, "token");
    created(&exchange, &admin, "user", json!({ "email": "info@rockfish.ai", "token": token }));
    assert_eq!(initial.expose_secret(), token);
    let (header, claims) = jwt(&token);
    assert_eq!(header["alg"], "HS256");
    let id = claims["token_id"].clone();
    let (iat, nbf) = (claims["iat"].clone(), claims["nbf"].clone());
    assert_eq!(claims, json!({ "iat": iat, "iss": "api", "nbf": nbf, "token_id": id, "user_id": user }));

    // Anyone who knows the invite code, on the public API.
    let anyone = subject.client(Credential::Right, &over_http(PATIENCE), [None, Some(public.clone())]);
    Backend::<User>::create(&*anyone, with("howdy@rockfish.ai", &subject)).await.unwrap();
    let call = format!("POST /user?invite={INVITE_CODE}");
    let body = json!({ "email": "howdy@rockfish.ai" });
    let exchange = only(&subject, &Request { call: &call, headers: &[], body });
    let token = text(&exchange, "token");
    created(&exchange, &public, "user", json!({ "email": "howdy@rockfish.ai", "token": token }));

    let scope = org_operator::domain::entity::InOrganization { organization_id: organization.clone() };
    for roles in [Vec::new(), vec!["Admin".to_owned()]] {
        let change = UserChange { roles: Some(roles.clone()), ..UserChange::default() };
        Backend::<User>::update(api, &scope, &user, &change).await.unwrap();
        let call = format!("PUT /organization/{organization}/user/{user}");
        let exchange = only(&subject, &Request { call: &call, headers: &[], body: json!({ "roles": roles }) });
        answered(&exchange, 204, &Value::Null);
        assert!(exchange.reply.is_empty());
    }

    let project = api.default_project(&organization, std::slice::from_ref(&user)).await.unwrap().unwrap();
    let exchange = only(&subject, &Request { call: "GET /project", headers: &[], body: Value::Null });
    answered(
        &exchange,
        200,
        &json!([{
            "default": true,
            "id": project,
            "name": "Default Project",
            "owner": format!("{admin}/user/{user}"),
            "owner_id": user,
            "self": format!("{admin}/project/{project}"),
        }]),
    );

    let of = org_operator::domain::entity::OfUser { organization_id: organization.clone(), user_id: user.clone() };
    let made = Backend::<Token>::create(api, new_token(&of, "1")).await.unwrap();
    let body = json!({ "user": format!("{admin}/user/{user}") });
    let exchange = only(&subject, &Request { call: "POST /token", headers: &[], body });
    let token = text(&exchange, "token");
    created(
        &exchange,
        &admin,
        "token",
        json!({
            "organization": format!("{admin}/organization/{organization}"),
            "token": token,
            "user": format!("{admin}/user/{user}"),
        }),
    );
    assert_eq!((made.one_time.unwrap().expose_secret(), &*made.record.id), (&*token, &*text(&exchange, "id")));
    let claims = jwt(&token).1;
    assert_eq!((&claims["org_id"], &claims["token_id"]), (&json!(organization), &json!(made.record.id)));

    // With the token on the public API, as its own clients send it.
    assert_eq!(api.authenticates(&of, &token.clone().into()).await.unwrap(), Some(made.record.id));
    let call = Request { call: "GET /organization", headers: &["authorization"], body: Value::Null };
    let exchange = only(&subject, &call);
    assert_eq!(exchange.headers["authorization"], format!("Bearer {token}"));
    let own = format!("{public}/organization/{organization}");
    answered(&exchange, 200, &json!([{ "id": organization, "name": "internal", "self": own }]));
}
