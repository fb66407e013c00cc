//! A JSON object that goes back as it came, but for what was changed in it.
//!
//! Tyk replaces a whole document by what a PUT carries, so what is left out is lost. What nobody here knows is therefore
//! not even understood: every member stays the text that it came as, numbers included. A document may hold a key, so its
//! text is zeroed, and it prints as nothing.

use std::collections::BTreeMap;
use std::fmt;
use std::mem;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use zeroize::Zeroize;

/// A document that cannot be changed as asked.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unchangeable {
    /// What is to be changed in part is no object.
    #[error("its {0} is not the object that it should be")]
    NotAnObject(&'static str),
    /// What is to be written is no JSON.
    #[error("the new value cannot be written")]
    Unwritable(#[from] serde_json::Error),
}

/// A member's value as it came.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
struct Raw(Box<RawValue>);

impl Drop for Raw {
    fn drop(&mut self) {
        let text: Box<str> = mem::replace(&mut self.0, RawValue::NULL.to_owned()).into();
        String::from(text).zeroize();
    }
}

/// A JSON object.
#[derive(Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Document(BTreeMap<String, Raw>);

impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Document").finish_non_exhaustive()
    }
}

impl Document {
    /// A member; `None` if it is absent, null or of another type.
    pub(super) fn get<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        self.0.get(name).and_then(|raw| serde_json::from_str(raw.0.get()).ok())
    }

    /// Gives a member that value.
    pub(super) fn set(&mut self, name: &str, value: &(impl Serialize + ?Sized)) -> Result<(), Unchangeable> {
        self.0.insert(name.to_owned(), Raw(to_raw_value(value)?));
        Ok(())
    }

    /// Takes a member away; whether there was one.
    pub(super) fn remove(&mut self, name: &str) -> bool {
        self.0.remove(name).is_some()
    }

    /// Gives a member the value that is wanted, if one is and it has another; whether it had. A member that is absent has
    /// the value that its type begins with: the Dashboard leaves such out of some replies.
    pub(super) fn change<T>(&mut self, name: &str, wanted: Option<&T>) -> Result<bool, Unchangeable>
    where
        T: Serialize + DeserializeOwned + PartialEq + Default,
    {
        match wanted {
            Some(wanted) if self.get::<T>(name).unwrap_or_default() != *wanted => {
                self.set(name, wanted)?;
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    /// The object within it of that name, to be changed and set again; an empty one where it is absent or null.
    pub(super) fn object(&self, name: &'static str) -> Result<Self, Unchangeable> {
        match self.0.get(name).map(|raw| raw.0.get()) {
            None | Some("null") => Ok(Self::default()),
            Some(text) => serde_json::from_str(text).map_err(|_| Unchangeable::NotAnObject(name)),
        }
    }

    /// Whether nothing is in it.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(text: &str) -> Document {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn what_is_not_changed_stays_the_text_that_it_was() {
        let text = r#"{"a":1.10,"big":123456789012345678901234567890,"deep":{"x":[null,1e400]},"e":"\u00e9"}"#;
        let mut document = document(text);
        assert_eq!(serde_json::to_string(&document).unwrap(), text);
        document.set("b", "new").unwrap();
        let changed = text.replacen(r#""big""#, r#""b":"new","big""#, 1);
        assert_eq!(serde_json::to_string(&document).unwrap(), changed);
        assert!(document.remove("b") && !document.remove("b"));
        assert_eq!(serde_json::to_string(&document).unwrap(), text);
    }

    #[test]
    fn a_change_is_one_only_where_the_value_is_another() {
        let mut document = document(r#"{"name":"acme","quota":null}"#);
        let same = |document: &mut Document, name: &str, wanted: &str| {
            document.change(name, Some(&wanted.to_owned())).unwrap()
        };
        assert!(!same(&mut document, "name", "acme"));
        assert!(!same(&mut document, "absent", ""));
        assert!(!document.change("quota", Some(&0_i64)).unwrap());
        assert!(!document.change::<bool>("name", None).unwrap());
        assert!(document.change("quota", Some(&5_i64)).unwrap());
        assert!(same(&mut document, "name", "other"));
        assert_eq!(serde_json::to_string(&document).unwrap(), r#"{"name":"other","quota":5}"#);
    }

    #[test]
    fn what_is_no_object_is_not_changed_in_part() {
        let document = document(r#"{"null":null,"object":{"a":1},"text":"x"}"#);
        assert!(document.object("absent").unwrap().is_empty());
        assert!(document.object("null").unwrap().is_empty());
        assert_eq!(document.object("object").unwrap().get("a"), Some(1));
        assert!(matches!(document.object("text"), Err(Unchangeable::NotAnObject("text"))));
    }

    #[test]
    fn a_document_prints_nothing_of_what_is_in_it() {
        assert_eq!(format!("{:?}", document(r#"{"access_key":"hunter2"}"#)), "Document { .. }");
    }
}
