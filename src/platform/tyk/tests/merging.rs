//! Nothing that a Dashboard keeps is lost by a change of something else.

use proptest::prelude::*;
use serde_json::{Map, Number, json};

use super::super::document::Document;
use super::super::organizations::merge;
use super::*;
use crate::domain::entity::OrganizationChange;

/// The members that the operator may change.
const OURS: [&str; 6] =
    ["cname", "cname_enabled", "developer_quota", "hybrid_enabled", "sso_enabled", "org_options_meta"];

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_filter_map("no JSON", |number| Number::from_f64(number).map(Value::from)),
        ".{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map(".{0,8}", inner, 0..5)
                .prop_map(|members| Value::from(members.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

fn any_members() -> impl Strategy<Value = Map<String, Value>> {
    let known = prop::sample::select(vec!["apis", "ui", "event_options", "owner_slug", "open_policy", "owner_name"]);
    let name = prop_oneof![known.prop_map(str::to_owned), ".{0,12}"];
    prop::collection::btree_map(name, any_value(), 0..8).prop_map(|members| members.into_iter().collect())
}

prop_compose! {
    fn any_change()(
        cname in prop::option::of("[a-z.]{0,6}"),
        cname_enabled in any::<Option<bool>>(),
        developer_quota in any::<Option<i64>>(),
        hybrid_enabled in any::<Option<bool>>(),
        sso_enabled in any::<Option<bool>>(),
        owner in prop::option::of(prop::option::of("[a-z/]{1,6}")),
    ) -> OrganizationChange {
        let tyk = TykSettings { cname, cname_enabled, developer_quota, hybrid_enabled, sso_enabled };
        OrganizationChange { display_name: None, tyk, owner }
    }
}

/// What the change is to come to, written down a second time.
fn expected(before: &Value, change: &OrganizationChange) -> Value {
    let mut after = before.clone();
    let tyk = &change.tyk;
    let members = [
        ("cname", tyk.cname.clone().map(Value::from), json!("")),
        ("cname_enabled", tyk.cname_enabled.map(Value::from), json!(false)),
        ("developer_quota", tyk.developer_quota.map(Value::from), json!(0)),
        ("hybrid_enabled", tyk.hybrid_enabled.map(Value::from), json!(false)),
        ("sso_enabled", tyk.sso_enabled.map(Value::from), json!(false)),
    ];
    for (name, wanted, absent) in members {
        let Some(wanted) = wanted else { continue };
        let unset = after.get(name).is_none_or(Value::is_null);
        if !(unset && wanted == absent) {
            after[name] = wanted;
        }
    }
    match &change.owner {
        Some(Some(mark)) => after["org_options_meta"]["org-operator.dev/owner"] = mark.as_str().into(),
        Some(None) => {
            if let Some(meta) = after["org_options_meta"].as_object_mut() {
                meta.remove("org-operator.dev/owner");
            }
        }
        None => {}
    }
    if after.get("org_options_meta").is_some_and(Value::is_null) && before.get("org_options_meta").is_none() {
        after.as_object_mut().unwrap().remove("org_options_meta");
    }
    after
}

proptest! {
    #[test]
    fn a_change_changes_what_it_names_and_nothing_else(
        members in any_members(),
        settings in any_change(),
        meta in prop::option::of(any_members()),
        change in any_change(),
    ) {
        let mut before: Map<String, Value> = members;
        before.retain(|name, _| !OURS.contains(&name.as_str()));
        if let Some(cname) = settings.tyk.cname { before.insert("cname".to_owned(), cname.into()); }
        if let Some(quota) = settings.tyk.developer_quota { before.insert("developer_quota".to_owned(), quota.into()); }
        if let Some(sso) = settings.tyk.sso_enabled { before.insert("sso_enabled".to_owned(), sso.into()); }
        if let Some(mut meta) = meta {
            if let Some(Some(mark)) = settings.owner { meta.insert("org-operator.dev/owner".to_owned(), mark.into()); }
            before.insert("org_options_meta".to_owned(), meta.into());
        }
        let text = Value::from(before).to_string();
        // Reading a number may change it: that is what the document does not do, and both sides are read once.
        let before: Value = serde_json::from_str(&text).unwrap();
        let mut document: Document = serde_json::from_str(&text).unwrap();
        let changed = merge(&mut document, &change).unwrap();
        let sent = serde_json::to_string(&document).unwrap();
        let expected = expected(&before, &change);
        prop_assert_eq!(serde_json::from_str::<Value>(&sent).unwrap(), expected.clone());
        prop_assert_eq!(changed, expected != before);
        // Once is enough.
        let mut again: Document = serde_json::from_str(&sent).unwrap();
        prop_assert!(!merge(&mut again, &change).unwrap());
    }
}

/// Over the whole way, with what a Value cannot hold: numbers stay as they were written.
#[tokio::test]
async fn a_number_that_is_longer_than_a_machine_s_goes_back_as_it_came() {
    let text = r#"{"id":"o1","owner_name":"acme","x":123456789012345678901234567890.10,"y":1e999}"#;
    let mut document: Document = serde_json::from_str(text).unwrap();
    let owner = Some(Some("cluster/team/acme".to_owned()));
    assert!(merge(&mut document, &OrganizationChange { owner, ..OrganizationChange::default() }).unwrap());
    let sent = serde_json::to_string(&document).unwrap();
    assert!(sent.contains("123456789012345678901234567890.10") && sent.contains("1e999"), "{sent}");
}

#[test]
fn options_that_are_no_object_are_left_alone() {
    let mut document: Document = serde_json::from_str(r#"{"org_options_meta":"theirs"}"#).unwrap();
    let owner = Some(Some("cluster/team/acme".to_owned()));
    assert!(merge(&mut document, &OrganizationChange { owner, ..OrganizationChange::default() }).is_err());
    assert_eq!(serde_json::to_string(&document).unwrap(), r#"{"org_options_meta":"theirs"}"#);
}
