//! Reading one object, and lists of them.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use serde_json::{Value, json};

use crate::object::{Object, text};
use crate::render::{self, Form};
use crate::request::Call;
use crate::state::{Objects, State};
use crate::status::Status;
use crate::watch::parse;

impl State {
    /// One object; with the resourceVersion 0 as watches know it.
    pub(crate) fn read(&self, call: &Call) -> Result<Arc<Object>, Status> {
        let (resource, asked) = (call.resource, &call.asked);
        let key = resource.key(&asked.namespace, &asked.name);
        let store = &self.stores[resource.store];
        let found = match (call.options.revision.as_str(), store.frozen) {
            ("0", Some(frozen)) => store.at(frozen).get(&key).cloned(),
            _ => store.objects.get(&key).cloned(),
        };
        found.ok_or_else(|| Status::not_found(resource, &asked.name))
    }

    /// A list, or a page of one.
    pub(crate) fn list(&self, call: &Call) -> Result<Bytes, Status> {
        let (resource, asked, options) = (call.resource, &call.asked, &call.options);
        let (revision, start) = self.page(call)?;
        let store = &self.stores[resource.store];
        let earlier: Objects;
        let objects = if revision < self.revision && store.history.last().is_some_and(|last| last.revision > revision) {
            earlier = store.at(revision);
            &earlier
        } else {
            &store.objects
        };
        let form = Form::of(options.partial);
        let here = |object: &Object| {
            (asked.namespace.is_empty() || object.namespace() == asked.namespace)
                && options.selector.matches(&object.value)
        };
        let mut rest = objects.range(start..).filter(|(_, object)| here(object)).peekable();
        let (mut items, mut last) = (Vec::new(), None);
        while let Some((key, object)) = rest.next_if(|_| options.limit == 0 || items.len() < options.limit) {
            items.push(render::item(resource, form, object));
            last = Some(key);
        }
        let mut metadata = json!({"resourceVersion": revision.to_string()});
        if resource.custom && form == Form::Whole {
            metadata["continue"] = json!("");
        }
        if let (Some(last), true) = (last, rest.peek().is_some()) {
            metadata["continue"] = json!(token(revision, &format!("{last}\0")));
            if options.selector.is_empty() {
                metadata["remainingItemCount"] = json!(rest.count());
            }
        }
        Ok(render::list(resource, form, &metadata, &items))
    }

    /// The revision of a list, and the key that it begins with.
    fn page(&self, call: &Call) -> Result<(u64, String), Status> {
        let options = &call.options;
        if !options.continued.is_empty() {
            let (revision, start) = read_token(&options.continued)?;
            if revision < self.compacted {
                let message = "The provided continue parameter is too old to display a consistent list result. You \
                               can start a new list without the continue parameter.";
                return Err(Status::expired(message));
            }
            return Ok((revision, start));
        }
        let told = self.told(call.resource.store);
        let revision = match options.revision.as_str() {
            "" => self.revision,
            "0" => told,
            asked => {
                let asked = parse(asked)?;
                if asked > self.revision {
                    return Err(Status::too_large(asked, self.revision));
                }
                if options.exact == Some(true) || (options.exact.is_none() && options.limit > 0) {
                    self.check_known(asked)?;
                    asked
                } else {
                    told.max(asked)
                }
            }
        };
        Ok((revision, String::new()))
    }
}

fn token(revision: u64, start: &str) -> String {
    URL_SAFE_NO_PAD.encode(json!({"v": "meta.k8s.io/v1", "rv": revision, "start": start}).to_string())
}

fn read_token(token: &str) -> Result<(u64, String), Status> {
    let malformed = || Status::bad_request("continue key is not valid");
    let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| malformed())?;
    let token: Value = serde_json::from_slice(&bytes).map_err(|_| malformed())?;
    Ok((token["rv"].as_u64().ok_or_else(malformed)?, text(&token, "start").to_owned()))
}
