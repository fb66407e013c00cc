//! Selectors of labels and fields.

use serde_json::Value;

use crate::object::text;
use crate::resource::Resource;
use crate::status::Status;

/// What has to be so of a label.
#[derive(Clone, Debug, PartialEq)]
enum Need {
    Exists,
    Absent,
    In(Vec<String>),
    NotIn(Vec<String>),
}

/// What a list or a watch is restricted to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Selector {
    labels: Vec<(String, Need)>,
    /// Path below the object, whether it is to be equal, and the value.
    fields: Vec<(String, bool, String)>,
}

impl Selector {
    /// Whether it lets everything through.
    pub(crate) fn is_empty(&self) -> bool {
        self.labels.is_empty() && self.fields.is_empty()
    }

    /// Whether an object passes.
    pub(crate) fn matches(&self, object: &Value) -> bool {
        let labels = &object["metadata"]["labels"];
        let labelled = self.labels.iter().all(|(name, need)| {
            let found = labels.get(name).and_then(Value::as_str);
            let among = |all: &[String]| found.is_some_and(|found| all.iter().any(|one| one == found));
            match need {
                Need::Exists => found.is_some(),
                Need::Absent => found.is_none(),
                Need::In(all) => among(all),
                Need::NotIn(all) => !among(all),
            }
        });
        labelled && self.fields.iter().all(|(path, equal, value)| (at(object, path) == value) == *equal)
    }

    /// Reads `a=b,c!=d,e in (f,g),h,!i`.
    pub(crate) fn add_labels(&mut self, selector: &str) -> Result<(), Status> {
        for one in split(selector) {
            self.labels.push(label(one).ok_or_else(|| malformed(selector))?);
        }
        Ok(())
    }

    /// Reads `metadata.name=a,metadata.namespace!=b`.
    pub(crate) fn add_fields(&mut self, resource: &Resource, selector: &str) -> Result<(), Status> {
        for one in selector.split(',').filter(|one| !one.is_empty()) {
            let (path, equal, value) = equality(one).ok_or_else(|| malformed(selector))?;
            let known = match resource.kind.as_str() {
                "Secret" => path == "type",
                "Namespace" => path == "status.phase",
                "Event" => path.starts_with("regarding.") || matches!(path, "reason" | "type"),
                _ => false,
            };
            if !known && path != "metadata.name" && path != "metadata.namespace" {
                return Err(Status::bad_request(format!("field label not supported: {path}")));
            }
            self.fields.push((path.to_owned(), equal, value.to_owned()));
        }
        Ok(())
    }
}

fn at<'a>(object: &'a Value, path: &str) -> &'a str {
    match path.split_once('.') {
        Some((first, rest)) => at(&object[first], rest),
        None => text(object, path),
    }
}

fn malformed(selector: &str) -> Status {
    Status::bad_request(format!("unable to parse requirement: {selector}"))
}

fn equality(one: &str) -> Option<(&str, bool, &str)> {
    let (name, equal, value) = if let Some((name, value)) = one.split_once("!=") {
        (name, false, value)
    } else {
        let (name, value) = one.split_once('=')?;
        (name, true, value.strip_prefix('=').unwrap_or(value))
    };
    Some((name.trim(), equal, value.trim()))
}

fn label(one: &str) -> Option<(String, Need)> {
    let one = one.trim();
    if let Some(name) = one.strip_prefix('!') {
        return Some((name.trim().to_owned(), Need::Absent));
    }
    if let Some((before, values)) = one.strip_suffix(')').and_then(|one| one.split_once('(')) {
        let values = values.split(',').map(|value| value.trim().to_owned()).collect();
        let (name, operator) = before.trim().rsplit_once(' ')?;
        let need = match operator {
            "in" => Need::In(values),
            "notin" => Need::NotIn(values),
            _ => return None,
        };
        return Some((name.trim().to_owned(), need));
    }
    let Some((name, equal, value)) = equality(one) else {
        return (!one.contains(' ')).then(|| (one.to_owned(), Need::Exists));
    };
    let values = vec![value.to_owned()];
    Some((name.to_owned(), if equal { Need::In(values) } else { Need::NotIn(values) }))
}

/// At commas that are not within parentheses.
fn split(selector: &str) -> Vec<&str> {
    let (mut depth, mut start, mut all) = (0, 0, Vec::new());
    for (at, character) in selector.char_indices() {
        match character {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                all.push(&selector[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    all.push(&selector[start..]);
    all.retain(|one| !one.trim().is_empty());
    all
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn labels_are_selected_in_every_way() {
        let object = json!({"metadata": {"labels": {"a": "1", "b": "2"}}});
        let matches = |selector: &str| {
            let mut read = Selector::default();
            read.add_labels(selector).unwrap();
            read.matches(&object)
        };
        for right in ["", "a", "a=1", "a==1,b=2", "a!=2", "c!=1", "!c", "a in (1,3),b", "c notin (1)"] {
            assert!(matches(right), "{right}");
        }
        for wrong in ["c", "a=2", "a=1,b=1", "a!=1", "!a", "a in (2,3)", "a notin (1)"] {
            assert!(!matches(wrong), "{wrong}");
        }
        assert!(Selector::default().add_labels("a within (b)").is_err());
    }
}
