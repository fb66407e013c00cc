//! "Admin API Organisations".

use org_operator::domain::entity::{Lookup, NewOrganization, Organization, OrganizationChange, TykSettings};
use org_operator::platform::Backend;
use reqwest::Method;
use serde_json::{Value, json};

use super::{Request, answered, sent, text};
use crate::subject::{Platform, Subject, TYK_SECRET, Variant, mark};

/// The id of the page.
const ID: &str = "54b53d3aeba6db5c35000002";

/// The organisation of the page.
fn jively() -> Value {
    json!({
        "id": ID,
        "owner_name": "Jively",
        "cname": "jive.ly",
        "cname_enabled": true,
        "apis": [
            { "api_human_name": "Nitrous Test", "api_id": "39d2c98be05c424371c600bd8b3e2242" },
            { "api_human_name": "TEST", "api_id": "f4e4f4d8568a48464b7d4088b16a2b1f" },
            { "api_human_name": "Test", "api_id": "bc2f8cfb7ab241504d9f3574fe407499" },
        ],
    })
}

const ADMIN: &[&str] = &["admin-auth"];

#[tokio::test]
async fn an_organisation_is_created_as_the_page_shows_it() {
    let subject = Subject::start(Variant { platform: Platform::Tyk, quirk: None }).await;
    let tyk = TykSettings { cname: Some("jive.ly".to_owned()), cname_enabled: Some(true), ..TykSettings::default() };
    let made = subject.create(NewOrganization { tyk, ..subject.new_organization("Jively") }).await.unwrap().record;
    let exchanges = subject.exchanges();
    // First a look at what there is, afterwards one at what was made.
    sent(&exchanges[0], &Request { call: "GET /admin/organisations?p=-1", headers: ADMIN, body: Value::Null });
    answered(&exchanges[0], 200, &json!({ "organisations": [], "pages": 0 }));
    // The owner mark is our own.
    let meta = json!({ "org-operator.dev/owner": mark("Jively") });
    let body = json!({ "owner_name": "Jively", "cname": "jive.ly", "cname_enabled": true, "org_options_meta": meta });
    sent(&exchanges[1], &Request { call: "POST /admin/organisations/", headers: ADMIN, body: body.clone() });
    assert_eq!(exchanges[1].headers["admin-auth"], TYK_SECRET);
    let id = text(&exchanges[1], "Meta");
    assert!(id.len() == 24 && id.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')), "{id}");
    answered(&exchanges[1], 200, &json!({ "Status": "OK", "Message": "Org created", "Meta": id }));
    let call = format!("GET /admin/organisations/{id}");
    sent(&exchanges[2], &Request { call: &call, headers: ADMIN, body: Value::Null });
    let mut shown = body;
    shown["id"] = id.clone().into();
    answered(&exchanges[2], 200, &shown);
    assert_eq!((exchanges.len(), made.id), (3, id));
}

#[tokio::test]
async fn an_organisation_is_read_updated_and_deleted_as_the_page_shows_it() {
    let subject = Subject::start(Variant { platform: Platform::Tyk, quirk: None }).await;
    let (status, _) = subject.send(Method::POST, "/admin/organisations/import", jively()).await;
    assert_eq!(status, 200);
    subject.exchanges();
    let one = format!("/admin/organisations/{ID}");
    let (get, put, delete) = (format!("GET {one}"), format!("PUT {one}"), format!("DELETE {one}"));
    let get = Request { call: &get, headers: ADMIN, body: Value::Null };
    let api = &*subject.api;

    let tyk = TykSettings { cname_enabled: Some(false), ..TykSettings::default() };
    let change = OrganizationChange { tyk, ..OrganizationChange::default() };
    Backend::<Organization>::update(api, &(), ID, &change).await.unwrap();
    let exchanges = subject.exchanges();
    sent(&exchanges[0], &get);
    answered(&exchanges[0], 200, &jively());
    // The whole document goes back, or what is left out would be gone.
    let mut changed = jively();
    changed["cname_enabled"] = false.into();
    sent(&exchanges[1], &Request { call: &put, headers: ADMIN, body: changed.clone() });
    answered(&exchanges[1], 200, &json!({ "Status": "OK", "Message": "Org updated", "Meta": "" }));
    sent(&exchanges[2], &get);
    answered(&exchanges[2], 200, &changed);
    assert_eq!(exchanges.len(), 3);

    Backend::<Organization>::delete(api, &(), ID).await.unwrap();
    let exchanges = subject.exchanges();
    sent(&exchanges[0], &Request { call: &delete, headers: ADMIN, body: Value::Null });
    answered(&exchanges[0], 200, &json!({ "Status": "OK", "Message": "Org deleted", "Meta": "" }));
    assert_eq!(exchanges.len(), 1);

    let absent = Backend::<Organization>::find(&*subject.restarted(), &(), &Lookup::Id(ID.to_owned())).await;
    assert_eq!(absent.unwrap(), []);
    let exchanges = subject.exchanges();
    let last = exchanges.last().unwrap();
    sent(last, &get);
    answered(last, 404, &json!({ "Status": "Error", "Message": "Could not retrieve org detail", "Meta": null }));
}
