//! Server-side apply: values are merged by the structure of the kind, and what a manager applies no more goes.
//!
//! What a manager owns is kept as the values that it applied last: each leaf of them is a field of its own.

use serde_json::{Map, Value};

use crate::schema::{List, Schema};

/// What is not there.
static NULL: Value = Value::Null;

/// How a value is merged.
enum Shape<'a> {
    /// Field by field.
    Fields,
    /// Item by item, told apart by these of their fields.
    Keyed(&'a [String]),
    /// Item by item, told apart by their value.
    Set,
    /// Whole.
    Leaf,
}

fn shape<'a>(schema: Option<&'a Schema>, value: &Value) -> Shape<'a> {
    match (value, schema) {
        (Value::Object(_), Some(schema)) if schema.whole => Shape::Leaf,
        (Value::Object(_), _) => Shape::Fields,
        (Value::Array(_), Some(Schema { list: List::Set, .. })) => Shape::Set,
        (Value::Array(_), Some(Schema { list: List::Keyed(keys), .. })) => Shape::Keyed(keys),
        _ => Shape::Leaf,
    }
}

fn field<'a>(schema: Option<&'a Schema>, name: &str) -> Option<&'a Schema> {
    schema.and_then(|schema| schema.field(name))
}

fn same(keys: &[String], left: &Value, right: &Value) -> bool {
    keys.iter().all(|key| left.get(key) == right.get(key))
}

fn find<'a>(keys: &[String], items: &'a [Value], like: &Value) -> Option<&'a Value> {
    items.iter().find(|item| same(keys, item, like))
}

fn items(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

/// Puts what is applied over what is there.
pub(crate) fn merge(schema: Option<&Schema>, live: Value, applied: &Value) -> Value {
    match (shape(schema, applied), applied) {
        (Shape::Fields, Value::Object(applied)) => {
            let mut merged = if let Value::Object(live) = live { live } else { Map::new() };
            for (name, value) in applied {
                let below = merged.remove(name).unwrap_or_default();
                let value = merge(field(schema, name), below, value);
                merged.insert(name.clone(), value);
            }
            Value::Object(merged)
        }
        (Shape::Set, _) => {
            interleave(items(&live), items(applied), |left, right| left == right, |_, right| right.clone())
        }
        (Shape::Keyed(keys), _) => {
            let item = schema.and_then(Schema::item);
            let merge_item =
                |left: Option<&Value>, right: &Value| merge(item, left.cloned().unwrap_or_default(), right);
            interleave(items(&live), items(applied), |left, right| same(keys, left, right), merge_item)
        }
        _ => applied.clone(),
    }
}

/// The order of the applied items, with the others where they were between those.
fn interleave(
    live: &[Value],
    applied: &[Value],
    same: impl Fn(&Value, &Value) -> bool,
    merge: impl Fn(Option<&Value>, &Value) -> Value,
) -> Value {
    let is_applied = |left: &Value| applied.iter().any(|right| same(left, right));
    let in_live = |right: &Value| live.iter().find(|left| same(left, right));
    let mut shared = applied.iter().filter(|right| in_live(right).is_some()).peekable();
    let mut merged = Vec::with_capacity(live.len().max(applied.len()));
    let (mut left, mut right) = (0, 0);
    while left < live.len() || right < applied.len() {
        if let (Some(here), Some(there)) = (live.get(left), applied.get(right)) {
            // One that both have, but whose turn comes later.
            if !same(here, there) && is_applied(here) && shared.peek().is_some_and(|next| !same(here, next)) {
                left += 1;
                continue;
            }
        }
        if let Some(here) = live.get(left).filter(|here| !is_applied(here)) {
            merged.push(here.clone());
            left += 1;
            continue;
        }
        let Some(there) = applied.get(right) else {
            left += 1;
            continue;
        };
        merged.push(merge(in_live(there), there));
        shared.next_if(|next| same(next, there));
        right += 1;
        if live.get(left).is_some_and(|here| same(here, there)) {
            left += 1;
        }
    }
    Value::Array(merged)
}

/// Takes away what was applied before and is not now, where it is nobody else's; whether nothing is left.
///
/// What is applied empty and becomes empty by that is null: so the real server has it.
fn prune(
    schema: Option<&Schema>,
    live: &mut Value,
    before: &Value,
    applied: Option<&Value>,
    others: &[&Value],
) -> bool {
    if !owns(schema, before) {
        return false;
    }
    let applied = applied.filter(|applied| owns(schema, applied));
    if applied.is_none() && !others.iter().any(|other| owns(schema, other)) {
        return true;
    }
    let had = len(live);
    prune_within(schema, live, before, applied, others);
    if had > 0 && len(live) == 0 {
        *live = Value::Null;
    }
    false
}

/// The same for what is below a value that stays.
pub(crate) fn prune_within(
    schema: Option<&Schema>,
    live: &mut Value,
    before: &Value,
    applied: Option<&Value>,
    others: &[&Value],
) {
    match (shape(schema, before), &mut *live) {
        (Shape::Fields, Value::Object(fields)) => {
            for (name, before) in before.as_object().into_iter().flatten() {
                let others: Vec<&Value> = others.iter().filter_map(|other| other.get(name)).collect();
                let applied = applied.and_then(|applied| applied.get(name));
                if let Some(value) = fields.get_mut(name)
                    && prune(field(schema, name), value, before, applied, &others)
                {
                    fields.remove(name);
                }
            }
        }
        (Shape::Keyed(keys), Value::Array(list)) => {
            let item = schema.and_then(Schema::item);
            list.retain_mut(|value| {
                let Some(before) = find(keys, items(before), value) else { return true };
                let applied = applied.and_then(|applied| find(keys, items(applied), value));
                let others: Vec<&Value> = others.iter().filter_map(|other| find(keys, items(other), value)).collect();
                !prune(item, value, before, applied, &others)
            });
        }
        (Shape::Set, Value::Array(list)) => {
            let has = |all: &Value, value: &Value| items(all).contains(value);
            list.retain(|value| {
                !has(before, value)
                    || applied.is_some_and(|applied| has(applied, value))
                    || others.iter().any(|other| has(other, value))
            });
        }
        _ => {}
    }
}

/// Whether applying that value owns anything: a list that is empty does not, a map that is empty does.
fn owns(schema: Option<&Schema>, applied: &Value) -> bool {
    match (shape(schema, applied), applied) {
        (Shape::Fields, Value::Object(fields)) => {
            fields.is_empty() || fields.iter().any(|(name, value)| owns(field(schema, name), value))
        }
        (Shape::Set | Shape::Keyed(_), list) => !items(list).is_empty(),
        _ => true,
    }
}

fn len(value: &Value) -> usize {
    value.as_object().map_or_else(|| items(value).len(), Map::len)
}

/// What is left of the fields that a manager owns when others have changed some; `None` where nothing is.
pub(crate) fn disown(schema: Option<&Schema>, owned: &Value, before: &Value, after: &Value) -> Option<Value> {
    match shape(schema, owned) {
        Shape::Fields => {
            let mut left = Map::new();
            for (name, owned) in owned.as_object()? {
                let (before, after) = (before.get(name).unwrap_or(&NULL), after.get(name).unwrap_or(&NULL));
                if let Some(value) = disown(field(schema, name), owned, before, after) {
                    left.insert(name.clone(), value);
                }
            }
            (!left.is_empty() || owned.as_object()?.is_empty()).then_some(Value::Object(left))
        }
        Shape::Keyed(keys) => {
            let item = schema.and_then(Schema::item);
            let left: Vec<Value> = items(owned)
                .iter()
                .filter_map(|owned| {
                    let before = find(keys, items(before), owned)?;
                    disown(item, owned, before, find(keys, items(after), owned)?)
                })
                .collect();
            (!left.is_empty()).then_some(Value::Array(left))
        }
        Shape::Set => {
            let left: Vec<Value> = items(owned).iter().filter(|value| items(after).contains(value)).cloned().collect();
            (!left.is_empty()).then_some(Value::Array(left))
        }
        Shape::Leaf => (before == after).then(|| owned.clone()),
    }
}

/// Whether two managers own the same fields, whatever their values.
pub(crate) fn alike(schema: Option<&Schema>, left: &Value, right: &Value) -> bool {
    match (shape(schema, left), left, right) {
        (Shape::Fields, Value::Object(left), Value::Object(right)) => {
            left.len() == right.len()
                && left
                    .iter()
                    .all(|(name, left)| right.get(name).is_some_and(|right| alike(field(schema, name), left, right)))
        }
        (Shape::Keyed(keys), Value::Array(left), Value::Array(right)) => {
            let item = schema.and_then(Schema::item);
            left.len() == right.len()
                && left.iter().all(|left| find(keys, right, left).is_some_and(|right| alike(item, left, right)))
        }
        (Shape::Set, Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().all(|left| right.contains(left))
        }
        _ => left.is_object() == right.is_object(),
    }
}

/// RFC 7386.
pub(crate) fn merge_patch(target: &mut Value, patch: Value) {
    let Value::Object(patch) = patch else {
        *target = patch;
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Some(fields) = target.as_object_mut() else { return };
    for (name, value) in patch {
        if value.is_null() {
            fields.remove(&name);
        } else {
            merge_patch(fields.entry(name).or_insert(Value::Null), value);
        }
    }
}
