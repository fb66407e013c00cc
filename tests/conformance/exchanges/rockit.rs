//! "Create Organization" and "Delete Organization".

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use org_operator::domain::entity::{NewOrganization, Organization};
use org_operator::domain::fault::FaultKind;
use org_operator::platform::Backend;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use super::{Request, answered, jwt, only, text};
use crate::cases::refused;
use crate::subject::{Platform, ROCKIT_BACKEND, ROCKIT_KEY, Subject, Variant, key_pair};

const CREATE: &str = "POST /adm/v1/orgs";

fn example(subject: &Subject) -> NewOrganization {
    NewOrganization {
        display_name: Some("Example Organization".to_owned()),
        link: Some("dxorglnk.ExampleOrg.jAhjafhdsaAS....".into()),
        ..subject.new_organization("ExampleOrg")
    }
}

fn body() -> Value {
    json!({
        "name": "ExampleOrg",
        "label": "Example Organization",
        "username": "adminUser",
        "email": "admin@example.org",
        "firstname": "John",
        "surname": "Doe",
        "dxorglnk": "dxorglnk.ExampleOrg.jAhjafhdsaAS....",
        "orgPrivPemB64": STANDARD.encode(key_pair().private_pem.expose_secret()),
        "orgPrivPW": "examplePrivateKeyPassword",
    })
}

#[tokio::test]
async fn an_organisation_is_created_and_deleted_as_the_pages_show_it() {
    let subject = Subject::start(Variant { platform: Platform::Rockit, quirk: None }).await;
    let made = subject.create(example(&subject)).await.unwrap();
    let create = Request { call: CREATE, headers: &["x-rockit-admin-token"], body: body() };
    let exchange = only(&subject, &create);
    let password = text(&exchange, "adminPW");
    answered(&exchange, 200, &json!({ "status": "success", "message": "organization created", "adminPW": password }));
    assert_eq!(made.one_time.unwrap().expose_secret(), password);

    // As the vendor's own tool mints it.
    let token = exchange.headers["x-rockit-admin-token"].to_str().unwrap();
    let claims = json!({ "username": "org-operator" });
    assert_eq!(jwt(token), (json!({ "alg": "HS256", "typ": "JWT" }), claims.clone()));
    let mut validation = Validation::new(Algorithm::HS256);
    validation.required_spec_claims.clear();
    let key = DecodingKey::from_secret(ROCKIT_KEY.as_bytes());
    assert_eq!(jsonwebtoken::decode::<Value>(token, &key, &validation).unwrap().claims, claims);

    // 409: item-exists.
    refused(subject.create(example(&subject)).await, FaultKind::AlreadyExists);
    let exchange = only(&subject, &create);
    assert_eq!((exchange.status.as_u16(), &*text(&exchange, "error")), (409, "item-exists"));
    // 401: unauthorized.
    let stranger = subject.stranger();
    refused(Backend::<Organization>::create(&*stranger, example(&subject)).await, FaultKind::Unauthenticated);
    let exchange = only(&subject, &create);
    assert_eq!((exchange.status.as_u16(), &*text(&exchange, "error")), (401, "unauthorized"));
    // 400: invalid-param.
    let without_link = NewOrganization { link: None, ..example(&subject) };
    refused(subject.create(without_link).await, FaultKind::Invalid);
    let mut bad = body();
    bad.as_object_mut().unwrap().remove("dxorglnk");
    let exchange = only(&subject, &Request { body: bad, ..create });
    assert_eq!((exchange.status.as_u16(), &*text(&exchange, "error")), (400, "invalid-param"));

    Backend::<Organization>::delete(&*subject.api, &(), "ExampleOrg").await.unwrap();
    let exchange = only(
        &subject,
        &Request {
            call: "DELETE /be/v1/orgs/ExampleOrg?prune=true",
            headers: &["x-rockit-beauth-token"],
            body: Value::Null,
        },
    );
    assert_eq!(exchange.headers["x-rockit-beauth-token"], ROCKIT_BACKEND);
    answered(&exchange, 200, &json!({ "status": "success", "message": "organization deleted" }));
}
