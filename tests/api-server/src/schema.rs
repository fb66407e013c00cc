//! The structure of a kind: what is pruned, what is defaulted, and how lists and maps are merged.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// How the items of a list are told apart when it is applied.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) enum List {
    /// Not at all: it is applied whole.
    #[default]
    Whole,
    /// By their value.
    Set,
    /// By these of their fields.
    Keyed(Vec<String>),
}

/// One node of the structure.
#[derive(Debug, Default)]
pub(crate) struct Schema {
    properties: BTreeMap<String, Self>,
    values: Option<Box<Self>>,
    items: Option<Box<Self>>,
    default: Option<Value>,
    /// Nothing is known of its fields, so they stay.
    open: bool,
    /// A map that is applied whole.
    pub(crate) whole: bool,
    pub(crate) list: List,
}

impl Schema {
    /// Reads one of a definition.
    pub(crate) fn read(schema: &Value) -> Self {
        let text = |name: &str| schema[name].as_str().unwrap_or_default();
        let list = match text("x-kubernetes-list-type") {
            "set" => List::Set,
            "map" => {
                let keys = schema["x-kubernetes-list-map-keys"].as_array().into_iter().flatten();
                List::Keyed(keys.filter_map(Value::as_str).map(str::to_owned).collect())
            }
            _ => List::Whole,
        };
        let properties = schema["properties"].as_object().into_iter().flatten();
        let one = |name: &str| schema[name].is_object().then(|| Box::new(Self::read(&schema[name])));
        Self {
            properties: properties.map(|(name, schema)| (name.clone(), Self::read(schema))).collect(),
            values: one("additionalProperties"),
            items: one("items"),
            default: schema.get("default").cloned(),
            open: schema["x-kubernetes-preserve-unknown-fields"] == true || text("type") != "object",
            whole: text("x-kubernetes-map-type") == "atomic",
            list,
        }
    }

    /// One of which only its properties are known; others stay.
    pub(crate) fn open(properties: impl IntoIterator<Item = (&'static str, Self)>) -> Self {
        let properties = properties.into_iter().map(|(name, schema)| (name.to_owned(), schema)).collect();
        Self { properties, open: true, ..Self::default() }
    }

    /// A list.
    pub(crate) fn list(list: List) -> Self {
        Self { list, open: true, ..Self::default() }
    }

    /// That of a field.
    pub(crate) fn field(&self, name: &str) -> Option<&Self> {
        self.properties.get(name).or(self.values.as_deref())
    }

    /// That of a list's items.
    pub(crate) fn item(&self) -> Option<&Self> {
        self.items.as_deref()
    }

    /// Replaces that of a field.
    pub(crate) fn set_field(&mut self, name: &str, schema: Self) {
        self.properties.insert(name.to_owned(), schema);
    }

    /// Prunes what is unknown and fills in what is missing; the path of what is null then, where something is.
    pub(crate) fn fill(&self, value: &mut Value) -> Option<String> {
        match value {
            Value::Object(fields) => self.fill_fields(fields),
            Value::Array(items) => {
                let schema = self.items.as_ref()?;
                let nulls = items.iter_mut().enumerate();
                nulls.filter_map(|(at, item)| below(&format!("[{at}]"), schema, item)).last()
            }
            _ => None,
        }
    }

    fn fill_fields(&self, fields: &mut Map<String, Value>) -> Option<String> {
        if let Some(schema) = &self.values {
            return fields.iter_mut().filter_map(|(name, value)| below(name, schema, value)).last();
        }
        if !self.open {
            fields.retain(|name, _| self.properties.contains_key(name));
        }
        let mut null = None;
        for (name, schema) in &self.properties {
            if let Some(default) = &schema.default
                && fields.get(name).is_none_or(Value::is_null)
            {
                fields.insert(name.clone(), default.clone());
            }
            if let Some(value) = fields.get_mut(name) {
                null = below(name, schema, value).or(null);
            }
        }
        null
    }
}

/// Fills one field or item.
fn below(name: &str, schema: &Schema, value: &mut Value) -> Option<String> {
    if value.is_null() {
        return Some(name.to_owned());
    }
    let path = schema.fill(value)?;
    Some(if path.starts_with('[') { format!("{name}{path}") } else { format!("{name}.{path}") })
}
