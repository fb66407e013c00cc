//! What succeeds is answered with.

use axum::Json;
use serde_json::{Map, Value, json};

use crate::domain::entity::{UserRecord, UserType};
use crate::embedded::{RoleRecord, UserDocument};

/// 200 with `status` and `message`, as both excerpts have it.
pub(super) fn success(message: &str) -> Json<Value> {
    Json(json!({ "status": "success", "message": message }))
}

/// As [`success`], with more members.
pub(super) fn success_with<const N: usize>(message: &str, members: [(&str, Value); N]) -> Json<Value> {
    let Json(mut body) = success(message);
    for (name, value) in members {
        body[name] = value;
    }
    Json(body)
}

/// All members that a user can be shown with.
pub(super) const USER_MEMBERS: &[&str] =
    &["username", "type", "enabled", "roles", "email", "firstname", "surname", "title", "label"];

/// A user; a member that they have not is left out.
pub(super) fn user(record: UserRecord, document: &UserDocument) -> Map<String, Value> {
    let mut shown = Map::new();
    let is_person = record.user_type == UserType::Person;
    shown.insert("username".to_owned(), record.username.into());
    shown.insert("type".to_owned(), if is_person { "person" } else { "machine" }.into());
    shown.insert("enabled".to_owned(), document.enabled.into());
    shown.insert("roles".to_owned(), record.roles.into());
    let attribute = |name: &str| document.attributes.get(name).and_then(Value::as_str).map(str::to_owned);
    for (name, value) in [
        ("email", record.email),
        ("firstname", record.first_name),
        ("surname", record.last_name),
        ("title", attribute("title")),
        ("label", attribute("label")),
    ] {
        if let Some(value) = value {
            shown.insert(name.to_owned(), value.into());
        }
    }
    shown
}

/// A role.
pub(super) fn role(role: &RoleRecord) -> Value {
    json!({ "name": role.name, "permissions": role.rights.bits() })
}
